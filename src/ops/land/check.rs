//! Checks of combined trees. An answer counts for the tree that gave it, and for no other; the definitions of the
//! checks stand still while a landing lasts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::domain::check::{CheckResult, CheckSpec};
use crate::domain::evidence::Evidence;
use crate::domain::ids::{RunId, TaskId};
use crate::git::{Oid, Repo};
use crate::ops::error::OpError;
use crate::ops::failpoint;
use crate::ops::refusal::Refusal;
use crate::ops::run::checks::place::{CheckPlace, Judged};
use crate::ops::run::checks::runner::{CheckPlan, run_checks};
use crate::ops::run::files::CheckLogs;
use crate::ops::run::step::evidence::{Filed, file_check};
use crate::ops::signals::Signals;
use crate::ops::trust;
use crate::ops::world::World;
use crate::process::supervise::CancelToken;

/// The place of checks in which an accept checks, too.
const PLACE: &str = "accept";

/// The result of one check on a tree.
#[derive(Clone)]
pub(super) struct TreeCheck {
    /// The check.
    pub(super) spec: CheckSpec,
    /// The result.
    pub(super) result: CheckResult,
    /// The log; none where it is filed already as evidence of the run.
    pub(super) log: Option<PathBuf>,
}

/// A tree and the checks that are asked about it.
#[derive(Clone, Copy)]
pub(super) struct TreeAsked<'a> {
    pub(super) tree: &'a Oid,
    pub(super) commit: Option<&'a Oid>,
    pub(super) checks: &'a [String],
}

/// The checks that ran in this landing.
pub(super) struct TreeChecks<'a> {
    world: &'a World,
    repo: &'a Repo,
    /// A name for this landing.
    mark: i64,
    runs: usize,
    known: BTreeMap<(String, Vec<String>), Vec<Vec<TreeCheck>>>,
}

impl<'a> TreeChecks<'a> {
    pub(super) fn new(world: &'a World, repo: &'a Repo) -> TreeChecks<'a> {
        TreeChecks {
            world,
            repo,
            mark: (world.clock)().wall_ms,
            runs: 0,
            known: BTreeMap::new(),
        }
    }

    /// Times that checks ran.
    pub(super) fn runs(&self) -> usize {
        self.runs
    }

    /// The answers for a tree, in their order.
    pub(super) fn of(&self, asked: TreeAsked<'_>) -> &[Vec<TreeCheck>] {
        let key = (asked.tree.to_string(), asked.checks.to_vec());
        self.known.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Takes what is known of a tree without a run in this landing.
    pub(super) fn learn(&mut self, asked: TreeAsked<'_>, checks: Vec<TreeCheck>) {
        let key = (asked.tree.to_string(), asked.checks.to_vec());
        self.known.entry(key).or_default().push(checks);
    }

    /// The answer of this number, counted from 0; runs the checks where there are not so many yet.
    pub(super) fn answer(
        &mut self,
        asked: TreeAsked<'_>,
        number: usize,
    ) -> Result<Vec<TreeCheck>, OpError> {
        while self.of(asked).len() <= number {
            let checks = self.run(asked)?;
            self.learn(asked, checks);
        }
        let answer = self.of(asked).get(number).cloned();
        answer.ok_or_else(|| OpError::internal("an answer that was just learnt is gone"))
    }

    fn run(&mut self, asked: TreeAsked<'_>) -> Result<Vec<TreeCheck>, OpError> {
        let world = self.world;
        trust::require(&world.root, &world.location.common_dir, "the checks")?;
        let plans = CheckPlan::named(asked.checks, &world.config, "a task that is to land")?;
        self.runs += 1;
        let logs = CheckLogs::of_landing(world, self.mark, self.runs);
        let cancel = CancelToken::new();
        let _signals = Signals::listen(cancel.clone())?;
        let judged = Judged {
            tree: asked.tree,
            commit: asked.commit,
        };
        let place = CheckPlace::open(world, self.repo, PLACE, judged)?;
        let label = format!("land.{}", self.mark);
        let checked = run_checks(world, &place, plans, &logs, &label, &cancel);
        let checked = checked.map_err(|error| match cancel.reason() {
            Some(_) => {
                let why = "stopped while the checks of a landing ran; nothing more was changed";
                Refusal::Interrupted(why.into()).into()
            }
            None => error,
        })?;
        failpoint::hit("land-checked")?;
        let checked = checked.into_iter().map(|one| TreeCheck {
            spec: one.spec,
            result: one.result,
            log: Some(one.log),
        });
        Ok(checked.collect())
    }

    /// The evidence of a task for the answer by which its tree has passed; none where that is filed
    /// with its run.
    pub(super) fn evidence(
        &self,
        asked: TreeAsked<'_>,
        (task, run): (&TaskId, &RunId),
    ) -> Result<Vec<Evidence>, OpError> {
        let tree = asked.tree.to_string();
        let filed = Filed {
            task,
            run: Some(run),
            tree: Some(&tree),
        };
        let mut all = Vec::new();
        // Of a tree with both answers, the failure stands beside the pass.
        for one in self.of(asked).iter().flatten() {
            let Some(log) = &one.log else { continue };
            all.push(file_check(
                self.world,
                &filed,
                (&one.spec, &one.result),
                log,
            )?);
        }
        Ok(all)
    }
}

/// The results that decide: those of the required checks.
pub(super) fn required(checks: &[TreeCheck]) -> Vec<CheckResult> {
    let required = checks.iter().filter(|one| one.spec.required);
    required.map(|one| one.result.clone()).collect()
}
