//! Copying a directory of caches: by shared blocks, by shared files or byte for byte. Nothing is
//! followed through a symbolic link, and what is there only in part is never seen under its name.
#![expect(
    clippy::disallowed_methods,
    reason = "this is a home of file-system calls"
)]

use std::fs::{self, File, FileTimes, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::base::fs::{FsError, create_dir_all, list_dir, remove_dir_all};

/// The method of copying files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyMethod {
    /// The blocks are shared until somebody writes; where that cannot be, byte for byte.
    Cow,
    /// Under a second name; where that cannot be, byte for byte.
    Hardlink,
    /// Byte for byte.
    Copy,
}

/// The result of a copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeedReport {
    /// Files, whichever way they came.
    pub files: u64,
    /// Of these, files that share their blocks with the original.
    pub shared: u64,
    /// Links that lead out, pipes, sockets and devices, which were left out.
    pub skipped: u64,
}

/// Copies the directory `inside` from below `from` to below `to`. Nothing happens where there is
/// none, where something of that name stands already, or where a directory on the way is a symbolic
/// link. Files keep their mode and time. `draft` is a new place on the same disk, outside of `to`,
/// where the copy is made: of one that is cut off nothing may look like work.
pub fn seed(
    from: &Path,
    to: &Path,
    inside: &Path,
    how: CopyMethod,
    draft: &Path,
) -> Result<Option<SeedReport>, FsError> {
    let (source, target) = (from.join(inside), to.join(inside));
    if !is_plain_dir(from, inside) || fs::symlink_metadata(&target).is_ok() {
        return Ok(None);
    }
    let above = inside.parent().unwrap_or(Path::new(""));
    if !may_be_made(to, above) {
        return Ok(None);
    }
    create_dir_all(&to.join(above))?;
    let mut copy = SeedCopy {
        how,
        root: from,
        done: SeedReport::default(),
    };
    let copied = copy
        .dir(&source, draft)
        .and_then(|()| at("rename", draft, fs::rename(draft, &target)));
    if copied.is_err() {
        // The first failure is the one to tell of.
        let _ = remove_dir_all(draft);
    }
    copied.map(|()| Some(copy.done))
}

/// True where each part of `inside` is a directory and none is a link.
fn is_plain_dir(root: &Path, inside: &Path) -> bool {
    let mut at = root.to_owned();
    inside.components().all(|part| {
        at.push(part);
        matches!(part, Component::Normal(_))
            && fs::symlink_metadata(&at).is_ok_and(|meta| meta.is_dir())
    })
}

/// True where each part of `inside` below `root` is a directory, or is not there yet: nothing leads
/// elsewhere.
pub fn may_be_made(root: &Path, inside: &Path) -> bool {
    let mut at = root.to_owned();
    inside.components().all(|part| {
        at.push(part);
        fs::symlink_metadata(&at).map_or_else(
            |e| e.kind() == io::ErrorKind::NotFound,
            |meta| meta.is_dir(),
        )
    })
}

struct SeedCopy<'a> {
    how: CopyMethod,
    root: &'a Path,
    done: SeedReport,
}

impl SeedCopy<'_> {
    fn dir(&mut self, from: &Path, to: &Path) -> Result<(), FsError> {
        at("create", to, fs::create_dir(to))?;
        for path in list_dir(from)? {
            let target = to.join(path.file_name().unwrap_or_default());
            // A build that goes on meanwhile may take files away.
            let Ok(meta) = fs::symlink_metadata(&path) else {
                continue;
            };
            match self.entry(&path, &target, &meta) {
                Ok(()) => {}
                Err(_) if fs::symlink_metadata(&path).is_err() || is_closed(&path, &meta) => {
                    self.done.skipped += 1;
                    let _ = fs::remove_file(&target);
                }
                Err(error) => return Err(error),
            }
        }
        // Last, since a directory may be write-protected.
        let mode = fs::symlink_metadata(from).map(|meta| meta.permissions());
        mode.map_or(Ok(()), |mode| {
            at("change", to, fs::set_permissions(to, mode))
        })
    }

    fn entry(&mut self, path: &Path, target: &Path, meta: &Metadata) -> Result<(), FsError> {
        if meta.is_dir() {
            self.dir(path, target)
        } else if meta.is_symlink() {
            self.link(path, target)
        } else if meta.is_file() {
            self.file(path, target, meta)
        } else {
            self.done.skipped += 1;
            Ok(())
        }
    }

    /// A relative link that stays below the root means the same in the copy.
    fn link(&mut self, from: &Path, to: &Path) -> Result<(), FsError> {
        let target = at("read", from, fs::read_link(from))?;
        if !stays_below(self.root, from, &target) {
            self.done.skipped += 1;
            return Ok(());
        }
        at("create", to, std::os::unix::fs::symlink(target, to))
    }

    fn file(&mut self, from: &Path, to: &Path, meta: &Metadata) -> Result<(), FsError> {
        self.done.files += 1;
        let shares = match self.how {
            CopyMethod::Cow => clone(from, to, meta),
            CopyMethod::Hardlink => fs::hard_link(from, to).is_ok(),
            CopyMethod::Copy => false,
        };
        if shares {
            self.done.shared += 1;
            return Ok(());
        }
        at(
            "copy",
            from,
            fs::copy(from, to).and_then(|_| keep_time(to, meta)),
        )
    }
}

/// True where this user may not look into it, such as what a container made as root.
fn is_closed(path: &Path, meta: &Metadata) -> bool {
    let opened = if meta.is_dir() {
        fs::read_dir(path).map(drop)
    } else {
        File::open(path).map(drop)
    };
    opened.is_err_and(|e| e.kind() == io::ErrorKind::PermissionDenied)
}

/// Build tools compare times to see what is out of date.
fn keep_time(file: &Path, meta: &Metadata) -> io::Result<()> {
    let times = FileTimes::new().set_modified(meta.modified()?);
    // A write-protected file is opened for reading: its owner may set times all the same.
    File::open(file)?.set_times(times)
}

/// True where the new file shares the blocks of the old one. False leaves nothing behind.
#[cfg(target_os = "linux")]
fn clone(from: &Path, to: &Path, meta: &Metadata) -> bool {
    let cloned = || -> io::Result<()> {
        let (source, target) = (File::open(from)?, File::create_new(to)?);
        rustix::fs::ioctl_ficlone(&target, &source)?;
        target.set_permissions(meta.permissions())?;
        keep_time(to, meta)
    };
    let is_cloned = cloned().is_ok();
    if !is_cloned {
        let _ = fs::remove_file(to);
    }
    is_cloned
}

#[cfg(not(target_os = "linux"))]
fn clone(_from: &Path, _to: &Path, _meta: &Metadata) -> bool {
    false
}

fn stays_below(root: &Path, link: &Path, target: &Path) -> bool {
    let Some(dir) = link.parent().and_then(|dir| dir.strip_prefix(root).ok()) else {
        return false;
    };
    let mut depth = dir.components().count();
    for part in target.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}

fn at<T>(action: &'static str, path: &Path, result: io::Result<T>) -> Result<T, FsError> {
    result.map_err(|source| FsError {
        action,
        path: PathBuf::from(path),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    fn scene() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let base = tempfile::tempdir().unwrap();
        let (from, to) = (base.path().join("from"), base.path().join("to"));
        fs::create_dir_all(from.join("web/cache/deep")).unwrap();
        fs::create_dir(&to).unwrap();
        fs::write(from.join("web/cache/deep/file"), "warm").unwrap();
        fs::write(base.path().join("outside"), "secret").unwrap();
        (base, from, to)
    }

    #[test]
    fn every_way_brings_the_files_with_their_times() {
        for how in [CopyMethod::Cow, CopyMethod::Hardlink, CopyMethod::Copy] {
            let (_base, from, to) = scene();
            let seeded = seed(
                &from,
                &to,
                Path::new("web/cache"),
                how,
                &to.with_extension("draft"),
            )
            .unwrap()
            .unwrap();
            assert_eq!(seeded.files, 1);
            let (old, new) = (
                from.join("web/cache/deep/file"),
                to.join("web/cache/deep/file"),
            );
            assert_eq!(fs::read_to_string(&new).unwrap(), "warm");
            let (old, new) = (fs::metadata(old).unwrap(), fs::metadata(new).unwrap());
            assert_eq!(
                (old.mtime(), old.mtime_nsec(), old.mode()),
                (new.mtime(), new.mtime_nsec(), new.mode())
            );
            assert_eq!(old.ino() == new.ino(), how == CopyMethod::Hardlink);
            assert_eq!(
                list_dir(&to.join("web")).unwrap().len(),
                1,
                "no draft is left"
            );
        }
    }

    #[test]
    fn nothing_is_followed_out_and_nothing_is_replaced() {
        let (base, from, to) = scene();
        let cache = from.join("web/cache");
        symlink("../../../outside", cache.join("up")).unwrap();
        symlink(base.path().join("outside"), cache.join("absolute")).unwrap();
        symlink("deep/file", cache.join("inner")).unwrap();
        let seeded = seed(
            &from,
            &to,
            Path::new("web/cache"),
            CopyMethod::Cow,
            &to.with_extension("draft"),
        )
        .unwrap()
        .unwrap();
        assert_eq!((seeded.files, seeded.skipped), (1, 2));
        assert_eq!(
            fs::read_to_string(to.join("web/cache/inner")).unwrap(),
            "warm"
        );
        assert_eq!(
            seed(
                &from,
                &to,
                Path::new("web/cache"),
                CopyMethod::Cow,
                &to.with_extension("draft")
            )
            .unwrap(),
            None,
            "it stands already"
        );
        symlink("web/cache", from.join("link")).unwrap();
        assert_eq!(
            seed(
                &from,
                &to,
                Path::new("link"),
                CopyMethod::Cow,
                &to.with_extension("draft")
            )
            .unwrap(),
            None
        );
        symlink(base.path(), to.join("elsewhere")).unwrap();
        fs::create_dir_all(from.join("elsewhere/cache")).unwrap();
        assert_eq!(
            seed(
                &from,
                &to,
                Path::new("elsewhere/cache"),
                CopyMethod::Cow,
                &to.with_extension("draft")
            )
            .unwrap(),
            None
        );
    }

    #[test]
    fn what_vanishes_or_is_closed_is_left_out() {
        let (_base, from, to) = scene();
        let gone = from.join("web/cache/gone");
        fs::write(&gone, "x").unwrap();
        let meta = fs::symlink_metadata(&gone).unwrap();
        fs::remove_file(&gone).unwrap();
        fs::create_dir(to.join("draft")).unwrap();
        let mut copy = SeedCopy {
            how: CopyMethod::Copy,
            root: &from,
            done: SeedReport::default(),
        };
        assert!(
            copy.entry(&gone, &to.join("draft/gone"), &meta).is_err(),
            "the error that the directory's walk forgives"
        );
        symlink("nowhere", from.join("web/cache/link")).unwrap();
        let draft = to.with_extension("draft");
        let seeded = seed(&from, &to, Path::new("web/cache"), CopyMethod::Copy, &draft)
            .unwrap()
            .unwrap();
        assert_eq!(
            (seeded.files, seeded.skipped),
            (1, 0),
            "a link that leads nowhere stays one"
        );
        assert!(!draft.exists());
    }
}
