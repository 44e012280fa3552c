//! Tasks that no agent can have, and agents that cannot start: told by `ai why`, `ai agent list` and
//! `ai doctor`, each with the command that mends it.

use crate::snapshot;
use crate::support::runs::GOOD;
use crate::support::{Sandbox, Transcript};

/// Types the command that `ai why` names at the beginning of its hint, and what is typed after it.
#[track_caller]
fn follow(scene: &Sandbox, task: &str) {
    let why = scene.ai_json(&["why", task]);
    let next = why["gates"][0]["next"].as_str().unwrap();
    let command = next.split([';', ',']).next().unwrap();
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    scene.ai_ok(&words);
    assert_eq!(scene.ai_json(&["why", task])["gates"][0]["gate"], "ready");
}

#[test]
fn a_task_that_no_agent_can_have_says_who_lacks_what() {
    let scene = Sandbox::with_script(GOOD);
    let mut told = Transcript::default();
    let cases = [
        ("Missing", &["--agent", "ghost"][..]),
        ("Unable", &["--label", "needs:gpu"]),
        ("Unmarked", &["--label", "on:big"]),
    ];
    for (title, args) in cases {
        let task = scene.task(title, args);
        told.ai(&scene, &["why", &task]);
        follow(&scene, &task);
    }
    snapshot!(told);
}

#[test]
fn an_agent_that_cannot_start_is_told_everywhere() {
    let scene = Sandbox::project();
    let task = scene.task("One", &[]);
    let mut told = Transcript::default();
    told.ai(&scene, &["why", &task]);
    let register = |name: &str| {
        let argv = ["-c", "command", "--", "no-such-program", "{prompt_file}"];
        scene.ai_ok(&[&["agent", "register", name][..], &argv].concat());
    };
    register("bird");
    scene.write(
        ".ai/agents/cat.yaml",
        "version: 1\nname: cat\nconnector: nowhere\n",
    );
    told.ai(&scene, &["why", &task]);
    told.ai(&scene, &["agent", "list"]);
    snapshot!(told);
    let cannot: Vec<_> = scene
        .ai_json_lines(&["agent", "list"])
        .iter()
        .map(|line| line["cannot_start"].clone())
        .collect();
    assert_eq!(
        cannot,
        [
            "its program `no-such-program` is not on this machine",
            "there is no connector `nowhere`"
        ]
    );
    let doctor = scene.ai(&["doctor", "--json"]).json_lines();
    let of = |check: &str| {
        let found = doctor
            .iter()
            .filter(|one| one["check"] == check && one["level"] != "ok");
        found
            .map(|one| format!("{} -> {}\n", one["text"], one["next"]))
            .collect::<String>()
    };
    snapshot!(["agents", "checks", "trust"].map(of).concat(), @r#"
    "bird cannot start here: its program `no-such-program` is not on this machine" -> "ai agent doctor bird"
    "cat cannot start here: there is no connector `nowhere`" -> "ai agent doctor cat"
    "no check is configured, so nothing can be proven" -> "write one below `checks:` in .ai/config.yaml, such as {test: {run: make test}}"
    ".ai/agents/cat.yaml was added: nothing of it runs on this machine yet" -> "ai trust --show"
    "#);
}
