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

/// The scenes with two keepers: how the outer one is told of them, or which word starts the part in
/// the middle.
const PAIRS: [(&str, &str); 3] = [
    (
        "__guard",
        r#"{"landlock":null,"limits":null,"pair":"with_own_rights"}"#,
    ),
    (
        "__guard",
        r#"{"landlock":null,"limits":null,"pair":"in_user_namespace"}"#,
    ),
    (
        "__keep-between",
        r#"{"landlock":null,"limits":null,"pair":"in_user_namespace"}"#,
    ),
];

/// A command under two keepers, whose processes are found by a mark in their environment.
struct PairScene {
    parent: Child,
    mark: String,
}

impl PairScene {
    fn set(word: &str, confine: &str) -> Self {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let n = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mark = format!("{}-{n}", std::process::id());
        let keeper = [env!("CARGO_BIN_EXE_ai"), word, "200", "/", "", confine];
        let mut parent = Command::new("python3")
            .args(["-c", PARENT])
            .args(keeper)
            .args(["python3", "-c", DAEMON])
            .env("PAIR_SCENE", &mark)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
        let is_up = |line: &String| line.starts_with("daemon");
        assert!(lines.map(Result::unwrap).any(|line| is_up(&line)));
        Self { parent, mark }
    }

    /// Everything of the scene that runs but the parent, with its command line, oldest first.
    fn running(&self) -> Vec<(u32, String)> {
        let mark = format!("PAIR_SCENE={}\0", self.mark);
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let pid = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            let read = |file: &str| std::fs::read(entry.path().join(file)).unwrap_or_default();
            let environ = read("environ");
            if let Some(pid) = pid.filter(|pid| *pid != self.parent.id() && is_running(*pid))
                && environ.windows(mark.len()).any(|w| w == mark.as_bytes())
            {
                let line = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
                found.push((pid, line));
            }
        }
        found.sort_unstable();
        found
    }

    fn keepers(&self) -> Vec<u32> {
        let all = self.running();
        let is_keeper = |(_, line): &&(u32, String)| line.contains(" __");
        all.iter().filter(is_keeper).map(|(pid, _)| *pid).collect()
    }

    /// Stops all of them first, so that none sees another die, then kills them.
    fn kill(&self, pids: &[u32]) {
        for signal in ["STOP", "KILL"] {
            let targets = pids.iter().map(u32::to_string);
            let sent = Command::new("kill")
                .args(["-s", signal])
                .args(targets)
                .status();
            assert!(sent.unwrap().success());
        }
    }

    #[track_caller]
    fn assert_all_end(&self) {
        let begun = Instant::now();
        while !self.running().is_empty() {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "still there: {:?}",
                self.running()
            );
            std::thread::yield_now();
        }
    }
}

impl Drop for PairScene {
    fn drop(&mut self) {
        let _ = self.parent.kill();
        let _ = self.parent.wait();
        // Keepers that die now end others, so some may be gone before they are hit.
        for (pid, _) in self.running() {
            let _ = Command::new("kill")
                .args(["-s", "KILL", &pid.to_string()])
                .stderr(std::process::Stdio::null())
                .status();
        }
    }
}

#[test]
fn of_two_keepers_each_ends_what_is_left_when_the_other_is_killed_with_ai() {
    for (word, confine) in PAIRS {
        for victim in 0..2 {
            let mut scene = PairScene::set(word, confine);
            let keepers = scene.keepers();
            assert!(keepers.len() >= 2, "{:?}", scene.running());
            scene.kill(&[scene.parent.id(), keepers[victim]]);
            scene.parent.wait().unwrap();
            scene.assert_all_end();
        }
    }
}

#[test]
fn in_a_pid_namespace_nothing_outlives_all_keepers() {
    for (word, confine) in PAIRS {
        let mut scene = PairScene::set(word, confine);
        let namespace = |pid: u32| std::fs::read_link(format!("/proc/{pid}/ns/pid")).unwrap();
        let daemon = scene.running().pop().unwrap().0;
        if namespace(daemon) == namespace(std::process::id()) {
            eprintln!("skipped: no pid namespace can be made here by {word}");
            continue;
        }
        scene.kill(&[&[scene.parent.id()], &scene.keepers()[..]].concat());
        scene.parent.wait().unwrap();
        scene.assert_all_end();
    }
}

#[test]
fn a_command_dies_with_its_only_keeper() {
    let script = "
import os, signal, socket, subprocess, sys
ours, theirs = socket.socketpair()
keeper = subprocess.Popen([sys.argv[1], '__guard', '100', '/', '', '', 'sh', '-c', 'echo $$; exec sleep 600'],
    stdin=theirs, stdout=subprocess.PIPE)
command = int(keeper.stdout.readline())
pinned = os.pidfd_open(command)
keeper.kill()
keeper.wait()
import select
print(bool(select.select([pinned], [], [], 30)[0]), end='')
";
    let output = Command::new("python3")
        .args(["-c", script, env!("CARGO_BIN_EXE_ai")])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "True");
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
    let report = r#"{"ended":{"exit":{"code":5},"stopped":null,"leftovers":0,"survivors":[],"uncovered":0}}"#;
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("5 True True {report}\n")
    );
}

#[test]
fn a_malformed_call_is_a_usage_error() {
    for args in [
        &["__keep"][..],
        &["__guard"],
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
