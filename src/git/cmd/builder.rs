//! Puts one `git` command line together: arguments, environment, configuration and caps.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::git::cmd::Git;

/// Output beyond this is an error unless the caller says otherwise.
const DEFAULT_CAP: usize = 256 << 20;

/// The treatment of output beyond the cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// Fail.
    Refuse,
    /// Keep the beginning and mark it truncated.
    Truncate,
}

/// A `git` command that is being put together.
#[derive(Debug)]
pub struct GitCommand {
    /// The Git to start.
    pub(super) git: Git,
    /// The arguments, the subcommand first.
    pub(super) args: Vec<OsString>,
    /// Variables on top of the rebuilt environment.
    pub(super) env: Vec<(OsString, OsString)>,
    /// Configuration values of this command.
    pub(super) config: Vec<(String, OsString)>,
    /// The working directory.
    pub(super) cwd: PathBuf,
    /// Bytes for standard input; closed where there are none.
    pub(super) input: Option<Vec<u8>>,
    /// The longest run, if limited.
    pub(super) timeout: Option<Duration>,
    /// The most bytes of standard output, and the treatment of more.
    pub(super) cap: (usize, Overflow),
}

impl Git {
    /// Starts a command. Say next where it runs: [`GitCommand::git_dir`] or [`GitCommand::dir`].
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> GitCommand {
        let mut command = GitCommand {
            git: self.clone(),
            args: Vec::new(),
            env: Vec::new(),
            config: Vec::new(),
            cwd: PathBuf::from("/"),
            input: None,
            timeout: None,
            cap: (DEFAULT_CAP, Overflow::Refuse),
        };
        command
            .args
            .extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        command
    }
}

impl GitCommand {
    /// One more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args
            .extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Runs in this directory. Without a git directory Git discovers one from here: only for
    /// directories no agent can write.
    #[must_use]
    pub fn dir(mut self, cwd: &Path) -> Self {
        cwd.clone_into(&mut self.cwd);
        self
    }

    /// Works on this git directory, without any discovery, and runs inside it.
    #[must_use]
    pub fn git_dir(self, git_dir: &Path) -> Self {
        self.env("GIT_DIR", git_dir).dir(git_dir)
    }

    /// Works on this work tree and runs at its top.
    #[must_use]
    pub fn work_tree(self, root: &Path) -> Self {
        self.env("GIT_WORK_TREE", root).dir(root)
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env
            .push((key.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets a configuration value for this command and what it starts; outranks every file.
    #[must_use]
    pub fn config(mut self, key: impl Into<String>, value: impl AsRef<OsStr>) -> Self {
        self.config.push((key.into(), value.as_ref().to_owned()));
        self
    }

    /// Reads no configuration of the user or the system, so that the result is the same on every
    /// machine.
    #[must_use]
    pub fn isolated(self) -> Self {
        self.env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
    }

    /// Feeds standard input.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    /// Stops the command, and what it started, after this long.
    #[cfg(test)]
    #[must_use]
    pub const fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Caps standard output at `bytes`.
    #[must_use]
    pub const fn cap(mut self, bytes: usize, overflow: Overflow) -> Self {
        self.cap = (bytes, overflow);
        self
    }

    /// The command line for messages, without the environment.
    pub(super) fn argv(&self) -> String {
        let mut text = String::from("git");
        for arg in self.args.iter().take(12) {
            text.push(' ');
            text.push_str(&arg.to_string_lossy());
        }
        if self.args.len() > 12 {
            text.push_str(" …");
        }
        text
    }
}
