//! What the workers were told, held against what the log says: no answer is lost, no stale token
//! has ever passed.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;

use super::replay::{Ending, Replay};
use super::violation::{Findings, Promise};

/// How far apart two looks at the wall clock of one machine may seem.
const SLACK_MS: i64 = 50;

/// One finished operation of a worker.
#[derive(Clone, Debug, Deserialize)]
pub struct Answer {
    /// `claim`, `heartbeat`, `done` or `release`.
    pub op: String,
    /// About which task; absent where a claim got none.
    pub task: Option<String>,
    /// Under which grant.
    pub epoch: Option<u64>,
    /// Wall clock before the process was started.
    pub start: i64,
    /// Wall clock after it had ended.
    pub end: i64,
    /// Exit code; `None` where a signal ended it, so that nobody knows what it has done.
    pub code: Option<i32>,
    /// What was on stderr, where it gave no answer.
    #[serde(default)]
    pub said: Option<String>,
    /// Whose file it stands in.
    #[serde(skip)]
    pub worker: String,
}

impl Answer {
    /// True where the operation was acknowledged: exit 0 with an answer that could be read.
    pub fn is_yes(&self) -> bool {
        self.code == Some(0) && self.said.is_none()
    }
}

/// Reads every worker's file. A last line that a kill has cut off was never acknowledged to
/// anybody.
pub fn read(dir: &Path) -> Vec<Answer> {
    let mut answers = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let worker = format!("human:{}", path.file_stem().unwrap().to_str().unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
        {
            let answer: Answer = serde_json::from_str(line).unwrap();
            answers.push(Answer {
                worker: worker.clone(),
                ..answer
            });
        }
    }
    answers.sort_by_key(|answer| (answer.start, answer.end));
    answers
}

/// Holds every answer against the log. `ttl_ms` is the length of each lease.
pub fn judge(answers: &[Answer], replay: &Replay, ttl_ms: i64, findings: &mut Findings) {
    let mut owners: HashMap<(&str, u64), &str> = HashMap::new();
    let mut renewed: HashMap<(&str, u64), &Answer> = HashMap::new();
    for answer in answers {
        exits(answer, findings);
        let (Some(task), Some(epoch)) = (answer.task.as_deref(), answer.epoch) else {
            continue;
        };
        let key = (task, epoch);
        if answer.is_yes() {
            let owner = owners.entry(key).or_insert(&answer.worker);
            let one = *owner == answer.worker;
            findings.check(one, Promise::OneHolder, || {
                format!(
                    "{task}.{epoch} was given to {owner} and to {}",
                    answer.worker
                )
            });
            logged(answer, task, epoch, replay, findings);
        }
        if let Some(before) = renewed.get(&key) {
            in_time(answer, before, ttl_ms, findings);
        }
        if answer.is_yes() && matches!(answer.op.as_str(), "claim" | "heartbeat") {
            renewed.insert(key, answer);
        }
    }
    for ((task, epoch), last) in renewed {
        not_robbed(task, epoch, last.start + ttl_ms, replay, findings);
    }
}

/// 3: nothing to claim; 4: locked, or claimed by somebody faster; 7: the lease is lost; 75: no turn
/// in half a minute.
fn exits(answer: &Answer, findings: &mut Findings) {
    let expected = match (answer.op.as_str(), answer.code) {
        (_, None) => true,
        (_, Some(0)) => answer.said.is_none(),
        (_, Some(75)) => true,
        ("claim", Some(code)) => matches!(code, 3 | 4),
        (_, Some(code)) => code == 7,
    };
    findings.check(expected, Promise::Exit, || {
        format!(
            "{} ended with {:?}: {:?}",
            answer.op, answer.code, answer.said
        )
    });
}

/// What was acknowledged stands in the log, under this worker's name.
fn logged(answer: &Answer, task: &str, epoch: u64, replay: &Replay, findings: &mut Findings) {
    let what = || {
        format!(
            "{} of {task}.{epoch} by {} at {}..{}",
            answer.op, answer.worker, answer.start, answer.end
        )
    };
    let Some(grant) = replay.grant(task, epoch) else {
        return findings.report(
            Promise::Answered,
            format!("the log has no grant for the {}", what()),
        );
    };
    findings.check(grant.holder == answer.worker, Promise::OneHolder, || {
        format!("{}, but {} holds it", what(), grant.holder)
    });
    let wanted = match answer.op.as_str() {
        "done" => Some(Ending::Done),
        "release" => Some(Ending::Released),
        _ => None,
    };
    match (&grant.end, wanted) {
        (Some(end), Some(wanted)) => {
            let same = end.how == wanted && end.by == answer.worker;
            findings.check(same, Promise::Fencing, || {
                format!("{} was accepted, but the lease had ended: {end:?}", what())
            });
        }
        (None, Some(_)) => findings.report(
            Promise::Answered,
            format!("the log does not have the {}", what()),
        ),
        (Some(end), None) => {
            let alive = answer.start <= end.at_ms + SLACK_MS;
            findings.check(alive, Promise::Fencing, || {
                format!("{} was accepted after its end: {end:?}", what())
            });
        }
        (None, None) => {}
    }
}

/// Nothing is accepted that began after the lease had surely lapsed, and nothing refused that ended
/// while it surely lived.
fn in_time(answer: &Answer, before: &Answer, ttl_ms: i64, findings: &mut Findings) {
    let (dead_from, alive_until) = (
        before.end + ttl_ms + SLACK_MS,
        before.start + ttl_ms - SLACK_MS,
    );
    let late = answer.is_yes() && answer.start > dead_from;
    findings.check(!late, Promise::Fencing, || {
        format!("accepted on a lapsed lease: {answer:?} after {before:?}")
    });
    let robbed = answer.code == Some(7) && answer.end < alive_until;
    findings.check(!robbed, Promise::Fencing, || {
        format!("refused on a live lease: {answer:?} after {before:?}")
    });
}

/// A lease that surely lived until `alive_until` was neither declared lapsed before that, nor were
/// its paths given to others.
fn not_robbed(task: &str, epoch: u64, alive_until: i64, replay: &Replay, findings: &mut Findings) {
    let Some(grant) = replay.grant(task, epoch) else {
        return;
    };
    let until = alive_until - SLACK_MS;
    if let Some(end) = grant.end.as_ref().filter(|end| end.how == Ending::Lapsed) {
        findings.check(end.at_ms >= until, Promise::OneHolder, || {
            format!(
                "{task}.{epoch} lived until {until} at least, and was taken away at {}",
                end.at_ms
            )
        });
    }
    let live = |at_ms: i64| at_ms < until && grant.end.as_ref().is_none_or(|end| at_ms < end.at_ms);
    for crossing in grant.crossed.iter().filter(|crossing| live(crossing.at_ms)) {
        let text = format!(
            "{task}.{epoch} and {} held meeting paths at {}",
            crossing.by, crossing.at_ms
        );
        findings.report(Promise::Locks, text);
    }
}
