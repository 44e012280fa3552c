//! References, moved only by compare-and-swap.
//!
//! A swap says what it expects and loses cleanly: [`RefError::Conflict`] carries what stands there
//! now. Contention on the lock file is retried with jitter up to a deadline. A lock that stays is
//! named; it goes only where a note of a killed command proves that it was that one's.

use std::time::{Duration, Instant};

use git2::{ErrorCode, Reference, Repository};

use crate::base::text::one_line;
use crate::base::{clock, fs};
use crate::git::cmd::{NulFields, oid_line};
use crate::git::error::GitError;
use crate::git::format::RefStorage;
use crate::git::oid::Oid;
use crate::git::repo::repository::RepoBackend;
use crate::git::repo::swap_note::{self, SwapNote};
use crate::git::repo::{Repo, native, spawned};

/// Largest file of packed references that is read.
const PACKED_CAP: u64 = 256 << 20;
/// Time that a swap waits for somebody else's lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// The expected value of a reference, without which no swap happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedRef {
    /// The reference must not exist.
    Absent,
    /// The reference must be at this object.
    At(Oid),
}

/// A reference that was not moved. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum RefError {
    /// The name is not allowed by Git.
    #[error("`{}` is not a valid reference name", one_line(.0))]
    BadName(String),
    /// Something else stands there.
    #[error("{name} is {}, not {}", actual.as_ref().map_or("missing", Oid::as_str), expected_text(expected))]
    Conflict {
        /// The reference.
        name: String,
        /// The value that the caller expected.
        expected: ExpectedRef,
        /// The value that stands there; `None` where it is missing.
        actual: Option<Oid>,
    },
    /// Another reference is in the way: `a` and `a/b` cannot both exist.
    #[error("cannot write {name}: {why}")]
    Blocked {
        /// The reference.
        name: String,
        /// Git's reason.
        why: String,
    },
    /// Somebody holds the lock for longer than is reasonable.
    #[error("{name} is locked by another process; if none runs, look at {lock}")]
    Locked {
        /// The reference.
        name: String,
        /// The lock file.
        lock: String,
    },
    /// Anything else.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl RefError {
    /// A command to try, where one helps.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Git(error) => error.hint(),
            _ => None,
        }
    }
}

fn expected_text(expected: &ExpectedRef) -> &str {
    match expected {
        ExpectedRef::Absent => "missing",
        ExpectedRef::At(oid) => oid.as_str(),
    }
}

/// The result of one attempt.
enum SwapAttempt {
    Done,
    Mismatch,
    Locked,
    Blocked(String),
}

/// True for a full reference name that Git accepts.
pub fn is_valid_ref_name(name: &str) -> bool {
    name.starts_with("refs/") && Reference::is_valid_name(name)
}

impl Repo {
    /// The newest commit on the first-parent line of `head` that was made at `at_ms` (milliseconds
    /// since 1970) or before; `None` where all of it is newer. Git counts in whole seconds.
    pub fn last_before(&self, head: &Oid, at_ms: i64) -> Result<Option<Oid>, GitError> {
        let command = self
            .git()
            .command(["rev-list", "--first-parent", "--max-count=1"]);
        let command = command
            .arg(format!("--before={}", at_ms.div_euclid(1_000)))
            .arg(head);
        let out = command.git_dir(self.common_dir()).run()?;
        if out.stdout.trim_ascii().is_empty() {
            Ok(None)
        } else {
            oid_line(&out).map(Some)
        }
    }

    /// True where a deletion that Git shows while it happens takes the loose form of a reference away, since it is
    /// packed. Where it takes a packed one away it holds the lock of those.
    pub fn is_packing(&self, name: &str, at: &Oid) -> Result<bool, GitError> {
        let dir = self.common_dir();
        if self.format.refs != RefStorage::Files || !fs::is_missing(&dir.join("packed-refs.lock")) {
            return Ok(false);
        }
        match fs::read_capped(&dir.join("packed-refs"), PACKED_CAP) {
            Ok(text) => {
                let wanted = format!("{at} {name}");
                Ok(text
                    .split(|byte| *byte == b'\n')
                    .any(|line| line == wanted.as_bytes()))
            }
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The object of a reference, symbolic ones followed; `None` where it does not exist.
    pub fn find_ref(&self, name: &str) -> Result<Option<Oid>, GitError> {
        match &self.backend {
            RepoBackend::Native(repo) => match repo.refname_to_id(name) {
                Ok(id) => native::name(id).map(Some),
                Err(e) if e.code() == ErrorCode::NotFound => Ok(None),
                Err(e) => Err(GitError::native(format!("read {name}"))(e)),
            },
            RepoBackend::Spawned => {
                let mut refs = self.list_refs(name)?;
                refs.retain(|(found, _)| found == name);
                Ok(refs.pop().map(|(_, oid)| oid))
            }
        }
    }

    /// All references under a prefix that ends at a `/`, or the one of that exact name, sorted by
    /// name.
    pub fn list_refs(&self, prefix: &str) -> Result<Vec<(String, Oid)>, GitError> {
        match &self.backend {
            RepoBackend::Native(repo) => list_native(repo, prefix),
            RepoBackend::Spawned => self.list_spawned(prefix),
        }
    }

    fn list_spawned(&self, prefix: &str) -> Result<Vec<(String, Oid)>, GitError> {
        let command = spawned::plumbing(
            self,
            ["for-each-ref", "--format=%(objectname)%00%(refname)%00"],
        );
        let out = command.arg("--").arg(prefix.trim_end_matches('/')).run()?;
        let mut fields = NulFields::of(&out);
        let mut refs = Vec::new();
        while let Some(oid) = fields
            .next()
            .map(<[u8]>::trim_ascii)
            .filter(|f| !f.is_empty())
        {
            let name = String::from_utf8_lossy(fields.expect("a reference name")?).into_owned();
            refs.push((name, Oid::parse(&String::from_utf8_lossy(oid))?));
        }
        Ok(refs)
    }

    /// Makes a reference; one that exists at the same object already is fine, so that a redo after
    /// a crash succeeds.
    pub fn create_ref(&self, name: &str, new: &Oid, log: &str) -> Result<(), RefError> {
        match self.swap_ref(name, Some(new), &ExpectedRef::Absent, log) {
            Err(RefError::Conflict {
                actual: Some(actual),
                ..
            }) if actual == *new => Ok(()),
            other => other,
        }
    }

    /// Removes a reference that is at `old`; one that is gone already is fine.
    pub fn delete_ref(&self, name: &str, old: &Oid, log: &str) -> Result<(), RefError> {
        match self.swap_ref(name, None, &ExpectedRef::At(old.clone()), log) {
            Err(RefError::Conflict { actual: None, .. }) => Ok(()),
            other => other,
        }
    }

    /// Moves a reference to `new` (`None` deletes) if `expected` holds, atomically; never through a
    /// symbolic reference.
    pub fn swap_ref(
        &self,
        name: &str,
        new: Option<&Oid>,
        expected: &ExpectedRef,
        log: &str,
    ) -> Result<(), RefError> {
        if !is_valid_ref_name(name) {
            return Err(RefError::BadName(name.to_owned()));
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let note = self.note_swap(name, new)?;
            let attempt = match &self.backend {
                RepoBackend::Native(repo) => swap_native(repo, name, new, expected, log),
                RepoBackend::Spawned => self.swap_spawned(name, new, expected, log),
            };
            drop(note);
            // The library reports a collision in many ways; the references themselves say it in
            // one.
            let attempt = match attempt {
                Err(e) => self.collision(name)?.map(SwapAttempt::Blocked).ok_or(e)?,
                Ok(attempt) => attempt,
            };
            match attempt {
                SwapAttempt::Done => return Ok(()),
                SwapAttempt::Mismatch => {
                    let actual = self.find_ref(name)?;
                    return Err(RefError::Conflict {
                        name: name.to_owned(),
                        expected: expected.clone(),
                        actual,
                    });
                }
                SwapAttempt::Blocked(why) => {
                    return Err(RefError::Blocked {
                        name: name.to_owned(),
                        why,
                    });
                }
                SwapAttempt::Locked if self.clear_left_locks()? > 0 => {}
                SwapAttempt::Locked if Instant::now() < deadline => clock::pause(jitter()),
                SwapAttempt::Locked => return Err(self.locked(name)),
            }
        }
    }

    /// Notes that a reference is about to move, where a killed move would leave its lock.
    pub(super) fn note_swap(
        &self,
        name: &str,
        new: Option<&Oid>,
    ) -> Result<Option<SwapNote>, RefError> {
        if self.format.refs != RefStorage::Files {
            return Ok(None);
        }
        let note = SwapNote::write(self.common_dir(), name, new);
        Ok(Some(note.map_err(GitError::from)?))
    }

    /// Takes away the locks of references that commands of ours have left, since they were killed
    /// while they moved one; returns how many. Looks at each for a second.
    pub fn clear_left_locks(&self) -> Result<usize, GitError> {
        Ok(swap_note::clear_left(self.common_dir())?)
    }

    /// Finds the reference that makes `name` impossible.
    fn collision(&self, name: &str) -> Result<Option<String>, GitError> {
        for (at, _) in name.match_indices('/').skip(1) {
            if self.find_ref(&name[..at])?.is_some() {
                return Ok(Some(format!("{} exists", &name[..at])));
            }
        }
        let beneath = self.list_refs(&format!("{name}/"))?;
        Ok(beneath.first().map(|(found, _)| format!("{found} exists")))
    }

    fn locked(&self, name: &str) -> RefError {
        let lock = self
            .common_dir()
            .join(format!("{name}.lock"))
            .display()
            .to_string();
        RefError::Locked {
            name: name.to_owned(),
            lock,
        }
    }

    fn swap_spawned(
        &self,
        name: &str,
        new: Option<&Oid>,
        expected: &ExpectedRef,
        log: &str,
    ) -> Result<SwapAttempt, GitError> {
        let zero = self.format.objects.zero();
        let old = match expected {
            ExpectedRef::Absent => &zero,
            ExpectedRef::At(oid) => oid,
        };
        let command = match new {
            Some(new) => spawned::plumbing(
                self,
                [
                    "update-ref",
                    "--no-deref",
                    "--create-reflog",
                    "-m",
                    log,
                    name,
                ],
            )
            .arg(new),
            None if *expected == ExpectedRef::Absent => return self.check_absent(name),
            None => spawned::plumbing(self, ["update-ref", "--no-deref", "-m", log, "-d", name]),
        };
        let out = command.arg(old).run_any()?;
        if out.code == 0 {
            return Ok(SwapAttempt::Done);
        }
        let actual = self.find_ref(name)?;
        let wanted = if *expected == ExpectedRef::Absent {
            None
        } else {
            Some(old)
        };
        let as_expected = actual.as_ref() == wanted;
        let is_locked = out.stderr.contains("File exists")
            || out.stderr.contains("lock") && out.stderr.contains("Unable to create");
        if !as_expected {
            Ok(SwapAttempt::Mismatch)
        } else if is_locked {
            Ok(SwapAttempt::Locked)
        } else {
            Err(out.failure())
        }
    }

    fn check_absent(&self, name: &str) -> Result<SwapAttempt, GitError> {
        Ok(if self.find_ref(name)?.is_none() {
            SwapAttempt::Done
        } else {
            SwapAttempt::Mismatch
        })
    }
}

fn list_native(repo: &Repository, prefix: &str) -> Result<Vec<(String, Oid)>, GitError> {
    let failed = || GitError::native(format!("list {prefix}"));
    let glob = if prefix.ends_with('/') {
        format!("{prefix}*")
    } else {
        prefix.to_owned()
    };
    let mut refs = Vec::new();
    for found in repo.references_glob(&glob).map_err(failed())? {
        let found = found.map_err(failed())?;
        let (Ok(name), Ok(resolved)) = (found.name(), found.resolve()) else {
            continue;
        };
        if let Some(target) = resolved.target() {
            refs.push((name.to_owned(), native::name(target)?));
        }
    }
    refs.sort();
    Ok(refs)
}

fn swap_native(
    repo: &Repository,
    name: &str,
    new: Option<&Oid>,
    expected: &ExpectedRef,
    log: &str,
) -> Result<SwapAttempt, GitError> {
    let result = match (new, expected) {
        (Some(new), ExpectedRef::Absent) => create_native(repo, name, native::id(new)?, log),
        (Some(new), ExpectedRef::At(old)) => repo
            .reference_matching(name, native::id(new)?, true, native::id(old)?, log)
            .map(drop),
        (None, ExpectedRef::At(old)) => match delete_native(repo, name, native::id(old)?) {
            Ok(true) => Ok(()),
            Ok(false) => return Ok(SwapAttempt::Mismatch),
            Err(e) => Err(e),
        },
        (None, ExpectedRef::Absent) => match repo.find_reference(name) {
            Ok(_) => return Ok(SwapAttempt::Mismatch),
            Err(e) if e.code() == ErrorCode::NotFound => return Ok(SwapAttempt::Done),
            Err(e) => Err(e),
        },
    };
    match result {
        Ok(()) => {
            native::sync_file(&repo.path().join(name))?;
            Ok(SwapAttempt::Done)
        }
        Err(e) => classify(repo, name, e),
    }
}

/// Creating only where nothing stands. Without force the library looks before it takes its lock, so
/// that two could both find nothing; the zero id as the expected value has it look again under the
/// lock.
fn create_native(
    repo: &Repository,
    name: &str,
    new: git2::Oid,
    log: &str,
) -> Result<(), git2::Error> {
    repo.reference_matching(name, new, false, git2::Oid::ZERO_SHA1, log)
        .map(drop)
}

/// Deletes under the library's own check of the old value.
fn delete_native(repo: &Repository, name: &str, old: git2::Oid) -> Result<bool, git2::Error> {
    let mut found = repo.find_reference(name)?;
    if found.target() != Some(old) {
        return Ok(false);
    }
    found.delete().map(|()| true)
}

fn classify(repo: &Repository, name: &str, error: git2::Error) -> Result<SwapAttempt, GitError> {
    let taken = || repo.find_reference(name).is_ok();
    match error.code() {
        ErrorCode::Locked => Ok(SwapAttempt::Locked),
        ErrorCode::Modified | ErrorCode::NotFound => Ok(SwapAttempt::Mismatch),
        ErrorCode::Exists if taken() => Ok(SwapAttempt::Mismatch),
        _ => Err(GitError::native(format!("write {name}"))(error)),
    }
}

/// Between half a millisecond and four, so that losers do not meet again.
fn jitter() -> Duration {
    let mut byte = [0u8; 1];
    let _ = rustix::rand::getrandom(&mut byte, rustix::rand::GetRandomFlags::empty());
    Duration::from_micros(500 + u64::from(byte[0]) * 14)
}
