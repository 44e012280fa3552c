//! What `ai status` tells of work that goes on, and of what waits for the person who looks.

use crate::snapshot;
use crate::support::runs::{CONFIG, GOOD, open_gate, wait_for};
use crate::support::{Outcome, Sandbox, mask_also, run_on_terminal};

#[test]
fn everything_that_waits_for_a_person_is_told_with_its_command() {
    let scene = Sandbox::with_script(GOOD);
    snapshot!(scene.ai(&["status"]), @"
    exit: 0
    ----- stdout -----
    no tasks yet
    ----- stderr -----
    ");
    scene.reviewed("Made well");
    scene.set_script("fake", "cat >/dev/null; exit 3");
    let bad = scene.task("Made badly", &["--max-attempts", "1"]);
    scene.run(&bad);
    scene.task("On hold", &["--hold", "not before the talk"]);
    let cut = scene.task("Cut off", &["--priority", "4"]);
    scene.task("Waits for another", &["--dep", &cut]);
    let rescue = |name: &str| {
        let name = format!("refs/ai/rescue/{name}");
        scene.git(&["update-ref", &name, "HEAD"]);
    };
    rescue(&format!("{cut}/1"));
    rescue("slot/w1");
    scene.write(".ai/config.yaml", CONFIG.replace("test -f", "test -s"));
    snapshot!(scene.ai(&["status"]));
    let needs = scene.ai_json(&["status"])["needs_you"].take();
    snapshot!(serde_json::to_string_pretty(&needs).unwrap());
    // References are told wherever Git keeps them, and no longer once somebody ends the task.
    scene.git(&["pack-refs", "--all"]);
    let rescues = || {
        let needs = scene.ai_json(&["status"])["needs_you"].take();
        let kinds = needs.as_array().unwrap().iter().map(|need| &need["kind"]);
        kinds.filter(|kind| *kind == "rescue").count()
    };
    assert_eq!(rescues(), 2);
    scene.ai_ok(&["task", "cancel", &cut]);
    assert_eq!(rescues(), 1);
}

#[test]
fn a_run_at_work_is_told_with_its_step_and_its_time() {
    let scene = Sandbox::with_script(
        "cat >/dev/null; touch \"$BASE/begun\"; read x < \"$BASE/gate\"; echo work > work.txt",
    );
    let gate = scene.pipe("gate");
    let task = scene.task(
        "A title that is long enough to be cut on a narrow terminal",
        &[],
    );
    let run = scene.start(&["run", &task]);
    wait_for(&scene.base().join("begun"));
    let left = |outcome: Outcome| mask_also(outcome, &[(r"\b\d\ds left", "[N]s left")]);
    snapshot!(left(scene.ai(&["status"])), @"
    exit: 0
    ----- stdout -----
    1 running
      [TASK]  agent:fake#[SESSION]  [N]s left  running (agent, [N] min): A title that is long enough to be cut on a narrow terminal
      agent fake  1/1 at work, ok
    ----- stderr -----
    ");
    let lease = scene.ai_json(&["status"])["leases"][0].take();
    assert_eq!(
        lease["run"],
        serde_json::json!({ "id": format!("{task}.1"), "step": "agent", "minutes": 0 })
    );
    // The holder and the time that is left stand in every list.
    snapshot!(left(scene.ai(&["task", "list"])), @"
    exit: 0
    ----- stdout -----
    [TASK]  running  P2  A title that is long enough to be cut on a narrow terminal  [agent:fake#[SESSION], [N]s left]
    ----- stderr -----
    ");
    let narrow = run_on_terminal(
        &mut scene.ai_command(&["task", "list", "--color", "never"]),
        72,
    );
    snapshot!(left(narrow), @"
    exit: 0
    ----- stdout -----
    TASK        STATE    P   TITLE
    [TASK]  running  P2  A title that is…  [agent:fake#[SESSION], [N]s left]
    ----- stderr -----
    ");
    let (shown, listed) = (scene.show(&task), scene.ai_json(&["task", "list"]));
    for key in ["holder", "epoch", "expires_ms", "live"] {
        assert_eq!(shown["lease"][key], listed["lease"][key], "{key}");
        assert_eq!(shown["lease"][key], lease[key], "{key}");
    }
    open_gate(&gate);
    assert_eq!(run.wait().code, Some(0));
    assert_eq!(scene.show(&task).get("lease"), None);
}
