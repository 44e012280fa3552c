//! The ways around each door of `ai`, and what comes of each: refused, found later, or not seen at all.
//!
//! A row is a way. Most rows are played here: a few words of shell in a fresh copy of one scene (`kit.rs`),
//! whose every record is compared. Others are what a test of another module shows (`elsewhere.rs`).
//! `docs/bypasses.md` is written from the rows (`page.rs`), so a row that is not held to its test, or a
//! test that stands in no row, fails there.
//!
//! What can be done to git, to a shell or to a library stands here as far as it leads past `ai`, by
//! harmless means; weaknesses of theirs have no place here.

mod broken;
mod commits;
mod doors;
mod elsewhere;
mod kit;
mod page;
mod past;
mod pushes;
mod references;
mod server;
