//! Runs in a storm of `kill -9`: at the supervisor, at the agent, at what the agent started, at `ai`
//! and its keepers together; of supervisors that are stopped; and of accepts that are killed. Nothing
//! of them lives on, no edit that the agent made is lost, no lock stays, and every task comes to its
//! end.
//!
//! What goes against this is counted and named, all of it: of a storm as long as one likes
//! (`make storm ROUNDS=300 MODE=landlock`) one wants to know how often.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use crate::support::runs::{Background, GOOD, PATIENCE, keepers_of, processes_of};
use crate::support::{Sandbox, poll};

/// How long anything may live on after its run.
const ORPHAN: Duration = Duration::from_secs(5);
/// The length of a lease, as the scene's configuration says.
const TTL: Duration = Duration::from_secs(6);

/// Makes edits and says so after each; leaves a child in a session of its own that does not end by
/// being asked.
const WORKER: &str = "cat >/dev/null; (setsid sh -c 'trap \"\" TERM; sleep 600' &)
for n in 1 2 3; do echo $AI_RUN > edit-$AI_RUN-$n.txt && echo edit-$AI_RUN-$n.txt >> \"$BASE/acks/list\"; sleep 0.05; done
echo work > work.txt";

/// Numbers that look random and are the same in every run of the test.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n
    }
}

/// The number of runs in a storm.
fn rounds() -> usize {
    std::env::var("AI_STORM_ROUNDS").map_or(12, |text| text.parse().unwrap())
}

/// The only layer that is wanted, where somebody asked for one.
fn wanted() -> Option<String> {
    std::env::var("AI_STORM_MODE").ok()
}

/// How much a storm struck, and what it should have left alone, by name.
#[derive(Default)]
struct Toll {
    runs: usize,
    accepts: usize,
    /// Processes that lived longer than they may.
    processes: Vec<String>,
    /// Edits that stand nowhere.
    edits: Vec<String>,
    /// What nobody gets past: locks of Git, leases, runs, tasks.
    locks: Vec<String>,
}

impl Toll {
    /// Waits for the end of everything that a run started; what stays is counted, and ended.
    fn count_processes(&mut self, id: &str, bound: Duration) {
        if poll::within(bound, || processes_of(id).is_empty()) {
            return;
        }
        let left = processes_of(id);
        let pids: Vec<String> = left
            .iter()
            .map(|line| line.split(' ').next().unwrap().to_owned())
            .collect();
        send("KILL", &pids);
        self.processes
            .extend(left.iter().map(|line| format!("{id}: {line}")));
    }
}

impl fmt::Display for Toll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [&self.processes, &self.edits, &self.locks];
        write!(
            f,
            "{} runs and {} accepts struck; left {}/{}/{} (processes, lost edits, stuck locks)",
            self.runs,
            self.accepts,
            kinds[0].len(),
            kinds[1].len(),
            kinds[2].len()
        )?;
        kinds
            .into_iter()
            .flatten()
            .try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// Lets a run begin, and kills something of it: one time in four at any moment, else once the agent
/// has made an edit.
fn strike(scene: &Sandbox, layer: &str, id: &str, (dice, toll): (&mut Dice, &mut Toll)) {
    toll.runs += 1;
    let mut command = scene.start_with(&["run", id], &[("AI_SANDBOX", layer)]);
    if dice.below(4) > 0 {
        let worked = || acked(scene).contains(id);
        poll::until("an edit is made", PATIENCE, || {
            worked() || command.is_over()
        });
    }
    poll::pass(Duration::from_millis(
        u64::try_from(dice.below(250)).unwrap(),
    ));
    match dice.below(8) {
        0 => return stand_still(scene, id, command, toll),
        1..4 => kill_all(&command, id),
        _ => kill_one(&command, id, dice),
    }
    command.wait();
    if layer == "none" && !rustix::process::geteuid().is_root() {
        // Where nobody may make a pid namespace, what the agent had started is ended by the next
        // command.
        scene.ai_ok(&["recover"]);
    }
    toll.count_processes(id, ORPHAN);
}

/// What is hit may have ended by itself meanwhile, and then this run is one without a kill.
fn send(signal: &str, pids: &[String]) {
    let _ = std::process::Command::new("kill")
        .args(["-s", signal])
        .args(pids)
        .stderr(std::process::Stdio::null())
        .status();
}

fn kill_one(command: &Background, id: &str, dice: &mut Dice) {
    let others = processes_of(id);
    let victim = match dice.below(others.len() + 1) {
        0 => command.pid().to_string(),
        n => others[n - 1].split(' ').next().unwrap().to_owned(),
    };
    send("KILL", &[victim]);
}

/// `ai` and every keeper at once: stopped first, none sees another die.
fn kill_all(command: &Background, id: &str) {
    let mut pids = keepers_of(id);
    pids.push(command.pid().to_string());
    send("STOP", &pids);
    send("KILL", &pids);
}

/// A supervisor that does nothing any more: its agent ends with the lease, and the run is taken.
fn stand_still(scene: &Sandbox, id: &str, mut command: Background, toll: &mut Toll) {
    command.signal_if_there("STOP");
    if command.is_over() {
        return;
    }
    // Of the command itself nothing bears the mark of the run.
    toll.count_processes(id, TTL + ORPHAN);
    let active = format!("SELECT data FROM run WHERE active = 1 AND task = '{id}'");
    let taken = poll::within(TTL + PATIENCE, || {
        let recovered = scene.ai(&["recover"]);
        // It may have been stopped while it held a lock; then it has to be ended, and that is said.
        let ended = format!("kill -KILL {}", command.pid());
        if recovered.stderr.matches(&ended).count() > 0 {
            command.signal_if_there("KILL");
        } else {
            assert_eq!(recovered.code, Some(0), "{recovered}");
        }
        scene.rows(&active).is_empty()
    });
    if !taken {
        toll.locks.push(format!("{id}: its run is not taken"));
    }
    // One that was stopped before its run had begun has nothing that could be taken.
    command.signal_if_there("KILL");
    command.wait();
}

/// Kills accepts with all that they have started, each at another moment; the next one completes
/// it, and no lock stays.
fn kill_accepts(scene: &Sandbox, ids: &[String], (dice, toll): (&mut Dice, &mut Toll)) {
    for id in ids.iter().take(rounds() / 4) {
        toll.accepts += 1;
        let accept = scene.start_grouped(&["accept", id]);
        poll::pass(Duration::from_millis(
            u64::try_from(dice.below(1_200)).unwrap(),
        ));
        accept.kill_group();
        let done = accept.wait().code == Some(0);
        let again = scene.ai(&["accept", id]);
        let expected = if done || again.code == Some(4) { 4 } else { 0 };
        if again.code != Some(expected) || scene.status(id) != "done" {
            toll.locks.push(format!("{id}: {again}"));
        }
    }
    let git = scene.root().join(".git");
    let out = std::process::Command::new("find")
        .arg(&git)
        .args(["-name", "*.lock", "-not", "-path", "*/.git/ai/*"])
        .output();
    let locks = String::from_utf8_lossy(&out.unwrap().stdout).into_owned();
    toll.locks.extend(locks.lines().map(str::to_owned));
    assert_eq!(scene.git(&["status", "--porcelain"]), "");
}

/// What the agent said that it had written, a name a line.
fn acked(scene: &Sandbox) -> String {
    std::fs::read_to_string(scene.base().join("acks/list")).unwrap()
}

/// Every file that stands in a commit that somebody could find.
fn kept(scene: &Sandbox) -> HashSet<String> {
    let refs = [scene.refs("refs/heads/ai/"), scene.refs("refs/ai/")].concat();
    let names = refs
        .iter()
        .map(|name| scene.git(&["ls-tree", "-r", "--name-only", name]));
    names
        .flat_map(|list| list.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

fn storm(layer: &str) {
    let scene = Sandbox::with_script(WORKER);
    let acks = scene.base().join("acks");
    std::fs::create_dir(&acks).unwrap();
    std::fs::write(acks.join("list"), "").unwrap();
    scene.configure(&format!(
        "version: 1\nchecks: {{unit: {{run: test -f work.txt}}}}\nruns: {{grace: 200ms, allow_write: ['{}']}}\ndefaults: {{run_ttl: 6s, heartbeat: 1s}}\n",
        acks.display()
    ));
    let mut dice = Dice(7);
    let mut toll = Toll::default();
    let ids: Vec<String> = (0..rounds())
        .map(|n| scene.task(&format!("task {n}"), &[]))
        .collect();
    for id in &ids {
        strike(&scene, layer, id, (&mut dice, &mut toll));
    }
    scene.ai_ok(&["recover"]);
    let kept = kept(&scene);
    let list = acked(&scene);
    let lost = list.lines().filter(|name| !kept.contains(*name));
    toll.edits.extend(lost.map(str::to_owned));
    assert!(
        list.lines().count() > ids.len() / 2,
        "the storm struck before any work: {list}"
    );

    scene.set_script("fake", GOOD);
    let open: Vec<&String> = ids
        .iter()
        .filter(|id| scene.status(id) != "review")
        .collect();
    assert!(!open.is_empty(), "nothing was struck");
    for id in &open {
        if scene.status(id) != "queued" {
            toll.locks.push(scene.ai(&["why", id]).to_string());
        }
        scene.ai_ok(&["task", "edit", id, "--not-before", "now"]);
    }
    let all = scene.ai(&["run", "--all", "--parallel", "2"]);
    assert_eq!(all.code, Some(0), "{all}");
    for id in &ids {
        assert_eq!(scene.status(id), "review");
    }
    kill_accepts(&scene, &ids, (&mut dice, &mut toll));
    eprintln!("storm in {layer}: {toll}");
    let found = [&toll.processes, &toll.edits, &toll.locks].map(Vec::len);
    assert_eq!(found, [0, 0, 0], "{toll}");
    scene.is_at_rest(&ids[0]);
}

#[test]
fn a_storm_of_kills_leaves_no_process_and_loses_no_edit() {
    if wanted().is_none_or(|mode| mode == "none") {
        storm("none");
    }
}

#[test]
fn a_storm_of_kills_in_a_sandbox_leaves_no_process_and_loses_no_edit() {
    let mode = wanted();
    if mode.as_deref() == Some("none") {
        return;
    }
    let mut layers = crate::sandbox::layers();
    layers.retain(|layer| mode.as_deref().is_none_or(|mode| mode == *layer));
    assert!(
        mode.is_none() || !layers.is_empty(),
        "{mode:?} does not work here"
    );
    layers.into_iter().for_each(storm);
}
