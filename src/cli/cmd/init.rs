//! `ai init`

use clap::Args;

use crate::cli::cmd::Outcome;
use crate::cli::context::Context;
use crate::cli::exit;
use crate::ops::init::{self, StartFile};

#[derive(Args)]
pub(in crate::cli) struct InitArgs {
    /// The policy to start with
    #[arg(long, value_name = "PACK")]
    policy: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Kept out of Git: the link to the store, the worktrees.
const IGNORE: &str = "# Machine-local: the link to the store in the git directory, and the agents' worktrees.\n/state\n/worktrees/\n";

pub(super) fn run(args: &InitArgs, context: &mut Context) -> Outcome {
    let _ = (args.yes, &args.policy);
    let cx = context.cx()?;
    let files = vec![StartFile { path: ".ai/.gitignore".into(), text: IGNORE.into() }];
    let root = context.root()?.to_owned();
    let common = context.place()?.common_dir.clone();
    let done = init::init(&root, &common, &cx, &files)?;
    if context.ui.json() {
        context.ui.object(&serde_json::json!({ "written": done.written, "kept": done.kept, "new_store": done.new_store }));
    } else {
        for path in &done.written {
            context.ui.line(&format!("wrote {path}"));
        }
        context.ui.line(if done.new_store { "made the task store" } else { "the task store stands" });
    }
    Ok(exit::OK)
}
