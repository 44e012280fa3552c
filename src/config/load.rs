//! From the bytes of a configuration file to a configuration, or to all of its problems at once.

use crate::base::fs;
use crate::base::yaml::{self, MappingFields, TreeStanding, YamlNode, YamlProblems};
use crate::config::check_section::checks;
use crate::config::checked_text::check_regex;
use crate::config::error::ConfigError;
use crate::config::model::Config;
use crate::config::notices_section::{desktop_alone, notices};
use crate::config::reader::ConfigReader;
use crate::config::routing_sections::{budgets, router};
use crate::config::scheduler_section::scheduler;
use crate::config::sections::{accept, daemon, defaults, locks, retention, runs};
use crate::config::trees::Trees;
use crate::policy::check_path_pattern;
use std::path::Path;

/// The place of the configuration, relative to the repository root.
pub const FILE: &str = ".ai/config.yaml";

/// Reads the configuration of the repository at `root`; no file means the defaults.
pub fn load(root: &Path, trees: &Trees) -> Result<Config, ConfigError> {
    match fs::read_capped(&root.join(FILE), yaml::MAX_BYTES) {
        Ok(bytes) => read(&bytes, trees).map_err(ConfigError::Content),
        Err(error) if error.is_not_found() => Ok(Config::default()),
        Err(error) => Err(error.into()),
    }
}

/// Reads the configuration of a project from its bytes.
pub fn read(bytes: &[u8], trees: &Trees) -> Result<Config, YamlProblems> {
    trees.read(FILE, bytes, |root, standing| {
        config_of(root, standing, FILE)
    })
}

/// Reads a configuration from bytes; `file` is its name in messages.
#[cfg(test)]
pub fn parse(bytes: &[u8], file: &str) -> Result<Config, YamlProblems> {
    let root = yaml::parse(bytes).map_err(|problem| YamlProblems::new(file, vec![problem]))?;
    config_of(&root, TreeStanding::New, file)
}

fn config_of(root: &YamlNode, standing: TreeStanding, file: &str) -> Result<Config, YamlProblems> {
    let mut reader = ConfigReader {
        standing,
        ..ConfigReader::default()
    };
    let mut config = Config::default();
    read_file(&mut reader, root, &mut config);
    if !reader.problems.is_empty() {
        return Err(YamlProblems::new(file, reader.problems));
    }
    config.origins = reader.origins;
    Ok(config)
}

fn read_file(reader: &mut ConfigReader, root: &YamlNode, config: &mut Config) {
    let Some(mut fields) = MappingFields::of(root, "the configuration", &mut reader.problems)
    else {
        return;
    };
    version(reader, &mut fields);
    if let Some(node) = fields.take("modules") {
        modules(reader, node, config);
    }
    if let Some(node) = fields.take("checks") {
        checks(reader, node, config);
    }
    reader.section(&mut fields, "defaults", |section| defaults(section, config));
    reader.section(&mut fields, "locks", |section| locks(section, config));
    reader.section(&mut fields, "runs", |section| runs(section, config));
    reader.section(&mut fields, "router", |section| router(section, config));
    reader.section(&mut fields, "scheduler", |section| {
        scheduler(section, config);
    });
    reader.section(&mut fields, "daemon", |section| daemon(section, config));
    reader.section(&mut fields, "budgets", |section| budgets(section, config));
    reader.section(&mut fields, "accept", |section| accept(section, config));
    reader.section(&mut fields, "retention", |section| {
        retention(section, config);
    });
    reader.section(&mut fields, "notices", |section| notices(section, config));
    reader.section(&mut fields, "notify", |section| {
        desktop_alone(section, config)
    });
    if let Some(node) = fields.take("redact") {
        reader.origins.insert("redact".to_owned(), node.place);
        config.redact = reader.checked_texts(node, "`redact`", check_regex);
    }
    fields.finish(&mut reader.problems);
}

fn version(reader: &mut ConfigReader, fields: &mut MappingFields<'_>) {
    let Some(node) = fields.need("version", &mut reader.problems) else {
        return;
    };
    match yaml::count_of(node, "`version`", 1, &mut reader.problems) {
        Some(1) | None => {}
        Some(n) => reader.problem(
            node.place,
            format!("version {n} needs a newer version of ai"),
        ),
    }
}

fn modules(reader: &mut ConfigReader, node: &YamlNode, config: &mut Config) {
    for (name, place, value) in reader.named(node, "modules") {
        reader.origins.insert(format!("modules.{name}"), place);
        let globs = reader.checked_texts(value, "a module", check_path_pattern);
        config.modules.insert(name.to_owned(), globs);
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
