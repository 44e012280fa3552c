//! `ai logs`: what the agent of a run says, of a run that has ended and of one that is at work.

use serde_json::json;

use crate::snapshot;
use crate::support::runs::{GOOD, PATIENCE, open_gate, wait_for};
use crate::support::scene::{Agent, Scene};
use crate::support::{Sandbox, Transcript, poll};

#[test]
fn the_newest_run_or_the_named_one_is_read() {
    let scene = Sandbox::with_script("cat >/dev/null; echo first words; echo careful >&2; exit 3");
    let task = scene.task("One", &["--max-attempts", "5"]);
    scene.run(&task);
    scene.set_script("fake", GOOD);
    scene.ai_ok(&["task", "edit", &task, "--not-before", "now"]);
    scene.run(&task);
    let first = format!("{task}.1");
    let mut told = Transcript::default();
    told.add("ai logs PREFIX", &scene.ai(&["logs", &task[..5]]));
    told.ai(&scene, &["logs", &first]);
    told.ai(&scene, &["logs", &first, "--follow"]);
    told.ai(&scene, &["logs", &first, "--json", "-q"]);
    told.ai(&scene, &["logs", &format!("{task}.7")]);
    told.ai(&scene, &["logs", "t-none"]);
    told.ai(&scene, &["logs"]);
    snapshot!(told);
}

#[test]
fn a_run_without_words_and_a_task_without_runs_say_so() {
    let scene = Sandbox::with_script("cat >/dev/null; echo work > work.txt");
    let task = scene.task("One", &[]);
    let mut told = Transcript::default();
    told.ai(&scene, &["logs", &task]);
    told.ai(&scene, &["logs"]);
    scene.run(&task);
    told.ai(&scene, &["logs", &task]);
    told.ai(&scene, &["logs", &task, "--json"]);
    // The files of a run may be gone, and what is left drives no terminal.
    std::fs::remove_dir_all(scene.root().join(".git/ai/runs")).unwrap();
    told.ai(&scene, &["logs", &task]);
    snapshot!(told);
}

#[test]
fn a_run_at_work_is_followed_to_its_end() {
    let scene = Sandbox::with_script(
        "cat >/dev/null; echo begun; touch \"$BASE/begun\"; read x < \"$BASE/gate\"; echo work > work.txt; printf 'ended \\033[2J'",
    );
    let gate = scene.pipe("gate");
    let task = scene.task("One", &[]);
    let run = scene.start(&["run", &task]);
    wait_for(&scene.base().join("begun"));
    snapshot!(scene.ai(&["logs", &task]), @"
    exit: 0
    ----- stdout -----
    begun
    ----- stderr -----
    run [RUN] by fake
    run [RUN] is at step agent; `ai logs [RUN] --follow` goes on with it
    ");
    let follower = scene.start(&["logs", &task, "-f"]);
    poll::until("the beginning is shown", PATIENCE, || {
        !follower.shown().is_empty()
    });
    open_gate(&gate);
    assert_eq!(run.wait().code, Some(0));
    let mut followed = follower.wait();
    // Which steps are seen is a matter of the moment.
    let lines = followed.stderr.lines().map(str::to_owned);
    let at_rest: Vec<String> = lines.filter(|line| !line.contains(": at step ")).collect();
    followed.stderr = at_rest.join("\n");
    snapshot!(followed, @"
    exit: 0
    ----- stdout -----
    begun
    ended
    ----- stderr -----
    run [RUN] by fake
    run [RUN] ended: checks passed on this tree and the policy allowed it
    ");
}

#[test]
fn following_ends_with_a_run_that_is_killed() {
    let scene = Sandbox::with_script(
        "cat >/dev/null; echo begun; touch \"$BASE/begun\"; read x < \"$BASE/gate\"",
    );
    scene.pipe("gate");
    let task = scene.task("One", &[]);
    let run = scene.start(&["run", &task]);
    wait_for(&scene.base().join("begun"));
    let follower = scene.start(&["logs", &task, "-f"]);
    poll::until("the beginning is shown", PATIENCE, || {
        !follower.shown().is_empty()
    });
    run.signal("KILL");
    snapshot!(follower.wait(), @"
    exit: 0
    ----- stdout -----
    begun
    ----- stderr -----
    run [RUN] by fake
    run [RUN] was cut off: its supervisor died; `ai recover [RUN]` saves its work
    ");
    scene.ai_ok(&["recover"]);
}

#[test]
fn what_a_cli_says_in_its_own_words_reads_as_everybody_says_it() {
    let stream = [
        json!({ "type": "system", "subtype": "init", "session_id": "s1", "model": "m-1", "claude_code_version": "2.0" }),
        json!({ "type": "assistant", "message": { "id": "a", "role": "assistant", "content": [
            { "type": "text", "text": "I look first." },
            { "type": "tool_use", "id": "u1", "name": "Bash", "input": { "command": "make test" } } ] } }),
        json!({ "type": "user", "message": { "role": "user", "content": [
            { "type": "tool_result", "tool_use_id": "u1", "is_error": true, "content": "1 failed" } ] } }),
        json!({ "type": "result", "subtype": "success", "is_error": false, "num_turns": 2, "result": "Done." }),
    ];
    let lines: String = stream.iter().map(|line| format!("{line}\n")).collect();
    let script = format!("cat >/dev/null; echo work > work.txt; cat <<'END'\n{lines}END");
    let scene = Scene::new()
        .agent(Agent::of_a_cli("fake", "claude-stream-json", &script))
        .build();
    let task = scene.task("One", &[]);
    scene.run(&task);
    snapshot!(scene.ai(&["logs", &task]), @"
    exit: 0
    ----- stdout -----
    -- session with m-1, version 2.0
    I look first.
    > Bash make test
    < ! 1 failed
    -- ended (success, turns 2)
    ----- stderr -----
    run [RUN] by fake
    run [RUN] ended: checks passed on this tree and the policy allowed it
    ");
}
