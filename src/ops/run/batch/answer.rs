//! The answer of a child of `ai run --all`, and what its end means for the others.

use serde::{Deserialize, Serialize};

use crate::domain::error_class::ErrorClass;
use crate::domain::verdict::Lifecycle;
use crate::ops::run::model::RunReport;
use crate::process::reexec::ReexecEnd;

/// The answer of a child, `ai run TASK --leashed`: one JSON object on its standard output. Its talk
/// on standard error is for people, and is handed on behind the id of the task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChildAnswer {
    /// The run; absent where none was started.
    pub run: Option<String>,
    /// The agent of the run.
    pub agent: Option<String>,
    /// The agent in whose place that one stood.
    pub fallback_of: Option<String>,
    /// The end of the agent, on the first axis of the verdict table.
    pub lifecycle: Option<Lifecycle>,
    /// The outcome of the run.
    pub outcome: Option<String>,
    /// The short of it.
    pub summary: String,
    /// The error that ended the command, and why.
    pub error: Option<String>,
    /// The next command against that error.
    pub hint: Option<String>,
}

impl ChildAnswer {
    /// The answer of a child whose run has come to its verdict.
    pub fn of_run(report: &RunReport) -> ChildAnswer {
        let run = &report.run;
        ChildAnswer {
            run: Some(run.id.to_string()),
            agent: Some(run.agent.clone()),
            fallback_of: run
                .routed
                .as_ref()
                .and_then(|routed| routed.fallback_of.clone()),
            lifecycle: Some(report.cell.lifecycle),
            outcome: Some(report.outcome.as_str().to_owned()),
            summary: report.summary.clone(),
            error: None,
            hint: None,
        }
    }

    /// The answer of a child that did not get so far.
    pub fn of_error(error: &str, hint: Option<&str>) -> ChildAnswer {
        ChildAnswer {
            error: Some(error.to_owned()),
            hint: hint.map(str::to_owned),
            ..ChildAnswer::default()
        }
    }
}

/// The end of a child with its answer.
#[derive(Debug, Clone)]
pub struct ChildEnd {
    /// The exit code.
    pub code: u8,
    /// The answer.
    pub answer: ChildAnswer,
}

impl ChildEnd {
    /// The end as the operating system and the child tell it.
    pub fn of(ended: Option<&ReexecEnd>) -> ChildEnd {
        let code = ended.and_then(|ended| ended.code);
        let answer = ended.and_then(|ended| serde_json::from_str(&ended.output).ok());
        let mut answer: ChildAnswer = answer.unwrap_or_default();
        if code.is_none() && answer.error.is_none() {
            answer.error = Some("its process was killed".to_owned());
        }
        let code = code.and_then(|code| u8::try_from(code).ok());
        ChildEnd {
            code: code.unwrap_or(ErrorClass::Failed.code()),
            answer,
        }
    }

    /// True where a run was started, and its agent's provider has refused it.
    pub fn was_refused(&self) -> bool {
        let lifecycle = self.answer.lifecycle;
        self.answer.run.is_some() && lifecycle.is_some_and(Lifecycle::is_refused_by_provider)
    }

    /// True where no run was started, since another one is at work that may end soon.
    pub fn is_in_the_way(&self) -> bool {
        self.answer.run.is_none()
            && matches!(
                ErrorClass::of_code(self.code),
                Some(ErrorClass::Conflict | ErrorClass::TryLater)
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::verdict::Outcome;

    fn end(code: Option<i32>, output: &str) -> ChildEnd {
        ChildEnd::of(Some(&ReexecEnd {
            code,
            output: output.to_owned(),
        }))
    }

    #[test]
    fn an_answer_is_read_as_it_was_written() {
        let answer = ChildAnswer {
            run: Some("t-1.1".into()),
            agent: Some("b".into()),
            fallback_of: Some("a".into()),
            lifecycle: Some(Lifecycle::Quota),
            outcome: Some(Outcome::RetryUncounted.as_str().into()),
            summary: "the provider asks to come back later".into(),
            error: None,
            hint: None,
        };
        let end = end(Some(75), &serde_json::to_string(&answer).unwrap());
        assert_eq!((end.code, &end.answer), (75, &answer));
        assert!(end.was_refused() && !end.is_in_the_way());
    }

    #[test]
    fn a_child_without_a_run_is_told_by_its_class_and_not_by_its_words() {
        let error = ChildAnswer::of_error("it is locked", Some("ai lock list"));
        let text = serde_json::to_string(&error).unwrap();
        for (code, waits) in [(1, false), (3, false), (4, true), (75, true), (130, false)] {
            let end = end(Some(code), &text);
            assert_eq!(end.is_in_the_way(), waits, "{code}");
            assert_eq!(end.answer, error);
        }
    }

    #[test]
    fn one_that_says_nothing_is_told_of_all_the_same() {
        for (code, output, seen, error) in [
            (None, "", 1, Some("its process was killed")),
            (Some(101), "panicked", 101, None),
            (Some(0), "{}", 0, None),
        ] {
            let end = end(code, output);
            assert_eq!((end.code, end.answer.error.as_deref()), (seen, error));
        }
        assert_eq!(ChildEnd::of(None).code, 1);
    }
}
