//! Unusual repositories: each works from `init` to an accepted change, or is refused in one
//! sentence before anything changed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::snapshot;
use crate::support::runs::GOOD;
use crate::support::{Outcome, Sandbox};

/// Writes one new file and changes nothing else.
const AGENT: &str = "cat >/dev/null; mkdir -p made && echo made > made/by-agent.txt";

/// Registers the agent and a check that its work passes, then runs one task and accepts it.
#[track_caller]
fn whole_story(scene: &Sandbox) -> Outcome {
    scene.ai_ok(&["init", "--yes"]);
    scene.write(
        ".ai/config.yaml",
        "version: 1\nchecks:\n  made:\n    run: test -f made/by-agent.txt\n",
    );
    scene.ai_ok(&[
        "agent",
        "register",
        "maker",
        "--connector",
        "command",
        "--",
        "sh",
        "-c",
        AGENT,
    ]);
    scene.ai_ok(&["trust"]);
    let id = scene.task("Make a file", &["--path", "made/"]);
    let run = scene.ai(&["run", &id]);
    assert_eq!(run.code, Some(0), "{run}");
    scene.ai(&["accept", &id])
}

/// The file that the agent made, on `main`.
#[track_caller]
fn assert_landed(scene: &Sandbox) {
    assert_eq!(scene.git(&["show", "main:made/by-agent.txt"]), "made");
    let verified = scene.ai(&["log", "verify"]);
    assert_eq!(verified.code, Some(0), "{verified}");
}

#[track_caller]
fn works(scene: &Sandbox) {
    let accepted = whole_story(scene);
    assert_eq!(accepted.code, Some(0), "{accepted}");
    assert_landed(scene);
}

#[test]
fn an_ordinary_repository() {
    works(&Sandbox::repository());
}

#[test]
fn an_unborn_branch() {
    let scene = Sandbox::empty();
    scene.git(&["init", "-q", "-b", "main"]);
    works(&scene);
}

#[test]
fn work_from_before_the_first_commit_cannot_be_merged_and_goes_back() {
    let scene = Sandbox::empty();
    scene.git(&["init", "-q", "-b", "main"]);
    scene.ai_ok(&["init"]);
    let registered = [
        "agent",
        "register",
        "fake",
        "--connector",
        "command",
        "--",
        "sh",
        "-c",
        "echo work > work.txt",
    ];
    scene.ai_ok(&registered);
    let id = scene.task("One", &[]);
    scene.ai_ok(&["run", &id]);
    scene.commit("first");
    snapshot!(scene.ai(&["accept", &id, "--override", "small"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [SHORT] and refs/heads/main have no commit in common, so they cannot be merged
      next: `ai reject [TASK] --note TEXT`, so that the next run begins on what the target is now
    ");
    scene.ai_ok(&["reject", &id, "--note", "on top of the first commit"]);
    scene.ai_ok(&["run", &id]);
    scene.ai_ok(&["accept", &id, "--override", "small"]);
    assert_eq!(scene.git(&["show", "main:work.txt"]), "work");
}

#[test]
fn a_sha256_repository() {
    let scene = Sandbox::empty();
    scene.git(&["init", "-q", "-b", "main", "--object-format=sha256"]);
    scene.write("a.txt", "a");
    scene.commit("first");
    works(&scene);
}

#[test]
fn names_with_spaces_line_breaks_and_bytes_that_are_no_text() {
    let scene = Sandbox::repository();
    scene.write("a name with spaces.txt", "x");
    scene.write("line\nbreak.txt", "x");
    scene.write(OsStr::from_bytes(b"bytes-\xff\xfe.bin"), "x");
    scene.commit("odd names");
    works(&scene);
    let names = scene.git(&["ls-tree", "-r", "--name-only", "-z", "main"]);
    assert_eq!(names.matches('\0').count(), 5, "{names:?}");
}

#[test]
fn a_shallow_clone() {
    let origin = Sandbox::repository();
    origin.write("b.txt", "b");
    origin.commit("second");
    let scene = Sandbox::empty();
    let url = format!("file://{}", origin.root().display());
    scene.git(&["clone", "-q", "--depth", "1", &url, "."]);
    works(&scene);
}

#[test]
fn a_sparse_checkout() {
    let scene = Sandbox::repository();
    scene.write("wanted/a.txt", "a");
    scene.write("unwanted/b.txt", "b");
    scene.commit("two directories");
    scene.git(&["sparse-checkout", "set", "wanted", "made"]);
    works(&scene);
    assert_eq!(
        scene.git(&["show", "main:unwanted/b.txt"]),
        "b",
        "what is not checked out is not deleted"
    );
}

#[test]
fn a_repository_with_a_submodule() {
    let inner = Sandbox::repository();
    let scene = Sandbox::repository();
    let url = inner.root().to_str().unwrap().to_owned();
    scene.git(&[
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "add",
        "-q",
        &url,
        "sub",
    ]);
    scene.commit("with a submodule");
    let before = scene.git(&["rev-parse", "main:sub"]);
    works(&scene);
    assert_eq!(
        scene.git(&["rev-parse", "main:sub"]),
        before,
        "the recorded commit stays"
    );
}

#[test]
fn a_detached_head_runs_and_says_where_to_accept() {
    let scene = Sandbox::repository();
    scene.git(&["checkout", "-q", "--detach"]);
    snapshot!(whole_story(&scene), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: the run started from a detached HEAD, so there is no branch to accept into
      next: set accept.target in .ai/config.yaml
    ");
    let text = scene.read(".ai/config.yaml") + "accept:\n  target: main\n";
    scene.write(".ai/config.yaml", text);
    let id = scene.ai_json_lines(&["task", "list"])[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    scene.ai_ok(&["accept", &id]);
    assert_landed(&scene);
}

#[test]
fn a_bare_repository_is_used_through_a_linked_worktree() {
    let origin = Sandbox::repository();
    let scene = Sandbox::empty();
    let bare = scene.base().join("bare.git");
    let url = origin.root().to_str().unwrap().to_owned();
    scene.git_in(
        &scene.base(),
        &["clone", "-q", "--bare", &url, bare.to_str().unwrap()],
    );
    std::fs::remove_dir(scene.root()).unwrap();
    scene.git_in(
        &bare,
        &[
            "worktree",
            "add",
            "-q",
            scene.root().to_str().unwrap(),
            "main",
        ],
    );
    let accepted = whole_story(&scene);
    assert_eq!(accepted.code, Some(0), "{accepted}");
    assert_landed(&scene);
}

#[test]
fn an_extension_that_the_library_refuses() {
    let scene = Sandbox::repository();
    scene.git(&["config", "core.repositoryFormatVersion", "1"]);
    scene.git(&["config", "extensions.partialClone", "nowhere"]);
    works(&scene);
}

#[test]
fn nothing_is_written_into_a_repository_that_git_refuses() {
    let scene = Sandbox::repository();
    scene.git(&["config", "core.repositoryFormatVersion", "1"]);
    scene.git(&["config", "extensions.fromTheFuture", "true"]);
    snapshot!(scene.ai(&["init", "--yes"]), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: git cannot use [PATH]/repo: unknown repository extension found: fromthefuture
      next: install a newer git than [GIT]; `git config --file [PATH]/repo/.git/config --list` shows what it asks for
    ");
    assert!(!scene.root().join(".ai").exists() && !scene.root().join(".git/ai").exists());

    let known = Sandbox::project();
    let config = std::fs::read(known.root().join(".git/config")).unwrap();
    known.git(&["config", "core.repositoryFormatVersion", "1"]);
    known.git(&["config", "extensions.fromTheFuture", "true"]);
    for command in [
        &["task", "create", "One"][..],
        &["lock", "acquire", "a.txt"],
        &["import", "nothing.jsonl"],
    ] {
        assert_eq!(known.ai(command).code, Some(1), "{command:?}");
    }
    known.write(".git/config", config);
    assert_eq!(known.ai_ok(&["task", "list", "--json"]).stdout, "");
}

/// Every file that is `ai`'s in a repository, with what it holds: its state, its files in the checkout, and hooks.
fn files_of_ai(scene: &Sandbox) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut open: Vec<PathBuf> = [
        ".git/ai",
        ".ai",
        ".git/hooks",
        ".git/ai-high-water",
        ".claude",
    ]
    .into_iter()
    .map(|name| scene.root().join(name))
    .collect();
    let mut found = BTreeMap::new();
    while let Some(path) = open.pop() {
        if path.is_symlink() || !path.exists() {
            continue;
        }
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).unwrap();
            open.extend(entries.map(|entry| entry.unwrap().path()));
            found.insert(path, Vec::new());
        } else {
            let bytes = std::fs::read(&path).unwrap();
            found.insert(path, bytes);
        }
    }
    found
}

#[test]
fn no_command_writes_into_a_project_whose_repository_git_refuses() {
    let scene = Sandbox::with_script(GOOD);
    let reviewed = scene.reviewed("One");
    let queued = scene.task("Two", &[]);
    scene.ai_ok(&["backup"]);
    scene.git(&["config", "core.repositoryFormatVersion", "1"]);
    scene.git(&["config", "extensions.fromTheFuture", "true"]);
    let before = files_of_ai(&scene);
    for args in [
        &["init", "--yes"][..],
        &["task", "create", "Three"],
        &["task", "edit", &queued, "--title", "x"],
        &["task", "claim", &queued],
        &["task", "cancel", &queued, "--reason", "x"],
        &["lock", "acquire", "a.txt"],
        &["hooks", "install"],
        &["hooks", "uninstall"],
        &["guard", "install", "claude"],
        &["guard", "uninstall", "claude"],
        &["mcp", "install", "claude"],
        &["trust"],
        &[
            "agent",
            "register",
            "x",
            "--connector",
            "command",
            "--",
            "true",
        ],
        &["agent", "remove", "fake"],
        &["agent", "detect", "--write"],
        &["run", &queued],
        &["recover"],
        &["worktree", "prune"],
        &["backup"],
        &["restore"],
        &["accept", &reviewed],
        &["reject", &reviewed, "--note", "x"],
        &["land", "--all"],
        &["gc", "--yes"],
        &["check"],
        &["daemon", "start"],
        &["daemon", "run", "--for", "1s"],
        &["friction", "add", "x"],
        &["send", "human:ann", "x"],
        &["import", "nothing.jsonl"],
        &["recurring", "tick"],
        &["hooks", "run", "pre-commit"],
        &["uninstall", "--yes", "--discard"],
    ] {
        let outcome = scene.ai(args);
        assert_eq!(outcome.code, Some(1), "{args:?}: {outcome}");
        assert!(files_of_ai(&scene) == before, "{args:?} changed a file");
    }
    // What only looks goes on, and writes nothing either.
    for args in [
        &["status"][..],
        &["why", &queued],
        &["agent", "doctor"],
        &["agent", "detect"],
        &["export"],
        &["log", "verify"],
        &["hooks", "status"],
        &["trust", "--show"],
    ] {
        scene.ai(args);
        assert!(files_of_ai(&scene) == before, "{args:?} changed a file");
    }
}

#[test]
fn a_repository_of_somebody_else_gets_no_files() {
    let scene = Sandbox::repository();
    let other = rustix::fs::Uid::from_raw(12345);
    if rustix::fs::chown(scene.root(), Some(other), None).is_err() {
        // Only the superuser can give files away.
        return;
    }
    snapshot!(scene.ai(&["init", "--yes"]), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: [PATH]/repo belongs to another user: detected dubious ownership in repository at '[PATH]/repo'
      next: if you trust whoever owns it: `git config --global --add safe.directory [PATH]/repo`
    ");
    assert!(!scene.root().join(".ai").exists() && !scene.root().join(".git/ai").exists());
}

#[test]
fn a_branch_in_the_way_is_told_before_anything_is_claimed() {
    let scene = Sandbox::repository();
    scene.git(&["branch", "ai"]);
    scene.ai_ok(&["init", "--yes"]);
    scene.ai_ok(&[
        "agent",
        "register",
        "maker",
        "--connector",
        "command",
        "--",
        "true",
    ]);
    scene.ai_ok(&["trust"]);
    let id = scene.task("Never started", &[]);
    snapshot!(scene.ai(&["run", &id]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: a branch named `ai` is in the way: beside it Git makes no branch `ai/...`, which every run needs
      next: `git branch -m ai NEWNAME` gives it another name
    ");
    assert_eq!(scene.ai_json(&["task", "show", &id])["status"], "queued");
    let findings = scene.ai(&["doctor", "--json"]).stdout;
    let findings = findings
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let told = findings.filter(|found: &serde_json::Value| found["check"] == "branches");
    assert_eq!(told.count(), 1);
}

#[test]
fn a_path_too_long_for_the_store_is_told_and_nothing_is_made() {
    let scene = Sandbox::repository();
    let deep = scene.base().join("d".repeat(200)).join("e".repeat(240));
    std::fs::create_dir_all(&deep).unwrap();
    let root = deep.join("repo");
    scene.git(&["init", "-q", root.to_str().unwrap()]);
    let root_arg = root.to_str().unwrap();
    assert_eq!(scene.ai(&["-C", root_arg, "status"]).code, Some(9));
    let mut refused = scene.ai(&["-C", root_arg, "init", "--yes"]);
    let bytes = regex::Regex::new(r"\d+ bytes").unwrap();
    let names = format!("{}/{}", "d".repeat(200), "e".repeat(240));
    refused.stderr = bytes
        .replace(&refused.stderr, "[N] bytes")
        .replace(&names, "[LONG]");
    snapshot!(refused, @"
    exit: 9
    ----- stdout -----
    ----- stderr -----
    error: the path of the task store has [N] bytes, and SQLite leaves room for 480: [PATH]/[LONG]/repo/.git/ai/ai.db
      next: move the repository to a directory with a shorter path; nothing was touched
    ");
    assert!(!root.join(".ai").exists() && !root.join(".git/ai").exists());
}

#[test]
fn a_format_that_git_refuses_is_refused_in_one_sentence_and_nothing_changes() {
    let scene = Sandbox::repository();
    scene.ai_ok(&["init", "--yes"]);
    scene.ai_ok(&[
        "agent",
        "register",
        "maker",
        "--connector",
        "command",
        "--",
        "true",
    ]);
    let id = scene.task("Never started", &[]);
    scene.git(&["config", "core.repositoryFormatVersion", "1"]);
    scene.git(&["config", "extensions.fromTheFuture", "true"]);
    snapshot!(scene.ai(&["run", &id]), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: git cannot use [PATH]/repo: unknown repository extension found: fromthefuture
      next: install a newer git than [GIT]; `git config --file [PATH]/repo/.git/config --list` shows what it asks for
    ");
    assert_eq!(scene.ai_json(&["task", "show", &id])["status"], "queued");
    assert!(!scene.places().exists());
}

#[test]
fn outside_a_repository_the_way_in_is_named() {
    let scene = Sandbox::empty();
    snapshot!(scene.ai(&["task", "list"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: [PATH]/repo is not inside a Git repository
      next: git init, or change into a repository
    ");
}

#[test]
fn the_store_is_one_from_the_root_a_subdirectory_and_a_linked_worktree() {
    let scene = Sandbox::project();
    scene.write("deep/er/x.txt", "x");
    scene.commit("deep");
    let linked = scene.worktree("linked");
    scene.task("Seen from everywhere", &[]);
    for dir in [
        scene.root(),
        scene.root().join("deep/er"),
        linked.clone(),
        linked.join("deep"),
    ] {
        snapshot!(scene.ai_in(&dir, &["task", "list"]), @"
        exit: 0
        ----- stdout -----
        [TASK]  queued   P2  Seen from everywhere
        ----- stderr -----
        ");
    }
}

#[test]
fn a_clean_of_everything_ignored_and_untracked_loses_no_task() {
    let scene = Sandbox::project();
    scene.task("Outlives a clean", &[]);
    scene.git(&["clean", "-fdxq"]);
    assert!(!scene.root().join(".ai").exists());
    snapshot!(scene.ai(&["task", "list"]), @"
    exit: 0
    ----- stdout -----
    [TASK]  queued   P2  Outlives a clean
    ----- stderr -----
    ");
}
