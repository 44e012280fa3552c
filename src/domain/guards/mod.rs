//! Guards: what is looked for in the content of a change, whoever made it.
//!
//! A look is pure: paths and contents in, findings out, each with its guard, its path and its line. It says what is
//! there and never what it means; that is said by the policy (`policy/guards`), which has the findings as a fact.
//!
//! Invariants: the time is in proportion to the content; no finding holds the value of a secret; what moves from one
//! file to another is neither lost nor new.
//!
//! Deliberately absent: languages understood in full. Tests are found by how their frameworks spell them, in
//! text without its comments and strings; whoever wants to deceive the look can.

mod case_tables;
mod change;
mod generated;
mod kind;
mod languages;
mod manifests;
mod masked;
mod secrets;
mod test_file;
mod weakened;

pub use change::{ChangeLook, ChangedFile, SecretSpan, Side, SideNeed, SideNeeds};
pub use generated::GeneratedFiles;
pub use kind::{Guard, GuardFinding};
