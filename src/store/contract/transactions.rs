//! Transactions, and counts that hold across them.

use super::*;

pub(crate) fn a_failed_closure_leaves_nothing<B: Backend>() {
    let (_backend, mut store) = filled::<B>(&[created(task("a"), &[])]);
    let before = read(&mut store, |tx| MemoryTables::load(tx));
    let failed = store.write(|tx| {
        record(
            tx,
            &[
                created(task("b"), &[]),
                done("a"),
                granted("l-x", 1, 9, &["src"]),
                evidence("e", "a", 1),
            ],
        )?;
        tx.set_meta("note", "x")?;
        assert!(
            tx.task(&id("b"))?.is_some(),
            "a transaction sees its own writes"
        );
        Err::<(), _>(StoreError::Full)
    });
    assert!(
        matches!(failed, Err(StoreError::Full)),
        "the closure's own error comes back"
    );
    assert_eq!(read(&mut store, |tx| MemoryTables::load(tx)), before);
    assert_eq!(read(&mut store, |tx| tx.meta("note")), None);
    assert_eq!(
        store
            .write(|tx| tx.record(0, &ann(), &created(task("c"), &[])))
            .unwrap(),
        2,
        "no gap in the log"
    );
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.write(|tx| -> Result<(), StoreError> {
            record(tx, &[done("a")])?;
            panic!("in the middle")
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(
        get(&mut store, "a").state,
        TaskState::Queued,
        "nor does a panic"
    );
}

pub(crate) fn what_lasts_later_is_whole_and_seen_at_once<B: Backend>() {
    let (backend, mut store) = filled::<B>(&[created(task("a"), &[])]);
    let later = |store: &mut Open, events: &[Event], error: Option<StoreError>| {
        store.write_as(Lasting::WithTheNext, |tx| {
            record(tx, events)?;
            error.map_or(Ok(()), Err)
        })
    };
    let failed = later(&mut store, &[done("a")], Some(StoreError::Full));
    assert!(matches!(failed, Err(StoreError::Full)));
    assert_eq!(get(&mut store, "a").state, TaskState::Queued);
    later(&mut store, &[done("a")], None).unwrap();
    drop(store);
    assert!(matches!(
        get(&mut backend.open(), "a").state,
        TaskState::Done { .. }
    ));
}

pub(crate) fn writers_do_not_interleave<B: Backend>() {
    let (backend, mut store) = filled::<B>(&[]);
    store.write(|tx| tx.set_meta("n", "0")).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut store = backend.open();
                for _ in 0..25 {
                    let add = |tx: &mut dyn Tx| {
                        let n: u64 = tx.meta("n")?.unwrap().parse().unwrap();
                        tx.set_meta("n", &(n + 1).to_string())
                    };
                    store.write(add).unwrap();
                }
            });
        }
    });
    assert_eq!(
        read(&mut store, |tx| tx.meta("n")).as_deref(),
        Some("100"),
        "no update is lost"
    );
}

pub(crate) fn readers_see_whole_transactions<B: Backend>() {
    let (backend, mut store) = filled::<B>(&[created(task("a"), &[])]);
    let (mut writer, mut reader) = (backend.open(), backend.open());
    let (tell, told) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let half = |tx: &mut dyn Tx| {
                record(tx, &[done("a")])?;
                tell.send(()).unwrap();
                wait.recv().unwrap();
                record(tx, &[created(task("b"), &[])])
            };
            writer.write(half).unwrap();
            tell.send(()).unwrap();
        });
        told.recv().unwrap();
        assert_eq!(
            get(&mut reader, "a").state,
            TaskState::Queued,
            "a transaction that is not over is not seen"
        );
        read(&mut store, |tx| {
            assert_eq!(tx.task(&id("a"))?.unwrap().state, TaskState::Queued);
            go.send(()).unwrap();
            told.recv().unwrap();
            assert_eq!(
                tx.task(&id("a"))?.unwrap().state,
                TaskState::Queued,
                "a read stays where it began"
            );
            assert_eq!(tx.task(&id("b"))?, None);
            Ok(())
        });
        assert!(read(&mut reader, |tx| tx.task(&id("b"))).is_some());
        assert!(matches!(
            get(&mut reader, "a").state,
            TaskState::Done { .. }
        ));
    });
}

pub(crate) fn the_tally_is_a_count<B: Backend>() {
    let (_backend, mut store) = filled::<B>(&[]);
    let steps = [
        created(task("a"), &[]),
        created(task("b"), &["a"]),
        granted("t-a", 1, 9, &[]),
        Event::RunStarted {
            run: Box::new(run("a", 1)),
        },
        ended("a", 1),
        done("a"),
        Event::TaskCancelled {
            task: id("b"),
            reason: "r".into(),
        },
        Event::TaskRetried { task: id("b") },
    ];
    for step in steps {
        store.write(|tx| record(tx, &[step])).unwrap();
        read(&mut store, |tx| {
            let stored: Vec<(String, u64)> =
                tx.tally()?.into_iter().filter(|(_, n)| *n > 0).collect();
            assert_eq!(stored, counted(tx)?);
            Ok(())
        });
    }
}

/// The tally by counting.
pub(crate) fn counted(tx: &mut dyn Tx) -> Result<Vec<(String, u64)>, StoreError> {
    let mut counts = std::collections::BTreeMap::new();
    tx.list(&TaskFilter::default(), &mut |line| {
        *counts.entry(line.status.to_owned()).or_insert(0) += 1;
        Ok(Flow::More)
    })?;
    Ok(counts.into_iter().collect())
}
