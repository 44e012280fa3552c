//! A worker of the torture test: takes tasks through the real `ai`, one process an operation, and
//! writes down what it was told.
//!
//! Usage: `ai-torture-worker AI NAME LOG TTL_MS SEED work|drain`, in the repository. Each line of
//! LOG is one finished operation, written when its answer is there: what was asked, when the call
//! began and ended, and its exit code (`null` where a signal ended it). An operation that was
//! refused or cut off, or that gave no answer, also tells what was said on stderr. The worker
//! judges nothing. It runs until it is killed; a drainer ends when nothing can be claimed.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a fake for tests: a worker that cannot work must fail loudly"
)]

#[path = "../it/support/poll.rs"]
#[allow(dead_code, reason = "only one of its ways to wait is used here")]
mod poll;

use std::fs::File;
use std::io::Write;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// Exit code of an empty queue.
const NOTHING_READY: i32 = 3;
/// Exit code of a queue in which every ready task's paths are locked.
const ALL_LOCKED: i32 = 4;

struct Worker {
    ai: String,
    name: String,
    log: File,
    ttl_ms: u64,
    random: u64,
}

/// What is held.
struct Grant {
    task: String,
    epoch: u64,
    token: String,
}

/// What a holder does with a task; the odds are in [`Worker::work`].
enum Plan {
    Finish,
    GiveBack,
    /// Says nothing until the lease has lapsed, then goes on as if nothing had happened.
    Oversleep,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [ai, name, log, ttl_ms, seed, mode] = args.as_slice() else {
        panic!("usage: ai-torture-worker AI NAME LOG TTL_MS SEED work|drain");
    };
    let mut worker = Worker {
        ai: ai.clone(),
        name: format!("human:{name}"),
        log: File::options().create(true).append(true).open(log).unwrap(),
        ttl_ms: ttl_ms.parse().unwrap(),
        random: seed.parse::<u64>().unwrap() | 1,
    };
    match mode.as_str() {
        "work" => worker.work(),
        "drain" => worker.drain(),
        other => panic!("no such mode: {other}"),
    }
}

impl Worker {
    fn work(&mut self) -> ! {
        loop {
            let Some(grant) = self.claim().0 else {
                self.pause(20);
                continue;
            };
            let plan = match self.below(100) {
                0..15 => Plan::Oversleep,
                15..25 => Plan::GiveBack,
                _ => Plan::Finish,
            };
            // A step that was refused or cut off ends the attempt, as it would for an agent.
            let _ = self.attempt(&grant, &plan);
        }
    }

    fn attempt(&mut self, grant: &Grant, plan: &Plan) -> Option<()> {
        for _ in 0..self.below(4) {
            self.pause(self.ttl_ms / 40);
            self.under("heartbeat", grant)?;
        }
        match plan {
            Plan::Finish => self.under("done", grant),
            Plan::GiveBack => self.under("release", grant),
            Plan::Oversleep => {
                self.pause(self.ttl_ms + self.ttl_ms / 4);
                let stale = if self.below(3) == 0 {
                    "heartbeat"
                } else {
                    "done"
                };
                self.under(stale, grant)
            }
        }
    }

    fn drain(&mut self) {
        loop {
            match self.claim() {
                (Some(grant), _) => drop(self.under("done", &grant)),
                (None, Some(NOTHING_READY | ALL_LOCKED)) => return,
                (None, _) => {}
            }
        }
    }

    /// Claims what comes next, or now and then one of the ready tasks by its id, as somebody who
    /// has looked at the list would.
    fn claim(&mut self) -> (Option<Grant>, Option<i32>) {
        let ttl = format!("{}ms", self.ttl_ms);
        let chosen = if self.below(8) == 0 {
            self.choose()
        } else {
            None
        };
        let which = chosen.as_deref().unwrap_or("--next");
        let (answer, code) = self.call("claim", None, &["claim", which, "--ttl", &ttl]);
        let grant = answer.map(|answer| Grant {
            task: text(&answer["task"]["id"]),
            epoch: answer["lease"]["epoch"].as_u64().unwrap(),
            token: text(&answer["lease"]["token"]),
        });
        (grant, code)
    }

    fn choose(&mut self) -> Option<String> {
        let output = Command::new(&self.ai)
            .args(["task", "ready", "-n", "40", "--json"])
            .output()
            .unwrap();
        let ready = String::from_utf8_lossy(&output.stdout).into_owned();
        let tasks: Vec<Value> = ready
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let n = self.below(40);
        tasks
            .get(usize::try_from(n).unwrap())
            .map(|task| text(&task["id"]))
    }

    /// An operation under a token; `Some` where it was accepted.
    fn under(&mut self, verb: &str, grant: &Grant) -> Option<()> {
        let mut args = vec![verb, &grant.task, "--lease", &grant.token];
        if verb == "done" {
            args.extend(["--override", "torture"]);
        }
        self.call(verb, Some(grant), &args).0.map(drop)
    }

    /// Runs `ai task …`, writes its line, and returns its answer where it was accepted.
    fn call(
        &mut self,
        op: &str,
        grant: Option<&Grant>,
        args: &[&str],
    ) -> (Option<Value>, Option<i32>) {
        let start = now_ms();
        let output = Command::new(&self.ai)
            .arg("task")
            .args(args)
            .args(["--json", "--as", &self.name])
            .output()
            .unwrap();
        let end = now_ms();
        let code = output.status.code();
        let mut line = json!({ "op": op, "start": start, "end": end, "code": code });
        if let Some(grant) = grant {
            (line["task"], line["epoch"]) = (grant.task.as_str().into(), grant.epoch.into());
        }
        let answer = match code {
            Some(0) => serde_json::from_slice::<Value>(&output.stdout).ok(),
            _ => None,
        };
        match &answer {
            Some(answer) if op == "claim" => {
                (line["task"], line["epoch"]) = (
                    answer["task"]["id"].clone(),
                    answer["lease"]["epoch"].clone(),
                );
            }
            Some(_) => {}
            // Also where the exit code says yes and there is no answer with it.
            None => line["said"] = String::from_utf8_lossy(&output.stderr).into(),
        }
        self.log.write_all(format!("{line}\n").as_bytes()).unwrap();
        (answer, code)
    }

    fn pause(&self, ms: u64) {
        poll::pass(Duration::from_millis(ms));
    }

    /// A number below `n`, by xorshift.
    fn below(&mut self, n: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % n
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn now_ms() -> i64 {
    i64::try_from(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_millis(),
    )
    .unwrap()
}
