//! What a child may reach, independent of the layer that sees to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::domain::sandbox::{Mode, Network};
use crate::process::sandbox::ResourceLimits;

/// What may be done with a path and everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// It is not there: an empty directory of the child's own where a layer can show one, else
    /// nothing that can be read.
    Hidden,
    /// It can be read.
    Read,
    /// It can be read and written.
    Write,
    /// Something else stands in its place and can be written. Only for layers with namespaces;
    /// elsewhere the path can be read.
    Instead(PathBuf),
    /// Something else stands there and can be read; the mount point is made, inside of something
    /// hidden or put instead.
    Shown(PathBuf),
}

/// The layer that carries a fence out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layer {
    /// Namespaces by this `bwrap`.
    Bubblewrap(PathBuf),
    /// Landlock.
    Landlock,
    /// Seatbelt.
    Seatbelt,
    /// Nobody: only the limits count.
    None,
}

/// A fence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// Who sees to it.
    pub layer: Layer,
    /// What may be reached, beyond reading everything.
    rules: BTreeMap<(usize, PathBuf), Access>,
    /// Whether there is a network.
    pub network: Network,
    /// How much may be used.
    pub limits: ResourceLimits,
}

impl Layer {
    /// Its name.
    pub fn mode(&self) -> Mode {
        match self {
            Layer::Bubblewrap(_) => Mode::Bubblewrap,
            Layer::Landlock => Mode::Landlock,
            Layer::Seatbelt => Mode::Seatbelt,
            Layer::None => Mode::None,
        }
    }
}

impl Fence {
    /// Everything can be read, nothing written.
    pub fn new(layer: Layer, network: Network, limits: ResourceLimits) -> Fence {
        Fence {
            layer,
            rules: BTreeMap::new(),
            network,
            limits,
        }
    }

    /// Says what may be done at `path`, which is absolute and without symbolic links; an earlier
    /// word about the same path is replaced.
    pub fn say(&mut self, path: &Path, access: Access) {
        self.rules
            .insert((path.components().count(), path.to_owned()), access);
    }

    /// All rules, those about outer paths first.
    pub fn rules(&self) -> impl Iterator<Item = (&Path, &Access)> {
        self.rules
            .iter()
            .map(|((_, path), access)| (path.as_path(), access))
    }

    /// The word that counts for a path; `None` where nobody has spoken of it or of what is above.
    pub fn access(&self, path: &Path) -> Option<&Access> {
        path.ancestors()
            .find_map(|dir| self.rules.get(&(dir.components().count(), dir.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_word_counts_and_the_last_one_about_a_path() {
        let mut fence = Fence::new(Layer::Landlock, Network::On, ResourceLimits::default());
        fence.say(Path::new("/h/a/b"), Access::Read);
        fence.say(Path::new("/h/a"), Access::Read);
        fence.say(Path::new("/h"), Access::Hidden);
        fence.say(Path::new("/h/a"), Access::Write);
        let order: Vec<_> = fence
            .rules()
            .map(|(path, _)| path.to_str().unwrap())
            .collect();
        assert_eq!(order, ["/h", "/h/a", "/h/a/b"]);
        assert_eq!(fence.access(Path::new("/h/a/x")), Some(&Access::Write));
        assert_eq!(fence.access(Path::new("/h/a/b/c")), Some(&Access::Read));
        assert_eq!(fence.access(Path::new("/h/x")), Some(&Access::Hidden));
        assert_eq!(fence.access(Path::new("/etc")), None);
    }
}
