//! The socket of a daemon: what it says to programs and to `ai daemon status`, and how one daemon hands over to the next.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::Value;

use crate::daemon::{
    Ended, NUMBERS, daemon, gated, gated_task, log, scene, wait_until_logged, wait_until_started,
    wait_until_status,
};
use crate::snapshot;
use crate::support::runs::{GOOD, PATIENCE, open_gate};
use crate::support::scene::{Agent, Scene};
use crate::support::{Sandbox, Transcript, markdown, mask_also, poll};

const PAGE: &str = "docs/daemon-protocol.md";

/// The socket of a sandbox's daemon, by a path that fits into an address.
fn connect(sandbox: &Sandbox) -> UnixStream {
    let dir = std::fs::File::open(sandbox.root().join(".git/ai/daemon")).unwrap();
    let fd = std::os::fd::AsRawFd::as_raw_fd(&dir);
    UnixStream::connect(
        Path::new("/proc/self/fd")
            .join(fd.to_string())
            .join("socket"),
    )
    .unwrap()
}

/// The same value with what differs from time to time replaced by zero.
fn settled(mut value: Value) -> Value {
    fn settle(at: Option<&str>, value: &mut Value) {
        let differs =
            |key: &str| key.ends_with("_ms") || matches!(key, "pid" | "ai" | "store_format");
        match value {
            Value::Object(all) => {
                for (key, value) in all.iter_mut() {
                    let key = key.clone();
                    settle(Some(&key), value);
                }
            }
            Value::Array(all) => all.iter_mut().for_each(|one| settle(None, one)),
            Value::Null => {}
            plain => {
                if at.is_some_and(differs) {
                    *plain = 0.into();
                }
            }
        }
    }
    settle(None, &mut value);
    value
}

#[test]
fn a_program_hears_what_the_page_says() {
    let scene = scene();
    let daemon = daemon(&scene, &["--parallel", "2"]);
    poll::until("it waits", PATIENCE, || {
        let told = scene.ai(&["daemon", "status", "--json"]).json();
        told["live"]["phase"] == "waits"
    });
    let (mut asked, mut said) = (0, None);
    let stream = connect(&scene);
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    for block in markdown::blocks(&markdown::page(PAGE)) {
        if block.language() != "text" {
            continue;
        }
        for line in block.text.lines() {
            match line.split_at(2) {
                ("> ", request) => {
                    writeln!(&stream, "{request}").unwrap();
                    asked += 1;
                }
                ("< ", expected) => {
                    let line = lines.next().unwrap().unwrap();
                    let told: Value = serde_json::from_str(&line).unwrap();
                    let expected: Value = serde_json::from_str(expected).unwrap();
                    assert_eq!(settled(told), settled(expected), "{line}");
                    said = Some(line);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(asked >= 6 && said.is_some(), "{asked}");
    // The last word of the page ends it.
    let outcome = daemon.wait();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(!scene.root().join(".git/ai/daemon/socket").exists());
}

#[test]
fn the_socket_is_its_owners_and_one_that_a_killed_daemon_has_left_is_made_anew() {
    let scene = scene();
    let killed = daemon(&scene, &[]);
    let socket = scene.root().join(".git/ai/daemon/socket");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&socket), 0o600);
    assert_eq!(mode(socket.parent().unwrap()), 0o700);
    killed.signal("KILL");
    killed.wait();
    assert!(socket.exists());
    let status = scene.ai(&["daemon", "status", "--json"]).json();
    assert_eq!(
        (&status["state"], &status["live"]),
        (&"stopped".into(), &Value::Null)
    );
    let next = daemon(&scene, &[]);
    let status = scene.ai(&["daemon", "status", "--json"]).json();
    assert_eq!(status["live"]["parallel"], 1, "{status}");
    let schema = scene.ai(&["schema", "daemon-status"]).json();
    crate::schemas::checked(&schema, &status, "daemon-status").unwrap();
    next.signal("TERM");
    next.wait();
    assert!(!socket.exists());
}

#[test]
fn one_that_stands_still_is_told_by_its_files() {
    let scene = scene();
    let _ended = Ended(&scene);
    scene.ai_ok(&["daemon", "start"]);
    let pid = scene.ai(&["daemon", "status", "--json"]).json()["pid"].to_string();
    let stopped = std::process::Command::new("kill")
        .args(["-s", "STOP", &pid])
        .status();
    assert!(stopped.unwrap().success());
    let told = scene.ai(&["daemon", "status"]);
    snapshot!(mask_also(told, &NUMBERS), @"
    exit: 0
    ----- stdout -----
    running  process [PID], for [TIME]
    ----- stderr -----
    warning: the daemon cannot be asked: it does not answer at its socket: nothing has come in 3 s; this is told by its files
    ");
}

#[test]
fn work_that_a_landing_has_left_out_is_told_with_the_reason() {
    let config =
        "version: 1\nruns: {grace: 1s}\ndaemon: {land: true}\nchecks: {unit: {run: 'true'}}\n";
    let scene = Scene::new()
        .config(config)
        .agent(Agent::new("one", "cat >/dev/null; echo work > work.txt"))
        .build();
    let _ended = Ended(&scene);
    let id = scene.task("First", &[]);
    scene.run(&id);
    // What lies in the way there is found by the landing alone.
    scene.write("work.txt", "mine");
    scene.ai_ok(&["daemon", "start"]);
    wait_until_logged(
        &scene,
        "the landing has ended: 0 landed, 0 sent back, 1 left",
    );
    let status = || scene.ai(&["daemon", "status", "--json"]).json();
    poll::until("it is told", PATIENCE, || {
        status()["live"]["last_landing"].is_object()
    });
    let times = [
        (r"landing \d+s ago", "landing [TIME] ago"),
        (r"again in \d+s", "again in [TIME]"),
    ];
    let told = scene.ai(&["daemon", "status"]);
    snapshot!(mask_also(mask_also(told, &NUMBERS), &times));
    let told = status();
    assert_eq!(
        told["landing"]["would_land"],
        Value::Array(vec![]),
        "{told}"
    );
    assert_eq!(
        told["landing"]["left_out"][0]["task"],
        id.as_str(),
        "{told}"
    );
}

#[test]
fn a_task_that_was_turned_away_is_told_with_the_reason_and_the_rest() {
    let config = "version: 1\nruns: {grace: 1s, isolation: none}\nchecks: {unit: {run: 'true'}}\n";
    let scene = Scene::new()
        .config(config)
        .agent(Agent::new("one", GOOD))
        .build();
    // An agent works in no checkout that has changes.
    scene.write("mine.txt", "not committed");
    let _ended = Ended(&scene);
    let id = scene.task("First", &[]);
    scene.ai_ok(&["daemon", "start"]);
    let mut told = Transcript::default();
    poll::until("it rests", PATIENCE, || {
        let told = scene.ai(&["daemon", "status", "--json"]).json();
        told["live"]["resting"][0]["task"] == id.as_str()
    });
    told.ai(&scene, &["daemon", "status"]);
    snapshot!(mask_also(
        mask_also(told, &NUMBERS),
        &[(r"again in \d+s", "again in [TIME]")]
    ));
}

#[test]
fn a_restart_leaves_the_runs_to_the_next_daemon_and_the_old_one_tells_its_version() {
    let scene = gated();
    let _ended = Ended(&scene);
    let first = gated_task(&scene, "First");
    let mut start = scene.ai_command(&["daemon", "start"]);
    let started = crate::support::run(start.env("AI_TEST_VERSION", "0.0.9"));
    assert_eq!(started.code, Some(0), "{started}");
    wait_until_started(&scene, &first);
    let mut told = Transcript::default();
    told.ai(&scene, &["daemon", "status"]);
    told.ai(&scene, &["daemon", "restart"]);
    told.ai(&scene, &["daemon", "status"]);
    let run = format!("{first}.1");
    wait_until_logged(&scene, &format!("{run} was started by an earlier daemon"));
    open_gate(&scene.base().join(format!("gate-{first}")));
    wait_until_status(&scene, &first, "review");
    wait_until_logged(&scene, &format!("{run}  ready_for_review  review"));
    assert_eq!(scene.runs_of(&first).len(), 1, "{}", log(&scene));
    scene.is_at_rest(&first);
    let numbers = [
        (r"process \d+", "process [PID]"),
        (r"for \d+s", "for [TIME]"),
        (r"one  \d+s", "one  [TIME]"),
        (r"this is \d+\.\d+\.\d+", "this is [VERSION]"),
    ];
    snapshot!(mask_also(told, &numbers), @"
    $ ai daemon status
    running  process [PID], for [TIME]
      [RUN]  one  [TIME]  First
    ! warning: the daemon is ai 0.0.9, this is [VERSION]; `ai daemon restart` begins this one
    $ ai daemon restart
    the daemon is at work (process [PID])
    $ ai daemon status
    running  process [PID], for [TIME]
      [RUN]  one  [TIME]  First
    ");
}

#[test]
fn one_that_does_not_take_the_word_is_stopped_before_the_next_one_starts() {
    let scene = scene();
    let _ended = Ended(&scene);
    scene.ai_ok(&["daemon", "start"]);
    std::fs::remove_file(scene.root().join(".git/ai/daemon/socket")).unwrap();
    let told = scene.ai(&["daemon", "restart"]);
    snapshot!(mask_also(told, &NUMBERS), @"
    exit: 0
    ----- stdout -----
    the daemon is at work (process [PID])
    ----- stderr -----
    the daemon (process [PID]) does not take the word to leave its runs to the next one: it does not listen at its socket: No such file or directory (os error 2); it is stopped, and they have to end
    ");
}

#[test]
fn a_program_that_was_replaced_under_its_daemon_is_told() {
    let scene = scene();
    let _ended = Ended(&scene);
    let program = scene.base().join("ai-installed");
    let built = env!("CARGO_BIN_EXE_ai");
    if std::fs::hard_link(built, &program).is_err() {
        std::fs::copy(built, &program).unwrap();
    }
    let mut start = scene.command(&program);
    let started = crate::support::run(start.args(["daemon", "start"]));
    assert_eq!(started.code, Some(0), "{started}");
    let kinds = || {
        let told = scene.ai(&["daemon", "status", "--json"]).json();
        let all = told["differences"].as_array().unwrap().clone();
        let kinds = all
            .iter()
            .map(|one| one["kind"].as_str().unwrap().to_owned());
        kinds.collect::<Vec<_>>()
    };
    assert_eq!(kinds(), Vec::<String>::new());
    let next = scene.base().join("next");
    std::fs::write(&next, "another program").unwrap();
    std::fs::rename(&next, &program).unwrap();
    assert_eq!(kinds(), ["program"]);
    // It goes on by the file that it has open.
    let id = scene.task("First", &[]);
    wait_until_status(&scene, &id, "review");
    std::fs::remove_file(&program).unwrap();
    let told = scene.ai(&["daemon", "status"]);
    snapshot!(mask_also(told, &NUMBERS), @"
    exit: 0
    ----- stdout -----
    running  process [PID], for [TIME]
    ----- stderr -----
    warning: the program of the daemon was removed since it began; `ai daemon restart` begins this one
    ");
}

#[test]
fn a_store_that_a_newer_program_has_migrated_is_left_alone_and_told() {
    let scene = scene();
    let daemon = daemon(&scene, &[]);
    let set = |version: i64| {
        let store = rusqlite::Connection::open(scene.store()).unwrap();
        store.pragma_update(None, "user_version", version).unwrap();
    };
    let format = |store: rusqlite::Connection| -> i64 {
        store
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap()
    };
    let before = format(rusqlite::Connection::open(scene.store()).unwrap());
    set(99_000);
    scene.write(".ai/config.yaml", scene.read(".ai/config.yaml"));
    wait_until_logged(&scene, "nothing is started until this is mended: ");
    let told = log(&scene);
    let told = told.lines().last().unwrap_or_default();
    snapshot!(mask_also(
        told,
        &[(r"^\S+ ", ""), (r"up to \d+\.\d+", "up to [FORMAT]")]
    ));
    set(before);
    scene.write(".ai/config.yaml", scene.read(".ai/config.yaml"));
    wait_until_logged(&scene, "it is mended");
    let id = scene.task("First", &[]);
    wait_until_status(&scene, &id, "review");
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code, Some(0));
}
