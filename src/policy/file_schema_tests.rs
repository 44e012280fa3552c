//! The schema of policy files against the loader, in both directions.

use super::*;
use crate::base::yaml::YamlProblem;
use crate::policy::gather;
use crate::policy::load::FILE;
use schemars::generate::SchemaSettings;

fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    settings
        .into_generator()
        .into_root_schema_for::<PolicyFile>()
        .to_value()
}

fn validate(bytes: &[u8], file: &str) -> Vec<YamlProblem> {
    gather::validate(bytes, file).map_or_else(Vec::new, |problems| problems.list)
}

/// The fields that the loader knows at a place, by what it says of one that nobody could mean.
fn known(file: &str) -> BTreeSet<String> {
    let problems = validate(file.as_bytes(), FILE);
    let hint = problems.iter().find_map(|problem| {
        let hint = problem.hint.as_deref()?.strip_prefix("known are ")?;
        problem
            .message
            .contains("`qqqqqqqqqqqq`")
            .then(|| hint.to_owned())
    });
    hint.expect(file).split(", ").map(str::to_owned).collect()
}

fn fields(schema: &Value, at: &str) -> BTreeSet<String> {
    let here = schema.pointer(at).expect(at);
    assert_eq!(here["additionalProperties"], false, "{at}");
    let fields = here["properties"].as_object().expect(at);
    for (name, field) in fields {
        assert!(
            field.get("description").is_some() || name == "version" || at.contains("limits"),
            "{at}/{name}: {field}"
        );
    }
    fields.keys().cloned().collect()
}

#[test]
fn schema_and_loader_know_the_same_fields() {
    let schema = schema();
    let rule = "version: 1\ndefault: allow\nrules:\n  - id: r\n    on: edit\n    effect: allow\n";
    for (file, at) in [
        ("qqqqqqqqqqqq: 1\n".to_owned(), ""),
        (format!("{rule}    qqqqqqqqqqqq: 1\n"), "/$defs/Rule"),
        (
            "limits: {qqqqqqqqqqqq: 1}\n".to_owned(),
            "/properties/limits",
        ),
        (
            "guards: {qqqqqqqqqqqq: 1}\n".to_owned(),
            "/properties/guards",
        ),
        (
            format!("{rule}    examples: {{qqqqqqqqqqqq: []}}\n"),
            "/$defs/Examples",
        ),
        (
            format!("{rule}    examples: {{match: [{{qqqqqqqqqqqq: x}}]}}\n"),
            "/$defs/ExampleParts",
        ),
    ] {
        assert_eq!(fields(&schema, at), known(&file), "{at}");
    }
}

/// The words that stand for one thing, each with its text.
fn words_at(schema: &Value, at: &str) -> Vec<String> {
    let cases = schema.pointer(at).and_then(|here| here["oneOf"].as_array());
    let word = |case: &Value| {
        assert!(
            case["description"]
                .as_str()
                .is_some_and(|text| text.len() > 4),
            "{case}"
        );
        case["const"].as_str().expect("a word").to_owned()
    };
    cases.expect(at).iter().map(word).collect()
}

#[test]
fn every_word_of_the_schema_is_read_and_no_other_exists() {
    let schema = schema();
    let file =
        |rule: &str| format!("version: 1\ndefault: allow\nrules: [{{id: r, reason: x, {rule}}}]\n");
    let problems = |rule: String| validate(file(&rule).as_bytes(), FILE);
    let effects = words_at(&schema, "/$defs/RuleEffect");
    let known = problems("on: edit, effect: qqqqqqqqqqqq".to_owned());
    assert_eq!(
        known[0].hint.as_deref(),
        Some(format!("known are {}", effects.join(", ")).as_str())
    );
    for on in words_at(&schema, "/$defs/ActionPattern") {
        assert_eq!(problems(format!("on: '{on}', effect: deny")), [], "{on}");
    }
    let actions = words_at(&schema, "/$defs/Action");
    assert_eq!(actions.len(), Action::ALL.len());
    for kind in words_at(&schema, "/$defs/ToolKind") {
        assert_eq!(
            problems(format!("on: edit, kinds: {kind}, effect: deny")),
            []
        );
    }
    assert_eq!(
        words_at(&schema, "/$defs/ToolKind").len(),
        ToolKind::ALL.len()
    );
}

#[test]
fn patterns_of_the_schema_are_those_of_the_loader() {
    let schema = schema();
    let regex = |name: &str| {
        let pattern = schema
            .pointer(&format!("/$defs/{name}/pattern"))
            .and_then(Value::as_str);
        regex::Regex::new(pattern.expect(name)).expect(name)
    };
    let loads = |field: &str| {
        let rule = format!("id: r, on: edit, effect: require_approval, reason: x, {field}");
        validate(
            format!("version: 1\ndefault: allow\nrules: [{{{rule}}}]\n").as_bytes(),
            FILE,
        )
        .is_empty()
    };
    for (name, field, texts) in [
        (
            "PathPattern",
            "paths",
            &[
                "src/", "./a", "**/*.md", "/a", "~x", "!a", "@m", "a\\\\b", "a b",
            ][..],
        ),
        ("NamePattern", "actors", &["agent:*", "x?", "[a]", "{a}"]),
        (
            "PersonPattern",
            "approvers",
            &["human:a", "*:b", "ann", "agent:x", "human:[a]"],
        ),
    ] {
        for text in texts {
            let told = text.replace("\\\\", "\\");
            assert_eq!(
                regex(name).is_match(&told),
                loads(&format!("{field}: [\"{text}\"]")),
                "{name} {told}"
            );
        }
    }
    let expires = schema
        .pointer("/$defs/Rule/properties/expires/pattern")
        .and_then(Value::as_str);
    let expires = regex::Regex::new(expires.expect("expires")).expect("expires");
    for text in ["12h", "30d", "1h30m", "5", "30x", "m"] {
        assert_eq!(
            expires.is_match(text),
            loads(&format!("expires: '{text}'")),
            "{text}"
        );
    }
}

/// The options of each guard in the schema are those that the loader knows, and its words are read.
#[test]
fn guards_of_the_schema_are_those_of_the_loader() {
    let schema = schema();
    for guard in Guard::ALL {
        let word = guard.word();
        let shape = schema.pointer(&format!("/properties/guards/properties/{word}"));
        let all = shape
            .and_then(|shape| shape["anyOf"].as_array())
            .expect(word);
        let (mapping, words) = all.split_last().expect(word);
        let fields: BTreeSet<String> = mapping["properties"]
            .as_object()
            .expect(word)
            .keys()
            .cloned()
            .collect();
        let written = format!("guards: {{{word}: {{effect: warn, qqqqqqqqqqqq: 1}}}}\n");
        assert_eq!(fields, known(&written), "{word}");
        for case in words
            .iter()
            .flat_map(|words| words["oneOf"].as_array())
            .flatten()
        {
            let effect = case["const"].as_str().expect(word);
            let file = format!("version: 1\ndefault: allow\nguards: {{{word}: {effect}}}\n");
            assert!(
                validate(file.as_bytes(), FILE).is_empty(),
                "{word}: {effect}"
            );
        }
        let whole = validate(
            format!("version: 1\ndefault: allow\nguards: {{{word}: deny}}\n").as_bytes(),
            FILE,
        );
        assert_eq!(whole.is_empty(), !words.is_empty(), "{word}");
    }
}
