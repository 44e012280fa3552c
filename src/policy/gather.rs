//! From the files of a policy to its layers: what each file extends is read with it.
//!
//! A layer is one file with the packs that it extends, and those with theirs: packs that ship with
//! `ai` by their name, own ones as `./policies/NAME.yaml`. Inside of a layer no file stands above
//! another: all rules count, the strictest answers, and each file counts once however many ways lead to
//! it. A file that is missing, or that extends itself, makes the layer unreadable.
//!
//! Deliberately absent: where the files lie and how they are read. Whoever has them gives a function,
//! so that a run reads all of them from one commit.

use crate::base::hash;
#[cfg(test)]
use crate::base::yaml::{self, TreeStanding};
use crate::base::yaml::{SourcePlace, YamlProblem, YamlProblems};
use crate::domain::decision::PolicyLayer;
use crate::policy::limits::PolicyLimits;
#[cfg(test)]
use crate::policy::load::FILE;
use crate::policy::load::MAX_RULES;
use crate::policy::model::{
    AgentLayer, BuiltinStanding, LayerRules, Policy, PolicyPart, PolicyState, Unreadable,
};
use crate::policy::packs::Pack;
use crate::policy::source::{LAYER_FILE, PolicySource};
use std::collections::BTreeMap;

/// Deepest chain of files that extend one another.
const MAX_DEPTH: usize = 8;
/// Most files of a layer.
const MAX_FILES: usize = 32;

/// Reads a file of a policy; nothing where there is none.
pub type ReadPart<'a> = dyn Fn(&PolicySource) -> Result<Option<PolicyPart>, BadFile> + 'a;

impl PolicyPart {
    /// The same part as one of a version of its file that is not the one on the disk: `at HEAD (1e1a5ed)`.
    pub fn of_version(self, version: &str) -> Self {
        Self {
            version: Some(version.into()),
            ..self
        }
    }
}

/// A file that cannot be used.
#[derive(Debug, Clone)]
pub struct BadFile {
    /// The problems found in it.
    pub problems: YamlProblems,
    /// SHA-256 of its bytes, where they could be read.
    pub digest: Option<String>,
}

impl BadFile {
    /// A file with these bytes, in which there are problems.
    pub fn of_bytes(problems: YamlProblems, bytes: &[u8]) -> Self {
        Self {
            problems,
            digest: Some(hash::sha256_hex(bytes)),
        }
    }

    /// The same of a version of the file that is not the one on the disk.
    pub fn of_version(self, version: &str) -> Self {
        Self {
            problems: self.problems.of_version(Some(version.into())),
            ..self
        }
    }

    /// A file that could not even be read; `why` is the error.
    pub fn of_read_error(why: &str, file: &str) -> Self {
        Self {
            problems: YamlProblems::whole(file, why),
            digest: None,
        }
    }
}

impl PolicyState {
    /// Reads the policy of a single file, which may extend packs that ship; `None` where there is no
    /// file. `file` is its name in messages.
    pub fn from_bytes(bytes: Option<&[u8]>, file: &str) -> Self {
        let policy = PolicySource::OfProject(LAYER_FILE.to_owned());
        let read = |source: &PolicySource| match (source, bytes) {
            (PolicySource::Pack(pack), _) => shipped(pack).map(Some),
            (source, Some(bytes)) if *source == policy => PolicyPart::from_bytes(bytes, file)
                .map(Some)
                .map_err(|problems| BadFile::of_bytes(problems, bytes)),
            _ => Ok(None),
        };
        Self::read(&read, &[])
    }

    /// Reads the policy of a repository with all of its layers; `agents` are those that may have one.
    pub fn read(read: &ReadPart<'_>, agents: &[String]) -> Self {
        let mut bad = Vec::new();
        let mut layers = Vec::new();
        for (layer, source) in [
            (
                PolicyLayer::Global,
                PolicySource::OfUser(LAYER_FILE.to_owned()),
            ),
            (
                PolicyLayer::Project,
                PolicySource::OfProject(LAYER_FILE.to_owned()),
            ),
        ] {
            match layer_of(layer, source, read) {
                Ok(found) => layers.extend(found),
                Err(unreadable) => bad.push(unreadable),
            }
        }
        if let Some(unreadable) = Unreadable::all(bad) {
            return Self::Unreadable(Box::new(unreadable));
        }
        let mut of_agents = BTreeMap::new();
        for name in agents {
            let found = match layer_of_agent(name, read) {
                Ok(None) => continue,
                Ok(Some(rules)) => {
                    let digest = digest_of(layers.iter().chain([&rules]));
                    AgentLayer::Read { rules, digest }
                }
                Err(unreadable) => AgentLayer::Unreadable(unreadable),
            };
            of_agents.insert(name.clone(), found);
        }
        if layers.is_empty() && of_agents.is_empty() {
            return Self::Absent;
        }
        let digest = digest_of(layers.iter());
        Self::Loaded(Box::new(Policy {
            layers,
            agents: of_agents,
            digest,
            committed: None,
        }))
    }
}

/// Reads the layer of an agent: its policy, and the bounds that its own file sets.
fn layer_of_agent(name: &str, read: &ReadPart<'_>) -> Result<Option<LayerRules>, Unreadable> {
    let layer = PolicyLayer::Agent;
    let rules = layer_of(layer, PolicySource::of_agent(name), read)?;
    let source = PolicySource::OfAgentFile(name.to_owned());
    let bounds = read(&source).map_err(|bad| Unreadable {
        layer,
        digest: bad.digest,
        problems: bad.problems,
        more: Vec::new(),
    })?;
    let Some(part) = bounds else {
        return Ok(rules);
    };
    let own = merged(layer, vec![(source, part)]);
    Ok(Some(match rules {
        None => own,
        Some(mut rules) => {
            rules.bounds.extend(own.bounds);
            rules.files.extend(own.files);
            rules
        }
    }))
}

/// All problems of the files of one layer that begins with a given file; none where it is in order.
pub fn layer_problems(
    layer: PolicyLayer,
    source: PolicySource,
    read: &ReadPart<'_>,
) -> Vec<YamlProblems> {
    match layer_of(layer, source, read) {
        Ok(_) => Vec::new(),
        Err(unreadable) => unreadable.files().cloned().collect(),
    }
}

/// All problems of a single policy file; nothing where it is in order.
#[cfg(test)]
pub(super) fn validate(bytes: &[u8], file: &str) -> Option<YamlProblems> {
    let state = PolicyState::from_bytes(Some(bytes), file);
    state
        .bad_files()
        .first()
        .map(|problems| (*problems).clone())
}

/// The policy of a single file, whose text was proven before.
#[cfg(test)]
pub(super) fn proven(text: &str) -> PolicyState {
    let read = |source: &PolicySource| {
        let text = match source {
            PolicySource::OfUser(_) | PolicySource::OfAgentFile(_) => return Ok(None),
            PolicySource::OfProject(_) => text,
            PolicySource::Pack(pack) => pack.text,
        };
        let tree = yaml::parse(text.as_bytes()).unwrap();
        PolicyPart::from_tree(&tree, TreeStanding::Proven, text.as_bytes(), FILE)
            .map(Some)
            .map_err(|problems| BadFile::of_bytes(problems, text.as_bytes()))
    };
    PolicyState::read(&read, &[])
}

/// Reads a pack that ships.
fn shipped(pack: &Pack) -> Result<PolicyPart, BadFile> {
    let bytes = pack.text.as_bytes();
    PolicyPart::from_bytes(bytes, &pack.file())
        .map_err(|problems| BadFile::of_bytes(problems, bytes))
}

/// Returns the name of a policy in records. One of a single file has the digest of that file, as it
/// had before there were more; else it is the digest of the list of all of them.
fn digest_of<'a>(layers: impl Iterator<Item = &'a LayerRules>) -> String {
    let files: Vec<&(String, String)> = layers.flat_map(|layer| &layer.files).collect();
    match files.as_slice() {
        [(name, digest)] if name == ".ai/policy.yaml" => digest.clone(),
        files => {
            let lines: String = files
                .iter()
                .map(|(name, digest)| format!("{digest}  {name}\n"))
                .collect();
            hash::sha256_hex(lines.as_bytes())
        }
    }
}

/// Reads a layer; nothing where its file is not there.
fn layer_of(
    layer: PolicyLayer,
    source: PolicySource,
    read: &ReadPart<'_>,
) -> Result<Option<LayerRules>, Unreadable> {
    let unreadable = |bad: Vec<BadFile>, digest: Option<String>| {
        let mut bad = bad.into_iter();
        let first = bad.next()?;
        Some(Unreadable {
            layer,
            digest: digest.or(first.digest),
            problems: first.problems,
            more: bad.map(|file| file.problems).collect(),
        })
    };
    let root = match read(&source) {
        Ok(None) => return Ok(None),
        Ok(Some(root)) => root,
        Err(bad) => return unreadable(vec![bad], None).map_or(Ok(None), Err),
    };
    let (digest, file, text) = (root.digest.clone(), root.file.clone(), root.text.clone());
    let version = root.version.clone();
    let begins = root.begins;
    let mut gathered = Gathered {
        read,
        seen: vec![source.clone()],
        parts: Vec::new(),
        bad: Vec::new(),
    };
    gathered.add(source, root, &mut Vec::new());
    let whole = gathered.as_a_whole(layer, begins);
    if let Some(problem) = whole {
        let problems = YamlProblems::new(&file, vec![problem])
            .within(&text)
            .of_version(version);
        gathered.bad.push(BadFile {
            problems,
            digest: None,
        });
    }
    match unreadable(gathered.bad, Some(digest)) {
        Some(unreadable) => Err(unreadable),
        None => Ok(Some(merged(layer, gathered.parts))),
    }
}

/// The files of a layer as they are found.
struct Gathered<'a> {
    read: &'a ReadPart<'a>,
    seen: Vec<PolicySource>,
    parts: Vec<(PolicySource, PolicyPart)>,
    bad: Vec<BadFile>,
}

impl Gathered<'_> {
    /// Adds a file and what it extends; `above` are the files on the way to it.
    fn add(&mut self, source: PolicySource, part: PolicyPart, above: &mut Vec<PolicySource>) {
        above.push(source.clone());
        let mut problems = Vec::new();
        for extended in &part.extends {
            let target = extended.target.source(&source);
            problems.extend(self.extend(target, extended.place, above));
        }
        if !problems.is_empty() {
            self.bad.push(BadFile {
                problems: YamlProblems::new(&part.file, problems)
                    .within(&part.text)
                    .of_version(part.version.clone()),
                digest: None,
            });
        }
        self.parts.push((source, part));
        above.pop();
    }

    /// Adds a file that the last one of `above` extends at a place, or says why it cannot.
    fn extend(
        &mut self,
        target: PolicySource,
        place: SourcePlace,
        above: &mut Vec<PolicySource>,
    ) -> Option<YamlProblem> {
        if above.contains(&target) {
            let way = above.iter().skip_while(|one| **one != target);
            let way: Vec<String> = way.chain([&target]).map(PolicySource::name).collect();
            let why = format!("the file extends itself: {}", way.join(" → "));
            return Some(YamlProblem::new(place, why));
        }
        if self.seen.contains(&target) {
            // Several ways lead to it; it counts once.
            return None;
        }
        if above.len() >= MAX_DEPTH || self.seen.len() >= MAX_FILES {
            let why = format!(
                "a policy has at most {MAX_FILES} files, of which at most {MAX_DEPTH} extend one another"
            );
            return Some(YamlProblem::new(place, why));
        }
        self.seen.push(target.clone());
        match (self.read)(&target) {
            Ok(Some(found)) => self.add(target, found, above),
            Ok(None) => {
                let why = format!("there is no file {}", target.name());
                let problem = YamlProblem::new(place, why);
                return Some(problem.hint("correct the name, or write the file"));
            }
            Err(bad) => self.bad.push(bad),
        }
        None
    }

    /// The problem of all files together, which each by itself does not have.
    fn as_a_whole(&self, layer: PolicyLayer, begins: SourcePlace) -> Option<YamlProblem> {
        if !self.bad.is_empty() {
            return None;
        }
        let parts = || self.parts.iter().map(|(_, part)| part);
        let rules: usize = parts().map(|part| part.rules.len()).sum();
        if rules > MAX_RULES {
            let why = format!(
                "the files together have {rules} rules, and a policy has at most {MAX_RULES}"
            );
            return Some(YamlProblem::new(SourcePlace::default(), why));
        }
        if layer == PolicyLayer::Project && parts().all(|part| part.default.is_none()) {
            let why = "the policy needs `default`, which answers where no rule matches";
            let problem = YamlProblem::new(begins, why);
            return Some(problem.hint("write `default: allow` or `default: deny`"));
        }
        None
    }
}

/// Puts the files of a layer together: all rules, the strictest default and setting, the smallest
/// limits.
fn merged(layer: PolicyLayer, parts: Vec<(PolicySource, PolicyPart)>) -> LayerRules {
    let mut all = LayerRules {
        layer,
        rules: Vec::new(),
        default: None,
        limits: PolicyLimits::default(),
        outside_paths: None,
        guards: Vec::new(),
        bounds: Vec::new(),
        builtin: BuiltinStanding::Replaceable,
        files: Vec::new(),
    };
    // What a file extends stands before it; the file of the layer is named first.
    for (source, part) in parts.into_iter().rev() {
        all.files.push((source.name(), part.digest));
        all.default = all.default.max(part.default);
        all.outside_paths = all.outside_paths.max(part.outside_paths);
        all.limits = all.limits.narrowed(&part.limits);
        all.guards.extend(part.guards.into_iter().map(|mut guard| {
            guard.file = part.file.clone();
            guard
        }));
        all.bounds.extend(part.bounds.into_iter().map(|mut bounds| {
            bounds.file = part.file.clone();
            bounds
        }));
        all.rules.extend(part.rules.into_iter().map(|mut rule| {
            rule.layer = layer;
            rule.file = part.file.clone();
            rule
        }));
    }
    all
}
