//! Mounts over what Landlock cannot hide: it grants, and of a directory that is granted it takes
//! nothing out again. So the keeper lays an empty directory over such a place, in a mount namespace
//! of its own, before Landlock forbids to change mounts. What the policy grants below such a place
//! is brought back by a bind; nothing made there later is seen.
//!
//! Deliberately absent: a read-only remount. Writing is Landlock's business.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount, mount_bind_recursive};

use crate::base::fs;
use crate::process::sandbox::PlaceCover;

/// Room for the names of the mount points, and for nothing else.
const SIZE: &std::ffi::CStr = c"mode=0755,size=256k";

/// Lays all covers. An error leaves this process with some of them, so that it must not go on.
pub(super) fn lay(covers: &[PlaceCover]) -> io::Result<()> {
    covers.iter().try_for_each(lay_one)
}

fn lay_one(cover: &PlaceCover) -> io::Result<()> {
    if !cover.dir.is_dir() {
        return Ok(());
    }
    // Held by descriptors, since the names lead nowhere once the cover lies there.
    let kept: Vec<(&PathBuf, OwnedFd)> = cover
        .kept
        .iter()
        .filter_map(|path| hold(path).map(|held| Some((path, held?))).transpose())
        .collect::<io::Result<_>>()?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("tmpfs", &cover.dir, "tmpfs", flags, Some(SIZE))?;
    for (path, held) in kept {
        let source = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()));
        make_point(&source, path)?;
        mount_bind_recursive(&source, path)?;
    }
    Ok(())
}

/// A descriptor of a place, or nothing where nothing is there.
fn hold(path: &Path) -> io::Result<Option<OwnedFd>> {
    match open(
        path,
        OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW,
        Mode::empty(),
    ) {
        Ok(held) => Ok(Some(held)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The empty directory or file over which a place of this kind can be mounted.
fn make_point(source: &Path, path: &Path) -> io::Result<()> {
    let made = if source.is_dir() {
        fs::create_dir_all(path)
    } else {
        path.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::create_private_file(path))
    };
    made.map_err(io::Error::other)
}
