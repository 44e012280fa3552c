//! The guards by name, and what a look at a change finds for them.

use crate::domain::repo_path::RepoPath;
use serde::{Deserialize, Serialize};

/// Writes the enum, its list, its words and its texts from one table.
macro_rules! guards {
    ($(#[doc = $doc:literal] $variant:ident = $word:literal, $rule:literal, $what:literal;)*) => {
        /// Something about a change that a policy can have a word on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Guard { $(#[doc = $doc] $variant,)* }

        impl Guard {
            /// All guards, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word, as policies name it.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Its text in the schema of policy files.
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => $doc.trim(),)* }
            }

            /// The id under which its answer stands among the matched rules.
            pub const fn rule_id(self) -> &'static str {
                match self { $(Self::$variant => $rule,)* }
            }

            /// The beginning of its reason, before what was found.
            pub const fn what(self) -> &'static str {
                match self { $(Self::$variant => $what,)* }
            }
        }
    };
}

guards! {
    /// Tests are deleted, skipped, or assert less than before.
    TestsWeakened = "tests_weakened", "built-in.tests-weakened", "tests are weakened";
    /// A text has the shape of a secret, or is random where a secret is named.
    Secrets = "secrets", "built-in.secrets", "the change adds what looks like a secret";
    /// A path is beyond those that changes may have.
    AllowedPaths = "allowed_paths", "built-in.allowed-paths", "the change goes beyond the allowed paths";
    /// A path is one that is not changed in passing.
    SensitivePaths = "sensitive_paths", "built-in.sensitive-paths", "the change touches sensitive paths";
    /// Too many files or lines change at once.
    ChangeRadius = "change_radius", "built-in.change-radius", "the change is large";
    /// Dependencies are declared or pinned in another way.
    Dependencies = "dependencies", "built-in.dependencies", "dependencies change";
    /// A lock file changes without its manifest, or dependencies in a manifest without its lock file.
    LockFiles = "lock_files", "built-in.lock-files", "a lock file and its manifest do not change together";
    /// A binary file is new.
    BinaryFiles = "binary_files", "built-in.binary-files", "the change adds binary files";
    /// A file is large, and larger than before.
    LargeFiles = "large_files", "built-in.large-files", "the change adds large files";
    /// The licence at the top of a file is gone.
    LicenceHeader = "licence_header", "built-in.licence-header", "a licence header is gone";
    /// A file that says of itself that a program writes it, or of which `.gitattributes` does, is changed.
    GeneratedFiles = "generated_files", "built-in.generated-files", "a generated file is changed";
    /// The message of a commit has another shape than is asked for; messages of merges aside.
    CommitMessage = "commit_message", "built-in.commit-message", "a commit has another message than is asked for";
}

impl Guard {
    /// True where it needs the content of changed files, not only their paths, their number or the messages.
    pub const fn reads_content(self) -> bool {
        !matches!(
            self,
            Self::AllowedPaths | Self::SensitivePaths | Self::ChangeRadius | Self::CommitMessage
        )
    }
}

/// One thing that was found in a change.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct GuardFinding {
    /// The guard that it is for.
    pub guard: Guard,
    /// The file; for a deleted one its path before.
    pub path: RepoPath,
    /// The line, from 1: in the file as it is now, or as it was where it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The finding in words that hold no secret.
    pub what: String,
    /// Size of the file in bytes, where that is what was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}
