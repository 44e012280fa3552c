use proptest::prelude::*;

use crate::domain::action::Action;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::decision::{Decision, DecisionRecord, Effect, PolicyLayer, Resource};
use crate::domain::facts::Facts;
use crate::domain::verdict::PolicyVerdict;

use super::*;

/// The answer of a policy to one used tool.
fn record(effect: Effect, reason: &str) -> DecisionRecord {
    let decision = Decision {
        effect,
        layer: PolicyLayer::Project,
        rule: "tools".into(),
        reason: reason.into(),
        matched: Vec::new(),
        observed: Vec::new(),
        policy_digest: "p".into(),
        facts_digest: "f".into(),
        facts: Facts::default(),
    };
    let resource = Resource {
        tool: Some("Bash".into()),
        ..Resource::default()
    };
    let actor = Actor::new(ActorKind::Agent, "codex").unwrap();
    decision.record("d-1".into(), 0, Action::ToolCall, &actor, &resource)
}

fn voice(verdict: PolicyVerdict, reason: &str) -> Objection {
    Objection {
        verdict,
        reason: reason.to_owned(),
    }
}

#[test]
fn each_pair_of_voices_ends_in_the_stricter_and_in_the_first_of_equals() {
    use PolicyVerdict::{Allow, Deny, NeedsApproval};
    for (first, second, wins) in [
        (Allow, Allow, "first"),
        (Allow, NeedsApproval, "second"),
        (Allow, Deny, "second"),
        (NeedsApproval, Allow, "first"),
        (NeedsApproval, NeedsApproval, "first"),
        (NeedsApproval, Deny, "second"),
        (Deny, Allow, "first"),
        (Deny, NeedsApproval, "first"),
        (Deny, Deny, "first"),
    ] {
        let strictest = voice(first, "first").strictest([voice(second, "second")]);
        assert_eq!(strictest.reason, wins, "{first} then {second}");
        assert_eq!(
            strictest.verdict,
            first.max(second),
            "{first} then {second}"
        );
    }
}

#[test]
fn the_reason_of_a_denial_is_never_replaced_by_a_later_one() {
    let policy = Objection::of_policy(PolicyVerdict::Deny, &record(Effect::Deny, "ci is ours"));
    let later = [
        Objection::of_lock("a is locked by b"),
        Objection::of_trespass("/etc/passwd"),
    ];
    assert_eq!(
        policy.strictest(later),
        voice(PolicyVerdict::Deny, "ci is ours")
    );
}

#[test]
fn a_voice_alone_is_the_strictest() {
    let alone = voice(PolicyVerdict::NeedsApproval, "ask");
    assert_eq!(alone.clone().strictest([]), alone);
}

#[test]
fn a_lock_and_a_trespass_always_deny() {
    assert_eq!(
        Objection::of_lock("a is locked by b"),
        voice(PolicyVerdict::Deny, "a is locked by b")
    );
    assert_eq!(
        Objection::of_trespass("/tmp/\u{1b}x"),
        voice(
            PolicyVerdict::Deny,
            "the agent changed /tmp/\\ex outside of its worktree"
        )
    );
}

#[test]
fn of_the_tools_used_unasked_only_a_denied_one_has_a_voice() {
    for effect in [Effect::Allow, Effect::Warn, Effect::RequireApproval] {
        assert_eq!(Objection::of_used_tool(&record(effect, "why")), None);
    }
    assert_eq!(
        Objection::of_used_tool(&record(Effect::Deny, "why")),
        Some(voice(
            PolicyVerdict::Deny,
            "the agent used the tool `Bash`, which the policy denies: why (rule `tools`)"
        ))
    );
}

#[test]
fn a_reviewer_reads_what_the_policy_says_of_a_used_tool() {
    for (effect, words) in [
        (Effect::Deny, "which the policy denies"),
        (
            Effect::RequireApproval,
            "for which the policy wants a person's yes",
        ),
        (Effect::Warn, "of which the policy warns"),
    ] {
        assert_eq!(
            used_tool_in_words(&record(effect, "why")),
            format!("the agent used the tool `Bash`, {words}: why (rule `tools`)")
        );
    }
}

fn any_voice() -> impl Strategy<Value = Objection> {
    let verdict = proptest::sample::select(PolicyVerdict::ALL);
    (verdict, "[a-c]").prop_map(|(verdict, reason)| voice(verdict, &reason))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whoever speaks last cannot soften what was said, and the winner is somebody who spoke.
    #[test]
    fn the_strictest_of_many_is_the_first_with_the_highest_verdict(
        first in any_voice(),
        others in proptest::collection::vec(any_voice(), 0..5),
    ) {
        let mut all = vec![first.clone()];
        all.extend(others.iter().cloned());
        let highest = all.iter().map(|one| one.verdict).max();
        let expected = all.iter().find(|one| Some(one.verdict) == highest).cloned();
        prop_assert_eq!(Some(first.strictest(others)), expected);
    }
}
