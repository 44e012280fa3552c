//! The side of `ai`: starts a keeper, asks it to stop, hears its report.

use std::ffi::OsString;
use std::io::{self, Read};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use tokio::process::{Child, ChildStderr, ChildStdout};

use crate::base::env;
use crate::process::cgroup::{Cgroup, CgroupEnded};
use crate::process::guard::entrance::{self, CgroupDoor};
use crate::process::guard::fence::{FencedLine, LeaseFence};
use crate::process::guard::orphans::{self, KeeperRegistration};
use crate::process::guard::protocol::{KeeperLaunch, KeeperReport, KeeperWord};
use crate::process::identity::ProcessIdentity;
use crate::process::sandbox::{SandboxPolicy, command_line};

/// A report is a line of a few hundred bytes; a failure may quote a long command.
const REPORT_CAP: u64 = 1 << 20;

/// A running keeper. Dropping it closes the line, on which the keeper ends everything by itself.
#[derive(Debug)]
pub(in crate::process) struct Keeper {
    child: Child,
    line: UnixStream,
    identity: Option<ProcessIdentity>,
    wrapped: KeeperStart,
    cgroup: Option<Cgroup>,
    status: Option<ExitStatus>,
    _registered: KeeperRegistration,
    _fenced: FencedLine,
}

impl Keeper {
    /// Starts `launch` under a keeper with exactly the environment `env`, within `policy`. `fence`
    /// tells it of the lease.
    pub fn start(
        launch: &KeeperLaunch,
        env: &[(OsString, OsString)],
        policy: Option<&SandboxPolicy>,
        cgroup: Option<&Cgroup>,
        fence: &LeaseFence,
    ) -> io::Result<Self> {
        orphans::become_reaper()?;
        let (line, theirs) = UnixStream::pair()?;
        let mut launch = launch.clone();
        launch.confine.cgroup = cgroup.map_or(CgroupDoor::Shut, |group| door(group, &line));
        // Later, since a renewal that comes first would stand before the door.
        let (fenced, term) = fence.join(&line)?;
        launch.confine.lease = term;
        let words = policy.and_then(|policy| command_line(policy, &real_program()));
        let wrapped = if words.is_some() {
            KeeperStart::Yes
        } else {
            KeeperStart::No
        };
        let words = words.unwrap_or_else(|| vec![program().into()]);
        let (child, registered) = orphans::register(|| spawn(&words, &launch, env, theirs))?;
        let identity = child
            .id()
            .and_then(|pid| ProcessIdentity::of(i32::try_from(pid).ok()?));
        Ok(Self {
            child,
            line,
            identity,
            wrapped,
            cgroup: cgroup.cloned(),
            status: None,
            _registered: registered,
            _fenced: fenced,
        })
    }

    /// The keeper process; `None` if it had ended before it could be looked at.
    pub fn identity(&self) -> Option<&ProcessIdentity> {
        self.identity.as_ref()
    }

    /// The ends of the command's standard output and error; `None` when taken before.
    pub fn take_output(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// Has the keeper end the command and all below it: `SIGTERM`, grace, `SIGKILL`.
    pub fn ask_to_stop(&self) {
        // It may be closed from the other side already.
        let _closed = self.line.shutdown(Shutdown::Write);
    }

    /// Kills the keeper itself, for the case that it does not do its work. What it kept falls to
    /// `ai`.
    pub fn kill(&mut self) {
        let _gone_already = self.child.start_kill();
    }

    /// Waits until the keeper has ended. May be dropped and called again.
    pub async fn wait(&mut self) {
        // An error means that there is nothing to wait for.
        self.status = self.child.wait().await.ok();
    }

    /// Ends what is left in the cgroup after the keeper has ended.
    pub fn end_cgroup(&mut self) -> CgroupEnded {
        let group = self.cgroup.take();
        group.map(|group| group.end()).unwrap_or_default()
    }

    /// Returns the reason why no keeper ever began, where it was started by a sandbox that could
    /// not be made.
    pub fn failed_to_begin(&self) -> Option<&'static str> {
        // That is how `bwrap` ends by itself; a keeper that was killed gives it 128 plus the
        // signal.
        let gave_up = self.status.is_some_and(|status| status.code() == Some(1));
        (self.wrapped == KeeperStart::Yes && gave_up)
            .then_some("the sandbox could not be made; what bubblewrap said is in the error output")
    }

    /// Reads the keeper's last report; `None` if it was killed.
    pub fn report(&mut self) -> Option<KeeperReport> {
        let mut text = Vec::new();
        self.line.set_nonblocking(true).ok()?;
        // "Would block" after a full report is as good as its end.
        let _end = (&mut self.line).take(REPORT_CAP).read_to_end(&mut text);
        serde_json::from_slice(&text).ok()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the home of process starts; the environment is cleared and given whole"
)]
fn spawn(
    words: &[OsString],
    launch: &KeeperLaunch,
    env: &[(OsString, OsString)],
    line: UnixStream,
) -> io::Result<Child> {
    let (program, options) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let child = tokio::process::Command::new(program)
        .args(options)
        .arg(KeeperWord::Guard.text())
        .args(launch.to_args())
        .env_clear()
        .envs(env.iter().map(|(name, value)| (name, value)))
        // The worktree stays free to be moved or unmounted; the command gets its own directory.
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(line)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    child.stdout.iter().for_each(widen);
    child.stderr.iter().for_each(widen);
    Ok(child)
}

/// Sends the way into `group` ahead. Where that fails, the keeper starts outside.
fn door(group: &Cgroup, line: &UnixStream) -> CgroupDoor {
    let sent = group
        .open_list()
        .is_ok_and(|procs| entrance::send(line, &procs).is_ok());
    if sent {
        CgroupDoor::OnTheLine
    } else {
        CgroupDoor::Shut
    }
}

/// The way in which a keeper is started: by itself or by another program that makes its sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeeperStart {
    No,
    Yes,
}

/// The running binary under a name that another program can open. Where an upgrade has replaced it, what stands at its
/// place now: a name in `/proc` of this process means another file to another program.
fn real_program() -> PathBuf {
    let link = program();
    link.canonicalize()
        .or_else(|_| env::standing_program())
        .unwrap_or(link)
}

/// Most bytes that Linux lets an ordinary user keep in one pipe.
#[cfg(target_os = "linux")]
const PIPE_BYTES: usize = 1 << 20;

/// Gives a pipe as much room as can be had. Programs on Node end without waiting for what they have
/// written and is not yet read, and so lose their last event; with more room less is left waiting.
/// Without it, everything works as before.
#[cfg(target_os = "linux")]
fn widen(pipe: impl std::os::fd::AsFd) {
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, PIPE_BYTES);
}

#[cfg(not(target_os = "linux"))]
fn widen(_pipe: impl std::os::fd::AsFd) {}

/// The running binary itself, which is there and of the right version even while an upgrade
/// replaces the file.
#[cfg(not(test))]
pub(in crate::process) fn program() -> PathBuf {
    PathBuf::from("/proc/self/exe")
}

/// The `ai` binary beside the test binary, which itself is no keeper.
#[cfg(test)]
pub(in crate::process) fn program() -> PathBuf {
    let path = crate::base::env::current_exe()
        .unwrap()
        .parent()
        .unwrap()
        .join("../ai");
    assert!(
        path.exists(),
        "no `ai` beside the test binary; build it with `cargo build`"
    );
    path.canonicalize().unwrap()
}
