//! `ai agent doctor`: what is found of agents without starting them, and what a trial shows.

use std::path::Path;

use serde_json::Value;

use crate::snapshot;
use crate::support::runs::{CONFIG, with_mark};
use crate::support::{Outcome, Sandbox, mask_also};

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
fn parrot(version: &str) -> Sandbox {
    let scene = Sandbox::project();
    let says = format!("echo asked >>\"$BASE/asked\"; echo parrot {version}");
    scene.program("bin/parrot", &says);
    scene.write(".ai/connectors/parrot.yaml", MANIFEST);
    scene
}

#[test]
fn every_agent_is_looked_at_and_every_trouble_names_a_command() {
    let scene = parrot("1.4.0");
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
    snapshot!(scene.ai_with_bin(&["agent", "doctor"]));
    let lines = scene.ai_with_bin(&["agent", "doctor", "bird", "--json"]);
    assert_eq!(lines.code, Some(0), "a warning is nothing broken: {lines}");
    assert!(
        lines
            .json_lines()
            .iter()
            .all(|line| line["agent"] == "bird" && line["level"] != "bad"),
        "{lines}"
    );
    for line in scene
        .ai_with_bin(&["agent", "doctor", "--json"])
        .json_lines()
    {
        assert_eq!(line["level"] == "ok", line["next"].is_null(), "{line}");
    }
    snapshot!(scene.ai_with_bin(&["agent", "doctor", "nobody"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: there is no agent `nobody`
      next: `ai agent list` shows the agents
    ");
}

#[test]
fn a_version_out_of_range_is_told_and_nothing_untrusted_is_asked_for_it() {
    let scene = parrot("2.0.1");
    scene.ai_ok(&["trust"]);
    scene.ai_ok(&["agent", "register", "bird", "--connector", "parrot"]);
    let version = |lines: &Outcome| {
        lines
            .json_lines()
            .into_iter()
            .find(|line| line["check"] == "version")
    };
    let found = scene.ai_with_bin(&["agent", "doctor", "--json"]);
    assert_eq!(
        version(&found).unwrap()["text"],
        "2.0.1 is 2 or newer, which nobody has tried"
    );
    assert_eq!(
        scene.ai_with_bin(&["agent", "detect", "--json"]).json()["problem"],
        "version 2.0.1 is 2 or newer, which nobody has tried"
    );
    std::fs::remove_file(scene.base().join("asked")).unwrap();
    scene.write(
        ".ai/connectors/parrot.yaml",
        format!("{MANIFEST}# changed\n"),
    );
    let found = scene.ai_with_bin(&["agent", "doctor", "--json"]);
    assert_eq!((found.code, version(&found)), (Some(1), None), "{found}");
    assert!(
        !scene.base().join("asked").exists(),
        "an untrusted connector had its program started"
    );
    snapshot!(scene.ai_with_bin(&["agent", "doctor", "--try", "--yes"]), @"
    exit: 1
    ----- stdout -----
    ok    bird  file      connector parrot, the CLI's own model
    ok    bird  program   [PATH]/bin/parrot
    warn  bird  login     none was found in your home, and none of PARROT_API_KEY is set
                next      log in with `parrot`, set PARROT_API_KEY, or name a credential (.ai/credentials.yaml)
    ok    bird  home      yours, and it can be written
    warn  bird  sandbox   none, as you asked: it may do whatever you may
                next      take AI_SANDBOX=none, or `sandbox: none` in .ai/config.yaml, away
    bad   bird  trust     .ai/connectors/parrot.yaml was changed, so nothing is started here yet
                next      ai trust --show
    ok    bird  limits    at work on 0 of 1 run; 60 min a run, 10 min silent, 3 attempts at a task
    ok    bird  runs      no run has ended yet
    ok    bird  fallback  none: where its quota or login ends, its tasks wait
    ----- stderr -----
    bird is not tried: something of it is broken
    ");
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
    // Nobody is there to say yes.
    snapshot!(scene.ai(&["agent", "doctor", "good", "--try"]), @"
    exit: 8
    ----- stdout -----
    ok    good  file      connector command, the CLI's own model
    ok    good  program   /bin/sh
    ok    good  login     its connector names none
    ok    good  home      its connector keeps nothing in yours
    warn  good  sandbox   none, as you asked: it may do whatever you may
                next      take AI_SANDBOX=none, or `sandbox: none` in .ai/config.yaml, away
    ok    good  trust     nothing waits for your trust
    ok    good  limits    at work on 0 of 1 run; 60 min a run, 10 min silent, 3 attempts at a task
    ok    good  runs      no run has ended yet
    ok    good  fallback  none: where its quota or login ends, its tasks wait
    ----- stderr -----
    error: a trial talks to the providers and costs a few tokens, and nobody is here to say yes
      next: ai agent doctor --try --yes
    ");
    assert!(!scene.base().join("where").exists());
    let outcome = scene.ai(&["agent", "doctor", "--try", "--yes", "--json"]);
    snapshot!(mask_also(&outcome, &[(r"after \d+s", "after [N]s")]));
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
    let worked_in = std::fs::read_to_string(scene.base().join("where")).unwrap();
    let trials = scene.root().join(".git/ai/trials");
    let worked_in = Path::new(worked_in.trim());
    assert!(worked_in.starts_with(&trials), "{worked_in:?}");
    assert!(!worked_in.exists());
    assert!(!scene.root().join(".git/ai/trials").exists());
    let after = (
        scene.ai_ok(&["log", "--json"]).stdout,
        scene.git(&["status", "--porcelain"]),
        scene.git(&["for-each-ref"]),
    );
    assert_eq!(before, after);
    let home = format!("HOME={}", scene.base().join("home").display());
    assert_eq!(with_mark(home.as_bytes()), [""; 0], "processes are left");
    assert_eq!(
        scene
            .ai(&["agent", "doctor", "good", "--try", "--yes"])
            .code,
        Some(0)
    );
}
