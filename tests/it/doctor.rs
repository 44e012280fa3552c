//! `ai doctor`: one line a thing, the command that helps, the exit code, and not a byte written.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;

use crate::snapshot;
use crate::support::runs::GOOD;
use crate::support::{Outcome, Sandbox, run, run_with_input, tree};

/// What does not depend on the machine: without the user's line, with its numbers masked.
fn examined(scene: &Sandbox, args: &[&str]) -> Outcome {
    let mut outcome = scene.ai(&[&["doctor"], args].concat());
    outcome.stdout = without_user(&outcome.stdout);
    for (pattern, word) in [
        (r"version \d+\.\d+, \S+", "version [VERSION]"),
        (
            r"\S+ +disk +\d+ MiB free(: a worktree may not fit)?",
            "ok    disk       [FREE]",
        ),
        // What the machine lets a run have.
        (r"(?m)^ok +processes .*\n", ""),
        (r"(?m)^ok +resources .*\n", ""),
        (r"time:\[\d+\]", "time:[N]"),
        (r"id [a-z0-9]{26}", "id [ID]"),
        (r"head [0-9a-f]{12,64}", "head [HASH]"),
        (r"newest \S+ old", "newest [AGE] old"),
    ] {
        outcome.stdout = regex::Regex::new(pattern)
            .unwrap()
            .replace_all(&outcome.stdout, word)
            .into_owned();
    }
    outcome
}

fn without_user(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    if let Some(at) = lines.iter().position(|line| line.starts_with("warn  user")) {
        lines.drain(at..at + 2);
    }
    // That scenes have none is said by `AI_SANDBOX`.
    lines.retain(|line| !line.starts_with("warn  sandbox"));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// The findings that are not as they should be.
fn troubles(scene: &Sandbox) -> String {
    troubles_of(scene, &[])
}

fn troubles_of(scene: &Sandbox, args: &[&str]) -> String {
    let findings = scene
        .ai(&[&["doctor", "--json"], args].concat())
        .json_lines();
    let odd = findings
        .iter()
        .filter(|f| f["level"] != "ok" && f["check"] != "user" && f["check"] != "sandbox");
    odd.map(|f| {
        format!(
            "{} {}: {} -> {}\n",
            f["level"], f["check"], f["text"], f["next"]
        )
        .replace('"', "")
    })
    .collect()
}

#[test]
fn a_healthy_project_is_found_healthy() {
    let scene = Sandbox::project();
    snapshot!(examined(&scene, &[]), @"
    exit: 0
    ----- stdout -----
    ok    git        version [VERSION]
    ok    repository a checkout, [PATH]/repo
    ok    store      whole; 0 tasks, 1 record, format 1.3, id [ID]
    ok    log        head [HASH] (`--deep` follows the whole chain)
    ok    backup     there is no backup yet, and little to lose
    ok    link       .ai/state leads to the store
    ok    config     0 checks, 0 modules
    warn  checks     no check is configured, so nothing can be proven
          next       write one below `checks:` in .ai/config.yaml, such as {test: {run: make test}}
    ok    policy     8 rules in force
    ok    agents     0 registered
    ok    trust      nothing waits for your trust
    ok    leases     0 held, none lapsed
    ok    runs       0 active, each with its supervisor
    ok    places     worktrees and checks lie in [PATH]/home/.cache/ai/repo-[PLACES]
    ok    worktrees  0 in the pool
    ok    disk       [FREE]
    ok    clock      leases live on the boot clock, in time:[N]
    ----- stderr -----
    ");
    scene.task("one", &[]);
    snapshot!(examined(&scene, &["--deep"]), @"
    exit: 0
    ----- stdout -----
    ok    git        version [VERSION]
    ok    repository a checkout, [PATH]/repo
    ok    store      whole; 1 task, 3 records, format 1.3, id [ID]
    ok    log        3 records, chain intact, tables agree; head [HASH]
    ok    backup     there is no backup yet, and little to lose
    ok    link       .ai/state leads to the store
    ok    config     0 checks, 0 modules
    warn  checks     no check is configured, so nothing can be proven
          next       write one below `checks:` in .ai/config.yaml, such as {test: {run: make test}}
    ok    policy     8 rules in force
    ok    agents     0 registered
    ok    trust      nothing waits for your trust
    ok    leases     0 held, none lapsed
    ok    runs       0 active, each with its supervisor
    ok    places     worktrees and checks lie in [PATH]/home/.cache/ai/repo-[PLACES]
    ok    worktrees  0 in the pool
    ok    disk       [FREE]
    ok    clock      leases live on the boot clock, in time:[N]
    ----- stderr -----
    ");
}

#[test]
fn nothing_is_written() {
    let scene = Sandbox::project();
    scene.task("one", &[]);
    // The shared-memory file is SQLite's own scratch, which every reader of a WAL database touches.
    let look = || {
        tree(&scene.base(), |path| {
            !path.to_string_lossy().ends_with("ai.db-shm")
        })
    };
    let before = look();
    scene.ai_ok(&["doctor", "--deep"]);
    assert_eq!(look(), before);
}

#[test]
fn broken_files_of_the_project_are_named_with_what_helps() {
    let scene = Sandbox::project();
    scene.write(".ai/config.yaml", "version: 1\nnonsense: 1\n");
    scene.write(".ai/policy.yaml", "rules: [");
    scene.write(".ai/agents/x.yaml", "name: [");
    std::fs::remove_file(scene.root().join(".ai/state")).unwrap();
    assert_eq!(scene.ai(&["doctor"]).code, Some(1));
    snapshot!(troubles(&scene), @"
    warn link: .ai/state is missing; it is for people alone, `ai` needs it not -> ai init
    bad config: .ai/config.yaml:2:1: the configuration has no field `nonsense`; known are version, modules, checks, defaults, locks, runs, router, scheduler, daemon, budgets, accept, retention, notices, notify, redact -> correct the file, or remove it to work with the defaults
    bad policy: the policy cannot be read, so everything is denied: .ai/policy.yaml:1:8: not usable as YAML: unclosed bracket '[' -> ai policy validate
    bad agents: [PATH]/repo/.ai/agents/x.yaml: line 1, column 7: not usable as YAML: unclosed bracket '[' -> null
    warn trust: .ai/agents/x.yaml was added and 1 more: nothing of it runs on this machine yet -> ai trust --show
    ");
}

#[test]
fn a_fallback_that_names_nobody_is_told() {
    let scene = Sandbox::project();
    scene.ai_ok(&[
        "agent",
        "register",
        "one",
        "--connector",
        "command",
        "--fallback",
        "nobody",
        "--",
        "true",
    ]);
    scene.write(
        ".ai/config.yaml",
        "version: 1\nrouter: {fallback: {claude: [one]}}\n",
    );
    scene.ai_ok(&["trust"]);
    snapshot!(troubles(&scene), @"
    warn checks: no check is configured, so nothing can be proven -> write one below `checks:` in .ai/config.yaml, such as {test: {run: make test}}
    warn agents: a fallback names `claude`, and no agent has that name -> ai agent list
    warn agents: a fallback names `nobody`, and no agent has that name -> ai agent list
    ");
}

#[test]
fn a_store_that_cannot_be_used_is_exit_9() {
    let scene = Sandbox::repository();
    let code = |what: &str| assert_eq!(scene.ai(&["doctor"]).code, Some(9), "{what}");
    code("never made");
    snapshot!(troubles(&scene), @"
    bad store: this repository has no task store yet -> ai init
    warn link: .ai/state is missing; it is for people alone, `ai` needs it not -> ai init
    warn checks: no check is configured, so nothing can be proven -> write one below `checks:` in .ai/config.yaml, such as {test: {run: make test}}
    ");
    scene.ai_ok(&["init"]);
    scene.task("one", &[]);
    let (store, aside) = (scene.store(), scene.base().join("aside.db"));
    std::fs::rename(&store, &aside).unwrap();
    code("gone");
    snapshot!(troubles(&scene), @"
    bad store: the task store [PATH]/repo/.git/ai/ai.db is gone, but its directory is still there -> ai restore --dry-run
    warn backup: there is no backup -> null
    warn checks: no check is configured, so nothing can be proven -> write one below `checks:` in .ai/config.yaml, such as {test: {run: make test}}
    ");
    std::fs::write(&store, "").unwrap();
    code("empty");
    std::fs::write(
        &store,
        "not a database, but long enough to be looked at as one",
    )
    .unwrap();
    code("foreign");
    snapshot!(troubles(&scene), @"
    bad store: [PATH]/repo/.git/ai/ai.db is not a task store of `ai`: file is not a database -> move that file away, then `ai restore --dry-run`
    warn backup: there is no backup -> null
    warn checks: no check is configured, so nothing can be proven -> write one below `checks:` in .ai/config.yaml, such as {test: {run: make test}}
    ");
}

#[test]
fn a_record_that_was_changed_is_found_by_a_deep_look() {
    let scene = Sandbox::project();
    scene.task("one", &[]);
    scene.task("two", &[]);
    let db = Connection::open(scene.store()).unwrap();
    db.execute_batch("DROP TRIGGER event_append_only_update")
        .unwrap();
    db.execute(
        "UPDATE event SET body = replace(body, 'one', 'uno') WHERE seq = 3",
        [],
    )
    .unwrap();
    drop(db);
    assert_eq!(scene.ai(&["doctor", "--deep"]).code, Some(1));
    snapshot!(troubles_of(&scene, &["--deep"]), @"
    bad log: record 3 was changed after it was written -> ai restore --dry-run
    warn checks: no check is configured, so nothing can be proven -> write one below `checks:` in .ai/config.yaml, such as {test: {run: make test}}
    ");
}

#[test]
fn what_the_repository_brings_and_what_lapsed_is_said() {
    let scene = Sandbox::project();
    let task = scene.task("one", &[]);
    scene.ai_ok(&["task", "claim", &task, "--ttl", "1ms"]);
    scene.write(
        ".ai/agents/new.yaml",
        "version: 1\nname: new\nconnector: command\nargv: [true]\n",
    );
    crate::support::poll::until(
        "the lease lapses",
        std::time::Duration::from_secs(5),
        || {
            troubles(&scene)
                .lines()
                .any(|line| line.starts_with("warn leases"))
        },
    );
    snapshot!(troubles(&scene), @"
    warn checks: no check is configured, so nothing can be proven -> write one below `checks:` in .ai/config.yaml, such as {test: {run: make test}}
    warn trust: .ai/agents/new.yaml was added: nothing of it runs on this machine yet -> ai trust --show
    warn leases: 1 lapsed without a word: [TASK] -> ai why [TASK]; whoever claims it next takes it over
    ");
    assert_eq!(
        scene.ai(&["doctor"]).code,
        Some(0),
        "a warning is no failure"
    );
}

#[test]
fn hooks_that_vanish_in_worktrees_are_named() {
    let scene = Sandbox::project();
    scene.write(".husky/_/pre-commit", "#!/bin/sh\n");
    scene.git(&["config", "core.hooksPath", ".husky/_"]);
    snapshot!(troubles(&scene), @"
    warn hooks: your hooks lie in .husky/_ (made by husky), which is not committed: no linked worktree has it, so none of them runs there -> name the same checks under `checks:` in .ai/config.yaml, which `ai` runs itself
    warn checks: no check is configured, so nothing can be proven -> write one below `checks:` in .ai/config.yaml, such as {test: {run: make test}}
    ");
    scene.git(&["add", "-f", ".husky/_/pre-commit"]);
    scene.git(&["commit", "-q", "--no-verify", "-m", "hooks"]);
    // Every worktree has them now.
    snapshot!(troubles(&scene), @"warn checks: no check is configured, so nothing can be proven -> write one below `checks:` in .ai/config.yaml, such as {test: {run: make test}}");
}

#[test]
fn odd_worktrees_are_named() {
    let scene = Sandbox::project();
    scene.write(".ai/worktrees/mine/file", "x");
    snapshot!(troubles(&scene), @"
    warn checks: no check is configured, so nothing can be proven -> write one below `checks:` in .ai/config.yaml, such as {test: {run: make test}}
    warn worktrees: [PATH]/repo/.ai/worktrees/mine is a directory that Git does not know as a worktree -> look at [PATH]/repo/.ai/worktrees/mine and move away what is yours
    ");
    assert!(Path::new(&scene.root().join(".ai/worktrees/mine/file")).exists());
}

#[test]
fn bare_repositories_and_linked_worktrees_are_examined() {
    let scene = Sandbox::empty();
    scene.git(&["init", "-q", "--bare"]);
    scene.ai_ok(&["init"]);
    snapshot!(examined(&scene, &[]), @r#"
    exit: 0
    ----- stdout -----
    ok    git        version [VERSION]
    ok    repository a bare repository, [PATH]/repo
    ok    store      whole; 0 tasks, 1 record, format 1.3, id [ID]
    ok    log        head [HASH] (`--deep` follows the whole chain)
    ok    backup     there is no backup yet, and little to lose
    ok    project    a bare repository has no .ai/; the defaults and the built-in rules count
    ok    leases     0 held, none lapsed
    ok    runs       0 active, each with its supervisor
    ok    disk       [FREE]
    ok    clock      leases live on the boot clock, in time:[N]
    ----- stderr -----
    "#);
    let scene = Sandbox::project();
    let other = scene.worktree("other");
    let outcome = scene.ai_in(&other, &["doctor"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let told = outcome
        .stdout
        .lines()
        .find(|line| line.starts_with("ok    repository"));
    snapshot!(told.unwrap_or_default(), @"ok    repository a linked worktree of [PATH]/repo");
}

/// What the doctor says of one thing, a line a finding: `level: text -> next`.
fn said(outcome: &Outcome, check: &str) -> String {
    let findings = outcome.json_lines();
    let of_it = findings.iter().filter(|finding| finding["check"] == check);
    let line = |finding: &Value| {
        let next = finding["next"].as_str().unwrap_or("nothing");
        let text = finding["text"].as_str().unwrap();
        format!("{}: {text} -> {next}\n", finding["level"].as_str().unwrap())
    };
    of_it.map(line).collect()
}

#[test]
fn a_sandbox_is_told_by_its_name_and_a_wrong_word_with_the_right_ones() {
    let scene = Sandbox::project();
    let found = |wish: &str| {
        let mut doctor = scene.ai_command(&["doctor", "--json"]);
        said(&run(doctor.env("AI_SANDBOX", wish)), "sandbox")
    };
    for layer in crate::sandbox::layers() {
        let found = found(layer);
        assert!(
            found.starts_with(&format!("ok: {layer}; a CLI can")),
            "{found}"
        );
    }
    snapshot!(found("none") + &found("chroot"), @"
    warn: none, as you asked: agents and checks may do whatever you may -> nothing
    bad: AI_SANDBOX: `chroot` is no sandbox: auto, bubblewrap, landlock or none -> nothing
    ");
}

#[test]
fn credentials_are_looked_at_once_they_are_trusted() {
    let scene = Sandbox::project();
    scene.write(
        ".ai/credentials.yaml",
        "version: 1\ncredentials:\n  work: {provider: anthropic, env: WORK_KEY_OF_MINE}\n  spare: {provider: openai, file: ~/key}\n",
    );
    let found = |key: &str| {
        let mut doctor = scene.ai_command(&["doctor", "--json"]);
        said(&run(doctor.env("WORK_KEY_OF_MINE", key)), "credentials")
    };
    let untrusted = found("k3y-of-mine");
    scene.ai_ok(&["trust"]);
    let missing = found("");
    let key = scene.base().join("home/key");
    std::fs::write(&key, "s3cr3t").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let there = found("k3y-of-mine");
    scene.write(".ai/credentials.yaml", "version: 1\ncredentials: 3\n");
    let unreadable = found("k3y-of-mine");
    snapshot!(untrusted + &missing + &there + &unreadable, @r"
    warn: not looked at before you trust them -> ai trust --show
    bad: credential `work`: the variable WORK_KEY_OF_MINE is not set -> nothing
    bad: credential `spare`: [PATH]/home/key: No such file or directory (os error 2) -> nothing
    ok: 2 can be had -> nothing
    bad: .ai/credentials.yaml:2:14: `credentials` must be a mapping of ids, not a single value -> correct .ai/credentials.yaml
    ");
}

#[test]
fn who_keeps_the_write_ahead_log_growing_is_named() {
    let scene = Sandbox::project();
    let reader = Connection::open(scene.store()).unwrap();
    reader
        .query_row("SELECT count(*) FROM event", [], |_| Ok(()))
        .unwrap();
    let mut log = scene.store().into_os_string();
    log.push("-wal");
    let log = std::fs::OpenOptions::new().append(true).open(log).unwrap();
    // Nothing is in it, so that it takes no place on the disk; its size is what is looked at.
    log.set_len(65 << 20).unwrap();
    let found = said(&scene.ai(&["doctor", "--json"]), "wal");
    // The system keeps the first letters of a program's name.
    let me = regex::Regex::new(&format!(r"\b{} \([^)]+\)", std::process::id())).unwrap();
    snapshot!(me.replace(&found, "[ME]"), @"warn: the write-ahead log has grown to 65 MiB: some process keeps an old reading open; it is open in [ME] -> end the process that reads for so long");
    drop(reader);
}

#[test]
fn who_has_the_store_open_or_writes_it_is_named() {
    let scene = Sandbox::project();
    let me = regex::Regex::new(&format!(r"\b{} \([^)]+\)", std::process::id())).unwrap();
    let told = |text: &str| me.replace(text, "[ME]").into_owned();
    let found = || told(&said(&scene.ai(&["doctor", "--json"]), "holder"));
    let nobody = found();
    let other = Connection::open(scene.store()).unwrap();
    other
        .query_row("SELECT count(*) FROM event", [], |_| Ok(()))
        .unwrap();
    let open = found();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let writing = found();
    let mut create = scene.ai_command(&["task", "create", "One"]);
    let busy = run(create.env("AI_TEST_BUSY_MS", "1000"));
    snapshot!(nobody + &open + &writing + &told(&busy.to_string()), @"
    ok: open in [ME] -> nothing
    ok: [ME] writes it now; others wait -> nothing
    exit: 75
    ----- stdout -----
    ----- stderr -----
    error: the task store was busy for 1 second; [ME] writes it
      next: run the command again; `ai doctor` shows who holds the store
    ");
}

#[test]
fn runs_that_were_cut_off_are_named() {
    let scene = Sandbox::with_script(GOOD);
    let id = scene.task("one", &[]);
    let outcome = run(scene
        .ai_command(&["run", &id])
        .env("AI_TEST_FAILPOINT", "agent:kill"));
    assert_eq!(outcome.code, None, "{outcome}");
    snapshot!(troubles(&scene), @"warn runs: 1 cut off, their supervisors are dead: [RUN] -> ai recover [RUN]; the next `ai run` does it too");
}

#[test]
fn a_clock_that_was_set_back_is_told() {
    let scene = Sandbox::project();
    let mut later = scene.ai_command(&["task", "create", "One"]);
    assert_eq!(
        run(later.env("AI_TEST_WALL_OFFSET_MS", "7200000")).code,
        Some(0)
    );
    let found = said(&scene.ai(&["doctor", "--json"]), "clock");
    let ahead =
        regex::Regex::new(r"the newest record is (2h 0m|1h 59m) ahead of the wall clock").unwrap();
    assert!(ahead.is_match(&found), "{found}");
}

#[test]
fn what_runs_have_left_by_the_dozen_is_counted() {
    let scene = Sandbox::project();
    let head = scene.git(&["rev-parse", "HEAD"]);
    let make = |n: usize| format!("create refs/heads/ai/t-0000000{n}/1 {head}\n");
    let many: String = (100..151).map(make).collect();
    let mut update = scene.command("git");
    let made = run_with_input(update.args(["update-ref", "--stdin"]), &many);
    assert_eq!(made.code, Some(0), "{made}");
    snapshot!(troubles(&scene), @"
    warn checks: no check is configured, so nothing can be proven -> write one below `checks:` in .ai/config.yaml, such as {test: {run: make test}}
    warn worktrees: kept: 51 branches of runs, 0 rescues -> ai worktree prune --dry-run
    ");
}

#[test]
fn a_mark_of_another_project_above_the_worktrees_is_named() {
    let scene = Sandbox::project();
    std::fs::write(scene.base().join("home/package.json"), "{}").unwrap();
    snapshot!(said(&scene.ai(&["doctor", "--json"]), "places"), @"warn: [PATH]/home/package.json stands above the worktrees and checks in [PATH]/home/.cache/ai/repo-[PLACES]: without a sandbox, tools may find it there -> move it away, or set AI_CACHE_DIR to a directory of which this is not true");
}

#[test]
fn a_state_link_that_leads_elsewhere_is_told() {
    let scene = Sandbox::project();
    let link = scene.root().join(".ai/state");
    let found = || said(&scene.ai(&["doctor", "--json"]), "link");
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("../elsewhere", &link).unwrap();
    let elsewhere = found();
    std::fs::remove_file(&link).unwrap();
    std::fs::create_dir(&link).unwrap();
    snapshot!(elsewhere + &found(), @r"
    warn: .ai/state leads to ../elsewhere, not to the store -> ai init
    warn: .ai/state should be a link to the store, and is something else -> move .ai/state away, then `ai init`
    ");
}

#[test]
fn what_is_unusual_about_a_repository_is_told() {
    let scene = Sandbox::empty();
    scene.git(&["init", "-q", "--object-format=sha256"]);
    scene.write("README.md", "A project.\n");
    scene.commit("first");
    scene.ai_ok(&["init", "--yes"]);
    let hooks = scene.base().join("hooks");
    scene.git(&["config", "core.hooksPath", hooks.to_str().unwrap()]);
    let found = |check| said(&scene.ai(&["doctor", "--json"]), check);
    snapshot!(found("repository") + &found("hooks"), @r"
    ok: a checkout, [PATH]/repo -> nothing
    ok: SHA-256 objects: every access starts a `git`, which is slower -> nothing
    ok: your hooks lie in [PATH]/hooks, for every worktree -> nothing
    ");
    scene.git(&["config", "remote.origin.url", "https://example.com/x"]);
    scene.git(&["config", "remote.origin.promisor", "true"]);
    scene.git(&["config", "extensions.partialClone", "origin"]);
    snapshot!(found("repository"), @r"
    ok: a checkout, [PATH]/repo -> nothing
    warn: a partial clone: objects that are not here are never fetched by `ai` -> git fetch --refetch --no-filter
    ");
}

#[test]
fn what_instructions_import_is_told_where_agents_may_change_it() {
    let scene = Sandbox::project();
    let told = || {
        let outcome = scene.ai(&["doctor", "--json"]);
        let of = |finding: &serde_json::Value| finding["check"] == "instructions";
        let found = outcome.json_lines().into_iter().find(of);
        found.map(|found| format!("{} -> {}", found["text"], found["next"]))
    };
    scene.write(
        "AGENTS.md",
        "Read @docs/rules.md first, not `@src/main.rs`.\n",
    );
    assert_eq!(told(), None, "a file that is not there");
    scene.write("docs/rules.md", "See @more.md.\n");
    scene.write("docs/more.md", "Be good.\n");
    assert_eq!(told(), None, "the policy of `ai init` follows imports");
    let rule = |more: &str| {
        let text = format!(
            "version: 1\ndefault: allow\nrules:\n  - {{id: r, on: [edit], actors: ['agent:*'], {more}, effect: require_approval, reason: rules}}\n"
        );
        scene.write(".ai/policy.yaml", text);
        told()
    };
    snapshot!(rule("paths: [AGENTS.md]").unwrap(), @r#""instructions of agents import docs/more.md, docs/rules.md, which an agent may change without a person's yes" -> "write `agent_imports: true` into the rule `agent-settings-need-a-human` in .ai/policy.yaml, or into one like it""#);
    assert_eq!(rule("paths: [AGENTS.md], agent_imports: true"), None);
    assert_eq!(rule("paths: [docs/]"), None, "a rule guards them");
}
