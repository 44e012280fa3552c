//! The side of `ai`: starts a keeper, asks it to stop, hears its report.

use std::ffi::OsString;
use std::io::{self, Read};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::{Child, ChildStderr, ChildStdout};

use crate::process::guard::adopted::{self, Registered};
use crate::process::guard::protocol::{Launch, Report};
use crate::process::identity::ProcessIdentity;

/// A report is a line of a few hundred bytes; a failure may quote a long command.
const REPORT_CAP: u64 = 1 << 20;

/// A running keeper. Dropping it closes the line, on which the keeper ends everything by itself.
#[derive(Debug)]
pub(in crate::process) struct Keeper {
    child: Child,
    line: UnixStream,
    identity: Option<ProcessIdentity>,
    _registered: Registered,
}

impl Keeper {
    /// Starts `launch` under a keeper with exactly the environment `env`.
    pub fn start(launch: &Launch, env: &[(OsString, OsString)]) -> io::Result<Self> {
        adopted::become_reaper()?;
        let (line, theirs) = UnixStream::pair()?;
        let (child, registered) = adopted::register(|| spawn(launch, env, theirs))?;
        let identity = child.id().and_then(|pid| ProcessIdentity::of(i32::try_from(pid).ok()?));
        Ok(Self { child, line, identity, _registered: registered })
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

    /// Kills the keeper itself, for the case that it does not do its work. What it kept falls to `ai`.
    pub fn kill(&mut self) {
        let _gone_already = self.child.start_kill();
    }

    /// Waits until the keeper has ended. May be dropped and called again.
    pub async fn wait(&mut self) {
        // The status repeats the report, and an error means that there is nothing to wait for.
        let _status = self.child.wait().await;
    }

    /// What the keeper said before it ended; `None` if it was killed.
    pub fn report(&mut self) -> Option<Report> {
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
fn spawn(launch: &Launch, env: &[(OsString, OsString)], line: UnixStream) -> io::Result<Child> {
    let child = tokio::process::Command::new(program())
        .arg(super::ARGUMENT)
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

/// Most bytes that Linux lets an ordinary user keep in one pipe.
#[cfg(target_os = "linux")]
const PIPE_BYTES: usize = 1 << 20;

/// Gives a pipe as much room as can be had. Programs on Node end without waiting for what they have written and is not yet read, and so
/// lose their last event; with more room less is left waiting. Without it, everything works as before.
#[cfg(target_os = "linux")]
fn widen(pipe: impl std::os::fd::AsFd) {
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, PIPE_BYTES);
}

#[cfg(not(target_os = "linux"))]
fn widen(_pipe: impl std::os::fd::AsFd) {}

/// The running binary itself, which is there and of the right version even while an upgrade replaces the file.
#[cfg(not(test))]
pub(in crate::process) fn program() -> PathBuf {
    PathBuf::from("/proc/self/exe")
}

/// The `ai` binary beside the test binary, which itself is no keeper.
#[cfg(test)]
pub(in crate::process) fn program() -> PathBuf {
    let path = crate::base::env::current_exe().unwrap().parent().unwrap().join("../ai");
    assert!(path.exists(), "no `ai` beside the test binary; build it with `cargo build`");
    path.canonicalize().unwrap()
}
