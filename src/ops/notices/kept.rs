//! The files of notices beside the store: the outbox, and the lock of whoever delivers.

use std::path::{Path, PathBuf};

use crate::base::{file_lock, fs, hash};
use crate::domain::notice::{NoticeSettings, Outbox, SinkEnd};
use crate::domain::time::WallMs;
use crate::ops::error::{Kept as _, OpError};
use crate::ops::notices::quiet_until_ms;

/// Longest outbox that is read, in bytes: its lists are bounded, so that it is never as long.
const CAP: u64 = 64 << 20;

/// The files of notices.
#[derive(Debug, Clone)]
pub struct NoticePaths {
    dir: PathBuf,
}

impl NoticePaths {
    /// Finds them below a state directory.
    pub fn of(state: &Path) -> NoticePaths {
        NoticePaths {
            dir: state.join("notices"),
        }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file whose lock says that somebody changes the outbox.
    pub fn lock_file(&self) -> PathBuf {
        self.dir.join("lock")
    }

    /// The file whose lock says that somebody tells this sink.
    pub fn sink_lock_file(&self, sink: &str) -> PathBuf {
        let digest = hash::sha256_hex(sink.as_bytes());
        self.dir.join(format!("lock-{}", &digest[..16]))
    }

    /// The file of the outbox.
    pub fn outbox_file(&self) -> PathBuf {
        self.dir.join("outbox.json")
    }

    /// The place of an outbox that could not be read, in place of which another was begun.
    pub fn unreadable_file(&self) -> PathBuf {
        self.dir.join("outbox-unreadable.json")
    }
}

/// Reads the outbox; an empty one where there is none.
pub fn read(paths: &NoticePaths) -> Result<Outbox, OpError> {
    let path = paths.outbox_file();
    let Some(text) = fs::read_text_if_there(&path, CAP)? else {
        return Ok(Outbox::default());
    };
    let outbox = serde_json::from_str(&text);
    outbox.kept(path.display().to_string())
}

/// Reads the outbox for who delivers. One that holds something else is set aside, where it is told of until somebody
/// takes it away, and an empty one begun; one that cannot be looked at stays.
pub(super) fn read_or_begin(paths: &NoticePaths) -> Result<Outbox, OpError> {
    let path = paths.outbox_file();
    if fs::is_missing(&path) {
        return Ok(Outbox::default());
    }
    let bytes = fs::read_capped(&path, CAP)?;
    match serde_json::from_slice(&bytes) {
        Ok(outbox) => Ok(outbox),
        Err(_) => {
            fs::rename(&path, &paths.unreadable_file())?;
            Ok(Outbox::default())
        }
    }
}

/// True where whoever delivers next can look at the outbox, and sets it aside if it holds something else.
pub fn is_set_aside_next(paths: &NoticePaths) -> bool {
    fs::read_capped(&paths.outbox_file(), CAP).is_ok()
}

/// The sentence about an outbox that was set aside; nothing where none was.
pub fn set_aside(paths: &NoticePaths) -> Option<String> {
    let path = paths.unreadable_file();
    let text = "an outbox of notices could not be read, and another was begun: what waited in it was told to nobody";
    (!fs::is_missing(&path)).then(|| format!("{text}; it lies in {}", path.display()))
}

/// Writes the outbox. Only whoever holds the lock does.
pub(super) fn write(paths: &NoticePaths, outbox: &Outbox) -> Result<(), OpError> {
    let text = serde_json::to_vec(outbox).kept("the outbox of notices")?;
    Ok(fs::write_private(&paths.outbox_file(), &text)?)
}

/// The time at which what is held back is due: the end of quiet hours, or at once where they have ended. Nothing where
/// nothing is held back.
pub fn waits_until_ms(
    paths: &NoticePaths,
    settings: &NoticeSettings,
    now_ms: WallMs,
) -> Result<Option<WallMs>, OpError> {
    if settings.quiet_hours.is_none() || read(paths)?.held() == 0 {
        return Ok(None);
    }
    Ok(Some(quiet_until_ms(settings, now_ms).unwrap_or(now_ms)))
}

/// Takes down what came of a trial, so that a sink that was mended counts as mended. Returns the number of notices that
/// wait for it. Where somebody delivers at this moment, that one's word counts.
pub fn take_trial_down(
    paths: &NoticePaths,
    (sink, end): (&str, &SinkEnd),
    now_ms: WallMs,
) -> Result<usize, OpError> {
    fs::create_private_dir(paths.dir())?;
    let Some(_lock) = file_lock::try_lock_for_a_moment(&paths.lock_file())? else {
        return Ok(0);
    };
    let mut outbox = read_or_begin(paths)?;
    outbox.settle((sink, ""), end, now_ms);
    write(paths, &outbox)?;
    Ok(outbox.waiting_for(sink).len())
}
