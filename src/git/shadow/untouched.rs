//! The answer that needs no process: whether the tree on the disk is, entry for entry, what the
//! shadow's index says.
//!
//! Most looks at a tree find nothing, and starting Git to be told so is the dearest part of them. One
//! walk with a `stat` for each entry answers the same, as long as nothing has to be decided: a file
//! or directory that the index does not know, an empty one, a link in the place of a directory, a
//! submodule, a path that is left out or only meant to be added, anything that cannot be read or was
//! written when the index was, with other content than that names. All of it is a "no", which says
//! that Git has to be asked as ever. So no rule of ignoring, no attribute and no filter plays a part
//! here (ADR 0034).

use std::collections::HashMap;
use std::io::Read;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use git2::ObjectType;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, openat, readlinkat, statat};

use crate::base::fs;
use crate::git::oid::ObjectFormat;
use crate::git::shadow::ShadowRepo;
use crate::git::shadow::index_file::{self, IndexEntry};

/// A file that changed no longer before the index was written than this is compared by its content:
/// a clock of the file system that ticks slowly could give a later change the same time.
const SLACK_NS: i64 = 20_000_000;
/// The most of such content that is read before Git is asked instead.
const CONTENT_CAP: u64 = 4 << 20;
/// The largest index that is read here.
const INDEX_CAP: u64 = 64 << 20;
/// The name of what leads to a git directory, at the top of a tree.
const DOT_GIT: &[u8] = b".git";

const ASSUMED_VALID: u16 = 1 << 15;
const STAGES: u16 = 0b11 << 12;
const INTENT_TO_ADD: u16 = 1 << 13;
const SKIP_WORKTREE: u16 = 1 << 14;
const EXECUTABLE: u32 = 0o100;

impl ShadowRepo {
    /// True where every entry of the index stands at `root` as the index knows it, and nothing else
    /// does. False says nothing: then Git has to be asked.
    pub(in crate::git) fn is_untouched(&self, root: &Path) -> bool {
        // No other kind of index is read.
        self.format == ObjectFormat::Sha1 && is_untouched(&self.index_path(), root).is_some()
    }
}

/// A walk over a tree.
struct Walk {
    /// When the index was written, less the slack.
    certain_before_ns: i64,
    /// The content that may still be read.
    content_left: u64,
}

fn is_untouched(index: &Path, root: &Path) -> Option<()> {
    let written = rustix::fs::lstat(index).ok()?;
    let bytes = fs::read_capped(index, INDEX_CAP).ok()?;
    let entries = index_file::entries(&bytes)?;
    let top = openat(CWD, root, directory(), Mode::empty()).ok()?;
    has_old_directories(&top, &entries, &written)?;
    let mut walk = Walk {
        certain_before_ns: nanoseconds(written.st_mtime, written.st_mtime_nsec)?
            .checked_sub(SLACK_NS)?,
        content_left: CONTENT_CAP,
    };
    walk.directory(top, 0, &entries)
}

/// A directory in which a name came or went after the index was written shows so in its time. Mostly
/// that ends the walk before it has begun; nothing rests on it.
fn has_old_directories(top: &OwnedFd, entries: &[IndexEntry<'_>], written: &Stat) -> Option<()> {
    let time = |stat: &Stat| nanoseconds(stat.st_mtime, stat.st_mtime_nsec);
    let written = time(written)?;
    let mut last: &[u8] = b".";
    let mut is_old = time(&rustix::fs::fstat(top).ok()?)? <= written;
    for entry in entries {
        let end = entry.path.iter().rposition(|byte| *byte == b'/');
        let Some(dir) = end.map(|end| &entry.path[..end]).filter(|dir| *dir != last) else {
            continue;
        };
        let stat = statat(top, dir, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        is_old = is_old && time(&stat)? <= written;
        if !is_old {
            return None;
        }
        last = dir;
    }
    is_old.then_some(())
}

fn directory() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

impl Walk {
    /// Compares a directory with the entries beneath it; `skipped` is the length of its own path.
    fn directory(
        &mut self,
        dir: OwnedFd,
        skipped: usize,
        entries: &[IndexEntry<'_>],
    ) -> Option<()> {
        let mut expected = children(entries, skipped)?;
        let mut listed = Dir::new(dir).ok()?;
        while let Some(found) = listed.next() {
            let found = found.ok()?;
            let dir = listed.fd().ok()?;
            let name = found.file_name().to_bytes();
            if name == b"." || name == b".." || (name == DOT_GIT && skipped == 0) {
                continue;
            }
            let beneath = expected.remove(name)?;
            match beneath {
                [entry] if entry.path.len() == skipped + name.len() => {
                    self.file(dir, name, entry)?;
                }
                _ => {
                    let inner = openat(dir, name, directory(), Mode::empty()).ok()?;
                    self.directory(inner, skipped + name.len() + 1, beneath)?;
                }
            }
        }
        expected.is_empty().then_some(())
    }

    fn file(&mut self, dir: BorrowedFd<'_>, name: &[u8], entry: &IndexEntry<'_>) -> Option<()> {
        let is_plain = entry.flags & (ASSUMED_VALID | STAGES) == 0
            && entry.more_flags & (INTENT_TO_ADD | SKIP_WORKTREE) == 0;
        let stat = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        if !is_plain || !is_of_mode(&stat, entry.mode) || !is_known(&stat, entry) {
            return None;
        }
        let newest = nanoseconds(stat.st_mtime, stat.st_mtime_nsec)?
            .max(nanoseconds(stat.st_ctime, stat.st_ctime_nsec)?);
        // Git notes a file without a length where it has yet to look at its content.
        let is_certain = newest < self.certain_before_ns && entry.size != 0;
        (is_certain || self.holds(dir, name, entry)?).then_some(())
    }

    /// True where the content is that of the entry, as it is.
    fn holds(&mut self, dir: BorrowedFd<'_>, name: &[u8], entry: &IndexEntry<'_>) -> Option<bool> {
        let content = if entry.mode == LINK {
            readlinkat(dir, name, Vec::new()).ok()?.into_bytes()
        } else {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
            let file = std::fs::File::from(openat(dir, name, flags, Mode::empty()).ok()?);
            let mut content = Vec::new();
            file.take(self.content_left + 1)
                .read_to_end(&mut content)
                .ok()?;
            content
        };
        self.content_left = self.content_left.checked_sub(content.len() as u64)?;
        let name = git2::Oid::hash_object(ObjectType::Blob, &content).ok()?;
        Some(name.as_bytes() == entry.id)
    }
}

const FILE: u32 = 0o100_644;
const PROGRAM: u32 = 0o100_755;
const LINK: u32 = 0o120_000;

fn is_of_mode(stat: &Stat, mode: u32) -> bool {
    match (FileType::from_raw_mode(stat.st_mode), mode) {
        (FileType::RegularFile, FILE) => stat.st_mode & EXECUTABLE == 0,
        (FileType::RegularFile, PROGRAM) => stat.st_mode & EXECUTABLE != 0,
        (FileType::Symlink, LINK) => true,
        _ => false,
    }
}

/// True where the index has seen the file as it is now.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index keeps the low 32 bits of each"
)]
fn is_known(stat: &Stat, entry: &IndexEntry<'_>) -> bool {
    entry.inode == stat.st_ino as u32
        && entry.owner == (stat.st_uid, stat.st_gid)
        && entry.size == stat.st_size as u32
        && Some(entry.modified) == index_time(stat.st_mtime, stat.st_mtime_nsec)
        && Some(entry.changed) == index_time(stat.st_ctime, stat.st_ctime_nsec)
}

/// A time as an index keeps it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index keeps the low 32 bits of the seconds"
)]
fn index_time(seconds: i64, nanos: impl TryInto<u32>) -> Option<(u32, u32)> {
    Some((seconds as u32, nanos.try_into().ok()?))
}

fn nanoseconds(seconds: impl TryInto<i64>, nanos: impl TryInto<i64>) -> Option<i64> {
    let seconds = seconds.try_into().ok()?.checked_mul(1_000_000_000)?;
    seconds.checked_add(nanos.try_into().ok()?)
}

/// The names in a directory, each with its entry or the entries beneath it, which stand one after
/// the other in an index.
fn children<'e, 'a>(
    entries: &'e [IndexEntry<'a>],
    skipped: usize,
) -> Option<HashMap<&'a [u8], &'e [IndexEntry<'a>]>> {
    let name_of = |entry: &IndexEntry<'_>| -> Option<usize> {
        let rest = entry.path.get(skipped..)?;
        Some(
            rest.iter()
                .position(|byte| *byte == b'/')
                .unwrap_or(rest.len()),
        )
    };
    let mut found = HashMap::new();
    let mut rest = entries;
    while let Some(first) = rest.first() {
        let length = name_of(first)?;
        let name = first.path.get(skipped..skipped + length)?;
        let is_file = first.path.len() == skipped + length;
        let many = if is_file {
            1
        } else {
            let is_beneath = |entry: &&IndexEntry<'_>| {
                entry.path.get(skipped..skipped + length) == Some(name)
                    && entry.path.get(skipped + length) == Some(&b'/')
            };
            rest.iter().take_while(is_beneath).count()
        };
        let (here, after) = rest.split_at(many);
        // One name for two things is no index of ours.
        if found.insert(name, here).is_some() {
            return None;
        }
        rest = after;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::PathBuf;

    use rustix::fs::{Timespec, Timestamps, utimensat};

    use super::*;
    use crate::git::testing::Run;

    /// Gives a file the times that it had, as far as anybody but the kernel can.
    fn with_old_times(path: &Path, change: impl FnOnce(&Path)) {
        let old = fs::symlink_metadata(path).unwrap();
        change(path);
        use std::os::unix::fs::MetadataExt as _;
        let time = |tv_sec, tv_nsec| Timespec { tv_sec, tv_nsec };
        let times = Timestamps {
            last_access: time(old.atime(), old.atime_nsec()),
            last_modification: time(old.mtime(), old.mtime_nsec()),
        };
        utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    }

    #[test]
    fn whatever_is_not_exactly_the_index_is_for_git_to_look_at() {
        type Change = (&'static str, fn(&Run, PathBuf));
        let changes: [Change; 13] = [
            ("other content", |_, root| {
                fs::write(root.join("README"), "hallo\n").unwrap()
            }),
            ("other content under the old time", |_, root| {
                with_old_times(&root.join("README"), |path| {
                    fs::write(path, "hallo\n").unwrap()
                });
            }),
            ("the same content in another file", |_, root| {
                fs::write(root.join("other"), "hello\n").unwrap();
                fs::rename(root.join("other"), root.join("README")).unwrap();
            }),
            ("a new file", |_, root| {
                fs::write(root.join("src/new"), "").unwrap()
            }),
            ("an ignored file", |_, root| {
                fs::write(root.join("x.log"), "").unwrap()
            }),
            ("an empty directory", |_, root| {
                fs::create_dir(root.join("empty")).unwrap()
            }),
            ("a missing file", |_, root| {
                fs::remove_file(root.join("src/lib.rs")).unwrap()
            }),
            ("a program", |_, root| {
                let mode = fs::Permissions::from_mode(0o755);
                fs::set_permissions(root.join("README"), mode).unwrap();
            }),
            ("a link to a directory in its place", |_, root| {
                fs::rename(root.join("src"), root.with_extension("moved")).unwrap();
                symlink(root.with_extension("moved"), root.join("src")).unwrap();
            }),
            ("a link to a file in its place", |_, root| {
                fs::rename(root.join("README"), root.with_extension("moved")).unwrap();
                symlink(root.with_extension("moved"), root.join("README")).unwrap();
            }),
            ("a repository of its own", |_, root| {
                fs::create_dir(root.join("src/.git")).unwrap()
            }),
            ("a path that is left out", |run, root| {
                run.shadow
                    .leave_out_of_disk(&root, b"README\0".to_vec())
                    .unwrap();
            }),
            ("a directory that cannot be opened", |_, root| {
                fs::remove_dir_all(root.join("src")).unwrap();
                fs::write(root.join("src"), "").unwrap();
            }),
        ];
        for (what, change) in changes {
            let run = Run::new();
            let root = run.slot.path.clone();
            assert!(run.shadow.is_untouched(&root), "before {what}");
            change(&run, root.clone());
            assert!(!run.shadow.is_untouched(&root), "{what}");
        }
    }

    #[test]
    fn a_pipe_in_the_place_of_a_file_is_not_waited_for() {
        let run = Run::new();
        let path = run.slot.path.join("README");
        fs::remove_file(&path).unwrap();
        rustix::fs::mkfifoat(CWD, &path, Mode::RWXU).unwrap();
        assert!(!run.shadow.is_untouched(&run.slot.path));
    }

    #[test]
    fn links_programs_and_names_of_all_kinds_are_compared() {
        let test = crate::git::testing::TestRepo::new();
        for name in ["a-b", "a.b", "a/b/c", "a/b-c", "a0", "\u{e9} \"\t\n"] {
            test.write(name, name);
        }
        symlink("nowhere", test.root.join("a/link")).unwrap();
        test.write("a/program", "x");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(test.root.join("a/program"), mode).unwrap();
        test.commit("more");
        let run = Run::of(test);
        assert!(run.shadow.is_untouched(&run.slot.path));
        fs::remove_file(run.slot.path.join("a/link")).unwrap();
        symlink("nowher3", run.slot.path.join("a/link")).unwrap();
        assert!(!run.shadow.is_untouched(&run.slot.path));
    }
}
