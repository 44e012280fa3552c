//! A front end that is thrown away: it lists tasks and claims one through this module alone, as a
//! daemon or a server would. What it cannot do without the command line's own code is missing here.

use std::path::Path;

use crate::app::error::AppError;
use crate::app::token::TokenAsk;
use crate::app::workspace::Workspace;
use crate::app::{exit, token};
use crate::git::testing::TestRepo;
use crate::ops::claim::{self, Which};
use crate::ops::error::OpError;
use crate::ops::project::STORE_FILE;
use crate::store::sqlite::SqliteStore;
use crate::store::testing::{created, record, task};
use crate::store::{Access, Flow, StoreError, TaskFilter};

/// What the front end answers, in its own form.
#[derive(Debug, PartialEq)]
struct Reply {
    code: u8,
    class: &'static str,
    text: String,
}

fn serve(dir: &Path, request: &[&str]) -> Reply {
    let workspace = Workspace::new(Some(dir.to_owned()), Some("agent:probe".into()));
    match answer(&workspace, request) {
        Ok(text) => Reply {
            code: exit::OK,
            class: "ok",
            text,
        },
        Err(error) => Reply {
            code: error.code(),
            class: error.class.name(),
            text: error.message,
        },
    }
}

fn answer(workspace: &Workspace, request: &[&str]) -> Result<String, AppError> {
    match request {
        ["list"] => list(workspace),
        ["claim", id] => claim(workspace, id),
        _ => Err(AppError::usage("list, or claim ID")),
    }
}

fn list(workspace: &Workspace) -> Result<String, AppError> {
    let mut lines = Vec::new();
    let mut store = workspace.open_store(Access::Read)?;
    store.read(|tx| -> Result<(), StoreError> {
        tx.list(&TaskFilter::default(), &mut |line| {
            lines.push(format!("{} {}", line.id, line.status));
            Ok(Flow::More)
        })
    })?;
    Ok(lines.join("\n"))
}

fn claim(workspace: &Workspace, id: &str) -> Result<String, AppError> {
    let cx = workspace.cx()?;
    let mut store = workspace.open_store(Access::Write)?;
    let claimed = claim::run(&mut *store, &cx, &Which::Task(id.into()), 60_000)?;
    token::keep(workspace, &claimed.lease, &claimed.token)?;
    let ask = TokenAsk {
        subject: &claimed.lease.subject,
        flag: None,
        tried: "claim",
    };
    let known = token::find(workspace, &mut *store, ask)?;
    Ok(format!("{} by {}", known.subject, claimed.lease.holder))
}

/// A store with one task, as `ai init` leaves it.
fn set_up(repo: &TestRepo) {
    let workspace = Workspace::new(Some(repo.root.clone()), None);
    let state = workspace.state_dir().unwrap();
    std::fs::create_dir_all(&state).unwrap();
    let mut store = SqliteStore::create(&state.join(STORE_FILE), "s").unwrap();
    store
        .write(|tx| record(tx, &[created(task("a"), &[])]))
        .map_err(OpError::from)
        .unwrap();
}

fn reply(code: u8, class: &'static str, text: &str) -> Reply {
    Reply {
        code,
        class,
        text: text.into(),
    }
}

#[test]
fn a_front_end_lists_and_claims_without_the_command_line() {
    let repo = TestRepo::new();
    let ask = |request: &[&str]| serve(&repo.root, request);
    assert_eq!(
        (ask(&["list"]).code, ask(&["list"]).class),
        (9, "store_unusable")
    );
    set_up(&repo);
    assert_eq!(ask(&["list"]), reply(0, "ok", "t-a queued"));
    assert_eq!(ask(&["claim", "t-a"]), reply(0, "ok", "t-a by agent:probe"));
    assert_eq!(ask(&["list"]), reply(0, "ok", "t-a claimed"));
    let taken = ask(&["claim", "t-a"]);
    assert_eq!((taken.code, taken.class), (4, "conflict"));
    let unknown = ask(&["claim", "t-none"]);
    assert_eq!((unknown.code, unknown.class), (3, "not_found"));
    assert_eq!(ask(&["dance"]), reply(2, "usage", "list, or claim ID"));
    let elsewhere = serve(&repo.root.join("none"), &["list"]);
    assert_eq!((elsewhere.code, elsewhere.class), (3, "not_found"));
}

#[test]
fn it_names_nothing_of_the_command_line() {
    let here = include_str!("front_end_tests.rs");
    assert!(!here.contains(concat!("crate::", "cli")));
}
