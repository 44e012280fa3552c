//! The bytes of what is to be hashed, and what of it weighs most.
//!
//! Many files that are each within their limit take as long as one that is not. Where they are too
//! much together, the heaviest are named, a directory of many files that holds nothing tracked as one:
//! it can be moved whole. Deliberately absent: any look at a file's content.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::Metadata;

use crate::domain::repo_path::RepoPath;

/// So many files of a directory are weighed one by one: the work of an agent, with something heavy among it.
const FEW: usize = 16;

/// The files that are to be hashed.
#[derive(Debug, Default)]
pub(super) struct Bulk {
    files: Vec<(RepoPath, Metadata)>,
}

/// A path that is left behind whole: its name, its bytes, and the files in it.
pub(super) type Heap = (RepoPath, u64, Vec<RepoPath>);

impl Bulk {
    /// Adds a file.
    pub(super) fn add(&mut self, path: &RepoPath, meta: &Metadata) {
        self.files.push((path.clone(), meta.clone()));
    }

    /// The bytes of all of them.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, meta)| meta.len()).sum()
    }

    /// Takes the files out of which this is true.
    pub(super) fn take_where(
        &mut self,
        mut is_meant: impl FnMut(&RepoPath, &Metadata) -> bool,
    ) -> Vec<RepoPath> {
        self.files
            .extract_if(.., |(path, meta)| is_meant(path, meta))
            .map(|(path, _)| path)
            .collect()
    }

    /// The heaviest, until the rest is at most `limit` bytes. `is_tracked` tells of a directory, with a
    /// slash behind it, whether something tracked stands in it: then its files are weighed one by one.
    pub(super) fn heaviest(&self, limit: u64, is_tracked: impl Fn(&[u8]) -> bool) -> Vec<Heap> {
        let mut known: BTreeMap<Vec<u8>, bool> = BTreeMap::new();
        let mut heaps: BTreeMap<RepoPath, (u64, Vec<RepoPath>)> = BTreeMap::new();
        for (path, meta) in &self.files {
            let ends = path.as_bytes().iter().enumerate();
            let dirs = ends.filter(|(_, byte)| **byte == b'/');
            let free = dirs
                .map(|(at, _)| &path.as_bytes()[..=at])
                .find(|dir| !*known.entry(dir.to_vec()).or_insert_with(|| is_tracked(dir)));
            let name =
                free.map_or_else(|| path.clone(), |dir| RepoPath::new(&dir[..dir.len() - 1]));
            let heap = heaps.entry(name).or_default();
            heap.0 += meta.len();
            heap.1.push(path.clone());
        }
        let mut heaps: Vec<Heap> = heaps
            .into_iter()
            .flat_map(|(name, (bytes, files))| {
                if files.len() > FEW {
                    vec![(name, bytes, files)]
                } else {
                    self.one_by_one(&files)
                }
            })
            .collect();
        heaps.sort_by_key(|(_, bytes, _)| Reverse(*bytes));
        let mut left = self.bytes();
        heaps
            .into_iter()
            .take_while(|(_, bytes, _)| {
                let is_too_much = left > limit;
                left -= bytes;
                is_too_much
            })
            .collect()
    }

    fn one_by_one(&self, files: &[RepoPath]) -> Vec<Heap> {
        let meant = self.files.iter().filter(|(path, _)| files.contains(path));
        meant
            .map(|(path, meta)| (path.clone(), meta.len(), vec![path.clone()]))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of what is left behind of these files, with their bytes, for a limit.
    fn heaviest(files: &[(&str, u64)], limit: u64) -> Vec<(String, u64)> {
        let place = tempfile::tempdir().unwrap();
        let mut bulk = Bulk::default();
        for (path, bytes) in files {
            let file = std::fs::File::create(place.path().join("file")).unwrap();
            file.set_len(*bytes).unwrap();
            bulk.add(&RepoPath::from(*path), &file.metadata().unwrap());
        }
        let found = bulk.heaviest(limit, |dir| dir == b"src/");
        found
            .into_iter()
            .map(|(path, bytes, _)| (path.to_string(), bytes))
            .collect()
    }

    #[test]
    fn the_heaviest_go_until_the_rest_is_light() {
        let few = [("a", 5), ("src/b", 7), ("new/c", 6), ("new/d", 1)];
        let is = |name: &str, bytes| (name.to_owned(), bytes);
        assert_eq!(heaviest(&few, 19), []);
        assert_eq!(heaviest(&few, 18), [is("src/b", 7)]);
        assert_eq!(heaviest(&few, 6), [is("src/b", 7), is("new/c", 6)]);
        assert_eq!(heaviest(&few, 0).len(), 4);
    }

    #[test]
    fn many_files_of_a_new_directory_go_as_one() {
        let names: Vec<String> = (0..=FEW).map(|n| format!("src/new/deep/{n}")).collect();
        let mut files: Vec<(&str, u64)> = names.iter().map(|name| (&**name, 2)).collect();
        files.push(("src/old", 9));
        let all = 2 * names.len() as u64;
        assert_eq!(heaviest(&files, 10), [("src/new".to_owned(), all)]);
    }
}
