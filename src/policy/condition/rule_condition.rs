//! The condition of a rule: read with its file, made a program once, asked with each question.

use std::sync::{Arc, OnceLock};

use crate::base::yaml::{self, SourcePlace, TreeStanding, YamlNode, YamlProblem, YamlValue};
use crate::policy::asked::Request;
use crate::policy::condition::budget::StepBudget;
use crate::policy::condition::eval;
use crate::policy::condition::failure::ConditionFailure;
use crate::policy::condition::program::Step;
use crate::policy::condition::syntax::{self, ConditionFault};
use crate::policy::condition::types;

/// The condition of a rule.
#[derive(Debug, Clone)]
pub(in crate::policy) struct Condition {
    text: String,
    /// None where the text is no condition.
    program: OnceLock<Option<Arc<Step>>>,
}

impl Condition {
    /// Reads a condition, or says what is wrong with it and where.
    fn read(text: &str) -> Result<Self, ConditionFault> {
        let program = program_of(text)?;
        Ok(Self {
            text: text.to_owned(),
            program: OnceLock::from(Some(Arc::new(program))),
        })
    }

    /// Takes a condition that was read before; it is made a program when a question comes as far as to
    /// it. Should it be bad after all, it fails whenever it is asked.
    fn proven(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            program: OnceLock::new(),
        }
    }

    /// The condition as it is written.
    pub(in crate::policy) fn text(&self) -> &str {
        &self.text
    }

    /// The value of the condition for a question.
    pub(in crate::policy) fn holds(
        &self,
        request: &Request<'_>,
        budget: &StepBudget,
    ) -> Result<bool, ConditionFailure> {
        let read = || program_of(&self.text).ok().map(Arc::new);
        match self.program.get_or_init(read) {
            Some(program) => eval::run(program, request, budget),
            None => Err(ConditionFailure::Unusable),
        }
    }
}

fn program_of(text: &str) -> Result<Step, ConditionFault> {
    types::program_of(&syntax::read(text)?)
}

/// The condition of a rule, from the node of its field.
pub(in crate::policy) fn condition_of(
    node: &YamlNode,
    standing: TreeStanding,
    problems: &mut Vec<YamlProblem>,
) -> Option<Condition> {
    let text = yaml::text_of(node, "`when`", problems)?;
    if standing == TreeStanding::Proven {
        return Some(Condition::proven(&text));
    }
    match Condition::read(&text) {
        Ok(condition) => Some(condition),
        Err(fault) => {
            problems.push(problem_of(node, &text, fault));
            None
        }
    }
}

/// The fault as a problem of the file, at its letter: exact in a condition on one line, and in a block of
/// lines (`|`), which stands in the file as it is read. The message counts within the condition.
fn problem_of(node: &YamlNode, text: &str, fault: ConditionFault) -> YamlProblem {
    let before = text.get(..fault.at.start).unwrap_or_default();
    let lines = before.matches('\n').count() as u64;
    let last = before.rsplit('\n').next().unwrap_or_default();
    let letters = last.chars().count() as u64;
    let is_block = text.contains('\n');
    let quote = u64::from(matches!(node.value, YamlValue::Quoted(_)) && !is_block);
    let place = SourcePlace {
        line: node.place.line + lines,
        column: node.place.column + quote + letters,
    };
    let character = letters + 1;
    let within = if is_block {
        format!("line {}, character {character}", lines + 1)
    } else {
        format!("character {character}")
    };
    let problem = YamlProblem::new(place, format!("`when`, {within}: {}", fault.message));
    match fault.hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

#[cfg(test)]
#[path = "condition_tests.rs"]
mod tests;
