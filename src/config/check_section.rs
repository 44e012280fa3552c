//! The section `checks`.

use crate::base::yaml::{self, MappingFields, YamlNode, YamlProblem, YamlValue};
use crate::config::checked_text::check_report;
use crate::config::model::{Check, CommandLine, Config};
use crate::config::reader::ConfigReader;
use crate::config::resource_fields;
use crate::domain::check::CheckParser;
use crate::domain::resources::ResourceAmounts;
use std::time::Duration;

/// The time that a check may take that names none.
pub(super) const CHECK_TIMEOUT: Duration = Duration::from_secs(600);
/// The reports of a JUnit check that names none.
const JUNIT_REPORTS: &str = "**/*.xml";

/// Reads the section.
pub(super) fn checks(reader: &mut ConfigReader, node: &YamlNode, config: &mut Config) {
    for (name, place, value) in reader.named(node, "checks") {
        reader.origins.insert(format!("checks.{name}"), place);
        config.checks.extend(check(reader, name, value));
    }
}

fn check(reader: &mut ConfigReader, name: &str, node: &YamlNode) -> Option<Check> {
    // A command alone is the short form of a check.
    if !matches!(node.value, YamlValue::Map(_)) {
        let run = reader.command(node, "a check")?;
        return Some(Check::new(name, run));
    }
    let problems = &mut reader.problems;
    let mut fields = MappingFields::of(node, "a check", problems)?;
    let run = fields.need("run", problems);
    let timeout = fields
        .take("timeout")
        .and_then(|n| yaml::duration_of(n, "`timeout`", problems));
    let words = CheckParser::WORDS.map(|word| (word, word));
    let parser = fields
        .take("parser")
        .and_then(|n| yaml::one_of(n, "`parser`", &words, problems));
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
    let resources = fields
        .take("resources")
        .and_then(|n| resource_fields::amounts(n, problems));
    fields.finish(problems);
    let mut check = Check::new(name, reader.command(run?, "`run`")?);
    check.timeout = timeout.unwrap_or(check.timeout);
    check.parser = parser
        .and_then(|word| CheckParser::of_word(word, report.as_deref().unwrap_or(JUNIT_REPORTS)))
        .unwrap_or_default();
    check.report = report;
    check.required = required.unwrap_or(check.required);
    check.resources = resources.unwrap_or_default();
    Some(check)
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
            resources: ResourceAmounts::default(),
        }
    }
}
