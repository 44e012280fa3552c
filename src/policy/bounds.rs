//! The bounds of agents: the mode and the lists of tools that a layer, or the file of an agent, sets.
//!
//! Invariants: a bound only tightens. The narrowest mode of all layers counts, every list of allowed tools has
//! to name a tool, and no rule, approval or lower layer takes a bound back. They bind agents alone: a person
//! does as the rules say. What only gives back or stops is never barred.
//!
//! What was not measured is barred where the mode is about it. Deliberately absent: how a run is kept to its
//! mode while it works; the doors ask, and the sandbox follows the answer about the network.

use crate::base::hash;
use crate::base::text::path_bytes;
use crate::base::yaml::{self, MappingFields, YamlProblems};
use crate::domain::action::{Action, Nature};
use crate::domain::actor::ActorKind;
use crate::domain::decision::{Effect, MatchedRule, PolicyLayer};
use crate::domain::facts::Facts;
use crate::domain::mode::AgentMode;
use crate::domain::repo_path::RepoPath;
use crate::domain::sandbox::Network;
use crate::domain::tool_kind::ToolKind;
use crate::policy::asked::Request;
use crate::policy::bounds_file::{AgentBounds, ToolGlobs, may_set_bounds};
use crate::policy::model::{LayerRules, PolicyPart};

/// The id under which a list of tools stands among the matched rules.
const TOOLS_RULE: &str = "built-in.tool-list";
/// So many paths are named in a reason.
const SHOWN: usize = 3;

/// A mode in force, with the layer that says so.
pub(super) struct ModeInForce {
    pub(super) layer: PolicyLayer,
    pub(super) mode: AgentMode,
}

impl PolicyPart {
    /// Reads the bounds in the file of an agent; nothing where it sets none. The rest of the file is not about
    /// policy, and no matter here.
    pub fn of_agent_file(bytes: &[u8], file: &str) -> Result<Option<PolicyPart>, YamlProblems> {
        if !may_set_bounds(bytes) {
            return Ok(None);
        }
        let root = yaml::parse(bytes)
            .map_err(|problem| YamlProblems::new(file, vec![problem]).within(bytes))?;
        let mut problems = Vec::new();
        let fields = MappingFields::of(&root, "an agent", &mut problems);
        let bounds = fields.map(|mut fields| AgentBounds::take(&mut fields, &mut problems));
        if !problems.is_empty() {
            return Err(YamlProblems::new(file, problems).within(bytes));
        }
        let bounds = bounds.filter(|bounds| !bounds.is_empty());
        Ok(bounds.map(|bounds| PolicyPart {
            bounds: vec![bounds],
            digest: hash::sha256_hex(bytes),
            text: bytes.into(),
            ..PolicyPart::empty(file, root.place)
        }))
    }

    /// The bounds of both files together, each of which counts.
    pub fn and_bounds(mut self, other: PolicyPart) -> PolicyPart {
        if self.digest != other.digest {
            self.digest = hash::sha256_hex(format!("{}\n{}", self.digest, other.digest).as_bytes());
            self.bounds.extend(other.bounds);
        }
        self
    }
}

/// The narrowest mode of these layers; nothing where none names one.
pub(super) fn mode_of(layers: &[&LayerRules]) -> Option<ModeInForce> {
    let mut found: Option<ModeInForce> = None;
    for layer in layers {
        for bounds in &layer.bounds {
            let Some((mode, _)) = bounds.mode else {
                continue;
            };
            if found.as_ref().is_none_or(|narrowest| mode > narrowest.mode) {
                found = Some(ModeInForce {
                    layer: layer.layer,
                    mode,
                });
            }
        }
    }
    found
}

/// The answers of all bounds that bar what is asked.
pub(super) fn answers(layers: &[&LayerRules], request: &Request<'_>) -> Vec<MatchedRule> {
    if request.actor.kind != ActorKind::Agent || request.action.nature() == Nature::Harmless {
        return Vec::new();
    }
    let mut matched = Vec::new();
    if let Some(found) = mode_of(layers)
        && let Some(why) = barred(found.mode, request)
    {
        let rule = format!("built-in.mode-{}", found.mode.as_str().replace('_', "-"));
        let reason = format!("{why}, which the mode `{}` bars", found.mode);
        matched.push(denies(found.layer, rule, reason));
    }
    for layer in layers {
        let lists = layer
            .bounds
            .iter()
            .filter_map(|bounds| bounds.tools.as_ref());
        let refused = lists.filter_map(|(tools, _)| tools.refusal(request)).next();
        matched.extend(refused.map(|why| denies(layer.layer, TOOLS_RULE.to_owned(), why)));
    }
    matched
}

fn denies(layer: PolicyLayer, rule: String, reason: String) -> MatchedRule {
    MatchedRule {
        layer,
        rule,
        effect: Effect::Deny,
        reason,
        path: None,
        needs: None,
        when: None,
    }
}

impl ToolGlobs {
    /// The reason against a call of a tool; nothing where it may be made, or where no tool is called.
    fn refusal(&self, request: &Request<'_>) -> Option<String> {
        if !matches!(
            request.action,
            Action::ToolCall | Action::Edit | Action::CommandExec | Action::FileRead
        ) {
            return None;
        }
        let Some(tool) = request.resource.tool.as_deref() else {
            return self
                .allow
                .as_ref()
                .map(|_| "the tool is not named, and only listed tools may be called".to_owned());
        };
        let shown = path_bytes(tool.as_bytes());
        if self.deny.as_ref().is_some_and(|deny| deny.matches(tool)) {
            return Some(format!(
                "the tool `{shown}` is on the list of those that are not called"
            ));
        }
        let allow = self.allow.as_ref()?;
        (!allow.matches(tool)).then(|| {
            let known: Vec<&str> = allow.texts().collect();
            format!(
                "the tool `{shown}` is not on the list of those that may be called: {}",
                known.join(", ")
            )
        })
    }
}

/// The thing that a mode bars in a question, as the begin of a sentence; nothing where it bars nothing.
fn barred(mode: AgentMode, request: &Request<'_>) -> Option<String> {
    match mode {
        AgentMode::Normal => None,
        AgentMode::Safe => beyond_files(request),
        AgentMode::AnalysisOnly => a_change(request).or_else(|| beyond_files(request)),
    }
}

/// The change that is asked for.
fn a_change(request: &Request<'_>) -> Option<String> {
    let resource = request.resource;
    match request.action {
        Action::Edit => Some(format!("it would change {}", files(&resource.paths))),
        Action::ToolCall if resource.kind.is_some_and(ToolKind::changes_files) => {
            Some("it would call a tool that changes files".to_owned())
        }
        Action::RunFinish | Action::TaskDone if !resource.paths.is_empty() => {
            Some(format!("it has changed {}", files(&resource.paths)))
        }
        Action::Commit => Some("it would commit".to_owned()),
        Action::TaskAccept => Some("it would change a branch".to_owned()),
        Action::TaskClaim | Action::RunStart | Action::LockAcquire => {
            let alone = request.facts.exclusive_patterns;
            let patterns = resource.patterns.len();
            // What nobody has counted is taken for a lock that lets nobody else in.
            let alone = alone.map_or(patterns, |n| n as usize);
            (alone > 0).then(|| {
                format!(
                    "it would hold {} alone to change {}",
                    if alone == 1 { "a path" } else { "paths" },
                    if alone == 1 { "it" } else { "them" },
                )
            })
        }
        _ => None,
    }
}

/// The words for a tool that deletes or moves.
const TAKEN_AWAY: &str = "it would take a file away";

/// The thing that is asked for beyond a change of files.
fn beyond_files(request: &Request<'_>) -> Option<String> {
    let resource = request.resource;
    let of_tool = match resource.kind {
        Some(ToolKind::Execute) => Some("it would run a command"),
        Some(ToolKind::Fetch) => Some("it would fetch something from elsewhere"),
        Some(ToolKind::Delete | ToolKind::Move) => Some(TAKEN_AWAY),
        _ => None,
    };
    let moves = resource.kind == Some(ToolKind::Move) && request.facts.change_kinds.is_some();
    let plain = match request.action {
        Action::CommandExec => Some("it would run a command"),
        // What moves within the paths of the task is not taken away.
        Action::ToolCall | Action::Edit if moves => {
            let gone = deleted(request, "it would delete");
            return gone.or_else(|| moves_nothing(request).then(|| TAKEN_AWAY.to_owned()));
        }
        Action::ToolCall | Action::Edit => of_tool,
        Action::RunNetwork => match request.facts.network {
            Some(Network::Off | Network::Listed) => None,
            Some(Network::On) | None => Some("it would have a network without a list of hosts"),
        },
        Action::Push => Some("it would push"),
        Action::RefUpdate => Some("it would move a reference"),
        Action::WorktreeRemove => Some("it would remove a worktree"),
        Action::TaskOverride => Some("it would end a task without a verdict"),
        // What was said, refused and taken is gone with the records of it.
        Action::Import => Some("it would put other records in the place of those that are there"),
        // Whoever may write the files of agents sets their modes.
        Action::AgentRegister => Some("it would change the file of an agent"),
        Action::RunFinish | Action::TaskDone | Action::Commit => {
            return deleted(request, "it deletes");
        }
        _ => None,
    };
    plain.map(str::to_owned)
}

/// The files that a change deletes. One that got another name is none of them, where the task may change both
/// places: its content is still there.
fn deleted(request: &Request<'_>, verb: &str) -> Option<String> {
    let paths = &request.resource.paths;
    let Some(kinds) = &request.facts.change_kinds else {
        let none = paths.is_empty();
        return (!none).then(|| "whether it deletes files could not be told".to_owned());
    };
    let gone = paths.iter().zip(kinds.chars());
    let gone: Vec<RepoPath> = gone
        .filter(|(path, kind)| *kind == 'D' && !has_moved(path, request.facts))
        .map(|(path, _)| path.clone())
        .collect();
    (!gone.is_empty()).then(|| format!("{verb} {}", files(&gone)))
}

/// True for a tool that moves something, of which nobody found what: its fields may be called as nobody knows.
fn moves_nothing(request: &Request<'_>) -> bool {
    let kinds = request.facts.change_kinds.as_deref();
    // A card of a board is moved as well, and of what names no file the end of the run says what became of them.
    !request.resource.paths.is_empty() && kinds.is_none_or(|kinds| !kinds.contains('D'))
}

fn has_moved(from: &RepoPath, facts: &Facts) -> bool {
    let Some(outside) = &facts.outside_paths else {
        return false;
    };
    let mut moves = facts.moves.iter().filter(|one| one.from == *from);
    moves.any(|one| !outside.contains(&one.from) && !outside.contains(&one.to))
}

fn files(paths: &[RepoPath]) -> String {
    let shown: Vec<String> = paths
        .iter()
        .take(SHOWN)
        .map(|path| path_bytes(path.as_bytes()))
        .collect();
    match paths.len().saturating_sub(SHOWN) {
        0 if shown.is_empty() => "files".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
#[path = "bounds_tables.rs"]
mod tables;
