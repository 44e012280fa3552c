//! Proof by checks: on the tree that an accept would land, and on the tree of a person who says
//! that a task is done.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::{clock, file_lock, hash, text};
use crate::domain::check::CheckStatus;
use crate::domain::evidence::Evidence;
use crate::domain::ids::{RunId, TaskId};
use crate::domain::task::{Proof, Task};
use crate::domain::verdict::Verification;
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::{OwnState, SnapshotLimits, TreeLook};
use crate::git::{Head, Oid, Repo};
use crate::ops::error::OpError;
use crate::ops::findings::LookAt;
use crate::ops::finish::Changed;
use crate::ops::lease::WorkBegun;
use crate::ops::refusal::Refusal;
use crate::ops::run::checks::place::{CheckPlace, Judged};
use crate::ops::run::checks::runner::{CheckPlan, run_checks, verification};
use crate::ops::run::files::CheckLogs;
use crate::ops::run::step::evidence::{Filed, file_check};
use crate::ops::run::step::leak::ChangeFacts;
use crate::ops::signals::Signals;
use crate::ops::trust;
use crate::ops::world::World;
use crate::process::supervise::CancelToken;

/// Looks at a checkout whose index another process still writes, and the time between two.
const LOOKS: u32 = 4;
const BREATH: Duration = Duration::from_millis(50);

/// A tree on trial.
pub struct Trial<'a> {
    /// Whose checks run.
    pub task: &'a Task,
    /// The run that the tree comes from, where it does.
    pub run: Option<&'a RunId>,
    /// Name of the place where the checks run.
    pub place: &'a str,
    /// The tree.
    pub judged: Judged<'a>,
    /// The logs.
    pub logs: &'a CheckLogs,
    /// Marks the processes of the checks, so that none outlives a crash.
    pub label: &'a str,
}

/// The result of the checks.
pub struct ProofFinding {
    /// The combined result.
    pub verification: Verification,
    /// The results of the checks, to be recorded.
    pub evidence: Vec<Evidence>,
    tree: Oid,
    /// One line for each check that did not pass, with the path of its log.
    said: Vec<String>,
    /// These logs.
    logs: Vec<PathBuf>,
}

/// The way to a check, where there is none.
pub const ADD_ONE: &str =
    "write one below `checks:` in .ai/config.yaml, such as {test: {run: make test}}";

/// An act that wants a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofOf {
    /// Taking work over.
    Accept,
    /// The end of a person's work.
    Done,
    /// Taking an accept back.
    Undo,
}

impl ProofOf {
    fn verb(self) -> &'static str {
        match self {
            ProofOf::Accept => "accept",
            ProofOf::Done => "end it",
            ProofOf::Undo => "undo",
        }
    }

    /// The way on where checks have not passed, whose logs these are.
    pub(super) fn after_failure(self, task: &TaskId, logs: &[PathBuf]) -> String {
        let log = logs.first().map(|log| {
            let words = text::shell_words(["tail", "-n", "50", log.to_string_lossy().as_ref()]);
            format!("`{words}` shows the end of its output; ")
        });
        let then = match self {
            ProofOf::Accept => format!("`ai reject {task} --note TEXT` has it done again"),
            ProofOf::Done => format!("mend it, then `ai task done {task}`"),
            ProofOf::Undo => {
                format!("`ai undo {task} --override REASON` takes it back all the same")
            }
        };
        format!("{}{then}", log.unwrap_or_default())
    }
}

impl ProofFinding {
    /// The evidence, where all required checks passed.
    pub fn passed(self, task: &TaskId, of: ProofOf) -> Result<Vec<Evidence>, OpError> {
        match self.verification {
            Verification::Passed => Ok(self.evidence),
            Verification::Unverified => Err(unverified(task, of)),
            other => {
                let tree = self.tree.short();
                let said = self.said.join("; ");
                Err(Refusal::NotProven {
                    why: format!("the checks are `{other}` on tree {tree} of {task}: {said}"),
                    hint: of.after_failure(task, &self.logs),
                }
                .into())
            }
        }
    }
}

/// The refusal of work on which no required check has run.
pub(super) fn unverified(task: &TaskId, of: ProofOf) -> OpError {
    let why = format!(
        "no required check has run on {task}: configure one (checks: in .ai/config.yaml), or {} with --override REASON",
        of.verb()
    );
    let hint = ADD_ONE.into();
    Refusal::NotProven { why, hint }.into()
}

/// Runs the checks of a task on a tree.
pub fn on_tree(world: &World, repo: &Repo, trial: &Trial<'_>) -> Result<ProofFinding, OpError> {
    let plans = CheckPlan::of(trial.task, &world.config)?;
    let tree = trial.judged.tree.clone();
    if plans.is_empty() {
        return Ok(ProofFinding {
            verification: Verification::Unverified,
            evidence: Vec::new(),
            tree,
            said: Vec::new(),
            logs: Vec::new(),
        });
    }
    let place = CheckPlace::open(world, repo, trial.place, trial.judged)?;
    let cancel = CancelToken::new();
    let _signals = Signals::listen(cancel.clone())?;
    let checked = run_checks(world, &place, plans, trial.logs, trial.label, &cancel);
    let checked = checked.map_err(|error| match cancel.reason() {
        Some(_) => Refusal::Interrupted(format!(
            "stopped while the checks of {} ran; nothing was changed",
            trial.task.id
        ))
        .into(),
        None => error,
    })?;
    let name = tree.to_string();
    let filed = Filed {
        task: &trial.task.id,
        run: trial.run,
        tree: Some(&name),
    };
    let mut evidence = Vec::new();
    for check in &checked {
        let answer = (&check.spec, &check.result);
        evidence.push(file_check(world, &filed, answer, &check.log)?);
    }
    let failed = checked
        .iter()
        .filter(|check| check.result.status != CheckStatus::Passed);
    let logs = failed.clone().map(|check| check.log.clone()).collect();
    let said = failed
        .map(|c| {
            format!(
                "{} {} (log: {})",
                c.spec.name,
                c.result.in_words(),
                c.log.display()
            )
        })
        .collect();
    Ok(ProofFinding {
        verification: verification(&checked),
        evidence,
        tree,
        said,
        logs,
    })
}

/// A person's tree, proven.
pub struct Proven {
    /// The proof by which the task is done.
    pub proof: Proof,
    /// The evidence for it.
    pub evidence: Vec<Evidence>,
    /// The measured change.
    pub changed: Changed,
}

/// Proves the tree in which the caller stands: all of it as it is on disk, committed or not, but
/// for what is ignored. `begun` is the begin of the work, where that is known.
pub fn here(world: &World, task: &Task, begun: Option<&WorkBegun>) -> Result<Proven, OpError> {
    trust::require(&world.root, &world.location.common_dir, "the checks")?;
    let Some(top) = &world.location.top else {
        let why = "there is no worktree here whose state could be checked".to_owned();
        return Err(Refusal::Missing {
            why,
            hint: "call it in the worktree that holds the work".into(),
        }
        .into());
    };
    let repo = world.repo()?;
    let (tree, commit) = snapshot(world, &repo, top)?;
    let changed = changed(world, &repo, (&tree, commit.as_ref()), begun)?;
    let mark = format!("{}.{}", task.id, (world.clock)().wall_ms);
    let trial = Trial {
        task,
        run: None,
        place: "done",
        judged: Judged {
            tree: &tree,
            commit: commit.as_ref(),
        },
        logs: &CheckLogs::of_proof(world, &mark),
        label: &mark,
    };
    let evidence = on_tree(world, &repo, &trial)?.passed(&task.id, ProofOf::Done)?;
    let committed = match commit {
        Some(commit) if repo.tree_of(&commit)? == tree => Some(commit.to_string()),
        _ => None,
    };
    Ok(Proven {
        proof: Proof::Verdict {
            tree: tree.to_string(),
            commit: committed,
            run: None,
        },
        evidence,
        changed,
    })
}

/// The change in the worktree where the caller stands, against the start of the work; nothing where
/// there is no worktree. Runs nothing of the repository.
pub fn change_here(world: &World, begun: Option<&WorkBegun>) -> Result<Option<Changed>, OpError> {
    let Some(top) = &world.location.top else {
        return Ok(None);
    };
    let repo = world.repo()?;
    let (tree, commit) = snapshot(world, &repo, top)?;
    changed(world, &repo, (&tree, commit.as_ref()), begun).map(Some)
}

/// Measures the change of the tree against the start of the work.
fn changed(
    world: &World,
    repo: &Repo,
    (tree, head): (&Oid, Option<&Oid>),
    begun: Option<&WorkBegun>,
) -> Result<Changed, OpError> {
    let shadow = ShadowRepo::open(repo, &person_dir(world, &world.location.git_dir))?;
    let start = head
        .map(|head| start(world, repo, head, begun))
        .transpose()?
        .flatten();
    let base = match &start {
        Some(start) => repo.tree_of(start)?,
        None => shadow.format().empty_tree(),
    };
    let stats = shadow.stats(&base, tree)?;
    let paths = shadow.changed_paths(&base, tree)?;
    let look = LookAt {
        repo,
        policy: &world.checkout_policy(),
        base: start.as_ref().map(Oid::as_str),
    };
    let redactor = world.redactor();
    let mut facts = ChangeFacts::measure(&look, redactor, &paths, stats)?;
    if let Some(head) = head.filter(|_| redactor.knows_values() || look.asks_for_secrets()) {
        let known: Vec<Oid> = start.iter().cloned().collect();
        let commits = match &start {
            Some(start) if start == head => Vec::new(),
            _ => repo.commits_beyond(head, &known)?,
        };
        facts.add_commits(&look, redactor, (&commits, tree))?;
    }
    Ok(Changed {
        moves: facts.moves,
        imported: facts.imported,
        kinds: paths.iter().map(|one| one.change.letter()).collect(),
        paths: paths
            .iter()
            .map(|one| one.path.as_bytes().to_vec())
            .collect(),
        lines: facts.lines,
        credentials: facts.credentials,
        findings: facts.findings,
        own: Vec::new(),
    })
}

/// Finds the commit from which the work started: where its branch left the target; on the target
/// itself, where HEAD was when the task was claimed, else the last commit from before that by its date.
fn start(
    world: &World,
    repo: &Repo,
    head: &Oid,
    begun: Option<&WorkBegun>,
) -> Result<Option<Oid>, OpError> {
    let target = match &world.config.defaults.base {
        Some(base) => repo.find_ref(&format!("refs/heads/{base}"))?,
        // That of the main checkout, not of the worktree in which the caller stands.
        None => repo.head_of(repo.common_dir())?.commit().cloned(),
    };
    let fork = target
        .map(|target| repo.merge_base(&target, head))
        .transpose()?
        .flatten();
    if let Some(fork) = fork.filter(|fork| fork != head) {
        return Ok(Some(fork));
    }
    let Some(begun) = begun else {
        return Ok(Some(head.clone()));
    };
    // Dates of commits are what their maker says. A HEAD that was rewritten since counts from where
    // both lines part; one that is gone says nothing.
    let claimed_at = begun.head.as_deref().and_then(|head| Oid::parse(head).ok());
    if claimed_at.as_ref().is_some_and(Oid::is_zero) {
        return Ok(None);
    }
    if let Some(claimed_at) = claimed_at
        && repo.has_object(&claimed_at)?
        && let Some(parted) = repo.merge_base(&claimed_at, head)?
    {
        return Ok(Some(parted));
    }
    Ok(repo.last_before(head, begun.at_ms)?)
}

/// The tree at `top` as it is now, and the commit that HEAD is at there.
pub(crate) fn snapshot(
    world: &World,
    repo: &Repo,
    top: &Path,
) -> Result<(Oid, Option<Oid>), OpError> {
    let git_dir = &world.location.git_dir;
    let dir = person_dir(world, git_dir);
    let shadow = ShadowRepo::open(repo, &dir)?;
    // Commands side by side in one worktree would each begin anew under the other's hands.
    let _alone = file_lock::lock(&dir.with_extension("lock"))?;
    let head = repo.head_of(git_dir)?;
    let commit = Head::commit(&head).cloned();
    let base = match &commit {
        Some(commit) => repo.tree_of(commit)?,
        None => shadow.format().empty_tree(),
    };
    let index = git_dir.join("index");
    let look = || -> Result<_, OpError> {
        shadow.adopt(top, &base, &base)?;
        Ok(shadow.snapshot(&TreeLook {
            root: top,
            base: &base,
            attributes: &base,
            own: Some(OwnState {
                index: &index,
                head: commit.as_ref(),
            }),
            limits: SnapshotLimits::default(),
        })?)
    };
    let mut found = look();
    for _ in 1..LOOKS {
        // A `git` that outlived its `ai`, which was killed, writes the same index for a moment more.
        if found.is_ok() {
            break;
        }
        clock::pause(BREATH);
        found = look();
    }
    let snapshot = found?;
    for left in snapshot.left_behind() {
        world.say(&format!("warning: {left}"));
    }
    Ok((snapshot.tree, commit))
}

/// One shadow for each worktree of a person.
fn person_dir(world: &World, git_dir: &Path) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    let name = hash::sha256_hex(git_dir.as_os_str().as_bytes());
    world.shadow_dir(&format!("person-{}", &name[..16]))
}
