//! `ai agent doctor`: what is found of agents without starting them, and what a trial shows.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::snapshot;
use crate::support::runs::{CONFIG, with_mark};
use crate::support::{self, Outcome, Sandbox};

const MANIFEST: &str = "version: 1
name: parrot
title: Parrot
tested_with: '1.2.0'
detect:
  command: parrot
  version_args: [--version]
  version_regex: '(\\d+\\.\\d+\\.\\d+)'
  versions: {from: '1.2', below: '2'}
argv: [parrot, --json]
prompt: stdin
env_pass: [PARROT_API_KEY]
login: [.parrot]
output: codex-json
";

/// A project with the connector of a made-up CLI; its program answers with `version`.
fn scene(version: &str) -> Sandbox {
    let scene = Sandbox::project();
    let bin = scene.base().join("bin");
    std::fs::create_dir(&bin).unwrap();
    program(
        &scene,
        "bin/parrot",
        &format!("echo asked >>\"$BASE/asked\"; echo parrot {version}"),
    );
    scene.write(".ai/connectors/parrot.yaml", MANIFEST);
    scene
}

/// Writes a program of the scene.
fn program(scene: &Sandbox, name: &str, script: &str) -> String {
    let path = scene.base().join(name);
    std::fs::write(
        &path,
        format!("#!/bin/sh\nBASE='{}'\n{script}\n", scene.base().display()),
    )
    .unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// `ai` with the made-up CLI on `PATH`, before what is installed on this machine.
fn ai(scene: &Sandbox, args: &[&str]) -> Outcome {
    let machine = std::env::var_os("PATH").unwrap();
    let dirs = std::iter::once(scene.base().join("bin")).chain(std::env::split_paths(&machine));
    support::run(
        scene
            .ai_command(args)
            .env("PATH", std::env::join_paths(dirs).unwrap()),
    )
}

#[test]
fn every_agent_is_looked_at_and_every_trouble_names_a_command() {
    let scene = scene("1.4.0");
    scene.ai_ok(&["trust"]);
    scene.ai_ok(&[
        "agent",
        "register",
        "bird",
        "--connector",
        "parrot",
        "--model",
        "m-1",
        "--fallback",
        "gone",
    ]);
    scene.ai_ok(&[
        "agent",
        "register",
        "typo",
        "--connector",
        "command",
        "--",
        "no-such-program",
        "{prompt_file}",
    ]);
    scene.write(
        ".ai/agents/bad.yaml",
        "name: bad\nconnector: command\nmodle: x\n",
    );
    scene.configure(&format!("{CONFIG}budgets: {{agent: {{attempts: 1}}}}\n"));
    std::fs::create_dir(scene.base().join("home/.parrot")).unwrap();
    snapshot!(ai(&scene, &["agent", "doctor"]));
    let lines = ai(&scene, &["agent", "doctor", "bird", "--json"]);
    assert_eq!(lines.code, Some(0), "a warning is nothing broken: {lines}");
    assert!(
        lines
            .json_lines()
            .iter()
            .all(|line| line["agent"] == "bird" && line["level"] != "bad"),
        "{lines}"
    );
    for line in ai(&scene, &["agent", "doctor", "--json"]).json_lines() {
        assert_eq!(line["level"] == "ok", line["next"].is_null(), "{line}");
    }
    assert_eq!(ai(&scene, &["agent", "doctor", "nobody"]).code, Some(3));
}

#[test]
fn a_version_out_of_range_is_told_and_nothing_untrusted_is_asked_for_it() {
    let scene = scene("2.0.1");
    scene.ai_ok(&["trust"]);
    scene.ai_ok(&["agent", "register", "bird", "--connector", "parrot"]);
    let version = |lines: &Outcome| {
        lines
            .json_lines()
            .into_iter()
            .find(|line| line["check"] == "version")
    };
    let found = ai(&scene, &["agent", "doctor", "--json"]);
    assert_eq!(
        version(&found).unwrap()["text"],
        "2.0.1 is 2 or newer, which nobody has tried"
    );
    assert_eq!(
        ai(&scene, &["agent", "detect", "--json"]).json()["problem"],
        "version 2.0.1 is 2 or newer, which nobody has tried"
    );
    std::fs::remove_file(scene.base().join("asked")).unwrap();
    scene.write(
        ".ai/connectors/parrot.yaml",
        format!("{MANIFEST}# changed\n"),
    );
    let found = ai(&scene, &["agent", "doctor", "--json"]);
    assert_eq!((found.code, version(&found)), (Some(1), None), "{found}");
    assert!(
        !scene.base().join("asked").exists(),
        "an untrusted connector had its program started"
    );
    let trial = ai(&scene, &["agent", "doctor", "--try", "--yes"]);
    assert!(trial.stderr.contains("bird is not tried"), "{trial}");
    assert!(!scene.base().join("asked").exists());
}

#[test]
fn a_trial_shows_how_each_agent_ends_and_leaves_nothing() {
    let scene = Sandbox::project();
    let agents = [
        (
            "good",
            "cat >heard.md; echo more >README.md; pwd >\"$BASE/where\"; echo ready",
            "answered",
        ),
        ("later", "cat >/dev/null; exit 75", "quota"),
        (
            "locked",
            "cat >/dev/null; echo 'error: invalid api key' >&2; exit 1",
            "auth",
        ),
        (
            "sick",
            "cat >/dev/null; echo 'no such model' >&2; exit 3",
            "failed",
        ),
        ("slain", "cat >/dev/null; kill -9 $$", "killed"),
    ];
    for (name, script, _) in agents {
        scene.add_agent(name, script);
    }
    scene.configure(CONFIG);
    let before = (
        scene.ai_ok(&["log", "--json"]).stdout,
        scene.git(&["status", "--porcelain"]),
        scene.git(&["for-each-ref"]),
    );
    let asked = scene.ai(&["agent", "doctor", "good", "--try"]);
    assert_eq!(asked.code, Some(8), "nobody is there to say yes: {asked}");
    assert!(!scene.base().join("where").exists());
    let outcome = scene.ai(&["agent", "doctor", "--try", "--yes", "--json"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    let lines: Vec<Value> = outcome
        .json_lines()
        .into_iter()
        .filter(|line| line["check"] == "trial")
        .collect();
    let found: Vec<(&str, &str)> = lines
        .iter()
        .map(|line| {
            (
                line["agent"].as_str().unwrap(),
                line["class"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(found, agents.map(|(name, _, class)| (name, class)));
    assert!(
        lines
            .iter()
            .all(|line| line["class"] == "answered" || line["next"].is_string()),
        "{lines:#?}"
    );
    assert!(
        lines[0]["text"].as_str().unwrap().ends_with("ready"),
        "{}",
        lines[0]
    );
    assert!(
        lines[3]["text"]
            .as_str()
            .unwrap()
            .ends_with("no such model"),
        "{}",
        lines[3]
    );
    let worked_in = std::fs::read_to_string(scene.base().join("where")).unwrap();
    assert!(
        worked_in.contains("/.git/ai/trials/") && !std::path::Path::new(worked_in.trim()).exists(),
        "{worked_in}"
    );
    assert!(!scene.root().join(".git/ai/trials").exists());
    let after = (
        scene.ai_ok(&["log", "--json"]).stdout,
        scene.git(&["status", "--porcelain"]),
        scene.git(&["for-each-ref"]),
    );
    assert_eq!(before, after);
    assert_eq!(with_mark(b"AI_RUN=trial-"), [""; 0]);
    assert_eq!(
        scene
            .ai(&["agent", "doctor", "good", "--try", "--yes"])
            .code,
        Some(0)
    );
}
