//! The work of a worktree that was taken up, handed in: judged as the work of a run is, and then
//! waiting for the same review and the same accept. The worktree itself stays as it is.
//!
//! Everything that takes time comes before the store hears of a run; what the checks or the policy
//! refuse leaves the task with its holder.

use std::path::PathBuf;

use crate::base::text;
use crate::domain::action::Action;
use crate::domain::aftermath::CutOffBy;
use crate::domain::check::CheckStatus;
use crate::domain::event::Event;
use crate::domain::lease::{Lease, ShownToken, Token};
use crate::domain::resources::ResourceAmounts;
use crate::domain::run::{Run, RunStep};
use crate::domain::task::Task;
use crate::domain::verdict::{Lifecycle, PolicyVerdict, Verification};
use crate::git::Oid;
use crate::git::diff::DiffStats;
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::OwnState;
use crate::git::worktree::ForeignWorktree;
use crate::ops::ask::{self, Question};
use crate::ops::cx::commit;
use crate::ops::error::OpError;
use crate::ops::findings::LookAt;
use crate::ops::finish::{self, Right};
use crate::ops::held_paths::paths_of;
use crate::ops::hosts::JudgeSlot;
use crate::ops::messages::WorkTip;
use crate::ops::prove::ProofOf;
use crate::ops::refusal::Refusal;
use crate::ops::run::checks::runner::verification;
use crate::ops::run::drive;
use crate::ops::run::files::RunDir;
use crate::ops::run::model::{
    Checked, Findings, KeptWork, Origin, RunCx, RunReport, Started, Taken,
};
use crate::ops::run::recovery::ending;
use crate::ops::run::recovery::liveness::this_process;
use crate::ops::run::step::leak::ChangeFacts;
use crate::ops::run::step::{checks, snapshot, verdict};
use crate::ops::scrub::redact_record;
use crate::ops::signals::Signals;
use crate::ops::worktree::Adoption;
use crate::ops::world::World;
use crate::ops::{lease, trust};
use crate::process::supervise::CancelToken;
use crate::store::Store;

/// Where the checks run, as those of every other `ai task done`.
const PLACE: &str = "done";
/// The connector of a run that `ai` did not start.
const CONNECTOR: &str = "adopted";

/// Judges the work of an adopted worktree under its lease, and puts it up for review. `kept` are
/// the tokens at hand.
pub fn hand_in(
    world: &World,
    store: &mut dyn Store,
    (token, kept): (&Token, &[ShownToken]),
    adoption: &Adoption,
) -> Result<RunReport, OpError> {
    trust::require(&world.root, &world.location.common_dir, "the checks")?;
    let repo = world.repo()?;
    let foreign = ForeignWorktree::find(&repo, &adoption.path, &world.places.pools())?;
    let origin = Origin {
        base: adoption.base.clone(),
        target: adoption.target.clone(),
    };
    let policy = drive::base_policy(world, &repo, &origin)?;
    let cx = world.cx_as(&policy, world.actor.clone())?;
    let right = Right::Token(token);
    let (task, lease) = store.read(|tx| -> Result<(Task, Option<Lease>), OpError> {
        Ok((
            finish::may_end(tx, &cx, &adoption.task, &right)?,
            tx.lease(&token.subject)?,
        ))
    })?;
    lease.ok_or_else(|| Refusal::NoToken(token.subject.to_string()))?;
    let run = run_of(world, adoption)?;
    let started = Started {
        run,
        task,
        token: token.clone(),
        budget: Vec::new(),
    };
    let cancel = CancelToken::new();
    let _signals = Signals::listen(cancel.clone())?;
    let files = RunDir::of(world, &started.run.id);
    files.make()?;
    // The checks take their time.
    commit(store, &cx, |tx, cx| lease::heartbeat(tx, cx, token, None))?;
    let live = RunCx {
        world,
        repo: &repo,
        policy: &policy,
        actor: world.actor.clone(),
        started: &started,
        kept,
        files,
        cancel,
        hosts: JudgeSlot::new(),
    };
    HandIn { live, foreign }.perform(store)
}

struct HandIn<'a> {
    live: RunCx<'a>,
    foreign: ForeignWorktree,
}

impl HandIn<'_> {
    fn perform(&self, store: &mut dyn Store) -> Result<RunReport, OpError> {
        let live = &self.live;
        let (world, run) = (live.world, &live.started.run);
        let shadow = ShadowRepo::create(live.repo, &world.shadow_dir(&run.worktree))?;
        let taken = self.take(&shadow)?;
        let checked = self.checks(&taken)?;
        let (patch, stats) = snapshot::write_patch(live, &shadow, &taken.sealed)?;
        self.refuse(store, &taken, &checked, stats)?;
        let mut remarks = taken.remarks;
        remarks.push(format!(
            "the work was done outside of `ai`, in {}: no log of it and no sandbox around it is known",
            text::path_bytes(self.foreign.path.as_os_str().as_encoded_bytes())
        ));
        remarks.extend(patch.remark());
        self.record_start(store)?;
        let findings = Findings {
            end: None,
            lifecycle: Lifecycle::Finished,
            sealed: taken.sealed,
            changed: taken.changed,
            remarks,
            patch: patch.file,
            stats,
            checked,
        };
        live.step_sealed(store, &findings.sealed)
            .and_then(|()| verdict::finish(live, store, findings))
            .map_err(|error| self.give_back(store, error))
    }

    /// The tree as it stands, and its commit on the run's branch; commits that were made there are
    /// kept.
    fn take(&self, shadow: &ShadowRepo) -> Result<Taken, OpError> {
        let live = &self.live;
        let base_tree = live.base_tree(shadow)?;
        let head = self.foreign.head.commit();
        let stand = match head {
            Some(head) => live.repo.tree_of(head)?,
            None => shadow.format().empty_tree(),
        };
        if self.foreign.has_conflicts(shadow, &base_tree)? {
            let why = format!(
                "{} holds conflicts that are not resolved",
                self.foreign.path.display()
            );
            return Err(Refusal::Conflict {
                why,
                hint: "resolve them there (`git status` names them), then the same command again"
                    .into(),
            }
            .into());
        }
        shadow.adopt(&self.foreign.path, &stand, &base_tree)?;
        let own = OwnState {
            index: &self.foreign.admin.join("index"),
            head,
        };
        let taken = snapshot::take_tree(live, &self.foreign.path, shadow, own)?;
        match taken.sealed.commit {
            Some(_) => Ok(taken),
            None => Err(Refusal::NotProven {
                why: format!("nothing was changed in {}", self.foreign.path.display()),
                hint: format!(
                    "do the work there, then `ai task done {0}`; `ai task release {0}` gives the task back",
                    live.started.task.id
                ),
            }
            .into()),
        }
    }

    fn checks(&self, taken: &Taken) -> Result<Vec<Checked>, OpError> {
        let live = &self.live;
        checks::checks_in(live, PLACE, &taken.sealed).map_err(|error| match live.cancel.reason() {
            Some(_) => Refusal::Interrupted(format!(
                "stopped while the checks of {} ran; nothing was changed",
                live.started.run.id
            ))
            .into(),
            None => error,
        })
    }

    /// Whoever is at work is told what is wrong, and goes on working.
    fn refuse(
        &self,
        store: &mut dyn Store,
        taken: &Taken,
        checked: &[Checked],
        stats: DiffStats,
    ) -> Result<(), OpError> {
        let live = &self.live;
        let verification = verification(checked);
        if matches!(
            verification,
            Verification::Failed | Verification::CheckBroken
        ) {
            let failed = checked
                .iter()
                .filter(|c| c.result.status != CheckStatus::Passed);
            let said: Vec<String> = failed
                .clone()
                .map(|c| {
                    format!(
                        "{} {} (log: {})",
                        c.spec.name,
                        c.result.in_words(),
                        c.log.display()
                    )
                })
                .collect();
            let why = format!(
                "the checks are `{verification}` on {}: {}",
                live.started.task.id,
                said.join("; ")
            );
            let logs: Vec<PathBuf> = failed.map(|c| c.log.clone()).collect();
            let hint = ProofOf::Done.after_failure(&live.started.task.id, &logs);
            return Err(Refusal::NotProven { why, hint }.into());
        }
        let cx = live.cx()?;
        let paths = paths_of(&taken.changed);
        store.read(|tx| verdict::touching(live, &paths).or_refuse(tx, &cx))?;
        let (task, run) = (&live.started.task, &live.started.run);
        // Credentials are looked for with the verdict, where a person can still say yes to them.
        let look = LookAt {
            repo: live.repo,
            policy: cx.policy.state(),
            base: run.base.as_deref(),
        };
        let tip = WorkTip {
            run,
            commit: taken.sealed.commit.as_ref().map(Oid::as_str),
        };
        let work = (tip, &taken.sealed.tree);
        let change = (taken.changed.as_slice(), stats);
        let facts = ChangeFacts {
            credentials: Vec::new(),
            ..ChangeFacts::of_work(&look, live.world.redactor(), change, work)?
        };
        let question = verdict::question(&cx, (task, run), &taken.changed, facts);
        let (policy, mut record) = store.read(|tx| verdict::policy_verdict(tx, &cx, &question))?;
        redact_record(&mut record, live.world.redactor());
        if policy != PolicyVerdict::Deny {
            return Ok(());
        }
        let record = Box::new(record);
        let events = vec![Event::Decided {
            record: record.clone(),
        }];
        commit(store, &cx, |_, _| {
            Err(OpError::recorded(Refusal::Denied(record), events))
        })
    }

    /// From here on the store knows of a run; its verdict follows at once.
    fn record_start(&self, store: &mut dyn Store) -> Result<(), OpError> {
        let (cx, started) = (self.live.cx()?, self.live.started);
        commit(store, &cx, |tx, cx| {
            finish::may_end(tx, cx, &started.task.id, &Right::Token(&started.token))?;
            ask::or_refuse(tx, cx, Question::on_task(Action::TaskDone, &started.task))?;
            cx.record(
                tx,
                &Event::RunStarted {
                    run: Box::new(started.run.clone()),
                },
            )
        })
    }

    fn give_back(&self, store: &mut dyn Store, error: OpError) -> OpError {
        let run = &self.live.started.run;
        let summary = format!(
            "could not be judged: {}",
            self.live.world.redactor().redact_text(&error.to_string())
        );
        let kept = KeptWork::On(format!("refs/heads/{}", run.branch));
        let ended = self.live.cx().and_then(|cx| {
            commit(store, &cx, |tx, cx| {
                ending::end(tx, cx, run, CutOffBy::Person, &summary, &kept)
            })
        });
        ended.err().unwrap_or(error)
    }
}

fn run_of(world: &World, adoption: &Adoption) -> Result<Run, OpError> {
    Ok(Run {
        id: adoption.task.run(adoption.epoch),
        branch: format!("ai/{}/{}", adoption.task, adoption.epoch),
        worktree: adoption.key(),
        task: adoption.task.clone(),
        agent: world.actor.name.to_string(),
        connector: CONNECTOR.to_owned(),
        model: None,
        base: adoption.base.clone(),
        target: adoption.target.clone(),
        supervisor: this_process()?,
        started_ms: adoption.at_ms,
        started: None,
        step: RunStep::Claimed,
        tree: None,
        commit: None,
        resources: ResourceAmounts::default(),
        adopted: None,
        resumed: None,
        used: None,
        routed: None,
        accepting: None,
        undoing: None,
        undone: None,
        end: None,
    })
}
