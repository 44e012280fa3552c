//! What people see: help, whole outcomes of the main verbs, hostile text, and streams that nobody
//! reads any more.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::snapshot;
use crate::support::Sandbox;

#[test]
fn help_is_short_and_whole() {
    let scene = Sandbox::empty();
    let help = scene.ai(&["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    snapshot!(help);
    let bare = scene.ai(&[]);
    assert_eq!(bare.code, Some(2), "{bare}");
    assert!(bare.stderr.contains("Usage: ai"), "{bare}");
    snapshot!(scene.ai(&["task", "claim", "--help"]), @r#"
    exit: 0
    ----- stdout -----
    Claim a task: its lease and its path locks, or nothing

    Usage: ai task claim [OPTIONS] [ID]

    Arguments:
      [ID]  The task; any unique prefix of its id

    Options:
          --next       Claim the most urgent ready task whose paths are free
          --ttl <30m>  How long the lease lasts without a heartbeat
      -h, --help       Print help

    Everywhere:
          --json       Print JSON: one object, or one a line for lists
      -q, --quiet      Leave progress, hints and warnings out; results and errors stay
          --as <NAME>  Act as this person (NAME) or agent (agent:NAME)
      -C <DIR>         Work as if started in this directory
    ----- stderr -----
    "#);
}

#[test]
fn a_slip_of_the_keyboard_is_answered_with_the_nearest_word() {
    let scene = Sandbox::empty();
    snapshot!(scene.ai(&["tsk"]), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: unrecognized subcommand 'tsk'

      tip: a similar subcommand exists: 'task'

    Usage: ai [OPTIONS] <COMMAND>

    For more information, try '--help'.
    "#);
    snapshot!(scene.ai(&["task", "crate", "x", "--json"]), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    {"error":{"code":2,"kind":"usage","message":"unrecognized subcommand 'crate'","next":"some similar subcommands exist: 'cancel', 'create'"}}
    "#);
    snapshot!(scene.ai(&["task", "list", "--lable", "x"]), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: unexpected argument '--lable' found

      tip: a similar argument exists: '--label'

    Usage: ai task list --label <L>

    For more information, try '--help'.
    "#);
}

#[test]
fn a_task_from_creation_to_its_end() {
    let scene = Sandbox::project();
    let created = scene.ai_ok(&[
        "task",
        "create",
        "Fix the parser",
        "--path",
        "src/parse/",
        "--priority",
        "1",
    ]);
    snapshot!(created, @r#"
    exit: 0
    ----- stdout -----
    [TASK]  queued  Fix the parser
    ----- stderr -----
    "#);
    let id = created.stdout.split_whitespace().next().unwrap();
    snapshot!(scene.ai(&["task", "show", id]), @r#"
    exit: 0
    ----- stdout -----
    [TASK]  Fix the parser
      status     queued
      ready      nothing holds it
      type       task
      priority   1
      paths      src/parse/ (exclusively)
      attempts   0
      created    [TIME] by human:tester
      changed    [TIME]
    ----- stderr -----
    "#);
    snapshot!(scene.ai(&["task", "list"]), @r#"
    exit: 0
    ----- stdout -----
    [TASK]  queued   P1  Fix the parser
    ----- stderr -----
    "#);
    snapshot!(scene.ai(&["why", id]), @r#"
    exit: 0
    ----- stdout -----
    [TASK]  queued  Fix the parser
      ready      nothing holds it
      next       ai run [TASK]
    ----- stderr -----
    "#);
    snapshot!(scene.ai(&["task", "claim", id, "--as", "ann"]), @r#"
    exit: 0
    ----- stdout -----
    [TASK]  claimed by human:ann until [TIME]  Fix the parser
    lease  [TOKEN]
    ----- stderr -----
    "#);
    snapshot!(scene.ai(&["task", "claim", id, "--as", "ben"]), @r#"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is held by human:ann for another [LEFT]
      next: wait, take another (`ai task claim --next`), or see `ai why [TASK]`
    "#);
    snapshot!(scene.ai(&["task", "release", id, "--next-step", "look at the lexer"]), @r#"
    exit: 0
    ----- stdout -----
    [TASK]  queued
    ----- stderr -----
    "#);
    snapshot!(scene.ai(&["status"]), @r#"
    exit: 0
    ----- stdout -----
    1 queued
    ----- stderr -----
    "#);
    snapshot!(scene.ai(&["task", "cancel", id]), @r#"
    exit: 0
    ----- stdout -----
    [TASK]  cancelled  Fix the parser
    ----- stderr -----
    "#);
    snapshot!(scene.ai(&["log", "-n", "3"]), @r#"
    exit: 0
    ----- stdout -----
         6  [TIME]  lease.released   human:tester  subject=[TASK] epoch=1 next_step=look at the lexer
         7  [TIME]  policy.decided   human:tester  record=([DECISION], task.cancel, allow, default, no rule of the policy matches; its default says so)
         8  [TIME]  task.cancelled   human:tester  task=[TASK] reason=not wanted any more
    ----- stderr -----
    "#);
}

#[test]
fn the_same_for_programs() {
    let scene = Sandbox::project();
    let created = scene.ai_ok(&[
        "task",
        "create",
        "Fix the parser",
        "--path",
        "src/parse/",
        "--json",
    ]);
    snapshot!(created, @r#"
    exit: 0
    ----- stdout -----
    {"id":"[TASK]","status":"queued","title":"Fix the parser","type":"task","priority":2,"paths":[{"pattern":"src/parse/","mode":"exclusive"}],"created_by":"human:tester","created_ms":[MS],"updated_ms":[MS],"uid":"[UID]"}
    ----- stderr -----
    "#);
    let id = created.json()["id"].as_str().unwrap().to_owned();
    snapshot!(scene.ai(&["task", "claim", &id, "--as", "ann", "--json"]), @r#"
    exit: 0
    ----- stdout -----
    {"task":{"id":"[TASK]","status":"claimed","title":"Fix the parser","type":"task","priority":2,"paths":[{"pattern":"src/parse/","mode":"exclusive"}],"epoch":1,"created_by":"human:tester","created_ms":[MS],"updated_ms":[MS],"uid":"[UID]"},"lease":{"token":"[TOKEN]","epoch":1,"holder":"human:ann","ttl_ms":1800000,"expires_ms":[MS],"expires_at":"[TIME]"}}
    ----- stderr -----
    "#);
    snapshot!(scene.ai(&["task", "claim", &id, "--as", "ben", "--json"]), @r#"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    {"error":{"code":4,"kind":"conflict","message":"[TASK] is held by human:ann for another [LEFT]","next":"wait, take another (`ai task claim --next`), or see `ai why [TASK]`"}}
    "#);
    snapshot!(scene.ai(&["lock", "list", "--json"]), @r#"
    exit: 0
    ----- stdout -----
    {"id":"[TASK]","pattern":"src/parse","mode":"exclusive","holder":"human:ann","expires_ms":[MS],"expires_at":"[TIME]"}
    ----- stderr -----
    "#);
    snapshot!(scene.ai(&["status", "--json"]), @r#"
    exit: 0
    ----- stdout -----
    {"tasks":{"claimed":1},"leases":[{"subject":"[TASK]","holder":"human:ann","epoch":1,"expires_ms":[MS],"live":true,"title":"Fix the parser","status":"claimed"}],"reviews":[],"agents":[]}
    ----- stderr -----
    "#);
    snapshot!(scene.ai(&["why", &id, "--json"]), @r#"
    exit: 0
    ----- stdout -----
    {"task":"[TASK]","status":"claimed","gates":[{"gate":"lease","text":"claimed by human:ann for another [LEFT]"}]}
    ----- stderr -----
    "#);
    snapshot!(scene.ai(&["task", "show", "t-none", "--json"]), @r#"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    {"error":{"code":3,"kind":"not_found","message":"there is no task `t-none`","next":"`ai task list` shows the tasks"}}
    "#);
}

#[test]
fn quiet_says_nothing_but_data_and_errors() {
    let scene = Sandbox::repository();
    let outcome = scene.ai_ok(&["init", "-q"]);
    assert_eq!(outcome.stderr, "");
    let warned = scene.ai(&["task", "create", "x", "--check", "unknown", "-q"]);
    assert_eq!((warned.code, warned.stderr.as_str()), (Some(0), ""));
    assert!(
        scene
            .ai(&["task", "show", "t-none", "-q"])
            .stderr
            .contains("error:")
    );
}

#[test]
fn titles_drive_no_terminal_no_shell_and_no_parser() {
    let scene = Sandbox::project();
    let titles = [
        "\u{1b}[2J\u{1b}]0;owned\u{7}",
        "--help",
        "$(id) `id`",
        "a\u{202e}b\u{200b}c",
        "two\nlines",
        "\"kind\":\"overridden\"",
    ];
    for title in titles {
        let task = scene
            .ai_ok(&["task", "create", "--json", "--", title])
            .json();
        assert_eq!(task["title"], title, "it is stored as it was given");
        let id = task["id"].as_str().unwrap();
        for args in [
            &["task", "show", id][..],
            &["task", "list"],
            &["why", id],
            &["log"],
            &["status"],
        ] {
            let shown = scene.ai_ok(args);
            let bad = |c: char| {
                c.is_control() && c != '\n'
                    || ('\u{202a}'..='\u{202e}').contains(&c)
                    || c == '\u{200b}'
            };
            assert!(
                !shown.stdout.contains(bad),
                "ai {args:?} lets {title:?} through: {:?}",
                shown.stdout
            );
        }
    }
    snapshot!(scene.ai(&["task", "list"]), @r#"
    exit: 0
    ----- stdout -----
    [TASK]  queued   P2  \e[2J\e]0;owned\u{7}
    [TASK]  queued   P2  --help
    [TASK]  queued   P2  $(id) `id`
    [TASK]  queued   P2  a\u{202e}b\u{200b}c
    [TASK]  queued   P2  two\nlines
    [TASK]  queued   P2  "kind":"overridden"
    ----- stderr -----
    "#);
}

#[test]
fn hostile_words_in_the_place_of_ids_names_and_globs_are_refused_without_effect() {
    let scene = Sandbox::project();
    let words = [
        "../../etc/passwd",
        "\u{1b}[31m",
        "'; DROP TABLE task; --",
        "%n%s",
        "",
        " ",
        "t-\u{0}",
    ];
    for word in words.iter().filter(|word| !word.contains('\0')) {
        for args in [
            &["task", "show", "--", word][..],
            &["task", "claim", "--", word],
            &["lock", "release", "--", word],
            &["agent", "show", "--", word],
            &["schema", "--", word],
        ] {
            let outcome = scene.ai(args);
            assert!(
                matches!(outcome.code, Some(2..=4)),
                "ai {args:?}\n{outcome}"
            );
            assert!(
                !outcome.stderr.contains('\u{1b}'),
                "ai {args:?}: {:?}",
                outcome.stderr
            );
        }
    }
    assert_eq!(scene.ai(&["doctor", "--deep"]).code, Some(0));
}

#[test]
fn a_reader_that_goes_away_ends_a_list_quietly() {
    let scene = Sandbox::project();
    let lines: String = (0..3000)
        .map(|n| format!("{{\"title\":\"task {n} with some more words to fill the pipe\"}}\n"))
        .collect();
    scene.write("tasks.jsonl", lines);
    scene.ai_ok(&["task", "create", "--from", "tasks.jsonl", "--quiet"]);
    for args in [
        &["task", "list"][..],
        &["task", "list", "--json"],
        &["log"],
        &["export"],
    ] {
        let mut command = scene.ai_command(args);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::with_capacity(16, child.stdout.take().unwrap())
            .read_line(&mut first)
            .unwrap();
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        let status = child.wait().unwrap();
        assert!(!first.is_empty() && said.is_empty(), "ai {args:?}: {said}");
        assert_eq!(status.code(), Some(0), "ai {args:?}");
    }
}

#[test]
fn output_that_cannot_be_written_fails_the_command() {
    let scene = Sandbox::project();
    scene.ai_ok(&["task", "create", "One"]);
    for args in [
        &["task", "list"][..],
        &["task", "list", "--json"],
        &["log"],
        &["export"],
        &["doctor"],
    ] {
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let outcome = scene
            .ai_command(args)
            .stdout(full)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8(outcome.stderr).unwrap();
        assert_eq!(outcome.status.code(), Some(1), "ai {args:?}: {said}");
        assert!(
            said.contains("the output could not be written: No space left on device"),
            "ai {args:?}: {said}"
        );
    }
}

#[test]
fn help_is_a_command_as_well() {
    let scene = Sandbox::empty();
    let same = |command: &[&str], flag: &[&str]| {
        let (command, flag) = (scene.ai(command), scene.ai(flag));
        assert_eq!(
            (command.code, &command.stdout),
            (flag.code, &flag.stdout),
            "{command}"
        );
    };
    same(&["help"], &["--help"]);
    same(&["help", "task", "claim"], &["task", "claim", "--help"]);
    let unknown = scene.ai(&["help", "tsk"]);
    assert!(
        unknown.code == Some(2) && unknown.stderr.contains("'task'"),
        "{unknown}"
    );
}

#[test]
fn nothing_to_show_is_said_beside_the_data() {
    let scene = Sandbox::project();
    for args in [
        &["task", "list"][..],
        &["task", "ready"],
        &["agent", "list"],
        &["lock", "list"],
    ] {
        let outcome = scene.ai_ok(args);
        assert!(
            outcome.stdout.is_empty() && outcome.stderr.starts_with("no "),
            "ai {args:?}: {outcome}"
        );
        assert_eq!(
            scene.ai_ok(&[args, &["--quiet"]].concat()).stderr,
            "",
            "ai {args:?}"
        );
    }
}

#[test]
fn status_names_what_waits_for_a_person_and_not_what_waits_for_a_task() {
    let scene = Sandbox::project();
    let (one, two) = (scene.task("One", &[]), scene.task("Two", &[]));
    scene.ai_ok(&["task", "dep", "add", &two, &one]);
    scene.ai_ok(&["task", "hold", &one, "--reason", "not now"]);
    let status = scene.ai_ok(&["status"]).stdout;
    assert_eq!(
        status,
        format!("2 blocked\n  {one}  is on hold, see `ai why {one}`: One\n")
    );
    assert_eq!(scene.ai_json(&["status"])["held"], serde_json::json!([one]));
    scene.ai_ok(&["task", "cancel", &one]);
    let why = scene.ai_ok(&["why", &two]).stdout;
    assert!(
        why.contains("(One), which was cancelled: not wanted any more"),
        "{why}"
    );
}

#[test]
fn slips_are_refused_with_what_to_type_instead() {
    let scene = Sandbox::project();
    let id = scene.ai_ok(&["task", "create", "One", "--json"]).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for (args, code, said) in [
        (&["-C", "nowhere", "status"][..], 3, "there is no directory"),
        (&["task", "create"], 2, "next: `ai task create TITLE`"),
        (
            &["task", "create", "x", "--priority", "high"],
            2,
            "priority goes from 0 (most urgent) to 4",
        ),
        (&["task", "edit", &id], 2, "nothing to change was named"),
        (&["task", "unhold", &id], 4, "next: `ai why"),
        (
            &["task", "dep", "rm", &id, &id],
            4,
            "next: `ai task dep tree",
        ),
        (
            &["agent", "register", "x", "--connector", "nope"],
            3,
            "next: take one of ",
        ),
        (
            &["agent", "register", "x", "--connector", "command"],
            2,
            "--connector command -- PROGRAM",
        ),
        (&["policy", "explain", "d-none"], 3, "next: `ai policy log`"),
        (
            &["evidence", "show", "e-none"],
            3,
            "next: `ai evidence list TASK`",
        ),
        (
            &["recover", &format!("{id}.1")],
            3,
            "next: `ai review TASK`",
        ),
        (
            &["worktree", "adopt", "nowhere"],
            3,
            "next: `git worktree list`",
        ),
        (&["restore", "--dry-run"], 4, "`ai backup` makes one"),
        (
            &["run", "--all"],
            3,
            "0 tasks run, 1 not started, 0 wait for your review\n  next: ai agent register",
        ),
    ] {
        let outcome = scene.ai(args);
        assert_eq!(outcome.code, Some(code), "ai {args:?}\n{outcome}");
        assert!(outcome.stderr.contains(said), "ai {args:?}\n{outcome}");
    }
    let warned = scene.ai_ok(&["task", "create", "x", "--agent", "nobody"]);
    assert!(
        warned.stderr.contains("no agent is named `nobody` yet"),
        "{warned}"
    );
}

#[test]
fn every_page_of_the_manual_and_every_completion_script_is_made() {
    let scene = Sandbox::empty();
    scene.ai_ok(&["man", "pages"]);
    let pages: Vec<_> = std::fs::read_dir(scene.root().join("pages"))
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert!(
        pages.iter().any(|name| name == "ai-task-create.1") && pages.len() > 40,
        "{pages:?}"
    );
    assert!(scene.ai_ok(&["man"]).stdout.contains(".TH ai 1"));
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(
            scene.ai_ok(&["completions", shell]).stdout.contains("task"),
            "{shell}"
        );
    }
    assert_eq!(scene.ai(&["completions", "tcsh"]).code, Some(2));
}

#[test]
fn the_configuration_is_shown_with_where_it_comes_from() {
    let scene = Sandbox::project();
    scene.write(".ai/config.yaml", "version: 1\ndefaults:\n  ttl: 5m\n");
    let shown = scene.ai_ok(&["config", "show", "--origin"]).stdout;
    assert!(
        shown.contains("defaults.ttl = \"5m\"  (.ai/config.yaml:3:"),
        "{shown}"
    );
    assert!(
        shown.contains("defaults.max_attempts = 3  (default)"),
        "{shown}"
    );
}
