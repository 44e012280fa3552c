//! A file that a command is to write and that must not exist yet.

use std::path::{Path, PathBuf};

use crate::app::error::AppError;
use crate::base::text::path_bytes;
use crate::domain::error_class::ErrorClass;

/// The path of a new file, as it is named from `dir`. One that exists is refused, and so is one in a directory that
/// is not there: before anything is written, and by the name that was typed.
pub(super) fn free(dir: &Path, file: &Path) -> Result<PathBuf, AppError> {
    let path = dir.join(file);
    let shown = |path: &Path| path_bytes(path.as_os_str().as_encoded_bytes());
    if std::fs::symlink_metadata(&path).is_ok() {
        let text = format!("{} exists already", shown(&path));
        return Err(AppError::new(ErrorClass::Conflict, text).hint("name a new file"));
    }
    if let Some(around) = path.parent().filter(|around| !around.is_dir()) {
        let text = format!("{} is no directory", shown(around));
        return Err(AppError::usage(text).hint("make it, or name a file elsewhere"));
    }
    Ok(path)
}
