//! Reading ahead changes when contents are read, and nothing that is told of them.

use super::*;
use crate::git::diff::PathChange;
use crate::git::discover::discover;
use crate::git::oid::Oid;
use crate::git::testing::TestRepo;

/// What is handed on, in words.
fn told(repo: &Repo, readers: usize, changed: &[&ChangedPath]) -> Vec<String> {
    let mut told = Vec::new();
    let asked = asked(changed, (SideNeed::Content, SideNeed::Content));
    let all = repo.contents_by(readers, &asked, |one, old, new| {
        told.push(format!("{} {} {}", one.path, word(old), word(new)));
        Ok::<(), GitError>(())
    });
    all.unwrap();
    told
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
        let mut told = Vec::new();
        let asked = asked(&all, (SideNeed::Nothing, SideNeed::Size));
        let read = repo.contents(&asked, |one, old, new| {
            told.push(format!("{} {} {}", one.path, word(old), word(new)));
            Ok::<(), GitError>(())
        });
        read.unwrap();
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
    let alone = told(&test.open(), 0, &all);
    let repo = spawned(&test);
    let mut told = Vec::new();
    let read = repo.contents(
        &asked(&all, (SideNeed::Content, SideNeed::Content)),
        |one, old, new| {
            told.push(format!("{} {} {}", one.path, word(old), word(new)));
            Ok::<(), GitError>(())
        },
    );
    read.unwrap();
    assert_eq!(told, alone);
}

#[test]
fn threads_hand_on_what_one_reader_would_in_its_order() {
    let test = TestRepo::new();
    let changed = change(&test);
    let all: Vec<&ChangedPath> = changed.iter().collect();
    let repo = test.open();
    let alone = told(&repo, 0, &all);
    assert_eq!(alone.len(), 30);
    assert_eq!(alone[0], "f00 old0 -");
    assert_eq!(alone[6], "f16 old16 new16");
    assert_eq!(alone[29], "lost - unreadable");
    for readers in 1..=4 {
        assert_eq!(told(&repo, readers, &all), alone, "{readers}");
    }
}

#[test]
fn one_who_stops_early_waits_for_nobody() {
    let test = TestRepo::new();
    let changed = change(&test);
    let all: Vec<&ChangedPath> = changed.iter().cycle().take(600).collect();
    let mut seen = 0;
    let all = asked(&all, (SideNeed::Content, SideNeed::Content));
    let stopped = test.open().contents_by(4, &all, |_, _, _| {
        seen += 1;
        if seen == 3 { Err("enough") } else { Ok(()) }
    });
    assert_eq!((stopped, seen), (Err("enough"), 3));
}
