use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use super::seal::SealedCommit;
use super::*;
use crate::domain::repo_path::RepoPath;
use crate::git::diff::PathChange;
use crate::git::repo::CommitIdentity;
use crate::git::shadow::ShadowRepo;
use crate::git::testing::{Run, TestRepo};

fn summary(snapshot: &Snapshot) -> Vec<(PathChange, String)> {
    snapshot
        .changed
        .iter()
        .map(|c| (c.change, c.path.to_string()))
        .collect()
}

fn reports(snapshot: &Snapshot) -> Vec<String> {
    snapshot.reports.iter().map(ToString::to_string).collect()
}

fn seal_work(run: &Run, snapshot: &Snapshot) -> Result<SealedCommit, SnapshotError> {
    let who = CommitIdentity::new("ai", "ai@localhost").unwrap();
    let head = run.slot.head(&run.repo).unwrap();
    let work = SealRequest {
        snapshot,
        base: Some(&run.base),
        head: head.commit(),
        message: "work",
        who: &who,
        when_ms: 0,
    };
    seal(&run.repo, &run.shadow, &work)
}

#[test]
fn an_unchanged_tree_is_the_base_and_costs_no_process() {
    let test = TestRepo::new();
    for n in 0..1000 {
        test.write(format!("src/d{}/f{n}", n % 50), format!("{n}"));
    }
    test.commit("many");
    let run = Run::of(test);
    let bin = run.test.base().join("bin");
    let log = run.test.base().join("log");
    let real = run.test.git_program().program().to_owned();
    super::super::testing::write(
        &bin.join("git"),
        format!(
            "#!/bin/sh\necho \"$1\" >> {}\nexec {} \"$@\"\n",
            log.display(),
            real.display()
        ),
    );
    fs::set_permissions(bin.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut env = run.test.env();
    env[0].1 = [bin.as_os_str(), OsStr::new(":"), &env[0].1]
        .iter()
        .copied()
        .collect();
    let counted =
        crate::git::Repo::open(run.repo.location(), crate::git::Git::with_env(env).unwrap())
            .unwrap();
    let shadow = ShadowRepo::open(&counted, run.shadow.dir()).unwrap();
    let look = || {
        let snapshot = run.snapshot_by(&shadow, SnapshotLimits::default()).unwrap();
        assert_eq!(
            (snapshot.tree, snapshot.changed, snapshot.reports),
            (run.base_tree.clone(), vec![], vec![])
        );
    };
    look();
    assert!(!log.exists());
    // What is ignored is for Git to say.
    run.write("target/built", "x");
    look();
    assert_eq!(fs::read_to_string(log).unwrap(), "version\nls-files\n");
}

#[test]
fn every_kind_of_change_is_taken() {
    let test = TestRepo::new();
    test.write("gone", "x");
    test.write("exec", "x");
    test.write("file-to-dir", "x");
    test.write("dir-to-file/a", "x");
    test.write("dir-to-link/a", "x");
    test.write("to-link", "x");
    let run = Run::of({
        test.commit("kinds");
        test
    });
    let at = |path: &str| run.slot.path.join(path);
    run.write("README", "hullo\n");
    run.write("new dir/new", "x");
    run.write("target/ignored", "x");
    fs::remove_file(at("gone")).unwrap();
    fs::set_permissions(at("exec"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::remove_file(at("file-to-dir")).unwrap();
    run.write("file-to-dir/inner", "x");
    for dir in ["dir-to-file", "dir-to-link"] {
        fs::remove_dir_all(at(dir)).unwrap();
    }
    run.write("dir-to-file", "x");
    symlink("src", at("dir-to-link")).unwrap();
    fs::remove_file(at("to-link")).unwrap();
    symlink("README", at("to-link")).unwrap();
    let snapshot = run.snapshot();
    use PathChange::{Added, Deleted, Modified, Retyped};
    let wanted = [
        (Modified, "README"),
        (Added, "dir-to-file"),
        (Deleted, "dir-to-file/a"),
        (Added, "dir-to-link"),
        (Deleted, "dir-to-link/a"),
        (Modified, "exec"),
        (Deleted, "file-to-dir"),
        (Added, "file-to-dir/inner"),
        (Deleted, "gone"),
        (Added, "new dir/new"),
        (Retyped, "to-link"),
    ];
    assert_eq!(summary(&snapshot), wanted.map(|(c, p)| (c, p.to_owned())));
    assert_eq!(reports(&snapshot), [] as [&str; 0]);
    let exec = snapshot
        .changed
        .iter()
        .find(|c| c.path == "exec".into())
        .unwrap();
    assert_eq!(
        (
            exec.old.as_ref().unwrap().mode,
            exec.new.as_ref().unwrap().mode
        ),
        (0o100_644, 0o100_755)
    );
    // Putting everything back leads to the base again.
    run.agent_git(&["reset", "-q", "--hard"]);
    run.agent_git(&["clean", "-fdq"]);
    assert_eq!(run.snapshot().tree, run.base_tree);
}

#[test]
fn paths_are_bytes() {
    let run = Run::new();
    let names: [&[u8]; 6] = [
        b"a\nb",
        b"tab\there",
        b"quote\"'",
        b"-rf",
        b"\xff\xfe",
        b":(glob)*",
    ];
    for name in names {
        run.write(PathBuf::from(OsStr::from_bytes(name)), "x");
    }
    let snapshot = run.snapshot();
    let mut seen: Vec<&[u8]> = snapshot.changed.iter().map(|c| c.path.as_bytes()).collect();
    let mut wanted = names.to_vec();
    seen.sort();
    wanted.sort();
    assert_eq!(seen, wanted);
    let patch = run
        .shadow
        .patch(&run.base_tree, &snapshot.tree, 1 << 20)
        .unwrap();
    assert!(!patch.truncated && patch.text.starts_with(b"diff --git a/"));
    let stats = run.shadow.stats(&run.base_tree, &snapshot.tree).unwrap();
    let both = run
        .shadow
        .patch_and_stats(&run.base_tree, &snapshot.tree, 1 << 20);
    assert_eq!(both.unwrap(), (patch.clone(), stats));
    let nothing = run
        .shadow
        .patch_and_stats(&snapshot.tree, &snapshot.tree, 1)
        .unwrap();
    assert_eq!((nothing.0.text.len(), nothing.1), (0, Default::default()));
    let cut = run
        .shadow
        .patch_and_stats(&run.base_tree, &snapshot.tree, 10)
        .unwrap();
    assert_eq!(
        (&cut.0.text[..], cut.0.truncated, cut.1),
        (&patch.text[..10], true, stats)
    );
    assert_eq!(
        run.shadow
            .stats(&run.base_tree, &snapshot.tree)
            .unwrap()
            .insertions,
        6
    );
}

#[test]
fn the_same_size_and_time_does_not_hide_a_change() {
    let run = Run::new();
    let file = run.slot.path.join("README");
    let before = fs::metadata(&file).unwrap().modified().unwrap();
    fs::write(&file, "hullo\n").unwrap();
    fs::File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_modified(before)
        .unwrap();
    assert_eq!(
        summary(&run.snapshot()),
        [(PathChange::Modified, "README".to_owned())]
    );
}

#[test]
fn what_cannot_be_taken_is_reported() {
    let run = Run::new();
    let at = |path: &str| run.slot.path.join(path);
    let pipe = |path: &str| {
        let mode = rustix::fs::Mode::from_raw_mode(0o644);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at(path),
            rustix::fs::FileType::Fifo,
            mode,
            0,
        )
        .unwrap();
    };
    fs::remove_file(at("README")).unwrap();
    pipe("README");
    pipe("src/pipe");
    let _socket = std::os::unix::net::UnixListener::bind(at("sock")).unwrap();
    symlink("/etc/passwd", at("abs")).unwrap();
    symlink("../../..", at("src/up")).unwrap();
    symlink("lib.rs", at("src/fine")).unwrap();
    symlink("src/up", at("via")).unwrap();
    symlink("evil", at(".gitmodules")).unwrap();
    run.write("big", vec![b'x'; 4096]);
    run.write("nested/file", "x");
    run.test.git_in(&at("nested"), &["init", "-q"]);
    run.test.git_in(&at("src"), &["init", "-q"]);
    run.write(".GIT/config", "x");
    let limits = SnapshotLimits {
        file_bytes: 1000,
        ..SnapshotLimits::default()
    };
    let snapshot = run.snapshot_by(&run.shadow, limits).unwrap();
    let mut seen = reports(&snapshot);
    seen.sort();
    let wanted = [
        ".GIT/config is a path that Git reserves and is not taken",
        ".gitmodules is a path that Git reserves and is not taken",
        "README is a pipe, which Git cannot store",
        "abs links out of the tree, to /etc/passwd",
        "big is too big (4096 bytes) and not taken",
        "nested is a repository of its own; its files are not taken",
        "sock is a socket, which Git cannot store",
        "src has a .git of its own, which is not taken",
        "src/pipe is a pipe, which Git cannot store",
        "src/up links out of the tree, to ../../..",
        "via links out of the tree, to src/up",
    ];
    assert_eq!(seen, wanted);
    assert_eq!(snapshot.left_behind().count(), 5);
    let taken: Vec<String> = snapshot
        .changed
        .iter()
        .map(|c| c.path.to_string())
        .collect();
    assert_eq!(taken, ["README", "abs", "src/fine", "src/up", "via"]);
    assert!(matches!(
        run.snapshot_by(&run.shadow, SnapshotLimits { files: 3, ..limits }),
        Err(SnapshotError::TooMany { limit: 3, .. })
    ));
}

#[test]
fn pipes_in_a_directory_of_their_own_are_told() {
    let run = Run::new();
    let at = |path: &str| run.slot.path.join(path);
    for dir in ["pipes/deep", "target/pipes", "mixed"] {
        fs::create_dir_all(at(dir)).unwrap();
        rustix::fs::mkfifoat(
            rustix::fs::CWD,
            at(dir).join("pipe"),
            rustix::fs::Mode::RWXU,
        )
        .unwrap();
    }
    run.write("mixed/x.log", "ignored");
    run.write("new", "x");
    let snapshot = run.snapshot();
    assert_eq!(
        reports(&snapshot),
        ["pipes/deep/pipe is a pipe, which Git cannot store"]
    );
    let cleared = run.rescue().cleared.unwrap();
    run.reuse(cleared, "ai/t-2/1").unwrap();
    assert!(!at("pipes/deep/pipe").exists());
}

#[test]
fn a_tree_that_is_not_there_is_an_error() {
    let run = Run::new();
    let look = || {
        run.snapshot_by(&run.shadow, SnapshotLimits::default())
            .unwrap_err()
            .to_string()
    };
    let aside = run.test.base().join("aside");
    fs::rename(&run.slot.path, &aside).unwrap();
    assert!(look().ends_with("it is gone"));
    symlink(&aside, &run.slot.path).unwrap();
    assert!(look().ends_with("it is a symbolic link now"));
    fs::remove_file(&run.slot.path).unwrap();
    fs::write(&run.slot.path, "").unwrap();
    assert!(look().ends_with("it is a file now"));
}

#[test]
fn only_own_state_is_kept_out_of_a_snapshot() {
    let run = Run::new();
    run.write(".ai/state/x", "x");
    run.write(".ai/worktrees/y/z", "x");
    run.write(".ai/policy.yaml", "x");
    assert_eq!(
        summary(&run.snapshot()),
        [(PathChange::Added, ".ai/policy.yaml".to_owned())]
    );
}

#[test]
fn a_snapshot_survives_a_killed_one() {
    let run = Run::new();
    fs::write(run.shadow.dir().join("index.lock"), "half").unwrap();
    run.write("new", "x");
    assert_eq!(
        summary(&run.snapshot()),
        [(PathChange::Added, "new".to_owned())]
    );
}

#[test]
fn the_agents_commits_are_kept_beneath() {
    let run = Run::new();
    let nothing = seal_work(&run, &run.snapshot()).unwrap();
    assert_eq!(
        nothing,
        SealedCommit {
            commit: None,
            own_commits: vec![],
            unrelated_head: None
        }
    );

    run.write("a", "1");
    run.agent_git(&["add", "-A"]);
    run.agent_git(&["commit", "-qm", "mine", "--no-verify"]);
    run.write("b", "2");
    run.agent_git(&["add", "-A"]);
    run.agent_git(&["commit", "-qm", "bad"]);
    run.agent_git(&["revert", "--no-edit", "HEAD"]);
    let clean = seal_work(&run, &run.snapshot()).unwrap();
    assert_eq!(
        clean.commit,
        Some(run.test.oid(super::super::testing::BRANCH))
    );
    let paths: Vec<_> = clean
        .own_commits
        .iter()
        .map(|c| c.changed[0].path.clone())
        .collect();
    assert_eq!(paths, ["a".into(), "b".into(), RepoPath::from("b")]);

    run.write("c", "3");
    let dirty = seal_work(&run, &run.snapshot()).unwrap().commit.unwrap();
    assert_eq!(run.test.oid(&format!("{dirty}~1")), clean.commit.unwrap());
    assert_eq!(
        run.test.git(&[
            "diff-tree",
            "-r",
            "--name-only",
            &format!("{dirty}~1"),
            dirty.as_str()
        ]),
        "c"
    );
    run.test.git(&["fsck", "--strict"]);
}

#[test]
fn an_unrelated_head_is_told_and_not_built_upon() {
    let run = Run::new();
    run.agent_git(&["checkout", "-q", "--orphan", "elsewhere"]);
    run.agent_git(&["commit", "-qm", "orphan"]);
    run.write("a", "1");
    let sealed = seal_work(&run, &run.snapshot()).unwrap();
    assert_eq!(sealed.unrelated_head, Some(run.test.oid("elsewhere")));
    assert_eq!(
        run.test.oid(&format!("{}~1", sealed.commit.unwrap())),
        run.base
    );
}

#[test]
fn a_commit_with_a_git_directory_inside_is_refused() {
    let run = Run::new();
    let blob = run.test.git(&["hash-object", "-w", "README"]);
    let tree_text = format!("100644 blob {blob}\tconfig\n");
    let mktree = |text: &str| {
        let git = run.test.git_program();
        let out = git
            .command(["mktree"])
            .git_dir(run.repo.common_dir())
            .input(text)
            .run()
            .unwrap();
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    };
    let inner = mktree(&tree_text);
    let outer = mktree(&format!("040000 tree {inner}\t.Git\n"));
    let commit = run
        .test
        .git(&["commit-tree", "-p", run.base.as_str(), "-m", "evil", &outer]);
    run.test
        .git(&["update-ref", "refs/heads/ai/t-1/1", &commit]);
    let error = seal_work(&run, &run.snapshot()).unwrap_err();
    assert!(
        matches!(&error, SnapshotError::Forbidden { path, .. } if path == ".Git/config"),
        "{error}"
    );
}

#[test]
fn sha256_repositories_work_too() {
    let run = Run::of(TestRepo::sha256());
    run.write("new", "x");
    let snapshot = run.snapshot();
    assert_eq!(summary(&snapshot), [(PathChange::Added, "new".to_owned())]);
    let commit = seal_work(&run, &snapshot).unwrap().commit.unwrap();
    assert_eq!(commit.as_str().len(), 64);
    assert_eq!(
        run.shadow
            .commits_between(Some(&run.base), &commit)
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_submodule_in_use_is_reported_and_stays() {
    let test = TestRepo::new();
    let library = TestRepo::new();
    let args = [
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "add",
        "-q",
        library.root.to_str().unwrap(),
        "lib",
    ];
    test.git(&args);
    test.commit("submodule");
    let run = Run::of(test);
    assert_eq!(fs::read_dir(run.slot.path.join("lib")).unwrap().count(), 0);
    assert_eq!(run.snapshot().tree, run.base_tree);
    let wanted = vec!["submodule lib is checked out; its content is not taken".to_owned()];
    // At the recorded commit, where only files inside may have changed, and at another one.
    run.agent_git(&[
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "update",
        "-q",
        "--init",
    ]);
    assert_eq!(
        (run.snapshot().changed.len(), reports(&run.snapshot())),
        (0, wanted.clone())
    );
    run.test.git_in(
        &run.slot.path.join("lib"),
        &["commit", "-q", "--allow-empty", "-m", "x"],
    );
    let snapshot = run.snapshot();
    assert_eq!((snapshot.changed.len(), reports(&snapshot)), (0, wanted));
}

#[test]
fn a_sparse_cone_is_kept_and_work_outside_is_seen() {
    let test = TestRepo::new();
    test.write("inside/a", "x");
    test.write("outside/b", "x");
    test.commit("dirs");
    test.git(&["sparse-checkout", "set", "--cone", "inside"]);
    let run = Run::of(test);
    assert!(run.slot.path.join("inside/a").exists() && !run.slot.path.join("outside").exists());
    assert_eq!(run.snapshot().tree, run.base_tree);
    assert_eq!(run.agent_git(&["status", "--porcelain"]), "");
    run.write("outside/b", "changed");
    run.write("outside/c", "new");
    let seen = summary(&run.snapshot());
    assert_eq!(
        seen,
        [
            (PathChange::Modified, "outside/b".to_owned()),
            (PathChange::Added, "outside/c".to_owned())
        ]
    );
}
