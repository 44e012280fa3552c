//! A cgroup of its own for the processes of a run, where the kernel and the user's rights allow it.
//!
//! What is started in a cgroup stays in it, however often it forks and whatever it clears; writing
//! `1` to `cgroup.kill` ends all of it in one stroke of the kernel. It is a net below the others of
//! [`super::guard`]: where none can be made, nothing is missing but the certainty about a process
//! that has escaped the keeper. Only version 2 is used. Limits are a matter of
//! [`super::cgroup_limits`].

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::base::fs::{self, FsError};
use crate::base::{clock, id};
use crate::domain::resources::ByteSize;
use crate::process::cgroup_limits::was_full;
use crate::process::identity::own_pid;
use crate::process::signal::{KILL_BOUND, STEP};

/// Prefix of the names of our cgroups.
const PREFIX: &str = "ai-";
/// Lists of processes and mounts are far below this.
const CAP: u64 = 4 << 20;

/// The files in which the kernel tells about cgroups. Others for tests.
#[derive(Debug, Clone, Copy)]
pub struct KernelFiles<'a> {
    /// Lists what is mounted where.
    pub mounts: &'a Path,
    /// Names the cgroups of this process.
    pub own: &'a Path,
}

impl KernelFiles<'static> {
    /// Finds the hierarchy of this machine.
    pub fn of_this_machine() -> Self {
        KernelFiles {
            mounts: Path::new("/proc/self/mountinfo"),
            own: Path::new("/proc/self/cgroup"),
        }
    }
}

/// A reason why there is no cgroup.
#[derive(Debug, thiserror::Error)]
pub enum NoCgroup {
    /// The kernel has no version 2, or it is mounted nowhere.
    #[error("cgroup v2 is not mounted")]
    NotMounted,
    /// The kernel is older than 5.14.
    #[error("this kernel cannot kill a cgroup")]
    NoKill,
    /// None can be made where this process is.
    #[error("no cgroup can be made below the own one: {0}")]
    NotDelegated(#[source] FsError),
    /// A process cannot be put into it.
    #[error("no process can be put into a cgroup: {0}")]
    NotMovable(#[source] FsError),
}

/// The cgroup of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroup {
    dir: PathBuf,
    home: PathBuf,
    memory: Option<ByteSize>,
}

/// What ending a cgroup has told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CgroupEnded {
    /// Processes that were left in it, and were killed.
    pub killed: usize,
    /// The limit of memory for which the kernel has ended it, where it did.
    pub memory_limit: Option<ByteSize>,
}

impl Cgroup {
    /// Makes one below that of this process.
    ///
    /// # Errors
    /// Where that cannot be done here; nothing is left behind then.
    pub fn make(kernel: KernelFiles<'_>, name: &str) -> Result<Cgroup, NoCgroup> {
        let home = own_dir(kernel).ok_or(NoCgroup::NotMounted)?;
        Cgroup::make_below(&home.clone(), home, name)
    }

    /// Makes one below `parent`, for a process that comes back to `home`.
    pub(in crate::process) fn make_below(
        parent: &Path,
        home: PathBuf,
        name: &str,
    ) -> Result<Cgroup, NoCgroup> {
        let dir = parent.join(format!("{PREFIX}{name}-{}", id::random_text(6)));
        fs::create_dir_all(&dir).map_err(NoCgroup::NotDelegated)?;
        let made = Cgroup {
            dir,
            home,
            memory: None,
        };
        if made.dir.join("cgroup.kill").exists() {
            return Ok(made);
        }
        made.remove();
        Err(NoCgroup::NoKill)
    }

    /// The one at `dir`, which a run has recorded; nothing where it is gone, or is none of ours.
    pub fn recorded(dir: &Path) -> Option<Cgroup> {
        let ours =
            dir.file_name()?.to_str()?.starts_with(PREFIX) && dir.join("cgroup.procs").is_file();
        let home = dir.parent()?.to_owned();
        ours.then(|| Cgroup {
            dir: dir.to_owned(),
            home,
            memory: None,
        })
    }

    /// Those of this name that stand beside the one at `dir`, which may be gone.
    pub fn named_beside(dir: &Path, name: &str) -> Vec<Cgroup> {
        let prefix = format!("{PREFIX}{name}-");
        let all = dir.parent().and_then(|around| fs::list_dir(around).ok());
        let all = all.unwrap_or_default().into_iter();
        let ours = all.filter(|other| {
            let name = other.file_name().and_then(|name| name.to_str());
            other != dir && name.is_some_and(|name| name.starts_with(&prefix))
        });
        ours.filter_map(|dir| Cgroup::recorded(&dir)).collect()
    }

    /// The same, which holds its processes to so much memory.
    pub(in crate::process) fn holding(self, memory: Option<ByteSize>) -> Cgroup {
        Cgroup { memory, ..self }
    }

    /// Goes in and comes back.
    pub(in crate::process) fn try_out(&self) -> Result<(), NoCgroup> {
        let moved = enter(&self.dir).and_then(|()| enter(&self.home));
        moved.map_err(NoCgroup::NotMovable)
    }

    /// The directory of the group.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Opens its list of processes: whoever writes itself into that is in it, with all that it starts from then on.
    pub(in crate::process) fn open_list(&self) -> Result<File, FsError> {
        fs::open_at_end(&self.dir.join("cgroup.procs"))
    }

    /// The processes in it, those in cgroups below it included.
    pub fn processes(&self) -> Vec<i32> {
        let mut found = Vec::new();
        let mut queue = vec![self.dir.clone()];
        while let Some(dir) = queue.pop() {
            let text = fs::read_text(&dir.join("cgroup.procs"), CAP).unwrap_or_default();
            found.extend(
                text.lines()
                    .filter_map(|line| line.trim().parse::<i32>().ok()),
            );
            queue.extend(
                fs::list_dir(&dir)
                    .unwrap_or_default()
                    .into_iter()
                    .filter(|path| path.is_dir()),
            );
        }
        found
    }

    /// Kills all that is in it, waits until nothing is, and removes it. Never ends this process.
    pub fn end(&self) -> CgroupEnded {
        let is_full = self.memory.filter(|_| was_full(&self.dir));
        let begun = Instant::now();
        let first = self.processes();
        while !self.processes().is_empty()
            && begun.elapsed() < KILL_BOUND
            && !self.processes().contains(&own_pid())
        {
            if fs::append(&self.dir.join("cgroup.kill"), b"1").is_err() {
                break;
            }
            clock::pause(STEP);
        }
        self.remove();
        CgroupEnded {
            killed: first.len(),
            memory_limit: is_full,
        }
    }

    /// Removes it, and what was made below it. One in which something lives stays.
    pub(in crate::process) fn remove(&self) {
        // A process that was killed a moment ago may still be on its way out.
        let until = Instant::now() + Duration::from_millis(200);
        while remove_tree(&self.dir).is_err()
            && Instant::now() < until
            && self.processes().is_empty()
        {
            clock::pause(STEP);
        }
    }
}

/// Tries to make a cgroup on this machine, tried once and taken back.
pub fn probe() -> Result<(), NoCgroup> {
    let made = Cgroup::make(KernelFiles::of_this_machine(), "probe")?;
    // A command is started by one that goes in.
    let moved = made.try_out();
    made.remove();
    moved
}

/// Puts this process into a cgroup.
fn enter(dir: &Path) -> Result<(), FsError> {
    fs::append(&dir.join("cgroup.procs"), own_pid().to_string().as_bytes())
}

fn remove_tree(dir: &Path) -> Result<(), FsError> {
    for below in fs::list_dir(dir)?.into_iter().filter(|path| path.is_dir()) {
        remove_tree(&below)?;
    }
    fs::remove_empty_dir(dir)
}

/// The directory of the cgroup in which this process is.
pub(in crate::process) fn own_dir(kernel: KernelFiles<'_>) -> Option<PathBuf> {
    let text = fs::read_text(kernel.own, CAP).ok()?;
    let own = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    let mounts = fs::read_text(kernel.mounts, CAP).ok()?;
    let (root, mount) = mounts.lines().find_map(mounted_at)?;
    // A container may see only a part of the tree, from its root on.
    let below = Path::new(own).strip_prefix(&root).ok()?;
    Some(mount.join(below)).filter(|dir| dir.is_dir())
}

/// Root and place of a mount of version 2: `36 35 98:0 ROOT PLACE options - TYPE …`.
fn mounted_at(line: &str) -> Option<(PathBuf, PathBuf)> {
    let (left, right) = line.split_once(" - ")?;
    let mut fields = left.split(' ').skip(3);
    let (root, place) = (fields.next()?, fields.next()?);
    let is_v2 = right.split(' ').next() == Some("cgroup2");
    // A place with a space in it is written in octal; nobody mounts this there.
    (is_v2 && !place.contains('\\')).then(|| (root.into(), place.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A tree of files in the shape of a mounted one.
    struct Fake {
        dir: tempfile::TempDir,
    }

    impl Fake {
        fn new(own: &str, root: &str) -> Fake {
            let fake = Fake {
                dir: tempfile::tempdir().unwrap(),
            };
            let mount = fake.dir.path().join("mnt");
            std::fs::create_dir_all(mount.join("user/me")).unwrap();
            std::fs::write(mount.join("user/me/cgroup.procs"), "").unwrap();
            let line = format!(
                "30 20 0:1 / /proc rw - proc proc rw\n36 20 0:2 {root} {} rw - cgroup2 none rw\n",
                mount.display()
            );
            std::fs::write(fake.dir.path().join("mounts"), line).unwrap();
            std::fs::write(fake.dir.path().join("own"), format!("3:cpu:/x\n0::{own}\n")).unwrap();
            fake
        }

        fn own_dir(&self) -> Option<PathBuf> {
            let (mounts, own) = (self.dir.path().join("mounts"), self.dir.path().join("own"));
            own_dir(KernelFiles {
                mounts: &mounts,
                own: &own,
            })
        }
    }

    #[test]
    fn the_own_cgroup_is_found_in_the_mounts() {
        let whole = Fake::new("/user/me", "/");
        assert_eq!(whole.own_dir(), Some(whole.dir.path().join("mnt/user/me")));
        let container = Fake::new("/docker/abc/user/me", "/docker/abc");
        assert_eq!(
            container.own_dir(),
            Some(container.dir.path().join("mnt/user/me"))
        );
        assert_eq!(Fake::new("/elsewhere", "/docker/abc").own_dir(), None);
        assert_eq!(Fake::new("/not/there", "/").own_dir(), None);
        std::fs::write(whole.dir.path().join("own"), "3:cpu:/x\n").unwrap();
        assert_eq!(whole.own_dir(), None, "version 1 alone");
    }

    #[test]
    fn what_is_no_cgroup_is_refused_and_leaves_nothing() {
        let fake = Fake::new("/user/me", "/");
        let (mounts, own) = (fake.dir.path().join("mounts"), fake.dir.path().join("own"));
        // The kernel fills a new directory with its files; here nobody does.
        let refused = Cgroup::make(
            KernelFiles {
                mounts: &mounts,
                own: &own,
            },
            "t-1.1",
        )
        .unwrap_err();
        assert!(matches!(refused, NoCgroup::NoKill), "{refused}");
        assert_eq!(
            std::fs::read_dir(fake.dir.path().join("mnt/user/me"))
                .unwrap()
                .count(),
            1
        );
        std::fs::remove_dir_all(fake.dir.path().join("mnt")).unwrap();
        std::fs::create_dir(fake.dir.path().join("mnt")).unwrap();
        symlink("/dev/null", fake.dir.path().join("mnt/user")).unwrap();
        let refused = Cgroup::make(
            KernelFiles {
                mounts: &mounts,
                own: &own,
            },
            "t-1.1",
        )
        .unwrap_err();
        assert!(matches!(refused, NoCgroup::NotMounted), "{refused}");
    }

    #[test]
    fn processes_are_counted_below_it_too_and_a_foreign_directory_is_none_of_ours() {
        let dir = tempfile::tempdir().unwrap();
        let group = dir.path().join("ai-t-1.1-x");
        std::fs::create_dir_all(group.join("below")).unwrap();
        assert_eq!(Cgroup::recorded(&group), None);
        std::fs::write(group.join("cgroup.procs"), "11\n12\n").unwrap();
        std::fs::write(group.join("below/cgroup.procs"), "13\n").unwrap();
        let found = Cgroup::recorded(&group).unwrap();
        assert_eq!(
            (found.dir(), found.processes()),
            (group.as_path(), vec![11, 12, 13])
        );
        let of_a_check = dir.path().join("ai-t-1.1-check-y");
        for other in [&of_a_check, &dir.path().join("ai-t-1.12-x")] {
            std::fs::create_dir(other).unwrap();
            std::fs::write(other.join("cgroup.procs"), "").unwrap();
        }
        let beside = Cgroup::named_beside(&group, "t-1.1");
        assert_eq!(
            beside.iter().map(Cgroup::dir).collect::<Vec<_>>(),
            [of_a_check.as_path()]
        );
        std::fs::rename(&group, dir.path().join("system.slice")).unwrap();
        assert_eq!(Cgroup::recorded(&dir.path().join("system.slice")), None);
        assert_eq!(Cgroup::recorded(&group), None);
    }

    #[test]
    fn killing_it_ends_what_has_left_everything_else() {
        let group = match Cgroup::make(KernelFiles::of_this_machine(), "test") {
            Ok(group) => group,
            Err(why) => return writeln_skipped(&why.to_string()),
        };
        let script = "echo 0 >&9; exec 9>&-; (env -i setsid sh -c 'sleep 600 & sleep 600' >/dev/null 2>&1 &); sleep 0.1; echo out";
        let output = in_it(&group, script).output().unwrap();
        assert_eq!(output.stdout, b"out\n");
        assert!(!group.processes().is_empty() && !group.processes().contains(&own_pid()));
        assert!(group.end().killed >= 1);
        assert!(group.processes().is_empty() && !group.dir().exists());
    }

    /// The script in a shell that has the list of `group` as its ninth file.
    fn in_it(group: &Cgroup, script: &str) -> std::process::Command {
        let mut command = std::process::Command::new("sh");
        let list = group.dir().join("cgroup.procs");
        let script = format!("exec 9>>'{}'; {script}", list.display());
        command.args(["-c", &script]);
        command
    }

    /// Tells that something cannot be tried here, so that nobody takes silence for a test.
    fn writeln_skipped(why: &str) {
        use std::io::Write;
        let _told = writeln!(std::io::stderr(), "skipped: {why}");
    }
}
