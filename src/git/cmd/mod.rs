//! The one builder of `git` processes.
//!
//! Invariants: the environment is rebuilt, never inherited (`GIT_*` of a hook or an agent cannot
//! redirect us); no hook, fsmonitor, pager, editor, signature program, prompt, lazy fetch or
//! network transport can start; standard input is closed unless fed; output is captured and capped;
//! `argv` stands in every error. Where a repository's own configuration must not speak at all, the
//! shadow directory (`git::shadow`) is used instead of the repository. Deliberately absent:
//! repository discovery, network commands.

mod builder;
mod parse;
mod program;
mod remembered;
mod run;

pub use builder::{GitCommand, Overflow};
pub use parse::{NulFields, oid_line};
pub use program::{Git, GitVersion, MINIMUM};
pub(in crate::git) use remembered::Answer;
pub use run::GitOutput;
#[cfg(test)]
pub(in crate::git) use run::started_here;
