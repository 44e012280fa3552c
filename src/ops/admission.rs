//! Admission of runs by the machine: what agents and checks have declared, what runs at work take, and what there is.
//!
//! Decided in `domain/schedule/admission.rs`. What a run takes stands with it in the store, so that whoever looks, from
//! whichever worktree, counts the same. The queue asks before each start, and a run asks again in the transaction in
//! which it is recorded.

use std::collections::BTreeMap;
use std::path::Path;

use crate::config::Config;
use crate::domain::agent::Agent;
use crate::domain::eligibility::TaskDemands;
use crate::domain::ids::TaskId;
use crate::domain::resources::{Hundredths, ResourceAmounts, ResourceKind, in_words};
use crate::domain::run::Run;
use crate::domain::schedule::{
    DiskRoom, LineCrossed, MachineSettings, MachineSight, MachineWait, PressureKind,
};
use crate::domain::task::Task;
use crate::domain::time::WallMs;
use crate::ops::error::{MAKE_ROOM, OpError};
use crate::ops::gates::{Gate, gate};
use crate::ops::refusal::Refusal;
use crate::ops::run::recovery::liveness::liveness;
use crate::process::identity::ProcessLiveness;
use crate::process::machine::MachineFiles;
use crate::store::Tx;

/// Resources that are enough for each check of a task, one after the other.
pub fn checks_need(config: &Config, task: &Task) -> ResourceAmounts {
    let checks = if task.checks.is_empty() {
        config.default_checks()
    } else {
        let named = task.checks.iter();
        named.filter_map(|name| config.check(name)).collect()
    };
    let needs = checks.iter().map(|check| check.resources);
    needs.fold(ResourceAmounts::default(), ResourceAmounts::enough_for)
}

/// Reads the machine for a queue of which some agents or checks declare something; what nobody asks for is not read.
pub fn sight(config: &Config, agents: &[Agent], pool: &Path) -> MachineSight {
    let files = MachineFiles::of_this_machine();
    let budget = if declares((config, agents)) {
        budget(&config.scheduler.machine, &files)
    } else {
        ResourceAmounts::default()
    };
    MachineSight {
        budget,
        used: ResourceAmounts::default(),
        disk: disk(config, &files, pool),
        crossed: crossed(&config.scheduler.machine, &files),
    }
}

/// True where some agent or check declares something.
pub fn declares((config, agents): (&Config, &[Agent])) -> bool {
    let by_agents = agents.iter().map(|agent| agent.resources);
    let by_checks = config.checks.iter().map(|check| check.resources);
    by_agents.chain(by_checks).any(|needs| !needs.is_nothing())
}

/// What keeps every start from the queue back at this moment, whatever is in it.
pub fn pause(config: &Config, pool: &Path, now: WallMs) -> Option<MachineWait> {
    let files = MachineFiles::of_this_machine();
    let sight = MachineSight {
        disk: disk(config, &files, pool),
        crossed: crossed(&config.scheduler.machine, &files),
        ..MachineSight::default()
    };
    sight.pause(now)
}

/// Everything that runs may have together: what is set, else what the machine has. Of the disk only what is set: what
/// else is on it is not theirs, so that there counts what is free.
fn budget(settings: &MachineSettings, files: &MachineFiles) -> ResourceAmounts {
    ResourceAmounts {
        cpu: settings.cpu.or_else(|| files.cores()),
        memory: settings.memory.or_else(|| files.memory()),
        scratch: settings.scratch,
    }
}

/// The machine as far as it may have for a run that is alone on it, with what is free on its disk.
pub fn whole(config: &Config, files: &MachineFiles, pool: &Path) -> MachineSight {
    MachineSight {
        budget: budget(&config.scheduler.machine, files),
        disk: disk(config, files, pool),
        ..MachineSight::default()
    }
}

fn disk(config: &Config, files: &MachineFiles, pool: &Path) -> Option<DiskRoom> {
    let (free, whole) = files.disk(pool)?;
    Some(DiskRoom {
        free,
        whole,
        floor: u64::from(config.runs.disk_floor_mb) << 20,
    })
}

/// The first measure that is over its line. One that the kernel does not tell is over none.
fn crossed(settings: &MachineSettings, files: &MachineFiles) -> Option<LineCrossed> {
    let per_core = || {
        // The load is the whole machine's, however few of its cores this process may have.
        let (load, cores) = (files.load()?.0, files.all_cores()?.0.max(1));
        Some(Hundredths::of(u64::from(load) * 100 / u64::from(cores)))
    };
    let lines = [
        (PressureKind::Load, settings.load),
        (PressureKind::Memory, settings.pressure.memory),
        (PressureKind::Cpu, settings.pressure.cpu),
        (PressureKind::Io, settings.pressure.io),
    ];
    lines.into_iter().find_map(|(kind, line)| {
        let line = line?;
        let is = match kind {
            PressureKind::Load => per_core()?,
            PressureKind::Memory | PressureKind::Cpu | PressureKind::Io => files.pressure(kind)?,
        };
        (is > line).then_some(LineCrossed { kind, is, line })
    })
}

/// The sum of what these runs have declared. One whose supervisor has died takes nothing any more.
pub fn used_by<'a>(runs: impl IntoIterator<Item = &'a Run>) -> ResourceAmounts {
    let declared = runs.into_iter().filter(|run| !run.resources.is_nothing());
    let at_work = declared.filter(|run| liveness(&run.supervisor) != ProcessLiveness::Dead);
    at_work.fold(ResourceAmounts::default(), |sum, run| {
        sum.and(run.resources)
    })
}

/// Refuses a run of a task on an agent for which the machine has no room beside what is at work.
pub fn refuse_no_room(
    tx: &mut dyn Tx,
    (machine, need): (&MachineSight, &ResourceAmounts),
    (task, agent): (&TaskId, &str),
    now: WallMs,
) -> Result<(), OpError> {
    if need.is_nothing() {
        return Ok(());
    }
    let used = used_by(&tx.active_runs()?);
    let found = machine.using(used).admit(need, now);
    found.map_err(|wait| refusal(&wait, (task, agent)).into())
}

/// The gate of a task that an agent could have, where the machine holds it back; `needs` has the agents, the best
/// first, with what a run takes with each. The first that could ever start is the one that counts.
pub fn gate_for(
    id: &TaskId,
    (machine, needs): (&MachineSight, &[(&str, ResourceAmounts)]),
    now: WallMs,
) -> Option<Gate> {
    let mut never = None;
    for (agent, need) in needs {
        let gate = |wait| machine_gate(id, Some(agent), &wait);
        match machine.admit(need, now) {
            Ok(()) => return machine.pause(now).map(|wait| machine_gate(id, None, &wait)),
            Err(wait @ MachineWait::Never { .. }) => never = never.or_else(|| Some(gate(wait))),
            Err(wait) => return Some(gate(wait)),
        }
    }
    never
}

/// Agents that ask for more than all runs together have here, with a sentence each: another one that could do their
/// tasks gets them.
pub fn never_here(config: &Config, agents: &[Agent], pool: &Path) -> BTreeMap<String, String> {
    if agents.iter().all(|agent| agent.resources.is_nothing()) {
        return BTreeMap::new();
    }
    let machine = whole(config, &MachineFiles::of_this_machine(), pool);
    let over = agents
        .iter()
        .filter_map(|agent| match machine.admit(&agent.resources, 0) {
            Err(wait @ MachineWait::Never { .. }) => {
                Some((agent.name.to_string(), text(&wait, Some("it"))))
            }
            _ => None,
        });
    over.collect()
}

/// Checks, and agents that may work, that ask for more than this machine has with nothing at work, each with a sentence.
pub fn never_met((config, agents): (&Config, &[Agent]), machine: &MachineSight) -> Vec<String> {
    let checks = config.checks.iter();
    let checks = checks.map(|check| (format!("check {}", check.name), check.resources));
    let agents = agents.iter().filter(|agent| agent.enabled);
    let agents = agents.map(|agent| (format!("agent {}", agent.name), agent.resources));
    let all = checks.chain(agents).filter(|(_, need)| !need.is_nothing());
    all.filter_map(|(who, need)| {
        let wait = machine.admit(&need, 0).err()?;
        Some(text(&wait, Some(&who)))
    })
    .collect()
}

/// The sentence about a new task, of several alike, that this machine has no room for even with nothing at work, whichever
/// of the agents has it that could; with the next command. What the machine has is read only where something is declared.
pub fn warning_of(
    (task, alike): (&Task, usize),
    (config, agents): (&Config, &[Agent]),
    pool: &Path,
) -> Option<String> {
    if !declares((config, agents)) {
        return None;
    }
    let machine = whole(config, &MachineFiles::of_this_machine(), pool);
    let checks = checks_need(config, task);
    let tasks = match alike {
        0 | 1 => task.id.to_string(),
        all => format!("{} and {} more like it", task.id, all - 1),
    };
    let said = |agent: Option<&str>, wait: &MachineWait| {
        let on = agent.map_or(String::new(), |agent| format!(" on {agent}"));
        let who = format!("a run of {tasks}{on}");
        format!("{}; {}", text(wait, Some(&who)), next(wait, agent))
    };
    let able = able(task, config, agents);
    if able.is_empty() {
        return Some(said(None, &machine.admit(&checks, 0).err()?));
    }
    let mut first = None;
    for agent in able {
        let wait = machine
            .admit(&checks.enough_for(agent.resources), 0)
            .err()?;
        first = first.or_else(|| Some(said(Some(agent.name.as_str()), &wait)));
    }
    first
}

/// The agents to which a task could go by what it names and asks for; of more is not asked here.
fn able<'a>(task: &Task, config: &Config, agents: &'a [Agent]) -> Vec<&'a Agent> {
    let demands = TaskDemands::of(task, &config.router.capabilities);
    let named = task.agent.as_ref().or(config.defaults.agent.as_ref());
    let all = agents.iter().filter(|agent| match named {
        Some(named) => agent.name.as_str() == named,
        None => agent.enabled,
    });
    all.filter(|agent| {
        let unmet = demands.unmet_by_words(&agent.capabilities, &agent.labels);
        unmet.is_none()
    })
    .collect()
}

/// Refuses a run for this wait: what can never be met is no matter of time.
fn refusal(wait: &MachineWait, (task, agent): (&TaskId, &str)) -> Refusal {
    let why = text(wait, Some(&format!("a run of {task} on {agent}")));
    let hint = next(wait, Some(agent));
    match wait {
        MachineWait::Never { .. } => Refusal::Conflict { why, hint },
        MachineWait::Taken { .. }
        | MachineWait::Kept { .. }
        | MachineWait::Disk { .. }
        | MachineWait::Pressure { .. } => Refusal::TryLater { why, hint },
    }
}

/// The gate of a task that waits for the machine, in the words of `ai why`; `agent` is the one with which it asks for
/// so much.
pub fn machine_gate(id: &TaskId, agent: Option<&str>, wait: &MachineWait) -> Gate {
    let (name, by, next) = match wait {
        MachineWait::Never { .. } => ("impossible", None, next(wait, agent)),
        MachineWait::Taken { .. } => ("resources", None, "ai status".to_owned()),
        MachineWait::Kept { by, .. } => ("resources", Some(by.to_string()), format!("ai why {by}")),
        MachineWait::Disk { .. } => ("disk", None, next(wait, agent)),
        MachineWait::Pressure { .. } => ("pressure", None, format!("ai run {id}")),
    };
    let who = agent.map_or("it".to_owned(), |agent| format!("its run on {agent}"));
    gate(name, text(wait, Some(&who)), by, Some(next))
}

/// The sentence about a wait of `who`; absent where it is every start that waits.
pub fn text(wait: &MachineWait, who: Option<&str>) -> String {
    let asker = who.unwrap_or("it");
    match wait {
        MachineWait::Never { kind, need, budget } => format!(
            "{asker} can never start: it asks for {}, and all runs together have {}",
            kind.in_words(*need),
            amount(*kind, *budget)
        ),
        MachineWait::Taken {
            kind,
            need,
            used,
            budget,
        } => format!(
            "{asker} asks for {}, and runs at work have declared {} of {}",
            kind.in_words(*need),
            amount(*kind, *used),
            amount(*kind, *budget)
        ),
        MachineWait::Kept { by, kind } => format!(
            "what comes free of `{}` is kept for {by}, which has waited for it longer than `scheduler.keep_paths`",
            kind.as_str()
        ),
        MachineWait::Disk {
            free,
            promised,
            needed,
            ..
        } => {
            let promised = match promised {
                0 => String::new(),
                some => format!(", {} of them declared by runs at work", in_words(*some)),
            };
            let needed = in_words(*needed);
            let needed = match who {
                Some(who) => format!("{who} needs {needed}"),
                None => format!("{needed} are needed"),
            };
            let free = in_words(*free);
            format!("only {free} are free on the disk of the worktrees{promised}, and {needed}")
        }
        MachineWait::Pressure { crossed, .. } => {
            let (is, line) = (crossed.is, crossed.line);
            match crossed.kind {
                PressureKind::Load => format!(
                    "starts pause: the load of each core is {is}, and `scheduler.machine.load` is {line}"
                ),
                kind => {
                    let word = pressure_word(kind);
                    format!(
                        "starts pause: some process waited for {} in {is}% of the last ten seconds, and `scheduler.machine.pressure.{word}` is {line}",
                        match kind {
                            PressureKind::Memory => "memory",
                            PressureKind::Io => "a disk",
                            PressureKind::Cpu | PressureKind::Load => "a core",
                        }
                    )
                }
            }
        }
    }
}

/// The word of a measure in files.
pub fn pressure_word(kind: PressureKind) -> &'static str {
    match kind {
        PressureKind::Load => "load",
        PressureKind::Memory => "memory",
        PressureKind::Cpu => "cpu",
        PressureKind::Io => "io",
    }
}

fn amount(kind: ResourceKind, amount: u64) -> String {
    match kind {
        ResourceKind::Cpu => Hundredths::of(amount).to_string(),
        ResourceKind::Memory | ResourceKind::Scratch => in_words(amount),
    }
}

fn next(wait: &MachineWait, agent: Option<&str>) -> String {
    match wait {
        MachineWait::Never { kind, .. } => {
            let shows = agent.map_or(String::new(), |agent| format!(" (`ai agent show {agent}`)"));
            let raise = match kind {
                ResourceKind::Cpu | ResourceKind::Memory => "or raise",
                ResourceKind::Scratch => "the disk has no more, or less is set by",
            };
            format!(
                "lower `resources` of the agent{shows} or the check, {raise} `scheduler.machine.{}` in .ai/config.yaml",
                kind.as_str()
            )
        }
        MachineWait::Taken { kind, .. } | MachineWait::Kept { kind, .. } => format!(
            "wait, or raise `scheduler.machine.{}` in .ai/config.yaml; `ai status` shows what is at work",
            kind.as_str()
        ),
        MachineWait::Disk { .. } => MAKE_ROOM.to_owned(),
        MachineWait::Pressure { .. } => "wait".to_owned(),
    }
}
