//! Fenced blocks, steps and links of a Markdown page: enough to hold our own documents to what they
//! say.

use std::path::{Path, PathBuf};

/// A fenced block.
#[derive(Clone, Debug)]
pub struct Block {
    /// What stands after the opening fence, such as `console` or `sh file=bin/ada`.
    pub info: String,
    /// The line of its first line of text, counted from 1.
    pub line: usize,
    /// Its text, each line with its end.
    pub text: String,
}

/// A command of a `console` block with what it printed.
#[derive(Clone, Debug)]
pub struct Step {
    /// The line of the command, counted from 1.
    pub line: usize,
    /// The command; lines after the first stood behind `> `.
    pub command: String,
    /// The lines that it printed; `...` stands for any number of others.
    pub expected: Vec<String>,
}

impl Block {
    /// The first word of the info string.
    pub fn language(&self) -> &str {
        self.info.split_whitespace().next().unwrap_or("")
    }

    /// The file that the block is the text of: `file=NAME` in the info string.
    pub fn file(&self) -> Option<&str> {
        self.info
            .split_whitespace()
            .find_map(|word| word.strip_prefix("file="))
    }

    /// The steps of a `console` block.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for (n, line) in self.text.lines().enumerate() {
            if let Some(command) = line.strip_prefix("$ ") {
                steps.push(Step {
                    line: self.line + n,
                    command: command.to_owned(),
                    expected: Vec::new(),
                });
                continue;
            }
            let step = steps
                .last_mut()
                .unwrap_or_else(|| panic!("line {}: output before a command", self.line + n));
            match line.strip_prefix("> ") {
                Some(more) if step.expected.is_empty() => {
                    step.command.push_str(&format!("\n{more}"))
                }
                _ => step.expected.push(line.to_owned()),
            }
        }
        steps
    }
}

/// The fenced blocks of a page. A block that is not closed fails the test.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (n, line) in page.lines().enumerate() {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(info), None) => {
                open = Some(Block {
                    info: info.trim().to_owned(),
                    line: n + 2,
                    text: String::new(),
                })
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => block.text.push_str(&format!("{line}\n")),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed: {open:?}");
    blocks
}

/// A page without its fenced blocks, line by line with the numbers.
pub fn prose(page: &str) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut lines = Vec::new();
    for (n, line) in page.lines().enumerate() {
        if line.starts_with("```") {
            inside = !inside;
        } else if !inside {
            lines.push((n + 1, line));
        }
    }
    lines
}

/// The commands of `ai` that a page names: in `console` and `sh` blocks, and in code within the
/// prose. Each with its line.
pub fn commands(page: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for block in blocks(page) {
        let prompt = match block.language() {
            "console" => "$ ai ",
            "sh" if block.file().is_none() => "ai ",
            _ => continue,
        };
        let lines = block
            .text
            .lines()
            .enumerate()
            .filter(|(_, line)| line.starts_with(prompt));
        found.extend(
            lines.map(|(n, line)| (block.line + n, line.trim_start_matches("$ ").to_owned())),
        );
    }
    for (n, line) in prose(page) {
        let code = line.split('`').skip(1).step_by(2);
        found.extend(
            code.filter(|code| code.starts_with("ai "))
                .map(|code| (n, code.to_owned())),
        );
    }
    found
}

/// The targets of the links of a page that lead to files, with their line.
pub fn links(page: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (n, line) in prose(page) {
        for (at, _) in line.match_indices("](") {
            let target = line[at + 2..].split(')').next().unwrap_or("");
            if !target.contains("://") {
                found.push((n, target.to_owned()));
            }
        }
    }
    found
}

/// The anchors of a page's headings, as they are written after `#`.
pub fn anchors(page: &str) -> Vec<String> {
    let headings = prose(page)
        .into_iter()
        .filter_map(|(_, line)| line.strip_prefix('#'));
    headings
        .map(|heading| {
            let text = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = text
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// The root of this repository.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a page of this repository.
pub fn page(path: &str) -> String {
    std::fs::read_to_string(project().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// All pages that are written for readers: those at the root, and those below `docs/` and
/// `skills/`.
pub fn pages() -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = ["docs", "skills"].map(|dir| project().join(dir)).to_vec();
    let root = std::fs::read_dir(project())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    found.extend(root.filter(|path| path.extension().is_some_and(|e| e == "md")));
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                found.push(path);
            }
        }
    }
    let name = |path: PathBuf| {
        path.strip_prefix(project())
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    let mut names: Vec<String> = found.into_iter().map(name).collect();
    names.sort();
    names
}
