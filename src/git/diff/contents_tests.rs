//! Reading ahead changes when contents are read, and nothing that is told of them.

use super::*;
use crate::git::diff::PathChange;
use crate::git::oid::Oid;
use crate::git::testing::TestRepo;

/// What is handed on, in words.
fn told(repo: &Repo, readers: usize, changed: &[&ChangedPath]) -> Vec<String> {
    let mut told = Vec::new();
    let side = |content: SideContent| match content {
        Ok(Some(bytes)) => String::from_utf8(bytes).unwrap(),
        Ok(None) => "-".to_owned(),
        Err(_) => "unreadable".to_owned(),
    };
    let all = repo.contents_by(readers, changed, |one, old, new| {
        told.push(format!("{} {} {}", one.path, side(old), side(new)));
        Ok::<(), GitError>(())
    });
    all.unwrap();
    told
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
    let stopped = test.open().contents_by(4, &all, |_, _, _| {
        seen += 1;
        if seen == 3 { Err("enough") } else { Ok(()) }
    });
    assert_eq!((stopped, seen), (Err("enough"), 3));
}
