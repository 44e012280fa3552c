//! The standing of `ai` in the settings of the CLIs.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::base::json_path;
use crate::connector::cli_places::{CliSetup, SettingsScope};
use crate::connector::cli_settings::{self, EntryStanding};
use crate::connector::cli_switches::{self, SettingsSwitch, switch_in};
use crate::git::RepoLocation;
use crate::ops::cli_setup::change::stands;
use crate::ops::cli_setup::target::{self, FileInGit, SettingsAround, Target, Which};
use crate::ops::detect::{is_program, on_path};
use crate::ops::error::OpError;

/// The state of a settings file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SetupState {
    /// The entry stands in the file as `ai` writes it.
    Installed,
    /// Nothing of `ai` stands in the file.
    Absent,
    /// An entry stands there in other words than `ai` writes.
    Edited,
    /// The entry stands there, and the settings switch all of its kind off.
    Off,
    /// The entry stands there, and the program is not where it was.
    Broken,
    /// The file cannot be read, or is not this user's to write.
    Unreadable,
}

impl SetupState {
    /// True where something was set up that does not do what it is for.
    pub fn is_out_of_order(self) -> bool {
        !matches!(self, SetupState::Installed | SetupState::Absent)
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            SetupState::Installed => "installed",
            SetupState::Absent => "absent",
            SetupState::Edited => "edited",
            SetupState::Off => "off",
            SetupState::Broken => "broken",
            SetupState::Unreadable => "unreadable",
        }
    }
}

/// The standing in one settings file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SetupStanding {
    /// The CLI.
    pub cli: String,
    /// True where the file is the user's, for every project.
    pub user: bool,
    /// The state.
    pub state: SetupState,
    /// The settings file.
    #[serde(serialize_with = "json_path::one")]
    pub file: PathBuf,
    /// The program that is started.
    #[serde(serialize_with = "json_path::if_any")]
    pub program: Option<PathBuf>,
    /// The reason, where the file cannot be read, or the file that switches all of its kind off.
    pub why: Option<String>,
    /// True where the CLI is on the `PATH`.
    pub found: bool,
    /// True where `ai` stands in a file of the checkout that a commit of everything takes along.
    pub open: bool,
}

impl SetupStanding {
    /// The same, with the standing of the file with Git, where one is around.
    pub fn in_git(self, place: Option<&RepoLocation>) -> Result<SetupStanding, OpError> {
        let Some(place) = place.filter(|_| !self.user && self.program.is_some()) else {
            return Ok(self);
        };
        let open = target::in_git(place, &self.file)? == FileInGit::Open;
        Ok(SetupStanding { open, ..self })
    }
}

/// Looks at one settings file.
pub fn standing(places: SettingsAround<'_>, which: Which) -> Result<SetupStanding, OpError> {
    let mut told = SetupStanding {
        cli: which.cli.to_string(),
        user: which.scope == SettingsScope::User,
        state: SetupState::Absent,
        file: target::path(places, which)?,
        program: None,
        why: None,
        found: on_path(cli_settings::command_of(which.cli), places.env).is_some(),
        open: false,
    };
    let found = Target::find(places, which).and_then(|target| stands(which, &target));
    match found {
        Err(OpError::Settings(error)) => {
            told.state = SetupState::Unreadable;
            told.why = Some(error.why);
        }
        // One file that cannot be read is no matter of the others.
        Err(OpError::File(error)) => {
            told.state = SetupState::Unreadable;
            told.why = Some(error.to_string());
        }
        Err(error) => return Err(error),
        Ok(EntryStanding::Absent) => {}
        Ok(EntryStanding::Changed) => told.state = SetupState::Edited,
        Ok(EntryStanding::Ours(_, entry)) => {
            told.state = works(Path::new(&entry.program));
            told.program = Some(entry.program.into());
        }
        Ok(EntryStanding::Off(_, entry)) => {
            told.state = SetupState::Off;
            told.program = Some(entry.program.into());
        }
    }
    match (&told.program, switch(places, which)) {
        (Some(_), Some((file, SettingsSwitch::Off))) => {
            told.state = SetupState::Off;
            told.why = Some(file.display().to_string());
        }
        // A nearer file may switch on what this one switches off.
        (Some(program), Some((_, SettingsSwitch::On))) if told.state == SetupState::Off => {
            told.state = works(program);
        }
        _ => {}
    }
    Ok(told)
}

/// The state of an entry that nothing switches off.
fn works(program: &Path) -> SetupState {
    if is_program(program) {
        SetupState::Installed
    } else {
        SetupState::Broken
    }
}

/// The settings file that says whether the CLI starts hooks: the nearest that says anything.
fn switch(places: SettingsAround<'_>, which: Which) -> Option<(PathBuf, SettingsSwitch)> {
    if which.setup != CliSetup::Guard {
        return None;
    }
    let mut files = cli_switches::switches(which.cli).iter();
    files.find_map(|file| {
        let (path, text) = target::further(places, *file)?;
        Some((path, switch_in(which.setup, which.cli, &text)?))
    })
}
