//! Leases and locks.

use super::*;

pub(crate) fn a_lease_moves_and_goes_with_its_locks<B: Backend>() {
    let (_backend, mut store) = filled::<B>(&[
        created(task("a"), &[]),
        granted("t-a", 1, 100, &["src/", "*.md"]),
    ]);
    let subject = id("a").subject();
    let found = |store: &mut Open| read(store, |tx| tx.lease(&id("a").subject()));
    assert_eq!(found(&mut store), Some(lease("t-a", 1, 100)));
    assert_eq!(
        read(&mut store, |tx| tx.locks(&subject)),
        [lock("t-a", "src/"), lock("t-a", "*.md")],
        "in their order"
    );
    let events = read(&mut store, |tx| log(tx, &EventFilter::default())).len();
    let held = lease("t-a", 1, 100);
    let renewed = held.renewed_for(&at(50), held.ttl_ms);
    store.write(|tx| tx.put_lease(&renewed)).unwrap();
    assert_eq!(found(&mut store), Some(renewed), "a heartbeat moves it");
    assert_eq!(
        read(&mut store, |tx| log(tx, &EventFilter::default())).len(),
        events,
        "and is no event"
    );
    store
        .write(|tx| {
            record(
                tx,
                &[
                    granted("t-a", 2, 200, &["docs"]),
                    granted("l-x", 1, 9, &["lib"]),
                ],
            )
        })
        .unwrap();
    assert_eq!(
        read(&mut store, |tx| tx.locks(&subject)),
        [lock("t-a", "docs")],
        "a new grant replaces all"
    );
    let all: Vec<Lease> = read(&mut store, |tx| tx.leases());
    assert_eq!(all, [lease("l-x", 1, 9), lease("t-a", 2, 200)]);
    let release = Event::LeaseReleased {
        subject: subject.clone(),
        epoch: 2,
        next_step: Some("on".into()),
    };
    store.write(|tx| record(tx, &[release])).unwrap();
    assert_eq!(found(&mut store), None);
    assert!(read(&mut store, |tx| tx.locks(&subject)).is_empty());
    let everything = prefix_candidates(&pattern("**"));
    let left = read(&mut store, |tx| tx.lock_candidates(&everything));
    assert_eq!(left, [(lock("l-x", "lib"), lease("l-x", 1, 9))]);
    let task = get(&mut store, "a");
    assert_eq!(
        (task.state, task.epoch, task.next_step.as_deref()),
        (TaskState::Queued, 2, Some("on"))
    );
}

/// Patterns of few names, so that they meet often.
fn any_pattern() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[ab]{1,2}",
        Just("*".into()),
        Just("**".into()),
        Just("a*".into()),
        Just("{a,b}".into())
    ];
    (
        prop::collection::vec(part, 1..4),
        prop_oneof![Just(""), Just("/"), Just("-x"), Just("0")],
    )
        .prop_map(|(parts, end): (Vec<String>, _)| parts.join("/") + end)
}

pub(crate) fn lock_candidates_never_miss<B: Backend>() {
    let runner = TestRunner::new(Config::with_cases(40));
    let cases = (prop::collection::vec(any_pattern(), 1..20), any_pattern());
    let result = { runner }.run(&cases, |(held, wanted)| {
        let held: Vec<String> = held
            .into_iter()
            .filter(|source| is_pattern(source))
            .collect();
        prop_assume!(is_pattern(&wanted));
        let grants: Vec<Event> = held
            .iter()
            .enumerate()
            .map(|(n, source)| granted(&format!("l-{n:03}"), 1, 9, &[source]))
            .collect();
        let (_backend, mut store) = filled::<B>(&grants);
        let wanted = pattern(&wanted);
        let found = read(&mut store, |tx| {
            tx.lock_candidates(&prefix_candidates(&wanted))
        });
        for (n, source) in held.iter().enumerate() {
            let subject = Subject(format!("l-{n:03}"));
            let times = found
                .iter()
                .filter(|(lock, lease)| lock.subject == subject && lease.subject == subject)
                .count();
            prop_assert!(times <= 1, "{source} came {times} times");
            let meets = overlap(&pattern(source), &wanted).is_some();
            prop_assert!(
                times == 1 || !meets,
                "{source} meets {wanted} and was not looked at"
            );
        }
        Ok(())
    });
    result.unwrap();
}

fn is_pattern(source: &str) -> bool {
    crate::domain::path_pattern::PathPattern::parse(
        source,
        crate::domain::path_pattern::CaseMode::Sensitive,
    )
    .is_ok()
}

pub(crate) fn leases_lapse_by_their_own_clock<B: Backend>() {
    let elsewhere = |subject: &str, clock: &str| {
        let expires = LeaseInstant {
            epoch: clock.into(),
            ms: 1_000,
        };
        Event::LeaseGranted {
            lease: Lease {
                expires,
                ..lease(subject, 1, 0)
            },
            locks: Vec::new(),
        }
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
        let mut all: Vec<String> = read(&mut store, |tx| tx.lapsed(&now))
            .into_iter()
            .map(|l| l.subject.0)
            .collect();
        all.sort();
        all
    };
    assert_eq!(lapsed(at(99)), ["l-earlier-boot", "l-later-boot"]);
    assert_eq!(lapsed(at(100)), ["l-earlier-boot", "l-later-boot", "t-a"]);
    assert_eq!(
        lapsed(at(200)),
        ["l-b", "l-earlier-boot", "l-later-boot", "t-a"]
    );
    let stepped = Now {
        wall_ms: i64::MAX,
        ..at(99)
    };
    assert_eq!(
        lapsed(stepped),
        ["l-earlier-boot", "l-later-boot"],
        "the wall clock decides nothing"
    );
}
