//! The versions that programs have told, so that a slow one is asked once: each is kept with the file
//! that told it, and counts for a day as long as that file is the same.
//!
//! Kept below the state directory, one small file for each program. Nothing here fails: what cannot be
//! read is asked again, and what cannot be written, as on a read-only disk, is not kept.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::fs;
use crate::base::hash::sha256_hex;

/// The directory below the state directory.
const DIR: &str = "versions";
/// A version counts for so long: a wrapper stays the same when what it starts is renewed.
const KEPT_MS: i64 = 86_400_000;
/// The largest file of one version.
const CAP: u64 = 4096;

/// Remembers the versions of programs.
pub struct VersionMemory {
    dir: Option<PathBuf>,
    now_ms: i64,
}

/// A version, and the file that told it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptVersion {
    at_ms: i64,
    size: u64,
    mtime: (i64, i64),
    inode: (u64, u64),
    version: String,
}

impl VersionMemory {
    /// The memory of the project with this state directory. It exists once `ai init` has made that.
    pub fn below(state: &Path, now_ms: i64) -> VersionMemory {
        VersionMemory {
            dir: state.is_dir().then(|| state.join(DIR)),
            now_ms,
        }
    }

    /// One that knows nothing and keeps nothing, for where there is no project.
    pub fn none() -> VersionMemory {
        VersionMemory {
            dir: None,
            now_ms: 0,
        }
    }

    /// The version that this program told when asked in this way, if it is the same program still.
    pub(crate) fn recall(&self, program: &Path, args: &[String]) -> Option<String> {
        let bytes = fs::read_capped(&self.place(program, args)?, CAP).ok()?;
        let kept: KeptVersion = serde_json::from_slice(&bytes).ok()?;
        let is_young = (0..KEPT_MS).contains(&(self.now_ms - kept.at_ms));
        let now = KeptVersion {
            at_ms: kept.at_ms,
            ..look(program, &kept.version)?
        };
        (is_young && now == kept).then_some(kept.version)
    }

    /// Keeps what the program told.
    pub(crate) fn keep(&self, program: &Path, args: &[String], version: &str) {
        let (Some(place), Some(found)) = (self.place(program, args), look(program, version)) else {
            return;
        };
        let kept = KeptVersion {
            at_ms: self.now_ms,
            ..found
        };
        let text = serde_json::to_vec(&kept).unwrap_or_default();
        let dir = place.parent().unwrap_or(&place);
        // The next command asks again.
        let _kept = fs::create_private_dir(dir).and_then(|()| fs::write_private(&place, &text));
    }

    /// The file for the program behind this path.
    fn place(&self, program: &Path, args: &[String]) -> Option<PathBuf> {
        let real = std::fs::canonicalize(program).ok()?;
        let words: Vec<&[u8]> = std::iter::once(real.as_os_str())
            .chain(args.iter().map(OsStr::new))
            .map(OsStr::as_bytes)
            .collect();
        let name = sha256_hex(&words.join(&0));
        Some(self.dir.as_ref()?.join(format!("{}.json", &name[..32])))
    }
}

fn look(program: &Path, version: &str) -> Option<KeptVersion> {
    let meta = std::fs::metadata(program).ok()?;
    Some(KeptVersion {
        at_ms: 0,
        size: meta.size(),
        mtime: (meta.mtime(), meta.mtime_nsec()),
        inode: (meta.dev(), meta.ino()),
        version: version.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000_000_000;

    #[test]
    fn a_version_is_remembered_for_the_same_file_the_same_question_and_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let (program, link) = (base.join("cli-1"), base.join("cli"));
        fs::write_atomic(&program, b"one").unwrap();
        fs::symlink(&program, &link).unwrap();
        let at = |now_ms| VersionMemory::below(&base, now_ms);
        let asked = ["--version".to_owned()];
        let recall = |now_ms: i64| at(now_ms).recall(&link, &asked);
        assert_eq!(recall(NOW), None);
        at(NOW).keep(&link, &asked, "1.2.3");
        assert_eq!(recall(NOW).as_deref(), Some("1.2.3"));
        assert_eq!(at(NOW).recall(&program, &asked).as_deref(), Some("1.2.3"));
        assert_eq!(recall(NOW + KEPT_MS - 1).as_deref(), Some("1.2.3"));
        assert_eq!(recall(NOW + KEPT_MS), None, "a day later");
        assert_eq!(recall(NOW - 1), None, "before it was asked");
        assert_eq!(at(NOW).recall(&link, &["-V".to_owned()]), None);
        assert_eq!(VersionMemory::none().recall(&link, &asked), None);
        // As a package manager renews it, with a time of its own choice.
        fs::write_atomic(&program, b"two").unwrap();
        assert_eq!(recall(NOW), None, "another file");
        at(NOW).keep(&link, &asked, "1.2.4");
        assert_eq!(recall(NOW).as_deref(), Some("1.2.4"));
        fs::remove_file(&program).unwrap();
        assert_eq!(recall(NOW), None, "no file");
    }

    #[test]
    fn what_cannot_be_kept_is_asked_again() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("cli");
        fs::write_atomic(&program, b"one").unwrap();
        let nowhere = VersionMemory::below(&dir.path().join("gone"), NOW);
        nowhere.keep(&program, &[], "1");
        assert_eq!(nowhere.recall(&program, &[]), None);
        let memory = VersionMemory::below(dir.path(), NOW);
        memory.keep(&program, &[], "1");
        let place = memory.place(&program, &[]).unwrap();
        fs::write_private(&place, b"{").unwrap();
        assert_eq!(memory.recall(&program, &[]), None);
    }
}
