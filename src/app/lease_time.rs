//! The length of a lease that a person or an interactive agent asks for.

use crate::app::error::AppError;
use crate::app::workspace::Workspace;
use crate::base::duration;

/// The length in milliseconds: what is given, as `30m`, else the project's default.
///
/// # Errors
///
/// A text that is no length of time, one of nothing, and a configuration that cannot be read.
pub fn lease_ms(workspace: &Workspace, given: Option<&str>) -> Result<i64, AppError> {
    let length = match given {
        Some(text) => duration::parse(text)?,
        None => workspace.config()?.defaults.ttl,
    };
    match i64::try_from(length.as_millis()) {
        Ok(ms) if ms > 0 => Ok(ms),
        _ => Err(AppError::usage("a lease lasts longer than nothing")),
    }
}
