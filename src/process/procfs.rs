//! Reads what `/proc` says about processes: parents, sessions, start times, environment markers, and
//! the files that they hold.
//!
//! A process that vanishes while it is read is simply not there; only an unreadable `/proc` itself
//! is an error.

use std::collections::{HashMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::base::fs::{FsError, list_dir, read_capped};
use crate::base::text::one_line;

/// `/proc/PID/stat` is far below this.
const STAT_CAP: u64 = 4096;
/// The kernel allows an environment of a quarter of the stack limit; this is far above the usual 2
/// MiB.
const ENVIRON_CAP: u64 = 16 << 20;

/// One process as `/proc/PID/stat` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::process) struct ProcessStat {
    /// The process id.
    pub pid: i32,
    /// The id of its parent.
    pub parent: i32,
    /// The process group.
    pub group: i32,
    /// The session.
    pub session: i32,
    /// The number of its controlling terminal; 0 where it has none.
    pub terminal: i32,
    /// Clock ticks between boot and the start of the process.
    pub start_ticks: u64,
    /// CPU time in hundredths of a second, that of children it has waited for included.
    pub cpu_ticks: u64,
    state: u8,
    threads: u32,
    is_kernel: bool,
}

/// The flag by which the kernel marks its own threads (`PF_KTHREAD`).
const KERNEL_THREAD: u32 = 0x0020_0000;

impl ProcessStat {
    /// False for a process that has ended and only waits to be reaped. A process whose first thread
    /// has ended while others go on also shows as a zombie, but still runs.
    pub fn is_running(&self) -> bool {
        !matches!(self.state, b'Z' | b'X' | b'x') || self.threads > 1
    }

    /// True for a process that is stopped and would not act on a signal before it is continued.
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, b'T' | b't')
    }
}

/// The process with this pid, if there is one now.
pub(in crate::process) fn stat(pid: i32) -> Option<ProcessStat> {
    let bytes = read_capped(&proc_path(pid, "stat"), STAT_CAP).ok()?;
    parse(&String::from_utf8_lossy(&bytes))
}

/// Every process that can be seen now. Threads of the kernel, half of all on a machine at rest, run
/// no program and hold nothing.
pub(in crate::process) fn table() -> Result<Vec<ProcessStat>, FsError> {
    let entries = list_dir(Path::new("/proc"))?;
    Ok(entries
        .iter()
        .filter_map(|path| path.file_name()?.to_str()?.parse().ok())
        .filter_map(stat)
        .filter(|stat| !stat.is_kernel)
        .collect())
}

/// The children of this process, ended ones that nobody has waited for included; none where the kernel
/// does not list them.
pub(in crate::process) fn children() -> Option<Vec<i32>> {
    let mut found = Vec::new();
    for thread in list_dir(Path::new("/proc/self/task")).ok()? {
        let listed = read_capped(&thread.join("children"), ENVIRON_CAP).ok()?;
        let listed = String::from_utf8_lossy(&listed);
        found.extend(
            listed
                .split_ascii_whitespace()
                .filter_map(|pid| pid.parse::<i32>().ok()),
        );
    }
    Some(found)
}

/// Everything below `roots` in `table`, the roots themselves not included.
pub(in crate::process) fn descendants(roots: &[i32], table: &[ProcessStat]) -> Vec<ProcessStat> {
    let mut children: HashMap<i32, Vec<&ProcessStat>> = HashMap::new();
    for stat in table {
        children.entry(stat.parent).or_default().push(stat);
    }
    let mut seen: HashSet<i32> = roots.iter().copied().collect();
    let mut found = Vec::new();
    let mut queue = roots.to_vec();
    while let Some(pid) = queue.pop() {
        for child in children.get(&pid).into_iter().flatten() {
            if seen.insert(child.pid) {
                found.push(**child);
                queue.push(child.pid);
            }
        }
    }
    found
}

/// True where the environment with which the process was started holds exactly `entry`
/// (`NAME=value`). Processes of other users cannot be read and count as unmarked.
pub(in crate::process) fn environment_has(pid: i32, entry: &[u8]) -> bool {
    read_capped(&proc_path(pid, "environ"), ENVIRON_CAP)
        .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|found| found == entry))
}

/// The value of a variable in the environment with which the process was started.
pub(in crate::process) fn variable(pid: i32, name: &str) -> Option<String> {
    let environ = read_capped(&proc_path(pid, "environ"), ENVIRON_CAP).ok()?;
    let mut entries = environ.split(|byte| *byte == 0);
    let value = entries.find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    value.map(|value| String::from_utf8_lossy(value).into_owned())
}

/// True for a process of the user in whose name this process acts.
pub(in crate::process) fn is_own(pid: i32) -> bool {
    let own = rustix::process::geteuid().as_raw();
    std::fs::symlink_metadata(proc_path(pid, "")).is_ok_and(|dir| dir.uid() == own)
}

/// The first words of the command line of a process, at most `most`, as they stand there now.
pub(in crate::process) fn command_words(pid: i32, most: usize) -> Vec<String> {
    let line = read_capped(&proc_path(pid, "cmdline"), ENVIRON_CAP).unwrap_or_default();
    let words = line.split(|byte| *byte == 0).take(most);
    words
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect()
}

/// The file name of the program that a process executes, also where an upgrade has replaced it.
pub(in crate::process) fn program_name(pid: i32) -> Option<String> {
    let program = std::fs::read_link(proc_path(pid, "exe")).ok()?;
    let name = program.file_name()?.to_string_lossy().into_owned();
    Some(name.trim_end_matches(" (deleted)").to_owned())
}

/// The name of a process.
pub(in crate::process) fn name(pid: i32) -> String {
    let text = read_capped(&proc_path(pid, "comm"), STAT_CAP).unwrap_or_default();
    one_line(String::from_utf8_lossy(&text).trim())
}

/// The start of a process in milliseconds of the boot clock, rounded down to the kernel's tick.
pub(in crate::process) fn started_ms(stat: &ProcessStat) -> i64 {
    let ticks = rustix::param::clock_ticks_per_second().max(1);
    i64::try_from(stat.start_ticks.saturating_mul(1000) / ticks).unwrap_or(i64::MAX)
}

/// The first file or directory below one of `dirs` that a process works in, was started from, or
/// holds open. Processes of other users hold nothing that could be seen.
pub(in crate::process) fn held_below(pid: i32, dirs: &[PathBuf]) -> Option<PathBuf> {
    let ways = ["cwd", "root", "exe"].map(|link| proc_path(pid, link));
    let open = list_dir(&proc_path(pid, "fd")).unwrap_or_default();
    ways.iter()
        .chain(&open)
        .filter_map(|link| std::fs::read_link(link).ok())
        .find(|target| dirs.iter().any(|dir| target.starts_with(dir)))
}

/// The number of times that the kernel killed a process for want of memory, since boot; `None`
/// where it does not say.
pub(in crate::process) fn oom_kills() -> Option<u64> {
    let text = read_capped(Path::new("/proc/vmstat"), 1 << 20).ok()?;
    let text = String::from_utf8_lossy(&text);
    text.lines()
        .find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

fn proc_path(pid: i32, file: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{file}"))
}

/// Parses `pid (name) state ppid …`. The name may hold spaces and parentheses, so fields count from
/// the last parenthesis.
fn parse(line: &str) -> Option<ProcessStat> {
    let pid = line.split_once(' ')?.0.parse().ok()?;
    let fields: Vec<&str> = line.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<i32>().ok();
    Some(ProcessStat {
        pid,
        state: *fields.first()?.as_bytes().first()?,
        parent: number(1)?,
        group: number(2)?,
        session: number(3)?,
        terminal: number(4)?,
        threads: fields.get(17)?.parse().ok()?,
        is_kernel: fields.get(6)?.parse::<u32>().ok()? & KERNEL_THREAD != 0,
        start_ticks: fields.get(19)?.parse().ok()?,
        cpu_ticks: fields
            .get(11..15)?
            .iter()
            .filter_map(|field| field.parse::<u64>().ok())
            .sum(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(pid: i32, name: &str, state: char, threads: u32) -> String {
        format!(
            "{pid} ({name}) {state} 7 8 9 0 -1 0 0 0 0 0 1 2 30 400 20 0 {threads} 0 123456 0 0"
        )
    }

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let stat = parse(&line(42, "a) Z 1 (b", 'S', 3)).unwrap();
        assert_eq!(
            (stat.pid, stat.parent, stat.group, stat.session),
            (42, 7, 8, 9)
        );
        assert_eq!(
            (stat.start_ticks, stat.threads, stat.cpu_ticks),
            (123_456, 3, 433)
        );
    }

    #[test]
    fn threads_of_the_kernel_are_known_and_left_out() {
        let kernel = "10 (kworker/0:0H) I 2 0 0 0 -1 69238880 0 0 0 0 0 0 0 0 0 -20 1 0 23 0 0";
        assert!(parse(kernel).unwrap().is_kernel);
        let own = stat(std::process::id().try_into().unwrap()).unwrap();
        assert!(!own.is_kernel);
        let pids: Vec<i32> = table().unwrap().iter().map(|stat| stat.pid).collect();
        assert!(pids.contains(&own.pid));
    }

    #[test]
    fn a_zombie_with_threads_left_still_runs() {
        assert!(!parse(&line(1, "x", 'Z', 1)).unwrap().is_running());
        assert!(parse(&line(1, "x", 'Z', 2)).unwrap().is_running());
        assert!(parse(&line(1, "x", 'T', 1)).unwrap().is_stopped());
    }

    #[test]
    fn descendants_are_found_at_any_depth_and_a_loop_ends() {
        let make = |pid, parent| ProcessStat {
            pid,
            parent,
            ..parse(&line(1, "x", 'S', 1)).unwrap()
        };
        let table = [make(2, 1), make(3, 2), make(4, 3), make(5, 9), make(9, 5)];
        let mut pids: Vec<i32> = descendants(&[2], &table).iter().map(|s| s.pid).collect();
        pids.sort_unstable();
        assert_eq!(pids, [3, 4]);
        assert_eq!(descendants(&[5], &table).len(), 1);
    }

    #[test]
    fn this_process_is_in_the_table() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(
            table()
                .unwrap()
                .iter()
                .any(|stat| stat.pid == own && stat.is_running())
        );
        assert!(!environment_has(own, b"AI_RUN=no such run"));
    }
}
