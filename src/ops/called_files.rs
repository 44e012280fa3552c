//! The files of a tree that a tool call touches, and what becomes of them: deleted, moved, or changed in place.
//!
//! Invariants: a directory that goes takes along what lies in it, and what moves is looked for under its new name as
//! well. One whose new place is not told, or lies elsewhere, is gone. Deliberately absent: answers about them.

use std::collections::{BTreeMap, BTreeSet};

use crate::connector::dialogue::AskedCall;
use crate::domain::moved_file::FileMove;
use crate::domain::repo_path::RepoPath;
use crate::domain::tool_kind::ToolKind;
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;
use crate::ops::whereabouts::{SessionPlace, Whereabouts};

/// The number of files that are looked at for one call: those that go with a directory.
pub(super) const MOST_BENEATH: usize = 10_000;

/// A path in the words of the call, and the place to which it leads.
pub(super) type CalledPlace<'a> = (&'a str, Whereabouts);

/// The files of a call.
pub(super) struct CalledFiles<'a> {
    /// Every place that it names, those that go with a directory, and those to which they go.
    pub(super) places: Vec<CalledPlace<'a>>,
    kind: ToolKind,
    /// Files of the tree that leave their place, each with the one to which it moves.
    gone: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Files of the tree that stand there before the call.
    there: BTreeSet<Vec<u8>>,
}

/// Files of a call to all of which the same is done.
pub(super) struct PartOfCall {
    /// The kind of what is done.
    pub(super) kind: ToolKind,
    /// The files.
    pub(super) paths: Vec<RepoPath>,
    /// The change of each, a letter for each; absent where nobody knows.
    pub(super) change_kinds: Option<String>,
    /// Those of them that move, and to where.
    pub(super) moves: Vec<FileMove>,
}

impl<'a> CalledFiles<'a> {
    /// The files of the tree among its places.
    pub(super) fn inside(&self) -> Vec<RepoPath> {
        let inside = self.places.iter().filter_map(|(_, place)| match place {
            Whereabouts::Inside(path) if !path.is_empty() => Some(RepoPath::new(path.clone())),
            _ => None,
        });
        inside.collect()
    }

    /// Looks for the places that the call names.
    pub(super) fn find(
        call: &'a AskedCall,
        place: &SessionPlace,
    ) -> Result<CalledFiles<'a>, OpError> {
        let mut places: Vec<CalledPlace<'a>> = Vec::new();
        let mut gone = BTreeMap::new();
        let mut come = BTreeMap::new();
        for word in &call.paths {
            let at = place.find(word);
            let Whereabouts::Inside(path) = &at else {
                places.push((word, at));
                continue;
            };
            let mut all = Vec::new();
            if takes_along(call, word) {
                let room = MOST_BENEATH.saturating_sub(places.len());
                let beneath = place.beneath(path, room);
                all = beneath.map_err(|_too_many| too_many(word))?;
            }
            all.push(at.clone());
            if call.gone.iter().any(|one| one.from == *word) {
                let target = target(call, place, (word, path));
                for one in &all {
                    let Whereabouts::Inside(from) = one else {
                        continue;
                    };
                    let rest = from.get(path.len()..).unwrap_or_default();
                    let to = target.as_ref().map(|(to, _)| [to, rest].concat());
                    // Of two that go to one place only the last is there afterwards.
                    let to = to.filter(|to| !come.contains_key(to));
                    if let (Some(to), Some((_, word))) = (&to, &target) {
                        come.insert(to.clone(), *word);
                    }
                    let known = gone.entry(from.clone()).or_insert_with(|| to.clone());
                    if *known != to {
                        *known = None;
                    }
                }
            }
            places.extend(all.into_iter().map(|at| (word.as_str(), at)));
        }
        let named: BTreeSet<Vec<u8>> = inside(&places).cloned().collect();
        for (to, word) in come {
            if !named.contains(&to) {
                places.push((word, Whereabouts::Inside(to)));
            }
        }
        let there = inside(&places).filter(|path| place.has(path));
        Ok(CalledFiles {
            there: there.cloned().collect(),
            kind: call.kind,
            places,
            gone,
        })
    }

    /// The files by what is done to them; one part at least, since a call that names none is asked about, too.
    pub(super) fn parts(&self) -> Vec<PartOfCall> {
        let (mut staying, mut deleted, mut moved) = (Vec::new(), Vec::new(), Vec::new());
        let come: BTreeSet<&Vec<u8>> = self.gone.values().flatten().collect();
        let mut seen = BTreeSet::new();
        for path in inside(&self.places) {
            if path.is_empty() || !seen.insert(path) {
                continue;
            }
            let all = match self.gone.get(path) {
                Some(None) => &mut deleted,
                Some(Some(_)) => &mut moved,
                None if come.contains(path) => &mut moved,
                None => &mut staying,
            };
            all.push(path);
        }
        // A tool that removes or moves is called as a whole.
        if matches!(self.kind, ToolKind::Delete | ToolKind::Move) {
            let all = [deleted, moved, staying].concat();
            return vec![self.part(self.kind, all)];
        }
        let all = [
            (self.kind, staying),
            (ToolKind::Delete, deleted),
            (ToolKind::Move, moved),
        ];
        let mut parts: Vec<PartOfCall> = all
            .into_iter()
            .filter(|(_, paths)| !paths.is_empty())
            .map(|(kind, paths)| self.part(kind, paths))
            .collect();
        if parts.is_empty() {
            parts.push(self.part(self.kind, Vec::new()));
        }
        parts
    }

    fn part(&self, kind: ToolKind, mut paths: Vec<&Vec<u8>>) -> PartOfCall {
        paths.sort();
        let letter = |path: &&Vec<u8>| match self.gone.get(*path) {
            Some(_) => 'D',
            None if self.there.contains(*path) => 'M',
            None => 'A',
        };
        let moves = paths.iter().filter_map(|path| {
            let to = self.gone.get(*path)?.as_ref()?;
            Some(FileMove {
                from: RepoPath::new((*path).clone()),
                to: RepoPath::new(to.clone()),
            })
        });
        PartOfCall {
            kind,
            moves: moves.collect(),
            // What nobody knows may do anything to the files that it names.
            change_kinds: kind
                .changes_files()
                .then(|| paths.iter().map(letter).collect()),
            paths: paths
                .into_iter()
                .map(|path| RepoPath::new(path.clone()))
                .collect(),
        }
    }
}

/// The files of the tree among these.
fn inside<'p>(places: &'p [CalledPlace<'_>]) -> impl Iterator<Item = &'p Vec<u8>> {
    places.iter().filter_map(|(_, at)| match at {
        Whereabouts::Inside(path) => Some(path),
        _ => None,
    })
}

/// True where what lies in a directory of this name goes with it.
fn takes_along(call: &AskedCall, word: &str) -> bool {
    let leaves = || call.gone.iter().any(|one| one.from == word);
    let is_target = || call.gone.iter().any(|one| one.to.as_deref() == Some(word));
    match call.kind {
        ToolKind::Delete | ToolKind::Other => true,
        ToolKind::Move => leaves() || !is_target(),
        _ => leaves(),
    }
}

/// The place in the tree to which a path goes, and the word for it; nothing where it is deleted, where it goes
/// elsewhere, or where that cannot be told.
fn target<'a>(
    call: &'a AskedCall,
    place: &SessionPlace,
    (word, path): (&str, &[u8]),
) -> Option<(Vec<u8>, &'a str)> {
    let mut own = call.gone.iter().filter(|one| one.from == word);
    let to = own.next()?.to.as_deref()?;
    if path.is_empty() || own.any(|one| one.to.as_deref() != Some(to)) {
        return None;
    }
    let Whereabouts::Inside(at) = place.find(to) else {
        return None;
    };
    // What goes to a directory goes into it.
    let name = path.rsplit(|byte| *byte == b'/').next()?;
    let at = match at.as_slice() {
        [] => name.to_vec(),
        dir if place.has_directory(dir) => [dir, b"/", name].concat(),
        _ => at,
    };
    Some((at, to))
}

fn too_many(word: &str) -> OpError {
    Refusal::Unclear {
        why: format!(
            "`{}` holds more than {MOST_BENEATH} files, more than are looked at for one call",
            word.escape_debug()
        ),
        hint: "name its parts one by one".to_owned(),
    }
    .into()
}
