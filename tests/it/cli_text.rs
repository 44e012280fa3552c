//! What people see: help, whole outcomes of the main verbs, hostile text, and streams that nobody
//! reads any more.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::snapshot;
use crate::support::scene::{Agent, Scene};
use crate::support::{Sandbox, Transcript, run, run_on_terminal};

#[test]
fn help_is_short_and_whole() {
    let scene = Sandbox::empty();
    snapshot!(scene.ai(&["--help"]));
    snapshot!(scene.ai(&[]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    Coordinate coding agents on one Git repository: leases, path locks, runs with proof

    Usage: ai [OPTIONS] <COMMAND>

    Commands:
      init         Set this repository up for `ai`
      task         Create, claim, show and change tasks
      agent        Register, list and change agents
      register     Register an agent (short for `agent register`)
      list         List the agents (short for `agent list`)
      label        Add or remove labels of an agent (short for `agent label`)
      policy       Check, show and explain the policy and its decisions
      approvals    List the decisions that wait for a person's yes
      approve      Say yes to a decision that waits
      deny         Say no to a decision that waits; the work that asked goes back with the reason
      trust        Allow what this repository brings to run code on this machine
      lock         Lock paths by hand, list and check locks
      run          Run a task by an agent: worktree, agent, snapshot, checks, verdict
      check        Run the checks as a run would, on your worktree or on a commit
      budget       Show budgets and what is left of them
      route        Say which agent would get a task, and why
      schedule     Say which tasks would start now, why the others wait, and when each would be done
      recurring    Have a clock create tasks
      daemon       Work the queue unattended
      digest       Tell what a stretch of time has brought, and what comes next
      friction     Write down what got in the way, and say which task mends it
      send         Write to a task, an agent or people; a message approves nothing
      inbox        Read your messages, and say which you have seen
      notify       Try and list the places that are told what comes up
      review       Show a run's verdict, checks, decisions and change
      evidence     List, show, verify and hand out what was recorded about runs
      accept       Take reviewed work into its target branch
      land         Land reviewed work of several tasks at once: combined, checked together, and proven
      reject       Send reviewed work back with a note
      undo         Take an accept back by a commit that reverts it; the work waits for a review again
      recover      Recover runs that were cut off: end what is left of them, save their work, give their
                   tasks back
      hook         Answer the hook of an agent's CLI
      guard        Have the CLI of an agent ask `ai` before it calls a tool
      hooks        Ask `ai` before Git commits and pushes
      worktree     List worktrees, go to one, save what stands there, give room back
      gc           Give room back: old output of agents, idle worktrees, merged branches and rescues
      why          Say what holds a task now, and what to do about it
      status       Show what is going on: tasks by state, who works, what waits for you
      watch        Watch tasks and agents on a board, or what happens line by line
      log          Show the log of events, or verify its chain
      logs         Show what the agent of a run says, and follow it while it works
      config       Show the configuration that is in force
      doctor       Look at everything that `ai` stands on, and say what helps
      backup       Copy the store, while everybody goes on working
      restore      Go back to a backup; the store that stands is kept aside
      export       Write the whole store down as JSON Lines
      import       Take in an export: all of it into a new store, new tasks into any other
      uninstall    Give the repository back as it was before `ai init`
      mcp          Serve an agent by the Model Context Protocol, on standard input and output
      schema       Print the JSON Schema of what commands print and read
      completions  Print a completion script for your shell
      man          Print the manual page, or write one page a command into a directory

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Everywhere:
          --json          Print JSON: one object, or one a line for lists
      -q, --quiet         Leave progress, hints and warnings out; results and errors stay
      -v, --verbose       Show what caused an error below it
          --color <WHEN>  Colour the output: on a terminal, always, never
          --as <NAME>     Act as this person (NAME) or agent (agent:NAME)
      -C <DIR>            Work as if started in this directory
    ");
    snapshot!(scene.ai(&["task", "claim", "--help"]), @"
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
          --json          Print JSON: one object, or one a line for lists
      -q, --quiet         Leave progress, hints and warnings out; results and errors stay
      -v, --verbose       Show what caused an error below it
          --color <WHEN>  Colour the output: on a terminal, always, never
          --as <NAME>     Act as this person (NAME) or agent (agent:NAME)
      -C <DIR>            Work as if started in this directory
    ----- stderr -----
    ");
}

#[test]
fn a_slip_of_the_keyboard_is_answered_with_the_nearest_word() {
    let scene = Sandbox::empty();
    snapshot!(scene.ai(&["tsk"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: there is no command `tsk`
      next: did you mean `ai task`?
    ");
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
    [TASK]
    ----- stderr -----
    "#);
    let id = created.stdout.strip_suffix('\n').unwrap();
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
    snapshot!(scene.ai(&["why", id]), @"
    exit: 0
    ----- stdout -----
    [TASK]  queued  Fix the parser
      ready      nothing holds it; no agent is registered that could run it
      next       ai task claim [TASK], or `ai agent detect --write`
    ----- stderr -----
    ");
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
    snapshot!(scene.ai(&["task", "release", id, "--as", "ann", "--next-step", "look at the lexer"]), @r#"
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
    snapshot!(scene.ai(&["log", "-n", "3"]), @"
    exit: 0
    ----- stdout -----
    [TIME]  human:ann     [TASK]  given back: look at the lexer
    [TIME]  human:tester  [TASK]  the policy allows task.cancel (rule default)
    [TIME]  human:tester  [TASK]  cancelled: not wanted any more
    ----- stderr -----
    ");
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
    {"tasks":{"claimed":1},"leases":[{"subject":"[TASK]","holder":"human:ann","epoch":1,"expires_ms":[MS],"live":true,"title":"Fix the parser","status":"claimed"}],"reviews":[],"needs_you":[],"agents":[]}
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

/// `id=$(ai task create …)` has the id and nothing else, whatever there is to warn of; the person
/// who types it without a shell around it reads more.
#[test]
fn the_id_of_a_new_task_stands_alone_unless_a_person_reads_it() {
    let scene = Sandbox::project();
    let args = ["task", "create", "Fix it", "--check", "unknown"];
    snapshot!(scene.ai(&args), @"
    exit: 0
    ----- stdout -----
    [TASK]
    ----- stderr -----
    warning: no check is named `unknown` yet; add it under `checks:` in .ai/config.yaml
    ");
    snapshot!(run_on_terminal(&mut scene.ai_command(&args), 80), @"
    exit: 0
    ----- stdout -----
    warning: no check is named `unknown` yet; add it under `checks:` in .ai/config.yaml
    [TASK]  queued  Fix it
    ----- stderr -----
    ");
    let mut shell = scene.command("sh");
    shell.env("AI", env!("CARGO_BIN_EXE_ai"));
    shell.args(["-c", "id=$($AI task create 'Two words') && $AI task show \"$id\" --json && $AI task list -n 1 --sort newest --json"]);
    let shown = run(&mut shell).json_lines();
    assert_eq!(shown[0], shown[1]);
}

#[test]
fn quiet_says_nothing_but_data_and_errors() {
    let scene = Sandbox::repository();
    let outcome = scene.ai_ok(&["init", "-q"]);
    assert_eq!(outcome.stderr, "");
    let warned = scene.ai(&["task", "create", "x", "--check", "unknown", "-q"]);
    assert_eq!((warned.code, warned.stderr.as_str()), (Some(0), ""));
    snapshot!(scene.ai(&["task", "show", "t-none", "-q"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: there is no task `t-none`
      next: `ai task list` shows the tasks
    ");
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
    let mut told = Transcript::default();
    for word in [
        "../../etc/passwd",
        "\u{1b}[31m",
        "'; DROP TABLE task; --",
        "%n%s",
        "",
        " ",
    ] {
        for args in [
            &["task", "show", "--", word][..],
            &["task", "claim", "--", word],
            &["lock", "release", "--", word],
            &["agent", "show", "--", word],
            &["schema", "--", word],
        ] {
            let outcome = scene.ai(args);
            let (verb, shown) = (args[..args.len() - 2].join(" "), word.escape_debug());
            told.add(&format!("ai {verb} -- '{shown}'"), &outcome);
            assert!(
                matches!(outcome.code, Some(2..=4)),
                "ai {args:?}\n{outcome}"
            );
        }
    }
    snapshot!(told);
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
    let id = scene.task("One", &[]);
    let mut told = String::new();
    for args in [
        &["task", "list"][..],
        &["task", "list", "--json"],
        &["log"],
        &["export"],
        &["doctor"],
        &["why", "--json", &id],
        &["policy", "show"],
        &["schema", "task"],
        &["config", "show"],
        &["man"],
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
        // A full disk has one code, wherever it is met.
        assert_eq!(outcome.status.code(), Some(9), "ai {args:?}: {said}");
        told.push_str(&format!("ai {}: {said}", args.join(" ")));
    }
    let first: Vec<&str> = told.lines().take(9).collect();
    snapshot!(first.join("\n"), @r#"
    ai task list: error: the output could not be written: No space left on device (os error 28)
      next: free some space and run the command again
    ai task list --json: {"error":{"code":9,"kind":"store_unusable","message":"the output could not be written: No space left on device (os error 28)","next":"free some space and run the command again"}}
    ai log: error: the output could not be written: No space left on device (os error 28)
      next: free some space and run the command again
    ai export: error: the output could not be written: No space left on device (os error 28)
      next: free some space and run the command again
    ai doctor: error: the output could not be written: No space left on device (os error 28)
      next: free some space and run the command again
    "#);
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
    snapshot!(scene.ai(&["help", "tsk"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: there is no command `tsk`
      next: did you mean `ai task`?
    ");
}

#[test]
fn nothing_to_show_is_said_beside_the_data() {
    let scene = Sandbox::project();
    let mut told = Transcript::default();
    for args in [
        &["task", "list"][..],
        &["task", "ready"],
        &["agent", "list"],
        &["lock", "list"],
    ] {
        told.ai(&scene, args);
        told.ai(&scene, &[args, &["--quiet"]].concat());
    }
    snapshot!(told, @"
    $ ai task list
    ! no task to show; `ai status` counts all that there are, `ai task create TITLE` writes one down
    $ ai task list --quiet
    $ ai task ready
    ! no task is ready; `ai status` shows what there is, `ai why TASK` what holds one
    $ ai task ready --quiet
    $ ai agent list
    ! no agent is registered; `ai agent detect --write` registers the AI CLIs that are installed
    $ ai agent list --quiet
    $ ai lock list
    ! no path is locked
    $ ai lock list --quiet
    ");
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
        format!("2 blocked\nneeds you:\n  {one}  is on hold  ai task unhold {one}  One\n")
    );
    assert_eq!(scene.ai_json(&["status"])["held"], serde_json::json!([one]));
    scene.ai_ok(&["task", "cancel", &one]);
    snapshot!(scene.ai(&["why", &two]), @"
    exit: 0
    ----- stdout -----
    [TASK]  blocked  Two
      dependency waits for [TASK] (One), which was cancelled: not wanted any more
      next       ai task retry [TASK]
    ----- stderr -----
    ");
}

#[test]
fn slips_are_refused_with_what_to_type_instead() {
    let scene = Sandbox::project();
    let id = scene.ai_ok(&["task", "create", "One", "--json"]).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let run = format!("{id}.1");
    let mut told = Transcript::default();
    for args in [
        &["-C", "nowhere", "status"][..],
        &["task", "create"],
        &["task", "create", "x", "--priority", "high"],
        &["task", "edit", &id],
        &["task", "unhold", &id],
        &["task", "dep", "rm", &id, &id],
        &["agent", "register", "x", "--connector", "nope"],
        &["agent", "register", "x", "--connector", "command"],
        &["policy", "explain", "d-none"],
        &["evidence", "show", "e-none"],
        &["recover", &run],
        &["worktree", "adopt", "nowhere"],
        &["restore", "--dry-run"],
        &["lock", "check", "."],
        &["export", "nowhere/x"],
        &["backup", "--to", "nowhere/x"],
        &["policy", "export", "nowhere/x"],
        &["run", "--all"],
        &["task", "create", "x", "--agent", "nobody"],
    ] {
        told.ai(&scene, args);
    }
    snapshot!(told);
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
    let page = std::fs::read_to_string(scene.root().join("pages/ai.1")).unwrap();
    assert_eq!(scene.ai_ok(&["man"]).stdout, page);
    assert!(page.starts_with(".ie"), "{page}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = scene.ai_ok(&["completions", shell]).stdout;
        assert!(script.contains("next-step"), "{shell}: {script}");
    }
    snapshot!(scene.ai(&["completions", "tcsh"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value 'tcsh' for '[SHELL]' [possible values: bash, elvish, fish, powershell, zsh]
      next: a similar value exists: 'zsh'
    ");
}

#[test]
fn a_shell_completes_who_can_be_written_to() {
    let scene = Scene::new().agent(Agent::new("one", "true")).build();
    scene.task("Fix the \u{1b}[2J parser", &[]);
    let done = scene.task("Done with", &[]);
    scene.ai_ok(&["task", "cancel", &done]);
    snapshot!(scene.ai_ok(&["completions", "--addressees"]).stdout, @r"
    [TASK]	Fix the \e[2J parser
    one	an agent
    people	whoever looks first
    me	yourself
    ");
    // The function as bash calls it, with the words of the line and the place among them.
    let script = scene.ai_ok(&["completions", "bash"]).stdout;
    scene.write("../complete.bash", &script);
    let asked = |words: &str, at: usize| {
        let line = format!(
            "PATH={}:$PATH; source ../complete.bash; COMP_WORDS=({words}); COMP_CWORD={at}; \
             _ai_with_addressees ai \"${{COMP_WORDS[{at}]}}\" \"${{COMP_WORDS[{at}-1]}}\"; echo \"${{COMPREPLY[@]}}\"",
            std::path::Path::new(env!("CARGO_BIN_EXE_ai"))
                .parent()
                .unwrap()
                .display()
        );
        let outcome = run(scene.command("bash").args(["-c", &line]));
        assert_eq!(outcome.code, Some(0), "{outcome}");
        outcome.stdout
    };
    snapshot!(
        [asked("ai send ''", 2), asked("ai send o", 2), asked("ai send t-", 2), asked("ai sen", 1)].concat(),
        @"
    [TASK] one people me
    one
    [TASK]
    send
    "
    );
    // The others cannot be tried without their shells; what they ask stands in their scripts.
    for (shell, asks) in [
        ("zsh", ":_ai_addressees'"),
        ("fish", "using_subcommand send\" -f -a"),
    ] {
        let script = scene.ai_ok(&["completions", shell]).stdout;
        assert_eq!(script.matches(asks).count(), 1, "{shell}");
    }
}

#[test]
fn the_configuration_is_shown_with_where_it_comes_from() {
    let scene = Sandbox::project();
    scene.write(".ai/config.yaml", "version: 1\ndefaults:\n  ttl: 5m\n");
    snapshot!(scene.ai(&["config", "show", "--origin"]), @r#"
    exit: 0
    ----- stdout -----
    defaults.checks = null  (default)
    defaults.ttl = "5m"  (.ai/config.yaml:3:8)
    defaults.run_ttl = "1m"  (default)
    defaults.heartbeat = "15s"  (default)
    defaults.max_attempts = 3  (default)
    defaults.max_lapses = 3  (default)
    defaults.agent = null  (default)
    defaults.base = null  (default)
    locks.shared = []  (default)
    locks.case = "auto"  (default)
    runs.isolation = "worktree"  (default)
    runs.setup = null  (default)
    runs.minutes = 60  (default)
    runs.silence_minutes = 10  (default)
    runs.output_mb = 64  (default)
    runs.grace = "10s"  (default)
    runs.env_pass = []  (default)
    runs.sandbox = "auto"  (default)
    runs.network = "on"  (default)
    runs.allow_write = []  (default)
    runs.allow_read = []  (default)
    runs.memory_mb = null  (default)
    runs.file_mb = null  (default)
    runs.processes = null  (default)
    runs.caches = []  (default)
    runs.cache_mode = "cow"  (default)
    runs.check_keep = []  (default)
    runs.ports = {}  (default)
    runs.port_base = 20000  (default)
    runs.disk_floor_mb = 512  (default)
    router.prefer = []  (default)
    router.capabilities = {}  (default)
    router.fallback = {}  (default)
    router.weights = {"success":4,"labels":2,"prefer":3,"health":2,"load":2,"cost":1}  (default)
    scheduler.enabled = true  (default)
    scheduler.max_concurrency = null  (default)
    scheduler.queue_policy = "priority"  (default)
    scheduler.max_queue_size = null  (default)
    scheduler.ageing = "1d"  (default)
    scheduler.keep_paths = "1h"  (default)
    scheduler.order = []  (default)
    scheduler.fairness = []  (default)
    scheduler.rate_limit = null  (default)
    scheduler.retry = {}  (default)
    scheduler.breaker = null  (default)
    scheduler.maintenance = []  (default)
    scheduler.machine = {}  (default)
    daemon.parallel = null  (default)
    daemon.stop_within = "5m"  (default)
    daemon.land = false  (default)
    budgets.run = {}  (default)
    budgets.task = {}  (default)
    budgets.agent = {}  (default)
    budgets.day = {}  (default)
    budgets.repository = {}  (default)
    accept.mode = "merge"  (default)
    accept.target = null  (default)
    retention.age = "90d"  (default)
    retention.runs = null  (default)
    retention.size_mb = 4096  (default)
    notices.sinks = {}  (default)
    notices.rules = {}  (default)
    notices.quiet_hours = null  (default)
    notices.deduplicate = "10m"  (default)
    notices.digest = true  (default)
    redact = []  (default)
    ----- stderr -----
    "#);
}

/// The verbs below `above`, as its help lists them.
fn verbs(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|verb| !verb.is_empty() && *verb != "help")
        .map(str::to_owned)
        .collect()
}

/// Adds the help of a verb and of everything below it, but for the flags that all have: `ai --help`
/// shows those.
fn add_help(told: &mut Transcript, scene: &Sandbox, verb: &[&str]) {
    let args = [verb, &["--help"]].concat();
    let mut help = scene.ai(&args);
    let (own, _) = help.stdout.split_once("Everywhere:\n").unwrap();
    let below = verbs(own);
    help.stdout = format!("{}\n", own.trim_end());
    told.add(&format!("ai {}", args.join(" ")), &help);
    for name in below {
        add_help(told, scene, &[verb, &[&name]].concat());
    }
}

#[test]
fn every_verb_has_a_help() {
    let scene = Sandbox::empty();
    let all = verbs(&scene.ai_ok(&["--help"]).stdout);
    assert!(all.len() > 20, "{all:?}");
    for verb in all {
        let mut told = Transcript::default();
        add_help(&mut told, &scene, &[&verb]);
        snapshot!(format!("help_{verb}"), told);
    }
}

#[test]
fn a_file_with_one_bad_entry_creates_nothing() {
    let scene = Sandbox::project();
    scene.write("tasks.jsonl", "{\"title\":\"Good\"}\n{\"title\":\"\"}\n");
    snapshot!(scene.ai(&["task", "create", "--from", "tasks.jsonl"]), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: entry 2 (``): a task needs a title; nothing was created
      next: ai task create "TITLE"
    "#);
    snapshot!(scene.ai(&["task", "list"]), @"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    no task to show; `ai status` counts all that there are, `ai task create TITLE` writes one down
    ");
}
