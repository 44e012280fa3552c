//! Signs that an operation is half done in a checkout: moving its HEAD, or taking its files for
//! finished work, would be wrong.

use std::path::Path;

const SIGNS: [(&str, &str); 6] = [
    ("MERGE_HEAD", "a merge is going on"),
    ("CHERRY_PICK_HEAD", "a cherry-pick is going on"),
    ("REVERT_HEAD", "a revert is going on"),
    ("rebase-merge", "a rebase is going on"),
    ("rebase-apply", "a rebase or am is going on"),
    ("BISECT_LOG", "a bisect is going on"),
];
const LOCKED: (&str, &str) = (
    "index.lock",
    "another git command is running (index.lock is there)",
);

/// The number of signs, from the first, that tell of changes half made.
const HALF_MADE: usize = 5;

/// Names the operation that left changes half made in the checkout with this git directory; `None`
/// where nothing did.
pub fn unfinished(git_dir: &Path) -> Option<&'static str> {
    SIGNS[..HALF_MADE]
        .iter()
        .find(|(file, _)| git_dir.join(file).exists())
        .map(|(_, what)| *what)
}

/// Names the unfinished operation in the checkout with this git directory; `None` where nothing is.
pub fn going_on(git_dir: &Path) -> Option<&'static str> {
    let locked = || git_dir.join(LOCKED.0).exists().then_some(LOCKED.1);
    under_way(git_dir).or_else(locked)
}

/// The same for who holds the lock of the index himself.
pub(super) fn under_way(git_dir: &Path) -> Option<&'static str> {
    SIGNS
        .iter()
        .find(|(file, _)| git_dir.join(file).exists())
        .map(|(_, what)| *what)
}
