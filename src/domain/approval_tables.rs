use super::*;
use crate::domain::action::Action;
use crate::domain::decision::{Decision, MatchedRule, PolicyLayer, Resource};
use crate::domain::facts::Facts;

const DAY: i64 = 86_400_000;

fn actor(name: &str) -> Actor {
    name.parse().unwrap()
}

fn answer(says: Says, by: &str, at_ms: WallMs) -> Reply {
    let word = Override {
        by: actor(by),
        reason: "so".into(),
        at_ms,
    };
    Reply { says, word }
}

fn yes(by: &str, at_ms: WallMs) -> Reply {
    answer(Says::Yes, by, at_ms)
}

fn no(by: &str, at_ms: WallMs) -> Reply {
    answer(Says::No, by, at_ms)
}

fn need(people: u32, by: &[&str], holds_ms: i64) -> Option<ApprovalNeed> {
    Some(ApprovalNeed {
        people,
        by: by.iter().map(|glob| (*glob).to_owned()).collect(),
        holds_ms,
    })
}

/// A question that rules of these needs ask, with these answers.
fn asked(needs: &[Option<ApprovalNeed>], answers: &[Reply]) -> DecisionRecord {
    let matched = needs.iter().enumerate().map(|(n, needs)| MatchedRule {
        layer: PolicyLayer::Project,
        rule: format!("rule-{n}"),
        effect: Effect::RequireApproval,
        reason: "ask".into(),
        path: None,
        when: None,
        needs: needs.clone(),
    });
    let decision = Decision {
        effect: Effect::RequireApproval,
        layer: PolicyLayer::Project,
        rule: "rule-0".into(),
        reason: "ask".into(),
        matched: matched.collect(),
        observed: Vec::new(),
        policy_digest: "p".into(),
        facts_digest: "f".into(),
        facts: Facts::default(),
    };
    let mut record = decision.record(
        "d-1".into(),
        0,
        Action::RunFinish,
        &actor("agent:a"),
        &Resource::default(),
    );
    record.answers = answers.to_vec();
    record
}

/// In words: who said no, or how many yes each rule misses.
fn stands(needs: &[Option<ApprovalNeed>], answers: &[Reply], now_ms: WallMs) -> String {
    let record = asked(needs, answers);
    let among =
        |actor: &Actor, globs: &[String]| globs.iter().any(|glob| *glob == actor.to_string());
    match standing(&record, [&record], now_ms, among) {
        ApprovalStanding::Approved => "approved".to_owned(),
        ApprovalStanding::SaidNo(word) => format!("{} said no", word.by),
        ApprovalStanding::Waits(missing) => {
            let one = |missing: &Missing| format!("{} misses {}", missing.rule, missing.people);
            missing.iter().map(one).collect::<Vec<_>>().join(", ")
        }
    }
}

#[test]
fn everybody_who_has_to_says_yes() {
    let (ann, bob) = ("human:ann", "human:bob");
    let two = || need(2, &[], DAY);
    let lead = || need(1, &[bob], DAY);
    for (needs, answers, comes_to) in [
        (vec![None], vec![], "rule-0 misses 1"),
        (vec![None], vec![yes(ann, 1)], "approved"),
        (vec![], vec![yes(ann, 1)], "approved"),
        (vec![two()], vec![yes(ann, 1)], "rule-0 misses 1"),
        (
            vec![two()],
            vec![yes(ann, 1), yes(ann, 2)],
            "rule-0 misses 1",
        ),
        (vec![two()], vec![yes(ann, 1), yes(bob, 2)], "approved"),
        (vec![lead()], vec![yes(ann, 1)], "rule-0 misses 1"),
        (vec![lead()], vec![yes(bob, 1)], "approved"),
        // Each rule that asks has to be content; one yes may do for several.
        (
            vec![two(), lead()],
            vec![yes(ann, 1)],
            "rule-0 misses 1, rule-1 misses 1",
        ),
        (vec![two(), lead()], vec![yes(bob, 1)], "rule-0 misses 1"),
        (
            vec![two(), lead()],
            vec![yes(ann, 1), yes(bob, 2)],
            "approved",
        ),
    ] {
        assert_eq!(
            stands(&needs, &answers, 10),
            comes_to,
            "{needs:?} {answers:?}"
        );
    }
}

#[test]
fn the_last_no_takes_back_every_yes_before_it() {
    let (ann, bob) = ("human:ann", "human:bob");
    for (answers, comes_to) in [
        (vec![no(ann, 1)], "human:ann said no"),
        (vec![yes(bob, 1), no(ann, 2)], "human:ann said no"),
        (vec![no(ann, 2), yes(bob, 1)], "human:ann said no"),
        (vec![no(ann, 1), yes(bob, 2)], "approved"),
        (vec![no(ann, 1), no(bob, 2)], "human:bob said no"),
        (vec![yes(ann, 1), no(bob, 2), yes(ann, 3)], "approved"),
    ] {
        assert_eq!(stands(&[None], &answers, 10), comes_to, "{answers:?}");
    }
    let two = need(2, &[], DAY);
    let answers = [yes(ann, 1), no(bob, 2), yes(bob, 3)];
    assert_eq!(stands(&[two], &answers, 10), "rule-0 misses 1");
}

#[test]
fn an_answer_holds_as_long_as_its_rule_says() {
    let ann = "human:ann";
    for (needs, said, now_ms, comes_to) in [
        (None, yes(ann, 0), HOLDS_MS - 1, "approved"),
        (None, yes(ann, 0), HOLDS_MS, "rule-0 misses 1"),
        (need(1, &[], DAY), yes(ann, 5), DAY + 4, "approved"),
        (need(1, &[], DAY), yes(ann, 5), DAY + 5, "rule-0 misses 1"),
        (need(1, &[], DAY), no(ann, 5), DAY + 4, "human:ann said no"),
        (need(1, &[], DAY), no(ann, 5), DAY + 5, "rule-0 misses 1"),
        (None, yes(ann, i64::MAX), i64::MAX, "rule-0 misses 1"),
    ] {
        assert_eq!(
            stands(
                std::slice::from_ref(&needs),
                std::slice::from_ref(&said),
                now_ms
            ),
            comes_to,
            "{needs:?} {said:?}"
        );
    }
}

#[test]
fn what_was_said_to_an_earlier_record_of_the_question_counts() {
    let mut old = asked(&[None], &[]);
    old.overridden = Some(yes("human:ann", 1).word);
    let now = asked(&[need(2, &[], DAY)], &[]);
    let anybody = |_: &Actor, _: &[String]| true;
    let missing = Missing {
        rule: "rule-0".into(),
        people: 1,
        by: Vec::new(),
    };
    assert_eq!(
        standing(&now, [&old, &now], 10, anybody),
        ApprovalStanding::Waits(vec![missing]),
        "the rule of today decides how many it takes"
    );
    assert_eq!(
        standing(&old, [&old], 10, anybody),
        ApprovalStanding::Approved
    );
}

#[test]
fn a_person_counts_once_under_both_names() {
    let by_git = |login: &str| {
        let login = actor(&format!("human:{login}")).name;
        Actor::by_git("ann@example.com", Some(login)).unwrap()
    };
    for (one, other, same) in [
        (actor("human:ann"), actor("human:ann"), true),
        (actor("human:ann"), actor("human:bob"), false),
        (by_git("ann"), actor("human:ann"), true),
        (by_git("ann"), actor("human:bob"), false),
        (by_git("ann"), actor("human:ann@example.com"), true),
    ] {
        assert_eq!(is_same_person(&one, &other), same, "{one:?} {other:?}");
        assert_eq!(is_same_person(&other, &one), same, "{other:?} {one:?}");
    }
}

#[test]
fn a_yes_is_said_anew_only_once_half_of_its_time_is_over() {
    let (ann, bob) = ("human:ann", "human:bob");
    for (answers, now_ms, is_fresh) in [
        (vec![], 1, false),
        (vec![yes(ann, 0)], DAY / 2 - 1, true),
        (vec![yes(ann, 0)], DAY / 2, false),
        (vec![yes(ann, 0), yes(ann, 9)], DAY / 2, true),
        (vec![yes(bob, 0)], 1, false),
        (vec![yes(ann, 0), no(bob, 1)], 2, false),
    ] {
        let record = asked(&[need(1, &[], DAY)], &answers);
        let found = has_fresh_yes(&record, [&record], &actor(ann), now_ms);
        assert_eq!(found, is_fresh, "{answers:?} {now_ms}");
    }
}
