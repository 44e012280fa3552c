//! The user's editor and shell: commands of the user's own, on the user's own terminal, so nothing is
//! capped, cleared or watched.
#![expect(
    clippy::disallowed_methods,
    reason = "these need the user's own environment and terminal"
)]

use std::path::Path;
use std::process::{Command, ExitStatus};

/// An edit without a text, with the reason.
#[derive(Debug, thiserror::Error)]
pub enum EditorError {
    /// The editor could not be started.
    #[error("the editor `{0}` cannot be started: {1}")]
    Start(String, std::io::Error),
    /// The editor said that it failed.
    #[error("the editor `{0}` ended with {1}, so nothing was taken over")]
    Failed(String, ExitStatus),
}

/// Opens `file` in the editor command, which may have arguments of its own, and waits.
pub fn open(editor: &str, file: &Path) -> Result<(), EditorError> {
    // `$EDITOR` is a shell command line by convention; the file is passed as an argument and never
    // becomes part of it.
    let status = Command::new("/bin/sh")
        .args(["-c", &format!("{editor} \"$1\""), "sh"])
        .arg(file)
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(EditorError::Failed(editor.to_owned(), status)),
        Err(error) => Err(EditorError::Start(editor.to_owned(), error)),
    }
}

/// Opens a directory in the editor command, which may have arguments of its own, and waits until that has ended, however.
pub fn open_dir(editor: &str, dir: &Path) -> std::io::Result<ExitStatus> {
    Command::new("/bin/sh")
        .args(["-c", &format!("{editor} .")])
        .current_dir(dir)
        .status()
}

/// Starts the user's shell in a directory, and waits until that has ended, however.
pub fn shell(shell: &str, dir: &Path) -> std::io::Result<ExitStatus> {
    Command::new(shell).current_dir(dir).status()
}
