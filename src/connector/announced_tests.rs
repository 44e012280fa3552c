//! Payloads of real CLIs, and of none, in tables.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::*;

/// Each recorded payload of a CLI in a line: kind, tool, files, command.
fn read(cli: HookCli, payloads: &str) -> Vec<String> {
    let here = Path::new("/here");
    let all = payloads
        .lines()
        .map(|line| announced(cli, line.as_bytes(), here).unwrap());
    all.map(|call| {
        let command = call
            .command
            .map(|text| format!(" $ {}", text.lines().next().unwrap()));
        let told = if call.digest.is_some() {
            ""
        } else {
            " by its files"
        };
        format!(
            "{} {} {:?}{}{told}",
            call.kind,
            call.title,
            call.paths,
            command.unwrap_or_default()
        )
    })
    .collect()
}

/// What is wrong with a payload, or how it was read.
fn fault(cli: HookCli, payload: &str) -> String {
    match announced(cli, payload.as_bytes(), Path::new("/here")) {
        Ok(call) => format!("{} {:?}", call.kind, call.paths),
        Err(why) => why.to_string(),
    }
}

macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!("../../tests/data/hook-payloads/", $name, ".jsonl"))
    };
}

#[test]
fn what_each_cli_says_is_understood() {
    let patched =
        r#"["/tree/README.md", "/tree/docs/README.md", "/tree/gone.txt", "/tree/new/a.txt"]"#;
    let table: [(HookCli, &str, &[&str]); 6] = [
        (
            HookCli::Claude,
            recorded!("claude"),
            &[
                r#"edit Write ["/tree/hello.txt"] by its files"#,
                r#"edit Edit ["/tree/README.md"] by its files"#,
                r#"edit NotebookEdit ["/tree/n.ipynb"] by its files"#,
                r#"read Read ["/tree/README.md"]"#,
                "execute Bash [] $ echo ran > ran.txt",
                "read BashOutput []",
                r#"search Grep ["/tree/src"]"#,
                "fetch WebFetch []",
                "other mcp__ai__check_path []",
            ],
        ),
        (
            HookCli::Codex,
            recorded!("codex"),
            &[
                &format!("edit apply_patch {patched} by its files"),
                "execute Bash [] $ echo ran > ran.txt",
                &format!("execute Bash {patched} $ apply_patch <<'EOF'"),
            ],
        ),
        (
            HookCli::Gemini,
            recorded!("gemini"),
            &[
                r#"edit write_file ["/tree/hello.txt"] by its files"#,
                r#"edit replace ["/tree/README.md"] by its files"#,
                r#"read read_file ["/tree/README.md"]"#,
                "execute run_shell_command [] $ echo ran > ran.txt",
            ],
        ),
        (
            HookCli::Qwen,
            recorded!("qwen"),
            &[
                r#"edit write_file ["/tree/hello.txt"] by its files"#,
                r#"edit edit ["/tree/README.md"] by its files"#,
                r#"read read_file ["/tree/README.md"]"#,
                "execute run_shell_command [] $ echo ran > ran.txt",
            ],
        ),
        (
            HookCli::Opencode,
            recorded!("opencode"),
            &[
                r#"edit write ["/tree/hello.txt"] by its files"#,
                r#"edit edit ["/tree/README.md"] by its files"#,
                &format!("edit apply_patch {patched} by its files"),
                r#"read read ["/tree/README.md"]"#,
                "execute bash [] $ echo ran > ran.txt",
            ],
        ),
        (
            HookCli::Copilot,
            recorded!("copilot"),
            &[
                r#"edit create ["/tree/hello.txt"] by its files"#,
                r#"edit edit ["/tree/README.md"] by its files"#,
                r#"read view ["/tree/README.md"]"#,
                "execute bash [] $ echo ran > ran.txt",
                r#"edit create ["/tree/as-text.txt"] by its files"#,
                r#"edit str_replace_editor ["/tree/c.txt"] by its files"#,
            ],
        ),
    ];
    for (cli, payloads, expected) in table {
        assert_eq!(read(cli, payloads), expected, "{cli}");
    }
}

#[test]
fn what_cannot_be_told_is_no_harmless_call() {
    use HookCli::{Claude, Codex, Copilot, Opencode};
    let table = [
        (
            Claude,
            "",
            "what the CLI says of the tool call is no JSON: EOF while parsing a value at line 1 column 0",
        ),
        (
            Claude,
            "[]",
            "the CLI does not say which tool it is about to call",
        ),
        (
            Claude,
            r#"{"tool_name": " "}"#,
            "the CLI does not say which tool it is about to call",
        ),
        (
            Claude,
            r#"{"tool_name": 7}"#,
            "the CLI does not say which tool it is about to call",
        ),
        (
            Claude,
            r#"{"toolName": "create"}"#,
            "the CLI does not say which tool it is about to call",
        ),
        (
            Claude,
            r#"{"tool_name": "Write"}"#,
            "`Write` changes a file and does not say which",
        ),
        (
            Claude,
            r#"{"tool_name": "Write", "tool_input": {"file_path": ""}}"#,
            "`Write` changes a file and does not say which",
        ),
        (
            Claude,
            r#"{"tool_name": "Write", "tool_input": {"file_path": ["a"]}}"#,
            "`Write` changes a file and does not say which",
        ),
        (
            Claude,
            r#"{"tool_name": "Write", "tool_input": {"path": "a"}}"#,
            "`Write` changes a file and does not say which",
        ),
        (
            Claude,
            r#"{"tool_name": "Bash", "tool_input": {"command": " "}}"#,
            "`Bash` runs a command and does not say which",
        ),
        (
            Claude,
            r#"{"tool_name": "Bash"}"#,
            "`Bash` runs a command and does not say which",
        ),
        (
            Codex,
            r#"{"tool_name": "apply_patch", "tool_input": {"command": "*** Begin Patch\n"}}"#,
            "`apply_patch` changes a file and does not say which",
        ),
        (
            Copilot,
            r#"{"toolName": "create", "toolArgs": "{"}"#,
            "`create` changes a file and does not say which",
        ),
        (
            Opencode,
            r#"{"tool": "write", "args": null}"#,
            "`write` changes a file and does not say which",
        ),
        // A tool that only looks may leave out where, and one that nobody knows says what it says.
        (Claude, r#"{"tool_name": "Read"}"#, "read []"),
        (
            Claude,
            r#"{"tool_name": "mcp__x__write_file", "tool_input": {"path": "a"}}"#,
            r#"edit ["/here/a"]"#,
        ),
        (Claude, r#"{"tool_name": "mcp__x__write_all"}"#, "edit []"),
        (
            Claude,
            r#"{"tool_name": "Write", "tool_input": {"file_path": "a"}, "cwd": "sub"}"#,
            r#"edit ["/here/sub/a"]"#,
        ),
        (
            Codex,
            r#"{"tool_name": "apply_patch", "tool_input": {"command": ["apply_patch", "  *** Delete File: a\r\n"]}}"#,
            r#"edit ["/here/a"]"#,
        ),
    ];
    for (cli, payload, expected) in table {
        assert_eq!(fault(cli, payload), expected, "{payload}");
    }
    let many: String = (0..300).map(|n| format!("*** Add File: {n}\n")).collect();
    let many = serde_json::json!({"tool_name": "apply_patch", "tool_input": {"command": many}});
    assert_eq!(
        fault(Codex, &many.to_string()),
        "`apply_patch` names more than 256 files"
    );
}

#[test]
fn a_command_that_is_too_long_is_not_told_in_part_and_its_yes_is_for_all_of_it() {
    let call = |command: &str| {
        let payload = serde_json::json!({"tool_name": "Bash", "tool_input": {"command": command}});
        announced(
            HookCli::Claude,
            payload.to_string().as_bytes(),
            Path::new("/"),
        )
        .unwrap()
    };
    let long = "x".repeat(MOST_COMMAND);
    assert_eq!(call(&long).command, Some(long.clone()));
    let (one, two) = (call(&format!("{long}1")), call(&format!("{long}2")));
    assert_eq!((&one.command, &two.command), (&None, &None));
    assert_ne!(one.digest, two.digest);
}

#[test]
fn half_of_a_letter_hinders_nothing() {
    let write = |text: &str| {
        let payload = format!(
            r#"{{"tool_name":"Write","tool_input":{{"file_path":"{text}","content":"x"}}}}"#
        );
        fault(HookCli::Claude, &payload)
    };
    for (text, path) in [
        (r"a\ud83d", "a\u{fffd}"),
        (r"\ude00b", "\u{fffd}b"),
        (r"\ud83d\ude00\ud83d", "\u{1f600}\u{fffd}"),
        (r"\\ud83d\ude00", "\\ud83d\u{fffd}"),
    ] {
        assert_eq!(write(text), format!("edit {:?}", [format!("/here/{path}")]));
    }
}

#[test]
fn a_path_that_is_no_text_is_not_looked_for_elsewhere() {
    let here = Path::new(OsStr::from_bytes(b"/n\xff"));
    let payload = br#"{"tool_name":"Edit","tool_input":{"file_path":"a"}}"#;
    assert!(matches!(
        announced(HookCli::Claude, payload, here),
        Err(BadPayload::NoFile(_))
    ));
}
