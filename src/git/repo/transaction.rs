//! A reference that is locked while something else is brought in line with it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout};

use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::repo::refs::{ExpectedRef, RefError};
use crate::git::repo::swap_note::SwapNote;
use crate::git::repo::{Repo, is_valid_ref_name, spawned};

/// One reference, checked and locked by Git, not yet moved. Dropping it, or dying, releases the
/// lock and moves nothing: the helper process aborts when its input ends.
#[derive(Debug)]
pub struct LockedRef {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    name: String,
    /// Goes after the lock, since it is dropped once the process has ended.
    #[expect(dead_code, reason = "it lies there for others")]
    note: Option<SwapNote>,
}

impl Repo {
    /// Locks a reference that is as expected, to move it to `new` with [`LockedRef::commit`].
    pub fn lock_ref(
        &self,
        name: &str,
        new: &Oid,
        expected: &ExpectedRef,
        log: &str,
    ) -> Result<LockedRef, RefError> {
        if !is_valid_ref_name(name) {
            return Err(RefError::BadName(name.to_owned()));
        }
        let command = spawned::plumbing(
            self,
            [
                "update-ref",
                "--no-deref",
                "--create-reflog",
                "-m",
                log,
                "--stdin",
            ],
        );
        let note = self.note_swap(name, Some(new))?;
        let mut child = command.input(Vec::new()).spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(GitError::NotInstalled.into());
        };
        let mut locked = LockedRef {
            child,
            input: Some(input),
            output: BufReader::new(output),
            name: name.to_owned(),
            note,
        };
        let update = match expected {
            ExpectedRef::Absent => format!("create {name} {new}"),
            ExpectedRef::At(old) => format!("update {name} {new} {old}"),
        };
        if locked.say(&["start", &update, "prepare"], 2)? {
            return Ok(locked);
        }
        let why = locked.complaint();
        let actual = self.find_ref(name)?;
        let as_expected = actual.as_ref()
            == if let ExpectedRef::At(old) = expected {
                Some(old)
            } else {
                None
            };
        if as_expected {
            return Err(RefError::Blocked {
                name: name.to_owned(),
                why,
            });
        }
        Err(RefError::Conflict {
            name: name.to_owned(),
            expected: expected.clone(),
            actual,
        })
    }
}

impl LockedRef {
    /// Moves the reference.
    pub fn commit(mut self) -> Result<(), RefError> {
        if self.say(&["commit"], 1)? {
            return Ok(());
        }
        let why = self.complaint();
        Err(RefError::Blocked {
            name: self.name.clone(),
            why,
        })
    }

    /// Sends commands and waits for as many `ok` lines; false where Git gave up instead.
    fn say(&mut self, commands: &[&str], answers: usize) -> Result<bool, GitError> {
        let failed = |source| GitError::Spawn {
            argv: "git update-ref --stdin".to_owned(),
            source,
        };
        let Some(input) = self.input.as_mut() else {
            return Ok(false);
        };
        for command in commands {
            if writeln!(input, "{command}").is_err() {
                return Ok(false);
            }
        }
        // A helper that has died already shows in its missing answer.
        let _ = input.flush();
        for _ in 0..answers {
            let mut line = String::new();
            if self.output.read_line(&mut line).map_err(failed)? == 0
                || !line.trim_end().ends_with(": ok")
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn complaint(&mut self) -> String {
        self.input = None;
        let mut text = String::new();
        if let Some(mut pipe) = self.child.stderr.take() {
            let _ = std::io::Read::read_to_string(&mut pipe, &mut text);
        }
        text.trim().to_owned()
    }
}

impl Drop for LockedRef {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}
