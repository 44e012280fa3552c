//! Threads change when contents are read, and nothing that is told of them.

use super::*;
use crate::git::diff::PathChange;
use crate::git::discover::discover;
use crate::git::oid::Oid;
use crate::git::testing::TestRepo;

/// What is read, in words.
fn told(repo: &Repo, threads: usize, changed: &[&ChangedPath]) -> Vec<String> {
    let asked = asked(changed, (SideNeed::Content, SideNeed::Content));
    // Parts of three files, so that there are some for everybody.
    let parts = repo.contents_by(threads, &Parts::of(&asked, 3), |repo, part| {
        let mut loose = LooseBlobs::open(&repo.common_dir().join("objects"));
        let words = part.iter().map(|one| {
            let (old, new) = repo.both_sides(one, &mut loose);
            format!("{} {} {}", one.0.path, word(old), word(new))
        });
        Ok::<Vec<String>, GitError>(words.collect())
    });
    parts.unwrap().concat()
}

/// The same as callers ask for it.
fn looked_at(repo: &Repo, asked: &[AskedFile<'_>]) -> Vec<String> {
    let parts = repo.contents(asked, Vec::new, |told, one, old, new| {
        told.push(format!("{} {} {}", one.path, word(old), word(new)));
        Ok::<(), GitError>(())
    });
    parts.unwrap().concat()
}

fn asked<'c>(changed: &[&'c ChangedPath], (old, new): (SideNeed, SideNeed)) -> Vec<AskedFile<'c>> {
    let needs = SideNeeds { old, new };
    changed.iter().map(|one| (*one, needs)).collect()
}

fn spawned(test: &TestRepo) -> Repo {
    Repo::open_spawned(&discover(&test.root).unwrap(), test.git_program()).unwrap()
}

fn word(side: SideResult) -> String {
    match side {
        Ok(SideRead::Content(bytes)) => String::from_utf8(bytes).unwrap(),
        Ok(SideRead::Sized(bytes)) => format!("{bytes} bytes"),
        Ok(SideRead::Unread) => "unread".to_owned(),
        Ok(SideRead::Absent) => "-".to_owned(),
        Err(_) => "unreadable".to_owned(),
    }
}

/// A change of 40 files: new, changed and deleted ones, and one whose content is not there.
fn change(test: &TestRepo) -> Vec<ChangedPath> {
    let write = |from: usize, to: usize, text: &str| {
        (from..to).for_each(|n| test.write(format!("f{n:02}"), format!("{text}{n}")));
    };
    write(0, 25, "old");
    let before = test.commit("before");
    write(15, 39, "new");
    (0..5).for_each(|n| std::fs::remove_file(test.root.join(format!("f{n:02}"))).unwrap());
    let after = test.commit("after");
    let mut changed = test.open().changed_between(&before, &after).unwrap();
    let mut lost = changed.last().unwrap().clone();
    lost.path = "lost".into();
    lost.change = PathChange::Modified;
    if let Some(side) = &mut lost.new {
        side.oid = Oid::parse(&"12".repeat(20)).unwrap();
    }
    changed.push(lost);
    changed
}

#[test]
fn no_more_is_read_than_is_asked_for() {
    let test = TestRepo::new();
    let changed = change(&test);
    let all: Vec<&ChangedPath> = changed.iter().take(7).collect();
    for repo in [test.open(), spawned(&test)] {
        let asked = asked(&all, (SideNeed::Nothing, SideNeed::Size));
        let told = looked_at(&repo, &asked);
        assert_eq!(
            (told[0].as_str(), told[6].as_str()),
            ("f00 unread -", "f16 unread 5 bytes")
        );
    }
}

#[test]
fn one_process_hands_on_what_the_library_would() {
    let test = TestRepo::new();
    let changed = change(&test);
    let mut all: Vec<&ChangedPath> = changed.iter().collect();
    // The same content twice, and more files than one process is asked for.
    all.extend(changed.iter().cycle().take(100));
    let alone = told(&test.open(), 1, &all);
    let asked = asked(&all, (SideNeed::Content, SideNeed::Content));
    assert_eq!(looked_at(&spawned(&test), &asked), alone);
}

#[test]
fn threads_bring_what_one_would_in_its_order() {
    let test = TestRepo::new();
    let changed = change(&test);
    let all: Vec<&ChangedPath> = changed.iter().collect();
    let repo = test.open();
    let alone = told(&repo, 1, &all);
    assert_eq!(alone.len(), 30);
    assert_eq!(alone[0], "f00 old0 -");
    assert_eq!(alone[6], "f16 old16 new16");
    assert_eq!(alone[29], "lost - unreadable");
    for threads in 2..=4 {
        assert_eq!(told(&repo, threads, &all), alone, "{threads}");
    }
}

#[test]
fn the_first_refusal_counts_and_later_parts_are_left_alone() {
    let test = TestRepo::new();
    let changed = change(&test);
    let all: Vec<&ChangedPath> = changed.iter().cycle().take(6000).collect();
    let all = asked(&all, (SideNeed::Nothing, SideNeed::Nothing));
    for threads in 1..=4 {
        let seen = AtomicUsize::new(0);
        let stopped = test
            .open()
            .contents_by(threads, &Parts::of(&all, 3), |_, part| {
                seen.fetch_add(1, Ordering::Relaxed);
                let gone = part.iter().find(|one| one.0.new.is_none());
                gone.map_or(Ok(()), |one| Err(one.0.path.to_string()))
            });
        assert_eq!(stopped, Err("f00".to_owned()), "{threads}");
        // One that is alone goes no further; how far others have come, nobody knows.
        assert!(threads > 1 || seen.into_inner() == 1);
    }
}

#[test]
fn a_large_change_is_looked_at_in_parts_that_follow_one_another() {
    let test = TestRepo::new();
    let changed = change(&test);
    let all: Vec<&ChangedPath> = changed.iter().cycle().take(PART * 2 + 1).collect();
    let asked = asked(&all, (SideNeed::Nothing, SideNeed::Nothing));
    let repo = test.open();
    let sizes = repo.contents(
        &asked,
        || 0,
        |size, _, _, _| {
            *size += 1;
            Ok::<(), GitError>(())
        },
    );
    assert_eq!(sizes.unwrap(), [PART, PART, 1]);
}
