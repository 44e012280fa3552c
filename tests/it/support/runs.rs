//! Scenes with runs: agents that are shell scripts, and looks at everything that a run may leave.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{Outcome, Sandbox, poll};

/// Long enough for every step of a run on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The configuration of most scenes: one check that looks for the work, and short limits.
pub const CONFIG: &str = "version: 1
checks:
  unit: {run: test -f work.txt}
runs: {grace: 1s}
";

/// An agent that does what is asked of it.
pub const GOOD: &str = "cat >/dev/null; echo work > work.txt; echo done";

/// What the evidence of a whole run consists of.
pub const WHOLE: [&str; 11] = [
    "check unit",
    "diff diff",
    "events events",
    "log stderr",
    "log stdout",
    "prompt prompt",
    "record agent",
    "record checks",
    "record routing",
    "record run",
    "statement statement",
];

impl Sandbox {
    /// `ai run ID`, to its end.
    pub fn run(&self, id: &str) -> Outcome {
        self.ai(&["run", id])
    }

    /// Starts `ai …` and lets it go on.
    pub fn start(&self, args: &[&str]) -> Background {
        Background::of(
            &mut self.ai_command(args),
            self.base()
                .join(format!("bg-{}", args.join("-").replace('/', "_"))),
        )
    }

    /// The same with further variables.
    pub fn start_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Background {
        let out = self
            .base()
            .join(format!("bg-{}", args.join("-").replace('/', "_")));
        Background::of(self.ai_command(args).envs(variables.iter().copied()), out)
    }

    /// The same in a process group of its own, which can be killed as a whole.
    pub fn start_grouped(&self, args: &[&str]) -> Background {
        let out = self
            .base()
            .join(format!("bg-{}", args.join("-").replace('/', "_")));
        Background::of(self.ai_command(args).process_group(0), out)
    }

    /// What a query of the store's tables returns, as one JSON document a row.
    pub fn rows(&self, query: &str) -> Vec<Value> {
        let store = rusqlite::Connection::open_with_flags(
            self.store(),
            rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
        )
        .unwrap();
        let mut statement = store.prepare(query).unwrap();
        let rows = statement
            .query_map([], |row| row.get::<_, String>(0))
            .unwrap();
        rows.map(|text| serde_json::from_str(&text.unwrap()).unwrap())
            .collect()
    }

    /// The runs of a task, oldest first.
    pub fn runs_of(&self, id: &str) -> Vec<Value> {
        let mut runs = self.rows(&format!("SELECT data FROM run WHERE task = '{id}'"));
        runs.sort_by_key(|run| run["started_ms"].as_i64());
        runs
    }

    /// The task's last run.
    #[track_caller]
    pub fn last_run(&self, id: &str) -> Value {
        self.runs_of(id)
            .pop()
            .unwrap_or_else(|| panic!("{id} was never run"))
    }

    /// The task.
    #[track_caller]
    pub fn show(&self, id: &str) -> Value {
        self.ai_json(&["task", "show", id])
    }

    /// The task's state.
    #[track_caller]
    pub fn status(&self, id: &str) -> String {
        self.show(id)["status"].as_str().unwrap().to_owned()
    }

    /// A file of a run's directory, as text.
    #[track_caller]
    pub fn run_file(&self, run: &str, name: &str) -> String {
        let path = self.root().join(".git/ai/runs").join(run).join(name);
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// `kind name` of each piece of evidence on a run, sorted; every file must have the digest that
    /// is recorded.
    #[track_caller]
    pub fn evidence_of(&self, run: &str) -> Vec<String> {
        let all = self.rows("SELECT data FROM evidence");
        let ours = all.iter().filter(|piece| piece["run"] == run);
        let mut names: Vec<String> = ours
            .map(|piece| {
                let file = self
                    .root()
                    .join(".git/ai")
                    .join(piece["file"].as_str().unwrap());
                let bytes =
                    std::fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
                assert_eq!(piece["sha256"], sha256_hex(&bytes), "{}", file.display());
                format!(
                    "{} {}",
                    piece["kind"].as_str().unwrap(),
                    piece["name"].as_str().unwrap()
                )
            })
            .collect();
        names.sort();
        names
    }

    /// Nothing is held, nothing runs, and the log agrees with the tables.
    #[track_caller]
    pub fn is_at_rest(&self, id: &str) {
        assert_eq!(
            self.rows("SELECT data FROM run WHERE active = 1"),
            [] as [Value; 0],
            "a run is still active"
        );
        assert_eq!(
            self.rows("SELECT data FROM lease"),
            [] as [Value; 0],
            "a lease is still held"
        );
        assert_eq!(processes_of(id), [] as [String; 0], "processes are left");
        self.ai_ok(&["log", "verify"]);
    }

    /// The names of all references below a prefix.
    pub fn refs(&self, prefix: &str) -> Vec<String> {
        let out = self.git(&["for-each-ref", "--format=%(refname)", prefix]);
        out.lines().map(str::to_owned).collect()
    }

    /// The text of a file in a commit.
    #[track_caller]
    pub fn file_at(&self, commit: &str, path: &str) -> String {
        self.git(&["show", &format!("{commit}:{path}")])
    }

    /// Makes a pipe below the sandbox, at which a script can wait: `read x < "$BASE/NAME"`.
    pub fn pipe(&self, name: &str) -> PathBuf {
        let path = self.base().join(name);
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        path
    }
}

fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Processes that bear the mark of a run of this task, as `pid command`.
pub fn processes_of(id: &str) -> Vec<String> {
    let mark = format!("AI_RUN={id}.");
    with_mark(mark.as_bytes())
}

/// The keepers of this task's runs, by their pids.
pub fn keepers_of(id: &str) -> Vec<String> {
    let all = processes_of(id).into_iter();
    let is_keeper = |line: &String| {
        let mut words = line.split(' ');
        words.any(|word| word == "__guard" || word.starts_with("__keep"))
    };
    all.filter(is_keeper)
        .map(|line| line.split(' ').next().unwrap_or_default().to_owned())
        .collect()
}

/// Processes with this text in their environment.
pub fn with_mark(mark: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let environ = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if environ.windows(mark.len()).any(|window| window == mark) {
            let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            found.push(format!("{} {command}", entry.file_name().to_string_lossy()));
        }
    }
    found
}

impl Sandbox {
    /// `ai …` on a terminal of this width, not yet started. What it writes there is its output, with
    /// the escape sequences.
    pub fn on_terminal(&self, columns: u16, args: &[&str]) -> Command {
        let helper = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fakes/terminal.py");
        let mut command = self.command("python3");
        command
            .args([helper, &columns.to_string(), env!("CARGO_BIN_EXE_ai")])
            .args(args)
            .env("TERM", "xterm");
        command
    }

    /// Starts it and lets it go on.
    pub fn start_on_terminal(&self, columns: u16, args: &[&str]) -> Background {
        let out = self.base().join("on-terminal");
        Background::of(&mut self.on_terminal(columns, args), out)
    }
}

/// A command that goes on while the test does something else. Killed when the test ends before it.
pub struct Background {
    child: Child,
    out: PathBuf,
}

impl Background {
    fn of(command: &mut Command, out: PathBuf) -> Background {
        let file = |end: &str| std::fs::File::create(out.with_extension(end)).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file("out"))
            .stderr(file("err"))
            .spawn()
            .unwrap();
        Background { child, out }
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Sends it a signal by name: `INT`, `KILL`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.pid().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Kills it and what it has started, where it was started in a group of its own.
    pub fn kill_group(&self) {
        let _ = Command::new("kill")
            .args(["-s", "KILL", "--", &format!("-{}", self.pid())])
            .stderr(Stdio::null())
            .status();
    }

    /// Sends it a signal unless it has ended.
    pub fn signal_if_there(&self, name: &str) {
        let _ = Command::new("kill")
            .args(["-s", name, &self.pid().to_string()])
            .stderr(Stdio::null())
            .status();
    }

    /// What it has shown so far on stdout.
    pub fn shown(&self) -> String {
        std::fs::read_to_string(self.out.with_extension("out")).unwrap()
    }

    /// What it has said so far on stderr.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.out.with_extension("err")).unwrap()
    }

    /// What it has written so far.
    pub fn written(&self) -> String {
        let bytes = std::fs::read(self.out.with_extension("out")).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// True once it has ended.
    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until it has stopped, by a signal or at a step that was asked for.
    #[track_caller]
    pub fn until_stopped(&self) {
        let stat = format!("/proc/{}/stat", self.pid());
        poll::until("the command has stopped", PATIENCE, || {
            let text = std::fs::read_to_string(&stat).unwrap();
            text.rsplit(") ").next().unwrap().starts_with('T')
        });
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(mut self) -> Outcome {
        poll::until("the command has ended", PATIENCE, || self.is_over());
        let read = |end: &str| {
            String::from_utf8_lossy(&std::fs::read(self.out.with_extension(end)).unwrap())
                .into_owned()
        };
        Outcome {
            code: self.child.wait().unwrap().code(),
            stdout: read("out"),
            stderr: read("err"),
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a file is there.
#[track_caller]
pub fn wait_for(path: &Path) {
    poll::until(&format!("{} is there", path.display()), PATIENCE, || {
        path.exists()
    });
}

/// Lets a script go on that waits at a pipe.
pub fn open_gate(path: &Path) {
    std::fs::write(path, "go\n").unwrap();
}
