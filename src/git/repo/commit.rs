//! Commit objects, byte by byte, so that every back end writes the same one.

use crate::git::error::GitError;
use crate::git::oid::Oid;

/// The author or committer of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitIdentity {
    name: String,
    email: String,
}

impl CommitIdentity {
    /// Takes a name and an address; the characters that would break out of the header are dropped,
    /// and nothing may be left empty.
    pub fn new(name: &str, email: &str) -> Result<Self, GitError> {
        let clean = |text: &str| -> String {
            text.chars()
                .filter(|c| !c.is_control() && !matches!(c, '<' | '>'))
                .collect::<String>()
                .trim()
                .to_owned()
        };
        let (name, email) = (clean(name), clean(email));
        if name.is_empty() || email.is_empty() {
            return Err(GitError::BadCommit(
                "an author needs a name and an address".to_owned(),
            ));
        }
        Ok(Self { name, email })
    }

    /// The name.
    #[cfg(test)]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address.
    #[cfg(test)]
    pub fn email(&self) -> &str {
        &self.email
    }
}

/// A commit to be written.
#[derive(Debug, Clone)]
pub struct NewCommit<'a> {
    /// The tree.
    pub tree: &'a Oid,
    /// The parents, in order; none for a root.
    pub parents: &'a [Oid],
    /// The whole message, trailers included.
    pub message: &'a str,
    /// The author of the change.
    pub author: &'a CommitIdentity,
    /// The committer.
    pub committer: &'a CommitIdentity,
    /// Time of the commit, in milliseconds since 1970; stored in whole seconds, UTC.
    pub when_ms: i64,
}

impl NewCommit<'_> {
    /// The object as Git stores it, without its header.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, GitError> {
        if self.message.contains('\0') {
            return Err(GitError::BadCommit("the message holds a NUL".to_owned()));
        }
        let mut text = format!("tree {}\n", self.tree);
        for parent in self.parents {
            text.push_str(&format!("parent {parent}\n"));
        }
        let seconds = self.when_ms.div_euclid(1000).max(0);
        for (role, who) in [("author", self.author), ("committer", self.committer)] {
            text.push_str(&format!(
                "{role} {} <{}> {seconds} +0000\n",
                who.name, who.email
            ));
        }
        text.push('\n');
        text.push_str(self.message.trim_end());
        text.push('\n');
        Ok(text.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_cannot_forge_headers() {
        let who = CommitIdentity::new("Eve\nparent 0 <x>", "e@x>\n").unwrap();
        assert_eq!((who.name(), who.email()), ("Eveparent 0 x", "e@x"));
        assert!(
            CommitIdentity::new("<>", "e@x").is_err() && CommitIdentity::new("e", "\n").is_err()
        );
    }
}
