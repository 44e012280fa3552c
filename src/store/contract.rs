//! What every backend must do, as tests over any of them. A backend names its [`Backend`] and calls [`contract_tests`].

use std::sync::mpsc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::domain::event::{CHAIN_START, Event, TaskEdit, record_hash};
use crate::domain::ids::{Subject, TaskId};
use crate::domain::lease::Lease;
use crate::domain::path_pattern::{overlap, prefix_candidates};
use crate::domain::run::Step;
use crate::domain::task::{BlockReason, Hold, Proof, Task, TaskState};
use crate::domain::time::{LeaseInstant, Now};
use crate::store::memory::MemoryTables;
use crate::store::testing::*;
use crate::store::{EventFilter, Flow, Store, StoreError, TaskFilter, TaskSort, Tx};

/// A place that holds one store, to be opened as often as wanted.
pub(crate) trait Backend: Sync {
    /// An open store.
    type Store: Store + Send;
    /// A place with a new store in it, whose id is `store-id`.
    fn fresh() -> Self;
    /// Another connection to it.
    fn open(&self) -> Self::Store;
}

/// One test for each clause of the contract.
macro_rules! contract_tests {
    ($backend:ty) => {
        $crate::store::contract::contract_tests! { $backend:
            tasks_are_read_as_they_were_written, prefixes_find_full_ids_in_order, ready_is_most_urgent_then_oldest,
            lists_filter_sort_and_limit, a_list_stops_when_told, finishing_unblocks_in_the_same_transaction,
            edges_are_listed_and_removed, a_lease_moves_and_goes_with_its_locks, lock_candidates_never_miss,
            leases_lapse_by_their_own_clock, runs_are_active_until_they_end, evidence_and_decisions_keep_their_order,
            events_are_numbered_chained_and_filtered, a_failed_closure_leaves_nothing, writers_do_not_interleave,
            readers_see_whole_transactions, the_tally_is_a_count, meta_is_kept, a_log_is_imported_as_it_was,
            only_a_creation_can_be_forgotten,
        }
    };
    ($backend:ty: $($clause:ident),+ $(,)?) => {
        $(#[test]
        fn $clause() {
            $crate::store::contract::$clause::<$backend>();
        })+
    };
}
pub(crate) use contract_tests;

fn filled<B: Backend>(events: &[Event]) -> (B, B::Store) {
    let backend = B::fresh();
    let mut store = backend.open();
    store.write(|tx| record(tx, events)).unwrap();
    (backend, store)
}

fn read<S: Store, T>(store: &mut S, work: impl FnOnce(&mut dyn Tx) -> Result<T, StoreError>) -> T {
    store.read(work).unwrap()
}

fn get<S: Store>(store: &mut S, name: &str) -> Task {
    read(store, |tx| tx.task(&id(name))).unwrap()
}

fn names(ids: &[TaskId]) -> Vec<&str> {
    ids.iter().map(|id| id.as_str().trim_start_matches("t-")).collect()
}

fn done(name: &str) -> Event {
    Event::TaskDone { task: id(name), proof: Proof::Overridden { reason: "r".into(), by: ann() } }
}

pub(crate) fn tasks_are_read_as_they_were_written<B: Backend>() {
    let odd = Task {
        title: "tab\t\u{1f980} \u{202e} 'quote' \"double\" \\ -- ; DROP TABLE task".into(),
        body: "line\nline\r\n\u{0}\u{1b}[2J".into(),
        labels: ["a".into(), "b".into()].into(),
        parent: Some(id("p")),
        hold: Some(Hold { kind: BlockReason::Approval, reason: "r".into(), since_ms: i64::MIN }),
        not_before_ms: Some(i64::MAX),
        ..task("odd")
    };
    let (backend, mut store) = filled::<B>(&[created(odd.clone(), &[])]);
    let expected = Task { state: TaskState::Blocked { blocked_by: BlockReason::Approval }, ..odd };
    assert_eq!(get(&mut store, "odd"), expected);
    assert_eq!(get(&mut backend.open(), "odd"), expected, "on another connection");
    assert_eq!(read(&mut store, |tx| tx.task(&id("ODD"))), None, "ids are exact");
}

pub(crate) fn prefixes_find_full_ids_in_order<B: Backend>() {
    let all: Vec<Event> = ["ab", "a", "abz", "b", "aa"].iter().map(|name| created(task(name), &[])).collect();
    let (_backend, mut store) = filled::<B>(&all);
    let mut find = |prefix: &str, limit| read(&mut store, |tx| tx.tasks_with_prefix(prefix, limit));
    assert_eq!(names(&find("t-a", 9)), ["a", "aa", "ab", "abz"]);
    assert_eq!(names(&find("t-ab", 9)), ["ab", "abz"]);
    assert_eq!(names(&find("t-", 2)), ["a", "aa"]);
    for none in ["t-c", "t-abzz", "T-a", "%", "t_a", "u"] {
        assert_eq!(find(none, 9), [], "{none}");
    }
}

pub(crate) fn ready_is_most_urgent_then_oldest<B: Backend>() {
    let with = |name: &str, priority, not_before_ms| Task { priority, not_before_ms, ..task(name) };
    let held = Task { hold: Some(Hold { kind: BlockReason::Hold, reason: "r".into(), since_ms: 0 }), ..task("held") };
    let (_backend, mut store) = filled::<B>(&[
        created(with("z-first", 2, None), &[]),
        created(with("later", 0, Some(101)), &[]),
        created(with("a-second", 2, Some(100)), &[]),
        created(with("urgent", 1, None), &[]),
        created(with("last", 4, None), &[]),
        created(held, &[]),
        created(task("waits"), &["last"]),
    ]);
    let mut ready = |ms, limit| {
        let tasks = read(&mut store, |tx| tx.ready(&at(ms), limit));
        tasks.into_iter().map(|t| t.id.0.trim_start_matches("t-").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ready(100, usize::MAX), ["urgent", "z-first", "a-second", "last"]);
    assert_eq!(ready(99, 9), ["urgent", "z-first", "last"]);
    assert_eq!(ready(101, 2), ["later", "urgent"]);
    assert_eq!(ready(100, 0), [""; 0]);
    // An edit keeps a task's age.
    let edit = TaskEdit { priority: Some(2), title: Some("new".into()), ..TaskEdit::default() };
    store.write(|tx| record(tx, &[Event::TaskEdited { task: id("last"), edit: Box::new(edit) }])).unwrap();
    let ids: Vec<TaskId> = read(&mut store, |tx| tx.ready(&at(0), 9)).into_iter().map(|t| t.id).collect();
    assert_eq!(names(&ids), ["urgent", "z-first", "last"]);
    let mut list = |ms, limit| {
        let filter = TaskFilter { ready_at: Some(ms), sort: TaskSort::Priority, limit, ..TaskFilter::default() };
        read(&mut store, |tx| listed(tx, &filter))
    };
    assert_eq!(list(99, None), ["urgent", "z-first", "last"], "as a list");
    assert_eq!(list(101, Some(2)), ["later", "urgent"]);
}

pub(crate) fn lists_filter_sort_and_limit<B: Backend>() {
    let labels = |all: &[&str]| all.iter().map(|l| (*l).to_owned()).collect();
    let one = Task { labels: labels(&["x", "y"]), priority: 3, agent: Some("bot".into()), ..task("one") };
    let two = Task { labels: labels(&["x"]), kind: "bug".into(), body: "Needle".into(), ..task("two") };
    let three = Task { priority: 0, parent: Some(id("one")), title: "50% nee_dle".into(), ..task("three") };
    let (_backend, mut store) = filled::<B>(&[created(one, &[]), created(two, &["one"]), created(three, &[])]);
    store.write(|tx| tx.record(9, &ann(), &Event::TaskUnheld { task: id("one") })).unwrap();
    let mut list = |filter: TaskFilter| read(&mut store, |tx| listed(tx, &filter));
    let base = TaskFilter::default;
    let text = |text: &str| TaskFilter { text: Some(text.into()), ..base() };
    let sort = |sort| TaskFilter { sort, ..base() };
    assert_eq!(list(base()), ["one", "two", "three"]);
    assert_eq!(list(TaskFilter { labels: vec!["x".into(), "y".into()], ..base() }), ["one"], "all labels");
    assert_eq!(list(TaskFilter { statuses: vec!["blocked".into(), "done".into()], ..base() }), ["two"], "any state");
    assert_eq!(list(TaskFilter { kinds: vec!["bug".into()], ..base() }), ["two"]);
    assert_eq!(list(TaskFilter { agent: Some("bot".into()), ..base() }), ["one"]);
    assert_eq!(list(TaskFilter { parent: Some("t-one".into()), ..base() }), ["three"]);
    assert_eq!(list(text("needle")), ["two"]);
    assert_eq!(list(text("NEE_D")), ["three"], "no wildcard");
    assert_eq!(list(text("0% n")), ["three"]);
    assert_eq!(list(sort(TaskSort::Newest)), ["three", "two", "one"]);
    assert_eq!(list(sort(TaskSort::Priority)), ["three", "two", "one"]);
    assert_eq!(list(sort(TaskSort::Updated)), ["one", "two", "three"]);
    assert_eq!(list(TaskFilter { limit: Some(2), ..sort(TaskSort::Newest) }), ["three", "two"]);
    assert_eq!(list(TaskFilter { limit: Some(u64::MAX), ..base() }).len(), 3);
    let both = TaskFilter { labels: vec!["x".into()], kinds: vec!["bug".into()], limit: Some(1), ..text("e") };
    assert_eq!(list(both), ["two"]);
}

pub(crate) fn a_list_stops_when_told<B: Backend>() {
    let (_backend, mut store) = filled::<B>(&[created(task("one"), &[]), created(task("two"), &[])]);
    let mut seen = Vec::new();
    let first = |tx: &mut dyn Tx, seen: &mut Vec<String>| {
        tx.list(&TaskFilter::default(), &mut |line| {
            seen.push(format!("{} {} {} {}", line.id, line.status, line.priority, line.title));
            assert!(line.json.contains("uid-one"));
            Ok(Flow::Stop)
        })
    };
    read(&mut store, |tx| first(tx, &mut seen));
    assert_eq!(seen, ["t-one queued 2 title of one"]);
    let refused = store.read(|tx| tx.events(&EventFilter::default(), &mut |_| Err(StoreError::Full)));
    assert!(matches!(refused, Err(StoreError::Full)), "an error of the reader ends the stream");
}

pub(crate) fn finishing_unblocks_in_the_same_transaction<B: Backend>() {
    let (_backend, mut store) =
        filled::<B>(&[created(task("a"), &[]), created(task("b"), &[]), created(task("c"), &["a", "b"])]);
    assert_eq!(get(&mut store, "c").state, TaskState::Blocked { blocked_by: BlockReason::Dependency });
    store.write(|tx| record(tx, &[done("a")])).unwrap();
    assert_eq!(get(&mut store, "c").open_deps, 1);
    let state = store.write(|tx| {
        record(tx, &[done("b")])?;
        Ok::<_, StoreError>(tx.task(&id("c"))?.unwrap().state)
    });
    assert_eq!(state.unwrap(), TaskState::Queued, "seen by the transaction itself");
    assert_eq!(names(&read(&mut store, |tx| tx.dependents(&id("b")))), ["c"], "the edge stays");
}

pub(crate) fn edges_are_listed_and_removed<B: Backend>() {
    let (_backend, mut store) =
        filled::<B>(&[created(task("a"), &[]), created(task("b"), &[]), created(task("c"), &["b", "a"])]);
    let edge = |task: &str, on: &str| (id(task), id(on));
    assert_eq!(names(&read(&mut store, |tx| tx.deps(&id("c")))), ["a", "b"]);
    store.write(|tx| record(tx, &[Event::DepAdded { task: id("b"), on: id("a") }])).unwrap();
    assert_eq!(read(&mut store, |tx| tx.all_deps()), [edge("b", "a"), edge("c", "a"), edge("c", "b")]);
    assert_eq!(names(&read(&mut store, |tx| tx.dependents(&id("a")))), ["b", "c"]);
    store.write(|tx| record(tx, &[Event::DepRemoved { task: id("c"), on: id("b") }])).unwrap();
    assert_eq!(read(&mut store, |tx| tx.all_deps()), [edge("b", "a"), edge("c", "a")]);
    assert_eq!(get(&mut store, "c").open_deps, 1);
}

pub(crate) fn a_lease_moves_and_goes_with_its_locks<B: Backend>() {
    let (_backend, mut store) = filled::<B>(&[created(task("a"), &[]), granted("t-a", 1, 100, &["src/", "*.md"])]);
    let subject = id("a").subject();
    let found = |store: &mut B::Store| read(store, |tx| tx.lease(&id("a").subject()));
    assert_eq!(found(&mut store), Some(lease("t-a", 1, 100)));
    assert_eq!(read(&mut store, |tx| tx.locks(&subject)), [lock("t-a", "src/"), lock("t-a", "*.md")], "in their order");
    let events = read(&mut store, |tx| log(tx, &EventFilter::default())).len();
    let held = lease("t-a", 1, 100);
    let renewed = held.renewed_for(&at(50), held.ttl_ms);
    store.write(|tx| tx.put_lease(&renewed)).unwrap();
    assert_eq!(found(&mut store), Some(renewed), "a heartbeat moves it");
    assert_eq!(read(&mut store, |tx| log(tx, &EventFilter::default())).len(), events, "and is no event");
    store.write(|tx| record(tx, &[granted("t-a", 2, 200, &["docs"]), granted("l-x", 1, 9, &["lib"])])).unwrap();
    assert_eq!(read(&mut store, |tx| tx.locks(&subject)), [lock("t-a", "docs")], "a new grant replaces all");
    let all: Vec<Lease> = read(&mut store, |tx| tx.leases());
    assert_eq!(all, [lease("l-x", 1, 9), lease("t-a", 2, 200)]);
    let release = Event::LeaseReleased { subject: subject.clone(), epoch: 2, next_step: Some("on".into()) };
    store.write(|tx| record(tx, &[release])).unwrap();
    assert_eq!(found(&mut store), None);
    assert!(read(&mut store, |tx| tx.locks(&subject)).is_empty());
    let everything = prefix_candidates(&pattern("**"));
    let left = read(&mut store, |tx| tx.lock_candidates(&everything));
    assert_eq!(left, [(lock("l-x", "lib"), lease("l-x", 1, 9))]);
    let task = get(&mut store, "a");
    assert_eq!((task.state, task.epoch, task.next_step.as_deref()), (TaskState::Queued, 2, Some("on")));
}

/// Patterns of few names, so that they meet often.
fn any_pattern() -> impl Strategy<Value = String> {
    let part = prop_oneof!["[ab]{1,2}", Just("*".into()), Just("**".into()), Just("a*".into()), Just("{a,b}".into())];
    (prop::collection::vec(part, 1..4), prop_oneof![Just(""), Just("/"), Just("-x"), Just("0")])
        .prop_map(|(parts, end): (Vec<String>, _)| parts.join("/") + end)
}

pub(crate) fn lock_candidates_never_miss<B: Backend>() {
    let runner = TestRunner::new(Config::with_cases(40));
    let cases = (prop::collection::vec(any_pattern(), 1..20), any_pattern());
    let result = { runner }.run(&cases, |(held, wanted)| {
        let held: Vec<String> = held.into_iter().filter(|source| is_pattern(source)).collect();
        prop_assume!(is_pattern(&wanted));
        let grants: Vec<Event> =
            held.iter().enumerate().map(|(n, source)| granted(&format!("l-{n:03}"), 1, 9, &[source])).collect();
        let (_backend, mut store) = filled::<B>(&grants);
        let wanted = pattern(&wanted);
        let found = read(&mut store, |tx| tx.lock_candidates(&prefix_candidates(&wanted)));
        for (n, source) in held.iter().enumerate() {
            let subject = Subject(format!("l-{n:03}"));
            let times =
                found.iter().filter(|(lock, lease)| lock.subject == subject && lease.subject == subject).count();
            prop_assert!(times <= 1, "{source} came {times} times");
            let meets = overlap(&pattern(source), &wanted).is_some();
            prop_assert!(times == 1 || !meets, "{source} meets {wanted} and was not looked at");
        }
        Ok(())
    });
    result.unwrap();
}

fn is_pattern(source: &str) -> bool {
    crate::domain::path_pattern::PathPattern::parse(source, crate::domain::path_pattern::CaseMode::Sensitive).is_ok()
}

pub(crate) fn leases_lapse_by_their_own_clock<B: Backend>() {
    let elsewhere = |subject: &str, clock: &str| {
        let expires = LeaseInstant { epoch: clock.into(), ms: 1_000 };
        Event::LeaseGranted { lease: Lease { expires, ..lease(subject, 1, 0) }, locks: Vec::new() }
    };
    let (_backend, mut store) = filled::<B>(&[
        created(task("a"), &[]),
        granted("t-a", 1, 100, &[]),
        granted("l-b", 1, 200, &[]),
        elsewhere("l-earlier-boot", "aaaa/ns"),
        elsewhere("l-later-boot", "zzzz/ns"),
        elsewhere("l-other-namespace", "boot/other"),
    ]);
    let mut lapsed = |now: Now| {
        let mut all: Vec<String> = read(&mut store, |tx| tx.lapsed(&now)).into_iter().map(|l| l.subject.0).collect();
        all.sort();
        all
    };
    assert_eq!(lapsed(at(99)), ["l-earlier-boot", "l-later-boot"]);
    assert_eq!(lapsed(at(100)), ["l-earlier-boot", "l-later-boot", "t-a"]);
    assert_eq!(lapsed(at(200)), ["l-b", "l-earlier-boot", "l-later-boot", "t-a"]);
    let stepped = Now { wall_ms: i64::MAX, ..at(99) };
    assert_eq!(lapsed(stepped), ["l-earlier-boot", "l-later-boot"], "the wall clock decides nothing");
}

pub(crate) fn runs_are_active_until_they_end<B: Backend>() {
    let started = |task: &str, epoch| Event::RunStarted { run: Box::new(run(task, epoch)) };
    let mut events = vec![created(task("a"), &[]), created(task("b"), &[])];
    for epoch in 1..=11 {
        events.extend([granted("t-a", epoch, 9, &[]), started("a", epoch), ended("a", epoch)]);
    }
    events.extend([granted("t-b", 1, 9, &[]), started("b", 1)]);
    let (_backend, mut store) = filled::<B>(&events);
    let epochs: Vec<u64> = read(&mut store, |tx| tx.runs(&id("a"))).iter().map(|run| run.id.epoch()).collect();
    assert_eq!(epochs, (1..=11).collect::<Vec<_>>(), "oldest first, as numbers");
    assert_eq!(read(&mut store, |tx| tx.active_runs()), [run("b", 1)]);
    assert_eq!(read(&mut store, |tx| tx.all_runs()).len(), 12);
    let step = Event::RunStep { run: id("b").run(1), step: Step::Checks, tree: Some("t".into()), commit: None };
    store.write(|tx| record(tx, &[step])).unwrap();
    let now = read(&mut store, |tx| tx.run(&id("b").run(1))).unwrap();
    assert_eq!((now.step, now.tree.as_deref()), (Step::Checks, Some("t")));
    assert_eq!(get(&mut store, "b").state, TaskState::Running { run: id("b").run(1) });
    assert_eq!(get(&mut store, "a").attempts, 11);
    assert_eq!(read(&mut store, |tx| tx.run(&id("a").run(99))), None);
}

pub(crate) fn evidence_and_decisions_keep_their_order<B: Backend>() {
    let decided = |name: &str, task| Event::Decided { record: Box::new(decision(name, task)) };
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
        let all = read(&mut store, |tx| tx.evidence(task.map(id).as_ref(), run.as_ref()));
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
    let events: Vec<Event> = ["a", "b", "a", "b", "a"].iter().map(|name| unheld(name)).collect();
    let (_backend, mut store) = filled::<B>(&events);
    let mut prev = CHAIN_START.to_owned();
    for (n, event) in read(&mut store, |tx| log(tx, &EventFilter::default())).into_iter().enumerate() {
        assert_eq!((event.seq, event.prev.as_str(), event.kind.as_str()), (n as u64 + 1, prev.as_str(), "task.unheld"));
        assert_eq!(serde_json::from_str::<Event>(&event.body).unwrap(), events[n]);
        assert_eq!(event.hash, record_hash(&prev, event.seq, event.at_ms, &event.actor, &event.body));
        prev = event.hash;
    }
    let mut positions = |subject: Option<&str>, after, last| {
        let filter = EventFilter { subject: subject.map(Into::into), after, last };
        read(&mut store, |tx| log(tx, &filter)).into_iter().map(|event| event.seq).collect::<Vec<_>>()
    };
    assert_eq!(positions(Some("t-a"), 0, None), [1, 3, 5]);
    assert_eq!(positions(None, 3, None), [4, 5]);
    assert_eq!(positions(None, 0, Some(2)), [4, 5], "the last ones, oldest first");
    assert_eq!(positions(Some("t-b"), 2, Some(9)), [4]);
    assert_eq!(positions(None, u64::MAX, None), [0u64; 0]);
    assert_eq!(positions(None, 0, Some(u64::MAX)).len(), 5);
    assert_eq!(positions(None, 0, Some(0)), [0u64; 0]);
    assert_eq!(store.write(|tx| tx.record(7, &ann(), &unheld("a"))).unwrap(), 6);
}

pub(crate) fn a_failed_closure_leaves_nothing<B: Backend>() {
    let (_backend, mut store) = filled::<B>(&[created(task("a"), &[])]);
    let before = read(&mut store, |tx| MemoryTables::load(tx));
    let failed = store.write(|tx| {
        record(tx, &[created(task("b"), &[]), done("a"), granted("l-x", 1, 9, &["src"]), evidence("e", "a", 1)])?;
        tx.set_meta("note", "x")?;
        assert!(tx.task(&id("b"))?.is_some(), "a transaction sees its own writes");
        Err::<(), _>(StoreError::Full)
    });
    assert!(matches!(failed, Err(StoreError::Full)), "the closure's own error comes back");
    assert_eq!(read(&mut store, |tx| MemoryTables::load(tx)), before);
    assert_eq!(read(&mut store, |tx| tx.meta("note")), None);
    assert_eq!(store.write(|tx| tx.record(0, &ann(), &created(task("c"), &[]))).unwrap(), 2, "no gap in the log");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.write(|tx| -> Result<(), StoreError> {
            record(tx, &[done("a")])?;
            panic!("in the middle")
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(get(&mut store, "a").state, TaskState::Queued, "nor does a panic");
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
    assert_eq!(read(&mut store, |tx| tx.meta("n")).as_deref(), Some("100"), "no update is lost");
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
        assert_eq!(get(&mut reader, "a").state, TaskState::Queued, "a transaction that is not over is not seen");
        read(&mut store, |tx| {
            assert_eq!(tx.task(&id("a"))?.unwrap().state, TaskState::Queued);
            go.send(()).unwrap();
            told.recv().unwrap();
            assert_eq!(tx.task(&id("a"))?.unwrap().state, TaskState::Queued, "a read stays where it began");
            assert_eq!(tx.task(&id("b"))?, None);
            Ok(())
        });
        assert!(read(&mut reader, |tx| tx.task(&id("b"))).is_some());
        assert!(matches!(get(&mut reader, "a").state, TaskState::Done { .. }));
    });
}

pub(crate) fn the_tally_is_a_count<B: Backend>() {
    let (_backend, mut store) = filled::<B>(&[]);
    let steps = [
        created(task("a"), &[]),
        created(task("b"), &["a"]),
        granted("t-a", 1, 9, &[]),
        Event::RunStarted { run: Box::new(run("a", 1)) },
        ended("a", 1),
        done("a"),
        Event::TaskCancelled { task: id("b"), reason: "r".into() },
        Event::TaskRetried { task: id("b") },
    ];
    for step in steps {
        store.write(|tx| record(tx, &[step])).unwrap();
        read(&mut store, |tx| {
            let stored: Vec<(String, u64)> = tx.tally()?.into_iter().filter(|(_, n)| *n > 0).collect();
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

pub(crate) fn meta_is_kept<B: Backend>() {
    let (backend, mut store) = filled::<B>(&[]);
    assert_eq!(read(&mut store, |tx| tx.meta("store")).as_deref(), Some("store-id"));
    assert_eq!(read(&mut store, |tx| tx.meta("none")), None);
    store.write(|tx| tx.set_meta("k", "1")).unwrap();
    store.write(|tx| tx.set_meta("k", "2")).unwrap();
    assert_eq!(read(&mut backend.open(), |tx| tx.meta("k")).as_deref(), Some("2"));
}

pub(crate) fn a_log_is_imported_as_it_was<B: Backend>() {
    let (_one, mut from) = filled::<B>(&[
        created(task("a"), &[]),
        created(task("b"), &["a"]),
        granted("t-a", 1, 100, &["src/"]),
        Event::RunStarted { run: Box::new(run("a", 1)) },
        evidence("e", "a", 1),
        Event::Decided { record: Box::new(decision("d", None)) },
        ended("a", 1),
        granted("t-a", 2, 100, &["src/"]),
    ]);
    let (_two, mut to) = filled::<B>(&[]);
    let events = read(&mut from, |tx| log(tx, &EventFilter::default()));
    to.write(|tx| events.iter().try_for_each(|event| tx.import_event(event))).unwrap();
    assert_eq!(read(&mut to, |tx| log(tx, &EventFilter::default())), events);
    let tables = |store: &mut B::Store| read(store, |tx| MemoryTables::load(tx));
    assert_eq!(tables(&mut to), tables(&mut from));
    assert_eq!(to.write(|tx| tx.record(0, &ann(), &done("a"))).unwrap(), 9, "the log goes on");
    assert!(to.write(|tx| tx.import_event(&events[0])).is_err(), "a position is taken once");
}

pub(crate) fn only_a_creation_can_be_forgotten<B: Backend>() {
    let (_backend, mut store) = filled::<B>(&[Event::StoreCreated { store: "s".into() }]);
    store.write(|tx| tx.forget_creation()).unwrap();
    assert!(read(&mut store, |tx| log(tx, &EventFilter::default())).is_empty());
    store.write(|tx| record(tx, &[created(task("a"), &[]), created(task("b"), &[])])).unwrap();
    assert!(store.write(|tx| tx.forget_creation()).is_err());
    assert_eq!(read(&mut store, |tx| log(tx, &EventFilter::default())).len(), 2);
}
