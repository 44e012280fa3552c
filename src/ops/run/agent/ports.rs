//! Ports of a run: each slot has a range of its own, so that runs side by side never get the same;
//! what is taken on this machine by somebody else is passed over. The choice is written down, so
//! that setup and agent see the same ports.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};

use crate::base::fs;
use crate::config::Config;
use crate::ops::error::{Bug as _, Kept as _, OpError};
use crate::ops::refusal::Refusal;
use crate::ops::run::files::RunDir;

/// Slots that have a range of their own in each round.
const SLOTS: u32 = 128;
const HIGHEST: u32 = 65_535;

/// The ports of a run, by variable: those that were written down, else free ones, which are written
/// down.
pub(crate) fn of_run(
    config: &Config,
    files: &RunDir,
    slot: &str,
) -> Result<BTreeMap<String, u16>, OpError> {
    if config.runs.ports.is_empty() {
        return Ok(BTreeMap::new());
    }
    let file = files.ports();
    if let Some(text) = fs::read_text_if_there(&file, 64 << 10)? {
        return serde_json::from_str(&text).kept(file.display().to_string());
    }
    let ports = of_place(config, slot)?;
    let text = serde_json::to_string(&ports).bug("ports cannot be written as JSON")?;
    fs::write_private(&file, text.as_bytes())?;
    Ok(ports)
}

/// Free ports for what runs in a place: a slot, or a place for checks alone.
pub(crate) fn of_place(config: &Config, place: &str) -> Result<BTreeMap<String, u16>, OpError> {
    choose(config, number_of(place), |port| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
    })
}

/// As variables of a child.
pub(crate) fn variables(ports: &BTreeMap<String, u16>) -> Vec<(OsString, OsString)> {
    ports
        .iter()
        .map(|(name, port)| (name.into(), port.to_string().into()))
        .collect()
}

/// `w1` is the first; places that belong to no slot come last.
fn number_of(place: &str) -> u32 {
    let slot = place
        .strip_prefix('w')
        .and_then(|n| n.parse::<u32>().ok())
        .filter(|n| (1..SLOTS - 2).contains(n));
    match (slot, place) {
        (Some(n), _) => n - 1,
        (None, "accept") => SLOTS - 1,
        (None, _) => SLOTS - 2,
    }
}

/// The first range of this slot in which every port is free.
fn choose(
    config: &Config,
    slot: u32,
    is_free: impl Fn(u16) -> bool,
) -> Result<BTreeMap<String, u16>, OpError> {
    let runs = &config.runs;
    let size: u32 = runs.ports.values().sum();
    for round in 0.. {
        let start = runs.port_base + (round * SLOTS + slot) * size;
        let all: Vec<u16> = (start..start + size)
            .filter_map(|port| u16::try_from(port).ok())
            .collect();
        if start + size > HIGHEST {
            break;
        }
        if all.iter().all(|port| is_free(*port)) {
            let mut rest = all.as_slice();
            let mut ports = BTreeMap::new();
            for (name, count) in &runs.ports {
                let (own, others) = rest.split_at((*count as usize).min(rest.len()));
                ports.extend(own.first().map(|first| (name.clone(), *first)));
                rest = others;
            }
            return Ok(ports);
        }
    }
    let why = format!("no {size} free ports from {} on", runs.port_base);
    Err(Refusal::TryLater {
        why,
        hint: "set runs.port_base in .ai/config.yaml to another range".into(),
    }
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(ports: &[(&str, u32)]) -> Config {
        let mut config = Config::default();
        config.runs.ports = ports
            .iter()
            .map(|(name, n)| ((*name).to_owned(), *n))
            .collect();
        config
    }

    fn chosen(config: &Config, place: &str, taken: &[u16]) -> Vec<(String, u16)> {
        choose(config, number_of(place), |port| !taken.contains(&port))
            .unwrap()
            .into_iter()
            .collect()
    }

    #[test]
    fn slots_never_share_a_port() {
        let config = config(&[("A", 3), ("B", 1)]);
        assert_eq!(
            chosen(&config, "w1", &[]),
            [("A".into(), 20_000), ("B".into(), 20_003)]
        );
        assert_eq!(
            chosen(&config, "w2", &[]),
            [("A".into(), 20_004), ("B".into(), 20_007)]
        );
        // A port that is taken moves the whole range, past those of all other slots.
        assert_eq!(
            chosen(&config, "w1", &[20_002]),
            [("A".into(), 20_512), ("B".into(), 20_515)]
        );
        let mut seen = std::collections::BTreeSet::new();
        let places = (1..100)
            .map(|n| format!("w{n}"))
            .chain(["accept".into(), "done".into()]);
        for (_, port) in places.flat_map(|place| chosen(&config, &place, &[20_001, 20_005])) {
            assert!(seen.insert(port), "{port} twice");
        }
    }

    #[test]
    fn where_nothing_is_free_that_is_said() {
        let refused = choose(&config(&[("A", 1)]), 0, |_| false).unwrap_err();
        assert!(
            matches!(refused.refusal(), Some(Refusal::TryLater { .. })),
            "{refused}"
        );
    }
}
