//! The sandbox policy: what a child may reach, whichever layer enforces it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::domain::sandbox::{Network, SandboxMode};
use crate::process::sandbox::ResourceLimits;

/// The access to a path and everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathAccess {
    /// The path is not there: an empty directory of the child's own where a layer can show one,
    /// else nothing that can be read.
    Hidden,
    /// The path is not there where the keeper can mount something over it; elsewhere what is said
    /// of the directory around it counts.
    Covered,
    /// The path can be read.
    Read,
    /// The path can be read and written.
    Write,
    /// Something else stands in its place and can be written. Only for layers with namespaces;
    /// elsewhere the path can be read.
    BindWrite(PathBuf),
    /// Something else stands there and can be read; the mount point is made, inside of something
    /// hidden or put instead.
    BindRead(PathBuf),
}

/// The layer that carries a policy out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SandboxLayer {
    /// Namespaces by this `bwrap`.
    Bubblewrap(PathBuf),
    /// Landlock.
    Landlock,
    /// Seatbelt.
    Seatbelt,
    /// Nobody: only the limits count.
    None,
}

/// The sandbox policy of one child: a layer, what each path allows, the network, the limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxPolicy {
    /// The layer that enforces it.
    pub layer: SandboxLayer,
    /// Access by path, beyond reading everything.
    rules: BTreeMap<(usize, PathBuf), PathAccess>,
    /// The access to the network.
    pub network: Network,
    /// The socket of the proxy for listed hosts, outside; only for layers with namespaces.
    pub egress: Option<PathBuf>,
    /// [Resource limits](ResourceLimits).
    pub limits: ResourceLimits,
}

impl SandboxLayer {
    /// The name of the layer.
    pub fn mode(&self) -> SandboxMode {
        match self {
            SandboxLayer::Bubblewrap(_) => SandboxMode::Bubblewrap,
            SandboxLayer::Landlock => SandboxMode::Landlock,
            SandboxLayer::Seatbelt => SandboxMode::Seatbelt,
            SandboxLayer::None => SandboxMode::None,
        }
    }
}

impl SandboxPolicy {
    /// Everything can be read, nothing written.
    pub fn new(layer: SandboxLayer, network: Network, limits: ResourceLimits) -> SandboxPolicy {
        SandboxPolicy {
            layer,
            rules: BTreeMap::new(),
            network,
            egress: None,
            limits,
        }
    }

    /// Says what may be done at `path`, which is absolute and without symbolic links; an earlier
    /// word about the same path is replaced.
    pub fn set_access(&mut self, path: &Path, access: PathAccess) {
        self.rules
            .insert((path.components().count(), path.to_owned()), access);
    }

    /// All rules, those about outer paths first.
    pub fn rules(&self) -> impl Iterator<Item = (&Path, &PathAccess)> {
        self.rules
            .iter()
            .map(|((_, path), access)| (path.as_path(), access))
    }

    /// The directory whose word hides a path; `None` where it can be seen.
    pub fn hidden_by(&self, path: &Path) -> Option<&Path> {
        let rule = |dir: &Path| {
            let found = self
                .rules
                .get_key_value(&(dir.components().count(), dir.to_owned()));
            found.map(|((_, dir), access)| (dir.as_path(), access))
        };
        match path.ancestors().find_map(rule)? {
            (dir, PathAccess::Hidden) => Some(dir),
            _ => None,
        }
    }

    /// The word that counts for a path; `None` where nobody has spoken of it or of what is above.
    pub fn access(&self, path: &Path) -> Option<&PathAccess> {
        path.ancestors()
            .find_map(|dir| self.rules.get(&(dir.components().count(), dir.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_word_counts_and_the_last_one_about_a_path() {
        let mut policy = SandboxPolicy::new(
            SandboxLayer::Landlock,
            Network::On,
            ResourceLimits::default(),
        );
        policy.set_access(Path::new("/h/a/b"), PathAccess::Read);
        policy.set_access(Path::new("/h/a"), PathAccess::Read);
        policy.set_access(Path::new("/h"), PathAccess::Hidden);
        policy.set_access(Path::new("/h/a"), PathAccess::Write);
        let order: Vec<_> = policy
            .rules()
            .map(|(path, _)| path.to_str().unwrap())
            .collect();
        assert_eq!(order, ["/h", "/h/a", "/h/a/b"]);
        assert_eq!(policy.access(Path::new("/h/a/x")), Some(&PathAccess::Write));
        assert_eq!(
            policy.access(Path::new("/h/a/b/c")),
            Some(&PathAccess::Read)
        );
        assert_eq!(policy.access(Path::new("/h/x")), Some(&PathAccess::Hidden));
        assert_eq!(policy.access(Path::new("/etc")), None);
        assert_eq!(policy.hidden_by(Path::new("/h/x/y")), Some(Path::new("/h")));
        assert_eq!(policy.hidden_by(Path::new("/h/a/b/c")), None);
        assert_eq!(policy.hidden_by(Path::new("/etc")), None);
    }
}
