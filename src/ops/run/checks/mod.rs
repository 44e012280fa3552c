//! The checks of a tree: what is run, where, and what must not lead elsewhere.

mod borrowed;
pub mod environment;
pub mod foreign_sources;
pub mod on_base;
pub mod place;
pub mod process;
pub mod project_files;
pub mod python;
pub mod runner;
pub mod scene;
