use super::*;
use crate::git::discover::discover;
use crate::git::testing::{TestRepo, write};

/// The address in a chain of files with these texts; `None` where Git has to be asked.
fn read(texts: &[&str]) -> Option<Option<String>> {
    let repo = TestRepo::new();
    let mut files = Vec::new();
    for (n, text) in texts.iter().enumerate() {
        let file = repo.base().join(format!("{n}.config"));
        write(&file, text);
        files.push(file);
    }
    write(
        &repo.root.join(".git/config.worktree"),
        "[user]\n\temail = worktree@example.com\n",
    );
    let address = Address::read(&files, &repo.root.join(".git")).ok()?;
    address.is_certain.then(|| address.chosen())
}

#[test]
fn the_last_file_counts_and_the_committer_before_the_user() {
    let user = "[user]\n\tname = Ann\n\temail = ann@example.com # at work\n";
    let other = "[User]\nEmail = \"other@example.com\"";
    let committer = "[committer]\n\temail = committer@example.com\n";
    let worktree = "[extensions]\n\tworktreeConfig = true\n";
    let include = "[includeIf \"gitdir:~/team/\"]\n\tpath = team.config\n";
    for (texts, wanted) in [
        ([""].as_slice(), Some(None)),
        (&[user], Some(Some("ann@example.com"))),
        (&[user, other], Some(Some("other@example.com"))),
        (&[other, user, ""], Some(Some("ann@example.com"))),
        (&[committer, user], Some(Some("committer@example.com"))),
        (&[user, worktree], Some(Some("worktree@example.com"))),
        (&[include, user], None),
        (&[user, "[include]\npath = x"], None),
        (&["[user\nemail = x@y"], None),
    ] {
        let wanted = wanted.map(|some| some.map(str::to_owned));
        assert_eq!(read(texts), wanted, "{texts:?}");
    }
}

#[test]
fn git_itself_gives_the_same_address() {
    let repo = TestRepo::new();
    let place = discover(&repo.root).unwrap();
    repo.git_in(&repo.root, &["config", "user.email", "ann@example.com"]);
    let of = |place: &RepoLocation| {
        let files = [place.common_dir.join("config")];
        let read = Address::read(&files, &place.git_dir).unwrap().chosen();
        (read, asked(&repo.git_program(), place))
    };
    let both = |text: &str| (Some(text.to_owned()), Some(text.to_owned()));
    assert_eq!(of(&place), both("ann@example.com"));
    repo.git_in(
        &repo.root,
        &["config", "--add", "user.email", "late@example.com"],
    );
    assert_eq!(of(&place), both("late@example.com"));
    repo.git_in(&repo.root, &["config", "committer.email", "c@example.com"]);
    assert_eq!(of(&place), both("c@example.com"));
}
