//! Backups, going back to them, and stores that travel as text.

use std::path::Path;

use crate::snapshot;
use crate::support::{Sandbox, Transcript, run_with_input};

fn backups(scene: &Sandbox) -> usize {
    std::fs::read_dir(scene.root().join(".git/ai/backups")).map_or(0, Iterator::count)
}

#[test]
fn a_backup_is_taken_beside_the_store_or_where_the_user_says() {
    let scene = Sandbox::project();
    scene.task("one", &[]);
    let rolled = scene.ai_json(&["backup"]);
    assert_eq!(
        (
            rolled["tasks"].as_u64(),
            rolled["events"].as_u64(),
            backups(&scene)
        ),
        (Some(1), Some(3), 1)
    );
    snapshot!(scene.ai(&["backup", "--to", "../copy.db"]), @r#"
    exit: 0
    ----- stdout -----
    [PATH]/repo/../copy.db  1 task, 3 records
    ----- stderr -----
    "#);
    snapshot!(scene.ai(&["backup", "--to", "../copy.db"]), @r#"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [PATH]/repo/../copy.db exists already
      next: name a new file
    "#);
}

#[test]
fn a_lost_store_comes_back_from_its_backup() {
    let scene = Sandbox::project();
    let task = scene.task("one", &[]);
    scene.ai_ok(&["backup"]);
    let late = scene.task("after the backup", &[]);
    std::fs::remove_file(scene.store()).unwrap();
    snapshot!(scene.ai(&["task", "list"]), @"
    exit: 9
    ----- stdout -----
    ----- stderr -----
    error: the task store [PATH]/repo/.git/ai/ai.db is gone, but its directory is still there
      next: run `ai doctor`, then `ai restore --dry-run` to see the backups that can be restored
    ");
    let dry = scene.ai_json(&["restore", "--dry-run"]);
    assert_eq!(
        (dry["restored"].as_bool(), dry["current"].as_str()),
        (Some(false), Some("missing"))
    );
    assert!(!scene.store().exists());
    scene.ai_ok(&["restore"]);
    assert_eq!(scene.ai(&["task", "show", &task]).code, Some(0));
    snapshot!(scene.ai(&["task", "show", &late]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: there is no task `[TASK]`
      next: `ai task list` shows the tasks
    ");
    assert_eq!(scene.ai(&["doctor", "--deep"]).code, Some(0));
}

#[test]
fn what_a_restore_replaces_is_kept() {
    let scene = Sandbox::project();
    scene.ai_ok(&["backup"]);
    scene.task("newer", &[]);
    let done = scene.ai_json(&["restore"]);
    assert_eq!(done["lost_events"], 2);
    let kept = done["kept"].as_str().unwrap();
    assert!(std::path::Path::new(kept).join("ai.db").is_file(), "{kept}");
    assert_eq!(scene.ai_json_lines(&["task", "list"]).len(), 0);
}

#[test]
fn without_a_backup_nothing_is_invented() {
    let scene = Sandbox::project();
    snapshot!(scene.ai(&["restore", "nosuch"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: there is no backup `[PATH]/repo/nosuch`
      next: `ai restore --dry-run` lists the backups
    ");
    snapshot!(scene.ai(&["restore"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: there is no backup in [PATH]/repo/.git/ai/backups, and the store stands
      next: `ai backup` makes one
    ");
    assert!(scene.store().is_file());
}

#[test]
fn bulk_creation_takes_a_backup_and_single_commands_do_not() {
    let scene = Sandbox::project();
    scene.task("one", &[]);
    assert_eq!(backups(&scene), 0);
    scene.write("tasks.jsonl", "{\"title\":\"a\"}\n{\"title\":\"b\"}\n");
    scene.ai_ok(&["task", "create", "--from", "tasks.jsonl"]);
    assert_eq!(backups(&scene), 1);
    scene.ai_ok(&["task", "create", "--from", "tasks.jsonl"]);
    assert_eq!(backups(&scene), 1, "the newest is not an hour old");
}

#[test]
fn an_export_makes_the_same_store_elsewhere() {
    let scene = Sandbox::project();
    let task = scene.task("one", &["--label", "x"]);
    scene.ai_ok(&["task", "claim", &task]);
    let text = scene.ai_ok(&["export"]).stdout;
    scene.ai_ok(&["export", "../store.jsonl"]);
    assert_eq!(
        std::fs::read_to_string(scene.base().join("store.jsonl")).unwrap(),
        text
    );
    // Nothing is overwritten.
    snapshot!(scene.ai(&["export", "../store.jsonl"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [PATH]/repo/../store.jsonl exists already
      next: name a new file
    ");
    let other = Sandbox::project();
    let tried = run_with_input(
        &mut other.ai_command(&["import", "-", "--dry-run", "--json"]),
        &text,
    );
    assert_eq!(tried.json()["reproduced"], true, "{tried}");
    assert_eq!(other.ai_json_lines(&["task", "list"]).len(), 0);
    let done = run_with_input(&mut other.ai_command(&["import", "-"]), &text);
    assert_eq!(done.code, Some(0), "{done}");
    assert_eq!(other.ai_json(&["task", "show", &task])["labels"][0], "x");
    assert_eq!(other.ai_json(&["log", "verify"])["ok"], true);
    // A second store takes over what it does not have.
    let third = Sandbox::project();
    third.task("mine", &[]);
    let merged = run_with_input(&mut third.ai_command(&["import", "-", "--json"]), &text).json();
    assert_eq!(merged["created"].as_array().unwrap().len(), 1, "{merged}");
    assert_eq!(third.ai_json_lines(&["task", "list"]).len(), 2);
}

#[test]
fn a_file_that_is_no_export_changes_nothing() {
    let scene = Sandbox::project();
    scene.write("bad.jsonl", "{\"title\":\"not an export\"}\n");
    snapshot!(scene.ai(&["import", "bad.jsonl"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: line 1: this is no export of `ai`: missing field `format` at line 1 column 25; nothing was imported
      next: make the export again where it came from, by `ai export FILE`; `ai import FILE --dry-run` reads it and changes nothing
    ");
    snapshot!(scene.ai(&["import", "absent.jsonl"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot read [PATH]/repo/absent.jsonl: No such file or directory (os error 2); nothing was imported
      next: name a text file that is there; `-` stands for standard input
    ");
    assert_eq!(scene.ai_json_lines(&["task", "list"]).len(), 0);
}

/// Copies the store's directory as a tool for backups would: every file, whatever it is.
fn copy_state(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([from, to])
        .status();
    assert!(copied.unwrap().success());
}

#[test]
fn an_older_copy_in_the_place_of_the_store_takes_no_write() {
    let scene = Sandbox::project();
    let state = scene.root().join(".git/ai");
    let old = scene.base().join("old");
    let kept = scene.task("one", &[]);
    copy_state(&state, &old);
    let lost = scene.task("after the copy", &[]);
    copy_state(&old, &state);
    let before = std::fs::read(scene.store()).unwrap();
    let mut told = Transcript::default();
    for refused in [
        &["task", "create", "Two"][..],
        &["task", "claim", &kept],
        &["lock", "acquire", "src"],
        &["task", "list"],
        &["restore", "--as-it-is"],
        &["task", "claim", &kept],
        &["task", "show", &lost],
    ] {
        if refused[0] == "restore" {
            assert!(std::fs::read(scene.store()).unwrap() == before);
            let mut doctor = scene.ai(&["doctor", "--json"]);
            let log = doctor
                .json_lines()
                .into_iter()
                .filter(|found| found["check"] == "log");
            doctor.stdout = log.map(|found| format!("{found}\n")).collect();
            told.add("ai doctor --json, of the log", &doctor);
        }
        told.ai(&scene, refused);
    }
    snapshot!(told);
    scene.ai_ok(&["log", "verify"]);
}

#[test]
fn a_store_that_went_another_way_is_told_from_one_that_went_on() {
    let scene = Sandbox::project();
    let state = scene.root().join(".git/ai");
    let old = scene.base().join("old");
    scene.task("one", &[]);
    copy_state(&state, &old);
    scene.task("two", &[]);
    // Somewhere else the copy goes on without the mark, and comes to as many records.
    let mark = scene.root().join(".git/ai-high-water");
    let marked = std::fs::read(&mark).unwrap();
    let newer = scene.base().join("newer");
    copy_state(&state, &newer);
    copy_state(&old, &state);
    std::fs::remove_file(&mark).unwrap();
    for title in ["other", "and another"] {
        scene.task(title, &[]);
    }
    std::fs::write(&mark, &marked).unwrap();
    snapshot!(scene.ai(&["task", "create", "Three"]), @"
    exit: 9
    ----- stdout -----
    ----- stderr -----
    error: the task store [PATH]/repo/.git/ai/ai.db is another copy: its record 5 is not the one that was written here before; nothing was written
      next: `ai restore --dry-run` shows the backups, which may be newer; `ai restore --as-it-is` goes on with this store
    ");
    // The one that was there before, with its mark, is the right one, and so is one that is ahead.
    copy_state(&newer, &state);
    scene.task("three", &[]);
    std::fs::write(&mark, &marked).unwrap();
    scene.task("four", &[]);
    // A mark that nobody can read, or of another store, is none.
    for spoilt in ["", "noise\n", "1 other 900 abc 0123456789abcdef\n"] {
        std::fs::write(&mark, spoilt).unwrap();
        scene.task("five", &[]);
    }
}

#[test]
fn going_back_to_a_backup_moves_the_mark() {
    let scene = Sandbox::project();
    scene.task("one", &[]);
    scene.ai_ok(&["backup"]);
    for n in 0..5 {
        scene.task(&format!("late {n}"), &[]);
    }
    scene.ai_ok(&["restore"]);
    scene.task("after", &[]);
    let found = scene.ai(&["doctor"]);
    assert_eq!(found.code, Some(0), "{found}");
}
