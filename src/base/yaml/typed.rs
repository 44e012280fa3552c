//! A tree of nodes as JSON: scalars without quotes get the types of YAML's core schema.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use crate::base::yaml::node::{YamlNode, YamlValue};

/// The value of a node, for readers that are told the shape by `serde`.
pub fn to_json(node: YamlNode<'_>) -> Value {
    match node.value {
        YamlValue::Null => Value::Null,
        YamlValue::Quoted(text) => Value::String(text.into_owned()),
        YamlValue::Plain(text) => scalar(text),
        YamlValue::List(items) => Value::Array(items.into_iter().map(to_json).collect()),
        YamlValue::Map(entries) => {
            let pairs = entries
                .into_iter()
                .map(|(key, _, value)| (key.into_owned(), to_json(value)));
            Value::Object(pairs.collect::<Map<_, _>>())
        }
    }
}

fn scalar(text: Cow<'_, str>) -> Value {
    match &*text {
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        other => match number(other) {
            Some(number) => Value::Number(number),
            None => Value::String(text.into_owned()),
        },
    }
}

/// Whole numbers, also in hexadecimal and octal, and decimal fractions. A leading zero, as in a
/// postal code, and the words for what JSON has no number for stay text.
fn number(text: &str) -> Option<Number> {
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return u64::from_str_radix(digits, radix).ok().map(Number::from);
        }
    }
    let digits = text.trim_start_matches(['-', '+']);
    let is_padded = digits.len() > 1 && digits.bytes().take(2).all(|b| b.is_ascii_digit());
    if is_padded && digits.starts_with('0') {
        return None;
    }
    let is_numeric = digits.bytes().any(|b| b.is_ascii_digit())
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    let whole = || text.parse::<u64>().ok().map(Number::from);
    let negative = || text.parse::<i64>().ok().map(Number::from);
    let fraction = || text.parse().ok().and_then(Number::from_f64);
    is_numeric
        .then(|| whole().or_else(negative).or_else(fraction))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::yaml::parse;
    use serde_json::json;

    #[test]
    fn scalars_have_the_types_of_the_core_schema() {
        for (text, value) in [
            ("true", json!(true)),
            ("'true'", json!("true")),
            ("no", json!("no")),
            ("~", json!(null)),
            ("12", json!(12)),
            ("-3", json!(-3)),
            ("0x1f", json!(31)),
            ("0o17", json!(15)),
            ("1.50", json!(1.5)),
            ("1e3", json!(1000.0)),
            ("007", json!("007")),
            ("1.2.3", json!("1.2.3")),
            ("2026-01-02", json!("2026-01-02")),
            ("e", json!("e")),
            ("inf", json!("inf")),
            (".nan", json!(".nan")),
            ("!!str 12", json!("12")),
            ("[a, 1]", json!(["a", 1])),
            ("{b: 1}", json!({"b": 1})),
        ] {
            let root = parse(format!("v: {text}\n").as_bytes()).unwrap();
            assert_eq!(to_json(root), json!({ "v": value }), "{text}");
        }
    }
}
