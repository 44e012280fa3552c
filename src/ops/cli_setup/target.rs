//! The settings file that is meant, and whether it may be written.
//!
//! Invariants: nothing is written outside of the checkout, or of the user's own directory, wherever links lead;
//! nothing that belongs to somebody else is written, and nothing that cannot be read as text. A file is
//! replaced as a whole and keeps its mode.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::base::fs::{self, FsError};
use crate::connector::announced::HookCli;
use crate::connector::cli_places::{self, CliSetup, SettingsFile, SettingsScope};
use crate::git::{Git, RepoLocation};
use crate::ops::cli_setup::SettingsInTheWay;
use crate::ops::error::OpError;

/// The largest settings file that is read: some CLIs keep their history in it.
const CAP: u64 = 64 << 20;

/// The directories around.
#[derive(Clone, Copy)]
pub struct SettingsAround<'a> {
    /// The checkout.
    pub top: Option<&'a Path>,
    /// The environment, which names the home.
    pub env: &'a [(OsString, OsString)],
}

/// What is set up, and where.
#[derive(Debug, Clone, Copy)]
pub struct Which {
    /// What.
    pub setup: CliSetup,
    /// With which CLI.
    pub cli: HookCli,
    /// In which of its settings.
    pub scope: SettingsScope,
}

/// A settings file.
#[derive(Debug)]
pub(super) struct Target {
    /// Path as it is told.
    pub(super) shown: PathBuf,
    /// The place at which it is written, behind links.
    pub(super) real: PathBuf,
    /// The text; none where there is no file.
    pub(super) text: Option<String>,
    /// Folders that are missing for it, the outermost last.
    pub(super) missing: Vec<PathBuf>,
}

/// The path at which the file is looked for.
pub(super) fn path(places: SettingsAround<'_>, which: Which) -> Result<PathBuf, OpError> {
    let (base, below) = base(places, which)?;
    Ok(base.join(below))
}

fn base(places: SettingsAround<'_>, which: Which) -> Result<(PathBuf, &'static str), OpError> {
    let file = cli_places::file(which.setup, which.cli, which.scope);
    base_of(places, (which.scope, file))
}

/// A further settings file with its path, where it is there and can be read.
pub(super) fn further(
    places: SettingsAround<'_>,
    (scope, file): (SettingsScope, SettingsFile),
) -> Option<(PathBuf, String)> {
    let (base, below) = base_of(places, (scope, file)).ok()?;
    let path = base.join(below);
    let text = read(&path, &path).ok()?;
    Some((path, text))
}

fn base_of(
    places: SettingsAround<'_>,
    (scope, file): (SettingsScope, SettingsFile),
) -> Result<(PathBuf, &'static str), OpError> {
    let variable = |name: &str| {
        let (_, value) = places.env.iter().find(|(one, _)| one == name)?;
        Some(PathBuf::from(value)).filter(|dir| dir.is_absolute())
    };
    match scope {
        SettingsScope::Project => match places.top {
            Some(top) => Ok((top.to_owned(), file.path)),
            None => Err(in_the_way(
                "there is no checkout here in which a CLI would look for settings",
                "`--user` sets it up for all your projects",
            )),
        },
        SettingsScope::User => {
            let moved = file.moved;
            let moved = moved.and_then(|(name, below)| Some((variable(name)?, below)));
            let home = || Some((variable("HOME")?, file.path));
            moved.or_else(home).ok_or_else(|| {
                in_the_way(
                    "HOME is not set to an absolute path, so that your own settings cannot be found",
                    "set HOME, then the same command again",
                )
            })
        }
    }
}

pub(super) fn in_the_way(why: impl Into<String>, hint: impl Into<String>) -> OpError {
    SettingsInTheWay {
        why: why.into(),
        hint: hint.into(),
    }
    .into()
}

impl Target {
    /// Finds the file, and refuses one that is not this user's to write.
    pub(super) fn find(places: SettingsAround<'_>, which: Which) -> Result<Target, OpError> {
        let (base, below) = base(places, which)?;
        let shown = base.join(below);
        let told = shown.display();
        let (mut missing, mut dir) = (Vec::new(), shown.parent().unwrap_or(&base));
        while fs::is_missing(dir) {
            missing.push(dir.to_owned());
            dir = dir.parent().unwrap_or(Path::new("/"));
        }
        let there = if missing.is_empty() && !fs::is_missing(&shown) {
            &*shown
        } else {
            dir
        };
        let leads_out = || {
            in_the_way(
                format!(
                    "{told} leads out of {} by a link, or nowhere",
                    base.display()
                ),
                "put a file of its own there, then the same command again",
            )
        };
        let real = std::fs::canonicalize(there).map_err(|_| leads_out())?;
        // Below a directory that is still to be made there are no links.
        let base_is_there = !missing.contains(&base);
        if base_is_there && !std::fs::canonicalize(&base).is_ok_and(|base| real.starts_with(base)) {
            return Err(leads_out());
        }
        if fs::is_own(&real) != Some(true) {
            let why = format!("{} belongs to another user", there.display());
            return Err(in_the_way(
                why,
                "ask that user to do it, or take the file over",
            ));
        }
        let is_file = there == shown;
        let kind = std::fs::metadata(&real).map_err(|source| FsError {
            action: "read",
            path: real.clone(),
            source,
        })?;
        if is_file != kind.is_file() || !is_file && !kind.is_dir() {
            let kind = if is_file { "file" } else { "folder" };
            let why = format!("{} is no {kind}", there.display());
            return Err(in_the_way(why, "move it away, then the same command again"));
        }
        if is_file {
            let text = read(&real, &shown)?;
            return Ok(Target {
                shown,
                real,
                text: Some(text),
                missing,
            });
        }
        let rest = shown.strip_prefix(there).unwrap_or(&shown);
        Ok(Target {
            real: real.join(rest),
            text: None,
            missing,
            shown,
        })
    }

    /// Writes the file anew, unless somebody has done so meanwhile.
    pub(super) fn write(&self, text: &str) -> Result<(), OpError> {
        self.is_as_read()?;
        match &self.text {
            Some(_) => fs::replace(&self.real, text.as_bytes())?,
            None => fs::write_atomic(&self.real, text.as_bytes())?,
        }
        Ok(())
    }

    /// Removes the file, and so many of the folders around it as were made for it and hold nothing else.
    pub(super) fn remove(&self, folders: usize) -> Result<(), OpError> {
        self.is_as_read()?;
        fs::remove_file(&self.real)?;
        let around = self.real.ancestors().skip(1).take(folders);
        for dir in around {
            if fs::remove_empty_dir(dir).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// A CLI that runs saves its settings when it likes.
    fn is_as_read(&self) -> Result<(), OpError> {
        let now = if fs::is_missing(&self.real) {
            None
        } else {
            Some(read(&self.real, &self.shown)?)
        };
        if now == self.text {
            return Ok(());
        }
        let why = format!("{} was changed at this moment", self.shown.display());
        Err(in_the_way(why, "give the same command again"))
    }
}

fn read(real: &Path, shown: &Path) -> Result<String, OpError> {
    let bytes = fs::read_capped(real, CAP)?;
    String::from_utf8(bytes).map_err(|_| {
        in_the_way(
            format!("{} is not written in UTF-8", shown.display()),
            "save it as UTF-8, then the same command again",
        )
    })
}

/// The standing of a settings file with the Git of its checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileInGit {
    /// Part of the repository: others get a change of it with the next commit.
    Tracked,
    /// Left out of commits.
    LeftOut,
    /// Neither: a commit of everything takes it along.
    Open,
}

/// The standing of a settings file, whether it is there yet or not.
pub fn in_git(place: &RepoLocation, file: &Path) -> Result<FileInGit, OpError> {
    let Some(below) = below_top(place, file) else {
        return Ok(FileInGit::LeftOut);
    };
    let top = place.top.as_deref().unwrap_or(&place.git_dir);
    let git = Git::system()?;
    let asked = |args: &[&str]| {
        let command = git.command(args).arg(below);
        command.git_dir(&place.git_dir).work_tree(top)
    };
    let tracked = asked(&["ls-files", "-z", "--cached", "--"]).run()?;
    if !tracked.stdout.is_empty() {
        return Ok(FileInGit::Tracked);
    }
    let ignored = asked(&["check-ignore", "--quiet", "--"]);
    // It knows no other pathspecs.
    let ignored = ignored.env("GIT_LITERAL_PATHSPECS", "0").run_any()?;
    Ok(match ignored.code {
        1 => FileInGit::Open,
        _ => FileInGit::LeftOut,
    })
}

/// The line that leaves a settings file out of commits on this machine alone, and the file of Git in which it stands.
pub fn left_out_by(place: &RepoLocation, file: &Path) -> Option<(String, PathBuf)> {
    let below = below_top(place, file)?.to_str()?;
    let exclude = place.common_dir.join("info/exclude");
    let top = place.top.as_deref()?;
    let shown = exclude.strip_prefix(top).unwrap_or(&exclude).to_owned();
    Some((format!("/{below}"), shown))
}

/// The path of a settings file below its checkout.
fn below_top<'a>(place: &RepoLocation, file: &'a Path) -> Option<&'a Path> {
    file.strip_prefix(place.top.as_deref()?).ok()
}
