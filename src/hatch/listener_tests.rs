//! The socket itself: whom it hears, for how long, and what is left of it.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::app::in_run::{self, AgentAnswer, AgentAsk};
use crate::app::workspace::{Workspace, now};
use crate::domain::lease::Token;
use crate::git::testing::TestRepo;
use crate::ops::project;
use crate::store::StorePlace;

fn order(repo: &TestRepo, socket: &Path) -> HatchOrder {
    let workspace = Workspace::new(Some(repo.root.clone()), Some("agent:codex#s1".into()));
    let token = Token::parse("t-a.1.x").unwrap();
    let store: StorePlace = project::store_place(&workspace.state_dir().unwrap());
    HatchOrder {
        socket: socket.to_owned(),
        key: String::new(),
        store,
        cx: workspace.cx().unwrap(),
        clock: now,
        task: token.subject.task().unwrap(),
        token,
        asked: Arc::default(),
        imports: None,
        worktree: repo.root.clone(),
        config: workspace.config().unwrap().clone(),
        root: repo.root.clone(),
    }
}

/// The refusal of another task, which needs no store.
fn asks(socket: &Path) -> Result<AgentAnswer, String> {
    let ask = AgentAsk::Show {
        task: "t-other".into(),
    };
    in_run::ask(socket, ask).map_err(|error| format!("{} {}", error.code(), error.message))
}

const HEARD: &str = "5 inside of a run only its own task can be asked about: t-a, not `t-other`";

#[test]
fn a_hatch_is_its_owners_and_leaves_nothing_behind() {
    let repo = TestRepo::new();
    // So deep that its path fits into no address, and with what a killed one has left.
    let socket = repo.root.join("d".repeat(120)).join("socket");
    std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
    drop(socket::listen(&socket).unwrap());
    let hatch = open(order(&repo, &socket)).unwrap();
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(asks(&socket).unwrap_err(), HEARD);
    drop(hatch);
    assert!(!socket.exists());
    let gone = "7 the run that started this process has ended: nobody answers for it any more";
    assert_eq!(asks(&socket).unwrap_err(), gone);
}

#[test]
fn who_is_slow_silent_or_rude_keeps_nobody_waiting() {
    let repo = TestRepo::new();
    let socket = repo.root.join("socket");
    let hatch = open(order(&repo, &socket)).unwrap();
    let call = || socket::connect(&socket).unwrap();
    let soon = || Instant::now() + Duration::from_secs(20);
    // One says nothing, one stops in the middle, one hangs up, one says too much.
    let _silent = call();
    let mut halting = call();
    socket::write_all(&mut halting, b"{\"version\":", soon()).unwrap();
    drop(call());
    let mut rude = call();
    let much = vec![b'x'; 3 * REQUEST_CAP];
    // It may hang up before all is said.
    let _heard = socket::write_all(&mut rude, &much, soon());
    assert_eq!(asks(&socket).unwrap_err(), HEARD);
    // Whoever stops in the middle is not waited for: the line is closed without a word.
    let mut said = Vec::new();
    halting.read_to_end(&mut said).unwrap();
    assert_eq!(said, b"");
    assert_eq!(asks(&socket).unwrap_err(), HEARD);
    // More of them than are heard at once, and then the end, which does not wait either.
    let many: Vec<UnixStream> = (0..3 * CALLERS).map(|_| call()).collect();
    drop(hatch);
    drop(many);
    assert!(!socket.exists());
}

#[test]
fn many_who_ask_at_once_are_each_answered_or_told_to_come_again() {
    let repo = TestRepo::new();
    let socket = repo.root.join("socket");
    let _hatch = open(order(&repo, &socket)).unwrap();
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..32).map(|_| scope.spawn(|| asks(&socket))).collect();
        let mut heard = 0;
        for one in all {
            match one.join().unwrap().unwrap_err() {
                text if text == HEARD => heard += 1,
                text => assert!(text.starts_with("75 "), "{text}"),
            }
        }
        assert!(heard >= CALLERS, "{heard}");
    });
}
