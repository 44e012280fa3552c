//! The stash, which an agent shares with whoever works in the repository: what it put there is taken
//! away and kept, what it took from there is put back.
//!
//! The stash is one reference, and its entries are the lines of its log: who added or dropped something
//! since stands on top of that, and stays. An entry is the agent's where its Git wrote it down
//! ([`crate::git::ref_trace`]), or where it names the branch of the run.

use crate::git::moved_refs::{
    MoverGrounds, MoverPlace, RefMove, RefsBefore, is_back, keep, kept_on,
};
use crate::git::repo::{RefError, Repo, STASH, StashEntry};

/// The most stashes of one run that are taken away again.
const MAX_STASHES: usize = 100;

impl RefsBefore {
    /// Undoes what the agent at `place` did to the stash. What it put there is kept on `rescue`, or on
    /// that name with a number. Says what was done; nothing where it did nothing. `one` is the move of
    /// the reference, where it is not where it was.
    pub(super) fn put_stash_right(
        &self,
        repo: &Repo,
        one: Option<&RefMove>,
        place: &MoverPlace<'_>,
        rescue: &str,
    ) -> Result<Option<String>, RefError> {
        let (mut kept, mut of_others) = (Vec::new(), None);
        let (mut now, mut at) = (repo.stashes(), 0);
        while let Some(entry) = now.get(at) {
            let is_new = !self.stashes.contains(entry);
            if !(is_new && is_of_agent(entry, place)) || kept.len() >= MAX_STASHES {
                at += 1;
                continue;
            }
            let name = keep(repo, rescue, &entry.commit)?;
            if !is_of_branch(&entry.said, place.branch) {
                of_others.get_or_insert(name.clone());
            }
            kept.push(name);
            if !repo.drop_stash(at, entry)? {
                // Somebody works on it right now, and what stands where is not known any more.
                break;
            }
            now.remove(at);
        }
        let is_gone = |entry: &&StashEntry| {
            let by_agent =
                place.trace.pruned(&entry.said, &entry.time) || place.trace.cleared(STASH);
            by_agent && !now.contains(entry)
        };
        let lost: Vec<&StashEntry> = self.stashes.iter().rev().filter(is_gone).collect();
        for entry in &lost {
            repo.store_stash(entry)?;
        }
        if kept.is_empty() && lost.is_empty() {
            return Ok(None);
        }
        let mut told = match one {
            Some(one) => {
                let stands = repo.find_ref(STASH)?;
                let is_as_before = stands == one.was;
                let back = is_as_before.then(|| is_back(stands.as_ref()));
                let back = back.unwrap_or("what the agent did there is undone".to_owned());
                format!("{one}; {back}")
            }
            None => {
                format!("{STASH} was changed during the run; what the agent did there is undone")
            }
        };
        match lost.len() {
            0 => {}
            1 => told.push_str(", an entry that it took out is back"),
            many => told.push_str(&format!(", {many} entries that it took out are back")),
        }
        told.push_str(&kept_on(&kept));
        if let Some(name) = of_others {
            told.push_str(&format!(
                "; `git stash apply {name}` brings back what it took from a checkout"
            ));
        }
        Ok(Some(told))
    }
}

fn is_of_agent(entry: &StashEntry, place: &MoverPlace<'_>) -> bool {
    let by_its_words =
        place.grounds == MoverGrounds::TraceAndPlace && is_of_branch(&entry.said, place.branch);
    by_its_words || place.trace.moved(STASH, Some(&entry.commit))
}

/// True for a stash that was made on this branch, by the words that Git gives it.
fn is_of_branch(said: &str, branch: &str) -> bool {
    let last = branch.rsplit('/').next().unwrap_or(branch);
    let on = said.strip_prefix("WIP on ").or(said.strip_prefix("On "));
    let on = on.and_then(|rest| rest.split_once(": ")).map(|(on, _)| on);
    on.is_some_and(|on| on == branch || on == last)
}
