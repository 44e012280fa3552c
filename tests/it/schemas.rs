//! What `ai schema` publishes is what commands print: real outputs are held against their schemas,
//! in both directions.

use serde_json::{Map, Value, json};

use crate::support::runs::GOOD;
use crate::support::{Sandbox, markdown};

/// The part of JSON Schema that our schemas use. An unknown keyword that could forbid something
/// fails the test.
struct Checker<'a> {
    root: &'a Value,
}

/// A value against a schema that stands by itself.
pub fn checked(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    Checker { root: schema }.check(schema, value, at)
}

impl Checker<'_> {
    fn check(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let Value::Object(rules) = schema else {
            return if schema == &json!(true) {
                Ok(())
            } else {
                Err(format!("{at}: nothing is allowed here"))
            };
        };
        for (rule, wanted) in rules {
            self.rule((schema, rule), wanted, value, at)?;
        }
        Ok(())
    }

    fn rule(
        &self,
        (schema, rule): (&Value, &str),
        wanted: &Value,
        value: &Value,
        at: &str,
    ) -> Result<(), String> {
        let fail = |why: String| Err(format!("{at}: {why}, not {value}"));
        let each = |all: &Value| -> Vec<Result<(), String>> {
            all.as_array()
                .unwrap()
                .iter()
                .map(|one| self.check(one, value, at))
                .collect()
        };
        match rule {
            "$schema" | "$defs" | "title" | "description" | "format" | "maximum" | "default"
            | "uniqueItems" | "maxLength" => Ok(()),
            "$ref" => self.check(
                self.root
                    .pointer(wanted.as_str().unwrap().trim_start_matches('#'))
                    .unwrap(),
                value,
                at,
            ),
            "type" => {
                if is_of(wanted, value) {
                    Ok(())
                } else {
                    fail(format!("it must be {wanted}"))
                }
            }
            "const" if wanted != value => fail(format!("it must be {wanted}")),
            "enum" if !wanted.as_array().unwrap().contains(value) => {
                fail(format!("it must be one of {wanted}"))
            }
            "const" | "enum" => Ok(()),
            "required" => {
                let missing = wanted
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|key| value.get(key.as_str().unwrap()).is_none());
                missing.map_or(Ok(()), |key| fail(format!("{key} is missing")))
            }
            "properties" => wanted
                .as_object()
                .unwrap()
                .iter()
                .try_for_each(|(key, schema)| match value.get(key) {
                    Some(value) => self.check(schema, value, &format!("{at}.{key}")),
                    None => Ok(()),
                }),
            "additionalProperties" if wanted == &json!(false) => {
                let known = schema.get("properties").and_then(Value::as_object);
                let fields = value.as_object().into_iter().flatten();
                let mut strange =
                    fields.filter(|(key, _)| known.is_none_or(|known| !known.contains_key(*key)));
                strange
                    .next()
                    .map_or(Ok(()), |(key, _)| fail(format!("there is no field {key}")))
            }
            "additionalProperties" | "unevaluatedProperties" => Ok(()),
            "pattern" => match value.as_str() {
                Some(text)
                    if !regex::Regex::new(wanted.as_str().unwrap())
                        .unwrap()
                        .is_match(text) =>
                {
                    fail(format!("it must look like {wanted}"))
                }
                _ => Ok(()),
            },
            "minimum" if value.as_f64().is_some_and(|n| n < wanted.as_f64().unwrap()) => {
                fail(format!("it must be at least {wanted}"))
            }
            "minimum" => Ok(()),
            "minItems" | "minProperties" | "minLength" => {
                let size = value.as_array().map(Vec::len);
                let size = size.or_else(|| value.as_object().map(Map::len));
                match size.or_else(|| value.as_str().map(str::len)) {
                    Some(size) if (size as u64) < wanted.as_u64().unwrap() => {
                        fail(format!("it needs {wanted}"))
                    }
                    _ => Ok(()),
                }
            }
            "items" => value
                .as_array()
                .into_iter()
                .flatten()
                .try_for_each(|item| self.check(wanted, item, &format!("{at}[]"))),
            "allOf" => each(wanted).into_iter().collect(),
            "anyOf" | "oneOf" => {
                let results = each(wanted);
                match results.iter().filter(|r| r.is_ok()).count() {
                    0 => fail(format!("no case fits: {results:?}")),
                    n if n > 1 && rule == "oneOf" => fail("several cases fit".to_owned()),
                    _ => Ok(()),
                }
            }
            unknown => Err(format!(
                "{at}: this test does not know the rule `{unknown}`"
            )),
        }
    }

    /// Every field that a schema names, in any of its cases.
    fn fields(&self, schema: &Value, found: &mut Map<String, Value>) {
        found.extend(
            schema
                .get("properties")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default(),
        );
        if let Some(link) = schema.get("$ref").and_then(Value::as_str) {
            self.fields(
                self.root.pointer(link.trim_start_matches('#')).unwrap(),
                found,
            );
        }
        for cases in ["allOf", "anyOf", "oneOf"] {
            schema
                .get(cases)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .for_each(|case| self.fields(case, found));
        }
    }
}

fn is_of(wanted: &Value, value: &Value) -> bool {
    match wanted {
        Value::Array(any) => any.iter().any(|one| is_of(one, value)),
        one => match one.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "null" => value.is_null(),
            other => panic!("type {other}"),
        },
    }
}

#[track_caller]
pub fn fits(scene: &Sandbox, name: &str, value: &Value) {
    let schema = scene.ai_json(&["schema", name]);
    let checker = Checker { root: &schema };
    if let Err(why) = checker.check(&schema, value, name) {
        panic!("{why}\n{value:#}");
    }
    let mut known = Map::new();
    checker.fields(&schema, &mut known);
    for key in value.as_object().unwrap().keys() {
        assert!(
            known.contains_key(key),
            "{name}: the schema does not name `{key}`: {value:#}"
        );
    }
}

#[test]
fn what_is_printed_fits_its_schema() {
    let scene = Sandbox::project();
    let first = scene.task(
        "one",
        &["--path", "src/", "--label", "x", "--body", "words"],
    );
    let second = scene.task("two", &["--dep", &first, "--priority", "0"]);
    for task in scene.ai_json_lines(&["task", "list"]) {
        fits(&scene, "task", &task);
    }
    fits(&scene, "claim", &scene.ai_json(&["task", "claim", &first]));
    fits(
        &scene,
        "lease",
        &scene.ai_json(&["task", "heartbeat", &first]),
    );
    fits(
        &scene,
        "lock",
        &scene.ai_json(&["lock", "acquire", "docs/*.md"]),
    );
    for line in scene.ai_json_lines(&["lock", "list"]) {
        fits(&scene, "lock-line", &line);
    }
    let held = scene.ai(&["lock", "check", "docs/a.md", "--as", "eve", "--json"]);
    held.json_lines()
        .iter()
        .for_each(|line| fits(&scene, "lock-check", line));
    fits(&scene, "status", &scene.ai_json(&["status"]));
    fits(&scene, "why", &scene.ai_json(&["why", &second]));
    fits(
        &scene,
        "agent",
        &scene
            .ai_ok(&[
                "--json", "agent", "register", "a", "-c", "command", "--", "true",
            ])
            .json(),
    );
    fits(
        &scene,
        "task",
        &scene.ai_json(&["task", "done", &first, "--override", "seen"]),
    );
    for event in scene.ai_json_lines(&["log"]) {
        fits(&scene, "event", &event);
    }
    scene
        .ai_json_lines(&["policy", "log"])
        .iter()
        .for_each(|record| fits(&scene, "decision", record));
    fits(&scene, "log-verify", &scene.ai_json(&["log", "verify"]));
    fits(&scene, "init", &scene.ai_json(&["init"]));
    fits(&scene, "policy", &scene.ai_json(&["policy", "show"]));
    let test = "version: 1\ntests:\n  - {name: a, ask: {action: edit, actor: human:ann}, expect: deny, rule: b}\n";
    scene.write(".ai/policy.test.yaml", test);
    let tested = scene.ai(&["policy", "test", "--json"]);
    fits(
        &scene,
        "policy-tested",
        &serde_json::from_str(&tested.stdout).unwrap(),
    );
    let checked = scene.ai_json(&["policy", "check", "--range", "main..main"]);
    fits(&scene, "policy-check", &checked);
    let decided = scene.ai_json_lines(&["policy", "log", "-n", "1"]);
    let id = decided[0]["id"].as_str().unwrap();
    let told = scene.ai_json(&["policy", "explain", id, "--rules"]);
    fits(&scene, "decision-rules", &told);
    scene.write("deny.yaml", "version: 1\ndefault: deny\n");
    let replayed = scene.ai_json(&["policy", "replay", "--policy", "deny.yaml"]);
    fits(&scene, "policy-replay", &replayed);
    fits(
        &scene,
        "policy-validate",
        &scene.ai_json(&["policy", "validate"]),
    );
    for line in scene.ai_json_lines(&["task", "dep", "tree", &second]) {
        fits(&scene, "dep-tree", &line);
    }
    fits(&scene, "backup", &scene.ai_json(&["backup"]));
    fits(&scene, "restore", &scene.ai_json(&["restore", "--dry-run"]));
    fits(
        &scene,
        "export",
        &scene.ai_json(&["export", "../export.jsonl"]),
    );
    fits(
        &scene,
        "import",
        &scene.ai_json(&["import", "../export.jsonl", "--dry-run"]),
    );
    fits(
        &scene,
        "uninstall",
        &scene.ai_json(&["uninstall", "--dry-run"]),
    );
    scene
        .ai(&["doctor", "--json"])
        .json_lines()
        .iter()
        .for_each(|line| fits(&scene, "doctor", line));
    scene
        .ai_json_lines(&["config", "show"])
        .iter()
        .for_each(|entry| fits(&scene, "config-entry", entry));
    let error = scene.ai(&["task", "show", "t-none", "--json"]);
    fits(
        &scene,
        "error",
        &serde_json::from_str(&error.stderr).unwrap(),
    );
}

#[test]
fn what_is_printed_about_runs_fits_its_schema() {
    let scene = Sandbox::with_script(GOOD);
    let task = scene.task("one", &[]);
    fits(&scene, "run", &scene.ai(&["run", &task, "--json"]).json());
    fits(&scene, "review", &scene.ai_json(&["review", &task]));
    let pieces = scene.ai_json_lines(&["evidence", "list", &task]);
    assert!(!pieces.is_empty());
    pieces
        .iter()
        .for_each(|piece| fits(&scene, "evidence", piece));
    fits(
        &scene,
        "evidence-show",
        &scene.ai_json(&["evidence", "show", pieces[0]["id"].as_str().unwrap()]),
    );
    for line in scene.ai_json_lines(&["evidence", "verify", &task]) {
        fits(&scene, "evidence-verify", &line);
    }
    fits(
        &scene,
        "evidence-export",
        &scene.ai_json(&["evidence", "export", &task, "--to", "../evidence"]),
    );
    fits(&scene, "accept", &scene.ai_json(&["accept", &task]));
    for event in scene.ai_json_lines(&["log"]) {
        fits(&scene, "event", &event);
    }
}

#[test]
fn every_listed_schema_is_printed() {
    let scene = Sandbox::empty();
    let names = scene.ai_json_lines(&["schema"]);
    assert!(names.len() > 10);
    for one in names {
        let schema = scene.ai_json(&["schema", one["name"].as_str().unwrap()]);
        assert_eq!(
            schema["$schema"],
            "https://json-schema.org/draft/2020-12/schema"
        );
    }
    assert_eq!(scene.ai(&["schema", "nonsense"]).code, Some(3));
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let schema = json!({
        "properties": { "a": { "type": "integer" }, "b": { "$ref": "#/$defs/b" } },
        "required": ["a"],
        "oneOf": [{ "properties": { "c": { "const": 1 } }, "required": ["c"] }, { "required": ["d"] }],
        "$defs": { "b": { "type": ["string", "null"] } },
    });
    let check = |value: Value| {
        Checker { root: &schema }
            .check(&schema, &value, "x")
            .is_ok()
    };
    assert!(check(json!({ "a": 1, "b": null, "c": 1 })));
    assert!(check(json!({ "a": 1, "d": 0 })));
    for bad in [
        json!({ "a": 1 }),
        json!({ "c": 1 }),
        json!({ "a": "1", "c": 1 }),
        json!({ "a": 1, "b": 2, "c": 1 }),
    ] {
        assert!(!check(bad.clone()), "{bad}");
    }
    assert!(!check(json!({ "a": 1, "c": 1, "d": 1 })), "both cases fit");
}

/// The policy files that pages show: whole ones, and lists of rules in a file around them.
fn policies_of_pages() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for page in markdown::pages() {
        for block in markdown::blocks(&markdown::page(&page)) {
            let at = format!("{page}:{}", block.line);
            if block.language() != "yaml" {
                continue;
            }
            if block.text.starts_with("  - id: ") {
                let around = "version: 1\ndefault: allow\nrules:\n";
                found.push((at, format!("{around}{}", block.text)));
            } else if block.text.starts_with("version: 1\ndefault: ") {
                found.push((at, block.text.clone()));
            }
        }
    }
    found
}

/// What an editor says of a policy by the published schema, and what `ai` says of it.
fn judged(scene: &Sandbox, schema: &Value, text: &str) -> (Result<(), String>, Option<i32>) {
    let value: Value = serde_yaml::from_str(text).unwrap();
    scene.write(".ai/policy.yaml", text);
    let loaded = scene.ai(&["policy", "validate"]).code;
    (
        Checker { root: schema }.check(schema, &value, "policy"),
        loaded,
    )
}

#[test]
fn editors_and_the_loader_agree_on_policy_files() {
    let scene = Sandbox::project();
    let schema = scene.ai_json(&["schema", "policy-file"]);
    let packs = std::fs::read_dir(markdown::project().join("policies")).unwrap();
    let packs = packs.map(|pack| {
        let path = pack.unwrap().path();
        (
            path.display().to_string(),
            std::fs::read_to_string(path).unwrap(),
        )
    });
    let pages = policies_of_pages();
    assert!(pages.len() >= 5, "only {} policies were found", pages.len());
    for (name, text) in packs.chain(pages) {
        assert_eq!(judged(&scene, &schema, &text), (Ok(()), Some(0)), "{name}");
    }
    let head = "version: 1\ndefault: allow\n";
    for bad in [
        "default: allow\n".to_owned(),
        "version: 2\ndefault: allow\n".to_owned(),
        format!("{head}rulez: []\n"),
        format!("{head}limits: {{max_attempts: 0}}\n"),
        format!("{head}limits: {{tries: 1}}\n"),
        format!("{head}rules: [{{id: a, on: edit, effect: deny}}]\n"),
        format!("{head}rules: [{{id: A b, on: edit, effect: allow}}]\n"),
        format!("{head}rules: [{{id: a, on: edits, effect: allow}}]\n"),
        format!("{head}rules: [{{id: a, on: [], effect: allow}}]\n"),
        format!("{head}rules: [{{id: a, on: edit, effect: forbid, reason: x}}]\n"),
        format!("{head}rules: [{{id: a, on: edit, paths: /etc, effect: allow}}]\n"),
        format!("{head}rules: [{{id: a, on: edit, path: src, effect: allow}}]\n"),
        format!("{head}rules: [{{id: a, on: edit, effect: allow, examples: {{match: [{{}}]}}}}]\n"),
    ] {
        let (editor, loaded) = judged(&scene, &schema, &bad);
        assert_eq!((editor.is_err(), loaded), (true, Some(1)), "{bad}");
    }
}
