//! The integration tests: the real `ai`, in real repositories, as people and agents use it. One binary, one module a topic.
//!
//! A new module is one file and one `mod` line here. What a test needs to set a scene up is in [`support`]; read its header first.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "tests set up real files and processes, and a scene that cannot be set up must fail loudly"
)]

mod support;

mod connector_manifest;
mod contention;
mod docs;
mod doctor;
mod init;
mod leases;
mod locks;
mod quick_start;
mod repositories;
mod schemas;
#[cfg(feature = "test-fakes")]
mod torture;
mod uninstall;
