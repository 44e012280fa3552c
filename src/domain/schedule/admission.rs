//! Admission by the machine: the resources of what is at work and what asks, against what there is.
//!
//! A request that is larger than everything there is can never be met, and is told from one that waits for others to
//! end. What is not known about the machine limits nothing.

use serde::Serialize;

use crate::domain::ids::TaskId;
use crate::domain::resources::{ByteSize, Hundredths, ResourceAmounts, ResourceKind};
use crate::domain::time::WallMs;

/// Time after which pressure is measured again while somebody waits for nothing else, in milliseconds.
pub const MEASURE_AGAIN_MS: i64 = 10_000;

/// Settings of the machine: the part `machine` of the section `scheduler`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct MachineSettings {
    /// Cores of all runs together; default those of this process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Hundredths>,
    /// Memory of all runs together; default that of this process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<ByteSize>,
    /// Room on the disk of all runs together; default what is free there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scratch: Option<ByteSize>,
    /// Load for each core over which starts pause; default without limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<Hundredths>,
    /// Pressure over which starts pause.
    #[serde(skip_serializing_if = "PressureLimits::is_nothing")]
    pub pressure: PressureLimits,
}

/// Pressure over which starts pause: the share of the last ten seconds in which some process waited, in percent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PressureLimits {
    /// For memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Hundredths>,
    /// For a core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Hundredths>,
    /// For a disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io: Option<Hundredths>,
}

impl PressureLimits {
    /// True where none is set.
    pub fn is_nothing(&self) -> bool {
        *self == PressureLimits::default()
    }
}

/// Free room on the disk of the worktrees, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskRoom {
    /// Free now.
    pub free: u64,
    /// The size of the disk.
    pub whole: u64,
    /// Kept free, by `runs.disk_floor_mb`.
    pub floor: u64,
}

/// A measure of the machine as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PressureKind {
    /// The load of the last minute for each core.
    Load,
    /// Processes that wait for memory.
    Memory,
    /// Processes that wait for a core.
    Cpu,
    /// Processes that wait for a disk.
    Io,
}

/// A measure that is over its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineCrossed {
    /// Of what.
    pub kind: PressureKind,
    /// The measure.
    pub is: Hundredths,
    /// The line.
    pub line: Hundredths,
}

/// The machine as it is at the moment of a tick.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MachineSight {
    /// Everything that runs may have together; a kind that is not known is not limited, and the disk by what is free.
    pub budget: ResourceAmounts,
    /// The sum of what runs at work, or about to begin, have declared.
    pub used: ResourceAmounts,
    /// The disk; absent where it cannot be seen.
    pub disk: Option<DiskRoom>,
    /// The first measure that is over its line.
    pub crossed: Option<LineCrossed>,
}

/// The wait of a task for the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MachineWait {
    /// It asks for more than there is.
    Never {
        /// Of what.
        kind: ResourceKind,
        /// The request.
        need: u64,
        /// Everything there is.
        budget: u64,
    },
    /// Runs at work have declared too much for it to find room.
    Taken {
        /// Of what.
        kind: ResourceKind,
        /// The request.
        need: u64,
        /// The sum of what runs at work have declared.
        used: u64,
        /// Everything there is.
        budget: u64,
    },
    /// A task before it has waited long enough, and what comes free is kept for that one.
    Kept {
        /// The task before it.
        by: TaskId,
        /// What is kept.
        kind: ResourceKind,
    },
    /// Too little is free on the disk.
    Disk {
        /// Free, in bytes.
        free: u64,
        /// The part of it that runs at work have declared, in bytes.
        promised: u64,
        /// Needed, in bytes.
        needed: u64,
        /// The time at which it is measured again.
        again_ms: WallMs,
    },
    /// A measure of the whole machine is over its line.
    Pressure {
        /// Which.
        crossed: LineCrossed,
        /// The time at which it is measured again.
        again_ms: WallMs,
    },
}

impl MachineWait {
    /// The time at which it may be different, where nobody tells of it.
    pub fn again_ms(&self) -> Option<WallMs> {
        match self {
            MachineWait::Disk { again_ms, .. } | MachineWait::Pressure { again_ms, .. } => {
                Some(*again_ms)
            }
            MachineWait::Never { .. } | MachineWait::Taken { .. } | MachineWait::Kept { .. } => {
                None
            }
        }
    }
}

impl MachineSight {
    /// Finds room for a request beside what is used.
    ///
    /// # Errors
    /// What it lacks: first what there is too little of altogether.
    pub fn admit(&self, need: &ResourceAmounts, now: WallMs) -> Result<(), MachineWait> {
        let asked = ResourceKind::ALL.into_iter();
        let asked = asked.filter_map(|kind| Some((kind, need.of(kind)?)));
        let most = asked
            .clone()
            .filter_map(|(kind, need)| Some((kind, need, self.most(kind)?)));
        if let Some((kind, need, budget)) = most.into_iter().find(|(_, need, most)| need > most) {
            return Err(MachineWait::Never { kind, need, budget });
        }
        let limited = asked.filter_map(|(kind, need)| Some((kind, need, self.budget.of(kind)?)));
        for (kind, need, budget) in limited {
            let used = self.used.of(kind).unwrap_or(0);
            if used.saturating_add(need) > budget {
                return Err(MachineWait::Taken {
                    kind,
                    need,
                    used,
                    budget,
                });
            }
        }
        // Nobody knows how much of it they have written already: it is taken for not written.
        let promised = self.used.of(ResourceKind::Scratch).unwrap_or(0);
        match need.of(ResourceKind::Scratch) {
            Some(scratch) => self.room_on_disk((scratch, promised), now),
            None => self.room_on_disk((0, 0), now),
        }
    }

    /// The most that one run could have of a kind if nothing else were at work, and nothing else on the disk.
    fn most(&self, kind: ResourceKind) -> Option<u64> {
        let disk = self.disk.filter(|_| kind == ResourceKind::Scratch);
        let disk = disk.map(|disk| disk.whole.saturating_sub(disk.floor));
        self.budget.of(kind).into_iter().chain(disk).min()
    }

    /// What all runs may have together of each kind; where no amount is set for the disk, what is free there now.
    pub fn amounts(&self) -> ResourceAmounts {
        let free = self
            .disk
            .map(|disk| ByteSize(disk.free.saturating_sub(disk.floor)));
        ResourceAmounts {
            scratch: self.budget.scratch.or(free),
            ..self.budget
        }
    }

    /// Finds that many bytes on the disk above what is kept free, beside what is promised of it.
    fn room_on_disk(&self, (bytes, promised): (u64, u64), now: WallMs) -> Result<(), MachineWait> {
        let Some(disk) = self.disk else { return Ok(()) };
        let needed = disk.floor.saturating_add(bytes);
        if disk.free >= needed.saturating_add(promised) {
            return Ok(());
        }
        Err(MachineWait::Disk {
            free: disk.free,
            promised,
            needed,
            again_ms: now.saturating_add(MEASURE_AGAIN_MS),
        })
    }

    /// What keeps every start back, whatever it asks for.
    pub fn pause(&self, now: WallMs) -> Option<MachineWait> {
        let crossed = self.crossed.map(|crossed| MachineWait::Pressure {
            crossed,
            again_ms: now.saturating_add(MEASURE_AGAIN_MS),
        });
        crossed.or_else(|| self.room_on_disk((0, 0), now).err())
    }

    /// The same while something more is used.
    pub fn using(&self, more: ResourceAmounts) -> MachineSight {
        MachineSight {
            used: self.used.and(more),
            ..self.clone()
        }
    }
}
