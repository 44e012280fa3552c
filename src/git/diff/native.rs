//! The comparison of two trees in this process, a fiftieth of what a process costs.
//!
//! Only tree objects are read, through the library's view of the object store alone: no repository,
//! and so no configuration. Whatever cannot be read, or is of no kind that Git writes, is left to
//! Git, which is then asked as ever. Where many directories differ, threads share them.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::path::Path;
use std::thread::{available_parallelism, scope};

use git2::{Config, Odb, Repository};

use crate::domain::repo_path::RepoPath;
use crate::git::diff::{ChangeSide, ChangedPath, PathChange};
use crate::git::oid::{ObjectFormat, Oid};

const KIND: u32 = 0o170_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const SUBMODULE: u32 = 0o160_000;
const DIRECTORY: u32 = 0o040_000;
/// With more changes than this, or as many entries looked at, a tree is none that a person made.
const MOST: usize = 1 << 20;
/// With fewer directories than this for each, another thread costs more than it helps.
const SHARE: usize = 32;
/// More of them would wait for one another in the directories of the object store.
const MOST_THREADS: usize = 4;

/// The paths that differ between two trees or commits of the object store at `objects`, in Git's
/// order.
pub(super) fn changed_paths(objects: &Path, old: &Oid, new: &Oid) -> Option<Vec<ChangedPath>> {
    let cores = available_parallelism().map_or(1, usize::from);
    changed_paths_by(cores.min(MOST_THREADS), SHARE, objects, (old, new))
}

/// The same by so many threads, each of which is worth that many directories.
fn changed_paths_by(
    threads: usize,
    share: usize,
    objects: &Path,
    (old, new): (&Oid, &Oid),
) -> Option<Vec<ChangedPath>> {
    let store = open(objects)?;
    let mut walk = TreeWalk::default();
    walk.open
        .push((Vec::new(), tree(&store, old)?, tree(&store, new)?));
    walk.go_on(&store, threads.saturating_mul(share))?;
    // The last are in the directories below.
    let each = walk.open.len().div_ceil(threads.max(1)).max(1);
    let rest: Vec<TreePair> = std::mem::take(&mut walk.open);
    let mut shares = rest.chunks(each);
    let own = shares.next().unwrap_or_default();
    let walks = scope(|scope| {
        let others: Vec<_> = shares
            .map(|share| scope.spawn(|| TreeWalk::of(share).ended(&open(objects)?)))
            .collect();
        let own = TreeWalk::of(own).ended(&store);
        let joined = others
            .into_iter()
            .map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        std::iter::once(own)
            .chain(joined)
            .collect::<Option<Vec<_>>>()
    })?;
    let mut found = walk.found;
    found.extend(walks.into_iter().flatten());
    // A directory stands where its content does.
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Some(found)
}

/// The object store alone.
fn open(objects: &Path) -> Option<Repository> {
    let odb = Odb::new().ok()?;
    odb.add_disk_alternate(objects.to_str()?).ok()?;
    let store = Repository::from_odb(odb).ok()?;
    // Else it would read that of the user.
    store.set_config(&Config::new().ok()?).ok()?;
    Some(store)
}

/// A directory, and its tree on both sides.
type TreePair = (Vec<u8>, Option<git2::Oid>, Option<git2::Oid>);

/// A walk through directories that differ.
#[derive(Default)]
struct TreeWalk {
    open: Vec<TreePair>,
    found: Vec<ChangedPath>,
    looked_at: usize,
}

impl TreeWalk {
    fn of(open: &[TreePair]) -> TreeWalk {
        TreeWalk {
            open: open.to_vec(),
            ..TreeWalk::default()
        }
    }

    /// Walks to the end, and returns what was found.
    fn ended(mut self, store: &Repository) -> Option<Vec<ChangedPath>> {
        self.go_on(store, usize::MAX)?;
        Some(self.found)
    }

    /// Walks on, level by level, until so many directories are open, or none.
    fn go_on(&mut self, store: &Repository, until: usize) -> Option<()> {
        while !self.open.is_empty() && self.open.len() < until {
            for pair in std::mem::take(&mut self.open) {
                self.look_at(store, pair)?;
            }
        }
        Some(())
    }

    fn look_at(&mut self, store: &Repository, (path, old, new): TreePair) -> Option<()> {
        let mut pairs = BTreeMap::new();
        for (tree, at) in [(old, 0), (new, 1)] {
            self.looked_at += note(store, tree, at, &mut pairs)?;
        }
        if self.looked_at > MOST || self.found.len() > MOST {
            return None;
        }
        for (name, [old, new]) in pairs {
            if old == new {
                continue;
            }
            let path = [&path[..], &name].concat();
            let id = |side: Option<Entry>| side.map(|entry| entry.id);
            if path.ends_with(b"/") {
                self.open.push((path, id(old), id(new)));
            } else {
                self.found.push(change(path, old, new)?);
            }
        }
        Some(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry {
    mode: u32,
    id: git2::Oid,
}

/// Finds the tree that a name stands for. The inner answer is none for the empty one, which nobody
/// needs to have stored.
fn tree(store: &Repository, name: &Oid) -> Option<Option<git2::Oid>> {
    if *name == ObjectFormat::Sha1.empty_tree() {
        return Some(None);
    }
    let id = git2::Oid::from_str(name.as_str()).ok()?;
    let found = store.find_object(id, None).ok()?;
    Some(Some(found.peel_to_tree().ok()?.id()))
}

/// Puts the entries of a tree, those of directories with `/` behind their names, in their place.
/// Returns how many they are.
fn note(
    store: &Repository,
    tree: Option<git2::Oid>,
    at: usize,
    pairs: &mut BTreeMap<Vec<u8>, [Option<Entry>; 2]>,
) -> Option<usize> {
    let Some(tree) = tree else {
        return Some(0);
    };
    let tree = store.find_tree(tree).ok()?;
    for entry in &tree {
        let mode = canonical(u32::try_from(entry.filemode_raw()).ok()?)?;
        let mut name = entry.name_bytes().to_vec();
        if mode == DIRECTORY {
            name.push(b'/');
        }
        let id = entry.id();
        // Two entries of one name are no tree that Git writes.
        if pairs.entry(name).or_default()[at]
            .replace(Entry { mode, id })
            .is_some()
        {
            return None;
        }
    }
    Some(tree.len())
}

/// The mode that Git takes a mode for.
fn canonical(mode: u32) -> Option<u32> {
    match mode & KIND {
        FILE if mode & 0o100 == 0 => Some(FILE | 0o644),
        FILE => Some(FILE | 0o755),
        kind @ (LINK | SUBMODULE | DIRECTORY) => Some(kind),
        _ => None,
    }
}

fn change(path: Vec<u8>, old: Option<Entry>, new: Option<Entry>) -> Option<ChangedPath> {
    let change = match (old, new) {
        (None, Some(_)) => PathChange::Added,
        (Some(_), None) => PathChange::Deleted,
        (Some(old), Some(new)) if old.mode & KIND == new.mode & KIND => PathChange::Modified,
        _ => PathChange::Retyped,
    };
    Some(ChangedPath {
        path: RepoPath::new(path),
        change,
        old: side(old)?,
        new: side(new)?,
    })
}

fn side(entry: Option<Entry>) -> Option<Option<ChangeSide>> {
    let Some(Entry { mode, id }) = entry else {
        return Some(None);
    };
    let oid = Oid::parse(&id.to_string()).ok()?;
    Some(Some(ChangeSide { mode, oid }))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::git::testing::{TestRepo, shadow};

    /// What Git itself lists, through a store that the library is kept from.
    fn both(test: &TestRepo, old: &Oid, new: &Oid) -> [Vec<ChangedPath>; 2] {
        let repo = test.open();
        let shadow = shadow(&repo, "diff");
        let native = changed_paths(&repo.common_dir().join("objects"), old, new);
        [native.unwrap(), shadow.asked_paths(old, new).unwrap()]
    }

    #[test]
    fn git_and_this_process_name_the_same_changes_in_the_same_order() {
        let test = TestRepo::new();
        let at = |path: &str| test.root.join(path);
        for path in [
            "a-b", "a.b", "a", "b/c/d", "b/c-d", "gone/one", "gone/two", "kept/x",
        ] {
            test.write(path, path);
        }
        symlink("kept", at("link")).unwrap();
        let first = test.commit("one");
        // A file becomes a directory, a directory a file, a link a file, a file a program.
        std::fs::remove_file(at("a")).unwrap();
        test.write("a/x", "1");
        std::fs::remove_dir_all(at("b/c")).unwrap();
        test.write("b/c", "1");
        std::fs::remove_file(at("link")).unwrap();
        test.write("link", "1");
        let program = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(at("README"), program).unwrap();
        std::fs::remove_dir_all(at("gone")).unwrap();
        test.write("new/\u{e9} \"\t\n", "1");
        let entry = format!("160000,{first},sub");
        test.git(&["update-index", "--add", "--cacheinfo", &entry]);
        test.git(&["add", "-A", "--", "a", "b", "link", "README", "gone", "new"]);
        test.git(&["commit", "-qm", "two"]);
        let second = test.oid("HEAD");
        let empty = ObjectFormat::Sha1.empty_tree();
        for (old, new) in [
            (&first, &second),
            (&second, &first),
            (&empty, &second),
            (&second, &empty),
        ] {
            let [native, asked] = both(&test, old, new);
            assert_eq!(native, asked);
            assert!(native.len() > 5);
            let objects = test.open().common_dir().join("objects");
            for (threads, share) in [(1, 1), (2, 1), (3, 2), (4, 1)] {
                let shared = changed_paths_by(threads, share, &objects, (old, new));
                assert_eq!(shared.as_ref(), Some(&asked), "{threads} {share}");
            }
        }
    }

    #[test]
    fn odd_modes_are_read_as_git_reads_them_and_odd_kinds_not_at_all() {
        let test = TestRepo::new();
        let blob = test.oid("HEAD:README");
        let bytes_of = |oid: &Oid| -> Vec<u8> {
            (0..40)
                .step_by(2)
                .map(|at| u8::from_str_radix(&oid.as_str()[at..at + 2], 16).unwrap())
                .collect()
        };
        let made = |bytes: &[u8]| {
            let repo = git2::Repository::open(&test.root).unwrap();
            let made = repo
                .odb()
                .unwrap()
                .write(git2::ObjectType::Tree, bytes)
                .unwrap();
            Oid::parse(&made.to_string()).unwrap()
        };
        let raw = |mode: &str| made(&[mode.as_bytes(), b" file\0", &bytes_of(&blob)].concat());
        let plain = raw("100644");
        let [native, asked] = both(&test, &plain, &raw("100664"));
        assert_eq!(native, asked);
        let [native, asked] = both(&test, &plain, &raw("100711"));
        assert_eq!(native, asked);
        assert_eq!(native.len(), 1);
        let objects = test.root.join(".git/objects");
        assert_eq!(changed_paths(&objects, &plain, &raw("10644")), None);
        // Neither where another thread meets it.
        let nested = |inner: &Oid| {
            let entry =
                |n: u8| [b"40000 ", [b'a' + n].as_slice(), b"\0", &bytes_of(inner)].concat();
            made(&(0..6).flat_map(entry).collect::<Vec<u8>>())
        };
        let (inner, odd) = (nested(&plain), nested(&raw("10644")));
        assert_eq!(changed_paths_by(3, 1, &objects, (&inner, &odd)), None);
        assert_eq!(
            changed_paths(&objects, &plain, &Oid::parse(&"1".repeat(40)).unwrap()),
            None
        );
    }
}
