//! The same policy by Landlock: the kernel denies what is not granted, to the keeper and to
//! everything that it starts, for good.
//!
//! Landlock only adds rights, so what is hidden or read-only inside of something that is granted
//! cannot be taken out again: a directory with something hidden in it is granted child by child, as
//! it stands at the start, and what lies in a directory that changes and has to be listed is
//! covered by a mount of the keeper, where it may make one (`process/guard/covers.rs`). It does not see `chmod`, the times of a file, UDP, or a socket that has
//! a path. It is about files: what else root may do, such as naming the machine, setting its clock
//! or looking into processes of others, goes with the capabilities.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope, path_beneath_rules,
};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use serde::{Deserialize, Serialize};

use crate::base::fs;
use crate::domain::sandbox::Network;
use crate::process::sandbox::{PathAccess, ResourceLimits, SandboxLayer, SandboxPolicy};

/// The newest rules that we know; the crate leaves out what the kernel does not.
const NEWEST: ABI = ABI::V6;
/// The first version that can deny TCP.
pub(super) const FOR_NETWORK: i32 = 4;
/// Directory of devices: a disk can be read there past all files, by whoever owns it.
const DEV: &str = "/dev";
/// Devices without which hardly a program works.
const DEVICES: [&str; 9] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/shm",
];

/// A [sandbox policy](SandboxPolicy) as it goes over the command line of a keeper. Paths are bytes,
/// since they need not be text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::process) struct LandlockPolicy {
    hidden: Vec<Vec<u8>>,
    #[serde(default)]
    covered: Vec<Vec<u8>>,
    read: Vec<Vec<u8>>,
    write: Vec<Vec<u8>>,
    network: Network,
}

impl LandlockPolicy {
    /// Extracts the part of a policy that Landlock can carry out.
    pub fn of(policy: &SandboxPolicy) -> LandlockPolicy {
        let of = |wanted: fn(&PathAccess) -> bool| {
            policy
                .rules()
                .filter(|(_, access)| wanted(access))
                .map(|(path, _)| bytes(path))
                .collect()
        };
        LandlockPolicy {
            hidden: of(|access| *access == PathAccess::Hidden),
            covered: of(|access| *access == PathAccess::Covered),
            read: of(|access| matches!(access, PathAccess::Read | PathAccess::BindWrite(_))),
            write: of(|access| *access == PathAccess::Write),
            network: policy.network,
        }
    }

    fn policy(&self) -> SandboxPolicy {
        let mut policy = SandboxPolicy::new(
            SandboxLayer::Landlock,
            self.network,
            ResourceLimits::default(),
        );
        for (paths, access) in [
            (&self.hidden, PathAccess::Hidden),
            (&self.covered, PathAccess::Covered),
            (&self.read, PathAccess::Read),
            (&self.write, PathAccess::Write),
        ] {
            paths.iter().for_each(|path| {
                policy.set_access(Path::new(OsStr::from_bytes(path)), access.clone())
            });
        }
        policy
    }

    /// Lists what has to be covered by mounts before [`Self::restrict`], which leaves no way to make
    /// them.
    pub fn covers(&self) -> Vec<PlaceCover> {
        let path = |bytes: &Vec<u8>| PathBuf::from(OsStr::from_bytes(bytes));
        let granted: Vec<PathBuf> = self.read.iter().chain(&self.write).map(path).collect();
        let cover = |dir: PathBuf| {
            let inside = |path: &Path| path != dir && path.starts_with(&dir);
            let is_outermost = |path: &Path| {
                let above = path.ancestors().skip(1).take_while(|above| inside(above));
                !above
                    .into_iter()
                    .any(|above| granted.iter().any(|other| other == above))
            };
            let kept = granted
                .iter()
                .filter(|path| inside(path) && is_outermost(path));
            let mut kept: Vec<PathBuf> = kept.cloned().collect();
            kept.sort();
            kept.dedup();
            PlaceCover { dir, kept }
        };
        self.covered.iter().map(path).map(cover).collect()
    }

    /// Takes it upon this thread and everything that it starts. Call it while there is no other
    /// thread.
    pub fn restrict(&self) -> io::Result<()> {
        LandlockGrants::with(&self.policy(), &|dir| fs::list_dir(dir).unwrap_or_default())
            .restrict()?;
        // After the rules: with them goes the way back, by which a program of root would get its
        // capabilities anew.
        let none = CapabilitySet::empty();
        Ok(set_capabilities(
            None,
            CapabilitySets {
                effective: none,
                permitted: none,
                inheritable: none,
            },
        )?)
    }
}

/// A directory over which an empty one is laid, and what of it stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::process) struct PlaceCover {
    /// The directory.
    pub dir: PathBuf,
    /// The places below it that can still be reached, none of them within another.
    pub kept: Vec<PathBuf>,
}

/// The rights that are granted.
#[derive(Debug)]
struct LandlockGrants {
    read: Vec<PathBuf>,
    write: Vec<PathBuf>,
    network: Network,
}

impl LandlockGrants {
    /// The grants of a policy; `list` gives the children of a directory.
    fn with(policy: &SandboxPolicy, list: &dyn Fn(&Path) -> Vec<PathBuf>) -> LandlockGrants {
        let mut read = Vec::new();
        let mut policy = policy.clone();
        if policy.access(Path::new(DEV)).is_none() {
            policy.set_access(Path::new(DEV), PathAccess::Hidden);
        }
        let policy = &policy;
        grant(policy, Path::new("/"), list, &mut read);
        for (path, _) in policy
            .rules()
            .filter(|(_, access)| **access == PathAccess::Read)
        {
            grant(policy, path, list, &mut read);
        }
        let written = policy
            .rules()
            .filter(|(_, access)| **access == PathAccess::Write);
        let write = written
            .map(|(path, _)| path.to_owned())
            .chain(DEVICES.map(PathBuf::from))
            .collect();
        LandlockGrants {
            read,
            write,
            network: policy.network,
        }
    }

    fn restrict(&self) -> io::Result<()> {
        let status = self.ruleset().map_err(io::Error::other)?;
        match status {
            RulesetStatus::NotEnforced => Err(io::Error::other(
                "the kernel does not carry out Landlock rules",
            )),
            RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        }
    }

    fn ruleset(&self) -> Result<RulesetStatus, landlock::RulesetError> {
        let mut ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(NEWEST))?
            .scope(Scope::from_all(NEWEST))?;
        if self.network != Network::On {
            ruleset = ruleset
                .set_compatibility(CompatLevel::HardRequirement)
                .handle_access(AccessNet::from_all(ABI::V4))?;
            ruleset = ruleset.set_compatibility(CompatLevel::BestEffort);
        }
        let created = ruleset
            .create()?
            .add_rules(path_beneath_rules(&self.read, AccessFs::from_read(NEWEST)))?
            .add_rules(path_beneath_rules(&self.write, AccessFs::from_all(NEWEST)))?;
        Ok(created.restrict_self()?.ruleset)
    }
}

/// Grants `dir` whole, or child by child where something below it is spoken of otherwise.
fn grant(
    policy: &SandboxPolicy,
    dir: &Path,
    list: &dyn Fn(&Path) -> Vec<PathBuf>,
    granted: &mut Vec<PathBuf>,
) {
    let is_inside = |path: &Path| path != dir && path.starts_with(dir);
    if !policy
        .rules()
        .any(|(path, access)| is_inside(path) && *access == PathAccess::Hidden)
    {
        granted.push(dir.to_owned());
        return;
    }
    for child in list(dir) {
        // What has a word of its own is seen to by that; a link grants nothing that its target does
        // not have.
        let own = policy.rules().any(|(path, _)| path == child);
        if !own && !std::fs::symlink_metadata(&child).is_ok_and(|meta| meta.is_symlink()) {
            grant(policy, &child, list, granted);
        }
    }
}

fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}

/// The version of Landlock that works here, 0 where none does. Asked by a thread that restricts
/// itself and ends.
pub(super) fn version() -> i32 {
    let asked = std::thread::spawn(|| {
        let ruleset = Ruleset::default()
            .handle_access(AccessFs::Execute)?
            .create()?;
        ruleset
            .add_rules(path_beneath_rules(["/"], AccessFs::Execute))?
            .restrict_self()
    });
    match asked.join() {
        Ok(Ok(status)) => match status.landlock {
            LandlockStatus::Available { effective_abi, .. } => effective_abi as i32,
            LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => 0,
        },
        Ok(Err(_)) | Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_something_hidden_is_granted_child_by_child() {
        let mut policy = SandboxPolicy::new(
            SandboxLayer::Landlock,
            Network::On,
            ResourceLimits::default(),
        );
        policy.set_access(Path::new("/h/u"), PathAccess::Hidden);
        policy.set_access(Path::new("/h/u/.cargo"), PathAccess::Read);
        policy.set_access(Path::new("/h/u/.cargo/credentials"), PathAccess::Hidden);
        policy.set_access(Path::new("/h/u/repo/w1"), PathAccess::Write);
        let list = |dir: &Path| -> Vec<PathBuf> {
            let names: &[&str] = match dir.to_str().unwrap() {
                "/" => &["/dev", "/h", "/usr"],
                "/h" => &["/h/u", "/h/v"],
                "/h/u/.cargo" => &["/h/u/.cargo/bin", "/h/u/.cargo/credentials"],
                _ => &[],
            };
            names.iter().map(PathBuf::from).collect()
        };
        let grants = LandlockGrants::with(&policy, &list);
        assert_eq!(
            grants.read,
            ["/h/v", "/usr", "/h/u/.cargo/bin"].map(PathBuf::from)
        );
        assert_eq!(grants.write[0], Path::new("/h/u/repo/w1"));
        assert_eq!(LandlockPolicy::of(&policy).policy(), policy);
    }

    #[test]
    fn of_what_is_covered_the_outermost_places_that_are_granted_stay() {
        let mut policy = SandboxPolicy::new(
            SandboxLayer::Landlock,
            Network::On,
            ResourceLimits::default(),
        );
        for (path, access) in [
            ("/r/.git", PathAccess::Read),
            ("/r/.git/ai", PathAccess::Covered),
            ("/r/.git/ai/runs/one", PathAccess::Read),
            ("/r/.git/ai/runs/one/home", PathAccess::Write),
            ("/r/.git/worktrees", PathAccess::Covered),
            ("/r/.git/worktrees/w1", PathAccess::Write),
            ("/r/.git/worktrees/w1/gitdir", PathAccess::Read),
            ("/r/.git/ai-lease", PathAccess::Covered),
            ("/h", PathAccess::Hidden),
        ] {
            policy.set_access(Path::new(path), access);
        }
        let landlock = LandlockPolicy::of(&policy);
        let covers = landlock.covers();
        let told: Vec<(&str, Vec<&str>)> = covers
            .iter()
            .map(|cover| {
                let kept = cover.kept.iter().map(|path| path.to_str().unwrap());
                (cover.dir.to_str().unwrap(), kept.collect())
            })
            .collect();
        assert_eq!(
            told,
            [
                ("/r/.git/ai", vec!["/r/.git/ai/runs/one"]),
                ("/r/.git/ai-lease", vec![]),
                ("/r/.git/worktrees", vec!["/r/.git/worktrees/w1"]),
            ]
        );
        assert_eq!(landlock.policy(), policy);
        // The rules themselves grant what is around a cover, as they did.
        let grants = LandlockGrants::with(&policy, &|_| Vec::new());
        assert!(grants.read.contains(&PathBuf::from("/r/.git")));
    }
}
