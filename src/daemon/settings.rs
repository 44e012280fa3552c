//! What a daemon goes by, and the card by which others know it.

use std::time::Duration;

use crate::app::doors::DaemonOrder;
use crate::app::error::AppError;
use crate::app::workspace::now;
use crate::base::version;
use crate::config::Config;
use crate::domain::error_class::ErrorClass;
use crate::ops::daemon::{DaemonCard, ProgramFile};
use crate::process::identity::ProcessIdentity;
use crate::store::newest_format;

/// The settings of the daemon, as they were read last.
#[derive(Clone, Copy)]
pub(super) struct DaemonSettings {
    /// Runs at a time.
    pub(super) parallel: usize,
    /// The time for runs to end once it is stopped.
    pub(super) stop_within: Duration,
    /// The time of an agent to end.
    pub(super) grace: Duration,
    /// The wish about landings.
    pub(super) landing: LandingWish,
}

/// The wish of the configuration about landings of the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LandingWish {
    /// The daemon lands what nobody would be asked about.
    Yes,
    /// People land.
    No,
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
            landing: if config.daemon.land {
                LandingWish::Yes
            } else {
                LandingWish::No
            },
        }
    }
}

/// State of a recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recovery {
    /// Going on.
    AtWork,
    /// Ended.
    Over,
}

/// The card of this process.
pub(super) fn card(order: &DaemonOrder<'_>) -> Result<DaemonCard, AppError> {
    let process = ProcessIdentity::current().ok_or_else(|| {
        AppError::new(
            ErrorClass::Failed,
            "/proc cannot be read, so no daemon could be told from another process",
        )
        .hint("mount /proc, then do it again")
    })?;
    Ok(DaemonCard {
        process,
        since_ms: now().wall_ms,
        version: version::own(),
        command: order.command.to_owned(),
        store_format: Some(newest_format()),
        program: ProgramFile::current(),
        parallel: order.parallel,
    })
}
