//! The screen as a function of the board.
//!
//! Invariants: only the rows that are seen are drawn; any size is drawn without a panic; where there is little room, the
//! pane goes first, then all columns but one. Absent: colours, which are chosen by tones in `screen.rs`.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Modifier, Style};

use crate::base::columns::{clip, folded, width};
use crate::base::text::one_line;
use crate::board::detail::{BoardDetail, BoardTone, DetailLine, DetailPage};
use crate::board::help;
use crate::board::model::Board;
use crate::board::news::BoardMode;
use crate::board::picture::{BoardCard, BoardColumn, CardMark};
use crate::board::plan::BoardPlan;
use crate::ops::needs_you::NeedKind;
use crate::ops::refusal::seconds;

/// Most lines of a word or a question.
const FOOT: u16 = 4;

/// Between two keys of the last line.
const BETWEEN_KEYS: &str = "  ";
/// Keys at the end of that line which no screen is too narrow for: the help, and the way out.
const KEPT_KEYS: usize = 2;

/// Draws the board.
pub(super) fn draw(board: &Board) -> Buffer {
    let area = Rect::new(0, 0, board.size.0, board.size.1);
    let mut page = Page(Buffer::empty(area));
    let plan = BoardPlan::of(board.size, board.share);
    page.head(board, plan.head);
    page.columns(board, &plan.columns);
    page.pane(board, &plan);
    page.foot(board, plan.foot);
    if let BoardMode::Help(at) = board.mode {
        page.help(area, at);
    }
    page.0
}

/// The style of a tone, with colours.
fn style(tone: BoardTone) -> Style {
    // What stood in the cell before counts no more.
    let plain = Style::reset();
    match tone {
        BoardTone::Plain => plain,
        BoardTone::Good => plain.fg(Color::Green),
        BoardTone::Bad => plain.fg(Color::Red),
        BoardTone::Busy => plain.fg(Color::Cyan),
        BoardTone::Waiting => plain.fg(Color::Yellow),
        BoardTone::Faint => plain.add_modifier(Modifier::DIM),
        BoardTone::Strong => plain.add_modifier(Modifier::BOLD),
        BoardTone::Chosen => plain.add_modifier(Modifier::REVERSED),
    }
}

fn tone_of(card: &BoardCard) -> BoardTone {
    match card.mark {
        CardMark::Need(NeedKind::Failed) | CardMark::CutOff => BoardTone::Bad,
        CardMark::Need(_) => BoardTone::Waiting,
        CardMark::Claimed | CardMark::Running => BoardTone::Busy,
        CardMark::Done => BoardTone::Good,
        CardMark::Cancelled | CardMark::Nothing => BoardTone::Faint,
        CardMark::Priority(_) => BoardTone::Plain,
    }
}

/// The counts of the columns, as many as are whole in so many cells, with a sign where some are left out.
fn fitting_counts(told: &[String], room: usize) -> String {
    if told.is_empty() {
        return "no tasks yet".to_owned();
    }
    let all = told.join(", ");
    if width(&all) <= room {
        return all;
    }
    let of = |count: usize| format!("{}, …", told[..count].join(", "));
    (1..told.len())
        .rev()
        .map(of)
        .find(|text| width(text) <= room)
        .unwrap_or(all)
}

/// The keys that fit into so many cells: those at the end of the line are for every screen, and help tells of the others.
fn fitting_keys(keys: &str, room: usize) -> String {
    let mut all: Vec<&str> = keys.split(BETWEEN_KEYS).collect();
    while all.len() > KEPT_KEYS && width(&all.join(BETWEEN_KEYS)) > room {
        all.remove(all.len() - KEPT_KEYS - 1);
    }
    all.join(BETWEEN_KEYS)
}

/// A screen that is being drawn.
struct Page(Buffer);

impl Page {
    /// Puts a text into a row, as far as the row goes.
    fn put(&mut self, row: Rect, text: &str, tone: BoardTone) {
        if row.height > 0 && row.width > 0 {
            let text = clip(text, usize::from(row.width));
            self.0
                .set_stringn(row.x, row.y, text, usize::from(row.width), style(tone));
        }
    }

    /// Puts a text at the end of a row.
    fn put_right(&mut self, row: Rect, text: &str, tone: BoardTone) {
        let text = clip(text, usize::from(row.width));
        let takes = u16::try_from(width(&text))
            .unwrap_or(row.width)
            .min(row.width);
        let x = row.x + row.width - takes;
        self.put(
            Rect {
                x,
                width: takes,
                ..row
            },
            &text,
            tone,
        );
    }

    /// The first line: the project, how much of what there is, what the daemon does.
    fn head(&mut self, board: &Board, row: Rect) {
        let counts = &board.picture.counts;
        let told = BoardColumn::ALL.iter().zip(counts).filter(|(_, n)| **n > 0);
        let told: Vec<String> = told
            .map(|(column, n)| format!("{n} {}", column.name()))
            .collect();
        let project = one_line(&board.project);
        let left = format!(
            "{project}  {}",
            fitting_counts(
                &told,
                usize::from(row.width).saturating_sub(width(&project) + 2)
            )
        );
        self.put(row, &left, BoardTone::Strong);
        let room = usize::from(row.width).saturating_sub(width(&left) + 2);
        if room > 8 {
            let daemon = clip(&board.picture.daemon, room);
            self.put_right(row, &daemon, BoardTone::Faint);
        }
    }

    fn columns(&mut self, board: &Board, columns: &[Rect]) {
        if columns.len() == 1 {
            self.column(board, board.column, columns[0]);
            return;
        }
        for (at, area) in columns.iter().enumerate() {
            self.column(board, at, *area);
        }
    }

    fn column(&mut self, board: &Board, at: usize, area: Rect) {
        if area.height == 0 || area.width == 0 {
            return;
        }
        let column = BoardColumn::ALL[at];
        let is_here = board.column == at;
        let shown = &board.shown[at];
        let count = if board.filter.is_empty() {
            board.picture.counts[at].to_string()
        } else {
            format!("{}/{}", shown.len(), board.picture.counts[at])
        };
        let heading = format!("{} {count}", column.name());
        let tone = if is_here {
            BoardTone::Chosen
        } else {
            BoardTone::Strong
        };
        self.put(Rect { height: 1, ..area }, &heading, tone);
        let rows = usize::from(area.height).saturating_sub(1);
        let chosen = board.rows[at];
        for (line, place) in seen(shown.len(), chosen, rows).enumerate() {
            let Some(card) = shown
                .get(place)
                .and_then(|card| board.picture.columns[at].get(*card))
            else {
                continue;
            };
            let is_chosen = is_here && place == chosen;
            let mark = if is_chosen { '>' } else { ' ' };
            let text = format!("{mark}{} {}", card.mark.letter(), card.title);
            let tone = if is_chosen {
                BoardTone::Chosen
            } else {
                tone_of(card)
            };
            let y = area.y + 1 + u16::try_from(line).unwrap_or(0);
            self.put(
                Rect {
                    y,
                    height: 1,
                    ..area
                },
                &text,
                tone,
            );
        }
    }

    /// The pane of the chosen task: its head, its tabs, its page.
    fn pane(&mut self, board: &Board, plan: &BoardPlan) {
        if plan.tabs.height == 0 {
            return;
        }
        let head = match &board.detail {
            Some(detail) => self.pane_head(board, detail),
            None => board.task().unwrap_or("nothing is chosen").to_owned(),
        };
        self.rule(plan.rule);
        self.put(plan.title, &head, BoardTone::Strong);
        self.tabs(board.page, plan.tabs);
        let Some(detail) = &board.detail else {
            return;
        };
        let rows = detail.rows(usize::from(plan.text.width));
        let height = usize::from(plan.text.height);
        let last = rows.len().saturating_sub(height);
        let from = board.scroll.unwrap_or(last).min(last);
        for (line, row) in rows.iter().skip(from).take(height).enumerate() {
            let y = plan.text.y + u16::try_from(line).unwrap_or(0);
            self.put(
                Rect {
                    y,
                    height: 1,
                    ..plan.text
                },
                &row.text,
                row.tone,
            );
        }
        if rows.len() > height {
            let place = format!(
                "{}-{} of {}",
                from + 1,
                (from + height).min(rows.len()),
                rows.len()
            );
            // The tabs keep their row: at the usual widths nothing fits beside them.
            self.put_right(plan.rule, &format!(" {place}"), BoardTone::Faint);
        }
    }

    /// The head of the pane, with how long a run has been at it.
    fn pane_head(&self, board: &Board, detail: &BoardDetail) -> String {
        let run = board
            .picture
            .runs
            .iter()
            .find(|run| run.task == detail.task);
        let run = run.map_or(String::new(), |run| {
            let took = (board.now_ms - run.since_ms).max(0);
            format!("  {} {}", run.what, seconds(took))
        });
        format!("{}{run}", detail.head)
    }

    fn rule(&mut self, row: Rect) {
        let line = "─".repeat(usize::from(row.width));
        self.put(row, &line, BoardTone::Faint);
    }

    fn tabs(&mut self, page: DetailPage, row: Rect) {
        let mut x = row.x;
        for (at, one) in DetailPage::ALL.iter().enumerate() {
            let (text, tone) = if *one == page {
                (format!("[{} {}]", at + 1, one.name()), BoardTone::Strong)
            } else {
                (format!(" {} {} ", at + 1, one.name()), BoardTone::Faint)
            };
            let left = (row.x + row.width).saturating_sub(x);
            self.put(
                Rect {
                    x,
                    width: left,
                    ..row
                },
                &text,
                tone,
            );
            x = x.saturating_add(u16::try_from(text.len()).unwrap_or(0));
        }
    }

    /// The last line: what is typed or asked, else a word, else the keys. What is longer has some lines more.
    fn foot(&mut self, board: &Board, row: Rect) {
        let (text, tone) = match (&board.mode, &board.word, &board.at_work) {
            (BoardMode::Filter, _, _) => return self.typed(row, "/", &board.filter),
            (BoardMode::Note { text, .. }, Some(DetailLine { text: why, tone }), _)
                if text.trim().is_empty() =>
            {
                (why.clone(), *tone)
            }
            (BoardMode::Note { task, wish, text }, _, _) => {
                return self.typed(row, &wish.before(task), text);
            }
            (BoardMode::Asked(question), _, _) => (question.asked(), BoardTone::Waiting),
            (_, Some(DetailLine { text, tone }), _) => (text.clone(), *tone),
            (_, None, Some(act)) => (format!("{} …", act.at_work()), BoardTone::Busy),
            (BoardMode::Browse, None, None) if !board.filter.is_empty() => {
                let text = format!("filter: {}   Esc takes it back", one_line(&board.filter));
                (text, BoardTone::Waiting)
            }
            (BoardMode::Browse | BoardMode::Help(_), None, None) => {
                let keys = fitting_keys(board.keys_now(), usize::from(row.width));
                return self.put(row, &keys, BoardTone::Faint);
            }
        };
        let mut lines = folded(&text, usize::from(row.width));
        let most = match board.mode {
            // What is asked is read as a whole.
            BoardMode::Asked(_) => usize::from(row.y) + 1,
            _ => usize::from(row.y.clamp(1, FOOT)),
        };
        if lines.len() > most {
            match board.mode {
                // What is asked stands at its beginning.
                BoardMode::Asked(_) => {
                    lines.truncate(most - 1);
                    lines.push("… (too long)".to_owned());
                }
                // The next command stands at the end.
                _ => drop(lines.drain(..lines.len() - most)),
            }
        }
        for (above, line) in lines.iter().rev().enumerate() {
            let y = row.y.saturating_sub(u16::try_from(above).unwrap_or(0));
            let place = Rect { y, ..row };
            self.blank(place);
            self.put(place, line, tone);
        }
    }

    /// A line that is being typed; of a long one the end, where one types.
    fn typed(&mut self, row: Rect, before: &str, text: &str) {
        let text = format!("{before}{}_", one_line(text));
        let mut left: &str = &text;
        while width(left) > usize::from(row.width) {
            let mut letters = left.chars();
            letters.next();
            left = letters.as_str();
        }
        self.put(row, left, BoardTone::Plain);
    }

    fn blank(&mut self, row: Rect) {
        if row.height > 0 {
            self.put(row, &" ".repeat(usize::from(row.width)), BoardTone::Plain);
        }
    }

    fn help(&mut self, area: Rect, at: usize) {
        let inner = help::area(area);
        for y in inner.y..inner.y + inner.height {
            self.put(
                Rect {
                    y,
                    height: 1,
                    ..inner
                },
                &" ".repeat(usize::from(inner.width)),
                BoardTone::Plain,
            );
        }
        let rows = [Rect {
            height: 1.min(inner.height),
            ..inner
        }];
        self.rule(rows[0]);
        for (line, text) in help::HELP
            .iter()
            .skip(at)
            .enumerate()
            .take(usize::from(inner.height).saturating_sub(1))
        {
            let y = inner.y + 1 + u16::try_from(line).unwrap_or(0);
            self.put(
                Rect {
                    y,
                    height: 1,
                    ..inner
                },
                text,
                BoardTone::Plain,
            );
        }
    }
}

/// The places of a list that are seen in so many rows, the chosen one in their middle where there are more.
fn seen(len: usize, chosen: usize, rows: usize) -> std::ops::Range<usize> {
    let last = len.saturating_sub(rows);
    let from = chosen.saturating_sub(rows / 2).min(last);
    from..(from + rows).min(len)
}

#[cfg(test)]
#[path = "draw_tests.rs"]
mod tests;
