//! Files of a directory that several users share: once a program knows that, whatever is made below
//! it gets the rights that the directory's owner wants others to have.
//!
//! Set once for a process, before it has a second thread. What must stay its owner's alone, such as
//! a token, is written by functions that say so.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::Mode;
use rustix::process::umask;

struct SharedDir {
    dir: PathBuf,
    bits: u32,
    dir_bits: u32,
}

static SHARED: OnceLock<SharedDir> = OnceLock::new();

/// Shares what is made below `dir` from now on. `mask` makes the process's umask of the one that it
/// has; programs that it starts inherit it.
pub fn share_below(dir: &Path, (bits, dir_bits): (u32, u32), mask: impl Fn(u32) -> u32) {
    let shared = SharedDir {
        dir: dir.to_owned(),
        bits,
        dir_bits,
    };
    if SHARED.set(shared).is_ok() {
        let found = umask(Mode::RWXG | Mode::RWXO);
        umask(Mode::from_raw_mode(mask(found.as_raw_mode())));
    }
}

/// The mode of a file that is private but for those with whom its directory is shared.
pub fn private_mode(path: &Path) -> u32 {
    0o600 | shared(path).map_or(0, |shared| shared.bits)
}

/// What is added to the mode of a directory; nothing where it is not shared.
pub(super) fn dir_bits(path: &Path) -> u32 {
    // The first bit hands the directory's group down, as Git does it.
    shared(path).map_or(0, |shared| 0o2000 | shared.dir_bits)
}

/// What is added to the mode of a file.
pub(super) fn file_bits(path: &Path) -> u32 {
    shared(path).map_or(0, |shared| shared.bits)
}

fn shared(path: &Path) -> Option<&'static SharedDir> {
    SHARED.get().filter(|shared| path.starts_with(&shared.dir))
}
