//! `ai hooks install` and `uninstall`: what stands there is kept and asked first, and comes back to the byte.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::snapshot;
use crate::support::{Outcome, Sandbox, run, tree};

const HOOK: &str = ".git/hooks/pre-commit";

/// The git directory, without what `ai` keeps there and what a commit changes.
fn bytes(sandbox: &Sandbox) -> BTreeMap<PathBuf, String> {
    const OTHERS: [&str; 8] = [
        "ai",
        "ai-high-water",
        "index",
        "objects",
        "refs",
        "logs",
        "COMMIT_EDITMSG",
        "ORIG_HEAD",
    ];
    let git = sandbox.root().join(".git");
    tree(&git, |path| {
        !OTHERS.iter().any(|name| path == git.join(name))
    })
}

/// Writes a hook.
fn hook(sandbox: &Sandbox, name: &str, text: &str, mode: u32) {
    let path = sandbox.root().join(".git/hooks").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
}

/// The standing of the hooks, wherever this program lies.
fn status(sandbox: &Sandbox) -> Outcome {
    let mut told = sandbox.ai(&["hooks", "status"]);
    told.stdout = told.stdout.replace(env!("CARGO_BIN_EXE_ai"), "[AI]");
    told
}

fn commit(sandbox: &Sandbox) -> Outcome {
    let root = sandbox.root();
    sandbox.try_git(&root, &["commit", "-q", "--allow-empty", "-m", "x"])
}

/// What may stand in the place of a hook, by a word for it.
const STANDS: [&str; 7] = [
    "nothing",
    "no directory",
    "a hook",
    "a hook that is off",
    "a link",
    "a dead link",
    "an odd mode",
];

fn put(sandbox: &Sandbox, what: &str) {
    let path = sandbox.root().join(HOOK);
    match what {
        "nothing" => {}
        "no directory" => std::fs::remove_dir(path.parent().unwrap()).unwrap(),
        "a hook" => hook(
            sandbox,
            "pre-commit",
            "#!/bin/sh\necho first >>order\n",
            0o755,
        ),
        "a hook that is off" => hook(sandbox, "pre-commit", "#!/bin/sh\nexit 1\n", 0o644),
        "a link" => {
            sandbox.write("tools/check", "#!/bin/sh\necho first >>order\n");
            let tool = sandbox.root().join("tools/check");
            std::fs::set_permissions(tool, PermissionsExt::from_mode(0o755)).unwrap();
            symlink("../../tools/check", path).unwrap();
        }
        "a dead link" => symlink("../nowhere", path).unwrap(),
        "an odd mode" => hook(
            sandbox,
            "pre-commit",
            "#!/bin/sh\necho first >>order\n",
            0o4711,
        ),
        other => unreachable!("{other}"),
    }
}

#[test]
fn whatever_stood_there_is_asked_first_and_comes_back_to_the_byte() {
    for what in STANDS {
        for by in [&["hooks", "uninstall"][..], &["uninstall", "--yes"]] {
            let sandbox = Sandbox::project();
            put(&sandbox, what);
            let before = bytes(&sandbox);
            sandbox.ai_ok(&["hooks", "install"]);
            sandbox.ai_ok(&["hooks", "install"]);
            let outcome = commit(&sandbox);
            assert_eq!(outcome.code, Some(0), "{what}\n{outcome}");
            let runs = matches!(what, "a hook" | "a link" | "an odd mode");
            assert_eq!(sandbox.root().join("order").exists(), runs, "{what}");
            assert_eq!(sandbox.ai_json_lines(&["policy", "log"]).len(), 1, "{what}");
            sandbox.ai_ok(by);
            assert_eq!(bytes(&sandbox), before, "{what} {by:?}");
        }
    }
}

#[test]
fn what_is_done_is_told_and_told_beforehand() {
    let sandbox = Sandbox::project();
    put(&sandbox, "a hook");
    let before = bytes(&sandbox);
    snapshot!(sandbox.ai(&["hooks", "install", "--dry-run"]), @"
    exit: 0
    ----- stdout -----
    pre-commit            asks the hook that stood there, then `ai`
    pre-merge-commit      asks `ai`
    pre-push              asks `ai`
    ----- stderr -----
    ");
    assert_eq!(bytes(&sandbox), before);
    snapshot!(sandbox.ai(&["hooks", "install"]), @"
    exit: 0
    ----- stdout -----
    pre-commit            asks the hook that stood there, then `ai`
    pre-merge-commit      asks `ai`
    pre-push              asks `ai`
    ----- stderr -----
    hint: `git commit --no-verify` passes them by, which is found when the commit is pushed; `ai hooks uninstall` takes them away
    ");
    snapshot!(sandbox.ai(&["hooks", "install", "--reference-transaction", "--json"]), @r#"
    exit: 0
    ----- stdout -----
    {"hook":"pre-commit","file":"[PATH]/repo/.git/hooks/pre-commit","change":"unchanged"}
    {"hook":"pre-merge-commit","file":"[PATH]/repo/.git/hooks/pre-merge-commit","change":"unchanged"}
    {"hook":"pre-push","file":"[PATH]/repo/.git/hooks/pre-push","change":"unchanged"}
    {"hook":"reference-transaction","file":"[PATH]/repo/.git/hooks/reference-transaction","change":"installed"}
    ----- stderr -----
    hint: `git commit --no-verify` passes them by, which is found when the commit is pushed; `ai hooks uninstall` takes them away
    "#);
    snapshot!(status(&sandbox), @"
    exit: 0
    ----- stdout -----
    pre-commit            installed  asks [AI]; first it asks [PATH]/repo/.git/hooks/pre-commit.before-ai
    pre-merge-commit      installed  asks [AI]
    pre-push              installed  asks [AI]
    reference-transaction installed  asks [AI]
    ----- stderr -----
    ");
    snapshot!(sandbox.ai(&["hooks", "uninstall"]), @"
    exit: 0
    ----- stdout -----
    removed   [PATH]/repo/.git/hooks/pre-merge-commit
    removed   [PATH]/repo/.git/hooks/pre-push
    removed   [PATH]/repo/.git/hooks/reference-transaction
    restored  [PATH]/repo/.git/hooks/pre-commit
    ----- stderr -----
    ");
    snapshot!(status(&sandbox), @"
    exit: 0
    ----- stdout -----
    pre-commit            foreign    it is not of `ai`
    pre-merge-commit      absent     `ai hooks install` makes it
    pre-push              absent     `ai hooks install` makes it
    reference-transaction absent     `ai hooks install --reference-transaction` makes it
    ----- stderr -----
    ");
    snapshot!(sandbox.ai(&["hooks", "uninstall"]), @"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    no hook of `ai` is in this repository
    ");
    snapshot!(sandbox.ai(&["hooks", "install", "--as", "agent:codex"]), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: only a person may change the hooks of Git
      next: ask a person to give this command
    ");
}

#[test]
fn the_no_of_the_hook_that_stood_there_is_the_answer() {
    let sandbox = Sandbox::project();
    hook(
        &sandbox,
        "pre-commit",
        "#!/bin/sh\necho no >&2\nexit 7\n",
        0o755,
    );
    sandbox.ai_ok(&["hooks", "install"]);
    snapshot!(commit(&sandbox), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    no
    ");
    assert_eq!(sandbox.ai_json_lines(&["policy", "log"]).len(), 0);
}

#[test]
fn hooks_of_managers_that_would_not_last_are_refused_with_the_line_to_add() {
    let sandbox = Sandbox::project();
    let before = bytes(&sandbox);
    let config = sandbox.read(".git/config");
    for path in [".husky/_", "/etc/git/hooks"] {
        sandbox.git(&["config", "core.hooksPath", path]);
        match path {
            ".husky/_" => snapshot!(sandbox.ai(&["hooks", "install"]), @r#"
            exit: 4
            ----- stdout -----
            ----- stderr -----
            error: husky has Git look for hooks in .husky/_ (core.hooksPath), so hooks in its own directory never run
              next: add the line `ai hooks run pre-commit` to .husky/pre-commit, `ai hooks run pre-merge-commit` to .husky/pre-merge-commit, `ai hooks run pre-push -- "$@"` to .husky/pre-push, before anything there reads standard input
            "#),
            _ => snapshot!(sandbox.ai(&["hooks", "install"]), @r#"
            exit: 4
            ----- stdout -----
            ----- stderr -----
            error: Git looks for hooks in /etc/git/hooks (core.hooksPath), so hooks in its own directory never run
              next: add the line `ai hooks run pre-commit || exit` to /etc/git/hooks/pre-commit, `ai hooks run pre-merge-commit || exit` to /etc/git/hooks/pre-merge-commit, `ai hooks run pre-push -- "$@" || exit` to /etc/git/hooks/pre-push, before anything there reads standard input
            "#),
        }
        sandbox.write(".git/config", &config);
    }
    let lefthook = "#!/bin/sh\ncall_lefthook run \"pre-push\" \"$@\"\n";
    hook(&sandbox, "pre-push", lefthook, 0o755);
    snapshot!(sandbox.ai(&["hooks", "install"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: lefthook has made the hook pre-push, and puts away whatever takes its place
      next: add to lefthook.yml: `pre-push: {commands: {ai: {run: ai hooks run pre-push -- {0}, use_stdin: true}}}`
    ");
    let by_name = "#!/bin/sh\nexec \"../tools/$(basename \"$0\")\"\n";
    hook(&sandbox, "pre-push", by_name, 0o755);
    snapshot!(sandbox.ai(&["hooks", "install"]), @r#"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: the hook pre-push that stands there goes by its own name, and could not be kept under another one
      next: add the line `ai hooks run pre-push -- "$@" || exit` to it yourself
    "#);
    std::fs::remove_file(sandbox.root().join(".git/hooks/pre-push")).unwrap();
    assert_eq!(bytes(&sandbox), before);
}

const SHAPED: &str =
    "version: 1\ndefault: allow\nguards: {commit_message: {effect: deny, subject_length: 30}}\n";

/// The line for each hook that the policy has a use for.
#[test]
fn where_others_have_the_hooks_the_line_for_each_is_named() {
    let sandbox = Sandbox::project();
    sandbox.write(".ai/policy.yaml", SHAPED);
    sandbox.commit("a policy");
    sandbox.git(&["config", "core.hooksPath", ".husky/_"]);
    snapshot!(sandbox.ai(&["hooks", "install", "--reference-transaction"]), @r#"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: husky has Git look for hooks in .husky/_ (core.hooksPath), so hooks in its own directory never run
      next: add the line `ai hooks run pre-commit` to .husky/pre-commit, `ai hooks run pre-merge-commit` to .husky/pre-merge-commit, `ai hooks run commit-msg -- "$@"` to .husky/commit-msg, `ai hooks run pre-push -- "$@"` to .husky/pre-push, `ai hooks run reference-transaction -- "$@"` to .husky/reference-transaction, before anything there reads standard input
    "#);
    snapshot!(status(&sandbox), @"
    exit: 0
    ----- stdout -----
    pre-commit            absent     husky has Git look for hooks in .husky/_ (core.hooksPath): `ai hooks install` makes none, and names the line to add there
    pre-merge-commit      absent     husky has Git look for hooks in .husky/_ (core.hooksPath): `ai hooks install` makes none, and names the line to add there
    commit-msg            absent     husky has Git look for hooks in .husky/_ (core.hooksPath): `ai hooks install` makes none, and names the line to add there
    pre-push              absent     husky has Git look for hooks in .husky/_ (core.hooksPath): `ai hooks install` makes none, and names the line to add there
    reference-transaction absent     husky has Git look for hooks in .husky/_ (core.hooksPath): `ai hooks install --reference-transaction` makes none, and names the line to add there
    ----- stderr -----
    ");
}

/// A policy that begins to speak of messages after the hooks were installed.
#[test]
fn a_hook_that_the_policy_needs_and_nobody_has_installed_is_told() {
    let sandbox = Sandbox::project();
    sandbox.ai_ok(&["hooks", "install"]);
    assert_eq!(status(&sandbox).code, Some(0));
    sandbox.write(".ai/policy.yaml", SHAPED);
    sandbox.commit("a policy");
    snapshot!(status(&sandbox), @"
    exit: 1
    ----- stdout -----
    pre-commit            installed  asks [AI]
    pre-merge-commit      installed  asks [AI]
    commit-msg            missing    the policy speaks of messages, and nobody asks it; `ai hooks install` makes it
    pre-push              installed  asks [AI]
    reference-transaction absent     `ai hooks install --reference-transaction` makes it
    ----- stderr -----
    ");
    let doctor = sandbox.ai(&["doctor", "--json"]).json_lines();
    let of_hooks = doctor.iter().filter(|one| one["check"] == "hooks");
    let told: Vec<String> = of_hooks
        .map(|one| format!("{} {}", one["level"], one["text"]))
        .collect();
    snapshot!(told.join("\n"), @r#"
    "warn" "the policy speaks of messages, and commit-msg is not there to ask about them"
    "ok" "pre-commit, pre-merge-commit, pre-push ask `ai`"
    "#);
    sandbox.ai_ok(&["hooks", "install"]);
    assert_eq!(status(&sandbox).code, Some(0));
}

#[test]
fn what_git_says_to_a_push_reaches_the_hook_that_stood_there_to_the_byte() {
    let sandbox = Sandbox::project();
    hook(
        &sandbox,
        "pre-push",
        "#!/bin/sh\ncat >input\necho \"$@\" >args\n",
        0o755,
    );
    let other = sandbox.base().join("other.git");
    let other = other.to_str().unwrap();
    sandbox.git(&["init", "-q", "--bare", other]);
    sandbox.ai_ok(&["hooks", "install"]);
    sandbox.git(&["push", "-q", other, "main", "main:side"]);
    let tip = sandbox.git(&["rev-parse", "main"]);
    let zero = "0".repeat(40);
    let line = |name: &str| format!("refs/heads/main {tip} refs/heads/{name} {zero}\n");
    assert_eq!(sandbox.read("input"), line("main") + &line("side"));
    assert_eq!(sandbox.read("args"), format!("{other} {other}\n"));
    assert_eq!(sandbox.ai_json_lines(&["policy", "log"]).len(), 2);
}

#[test]
fn a_directory_of_hooks_that_is_a_link_is_left_alone() {
    let sandbox = Sandbox::project();
    let (dir, shared) = (
        sandbox.root().join(".git/hooks"),
        sandbox.base().join("shared"),
    );
    std::fs::remove_dir(&dir).unwrap();
    std::fs::create_dir(&shared).unwrap();
    symlink(&shared, &dir).unwrap();
    assert_eq!(sandbox.ai(&["hooks", "install"]).code, Some(4));
    assert_eq!(std::fs::read_dir(&shared).unwrap().count(), 0);
    // Its own directory by its full name is no other.
    std::fs::remove_file(&dir).unwrap();
    sandbox.git(&["config", "core.hooksPath", dir.to_str().unwrap()]);
    sandbox.ai_ok(&["hooks", "install"]);
    assert_eq!(commit(&sandbox).code, Some(0));
    assert_eq!(sandbox.ai_json_lines(&["policy", "log"]).len(), 1);
}

#[test]
fn a_manager_that_is_installed_again_is_still_asked_first() {
    let sandbox = Sandbox::project();
    let manager = |version: &str| {
        format!(
            "#!/bin/sh\n# File generated by pre-commit: https://example.com\necho {version} >>order\n"
        )
    };
    hook(&sandbox, "pre-commit", &manager("old"), 0o755);
    sandbox.ai_ok(&["hooks", "install"]);
    // As it does with a hook that it does not know.
    let path = sandbox.root().join(HOOK);
    std::fs::rename(&path, path.with_extension("legacy")).unwrap();
    hook(&sandbox, "pre-commit", &manager("new"), 0o755);
    sandbox.ai_ok(&["hooks", "install"]);
    assert_eq!(commit(&sandbox).code, Some(0));
    assert_eq!(sandbox.read("order"), "new\n");
    sandbox.ai_ok(&["hooks", "uninstall"]);
    assert_eq!(sandbox.read(HOOK), manager("new"));
    assert!(!path.with_extension("legacy").exists());
}

/// Some managers write their hooks anew with each `npm install`, over whatever stands there.
#[test]
fn a_hook_that_somebody_has_put_over_ours_is_told_and_put_back() {
    let sandbox = Sandbox::project();
    sandbox.ai_ok(&["hooks", "install"]);
    hook(&sandbox, "pre-commit", "#!/bin/sh\nexit 0\n", 0o755);
    std::fs::remove_file(sandbox.root().join(".git/hooks/pre-push")).unwrap();
    snapshot!(status(&sandbox), @"
    exit: 1
    ----- stdout -----
    pre-commit            displaced  it was installed, and something else stands there, or nothing; `ai hooks install` puts it back
    pre-merge-commit      installed  asks [AI]
    pre-push              displaced  it was installed, and something else stands there, or nothing; `ai hooks install` puts it back
    reference-transaction absent     `ai hooks install --reference-transaction` makes it
    ----- stderr -----
    ");
    let doctor = sandbox.ai(&["doctor", "--json"]).json_lines();
    let bad = doctor
        .iter()
        .filter(|one| one["check"] == "hooks" && one["level"] == "bad");
    assert_eq!(bad.count(), 2);
    sandbox.ai_ok(&["hooks", "install"]);
    assert_eq!(status(&sandbox).code, Some(0));
    sandbox.ai_ok(&["hooks", "uninstall"]);
    assert_eq!(sandbox.read(HOOK), "#!/bin/sh\nexit 0\n");
    snapshot!(status(&sandbox), @"
    exit: 0
    ----- stdout -----
    pre-commit            foreign    it is not of `ai`
    pre-merge-commit      absent     `ai hooks install` makes it
    pre-push              absent     `ai hooks install` makes it
    reference-transaction absent     `ai hooks install --reference-transaction` makes it
    ----- stderr -----
    ");
}

#[test]
fn what_somebody_has_changed_stays_and_is_told() {
    let sandbox = Sandbox::project();
    sandbox.ai_ok(&["hooks", "install"]);
    let changed = sandbox.read(HOOK) + "echo mine\n";
    sandbox.write(HOOK, &changed);
    snapshot!(status(&sandbox), @"
    exit: 1
    ----- stdout -----
    pre-commit            changed    somebody has changed it since `ai` wrote it
    pre-merge-commit      installed  asks [AI]
    pre-push              installed  asks [AI]
    reference-transaction absent     `ai hooks install --reference-transaction` makes it
    ----- stderr -----
    ");
    snapshot!(sandbox.ai(&["hooks", "install"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: somebody has changed the hook pre-commit that `ai` had written
      next: move [PATH]/repo/.git/hooks/pre-commit away, then `ai hooks install`
    ");
    snapshot!(sandbox.ai(&["hooks", "uninstall"]), @"
    exit: 0
    ----- stdout -----
    removed   [PATH]/repo/.git/hooks/pre-merge-commit
    removed   [PATH]/repo/.git/hooks/pre-push
    kept      [PATH]/repo/.git/hooks/pre-commit: somebody has changed it since `ai` wrote it
    ----- stderr -----
    ");
    assert_eq!(sandbox.read(HOOK), changed);
}

/// The same with an `ai` that is found by its name, so that it can go.
fn by_name(sandbox: &Sandbox) -> PathBuf {
    let dir = sandbox.base().join("bin");
    std::fs::create_dir(&dir).unwrap();
    let link = dir.join("ai");
    symlink(env!("CARGO_BIN_EXE_ai"), &link).unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut command = sandbox.ai_command(&["hooks", "install"]);
    command.env("PATH", format!("{}:{path}", dir.display()));
    let outcome = run(&mut command);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    link
}

#[test]
fn without_a_working_ai_nothing_is_committed_unless_a_person_says_so() {
    let sandbox = Sandbox::project();
    let ai = by_name(&sandbox);
    assert_eq!(commit(&sandbox).code, Some(0));
    std::fs::remove_file(&ai).unwrap();
    snapshot!(commit(&sandbox), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    ai: pre-commit: [PATH]/bin/ai is gone, and no ai is in PATH, so nothing was committed; AI_HOOKS_SKIP='why' in front of the command goes on without it, and is recorded
    ");
    std::fs::write(&ai, "#!/bin/sh\nkill -9 $$\n").unwrap();
    std::fs::set_permissions(&ai, PermissionsExt::from_mode(0o755)).unwrap();
    snapshot!(commit(&sandbox), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    Killed
    ai: pre-commit: [PATH]/bin/ai broke down (exit code 137), so nothing was committed; AI_HOOKS_SKIP='why' in front of the command goes on without it, and is recorded
    ");
    // Blanks say nothing, so nobody has said why.
    for blank in ["", " ", "\t \r\n\u{b}\u{c}"] {
        let mut command = sandbox.command("git");
        command.args(["commit", "-q", "--allow-empty", "-m", "x"]);
        command.env("AI_HOOKS_SKIP", blank);
        assert_eq!(run(&mut command).code, Some(1), "{blank:?}");
    }
    assert!(!sandbox.root().join(".git/ai/skipped").exists());
    let mut command = sandbox.command("git");
    command.args(["commit", "-q", "--allow-empty", "-m", "x"]);
    command.env("AI_HOOKS_SKIP", " the disk\n\tis *  full ");
    snapshot!(run(&mut command), @"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    ");
    assert_eq!(
        sandbox.read(".git/ai/skipped"),
        "pre-commit\ttester\tthe disk is * full\n"
    );
}

#[test]
fn a_later_ai_is_found_in_the_path() {
    let sandbox = Sandbox::project();
    let ai = by_name(&sandbox);
    std::fs::rename(&ai, sandbox.base().join("home/ai")).unwrap();
    let mut command = sandbox.command("git");
    let path = std::env::var("PATH").unwrap();
    command.env(
        "PATH",
        format!("{}:{path}", sandbox.base().join("home").display()),
    );
    let outcome = run(command.args(["commit", "-q", "--allow-empty", "-m", "x"]));
    assert_eq!(outcome.code, Some(0), "{outcome}");
    // Not one that lies where the command was given.
    symlink(env!("CARGO_BIN_EXE_ai"), sandbox.root().join("ai")).unwrap();
    let mut command = sandbox.command("git");
    command.env("PATH", format!(".:{path}"));
    let outcome = run(command.args(["commit", "-q", "--allow-empty", "-m", "x"]));
    assert_eq!(outcome.code, Some(1), "{outcome}");
}

#[test]
fn a_program_without_a_terminal_or_a_path_is_judged_too() {
    let sandbox = Sandbox::project();
    sandbox.ai_ok(&["hooks", "install"]);
    let dirs = std::env::var("PATH").unwrap();
    let git = dirs.split(':').map(|dir| Path::new(dir).join("git"));
    let git = git.into_iter().find(|path| path.is_file()).unwrap();
    let mut command = sandbox.command(git);
    command.env("PATH", "").env_remove("HOME");
    let outcome = run(command.args(["commit", "-q", "--allow-empty", "-m", "x"]));
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(sandbox.ai_json_lines(&["policy", "log"]).len(), 1);
}

#[test]
fn a_killed_installation_leaves_the_old_or_the_new_and_the_next_one_mends_it() {
    for step in ["hook-kept", "hook-written", "hook-placed"] {
        for then in ["install", "uninstall"] {
            let sandbox = Sandbox::project();
            put(&sandbox, "a hook");
            let before = bytes(&sandbox);
            let mut command = sandbox.ai_command(&["hooks", "install"]);
            let killed = run(command.env("AI_TEST_FAILPOINT", format!("{step}:kill")));
            assert_eq!(killed.code, None, "{killed}");
            let outcome = commit(&sandbox);
            assert_eq!(outcome.code, Some(0), "{step}\n{outcome}");
            assert_eq!(sandbox.read("order"), "first\n", "{step}");
            sandbox.ai_ok(&["hooks", then]);
            if then == "install" {
                assert_eq!(
                    sandbox
                        .ai_ok(&["hooks", "status"])
                        .stdout
                        .matches("installed")
                        .count(),
                    3
                );
                sandbox.ai_ok(&["hooks", "uninstall"]);
            }
            let hooks = |all: BTreeMap<PathBuf, String>| -> Vec<(PathBuf, String)> {
                let dir = sandbox.root().join(".git/hooks");
                all.into_iter()
                    .filter(|(path, _)| path.starts_with(&dir))
                    .collect()
            };
            assert_eq!(hooks(bytes(&sandbox)), hooks(before), "{step} {then}");
        }
    }
}

#[test]
fn a_killed_removal_is_finished_by_the_next() {
    let sandbox = Sandbox::project();
    put(&sandbox, "a hook");
    let before = bytes(&sandbox);
    sandbox.ai_ok(&["hooks", "install"]);
    let mut command = sandbox.ai_command(&["hooks", "uninstall"]);
    let killed = run(command.env("AI_TEST_FAILPOINT", "hook-removed:kill"));
    assert_eq!(killed.code, None, "{killed}");
    sandbox.ai_ok(&["hooks", "uninstall"]);
    assert_eq!(bytes(&sandbox), before);
}

#[test]
fn two_installations_at_once_leave_one() {
    let sandbox = Sandbox::project();
    put(&sandbox, "a hook");
    let before = bytes(&sandbox);
    let all: Vec<_> = (0..4)
        .map(|n| {
            let verb = if n % 2 == 0 { "install" } else { "uninstall" };
            sandbox.ai_command(&["hooks", verb]).spawn().unwrap()
        })
        .collect();
    for mut one in all {
        assert!(one.wait().unwrap().success());
    }
    sandbox.ai_ok(&["hooks", "install"]);
    assert_eq!(commit(&sandbox).code, Some(0));
    assert_eq!(sandbox.read("order"), "first\n");
    sandbox.ai_ok(&["hooks", "uninstall"]);
    assert_eq!(sandbox.read(HOOK), "#!/bin/sh\necho first >>order\n");
    let kept = |all: &BTreeMap<PathBuf, String>| {
        all.keys()
            .filter(|path| path.extension().is_some_and(|ending| ending == "before-ai"))
            .count()
    };
    assert_eq!((kept(&bytes(&sandbox)), kept(&before)), (0, 0));
}

#[test]
fn a_doctor_says_when_a_door_is_out_of_order() {
    let sandbox = Sandbox::project();
    sandbox.ai_ok(&["hooks", "install"]);
    let hooks = |sandbox: &Sandbox| -> Vec<String> {
        let all = sandbox.ai(&["doctor", "--json"]).json_lines();
        let of = all.iter().filter(|one| one["check"] == "hooks");
        of.map(|one| {
            format!(
                "{} {}",
                one["level"].as_str().unwrap(),
                one["text"].as_str().unwrap()
            )
        })
        .collect()
    };
    assert_eq!(
        hooks(&sandbox),
        ["ok pre-commit, pre-merge-commit, pre-push ask `ai`"]
    );
    let path = sandbox.root().join(HOOK);
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    assert!(hooks(&sandbox)[0].starts_with("bad pre-commit cannot ask `ai`"));
    sandbox.git(&["config", "core.hooksPath", "/nowhere"]);
    assert_eq!(
        hooks(&sandbox)
            .iter()
            .filter(|one| one.starts_with("bad "))
            .count(),
        3
    );
    assert_eq!(sandbox.ai(&["hooks", "status"]).code, Some(1));
}
