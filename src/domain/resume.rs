//! Whether a run may go on with the session of the one before. Pure; whether the session is still
//! there is looked at elsewhere.

use crate::domain::run::{Run, RunStep};
use crate::domain::verdict::Lifecycle;

/// The next run, as far as it decides whether to resume.
#[derive(Debug, Clone, Copy)]
pub struct Next<'a> {
    /// The agent.
    pub agent: &'a str,
    /// The connector that drives it.
    pub connector: &'a str,
    /// The model that is asked for.
    pub model: Option<&'a str>,
    /// The commit that it starts from.
    pub base: Option<&'a str>,
}

/// True where `last` was interrupted in the middle of its work, and `next` is the same agent on the
/// same ground.
///
/// A session that has met a limit of time after it had been continued already is not continued
/// again: it would do so for ever.
pub fn may_continue(last: &Run, next: &Next<'_>) -> bool {
    let same = last.agent == next.agent
        && last.connector == next.connector
        && last.model.as_deref() == next.model
        && last.base.is_some()
        && last.base.as_deref() == next.base;
    let Some(end) = &last.end else { return false };
    let interrupted = match end.cell.lifecycle {
        Lifecycle::Quota
        | Lifecycle::Auth
        | Lifecycle::Provider
        | Lifecycle::Killed
        | Lifecycle::Lost
        | Lifecycle::Parked => true,
        Lifecycle::TimedOut => last.resumed.is_none() || end.resume_refused.is_some(),
        Lifecycle::Finished | Lifecycle::NoChanges | Lifecycle::Failed | Lifecycle::NotStarted => {
            false
        }
    };
    same && interrupted && last.step >= RunStep::Agent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::RunId;
    use crate::domain::run::Resumed;

    const NEXT: Next<'static> = Next {
        agent: "a",
        connector: "c",
        model: None,
        base: Some("b1"),
    };

    fn run(lifecycle: &str, step: &str) -> Run {
        serde_json::from_value(serde_json::json!({
            "id": "t-1.1", "task": "t-1", "agent": "a", "connector": "c", "base": "b1", "branch": "ai/t-1/1",
            "worktree": "w1", "started_ms": 0, "step": step,
            "supervisor": { "boot_id": "x", "pid_namespace": "y", "pid": 1, "start_ticks": 1 },
            "end": { "at_ms": 1, "lifecycle": lifecycle, "verification": "unverified", "policy": "allow",
                "freshness": "current", "outcome": "retry", "summary": "" },
        }))
        .unwrap()
    }

    #[test]
    fn only_an_interruption_in_the_middle_of_the_work_is_continued() {
        for lifecycle in Lifecycle::ALL {
            let expected = matches!(
                lifecycle.as_str(),
                "quota" | "auth" | "provider" | "killed" | "lost" | "parked" | "timed_out"
            );
            assert_eq!(
                may_continue(&run(lifecycle.as_str(), "agent"), &NEXT),
                expected,
                "{lifecycle}"
            );
            assert!(
                !may_continue(&run(lifecycle.as_str(), "worktree"), &NEXT),
                "{lifecycle}"
            );
        }
        assert!(!may_continue(
            &Run {
                end: None,
                ..run("lost", "agent")
            },
            &NEXT
        ));
    }

    #[test]
    fn nobody_goes_on_with_a_session_of_somebody_else_or_on_other_ground() {
        let last = run("lost", "agent");
        for next in [
            Next { agent: "b", ..NEXT },
            Next {
                connector: "d",
                ..NEXT
            },
            Next {
                model: Some("m"),
                ..NEXT
            },
            Next {
                base: Some("b2"),
                ..NEXT
            },
            Next { base: None, ..NEXT },
        ] {
            assert!(!may_continue(&last, &next), "{next:?}");
        }
        assert!(!may_continue(
            &Run { base: None, ..last },
            &Next { base: None, ..NEXT }
        ));
    }

    #[test]
    fn a_session_that_met_its_limit_twice_is_given_up() {
        let again = Resumed {
            run: RunId("t-1.0".into()),
            session: "s".into(),
            work: None,
            used: Default::default(),
        };
        let mut last = Run {
            resumed: Some(again),
            ..run("timed_out", "agent")
        };
        assert!(!may_continue(&last, &NEXT));
        if let Some(end) = &mut last.end {
            // Then the session was a new one.
            end.resume_refused = Some("unknown".into());
        }
        assert!(may_continue(&last, &NEXT));
        assert!(may_continue(
            &Run {
                resumed: last.resumed.clone(),
                ..run("quota", "agent")
            },
            &NEXT
        ));
    }
}

#[cfg(test)]
#[path = "resume_tables.rs"]
mod tables;
