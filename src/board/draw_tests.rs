use super::*;
use crate::board::act::{BoardAct, BoardQuestion};
use crate::board::news::BoardInput;
use crate::board::picture::BoardPicture;
use crate::board::testing::{board, card, numbered, press, screen, tell, usual};
use proptest::prelude::*;

#[test]
fn whole_screens_at_three_sizes() {
    for size in [(80, 24), (60, 20), (120, 40)] {
        insta::assert_snapshot!(
            format!("screen_{}x{}", size.0, size.1),
            screen(&usual(size))
        );
    }
}

#[test]
fn whole_screens_of_the_help_the_filter_and_the_whole_pane() {
    let mut board = usual((80, 24));
    press(&mut board, "?");
    insta::assert_snapshot!("help", screen(&board));
    press(&mut board, "x/日本x");
    insta::assert_snapshot!("filter", screen(&board));
    press(&mut board, "<esc><enter>");
    numbered(&mut board, 40);
    press(&mut board, " ");
    insta::assert_snapshot!("whole", screen(&board));
}

#[test]
fn whole_screens_with_little_room() {
    let mut board = usual((40, 12));
    insta::assert_snapshot!("screen_40x12", screen(&board));
    press(&mut board, "<enter>");
    insta::assert_snapshot!("pane_40x12", screen(&board));
    board.take(BoardInput::Size(20, 5));
    press(&mut board, "<enter>");
    insta::assert_snapshot!("screen_20x5", screen(&board));
}

#[test]
fn an_empty_board_and_a_word() {
    let mut board = Board::new("p".into(), None);
    board.take(BoardInput::Size(60, 8));
    board.take(BoardInput::Picture(BoardPicture::default()));
    board.take(crate::board::model::bad_word(
        "no: refused; next: ai why t-1",
    ));
    insta::assert_snapshot!(screen(&board), @r"
    p  no tasks yet
    for you 0    at work 0   queued 0    blocked 0   ended 0





    no: refused; next: ai why t-1
    ");
}

#[test]
fn what_is_hostile_is_drawn_within_its_cells() {
    let mut board = board((60, 20));
    let mut picture = board.picture.clone();
    let title = one_line("\u{1b}[2J\u{202e}evil\u{7} e\u{301}e\u{301} 日本語日本語");
    picture.columns[0] = vec![card("t-yes", &title, CardMark::Nothing)];
    board.take(BoardInput::Picture(picture));
    tell(
        &mut board,
        "\u{1b}]0;x\u{7}",
        &[("raw \u{1b}[31m\u{200b}text\r\n", BoardTone::Plain)],
    );
    let shown = screen(&board);
    let control: Vec<char> = shown
        .chars()
        .filter(|c| c.is_control() && *c != '\n')
        .collect();
    assert_eq!(control, Vec::<char>::new());
    insta::assert_snapshot!(shown, @r"
    orchard  3 for you, 2 at work, 2 queued, 1 blocked, …
    for you 3    at work 2   queued 2    blocked 1   ended 214
    >  \e[2J\u{…  * Add a c…  0 日本語…     Release…  + Set the…
                  c Write t…  2 Rename…               - Rewrite…




    ────────────────────────────────────────────────────────────
    ]0;x
    [1 why] 2 log  3 diff  4 checks  5 decisions  6 budget
    raw [31mtext







    Tab page  Enter whole  a accept  r reject  ? help  q quit
    ");
}

#[test]
fn what_does_not_fit_is_left_out_whole() {
    let told = ["3 for you", "2 at work", "214 ended"].map(str::to_owned);
    for (room, counts) in [
        (31, "3 for you, 2 at work, 214 ended"),
        (30, "3 for you, 2 at work, …"),
        (22, "3 for you, …"),
        (4, "3 for you, 2 at work, 214 ended"),
    ] {
        assert_eq!(fitting_counts(&told, room), counts, "{room}");
    }
    assert_eq!(fitting_counts(&[], 4), "no tasks yet");
    let keys = "Tab page  a accept  ? help  q quit";
    for (room, fitting) in [
        (34, keys),
        (33, "Tab page  ? help  q quit"),
        (23, "? help  q quit"),
        (3, "? help  q quit"),
    ] {
        assert_eq!(fitting_keys(keys, room), fitting, "{room}");
    }
    assert_eq!(fitting_keys("", 9), "");
}

#[test]
fn at_the_usual_sizes_tabs_and_keys_are_whole_on_every_page() {
    for size in [(80, 24), (60, 20)] {
        for (page, share) in (1..=6).flat_map(|page| [(page, ""), (page, "<enter>")]) {
            let mut board = usual(size);
            press(&mut board, &page.to_string());
            numbered(&mut board, 40);
            press(&mut board, share);
            let tabs = DetailPage::ALL.iter().zip(1..).map(|(one, at)| {
                let text = format!("{at} {}", one.name());
                if at == page {
                    format!("[{text}]")
                } else {
                    format!(" {text} ")
                }
            });
            let tabs: String = tabs.collect();
            let shown = screen(&board);
            assert!(shown.lines().any(|line| line == tabs.trim_end()), "{shown}");
            assert!(shown.ends_with("  ? help  q quit"), "{shown}");
        }
    }
}

#[test]
fn the_rows_that_are_seen_have_the_chosen_one_among_them() {
    for (len, chosen, rows, range) in [
        (0, 0, 5, 0..0),
        (3, 2, 5, 0..3),
        (10, 0, 4, 0..4),
        (10, 5, 4, 3..7),
        (10, 9, 4, 6..10),
        (10, 9, 0, 9..9),
    ] {
        assert_eq!(seen(len, chosen, rows), range, "{len} {chosen} {rows}");
    }
}

proptest! {
    #[test]
    fn any_size_and_any_keys_are_drawn(width in 0_u16..130, height in 0_u16..45, keys in "[jklhgG/?z12345 JKx]{0,12}", lines in 0_usize..60) {
        let mut board = usual((80, 24));
        numbered(&mut board, lines);
        press(&mut board, &keys);
        board.take(BoardInput::Size(width, height));
        let drawn = draw(&board);
        prop_assert_eq!((drawn.area().width, drawn.area().height), (width, height));
    }
}

/// The page of the documents shows the board that is drawn.
#[test]
fn generated_board_of_the_page_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/watch.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once("```text\n").unwrap();
    let (_, after) = rest.split_once("```\n").unwrap();
    let current = format!(
        "{before}```text\n{}\n```\n{after}",
        screen(&usual((80, 24)))
    );
    if std::env::var_os("AI_GENERATE").is_some() {
        std::fs::write(path, &current).unwrap();
    }
    assert!(
        std::fs::read_to_string(path).unwrap() == current,
        "docs/watch.md is stale: run `make gen`"
    );
}

#[test]
fn whole_screens_of_a_question_a_note_and_an_act_at_work() {
    let mut board = usual((60, 20));
    board.take(BoardInput::Question(BoardQuestion {
        text: "say yes to run.start for agent:claude: guard-secrets: it is given a credential, which it wants for the registry of packages".into(),
        act: BoardAct::Approve("d-1".into()),
    }));
    insta::assert_snapshot!("question", screen(&board));
    press(
        &mut board,
        "nrthe tests of the parser do not look at empty files at all, only at large ones",
    );
    insta::assert_snapshot!("note", screen(&board));
    press(&mut board, "<enter>");
    insta::assert_snapshot!("at_work", screen(&board));
}
