//! Supervision of real processes. Each test has a run id of its own, by whose mark it sees that nothing is left.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::base::id::random_text;
use crate::domain::stall::Standing;
use crate::process::capture::{Extent, MAX_TEXT};
use crate::process::captured::{Tool, run_captured};
use crate::process::guard::kill_leftovers;
use crate::process::identity::ProcessIdentity;
use crate::process::procfs;
use crate::process::redact::{Redactor, Secret};
use crate::process::supervise::*;

/// Longer than any test may take; a test that needs it has failed.
const FOREVER: Duration = Duration::from_secs(60);

fn spec(argv: &[&str]) -> SpawnSpec {
    SpawnSpec {
        argv: argv.iter().map(Into::into).collect(),
        cwd: "/".into(),
        env: vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())],
        stdin: StdinSource::Null,
        run_id: Some(format!("test.{}", random_text(12))),
        files: None,
        cgroup: None,
        fence: None,
        limits: Limits { total: Some(FOREVER), ..Limits::default() },
        stdout: OutputTo::Memory,
        stderr: OutputTo::Memory,
    }
}

fn sh(script: &str) -> SpawnSpec {
    spec(&["sh", "-c", script])
}

fn python(script: &str) -> SpawnSpec {
    spec(&["python3", "-c", script])
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn run_with(spec: &SpawnSpec, observer: &mut dyn Observer, cancel: &CancelToken) -> Outcome {
    let outcome = block_on(supervise(spec, &Redactor::new(&[]), observer, cancel)).unwrap();
    assert_nothing_left(spec);
    assert_eq!(outcome.survivors, [0; 0]);
    outcome
}

fn run(spec: &SpawnSpec) -> Outcome {
    run_with(spec, &mut Quiet, &CancelToken::new())
}

#[track_caller]
fn assert_nothing_left(spec: &SpawnSpec) {
    let left = marked(spec.run_id.as_ref().unwrap());
    assert!(left.is_empty(), "left behind: {left:?}");
}

fn marked(run_id: &str) -> Vec<procfs::Stat> {
    let mark = format!("AI_RUN={run_id}").into_bytes();
    let table = procfs::table().unwrap();
    table.into_iter().filter(|stat| stat.is_running() && procfs::environment_has(stat.pid, &mark)).collect()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Acts on the first line of standard output, and remembers the keeper and the processes that lines name as `pid N`.
struct OnFirstLine<F: FnMut(&ProcessIdentity)> {
    act: F,
    keeper: Option<ProcessIdentity>,
    named: Vec<ProcessIdentity>,
    lines: usize,
}

impl<F: FnMut(&ProcessIdentity)> OnFirstLine<F> {
    fn new(act: F) -> Self {
        Self { act, keeper: None, named: Vec::new(), lines: 0 }
    }
}

impl<F: FnMut(&ProcessIdentity)> Observer for OnFirstLine<F> {
    fn started(&mut self, keeper: &ProcessIdentity) {
        self.keeper = Some(keeper.clone());
    }

    fn line(&mut self, stream: Stream, line: Line<'_>) {
        if let Some(pid) = text(line.bytes).strip_prefix("pid ") {
            self.named.extend(ProcessIdentity::of(pid.parse().unwrap()));
        }
        if stream == Stream::Stdout && self.lines == 0 {
            (self.act)(self.keeper.as_ref().unwrap());
        }
        self.lines += 1;
    }
}

fn cancelling(spec: &SpawnSpec) -> (Outcome, Vec<ProcessIdentity>) {
    let cancel = CancelToken::new();
    let mut observer = OnFirstLine::new(|_: &ProcessIdentity| cancel.cancel(StopReason::LeaseLost));
    let outcome = run_with(spec, &mut observer, &cancel);
    assert_eq!(outcome.end, End::Cancelled(StopReason::LeaseLost));
    (outcome, observer.named)
}

// Python that forks twice, leaves the session, clears the mark from what it executes, ignores SIGTERM and prints its pid.
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

#[test]
fn exit_code_outputs_and_counts_come_back() {
    let outcome = run(&sh("echo out; echo err >&2; exit 7"));
    assert_eq!((outcome.end, outcome.exit), (End::Exited(7), Some(Exit::Code(7))));
    assert_eq!((text(&outcome.stdout.memory), text(&outcome.stderr.memory)), ("out\n", "err\n"));
    assert_eq!((outcome.stdout.bytes_seen, outcome.stdout.bytes_kept, outcome.stdout.truncated), (4, 4, false));
    assert_eq!((outcome.leftovers, outcome.oom), (0, OomHint::None));
}

#[test]
fn the_environment_is_what_was_given_the_mark_and_the_place() {
    let mut spec = spec(&["env", "-0"]);
    spec.env.push(("ODD".into(), "a\nb=c".into()));
    let outcome = run(&spec);
    let mut found: Vec<&str> = text(&outcome.stdout.memory).split_terminator('\0').collect();
    found.sort_unstable();
    let mark = format!("AI_RUN={}", spec.run_id.as_ref().unwrap());
    assert_eq!(found, [&mark, "ODD=a\nb=c", "PATH=/usr/local/bin:/usr/bin:/bin", "PWD=/"]);
}

/// A program on Node that exits loses what does not fit in its pipe.
#[test]
#[cfg(target_os = "linux")]
fn its_pipes_have_as_much_room_as_there_may_be() {
    let script = "
import fcntl
most = min(1 << 20, int(open('/proc/sys/fs/pipe-max-size').read()))
# Widened right after the start, which may be now.
while min(fcntl.fcntl(1, 1032), fcntl.fcntl(2, 1032)) < most: pass
";
    assert_eq!(run(&python(script)).end, End::Exited(0));
}

#[test]
fn standard_input_is_empty_or_a_file_and_there_is_no_terminal_to_ask() {
    assert_eq!(text(&run(&sh("wc -c; (: </dev/tty) 2>/dev/null || echo none")).stdout.memory), "0\nnone\n");
    let dir = tempfile::tempdir().unwrap();
    let prompt = dir.path().join("prompt.md");
    std::fs::write(&prompt, vec![b'x'; 2 << 20]).unwrap();
    let whole = SpawnSpec { stdin: StdinSource::File(prompt.clone()), ..spec(&["wc", "-c"]) };
    assert_eq!(text(&run(&whole).stdout.memory), "2097152\n");
    // One who does not read it is not waited for.
    let unread = SpawnSpec { stdin: StdinSource::File(prompt), ..spec(&["true"]) };
    assert_eq!(run(&unread).end, End::Exited(0));
}

#[test]
fn what_cannot_start_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain");
    std::fs::write(&plain, "x").unwrap();
    let plain = plain.to_str().unwrap();
    let long = "x".repeat(130 << 10);
    let cases = [
        (spec(&["no-such-program"]), SpawnFailureKind::NotFound),
        (spec(&[plain]), SpawnFailureKind::NotExecutable),
        (spec(&["true", &long]), SpawnFailureKind::TooLong),
        (SpawnSpec { cwd: "/no/such".into(), ..spec(&["true"]) }, SpawnFailureKind::NoDirectory),
        (SpawnSpec { stdin: StdinSource::File("/no/such".into()), ..spec(&["true"]) }, SpawnFailureKind::NoInput),
    ];
    for (spec, kind) in cases {
        match run(&spec).end {
            End::SpawnFailed(failure) => assert_eq!(failure.kind, kind, "{failure}"),
            other => panic!("{kind:?}: {other:?}"),
        }
    }
    assert!(matches!(run(&spec(&[])).end, End::SpawnFailed(_)));
}

#[test]
fn an_argument_that_is_a_secret_is_not_in_the_error() {
    let redactor = Redactor::new(&[Secret::new("PW", b"hunter2-hunter2")]);
    let spec = spec(&["no-such-program", "--password=hunter2-hunter2"]);
    let outcome = block_on(supervise(&spec, &redactor, &mut Quiet, &CancelToken::new())).unwrap();
    let End::SpawnFailed(failure) = outcome.end else { panic!("{:?}", outcome.end) };
    assert_eq!(failure.command, "no-such-program --password=[REDACTED:PW]");
}

#[test]
fn no_descriptor_of_the_keeper_reaches_the_command() {
    let list =
        "import os; print(sorted(n for n in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + n)))";
    // What the test runner leaves open for everybody is not the keeper's.
    let direct = std::process::Command::new("python3").args(["-c", list]).output().unwrap();
    assert_eq!(text(&run(&python(list)).stdout.memory), text(&direct.stdout));
}

#[test]
fn a_log_that_cannot_be_made_is_an_error_and_starts_nothing() {
    let spec = SpawnSpec { stdout: OutputTo::File("/no/such/dir/out".into()), ..sh("echo x") };
    let result = block_on(supervise(&spec, &Redactor::new(&[]), &mut Quiet, &CancelToken::new()));
    assert!(result.unwrap_err().to_string().contains("/no/such/dir/out"));
}

#[test]
fn a_signal_of_its_own_is_told_apart() {
    assert_eq!(run(&sh("kill -SEGV $$")).end, End::Signaled(11));
}

#[test]
fn a_polite_command_ends_itself_and_its_last_words_are_kept() {
    let (outcome, _) = cancelling(&sh("trap 'echo bye; exit 3' TERM; echo ready; sleep 1000 & wait"));
    assert_eq!(outcome.exit, Some(Exit::Code(3)));
    assert_eq!(text(&outcome.stdout.memory), "ready\nbye\n");
}

#[test]
fn each_process_gets_one_term_only() {
    let script = "
import os, signal, sys
def term(*_): os.write(1, b'term\\n')
signal.signal(signal.SIGTERM, term)
print('ready', flush=True)
while True: signal.pause()
";
    let mut spec = python(script);
    spec.limits.grace = Duration::from_millis(300);
    let (outcome, _) = cancelling(&spec);
    assert_eq!(text(&outcome.stdout.memory), "ready\nterm\n");
}

#[test]
fn one_who_ignores_term_is_killed_after_the_grace() {
    let mut spec = sh("trap '' TERM; echo ready; while :; do sleep 1000; done");
    spec.limits.grace = Duration::from_millis(200);
    let (outcome, _) = cancelling(&spec);
    assert_eq!(outcome.exit, Some(Exit::Signal(9)));
    assert!(outcome.duration >= spec.limits.grace && outcome.duration < spec.limits.grace + Duration::from_secs(2));
}

#[test]
fn what_is_started_while_it_is_being_ended_ends_too() {
    let mut spec = sh(
        "trap 'setsid sh -c \"trap : TERM; while :; do sleep 1000; done\" & ' TERM; echo ready; while :; do sleep 1000; done",
    );
    spec.limits.grace = Duration::from_millis(300);
    cancelling(&spec);
}

#[test]
fn a_stopped_process_ends_as_well() {
    let mut spec = sh("sh -c 'echo pid $$; kill -STOP $$'; echo never");
    spec.limits.grace = FOREVER;
    let (outcome, _) = cancelling(&spec);
    assert!(outcome.duration < FOREVER);
}

#[test]
fn a_daemon_does_not_outlive_its_command() {
    let mut spec = python(DAEMON);
    spec.limits.grace = Duration::from_millis(100);
    let mut observer = OnFirstLine::new(|_: &ProcessIdentity| ());
    let outcome = run_with(&spec, &mut observer, &CancelToken::new());
    assert_eq!(outcome.end, End::Exited(0));
    assert!(outcome.leftovers >= 1);
    assert_eq!(observer.named.len(), 1);
    assert_eq!(observer.named[0].liveness(), crate::process::identity::Liveness::Dead);
}

#[test]
fn a_background_process_that_holds_the_output_is_not_waited_for() {
    let outcome = run(&sh("sleep 1000 & echo done"));
    assert_eq!((outcome.end, text(&outcome.stdout.memory)), (End::Exited(0), "done\n"));
    assert!(!outcome.stdout.truncated);
}

#[test]
fn a_killed_keeper_leaves_nothing() {
    // The daemon has no mark, is in a session of its own, and has lost its parent; it falls to this process.
    let mut spec = python(&format!("{DAEMON}\nimport time\ntime.sleep(1000)"));
    spec.limits.grace = Duration::from_millis(100);
    let mut observer = OnFirstLine::new(|keeper: &ProcessIdentity| {
        kill_process(Pid::from_raw(keeper.pid).unwrap(), Signal::KILL).unwrap();
    });
    let outcome = run_with(&spec, &mut observer, &CancelToken::new());
    assert_eq!((outcome.end, outcome.exit), (End::KeeperLost, None));
    assert!(outcome.leftovers >= 2);
    assert_eq!(observer.named.len(), 1);
    assert_eq!(observer.named[0].liveness(), crate::process::identity::Liveness::Dead);
}

#[test]
fn a_stuck_keeper_is_killed_and_its_work_done() {
    let mut spec = sh("echo ready; sleep 1000");
    spec.limits.grace = Duration::ZERO;
    let cancel = CancelToken::new();
    let mut observer = OnFirstLine::new(|keeper: &ProcessIdentity| {
        kill_process(Pid::from_raw(keeper.pid).unwrap(), Signal::STOP).unwrap();
        cancel.cancel(StopReason::Interrupted);
    });
    let outcome = run_with(&spec, &mut observer, &cancel);
    assert_eq!(outcome.end, End::Cancelled(StopReason::Interrupted));
}

#[test]
fn a_signal_to_the_keeper_ends_the_command_in_order() {
    let spec = sh("trap 'exit 0' TERM; echo ready; sleep 1000 & wait");
    let mut observer = OnFirstLine::new(|keeper: &ProcessIdentity| {
        kill_process(Pid::from_raw(keeper.pid).unwrap(), Signal::TERM).unwrap();
    });
    let outcome = run_with(&spec, &mut observer, &CancelToken::new());
    assert!(matches!(outcome.end, End::Cancelled(StopReason::Other(_))), "{:?}", outcome.end);
    assert_eq!(outcome.exit, Some(Exit::Code(0)));
}

#[test]
fn a_dropped_supervision_ends_its_command() {
    let spec = sh("trap '' HUP; echo ready; sleep 1000");
    let cancel = CancelToken::new();
    let mut observer = OnFirstLine::new(|_: &ProcessIdentity| cancel.cancel(StopReason::Shutdown));
    let unused = CancelToken::new();
    block_on(async {
        let redactor = Redactor::new(&[]);
        tokio::select! {
            _ = supervise(&spec, &redactor, &mut observer, &unused) => panic!("it ended by itself"),
            _ = cancel.cancelled() => {}
        }
    });
    let begun = Instant::now();
    while !marked(spec.run_id.as_ref().unwrap()).is_empty() {
        assert!(begun.elapsed() < FOREVER);
        std::thread::yield_now();
    }
}

/// Hears what is thought of a command.
#[derive(Default)]
struct Thoughts(Vec<Standing>);

impl Observer for Thoughts {
    fn standing(&mut self, standing: &Standing) {
        self.0.push(standing.clone());
    }
}

#[test]
fn stillness_and_length_are_limited_separately() {
    let mut silent = sh("echo one; sleep 1000");
    silent.limits.silence = Some(Duration::from_millis(300));
    let mut thoughts = Thoughts::default();
    let outcome = run_with(&silent, &mut thoughts, &CancelToken::new());
    assert_eq!(outcome.end, End::TimedOut(Timeout::Silence));
    assert_eq!(text(&outcome.stdout.memory), "one\n");
    let words: Vec<&str> = outcome.stall.iter().map(|sign| sign.rsplit_once(" for ").unwrap().0).collect();
    assert_eq!(words, ["no output", "no CPU time used"]);
    assert_eq!(thoughts.0.last(), Some(&Standing::Stalled(outcome.stall)));

    let mut endless = sh("while :; do echo x >&2; done");
    endless.limits = Limits { silence: Some(FOREVER), total: Some(Duration::from_millis(300)), ..endless.limits };
    let outcome = run(&endless);
    assert_eq!((outcome.end, outcome.stall.len()), (End::TimedOut(Timeout::Total), 0));
}

#[test]
fn one_that_computes_without_a_word_is_suspected_and_left_at_work() {
    let mut busy = sh("i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; while [ ! -e $SEEN ]; do :; done; echo done");
    let dir = tempfile::tempdir().unwrap();
    let seen = dir.path().join("seen");
    busy.env.push(("SEEN".into(), seen.clone().into()));
    busy.limits.silence = Some(Duration::from_millis(200));
    /// Lets the command end once it is suspected.
    struct Lets(std::path::PathBuf, Vec<Standing>);
    impl Observer for Lets {
        fn standing(&mut self, standing: &Standing) {
            self.1.push(standing.clone());
            std::fs::write(&self.0, "").unwrap();
        }
    }
    let mut lets = Lets(seen, Vec::new());
    let outcome = run_with(&busy, &mut lets, &CancelToken::new());
    assert_eq!(outcome.end, End::Exited(0), "{:?}", lets.1);
    assert!(matches!(&lets.1[0], Standing::Suspect(signs) if signs.len() == 1), "{:?}", lets.1);
}

#[test]
fn one_that_changes_files_without_a_word_is_left_at_work() {
    let dir = tempfile::tempdir().unwrap();
    let script = "i=0; while [ $i -lt 12 ]; do i=$((i+1)); sleep 0.05; echo $i > $DIR/x; done; echo done";
    let mut writes = sh(script);
    writes.env.push(("DIR".into(), dir.path().into()));
    writes.files = Some(dir.path().to_owned());
    writes.limits.silence = Some(Duration::from_millis(400));
    let outcome = run(&writes);
    assert_eq!((outcome.end, text(&outcome.stdout.memory)), (End::Exited(0), "done\n"));
}

#[test]
fn unchanged_files_are_the_third_sign() {
    let dir = tempfile::tempdir().unwrap();
    let mut silent = sh("sleep 1000");
    silent.files = Some(dir.path().to_owned());
    silent.limits.silence = Some(Duration::from_millis(200));
    let outcome = run(&silent);
    assert_eq!(outcome.stall.len(), 3, "{:?}", outcome.stall);
}

#[test]
fn a_flood_takes_no_memory_and_keeps_head_and_tail() {
    const FLOOD: u64 = 50 << 20;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stdout.log");
    let mut spec = sh(&format!("echo first; yes 0123456789abcdef | head -c {FLOOD}; echo; echo last"));
    spec.stdout = OutputTo::File(path.clone());
    spec.limits.output_cap = 1 << 20;
    let before = peak_memory_kib();
    let outcome = run(&spec);
    let grown = peak_memory_kib() - before;
    assert_eq!(outcome.end, End::Exited(0));
    assert_eq!(outcome.stdout.bytes_seen, FLOOD + 12);
    assert_eq!((outcome.stdout.bytes_kept, outcome.stdout.truncated), (1 << 20, true));
    let kept = std::fs::read(&path).unwrap();
    let cut = format!("\n[{} bytes were cut out here]\n", FLOOD + 12 - (1 << 20));
    assert_eq!(kept.len(), (1 << 20) + cut.len());
    assert!(kept.starts_with(b"first\n") && kept.ends_with(b"\nlast\n"));
    assert!(text(&kept).contains(&cut));
    // Where all tests share a process, others add their share.
    assert!(grown < 40 << 10, "{grown} KiB");
}

fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[derive(Default)]
struct Lines(Vec<(Stream, Vec<u8>, Option<Extent>)>);

impl Observer for Lines {
    fn line(&mut self, stream: Stream, line: Line<'_>) {
        let start = line.bytes[..line.bytes.len().min(99)].to_vec();
        self.0.push((stream, start, (line.bytes.len() == MAX_TEXT).then_some(line.extent)));
    }
}

#[test]
fn lines_come_as_bytes_and_a_huge_one_is_cut() {
    let mut lines = Lines::default();
    let script = r"printf 'a\377b\n'; head -c 20000000 /dev/zero | tr '\0' x; printf '\nend'; printf 'no end' >&2";
    let outcome = run_with(&sh(script), &mut lines, &CancelToken::new());
    assert_eq!(outcome.stdout.bytes_seen, 20_000_008);
    let (stdout, stderr): (Vec<_>, Vec<_>) = lines.0.into_iter().partition(|line| line.0 == Stream::Stdout);
    let expected = [(b"a\xffb".to_vec(), None), (vec![b'x'; 99], Some(Extent::Cut)), (b"end".to_vec(), None)];
    assert_eq!(stdout.into_iter().map(|line| (line.1, line.2)).collect::<Vec<_>>(), expected);
    assert_eq!(stderr, [(Stream::Stderr, b"no end".to_vec(), None)]);
}

#[test]
fn a_secret_in_two_writes_reaches_neither_file_nor_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out");
    let script = "import os; os.write(1, b'a hunter2-'); os.write(1, b'hunter2 b\\n')";
    let spec = SpawnSpec { stdout: OutputTo::File(path.clone()), ..python(script) };
    let redactor = Redactor::new(&[Secret::new("PW", b"hunter2-hunter2")]);
    let mut lines = Lines::default();
    let outcome = block_on(supervise(&spec, &redactor, &mut lines, &CancelToken::new())).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"a [REDACTED:PW] b\n");
    assert_eq!(lines.0[0].1, b"a [REDACTED:PW] b");
    assert_eq!(outcome.stdout.redactions, 1);
}

#[test]
fn leftovers_of_a_run_are_found_by_their_mark_and_others_spared() {
    let start = |run: &str, script: &str| {
        let mut child = std::process::Command::new("sh")
            .args(["-c", script])
            .env("AI_RUN", run)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 1];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
        child
    };
    let run = format!("test.{}", random_text(12));
    let stubborn = "trap '' TERM; echo; while :; do env -i sleep 1000; done";
    let mut ours = start(&run, stubborn);
    let mut other = start(&format!("{run}1"), stubborn);
    // It stays a zombie until it is reaped, and a zombie must not count as a survivor.
    let found = kill_leftovers(&run, Duration::from_millis(100)).unwrap();
    assert!(found.ended >= 1);
    assert_eq!(found.survivors, []);
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(ours.wait().unwrap().signal(), Some(9));
    assert_eq!(other.try_wait().unwrap(), None);
    kill_leftovers(&format!("{run}1"), Duration::ZERO).unwrap();
    other.wait().unwrap();
    assert_eq!(kill_leftovers(&run, FOREVER).unwrap().ended, 0);
}

#[test]
fn small_tools_run_within_and_without_a_runtime() {
    let mut tool = Tool::new(["sh", "-c", "echo hi; sleep 1000"], Path::new("/"));
    tool.env = vec![("PATH".into(), "/usr/bin:/bin".into())];
    tool.timeout = Duration::from_millis(300);
    for outcome in [run_captured(&tool), block_on(async { run_captured(&tool) })] {
        let outcome = outcome.unwrap();
        assert_eq!(outcome.end, End::TimedOut(Timeout::Total));
        assert_eq!(text(&outcome.stdout.memory), "hi\n");
    }
}

/// A conversation by a function from what is heard to what is said.
struct Talker<F: FnMut(Heard<'_>) -> Saying>(F);

impl<F: FnMut(Heard<'_>) -> Saying> Observer for Talker<F> {
    fn talk(&mut self, heard: Heard<'_>) -> Saying {
        (self.0)(heard)
    }
}

/// `sh` that is talked to, within `grace`.
fn talked_to(dir: &Path, script: &str, grace: Duration) -> SpawnSpec {
    let limits = Limits { grace, ..sh("").limits };
    SpawnSpec { stdin: StdinSource::Talk(dir.join("stdin")), limits, ..sh(script) }
}

fn tells(lines: &[&str], after: After) -> Saying {
    Saying { lines: lines.iter().map(|line| line.as_bytes().to_vec()).collect(), after }
}

#[test]
fn a_conversation_goes_line_by_line_and_ends_with_standard_input() {
    let dir = tempfile::tempdir().unwrap();
    let script = "read a; echo \"got $a\"; read b; echo \"got $b\"; read c || echo end; exit 4";
    let mut heard = Vec::new();
    let outcome = run_with(
        &talked_to(dir.path(), script, FOREVER),
        &mut Talker(|what: Heard<'_>| match what {
            Heard::Start => tells(&["one"], After::Listen),
            Heard::Line(line) => {
                heard.push(text(line.bytes).to_owned());
                if heard.len() == 1 { tells(&["two"], After::Close) } else { tells(&["too late"], After::Close) }
            }
            Heard::Stopping => unreachable!(),
        }),
        &CancelToken::new(),
    );
    assert_eq!(outcome.end, End::Exited(4));
    assert_eq!(text(&outcome.stdout.memory), "got one\ngot two\nend\n");
    assert_eq!(heard, ["got one", "got two", "end"]);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "the pipe is gone");
}

#[test]
fn the_conversation_hears_what_the_log_must_not_hold() {
    let dir = tempfile::tempdir().unwrap();
    let secret = "hunter2-hunter2";
    let redactor = Redactor::new(&[Secret::new("K", secret.as_bytes())]);
    let mut heard = Vec::new();
    let mut talker = Talker(|what: Heard<'_>| match what {
        Heard::Line(line) => {
            heard.push(text(line.bytes).to_owned());
            tells(&[], After::Close)
        }
        _ => tells(&[], After::Listen),
    });
    // The last line is answered although the redactor may still hold its end back.
    let spec = talked_to(dir.path(), &format!("echo {secret}; read x"), FOREVER);
    let outcome = block_on(supervise(&spec, &redactor, &mut talker, &CancelToken::new())).unwrap();
    assert_eq!(heard, [secret]);
    assert!(!text(&outcome.stdout.memory).contains(secret));
}

#[test]
fn one_that_stays_after_the_last_word_is_dismissed() {
    let dir = tempfile::tempdir().unwrap();
    let mut talker = Talker(|_: Heard<'_>| tells(&["bye"], After::Close));
    let spec = talked_to(dir.path(), "sleep 1000", Duration::from_millis(100));
    let outcome = run_with(&spec, &mut talker, &CancelToken::new());
    assert_eq!(outcome.end, End::Dismissed);
}

#[test]
fn one_that_does_not_read_blocks_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let huge = "x".repeat(1 << 20);
    let mut talker = Talker(|_: Heard<'_>| tells(&[&huge], After::Listen));
    let spec = talked_to(dir.path(), "for i in 1 2 3 4 5 6 7 8; do echo $i; done; exit 3", FOREVER);
    let outcome = run_with(&spec, &mut talker, &CancelToken::new());
    assert_eq!(outcome.end, End::Exited(3));
    assert_eq!(text(&outcome.stdout.memory), "1\n2\n3\n4\n5\n6\n7\n8\n");
}

#[test]
fn a_long_message_arrives_whole() {
    let dir = tempfile::tempdir().unwrap();
    let huge = "x".repeat(3 << 20);
    let mut talker = Talker(|_: Heard<'_>| tells(&[&huge], After::Close));
    let outcome = run_with(&talked_to(dir.path(), "wc -c", FOREVER), &mut talker, &CancelToken::new());
    assert_eq!(text(&outcome.stdout.memory).trim(), ((3 << 20) + 1).to_string());
}

#[test]
fn the_last_word_before_the_end_is_still_sent() {
    let dir = tempfile::tempdir().unwrap();
    let cancel = CancelToken::new();
    let stop = cancel.clone();
    let mut talker = Talker(|what: Heard<'_>| match what {
        Heard::Start => tells(&[], After::Listen),
        Heard::Line(_) => {
            stop.cancel(StopReason::Interrupted);
            tells(&[], After::Listen)
        }
        Heard::Stopping => tells(&["cancel"], After::Close),
    });
    let spec = talked_to(
        dir.path(),
        "trap 'T=1' TERM; echo up; read a || read a; echo \"$a\"; until [ $T ]; do sleep 0.01; done",
        FOREVER,
    );
    let outcome = run_with(&spec, &mut talker, &cancel);
    assert_eq!(outcome.end, End::Cancelled(StopReason::Interrupted));
    assert_eq!(text(&outcome.stdout.memory), "up\ncancel\n");
}
