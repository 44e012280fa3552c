//! Accepting: only the tree that was judged goes into the target branch, by compare-and-swap, and
//! the task is done by that verdict.
//!
//! Where the target has moved, what would land is another tree than the one that was judged; the
//! checks run on that tree first. The move is recorded before it is made, so that an accept that
//! was cut off is completed by the next one, never done twice.

use std::path::PathBuf;

use crate::config::AcceptMode;
use crate::domain::acceptance::{LandingTree, ProofNeeded, proof_needed};
use crate::domain::action::Action;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::decision::{Effect, Override};
use crate::domain::event::Event;
use crate::domain::evidence::Evidence;
use crate::domain::parts::Ended;
use crate::domain::run::{Accepting, Run};
use crate::domain::task::{Proof, Task};
use crate::domain::trailer::{self, Trailers};
use crate::domain::verdict::PolicyVerdict;
use crate::git::diff::{ChangedPath, DiffStats};
use crate::git::merge::{self, MergeError, MergePlan, MergeProposal, PreparedMerge};
use crate::git::shadow::ShadowRepo;
use crate::git::{Oid, Repo};
use crate::ops::ask::{self, Question};
use crate::ops::cx::{self, Cx, commit};
use crate::ops::error::{Kept as _, OpError};
use crate::ops::prove::{self, Trial};
use crate::ops::refusal::Refusal;
use crate::ops::run::checks::place::Judged;
use crate::ops::run::files::RunDir;
use crate::ops::run::origin::{self, Destination};
use crate::ops::run::step::leak::ChangeFacts;
use crate::ops::run::step::verdict::policy_verdict;
use crate::ops::scrub::redact_record;
use crate::ops::world::{World, identity};
use crate::ops::{evidence, failpoint, fit, landing, testimony, trust, unsigned};
use crate::store::Store;
use crate::store::Tx;

/// Work that was accepted.
#[derive(Debug)]
pub struct Accepted {
    /// The task, done.
    pub task: Task,
    /// The commit that is in the target now.
    pub commit: String,
    /// The branch; absent where the work stays on its own.
    pub target: Option<String>,
    /// The checkout whose files were brought along.
    pub updated: Option<PathBuf>,
}

struct Case<'a> {
    world: &'a World,
    repo: Repo,
    shadow: ShadowRepo,
    task: Task,
    run: Run,
    commit: Oid,
    tree: Oid,
    overridden: Option<&'a str>,
}

/// Accepts the work of a task in review.
pub fn accept(
    world: &World,
    store: &mut dyn Store,
    typed: &str,
    overridden: Option<&str>,
) -> Result<Accepted, OpError> {
    let id = store.read(|tx| cx::resolve(tx, typed))?;
    testimony::require(world, store, &id, overridden)?;
    let (task, run) = store.read(|tx| fit::in_review(tx, typed))?;
    landing::refuse_in_use(store)?;
    let repo = world.repo()?;
    let shadow = ShadowRepo::create(&repo, &world.shadow_dir("accept"))?;
    if let Some(started) = &run.accepting
        && landing::landed(&repo, started)?
    {
        // One of before this was refused; work that stays on its own branch is meant to.
        origin::refuse_branch_of_run(
            Some(started.target.as_str()).filter(|target| *target != own_branch(&run)),
        )?;
        let task = complete(world, store, &task, &run, started)?;
        return Ok(accepted(task, &run, started, None));
    }
    store.read(|tx| fit::require_parts(tx, &task, Ended::by(overridden), ACCEPT))?;
    let (Some(commit), Some(tree)) = (&run.commit, &run.tree) else {
        return Err(Refusal::NotProven(format!(
            "run {} changed nothing, so there is nothing to accept",
            run.id
        ))
        .into());
    };
    let (commit, tree) = (
        Oid::parse(commit).kept("the commit of the run")?,
        Oid::parse(tree).kept("the tree of the run")?,
    );
    let case = Case {
        world,
        repo,
        shadow,
        task,
        run,
        commit,
        tree,
        overridden,
    };
    case.refuse_moved()?;
    case.refuse_tampered(store)?;
    let approved = case.ask_policy(store)?;
    landing::with_patience(&case.task, ACCEPT, || case.go(store, approved.as_deref()))
}

/// The command for this.
const ACCEPT: &str = "ai accept";

impl Case<'_> {
    /// The branch must be where it was judged.
    fn refuse_moved(&self) -> Result<(), OpError> {
        let name = format!("refs/heads/{}", self.run.branch);
        match self.repo.find_ref(&name)? {
            Some(now) if now != self.commit => Err(Refusal::NotProven(format!(
                "branch {} was moved to {} after it was judged at {}; what was judged can no longer be told from what was not",
                self.run.branch,
                now.short(),
                self.commit.short()
            ))
            .into()),
            _ => Ok(()),
        }
    }

    /// The evidence must be what was recorded: whoever reads it later must see what was accepted.
    /// An override is told.
    fn refuse_tampered(&self, store: &mut dyn Store) -> Result<(), OpError> {
        let pieces = store.read(|tx| tx.evidence(Some(&self.task.id), Some(&self.run.id)))?;
        let broken = evidence::broken(&self.world.state(), &pieces);
        if broken.is_empty() {
            return Ok(());
        }
        let why = format!(
            "the evidence of run {} is not what was recorded: {}",
            self.run.id,
            broken.join(", ")
        );
        if self.overridden.is_none() {
            let next = format!(
                "`ai evidence verify {0}` shows it; `ai reject {1}` has it done again",
                self.run.id, self.task.id
            );
            return Err(Refusal::NotProven(format!("{why}; {next}")).into());
        }
        self.world.say(&format!("warning: {why}"));
        Ok(())
    }

    /// Asks again about the [changed paths](ChangedPath), as of now; a person's yes to exactly this
    /// counts. Returns the rule that it was a yes to.
    fn ask_policy(&self, store: &mut dyn Store) -> Result<Option<String>, OpError> {
        let cx = self
            .world
            .cx_as(&self.world.checkout_policy(), self.agent()?)?;
        let changed = self.changed()?;
        let size =
            ChangeFacts::measure(&self.repo, self.world.redactor(), &changed, self.stats()?)?;
        let (verdict, mut record) = policy_verdict(&cx, &self.task, &self.run, &changed, size);
        redact_record(&mut record, self.world.redactor());
        if verdict == PolicyVerdict::Allow {
            return Ok(None);
        }
        if store.read(|tx| ask::approved(tx, &record))? {
            return Ok(Some(record.rule));
        }
        let record = Box::new(record);
        let events = vec![Event::Decided {
            record: record.clone(),
        }];
        let why = match record.effect {
            Effect::RequireApproval => Refusal::NeedsApproval(record),
            _ => Refusal::Denied(record),
        };
        commit(store, &cx, |_, _| Err(OpError::recorded(why, events)))
    }

    fn agent(&self) -> Result<Actor, OpError> {
        Actor::new(ActorKind::Agent, self.run.agent.as_str()).kept("the agent of the run")
    }

    fn not_landed(&self, source: MergeError) -> OpError {
        OpError::Merge {
            task: self.task.id.clone(),
            source: Box::new(source),
        }
    }

    fn base_tree(&self) -> Result<Oid, OpError> {
        match &self.run.base {
            Some(base) => Ok(self
                .repo
                .tree_of(&Oid::parse(base).kept("the base of the run")?)?),
            None => Ok(self.shadow.format().empty_tree()),
        }
    }

    fn changed(&self) -> Result<Vec<ChangedPath>, OpError> {
        Ok(self.shadow.changed_paths(&self.base_tree()?, &self.tree)?)
    }

    fn stats(&self) -> Result<DiffStats, OpError> {
        Ok(self.shadow.stats(&self.base_tree()?, &self.tree)?)
    }

    fn go(&self, store: &mut dyn Store, approved: Option<&str>) -> Result<Accepted, OpError> {
        let landing = self.landing()?;
        let accepting = self.accepting(&landing);
        let tree = Oid::parse(&accepting.tree).kept("the tree that is to land")?;
        let commit_id = Oid::parse(&accepting.commit).kept("the commit that is to land")?;
        let evidence = self.prove(&landing, &tree, &commit_id)?;
        let cx = self.world.cx(&self.world.checkout_policy())?;
        let accepting = Accepting {
            overridden: self.overridden.map(|reason| Override {
                by: cx.actor.clone(),
                reason: reason.to_owned(),
                at_ms: cx.now.wall_ms,
            }),
            ..accepting
        };
        commit(store, &cx, |tx, cx| {
            self.intend(tx, cx, &accepting, &evidence, approved)
        })?;
        failpoint::hit("accept-intent")?;
        let updated = match &landing {
            Landing::Move(plan) => {
                unsigned::say(self.world, &self.repo, &accepting.commit);
                let log = format!("{} {}", merge::ACCEPT_LOG, self.run.id);
                let on = (&self.repo, &self.shadow);
                let landed = landing::land(self.world, store, on, (plan, &log))?;
                landed.map_err(|error| self.not_landed(error))?.updated
            }
            Landing::Stay | Landing::Already(_) => None,
        };
        failpoint::hit("accept-merged")?;
        let task = complete(self.world, store, &self.task, &self.run, &accepting)?;
        failpoint::hit("accept-done")?;
        Ok(accepted(task, &self.run, &accepting, updated))
    }

    /// The state of the target after the landing, under no override yet.
    fn accepting(&self, landing: &Landing) -> Accepting {
        let (target, commit, tree) = match landing {
            Landing::Move(plan) => (plan.target.clone(), &plan.new, &plan.tree),
            Landing::Already(target) => (target.clone(), &self.commit, &self.tree),
            Landing::Stay => (own_branch(&self.run), &self.commit, &self.tree),
        };
        Accepting {
            target,
            commit: commit.to_string(),
            tree: tree.to_string(),
            overridden: None,
        }
    }

    /// Asks, and records what is going to be done together with what proves it: whoever completes
    /// this later needs no second proof.
    fn intend(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        accepting: &Accepting,
        evidence: &[Evidence],
        approved: Option<&str>,
    ) -> Result<(), OpError> {
        let (task, _) = fit::in_review(tx, self.task.id.as_str())?;
        fit::require_parts(tx, &task, Ended::by(self.overridden), ACCEPT)?;
        let action = if self.overridden.is_some() {
            Action::TaskOverride
        } else {
            Action::TaskAccept
        };
        let mut question = Question::on_task(action, &task);
        question.resource.run = Some(self.run.id.to_string());
        question.resource.branch = Some(accepting.target.clone());
        let stats = self.stats()?;
        question.facts.diff_files = Some(stats.files);
        question.facts.diff_lines = Some(stats.insertions + stats.deletions);
        let record = ask::answer(cx, &question);
        if record.effect == Effect::RequireApproval && Some(record.rule.as_str()) == approved {
            // A person has said yes to the same rule about the same work already.
            cx.record(
                tx,
                &Event::Decided {
                    record: Box::new(record),
                },
            )?;
        } else {
            ask::or_refuse(tx, cx, question)?;
        }
        for piece in evidence {
            cx.record(
                tx,
                &Event::EvidenceRecorded {
                    evidence: Box::new(piece.clone()),
                },
            )?;
        }
        cx.record(
            tx,
            &Event::AcceptStarted {
                run: self.run.id.clone(),
                accepting: accepting.clone(),
            },
        )
    }

    /// Finds the change that would land.
    fn landing(&self) -> Result<Landing, OpError> {
        let config = &self.world.config.accept;
        let mode = match config.mode {
            AcceptMode::Branch => return Ok(Landing::Stay),
            AcceptMode::FfOnly => merge::MergeMode::FastForwardOnly,
            AcceptMode::Merge => merge::MergeMode::FastForwardOrMerge,
        };
        let Destination::Branch(target) = origin::destination(config, &self.run) else {
            let why =
                "the run started from a detached HEAD, so there is no branch to accept into".into();
            return Err(Refusal::Missing {
                why,
                hint: "set accept.target in .ai/config.yaml".into(),
            }
            .into());
        };
        origin::refuse_branch_of_run(Some(&target))?;
        let trailers = Trailers {
            task: Some(self.task.id.to_string()),
            run: Some(self.run.id.to_string()),
            agent: Some(self.run.agent.clone()),
        };
        let verb = if self.run.undone.is_some() {
            "Reapply"
        } else {
            "Merge"
        };
        let subject = format!("{verb} {}: {}", self.task.id, self.task.title);
        let message = self
            .world
            .redactor()
            .redact_text(&trailer::message(&subject, "", &trailers));
        let who = match self.repo.identity()? {
            Some(user) => user,
            None => identity()?,
        };
        let when_ms = (self.world.clock)().wall_ms;
        let proposal = MergeProposal {
            target: &target,
            commit: &self.commit,
            mode,
            message: &message,
            who: &who,
            when_ms,
        };
        let on = (&self.repo, &self.shadow);
        match landing::prepare(on, &self.run, &proposal)?.map_err(|error| self.not_landed(error))? {
            PreparedMerge::Ready(plan) => Ok(Landing::Move(plan)),
            PreparedMerge::AlreadyMerged => Ok(Landing::Already(target)),
        }
    }

    /// A passing verdict on exactly `tree`: the run's own where the tree is the same, else one made
    /// now.
    fn prove(&self, landing: &Landing, tree: &Oid, commit: &Oid) -> Result<Vec<Evidence>, OpError> {
        if self.overridden.is_some() {
            return Ok(Vec::new());
        }
        let lands = if *tree == self.tree {
            LandingTree::Judged
        } else {
            LandingTree::Another
        };
        let world = self.world;
        let told = match proof_needed(self.run.end.as_ref().map(|end| &end.cell), lands) {
            ProofNeeded::Nothing => return Ok(Vec::new()),
            ProofNeeded::Impossible => {
                let why = format!("run {} did not come to its end", self.run.id);
                return Err(Refusal::NotProven(why).into());
            }
            ProofNeeded::ChecksAgain => {
                "the checks have not passed on this work; running them again"
            }
            ProofNeeded::ChecksOnLanding => {
                "what would land is another tree than the one that was judged; checking it"
            }
        };
        trust::require(&world.root, &world.location.common_dir, "the checks")?;
        // Better said before minutes of checks than after them.
        if let Landing::Move(plan) = landing {
            let found = landing::look_ahead(world, (&self.repo, &self.shadow), plan)?;
            found.map_err(|error| self.not_landed(error))?;
        }
        world.say(told);
        let trial = Trial {
            task: &self.task,
            run: Some(&self.run.id),
            place: "accept",
            judged: Judged {
                tree,
                commit: Some(commit),
            },
            logs: &RunDir::of(world, &self.run.id).accept_checks(tree.short()),
            label: self.run.id.as_str(),
        };
        prove::on_tree(world, &self.repo, &trial)?.passed(&self.task.id, "accept")
    }
}

/// The way in which the work reaches its target.
enum Landing {
    /// Nowhere: the configuration leaves it on its own branch.
    Stay,
    /// The target has it already.
    Already(String),
    /// Into the target.
    Move(MergePlan),
}

/// The last step: the task is done by what stands in the branch now, under the word that was given
/// when it was begun.
fn complete(
    world: &World,
    store: &mut dyn Store,
    task: &Task,
    run: &Run,
    accepting: &Accepting,
) -> Result<Task, OpError> {
    let cx = world.cx(&world.checkout_policy())?;
    let proof = match &accepting.overridden {
        Some(word) => Proof::Overridden {
            reason: word.reason.clone(),
            by: word.by.clone(),
        },
        None => Proof::Verdict {
            tree: accepting.tree.clone(),
            commit: Some(accepting.commit.clone()),
            run: Some(run.id.clone()),
        },
    };
    commit(store, &cx, |tx, cx| {
        fit::in_review(tx, task.id.as_str())?;
        cx.record(
            tx,
            &Event::TaskDone {
                task: task.id.clone(),
                proof,
            },
        )?;
        cx::load(tx, &task.id)
    })
}

fn accepted(task: Task, run: &Run, accepting: &Accepting, updated: Option<PathBuf>) -> Accepted {
    let target = Some(accepting.target.clone()).filter(|target| *target != own_branch(run));
    Accepted {
        task,
        commit: accepting.commit.clone(),
        target,
        updated,
    }
}

fn own_branch(run: &Run) -> String {
    format!("refs/heads/{}", run.branch)
}
