//! An index written entry by entry: the counterpart of [`crate::git::shadow::index_file`].
//!
//! Version 2 and nothing else: no flag that needs a later one, no extension. What Git keeps in
//! extensions are caches, which it makes anew when it misses them.

use rustix::fs::Stat;
use sha1::{Digest, Sha1};

use crate::git::shadow::index_file::{EXTENDED, IndexEntry};

/// A longer path shows as this length, and its end is found by the NUL behind it.
const LONGEST_TOLD: usize = 0xfff;

/// The bytes of an index of these entries, which stand in the order of their paths; none where one of
/// them has a second word of flags.
pub(super) fn index(entries: &[IndexEntry<'_>]) -> Option<Vec<u8>> {
    let count = u32::try_from(entries.len()).ok()?;
    if entries.iter().any(|entry| entry.flags & EXTENDED != 0) {
        return None;
    }
    let length: usize = entries.iter().map(|entry| entry.bytes.len()).sum();
    let mut index = Vec::with_capacity(length + 32);
    index.extend_from_slice(b"DIRC\0\0\0\x02");
    index.extend_from_slice(&count.to_be_bytes());
    for entry in entries {
        index.extend_from_slice(entry.bytes);
    }
    let checksum = Sha1::digest(&index);
    index.extend_from_slice(&checksum);
    Some(index)
}

/// The bytes of the entry of a file that was seen like this, of a mode and a name as Git has them.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index keeps the low 32 bits of each"
)]
pub(super) fn entry(path: &[u8], (mode, id): (u32, &[u8]), stat: &Stat) -> Option<Vec<u8>> {
    let words: [u32; 10] = [
        stat.st_ctime as u32,
        u32::try_from(stat.st_ctime_nsec).ok()?,
        stat.st_mtime as u32,
        u32::try_from(stat.st_mtime_nsec).ok()?,
        stat.st_dev as u32,
        stat.st_ino as u32,
        mode,
        stat.st_uid,
        stat.st_gid,
        stat.st_size as u32,
    ];
    let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
    bytes.extend_from_slice(id);
    let told = u16::try_from(path.len().min(LONGEST_TOLD)).ok()?;
    bytes.extend_from_slice(&told.to_be_bytes());
    bytes.extend_from_slice(path);
    // At least one NUL, up to a multiple of eight.
    bytes.resize((bytes.len() + 8) / 8 * 8, 0);
    Some(bytes)
}
