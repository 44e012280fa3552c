//! Whether a check that failed on some work fails on the base commit, too: then nothing is held
//! against the work (ADR 0030).
//!
//! The base is asked only after a failure, in the place and with the sandbox and the setup of the
//! work's own checks. Its answer is kept for a day, by the tree, the check and what it finds around
//! it, so that the next run on the same base pays nothing. Deliberately absent: the decision, which is
//! [`failure_of`].

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::fs;
use crate::base::hash::sha256_hex;
use crate::domain::aftermath::{FailureOf, failure_of};
use crate::domain::check::{CheckResult, CheckStatus};
use crate::git::{Oid, Repo};
use crate::ops::error::OpError;
use crate::ops::run::checks::place::{CheckPlace, Judged};
use crate::ops::run::checks::runner::{CheckPlan, run_checks};
use crate::ops::run::checks::scene::first_word;
use crate::ops::run::files::CheckLogs;
use crate::ops::run::model::Checked;
use crate::ops::run::sandbox::layer;
use crate::ops::run::sandbox::network::NetworkLeave;
use crate::ops::world::World;
use crate::process::environment::child_environment;
use crate::process::supervise::CancelToken;

/// Below the state directory: what checks said of base commits.
const MEMORY: &str = "base-checks";
/// An answer counts for so long: what a check needs from the machine may come and go unseen.
const KEPT_MS: i64 = 86_400_000;
/// The most answers that are kept, and the largest of them.
const MOST: usize = 256;
const CAP: u64 = 4 << 20;

/// The base commit, and how checks are run on it.
pub(crate) struct BaseCommit<'a> {
    /// The commit.
    pub(crate) commit: &'a Oid,
    /// The place in which the work was checked; free again.
    pub(crate) place: &'a str,
    /// The root of that place, which may stand in what checks print.
    pub(crate) root: PathBuf,
    /// The network that the checks of the work had.
    pub(crate) network: NetworkLeave,
    /// The logs.
    pub(crate) logs: CheckLogs,
    /// The mark of the processes, so that none of them outlives a crash.
    pub(crate) label: &'a str,
}

/// An answer, as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    at_ms: i64,
    root: PathBuf,
    result: CheckResult,
}

impl BaseCommit<'_> {
    /// Judges those of the checks that failed by what they say of the base; `plans` are all checks.
    pub(crate) fn excuse(
        &self,
        world: &World,
        repo: &Repo,
        plans: Vec<CheckPlan>,
        checked: &mut [Checked],
        cancel: &CancelToken,
    ) -> Result<(), OpError> {
        let has_failed = |plan: &CheckPlan| {
            checked.iter().any(|one| {
                one.spec.name == plan.spec.name && one.result.status == CheckStatus::Failed
            })
        };
        let plans: Vec<CheckPlan> = plans.into_iter().filter(has_failed).collect();
        if plans.is_empty() {
            return Ok(());
        }
        let tree = repo.tree_of(self.commit)?;
        for (found, root) in self.answers(world, repo, plans, &tree, cancel)? {
            let failed = checked.iter_mut().find(|one| one.spec.name == found.name);
            if let Some(failed) = failed {
                self.settle(&mut failed.result, &found, &root);
            }
        }
        Ok(())
    }

    /// What the checks say of the base, with the root of the place in which they said it.
    fn answers(
        &self,
        world: &World,
        repo: &Repo,
        plans: Vec<CheckPlan>,
        tree: &Oid,
        cancel: &CancelToken,
    ) -> Result<Vec<(CheckResult, PathBuf)>, OpError> {
        let memory = world.state().join(MEMORY);
        let now_ms = (world.clock)().wall_ms;
        let (mut answers, mut asked) = (Vec::new(), Vec::new());
        for plan in plans {
            let path = memory.join(format!("{}.json", self.key(world, &plan, tree)?));
            match recall(&path, now_ms) {
                Some(kept) => {
                    let (name, words) = (&plan.spec.name, kept.result.in_words());
                    world.say(&format!("check {name}{ON_BASE}: {words}, as before"));
                    answers.push((kept.result, kept.root));
                }
                None => asked.push((plan, path)),
            }
        }
        if asked.is_empty() {
            return Ok(answers);
        }
        let judged = Judged {
            tree,
            commit: Some(self.commit),
        };
        let mut place = CheckPlace::open(world, repo, self.place, judged)?;
        place.network = self.network.clone();
        place.said = ON_BASE;
        let (plans, paths): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
        let found = run_checks(world, &place, plans, &self.logs, self.label, cancel)?;
        fs::create_private_dir(&memory)?;
        forget(&memory, now_ms)?;
        for (one, path) in found.into_iter().zip(paths) {
            let kept = Kept {
                at_ms: now_ms,
                root: place.root.clone(),
                result: one.result,
            };
            let text = serde_json::to_vec(&kept).unwrap_or_default();
            fs::write_private(&path, &text)?;
            answers.push((kept.result, kept.root));
        }
        Ok(answers)
    }

    fn settle(&self, work: &mut CheckResult, base: &CheckResult, root: &Path) {
        let (ours, theirs) = (away_from(work, &self.root), away_from(base, root));
        let commit = self.commit.short();
        match failure_of(&ours, &theirs) {
            FailureOf::Base => {
                let why = format!(
                    "it fails on the base commit {commit}, too, and nothing of the failure is new, so nothing is held \
                     against the work; see `ai check --base`, mend it there and accept the work then, or reject the work \
                     where mending it was the task"
                );
                work.status = CheckStatus::Broken { why };
            }
            FailureOf::Work(Some(told)) => {
                let earlier = work.note.take().map_or(String::new(), |note| note + "; ");
                work.note = Some(format!("{earlier}{told} (base commit {commit})"));
            }
            FailureOf::Work(None) => {}
        }
    }

    /// The name under which an answer is kept: it stands for all on which the answer rests and that
    /// can be seen without asking.
    fn key(&self, world: &World, plan: &CheckPlan, tree: &Oid) -> Result<String, OpError> {
        let runs = &world.config.runs;
        let variables: Vec<String> = child_environment(&world.env, &runs.env_pass, &[])
            .iter()
            .map(|(name, value)| format!("{}={}", name.display(), value.display()))
            .collect();
        let program = first_word(&plan.command_text());
        let program = layer::program_path(&world.env)
            .into_iter()
            .map(|dir| dir.join(&program))
            .find_map(|path| Some((fs::stat(&path).ok()??, path)))
            .map(|(stat, path)| format!("{} {stat:?}", path.display()));
        let parts = (
            tree.as_str(),
            serde_json::to_string(&plan.spec).unwrap_or_default(),
            format!("{:?} {:?}", runs.setup, runs.check_keep),
            (variables, program),
            format!(
                "{:?} {:?} {:?}",
                layer::layer(world, None)?.mode(),
                self.network.word,
                runs.network
            ),
            env!("CARGO_PKG_VERSION"),
        );
        Ok(sha256_hex(
            serde_json::to_string(&parts).unwrap_or_default().as_bytes(),
        ))
    }
}

/// Said behind the name of a check that is asked about the base.
const ON_BASE: &str = " on the base commit";

/// A kept answer that still counts. What cannot be read is asked again.
fn recall(path: &Path, now_ms: i64) -> Option<Kept> {
    let bytes = fs::read_capped(path, CAP).ok()?;
    let kept: Kept = serde_json::from_slice(&bytes).ok()?;
    (0..KEPT_MS)
        .contains(&(now_ms - kept.at_ms))
        .then_some(kept)
}

/// Removes answers that count no more, and the oldest of too many.
fn forget(memory: &Path, now_ms: i64) -> Result<(), OpError> {
    let mut all: Vec<(i64, PathBuf)> = fs::list_dir(memory)?
        .into_iter()
        .map(|path| (fs::modified_ms(&path).unwrap_or(0), path))
        .collect();
    all.sort();
    let spare = all.len().saturating_sub(MOST);
    for (number, (at_ms, path)) in all.iter().enumerate() {
        if number < spare || now_ms - at_ms >= KEPT_MS {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// The result without the place in which it was found: two runs need not have the same.
fn away_from(result: &CheckResult, root: &Path) -> CheckResult {
    let mut result = result.clone();
    let root = root.to_string_lossy();
    for failure in &mut result.failures {
        failure.message = failure.message.replace(root.as_ref(), "PLACE");
        failure.name = failure.name.replace(root.as_ref(), "PLACE");
    }
    result
}
