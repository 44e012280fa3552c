//! The files of a policy, where they lie: the user's in their configuration directory, the project's
//! and the agents' below `.ai/`, and what those extend beside them.
//!
//! All files of the project come from one tree: the checkout, or the commit from which a run started,
//! which no agent of the run can have written. A file that cannot be read is a problem of the policy,
//! which denies; what git cannot say is an error.

use std::cell::RefCell;
use std::path::Path;

use crate::base::yaml::{MAX_BYTES, YamlProblems};
use crate::base::{env, fs};
use crate::config::Trees;
use crate::domain::agent::Name;
use crate::domain::decision::PolicyLayer;
use crate::domain::repo_path::RepoPath;
use crate::git::{GitError, Oid, Repo};
use crate::ops::error::OpError;
use crate::policy::{self, BadFile, PolicyPart, PolicySource, PolicyState};

/// The directory of the files of agents, below the root of the repository.
const AGENTS: &str = ".ai/agents";

/// The policy of the checkout at `root`, with all of its layers. One that cannot be read is a state of
/// its own, which denies.
pub fn of_checkout(root: &Path, trees: &Trees) -> PolicyState {
    match agents(root, &|path| path.is_dir()) {
        Ok(agents) => PolicyState::read(&|source| part(root, trees, source), &agents),
        Err(bad) => unreadable(&bad),
    }
}

/// The policy of a commit; nothing where it has none. The checkout at `root` says which agents there are:
/// one that nobody can start has no run.
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
    let failed: RefCell<Option<GitError>> = RefCell::new(None);
    let read = |source: &PolicySource| {
        let PolicySource::OfProject(path) = source else {
            return part(root, trees, source);
        };
        let file = format!(".ai/{path}");
        match repo.read_blob(commit, &RepoPath::new(file.as_str())) {
            Ok(None) => Ok(None),
            Ok(Some(bytes)) => of_bytes(trees, &file, &bytes).map(Some),
            Err(error) => {
                failed.replace(Some(error));
                Ok(None)
            }
        }
    };
    let state = match agents(root, &|_| true) {
        Ok(agents) => PolicyState::read(&read, &agents),
        Err(bad) => unreadable(&bad),
    };
    match failed.into_inner() {
        Some(error) => Err(error.into()),
        None => Ok(Some(state)),
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
        PolicySource::OfProject(path) => {
            let name = format!(".ai/{path}");
            (root.join(&name), name)
        }
        PolicySource::OfUser(path) => match env::user_config_dir() {
            Some(dir) => {
                let path = dir.join(path);
                let name = path.display().to_string();
                (path, name)
            }
            None => return Ok(None),
        },
    };
    match fs::read_capped(&path, MAX_BYTES) {
        Ok(bytes) => of_bytes(trees, &name, &bytes).map(Some),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(BadFile::of_read_error(&error.to_string(), &name)),
    }
}

fn of_bytes(trees: &Trees, file: &str, bytes: &[u8]) -> Result<PolicyPart, BadFile> {
    let read = trees.read(file, bytes, |root, standing| {
        PolicyPart::from_tree(root, standing, bytes, file)
    });
    read.map_err(|problems| BadFile::of_bytes(problems, bytes))
}

/// The state in which nobody can say which layers there are.
fn unreadable(bad: &BadFile) -> PolicyState {
    let read = |source: &PolicySource| match source {
        PolicySource::OfProject(_) => Err(bad.clone()),
        _ => Ok(None),
    };
    PolicyState::read(&read, &[])
}

/// The names of the agents of a checkout: those that are registered, and those that have a directory
/// of their own.
fn agents(root: &Path, counts: &dyn Fn(&Path) -> bool) -> Result<Vec<String>, BadFile> {
    let found = match fs::list_dir(&root.join(AGENTS)) {
        Ok(found) => found,
        Err(error) => return Err(BadFile::of_read_error(&error.to_string(), AGENTS)),
    };
    let names = found.iter().filter(|path| counts(path)).filter_map(|path| {
        let name = match path.extension() {
            Some(end) if end == "yaml" => path.file_stem(),
            _ => path.file_name(),
        };
        Name::new(name?.to_str()?).ok()
    });
    let mut names: Vec<String> = names.map(|name| name.to_string()).collect();
    names.sort();
    names.dedup();
    Ok(names)
}
