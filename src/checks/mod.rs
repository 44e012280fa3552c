//! Verification: find reports, read what checks printed, judge what it means. Nothing is started
//! here.

pub mod foreign;
pub mod judge;
mod missing_program;
pub mod parse;
pub mod reports;
