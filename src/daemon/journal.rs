//! The log of a daemon: what it did, and what its runs said. It is rotated by size; who watches in the
//! foreground hears the daemon's own lines as well.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::base::fs::{self, FsError};
use crate::base::shown_time::time;
use crate::base::{clock, text};

/// Size of the log from which a new one is begun, in bytes.
const MOST: u64 = 4 << 20;
/// Older logs that are kept.
const KEPT: u32 = 3;

/// The log, as a daemon writes it.
pub(super) struct DaemonLog<'a> {
    path: PathBuf,
    echo: &'a dyn Fn(&str),
}

impl<'a> DaemonLog<'a> {
    /// The log at a path; `echo` hears its lines, too.
    pub(super) fn at(path: PathBuf, echo: &'a dyn Fn(&str)) -> DaemonLog<'a> {
        DaemonLog { path, echo }
    }

    /// Writes a line. A log that cannot be written keeps nobody from work.
    pub(super) fn line(&self, said: &str) {
        (self.echo)(said);
        let said = text::multi_line(said).replace('\n', "\n    ");
        let line = format!("{} {said}\n", time(clock::wall_ms()));
        let _unwritten = rotate(&self.path)
            .and_then(|()| fs::open_to_append(&self.path))
            .map(|mut file| std::io::Write::write_all(&mut file, line.as_bytes()));
    }

    /// The log as a child writes into it.
    pub(super) fn for_child(&self) -> Result<File, FsError> {
        fs::open_to_append(&self.path)
    }
}

/// Begins a new log where this one is long.
fn rotate(path: &Path) -> Result<(), FsError> {
    if fs::stat(path)?.is_none_or(|log| log.len < MOST) {
        return Ok(());
    }
    let older = |n: u32| path.with_extension(format!("log.{n}"));
    for n in (1..KEPT).rev().filter(|n| older(*n).exists()) {
        fs::rename(&older(n), &older(n + 1))?;
    }
    fs::rename(path, &older(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_is_put_aside_and_only_a_few_are_kept() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("daemon.log");
        let journal = DaemonLog::at(path.clone(), &|_| ());
        for n in 0..6 {
            journal.line(&format!("line {n}\nmore"));
            let full = vec![b'x'; usize::try_from(MOST).unwrap()];
            fs::append(&path, &full).unwrap();
        }
        let names: Vec<String> = {
            let all = fs::list_dir(temp.path()).unwrap();
            let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
            all.iter().map(name).collect()
        };
        let mut names = names;
        names.sort();
        assert_eq!(
            names,
            ["daemon.log", "daemon.log.1", "daemon.log.2", "daemon.log.3"]
        );
        let begins = |name: &str| {
            let text = fs::read_start(&temp.path().join(name), 64).unwrap();
            let text = String::from_utf8(text).unwrap();
            text.split_once(' ').unwrap().1[..16].to_owned()
        };
        assert_eq!(begins("daemon.log"), "line 5\n    more\n");
        assert_eq!(begins("daemon.log.3"), "line 2\n    more\n");
    }
}
