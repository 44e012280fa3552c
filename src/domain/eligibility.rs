//! Who may have a task: which agent it names, and which capabilities and labels it asks for. One
//! decision for the router, which chooses among agents, and for a claim, by which an agent chooses a
//! task itself.
//!
//! Deliberately absent: what is a matter of the moment (a quota, a budget, room for one more run),
//! and policy, which has a question of its own. People may have any task.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::domain::task::Task;

/// The label of a task that asks for a capability begins so.
const NEEDS: &str = "needs:";
/// The label of a task that asks for a label of the agent begins so.
const ON: &str = "on:";

/// The demands of a task on the agent that does it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskDemands {
    /// The agent that it names.
    pub named: Option<String>,
    /// Capabilities that the agent must have.
    pub capabilities: BTreeSet<String>,
    /// Labels that the agent must bear.
    pub labels: BTreeSet<String>,
}

/// The traits of an agent for which tasks ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentTraits {
    /// Nothing is written down about it: it has no capability and bears no label.
    Unregistered,
    /// Its file cannot be used, for this reason.
    Unreadable(String),
    /// Its file says that nobody may give it anything.
    Disabled,
    /// As its file says.
    Registered {
        /// Abilities.
        capabilities: BTreeSet<String>,
        /// Labels.
        labels: BTreeSet<String>,
    },
}

/// The reason why an agent cannot have a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnmetDemand {
    /// Its file cannot be used.
    Unreadable(String),
    /// It is disabled.
    Disabled,
    /// The task names this other agent.
    Named(String),
    /// It lacks these capabilities.
    Lacks(Vec<String>),
    /// It does not bear these labels.
    Unmarked(Vec<String>),
}

/// The standing of an agent that a task names towards another one that wants the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandIn {
    /// The other one has no part in it.
    Nobody,
    /// The other one is a fallback of the named one, which its provider refuses for now.
    WhileRefused,
}

impl TaskDemands {
    /// The demands of `task`; `by_word` has the capabilities for which types of tasks and labels
    /// ask.
    pub fn of(task: &Task, by_word: &BTreeMap<String, Vec<String>>) -> TaskDemands {
        let marked = |prefix: &str| {
            let labels = task.labels.iter();
            let marked = labels.filter_map(|label| label.strip_prefix(prefix));
            marked.map(str::to_owned).collect::<BTreeSet<_>>()
        };
        let mut capabilities = marked(NEEDS);
        for word in std::iter::once(&task.kind).chain(&task.labels) {
            capabilities.extend(by_word.get(word).into_iter().flatten().cloned());
        }
        TaskDemands {
            named: task.agent.clone(),
            capabilities,
            labels: marked(ON),
        }
    }

    /// The first demand that these capabilities and labels do not meet.
    pub fn unmet_by_words(
        &self,
        capabilities: &BTreeSet<String>,
        labels: &BTreeSet<String>,
    ) -> Option<UnmetDemand> {
        let missing = |wanted: &BTreeSet<String>, has: &BTreeSet<String>| {
            Some(wanted.difference(has).cloned().collect::<Vec<_>>()).filter(|all| !all.is_empty())
        };
        let lacks = missing(&self.capabilities, capabilities).map(UnmetDemand::Lacks);
        lacks.or_else(|| missing(&self.labels, labels).map(UnmetDemand::Unmarked))
    }

    /// The first demand that the agent `who` does not meet.
    ///
    /// # Examples
    ///
    /// ```text
    /// the task names codex        codex                     may have it
    ///                             claude                    Named(codex)
    ///                             claude, its fallback,     may have it
    ///                             while codex is refused
    /// the task needs rust         an agent that has it      may have it
    ///                             one without a file        Lacks(rust)
    /// ```
    pub fn unmet_by(
        &self,
        who: &str,
        traits: &AgentTraits,
        stand_in: StandIn,
    ) -> Option<UnmetDemand> {
        match traits {
            AgentTraits::Unreadable(why) => return Some(UnmetDemand::Unreadable(why.clone())),
            AgentTraits::Disabled => return Some(UnmetDemand::Disabled),
            AgentTraits::Unregistered | AgentTraits::Registered { .. } => {}
        }
        let other = self.named.as_deref().filter(|named| *named != who);
        if let (Some(other), StandIn::Nobody) = (other, stand_in) {
            return Some(UnmetDemand::Named(other.to_owned()));
        }
        let none = BTreeSet::new();
        match traits {
            AgentTraits::Registered {
                capabilities,
                labels,
            } => self.unmet_by_words(capabilities, labels),
            _ => self.unmet_by_words(&none, &none),
        }
    }
}

/// True for a label of a task that is a demand, and none that an agent could share with it.
pub fn is_demand(label: &str) -> bool {
    label.starts_with(NEEDS) || label.starts_with(ON)
}

/// An agent and all that may stand in for it, nearest first, each once. `next` are the fallbacks of
/// one.
pub fn stand_ins<'a>(first: &str, next: impl Fn(&str) -> &'a [String]) -> Vec<String> {
    let mut chain = vec![first.to_owned()];
    let mut seen = BTreeSet::from([first.to_owned()]);
    let mut at = 0;
    while let Some(name) = chain.get(at) {
        let names = next(name).iter();
        let new: Vec<String> = names
            .filter(|name| seen.insert((*name).clone()))
            .cloned()
            .collect();
        chain.extend(new);
        at += 1;
    }
    chain
}

impl fmt::Display for UnmetDemand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnmetDemand::Unreadable(why) => write!(f, "its file cannot be used: {why}"),
            UnmetDemand::Disabled => f.write_str("it is disabled in its file"),
            UnmetDemand::Named(other) => write!(f, "the task names {other}"),
            UnmetDemand::Lacks(all) => write!(f, "lacks {}", all.join(", ")),
            UnmetDemand::Unmarked(all) => write!(f, "does not bear {}", all.join(", ")),
        }
    }
}

#[cfg(test)]
#[path = "eligibility_tables.rs"]
mod tables;
