//! The message of a commit that `ai` is about to make, as it is typed: the options are those of `git commit`.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::app::error::AppError;
use crate::base::{env, fs};
use crate::cli::cmd::task::source;
use crate::cli::ui::Ui;
use crate::domain::error_class::ErrorClass;
use crate::domain::trailer;

/// Longest message that is read.
const CAP: u64 = 1 << 20;

#[derive(Args)]
pub(super) struct MessageArgs {
    /// The message of the commit that lands; each is a paragraph
    #[arg(
        long,
        short,
        value_name = "TEXT",
        allow_hyphen_values = true,
        conflicts_with = "file"
    )]
    message: Vec<String>,
    /// Read that message from a file, or from standard input with `-`
    #[arg(long, short = 'F', value_name = "FILE")]
    file: Option<PathBuf>,
}

impl MessageArgs {
    /// True where one was given, whatever it says.
    pub(super) fn is_given(&self) -> bool {
        self.file.is_some() || !self.message.is_empty()
    }

    /// The message; nothing where none was given.
    pub(super) fn text(&self, ui: &mut Ui) -> Result<Option<String>, AppError> {
        let text = match &self.file {
            Some(file) if file == Path::new("-") => ui.while_waiting(|_| source::stdin())?,
            Some(file) => {
                let here = env::current_dir().map_err(|e| {
                    AppError::new(ErrorClass::Failed, e.to_string())
                        .hint("give the message itself: `--message TEXT`")
                })?;
                fs::read_text(&here.join(file), CAP)
                    .map_err(|e| AppError::unreadable_input(e, "nothing was changed"))?
            }
            None if self.message.is_empty() => return Ok(None),
            None => self.message.join("\n\n"),
        };
        // As it will stand there: what cannot be seen is no subject.
        if !trailer::can_be_read(&text) {
            return Err(AppError::usage("the message is empty")
                .hint("say in it what the commit does, or leave the option out"));
        }
        Ok(Some(text))
    }
}
