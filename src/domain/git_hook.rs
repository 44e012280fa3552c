//! The hooks of Git at which `ai` is asked.

use std::fmt;
use std::str::FromStr;

/// A hook of Git.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HookName {
    /// Before a commit is made out of the index.
    PreCommit,
    /// Before a merge without conflicts is committed.
    PreMergeCommit,
    /// Before a commit is made, when its message is there.
    CommitMsg,
    /// Before commits are sent to another repository.
    PrePush,
    /// While references are moved.
    ReferenceTransaction,
    /// On a server, before a push updates a reference.
    Update,
}

/// A text that names none of these hooks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`ai` answers at pre-commit, pre-merge-commit, commit-msg, pre-push and reference-transaction, and on a server at update"
)]
pub struct UnknownHook;

impl HookName {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::PreCommit,
        Self::PreMergeCommit,
        Self::CommitMsg,
        Self::PrePush,
        Self::ReferenceTransaction,
        Self::Update,
    ];

    /// True for the hook of a repository to which others push, which needs no store.
    pub const fn is_of_server(self) -> bool {
        matches!(self, Self::Update)
    }

    /// The name that Git has for it, which is the name of its file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
            Self::PreMergeCommit => "pre-merge-commit",
            Self::CommitMsg => "commit-msg",
            Self::PrePush => "pre-push",
            Self::ReferenceTransaction => "reference-transaction",
            Self::Update => "update",
        }
    }

    /// True where Git gives it words: a file, a repository, a reference.
    pub const fn takes_arguments(self) -> bool {
        !matches!(self, Self::PreCommit | Self::PreMergeCommit)
    }

    /// True where Git says on standard input what it is about to do.
    pub const fn reads_stdin(self) -> bool {
        matches!(self, Self::PrePush | Self::ReferenceTransaction)
    }
}

impl fmt::Display for HookName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for HookName {
    type Err = UnknownHook;

    fn from_str(text: &str) -> Result<Self, UnknownHook> {
        let mut all = Self::ALL.into_iter();
        all.find(|name| name.as_str() == text).ok_or(UnknownHook)
    }
}

/// A reference of another repository that a push is about to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedRef {
    /// The object that it will name; none where it is about to be deleted.
    pub new: Option<String>,
    /// Its full name there.
    pub name: String,
    /// The object that it names there, as far as Git knows.
    pub old: Option<String>,
}

/// A reference that is about to be moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedRef {
    /// The object that it names; none where it is new, or where nobody has said.
    pub old: Option<String>,
    /// The object that it will name; none where it is about to be deleted.
    pub new: Option<String>,
    /// Its full name.
    pub name: String,
}

impl MovedRef {
    /// True where a branch is about to name a commit, or to go.
    pub fn is_of_a_branch(&self) -> bool {
        self.name.starts_with("refs/heads/")
    }
}

/// A line that Git would not have written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {0} of what Git says is not as it should be")]
pub struct BadHookLine(pub usize);

/// Reads what Git says before a push: `local-ref local-object remote-ref remote-object` a line.
pub fn pushed(input: &str) -> Result<Vec<PushedRef>, BadHookLine> {
    lines(input, |words| match words {
        [_, new, name, old] => Some(PushedRef {
            new: object(new),
            name: (*name).to_owned(),
            old: object(old),
        }),
        _ => None,
    })
}

/// Reads what Git says of a transaction of references: `old-object new-object ref` a line. A symbolic
/// reference has `ref:NAME` in the place of an object, and moves no branch.
pub fn moved(input: &str) -> Result<Vec<MovedRef>, BadHookLine> {
    let all = lines(input, |words| match words {
        [old, new, name] => Some(MovedRef {
            old: object(old),
            new: object(new),
            name: (*name).to_owned(),
        }),
        _ => None,
    })?;
    let is_symbolic = |one: &MovedRef| {
        let mut sides = [&one.old, &one.new].into_iter().flatten();
        sides.any(|side| side.starts_with("ref:"))
    };
    Ok(all.into_iter().filter(|one| !is_symbolic(one)).collect())
}

fn lines<T>(input: &str, read: impl Fn(&[&str]) -> Option<T>) -> Result<Vec<T>, BadHookLine> {
    let all = input.lines().enumerate();
    all.map(|(at, line)| {
        let words: Vec<&str> = line.split(' ').collect();
        read(&words).ok_or(BadHookLine(at + 1))
    })
    .collect()
}

/// An object name; zeros stand for none.
fn object(word: &str) -> Option<String> {
    (!word.bytes().all(|byte| byte == b'0')).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_are_none() {
        for hook in HookName::ALL {
            assert_eq!(hook.to_string().parse(), Ok(hook));
        }
        assert_eq!("post-commit".parse::<HookName>(), Err(UnknownHook));
    }

    #[test]
    fn what_git_says_is_read_line_by_line() {
        let zero = "0".repeat(40);
        let told =
            format!("refs/heads/a aa refs/heads/b {zero}\n(delete) {zero} refs/heads/c cc\n");
        let of = |new: Option<&str>, name: &str, old: Option<&str>| PushedRef {
            new: new.map(str::to_owned),
            name: name.to_owned(),
            old: old.map(str::to_owned),
        };
        assert_eq!(
            pushed(&told),
            Ok(vec![
                of(Some("aa"), "refs/heads/b", None),
                of(None, "refs/heads/c", Some("cc")),
            ])
        );
        assert_eq!(pushed(""), Ok(Vec::new()));
        assert_eq!(pushed("refs/heads/a aa\n"), Err(BadHookLine(1)));
        let told = format!(
            "aa bb refs/heads/a\nref:refs/heads/a ref:refs/heads/b HEAD\naa {zero} refs/heads/c\n"
        );
        let names: Vec<String> = moved(&told)
            .unwrap()
            .into_iter()
            .map(|one| one.name)
            .collect();
        assert_eq!(names, ["refs/heads/a", "refs/heads/c"]);
        assert_eq!(moved("aa bb\n"), Err(BadHookLine(1)));
    }
}
