//! The settings of the user by which Git makes a message of a text: in a hook, those of the command as well.

use std::ffi::OsString;
use std::path::Path;

use crate::domain::message_settings::{MessageSettings, SETTINGS};
use crate::git::{GitError, Repo};

/// The variable in which Git hands on the settings of its command line.
const OF_COMMAND_LINE: &str = "GIT_CONFIG_PARAMETERS";

/// The settings that the environment of a hook brings besides those of files.
#[derive(Debug, Default)]
pub struct ToldSettings {
    /// Those of `git -c`, as Git hands them on.
    pub of_command_line: Option<OsString>,
    /// Those of the variables `GIT_CONFIG_KEY_0` and so on, with their values.
    pub of_variables: Vec<(String, OsString)>,
}

impl Repo {
    /// The settings about messages for a worktree, by its git directory. Nothing else of what is told counts.
    pub fn message_settings(
        &self,
        git_dir: &Path,
        told: ToldSettings,
    ) -> Result<MessageSettings, GitError> {
        let names = SETTINGS.map(|name| name.replace('.', "\\.")).join("|");
        let pattern = format!("^({names})$");
        let mut command = self
            .git()
            .command(["config", "--includes", "-z", "--get-regexp", &pattern])
            .git_dir(git_dir);
        for (key, value) in told.of_variables {
            if SETTINGS.contains(&key.to_ascii_lowercase().as_str()) {
                command = command.config(key, value);
            }
        }
        if let Some(value) = told.of_command_line {
            command = command.env(OF_COMMAND_LINE, value);
        }
        // Where there are none, and where Git cannot read them, it goes by its own.
        let out = command.run_any()?;
        let text = String::from_utf8_lossy(&out.stdout);
        let all = text.split_terminator('\0');
        Ok(MessageSettings::of(
            all.filter_map(|entry| entry.split_once('\n')),
        ))
    }
}
