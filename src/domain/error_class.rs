//! Error classes and their exit codes.
//!
//! A class is what a caller can act upon: wait, choose something else, ask a person. Its code and
//! its name are part of the interface: scripts and agents branch on them, and so does `ai run
//! --all` on the codes of the processes that it starts. That is why the table stands down here,
//! below the operations, and not in a front end. Which error belongs to which class is decided in
//! `app::error`.

/// The class of the failure that ended a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorClass {
    /// The command was tried and failed.
    Failed,
    /// A state that cannot be: a bug of ours. To a caller it is a failure like any other, so it has
    /// no code of its own.
    Internal,
    /// The command line makes no sense.
    Usage,
    /// No such task, run, lock or agent; nothing to claim.
    NotFound,
    /// Taken, locked, or in a state in which this cannot be done.
    Conflict,
    /// Policy says no.
    Denied,
    /// The checks do not pass on this tree.
    NotProven,
    /// The lease token does not open the task any more.
    LeaseLost,
    /// A person must say yes first: an approval, or `ai trust`.
    ApprovalNeeded,
    /// The store is missing, damaged, foreign, newer, full or read-only; or another disk is full.
    StoreUnusable,
    /// Busy, out of quota, or too early: the same command may work later.
    TryLater,
    /// Ended by Ctrl-C.
    Interrupted,
}

impl ErrorClass {
    /// Every class, in the order of the exit codes.
    pub const ALL: [ErrorClass; 12] = [
        ErrorClass::Failed,
        ErrorClass::Internal,
        ErrorClass::Usage,
        ErrorClass::NotFound,
        ErrorClass::Conflict,
        ErrorClass::Denied,
        ErrorClass::NotProven,
        ErrorClass::LeaseLost,
        ErrorClass::ApprovalNeeded,
        ErrorClass::StoreUnusable,
        ErrorClass::TryLater,
        ErrorClass::Interrupted,
    ];

    /// The exit code of a command that ends with such an error.
    pub const fn code(self) -> u8 {
        match self {
            ErrorClass::Failed | ErrorClass::Internal => 1,
            ErrorClass::Usage => 2,
            ErrorClass::NotFound => 3,
            ErrorClass::Conflict => 4,
            ErrorClass::Denied => 5,
            ErrorClass::NotProven => 6,
            ErrorClass::LeaseLost => 7,
            ErrorClass::ApprovalNeeded => 8,
            ErrorClass::StoreUnusable => 9,
            ErrorClass::TryLater => 75,
            ErrorClass::Interrupted => 130,
        }
    }

    /// The name of the class in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            ErrorClass::Failed | ErrorClass::Internal => "failed",
            ErrorClass::Usage => "usage",
            ErrorClass::NotFound => "not_found",
            ErrorClass::Conflict => "conflict",
            ErrorClass::Denied => "denied",
            ErrorClass::NotProven => "not_proven",
            ErrorClass::LeaseLost => "lease_lost",
            ErrorClass::ApprovalNeeded => "approval_needed",
            ErrorClass::StoreUnusable => "store_unusable",
            ErrorClass::TryLater => "try_later",
            ErrorClass::Interrupted => "interrupted",
        }
    }

    /// The class that an exit code of `ai` stands for; nothing for success and for codes that `ai`
    /// does not use.
    pub fn of_code(code: u8) -> Option<ErrorClass> {
        ErrorClass::ALL
            .into_iter()
            .find(|class| class.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_leads_back_to_its_class() {
        for class in ErrorClass::ALL {
            let back = ErrorClass::of_code(class.code()).map(ErrorClass::name);
            assert_eq!(back, Some(class.name()));
        }
        for none in [0, 10, 74, 131, 255] {
            assert_eq!(ErrorClass::of_code(none), None, "{none}");
        }
    }

    #[test]
    fn only_a_bug_shares_its_code_and_name() {
        let mut seen = Vec::new();
        for class in ErrorClass::ALL {
            if class == ErrorClass::Internal {
                assert_eq!(class.code(), ErrorClass::Failed.code());
                assert_eq!(class.name(), ErrorClass::Failed.name());
                continue;
            }
            assert!(!seen.contains(&(class.code())), "{class:?}");
            seen.push(class.code());
        }
        assert!(seen.is_sorted(), "{seen:?}");
    }
}
