//! The messages between `ai` and its keeper: arguments there, and reports back (one line of JSON over
//! its standard input, a socket).

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::process::sandbox::{LandlockPolicy, ResourceLimits};
use crate::process::supervise::{ProcessExit, SpawnFailure};

/// The first argument with which this binary is started again as a keeper.
pub const ARGUMENT: &str = "__guard";

/// The command that a keeper has to start, and how to end it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::process) struct KeeperLaunch {
    /// From `SIGTERM` to `SIGKILL`.
    pub grace: Duration,
    /// Absolute working directory of the command.
    pub cwd: PathBuf,
    /// Absolute path of the file that is its standard input; `None` is `/dev/null`.
    pub stdin: Option<PathBuf>,
    /// The confinement that the keeper takes upon itself before it starts the command.
    pub confine: KeeperConfinement,
    /// The command with its arguments; never empty.
    pub argv: Vec<OsString>,
}

/// The rights that a keeper denies to itself, and so to the command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::process) struct KeeperConfinement {
    /// The paths that may still be reached; `None` leaves all.
    pub landlock: Option<LandlockPolicy>,
    /// Resource limits; `None` leaves what the user has.
    pub limits: Option<ResourceLimits>,
}

/// The cause for which a keeper ended the command before it ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::process) enum StopCause {
    /// `ai` asked, or is gone.
    LineClosed,
    /// Somebody sent the keeper this signal.
    Signal(i32),
}

/// The last word of a keeper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::process) enum KeeperReport {
    /// The command could not be started.
    NotStarted(SpawnFailure),
    /// The command and everything below it have ended.
    Ended {
        /// The end of the command; `None` if it could not be killed.
        exit: Option<ProcessExit>,
        /// The cause, if it did not end by itself.
        stopped: Option<StopCause>,
        /// Processes below the command that had to be ended after it.
        leftovers: usize,
        /// Pids that could not be killed.
        survivors: Vec<i32>,
    },
}

impl KeeperLaunch {
    /// The arguments after [`ARGUMENT`].
    pub fn to_args(&self) -> Vec<OsString> {
        let grace = self.grace.as_millis().to_string();
        let stdin = self.stdin.clone().unwrap_or_default();
        let confine = if self.confine == KeeperConfinement::default() {
            String::new()
        } else {
            // Lists of numbers always serialise.
            serde_json::to_string(&self.confine).unwrap_or_else(|_| "?".to_owned())
        };
        let mut args = vec![
            grace.into(),
            self.cwd.clone().into(),
            stdin.into(),
            confine.into(),
        ];
        args.extend(self.argv.iter().cloned());
        args
    }

    /// Reads what [`Self::to_args`] wrote; `None` where it is anything else.
    pub fn from_args(args: &[OsString]) -> Option<Self> {
        let [grace, cwd, stdin, confine, argv @ ..] = args else {
            return None;
        };
        let grace = Duration::from_millis(grace.to_str()?.parse().ok()?);
        let stdin = (!stdin.is_empty()).then(|| PathBuf::from(stdin));
        let confine = if confine.is_empty() {
            KeeperConfinement::default()
        } else {
            serde_json::from_str(confine.to_str()?).ok()?
        };
        (!argv.is_empty()).then(|| Self {
            grace,
            cwd: PathBuf::from(cwd),
            stdin,
            confine,
            argv: argv.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn a_launch_survives_the_command_line() {
        let odd = OsString::from_vec(b"a\xff\n--".to_vec());
        for stdin in [None, Some(PathBuf::from("/p q"))] {
            let launch = KeeperLaunch {
                grace: Duration::from_millis(1500),
                cwd: PathBuf::from("/w"),
                stdin,
                confine: KeeperConfinement {
                    landlock: None,
                    limits: Some(ResourceLimits {
                        file_mb: Some(3),
                        ..Default::default()
                    }),
                },
                argv: vec![odd.clone(), "".into(), "-x".into()],
            };
            assert_eq!(KeeperLaunch::from_args(&launch.to_args()), Some(launch));
        }
        assert_eq!(
            KeeperLaunch::from_args(&["1".into(), "/".into(), "".into(), "".into()]),
            None
        );
    }
}
