//! The unified patch between two trees, as evidence: the same bytes on every machine for the same
//! two trees.

use serde::Serialize;

use crate::git::cmd::{NulFields, Overflow};
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::shadow::ShadowRepo;

/// The size of a change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct DiffStats {
    /// Changed paths.
    pub files: u64,
    /// Lines added in text files.
    pub insertions: u64,
    /// Lines removed in text files.
    pub deletions: u64,
    /// Paths whose content is binary, which count no lines.
    pub binary: u64,
}

impl DiffStats {
    /// Adds a line of `--numstat`; none where it is not of that form.
    fn add(&mut self, line: &[u8]) -> Option<()> {
        let line = String::from_utf8_lossy(line);
        let mut words = line.splitn(3, '\t');
        let (added, removed) = (words.next()?, words.next()?);
        self.files += 1;
        if added == "-" {
            self.binary += 1;
            return Some(());
        }
        self.insertions += added.parse::<u64>().ok()?;
        self.deletions += removed.parse::<u64>().ok()?;
        Some(())
    }
}

/// A patch as text. Binary files stand in it as a line with both object names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// The patch, in the bytes of the files.
    pub text: Vec<u8>,
    /// True where the text was cut at the cap.
    pub truncated: bool,
}

/// Everything that could differ between machines is pinned.
const PINNED: [&str; 12] = [
    "-r",
    "--no-renames",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--full-index",
    "--inter-hunk-context=0",
    "--diff-algorithm=myers",
    "--indent-heuristic",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--ignore-submodules=none",
];

impl ShadowRepo {
    /// The patch from one tree or commit to another, cut at `cap` bytes.
    pub fn patch(&self, old: &Oid, new: &Oid, cap: usize) -> Result<Patch, GitError> {
        let out = self
            .objects(["diff-tree", "-p", "--unified=3"])
            .args(PINNED)
            .arg(old)
            .arg(new)
            .cap(cap, Overflow::Truncate)
            .run()?;
        Ok(Patch {
            text: out.stdout,
            truncated: out.truncated,
        })
    }

    /// The patch and its counts, of one process or none.
    pub fn patch_and_stats(
        &self,
        old: &Oid,
        new: &Oid,
        cap: usize,
    ) -> Result<(Patch, DiffStats), GitError> {
        const COUNTS_CAP: usize = 32 << 20;
        if old == new {
            let (text, truncated) = (Vec::new(), false);
            return Ok((Patch { text, truncated }, DiffStats::default()));
        }
        if let Some(found) = self.patch_of_whole_files(old, new, cap) {
            return Ok(found);
        }
        let out = self
            .objects(["diff-tree", "--numstat", "-p", "--unified=3"])
            .args(PINNED)
            .arg(old)
            .arg(new)
            .cap(cap + COUNTS_CAP, Overflow::Truncate)
            .run()?;
        // A line of counts each, with the name in one line, then an empty line, then the patch.
        let mut stats = DiffStats::default();
        let mut rest = &out.stdout[..];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line = &rest[..end];
            rest = &rest[end + 1..];
            if line.is_empty() {
                let text = rest[..rest.len().min(cap)].to_vec();
                let truncated = out.truncated || text.len() < rest.len();
                return Ok((Patch { text, truncated }, stats));
            }
            stats.add(line).ok_or_else(|| GitError::Unparsable {
                argv: out.argv.clone(),
                what: "a line count".into(),
            })?;
        }
        if out.truncated {
            return Ok((self.patch(old, new, cap)?, self.stats(old, new)?));
        }
        let (text, truncated) = (Vec::new(), false);
        Ok((Patch { text, truncated }, stats))
    }

    /// Counts files and lines between two trees or commits.
    pub fn stats(&self, old: &Oid, new: &Oid) -> Result<DiffStats, GitError> {
        let out = self
            .objects(["diff-tree", "-z", "--numstat"])
            .args(PINNED)
            .arg(old)
            .arg(new)
            .run()?;
        let mut stats = DiffStats::default();
        let mut fields = NulFields::of(&out);
        while let Some(line) = fields.next() {
            stats.add(line).ok_or_else(|| fields.bad("a line count"))?;
        }
        Ok(stats)
    }
}
