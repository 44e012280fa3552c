//! What a guess is, and the looks at files that guesses are made of.

use std::borrow::Cow;
use std::path::Path;

use crate::base::fs;
use crate::domain::check::CheckParser;

/// The largest file that is looked into, in bytes.
const LOOK: u64 = 1 << 20;

/// The part of a repository that a check proves. Several checks of one family are ways to the same
/// proof: the first that passes is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckFamily {
    /// Cargo's tests.
    Rust,
    /// The test script of package.json.
    Node,
    /// Tests in Python.
    Python,
    /// Go's tests.
    Go,
    /// A build system for C and its kin.
    Native,
    /// A Makefile, which mostly calls the others: tried where nothing else has passed.
    Make,
}

/// A check that would suit the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectedCheck {
    /// The family.
    pub family: CheckFamily,
    /// The name.
    pub name: &'static str,
    /// The shell line.
    pub run: String,
    /// The parser of its output.
    pub parser: CheckParser,
    /// The file that gave it away.
    pub because: String,
    /// The command that installs what it needs into a fresh directory.
    pub setup: Option<Cow<'static, str>>,
}

impl DetectedCheck {
    /// A check that needs no setup and is told by its exit code.
    pub(super) fn new(family: CheckFamily, name: &'static str, run: &str, because: &str) -> Self {
        Self {
            family,
            name,
            run: run.to_owned(),
            parser: CheckParser::Auto,
            because: because.to_owned(),
            setup: None,
        }
    }
}

/// The content of a file at the root, if it can be read.
pub(super) fn content(root: &Path, name: &str) -> Option<String> {
    fs::read_text(&root.join(name), LOOK).ok()
}

/// The first of these files that is there.
pub(super) fn first_file(root: &Path, names: &[&'static str]) -> Option<&'static str> {
    names.iter().find(|name| root.join(name).is_file()).copied()
}
