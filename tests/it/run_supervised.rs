//! What a run's supervisor sees while the agent is at work: an agent that has stalled, and its
//! processes.

use serde_json::Value;

use crate::snapshot;
use crate::support::runs::{PATIENCE, keepers_of, wait_for};
use crate::support::{Sandbox, mask_also, poll};

/// `ai run ID` with so many milliseconds in place of the minutes of allowed silence.
fn run_silent(sandbox: &Sandbox, id: &str, ms: &str) -> crate::support::Outcome {
    crate::support::run(
        sandbox
            .ai_command(&["run", id])
            .env("AI_TEST_SILENCE_MS", ms),
    )
}

/// Times as they never are twice, nor numbers of records.
fn seconds(text: impl std::fmt::Display) -> String {
    let filters = [
        (r"\b\d+(\.\d+)? ?(ms|s)\b", "[N]s"),
        (r"(?m)^warning: the agent left .* behind, now ended\n", ""),
        (r"(?m)^ +\d+  ", ""),
    ];
    mask_also(text, &filters)
}

#[test]
fn a_stalled_agent_is_ended_and_the_signs_are_told_everywhere() {
    let sandbox = Sandbox::with_script("echo half > half.txt; echo started; sleep 600");
    let id = sandbox.task("One", &[]);
    let outcome = run_silent(&sandbox, &id, "400");
    snapshot!(seconds(outcome), @"
    exit: 1
    ----- stdout -----
    [RUN]  retry  queued
      the attempt did not get to its end: stopped as stalled: no output for [N]s, no CPU time used for [N]s, no file of its worktree changed for [N]s
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    run [RUN]: the agent has stalled and is ended: no output for [N]s, no CPU time used for [N]s, no file of its worktree changed for [N]s
    ");
    let run = sandbox.last_run(&id);
    let end = &run["end"];
    assert_eq!(
        (&end["lifecycle"], &end["outcome"]),
        (&"timed_out".into(), &"retry".into()),
        "{run}"
    );
    snapshot!(seconds(format!("{:#}", end["stall"])), @r#"
    [
      "no output for [N]s",
      "no CPU time used for [N]s",
      "no file of its worktree changed for [N]s"
    ]
    "#);
    let lines = sandbox.run_file(&format!("{id}.1"), "events.jsonl");
    let events = lines
        .lines()
        .filter(|line| line.starts_with("{\"type\":\"stall\""));
    let outcome = seconds(events.collect::<Vec<_>>().join("\n"));
    snapshot!(outcome, @r#"{"type":"stall","ended":true,"signs":["no output for [N]s","no CPU time used for [N]s","no file of its worktree changed for [N]s"]}"#);
    let summary: Value =
        serde_json::from_str(&sandbox.run_file(&format!("{id}.1"), "run.json")).unwrap();
    assert_eq!(summary["stall"], end["stall"], "{summary:#}");
    snapshot!(seconds(sandbox.ai(&["log", &id])), @"
    exit: 0
    ----- stdout -----
    [TIME]  human:tester  created: One
    [TIME]  agent:fake    the policy allows task.claim (rule default)
    [TIME]  agent:fake    claimed
    [TIME]  agent:fake    the policy allows run.start (rule default)
    [TIME]  agent:fake    run [RUN] began: fake on branch ai/[TASK]/1
    [TIME]  agent:fake    run [RUN]: its worktree is made ready
    [TIME]  agent:fake    run [RUN]: the agent works
    [TIME]  agent:fake    run [RUN]: the agent has ended; its work is saved
    [TIME]  agent:fake    run [RUN]: the checks run
    [TIME]  agent:fake    run [RUN]: the evidence is filed
    [TIME]  agent:fake    filed the change as evidence [EVIDENCE]
    [TIME]  agent:fake    filed the agent's stdout as evidence [EVIDENCE]
    [TIME]  agent:fake    filed the agent's stderr as evidence [EVIDENCE]
    [TIME]  agent:fake    filed what the agent did as evidence [EVIDENCE]
    [TIME]  agent:fake    filed the prompt as evidence [EVIDENCE]
    [TIME]  agent:fake    filed the record `run` as evidence [EVIDENCE]
    [TIME]  agent:fake    filed the record `checks` as evidence [EVIDENCE]
    [TIME]  agent:fake    filed the record `agent` as evidence [EVIDENCE]
    [TIME]  agent:fake    filed the record `routing` as evidence [EVIDENCE]
    [TIME]  agent:fake    filed the statement as evidence [EVIDENCE]
    [TIME]  agent:fake    the policy allows run.finish (rule default)
    [TIME]  agent:fake    run [RUN] ended: the attempt did not get to its end: stopped as stalled: no output for [N]s, no CPU time used for [N]s, no file of its worktree changed for [N]s; the task is queued again
    ----- stderr -----
    ");
    snapshot!(seconds(sandbox.ai(&["why", &id])), @"
    exit: 0
    ----- stdout -----
    [TASK]  queued  One
      backoff    it rests for [N]s after run [RUN]: the attempt did not get to its end: stopped as stalled: no output for [N]s, no CPU time used for [N]s, no file of its worktree changed for [N]s
      next       ai task edit [TASK] --not-before now
    ----- stderr -----
    ");
    let outcome = seconds(sandbox.show(&id)["notes"][0]["text"].as_str().unwrap());
    snapshot!(outcome, @"the attempt did not get to its end: stopped as stalled: no output for [N]s, no CPU time used for [N]s, no file of its worktree changed for [N]s; what it had done stands on ai/[TASK]/1");
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
    let script = "env -i ESCAPED=\"$BASE\" setsid sleep 600 >/dev/null 2>&1 & echo x > \"$BASE/started\"; sleep 600";
    let sandbox = Sandbox::with_script(script);
    let id = sandbox.task("One", &[]);
    let command = sandbox.start(&["run", &id]);
    wait_for(&sandbox.base().join("started"));
    let Some(group) = cgroup_of(&sandbox, &format!("{id}.1")) else {
        let doctor = sandbox.ai(&["doctor"]).stdout;
        let told = doctor
            .lines()
            .find(|line| line.split_whitespace().nth(1) == Some("processes"))
            .unwrap_or_default();
        assert!(told.contains("subreaper"), "{doctor}");
        eprintln!("skipped: {told}");
        return;
    };
    let listed = std::fs::read_to_string(group.join("cgroup.procs")).unwrap();
    let own = command.pid().to_string();
    assert!(
        listed.lines().count() >= 3 && listed.lines().all(|pid| pid != own),
        "the keeper, the agent and its child, and not {own}: {listed}"
    );
    let mark = format!("ESCAPED={}", sandbox.base().display());
    let escaped = || {
        crate::support::runs::with_mark(mark.as_bytes())
            .into_iter()
            .any(|line| line.contains("sleep"))
    };
    poll::until("it has escaped", PATIENCE, escaped);
    // Stopped first, none sees another die.
    let mut pids = keepers_of(&id);
    pids.push(command.pid().to_string());
    for signal in ["STOP", "KILL"] {
        let sent = std::process::Command::new("kill")
            .args(["-s", signal])
            .args(&pids)
            .status()
            .unwrap();
        assert!(sent.success());
    }
    command.wait();
    // Where a pid namespace could be made, the kernel has ended it already.
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
    let run: Value =
        serde_json::from_str(&sandbox.run_file(&format!("{id}.1"), "run.json")).unwrap();
    let group = cgroup_of(&sandbox, &format!("{id}.1"));
    let held = if group.is_some() {
        "cgroup"
    } else {
        "subreaper"
    };
    assert_eq!(run["held"], held, "{run:#}");
    assert!(!group.is_some_and(|group| group.exists()), "{run:#}");
}
