//! The workers as processes, and what is done to them. Signals go to processes that this test
//! started, and to no others: workers are our own children and not yet waited for, and an `ai` is
//! reached through a handle that cannot come to mean another process.

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal, test_kill_process_group,
};

use crate::support::{Sandbox, poll};

/// What the workers are told to do.
#[derive(Clone, Copy)]
pub enum Orders {
    /// Claim, work, stall, for ever.
    Work,
    /// Claim and finish until nothing is left.
    Drain,
}

/// A crowd of workers in one repository.
pub struct Fleet<'a> {
    sandbox: &'a Sandbox,
    mutant: Option<&'static str>,
    ttl: Duration,
    workers: Vec<Child>,
    stopped: Vec<(Stopped, Instant)>,
    /// Process groups of workers that are gone; an `ai` that outlived its worker is in one of them.
    left: Vec<Pid>,
    spawned: u64,
}

enum Stopped {
    Worker(u32),
    Ai(OwnedFd),
}

impl<'a> Fleet<'a> {
    /// Nobody yet.
    pub fn new(sandbox: &'a Sandbox, ttl: Duration, mutant: Option<&'static str>) -> Self {
        let fleet = Self {
            sandbox,
            mutant,
            ttl,
            workers: Vec::new(),
            stopped: Vec::new(),
            left: Vec::new(),
            spawned: 0,
        };
        std::fs::create_dir_all(fleet.answers()).unwrap();
        fleet
    }

    /// Where the workers write down what they were told, a file for each.
    pub fn answers(&self) -> PathBuf {
        self.sandbox.base().join("answers")
    }

    /// Adds `n` workers.
    pub fn start(&mut self, n: usize, orders: Orders) {
        for _ in 0..n {
            let worker = self.spawn(orders);
            self.workers.push(worker);
        }
    }

    fn spawn(&mut self, orders: Orders) -> Child {
        self.spawned += 1;
        let name = format!("w{:04}", self.spawned);
        let mode = match orders {
            Orders::Work => "work",
            Orders::Drain => "drain",
        };
        let mut command = self
            .sandbox
            .command(env!("CARGO_BIN_EXE_ai-torture-worker"));
        command
            .arg(env!("CARGO_BIN_EXE_ai"))
            .arg(&name)
            .arg(self.answers().join(format!("{name}.jsonl")));
        command.args([
            self.ttl.as_millis().to_string(),
            (self.spawned * 0x9E37_79B9).to_string(),
            mode.to_owned(),
        ]);
        command.envs(self.mutant.map(|name| ("AI_TEST_MUTANT", name)));
        command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command.spawn().unwrap()
    }

    pub fn len(&self) -> usize {
        self.workers.len()
    }

    /// Kills a worker, which leaves its `ai` at work alone, and puts another in its place.
    pub fn kill_worker(&mut self, at: usize) {
        let mut dead = self.spawn(Orders::Work);
        std::mem::swap(&mut dead, &mut self.workers[at]);
        self.bury(dead);
    }

    fn bury(&mut self, mut worker: Child) {
        self.left.push(Pid::from_child(&worker));
        worker.kill().unwrap();
        let status = worker.wait().unwrap();
        assert_eq!(status.code(), None, "a worker gave up by itself: {status}");
        // What was stopped under this number is gone; the number may mean another process from now
        // on.
        self.stopped
            .retain(|(who, _)| !matches!(who, Stopped::Worker(pid) if *pid == worker.id()));
    }

    /// Kills the `ai` that a worker waits for. False where it waits for none.
    pub fn kill_ai(&self, at: usize) -> bool {
        self.ai_of(at)
            .is_some_and(|ai| pidfd_send_signal(&ai, Signal::KILL).is_ok())
    }

    /// Stops a worker for `time`.
    pub fn stop_worker(&mut self, at: usize, time: Duration) {
        let worker = &self.workers[at];
        kill_process(Pid::from_child(worker), Signal::STOP).unwrap();
        self.stopped
            .push((Stopped::Worker(worker.id()), Instant::now() + time));
    }

    /// Stops the `ai` that a worker waits for. False where it waits for none.
    pub fn stop_ai(&mut self, at: usize, time: Duration) -> bool {
        let Some(ai) = self.ai_of(at) else {
            return false;
        };
        let done = pidfd_send_signal(&ai, Signal::STOP).is_ok();
        self.stopped.push((Stopped::Ai(ai), Instant::now() + time));
        done
    }

    /// How many are stopped now.
    pub fn stopped(&self) -> usize {
        self.stopped.len()
    }

    /// True while an `ai` is stopped.
    pub fn has_stopped_ai(&self) -> bool {
        self.stopped
            .iter()
            .any(|(who, _)| matches!(who, Stopped::Ai(_)))
    }

    /// Lets those go on whose time is over.
    pub fn wake(&mut self, now: Instant) {
        let (due, stopped) = std::mem::take(&mut self.stopped)
            .into_iter()
            .partition(|(_, until)| *until <= now);
        self.stopped = stopped;
        let due: Vec<(Stopped, Instant)> = due;
        for (who, _) in due {
            // A process that was killed while it was stopped needs no waking.
            let _ = match who {
                Stopped::Worker(pid) => kill_process(self.pid_of(pid), Signal::CONT),
                Stopped::Ai(ai) => pidfd_send_signal(&ai, Signal::CONT),
            };
        }
    }

    fn pid_of(&self, id: u32) -> Pid {
        let worker = self.workers.iter().find(|worker| worker.id() == id);
        Pid::from_child(worker.expect("who is buried is no longer listed as stopped"))
    }

    /// A handle on the one child of a worker. It was opened before the parent was asked for, so
    /// that it cannot mean a stranger who got the number of a child that had ended.
    fn ai_of(&self, at: usize) -> Option<OwnedFd> {
        let parent = self.workers[at].id();
        let children =
            std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
        let child: i32 = children.split_whitespace().next()?.parse().ok()?;
        let handle = pidfd_open(Pid::from_raw(child)?, PidfdFlags::empty()).ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).ok()?;
        let its_parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?;
        (its_parent == parent.to_string()).then_some(handle)
    }

    /// Ends all workers by force and waits until no `ai` that they had started is left.
    pub fn dismiss(&mut self) {
        self.wake(Instant::now() + Duration::from_secs(3600));
        for worker in std::mem::take(&mut self.workers) {
            self.bury(worker);
        }
        let left = std::mem::take(&mut self.left);
        let gone = || {
            left.iter()
                .all(|group| test_kill_process_group(*group).is_err())
        };
        poll::until("every `ai` has ended", Duration::from_secs(60), gone);
    }

    /// True once every worker has ended by itself.
    pub fn all_ended(&mut self) -> bool {
        self.workers
            .iter_mut()
            .all(|worker| worker.try_wait().unwrap().is_some())
    }

    /// Forgets workers that have ended by themselves.
    pub fn clear(&mut self) {
        assert!(self.all_ended());
        self.workers.clear();
    }
}

impl Drop for Fleet<'_> {
    /// Also where a test has failed: nobody is left behind, stopped or at work.
    fn drop(&mut self) {
        self.wake(Instant::now() + Duration::from_secs(3600));
        for worker in &mut self.workers {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}
