//! Several works that land at once: what is combined and checked, what lands, what goes back, and what
//! stays; and what is left by whoever is cut off.

use serde_json::Value;

use crate::snapshot;
use crate::support::runs::{CONFIG, GOOD};
use crate::support::scene::{Agent, Scene};
use crate::support::{Outcome, Sandbox, Transcript};

pub(crate) const CONFIG_LAND: &str =
    "version: 1\nruns: {grace: 1s}\nchecks: {unit: {run: sh check.sh}}\n";

/// The check writes down on which works it ran. It has hooks for a flake and for somebody who commits
/// meanwhile, and fails where `BAD` says so.
const CHECK: &str = "ls w*.txt 2>/dev/null | tr '\\n' ' ' >> \"$HOME/ran\"; echo >> \"$HOME/ran\"
if test -f \"$HOME/once\"; then rm \"$HOME/once\"; echo 'no luck'; exit 1; fi
if test -f \"$HOME/move\"; then rm \"$HOME/move\"; sh \"$HOME/../move.sh\"; fi
BAD
";

/// A project whose check fails where this shell command succeeds.
pub(crate) fn project(bad: &str) -> Sandbox {
    project_with(Scene::new(), bad)
}

pub(crate) fn project_with(scene: Scene, bad: &str) -> Sandbox {
    let bad = format!("if {bad}; then echo 'they do not get on'; exit 1; fi");
    scene
        .config(CONFIG_LAND)
        .file("check.sh", CHECK.replace("BAD", &bad))
        .agent(Agent::new("fake", "true"))
        .build()
}

/// A task in review whose work is `w01.txt` for 1.
pub(crate) fn work(sandbox: &Sandbox, number: usize, more: &[&str]) -> String {
    let script = format!("cat >/dev/null; echo {number} > w{number:02}.txt");
    sandbox.set_script("fake", &script);
    let id = sandbox.task(&format!("Work {number}"), more);
    let outcome = sandbox.run(&id);
    assert_eq!(sandbox.status(&id), "review", "{outcome}");
    id
}

pub(crate) fn home(sandbox: &Sandbox, name: &str) -> std::path::PathBuf {
    sandbox.base().join("home").join(name)
}

/// The works on which the check ran, a line each; forgotten afterwards.
pub(crate) fn ran(sandbox: &Sandbox) -> Vec<String> {
    let path = home(sandbox, "ran");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let _gone = std::fs::remove_file(path);
    text.lines().map(|line| line.trim().to_owned()).collect()
}

fn tasks(list: &Value) -> Vec<&str> {
    let tasks = list.as_array().unwrap().iter();
    tasks.map(|one| one["task"].as_str().unwrap()).collect()
}

pub(crate) fn statuses(sandbox: &Sandbox, ids: &[String]) -> Vec<String> {
    ids.iter().map(|id| sandbox.status(id)).collect()
}

#[test]
fn of_twenty_of_which_two_break_together_nineteen_land_by_eight_check_runs() {
    let sandbox = project("test -f w05.txt && test -f w16.txt");
    let ids: Vec<String> = (1..=20).map(|n| work(&sandbox, n, &[])).collect();
    ran(&sandbox);
    let outcome = sandbox.ai(&["land", "--all", "--json"]);
    assert_eq!(outcome.code, Some(6), "{outcome}");
    let told = outcome.json();
    let rest: Vec<&str> = (0..20)
        .filter(|n| *n != 15)
        .map(|n| ids[n].as_str())
        .collect();
    assert_eq!(tasks(&told["landed"]), rest);
    assert_eq!(tasks(&told["sent_back"]), [ids[15].as_str()]);
    let runs = ran(&sandbox);
    assert!(runs.len() <= 8, "{runs:?}");
    assert_eq!(told["check_runs"], runs.len());

    // What is in the branch is what was checked, each task by its own commit.
    let tree = sandbox.git(&["rev-parse", "main^{tree}"]);
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "");
    for (number, id) in ids.iter().enumerate() {
        let task = sandbox.show(id);
        if number == 15 {
            assert_eq!(task["status"], "queued", "{task}");
            continue;
        }
        assert_eq!(
            (&task["status"], &task["proof"]["tree"]),
            (&"done".into(), &tree.clone().into()),
            "{task}"
        );
        let evidence = sandbox.ai_json_lines(&["evidence", "list", id]);
        let of_tree = evidence
            .iter()
            .filter(|piece| piece["tree"] == tree.as_str() && piece["kind"] == "check");
        assert_eq!(of_tree.count(), 1, "{id}");
        sandbox.is_at_rest(id);
    }
    let named = |n: usize| format!("w{n:02}.txt");
    let there: Vec<String> = (1..=20).filter(|n| *n != 16).map(named).collect();
    let listed = sandbox.git(&["ls-tree", "--name-only", "main"]);
    let listed: Vec<&str> = listed
        .lines()
        .filter(|name| name.starts_with('w'))
        .collect();
    assert_eq!(listed, there);
    sandbox.ai_ok(&["log", "verify"]);

    // The next attempt reads the proof.
    let note = sandbox.show(&ids[15])["notes"][0]["text"].clone();
    snapshot!(note.as_str().unwrap());
}

#[test]
fn the_partner_is_looked_for_to_the_end_where_that_is_asked_for() {
    let sandbox = project("test -f w02.txt && test -f w04.txt");
    let ids: Vec<String> = (1..=5).map(|n| work(&sandbox, n, &[])).collect();
    let told = sandbox
        .ai(&["land", "--all", "--find-partner", "--json"])
        .json();
    assert_eq!(tasks(&told["sent_back"]), [ids[3].as_str()]);
    assert_eq!(told["sent_back"][0]["with"], serde_json::json!([ids[1]]));
}

#[test]
fn what_is_said_on_the_way() {
    let sandbox = project("test -f w01.txt && test -f w03.txt");
    (1..=3).for_each(|n| drop(work(&sandbox, n, &[])));
    snapshot!(sandbox.ai(&["land", "--all"]));
}

#[test]
fn a_red_base_blocks_and_nobody_goes_back() {
    let sandbox = project("test -f broken");
    let ids: Vec<String> = (1..=3).map(|n| work(&sandbox, n, &[])).collect();
    sandbox.write("broken", "");
    sandbox.commit("break it");
    let tip = sandbox.git(&["rev-parse", "main"]);
    snapshot!(sandbox.ai(&["land", "--all"]));
    assert_eq!(sandbox.git(&["rev-parse", "main"]), tip);
    assert_eq!(statuses(&sandbox, &ids), ["review"; 3]);
    // Once it is mended there, all of them land.
    sandbox.git(&["rm", "-q", "broken"]);
    sandbox.commit("mend it");
    sandbox.ai_ok(&["land", "--all"]);
    assert_eq!(statuses(&sandbox, &ids), ["done"; 3]);
}

#[test]
fn a_base_that_cannot_be_had_refuses() {
    let config =
        "version: 1\nruns: {grace: 1s, setup: 'test ! -f broken'}\nchecks: {unit: {run: 'true'}}\n";
    let sandbox = Sandbox::with_agent(config, "true");
    let ids: Vec<String> = (1..=2).map(|n| work(&sandbox, n, &[])).collect();
    sandbox.write("broken", "");
    sandbox.commit("break the setup");
    snapshot!(sandbox.ai(&["land", "--all"]));
    assert_eq!(statuses(&sandbox, &ids), ["review"; 2]);
}

#[test]
fn a_flaky_check_is_asked_again_told_counted_and_recorded() {
    let sandbox = project("false");
    for round in 0..2 {
        let ids = [2 * round + 1, 2 * round + 2].map(|n| work(&sandbox, n, &[]));
        std::fs::write(home(&sandbox, "once"), "").unwrap();
        ran(&sandbox);
        let outcome = sandbox.ai(&["land", "--all", "--json"]);
        assert_eq!(outcome.code, Some(0), "{outcome}");
        assert_eq!(statuses(&sandbox, &ids.clone()), ["done"; 2]);
        let answer = outcome.json();
        let flaky = &answer["flaky"];
        let tree = sandbox.git(&["rev-parse", "main^{tree}"]);
        assert_eq!(
            *flaky,
            serde_json::json!([{"check": "unit", "tree": tree, "before": round}])
        );
        // Both answers stand as evidence of each task.
        for id in &ids {
            let evidence = sandbox.ai_json_lines(&["evidence", "list", id]);
            let of_tree = evidence
                .iter()
                .filter(|piece| piece["tree"] == tree.as_str());
            let mut said: Vec<&str> = of_tree
                .map(|piece| piece["summary"]["status"].as_str().unwrap())
                .collect();
            said.sort_unstable();
            assert_eq!(said, ["failed", "passed"], "{id}");
        }
    }
    let log = sandbox.ai_json_lines(&["log"]);
    let flakes = log
        .iter()
        .filter(|one| one["event"]["kind"] == "check.flaky");
    assert_eq!(flakes.count(), 2);
    sandbox.ai_ok(&["log", "verify"]);
}

#[test]
fn a_target_that_moved_is_planned_anew_and_nothing_of_another_tree_counts() {
    let sandbox = project("false");
    let ids: Vec<String> = (1..=2).map(|n| work(&sandbox, n, &[])).collect();
    sandbox.set_script(
        "move",
        "cd \"$BASE/repo\"; echo > w99.txt; git add w99.txt; git -c user.name=N -c user.email=n@example.com commit -qm moved",
    );
    std::fs::write(home(&sandbox, "move"), "").unwrap();
    ran(&sandbox);
    sandbox.ai_ok(&["land", "--all"]);
    assert_eq!(
        ran(&sandbox),
        ["w01.txt w02.txt", "w01.txt w02.txt w99.txt"]
    );
    assert_eq!(statuses(&sandbox, &ids), ["done"; 2]);
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "");
}

#[test]
fn what_does_not_fit_stays_and_the_rest_lands() {
    let sandbox = project("false");
    let first = work(&sandbox, 1, &[]);
    sandbox.set_script("fake", "cat >/dev/null; echo other > w01.txt");
    let second = sandbox.reviewed("Otherwise");
    let third = work(&sandbox, 3, &[]);
    let ids = [first, second, third];
    snapshot!(sandbox.ai(&["land", "--all", "--dry-run"]));
    assert_eq!(statuses(&sandbox, &ids), ["review"; 3]);
    snapshot!(sandbox.ai(&["land", &ids[0], &ids[1], &ids[2]]));
    assert_eq!(statuses(&sandbox, &ids), ["done", "review", "done"]);
}

#[test]
fn what_somebody_has_locked_after_the_run_stays() {
    let sandbox = project("false");
    let ids: Vec<String> = (1..=3).map(|n| work(&sandbox, n, &[])).collect();
    sandbox.ai_ok(&["lock", "acquire", "w02.txt", "--as", "ben"]);
    snapshot!(sandbox.ai(&["land", "--all"]));
    assert_eq!(statuses(&sandbox, &ids), ["done", "review", "done"]);
}

#[test]
fn a_lock_that_is_taken_in_the_last_moment_keeps_its_work_out_and_no_other() {
    let sandbox = project("false");
    let ids: Vec<String> = (1..=3).map(|n| work(&sandbox, n, &[])).collect();
    let planted = [("AI_TEST_FAILPOINT", "land-intent:stop")];
    let landing = sandbox.start_with(&["land", "--all"], &planted);
    landing.until_stopped();
    let mut told = Transcript::default();
    told.ai(&sandbox, &["land", "status"]);
    told.ai(&sandbox, &["land", "--all"]);
    snapshot!(told);
    sandbox.ai_ok(&["lock", "acquire", "w01.txt", "--as", "ben"]);
    ran(&sandbox);
    landing.signal("CONT");
    // It stops once more, on its second intent.
    landing.until_stopped();
    landing.signal("CONT");
    let outcome = landing.wait();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(statuses(&sandbox, &ids), ["review", "done", "done"]);
    assert_eq!(
        ran(&sandbox),
        ["w02.txt w03.txt"],
        "another tree was proven"
    );
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "");
}

#[test]
fn what_waits_for_a_yes_stays_and_lands_after_it() {
    let policy = "version: 1\ndefault: allow\nrules:\n  - {id: look, on: [task.accept], labels: [careful], effect: require_approval, reason: somebody looks}\n";
    let sandbox = project_with(Scene::new().policy(policy), "false");
    let ids = [
        work(&sandbox, 1, &[]),
        work(&sandbox, 2, &["--label", "careful"]),
    ];
    let mut told = Transcript::default();
    told.ai(&sandbox, &["land", "status"]);
    assert_eq!(
        sandbox.ai_ok(&["approvals"]).stdout,
        "",
        "a look asks nobody"
    );
    told.ai(&sandbox, &["land", "--all"]);
    assert_eq!(statuses(&sandbox, &ids), ["done", "review"]);
    assert_eq!(sandbox.ai(&["land", &ids[1]]).code, Some(8));
    told.ai(&sandbox, &["approve", &ids[1], "--as", "human:ann"]);
    told.ai(&sandbox, &["land", &ids[1]]);
    assert_eq!(statuses(&sandbox, &ids), ["done", "done"]);
    snapshot!(told);
}

#[test]
fn a_culprit_stays_where_whoever_lands_may_send_nothing_back() {
    let policy = "version: 1\ndefault: allow\nrules:\n  - {id: no-way-back, on: [task.reject], effect: deny, reason: people send work back}\n";
    let sandbox = project_with(
        Scene::new().policy(policy),
        "test -f w01.txt && test -f w02.txt",
    );
    let ids: Vec<String> = (1..=2).map(|n| work(&sandbox, n, &[])).collect();
    snapshot!(sandbox.ai(&["land", "--all"]));
    assert_eq!(statuses(&sandbox, &ids), ["done", "review"]);
}

#[test]
fn what_needs_a_culprit_stays_with_it() {
    let sandbox = project("test -f w01.txt && test -f break");
    let first = work(&sandbox, 1, &[]);
    sandbox.ai_ok(&["accept", &first]);
    let second = work(&sandbox, 2, &["--dep", &first]);
    let third = work(&sandbox, 3, &[]);
    sandbox.ai_ok(&["undo", &first]);
    sandbox.write("break", "");
    sandbox.commit("break the first");
    snapshot!(sandbox.ai(&["land", &second]));
    snapshot!(sandbox.ai(&["land", &first, &second, &third]));
    let ids = [first, second, third];
    assert_eq!(statuses(&sandbox, &ids), ["queued", "review", "done"]);
}

#[test]
fn accept_of_several_is_the_same() {
    let sandbox = project("false");
    let ids: Vec<String> = (1..=2).map(|n| work(&sandbox, n, &[])).collect();
    let mut told = Transcript::default();
    told.ai(
        &sandbox,
        &["accept", &ids[0], &ids[1], "--override", "seen"],
    );
    told.ai(&sandbox, &["accept", &ids[0], &ids[1]]);
    assert_eq!(statuses(&sandbox, &ids), ["done"; 2]);
    // Each is taken back by itself.
    told.ai(&sandbox, &["undo", &ids[0]]);
    snapshot!(told);
    let listed = sandbox.git(&["ls-tree", "--name-only", "main"]);
    let left: Vec<&str> = listed
        .lines()
        .filter(|name| name.starts_with('w'))
        .collect();
    assert_eq!(left, ["w02.txt"]);
}

#[test]
fn work_that_lands_alone_as_it_was_judged_is_not_checked_again() {
    let sandbox = project("false");
    let id = work(&sandbox, 1, &[]);
    ran(&sandbox);
    sandbox.ai_ok(&["land", &id]);
    assert_eq!(
        (ran(&sandbox).len(), sandbox.status(&id)),
        (0, "done".to_owned())
    );
}

#[test]
fn what_cannot_be_combined_is_told() {
    let sandbox = Sandbox::with_agent(&format!("{CONFIG}accept: {{mode: branch}}\n"), GOOD);
    let mut told = Transcript::default();
    told.ai(&sandbox, &["land", "--all"]);
    told.ai(&sandbox, &["land"]);
    let id = sandbox.reviewed("One");
    told.ai(&sandbox, &["land", "--all"]);
    told.ai(&sandbox, &["land"]);
    told.ai(&sandbox, &["land", "t-none"]);
    assert_eq!(sandbox.status(&id), "review");
    snapshot!(told);
}

/// Crashes after a step, and lands again.
fn crash(step: &str, how: &str) {
    let case = format!("{step}:{how}");
    let sandbox = project("test -f w01.txt && test -f w03.txt");
    let ids: Vec<String> = (1..=4).map(|n| work(&sandbox, n, &[])).collect();
    // The target moves on, so that every work has to be merged.
    sandbox.write("other.txt", "by a person\n");
    sandbox.commit("meanwhile");
    let planted = [("AI_TEST_FAILPOINT", case.as_str())];
    let cut_off: Outcome = sandbox.start_with(&["land", "--all"], &planted).wait();
    assert_ne!(cut_off.code, Some(0), "{case}\n{cut_off}");
    let mut again = sandbox.ai(&["land", "--all"]);
    if step == "land-sent-back" {
        // All was decided.
        assert_eq!(again.code, Some(0), "{case}\n{again}");
        again = sandbox.ai(&["land", "--all"]);
    }
    assert_eq!(
        statuses(&sandbox, &ids),
        ["done", "done", "queued", "done"],
        "{case}\n{again}"
    );
    let notes = sandbox.show(&ids[2])["notes"]
        .as_array()
        .map_or(0, Vec::len);
    assert_eq!(notes, 1, "{case}: sent back once");
    let merges = sandbox.git(&["rev-list", "--count", "--merges", "main"]);
    assert_eq!(merges, "3", "{case}: each merged once");
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "", "{case}");
    for id in [&ids[0], &ids[1], &ids[3]] {
        let task = sandbox.show(id);
        let tree = task["proof"]["tree"].as_str().unwrap();
        let commit = task["proof"]["commit"].as_str().unwrap();
        assert_eq!(
            sandbox.git(&["rev-parse", &format!("{commit}^{{tree}}")]),
            tree,
            "{case}"
        );
        sandbox.git(&["merge-base", "--is-ancestor", commit, "main"]);
        sandbox.is_at_rest(id);
    }
    let left = sandbox.ai_json(&["land", "status"]);
    assert_eq!(left["at_work"], Value::Null, "{case}");
    sandbox.ai_ok(&["log", "verify"]);
}

#[test]
fn a_landing_that_was_killed_is_completed_by_the_next() {
    let steps = [
        "land-checked",
        "land-intent",
        "accept-locked",
        "accept-files",
        "accept-index",
        "land-merged",
        "land-done",
        "land-sent-back",
    ];
    steps.iter().for_each(|step| crash(step, "kill"));
}

#[test]
fn a_landing_that_failed_is_completed_by_the_next() {
    let steps = [
        "land-checked",
        "land-intent",
        "land-merged",
        "land-done",
        "land-sent-back",
    ];
    steps.iter().for_each(|step| crash(step, "error"));
}

#[test]
fn an_accept_completes_what_a_landing_has_moved() {
    let sandbox = project("false");
    let ids: Vec<String> = (1..=2).map(|n| work(&sandbox, n, &[])).collect();
    let planted = [("AI_TEST_FAILPOINT", "land-merged:kill")];
    sandbox.start_with(&["land", "--all"], &planted).wait();
    let tip = sandbox.git(&["rev-parse", "main"]);
    assert_eq!(
        sandbox.ai(&["reject", &ids[0], "--note", "no"]).code,
        Some(4)
    );
    // What is in the target is done, or taken back; nobody can only forget it.
    let cancelled = sandbox.ai(&["task", "cancel", &ids[0]]);
    assert_eq!(cancelled.code, Some(4), "{cancelled}");
    ids.iter()
        .for_each(|id| drop(sandbox.ai_ok(&["accept", id])));
    let tree = sandbox.git(&["rev-parse", "main^{tree}"]);
    for id in &ids {
        assert_eq!(sandbox.show(id)["proof"]["tree"], tree);
    }
    assert_eq!(sandbox.git(&["rev-parse", "main"]), tip);
}

#[test]
fn what_was_taken_back_lands_again_only_where_it_is_named() {
    let sandbox = project("false");
    let ids: Vec<String> = (1..=2).map(|n| work(&sandbox, n, &[])).collect();
    sandbox.ai_ok(&["land", "--all"]);
    sandbox.ai_ok(&["undo", &ids[0]]);
    snapshot!(sandbox.ai(&["land", "--all"]));
    assert_eq!(statuses(&sandbox, &ids), ["review", "done"]);
    sandbox.ai_ok(&["land", &ids[0]]);
    assert_eq!(statuses(&sandbox, &ids), ["done", "done"]);
}

/// Nobody can tell whose a failure is that says nothing.
#[test]
fn a_base_that_fails_without_a_word_blames_nobody() {
    let sandbox = project("false");
    let ids: Vec<String> = (1..=2).map(|n| work(&sandbox, n, &[])).collect();
    sandbox.write("check.sh", "exit 1\n");
    sandbox.commit("red");
    let outcome = sandbox.ai(&["land", "--all"]);
    assert_eq!(outcome.code, Some(6), "{outcome}");
    assert_eq!(statuses(&sandbox, &ids), ["review", "review"], "{outcome}");
}
