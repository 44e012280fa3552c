//! Settings of a CLI that knows no other place for defaults than the file in its home: the user's own
//! file over the defaults of its connector, as one text.

use serde_json::Value;

use crate::connector::json_text::without_comments;

/// The defaults with what the user's own file says over them. Both are JSON, the user's may hold
/// comments.
///
/// # Errors
/// Where one of them is no JSON.
pub fn merged(defaults: &str, own: Option<&str>) -> Result<String, serde_json::Error> {
    let mut settings: Value = serde_json::from_str(defaults)?;
    if let Some(own) = own.filter(|own| !own.trim().is_empty()) {
        put_over(&mut settings, serde_json::from_str(&without_comments(own))?);
    }
    serde_json::to_string_pretty(&settings)
}

/// Settings with further ones over them, each as JSON: what these name counts, lists begin with theirs, and the rest
/// stays. The text beneath may hold comments, and be empty.
///
/// # Errors
/// Where one of them is no JSON.
pub fn with_more(settings: &str, more: &str) -> Result<String, serde_json::Error> {
    let mut all = if settings.trim().is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&without_comments(settings))?
    };
    add(&mut all, serde_json::from_str(more)?);
    serde_json::to_string_pretty(&all)
}

fn add(under: &mut Value, more: Value) {
    match (under, more) {
        (Value::Object(under), Value::Object(more)) => {
            for (key, value) in more {
                add(under.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(under), Value::Array(more)) => {
            under.splice(0..0, more);
        }
        (under, more) => *under = more,
    }
}

fn put_over(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                put_over(under.entry(key).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DEFAULTS: &str =
        r#"{"privacy": {"usage": false}, "general": {"update": false, "nag": false}}"#;

    #[test]
    fn what_the_user_says_outranks_the_defaults_and_the_rest_stays() {
        let over = |own: &str| -> Value {
            serde_json::from_str(&merged(DEFAULTS, Some(own)).unwrap()).unwrap()
        };
        let plain: Value = serde_json::from_str(DEFAULTS).unwrap();
        for nothing in ["", " \n", "{}", "// {\"general\": 1}\n{}", "/* * // */ {}"] {
            assert_eq!(over(nothing), plain, "{nothing:?}");
        }
        assert_eq!(
            over(
                "{\"general\": {\"update\": true}, // mine\n \"mcp\": {\"url\": \"http://example.com/*b\\\"\"}}"
            ),
            serde_json::json!({
                "privacy": {"usage": false},
                "general": {"update": true, "nag": false},
                "mcp": {"url": "http://example.com/*b\""},
            })
        );
        assert_eq!(over("{\"general\": null}")["general"], Value::Null);
        assert_eq!(
            merged(DEFAULTS, None).unwrap(),
            merged(DEFAULTS, Some("{}")).unwrap()
        );
    }

    #[test]
    fn further_settings_go_over_all_others_and_take_nothing_away() {
        let more = r#"{"hooks": {"Before": [1]}, "mcp": {"ai": {"command": "ai"}}}"#;
        for (settings, expected) in [
            ("", serde_json::from_str(more).unwrap()),
            ("{}", serde_json::from_str(more).unwrap()),
            (
                "{\"a\": 1, // mine\n \"hooks\": {\"Before\": [2], \"After\": [3]}, \"mcp\": {\"ai\": 7, \"b\": {}}}",
                serde_json::json!({
                    "a": 1,
                    "hooks": {"Before": [1, 2], "After": [3]},
                    "mcp": {"ai": {"command": "ai"}, "b": {}},
                }),
            ),
        ] {
            let told: Value = serde_json::from_str(&with_more(settings, more).unwrap()).unwrap();
            assert_eq!(told, expected, "{settings}");
        }
        assert!(with_more("{", more).is_err());
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        for own in ["{", "{\"a\": 1,}", "/* {}", "\"open", "a"] {
            assert!(merged(DEFAULTS, Some(own)).is_err(), "{own:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_looked_through(text in "[\"/*\\\\\na{}é]{0,40}") {
            let _ended = merged(DEFAULTS, Some(&text));
        }
    }
}
