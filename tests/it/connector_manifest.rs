//! The worked example of docs/connectors.md, followed: a manifest, a CLI that nobody has heard of,
//! detection, a run, a review.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{self, Outcome, Sandbox};

/// The manifest as the documentation shows it.
fn example() -> String {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/connectors.md"))
            .unwrap();
    let rest = page
        .split_once("<!-- example: parrot -->\n```yaml\n")
        .unwrap()
        .1;
    rest.split_once("```").unwrap().0.to_owned()
}

/// A recorded stream.
fn transcript(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/transcripts")
        .join(name)
}

/// A project with the manifest, and a directory with the CLI, which says what was recorded.
fn scene(recorded: &str) -> Sandbox {
    let scene = Sandbox::project();
    scene.write(".ai/connectors/parrot.yaml", example());
    scene.commit("a connector");
    let script = format!(
        "#!/bin/sh\n\
         [ \"$1\" = --version ] && {{ echo parrot 1.2.3 >&2; exit 0; }}\n\
         cat >heard.md\n\
         echo \"$*, telemetry $PARROT_TELEMETRY, other key ${{OTHER_KEY-unset}}\" >hello.txt\n\
         if [ -n \"$PARROT_HOME\" ]; then echo secret >\"$PARROT_HOME/session\"; echo own home >>hello.txt; fi\n\
         cat '{}'\n",
        transcript(recorded).display()
    );
    let bin = scene.base().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::fs::write(bin.join("parrot"), script).unwrap();
    std::fs::set_permissions(bin.join("parrot"), std::fs::Permissions::from_mode(0o755)).unwrap();
    scene
}

/// `ai` with the CLI on `PATH`, before what is installed on this machine.
fn ai(scene: &Sandbox, args: &[&str]) -> Outcome {
    let machine = std::env::var_os("PATH").unwrap();
    let dirs = std::iter::once(scene.base().join("bin")).chain(std::env::split_paths(&machine));
    support::run(path(scene.ai_command(args), dirs.collect()).env("OTHER_KEY", "k"))
}

/// `ai agent detect` with nothing else on `PATH`, so that no real CLI is started.
fn detect(scene: &Sandbox, more: &[&str]) -> Outcome {
    let args = [&["agent", "detect"], more].concat();
    support::run(&mut path(
        scene.ai_command(&args),
        vec![scene.base().join("bin")],
    ))
}

fn path(mut command: Command, dirs: Vec<PathBuf>) -> Command {
    command.env("PATH", std::env::join_paths(dirs).unwrap());
    command
}

#[test]
fn a_cli_is_added_by_its_manifest_alone() {
    let scene = scene("codex.ok.jsonl");
    let untrusted = detect(&scene, &["--json"]);
    assert_eq!(
        (untrusted.code, untrusted.stdout.as_str()),
        (Some(0), ""),
        "{untrusted}"
    );
    assert!(untrusted.stderr.contains("not trusted"), "{untrusted}");
    scene.ai_ok(&["trust"]);
    let found = detect(&scene, &["--json"]).json();
    assert_eq!(
        (&found["connector"], &found["version"]),
        (&"parrot".into(), &"1.2.3".into()),
        "{found}"
    );
    assert_eq!(
        (&found["agent"], &found["tested_with"]),
        (&"none".into(), &serde_json::Value::Null),
        "{found}"
    );
    assert_eq!(
        found["capabilities"],
        serde_json::json!(["events", "model", "resume", "own-home", "tokens"])
    );
    let written = detect(&scene, &["--write"]);
    assert!(
        written.stdout.starts_with("parrot") && written.stderr.contains("registered agent parrot"),
        "{written}"
    );
    let before = scene.read(".ai/agents/parrot.yaml");
    assert!(
        detect(&scene, &["--write"])
            .stderr
            .contains("registered already")
    );
    assert_eq!(scene.read(".ai/agents/parrot.yaml"), before);

    let task = scene.task("Say hello", &["--body", "to everybody"]);
    let run = ai(&scene, &["run", &task, "--agent", "parrot", "--json"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(run.json()["task"]["status"], "review", "{run}");
    let dir = PathBuf::from(run.json()["dir"].as_str().unwrap());
    let events = std::fs::read_to_string(dir.join("events.jsonl")).unwrap();
    assert!(
        events.contains(r#""type":"session_started","session_id":"5e55105e"#),
        "{events}"
    );
    assert!(
        events.contains(r#"{"type":"file_change","path":"/tree/hello.txt","kind":"add"}"#),
        "{events}"
    );
    let diff = std::fs::read_to_string(dir.join("diff.patch")).unwrap();
    assert!(
        diff.contains("+run --json, telemetry 0, other key unset\n"),
        "{diff}"
    );
    assert!(
        diff.contains("+to everybody"),
        "the prompt stood on standard input: {diff}"
    );
    assert!(
        !diff.contains("own home"),
        "the login stays where it is: {diff}"
    );
    let review = ai(&scene, &["review", &task]);
    assert!(
        review.code == Some(0) && review.stdout.contains("hello.txt"),
        "{review}"
    );
}

#[test]
fn a_refused_key_is_no_work_done_although_the_exit_code_is_0() {
    let scene = scene("codex.error-401.jsonl");
    scene.ai_ok(&["trust"]);
    assert_eq!(detect(&scene, &["--write"]).code, Some(0));
    let task = scene.task("Say hello", &[]);
    let run = ai(&scene, &["run", &task, "--agent", "parrot", "--json"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert_eq!(run.json()["verdict"]["lifecycle"], "auth", "{run}");
    assert_ne!(run.json()["task"]["status"], "review", "{run}");
    assert!(
        run.json()["summary"]
            .as_str()
            .unwrap()
            .contains("401 Unauthorized"),
        "{run}"
    );
}

#[test]
fn a_home_of_its_own_is_gone_after_the_run() {
    let scene = scene("codex.ok.jsonl");
    scene.ai_ok(&["trust"]);
    scene.ai_ok(&[
        "agent",
        "register",
        "lone",
        "--connector",
        "parrot",
        "--home",
        "run",
    ]);
    let task = scene.task("Say hello", &[]);
    let run = ai(&scene, &["run", &task, "--agent", "lone", "--json"]);
    assert_eq!(run.code, Some(0), "{run}");
    let dir = PathBuf::from(run.json()["dir"].as_str().unwrap());
    assert!(
        std::fs::read_to_string(dir.join("diff.patch"))
            .unwrap()
            .contains("+own home")
    );
    assert!(!dir.join("home").exists());
}
