use std::fs;
use std::path::Path;

use super::*;
use crate::git::testing::{TestRepo, write};

#[test]
fn the_main_checkout_is_found_from_below() {
    let repo = TestRepo::new();
    let seen = discover(&repo.root.join("src")).unwrap();
    let git_dir = repo.root.join(".git");
    let wanted = RepoLocation {
        top: Some(repo.root.clone()),
        git_dir: git_dir.clone(),
        common_dir: git_dir.clone(),
        main_root: Some(repo.root.clone()),
        is_bare: false,
        is_linked: false,
        ignore_case: false,
        sharing: None,
    };
    assert_eq!(seen, wanted);
    let inside = discover(&git_dir.join("objects")).unwrap();
    assert_eq!(
        (inside.top, inside.main_root, inside.is_bare),
        (None, Some(repo.root.clone()), false)
    );
}

#[test]
fn a_linked_worktree_leads_to_the_shared_directory() {
    let repo = TestRepo::new();
    let linked = repo.base().join("linked tree");
    repo.git(&[
        "worktree",
        "add",
        "-q",
        "-b",
        "side",
        linked.to_str().unwrap(),
    ]);
    let seen = discover(&linked.join("src")).unwrap();
    assert_eq!(seen.common_dir, repo.root.join(".git"));
    assert_eq!(seen.main_root.as_ref(), Some(&repo.root));
    assert!(seen.is_linked && seen.git_dir.starts_with(repo.root.join(".git/worktrees")));
    // Moved by hand: Git still works there, and so do we.
    let moved = repo.base().join("moved");
    fs::rename(&linked, &moved).unwrap();
    assert_eq!(discover(&moved).unwrap().top, Some(moved));
}

#[test]
fn bare_repositories_and_their_worktrees() {
    let repo = TestRepo::new();
    let bare = repo.base().join("bare.git");
    repo.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    let seen = discover(&bare.join("refs")).unwrap();
    assert_eq!(
        (seen.top, seen.main_root, seen.is_bare, seen.is_linked),
        (None, None, true, false)
    );
    let linked = repo.base().join("w");
    repo.git_in(
        &bare,
        &["worktree", "add", "-q", linked.to_str().unwrap(), "main"],
    );
    let seen = discover(&linked).unwrap();
    assert_eq!(
        (
            seen.common_dir,
            seen.main_root,
            seen.is_bare,
            seen.is_linked
        ),
        (bare, None, true, true)
    );
}

#[test]
fn submodules_and_separate_git_directories() {
    let repo = TestRepo::new();
    let elsewhere = repo.base().join("store");
    let root = repo.base().join("sep");
    repo.git_in(
        repo.base(),
        &[
            "init",
            "-q",
            "--separate-git-dir",
            elsewhere.to_str().unwrap(),
            root.to_str().unwrap(),
        ],
    );
    let seen = discover(&root).unwrap();
    assert_eq!(
        (seen.top.as_ref(), &seen.common_dir, seen.is_linked),
        (Some(&root), &elsewhere, false)
    );
}

#[test]
fn broken_links_have_one_clear_error_each() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().canonicalize().unwrap();
    let message = |d: &Path| discover(d).unwrap_err().to_string();
    assert!(message(&dir).ends_with("is not inside a Git repository"));
    assert!(message(&dir.join("gone")).starts_with("cannot look at "));

    write(&dir.join(".git"), "gitdir: .git\n");
    assert!(message(&dir).contains("(a loop?)"), "{}", message(&dir));
    write(&dir.join(".git"), "gitdir: nowhere\n");
    assert!(message(&dir).contains("nowhere: No such file"));
    write(&dir.join(".git"), "hello");
    assert!(message(&dir).contains("does not begin with"));
    fs::create_dir(dir.join("empty")).unwrap();
    write(&dir.join(".git"), "gitdir: empty");
    assert!(message(&dir).contains("no git directory"));
    fs::remove_file(dir.join(".git")).unwrap();
    std::os::unix::fs::symlink(".git", dir.join(".git")).unwrap();
    assert!(
        message(&dir).contains("cannot look at") || message(&dir).contains("symbolic link"),
        "{}",
        message(&dir)
    );
}

#[test]
fn an_empty_nested_git_directory_is_passed_over() {
    let repo = TestRepo::new();
    fs::create_dir_all(repo.root.join("src/.git")).unwrap();
    assert_eq!(
        discover(&repo.root.join("src")).unwrap().top,
        Some(repo.root.clone())
    );
}

#[test]
fn a_redirected_worktree_is_not_trusted() {
    let (repo, evil) = (TestRepo::new(), TestRepo::new());
    let slot = repo.root.join(".ai/worktrees/one");
    repo.git(&["worktree", "add", "-q", slot.to_str().unwrap()]);
    let admin = discover(&slot).unwrap().git_dir;

    write(
        &admin.join("commondir"),
        evil.root.join(".git").as_os_str().as_encoded_bytes(),
    );
    let text = discover(&slot).unwrap_err().to_string();
    assert!(
        text.contains("not trusted") && text.contains("is not under"),
        "{text}"
    );
    write(&admin.join("commondir"), "../..\n");

    write(
        &slot.join(".git"),
        format!("gitdir: {}/.git\n", evil.root.display()),
    );
    let text = discover(&slot).unwrap_err().to_string();
    assert!(
        text.contains("not trusted") && text.contains("instead of"),
        "{text}"
    );

    fs::remove_file(slot.join(".git")).unwrap();
    repo.git_in(&slot, &["init", "-q"]);
    assert!(matches!(
        discover(&slot),
        Err(DiscoverError::Redirected { .. })
    ));
}

#[test]
fn two_places_cannot_claim_one_git_directory() {
    let repo = TestRepo::new();
    let (a, b) = (repo.base().join("a"), repo.base().join("b"));
    repo.git(&["worktree", "add", "-q", a.to_str().unwrap()]);
    fs::create_dir(&b).unwrap();
    fs::copy(a.join(".git"), b.join(".git")).unwrap();
    assert!(discover(&a).is_ok());
    assert!(matches!(
        discover(&b),
        Err(DiscoverError::Redirected { .. })
    ));
}
