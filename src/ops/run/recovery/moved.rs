//! References that the agent of a run had moved whose supervisor died: its Git has written them down (ADR 0089), and
//! nobody was left to put them back.
//!
//! Told is what stands where the agent left it; the file goes. Deliberately absent: putting back, for which one would
//! have to know what stood before the run, and who stood there.

use crate::base::fs;
use crate::domain::run::Run;
use crate::git::Repo;
use crate::git::ref_trace::{RefTrace, StandingMove};
use crate::ops::error::OpError;
use crate::ops::run::files::RunDir;

/// So many are told.
const SHOWN: usize = 5;

/// The moves as the end of a sentence, empty where there are none; what they were read from is gone then.
pub(super) fn clause(repo: &Repo, run: &Run, dir: &RunDir) -> Result<String, OpError> {
    let file = dir.ref_trace();
    let trace = RefTrace::read(&file);
    let own = format!("refs/heads/{}", run.branch);
    let mut moves = trace.standing(repo)?;
    // A run writes its branch, and what Git keeps of other repositories is theirs.
    moves.retain(|one| one.name != own && !one.name.starts_with("refs/remotes/"));
    fs::remove_file(&file)?;
    let shown: Vec<String> = moves.iter().take(SHOWN).map(in_words).collect();
    if shown.is_empty() {
        return Ok(String::new());
    }
    let more = match moves.len() - shown.len() {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    Ok(format!(
        "; its agent moved what is not its own, and nobody put it back: {}{more}",
        shown.join("; ")
    ))
}

fn in_words(one: &StandingMove) -> String {
    let name = &one.name;
    match (&one.from, &one.to) {
        (Some(from), Some(to)) => format!(
            "{name} from {} to {} (`git update-ref {name} {from} {to}` puts it back)",
            from.short(),
            to.short()
        ),
        (None, Some(to)) => format!(
            "{name} to {} (`git reflog {name}` tells where it stood)",
            to.short()
        ),
        (Some(from), None) => {
            format!(
                "{name} at {} was deleted (`git update-ref {name} {from}` makes it anew)",
                from.short()
            )
        }
        (None, None) => format!("{name} was deleted"),
    }
}
