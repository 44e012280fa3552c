//! The kinds of things that people name, in the words of messages.

/// Something that can be asked for by its name and not be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    /// A task.
    Task,
    /// A run.
    Run,
    /// A lock.
    Lock,
    /// An agent.
    Agent,
    /// A decision of the policy.
    Decision,
    /// Evidence.
    Evidence,
    /// An override of a rule, while it is in force.
    Override,
    /// A friction that nobody dropped.
    Friction,
    /// A message that is the asker's to read.
    Message,
    /// Recurring work, by the name of its file.
    Recurring,
    /// A file into which a store was saved.
    Backup,
    /// A branch.
    Branch,
    /// A commit.
    Commit,
    /// A worktree, named by its path or its branch.
    Worktree,
}

impl Thing {
    /// The word for it in a sentence.
    pub fn as_str(self) -> &'static str {
        match self {
            Thing::Task => "task",
            Thing::Run => "run",
            Thing::Lock => "lock",
            Thing::Agent => "agent",
            Thing::Decision => "decision",
            Thing::Evidence => "evidence",
            Thing::Override => "override",
            Thing::Friction => "friction",
            Thing::Message => "message",
            Thing::Recurring => "recurring work",
            Thing::Backup => "backup",
            Thing::Branch => "branch",
            Thing::Commit => "commit",
            Thing::Worktree => "worktree or branch",
        }
    }

    /// The command that shows those that are there.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Thing::Task => "`ai task list` shows the tasks",
            Thing::Run => "`ai review TASK` names the last run of a task",
            Thing::Lock => "`ai lock list` shows the locks",
            Thing::Agent => "`ai agent list` shows the agents",
            Thing::Decision => "`ai policy log` shows the decisions",
            Thing::Evidence => "`ai evidence list TASK` shows what there is",
            Thing::Override => "`ai policy override list` shows those in force",
            Thing::Friction => "`ai friction list` shows those that are open",
            Thing::Message => "`ai inbox` shows your messages",
            Thing::Recurring => {
                "`ai recurring list` shows what there is; a file .ai/recurring/NAME.yaml makes it"
            }
            Thing::Backup => "`ai restore --dry-run` lists the backups",
            Thing::Branch => "`git branch --list` shows the branches",
            Thing::Commit => "`git log --oneline` shows the newest ones, `git branch` the branches",
            Thing::Worktree => "`git worktree list` and `git branch --list` show what there is",
        }
    }
}
