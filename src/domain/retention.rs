//! How long the output of agents is kept: by age, by number of runs, by size. Whoever looks finds out what is there;
//! what proves work is never asked about here.

use std::time::Duration;

use serde::Serialize;

use crate::base::duration;
use crate::base::text::counted;
use crate::domain::ids::RunId;
use crate::domain::pruning::Fate;
use crate::domain::run::Run;
use crate::domain::task::Task;
use crate::domain::time::WallMs;

/// Output of a run that ended less than this ago stays whatever the limits say, in milliseconds.
const FRESH_MS: i64 = 24 * 3600 * 1000;

/// Limits on the output of agents that is kept: the section `retention` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retention {
    /// The age from which on output may go, counted from the end of the run; default 90 days.
    #[serde(serialize_with = "duration::as_text")]
    pub age: Duration,
    /// Most runs that keep their output; default without limit.
    pub runs: Option<u32>,
    /// Most output of all runs together, in MiB; default 4096.
    pub size_mb: Option<u32>,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            age: Duration::from_secs(90 * 24 * 3600),
            runs: None,
            size_mb: Some(4096),
        }
    }
}

/// The output of the agent of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOutput {
    /// The run.
    pub run: RunId,
    /// The time at which it ended, in milliseconds since 1970; absent while it is at work.
    pub ended_ms: Option<WallMs>,
    /// The size on the disk, in bytes.
    pub bytes: u64,
    /// The reason why it has to stay; absent where it may go.
    pub held: Option<String>,
}

/// Says why the output of a run has to stay whatever its age: the run is at work, or its task has not ended.
pub fn held(run: &Run, task: Option<&Task>) -> Option<String> {
    if run.end.is_none() {
        return Some("the run is at work".to_owned());
    }
    match task {
        None => Some(format!("the store knows no task {}", run.task)),
        Some(task) if !task.state.is_final() => Some(format!("its task is {}", task.status_text())),
        Some(_) => None,
    }
}

/// Decides about the output of each run, in the order of `all`. The newest is kept first; what has to stay counts
/// as well, so that a limit is one on everything.
pub fn fates(all: &[RunOutput], limits: &Retention, now_ms: WallMs) -> Vec<Fate> {
    let mut newest_first: Vec<usize> = (0..all.len()).collect();
    newest_first.sort_by_key(|&at| {
        let ended = all[at].ended_ms.unwrap_or(i64::MAX);
        (std::cmp::Reverse(ended), &all[at].run)
    });
    let mut kept = Kept::default();
    let mut fates: Vec<Option<Fate>> = vec![None; all.len()];
    for at in newest_first {
        let one = &all[at];
        let fate = fate(one, &mut kept, limits, now_ms);
        if matches!(fate, Fate::Stays(_)) {
            kept.runs += 1;
            kept.bytes = kept.bytes.saturating_add(one.bytes);
        }
        fates[at] = Some(fate);
    }
    fates.into_iter().flatten().collect()
}

/// The output that stays so far.
#[derive(Default)]
struct Kept {
    runs: u64,
    bytes: u64,
    /// True once the size was too much: what is older does not stay because it happens to be small.
    is_full: bool,
}

fn fate(one: &RunOutput, kept: &mut Kept, limits: &Retention, now_ms: WallMs) -> Fate {
    if let Some(why) = &one.held {
        return Fate::Stays(why.clone());
    }
    let Some(ended_ms) = one.ended_ms else {
        return Fate::Stays("the run is at work".to_owned());
    };
    // An end that lies ahead is one by another clock.
    let age_ms = now_ms.saturating_sub(ended_ms);
    if age_ms < FRESH_MS {
        return Fate::Stays("its run ended less than a day ago".to_owned());
    }
    let most_ms = i64::try_from(limits.age.as_millis()).unwrap_or(i64::MAX);
    if age_ms >= most_ms {
        let age = duration::format(limits.age);
        return Fate::Goes(format!("its run ended more than {age} ago"));
    }
    if let Some(most) = limits.runs.filter(|most| kept.runs >= u64::from(*most)) {
        let newer = counted(most, "newer run");
        return Fate::Goes(format!("{newer} may keep their output"));
    }
    if let Some(most) = limits.size_mb {
        let with_it = kept.bytes.saturating_add(one.bytes);
        kept.is_full |= with_it > u64::from(most) << 20;
        if kept.is_full {
            return Fate::Goes(format!("with newer output it is more than {most} MiB"));
        }
    }
    Fate::Stays("it is within the limits".to_owned())
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
