//! Days of a repository in a virtual clock: tasks come, run, fail and come back; after every tick the
//! promises are looked at. The schedule follows from a number (`base/simulated.rs`).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::resources::{ByteSize, Hundredths, ResourceAmounts, ResourceKind};

use super::testing::*;
use super::*;

/// Schedules of a usual run of the tests.
const SCHEDULES: u64 = 10_000;
/// Tasks of a schedule that come in the beginning or later.
const TASKS: u32 = 12;
const GLOBS: [&str; 5] = ["a/**", "a/x", "b/**", "**", "c"];
const AGENTS: [&str; 2] = ["a", "b"];
const LONGEST_RUN: i64 = 2 * HOUR;
/// Everything that runs may have together.
const BUDGET: ResourceAmounts = ResourceAmounts {
    cpu: Some(Hundredths(300)),
    memory: Some(ByteSize(4 << 30)),
    scratch: None,
};
/// The resources that agent `b` declares; `a` declares none.
const OF_B: ResourceAmounts = ResourceAmounts {
    cpu: Some(Hundredths(150)),
    memory: None,
    scratch: None,
};

/// A generator whose numbers follow from its seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let at = self.roll(from.len() as u64);
        from[usize::try_from(at).unwrap()]
    }

    fn ms(&mut self, sides: i64) -> i64 {
        i64::try_from(self.roll(sides.unsigned_abs())).unwrap()
    }
}

struct AtWork {
    task: QueuedTask,
    agent: String,
    needs: ResourceAmounts,
    ends_ms: i64,
}

struct Repository {
    dice: Dice,
    now: i64,
    coming: Vec<QueuedTask>,
    queue: Vec<QueuedTask>,
    at_work: Vec<AtWork>,
    health: BTreeMap<String, AgentHealth>,
    starts_ms: Vec<i64>,
    served_ms: BTreeMap<String, i64>,
    limits: QueueLimits,
    /// True while the machine is under pressure.
    is_pressed: bool,
    done: u32,
}

impl Repository {
    fn new(seed: u64) -> Repository {
        let mut dice = Dice(seed);
        let mut coming: Vec<QueuedTask> = (0..TASKS)
            .map(|number| QueuedTask {
                number,
                priority: u8::try_from(dice.roll(5)).unwrap(),
                created_ms: MONDAY + dice.ms(12 * HOUR) * i64::from(number % 3),
                labels: [dice.pick(&["web", "core", "bug"]).to_owned()].into(),
                paths: (0..dice.roll(3))
                    .map(|_| exclusive(dice.pick(&GLOBS)))
                    .collect(),
                needs: needs(&mut dice),
                ..queued(&format!("t-{number}"))
            })
            .collect();
        coming.sort_by_key(|task| std::cmp::Reverse(task.created_ms));
        let settings = SchedulerSettings {
            queue_policy: [QueuePolicy::Priority, QueuePolicy::Fifo]
                [usize::from(dice.roll(4) == 0)],
            max_concurrency: (dice.roll(2) == 0).then_some(3),
            ageing: Duration::from_secs(3600 * (1 + dice.roll(24))),
            fairness: ["web", "core"].map(String::from).into(),
            order: vec!["bug".to_owned()],
            rate_limit: (dice.roll(2) == 0).then_some(RateLimit {
                requests_per_minute: 1,
                burst: 2,
            }),
            breaker: Some(Breaker {
                failures: 2,
                rest: Duration::from_secs(1200),
            }),
            ..SchedulerSettings::default()
        };
        Repository {
            limits: QueueLimits {
                parallel: 1 + u32::try_from(dice.roll(4)).unwrap(),
                own: 0,
                settings,
            },
            dice,
            now: MONDAY,
            coming,
            queue: Vec::new(),
            at_work: Vec::new(),
            health: BTreeMap::new(),
            starts_ms: Vec::new(),
            served_ms: BTreeMap::new(),
            is_pressed: false,
            done: 0,
        }
    }

    fn state(&self) -> QueueState {
        let mut state = queue(self.queue.clone());
        let open = Outlook::Open {
            agents: AGENTS.map(String::from).into(),
        };
        state
            .outlooks
            .values_mut()
            .for_each(|one| *one = open.clone());
        state.running = u32::try_from(self.at_work.len()).unwrap();
        state.in_use = self
            .at_work
            .iter()
            .map(|one| PathsInUse {
                task: one.task.id.clone(),
                paths: one.task.paths.clone(),
            })
            .collect();
        state.agents = AGENTS
            .iter()
            .map(|name| {
                let load = self.at_work.iter().filter(|one| one.agent == *name).count();
                let one = AgentStanding {
                    load: u32::try_from(load).unwrap(),
                    parallel: 2,
                    health: self.health.get(*name).copied().unwrap_or_default(),
                    needs: declared(name),
                };
                ((*name).to_owned(), one)
            })
            .collect();
        state.starts_ms = self.starts_ms.clone();
        state.served_ms = self.served_ms.clone();
        state.machine = MachineSight {
            budget: BUDGET,
            used: self.used(),
            disk: None,
            crossed: self.is_pressed.then_some(LineCrossed {
                kind: PressureKind::Memory,
                is: Hundredths(30),
                line: Hundredths(20),
            }),
        };
        state
    }

    fn used(&self) -> ResourceAmounts {
        let needs = self.at_work.iter().map(|one| one.needs);
        needs.fold(ResourceAmounts::default(), ResourceAmounts::and)
    }

    /// Starts what the tick says, and returns the next time at which something happens.
    fn turn(&mut self) -> Option<i64> {
        while self
            .coming
            .last()
            .is_some_and(|task| task.created_ms <= self.now)
        {
            self.queue.extend(self.coming.pop());
        }
        self.limits.own = u32::try_from(self.at_work.len()).unwrap();
        self.is_pressed = self.dice.roll(10) == 0;
        let actions = tick(self.now, &self.state(), &self.limits);
        let mut next: Vec<i64> = self
            .coming
            .last()
            .map(|task| task.created_ms)
            .into_iter()
            .collect();
        for action in actions {
            match action {
                QueueAction::Start(start) => {
                    assert!(!self.is_pressed, "{} starts under pressure", start.task);
                    self.start(&start);
                }
                QueueAction::Wait { wait, .. } => next.extend(wait.until_ms()),
            }
        }
        next.extend(self.at_work.iter().map(|one| one.ends_ms));
        next.into_iter().min()
    }

    fn start(&mut self, start: &TaskStart) {
        let at = self
            .queue
            .iter()
            .position(|task| task.id == start.task)
            .unwrap();
        let task = self.queue.remove(at);
        let harmless = queue(Vec::new()).harmless;
        for other in &self.at_work {
            let clash = WantedPath::clash(&task.paths, &other.task.paths, &harmless);
            assert_eq!(clash, None, "{} beside {}", task.id, other.task.id);
        }
        let label = fair_label(&task.labels, &self.limits.settings.fairness).to_owned();
        self.served_ms.insert(label, self.now);
        self.starts_ms.push(self.now);
        let agent = start.agent.clone().unwrap();
        self.at_work.push(AtWork {
            needs: declared(&agent).enough_for(task.needs),
            task,
            agent,
            ends_ms: self.now + 1 + self.dice.ms(LONGEST_RUN),
        });
    }

    /// Ends what has run its time: most is done, some failed, some met a machine that was down.
    fn end(&mut self) {
        let now = self.now;
        let ended: Vec<AtWork> = self
            .at_work
            .extract_if(.., |one| one.ends_ms <= now)
            .collect();
        for one in ended {
            let outcome = self.dice.roll(8);
            let health = self.health.entry(one.agent).or_default();
            if outcome == 0 {
                health.failures += 1;
                health.last_failure_ms = now;
            } else {
                *health = AgentHealth::default();
            }
            if outcome > 1 {
                self.done += 1;
                continue;
            }
            self.queue.push(QueuedTask {
                not_before_ms: Some(now + 60_000),
                ..one.task
            });
        }
    }
}

/// Resources of a task's checks: mostly none, seldom more than there is.
fn needs(dice: &mut Dice) -> ResourceAmounts {
    let mut needs = ResourceAmounts::default();
    match dice.roll(8) {
        0..3 => needs.cpu = Some(Hundredths::of(50 + 50 * dice.roll(6))),
        3..6 => needs.memory = Some(ByteSize((1 + dice.roll(4)) << 30)),
        6 if dice.roll(4) == 0 => needs.memory = Some(ByteSize(5 << 30)),
        _ => {}
    }
    needs
}

fn declared(agent: &str) -> ResourceAmounts {
    match agent {
        "b" => OF_B,
        _ => ResourceAmounts::default(),
    }
}

fn is_over(needs: &ResourceAmounts) -> bool {
    let over = |kind: ResourceKind| Some(needs.of(kind)? > BUDGET.of(kind)?);
    ResourceKind::ALL
        .into_iter()
        .any(|kind| over(kind) == Some(true))
}

/// Runs a schedule to its end; every task is done, and by then.
fn run(seed: u64) {
    let mut repository = Repository::new(seed);
    let mut ticks = 0;
    while let Some(next) = repository.turn() {
        assert!(next > repository.now, "the clock stands still");
        repository.now = next;
        repository.end();
        ticks += 1;
        assert!(ticks < 5_000, "it does not come to an end");
        let limits = &repository.limits;
        let most = limits
            .settings
            .max_concurrency
            .unwrap_or(u32::MAX)
            .min(limits.parallel);
        assert!(repository.at_work.len() <= usize::try_from(most).unwrap());
        assert!(!is_over(&repository.used()), "more is used than there is");
        // Nobody waits longer than all the others together could run one after another.
        let bound = DAY + i64::from(TASKS) * 2 * (LONGEST_RUN + HOUR);
        let can_be_met = repository.queue.iter().filter(|task| !is_over(&task.needs));
        for task in can_be_met {
            assert!(
                repository.now - task.since_ms() < bound,
                "{} starves",
                task.id
            );
        }
    }
    let left = repository.queue.len();
    assert!(
        repository.queue.iter().all(|task| is_over(&task.needs)),
        "only what can never start is left"
    );
    assert_eq!(repository.done, TASKS - u32::try_from(left).unwrap());
}

/// A fourth of the schedules: all of them take half a minute of a processor.
fn fourth(part: u64) {
    crate::base::simulated::share((part, 4), SCHEDULES, run);
}

#[test]
fn every_schedule_keeps_the_promises() {
    fourth(0);
}

#[test]
fn every_second_schedule_of_four_keeps_the_promises() {
    fourth(1);
}

#[test]
fn every_third_schedule_of_four_keeps_the_promises() {
    fourth(2);
}

#[test]
fn every_last_schedule_of_four_keeps_the_promises() {
    fourth(3);
}

/// A task that wants everything gets it although small ones keep coming, one of which is always at
/// work.
#[test]
fn a_stream_of_small_tasks_starves_nobody() {
    let step = HOUR / 2;
    let wide = QueuedTask {
        priority: 4,
        paths: vec![exclusive("**")],
        ..queued("wide")
    };
    let small = |n: u32| QueuedTask {
        number: n,
        priority: 0,
        created_ms: MONDAY + i64::from(n) * step,
        paths: vec![exclusive(["a", "b"][usize::try_from(n % 2).unwrap()])],
        ..queued(&format!("small-{n}"))
    };
    let (mut waiting, mut at_work) = (vec![wide], Vec::<(QueuedTask, i64)>::new());
    for n in 1.. {
        let now = MONDAY + i64::from(n) * step;
        at_work.retain(|(_, ends_ms)| *ends_ms > now);
        waiting.push(small(n));
        let mut state = queue(waiting.clone());
        let in_use = at_work.iter().map(|(task, _)| PathsInUse {
            task: task.id.clone(),
            paths: task.paths.clone(),
        });
        state.in_use = in_use.collect();
        for action in tick(now, &state, &limits(SchedulerSettings::default())) {
            let QueueAction::Start(start) = action else {
                continue;
            };
            let at = waiting.iter().position(|task| task.id == start.task);
            at_work.push((waiting.remove(at.unwrap()), now + HOUR));
        }
        if waiting
            .first()
            .is_none_or(|task| task.id.as_str() != "wide")
        {
            assert_eq!(
                now,
                MONDAY + 4 * DAY + step,
                "four levels of priority, and one run"
            );
            return;
        }
        assert!(now < MONDAY + 7 * DAY, "it starves");
    }
}
