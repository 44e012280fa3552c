//! Fields about the machine: the resources of a check, and what all runs may have together.

use crate::base::yaml::{self, MappingFields, YamlNode, YamlProblem};
use crate::domain::resources::{ByteSize, Hundredths, ResourceAmounts};
use crate::domain::schedule::{MachineSettings, PressureLimits};

/// The whole of a time, in hundredths of a percent.
const WHOLE: Hundredths = Hundredths(100 * 100);

/// Reads `{cpu, memory, scratch}`, here and in the file of an agent.
pub fn amounts(node: &YamlNode, problems: &mut Vec<YamlProblem>) -> Option<ResourceAmounts> {
    let mut fields = MappingFields::of(node, "resources", problems)?;
    let amounts = amounts_in(&mut fields, problems);
    fields.finish(problems);
    Some(amounts)
}

/// Reads the part `machine` of the section `scheduler`.
pub(super) fn machine(node: &YamlNode, problems: &mut Vec<YamlProblem>) -> Option<MachineSettings> {
    let mut fields = MappingFields::of(node, "machine", problems)?;
    let budget = amounts_in(&mut fields, problems);
    let load = number(&mut fields, "load", problems);
    let pressure = fields
        .take("pressure")
        .and_then(|node| pressure(node, problems));
    fields.finish(problems);
    Some(MachineSettings {
        cpu: budget.cpu,
        memory: budget.memory,
        scratch: budget.scratch,
        load,
        pressure: pressure.unwrap_or_default(),
    })
}

fn pressure(node: &YamlNode, problems: &mut Vec<YamlProblem>) -> Option<PressureLimits> {
    let mut fields = MappingFields::of(node, "pressure", problems)?;
    let mut percent = |key: &'static str| {
        let place = fields.take(key)?;
        let read = number_of(place, key, problems)?;
        if read > WHOLE {
            let why = format!("`{key}` must be at most 100: it is a share of time, in percent");
            problems.push(YamlProblem::new(place.place, why));
        }
        Some(read)
    };
    let limits = PressureLimits {
        memory: percent("memory"),
        cpu: percent("cpu"),
        io: percent("io"),
    };
    fields.finish(problems);
    Some(limits)
}

fn amounts_in(fields: &mut MappingFields<'_>, problems: &mut Vec<YamlProblem>) -> ResourceAmounts {
    let cpu = number(fields, "cpu", problems);
    let mut size = |key: &'static str| {
        let node = fields.take(key)?;
        let text = yaml::text_of(node, &format!("`{key}`"), problems)?;
        let read = text.parse::<ByteSize>().and_then(|size| match size {
            ByteSize(0) => Err("must be more than nothing".to_owned()),
            some => Ok(some),
        });
        read.map_err(|why| problems.push(YamlProblem::new(node.place, format!("`{key}`: {why}"))))
            .ok()
    };
    ResourceAmounts {
        cpu,
        memory: size("memory"),
        scratch: size("scratch"),
    }
}

fn number(
    fields: &mut MappingFields<'_>,
    key: &'static str,
    problems: &mut Vec<YamlProblem>,
) -> Option<Hundredths> {
    let node = fields.take(key)?;
    number_of(node, key, problems)
}

fn number_of(node: &YamlNode, key: &str, problems: &mut Vec<YamlProblem>) -> Option<Hundredths> {
    let text = yaml::text_of(node, &format!("`{key}`"), problems)?;
    let told = match text.parse::<Hundredths>() {
        Ok(Hundredths(0)) => format!("`{key}` must be more than nothing"),
        Ok(some) => return Some(some),
        Err(why) => format!("`{key}`: {why}"),
    };
    problems.push(YamlProblem::new(node.place, told));
    None
}
