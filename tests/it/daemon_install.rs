//! `ai daemon install`: the file by which a service manager starts the daemon.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use crate::snapshot;
use crate::support::runs::GOOD;
use crate::support::scene::{Agent, Scene};
use crate::support::{Sandbox, Transcript, Typist, mask_also, run};

/// A program, its places and a digest are others on each machine.
const MACHINE: [(&str, &str); 5] = [
    (r#""program":"[^"]*""#, r#""program":"[PROGRAM]""#),
    (r#""digest":"[0-9a-f]{64}""#, r#""digest":"[DIGEST]""#),
    (r#"ExecStart="[^"]*""#, r#"ExecStart="[PROGRAM]""#),
    (r#""PATH=[^"]*""#, r#""PATH=[PATH]""#),
    (r"repo-[0-9a-f]{8}", "repo-[DIGEST]"),
];

fn masked(told: impl std::fmt::Display) -> String {
    mask_also(told, &MACHINE)
}

fn scene() -> Sandbox {
    Scene::new().agent(Agent::new("one", GOOD)).build()
}

/// The file of the sandbox's service.
fn file(sandbox: &Sandbox) -> PathBuf {
    let told = sandbox
        .ai(&["daemon", "install", "--dry-run", "--json"])
        .json();
    PathBuf::from(told["path"].as_str().unwrap())
}

#[test]
fn it_is_shown_before_it_is_written_and_only_written_with_a_yes() {
    let scene = scene();
    let path = file(&scene);
    let mut told = Transcript::default();
    told.ai(&scene, &["daemon", "install"]);
    assert!(!path.exists());
    told.ai(&scene, &["daemon", "install", "--yes", "--parallel", "2"]);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
    told.ai(&scene, &["daemon", "install", "--yes", "--parallel", "2"]);
    // Another wish is another text, and its own file may be written over.
    told.ai(&scene, &["daemon", "install", "--dry-run"]);
    scene.ai_ok(&["daemon", "install", "--yes"]);
    told.ai(&scene, &["daemon", "uninstall", "--dry-run"]);
    told.ai(&scene, &["daemon", "uninstall"]);
    assert!(!path.exists());
    told.ai(&scene, &["daemon", "uninstall"]);
    snapshot!(masked(told));
}

#[test]
fn a_search_path_is_written_down_without_what_depends_on_where_one_is() {
    let scene = scene();
    let path = std::env::var("PATH").unwrap();
    let path = format!("node_modules/.bin:{path}::.");
    let mut command = scene.ai_command(&["daemon", "install", "--dry-run"]);
    let told = run(command.env("PATH", &path));
    assert_eq!(told.code, Some(0), "{told}");
    snapshot!(told.stderr.lines().next().unwrap(), @"warning: your PATH has `node_modules/.bin`, `.`, which is another directory wherever a process works, and is left out of the file");
    let line = told
        .stdout
        .lines()
        .find(|line| line.trim_start().starts_with("Environment="));
    let places = line.unwrap().split_once("PATH=").unwrap().1;
    let relative = places
        .trim_end_matches('"')
        .split(':')
        .filter(|place| !place.starts_with('/'));
    assert_eq!(relative.count(), 0, "{places}");
}

#[test]
fn at_a_terminal_it_is_asked_about_and_a_no_writes_nothing() {
    let scene = scene();
    let path = file(&scene);
    let mut command = scene.ai_command(&["daemon", "install"]);
    let mut typist = Typist::start(command.env("NO_COLOR", "1"), (60, 40));
    typist.sees("write this file? [y/N]");
    typist.types("n\r");
    assert_eq!(typist.ends(), Some(8));
    assert!(!path.exists());
}

#[test]
fn a_file_of_somebody_else_or_one_that_was_changed_is_left_alone() {
    let scene = scene();
    let path = file(&scene);
    let mut told = Transcript::default();
    scene.ai_ok(&["daemon", "install", "--yes"]);
    let ours = std::fs::read_to_string(&path).unwrap();
    for text in [format!("{ours}Nice=5\n"), "[Unit]\n".to_owned()] {
        std::fs::write(&path, &text).unwrap();
        told.ai(&scene, &["daemon", "install", "--yes"]);
        told.ai(&scene, &["daemon", "uninstall"]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    // Not even through a link to a file of its own.
    let aside = scene.base().join("aside");
    std::fs::write(&aside, &ours).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&aside, &path).unwrap();
    told.ai(&scene, &["daemon", "uninstall"]);
    assert!(aside.exists() && path.is_symlink());
    snapshot!(masked(told));
}

#[test]
fn the_answer_is_one_object_and_agents_write_nothing() {
    let scene = scene();
    let schema = scene.ai(&["schema", "daemon-service"]).json();
    for args in [
        &["daemon", "install", "--dry-run"][..],
        &["daemon", "install", "--yes"],
        &["daemon", "install"],
        &["daemon", "uninstall"],
    ] {
        let told = scene.ai(&[args, &["--json"]].concat());
        assert_eq!(told.code, Some(0), "{told}");
        crate::schemas::checked(&schema, &told.json(), "daemon-service").unwrap();
    }
    let denied = scene.ai(&["--as", "agent:one", "daemon", "install", "--yes"]);
    assert_eq!(denied.code, Some(5), "{denied}");
    assert!(!file(&scene).exists());
}

/// `systemd-analyze` reads what `ai` writes. Where it is not installed, the rules of quoting are held by their tables alone.
#[test]
fn systemd_takes_the_unit_as_it_is_written() {
    let scene = scene();
    let name = "a b $HOME 50% 'c' \"d\" é";
    let tree = scene.base().join(name);
    let linked = ["worktree", "add", "-q", "--detach", tree.to_str().unwrap()];
    scene.git(&linked);
    let program = tree.join("ai");
    std::fs::hard_link(env!("CARGO_BIN_EXE_ai"), &program)
        .or_else(|_| std::fs::copy(env!("CARGO_BIN_EXE_ai"), &program).map(drop))
        .unwrap();
    let mut command = scene.command(&program);
    let written = run(command
        .current_dir(&tree)
        .args(["daemon", "install", "--yes", "--json"]));
    assert_eq!(written.code, Some(0), "{written}");
    let path = written.json()["path"].as_str().unwrap().to_owned();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.lines()
            .any(|line| line.ends_with(r#"a b $HOME 50%% 'c' "d" é"#)),
        "{text}"
    );
    let verified = Command::new("systemd-analyze")
        .args(["verify", "--user", &path])
        .output();
    let Ok(verified) = verified else {
        eprintln!("skipped: there is no systemd-analyze here");
        return;
    };
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    // It may tell of other units, or of what this machine lacks.
    assert_eq!(said.split("ai-daemon-").count(), 1, "{said}");
}

#[test]
fn doctor_tells_a_service_whose_program_or_repository_is_gone() {
    let scene = scene();
    let program = scene.base().join("ai-once");
    std::fs::hard_link(env!("CARGO_BIN_EXE_ai"), &program)
        .or_else(|_| std::fs::copy(env!("CARGO_BIN_EXE_ai"), &program).map(drop))
        .unwrap();
    let mut command = scene.command(&program);
    let written = run(command.args(["daemon", "install", "--yes"]));
    assert_eq!(written.code, Some(0), "{written}");
    let told = || {
        let lines = scene.ai(&["doctor", "--json"]).json_lines();
        let about = lines.into_iter().filter(|line| line["check"] == "daemon");
        let about = about.map(|line| format!("{}\nnext: {}", line["text"], line["next"]));
        about.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(told(), "");
    std::fs::remove_file(&program).unwrap();
    let first = told();
    // One of a repository that is gone is told in any other.
    let path = file(&scene);
    let text = std::fs::read_to_string(&path).unwrap();
    let common = scene.root().join(".git").canonicalize().unwrap();
    let gone = text.replace(common.to_str().unwrap(), "/nowhere/tool/.git");
    std::fs::write(&path, gone).unwrap();
    snapshot!(masked(format!("{first}\n{}", told())));
}
