//! Tables and properties of notices.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use crate::domain::actor::{Actor, ActorKind};
use crate::domain::attempt_count::AttemptCount;
use crate::domain::budget::{BudgetLevel, BudgetScope, Unit};
use crate::domain::event::{Event, FollowUp};
use crate::domain::ids::{RunId, TaskId};
use crate::domain::notice::{
    Notice, NoticeCause, NoticeMoment, NoticePlace, NoticeSettings, NoticeSink, NoticeType, Outbox,
    QuietHours, Reviewer, SinkEnd, TimeZoneName, cause_of, cause_of_budget, cause_of_left,
    cause_of_trouble, pause_before_try_ms,
};
use crate::domain::schedule::UtcOffset;
use crate::domain::task::{BlockReason, Hold, Proof};

fn task() -> TaskId {
    TaskId("t-aaaa".into())
}

fn hold(kind: BlockReason, reason: &str) -> Hold {
    Hold {
        kind,
        reason: reason.into(),
        since_ms: 0,
    }
}

fn told(event: &Event) -> String {
    told_by(event, Reviewer::Person)
}

fn told_by(event: &Event, reviewer: Reviewer) -> String {
    cause_of(event, reviewer).map_or("nothing".to_owned(), |cause| {
        format!(
            "{} | {} | {} | {}",
            cause.kind.as_str(),
            cause.what,
            cause.text,
            cause.next
        )
    })
}

fn ended(then: FollowUp, paused_until_ms: Option<i64>) -> Event {
    let mut end: serde_json::Value = serde_json::json!({
        "at_ms": 1, "lifecycle": "finished", "verification": "passed", "policy": "allow",
        "freshness": "current", "outcome": "ready_for_review", "summary": "checks passed",
    });
    if let Some(until_ms) = paused_until_ms {
        end["paused_until_ms"] = until_ms.into();
    }
    Event::RunEnded {
        run: RunId("t-aaaa.1".into()),
        end: Box::new(serde_json::from_value(end).unwrap()),
        then,
    }
}

#[test]
fn each_type_follows_from_its_events() {
    let ann = Actor::new(ActorKind::Human, "ann").unwrap();
    let requeue = || FollowUp::Requeue {
        attempt: AttemptCount::Free,
        not_before_ms: None,
        note: None,
    };
    let after_hold = |kind, reason| FollowUp::Hold {
        hold: hold(kind, reason),
        attempt: AttemptCount::Free,
    };
    let held = |kind, reason| Event::TaskHeld {
        task: task(),
        hold: hold(kind, reason),
    };
    let lapsed = |park| Event::LeaseLapsed {
        subject: task().subject(),
        epoch: 1,
        park,
    };
    let review = || FollowUp::Review {
        attempt: AttemptCount::Counts,
    };
    let done = |proof| Event::TaskDone {
        task: task(),
        proof,
    };
    let proven = Proof::Verdict {
        tree: "t".into(),
        commit: Some("0123456789abcdef".into()),
        run: None,
    };
    let overridden = Proof::Overridden {
        reason: "trust me".into(),
        by: ann,
    };
    for (event, expected) in [
        (
            done(proven),
            "done | t-aaaa is done | proven, commit 0123456789ab | ai task show t-aaaa",
        ),
        (
            done(overridden),
            "done | t-aaaa is done (overridden) | human:ann took it without a proof: trust me | ai task show t-aaaa",
        ),
        (
            Event::TaskFailed {
                task: task(),
                reason: "gave up".into(),
            },
            "failed | t-aaaa has failed | gave up | ai why t-aaaa",
        ),
        (
            ended(
                FollowUp::Fail {
                    reason: "3 attempts".into(),
                },
                None,
            ),
            "failed | t-aaaa has failed | 3 attempts | ai why t-aaaa",
        ),
        (
            ended(review(), None),
            "needs-approval | t-aaaa waits for your review | t-aaaa.1: checks passed | ai review t-aaaa",
        ),
        (
            held(
                BlockReason::Approval,
                "waits for your yes to d-1234567890: edit a",
            ),
            "needs-approval | t-aaaa waits for your yes | waits for your yes to d-1234567890: edit a | ai approve d-1234567890",
        ),
        (
            ended(after_hold(BlockReason::Approval, "yes to d-1: x"), None),
            "needs-approval | t-aaaa waits for your yes | yes to d-1: x | ai approve d-1",
        ),
        (
            held(BlockReason::Hold, "not yet"),
            "blocked | t-aaaa is on hold | not yet | ai task unhold t-aaaa",
        ),
        (
            held(BlockReason::Parked, "lapsed"),
            "parked | t-aaaa is parked | lapsed | ai why t-aaaa",
        ),
        (
            lapsed(Some(hold(BlockReason::Parked, "3 lapses"))),
            "parked | t-aaaa is parked | 3 lapses | ai why t-aaaa",
        ),
        (
            ended(requeue(), Some(1_000)),
            "quota-pause | t-aaaa rests: its agent is left alone until 1970-01-01T00:00:01Z | checks passed | ai why t-aaaa",
        ),
        (held(BlockReason::Dependency, "x"), "nothing"),
        (lapsed(None), "nothing"),
        (ended(requeue(), None), "nothing"),
        (Event::TaskUnheld { task: task() }, "nothing"),
        (Event::TaskRetried { task: task() }, "nothing"),
    ] {
        assert_eq!(told(&event), expected);
    }
}

#[test]
fn work_that_a_daemon_looks_at_first_is_told_when_it_is_left_to_a_person() {
    let review = FollowUp::Review {
        attempt: AttemptCount::Counts,
    };
    let parked = FollowUp::Hold {
        hold: hold(BlockReason::Parked, "lapsed"),
        attempt: AttemptCount::Free,
    };
    let review = ended(review, None);
    assert_eq!(told_by(&review, Reviewer::Daemon), "nothing");
    for event in [
        ended(parked, None),
        Event::TaskFailed {
            task: task(),
            reason: "gave up".into(),
        },
    ] {
        assert_eq!(told_by(&event, Reviewer::Daemon), told(&event));
    }
    let run = RunId("t-aaaa.1".into());
    let left = cause_of_left(&run, "somebody looks");
    assert_eq!(
        (&*left.what, &*left.text, &*left.next, left.run.as_ref()),
        (
            "t-aaaa waits for your review",
            "t-aaaa.1: somebody looks",
            "ai review t-aaaa",
            Some(&run)
        )
    );
    let told = cause_of(&review, Reviewer::Person).unwrap();
    assert_eq!(
        left.same, told.same,
        "whoever heard of it once hears of it no more"
    );
}

#[test]
fn the_end_of_a_trouble_is_told_where_the_trouble_was() {
    let mut outbox = Outbox::default();
    let trouble = cause_of_trouble("no trust");
    let mut take = |trouble: Option<&NoticeCause>, now_ms: i64| {
        let mark = now_ms.to_string();
        let around = (&settings(), open_at(now_ms));
        outbox.take_standing(
            trouble.map_or(&[][..], std::slice::from_ref),
            &place(&mark),
            around,
        );
        outbox.take_trouble(trouble, &place(&mark), around);
        outbox.waiting_for("a").len()
    };
    assert_eq!(take(None, 0), 0, "nothing was told");
    assert_eq!([take(Some(&trouble), 1), take(Some(&trouble), 2)], [1, 1]);
    assert_eq!([take(None, 3), take(None, 4)], [2, 2]);
    assert_eq!([take(Some(&trouble), 5), take(None, 6)], [3, 4]);
    assert_eq!(
        titles(&outbox, "a"),
        [
            "the daemon starts nothing until this is mended: One",
            "what kept the daemon from starting anything is mended: One",
            "the daemon starts nothing until this is mended: One",
            "what kept the daemon from starting anything is mended: One"
        ]
    );
}

#[test]
fn a_budget_is_told_from_four_fifths_on() {
    let level = |spent| BudgetLevel {
        scope: BudgetScope::Day,
        unit: Unit::Tokens,
        spent,
        limit: 100,
    };
    let told = |spent| {
        let cause = cause_of_budget(None, &level(spent));
        cause.map_or("nothing".to_owned(), |cause| {
            format!("{} ({})", cause.what, cause.text)
        })
    };
    for (spent, expected) in [
        (79, "nothing"),
        (
            80,
            "the budget day.tokens is nearly used up (80 of 100 tokens)",
        ),
        (100, "the budget day.tokens is used up (100 of 100 tokens)"),
        (
            u64::MAX,
            "the budget day.tokens is used up (18446744073709551615 of 100 tokens)",
        ),
    ] {
        assert_eq!(told(spent), expected);
    }
}

const HOUR: i64 = 3_600_000;

fn settings() -> NoticeSettings {
    NoticeSettings {
        sinks: BTreeMap::from([
            ("a".to_owned(), NoticeSink::Desktop),
            ("b".to_owned(), NoticeSink::Desktop),
        ]),
        ..NoticeSettings::default()
    }
}

fn cause(n: usize) -> NoticeCause {
    let task = TaskId(format!("t-{n}"));
    let failed = Event::TaskFailed {
        task,
        reason: "x".into(),
    };
    cause_of(&failed, Reviewer::Person).unwrap()
}

fn place(mark: &str) -> NoticePlace<'_> {
    NoticePlace {
        repository: "r",
        title: Some("One"),
        at_ms: 0,
        mark,
    }
}

fn open_at(now_ms: i64) -> NoticeMoment {
    NoticeMoment {
        now_ms,
        quiet_until_ms: None,
    }
}

fn quiet_at(now_ms: i64) -> NoticeMoment {
    NoticeMoment {
        now_ms,
        quiet_until_ms: Some(9 * HOUR),
    }
}

fn titles(outbox: &Outbox, sink: &str) -> Vec<String> {
    let waiting = outbox.waiting_for(sink);
    waiting.into_iter().map(|one| one.title).collect()
}

#[test]
fn the_same_thing_is_told_once_within_the_window_and_another_at_once() {
    let mut outbox = Outbox::default();
    let mut take = |n, now_ms| {
        outbox.take(
            (&cause(n), &place(&format!("{n}{now_ms}"))),
            &settings(),
            open_at(now_ms),
        );
        outbox.waiting_for("a").len()
    };
    assert_eq!(
        [
            take(1, 0),
            take(1, 599_999),
            take(2, 599_999),
            take(1, 600_000)
        ],
        [1, 1, 2, 3]
    );
    // A clock that was set back by a day neither repeats nor silences for good.
    assert_eq!(take(1, -86_400_000), 4);
}

#[test]
fn a_notice_that_is_refused_for_good_goes_and_what_waits_for_trust_stays() {
    let mut outbox = Outbox::default();
    for n in 0..2 {
        outbox.take((&cause(n), &place(&n.to_string())), &settings(), open_at(0));
    }
    let first = outbox.waiting_for("a")[0].id.clone();
    outbox.settle(("a", &first), &SinkEnd::Refused("status 400".into()), 1);
    assert_eq!(outbox.waiting_for("a").len(), 1);
    assert_eq!(outbox.sinks["a"].dropped, 1);
    outbox.settle(("a", ""), &SinkEnd::Refused("status 400".into()), 2);
    assert_eq!(outbox.sinks["a"].dropped, 1, "a trial loses nothing");
    outbox.refuse("b", "not trusted", 3);
    assert_eq!(outbox.waiting_for("b").len(), 2);
    let told = outbox.sinks["b"].error.as_deref();
    assert_eq!((told, outbox.sinks["b"].dropped), (Some("not trusted"), 0));
}

#[test]
fn things_that_hold_at_the_same_time_have_ids_of_their_own() {
    let mut outbox = Outbox::default();
    outbox.take_standing(
        &[cause(1), cause(2)],
        &place("x"),
        (&settings(), open_at(0)),
    );
    let told = outbox.waiting_for("a");
    assert_eq!(told.len(), 2);
    assert_ne!(told[0].id, told[1].id);
}

#[test]
fn of_two_commands_at_once_both_are_looked_at_whoever_delivers_first() {
    let mut outbox = Outbox::default();
    // The one that began later delivers first, up to the newest record.
    assert_eq!(outbox.look_from(Some(20), 21), (20, None));
    outbox.seen = Some(21);
    assert_eq!(outbox.look_from(Some(18), 21), (21, Some((18, 20))));
    assert_eq!(outbox.look_from(Some(18), 21), (21, None), "once");
    assert_eq!(outbox.look_from(Some(21), 25), (21, None));
    assert_eq!(outbox.look_from(None, 25), (21, None));
    // The store was restored.
    assert_eq!(outbox.look_from(Some(7), 9), (7, None));
    assert_eq!(Outbox::default().look_from(None, 9), (9, None));
}

#[test]
fn what_a_sink_has_not_taken_waits_and_what_is_too_much_is_counted() {
    let mut outbox = Outbox::default();
    for n in 0..103 {
        outbox.take(
            (&cause(n), &place(&format!("{n:03}"))),
            &settings(),
            open_at(0),
        );
    }
    assert_eq!(outbox.waiting_for("a").len(), 100);
    assert_eq!(outbox.sinks["a"].dropped, 3);
    let first = outbox.waiting_for("a")[0].id.clone();
    assert_eq!(first, "n-003-failed", "the oldest go first");
    outbox.settle(("a", &first), &SinkEnd::Failed("down".into()), 1);
    outbox.settle(("a", &first), &SinkEnd::Later, 2);
    assert_eq!(outbox.waiting_for("a").len(), 100);
    let standing = &outbox.sinks["a"];
    assert_eq!(
        (
            standing.failed_in_row,
            standing.error.as_deref(),
            standing.last_ms
        ),
        (1, Some("down"), Some(1))
    );
    outbox.settle(("a", &first), &SinkEnd::Taken, 3);
    assert_eq!(outbox.waiting_for("a").len(), 99);
    assert_eq!(outbox.waiting_for("b").len(), 100, "each sink for itself");
    let standing = &outbox.sinks["a"];
    assert_eq!(
        (standing.failed_in_row, standing.delivered, &standing.error),
        (0, 1, &None)
    );
    outbox.expire(&settings(), 24 * HOUR - 1);
    assert_eq!(outbox.waiting_for("a").len(), 99);
    outbox.expire(&settings(), 24 * HOUR);
    assert_eq!(outbox.waiting_for("a").len(), 0);
    assert_eq!(
        (outbox.sinks["a"].dropped, outbox.sinks["b"].dropped),
        (102, 103)
    );
    outbox.expire(&NoticeSettings::default(), 24 * HOUR);
    assert!(outbox.sinks.is_empty(), "a sink that is gone is forgotten");
}

#[test]
fn quiet_hours_hold_back_what_is_not_urgent_and_end_in_one_digest() {
    let quiet = QuietHours {
        from: "22:00".parse().unwrap(),
        to: "07:00".parse().unwrap(),
        time_zone: TimeZoneName("UTC".into()),
        urgent: vec![NoticeType::DaemonTrouble],
    };
    let settings = NoticeSettings {
        quiet_hours: Some(quiet),
        ..settings()
    };
    let mut outbox = Outbox::default();
    for n in 1..=17 {
        outbox.take(
            (&cause(n), &place(&format!("{n:02}"))),
            &settings,
            quiet_at(HOUR),
        );
    }
    let trouble = cause_of_trouble("no trust");
    outbox.take((&trouble, &place("xx")), &settings, quiet_at(HOUR));
    assert_eq!(
        titles(&outbox, "a"),
        ["the daemon starts nothing until this is mended: One"]
    );
    outbox.end_quiet(&place("end"), &settings, quiet_at(2 * HOUR));
    assert_eq!((outbox.held(), outbox.waiting_for("a").len()), (17, 1));
    let end = NoticePlace {
        title: None,
        ..place("end")
    };
    outbox.end_quiet(&end, &settings, open_at(9 * HOUR));
    let told = outbox.waiting_for("a").pop().unwrap();
    assert_eq!(
        (told.kind, told.title.as_str(), told.next.as_str()),
        (
            NoticeType::Digest,
            "17 things came up in quiet hours",
            "ai digest --since 9h"
        )
    );
    let lines: Vec<&str> = told.text.lines().collect();
    assert_eq!((lines.len(), lines[15]), (16, "and 2 more"));
    assert_eq!(lines[0], "failed: t-1 has failed: One");
    assert_eq!(outbox.held(), 0);
    // One thing needs no digest, and without one each is told by itself.
    outbox.take((&cause(90), &place("90")), &settings, quiet_at(HOUR));
    outbox.end_quiet(&end, &settings, open_at(9 * HOUR));
    assert_eq!(titles(&outbox, "b").pop().unwrap(), "t-90 has failed: One");
}

#[test]
fn quiet_hours_go_over_midnight_by_the_clock_of_their_place() {
    let quiet = QuietHours {
        from: "22:00".parse().unwrap(),
        to: "07:00".parse().unwrap(),
        time_zone: TimeZoneName("x".into()),
        urgent: Vec::new(),
    };
    for (hour, offset, expected) in [
        (21, "+00:00", None),
        (22, "+00:00", Some(31)),
        (20, "+02:00", Some(29)),
        (6, "+00:00", Some(7)),
        (7, "+00:00", None),
        (2, "-05:00", None),
        (3, "-05:00", Some(12)),
    ] {
        let end = quiet.end_of(hour * HOUR, offset.parse::<UtcOffset>().unwrap());
        assert_eq!(end, expected.map(|h: i64| h * HOUR), "{hour} {offset}");
    }
}

#[test]
fn what_holds_on_is_told_once_until_it_has_ended() {
    let mut outbox = Outbox::default();
    let trouble = [cause_of_trouble("no trust")];
    let mut look = |causes: &[NoticeCause], now_ms: i64| {
        let mark = now_ms.to_string();
        outbox.take_standing(causes, &place(&mark), (&settings(), open_at(now_ms)));
        outbox.waiting_for("a").len()
    };
    assert_eq!(
        [
            look(&trouble, 0),
            look(&trouble, 2 * HOUR),
            look(&[], 3 * HOUR),
            look(&trouble, 4 * HOUR)
        ],
        [1, 1, 1, 2]
    );
}

#[test]
fn tries_come_later_each_time_and_never_all_at_once() {
    let range = |at| (pause_before_try_ms(at, 0), pause_before_try_ms(at, 1_000));
    let all: Vec<(u64, u64)> = (1..8).map(range).collect();
    assert_eq!(
        all,
        [
            (250, 500),
            (500, 1_000),
            (1_000, 2_000),
            (2_000, 4_000),
            (4_000, 8_000),
            (4_000, 8_000),
            (4_000, 8_000)
        ]
    );
}

#[test]
fn rules_choose_the_sinks() {
    let ruled = |rules: &[(&'static str, &[&str])]| NoticeSettings {
        rules: rules
            .iter()
            .map(|(word, sinks)| (*word, sinks.iter().map(|s| (*s).to_owned()).collect()))
            .collect(),
        ..settings()
    };
    for (settings, kind, expected) in [
        (settings(), NoticeType::Done, vec!["a", "b"]),
        (ruled(&[("any", &["b", "b"])]), NoticeType::Done, vec!["b"]),
        (
            ruled(&[("failed", &["a"]), ("any", &["b"])]),
            NoticeType::Failed,
            vec!["a"],
        ),
        (ruled(&[("failed", &["a"])]), NoticeType::Done, vec![]),
        (
            ruled(&[("done", &[]), ("any", &["a"])]),
            NoticeType::Done,
            vec![],
        ),
    ] {
        assert_eq!(settings.sinks_of(kind), expected);
    }
}

proptest! {
    #[test]
    fn whatever_stands_in_it_a_notice_is_short_and_plain(title in "\\PC{0,500}|(?s).{0,300}", text in "(?s).{0,4000}", mark in ".{0,40}") {
        let cause = NoticeCause { text, ..cause(1) };
        let notice = Notice::of(&cause, &NoticePlace { repository: &title, title: Some(&title), at_ms: 0, mark: &mark });
        prop_assert!(notice.title.chars().count() <= 200 && notice.text.chars().count() <= 2000);
        let is_plain = |text: &str| !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
        prop_assert!(is_plain(&notice.title) && is_plain(&notice.text) && is_plain(&notice.repository));
        prop_assert!(!notice.title.contains('\n') && notice.line().lines().count() == 1);
        let back: Notice = serde_json::from_str(&notice.to_json()).unwrap();
        prop_assert_eq!(back, notice);
    }

    #[test]
    fn nothing_is_lost_uncounted(steps in proptest::collection::vec((0usize..40, 0u8..4), 0..400)) {
        let settings = NoticeSettings { deduplicate: Duration::from_millis(1), ..settings() };
        let mut outbox = Outbox::default();
        let (mut taken, mut told) = (0u64, 0u64);
        for (at, (n, step)) in steps.into_iter().enumerate() {
            let now_ms = i64::try_from(at).unwrap() * 1_000;
            let mark = format!("{at:06}");
            match step {
                0 | 1 => {
                    outbox.take((&cause(n), &place(&mark)), &settings, open_at(now_ms));
                    taken += 1;
                }
                2 => {
                    if let Some(first) = outbox.waiting_for("a").first() {
                        outbox.settle(("a", &first.id), &SinkEnd::Taken, now_ms);
                        told += 1;
                    }
                }
                _ => {
                    if let Some(first) = outbox.waiting_for("a").first() {
                        outbox.settle(("a", &first.id), &SinkEnd::Failed("x".into()), now_ms);
                    }
                }
            }
            let standing = outbox.sinks.get("a").cloned().unwrap_or_default();
            let waiting = outbox.waiting_for("a").len() as u64;
            prop_assert_eq!((standing.delivered, taken), (told, told + waiting + standing.dropped));
            prop_assert!(waiting <= 100);
        }
        let read: Outbox = serde_json::from_str(&serde_json::to_string(&outbox).unwrap()).unwrap();
        prop_assert_eq!(read, outbox);
    }
}
