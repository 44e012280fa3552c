//! Which texts are paths: names apart by single slashes, none of them empty, `.` or `..`.

use crate::domain::path_pattern::fold::CaseMode;

/// Number of shapes.
pub(super) const SHAPES: usize = 5;

/// The position of a reader of a path within the current name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameShape {
    /// Before its first character.
    Start,
    /// After `.`, which alone is no name.
    Dot,
    /// After `..`, which alone is no name either.
    DotDot,
    /// In it: it may end here.
    Inside,
    /// After a dot or space that a folding file system would drop: it may go on, but no canonical
    /// name ends here.
    Tail,
}

impl NameShape {
    /// The shape after `c`, or nothing where no canonical path goes on like that.
    pub(super) fn step(self, c: char, mode: CaseMode) -> Option<NameShape> {
        match (self, c) {
            (_, '\0') => None,
            (NameShape::Inside, '/') => Some(NameShape::Start),
            (_, '/') => None,
            (NameShape::Start, '.') => Some(NameShape::Dot),
            (NameShape::Dot, '.') => Some(NameShape::DotDot),
            (_, '.' | ' ') if mode == CaseMode::Folding => Some(NameShape::Tail),
            _ => Some(NameShape::Inside),
        }
    }

    /// True where a path may end here.
    pub(super) fn is_complete(self) -> bool {
        self == NameShape::Inside
    }
}

/// True where `path` is one that Git could hold.
pub(super) fn is_path(path: &str) -> bool {
    !path.contains('\0') && path.split('/').all(|name| !matches!(name, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(path: &str, mode: CaseMode) -> bool {
        path.chars()
            .try_fold(NameShape::Start, |shape, c| shape.step(c, mode))
            .is_some_and(NameShape::is_complete)
    }

    #[test]
    fn shape_and_whole_path_check_agree() {
        let pieces = [
            "a", "/", ".", "..", "/a", "a/", "a//b", "...", ".a", "a.", "..a", "a/./b", "a/../b",
            "a/.b/c", "", "a\0",
        ];
        for path in pieces {
            assert_eq!(
                accepts(path, CaseMode::Sensitive),
                is_path(path),
                "{path:?}"
            );
        }
    }

    #[test]
    fn folded_names_never_end_in_a_dropped_tail() {
        for (path, canonical) in [
            ("a.", false),
            ("a ./b", false),
            ("...", false),
            ("a.b", true),
            (". a", true),
            ("a b/c", true),
        ] {
            assert_eq!(accepts(path, CaseMode::Folding), canonical, "{path:?}");
        }
    }
}
