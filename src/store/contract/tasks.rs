//! Tasks: read, found, listed, and what they wait for.

use super::*;

pub(crate) fn tasks_are_read_as_they_were_written<B: Backend>() {
    let odd = Task {
        title: "tab\t\u{1f980} \u{202e} 'quote' \"double\" \\ -- ; DROP TABLE task".into(),
        body: "line\nline\r\n\u{0}\u{1b}[2J".into(),
        labels: ["a".into(), "b".into()].into(),
        parent: Some(id("p")),
        hold: Some(Hold {
            kind: BlockReason::Approval,
            reason: "r".into(),
            since_ms: i64::MIN,
        }),
        not_before_ms: Some(i64::MAX),
        ..task("odd")
    };
    let (backend, mut store) = filled::<B>(&[created(odd.clone(), &[])]);
    let expected = Task {
        state: TaskState::Blocked {
            blocked_by: BlockReason::Approval,
        },
        ..odd
    };
    assert_eq!(get(&mut store, "odd"), expected);
    assert_eq!(
        get(&mut backend.open(), "odd"),
        expected,
        "on another connection"
    );
    assert_eq!(
        read(&mut store, |tx| tx.task(&id("ODD"))),
        None,
        "ids are exact"
    );
}

pub(crate) fn prefixes_find_full_ids_in_order<B: Backend>() {
    let all: Vec<Event> = ["ab", "a", "abz", "b", "aa"]
        .iter()
        .map(|name| created(task(name), &[]))
        .collect();
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
    let with = |name: &str, priority, not_before_ms| Task {
        priority,
        not_before_ms,
        ..task(name)
    };
    let held = Task {
        hold: Some(Hold {
            kind: BlockReason::Hold,
            reason: "r".into(),
            since_ms: 0,
        }),
        ..task("held")
    };
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
        tasks
            .into_iter()
            .map(|t| t.id.0.trim_start_matches("t-").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        ready(100, usize::MAX),
        ["urgent", "z-first", "a-second", "last"]
    );
    assert_eq!(ready(99, 9), ["urgent", "z-first", "last"]);
    assert_eq!(ready(101, 2), ["later", "urgent"]);
    assert_eq!(ready(100, 0), [""; 0]);
    let mut due = |ms| read(&mut store, |tx| tx.next_due(&at(ms)));
    assert_eq!((due(99), due(100), due(101)), (Some(100), Some(101), None));
    // An edit keeps a task's age.
    let edit = TaskEdit {
        priority: Some(2),
        title: Some("new".into()),
        ..TaskEdit::default()
    };
    store
        .write(|tx| {
            record(
                tx,
                &[Event::TaskEdited {
                    task: id("last"),
                    edit: Box::new(edit),
                }],
            )
        })
        .unwrap();
    let ids: Vec<TaskId> = read(&mut store, |tx| tx.ready(&at(0), 9))
        .into_iter()
        .map(|t| t.id)
        .collect();
    assert_eq!(names(&ids), ["urgent", "z-first", "last"]);
    let mut list = |ms, limit| {
        let filter = TaskFilter {
            ready_at: Some(ms),
            sort: TaskSort::Priority,
            limit,
            ..TaskFilter::default()
        };
        read(&mut store, |tx| listed(tx, &filter))
    };
    assert_eq!(list(99, None), ["urgent", "z-first", "last"], "as a list");
    assert_eq!(list(101, Some(2)), ["later", "urgent"]);
}

pub(crate) fn lists_filter_sort_and_limit<B: Backend>() {
    let labels = |all: &[&str]| all.iter().map(|l| (*l).to_owned()).collect();
    let one = Task {
        labels: labels(&["x", "y"]),
        priority: 3,
        agent: Some("bot".into()),
        ..task("one")
    };
    let two = Task {
        labels: labels(&["x"]),
        kind: "bug".into(),
        body: "Needle".into(),
        ..task("two")
    };
    let three = Task {
        priority: 0,
        parent: Some(id("one")),
        title: "50% nee_dle".into(),
        ..task("three")
    };
    let (_backend, mut store) = filled::<B>(&[
        created(one, &[]),
        created(two, &["one"]),
        created(three, &[]),
    ]);
    store
        .write(|tx| tx.record(9, &ann(), &Event::TaskUnheld { task: id("one") }))
        .unwrap();
    let mut list = |filter: TaskFilter| read(&mut store, |tx| listed(tx, &filter));
    let base = TaskFilter::default;
    let text = |text: &str| TaskFilter {
        text: Some(text.into()),
        ..base()
    };
    let sort = |sort| TaskFilter { sort, ..base() };
    assert_eq!(list(base()), ["one", "two", "three"]);
    assert_eq!(
        list(TaskFilter {
            labels: vec!["x".into(), "y".into()],
            ..base()
        }),
        ["one"],
        "all labels"
    );
    assert_eq!(
        list(TaskFilter {
            statuses: vec!["blocked".into(), "done".into()],
            ..base()
        }),
        ["two"],
        "any state"
    );
    assert_eq!(
        list(TaskFilter {
            kinds: vec!["bug".into()],
            ..base()
        }),
        ["two"]
    );
    assert_eq!(
        list(TaskFilter {
            agent: Some("bot".into()),
            ..base()
        }),
        ["one"]
    );
    assert_eq!(
        list(TaskFilter {
            parent: Some("t-one".into()),
            ..base()
        }),
        ["three"]
    );
    assert_eq!(list(text("needle")), ["two"]);
    assert_eq!(list(text("NEE_D")), ["three"], "no wildcard");
    assert_eq!(list(text("0% n")), ["three"]);
    assert_eq!(list(sort(TaskSort::Newest)), ["three", "two", "one"]);
    assert_eq!(list(sort(TaskSort::Priority)), ["three", "two", "one"]);
    assert_eq!(list(sort(TaskSort::Updated)), ["one", "two", "three"]);
    assert_eq!(
        list(TaskFilter {
            limit: Some(2),
            ..sort(TaskSort::Newest)
        }),
        ["three", "two"]
    );
    assert_eq!(
        list(TaskFilter {
            limit: Some(u64::MAX),
            ..base()
        })
        .len(),
        3
    );
    let both = TaskFilter {
        labels: vec!["x".into()],
        kinds: vec!["bug".into()],
        limit: Some(1),
        ..text("e")
    };
    assert_eq!(list(both), ["two"]);
}

pub(crate) fn a_list_stops_when_told<B: Backend>() {
    let (_backend, mut store) =
        filled::<B>(&[created(task("one"), &[]), created(task("two"), &[])]);
    let mut seen = Vec::new();
    let first = |tx: &mut dyn Tx, seen: &mut Vec<String>| {
        tx.list(&TaskFilter::default(), &mut |line| {
            seen.push(format!(
                "{} {} {} {}",
                line.id, line.status, line.priority, line.title
            ));
            assert!(line.json.contains("uid-one"));
            Ok(Flow::Stop)
        })
    };
    read(&mut store, |tx| first(tx, &mut seen));
    assert_eq!(seen, ["t-one queued 2 title of one"]);
    let refused =
        store.read(|tx| tx.events(&EventFilter::default(), &mut |_| Err(StoreError::Full)));
    assert!(
        matches!(refused, Err(StoreError::Full)),
        "an error of the reader ends the stream"
    );
}

pub(crate) fn finishing_unblocks_in_the_same_transaction<B: Backend>() {
    let (_backend, mut store) = filled::<B>(&[
        created(task("a"), &[]),
        created(task("b"), &[]),
        created(task("c"), &["a", "b"]),
    ]);
    assert_eq!(
        get(&mut store, "c").state,
        TaskState::Blocked {
            blocked_by: BlockReason::Dependency
        }
    );
    store.write(|tx| record(tx, &[done("a")])).unwrap();
    assert_eq!(get(&mut store, "c").open_deps, 1);
    let state = store.write(|tx| {
        record(tx, &[done("b")])?;
        Ok::<_, StoreError>(tx.task(&id("c"))?.unwrap().state)
    });
    assert_eq!(
        state.unwrap(),
        TaskState::Queued,
        "seen by the transaction itself"
    );
    assert_eq!(
        names(&read(&mut store, |tx| tx.dependents(&id("b")))),
        ["c"],
        "the edge stays"
    );
}

pub(crate) fn edges_are_listed_and_removed<B: Backend>() {
    let (_backend, mut store) = filled::<B>(&[
        created(task("a"), &[]),
        created(task("b"), &[]),
        created(task("c"), &["b", "a"]),
    ]);
    let edge = |task: &str, on: &str| (id(task), id(on));
    assert_eq!(names(&read(&mut store, |tx| tx.deps(&id("c")))), ["a", "b"]);
    store
        .write(|tx| {
            record(
                tx,
                &[Event::DepAdded {
                    task: id("b"),
                    on: id("a"),
                }],
            )
        })
        .unwrap();
    assert_eq!(
        read(&mut store, |tx| tx.all_deps()),
        [edge("b", "a"), edge("c", "a"), edge("c", "b")]
    );
    assert_eq!(
        names(&read(&mut store, |tx| tx.dependents(&id("a")))),
        ["b", "c"]
    );
    store
        .write(|tx| {
            record(
                tx,
                &[Event::DepRemoved {
                    task: id("c"),
                    on: id("b"),
                }],
            )
        })
        .unwrap();
    assert_eq!(
        read(&mut store, |tx| tx.all_deps()),
        [edge("b", "a"), edge("c", "a")]
    );
    assert_eq!(get(&mut store, "c").open_deps, 1);
}
