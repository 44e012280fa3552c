//! What guards mean: the settings below `guards` in a policy file, and the answer to what was found in a change.
//!
//! Every setting of every file and layer answers by itself, and the strictest answer counts, as with rules: so one more
//! setting can only tighten. What was found is a fact of the question; nothing here reads a file.

use crate::base::yaml::{
    self, MappingFields, SourcePlace, TreeStanding, YamlNode, YamlProblem, YamlValue,
};
use crate::domain::action::Action;
use crate::domain::decision::{Effect, MatchedRule};
use crate::domain::guards::{Guard, GuardFinding};
use crate::domain::repo_path::RepoPath;
use crate::policy::asked::Request;
use crate::policy::message_shape::{MESSAGE_OPTIONS, MessageShape};
use crate::policy::model::LayerRules;
use crate::policy::path_globs::PathGlobs;
use crate::policy::rule::RuleForce;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The key of the settings in a policy file.
pub const GUARDS_KEY: &str = "guards";
/// So many findings are named in a reason.
const SHOWN: usize = 5;
/// A file of this size is large, where the setting says nothing.
const LARGE: u32 = 1 << 20;
/// The smallest size that a setting may call large: smaller files are not measured.
pub(super) const LEAST_BYTES: u32 = 100 << 10;

/// The effects of guards in files; the last one only observes.
pub(super) const GUARD_EFFECTS: [(&str, Option<Effect>); 4] = [
    ("warn", Some(Effect::Warn)),
    ("require_approval", Some(Effect::RequireApproval)),
    ("deny", Some(Effect::Deny)),
    ("observe", None),
];

/// Paths that are not changed in passing, where the setting names none.
const SENSITIVE: [&str; 14] = [
    ".github/workflows/",
    ".gitlab-ci.yml",
    ".circleci/",
    "**/Jenkinsfile",
    "**/Dockerfile*",
    "**/docker-compose*.{yml,yaml}",
    "**/.env*",
    "**/*.{pem,key,p12,pfx,jks}",
    "**/{migrations,terraform,helm,k8s}/**",
    "**/*.tf",
    "**/.gitattributes",
    "**/.gitmodules",
    "**/CODEOWNERS",
    "**/SECURITY.md",
];

/// One guard in a policy file.
#[derive(Debug, Clone)]
pub(super) struct GuardSetting {
    pub guard: Guard,
    pub effect: Effect,
    pub force: RuleForce,
    /// The paths that it is about; of `allowed_paths` those that are allowed.
    pub paths: Option<PathGlobs>,
    /// Paths that it is not about.
    pub except: Option<PathGlobs>,
    /// Most files of a change.
    pub files: Option<u32>,
    /// Most lines of a change.
    pub lines: Option<u32>,
    /// Smallest size that is large.
    pub bytes: Option<u32>,
    /// The shape of messages.
    pub message: Option<MessageShape>,
    /// The file; set when the files of a layer are put together.
    pub file: Arc<str>,
    pub place: SourcePlace,
}

/// The answers of all settings of these layers: those that decide, and those that only observe.
pub(super) fn answers(
    layers: &[&LayerRules],
    request: &Request<'_>,
) -> (Vec<MatchedRule>, Vec<MatchedRule>) {
    let (mut matched, mut observed) = (Vec::new(), Vec::new());
    let is_asked = |guard: Guard| match request.action {
        Action::RunFinish | Action::Commit => true,
        Action::CommitMessage => guard == Guard::CommitMessage,
        _ => false,
    };
    for layer in layers {
        for setting in layer.guards.iter().filter(|one| is_asked(one.guard)) {
            let Some(reason) = setting.reason(request) else {
                continue;
            };
            let rule = MatchedRule {
                layer: layer.layer,
                rule: setting.guard.rule_id().to_owned(),
                effect: setting.effect,
                reason,
                path: None,
                needs: None,
                when: None,
            };
            match setting.force {
                RuleForce::Binds => matched.push(rule),
                RuleForce::Observes => observed.push(rule),
            }
        }
    }
    (matched, observed)
}

impl GuardSetting {
    /// The reason that it has against a change; nothing where it is content.
    fn reason(&self, request: &Request<'_>) -> Option<String> {
        let found = match self.guard {
            Guard::ChangeRadius => return self.too_large(request),
            Guard::AllowedPaths | Guard::SensitivePaths => self.paths_of(request),
            Guard::CommitMessage => match &request.facts.messages {
                Some(messages) => self.messages_of(messages),
                // A commit has none before it is asked about, and another question is about it then.
                None if request.action != Action::CommitMessage => return None,
                None => return Some(format!("whether {} could not be told", self.guard.what())),
            },
            _ => match &request.facts.findings {
                Some(found) => self.own(found, request),
                None if self.effect.lets_through() || self.force == RuleForce::Observes => {
                    return None;
                }
                None => return Some(format!("whether {} could not be told", self.guard.what())),
            },
        };
        let (first, rest) = found.split_at(found.len().min(SHOWN));
        if first.is_empty() {
            return None;
        }
        let more = match rest.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!("{}: {}{more}", self.guard.what(), first.join(", ")))
    }

    /// The findings that it is about, in words.
    fn own(&self, found: &[GuardFinding], request: &Request<'_>) -> Vec<String> {
        let least = u64::from(self.bytes.unwrap_or(LARGE));
        found
            .iter()
            .filter(|one| one.guard == self.guard)
            .filter(|one| one.bytes.is_none_or(|bytes| bytes >= least))
            .filter(|one| self.is_about(&one.path, request))
            .map(|one| match one.line {
                _ if one.path.as_bytes().is_empty() => one.what.clone(),
                Some(line) => format!("{}:{line} ({})", one.path, one.what),
                None => format!("{} ({})", one.path, one.what),
            })
            .collect()
    }

    /// True unless a path is left out. What is of no path stands for some that are not named.
    fn is_about(&self, path: &RepoPath, request: &Request<'_>) -> bool {
        let case = request.facts.path_case;
        let matches = |globs: &PathGlobs| globs.matches(path, case);
        path.as_bytes().is_empty()
            || self.paths.as_ref().and_then(matches) != Some(false)
                && self.except.as_ref().and_then(matches) != Some(true)
    }

    fn paths_of(&self, request: &Request<'_>) -> Vec<String> {
        let case = request.facts.path_case;
        let usual = self.paths.is_none().then(|| PathGlobs::checked(SENSITIVE));
        let globs = self.paths.as_ref().or(usual.as_ref());
        // What opens a guard, and what closes one: a pattern that cannot be read for this file system opens nothing.
        let harmless = match self.guard {
            Guard::AllowedPaths => Some(true),
            _ => Some(false),
        };
        let is_found = |path: &&RepoPath| {
            let matched = globs.and_then(|globs| globs.matches(path, case));
            let excepted = self
                .except
                .as_ref()
                .and_then(|globs| globs.matches(path, case));
            matched != harmless && excepted != Some(true)
        };
        let paths = request.resource.paths.iter().filter(is_found);
        paths.map(ToString::to_string).collect()
    }

    /// The messages that are not as they should be, with what is wrong with each.
    fn messages_of(&self, messages: &[String]) -> Vec<String> {
        let shape = self.message.iter();
        let faults = shape.flat_map(|shape| messages.iter().filter_map(|one| shape.faults(one)));
        faults.collect()
    }

    /// As with limits, a commit is one of many, and the work as a whole is what is measured.
    fn too_large(&self, request: &Request<'_>) -> Option<String> {
        if request.action != Action::RunFinish {
            return None;
        }
        let facts = request.facts;
        let over = |limit: Option<u32>, now: Option<u64>, what: &str| {
            let limit = u64::from(limit?);
            match now {
                Some(now) if now <= limit => None,
                Some(now) => Some(format!("{now} {what} of {limit} at most")),
                None => Some(format!("{what} that were not measured")),
            }
        };
        let found = [
            over(self.files, facts.diff_files, "files"),
            over(self.lines, facts.diff_lines, "lines"),
        ];
        let found: Vec<String> = found.into_iter().flatten().collect();
        (!found.is_empty()).then(|| format!("{}: {}", self.guard.what(), found.join(", ")))
    }
}

/// Reads the settings of a file.
pub(super) fn guards_of(
    node: &YamlNode,
    standing: TreeStanding,
    problems: &mut Vec<YamlProblem>,
) -> Vec<GuardSetting> {
    let Some(mut fields) = MappingFields::of(node, "`guards`", problems) else {
        return Vec::new();
    };
    let mut settings = Vec::new();
    for guard in Guard::ALL {
        if let Some(node) = fields.take(guard.word()) {
            settings.extend(guard_of(*guard, node, standing, problems));
        }
    }
    fields.finish(problems);
    settings
}

fn guard_of(
    guard: Guard,
    node: &YamlNode,
    standing: TreeStanding,
    problems: &mut Vec<YamlProblem>,
) -> Option<GuardSetting> {
    let setting = |(effect, force): (Effect, RuleForce)| GuardSetting {
        guard,
        effect,
        force,
        paths: None,
        except: None,
        files: None,
        lines: None,
        bytes: None,
        message: None,
        file: "".into(),
        place: node.place,
    };
    if !matches!(node.value, YamlValue::Map(_)) {
        let what = format!("`{}`", guard.word());
        let effect = yaml::one_of(node, &what, &GUARD_EFFECTS, problems)?;
        let read = setting(
            effect.map_or((Effect::Deny, RuleForce::Observes), |effect| {
                (effect, RuleForce::Binds)
            }),
        );
        return is_whole(&read, problems).then_some(read);
    }
    let mut fields = MappingFields::of(node, "a guard", problems)?;
    let effect = effect_of(&mut fields, problems);
    let mut globs = |key: &'static str, problems: &mut Vec<YamlProblem>| {
        let node = fields.take(key)?;
        globs_of(node, key, standing, problems)
    };
    let paths = match guard {
        Guard::ChangeRadius | Guard::CommitMessage => None,
        _ => globs("paths", problems),
    };
    let except = match guard {
        Guard::ChangeRadius | Guard::CommitMessage => None,
        _ => globs("except", problems),
    };
    let mut count = |key: &'static str, least, problems: &mut Vec<YamlProblem>| {
        let node = fields.take(key)?;
        yaml::count_of(node, &format!("`{key}`"), least, problems)
    };
    let (mut files, mut lines, mut bytes) = (None, None, None);
    match guard {
        Guard::ChangeRadius => {
            files = count("files", 1, problems);
            lines = count("lines", 1, problems);
        }
        Guard::LargeFiles => bytes = count("bytes", LEAST_BYTES, problems),
        _ => {}
    }
    let before = problems.len();
    let message = (guard == Guard::CommitMessage)
        .then(|| MessageShape::take(&mut fields, standing, problems));
    fields.finish(problems);
    let read = GuardSetting {
        message,
        paths,
        except,
        files,
        lines,
        bytes,
        ..setting(effect?)
    };
    (problems.len() == before && is_whole(&read, problems)).then_some(read)
}

/// True where it says all that it needs.
fn is_whole(read: &GuardSetting, problems: &mut Vec<YamlProblem>) -> bool {
    let (text, hint) = match read.guard {
        Guard::AllowedPaths if read.paths.is_none() => (
            "`allowed_paths` needs `paths`",
            "write `allowed_paths: {effect: deny, paths: [src/, docs/]}`",
        ),
        Guard::ChangeRadius if read.files.is_none() && read.lines.is_none() => (
            "`change_radius` needs `files` or `lines`",
            "write `change_radius: {effect: require_approval, files: 40}`",
        ),
        Guard::CommitMessage if read.message.as_ref().is_none_or(MessageShape::asks_nothing) => (
            "`commit_message` needs `subject_length`, `subject`, `body: required` or `trailers`",
            "write `commit_message: {effect: warn, subject_length: 72}`",
        ),
        _ => return true,
    };
    problems.push(YamlProblem::new(read.place, text).hint(hint));
    false
}

/// The effect, and whether it only observes: then `would` says what it would be.
fn effect_of(
    fields: &mut MappingFields<'_>,
    problems: &mut Vec<YamlProblem>,
) -> Option<(Effect, RuleForce)> {
    let binding: Vec<(&'static str, Effect)> = GUARD_EFFECTS
        .iter()
        .filter_map(|(word, effect)| Some((*word, (*effect)?)))
        .collect();
    let effect = fields.need("effect", problems);
    let effect = effect.and_then(|node| yaml::one_of(node, "`effect`", &GUARD_EFFECTS, problems));
    match (effect, fields.take("would")) {
        (Some(None), None) => Some((Effect::Deny, RuleForce::Observes)),
        (Some(None), Some(node)) => {
            let would = yaml::one_of(node, "`would`", &binding, problems)?;
            Some((would, RuleForce::Observes))
        }
        (Some(Some(_)), Some(node)) => {
            let text = "`would` is the effect that a guard would have, and this one has its own";
            problems.push(YamlProblem::new(node.place, text).hint("write `effect: observe`"));
            None
        }
        (effect, _) => Some((effect??, RuleForce::Binds)),
    }
}

fn globs_of(
    node: &YamlNode,
    key: &str,
    standing: TreeStanding,
    problems: &mut Vec<YamlProblem>,
) -> Option<PathGlobs> {
    let what = format!("`{key}`");
    let texts = yaml::texts_of(node, &what, problems);
    if matches!(&node.value, YamlValue::List(items) if items.is_empty()) {
        let text = format!("{what} is an empty list, which nobody means");
        problems.push(YamlProblem::new(node.place, text));
    }
    let all = texts.iter().map(|(text, _)| text.as_str());
    if standing == TreeStanding::Proven {
        return Some(PathGlobs::checked(all));
    }
    match PathGlobs::new(all) {
        Ok(globs) => Some(globs),
        Err(bad) => {
            let bad = bad.into_iter();
            problems.extend(bad.map(|(index, why)| YamlProblem::new(texts[index].1, why)));
            None
        }
    }
}

/// The options of a guard beside `effect` and `would`.
pub(super) fn options(guard: Guard) -> BTreeSet<&'static str> {
    match guard {
        Guard::ChangeRadius => BTreeSet::from(["files", "lines"]),
        Guard::CommitMessage => BTreeSet::from(MESSAGE_OPTIONS),
        Guard::LargeFiles => BTreeSet::from(["paths", "except", "bytes"]),
        _ => BTreeSet::from(["paths", "except"]),
    }
}

#[cfg(test)]
#[path = "guards_tables.rs"]
mod tables;
