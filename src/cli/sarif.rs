//! A report in the Static Analysis Results Interchange Format (SARIF) 2.1.0, as code hosts show it beside the
//! lines of a change.
//!
//! Each result stands at the first line of a file: policy judges paths, not lines. Deliberately absent:
//! times, the machine, and what a rule has to say where it lets through silently.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::base::hash;
use crate::domain::decision::Effect;
use crate::domain::repo_path::RepoPath;

/// The schema to which a report keeps.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// One finding of a report.
pub(super) struct SarifFinding<'a> {
    /// The rule.
    pub(super) rule: &'a str,
    /// What the rule is about, in its own words.
    pub(super) about: &'a str,
    /// The effect.
    pub(super) effect: Effect,
    /// The finding in words.
    pub(super) message: String,
    /// The file.
    pub(super) path: &'a RepoPath,
    /// The commit.
    pub(super) commit: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifLog<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [SarifRun<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifRun<'a> {
    tool: SarifTool<'a>,
    automation_details: SarifId,
    column_kind: &'static str,
    results: Vec<SarifResult<'a>>,
}

#[derive(Serialize)]
struct SarifId {
    id: &'static str,
}

#[derive(Serialize)]
struct SarifTool<'a> {
    driver: SarifDriver<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifDriver<'a> {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<SarifRule<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifRule<'a> {
    id: &'a str,
    short_description: SarifText,
    default_configuration: SarifLevel,
}

#[derive(Serialize)]
struct SarifText {
    text: String,
}

#[derive(Serialize)]
struct SarifLevel {
    level: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult<'a> {
    rule_id: &'a str,
    rule_index: usize,
    level: &'static str,
    message: SarifText,
    locations: [SarifLocation; 1],
    partial_fingerprints: BTreeMap<&'static str, String>,
    properties: BTreeMap<&'static str, &'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifLocation {
    physical_location: SarifPlace,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifPlace {
    artifact_location: SarifFile,
    region: SarifRegion,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifFile {
    uri: String,
    uri_base_id: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifRegion {
    start_line: u32,
}

/// The report on these findings, as it is serialized.
pub(super) fn sarif(findings: &[SarifFinding<'_>]) -> impl Serialize {
    let mut rules: BTreeMap<&str, &SarifFinding<'_>> = BTreeMap::new();
    for one in findings {
        let known = rules.entry(one.rule).or_insert(one);
        if one.effect > known.effect {
            *known = one;
        }
    }
    let index: BTreeMap<&str, usize> = rules.keys().enumerate().map(|(i, id)| (*id, i)).collect();
    let results = findings.iter().map(|one| SarifResult {
        rule_id: one.rule,
        rule_index: index.get(one.rule).copied().unwrap_or_default(),
        level: level(one.effect),
        message: SarifText {
            text: one.message.clone(),
        },
        locations: [SarifLocation {
            physical_location: SarifPlace {
                artifact_location: SarifFile {
                    uri: uri(one.path),
                    uri_base_id: "%SRCROOT%",
                },
                region: SarifRegion { start_line: 1 },
            },
        }],
        partial_fingerprints: BTreeMap::from([("rulePathCommit/v1", fingerprint(one))]),
        properties: BTreeMap::from([("commit", one.commit), ("effect", one.effect.as_str())]),
    });
    let results = results.collect();
    SarifLog {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [SarifRun {
            tool: SarifTool {
                driver: SarifDriver {
                    name: "ai",
                    semantic_version: env!("CARGO_PKG_VERSION"),
                    rules: rules
                        .values()
                        .map(|one| SarifRule {
                            id: one.rule,
                            short_description: SarifText {
                                text: one.about.to_owned(),
                            },
                            default_configuration: SarifLevel {
                                level: level(one.effect),
                            },
                        })
                        .collect(),
                },
            },
            automation_details: SarifId { id: "ai-policy/" },
            column_kind: "unicodeCodePoints",
            results,
        }],
    }
}

fn level(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "none",
        Effect::Warn => "warning",
        Effect::RequireApproval | Effect::Deny => "error",
    }
}

fn fingerprint(one: &SarifFinding<'_>) -> String {
    let mut text = format!("{}\n{}\n", one.rule, one.commit).into_bytes();
    text.extend_from_slice(one.path.as_bytes());
    hash::sha256_hex(&text)
}

/// A path as a relative reference: every byte that could mean anything else is written by its number. A
/// first name with a colon would be taken for a scheme, and is written so, too.
fn uri(path: &RepoPath) -> String {
    let mut out = String::new();
    for byte in path.as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(*byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_any_bytes_is_a_relative_reference() {
        for (path, wanted) in [
            (&b"src/main.rs"[..], "src/main.rs"),
            (b"a b/c:d?e#f%", "a%20b/c%3Ad%3Fe%23f%25"),
            (b"\xff\n", "%FF%0A"),
            ("ä".as_bytes(), "%C3%A4"),
        ] {
            assert_eq!(uri(&RepoPath::new(path)), wanted);
        }
    }

    #[test]
    fn a_rule_that_was_met_twice_stands_once_at_its_strictest() {
        let path = RepoPath::new("a");
        let one = |rule, effect| SarifFinding {
            rule,
            about: "why",
            effect,
            message: "m".to_owned(),
            path: &path,
            commit: "c",
        };
        let found = [
            one("b", Effect::Warn),
            one("a", Effect::Deny),
            one("b", Effect::RequireApproval),
        ];
        let log = serde_json::to_value(sarif(&found)).unwrap();
        let run = &log["runs"][0];
        let rules: Vec<_> = run["tool"]["driver"]["rules"]
            .as_array()
            .unwrap()
            .iter()
            .collect();
        let shown = rules.iter().map(|r| {
            (
                r["id"].as_str().unwrap(),
                r["defaultConfiguration"]["level"].as_str().unwrap(),
            )
        });
        assert_eq!(shown.collect::<Vec<_>>(), [("a", "error"), ("b", "error")]);
        let at = run["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["ruleIndex"].as_u64().unwrap());
        assert_eq!(at.collect::<Vec<_>>(), [1, 0, 1]);
    }
}
