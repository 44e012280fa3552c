//! Entries in settings files of many looks: in, found, out, and the same bytes again.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const HOOK: EntryPlace = EntryPlace {
    path: &["hooks", "PreToolUse"],
    member: None,
};
const SERVER: EntryPlace = EntryPlace {
    path: &["mcpServers"],
    member: Some("ai"),
};
const ENTRY: &str = r#"{"matcher": "*", "hooks": [{"command": "'/a b/ai' x || exit 2"}]}"#;

fn entry() -> Value {
    serde_json::from_str(ENTRY).unwrap()
}

#[test]
fn an_entry_is_put_in_front_of_all_others_and_leaves_no_trace() {
    let e = ENTRY;
    let table: [(&str, EntryPlace, String); 14] = [
        (
            "{}",
            HOOK,
            format!(r#"{{ "hooks": {{"PreToolUse": [{e}]}}}}"#),
        ),
        (
            "{ }\n",
            HOOK,
            format!("{{ \"hooks\": {{\"PreToolUse\": [{e}]}} }}\n"),
        ),
        (
            "",
            HOOK,
            format!(r#"{{  "hooks": {{"PreToolUse": [{e}]}}}}"#),
        ),
        (
            "\u{feff}\n",
            HOOK,
            format!("\u{feff}{{  \"hooks\": {{\"PreToolUse\": [{e}]}}}}\n"),
        ),
        (
            "{\r\n  \"a\": 1\r\n}",
            HOOK,
            format!("{{\r\n  \"hooks\": {{\"PreToolUse\": [{e}]}},\r\n  \"a\": 1\r\n}}"),
        ),
        (
            "{\"hooks\":{}, \"a\":[]}",
            HOOK,
            format!("{{\"hooks\":{{ \"PreToolUse\": [{e}]}}, \"a\":[]}}"),
        ),
        (
            "{\"hooks\":{\"PreToolUse\":[]}}",
            HOOK,
            format!("{{\"hooks\":{{\"PreToolUse\":[ {e}]}}}}"),
        ),
        (
            "{\"hooks\":{\"Stop\":[1]}}",
            HOOK,
            format!("{{\"hooks\":{{\"PreToolUse\": [{e}],\"Stop\":[1]}}}}"),
        ),
        (
            "{ // mine\n \"a\": \"}\" /* { */ }",
            HOOK,
            format!("{{ \"hooks\": {{\"PreToolUse\": [{e}]}}, // mine\n \"a\": \"}}\" /* {{ */ }}"),
        ),
        (
            "// first\n{\"hooks\": {\"PreToolUse\": [\n    {\"b\": \"\\\"[\"}\n  ]}}\n",
            HOOK,
            format!(
                "// first\n{{\"hooks\": {{\"PreToolUse\": [\n    {e},\n    {{\"b\": \"\\\"[\"}}\n  ]}}}}\n"
            ),
        ),
        (
            "{\"\\u0068ooks\": {}}",
            HOOK,
            format!("{{\"\\u0068ooks\": {{ \"PreToolUse\": [{e}]}}}}"),
        ),
        ("{}", SERVER, format!(r#"{{ "mcpServers": {{"ai": {e}}}}}"#)),
        (
            "{\"mcpServers\": {\"b\": {}}}",
            SERVER,
            format!("{{\"mcpServers\": {{\"ai\": {e},\"b\": {{}}}}}}"),
        ),
        (
            "\u{feff}{\n\t\"mcpServers\": {\n\t}\n}",
            SERVER,
            format!("\u{feff}{{\n\t\"mcpServers\": {{ \"ai\": {e}\n\t}}\n}}"),
        ),
    ];
    for (text, place, expected) in table {
        let with = insert(text, place, ENTRY).unwrap();
        assert_eq!(with, expected, "{text:?}");
        assert_eq!(entries(&with, place).unwrap()[0], entry(), "{text:?}");
        assert_eq!(
            cut(&with, place, 0, ENTRY).unwrap(),
            whole(text),
            "{text:?}"
        );
    }
    let made = fresh(HOOK, ENTRY);
    assert_eq!(entries(&made, HOOK).unwrap(), [entry()]);
    assert_eq!(cut(&made, HOOK, 0, ENTRY).unwrap(), Cut::Whole(None));
}

#[test]
fn a_file_into_which_nothing_can_be_put_is_left_and_the_reason_is_told() {
    for (text, why) in [
        ("[]", "`the whole` in it is not an object"),
        ("7", "`the whole` in it is not an object"),
        ("{\"hooks\": []}", "`hooks` in it is not an object"),
        (
            "{\"hooks\": {\"PreToolUse\": {}}}",
            "`PreToolUse` in it is not a list",
        ),
        ("{\"hooks\": null}", "`hooks` in it is not an object"),
        (
            "{\"hooks\": {}, \"hooks\": {}}",
            "`hooks` stands in it twice",
        ),
        (
            "{\"a\": 1,}",
            "it is no JSON, with or without comments: trailing comma at line 1 column 9",
        ),
        (
            "{\"a\": 1",
            "it is no JSON, with or without comments: EOF while parsing an object at line 1 column 7",
        ),
        (
            "{} {}",
            "it is no JSON, with or without comments: trailing characters at line 1 column 4",
        ),
        (
            "/* {}",
            "it is no JSON, with or without comments: EOF while parsing a value at line 1 column 5",
        ),
    ] {
        assert_eq!(
            insert(text, HOOK, ENTRY).unwrap_err().to_string(),
            why,
            "{text}"
        );
    }
    let twice = "{\"mcpServers\": {\"ai\": 1, \"ai\": 2}}";
    assert_eq!(
        entries(twice, SERVER).unwrap_err().to_string(),
        "`ai` stands in it twice"
    );
}

/// A CLI that saves its settings writes all of them in its own look.
#[test]
fn out_of_a_file_that_was_written_anew_the_entry_alone_is_taken() {
    let e = ENTRY;
    let table: [(String, usize, &str); 9] = [
        (
            format!("{{\"hooks\":{{\"PreToolUse\":[{e}]}},\"b\":1}}"),
            0,
            "{\"b\":1}",
        ),
        (
            format!(
                "{{\n  \"b\": 1,\n  \"hooks\": {{\n    \"PreToolUse\": [\n      {e}\n    ]\n  }}\n}}"
            ),
            0,
            "{\n  \"b\": 1\n}",
        ),
        (
            format!("{{\"hooks\":{{\"Stop\":[],\"PreToolUse\":[{e}]}}}}"),
            0,
            "{\"hooks\":{\"Stop\":[]}}",
        ),
        (
            format!("{{\"hooks\":{{\"PreToolUse\":[{e}, 7]}}}}"),
            0,
            "{\"hooks\":{\"PreToolUse\":[7]}}",
        ),
        (
            format!("{{\"hooks\":{{\"PreToolUse\":[7, {e}]}}}}"),
            1,
            "{\"hooks\":{\"PreToolUse\":[7]}}",
        ),
        (
            format!("{{\"hooks\":{{\"PreToolUse\":[7, {e}, 8]}}}}"),
            1,
            "{\"hooks\":{\"PreToolUse\":[7, 8]}}",
        ),
        (
            format!("{{\"hooks\":{{\"PreToolUse\":[7, /* c */ {e} /* d */]}}}}"),
            1,
            "{\"hooks\":{\"PreToolUse\":[7 /* c */  /* d */]}}",
        ),
        (
            format!("{{\"hooks\":{{\"PreToolUse\":[/* why */{e}]}}}}"),
            0,
            "{\"hooks\":{\"PreToolUse\":[/* why */]}}",
        ),
        (format!("{{\"hooks\":{{\"PreToolUse\":[{e}]}}}}"), 0, "{}"),
    ];
    for (text, number, expected) in table {
        let cut = cut(&text, HOOK, number, "what was written before").unwrap();
        assert_eq!(cut, Cut::Entry(expected.to_owned()), "{text}");
    }
    let text = "{\"b\":1,\"mcpServers\":{\"x\":1,\"ai\":{}}}";
    assert_eq!(
        cut(text, SERVER, 0, "-").unwrap(),
        Cut::Entry("{\"b\":1,\"mcpServers\":{\"x\":1}}".to_owned())
    );
    assert_eq!(cut("{}", SERVER, 0, "-"), Err(SettingsFault::Entangled));
}

#[test]
fn comments_become_blanks_of_their_own_length() {
    for (text, plain) in [
        ("{} // é\r\n", "{}      \r\n"),
        ("/*/ \" */1", "        1"),
        ("\"//\\\"/*\" /**/", "\"//\\\"/*\"     "),
        ("/* é", "     "),
        ("a/b", "a/b"),
    ] {
        assert_eq!(without_comments(text), plain, "{text:?}");
    }
}

/// JSON of any look: blanks, comments, line ends, and now and then the keys that are asked about.
fn settings() -> impl Strategy<Value = String> {
    let gap = || {
        prop_oneof![
            Just(""),
            Just(" "),
            Just("\n  "),
            Just("\r\n\t"),
            Just("/* { \" */"),
            Just(" // [ \"\n"),
            Just(" //é\r\n "),
        ]
    };
    let leaf = prop_oneof![
        Just("1".to_owned()),
        Just("null".to_owned()),
        Just("-0.5e3".to_owned()),
        Just(r#""a\"b{/*é""#.to_owned()),
        Just(r#""\\""#.to_owned()),
        Just(ENTRY.to_owned()),
    ];
    let value = leaf.prop_recursive(3, 24, 4, move |inner| {
        let item = (gap(), inner.clone(), gap()).prop_map(|(a, v, b)| format!("{a}{v}{b}"));
        let list = (prop::collection::vec(item, 0..4), gap()).prop_map(|(all, blank)| {
            if all.is_empty() {
                format!("[{blank}]")
            } else {
                format!("[{}]", all.join(","))
            }
        });
        prop_oneof![list, object(gap(), inner)]
    });
    let mark = prop_oneof![Just(""), Just("\u{feff}"), Just("\n"), Just("// top\n")];
    (mark, object(gap(), value), gap()).prop_map(|(mark, root, end)| format!("{mark}{root}{end}"))
}

fn object(
    gap: impl Strategy<Value = &'static str> + Clone + 'static,
    value: impl Strategy<Value = String> + 'static,
) -> impl Strategy<Value = String> {
    let keys = prop::sample::subsequence(
        vec!["hooks", "PreToolUse", "mcpServers", "ai", "a b", "\\\""],
        0..5,
    );
    let rows = prop::collection::vec((gap.clone(), gap.clone(), value), 5);
    (keys.prop_shuffle(), rows, gap).prop_map(|(keys, rows, blank)| {
        let all: Vec<String> = keys
            .iter()
            .zip(rows)
            .map(|(key, (a, b, value))| format!("{a}\"{key}\"{b}:{a}{value}{b}"))
            .collect();
        if all.is_empty() {
            format!("{{{blank}}}")
        } else {
            format!("{{{}}}", all.join(","))
        }
    })
}

proptest! {
    #[test]
    fn in_and_out_again_gives_the_same_bytes(text in settings()) {
        for place in [HOOK, SERVER] {
            if place.member.is_some() && entries(&text, place).is_ok_and(|all| !all.is_empty()) {
                continue;
            }
            let Ok(with) = insert(&text, place, ENTRY) else { continue };
            prop_assert_eq!(&entries(&with, place).unwrap()[0], &entry());
            prop_assert_eq!(cut(&with, place, 0, ENTRY).unwrap(), whole(&text));
        }
    }

    /// Two things of ours in one file, taken out in either order.
    #[test]
    fn two_entries_leave_the_same_bytes_in_either_order(text in settings()) {
        if entries(&text, SERVER).is_ok_and(|all| !all.is_empty()) { return Ok(()) }
        let Ok(one) = insert(&text, HOOK, ENTRY) else { return Ok(()) };
        let Ok(both) = insert(&one, SERVER, ENTRY) else { return Ok(()) };
        for (first, second) in [(HOOK, SERVER), (SERVER, HOOK)] {
            let (Cut::Whole(Some(left)) | Cut::Entry(left)) = cut(&both, first, 0, ENTRY).unwrap() else {
                return Err(TestCaseError::fail(text));
            };
            prop_assert_eq!(cut(&left, second, 0, ENTRY).unwrap(), whole(&text), "{}", both);
        }
    }

    /// Only a place that is something else is a reason to refuse.
    #[test]
    fn json_of_any_look_takes_an_entry(text in settings()) {
        match insert(&text, HOOK, ENTRY) {
            Ok(_) | Err(SettingsFault::OtherKind(..)) => {}
            Err(why) => prop_assert!(false, "{why}: {text}"),
        }
    }

    #[test]
    fn by_its_value_the_entry_is_taken_out_of_any_text(text in settings(), number in 0..4_usize) {
        let Ok(all) = entries(&text, HOOK) else { return Ok(()) };
        if number >= all.len() { return Ok(()) }
        if let Cut::Entry(out) = cut(&text, HOOK, number, "-").unwrap() {
            let mut left = all;
            left.remove(number);
            prop_assert_eq!(entries(&out, HOOK).unwrap(), left);
        }
    }

    #[test]
    fn any_text_can_be_looked_at(text in "[\"/*\\\\\n{}:,a1é\\[\\]]{0,40}") {
        let _told = insert(&text, HOOK, ENTRY);
        let _told = cut(&text, HOOK, 0, ENTRY);
        prop_assert_eq!(without_comments(&text).len(), text.len());
    }
}

#[test]
fn a_value_of_every_kind_has_its_end() {
    let text = r#"{"a": "x\\", "b": [1, {"c": "]"}], "d": -1.5, "e": null}"#;
    let parsed = Parsed::of(text).unwrap();
    let all: Vec<Value> = parsed
        .children(&parsed.root)
        .iter()
        .map(|child| parsed.value(&child.value).unwrap())
        .collect();
    assert_eq!(
        all,
        [
            json!("x\\"),
            json!([1, {"c": "]"}]),
            json!(-1.5),
            Value::Null
        ]
    );
}
