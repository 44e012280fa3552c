//! The worked example of docs/connectors.md, followed: a manifest, a CLI that nobody has heard of,
//! detection, a run, a review.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::snapshot;
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
fn parrot(recorded: &str) -> Sandbox {
    let scene = Sandbox::project();
    scene.write(".ai/connectors/parrot.yaml", example());
    scene.commit("a connector");
    let script = format!(
        "[ \"$1\" = --version ] && {{ echo parrot 1.2.3 >&2; exit 0; }}\n\
         cat >heard.md\n\
         echo \"$*, telemetry $PARROT_TELEMETRY, other key ${{OTHER_KEY-unset}}\" >hello.txt\n\
         if [ -n \"$PARROT_HOME\" ]; then echo secret >\"$PARROT_HOME/session\"; echo own home >>hello.txt; fi\n\
         cat '{}'\n",
        transcript(recorded).display()
    );
    scene.program("bin/parrot", &script);
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
    let scene = parrot("codex.ok.jsonl");
    // Where nothing is trusted, nothing is found.
    snapshot!(detect(&scene, &["--json"]), @"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    warning: the connectors that this repository brings are not trusted, so they were not asked; see `ai trust --show`
    ");
    scene.ai_ok(&["trust"]);
    snapshot!(detect(&scene, &["--json"]), @r#"
    exit: 0
    ----- stdout -----
    {"connector":"parrot","title":"Parrot","program":"[PATH]/bin/parrot","version":"1.2.3","problem":null,"tested_with":null,"capabilities":["events","model","resume","own-home","tokens"],"agent":"none"}
    ----- stderr -----
    "#);
    snapshot!(detect(&scene, &["--write"]), @"
    exit: 0
    ----- stdout -----
    parrot  1.2.3  Parrot  events,model,resume,own-home,tokens
    ----- stderr -----
      parrot: this connector was never tried with the real program
    registered agent parrot
    ");
    let before = scene.read(".ai/agents/parrot.yaml");
    snapshot!(detect(&scene, &["--write"]), @"
    exit: 0
    ----- stdout -----
    parrot  1.2.3  Parrot  events,model,resume,own-home,tokens
    ----- stderr -----
      parrot: this connector was never tried with the real program
    agent parrot is registered already and was left
    ");
    assert_eq!(scene.read(".ai/agents/parrot.yaml"), before);

    let task = scene.task("Say hello", &["--body", "to everybody"]);
    let run = ai(&scene, &["run", &task, "--agent", "parrot", "--json"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(run.json()["task"]["status"], "review", "{run}");
    let dir = PathBuf::from(run.json()["dir"].as_str().unwrap());
    snapshot!(std::fs::read_to_string(dir.join("events.jsonl")).unwrap());
    // The prompt stood on standard input, and the login stays where it is.
    snapshot!(std::fs::read_to_string(dir.join("diff.patch")).unwrap());
    snapshot!(ai(&scene, &["review", &task, "--no-diff"]));
}

#[test]
fn a_refused_key_is_no_work_done_although_the_exit_code_is_0() {
    let scene = parrot("codex.error-401.jsonl");
    scene.ai_ok(&["trust"]);
    assert_eq!(detect(&scene, &["--write"]).code, Some(0));
    let task = scene.task("Say hello", &[]);
    let run = ai(&scene, &["run", &task, "--agent", "parrot", "--json"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert_eq!(run.json()["verdict"]["lifecycle"], "auth", "{run}");
    assert_ne!(run.json()["task"]["status"], "review", "{run}");
    snapshot!(run.json()["summary"].as_str().unwrap(), @"the machine or an account is not in order; nothing is held against the work: unexpected status 401 Unauthorized: invalid api key, url: http://localhost/v1/responses");
}

#[test]
fn a_home_of_its_own_is_gone_after_the_run() {
    let scene = parrot("codex.ok.jsonl");
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
    let made = scene.file_at(&format!("ai/{task}/1"), "hello.txt");
    snapshot!(made, @"
    run --json, telemetry 0, other key unset
    own home
    ");
    assert!(!dir.join("home").exists());
}
