//! What a written pattern means in a checkout: the paths that it names, where they are there.
//!
//! Deliberately absent: what is in commits. A pattern is read where it is written, by what stands on the disk there.

use std::borrow::Cow;
use std::path::Path;

use crate::base::fs;
use crate::domain::path_pattern;

/// A pattern in the spelling that means the paths of the checkout which it names.
pub(super) fn meant<'t>(root: Option<&Path>, written: &'t str) -> Cow<'t, str> {
    let Some(root) = root else {
        return Cow::Borrowed(written);
    };
    let is_there = |path: &str| !fs::is_missing(&root.join(path));
    match path_pattern::as_existing(written, &is_there) {
        Some(spelled) => Cow::Owned(spelled),
        None => Cow::Borrowed(written),
    }
}
