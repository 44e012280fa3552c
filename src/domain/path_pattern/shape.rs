//! Which texts are paths: names apart by single slashes, none of them empty, `.` or `..`.

use super::fold::CaseMode;

/// How many shapes there are.
pub(super) const SHAPES: usize = 5;

/// Where a reader of a path stands within the current name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
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

impl Shape {
    /// The shape after `c`, or nothing where no canonical path goes on like that.
    pub(super) fn step(self, c: char, mode: CaseMode) -> Option<Shape> {
        match (self, c) {
            (_, '\0') => None,
            (Shape::Inside, '/') => Some(Shape::Start),
            (_, '/') => None,
            (Shape::Start, '.') => Some(Shape::Dot),
            (Shape::Dot, '.') => Some(Shape::DotDot),
            (_, '.' | ' ') if mode == CaseMode::Folding => Some(Shape::Tail),
            _ => Some(Shape::Inside),
        }
    }

    /// Whether a path may end here.
    pub(super) fn is_complete(self) -> bool {
        self == Shape::Inside
    }
}

/// Whether `path` is one that Git could hold.
pub(super) fn is_path(path: &str) -> bool {
    !path.contains('\0') && path.split('/').all(|name| !matches!(name, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(path: &str, mode: CaseMode) -> bool {
        path.chars()
            .try_fold(Shape::Start, |shape, c| shape.step(c, mode))
            .is_some_and(Shape::is_complete)
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
