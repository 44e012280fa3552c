//! Crashes on purpose, in test builds only: after each step of a run, of an accept and of its undoing, by `kill -9`
//! or by an error. A step can also be stopped at, until somebody lets the process go on.

/// `<step>:kill`, `<step>:error` or `<step>:stop`.
#[cfg(feature = "test-fakes")]
pub const VARIABLE: &str = "AI_TEST_FAILPOINT";

/// The steps after which a crash can be planted.
#[cfg(feature = "test-fakes")]
pub const STEPS: [&str; 35] = [
    "claimed",
    "worktree",
    "prompt",
    "agent",
    "message",
    "snapshot",
    "sealed",
    "checks",
    "evidence",
    "judged",
    "checkout-saved",
    "checkout-entered",
    "checkout-files",
    "checkout-index",
    "checkout-back",
    "accept-intent",
    "accept-locked",
    "accept-files",
    "accept-index",
    "accept-merged",
    "accept-done",
    "land-checked",
    "land-intent",
    "land-merged",
    "land-done",
    "land-sent-back",
    "recurring-created",
    "recurring-done",
    "undo-intent",
    "undo-merged",
    "undo-done",
    "hook-kept",
    "hook-written",
    "hook-placed",
    "hook-removed",
];

/// Crashes where the environment asks for it after `step`.
#[cfg(feature = "test-fakes")]
pub fn hit(step: &'static str) -> Result<(), crate::ops::error::OpError> {
    debug_assert!(STEPS.contains(&step), "{step} is not in the list");
    match crate::base::env::text(VARIABLE) {
        Some(planted) if planted == format!("{step}:kill") => {
            // The kernel ends the process inside this call, as a power cut would.
            let _ = rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::KILL,
            );
            Ok(())
        }
        Some(planted) if planted == format!("{step}:stop") => {
            let _ = rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::STOP,
            );
            Ok(())
        }
        Some(planted) if planted == format!("{step}:error") => {
            Err(crate::ops::refusal::Refusal::Environment(format!("failpoint after {step}")).into())
        }
        _ => Ok(()),
    }
}

/// Nothing is planted in a release build.
#[cfg(not(feature = "test-fakes"))]
pub fn hit(_step: &'static str) -> Result<(), crate::ops::error::OpError> {
    Ok(())
}

/// Panics where the environment asks for it at `step`.
#[cfg(feature = "test-fakes")]
pub fn panic_at(step: &'static str) {
    if crate::base::env::text(VARIABLE) == Some(format!("{step}:panic")) {
        std::panic::panic_any("planted");
    }
}

/// Nothing is planted in a release build.
#[cfg(not(feature = "test-fakes"))]
pub fn panic_at(_step: &'static str) {}

/// A shorter silence than minutes can say, where a test asks for one in milliseconds.
#[cfg(feature = "test-fakes")]
pub fn silence() -> Option<std::time::Duration> {
    let ms = crate::base::env::text("AI_TEST_SILENCE_MS")?.parse().ok()?;
    Some(std::time::Duration::from_millis(ms))
}

/// A release build knows minutes.
#[cfg(not(feature = "test-fakes"))]
pub fn silence() -> Option<std::time::Duration> {
    None
}
