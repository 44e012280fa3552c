//! Taking an export in. A store in which nothing has happened becomes the exported one, log and
//! all; any other takes over the tasks that it does not have. All of it in one transaction: an
//! export that is wrong anywhere changes nothing.

mod intake;
mod merge;
mod read;
mod report;
mod reproduce;

pub use intake::{Intent, import};
pub use report::{ImportReport, Renamed};

#[cfg(test)]
mod tests;
