//! Rows, and how they are played.

use std::path::Path;

use crate::support::{Outcome, Sandbox, copy_tree, mask, once, run};

/// A way around a door.
pub struct Row {
    /// The door, as the page names it.
    pub door: &'static str,
    /// The way, in words for the page.
    pub way: &'static str,
    /// The way, for `sh` in the repository; the words of [`WORDS`] are known there. What stands before
    /// [`NOW`] is preparation.
    pub script: &'static str,
    /// The end of it.
    pub ends: Ends,
}

/// The end of a way around a door. Records are answers of policy (`deny RULE`) and other kinds of events, in
/// their order; those that let something pass are left out.
#[derive(Clone, Copy)]
pub enum Ends {
    /// It is refused, and nothing has moved.
    Refused(&'static str),
    /// Refused by the hook itself, or by a server, where no store takes a record: the beginning of the line that
    /// says so. `…` stands for anything, so that a line can be told by its reason, too.
    Said(&'static str),
    /// It works, and is found later.
    Found {
        /// The door at which it is found, for the page.
        at: &'static str,
        /// What is done there, for `sh`.
        look: &'static str,
        /// The records.
        record: &'static str,
    },
    /// It works, and nothing tells of it.
    Unseen(&'static str),
}

/// The rule under which a lock stands in a record.
pub const LOCK: &str = "deny built-in.locked-paths";

/// Found by the next push to where it has not been yet.
pub const fn at_push(record: &'static str) -> Ends {
    Ends::Found {
        at: "the push",
        look: "git push -q origin HEAD:refs/heads/new",
        record,
    }
}

/// From here on nothing may move where the way is refused.
const NOW: &str = "now; ";
/// Words for scripts.
const WORDS: &str = r#"
set -e
REPO=$PWD
change() { echo "changed $1" >"$1"; git add "$1"; }
blob() { echo changed | git hash-object -w --stdin; }
made() { git commit-tree "$(git write-tree)" -p HEAD -m made; }
past() { git commit -q --no-verify -m past; }
side() { git checkout -q -b side; change "$1"; past; git checkout -q main; }
"#;

const POLICY: &str = "version: 1
default: allow
rules:
  - {id: no-ci, on: [commit], paths: [ci/], effect: deny, reason: it runs with secrets}
  - {id: no-release, on: [push], when: 'branch == \"refs/heads/release\"', effect: deny, reason: releases are made elsewhere}
  - {id: no-site, on: [push], paths: [site/], when: 'branch == \"refs/heads/main\"', effect: deny, reason: it is published by others}
  - {id: no-secrets, on: [commit, edit], labels: [outside], paths: [inner/], effect: deny, reason: they work outside}
";

/// A project whose hooks ask, in which `agent:ben` holds `held.txt` and `held/`, with another repository to push
/// to; `more` are further arguments of `ai hooks install`.
pub fn held(more: &[&str]) -> Sandbox {
    let sandbox = Sandbox::project();
    for path in ["free.txt", "held.txt", "held/a"] {
        sandbox.write(path, format!("{path}\n"));
    }
    sandbox.write(".ai/policy.yaml", POLICY);
    sandbox.commit("files");
    sandbox.git(&["init", "-q", "--bare", "-b", "main", "../other.git"]);
    sandbox.git(&["remote", "add", "origin", "../other.git"]);
    sandbox.git(&["push", "-q", "origin", "main"]);
    sandbox.ai_ok(&[&["hooks", "install"], more].concat());
    sandbox.ai_ok(&["lock", "acquire", "held.txt", "held/", "--as", "agent:ben"]);
    sandbox
}

/// Plays rows, each in a copy of the scene that is called `name`.
#[track_caller]
pub fn hold(name: &str, make: fn() -> Sandbox, rows: &[Row]) {
    let template = once(&format!("bypass-{name}"), |path| {
        copy_tree(&make().base(), path);
    });
    let known = records(&copy_of(&template));
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let why = play(&copy_of(&template), known.len(), row).err()?;
            Some(format!("{} / {}:\n{why}", row.door, row.way))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn copy_of(template: &Path) -> Sandbox {
    let sandbox = Sandbox::empty();
    copy_tree(template, &sandbox.base());
    sandbox
}

fn play(sandbox: &Sandbox, known: usize, row: &Row) -> Result<(), String> {
    let script = match row.script.split_once(NOW) {
        Some((prepare, way)) => {
            let outcome = sh(sandbox, prepare);
            if outcome.code != Some(0) {
                return Err(format!("it cannot be prepared\n{outcome}"));
            }
            way
        }
        None => row.script,
    };
    let before = references(sandbox);
    let mut outcome = sh(sandbox, script);
    let is_refused = matches!(row.ends, Ends::Refused(_) | Ends::Said(_));
    if (outcome.code != Some(0)) != is_refused {
        return Err(format!("it should be refused: {is_refused}\n{outcome}"));
    }
    if is_refused && references(sandbox) != before {
        return Err(format!("references moved\n{outcome}"));
    }
    if let Ends::Found { look, .. } = row.ends {
        outcome = sh(sandbox, look);
    }
    let wanted = match row.ends {
        Ends::Refused(record) | Ends::Found { record, .. } => record,
        Ends::Unseen(_) => "",
        Ends::Said(words) => {
            let said = mask(&outcome.stderr);
            let mut said = said.lines().map(|line| line.trim_start_matches("remote: "));
            let is_said = !words.is_empty() && said.any(|line| says(line, words));
            let answer = format!("it does not say {words:?}\n{outcome}");
            return if is_said { Ok(()) } else { Err(answer) };
        }
    };
    let all = records(sandbox);
    let found = all.get(known..).unwrap_or_default().join(", ");
    if found == wanted {
        Ok(())
    } else {
        Err(format!("recorded {found:?}, not {wanted:?}\n{outcome}"))
    }
}

/// True for a line that begins with these words, with anything in the place of each `…`.
fn says(line: &str, words: &str) -> bool {
    let mut parts = words.split('…');
    let first = parts.next().unwrap_or_default();
    let rest = line.strip_prefix(first);
    let behind = parts.try_fold(rest, |rest, part| {
        let rest = rest?;
        rest.find(part).map(|at| Some(&rest[at + part.len()..]))
    });
    behind.flatten().is_some()
}

/// Runs a script in the repository.
fn sh(sandbox: &Sandbox, script: &str) -> Outcome {
    let mut command = sandbox.command("sh");
    command
        .env("AI", env!("CARGO_BIN_EXE_ai"))
        .env("BASE", sandbox.base());
    run(command.args(["-c", &format!("{WORDS}{script}")]))
}

/// Every reference of the repository and of the one to which it pushes.
fn references(sandbox: &Sandbox) -> String {
    let dirs = [sandbox.root(), sandbox.base().join("other.git")];
    let there = dirs.iter().filter(|dir| dir.is_dir());
    there
        .map(|dir| sandbox.try_git(dir, &["for-each-ref"]).stdout)
        .collect()
}

/// The records of the store that let nothing pass.
fn records(sandbox: &Sandbox) -> Vec<String> {
    let shown = sandbox.ai(&["log", "--json"]);
    let mut all = Vec::new();
    for line in shown.stdout.lines() {
        let one: serde_json::Value = serde_json::from_str(line).unwrap();
        let event = &one["event"];
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let record = &event["record"];
        match (
            text(&event["kind"]).as_str(),
            text(&record["effect"]).as_str(),
        ) {
            ("policy.decided", "allow" | "warn") => {}
            ("policy.decided", effect) => all.push(format!("{effect} {}", text(&record["rule"]))),
            ("task.created" | "lease.granted", _) => {}
            (kind, _) => all.push(kind.to_owned()),
        }
    }
    all
}
