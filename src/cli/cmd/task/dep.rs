//! `ai task dep add|rm|tree`

use std::collections::HashSet;

use clap::{Args, Subcommand};

use crate::app::exit;
use crate::base::text::one_line;
use crate::cli::cmd::task::hold::change;
use crate::cli::context::{Context, Outcome};
use crate::domain::ids::TaskId;
use crate::ops::error::OpError;
use crate::ops::{cx, edit};
use crate::store::{Access, Tx};

/// Add, remove and show dependencies
#[derive(Subcommand)]
pub(in crate::cli) enum DepCommand {
    /// Let a task wait for another
    Add(Edge),
    /// End the waiting
    Rm(Edge),
    /// Show what a task waits for, and what that waits for
    Tree(TreeArgs),
}

#[derive(Args)]
pub(in crate::cli) struct Edge {
    /// The task that waits
    id: String,
    /// The task that must be done first
    on: String,
}

#[derive(Args)]
pub(in crate::cli) struct TreeArgs {
    /// The task at the top
    id: String,
}

pub(super) fn run(command: &DepCommand, context: &mut Context) -> Outcome {
    match command {
        DepCommand::Add(edge) => {
            change(context, |tx, cx| edit::add_dep(tx, cx, &edge.id, &edge.on))
        }
        DepCommand::Rm(edge) => change(context, |tx, cx| {
            edit::remove_dep(tx, cx, &edge.id, &edge.on)
        }),
        DepCommand::Tree(args) => tree(args, context),
    }
}

/// One line of the tree.
#[derive(serde::Serialize, schemars::JsonSchema)]
#[schemars(rename = "Node")]
pub(in crate::cli) struct DepTreeNode {
    /// The task.
    id: TaskId,
    /// Steps below the top.
    depth: usize,
    /// The state.
    status: String,
    /// The title.
    title: String,
    /// True where the task stands in the tree already, further up.
    repeated: bool,
}

fn tree(args: &TreeArgs, context: &mut Context) -> Outcome {
    let store = context.store(Access::Read)?;
    let nodes = store.read(|tx| walk(tx, &args.id))?;
    for node in &nodes {
        let more = if context.ui.json() {
            context.ui.object(node)
        } else {
            let again = if node.repeated { "  (see above)" } else { "" };
            let indent = "  ".repeat(node.depth);
            context.ui.line(&format!(
                "{indent}{}  {:<8} {}{again}",
                node.id,
                node.status,
                one_line(&node.title)
            ))
        };
        if !more {
            break;
        }
    }
    Ok(exit::OK)
}

/// The tree in order, walked with a stack of its own: a chain of ten thousand tasks is no danger.
fn walk(tx: &mut dyn Tx, typed: &str) -> Result<Vec<DepTreeNode>, OpError> {
    let top = cx::resolve(tx, typed)?;
    let (mut nodes, mut seen, mut open) = (Vec::new(), HashSet::new(), vec![(top, 0)]);
    while let Some((id, depth)) = open.pop() {
        let task = cx::load(tx, &id)?;
        let repeated = !seen.insert(id.clone());
        nodes.push(DepTreeNode {
            id: id.clone(),
            depth,
            status: task.status_text().into(),
            title: task.title,
            repeated,
        });
        if !repeated {
            open.extend(tx.deps(&id)?.into_iter().rev().map(|on| (on, depth + 1)));
        }
    }
    Ok(nodes)
}
