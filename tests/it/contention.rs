//! Many processes that want the same store at once: each gets its turn, none gets another's task,
//! and nobody is told about locks inside the database. Only correctness and a wide margin of
//! fairness are asserted; figures are printed, and `make bench` judges them.

use std::collections::HashSet;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::support::{Outcome, Sandbox, run};

const CLAIMERS: usize = 32;
const TASKS: usize = 500;

/// One claim: how long it took and what came of it.
struct Try {
    took: Duration,
    outcome: Outcome,
}

fn attempt(sandbox: &Sandbox, args: &[&str], name: &str) -> Try {
    let mut command = sandbox.ai_command(args);
    let begun = Instant::now();
    let outcome = run(command.args(["--json", "--as", name]));
    Try {
        took: begun.elapsed(),
        outcome,
    }
}

/// What a claimer got.
#[derive(Default)]
struct Got {
    wins: Vec<Try>,
    /// How often it was told to try later, after half a minute without its turn.
    turned_away: usize,
}

/// Claims until the queue is empty.
fn claim_all(sandbox: &Sandbox, name: &str) -> Got {
    let mut got = Got::default();
    loop {
        let one = attempt(sandbox, &["task", "claim", "--next"], name);
        let words = one.outcome.to_string();
        assert!(!words.contains("database is locked"), "{words}");
        match one.outcome.code {
            Some(0) => got.wins.push(one),
            Some(75) => got.turned_away += 1,
            Some(3) => return got,
            _ => panic!("{words}"),
        }
    }
}

/// Runs `work` for `n` claimers that all begin at once.
fn at_once<T: Send>(n: usize, work: impl Fn(&str) -> T + Sync) -> Vec<T> {
    let (start, work) = (&Barrier::new(n), &work);
    std::thread::scope(|scope| {
        let go = |n: usize| {
            move || {
                start.wait();
                work(&format!("agent:c{n:02}"))
            }
        };
        let claimers: Vec<_> = (0..n).map(|n| scope.spawn(go(n))).collect();
        claimers
            .into_iter()
            .map(|claimer| claimer.join().unwrap())
            .collect()
    })
}

fn create(sandbox: &Sandbox, n: usize) {
    let tasks: String = (0..n)
        .map(|n| format!("{{\"title\":\"task {n}\"}}\n"))
        .collect();
    sandbox.write("tasks.jsonl", tasks);
    sandbox.ai_ok(&["task", "create", "--from", "tasks.jsonl"]);
}

/// The value below which `share` of all lie.
fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index into the slice"
    )]
    let at = ((times.len() - 1) as f64 * share).round() as usize;
    times[at]
}

#[test]
fn stress_a_queue_is_shared_out_to_many_claimers() {
    let alone = Sandbox::project();
    create(&alone, 20);
    let mut floor: Vec<Duration> = claim_all(&alone, "agent:alone")
        .wins
        .iter()
        .map(|one| one.took)
        .collect();
    let floor = quantile(&mut floor, 0.5);

    // A store that starves somebody does so every time; a machine that is busy with other things,
    // now and then.
    let fair = (0..3).any(|_| share_out(floor));
    assert!(
        fair,
        "in each of three rounds, somebody was turned away or got less than a quarter of the mean"
    );
}

/// Lets all claimers loose on a fresh queue. True where none was turned away and none got less than
/// a quarter of the mean.
fn share_out(floor: Duration) -> bool {
    let sandbox = Sandbox::project();
    create(&sandbox, TASKS);
    let claimers = at_once(CLAIMERS, |name| claim_all(&sandbox, name));

    let all: Vec<&Try> = claimers.iter().flat_map(|got| &got.wins).collect();
    let won: HashSet<String> = all
        .iter()
        .map(|one| one.outcome.json()["task"]["id"].to_string())
        .collect();
    assert_eq!(
        (all.len(), won.len()),
        (TASKS, TASKS),
        "claims won, and tasks among them"
    );
    let listed = sandbox.ai_json_lines(&["task", "list", "--status", "claimed"]);
    assert_eq!(listed.len(), TASKS);
    sandbox.ai_ok(&["log", "verify"]);

    let mut times: Vec<Duration> = all.iter().map(|one| one.took).collect();
    let (p50, p99) = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
    let wins: Vec<usize> = claimers.iter().map(|got| got.wins.len()).collect();
    let turned_away: usize = claimers.iter().map(|got| got.turned_away).sum();
    let (least, most) = (wins.iter().min().unwrap(), wins.iter().max().unwrap());
    eprintln!(
        "{CLAIMERS} claimers: p50 {p50:.1?}, p99 {p99:.1?} ({:.0} x one alone, {floor:.1?}); wins from {least} to {most}; \
         {turned_away} turned away",
        p99.as_secs_f64() / floor.as_secs_f64()
    );
    turned_away == 0 && least * 4 * CLAIMERS >= TASKS
}
