//! What an uninstall leaves behind of the files that it finds, and why. Where in doubt, a file
//! stays. Deliberately absent: looking at the files, and removing them.

/// The standing of a file in the index of Git.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InIndex {
    /// Git keeps it, or is about to.
    Yes,
    /// Git does not know it.
    No,
}

/// A file that `ai init` wrote: the digests of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenFile<'a> {
    /// As it was written.
    pub then: &'a str,
    /// As it stands.
    pub now: &'a str,
}

/// The reason why a file below `.ai/` stays; nothing where it goes. `written` is absent for a file
/// that `ai init` did not write.
pub fn why_it_stays(index: InIndex, written: Option<WrittenFile<'_>>) -> Option<&'static str> {
    match (index, written) {
        (InIndex::Yes, _) => Some("it is committed, or about to be"),
        (InIndex::No, None) => Some("`ai init` did not write it"),
        (InIndex::No, Some(file)) if file.now != file.then => {
            Some("it was changed since `ai init` wrote it")
        }
        (InIndex::No, Some(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_untouched_file_of_ours_that_git_does_not_know_goes() {
        let same = Some(WrittenFile {
            then: "1",
            now: "1",
        });
        let other = Some(WrittenFile {
            then: "1",
            now: "2",
        });
        for (index, written, why) in [
            (InIndex::No, same, None),
            (
                InIndex::No,
                other,
                Some("it was changed since `ai init` wrote it"),
            ),
            (InIndex::No, None, Some("`ai init` did not write it")),
            (InIndex::Yes, same, Some("it is committed, or about to be")),
            (InIndex::Yes, other, Some("it is committed, or about to be")),
            (InIndex::Yes, None, Some("it is committed, or about to be")),
        ] {
            assert_eq!(why_it_stays(index, written), why, "{index:?} {written:?}");
        }
    }
}
