//! Long random stories through the operations, on a real store under a turned clock: after each
//! step the tables make sense, at the end they are the fold of the log.

use proptest::prelude::*;

use crate::domain::actor::{Actor, ActorKind};
use crate::domain::event::{AttemptCount, Event, FollowUp, TaskEdit};
use crate::domain::ids::{RunId, TaskId};
use crate::domain::lease::{ShownToken, Token, TokenReach, fence};
use crate::domain::path_lock::LockMode;
use crate::domain::path_pattern::overlap;
use crate::domain::task::{BlockReason, Hold, LockRequest, Note, Proof, Task, TaskState};
use crate::ops::claim::{self, Which};
use crate::ops::create::{self, NewTask};
use crate::ops::error::OpError;
use crate::ops::finish::{self, Ending, Right};
use crate::ops::testing::World;
use crate::ops::{edit, lease, lock, log, testimony};
use crate::store::contract::counted;
use crate::store::memory::MemoryTables;
use crate::store::testing::{ann, ended, pattern, run};

/// Things that meet and things that do not.
const PATTERNS: [&str; 6] = [
    "src/", "src/a.rs", "src/*.rs", "docs/**", "**/*.md", "lib/x",
];
const TTL: i64 = 1_000;

#[derive(Clone, Debug)]
pub(super) enum Step {
    Create {
        deps: Vec<usize>,
        paths: Vec<usize>,
        held: bool,
        priority: u8,
    },
    CreateTwo {
        ring: bool,
    },
    Claim(usize),
    ClaimNext,
    Heartbeat(usize),
    Checkpoint(usize),
    Release(usize),
    Handoff(usize),
    Fail(usize),
    Done(usize),
    DoneUnclaimed(usize),
    StartRun(usize),
    EndRun(usize, End),
    Reject(usize),
    Hold(usize),
    Unhold(usize),
    Cancel(usize),
    Retry(usize),
    Reopen(usize),
    Edit(usize, usize),
    NotBefore(usize, i64),
    AddDep(usize, usize),
    RemoveDep(usize, usize),
    Lock(usize, LockMode),
    Unlock(usize),
    Pass(i64),
    Boot,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Review,
    Requeue,
    Lapse,
    Hold,
    Fail,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let n = || 0..8usize;
    let end = prop_oneof![
        Just(End::Review),
        Just(End::Requeue),
        Just(End::Lapse),
        Just(End::Hold),
        Just(End::Fail)
    ];
    let mode = prop_oneof![Just(LockMode::Exclusive), Just(LockMode::Shared)];
    let few = |most| prop::collection::vec(0..8usize, 0..most);
    let create = (few(3), few(2), prop::bool::weighted(0.1), 0..5u8).prop_map(
        |(deps, paths, held, priority)| Step::Create {
            deps,
            paths,
            held,
            priority,
        },
    );
    let on_tasks = prop_oneof![
        4 => n().prop_map(Step::Claim),
        1 => n().prop_map(Step::DoneUnclaimed),
        1 => n().prop_map(Step::Reject),
        1 => n().prop_map(Step::Hold),
        2 => n().prop_map(Step::Unhold),
        1 => n().prop_map(Step::Cancel),
        2 => n().prop_map(Step::Retry),
        2 => n().prop_map(Step::Reopen),
        1 => (n(), n()).prop_map(|(task, path)| Step::Edit(task, path)),
        1 => (n(), prop_oneof![Just(0), 0..2_000i64]).prop_map(|(task, ms)| Step::NotBefore(task, ms)),
        3 => (n(), n()).prop_map(|(task, on)| Step::AddDep(task, on)),
        2 => (n(), n()).prop_map(|(task, on)| Step::RemoveDep(task, on)),
    ];
    let on_leases = prop_oneof![
        2 => n().prop_map(Step::Heartbeat),
        1 => n().prop_map(Step::Checkpoint),
        2 => n().prop_map(Step::Release),
        1 => n().prop_map(Step::Handoff),
        1 => n().prop_map(Step::Fail),
        3 => n().prop_map(Step::Done),
        3 => n().prop_map(Step::StartRun),
        3 => (n(), end).prop_map(|(token, end)| Step::EndRun(token, end)),
        1 => n().prop_map(Step::Unlock),
    ];
    prop_oneof![
        3 => create,
        1 => any::<bool>().prop_map(|ring| Step::CreateTwo { ring }),
        3 => Just(Step::ClaimNext),
        8 => on_tasks,
        8 => on_leases,
        2 => (n(), mode).prop_map(|(path, mode)| Step::Lock(path, mode)),
        3 => (1..1_500i64).prop_map(Step::Pass),
        1 => Just(Step::Boot),
    ]
}

/// The world, with everything that was ever handed out in it: ids and tokens stay known when they
/// are worth nothing any more.
pub(super) struct Story {
    pub(super) world: World,
    tasks: Vec<TaskId>,
    tokens: Vec<Token>,
}

impl Story {
    fn task(&self, n: usize) -> String {
        self.tasks
            .get(n % self.tasks.len().max(1))
            .map_or_else(|| "t-none".into(), ToString::to_string)
    }

    /// The newest tokens are asked for most.
    fn token(&self, n: usize) -> Option<Token> {
        self.tokens.iter().rev().nth(n / 2).cloned()
    }

    fn keep(&mut self, token: Token) {
        self.tokens.push(token);
    }

    fn take(&mut self, step: Step) -> Result<(), OpError> {
        let override_by_ann = || Proof::Overridden {
            reason: "r".into(),
            by: ann(),
        };
        match step {
            Step::Create {
                deps,
                paths,
                held,
                priority,
            } => self.create(&deps, &paths, held, priority),
            Step::CreateTwo { ring } => self.create_two(ring),
            Step::Claim(n) => self.claim(&Which::Task(self.task(n))),
            Step::ClaimNext => self.claim(&Which::Next),
            Step::DoneUnclaimed(n) => {
                let id = TaskId(self.task(n));
                let World { store, cx, .. } = &mut self.world;
                finish::done(
                    &mut **store,
                    cx,
                    &id,
                    Ending::plain(&Right::Unclaimed, override_by_ann()),
                )
                .map(drop)
            }
            Step::Hold(n) => self.on_task(n, |tx, cx, id| edit::hold(tx, cx, id, "h".into())),
            Step::Unhold(n) => self.on_task(n, edit::unhold),
            Step::Cancel(n) => self.on_task(n, |tx, cx, id| {
                edit::cancel(tx, cx, id, "c".into()).map(|done| done.task)
            }),
            Step::Retry(n) => self.on_task(n, edit::retry),
            Step::Reopen(n) => {
                self.on_task(n, |tx, cx, id| edit::reopen(tx, cx, id, "again".into()))
            }
            Step::Edit(n, path) => {
                let request = LockRequest {
                    pattern: PATTERNS[path % 6].into(),
                    mode: LockMode::Exclusive,
                };
                let change = TaskEdit {
                    paths: Some(vec![request]),
                    priority: Some(1),
                    ..TaskEdit::default()
                };
                self.on_task(n, |tx, cx, id| edit::edit(tx, cx, id, change))
            }
            Step::NotBefore(n, ms) => {
                let at = if ms == 0 {
                    0
                } else {
                    self.world.cx.now.wall_ms + ms
                };
                let change = TaskEdit {
                    not_before_ms: Some(at),
                    ..TaskEdit::default()
                };
                self.on_task(n, |tx, cx, id| edit::edit(tx, cx, id, change))
            }
            Step::AddDep(n, on) => {
                let on = self.task(on);
                self.on_task(n, |tx, cx, id| edit::add_dep(tx, cx, id, &on))
            }
            Step::RemoveDep(n, on) => {
                let on = self.task(on);
                self.on_task(n, |tx, cx, id| edit::remove_dep(tx, cx, id, &on))
            }
            Step::Reject(n) => self.reject(n),
            Step::Lock(path, mode) => {
                let wanted = [PATTERNS[path % 6].to_owned()];
                let acquired = self
                    .world
                    .run(|tx, cx| lock::acquire(tx, cx, &wanted, mode, TTL))?;
                self.keep(acquired.token);
                Ok(())
            }
            Step::Pass(ms) => {
                self.world.pass(ms);
                Ok(())
            }
            Step::Boot => {
                let mut now = self.world.cx.now.clone();
                now.lease.epoch = format!("boot{}/ns", now.wall_ms);
                now.lease.ms = 5;
                self.world.turn(now);
                Ok(())
            }
            other => self.under_lease(other),
        }
    }

    fn create(
        &mut self,
        deps: &[usize],
        paths: &[usize],
        held: bool,
        priority: u8,
    ) -> Result<(), OpError> {
        let known = !self.tasks.is_empty();
        let new = NewTask {
            title: "t".into(),
            priority: Some(priority),
            deps: deps
                .iter()
                .filter(|_| known)
                .map(|n| self.task(*n))
                .collect(),
            paths: paths.iter().map(|n| PATTERNS[n % 6].into()).collect(),
            hold: held.then(|| "held".into()),
            ..NewTask::default()
        };
        let task = self.world.run(|tx, cx| create::create(tx, cx, &new))?;
        self.tasks.push(task.id);
        Ok(())
    }

    fn create_two(&mut self, ring: bool) -> Result<(), OpError> {
        let entry = |key: &str, dep: Option<&str>| NewTask {
            key: Some(key.into()),
            title: key.into(),
            deps: dep.map(Into::into).into_iter().collect(),
            ..NewTask::default()
        };
        let entries = [
            entry("one", Some("two")),
            entry("two", ring.then_some("one")),
        ];
        let made = self
            .world
            .run(|tx, cx| create::create_all(tx, cx, &entries));
        assert_eq!(made.is_err(), ring);
        self.tasks.extend(made?.into_iter().map(|task| task.id));
        Ok(())
    }

    fn claim(&mut self, which: &Which) -> Result<(), OpError> {
        let World { store, cx, .. } = &mut self.world;
        let claimed = claim::run(&mut **store, cx, which, TTL)?;
        self.keep(claimed.token);
        Ok(())
    }

    fn on_task(
        &mut self,
        n: usize,
        work: impl FnOnce(&mut dyn crate::store::Tx, &crate::ops::cx::Cx, &str) -> Result<Task, OpError>,
    ) -> Result<(), OpError> {
        let id = self.task(n);
        self.world.run(|tx, cx| work(tx, cx, &id)).map(drop)
    }

    fn reject(&mut self, n: usize) -> Result<(), OpError> {
        let id = TaskId(self.task(n));
        let note = Note {
            at_ms: 0,
            by: ann(),
            text: "no".into(),
        };
        self.world
            .run(|tx, cx| match tx.task(&id)?.map(|task| task.state) {
                Some(TaskState::Review { .. }) => {
                    cx.record(tx, &Event::TaskRejected { task: id, note })
                }
                _ => Ok(()),
            })
    }

    fn under_lease(&mut self, step: Step) -> Result<(), OpError> {
        let n = match &step {
            Step::Heartbeat(n)
            | Step::Checkpoint(n)
            | Step::Release(n)
            | Step::Handoff(n)
            | Step::Fail(n) => *n,
            Step::Done(n) | Step::StartRun(n) | Step::EndRun(n, _) | Step::Unlock(n) => *n,
            other => unreachable!("{other:?}"),
        };
        let Some(token) = self.token(n) else {
            return Ok(());
        };
        let World { store, cx, .. } = &mut self.world;
        match step {
            Step::Heartbeat(_) => self
                .world
                .run(|tx, cx| lease::heartbeat(tx, cx, &token, None))
                .map(drop),
            Step::Checkpoint(_) => self
                .world
                .run(|tx, cx| lease::checkpoint(tx, cx, &token, "on".into()))
                .map(drop),
            Step::Release(_) => self
                .world
                .run(|tx, cx| lease::release(tx, cx, &token, None)),
            Step::Fail(_) => self
                .world
                .run(|tx, cx| lease::fail(tx, cx, &token, "f".into())),
            Step::Handoff(_) => {
                let to = Actor::new(ActorKind::Agent, "bot").unwrap();
                let handed = self
                    .world
                    .run(|tx, cx| lease::handoff(tx, cx, &token, to, None))?;
                self.keep(handed.token);
                Ok(())
            }
            Step::Done(_) => {
                let proof = Proof::Overridden {
                    reason: "r".into(),
                    by: ann(),
                };
                let id = TaskId(token.subject.0.clone());
                finish::done(
                    &mut **store,
                    cx,
                    &id,
                    Ending::plain(&Right::Token(&token), proof),
                )
                .map(drop)
            }
            Step::StartRun(_) => self.start_run(&token),
            Step::EndRun(_, end) => self.end_run(&token, end),
            _ => self
                .world
                .run(|tx, cx| {
                    let shown = ShownToken {
                        token: token.clone(),
                        reach: TokenReach::Bearer,
                    };
                    lock::release(tx, cx, token.subject.as_str(), Some(&shown))
                })
                .map(drop),
        }
    }

    fn start_run(&mut self, token: &Token) -> Result<(), OpError> {
        self.world.run(|tx, cx| {
            lease::fenced(tx, cx, token, "start")?;
            let Some(id) = token.subject.task() else {
                return Ok(());
            };
            match tx.task(&id)?.map(|task| task.state) {
                Some(TaskState::Claimed) => {
                    let run = run(id.as_str().trim_start_matches("t-"), token.epoch);
                    cx.record(tx, &Event::RunStarted { run: Box::new(run) })
                }
                _ => Ok(()),
            }
        })
    }

    /// Without its token: a supervisor that lost its lease, or a recovery, ends the run all the
    /// same.
    fn end_run(&mut self, token: &Token, end: End) -> Result<(), OpError> {
        let Some(id) = token.subject.task() else {
            return Ok(());
        };
        let hold = || Hold {
            kind: BlockReason::Approval,
            reason: "ask".into(),
            since_ms: 0,
        };
        let requeue = |attempt| FollowUp::Requeue {
            attempt,
            not_before_ms: None,
            note: None,
        };
        let then = match end {
            End::Review => FollowUp::Review {
                attempt: AttemptCount::Counts,
            },
            End::Requeue => requeue(AttemptCount::Counts),
            End::Lapse => requeue(AttemptCount::Lapse),
            End::Hold => FollowUp::Hold {
                hold: hold(),
                attempt: AttemptCount::Free,
            },
            End::Fail => FollowUp::Fail { reason: "f".into() },
        };
        let Event::RunEnded { run, end, .. } =
            ended(id.as_str().trim_start_matches("t-"), token.epoch)
        else {
            unreachable!("the builder ends a run")
        };
        self.world.run(|tx, cx| match tx.run(&run)? {
            Some(known) if known.end.is_none() => {
                cx.record(tx, &Event::RunEnded { run, end, then })
            }
            _ => Ok(()),
        })
    }

    pub(super) fn check(&mut self) {
        let now = self.world.cx.now.clone();
        let tokens = &self.tokens;
        let tables = self.world.store.read(|tx| MemoryTables::load(tx)).unwrap();
        for task in tables.tasks.values() {
            check_task(task, &tables);
        }
        for subject in tables.leases.keys() {
            let valid = tokens.iter().filter(|t| {
                &t.subject == subject && fence(tables.leases.get(subject), t, &now).is_ok()
            });
            assert!(valid.count() <= 1, "two tokens open {subject}");
            let task = subject.task().map(|id| &tables.tasks[&id]);
            assert!(
                task.is_none_or(|task| task.state.is_leased()),
                "{subject} is leased and {task:?}"
            );
        }
        let live: Vec<_> = tables
            .locks
            .iter()
            .filter(|(subject, _)| tables.leases[*subject].binds(&now))
            .collect();
        let held: Vec<_> = live.iter().flat_map(|(_, locks)| locks.iter()).collect();
        for (n, a) in held.iter().enumerate() {
            for b in held[n + 1..]
                .iter()
                .filter(|b| b.subject != a.subject && b.mode.excludes(a.mode))
            {
                assert_eq!(
                    overlap(&pattern(&a.pattern), &pattern(&b.pattern)),
                    None,
                    "{a:?} and {b:?}"
                );
            }
        }
        let (tally, count) = self.world.read(|tx| Ok((tx.tally()?, counted(tx)?)));
        assert_eq!(
            tally
                .into_iter()
                .filter(|(_, n)| *n > 0)
                .collect::<Vec<_>>(),
            count
        );
    }
}

fn check_task(task: &Task, tables: &MemoryTables) {
    let is_done = |id: &TaskId| matches!(tables.tasks[id].state, TaskState::Done { .. });
    let open = tables
        .deps
        .iter()
        .filter(|(on, waits)| waits == &task.id && !is_done(on))
        .count();
    assert_eq!(task.open_deps as usize, open, "{task:?}");
    let lease = tables.leases.get(&task.id.subject());
    match &task.state {
        TaskState::Queued => assert!(open == 0 && task.hold.is_none(), "{task:?}"),
        TaskState::Blocked {
            blocked_by: BlockReason::Dependency,
        } => {
            assert!(open > 0 && task.hold.is_none(), "{task:?}")
        }
        TaskState::Blocked { blocked_by } => {
            assert_eq!(Some(blocked_by), task.hold.as_ref().map(|hold| &hold.kind))
        }
        TaskState::Claimed => {
            assert_eq!(lease.map(|lease| lease.epoch), Some(task.epoch), "{task:?}")
        }
        TaskState::Running { run } => {
            assert_eq!(
                lease.map(|lease| lease.epoch),
                Some(run.epoch()),
                "{task:?}"
            );
            assert!(tables.runs[run].end.is_none(), "{task:?}");
        }
        TaskState::Review { run } => assert!(tables.runs[run].end.is_some(), "{task:?}"),
        TaskState::Done { .. } | TaskState::Failed { .. } | TaskState::Cancelled { .. } => {}
    }
    let epochs = tables
        .runs
        .keys()
        .filter(|run| run.task() == task.id)
        .map(RunId::epoch);
    assert!(
        epochs.max().is_none_or(|newest| newest <= task.epoch),
        "{task:?}"
    );
}

pub(super) fn tell(steps: Vec<Step>) -> Story {
    let mut story = Story {
        world: World::new(),
        tasks: Vec::new(),
        tokens: Vec::new(),
    };
    for step in steps {
        let shown = format!("{step:?}");
        let before = story.world.store.read(|tx| MemoryTables::load(tx)).unwrap();
        match story.take(step) {
            Ok(()) => {}
            Err(OpError::Refused(_)) if shown.starts_with("Claim") => {}
            Err(OpError::Refused(refused)) => {
                // A refusal may leave a record of itself, and nothing else.
                let mut after = story.world.store.read(|tx| MemoryTables::load(tx)).unwrap();
                after.decisions = before.decisions.clone();
                assert_eq!(after, before, "{shown}: {refused:?}");
            }
            Err(error) => panic!("{shown}: {error}"),
        }
        story.check();
    }
    let report = story.world.store.read(|tx| log::verify(tx)).unwrap();
    assert_eq!(report.fault, None);
    // What the log says of one task alone is what the tables say of it, whatever happened to others.
    for id in story.tasks.clone() {
        let found = story
            .world
            .store
            .read(|tx| testimony::contradictions(tx, &id))
            .unwrap();
        assert_eq!(found, []);
    }
    story
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn whatever_happens_the_tables_make_sense(steps in prop::collection::vec(step(), 1..60)) {
        tell(steps);
    }
}

/// The random stories would prove little if everything in them were refused.
#[test]
fn a_story_gets_somewhere() {
    let create = || Step::Create {
        deps: vec![],
        paths: vec![0],
        held: false,
        priority: 2,
    };
    let waits = Step::Create {
        deps: vec![0],
        paths: vec![3],
        held: false,
        priority: 2,
    };
    let mut story = tell(vec![
        create(),
        waits,
        Step::Claim(0),
        Step::Lock(3, LockMode::Exclusive),
        Step::StartRun(2),
        Step::EndRun(2, End::Review),
        Step::Reject(0),
        Step::ClaimNext,
        Step::Pass(2 * TTL),
        Step::ClaimNext,
        Step::Done(0),
        Step::ClaimNext,
    ]);
    let states: Vec<&str> = {
        let ids = story.tasks.clone();
        story.world.read(|tx| {
            ids.iter()
                .map(|id| Ok(tx.task(id)?.unwrap().state.name()))
                .collect()
        })
    };
    assert_eq!(states, ["done", "claimed"]);
}
