//! The schema of files of tests against their loader.

use super::*;
use crate::policy::test_file::{TEST_FILE, tests_of};
use schemars::generate::SchemaSettings;
use serde_json::Value;
use std::collections::BTreeSet;

/// The fields that the loader knows at a place, by what it says of one that nobody could mean.
fn known(file: &str) -> BTreeSet<String> {
    let problems = tests_of(file.as_bytes(), TEST_FILE).unwrap_err();
    let hints = problems.list.iter().filter_map(|one| one.hint.as_deref());
    let hint = hints
        .filter_map(|hint| hint.strip_prefix("known are "))
        .next();
    hint.expect(file).split(", ").map(str::to_owned).collect()
}

#[test]
fn schema_and_loader_know_the_same_fields() {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    let schema = settings
        .into_generator()
        .into_root_schema_for::<PolicyTestFile>()
        .to_value();
    let test =
        |inner: &str| format!("version: 1\ntests:\n  - {{name: a, expect: deny, {inner}}}\n");
    for (file, at) in [
        ("version: 1\ntests: []\nqqqqqqqqqqqq: 1\n".to_owned(), ""),
        (
            test("ask: {action: edit, actor: agent:z}, qqqqqqqqqqqq: 1"),
            "/$defs/Test",
        ),
        (
            test("ask: {action: edit, actor: agent:z, qqqqqqqqqqqq: 1}"),
            "/$defs/Question",
        ),
        (
            test("ask: {action: edit, actor: agent:z, task: {qqqqqqqqqqqq: 1}}"),
            "/$defs/TestTask",
        ),
    ] {
        let here: &Value = schema.pointer(at).expect(at);
        assert_eq!(here["additionalProperties"], false, "{at}");
        let fields = here["properties"].as_object().expect(at);
        let fields: BTreeSet<String> = fields.keys().cloned().collect();
        assert_eq!(fields, known(&file), "{at}");
    }
}
