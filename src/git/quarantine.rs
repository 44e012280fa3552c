//! A place of an agent's own for the objects and the branch that it writes, while the repository's
//! are read-only to it.
//!
//! An object store that an agent can write is one whose packs it can delete, and a reference that
//! names objects which only it has breaks every `git fetch`. So a sandbox shows the agent a private
//! store in the place of the real one (which stays readable below it, as an alternate), and a
//! private directory in the place of the one reference that is its own. When it has ended, its
//! commits are packed, checked object by object, and taken over; only then does the branch move.
//! Repositories with reftables have no such place.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::repo::{ExpectedRef, RefError, Repo};
use crate::git::shadow::ShadowRepo;

/// Name of the directory in which the real objects are seen within the private ones.
const REAL: &str = "real";
/// A reference or HEAD is one line.
const LINE: u64 = 256;

/// The private place of one run.
#[derive(Debug, Clone)]
pub struct Quarantine {
    dir: PathBuf,
    common: PathBuf,
    branch: String,
    base: Option<Oid>,
}

/// One directory that stands in another's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandInDir {
    /// The place.
    pub place: PathBuf,
    /// The directory that is shown there.
    pub with: PathBuf,
}

impl Quarantine {
    /// The place at `dir` for a run on `branch` (without `refs/heads/`), which starts at `base`;
    /// `None` where the repository keeps its references otherwise than in files.
    pub fn at(repo: &Repo, dir: &Path, branch: &str, base: Option<&Oid>) -> Option<Quarantine> {
        let common = repo.common_dir().to_owned();
        if common.join("reftable").exists() {
            return None;
        }
        Some(Quarantine {
            dir: dir.to_owned(),
            common,
            branch: branch.to_owned(),
            base: base.cloned(),
        })
    }

    /// Makes it anew and empty, and the directories in whose place it stands.
    pub fn prepare(&self) -> Result<(), GitError> {
        fs::remove_stubborn(&self.dir)?;
        for part in [
            "objects/info",
            "objects/pack",
            "objects/real",
            "refs",
            "logs",
        ] {
            fs::create_dir_all(&self.dir.join(part))?;
        }
        self.set_alternates(&self.alternates_inside())?;
        let (_, name) = self.split();
        if let Some(base) = &self.base {
            fs::write_atomic(
                &self.dir.join("refs").join(name),
                format!("{base}\n").as_bytes(),
            )?;
        }
        for stand_in in self.references() {
            fs::create_dir_all(&stand_in.place)?;
        }
        fs::copy_if_there(
            &self.common.join("logs/refs/heads").join(&self.branch),
            &self.dir.join("logs").join(name),
        )?;
        Ok(())
    }

    /// Lists the directories to be shown, writable, in place of others.
    pub fn stand_ins(&self) -> Vec<StandInDir> {
        let objects = StandInDir {
            place: self.common.join("objects"),
            with: self.dir.join("objects"),
        };
        std::iter::once(objects).chain(self.references()).collect()
    }

    /// Returns where the real objects have to be shown, and where they are; readable.
    pub fn real_objects(&self) -> StandInDir {
        let real = self.common.join("objects");
        StandInDir {
            place: real.join(REAL),
            with: real,
        }
    }

    /// Takes over what was committed there, and moves the branch to it. `admin` is the git
    /// directory of the worktree, whose HEAD may stand on a commit of its own. Nothing happens
    /// where nothing was committed.
    pub fn take_in(&self, repo: &Repo, shadow: &ShadowRepo, admin: &Path) -> Result<(), RefError> {
        if !self.dir.join("objects").is_dir() {
            return Ok(());
        }
        // An agent can have written what it liked there.
        self.set_alternates(format!("{REAL}\n").as_bytes())?;
        let (_, name) = self.split();
        let own = oid_in(&self.dir.join("refs").join(name));
        for tip in own.iter().chain(&oid_in(&admin.join("HEAD"))) {
            if !repo.has_object(tip)? {
                self.import(shadow, tip)?;
            }
        }
        let branch = format!("refs/heads/{}", self.branch);
        let now = repo.find_ref(&branch)?;
        match own {
            Some(tip) if now == self.base && Some(&tip) != now.as_ref() => {
                let expected = now.map_or(ExpectedRef::Absent, ExpectedRef::At);
                Ok(repo.swap_ref(&branch, Some(&tip), &expected, "ai: commits of the agent")?)
            }
            _ => Ok(()),
        }
    }

    /// Packs what `tip` needs beyond the base, and lets Git look at each object before it keeps it.
    fn import(&self, shadow: &ShadowRepo, tip: &Oid) -> Result<(), GitError> {
        let revisions = match &self.base {
            Some(base) => format!("{tip}\n^{base}\n"),
            None => format!("{tip}\n"),
        };
        let packing = shadow.objects(["pack-objects", "--revs", "--stdout", "--quiet"]);
        let pack = packing
            .env(
                "GIT_ALTERNATE_OBJECT_DIRECTORIES",
                quoted(&self.dir.join("objects")),
            )
            .input(revisions)
            .run()?;
        shadow
            .objects(["unpack-objects", "-q", "--strict"])
            .input(pack.stdout)
            .run()
            .map(drop)
    }

    /// The real store as it is seen from inside of the sandbox. Git reads the first line; programs
    /// that read objects by themselves take a relative path from where they stand, and understand
    /// the second. A path that would break the file is left out.
    fn alternates_inside(&self) -> Vec<u8> {
        let place = self
            .real_objects()
            .place
            .into_os_string()
            .into_encoded_bytes();
        let mut text = format!("{REAL}\n").into_bytes();
        if !place.contains(&b'\n') {
            text.extend_from_slice(&place);
            text.push(b'\n');
        }
        text
    }

    fn set_alternates(&self, text: &[u8]) -> Result<(), GitError> {
        let info = self.dir.join("objects/info");
        if !std::fs::symlink_metadata(&info).is_ok_and(|meta| meta.is_dir()) {
            fs::remove_file(&info)?;
        }
        Ok(fs::write_atomic(&info.join("alternates"), text)?)
    }

    fn references(&self) -> [StandInDir; 2] {
        let (above, _) = self.split();
        let place = |dir: &str| self.common.join(dir).join(above);
        [
            StandInDir {
                place: place("refs/heads"),
                with: self.dir.join("refs"),
            },
            StandInDir {
                place: place("logs/refs/heads"),
                with: self.dir.join("logs"),
            },
        ]
    }

    fn split(&self) -> (&str, &str) {
        self.branch.rsplit_once('/').unwrap_or(("", &self.branch))
    }
}

/// The object name that a plain file holds and nothing else.
fn oid_in(path: &Path) -> Option<Oid> {
    if !std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file()) {
        return None;
    }
    let text = fs::read_text(path, LINE).ok()?;
    Oid::parse(text.trim()).ok().filter(|oid| !oid.is_zero())
}

/// A path as Git reads it in a list that is separated by colons.
fn quoted(path: &Path) -> OsString {
    let bytes = path.as_os_str().as_bytes();
    if !bytes.iter().any(|b| matches!(b, b':' | b'"')) {
        return path.into();
    }
    let mut out = vec![b'"'];
    for byte in bytes {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
    std::os::unix::ffi::OsStringExt::from_vec(out)
}
