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
                r#"other mcp__ai__check_path ["/tree/a"]"#,
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

/// The kind and files of a call of a tool that no table has.
fn unknown(tool: &str, input: &Value) -> String {
    let payload = serde_json::json!({"tool_name": tool, "tool_input": input});
    fault(HookCli::Claude, &payload.to_string())
}

#[test]
fn a_tool_that_nobody_knows_is_taken_for_the_most_that_it_may_be() {
    use serde_json::json;
    let table = [
        (
            "mcp__todo__write_file",
            json!({"path": "a"}),
            r#"edit ["/here/a"]"#,
        ),
        (
            "mcp__plan-server__delete",
            json!({"files": ["a", "b"]}),
            r#"delete ["/here/a", "/here/b"]"#,
        ),
        (
            "mcp__edit__get",
            json!({"path": "a"}),
            r#"read ["/here/a"]"#,
        ),
        (
            "mcp__fs__move_file",
            json!({"source": "a", "destination": "b"}),
            r#"move ["/here/a", "/here/b"]"#,
        ),
        (
            "mcp__fs__edit_many",
            json!({"edits": [{"filePath": "a", "text": "x"}, {"file-path": "/b"}]}),
            r#"edit ["/b", "/here/a"]"#,
        ),
        (
            "mcp__fs__read_multiple_files",
            json!({"paths": ["a", "b"]}),
            r#"read ["/here/a", "/here/b"]"#,
        ),
        (
            "mcp__fs__write",
            json!({"uri": "file:///a"}),
            r#"edit ["/a"]"#,
        ),
        (
            "mcp__web__create_page",
            json!({"uri": "https://example.com/a", "source": "one\ntwo"}),
            "edit []",
        ),
        ("mcp__x__list", json!({"command": "make"}), "execute []"),
        ("anything", json!({"cmd": ["rm", "a"]}), "execute []"),
        ("anything", json!({"command": ""}), "other []"),
        (
            "todo_write_file",
            json!({"path": "a"}),
            r#"edit ["/here/a"]"#,
        ),
        ("mcp__", json!({}), "other []"),
    ];
    for (tool, input, expected) in table {
        assert_eq!(unknown(tool, &input), expected, "{tool} {input}");
    }
}

#[test]
fn what_only_asks_or_thinks_is_no_edit_whatever_its_name_holds() {
    let table = [
        (HookCli::Claude, "tool_name", "TodoWrite"),
        (HookCli::Claude, "tool_name", "AskUserQuestion"),
        (HookCli::Codex, "tool_name", "update_plan"),
        (HookCli::Gemini, "tool_name", "write_todos"),
        (HookCli::Gemini, "tool_name", "ask_user"),
        (HookCli::Qwen, "tool_name", "todo_write"),
        (HookCli::Opencode, "tool", "todowrite"),
        (HookCli::Copilot, "toolName", "ask_user"),
    ];
    for (cli, field, tool) in table {
        let payload = serde_json::json!({field: tool}).to_string();
        assert_eq!(fault(cli, &payload), "think []", "{tool}");
    }
    let view = r#"{"toolName": "view", "toolArgs": {"path": "a"}}"#;
    assert_eq!(fault(HookCli::Copilot, view), r#"read ["/here/a"]"#);
}

#[test]
fn what_is_written_to_a_shell_is_a_command() {
    let command = |cli: HookCli, payload: &str| {
        announced(cli, payload.as_bytes(), Path::new("/here"))
            .unwrap()
            .command
    };
    let make = Some("make".to_owned());
    let table = [
        (
            HookCli::Copilot,
            r#"{"toolName": "write_bash", "toolArgs": {"sessionId": "1", "input": "make"}}"#,
        ),
        (
            HookCli::Claude,
            r#"{"tool_name": "Monitor", "tool_input": {"command": "make"}}"#,
        ),
        (
            HookCli::Qwen,
            r#"{"tool_name": "monitor", "tool_input": {"command": "make"}}"#,
        ),
        (
            HookCli::Gemini,
            r#"{"tool_name": "mcp_x_go", "tool_input": {"shell_command": "make"}}"#,
        ),
    ];
    for (cli, payload) in table {
        assert_eq!(command(cli, payload), make, "{payload}");
    }
    let silent = r#"{"toolName": "write_bash", "toolArgs": {"sessionId": "1"}}"#;
    assert_eq!(
        fault(HookCli::Copilot, silent),
        "`write_bash` runs a command and does not say which"
    );
}

#[test]
fn a_patch_within_a_command_is_looked_for_where_the_command_goes() {
    let of = |command: &str, more: &str| {
        let command = Value::from(command.replace(
            "PATCH",
            "*** Begin Patch\n*** Add File: a\n+x\n*** End Patch",
        ));
        let payload = format!(
            r#"{{"tool_name": "Bash", "cwd": "/top", "tool_input": {{"command": {command}{more}}}}}"#
        );
        fault(HookCli::Codex, &payload)
    };
    let elsewhere = "`Bash` applies a patch in a command that changes the directory, and it cannot be told to which files";
    let table = [
        ("apply_patch <<'E'\nPATCH\nE", "", r#"execute ["/top/a"]"#),
        (
            "cd sub && apply_patch <<'E'\nPATCH\nE",
            "",
            r#"execute ["/top/sub/a"]"#,
        ),
        (
            "  cd  'a b'; apply_patch <<'E'\nPATCH",
            "",
            r#"execute ["/top/a b/a"]"#,
        ),
        (
            "cd \"/x\"\napply_patch <<'E'\nPATCH",
            "",
            r#"execute ["/x/a"]"#,
        ),
        (
            "apply_patch <<'E'\nPATCH\nE",
            r#", "workdir": "w""#,
            r#"execute ["/top/w/a"]"#,
        ),
        (
            "cd sub && apply_patch <<'E'\nPATCH\nE",
            r#", "workdir": "/w""#,
            r#"execute ["/w/sub/a"]"#,
        ),
        ("cd $X && apply_patch <<'E'\nPATCH\nE", "", elsewhere),
        ("cd a && cd b && apply_patch <<'E'\nPATCH\nE", "", elsewhere),
        ("cd a && make; apply_patch <<'E'\nPATCH\nE", "", elsewhere),
        ("(cd a; apply_patch <<'E'\nPATCH\nE)", "", elsewhere),
        ("git -C a apply_patch <<'E'\nPATCH\nE", "", elsewhere),
        ("cd - && apply_patch <<'E'\nPATCH\nE", "", elsewhere),
        ("cd a", "", "execute []"),
        (
            "apply_patch <<'E'\nPATCH\nE\ncd b; apply_patch <<'E'\nPATCH\nE",
            "",
            elsewhere,
        ),
        (
            "apply_patch <<'E'\nPATCH\nE\napply_patch <<'E'\nPATCH\nE",
            "",
            r#"execute ["/top/a"]"#,
        ),
    ];
    for (command, more, expected) in table {
        assert_eq!(of(command, more), expected, "{command}");
    }
    let patch = r#"{"tool_name": "apply_patch", "cwd": "/top", "tool_input": {"workdir": "w", "command": "*** Begin Patch\n*** Delete File: a\n"}}"#;
    assert_eq!(fault(HookCli::Codex, patch), r#"edit ["/top/w/a"]"#);
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

/// The files of a call, and those that leave their place.
fn leaving(cli: HookCli, payload: &str) -> String {
    let call = announced(cli, payload.as_bytes(), Path::new("/")).unwrap();
    let gone = call.gone.iter().map(|one| match &one.to {
        Some(to) => format!("{} -> {to}", one.from),
        None => format!("{} gone", one.from),
    });
    let gone: Vec<String> = gone.collect();
    format!("{}: {}", call.paths.join(" "), gone.join(", "))
}

#[test]
fn a_patch_says_what_becomes_of_each_file() {
    let table = [
        ("Add File: a|Update File: b", "/a /b: "),
        ("Delete File: a|Add File: b", "/a /b: /a gone"),
        ("Update File: a|Move to: b", "/a /b: /a -> /b"),
        ("Update File: a|Add File: b|Move to: c", "/a /b /c: "),
        // Other content stands there afterwards.
        (
            "Update File: a|Move to: b|Delete File: b",
            "/a /b: /a gone, /b gone",
        ),
        ("Update File: a|Move to: b|Add File: b", "/a /b: /a gone"),
        (
            "Update File: a|Move to: c/b|Add File: ./c/d/../b",
            "/./c/d/../b /a /c/b: /a gone",
        ),
        (
            "Update File: a|Move to: b|Delete File: a",
            "/a /b: /a -> /b, /a gone",
        ),
    ];
    for (lines, expected) in table {
        let patch = lines.replace('|', "\n@@\n*** ");
        let patch = format!("*** Begin Patch\n*** {patch}\n*** End Patch\n");
        let own = serde_json::json!({"tool_name": "apply_patch", "tool_input": {"command": patch}});
        assert_eq!(
            leaving(HookCli::Codex, &own.to_string()),
            expected,
            "{lines}"
        );
        let shell = format!("apply_patch <<'E'\n{patch}E");
        let shell = serde_json::json!({"tool_name": "Bash", "tool_input": {"command": shell}});
        assert_eq!(
            leaving(HookCli::Codex, &shell.to_string()),
            expected,
            "{lines}"
        );
    }
}

#[test]
fn fields_of_tools_that_nobody_knows_name_files_by_what_the_tool_does() {
    use serde_json::json;
    let table = [
        ("save_file", json!({"name": "a"}), "/a: "),
        ("mcp__fs__writeFile", json!({"name": "notes"}), "/notes: "),
        ("write", json!({"name": "notes.txt"}), "/notes.txt: "),
        // A name of something else.
        ("write", json!({"name": "notes"}), ": "),
        ("create_issue", json!({"name": "a.txt"}), ": "),
        ("send", json!({"name": "a.txt"}), ": "),
        (
            "rename_symbol",
            json!({"path": "src/a", "name": "one.two"}),
            "/src/a: /src/a gone",
        ),
        ("get_profile", json!({"name": "ann"}), ": "),
        // A directory that stands beside a name is where it lies.
        (
            "save_file",
            json!({"directory": "d", "name": "a"}),
            "/d/a: ",
        ),
        ("write_file", json!({"dir": "d/", "path": "a"}), "/d/a: "),
        (
            "write_file",
            json!({"dirPath": "d", "path": "e/a"}),
            "/d/e/a /e/a: ",
        ),
        (
            "write_file",
            json!({"folder": "d", "path": "/e/a"}),
            "/e/a: ",
        ),
        // However the directory and the name are written.
        (
            "write_file",
            json!({"directory": ".//d", "path": "a"}),
            "/.//d/a: ",
        ),
        (
            "write_file",
            json!({"directory": "d", "path": ".//a"}),
            "/.//a /d/.//a: ",
        ),
        (
            "write_file",
            json!({"directory": "/e//d", "path": "a"}),
            "/e//d/a: ",
        ),
        ("create_directory", json!({"directory": "d"}), ": "),
        (
            "delete_file",
            json!({"directory": "d", "name": "a"}),
            "/d/a: /d/a gone",
        ),
        (
            "delete_directory",
            json!({"directory": "d/e"}),
            "/d/e: /d/e gone",
        ),
        ("remove", json!({"dirpath": "d"}), "/d: /d gone"),
        (
            "move_file",
            json!({"source": "a", "destination": "b"}),
            "/a /b: /a -> /b",
        ),
        (
            "move_file",
            json!({"path": "a", "directory": "d"}),
            "/a /d: /a -> /d",
        ),
        (
            "move_files",
            json!({"files": ["a", "b"], "to": "d"}),
            "/a /b /d: /a -> /d, /b -> /d",
        ),
        (
            "rename_file",
            json!({"old_path": "a", "new_path": "b"}),
            "/a /b: /a -> /b",
        ),
        // Nobody says which goes where.
        (
            "move",
            json!({"all": [{"from": "a", "to": "b"}, {"from": "c", "to": "d"}]}),
            "/a /b /c /d: /c gone, /a gone",
        ),
        ("move_file", json!({"path": "a"}), "/a: /a gone"),
    ];
    for (tool, input, expected) in table {
        let payload = json!({"tool_name": tool, "tool_input": input});
        let is = leaving(HookCli::Claude, &payload.to_string());
        assert_eq!(is, expected, "{tool} {input}");
    }
}

/// A call of a few kilobytes can name millions of files, or one file so often that each is compared with each.
#[test]
fn a_call_of_too_many_files_is_refused_before_they_are_put_together() {
    use serde_json::json;
    let many = |mark: &str| -> Vec<String> { (0..20_000).map(|n| format!("{mark}{n}")).collect() };
    let refused = "`write_files` names more than 256 files";
    let table = [
        json!({"directory": many("d"), "files": many("f")}),
        json!({"directory": many("d"), "files": "a"}),
        json!({"directory": ["d", "e"], "files": many("f")}),
        json!({"all": many("f").iter().map(|name| json!({"directory": "d", "file": name})).collect::<Vec<_>>()}),
    ];
    for input in table {
        let payload = json!({"tool_name": "write_files", "tool_input": input}).to_string();
        assert_eq!(fault(HookCli::Claude, &payload), refused);
    }
    let moves = (0..20_000).map(|n| format!("*** Update File: a{n}\n*** Move to: b{n}\n"));
    let patch = format!(
        "*** Begin Patch\n{}*** End Patch",
        moves.collect::<String>()
    );
    let payload = json!({"tool_name": "apply_patch", "tool_input": {"command": patch}}).to_string();
    let refused = "`apply_patch` names more than 256 files";
    assert_eq!(fault(HookCli::Codex, &payload), refused);
}
