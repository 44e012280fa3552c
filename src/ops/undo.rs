//! Taking an accept back: a commit that reverts what landed, on what the target is now, by the same
//! rules by which it came in. The checks pass on the tree that remains, policy and locks are asked,
//! the move is recorded before it is made, and one that was cut off is completed by the next.
//!
//! The task waits for a review of the same run again (ADR 0029). Nothing is taken out of the history:
//! whoever has fetched it keeps what they have.

use std::path::PathBuf;

use crate::domain::action::Action;
use crate::domain::decision::{Judgement, Override};
use crate::domain::event::Event;
use crate::domain::evidence::Evidence;
use crate::domain::ids::TaskId;
use crate::domain::lease::ShownToken;
use crate::domain::run::{Accepting, Run};
use crate::domain::task::{Note, Task};
use crate::git::diff::ChangedPath;
use crate::git::merge::{self, MergeError, MergePlan, Reversal};
use crate::git::repo::{ExpectedRef, RefError};
use crate::git::shadow::ShadowRepo;
use crate::git::{Oid, Repo};
use crate::ops::accepted_run::accepted;
use crate::ops::ask::{self, Question};
use crate::ops::cx::{self, Cx, commit};
use crate::ops::error::{Kept as _, OpError};
use crate::ops::findings::LookAt;
use crate::ops::held_paths::{Touching, TryAgain, paths_of};
use crate::ops::landing::PreparedLanding;
use crate::ops::landing_message::{self, LandingMessage};
use crate::ops::prove::{self, ProofOf, Trial};
use crate::ops::refusal::{Refusal, Thing};
use crate::ops::review::{FileChange, file_changes};
use crate::ops::run::checks::place::Judged;
use crate::ops::run::files::RunDir;
use crate::ops::run::origin::{refuse_branch_of_run, shown};
use crate::ops::run::step::leak::ChangeFacts;
use crate::ops::world::{World, identity};
use crate::ops::{failpoint, fit, judgement, landing, testimony, trust, unsigned};
use crate::store::{Store, Tx};

/// The command for this.
const UNDO: &str = "ai undo";

/// The order to take an accept back.
pub struct UndoOrder<'a> {
    /// The task, or its run, as typed.
    pub typed: &'a str,
    /// The reason why no checks are needed, where they are not.
    pub overridden: Option<&'a str>,
    /// The message of the commit that takes it back, where one was given.
    pub message: Option<&'a str>,
    /// The tokens at hand.
    pub own: &'a [ShownToken],
}

/// An accept that was taken back.
#[derive(Debug)]
pub struct Undone {
    /// The task, in review.
    pub task: Task,
    /// The commit that had landed.
    pub landed: String,
    /// The commit that takes it back.
    pub commit: String,
    /// The branch, by its full name.
    pub target: String,
    /// The checkout whose files were brought along.
    pub updated: Option<PathBuf>,
}

/// The change that an undo would make.
pub struct UndoPreview {
    /// The task, done.
    pub task: Task,
    /// The commit that had landed.
    pub landed: String,
    /// The branch, by its full name.
    pub target: String,
    /// The change to the branch.
    pub changes: Vec<FileChange>,
}

struct Case<'a> {
    world: &'a World,
    order: &'a UndoOrder<'a>,
    repo: &'a Repo,
    shadow: &'a ShadowRepo,
    task: Task,
    run: Run,
    accepted: Accepting,
}

/// Takes the accept of a task back.
pub fn undo(
    world: &World,
    store: &mut dyn Store,
    order: &UndoOrder<'_>,
) -> Result<Undone, OpError> {
    let id = store.read(|tx| cx::resolve(tx, order.typed))?;
    refuse_contradicted(world, store, &id, order.overridden)?;
    let (task, ..) = store.read(|tx| accepted(tx, order.typed))?;
    if order.overridden.is_none() {
        store.read(|tx| fit::require_open_whole(tx, task.parent.as_ref()))?;
    }
    landing::refuse_in_use(store)?;
    let repo = world.repo()?;
    let shadow = ShadowRepo::create(&repo, &world.shadow_dir("undo"))?;
    landing::with_patience(&task, UNDO, || {
        let case = Case::load(world, store, order, (&repo, &shadow))?;
        match &case.run.undoing {
            Some(started) if landing::landed(&repo, started)? => {
                case.complete(store, started, None)
            }
            _ => case.go(store),
        }
    })
}

/// Computes what [`undo`] would do to the branch, and changes nothing.
pub fn preview(
    world: &World,
    store: &mut dyn Store,
    order: &UndoOrder<'_>,
) -> Result<UndoPreview, OpError> {
    let repo = world.repo()?;
    let shadow = ShadowRepo::create(&repo, &world.shadow_dir("undo"))?;
    let case = Case::load(world, store, order, (&repo, &shadow))?;
    let (plan, _) = case.plan()?;
    let changes = file_changes(&repo, case.changed(&plan)?)?;
    Ok(UndoPreview {
        landed: case.accepted.commit,
        target: plan.target,
        task: case.task,
        changes,
    })
}

/// Refuses where rows and log disagree, as for an accept.
fn refuse_contradicted(
    world: &World,
    store: &mut dyn Store,
    task: &TaskId,
    overridden: Option<&str>,
) -> Result<(), OpError> {
    let found = store.read(|tx| testimony::contradictions(tx, task))?;
    match testimony::sentence(task, &found) {
        None => Ok(()),
        Some(why) if overridden.is_some() => {
            world.say(&format!("warning: {why}"));
            Ok(())
        }
        Some(why) => Err(Refusal::NotProven {
            why,
            hint: testimony::LOOK.into(),
        }
        .into()),
    }
}

impl<'a> Case<'a> {
    fn load(
        world: &'a World,
        store: &mut dyn Store,
        order: &'a UndoOrder<'a>,
        (repo, shadow): (&'a Repo, &'a ShadowRepo),
    ) -> Result<Case<'a>, OpError> {
        let (task, run, accepted) = store.read(|tx| accepted(tx, order.typed))?;
        refuse_branch_of_run(Some(&accepted.target))?;
        Ok(Case {
            world,
            order,
            repo,
            shadow,
            task,
            run,
            accepted,
        })
    }

    fn go(&self, store: &mut dyn Store) -> Result<Undone, OpError> {
        let (plan, message) = self.plan()?;
        let changed = self.changed(&plan)?;
        let cx = self.world.cx(&self.world.checkout_policy())?;
        // Before the checks, which may take minutes, and again with what they have proven.
        let question = self.question(&plan, &changed)?;
        let changed = paths_of(&changed);
        let touching = self.touching(&changed);
        commit(store, &cx, |tx, cx| {
            touching.or_refuse(tx, cx)?;
            ask::refused_where_rules_speak(tx, cx, &self.judged())?;
            message.look_ahead(tx, cx)?;
            ask::look_ahead(tx, cx, &question)
        })?;
        landing::look_ahead(self.world, (self.repo, self.shadow), &plan)?
            .map_err(|error| self.not_landed(error))?;
        let evidence = self.prove(&plan)?;
        // From here to the end nobody else lands, so that what is recorded is what is done.
        let alone = landing::alone(self.world)?;
        let tip = self.repo.find_ref(&plan.target)?;
        if tip != plan.old {
            return Err(self.not_landed(overtaken(&plan, tip)));
        }
        let undoing = self.undoing(&plan, &cx);
        let warnings = commit(store, &cx, |tx, cx| {
            accepted(tx, self.order.typed)?;
            touching.or_refuse(tx, cx)?;
            ask::where_rules_speak(tx, cx, &self.judged())?;
            let warnings = message.ask(tx, cx)?;
            ask::or_refuse(tx, cx, question)?;
            self.intend(tx, cx, &evidence, &undoing)?;
            Ok(warnings)
        })?;
        for warning in warnings {
            self.world.say(&format!("warning: {warning}"));
        }
        failpoint::hit("undo-intent")?;
        unsigned::say(self.world, self.repo, &undoing.commit);
        let log = format!("{} {}", merge::UNDO_LOG, self.run.id);
        let on = (self.repo, self.shadow);
        let landing = PreparedLanding {
            plan: &plan,
            log: &log,
            may_land: &|tx| {
                let cx = cx.at(tx.now()?);
                accepted(tx, self.order.typed)?;
                touching.or_refuse(tx, &cx)
            },
        };
        let landed = landing::land_alone(self.world, store, on, &landing, &alone)?;
        let updated = landed.map_err(|error| self.not_landed(error))?.updated;
        failpoint::hit("undo-merged")?;
        let undone = self.complete(store, &undoing, updated)?;
        failpoint::hit("undo-done")?;
        Ok(undone)
    }

    /// The landing, as it is recorded before it is made.
    fn undoing(&self, plan: &MergePlan, cx: &Cx) -> Accepting {
        Accepting {
            target: plan.target.clone(),
            commit: plan.new.to_string(),
            tree: plan.tree.to_string(),
            reworded: None,
            overridden: self.order.overridden.map(|reason| Override {
                by: cx.actor.clone(),
                reason: reason.to_owned(),
                at_ms: cx.now.wall_ms,
            }),
            combined: None,
        }
    }

    /// Computes the commit that takes back what had landed, with its message.
    fn plan(&self) -> Result<(MergePlan, LandingMessage), OpError> {
        let target = &self.accepted.target;
        let name = shown(target);
        let tip = self.repo.find_ref(target)?;
        let tip = tip.ok_or_else(|| Refusal::NotFound {
            what: Thing::Branch,
            id: name.to_owned(),
        })?;
        if !landing::landed(self.repo, &self.accepted)? {
            let short = self.accepted.commit.get(..12).unwrap_or_default();
            return Err(self.gone(format!("commit {short} is not in {name} any more")));
        }
        let (from, to, words) = self.what_landed()?;
        let subject = format!("Revert {}: {}", self.task.id, self.task.title);
        let of = (&self.task, &self.run);
        let words = (subject.as_str(), words.as_str());
        let message = landing_message::worded(self.world, of, self.order.message, words);
        let who = match self.repo.identity()? {
            Some(user) => user,
            None => identity()?,
        };
        let reversal = Reversal {
            target,
            tip: &tip,
            from: &from,
            to: &to,
            message: &message,
            who: &who,
            when_ms: (self.world.clock)().wall_ms,
        };
        match merge::reverse(self.repo, self.shadow, &reversal) {
            Ok(Some(plan)) => Ok((plan, LandingMessage::of(&message, &self.run, UNDO)?)),
            Ok(None) => Err(self.gone(format!("nothing of {} is left in {name}", self.task.id))),
            Err(conflicts @ MergeError::Conflicts { .. }) => Err(Refusal::MergeConflict {
                why: format!(
                    "later changes in {name} stand in the way, and nothing was changed: {conflicts}"
                ),
                hint: format!(
                    "take it back by hand on a branch of your own, by `git revert`; `ai task reopen {}` opens the task again",
                    self.task.id
                ),
            }
            .into()),
            Err(error) => Err(self.not_landed(error)),
        }
    }

    /// The tree with the work and the one without it, as they were when it landed, and the words for
    /// the commit. Only a fast-forward, or a merge by hand, leaves the judged commit itself there.
    fn what_landed(&self) -> Result<(Oid, Oid, String), OpError> {
        let landed = &self.accepted.commit;
        let from = Oid::parse(landed).kept("the commit that landed")?;
        let tree = self.repo.tree_of(&from)?;
        let of_work = [&self.run.commit, &self.accepted.reworded];
        if !of_work.into_iter().flatten().any(|one| one == landed) {
            let before = self.repo.resolve_commit(&format!("{landed}^1"))?;
            let words =
                format!("This reverts commit {landed}, reversing\nchanges made to {before}.");
            return Ok((tree, self.repo.tree_of(&before)?, words));
        }
        let words = format!("This reverts the work up to commit {landed}.");
        match &self.run.base {
            Some(base) => {
                let base = Oid::parse(base).kept("the base of the run")?;
                Ok((tree, self.repo.tree_of(&base)?, words))
            }
            None => Ok((tree, self.shadow.format().empty_tree(), words)),
        }
    }

    /// The branch has nothing that could be taken back.
    fn gone(&self, why: String) -> OpError {
        let hint = format!("`ai task reopen {}` opens the task again", self.task.id);
        Refusal::MergeConflict { why, hint }.into()
    }

    fn not_landed(&self, source: MergeError) -> OpError {
        OpError::Merge {
            task: self.task.id.clone(),
            source: Box::new(source),
        }
    }

    fn changed(&self, plan: &MergePlan) -> Result<Vec<ChangedPath>, OpError> {
        let old = match &plan.old {
            Some(old) => self.repo.tree_of(old)?,
            None => self.shadow.format().empty_tree(),
        };
        Ok(self.shadow.changed_paths(&old, &plan.tree)?)
    }

    /// Runs the checks on the tree that remains.
    fn prove(&self, plan: &MergePlan) -> Result<Vec<Evidence>, OpError> {
        if self.order.overridden.is_some() {
            return Ok(Vec::new());
        }
        let world = self.world;
        trust::require(&world.root, &world.location.common_dir, "the checks")?;
        world.say(&format!(
            "checking the tree of {} without {}",
            shown(&plan.target),
            self.task.id
        ));
        let trial = Trial {
            task: &self.task,
            run: Some(&self.run.id),
            place: "accept",
            judged: Judged {
                tree: &plan.tree,
                commit: Some(&plan.new),
            },
            logs: &RunDir::of(world, &self.run.id).undo_checks(plan.tree.short()),
            label: self.run.id.as_str(),
        };
        prove::on_tree(world, self.repo, &trial)?.passed(&self.task.id, ProofOf::Undo)
    }

    /// The question whether the judgement may be taken back.
    fn judged(&self) -> Question {
        judgement::question(&self.task, &self.run, Judgement::Undone)
    }

    /// The question to the policy: whoever may accept may take it back, but a rule about paths sees
    /// those that change now.
    fn question(&self, plan: &MergePlan, changed: &[ChangedPath]) -> Result<Question, OpError> {
        let action = match self.order.overridden {
            Some(_) => Action::TaskOverride,
            None => Action::TaskAccept,
        };
        let mut question = Question::on_task(action, &self.task);
        question.resource.run = Some(self.run.id.to_string());
        question.resource.branch = Some(plan.target.clone());
        question.resource.patterns.clear();
        question.resource.paths = changed.iter().map(|one| one.path.clone()).collect();
        let old = plan.old.as_ref().unwrap_or(&plan.tree);
        let size = self.shadow.stats(old, &plan.tree)?;
        let look = LookAt {
            repo: self.repo,
            policy: &self.world.checkout_policy(),
            base: plan.old.as_ref().map(Oid::as_str),
        };
        let mut size = ChangeFacts::measure(&look, self.world.redactor(), changed, size)?;
        question.facts.diff_files = Some(changed.len() as u64);
        question.facts.diff_lines = Some(size.lines);
        size.tell_places(&mut question);
        question.facts.findings = size.findings;
        question.facts.moves = size.moves;
        question.facts.change_kinds = Some(changed.iter().map(|one| one.change.letter()).collect());
        Ok(question)
    }

    /// The question whether somebody else holds these paths.
    fn touching<'b>(&'b self, paths: &'b [Vec<u8>]) -> Touching<'b> {
        Touching {
            what: "taking it back",
            again: TryAgain::OnTask(UNDO),
            task: Some(&self.task.id),
            paths,
            kept: self.order.own,
        }
    }

    /// Records what is going to be done together with what proves it.
    fn intend(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        evidence: &[Evidence],
        undoing: &Accepting,
    ) -> Result<(), OpError> {
        cx.record_evidence(tx, evidence)?;
        cx.record(
            tx,
            &Event::UndoStarted {
                run: self.run.id.clone(),
                undoing: undoing.clone(),
            },
        )
    }

    /// The last step: the task waits for a review again.
    fn complete(
        &self,
        store: &mut dyn Store,
        undone: &Accepting,
        updated: Option<PathBuf>,
    ) -> Result<Undone, OpError> {
        let cx = self.world.cx(&self.world.checkout_policy())?;
        let task = commit(store, &cx, |tx, cx| {
            accepted(tx, self.order.typed)?;
            cx.record(
                tx,
                &Event::TaskUndone {
                    task: self.task.id.clone(),
                    run: self.run.id.clone(),
                    undone: undone.clone(),
                    note: Note {
                        at_ms: cx.now.wall_ms,
                        by: cx.actor.clone(),
                        text: self.note(undone),
                    },
                },
            )?;
            cx::load(tx, &self.task.id)
        })?;
        Ok(Undone {
            task,
            landed: self.accepted.commit.clone(),
            commit: undone.commit.clone(),
            target: undone.target.clone(),
            updated,
        })
    }

    fn note(&self, undone: &Accepting) -> String {
        let why = undone.overridden.as_ref();
        let why = why.map_or_else(String::new, |word| format!(": {}", word.reason));
        format!(
            "the accept of run {} was taken back in {}{why}",
            self.run.id,
            shown(&undone.target)
        )
    }
}

/// Somebody else was faster, so that it must be computed again.
fn overtaken(plan: &MergePlan, tip: Option<Oid>) -> MergeError {
    MergeError::Ref(RefError::Conflict {
        name: plan.target.clone(),
        expected: plan
            .old
            .clone()
            .map_or(ExpectedRef::Absent, ExpectedRef::At),
        actual: tip,
    })
}
