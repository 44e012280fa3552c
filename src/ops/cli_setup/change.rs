//! Putting `ai` into the settings of a CLI, and taking it out.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::base::json_path;
use crate::connector::cli_places::CliSetup;
use crate::connector::cli_settings::{self, EntryStanding, SetEntry};
use crate::connector::json_text::{Cut, SettingsFault};
use crate::domain::action::Action;
use crate::domain::repo_path::RepoPath;
use crate::ops::ask::{self, Question};
use crate::ops::cli_setup::target::{self, SettingsAround, Target, Which, in_the_way};
use crate::ops::cx::{Cx, commit};
use crate::ops::error::OpError;
use crate::ops::hooks::DryRun;
use crate::store::Store;

/// The change of a settings file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SetupChange {
    /// An entry was put in.
    Installed,
    /// The entry names this program now, and named another one before.
    Renewed,
    /// The entry stood there already.
    Unchanged,
    /// The entry was taken out, and the file is what it was before.
    Removed,
    /// The entry was taken out of a file in which something was changed since; the rest stays as it is.
    CutOut,
    /// There was no entry.
    Absent,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SetupDone {
    /// The CLI.
    pub cli: String,
    /// The settings file.
    #[serde(serialize_with = "json_path::one")]
    pub file: PathBuf,
    /// The change.
    pub change: SetupChange,
    /// True where the file is part of the repository, so that others get the change with the next commit.
    pub tracked: bool,
    /// True where the file is neither part of the repository nor ignored, so that a commit of everything takes it
    /// along.
    pub open: bool,
    /// The text that is put in; null where nothing is, or where the file is one of `ai` alone.
    pub entry: Option<String>,
    /// True where nothing was written, since it was only asked what would be.
    pub dry_run: bool,
}

/// A change of a settings file, made or only planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedSettings {
    /// The settings file.
    pub file: PathBuf,
    /// The change.
    pub change: SetupChange,
    /// The text that is put in.
    pub entry: Option<String>,
}

/// Asks the policy about the settings file of a project, as about any change of it.
pub fn allowed(
    store: &mut dyn Store,
    cx: &Cx,
    (places, which): (SettingsAround<'_>, Which),
) -> Result<(), OpError> {
    let path = target::path(places, which)?;
    let below = places.top.and_then(|top| path.strip_prefix(top).ok());
    let mut question = Question::about(Action::Edit);
    let bytes = below.map(|below| below.as_os_str().as_encoded_bytes().to_vec());
    question.resource.paths = bytes.map(RepoPath::new).into_iter().collect();
    commit(store, cx, |tx, cx| {
        ask::or_refuse(tx, cx, question).map(drop)
    })
}

/// Puts `ai` into the settings; `program` is what they are to start.
pub fn install(
    places: SettingsAround<'_>,
    which: Which,
    (program, run): (&Path, DryRun),
) -> Result<ChangedSettings, OpError> {
    let target = Target::find(places, which)?;
    let Some(program) = program.to_str() else {
        let why = format!(
            "the path of this program, {}, is no text",
            program.display()
        );
        return Err(in_the_way(
            why,
            "put `ai` at another path, then the same command again",
        ));
    };
    let mut entry = SetEntry {
        program: program.to_owned(),
        folders: folders_made(places, which, &target),
    };
    let fault = |why: SettingsFault| unreadable(&target.shown, &why);
    let (text, change) = match stands(which, &target)? {
        EntryStanding::Changed => return Err(changed(&target.shown)),
        EntryStanding::Ours(_, had) | EntryStanding::Off(_, had) if had.program == program => {
            return Ok(ChangedSettings {
                file: target.shown,
                change: SetupChange::Unchanged,
                entry: None,
            });
        }
        EntryStanding::Ours(number, had) | EntryStanding::Off(number, had) => {
            let text = target.text.as_deref().unwrap_or_default();
            let cut = cli_settings::without(which.setup, which.cli, text, (number, &had));
            let before = match cut.map_err(fault)? {
                Cut::Whole(text) => text,
                Cut::Entry(text) => Some(text),
            };
            entry.folders = had.folders;
            (before, SetupChange::Renewed)
        }
        EntryStanding::Absent => (target.text.clone(), SetupChange::Installed),
    };
    let with = cli_settings::with(which.setup, which.cli, (text.as_deref(), &entry));
    let with = with.map_err(fault)?;
    if run == DryRun::No {
        target.write(&with)?;
    }
    Ok(ChangedSettings {
        file: target.shown,
        change,
        entry: cli_settings::entry_text(which.setup, which.cli, &entry),
    })
}

/// The number of folders around the file that are `ai`'s to take away with it: those that are missing, and those
/// that it has made for what else is set up with this CLI.
fn folders_made(places: SettingsAround<'_>, which: Which, target: &Target) -> usize {
    let others = CliSetup::ALL.into_iter().filter(|one| *one != which.setup);
    let made: Vec<PathBuf> = others
        .filter_map(|setup| {
            let which = Which { setup, ..which };
            let other = Target::find(places, which).ok()?;
            match stands(which, &other).ok()? {
                EntryStanding::Ours(_, entry) | EntryStanding::Off(_, entry) => {
                    Some((other.shown, entry.folders))
                }
                EntryStanding::Absent | EntryStanding::Changed => None,
            }
        })
        .flat_map(|(file, folders)| {
            let around = file.ancestors().skip(1).take(folders);
            around.map(Path::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let around = target.shown.ancestors().skip(1).map(Path::to_owned);
    around
        .take_while(|dir| target.missing.contains(dir) || made.contains(dir))
        .count()
}

/// Takes `ai` out of the settings.
pub fn uninstall(
    places: SettingsAround<'_>,
    which: Which,
    run: DryRun,
) -> Result<ChangedSettings, OpError> {
    let target = Target::find(places, which)?;
    let done = |file: PathBuf, change: SetupChange| ChangedSettings {
        file,
        change,
        entry: None,
    };
    let (number, entry) = match stands(which, &target)? {
        EntryStanding::Absent => return Ok(done(target.shown, SetupChange::Absent)),
        EntryStanding::Changed => return Err(changed(&target.shown)),
        EntryStanding::Ours(number, entry) | EntryStanding::Off(number, entry) => (number, entry),
    };
    let text = target.text.as_deref().unwrap_or_default();
    let cut = cli_settings::without(which.setup, which.cli, text, (number, &entry))
        .map_err(|why| unreadable(&target.shown, &why))?;
    let change = match &cut {
        Cut::Whole(_) => SetupChange::Removed,
        Cut::Entry(_) => SetupChange::CutOut,
    };
    match (run, cut) {
        (DryRun::Yes, _) => {}
        (DryRun::No, Cut::Whole(None)) => target.remove(entry.folders)?,
        (DryRun::No, Cut::Whole(Some(text)) | Cut::Entry(text)) => target.write(&text)?,
    }
    Ok(done(target.shown, change))
}

/// The standing of what is set up in a file that was found.
pub(super) fn stands(which: Which, target: &Target) -> Result<EntryStanding, OpError> {
    let Some(text) = &target.text else {
        return Ok(EntryStanding::Absent);
    };
    cli_settings::standing(which.setup, which.cli, text)
        .map_err(|why| unreadable(&target.shown, &why))
}

fn unreadable(file: &Path, why: &SettingsFault) -> OpError {
    in_the_way(
        format!("{} is left as it is: {why}", file.display()),
        "mend the file by hand, then the same command again",
    )
}

fn changed(file: &Path) -> OpError {
    in_the_way(
        format!(
            "an entry in {} starts `ai` in other words than it is written here, and is left as it is",
            file.display()
        ),
        "take the entry out by hand, then the same command again",
    )
}
