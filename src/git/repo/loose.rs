//! Small loose blobs, read without a detour: each of the files that somebody commits is one.
//!
//! The library asks for the whole path of such an object three times over, and looks for it in every pack first.
//! Here it is opened once, beneath an open directory, and read in one go. An answer is given only for a content
//! that has the name that was asked for; everything else is none, and the library's to read and to explain: what
//! lies in a pack or in another store, is large, is no blob, or is broken.

use std::path::Path;

use flate2::{Decompress, FlushDecompress, Status};
use rustix::fd::OwnedFd;
use rustix::fs::{CWD, Mode, OFlags, openat};
use sha1::{Digest as _, Sha1};

use crate::base::hash;
use crate::git::oid::Oid;

/// Files of this length and more are left to the library, in bytes.
const LARGE_FILE: usize = 1 << 16;
/// Objects of this length and more are left to the library, in bytes.
const LARGE_OBJECT: usize = 1 << 18;

/// The loose objects of a store, with what a read of one takes.
pub(in crate::git) struct LooseBlobs {
    dir: OwnedFd,
    file: Vec<u8>,
    object: Vec<u8>,
    inflate: Decompress,
}

impl LooseBlobs {
    /// Those of the store at `objects`; none where it cannot be opened.
    pub(in crate::git) fn open(objects: &Path) -> Option<LooseBlobs> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Some(LooseBlobs {
            dir: openat(CWD, objects, flags, Mode::empty()).ok()?,
            file: vec![0; LARGE_FILE],
            object: vec![0; LARGE_OBJECT],
            inflate: Decompress::new(true),
        })
    }

    /// The content of a blob of a SHA-1 repository.
    pub(in crate::git) fn read(&mut self, oid: &Oid) -> Option<Vec<u8>> {
        let length = self.read_file(oid.as_str())?;
        let object = self.inflated(length)?;
        let end = object.iter().position(|byte| *byte == 0)?;
        let (header, content) = (&object[..end], &object[end + 1..]);
        let told = str::from_utf8(header.strip_prefix(b"blob ")?).ok()?;
        let is_whole = told.parse() == Ok(content.len()) && names(object, oid);
        is_whole.then(|| content.to_vec())
    }

    fn read_file(&mut self, name: &str) -> Option<usize> {
        let (dir, file) = name.split_at_checked(2)?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = openat(&self.dir, format!("{dir}/{file}"), flags, Mode::empty()).ok()?;
        loop {
            match rustix::io::read(&file, &mut *self.file) {
                // A file gives all that it has, or fills the place.
                Ok(length) if length < LARGE_FILE => return Some(length),
                Err(rustix::io::Errno::INTR) => {}
                _ => return None,
            }
        }
    }

    fn inflated(&mut self, length: usize) -> Option<&[u8]> {
        self.inflate.reset(true);
        let (from, to) = (self.file.get(..length)?, &mut *self.object);
        let ended = self.inflate.decompress(from, to, FlushDecompress::Finish);
        let is_all = self.inflate.total_in() == u64::try_from(length).ok()?;
        if !matches!(ended, Ok(Status::StreamEnd)) || !is_all {
            return None;
        }
        self.object
            .get(..usize::try_from(self.inflate.total_out()).ok()?)
    }
}

fn names(object: &[u8], oid: &Oid) -> bool {
    hash::hex(&Sha1::digest(object)) == oid.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::oid::ObjectFormat;
    use crate::git::testing::TestRepo;

    /// Bytes that nothing can make shorter.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1u64;
        let mut bytes = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005) | 1;
            (state >> 56) as u8
        });
        bytes.by_ref().take(length).collect()
    }

    fn store(test: &TestRepo, content: &[u8]) -> Oid {
        let path = test.root.join("file");
        std::fs::write(&path, content).unwrap();
        Oid::parse(test.git(&["hash-object", "-w", "file"]).trim()).unwrap()
    }

    fn place(test: &TestRepo, oid: &Oid) -> std::path::PathBuf {
        let (dir, file) = oid.as_str().split_at(2);
        test.root.join(".git/objects").join(dir).join(file)
    }

    #[test]
    fn blobs_are_read_as_git_reads_them_and_large_ones_are_left_to_the_library() {
        let test = TestRepo::new();
        let mut loose = LooseBlobs::open(&test.root.join(".git/objects")).unwrap();
        let cases = [
            (Vec::new(), true),
            (b"one\n".to_vec(), true),
            (b"blob 3\0\0\xff".to_vec(), true),
            (noise(60_000), true),
            // The file, and what is in it.
            (noise(70_000), false),
            (vec![b'a'; 250_000], true),
            (vec![b'a'; 300_000], false),
        ];
        for (content, is_read) in cases {
            let oid = store(&test, &content);
            let expected = is_read.then(|| content.clone());
            let length = content.len();
            assert!(loose.read(&oid) == expected, "{length} bytes");
        }
    }

    #[test]
    fn nothing_is_read_but_a_whole_blob_of_this_name() {
        let test = TestRepo::new();
        let mut loose = LooseBlobs::open(&test.root.join(".git/objects")).unwrap();
        let (one, two) = (store(&test, b"one"), store(&test, b"two"));
        let tree = Oid::parse(test.git(&["write-tree"]).trim()).unwrap();
        assert_eq!(loose.read(&tree), None);
        assert_eq!(loose.read(&ObjectFormat::Sha1.zero()), None);
        let good = std::fs::read(place(&test, &one)).unwrap();
        let other = std::fs::read(place(&test, &two)).unwrap();
        let longer = [&good[..], b"x"].concat();
        let broken: [&[u8]; 5] = [b"", b"x", &good[..good.len() - 1], &longer, &other];
        for bytes in broken {
            std::fs::remove_file(place(&test, &one)).unwrap();
            std::fs::write(place(&test, &one), bytes).unwrap();
            assert_eq!(loose.read(&one), None, "{bytes:?}");
        }
        // What went wrong before has no part in the next one.
        assert_eq!(loose.read(&two), Some(b"two".to_vec()));
        std::fs::write(place(&test, &one), good).unwrap();
        assert_eq!(loose.read(&one), Some(b"one".to_vec()));
        std::fs::remove_file(place(&test, &one)).unwrap();
        std::fs::create_dir(place(&test, &one)).unwrap();
        assert_eq!(loose.read(&one), None);
    }
}
