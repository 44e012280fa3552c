//! The sections `defaults`, `locks`, `runs` and `accept`.

use crate::base::yaml::{self, MappingFields, YamlNode, YamlProblem, YamlValue};
use crate::config::checked_text::{
    check_branch, check_cache, check_place, check_variable, known_check,
};
use crate::config::model::{AcceptMode, CacheMode, Config, LockCase};
use crate::config::reader::{ConfigReader, ConfigSection};
use crate::domain::actor::ActorName;
use crate::domain::egress::{HostPattern, HostRules, NetworkSetting, NetworkWord};
use crate::domain::sandbox::{Isolation, SandboxWish};
use crate::policy::check_path_pattern;
use std::collections::BTreeMap;

/// The lowest base of ports: below stand the ports that ordinary programs may not take.
const LOWEST_PORT: u32 = 1_024;
/// Above, there would be no room for the ports of several runs.
const HIGHEST_BASE: u32 = 60_000;
/// Most ports of one run.
const MOST_PORTS: u64 = 64;

/// Reads the section `defaults`.
pub(super) fn defaults(section: &mut ConfigSection<'_, '_>, config: &mut Config) {
    let known: Vec<&str> = config
        .checks
        .iter()
        .map(|check| check.name.as_str())
        .collect();
    let slot = &mut config.defaults;
    let mut checks = Vec::new();
    section.texts("checks", &mut checks, |name| known_check(name, &known));
    if section.reader.origins.contains_key("defaults.checks") {
        slot.checks = Some(checks);
    }
    section.set("ttl", &mut slot.ttl, yaml::duration_of);
    section.set("run_ttl", &mut slot.run_ttl, yaml::duration_of);
    section.set("heartbeat", &mut slot.heartbeat, yaml::duration_of);
    section.count("max_attempts", &mut slot.max_attempts);
    section.count("max_lapses", &mut slot.max_lapses);
    section.text("agent", &mut slot.agent, |name| {
        ActorName::new(name).map(drop).map_err(|e| e.to_string())
    });
    section.text("base", &mut slot.base, check_branch);
    if slot.heartbeat * 3 > slot.run_ttl {
        let place = section.fields.place;
        let message = "`heartbeat` must be at most a third of `run_ttl`, or one missed renewal loses the lease";
        section.reader.problem(place, message);
    }
}

/// Reads the section `locks`.
pub(super) fn locks(section: &mut ConfigSection<'_, '_>, config: &mut Config) {
    let cases = [
        ("auto", LockCase::Auto),
        ("sensitive", LockCase::Sensitive),
        ("folding", LockCase::Folding),
    ];
    section.texts("shared", &mut config.locks.shared, check_path_pattern);
    section.set("case", &mut config.locks.case, |node, what, problems| {
        yaml::one_of(node, what, &cases, problems)
    });
}

/// Reads the section `daemon`.
pub(super) fn daemon(section: &mut ConfigSection<'_, '_>, config: &mut Config) {
    let slot = &mut config.daemon;
    section.set("parallel", &mut slot.parallel, |node, what, problems| {
        yaml::count_of(node, what, 1, problems).map(Some)
    });
    section.set("stop_within", &mut slot.stop_within, yaml::duration_of);
    section.set("land", &mut slot.land, yaml::bool_of);
}

/// Reads the section `retention`.
pub(super) fn retention(section: &mut ConfigSection<'_, '_>, config: &mut Config) {
    let slot = &mut config.retention;
    section.set("age", &mut slot.age, yaml::duration_of);
    for (key, limit) in [("runs", &mut slot.runs), ("size_mb", &mut slot.size_mb)] {
        section.set(key, limit, |node, what, problems| {
            yaml::count_of(node, what, 0, problems).map(Some)
        });
    }
}

/// Reads the section `runs`.
pub(super) fn runs(section: &mut ConfigSection<'_, '_>, config: &mut Config) {
    let slot = &mut config.runs;
    section.set("isolation", &mut slot.isolation, |node, what, problems| {
        let all = [("worktree", Isolation::Worktree), ("none", Isolation::None)];
        yaml::one_of(node, what, &all, problems)
    });
    if let Some(node) = section.take("setup") {
        slot.setup = section.reader.command(node, "`setup`");
    }
    section.count("minutes", &mut slot.minutes);
    section.count("silence_minutes", &mut slot.silence_minutes);
    section.count("output_mb", &mut slot.output_mb);
    section.set("grace", &mut slot.grace, yaml::duration_of);
    section.texts("env_pass", &mut slot.env_pass, check_variable);
    let wishes = [
        ("auto", SandboxWish::Auto),
        ("bubblewrap", SandboxWish::Bubblewrap),
        ("landlock", SandboxWish::Landlock),
        ("none", SandboxWish::None),
    ];
    section.set("sandbox", &mut slot.sandbox, |node, what, problems| {
        yaml::one_of(node, what, &wishes, problems)
    });
    section.set("network", &mut slot.network, network);
    section.texts("allow_write", &mut slot.allow_write, check_place);
    section.texts("allow_read", &mut slot.allow_read, check_place);
    for (key, limit) in [
        ("memory_mb", &mut slot.memory_mb),
        ("file_mb", &mut slot.file_mb),
        ("processes", &mut slot.processes),
    ] {
        section.set(key, limit, |node, what, problems| {
            yaml::count_of(node, what, 1, problems).map(Some)
        });
    }
    let modes = [
        ("cow", CacheMode::Cow),
        ("hardlink", CacheMode::Hardlink),
        ("copy", CacheMode::Copy),
    ];
    section.texts("caches", &mut slot.caches, check_cache);
    section.texts("check_keep", &mut slot.check_keep, check_cache);
    section.set(
        "cache_mode",
        &mut slot.cache_mode,
        |node, what, problems| yaml::one_of(node, what, &modes, problems),
    );
    if let Some(node) = section.take("ports") {
        slot.ports = ports(section.reader, node);
    }
    section.set("port_base", &mut slot.port_base, |node, what, problems| {
        yaml::count_of(node, what, LOWEST_PORT, problems).filter(|base| *base <= HIGHEST_BASE)
    });
    section.set(
        "disk_floor_mb",
        &mut slot.disk_floor_mb,
        |node, what, problems| yaml::count_of(node, what, 0, problems),
    );
}

/// Reads a word, or lists of hosts.
fn network(node: &YamlNode, what: &str, problems: &mut Vec<YamlProblem>) -> Option<NetworkSetting> {
    let words = [("on", NetworkWord::On), ("off", NetworkWord::Off)];
    if !matches!(node.value, YamlValue::Map(_)) {
        return yaml::one_of(node, what, &words, problems).map(NetworkSetting::Word);
    }
    let mut fields = MappingFields::of(node, "network", problems)?;
    let rules = HostRules {
        allow: hosts(fields.take("allow"), "`allow`", problems),
        deny: hosts(fields.take("deny"), "`deny`", problems),
    };
    fields.finish(problems);
    if let Err(why) = rules.check() {
        problems.push(YamlProblem::new(node.place, why));
    }
    Some(NetworkSetting::Listed(rules))
}

fn hosts(node: Option<&YamlNode>, what: &str, problems: &mut Vec<YamlProblem>) -> Vec<HostPattern> {
    let Some(node) = node else { return Vec::new() };
    let mut all = Vec::new();
    for (text, place) in yaml::texts_of(node, what, problems) {
        match text.parse::<HostPattern>() {
            Ok(entry) => all.push(entry),
            Err(error) => problems.push(YamlProblem::new(place, error.to_string())),
        }
    }
    all
}

/// Reads the section `accept`.
pub(super) fn accept(section: &mut ConfigSection<'_, '_>, config: &mut Config) {
    let modes = [
        ("merge", AcceptMode::Merge),
        ("ff-only", AcceptMode::FfOnly),
        ("branch", AcceptMode::Branch),
    ];
    section.set("mode", &mut config.accept.mode, |node, what, problems| {
        yaml::one_of(node, what, &modes, problems)
    });
    section.text("target", &mut config.accept.target, check_branch);
}

fn ports(reader: &mut ConfigReader, node: &YamlNode) -> BTreeMap<String, u32> {
    let mut ports = BTreeMap::new();
    for (name, place, value) in reader.named(node, "ports") {
        if let Err(why) = check_variable(name) {
            reader.problem(place, why);
        }
        let count = yaml::count_of(value, "the number of ports", 1, &mut reader.problems);
        ports.extend(count.map(|count| (name.to_owned(), count)));
    }
    if ports.values().map(|count| u64::from(*count)).sum::<u64>() > MOST_PORTS {
        reader.problem(node.place, format!("a run gets at most {MOST_PORTS} ports"));
    }
    ports
}
