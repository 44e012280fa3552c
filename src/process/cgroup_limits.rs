//! Limits of a cgroup: the memory and the cores that all of its processes have together.
//!
//! A limit needs a controller that was handed down to the place where the cgroup is made. None is handed down here:
//! that would change the place for everybody in it. So a limited cgroup is made below that of this process where the
//! controllers are handed down there, else beside it, where they are handed down by the one around both.

use std::path::{Path, PathBuf};

use crate::base::fs::{self, FsError};
use crate::domain::resources::ResourceAmounts;
use crate::process::cgroup::{Cgroup, KernelFiles, NoCgroup, own_dir};

/// These files are far below this.
const CAP: u64 = 1 << 20;
/// The time, in microseconds, of which a limit on cores is a share.
const PERIOD_US: u64 = 100_000;

/// A reason why nothing holds a command to what it has declared.
#[derive(Debug, thiserror::Error)]
pub enum NoLimits {
    /// There is no cgroup at all.
    #[error(transparent)]
    NoCgroup(#[from] NoCgroup),
    /// A controller was not handed down.
    #[error("the controllers of cgroup v2 for {0} are not handed down to this user")]
    NoController(String),
    /// A limit cannot be written.
    #[error("a cgroup takes no limit: {0}")]
    NotWritten(#[source] FsError),
}

impl Cgroup {
    /// Makes one whose processes have no more memory and cores together than `needs` says. Scratch is no matter of
    /// cgroups.
    ///
    /// # Errors
    /// Where that cannot be done here; nothing is left behind then.
    pub fn make_limited(
        kernel: KernelFiles<'_>,
        name: &str,
        needs: &ResourceAmounts,
    ) -> Result<Cgroup, NoLimits> {
        let own = own_dir(kernel).ok_or(NoCgroup::NotMounted)?;
        let parent = place_for(&own, &controllers(needs))?;
        let made = Cgroup::make_below(&parent, own, name)?;
        let limited = limit(made.dir(), needs).map_err(NoLimits::NotWritten);
        // A command is started by one that goes in; one that cannot would run outside of it.
        let limited = limited.and_then(|()| made.try_out().map_err(NoLimits::NoCgroup));
        match limited {
            Ok(()) => Ok(made.holding(needs.memory)),
            Err(why) => {
                made.remove();
                Err(why)
            }
        }
    }
}

/// Tries whether cgroups with such limits can be made on this machine, and takes it back.
pub fn probe_limits(needs: &ResourceAmounts) -> Result<(), NoLimits> {
    let made = Cgroup::make_limited(KernelFiles::of_this_machine(), "probe", needs)?;
    made.remove();
    Ok(())
}

/// True where the kernel has killed something in the cgroup because its memory was used up.
pub(in crate::process) fn was_full(dir: &Path) -> bool {
    let text = fs::read_text(&dir.join("memory.events"), CAP).unwrap_or_default();
    let kills = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    kills.is_some_and(|kills| kills.trim().parse() != Ok(0_u64))
}

/// The controllers that such needs ask for.
fn controllers(needs: &ResourceAmounts) -> Vec<&'static str> {
    let memory = needs.memory.map(|_| "memory");
    let cpu = needs.cpu.map(|_| "cpu");
    memory.into_iter().chain(cpu).collect()
}

/// The cgroup in which one with these controllers can be made.
fn place_for(own: &Path, wanted: &[&str]) -> Result<PathBuf, NoLimits> {
    let around = own.parent().filter(|dir| dir.join("cgroup.procs").exists());
    let hands_down = |dir: &&Path| {
        let text = fs::read_text(&dir.join("cgroup.subtree_control"), CAP).unwrap_or_default();
        let all: Vec<&str> = text.split_whitespace().collect();
        wanted.iter().all(|one| all.contains(one))
    };
    let found = [Some(own), around].into_iter().flatten().find(hands_down);
    found
        .map(Path::to_owned)
        .ok_or_else(|| NoLimits::NoController(wanted.join(" and ")))
}

/// Writes the limits. Where the memory is used up, all of it ends: half of a build is none.
fn limit(dir: &Path, needs: &ResourceAmounts) -> Result<(), FsError> {
    if let Some(memory) = needs.memory {
        fs::append(&dir.join("memory.max"), memory.0.to_string().as_bytes())?;
        fs::append(&dir.join("memory.oom.group"), b"1")?;
    }
    if let Some(cores) = needs.cpu {
        let quota = u64::from(cores.0) * PERIOD_US / 100;
        let text = format!("{quota} {PERIOD_US}");
        fs::append(&dir.join("cpu.max"), text.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::Command;

    fn needs(json: &str) -> ResourceAmounts {
        serde_json::from_str(json).unwrap()
    }

    /// A tree in the shape of a mounted one: what the cgroup around, and the own one, hand down.
    fn tree(around: &str, own: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("slice/own");
        std::fs::create_dir_all(&place).unwrap();
        for (at, handed) in [(place.parent().unwrap(), around), (&*place, own)] {
            std::fs::write(at.join("cgroup.procs"), "").unwrap();
            std::fs::write(at.join("cgroup.subtree_control"), format!("{handed}\n")).unwrap();
        }
        (dir, place)
    }

    #[test]
    fn a_place_is_found_where_the_controllers_are_handed_down() {
        let found = |around: &str, own: &str, asked: &str| {
            let (_dir, place) = tree(around, own);
            let found = place_for(&place, &controllers(&needs(asked)));
            let name = |dir: PathBuf| dir.file_name().unwrap().to_str().unwrap().to_owned();
            found.map(name).map_err(|why| why.to_string())
        };
        let both = r#"{"cpu": 2, "memory": "1GiB"}"#;
        let memory = r#"{"memory": "1GiB", "scratch": "9GiB"}"#;
        assert_eq!(found("cpu memory pids", "", both), Ok("slice".into()));
        assert_eq!(found("memory pids", "cpu memory", both), Ok("own".into()));
        assert_eq!(found("memory pids", "", memory), Ok("slice".into()));
        assert_eq!(
            found("memory pids", "", both),
            Err(
                "the controllers of cgroup v2 for memory and cpu are not handed down to this user"
                    .into()
            )
        );
    }

    #[test]
    fn limits_are_written_in_the_words_of_the_kernel() {
        let dir = tempfile::tempdir().unwrap();
        let files = ["memory.max", "memory.oom.group", "cpu.max", "memory.events"];
        for name in files {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        limit(dir.path(), &needs(r#"{"cpu": 0.5, "memory": "4GiB"}"#)).unwrap();
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(
            files.map(read),
            ["4294967296", "1", "50000 100000", ""].map(String::from)
        );
        for (events, full) in [
            ("low 0\nhigh 0\nmax 9\noom 0\noom_kill 0\n", false),
            (
                "low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\noom_group_kill 1\n",
                true,
            ),
            ("", false),
        ] {
            std::fs::write(dir.path().join("memory.events"), events).unwrap();
            assert_eq!(was_full(dir.path()), full, "{events}");
        }
    }

    #[test]
    fn the_kernel_ends_what_takes_more_than_its_memory() {
        let needs = needs(r#"{"memory": "64MiB"}"#);
        let group = match Cgroup::make_limited(KernelFiles::of_this_machine(), "test", &needs) {
            Ok(group) => group,
            Err(why) => {
                let _told = writeln!(std::io::stderr(), "skipped: {why}");
                return;
            }
        };
        // `tail` keeps the one endless line in memory.
        let script = format!(
            "echo 0 >>'{}'; exec tail </dev/zero >/dev/null",
            group.dir().join("cgroup.procs").display()
        );
        let ended = Command::new("sh").args(["-c", &script]).status();
        assert!(!ended.unwrap().success());
        assert!(was_full(group.dir()));
        group.end();
    }
}
