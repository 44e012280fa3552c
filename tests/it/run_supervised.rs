//! What a run's supervisor sees while the agent is at work: an agent that has stalled, and its
//! processes.

use crate::support::runs::{PATIENCE, wait_for};
use crate::support::{Sandbox, poll};

/// `ai run ID` with so many milliseconds in place of the minutes of allowed silence.
fn run_silent(sandbox: &Sandbox, id: &str, ms: &str) -> crate::support::Outcome {
    crate::support::run(
        sandbox
            .ai_command(&["run", id])
            .env("AI_TEST_SILENCE_MS", ms),
    )
}

#[test]
fn a_stalled_agent_is_ended_and_the_signs_are_told_everywhere() {
    let sandbox = Sandbox::with_script("echo half > half.txt; echo started; sleep 600");
    let id = sandbox.task("One", &[]);
    let outcome = run_silent(&sandbox, &id, "400");
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(
        outcome
            .stderr
            .contains("has stalled and is ended: no output for"),
        "{outcome}"
    );
    let run = sandbox.last_run(&id);
    let end = &run["end"];
    assert_eq!(
        (&end["lifecycle"], &end["outcome"]),
        (&"timed_out".into(), &"retry".into()),
        "{run}"
    );
    let signs: Vec<&str> = end["stall"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sign| sign.as_str().unwrap())
        .collect();
    let words = [
        "no output for",
        "no CPU time used for",
        "no file of its worktree changed for",
    ];
    assert!(
        signs.len() == 3
            && signs
                .iter()
                .zip(words)
                .all(|(sign, word)| sign.starts_with(word)),
        "{signs:?}"
    );
    let events = sandbox.run_file(&format!("{id}.1"), "events.jsonl");
    assert!(
        events.contains("\"type\":\"stall\",\"ended\":true"),
        "{events}"
    );
    assert!(
        sandbox
            .run_file(&format!("{id}.1"), "run.json")
            .contains("no CPU time used for")
    );
    let log = sandbox.ai_ok(&["log", &id]).stdout;
    assert!(log.contains("stalled: no output for"), "{log}");
    let why = sandbox.ai_ok(&["why", &id]).stdout;
    assert!(why.contains("stalled: no output for"), "{why}");
    let notes = sandbox.show(&id)["notes"].to_string();
    assert!(
        notes.contains("stalled") && notes.contains(&format!("stands on ai/{id}/1")),
        "{notes}"
    );
    assert_eq!(sandbox.file_at(&format!("ai/{id}/1"), "half.txt"), "half");
    sandbox.is_at_rest(&id);
}

#[test]
fn an_agent_that_builds_without_a_word_is_left_at_work() {
    let script = "end=$(($(date +%s) + 4)); while [ $(date +%s) -lt $end ]; do echo x > build.log; done; echo work > work.txt";
    let sandbox = Sandbox::with_script(script);
    let id = sandbox.task("One", &[]);
    let outcome = run_silent(&sandbox, &id, "1500");
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(sandbox.last_run(&id)["end"].get("stall"), None);
}

/// The cgroup of a run, where it has one.
fn cgroup_of(sandbox: &Sandbox, run: &str) -> Option<std::path::PathBuf> {
    let file = sandbox.root().join(".git/ai/runs").join(run).join("cgroup");
    std::fs::read_to_string(file).ok().map(Into::into)
}

#[test]
fn what_has_left_everything_but_its_cgroup_ends_with_the_run() {
    // Neither the keeper nor `ai` lives to end it, and it bears no mark of the run.
    let script = "env -i ESCAPED=\"$BASE\" setsid sleep 600 >/dev/null 2>&1 & echo $PPID > \"$BASE/keeper\"; \
                  echo x > \"$BASE/started\"; sleep 600";
    let sandbox = Sandbox::with_script(script);
    let id = sandbox.task("One", &[]);
    let command = sandbox.start(&["run", &id]);
    wait_for(&sandbox.base().join("started"));
    let Some(group) = cgroup_of(&sandbox, &format!("{id}.1")) else {
        let doctor = sandbox.ai(&["doctor"]).stdout;
        let told = doctor
            .lines()
            .find(|line| line.contains("processes"))
            .unwrap_or_default();
        assert!(told.contains("subreaper"), "{doctor}");
        eprintln!("skipped: {told}");
        return;
    };
    let mark = format!("ESCAPED={}", sandbox.base().display());
    let escaped = || {
        crate::support::runs::with_mark(mark.as_bytes())
            .into_iter()
            .any(|line| line.contains("sleep"))
    };
    poll::until("it has escaped", PATIENCE, escaped);
    let keeper = std::fs::read_to_string(sandbox.base().join("keeper")).unwrap();
    // Stopped first, neither sees the other die.
    let pids = [command.pid().to_string(), keeper.trim().to_owned()];
    for signal in ["STOP", "KILL"] {
        let sent = std::process::Command::new("kill")
            .args(["-s", signal])
            .args(&pids)
            .status()
            .unwrap();
        assert!(sent.success());
    }
    command.wait();
    assert!(escaped(), "the scene is not what it should be");
    let recovered = sandbox.ai_ok(&["recover"]);
    assert!(!escaped(), "{recovered}");
    assert!(!group.exists(), "{}", group.display());
    sandbox.is_at_rest(&id);
}

#[test]
fn the_cgroup_of_a_run_goes_with_it() {
    let sandbox = Sandbox::with_script(crate::support::runs::GOOD);
    let id = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&id).code, Some(0));
    let run = sandbox.run_file(&format!("{id}.1"), "run.json");
    match cgroup_of(&sandbox, &format!("{id}.1")) {
        Some(group) => assert!(
            !group.exists() && run.contains("\"held\": \"cgroup\""),
            "{run}"
        ),
        None => assert!(run.contains("\"held\": \"subreaper\""), "{run}"),
    }
}
