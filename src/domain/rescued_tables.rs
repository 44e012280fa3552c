use serde_json::json;

use crate::base::rules::rules;
use crate::domain::rescued::*;
use crate::domain::run::Resumed;

/// Whether the rescue of `t-1.1` waits, while the task stands so and later runs went on with these.
fn waiting(state: serde_json::Value, later: &[&str]) -> bool {
    let mut task = json!({
        "id": "t-1", "title": "One", "type": "task", "priority": 2, "attempts": 1,
        "created_ms": 0, "updated_ms": 0, "created_by": "human:ann", "uid": "u",
    });
    let fields = task.as_object_mut().unwrap();
    fields.extend(state.as_object().unwrap().clone());
    let task: Task = serde_json::from_value(task).unwrap();
    let mut runs = vec![run("t-1.1")];
    for (n, how) in later.iter().enumerate() {
        let mut next = run(&format!("t-1.{}", n + 2));
        match how.split_once(' ') {
            Some(("adopts", of)) => next.adopted = Some(RunId(of.into())),
            Some(("resumes", of)) => {
                next.resumed = Some(Resumed {
                    run: RunId(of.into()),
                    session: "s".into(),
                    work: None,
                    used: Default::default(),
                })
            }
            _ => {}
        }
        runs.push(next);
    }
    waits(&RunId("t-1.1".into()), Some(&task), &runs)
}

fn run(id: &str) -> Run {
    serde_json::from_value(json!({
        "id": id, "task": "t-1", "agent": "a", "connector": "c", "branch": "b", "worktree": "w1",
        "started_ms": 0, "step": "agent",
        "supervisor": { "boot_id": "x", "pid_namespace": "y", "pid": 1, "start_ticks": 1 },
    }))
    .unwrap()
}

fn of(name: &str) -> Option<String> {
    run_of(name).map(|run| run.0)
}

rules! {
    a_rescue_names_its_run: of("refs/ai/rescue/t-1/3") => Some("t-1.3".to_owned());
    a_second_one_of_a_run_does_too: of("refs/ai/rescue/t-1/3-2") => Some("t-1.3".to_owned());
    work_in_a_slot_is_of_no_run: of("refs/ai/rescue/slot/w1") => None;
    other_refs_are_no_rescues: of("refs/heads/ai/t-1/1") => None;

    a_queued_task_waits: waiting(json!({ "status": "queued" }), &[]) => true;
    a_failed_one_waits: waiting(json!({ "status": "failed", "failed_because": "x" }), &[""]) => true;
    a_blocked_one_waits: waiting(json!({ "status": "blocked", "blocked_by": "parked" }), &[]) => true;
    somebody_is_at_work: waiting(json!({ "status": "claimed" }), &[]) => false;
    a_run_is_at_work: waiting(json!({ "status": "running", "run": "t-1.2" }), &[""]) => false;
    work_was_handed_in: waiting(json!({ "status": "review", "run": "t-1.2" }), &[""]) => false;
    it_was_given_up: waiting(json!({ "status": "cancelled", "cancelled_because": "x" }), &[]) => false;
    a_later_run_went_on: waiting(json!({ "status": "queued" }), &["resumes t-1.1"]) => false;
    a_later_run_took_it_up: waiting(json!({ "status": "queued" }), &["", "adopts t-1.1"]) => false;
    a_later_run_went_on_with_another: waiting(json!({ "status": "queued" }), &["", "resumes t-1.2"]) => true;
    nobody_knows_the_task: waits(&RunId("t-9.1".into()), None, &[]) => true;
}
