//! Where checks run: a directory outside of every checkout with the judged tree in it, what
//! `runs.check_keep` names, and nothing else. What an earlier tree left there could make a broken
//! one pass: an object file whose source is gone, a package that is no dependency any more.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::base::{file_lock, fs};
use crate::domain::repo_path::RepoPath;
use crate::domain::sandbox::Network;
use crate::git::shadow::ShadowRepo;
use crate::git::{Oid, Repo};
use crate::ops::error::OpError;
use crate::ops::run::agent::ports;
use crate::ops::run::checks::project_files::is_of_project;
use crate::ops::run::sandbox::layer;
use crate::ops::run::sandbox::network::NetworkLeave;
use crate::ops::world::World;

/// Files by whose times a tool decides whether what it built in this directory before is still
/// good, whatever else has changed: uv keeps wheels of local projects in its cache by them, outside
/// of the place.
const MANIFESTS: [&str; 3] = ["pyproject.toml", "setup.py", "setup.cfg"];
/// Depth to which they are looked for.
const MANIFEST_DEPTH: usize = 4;

/// The directory in which checks run. No agent works in it; `git` works there on a repository of
/// the directory's own.
pub struct CheckPlace {
    /// The directory.
    pub root: PathBuf,
    /// The git directory.
    pub git_dir: PathBuf,
    /// The policy's word on the network.
    pub(crate) network: NetworkLeave,
    /// A directory for temporary files, for sandboxes that have none of their own; not made yet.
    pub(crate) tmp: PathBuf,
    /// The links of the judged tree, relative to the root; looked for only where no sandbox keeps
    /// them from leading anywhere.
    pub(crate) links: Vec<PathBuf>,
    /// Submodules of the judged tree that could not be laid out here.
    pub(crate) missing: Vec<RepoPath>,
    /// Said of the tree behind the name of a check, for whoever watches; empty for what is judged.
    pub(crate) said: &'static str,
    /// Variables that name its ports.
    pub(crate) ports: Vec<(OsString, OsString)>,
    /// Two that check in one place would pull the tree away from under each other.
    _held: file_lock::FileLock,
}

/// The tree that the checks are to judge.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// The tree.
    pub tree: &'a Oid,
    /// The commit that `git` shows as HEAD there.
    pub commit: Option<&'a Oid>,
}

impl CheckPlace {
    /// The place `name`, with the judged tree in it; waits until nobody checks there. A place that
    /// cannot be brought to that tree is made anew.
    pub fn open(
        world: &World,
        repo: &Repo,
        name: &str,
        judged: Judged<'_>,
    ) -> Result<CheckPlace, OpError> {
        world.places.make()?;
        let place = world.places.checks(name)?;
        let (root, git_dir, tmp) = (place.join("tree"), place.join("git"), place.join("tmp"));
        let own = world.state().join("slots").join(name);
        fs::create_dir_all(&own)?;
        let held = file_lock::lock(&own.join("place.lock"))?;
        let shadow = ShadowRepo::open(repo, &own.join("check.git"))?;
        let kept = &world.config.runs.check_keep;
        let is_reset =
            root.is_dir() && shadow.is_primed() && shadow.reset(&root, judged.tree, kept).is_ok();
        if !is_reset {
            let _alone = world
                .disk_locks()
                .map(|disk| disk.acquire(&root))
                .transpose()?;
            fs::remove_stubborn(&root)?;
            fs::create_dir_all(&root)?;
            shadow.checkout(&root, judged.tree)?;
        }
        let missing = match &world.location.main_root {
            Some(checkout) if uses_submodules(checkout, repo) => {
                shadow.fill_submodules(&root, checkout)?
            }
            _ => Vec::new(),
        };
        renew_manifests(&root, MANIFEST_DEPTH)?;
        shadow.make_private_repository(repo, &root, &git_dir, judged.commit)?;
        let ports = ports::variables(&ports::of_place(&world.config, name)?);
        let links = if layer::layer(world, None)?.mode().confines() {
            Vec::new()
        } else {
            shadow.links(&root)?
        };
        Ok(CheckPlace {
            root,
            git_dir,
            network: Network::On.into(),
            said: "",
            tmp,
            links,
            missing,
            ports,
            _held: held,
        })
    }
}

/// Tells without a process whether there can be submodules to lay out.
fn uses_submodules(checkout: &Path, repo: &Repo) -> bool {
    checkout.join(".gitmodules").exists() || repo.common_dir().join("modules").exists()
}

/// Takes the place `name` away; nobody works there but `ai`.
pub fn remove(world: &World, name: &str) -> Result<(), OpError> {
    // On a machine that has no room for places there is none.
    world.places.checks(name).map_or(Ok(()), |place| {
        fs::remove_stubborn(&place).map_err(OpError::from)
    })
}

/// Gives manifests the time of this judgement, so that no tool takes what it built from an earlier
/// tree for this one's.
fn renew_manifests(dir: &Path, depth: usize) -> Result<(), OpError> {
    for entry in fs::list_kinds(dir)? {
        let path = entry.path;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if entry.is_dir && depth > 1 && is_of_project(&name) {
            renew_manifests(&path, depth - 1)?;
        } else if MANIFESTS.contains(&name.as_ref()) && !entry.is_dir {
            fs::touch(&path)?;
        }
    }
    Ok(())
}
