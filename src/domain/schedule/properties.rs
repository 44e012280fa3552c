//! What holds of any queue.

use std::time::Duration;

use proptest::prelude::*;

use super::testing::*;
use super::*;
use crate::domain::ids::TaskId;

const GLOBS: [&str; 6] = ["a/**", "a/x", "b/**", "b/*.rs", "**", "c"];
const AGENTS: [&str; 3] = ["a", "b", "c"];

fn outlooks() -> impl Strategy<Value = Outlook> {
    let agents = prop::sample::subsequence(AGENTS.to_vec(), 1..=3).prop_shuffle();
    prop_oneof![
        6 => agents.prop_map(|agents| Outlook::Open {
            agents: agents.into_iter().map(String::from).collect(),
        }),
        1 => Just(Outlook::Held { paths: HeldPathsBy::Other }),
        1 => Just(Outlook::Held { paths: HeldPathsBy::ARun }),
    ]
}

fn tasks() -> impl Strategy<Value = Vec<(QueuedTask, Outlook)>> {
    let one = (
        0_u8..5,
        0_i64..200,
        prop::sample::subsequence(vec!["web", "core", "bug"], 0..=2),
        prop::sample::subsequence(GLOBS.to_vec(), 0..=2),
        prop::option::of(0_i64..200),
        outlooks(),
    );
    prop::collection::vec(one, 0..14).prop_map(|all| {
        let numbered = (0_u32..).zip(all);
        numbered
            .map(
                |(number, (priority, hours, labels, globs, rest, outlook))| {
                    let task = QueuedTask {
                        number,
                        priority,
                        created_ms: MONDAY + hours * HOUR,
                        labels: labels.into_iter().map(String::from).collect(),
                        paths: globs.into_iter().map(exclusive).collect(),
                        not_before_ms: rest.map(|hours| MONDAY + hours * HOUR),
                        ..queued(&format!("t-{number}"))
                    };
                    (task, outlook)
                },
            )
            .collect()
    })
}

fn settings() -> impl Strategy<Value = SchedulerSettings> {
    let rate = (1_u32..20, 1_u32..5).prop_map(|(requests_per_minute, burst)| RateLimit {
        requests_per_minute,
        burst,
    });
    (
        prop::option::of(0_u32..5),
        prop::sample::select(vec![QueuePolicy::Fifo, QueuePolicy::Priority]),
        prop::sample::subsequence(vec!["web", "core"], 0..=2),
        prop::option::of(rate),
        1_u64..100,
    )
        .prop_map(
            |(max_concurrency, queue_policy, fairness, rate_limit, hours)| SchedulerSettings {
                max_concurrency,
                queue_policy,
                fairness: fairness.into_iter().map(String::from).collect(),
                rate_limit,
                order: vec!["bug".to_owned()],
                ageing: Duration::from_secs(hours * 3600),
                breaker: Some(Breaker {
                    failures: 2,
                    rest: Duration::from_secs(60),
                }),
                ..SchedulerSettings::default()
            },
        )
}

prop_compose! {
    fn queues()(
        tasks in tasks(),
        loads in prop::collection::vec((0_u32..3, 1_u32..4, 0_u32..4), 3),
        used in prop::option::of(prop::sample::select(GLOBS.to_vec())),
        starts in prop::collection::vec(0_i64..120, 0..6),
        running in 0_u32..4,
    ) -> QueueState {
        let mut state = queue(tasks.iter().map(|(task, _)| task.clone()).collect());
        state.outlooks = tasks.into_iter().map(|(task, outlook)| (task.id, outlook)).collect();
        state.agents = AGENTS.into_iter().zip(loads).map(|(name, (load, parallel, failures))| {
            let health = AgentHealth { failures, last_failure_ms: MONDAY + 100 * HOUR - 30_000 * i64::from(parallel) };
            (name.to_owned(), AgentStanding { load, health, ..standing(parallel) })
        }).collect();
        state.in_use = used.into_iter().map(|glob| PathsInUse {
            task: TaskId("r".into()),
            paths: vec![exclusive(glob)],
        }).collect();
        state.starts_ms = starts.into_iter().map(|seconds| MONDAY + 100 * HOUR - seconds * 1000).collect();
        state.running = running;
        state
    }
}

fn started(actions: &[QueueAction]) -> Vec<&TaskStart> {
    let starts = actions.iter().filter_map(|action| match action {
        QueueAction::Start(start) => Some(start),
        QueueAction::Wait { .. } => None,
    });
    starts.collect()
}

proptest! {
    #[test]
    fn every_task_is_told_of_once_and_no_limit_is_passed(state in queues(), settings in settings(), parallel in 0_u32..5) {
        let now = MONDAY + 100 * HOUR;
        let limits = QueueLimits { parallel, ..limits(settings) };
        let actions = tick(now, &state, &limits);
        let mut ids: Vec<String> = actions.iter().map(|action| match action {
            QueueAction::Start(start) => start.task.to_string(),
            QueueAction::Wait { task, .. } => task.to_string(),
        }).collect();
        ids.sort();
        let mut all: Vec<String> = state.tasks.iter().map(|task| task.id.to_string()).collect();
        all.sort();
        prop_assert_eq!(ids, all);

        let starts = started(&actions);
        let count = u32::try_from(starts.len()).unwrap();
        prop_assert!(count <= parallel);
        if let Some(most) = limits.settings.max_concurrency {
            prop_assert!(count == 0 || state.running + count <= most);
        }
        if let Some(rate) = limits.settings.rate_limit {
            prop_assert!(count <= rate.burst);
        }
        for (name, agent) in &state.agents {
            let given = starts.iter().filter(|start| start.agent.as_ref() == Some(name)).count();
            let given = u32::try_from(given).unwrap();
            prop_assert!(given == 0 || agent.load + given <= agent.parallel, "{name}");
            match Circuit::of(agent.health, limits.settings.breaker, now) {
                Circuit::Open { .. } => prop_assert_eq!(given, 0),
                Circuit::HalfOpen => prop_assert!(given + agent.load <= 1 || given == 0),
                Circuit::Closed => {}
            }
        }
    }

    #[test]
    fn no_two_that_start_lock_the_same_path(state in queues(), settings in settings()) {
        let actions = tick(MONDAY + 100 * HOUR, &state, &limits(settings));
        let of = |id: &TaskId| state.tasks.iter().find(|task| task.id == *id).unwrap();
        let mut in_use: Vec<&[WantedPath]> = state.in_use.iter().map(|one| one.paths.as_slice()).collect();
        for start in started(&actions) {
            let task = of(&start.task);
            prop_assert!(task.not_before_ms.is_none_or(|at| at <= MONDAY + 100 * HOUR));
            for paths in &in_use {
                prop_assert_eq!(WantedPath::clash(&task.paths, paths, &state.harmless), None);
            }
            in_use.push(&task.paths);
        }
    }

    #[test]
    fn the_order_of_what_is_given_makes_no_difference(state in queues(), settings in settings(), seed in any::<prop::sample::Index>()) {
        let limits = limits(settings);
        let mut other = state.clone();
        if !other.tasks.is_empty() {
            let at = seed.index(other.tasks.len());
            other.tasks.rotate_left(at);
            other.tasks[at..].reverse();
        }
        other.starts_ms.reverse();
        let now = MONDAY + 100 * HOUR;
        prop_assert_eq!(tick(now, &state, &limits), tick(now, &other, &limits));
    }

    /// Nobody starts in the place of a more urgent task: without those behind it, a task that waits
    /// would wait as well. Turns of labels are left out, which weigh equals by more than urgency.
    #[test]
    fn whoever_waits_would_wait_without_those_behind_it(state in queues(), settings in settings()) {
        let limits = limits(SchedulerSettings { fairness: Vec::new(), ..settings });
        let now = MONDAY + 100 * HOUR;
        let actions = tick(now, &state, &limits);
        for (place, action) in actions.iter().enumerate() {
            let ahead: Vec<TaskId> = actions[..=place].iter().map(|action| match action {
                QueueAction::Start(start) => start.task.clone(),
                QueueAction::Wait { task, .. } => task.clone(),
            }).collect();
            let mut alone = state.clone();
            alone.tasks.retain(|task| ahead.contains(&task.id));
            let now_told = tick(now, &alone, &limits);
            prop_assert_eq!(now_told.last(), Some(action));
        }
    }

    #[test]
    fn the_first_start_is_that_of_the_whole_queue(state in queues(), settings in settings()) {
        let limits = limits(settings);
        let now = MONDAY + 100 * HOUR;
        let mut look = |task: &QueuedTask, _: &[TaskStart]| Ok::<_, ()>(TaskLook {
            outlook: state.outlooks[&task.id].clone(),
            paths: task.paths.clone(),
        });
        let first = tick_by(now, &state, &limits, TickScope::FirstStart, &mut look).unwrap();
        let whole = tick(now, &state, &limits);
        prop_assert_eq!(started(&first).first().copied(), started(&whole).first().copied());
    }
}
