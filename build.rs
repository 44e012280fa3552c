//! Says where in memory the release binary lies.
//!
//! A position-independent program pays some 80 page faults for relocations at each start, a quarter of a short command (ADR 0014). Who
//! packages `ai` and wants the address of its code to be random builds with `AI_PIE=1`.

use std::env;

#[expect(clippy::disallowed_methods, reason = "Cargo hands a build script its input in the environment")]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=AI_PIE");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let known = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    if known && is("PROFILE", "release") && !is("AI_PIE", "1") {
        println!("cargo::rustc-link-arg-bin=ai=-no-pie");
    }
}
