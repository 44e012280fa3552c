//! Signs of trouble in text output: the patterns of a manifest, compiled, over the last lines that
//! a CLI printed.

use std::collections::VecDeque;
use std::sync::OnceLock;

use regex::Regex;

use crate::connector::clip;
use crate::connector::manifest::Manifest;
use crate::connector::manifest_check::compile;
use crate::domain::agent_event::{Denial, StreamOutcome};

const TAIL_LINES: usize = 40;

/// Compiled patterns and exit codes of one manifest.
#[derive(Debug, Clone, Default)]
pub(super) struct FailureSigns {
    quota: Vec<SignPattern>,
    auth: Vec<SignPattern>,
    refusal: Vec<SignPattern>,
    answered: Vec<SignPattern>,
    quota_codes: Vec<i32>,
    auth_codes: Vec<i32>,
    /// True if the patterns count although the exit code is 0.
    pub(super) even_on_exit_zero: bool,
}

/// A pattern that is compiled when a text is first held against it: a program that prints nothing has
/// none to be searched.
#[derive(Debug, Clone)]
struct SignPattern {
    text: String,
    compiled: OnceLock<Option<Regex>>,
}

impl SignPattern {
    fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            compiled: OnceLock::new(),
        }
    }

    /// Those of a validated manifest all compile.
    fn regex(&self) -> Option<&Regex> {
        let compiled = self.compiled.get_or_init(|| compile(&self.text).ok());
        compiled.as_ref()
    }

    fn is_match(&self, text: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text))
    }
}

impl FailureSigns {
    /// Takes the patterns of a manifest.
    pub(super) fn new(manifest: &Manifest) -> Self {
        let all =
            |patterns: &[String]| patterns.iter().map(|text| SignPattern::new(text)).collect();
        Self {
            quota: all(&manifest.patterns.quota),
            auth: all(&manifest.patterns.auth),
            refusal: all(&manifest.patterns.refusal),
            answered: all(&manifest.patterns.answered),
            quota_codes: manifest.exit_codes.quota.clone(),
            auth_codes: manifest.exit_codes.auth.clone(),
            even_on_exit_zero: manifest.patterns.even_on_exit_zero,
        }
    }

    /// Returns the meaning of an exit code by the manifest.
    pub(super) fn of_code(&self, code: i32) -> Option<StreamOutcome> {
        if self.quota_codes.contains(&code) {
            return Some(StreamOutcome::Quota {
                retry_at_ms: None,
                after_ms: None,
            });
        }
        let auth = self.auth_codes.contains(&code);
        auth.then(|| StreamOutcome::Auth {
            message: format!("the CLI exited with code {code}"),
        })
    }

    /// The first sign in the lines since the model has last answered, newest first: quota before
    /// auth before refusal.
    pub(super) fn in_lines(&self, tail: &LineTail) -> Option<StreamOutcome> {
        tail.lines
            .iter()
            .rev()
            .take_while(|line| !self.tells_an_answer(line))
            .find_map(|line| self.in_text(line))
    }

    /// Returns true for a line that tells that the model has answered.
    pub(super) fn tells_an_answer(&self, line: &str) -> bool {
        self.answered.iter().any(|sign| sign.is_match(line))
    }

    /// Returns true if the CLI has a line for that at all.
    pub(super) fn wants_an_answer(&self) -> bool {
        !self.answered.is_empty()
    }

    /// A sign in one text.
    pub(super) fn in_text(&self, text: &str) -> Option<StreamOutcome> {
        let mut quota = self.quota.iter().filter_map(SignPattern::regex);
        if let Some(found) = quota.find_map(|regex| regex.captures(text)) {
            let seconds = found
                .name("seconds")
                .and_then(|m| m.as_str().parse::<u64>().ok());
            return Some(StreamOutcome::Quota {
                retry_at_ms: None,
                after_ms: seconds.and_then(|s| s.checked_mul(1000)),
            });
        }
        if self.auth.iter().any(|sign| sign.is_match(text)) {
            return Some(StreamOutcome::Auth {
                message: clip::text(text, clip::SUMMARY),
            });
        }
        let refused = self.refusal.iter().any(|sign| sign.is_match(text));
        refused.then(|| StreamOutcome::Refused {
            denials: vec![denial(text)],
        })
    }
}

/// The last lines of a stream, bounded.
#[derive(Debug, Default)]
pub(super) struct LineTail {
    lines: VecDeque<String>,
}

impl LineTail {
    /// Adds one line; blank ones are left out.
    pub(super) fn push(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        if self.lines.len() == TAIL_LINES {
            self.lines.pop_front();
        }
        self.lines
            .push_back(clip::text(line.trim_end(), clip::SUMMARY));
    }

    /// The last line.
    pub(super) fn last(&self) -> Option<&str> {
        self.lines.back().map(String::as_str)
    }

    /// All kept lines as one text.
    pub(super) fn joined(&self) -> Option<String> {
        (!self.lines.is_empty()).then(|| {
            self.lines
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join("\n")
        })
    }
}

/// A refusal that is known only by the line that told of it.
fn denial(line: &str) -> Denial {
    Denial {
        tool: "unknown".to_owned(),
        reason: clip::text(line, clip::SUMMARY),
    }
}
