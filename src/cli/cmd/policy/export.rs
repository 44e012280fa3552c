//! `ai policy export`: decisions, answers and overrides with the policy in force, for somebody who audits them.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::app::exit;
use crate::app::workspace::now;
use crate::base::fs;
use crate::base::text::counted;
use crate::cli::cmd::new_file;
use crate::cli::cmd::policy::log::since;
use crate::cli::context::{Context, Outcome};
use crate::config::Trees;
use crate::ops::policy_export::{self, AuditCounts, AuditLine, ExportOrder};
use crate::ops::{mask_key, overridden, project};
use crate::policy::{self, Shown};
use crate::store::{Access, Flow, Store, StoreError};

#[derive(Args)]
pub(in crate::cli) struct PolicyExportArgs {
    /// Write it to this new file; without it, it goes to standard output
    file: Option<PathBuf>,
    /// With pseudonyms for people, paths and texts, the same in each export of this store
    #[arg(long)]
    masked: bool,
    /// Only records of the last so long, as 7d or 90m
    #[arg(long, value_name = "DURATION")]
    since: Option<String>,
}

pub(super) fn run(args: &PolicyExportArgs, context: &mut Context) -> Outcome {
    let since_ms = args.since.as_deref().map(since).transpose()?;
    let now_ms = now().wall_ms;
    let state = project::policy(context.workspace.root()?, &Trees::none());
    let agents = state.agents().into_iter().map(Some);
    let whose = std::iter::once(None).chain(agents);
    let shown = |agent: Option<&str>| (agent.map(str::to_owned), policy::show(&state, agent));
    let mut policies: Vec<(Option<String>, Shown)> = whose.map(shown).collect();
    let scrub = context.workspace.scrub()?.clone();
    let state_dir = context.workspace.state_dir()?;
    let path = match &args.file {
        Some(file) => Some(new_file::free(&context.workspace.start_dir()?, file)?),
        None => None,
    };
    let store = context.store(Access::Read)?;
    let active = store.read(|tx| overridden::shown(tx, Some(&state.into()), now_ms))?;
    for (_, shown) in &mut policies {
        shown.overrides.clone_from(&active);
    }
    // Of a store that is not there no key is made.
    let key = args.masked.then(|| mask_key::of(&state_dir)).transpose()?;
    let order = ExportOrder {
        since_ms,
        now_ms,
        key: key.as_ref(),
        scrub: &scrub,
        policies,
    };
    let Some(path) = path else {
        store.read(|tx| {
            policy_export::export(tx, &order, &mut |line| {
                Ok(if context.ui.object(&line) {
                    Flow::More
                } else {
                    Flow::Stop
                })
            })
        })?;
        return Ok(exit::OK);
    };
    let counts = write(store, &path, &order)?;
    if context.ui.json() {
        context.ui.object(&AuditLine::End(counts));
    } else {
        context.ui.line(&format!(
            "{}, {}, {}, {}",
            counted(counts.decisions, "decision"),
            counted(counts.answers, "answer"),
            counted(counts.overrides, "override"),
            counted(counts.bypasses, "bypass")
        ));
    }
    Ok(exit::OK)
}

fn write(
    store: &mut dyn Store,
    path: &Path,
    order: &ExportOrder<'_>,
) -> Result<AuditCounts, StoreError> {
    let mut counts = AuditCounts::default();
    fs::write_through(path, |file| -> Result<(), StoreError> {
        counts = store.read(|tx| {
            policy_export::export(tx, order, &mut |line| {
                let text = serde_json::to_string(&line).map_err(|source| StoreError::Row {
                    row: "a line of the export".to_owned(),
                    source: source.into(),
                })?;
                file.line(&text)?;
                Ok(Flow::More)
            })
        })?;
        Ok(())
    })?;
    Ok(counts)
}
