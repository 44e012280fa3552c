//! Who has a file open, and who holds a lock on it: as far as this user may see into the processes
//! of this machine. Looks only; where nothing can be seen, nobody is named.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::base::{fs, text};

/// Words of a command line that are shown behind the program; what comes later may be a secret.
const WORDS: usize = 2;
/// The longest command line that is looked at.
const CAP: u64 = 4096;
/// The most processes that are named.
const NAMED: usize = 5;

/// A process that holds a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// Its program, with the words behind it that say what it does.
    pub command: String,
    /// True where it was stopped, by Ctrl-Z or a debugger, and goes on when somebody lets it.
    pub is_stopped: bool,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stopped = if self.is_stopped { ", stopped" } else { "" };
        write!(f, "{} ({}{stopped})", self.pid, self.command)
    }
}

/// The other processes that have a file open, by their pids.
pub fn open_in(path: &Path) -> Vec<Holder> {
    processes()
        .into_iter()
        .filter(|(_, dir)| has_open(dir, path))
        .map(|(pid, dir)| holder(pid, &dir))
        .collect()
}

/// The other processes that hold a lock for writing on this byte of a file.
pub fn locked_by(path: &Path, byte: u64) -> Vec<Holder> {
    let Ok(inode) = path.symlink_metadata().map(|meta| meta.ino()) else {
        return Vec::new();
    };
    let pids = writers(&table_of_locks(), ("POSIX", inode), byte);
    holders_of(path, &pids)
}

/// The other processes that hold the whole file by `flock`.
pub fn flocked_by(path: &Path) -> Vec<Holder> {
    let Ok(inode) = path.symlink_metadata().map(|meta| meta.ino()) else {
        return Vec::new();
    };
    holders_of(path, &writers(&table_of_locks(), ("FLOCK", inode), 0))
}

fn table_of_locks() -> String {
    let table = fs::read_start(Path::new("/proc/locks"), 1 << 20).unwrap_or_default();
    String::from_utf8_lossy(&table).into_owned()
}

/// Those of the processes that have the file open: pids alone are soon another's.
fn holders_of(path: &Path, pids: &[u32]) -> Vec<Holder> {
    let others = processes().into_iter();
    others
        .filter(|(pid, dir)| pids.contains(pid) && has_open(dir, path))
        .map(|(pid, dir)| holder(pid, &dir))
        .collect()
}

/// The processes in a sentence; empty for nobody.
pub fn named(holders: &[Holder]) -> String {
    let shown: Vec<String> = holders.iter().take(NAMED).map(Holder::to_string).collect();
    match holders.len().checked_sub(NAMED) {
        Some(more @ 1..) => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

/// The pids that hold a lock of this kind for writing on this byte of this inode, by the kernel's
/// table of locks: `N: POSIX ADVISORY WRITE PID MAJOR:MINOR:INODE FIRST LAST`. Devices have other numbers there than
/// elsewhere on some file systems, so that the inode alone counts.
fn writers(table: &str, (kind, inode): (&str, u64), byte: u64) -> Vec<u32> {
    let holds = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        // `->` stands before the kind of a lock that is only waited for.
        let [found, _, "WRITE"] = [words.next()?, words.next()?, words.next()?] else {
            return None;
        };
        if found != kind {
            return None;
        }
        let pid: u32 = words.next()?.parse().ok()?;
        let found: u64 = words.next()?.rsplit(':').next()?.parse().ok()?;
        let first: u64 = words.next()?.parse().ok()?;
        let last = words.next()?.parse().unwrap_or(u64::MAX);
        (found == inode && (first..=last).contains(&byte)).then_some(pid)
    };
    table.lines().filter_map(holds).collect()
}

/// Every process but this one, with its directory.
fn processes() -> Vec<(u32, PathBuf)> {
    let mine = std::process::id();
    let all = fs::list_dir(Path::new("/proc")).unwrap_or_default();
    all.into_iter()
        .filter_map(|dir| Some((dir.file_name()?.to_str()?.parse().ok()?, dir)))
        .filter(|(pid, _)| *pid != mine)
        .collect()
}

fn has_open(process: &Path, path: &Path) -> bool {
    let open = fs::list_dir(&process.join("fd")).unwrap_or_default();
    open.iter()
        .any(|fd| std::fs::read_link(fd).is_ok_and(|target| target == path))
}

fn holder(pid: u32, dir: &Path) -> Holder {
    let program = fs::read_text(&dir.join("comm"), 256).unwrap_or_default();
    let line = fs::read_start(&dir.join("cmdline"), CAP).unwrap_or_default();
    let stat = fs::read_start(&dir.join("stat"), CAP).unwrap_or_default();
    Holder {
        pid,
        command: text::one_line(&command(program.trim(), &line)),
        is_stopped: is_stopped(&String::from_utf8_lossy(&stat)),
    }
}

/// The state stands behind the name, which can hold anything: `12 (a) b) T …`.
fn is_stopped(stat: &str) -> bool {
    let state = stat.rsplit_once(')').map(|(_, rest)| rest.trim_start());
    state.is_some_and(|state| state.starts_with(['T', 't']))
}

/// A program with the plain words that follow it, up to the first option.
fn command(program: &str, line: &[u8]) -> String {
    let is_plain = |word: &&str| {
        let mut bytes = word.bytes();
        bytes
            .next()
            .is_some_and(|first| first.is_ascii_alphanumeric())
            && word.len() <= 24
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let text = String::from_utf8_lossy(line);
    let words = text.split('\0').skip(1).take(WORDS).take_while(is_plain);
    words.fold(program.to_owned(), |said, word| said + " " + word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_locks_tells_who_writes() {
        let table = "1: POSIX  ADVISORY  WRITE 11 fe:01:77 120 120\n\
                     1: -> POSIX  ADVISORY  WRITE 12 fe:01:77 120 120\n\
                     2: POSIX  ADVISORY  READ 13 fe:01:77 120 120\n\
                     3: POSIX  ADVISORY  WRITE 14 fe:01:78 120 120\n\
                     4: POSIX  ADVISORY  WRITE 15 fe:01:77 100 EOF\n\
                     5: FLOCK  ADVISORY  WRITE 16 fe:01:77 0 EOF\n\
                     6: OFDLCK ADVISORY  WRITE -1 fe:01:77 120 120\n\
                     7: POSIX  ADVISORY  WRITE 17 fe:01:77 121 121\n\
                     torn";
        assert_eq!(writers(table, ("POSIX", 77), 120), [11, 15]);
        assert_eq!(writers(table, ("FLOCK", 77), 0), [16]);
        assert_eq!(writers("", ("POSIX", 77), 120), [0; 0]);
    }

    #[test]
    fn a_command_is_told_by_its_first_plain_words_and_no_more() {
        for (line, shown) in [
            (
                &b"/usr/bin/ai\0run\0t-7k3f\0--agent\0x"[..],
                "ai run t-7k3f",
            ),
            (b"ai\0--as\0ann\0run", "ai"),
            (b"ai\0task\0done\0t-1", "ai task done"),
            (b"ai\0import\0/home/ann/x.jsonl", "ai import"),
            (b"ai\0create\0a title with words", "ai create"),
            (b"", "ai"),
        ] {
            assert_eq!(command("ai", line), shown);
        }
    }

    #[test]
    fn a_stopped_process_is_told_by_its_state_whatever_its_name() {
        for (stat, stopped) in [
            ("12 (ai) T 1 12", true),
            ("12 (ai) t 1 12", true),
            ("12 (a) T b) S 1", false),
            ("12 (T) R 1", false),
            ("", false),
        ] {
            assert_eq!(is_stopped(stat), stopped, "{stat}");
        }
    }

    #[test]
    fn many_are_counted() {
        let holder = |pid| Holder {
            pid,
            command: "ai".into(),
            is_stopped: pid == 2,
        };
        let many: Vec<Holder> = (1..=7).map(holder).collect();
        assert_eq!(named(&[]), "");
        assert_eq!(named(&many[..2]), "1 (ai), 2 (ai, stopped)");
        assert_eq!(
            named(&many),
            "1 (ai), 2 (ai, stopped), 3 (ai), 4 (ai), 5 (ai) and 2 more"
        );
    }
}
