//! The log as a whole.

use super::*;

pub(crate) fn meta_is_kept<B: Backend>() {
    let (backend, mut store) = filled::<B>(&[]);
    assert_eq!(
        read(&mut store, |tx| tx.meta("store")).as_deref(),
        Some("store-id")
    );
    assert_eq!(read(&mut store, |tx| tx.meta("none")), None);
    store.write(|tx| tx.set_meta("k", "1")).unwrap();
    store.write(|tx| tx.set_meta("k", "2")).unwrap();
    assert_eq!(
        read(&mut backend.open(), |tx| tx.meta("k")).as_deref(),
        Some("2")
    );
}

pub(crate) fn a_log_is_imported_as_it_was<B: Backend>() {
    let (_one, mut from) = filled::<B>(&[
        created(task("a"), &[]),
        created(task("b"), &["a"]),
        granted("t-a", 1, 100, &["src/"]),
        Event::RunStarted {
            run: Box::new(run("a", 1)),
        },
        evidence("e", "a", 1),
        Event::Decided {
            record: Box::new(decision("d", None)),
        },
        ended("a", 1),
        granted("t-a", 2, 100, &["src/"]),
    ]);
    let (_two, mut to) = filled::<B>(&[]);
    let events = read(&mut from, |tx| log(tx, &EventFilter::default()));
    to.write(|tx| events.iter().try_for_each(|event| tx.import_event(event)))
        .unwrap();
    assert_eq!(read(&mut to, |tx| log(tx, &EventFilter::default())), events);
    let tables = |store: &mut Open| read(store, |tx| MemoryTables::load(tx));
    assert_eq!(tables(&mut to), tables(&mut from));
    assert_eq!(
        to.write(|tx| tx.record(0, &ann(), &done("a"))).unwrap(),
        9,
        "the log goes on"
    );
    assert!(
        to.write(|tx| tx.import_event(&events[0])).is_err(),
        "a position is taken once"
    );
}

pub(crate) fn only_a_creation_can_be_forgotten<B: Backend>() {
    let (_backend, mut store) = filled::<B>(&[Event::StoreCreated { store: "s".into() }]);
    store.write(|tx| tx.forget_creation()).unwrap();
    assert!(read(&mut store, |tx| log(tx, &EventFilter::default())).is_empty());
    assert_eq!(read(&mut store, |tx| tx.last_event()), 0);
    store
        .write(|tx| record(tx, &[created(task("a"), &[]), created(task("b"), &[])]))
        .unwrap();
    assert_eq!(read(&mut store, |tx| tx.last_event()), 2);
    assert!(store.write(|tx| tx.forget_creation()).is_err());
    assert_eq!(
        read(&mut store, |tx| log(tx, &EventFilter::default())).len(),
        2
    );
}
