//! `ai gc`: old output of agents goes and can be had back, what proves work stays, and what is not over is not touched.

use std::os::unix::fs::symlink;
use std::process::Stdio;

use serde_json::Value;

use crate::snapshot;
use crate::support::runs::GOOD;
use crate::support::{Outcome, Sandbox, Transcript, run, tree};

/// In milliseconds.
const DAYS_100: &str = "8640000000";

/// A project with one accepted task, one in review, and their ids.
fn two_tasks() -> (Sandbox, String, String) {
    let scene = Sandbox::with_script(GOOD);
    let done = scene.task("Done", &[]);
    scene.ai_ok(&["run", &done]);
    scene.ai_ok(&["accept", &done]);
    scene.set_script("fake", "cat >/dev/null; echo more > more.txt; echo said");
    let waits = scene.task("Waits", &[]);
    scene.ai_ok(&["run", &waits]);
    (scene, done, waits)
}

/// `ai` a hundred days on.
fn later(scene: &Sandbox, args: &[&str]) -> Outcome {
    run(scene
        .ai_command(args)
        .env("AI_TEST_WALL_OFFSET_MS", DAYS_100))
}

/// The lines in the order of the alphabet: that of things follows the ids of tasks.
fn in_order(mut outcome: Outcome) -> Outcome {
    let mut lines: Vec<&str> = outcome.stdout.lines().collect();
    lines.sort_unstable();
    outcome.stdout = lines.iter().map(|line| format!("{line}\n")).collect();
    outcome
}

fn logs(scene: &Sandbox, id: &str) -> Vec<String> {
    let dir = scene.root().join(format!(".git/ai/runs/{id}.1"));
    let all = tree(&dir, |path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("std") || name.starts_with("events")
    });
    all.keys().map(|path| format!("{path:?}")).collect()
}

/// What is said of output, with the rest left out.
fn of_output(outcome: &Outcome) -> Vec<(String, bool)> {
    let items = outcome.json_lines();
    let output = items.iter().filter(|item| item["kind"] == "output");
    let row = |item: &Value| {
        (
            item["name"].as_str().unwrap().to_owned(),
            item["removes"].as_bool().unwrap(),
        )
    };
    output.map(row).collect()
}

#[test]
fn output_of_ended_tasks_goes_by_age_and_what_proves_the_work_stays() {
    let (scene, done, waits) = two_tasks();
    let before = tree(&scene.root().join(".git/ai/runs"), |_| true);
    let fresh = scene.ai(&["gc", "--dry-run", "--age=1s", "--json"]);
    let goes = |outcome: &Outcome| {
        let all = of_output(outcome).into_iter();
        let goes: Vec<String> = all
            .filter(|(_, goes)| *goes)
            .map(|(name, _)| name)
            .collect();
        goes
    };
    let plan = later(&scene, &["gc", "--dry-run", "--json"]);
    assert_eq!(
        (of_output(&fresh).len(), goes(&fresh), goes(&plan)),
        (2, Vec::new(), vec![format!("runs/{done}.1")])
    );
    let mut told = Transcript::default();
    told.add("ai gc", &in_order(later(&scene, &["gc"])));
    told.add(
        "ai gc --yes as an agent",
        &later(&scene, &["gc", "--yes", "--as", "agent:fake"]),
    );
    assert_eq!(tree(&scene.root().join(".git/ai/runs"), |_| true), before);
    assert_eq!(later(&scene, &["gc", "--yes", "-q"]).code, Some(0));
    assert_eq!(
        (logs(&scene, &done).len(), logs(&scene, &waits).len()),
        (0, 3)
    );
    told.ai(&scene, &["evidence", "verify", &done]);
    told.ai(&scene, &["logs", &done]);
    let to = scene.base().join("out");
    told.ai(
        &scene,
        &["evidence", "export", &done, "--to", to.to_str().unwrap()],
    );
    told.ai(&scene, &["log", "verify"]);
    snapshot!(told);
}

#[test]
fn what_went_comes_back_by_the_command_that_was_named() {
    let (scene, done, _) = two_tasks();
    let before = logs(&scene, &done);
    let items = later(&scene, &["gc", "--yes", "--json"]).json_lines();
    let output = items
        .iter()
        .find(|item| item["kind"] == "output" && item["removes"] == true);
    let back = output.unwrap()["back"].as_str().unwrap().to_owned();
    assert_eq!(logs(&scene, &done), Vec::<String>::new());
    let mut shell = scene.command("sh");
    assert_eq!(run(shell.args(["-c", &back])).code, Some(0), "{back}");
    assert_eq!(logs(&scene, &done), before);
    let verified = scene.ai(&["evidence", "verify", &done]);
    assert_eq!(verified.code, Some(0), "{verified}");
}

#[test]
fn a_file_that_somebody_else_took_is_still_missing() {
    let (scene, done, _) = two_tasks();
    let log = scene
        .root()
        .join(format!(".git/ai/runs/{done}.1/stdout.log"));
    std::fs::remove_file(&log).unwrap();
    later(&scene, &["gc", "--yes", "-q"]);
    let verified = scene.ai(&["evidence", "verify", &done]);
    let missing = verified
        .stdout
        .lines()
        .filter(|line| line.split_whitespace().nth(1) == Some("MISSING"));
    assert_eq!((verified.code, missing.count()), (Some(6), 1), "{verified}");
}

#[test]
fn work_whose_output_went_can_be_taken_back_and_accepted_again() {
    let (scene, _, second) = two_tasks();
    scene.ai_ok(&["accept", &second]);
    later(&scene, &["gc", "--yes", "-q"]);
    assert_eq!(logs(&scene, &second), Vec::<String>::new());
    scene.ai_ok(&["undo", &second]);
    scene.ai_ok(&["accept", &second]);
}

#[test]
fn where_nothing_can_be_kept_nothing_goes() {
    let (scene, done, _) = two_tasks();
    std::fs::write(scene.root().join(".git/ai/pruned"), "in the way").unwrap();
    let before = logs(&scene, &done);
    let outcome = later(&scene, &["gc", "--yes"]);
    assert_eq!(logs(&scene, &done), before, "{outcome}");
    snapshot!(outcome);
}

#[test]
fn output_near_its_limit_is_told_by_doctor() {
    let (scene, _, _) = two_tasks();
    let config = scene.read(".ai/config.yaml") + "retention: {size_mb: 0}\n";
    scene.write(".ai/config.yaml", config);
    let findings = scene.ai(&["doctor", "--json"]).json_lines();
    let told = findings
        .iter()
        .filter(|finding| finding["check"] == "limits");
    let next: Vec<&str> = told.map(|one| one["next"].as_str().unwrap()).collect();
    assert_eq!(next, ["ai gc --dry-run"]);
}

#[test]
fn of_two_at_once_only_one_takes_it() {
    let (scene, done, _) = two_tasks();
    let start = || {
        let mut command = scene.ai_command(&["gc", "--yes", "--json"]);
        let command = command.env("AI_TEST_WALL_OFFSET_MS", DAYS_100);
        command.stdout(Stdio::piped()).spawn().unwrap()
    };
    let both = [start(), start()].map(|child| child.wait_with_output().unwrap());
    let taken: usize = both
        .iter()
        .map(|output| {
            let lines = String::from_utf8_lossy(&output.stdout);
            let items = lines
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap());
            items
                .filter(|item| item["kind"] == "output" && item["removes"] == true)
                .count()
        })
        .sum();
    let kept = std::fs::read_dir(scene.root().join(".git/ai/pruned")).unwrap();
    assert_eq!((taken, kept.count(), logs(&scene, &done).len()), (1, 1, 0));
}

#[test]
fn what_is_not_as_it_was_recorded_stays_to_be_told() {
    let (scene, done, _) = two_tasks();
    let log = format!(".git/ai/runs/{done}.1/stdout.log");
    let said = scene.read(&log) + "more";
    scene.write(&log, &said);
    let mut told = Transcript::default();
    told.add("ai gc --yes", &in_order(later(&scene, &["gc", "--yes"])));
    assert_eq!((logs(&scene, &done).len(), scene.read(&log)), (3, said));
    told.ai(&scene, &["evidence", "verify", &done]);
    snapshot!(told);
}

#[test]
fn nothing_goes_from_behind_a_link_nor_to_there() {
    let (scene, done, _) = two_tasks();
    let dir = scene.root().join(format!(".git/ai/runs/{done}.1"));
    let elsewhere = scene.base().join("elsewhere");
    std::fs::rename(&dir, &elsewhere).unwrap();
    symlink(&elsewhere, &dir).unwrap();
    let plan = later(&scene, &["gc", "--yes", "--json"]);
    assert!(
        of_output(&plan).iter().all(|(_, removes)| !removes),
        "{plan}"
    );
    assert!(elsewhere.join("stdout.log").exists());
    std::fs::remove_file(&dir).unwrap();
    std::fs::rename(&elsewhere, &dir).unwrap();
    std::fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, scene.root().join(".git/ai/pruned")).unwrap();
    later(&scene, &["gc", "--yes"]);
    assert_eq!(
        (
            logs(&scene, &done).len(),
            std::fs::read_dir(&elsewhere).unwrap().count()
        ),
        (3, 0)
    );
    assert_eq!(scene.ai(&["evidence", "verify", &done]).code, Some(0));
}

#[test]
fn what_is_kept_is_listed_with_its_way_back() {
    let (scene, done, _) = two_tasks();
    let before = logs(&scene, &done);
    later(&scene, &["gc", "--yes", "-q"]);
    let items = scene.ai(&["gc", "--dry-run", "--json"]).json_lines();
    let kept = items.iter().filter(|item| item["kind"] == "pruned");
    let back: Vec<&str> = kept.map(|item| item["back"].as_str().unwrap()).collect();
    let mut shell = scene.command("sh");
    let outcome = run(shell.args(["-ec", &back.join("\n")]));
    assert_eq!(
        (outcome.code, logs(&scene, &done)),
        (Some(0), before),
        "{outcome}"
    );
    scene.git(&["rev-parse", "--verify", &format!("ai/{done}/1")]);
}
