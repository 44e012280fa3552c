//! The settings of a daemon, which it reads anew at each look.

use std::time::Duration;

use crate::config::Config;

/// The settings of the daemon, as they were read last.
#[derive(Clone, Copy)]
pub(super) struct DaemonSettings {
    /// Runs at a time.
    pub(super) parallel: usize,
    pub(super) stop_within: Duration,
    pub(super) grace: Duration,
}

impl DaemonSettings {
    /// Takes them from a configuration; `asked` is the number of runs that the command line names.
    pub(super) fn of(config: &Config, asked: Option<u16>) -> DaemonSettings {
        let by_file = config
            .daemon
            .parallel
            .map(|n| u16::try_from(n).unwrap_or(u16::MAX));
        DaemonSettings {
            parallel: config.scheduler.hands(asked.or(by_file)),
            stop_within: config.daemon.stop_within,
            grace: config.runs.grace,
        }
    }
}
