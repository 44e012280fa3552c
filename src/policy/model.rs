//! A policy in memory, by its layers, and the three states in which a repository can have one.

use crate::base::hash;
use crate::base::yaml::{SourcePlace, YamlProblems};
use crate::domain::action::Action;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::decision::{Effect, PolicyLayer};
use crate::domain::guards::Guard;
use crate::policy::bounds_file::AgentBounds;
use crate::policy::builtin;
use crate::policy::committed::Committed;
use crate::policy::condition::{asked_for_content, asks_for_messages};
use crate::policy::guards::GuardSetting;
use crate::policy::limits::PolicyLimits;
use crate::policy::rule::{ActionPattern, PolicyRule, RuleForce, RuleImports, RuleStanding};
use crate::policy::source::Extended;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The content of one file of a policy, found in order.
#[derive(Debug, Clone)]
pub struct PolicyPart {
    /// The file as people know it.
    pub(super) file: Arc<str>,
    /// The version of the file in words, where it is not the one on the disk.
    pub(super) version: Option<Arc<str>>,
    /// The bytes, for what is only found wrong together with other files.
    pub(super) text: Arc<[u8]>,
    /// The place at which it begins.
    pub(super) begins: SourcePlace,
    /// The packs that it extends.
    pub(super) extends: Vec<Extended>,
    /// The rules in the order of the file, which has no meaning.
    pub(super) rules: Vec<PolicyRule>,
    /// The effect where no rule matches, where the file says it.
    pub(super) default: Option<Effect>,
    /// The limits.
    pub(super) limits: PolicyLimits,
    /// The effect of a change beyond the paths of its task, where the file says it.
    pub(super) outside_paths: Option<Effect>,
    /// The guards.
    pub(super) guards: Vec<GuardSetting>,
    /// The bounds of agents.
    pub(super) bounds: Vec<AgentBounds>,
    /// SHA-256 of the bytes of the file.
    pub(super) digest: String,
}

impl PolicyPart {
    /// A part of a file that says nothing yet.
    pub(super) fn empty(file: &str, begins: SourcePlace) -> PolicyPart {
        PolicyPart {
            file: file.into(),
            version: None,
            text: [].into(),
            begins,
            extends: Vec::new(),
            rules: Vec::new(),
            default: None,
            limits: PolicyLimits::default(),
            outside_paths: None,
            guards: Vec::new(),
            bounds: Vec::new(),
            digest: String::new(),
        }
    }
}

/// The say of a layer's rules in place of built-in ones that may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BuiltinStanding {
    /// A rule of the same id replaces it.
    Replaceable,
    /// It stands beside the rules of the layer.
    Kept,
}

/// One layer: its file and all that it extends, put together.
#[derive(Debug, Clone)]
pub(super) struct LayerRules {
    pub(super) layer: PolicyLayer,
    pub(super) rules: Vec<PolicyRule>,
    /// The effect where no rule of the layer matches; the layer says nothing there where absent.
    pub(super) default: Option<Effect>,
    pub(super) limits: PolicyLimits,
    pub(super) outside_paths: Option<Effect>,
    /// The guards of all of its files; each answers by itself.
    pub(super) guards: Vec<GuardSetting>,
    /// The bounds of agents of all of its files; each counts by itself.
    pub(super) bounds: Vec<AgentBounds>,
    /// The built-in rules, as far as this layer is concerned.
    pub(super) builtin: BuiltinStanding,
    /// Its files: name and SHA-256, that of the layer itself first.
    pub(super) files: Vec<(String, String)>,
}

/// The layer of one agent.
#[derive(Debug, Clone)]
pub(super) enum AgentLayer {
    /// It was read.
    Read {
        rules: LayerRules,
        /// The name of the whole policy for this agent, in records.
        digest: String,
    },
    /// It cannot be used: for this agent everything is denied.
    Unreadable(Unreadable),
}

/// A policy that was read and found in order.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The global and the project's layer, as far as they are there.
    pub(super) layers: Vec<LayerRules>,
    /// The layers of agents, by their names.
    pub(super) agents: BTreeMap<String, AgentLayer>,
    /// The name of the policy in records, for everybody without a layer of their own.
    pub(super) digest: String,
    /// The policy of the commit beneath, where this one lies in a checkout.
    pub(super) committed: Option<Committed<PolicyState>>,
}

/// A policy file that is there and cannot be used.
#[derive(Debug, Clone)]
pub struct Unreadable {
    /// The layer that cannot be used.
    pub layer: PolicyLayer,
    /// The problems found in it.
    pub problems: YamlProblems,
    /// The problems of other files.
    pub more: Vec<YamlProblems>,
    /// SHA-256 of the bytes of the file, where they could be read.
    pub digest: Option<String>,
}

impl Unreadable {
    /// All of them as one; nothing where there are none.
    pub(super) fn all(found: Vec<Unreadable>) -> Option<Unreadable> {
        let mut found = found.into_iter();
        let mut first = found.next()?;
        for other in found {
            first.more.push(other.problems);
            first.more.extend(other.more);
        }
        Some(first)
    }

    /// The problems of each file.
    pub fn files(&self) -> impl Iterator<Item = &YamlProblems> {
        std::iter::once(&self.problems).chain(&self.more)
    }
}

/// The state of a repository's policy: read, built in, or unreadable.
#[derive(Debug, Clone)]
pub enum PolicyState {
    /// There is no policy file: the built-in rules alone.
    Absent,
    /// The files were read.
    Loaded(Box<Policy>),
    /// A file is there and cannot be used: everything that is not harmless is denied.
    Unreadable(Box<Unreadable>),
}

impl PolicyState {
    /// The limits in force for the actor: the smallest of all layers.
    pub fn limits(&self, actor: &Actor) -> PolicyLimits {
        let agent = agent_of(actor);
        let own = limits_of(&self.layers(agent).unwrap_or_default());
        match self.committed(agent) {
            Some(beneath) => own.narrowed(&beneath.limits(actor)),
            None => own,
        }
    }

    /// Has the policy of the commit beneath answer for agents, too; `read` brings it, or nothing where the
    /// commit has none.
    pub fn beside_committed(
        mut self,
        read: impl FnOnce() -> Option<PolicyState> + Send + 'static,
    ) -> Self {
        if let Self::Loaded(policy) = &mut self {
            policy.committed = Some(Committed::when_asked(read));
        }
        self
    }

    /// The policy of the commit beneath, where it is another one for this agent. People are not held to
    /// it: they may try what they are about to commit.
    pub fn committed(&self, agent: Option<&str>) -> Option<&PolicyState> {
        let (Self::Loaded(policy), Some(_)) = (self, agent) else {
            return None;
        };
        let beneath = policy.committed.as_ref()?.policy()?;
        (beneath.own_digest(agent) != self.own_digest(agent)).then_some(beneath)
    }

    /// Returns the name of this policy in records for an agent, or for everybody else: the SHA-256
    /// of its file or of the list of its files, or the name of the built-in policy.
    pub fn digest(&self, agent: Option<&str>) -> String {
        let own = self.own_digest(agent);
        match self.committed(agent) {
            Some(beneath) => {
                let both = format!("{own}\n{}\n", beneath.own_digest(agent));
                hash::sha256_hex(both.as_bytes())
            }
            None => own.to_owned(),
        }
    }

    fn own_digest(&self, agent: Option<&str>) -> &str {
        match self {
            Self::Absent => builtin::DIGEST,
            Self::Loaded(policy) => match agent.and_then(|name| policy.agents.get(name)) {
                Some(AgentLayer::Read { digest, .. }) => digest,
                Some(AgentLayer::Unreadable(unreadable)) => digest_of_bad(unreadable),
                None if policy.layers.is_empty() => builtin::DIGEST,
                None => &policy.digest,
            },
            Self::Unreadable(unreadable) => digest_of_bad(unreadable),
        }
    }

    /// The layers that count for an agent, or for everybody else, from the outermost inwards; the
    /// problems where they cannot be used.
    pub(super) fn layers(&self, agent: Option<&str>) -> Result<Vec<&LayerRules>, &Unreadable> {
        match self {
            Self::Absent => Ok(Vec::new()),
            Self::Unreadable(unreadable) => Err(unreadable),
            Self::Loaded(policy) => {
                let own = match agent.and_then(|name| policy.agents.get(name)) {
                    Some(AgentLayer::Unreadable(unreadable)) => return Err(unreadable),
                    Some(AgentLayer::Read { rules, .. }) => Some(rules),
                    None => None,
                };
                Ok(policy.layers.iter().chain(own).collect())
            }
        }
    }

    /// The agents that have a layer of their own.
    pub fn agents(&self) -> Vec<&str> {
        match self {
            Self::Loaded(policy) => policy.agents.keys().map(String::as_str).collect(),
            Self::Absent | Self::Unreadable(_) => Vec::new(),
        }
    }

    /// The files below `.ai/` of the project's layer, each with its digest.
    pub fn files_of_project(&self) -> Vec<(String, String)> {
        let Self::Loaded(policy) = self else {
            return Vec::new();
        };
        let is_project = |layer: &&LayerRules| layer.layer == PolicyLayer::Project;
        let files = policy
            .layers
            .iter()
            .filter(is_project)
            .flat_map(|layer| &layer.files);
        let own = files.filter(|(name, _)| name.starts_with(".ai/"));
        own.cloned().collect()
    }

    /// The same, where a rule of them takes the place of a built-in one; else nothing.
    pub fn files_that_replace(&self) -> Vec<(String, String)> {
        let Self::Loaded(policy) = self else {
            return Vec::new();
        };
        let replaces = |rule: &PolicyRule| rule.id.starts_with(builtin::PREFIX);
        let is_replacing = policy
            .layers
            .iter()
            .any(|layer| layer.layer == PolicyLayer::Project && layer.rules.iter().any(replaces));
        if is_replacing {
            self.files_of_project()
        } else {
            Vec::new()
        }
    }

    /// Lets no rule of the project's layer take the place of a built-in one any more.
    pub fn keep_builtin(&mut self) {
        if let Self::Loaded(policy) = self {
            for layer in &mut policy.layers {
                if layer.layer == PolicyLayer::Project {
                    layer.builtin = BuiltinStanding::Kept;
                }
            }
        }
    }

    /// True where rules or bounds of the policy have a say about an action of this actor, by whatever layer. One that
    /// cannot be read has a say about all that is no person's: those repair it.
    pub fn speaks_of(&self, action: Action, actor: &Actor) -> bool {
        let agent = agent_of(actor);
        let here = match self.layers(agent) {
            Err(_) => actor.kind != ActorKind::Human,
            Ok(layers) => layers.iter().any(|layer| {
                !layer.bounds.is_empty()
                    || layer.rules.iter().any(|rule| rule.speaks_of(action, actor))
            }),
        };
        here || self
            .committed(agent)
            .is_some_and(|beneath| beneath.speaks_of(action, actor))
    }

    /// The guards for which the content of a change has to be looked at: some setting or condition of any layer is
    /// about them.
    pub fn looked_for(&self) -> BTreeSet<Guard> {
        let Self::Loaded(policy) = self else {
            return BTreeSet::new();
        };
        let beneath = policy.committed.as_ref().and_then(Committed::policy);
        let mut all = beneath.map(Self::looked_for).unwrap_or_default();
        all.extend(policy.looked_for());
        all
    }

    /// True where some rule of any layer is about files that instructions of agents import.
    pub fn follows_imports(&self) -> bool {
        let Self::Loaded(policy) = self else {
            return false;
        };
        let beneath = || policy.committed.as_ref().and_then(Committed::policy);
        let mut rules = policy.all_layers().flat_map(|layer| &layer.rules);
        rules.any(|rule| rule.imports == RuleImports::Covered)
            || beneath().is_some_and(Self::follows_imports)
    }

    /// True where some setting, rule or condition of any layer is about the messages of commits. A rule about all
    /// actions is none of them: what it says of a commit is said when that is asked about.
    pub fn looks_at_messages(&self) -> bool {
        let Self::Loaded(policy) = self else {
            return false;
        };
        let beneath = || policy.committed.as_ref().and_then(Committed::policy);
        policy.looks_at_messages() || beneath().is_some_and(Self::looks_at_messages)
    }

    /// True where there is no policy file at all.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Every file of the commit beneath that cannot be used, which keeps agents out though the checkout be in
    /// order; those that are alike in both are the checkout's.
    pub fn bad_files_beneath(&self) -> Vec<&YamlProblems> {
        let Self::Loaded(policy) = self else {
            return Vec::new();
        };
        let beneath = policy.committed.as_ref().and_then(Committed::policy);
        let own = self.bad_files();
        let is_own = |file: &YamlProblems| {
            let same = |one: &&YamlProblems| one.file == file.file && one.list == file.list;
            own.iter().any(same)
        };
        let bad = beneath.map(Self::bad_files).unwrap_or_default();
        bad.into_iter().filter(|file| !is_own(file)).collect()
    }

    /// Every file that cannot be used, also of agents for whom alone it matters.
    pub fn bad_files(&self) -> Vec<&YamlProblems> {
        match self {
            Self::Absent => Vec::new(),
            Self::Unreadable(unreadable) => unreadable.files().collect(),
            Self::Loaded(policy) => {
                let bad = policy.agents.values().filter_map(|layer| match layer {
                    AgentLayer::Unreadable(unreadable) => Some(unreadable.files()),
                    AgentLayer::Read { .. } => None,
                });
                bad.flatten().collect()
            }
        }
    }
}

impl Policy {
    fn looked_for(&self) -> BTreeSet<Guard> {
        let mut all = BTreeSet::new();
        for layer in self.all_layers() {
            let guards = layer.guards.iter().map(|one| one.guard);
            all.extend(guards.filter(|guard| guard.reads_content()));
            all.extend(conditions(layer).flat_map(asked_for_content));
        }
        all
    }

    fn looks_at_messages(&self) -> bool {
        let names = |rule: &PolicyRule| {
            let mut on = rule.on.iter();
            on.any(|on| *on != ActionPattern::All && on.matches(Action::CommitMessage))
        };
        self.all_layers().any(|layer| {
            let mut guards = layer.guards.iter();
            guards.any(|one| one.guard == Guard::CommitMessage)
                || layer.rules.iter().any(names)
                || conditions(layer).any(asks_for_messages)
        })
    }

    /// The layers of the project and those of every agent.
    fn all_layers(&self) -> impl Iterator<Item = &LayerRules> {
        let of_agents = self.agents.values().filter_map(|layer| match layer {
            AgentLayer::Read { rules, .. } => Some(rules),
            AgentLayer::Unreadable(_) => None,
        });
        self.layers.iter().chain(of_agents)
    }
}

/// The texts of all conditions of a layer.
fn conditions(layer: &LayerRules) -> impl Iterator<Item = &str> {
    let when = layer.rules.iter().filter_map(|rule| rule.when.as_ref());
    when.map(|when| when.text())
}

/// The limits of some layers: the smallest of each.
pub(super) fn limits_of(layers: &[&LayerRules]) -> PolicyLimits {
    let narrow = |all: PolicyLimits, layer: &&LayerRules| all.narrowed(&layer.limits);
    layers.iter().fold(PolicyLimits::default(), narrow)
}

fn digest_of_bad(unreadable: &Unreadable) -> &str {
    unreadable.digest.as_deref().unwrap_or("unreadable")
}

/// The name of the actor, where it is an agent: such may have a layer of its own.
pub fn agent_of(actor: &Actor) -> Option<&str> {
    (actor.kind == ActorKind::Agent).then_some(actor.name.as_str())
}

/// The built-in rules that stand beside these layers; `None` only where `ai` itself is broken. One
/// that is overridable is replaced as a whole, by a rule of the user or of the project: no agent has
/// a word in that, and a project whose rules are not committed has none.
pub(super) fn standing_builtin<'a>(layers: &[&LayerRules]) -> Option<Vec<&'a PolicyRule>> {
    let replacing = || {
        let above = layers.iter().filter(|one| {
            one.layer < PolicyLayer::Agent && one.builtin == BuiltinStanding::Replaceable
        });
        above.flat_map(|one| &one.rules)
    };
    let replaced = |rule: &PolicyRule| {
        rule.standing == RuleStanding::Overridable
            && replacing().any(|own| own.id == rule.id && own.force == RuleForce::Binds)
    };
    let rules = builtin::rules()?.iter();
    Some(rules.filter(|rule| !replaced(rule)).collect())
}
