//! The machine as it lets runs in: what all of them have together, what the kernel tells of pressure, and who asks for
//! more than there is.

use std::path::Path;

use crate::config::{Config, Trees};
use crate::domain::agent::Agent;
use crate::domain::resources::ResourceAmounts;
use crate::domain::schedule::PressureKind;
use crate::ops::doctor::{Finding, Patient};
use crate::ops::places::Places;
use crate::ops::{admission, agents, project};
use crate::process::cgroup_limits::probe_limits;
use crate::process::machine::MachineFiles;

const PRESSURES: [PressureKind; 3] = [PressureKind::Memory, PressureKind::Cpu, PressureKind::Io];

pub(super) fn look(patient: &Patient<'_>, findings: &mut Vec<Finding>) {
    let Some(root) = patient.root else { return };
    // A configuration that cannot be read has been told of.
    let Ok(config) = project::config(root, &Trees::none()) else {
        return;
    };
    let agents = agents::list(root).map(|files| files.agents);
    let pool = Places::of(&patient.place.common_dir, root).pool();
    let seen = (&config, &*agents.unwrap_or_default());
    look_at(seen, &MachineFiles::of_this_machine(), &pool, findings);
    findings.extend(held(&config, seen.1));
}

/// Tells whether a cgroup holds a run to what it declares, where anything is declared. Makes one, and removes it.
fn held(config: &Config, agents: &[Agent]) -> Option<Finding> {
    let by_checks = config.checks.iter().map(|check| check.resources);
    let agents = agents.iter().filter(|agent| agent.enabled);
    let by_agents = agents.map(|agent| agent.resources);
    let all = by_checks
        .chain(by_agents)
        .fold(ResourceAmounts::default(), ResourceAmounts::enough_for);
    if all.memory.is_none() && all.cpu.is_none() {
        return None;
    }
    let text = match probe_limits(&all) {
        Ok(()) => "a cgroup holds each run to what it declares".to_owned(),
        Err(why) => format!("what is declared is counted, and nothing holds a run to it: {why}"),
    };
    Some(Finding::ok("resources", text))
}

fn look_at(
    (config, agents): (&Config, &[Agent]),
    files: &MachineFiles,
    pool: &Path,
    findings: &mut Vec<Finding>,
) {
    let settings = &config.scheduler.machine;
    let machine = admission::whole(config, files, pool);
    let told = PRESSURES
        .iter()
        .filter(|kind| files.pressure(**kind).is_some());
    let pressure = match told.count() {
        0 => "this kernel tells of no pressure",
        _ => "the kernel tells of pressure",
    };
    let amounts = machine.amounts();
    let free = match settings.scratch {
        None if amounts.scratch.is_some() => " (free now)",
        _ => "",
    };
    let text = format!(
        "all runs together have {}{free}; {pressure}",
        amounts.in_words()
    );
    findings.push(Finding::ok("resources", text));
    let lines = [
        (PressureKind::Memory, settings.pressure.memory),
        (PressureKind::Cpu, settings.pressure.cpu),
        (PressureKind::Io, settings.pressure.io),
    ];
    for (kind, _) in lines
        .into_iter()
        .filter(|(kind, line)| line.is_some() && files.pressure(*kind).is_none())
    {
        let word = admission::pressure_word(kind);
        let text = format!(
            "`scheduler.machine.pressure.{word}` counts for nothing: this kernel does not tell it in /proc/pressure/{word}"
        );
        findings.push(Finding::warn("resources", text).next("take it out of .ai/config.yaml"));
    }
    for text in admission::never_met((config, agents), &machine) {
        let next = "lower its `resources`, raise `scheduler.machine` in .ai/config.yaml, or make room on the disk";
        findings.push(Finding::warn("resources", text).next(next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_for_nothing_and_what_can_never_start_is_told() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("cpus"), "4").unwrap();
        std::fs::write(dir.path().join("meminfo"), "MemTotal: 8388608 kB\n").unwrap();
        std::fs::write(dir.path().join("disk"), "4294967296 107374182400").unwrap();
        let mut config = Config::default();
        config.runs.disk_floor_mb = 1024;
        config.scheduler.machine.pressure.memory = "20".parse().ok();
        let mut agent = Agent::new(
            "big".to_owned().try_into().unwrap(),
            "command".to_owned().try_into().unwrap(),
        );
        agent.resources.cpu = "5".parse().ok();
        agent.resources.memory = "64GiB".parse().ok();
        let mut wide = agent.clone();
        wide.name = "wide".to_owned().try_into().unwrap();
        wide.resources = ResourceAmounts {
            scratch: "10GiB".parse().ok(),
            ..ResourceAmounts::default()
        };
        let mut off = agent.clone();
        off.name = "off".to_owned().try_into().unwrap();
        off.enabled = false;
        let mut findings = Vec::new();
        let files = MachineFiles::below(dir.path());
        let agents = [agent, wide, off];
        look_at((&config, &agents), &files, dir.path(), &mut findings);
        let told: Vec<String> = findings
            .iter()
            .map(|one| format!("{} {}", one.level.as_str(), one.text))
            .collect();
        assert_eq!(
            told,
            [
                "ok all runs together have 4 cores, 8 GiB of memory, 3 GiB of scratch (free now); this kernel tells of no pressure",
                "warn `scheduler.machine.pressure.memory` counts for nothing: this kernel does not tell it in /proc/pressure/memory",
                "warn agent big can never start: it asks for 5 cores, and all runs together have 4",
                "warn only 4 GiB are free on the disk of the worktrees, and agent wide needs 11 GiB",
            ]
        );
    }
}
