//! What the router is asked, and what it answers.

use crate::domain::eligibility::TaskDemands;
use crate::domain::routing::{Relief, Weights};
use crate::domain::run::RoutedBy;
use crate::domain::schedule::Circuit;
use crate::domain::time::WallMs;
use serde::Serialize;
use std::collections::BTreeSet;

/// The agent that was named for a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pin {
    /// Nobody: whoever fits best.
    Nobody,
    /// A person named this agent now. Only whether it can be started counts.
    Override(String),
    /// The task asks for this agent.
    Task(String),
    /// The project's default is this agent.
    Default(String),
    /// The named agent had the task and its quota or login ended: only it and its fallbacks may
    /// have it.
    Interrupted(String),
}

/// What was said about who should run a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish<'a> {
    /// Nothing.
    Open,
    /// A person named this agent.
    Named(&'a str),
    /// The named agent had the task and was refused by its provider.
    After(&'a str),
}

impl Pin {
    /// Finds who is named for a task: by the wish, by the `task` itself, by a refusal of an agent
    /// that still stands, or by the project's `default`, the first of them that names somebody.
    pub fn of(
        wish: Wish<'_>,
        task: Option<&str>,
        refused: Option<&str>,
        default: Option<&str>,
    ) -> Pin {
        match (wish, task, refused, default) {
            (Wish::Named(name), ..) => Pin::Override(name.to_owned()),
            (Wish::After(name), ..) => Pin::Interrupted(name.to_owned()),
            (Wish::Open, Some(name), ..) => Pin::Task(name.to_owned()),
            (Wish::Open, None, Some(name), _) => Pin::Interrupted(name.to_owned()),
            (Wish::Open, None, None, Some(name)) => Pin::Default(name.to_owned()),
            (Wish::Open, None, None, None) => Pin::Nobody,
        }
    }

    /// The named agent.
    pub fn name(&self) -> Option<&str> {
        match self {
            Pin::Nobody => None,
            Pin::Override(name) | Pin::Task(name) | Pin::Default(name) | Pin::Interrupted(name) => {
                Some(name)
            }
        }
    }
}

/// The needs of a task.
#[derive(Debug, Clone)]
pub struct RouteRequest {
    /// The task's labels, for those that agents share with it.
    pub labels: BTreeSet<String>,
    /// Capabilities and labels that the agent must have; whom the task names is in the pin.
    pub demands: TaskDemands,
    /// The named agent.
    pub pin: Pin,
    /// Agents that the project prefers, most wanted first.
    pub prefer: Vec<String>,
    /// Weights of the parts of a score.
    pub weights: Weights,
    /// The time.
    pub now_ms: WallMs,
}

/// An agent among which the router chooses.
#[derive(Debug, Clone, Default)]
pub struct Candidate {
    /// The name.
    pub name: String,
    /// The model.
    pub model: Option<String>,
    /// The reason why it cannot be started at all: disabled, or without a connector.
    pub unusable: Option<String>,
    /// Labels.
    pub labels: BTreeSet<String>,
    /// Capabilities.
    pub capabilities: BTreeSet<String>,
    /// Agents that take over from it, in order.
    pub fallback: Vec<String>,
    /// The reason why policy refuses it.
    pub denied: Option<String>,
    /// Until when its provider has refused it for quota.
    pub quota_until_ms: Option<WallMs>,
    /// Until when it is left alone since its login was refused.
    pub login_until_ms: Option<WallMs>,
    /// The word on giving it work, by the failures of the machinery around it.
    pub circuit: Circuit,
    /// The budget of its own that is used up, in words, and when it is filled again.
    pub budget: Option<(String, WallMs)>,
    /// Counted attempts at this task that it has made, since the task was last given fresh ones.
    pub attempts: u32,
    /// The most that it may make.
    pub max_attempts: u32,
    /// Runs that it is at work on.
    pub load: u32,
    /// The most at once.
    pub parallel: u32,
    /// Failures in a row.
    pub streak: u32,
    /// The history of its runs of this type.
    pub history: History,
}

/// The questions that a candidate is asked, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Gate")]
pub enum RouteGate {
    /// Is it known, enabled, and is there a connector?
    Usable,
    /// Is it able to?
    Capability,
    /// Does it bear the label?
    Label,
    /// May it?
    Policy,
    /// Does its provider let it?
    Quota,
    /// Is it logged in?
    Login,
    /// Does the machinery around it work?
    Breaker,
    /// Has it a budget left?
    Budget,
    /// Has it attempts left?
    Attempts,
    /// Has it room for one more run?
    Room,
    /// Was it among those that come into question?
    Asked,
}

impl RouteGate {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            RouteGate::Usable => "usable",
            RouteGate::Capability => "capability",
            RouteGate::Label => "label",
            RouteGate::Policy => "policy",
            RouteGate::Quota => "quota",
            RouteGate::Login => "login",
            RouteGate::Breaker => "breaker",
            RouteGate::Budget => "budget",
            RouteGate::Attempts => "attempts",
            RouteGate::Room => "room",
            RouteGate::Asked => "asked",
        }
    }
}

/// The gate at which a candidate was turned away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Lost {
    /// At which question.
    pub gate: RouteGate,
    /// The reason in words.
    pub why: String,
    /// Time at which it may be different, where time alone helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<WallMs>,
}

/// The standing of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Standing")]
pub enum RouteStanding {
    /// The agent does the work.
    Chosen,
    /// The agent takes over should the chosen one's quota end.
    Fallback,
    /// The agent could have done it; another was better.
    Outscored,
    /// The agent could not have the task.
    Out,
}

impl RouteStanding {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            RouteStanding::Chosen => "chosen",
            RouteStanding::Fallback => "fallback",
            RouteStanding::Outscored => "outscored",
            RouteStanding::Out => "out",
        }
    }
}

/// One candidate in the trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Considered {
    /// The agent.
    pub agent: String,
    /// The model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The standing.
    pub standing: RouteStanding,
    /// The reason in words.
    pub why: String,
    /// The gate at which it was turned away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<Lost>,
    /// The score, where it came to that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<Score>,
}

/// A choice with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Trace {
    /// The agent that does the work; null where nobody can now.
    pub chosen: Option<String>,
    /// The ground of the choice.
    pub by: RoutedBy,
    /// One sentence on it.
    pub why: String,
    /// The agent in whose place the chosen one stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_of: Option<String>,
    /// Agents that take over from the chosen one, in order.
    pub fallbacks: Vec<String>,
    /// Warnings for a person who overrode the choice.
    pub warnings: Vec<String>,
    /// Everybody, the best first.
    pub considered: Vec<Considered>,
}

impl Trace {
    /// Returns who could go on without `refused`, which its provider has just refused.
    pub fn relief(&self, refused: &str) -> Relief {
        let asked = |c: &&Considered| {
            c.lost
                .as_ref()
                .is_none_or(|lost| lost.gate != RouteGate::Asked)
        };
        let others: Vec<&Considered> = self
            .considered
            .iter()
            .filter(asked)
            .filter(|c| c.agent != refused)
            .collect();
        let lost = |c: &Considered, gate| c.lost.as_ref().is_some_and(|lost| lost.gate == gate);
        if others.iter().any(|c| c.lost.is_none()) {
            return Relief::Now;
        }
        if others.iter().any(|c| lost(c, RouteGate::Room)) {
            return Relief::Room;
        }
        let times = others.iter().filter_map(|c| c.lost.as_ref()?.until_ms);
        times.min().map_or(Relief::Nobody, Relief::At)
    }

    /// True where nobody can have the task now, and somebody could as soon as one of its runs has
    /// ended.
    pub fn waits_for_room(&self) -> bool {
        self.chosen.is_none() && self.lost_at(RouteGate::Room).next().is_some()
    }

    /// The agent to start with where nobody was chosen: the one whose refusal says best what is
    /// missing. A login may have been renewed since, so it is tried where nobody else can.
    pub fn last_resort(&self) -> Option<&str> {
        [RouteGate::Room, RouteGate::Policy, RouteGate::Login]
            .into_iter()
            .find_map(|gate| self.lost_at(gate).next().map(|(name, _)| name))
    }

    /// The agents that were turned away at a gate.
    pub fn lost_at(&self, gate: RouteGate) -> impl Iterator<Item = (&str, &Lost)> {
        let lost = self
            .considered
            .iter()
            .filter_map(|c| c.lost.as_ref().map(|lost| (c.agent.as_str(), lost)));
        lost.filter(move |(_, lost)| lost.gate == gate)
    }
}

/// The ends of an agent's runs of one type of task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct History {
    /// Runs whose work went on to a person.
    pub good: u64,
    /// Runs that failed or were sent back.
    pub bad: u64,
    /// Runs with a known price.
    pub priced: u64,
    /// The price of all together, in millionths of a US dollar.
    pub cost: u64,
}

/// A score and its parts, each already weighed, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Score {
    /// The sum.
    pub total: i64,
    /// For its success with this type of task.
    pub success: i64,
    /// For labels that it shares with the task.
    pub labels: i64,
    /// For being preferred.
    pub prefer: i64,
    /// Against it, for failures in a row.
    pub health: i64,
    /// Against it, for what it is at work on.
    pub load: i64,
    /// Against it, for its price.
    pub cost: i64,
}
