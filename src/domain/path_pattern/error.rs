//! Why a path pattern was refused, and what to write in its place.

use crate::base::text;

/// Length of a refused pattern that an error repeats, in characters.
const SHOWN: usize = 80;

/// A pattern that was refused, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("path pattern `{pattern}` {fault}")]
pub struct PatternError {
    /// The pattern as it was given, shortened and safe to print.
    pub pattern: String,
    /// The fault.
    pub fault: PatternFault,
}

/// The fault of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternFault {
    /// Nothing but white space, or nothing at all.
    #[error("is empty")]
    Empty,
    /// The repository itself, where a path in it is asked for.
    #[error("is the whole repository, and no path in it")]
    Whole,
    /// More bytes than any path has.
    #[error("is {bytes} bytes long; the limit is {limit}")]
    TooLong {
        /// The length in bytes.
        bytes: usize,
        /// The longest accepted length in bytes.
        limit: usize,
    },
    /// A NUL, which no path can hold.
    #[error("contains a NUL byte")]
    Nul,
    /// A backslash, which means an escape to some and a separator to others.
    #[error("contains a backslash")]
    Backslash,
    /// A leading `/` or drive letter.
    #[error("is absolute; patterns are relative to the repository root")]
    Absolute,
    /// A leading `~`.
    #[error("starts with `~`; patterns are relative to the repository root")]
    Home,
    /// A leading `!`.
    #[error("starts with `!`; a lock cannot exclude paths")]
    Negated,
    /// A `..` component.
    #[error("contains `..`")]
    Parent,
    /// White space at one end.
    #[error("starts or ends with white space")]
    OuterSpace,
    /// `[` without `]`.
    #[error("has a `[` without its `]`")]
    UnclosedClass,
    /// A `/` or a `[:name:]` inside `[...]`.
    #[error("has a character class with `{found}` in it")]
    ClassContent {
        /// The offending text.
        found: &'static str,
    },
    /// A range that runs backwards.
    #[error("has a character range that runs backwards: `{from}-{to}`")]
    BackwardRange {
        /// The start.
        from: char,
        /// The end.
        to: char,
    },
    /// `{` without `}`, or the other way round.
    #[error("has a `{{` or `}}` without its partner")]
    UnbalancedBrace,
    /// A combining mark that has no letter to stand on.
    #[error("has the combining mark U+{code:04X} apart from its letter")]
    LooseMark {
        /// The mark's code point.
        code: u32,
    },
    /// More states, nesting or characters than a pattern may need.
    #[error("is too complex ({what})")]
    TooComplex {
        /// The limit that was hit.
        what: &'static str,
    },
    /// No valid path can match.
    #[error("matches no possible path")]
    MatchesNothing,
    /// `@name` where modules are not expanded.
    #[error("names a module where only paths are accepted")]
    ModuleNotExpanded,
    /// `@name` without such a module.
    #[error("names an unknown module; known: {known}")]
    UnknownModule {
        /// The modules there are, comma separated, or `none`.
        known: String,
    },
    /// A module without patterns.
    #[error("names a module that lists no patterns")]
    EmptyModule,
    /// A pattern inside a module is at fault.
    #[error("lists a bad pattern: {inner}")]
    InModule {
        /// The fault of the inner pattern.
        inner: Box<PatternError>,
    },
}

impl PatternError {
    /// Joins a fault with the pattern that has it.
    pub(super) fn new(pattern: &str, fault: PatternFault) -> Self {
        let mut shown: String = pattern.chars().take(SHOWN).collect();
        if shown.len() < pattern.len() {
            shown.push('…');
        }
        Self {
            pattern: text::one_line(&shown),
            fault,
        }
    }

    /// Returns what to write in place of the refused pattern, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        self.fault.hint()
    }
}

impl PatternFault {
    /// Returns what to write in place of the refused pattern, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Empty => Some("write `.` for the whole repository"),
            Self::Whole => Some("name paths in it; `ai lock list` shows every lock"),
            Self::Backslash => Some(
                "separate names with `/`; write `[*]` for a literal `*`, and `?` for a backslash that is part of a name",
            ),
            Self::Absolute | Self::Parent => {
                Some("name the path from the repository root, such as `src/auth`")
            }
            Self::Home => {
                Some("name the path from the repository root; write `[~]` for a literal `~`")
            }
            Self::Negated => Some("list the paths to lock; write `[!]` for a literal `!`"),
            Self::UnclosedClass => Some("write `[[]` for a literal `[`"),
            Self::ClassContent { .. } => {
                Some("write alternatives as `{a,b/c}` and ranges as `[a-z]`")
            }
            Self::LooseMark { .. } => {
                Some("write the accented letters out as alternatives, such as `{é,è}`")
            }
            Self::TooComplex { .. } => Some("give several simpler patterns"),
            Self::ModuleNotExpanded => {
                Some("write `[@]name` for a file whose name starts with `@`")
            }
            Self::UnknownModule { .. } => Some(
                "define it under `modules` in .ai/config.yaml, or write `[@]name` for a file of that name",
            ),
            Self::InModule { inner } => inner.hint(),
            _ => None,
        }
    }
}
