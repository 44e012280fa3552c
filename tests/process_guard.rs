//! The keeper, through the real binary: whoever started it may die in any way, and nothing is left.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests set up real files and processes"
)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Stands for `ai`: starts a keeper on a socket, and prints the keeper's pid. Dies by SIGKILL or
/// ends when its input closes.
const PARENT: &str = "
import os, signal, socket, subprocess, sys
ours, theirs = socket.socketpair()
keeper = subprocess.Popen(sys.argv[1:], stdin=theirs)
theirs.close()
print('keeper', keeper.pid, flush=True)
sys.stdin.read()
ours.close()
keeper.wait()
";

/// Leaves its session twice over, ignores SIGTERM, and says that it is there.
const DAEMON: &str = "
import os, signal
ours, theirs = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(theirs, str(os.getpid()).encode())
        while True: signal.pause()
    os._exit(0)
print('daemon', os.read(ours, 99).decode(), flush=True)
signal.pause()
";

struct Scene {
    parent: Child,
    keeper: u32,
    daemon: u32,
}

impl Scene {
    fn set() -> Self {
        let mut parent = Command::new("python3")
            .args([
                "-c",
                PARENT,
                env!("CARGO_BIN_EXE_ai"),
                "__guard",
                "200",
                "/",
                "",
                "",
                "python3",
                "-c",
                DAEMON,
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut keeper, mut daemon) = (None, None);
        for line in BufReader::new(parent.stdout.take().unwrap()).lines() {
            match line.unwrap().split_once(' ') {
                Some(("keeper", pid)) => keeper = pid.parse().ok(),
                Some(("daemon", pid)) => daemon = pid.parse().ok(),
                other => panic!("{other:?}"),
            }
            if keeper.is_some() && daemon.is_some() {
                break;
            }
        }
        Self {
            parent,
            keeper: keeper.unwrap(),
            daemon: daemon.unwrap(),
        }
    }

    /// Waits for the end of both; the bound is far beyond grace and kill time.
    #[track_caller]
    fn assert_all_end(&self) {
        let begun = Instant::now();
        while is_running(self.keeper) || is_running(self.daemon) {
            assert!(begun.elapsed() < Duration::from_secs(30), "still there");
            std::thread::yield_now();
        }
    }
}

fn is_running(pid: u32) -> bool {
    let stat =
        std::fs::read_to_string(PathBuf::from(format!("/proc/{pid}/stat"))).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, fields)| !fields.starts_with(['Z', 'X']))
}

#[test]
fn nothing_is_left_when_the_parent_is_killed() {
    let mut scene = Scene::set();
    assert!(is_running(scene.keeper) && is_running(scene.daemon));
    scene.parent.kill().unwrap();
    scene.parent.wait().unwrap();
    scene.assert_all_end();
}

#[test]
fn nothing_is_left_when_the_parent_hangs_up() {
    let mut scene = Scene::set();
    drop(scene.parent.stdin.take());
    scene.assert_all_end();
    scene.parent.wait().unwrap();
}

#[test]
fn a_keeper_reports_on_its_line_and_leads_its_own_session() {
    let script = "
import os, socket, subprocess, sys
ours, theirs = socket.socketpair()
out = subprocess.run([sys.argv[1], '__guard', '100', '/tmp', '', '', 'sh', '-c',
    'read pid comm state parent group session rest </proc/self/stat; echo $session $PPID; exit 5'],
    stdin=theirs, stdout=subprocess.PIPE)
theirs.close()
session, keeper = out.stdout.split()
print(out.returncode, session == keeper, os.getsid(0) != int(session), ours.recv(9999).decode(), end='')
";
    let output = Command::new("python3")
        .args(["-c", script, env!("CARGO_BIN_EXE_ai")])
        .output()
        .unwrap();
    let report = r#"{"ended":{"exit":{"code":5},"stopped":null,"leftovers":0,"survivors":[]}}"#;
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("5 True True {report}\n")
    );
}

#[test]
fn a_malformed_call_is_a_usage_error() {
    for args in [
        &["__guard"][..],
        &["__guard", "x", "/", "", "", "true"],
        &["__guard", "1", "/", "", ""],
    ] {
        let status = Command::new(Path::new(env!("CARGO_BIN_EXE_ai")))
            .args(args)
            .stdin(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(2), "{args:?}");
    }
}
