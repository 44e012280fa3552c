use crate::base::rules::rules;
use crate::domain::actor::{ActorKind, Incarnation};
use crate::domain::lease::*;

/// A moment of the clock on which the lease was granted.
fn at(ms: i64) -> Now {
    on("boot/ns", ms)
}

fn on(epoch: &str, ms: i64) -> Now {
    Now {
        wall_ms: 5_000,
        lease: LeaseInstant {
            epoch: epoch.into(),
            ms,
        },
    }
}

fn session(name: &str, session: Option<&str>) -> Actor {
    Actor {
        incarnation: session.map(|text| Incarnation::new(text).unwrap()),
        ..Actor::new(ActorKind::Agent, name).unwrap()
    }
}

fn token(text: &str) -> Token {
    Token::parse(text).unwrap()
}

/// The third lease on `t-1`, held by `agent:codex#s1` until 100.
fn lease() -> Lease {
    Lease {
        subject: Subject("t-1".into()),
        epoch: 3,
        holder: session("codex", Some("s1")),
        secret_hash: token("t-1.3.abc").secret_hash(),
        granted_ms: 0,
        head: None,
        ttl_ms: 100,
        expires: at(0).lease.plus(100),
        expires_ms: 5_100,
    }
}

rules! {
    a_lease_lives_from_its_grant: lease().liveness(&at(0)) => LeaseLiveness::Live(100);
    a_lease_lives_to_its_last_millisecond: lease().liveness(&at(99)) => LeaseLiveness::Live(1);
    a_lease_lapses_at_its_end: lease().liveness(&at(100)) => LeaseLiveness::Lapsed;
    a_lease_stays_lapsed: lease().liveness(&at(9_999)) => LeaseLiveness::Lapsed;
    a_lease_of_an_earlier_boot_has_lapsed: lease().liveness(&on("other/ns", 1)) => LeaseLiveness::Lapsed;
    a_lease_of_another_namespace_is_unknown:
        lease().liveness(&on("boot/other", 1)) => LeaseLiveness::Unknown;
    a_living_lease_binds: lease().binds(&at(99)) => true;
    a_lapsed_lease_binds_nobody: lease().binds(&at(100)) => false;
    an_unknown_lease_binds: lease().binds(&on("boot/other", 9_999)) => true;
    a_lease_of_an_earlier_boot_binds_nobody: lease().binds(&on("other/ns", 1)) => false;
    a_renewal_lasts_from_now: lease().renewed_for(&at(90), 50).liveness(&at(90))
        => LeaseLiveness::Live(50);
    a_renewal_may_shorten: lease().renewed_for(&at(10), 5).liveness(&at(15)) => LeaseLiveness::Lapsed;
    a_renewal_keeps_the_grant: lease().renewed_for(&at(10), 5).epoch => 3;
    a_renewal_keeps_the_secret:
        fence(Some(&lease().renewed_for(&at(90), 50)), &token("t-1.3.abc"), &at(120)) => Ok(());
    a_renewal_is_told_by_the_wall_clock: lease().renewed_for(&at(10), 50).expires_ms => 5_050;
    a_renewal_beyond_all_time_ends_there:
        lease().renewed_for(&at(10), i64::MAX).expires_ms => i64::MAX;
}

fn passes(text: &str, now: &Now) -> Result<(), Stale> {
    fence(Some(&lease()), &token(text), now)
}

rules! {
    the_token_of_the_grant_passes: passes("t-1.3.abc", &at(0)) => Ok(());
    the_token_passes_to_the_last_millisecond: passes("t-1.3.abc", &at(99)) => Ok(());
    the_token_of_a_lapsed_lease_is_refused: passes("t-1.3.abc", &at(100)) => Err(Stale::Lapsed);
    the_token_of_an_earlier_grant_is_refused:
        passes("t-1.2.abc", &at(0)) => Err(Stale::Superseded);
    a_token_of_a_later_grant_is_refused: passes("t-1.4.abc", &at(0)) => Err(Stale::Superseded);
    another_secret_is_refused: passes("t-1.3.abd", &at(0)) => Err(Stale::WrongSecret);
    a_wrong_secret_is_told_before_the_lapse:
        passes("t-1.3.abd", &at(100)) => Err(Stale::WrongSecret);
    an_earlier_grant_is_told_before_its_secret:
        passes("t-1.2.abd", &at(100)) => Err(Stale::Superseded);
    a_token_without_a_lease_is_refused:
        fence(None, &token("t-1.3.abc"), &at(0)) => Err(Stale::NoLease);
    after_a_boot_the_token_is_refused: passes("t-1.3.abc", &on("other/ns", 0)) => Err(Stale::Lapsed);
    in_another_namespace_the_token_passes: passes("t-1.3.abc", &on("boot/other", 0)) => Ok(());
}

fn stands_against(actor: &Actor, own: &[&str], now: &Now) -> bool {
    let own: Vec<Subject> = own.iter().map(|text| Subject((*text).into())).collect();
    lease().stands_against(actor, &own, now)
}

rules! {
    a_lock_stands_against_others: stands_against(&session("claude", Some("s1")), &[], &at(0)) => true;
    a_lock_stands_against_another_session_of_its_holder:
        stands_against(&session("codex", Some("s2")), &[], &at(0)) => true;
    a_lock_does_not_stand_against_its_own_session:
        stands_against(&session("codex", Some("s1")), &[], &at(0)) => false;
    a_lock_does_not_stand_against_who_works_on_its_subject:
        stands_against(&session("claude", None), &["t-1"], &at(0)) => false;
    a_lock_stands_against_who_works_on_something_else:
        stands_against(&session("claude", None), &["t-2"], &at(0)) => true;
    a_lapsed_lock_stands_against_nobody:
        stands_against(&session("claude", None), &[], &at(100)) => false;
    a_lock_of_another_namespace_stands_against_others:
        stands_against(&session("claude", None), &[], &on("boot/other", 0)) => true;
    without_a_session_nobody_is_told_from_its_namesake: {
        let ours = session("ann", None);
        let lease = Lease { holder: ours.clone(), ..lease() };
        lease.stands_against(&ours, &[], &at(0))
    } => true;
}

rules! {
    a_session_may_give_its_lock_back:
        lease().may_be_given_back_by(&session("codex", Some("s1")), &at(0)) => true;
    another_session_may_not: lease().may_be_given_back_by(&session("codex", Some("s2")), &at(0))
        => false;
    nobody_else_may: lease().may_be_given_back_by(&session("claude", Some("s1")), &at(0)) => false;
    once_it_has_lapsed_anybody_may:
        lease().may_be_given_back_by(&session("claude", None), &at(100)) => true;
    what_cannot_be_compared_is_held:
        lease().may_be_given_back_by(&session("claude", None), &on("boot/other", 999)) => false;
}

fn shown(text: &str, reach: TokenReach) -> ShownToken {
    ShownToken {
        token: token(text),
        reach,
    }
}

/// The holder whose token this is, for somebody else who shows it.
fn foreign(text: &str, actor: &Actor, reach: TokenReach) -> Option<String> {
    let lease = lease();
    let holder = shown(text, reach).foreign_to(actor, Some(&lease));
    holder.map(Actor::to_string)
}

const CODEX: Option<&str> = Some("agent:codex#s1");

fn whose(holder: Option<&str>) -> Option<Actor> {
    holder.map(|text| text.parse().unwrap())
}

/// Whether a token that lies in the checkout is found by `actor`, while the third lease stands.
fn found(text: &str, holder: Option<&str>, actor: &Actor) -> bool {
    let kept = KeptToken {
        token: token(text),
        holder: whose(holder),
    };
    kept.shown_by(actor, TokenReach::Holder, Some(&lease()))
        .is_some()
}

/// The same while nobody holds the subject.
fn found_afterwards(holder: Option<&str>, actor: &Actor) -> bool {
    let kept = KeptToken {
        token: token("t-1.3.abc"),
        holder: whose(holder),
    };
    kept.shown_by(actor, TokenReach::Holder, None).is_some()
}

fn codex(incarnation: &str) -> Actor {
    session("codex", Some(incarnation))
}

rules! {
    a_token_counts_for_its_holder:
        foreign("t-1.3.abc", &codex("s1"), TokenReach::Holder) => None;
    a_token_is_not_another_actors:
        foreign("t-1.3.abc", &session("claude", Some("s1")), TokenReach::Holder) => CODEX.map(str::to_owned);
    a_token_is_not_the_next_incarnations:
        foreign("t-1.3.abc", &codex("s2"), TokenReach::Holder) => CODEX.map(str::to_owned);
    a_token_is_not_its_holders_without_the_incarnation:
        foreign("t-1.3.abc", &session("codex", None), TokenReach::Holder) => CODEX.map(str::to_owned);
    a_forged_secret_does_not_hide_whose_it_is:
        foreign("t-1.3.x", &session("claude", None), TokenReach::Holder) => CODEX.map(str::to_owned);
    a_bearer_who_names_nobody_is_taken_for_the_holder:
        foreign("t-1.3.abc", &session("claude", None), TokenReach::Bearer) => None;
    a_token_of_an_earlier_grant_is_stale_and_nobodys:
        foreign("t-1.2.abc", &session("claude", None), TokenReach::Holder) => None;
    a_token_without_a_lease_is_nobodys:
        shown("t-1.3.abc", TokenReach::Holder).foreign_to(&session("claude", None), None) => None;
    the_holder_opens_its_lease: shown("t-1.3.abc", TokenReach::Holder).opens(&codex("s1"), &lease())
        => true;
    nobody_else_does: shown("t-1.3.abc", TokenReach::Holder).opens(&codex("s2"), &lease()) => false;
    a_bearer_does: shown("t-1.3.abc", TokenReach::Bearer).opens(&codex("s2"), &lease()) => true;
    the_token_of_another_grant_opens_nothing:
        shown("t-1.2.abc", TokenReach::Bearer).opens(&codex("s1"), &lease()) => false;
    another_secret_opens_nothing:
        shown("t-1.3.x", TokenReach::Bearer).opens(&codex("s1"), &lease()) => false;
    a_kept_token_is_found_by_its_holder: found("t-1.3.abc", CODEX, &codex("s1")) => true;
    a_kept_token_is_not_found_by_another: found("t-1.3.abc", CODEX, &session("claude", None)) => false;
    a_kept_token_is_not_found_by_the_next_incarnation: found("t-1.3.abc", CODEX, &codex("s2")) => false;
    an_old_line_is_its_lease_holders: found("t-1.3.abc", None, &codex("s1")) => true;
    an_old_line_is_nobody_elses: found("t-1.3.abc", None, &codex("s2")) => false;
    a_name_in_the_file_does_not_outrank_the_lease:
        found("t-1.3.abc", Some("agent:codex#s2"), &codex("s2")) => false;
    an_earlier_grant_of_ones_own_is_found_to_be_refused_as_stale:
        found("t-1.2.abc", Some("agent:codex#s2"), &codex("s2")) => true;
    an_earlier_grant_of_another_is_not: found("t-1.2.abc", CODEX, &codex("s2")) => false;
    without_a_lease_a_token_stays_its_holders:
        (found_afterwards(CODEX, &codex("s1")), found_afterwards(CODEX, &codex("s2"))) => (true, false);
    without_a_lease_an_old_line_is_refused_as_stale_to_all: found_afterwards(None, &codex("s2")) => true;
}

/// Every session of every name against every lease and every way of showing a token: the lease
/// opens for the session that got it, for a bearer without a name, and a person's for a person
/// without one.
#[test]
fn a_lease_opens_for_its_own_session_alone() {
    let names = [
        "human:ann",
        "agent:ann",
        "agent:codex",
        "agent:codex#s1",
        "agent:codex#s2",
        "human:ann@x.org",
    ];
    let is_person = |name: &str| name.starts_with("human:");
    for (holder, name) in names
        .iter()
        .flat_map(|a| names.iter().map(move |b| (*a, *b)))
    {
        let lease = Lease {
            holder: holder.parse().unwrap(),
            ..lease()
        };
        let actor: Actor = name.parse().unwrap();
        for reach in [TokenReach::Holder, TokenReach::Person, TokenReach::Bearer] {
            let lets = |holder: &str| match reach {
                TokenReach::Holder => name == holder,
                TokenReach::Person => name == holder || is_person(name) && is_person(holder),
                TokenReach::Bearer => true,
            };
            let told = format!("{holder}, {name}, {reach:?}");
            let token = shown("t-1.3.abc", reach);
            assert_eq!(token.opens(&actor, &lease), lets(holder), "{told}");
            let foreign = token.foreign_to(&actor, Some(&lease));
            assert_eq!(foreign.is_none(), lets(holder), "{told}");
            for kept in names.iter().map(Some).chain([None]) {
                let is_found = lets(holder) && kept.is_none_or(|kept| lets(kept));
                let kept = KeptToken {
                    token: token.token.clone(),
                    holder: kept.map(|kept| kept.parse().unwrap()),
                };
                let found = kept.clone().shown_by(&actor, reach, Some(&lease));
                assert_eq!(found.is_some(), is_found, "{told}, {kept:?}");
            }
        }
    }
}

rules! {
    a_token_names_its_subject: token("t-1.3.abc").subject => Subject("t-1".into());
    a_token_names_its_grant: token("t-1.3.abc").epoch => 3;
    blanks_around_a_token_do_not_count: token(" t-1.3.abc\n").epoch => 3;
    a_secret_may_hold_dots: token("t-1.3.a.b").reveal() => "t-1.3.a.b";
    a_task_alone_is_no_token: Token::parse("t-1") => Err(NotAToken);
    a_grant_is_a_number: Token::parse("t-1.x.abc") => Err(NotAToken);
    a_token_has_a_secret: Token::parse("t-1.3.") => Err(NotAToken);
    a_token_has_a_subject: Token::parse(".3.abc") => Err(NotAToken);
}
