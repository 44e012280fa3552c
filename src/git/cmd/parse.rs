//! Reading `-z` output: fields end with NUL, and everything else in them is content.

use crate::git::cmd::GitOutput;
use crate::git::error::GitError;
use crate::git::oid::Oid;

/// Walks over NUL-terminated fields.
#[derive(Debug)]
pub struct NulFields<'a> {
    rest: &'a [u8],
    argv: &'a str,
}

impl<'a> NulFields<'a> {
    /// The fields of a command's standard output.
    pub fn of(output: &'a GitOutput) -> Self {
        Self {
            rest: &output.stdout,
            argv: &output.argv,
        }
    }

    /// The next field, which must be there.
    pub fn expect(&mut self, what: &str) -> Result<&'a [u8], GitError> {
        self.next()
            .ok_or_else(|| self.bad(format!("{what} is missing")))
    }

    /// The error for a field of the wrong form.
    pub fn bad(&self, what: impl Into<String>) -> GitError {
        GitError::Unparsable {
            argv: self.argv.to_owned(),
            what: what.into(),
        }
    }
}

impl<'a> Iterator for NulFields<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|b| *b == 0);
        let field = &self.rest[..end.unwrap_or(self.rest.len())];
        self.rest = end.map_or(&[], |at| &self.rest[at + 1..]);
        Some(field)
    }
}

/// The object name that a command printed as its one line.
pub fn oid_line(output: &GitOutput) -> Result<Oid, GitError> {
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(Oid::parse(text.trim_end())?)
}
