use crate::base::rules::rules;
use crate::domain::ids::RunId;
use crate::domain::task::{BlockReason, Hold, Proof};

use super::*;

/// A task in this state, on hold where that is what blocks it.
fn task(state: TaskState) -> Task {
    let mut task: Task = serde_json::from_value(serde_json::json!({
        "id": "t-1", "status": "queued", "title": "x", "type": "task", "priority": 2,
        "created_by": "human:ann", "created_ms": 0, "updated_ms": 0, "uid": "u",
    }))
    .unwrap();
    task.hold = (state == held()).then(|| Hold {
        kind: BlockReason::Hold,
        reason: "wait".into(),
        since_ms: 0,
    });
    task.state = state;
    task
}

fn run() -> RunId {
    RunId("t-1.1".into())
}

fn running() -> TaskState {
    TaskState::Running { run: run() }
}

fn review() -> TaskState {
    TaskState::Review { run: run() }
}

fn waiting() -> TaskState {
    TaskState::Blocked {
        blocked_by: BlockReason::Dependency,
    }
}

fn held() -> TaskState {
    TaskState::Blocked {
        blocked_by: BlockReason::Hold,
    }
}

fn done() -> TaskState {
    TaskState::Done {
        proof: Proof::Verdict {
            tree: "a".into(),
            commit: None,
            run: None,
        },
        done_ms: 0,
    }
}

fn failed() -> TaskState {
    TaskState::Failed {
        failed_because: "used up".into(),
    }
}

fn cancelled() -> TaskState {
    TaskState::Cancelled {
        cancelled_because: "not wanted".into(),
    }
}

/// Acts across, states down: `+` is allowed.
const TABLE: &str = "
            claim finish judge give paths dep hold unhold cancel retry reopen undo address
queued      +     +      -     +    +     +   +    -      +      +     -      -    +
claimed     -     +      -     +    -     -   -    -      +      -     -      -    +
running     -     -      -     -    -     -   -    -      +      -     -      -    +
waiting     -     +      -     +    +     +   +    -      +      +     -      -    +
held        -     +      -     +    +     +   +    +      +      +     -      -    +
review      -     -      +     +    +     -   +    -      +      -     -      -    +
done        -     -      -     +    +     -   -    -      -      -     +      +    -
failed      -     +      -     +    +     -   +    -      +      +     -      -    +
cancelled   -     -      -     +    +     -   -    -      -      +     +      -    -
";

#[test]
fn every_act_in_every_state_is_as_in_the_table() {
    let states = [
        ("queued", TaskState::Queued),
        ("claimed", TaskState::Claimed),
        ("running", running()),
        ("waiting", waiting()),
        ("held", held()),
        ("review", review()),
        ("done", done()),
        ("failed", failed()),
        ("cancelled", cancelled()),
    ];
    let mut rows = TABLE.trim().lines().skip(1);
    for (name, state) in states {
        let task = task(state);
        let found = TaskAct::ALL.map(|act| {
            if act.misfit(&task).is_none() {
                "+"
            } else {
                "-"
            }
        });
        let row: Vec<&str> = rows.next().unwrap_or_default().split_whitespace().collect();
        assert_eq!(row.split_first(), Some((&name, &found[..])), "{name}");
    }
    assert_eq!(rows.next(), None);
}

fn told(act: TaskAct, state: TaskState) -> Option<(String, String)> {
    act.misfit(&task(state))
        .map(|misfit| (misfit.why, misfit.next))
}

fn says(why: &str, next: &str) -> Option<(String, String)> {
    Some((why.to_owned(), next.to_owned()))
}

rules! {
    a_claim_of_reviewed_work_is_sent_to_the_review:
        told(TaskAct::Claim, review()) => says(
            "run t-1.1 waits for a review",
            "`ai review t-1`, then `ai accept t-1` or `ai reject t-1`",
        );
    a_claim_of_a_finished_task_is_told_to_reopen:
        told(TaskAct::Claim, done())
        => says("it is finished", "`ai task reopen t-1` opens it again");
    a_claim_of_a_failed_task_is_told_why_it_failed:
        told(TaskAct::Claim, failed())
        => says("used up", "`ai task retry t-1` gives it fresh attempts");
    a_claim_of_a_cancelled_task_is_told_why:
        told(TaskAct::Claim, cancelled())
        => says("not wanted", "`ai task retry t-1` takes it up again");
    a_claimed_task_without_a_lease_is_for_the_doctor:
        told(TaskAct::Claim, TaskState::Claimed) => says("it has no lease", "`ai doctor`");
    a_run_without_a_lease_is_for_the_doctor:
        told(TaskAct::Claim, running()) => says("it has no lease", "`ai doctor`");
    nobody_ends_a_task_past_its_run:
        told(TaskAct::Finish, running()) => says("run t-1.1 is at work on it", "ai why t-1");
    nobody_ends_a_task_past_its_review:
        told(TaskAct::Finish, review())
        => says("its work waits for a review", "`ai accept t-1` or `ai reject t-1`");
    a_message_to_a_finished_task_is_told_to_reopen:
        told(TaskAct::Address, done())
        => says("it has ended, and nobody works on it who could read a message", "`ai task reopen t-1` opens it again");
    one_to_a_failed_task_waits_for_whoever_tries_it_again:
        told(TaskAct::Address, failed())
        => None;
    and_one_to_a_cancelled_task:
        told(TaskAct::Address, cancelled())
        => says("it has ended, and nobody works on it who could read a message", "`ai task retry t-1` takes it up again");
    an_ended_task_is_not_ended_again:
        told(TaskAct::Finish, cancelled())
        => says("it has ended", "`ai task reopen t-1` opens it again");
    only_a_review_can_be_judged:
        told(TaskAct::Judge, TaskState::Queued) => says(
            "only work that waits for a review can be accepted or rejected",
            "`ai why t-1`",
        );
    a_run_is_not_given_back:
        told(TaskAct::GiveBack, running())
        => says("run t-1.1 holds it until it ends", "`ai task cancel t-1` stops it");
    paths_under_a_lease_stay:
        told(TaskAct::ChangePaths, TaskState::Claimed)
        => says("its paths are locked by a lease", "`ai task release t-1` first");
    a_task_at_work_waits_for_nothing_new:
        told(TaskAct::AddDependency, TaskState::Claimed)
        => says("a dependency can only be added while it waits", "`ai task show t-1`");
    a_task_at_work_is_not_held:
        told(TaskAct::Hold, running())
        => says("only a task that waits can be held", "`ai task show t-1`");
    a_task_that_is_not_held_is_not_let_go:
        told(TaskAct::Unhold, waiting()) => says("it is not on hold", "`ai why t-1`");
    an_ended_task_is_not_cancelled:
        told(TaskAct::Cancel, done())
        => says("it has ended already", "`ai task reopen t-1` opens it again");
    a_task_at_work_is_not_retried:
        told(TaskAct::Retry, TaskState::Claimed) => says(
            "only a task that failed, waits or was cancelled can be retried",
            "`ai why t-1`",
        );
    what_was_not_accepted_is_not_taken_back:
        told(TaskAct::Undo, review())
        => says("only work that was accepted can be taken back", "`ai why t-1`");
    an_open_task_is_not_reopened:
        told(TaskAct::Reopen, failed()) => says("it is not finished", "`ai why t-1`");
}
