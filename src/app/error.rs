//! Errors as every front end gets them: what failed and why, the next command, the class.
//!
//! [`AppError`] is made of the errors of the layers below by `?`. Which of them belongs to which
//! class is decided here and nowhere else, by matches without a catch-all arm: a new kind of error
//! does not compile until somebody has said what a caller can do about it. What a front end or the
//! workspace refuses by itself names its class where it does. How an error is shown is the business
//! of the front end.

use std::error::Error;

use crate::base::duration::DurationError;
use crate::base::fs::FsError;
use crate::base::yaml::YamlProblems;
use crate::domain::agent_change::ChangeError;
use crate::domain::decision::DecisionRecord;
use crate::domain::error_class::ErrorClass;
use crate::git::discover::DiscoverError;
use crate::git::worktree::{UnfitWorktree, WorktreeError};
use crate::ops::error::OpError;
use crate::ops::hindrance::Hindrance;
use crate::ops::refusal::Refusal;
use crate::store::StoreError;

/// A command that did not do its work.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct AppError {
    /// The class, by what a caller can do about it; decides the exit code.
    pub class: ErrorClass,
    /// The failure and its reason.
    pub message: String,
    /// The next command, where one helps.
    pub hint: Option<String>,
    /// The error that it was made of, for whoever wants to know more.
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl AppError {
    /// An error of a class, with what failed and why.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> AppError {
        AppError {
            class,
            message: message.into(),
            hint: None,
            source: None,
        }
    }

    /// A command line that makes no sense.
    pub fn usage(message: impl Into<String>) -> AppError {
        AppError::new(ErrorClass::Usage, message)
    }

    /// An error of a class that is told in the words of its source.
    pub fn of(class: ErrorClass, source: impl Error + Send + Sync + 'static) -> AppError {
        let mut error = AppError::new(class, source.to_string());
        error.source = Some(Box::new(source));
        error
    }

    /// The same error in other words.
    pub fn saying(self, message: impl Into<String>) -> AppError {
        AppError {
            message: message.into(),
            ..self
        }
    }

    /// A file that a person has named as input and that cannot be read; `undone` says what did not
    /// happen. One that is not there is not found, any other is bad input.
    pub fn unreadable_input(error: FsError, undone: &str) -> AppError {
        let message = format!("{error}; {undone}");
        AppError::unreadable(error)
            .saying(message)
            .hint("name a text file that is there; `-` stands for standard input")
    }

    /// The same for a file that is named in words of its own; what is to be done about it is left to the caller.
    pub fn unreadable(error: FsError) -> AppError {
        let class = if error.is_not_found() {
            ErrorClass::NotFound
        } else {
            ErrorClass::Usage
        };
        AppError::of(class, error)
    }

    /// The same error with the next command.
    pub fn hint(self, hint: impl Into<String>) -> AppError {
        AppError {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// The exit code of a command that ends with this error.
    pub fn code(&self) -> u8 {
        self.class.code()
    }

    /// The problems of a file on account of which the command did not do its work.
    pub fn file_problems(&self) -> Option<&YamlProblems> {
        let mut next = self.source();
        while let Some(cause) = next {
            if let Some(problems) = cause.downcast_ref() {
                return Some(problems);
            }
            next = cause.source();
        }
        None
    }

    /// The answer of the policy by which the command was refused.
    pub fn denied(&self) -> Option<&DecisionRecord> {
        match self.source()?.downcast_ref::<OpError>()?.refusal()? {
            Refusal::Denied(record)
            | Refusal::LandingMessage { record, .. }
            | Refusal::Messages { record, .. } => Some(record),
            _ => None,
        }
    }

    /// The chain of causes below the message, from the nearest to the deepest. A cause that only
    /// repeats the words above it is left out.
    pub fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        let mut above = self.message.clone();
        let mut next = self.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            if text != above {
                causes.push(text.clone());
                above = text;
            }
            next = cause.source();
        }
        causes
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> AppError {
        let hint = error.hint().map(str::to_owned);
        AppError {
            hint,
            ..AppError::of(store_class(&error), error)
        }
    }
}

impl From<OpError> for AppError {
    fn from(error: OpError) -> AppError {
        let class = match error.hindrance() {
            Some(Hindrance::NoRoom) => ErrorClass::StoreUnusable,
            Some(Hindrance::StoppedHolder(_)) => ErrorClass::TryLater,
            None => class(&error),
        };
        AppError {
            hint: error.hint(),
            ..AppError::of(class, error)
        }
    }
}

impl From<Refusal> for AppError {
    fn from(why: Refusal) -> AppError {
        OpError::from(why).into()
    }
}

impl From<DiscoverError> for AppError {
    fn from(error: DiscoverError) -> AppError {
        let hint = error.hint().map(str::to_owned);
        AppError {
            hint,
            ..AppError::of(ErrorClass::NotFound, error)
        }
    }
}

impl From<FsError> for AppError {
    fn from(error: FsError) -> AppError {
        AppError::of(file_class(&error), error)
    }
}

impl From<DurationError> for AppError {
    fn from(error: DurationError) -> AppError {
        let hint = Some(error.hint());
        AppError {
            hint,
            ..AppError::of(ErrorClass::Usage, error)
        }
    }
}

/// The class of a file that cannot be read or written.
fn file_class(error: &FsError) -> ErrorClass {
    if error.is_no_room() {
        ErrorClass::StoreUnusable
    } else {
        ErrorClass::Failed
    }
}

/// The class of an operation that did not happen.
fn class(error: &OpError) -> ErrorClass {
    match error {
        OpError::Refused(refused) => refusal_class(&refused.why),
        OpError::Store(store) => store_class(store),
        OpError::Merge { .. } | OpError::Hooks(_) | OpError::Settings(_) => ErrorClass::Conflict,
        OpError::Worktree(WorktreeError::NoSpace { .. }) => ErrorClass::TryLater,
        OpError::Foreign(UnfitWorktree::Git(_)) => ErrorClass::Failed,
        OpError::Foreign(
            UnfitWorktree::Main(_)
            | UnfitWorktree::OtherRepository(_)
            | UnfitWorktree::NoWorktree(_)
            | UnfitWorktree::OfThePool(_)
            | UnfitWorktree::Locked { .. }
            | UnfitWorktree::InProgress { .. }
            | UnfitWorktree::OwnCone(_)
            | UnfitWorktree::NotFound(_),
        ) => ErrorClass::Conflict,
        OpError::File(_)
        | OpError::Git(_)
        | OpError::Place(_)
        | OpError::Repository(_)
        | OpError::Reference(_)
        | OpError::Worktree(_)
        | OpError::Snapshot(_)
        | OpError::Supervise(_)
        | OpError::Credential(_)
        | OpError::System { .. }
        | OpError::Kept { .. } => ErrorClass::Failed,
        OpError::Internal { .. } => ErrorClass::Internal,
    }
}

/// The class of a store that cannot be used.
fn store_class(error: &StoreError) -> ErrorClass {
    match error {
        StoreError::Busy { .. } => ErrorClass::TryLater,
        StoreError::NotInitialised
        | StoreError::OutOfSight
        | StoreError::Vanished(_)
        | StoreError::Empty(_)
        | StoreError::Foreign { .. }
        | StoreError::Newer { .. }
        | StoreError::Older { .. }
        | StoreError::Migration { .. }
        | StoreError::Damaged { .. }
        | StoreError::SetBack { .. }
        | StoreError::Replaced
        | StoreError::Full
        | StoreError::ReadOnly
        | StoreError::NetworkDisk { .. }
        | StoreError::PathTooLong { .. }
        | StoreError::Row { .. }
        | StoreError::File(_)
        | StoreError::Backend(_) => ErrorClass::StoreUnusable,
    }
}

/// The class of a refusal.
fn refusal_class(why: &Refusal) -> ErrorClass {
    match why {
        Refusal::Missing { .. }
        | Refusal::AgentChange(ChangeError::Nobody(_))
        | Refusal::NoSandbox(_)
        | Refusal::NotFound { .. }
        | Refusal::Ambiguous { .. }
        | Refusal::NothingReady { locked: 0, .. } => ErrorClass::NotFound,
        Refusal::Invalid(_)
        | Refusal::Unclear { .. }
        | Refusal::Pattern(_)
        | Refusal::SharedPattern(_)
        | Refusal::Name(_)
        | Refusal::Check { .. }
        | Refusal::AgentChange(ChangeError::Name(_))
        | Refusal::AgentFile(_)
        | Refusal::Connector(_)
        | Refusal::Config(_)
        | Refusal::Credentials(_)
        | Refusal::Recurring(_)
        | Refusal::Entry { .. }
        | Refusal::Entries(_)
        | Refusal::Line { .. }
        | Refusal::Cycle(_) => ErrorClass::Usage,
        Refusal::Taken { .. }
        | Refusal::Locked { .. }
        | Refusal::PathsHeld { .. }
        | Refusal::UnmetDemand { .. }
        | Refusal::OtherClock(_)
        | Refusal::WrongState { .. }
        | Refusal::NeedsRecovery(_)
        | Refusal::NothingReady { .. }
        | Refusal::MergeConflict { .. }
        | Refusal::Conflict { .. } => ErrorClass::Conflict,
        Refusal::LeaseLost { .. } | Refusal::OtherHolder { .. } | Refusal::NoToken(_) => {
            ErrorClass::LeaseLost
        }
        Refusal::TooEarly { .. } | Refusal::TryLater { .. } => ErrorClass::TryLater,
        Refusal::Interrupted(_) => ErrorClass::Interrupted,
        Refusal::Denied(_)
        | Refusal::LandingMessage { .. }
        | Refusal::Messages { .. }
        | Refusal::SaidNo { .. } => ErrorClass::Denied,
        Refusal::NeedsApproval(_) | Refusal::Untrusted(_) => ErrorClass::ApprovalNeeded,
        Refusal::NotProven { .. } => ErrorClass::NotProven,
        Refusal::Environment(_) => ErrorClass::Failed,
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
