//! What ended runs add up to.

use crate::domain::budget::Spent;
use crate::domain::history::{AgentLast, AgentSum, DaySum};
use crate::domain::money::Usd;
use crate::domain::run::Run;
use crate::domain::time::WallMs;

use super::*;

const DAY: WallMs = 86_400_000;

/// A run that has ended, as JSON tells it; `more` is merged into its end.
pub(crate) fn ended_run(name: &str, epoch: u64, agent: &str, more: serde_json::Value) -> Run {
    let mut end = serde_json::json!({
        "at_ms": 100, "lifecycle": "finished", "verification": "passed", "policy": "allow",
        "freshness": "current", "outcome": "ready_for_review", "summary": "",
    });
    for (field, value) in more.as_object().unwrap() {
        end[field] = value.clone();
    }
    Run {
        agent: agent.into(),
        end: Some(serde_json::from_value(end).unwrap()),
        ..run(name, epoch)
    }
}

fn put(store: &mut Open, runs: &[Run]) {
    store
        .write(|tx| runs.iter().try_for_each(|run| tx.put_run(run)))
        .unwrap();
}

pub(crate) fn ended_runs_are_summed<B: Backend>() {
    let bug = Task {
        kind: "bug".into(),
        ..task("b")
    };
    let (_backend, mut store) = filled::<B>(&[created(task("a"), &[]), created(bug, &[])]);
    let used = |tokens: u64, cost: f64| serde_json::json!({ "tokens": tokens, "cost": cost });
    let at_least = serde_json::json!({ "tokens": 1, "cost": 0.25, "at_least": true });
    let outcome = |outcome: &str| serde_json::json!({ "outcome": outcome, "took_ms": 7 });
    put(
        &mut store,
        &[
            ended_run("a", 1, "x", serde_json::json!({ "usage": used(10, 0.5) })),
            ended_run("a", 2, "x", outcome("send_back_checks")),
            // Neither good nor bad, but an attempt.
            ended_run("a", 3, "x", outcome("send_back_conflict")),
            // Nobody's.
            ended_run("a", 4, "y", outcome("environment")),
            ended_run(
                "b",
                1,
                "x",
                serde_json::json!({ "at_ms": DAY, "usage": at_least }),
            ),
            run("b", 2),
            // Of a task that is not there.
            ended_run("gone", 1, "y", outcome("retry")),
            // Counted once, however often it is written.
            ended_run("a", 1, "x", serde_json::json!({ "usage": used(99, 9.0) })),
        ],
    );
    let spent = |(runs, attempts, ms), (tokens, cost, unpriced)| Spent {
        runs,
        attempts,
        ms,
        tokens,
        cost: Usd(cost),
        unpriced,
        bounded: 0,
    };
    let bounded = |spent: Spent| Spent {
        bounded: 1,
        ..spent
    };
    let of_agent = |agent: &str, kind: &str, (good, bad), spent| AgentSum {
        kind: kind.into(),
        agent: agent.into(),
        good,
        bad,
        spent,
    };
    let ms_of_b = u64::try_from(DAY).unwrap();
    let of_b = bounded(spent((1, 1, ms_of_b), (1, 250_000, 0)));
    let x_bug = of_agent("x", "bug", (1, 0), of_b);
    let x_task = of_agent("x", "task", (1, 1), spent((3, 2, 114), (10, 500_000, 2)));
    let y_gone = of_agent("y", "", (0, 1), spent((1, 1, 7), (0, 0, 1)));
    let y_task = of_agent("y", "task", (0, 0), spent((1, 0, 7), (0, 0, 1)));
    assert_eq!(
        read(&mut store, |tx| tx.agent_sums(None)),
        [x_bug.clone(), x_task.clone(), y_gone, y_task.clone()],
        "by agent, then by type"
    );
    assert_eq!(
        read(&mut store, |tx| tx.agent_sums(Some("task"))),
        [x_task, y_task]
    );
    assert_eq!(read(&mut store, |tx| tx.agent_sums(Some("none"))), []);
    let on_day = |day, agent: &str, spent| DaySum {
        day,
        agent: agent.into(),
        spent,
    };
    let days = [
        on_day(0, "x", spent((3, 3, 114), (10, 500_000, 2))),
        on_day(0, "y", spent((2, 1, 14), (0, 0, 2))),
        on_day(1, "x", of_b),
    ];
    assert_eq!(read(&mut store, |tx| tx.day_sums(None)), days);
    assert_eq!(read(&mut store, |tx| tx.day_sums(Some(1))), days[2..]);
    assert_eq!(
        read(&mut store, |tx| tx.task_spent(&id("a"))),
        spent((4, 3, 121), (10, 500_000, 3))
    );
    assert_eq!(read(&mut store, |tx| tx.task_spent(&id("b"))), of_b);
    assert_eq!(
        read(&mut store, |tx| tx.task_spent(&id("none"))),
        Spent::default()
    );
}

pub(crate) fn a_pause_ends_by_a_good_run_that_began_later<B: Backend>() {
    let (_backend, mut store) = filled::<B>(&[created(task("a"), &[])]);
    let refused = |epoch, at_ms: WallMs, lifecycle: &str, until: WallMs| {
        let end = serde_json::json!({
            "at_ms": at_ms, "lifecycle": lifecycle, "outcome": "retry_uncounted", "paused_until_ms": until,
        });
        ended_run("a", epoch, "x", end)
    };
    let failed = |epoch, at_ms: WallMs| {
        let end = serde_json::json!({ "at_ms": at_ms, "lifecycle": "failed", "outcome": "retry" });
        ended_run("a", epoch, "x", end)
    };
    let good = |epoch, at_ms: WallMs, started_ms: WallMs| Run {
        started_ms,
        ..ended_run("a", epoch, "x", serde_json::json!({ "at_ms": at_ms }))
    };
    let mut known = |run: Run| {
        put(&mut store, &[run]);
        let AgentLast {
            agent,
            run,
            ended_ms,
            streak,
            quota_until_ms,
            login_until_ms,
            ..
        } = read(&mut store, |tx| tx.agents_last()).remove(0);
        assert_eq!(agent, "x");
        let epoch = run.rsplit('.').next().unwrap().to_owned();
        (epoch, ended_ms, streak, quota_until_ms, login_until_ms)
    };
    let is =
        |epoch: u64, ended, streak, quota, login| (epoch.to_string(), ended, streak, quota, login);
    assert_eq!(known(failed(1, 10)), is(1, 10, 1, None, None));
    assert_eq!(known(failed(2, 20)), is(2, 20, 2, None, None));
    assert_eq!(
        known(refused(3, 30, "quota", 500)),
        is(3, 30, 2, Some(500), None)
    );
    assert_eq!(
        known(refused(4, 40, "quota", 400)),
        is(4, 40, 2, Some(500), None),
        "the latest end holds"
    );
    assert_eq!(
        known(refused(4, 40, "provider", 450)),
        is(4, 40, 2, Some(500), None),
        "a provider that is down is left alone as for a quota"
    );
    assert_eq!(
        known(refused(5, 50, "auth", 600)),
        is(5, 50, 2, Some(500), Some(600))
    );
    assert_eq!(
        known(refused(6, 60, "auth", 300)),
        is(6, 60, 2, Some(500), Some(300)),
        "a login is as it was found last"
    );
    assert_eq!(
        known(good(7, 70, 59)),
        is(7, 70, 0, Some(500), Some(300)),
        "it began before the refusal"
    );
    assert_eq!(known(good(8, 80, 70)), is(8, 80, 0, None, None));
}

pub(crate) fn rows_that_make_no_sense_are_refused<B: Backend>() {
    let (_backend, mut store) = filled::<B>(&[created(task("a"), &[])]);
    let before = read(&mut store, |tx| MemoryTables::load(tx));
    let urgent = Task {
        priority: 5,
        ..task("b")
    };
    let edit = TaskEdit {
        priority: Some(9),
        ..TaskEdit::default()
    };
    for odd in [
        created(urgent, &[]),
        Event::TaskEdited {
            task: id("a"),
            edit: Box::new(edit),
        },
    ] {
        assert!(store.write(|tx| record(tx, &[odd])).is_err());
    }
    assert_eq!(read(&mut store, |tx| MemoryTables::load(tx)), before);
}

pub(crate) fn rows_are_added_once<B: Backend>() {
    let (_backend, mut store) = filled::<B>(&[created(task("a"), &[]), evidence("e", "a", 1)]);
    let before = read(&mut store, |tx| MemoryTables::load(tx));
    for again in [created(task("a"), &[]), evidence("e", "a", 1)] {
        assert!(store.write(|tx| record(tx, &[again])).is_err());
    }
    assert_eq!(read(&mut store, |tx| MemoryTables::load(tx)), before);
    assert_eq!(
        read(&mut store, |tx| log(tx, &EventFilter::default())).len(),
        2
    );
}

pub(crate) fn the_clock_is_read_when_asked<B: Backend>() {
    let (_backend, mut store) = filled::<B>(&[]);
    let times = store
        .write(|tx| -> Result<_, StoreError> {
            turn(&at(5));
            let first = tx.now()?;
            turn(&at(9));
            Ok([first, tx.now()?])
        })
        .unwrap();
    assert_eq!(times, [at(5), at(9)]);
}

pub(crate) fn streams_of_events_stop_when_told<B: Backend>() {
    let unheld = Event::TaskUnheld { task: id("a") };
    let (_backend, mut store) = filled::<B>(&[unheld.clone(), unheld.clone(), unheld]);
    let mut seen = Vec::new();
    read(&mut store, |tx| {
        tx.events(&EventFilter::default(), &mut |event| {
            seen.push(event.seq);
            Ok(if event.seq == 2 {
                Flow::Stop
            } else {
                Flow::More
            })
        })
    });
    assert_eq!(seen, [1, 2]);
    let failed =
        store.read(|tx| tx.events(&EventFilter::default(), &mut |_| Err(StoreError::Full)));
    assert!(matches!(failed, Err(StoreError::Full)));
}
