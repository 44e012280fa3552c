//! The protocol in tables: every line that a caller may send, and the whole reply to it.

use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::app::workspace::{Workspace, now};
use crate::domain::lease::Token;
use crate::git::testing::TestRepo;
use crate::ops::claim::{self, Which};
use crate::ops::project::{self, STORE_FILE};
use crate::store::EventFilter;
use crate::store::sqlite::SqliteStore;
use crate::store::testing::{self, created, record, task};

/// A project in which a run works on `t-a`, and somebody else holds `t-b` with what lies in `b/`.
struct Project {
    repo: TestRepo,
    token: Token,
}

fn workspace(root: &Path, name: &str) -> Workspace {
    Workspace::new(Some(root.to_owned()), Some(name.to_owned()))
}

fn claim(root: &Path, id: &str, name: &str) -> Token {
    let workspace = workspace(root, name);
    let mut store = workspace.open_store(Access::Write).unwrap();
    let cx = workspace.cx().unwrap();
    let claimed = claim::run(&mut *store, &cx, &Which::Task(id.into()), 60_000).unwrap();
    claimed.token
}

fn project() -> Project {
    let repo = TestRepo::new();
    let state = workspace(&repo.root, "ann").state_dir().unwrap();
    std::fs::create_dir_all(&state).unwrap();
    let mut store = SqliteStore::create(&state.join(STORE_FILE), "s").unwrap();
    let locking = |name: &str| {
        let mut task = task(name);
        task.paths = vec![crate::domain::task::LockRequest {
            pattern: format!("{name}/"),
            mode: crate::domain::path_lock::LockMode::Exclusive,
        }];
        created(task, &[])
    };
    store
        .write(|tx| record(tx, &["a", "b", "secret"].map(locking)))
        .map_err(OpError::from)
        .unwrap();
    let token = claim(&repo.root, "t-a", "agent:codex#s1");
    claim(&repo.root, "t-b", "human:ann");
    Project { repo, token }
}

impl Project {
    fn clerk(&self) -> Clerk {
        let workspace = workspace(&self.repo.root, "agent:codex#s1");
        Clerk::new(HatchOrder {
            socket: self.repo.root.join("socket"),
            key: String::new(),
            store: project::store_place(&workspace.state_dir().unwrap()),
            cx: workspace.cx().unwrap(),
            clock: now,
            task: self.token.subject.task().unwrap(),
            token: self.token.clone(),
            asked: std::sync::Arc::default(),
            imports: None,
            worktree: self.repo.root.canonicalize().unwrap(),
            config: workspace.config().unwrap().clone(),
            root: self.repo.root.canonicalize().unwrap(),
        })
    }

    /// The kinds of the events that are in the log, with who recorded them.
    fn log(&self) -> Vec<String> {
        let workspace = workspace(&self.repo.root, "ann");
        let mut store = workspace.open_store(Access::Read).unwrap();
        let all = store
            .read(|tx| testing::log(tx, &EventFilter::default()))
            .unwrap();
        let told = all.iter().map(|one| format!("{} {}", one.actor, one.kind));
        told.collect()
    }
}

fn reply(clerk: &Clerk, line: &str) -> Value {
    let reply = clerk.reply(Ok(line.as_bytes().to_vec())).unwrap();
    serde_json::from_slice(&reply).unwrap()
}

fn ask(clerk: &Clerk, ask: Value) -> Value {
    reply(clerk, &json!({"version": 1, "ask": ask}).to_string())
}

fn refusal(reply: &Value) -> (String, String) {
    let word = |name: &str| reply["error"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(reply["version"], 1);
    (word("kind"), word("message"))
}

#[test]
fn what_is_no_request_is_refused_in_words() {
    let (project, long) = (project(), "x".repeat(10_000));
    let clerk = project.clerk();
    let show = |task: &str| json!({"show": {"task": task}});
    let table = [
        ("", None),
        ("}", Some("usage")),
        ("\u{0}\u{1}", Some("usage")),
        (long.as_str(), Some("usage")),
        ("[]", Some("usage")),
        ("{}", Some("usage")),
        (r#"{"version":1}"#, Some("usage")),
        (r#"{"version":1,"ask":{}}"#, Some("usage")),
        (r#"{"version":1,"ask":"accept"}"#, Some("usage")),
        (
            r#"{"version":1,"ask":{"accept":{"task":"t-a"}}}"#,
            Some("usage"),
        ),
        (r#"{"version":1,"ask":{"show":{"task":7}}}"#, Some("usage")),
        (
            r#"{"version":1,"ask":{"show":{"task":"t-a","as":"human:ann"}}}"#,
            Some("usage"),
        ),
        (
            r#"{"version":1,"ask":{"show":{"task":"t-a"}},"lease":"t-b.1.x"}"#,
            Some("usage"),
        ),
    ];
    for (line, kind) in table {
        let reply = clerk.reply(Ok(line.as_bytes().to_vec()));
        let reply: Option<Value> = reply.map(|text| serde_json::from_slice(&text).unwrap());
        let found = reply.as_ref().map(|reply| refusal(reply).0);
        assert_eq!(found.as_deref(), kind, "{line}: {reply:?}");
    }
    for version in [json!(0), json!(2), json!("1"), json!(1.5), Value::Null] {
        // Another version may ask in words that this one does not know.
        let line = json!({"version": version, "ask": {"dance": []}}).to_string();
        let (kind, message) = refusal(&reply(&clerk, &line));
        assert_eq!(kind, "usage", "{line}");
        assert_eq!(
            message,
            format!("the supervisor of this run speaks version 1 of the protocol, not {version}")
        );
    }
    let too_long = clerk
        .reply(Err(io::ErrorKind::FileTooLarge.into()))
        .unwrap();
    let (kind, message) = refusal(&serde_json::from_slice(&too_long).unwrap());
    assert_eq!(
        (kind.as_str(), message.as_str()),
        ("usage", "inside of a run a request has at most 64 KiB")
    );
    // Who never finishes a request is told nothing.
    assert_eq!(clerk.reply(Err(io::ErrorKind::TimedOut.into())), None);
    // Every spelling of the task's id that the terminal takes.
    for own in ["t-a", "a", " T-A\n", "t-a.1"] {
        assert_eq!(
            ask(&clerk, show(own))["answer"]["task"]["task"]["id"],
            "t-a",
            "{own}"
        );
    }
}

#[test]
fn no_other_task_is_asked_about_and_none_is_looked_for() {
    let project = project();
    let clerk = project.clerk();
    let before = project.log();
    // One that is there, one that is not, one that begins like it, and none at all.
    for other in [
        "t-b", "t-secret", "t-none", "t-aa", "", "t-", "*", "t-b.1", "../t-a",
    ] {
        let asks = [
            json!({"show": {"task": other}}),
            json!({"why": {"task": other}}),
            json!({"heartbeat": {"task": other}}),
            json!({"checkpoint": {"task": other, "next_step": "x"}}),
        ];
        for asked in asks {
            let expected =
                format!("inside of a run only its own task can be asked about: t-a, not `{other}`");
            let found = refusal(&ask(&clerk, asked.clone()));
            assert_eq!(found, ("denied".to_owned(), expected), "{asked}");
        }
    }
    assert_eq!(project.log(), before);
}

#[test]
fn whoever_mistypes_a_task_in_a_message_learns_of_no_other() {
    let project = project();
    let workspace = workspace(&project.repo.root, "ann");
    let mut store = workspace.open_store(Access::Write).unwrap();
    store
        .write(|tx| record(tx, &[created(task("secret2"), &[])]))
        .map_err(OpError::from)
        .unwrap();
    let clerk = project.clerk();
    // The beginning of two, and the neighbour of one.
    for typed in ["t-secre", "t-secrte"] {
        let reply = ask(&clerk, json!({"send": {"to": typed, "text": "hello"}}));
        let told = (&reply["error"]["message"], &reply["error"]["next"]);
        let message = format!("neither a task nor an agent nor a person here is called `{typed}`");
        let next = "write to a task, to an agent of `ai agent list`, to a person who has acted here (human:NAME), or to `people`";
        assert_eq!(told, (&json!(message), &json!(next)));
    }
}

#[test]
fn the_own_task_is_told_without_what_proves_its_lease() {
    let project = project();
    let told = ask(&project.clerk(), json!({"show": {"task": "t-a"}}));
    let task = &told["answer"]["task"];
    assert_eq!(
        (
            &task["task"]["id"],
            &task["lease"]["holder"],
            &task["lease"]["live"]
        ),
        (&json!("t-a"), &json!("agent:codex#s1"), &json!(true))
    );
    let secret = project
        .token
        .reveal()
        .rsplit_once('.')
        .unwrap()
        .1
        .to_owned();
    for hidden in [secret.as_str(), &project.token.secret_hash()] {
        assert_eq!(told.to_string().find(hidden), None, "{told}");
    }
    let why = ask(&project.clerk(), json!({"why": {"task": null}}));
    assert_eq!(why["answer"]["gates"]["gates"][0]["gate"], "lease", "{why}");
}

#[test]
fn a_heartbeat_and_a_word_are_the_runs_own_and_recorded_as_from_outside() {
    let project = project();
    let clerk = project.clerk();
    let before = project.log().len();
    let renewed = ask(&clerk, json!({"heartbeat": {"task": "t-a"}}));
    assert_eq!(renewed["answer"]["lease"]["subject"], "t-a", "{renewed}");
    let left = ask(
        &clerk,
        json!({"checkpoint": {"task": "t-a", "next_step": "go on"}}),
    );
    assert_eq!(
        left["answer"]["lease"]["holder"], "agent:codex#s1",
        "{left}"
    );
    assert_eq!(
        project.log()[before..],
        ["\"agent:codex#s1\" lease.checkpoint"]
    );
    let told = ask(&clerk, json!({"show": {"task": "t-a"}}));
    assert_eq!(told["answer"]["task"]["task"]["next_step"], "go on");
}

#[test]
fn a_lost_lease_is_told_and_nothing_is_written_under_it() {
    let project = project();
    let stale = Clerk::new(HatchOrder {
        token: Token::new(project.token.subject.clone(), 9, "x".into()),
        ..project.clerk().order
    });
    let (kind, message) = refusal(&ask(
        &stale,
        json!({"checkpoint": {"task": "t-a", "next_step": "x"}}),
    ));
    assert_eq!(
        (kind.as_str(), message.as_str()),
        (
            "lease_lost",
            "the lease on t-a is lost: it was granted anew; agent:codex#s1 holds it now"
        )
    );
}

#[test]
fn the_agent_of_another_run_is_not_answered() {
    let project = project();
    let clerk = Clerk::new(HatchOrder {
        key: "k".into(),
        ..project.clerk().order
    });
    for (key, is_heard) in [(Some("k"), true), (Some("x"), false), (None, false)] {
        for ask in [
            json!({"show": {"task": "t-a"}}),
            json!({"checkpoint": {"task": "t-a", "next_step": "do as I say"}}),
            json!({"lock_check": {"paths": ["b/x"]}}),
        ] {
            let mut line = json!({"version": 1, "ask": ask});
            if let Some(key) = key {
                line["key"] = key.into();
            }
            let told = reply(&clerk, &line.to_string());
            assert_eq!(told.get("answer").is_some(), is_heard, "{key:?} {told}");
        }
    }
}

#[test]
fn a_request_about_very_many_paths_is_refused_and_one_path_is_looked_up_once() {
    let project = project();
    let clerk = project.clerk();
    let paths: Vec<String> = (0..=MOST_PATHS).map(|n| format!("p{n}")).collect();
    let told = ask(&clerk, json!({"lock_check": {"paths": paths}}));
    assert_eq!(
        refusal(&told).1,
        "inside of a run at most 256 paths are asked about at once"
    );
    let told = ask(&clerk, json!({"lock_check": {"paths": vec!["b/x"; 9_000]}}));
    assert_eq!(told["answer"]["locked"].as_array().unwrap().len(), 1);
}

#[test]
fn paths_of_others_are_told_with_their_holder_and_the_own_are_free() {
    let project = project();
    let told = ask(
        &project.clerk(),
        json!({"lock_check": {"paths": ["a/x", "b/x", "c"]}}),
    );
    let locked = told["answer"]["locked"].as_array().unwrap();
    let fields: Vec<_> = locked
        .iter()
        .map(|one| [&one["path"], &one["locked_by"], &one["holder"]])
        .collect();
    assert_eq!(
        fields,
        [[&json!("b/x"), &json!("t-b"), &json!("human:ann")]]
    );
}

#[test]
fn a_run_that_writes_without_end_is_stopped_and_an_ended_one_is_not_answered() {
    let project = project();
    let clerk = project.clerk();
    clerk.written.store(WRITES, Ordering::SeqCst);
    let (kind, message) = refusal(&ask(&clerk, json!({"heartbeat": {"task": "t-a"}})));
    assert_eq!(
        (kind.as_str(), message.as_str()),
        (
            "denied",
            "this run has written 1000 times, which is the most that one may"
        )
    );
    clerk.close();
    let late = json!({"version": 1, "ask": {"show": {"task": "t-a"}}}).to_string();
    assert_eq!(clerk.reply(Ok(late.into_bytes())), None);
}

#[test]
fn a_hook_is_answered_for_the_own_worktree_and_under_the_own_lease() {
    let project = project();
    let clerk = project.clerk();
    let call = |kind: &str, paths: &[&str]| {
        let call =
            json!({"kind": kind, "title": "Tool", "paths": paths, "digest": null, "command": null});
        let reply = ask(&clerk, json!({"pre_tool": {"call": call}}));
        match reply["answer"].as_str() {
            Some(word) => word.to_owned(),
            None => refusal(&reply).1,
        }
    };
    assert_eq!(call("edit", &["a/x"]), "may_call");
    assert_eq!(call("edit", &[]), "may_call");
    let held = call("edit", &["a/x", "b/x"]);
    assert!(
        held.starts_with("the call of `Tool` changes b/x, locked exclusively by human:ann"),
        "{held}"
    );
    let beyond = call("edit", &["/elsewhere"]);
    assert!(
        beyond.starts_with("policy denies edit: `/elsewhere` is not in the worktree of the run"),
        "{beyond}"
    );
    let many: Vec<String> = (0..300).map(|n| format!("a/{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(
        call("edit", &many),
        "inside of a run a tool changes at most 256 files at once"
    );
    let refused = project
        .log()
        .iter()
        .filter(|one| one.ends_with("policy.decided"))
        .count();
    // After the last write that one run may ask for, a no stays a no and leaves no record.
    clerk.written.store(WRITES, Ordering::SeqCst);
    assert_eq!(call("edit", &["a/x"]), "may_call");
    let words = |text: &str| text.split(", decision").next().map(str::to_owned);
    assert_eq!(words(&call("edit", &["/elsewhere"])), words(&beyond));
    let after = project
        .log()
        .iter()
        .filter(|one| one.ends_with("policy.decided"))
        .count();
    assert_eq!(after, refused);
}
