//! The CLIs of agents whose settings `ai` knows, and what stands in all of these.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::{Outcome, Sandbox, tree};

/// Their words.
pub const CLIS: [&str; 6] = ["claude", "codex", "gemini", "opencode", "copilot", "qwen"];

/// Everything of the user's and of the checkout, without what `ai` and Git keep for themselves.
pub fn bytes(sandbox: &Sandbox) -> BTreeMap<PathBuf, String> {
    let base = sandbox.base();
    let own = [
        sandbox.root().join(".git"),
        sandbox.root().join(".ai"),
        base.join("home/.config/ai"),
    ];
    std::fs::create_dir_all(base.join("home/.config")).unwrap();
    tree(&base, |path| !own.iter().any(|one| one == path))
}

/// The outcome without the path of the program under test.
pub fn shown(mut told: Outcome) -> Outcome {
    told.stdout = told.stdout.replace(env!("CARGO_BIN_EXE_ai"), "[AI]");
    told.stderr = told.stderr.replace(env!("CARGO_BIN_EXE_ai"), "[AI]");
    told
}

/// The state that `ai guard status` or `ai mcp status` tells of a CLI, in the checkout or of the user.
pub fn state(sandbox: &Sandbox, what: &str, (cli, user): (&str, bool)) -> String {
    let all: Vec<Value> = sandbox.ai(&[what, "status", "--json"]).json_lines();
    let one = all
        .iter()
        .find(|one| one["cli"] == cli && one["user"] == user);
    one.unwrap()["state"].as_str().unwrap().to_owned()
}
