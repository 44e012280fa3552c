//! Decisions and their records: what was asked, which rules matched, which layer won, the effect
//! and why.
//!
//! Records are kept for ever and read by later versions: fields are only ever added.

use crate::base::hash;
use crate::domain::action::Action;
use crate::domain::actor::{Actor, ActorName};
use crate::domain::approval::{ApprovalNeed, Reply};
use crate::domain::facts::Facts;
use crate::domain::repo_path::RepoPath;
use crate::domain::tool_kind::ToolKind;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The effect of a rule or a decision. Ordered from weak to strict, so that the strictest of many
/// is their maximum.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Go on.
    Allow,
    /// Go on and say why somebody may not like it.
    Warn,
    /// Wait for a human's yes.
    RequireApproval,
    /// Do not.
    Deny,
}

impl Effect {
    /// All effects from weak to strict.
    #[cfg(test)]
    pub const ALL: [Self; 4] = [Self::Allow, Self::Warn, Self::RequireApproval, Self::Deny];

    /// The word used in files and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::RequireApproval => "require_approval",
            Self::Deny => "deny",
        }
    }

    /// True where the action may go on now, without anybody's yes.
    pub const fn lets_through(self) -> bool {
        matches!(self, Self::Allow | Self::Warn)
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The origin of a rule, from the outermost layer inwards.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Layer")]
pub enum PolicyLayer {
    /// Part of `ai`.
    BuiltIn,
    /// `policy.yaml` in the user's configuration directory.
    Global,
    /// The repository's `.ai/policy.yaml`.
    Project,
    /// `.ai/agents/<id>/policy.yaml`.
    Agent,
}

impl PolicyLayer {
    /// The word used in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BuiltIn => "built-in",
            Self::Global => "global",
            Self::Project => "project",
            Self::Agent => "agent",
        }
    }
}

impl fmt::Display for PolicyLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The object of an action.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Resource {
    /// The task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The type of the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_type: Option<String>,
    /// The labels of the task.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// The run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Files that are touched; both names of a rename.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<RepoPath>,
    /// Globs that are asked for, as of a claim or a lock.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<String>,
    /// The tool or command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The kind of thing that the tool does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ToolKind>,
    /// SHA-256 of all that the tool is going to do, where its paths do not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The branch or ref that is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The host that is reached, by its name or its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The port of that host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The credential that a run is given, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The agent whose work is judged, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// The judgement of that work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judgement: Option<Judgement>,
    /// The actor for whom a message is, as `agent:codex`; absent where nobody holds the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
}

/// A judgement of the evidence of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// The work is taken over by its evidence.
    Accepted,
    /// The work is taken over, whatever its evidence says.
    Overridden,
    /// Whoever has done the work ends its task by checks that `ai` has run.
    Proven,
    /// The work goes back.
    Rejected,
    /// Work that was taken over is taken out again.
    Undone,
}

impl Judgement {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Accepted,
        Self::Overridden,
        Self::Proven,
        Self::Rejected,
        Self::Undone,
    ];

    /// The word in records and conditions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Overridden => "overridden",
            Self::Proven => "proven",
            Self::Rejected => "rejected",
            Self::Undone => "undone",
        }
    }
}

/// One rule that matched.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct MatchedRule {
    /// The layer the rule comes from.
    pub layer: PolicyLayer,
    /// The id of the rule.
    pub rule: String,
    /// The effect.
    pub effect: Effect,
    /// The reason in the words of the rule.
    pub reason: String,
    /// The first path or pattern that it matched, safe to show; `None` for a rule that is not about
    /// paths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The yes that it takes; `None` for one person's, and for other effects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<ApprovalNeed>,
    /// The condition of the rule, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<MetCondition>,
}

impl MatchedRule {
    /// The reason with the path, as one line for people.
    pub fn told(&self) -> String {
        match &self.path {
            Some(path) => format!("{} ({path})", self.reason),
            None => self.reason.clone(),
        }
    }
}

/// The condition of a rule that matched.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct MetCondition {
    /// The condition as it is written, cut where it is long.
    pub text: String,
    /// The reason why it had no value, so that the rule denies; `None` where it was true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// A human's word against a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Override {
    /// The actor.
    pub by: Actor,
    /// The reason as given.
    pub reason: String,
    /// Time in milliseconds since the epoch.
    pub at_ms: i64,
}

/// An override that took something back in a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct UsedOverride {
    /// The id of the override.
    pub id: String,
    /// The rule.
    pub rule: String,
    /// The layer of the rule.
    pub layer: PolicyLayer,
    /// The effect that the rule has without it.
    pub was: Effect,
    /// The person who gave it.
    pub by: Actor,
    /// The reason as given.
    pub reason: String,
    /// The end, in milliseconds since the epoch.
    pub until_ms: i64,
}

/// The answer of the policy to one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The policy's answer.
    pub effect: Effect,
    /// The layer whose rule won.
    pub layer: PolicyLayer,
    /// The id of the rule that won.
    pub rule: String,
    /// The reason as one line for people.
    pub reason: String,
    /// All rules that matched, by layer and id.
    pub matched: Vec<MatchedRule>,
    /// Rules that only observe and would have had a say, by layer and id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub observed: Vec<MatchedRule>,
    /// The digest of the policy that answered.
    pub policy_digest: String,
    /// The digest of the facts that were looked at.
    pub facts_digest: String,
    /// The facts that were looked at.
    #[serde(skip)]
    pub facts: Facts,
}

/// A decision, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct DecisionRecord {
    /// The id, `d-…`.
    pub id: String,
    /// Time in milliseconds since the epoch.
    pub at_ms: i64,
    /// The actor that asked.
    pub actor: Actor,
    /// The login of a person whom Git names, by which rules know them, too; absent for others, and in
    /// records of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<ActorName>,
    /// The action that was asked for.
    pub action: Action,
    /// On what. At most [`KEPT_PATHS`] paths are kept; `subject_digest` covers all of them.
    pub resource: Resource,
    /// Number of paths that were asked about.
    pub path_count: u64,
    /// SHA-256 of action, actor and whole resource: an approval is bound to exactly this.
    pub subject_digest: String,
    /// SHA-256 of the facts.
    pub facts_digest: String,
    /// The facts; absent where none was known, and in records of before. At most [`KEPT_PATHS`] of a
    /// list are kept, and then the digest is another one than theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Facts>,
    /// SHA-256 of the policy's one file or of the list of its files, or the name of the built-in policy.
    pub policy_digest: String,
    /// All rules that matched.
    pub matched: Vec<MatchedRule>,
    /// Rules that only observe, with the effect that each would have had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observed: Vec<MatchedRule>,
    /// The layer that won.
    pub layer: PolicyLayer,
    /// The rule that won.
    pub rule: String,
    /// The effect.
    pub effect: Effect,
    /// The reason.
    pub reason: String,
    /// Answers of people before the one that decided, oldest first, and every no.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Reply>,
    /// Overrides that took rules back; those stand among the matched ones as warnings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<UsedOverride>,
    /// A human's word against it: the yes that answered it.
    #[serde(default, rename = "override", skip_serializing_if = "Option::is_none")]
    pub overridden: Option<Override>,
}

/// Number of paths that a record keeps.
pub const KEPT_PATHS: usize = 200;

impl DecisionRecord {
    /// The effect that there would have been, had the rules that only observe been in force; `None`
    /// where it would have been the same.
    pub fn would_be(&self) -> Option<Effect> {
        let observed = self.observed.iter().map(|rule| rule.effect);
        observed.max().filter(|would| *would > self.effect)
    }

    /// True where this asks what `old` asked: same action, resource and actor, or a person whom Git
    /// names now and who asked under the login then.
    pub fn asks_again(&self, old: &DecisionRecord) -> bool {
        let then = self.actor.by_login();
        let digest = match then.filter(|then| then.same_session(&old.actor)) {
            Some(then) => subject_digest(self.action, &then, &self.resource),
            None => self.subject_digest.clone(),
        };
        digest == old.subject_digest
    }
}

impl Decision {
    /// The record of this decision. `id` and `at_ms` (milliseconds since the epoch) come from the
    /// caller.
    pub fn record(
        &self,
        id: String,
        at_ms: i64,
        action: Action,
        actor: &Actor,
        resource: &Resource,
    ) -> DecisionRecord {
        let mut kept = resource.clone();
        kept.paths.truncate(KEPT_PATHS);
        DecisionRecord {
            id,
            at_ms,
            actor: actor.clone(),
            login: actor.login.clone(),
            action,
            resource: kept,
            path_count: resource.paths.len() as u64,
            subject_digest: subject_digest(action, actor, resource),
            facts_digest: self.facts_digest.clone(),
            facts: kept_facts(&self.facts),
            policy_digest: self.policy_digest.clone(),
            matched: self.matched.clone(),
            observed: self.observed.clone(),
            layer: self.layer,
            rule: self.rule.clone(),
            effect: self.effect,
            reason: self.reason.clone(),
            answers: Vec::new(),
            overrides: Vec::new(),
            overridden: None,
        }
    }
}

/// The facts as a record keeps them.
fn kept_facts(facts: &Facts) -> Option<Facts> {
    if *facts == Facts::default() {
        return None;
    }
    let mut kept = facts.clone();
    if let Some(paths) = &mut kept.outside_paths {
        paths.truncate(KEPT_PATHS);
    }
    if let Some(findings) = &mut kept.findings {
        findings.truncate(KEPT_PATHS);
    }
    kept.moves.truncate(KEPT_PATHS);
    kept.credential_places.truncate(KEPT_PATHS);
    if let Some(messages) = &mut kept.messages {
        messages.truncate(KEPT_PATHS);
    }
    if let Some(kinds) = &mut kept.change_kinds {
        kinds.truncate(KEPT_PATHS);
    }
    Some(kept)
}

/// SHA-256 of what was asked: action, actor without its session, and every part of the resource.
/// What an agent asks within a run is bound to its task and not to the run, which has ended before
/// anybody could say yes.
pub fn subject_digest(action: Action, actor: &Actor, resource: &Resource) -> String {
    let within_a_run = matches!(
        action,
        Action::ToolCall | Action::Edit | Action::CommandExec | Action::FileRead
    );
    let run = resource.run.clone().filter(|_| !within_a_run);
    let resource = &Resource {
        run,
        ..resource.clone()
    };
    let asked =
        serde_json::json!({ "action": action, "actor": actor.label(), "resource": resource });
    hash::sha256_hex(asked.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::actor::ActorKind;
    use super::*;

    fn actor() -> Actor {
        Actor::new(ActorKind::Agent, "codex").unwrap()
    }

    fn record() -> DecisionRecord {
        let matched = MatchedRule {
            layer: PolicyLayer::Project,
            rule: "no-ci".into(),
            effect: Effect::Deny,
            reason: "CI is ours".into(),
            path: Some("ci/a.yml".into()),
            needs: None,
            when: None,
        };
        let decision = Decision {
            effect: Effect::Deny,
            layer: PolicyLayer::Project,
            rule: "no-ci".into(),
            reason: "CI is ours".into(),
            matched: vec![matched],
            observed: Vec::new(),
            policy_digest: "p".into(),
            facts_digest: "f".into(),
            facts: Facts::default(),
        };
        let resource = Resource {
            paths: vec!["ci/a.yml".into(), RepoPath::new(vec![b'a', 0xff])],
            ..Resource::default()
        };
        decision.record("d-1".into(), 7, Action::RunFinish, &actor(), &resource)
    }

    #[test]
    fn a_record_survives_json_with_any_path() {
        let mut record = record();
        let text = serde_json::to_string(&record).unwrap();
        assert!(
            text.contains(r#"{"hex":"61ff"}"#) && !text.contains("override"),
            "{text}"
        );
        assert_eq!(
            serde_json::from_str::<DecisionRecord>(&text).unwrap(),
            record
        );
        record.overridden = Some(Override {
            by: actor(),
            reason: "known".into(),
            at_ms: 9,
        });
        let text = serde_json::to_string(&record).unwrap();
        assert!(text.contains(r#""override":{"#));
        assert_eq!(
            serde_json::from_str::<DecisionRecord>(&text).unwrap(),
            record
        );
    }

    #[test]
    fn a_record_keeps_few_paths_and_the_digest_covers_all() {
        let decision_paths = |n: usize| Resource {
            paths: (0..n).map(|i| RepoPath::new(format!("f{i}"))).collect(),
            ..Resource::default()
        };
        let (a, b) = (
            decision_paths(KEPT_PATHS + 1),
            decision_paths(KEPT_PATHS + 2),
        );
        let digest = |r: &Resource| subject_digest(Action::Edit, &actor(), r);
        assert_ne!(digest(&a), digest(&b));
        assert_eq!(digest(&a), digest(&a.clone()));
        let decision = Decision {
            effect: Effect::Allow,
            layer: PolicyLayer::BuiltIn,
            rule: "default".into(),
            reason: String::new(),
            matched: vec![],
            observed: Vec::new(),
            policy_digest: String::new(),
            facts_digest: String::new(),
            facts: Facts::default(),
        };
        let record = decision.record("d-2".into(), 0, Action::Edit, &actor(), &b);
        assert_eq!(
            (record.resource.paths.len(), record.path_count),
            (KEPT_PATHS, KEPT_PATHS as u64 + 2)
        );
        assert_eq!(record.subject_digest, digest(&b));
    }

    #[test]
    fn a_yes_to_the_login_is_one_to_the_person_whom_git_names() {
        let of = |text: &str| text.parse::<Actor>().unwrap();
        let by_git = |login: &str| {
            let login = of(&format!("human:{login}")).name;
            Actor::by_git("ann@example.com", Some(login)).unwrap()
        };
        let decision = Decision {
            effect: Effect::RequireApproval,
            layer: PolicyLayer::Project,
            rule: "ask".into(),
            reason: String::new(),
            matched: vec![],
            observed: Vec::new(),
            policy_digest: String::new(),
            facts_digest: String::new(),
            facts: Facts::default(),
        };
        let asked = |actor: &Actor, path: &str| {
            let resource = Resource {
                paths: vec![path.into()],
                ..Resource::default()
            };
            decision.record("d-1".into(), 0, Action::Edit, actor, &resource)
        };
        let now = asked(&by_git("annlee"), "a");
        for (then, path, same) in [
            (by_git("annlee"), "a", true),
            (by_git("other"), "a", true),
            (of("human:annlee"), "a", true),
            (of("human:annlee"), "b", false),
            (of("human:other"), "a", false),
            (of("agent:annlee"), "a", false),
        ] {
            assert_eq!(now.asks_again(&asked(&then, path)), same, "{then} {path}");
        }
        let named = asked(&of("human:ann@example.com"), "a");
        assert!(!named.asks_again(&asked(&of("human:annlee"), "a")));
    }

    #[test]
    fn effects_and_layers_are_ordered_and_named_as_in_json() {
        assert_eq!(Effect::ALL.iter().max(), Some(&Effect::Deny));
        assert!(Effect::Allow < Effect::Warn && Effect::Warn < Effect::RequireApproval);
        assert!(
            PolicyLayer::BuiltIn < PolicyLayer::Global && PolicyLayer::Project < PolicyLayer::Agent
        );
        for effect in Effect::ALL {
            assert_eq!(
                serde_json::to_string(&effect).unwrap(),
                format!("\"{effect}\"")
            );
        }
        for layer in [
            PolicyLayer::BuiltIn,
            PolicyLayer::Global,
            PolicyLayer::Project,
            PolicyLayer::Agent,
        ] {
            assert_eq!(
                serde_json::to_string(&layer).unwrap(),
                format!("\"{layer}\"")
            );
        }
    }
}
