//! Two users of one machine in one repository, as `core.sharedRepository` lets them, and one to whom a
//! closed directory is closed.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::runs::CONFIG;
use crate::support::{Outcome, Sandbox, run};

/// Users that need no entry in any list, and their common group.
const USERS: [u32; 2] = [61_001, 61_002];
const GROUP: u32 = 61_000;

/// A scene of two users; nothing where this process cannot become others.
struct Shared {
    sandbox: Sandbox,
}

impl Shared {
    fn new(value: &str) -> Option<Shared> {
        let sandbox = Sandbox::empty();
        let open = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let root = sandbox.root();
        std::fs::create_dir_all(&root).unwrap();
        open(&sandbox.base(), 0o755);
        open(&root, 0o2775);
        let shared = Shared { sandbox };
        for user in USERS {
            let home = shared.home(user);
            std::fs::create_dir_all(&home).unwrap();
            if std::os::unix::fs::chown(&home, Some(user), Some(GROUP)).is_err() {
                eprintln!("skipped: only root can become two users");
                return None;
            }
        }
        std::os::unix::fs::chown(&root, Some(USERS[0]), Some(GROUP)).unwrap();
        let probe = shared.as_user(USERS[0], &[env!("CARGO_BIN_EXE_ai"), "--version"]);
        if probe.code != Some(0) {
            eprintln!("skipped: another user cannot start the program here: {probe}");
            return None;
        }
        for user in USERS {
            for (key, text) in [
                ("user.name", "n"),
                ("user.email", "n@e.x"),
                ("safe.directory", "*"),
            ] {
                shared.git(user, &["config", "--global", key, text]);
            }
        }
        shared.git(
            USERS[0],
            &["init", "-q", "-b", "main", &format!("--shared={value}")],
        );
        Some(shared)
    }

    fn home(&self, user: u32) -> std::path::PathBuf {
        self.sandbox.base().join(format!("home-{user}"))
    }

    fn as_user(&self, user: u32, words: &[&str]) -> Outcome {
        let mut command = Command::new("setpriv");
        command
            .args([
                "--reuid",
                &user.to_string(),
                "--regid",
                &GROUP.to_string(),
                "--clear-groups",
            ])
            .args(["sh", "-c", "umask 022; exec \"$@\"", "sh"])
            .args(words)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home(user))
            .env("AI_SANDBOX", "none")
            .current_dir(self.sandbox.root());
        run(&mut command)
    }

    #[track_caller]
    fn git(&self, user: u32, args: &[&str]) {
        let outcome = self.as_user(user, &[&["git"], args].concat());
        assert_eq!(outcome.code, Some(0), "{args:?}: {outcome}");
    }

    #[track_caller]
    fn ai(&self, user: u32, args: &[&str]) -> Outcome {
        let outcome = self.as_user(user, &[&[env!("CARGO_BIN_EXE_ai")], args].concat());
        assert_eq!(outcome.code, Some(0), "{user} {args:?}: {outcome}");
        outcome
    }

    /// A project of the first user, with an agent `fake` that runs `script`; nothing is trusted yet.
    fn with_agent(&self, script: &str) {
        let (one, root) = (USERS[0], self.sandbox.root());
        self.sandbox.write("a.txt", "a");
        let agent = self.sandbox.base().join("agent.sh");
        std::fs::write(&agent, format!("#!/bin/sh\ncat >/dev/null; {script}\n")).unwrap();
        std::fs::set_permissions(&agent, std::fs::Permissions::from_mode(0o755)).unwrap();
        self.git(one, &["add", "."]);
        self.git(one, &["commit", "-qm", "first"]);
        self.ai(one, &["init", "--yes"]);
        std::fs::write(root.join(".ai/config.yaml"), CONFIG).unwrap();
        let agent = agent.to_str().unwrap();
        let words = ["agent", "register", "fake", "--connector", "command", "--"];
        self.ai(one, &[&words[..], &[agent]].concat());
    }

    fn task(&self, user: u32) -> String {
        let id = self.ai(user, &["task", "create", "--quiet", "One"]).stdout;
        id.split_whitespace().next().unwrap().to_owned()
    }
}

/// What a find says below the git directory: what the group cannot use.
fn closed(dir: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let stat = path.symlink_metadata().unwrap();
        let mode = stat.permissions().mode();
        if stat.is_symlink() || path.ends_with("home") {
            continue;
        }
        if stat.is_dir() {
            if mode & 0o2070 != 0o2070 {
                found.push(format!("{} {mode:o}", path.display()));
            }
            closed(&path, found);
        } else if mode & 0o040 == 0 && !dir.ends_with("ai-lease") {
            found.push(format!("{} {mode:o}", path.display()));
        }
    }
}

#[test]
fn what_one_user_makes_the_other_can_use() {
    let Some(shared) = Shared::new("group") else {
        return;
    };
    let [one, two] = USERS;
    let root = shared.sandbox.root();
    shared.with_agent("echo work >work.txt");
    for user in USERS {
        shared.ai(user, &["trust"]);
    }
    let (first, second) = (shared.task(one), shared.task(two));
    shared.ai(one, &["run", &first, "--agent", "fake"]);
    shared.ai(two, &["run", &second, "--agent", "fake"]);
    for (user, id) in [(two, &first), (one, &second)] {
        shared.ai(user, &["evidence", "verify", id]);
        shared.ai(user, &["review", id]);
    }
    // Each has claims of his own in the same checkout, and acts under no other's.
    let claims = USERS.map(|user| (user, shared.task(user)));
    for (user, id) in &claims {
        shared.ai(*user, &["task", "claim", id]);
    }
    for ((user, _), (_, id)) in claims.iter().zip(claims.iter().rev()) {
        let words = [env!("CARGO_BIN_EXE_ai"), "task", "heartbeat", id];
        assert_eq!(shared.as_user(*user, &words).code, Some(7), "{user} {id}");
    }
    for (user, id) in &claims {
        shared.ai(*user, &["task", "release", id]);
    }
    shared.ai(two, &["backup"]);
    shared.ai(one, &["backup"]);
    shared.ai(two, &["log", "verify"]);
    let mut found = Vec::new();
    closed(&root.join(".git"), &mut found);
    assert_eq!(found, [""; 0], "closed to the group");
}

/// The superuser may go anywhere, so this takes a user to whom a closed directory is closed.
#[test]
fn what_an_agent_has_closed_is_out_of_the_way_of_the_next_run() {
    let cases = [
        ("mkdir un; echo u >un/u; chmod 000 un", "d--------- un"),
        ("mkdir un; echo u >un/u; chmod 444 un", "-rw-r--r-- u"),
        (
            "mkdir ro; echo u >ro/u; chmod 000 ro/u; chmod 555 ro",
            "---------- u",
        ),
        (
            "mkdir -p ro/in; echo u >ro/in/u; chmod 000 ro/in; chmod 555 ro",
            "d--------- in",
        ),
        (
            "mkdir ro; git init -q ro/repo; echo x >ro/repo/x; git -C ro/repo add x; git -C ro/repo commit -qm x; chmod 555 ro",
            "drwxr-xr-x repo",
        ),
    ];
    for (script, kept) in cases {
        let Some(shared) = Shared::new("umask") else {
            return;
        };
        let user = USERS[0];
        shared.with_agent(&format!("echo work >work.txt; {script}"));
        shared.ai(user, &["trust"]);
        for _ in 0..3 {
            let id = shared.task(user);
            shared.ai(user, &["run", &id, "--agent", "fake"]);
        }
        // What was moved away twice, each as closed as it was; the last one stands there still.
        let listed = shared.as_user(
            user,
            &[
                "find",
                ".git/ai/kept",
                "-mindepth",
                "2",
                "-not",
                "-path",
                "*/repo/*",
                "-not",
                "-name",
                "ro",
                "-printf",
                "%M %f\\n",
            ],
        );
        let mut found: Vec<&str> = listed.stdout.lines().collect();
        found.retain(|line| !line.ends_with(" un") || line.starts_with("d---"));
        assert_eq!(found, [kept, kept], "{script}");
    }
}
