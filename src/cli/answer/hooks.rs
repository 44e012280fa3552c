//! What `ai hooks` prints.

use schemars::JsonSchema;
use serde::Serialize;

/// The answer to a hook of Git that lets it pass.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct HookAnswer<'a> {
    /// The hook.
    pub hook: &'a str,
    /// The decisions that were recorded.
    pub decisions: Vec<&'a str>,
    /// Warnings of the policy.
    pub warnings: Vec<String>,
}
