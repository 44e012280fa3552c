//! Starting, feeding, capping and reaping one `git` process.

use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::git::cmd::program::{FIXED_CONFIG, FIXED_ENV, HOOK_EVENTS};
use crate::git::cmd::{GitCommand, Overflow};
use crate::git::error::GitError;

/// Git's messages are kept up to this many bytes.
const STDERR_CAP: u64 = 64 << 10;

/// The output of a command that has ended.
#[derive(Debug)]
pub struct GitOutput {
    /// Standard output, capped.
    pub stdout: Vec<u8>,
    /// Standard error, capped, lossily as text.
    pub stderr: String,
    /// The exit code.
    pub code: i32,
    /// True where standard output was cut at the cap.
    pub truncated: bool,
    /// The command line, for messages.
    pub argv: String,
}

impl GitCommand {
    /// Runs to the end; every exit code but 0 is an error.
    pub fn run(self) -> Result<GitOutput, GitError> {
        let output = self.run_any()?;
        if output.code == 0 || output.truncated {
            Ok(output)
        } else {
            Err(output.failure())
        }
    }

    /// Runs to the end and leaves the exit code to the caller; only death by a signal is an error.
    pub fn run_any(self) -> Result<GitOutput, GitError> {
        let argv = self.argv();
        let spawn_error = |source| GitError::Spawn {
            argv: argv.clone(),
            source,
        };
        let mut child = self.spawn()?;
        let group = Pid::from_child(&child);
        let watch = self.timeout.map(|limit| Watchdog::start(group, limit));
        let collected =
            collect(&mut child, self.input.unwrap_or_default(), self.cap).map_err(spawn_error)?;
        let status = reap(&mut child, group, watch, &collected).map_err(spawn_error)?;
        let CollectedOutput {
            stdout,
            stderr,
            truncated,
        } = collected;
        match status {
            GitEnd::TimedOut => Err(GitError::TimedOut {
                argv,
                after: self.timeout.unwrap_or_default(),
            }),
            GitEnd::Status(_) if truncated && self.cap.1 == Overflow::Refuse => {
                Err(GitError::TooLong {
                    argv,
                    cap: self.cap.0,
                })
            }
            GitEnd::Status(status) => match status.code() {
                Some(code) => Ok(GitOutput {
                    stdout,
                    stderr,
                    code,
                    truncated,
                    argv,
                }),
                None if truncated => Ok(GitOutput {
                    stdout,
                    stderr,
                    code: 0,
                    truncated,
                    argv,
                }),
                None => Err(GitError::Failed {
                    argv,
                    status: signal_text(status),
                    stderr,
                }),
            },
        }
    }

    /// Starts the process with pipes; for conversations such as a ref transaction.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of this layer that starts processes"
    )]
    pub(in crate::git) fn spawn(&self) -> Result<Child, GitError> {
        let mut command = Command::new(self.git.program());
        command.args(&self.args).current_dir(&self.cwd).env_clear();
        command
            .envs(self.git.base_env().iter().map(|(k, v)| (k, v)))
            .envs(FIXED_ENV)
            .envs(self.env.iter().map(|(k, v)| (k, v)));
        self.push_config(&mut command);
        command.stdin(if self.input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        // Its own group only where it may have to be killed with all it started; else Ctrl-C
        // reaches Git like any child.
        if self.timeout.is_some() {
            command.process_group(0);
        }
        #[cfg(test)]
        STARTED.with(|started| started.set(started.get() + 1));
        command.spawn().map_err(|source| GitError::Spawn {
            argv: self.argv(),
            source,
        })
    }

    fn push_config(&self, command: &mut Command) {
        let fixed = FIXED_CONFIG
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).into()));
        let hooks = HOOK_EVENTS
            .iter()
            .map(|event| (format!("hook.{event}.enabled"), "false".into()));
        let all: Vec<(String, std::ffi::OsString)> = fixed
            .chain(hooks)
            .chain(self.config.iter().cloned())
            .collect();
        command.env("GIT_CONFIG_COUNT", all.len().to_string());
        for (n, (key, value)) in all.into_iter().enumerate() {
            command
                .env(format!("GIT_CONFIG_KEY_{n}"), key)
                .env(format!("GIT_CONFIG_VALUE_{n}"), value);
        }
    }
}

impl GitOutput {
    /// The error that this exit code is, with Git's reason.
    pub fn failure(&self) -> GitError {
        GitError::Failed {
            argv: self.argv.clone(),
            status: format!("exit {}", self.code),
            stderr: self.stderr.clone(),
        }
    }
}

#[cfg(test)]
thread_local! {
    static STARTED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// The number of processes of Git that this thread has started.
#[cfg(test)]
pub(in crate::git) fn started_here() -> usize {
    STARTED.with(std::cell::Cell::get)
}

struct CollectedOutput {
    stdout: Vec<u8>,
    stderr: String,
    truncated: bool,
}

enum GitEnd {
    Status(ExitStatus),
    TimedOut,
}

/// Feeds and drains the three pipes at once, so that neither side can block the other for ever.
fn collect(
    child: &mut Child,
    input: Vec<u8>,
    cap: (usize, Overflow),
) -> std::io::Result<CollectedOutput> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        // A child that ends early closes its input; that shows in its exit code, not here.
        if let Some(mut pipe) = stdin {
            scope.spawn(move || pipe.write_all(&input));
        }
        let messages = scope.spawn(move || {
            let mut kept = Vec::new();
            if let Some(mut pipe) = stderr {
                let _ = pipe.by_ref().take(STDERR_CAP).read_to_end(&mut kept);
                let _ = std::io::copy(&mut pipe, &mut std::io::sink());
            }
            String::from_utf8_lossy(&kept).into_owned()
        });
        let mut bytes = Vec::new();
        if let Some(pipe) = stdout {
            pipe.take(cap.0 as u64 + 1).read_to_end(&mut bytes)?;
        }
        // Dropping the pipe makes a child that still prints end by SIGPIPE.
        let truncated = bytes.len() > cap.0;
        bytes.truncate(cap.0);
        Ok(CollectedOutput {
            stdout: bytes,
            stderr: messages.join().unwrap_or_default(),
            truncated,
        })
    })
}

/// Waits without reaping first, so that the watchdog can never signal a process id that was given
/// to somebody else.
fn reap(
    child: &mut Child,
    pid: Pid,
    watch: Option<Watchdog>,
    collected: &CollectedOutput,
) -> std::io::Result<GitEnd> {
    if collected.truncated {
        let _ = child.kill();
    }
    while let Err(e) = waitid(
        WaitId::Pid(pid),
        WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
    ) {
        if e != rustix::io::Errno::INTR {
            return Err(e.into());
        }
    }
    let timed_out = watch.is_some_and(Watchdog::stop);
    let status = child.wait()?;
    Ok(if timed_out {
        GitEnd::TimedOut
    } else {
        GitEnd::Status(status)
    })
}

fn signal_text(status: ExitStatus) -> String {
    status.signal().map_or_else(
        || "no exit code".to_owned(),
        |n| format!("killed by signal {n}"),
    )
}

/// Kills a process group when its time is over.
struct Watchdog {
    stop: mpsc::Sender<()>,
    fired: thread::JoinHandle<bool>,
}

impl Watchdog {
    fn start(group: Pid, limit: Duration) -> Self {
        let (stop, stopped) = mpsc::channel::<()>();
        let fired = thread::spawn(move || {
            if stopped.recv_timeout(limit) != Err(mpsc::RecvTimeoutError::Timeout) {
                return false;
            }
            let _ = kill_process_group(group, Signal::KILL);
            true
        });
        Self { stop, fired }
    }

    fn stop(self) -> bool {
        drop(self.stop);
        self.fired.join().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Git;
    use super::*;

    #[test]
    fn a_failure_carries_argv_and_reason() {
        let dir = tempfile::tempdir().unwrap();
        let error = Git::system()
            .unwrap()
            .command(["rev-parse", "--git-dir"])
            .dir(dir.path())
            .run()
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("`git rev-parse --git-dir` failed (exit 128)")
                && error.contains("not a git repository"),
            "{error}"
        );
    }

    #[test]
    fn output_is_capped_or_refused() {
        let git = Git::system().unwrap();
        let cut = git
            .command(["help", "-a"])
            .cap(10, Overflow::Truncate)
            .run()
            .unwrap();
        assert_eq!((cut.stdout.len(), cut.truncated), (10, true));
        let refused = git
            .command(["help", "-a"])
            .cap(10, Overflow::Refuse)
            .run()
            .unwrap_err();
        assert!(matches!(refused, GitError::TooLong { cap: 10, .. }));
    }

    #[test]
    fn a_command_that_hangs_is_stopped_with_its_children() {
        let git = Git::system().unwrap();
        // The alias runs a shell that waits; the whole group must go, or reading its pipe would
        // hang this test.
        let error = git
            .command(["zz"])
            .config("alias.zz", "!sleep 600; true")
            .timeout(Duration::from_millis(200))
            .run()
            .unwrap_err();
        assert!(matches!(error, GitError::TimedOut { .. }), "{error}");
    }

    #[test]
    fn large_input_and_output_do_not_block_each_other() {
        let bytes = vec![b'x'; 4 << 20];
        let dir = tempfile::tempdir().unwrap();
        let out = Git::system()
            .unwrap()
            .command(["stripspace"])
            .dir(dir.path())
            .input(bytes.clone())
            .run()
            .unwrap();
        assert_eq!(out.stdout.len(), bytes.len() + 1);
    }
}
