//! Leases at the terminal: claim, lapse, parking, hand-over, and whose token counts where.

use std::time::Duration;

use serde_json::Value;

use crate::snapshot;
use crate::support::{Outcome, Sandbox, poll, run};

/// Long enough that no test sees its end, however busy the machine.
const LONG: &str = "10m";
/// So short that a test can wait for its end.
const SHORT: &str = "150ms";

/// Waits until the lease on `id` has lapsed. Only `ai` looks at clocks: the test asks what it sees.
fn wait_for_lapse(sandbox: &Sandbox, id: &str) {
    let lapsed = || gate(sandbox, id) == "lapsed";
    poll::until("the lease has lapsed", Duration::from_secs(30), lapsed);
}

/// The gate that `ai why` names first.
fn gate(sandbox: &Sandbox, id: &str) -> String {
    let why = sandbox.ai_json(&["why", id]);
    why["gates"][0]["gate"].as_str().unwrap().to_owned()
}

/// Claims as `agent:NAME` and returns the lease.
#[track_caller]
fn claim(sandbox: &Sandbox, id: &str, name: &str, ttl: &str) -> Value {
    let actor = format!("agent:{name}");
    sandbox.ai_json(&["task", "claim", id, "--ttl", ttl, "--as", &actor])["lease"].take()
}

fn token(lease: &Value) -> String {
    lease["token"].as_str().unwrap().to_owned()
}

fn under(sandbox: &Sandbox, lease: &Value, verb: &[&str]) -> Outcome {
    sandbox.ai(&[verb, &["--lease", &token(lease)]].concat())
}

#[test]
fn a_claim_is_refused_while_another_holds_the_task() {
    let sandbox = Sandbox::project();
    let id = sandbox.task("One", &[]);
    claim(&sandbox, &id, "one", LONG);
    snapshot!(sandbox.ai(&["task", "claim", &id, "--as", "agent:two"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is held by agent:one for another [LEFT]
      next: wait, take another (`ai task claim --next`), or see `ai why [TASK]`
    ");
}

#[test]
fn a_lapsed_lease_is_free_for_whoever_looks_next() {
    for next in [false, true] {
        let sandbox = Sandbox::project();
        let id = sandbox.task("One", &["--path", "src/"]);
        let old = claim(&sandbox, &id, "one", SHORT);
        wait_for_lapse(&sandbox, &id);
        assert!(
            sandbox.ai_ok(&["lock", "list"]).stdout.is_empty(),
            "a lapsed lease still locks"
        );
        let which = if next { "--next" } else { id.as_str() };
        let new = claim(&sandbox, which, "two", LONG);
        assert_eq!((&old["epoch"], &new["epoch"]), (&1.into(), &2.into()));
        snapshot!(
            "stale_heartbeat",
            under(&sandbox, &old, &["task", "heartbeat", &id])
        );
        snapshot!(under(&sandbox, &old, &["task", "release", &id]), @"
        exit: 7
        ----- stdout -----
        ----- stderr -----
        error: the lease on [TASK] is lost: it was granted anew; agent:two holds it now
          next: stop working on it; `ai why [TASK]` says who has it, `ai task claim [TASK]` asks for it again
        ");
        let done = ["task", "done", &id, "--override", "by hand"];
        snapshot!(under(&sandbox, &old, &done), @"
        exit: 7
        ----- stdout -----
        ----- stderr -----
        error: the lease on [TASK] is lost: it was granted anew; agent:two holds it now
          next: stop working on it; `ai why [TASK]` says who has it, `ai task claim [TASK]` asks for it again
        ");
        assert_eq!(sandbox.ai_json(&["task", "show", &id])["status"], "claimed");
        assert_eq!(
            under(
                &sandbox,
                &new,
                &["task", "done", &id, "--override", "by hand"]
            )
            .code,
            Some(0)
        );
        assert_eq!(
            kinds(&sandbox, &id),
            [
                "policy.decided task.create",
                "task.created",
                "policy.decided task.claim",
                "lease.granted",
                "lease.lapsed",
                "policy.decided task.claim",
                "lease.granted",
                "lease.refused",
                "lease.refused",
                "lease.refused",
                "policy.decided task.override",
                "task.done",
            ]
        );
        sandbox.ai_ok(&["log", "verify"]);
    }
}

/// The kinds of the events of a task, with the action of each decision.
fn kinds(sandbox: &Sandbox, id: &str) -> Vec<String> {
    let all = sandbox.ai_json_lines(&["log"]);
    let about = all
        .iter()
        .filter(|e| e.to_string().contains(id) || e["event"]["record"]["action"] == "task.create");
    about
        .map(|e| {
            let event = &e["event"];
            let action = event["record"]["action"]
                .as_str()
                .map(|a| format!(" {a}"))
                .unwrap_or_default();
            format!("{}{action}", event["kind"].as_str().unwrap())
        })
        .collect()
}

/// A holder that is slow to get its turn is judged by the clock of its turn, not by that of its
/// start: in between, another may have taken what the lapsed lease had locked.
#[test]
fn a_heartbeat_that_waited_past_the_end_of_its_lease_is_refused() {
    let sandbox = Sandbox::project();
    let (one, two) = (
        sandbox.task("One", &["--path", "src/"]),
        sandbox.task("Two", &["--path", "src/"]),
    );
    let old = claim(&sandbox, &one, "one", "2s");
    let blocker = rusqlite::Connection::open(sandbox.store()).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut late = sandbox.ai_command(&["task", "heartbeat", &one, "--lease", &token(&old)]);
    let mut late = late
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wait_for_lapse(&sandbox, &one);
    blocker.execute_batch("COMMIT").unwrap();
    assert_eq!(
        late.wait().unwrap().code(),
        Some(7),
        "a lapsed lease was revived"
    );
    claim(&sandbox, &two, "two", LONG);
    assert_eq!(sandbox.ai_json_lines(&["lock", "list"]).len(), 1);
}

#[cfg(feature = "test-fakes")]
#[test]
fn a_step_of_the_wall_clock_neither_frees_nor_freezes_a_lease() {
    const HOUR_MS: i64 = 3_600_000;
    for step in [-HOUR_MS, HOUR_MS] {
        let sandbox = Sandbox::project();
        let (held, brief) = (sandbox.task("Held", &[]), sandbox.task("Brief", &[]));
        let stepped = |args: &[&str]| {
            let mut command = sandbox.ai_command(args);
            crate::support::run(command.env("AI_TEST_WALL_OFFSET_MS", step.to_string()))
        };
        let lease = claim(&sandbox, &held, "one", LONG);
        assert_eq!(
            stepped(&["task", "claim", &held, "--as", "agent:two"]).code,
            Some(4),
            "step {step}: freed"
        );
        assert_eq!(
            stepped(&["task", "heartbeat", &held, "--lease", &token(&lease)]).code,
            Some(0),
            "step {step}: lost"
        );
        assert_eq!(
            stepped(&["task", "claim", &brief, "--ttl", SHORT, "--as", "agent:one"]).code,
            Some(0)
        );
        wait_for_lapse(&sandbox, &brief);
        assert_eq!(
            stepped(&["task", "claim", &brief, "--as", "agent:two"]).code,
            Some(0),
            "step {step}: frozen"
        );
        assert_eq!(
            sandbox
                .ai(&["task", "claim", &held, "--as", "agent:two"])
                .code,
            Some(4),
            "step {step}: freed at last"
        );
    }
}

#[test]
fn a_task_that_lapses_too_often_waits_for_a_person() {
    let sandbox = Sandbox::project();
    let id = sandbox.task("One", &[]);
    for n in 1..=3 {
        assert_eq!(claim(&sandbox, &id, "one", SHORT)["epoch"], n);
        wait_for_lapse(&sandbox, &id);
    }
    snapshot!(
        "parked_claim",
        sandbox.ai(&["task", "claim", &id, "--as", "agent:two"])
    );
    assert_eq!(gate(&sandbox, &id), "parked");
    let task = sandbox.ai_json(&["task", "show", &id]);
    assert_eq!(
        (&task["status"], &task["blocked_by"]),
        (&"blocked".into(), &"parked".into()),
        "{task}"
    );
    sandbox.ai_ok(&["log", "verify"]);

    sandbox.ai_ok(&["task", "unhold", &id]);
    assert_eq!(gate(&sandbox, &id), "ready");
    assert_eq!(claim(&sandbox, &id, "two", SHORT)["epoch"], 4);
    wait_for_lapse(&sandbox, &id);
    assert_eq!(
        claim(&sandbox, &id, "two", LONG)["epoch"],
        5,
        "the count began anew"
    );
}

/// Looking for any task finds nothing, but what lapsed for the last time is parked all the same.
#[test]
fn a_search_for_work_parks_what_lapsed_too_often() {
    let sandbox = Sandbox::project();
    let id = sandbox.task("One", &[]);
    for _ in 1..=3 {
        claim(&sandbox, "--next", "one", SHORT);
        wait_for_lapse(&sandbox, &id);
    }
    snapshot!(sandbox.ai(&["task", "claim", "--next", "--as", "agent:two"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: no task is ready to be claimed
      next: `ai task list --status blocked` and `ai why TASK` say what the others wait for
    ");
    assert_eq!(gate(&sandbox, &id), "parked");
}

#[test]
fn a_task_is_handed_over_without_a_gap() {
    let sandbox = Sandbox::project();
    let id = sandbox.task("One", &["--path", "src/"]);
    let old = claim(&sandbox, &id, "one", LONG);
    let handoff = [
        "task",
        "handoff",
        &id,
        "--to",
        "agent:two",
        "--next-step",
        "Look at the tests.",
        "--json",
    ];
    let outcome = under(&sandbox, &old, &handoff);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let new = outcome.json()["lease"].take();
    assert_eq!(
        (&new["holder"], &new["epoch"]),
        (&"agent:two".into(), &2.into())
    );
    snapshot!(under(&sandbox, &old, &["task", "heartbeat", &id]), @"
    exit: 7
    ----- stdout -----
    ----- stderr -----
    error: the lease on [TASK] is lost: it was granted anew; agent:two holds it now
      next: stop working on it; `ai why [TASK]` says who has it, `ai task claim [TASK]` asks for it again
    ");
    assert_eq!(
        sandbox.ai_json_lines(&["lock", "list"])[0]["holder"],
        "agent:two"
    );
    assert_eq!(
        sandbox.ai_json(&["task", "show", &id])["next_step"],
        "Look at the tests."
    );
    assert_eq!(
        under(&sandbox, &new, &["task", "heartbeat", &id]).code,
        Some(0)
    );
}

#[test]
fn a_token_that_one_worktree_keeps_is_not_used_in_another() {
    let sandbox = Sandbox::project();
    let id = sandbox.task("One", &[]);
    let (mine, other) = (sandbox.worktree("mine"), sandbox.worktree("other"));
    assert_eq!(sandbox.ai_in(&mine, &["task", "claim", &id]).code, Some(0));

    for elsewhere in [&other, &sandbox.root()] {
        snapshot!(
            "no_token_here",
            sandbox.ai_in(elsewhere, &["task", "heartbeat", &id])
        );
        snapshot!(sandbox.ai_in(elsewhere, &["task", "release", &id]), @"
        exit: 7
        ----- stdout -----
        ----- stderr -----
        error: no lease on [TASK] is kept in this worktree
          next: give the token with --lease or AI_LEASE, or claim it: `ai task claim [TASK]`
        ");
        snapshot!(sandbox.ai_in(elsewhere, &["task", "done", &id, "--override", "x"]), @"
        exit: 4
        ----- stdout -----
        ----- stderr -----
        error: [TASK] is held by human:tester for another [LEFT]
          next: wait, take another (`ai task claim --next`), or see `ai why [TASK]`
        ");
    }
    assert_eq!(
        sandbox.ai_in(&mine, &["task", "heartbeat", &id]).code,
        Some(0)
    );
    assert_eq!(
        sandbox
            .ai_in(&mine, &["task", "done", &id, "--override", "by hand"])
            .code,
        Some(0)
    );
    // The token does not outlive its lease.
    snapshot!(sandbox.ai_in(&mine, &["task", "heartbeat", &id]), @"
    exit: 7
    ----- stdout -----
    ----- stderr -----
    error: no lease on [TASK] is kept in this worktree
      next: give the token with --lease or AI_LEASE, or claim it: `ai task claim [TASK]`
    ");
}

/// Carol's lease on a task, in a checkout where Dave works, too.
fn shared_checkout() -> (Sandbox, String, String) {
    let sandbox = Sandbox::project();
    let id = sandbox.task("Hers", &["--path", "src/"]);
    let claimed = sandbox.ai_json(&["task", "claim", &id, "--ttl", LONG, "--as", "carol"]);
    (sandbox, id, token(&claimed["lease"]))
}

#[test]
fn a_token_in_a_shared_checkout_is_its_holders_alone() {
    let (sandbox, id, _) = shared_checkout();
    let id = id.as_str();
    let verbs: [&[&str]; 5] = [
        &["task", "heartbeat", id],
        &["task", "checkpoint", id, "--next-step", "x"],
        &["task", "release", id],
        &["task", "handoff", id, "--to", "dave"],
        &["task", "fail", id],
    ];
    let before = kinds(&sandbox, id);
    for verb in verbs {
        snapshot!(
            "kept_for_another",
            sandbox.ai(&[verb, &["--as", "dave"]].concat())
        );
    }
    for done in [
        &["task", "done", id][..],
        &["task", "done", id, "--override", "x"],
    ] {
        let outcome = sandbox.ai(&[done, &["--as", "dave"]].concat());
        assert_eq!(outcome.code, Some(4), "{outcome}");
    }
    assert_eq!(
        sandbox.ai(&["lock", "check", "src/a", "--as", "dave"]).code,
        Some(4)
    );
    assert_eq!(kinds(&sandbox, id), before, "a refusal has left something");
    sandbox.ai_ok(&["lock", "check", "src/a", "--as", "carol"]);
    sandbox.ai_ok(&["task", "heartbeat", id, "--as", "carol"]);
    sandbox.ai_ok(&["task", "release", id, "--as", "carol"]);
}

#[test]
fn who_gives_no_name_acts_for_a_person_of_the_checkout_and_for_no_agent() {
    let (sandbox, hers, _) = shared_checkout();
    let of_agent = sandbox.task("Its", &["--path", "lib/"]);
    claim(&sandbox, &of_agent, "codex", LONG);
    let before = kinds(&sandbox, &of_agent);
    for verb in ["heartbeat", "release", "fail"] {
        assert_eq!(
            sandbox.ai(&["task", verb, &of_agent]).code,
            Some(7),
            "{verb}"
        );
    }
    assert_eq!(sandbox.ai(&["task", "done", &of_agent]).code, Some(4));
    assert_eq!(kinds(&sandbox, &of_agent), before);
    // Neither is locked for them any less.
    for path in ["src/a", "lib/a"] {
        assert_eq!(sandbox.ai(&["lock", "check", path]).code, Some(4), "{path}");
    }
    sandbox.ai_ok(&["task", "release", &hers]);
}

#[test]
fn a_token_that_is_shown_in_anothers_name_is_refused_and_told() {
    let (sandbox, id, token) = shared_checkout();
    let heartbeat = ["task", "heartbeat", &id, "--as", "dave", "--lease", &token];
    snapshot!(sandbox.ai(&heartbeat), @"
    exit: 7
    ----- stdout -----
    ----- stderr -----
    error: the lease on [TASK] is held by human:carol, not by human:dave: a token counts for its holder alone
      next: leave it to human:carol; `ai why [TASK]` says how it stands
    ");
    let mut by_variable = sandbox.ai_command(&["task", "done", &id, "--as", "dave"]);
    by_variable.env("AI_LEASE", &token);
    assert_eq!(run(&mut by_variable).code, Some(7));
    let log = sandbox.ai_json_lines(&["log"]);
    let refused: Vec<_> = log
        .iter()
        .filter(|e| e["event"]["kind"] == "lease.refused")
        .collect();
    let told = |e: &Value| {
        [&e["actor"], &e["event"]["tried"], &e["event"]["why"]]
            .map(|v| v.as_str().unwrap().to_owned())
    };
    let expected = |tried: &str| ["human:dave", tried, "OtherHolder"].map(str::to_owned);
    assert_eq!(
        refused.into_iter().map(told).collect::<Vec<_>>(),
        [expected("heartbeat"), expected("done")]
    );
    // A script that was handed the token and says no name is its bearer.
    sandbox.ai_ok(&["task", "heartbeat", &id, "--lease", &token]);
}

#[test]
fn a_lock_is_given_back_by_its_holders_token_alone() {
    let sandbox = Sandbox::project();
    let lock = sandbox.ai_json(&["lock", "acquire", "a", "--as", "carol"]);
    let (id, token) = (lock["lock"]["id"].as_str().unwrap(), token(&lock["lease"]));
    snapshot!(sandbox.ai(&["lock", "release", id, "--lease", &token, "--as", "dave"]), @"
    exit: 7
    ----- stdout -----
    ----- stderr -----
    error: the lease on [LOCK] is held by human:carol, not by human:dave: a token counts for its holder alone
      next: `ai lock list` shows who holds what; only its holder can give a lock back
    ");
    sandbox.ai_ok(&["lock", "release", id, "--lease", &token]);
}

#[test]
fn an_agent_that_was_started_anew_does_not_act_by_the_lease_of_before() {
    let sandbox = Sandbox::project();
    let id = sandbox.task("One", &["--path", "src/"]);
    sandbox.ai_ok(&[
        "task",
        "claim",
        &id,
        "--ttl",
        LONG,
        "--as",
        "agent:codex#one",
    ]);
    snapshot!(sandbox.ai(&["task", "heartbeat", &id, "--as", "agent:codex#two"]), @"
    exit: 7
    ----- stdout -----
    ----- stderr -----
    error: the lease on [TASK] is held by agent:codex#one, not by agent:codex#two: a token counts for its holder alone
      next: leave it to agent:codex#one; `ai why [TASK]` says how it stands
    ");
    assert_eq!(
        sandbox
            .ai(&["lock", "check", "src/a", "--as", "agent:codex#two"])
            .code,
        Some(4)
    );
    sandbox.ai_ok(&["lock", "check", "src/a", "--as", "agent:codex#one"]);
    sandbox.ai_ok(&["task", "heartbeat", &id, "--as", "agent:codex#one"]);
}

/// The file as it was before it said whose the tokens are.
#[test]
fn a_token_that_was_kept_without_a_name_is_the_lease_holders() {
    let (sandbox, id, token) = shared_checkout();
    let file = sandbox.root().join(".git/ai-lease/tokens");
    let kept = std::fs::read_to_string(&file).unwrap();
    let mark = token.rsplit_once('.').unwrap().0;
    assert_eq!(kept, format!("{token}\n@{mark} human:carol\n"));
    std::fs::write(&file, format!("{token}\n")).unwrap();
    let heartbeat = |name: &str| sandbox.ai(&["task", "heartbeat", &id, "--as", name]).code;
    assert_eq!((heartbeat("dave"), heartbeat("carol")), (Some(7), Some(0)));
    let check = |name: &str| sandbox.ai(&["lock", "check", "src/a", "--as", name]).code;
    assert_eq!((check("dave"), check("carol")), (Some(4), Some(0)));
    // Nor does a name that somebody wrote there make it another's.
    std::fs::write(&file, format!("{token}\n@{mark} human:dave\n")).unwrap();
    assert_eq!((heartbeat("dave"), heartbeat("carol")), (Some(7), Some(7)));
    assert_eq!((check("dave"), check("carol")), (Some(4), Some(4)));
}
