//! A directory of its own for each test, in which nothing of the machine is seen.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::StatVfsMountFlags;
use serde_json::Value;
use tempfile::TempDir;

use super::{Outcome, cmd, copy_tree, once};

/// The author's and committer's date of every commit.
const DATE: &str = "1700000000 +0000";

/// Scenes of these modules stand on the disk: in a real sandbox `/dev` is the sandbox's own, and what
/// is killed or crowded there should wait for a real disk.
const ON_DISK: [&str; 15] = [
    "guard",
    "in_run",
    "contention",
    "credentials",
    "ecosystems",
    "egress",
    "places",
    "places_python",
    "quick_start",
    "run_full_disk",
    "run_kills",
    "run_left",
    "sandbox",
    "store",
    "torture",
];
/// Likewise single tests of other modules.
const TESTS_ON_DISK: [&str; 8] = [
    "agent_doctor::a_program_that_its_sandbox_hides_is_told_by_the_doctor_and_by_the_run",
    "digest::the_agent_of_a_run_tells_of_a_friction_and_closes_none",
    "agents::a_cli_whose_settings_stand_in_its_home_alone_finds_ours_beneath_the_users",
    "hooks::an_agent_that_can_commit_does_so_past_the_hooks_of_the_checkout",
    "in_place::in_a_sandbox_git_and_the_settings_are_out_of_reach",
    "messages::the_agent_of_a_run_writes_and_reads_its_own_messages",
    "recurring::within_a_run_its_agent_has_no_hand_at_it",
    "mcp::within_a_run_the_supervisor_answers_for_its_own_task",
];
const MEMORY: &str = "/dev/shm";
/// More than all tests at once have ever needed.
const ROOM: u64 = 4 << 30;

/// Memory where there is enough, since a scene waits for the disk longer than for anything else;
/// else the usual directory.
fn place() -> PathBuf {
    // The thread of a test has its name.
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default();
    let module = test.split_once("::").map(|(module, _)| module);
    let mut listed = TESTS_ON_DISK.iter().chain(&ON_DISK);
    let is_on_disk = module.is_none() || listed.any(|name| *name == test || Some(*name) == module);
    let has_room = || {
        rustix::fs::statvfs(MEMORY).is_ok_and(|memory| {
            (memory.f_flag & StatVfsMountFlags::NOEXEC).is_empty()
                && memory.f_bavail * memory.f_frsize >= ROOM
        })
    };
    if !is_on_disk && has_room() {
        MEMORY.into()
    } else {
        std::env::temp_dir()
    }
}

/// A temporary directory with `home/` and `repo/`; all of it is gone with the value.
pub struct Sandbox {
    temp: TempDir,
}

impl Sandbox {
    /// Home and an empty directory `repo/`, no repository.
    pub fn empty() -> Sandbox {
        cmd::heed_the_switch();
        let sandbox = Sandbox {
            temp: TempDir::with_prefix_in("ai-it-", place()).unwrap(),
        };
        for dir in ["home", "tmp", "repo"] {
            std::fs::create_dir(sandbox.base().join(dir)).unwrap();
        }
        sandbox
    }

    /// A repository on branch `main` with one commit.
    pub fn repository() -> Sandbox {
        let sandbox = Sandbox::empty();
        let first = once("repository", |path| {
            let made = Sandbox::empty();
            made.git(&["init", "-q", "-b", "main"]);
            made.keep_git_quiet();
            made.write("README.md", "A project.\n");
            made.commit("first");
            // A dozen samples that nobody reads, copied for each scene.
            let hooks = made.root().join(".git/hooks");
            std::fs::remove_dir_all(&hooks).unwrap();
            std::fs::create_dir(&hooks).unwrap();
            copy_tree(&made.root(), path);
        });
        copy_tree(&first, &sandbox.root());
        // The index knows the files of the copy as those of the first.
        sandbox.git(&["update-index", "-q", "--refresh"]);
        sandbox
    }

    /// Git tidies up in the background now and then, which looks as if an agent had left a process.
    fn keep_git_quiet(&self) {
        let config = self.read(".git/config");
        let quiet = "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n";
        self.write(".git/config", config + quiet);
    }

    /// A repository with one commit, set up by `ai init`.
    pub fn project() -> Sandbox {
        let sandbox = Sandbox::repository();
        sandbox.ai_ok(&["init", "--yes"]);
        sandbox
    }

    /// The temporary directory, with symbolic links resolved.
    pub fn base(&self) -> PathBuf {
        self.temp.path().canonicalize().unwrap()
    }

    /// The repository.
    pub fn root(&self) -> PathBuf {
        self.base().join("repo")
    }

    /// The store of the repository.
    pub fn store(&self) -> PathBuf {
        self.root().join(".git/ai/ai.db")
    }

    /// Where `ai` keeps worktrees and places of checks of the repository; a path that is not there
    /// before it has made any.
    pub fn places(&self) -> PathBuf {
        let cache = self.base().join("home/.cache/ai");
        let mut all = std::fs::read_dir(&cache)
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path());
        all.find(|path| path.join("owner").is_file())
            .unwrap_or_else(|| cache.join("none"))
    }

    /// A path in one of the worktrees, such as `w1/work.txt`.
    pub fn slot(&self, path: &str) -> PathBuf {
        self.places().join("worktrees").join(path)
    }

    /// Where the checks of that name run.
    pub fn check_place(&self, name: &str) -> PathBuf {
        self.places().join("checks").join(name).join("tree")
    }

    /// Writes a file of the repository, with the directories above it.
    pub fn write(&self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The text of a file of the repository.
    pub fn read(&self, path: impl AsRef<Path>) -> String {
        std::fs::read_to_string(self.root().join(path)).unwrap()
    }

    /// A command in `repo/` with this sandbox's environment and nothing of the caller's but `PATH`.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let (base, home) = (self.base(), self.base().join("home"));
        let mut command = Command::new(program);
        command
            .current_dir(self.root())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap());
        command
            .env("HOME", &home)
            .env("TMPDIR", base.join("tmp"))
            // Agents of most scenes leave signs beside the repository; the scenes about fences say
            // otherwise.
            .env("AI_SANDBOX", "none")
            // A busy machine would show it by chance.
            .env("AI_PROGRESS", "never")
            .env("USER", "tester")
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC");
        for (name, dir) in [
            ("CONFIG", ".config"),
            ("DATA", ".local/share"),
            ("STATE", ".local/state"),
            ("CACHE", ".cache"),
        ] {
            command.env(format!("XDG_{name}_HOME"), home.join(dir));
        }
        command
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0");
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "Tester")
                .env(format!("GIT_{role}_EMAIL"), "tester@example.com");
            command.env(format!("GIT_{role}_DATE"), DATE);
        }
        command
    }

    /// `ai` with these arguments, not yet started: for more environment, another directory, or
    /// input.
    pub fn ai_command(&self, args: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_ai"));
        command.args(args);
        command
    }

    /// Runs `ai` in the repository.
    pub fn ai(&self, args: &[&str]) -> Outcome {
        cmd::run(&mut self.ai_command(args))
    }

    /// Runs `ai` in another directory.
    pub fn ai_in(&self, dir: &Path, args: &[&str]) -> Outcome {
        cmd::run(self.ai_command(args).current_dir(dir))
    }

    /// Runs `ai`, which must succeed.
    #[track_caller]
    pub fn ai_ok(&self, args: &[&str]) -> Outcome {
        let outcome = self.ai(args);
        assert_eq!(outcome.code, Some(0), "ai {args:?}\n{outcome}");
        outcome
    }

    /// Runs `ai … --json`, which must succeed, and returns its one object.
    #[track_caller]
    pub fn ai_json(&self, args: &[&str]) -> Value {
        self.ai_ok(&[args, &["--json"]].concat()).json()
    }

    /// Runs `ai … --json`, which must succeed, and returns its lines.
    #[track_caller]
    pub fn ai_json_lines(&self, args: &[&str]) -> Vec<Value> {
        self.ai_ok(&[args, &["--json"]].concat()).json_lines()
    }

    /// Creates a task and returns its id.
    #[track_caller]
    pub fn task(&self, title: &str, more: &[&str]) -> String {
        let task = self.ai_json(&[&["task", "create", title], more].concat());
        task["id"].as_str().unwrap().to_owned()
    }
}
