//! Runs, evidence, decisions and events.

use super::*;

pub(crate) fn runs_are_active_until_they_end<B: Backend>() {
    let started = |task: &str, epoch| Event::RunStarted {
        run: Box::new(run(task, epoch)),
    };
    let mut events = vec![created(task("a"), &[]), created(task("b"), &[])];
    for epoch in 1..=11 {
        events.extend([
            granted("t-a", epoch, 9, &[]),
            started("a", epoch),
            ended("a", epoch),
        ]);
    }
    events.extend([granted("t-b", 1, 9, &[]), started("b", 1)]);
    let (_backend, mut store) = filled::<B>(&events);
    let epochs: Vec<u64> = read(&mut store, |tx| tx.runs(&id("a")))
        .iter()
        .map(|run| run.id.epoch())
        .collect();
    assert_eq!(
        epochs,
        (1..=11).collect::<Vec<_>>(),
        "oldest first, as numbers"
    );
    assert_eq!(read(&mut store, |tx| tx.active_runs()), [run("b", 1)]);
    assert_eq!(read(&mut store, |tx| tx.all_runs()).len(), 12);
    let step = Event::RunStep {
        run: id("b").run(1),
        step: RunStep::Checks,
        tree: Some("t".into()),
        commit: None,
    };
    store.write(|tx| record(tx, &[step])).unwrap();
    let now = read(&mut store, |tx| tx.run(&id("b").run(1))).unwrap();
    assert_eq!(
        (now.step, now.tree.as_deref()),
        (RunStep::Checks, Some("t"))
    );
    assert_eq!(
        get(&mut store, "b").state,
        TaskState::Running {
            run: id("b").run(1)
        }
    );
    assert_eq!(get(&mut store, "a").attempts, 11);
    assert_eq!(read(&mut store, |tx| tx.run(&id("a").run(99))), None);
}

pub(crate) fn evidence_and_decisions_keep_their_order<B: Backend>() {
    let decided = |name: &str, task| Event::Decided {
        record: Box::new(decision(name, task)),
    };
    let (_backend, mut store) = filled::<B>(&[
        evidence("z", "a", 1),
        evidence("m", "b", 1),
        evidence("a", "a", 2),
        decided("3", Some("a")),
        decided("2", None),
        decided("1", Some("a")),
    ]);
    let mut pieces = |task: Option<&str>, epoch: Option<u64>| {
        let run = epoch.map(|epoch| id(task.unwrap_or("b")).run(epoch));
        let all = read(&mut store, |tx| {
            tx.evidence(task.map(id).as_ref(), run.as_ref())
        });
        all.into_iter().map(|piece| piece.name).collect::<Vec<_>>()
    };
    assert_eq!(pieces(None, None), ["z", "m", "a"]);
    assert_eq!(pieces(Some("a"), None), ["z", "a"]);
    assert_eq!(pieces(Some("a"), Some(2)), ["a"]);
    assert_eq!(pieces(None, Some(1)), ["m"]);
    let mut records = |task: Option<&str>, limit| {
        let all = read(&mut store, |tx| tx.decisions(task.map(id).as_ref(), limit));
        all.into_iter().map(|record| record.id).collect::<Vec<_>>()
    };
    assert_eq!(records(None, None), ["d-3", "d-2", "d-1"]);
    assert_eq!(records(Some("a"), None), ["d-3", "d-1"]);
    assert_eq!(records(Some("a"), Some(1)), ["d-1"], "the last ones");
    assert_eq!(records(None, Some(2)), ["d-2", "d-1"]);
    assert_eq!(records(None, Some(u64::MAX)).len(), 3);
}

pub(crate) fn events_are_numbered_chained_and_filtered<B: Backend>() {
    let unheld = |name: &str| Event::TaskUnheld { task: id(name) };
    let events: Vec<Event> = ["a", "b", "a", "b", "a"]
        .iter()
        .map(|name| unheld(name))
        .collect();
    let (_backend, mut store) = filled::<B>(&events);
    let mut prev = CHAIN_START.to_owned();
    for (n, event) in read(&mut store, |tx| log(tx, &EventFilter::default()))
        .into_iter()
        .enumerate()
    {
        assert_eq!(
            (event.seq, event.prev.as_str(), event.kind.as_str()),
            (n as u64 + 1, prev.as_str(), "task.unheld")
        );
        assert_eq!(
            serde_json::from_str::<Event>(&event.body).unwrap(),
            events[n]
        );
        assert_eq!(
            event.hash,
            record_hash(&prev, event.seq, event.at_ms, &event.actor, &event.body)
        );
        prev = event.hash;
    }
    let mut positions = |subject: Option<&str>, after, last| {
        let filter = EventFilter {
            subject: subject.map(Into::into),
            after,
            last,
            ..EventFilter::default()
        };
        read(&mut store, |tx| log(tx, &filter))
            .into_iter()
            .map(|event| event.seq)
            .collect::<Vec<_>>()
    };
    assert_eq!(positions(Some("t-a"), 0, None), [1, 3, 5]);
    assert_eq!(positions(None, 3, None), [4, 5]);
    assert_eq!(
        positions(None, 0, Some(2)),
        [4, 5],
        "the last ones, oldest first"
    );
    assert_eq!(positions(Some("t-b"), 2, Some(9)), [4]);
    assert_eq!(positions(None, u64::MAX, None), [0u64; 0]);
    assert_eq!(positions(None, 0, Some(u64::MAX)).len(), 5);
    assert_eq!(positions(None, 0, Some(0)), [0u64; 0]);
    let of_kind = |kind| EventFilter {
        kind: Some(kind),
        ..EventFilter::default()
    };
    for (kind, found) in [("task.unheld", 5), ("task.held", 0)] {
        let all = read(&mut store, |tx| log(tx, &of_kind(kind)));
        assert_eq!(all.len(), found, "{kind}");
    }
    assert_eq!(
        store
            .write(|tx| tx.record(7, &ann(), &unheld("a")))
            .unwrap(),
        6
    );
}
