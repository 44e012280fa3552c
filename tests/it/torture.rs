//! Many processes on one store, killed and stopped at random, and everything that must hold all the
//! same.
//!
//! Workers drive the real `ai`, one process an operation, and write down every answer. The store is
//! read while they work and when they have ended; log, tables and answers must agree by a model
//! that shares no code with `ai`. That the checkers see anything at all is shown by mutants: with
//! each planted fault, the same scene must find a broken promise.
//!
//! Deliberately absent: loss of power (a kill leaves the page cache), and speed, which `make bench`
//! measures.

mod answers;
mod fleet;
mod lanes;
mod nemesis;
mod planted;
mod replay;
mod tables;
mod violation;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use answers::Answer;
use fleet::{Fleet, Orders};
use nemesis::Nemesis;
use tables::Reader;
use violation::{Findings, Promise};

use crate::support::{Sandbox, poll};

/// Least number of kills and of acknowledged operations: fewer would say nothing.
const MIN_KILLS: u32 = 150;
const MIN_ANSWERS: usize = 2_000;
/// How long the faults go on at least, and at most on a machine that is too busy for the minima.
const LEAST: Duration = Duration::from_secs(20);
const MOST: Duration = Duration::from_secs(180);
/// How long a planted fault may hide; nearly always it is found in the first seconds.
const HUNT: Duration = Duration::from_secs(40);
/// How long everything may take to end once the faults have stopped: many times the length of a
/// lease.
const DRAIN: Duration = Duration::from_secs(90);
/// Between two looks at the store: rarely where nothing should be found, often where something
/// should.
const LOOK: Duration = Duration::from_secs(2);
const CLOSE_LOOK: Duration = Duration::from_millis(500);
const SHORTEST_TTL: Duration = Duration::from_millis(300);
const LONGEST_TTL: Duration = Duration::from_millis(2_500);
const WORKERS: usize = 16;
const DRAINERS: usize = 6;
const TASKS: usize = 400;
/// New tasks come when fewer than this are left, so that nobody runs out of work. More would only
/// make the end, without faults, longer.
const LOW: usize = 200;

/// One repository under torture.
struct Scene<'a> {
    fleet: Fleet<'a>,
    nemesis: Nemesis,
    watch: Watch<'a>,
}

/// Who looks on, and keeps work coming.
struct Watch<'a> {
    sandbox: &'a Sandbox,
    answers: PathBuf,
    ttl: Duration,
    reader: Reader,
    findings: Findings,
}

impl<'a> Scene<'a> {
    fn set(sandbox: &'a Sandbox, mutant: Option<&'static str>) -> Self {
        let ttl = suitable_ttl(sandbox);
        let fleet = Fleet::new(sandbox, ttl, mutant);
        let (answers, reader) = (fleet.answers(), Reader::open(&sandbox.store()));
        let watch = Watch {
            sandbox,
            answers,
            ttl,
            reader,
            findings: Findings::default(),
        };
        watch.create(TASKS);
        Self {
            fleet,
            nemesis: Nemesis::new(0xA1_5EED, ttl),
            watch,
        }
    }

    /// Faults for one spell, and a look meanwhile.
    fn spell(&mut self, time: Duration) -> Vec<Answer> {
        let Self {
            fleet,
            nemesis,
            watch,
        } = self;
        std::thread::scope(|scope| {
            scope.spawn(|| nemesis.rage(fleet, Instant::now() + time));
            let answers = watch.look();
            watch.keep_going();
            answers
        })
    }

    /// Without faults, everything ends: returns how long that took.
    fn drain(&mut self) -> Duration {
        let begun = Instant::now();
        loop {
            self.fleet.start(DRAINERS, Orders::Drain);
            let fleet = &mut self.fleet;
            poll::until("the drainers have ended", DRAIN, || fleet.all_ended());
            fleet.clear();
            self.watch.unpark();
            self.watch.look();
            let counts = self.watch.reader.counts();
            if counts.keys().eq(["done"].iter()) {
                return begun.elapsed();
            }
            if begun.elapsed() > DRAIN {
                let text = format!("after {:?} without faults: {counts:?}", begun.elapsed());
                self.watch.findings.report(Promise::Alive, text);
                return begun.elapsed();
            }
            // What the last faults have left behind lapses by itself.
            poll::pass(self.watch.ttl / 4);
        }
    }
}

impl Watch<'_> {
    /// Reads answers, then the store, so that every answer must be in it; checks all of it.
    fn look(&mut self) -> Vec<Answer> {
        let answers = answers::read(&self.answers);
        self.reader.look(&mut self.findings);
        let ttl_ms = i64::try_from(self.ttl.as_millis()).unwrap();
        answers::judge(&answers, &self.reader.replay, ttl_ms, &mut self.findings);
        answers
    }

    fn keep_going(&self) {
        self.unpark();
        if self
            .reader
            .counts()
            .get("queued")
            .is_none_or(|left| *left < LOW)
        {
            self.create(TASKS / 2);
        }
    }

    fn create(&self, n: usize) {
        self.sandbox.write("tasks.jsonl", lanes::tasks(n));
        let made = self
            .sandbox
            .ai_json_lines(&["task", "create", "--from", "tasks.jsonl"]);
        assert_eq!(made.len(), n);
    }

    /// What lapsed too often waits for a person, who says that it may go on.
    fn unpark(&self) {
        for task in self
            .sandbox
            .ai_json_lines(&["task", "list", "--status", "blocked"])
        {
            let outcome = self
                .sandbox
                .ai(&["task", "unhold", task["id"].as_str().unwrap()]);
            assert!(matches!(outcome.code, Some(0 | 75)), "{outcome}");
        }
    }

    /// What the command line says in the end agrees with what the log told.
    fn last_words(&mut self) {
        self.reader.integrity(&mut self.findings);
        let verify = self.sandbox.ai(&["log", "verify", "--json"]);
        self.findings
            .check(verify.code == Some(0), Promise::Chain, || {
                verify.to_string()
            });
        let listed = self.sandbox.ai_json_lines(&["task", "list"]);
        let done = listed
            .iter()
            .filter(|task| task["status"] == "done")
            .count();
        let told = self.reader.replay.tasks.len();
        let all = (listed.len(), done) == (told, told);
        self.findings.check(all, Promise::Conserved, || {
            format!("{} listed, {done} done, {told} told", listed.len())
        });
        let events = self.sandbox.ai_json_lines(&["log"]).len() as u64;
        let last = self.reader.replay.last_seq;
        self.findings.check(events == last, Promise::Chain, || {
            format!("{events} events listed, {last} read")
        });
        let locks = self.sandbox.ai_ok(&["lock", "list"]).stdout;
        self.findings.check(locks.is_empty(), Promise::Locks, || {
            format!("still locked: {locks}")
        });
    }

    fn broken(&self) -> bool {
        !self.findings.0.is_empty()
    }

    fn shown(&self) -> String {
        self.findings
            .0
            .iter()
            .take(20)
            .map(|v| format!("  {v}\n"))
            .collect()
    }
}

/// A lease that is short, and still long enough for most work on this machine as busy as it is now:
/// eight times what one write takes among as many as there will be workers.
fn suitable_ttl(sandbox: &Sandbox) -> Duration {
    let write = |_| {
        let begun = Instant::now();
        sandbox.task("a first one", &[]);
        begun.elapsed()
    };
    let several = |_| (0..3).map(write).collect::<Vec<Duration>>();
    let mut times: Vec<Duration> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WORKERS)
            .map(|n| scope.spawn(move || several(n)))
            .collect();
        writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect()
    });
    times.sort_unstable();
    (8 * times[times.len() / 2]).clamp(SHORTEST_TTL, LONGEST_TTL)
}

fn acknowledged(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.is_yes()).count()
}

/// How often each operation ended how, for the record.
fn tally(answers: &[Answer]) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for answer in answers {
        let how = answer
            .code
            .map_or("cut off".to_owned(), |code| code.to_string());
        *tally.entry(format!("{} {how}", answer.op)).or_default() += 1;
    }
    tally
}

#[test]
fn torture_breaks_no_promise() {
    let sandbox = Sandbox::project();
    let mut scene = Scene::set(&sandbox, None);
    scene.fleet.start(WORKERS, Orders::Work);
    let begun = Instant::now();
    let mut acks = 0;
    while !scene.watch.broken() && begun.elapsed() < MOST {
        if begun.elapsed() >= LEAST
            && acks >= MIN_ANSWERS
            && scene.nemesis.faults.kills() >= MIN_KILLS
        {
            break;
        }
        acks = acknowledged(&scene.spell(LOOK));
    }
    let faults_for = begun.elapsed();
    scene.fleet.dismiss();
    let answers = scene.watch.look();
    assert!(
        !scene.watch.broken(),
        "promises broken under faults:\n{}",
        scene.watch.shown()
    );
    let drained = scene.drain();
    scene.watch.last_words();
    let (faults, replay) = (scene.nemesis.faults, &scene.watch.reader.replay);
    eprintln!(
        "leases of {:?}, faults for {faults_for:.1?}: {faults:?}; {acks} acknowledged: {:?}; {} tasks, drained in {drained:.1?}; {} events",
        scene.watch.ttl,
        tally(&answers),
        replay.tasks.len(),
        replay.last_seq,
    );
    assert!(
        !scene.watch.broken(),
        "promises broken:\n{}",
        scene.watch.shown()
    );
    assert!(
        faults.kills() >= MIN_KILLS && acks >= MIN_ANSWERS,
        "too little was tried: {faults:?}, {acks} acknowledged"
    );
    assert!(
        tally(&answers).get("done 7").is_some_and(|n| *n > 0),
        "nobody came too late, so fencing was not tried"
    );
}

/// Runs the scene with a planted fault until a promise is seen broken that this fault breaks.
fn hunt(mutant: &'static str, breaks: &[Promise]) {
    let sandbox = Sandbox::project();
    let mut scene = Scene::set(&sandbox, Some(mutant));
    scene.fleet.start(WORKERS, Orders::Work);
    let begun = Instant::now();
    while begun.elapsed() < HUNT {
        scene.spell(CLOSE_LOOK);
        if let Some(found) = scene
            .watch
            .findings
            .0
            .iter()
            .find(|v| breaks.contains(&v.promise))
        {
            eprintln!("{mutant}: seen after {:.1?}: {found}", begun.elapsed());
            scene.fleet.dismiss();
            return;
        }
    }
    panic!(
        "{mutant} was not caught in {HUNT:?}; seen was only:\n{}",
        scene.watch.shown()
    );
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
    hunt("second-transaction", &[Promise::Whole, Promise::Decided]);
}
