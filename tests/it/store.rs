//! The store's files as commands treat them: who may read them, what a command costs in syncs, what
//! is said of a damaged one.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use serde_json::Value;

use crate::snapshot;
use crate::support::{Outcome, Sandbox, Transcript, run};

/// The commands that only look.
const LOOKS: &[&[&str]] = &[
    &["task", "list"],
    &["task", "show", "TASK"],
    &["task", "ready"],
    &["task", "next"],
    &["task", "dep", "tree", "TASK"],
    &["status"],
    &["why", "TASK"],
    &["log"],
    &["log", "verify"],
    &["lock", "list"],
    &["lock", "check", "src/a"],
];

fn look(sandbox: &Sandbox, command: &[&str], id: &str) -> Outcome {
    let args: Vec<&str> = command
        .iter()
        .map(|arg| if *arg == "TASK" { id } else { arg })
        .collect();
    sandbox.ai(&args)
}

/// Name, bytes and time of the database and its log. The log's index is no content: readers mark
/// themselves in it.
fn contents(sandbox: &Sandbox) -> Vec<(PathBuf, Vec<u8>, SystemTime)> {
    let store = sandbox.store();
    let log = store.with_file_name("ai.db-wal");
    let read = |path: PathBuf| {
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        (path.clone(), std::fs::read(path).unwrap(), modified)
    };
    [store, log].map(read).into()
}

#[test]
fn looking_writes_nothing() {
    let sandbox = Sandbox::project();
    let id = sandbox.task("One", &["--path", "src/"]);
    sandbox.ai_ok(&["task", "claim", &id, "--ttl", "1ms"]);
    let before = contents(&sandbox);
    for command in LOOKS {
        let outcome = look(&sandbox, command, &id);
        assert!(
            matches!(outcome.code, Some(0 | 3)),
            "{command:?}\n{outcome}"
        );
        assert!(contents(&sandbox) == before, "{command:?} wrote");
    }
}

#[test]
fn a_damaged_store_is_never_an_empty_one() {
    let mut told = String::new();
    for name in ["gone", "empty", "noise", "cut", "newer", "no log"] {
        let sandbox = Sandbox::project();
        let id = sandbox.task("One", &[]);
        let db = sandbox.store();
        settle(&db, name);
        spoil(&db, name);
        let mut said = BTreeSet::new();
        for command in LOOKS
            .iter()
            .chain([&["task", "create", "Two"][..], &["task", "claim", "TASK"]].iter())
        {
            let outcome = look(&sandbox, command, &id);
            assert_eq!(outcome.code, Some(9), "{name}: {command:?}\n{outcome}");
            said.insert(outcome.to_string());
        }
        assert_eq!(said.len(), 1, "{name}: all say the same: {said:#?}");
        told.push_str(&format!("{name}\n{}", said.pop_first().unwrap()));
        assert_eq!(
            sandbox.ai(&["init", "--yes"]).code,
            Some(9),
            "{name}: init makes no fresh store over it"
        );
    }
    snapshot!(told);
}

/// Commands that write, each of which would come by few pages only; `TASK` is a task.
const WRITES: [&str; 14] = [
    "task create More",
    "task claim TASK",
    "task claim --next",
    "task edit TASK --priority 1",
    "task cancel TASK",
    "task dep add TASK OTHER",
    "task handoff TASK --to agent:a --next-step on",
    "lock acquire lib/**",
    "run TASK",
    "accept TASK",
    "reject TASK --note no",
    "recover",
    "import EXPORT",
    "init --yes",
];

#[test]
fn a_store_of_which_no_list_can_be_made_takes_no_write_until_it_was_found_whole() {
    let sandbox = Sandbox::project();
    let titles: String = (0..400)
        .map(|n| {
            format!(
                "{{\"title\":\"Task {n}\",\"body\":\"{}\"}}\n",
                "x".repeat(300)
            )
        })
        .collect();
    let tasks = sandbox.base().join("tasks.jsonl");
    std::fs::write(&tasks, titles).unwrap();
    sandbox.ai_ok(&["task", "create", "--from", tasks.to_str().unwrap()]);
    let export = sandbox.base().join("export.jsonl");
    sandbox.ai_ok(&["export", export.to_str().unwrap()]);
    let whole = sandbox.base().join("whole.db");
    sandbox.ai_ok(&["backup", "--to", whole.to_str().unwrap()]);
    let tasks = sandbox.ai_json_lines(&["task", "list", "--limit", "2"]);
    let [id, other] = [0, 1].map(|n| tasks[n]["id"].as_str().unwrap().to_owned());
    let db = sandbox.store();
    settle(&db, "page");
    let mut bytes = std::fs::read(&whole).unwrap();
    // The page with the row of a task in the middle, which nothing comes by that is not about it.
    let row = b"\"title\":\"Task 200\"";
    let at = bytes
        .windows(row.len())
        .position(|part| part == row)
        .unwrap();
    bytes[at / 4096 * 4096..(at / 4096 + 1) * 4096].fill(0xA5);
    std::fs::write(&db, &bytes).unwrap();

    assert_eq!(sandbox.ai(&["task", "list"]).code, Some(9));
    let mut told = Transcript::default();
    told.ai(&sandbox, &["task", "create", "More"]);
    for command in WRITES {
        let words: Vec<&str> = command
            .split(' ')
            .map(|word| match word {
                "TASK" => &id,
                "OTHER" => &other,
                "EXPORT" => export.to_str().unwrap(),
                word => word,
            })
            .collect();
        let outcome = sandbox.ai(&words);
        assert_eq!(outcome.code, Some(9), "{command}\n{outcome}");
        assert!(std::fs::read(&db).unwrap() == bytes, "{command}");
        let log = std::fs::metadata(db.with_file_name("ai.db-wal"));
        assert!(log.is_ok_and(|log| log.len() == 0), "{command}");
    }
    // The same state of the file, by its size and times, so that only a look tells it from before.
    let modified = std::fs::metadata(&db).unwrap().modified().unwrap();
    std::fs::copy(&whole, &db).unwrap();
    let file = std::fs::File::options().write(true).open(&db).unwrap();
    file.set_modified(modified).unwrap();
    drop(file);
    assert_eq!(sandbox.ai(&["task", "create", "More"]).code, Some(9));
    let found = sandbox.ai_ok(&["doctor"]).stdout;
    let found = found.lines().find(|line| line.starts_with("ok    damage"));
    snapshot!(
        found.unwrap(),
        @"ok    damage     what a command met before is gone (database disk image is malformed); writes are taken again"
    );
    sandbox.ai_ok(&["task", "create", "More"]);
    snapshot!(told);
}

/// Commands that only look, each in one line.
const READERS: [&str; 11] = [
    "task list",
    "task list --json",
    "task show TASK",
    "task ready",
    "status",
    "why TASK",
    "why",
    "lock list",
    "review",
    "log",
    "export",
];

#[test]
fn a_store_from_which_a_table_was_taken_takes_no_write() {
    let sandbox = Sandbox::project();
    let [id, other] = ["One", "Two"].map(|title| sandbox.task(title, &[]));
    let export = sandbox.base().join("export.jsonl");
    sandbox.ai_ok(&["export", export.to_str().unwrap()]);
    let db = sandbox.store();
    let store = rusqlite::Connection::open(&db).unwrap();
    store.execute_batch("DROP TABLE lease").unwrap();
    drop(store);
    let note = db.with_file_name("store-damaged");
    let mut told = Transcript::default();
    let events = || sandbox.rows("SELECT count(*) || '' FROM event");
    let before = events();
    let refuses = |words: &[&str]| {
        let outcome = sandbox.ai(words);
        assert_eq!(outcome.code, Some(9), "{words:?}\n{outcome}");
        assert_eq!(events(), before, "{words:?}");
        outcome
    };
    for command in WRITES {
        let words: Vec<&str> = command
            .split(' ')
            .map(|word| match word {
                "TASK" => &id,
                "OTHER" => &other,
                "EXPORT" => export.to_str().unwrap(),
                word => word,
            })
            .collect();
        refuses(&words);
        // Each finds it by itself.
        std::fs::remove_file(&note).unwrap();
    }
    let create = ["task", "create", "More"];
    told.add("ai task create More", &refuses(&create));
    told.ai(&sandbox, &["task", "list"]);
    // Whoever only looks, and comes by it, says the same.
    let mut met = 0;
    for command in READERS {
        let words: Vec<&str> = command
            .split(' ')
            .map(|word| if word == "TASK" { &id } else { word })
            .collect();
        let outcome = sandbox.ai(&words);
        if outcome.code == Some(9) {
            met += 1;
            let said = outcome.stderr.matches("its table lease is missing");
            assert_eq!(said.count(), 1, "{words:?}\n{outcome}");
        }
    }
    assert!(met > 3, "{met} of them come by it");
    let doctor = sandbox.ai(&["doctor"]);
    let found = doctor.stdout.lines().filter(|line| line.starts_with("bad"));
    let found: Vec<&str> = found.collect();
    snapshot!(format!("{told}{}", found.join("\n")), @"
    $ ai task create More
    ! error: the task store [PATH]/repo/.git/ai/ai.db is damaged: its table lease is missing
    !   next: run `ai doctor`, then `ai restore --dry-run` to see the backups that can be restored
    [9]
    $ ai task list
    ! error: the task store [PATH]/repo/.git/ai/ai.db is damaged: its table lease is missing
    !   next: run `ai doctor`, then `ai restore --dry-run` to see the backups that can be restored
    [9]
    bad   damage     the task store [PATH]/repo/.git/ai/ai.db is damaged: its table lease is missing
    bad   work       the task store [PATH]/repo/.git/ai/ai.db is damaged: its table lease is missing
    ");
    refuses(&create);
}

#[test]
fn a_store_that_was_put_in_the_place_of_a_damaged_one_is_tried_anew() {
    let sandbox = Sandbox::project();
    let whole = sandbox.base().join("whole.db");
    sandbox.ai_ok(&["backup", "--to", whole.to_str().unwrap()]);
    let db = sandbox.store();
    settle(&db, "page");
    let mut bytes = std::fs::read(&whole).unwrap();
    let row = b"store.created";
    let at = bytes
        .windows(row.len())
        .rposition(|part| part == row)
        .unwrap();
    bytes[at / 4096 * 4096..(at / 4096 + 1) * 4096].fill(0xA5);
    std::fs::write(&db, &bytes).unwrap();
    assert_eq!(sandbox.ai(&["log"]).code, Some(9));
    assert_eq!(sandbox.ai(&["task", "create", "More"]).code, Some(9));
    // In place, as `cp` does: another state of the file, of which nobody knows any harm.
    std::fs::copy(&whole, &db).unwrap();
    sandbox.ai_ok(&["task", "create", "More"]);
}

/// Without its log, so that what is done to the database file is what is seen.
fn settle(db: &Path, name: &str) {
    if name != "no log" {
        for beside in ["ai.db-wal", "ai.db-shm"] {
            std::fs::remove_file(db.with_file_name(beside)).unwrap();
        }
    }
}

fn spoil(db: &Path, how: &str) {
    let mut bytes = std::fs::read(db).unwrap();
    match how {
        "gone" => return std::fs::remove_file(db).unwrap(),
        "no log" => return std::fs::remove_file(db.with_file_name("ai.db-wal")).unwrap(),
        "empty" => bytes.clear(),
        "noise" => bytes.fill(7),
        "cut" => bytes.truncate(bytes.len() / 2),
        // Where SQLite keeps the version of whoever uses it.
        "newer" => bytes[60..64].copy_from_slice(&9_000i32.to_be_bytes()),
        other => panic!("{other}"),
    }
    std::fs::write(db, bytes).unwrap();
}

#[test]
fn others_on_the_machine_are_kept_out() {
    let sandbox = Sandbox::project();
    sandbox.task("One", &[]);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(sandbox.store().parent().unwrap()), 0o700);
    for file in ["ai.db", "ai.db-wal", "ai.db-shm"] {
        assert_eq!(mode(&sandbox.store().with_file_name(file)), 0o600, "{file}");
    }
}

/// How often a command waits for the disk; nothing where nobody can count.
fn syncs(sandbox: &Sandbox, args: &[&str]) -> Option<u64> {
    let counts = sandbox.base().join("counts");
    let mut traced = sandbox.command("strace");
    traced
        .args(["-f", "-c", "-e", "trace=fsync,fdatasync", "-o"])
        .arg(&counts)
        .arg(env!("CARGO_BIN_EXE_ai"))
        .args(args);
    if Command::new("strace").arg("-V").output().is_err() {
        return None;
    }
    let outcome = run(&mut traced);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let text = std::fs::read_to_string(counts).unwrap();
    let calls = text
        .lines()
        .filter(|line| line.trim_end().ends_with("sync"));
    Some(
        calls
            .map(|line| {
                line.split_whitespace()
                    .nth(3)
                    .unwrap()
                    .parse::<u64>()
                    .unwrap()
            })
            .sum(),
    )
}

#[test]
fn a_claim_waits_for_the_disk_as_rarely_as_it_can() {
    let sandbox = Sandbox::project();
    let ids: Vec<String> = (0..3)
        .map(|n| sandbox.task(&n.to_string(), &["--path", &format!("src/{n}/")]))
        .collect();
    for id in ids {
        let Some(count) = syncs(&sandbox, &["task", "claim", &id]) else {
            println!("skipped: no strace to count with");
            return;
        };
        assert!((1..=5).contains(&count), "{count} syncs for one claim");
    }
    assert_eq!(
        syncs(&sandbox, &["task", "list"]),
        Some(0),
        "looking waits for nothing"
    );
}

#[test]
fn a_tree_of_ten_thousand_is_printed_to_its_end() {
    let sandbox = Sandbox::project();
    let entry = |n: usize| match n {
        0 => r#"{"key":"0","title":"0"}"#.to_owned(),
        n => format!(r#"{{"key":"{n}","title":"{n}","deps":["{}"]}}"#, n - 1),
    };
    let lines: Vec<String> = (0..10_000).map(entry).collect();
    sandbox.write("tasks.jsonl", lines.join("\n"));
    let created = sandbox.ai_json_lines(&["task", "create", "--from", "tasks.jsonl"]);
    let ids: Vec<&str> = created
        .iter()
        .map(|task| task["id"].as_str().unwrap())
        .collect();
    let tree: Vec<Value> = sandbox.ai_json_lines(&["task", "dep", "tree", ids[9_999]]);
    assert_eq!(tree.len(), 10_000);
    assert_eq!(tree[9_999]["title"], "0");
    snapshot!(sandbox.ai(&["task", "dep", "add", ids[0], ids[9_999]]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: this would make a cycle: [TASK] → [TASK] → [TASK] → [TASK] → … 9994 more … → [TASK] → [TASK] → [TASK]
      next: `ai task dep tree [TASK]` shows what waits for what
    ");
}
