//! From errors to what the terminal says: what failed, why, the next command, and the exit code.

use crate::base::fs::FsError;
use crate::base::text;
use crate::cli::answer::{ErrorAnswer, ErrorBody};
use crate::cli::exit;
use crate::ops::refusal::{OpError, Refusal};
use crate::store::StoreError;

/// A command that did not do its work.
#[derive(Debug)]
pub struct CliError {
    /// Exit code.
    pub code: u8,
    /// What failed and why.
    pub message: String,
    /// The next command.
    pub hint: Option<String>,
}

impl CliError {
    /// An error of the class `code`.
    pub fn new(code: u8, message: impl Into<String>) -> CliError {
        CliError {
            code,
            message: message.into(),
            hint: None,
        }
    }

    /// A command line that makes no sense.
    pub fn usage(message: impl Into<String>) -> CliError {
        CliError::new(exit::USAGE, message)
    }

    /// The same error with the next command.
    pub fn hint(self, hint: impl Into<String>) -> CliError {
        CliError {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// As it is shown to people.
    pub fn for_people(&self) -> String {
        let mut shown = format!("error: {}\n", text::multi_line(&self.message));
        if let Some(hint) = &self.hint {
            shown.push_str(&format!("  next: {}\n", text::multi_line(hint)));
        }
        shown
    }

    /// As it is shown to programs.
    pub fn for_programs(&self) -> String {
        let next = self.hint.as_deref().map(Into::into);
        let body = ErrorBody {
            code: self.code,
            kind: exit::name(self.code),
            message: &self.message,
            next,
        };
        let text = serde_json::to_string(&ErrorAnswer { error: body });
        // Numbers and text always serialise.
        format!("{}\n", text.unwrap_or_default())
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> CliError {
        let code = match &error {
            StoreError::Busy(_) => exit::TRY_LATER,
            _ => exit::STORE,
        };
        let hint = error.hint().map(str::to_owned);
        CliError {
            code,
            message: error.to_string(),
            hint,
        }
    }
}

impl From<OpError> for CliError {
    fn from(error: OpError) -> CliError {
        match error {
            OpError::Store(store) => store.into(),
            OpError::Refused(refused) => refused.why.into(),
        }
    }
}

impl From<Refusal> for CliError {
    fn from(why: Refusal) -> CliError {
        let code = match &why {
            Refusal::Missing { .. }
            | Refusal::NotFound { .. }
            | Refusal::Ambiguous { .. }
            | Refusal::NothingReady { locked: 0 } => exit::NOT_FOUND,
            Refusal::Invalid(_) | Refusal::Cycle(_) => exit::USAGE,
            Refusal::Taken { .. }
            | Refusal::Locked { .. }
            | Refusal::OtherClock(_)
            | Refusal::WrongState { .. }
            | Refusal::NeedsRecovery(_)
            | Refusal::NothingReady { .. }
            | Refusal::MergeConflict { .. }
            | Refusal::Conflict(_) => exit::CONFLICT,
            Refusal::LeaseLost { .. } | Refusal::NoToken(_) => exit::LEASE_LOST,
            Refusal::TooEarly { .. } | Refusal::TryLater { .. } => exit::TRY_LATER,
            Refusal::Interrupted(_) => exit::INTERRUPTED,
            Refusal::Denied(_) => exit::DENIED,
            Refusal::NeedsApproval(_) | Refusal::Untrusted(_) => exit::APPROVAL,
            Refusal::NotProven(_) => exit::NOT_PROVEN,
            Refusal::BadConfig { .. } | Refusal::Environment(_) | Refusal::Failed(_) => {
                exit::FAILED
            }
        };
        CliError {
            code,
            message: why.to_string(),
            hint: why.hint(),
        }
    }
}

impl From<FsError> for CliError {
    fn from(error: FsError) -> CliError {
        CliError::new(exit::FAILED, error.to_string())
    }
}
