//! The answer that needs no process: whether the tree on the disk is, entry for entry, what the
//! shadow's index says, and where it is not, which files were touched.
//!
//! Most looks at a tree find nothing or little, and starting Git to be told so is the dearest part of
//! them. One walk with a `stat` for each entry answers the same, as long as nothing has to be
//! decided: an empty directory, a link in the place of a directory or one that is new or changed, a
//! submodule, a path that is left out or only meant to be added, anything that cannot be read or
//! that Git would not take. All of it is no answer, which says that Git has to be asked as ever. So no
//! rule of ignoring, no attribute and no filter plays a part here (ADR 0034); who takes touched files
//! by their content sees to it that none of those has a say (ADR 0046). What Git has said before that
//! it ignores is passed over ([`crate::git::shadow::ignored`]).

use std::collections::HashMap;
use std::io::Read;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use git2::ObjectType;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, openat, readlinkat, statat};

use crate::base::fs;
use crate::domain::repo_path::RepoPath;
use crate::git::oid::ObjectFormat;
use crate::git::shadow::ShadowRepo;
use crate::git::shadow::ignored::{KnownIgnored, is_patterns};
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
/// Deeper directories that are new are for Git.
const DEEPEST: usize = 64;

/// A file that is not as the index knows it.
pub(super) struct Touched {
    /// The file.
    pub(super) path: Vec<u8>,
    /// The file as it stands there now; none where it is gone.
    pub(super) now: Option<FileNow>,
}

/// A file as it was read.
pub(super) struct FileNow {
    /// What the kernel says of it.
    pub(super) stat: Stat,
    /// The content.
    pub(super) content: Vec<u8>,
}

/// An index, and what was touched since it was written.
pub(super) struct DiskLook {
    /// The bytes of the index.
    pub(super) index: Vec<u8>,
    /// The touched files, in the order of an index.
    pub(super) touched: Vec<Touched>,
    /// What was known to be ignored there.
    pub(super) ignored: Option<KnownIgnored>,
    /// The number of those paths at which something stands.
    pub(super) passed: usize,
}

impl ShadowRepo {
    /// True where every entry of the index stands at `root` as the index knows it, and nothing else
    /// does. False says nothing: then Git has to be asked.
    pub(in crate::git) fn is_untouched(&self, root: &Path) -> bool {
        self.look_at_disk(root, 0).is_some()
    }

    /// The files at `root` that are not as the index knows them, where they are no more than `most`.
    /// None where Git has to be asked.
    pub(super) fn look_at_disk(&self, root: &Path, most: usize) -> Option<DiskLook> {
        self.look_by(&self.index_path(), root, most)
    }

    /// The same by another index of the same tree.
    pub(super) fn look_by(&self, index: &Path, root: &Path, most: usize) -> Option<DiskLook> {
        // No other kind of index is read.
        if self.format == ObjectFormat::Sha1 {
            look_at_disk(index, root, most, |entries| self.known_ignored(entries))
        } else {
            None
        }
    }
}

/// A walk over a tree.
struct Walk {
    /// When the index was written, less the slack.
    certain_before_ns: i64,
    /// The content that may still be read.
    content_left: u64,
    /// The most files that may have been touched.
    most: usize,
    touched: Vec<Touched>,
    ignored: Option<KnownIgnored>,
    passed: usize,
}

fn look_at_disk(
    index: &Path,
    root: &Path,
    most: usize,
    known_ignored: impl FnOnce(&[IndexEntry<'_>]) -> Option<KnownIgnored>,
) -> Option<DiskLook> {
    let written = rustix::fs::lstat(index).ok()?;
    let bytes = fs::read_capped(index, INDEX_CAP).ok()?;
    let entries = index_file::entries(&bytes)?;
    let ignored = known_ignored(&entries);
    let top = openat(CWD, root, directory(), Mode::empty()).ok()?;
    // Where something is ignored, names come and go.
    if most == 0 && ignored.is_none() {
        has_old_directories(&top, &entries, &written)?;
    }
    let mut walk = Walk {
        certain_before_ns: nanoseconds(written.st_mtime, written.st_mtime_nsec)?
            .checked_sub(SLACK_NS)?,
        content_left: CONTENT_CAP,
        most,
        touched: Vec::new(),
        ignored,
        passed: 0,
    };
    walk.directory(top, b"", &entries)?;
    let Walk {
        mut touched,
        ignored,
        passed,
        ..
    } = walk;
    // Under other rules, other paths are ignored.
    if passed > 0 && touched.iter().any(|touched| is_patterns(&touched.path)) {
        return None;
    }
    touched.sort_by(|one, other| one.path.cmp(&other.path));
    Some(DiskLook {
        index: bytes,
        touched,
        ignored,
        passed,
    })
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
    /// Compares a directory with the entries beneath it; `path` is its own, with a slash behind it.
    fn directory(&mut self, dir: OwnedFd, path: &[u8], entries: &[IndexEntry<'_>]) -> Option<()> {
        let mut expected = children(entries, path.len())?;
        let mut listed = Dir::new(dir).ok()?;
        while let Some(found) = listed.next() {
            let found = found.ok()?;
            let dir = listed.fd().ok()?;
            let name = found.file_name().to_bytes();
            if name == b"." || name == b".." || (name == DOT_GIT && path.is_empty()) {
                continue;
            }
            match expected.remove(name) {
                None => self.unknown(dir, name, (path, 0))?,
                Some([entry]) if entry.path.len() == path.len() + name.len() => {
                    self.file(dir, name, entry)?;
                }
                Some(beneath) => {
                    let inner = openat(dir, name, directory(), Mode::empty()).ok()?;
                    let path = beneath.first()?.path.get(..=path.len() + name.len())?;
                    self.directory(inner, path, beneath)?;
                }
            }
        }
        let gone = expected.into_values().flatten();
        gone.map(|entry| {
            is_plain(entry).then_some(())?;
            self.note(entry.path.to_vec(), None)
        })
        .collect()
    }

    fn file(&mut self, dir: BorrowedFd<'_>, name: &[u8], entry: &IndexEntry<'_>) -> Option<()> {
        let stat = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        is_plain(entry).then_some(())?;
        if is_of_mode(&stat, entry.mode) && is_known(&stat, entry) {
            let newest = nanoseconds(stat.st_mtime, stat.st_mtime_nsec)?
                .max(nanoseconds(stat.st_ctime, stat.st_ctime_nsec)?);
            // Git notes a file without a length where it has yet to look at its content.
            let is_certain = newest < self.certain_before_ns && entry.size != 0;
            if is_certain || self.holds(dir, name, entry)? {
                return Some(());
            }
        }
        if self.most == 0 || entry.mode == LINK {
            return None;
        }
        let now = self.read(dir, name, stat)?;
        self.note(entry.path.to_vec(), Some(now))
    }

    /// A name that the index does not know, `depth` directories below one that it does.
    fn unknown(
        &mut self,
        dir: BorrowedFd<'_>,
        name: &[u8],
        (above, depth): (&[u8], usize),
    ) -> Option<()> {
        if (self.most == 0 && self.ignored.is_none()) || depth > DEEPEST {
            return None;
        }
        let path = [above, name].concat();
        let stat = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if self
            .ignored
            .as_ref()
            .is_some_and(|known| known.holds(&path, kind))
        {
            self.passed += 1;
            return Some(());
        }
        if self.most == 0 {
            return None;
        }
        match kind {
            FileType::RegularFile => {
                let now = self.read(dir, name, stat)?;
                self.note(path, Some(now))
            }
            FileType::Directory => {
                let inner = openat(dir, name, directory(), Mode::empty()).ok()?;
                self.new_directory(inner, [&path, &b"/"[..]].concat(), depth)
            }
            _ => None,
        }
    }

    fn new_directory(&mut self, dir: OwnedFd, path: Vec<u8>, depth: usize) -> Option<()> {
        let mut listed = Dir::new(dir).ok()?;
        let mut is_empty = true;
        while let Some(found) = listed.next() {
            let found = found.ok()?;
            let dir = listed.fd().ok()?;
            let name = found.file_name().to_bytes();
            if name != b"." && name != b".." {
                is_empty = false;
                self.unknown(dir, name, (&path, depth + 1))?;
            }
        }
        // Git has no word for it.
        (!is_empty).then_some(())
    }

    fn note(&mut self, path: Vec<u8>, now: Option<FileNow>) -> Option<()> {
        // What Git refuses, or has to be told.
        let is_free = self.touched.len() < self.most && !RepoPath::new(&path[..]).is_forbidden();
        self.touched.push(Touched { path, now });
        is_free.then_some(())
    }

    /// Reads a file that stays as it is meanwhile.
    fn read(&mut self, dir: BorrowedFd<'_>, name: &[u8], stat: Stat) -> Option<FileNow> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = openat(dir, name, flags, Mode::empty()).ok()?;
        let is_same = |file: &OwnedFd| {
            let now = rustix::fs::fstat(file).ok()?;
            (FileType::from_raw_mode(now.st_mode) == FileType::RegularFile
                && (now.st_dev, now.st_ino, now.st_size, now.st_mode)
                    == (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mode)
                && (now.st_uid, now.st_gid) == (stat.st_uid, stat.st_gid)
                && (now.st_mtime, now.st_mtime_nsec) == (stat.st_mtime, stat.st_mtime_nsec)
                && (now.st_ctime, now.st_ctime_nsec) == (stat.st_ctime, stat.st_ctime_nsec))
                .then_some(())
        };
        is_same(&file)?;
        let length = u64::try_from(stat.st_size).ok()?;
        self.content_left = self.content_left.checked_sub(length)?;
        let file = std::fs::File::from(file);
        let mut content = Vec::new();
        (&file).take(length + 1).read_to_end(&mut content).ok()?;
        is_same(&file.into())?;
        (content.len() as u64 == length).then_some(FileNow { stat, content })
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

/// True for an entry of which there is no more to know than what stands on the disk.
pub(super) fn is_plain(entry: &IndexEntry<'_>) -> bool {
    entry.flags & (ASSUMED_VALID | STAGES) == 0
        && entry.more_flags & (INTENT_TO_ADD | SKIP_WORKTREE) == 0
        && matches!(entry.mode, FILE | PROGRAM | LINK)
}

const FILE: u32 = 0o100_644;
const PROGRAM: u32 = 0o100_755;
/// The mode of a symbolic link.
pub(super) const LINK: u32 = 0o120_000;

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
pub(super) fn is_known(stat: &Stat, entry: &IndexEntry<'_>) -> bool {
    entry.inode == stat.st_ino as u32
        && entry.owner == (stat.st_uid, stat.st_gid)
        && entry.size == stat.st_size as u32
        && Some(entry.modified) == index_time(stat.st_mtime, stat.st_mtime_nsec)
        && Some(entry.changed) == index_time(stat.st_ctime, stat.st_ctime_nsec)
}

/// True for a path whose last part is this name.
pub(super) fn is_named(path: &[u8], name: &[u8]) -> bool {
    path.rsplit(|byte| *byte == b'/').next() == Some(name)
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
