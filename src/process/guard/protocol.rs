//! The messages between `ai` and its keeper: arguments there, and reports back (one line of JSON over
//! its standard input, a socket).

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::process::child_command::{ChildCommand, StdinSource};
use crate::process::guard::entrance::CgroupDoor;
use crate::process::guard::fence::LeaseTerm;
use crate::process::sandbox::{LandlockPolicy, ResourceLimits};
use crate::process::supervise::{ProcessExit, SpawnFailure};

/// The first argument with which this binary is started again as a keeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeeperWord {
    /// The only keeper, or the outer one of two.
    Guard,
    /// The inner one.
    Inner,
    /// The inner one, as the first process of a pid namespace.
    InnerApart,
    /// The maker of namespaces between the two.
    Between,
}

impl KeeperWord {
    const ALL: [Self; 4] = [Self::Guard, Self::Inner, Self::InnerApart, Self::Between];

    /// The word itself.
    pub fn text(self) -> &'static str {
        match self {
            Self::Guard => "__guard",
            Self::Inner => "__keep",
            Self::InnerApart => "__keep-apart",
            Self::Between => "__keep-between",
        }
    }

    /// Reads such a word; `None` for any other argument.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|word| word.text() == text)
    }
}

/// The exit code of an inner keeper that could not begin in its namespace, before it has started
/// anything.
pub(super) const CANNOT_BEGIN: i32 = 213;

/// The namespaces that a pair of keepers may make for the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::process) enum KeeperPair {
    /// A pid namespace, where the user has the right as he is.
    WithOwnRights,
    /// A pid namespace, if need be within a user namespace.
    InUserNamespace,
}

/// True for the command line of a keeper, whatever started it.
pub(super) fn is_keeper(words: &[String]) -> bool {
    words
        .get(1)
        .is_some_and(|word| KeeperWord::parse(word).is_some())
}

/// The command that a keeper has to start, and how to end it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::process) struct KeeperLaunch {
    /// From `SIGTERM` to `SIGKILL`.
    pub grace: Duration,
    /// The command, with absolute paths and never without a program.
    pub command: ChildCommand,
    /// The confinement that the keeper takes upon itself before it starts the command.
    pub confine: KeeperConfinement,
}

/// The bounds that a keeper sets to itself, and so to the command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::process) struct KeeperConfinement {
    /// The paths that may still be reached; `None` leaves all.
    pub landlock: Option<LandlockPolicy>,
    /// [Resource limits](ResourceLimits); `None` leaves what the user has.
    pub limits: Option<ResourceLimits>,
    /// The lease under which the command runs; `None` where it needs none.
    #[serde(default)]
    pub lease: Option<LeaseTerm>,
    /// Two keepers instead of one; `None` for a single one.
    #[serde(default)]
    pub pair: Option<KeeperPair>,
    /// The path of the socket, inside, to which a port of the loopback leads; `None` for no such
    /// port.
    #[serde(default)]
    pub egress: Option<String>,
    /// The way into a cgroup; only the first keeper goes it, with all below.
    #[serde(default)]
    pub cgroup: CgroupDoor,
}

/// The cause for which a keeper ended the command before it ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::process) enum StopCause {
    /// `ai` asked, or is gone.
    LineClosed,
    /// Somebody sent the keeper this signal.
    Signal(i32),
    /// Nobody told of a renewal of the lease for two thirds of its length: `ai` stands still.
    LeaseUnrenewed,
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
        /// Places that were to be covered and stayed in sight, since no namespace could be made.
        #[serde(default)]
        uncovered: usize,
    },
}

impl KeeperLaunch {
    /// The arguments after [`KeeperWord`].
    pub fn to_args(&self) -> Vec<OsString> {
        let grace = self.grace.as_millis().to_string();
        let confine = if self.confine == KeeperConfinement::default() {
            String::new()
        } else {
            // Lists of numbers always serialise.
            serde_json::to_string(&self.confine).unwrap_or_else(|_| "?".to_owned())
        };
        let ChildCommand { argv, cwd, stdin } = &self.command;
        let stdin = stdin.path().unwrap_or(Path::new(""));
        let mut args = vec![grace.into(), cwd.into(), stdin.into(), confine.into()];
        args.extend(argv.iter().cloned());
        args
    }

    /// Reads what [`Self::to_args`] wrote; `None` where it is anything else. To a keeper, the pipe of
    /// a conversation is a file that it opens, as any other.
    pub fn from_args(args: &[OsString]) -> Option<Self> {
        let [grace, cwd, stdin, confine, argv @ ..] = args else {
            return None;
        };
        let grace = Duration::from_millis(grace.to_str()?.parse().ok()?);
        let stdin = if stdin.is_empty() {
            StdinSource::Null
        } else {
            StdinSource::File(PathBuf::from(stdin))
        };
        let confine = if confine.is_empty() {
            KeeperConfinement::default()
        } else {
            serde_json::from_str(confine.to_str()?).ok()?
        };
        (!argv.is_empty()).then(|| Self {
            grace,
            command: ChildCommand {
                argv: argv.to_vec(),
                cwd: PathBuf::from(cwd),
                stdin,
            },
            confine,
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
        for stdin in [StdinSource::Null, StdinSource::File("/p q".into())] {
            let launch = KeeperLaunch {
                grace: Duration::from_millis(1500),
                command: ChildCommand {
                    argv: vec![odd.clone(), "".into(), "-x".into()],
                    cwd: PathBuf::from("/w"),
                    stdin,
                },
                confine: KeeperConfinement {
                    landlock: None,
                    limits: Some(ResourceLimits {
                        file_mb: Some(3),
                        ..Default::default()
                    }),
                    lease: Some(LeaseTerm {
                        stop_ms: 4,
                        end_ms: 6,
                    }),
                    pair: Some(KeeperPair::InUserNamespace),
                    egress: Some("/socket".into()),
                    cgroup: CgroupDoor::OnTheLine,
                },
            };
            assert_eq!(KeeperLaunch::from_args(&launch.to_args()), Some(launch));
        }
        assert_eq!(
            KeeperLaunch::from_args(&["1".into(), "/".into(), "".into(), "".into()]),
            None
        );
    }

    #[test]
    fn the_keeper_opens_the_pipe_of_a_conversation_as_it_opens_a_file() {
        let with = |stdin| KeeperLaunch {
            grace: Duration::ZERO,
            command: ChildCommand {
                argv: vec!["a".into()],
                cwd: "/w".into(),
                stdin,
            },
            confine: KeeperConfinement::default(),
        };
        assert_eq!(
            KeeperLaunch::from_args(&with(StdinSource::Talk("/run/pipe".into())).to_args()),
            Some(with(StdinSource::File("/run/pipe".into())))
        );
    }
}
