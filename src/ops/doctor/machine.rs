//! The machine: disk, clock, user.

use std::path::Path;

use crate::ops::doctor::{Finding, Patient};

/// Below this a worktree may not fit.
const LITTLE: u64 = 1 << 30;
/// Below this the store itself is in danger.
const NEXT_TO_NOTHING: u64 = 64 << 20;

pub(super) fn look(patient: &Patient<'_>, findings: &mut Vec<Finding>) {
    findings.push(disk(&patient.place.common_dir));
    findings.push(clock(patient));
    if rustix::process::geteuid().is_root() {
        let text = "you are root: agents get your rights, and files they make belong to root";
        findings.push(Finding::warn("user", text).next("work as an ordinary user"));
    }
}

fn disk(dir: &Path) -> Finding {
    let free = match rustix::fs::statvfs(dir) {
        Ok(stat) => stat.f_bavail.saturating_mul(stat.f_frsize),
        Err(error) => return Finding::warn("disk", format!("the free space cannot be seen: {error}")),
    };
    let text = format!("{} MiB free", free >> 20);
    match free {
        0..NEXT_TO_NOTHING => Finding::bad("disk", text).next("free some space before anything else"),
        NEXT_TO_NOTHING..LITTLE => Finding::warn("disk", format!("{text}: a worktree may not fit")),
        _ => Finding::ok("disk", text),
    }
}

fn clock(patient: &Patient<'_>) -> Finding {
    let clock = &patient.now.lease.epoch;
    match clock.split_once('/') {
        Some((boot, namespace)) if !boot.is_empty() && !namespace.is_empty() => {
            Finding::ok("clock", format!("leases live on the boot clock, in {namespace}"))
        }
        _ => Finding::bad(
            "clock",
            "/proc does not tell boot and time namespace, so leases of different containers cannot be told apart",
        )
        .next("mount /proc"),
    }
}
