//! Tables in settings files of many looks: in, found, out, and the same bytes again.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const SERVER: TablePlace = TablePlace {
    outer: "mcp_servers",
    name: "ai",
};
const LINES: &str = "command = \"/a b/ai\"\nargs = [\"mcp\"]\n";

fn server() -> Option<Value> {
    Some(json!({"command": "/a b/ai", "args": ["mcp"]}))
}

#[test]
fn a_table_is_put_behind_all_that_stands_there_and_leaves_no_trace() {
    for text in [
        "",
        "\n",
        "a = 1",
        "a = 1\n",
        "# mine\r\na = \"\"\"\n[mcp_servers.ai]\n\"\"\" # so\r\n\r\n",
        "[mcp_servers]\n",
        "[mcp_servers.b]\ncommand = \"x\"\n\n[other]\nkey = 1",
        "[[list]]\na = 1979-05-27\n[[list]]\nb = [1.5, true, {c = 2}]\n",
        "mcp_servers.b.command = \"x\"\n",
    ] {
        let with = insert(text, SERVER, LINES).unwrap();
        assert_eq!(with, format!("{text}\n[mcp_servers.ai]\n{LINES}"));
        assert_eq!(entry(&with, SERVER).unwrap(), server(), "{text:?}");
        let out = cut(&with, SERVER, LINES).unwrap();
        assert_eq!(out, Cut::Whole(Some(text.to_owned())), "{text:?}");
        // What a CLI saves behind it stays.
        let saved = format!("{with}\n[projects.\"/x\"]\ntrust_level = \"trusted\"\n");
        let out = cut(&saved, SERVER, LINES).unwrap();
        let expected = format!("{text}\n[projects.\"/x\"]\ntrust_level = \"trusted\"\n");
        assert_eq!(out, Cut::Whole(Some(expected)), "{text:?}");
    }
    let made = fresh(SERVER, LINES);
    assert_eq!(entry(&made, SERVER).unwrap(), server());
    assert_eq!(cut(&made, SERVER, LINES).unwrap(), Cut::Whole(None));
}

#[test]
fn a_file_into_which_nothing_can_be_put_is_left_and_the_reason_is_told() {
    let told: Vec<String> = [
        "a = ",
        "a = 1\na = 2\n",
        "mcp_servers = 1",
        "mcp_servers = {b = {command = \"x\"}}",
        "mcp_servers = {ai = {command = \"x\"}}",
        "[mcp_servers.ai]\n",
        "[[mcp_servers]]\n",
        "\u{7}",
    ]
    .into_iter()
    .map(|text| insert(text, SERVER, LINES).unwrap_err().to_string())
    .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    it is no TOML: string values must be quoted, expected literal string
    it is no TOML: duplicate key
    `mcp_servers` in it is not a table
    the entry cannot be told from what stands around it
    `ai` stands in it twice
    `ai` stands in it twice
    `mcp_servers` in it is not a table
    it is no TOML: key with no value, expected `=`
    ");
}

#[test]
fn out_of_a_file_that_was_written_anew_the_table_alone_is_taken() {
    let anew = "[mcp_servers.ai]\ncommand = '/a b/ai'\n# within\nargs = [\n  \"mcp\",\n]\n\n[mcp_servers.ai.env]\nA = \"1\"\n\n# of b\n[mcp_servers.b]\ncommand = \"x\"\n";
    assert_eq!(
        cut(anew, SERVER, LINES).unwrap(),
        Cut::Entry("\n# of b\n[mcp_servers.b]\ncommand = \"x\"\n".to_owned())
    );
    for text in [
        "mcp_servers = {ai = {command = \"x\"}}",
        "mcp_servers.ai.command = \"x\"\n",
        "[mcp_servers]\nai = {command = \"x\"}\n",
    ] {
        assert_eq!(cut(text, SERVER, LINES), Err(SettingsFault::Entangled));
    }
}

/// TOML of any look: tables, lists of tables, lines in any order, comments and line ends.
fn settings() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("a = 1"),
        Just("b = \"]\\\"\""),
        Just("c = '''\n[mcp_servers.ai]\n'''"),
        Just("d = [\n 1, # one\n]"),
        Just("[mcp_servers]"),
        Just("[mcp_servers.b]"),
        Just("[mcp_servers.ai2]"),
        Just("[x.mcp_servers.ai]"),
        Just("[[y]]"),
        Just("# [mcp_servers.ai]"),
        Just("mcp_servers.c.e = 2"),
        Just(""),
    ];
    let end = prop_oneof![Just("\n"), Just("\r\n"), Just(" # é\n")];
    let lines = prop::collection::vec((line, end), 0..8);
    (lines, prop_oneof![Just(""), Just("# last"), Just("  ")]).prop_map(|(lines, last)| {
        let lines = lines.iter().map(|(line, end)| format!("{line}{end}"));
        lines.collect::<String>() + last
    })
}

proptest! {
    #[test]
    fn in_and_out_again_gives_the_same_bytes(text in settings()) {
        let Ok(with) = insert(&text, SERVER, LINES) else { return Ok(()) };
        prop_assert_eq!(entry(&with, SERVER).unwrap(), server());
        prop_assert_eq!(cut(&with, SERVER, LINES).unwrap(), Cut::Whole(Some(text)));
    }

    /// Only what is no TOML is a reason to refuse.
    #[test]
    fn toml_of_any_look_takes_a_table(text in settings()) {
        if entry(&text, SERVER).is_ok() {
            prop_assert!(insert(&text, SERVER, LINES).is_ok(), "{text}");
        }
    }

    #[test]
    fn any_text_can_be_looked_at(text in "[\\[\\]a.=\"'\n#mcp_servers]{0,40}") {
        let _told = insert(&text, SERVER, LINES);
        let _told = cut(&text, SERVER, LINES);
    }
}
