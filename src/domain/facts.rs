//! What the policy may know beyond actor, action and resource. Facts are measured by `ai`, never
//! claimed by an agent.

use crate::base::hash;
use crate::domain::agent_imports::ImportedFile;
use crate::domain::guards::GuardFinding;
use crate::domain::moved_file::FileMove;
use crate::domain::path_pattern::CaseMode;
use crate::domain::repo_path::RepoPath;
use crate::domain::sandbox::Network;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Measured facts; `None` is "not measured", which a limit on it takes for a reason to deny where
/// the limit is due.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Facts {
    /// The way in which the repository compares names.
    #[serde(skip_serializing_if = "CaseMode::is_sensitive")]
    pub path_case: CaseMode,
    /// The priority of the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_priority: Option<u8>,
    /// Attempts that the task has used up before this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts_used: Option<u32>,
    /// Patterns that would be held alone, of a claim, a run or a lock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclusive_patterns: Option<u32>,
    /// The network that a run would have by the settings of project and agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// Runs that are alive now, without this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs_alive: Option<u32>,
    /// Changed lines, added plus removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff_lines: Option<u64>,
    /// Changed files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff_files: Option<u64>,
    /// The credentials whose value a changed file holds that did not hold it before, by their names.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub credentials_added: BTreeSet<String>,
    /// The places in which they stand: in a changed file as it is now, or in a commit that would land with the change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub credential_places: Vec<CredentialPlace>,
    /// Changed paths that none of the task's own patterns covers; empty for a task that names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside_paths: Option<Vec<RepoPath>>,
    /// The paths among them that instructions of agents import, sorted; looked up where a rule asks for them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub imported_paths: Vec<ImportedFile>,
    /// Findings in the content of the change, for guards; absent where it was not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings: Option<Vec<GuardFinding>>,
    /// The messages of the commits of the change, those of merges aside; absent where nobody asked for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<String>>,
    /// The text of a note, of a long one the [beginning].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The command that an agent wants to run, in its own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Deleted files of the resource whose content stands in an added one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<FileMove>,
    /// The change of each path of the resource, a letter for each: added, modified, deleted, of another type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_kinds: Option<String>,
    /// The change of a reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ref_change: Option<RefChange>,
}

/// A place in which the value of a credential stands.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct CredentialPlace {
    /// The credential, by its name.
    pub name: String,
    /// The file; none where it is what a commit says of itself: its message, or who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<RepoPath>,
    /// The commit; none where the file holds it at the end of the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl CredentialPlace {
    /// The place in words, with a preposition.
    pub fn in_words(&self) -> String {
        match (&self.file, &self.commit) {
            (Some(file), None) => format!("in {file}"),
            (Some(file), Some(commit)) => format!("in {file} of commit {commit}"),
            (None, Some(commit)) => format!("in the message of commit {commit}"),
            (None, None) => "in the change".to_owned(),
        }
    }
}

/// So many letters of a note are kept.
const KEPT_NOTE: usize = 2_000;

/// So many of them are given up, so that the beginning ends between words.
const WORD: usize = 200;

/// The beginning of a text, for records, with the number of letters that are left out. Secrets have to be taken out
/// before: half of one would not be known for one.
pub fn beginning(text: &str) -> String {
    let Some((end, next)) = text.char_indices().nth(KEPT_NOTE) else {
        return text.to_owned();
    };
    let head = &text[..end];
    let last = head.rfind(char::is_whitespace);
    let word = last.filter(|at| head[*at..].chars().count() <= WORD);
    let head = match word {
        Some(at) if !next.is_whitespace() => &head[..at],
        _ => head,
    };
    let head = head.trim_end();
    let hidden = text[head.len()..].trim_end().chars().count();
    format!("{head} […{hidden} more letters]")
}

/// The change of a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefChange {
    /// A new reference.
    Created,
    /// Commits are added after the one that it named.
    Forwarded,
    /// History is rewritten, or cut: the commit does not come after the one before.
    Rewritten,
    /// The reference goes.
    Deleted,
}

impl RefChange {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Created,
        Self::Forwarded,
        Self::Rewritten,
        Self::Deleted,
    ];

    /// The word in records and conditions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Forwarded => "forwarded",
            Self::Rewritten => "rewritten",
            Self::Deleted => "deleted",
        }
    }
}

impl Facts {
    /// SHA-256 of the facts, for decision records.
    pub fn digest(&self) -> String {
        // Numbers and words in a fixed order always serialise; the empty text stands for the
        // impossible rest.
        hash::sha256_hex(serde_json::to_string(self).unwrap_or_default().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_is_in_the_digest() {
        let base = Facts::default();
        let others = [
            Facts {
                path_case: CaseMode::Folding,
                ..base.clone()
            },
            Facts {
                task_priority: Some(2),
                ..base.clone()
            },
            Facts {
                command: Some("ls".into()),
                ..base.clone()
            },
            Facts {
                findings: Some(Vec::new()),
                ..base.clone()
            },
            Facts {
                moves: vec![FileMove {
                    from: "a".into(),
                    to: "b".into(),
                }],
                ..base.clone()
            },
            Facts {
                messages: Some(Vec::new()),
                ..base.clone()
            },
            Facts {
                note: Some("a".into()),
                ..base.clone()
            },
            Facts {
                exclusive_patterns: Some(0),
                ..base.clone()
            },
            Facts {
                network: Some(Network::On),
                ..base.clone()
            },
            Facts {
                change_kinds: Some("A".into()),
                ..base.clone()
            },
            Facts {
                ref_change: Some(RefChange::Created),
                ..base.clone()
            },
            Facts {
                attempts_used: Some(0),
                ..base.clone()
            },
            Facts {
                runs_alive: Some(0),
                ..base.clone()
            },
            Facts {
                diff_lines: Some(0),
                ..base.clone()
            },
            Facts {
                diff_files: Some(0),
                ..base.clone()
            },
            Facts {
                credentials_added: BTreeSet::from(["work".to_owned()]),
                ..base.clone()
            },
            Facts {
                credential_places: vec![CredentialPlace {
                    name: "work".to_owned(),
                    file: Some("a".into()),
                    commit: None,
                }],
                ..base.clone()
            },
            Facts {
                outside_paths: Some(vec!["a".into()]),
                ..base.clone()
            },
            Facts {
                imported_paths: vec![ImportedFile {
                    path: "a".into(),
                    by: "AGENTS.md".into(),
                }],
                ..base.clone()
            },
        ];
        for other in &others {
            assert_ne!(other.digest(), base.digest(), "{other:?}");
        }
        assert_eq!(base.digest(), Facts::default().digest());
    }

    #[test]
    fn a_long_text_is_cut_between_words() {
        let short = "é".repeat(KEPT_NOTE);
        assert_eq!(beginning(&short), short);
        let hides = |head: &str, hidden: usize| format!("{head} […{hidden} more letters]");
        assert_eq!(beginning(&format!("{short} b")), hides(&short, 2));
        let words = "words ".repeat(400);
        let all = words.trim_end();
        assert_eq!(beginning(&words), hides(&all[..1_997], all.len() - 1_997));
        // A text without blanks, as many languages are written, is shown all the same.
        assert_eq!(
            beginning(&format!("{short}{short}")),
            hides(&short, KEPT_NOTE)
        );
        let long = format!("a b {short}");
        assert_eq!(beginning(&long), hides(&long[..long.len() - 8], 4));
    }
}
