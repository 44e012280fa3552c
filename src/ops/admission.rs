//! Admission of runs by the machine: what agents and checks have declared, what runs at work take, and what there is.
//!
//! Decided in `domain/schedule/admission.rs`. What a run takes stands with it in the store, so that whoever looks, from
//! whichever worktree, counts the same. The queue asks before each start, and a run asks again in the transaction in
//! which it is recorded.

use std::collections::BTreeMap;
use std::path::Path;

use crate::config::Config;
use crate::domain::agent::Agent;
use crate::domain::ids::TaskId;
use crate::domain::resources::{ByteSize, Hundredths, ResourceAmounts, ResourceKind, in_words};
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
        budget(&config.scheduler.machine, &files, pool)
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
fn declares((config, agents): (&Config, &[Agent])) -> bool {
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

/// Everything that runs may have together: what is set, else what the machine has.
pub fn budget(settings: &MachineSettings, files: &MachineFiles, pool: &Path) -> ResourceAmounts {
    ResourceAmounts {
        cpu: settings.cpu.or_else(|| files.cores()),
        memory: settings.memory.or_else(|| files.memory()),
        scratch: settings
            .scratch
            .or_else(|| Some(ByteSize(files.disk(pool)?.1))),
    }
}

fn disk(config: &Config, files: &MachineFiles, pool: &Path) -> Option<DiskRoom> {
    let (free, _) = files.disk(pool)?;
    Some(DiskRoom {
        free,
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

/// Refuses a run for which the machine has no room beside what is at work.
pub fn refuse_no_room(
    tx: &mut dyn Tx,
    (machine, need): (&MachineSight, &ResourceAmounts),
    now: WallMs,
) -> Result<(), OpError> {
    if need.is_nothing() {
        return Ok(());
    }
    let used = used_by(&tx.active_runs()?);
    let found = machine.using(used).admit(need, now);
    found.map_err(|wait| refusal(&wait).into())
}

/// The gate of a task that an agent could have, where the machine holds it back; `needs` has what a run takes with each
/// of the agents, the best first. The first that could ever start is the one that counts.
pub fn gate_for(
    id: &TaskId,
    (machine, needs): (&MachineSight, &[ResourceAmounts]),
    now: WallMs,
) -> Option<Gate> {
    let mut never = None;
    for need in needs {
        match machine.admit(need, now) {
            Ok(()) => return machine.pause(now).map(|wait| machine_gate(id, &wait)),
            Err(wait @ MachineWait::Never { .. }) => never = never.or(Some(wait)),
            Err(wait) => return Some(machine_gate(id, &wait)),
        }
    }
    never.map(|wait| machine_gate(id, &wait))
}

/// Agents that ask for more than all runs together have here, with a sentence each: another one that could do their
/// tasks gets them.
pub fn never_here(config: &Config, agents: &[Agent], pool: &Path) -> BTreeMap<String, String> {
    if agents.iter().all(|agent| agent.resources.is_nothing()) {
        return BTreeMap::new();
    }
    let files = MachineFiles::of_this_machine();
    let machine = MachineSight {
        budget: budget(&config.scheduler.machine, &files, pool),
        ..MachineSight::default()
    };
    let over = agents.iter().filter_map(|agent| {
        let wait = machine.admit(&agent.resources, 0).err()?;
        Some((agent.name.to_string(), text(&wait)))
    });
    over.collect()
}

/// Checks and agents that ask for more than all runs together have, each with a sentence.
pub fn never_met((config, agents): (&Config, &[Agent]), budget: &ResourceAmounts) -> Vec<String> {
    let machine = MachineSight {
        budget: *budget,
        ..MachineSight::default()
    };
    let checks = config.checks.iter();
    let checks = checks.map(|check| (format!("check {}", check.name), check.resources));
    let agents = agents.iter();
    let agents = agents.map(|agent| (format!("agent {}", agent.name), agent.resources));
    let all = checks.chain(agents);
    all.filter_map(|(who, need)| match machine.admit(&need, 0) {
        Err(wait @ MachineWait::Never { .. }) => Some(format!("{who}: {}", text(&wait))),
        _ => None,
    })
    .collect()
}

/// The same by what this machine has, which is read only where something is declared.
pub fn too_large(declaring: (&Config, &[Agent]), pool: &Path) -> Vec<String> {
    if !declares(declaring) {
        return Vec::new();
    }
    let machine = sight(declaring.0, declaring.1, pool);
    never_met(declaring, &machine.budget)
}

/// Refuses for this wait: what can never be met is no matter of time.
fn refusal(wait: &MachineWait) -> Refusal {
    let (why, hint) = (text(wait), next(wait));
    match wait {
        MachineWait::Never { .. } => Refusal::Conflict { why, hint },
        MachineWait::Taken { .. }
        | MachineWait::Kept { .. }
        | MachineWait::Disk { .. }
        | MachineWait::Pressure { .. } => Refusal::TryLater { why, hint },
    }
}

/// The gate of a task that waits for the machine, in the words of `ai why`.
pub fn machine_gate(id: &TaskId, wait: &MachineWait) -> Gate {
    let (name, by, next) = match wait {
        MachineWait::Never { .. } => ("impossible", None, next(wait)),
        MachineWait::Taken { .. } => ("resources", None, "ai status".to_owned()),
        MachineWait::Kept { by, .. } => ("resources", Some(by.to_string()), format!("ai why {by}")),
        MachineWait::Disk { .. } => ("disk", None, next(wait)),
        MachineWait::Pressure { .. } => ("pressure", None, format!("ai run {id}")),
    };
    gate(name, text(wait), by, Some(next))
}

/// The sentence about a wait.
pub fn text(wait: &MachineWait) -> String {
    match wait {
        MachineWait::Never { kind, need, budget } => format!(
            "can never start: it asks for {}, and all runs together have {}",
            kind.in_words(*need),
            amount(*kind, *budget)
        ),
        MachineWait::Taken {
            kind,
            need,
            used,
            budget,
        } => format!(
            "it asks for {}, and runs at work have declared {} of {}",
            kind.in_words(*need),
            amount(*kind, *used),
            amount(*kind, *budget)
        ),
        MachineWait::Kept { by, kind } => format!(
            "what comes free of `{}` is kept for {by}, which has waited for it longer than `scheduler.keep_paths`",
            kind.as_str()
        ),
        MachineWait::Disk { free, needed, .. } => format!(
            "only {} are free on the disk of the worktrees, {} are needed",
            in_words(*free),
            in_words(*needed)
        ),
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

fn next(wait: &MachineWait) -> String {
    match wait {
        MachineWait::Never { kind, .. } => format!(
            "lower `resources` of the agent or the check, or raise `scheduler.machine.{}` in .ai/config.yaml",
            kind.as_str()
        ),
        MachineWait::Taken { kind, .. } | MachineWait::Kept { kind, .. } => format!(
            "wait, or raise `scheduler.machine.{}` in .ai/config.yaml; `ai status` shows what is at work",
            kind.as_str()
        ),
        MachineWait::Disk { .. } => MAKE_ROOM.to_owned(),
        MachineWait::Pressure { .. } => "wait".to_owned(),
    }
}
