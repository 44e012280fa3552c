//! What somebody asks to do. Each action has one stable dotted name, used in policy files, events,
//! records and JSON.
//!
//! Names are never reused or renamed: old policies and old logs keep their meaning. A policy may
//! name actions that no door asks about yet: those of [`Action::UNASKED`], so that one that is
//! written today binds on the day on which the door is built.

use crate::base::{suggest, text};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The nature of an action: what it can do while nobody can say whether it is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// The action only gives something back or stops something; it stays open while the policy
    /// cannot be read.
    Harmless,
    /// The action starts, changes, keeps or publishes something; it needs a policy that can be
    /// read.
    Guarded,
}

/// A text that names no action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no action{}", text::one_line(.0), did_you_mean(.0))]
pub struct UnknownAction(pub String);

/// Writes the enum, its list, its names and its natures from one table.
macro_rules! actions {
    ($($(#[doc = $about:literal])* $variant:ident = $name:literal, $nature:ident;)*) => {
        /// An action that somebody asks to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        pub enum Action { $($(#[doc = $about])* $variant,)* }

        impl Action {
            /// All actions, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Says what the action does, for whoever writes a policy.
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => concat!($($about),*).trim(),)* }
            }

            /// Returns the action's nature.
            pub const fn nature(self) -> Nature {
                match self { $(Self::$variant => Nature::$nature,)* }
            }
        }
    };
}

actions! {
    /// Writes a new task down.
    TaskCreate = "task.create", Guarded;
    /// Takes a task with its paths.
    TaskClaim = "task.claim", Guarded;
    /// Changes the text, paths, dependencies or checks of a task.
    TaskEdit = "task.edit", Guarded;
    /// Gives a claimed task back.
    TaskRelease = "task.release", Harmless;
    /// Ends a task that nobody will do.
    TaskCancel = "task.cancel", Guarded;
    /// Queues a failed or blocked task again.
    TaskRetry = "task.retry", Guarded;
    /// Ends a task as done by its passing verdict.
    TaskDone = "task.done", Guarded;
    /// Ends a task as done without a passing verdict.
    TaskOverride = "task.override", Guarded;
    /// Starts an attempt.
    RunStart = "run.start", Guarded;
    /// Judges the changed paths of an attempt.
    RunFinish = "run.finish", Guarded;
    /// Has a network while it works on an attempt.
    RunNetwork = "run.network", Guarded;
    /// Stops an attempt.
    RunStop = "run.stop", Harmless;
    /// Takes reviewed work over into the target branch.
    TaskAccept = "task.accept", Guarded;
    /// Sends reviewed work back with a note.
    TaskReject = "task.reject", Guarded;
    /// Locks paths by hand.
    LockAcquire = "lock.acquire", Guarded;
    /// Gives a lock back.
    LockRelease = "lock.release", Harmless;
    /// An agent calls one of its tools.
    ToolCall = "tool.call", Guarded;
    /// An agent changes a file.
    Edit = "edit", Guarded;
    /// An agent runs a command.
    CommandExec = "command.exec", Guarded;
    /// An agent reads a file.
    FileRead = "file.read", Guarded;
    /// A run reaches a host.
    NetworkConnect = "network.connect", Guarded;
    /// A run is given a credential: its agent's environment has the value.
    SecretUse = "secret.use", Guarded;
    /// Git moves a branch, or makes one.
    RefUpdate = "ref.update", Guarded;
    /// Somebody judges the evidence of a run: takes its work over, sends it back, or takes it out again.
    EvidenceJudge = "evidence.judge", Guarded;
    /// An agent is given a skill.
    SkillUse = "skill.use", Guarded;
    /// A node of a workflow begins.
    WorkflowNode = "workflow.node", Guarded;
    /// A plugin is loaded.
    PluginLoad = "plugin.load", Guarded;
    /// A note is left on a task, for whoever holds it or works on it next.
    MessageSend = "message.send", Guarded;
    /// `git commit` through a hook.
    Commit = "commit", Guarded;
    /// A commit has a message; asked where a policy speaks of messages.
    CommitMessage = "commit.message", Guarded;
    /// `git push` through a hook.
    Push = "push", Guarded;
    /// Removes a worktree after its work stands on a rescue ref.
    WorktreeRemove = "worktree.remove", Guarded;
    /// Registers or changes an agent.
    AgentRegister = "agent.register", Guarded;
    /// Has a rule of the policy not hold for a while.
    PolicyOverride = "policy.override", Guarded;
    /// Says yes to a decision that waits for a human.
    ApprovalGrant = "approval.grant", Guarded;
    /// Brings tasks in from another tool.
    Import = "import", Guarded;
    /// Allows what a repository brings to run code on this machine.
    Trust = "trust", Guarded;
}

impl Action {
    /// The actions about which no door asks yet.
    pub const UNASKED: [Self; 3] = [Self::SkillUse, Self::WorkflowNode, Self::PluginLoad];

    /// True where a rule alone can have something against it, and never the default of a policy: what only gives
    /// back or stops, and a question beside one that has asked about the same act already.
    pub const fn is_open_to_defaults(self) -> bool {
        matches!(self.nature(), Nature::Harmless) || self.is_answered_by_rules_alone()
    }

    /// True where no default of a policy has a say, whatever it is: what came later than most policies, and would
    /// otherwise change what they mean (ADR 0074).
    pub const fn is_answered_by_rules_alone(self) -> bool {
        matches!(
            self,
            Self::CommitMessage
                | Self::SecretUse
                | Self::RefUpdate
                | Self::EvidenceJudge
                | Self::MessageSend
        )
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(text: &str) -> Result<Self, UnknownAction> {
        let found = Self::ALL
            .iter()
            .copied()
            .find(|action| action.as_str() == text);
        found.ok_or_else(|| UnknownAction(text.to_owned()))
    }
}

impl TryFrom<String> for Action {
    type Error = UnknownAction;

    fn try_from(text: String) -> Result<Self, UnknownAction> {
        text.parse()
    }
}

impl From<Action> for String {
    fn from(action: Action) -> Self {
        action.as_str().to_owned()
    }
}

fn did_you_mean(word: &str) -> String {
    match suggest::nearest(word, Action::ALL.iter().map(|action| action.as_str())) {
        Some(known) => format!("; did you mean `{known}`?"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_read_back() {
        let names: BTreeSet<&str> = Action::ALL.iter().map(|a| a.as_str()).collect();
        assert_eq!(names.len(), Action::ALL.len());
        for action in Action::ALL {
            assert_eq!(action.to_string().parse::<Action>().as_ref(), Ok(action));
            let json = serde_json::to_string(action).unwrap();
            assert_eq!(json, format!("\"{action}\""));
            assert_eq!(serde_json::from_str::<Action>(&json).unwrap(), *action);
        }
    }

    #[test]
    fn unknown_names_get_a_suggestion() {
        assert_eq!(
            "task.clam".parse::<Action>().unwrap_err().to_string(),
            "`task.clam` is no action; did you mean `task.claim`?"
        );
        assert_eq!(
            "deploy".parse::<Action>().unwrap_err().to_string(),
            "`deploy` is no action"
        );
    }

    #[test]
    fn a_default_answers_for_nothing_harmless_and_nothing_that_came_later() {
        let open = Action::ALL.iter().filter(|one| one.is_open_to_defaults());
        let names: Vec<&str> = open.map(|one| one.as_str()).collect();
        assert_eq!(
            names,
            [
                "task.release",
                "run.stop",
                "lock.release",
                "secret.use",
                "ref.update",
                "evidence.judge",
                "message.send",
                "commit.message"
            ]
        );
    }

    #[test]
    fn only_giving_back_and_stopping_is_harmless() {
        let harmless: Vec<&str> = Action::ALL
            .iter()
            .filter(|a| a.nature() == Nature::Harmless)
            .map(|a| a.as_str())
            .collect();
        assert_eq!(harmless, ["task.release", "run.stop", "lock.release"]);
    }
}
