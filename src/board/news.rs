//! What reaches the model of the board, what it wants done, and what its keys mean meanwhile.

use crate::board::act::{BoardAct, BoardQuestion, BoardWish};
use crate::board::detail::{BoardDetail, DetailLine, DetailPage};
use crate::board::keys::BoardKey;
use crate::board::picture::BoardPicture;

/// Something that has come about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BoardInput {
    /// A key.
    Key(BoardKey),
    /// A look at the store.
    Picture(BoardPicture),
    /// A look at a task.
    Detail(BoardDetail),
    /// More lines of the log that is shown.
    Said(Vec<DetailLine>),
    /// A question to the person, which a key wants answered.
    Question(BoardQuestion),
    /// An act has come to its end, with this word.
    Done(DetailLine),
    /// A word to the person, which stands until the next key.
    Word(DetailLine),
    /// The time, in milliseconds since 1970.
    Tick(i64),
    /// The size of the terminal, columns and rows.
    Size(u16, u16),
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BoardDo {
    /// Leave the board.
    Quit,
    /// Give the terminal to the shell until that wakes this process.
    Suspend,
    /// Draw everything anew.
    Repaint,
    /// Look at this page of the task; at nothing where no task is chosen.
    Look(Option<String>, DetailPage),
    /// Look up what this would do, to ask the person.
    Ask(String, BoardWish),
    /// Do this.
    Act(BoardAct),
    /// Open the worktree of the task with this program, and come back.
    Open(String, VisitBy),
}

/// The program with which a worktree is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VisitBy {
    /// The editor of the user.
    Editor,
    /// The shell of the user.
    Shell,
}

/// What the keys mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BoardMode {
    /// Keys move and act.
    Browse,
    /// Keys write the filter.
    Filter,
    /// They answer a question: `y` is yes, every other key is no.
    Asked(BoardQuestion),
    /// They write the note with which a task is sent back.
    Note {
        /// The task.
        task: String,
        /// The note so far.
        text: String,
    },
    /// The help is shown from this line on; keys move through it, and others end that.
    Help(usize),
}
