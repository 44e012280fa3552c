//! The daemon's part in notices: it sees what comes up, and has it told by `ai notify deliver` as a process of its own,
//! for which nothing waits.

use std::ffi::OsString;
use std::path::Path;

use crate::base::{fs, hash, yaml};
use crate::config::{self, Budgets, Config};
use crate::daemon::journal::DaemonLog;
use crate::domain::notice::{NoticeSettings, Reviewer};
use crate::domain::time::WallMs;
use crate::ops::daemon::{self, DaemonPlace, LeftWork};
use crate::ops::notices::{self, NewsSight, NoticePaths};
use crate::process::reexec;
use crate::store::Store;

/// The memory of a daemon for notices.
#[derive(Default)]
pub(super) struct NoticeHand {
    settings: NoticeSettings,
    has_budgets: bool,
    /// The last record of the log of which somebody was told.
    seen: Option<u64>,
    /// The trouble that stood at the last look.
    trouble: Option<String>,
    /// The works that were left to a person at the last look; none before the first that says so.
    left: Option<Vec<LeftWork>>,
    /// SHA-256 of the configuration that is kept for who tells that it cannot be read any more.
    kept: Option<String>,
}

/// The sight of a daemon that looks for something to tell.
pub(super) struct NoticeLook<'a> {
    /// The state directory.
    pub(super) state: &'a Path,
    /// The newest record of the log at the daemon's last look.
    pub(super) last_event: u64,
    /// The trouble in its way.
    pub(super) trouble: Option<&'a str>,
    /// The works that are left to a person, as far as anybody knows.
    pub(super) left: Option<Vec<LeftWork>>,
    /// The first to look at work that has come to its review.
    pub(super) reviewer: Reviewer,
    /// The time.
    pub(super) now_ms: WallMs,
}

/// The next step about notices.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct NoticeDue {
    /// The record behind which something came up that is to be told now.
    pub(super) since: Option<u64>,
    /// The time at which something that is held back is due.
    pub(super) next_ms: Option<WallMs>,
}

impl NoticeHand {
    /// Takes the settings of a configuration that could be read, and keeps its words: who delivers reads it anew, and would
    /// tell nobody that it cannot be read.
    pub(super) fn reads(&mut self, config: &Config, (place, root): (&DaemonPlace, &Path)) {
        self.settings = config.notices.clone();
        self.has_budgets = config.budgets != Budgets::default();
        if !self.settings.tell_anybody() {
            return;
        }
        // What cannot be kept is as if it were not there.
        let Ok(words) = fs::read_capped(&root.join(config::FILE), yaml::MAX_BYTES) else {
            return;
        };
        let digest = hash::sha256_hex(&words);
        let is_new = self.kept.as_ref() != Some(&digest);
        if is_new && daemon::keep_settings(place, &words).is_ok() {
            self.kept = Some(digest);
        }
    }

    /// Sees whether something came up since the last look, or quiet hours have ended in which something was held back.
    pub(super) fn look(
        &mut self,
        seen: &NoticeLook<'_>,
        store: Option<&mut (dyn Store + 'static)>,
    ) -> NoticeDue {
        if !self.settings.tell_anybody() {
            self.seen = None;
            return NoticeDue::default();
        }
        let by = (seen.now_ms, seen.reviewer);
        // What came up before this daemon began is left to the helper, which remembers.
        let since = *self.seen.get_or_insert(seen.last_event);
        let sight = store.map(|store| store.read(|tx| notices::news(tx, since, by)));
        let sight = match sight {
            Some(Ok(sight)) => sight,
            Some(Err(_)) | None => NewsSight::default(),
        };
        // The end of a trouble is told, too.
        let is_new_trouble = seen.trouble != self.trouble.as_deref();
        self.trouble = seen.trouble.map(str::to_owned);
        let paths = NoticePaths::of(seen.state);
        let due_ms = notices::waits_until_ms(&paths, &self.settings, seen.now_ms);
        let due_ms = due_ms.ok().flatten();
        self.seen = Some(sight.newest.max(since));
        let is_left = self.leaves(seen);
        let has_spent = sight.has_spent && self.has_budgets;
        let is_due = due_ms.is_some_and(|due| due <= seen.now_ms);
        let is_any = is_new_trouble || is_left || is_due || has_spent || !sight.found.is_empty();
        NoticeDue {
            since: is_any.then_some(since),
            next_ms: due_ms.filter(|due| *due > seen.now_ms),
        }
    }
}

impl NoticeHand {
    /// Keeps the works that are left to a person for who tells of them. True where there is one more.
    fn leaves(&mut self, seen: &NoticeLook<'_>) -> bool {
        if seen.left.is_none() || seen.left == self.left {
            return false;
        }
        let left = seen.left.as_deref().unwrap_or_default();
        // Where they cannot be kept, `ai daemon status` tells them.
        if daemon::tell_left(&DaemonPlace::of(seen.state), left).is_err() {
            return false;
        }
        self.left = Some(left.to_vec());
        !left.is_empty()
    }
}

/// Starts a helper. What fails here is in nobody's way.
pub(super) fn start_helper(args: &[OsString], since: u64, journal: &DaemonLog<'_>) {
    let since = ["--since".into(), since.to_string().into()];
    let args = [args, &since].concat();
    let Ok(talk) = journal.for_child() else {
        return;
    };
    match reexec::start_apart(&args, talk) {
        Ok(child) => {
            // Waited for, so that nothing of it is left.
            std::thread::spawn(move || drop(child.wait(|_| ())));
        }
        Err(error) => journal.line(&format!("notices are not told: {error}")),
    }
}
