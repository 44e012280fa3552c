//! `ai watch`: the board on a terminal, what it gives back, and lines where nobody sits.

use crate::snapshot;
use crate::support::runs::{GOOD, PATIENCE, open_gate, wait_for};
use crate::support::{Sandbox, Typist, mask, mask_also, poll};

/// A project with a task in review, one that failed, one that is claimed and one that waits.
fn project() -> (Sandbox, String) {
    let sandbox = Sandbox::with_script(GOOD);
    let reviewed = sandbox.reviewed("Fix the parser");
    let claimed = sandbox.task("Write the changelog", &[]);
    sandbox.ai_ok(&["task", "claim", &claimed]);
    sandbox.task("Rename the flags", &["--priority", "1"]);
    sandbox.task("Evil \u{1b}[2J title", &["--dep", &reviewed]);
    (sandbox, reviewed)
}

fn board(sandbox: &Sandbox, args: &[&str]) -> Typist {
    sized(sandbox, args, (80, 24))
}

fn sized(sandbox: &Sandbox, args: &[&str], size: (u16, u16)) -> Typist {
    Typist::start(&mut sandbox.ai_command(args), size)
}

#[test]
fn a_board_shows_tasks_in_columns_and_pages_of_the_chosen_one() {
    let (sandbox, id) = project();
    let mut board = board(&sandbox, &["watch"]);
    board.sees("ai review");
    snapshot!("board", mask(&board.screen()));
    board.types("2");
    board.sees("[2 log]");
    board.sees("done");
    board.types("\t");
    board.sees("+work");
    board.types("4");
    board.sees("unit passed");
    board.types("5");
    board.sees("task.claim");
    board.types("6");
    board.sees("1 of 3");
    board.types("1\u{1b}[C");
    board.sees(">c Write the");
    // Somebody else's command is seen as soon as it is done.
    sandbox.ai_ok(&["task", "note", &id, "seen"]);
    sandbox.ai_ok(&["task", "create", "Came in later"]);
    board.sees("2 Came in");
    board.types("/later\r");
    board.sees(">2 Came in");
    board.sees("filter: later");
    board.types("q");
    assert_eq!(board.ends(), Some(0));
    board.gets_back_what_was();
}

#[test]
fn the_words_of_an_agent_are_followed_while_it_works() {
    let sandbox = Sandbox::with_script(
        "cat >/dev/null; echo first words; touch \"$BASE/begun\"; read x < \"$BASE/gate\"; echo last words; echo work > work.txt",
    );
    let gate = sandbox.pipe("gate");
    let task = sandbox.task("One", &[]);
    let run = sandbox.start(&["run", &task]);
    wait_for(&sandbox.base().join("begun"));
    let mut board = board(&sandbox, &["task", "watch", &task]);
    board.types("2");
    board.sees("first words");
    board.sees("the agent works");
    open_gate(&gate);
    board.sees("last words");
    assert_eq!(run.wait().code, Some(0));
    board.types("1");
    board.sees("ai review");
    board.types("\u{1b}");
    board.sees(">r One");
    board.types("\u{3}");
    assert_eq!(board.ends(), Some(0));
    board.gets_back_what_was();
}

#[test]
fn the_terminal_is_given_back_whatever_ends_the_board() {
    let (sandbox, _) = project();
    for signal in ["TERM", "HUP", "INT", "QUIT"] {
        let mut board = board(&sandbox, &["watch"]);
        board.sees("for you 1");
        assert!(!board.is_as_before());
        board.signals(signal);
        assert_eq!(board.ends(), Some(130), "{signal}");
        board.gets_back_what_was();
    }
    let mut command = sandbox.ai_command(&["watch"]);
    let mut board = Typist::start(
        command.env("AI_TEST_FAILPOINT", "board-drawn:panic"),
        (80, 24),
    );
    assert_ne!(board.ends(), Some(0));
    board.gets_back_what_was();
    poll::until("the panic is told", PATIENCE, || {
        board.written().matches("panicked").count() > 0
    });
    let told = board.written();
    let (_, after) = told.rsplit_once("<esc>[?1049l").unwrap();
    assert_eq!(after.matches("panicked").count(), 1, "{told}");
}

#[test]
fn a_stop_gives_the_terminal_to_the_shell_and_the_board_comes_back() {
    let (sandbox, _) = project();
    let mut board = board(&sandbox, &["watch"]);
    board.sees("for you 1");
    for stop in ["key", "signal"] {
        if stop == "key" {
            board.types("\u{1a}");
        } else {
            board.signals("TSTP");
        }
        board.until_stopped();
        board.signals("CONT");
        poll::until("the board is back", PATIENCE, || {
            board.modes().iter().any(|mode| mode == "?1049") && !board.is_as_before()
        });
    }
    board.resizes(60, 20);
    board.sees("ai review");
    board.types("q");
    assert_eq!(board.ends(), Some(0));
    board.gets_back_what_was();
}

/// The kernel names the leader of such a session as process 0.
#[test]
fn a_board_that_is_led_from_outside_of_its_container_stays_where_it_is() {
    let (sandbox, _) = project();
    let apart = [
        "--map-root-user",
        "--fork",
        "--pid",
        "--kill-child",
        "--mount-proc",
    ];
    let probe = sandbox.command("unshare").args(apart).arg("true").output();
    if !probe.is_ok_and(|out| out.status.success()) {
        eprintln!("skipped: nobody may make a container of process ids here");
        return;
    }
    let mut command = sandbox.command("unshare");
    command
        .args(apart)
        .args(["sh", "-c", "\"$0\" watch; exit $?"])
        .arg(env!("CARGO_BIN_EXE_ai"));
    let mut board = Typist::start(&mut command, (80, 24));
    board.sees("for you 1");
    board.types("\u{1a}");
    board.types("2");
    board.sees("[2 log]");
    board.types("q");
    assert_eq!(board.ends(), Some(0));
    board.gets_back_what_was();
}

#[test]
fn an_editor_and_a_shell_get_the_terminal_in_the_worktree_and_the_board_comes_back() {
    let (sandbox, _) = project();
    let editor = sandbox.program(
        "editor",
        "pwd > \"$BASE/edited\"; echo \"$1\" >> \"$BASE/edited\"; exit 3",
    );
    // It leaves the terminal in a bad state, and is killed.
    let shell = sandbox.program(
        "shell",
        "pwd > \"$BASE/visited\"; stty raw -echo; kill -9 $$",
    );
    let mut command = sandbox.ai_command(&["watch"]);
    command.env("VISUAL", &editor).env("SHELL", &shell);
    let mut board = Typist::start(&mut command, (80, 24));
    board.sees(">r Fix the");
    board.types("e");
    wait_for(&sandbox.base().join("edited"));
    board.sees("has failed: exit status: 3");
    board.types("s");
    wait_for(&sandbox.base().join("visited"));
    board.types("\u{1b}[C");
    board.sees(">c Write the");
    board.types("s");
    board.sees("no run has worked on it");
    board.types("q");
    assert_eq!(board.ends(), Some(0));
    board.gets_back_what_was();
    let at = |name: &str| std::fs::read_to_string(sandbox.base().join(name)).unwrap();
    let slot = sandbox.slot("w1").display().to_string();
    assert_eq!(at("edited"), format!("{slot}\n.\n"));
    assert_eq!(at("visited"), format!("{slot}\n"));
}

#[test]
fn a_board_without_colour_and_on_a_tiny_terminal() {
    let (sandbox, _) = project();
    for (columns, rows) in [(20, 5), (60, 20), (8, 2)] {
        let mut command = sandbox.ai_command(&["watch"]);
        let mut board = Typist::start(command.env("NO_COLOR", "1"), (columns, rows));
        let is_drawn = || {
            board.modes().iter().any(|mode| mode == "?1049") && !board.screen().trim().is_empty()
        };
        poll::until("something is drawn", PATIENCE, is_drawn);
        board.types("jl2 ?");
        board.types("qq");
        assert_eq!(board.ends(), Some(0));
        board.gets_back_what_was();
        let written = board.written();
        let colours = ["[31m", "[32m", "[33m", "[36m"].map(|one| written.matches(one).count());
        assert_eq!(colours, [0; 4], "{written}");
    }
}

#[test]
fn a_store_that_goes_is_told_and_one_that_comes_back_is_shown() {
    let (sandbox, _) = project();
    let mut board = board(&sandbox, &["watch"]);
    board.sees("for you 1");
    let (store, aside) = (sandbox.store(), sandbox.base().join("aside"));
    std::fs::rename(&store, &aside).unwrap();
    board.sees("ai restore");
    std::fs::rename(&aside, &store).unwrap();
    board.types("j");
    sandbox.ai_ok(&["task", "create", "Came in later"]);
    board.sees("2 Came in");
    board.types("q");
    assert_eq!(board.ends(), Some(0));
}

#[test]
fn where_nobody_sits_each_event_is_a_line() {
    let (sandbox, id) = project();
    let watch = sandbox.start(&["watch"]);
    poll::until("it watches", PATIENCE, || watch.said().lines().count() == 1);
    sandbox.ai_ok(&["reject", &id, "--note", "an \u{1b}[2J escape"]);
    poll::until("it has told", PATIENCE, || {
        watch.shown().lines().count() >= 2
    });
    watch.signal("INT");
    let told = watch.wait();
    assert_eq!(told.code, None, "as of any command that is interrupted");
    let time = [(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "[TIME]")];
    snapshot!(mask_also(format!("{}{}", told.stdout, told.stderr), &time), @r"
    [TIME]  human:tester  [TASK]  the policy allows task.reject (rule default)
    [TIME]  human:tester  [TASK]  rejected: an \e[2J escape
    what happens from now on; ctrl-c ends this, and `ai status` shows what stands
    ");
    let lines = sandbox.start(&["watch", "--json"]);
    poll::until("it watches", PATIENCE, || lines.said().lines().count() == 1);
    sandbox.ai_ok(&["task", "create", "One more"]);
    poll::until("it has told", PATIENCE, || {
        lines.shown().lines().count() >= 2
    });
    lines.signal("INT");
    let kinds: Vec<String> = lines
        .wait()
        .json_lines()
        .iter()
        .map(|line| line["event"]["kind"].as_str().unwrap().to_owned())
        .collect();
    snapshot!(kinds.join(" "), @"policy.decided task.created");
}

#[test]
fn a_task_is_watched_until_it_ends_or_waits_for_a_person() {
    let (sandbox, id) = project();
    snapshot!(sandbox.ai(&["task", "watch", &id]), @"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    [TASK] waits for a review: `ai review [TASK]` shows the work
    ");
    snapshot!(sandbox.ai(&["task", "watch", "t-none"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: there is no task `t-none`
      next: `ai task list` shows the tasks
    ");
    let task = sandbox.task("Another", &[]);
    let watch = sandbox.start(&["task", "watch", &task]);
    sandbox.run(&task);
    let told = watch.wait();
    assert_eq!(told.code, Some(0), "{told}");
    snapshot!(told.stderr, @"[TASK] waits for a review: `ai review [TASK]` shows the work");
    let last = told.stdout.lines().last().unwrap_or_default().to_owned();
    let time = [(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "[TIME]")];
    snapshot!(mask_also(last, &time), @"[TIME]  agent:fake    run [RUN] ended: checks passed on this tree and the policy allows it; it may be accepted; it waits for a review");
    sandbox.ai_ok(&["accept", &task]);
    snapshot!(sandbox.ai(&["task", "watch", &task]), @"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    [TASK] is done
    ");
}

#[test]
fn a_terminal_that_can_do_nothing_gets_lines() {
    let (sandbox, id) = project();
    for more in [&["--lines"][..], &[]] {
        let term = if more.is_empty() { "dumb" } else { "xterm" };
        let mut command = sandbox.on_terminal(70, &[&["task", "watch", &id], more].concat());
        let outcome = crate::support::run(command.env("TERM", term));
        assert_eq!(outcome.code, Some(0), "{outcome}");
        assert_eq!(outcome.stdout.matches("\u{1b}[?").count(), 0, "{outcome}");
    }
}
