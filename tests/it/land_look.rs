//! Looks at what would land: they write nothing, say what a landing would, and tell of one that was cut off; and what a
//! landing does where something changes under it late.

use serde_json::Value;

use crate::land::{CONFIG_LAND, project, project_with, ran, statuses, work};
use crate::snapshot;
use crate::support::scene::{Agent, Scene};
use crate::support::{Sandbox, Transcript, run_on_terminal, tree};

/// Everything in the repository, but for what SQLite keeps beside a database that is open.
fn everything(sandbox: &Sandbox) -> Vec<String> {
    let wanted = |path: &std::path::Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name != "ai.db-shm"
    };
    let found = tree(&sandbox.root(), wanted);
    found
        .into_iter()
        .map(|(path, what)| format!("{} {what}", path.display()))
        .collect()
}

#[test]
fn looking_writes_nothing_and_says_what_a_landing_would() {
    let policy = "version: 1\ndefault: allow\nrules:\n  - {id: words, on: [commit.message], when: 'change.subjects.exists(s, s.contains(\"Work 5\"))', effect: deny, reason: no such words}\n";
    let sandbox = project_with(Scene::new().policy(policy), "false");
    let mut ids = vec![work(&sandbox, 1, &[]), work(&sandbox, 2, &[])];
    sandbox.set_script("fake", "cat >/dev/null; echo other > w01.txt");
    ids.push(sandbox.reviewed("Otherwise"));
    ids.extend([work(&sandbox, 4, &[]), work(&sandbox, 5, &[])]);
    // Locks, files in the way and clashes are told apart, each about its own work.
    sandbox.ai_ok(&["lock", "acquire", "w02.txt", "--as", "ben"]);
    sandbox.write("w04.txt", "by a person\n");
    let before = everything(&sandbox);
    let mut told = Transcript::default();
    told.ai(&sandbox, &["land", "status"]);
    told.ai(&sandbox, &["land", "--all", "--dry-run"]);
    assert_eq!(everything(&sandbox), before);
    snapshot!(told);
    // What it says is what comes.
    let landed = sandbox.ai(&["land", "--all", "--json"]).json();
    let left: Vec<&Value> = landed["left_out"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["task"])
        .collect();
    assert_eq!(left.len(), 4, "{landed}");
    assert_eq!(
        statuses(&sandbox, &ids),
        ["done", "review", "review", "review", "review"]
    );
}

#[test]
fn why_tells_of_a_work_that_no_landing_takes() {
    let sandbox = project("false");
    let first = work(&sandbox, 1, &[]);
    sandbox.set_script("fake", "cat >/dev/null; echo other > w01.txt");
    let second = sandbox.reviewed("Otherwise");
    let gates = |id: &str| -> Vec<Value> {
        let gates = sandbox.ai_json(&["why", id])["gates"].clone();
        gates
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["gate"].clone())
            .collect()
    };
    assert_eq!(gates(&second), ["review"]);
    sandbox.ai_ok(&["accept", &first]);
    let before = everything(&sandbox);
    snapshot!(sandbox.ai(&["why", &second]), @"
    exit: 0
    ----- stdout -----
    [TASK]  review  Otherwise
      conflict   no landing takes it: 1 path conflicts: w01.txt
      next       `ai reject [TASK] --note TEXT`, so that the next run begins on what the target is now
      review     run [RUN] has finished and waits for a person; accepted, it goes into main
      next       ai review [TASK]
    ----- stderr -----
    ");
    assert_eq!(everything(&sandbox), before);
}

#[test]
fn what_needs_a_work_that_does_not_fit_is_left_out_of_a_dry_run_too() {
    let sandbox = project("false");
    let first = work(&sandbox, 1, &[]);
    sandbox.set_script("fake", "cat >/dev/null; echo other > w01.txt");
    let second = sandbox.reviewed("Otherwise");
    sandbox.ai_ok(&["accept", &second]);
    let third = work(&sandbox, 3, &["--dep", &second]);
    sandbox.ai_ok(&["undo", &second]);
    let plan = sandbox.ai_json(&["land", &first, &second, &third, "--dry-run"]);
    let tasks = |list: &Value| -> Vec<String> {
        let all = list.as_array().unwrap().iter();
        all.map(|one| one["task"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(tasks(&plan["would_land"]), [first], "{plan}");
    assert_eq!(tasks(&plan["left_out"]), [second, third], "{plan}");
}

#[test]
fn a_landing_that_was_cut_off_is_told_with_what_completes_it() {
    let sandbox = project("false");
    let ids: Vec<String> = (1..=2).map(|n| work(&sandbox, n, &[])).collect();
    let mut told = Transcript::default();
    for step in ["land-intent", "land-merged"] {
        let planted = format!("{step}:kill");
        let planted = [("AI_TEST_FAILPOINT", planted.as_str())];
        sandbox.start_with(&["land", "--all"], &planted).wait();
        told.ai(&sandbox, &["land", "status"]);
        told.ai(&sandbox, &["why", &ids[0]]);
    }
    let status = sandbox.ai_json(&["land", "status"]);
    assert_eq!(status["at_work"]["is_cut_off"], true, "{status}");
    assert_eq!(status["would_land"], serde_json::json!([]), "{status}");
    told.ai(&sandbox, &["land", &ids[0]]);
    snapshot!(told);
    assert_eq!(statuses(&sandbox, &ids), ["done"; 2]);
}

#[test]
fn a_checkout_made_dirty_late_keeps_out_what_touches_it_and_no_other() {
    let sandbox = project("false");
    let ids: Vec<String> = (1..=3).map(|n| work(&sandbox, n, &[])).collect();
    let planted = [("AI_TEST_FAILPOINT", "land-intent:stop")];
    let landing = sandbox.start_with(&["land", "--all"], &planted);
    landing.until_stopped();
    sandbox.write("w02.txt", "by a person\n");
    ran(&sandbox);
    landing.signal("CONT");
    landing.until_stopped();
    landing.signal("CONT");
    let outcome = landing.wait();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(
        statuses(&sandbox, &ids),
        ["done", "review", "done"],
        "{outcome}"
    );
    assert_eq!(
        ran(&sandbox),
        ["w01.txt w03.txt"],
        "another tree was proven"
    );
    assert_eq!(sandbox.read("w02.txt"), "by a person\n");
}

#[test]
fn a_question_that_stands_open_is_not_asked_again() {
    let policy = "version: 1\ndefault: allow\nrules:\n  - {id: look, on: [task.accept], effect: require_approval, reason: somebody looks}\n";
    let sandbox = project_with(Scene::new().policy(policy), "false");
    let id = work(&sandbox, 1, &[]);
    let asked = |command: &[&str]| {
        let outcome = sandbox.ai(command);
        assert_eq!(outcome.code, Some(8), "{outcome}");
        let log = sandbox.ai_json_lines(&["log"]);
        let asks = log.iter().filter(|one| {
            let event = &one["event"];
            event["kind"] == "policy.decided" && event["record"]["effect"] == "require_approval"
        });
        asks.count()
    };
    let asks = [
        &["land", "--all"][..],
        &["land", "--all"],
        &["accept", &id],
        &["land", &id],
    ]
    .map(asked);
    assert_eq!(asks, [1; 4]);
    sandbox.ai_ok(&["approve", &id]);
    sandbox.ai_ok(&["land", "--all"]);
    assert_eq!(sandbox.status(&id), "done");
}

#[test]
fn a_stored_answer_counts_for_the_check_as_it_was() {
    let sandbox = project("false");
    let ids: Vec<String> = (1..=2).map(|n| work(&sandbox, n, &[])).collect();
    // Outside of the tree that was judged, so that nothing but the check itself is another.
    let other = CONFIG_LAND.replace("sh check.sh", "sh check.sh && test ! -f w01.txt");
    sandbox.write(".ai/config.yaml", &other);
    sandbox.ai_ok(&["trust"]);
    let mut told = Transcript::default();
    told.ai(&sandbox, &["accept", &ids[0]]);
    told.ai(&sandbox, &["land", &ids[0]]);
    told.ai(&sandbox, &["accept", &ids[1]]);
    snapshot!(told);
    assert_eq!(statuses(&sandbox, &ids), ["queued", "done"]);
}

#[test]
fn a_bare_repository_says_where_to_land() {
    let sandbox = project("false");
    let bare = sandbox.base().join("bare.git");
    sandbox.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    let ai = |args: &[&str]| sandbox.ai_in(&bare, args);
    assert_eq!(ai(&["init", "--yes"]).code, Some(0));
    let mut told = Transcript::default();
    for words in ["land status", "land --all", "land --all --dry-run"] {
        let args: Vec<&str> = words.split(' ').collect();
        told.add(&format!("ai {words}"), &ai(&args));
    }
    snapshot!(told);
}

#[test]
fn a_plan_is_read_on_a_narrow_terminal() {
    let long =
        "A title that goes on and on, so that no line of sixty columns would ever hold all of it";
    let sandbox = Scene::new()
        .config(CONFIG_LAND)
        .file("check.sh", "true\n")
        .agent(Agent::new("fake", "cat >/dev/null; echo x > x.txt"))
        .build();
    let id = sandbox.task(long, &[]);
    sandbox.run(&id);
    let mut command = sandbox.ai_command(&["land", "status"]);
    let shown = run_on_terminal(command.env("NO_COLOR", "1"), 60);
    let widest = shown
        .stdout
        .lines()
        .map(|line| line.trim_end().chars().count())
        .max();
    assert!(widest <= Some(60), "{shown}");
}
