//! Runs that go well, and the ordinary ways in which they do not: what they leave, what they
//! refuse, who waits for whom.

use crate::snapshot;
use crate::support::runs::{CONFIG, GOOD, WHOLE, open_gate, wait_for};
use crate::support::{Sandbox, mask_also, run};

#[test]
fn a_good_run_waits_for_a_review_with_all_its_evidence() {
    let sandbox = Sandbox::with_script(
        "cat > \"$BASE/stdin\"; cp \"$1\" \"$BASE/file\"; env > \"$BASE/env\"; pwd > \"$BASE/pwd\"; echo work > work.txt",
    );
    let id = sandbox.task("Write it", &["--body", "All of it.", "--path", "work.txt"]);
    let mut command = sandbox.ai_command(&["run", &id, "--json"]);
    let outcome = run(command.env("SOME_SECRET", "not for agents"));
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let report = outcome.json();
    assert_eq!(report["outcome"], "ready_for_review");
    assert_eq!(report["warnings"], serde_json::json!([]), "{report}");
    let run_id = format!("{id}.1");
    assert_eq!(sandbox.evidence_of(&run_id), WHOLE);
    sandbox.is_at_rest(&id);

    let read = |name: &str| std::fs::read_to_string(sandbox.base().join(name)).unwrap();
    assert_eq!(read("stdin"), read("file"));
    assert_eq!(read("stdin"), sandbox.run_file(&run_id, "prompt.md"));
    snapshot!(read("stdin"));
    assert_eq!(read("pwd").trim_end(), sandbox.slot("w1").to_str().unwrap());
    let env = read("env");
    let mut ours: Vec<&str> = env.lines().filter(|line| line.starts_with("AI_")).collect();
    ours.sort_unstable();
    snapshot!(ours.join("\n"), @"
    AI_ACTOR=agent:fake#[SESSION]
    AI_RUN=[RUN]
    AI_SOCKET=[PATH]/repo/.git/ai/runs/[RUN]/socket
    AI_SOCKET_KEY=[UID]
    AI_TASK=[TASK]
    ");
    let is_kept_away =
        |line: &&str| line.starts_with("SOME_SECRET=") || line.starts_with("GIT_CONFIG_GLOBAL=");
    assert_eq!(env.lines().find(is_kept_away), None);

    let branch = format!("ai/{id}/1");
    assert_eq!(sandbox.file_at(&branch, "work.txt"), "work");
    let message = sandbox.git(&["log", "-1", "--format=%B", &branch]);
    let expected = format!("Write it\n\nAI-Task: {id}\nAI-Run: {run_id}\nAI-Agent: fake");
    assert_eq!(message.trim_end(), expected);
    assert_eq!(
        sandbox.git(&["status", "--porcelain"]),
        "",
        "the main checkout was touched"
    );
    let statement: serde_json::Value =
        serde_json::from_str(&sandbox.run_file(&run_id, "statement.json")).unwrap();
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
}

#[test]
fn the_next_run_in_the_slot_is_quiet_and_leaves_no_refs() {
    let sandbox = Sandbox::with_script(GOOD);
    for n in 1..=3 {
        let id = sandbox.task(&format!("Task {n}"), &[]);
        let outcome = sandbox.run(&id);
        snapshot!(outcome, @"
        exit: 0
        ----- stdout -----
        [RUN]  ready_for_review  review
          checks passed on this tree and the policy allows it; it may be accepted
        ----- stderr -----
        run [RUN]: fake on branch ai/[TASK]/1, for main
        sandbox of [RUN]: none, network on
        check unit: test -f work.txt
        check unit: passed
        look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
        ");
    }
    assert_eq!(sandbox.refs("refs/ai/"), [""; 0]);
    assert_eq!(sandbox.refs("refs/heads/ai/").len(), 3);
}

#[test]
fn work_that_somebody_left_in_the_slot_is_saved_before_the_next_run() {
    let sandbox = Sandbox::with_script(GOOD);
    let one = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&one).code, Some(0));
    std::fs::write(sandbox.slot("w1/late.txt"), "by hand").unwrap();
    let two = sandbox.task("Two", &[]);
    let outcome = sandbox.run(&two);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let saved = sandbox.refs("refs/ai/rescue/");
    assert_eq!(saved, ["refs/ai/rescue/slot/w1"]);
    assert_eq!(sandbox.file_at(&saved[0], "late.txt"), "by hand");
    assert!(!sandbox.slot("w1/late.txt").exists());
}

#[test]
fn nothing_runs_before_the_user_trusts_it() {
    let sandbox = Sandbox::with_script("touch \"$BASE/ran\"");
    let id = sandbox.task("One", &[]);
    sandbox.write(
        ".ai/config.yaml",
        CONFIG.replace("test -f", "touch ran; test -f"),
    );
    snapshot!(sandbox.run(&id), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    error: this run (.ai/config.yaml was changed) would run code that came with this repository, and this machine has not been told to trust it
      next: look at it with `ai trust --show`, then say `ai trust`
    ");
    assert!(!sandbox.base().join("ran").exists());
    assert_eq!(sandbox.status(&id), "queued");
}

#[test]
fn of_two_runs_of_one_task_one_wins() {
    let sandbox = Sandbox::with_script(
        "echo x > \"$BASE/started\"; read x < \"$BASE/gate\"; echo work > work.txt",
    );
    let gate = sandbox.pipe("gate");
    let id = sandbox.task("One", &[]);
    let first = sandbox.start(&["run", &id]);
    wait_for(&sandbox.base().join("started"));
    snapshot!(sandbox.run(&id), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is held by agent:fake#[SESSION] for another [LEFT]
      next: wait, take another (`ai task claim --next`), or see `ai why [TASK]`
    ");
    open_gate(&gate);
    let first = first.wait();
    assert_eq!(first.code, Some(0), "{first}");
    assert_eq!(sandbox.runs_of(&id).len(), 1);
    sandbox.is_at_rest(&id);
}

#[test]
fn overlapping_paths_wait_and_disjoint_ones_run_side_by_side() {
    let work = "echo x > \"$BASE/started-$AI_TASK\"; read x < \"$BASE/gate-$AI_TASK\"; mkdir -p a b; echo work > work.txt";
    let sandbox = Sandbox::with_script(work);
    sandbox.add_agent("second", work);
    sandbox.configure(CONFIG);
    let one = sandbox.task("One", &["--path", "a/", "--shared", "work.txt"]);
    let overlapping = sandbox.task("Overlapping", &["--path", "a/deep/*.rs"]);
    let disjoint = sandbox.task("Disjoint", &["--path", "b/", "--shared", "work.txt"]);
    let gates = [&one, &disjoint].map(|id| sandbox.pipe(&format!("gate-{id}")));
    let first = sandbox.start(&["run", &one, "--agent", "fake"]);
    wait_for(&sandbox.base().join(format!("started-{one}")));

    snapshot!(sandbox.ai(&["run", &overlapping, "--agent", "second"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: `a/deep/*.rs` meets `a`, locked exclusively by agent:fake#[SESSION] ([TASK]) for another [LEFT]: both match `a/deep/.rs`
      next: `ai lock list` shows who holds what; `ai task show [TASK]` what for
    ");
    assert_eq!(sandbox.runs_of(&overlapping).len(), 0);

    let second = sandbox.start(&["run", &disjoint, "--agent", "second"]);
    wait_for(&sandbox.base().join(format!("started-{disjoint}")));
    let slots: Vec<_> = [&one, &disjoint]
        .map(|id| sandbox.last_run(id)["worktree"].clone())
        .into();
    assert_eq!(slots, ["w1", "w2"]);
    gates.iter().for_each(|gate| open_gate(gate));
    for outcome in [first.wait(), second.wait()] {
        assert_eq!(outcome.code, Some(0), "{outcome}");
    }
    for id in [&one, &disjoint] {
        assert_eq!(sandbox.status(id), "review");
        sandbox.is_at_rest(id);
        sandbox.ai_ok(&["accept", id]);
    }
}

#[test]
fn an_agent_at_its_limit_is_asked_later() {
    let sandbox = Sandbox::with_script(
        "echo x > \"$BASE/started\"; read x < \"$BASE/gate\"; echo work > work.txt",
    );
    let gate = sandbox.pipe("gate");
    let (one, two) = (sandbox.task("One", &[]), sandbox.task("Two", &[]));
    let first = sandbox.start(&["run", &one]);
    wait_for(&sandbox.base().join("started"));
    snapshot!(sandbox.run(&two), @"
    exit: 75
    ----- stdout -----
    ----- stderr -----
    error: agent fake is at work on 1 run, which is its limit
      next: wait, or raise `limits.parallel` in .ai/agents/fake.yaml and say `ai trust`
    ");
    assert_eq!(
        sandbox.status(&two),
        "queued",
        "a refused run leaves no claim"
    );
    open_gate(&gate);
    assert_eq!(first.wait().code, Some(0));
}

/// Runs one task with these checks and returns its report.
fn judged(checks: &str, script: &str) -> (Sandbox, serde_json::Value) {
    let sandbox = Sandbox::with_agent(
        &format!("version: 1\nruns: {{grace: 1s}}\nchecks:\n{checks}"),
        script,
    );
    let id = sandbox.task("One", &[]);
    let outcome = sandbox.ai(&["run", &id, "--json"]);
    let report = outcome.json();
    sandbox.is_at_rest(&id);
    (sandbox, report)
}

fn checks_of(sandbox: &Sandbox, report: &serde_json::Value) -> serde_json::Value {
    serde_json::from_str(&sandbox.run_file(report["run"]["id"].as_str().unwrap(), "checks.json"))
        .unwrap()
}

#[test]
fn a_failing_check_sends_the_work_back_with_a_note() {
    let (sandbox, report) = judged(
        "  unit: {run: 'test -f work.txt || exit 0; echo this is wrong; exit 1'}\n",
        GOOD,
    );
    assert_eq!(report["outcome"], "send_back_checks", "{report}");
    assert_eq!(report["task"]["status"], "queued");
    assert_eq!(report["task"]["attempts"], 1);
    let id = report["task"]["id"].as_str().unwrap();
    assert_eq!(
        sandbox.file_at(&format!("ai/{id}/1"), "work.txt"),
        "work",
        "the work is kept"
    );
    snapshot!(sandbox.run(id), @"
    exit: 6
    ----- stdout -----
    [RUN]  send_back_checks  blocked
      check `unit` failed (exit code 1)
        this is wrong
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/2, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt || exit 0; echo this is wrong; exit 1
    check unit: failed (exit code 1)
    check unit on the base commit: passed, as before
    ");
    snapshot!(sandbox.run_file(&format!("{id}.2"), "prompt.md"));
    sandbox.ai_ok(&["task", "unhold", id]);
    snapshot!(sandbox.run(id), @"
    exit: 6
    ----- stdout -----
    [RUN]  send_back_checks  failed
      check `unit` failed (exit code 1)
        this is wrong
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/3, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt || exit 0; echo this is wrong; exit 1
    check unit: failed (exit code 1)
    check unit on the base commit: passed, as before
    ");
    assert_eq!(sandbox.status(id), "failed", "three attempts are the limit");
}

#[test]
fn a_check_at_its_time_limit_is_broken_and_not_failed() {
    let (sandbox, report) = judged("  slow: {run: sleep 600, timeout: 1s}\n", GOOD);
    assert_eq!(
        report["verdict"]["verification"], "check_broken",
        "{report}"
    );
    assert_eq!(report["outcome"], "environment");
    assert_eq!(report["task"]["status"], "review");
    let why = &checks_of(&sandbox, &report)[0]["status"]["broken"]["why"];
    assert_eq!(why, "stopped after 1 s: time limit");
    snapshot!(report["summary"].as_str().unwrap(), @"check `slow` broken (stopped after 1 s: time limit)");
    let id = report["task"]["id"].as_str().unwrap();
    snapshot!(sandbox.ai(&["accept", id]), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    the checks have not passed on this work; running them again
    check slow: sleep 600
    check slow: broken (stopped after 1 s: time limit)
    error: the checks are `check_broken` on tree [SHORT] of [TASK]: slow broken (stopped after 1 s: time limit) (log: [PATH]/repo/.git/ai/runs/[RUN]/accept-[SHORT]/slow.log)
      next: `tail -n 50 [PATH]/repo/.git/ai/runs/[RUN]/accept-[SHORT]/slow.log` shows the end of its output; `ai reject [TASK] --note TEXT` has it done again
    ");
}

#[test]
fn a_check_that_is_missing_its_program_is_broken() {
    let (_sandbox, report) = judged("  unit: {run: [no-such-program-here]}\n", GOOD);
    assert_eq!(
        report["verdict"]["verification"], "check_broken",
        "{report}"
    );
    snapshot!(report["summary"].as_str().unwrap(), @"check `unit` broken (could not start: cannot start `no-such-program-here`: no such program: No such file or directory (os error 2))");
}

#[test]
fn what_a_check_leaves_running_is_ended() {
    let check = "setsid sh -c 'sleep 600 & sleep 600' & test -f work.txt";
    let (_sandbox, report) = judged(&format!("  unit: {{run: \"{check}\"}}\n"), GOOD);
    assert_eq!(report["outcome"], "ready_for_review", "{report}");
}

#[test]
fn junit_reports_name_the_failures() {
    let check = "  unit:
    run: mkdir -p out; cp results.xml out/r.xml; exit 1
    parser: junit
    report: out/*.xml
";
    let script = "cat > results.xml <<'X'\n<testsuite tests=\"2\" failures=\"1\"><testcase name=\"good\" classname=\"a\"/><testcase name=\"bad\" classname=\"a\"><failure message=\"was 3\">expected 2</failure></testcase></testsuite>\nX\n";
    let (sandbox, report) = judged(check, script);
    assert_eq!(report["outcome"], "send_back_checks", "{report}");
    let checks = checks_of(&sandbox, &report);
    assert_eq!(checks[0]["counts"]["failed"], 1, "{checks}");
    snapshot!(report["summary"].as_str().unwrap(), @"
    check `unit` failed (1 passed, 1 failed: a bad)
      a bad: was 3
    ");
}

#[test]
fn a_stale_junit_report_proves_nothing() {
    let check = "  unit: {run: 'true', parser: junit, report: 'out/*.xml'}\n";
    let script = "mkdir out; echo '<testsuite tests=\"1\"><testcase name=\"good\"/></testsuite>' > out/r.xml";
    let (_sandbox, report) = judged(check, script);
    assert_eq!(
        report["verdict"]["verification"], "check_broken",
        "{report}"
    );
    snapshot!(report["summary"].as_str().unwrap(), @"check `unit` broken (no new report matches out/*.xml)");
}

#[test]
fn git_works_in_the_place_of_the_checks_and_reaches_nothing_else() {
    let checks = "  git:
    run: |
      git status --porcelain > status && git describe --tags > described && git rev-parse HEAD HEAD^{tree} > head || exit 1
      cat described head; test -z \"$(grep -v '^??' status)\" || exit 1
      git -c user.name=x -c user.email=x@y commit -q --allow-empty -m mine && git branch planted && git config core.fsmonitor evil
";
    let sandbox = Sandbox::with_agent(&format!("version: 1\nchecks:\n{checks}"), GOOD);
    sandbox.git(&["tag", "-a", "-m", "release", "v1"]);
    let before = sandbox.read(".git/config");
    for _ in 0..2 {
        let id = sandbox.task("One", &[]);
        let outcome = sandbox.run(&id);
        assert_eq!(
            outcome.code,
            Some(0),
            "{outcome}\n{}",
            sandbox.run_file(&format!("{id}.1"), "checks/git.log")
        );
        let log = sandbox.run_file(&format!("{id}.1"), "checks/git.log");
        let [commit, tree] =
            ["", "^{tree}"].map(|what| sandbox.git(&["rev-parse", &format!("ai/{id}/1{what}")]));
        let log = log
            .replace(&commit, "[the commit]")
            .replace(&tree, "[its tree]");
        snapshot!(mask_also(log, &[("v1-1-g[0-9a-f]+", "v1-1-g[SHORT]")]), @r"
        v1-1-g[SHORT]
        [the commit]
        [its tree]
        ");
    }
    assert_eq!(sandbox.refs("refs/heads/planted"), [""; 0]);
    assert_eq!(sandbox.read(".git/config"), before);
}

#[test]
fn advisory_checks_do_not_decide() {
    let (_sandbox, report) = judged(
        "  unit: {run: test -f work.txt}\n  lint: {run: 'false', required: false}\n",
        GOOD,
    );
    assert_eq!(report["outcome"], "ready_for_review", "{report}");
}

#[test]
fn without_any_check_the_work_is_unverified() {
    let sandbox = Sandbox::with_agent("version: 1\n", GOOD);
    let id = sandbox.task("One", &[]);
    let report = sandbox.ai(&["run", &id, "--json"]).json();
    assert_eq!(
        (&report["outcome"], &report["task"]["status"]),
        (&"unverified".into(), &"review".into())
    );
}

#[test]
fn the_setup_command_prepares_the_worktree() {
    let config = "version: 1\nruns: {setup: 'echo ready > .prepared'}\nchecks: {unit: {run: test -f work.txt}}\n";
    let sandbox = Sandbox::with_agent(
        config,
        "test -f .prepared && test -f .env && echo work > work.txt",
    );
    sandbox.write(".gitignore", ".prepared\n.env\n");
    sandbox.write(".worktreeinclude", ".env\n");
    sandbox.commit("ignore");
    sandbox.write(".env", "KEY=value\n");
    let id = sandbox.task("One", &[]);
    let outcome = sandbox.run(&id);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(
        sandbox.git(&["diff", "--name-only", "main", &format!("ai/{id}/1")]),
        "work.txt"
    );
}

#[test]
fn a_setup_that_fails_is_the_machines_fault() {
    let config =
        "version: 1\nruns: {setup: 'echo broken >&2; exit 3'}\nchecks: {unit: {run: 'true'}}\n";
    let sandbox = Sandbox::with_agent(config, GOOD);
    let id = sandbox.task("One", &[]);
    snapshot!(sandbox.run(&id), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    setup of the worktree (sandbox: none, network on)
    run [RUN]: could not be seen through
    error: the setup command (`runs.setup`) failed: exit code 3; its output is in [PATH]/repo/.git/ai/runs/[RUN]/setup.log
      next: mend it, then do it again; `ai doctor` looks at everything that `ai` stands on
    ");
    let task = sandbox.show(&id);
    assert_eq!(task.get("attempts"), None, "{task}");
    sandbox.is_at_rest(&id);
    for _ in 0..2 {
        sandbox.run(&id);
    }
    assert_eq!(
        sandbox.show(&id)["blocked_by"],
        "parked",
        "what fails again and again waits for a person"
    );
}

#[test]
fn the_most_urgent_ready_task_is_run() {
    let sandbox = Sandbox::with_script(GOOD);
    let (_later, urgent) = (
        sandbox.task("Later", &[]),
        sandbox.task("Urgent", &["--priority", "0"]),
    );
    let report = sandbox.ai_json(&["run", "--next"]);
    assert_eq!(report["task"]["id"], urgent);
    sandbox.is_at_rest(&urgent);
}

#[test]
fn a_list_of_files_brings_only_what_git_ignores_and_what_is_a_file() {
    let sandbox = Sandbox::with_script("test -f .env && cp .env work.txt");
    sandbox.write(".gitignore", ".env\n.nowhere\n.dir\n");
    sandbox.write(
        ".worktreeinclude",
        ".env\nnotes.txt\n.nowhere\n.dir\nnested/\n",
    );
    sandbox.commit("ignore");
    sandbox.write(".env", "KEY=value\n");
    sandbox.write("notes.txt", "mine alone\n");
    std::os::unix::fs::symlink("/nowhere", sandbox.root().join(".nowhere")).unwrap();
    std::os::unix::fs::symlink("/tmp", sandbox.root().join(".dir")).unwrap();
    sandbox.git(&["init", "-q", "nested"]);
    let id = sandbox.task("One", &[]);
    snapshot!(sandbox.run(&id), @"
    exit: 0
    ----- stdout -----
    [RUN]  ready_for_review  review
      checks passed on this tree and the policy allows it; it may be accepted
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    warning: .worktreeinclude names .dir, which is left out: it is no file
    warning: .worktreeinclude names .nowhere, which is left out: it is no file
    warning: .worktreeinclude names nested/, which is left out: Git does not ignore it, so it would become part of the work
    warning: .worktreeinclude names notes.txt, which is left out: Git does not ignore it, so it would become part of the work
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
    ");
    assert_eq!(
        sandbox.git(&["diff", "--name-only", "main", &format!("ai/{id}/1")]),
        "work.txt"
    );
}
