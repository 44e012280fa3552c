//! Budgets of runs that are at work at once: each sees what the others have used, before it starts
//! and while it works; what was used is not forgotten when a run is cut off. And what `ai why` says
//! of budgets and quotas.

use serde_json::{Value, json};

use crate::snapshot;
use crate::support::runs::{Background, CONFIG, PATIENCE};
use crate::support::scene::{Agent, Scene};
use crate::support::{Outcome, Sandbox, mask_also, poll};

/// A CLI of claude's vocabulary that plays the lines of `$BASE/<n>.jsonl`, `n` being its place in
/// the queue, and then waits.
const CLI: &str = r#"
cat >/dev/null
mkdir "$BASE/one" 2>/dev/null && n=1 || { mkdir "$BASE/two" 2>/dev/null && n=2 || n=3; }
echo work > work.txt
echo '{"type":"system","subtype":"init","session_id":"s","model":"m"}'
cat "$BASE/$n.jsonl"
[ -e "$BASE/ends" ] && exit 0
while :; do sleep 600; done
"#;

/// One part of a message that has used so many tokens.
fn part(message: &str, tokens: u64) -> Value {
    json!({ "type": "assistant", "session_id": "s", "message": { "id": message,
        "content": [{ "type": "text", "text": "hm" }], "usage": { "input_tokens": tokens, "output_tokens": 0 } } })
}

/// A project with these budgets, whose agent plays these streams.
fn metered(budgets: &str, streams: &[&[Value]]) -> Sandbox {
    let fake = Agent::of_a_cli("fake", "claude-stream-json", CLI).registered(&["--parallel", "4"]);
    let sandbox = Scene::new().more(budgets).agent(fake).build();
    for (n, lines) in streams.iter().enumerate() {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(sandbox.base().join(format!("{}.jsonl", n + 1)), text).unwrap();
    }
    sandbox
}

fn used(sandbox: &Sandbox, id: &str) -> Option<u64> {
    sandbox.runs_of(id).last()?["used"]["tokens"].as_u64()
}

/// Starts a run, and returns when it is on record that it has used so many tokens.
fn at_work(sandbox: &Sandbox, id: &str, tokens: u64) -> Background {
    let command = sandbox.start(&["run", id]);
    poll::until("its use is recorded", PATIENCE, || {
        used(sandbox, id) == Some(tokens)
    });
    command
}

/// What a run says that was stopped; whether something of its agent outlived it for a moment is left
/// out.
fn stopped(outcome: Outcome) -> String {
    let left = r"(?m)^warning: the agent left .* behind, now ended\n";
    mask_also(outcome, &[(left, "")])
}

/// What the log says of the use and the end of a task's runs.
fn log(sandbox: &Sandbox, id: &str) -> String {
    let all = sandbox.ai_ok(&["log", id]).stdout;
    let mut lines: Vec<&str> = all
        .lines()
        .filter_map(|line| Some(line.split_once("  run ")?.1))
        .filter(|line| {
            [" has used ", " ended: "]
                .iter()
                .any(|word| line.matches(word).count() > 0)
        })
        .collect();
    lines.dedup();
    lines.join("\n")
}

#[test]
fn runs_at_work_at_once_stop_when_together_they_have_used_a_budget_up() {
    // Two parts of one message count once.
    let first = [part("a", 60), part("a", 60)];
    let sandbox = metered(
        "budgets: {day: {tokens: 100}}\n",
        &[&first, &[part("b", 50)]],
    );
    let (one, two, three) = (
        sandbox.task("One", &[]),
        sandbox.task("Two", &[]),
        sandbox.task("Three", &[]),
    );
    let first = at_work(&sandbox, &one, 60);
    let shown = sandbox.ai_json_lines(&["budget"]);
    assert_eq!(
        (&shown[0]["budget"], &shown[0]["spent"]),
        (&"day.tokens".into(), &json!(60.0)),
        "{shown:?}"
    );
    // Neither alone has used 100.
    snapshot!(stopped(sandbox.run(&two)), @"
    exit: 1
    ----- stdout -----
    [RUN]  retry  queued
      the attempt did not get to its end: budget day.tokens is used up: 110 of 100 tokens
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    ");
    snapshot!(stopped(first.wait()), @"
    exit: 1
    ----- stdout -----
    [RUN]  retry  queued
      the attempt did not get to its end: budget day.tokens is used up: 110 of 100 tokens
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    ");
    for (id, tokens) in [(&one, 60), (&two, 50)] {
        let end = sandbox.last_run(id)["end"].clone();
        assert_eq!(
            (&end["budget"], &end["usage"]["tokens"]),
            (&"day.tokens".into(), &tokens.into()),
            "{end}"
        );
        assert_eq!(end["lifecycle"], "killed");
        assert_eq!(sandbox.file_at(&format!("ai/{id}/1"), "work.txt"), "work");
    }
    snapshot!(sandbox.run(&three), @"
    exit: 75
    ----- stdout -----
    ----- stderr -----
    error: budget day.tokens is used up: 110 of 100 tokens
      next: it is filled again at midnight UTC, in [LEFT]; or raise `budgets.day.tokens` in .ai/config.yaml
    ");
    snapshot!(sandbox.ai(&["why", &three]), @"
    exit: 0
    ----- stdout -----
    [TASK]  queued  Three
      budget     budget day.tokens is used up: 110 of 100 tokens
      next       ai budget
    ----- stderr -----
    ");
    snapshot!(log(&sandbox, &one), @"
    [RUN] has used 60 tokens
    [RUN] ended: the attempt did not get to its end: budget day.tokens is used up: 110 of 100 tokens; the task is queued again
    ");
    sandbox.is_at_rest(&one);
}

#[test]
fn work_that_is_done_is_judged_whatever_it_cost() {
    let result = json!({ "type": "result", "subtype": "success", "is_error": false, "terminal_reason": "completed",
        "session_id": "s", "result": "done", "usage": { "input_tokens": 500, "output_tokens": 0 } });
    let sandbox = metered("budgets: {day: {tokens: 100}}\n", &[&[result]]);
    std::fs::write(sandbox.base().join("ends"), "").unwrap();
    // Longer than news may wait.
    sandbox.configure(
        "version: 1\nruns: {grace: 1s}\nchecks: {unit: {run: sleep 3; test -f work.txt}}\nbudgets: {day: {tokens: 100}}\n",
    );
    let id = sandbox.task("One", &[]);
    let outcome = sandbox.run(&id);
    assert_eq!(
        (outcome.code, sandbox.status(&id).as_str()),
        (Some(0), "review"),
        "{outcome}"
    );
    assert_eq!(sandbox.last_run(&id)["end"].get("budget"), None);
}

#[test]
fn a_start_sees_what_runs_at_work_have_used() {
    let budgets = "budgets: {repository: {tokens: 99}, day: {tokens: 500}}\n";
    let sandbox = metered(budgets, &[&[part("a", 98)]]);
    let (one, two) = (sandbox.task("One", &[]), sandbox.task("Two", &[]));
    let first = at_work(&sandbox, &one, 98);
    sandbox.configure(&format!(
        "{CONFIG}budgets: {{repository: {{tokens: 98}}}}\n"
    ));
    snapshot!(sandbox.run(&two), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: budget repository.tokens is used up: 98 of 98 tokens
      next: raise `budgets.repository.tokens` in .ai/config.yaml
    ");
    first.signal("INT");
    assert_eq!(first.wait().code, Some(130));
}

#[test]
fn what_a_run_used_that_was_cut_off_stays_used() {
    let sandbox = metered(
        "budgets: {task: {tokens: 100}}\n",
        &[&[part("a", 40), part("b", 30)]],
    );
    let id = sandbox.task("One", &[]);
    let command = at_work(&sandbox, &id, 70);
    command.signal("KILL");
    command.wait();
    sandbox.ai_ok(&["recover"]);
    assert_eq!(sandbox.last_run(&id)["end"]["usage"]["tokens"], 70);
    let shown = sandbox.ai_json_lines(&["budget"]);
    assert_eq!(
        (&shown[0]["budget"], &shown[0]["spent"]),
        (&"task.tokens".into(), &json!(70.0)),
        "{shown:?}"
    );
    sandbox.is_at_rest(&id);
}

#[test]
fn a_quota_pause_is_named() {
    let limit = json!({ "type": "result", "subtype": "success", "is_error": true, "api_error_status": 429,
        "session_id": "s", "result": "limit" });
    let retry = json!({ "type": "system", "subtype": "api_retry", "attempt": 1, "error_status": 429, "retry_delay_ms": 500 });
    let sandbox = metered("", &[&[retry.clone(), retry, limit]]);
    std::fs::write(sandbox.base().join("ends"), "").unwrap();
    let id = sandbox.task("One", &[]);
    let outcome = sandbox.run(&id);
    snapshot!(outcome, @"
    exit: 75
    ----- stdout -----
    [RUN]  retry_uncounted  queued
      the attempt ended for a reason outside of the work; no attempt is counted: rate limit or quota: the provider asks to come back later
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    run [RUN]: rate limit at the provider; the agent tries again (try 1) in 1 s
    run [RUN]: fake: its provider has refused for rate or quota; it is left alone for [LEFT]
    ");
    let why = sandbox.ai_json(&["why", &id]);
    assert_eq!(why["gates"][0]["gate"], "quota", "{why}");
    snapshot!(sandbox.ai(&["why", &id]), @"
    exit: 0
    ----- stdout -----
    [TASK]  queued  One
      quota      the provider of agent fake has refused for rate or quota in run [RUN]; it is asked again in [LEFT]
      next       ai route explain [TASK]
    ----- stderr -----
    ");
    snapshot!(log(&sandbox, &id), @"[RUN] ended: the attempt ended for a reason outside of the work; no attempt is counted: rate limit or quota: the provider asks to come back later; the task is queued again");
    let task = sandbox.show(&id);
    snapshot!(task["notes"][0]["text"].as_str().unwrap(), @"the attempt ended for a reason outside of the work; no attempt is counted: rate limit or quota: the provider asks to come back later; what it had done stands on ai/[TASK]/1");
}

#[test]
fn a_quota_that_names_no_time_is_left_alone_for_longer_each_time() {
    let limit = json!({ "type": "result", "subtype": "success", "is_error": true, "api_error_status": 429,
        "session_id": "s", "result": "limit" });
    let sandbox = metered(
        "",
        &[std::slice::from_ref(&limit), std::slice::from_ref(&limit)],
    );
    std::fs::write(sandbox.base().join("ends"), "").unwrap();
    let id = sandbox.task("One", &[]);
    let pause = || {
        let end = sandbox.last_run(&id)["end"].clone();
        end["paused_until_ms"].as_i64().unwrap() - end["at_ms"].as_i64().unwrap()
    };
    snapshot!(sandbox.run(&id), @"
    exit: 75
    ----- stdout -----
    [RUN]  retry_uncounted  queued
      the attempt ended for a reason outside of the work; no attempt is counted: rate limit or quota: the provider asks to come back later
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    run [RUN]: fake: its provider has refused for rate or quota; it is left alone for [LEFT]
    ");
    let first = pause();
    let later = crate::support::run(
        sandbox
            .ai_command(&["run", &id])
            .env("AI_TEST_WALL_OFFSET_MS", "400000"),
    );
    assert_eq!(
        (later.code, sandbox.runs_of(&id).len()),
        (Some(75), 2),
        "{later}"
    );
    // Five minutes give or take a quarter, then ten.
    assert!(
        (225_000..=375_000).contains(&first) && (450_000..=750_000).contains(&pause()),
        "{first} {}",
        pause()
    );
    assert_eq!(
        sandbox.show(&id)["attempts"].as_u64().unwrap_or(0),
        0,
        "quota is no failure"
    );
}

#[test]
fn the_exit_code_of_a_failed_check_is_said_once() {
    let sandbox = Sandbox::with_agent(
        "version: 1\nruns: {grace: 1s}\nchecks: {unit: {run: 'test ! -f work.txt || { echo wrong; exit 3; }'}}\n",
        "echo work > work.txt",
    );
    let id = sandbox.task("One", &[]);
    snapshot!(sandbox.run(&id), @"
    exit: 6
    ----- stdout -----
    [RUN]  send_back_checks  queued
      check `unit` failed (exit code 3)
        wrong
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test ! -f work.txt || { echo wrong; exit 3; }
    check unit: failed (exit code 3)
    check unit on the base commit: test ! -f work.txt || { echo wrong; exit 3; }
    check unit on the base commit: passed
    ");
    let summary = sandbox.last_run(&id)["end"]["summary"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(summary, "check `unit` failed (exit code 3)\n  wrong");
}

#[test]
fn work_that_ends_before_it_could_be_stopped_stays_used_and_is_no_accident() {
    let result = json!({ "type": "result", "subtype": "success", "is_error": false, "terminal_reason": "completed",
        "session_id": "s", "result": "done", "usage": { "input_tokens": 500, "output_tokens": 0 } });
    let stream = [part("a", 500), result];
    let sandbox = metered(
        "budgets: {task: {tokens: 100}}\n",
        &[&stream, &stream, &stream],
    );
    std::fs::write(sandbox.base().join("ends"), "").unwrap();
    // Whether the stop comes first or the end, nobody can say; neither is the machine's fault.
    for title in ["One", "Two", "Three"] {
        let id = sandbox.task(title, &[]);
        let outcome = sandbox.run(&id);
        let end = sandbox.last_run(&id)["end"].clone();
        assert_eq!(end["usage"]["tokens"], 500, "{end} {outcome}");
        match end["lifecycle"].as_str() {
            Some("finished") => assert_eq!(
                (outcome.code, sandbox.status(&id).as_str()),
                (Some(0), "review")
            ),
            other => assert_eq!(
                (other, &end["budget"]),
                (Some("killed"), &"task.tokens".into()),
                "{outcome}"
            ),
        }
    }
}

#[test]
fn numbers_beyond_belief_spoil_no_sum() {
    let streams: Vec<[Value; 1]> = [u64::MAX, i64::MAX as u64, 7]
        .map(|tokens| {
            [json!({ "type": "result", "subtype": "success", "is_error": false, "terminal_reason": "completed",
                "session_id": "s", "result": "done", "usage": { "input_tokens": tokens, "output_tokens": 1 } })]
        })
        .into();
    let sandbox = metered("", &[&streams[0], &streams[1], &streams[2]]);
    std::fs::write(sandbox.base().join("ends"), "").unwrap();
    for title in ["One", "Two", "Three"] {
        let id = sandbox.task(title, &[]);
        sandbox.ai_ok(&["run", &id]);
    }
    let stats = sandbox.ai_json_lines(&["agent", "stats"]);
    assert_eq!(stats[0]["tokens"], 2_000_000_000_008_u64, "{stats:?}");
    sandbox.configure(&format!(
        "{CONFIG}budgets: {{repository: {{tokens: 100}}}}\n"
    ));
    let id = sandbox.task("Four", &[]);
    snapshot!(sandbox.run(&id), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: budget repository.tokens is used up: 2000000000008 of 100 tokens
      next: raise `budgets.repository.tokens` in .ai/config.yaml
    ");
}
