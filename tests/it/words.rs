//! What people type before they know the commands: none of it does anything, and all of it leads
//! on.

use crate::snapshot;
use crate::support::Sandbox;
use crate::support::runs::GOOD;

#[test]
fn a_command_without_its_task_lists_what_waits() {
    let sandbox = Sandbox::with_script(GOOD);
    snapshot!(sandbox.ai(&["run"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: which task? None waits for an agent
      next: `ai status` shows what is going on
    ");
    snapshot!(sandbox.ai(&["accept"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: which task? None waits for a review
      next: `ai status` shows what is going on
    ");
    let id = sandbox.task("Fix the parser", &[]);
    snapshot!(sandbox.ai(&["run"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: which task? One waits for an agent:
      [TASK]  Fix the parser
      next: ai run [TASK]
    ");
    sandbox.run(&id);
    snapshot!(sandbox.ai(&["accept"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: which task? One waits for a review:
      [TASK]  Fix the parser
      next: ai accept [TASK]
    ");
    snapshot!(sandbox.ai(&["review", "--json"]), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    {"error":{"code":2,"kind":"usage","message":"which task? One waits for a review:\n  [TASK]  Fix the parser","next":"ai review [TASK]"}}
    "#);
    sandbox.task("Write the page", &["--hold", "later"]);
    snapshot!(sandbox.ai(&["why"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: which task? 2 tasks wait for somebody:
      [TASK]  Fix the parser
      [TASK]  Write the page
      next: `ai why TASK`, with one of these
    ");
    // Nothing was taken.
    let states: Vec<_> = sandbox
        .ai_json_lines(&["task", "list"])
        .iter()
        .map(|task| task["status"].clone())
        .collect();
    assert_eq!(states, ["review", "blocked"]);
}

#[test]
fn a_run_names_its_task() {
    let sandbox = Sandbox::with_script(GOOD);
    let id = sandbox.task("Fix the parser", &[]);
    sandbox.run(&id);
    sandbox.ai_ok(&["reject", &format!("{id}.1"), "--note", "again"]);
    sandbox.run(&format!("{id}.1"));
    snapshot!(sandbox.ai(&["why", &format!("{id}.2")]), @"
    exit: 0
    ----- stdout -----
    [TASK]  review  Fix the parser
      review     run [RUN] has finished and waits for a person; accepted, it goes into main
      next       ai review [TASK]
    ----- stderr -----
    ");
    // The run that somebody has seen is not the one that would be taken.
    snapshot!(sandbox.ai(&["accept", &format!("{id}.1")]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: what waits for a review is run [RUN], not [RUN]
      next: `ai review [RUN]` shows it
    ");
    let seen = sandbox.ai_json(&["review", &format!("{id}.1"), "--no-diff"]);
    assert_eq!(seen["run"]["id"], format!("{id}.1"));
    snapshot!(sandbox.ai(&["review", &format!("{id}.7")]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: there is no run `[RUN]`
      next: `ai review TASK` names the last run of a task
    ");
    sandbox.ai_ok(&["accept", &format!("{id}.2")]);
}

#[test]
fn words_of_other_tools_and_titles_without_quotes_lead_on() {
    let sandbox = Sandbox::project();
    snapshot!(sandbox.ai(&["ls"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: there is no command `ls`
      next: `ai task list` lists the tasks, `ai list` the agents
    ");
    snapshot!(sandbox.ai(&["install", "--json"]), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    {"error":{"code":2,"kind":"usage","message":"there is no command `install`","next":"`ai --help` lists the commands"}}
    "#);
    snapshot!(sandbox.ai(&["task", "create", "Fix", "the", "parser"]), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: a title is one word to the shell, and `the` is one too many
      next: put it in quotes: ai task create "Fix the parser"
    "#);
    snapshot!(sandbox.ai(&["task", "lst"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: unrecognized subcommand 'lst'

      tip: a similar subcommand exists: 'list'

    Usage: ai task [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    sandbox.task("One", &[]);
    snapshot!(sandbox.ai(&["uninstall"]), @"
    exit: 8
    ----- stdout -----
    the store holds 1 task, 3 records and 0 runs
    removes   [PATH]/repo/.git/ai-high-water
    removes   [PATH]/repo/.git/ai
    removes   [PATH]/repo/.ai/state
    removes   [PATH]/repo/.ai/.gitignore
    removes   [PATH]/repo/.ai/config.yaml
    removes   [PATH]/repo/.ai/policy.yaml
    removes   [PATH]/home/.config/ai/trees
    ----- stderr -----
    error: nothing was removed
      next: `ai uninstall --yes --backup-to DIR` keeps a copy of the tasks, the log and the evidence in a new directory, `ai uninstall --yes --discard` lets them be lost
    ");
    assert!(sandbox.store().is_file());
}
