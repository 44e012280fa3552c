//! Trying detected checks before they are written down: on the commit from which the first run
//! would start, in the place where checks run, with the setup that they need.
//!
//! A check that does not pass on the base proves nothing about work that starts there, so it is not
//! taken in. The user's yes to exactly these commands is the trust in them; whoever calls this has
//! it. Nothing is written but logs.

use std::time::Duration;

use crate::config::{
    Check, CheckFamily, CheckStanding, CommandLine, Config, DetectedCheck, StartConfig,
};
use crate::domain::check::{CheckResult, CheckStatus};
use crate::domain::resources::ResourceAmounts;
use crate::git::Oid;
use crate::ops::check;
use crate::ops::error::OpError;
use crate::ops::run::checks::place::Judged;
use crate::ops::run::checks::runner::CheckPlan;
use crate::ops::run::files::CheckLogs;
use crate::ops::run::model::Checked;
use crate::ops::run::origin::origin;
use crate::ops::world::World;

/// Time limit of a check, as in the file that is written.
const LIMIT: Duration = Duration::from_secs(600);

/// A check that was tried.
pub struct TriedCheck {
    /// The check.
    pub check: DetectedCheck,
    /// Its result and its log.
    pub tried: Checked,
}

/// The end of a try.
pub enum Tryout {
    /// There is no commit from which a run could start.
    NoCommit,
    /// The checks were tried on this commit, in this order. What had another way to pass is not
    /// among them.
    On {
        /// The commit.
        commit: Oid,
        /// The tried checks.
        tried: Vec<TriedCheck>,
    },
}

impl TriedCheck {
    /// True where it passed.
    pub fn passed(&self) -> bool {
        self.tried.result.status == CheckStatus::Passed
    }
}

/// Tries detected checks one after the other. Of each family the first that passes is enough.
pub fn try_checks(mut world: World, found: &[DetectedCheck]) -> Result<Tryout, OpError> {
    let repo = world.repo()?;
    let Some(base) = origin(&world, &repo)?.base else {
        return Ok(Tryout::NoCommit);
    };
    let commit = repo.resolve_commit(&base)?;
    let tree = repo.tree_of(&commit)?;
    let mut tried: Vec<TriedCheck> = Vec::new();
    for (number, check) in found.iter().enumerate() {
        if !is_needed(check.family, &tried) {
            continue;
        }
        world.config = alone(check);
        let judged = Judged {
            tree: &tree,
            commit: Some(&commit),
        };
        let plans = CheckPlan::named(&[], &world.config, check.name)?;
        let logs = CheckLogs::of_tryout(&world, number);
        let ended = check::on_tree(&world, &repo, plans, judged, &logs)?;
        tried.extend(ended.into_iter().map(|one| TriedCheck {
            check: check.clone(),
            tried: one,
        }));
    }
    Ok(Tryout::On { commit, tried })
}

/// True where no check of the family has passed yet; a Makefile is tried where none at all has.
fn is_needed(family: CheckFamily, tried: &[TriedCheck]) -> bool {
    let stands_for = |one: &TriedCheck| one.check.family == family || family == CheckFamily::Make;
    !tried.iter().any(|one| one.passed() && stands_for(one))
}

/// The configuration in which a check stands alone.
fn alone(check: &DetectedCheck) -> Config {
    let mut config = Config::default();
    config.checks.push(Check {
        name: check.name.to_owned(),
        run: CommandLine::Shell(check.run.clone()),
        timeout: LIMIT,
        parser: check.parser.clone(),
        report: None,
        required: true,
        resources: ResourceAmounts::default(),
    });
    config.runs.setup = check
        .setup
        .as_deref()
        .map(|setup| CommandLine::Shell(setup.to_owned()));
    config
}

impl Tryout {
    /// The configuration that follows: what passed is in force. Nothing where nothing was tried.
    pub fn config(&self) -> Option<StartConfig> {
        let Tryout::On { commit, tried } = self else {
            return None;
        };
        let standing = |one: &TriedCheck| {
            let commit = commit.short().to_string();
            if one.passed() {
                CheckStanding::Passed(commit)
            } else {
                CheckStanding::LeftOut(commit)
            }
        };
        // One name has one command: a way that failed goes where another one has passed.
        let is_shown = |one: &&TriedCheck| one.passed() || is_needed(one.check.family, tried);
        let checks = tried.iter().filter(is_shown);
        Some(StartConfig {
            checks: checks
                .map(|one| (one.check.clone(), standing(one)))
                .collect(),
            ..StartConfig::default()
        })
    }
}

/// The reason of a check that did not pass, in a line: the result, and the last words of the
/// first failure.
pub fn reason(result: &CheckResult) -> String {
    let said = result.failures.first().and_then(|failure| {
        failure
            .message
            .lines()
            .rfind(|line| !line.trim().is_empty())
    });
    match said {
        Some(line) => format!("{}: {}", result.in_words(), line.trim()),
        None => result.in_words(),
    }
}
