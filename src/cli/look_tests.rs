use super::*;
use crate::base::rules::rules;

fn coloured(wish: ColourWish, is_terminal: bool, variables: &[(&str, &str)]) -> bool {
    let variables = variables.to_vec();
    is_coloured(wish, is_terminal, &move |name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, text)| (*text).to_owned())
    })
}

use ColourWish::{Always, Auto, Never};

rules! {
    a_terminal_has_colour: coloured(Auto, true, &[("TERM", "xterm")]) => true;
    a_terminal_that_says_nothing_of_itself_has_colour: coloured(Auto, true, &[]) => true;
    what_is_no_terminal_has_none: coloured(Auto, false, &[("TERM", "xterm")]) => false;
    a_dumb_terminal_has_none: coloured(Auto, true, &[("TERM", "dumb")]) => false;
    no_color_keeps_it_out: coloured(Auto, true, &[("NO_COLOR", "1")]) => false;
    an_empty_no_color_says_nothing: coloured(Auto, true, &[("NO_COLOR", "")]) => true;
    it_can_be_forced: coloured(Auto, false, &[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")]) => true;
    zero_forces_nothing: coloured(Auto, false, &[("CLICOLOR_FORCE", "0")]) => false;
    no_color_outranks_the_force: coloured(Auto, false, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]) => false;
    the_flag_outranks_no_color: coloured(Always, false, &[("NO_COLOR", "1")]) => true;
    the_flag_outranks_the_force: coloured(Never, true, &[("CLICOLOR_FORCE", "1")]) => false;
}

const PIPE: Look = Look {
    coloured: false,
    width: None,
};

fn terminal(width: usize) -> Look {
    Look {
        coloured: true,
        width: Some(width),
    }
}

fn rows() -> Vec<Vec<Cell>> {
    vec![
        vec![
            "t-1".into(),
            Cell::state("done"),
            "".into(),
            "日本語のとても長い題名".into(),
        ],
        vec![
            "t-22".into(),
            Cell::state("queued"),
            "".into(),
            "short".into(),
        ],
    ]
}

const WORDS: [&str; 4] = ["TASK", "STATE", "EMPTY", "TITLE"];

/// A line without its escape sequences.
fn bare(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |line, part| {
        line + part.split_once('m').map_or("", |(_, text)| text)
    })
}

#[test]
fn a_pipe_gets_rows_as_they_are() {
    let lines = PIPE.table(&WORDS, &rows(), "");
    assert_eq!(
        lines,
        [
            "t-1   done    日本語のとても長い題名",
            "t-22  queued  short"
        ]
    );
    assert_eq!(PIPE.table(&WORDS, &[], ""), [""; 0]);
}

#[test]
fn a_terminal_gets_headings_colour_and_an_end() {
    let lines = terminal(25).table(&WORDS, &rows(), "");
    assert_eq!(
        lines,
        [
            "\u{1b}[1mTASK\u{1b}[0m  \u{1b}[1mSTATE\u{1b}[0m   \u{1b}[1mTITLE\u{1b}[0m",
            "t-1   \u{1b}[32mdone\u{1b}[0m    日本語のと…",
            "t-22  queued  short",
        ]
    );
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in 1..40 {
        let look = terminal(width);
        let mut listing = Listing::new(&[("TASK", 4), ("STATE", 7), ("", 0), ("TITLE", 0)]);
        let mut lines = look.table(&WORDS, &rows(), "  ");
        for row in rows() {
            lines.extend(look.row(&mut listing, &row));
        }
        assert_eq!(lines.len(), 6);
        for line in lines {
            let line = bare(&line);
            assert!(columns::width(&line) <= width.max(2), "{width}: {line}");
        }
    }
}

#[test]
fn a_heading_stands_once_above_a_list_and_never_in_a_pipe() {
    let shown = |look: Look| -> Vec<String> {
        let mut listing = Listing::new(&[("TASK", 6), ("TITLE", 0)]);
        let row = |title: &str| vec![Cell::from("t-1"), Cell::from(title)];
        let rows = [row("a"), row("b")];
        let lines = rows.iter().flat_map(|row| look.row(&mut listing, row));
        lines.map(|line| bare(&line)).collect()
    };
    assert_eq!(
        shown(terminal(80)),
        ["TASK    TITLE", "t-1     a", "t-1     b"]
    );
    assert_eq!(shown(PIPE), ["t-1     a", "t-1     b"]);
}

#[test]
fn a_text_behind_a_head_is_whole_and_fits() {
    let told =
        |width, head: &str| terminal(width).behind(head, "it waits for the work of another task");
    assert_eq!(
        told(40, "  lock       "),
        [
            "  lock       it waits for the work of",
            "             another task"
        ]
    );
    assert_eq!(
        told(24, "  t-abcdefgh  review  "),
        [
            "  t-abcdefgh  review",
            "   it waits for the work",
            "   of another task"
        ]
    );
    assert_eq!(
        PIPE.behind("  lock  ", "it waits"),
        ["  lock  it waits"],
        "a line of its own for programs"
    );
}
