//! From the bytes of a configuration file to a configuration, or to all of its problems at once.

use super::load_routing;
use super::model::{AcceptMode, CacheMode, Check, CheckParser, CommandLine, Config, LockCase};
use super::origin::Origins;
use super::trees::Trees;
use crate::base::fs::{self, FsError};
use crate::base::suggest;
use crate::base::yaml::{
    self, MappingFields, SourcePlace, YamlNode, YamlProblem, YamlProblems, YamlValue,
};
use crate::domain::actor::ActorName;
use crate::domain::sandbox::{Isolation, Network, Wish};
use crate::policy::check_path_pattern;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Where the configuration lives, relative to the repository root.
pub const FILE: &str = ".ai/config.yaml";
/// How long a check may take that says nothing.
const CHECK_TIMEOUT: Duration = Duration::from_secs(600);

/// Below stand the ports that ordinary programs may not take.
const LOWEST_PORT: u32 = 1_024;
/// Above, there would be no room for the ports of several runs.
const HIGHEST_BASE: u32 = 60_000;
/// Most ports of one run.
const MOST_PORTS: u64 = 64;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is there and cannot be read.
    #[error(transparent)]
    Read(#[from] FsError),
    /// The file was read and is not in order.
    #[error("{0}")]
    Content(YamlProblems),
}

impl ConfigError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Read(_) => "make the file readable, or remove it to work with the defaults",
            Self::Content(_) => "correct the file, or remove it to work with the defaults",
        }
    }
}

/// Reads the configuration of the repository at `root`; no file means the defaults.
pub fn load(root: &Path, trees: &Trees) -> Result<Config, ConfigError> {
    match fs::read_capped(&root.join(FILE), yaml::MAX_BYTES) {
        Ok(bytes) => config_of(trees.tree(&bytes), FILE).map_err(ConfigError::Content),
        Err(error) if error.is_not_found() => Ok(Config::default()),
        Err(error) => Err(error.into()),
    }
}

/// Reads a configuration from bytes; `file` is its name in messages.
#[cfg(test)]
pub fn parse(bytes: &[u8], file: &str) -> Result<Config, YamlProblems> {
    config_of(yaml::parse(bytes), file)
}

fn config_of(root: Result<YamlNode, YamlProblem>, file: &str) -> Result<Config, YamlProblems> {
    let root = root.map_err(|problem| YamlProblems::new(file, vec![problem]))?;
    let mut reader = Reader {
        problems: Vec::new(),
        origins: Origins::new(),
    };
    let mut config = Config::default();
    reader.file(&root, &mut config);
    if !reader.problems.is_empty() {
        return Err(YamlProblems::new(file, reader.problems));
    }
    config.origins = reader.origins;
    Ok(config)
}

/// What a reading gathers.
struct Reader {
    problems: Vec<YamlProblem>,
    origins: Origins,
}

/// One section of the file: takes fields, remembers where they stand.
pub(super) struct Section<'r, 'n> {
    name: &'static str,
    fields: MappingFields<'n>,
    reader: &'r mut Reader,
}

impl Reader {
    fn file(&mut self, root: &YamlNode, config: &mut Config) {
        let Some(mut fields) = MappingFields::of(root, "the configuration", &mut self.problems)
        else {
            return;
        };
        self.version(&mut fields);
        if let Some(node) = fields.take("modules") {
            self.modules(node, config);
        }
        if let Some(node) = fields.take("checks") {
            self.checks(node, config);
        }
        self.section(&mut fields, "defaults", |section| defaults(section, config));
        self.section(&mut fields, "locks", |section| locks(section, config));
        self.section(&mut fields, "runs", |section| runs(section, config));
        self.section(&mut fields, "router", |section| {
            load_routing::router(section, config)
        });
        self.section(&mut fields, "budgets", |section| {
            load_routing::budgets(section, config)
        });
        self.section(&mut fields, "accept", |section| accept(section, config));
        self.section(&mut fields, "notify", |section| {
            section.set("desktop", &mut config.notify.desktop, yaml::bool_of);
        });
        if let Some(node) = fields.take("redact") {
            self.origins.insert("redact".to_owned(), node.place);
            config.redact = self.checked_texts(node, "`redact`", check_regex);
        }
        fields.finish(&mut self.problems);
    }

    fn version(&mut self, fields: &mut MappingFields<'_>) {
        let Some(node) = fields.need("version", &mut self.problems) else {
            return;
        };
        match yaml::count_of(node, "`version`", 1, &mut self.problems) {
            Some(1) | None => {}
            Some(n) => self.problem(
                node.place,
                format!("version {n} needs a newer version of ai"),
            ),
        }
    }

    fn section(
        &mut self,
        file: &mut MappingFields<'_>,
        name: &'static str,
        read: impl FnOnce(&mut Section<'_, '_>),
    ) {
        let Some(node) = file.take(name) else { return };
        let Some(fields) = MappingFields::of(node, name, &mut self.problems) else {
            return;
        };
        let mut section = Section {
            name,
            fields,
            reader: self,
        };
        read(&mut section);
        let Section { fields, .. } = section;
        fields.finish(&mut self.problems);
    }

    fn modules(&mut self, node: &YamlNode, config: &mut Config) {
        for (name, place, value) in self.named(node, "modules") {
            self.origins.insert(format!("modules.{name}"), place);
            let globs = self.checked_texts(value, "a module", check_path_pattern);
            config.modules.insert(name.to_owned(), globs);
        }
    }

    fn checks(&mut self, node: &YamlNode, config: &mut Config) {
        for (name, place, value) in self.named(node, "checks") {
            self.origins.insert(format!("checks.{name}"), place);
            config.checks.extend(self.check(name, value));
        }
    }

    /// The entries of a mapping from names to values; names that cannot be a file name are
    /// problems.
    fn named<'n>(
        &mut self,
        node: &'n YamlNode,
        what: &str,
    ) -> Vec<(&'n str, SourcePlace, &'n YamlNode)> {
        let YamlValue::Map(entries) = &node.value else {
            self.problem(
                node.place,
                format!(
                    "{what} must be a mapping of names, not {}",
                    node.value.kind()
                ),
            );
            return Vec::new();
        };
        let mut good = Vec::with_capacity(entries.len());
        for (name, place, value) in entries {
            if is_plain_name(name) {
                good.push((name.as_str(), *place, value));
            } else {
                let message = format!(
                    "`{name}` is no name for {what}: letters, digits, `-`, `_` and `.`, at most 64"
                );
                self.problem(*place, message);
            }
        }
        good
    }

    fn check(&mut self, name: &str, node: &YamlNode) -> Option<Check> {
        // A command alone is the short form of a check.
        if !matches!(node.value, YamlValue::Map(_)) {
            let run = self.command(node, "a check")?;
            return Some(Check::new(name, run));
        }
        let problems = &mut self.problems;
        let mut fields = MappingFields::of(node, "a check", problems)?;
        let run = fields.need("run", problems);
        let timeout = fields
            .take("timeout")
            .and_then(|n| yaml::duration_of(n, "`timeout`", problems));
        let parser = fields
            .take("parser")
            .and_then(|n| yaml::one_of(n, "`parser`", &PARSERS, problems));
        let report = fields.take("report").and_then(|n| {
            let text = yaml::text_of(n, "`report`", problems)?;
            check_report(&text)
                .map_err(|why| problems.push(YamlProblem::new(n.place, why)))
                .ok()?;
            Some(text)
        });
        let required = fields
            .take("required")
            .and_then(|n| yaml::bool_of(n, "`required`", problems));
        fields.finish(problems);
        let mut check = Check::new(name, self.command(run?, "`run`")?);
        check.timeout = timeout.unwrap_or(check.timeout);
        check.parser = parser.unwrap_or_default();
        check.report = report;
        check.required = required.unwrap_or(check.required);
        Some(check)
    }

    fn ports(&mut self, node: &YamlNode) -> BTreeMap<String, u32> {
        let mut ports = BTreeMap::new();
        for (name, place, value) in self.named(node, "ports") {
            if let Err(why) = check_variable(name) {
                self.problem(place, why);
            }
            let count = yaml::count_of(value, "the number of ports", 1, &mut self.problems);
            ports.extend(count.map(|count| (name.to_owned(), count)));
        }
        if ports.values().map(|count| u64::from(*count)).sum::<u64>() > MOST_PORTS {
            self.problem(node.place, format!("a run gets at most {MOST_PORTS} ports"));
        }
        ports
    }

    fn command(&mut self, node: &YamlNode, what: &str) -> Option<CommandLine> {
        if let YamlValue::List(items) = &node.value {
            let before = self.problems.len();
            if items.is_empty() {
                self.problem(
                    node.place,
                    format!("{what} is an empty list; the program comes first"),
                );
            }
            let argv = yaml::names_of(node, what, &mut self.problems);
            return (self.problems.len() == before).then_some(CommandLine::Argv(argv));
        }
        yaml::text_of(node, what, &mut self.problems).map(CommandLine::Shell)
    }

    fn checked_texts(
        &mut self,
        node: &YamlNode,
        what: &str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Vec<String> {
        let texts = yaml::texts_of(node, what, &mut self.problems);
        for (text, place) in &texts {
            if let Err(why) = check(text) {
                self.problem(*place, why);
            }
        }
        texts.into_iter().map(|(text, _)| text).collect()
    }

    fn problem(&mut self, place: SourcePlace, message: impl AsRef<str>) {
        self.problems.push(YamlProblem::new(place, message));
    }
}

impl<'n> Section<'_, 'n> {
    /// Takes a field and remembers where it stands.
    fn take(&mut self, key: &'static str) -> Option<&'n YamlNode> {
        let node = self.fields.take(key)?;
        self.reader
            .origins
            .insert(format!("{}.{key}", self.name), node.place);
        Some(node)
    }

    /// Replaces a default by the value of a field, where it is there and in order.
    pub(super) fn set<T>(
        &mut self,
        key: &'static str,
        slot: &mut T,
        read: impl FnOnce(&YamlNode, &str, &mut Vec<YamlProblem>) -> Option<T>,
    ) {
        let Some(node) = self.take(key) else { return };
        if let Some(value) = read(node, &format!("`{key}`"), &mut self.reader.problems) {
            *slot = value;
        }
    }

    /// A whole number of at least one.
    fn count(&mut self, key: &'static str, slot: &mut u32) {
        self.set(key, slot, |node, what, problems| {
            yaml::count_of(node, what, 1, problems)
        });
    }

    /// Text that has to pass a check.
    fn text(
        &mut self,
        key: &'static str,
        slot: &mut Option<String>,
        check: impl Fn(&str) -> Result<(), String>,
    ) {
        self.set(key, slot, |node, what, problems| {
            let text = yaml::text_of(node, what, problems)?;
            let checked =
                check(&text).map_err(|why| problems.push(YamlProblem::new(node.place, why)));
            checked.ok().map(|()| Some(text))
        });
    }

    /// A list of texts, each of which has to pass a check.
    pub(super) fn texts(
        &mut self,
        key: &'static str,
        slot: &mut Vec<String>,
        check: impl Fn(&str) -> Result<(), String>,
    ) {
        if let Some(node) = self.take(key) {
            *slot = self.reader.checked_texts(node, &format!("`{key}`"), check);
        }
    }
}

impl Check {
    fn new(name: &str, run: CommandLine) -> Self {
        let parser = CheckParser::Auto;
        Self {
            name: name.to_owned(),
            run,
            timeout: CHECK_TIMEOUT,
            parser,
            report: None,
            required: true,
        }
    }
}

const PARSERS: [(&str, CheckParser); 7] = [
    ("auto", CheckParser::Auto),
    ("cargo", CheckParser::Cargo),
    ("nextest", CheckParser::Nextest),
    ("pytest", CheckParser::Pytest),
    ("go", CheckParser::Go),
    ("junit", CheckParser::Junit),
    ("exit-code", CheckParser::ExitCode),
];

fn defaults(section: &mut Section<'_, '_>, config: &mut Config) {
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

fn locks(section: &mut Section<'_, '_>, config: &mut Config) {
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

fn runs(section: &mut Section<'_, '_>, config: &mut Config) {
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
        ("auto", Wish::Auto),
        ("bubblewrap", Wish::Bubblewrap),
        ("landlock", Wish::Landlock),
        ("none", Wish::None),
    ];
    section.set("sandbox", &mut slot.sandbox, |node, what, problems| {
        yaml::one_of(node, what, &wishes, problems)
    });
    let network = [("on", Network::On), ("off", Network::Off)];
    section.set("network", &mut slot.network, |node, what, problems| {
        yaml::one_of(node, what, &network, problems)
    });
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
        slot.ports = section.reader.ports(node);
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

fn accept(section: &mut Section<'_, '_>, config: &mut Config) {
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

fn known_check(name: &str, known: &[&str]) -> Result<(), String> {
    if known.contains(&name) {
        return Ok(());
    }
    Err(match suggest::nearest(name, known.iter().copied()) {
        Some(near) => format!("`{name}` is none of the checks; did you mean `{near}`?"),
        None => format!("`{name}` is none of the checks; declare it under `checks`"),
    })
}

fn check_regex(text: &str) -> Result<(), String> {
    let built = regex::RegexBuilder::new(text).size_limit(1 << 20).build();
    built.map(drop).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
        _ => format!("`{text}` is no regular expression"),
    })
}

/// A report is read from the tree that was checked, so it lies inside of it.
fn check_report(path: &str) -> Result<(), String> {
    let outside = path.starts_with(['/', '~']) || path.split('/').any(|name| name == "..");
    if outside {
        Err(format!(
            "the report `{path}` must lie inside the repository"
        ))
    } else {
        Ok(())
    }
}

/// What no branch name can be; git itself judges the rest.
fn check_branch(name: &str) -> Result<(), String> {
    let odd = |c: char| {
        c.is_whitespace() || c.is_control() || matches!(c, '~' | '^' | ':' | '?' | '*' | '[' | '\\')
    };
    let bad = name.starts_with(['-', '/'])
        || name.ends_with(['/', '.'])
        || name.contains("..")
        || name.contains("@{");
    if bad || name.contains(odd) {
        Err(format!("`{name}` is no branch name"))
    } else {
        Ok(())
    }
}

/// A place of the machine: what is relative would mean another one for everybody.
fn check_place(path: &str) -> Result<(), String> {
    let rest = path.strip_prefix('~').unwrap_or(path);
    let plain = rest.starts_with('/') && rest != "/" && !rest.split('/').any(|part| part == "..");
    if plain {
        Ok(())
    } else {
        Err(format!(
            "`{path}` must begin with `/` or `~/`, and hold no `..`"
        ))
    }
}

/// A cache is a directory of the checkout.
fn check_cache(path: &str) -> Result<(), String> {
    let is_odd = |name: &str| matches!(name, "" | "." | ".." | ".git" | ".ai");
    match path.trim_end_matches('/').split('/').any(is_odd) || path.starts_with('~') {
        true => Err(format!(
            "`{path}` is no directory below the root of the checkout, written like `target` or `web/node_modules`"
        )),
        false => Ok(()),
    }
}

fn check_variable(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(());
    }
    Err(format!("`{name}` is no name of an environment variable"))
}

fn is_plain_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=64).contains(&name.len()) && name.chars().all(plain) && !name.starts_with(['.', '-'])
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
