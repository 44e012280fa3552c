//! The state of the board, and what a key or news make of it. Pure: what is to be done beside that is returned as a
//! list, and `serve.rs` does it.

use crate::board::act::{BoardAct, BoardWish};
use crate::board::detail::{BoardDetail, BoardTone, DetailLine, DetailPage, KEPT};
use crate::board::help;
use crate::board::keys::BoardKey;
use crate::board::news::{BoardDo, BoardInput, BoardMode, NoteWish, VisitBy};
use crate::board::picture::{BoardCard, BoardPicture, COLUMNS};
use crate::board::plan::{BoardPlan, DetailShare};

/// Most letters of a line that is typed.
const TYPED: usize = 500;

/// The board.
#[derive(Debug, Clone)]
pub(super) struct Board {
    /// The name of the project.
    pub(super) project: String,
    /// The newest look.
    pub(super) picture: BoardPicture,
    /// The cards of each column that the filter leaves, by their places in the picture.
    pub(super) shown: [Vec<usize>; COLUMNS],
    /// The column in which one is.
    pub(super) column: usize,
    /// The card in each column that is chosen there.
    pub(super) rows: [usize; COLUMNS],
    /// The page of the pane.
    pub(super) page: DetailPage,
    /// What the pane shows.
    pub(super) detail: Option<BoardDetail>,
    /// The first row of the page that is shown; the last ones are, where nothing is said.
    pub(super) scroll: Option<usize>,
    /// The share of the pane.
    pub(super) share: DetailShare,
    /// What the keys mean.
    pub(super) mode: BoardMode,
    /// The text that a card must have.
    pub(super) filter: String,
    /// The act that goes on.
    pub(super) at_work: Option<BoardAct>,
    /// The word that stands.
    pub(super) word: Option<DetailLine>,
    /// The time, in milliseconds since 1970.
    pub(super) now_ms: i64,
    /// Columns and rows of the terminal.
    pub(super) size: (u16, u16),
    /// The task that is chosen.
    chosen: Option<String>,
}

impl Board {
    /// A board before the first look, with a task to be chosen once that shows it.
    pub(super) fn new(project: String, task: Option<String>) -> Board {
        let share = match &task {
            Some(_) => DetailShare::Whole,
            None => DetailShare::Part,
        };
        Board {
            project,
            picture: BoardPicture::default(),
            shown: Default::default(),
            column: 0,
            rows: [0; COLUMNS],
            page: DetailPage::Why,
            detail: None,
            scroll: Some(0),
            share,
            mode: BoardMode::Browse,
            filter: String::new(),
            at_work: None,
            word: None,
            now_ms: 0,
            size: (80, 24),
            chosen: task,
        }
    }

    /// The card that is chosen.
    pub(super) fn card(&self) -> Option<&BoardCard> {
        let at = self.shown[self.column].get(self.rows[self.column])?;
        self.picture.columns[self.column].get(*at)
    }

    /// The task that is chosen.
    pub(super) fn task(&self) -> Option<&str> {
        self.chosen.as_deref()
    }

    /// True while something is shown that changes with time alone: how long the chosen task is worked on.
    pub(super) fn shows_time(&self) -> bool {
        let chosen = self.task();
        self.picture
            .runs
            .iter()
            .any(|run| Some(run.task.as_str()) == chosen)
    }

    /// Takes in what has come about; returns what is to be done for it.
    pub(super) fn take(&mut self, input: BoardInput) -> Vec<BoardDo> {
        match input {
            BoardInput::Key(key) => return self.key(key),
            BoardInput::Picture(picture) => {
                self.picture = picture;
                self.refilter();
                return vec![self.look()];
            }
            BoardInput::Detail(detail) => {
                // A page that is looked at again stays where it was turned to.
                if Some(detail.task.as_str()) == self.task() && detail.page == self.page {
                    self.detail = Some(detail);
                    self.keep_within();
                }
            }
            BoardInput::Said(lines) => self.said(lines),
            BoardInput::Word(word) => self.word = Some(word),
            BoardInput::Question(question) => self.mode = BoardMode::Asked(question),
            BoardInput::Done(word) => {
                self.at_work = None;
                self.word = Some(word);
            }
            BoardInput::Tick(now_ms) => self.now_ms = now_ms,
            BoardInput::Size(columns, rows) => {
                self.size = (columns, rows);
                self.keep_within();
            }
        }
        Vec::new()
    }

    fn said(&mut self, lines: Vec<DetailLine>) {
        if let Some(detail) = &mut self.detail
            && detail.page == DetailPage::Log
        {
            detail.lines.extend(lines);
            let over = detail.lines.len().saturating_sub(KEPT);
            detail.lines.drain(..over);
            self.keep_within();
        }
    }

    fn key(&mut self, key: BoardKey) -> Vec<BoardDo> {
        match key {
            BoardKey::Interrupt => return vec![BoardDo::Quit],
            BoardKey::Suspend => return vec![BoardDo::Suspend],
            BoardKey::Redraw => return vec![BoardDo::Repaint],
            _ => {}
        }
        match std::mem::replace(&mut self.mode, BoardMode::Browse) {
            BoardMode::Browse => {
                self.word = None;
                self.browse(&key)
            }
            BoardMode::Filter => self.write_filter(&key),
            BoardMode::Help(at) => {
                if let Some(to) = help::moved(at, &key, self.size) {
                    self.mode = BoardMode::Help(to);
                }
                Vec::new()
            }
            BoardMode::Asked(question) => match key {
                BoardKey::Char('y') if question.fits(self.size) => self.act(question.act),
                BoardKey::Char('y') => {
                    let why = "nothing was done: not all of the question fits on this screen; make it larger, or give the command";
                    self.word = Some(DetailLine::toned(why, BoardTone::Bad));
                    Vec::new()
                }
                _ => {
                    self.word = Some(DetailLine::plain("nothing was done"));
                    Vec::new()
                }
            },
            BoardMode::Note { task, wish, text } => self.write_note((task, wish), text, &key),
        }
    }

    fn browse(&mut self, key: &BoardKey) -> Vec<BoardDo> {
        match key {
            BoardKey::Char('q') => return vec![BoardDo::Quit],
            BoardKey::Esc => return self.back(),
            BoardKey::Char('?') => self.mode = BoardMode::Help(0),
            BoardKey::Char('/') => self.mode = BoardMode::Filter,
            BoardKey::Char('z') | BoardKey::Enter => {
                self.share = match self.share {
                    DetailShare::Part => DetailShare::Whole,
                    DetailShare::Whole => DetailShare::Part,
                };
                self.keep_within();
            }
            BoardKey::Char('c') => return self.act_on(BoardAct::Claim),
            BoardKey::Char('t') => return self.act_on(BoardAct::Retry),
            BoardKey::Char('y') => return self.ask(BoardWish::Approve),
            BoardKey::Char('a') => return self.ask(BoardWish::Accept),
            BoardKey::Char('r') => self.begin_note(NoteWish::SendBack),
            BoardKey::Char('m') => self.begin_note(NoteWish::Message),
            BoardKey::Char('p') if self.picture.held_back => return self.act(BoardAct::Resume),
            BoardKey::Char('p') => return self.act(BoardAct::Pause),
            BoardKey::Char('e') => return self.open(VisitBy::Editor),
            BoardKey::Char('s') => return self.open(VisitBy::Shell),
            BoardKey::Up | BoardKey::Char('k') => {
                return self.move_in_column(|row| row.saturating_sub(1));
            }
            BoardKey::Down | BoardKey::Char('j') => return self.move_in_column(|row| row + 1),
            BoardKey::Home | BoardKey::Char('g') => return self.move_in_column(|_| 0),
            BoardKey::End | BoardKey::Char('G') => return self.move_in_column(|_| usize::MAX),
            BoardKey::Left | BoardKey::Char('h') => {
                return self.move_to(self.column.saturating_sub(1));
            }
            BoardKey::Right | BoardKey::Char('l') => return self.move_to(self.column + 1),
            BoardKey::Tab => return self.turn_to(self.page.further(1)),
            BoardKey::BackTab => return self.turn_to(self.page.further(DetailPage::ALL.len() - 1)),
            BoardKey::Char(digit @ '1'..='6') => {
                let at = usize::from(*digit as u8 - b'1');
                return self.turn_to(DetailPage::ALL[at]);
            }
            BoardKey::PageDown | BoardKey::Char(' ' | 'J') => {
                self.scroll_by(|row, page| row + page)
            }
            BoardKey::PageUp | BoardKey::Char('K') => {
                self.scroll_by(|row, page| row.saturating_sub(page));
            }
            BoardKey::Char(_)
            | BoardKey::Backspace
            | BoardKey::Clear
            | BoardKey::Paste(_)
            | BoardKey::Interrupt
            | BoardKey::Suspend
            | BoardKey::Redraw => {}
        }
        Vec::new()
    }

    /// True where nothing is being done; else says so.
    fn is_free(&mut self) -> bool {
        if let Some(act) = &self.at_work {
            let text = format!("{}: one thing after the other", act.at_work());
            self.word = Some(DetailLine::toned(text, BoardTone::Waiting));
            return false;
        }
        true
    }

    fn act(&mut self, act: BoardAct) -> Vec<BoardDo> {
        if !self.is_free() {
            return Vec::new();
        }
        self.at_work = Some(act.clone());
        vec![BoardDo::Act(act)]
    }

    fn act_on(&mut self, act: impl Fn(String) -> BoardAct) -> Vec<BoardDo> {
        let task = self.chosen.clone();
        task.map_or(Vec::new(), |task| self.act(act(task)))
    }

    fn ask(&mut self, wish: BoardWish) -> Vec<BoardDo> {
        let task = self.chosen.clone().filter(|_| self.is_free());
        task.map(|task| BoardDo::Ask(task, wish))
            .into_iter()
            .collect()
    }

    fn begin_note(&mut self, wish: NoteWish) {
        if let Some(task) = self.chosen.clone().filter(|_| self.is_free()) {
            let text = String::new();
            self.mode = BoardMode::Note { task, wish, text };
        }
    }

    fn write_note(
        &mut self,
        (task, wish): (String, NoteWish),
        mut text: String,
        key: &BoardKey,
    ) -> Vec<BoardDo> {
        match key {
            BoardKey::Enter if text.trim().is_empty() => {
                self.word = Some(DetailLine::toned(wish.wanted(), BoardTone::Bad));
                self.mode = BoardMode::Note { task, wish, text };
            }
            BoardKey::Enter => return self.act(wish.act(task, text)),
            BoardKey::Esc => self.word = Some(DetailLine::plain("nothing was done")),
            other => {
                self.word = None;
                type_into(&mut text, other);
                self.mode = BoardMode::Note { task, wish, text };
            }
        }
        Vec::new()
    }

    /// The act that goes on, in words.
    pub(super) fn doing(&self) -> String {
        self.at_work
            .as_ref()
            .map_or(String::new(), BoardAct::at_work)
    }

    fn open(&mut self, by: VisitBy) -> Vec<BoardDo> {
        let task = self.chosen.clone();
        task.map(|task| BoardDo::Open(task, by))
            .into_iter()
            .collect()
    }

    /// A step back: out of the whole pane, then out of the filter, then out of the board.
    fn back(&mut self) -> Vec<BoardDo> {
        if self.share == DetailShare::Whole {
            self.share = DetailShare::Part;
            self.keep_within();
            Vec::new()
        } else if self.filter.is_empty() {
            vec![BoardDo::Quit]
        } else {
            self.filter.clear();
            self.refilter();
            vec![self.look()]
        }
    }

    fn write_filter(&mut self, key: &BoardKey) -> Vec<BoardDo> {
        match key {
            BoardKey::Enter => {}
            BoardKey::Esc => self.filter.clear(),
            other => {
                type_into(&mut self.filter, other);
                self.mode = BoardMode::Filter;
            }
        }
        self.refilter();
        vec![self.look()]
    }

    fn move_in_column(&mut self, to: impl Fn(usize) -> usize) -> Vec<BoardDo> {
        let row = to(self.rows[self.column]);
        self.rows[self.column] = row.min(self.shown[self.column].len().saturating_sub(1));
        self.choose()
    }

    fn move_to(&mut self, column: usize) -> Vec<BoardDo> {
        self.column = column.min(COLUMNS - 1);
        self.choose()
    }

    /// Chooses the card on which one is.
    fn choose(&mut self) -> Vec<BoardDo> {
        let task = self.card().map(|card| card.id.clone());
        if task == self.chosen {
            return Vec::new();
        }
        self.chosen = task;
        self.rewind();
        vec![self.look()]
    }

    fn turn_to(&mut self, page: DetailPage) -> Vec<BoardDo> {
        if page == self.page {
            return Vec::new();
        }
        self.page = page;
        self.rewind();
        vec![self.look()]
    }

    /// Begins a page anew: an agent's words at their end, since they go on there.
    fn rewind(&mut self) {
        self.detail = None;
        self.scroll = (self.page != DetailPage::Log).then_some(0);
    }

    fn look(&self) -> BoardDo {
        BoardDo::Look(self.chosen.clone(), self.page)
    }

    fn scroll_by(&mut self, to: impl Fn(usize, usize) -> usize) {
        let (rows, page) = self.extent();
        let last = rows.saturating_sub(page);
        let at = to(self.scroll.unwrap_or(last), page.saturating_sub(1).max(1)).min(last);
        let follows = self.page == DetailPage::Log && at == last;
        self.scroll = (!follows).then_some(at);
    }

    /// Keeps the page where there is something to be seen.
    fn keep_within(&mut self) {
        let (rows, page) = self.extent();
        self.scroll = self.scroll.map(|at| at.min(rows.saturating_sub(page)));
    }

    /// Rows of the page, and rows of it that are shown at a time.
    fn extent(&self) -> (usize, usize) {
        let plan = BoardPlan::of(self.size, self.share);
        let text = plan.text;
        let rows = self
            .detail
            .as_ref()
            .map_or(0, |detail| detail.rows(usize::from(text.width)).len());
        (rows, usize::from(text.height))
    }

    /// Finds what the filter leaves, and the chosen task among it.
    fn refilter(&mut self) {
        let wanted = self.filter.to_lowercase();
        let fits = |card: &BoardCard| {
            wanted.is_empty()
                || card.id.contains(&wanted)
                || card.title.to_lowercase().contains(&wanted)
        };
        for (column, cards) in self.picture.columns.iter().enumerate() {
            let left = cards.iter().enumerate().filter(|(_, card)| fits(card));
            self.shown[column] = left.map(|(at, _)| at).collect();
        }
        let place = self.chosen.as_deref().and_then(|task| self.place_of(task));
        if let Some((column, row)) = place {
            (self.column, self.rows[column]) = (column, row);
        }
        for column in 0..COLUMNS {
            self.rows[column] = self.rows[column].min(self.shown[column].len().saturating_sub(1));
        }
        if place.is_some() {
            return;
        }
        // Nothing is chosen yet, or it is not there any more: the first that waits, or the one that stands there now.
        if self.shown[self.column].is_empty()
            && let Some(column) = (0..COLUMNS).find(|column| !self.shown[*column].is_empty())
        {
            self.column = column;
        }
        let task = self.card().map(|card| card.id.clone());
        if task != self.chosen {
            self.chosen = task;
            self.rewind();
        }
    }

    /// Column and row of a task, by its id.
    fn place_of(&self, task: &str) -> Option<(usize, usize)> {
        (0..COLUMNS).find_map(|column| {
            let cards = &self.picture.columns[column];
            let is_it = |at: &usize| cards.get(*at).is_some_and(|card| card.id == task);
            let row = self.shown[column].iter().position(is_it)?;
            Some((column, row))
        })
    }

    /// The keys that do something now, for the last line.
    pub(super) fn keys_now(&self) -> &'static str {
        match &self.mode {
            BoardMode::Browse if self.share == DetailShare::Whole => {
                "Esc columns  Tab page  Space more  a accept  r reject  y yes  ? help  q quit"
            }
            BoardMode::Browse => {
                "Tab page  Enter whole  a accept  r reject  y yes  / filter  ? help  q quit"
            }
            BoardMode::Filter | BoardMode::Asked(_) | BoardMode::Note { .. } => "",
            BoardMode::Help(_) => "arrows and Space go on, any other key goes back",
        }
    }
}

/// Has a key change a line that is typed.
fn type_into(line: &mut String, key: &BoardKey) {
    match key {
        BoardKey::Char(c) if line.chars().count() < TYPED => line.push(*c),
        BoardKey::Paste(text) => {
            let room = TYPED.saturating_sub(line.chars().count());
            // Lines that are pasted become one, and their words stay apart.
            let spaced = text
                .chars()
                .map(|c| if c.is_whitespace() { ' ' } else { c });
            line.extend(spaced.filter(|c| !c.is_control()).take(room));
        }
        BoardKey::Backspace => {
            line.pop();
        }
        BoardKey::Clear => line.clear(),
        _ => {}
    }
}

/// A word about something that failed.
pub(super) fn bad_word(text: &str) -> BoardInput {
    BoardInput::Word(DetailLine::toned(text, BoardTone::Bad))
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
