//! Stores and exports as every released format left them (`tests/data/archive/`): what stands in
//! them is read, taken on and given back.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::snapshot;
use crate::support::{Sandbox, Transcript};

/// Commands that only look; `ID` is an accepted task.
const LOOKS: [&str; 15] = [
    "status",
    "task ready",
    "task next",
    "task show ID",
    "why ID",
    "log ID",
    "log verify",
    "agent list",
    "agent stats",
    "budget",
    "lock list",
    "evidence list ID",
    "policy log",
    "worktree list",
    "export",
];

/// Each archived format.
fn archives() -> Vec<PathBuf> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/archive");
    let all = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = all.filter(|path| path.join("ai.db").is_file()).collect();
    found.sort();
    assert!(found.len() >= 3, "an archive is missing: {found:?}");
    found
}

fn text(dir: &std::path::Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap()
}

/// A project with the archived store in the place of its own.
fn with_store(dir: &std::path::Path) -> Sandbox {
    let sandbox = Sandbox::project();
    place(&dir.join("ai.db"), &sandbox.store());
    sandbox
}

fn place(archived: &Path, store: &Path) {
    for suffix in ["db-wal", "db-shm"] {
        let _ = std::fs::remove_file(store.with_extension(suffix));
    }
    std::fs::copy(archived, store).unwrap();
}

/// The format of a project's store, as `ai doctor` tells it.
fn format_of(sandbox: &Sandbox) -> String {
    let told = sandbox.ai(&["doctor"]).stdout;
    let (_, rest) = told
        .split_once(", format ")
        .unwrap_or_else(|| panic!("no format in {told}"));
    rest.split([',', ' ']).next().unwrap().to_owned()
}

fn id_of<'a>(tasks: &'a [Value], title: &str) -> &'a str {
    tasks.iter().find(|task| task["title"] == title).unwrap()["id"]
        .as_str()
        .unwrap()
}

/// Every field that `old` has, `new` has with the same value; `new` may know more.
fn assert_kept(old: &Value, new: &Value) {
    for (key, value) in old.as_object().unwrap() {
        assert_eq!(new.get(key), Some(value), "{key} of {old}");
    }
}

#[test]
fn an_old_store_is_read_as_it_is_then_taken_on_behind_a_backup() {
    for dir in archives() {
        let sandbox = with_store(&dir);
        let listed = sandbox.ai_ok(&["task", "list", "--json"]).json_lines();
        let archived: Vec<Value> = text(&dir, "tasks.jsonl")
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        assert_eq!(listed.len(), archived.len());
        for (old, new) in archived.iter().zip(&listed) {
            assert_kept(old, new);
        }
        let accepted = id_of(&archived, "Accepted work");
        for look in LOOKS {
            sandbox.ai_ok(
                &look
                    .split(' ')
                    .map(|word| if word == "ID" { accepted } else { word })
                    .collect::<Vec<_>>(),
            );
        }
        let unread = std::fs::read(sandbox.store()).unwrap();
        assert!(
            unread == std::fs::read(dir.join("ai.db")).unwrap(),
            "{}: a look has written",
            dir.display()
        );

        let (format, newest) = (
            dir.file_name().unwrap().to_str().unwrap(),
            archives().pop().unwrap(),
        );
        assert_eq!(format_of(&sandbox), format);

        let part = id_of(&archived, "A part, edited");
        sandbox.ai_ok(&["task", "claim", part]);
        sandbox.ai_ok(&[
            "task",
            "done",
            part,
            "--override",
            "an old task ends in a new store",
        ]);
        sandbox.ai_ok(&["log", "verify"]);
        assert_eq!(
            format_of(&sandbox),
            newest.file_name().unwrap().to_str().unwrap()
        );
        let backups =
            std::fs::read_dir(sandbox.root().join(".git/ai/backups")).map_or(0, Iterator::count);
        assert!(
            backups > 0 || dir == newest,
            "{format} was taken on without a backup"
        );
        let before: BTreeSet<String> = text(&dir, "export.jsonl")
            .lines()
            .skip(1)
            .map(str::to_owned)
            .collect();
        let exported = sandbox.ai_ok(&["export"]).stdout;
        let after: BTreeSet<String> = exported.lines().map(str::to_owned).collect();
        let gone: Vec<&String> = before
            .iter()
            .filter(|line| line.starts_with("{\"seq\"") && !after.contains(*line))
            .collect();
        assert!(gone.is_empty(), "{}: {gone:?}", dir.display());
    }
}

#[test]
fn an_old_export_comes_in_whole_and_goes_out_the_same() {
    for dir in archives() {
        let sandbox = Sandbox::project();
        let file = dir.join("export.jsonl");
        sandbox.ai_ok(&["import", file.to_str().unwrap()]);
        sandbox.ai_ok(&["log", "verify"]);
        assert_eq!(
            sandbox.ai_ok(&["export"]).stdout,
            text(&dir, "export.jsonl"),
            "{}",
            dir.display()
        );
    }
}

#[test]
fn a_store_with_a_step_that_nobody_here_knows_is_refused() {
    let archive = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/archive");
    let mut told = Transcript::default();
    for kind in ["of-a-branch", "newer"] {
        let archived = archive.join(kind).join("store.db");
        let sandbox = Sandbox::project();
        place(&archived, &sandbox.store());
        let before = std::fs::read(sandbox.store()).unwrap();
        for command in ["task list", "task create One", "init"] {
            let words: Vec<&str> = command.split(' ').collect();
            told.ai(&sandbox, &words);
        }
        assert!(before == std::fs::read(sandbox.store()).unwrap());
    }
    snapshot!(told);
}
