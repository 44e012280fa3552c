//! The person who acts where none is named: the one whom Git knows, with what they did under their
//! login before.

use serde_json::{Value, json};

use crate::support::{Sandbox, run};

const ANN: &str = "human:ann@example.com";

/// Tells Git in this repository who works there.
fn known_to_git(sandbox: &Sandbox) {
    sandbox.git(&["config", "user.email", "Ann@example.com"]);
}

/// Who acts in this repository, by the log: actor and login of the newest event.
fn newest(sandbox: &Sandbox) -> (Value, Value) {
    sandbox.task("Another", &[]);
    let log = sandbox.ai_json_lines(&["log"]);
    let last = log.last().unwrap();
    (last["actor"].clone(), last["event"]["login"].clone())
}

#[test]
fn git_names_the_person_and_the_login_stands_beside_it() {
    let sandbox = Sandbox::project();
    assert_eq!(newest(&sandbox), (json!("human:tester"), Value::Null));
    known_to_git(&sandbox);
    assert_eq!(newest(&sandbox), (json!(ANN), json!("tester")));
    let named = sandbox.ai_json(&["task", "create", "x", "--as", "tester"]);
    assert_eq!(named["created_by"], "human:tester");
    let log = sandbox.ai_json_lines(&["log"]);
    let last = log.last().unwrap();
    assert_eq!(
        (&last["actor"], &last["event"]["login"]),
        (&json!("human:tester"), &Value::Null)
    );
    sandbox.git(&["config", "user.email", "no address"]);
    assert_eq!(newest(&sandbox), (json!("human:tester"), Value::Null));
}

#[test]
fn the_system_knows_the_login_where_the_environment_does_not() {
    let sandbox = Sandbox::project();
    let id = sandbox.command("id").arg("-un").output().unwrap();
    let login = String::from_utf8(id.stdout).unwrap().trim().to_owned();
    if !id.status.success() {
        // A container may give the user no name.
        return;
    }
    let without = |args: &[&str]| {
        let mut command = sandbox.ai_command(args);
        command.env_remove("USER").env("LOGNAME", "");
        run(&mut command)
    };
    let by_login = without(&["task", "create", "x", "--json"]).json();
    assert_eq!(by_login["created_by"], format!("human:{login}"));
    known_to_git(&sandbox);
    let by_git = without(&["task", "create", "y", "--json"]).json();
    assert_eq!(by_git["created_by"], ANN);
    let log = sandbox.ai_json_lines(&["log"]);
    assert_eq!(log.last().unwrap()["event"]["login"], login);
}

#[test]
fn an_included_file_names_the_person_as_git_has_it() {
    let sandbox = Sandbox::project();
    let at_work = sandbox.root().join("../at-work.config");
    std::fs::write(&at_work, "[user]\n\temail = ann@example.com\n").unwrap();
    let key = format!("includeIf.gitdir:{}/.path", sandbox.root().display());
    sandbox.git(&["config", &key, at_work.to_str().unwrap()]);
    assert_eq!(newest(&sandbox), (json!(ANN), json!("tester")));
    let key = "includeIf.gitdir:/elsewhere/.path";
    let sandbox = Sandbox::project();
    sandbox.git(&["config", key, at_work.to_str().unwrap()]);
    assert_eq!(newest(&sandbox), (json!("human:tester"), Value::Null));
}

#[test]
fn what_the_login_took_stays_with_the_person() {
    let sandbox = Sandbox::project();
    let by_login = sandbox.ai_json(&["lock", "acquire", "a/**"]);
    let of_another = sandbox.ai_json(&["lock", "acquire", "b/**", "--as", "bob"]);
    let of_agent = sandbox.ai_json(&["lock", "acquire", "c/**", "--as", "agent:tester"]);
    let task = sandbox.task("One", &["--path", "src/"]);
    sandbox.ai_ok(&["task", "claim", &task]);
    known_to_git(&sandbox);
    let by_git = sandbox.ai_json(&["lock", "acquire", "d/**"]);
    // A worktree has no token of another one: there it is the name that counts.
    let elsewhere = sandbox.root().join("../elsewhere");
    let release = |lock: &Value, more: &[&str]| {
        let id = lock["lock"]["id"].as_str().unwrap().to_owned();
        let mut args = vec!["lock", "release", id.as_str()];
        args.extend(more);
        sandbox.ai_in(&elsewhere, &args).code
    };
    sandbox.git(&["worktree", "add", "-q", elsewhere.to_str().unwrap()]);
    assert_eq!(release(&of_another, &[]), Some(4));
    assert_eq!(release(&of_agent, &[]), Some(4));
    assert_eq!(release(&by_git, &["--as", "tester"]), Some(4));
    assert_eq!(release(&by_login, &["--as", ANN]), Some(4));
    assert_eq!(release(&by_login, &[]), Some(0));
    assert_eq!(release(&by_git, &[]), Some(0));
    // The path of the person's own task does not stand in their way where its token lies.
    sandbox.ai_ok(&["lock", "check", "src/a"]);
    assert_eq!(
        sandbox.ai(&["lock", "check", "src/a", "--as", "bob"]).code,
        Some(4)
    );
    sandbox.ai_ok(&["task", "release", &task]);
}
