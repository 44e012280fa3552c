//! The version of this program, as it names itself.

/// The version, such as `0.1.0`.
#[cfg(not(feature = "test-fakes"))]
pub fn own() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// The same, or another one where a test asks for it, so that two versions can meet.
#[cfg(feature = "test-fakes")]
pub fn own() -> String {
    use crate::base::env;

    env::text("AI_TEST_VERSION").unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned())
}
