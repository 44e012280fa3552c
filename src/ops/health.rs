//! How agents fare now: what they are at work on, whether their providers let them, how their last
//! runs ended.

use std::collections::HashMap;

use crate::domain::agent::Agent;
use crate::domain::history::{AgentLast, AgentState};
use crate::domain::time::WallMs;
use crate::domain::verdict::Outcome;
use crate::ops::error::OpError;
use crate::ops::refusal::seconds;
use crate::store::Tx;

/// The health of all agents at one moment, as the store knows it.
pub struct Healths {
    now_ms: WallMs,
    load: HashMap<String, u32>,
    last: HashMap<String, AgentLast>,
}

/// The health of one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Runs that it is at work on.
    pub load: u32,
    /// Most at once.
    pub parallel: u32,
    /// `ok`, `failing`, `no_quota` or `no_login`.
    pub word: &'static str,
    /// Until when its provider wants to be left alone.
    pub until_ms: Option<WallMs>,
    /// The end of its last run.
    pub last: Option<AgentLast>,
    now_ms: WallMs,
}

impl Healths {
    /// Reads what is known.
    pub fn read(tx: &mut dyn Tx, now_ms: WallMs) -> Result<Healths, OpError> {
        let mut load = HashMap::new();
        for run in tx.active_runs()? {
            *load.entry(run.agent).or_insert(0) += 1;
        }
        let last = tx
            .agents_last()?
            .into_iter()
            .map(|last| (last.agent.clone(), last))
            .collect();
        Ok(Healths { now_ms, load, last })
    }

    /// One agent's.
    pub fn of(&self, agent: &Agent) -> Health {
        let last = self.last.get(agent.name.as_str()).cloned();
        let state = last
            .as_ref()
            .map_or(AgentState::Fine, |last| last.state(self.now_ms));
        let (word, until_ms) = match state {
            AgentState::Fine => ("ok", None),
            AgentState::Failing(_) => ("failing", None),
            AgentState::NoQuota(until) => ("no_quota", Some(until)),
            AgentState::NoLogin(until) => ("no_login", Some(until)),
        };
        let load = self.load.get(agent.name.as_str()).copied().unwrap_or(0);
        Health {
            load,
            parallel: agent.limits.parallel,
            word,
            until_ms,
            last,
            now_ms: self.now_ms,
        }
    }
}

impl Health {
    /// True where there is something to say of it: it works, rests or fails.
    pub fn is_of_note(&self) -> bool {
        self.load > 0 || self.word != "ok"
    }

    /// In words, such as `1/2 at work, ok, last run ready for review`.
    pub fn text(&self) -> String {
        let left = seconds(self.until_ms.unwrap_or_default() - self.now_ms);
        let state = match (self.word, &self.last) {
            ("no_quota", _) => format!("no quota for {left}"),
            ("no_login", _) => format!("login refused, left alone for {left}"),
            ("failing", Some(last)) if last.streak == 1 => "failed once".to_owned(),
            ("failing", Some(last)) => format!("failed {} times in a row", last.streak),
            _ => "ok".to_owned(),
        };
        let last = self.last.as_ref().map_or(String::new(), |last| {
            format!(", last run {}", in_words(&last.outcome))
        });
        format!("{}/{} at work, {state}{last}", self.load, self.parallel)
    }
}

/// A stored outcome in words; one of a newer `ai` as it stands.
fn in_words(outcome: &str) -> String {
    let known: Result<Outcome, _> = serde_json::from_value(outcome.into());
    known.map_or_else(
        |_| outcome.replace('_', " "),
        |outcome| outcome.short().to_owned(),
    )
}
