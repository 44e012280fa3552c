//! What may be left of a run: an agent whose supervisor stands still, and processes of a run that
//! has ended.

use std::process::{Child, Command, Stdio};

use crate::snapshot;
use crate::support::runs::{Background, CONFIG, GOOD, PATIENCE, processes_of, wait_for};
use crate::support::{Sandbox, mask_also, poll};

/// Works, then does not end. What it starts does not end by being asked.
const STUCK: &str = "echo half > half.txt; (setsid sh -c 'trap \"\" TERM; sleep 600' &) ; echo x > \"$BASE/acks/started\"; sleep 600";

/// A task whose agent gets stuck, under a lease of three seconds. One lapse would park it.
fn short_lease() -> (Sandbox, String) {
    let sandbox = Sandbox::with_script(STUCK);
    let acks = sandbox.base().join("acks");
    std::fs::create_dir(&acks).unwrap();
    sandbox.configure(&format!(
        "{}defaults: {{run_ttl: 3s, heartbeat: 1s, max_lapses: 1}}\n",
        CONFIG.replace(
            "grace: 1s",
            &format!("grace: 1s, allow_write: ['{}']", acks.display())
        )
    ));
    let id = sandbox.task("One", &[]);
    (sandbox, id)
}

/// A run in the middle of its agent's work.
fn at_work(sandbox: &Sandbox, id: &str, mode: &str) -> Background {
    let started = sandbox.base().join("acks/started");
    let _ = std::fs::remove_file(&started);
    let command = sandbox.start_with(&["run", id], &[("AI_SANDBOX", mode)]);
    wait_for(&started);
    command
}

fn wait_until_nothing_runs(id: &str) {
    poll::until("nothing of the run is left", PATIENCE, || {
        processes_of(id).is_empty()
    });
}

fn wait_until_lapsed(sandbox: &Sandbox, id: &str) {
    poll::until("the lease has lapsed", PATIENCE, || {
        sandbox.ai_json(&["why", id])["gates"][0]["gate"] == "lapsed"
    });
}

/// A task whose run stood still is queued again, and nothing of it is counted.
fn costs_nothing(sandbox: &Sandbox, id: &str) {
    let end = &sandbox.last_run(id)["end"];
    assert_eq!(end["cut_off"], "standstill", "{end}");
    let task = sandbox.ai_json(&["task", "show", id]);
    assert_eq!(task["status"], "queued", "{task}");
    // What is zero is not told.
    let counts = [task.get("attempts"), task.get("lapses")];
    assert_eq!(counts, [None, None], "{task}");
}

#[test]
fn an_agent_ends_with_the_lease_that_a_stopped_supervisor_does_not_renew() {
    for mode in crate::sandbox::modes() {
        let (sandbox, id) = short_lease();
        let command = at_work(&sandbox, &id, mode);
        command.signal("STOP");
        wait_until_nothing_runs(&id);
        wait_until_lapsed(&sandbox, &id);
        snapshot!(mask_also(sandbox.ai(&["recover"]), &[(r"process \d+", "process [PID]")]), @"
        exit: 0
        ----- stdout -----
        [RUN]  recovered: cut off at step agent: its supervisor stood still until the lease lapsed; its work stands on refs/ai/rescue/[TASK]/1
        ----- stderr -----
        recovered run [RUN]: cut off at step agent: its supervisor stood still until the lease lapsed; its work stands on refs/ai/rescue/[TASK]/1
        ");
        assert_eq!(command.wait().code, None, "it was killed as it stood");
        sandbox.is_at_rest(&id);
        costs_nothing(&sandbox, &id);
        assert_eq!(
            sandbox.file_at(&format!("refs/ai/rescue/{id}/1"), "half.txt"),
            "half"
        );
    }
}

#[test]
fn the_next_run_takes_the_task_of_a_stopped_supervisor() {
    let (sandbox, id) = short_lease();
    let command = at_work(&sandbox, &id, "none");
    command.signal("STOP");
    wait_until_lapsed(&sandbox, &id);
    let findings = sandbox.ai(&["doctor", "--json"]).json_lines();
    let told = findings
        .iter()
        .find(|found| found["check"] == "runs" && found["level"] == "warn");
    snapshot!(mask_also(told.unwrap(), &[(r"process \d+", "process [PID]")]), @r#"{"check":"runs","level":"warn","text":"[RUN]: process [PID] let the lease lapse; it is stopped, or hangs","next":"ai recover [RUN]; the next `ai run` does it too"}"#);
    sandbox.set_script("fake", GOOD);
    let outcome = sandbox.run(&id);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    command.wait();
    sandbox.is_at_rest(&id);
}

#[test]
fn a_supervisor_that_goes_on_too_late_has_lost_its_run_and_saves_the_work() {
    let (sandbox, id) = short_lease();
    let command = at_work(&sandbox, &id, "none");
    command.signal("STOP");
    wait_until_nothing_runs(&id);
    wait_until_lapsed(&sandbox, &id);
    command.signal("CONT");
    assert_eq!(command.wait().code, Some(7));
    sandbox.is_at_rest(&id);
    costs_nothing(&sandbox, &id);
    let end = &sandbox.last_run(&id)["end"];
    snapshot!(end["summary"].as_str().unwrap(), @"stopped: it stood still until its lease was over, as on a machine that slept; its work stands on refs/ai/rescue/[TASK]/1");
    assert_eq!(
        sandbox.file_at(&format!("refs/ai/rescue/{id}/1"), "half.txt"),
        "half"
    );
}

#[test]
fn one_that_stood_still_and_is_asked_to_end_for_it_is_not_told_as_stopped_by_a_person() {
    let (sandbox, id) = short_lease();
    let command = at_work(&sandbox, &id, "none");
    command.signal("STOP");
    wait_until_nothing_runs(&id);
    wait_until_lapsed(&sandbox, &id);
    // As by a daemon that woke up first. What is stopped hears of it as it goes on.
    command.signal("TERM");
    command.signal("CONT");
    command.wait();
    sandbox.is_at_rest(&id);
    costs_nothing(&sandbox, &id);
}

/// A process in a session of its own, as an agent's daemon would be, and as its test sees it.
struct Daemon(Child);

impl Daemon {
    fn start(sandbox: &Sandbox, run: Option<&str>) -> Daemon {
        let mut command = Command::new("setsid");
        command
            .args([
                "sh",
                "-c",
                "trap '' TERM; while :; do read x; sleep 600; done",
            ])
            .current_dir(sandbox.slot("w1"))
            .env_remove("AI_RUN")
            .envs(run.map(|run| ("AI_RUN", run)));
        Daemon(command.stdin(Stdio::piped()).spawn().unwrap())
    }

    fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn findings_about_processes(sandbox: &Sandbox) -> String {
    let findings = sandbox.ai(&["doctor", "--json"]).json_lines();
    let told = findings
        .iter()
        .filter(|found| found["check"] == "processes" && found["level"] == "warn");
    let lines: Vec<String> = told
        .map(|found| format!("{}\n  next: {}", found["text"], found["next"]))
        .collect();
    mask_also(
        lines.join("\n"),
        &[(r"\b\d+ \(", "[PID] ("), (r"kill \d+", "kill [PID]")],
    )
}

#[test]
fn a_daemon_of_a_run_that_has_ended_is_named_and_ended_and_nothing_else() {
    let sandbox = Sandbox::with_script(GOOD);
    let id = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&id).code, Some(0));
    let mut left = Daemon::start(&sandbox, Some(&format!("{id}.1")));
    let mut of_nobody = Daemon::start(&sandbox, Some("t-00000000.1"));
    let mut unmarked = Daemon::start(&sandbox, None);
    poll::until("all of them are there", PATIENCE, || {
        findings_about_processes(&sandbox).lines().count() == 4
    });
    snapshot!(findings_about_processes(&sandbox), @r#"
    "[PID] (sh) is left of run [RUN], which has ended"
      next: "ai recover"
    "process [PID] (sh) is at work in [PATH]/home/.cache/ai/repo-[PLACES]/worktrees/w1; it may be left of a run"
      next: "`kill [PID]` if it is not yours"
    "#);
    snapshot!(mask_also(sandbox.ai(&["recover"]), &[(r"\b\d+ \(", "[PID] ("), (r"kill \d+", "kill [PID]")]), @"
    exit: 0
    ----- stdout -----
    nothing to recover: no run was cut off
    ----- stderr -----
    ended 1 process that was left of run [RUN]
    warning: process [PID] (sh) is at work in [PATH]/home/.cache/ai/repo-[PLACES]/worktrees/w1; it may be left of a run; `kill [PID]` if it is not yours
    ");
    assert!(!left.is_running());
    assert!(of_nobody.is_running() && unmarked.is_running());
    drop((of_nobody, unmarked));
    assert_eq!(findings_about_processes(&sandbox), "");
}

#[test]
fn the_checks_of_an_accept_are_not_taken_for_what_a_run_has_left() {
    let check = "version: 1\nruns: {grace: 1s}\nchecks: {unit: {run: 'test ! -f \"$HOME/slow\" || { touch \"$HOME/checking\"; read x < \"$HOME/go\"; }'}}\n";
    let sandbox = Sandbox::with_agent(check, GOOD);
    let id = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&id).code, Some(0));
    sandbox.write("other.txt", "moved on");
    sandbox.git(&["add", "other.txt"]);
    sandbox.git(&["commit", "-qm", "moved on"]);
    std::fs::write(sandbox.base().join("home/slow"), "").unwrap();
    sandbox.pipe("home/go");
    let accept = sandbox.start(&["accept", &id]);
    wait_for(&sandbox.base().join("home/checking"));
    assert_eq!(findings_about_processes(&sandbox), "");
    sandbox.ai_ok(&["recover"]);
    std::fs::write(sandbox.base().join("home/go"), "go\n").unwrap();
    let outcome = accept.wait();
    assert_eq!(outcome.code, Some(0), "{outcome}");
}

#[test]
fn git_that_tidies_up_behind_a_commit_is_no_process_left_behind() {
    let sandbox = Sandbox::with_script(
        "git config --get-all gc.autoDetach > work.txt; git config --get-all maintenance.autoDetach >> work.txt",
    );
    let id = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&id).code, Some(0));
    assert_eq!(
        sandbox.file_at(&format!("ai/{id}/1"), "work.txt"),
        "false\nfalse"
    );
}
