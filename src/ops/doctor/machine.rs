//! The machine: disk, clock, user.

use std::path::Path;

use crate::base::env;
use crate::base::text::shell_words;
use crate::config::Trees;
use crate::domain::sandbox::SandboxWish;
use crate::ops::daemon_unit::{self, LostService, RepositoryIs};
use crate::ops::doctor::{Finding, Patient};
use crate::ops::project;
use crate::ops::run::sandbox::layer;
use crate::process::cgroup;
use crate::process::sandbox::{PlaceCovering, SandboxLayer};

/// Below this a worktree may not fit.
const LITTLE: u64 = 1 << 30;
/// Below this the store itself is in danger.
const NEXT_TO_NOTHING: u64 = 64 << 20;

pub(super) fn look(patient: &Patient<'_>, findings: &mut Vec<Finding>) {
    findings.push(disk(&patient.place.common_dir));
    findings.push(clock(patient));
    findings.push(sandbox(patient));
    findings.push(processes());
    findings.extend(daemon_unit::lost().into_iter().map(lost_service));
    if rustix::process::geteuid().is_root() {
        let text = "you are root: agents get your rights, and files they make belong to root";
        findings.push(Finding::warn("user", text).next("work as an ordinary user"));
    }
}

/// A service of the user that starts a daemon where nothing is any more, of whatever repository.
fn lost_service(lost: LostService) -> Finding {
    let text = format!(
        "{} starts a daemon, and {} is gone",
        lost.path.display(),
        lost.gone
    );
    let next = match lost.repository_is {
        RepositoryIs::There => format!(
            "`ai daemon install` in a worktree of {} writes it anew",
            lost.repository
        ),
        RepositoryIs::Gone => format!(
            "`{}`, once the service is out of force",
            shell_words(["rm", &lost.path.to_string_lossy()])
        ),
    };
    Finding::warn("daemon", text).next(next)
}

fn disk(dir: &Path) -> Finding {
    let free = match rustix::fs::statvfs(dir) {
        Ok(stat) => stat.f_bavail.saturating_mul(stat.f_frsize),
        Err(error) => {
            return Finding::warn("disk", format!("the free space cannot be seen: {error}"));
        }
    };
    let text = format!("{} MiB free", free >> 20);
    match free {
        0..NEXT_TO_NOTHING => {
            Finding::bad("disk", text).next("free some space before anything else")
        }
        NEXT_TO_NOTHING..LITTLE => Finding::warn("disk", format!("{text}: a worktree may not fit")),
        _ => Finding::ok("disk", text),
    }
}

/// Reports the sandbox that would confine agents. Tries it where no run has yet, and keeps nothing
/// of that.
fn sandbox(patient: &Patient<'_>) -> Finding {
    let wish = match env::text(env::AI_SANDBOX).map(|text| text.parse::<SandboxWish>()) {
        Some(Ok(wish)) => wish,
        Some(Err(why)) => return Finding::bad("sandbox", format!("AI_SANDBOX: {why}")),
        None => {
            let config = patient
                .root
                .and_then(|root| project::config(root, &Trees::none()).ok());
            config.map_or(SandboxWish::Auto, |config| config.runs.sandbox)
        }
    };
    if wish == SandboxWish::None {
        return Finding::warn(
            "sandbox",
            "none, as you asked: agents and checks may do whatever you may",
        );
    }
    let probe = layer::look(&project::state_dir(&patient.place.common_dir), &env::all());
    match probe.layer(wish) {
        Ok(layer) => {
            let nests = if probe.nests(layer.mode()) {
                "; a CLI can make its own sandbox inside"
            } else {
                "; a CLI cannot make its own sandbox inside"
            };
            let sees = match (&layer, probe.covering) {
                (SandboxLayer::Landlock, PlaceCovering::Fails) => {
                    "; an agent can read the store and lease tokens, since no namespace can be made"
                }
                _ => "",
            };
            let mode = layer.mode().as_str();
            Finding::ok("sandbox", format!("{mode}{nests}{sees}; Landlock version {}", probe.landlock))
        }
        Err(why) => Finding::bad("sandbox", format!("none, so nothing runs: {why}"))
            .next("install bubblewrap, or set AI_SANDBOX=none if agents and checks may do whatever you may"),
    }
}

/// Reports the cgroup that would hold the processes of a run. Makes one, and removes it.
fn processes() -> Finding {
    match cgroup::probe() {
        Ok(()) => Finding::ok(
            "processes",
            "each run has a cgroup of its own, which is killed as a whole",
        ),
        Err(why) => Finding::ok(
            "processes",
            format!("runs are ended by their keeper, a child subreaper; no cgroup: {why}"),
        ),
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
