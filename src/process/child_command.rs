//! The command that a child process becomes: its program, its directory and what it reads.
//!
//! Whoever plans a command makes one value of it, and every step on the way to the keeper owns that
//! value instead of a copy of its fields. Environment, sandbox and limits are no part of it: they
//! are added on the way.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf, absolute};

/// A program with its arguments, its directory and its standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildCommand {
    /// Program and arguments; a program without a slash is looked up in the `PATH` of the child's
    /// environment.
    pub argv: Vec<OsString>,
    /// Working directory.
    pub cwd: PathBuf,
    /// Standard input.
    pub stdin: StdinSource,
}

/// The source of a command's standard input. A command that does not read blocks nobody, in a
/// conversation either. Every source ends, since several programs wait for ever on one that stays
/// open; that of a conversation ends with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StdinSource {
    /// `/dev/null`.
    Null,
    /// A file, from its start.
    File(PathBuf),
    /// The replies of [`CommandObserver::talk`], through a named pipe that the supervisor makes
    /// here for the time of the run.
    ///
    /// [`CommandObserver::talk`]: crate::process::supervise::CommandObserver::talk
    Talk(PathBuf),
}

impl StdinSource {
    /// The file that the child opens; `None` for `/dev/null`.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Null => None,
            Self::File(path) | Self::Talk(path) => Some(path),
        }
    }
}

impl ChildCommand {
    /// A command without input.
    pub fn new(argv: Vec<OsString>, cwd: PathBuf) -> Self {
        Self {
            argv,
            cwd,
            stdin: StdinSource::Null,
        }
    }

    /// The same command with absolute paths, for a keeper that lives in another directory.
    ///
    /// # Errors
    /// Where no program is named, and where the current directory is gone and a path is relative.
    pub fn absolute(&self) -> io::Result<Self> {
        if self.argv.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "no program is named",
            ));
        }
        Ok(Self {
            argv: self.argv.clone(),
            cwd: absolute(&self.cwd)?,
            stdin: match &self.stdin {
                StdinSource::Null => StdinSource::Null,
                StdinSource::File(path) => StdinSource::File(absolute(path)?),
                StdinSource::Talk(path) => StdinSource::Talk(absolute(path)?),
            },
        })
    }
}
