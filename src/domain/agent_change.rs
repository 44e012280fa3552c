//! Registering an agent and changing one: what of the old one stays, and what a new name needs.

use crate::domain::agent::{Agent, BadName, Home, Name, ToolLists, ToolNames};
use crate::domain::mode::AgentMode;

/// The fields that somebody names for an agent; what is absent stays. An empty text in a list, or
/// for the model, stands for nothing and so takes it away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentChange {
    /// The connector.
    pub connector: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The command line, or further arguments; an empty one stays as it was.
    pub argv: Vec<String>,
    /// All labels.
    pub labels: Option<Vec<String>>,
    /// All capabilities.
    pub capabilities: Option<Vec<String>>,
    /// All variables that it gets.
    pub env_pass: Option<Vec<String>>,
    /// Where its CLI keeps login, sessions and settings.
    pub home: Option<Home>,
    /// The upper bound on all that it may do.
    pub mode: Option<AgentMode>,
    /// The only tools that it may call; none named stands for all.
    pub allow_tools: Option<Vec<String>>,
    /// The tools that it may not call.
    pub deny_tools: Option<Vec<String>>,
    /// Who takes over, in order.
    pub fallback: Option<Vec<String>>,
    /// Runs at the same time.
    pub parallel: Option<u32>,
    /// Longest run, in minutes.
    pub minutes: Option<u32>,
    /// Longest time without output, in minutes.
    pub silence_minutes: Option<u32>,
}

/// The reason why a change makes no agent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// A word that is to be a name is none.
    #[error(transparent)]
    Name(#[from] BadName),
    /// Neither an old agent nor a connector for a new one.
    #[error("no agent named `{0}` is there to be changed")]
    Nobody(Name),
}

impl AgentChange {
    /// The agent `name` after the change: `old` with what is named, or a new one.
    pub fn apply(self, name: Name, old: Option<Agent>) -> Result<Agent, ChangeError> {
        let connector = self.connector.map(Name::new).transpose()?;
        let mut agent = match (old, connector) {
            (Some(old), None) => old,
            (Some(old), Some(new)) if old.connector != new => driven_by(old, new),
            (Some(old), Some(_)) => old,
            (None, Some(connector)) => Agent::new(name, connector),
            (None, None) => return Err(ChangeError::Nobody(name)),
        };
        agent.model = self.model.or(agent.model).filter(|model| !model.is_empty());
        if !self.argv.is_empty() {
            agent.argv = self.argv;
        }
        if let Some(list) = self.labels {
            agent.labels = words(list).collect();
        }
        if let Some(list) = self.capabilities {
            agent.capabilities = words(list).collect();
        }
        if let Some(list) = self.env_pass {
            agent.env_pass = words(list).collect();
        }
        agent.home = self.home.or(agent.home);
        agent.mode = self.mode.or(agent.mode);
        let tools = agent.tools.unwrap_or_default();
        let tools = ToolLists {
            allow: listed(self.allow_tools, tools.allow),
            deny: listed(self.deny_tools, tools.deny),
        };
        agent.tools = Some(tools).filter(|tools| *tools != ToolLists::default());
        if let Some(list) = self.fallback {
            agent.fallback = words(list).map(Name::new).collect::<Result<_, _>>()?;
        }
        let limits = &mut agent.limits;
        limits.parallel = self.parallel.unwrap_or(limits.parallel);
        limits.minutes = self.minutes.unwrap_or(limits.minutes);
        limits.silence_minutes = self.silence_minutes.unwrap_or(limits.silence_minutes);
        Ok(agent)
    }
}

/// The agent under another connector. Model, arguments and home are said in the words of a
/// connector, and mean nothing to another.
fn driven_by(agent: Agent, connector: Name) -> Agent {
    Agent {
        connector,
        model: None,
        argv: Vec::new(),
        home: None,
        ..agent
    }
}

/// The list that is named, else the one that was there; none where it is empty.
fn listed(named: Option<Vec<String>>, before: Option<ToolNames>) -> Option<ToolNames> {
    match named {
        None => before,
        Some(list) => Some(words(list).collect::<Vec<_>>())
            .filter(|list| !list.is_empty())
            .map(ToolNames::List),
    }
}

fn words(list: Vec<String>) -> impl Iterator<Item = String> {
    list.into_iter().filter(|word| !word.is_empty())
}

impl Agent {
    /// Adds labels and takes others away; a word with `-` in front is taken away, too.
    pub fn relabel(&mut self, words: &[String], remove: &[String]) {
        for word in words {
            match word.strip_prefix('-') {
                Some(gone) => self.labels.remove(gone),
                None => self.labels.insert(word.clone()),
            };
        }
        for word in remove {
            self.labels.remove(word);
        }
    }
}

#[cfg(test)]
#[path = "agent_change_tests.rs"]
mod tests;
