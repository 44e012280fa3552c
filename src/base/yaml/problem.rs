//! The problems of a file, each with its place.

use crate::base::text;
use crate::base::yaml::excerpt::excerpt;
use std::fmt;
use std::sync::Arc;

/// So many problems of a file are shown with their lines.
const EXCERPTS: usize = 20;

/// A position in a file; lines and columns count from one, columns in characters. Line zero means
/// the file as a whole.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    schemars::JsonSchema,
)]
#[schemars(rename = "Place")]
pub struct SourcePlace {
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
#[schemars(rename = "Problem")]
pub struct YamlProblem {
    /// The place.
    pub place: SourcePlace,
    /// The fault, safe to show.
    pub message: String,
    /// The text to write instead, where that is known.
    pub hint: Option<String>,
}

impl YamlProblem {
    /// A problem at a place.
    pub fn new(place: SourcePlace, message: impl AsRef<str>) -> Self {
        Self {
            place,
            message: text::one_line(message.as_ref()),
            hint: None,
        }
    }

    /// Adds what to write instead.
    pub fn hint(mut self, hint: impl AsRef<str>) -> Self {
        self.hint = Some(text::one_line(hint.as_ref()));
        self
    }
}

impl fmt::Display for YamlProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SourcePlace { line, column } = self.place;
        if line > 0 {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Everything that is wrong with one file; displays as one `file:line:column: message` a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlProblems {
    /// The file as the user knows it, such as `.ai/policy.yaml`.
    pub file: String,
    /// The problems in the order of the file; never empty.
    pub list: Vec<YamlProblem>,
    seen: Box<SeenFile>,
}

/// The file as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct SeenFile {
    /// The text, where it is at hand.
    source: Option<Arc<str>>,
    /// The version, where it is not the one on the disk: `at HEAD (1e1a5ed)`.
    version: Option<Arc<str>>,
}

impl YamlProblems {
    /// Problems of `file`, put into the order of the file.
    pub fn new(file: &str, mut list: Vec<YamlProblem>) -> Self {
        list.sort();
        list.dedup();
        Self {
            file: file.to_owned(),
            list,
            seen: Box::default(),
        }
    }

    /// The same problems, of a version of the file that is not the one on the disk, as `at HEAD (1e1a5ed)`:
    /// whoever looks for the line has to know where.
    pub fn of_version(mut self, version: Option<Arc<str>>) -> Self {
        self.seen.version = version;
        self
    }

    /// The version of the file in words, where it is not the one on the disk.
    pub fn version(&self) -> Option<&str> {
        self.seen.version.as_deref()
    }

    /// The name of the file with its version.
    pub fn named(&self) -> String {
        match self.version() {
            Some(version) => format!("{} {version}", self.file),
            None => self.file.clone(),
        }
    }

    /// The same problems, with the bytes in which they were found: people see the lines.
    pub fn within(mut self, bytes: &[u8]) -> Self {
        self.seen.source = Some(String::from_utf8_lossy(bytes).into());
        self
    }

    /// A single problem of the file as a whole, such as that it cannot be read.
    pub fn whole(file: &str, message: impl AsRef<str>) -> Self {
        Self::new(
            file,
            vec![YamlProblem::new(SourcePlace::default(), message)],
        )
    }

    /// All problems for people: a line each, and the line of the file below it with a caret at the
    /// place, in so many cells.
    pub fn shown(&self, room: usize) -> Vec<String> {
        let with_line = |(at, problem): (usize, &YamlProblem)| {
            let line = (at < EXCERPTS).then(|| self.excerpt(problem, room));
            let line = line.flatten().into_iter().flatten();
            std::iter::once(self.line(problem)).chain(line).collect()
        };
        let all = self.list.iter().enumerate();
        all.flat_map::<Vec<String>, _>(with_line).collect()
    }

    /// The line of the first problem with a caret at the place, in so many cells.
    pub fn first_line(&self, room: usize) -> Vec<String> {
        let first = self.list.first();
        let lines = first.and_then(|problem| self.excerpt(problem, room));
        lines.into_iter().flatten().collect()
    }

    fn excerpt(&self, problem: &YamlProblem, room: usize) -> Option<[String; 2]> {
        excerpt(self.seen.source.as_deref()?, problem.place, room)
    }

    /// The first problem and how many more there are, on one line.
    pub fn summary(&self) -> String {
        match self.list.as_slice() {
            [] => format!("{}: unusable", self.named()),
            [only] => self.line(only),
            [first, rest @ ..] => format!("{} (and {} more)", self.line(first), rest.len()),
        }
    }

    fn line(&self, problem: &YamlProblem) -> String {
        let SourcePlace { line, column } = problem.place;
        let at = if line > 0 {
            format!(":{line}:{column}")
        } else {
            String::new()
        };
        let hint = problem
            .hint
            .as_ref()
            .map(|hint| format!("; {hint}"))
            .unwrap_or_default();
        let version = self
            .version()
            .map_or_else(String::new, |one| format!(" {one}"));
        format!("{}{at}{version}: {}{hint}", self.file, problem.message)
    }
}

impl fmt::Display for YamlProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.list.iter().enumerate() {
            let separator = if i > 0 { "\n" } else { "" };
            write!(f, "{separator}{}", self.line(problem))?;
        }
        Ok(())
    }
}

impl std::error::Error for YamlProblems {}
