//! The files of a policy, where they lie: the user's in their configuration directory, the project's
//! and the agents' below `.ai/`, and what those extend beside them.
//!
//! All files of the project come from one tree: the checkout, or the commit from which a run started,
//! which no agent of the run can have written. A file that cannot be read is a problem of the policy,
//! which denies, and so is one to which a link leads that leads nowhere; what git cannot say is an error.
//!
//! Whoever may write in the checkout may write its policy, so the rules of a checkout take the place of
//! built-in ones only where they stand in HEAD as they are.
//!
//! Lines end in a line feed here, whatever Git makes of that in a checkout: a file whose lines alone end
//! otherwise is the same file.

use std::borrow::Cow;
use std::cell::RefCell;
use std::path::Path;

use crate::base::yaml::{MAX_BYTES, YamlProblems};
use crate::base::{env, fs, hash};
use crate::config::Trees;
use crate::domain::agent::Name;
use crate::domain::decision::PolicyLayer;
use crate::domain::repo_path::RepoPath;
use crate::git::discover::{RepoLocation, discover};
use crate::git::{Git, GitError, Head, Oid, Repo};
use crate::ops::error::OpError;
use crate::policy::{self, BadFile, PolicyPart, PolicySource, PolicyState, TriedExample};

/// The directory of the files of agents, below the root of the repository.
const AGENTS: &str = ".ai/agents";

/// The policy of the checkout at `root`, with all of its layers. One that cannot be read is a state of
/// its own, which denies.
pub fn of_checkout(root: &Path, trees: &Trees) -> PolicyState {
    let mut state = match agents(root) {
        Ok(agents) => PolicyState::read(&|source| part(root, trees, source), &agents),
        Err(bad) => return unreadable(&bad),
    };
    let replacing = state.files_that_replace();
    if !replacing.is_empty() && commit_with(root, &replacing).is_none() {
        state.keep_builtin();
    }
    state
}

/// The commit at which the checkout's HEAD is, where all of these files, each with its digest, are in it.
/// What cannot be looked at is not.
pub(super) fn commit_with(root: &Path, files: &[(String, String)]) -> Option<Oid> {
    let location = discover(root).ok()?;
    head_with(&location, files).ok().flatten()
}

/// The same in a repository that was found, and an error where it cannot be looked at.
pub(super) fn head_with(
    location: &RepoLocation,
    files: &[(String, String)],
) -> Result<Option<Oid>, GitError> {
    let repo = Repo::open(location, Git::system()?)?;
    let head = repo.head_of(&location.git_dir)?;
    let Some(commit) = Head::commit(&head) else {
        return Ok(None);
    };
    for (file, digest) in files {
        let there = repo.read_blob(commit, &RepoPath::new(file.as_str()))?;
        if there.is_none_or(|bytes| hash::sha256_hex(&with_line_feeds(&bytes)) != *digest) {
            return Ok(None);
        }
    }
    Ok(Some(commit.clone()))
}

/// The policy of a commit; nothing where it has none. The checkout at `root` says which agents there are,
/// and so does the commit: one that nobody can start has no run, but acts all the same.
pub fn of_commit(
    root: &Path,
    trees: &Trees,
    (repo, commit): (&Repo, &Oid),
) -> Result<Option<PolicyState>, OpError> {
    if repo
        .read_blob(commit, &RepoPath::new(policy::FILE))?
        .is_none()
    {
        return Ok(None);
    }
    all_of_commit(root, trees, &CommitTree::of(repo, commit)).map(Some)
}

/// The tree of a commit, and what it is called in messages.
pub(super) struct CommitTree<'a> {
    repo: &'a Repo,
    commit: &'a Oid,
    /// As in `.ai/policy.yaml at HEAD (1e1a5ed)`; none where whoever reads it names the commit.
    version: Option<String>,
}

impl<'a> CommitTree<'a> {
    /// The tree of a commit that has no other name.
    fn of(repo: &'a Repo, commit: &'a Oid) -> Self {
        Self {
            repo,
            commit,
            version: Some(format!("in commit {}", commit.short())),
        }
    }

    /// The tree of the commit to which a reference leads.
    pub(super) fn at(name: &str, repo: &'a Repo, commit: &'a Oid) -> Self {
        Self {
            repo,
            commit,
            version: Some(format!("at {name} ({})", commit.short())),
        }
    }
}

/// True where a commit has files of agents, which may bound these.
pub(super) fn has_agents(repo: &Repo, commit: &Oid) -> Result<bool, GitError> {
    Ok(!repo.list_files(commit, &RepoPath::new(AGENTS))?.is_empty())
}

/// The same where it may be the files of agents alone that the commit has.
pub(super) fn all_of_commit(
    root: &Path,
    trees: &Trees,
    tree: &CommitTree<'_>,
) -> Result<PolicyState, OpError> {
    let of_commit = tree.repo.list_files(tree.commit, &RepoPath::new(AGENTS))?;
    match agents(root) {
        Ok(mut agents) => {
            let paths = of_commit.iter().map(|path| path.beneath(root));
            agents.extend(paths.filter_map(|path| agent_of(&path)));
            agents.sort();
            agents.dedup();
            let in_commit = |source: &PolicySource| of_blob(trees, tree, source);
            read_from(root, trees, &agents, &in_commit, &|name| {
                part(root, trees, &PolicySource::OfAgentFile(name.to_owned()))
            })
        }
        Err(bad) => Ok(unreadable(&bad)),
    }
}

/// The policy of a commit for these agents; the built-in rules where it has none.
pub fn of_base(
    root: &Path,
    trees: &Trees,
    (repo, commit): (&Repo, &Oid),
    agents: &[String],
) -> Result<PolicyState, OpError> {
    let tree = CommitTree {
        repo,
        commit,
        version: None,
    };
    let in_commit = |source: &PolicySource| of_blob(trees, &tree, source);
    read_from(root, trees, agents, &in_commit, &|_| Ok(None))
}

/// A file of the project in a commit; the inner error is that of the file.
type OfBlob = Result<Result<Option<PolicyPart>, BadFile>, GitError>;

fn of_blob(trees: &Trees, tree: &CommitTree<'_>, source: &PolicySource) -> OfBlob {
    let file = source.name();
    let path = RepoPath::new(file.as_str());
    let Some(bytes) = tree.repo.read_blob(tree.commit, &path)? else {
        return Ok(Ok(None));
    };
    let read = match source {
        PolicySource::OfAgentFile(_) => of_agent_file(&file, &bytes),
        _ => of_bytes(trees, &file, &bytes).map(Some),
    };
    let Some(version) = &tree.version else {
        return Ok(read);
    };
    Ok(read
        .map(|part| part.map(|part| part.of_version(version)))
        .map_err(|bad| bad.of_version(version)))
}

/// The bytes of a file with a line feed at the end of each line.
fn with_line_feeds(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.contains(&b'\r') {
        return Cow::Borrowed(bytes);
    }
    let ends = |at: usize| bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n');
    let kept = (0..bytes.len()).filter(|at| !ends(*at));
    Cow::Owned(kept.map(|at| bytes[at]).collect())
}

/// Reads a policy whose files of the project come from a commit. The bounds in the file of an agent count as that
/// commit has them, and as `besides` has them, too: a run is started by the file in the checkout.
fn read_from(
    root: &Path,
    trees: &Trees,
    agents: &[String],
    in_commit: &dyn Fn(&PolicySource) -> OfBlob,
    besides: &dyn Fn(&str) -> Result<Option<PolicyPart>, BadFile>,
) -> Result<PolicyState, OpError> {
    let failed: RefCell<Option<GitError>> = RefCell::new(None);
    let read = |source: &PolicySource| {
        if !matches!(
            source,
            PolicySource::OfProject(_) | PolicySource::OfAgentFile(_)
        ) {
            return part(root, trees, source);
        }
        let found = in_commit(source).unwrap_or_else(|error| {
            failed.replace(Some(error));
            Ok(None)
        })?;
        let other = match source {
            PolicySource::OfAgentFile(name) => besides(name)?,
            _ => None,
        };
        Ok(match (found, other) {
            (Some(found), Some(other)) => Some(found.and_bounds(other)),
            (found, other) => found.or(other),
        })
    };
    let state = PolicyState::read(&read, agents);
    match failed.into_inner() {
        Some(error) => Err(error.into()),
        None => Ok(state),
    }
}

/// The bounds in the file of an agent.
fn of_agent_file(file: &str, bytes: &[u8]) -> Result<Option<PolicyPart>, BadFile> {
    let bytes = &*with_line_feeds(bytes);
    PolicyPart::of_agent_file(bytes, file).map_err(|problems| BadFile::of_bytes(problems, bytes))
}

/// The policy of a project alone, as it would be once its files are committed, and the examples of every file that
/// took part. The user's own layer is left out: it is another one on the next machine.
pub fn of_project(root: &Path) -> (PolicyState, Vec<TriedExample>) {
    let (trees, examples) = (Trees::none(), RefCell::new(Vec::new()));
    let read = |source: &PolicySource| {
        if matches!(source, PolicySource::OfUser(_)) {
            return Ok(None);
        }
        let part = part(root, &trees, source)?;
        if let Some(part) = &part {
            examples.borrow_mut().extend(policy::examples_of(part));
        }
        Ok(part)
    };
    let state = match agents(root) {
        Ok(agents) => PolicyState::read(&read, &agents),
        Err(bad) => unreadable(&bad),
    };
    (state, in_order(examples.into_inner()))
}

/// Each example once, by file and place: several layers may extend one pack.
fn in_order(mut examples: Vec<TriedExample>) -> Vec<TriedExample> {
    let key = |one: &TriedExample| (one.file.clone(), one.place);
    examples.sort_by_key(key);
    examples.dedup_by_key(|one| key(one));
    examples
}

/// The policy that there would be with other bytes in place of the project's file; `file` is their name in messages. What
/// they extend, and the other layers, are those of the checkout.
pub fn with_project_file(root: &Path, file: &str, bytes: &[u8]) -> PolicyState {
    let trees = Trees::none();
    let read = |source: &PolicySource| match source {
        PolicySource::OfProject(path) if path == policy::LAYER_FILE => {
            of_bytes(&trees, file, bytes).map(Some)
        }
        other => part(root, &trees, other),
    };
    match agents(root) {
        Ok(agents) => PolicyState::read(&read, &agents),
        Err(bad) => unreadable(&bad),
    }
}

/// All problems of one file as the policy of a layer, and of what it extends. The file may lie
/// anywhere; what it extends lies beside the policy of the checkout.
pub fn problems_of(root: &Path, file: &str, bytes: &[u8], layer: PolicyLayer) -> Vec<YamlProblems> {
    let this = match layer {
        PolicyLayer::Global => PolicySource::OfUser(policy::LAYER_FILE.to_owned()),
        _ => PolicySource::OfProject(policy::LAYER_FILE.to_owned()),
    };
    let trees = Trees::none();
    let read = |source: &PolicySource| {
        if *source == this {
            of_bytes(&trees, file, bytes).map(Some)
        } else {
            part(root, &trees, source)
        }
    };
    policy::layer_problems(layer, this.clone(), &read)
}

/// Reads a file of a policy from the disk; nothing where there is none.
fn part(root: &Path, trees: &Trees, source: &PolicySource) -> Result<Option<PolicyPart>, BadFile> {
    let (path, name) = match source {
        PolicySource::Pack(pack) => {
            return of_bytes(trees, &pack.file(), pack.text.as_bytes()).map(Some);
        }
        PolicySource::OfProject(_) | PolicySource::OfAgentFile(_) => {
            let name = source.name();
            (root.join(&name), name)
        }
        PolicySource::OfUser(path) => match env::user_policy_dir() {
            Ok(Some(dir)) => {
                let path = dir.join(path);
                let name = path.display().to_string();
                (path, name)
            }
            Ok(None) => return Ok(None),
            Err(why) => return Err(BadFile::of_read_error(&why, path)),
        },
    };
    match fs::read_capped(&path, MAX_BYTES) {
        Ok(bytes) if matches!(source, PolicySource::OfAgentFile(_)) => of_agent_file(&name, &bytes),
        Ok(bytes) => of_bytes(trees, &name, &bytes).map(Some),
        Err(error) if error.is_not_found() && !fs::leads_nowhere(&path) => Ok(None),
        Err(error) => Err(BadFile::of_read_error(&error.to_string(), &name)),
    }
}

fn of_bytes(trees: &Trees, file: &str, bytes: &[u8]) -> Result<PolicyPart, BadFile> {
    let bytes = &*with_line_feeds(bytes);
    let digest = hash::sha256_hex(bytes);
    let read = trees.read_digested(file, (bytes, &digest), |root, standing| {
        PolicyPart::from_digested(root, standing, (bytes, &digest), file)
    });
    read.map_err(|problems| BadFile::of_bytes(problems, bytes))
}

/// The state in which nobody can say which layers there are.
pub(super) fn unreadable(bad: &BadFile) -> PolicyState {
    let read = |source: &PolicySource| match source {
        PolicySource::OfProject(_) => Err(bad.clone()),
        _ => Ok(None),
    };
    PolicyState::read(&read, &[])
}

/// The names of the agents of a checkout: those that are registered, and those that have a directory
/// of their own.
fn agents(root: &Path) -> Result<Vec<String>, BadFile> {
    let dir = root.join(AGENTS);
    let found = match fs::list_dir(&dir) {
        Ok(found) if found.is_empty() && fs::leads_nowhere(&dir) => {
            let why = "a link on the way to it leads nowhere";
            return Err(BadFile::of_read_error(why, AGENTS));
        }
        Ok(found) => found,
        Err(error) => return Err(BadFile::of_read_error(&error.to_string(), AGENTS)),
    };
    let mut names: Vec<String> = found.iter().filter_map(|path| agent_of(path)).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// The name of the agent to whom a file or a directory of agents belongs.
fn agent_of(path: &Path) -> Option<String> {
    let name = match path.extension() {
        Some(end) if end == "yaml" => path.file_stem(),
        _ => path.file_name(),
    };
    let name = Name::new(name?.to_str()?).ok()?;
    Some(name.to_string())
}

#[cfg(test)]
#[path = "policy_files_tests.rs"]
mod tests;
