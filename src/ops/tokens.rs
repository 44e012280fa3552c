//! The lease tokens that a worktree keeps, so that later commands there need no flag: a file in its
//! git directory, readable by its owner alone. Another worktree has another git directory, and so
//! never acts under a lease that is not its own.
//!
//! One line a token, the newest of a subject counts; a line of `-` and a token says that it has
//! served. Behind a token's line stands whose it is, since many may work in one worktree: `@`, its
//! subject and epoch, and the actor with the incarnation. An older `ai` passes that line by, and
//! what it keeps has none. Lines are only ever added, each by one write under the file's lock, since a file of its
//! own for each token cost a claim a fourteenth of its time. Where several users share a checkout, the
//! second one has a file that bears his number: nobody reads or needs that of another, root neither.
//! A file that has grown is written anew without what has served. A line that is no token, such as one that a full disk cut off, is
//! nobody's.

use std::path::{Path, PathBuf};

use crate::base::fs::{self, FsError};
use crate::domain::actor::Actor;
use crate::domain::ids::Subject;
use crate::domain::lease::{KeptToken, Token};

/// The directory of the token file in the git directory of a worktree.
pub const DIR: &str = "ai-lease";
/// The file in it of the first user.
const FILE: &str = "tokens";
/// A file of this length, or twice, four times as long, is written anew.
const LONG: u64 = 32 << 10;
/// The longest file that is read.
const CAP: u64 = 16 << 20;
/// First character of the line of a token that has served.
const SERVED: char = '-';
/// First character of the line that says whose the token above is.
const HOLDER: char = '@';

/// Keeps a token for later commands of its holder in the worktree with this git directory.
pub fn keep(git_dir: &Path, token: &Token, holder: &Actor) -> Result<(), FsError> {
    let kept = KeptToken {
        token: token.clone(),
        holder: Some(holder.clone()),
    };
    add(git_dir, &lines(&[kept]))
}

/// Makes the directory of the tokens, which is made with the first one otherwise: what is not there
/// cannot be hidden from anybody.
pub fn make_dir(git_dir: &Path) -> Result<(), FsError> {
    fs::create_dir_all(&git_dir.join(DIR))
}

/// Forgets a token that has served. Where a later grant is kept by now, that one stays: between the
/// end of a lease and this call, somebody in the same worktree may have claimed the subject anew.
pub fn forget(git_dir: &Path, token: &Token) -> Result<(), FsError> {
    match find(git_dir, &token.subject)? {
        Some(kept) if kept.token == *token => drop_from(git_dir, token),
        _ => Ok(()),
    }
}

/// Forgets whatever token of this subject is kept.
pub fn forget_subject(git_dir: &Path, subject: &Subject) -> Result<(), FsError> {
    find(git_dir, subject)?.map_or(Ok(()), |kept| drop_from(git_dir, &kept.token))
}

/// The token of a subject, where one is kept.
pub fn find(git_dir: &Path, subject: &Subject) -> Result<Option<KeptToken>, FsError> {
    Ok(kept(git_dir)?
        .into_iter()
        .find(|kept| kept.token.subject == *subject))
}

/// All tokens that are kept.
pub fn kept(git_dir: &Path) -> Result<Vec<KeptToken>, FsError> {
    Ok(fs::read_text_if_there(&file(git_dir), CAP)?
        .map(|text| live(&text))
        .unwrap_or_default())
}

/// The file of this process's user.
fn file(git_dir: &Path) -> PathBuf {
    let first = git_dir.join(DIR).join(FILE);
    let numbered = || first.with_file_name(format!("{FILE}-{}", fs::user()));
    match fs::is_own(&first) {
        Some(true) => first,
        Some(false) => numbered(),
        // Whoever has a file with his number does not leave it.
        None => Some(numbered())
            .filter(|file| file.exists())
            .unwrap_or(first),
    }
}

fn drop_from(git_dir: &Path, token: &Token) -> Result<(), FsError> {
    add(git_dir, &format!("{SERVED}{}\n", token.reveal()))
}

/// Adds a line. Each time that the file has doubled it is written anew, so that many tokens that
/// still count cost no more a line.
fn add(git_dir: &Path, line: &str) -> Result<(), FsError> {
    let mut file = file(git_dir);
    let added = fs::append_locked(&file, line.as_bytes()).or_else(|error| {
        // Another user may have made the first file just now.
        let mine = self::file(git_dir);
        if mine == file {
            return Err(error);
        }
        file = mine;
        fs::append_locked(&file, line.as_bytes())
    });
    let length = added?;
    let doublings = |length: u64| (length / LONG).checked_ilog2();
    if doublings(length) > doublings(length.saturating_sub(line.len() as u64)) {
        fs::rewrite_locked(&file, CAP, |text| lines(&live(text)))?;
    }
    Ok(())
}

/// The tokens that have not served, each subject's newest.
fn live(text: &str) -> Vec<KeptToken> {
    let mut tokens: Vec<KeptToken> = Vec::new();
    let mut all = text.lines().peekable();
    while let Some(line) = all.next() {
        let (served, rest) = match line.strip_prefix(SERVED) {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let Ok(token) = Token::parse(rest) else {
            continue;
        };
        if served {
            tokens.retain(|kept| kept.token != token);
            continue;
        }
        let holder = all.peek().and_then(|next| {
            next.strip_prefix(&mark_of(&token))
                .and_then(|actor| actor.parse().ok())
        });
        tokens.retain(|kept| kept.token.subject != token.subject);
        tokens.push(KeptToken { token, holder });
    }
    tokens
}

/// The beginning of the line that says whose a token is.
fn mark_of(token: &Token) -> String {
    format!("{HOLDER}{}.{} ", token.subject, token.epoch)
}

fn lines(tokens: &[KeptToken]) -> String {
    let mut text = String::new();
    for KeptToken { token, holder } in tokens {
        text.push_str(&token.reveal());
        text.push('\n');
        if let Some(holder) = holder {
            text.push_str(&format!("{}{holder}\n", mark_of(token)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn token(subject: &str, epoch: u64) -> Token {
        Token::parse(&format!("{subject}.{epoch}.secret{epoch}")).unwrap()
    }

    fn ann() -> Actor {
        "agent:ann@example.com#s.1".parse().unwrap()
    }

    fn keep(git_dir: &Path, token: &Token) -> Result<(), FsError> {
        super::keep(git_dir, token, &ann())
    }

    /// The tokens that are kept, all of which are Ann's.
    fn kept(git_dir: &Path) -> Result<Vec<Token>, FsError> {
        let all = super::kept(git_dir)?;
        assert!(all.iter().all(|kept| kept.holder == Some(ann())), "{all:?}");
        Ok(all.into_iter().map(|kept| kept.token).collect())
    }

    #[test]
    fn a_token_bears_the_session_that_got_it_and_one_of_before_bears_none() {
        let old = "t-a.1.s.e\nt-b.2.x\n@t-b.2 agent:b#one\nt-c.1.y\n@t-b.2 agent:c\nt-d.1.z\n@t-d.1 nobody\n";
        let read = |text: &str| -> Vec<(String, Option<String>)> {
            let all = live(text).into_iter();
            all.map(|kept| {
                (
                    kept.token.reveal(),
                    kept.holder.map(|holder| holder.to_string()),
                )
            })
            .collect()
        };
        let expected = [
            ("t-a.1.s.e", None),
            ("t-b.2.x", Some("agent:b#one")),
            ("t-c.1.y", None),
            ("t-d.1.z", None),
        ];
        let expected =
            expected.map(|(token, holder)| (token.to_owned(), holder.map(str::to_owned)));
        assert_eq!(read(old), expected);
        // What is written anew says the same.
        assert_eq!(read(&lines(&live(old))), expected);
        // Of one subject the newest grant counts, whoever had the one before.
        assert_eq!(
            read("t-a.1.s\n@t-a.1 human:ann\nt-a.2.t\n@t-a.2 human:ben\n"),
            [("t-a.2.t".to_owned(), Some("human:ben".to_owned()))]
        );
    }

    /// An older `ai` takes each line for a token, and must find in it what it would have kept.
    #[test]
    fn no_line_about_a_holder_reads_as_a_token_of_that_subject() {
        for actor in ["human:ann", "human:a.1.b@c.d.e", "agent:a.2.x#s.3.y"] {
            let line = format!("{}{actor}", mark_of(&token("t-a", 7)));
            let read = Token::parse(&line);
            assert!(read.is_err(), "{read:?}");
        }
    }

    #[test]
    fn the_newest_of_a_subject_counts_until_it_has_served() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second, other) = (token("t-a", 1), token("t-a", 2), token("t-b", 1));
        assert_eq!(kept(dir.path()).unwrap(), []);
        for one in [&first, &other, &second] {
            keep(dir.path(), one).unwrap();
        }
        assert_eq!(
            find(dir.path(), &first.subject)
                .unwrap()
                .map(|kept| kept.token),
            Some(second.clone())
        );
        // The end of the first grant does not take the second one away.
        forget(dir.path(), &first).unwrap();
        assert_eq!(kept(dir.path()).unwrap(), [other.clone(), second.clone()]);
        forget(dir.path(), &second).unwrap();
        forget_subject(dir.path(), &other.subject).unwrap();
        forget_subject(dir.path(), &other.subject).unwrap();
        assert_eq!(kept(dir.path()).unwrap(), []);
    }

    #[test]
    fn a_file_of_another_user_is_left_alone_and_ones_own_is_kept_to() {
        let dir = tempfile::tempdir().unwrap();
        let (theirs, own) = (token("t-a", 1), token("t-b", 1));
        keep(dir.path(), &theirs).unwrap();
        let first = file(dir.path());
        if std::os::unix::fs::chown(&first, Some(61_001), None).is_err() {
            eprintln!("skipped: only root can give a file away");
            return;
        }
        let before = std::fs::read(&first).unwrap();
        assert_eq!(kept(dir.path()).unwrap(), []);
        keep(dir.path(), &own).unwrap();
        assert_eq!(kept(dir.path()).unwrap(), std::slice::from_ref(&own));
        assert_eq!(std::fs::read(&first).unwrap(), before);
        let numbered = file(dir.path());
        assert_ne!(numbered, first);
        assert_eq!(
            std::fs::metadata(&numbered).unwrap().permissions().mode() & 0o777,
            0o600
        );
        std::fs::remove_file(&first).unwrap();
        assert_eq!(kept(dir.path()).unwrap(), [own]);
    }

    #[test]
    fn only_the_owner_may_read_and_a_torn_line_is_nobodys() {
        let dir = tempfile::tempdir().unwrap();
        keep(dir.path(), &token("t-a", 1)).unwrap();
        let file = file(dir.path());
        assert_eq!(
            std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        std::fs::write(&file, format!("t-a.1.secret1\n@t-a.1 {}\nt-b.7", ann())).unwrap();
        // The next line begins behind the torn one, which spoils neither.
        keep(dir.path(), &token("t-c", 3)).unwrap();
        assert_eq!(
            kept(dir.path()).unwrap(),
            [token("t-a", 1), token("t-c", 3)]
        );
    }

    #[test]
    fn a_file_that_has_grown_is_written_anew_and_loses_nothing_that_counts() {
        let dir = tempfile::tempdir().unwrap();
        let standing = token("t-stays", 1);
        keep(dir.path(), &standing).unwrap();
        for epoch in 1..2_000 {
            keep(dir.path(), &token("t-a", epoch)).unwrap();
            assert!(std::fs::metadata(file(dir.path())).unwrap().len() <= LONG + 200);
        }
        assert_eq!(kept(dir.path()).unwrap(), [standing, token("t-a", 1_999)]);
    }

    #[test]
    fn many_tokens_that_count_are_not_written_anew_with_each_line() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = std::collections::BTreeSet::new();
        for n in 0..3_000 {
            keep(dir.path(), &token(&format!("t-{n}"), n)).unwrap();
            files.insert(std::os::unix::fs::MetadataExt::ino(
                &std::fs::metadata(file(dir.path())).unwrap(),
            ));
        }
        assert_eq!(kept(dir.path()).unwrap().len(), 3_000);
        assert!(files.len() <= 4, "{} files", files.len());
    }

    #[test]
    fn many_at_once_lose_no_line() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let dir = dir.path();
                scope.spawn(move || {
                    for n in 0..300 {
                        let own = token(&format!("t-{writer}-{n}"), n);
                        keep(dir, &own).unwrap();
                        if n % 3 != 0 {
                            forget(dir, &own).unwrap();
                        }
                    }
                });
            }
        });
        assert_eq!(kept(dir.path()).unwrap().len(), 8 * 100);
    }
}
