//! A policy in its normal form: what stands, rule by rule, with the layer each rule comes from.

use crate::base::text::one_line;
use crate::base::yaml::YamlProblem;
use crate::domain::approval::ApprovalNeed;
use crate::domain::decision::{Effect, PolicyLayer};
use crate::domain::guards::Guard;
use crate::domain::mode::AgentMode;
use crate::domain::tool_kind::ToolKind;
use crate::policy::bounds;
use crate::policy::bounds_file::AgentBounds;
use crate::policy::builtin;
use crate::policy::guards::GuardSetting;
use crate::policy::limits::PolicyLimits;
use crate::policy::model::{self, LayerRules, PolicyState, Unreadable};
use crate::policy::name_globs::NameGlobs;
use crate::policy::outside;
use crate::policy::overrides::ShownOverride;
use crate::policy::path_globs::PathGlobs;
use crate::policy::rule::{PolicyRule, RuleForce, RuleImports, RuleStanding};
use serde::Serialize;
use std::fmt;

/// The policy in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Shown {
    /// `absent`, `loaded` or `unreadable`.
    pub state: &'static str,
    /// The name of the policy in decision records.
    pub digest: String,
    /// The effect where no rule matches.
    pub default: Effect,
    /// Limits in force.
    pub limits: PolicyLimits,
    /// The effect of a change beyond the paths of its task.
    pub outside_paths: Effect,
    /// Guards in force by guard and layer; of several the strictest answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<ShownGuard>,
    /// The mode that binds agents: the narrowest of all layers; absent where none names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<AgentMode>,
    /// The bounds of agents by layer; of several modes the narrowest counts, of the lists every one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bounds: Vec<ShownBounds>,
    /// The files of it, from the outermost layer inwards.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ShownFile>,
    /// Rules in force by layer and id; none where the policy cannot be read.
    pub rules: Vec<ShownRule>,
    /// Overrides that have not ended, in all checkouts; none where there is no store.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<ShownOverride>,
    /// Problems of a policy that cannot be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<YamlProblem>,
}

/// The bounds that one file sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ShownBounds {
    /// The layer.
    pub layer: PolicyLayer,
    /// The mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<AgentMode>,
    /// The only tools that may be called; absent where all may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<String>>,
    /// The tools that are never called.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
    /// The file.
    pub file: String,
    /// Line of the first of them.
    pub line: u64,
}

impl fmt::Display for ShownBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            self.mode.map(|mode| format!("mode {mode}")),
            self.allow
                .as_ref()
                .map(|tools| format!("tools only {}", one_line(&tools.join(" ")))),
            (!self.deny.is_empty())
                .then(|| format!("tools never {}", one_line(&self.deny.join(" ")))),
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        write!(f, "{:<16} {} ({})", "agents", words.join("; "), self.layer)
    }
}

/// One guard as it is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ShownGuard {
    /// The layer.
    pub layer: PolicyLayer,
    /// The guard.
    pub guard: Guard,
    /// The effect.
    pub effect: Effect,
    /// True where it only observes, and would have this effect.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub observes: bool,
    /// The paths that it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// The paths that it is not about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
    /// The most files of a change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<u32>,
    /// The most lines of a change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<u32>,
    /// The smallest size that is large.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u32>,
    /// The file.
    pub file: String,
    /// Line of the setting.
    pub line: u64,
}

impl fmt::Display for ShownGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effect = if self.observes {
            format!("observe: {}", self.effect)
        } else {
            self.effect.to_string()
        };
        write!(f, "{effect:<16} guard {}", self.guard.word())?;
        let counts = [
            ("files", self.files),
            ("lines", self.lines),
            ("bytes", self.bytes),
        ];
        for (name, count) in counts {
            if let Some(count) = count {
                write!(f, "; {name} {count}")?;
            }
        }
        for (name, paths) in [("paths", &self.paths), ("except", &self.except)] {
            if !paths.is_empty() {
                write!(f, "; {name} {}", one_line(&paths.join(" ")))?;
            }
        }
        write!(f, " ({})", self.layer)
    }
}

/// One rule; empty lists mean "all".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ShownRule {
    /// The layer.
    pub layer: PolicyLayer,
    /// The id.
    pub id: String,
    /// The actions, as in the file.
    pub on: Vec<String>,
    /// The path patterns, normalised.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// True where it is also about what instructions of agents import.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub agent_imports: bool,
    /// The actors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actors: Vec<String>,
    /// The labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// The types.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// The kinds of tools.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<ToolKind>,
    /// The tools.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// The condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// The effect.
    pub effect: Effect,
    /// True where the rule only observes, and would have this effect.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub observes: bool,
    /// The yes that it takes; absent for one person's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<ApprovalNeed>,
    /// The reason.
    pub reason: String,
    /// The file that it stands in; absent for built-in rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line in its file; zero for built-in rules.
    pub line: u64,
    /// `overridable` where a lower layer may answer in its place by a rule of the same id, `locked`
    /// where nothing may weaken it; absent for others, which lower layers can only add to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standing: Option<&'static str>,
    /// The rules in whose place it answers, where both match.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<ReplacedRule>,
}

/// A rule of a layer above in whose place another one answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ReplacedRule {
    /// Its layer.
    pub layer: PolicyLayer,
    /// The file that it stands in; absent for a built-in rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line in its file; zero for a built-in rule.
    pub line: u64,
    /// Its effect.
    pub effect: Effect,
}

/// A file of the policy in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ShownFile {
    /// The layer for which it was read.
    pub layer: PolicyLayer,
    /// Its name in the digest of the policy, the same on every machine.
    pub name: String,
    /// SHA-256 of its bytes.
    pub digest: String,
}

/// The policy in force for an agent, or for everybody else, in its normal form.
pub fn show(state: &PolicyState, agent: Option<&str>) -> Shown {
    let digest = state.digest(agent);
    let layers = match state.layers(agent) {
        Ok(layers) => layers,
        Err(unreadable) => return shown_unreadable(unreadable, digest),
    };
    let said = layers.iter().filter_map(|layer| layer.default).max();
    let mut rules = rules_of(&layers);
    rules.sort_by(|a, b| (a.layer, &a.id, &a.file).cmp(&(b.layer, &b.id, &b.file)));
    let guards = layers.iter().flat_map(|layer| {
        let settings = layer.guards.iter();
        settings.map(|setting| shown_guard(layer.layer, setting))
    });
    let mut guards: Vec<ShownGuard> = guards.collect();
    guards.sort_by(|a, b| (a.guard, a.layer, &a.file).cmp(&(b.guard, b.layer, &b.file)));
    let bounds = layers.iter().flat_map(|layer| {
        let bounds = layer.bounds.iter();
        bounds.map(|bounds| shown_bounds(layer.layer, bounds))
    });
    let files = layers.iter().flat_map(|layer| {
        layer.files.iter().map(|(name, digest)| ShownFile {
            layer: layer.layer,
            name: name.clone(),
            digest: digest.clone(),
        })
    });
    let mut narrowest = bounds::mode_of(&layers).map(|found| found.mode);
    // What was committed binds agents as well (ADR 0070).
    if let Some(beneath) = state.committed(agent) {
        narrowest = narrowest.max(show(beneath, agent).mode);
    }
    Shown {
        state: match layers.as_slice() {
            [] => "absent",
            _ => "loaded",
        },
        digest,
        default: said.unwrap_or(Effect::Allow),
        limits: model::limits_of(&layers),
        outside_paths: outside::effect(&layers).1,
        guards,
        mode: narrowest,
        bounds: bounds.collect(),
        files: files.collect(),
        rules,
        overrides: Vec::new(),
        problems: Vec::new(),
    }
}

fn shown_unreadable(unreadable: &Unreadable, digest: String) -> Shown {
    let problems = unreadable.files().flat_map(|file| file.list.clone());
    Shown {
        state: "unreadable",
        digest,
        default: Effect::Deny,
        limits: PolicyLimits::default(),
        outside_paths: Effect::Deny,
        guards: Vec::new(),
        mode: None,
        bounds: Vec::new(),
        files: Vec::new(),
        rules: Vec::new(),
        overrides: Vec::new(),
        problems: problems.collect(),
    }
}

/// The rules of all layers and the built-in ones beside them, each with those in whose place it
/// answers.
fn rules_of(layers: &[&LayerRules]) -> Vec<ShownRule> {
    let builtin = builtin::rules().unwrap_or_default();
    let standing = model::standing_builtin(layers).unwrap_or_default();
    let of_layers: Vec<&PolicyRule> = layers.iter().flat_map(|layer| &layer.rules).collect();
    let replaced_by = |rule: &PolicyRule| {
        let gone = |above: &&PolicyRule| !standing.iter().any(|kept| kept.id == above.id);
        let above = builtin.iter().filter(gone).chain(of_layers.iter().copied());
        let replaced = above.filter(|above| {
            above.id == rule.id
                && rule.force == RuleForce::Binds
                && above.force == RuleForce::Binds
                && above.layer < rule.layer
                && above.standing == RuleStanding::Overridable
        });
        replaced.map(replaced_rule).collect()
    };
    let all = standing.iter().chain(&of_layers);
    all.map(|rule| shown_rule(rule, replaced_by(rule)))
        .collect()
}

fn shown_bounds(layer: PolicyLayer, bounds: &AgentBounds) -> ShownBounds {
    let words = |globs: &NameGlobs| globs.texts().map(str::to_owned).collect::<Vec<_>>();
    let tools = bounds.tools.as_ref();
    let places = [bounds.mode.map(|one| one.1), tools.map(|one| one.1)];
    let lines = places.into_iter().flatten().map(|place| place.line);
    ShownBounds {
        layer,
        mode: bounds.mode.map(|one| one.0),
        allow: tools.and_then(|(tools, _)| tools.allow.as_ref().map(words)),
        deny: tools
            .and_then(|(tools, _)| tools.deny.as_ref().map(words))
            .unwrap_or_default(),
        file: bounds.file.to_string(),
        line: lines.min().unwrap_or_default(),
    }
}

fn shown_guard(layer: PolicyLayer, setting: &GuardSetting) -> ShownGuard {
    let list = |globs: &Option<PathGlobs>| {
        let texts = globs.iter().flat_map(|globs| globs.texts());
        texts.map(str::to_owned).collect()
    };
    ShownGuard {
        layer,
        guard: setting.guard,
        effect: setting.effect,
        observes: setting.force == RuleForce::Observes,
        paths: list(&setting.paths),
        except: list(&setting.except),
        files: setting.files,
        lines: setting.lines,
        bytes: setting.bytes,
        file: setting.file.to_string(),
        line: setting.place.line,
    }
}

fn replaced_rule(rule: &PolicyRule) -> ReplacedRule {
    ReplacedRule {
        layer: rule.layer,
        file: file_of(rule),
        line: rule.place.line,
        effect: rule.effect,
    }
}

fn file_of(rule: &PolicyRule) -> Option<String> {
    (!rule.file.is_empty()).then(|| rule.file.to_string())
}

fn shown_rule(rule: &PolicyRule, replaces: Vec<ReplacedRule>) -> ShownRule {
    fn list<'a>(texts: Option<impl Iterator<Item = &'a str>>) -> Vec<String> {
        texts.into_iter().flatten().map(str::to_owned).collect()
    }
    ShownRule {
        layer: rule.layer,
        id: rule.id.clone(),
        on: rule.on.iter().map(ToString::to_string).collect(),
        paths: list(rule.paths.as_ref().map(|globs| globs.texts())),
        agent_imports: rule.imports == RuleImports::Covered,
        actors: list(rule.actors.as_ref().map(|globs| globs.texts())),
        labels: list(rule.labels.as_ref().map(|globs| globs.texts())),
        types: list(rule.types.as_ref().map(|globs| globs.texts())),
        kinds: rule.kinds.clone().unwrap_or_default(),
        tools: list(rule.tools.as_ref().map(|globs| globs.texts())),
        when: rule.when.as_ref().map(|when| when.text().to_owned()),
        effect: rule.effect,
        observes: rule.force == RuleForce::Observes,
        needs: rule.needs.clone(),
        reason: rule.reason.clone(),
        file: file_of(rule),
        line: rule.place.line,
        standing: match rule.standing {
            RuleStanding::Fixed => None,
            RuleStanding::Overridable => Some("overridable"),
            RuleStanding::Locked => Some("locked"),
        },
        replaces,
    }
}
