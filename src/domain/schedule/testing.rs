//! Queues for tests.

use std::collections::BTreeMap;

use crate::domain::ids::TaskId;
use crate::domain::path_lock::{HarmlessSet, LockMode};
use crate::domain::path_pattern::{CaseMode, PathPattern};
use crate::domain::resources::ResourceAmounts;
use crate::domain::schedule::{
    AgentHealth, AgentStanding, MachineSight, MachineWait, Outlook, QueueAction, QueueLimits,
    QueueState, QueueWait, QueuedTask, SchedulerSettings, WantedPath,
};

pub(super) const HOUR: i64 = 3_600_000;
pub(super) const DAY: i64 = 24 * HOUR;
/// A Monday, 00:00 UTC.
pub(super) const MONDAY: i64 = 19_723 * DAY;

pub(super) fn queued(id: &str) -> QueuedTask {
    QueuedTask {
        id: TaskId(id.to_owned()),
        number: 0,
        kind: "task".to_owned(),
        priority: 2,
        labels: [].into(),
        created_ms: MONDAY,
        not_before_ms: None,
        paths: Vec::new(),
        needs: ResourceAmounts::default(),
    }
}

pub(super) fn exclusive(glob: &str) -> WantedPath {
    WantedPath {
        pattern: PathPattern::parse(glob, CaseMode::Sensitive).unwrap(),
        mode: LockMode::Exclusive,
    }
}

pub(super) fn standing(parallel: u32) -> AgentStanding {
    AgentStanding {
        load: 0,
        parallel,
        health: AgentHealth::default(),
        needs: ResourceAmounts::default(),
    }
}

/// A queue whose tasks may all go to `a`, which has room for nine.
pub(super) fn queue(tasks: Vec<QueuedTask>) -> QueueState {
    let open = Outlook::Open {
        agents: vec!["a".to_owned()],
    };
    QueueState {
        outlooks: tasks.iter().map(|t| (t.id.clone(), open.clone())).collect(),
        tasks,
        in_use: Vec::new(),
        landing: Vec::new(),
        running: 0,
        agents: BTreeMap::from([("a".to_owned(), standing(9))]),
        starts_ms: Vec::new(),
        served_ms: BTreeMap::new(),
        harmless: HarmlessSet::new([], CaseMode::Sensitive),
        machine: MachineSight::default(),
    }
}

pub(super) fn limits(settings: SchedulerSettings) -> QueueLimits {
    QueueLimits {
        settings,
        parallel: 9,
        own: 0,
    }
}

/// The actions, a word each.
pub(super) fn words(actions: &[QueueAction]) -> Vec<String> {
    actions.iter().map(word).collect()
}

fn word(action: &QueueAction) -> String {
    match action {
        QueueAction::Start(start) => {
            let agent = start.agent.as_deref().unwrap_or("-");
            format!("{} on {agent}", start.task)
        }
        QueueAction::Wait { task, wait } => {
            let wait = match wait {
                QueueWait::Held => "held".to_owned(),
                QueueWait::NotBefore { at_ms } => format!("not before {}", at_ms - MONDAY),
                QueueWait::Disabled => "disabled".to_owned(),
                QueueWait::Maintenance { until_ms } => {
                    format!("maintenance until {}", until_ms - MONDAY)
                }
                QueueWait::Concurrency { limit } => format!("{limit} in all"),
                QueueWait::Parallel { limit } => format!("{limit} of ours"),
                QueueWait::Rate { at_ms } => format!("rate until {}", at_ms - MONDAY),
                QueueWait::Paths { by, example } => format!("{example} of {by}"),
                QueueWait::Landing { by, example } => format!("{example} of {by}, which lands"),
                QueueWait::PathsKept { by, example } => format!("{example} kept for {by}"),
                QueueWait::Room {
                    agent,
                    load,
                    parallel,
                } => format!("{agent} has {load} of {parallel}"),
                QueueWait::Breaker { agent, until_ms } => match until_ms {
                    Some(until) => format!("{agent} rests until {}", until - MONDAY),
                    None => format!("{agent} is tried"),
                },
                QueueWait::HandsFull { limit } => format!("all {limit} of ours at work"),
                QueueWait::Machine { wait, .. } => machine_word(wait),
            };
            format!("{task} waits: {wait}")
        }
    }
}

fn machine_word(wait: &MachineWait) -> String {
    match wait {
        MachineWait::Never { kind, need, budget } => {
            format!("{} {need} is more than {budget}", kind.as_str())
        }
        MachineWait::Taken {
            kind,
            need,
            used,
            budget,
        } => format!("{} {need} beside {used} of {budget}", kind.as_str()),
        MachineWait::Kept { by, kind } => format!("{} kept for {by}", kind.as_str()),
        MachineWait::Disk {
            free,
            promised,
            needed,
            again_ms,
        } => {
            let beside = match promised {
                0 => String::new(),
                promised => format!(", {promised} of it promised"),
            };
            let at = again_ms - MONDAY;
            format!("{free} of {needed} free{beside}, again at {at}")
        }
        MachineWait::Pressure { crossed, again_ms } => format!(
            "{:?} {} over {}, again at {}",
            crossed.kind,
            crossed.is,
            crossed.line,
            again_ms - MONDAY
        ),
    }
}
