use super::*;
use crate::domain::actor::{ActorKind, Incarnation};
use crate::domain::lease::Token;
use crate::domain::path_lock::LockMode;
use crate::domain::time::LeaseInstant;

fn at(ms: i64) -> Now {
    Now {
        wall_ms: ms,
        lease: LeaseInstant {
            epoch: "boot/ns".into(),
            ms,
        },
    }
}

fn somebody(session: &str) -> Actor {
    let mut actor = Actor::new(ActorKind::Agent, "codex").unwrap();
    actor.incarnation = Some(Incarnation::new(session).unwrap());
    actor
}

/// A lock of another session until 100.
fn held(subject: &str, pattern: &str, mode: LockMode) -> (HeldLock, Lease) {
    let subject = Subject(subject.into());
    let lock = HeldLock {
        pattern: pattern.into(),
        key: String::new(),
        mode,
        subject: subject.clone(),
    };
    let lease = Lease {
        subject,
        epoch: 1,
        holder: somebody("other"),
        secret_hash: Token::parse("t-1.1.abc").unwrap().secret_hash(),
        granted_ms: 0,
        head: None,
        ttl_ms: 100,
        expires: at(0).lease.plus(100),
        expires_ms: 100,
    };
    (lock, lease)
}

/// The subject whose lock stands against a change of `path` at `now`.
fn blocked(path: &str, locks: &[(HeldLock, Lease)], now: i64) -> Option<String> {
    let lockfile = PathPattern::parse("Cargo.lock", CaseMode::Sensitive).unwrap();
    let harmless = HarmlessSet::new([&lockfile], CaseMode::Sensitive);
    let change = PathChange {
        actor: &somebody("mine"),
        own: &[Subject("t-own".into())],
        now: &at(now),
        harmless: &harmless,
        case: CaseMode::Sensitive,
    };
    let found = change.blocked_by(path, locks.to_vec()).unwrap();
    found.map(|(lock, _)| lock.subject.to_string())
}

#[test]
fn the_first_exclusive_lock_that_binds_somebody_else_and_matches_stands_against_a_change() {
    use LockMode::{Exclusive, Shared};
    let mut lapsed = held("t-lapsed", "src/**", Exclusive);
    lapsed.1.expires = at(0).lease.plus(10);
    let mut of_this_session = held("l-mine", "src/**", Exclusive);
    of_this_session.1.holder = somebody("mine");
    let locks = [
        lapsed,
        of_this_session,
        held("t-own", "src/**", Exclusive),
        held("t-docs", "docs/**", Exclusive),
        held("t-shared", "src/*.rs", Shared),
        held("t-late", "src/**", Exclusive),
        held("t-all", "**", Exclusive),
    ];
    for (path, now, by) in [
        ("src/a.rs", 50, Some("t-late")),
        ("src/a/b.rs", 50, Some("t-late")),
        ("docs/a.md", 50, Some("t-docs")),
        ("README.md", 50, Some("t-all")),
        ("Cargo.lock", 50, None),
        ("src/a.rs", 5, Some("t-lapsed")),
        ("src/a.rs", 100, None),
    ] {
        assert_eq!(blocked(path, &locks, now).as_deref(), by, "{path} at {now}");
    }
    assert_eq!(blocked("src/a.rs", &[], 50), None);
}

#[test]
fn an_exclusive_lock_outranks_a_shared_one_wherever_it_stands() {
    use LockMode::{Exclusive, Shared};
    let (wide, own) = (
        held("t-wide", "src/", Shared),
        held("t-a", "src/a", Exclusive),
    );
    for locks in [[wide.clone(), own.clone()], [own, wide]] {
        assert_eq!(blocked("src/a", &locks, 50).as_deref(), Some("t-a"));
        assert_eq!(blocked("src/b", &locks, 50).as_deref(), Some("t-wide"));
    }
}

#[test]
fn a_pattern_that_is_none_is_an_error_and_is_not_passed_over() {
    let change = PathChange {
        actor: &somebody("mine"),
        own: &[],
        now: &at(5),
        harmless: &HarmlessSet::new([], CaseMode::Sensitive),
        case: CaseMode::Sensitive,
    };
    let odd = vec![held("t-1", "/absolute", LockMode::Exclusive)];
    assert!(change.blocked_by("a", odd).is_err());
}
