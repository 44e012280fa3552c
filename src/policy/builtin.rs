//! The rules that are part of `ai`: they stand with and without a policy file.

use crate::base::yaml::SourcePlace;
use crate::domain::action::Action;
use crate::domain::decision::{Effect, MatchedRule, PolicyLayer};
use crate::domain::facts::{CredentialPlace, Facts};
use crate::policy::name_globs::NameGlobs;
use crate::policy::path_globs::PathGlobs;
use crate::policy::pattern_list::BadPatterns;
use crate::policy::rule::{ActionPattern, PolicyRule, RuleForce, RuleImports, RuleStanding};
use std::sync::OnceLock;

/// Name of the built-in policy in records; counts up when the built-in rules change.
pub const DIGEST: &str = "built-in:2";
/// So many places of a credential are named in a reason.
const SHOWN_PLACES: usize = 4;
/// Ids of the built-in rules begin so; a rule of a file that does replaces one.
pub(super) const PREFIX: &str = "built-in.";
/// Ids that begin so belong to `ai`.
pub const RESERVED: [&str; 3] = [PREFIX, "limit.", "policy."];

/// The built-in rules; none only where `ai` itself is broken, and then everything is denied.
pub fn rules() -> Option<&'static [PolicyRule]> {
    static RULES: OnceLock<Option<Vec<PolicyRule>>> = OnceLock::new();
    RULES.get_or_init(|| build().ok()).as_deref()
}

fn build() -> Result<Vec<PolicyRule>, BadPatterns> {
    let not_human = || NameGlobs::new(["agent:*", "daemon:*", "hook:*"]).map(Some);
    Ok(vec![
        PolicyRule {
            id: "built-in.protect-ai".to_owned(),
            on: only(&[
                Action::Edit,
                Action::ToolCall,
                Action::Commit,
                Action::Push,
                Action::RunFinish,
                Action::TaskAccept,
                Action::AgentRegister,
            ]),
            paths: Some(PathGlobs::checked([".ai/"])),
            actors: Some(NameGlobs::new(["agent:*"])?),
            effect: Effect::RequireApproval,
            reason:
                "policy, configuration, connectors, hooks, skills and workflows decide what agents may do; a human \
                     says yes to their changes"
                    .to_owned(),
            standing: RuleStanding::Overridable,
            ..blank()
        },
        PolicyRule {
            id: "built-in.humans-trust".to_owned(),
            on: only(&[Action::Trust, Action::ApprovalGrant, Action::PolicyOverride]),
            actors: not_human()?,
            effect: Effect::Deny,
            reason: "trust, approvals and overrides are a human's word".to_owned(),
            ..blank()
        },
        PolicyRule {
            id: "built-in.humans-override".to_owned(),
            on: only(&[Action::TaskOverride]),
            actors: not_human()?,
            effect: Effect::RequireApproval,
            reason: "work without a passing verdict is done only by a human's word".to_owned(),
            ..blank()
        },
    ])
}

/// The answer to a change that brings the value of a credential: whatever a policy allows, a person
/// looks at it, since what is once in the history of a repository stays known.
pub(super) fn credentials_in_change(facts: &Facts) -> Option<MatchedRule> {
    if facts.credentials_added.is_empty() {
        return None;
    }
    let names = facts.credentials_added.iter();
    let names: Vec<String> = names.map(|name| with_places(name, facts)).collect();
    Some(MatchedRule {
        layer: PolicyLayer::BuiltIn,
        rule: "built-in.credential-in-change".to_owned(),
        effect: Effect::RequireApproval,
        reason: format!(
            "the change holds the value of a credential: {}",
            names.join(", ")
        ),
        path: None,
        needs: None,
        when: None,
    })
}

/// A credential with the places of the change in which it stands.
fn with_places(name: &str, facts: &Facts) -> String {
    let places = facts.credential_places.iter();
    let places = places.filter(|place| place.name == name);
    let places: Vec<String> = places.map(CredentialPlace::in_words).collect();
    let (shown, rest) = places.split_at(places.len().min(SHOWN_PLACES));
    let more = match rest.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match shown {
        [] => name.to_owned(),
        _ => format!("{name} ({}{more})", shown.join(", ")),
    }
}

fn only(actions: &[Action]) -> Vec<ActionPattern> {
    actions.iter().copied().map(ActionPattern::One).collect()
}

fn blank() -> PolicyRule {
    PolicyRule {
        id: String::new(),
        layer: PolicyLayer::BuiltIn,
        on: Vec::new(),
        paths: None,
        imports: RuleImports::Others,
        actors: None,
        labels: None,
        types: None,
        kinds: None,
        tools: None,
        effect: Effect::Deny,
        force: RuleForce::Binds,
        needs: None,
        when: None,
        reason: String::new(),
        standing: RuleStanding::Fixed,
        file: "".into(),
        place: SourcePlace::default(),
    }
}
