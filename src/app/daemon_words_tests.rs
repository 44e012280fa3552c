//! The page for whoever writes another client names every word and every field of the protocol: its tables are made from
//! the schemas of the types themselves.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::*;

/// The names of the types on the page, in its order. A type that is not here has no name, and fails the test.
const NAMES: [(&str, &str); 13] = [
    ("DaemonHello", "hello"),
    ("DaemonAsk", "ask"),
    ("RunsAtStop", "fate of the runs"),
    ("DaemonWord", "answer"),
    ("DaemonSight", "status"),
    ("DaemonPhase", "phase"),
    ("DaemonRunSeen", "run"),
    ("DaemonRestSeen", "rest"),
    ("DaemonLandingSeen", "landing"),
    ("DaemonLastLanding", "last landing"),
    ("DaemonLeftOut", "left out"),
    ("StandingOrder", "order"),
    ("OrderKind", "kind of order"),
];
const BEGIN: &str = "<!-- the words, from src/app/daemon_words.rs -->\n";
const END: &str = "<!-- end of the words -->";

/// All types of the protocol that have fields or words of their own, by their names in the code.
fn all() -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    let mut add = |name: &str, schema: schemars::Schema| {
        let mut schema = schema.to_value();
        if let Some(Value::Object(inner)) = schema.get_mut("$defs").map(Value::take) {
            all.extend(inner);
        }
        all.insert(name.to_owned(), schema);
    };
    add("DaemonAsk", schemars::schema_for!(DaemonAsk));
    add("DaemonHello", said_by_a_daemon::<DaemonHello>());
    add("DaemonWord", said_by_a_daemon::<DaemonWord>());
    add("RefusalTold", said_by_a_daemon::<RefusalTold>());
    all
}

/// The schema of what is written, where a field that may be null is always there.
fn said_by_a_daemon<T: JsonSchema>() -> schemars::Schema {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<T>()
}

fn called(name: &str) -> &'static str {
    let found = NAMES.iter().find(|(own, _)| *own == name);
    match (found, name) {
        (Some((_, called)), _) => called,
        (None, "RefusalTold") => "error",
        // A name of something, which is a text.
        (None, "TaskId" | "RunId") => "text",
        (None, other) => panic!("the page has no name for {other}"),
    }
}

/// The kind of a value, in words.
fn kind(schema: &Value) -> String {
    if let Some(Value::String(of)) = schema.get("$ref") {
        return called(of.rsplit('/').next().unwrap()).to_owned();
    }
    if let Some(Value::Array(parts)) = schema.get("anyOf") {
        let parts: Vec<String> = parts.iter().map(kind).collect();
        return parts.join(" or ");
    }
    let word = |one: &Value| match one.as_str().unwrap() {
        "integer" => "number".to_owned(),
        "string" => "text".to_owned(),
        "boolean" => "true or false".to_owned(),
        "array" => format!("list of {}", kind(&schema["items"])),
        "null" => "null".to_owned(),
        other => panic!("{other}: {schema}"),
    };
    match &schema["type"] {
        Value::Array(all) => all.iter().map(word).collect::<Vec<_>>().join(" or "),
        one => word(one),
    }
}

fn row(page: &mut String, cells: [&str; 3]) {
    let [name, kind, said] = cells.map(|cell| cell.replace('\n', " ").replace('|', "\\|"));
    writeln!(
        page,
        "| `{name}` | {kind} | {} |",
        said.trim_end_matches('.')
    )
    .unwrap();
}

fn said(schema: &Value) -> &str {
    schema["description"].as_str().unwrap_or_default()
}

/// The fields of an object; one that need not be there says so.
fn fields(page: &mut String, before: &str, schema: &Value) {
    let needed = schema["required"].as_array().cloned().unwrap_or_default();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let is_needed = needed.iter().any(|one| one == name);
        let kind = kind(field);
        let kind = if is_needed {
            kind
        } else {
            format!("{kind}; may be absent")
        };
        row(page, [&format!("{before}{name}"), &kind, said(field)]);
    }
}

/// The words of a choice, each with its fields.
fn words(page: &mut String, choices: &[Value]) {
    for choice in choices {
        if let Some(word) = choice["const"].as_str() {
            row(page, [word, "word", said(choice)]);
            continue;
        }
        if let Some(words) = choice["enum"].as_array() {
            for word in words {
                row(page, [word.as_str().unwrap(), "word", said(choice)]);
            }
            continue;
        }
        for (word, inner) in choice["properties"].as_object().unwrap() {
            if inner.get("properties").is_some() {
                row(page, [word, "object", said(choice)]);
                fields(page, &format!("{word}."), inner);
            } else {
                row(page, [word, &kind(inner), said(choice)]);
            }
        }
    }
}

fn tables() -> String {
    let all = all();
    let mut page = String::new();
    let names = NAMES.iter().map(|(name, _)| *name);
    for name in names.chain(["RefusalTold"]) {
        let schema = &all[name];
        let title = called(name);
        writeln!(page, "**{title}**: {}\n", said(schema).replace('\n', " ")).unwrap();
        page.push_str("| name | is | meaning |\n|---|---|---|\n");
        match (schema.get("oneOf"), schema.get("enum")) {
            (Some(Value::Array(choices)), _) => words(&mut page, choices),
            (_, Some(_)) => words(&mut page, std::slice::from_ref(schema)),
            _ => fields(&mut page, "", schema),
        }
        page.push('\n');
    }
    for name in all.keys() {
        // Fails where a type has come to the protocol that the page does not tell of.
        called(name);
    }
    page
}

#[test]
fn generated_words_of_the_page_are_those_of_the_protocol() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/daemon-protocol.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let current = format!("{before}{BEGIN}\n{}{END}{after}", tables());
    if std::env::var_os("AI_GENERATE").is_some() {
        std::fs::write(path, &current).unwrap();
    }
    assert!(
        std::fs::read_to_string(path).unwrap() == current,
        "docs/daemon-protocol.md is stale: run `make gen`"
    );
}
