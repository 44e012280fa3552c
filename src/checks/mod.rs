//! Verification: find reports, read what checks printed, judge what it means. Nothing is started
//! here.

pub mod foreign;
pub mod judge;
pub mod parse;
pub mod reports;
