//! Where Python would find what is judged, other than in the judged tree.

pub mod command;
pub mod installed;
pub mod own;
pub mod search;
pub mod sources;
