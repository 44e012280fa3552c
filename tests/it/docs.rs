//! The pages and messages of this project name no command that is not there, and no link leads
//! nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::support::{Sandbox, markdown};

/// Asks the real program whether it knows a command line: `--help` behind it answers for the
/// command and for every flag before it.
fn unknown(sandbox: &Sandbox, line: &str) -> Option<String> {
    let mut words = words(line);
    // What follows `--` belongs to somebody else; the question must come before it.
    words.truncate(
        words
            .iter()
            .position(|word| word == "--")
            .unwrap_or(words.len()),
    );
    let is_flag = |word: Option<&String>| word.is_some_and(|word| word.starts_with('-'));
    // An ellipsis stands for a value behind a flag, and for nothing elsewhere.
    let ellipsis = |n: usize| words[n] == "…" && !is_flag(words.get(n - 1));
    let said: Vec<&str> = (1..words.len())
        .filter(|n| !ellipsis(*n))
        .map(|n| words[n].as_str())
        .collect();
    let args: Vec<&str> = said.into_iter().chain(["--help"]).collect();
    let outcome = sandbox.ai(&args);
    let said = outcome.stderr.lines().next().unwrap_or("");
    // A flag is known without its value, and a word in capitals stands for one.
    let known = said.contains("a value is required for") || said.contains("invalid value 'PACK'");
    (outcome.code != Some(0) && !known).then(|| format!("`{line}`: {said}"))
}

/// The words of a command as a shell would see them, up to the first operator or comment.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in line.chars() {
        match (c, quote) {
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(q)) if c == q => quote = None,
            ('|' | '>' | '<' | ';' | '&', None) => break,
            ('#', None) if word.is_empty() => break,
            (' ', None) => words.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
            (c, _) => word.push(c),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// A form rather than a command line: `ai task …`, `ai lock acquire|list`, `ai X`.
fn is_form(line: &str) -> bool {
    let second = line.split(' ').nth(1).unwrap_or("");
    let bars = line
        .split(' ')
        .any(|word| word.contains('|') && word.len() > 1);
    bars || !second.starts_with(|c: char| c.is_ascii_lowercase() || c == '-')
}

#[test]
fn pages_name_only_commands_that_exist() {
    let sandbox = Sandbox::empty();
    // Most stand on several pages; one answer is enough.
    let mut places = BTreeMap::new();
    for page in markdown::pages() {
        for (line, command) in markdown::commands(&markdown::page(&page)) {
            places.entry(command).or_insert(format!("{page}:{line}"));
        }
    }
    places.retain(|command, _| !is_form(command));
    assert!(places.len() > 60, "only {} were found", places.len());
    let wrong: Vec<String> = places
        .iter()
        .filter_map(|(command, place)| Some(format!("{place}: {}", unknown(&sandbox, command)?)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn messages_name_only_commands_that_exist() {
    let sandbox = Sandbox::empty();
    let named = regex::Regex::new(r#"[`"](ai [a-z][^`"\n]*)[`"]"#).unwrap();
    let mut lines = BTreeSet::new();
    // Unit tests that stand in files of their own are no messages.
    let is_test = |file: &PathBuf| file.to_string_lossy().ends_with("tests.rs");
    let all = sources(&markdown::project().join("src"), &["rs"]);
    for file in all.into_iter().filter(|file| !is_test(file)) {
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        lines.extend(
            named
                .captures_iter(code)
                .map(|found| found[1].split(';').next().unwrap().to_owned()),
        );
    }
    // Words and not commands.
    let others = |line: &str| line.contains(',') || line == "ai was asked to stop";
    let asked: Vec<&String> = lines
        .iter()
        .filter(|line| !is_form(line) && !others(line))
        .collect();
    assert!(asked.len() > 40, "only {} commands were found", asked.len());
    let wrong: Vec<String> = asked
        .into_iter()
        .filter_map(|line| unknown(&sandbox, line))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn sources(dir: &Path, ends: &[&str]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let (dirs, files): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
    let rust = files.into_iter().filter(|path| {
        path.extension()
            .is_some_and(|e| ends.iter().any(|end| e == *end))
    });
    rust.chain(dirs.iter().flat_map(|dir| sources(dir, ends)))
        .collect()
}

#[test]
fn links_lead_somewhere() {
    let (mut wrong, mut asked) = (Vec::new(), 0);
    for page in markdown::pages() {
        for (line, target) in markdown::links(&markdown::page(&page)) {
            asked += 1;
            let (file, anchor) = target
                .split_once('#')
                .map_or((target.as_str(), None), |(f, a)| (f, Some(a)));
            let path = match file {
                "" => PathBuf::from(&page),
                file => Path::new(&page).parent().unwrap().join(file),
            };
            if !markdown::project().join(&path).exists() {
                wrong.push(format!("{page}:{line}: {target} does not exist"));
            } else if let Some(anchor) = anchor
                && !markdown::anchors(&markdown::page(path.to_str().unwrap()))
                    .iter()
                    .any(|a| a == anchor)
            {
                wrong.push(format!(
                    "{page}:{line}: {target}: no heading bears this anchor"
                ));
            }
        }
    }
    assert!(asked > 15, "only {asked} links were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Each page below `docs/` is reached from the README or from another page.
#[test]
fn no_page_is_lost() {
    let linked: BTreeSet<PathBuf> = markdown::pages()
        .iter()
        .flat_map(|page| {
            let dir = Path::new(page).parent().unwrap().to_owned();
            let links = markdown::links(&markdown::page(page)).into_iter();
            links.map(move |(_, target)| {
                markdown::project()
                    .join(&dir)
                    .join(target.split('#').next().unwrap())
            })
        })
        .filter_map(|path| path.canonicalize().ok())
        .collect();
    let is_linked = |page: &&String| {
        let path = markdown::project()
            .join(page.as_str())
            .canonicalize()
            .unwrap();
        linked
            .iter()
            .any(|to| *to == path || (to.is_dir() && path.starts_with(to)))
    };
    let all = markdown::pages();
    let below: Vec<&String> = all
        .iter()
        .filter(|page| page.starts_with("docs/"))
        .collect();
    let lost: Vec<&&String> = below.iter().filter(|page| !is_linked(page)).collect();
    assert!(lost.is_empty(), "no page links to {lost:?}");
}

/// Whoever meets a refusal finds it in the page about trouble, in the words in which it was said.
#[test]
fn every_refusal_is_explained() {
    let page = markdown::page("docs/troubleshooting.md").replace('`', "");
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let message = regex::Regex::new(r#"#\[error\(\s*"((?:[^"\\]|\\.)*)""#).unwrap();
    let gap = regex::Regex::new(r"\{[^}]*\}").unwrap();
    let (mut missing, mut asked) = (Vec::new(), 0);
    for file in ["src/ops/refusal.rs", "src/store/error.rs"] {
        for found in message.captures_iter(&markdown::page(file)) {
            let text = found[1].replace('`', "");
            let longest = gap
                .split(&text)
                .map(|part| part.trim())
                .max_by_key(|part| part.len())
                .unwrap_or("");
            if longest.len() >= 8 {
                asked += 1;
                let words = longest.split_whitespace().collect::<Vec<_>>().join(" ");
                missing.extend((!page.contains(&words)).then_some(words));
            }
        }
    }
    assert!(asked > 25, "only {asked} messages were found");
    assert!(
        missing.is_empty(),
        "docs/troubleshooting.md does not explain {missing:#?}"
    );
}

/// Refusals that only unit tests reach: they need a machine, a load or a moment that no test of the
/// command line has.
const SHOWN_ELSEWHERE: [&str; 14] = [
    "the Landlock of this kernel cannot take the network away",
    "was cut off and must be recovered first",
    "is leased under another time namespace of this machine",
    "nobody can take over now",
    "the task store was busy for",
    "the task store has the older format",
    "the task store's migration",
    "the task store was replaced or removed while this command ran",
    "the disk is full; nothing was written",
    "the task store is read-only here",
    "the task store failed",
    "this is a bug in ai",
    "locks.shared in .ai/config.yaml",
    "which does not keep locks between processes reliably",
];

/// What the page about trouble says of a refusal, some snapshot shows with its exit code.
#[test]
fn every_documented_refusal_is_shown() {
    let squeezed = |text: &str| {
        let text = text.replace('`', "");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let tests = markdown::project().join("tests/it");
    let shown: String = sources(&tests, &["rs", "snap"])
        .iter()
        .filter(|path| !path.ends_with("docs.rs"))
        .map(|path| squeezed(&std::fs::read_to_string(path).unwrap()))
        .collect();
    let page = squeezed(&markdown::page("docs/troubleshooting.md").replace("**`", "\u{1}"));
    let gap = regex::Regex::new(r"\b[A-Z][A-Z/]+\b|\b[MN]\b|…|, which is its limit").unwrap();
    let (mut missing, mut asked) = (Vec::new(), 0);
    for refusal in page.split('\u{1}').skip(1) {
        let words = refusal.split("**").next().unwrap();
        let longest = gap.split(words).max_by_key(|part| part.len()).unwrap();
        let longest = longest.trim_matches(|c: char| " ,.:()".contains(c));
        let is_elsewhere = SHOWN_ELSEWHERE.iter().any(|known| words.contains(known));
        asked += 1;
        missing.extend((!is_elsewhere && !shown.contains(longest)).then_some(words));
    }
    assert!(asked > 35, "only {asked} refusals were found");
    assert_eq!(missing, [""; 0], "no snapshot shows them");
}

/// The files below `.ai/` by which this project itself is worked on are in order.
#[test]
fn our_own_configuration_and_policy_hold() {
    let sandbox = Sandbox::project();
    for file in ["config.yaml", "policy.yaml", ".gitignore"] {
        let text = markdown::page(&format!(".ai/{file}"));
        if file == ".gitignore" {
            assert_eq!(
                text,
                sandbox.read(".ai/.gitignore"),
                "not what `ai init` writes"
            );
        }
        sandbox.write(format!(".ai/{file}"), text);
    }
    sandbox.ai_ok(&["policy", "validate"]);
    let config = sandbox.ai_ok(&["config", "show"]).stdout;
    let makefile = markdown::page("Makefile");
    for target in ["fmt-check", "tidy", "lint", "test"] {
        assert!(
            config.contains(&format!("make {target}")),
            "{target} is no check: {config}"
        );
        assert!(
            makefile.contains(&format!("\n{target}:")),
            "make knows no {target}"
        );
    }
}

#[test]
fn a_page_that_is_wrong_is_noticed() {
    let sandbox = Sandbox::empty();
    for bad in [
        "ai tusk list",
        "ai task create T --colour red",
        "ai recovr t-1",
        "ai status --bogus | head",
    ] {
        assert!(unknown(&sandbox, bad).is_some(), "{bad}");
    }
    for good in [
        "ai task create \"A title\" --path src/",
        "ai task list | head",
        "ai run TASK >log 2>&1 &",
    ] {
        assert_eq!(unknown(&sandbox, good), None);
    }
    let page = "# A b\n```console\n$ ai x\nout\n```\nsee `ai y` and [z](no.md#a-b)\n";
    let commands: Vec<String> = markdown::commands(page)
        .into_iter()
        .map(|(_, command)| command)
        .collect();
    assert_eq!(commands, ["ai x", "ai y"]);
    assert_eq!(markdown::links(page), [(6, "no.md#a-b".to_owned())]);
    assert_eq!(markdown::anchors(page), ["a-b"]);
}
