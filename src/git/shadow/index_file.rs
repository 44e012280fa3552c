//! The bytes of an index as Git writes it, entry by entry.
//!
//! The library reads them too, but takes a hash of the whole file with a search for collisions, and
//! a copy of each entry, for which one look at a tree has no use: that was half of its cost. Only
//! versions 2 and 3 are read, which is what Git writes unless it is told otherwise, and no index
//! with an extension that changes what the entries mean. Everything else is none.

/// The parts of an entry of fixed length, before its path.
const FIXED: usize = 62;
/// The hash behind everything.
const CHECKSUM: usize = 20;
/// The flag of an entry that has a second word of flags.
pub(super) const EXTENDED: u16 = 1 << 14;

/// One entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IndexEntry<'a> {
    /// The whole entry as it is written, padding included.
    pub(super) bytes: &'a [u8],
    /// Seconds and nanoseconds of the last change of the inode.
    pub(super) changed: (u32, u32),
    /// Seconds and nanoseconds of the last change of the content.
    pub(super) modified: (u32, u32),
    /// The low bits of the inode's number.
    pub(super) inode: u32,
    /// Git's mode.
    pub(super) mode: u32,
    /// The owner.
    pub(super) owner: (u32, u32),
    /// The low bits of the length.
    pub(super) size: u32,
    /// The name of the object.
    pub(super) id: &'a [u8],
    /// The flags.
    pub(super) flags: u16,
    /// More flags.
    pub(super) more_flags: u16,
    /// The path.
    pub(super) path: &'a [u8],
}

/// The entries of an index of a repository with SHA-1 names, in their order.
pub(super) fn entries(index: &[u8]) -> Option<Vec<IndexEntry<'_>>> {
    let body = index.get(..index.len().checked_sub(CHECKSUM)?)?;
    let (head, mut rest) = body.split_at_checked(12)?;
    let version = number(head, 4)?;
    if !head.starts_with(b"DIRC") || !matches!(version, 2 | 3) {
        return None;
    }
    let count = usize::try_from(number(head, 8)?).ok()?;
    // More than the bytes can hold is not believed.
    let mut found = Vec::with_capacity(count.min(body.len() / FIXED));
    for _ in 0..count {
        let (entry, length) = entry(rest)?;
        found.push(entry);
        rest = rest.get(length..)?;
    }
    while !rest.is_empty() {
        let (head, after) = rest.split_at_checked(8)?;
        // What is written small has to be understood.
        if !head[0].is_ascii_uppercase() {
            return None;
        }
        rest = after.get(usize::try_from(number(head, 4)?).ok()?..)?;
    }
    Some(found)
}

/// The first entry of these bytes, and how long it is.
pub(super) fn entry(bytes: &[u8]) -> Option<(IndexEntry<'_>, usize)> {
    let at = |index: usize| number(bytes, index * 4);
    let word = |offset: usize| {
        let bytes = bytes.get(offset..offset + 2)?;
        Some(u16::from_be_bytes(bytes.try_into().ok()?))
    };
    let flags = word(FIXED - 2)?;
    let (more_flags, start) = if flags & EXTENDED == 0 {
        (0, FIXED)
    } else {
        (word(FIXED)?, FIXED + 2)
    };
    let path = bytes.get(start..)?;
    let path = &path[..path.iter().position(|byte| *byte == 0)?];
    // At least one NUL, up to a multiple of eight.
    let length = (start + path.len() + 8) / 8 * 8;
    let entry = IndexEntry {
        bytes: bytes.get(..length)?,
        changed: (at(0)?, at(1)?),
        modified: (at(2)?, at(3)?),
        inode: at(5)?,
        mode: at(6)?,
        owner: (at(7)?, at(8)?),
        size: at(9)?,
        id: bytes.get(40..60)?,
        flags,
        more_flags,
        path,
    };
    Some((entry, length))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::{Run, TestRepo};

    /// A repository with names of every length that the padding knows.
    fn scene() -> Run {
        let test = TestRepo::new();
        for n in 1..=17 {
            test.write(format!("long/{}", "n".repeat(n)), "x");
        }
        test.commit("names");
        Run::of(test)
    }

    #[test]
    fn every_entry_is_what_the_library_reads() {
        let run = scene();
        let path = run.shadow.index_path();
        run.shadow
            .leave_out_of_disk(&run.slot.path, b"README\0".to_vec())
            .unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let own = entries(&bytes).unwrap();
        let theirs: Vec<_> = git2::Index::open(&path).unwrap().iter().collect();
        assert_eq!((own.len(), number(&bytes, 4)), (theirs.len(), Some(3)));
        for (own, theirs) in own.iter().zip(&theirs) {
            let time = |time: git2::IndexTime| (time.seconds() as u32, time.nanoseconds());
            assert_eq!((own.path, own.id), (&theirs.path[..], theirs.id.as_bytes()));
            assert_eq!((own.mode, own.size), (theirs.mode, theirs.file_size));
            assert_eq!(
                (own.inode, own.owner),
                (theirs.ino, (theirs.uid, theirs.gid))
            );
            assert_eq!(
                (own.changed, own.modified),
                (time(theirs.ctime), time(theirs.mtime))
            );
            assert_eq!(own.more_flags, theirs.flags_extended);
        }
        assert!(own.iter().any(|entry| entry.more_flags != 0));
    }

    #[test]
    fn what_is_no_such_index_is_none() {
        let run = scene();
        let path = run.shadow.index_path();
        let whole = std::fs::read(&path).unwrap();
        assert!(entries(&whole).is_some());
        for end in 0..whole.len() - 1 {
            // A shorter file ends within an entry or an extension, but for the end of the entries.
            if let Some(found) = entries(&whole[..end]) {
                assert_eq!(found.len(), entries(&whole).unwrap().len());
            }
        }
        let changed = |at: usize, byte: u8| {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            bytes
        };
        assert_eq!(entries(&changed(0, b'X')), None, "the signature");
        assert_eq!(entries(&changed(7, 4)), None, "the version");
        assert_eq!(entries(&changed(8, 0xff)), None, "the count");
        let extension = whole.windows(4).rposition(|part| part == b"TREE").unwrap();
        assert_eq!(entries(&changed(extension, b't')), None, "an extension");
        run.agent_git(&["update-index", "--index-version", "4"]);
        let compressed = std::fs::read(run.slot.admin.join("index")).unwrap();
        assert_eq!(entries(&compressed), None);
    }
}
