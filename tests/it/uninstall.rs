//! `ai uninstall`: a repository gets back every byte, and nobody loses work over it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::snapshot;
use crate::support::runs::GOOD;
use crate::support::{Sandbox, tree};

/// Everything in the repository but what Git itself rewrites when it is only looked at.
fn bytes(scene: &Sandbox) -> BTreeMap<PathBuf, String> {
    tree(&scene.base(), |path| {
        !path.ends_with(".git/index") && !path.ends_with("tmp")
    })
}

fn gone(scene: &Sandbox) {
    assert!(
        !scene.root().join(".git/ai").exists()
            && std::fs::symlink_metadata(scene.root().join(".ai/state")).is_err()
    );
}

#[test]
fn a_fresh_project_gets_back_every_byte() {
    let scene = Sandbox::repository();
    scene.write("Makefile", "test:\n\ttrue\n");
    scene.commit("a makefile");
    // The user's own, as on any machine: what stands in them is `ai`'s, they are not.
    for dir in [".config", ".cache"] {
        std::fs::create_dir(scene.base().join("home").join(dir)).unwrap();
    }
    let before = bytes(&scene);
    scene.ai_ok(&["init", "--yes"]);
    assert!(
        scene.base().join("home/.config/ai/trust").is_dir(),
        "detected checks were trusted"
    );
    assert_ne!(bytes(&scene), before);
    snapshot!(scene.ai(&["uninstall", "--yes"]), @r#"
    exit: 0
    ----- stdout -----
    everything else of `ai` is gone from this repository
    ----- stderr -----
    "#);
    assert_eq!(bytes(&scene), before);
    snapshot!(scene.ai(&["uninstall", "--yes"]), @r#"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    nothing of `ai` is in this repository
    "#);
}

#[test]
fn the_plan_is_shown_and_nothing_goes_without_yes() {
    let scene = Sandbox::project();
    scene.task("one", &[]);
    let before = bytes(&scene);
    snapshot!(scene.ai(&["uninstall"]), @"
    exit: 8
    ----- stdout -----
    the store holds 1 task, 3 records and 0 runs
    removes   [PATH]/repo/.git/ai-high-water
    removes   [PATH]/repo/.git/ai
    removes   [PATH]/repo/.ai/state
    removes   [PATH]/repo/.ai/.gitignore
    removes   [PATH]/repo/.ai/config.yaml
    removes   [PATH]/repo/.ai/policy.yaml
    removes   [PATH]/home/.config/ai/trees
    ----- stderr -----
    error: nothing was removed
      next: `ai uninstall --yes --backup-to DIR` keeps a copy of the tasks, the log and the evidence in a new directory, `ai uninstall --yes --discard` lets them be lost
    ");
    let dry = scene.ai_ok(&["uninstall", "--dry-run", "--json"]).json();
    assert_eq!(dry["plan"]["store"]["tasks"], 1);
    assert!(dry["done"].is_null());
    snapshot!(scene.ai(&["uninstall", "--dry-run", "--yes"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the argument '--dry-run' cannot be used with '--yes'

    Usage: ai uninstall --dry-run

    For more information, try '--help'.
    ");
    let after = bytes(&scene);
    let scratch = |path: &Path| path.to_string_lossy().ends_with("ai.db-shm");
    assert!(
        before
            .iter()
            .filter(|(path, _)| !scratch(path))
            .all(|(path, text)| after.get(path) == Some(text))
    );
}

#[test]
fn tasks_go_only_after_a_copy_or_by_explicit_word() {
    let scene = Sandbox::project();
    let task = scene.task("one", &[]);
    snapshot!(scene.ai(&["uninstall", "--yes"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: the store holds 1 task and 0 runs
      next: `ai uninstall --yes --backup-to DIR` keeps a copy of the tasks, the log and the evidence in a new directory, `ai uninstall --yes --discard` lets them be lost
    ");
    assert_eq!(scene.ai(&["task", "show", &task]).code, Some(0));
    snapshot!(scene.ai(&["uninstall", "--yes", "--backup-to", "../kept"]), @r#"
    exit: 0
    ----- stdout -----
    copied    the store and its runs to [PATH]/repo/../kept
    everything else of `ai` is gone from this repository
    ----- stderr -----
    "#);
    gone(&scene);
    assert!(scene.base().join("kept/ai.db").is_file());
    scene.ai_ok(&["init"]);
    scene.task("two", &[]);
    // Nothing is overwritten.
    snapshot!(scene.ai(&["uninstall", "--yes", "--backup-to", "../kept"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [PATH]/repo/../kept exists already
      next: name a new directory for the copy
    ");
    scene.ai_ok(&["uninstall", "--yes", "--discard"]);
    gone(&scene);
}

#[test]
fn what_a_person_made_or_changed_stays() {
    let scene = Sandbox::project();
    scene.write(".ai/policy.yaml", "version: 1\n");
    scene.write(".ai/notes.txt", "mine");
    scene.git(&["add", ".ai/config.yaml"]);
    snapshot!(scene.ai(&["uninstall", "--yes"]), @r#"
    exit: 0
    ----- stdout -----
    kept      .ai/config.yaml: it is committed, or about to be
    kept      .ai/notes.txt: `ai init` did not write it
    kept      .ai/policy.yaml: it was changed since `ai init` wrote it
    everything else of `ai` is gone from this repository
    ----- stderr -----
    "#);
    assert_eq!(scene.read(".ai/notes.txt"), "mine");
    assert!(
        scene.root().join(".ai/config.yaml").is_file()
            && !scene.root().join(".ai/.gitignore").exists()
    );
}

#[test]
fn an_agent_may_not() {
    let scene = Sandbox::project();
    snapshot!(scene.ai(&["uninstall", "--yes", "--as", "agent:x"]), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: only a person may uninstall
      next: ask a person to give this command
    ");
    assert!(scene.store().is_file());
}

/// A project in which an agent has worked: a worktree in the pool, a branch with its commit.
fn worked() -> (Sandbox, String) {
    let scene = Sandbox::with_script(GOOD);
    let task = scene.task("one", &[]);
    scene.ai_ok(&["run", &task]);
    assert_eq!(
        scene.refs("refs/heads/ai/"),
        [format!("refs/heads/ai/{task}/1")]
    );
    (scene, task)
}

fn slot(scene: &Sandbox) -> PathBuf {
    let entries = std::fs::read_dir(scene.slot("")).unwrap();
    entries
        .map(|e| e.unwrap().path())
        .find(|path| path.join(".git").exists())
        .unwrap()
}

#[test]
fn worktrees_go_and_branches_stay_unless_they_are_bundled() {
    let (scene, task) = worked();
    let branch = format!("ai/{task}/1");
    let commit = scene.git(&["rev-parse", &branch]);
    scene.git(&["branch", "ai/feature"]);
    scene.ai_ok(&["uninstall", "--yes", "--discard"]);
    gone(&scene);
    for dir in [".ai/worktrees", ".git/worktrees"] {
        let left = tree(&scene.root(), |path| {
            path.starts_with(scene.root().join(dir)) || scene.root().join(dir).starts_with(path)
        });
        assert!(!scene.root().join(dir).exists(), "{:?}", left.keys());
    }
    assert_eq!(scene.git(&["rev-parse", &branch]), commit);
    scene.ai_ok(&["uninstall", "--yes", "--branches", "../refs.bundle"]);
    assert_eq!(
        scene.git(&["branch", "--list", "ai/*", "--format=%(refname:short)"]),
        "ai/feature"
    );
    scene.git(&["fetch", "-q", "../refs.bundle", &format!("{branch}:back")]);
    assert_eq!(scene.git(&["rev-parse", "back"]), commit);
}

#[test]
fn unsaved_work_in_a_worktree_is_saved_and_said_first() {
    let (scene, _) = worked();
    std::fs::write(slot(&scene).join("later.txt"), "not committed").unwrap();
    let refused = scene.ai(&["uninstall", "--yes", "--discard"]);
    snapshot!(refused, @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: worktrees held work that stood nowhere else, which is saved now: 1 changed file of w1 on refs/ai/rescue/slot/w1; nothing was removed
      next: run the command again to go on
    ");
    assert!(scene.store().is_file() && slot(&scene).join("later.txt").is_file());
    let reference = scene.git(&["for-each-ref", "--format=%(refname)", "refs/ai/rescue"]);
    scene.ai_ok(&["uninstall", "--yes", "--discard"]);
    gone(&scene);
    assert_eq!(
        scene.git(&["show", &format!("{reference}:later.txt")]),
        "not committed"
    );
}

#[test]
fn what_cannot_be_saved_is_not_removed() {
    let (scene, _) = worked();
    let nested = slot(&scene).join("nested");
    std::fs::create_dir(&nested).unwrap();
    scene.git_in(&nested, &["init", "-q"]);
    snapshot!(scene.ai(&["uninstall", "--yes", "--discard"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: worktree w1 holds something that cannot be saved: nested is a repository of its own; its files are not taken
      next: move it away, then the same command again
    ");
    assert!(nested.join(".git").exists() && scene.store().is_file());
}

#[test]
fn what_a_cut_off_removal_left_is_taken_away() {
    let scene = Sandbox::repository();
    let before = bytes(&scene);
    std::fs::create_dir_all(scene.root().join(".git/ai-removed-x/runs")).unwrap();
    scene.ai_ok(&["uninstall", "--yes"]);
    assert_eq!(bytes(&scene), before);
}

#[test]
fn settings_of_a_clis_in_linked_worktrees_come_back_and_one_that_cannot_be_read_is_in_nobodys_way()
{
    let scene = Sandbox::project();
    let linked = scene.base().join("linked");
    scene.git(&["worktree", "add", "-q", "-b", "side", "../linked"]);
    let before = tree(&linked, |path| !path.ends_with(".git"));
    let installed = scene.ai_in(&linked, &["guard", "install", "claude"]);
    assert_eq!(installed.code, Some(0), "{installed}");
    let large = format!("{{\"a\": \"{}\"}}", "x".repeat(5_000_000));
    scene.write(".gemini/settings.json", &large);
    let plan = scene.ai_json(&["uninstall", "--dry-run"]);
    let shown = plan["plan"]["settings"].as_array().unwrap();
    assert_eq!(shown.len(), 1, "{plan}");
    scene.ai_ok(&["uninstall", "--yes"]);
    assert_eq!(tree(&linked, |path| !path.ends_with(".git")), before);
    assert_eq!(
        std::fs::read_to_string(scene.root().join(".gemini/settings.json")).unwrap(),
        large
    );
}

#[test]
fn what_the_hooks_of_a_server_leave_is_no_store_that_is_gone() {
    let scene = Sandbox::empty();
    scene.git(&["init", "-q", "."]);
    scene.git(&["commit", "-q", "--allow-empty", "-m", "first"]);
    scene.ai_ok(&["hooks", "install", "--server"]);
    let doctor = scene.ai(&["doctor"]);
    assert_ne!(doctor.stdout.find("no task store yet"), None, "{doctor}");
    scene.ai_ok(&["uninstall", "--yes"]);
    assert!(!scene.root().join(".git/hooks/update").exists());
    scene.ai_ok(&["hooks", "install", "--server"]);
    scene.ai_ok(&["init", "--yes"]);
    scene.task("one", &[]);
}

#[test]
fn a_directory_whose_name_is_no_text_is_shown_in_json() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let scene = Sandbox::project();
    let odd = scene.base().join(OsStr::from_bytes(b"odd\xff"));
    std::fs::rename(scene.root(), &odd).unwrap();
    for args in [
        &["hooks", "install", "--json"][..],
        &["hooks", "status", "--json"],
        &["guard", "install", "claude", "--json"],
        &["guard", "status", "--json"],
        &["uninstall", "--dry-run", "--json"],
        &["uninstall", "--yes", "--json"],
    ] {
        let answer = scene.ai_in(&odd, args);
        let named = answer.stdout.matches(r"odd\\xff").count();
        assert!(answer.code == Some(0) && named > 0, "{args:?}: {answer}");
    }
}
