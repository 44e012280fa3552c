//! A culprit goes back with the proof, as by `ai reject`, where whoever lands may send work back.

use crate::base::text::counted;
use crate::domain::check::CheckStatus;
use crate::domain::ids::TaskId;
use crate::domain::landing::{Blame, Combination};
use crate::ops::accepted_run;
use crate::ops::error::OpError;
use crate::ops::land::chain::Chain;
use crate::ops::land::check::TreeAsked;
use crate::ops::land::landing_run::LandingRun;
use crate::ops::land::order::Asking;
use crate::ops::land::queue::QueuedWork;
use crate::ops::land::report::SentBackTask;
use crate::ops::run::origin;
use crate::ops::{failpoint, reject};
use crate::store::Store;

/// Most tasks that a note names.
const NAMED: usize = 10;

impl LandingRun<'_> {
    /// Sends a work back. Where that is refused, it stays in review with the reason.
    pub(super) fn send_back(
        &mut self,
        store: &mut dyn Store,
        works: &[QueuedWork<'_>],
        chain: &mut Chain,
        (number, proof, blame): (usize, &Combination, &Blame),
    ) -> Result<(), OpError> {
        let work = works.get(number);
        let work = work.ok_or_else(|| OpError::internal("a work that is not in its batch"))?;
        let note = self.note(works, chain, (work, proof, blame))?;
        let case = &work.case;
        let cx = self.world.cx(&self.world.checkout_policy())?;
        let done = accepted_run::refuse_landed(&self.world.location, store, &case.task.id)
            .and_then(|()| {
                let run = case.run.id.as_str();
                match self.order.asking() {
                    Asking::OnRecord => reject::reject(store, &cx, run, &note),
                    Asking::Silently => reject::reject_silently(store, &cx, run, &note),
                }
            });
        match done {
            Ok(task) => {
                self.at_work
                    .says(&format!("{} goes back: {note}", task.id))?;
                self.report.sent_back.push(SentBackTask {
                    task: task.id,
                    title: task.title,
                    run: case.run.id.clone(),
                    with: partners(works, blame),
                    note,
                });
                failpoint::hit("land-sent-back")?;
                Ok(())
            }
            Err(why @ OpError::Refused(_)) => {
                self.at_work.says(&format!(
                    "{} breaks what would land, and may not be sent back: {note}",
                    case.task.id
                ))?;
                self.report.is_blocked = true;
                self.report.left_out.push(work.left_out(why));
                Ok(())
            }
            Err(other) => Err(other),
        }
    }

    /// The proof in words, for whoever does the work again.
    fn note(
        &self,
        works: &[QueuedWork<'_>],
        chain: &mut Chain,
        (work, proof, blame): (&QueuedWork<'_>, &Combination, &Blame),
    ) -> Result<String, OpError> {
        let Ok(link) = chain.of(works, &proof.0)? else {
            return Err(OpError::internal("a proof that does not fit"));
        };
        let asked = TreeAsked {
            tree: &link.tree,
            commit: link.commit.as_ref(),
            checks: &work.checks,
        };
        let last = self.checks.of(asked).last();
        let failed = last
            .into_iter()
            .flatten()
            .filter(|one| one.spec.required && one.result.status == CheckStatus::Failed);
        let failed: Vec<String> = failed
            .map(|one| {
                let log = one.log.as_ref();
                let log = log.map_or(String::new(), |log| {
                    format!(" (log: {})", self.world.below_state(log))
                });
                format!("{} {}{log}", one.spec.name, one.result.in_words())
            })
            .collect();
        let branch = origin::shown(&work.target);
        let base = match chain.tip() {
            Some(tip) => format!("{branch} at {}", tip.short()),
            None => branch.to_owned(),
        };
        let with = match blame {
            Blame::Alone => "it fails there by itself".to_owned(),
            Blame::With(some) => match named(works, some).as_slice() {
                [one] => format!("it fails only together with {one}"),
                several => format!("it fails only together with one of {}", several.join(", ")),
            },
            Blame::After(some) => format!(
                "it fails on top of {}, which pass without it",
                named(works, some).join(", ")
            ),
        };
        Ok(format!(
            "it does not land on {base}: {}, twice on tree {} and not in this way without it; {with}",
            failed.join("; "),
            link.tree.short()
        ))
    }
}

fn partners(works: &[QueuedWork<'_>], blame: &Blame) -> Vec<TaskId> {
    let (Blame::With(numbers) | Blame::After(numbers)) = blame else {
        return Vec::new();
    };
    let tasks = numbers.iter().filter_map(|number| works.get(*number));
    tasks.map(|one| one.task().clone()).collect()
}

fn named(works: &[QueuedWork<'_>], numbers: &[usize]) -> Vec<String> {
    let tasks = numbers.iter().filter_map(|number| works.get(*number));
    let mut names: Vec<String> = tasks.map(|one| one.task().to_string()).collect();
    if names.len() > NAMED {
        let more = counted(names.len() - NAMED, "other");
        names.truncate(NAMED);
        names.push(more);
    }
    names
}
