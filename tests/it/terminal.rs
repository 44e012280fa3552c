//! What a person sees on a terminal: headings, colour, an end to each line, and a run at work.

use std::io::Write;

use crate::snapshot;
use crate::support::poll;
use crate::support::runs::{CONFIG, GOOD, PATIENCE, open_gate};
use crate::support::{Outcome, Sandbox, Typist, mask, mask_also, run};

/// What stands on the terminal in the end, escape sequences told as `<…>`.
fn seen(outcome: &Outcome) -> String {
    let text = outcome.stdout.replace("\r\n", "\n");
    let text = text.replace('\r', "<cr>").replace('\u{1b}', "<esc>");
    let here = (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "[LOCAL TIME]");
    mask_also(text, &[here])
}

fn on(sandbox: &Sandbox, columns: u16, args: &[&str]) -> String {
    let outcome = run(&mut sandbox.on_terminal(columns, args));
    assert_eq!(outcome.code, Some(0), "{outcome}");
    seen(&outcome)
}

/// A project with tasks in several states.
fn tasks() -> Sandbox {
    let sandbox = Sandbox::project();
    let done = sandbox.task("とても長い題名のとても長い仕事です、本当に長い", &[]);
    sandbox.ai_ok(&["task", "done", &done, "--override", "seen by hand"]);
    let claimed = sandbox.task("Fix the parser", &["--path", "src/parse/"]);
    sandbox.ai_ok(&["task", "claim", &claimed]);
    sandbox.task(
        "A title that is much longer than what a narrow terminal has room for",
        &[],
    );
    sandbox
}

#[test]
fn lists_have_headings_colours_and_an_end_on_a_terminal() {
    let sandbox = tasks();
    snapshot!(on(&sandbox, 48, &["task", "list"]), @"
    <esc>[1mTASK<esc>[0m        <esc>[1mSTATE<esc>[0m    <esc>[1mP<esc>[0m   <esc>[1mTITLE<esc>[0m
    [TASK]  <esc>[32mdone (overridden)<esc>[0m  P2  とても長い題…
    [TASK]  <esc>[36mclaimed<esc>[0m  P2  Fix the par…  [human:t…
    [TASK]  queued   P2  A title that is much l…
    ");
    snapshot!(on(&sandbox, 60, &["lock", "list"]), @"
    <esc>[1mLOCK<esc>[0m        <esc>[1mMODE<esc>[0m         <esc>[1mPATHS<esc>[0m      <esc>[1mHOLDER<esc>[0m        <esc>[1mLEFT<esc>[0m
    [TASK]  exclusively  src/parse  human:tester  [N]m left
    ");
    snapshot!(on(&sandbox, 70, &["log", "-n", "4"]), @"
    <esc>[1mTIME<esc>[0m                 <esc>[1mWHO<esc>[0m           <esc>[1mABOUT<esc>[0m       <esc>[1mWHAT<esc>[0m
    [LOCAL TIME]  human:tester  [TASK]  the policy allows task…
    [LOCAL TIME]  human:tester  [TASK]  claimed; locks src/par…
    [LOCAL TIME]  human:tester  -           the policy allows task…
    [LOCAL TIME]  human:tester  [TASK]  created: A title that…
    ");
    snapshot!(on(&sandbox, 44, &["status"]), @"
    1 queued, 1 claimed, 1 done
      [TASK]  human:tester  [N]m left  claim…
    ");
}

#[test]
fn colour_is_where_it_is_wanted_and_nothing_is_cut_for_a_pipe() {
    let sandbox = tasks();
    let list = ["task", "list", "--status", "claimed"];
    let pipe = |more: &[&str], variables: &[(&str, &str)]| {
        let args = [&list[..], more].concat();
        let outcome = run(sandbox.ai_command(&args).envs(variables.iter().copied()));
        seen(&outcome)
    };
    let terminal = |more: &[&str], variables: &[(&str, &str)]| {
        let args = [&list[..], more].concat();
        let mut command = sandbox.on_terminal(80, &args);
        let outcome = run(command.envs(variables.iter().copied()));
        seen(&outcome).lines().last().unwrap_or_default().to_owned() + "\n"
    };
    let plain = pipe(&[], &[]);
    snapshot!(plain, @"[TASK]  claimed  P2  Fix the parser  [human:tester, [N]m left]");
    let coloured = pipe(&["--color", "always"], &[]);
    snapshot!(coloured, @"[TASK]  <esc>[36mclaimed<esc>[0m  P2  Fix the parser  [human:tester, [N]m left]");
    for (shown, is_coloured) in [
        (pipe(&[], &[("CLICOLOR_FORCE", "1")]), true),
        (
            pipe(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]),
            false,
        ),
        (terminal(&[], &[]), true),
        (terminal(&["--color", "never"], &[]), false),
        (terminal(&[], &[("NO_COLOR", "1")]), false),
        (terminal(&[], &[("TERM", "dumb")]), false),
    ] {
        let expected = if is_coloured { &coloured } else { &plain };
        assert_eq!(mask(&shown), mask(expected));
    }
}

/// An agent that says something, and goes on when it is let.
const TALKER: &str = "cat >/dev/null; printf 'looking \\342\\200\\256at \\033]0;evil\\007the lexer\\n'; cat \"$BASE/gate\" >/dev/null; \
                      echo work > work.txt";

fn talker() -> (Sandbox, String) {
    let sandbox = Sandbox::with_agent(CONFIG, TALKER);
    sandbox.pipe("gate");
    let id = sandbox.task("One", &[]);
    (sandbox, id)
}

#[test]
fn a_run_at_work_shows_what_it_does_in_one_line_that_goes_away() {
    let (sandbox, id) = talker();
    let run = sandbox.start_on_terminal(100, &["run", &id]);
    let line = "the agent works  looking \\u{202e}at the lexer";
    poll::until("the line is there", PATIENCE, || {
        run.written().matches(line).count() > 0
    });
    open_gate(&sandbox.base().join("gate"));
    let outcome = run.wait();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(outcome.stdout.matches("\u{1b}]").count(), 0, "{outcome}");
    // What is left when each line has been written over.
    let left: Vec<&str> = outcome
        .stdout
        .split('\n')
        .map(|line| line.rsplit("\r\u{1b}[2K").next().unwrap_or_default())
        .collect();
    snapshot!(left.join("\n").replace('\r', ""), @"
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    [RUN]  ready_for_review  review
      checks passed on this tree and the policy allows it; it may be accepted
    look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
    ");
}

#[test]
fn nothing_is_written_over_where_nobody_looks() {
    for (more, variable) in [
        (&["--json"][..], ("TERM", "xterm")),
        (&["-q"], ("TERM", "xterm")),
        (&[], ("TERM", "dumb")),
    ] {
        let (sandbox, id) = talker();
        open_gate_later(&sandbox);
        let args = [&["run", id.as_str()], more].concat();
        let mut command = sandbox.on_terminal(70, &args);
        let outcome = run(command.env(variable.0, variable.1));
        assert_eq!(outcome.code, Some(0), "{outcome}");
        assert_eq!(outcome.stdout.matches('\u{1b}').count(), 0, "{outcome}");
    }
}

/// Opens the gate as soon as the agent has come to it.
fn open_gate_later(sandbox: &Sandbox) {
    let gate = sandbox.base().join("gate");
    std::thread::spawn(move || open_gate(&gate));
}

#[test]
fn a_command_that_takes_long_says_so_at_the_foot_and_takes_it_away() {
    let sandbox = Sandbox::with_script("true");
    let gate = sandbox.pipe("gate");
    let config = format!(
        "version: 1\nchecks: {{unit: {{run: \"read x < '{}'\"}}}}\n",
        gate.display()
    );
    sandbox.write(".ai/config.yaml", &config);
    sandbox.ai_ok(&["trust"]);
    sandbox.commit("a check that waits");
    let begin = |args: &[&str]| {
        let mut command = sandbox.ai_command(args);
        command.env("AI_PROGRESS", "auto");
        Typist::start(&mut command, (80, 24))
    };
    let mut check = begin(&["check"]);
    check.sees("running the checks");
    open_gate(&gate);
    assert_eq!(check.ends(), Some(0));
    assert_eq!(check.screen().matches("running the checks").count(), 0);

    for title in ["One", "Two"] {
        sandbox.task(title, &[]);
    }
    let exported = sandbox.ai_ok(&["export"]).stdout;
    let (first, rest) = exported.split_once('\n').unwrap();
    let lines = sandbox.pipe("lines");
    let mut import = begin(&["import", "--dry-run", lines.to_str().unwrap()]);
    let mut input = std::fs::File::options().write(true).open(&lines).unwrap();
    writeln!(input, "{first}").unwrap();
    import.sees("reading the export  [");
    import.sees("0 of ");
    input.write_all(rest.as_bytes()).unwrap();
    drop(input);
    assert_eq!(import.ends(), Some(0));
    assert_eq!(import.screen().matches("reading").count(), 0);
}

#[test]
fn what_somebody_types_is_waited_for_and_the_work_after_it_has_its_line() {
    let sandbox = Sandbox::with_script(GOOD);
    let id = sandbox.reviewed("One");
    let gate = sandbox.pipe("gate");
    let config = format!(
        "version: 1\nruns: {{grace: 1s}}\nchecks: {{unit: {{run: \"read x < '{}'\"}}}}\n",
        gate.display()
    );
    sandbox.write(".ai/config.yaml", &config);
    sandbox.ai_ok(&["trust"]);
    sandbox.commit("a check that waits");
    let mut command = sandbox.ai_command(&["accept", &id, "-F", "-"]);
    let mut accept = Typist::start(command.env("AI_PROGRESS", "auto"), (80, 24));
    accept.types("Mend the parser\n\u{4}");
    accept.sees(" landing  ");
    open_gate(&gate);
    assert_eq!(accept.ends(), Some(0));
    assert_eq!(accept.screen().matches(" landing  ").count(), 0);
}

/// Everything that stands on a screen when a command has been ended there by signals.
fn left_by(typist: &mut Typist, signals: &[&str], code: Option<i32>) -> String {
    for name in signals {
        typist.signals(name);
    }
    assert_eq!(typist.ends(), code, "{}", typist.screen());
    typist.screen().trim_end().to_owned()
}

#[test]
fn a_command_that_a_signal_ends_leaves_no_line_at_the_foot() {
    let sandbox = Sandbox::with_script("true");
    let lines = sandbox.pipe("lines");
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let mut command = sandbox.ai_command(&["import", "--dry-run", lines.to_str().unwrap()]);
        let mut import = Typist::start(command.env("AI_PROGRESS", "auto"), (80, 24));
        // It waits for whoever writes.
        let _open = std::fs::File::options().write(true).open(&lines).unwrap();
        import.sees("reading the export");
        assert_eq!(left_by(&mut import, &[signal], Some(code)), "", "{signal}");
    }
    let gate = sandbox.pipe("gate");
    let config = format!(
        "version: 1\nruns: {{grace: 1s}}\nchecks: {{unit: {{run: \"read x < '{}'\"}}}}\n",
        gate.display()
    );
    sandbox.write(".ai/config.yaml", &config);
    sandbox.ai_ok(&["trust"]);
    sandbox.commit("a check that waits");
    let mut command = sandbox.ai_command(&["check"]);
    let mut check = Typist::start(command.env("AI_PROGRESS", "auto"), (80, 24));
    check.sees("running the checks");
    let left = left_by(&mut check, &["INT"], Some(130));
    assert_eq!(left.matches("running the checks").count(), 0, "{left}");
}

#[test]
fn a_run_that_is_ended_on_the_spot_leaves_no_line_at_the_foot() {
    let stubborn = format!("trap '' TERM; {TALKER}");
    let sandbox = Sandbox::with_agent(&CONFIG.replace("grace: 1s", "grace: 5s"), &stubborn);
    sandbox.pipe("gate");
    let id = sandbox.task("One", &[]);
    let mut run = Typist::start(&mut sandbox.ai_command(&["run", &id]), (100, 24));
    run.sees("the agent works  looking");
    // Signals of one kind that wait to be heard are one signal, so they are sent until it ends.
    poll::until("it has ended", PATIENCE, || {
        run.signals_if_there("INT");
        run.is_over()
    });
    assert_eq!(
        run.ends(),
        None,
        "it was not killed, but ended in its own time"
    );
    let left = run.screen();
    assert_eq!(left.matches("the agent works").count(), 0, "{left}");
}
