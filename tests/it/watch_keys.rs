//! The keys of `ai watch` that act: the operations of the commands, their questions and their refusals.

use serde_json::Value;

use crate::support::runs::GOOD;
use crate::support::scene::{Agent, Scene};
use crate::support::{Sandbox, Typist};

const POLICY: &str = "version: 1
default: allow
rules:
  - id: ask-first
    on: [run.start]
    labels: [costly]
    effect: require_approval
    reason: it costs money
";

fn board(sandbox: &Sandbox) -> Typist {
    Typist::start(&mut sandbox.ai_command(&["watch"]), (100, 30))
}

#[track_caller]
fn leave(mut board: Typist) {
    board.types("q");
    assert_eq!(board.ends(), Some(0));
    board.gets_back_what_was();
}

#[test]
fn proven_work_is_accepted_after_a_yes_and_lands() {
    let sandbox = Sandbox::with_script(GOOD);
    let id = sandbox.reviewed("Fix the parser");
    let board = board(&sandbox);
    board.sees(">r Fix the parser");
    board.types("a");
    board.sees(&format!("accept {id}.1 (ready_for_review)"));
    board.types("n");
    board.sees("nothing was done");
    assert_eq!(sandbox.status(&id), "review");
    board.types("a");
    board.sees("[y/N]");
    board.types("y");
    board.sees(&format!("{id} is done, and is in main"));
    assert_eq!(sandbox.status(&id), "done");
    assert_eq!(sandbox.file_at("main", "work.txt"), "work");
    board.sees(">+ Fix the parser");
    leave(board);
}

#[test]
fn work_that_no_check_can_prove_is_refused_without_a_question() {
    let sandbox = Scene::new()
        .config("version: 1\nruns: {grace: 1s}\n")
        .agent(Agent::new("one", GOOD))
        .build();
    let id = sandbox.task("Fix the parser", &[]);
    sandbox.run(&id);
    assert_eq!(sandbox.status(&id), "review");
    let board = board(&sandbox);
    board.sees(">r Fix the parser");
    board.types("a");
    board.sees("no required check has run on");
    assert_eq!(board.screen().matches("[y/N]").count(), 0);
    leave(board);
    assert_eq!(sandbox.status(&id), "review");
}

#[test]
fn work_is_sent_back_with_a_note_and_queued_again_by_hand() {
    let sandbox = Sandbox::with_script(GOOD);
    let id = sandbox.reviewed("Fix the parser");
    let board = board(&sandbox);
    board.sees(">r Fix the parser");
    board.types("r\r");
    board.sees("say what is wrong with it");
    board.types("empty files, too");
    board.sees(&format!("what is wrong with {id}: empty files, too_"));
    board.types("\r");
    board.sees(&format!("{id} is sent back with your note"));
    let notes = sandbox.show(&id)["notes"].to_string();
    assert_eq!(notes.matches("empty files, too").count(), 1, "{notes}");
    // Work that does not wait for a review can be neither accepted nor sent back.
    board.types("a");
    board.sees("hint: ");
    sandbox.ai_ok(&["task", "cancel", &id, "--reason", "not now"]);
    board.sees(">- Fix the parser");
    board.types("t");
    board.sees(&format!("{id} is queued again"));
    assert_eq!(sandbox.status(&id), "queued");
    board.types("c");
    board.sees(&format!("{id} is claimed until"));
    assert_eq!(sandbox.status(&id), "claimed");
    board.sees(">c Fix the parser");
    board.types("c");
    board.sees_no_more("is claimed until");
    board.sees("hint: ");
    leave(board);
}

/// A project whose policy wants a yes before a run, with such a question.
fn asked() -> (Sandbox, String) {
    let sandbox = Scene::new()
        .policy(POLICY)
        .agent(Agent::new("one", GOOD))
        .build();
    let id = sandbox.task("Fix the parser", &["--label", "costly"]);
    assert_eq!(sandbox.run(&id).code, Some(8));
    (sandbox, id)
}

#[test]
fn a_yes_is_said_to_what_was_shown() {
    let (sandbox, id) = asked();
    let board = board(&sandbox);
    board.sees(">y Fix the parser");
    board.types("y");
    board.sees("say yes to run.start");
    board.sees("it costs money");
    board.types("y");
    board.sees("is approved");
    board.sees_no_more(">y Fix the parser");
    leave(board);
    assert_eq!(sandbox.run(&id).code, Some(0));
}

#[test]
fn whoever_acts_within_a_run_can_do_nothing_that_its_command_refuses() {
    let (sandbox, id) = asked();
    let before = sandbox.ai_json_lines(&["approvals"]).len();
    let mut command = sandbox.ai_command(&["watch"]);
    command.env("AI_RUN", "t-other.1");
    let board = Typist::start(&mut command, (100, 30));
    board.sees(">y Fix the parser");
    board.types("y");
    board.sees("[y/N]");
    board.types("y");
    board.sees_no_more("[y/N]");
    board.sees("hint: ");
    assert_eq!(sandbox.ai_json_lines(&["approvals"]).len(), before);
    board.types("p");
    board.sees("only a person may hold the daemon back");
    leave(board);
    assert_eq!(
        sandbox.status(&id),
        sandbox.show(&id)["status"].as_str().unwrap()
    );
}

#[test]
fn the_daemon_is_paused_and_let_go_on() {
    let sandbox = Sandbox::with_script(GOOD);
    sandbox.task("Fix the parser", &[]);
    let board = board(&sandbox);
    board.sees("no daemon");
    board.types("p");
    board.sees("the daemon is paused by human:tester");
    board.types("p");
    board.sees("nothing holds the daemon back");
    board.sees("no daemon");
    leave(board);
    assert_eq!(
        sandbox.ai_json(&["daemon", "resume"])["order"],
        serde_json::Value::Null
    );
}

#[test]
fn a_message_is_typed_to_whoever_will_work_on_a_task() {
    let sandbox = Sandbox::project();
    let id = sandbox.task("Fix the parser", &[]);
    let board = board(&sandbox);
    board.sees(">2 Fix the parser");
    board.types("m\r");
    board.sees("say something: an empty message is none");
    board.types("begin with the grammar");
    board.sees(&format!(
        "to whoever works on {id}: begin with the grammar_"
    ));
    board.types("\r");
    board.sees("it will stand in the prompt of the next run");
    leave(board);
    let messages = sandbox.ai_json_lines(&["inbox", "--all"]);
    let told: Vec<&Value> = messages.iter().map(|one| &one["text"]).collect();
    assert_eq!(told, ["begin with the grammar"]);
}
