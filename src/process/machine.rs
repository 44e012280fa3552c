//! What the machine has for this process, and how much it is asked of: cores, memory, load and pressure.
//!
//! Read from the files of the kernel each time it is asked; what a kernel does not tell is absent, and limits nothing.
//! The limits of cgroups are those of version 2, of the own one and of all above it.

use std::path::{Path, PathBuf};

#[cfg(feature = "test-fakes")]
use crate::base::env;
use crate::base::fs;
use crate::domain::resources::{ByteSize, Hundredths};
use crate::domain::schedule::PressureKind;
use crate::process::cgroup::{KernelFiles, own_dir};

/// The files that are read here are far below this.
const CAP: u64 = 1 << 20;

/// The files in which the kernel tells about the machine.
#[derive(Debug, Clone, Default)]
pub struct MachineFiles {
    /// A directory that stands for the files of this machine, in tests.
    instead: Option<PathBuf>,
}

impl MachineFiles {
    /// The files of this machine; in a build for tests those that stand in for them.
    pub fn of_this_machine() -> MachineFiles {
        MachineFiles { instead: instead() }
    }

    /// The files below a directory: `meminfo`, `loadavg`, `pressure/`, `stat`, `cpus`, `disk`, `mounts` and `cgroup`.
    #[cfg(test)]
    pub(crate) fn below(dir: &Path) -> MachineFiles {
        MachineFiles {
            instead: Some(dir.to_owned()),
        }
    }

    fn of_proc(&self, name: &str) -> PathBuf {
        let proc = || PathBuf::from("/proc");
        self.instead.clone().unwrap_or_else(proc).join(name)
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_text(&self.of_proc(name), CAP).ok()
    }

    /// Cores of the machine, also those on which this process may not run.
    pub fn all_cores(&self) -> Option<Hundredths> {
        let text = self.read("stat")?;
        let is_core = |line: &&str| {
            let rest = line.strip_prefix("cpu");
            rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        let cores = u64::try_from(text.lines().filter(is_core).count()).ok()?;
        (cores > 0).then(|| Hundredths::of(cores * 100))
    }

    /// Cores on which this process may run: those of its affinity, less where a cgroup gives it less time.
    pub fn cores(&self) -> Option<Hundredths> {
        let all = match &self.instead {
            Some(_) => self.read("cpus")?.trim().parse().ok()?,
            None => std::thread::available_parallelism().ok()?.get() as u64,
        };
        let limited = self.cgroups().into_iter().filter_map(|dir| {
            let text = fs::read_text(&dir.join("cpu.max"), CAP).ok()?;
            let (quota, period) = text.trim().split_once(' ')?;
            let (quota, period) = (quota.parse::<u64>().ok()?, period.parse::<u64>().ok()?);
            quota.saturating_mul(100).checked_div(period)
        });
        let least = limited.chain([all.saturating_mul(100)]).min()?;
        Some(Hundredths::of(least.max(1)))
    }

    /// Memory of the machine, less where a cgroup gives this process less.
    pub fn memory(&self) -> Option<ByteSize> {
        let text = self.read("meminfo")?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        let limited = self.cgroups().into_iter().filter_map(|dir| {
            let text = fs::read_text(&dir.join("memory.max"), CAP).ok()?;
            text.trim().parse::<u64>().ok()
        });
        limited
            .chain([kib.saturating_mul(1024)])
            .min()
            .map(ByteSize)
    }

    /// The load of the last minute.
    pub fn load(&self) -> Option<Hundredths> {
        let text = self.read("loadavg")?;
        text.split(' ').next()?.parse().ok()
    }

    /// The share of the last ten seconds in which some process waited, in percent. The load is no such share.
    pub fn pressure(&self, kind: PressureKind) -> Option<Hundredths> {
        let text = self.read(match kind {
            PressureKind::Load => return None,
            PressureKind::Memory => "pressure/memory",
            PressureKind::Cpu => "pressure/cpu",
            PressureKind::Io => "pressure/io",
        })?;
        let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
        let average = some
            .split(' ')
            .find_map(|part| part.strip_prefix("avg10="))?;
        average.parse().ok()
    }

    /// Free and whole bytes of the disk on which a place is, or will be.
    pub fn disk(&self, place: &Path) -> Option<(u64, u64)> {
        if self.instead.is_some() {
            let text = self.read("disk")?;
            let (free, all) = text.trim().split_once(' ')?;
            return Some((free.parse().ok()?, all.parse().ok()?));
        }
        let there = place.ancestors().find(|dir| dir.is_dir())?;
        let free = fs4::available_space(there).ok()?;
        Some((free, fs4::total_space(there).ok()?))
    }

    /// The own cgroup, and all that are around it.
    fn cgroups(&self) -> Vec<PathBuf> {
        let own = match &self.instead {
            None => own_dir(KernelFiles::of_this_machine()),
            Some(dir) => own_dir(KernelFiles {
                mounts: &dir.join("mounts"),
                own: &dir.join("cgroup"),
            }),
        };
        let own = own.unwrap_or_default();
        let around = own.ancestors().map(Path::to_owned);
        around
            .take_while(|dir| dir.join("cgroup.procs").exists())
            .collect()
    }
}

/// The directory that a test names.
#[cfg(feature = "test-fakes")]
fn instead() -> Option<PathBuf> {
    env::text("AI_TEST_MACHINE").map(PathBuf::from)
}

/// A release build knows one machine.
#[cfg(not(feature = "test-fakes"))]
fn instead() -> Option<PathBuf> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, MachineFiles) {
        let dir = tempfile::tempdir().unwrap();
        let mount = dir.path().join("mnt");
        let mounts = format!("36 20 0:2 / {} rw - cgroup2 none rw\n", mount.display());
        std::fs::create_dir_all(mount.join("user/me")).unwrap();
        let own = [("mounts", &*mounts), ("cgroup", "0::/user/me\n")];
        for (name, text) in own.into_iter().chain(files.iter().copied()) {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        for place in ["mnt", "mnt/user", "mnt/user/me"] {
            std::fs::write(dir.path().join(place).join("cgroup.procs"), "").unwrap();
        }
        let files = MachineFiles::below(dir.path());
        (dir, files)
    }

    const MEMINFO: &str = "MemTotal:        8388608 kB\nMemFree:          100 kB\n";

    #[test]
    fn what_the_machine_has_is_what_the_narrowest_cgroup_leaves() {
        let (_dir, free) = machine(&[("cpus", "8\n"), ("meminfo", MEMINFO)]);
        assert_eq!(
            (free.cores(), free.memory()),
            (Some(Hundredths(800)), Some(ByteSize(8 << 30)))
        );
        let (_dir, limited) = machine(&[
            ("cpus", "8\n"),
            ("meminfo", MEMINFO),
            ("mnt/user/me/cpu.max", "max 100000\n"),
            ("mnt/user/cpu.max", "150000 100000\n"),
            ("mnt/user/me/memory.max", "max\n"),
            ("mnt/user/memory.max", "2147483648\n"),
        ]);
        assert_eq!(
            (limited.cores(), limited.memory()),
            (Some(Hundredths(150)), Some(ByteSize(2 << 30)))
        );
    }

    #[test]
    fn load_pressure_and_disk_are_read_as_the_kernel_writes_them() {
        let some = "some avg10=12.34 avg60=1.00 avg300=0.00 total=5\nfull avg10=99.00 avg60=0.00 avg300=0.00 total=1\n";
        let (_dir, files) = machine(&[
            ("loadavg", "3.05 2.00 1.00 2/300 4242\n"),
            ("pressure/memory", some),
            ("disk", "1000 5000\n"),
        ]);
        assert_eq!(files.load(), Some(Hundredths(305)));
        assert_eq!(
            files.pressure(PressureKind::Memory),
            Some(Hundredths(1_234))
        );
        assert_eq!(
            files.pressure(PressureKind::Io),
            None,
            "there is no such file"
        );
        assert_eq!(files.disk(Path::new("/x")), Some((1_000, 5_000)));
    }

    #[test]
    fn what_the_kernel_does_not_tell_is_absent() {
        let (_dir, files) = machine(&[
            ("meminfo", "nothing of it\n"),
            ("loadavg", "x\n"),
            ("pressure/memory", "\n"),
        ]);
        assert_eq!(
            (files.cores(), files.memory(), files.load()),
            (None, None, None)
        );
        assert_eq!(files.pressure(PressureKind::Memory), None);
    }

    #[test]
    fn this_machine_has_cores_and_a_disk() {
        let files = MachineFiles { instead: None };
        assert!(files.cores() >= Some(Hundredths(1)));
        let (free, all) = files.disk(Path::new("/no/such/place")).unwrap();
        assert!(free <= all && all > 0);
    }
}
