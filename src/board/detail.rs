//! The pane of the chosen task: its pages, and their lines as they fit a width.

use crate::base::columns::folded;

/// Most lines of a page that are kept, the newest of an agent's words among them.
pub(super) const KEPT: usize = 2_000;

/// A page of the pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DetailPage {
    /// What holds the task, and its text.
    Why,
    /// What its agent says.
    Log,
    /// The change.
    Diff,
    /// The verdict and the checks.
    Checks,
    /// The decisions of the policy about it.
    Decisions,
    /// What it has cost, and what is left.
    Budget,
}

impl DetailPage {
    /// All pages in their order.
    pub(super) const ALL: [DetailPage; 6] = [
        DetailPage::Why,
        DetailPage::Log,
        DetailPage::Diff,
        DetailPage::Checks,
        DetailPage::Decisions,
        DetailPage::Budget,
    ];

    /// The name on its tab.
    pub(super) fn name(self) -> &'static str {
        match self {
            DetailPage::Why => "why",
            DetailPage::Log => "log",
            DetailPage::Diff => "diff",
            DetailPage::Checks => "checks",
            DetailPage::Decisions => "decisions",
            DetailPage::Budget => "budget",
        }
    }

    /// The page so many further on, around the end.
    pub(super) fn further(self, by: usize) -> DetailPage {
        let at = DetailPage::ALL.iter().position(|page| *page == self);
        DetailPage::ALL[(at.unwrap_or(0) + by) % DetailPage::ALL.len()]
    }

    /// True where a line that is too long goes on in the next one; else it is cut.
    fn flows(self) -> bool {
        self != DetailPage::Diff
    }
}

/// The part that a text plays on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum BoardTone {
    /// As it is.
    #[default]
    Plain,
    /// Finished well; what was added.
    Good,
    /// Failed; what was taken away.
    Bad,
    /// At work.
    Busy,
    /// Waits for somebody.
    Waiting,
    /// Of no importance.
    Faint,
    /// A heading.
    Strong,
    /// The place where one is.
    Chosen,
}

/// A line of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DetailLine {
    /// The text, safe to show, without an end of line.
    pub(super) text: String,
    /// The tone.
    pub(super) tone: BoardTone,
}

impl DetailLine {
    /// A line in a tone.
    pub(super) fn toned(text: impl Into<String>, tone: BoardTone) -> DetailLine {
        DetailLine {
            text: text.into(),
            tone,
        }
    }

    /// A line as it is.
    pub(super) fn plain(text: impl Into<String>) -> DetailLine {
        DetailLine::toned(text, BoardTone::Plain)
    }
}

/// What was looked up about one task for one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BoardDetail {
    /// The task.
    pub(super) task: String,
    /// The page.
    pub(super) page: DetailPage,
    /// The line above the page: id, state, and what else is known in a few words.
    pub(super) head: String,
    /// The lines.
    pub(super) lines: Vec<DetailLine>,
}

impl BoardDetail {
    /// The rows of the page in so many cells.
    pub(super) fn rows(&self, cells: usize) -> Vec<DetailLine> {
        if !self.page.flows() {
            return self.lines.clone();
        }
        let of = |line: &DetailLine| {
            let tone = line.tone;
            folded(&line.text, cells)
                .into_iter()
                .map(move |text| DetailLine { text, tone })
        };
        self.lines.iter().flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_go_around() {
        let next = DetailPage::ALL.map(|page| page.further(1).name());
        assert_eq!(
            next,
            ["log", "diff", "checks", "decisions", "budget", "why"]
        );
        assert_eq!(DetailPage::Why.further(5), DetailPage::Budget);
    }
}
