use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::git::discover::discover;
use crate::git::error::GitError;
use crate::git::oid::ObjectFormat;
use crate::git::oid::Oid;
use crate::git::testing::TestRepo;

fn both(test: &TestRepo) -> [Repo; 2] {
    let location = discover(&test.root).unwrap();
    let native = Repo::open(&location, test.git_program()).unwrap();
    [
        native,
        Repo::open_spawned(&location, test.git_program()).unwrap(),
    ]
}

#[test]
fn a_deletion_that_packs_is_told_from_one_that_deletes() {
    let test = TestRepo::new();
    test.git(&["branch", "packed"]);
    test.git(&["pack-refs", "--all"]);
    test.git(&["branch", "loose"]);
    let at = test.oid("HEAD");
    let [repo, _] = both(&test);
    let of = |name: &str| repo.is_packing(&format!("refs/heads/{name}"), &at).unwrap();
    assert_eq!(
        (of("packed"), of("loose"), of("pack")),
        (true, false, false)
    );
    // Git holds this one while it takes one of them away.
    test.write(".git/packed-refs.lock", "");
    assert!(!of("packed"));
}

#[test]
fn both_back_ends_find_files_by_their_names_and_links_by_where_they_lead() {
    let test = TestRepo::new();
    for path in ["a/b/NAME", "a/NAME/x", "NAME", "a/MANE"] {
        test.write(path, "text");
    }
    std::os::unix::fs::symlink("a/MANE", test.root.join("OTHER")).unwrap();
    let commit = test.commit("second");
    for repo in both(&test) {
        let found = repo.files_called(&commit, &["NAME", "OTHER"]).unwrap();
        let mut found: Vec<String> = found.iter().map(ToString::to_string).collect();
        found.sort();
        assert_eq!(found, ["NAME", "OTHER", "a/b/NAME"]);
        let at = |path: &str| repo.file_or_link(&commit, &path.into()).unwrap();
        let Some(FileOrLink::Link(oid)) = at("OTHER") else {
            panic!("no link")
        };
        assert_eq!(repo.blob(&oid).unwrap(), b"a/MANE");
        assert!(matches!(at("NAME"), Some(FileOrLink::File(_))));
        assert_eq!((at("a"), at("a/b/c"), at("OTHER/x")), (None, None, None));
    }
}

#[test]
fn both_back_ends_read_the_same() {
    let test = TestRepo::new();
    let first = test.oid("HEAD");
    test.write("odd\n\tname", "odd");
    std::os::unix::fs::symlink("README", test.root.join("link")).unwrap();
    let second = test.commit("second");
    test.git(&["tag", "-a", "v1", "-m", "x", "HEAD~1"]);
    for repo in both(&test) {
        assert_eq!(repo.resolve_commit("HEAD~1").unwrap(), first);
        assert_eq!(repo.resolve_commit("v1").unwrap(), first);
        assert_eq!(repo.tree_of(&second).unwrap(), test.oid("HEAD^{tree}"));
        assert_eq!(
            repo.read_blob(&second, &"src/lib.rs".into())
                .unwrap()
                .unwrap(),
            b"fn one() {}\n"
        );
        assert_eq!(
            repo.read_blob(&second, &"odd\n\tname".into())
                .unwrap()
                .unwrap(),
            b"odd"
        );
        assert_eq!(repo.read_blob(&first, &"odd\n\tname".into()).unwrap(), None);
        for (path, what) in [("link", "a symbolic link"), ("src", "a directory")] {
            assert!(
                repo.read_blob(&second, &path.into())
                    .unwrap_err()
                    .to_string()
                    .contains(what)
            );
        }
        assert_eq!(
            repo.list_files(&second, &"src".into()).unwrap(),
            ["src/lib.rs".into()]
        );
        let top: Vec<String> = repo
            .list_files(&second, &"".into())
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(top, [".gitignore", "README", "odd\\n\\tname"]);
        assert_eq!(repo.list_files(&second, &"nowhere".into()).unwrap(), []);
        assert!(
            repo.is_ancestor(&first, &second).unwrap()
                && !repo.is_ancestor(&second, &first).unwrap()
        );
        assert_eq!(
            repo.merge_base(&first, &second).unwrap(),
            Some(first.clone())
        );
        assert_eq!(
            repo.head().unwrap(),
            Head::Branch {
                name: "refs/heads/main".into(),
                commit: second.clone()
            }
        );
        for bad in ["nowhere", "-h", "", "a..b", "HEAD:README"] {
            assert!(
                matches!(repo.resolve_commit(bad), Err(GitError::NoCommit { .. })),
                "{bad}"
            );
        }
        let gone = ObjectFormat::Sha1.zero();
        assert!(!repo.has_object(&gone).unwrap());
        assert!(matches!(repo.tree_of(&gone), Err(GitError::Missing { .. })));
        assert!(matches!(repo.blob(&gone), Err(GitError::Missing { .. })));
        assert!(matches!(
            repo.read_blob(&gone, &"README".into()),
            Err(GitError::Missing { .. })
        ));
    }
}

#[test]
fn both_back_ends_write_the_same_commit() {
    let test = TestRepo::new();
    let (tree, parent) = (test.oid("HEAD^{tree}"), test.oid("HEAD"));
    let who = CommitIdentity::new("Ann", "ann@example.com").unwrap();
    let new = NewCommit {
        tree: &tree,
        parents: &[parent],
        message: "work\n\nAI-Task: t-1\n",
        author: &who,
        committer: &who,
        when_ms: 1_700_000_000_999,
    };
    let made = both(&test).map(|repo| repo.commit_tree(&new).unwrap());
    assert_eq!(made[0], made[1]);
    assert_eq!(
        test.git(&[
            "log",
            "-1",
            "--format=%an %ct %(trailers:key=AI-Task,valueonly)",
            made[0].as_str()
        ]),
        "Ann 1700000000 t-1"
    );
    test.git(&["fsck", "--strict"]);
    let gone = NewCommit {
        tree: &ObjectFormat::Sha1.zero(),
        ..new.clone()
    };
    let empty = NewCommit {
        tree: &ObjectFormat::Sha1.empty_tree(),
        parents: &[],
        ..new
    };
    for repo in both(&test) {
        assert!(matches!(
            repo.commit_tree(&gone),
            Err(GitError::Missing { .. })
        ));
        repo.commit_tree(&empty).unwrap();
    }
}

#[test]
fn references_move_only_as_expected() {
    let test = TestRepo::new();
    let first = test.oid("HEAD");
    let second = test.commit("second");
    for (n, repo) in both(&test).into_iter().enumerate() {
        let name = format!("refs/ai/rescue/t-{n}/1");
        repo.create_ref(&name, &first, "make").unwrap();
        repo.create_ref(&name, &first, "again").unwrap();
        let taken = repo.swap_ref(&name, Some(&second), &ExpectedRef::Absent, "x");
        assert!(
            matches!(taken, Err(RefError::Conflict { actual: Some(ref a), .. }) if *a == first),
            "{taken:?}"
        );
        let stale = repo.swap_ref(&name, Some(&second), &ExpectedRef::At(second.clone()), "x");
        assert!(
            matches!(stale, Err(RefError::Conflict { actual: Some(ref a), .. }) if *a == first),
            "{stale:?}"
        );
        repo.swap_ref(
            &name,
            Some(&second),
            &ExpectedRef::At(first.clone()),
            "move",
        )
        .unwrap();
        assert_eq!(
            repo.list_refs("refs/ai/rescue/").unwrap(),
            [(name.clone(), second.clone())]
        );
        let missing = repo.swap_ref(
            "refs/ai/none",
            Some(&second),
            &ExpectedRef::At(first.clone()),
            "x",
        );
        assert!(
            matches!(missing, Err(RefError::Conflict { actual: None, .. })),
            "{missing:?}"
        );
        let blocked = repo.create_ref(&format!("{name}/deeper"), &first, "x");
        assert!(
            matches!(blocked, Err(RefError::Blocked { .. })),
            "{blocked:?}"
        );
        assert!(matches!(
            repo.delete_ref(&name, &first, "x"),
            Err(RefError::Conflict { .. })
        ));
        repo.delete_ref(&name, &second, "drop").unwrap();
        repo.delete_ref(&name, &second, "drop").unwrap();
        assert_eq!(repo.find_ref(&name).unwrap(), None);
        for bad in [
            "main",
            "refs/heads/a..b",
            "refs/heads/x.lock",
            "refs/heads/-\0",
            "refs/heads/a b",
        ] {
            assert!(
                matches!(repo.create_ref(bad, &first, "x"), Err(RefError::BadName(_))),
                "{bad}"
            );
        }
    }
}

#[test]
fn a_lock_that_stays_is_named_and_left_alone() {
    let test = TestRepo::new();
    test.git(&["branch", "held"]);
    let lock = test.root.join(".git/refs/heads/held.lock");
    std::fs::write(&lock, "").unwrap();
    let second = test.commit("second");
    let first = test.oid("HEAD~1");
    let error = test
        .open()
        .swap_ref(
            "refs/heads/held",
            Some(&second),
            &ExpectedRef::At(first),
            "x",
        )
        .unwrap_err();
    assert!(
        matches!(error, RefError::Locked { .. }) && error.to_string().contains("held.lock"),
        "{error}"
    );
    assert!(lock.exists());
}

#[test]
fn a_lock_that_a_killed_command_left_is_taken_away() {
    let test = TestRepo::new();
    test.git(&["branch", "ai/packed"]);
    test.git(&["pack-refs", "--all"]);
    let at = test.oid("HEAD");
    let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let leave = |path: &str, text: &str| {
        test.write(format!(".git/{path}"), text);
        let path = test.root.join(".git").join(path);
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(then).unwrap();
    };
    for (n, repo) in both(&test).into_iter().enumerate() {
        let name = format!("refs/ai/rescue/t-1/{n}");
        leave(&format!("{name}.lock"), at.as_str());
        leave("ai/ref-moves/7-0", &format!("{name} {at}\n"));
        repo.create_ref(&name, &at, "x").unwrap();
        assert_eq!(repo.find_ref(&name).unwrap(), Some(at.clone()));
    }
    for repo in both(&test) {
        leave("refs/heads/ai/packed.lock", "");
        leave("packed-refs.lock", "");
        leave("ai/ref-moves/7-0", "refs/heads/ai/packed -\n");
        repo.delete_ref("refs/heads/ai/packed", &at, "x").unwrap();
        assert_eq!(repo.find_ref("refs/heads/ai/packed").unwrap(), None);
        repo.create_ref("refs/heads/ai/packed", &at, "x").unwrap();
        test.git(&["pack-refs", "--all"]);
    }
    assert_eq!(crate::git::locks::lock_files(&test.root.join(".git")), []);
}

#[test]
fn racing_swaps_lose_nothing() {
    let test = TestRepo::new();
    let start = test.oid("HEAD");
    let repo = test.open();
    repo.create_ref("refs/ai/race", &start, "start").unwrap();
    let wins = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let (test, wins) = (&test, &wins);
            scope.spawn(move || {
                let repo = test.open();
                let who = CommitIdentity::new("racer", "r@x").unwrap();
                let tree = repo.tree_of(&repo.resolve_commit("main").unwrap()).unwrap();
                for round in 0..15 {
                    let old = repo.find_ref("refs/ai/race").unwrap().unwrap();
                    let message = format!("{thread} {round}");
                    let new = NewCommit {
                        tree: &tree,
                        parents: std::slice::from_ref(&old),
                        message: &message,
                        author: &who,
                        committer: &who,
                        when_ms: 0,
                    };
                    let new = repo.commit_tree(&new).unwrap();
                    match repo.swap_ref("refs/ai/race", Some(&new), &ExpectedRef::At(old), "race") {
                        Ok(()) => _ = wins.fetch_add(1, Ordering::Relaxed),
                        Err(RefError::Conflict { .. }) => {}
                        Err(e) => panic!("{e}"),
                    }
                }
            });
        }
    });
    let chain: usize = test
        .git(&["rev-list", "--count", "refs/ai/race"])
        .parse()
        .unwrap();
    assert_eq!(chain, wins.load(Ordering::Relaxed) + 1);
}

#[test]
fn racing_creation_has_one_winner() {
    let test = TestRepo::new();
    let commits: Vec<Oid> = (0..6).map(|n| test.commit(&format!("c{n}"))).collect();
    let wins = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for commit in &commits {
            let (test, wins) = (&test, &wins);
            scope.spawn(
                move || match test.open().create_ref("refs/heads/ai/t-1/1", commit, "x") {
                    Ok(()) => _ = wins.fetch_add(1, Ordering::Relaxed),
                    Err(RefError::Conflict { .. }) => {}
                    Err(e) => panic!("{e}"),
                },
            );
        }
    });
    assert_eq!(wins.load(Ordering::Relaxed), 1);
}

#[test]
fn sha256_and_reftable_take_the_other_way() {
    let sha256 = TestRepo::sha256();
    let reftable = TestRepo::unborn(&["--ref-format=reftable"]);
    reftable.write("README", "x");
    reftable.commit("first");
    for test in [sha256, reftable] {
        let repo = test.open();
        assert!(!repo.is_native());
        let head = test.oid("HEAD");
        assert_eq!(repo.head().unwrap().commit(), Some(&head));
        repo.create_ref("refs/ai/x", &head, "x").unwrap();
        assert_eq!(repo.list_refs("refs/ai/").unwrap().len(), 1);
        let linked = test.base().join("linked");
        test.git(&[
            "worktree",
            "add",
            "-q",
            "--detach",
            linked.to_str().unwrap(),
        ]);
        let there = Repo::open(&discover(&linked).unwrap(), test.git_program()).unwrap();
        assert_eq!(
            there.head().unwrap(),
            Head::Detached {
                commit: head.clone()
            }
        );
        assert_eq!(there.resolve_commit("HEAD").unwrap(), head);
    }
}

#[test]
fn head_unborn_detached_and_linked() {
    let test = TestRepo::unborn(&[]);
    for repo in both(&test) {
        assert_eq!(
            repo.head().unwrap(),
            Head::Unborn {
                name: "refs/heads/main".into()
            }
        );
        assert!(matches!(
            repo.resolve_commit("HEAD"),
            Err(GitError::NoCommit { .. })
        ));
    }
    let test = TestRepo::new();
    let linked = test.base().join("linked");
    test.git(&[
        "worktree",
        "add",
        "-q",
        "-b",
        "side",
        linked.to_str().unwrap(),
    ]);
    test.git_in(&linked, &["commit", "-q", "--allow-empty", "-m", "side"]);
    let repo = Repo::open(&discover(&linked).unwrap(), test.git_program()).unwrap();
    assert_eq!(repo.head().unwrap().branch(), Some("refs/heads/side"));
    assert_eq!(repo.resolve_commit("HEAD~1").unwrap(), test.oid("main"));
    test.git(&["checkout", "-q", "--detach"]);
    assert_eq!(
        test.open().head().unwrap(),
        Head::Detached {
            commit: test.oid("main")
        }
    );
}

#[test]
fn the_identity_is_the_users_or_none() {
    let test = TestRepo::new();
    assert_eq!(test.open().identity().unwrap(), None);
    test.git(&["config", "user.name", "Ann Other"]);
    test.git(&["config", "user.email", "ann@example.com"]);
    assert_eq!(
        test.open().identity().unwrap(),
        Some(CommitIdentity::new("Ann Other", "ann@example.com").unwrap())
    );
}

#[test]
fn a_shallow_clone_names_what_is_missing() {
    let test = TestRepo::new();
    test.commit("second");
    let shallow = test.base().join("shallow");
    let url = format!("file://{}", test.root.display());
    test.git_in(
        test.base(),
        &["clone", "-q", "--depth=1", &url, shallow.to_str().unwrap()],
    );
    let repo = Repo::open(&discover(&shallow).unwrap(), test.git_program()).unwrap();
    assert!(matches!(
        repo.resolve_commit("HEAD~1"),
        Err(GitError::NoCommit { .. })
    ));
    let error = repo.tree_of(&test.oid("HEAD~1")).unwrap_err();
    assert!(error.to_string().contains("shallow or partial") && error.hint().is_some());
}
