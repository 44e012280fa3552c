//! What `ai policy …` prints with `--json`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::answer::project::BadPolicyFile;
use crate::domain::actor::Actor;
use crate::domain::decision::{DecisionRecord, Effect, MatchedRule, PolicyLayer};
use crate::policy::{HeldRule, NotReplayable};

/// The answer to `ai policy test`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct PolicyTested<'a> {
    /// The file of tests.
    pub(in crate::cli) file: &'a str,
    /// True where every example and every test holds.
    pub(in crate::cli) ok: bool,
    /// The number of examples that hold, in all files that can be read.
    pub(in crate::cli) examples: usize,
    /// The number of tests that failed.
    pub(in crate::cli) failed: usize,
    /// The tests, in the order of the file.
    pub(in crate::cli) tests: Vec<TestedQuestion<'a>>,
    /// Files that cannot be used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::cli) bad_files: Vec<BadPolicyFile<'a>>,
}

/// A test with the answer that it got.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct TestedQuestion<'a> {
    /// The name.
    pub(in crate::cli) name: &'a str,
    /// The line in the file.
    pub(in crate::cli) line: u64,
    /// True where the answer is the expected one.
    pub(in crate::cli) ok: bool,
    /// The effect that was expected.
    pub(in crate::cli) expected: Effect,
    /// The rule that was expected to decide; absent for any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) expected_rule: Option<&'a str>,
    /// The effect.
    pub(in crate::cli) effect: Effect,
    /// The layer whose rule decided.
    pub(in crate::cli) layer: PolicyLayer,
    /// The rule that decided.
    pub(in crate::cli) rule: &'a str,
    /// The reason.
    pub(in crate::cli) reason: &'a str,
    /// All rules that matched.
    pub(in crate::cli) matched: &'a [MatchedRule],
}

/// The answer to `ai policy check`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct PolicyChecked<'a> {
    /// The range as it was given.
    pub(in crate::cli) range: &'a str,
    /// The commit whose policy answered.
    pub(in crate::cli) policy_of: &'a str,
    /// False where that commit has no policy, so that the built-in rules alone answered.
    pub(in crate::cli) has_policy: bool,
    /// The last commit of the range.
    pub(in crate::cli) tip: &'a str,
    /// The strictest answer.
    pub(in crate::cli) effect: Effect,
    /// The answers: about each commit, oldest first, then about the push, where a branch was named.
    pub(in crate::cli) questions: Vec<CheckedPart<'a>>,
}

/// The answer about a commit of a range, or about its push.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct CheckedPart<'a> {
    /// The commit; absent for the push.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) commit: Option<&'a str>,
    /// The first line of its message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) subject: Option<&'a str>,
    /// The actor who was asked about: as the commit names them, unless another one was named.
    pub(in crate::cli) actor: &'a Actor,
    /// The effect.
    pub(in crate::cli) effect: Effect,
    /// The layer whose rule decided.
    pub(in crate::cli) layer: PolicyLayer,
    /// The rule that decided.
    pub(in crate::cli) rule: &'a str,
    /// The reason.
    pub(in crate::cli) reason: &'a str,
    /// All rules that matched.
    pub(in crate::cli) matched: &'a [MatchedRule],
    /// Rules that only observe and would have had a say.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(in crate::cli) observed: &'a [MatchedRule],
    /// The number of paths that were asked about.
    pub(in crate::cli) paths: usize,
    /// The digest of the policy that answered.
    pub(in crate::cli) policy_digest: &'a str,
}

/// The answer to `ai policy explain --rules`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct DecisionExplained<'a> {
    /// The decision.
    pub(in crate::cli) decision: &'a DecisionRecord,
    /// True where the policy of now is the one that decided.
    pub(in crate::cli) same_policy: bool,
    /// The effect by the policy of now; absent where the decision cannot be made again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) effect: Option<Effect>,
    /// The rule that decides now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) rule: Option<&'a str>,
    /// The reason why it cannot be made again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) not_replayable: Option<NotReplayable>,
    /// Every rule of the policy of now, as it stands to the question.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(in crate::cli) rules: &'a [HeldRule],
}

/// The answer to `ai policy replay`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct PolicyReplayed<'a> {
    /// The file by which was judged.
    pub(in crate::cli) policy: &'a str,
    /// The number of decisions that would be the same.
    pub(in crate::cli) same: usize,
    /// The decisions that would have another effect, oldest first.
    pub(in crate::cli) changed: Vec<ReplayedDecision<'a>>,
    /// The numbers of decisions that cannot be made again, by the reason.
    pub(in crate::cli) not_replayable: BTreeMap<NotReplayable, usize>,
}

/// A decision that another policy would have made otherwise.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct ReplayedDecision<'a> {
    /// The decision as it was made.
    pub(in crate::cli) decision: &'a DecisionRecord,
    /// The effect that it would have.
    pub(in crate::cli) effect: Effect,
    /// The rule that would decide.
    pub(in crate::cli) rule: &'a str,
    /// The reason that would be given.
    pub(in crate::cli) reason: &'a str,
}
