//! Moving a file or a directory tree to where it may lie on another disk.
//!
//! What is moved is never half there: it is copied beside its new place first, and removed from the
//! old one when the copy has its name. Devices, pipes and sockets hold nothing that a copy could
//! have, so they end with the move. What its owner has closed against itself is opened for the move, and
//! closed again where it lies then.
#![expect(
    clippy::disallowed_methods,
    reason = "one of the homes of file-system calls"
)]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::base::fs::error::{FsError, at};
use crate::base::fs::rights::{self, LentRights};
use crate::base::fs::{make_writable, remove_dir_all, remove_file, symlink, sync_dir_of};
use crate::base::onlooker::Onlooker;
use crate::base::text::path_bytes;

/// Bytes that are copied in a moment.
const MANY_BYTES: u64 = 100 << 20;
/// As much is copied before somebody who waits is asked whether to go on.
const CHUNK: u64 = 16 << 20;

/// Moves a file, a link or a directory with everything in it; nothing may bear the new name yet.
/// Where it goes to another disk, `onlooker` hears of it before that takes long, and may end it: then
/// everything is where it was.
pub fn relocate(from: &Path, to: &Path, onlooker: Option<Onlooker<'_>>) -> Result<(), FsError> {
    match fs::rename(from, to) {
        Err(e) if e.kind() == io::ErrorKind::CrossesDevices => move_by_copy(from, to, onlooker),
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            at("move", from, rename_closed(from, to))
        }
        other => at("move", from, other),
    }
}

/// Renames what may not be renamed as it is: that takes the right to write in the directory that holds
/// it, and in itself where it is one.
fn rename_closed(from: &Path, to: &Path) -> io::Result<()> {
    let holder = from
        .parent()
        .and_then(|dir| LentRights::lend(dir, rights::WRITE_IN));
    let is_dir = fs::symlink_metadata(from).is_ok_and(|meta| meta.is_dir());
    let own = is_dir
        .then(|| LentRights::lend(from, rights::WRITE_IN))
        .flatten();
    let done = fs::rename(from, to);
    if let Some(own) = own {
        own.take_back(if done.is_ok() { to } else { from });
    }
    if let (Some(holder), Some(dir)) = (holder, from.parent()) {
        holder.take_back(dir);
    }
    done
}

fn move_by_copy(from: &Path, to: &Path, onlooker: Option<Onlooker<'_>>) -> Result<(), FsError> {
    let holder = from
        .parent()
        .and_then(|dir| LentRights::lend(dir, rights::WRITE_IN));
    let moved = copy_and_remove(from, to, onlooker);
    if let (Some(holder), Some(dir)) = (holder, from.parent()) {
        holder.take_back(dir);
    }
    moved
}

fn copy_and_remove(from: &Path, to: &Path, onlooker: Option<Onlooker<'_>>) -> Result<(), FsError> {
    let draft = beside(to);
    if let Some(onlooker) = onlooker
        && let bytes @ MANY_BYTES.. = size_of(from)?
    {
        let (mib, from) = (bytes >> 20, path_bytes(from.as_os_str().as_encoded_bytes()));
        onlooker.say(&format!(
            "copying {mib} MiB of {from} to another disk, which may take a while"
        ));
    }
    // The two disks keep journals of their own: the copy lasts before the original goes.
    let placed =
        copy(from, &draft, onlooker).and_then(|()| at("move", from, fs::rename(&draft, to)));
    if let Err(error) = placed {
        // Half a copy would be in the way of the next try.
        let _removed = remove(&draft);
        return Err(error);
    }
    sync_dir_of(to)?;
    remove(from)
}

fn remove(from: &Path) -> Result<(), FsError> {
    if at("look at", from, fs::symlink_metadata(from))?.is_dir() {
        // Directories in it may be write-protected, as those of module caches are.
        make_writable(from)?;
        remove_dir_all(from)
    } else {
        remove_file(from)
    }
}

fn beside(to: &Path) -> PathBuf {
    let mut name: OsString = to.as_os_str().to_owned();
    name.push(".moving");
    PathBuf::from(name)
}

fn size_of(path: &Path) -> Result<u64, FsError> {
    let meta = at("look at", path, fs::symlink_metadata(path))?;
    if !meta.is_dir() {
        return Ok(meta.len());
    }
    let mut sum = 0;
    // It is only told; what is closed is opened when it is copied.
    let Ok(entries) = fs::read_dir(path) else {
        return Ok(0);
    };
    for entry in entries {
        sum += size_of(&at("list", path, entry)?.path())?;
    }
    Ok(sum)
}

fn copy(from: &Path, to: &Path, onlooker: Option<Onlooker<'_>>) -> Result<(), FsError> {
    let meta = at("look at", from, fs::symlink_metadata(from))?;
    if meta.is_symlink() {
        return symlink(&at("read", from, fs::read_link(from))?, to);
    }
    if !meta.is_file() && !meta.is_dir() {
        return Ok(());
    }
    let needed = if meta.is_dir() {
        rights::ALL
    } else {
        rights::READ
    };
    let lent = LentRights::lend(from, needed);
    let copied = copy_open(from, to, (&meta, onlooker));
    if let (Some(lent), Err(_)) = (lent, &copied) {
        lent.take_back(from);
    }
    copied
}

/// Copies a file or a directory that may be read.
fn copy_open(
    from: &Path,
    to: &Path,
    (meta, onlooker): (&fs::Metadata, Option<Onlooker<'_>>),
) -> Result<(), FsError> {
    if meta.is_file() {
        at("copy", from, copy_file(from, to, onlooker))?;
    } else {
        at("make", to, fs::create_dir(to))?;
        for entry in at("list", from, fs::read_dir(from))? {
            let entry = at("list", from, entry)?;
            copy(&entry.path(), &to.join(entry.file_name()), onlooker)?;
        }
        at("flush", to, File::open(to).and_then(|dir| dir.sync_all()))?;
    }
    at("copy", to, fs::set_permissions(to, meta.permissions()))
}

fn copy_file(from: &Path, to: &Path, onlooker: Option<Onlooker<'_>>) -> io::Result<()> {
    let (mut source, mut target) = (File::open(from)?, File::create_new(to)?);
    loop {
        onlooker.map_or(Ok(()), |onlooker| {
            onlooker.check().map_err(io::Error::other)
        })?;
        if io::copy(&mut (&mut source).take(CHUNK), &mut target)? < CHUNK {
            return target.sync_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::*;
    use crate::base::onlooker::Stopped;

    /// What the two ways of moving have in common.
    fn moves(relocate: fn(&Path, &Path, Option<Onlooker<'_>>) -> Result<(), FsError>) {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(from.join("deep/er")).unwrap();
        fs::write(from.join("deep/er/tool"), "x").unwrap();
        fs::set_permissions(from.join("deep/er/tool"), fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("nowhere", from.join("link")).unwrap();
        fs::set_permissions(from.join("deep"), fs::Permissions::from_mode(0o555)).unwrap();
        relocate(&from, &to, None).unwrap();
        assert!(!from.exists());
        assert_eq!(fs::read(to.join("deep/er/tool")).unwrap(), b"x");
        assert_eq!(
            fs::read_link(to.join("link")).unwrap(),
            Path::new("nowhere")
        );
        let mode = |path: &str| fs::metadata(to.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("deep"), mode("deep/er/tool")), (0o555, 0o755));
        make_writable(&to).unwrap();
    }

    #[test]
    fn a_tree_is_whole_wherever_it_goes() {
        moves(relocate);
        moves(move_by_copy);
    }

    /// What its owner may neither list nor write in goes all the same, and is as closed as it was. The
    /// superuser may do all of it without.
    fn moves_closed(relocate: fn(&Path, &Path, Option<Onlooker<'_>>) -> Result<(), FsError>) {
        let dir = tempfile::tempdir().unwrap();
        let close = |path: &str, mode| {
            fs::set_permissions(dir.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
        };
        let mode = |path: &str| fs::symlink_metadata(dir.path().join(path)).unwrap().mode() & 0o777;
        fs::create_dir_all(dir.path().join("held/from/in")).unwrap();
        fs::write(dir.path().join("held/from/in/file"), "x").unwrap();
        close("held/from/in/file", 0o000);
        close("held/from/in", 0o000);
        close("held/from", 0o400);
        close("held", 0o555);
        relocate(&dir.path().join("held/from"), &dir.path().join("to"), None).unwrap();
        assert_eq!((mode("held"), mode("to")), (0o555, 0o400));
        close("to", 0o700);
        assert_eq!(mode("to/in"), 0o000);
        close("to/in", 0o700);
        assert_eq!(mode("to/in/file"), 0o000);
        close("to/in/file", 0o600);
        assert_eq!(fs::read(dir.path().join("to/in/file")).unwrap(), b"x");
        close("held", 0o755);
        assert!(!dir.path().join("held/from").exists());
    }

    #[test]
    fn what_is_closed_is_moved_and_stays_closed() {
        moves_closed(relocate);
        moves_closed(move_by_copy);
        moves_closed(|from, to, _| at("move", from, rename_closed(from, to)));
    }

    #[test]
    fn half_a_copy_does_not_stay() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir(&from).unwrap();
        fs::write(from.join("a"), "x").unwrap();
        // A directory with something in it cannot be replaced.
        fs::create_dir_all(to.join("full")).unwrap();
        assert!(move_by_copy(&from, &to, None).is_err());
        assert!(!beside(&to).exists() && from.join("a").exists());
        fs::remove_dir_all(&to).unwrap();
        move_by_copy(&from, &to, None).unwrap();
        assert!(to.join("a").exists() && !from.exists());
    }

    #[test]
    fn a_move_by_copy_that_fails_leaves_everything_where_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("no/such/to"));
        fs::write(&from, "x").unwrap();
        assert!(move_by_copy(&from, &to, None).is_err());
        assert_eq!(fs::read(&from).unwrap(), b"x");
    }

    #[test]
    fn a_long_copy_is_told_and_ends_when_nobody_waits() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir(&from).unwrap();
        fs::write(from.join("small"), "x").unwrap();
        // Nothing is on the disk of it.
        File::create(from.join("large"))
            .and_then(|file| file.set_len(MANY_BYTES))
            .unwrap();
        let (said, asked) = (RefCell::new(Vec::new()), Cell::new(0));
        let hears = |text: &str| said.borrow_mut().push(text.to_owned());
        let has_left = || asked.replace(asked.get() + 1) == 3;
        let stopped = move_by_copy(&from, &to, Some(Onlooker::new(&hears, &has_left)));
        let cause = stopped.unwrap_err().source;
        assert!(cause.get_ref().is_some_and(|cause| cause.is::<Stopped>()));
        let expected = format!(
            "copying 100 MiB of {} to another disk, which may take a while",
            from.display()
        );
        assert_eq!(*said.borrow(), [expected]);
        assert_eq!(
            (asked.get(), beside(&to).exists(), to.exists()),
            (4, false, false)
        );
        move_by_copy(&from, &to, Some(Onlooker::patient(&hears))).unwrap();
        assert_eq!(fs::metadata(to.join("large")).unwrap().len(), MANY_BYTES);
        assert!(!from.exists() && fs::read(to.join("small")).unwrap() == b"x");
    }
}
