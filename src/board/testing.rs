//! Boards for tests, and what stands on their screens.

use ratatui_core::backend::TestBackend;
use ratatui_core::terminal::Terminal;

use crate::board::detail::{BoardDetail, BoardTone, DetailLine, DetailPage};
use crate::board::draw::draw;
use crate::board::keys::BoardKey;
use crate::board::model::Board;
use crate::board::news::{BoardDo, BoardInput};
use crate::board::picture::{BoardCard, BoardPicture, BoardRun, CardMark};
use crate::ops::needs_you::NeedKind;

/// A card with an id of its own.
pub(super) fn card(id: &str, title: &str, mark: CardMark) -> BoardCard {
    BoardCard {
        id: id.to_owned(),
        title: title.to_owned(),
        mark,
    }
}

/// A picture with something in each column.
pub(super) fn picture() -> BoardPicture {
    let columns = [
        vec![
            card(
                "t-yes",
                "Change the workflow",
                CardMark::Need(NeedKind::Approval),
            ),
            card(
                "t-look",
                "Fix the parser for empty files",
                CardMark::Need(NeedKind::Review),
            ),
            card(
                "t-bad",
                "Port to the new API",
                CardMark::Need(NeedKind::Failed),
            ),
        ],
        vec![
            card("t-run", "Add a cache to the reader", CardMark::Running),
            card("t-mine", "Write the changelog", CardMark::Claimed),
        ],
        vec![
            card("t-next", "日本語の題名を直す", CardMark::Priority(0)),
            card("t-later", "Rename the flags", CardMark::Priority(2)),
        ],
        vec![card("t-wait", "Release it", CardMark::Nothing)],
        vec![
            card("t-done", "Set the project up", CardMark::Done),
            card("t-not", "Rewrite it all", CardMark::Cancelled),
        ],
    ];
    let mut counts = columns.each_ref().map(|cards| cards.len() as u64);
    counts[4] = 214;
    BoardPicture {
        columns,
        counts,
        runs: vec![BoardRun {
            task: "t-run".to_owned(),
            what: "claude: the agent works".to_owned(),
            since_ms: 0,
        }],
        held_back: false,
        daemon: "the daemon is at work".to_owned(),
    }
}

/// A board that has taken in that picture, on a terminal of this size.
pub(super) fn board(size: (u16, u16)) -> Board {
    let mut board = Board::new("orchard".to_owned(), None);
    board.take(BoardInput::Size(size.0, size.1));
    board.take(BoardInput::Tick(75_000));
    board.take(BoardInput::Picture(picture()));
    board
}

/// Presses keys, a letter each; `<name>` stands for a key with that name.
pub(super) fn press(board: &mut Board, keys: &str) -> Vec<BoardDo> {
    let mut wanted = Vec::new();
    let mut rest = keys;
    while let Some(first) = rest.chars().next() {
        let named = rest.strip_prefix('<').and_then(|tail| tail.split_once('>'));
        let key = match named {
            Some((name, tail)) => {
                rest = tail;
                match name {
                    "enter" => BoardKey::Enter,
                    "esc" => BoardKey::Esc,
                    "tab" => BoardKey::Tab,
                    "up" => BoardKey::Up,
                    "down" => BoardKey::Down,
                    "left" => BoardKey::Left,
                    "right" => BoardKey::Right,
                    "back" => BoardKey::Backspace,
                    "end" => BoardKey::End,
                    "c-c" => BoardKey::Interrupt,
                    "c-z" => BoardKey::Suspend,
                    "c-l" => BoardKey::Redraw,
                    "c-u" => BoardKey::Clear,
                    other => panic!("no key {other}"),
                }
            }
            None => {
                rest = &rest[first.len_utf8()..];
                BoardKey::Char(first)
            }
        };
        wanted.extend(board.take(BoardInput::Key(key)));
    }
    wanted
}

/// A page about the task that is chosen.
pub(super) fn tell(board: &mut Board, head: &str, lines: &[(&str, BoardTone)]) {
    let detail = BoardDetail {
        task: board.task().unwrap_or_default().to_owned(),
        page: board.page,
        head: head.to_owned(),
        lines: lines
            .iter()
            .map(|(text, tone)| DetailLine::toned(*text, *tone))
            .collect(),
    };
    board.take(BoardInput::Detail(detail));
}

/// So many numbered lines.
pub(super) fn numbered(board: &mut Board, lines: usize) {
    let lines: Vec<String> = (1..=lines).map(|n| format!("line {n}")).collect();
    let lines: Vec<(&str, BoardTone)> = lines
        .iter()
        .map(|line| (line.as_str(), BoardTone::Plain))
        .collect();
    tell(board, "head", &lines);
}

/// The screen of a board, as a terminal would show it: no blanks at the ends of lines.
pub(super) fn screen(board: &Board) -> String {
    let (width, height) = board.size;
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let drawn = draw(board);
    terminal
        .draw(|frame| frame.buffer_mut().merge(&drawn))
        .unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y: u16| {
        let mut text = String::new();
        let mut x = 0;
        while x < width {
            let symbol = buffer[(x, y)].symbol();
            text.push_str(symbol);
            x += u16::try_from(crate::base::columns::width(symbol))
                .unwrap()
                .max(1);
        }
        text.trim_end().to_owned()
    };
    let rows: Vec<String> = (0..height).map(row).collect();
    rows.join("\n")
}

/// The same with a page as a project would have it.
pub(super) fn usual(size: (u16, u16)) -> Board {
    let mut board = board(size);
    press(&mut board, "j");
    assert_eq!(board.page, DetailPage::Why);
    tell(
        &mut board,
        "t-look  review  Fix the parser for empty files",
        &[
            (
                "review     run t-look.1 has finished and waits for a person; accepted, it goes into main",
                BoardTone::Waiting,
            ),
            ("next       ai review t-look", BoardTone::Plain),
            ("type       bug, priority 1; parser", BoardTone::Plain),
            ("paths      src/parse/", BoardTone::Plain),
            ("", BoardTone::Plain),
            (
                "An empty file is not an error. Say how many lines it has: none.",
                BoardTone::Plain,
            ),
        ],
    );
    board
}
