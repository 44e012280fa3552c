//! Runs that are cut off: by a person, by `kill -9`, by a reboot. Nothing of them lives on, their
//! work is found, their task goes back.

use crate::snapshot;
use crate::support::runs::{
    Background, CONFIG, GOOD, keepers_of, open_gate, processes_of, wait_for,
};
use crate::support::{Sandbox, poll};

/// Works, then waits for a word that does not come. What it starts does not end by being asked.
const STUCK: &str = "echo half > half.txt; (setsid sh -c 'trap \"\" TERM; sleep 600' &) ; echo x > \"$BASE/started\"; read x < \"$BASE/gate\"; \
                     echo work > work.txt";

/// A run in the middle of its agent's work.
fn stuck(sandbox: &Sandbox, id: &str) -> Background {
    let _ = std::fs::remove_file(sandbox.base().join("started"));
    let command = sandbox.start(&["run", id]);
    wait_for(&sandbox.base().join("started"));
    command
}

/// A task whose agent gets stuck.
fn stuck_agent() -> (Sandbox, String) {
    let sandbox = Sandbox::with_script(STUCK);
    sandbox.pipe("gate");
    let id = sandbox.task("One", &[]);
    (sandbox, id)
}

fn saved_half(sandbox: &Sandbox, id: &str, epoch: u64) {
    assert_eq!(
        sandbox.file_at(&format!("refs/ai/rescue/{id}/{epoch}"), "half.txt"),
        "half"
    );
}

#[test]
fn ctrl_c_saves_the_work_and_counts_nothing() {
    let (sandbox, id) = stuck_agent();
    let command = stuck(&sandbox, &id);
    command.signal("INT");
    snapshot!(command.wait(), @"
    exit: 130
    ----- stdout -----
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    error: run [RUN]: the attempt ended for a reason outside of the work; no attempt is counted: stopped by Ctrl-C
    ");
    sandbox.is_at_rest(&id);
    let task = sandbox.show(&id);
    assert_eq!(
        (&task["status"], task.get("attempts"), task.get("lapses")),
        (&"queued".into(), None, None),
        "{task}"
    );
    assert_eq!(sandbox.file_at(&format!("ai/{id}/1"), "half.txt"), "half");
    let end = &sandbox.last_run(&id)["end"];
    assert_eq!(end["lifecycle"], "killed", "{end}");
    sandbox.set_script("fake", GOOD);
    assert_eq!(sandbox.run(&id).code, Some(0));
    snapshot!(sandbox.run_file(&format!("{id}.2"), "prompt.md"));
}

#[test]
fn ctrl_c_does_not_wait_until_the_work_of_others_is_saved() {
    let sandbox = Sandbox::with_script(GOOD);
    let one = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&one).code, Some(0));
    let many = sandbox.slot("w1/many");
    std::fs::create_dir(&many).unwrap();
    for n in 0..3_000 {
        std::fs::write(many.join(n.to_string()), "by hand").unwrap();
    }
    let two = sandbox.task("Two", &[]);
    let command = sandbox.start_with(&["run", &two], &[("AI_TEST_FAILPOINT", "claimed:stop")]);
    command.until_stopped();
    command.signal("INT");
    command.signal("CONT");
    // Perhaps it had begun to save.
    let outcome = command.wait();
    assert_eq!(outcome.code, Some(130), "{outcome}");
    snapshot!(outcome.stderr.lines().last().unwrap(), @"error: run [RUN]: stopped by a person");
    sandbox.is_at_rest(&two);
    assert_eq!(sandbox.status(&two), "queued");
    assert_eq!(sandbox.refs("refs/ai/rescue/"), [""; 0]);
    assert_eq!(std::fs::read_dir(&many).unwrap().count(), 3_000);
    let outcome = sandbox.run(&two);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(
        sandbox.file_at("refs/ai/rescue/slot/w1", "many/2999"),
        "by hand"
    );
}

#[test]
fn a_second_ctrl_c_ends_ai_on_the_spot() {
    let sandbox = Sandbox::with_agent(
        &CONFIG.replace("grace: 1s", "grace: 5s"),
        &format!("trap '' TERM; {STUCK}"),
    );
    sandbox.pipe("gate");
    let id = sandbox.task("One", &[]);
    let mut command = stuck(&sandbox, &id);
    // Signals of one kind that wait to be heard are one signal, so they are sent until it ends.
    poll::until("it has ended", crate::support::runs::PATIENCE, || {
        command.signal_if_there("INT");
        command.is_over()
    });
    assert_eq!(
        command.wait().code,
        None,
        "it was not killed, but ended in its own time"
    );
    sandbox.ai_ok(&["recover"]);
    sandbox.is_at_rest(&id);
    saved_half(&sandbox, &id, 1);
}

#[test]
fn ctrl_c_during_the_checks_keeps_the_work_for_the_next_run() {
    let check = "version: 1\nruns: {grace: 1s}\nchecks: {unit: {run: 'test -f \"$HOME/go\" || { touch \"$HOME/checking\"; sleep 600; }'}}\n";
    let sandbox = Sandbox::with_agent(check, &format!("echo asked >> \"$BASE/asked\"; {GOOD}"));
    let id = sandbox.task("One", &[]);
    let command = sandbox.start(&["run", &id]);
    wait_for(&sandbox.base().join("home/checking"));
    command.signal("INT");
    snapshot!(command.wait(), @r#"
    exit: 130
    ----- stdout -----
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -f "$HOME/go" || { touch "$HOME/checking"; sleep 600; }
    run [RUN]: stopped by a person; its work stands on ai/[TASK]/1
    error: run [RUN]: stopped by a person; its work stands on ai/[TASK]/1
    "#);
    sandbox.is_at_rest(&id);
    assert_eq!(sandbox.status(&id), "queued");
    std::fs::write(sandbox.base().join("home/go"), "").unwrap();
    let outcome = sandbox.run(&id);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(
        std::fs::read_to_string(sandbox.base().join("asked")).unwrap(),
        "asked\n",
        "the agent is not asked again"
    );
}

#[test]
fn a_killed_supervisor_leaves_nothing_running_and_nothing_lost() {
    let (sandbox, id) = stuck_agent();
    let command = stuck(&sandbox, &id);
    assert_eq!(sandbox.ai_json(&["why", &id])["gates"][0]["gate"], "lease");
    command.signal("KILL");
    assert_eq!(command.wait().code, None);
    let gate = &sandbox.ai_json(&["why", &id])["gates"][0];
    assert_eq!(
        (&gate["gate"], &gate["next"]),
        (&"cut_off".into(), &format!("ai recover {id}.1").into())
    );
    snapshot!(sandbox.ai(&["status"]), @"
    exit: 0
    ----- stdout -----
    1 running
      [TASK]  agent:fake#[SESSION]  cut off, see `ai recover [RUN]`  running (agent, [N] min): One
      agent fake  1/1 at work, ok
    ----- stderr -----
    ");
    sandbox.set_script("fake", GOOD);
    snapshot!(sandbox.run(&id), @"
    exit: 0
    ----- stdout -----
    [RUN]  ready_for_review  review
      checks passed on this tree and the policy allows it; it may be accepted
    ----- stderr -----
    recovered run [RUN]: cut off at step agent: its supervisor died; its work stands on refs/ai/rescue/[TASK]/1
    run [RUN]: fake on branch ai/[TASK]/2, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
    ");
    sandbox.is_at_rest(&id);
    saved_half(&sandbox, &id, 1);
    snapshot!(sandbox.run_file(&format!("{id}.2"), "prompt.md"));
    let files = sandbox.git(&["diff", "--name-only", "main", &format!("ai/{id}/2")]);
    assert_eq!(
        files, "work.txt",
        "what the lost run left is not in the new one's work"
    );
}

#[test]
fn a_recovery_that_was_killed_while_it_saved_the_work_is_seen_through_by_the_next() {
    let (sandbox, id) = stuck_agent();
    let command = stuck(&sandbox, &id);
    command.signal("KILL");
    command.wait();
    // As one leaves it that is killed between the lock of the reference and the reference.
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3_600);
    let name = format!("refs/ai/rescue/{id}/1");
    for (path, text) in [
        (format!("{name}.lock"), String::new()),
        (
            "ai/ref-moves/7-0".to_owned(),
            format!("{name} {}\n", "1".repeat(40)),
        ),
    ] {
        let path = sandbox.root().join(".git").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    let findings = sandbox.ai(&["doctor", "--json"]).json_lines();
    let told = findings.iter().find(|found| found["check"] == "locks");
    snapshot!(told.unwrap(), @r#"{"check":"locks","level":"warn","text":"[PATH]/repo/.git/refs/ai/rescue/[TASK]/1.lock, 60m old, was left by an `ai` that was killed","next":"`ai recover` takes it away"}"#);
    sandbox.ai_ok(&["recover"]);
    sandbox.is_at_rest(&id);
    saved_half(&sandbox, &id, 1);
    let findings = sandbox.ai(&["doctor", "--json"]).json_lines();
    assert_eq!(
        findings.iter().find(|found| found["check"] == "locks"),
        None
    );
}

#[test]
fn both_keepers_and_their_supervisor_killed_together_leave_nothing_running() {
    let (sandbox, id) = stuck_agent();
    let command = stuck(&sandbox, &id);
    let mut targets = keepers_of(&id);
    assert_eq!(targets.len(), 2, "{:?}", processes_of(&id));
    targets.push(command.pid().to_string());
    // Stopped first, so that none sees another die.
    for name in ["STOP", "KILL"] {
        assert!(
            std::process::Command::new("kill")
                .args(["-s", name])
                .args(&targets)
                .status()
                .unwrap()
                .success()
        );
    }
    command.wait();
    sandbox.ai_ok(&["recover"]);
    sandbox.is_at_rest(&id);
    saved_half(&sandbox, &id, 1);
}

#[test]
fn recover_lists_what_it_recovered() {
    let (sandbox, id) = stuck_agent();
    snapshot!(sandbox.ai(&["recover"]), @"
    exit: 0
    ----- stdout -----
    nothing to recover: no run was cut off
    ----- stderr -----
    ");
    let command = stuck(&sandbox, &id);
    snapshot!(sandbox.ai(&["recover", &id]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is running: its supervisor (process [PID]) is at work
      next: `ai task cancel [TASK]` stops it
    ");
    snapshot!(sandbox.ai(&["recover"]), @"
    exit: 0
    ----- stdout -----
    nothing to recover: no run was cut off
    ----- stderr -----
    ");
    command.signal("KILL");
    command.wait();
    let recovered = sandbox.ai_json_lines(&["recover"]);
    assert_eq!(recovered.len(), 1);
    assert_eq!(
        (&recovered[0]["run"], &recovered[0]["step"]),
        (&format!("{id}.1").into(), &"agent".into())
    );
    assert_eq!(recovered[0]["work"], format!("refs/ai/rescue/{id}/1"));
    assert_eq!(sandbox.status(&id), "queued");
    snapshot!(sandbox.ai(&["recover", "t-nosuch.1"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: there is no task `t-nosuch`
      next: `ai task list` shows the tasks
    ");
    assert_eq!(
        sandbox.ai(&["recover", &format!("{id}.1")]).code,
        Some(0),
        "recovered already"
    );
}

#[test]
fn a_task_whose_runs_are_cut_off_again_and_again_waits_for_a_person() {
    let (sandbox, id) = stuck_agent();
    for epoch in 1..=3 {
        let command = stuck(&sandbox, &id);
        command.signal("KILL");
        command.wait();
        sandbox.ai_ok(&["recover"]);
        saved_half(&sandbox, &id, epoch);
    }
    let task = sandbox.show(&id);
    assert_eq!(
        (&task["status"], &task["blocked_by"]),
        (&"blocked".into(), &"parked".into()),
        "{task}"
    );
    snapshot!(sandbox.run(&id), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is blocked: its runs were cut off 3 times in a row; the last: cut off at step agent: its supervisor died; its work stands on refs/ai/rescue/[TASK]/3
      next: `ai why [TASK]`
    ");
    sandbox.ai_ok(&["task", "unhold", &id]);
    sandbox.set_script("fake", GOOD);
    assert_eq!(sandbox.run(&id).code, Some(0));
}

#[test]
fn a_running_task_can_be_cancelled() {
    let (sandbox, id) = stuck_agent();
    let command = stuck(&sandbox, &id);
    let cancelled = sandbox.ai(&["task", "cancel", &id, "--reason", "changed our mind"]);
    assert_eq!(cancelled.code, Some(0), "{cancelled}");
    assert_eq!(sandbox.status(&id), "cancelled");
    sandbox.is_at_rest(&id);
    saved_half(&sandbox, &id, 1);
    snapshot!(command.wait(), @"
    exit: 130
    ----- stdout -----
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    run [RUN]: stopped by a person; its work stands on refs/ai/rescue/[TASK]/1
    error: run [RUN]: stopped by a person; its work stands on refs/ai/rescue/[TASK]/1
    ");
    let end = &sandbox.last_run(&id)["end"];
    snapshot!(end["summary"].as_str().unwrap(), @"stopped by a person; its work stands on refs/ai/rescue/[TASK]/1");
    assert_eq!(
        sandbox.status(&id),
        "cancelled",
        "the end of the run does not bring the task back"
    );
}

#[test]
fn a_stopped_supervisor_does_not_keep_a_task_from_being_cancelled() {
    let (sandbox, id) = stuck_agent();
    let command = stuck(&sandbox, &id);
    command.signal("STOP");
    sandbox.ai_ok(&["task", "cancel", &id]);
    command.wait();
    sandbox.is_at_rest(&id);
    saved_half(&sandbox, &id, 1);
}

#[test]
fn a_lease_that_is_taken_away_stops_the_run() {
    let config = format!("{CONFIG}defaults: {{run_ttl: 3s, heartbeat: 1s}}\n");
    let sandbox = Sandbox::with_agent(&config, STUCK);
    sandbox.pipe("gate");
    let id = sandbox.task("One", &[]);
    let command = stuck(&sandbox, &id);
    // As a store would look in which somebody else was granted the task.
    let store = rusqlite::Connection::open(sandbox.store()).unwrap();
    store.execute_batch("DELETE FROM lease").unwrap();
    snapshot!(command.wait(), @"
    exit: 7
    ----- stdout -----
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    run [RUN]: stopped: its lease was lost; its work stands on refs/ai/rescue/[TASK]/1
    error: the lease on [TASK] is lost: it was released or has ended; nobody holds it now
      next: stop working on it; `ai why [TASK]` says who has it, `ai task claim [TASK]` asks for it again
    ");
    assert_eq!(processes_of(&id), [""; 0]);
    saved_half(&sandbox, &id, 1);
}

#[test]
fn after_a_reboot_every_run_is_cut_off() {
    let (sandbox, id) = stuck_agent();
    let command = stuck(&sandbox, &id);
    command.signal("KILL");
    command.wait();
    // The same store as it would be found after a boot, with a living process under the
    // supervisor's old number.
    let store = rusqlite::Connection::open(sandbox.store()).unwrap();
    let me = std::process::id();
    let boot = "UPDATE run SET data = json_set(data, '$.supervisor.boot_id', 'earlier-boot/time:[1]', '$.supervisor.pid', ?1)";
    store.execute(boot, [me]).unwrap();
    store.execute("UPDATE lease SET clock = 'earlier-boot/time:[1]', data = json_set(data, '$.expires.epoch', 'earlier-boot/time:[1]')", []).unwrap();
    drop(store);
    assert_eq!(sandbox.ai_json_lines(&["recover"]).len(), 1);
    saved_half(&sandbox, &id, 1);
    assert_eq!(sandbox.status(&id), "queued");
    sandbox.set_script("fake", GOOD);
    let outcome = sandbox.run(&id);
    assert_eq!(outcome.code, Some(0), "{outcome}");
}

/// Files that a rescue cannot hold are named where the run is recovered, with their new place, and not first by whoever runs next.
#[test]
fn what_is_too_much_for_a_rescue_is_moved_aside_and_named() {
    let lot =
        "mkdir -p built; n=0; while [ $n -lt 20 ]; do truncate -s 2M built/$n; n=$((n + 1)); done";
    let sandbox = Sandbox::with_script(&format!("{lot}; {STUCK}"));
    sandbox.pipe("gate");
    let id = sandbox.task("One", &[]);
    let command = stuck(&sandbox, &id);
    command.signal("KILL");
    command.wait();
    snapshot!(sandbox.ai(&["recover"]), @"
    exit: 0
    ----- stdout -----
    [RUN]  recovered: cut off at step agent: its supervisor died; its work stands on refs/ai/rescue/[TASK]/1
    ----- stderr -----
    worktree w1: built is too big (41943040 bytes) and not taken; kept as [PATH]/repo/.git/ai/kept/[RUN]-[ANY]/built
    recovered run [RUN]: cut off at step agent: its supervisor died; its work stands on refs/ai/rescue/[TASK]/1
    ");
    saved_half(&sandbox, &id, 1);
    let kept = std::fs::read_dir(sandbox.root().join(".git/ai/kept")).unwrap();
    let kept: Vec<_> = kept
        .map(|one| one.unwrap().path().join("built/7"))
        .collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(std::fs::metadata(&kept[0]).unwrap().len(), 2 << 20);
    sandbox.set_script("fake", GOOD);
    let next = sandbox.run(&id);
    assert_eq!(next.code, Some(0), "{next}");
    assert_eq!(
        next.stderr
            .lines()
            .filter(|line| line.starts_with("worktree "))
            .count(),
        0,
        "{next}"
    );
}

/// The agent's Git wrote down what it moved, and a kill leaves nobody to put it back: it is told, once.
#[test]
fn a_branch_that_the_agent_had_moved_is_told_after_a_kill() {
    let script = format!(
        "echo x > evil.txt; git add -A; git -c user.name=a -c user.email=a@b commit -qm evil; git update-ref refs/heads/main HEAD\n{STUCK}"
    );
    let sandbox = Sandbox::with_script(&script);
    sandbox.pipe("gate");
    let id = sandbox.task("One", &[]);
    let before = sandbox.git(&["rev-parse", "main"]);
    let command = stuck(&sandbox, &id);
    command.signal("KILL");
    command.wait();
    let trace = sandbox
        .root()
        .join(format!(".git/ai/runs/{id}.1/tmp/git-refs"));
    assert!(trace.is_file());
    snapshot!(sandbox.ai(&["recover"]), @"
    exit: 0
    ----- stdout -----
    [RUN]  recovered: cut off at step agent: its supervisor died; its agent moved what is not its own, and nobody put it back: refs/heads/main to [SHORT] (`git reflog refs/heads/main` tells where it stood); its work stands on refs/ai/rescue/[TASK]/1
    ----- stderr -----
    recovered run [RUN]: cut off at step agent: its supervisor died; its agent moved what is not its own, and nobody put it back: refs/heads/main to [SHORT] (`git reflog refs/heads/main` tells where it stood); its work stands on refs/ai/rescue/[TASK]/1
    ");
    assert!(!trace.exists());
    // The log that it names knows the way back.
    sandbox.git(&["update-ref", "refs/heads/main", "main@{1}"]);
    assert_eq!(sandbox.git(&["rev-parse", "main"]), before);
}

#[test]
fn work_without_a_way_to_save_it_stays_where_it_is() {
    let (sandbox, id) = stuck_agent();
    let command = stuck(&sandbox, &id);
    command.signal("KILL");
    command.wait();
    // The slot's registration is rubbish: nothing can be said about its commits.
    std::fs::write(sandbox.root().join(".git/worktrees/w1/HEAD"), "rubbish").unwrap();
    sandbox.ai_ok(&["recover"]);
    let end = &sandbox.last_run(&id)["end"];
    snapshot!(end["summary"].as_str().unwrap(), @"cut off at step agent: its supervisor died; its work is still in its worktree, since it could not be saved: [PATH]/repo/.git/worktrees/w1/HEAD: is neither a reference nor a commit");
    assert_eq!(
        std::fs::read_to_string(sandbox.slot("w1/half.txt")).unwrap(),
        "half\n"
    );
    sandbox.set_script("fake", GOOD);
    snapshot!(sandbox.run(&id), @"
    exit: 0
    ----- stdout -----
    [RUN]  ready_for_review  review
      checks passed on this tree and the policy allows it; it may be accepted
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/2, for main
    worktree w1: its HEAD cannot be read; kept as [PATH]/repo/.git/ai/kept/[RUN]-[ANY]
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
    ");
}

#[test]
fn two_commands_that_recover_at_once_do_it_once() {
    let (sandbox, id) = stuck_agent();
    let command = stuck(&sandbox, &id);
    command.signal("KILL");
    command.wait();
    let commands: Vec<Background> = (0..4)
        .map(|n| sandbox.start(&["recover", "--json", "--as", &format!("p{n}")]))
        .collect();
    let lines: usize = commands
        .into_iter()
        .map(|command| {
            let outcome = command.wait();
            assert_eq!(outcome.code, Some(0), "{outcome}");
            outcome.stdout.lines().count()
        })
        .sum();
    assert_eq!(lines, 1);
    assert_eq!(
        sandbox.refs("refs/ai/rescue/"),
        [format!("refs/ai/rescue/{id}/1")]
    );
    poll::until("at rest", crate::support::runs::PATIENCE, || {
        processes_of(&id).is_empty()
    });
}

#[test]
fn an_agent_that_ends_while_nobody_looks_is_not_lost() {
    let (sandbox, id) = stuck_agent();
    let gate = sandbox.base().join("gate");
    let command = stuck(&sandbox, &id);
    command.signal("STOP");
    open_gate(&gate);
    poll::until(
        "the agent has ended",
        crate::support::runs::PATIENCE,
        || sandbox.slot("w1/work.txt").exists(),
    );
    command.signal("CONT");
    let outcome = command.wait();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(sandbox.status(&id), "review");
}

#[test]
fn a_lock_of_a_process_that_was_stopped_is_not_waited_for() {
    let scene = Sandbox::with_script(GOOD);
    let id = scene.reviewed("One");
    let hold = "import fcntl, os, signal, sys\nf = open(sys.argv[1], 'w')\nfcntl.flock(f, fcntl.LOCK_EX)\n\
                print('held', flush=True)\nos.kill(os.getpid(), signal.SIGSTOP)\n";
    let mut holder = scene
        .command("python3")
        .args(["-c", hold])
        .arg(scene.root().join(".git/ai/recover.lock"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut out = std::io::BufReader::new(holder.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut said).unwrap();
    let pid = regex::Regex::new(&format!(r"\b{}\b", holder.id())).unwrap();
    let refused = scene.ai(&["worktree", "rescue", &id]).to_string();
    snapshot!(pid.replace_all(&refused, "[PID]"), @"
    exit: 75
    ----- stdout -----
    ----- stderr -----
    error: cannot lock [PATH]/repo/.git/ai/recover.lock: process [PID] (python3, stopped) holds it
      next: `kill -CONT [PID]` lets it go on; `kill -KILL [PID]` ends it and loses nothing
    ");
    holder.kill().unwrap();
    holder.wait().unwrap();
    scene.ai_ok(&["worktree", "rescue", &id]);
}
