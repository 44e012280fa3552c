//! `ai digest`: what a night has brought, and `ai friction`: what got in the way meanwhile.

use crate::sandbox::modes;
use crate::snapshot;
use crate::support::runs::GOOD;
use crate::support::scene::{Agent, Scene};
use crate::support::{Sandbox, mask_also, run};

/// What differs from one day to the next.
fn masked(scene: &Sandbox, args: &[&str]) -> String {
    let times = [
        (r"since \S+", "since [TIME]"),
        (r"\b\d+s\b", "[N]s"),
        (r"as [0-9a-f]{12}", "as [COMMIT]"),
        (r"f-[a-z0-9]{8}", "f-[ID]"),
    ];
    mask_also(scene.ai(args), &times)
}

#[test]
fn a_night_is_told_with_what_waits_and_what_comes_next() {
    // Each task changes something that no other has changed.
    let own = "cat >/dev/null; echo \"$AI_TASK\" > work.txt";
    let scene = Scene::new().agent(Agent::new("fake", own)).build();
    snapshot!(masked(&scene, &["digest"]));
    let landed = scene.reviewed("Made well");
    scene.ai_ok(&["accept", &landed]);
    let back = scene.reviewed("Sent back");
    scene.ai_ok(&[
        "reject",
        &back,
        "--note",
        "the name\nis wrong",
        "--as",
        "human:ann",
    ]);
    scene.ai_ok(&["task", "hold", &back, "--reason", "until the talk"]);
    scene.reviewed("Waits for a review");
    scene.set_script("fake", "cat >/dev/null; exit 3");
    let bad = scene.task("Made badly", &["--max-attempts", "1"]);
    scene.run(&bad);
    let unwanted = scene.task("Not wanted", &[]);
    scene.ai_ok(&["task", "cancel", &unwanted, "--reason", "too late"]);
    let by_hand = scene.task("Seen by eye", &[]);
    scene.ai_ok(&["task", "claim", &by_hand]);
    scene.ai_ok(&["task", "done", &by_hand, "--override", "looked at it"]);
    let next = scene.task("Comes next", &[]);
    scene.task("Behind it", &["--dep", &next]);
    scene.ai_ok(&[
        "friction",
        "add",
        "the checks have no cache",
        "--task",
        &next,
    ]);
    let before = scene.ai(&["log", "--json"]).json_lines().len();
    snapshot!(masked(&scene, &["digest", "--since", "8h"]));
    let digest = scene.ai_json(&["digest"]);
    crate::schemas::checked(&scene.ai(&["schema", "digest"]).json(), &digest, "digest").unwrap();
    assert_eq!(digest["tasks"][0]["target"], "refs/heads/main", "{digest}");
    assert_eq!(
        scene.ai(&["log", "--json"]).json_lines().len(),
        before,
        "a look leaves nothing behind"
    );
}

#[test]
fn only_the_time_that_is_asked_for_is_told() {
    let scene = Sandbox::with_script(GOOD);
    let task = scene.task("Long ago", &[]);
    scene.ai_ok(&["task", "cancel", &task, "--reason", "late"]);
    let told = |hours: &str, since: &str| {
        let mut later = scene.ai_command(&["digest", "--json", "--since", since]);
        let outcome = run(later.env("AI_TEST_WALL_OFFSET_MS", format!("{hours}000000")));
        outcome.json()["tasks"].as_array().unwrap().len()
    };
    // Two hours later, to a thousandth of one.
    assert_eq!(told("7", "1h"), 0);
    assert_eq!(told("7", "3h"), 1);
    snapshot!(scene.ai(&["digest", "--since", "yesterday"]));
    // The clock is set back between two words: the second one is the last all the same.
    let done = scene.task("Done and opened again", &[]);
    scene.ai_ok(&["task", "claim", &done]);
    scene.ai_ok(&["task", "done", &done, "--override", "seen"]);
    let mut before = scene.ai_command(&["task", "reopen", &done]);
    let outcome = run(before.env("AI_TEST_WALL_OFFSET_MS", "-259200000"));
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(told("0", "1h"), 1);
    // And one from before it is found behind later ones.
    let late = scene.task("Cancelled with the right clock", &[]);
    scene.ai_ok(&["task", "cancel", &late, "--reason", "late"]);
    assert_eq!(told("0", "1h"), 2);
}

#[test]
fn a_friction_is_open_until_a_task_has_mended_it_or_somebody_drops_it() {
    let agent = Agent::new("fake", GOOD);
    let scene = Scene::new().check("true").agent(agent).build();
    snapshot!(scene.ai(&["friction", "list"]));
    let add = |text: &str| {
        let id = scene
            .ai_ok(&["friction", "add", text, "--as", "human:ann"])
            .stdout;
        id.trim().to_owned()
    };
    let slow = add("the build\nis slow");
    let odd = add("- a text that begins like an option");
    let task = scene.task("Make it fast", &[]);
    scene.ai_ok(&["friction", "mend", &slow, &task]);
    let list = |scene: &Sandbox| masked(scene, &["friction", "list"]);
    snapshot!(list(&scene));
    scene.run(&task);
    scene.ai_ok(&["accept", &task]);
    snapshot!(list(&scene));
    // What was taken back has mended nothing.
    scene.ai_ok(&["undo", &task]);
    assert_eq!(scene.ai_json_lines(&["friction", "list"]).len(), 2);
    scene.ai_ok(&["friction", "drop", &odd, "--reason", "it is none"]);
    let log = scene.ai(&["log", &task]);
    assert_eq!(log.stdout.matches("is to be mended by").count(), 1, "{log}");
    let open = scene.ai_json_lines(&["friction", "list"]);
    let schema = scene.ai(&["schema", "friction"]).json();
    crate::schemas::checked(&schema, &open[0], "friction").unwrap();
    assert_eq!(
        (open.len(), &open[0]["mended_by"]),
        (1, &task.as_str().into())
    );
}

#[test]
fn a_friction_that_says_nothing_or_is_not_there_is_refused() {
    let scene = Sandbox::project();
    let refused = [
        vec!["friction", "add", " "],
        vec!["friction", "add", "slow", "--task", "t-nowhere"],
        vec!["friction", "mend", "f-nowhere", "t-nowhere"],
        vec!["friction", "drop", "f-nowhere", "--reason", "gone"],
    ];
    let long = "x".repeat(4_001);
    let told: Vec<String> = refused
        .iter()
        .map(|args| scene.ai(args).to_string())
        .chain([scene.ai(&["friction", "add", &long]).to_string()])
        .collect();
    snapshot!(told.join("\n"));
    assert_eq!(scene.ai_json_lines(&["friction", "list"]).len(), 0);
}

#[test]
fn a_secret_in_a_friction_is_not_kept() {
    let scene = Sandbox::project();
    let secret = format!("ghp_{}", "a1B2".repeat(9));
    scene.ai_ok(&[
        "friction",
        "add",
        &format!("the token {secret} does not work"),
    ]);
    let list = scene.ai(&["friction", "list"]);
    assert_eq!(list.stdout.matches(&secret).count(), 0, "{list}");
    assert_eq!(list.stdout.matches("does not work").count(), 1, "{list}");
}

#[test]
fn the_agent_of_a_run_tells_of_a_friction_and_closes_none() {
    for layer in modes() {
        let scene = Sandbox::with_script("true");
        let ai = scene.ai_in_sight();
        let ai = ai.display();
        scene.set_script(
            "fake",
            &format!(
                "cat >/dev/null; echo work > work.txt; ( '{ai}' friction add 'no network for npm'; \
                 '{ai}' friction list; '{ai}' friction add elsewhere --task t-other ) > out.txt 2>&1; true"
            ),
        );
        let task = scene.task("Own", &["--path", "work.txt", "--path", "out.txt"]);
        let outcome = run(scene.ai_command(&["run", &task]).env("AI_SANDBOX", layer));
        assert_eq!(outcome.code, Some(0), "{layer}: {outcome}");
        let said = scene.file_at(&format!("ai/{task}/1"), "out.txt");
        let said = said.replace(&task, "OWN");
        snapshot!(
            "a_friction_within_a_run",
            mask_also(said, &[(r"f-[a-z0-9]{8}", "f-[ID]")])
        );
        let open = scene.ai_json_lines(&["friction", "list"]);
        assert_eq!(
            (open.len(), &open[0]["task"]),
            (1, &task.as_str().into()),
            "{layer}"
        );
    }
}
