//! Supervision of real processes. Each test has a run id of its own, by whose mark it sees that
//! nothing is left.

mod around;
mod dialogue;
mod ending;
mod output;
mod starting;
mod stillness;

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::base::id::random_text;
use crate::domain::stall::StallState;
use crate::process::capture::{LineExtent, MAX_TEXT};
use crate::process::captured::{CapturedTool, run_captured};
use crate::process::child_command::StdinSource;
use crate::process::guard::kill_leftovers;
use crate::process::identity::ProcessIdentity;
use crate::process::procfs;
use crate::process::redact::{Redactor, Secret};
use crate::process::supervise::*;

/// Longer than any test may take; a test that needs it has failed.
const FOREVER: Duration = Duration::from_secs(60);

fn spec(argv: &[&str]) -> SpawnSpec {
    SpawnSpec {
        command: ChildCommand::new(argv.iter().map(Into::into).collect(), "/".into()),
        env: vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())],
        run_id: Some(format!("test.{}", random_text(12))),
        files: None,
        cgroup: None,
        sandbox: None,
        limits: CommandLimits {
            total: Some(FOREVER),
            ..CommandLimits::default()
        },
        stdout: OutputTo::Memory,
        stderr: OutputTo::Memory,
    }
}

/// `argv` with this as its standard input.
fn reading(stdin: StdinSource, argv: &[&str]) -> SpawnSpec {
    let mut spec = spec(argv);
    spec.command.stdin = stdin;
    spec
}

fn sh(script: &str) -> SpawnSpec {
    spec(&["sh", "-c", script])
}

fn python(script: &str) -> SpawnSpec {
    spec(&["python3", "-c", script])
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn run_with(
    spec: &SpawnSpec,
    observer: &mut dyn CommandObserver,
    cancel: &CancelToken,
) -> CommandOutcome {
    let outcome = block_on(supervise(spec, &Redactor::new(&[]), observer, cancel)).unwrap();
    assert_nothing_left(spec);
    assert_eq!(outcome.survivors, [0; 0]);
    outcome
}

fn run(spec: &SpawnSpec) -> CommandOutcome {
    run_with(spec, &mut QuietObserver, &CancelToken::new())
}

#[track_caller]
fn assert_nothing_left(spec: &SpawnSpec) {
    let left = marked(spec.run_id.as_ref().unwrap());
    assert!(left.is_empty(), "left behind: {left:?}");
}

fn marked(run_id: &str) -> Vec<procfs::ProcessStat> {
    let mark = format!("AI_RUN={run_id}").into_bytes();
    let table = procfs::table().unwrap();
    table
        .into_iter()
        .filter(|stat| stat.is_running() && procfs::environment_has(stat.pid, &mark))
        .collect()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Acts on the first line of standard output, and remembers the keeper and the processes that lines
/// name as `pid N`.
struct OnFirstLine<F: FnMut(&ProcessIdentity)> {
    act: F,
    keeper: Option<ProcessIdentity>,
    named: Vec<ProcessIdentity>,
    lines: usize,
}

impl<F: FnMut(&ProcessIdentity)> OnFirstLine<F> {
    fn new(act: F) -> Self {
        Self {
            act,
            keeper: None,
            named: Vec::new(),
            lines: 0,
        }
    }
}

impl<F: FnMut(&ProcessIdentity)> CommandObserver for OnFirstLine<F> {
    fn started(&mut self, keeper: &ProcessIdentity) {
        self.keeper = Some(keeper.clone());
    }

    fn line(&mut self, stream: OutputStream, line: OutputLine<'_>) {
        if let Some(pid) = text(line.bytes).strip_prefix("pid ") {
            let keeper = self.keeper.as_ref().unwrap();
            self.named.extend(named_below(keeper.pid, pid.trim()));
        }
        if stream == OutputStream::Stdout && self.lines == 0 {
            (self.act)(self.keeper.as_ref().unwrap());
        }
        self.lines += 1;
    }
}

/// The process below a keeper that knows itself by this number, perhaps in a namespace of its own.
fn named_below(keeper: i32, pid: &str) -> Option<ProcessIdentity> {
    let table = procfs::table().unwrap();
    let knows_itself_so = |stat: &procfs::ProcessStat| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", stat.pid));
        let own = status.unwrap_or_default();
        let own = own.lines().find_map(|line| line.strip_prefix("NSpid:"));
        own.and_then(|pids| pids.split_whitespace().last()) == Some(pid)
    };
    let below = procfs::descendants(&[keeper], &table);
    let found = below.iter().find(|stat| knows_itself_so(stat));
    found.and_then(|stat| ProcessIdentity::of(stat.pid))
}

fn cancelling(spec: &SpawnSpec) -> (CommandOutcome, Vec<ProcessIdentity>) {
    let cancel = CancelToken::new();
    let mut observer = OnFirstLine::new(|_: &ProcessIdentity| cancel.cancel(StopReason::LeaseLost));
    let outcome = run_with(spec, &mut observer, &cancel);
    assert_eq!(outcome.end, CommandEnd::Cancelled(StopReason::LeaseLost));
    (outcome, observer.named)
}

// Python that forks twice, leaves the session, clears the mark from what it executes, ignores
// SIGTERM and prints its pid.
const DAEMON: &str = "
import os, signal, sys
ours, theirs = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.set_inheritable(theirs, True)
        os.execve('/bin/sh', ['sh', '-c', 'echo $$ >&%d; exec %d>&-; while :; do sleep 1000; done' % (theirs, theirs)],
                  {'PATH': os.environ['PATH']})
    os._exit(0)
os.close(theirs)
print('pid', os.read(ours, 99).decode().strip(), flush=True)
";
