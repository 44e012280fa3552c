//! Parser for CLIs that print plain text: every line is a message, the outcome comes from exit
//! code, patterns and nothing else.

use std::sync::Arc;

use crate::base::ansi;
use crate::connector::api::StreamParser;
use crate::connector::clip;
use crate::connector::service_words::class_of_words;
use crate::connector::signs::{FailureSigns, LineTail};
use crate::domain::agent_event::{AgentEvent, AgentResult, FailureClass, StreamOutcome};
use crate::domain::process_end::ProcessEnd;

/// Parser of a plain text stream.
pub(super) struct TextParser {
    signs: Arc<FailureSigns>,
    stdout: LineTail,
    stderr: LineTail,
    answers: u64,
    bad_lines: u64,
}

impl TextParser {
    /// A parser that looks for these signs of trouble.
    pub(super) fn new(signs: Arc<FailureSigns>) -> Self {
        Self {
            signs,
            stdout: LineTail::default(),
            stderr: LineTail::default(),
            answers: 0,
            bad_lines: 0,
        }
    }

    fn outcome(&self, end: &ProcessEnd) -> StreamOutcome {
        if let Some(known) = end.code().and_then(|code| self.signs.of_code(code)) {
            return known;
        }
        let sign = || {
            self.signs
                .in_lines(&self.stderr)
                .or_else(|| self.signs.in_lines(&self.stdout))
        };
        if end.is_zero() {
            let looked = if self.signs.even_on_exit_zero {
                sign()
            } else {
                None
            };
            let unanswered = self.answers == 0 && self.signs.wants_an_answer();
            return looked.unwrap_or_else(|| {
                if unanswered {
                    self.unanswered()
                } else {
                    StreamOutcome::Completed
                }
            });
        }
        sign().unwrap_or_else(|| failed(end, self.stderr.last().or(self.stdout.last())))
    }

    /// The CLI ended well and has told of no answer: its last words say why, where there are any.
    fn unanswered(&self) -> StreamOutcome {
        let words = self.stdout.last().or(self.stderr.last());
        words.map_or(StreamOutcome::NoResult, |words| {
            let message = clip::text(
                &format!("no answer of the model: {}", words.trim()),
                clip::SUMMARY,
            );
            StreamOutcome::Failed {
                class: class_of_words(&message),
                message,
            }
        })
    }
}

/// The failure that a bad [process end](ProcessEnd) stands for.
pub(super) fn failed(end: &ProcessEnd, last_line: Option<&str>) -> StreamOutcome {
    let ended = end
        .trouble()
        .or_else(|| end.code().map(|code| format!("exit code {code}")))
        .unwrap_or_default();
    let message = match last_line {
        Some(line) => format!("{ended}: {line}"),
        None => ended,
    };
    let class = match end {
        ProcessEnd::Stopped
        | ProcessEnd::TimedOut { .. }
        | ProcessEnd::Silent { .. }
        | ProcessEnd::TooMuchOutput { .. } => FailureClass::Interrupted,
        _ => FailureClass::Exit,
    };
    StreamOutcome::Failed { class, message }
}

impl StreamParser for TextParser {
    fn line(&mut self, line: &[u8]) -> Vec<AgentEvent> {
        if std::str::from_utf8(line).is_err() {
            self.bad_lines += 1;
        }
        let text = plain(line);
        if text.trim().is_empty() {
            return Vec::new();
        }
        self.answers += u64::from(self.signs.tells_an_answer(text.trim_end()));
        self.stdout.push(&text);
        vec![AgentEvent::Message {
            text: clip::text(text.trim_end(), clip::TEXT),
        }]
    }

    fn error_line(&mut self, line: &[u8]) {
        self.stderr.push(&plain(line));
    }

    fn finish(self: Box<Self>, end: &ProcessEnd) -> AgentResult {
        AgentResult {
            outcome: self.outcome(end),
            session_id: None,
            model: None,
            usage: None,
            denials: Vec::new(),
            final_text: self.stdout.joined(),
            bad_lines: self.bad_lines,
        }
    }
}

/// A line as text: lossy, without colours, and not longer than is of any use.
pub(super) fn plain(line: &[u8]) -> String {
    let head = &line[..line.len().min(clip::TEXT + 4)];
    ansi::strip(&String::from_utf8_lossy(head)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::manifest::Manifest;
    use proptest::prelude::*;

    const MANIFEST: &str = r"
version: 1
name: x
title: X
argv: [x]
prompt: stdin
output: text
patterns:
  quota: ['(?i)rate limit(?:.*retry in (?<seconds>\d+) ?s)?']
  auth: ['(?i)not logged in']
  refusal: ['(?i)permission denied by user']
exit_codes: {quota: [75], auth: [41]}
";

    fn run(manifest: &str, stdout: &[&str], stderr: &[&str], end: ProcessEnd) -> AgentResult {
        let signs = FailureSigns::new(&Manifest::parse("x", manifest).unwrap());
        let mut parser = Box::new(TextParser::new(Arc::new(signs)));
        stdout
            .iter()
            .for_each(|line| drop(parser.line(line.as_bytes())));
        stderr
            .iter()
            .for_each(|line| parser.error_line(line.as_bytes()));
        parser.finish(&end)
    }

    fn quota(after_ms: Option<u64>) -> StreamOutcome {
        StreamOutcome::Quota {
            retry_at_ms: None,
            after_ms,
        }
    }

    #[test]
    fn the_words_of_the_model_count_for_nothing_when_the_exit_is_clean() {
        let clean = ProcessEnd::Exited { code: 0 };
        let result = run(
            MANIFEST,
            &["I added a rate limit", "error: not logged in"],
            &["rate limit"],
            clean,
        );
        assert_eq!(result.outcome, StreamOutcome::Completed);
        assert_eq!(
            result.final_text.unwrap(),
            "I added a rate limit\nerror: not logged in"
        );
    }

    #[test]
    fn a_bad_end_is_explained_by_the_last_sign() {
        let bad = || ProcessEnd::Exited { code: 1 };
        let outcome = |out: &[&str], err: &[&str], end| run(MANIFEST, out, err, end).outcome;
        assert_eq!(
            outcome(&[], &["Rate limit hit, retry in 30 s"], bad()),
            quota(Some(30_000))
        );
        assert_eq!(
            outcome(&["Not logged in"], &["bye"], bad()),
            StreamOutcome::Auth {
                message: "Not logged in".into()
            }
        );
        assert!(matches!(
            outcome(&["permission denied by user"], &[], bad()),
            StreamOutcome::Refused { .. }
        ));
        assert_eq!(
            outcome(&[], &[], ProcessEnd::Exited { code: 75 }),
            quota(None)
        );
        assert!(matches!(
            outcome(&[], &[], ProcessEnd::Exited { code: 41 }),
            StreamOutcome::Auth { .. }
        ));
        let boom = StreamOutcome::Failed {
            class: FailureClass::Exit,
            message: "exit code 1: boom".into(),
        };
        assert_eq!(outcome(&["x"], &["\u{1b}[31mboom\u{1b}[0m"], bad()), boom);
        let stopped = outcome(&[], &[], ProcessEnd::TimedOut { after_ms: 5000 });
        assert!(matches!(
            stopped,
            StreamOutcome::Failed {
                class: FailureClass::Interrupted,
                ..
            }
        ));
    }

    #[test]
    fn a_manifest_can_distrust_exit_code_zero() {
        let manifest = MANIFEST.replace("exit_codes", "  even_on_exit_zero: true\nexit_codes");
        let result = run(
            &manifest,
            &["rate limit"],
            &[],
            ProcessEnd::Exited { code: 0 },
        );
        assert_eq!(result.outcome, quota(None));
    }

    #[test]
    fn aider_is_judged_by_what_it_says_after_its_last_answer() {
        let aider = include_str!("../../templates/connectors/aider.yaml");
        let ok = include_str!("../../tests/data/transcripts/aider.ok.txt");
        let error_401 = include_str!("../../tests/data/transcripts/aider.error-401.txt");
        let of = |text: &str| {
            run(
                aider,
                &text.lines().collect::<Vec<_>>(),
                &[],
                ProcessEnd::Exited { code: 0 },
            )
            .outcome
        };
        assert_eq!(of(ok), StreamOutcome::Completed);
        assert!(
            matches!(of(error_401), StreamOutcome::Auth { .. }),
            "{:?}",
            of(error_401)
        );
        assert!(
            matches!(
                of(&format!("{ok}\n{error_401}")),
                StreamOutcome::Auth { .. }
            ),
            "the second question failed"
        );
        let words = ok.replace(
            "all done",
            "litellm.RateLimitError: I added a test for this",
        );
        assert_eq!(
            of(&words),
            StreamOutcome::Completed,
            "the model said so, and its answer was counted"
        );
        let unanswered = ok.replace("Tokens: ", "Words: ");
        assert_eq!(of(""), StreamOutcome::NoResult);
        let StreamOutcome::Failed {
            class: FailureClass::Agent,
            message,
        } = of(&unanswered)
        else {
            panic!("{unanswered}")
        };
        assert!(message.starts_with("no answer of the model: "), "{message}");
        assert!(matches!(
            of("litellm.RateLimitError: x"),
            StreamOutcome::Quota { .. }
        ));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(lines in proptest::collection::vec(any::<Vec<u8>>(), 0..60)) {
            let mut parser = Box::new(TextParser::new(Arc::default()));
            for line in &lines {
                prop_assert!(parser.line(line).len() <= 1);
                parser.error_line(line);
            }
            prop_assert_eq!(parser.finish(&ProcessEnd::Exited { code: 0 }).outcome, StreamOutcome::Completed);
        }
    }
}
