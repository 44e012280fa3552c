//! Where checks run: a directory with the judged tree and nothing else, but for what earlier checks built there.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::base::fs;
use crate::domain::sandbox::Network;
use crate::git::shadow::Shadow;
use crate::git::{Oid, Repo};
use crate::ops::refusal::OpError;
use crate::ops::run::ports;
use crate::ops::run::world::{World, environment};

/// The directory in which checks run. No agent works in it; `git` works there on a repository of the directory's own.
pub struct CheckPlace {
    /// The directory.
    pub root: PathBuf,
    /// Its git directory.
    pub git_dir: PathBuf,
    /// What the policy says of the network.
    pub network: Network,
    /// Variables that name its ports.
    pub(super) ports: Vec<(OsString, OsString)>,
    /// Two that check in one place would pull the tree away from under each other.
    _held: fs::Locked,
}

/// What the checks are to judge.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// The tree.
    pub tree: &'a Oid,
    /// The commit that `git` shows as HEAD there.
    pub commit: Option<&'a Oid>,
}

impl CheckPlace {
    /// The place beside slot `name`, with the judged tree in it; waits until nobody checks there. A place that cannot be brought to that tree is made anew.
    pub fn open(world: &World, repo: &Repo, name: &str, judged: Judged<'_>) -> Result<CheckPlace, OpError> {
        let root = world.pool_dir().join(format!(".check-{name}"));
        let own = world.state().join("slots").join(name);
        fs::create_dir_all(&own).map_err(environment)?;
        let held = fs::lock(&own.join("place.lock")).map_err(environment)?;
        let shadow = Shadow::open(repo, &own.join("check.git")).map_err(environment)?;
        let is_reset = root.is_dir() && shadow.is_primed() && shadow.reset(&root, judged.tree).is_ok();
        if !is_reset {
            let _alone = world.disk_locks().map(|disk| disk.acquire(&root)).transpose().map_err(environment)?;
            fs::remove_dir_all(&root).map_err(environment)?;
            fs::create_dir_all(&root).map_err(environment)?;
            shadow.checkout(&root, judged.tree).map_err(environment)?;
        }
        let git_dir = own.join("place.git");
        shadow.make_private_repository(repo, &root, &git_dir, judged.commit).map_err(environment)?;
        let ports = ports::variables(&ports::of_place(&world.config, name)?);
        Ok(CheckPlace { root, git_dir, network: Network::On, ports, _held: held })
    }
}
