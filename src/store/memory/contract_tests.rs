//! The contract of `store::contract`, in memory; and that both backends answer alike.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::domain::event::Event;
use crate::domain::path_pattern::prefix_candidates;
use crate::domain::task::Task;
use crate::domain::verdict::Outcome;
use crate::store::contract::{Backend, Open, contract_tests, ended_run};
use crate::store::memory::{MemoryPlace, MemoryTables};
use crate::store::sqlite::SqliteStore;
use crate::store::testing::{at, created, granted, id, listed, log, pattern, record, run, task};
use crate::store::{EventFilter, StoreError, TaskFilter, TaskSort, Tx};

impl Backend for MemoryPlace {
    fn fresh() -> Self {
        MemoryPlace::new("store-id")
    }

    fn open(&self) -> Open {
        Box::new(MemoryPlace::open(self))
    }
}

contract_tests!(MemoryPlace);

/// Names that tasks bear, few so that events meet.
const NAMES: [&str; 4] = ["a", "ab", "b", "c"];

fn any_event() -> impl Strategy<Value = Event> {
    let name = || prop::sample::select(&NAMES[..]);
    let outcome = prop::sample::select(Outcome::ALL);
    prop_oneof![
        (name(), 0u8..5, prop::option::of(0i64..3), name()).prop_map(
            |(name, priority, not_before_ms, parent)| {
                let task = Task {
                    priority,
                    not_before_ms,
                    parent: Some(id(parent)),
                    labels: [parent.to_owned()].into(),
                    body: format!("Body of {name}"),
                    ..task(name)
                };
                created(task, &[])
            }
        ),
        (name(), name()).prop_filter_map("a task waits for another", |(task, on)| {
            let (task, on) = (id(task), id(on));
            (task != on).then_some(Event::DepAdded { task, on })
        }),
        (name(), name()).prop_map(|(task, on)| Event::DepRemoved {
            task: id(task),
            on: id(on)
        }),
        (name(), 1u64..4, 1i64..5, name()).prop_map(|(name, epoch, until, path)| granted(
            &format!("t-{name}"),
            epoch,
            until,
            &[path, "*.md"]
        )),
        name().prop_map(|name| Event::TaskCancelled {
            task: id(name),
            reason: "r".into()
        }),
        name().prop_map(|name| Event::TaskRetried { task: id(name) }),
        (name(), 1u64..4).prop_map(|(name, epoch)| Event::RunStarted {
            run: Box::new(run(name, epoch))
        }),
        (name(), 1u64..4, outcome, name()).prop_map(|(name, epoch, outcome, agent)| {
            let end = serde_json::json!({ "outcome": outcome, "at_ms": epoch * 40_000_000 });
            let ended = ended_run(name, epoch, agent, end);
            Event::RunStarted {
                run: Box::new(ended),
            }
        }),
    ]
}

/// Everything that a transaction can be asked for, as text.
fn answers(tx: &mut dyn Tx) -> Result<Vec<String>, StoreError> {
    let mut all = vec![
        format!("{:?}", MemoryTables::load(tx)?),
        format!("{:?}", tx.tally()?),
        format!("{:?}", (tx.all_deps()?, tx.deps(&id("a"))?)),
        format!("{:?}", tx.dependents(&id("a"))?),
        format!("{:?}", tx.tasks_with_prefix("t-a", 9)?),
        format!("{:?}", (tx.active_runs()?, tx.runs(&id("a"))?)),
        format!("{:?}", (tx.agent_sums(None)?, tx.day_sums(None)?)),
        format!("{:?}", (tx.agents_last()?, tx.task_spent(&id("a"))?)),
        format!("{:?}", log(tx, &EventFilter::default())?),
    ];
    for ms in 0..3 {
        let mut lapsed = tx.lapsed(&at(ms))?;
        lapsed.sort_by(|one, two| one.subject.cmp(&two.subject));
        all.push(format!("{:?}", (tx.ready(&at(ms), 3)?, lapsed)));
    }
    for sort in [
        TaskSort::Created,
        TaskSort::Newest,
        TaskSort::Priority,
        TaskSort::Updated,
    ] {
        for filter in [
            TaskFilter::default(),
            TaskFilter {
                text: Some("BODY OF A".into()),
                limit: Some(2),
                ..TaskFilter::default()
            },
            TaskFilter {
                ready_at: Some(1),
                ..TaskFilter::default()
            },
            TaskFilter {
                labels: vec!["b".into()],
                statuses: vec!["queued".into(), "blocked".into()],
                parent: Some("t-b".into()),
                ..TaskFilter::default()
            },
        ] {
            let filter = TaskFilter { sort, ..filter };
            all.push(format!("{:?}", listed(tx, &filter)?));
        }
    }
    let wanted = prefix_candidates(&pattern("a"));
    let mut locks = tx.lock_candidates(&wanted)?;
    locks.sort_by(|one, two| one.0.subject.cmp(&two.0.subject));
    all.push(format!("{locks:?}"));
    Ok(all)
}

#[test]
fn both_backends_answer_alike() {
    let runner = TestRunner::new(Config::with_cases(30));
    let scripts = prop::collection::vec(any_event(), 1..25);
    let result = { runner }.run(&scripts, |script| {
        let dir = tempfile::tempdir().unwrap();
        let file = SqliteStore::create(&dir.path().join("ai.db"), "store-id").unwrap();
        let mut file: Open = Box::new(file);
        let mut memory = Backend::open(&MemoryPlace::fresh());
        for event in script {
            let put = |store: &mut Open| {
                let done = store.write(|tx| record(tx, std::slice::from_ref(&event)));
                done.is_ok()
            };
            prop_assert_eq!(put(&mut file), put(&mut memory), "{:?}", event);
        }
        prop_assert_eq!(file.read(answers).unwrap(), memory.read(answers).unwrap());
        Ok(())
    });
    result.unwrap();
}
