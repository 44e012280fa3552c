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

/// The fate of words that are typed about a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoteWish {
    /// The work of the task is sent back with them.
    SendBack,
    /// Whoever works on it is given them as a message.
    Message,
}

impl NoteWish {
    /// The words in front of what is typed.
    pub(super) fn before(self, task: &str) -> String {
        match self {
            NoteWish::SendBack => format!("what is wrong with {task}: "),
            NoteWish::Message => format!("to whoever works on {task}: "),
        }
    }

    /// The word where nothing was typed.
    pub(super) fn wanted(self) -> &'static str {
        match self {
            NoteWish::SendBack => "say what is wrong with it: the next attempt reads your note",
            NoteWish::Message => "say something: an empty message is none",
        }
    }

    /// The act with them.
    pub(super) fn act(self, task: String, text: String) -> BoardAct {
        match self {
            NoteWish::SendBack => BoardAct::Reject(task, text),
            NoteWish::Message => BoardAct::Message(task, text),
        }
    }
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
    /// Keys write words about a task.
    Note {
        /// The task.
        task: String,
        /// The fate of the words.
        wish: NoteWish,
        /// The words so far.
        text: String,
    },
    /// The help is shown from this line on; keys move through it, and others end that.
    Help(usize),
}
