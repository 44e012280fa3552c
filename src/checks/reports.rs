//! Finds the report files that a check wrote. Looks only below the root, follows no link, reads
//! within bounds.

use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};

use crate::base::fs::{self, FsError};
use crate::base::text;

/// The largest report that is read, in bytes.
pub const MAX_REPORT: u64 = 32 << 20;
const MAX_REPORTS: usize = 1000;
const MAX_DEPTH: usize = 32;
const MAX_ENTRIES: usize = 500_000;

/// One report file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFile {
    /// Path relative to the root, for people.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Reports that cannot be collected, with the reason.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The pattern is no glob.
    #[error("the glob of the reports is not usable: {0}")]
    Glob(#[from] globset::Error),
    /// The file system refused.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// More than is sensible.
    #[error("too many {0} below the root while looking for reports")]
    TooMany(&'static str),
}

/// All files below `root` that match `glob`, sorted by path. Directories named `.git` are left out.
pub fn collect(root: &Path, glob: &str) -> Result<Vec<ReportFile>, ReportError> {
    let matcher = GlobBuilder::new(glob)
        .literal_separator(true)
        .build()?
        .compile_matcher();
    let mut walk = ReportWalk {
        root,
        matcher,
        entries: 0,
        found: Vec::new(),
    };
    walk.dir(root, 0)?;
    Ok(walk.found)
}

/// The reports in `after` that were not there before with the same content: only those can tell of
/// this run. A report that is committed, or left by the agent, proves nothing.
pub fn fresh(before: &[ReportFile], after: Vec<ReportFile>) -> Vec<ReportFile> {
    after
        .into_iter()
        .filter(|report| !before.contains(report))
        .collect()
}

struct ReportWalk<'a> {
    root: &'a Path,
    matcher: GlobMatcher,
    entries: usize,
    found: Vec<ReportFile>,
}

impl ReportWalk<'_> {
    fn dir(&mut self, dir: &Path, depth: usize) -> Result<(), ReportError> {
        for path in fs::list_dir(dir)? {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(ReportError::TooMany("files"));
            }
            // What vanishes between listing and looking was no report.
            let Ok(kind) = path.symlink_metadata().map(|data| data.file_type()) else {
                continue;
            };
            if kind.is_dir()
                && depth < MAX_DEPTH
                && path.file_name().is_none_or(|name| name != ".git")
            {
                self.dir(&path, depth + 1)?;
            } else if kind.is_file() {
                self.file(&path)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), ReportError> {
        let Ok(relative) = path.strip_prefix(self.root) else {
            return Ok(());
        };
        if !self.matcher.is_match(relative) {
            return Ok(());
        }
        if self.found.len() == MAX_REPORTS {
            return Err(ReportError::TooMany("reports"));
        }
        let bytes = fs::read_capped(path, MAX_REPORT)?;
        let shown = text::path_bytes(std::os::unix::ffi::OsStrExt::as_bytes(relative.as_os_str()));
        self.found.push(ReportFile { path: shown, bytes });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_real_files_below_the_root_are_found() {
        let outside = tempfile::tempdir().unwrap();
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        std::fs::write(outside.path().join("junit.xml"), "secret").unwrap();
        std::fs::create_dir_all(at("a/b")).unwrap();
        std::fs::create_dir_all(at(".git")).unwrap();
        for path in [
            "a/junit.xml",
            "a/b/junit.xml",
            "a/other.xml",
            ".git/junit.xml",
        ] {
            std::fs::write(at(path), path).unwrap();
        }
        symlink(outside.path().join("junit.xml"), at("junit.xml")).unwrap();
        symlink(outside.path(), at("a/linked")).unwrap();
        let paths = |glob| {
            collect(root.path(), glob)
                .unwrap()
                .into_iter()
                .map(|r| r.path)
                .collect::<Vec<_>>()
        };
        assert_eq!(paths("**/junit.xml"), ["a/b/junit.xml", "a/junit.xml"]);
        assert_eq!(paths("*/junit.xml"), ["a/junit.xml"]);
        assert!(collect(root.path(), "a[").is_err());
    }

    #[test]
    fn a_report_that_was_there_before_is_not_of_this_run() {
        let report = |path: &str, text: &str| ReportFile {
            path: path.into(),
            bytes: text.into(),
        };
        let before = [report("a", "1"), report("b", "1")];
        let after = vec![report("a", "1"), report("b", "2"), report("c", "1")];
        assert_eq!(fresh(&before, after), [report("b", "2"), report("c", "1")]);
    }
}
