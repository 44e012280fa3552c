//! Many processes on one store, killed and stopped at random, and everything that must hold all the same.
//!
//! Workers drive the real `ai`, one process an operation, and write down every answer. The store is read while they work and when they
//! have ended; log, tables and answers must agree by a model that shares no code with `ai`. That the checkers see anything at all
//! is shown by mutants: with each planted fault, the same scene must find a broken promise.
//!
//! Deliberately absent: loss of power (a kill leaves the page cache), and speed, which `make bench` measures.

mod answers;
mod fleet;
mod lanes;
mod nemesis;
mod planted;
mod replay;
mod tables;
mod violation;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use answers::Answer;
use fleet::{Fleet, Orders};
use nemesis::Nemesis;
use tables::Reader;
use violation::{Findings, Promise};

use crate::support::Sandbox;

/// Least number of kills and of acknowledged operations: fewer would say nothing.
const MIN_KILLS: u32 = 150;
const MIN_ANSWERS: usize = 2_000;
/// How long the faults go on at least, and at most on a machine that is too slow for the minima.
const LEAST: Duration = Duration::from_secs(20);
const MOST: Duration = Duration::from_secs(60);
/// How long everything may take to end once the faults have stopped: many times the length of a lease.
const DRAIN: Duration = Duration::from_secs(90);
/// Between two looks at the store.
const LOOK: Duration = Duration::from_millis(1_000);
/// So short that many leases lapse, and long enough that most work ends in time on a busy machine.
const TTL_MS: u64 = 800;
const WORKERS: usize = 16;
const DRAINERS: usize = 6;
const TASKS: usize = 1_000;
/// New tasks come when fewer than this are left, so that nobody runs out of work.
const LOW: usize = 100;

/// One repository under torture.
struct Scene<'a> {
    sandbox: &'a Sandbox,
    ttl_ms: u64,
    fleet: Fleet<'a>,
    reader: Reader,
    nemesis: Nemesis,
    findings: Findings,
}

impl<'a> Scene<'a> {
    fn set(sandbox: &'a Sandbox, ttl_ms: u64, mutant: Option<&'static str>) -> Self {
        let mut scene = Self {
            sandbox,
            ttl_ms,
            fleet: Fleet::new(sandbox, ttl_ms, mutant),
            reader: Reader::open(&sandbox.store()),
            nemesis: Nemesis::new(0xA1_5EED, Duration::from_millis(ttl_ms)),
            findings: Findings::default(),
        };
        scene.create(TASKS);
        scene
    }

    fn create(&mut self, n: usize) {
        self.sandbox.write("tasks.jsonl", lanes::tasks(n));
        let made = self.sandbox.ai_json_lines(&["task", "create", "--from", "tasks.jsonl"]);
        assert_eq!(made.len(), n);
    }

    /// Reads answers, then the store, so that every answer must be in it; checks all of it.
    fn look(&mut self) -> Vec<Answer> {
        let answers = answers::read(&self.fleet.answers());
        self.reader.look(&mut self.findings);
        answers::judge(&answers, &self.reader.replay, self.ttl_ms.cast_signed(), &mut self.findings);
        answers
    }

    /// Faults for one spell, then a look; keeps work coming.
    fn spell(&mut self) -> Vec<Answer> {
        self.nemesis.rage(&mut self.fleet, Instant::now() + LOOK);
        let answers = self.look();
        self.unpark();
        if self.reader.counts().get("queued").is_none_or(|left| *left < LOW) {
            self.create(TASKS / 5);
        }
        answers
    }

    /// What lapsed too often waits for a person, who says that it may go on.
    fn unpark(&self) {
        for task in self.sandbox.ai_json_lines(&["task", "list", "--status", "blocked"]) {
            self.sandbox.ai_ok(&["task", "unhold", task["id"].as_str().unwrap()]);
        }
    }

    /// Without faults, everything ends: returns how long that took.
    fn drain(&mut self, bound: Duration) -> Duration {
        let begun = Instant::now();
        loop {
            self.fleet.start(DRAINERS, Orders::Drain);
            let fleet = &mut self.fleet;
            let ended = crate::support::poll::within(bound, || fleet.all_ended());
            assert!(ended, "drainers are still at work after {bound:?}");
            fleet.clear();
            self.unpark();
            self.look();
            let counts = self.reader.counts();
            if counts.keys().eq(["done"].iter()) {
                return begun.elapsed();
            }
            if begun.elapsed() > bound {
                self.findings.report(Promise::Alive, format!("after {:?} without faults: {counts:?}", begun.elapsed()));
                return begun.elapsed();
            }
            // What the last faults have left behind lapses by itself.
            crate::support::poll::pass(Duration::from_millis(self.ttl_ms / 4));
        }
    }

    /// What the command line says in the end agrees with what the log told.
    fn last_words(&mut self) {
        self.reader.integrity(&mut self.findings);
        let verify = self.sandbox.ai(&["log", "verify", "--json"]);
        self.findings.check(verify.code == Some(0), Promise::Chain, || verify.to_string());
        let listed = self.sandbox.ai_json_lines(&["task", "list"]);
        let done = listed.iter().filter(|task| task["status"] == "done").count();
        let told = self.reader.replay.tasks.len();
        let all = (listed.len(), done) == (told, told);
        self.findings.check(all, Promise::Conserved, || format!("{} listed, {done} done, {told} told", listed.len()));
        let events = self.sandbox.ai_json_lines(&["log"]).len() as u64;
        let last = self.reader.replay.last_seq;
        self.findings.check(events == last, Promise::Chain, || format!("{events} events listed, {last} read"));
        let locks = self.sandbox.ai_ok(&["lock", "list"]).stdout;
        self.findings.check(locks.is_empty(), Promise::Locks, || format!("still locked: {locks}"));
    }
}

fn acknowledged(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.is_yes()).count()
}

/// How often each operation ended how, for the record.
fn tally(answers: &[Answer]) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for answer in answers {
        let how = answer.code.map_or("cut off".to_owned(), |code| code.to_string());
        *tally.entry(format!("{} {how}", answer.op)).or_default() += 1;
    }
    tally
}

fn shown(findings: &Findings) -> String {
    findings.0.iter().take(20).map(|v| format!("  {v}\n")).collect()
}

#[test]
fn torture_breaks_no_promise() {
    let sandbox = Sandbox::project();
    let mut scene = Scene::set(&sandbox, TTL_MS, None);
    scene.fleet.start(WORKERS, Orders::Work);
    let begun = Instant::now();
    let enough = |scene: &Scene<'_>, answers: &[Answer]| {
        scene.nemesis.faults.kills() >= MIN_KILLS && acknowledged(answers) >= MIN_ANSWERS
    };
    loop {
        let answers = scene.spell();
        let elapsed = begun.elapsed();
        if elapsed >= MOST || elapsed >= LEAST && enough(&scene, &answers) || !scene.findings.0.is_empty() {
            break;
        }
    }
    let faults_for = begun.elapsed();
    scene.fleet.dismiss();
    let faulty = scene.look();
    assert!(scene.findings.0.is_empty(), "promises broken under faults:\n{}", shown(&scene.findings));
    let drained = scene.drain(DRAIN);
    scene.last_words();
    let (faults, acks) = (scene.nemesis.faults, acknowledged(&faulty));
    eprintln!(
        "{:.1} s of faults: {faults:?}; {acks} acknowledged: {:?}; {} tasks drained in {:.1} s; {} events",
        faults_for.as_secs_f32(),
        tally(&faulty),
        scene.reader.replay.tasks.len(),
        drained.as_secs_f32(),
        scene.reader.replay.last_seq,
    );
    assert!(scene.findings.0.is_empty(), "promises broken:\n{}", shown(&scene.findings));
    assert!(
        faults.kills() >= MIN_KILLS && acks >= MIN_ANSWERS,
        "too little was tried: {faults:?}, {acks} acknowledged"
    );
    assert!(tally(&faulty).get("done 7").is_some_and(|n| *n > 0), "nobody came too late, so fencing was not tried");
}

/// Runs the scene with a planted fault until a promise is seen broken that this fault breaks.
fn hunt(mutant: &'static str, breaks: &[Promise]) {
    let sandbox = Sandbox::project();
    let mut scene = Scene::set(&sandbox, 400, Some(mutant));
    scene.fleet.start(WORKERS, Orders::Work);
    let begun = Instant::now();
    while begun.elapsed() < LEAST {
        scene.spell();
        if let Some(found) = scene.findings.0.iter().find(|v| breaks.contains(&v.promise)) {
            eprintln!("{mutant}: seen after {:.1} s: {found}", begun.elapsed().as_secs_f32());
            scene.fleet.dismiss();
            return;
        }
    }
    panic!("{mutant} was not caught in {LEAST:?}; seen was only:\n{}", shown(&scene.findings));
}

#[test]
fn torture_catches_a_store_that_does_not_check_tokens() {
    hunt("no-token-check", &[Promise::Fencing]);
}

#[test]
fn torture_catches_a_claim_that_does_not_look_again() {
    hunt("read-then-claim", &[Promise::OneHolder]);
}

#[test]
fn torture_catches_an_end_in_two_transactions() {
    hunt("second-transaction", &[Promise::Whole, Promise::OneEnd]);
}
