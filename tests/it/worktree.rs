//! `ai worktree`: the pool as people see it. Whatever is asked, no work is lost.

use std::path::PathBuf;

use serde_json::Value;

use crate::snapshot;
use crate::support::runs::{GOOD, PATIENCE, open_gate, wait_for};
use crate::support::{Sandbox, mask_also, poll, tree};

/// A project in which one run has ended, its work in review in slot `w1`.
fn one_run() -> (Sandbox, String) {
    let sandbox = Sandbox::with_script(GOOD);
    let id = sandbox.reviewed("One");
    (sandbox, id)
}

fn slot(sandbox: &Sandbox) -> PathBuf {
    sandbox.slot("w1")
}

fn listed(sandbox: &Sandbox) -> Value {
    let mut all = sandbox.ai_json_lines(&["worktree", "list"]);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// What a pruning says of one thing.
fn item(items: &[Value], name: &str) -> (bool, String) {
    let found = items
        .iter()
        .find(|item| item["name"].as_str().is_some_and(|n| n.contains(name)));
    let found = found.unwrap_or_else(|| panic!("nothing on {name}: {items:?}"));
    (
        found["removes"].as_bool().unwrap(),
        found["why"].as_str().unwrap().to_owned(),
    )
}

const NOW: [&str; 3] = ["worktree", "prune", "--idle=0s"];

fn planned(sandbox: &Sandbox) -> Vec<Value> {
    sandbox.ai_json_lines(&[&NOW[..], &["--dry-run"]].concat())
}

#[test]
fn a_list_shows_branch_task_and_what_is_not_saved() {
    let (sandbox, id) = one_run();
    let one = listed(&sandbox);
    assert_eq!(
        (&one["slot"], &one["use"], &one["dirty"]),
        (&"w1".into(), &"idle".into(), &0.into()),
        "{one}"
    );
    assert_eq!(
        (&one["task"], &one["branch"]),
        (&id.as_str().into(), &format!("ai/{id}/1").into()),
        "{one}"
    );
    assert!(
        one["bytes"].as_u64().unwrap() > 0 && one["last_used_ms"].as_i64().unwrap() > 0,
        "{one}"
    );
    std::fs::write(slot(&sandbox).join("mine.txt"), "x").unwrap();
    std::fs::write(slot(&sandbox).join("work.txt"), "changed").unwrap();
    let before = tree(&sandbox.root().join(".git"), |_| true);
    assert_eq!(listed(&sandbox)["dirty"], 2);
    let after = tree(&sandbox.root().join(".git"), |_| true);
    let changed: Vec<_> = after
        .iter()
        .filter(|(path, text)| before.get(*path) != Some(text))
        .map(|(path, _)| path)
        .collect();
    assert!(
        changed.iter().all(|path| path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"ai.db"))),
        "a look wrote {changed:?}"
    );
}

#[test]
fn a_worktree_is_found_by_its_task_until_another_run_takes_its_place() {
    let (sandbox, id) = one_run();
    for typed in [id.as_str(), "w1"] {
        let outcome = sandbox.ai_ok(&["worktree", "open", typed]);
        assert_eq!(outcome.stdout.trim(), slot(&sandbox).to_str().unwrap());
    }
    let other = sandbox.task("Two", &[]);
    snapshot!(sandbox.ai(&["worktree", "open", &other]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: no worktree holds the work of [TASK]
      next: no run has worked on it; `ai run [TASK]` starts one
    ");
    sandbox.run(&other);
    snapshot!(sandbox.ai(&["worktree", "open", &id]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: no worktree holds the work of [TASK]
      next: another run has its place by now; `git switch ai/[TASK]/1` shows its work
    ");
}

#[test]
fn a_rescue_saves_a_dirty_worktree_and_can_be_brought_back() {
    let (sandbox, id) = one_run();
    let clean = sandbox.ai_json(&["worktree", "rescue", "w1"]);
    assert_eq!(clean["reference"], Value::Null, "{clean}");
    std::fs::write(slot(&sandbox).join("mine.txt"), "by hand").unwrap();
    std::fs::write(slot(&sandbox).join("work.txt"), "changed").unwrap();
    let saved = sandbox.ai_json(&["worktree", "rescue", &id]);
    let reference = saved["reference"].as_str().unwrap();
    assert_eq!(
        (reference, &saved["files"]),
        (format!("refs/ai/rescue/{id}/1").as_str(), &2.into()),
        "{saved}"
    );
    assert_eq!(
        std::fs::read_to_string(slot(&sandbox).join("mine.txt")).unwrap(),
        "by hand",
        "it stays as it is"
    );
    // Asked again, it is the same rescue.
    assert_eq!(
        sandbox.ai_json(&["worktree", "rescue", "w1"])["commit"],
        saved["commit"]
    );
    // What stands on a reference may go, and comes back whole.
    sandbox.ai_ok(&[&NOW[..], &["--yes"]].concat());
    assert!(!slot(&sandbox).exists());
    sandbox.git(&["switch", "-q", "-c", "back", reference]);
    assert_eq!(sandbox.read("mine.txt"), "by hand");
    assert_eq!(sandbox.read("work.txt"), "changed");
}

#[test]
fn what_cannot_be_saved_is_told() {
    let (sandbox, _) = one_run();
    let nested = slot(&sandbox).join("nested");
    std::fs::create_dir(&nested).unwrap();
    sandbox.git_in(&nested, &["init", "-q"]);
    snapshot!(sandbox.ai(&["worktree", "rescue", "w1"]), @"
    exit: 1
    ----- stdout -----
    w1  nothing was saved: what does not stand on branches cannot be
    ----- stderr -----
    warning: not saved, still in the worktree: nested is a repository of its own; its files are not taken
    ");
    let outcome = sandbox.ai(&[&NOW[..], &["--yes"]].concat());
    assert!(nested.join(".git").exists(), "{outcome}");
}

#[test]
fn a_dry_run_changes_nothing_and_nothing_goes_without_a_word() {
    let (sandbox, id) = one_run();
    sandbox.ai_ok(&["accept", &id]);
    let state = || {
        let files = tree(&sandbox.root().join(".ai"), |_| true);
        (
            files,
            sandbox.git(&["for-each-ref"]),
            sandbox.git(&["worktree", "list", "--porcelain"]),
        )
    };
    let before = state();
    let items = planned(&sandbox);
    assert!(
        item(&items, "w1").0 && item(&items, "refs/heads/ai/").0,
        "{items:?}"
    );
    snapshot!(sandbox.ai(&NOW), @"
    exit: 8
    ----- stdout -----
    removes   worktree w1 ([N] KiB): idle; its commits stand on branches
              way back: the next run makes it anew
    removes   branch refs/heads/ai/[TASK]/1: merged into main: its commit is in the history
              way back: git branch ai/[TASK]/1 refs/ai/pruned/[MS]/heads/ai/[TASK]/1
    ----- stderr -----
    error: nothing was removed
      next: if that is right, say --yes
    ");
    snapshot!(sandbox.ai(&[&NOW[..], &["--yes", "--as", "agent:fake"]].concat()), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: only a person may prune
      next: ask a person to give this command
    ");
    assert_eq!(state(), before);
    // By default, what was used just now stays.
    let items = sandbox.ai_json_lines(&["worktree", "prune", "--dry-run"]);
    assert_eq!(
        item(&items, "w1"),
        (false, "it was used not long ago".into())
    );
    snapshot!(item(&items, "refs/heads/ai/").1, @"worktree w1 stands on it");
}

#[test]
fn a_merged_branch_goes_and_can_be_brought_back() {
    let (sandbox, id) = one_run();
    sandbox.ai_ok(&["accept", &id]);
    let branch = format!("ai/{id}/1");
    let commit = sandbox.git(&["rev-parse", &branch]);
    let done = sandbox.ai_json_lines(&[&NOW[..], &["--yes"]].concat());
    assert!(item(&done, &branch).0, "{done:?}");
    assert_eq!(sandbox.refs("refs/heads/ai/"), [""; 0]);
    assert!(!slot(&sandbox).exists() && !sandbox.check_place("w1").exists());
    assert_eq!(sandbox.git(&["worktree", "list"]).lines().count(), 1);
    let back = done.iter().find(|item| item["kind"] == "branch").unwrap()["back"]
        .as_str()
        .unwrap()
        .to_owned();
    sandbox.git(&back.split(' ').skip(1).collect::<Vec<_>>());
    assert_eq!(sandbox.git(&["rev-parse", &branch]), commit);
    // Kept for long enough, it goes for good; the next run has a worktree again.
    sandbox.ai_ok(&[&NOW[..], &["--keep=0s", "--yes"]].concat());
    assert_eq!(
        sandbox.refs("refs/ai/pruned/").len(),
        1,
        "only what was pruned just now"
    );
    let next = sandbox.task("Next", &[]);
    sandbox.set_script("fake", "echo more > work.txt");
    assert_eq!(sandbox.run(&next).code, Some(0));
}

#[test]
fn a_squash_merge_is_recognised_and_unmerged_work_is_not() {
    let sandbox = Sandbox::with_script("echo $AI_RUN > work.txt; echo x > other.txt");
    let [merged, open] = ["One", "Two"].map(|title| {
        let id = sandbox.task(title, &[]);
        assert_eq!(sandbox.run(&id).code, Some(0));
        id
    });
    sandbox.git(&["merge", "-q", "--squash", &format!("ai/{merged}/1")]);
    sandbox.commit("squashed");
    sandbox.write("work.txt", "and worked on since");
    sandbox.commit("since");
    let items = planned(&sandbox);
    assert_eq!(
        item(&items, &format!("heads/ai/{merged}/1")),
        (false, "its task is review".into())
    );
    for id in [&merged, &open] {
        sandbox.ai_ok(&["task", "cancel", id]);
    }
    let done = sandbox.ai_json_lines(&[&NOW[..], &["--yes"]].concat());
    assert!(item(&done, &format!("heads/ai/{merged}/1")).0, "{done:?}");
    assert_eq!(
        item(&done, &format!("heads/ai/{open}/1")),
        (false, "not merged into main".into())
    );
    assert_eq!(
        sandbox.refs("refs/heads/ai/"),
        [format!("refs/heads/ai/{open}/1")]
    );
}

#[test]
fn dirty_and_unknown_worktrees_stay() {
    let (sandbox, _) = one_run();
    std::fs::write(slot(&sandbox).join("mine.txt"), "x").unwrap();
    let outcome = sandbox.ai_json_lines(&[&NOW[..], &["--yes"]].concat());
    let (removes, why) = item(&outcome, "w1");
    assert!(!removes);
    snapshot!(why, @"1 changed file stands nowhere else; `ai worktree rescue w1` saves it");
    assert!(slot(&sandbox).join("mine.txt").exists());
    std::fs::remove_file(slot(&sandbox).join("mine.txt")).unwrap();
    std::fs::write(
        sandbox.root().join(".git/ai/slots/w1/shadow.git/index"),
        "rubbish",
    )
    .unwrap();
    let (removes, why) = item(
        &sandbox.ai_json_lines(&[&NOW[..], &["--yes"]].concat()),
        "w1",
    );
    assert!(!removes);
    snapshot!(why, @"it cannot be told whether it holds work; `ai worktree rescue` looks");
    assert!(slot(&sandbox).join("work.txt").exists());
}

#[test]
fn what_was_moved_out_of_the_way_is_kept_twice_as_long() {
    let (sandbox, _) = one_run();
    let kept = sandbox.root().join(".git/ai/kept/t-x.1-abc");
    std::fs::create_dir_all(&kept).unwrap();
    std::fs::write(kept.join("big"), "only here").unwrap();
    let (removes, why) = item(
        &sandbox.ai_json_lines(&[&NOW[..], &["--yes"]].concat()),
        "kept/",
    );
    assert!(!removes);
    snapshot!(why, @"it was moved out of the way of a run, and could not be saved as a commit");
    let done = sandbox.ai_json_lines(&["worktree", "prune", "--keep=0s", "--yes"]);
    let back = done.iter().find(|item| item["kind"] == "kept").unwrap()["back"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(!kept.exists());
    let words: Vec<&str> = back.split(' ').collect();
    std::fs::rename(words[1], words[2]).unwrap();
    assert_eq!(
        std::fs::read_to_string(kept.join("big")).unwrap(),
        "only here"
    );
}

#[test]
fn a_cache_is_seeded_and_the_original_stays_as_it_was() {
    let config = "version: 1
runs: {grace: 1s, caches: [target, other]}
checks: {unit: {run: test -f work.txt}}
";
    let script = "cat target/warm > work.txt; echo hot > target/warm; echo new > target/more";
    let sandbox = Sandbox::with_agent(config, script);
    sandbox.write(".gitignore", "target/\n");
    sandbox.commit("ignore");
    sandbox.write("target/warm", "warm");
    sandbox.write("other/file", "not ignored");
    std::os::unix::fs::symlink("/", sandbox.root().join("target/root")).unwrap();
    let id = sandbox.task("One", &[]);
    let shared = [(r"\d+ of them shared", "[N] of them shared")];
    snapshot!(mask_also(sandbox.run(&id), &shared), @"
    exit: 0
    ----- stdout -----
    [RUN]  ready_for_review  review
      checks passed on this tree and the policy allows it; it may be accepted
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    cache target: 1 file, [N] of them shared, 1 left out
    warning: cache other is not ignored by Git, so the worktree starts without it
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
    ");
    assert_eq!(sandbox.file_at(&format!("ai/{id}/1"), "work.txt"), "warm");
    assert_eq!(
        (
            sandbox.read("target/warm").as_str(),
            sandbox.root().join("target/more").exists()
        ),
        ("warm", false)
    );
    assert!(std::fs::symlink_metadata(slot(&sandbox).join("target/root")).is_err());
    // Its own cache is warmer than ours by now.
    sandbox.set_script("fake", "cat target/warm > work.txt");
    let next = sandbox.task("Two", &[]);
    assert_eq!(sandbox.run(&next).code, Some(0));
    assert_eq!(sandbox.file_at(&format!("ai/{next}/1"), "work.txt"), "hot");
}

#[test]
fn runs_side_by_side_have_ports_of_their_own() {
    let config = "version: 1
runs: {grace: 1s, ports: {PORT: 1, DB_PORT: 2}, setup: 'echo $PORT $DB_PORT > .ports', port_base: 23000}
checks: {unit: {run: 'test -f work.txt && echo $PORT'}}
";
    let script = "echo $PORT $DB_PORT > work.txt; cmp .ports work.txt || exit 1; echo x > \"$BASE/at-$AI_TASK\"; read x < \"$BASE/gate-$AI_TASK\"";
    let sandbox = Sandbox::project();
    sandbox.write(".gitignore", ".ports\n");
    sandbox.add_agent("first", script);
    sandbox.add_agent("second", script);
    sandbox.configure(config);
    let tasks = ["One", "Two"].map(|title| sandbox.task(title, &[]));
    let gates = tasks
        .each_ref()
        .map(|id| sandbox.pipe(&format!("gate-{id}")));
    let commands = [(0, "first"), (1, "second")].map(|(n, agent)| {
        let command = sandbox.start(&["run", &tasks[n], "--agent", agent]);
        wait_for(&sandbox.base().join(format!("at-{}", tasks[n])));
        command
    });
    for (command, gate) in commands.into_iter().zip(&gates) {
        open_gate(gate);
        let outcome = command.wait();
        assert_eq!(outcome.code, Some(0), "{outcome}");
    }
    let ports = tasks.each_ref().map(|id| {
        let own = sandbox.file_at(&format!("ai/{id}/1"), "work.txt");
        let record: Value =
            serde_json::from_str(&sandbox.run_file(&format!("{id}.1"), "run.json")).unwrap();
        assert_eq!(
            own,
            format!("{} {}", record["ports"]["PORT"], record["ports"]["DB_PORT"])
        );
        own
    });
    let all: std::collections::BTreeSet<&str> =
        ports.iter().flat_map(|own| own.split(' ')).collect();
    assert_eq!(all.len(), 4, "{ports:?}");
    let outcome = sandbox.evidence_of(&format!("{}.1", tasks[0])).join("\n");
    snapshot!(outcome, @"
    check unit
    diff diff
    events events
    log stderr
    log stdout
    prompt prompt
    record agent
    record checks
    record routing
    record run
    setup setup
    statement statement
    ");
}

#[test]
fn a_full_disk_is_said_before_anything_is_claimed() {
    let config = "version: 1\nruns: {disk_floor_mb: 4000000000}\nchecks: {unit: {run: 'true'}}\n";
    let sandbox = Sandbox::with_agent(config, GOOD);
    let id = sandbox.task("One", &[]);
    let free = [(r"only \d+ MiB", "only [N] MiB")];
    snapshot!(mask_also(sandbox.run(&id), &free), @"
    exit: 75
    ----- stdout -----
    ----- stderr -----
    error: only [N] MiB are free at [PATH]/home/.cache/ai/repo-[PLACES], [SHORT] MiB are needed
      next: `ai worktree prune --dry-run` shows what can go; `runs.disk_floor_mb` in .ai/config.yaml is the limit
    ");
    assert_eq!(sandbox.status(&id), "queued");
    assert!(sandbox.runs_of(&id).is_empty());
    sandbox.is_at_rest(&id);
}

#[test]
fn checkouts_of_all_repositories_on_a_disk_wait_for_each_other() {
    use std::os::unix::fs::MetadataExt;
    let sandbox = Sandbox::with_script(GOOD);
    let id = sandbox.task("One", &[]);
    let device = std::fs::metadata(sandbox.root()).unwrap().dev();
    let dir = sandbox.base().join("home/.config/ai/locks");
    std::fs::create_dir_all(&dir).unwrap();
    let other = std::fs::File::create(dir.join(format!("disk-{device:x}.lock"))).unwrap();
    other.lock().unwrap();
    let run = sandbox.start(&["run", &id]);
    poll::until("it is told", PATIENCE, || {
        run.said()
            .contains("waiting for another checkout on this disk")
    });
    assert!(!slot(&sandbox).exists());
    // The kernel gives the lock of a process back that was killed, as it does with this one.
    drop(other);
    let outcome = run.wait();
    assert_eq!(outcome.code, Some(0), "{outcome}");
}

#[test]
fn what_a_removal_that_was_cut_off_left_goes_with_the_next() {
    let (sandbox, _) = one_run();
    let trash = sandbox.slot(".trash-w9-abcdef");
    std::fs::create_dir_all(&trash).unwrap();
    std::fs::write(trash.join("file"), "x").unwrap();
    sandbox.ai_ok(&["worktree", "prune", "--dry-run"]);
    assert!(trash.exists());
    sandbox.ai_ok(&["worktree", "prune", "--yes"]);
    assert!(!trash.exists());
}

#[test]
fn the_work_of_a_run_is_no_deletion_in_its_worktree() {
    let (sandbox, _) = one_run();
    assert_eq!(
        sandbox.git(&[
            "-C",
            sandbox.slot("w1").to_str().unwrap(),
            "status",
            "--porcelain"
        ]),
        ""
    );
}
