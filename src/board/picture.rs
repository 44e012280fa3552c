//! What a look at the store has brought: the tasks in their columns. Values only; `eye.rs` looks.

use crate::domain::task::TaskState;
use crate::ops::needs_you::NeedKind;

/// A column of the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BoardColumn {
    /// Waiting for a person.
    ForYou,
    /// Held by somebody.
    AtWork,
    /// Free to be claimed.
    Queued,
    /// Waiting for another task.
    Blocked,
    /// Ended, the newest first.
    Ended,
}

/// Number of columns.
pub(super) const COLUMNS: usize = 5;

impl BoardColumn {
    /// All columns from the left.
    pub(super) const ALL: [BoardColumn; COLUMNS] = [
        BoardColumn::ForYou,
        BoardColumn::AtWork,
        BoardColumn::Queued,
        BoardColumn::Blocked,
        BoardColumn::Ended,
    ];

    /// The heading.
    pub(super) fn name(self) -> &'static str {
        match self {
            BoardColumn::ForYou => "for you",
            BoardColumn::AtWork => "at work",
            BoardColumn::Queued => "queued",
            BoardColumn::Blocked => "blocked",
            BoardColumn::Ended => "ended",
        }
    }
}

/// The mark of a card: one letter, since there is no room for more, and a reason to ask for help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CardMark {
    /// Waits for a person.
    Need(NeedKind),
    /// Claimed by a person or an agent, without a run.
    Claimed,
    /// A run works on it.
    Running,
    /// The run was cut off.
    CutOff,
    /// The priority.
    Priority(u8),
    /// Nothing to say.
    Nothing,
    /// Done, with a verdict.
    Done,
    /// Not wanted any more.
    Cancelled,
}

impl CardMark {
    /// The letter.
    pub(super) fn letter(self) -> char {
        match self {
            CardMark::Need(NeedKind::Approval) => 'y',
            CardMark::Need(NeedKind::Review) => 'r',
            CardMark::Need(NeedKind::Failed) => '!',
            CardMark::Need(NeedKind::Hold) => 'h',
            CardMark::Need(NeedKind::Parked) => 'p',
            // No task waits so.
            CardMark::Need(
                NeedKind::Rescue
                | NeedKind::Trust
                | NeedKind::Bypass
                | NeedKind::Override
                | NeedKind::Recurring
                | NeedKind::Message,
            ) => '?',
            CardMark::Claimed => 'c',
            CardMark::Running => '*',
            CardMark::CutOff => 'x',
            CardMark::Priority(priority) => char::from(b'0' + priority.min(9)),
            CardMark::Nothing => ' ',
            CardMark::Done => '+',
            CardMark::Cancelled => '-',
        }
    }
}

/// A task on the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BoardCard {
    /// The id of the task.
    pub(super) id: String,
    /// The title, safe to show.
    pub(super) title: String,
    /// The mark.
    pub(super) mark: CardMark,
}

/// A run at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BoardRun {
    /// The task.
    pub(super) task: String,
    /// What it does, by which agent.
    pub(super) what: String,
    /// The start, in milliseconds since 1970.
    pub(super) since_ms: i64,
}

/// Everything that one look has brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct BoardPicture {
    /// The cards of each column, in the order in which they are shown.
    pub(super) columns: [Vec<BoardCard>; COLUMNS],
    /// Tasks in each column; more than there are cards where old ones are left out.
    pub(super) counts: [u64; COLUMNS],
    /// Runs at work.
    pub(super) runs: Vec<BoardRun>,
    /// True while an order holds the daemon back.
    pub(super) held_back: bool,
    /// What the daemon does, in a few words.
    pub(super) daemon: String,
}

/// The column of a task by its stored state; `is_for_a_person` tells whether a blocked one waits for a person.
pub(super) fn column_of(status: &str, is_for_a_person: bool) -> BoardColumn {
    match status {
        "review" | "failed" => BoardColumn::ForYou,
        "claimed" | "running" => BoardColumn::AtWork,
        "blocked" if is_for_a_person => BoardColumn::ForYou,
        "blocked" => BoardColumn::Blocked,
        _ if TaskState::FINAL_NAMES.contains(&status) => BoardColumn::Ended,
        _ => BoardColumn::Queued,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_column() {
        let column = |status: &&str| {
            let of = |is_for_a_person| column_of(status, is_for_a_person).name();
            format!("{status}: {} / {}", of(false), of(true))
        };
        let all: Vec<String> = TaskState::NAMES.iter().map(column).collect();
        assert_eq!(
            all,
            [
                "queued: queued / queued",
                "claimed: at work / at work",
                "running: at work / at work",
                "blocked: blocked / for you",
                "review: for you / for you",
                "done: ended / ended",
                "failed: for you / for you",
                "cancelled: ended / ended",
            ]
        );
    }
}
