use super::*;
use crate::board::act::BoardQuestion;
use crate::board::picture::CardMark;
use crate::board::testing::{board, card, numbered, picture, press};

/// The chosen task, and what was wanted for the last key, in a line.
fn told(board: &Board, wanted: &[BoardDo]) -> String {
    let wanted: Vec<String> = wanted
        .iter()
        .map(|one| match one {
            BoardDo::Look(task, page) => {
                format!("look {} {}", task.as_deref().unwrap_or("-"), page.name())
            }
            other => format!("{other:?}"),
        })
        .collect();
    format!("{} | {}", board.task().unwrap_or("-"), wanted.join(", "))
}

#[test]
fn keys_move_look_and_leave() {
    for (keys, wanted) in [
        ("", "t-yes | "),
        ("j", "t-look | look t-look why"),
        ("jjjj", "t-bad | look t-look why, look t-bad why"),
        ("G", "t-bad | look t-bad why"),
        ("Gg", "t-yes | look t-bad why, look t-yes why"),
        ("k", "t-yes | "),
        ("l", "t-run | look t-run why"),
        (
            "ljh",
            "t-yes | look t-run why, look t-mine why, look t-yes why",
        ),
        (
            "jlh",
            "t-look | look t-look why, look t-run why, look t-look why",
        ),
        (
            "<right><down><left>",
            "t-yes | look t-run why, look t-mine why, look t-yes why",
        ),
        (
            "llllllj",
            "t-not | look t-run why, look t-next why, look t-wait why, look t-done why, look t-not why",
        ),
        ("h", "t-yes | "),
        ("2", "t-yes | look t-yes log"),
        ("22", "t-yes | look t-yes log"),
        ("<tab><tab>", "t-yes | look t-yes log, look t-yes diff"),
        ("6<tab>", "t-yes | look t-yes budget, look t-yes why"),
        ("q", "t-yes | Quit"),
        ("<esc>", "t-yes | Quit"),
        ("<c-c>", "t-yes | Quit"),
        ("/<c-c>", "t-yes | Quit"),
        ("<enter><esc>", "t-yes | "),
        ("<enter><esc><esc>", "t-yes | Quit"),
        ("?q", "t-yes | "),
        ("?qq", "t-yes | Quit"),
        ("<c-z><c-l>", "t-yes | Suspend, Repaint"),
        (
            "es",
            "t-yes | Open(\"t-yes\", Editor), Open(\"t-yes\", Shell)",
        ),
        ("x<back><c-u>", "t-yes | "),
    ] {
        let mut board = board((80, 24));
        let wants = press(&mut board, keys);
        assert_eq!(told(&board, &wants), wanted, "{keys}");
    }
}

/// What each column shows, by the ids of its cards.
fn shown(board: &Board) -> Vec<String> {
    let column = |at: usize| {
        let cards = board.shown[at].iter();
        cards
            .map(|card| board.picture.columns[at][*card].id.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    };
    (0..COLUMNS).map(column).collect()
}

#[test]
fn a_filter_leaves_what_has_its_text_and_chooses_among_that() {
    for (keys, columns, chosen) in [
        ("/PARSER", ["t-look", "", "", "", ""], "t-look"),
        (
            "/re<enter>",
            ["", "t-run", "t-later", "t-wait", "t-not"],
            "t-run",
        ),
        ("/t-next", ["", "", "t-next", "", ""], "t-next"),
        ("/nothing like it", ["", "", "", "", ""], "-"),
        ("/nothing<back>", ["", "", "", "", ""], "-"),
        ("/zz<c-u>wait", ["", "", "", "t-wait", ""], "t-wait"),
        (
            "/zz<esc>",
            [
                "t-yes t-look t-bad",
                "t-run t-mine",
                "t-next t-later",
                "t-wait",
                "t-done t-not",
            ],
            "t-yes",
        ),
        (
            "/cache<enter><esc>",
            [
                "t-yes t-look t-bad",
                "t-run t-mine",
                "t-next t-later",
                "t-wait",
                "t-done t-not",
            ],
            "t-run",
        ),
    ] {
        let mut board = board((80, 24));
        press(&mut board, keys);
        assert_eq!(shown(&board), columns, "{keys}");
        assert_eq!(board.task().unwrap_or("-"), chosen, "{keys}");
    }
}

#[test]
fn a_text_that_is_pasted_is_no_keys() {
    let mut board = board((80, 24));
    let paste = |text: &str| BoardInput::Key(BoardKey::Paste(text.to_owned()));
    assert_eq!(board.take(paste("q\u{3}")), []);
    press(&mut board, "/");
    board.take(paste("re\u{1b}[2J\nq"));
    assert_eq!(board.filter, "re[2J q");
    board.take(paste(&"x".repeat(TYPED)));
    assert_eq!(board.filter.len(), TYPED);
}

#[test]
fn the_chosen_task_stays_chosen_wherever_it_goes() {
    let mut board = board((80, 24));
    press(&mut board, "j");
    let mut next = picture();
    let moved = next.columns[0].remove(1);
    next.columns[4].insert(
        0,
        BoardCard {
            mark: CardMark::Done,
            ..moved
        },
    );
    let wanted = board.take(BoardInput::Picture(next.clone()));
    assert_eq!(told(&board, &wanted), "t-look | look t-look why");
    assert_eq!((board.column, board.rows[4]), (4, 0));
    // One that is shown no more gives way to what stands in its place.
    next.columns[4].remove(0);
    let wanted = board.take(BoardInput::Picture(next));
    assert_eq!(told(&board, &wanted), "t-done | look t-done why");
    let wanted = board.take(BoardInput::Picture(BoardPicture::default()));
    assert_eq!(told(&board, &wanted), "- | look - why");
}

#[test]
fn a_task_that_was_named_is_chosen_by_the_first_picture() {
    let mut board = Board::new("p".into(), Some("t-wait".into()));
    let wanted = board.take(BoardInput::Picture(picture()));
    assert_eq!(told(&board, &wanted), "t-wait | look t-wait why");
    assert_eq!(board.share, DetailShare::Whole);
}

#[test]
fn a_page_is_turned_within_its_rows_and_the_log_follows_at_its_end() {
    let mut board = board((80, 24));
    numbered(&mut board, 30);
    let (rows, page) = board.extent();
    assert_eq!((rows, page), (30, 11));
    let at = |board: &mut Board, keys: &str| {
        press(board, keys);
        board.scroll
    };
    assert_eq!(at(&mut board, ""), Some(0));
    assert_eq!(at(&mut board, "K"), Some(0));
    assert_eq!(at(&mut board, " "), Some(10));
    assert_eq!(at(&mut board, "JJJ"), Some(19));
    // A smaller page of fewer lines stays within them.
    numbered(&mut board, 12);
    assert_eq!(board.scroll, Some(1));
    assert_eq!(at(&mut board, "2"), None, "the log begins at its end");
    numbered(&mut board, 30);
    assert_eq!(at(&mut board, "K"), Some(9));
    board.take(BoardInput::Said(vec![DetailLine::plain("more")]));
    assert_eq!(board.scroll, Some(9), "who reads is not torn away");
    assert_eq!(at(&mut board, "JJ"), None, "at the end it follows again");
}

#[test]
fn a_log_that_is_followed_for_long_keeps_its_newest_lines() {
    let mut board = board((80, 24));
    press(&mut board, "2");
    numbered(&mut board, 1);
    let said = |n: usize| (0..n).map(|n| DetailLine::plain(n.to_string())).collect();
    board.take(BoardInput::Said(said(KEPT + 5)));
    let lines = &board.detail.as_ref().unwrap().lines;
    assert_eq!((lines.len(), lines[0].text.as_str()), (KEPT, "5"));
    // What is said belongs to the log alone.
    press(&mut board, "1");
    numbered(&mut board, 1);
    board.take(BoardInput::Said(said(3)));
    assert_eq!(board.detail.as_ref().unwrap().lines.len(), 1);
}

#[test]
fn what_was_looked_up_for_another_task_is_not_shown() {
    let mut board = board((80, 24));
    let late = BoardDetail {
        task: "t-look".into(),
        page: DetailPage::Why,
        head: "late".into(),
        lines: Vec::new(),
    };
    board.take(BoardInput::Detail(late.clone()));
    assert_eq!(board.detail, None);
    press(&mut board, "j2");
    board.take(BoardInput::Detail(late));
    assert_eq!(board.detail, None);
}

#[test]
fn time_is_shown_for_a_run_alone() {
    let mut board = board((80, 24));
    assert!(!board.shows_time());
    press(&mut board, "l");
    assert!(board.shows_time());
}

#[test]
fn a_word_stands_until_the_next_key() {
    let mut board = board((80, 24));
    board.take(bad_word("no"));
    board.take(BoardInput::Tick(1));
    assert_eq!(board.word, Some(DetailLine::toned("no", BoardTone::Bad)));
    press(&mut board, "j");
    assert_eq!(board.word, None);
}

#[test]
fn ten_thousand_cards_are_walked_without_a_copy_of_them() {
    let mut many = BoardPicture::default();
    let of = |n: usize| card(&format!("t-{n}"), "one of many", CardMark::Priority(2));
    many.columns[2] = (0..10_000).map(of).collect();
    let mut board = board((80, 24));
    board.take(BoardInput::Picture(many));
    press(&mut board, "G");
    assert_eq!(board.task(), Some("t-9999"));
}

#[test]
fn keys_act_on_the_chosen_task_one_thing_after_the_other() {
    for (keys, wanted) in [
        ("c", "t-yes | Act(Claim(\"t-yes\"))"),
        ("ct", "t-yes | Act(Claim(\"t-yes\"))"),
        ("ca", "t-yes | Act(Claim(\"t-yes\"))"),
        ("cr", "t-yes | Act(Claim(\"t-yes\"))"),
        ("t", "t-yes | Act(Retry(\"t-yes\"))"),
        ("y", "t-yes | Ask(\"t-yes\", Approve)"),
        ("a", "t-yes | Ask(\"t-yes\", Accept)"),
        ("p", "t-yes | Act(Pause)"),
        (
            "rno, qy<enter>",
            "t-yes | Act(Reject(\"t-yes\", \"no, qy\"))",
        ),
        (
            "rno<c-u>so<back><enter>",
            "t-yes | Act(Reject(\"t-yes\", \"s\"))",
        ),
        ("r <enter>", "t-yes | "),
        (
            "mlook at x<enter>",
            "t-yes | Act(Message(\"t-yes\", \"look at x\"))",
        ),
        ("m <enter>", "t-yes | "),
        ("mno<esc>", "t-yes | "),
        ("rno<esc>", "t-yes | "),
        ("rno<c-c>", "t-yes | Quit"),
    ] {
        let mut board = board((80, 24));
        let wants = press(&mut board, keys);
        assert_eq!(told(&board, &wants), wanted, "{keys}");
    }
    let mut board = board((80, 24));
    press(&mut board, "/nothing like it<enter>");
    assert_eq!(press(&mut board, "cayrte"), [], "nothing is chosen");
    press(&mut board, "<esc>");
    board.picture.held_back = true;
    assert_eq!(press(&mut board, "p"), [BoardDo::Act(BoardAct::Resume)]);
    let done = DetailLine::plain("done");
    board.take(BoardInput::Done(done.clone()));
    assert_eq!(
        (board.word.as_ref(), board.at_work.as_ref()),
        (Some(&done), None)
    );
    assert_eq!(press(&mut board, "c").len(), 1, "free again");
}

#[test]
fn what_is_asked_is_done_after_a_yes_alone() {
    let question = || {
        BoardInput::Question(BoardQuestion {
            text: "accept t-yes.1".into(),
            act: BoardAct::Accept("t-yes.1".into()),
        })
    };
    for (keys, wanted) in [
        ("y", &[BoardDo::Act(BoardAct::Accept("t-yes.1".into()))][..]),
        ("n", &[]),
        ("<enter>", &[]),
        ("<esc>", &[]),
        ("Y", &[]),
        ("a", &[]),
        ("<c-c>", &[BoardDo::Quit]),
    ] {
        let mut board = board((80, 24));
        board.take(question());
        assert_eq!(press(&mut board, keys), wanted, "{keys}");
    }
    // A text that is pasted says yes to nothing.
    let mut board = board((80, 24));
    board.take(question());
    assert_eq!(board.take(BoardInput::Key(BoardKey::Paste("y".into()))), []);
    assert_eq!(board.mode, BoardMode::Browse);
}

#[test]
fn a_yes_counts_where_all_of_the_question_was_shown() {
    for (size, acts) in [((80, 24), 1), ((20, 5), 0), ((40, 11), 0), ((40, 15), 1)] {
        let mut board = board(size);
        let text = "say yes to this word ".repeat(23);
        let act = BoardAct::Claim("t-yes".to_owned());
        board.take(BoardInput::Question(BoardQuestion { text, act }));
        assert_eq!(press(&mut board, "y").len(), acts, "{size:?}");
    }
}

#[test]
fn lines_that_are_pasted_become_one_and_their_words_stay_apart() {
    let mut line = String::new();
    type_into(
        &mut line,
        &BoardKey::Paste("one\ntwo\tthree\u{1b}[2J".to_owned()),
    );
    assert_eq!(line, "one two three[2J");
}
