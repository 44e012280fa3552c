//! The report files that a check writes: what they are looked for with, which of them this run
//! wrote, and within which bounds they are read.
//!
//! Looks only below the root and follows no link. Nothing here ends the run: what cannot be found
//! out or read is a trouble of the check, since the next run would meet it again.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::base::fs::{self, FsError};
use crate::base::text;
use crate::checks::parse::{ParsedTests, ReportsTold};

/// The largest report that is read, in bytes.
const MAX_REPORT: u64 = 1 << 30;
/// All reports together.
const MAX_BYTES: u64 = 4 << 30;
const MAX_REPORTS: usize = 50_000;
const MAX_DEPTH: usize = 32;
const MAX_ENTRIES: usize = 500_000;

/// Reports that cannot be collected, with the reason.
#[derive(Debug, thiserror::Error)]
enum ReportError {
    #[error("the glob of the reports is not usable: {0}")]
    Glob(#[from] globset::Error),
    #[error(transparent)]
    Fs(#[from] FsError),
    #[error("too many {0} below the root while looking for reports")]
    TooMany(&'static str),
    #[error("report {path}: larger than {MAX_REPORT} bytes")]
    Large { path: String },
}

/// Looks for the reports of one check, before it runs and after.
pub struct ReportWatch {
    root: PathBuf,
    glob: String,
    before: Result<Found, ReportError>,
}

/// The content of each file by its path relative to the root.
type Found = HashMap<PathBuf, FoundFile>;

/// The content of a file, as far as it tells whether it is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum FoundFile {
    Digest(String),
    /// Too large to be read.
    Large(u64),
}

impl ReportWatch {
    /// Looks what there is before the check runs. A report that is committed, or left by the agent,
    /// proves nothing.
    pub fn before(root: &Path, glob: &str) -> ReportWatch {
        ReportWatch {
            root: root.to_owned(),
            glob: glob.to_owned(),
            before: collect(root, glob),
        }
    }

    /// Reads the reports that were not there before with the same content: only those can tell of
    /// this run.
    pub fn read(self) -> ParsedTests {
        let mut told = ReportsTold::default();
        if let Err(error) = self.read_into(&mut told) {
            told.trouble(error.to_string());
        }
        told.finish(&self.glob)
    }

    fn read_into(&self, told: &mut ReportsTold) -> Result<(), ReportError> {
        let after = collect(&self.root, &self.glob)?;
        let before = match &self.before {
            Ok(before) => before,
            // Without that look nothing is known to be of this run.
            Err(error) => {
                told.trouble(format!("before the check: {error}"));
                return Ok(());
            }
        };
        let mut fresh: Vec<(&PathBuf, &FoundFile)> = after
            .iter()
            .filter(|(path, file)| before.get(*path) != Some(file))
            .collect();
        fresh.sort_by_key(|(path, _)| *path);
        for (path, file) in fresh {
            let shown = text::path_bytes(path.as_os_str().as_encoded_bytes());
            match file {
                FoundFile::Digest(_) => match fs::reader(&self.root.join(path)) {
                    Ok(source) => told.read(&shown, source),
                    Err(error) => told.trouble(format!("report {shown}: {error}")),
                },
                FoundFile::Large(_) => {
                    told.trouble(ReportError::Large { path: shown }.to_string());
                }
            }
        }
        Ok(())
    }
}

/// All files below `root` that match `glob`. Directories named `.git` are left out.
fn collect(root: &Path, glob: &str) -> Result<Found, ReportError> {
    let (matcher, start) = pattern(glob)?;
    let mut walk = ReportWalk {
        root,
        matcher,
        start,
        entries: 0,
        bytes: 0,
        found: Found::new(),
    };
    walk.dir(root, 0)?;
    Ok(walk.found)
}

/// What a glob means, and the names of the directories with which every path begins that it can
/// match. `./a.xml` is `a.xml`; a directory means the XML files below it.
fn pattern(glob: &str) -> Result<(GlobSet, Vec<OsString>), ReportError> {
    let parts: Vec<&str> = glob
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    let plain = parts.join("/");
    let below = [parts.as_slice(), &["**", "*.xml"]].concat().join("/");
    let mut set = GlobSetBuilder::new();
    for form in [plain, below] {
        set.add(GlobBuilder::new(&form).literal_separator(true).build()?);
    }
    let is_literal = |part: &&&str| !part.contains(['*', '?', '[', '{', '\\']);
    let start = parts.iter().take_while(is_literal);
    Ok((set.build()?, start.map(OsString::from).collect()))
}

struct ReportWalk<'a> {
    root: &'a Path,
    matcher: GlobSet,
    start: Vec<OsString>,
    entries: usize,
    bytes: u64,
    found: Found,
}

impl ReportWalk<'_> {
    fn dir(&mut self, dir: &Path, depth: usize) -> Result<(), ReportError> {
        for path in fs::list_dir(dir)? {
            let leads_on = |name: &OsString| path.file_name() == Some(name.as_os_str());
            if !self.start.get(depth).is_none_or(leads_on) {
                continue;
            }
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(ReportError::TooMany("files"));
            }
            // What vanishes between listing and looking was no report.
            let Ok(data) = path.symlink_metadata() else {
                continue;
            };
            if data.is_dir()
                && depth < MAX_DEPTH
                && path.file_name().is_none_or(|name| name != ".git")
            {
                self.dir(&path, depth + 1)?;
            } else if data.is_file() {
                self.file(&path, data.len())?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, len: u64) -> Result<(), ReportError> {
        let Ok(relative) = path.strip_prefix(self.root) else {
            return Ok(());
        };
        if !self.matcher.is_match(relative) {
            return Ok(());
        }
        if self.found.len() == MAX_REPORTS {
            return Err(ReportError::TooMany("reports"));
        }
        let file = if len > MAX_REPORT {
            FoundFile::Large(len)
        } else {
            self.bytes = self.bytes.saturating_add(len);
            if self.bytes > MAX_BYTES {
                return Err(ReportError::TooMany("bytes of reports"));
            }
            FoundFile::Digest(fs::digest(path)?.0)
        };
        self.found.insert(relative.to_owned(), file);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const GREEN: &str = "<testsuite tests='1'><testcase name='a'/></testsuite>";

    /// Files below a fresh root, each with its path as its content.
    fn tree(paths: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for path in paths {
            let file = root.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, path).unwrap();
        }
        root
    }

    fn paths(root: &Path, glob: &str) -> Vec<String> {
        let found = collect(root, glob).unwrap();
        let mut paths: Vec<String> = found
            .keys()
            .map(|path| path.display().to_string())
            .collect();
        paths.sort();
        paths
    }

    #[test]
    fn only_real_files_below_the_root_are_found() {
        let outside = tree(&["junit.xml"]);
        let root = tree(&[
            "a/junit.xml",
            "a/b/junit.xml",
            "a/other.xml",
            ".git/junit.xml",
        ]);
        let at = |path: &str| root.path().join(path);
        symlink(outside.path().join("junit.xml"), at("junit.xml")).unwrap();
        symlink(outside.path(), at("a/linked")).unwrap();
        symlink(outside.path(), at("linked")).unwrap();
        let paths = |glob| paths(root.path(), glob);
        assert_eq!(paths("**/junit.xml"), ["a/b/junit.xml", "a/junit.xml"]);
        assert_eq!(paths("*/junit.xml"), ["a/junit.xml"]);
        assert!(paths("linked/junit.xml").is_empty());
        assert!(collect(root.path(), "a[").is_err());
    }

    #[test]
    fn every_spelling_of_a_place_finds_the_reports() {
        let root = tree(&["out/r.xml", "out/deep/s.xml", "out/log.txt", "other/r.xml"]);
        let rows = [
            ("out/r.xml", "out/r.xml"),
            ("./out/r.xml", "out/r.xml"),
            (".//out/./r.xml", "out/r.xml"),
            ("out", "out/deep/s.xml out/r.xml"),
            ("out/", "out/deep/s.xml out/r.xml"),
            ("./out/", "out/deep/s.xml out/r.xml"),
            ("o*/", "other/r.xml out/deep/s.xml out/r.xml"),
            ("./", "other/r.xml out/deep/s.xml out/r.xml"),
            ("**/r.xml", "other/r.xml out/r.xml"),
            ("./{out,other}/*.xml", "other/r.xml out/r.xml"),
            ("out/*.txt", "out/log.txt"),
            ("ou", ""),
        ];
        for (glob, expected) in rows {
            assert_eq!(paths(root.path(), glob).join(" "), expected, "{glob}");
        }
    }

    /// What is told of the reports that a check writes into a tree with an older one.
    fn told(check: impl FnOnce(&Path)) -> String {
        let root = tree(&[]);
        std::fs::write(root.path().join("old.xml"), GREEN).unwrap();
        let watch = ReportWatch::before(root.path(), "**/*.xml");
        check(root.path());
        let parsed = watch.read();
        let passed = parsed.counts.map(|counts| counts.passed);
        let trouble = parsed.trouble.unwrap_or_default();
        format!("{passed:?} {trouble}").replace(&root.path().display().to_string(), "ROOT")
    }

    #[test]
    fn only_what_the_check_wrote_tells_of_it() {
        let write =
            |root: &Path, name: &str, text: &str| std::fs::write(root.join(name), text).unwrap();
        assert_eq!(told(|_| {}), "None no new report matches **/*.xml");
        assert_eq!(
            told(|root| write(root, "old.xml", GREEN)),
            "None no new report matches **/*.xml"
        );
        assert_eq!(told(|root| write(root, "new.xml", GREEN)), "Some(1) ");
        assert_eq!(
            told(|root| write(root, "old.xml", &format!("{GREEN}\n"))),
            "Some(1) "
        );
    }

    #[test]
    fn other_xml_beside_a_report_does_no_harm() {
        let coverage = "<!DOCTYPE coverage SYSTEM 'x.dtd'><coverage line-rate='1'></coverage>";
        let with = |report: &'static str| {
            told(move |root| {
                std::fs::write(root.join("coverage.xml"), coverage).unwrap();
                std::fs::write(root.join("cut.xml"), "<project><a").unwrap();
                std::fs::write(root.join("new.xml"), report).unwrap();
            })
        };
        assert_eq!(with(GREEN), "Some(1) ");
        assert_eq!(
            with("<x/>"),
            "None no new report matches **/*.xml; 3 of other XML"
        );
        assert_eq!(with("\n"), "None report new.xml: is not a JUnit report");
    }

    #[test]
    fn what_cannot_be_read_is_a_trouble_of_the_check() {
        let large = told(|root| {
            let file = std::fs::File::create(root.join("large.xml")).unwrap();
            file.set_len(MAX_REPORT + 1).unwrap();
            std::fs::write(root.join("new.xml"), GREEN).unwrap();
        });
        assert_eq!(
            large,
            "Some(1) report large.xml: larger than 1073741824 bytes"
        );
    }

    #[test]
    fn thousands_of_reports_are_read() {
        let many = told(|root| {
            for n in 0..1_100 {
                std::fs::write(root.join(format!("{n}.xml")), GREEN).unwrap();
            }
        });
        assert_eq!(many, "Some(1100) ");
    }
}
