//! Replaying a page: its commands in one shell, what they print against what the page says.
//!
//! Ids, hashes, tokens and times differ from run to run. They are compared by kind, except for the
//! ids of tasks: the first time a page shows one, it is bound to the one that stands in its place,
//! and later commands and lines mean that task.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use super::cmd::mask;
use super::markdown::Step;

/// Stands before the exit code that ends a command's output.
const MARK: char = '\u{1e}';
/// The longest that one command may take.
const PATIENCE: Duration = Duration::from_secs(100);

/// A shell that is given one command after the other.
pub struct Shell {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    last_code: i32,
}

impl Shell {
    /// Starts `command`, which must be a shell that reads commands from its standard input.
    pub fn start(command: &mut Command) -> Shell {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (output, mut input) = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n') {
                let Ok(line) = line else { break };
                if sender
                    .send(String::from_utf8_lossy(&line).into_owned())
                    .is_err()
                {
                    break;
                }
            }
        });
        input.write_all(b"exec 2>&1\n").unwrap();
        Shell {
            child,
            input,
            lines,
            last_code: 0,
        }
    }

    /// Runs a command and returns the lines that it printed, with its exit code.
    pub fn run(&mut self, command: &str) -> (Vec<String>, i32) {
        // The command sees the exit code of the one before it, and not what the harness says to the
        // shell.
        let text = format!(
            "{{ (exit {})\n{command}\n}} </dev/null\nprintf '\\036%s\\n' \"$?\"\n",
            self.last_code
        );
        self.input.write_all(text.as_bytes()).unwrap();
        let mut printed = Vec::new();
        loop {
            let next = self.lines.recv_timeout(PATIENCE);
            let line = next
                .unwrap_or_else(|e| panic!("`{command}` did not end: {e}\n{}", printed.join("\n")));
            match line.split_once(MARK) {
                Some((rest, code)) => {
                    printed.extend((!rest.is_empty()).then(|| rest.to_owned()));
                    self.last_code = code.trim().parse().unwrap();
                    // A shell may remark on a job that was killed; each in its own words.
                    printed.retain(|line| !line.split_whitespace().any(|word| word == "Killed"));
                    return (printed, self.last_code);
                }
                None => printed.push(line),
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // It ends by itself when its input does; nothing is left to do where it is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The ids of the page, with those that stand for them.
#[derive(Default)]
pub struct Ids {
    real: BTreeMap<String, String>,
}

impl Ids {
    /// A command of the page with the ids that exist.
    pub fn translate(&self, text: &str) -> String {
        self.real
            .iter()
            .fold(text.to_owned(), |text, (page, real)| {
                text.replace(page, real)
            })
    }

    /// Compares what a step printed with what the page says it prints. The page may leave lines out
    /// where it says `...`; the order of lines is not compared, since lists are ordered by ids.
    pub fn compare(&mut self, step: &Step, printed: &[String]) -> Result<(), String> {
        let mut rest: Vec<&String> = printed.iter().collect();
        for line in step.expected.iter().filter(|line| line.trim() != "...") {
            let Some(at) = rest.iter().position(|real| self.fits(line, real)) else {
                return Err(format!("no line like `{line}`"));
            };
            let real = rest.remove(at);
            self.bind(line, real);
        }
        if step.expected.iter().any(|line| line.trim() == "...") || rest.is_empty() {
            Ok(())
        } else {
            Err(format!("more lines than the page says: {rest:?}"))
        }
    }

    /// True where a line of the page could be this real one.
    pub fn fits(&self, page: &str, real: &str) -> bool {
        let known = |(page, real): (String, String)| {
            self.real.get(&page).is_none_or(|bound| *bound == real)
        };
        kinds(page) == kinds(real) && tasks(page).into_iter().zip(tasks(real)).all(known)
    }

    /// Takes the tasks of a line of the page for those of the real one.
    pub fn bind(&mut self, page: &str, real: &str) {
        self.real.extend(tasks(page).into_iter().zip(tasks(real)));
    }
}

/// The ids of tasks, frictions and messages in a line.
fn tasks(line: &str) -> Vec<String> {
    let id = regex::Regex::new(r"\b[tfm]-[a-z0-9]{8}\b").unwrap();
    id.find_iter(line)
        .map(|found| found.as_str().to_owned())
        .collect()
}

/// A line with words for what differs from run to run, and without the width of its columns.
fn kinds(line: &str) -> String {
    const MORE: &[(&str, &str)] = &[
        (r"\bf-[a-z0-9]{8}\b", "[FRICTION]"),
        (r"\bm-[a-z0-9]{8}\b", "[MESSAGE]"),
        (r"\b[0-9a-f]{7,12}\b", "[SHORT]"),
        (r"\b\d+[smh] left\b", "[LEFT]"),
        (r"^\d+ events\b", "[N] events"),
        (r"\s+", " "),
    ];
    let masked = mask(line);
    let all = MORE.iter().fold(masked, |text, (pattern, word)| {
        regex::Regex::new(pattern)
            .unwrap()
            .replace_all(&text, *word)
            .into_owned()
    });
    all.trim_end().to_owned()
}
