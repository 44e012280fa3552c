//! A place in a file as people see it: its line, with a caret below the place.
//!
//! What stands in a file is hostile input to a terminal: control and bidi characters are escaped, a
//! tab is a few blanks, and letters count as wide as they are shown. A line is cut to the room that
//! there is, around the place. Works on the text alone; deliberately absent: colours, and several
//! lines around the place.

use crate::base::columns::{clip, width};
use crate::base::text::one_line;
use crate::base::yaml::problem::SourcePlace;

/// Blanks for a tab: the caret stands where a terminal with other stops would not put it.
const TAB: &str = "    ";
/// The least room for the text of a line, however narrow the terminal is.
const LEAST: usize = 24;
/// Letters on either side of the place that are looked at; a line may have a million.
const AROUND: usize = 400;

/// The line of a place and the line with the caret below it, in so many cells; nothing where the
/// text has no such line.
pub(super) fn excerpt(text: &str, place: SourcePlace, room: usize) -> Option<[String; 2]> {
    let line = line_at(text, place.line)?;
    let before = usize::try_from(place.column).ok()?.checked_sub(1)?;
    let skipped = before.saturating_sub(AROUND);
    let mut letters = line.chars().skip(skipped);
    let head: String = letters.by_ref().take(before - skipped).collect();
    let tail: String = letters.take(AROUND).collect();
    let (mut head, tail) = (safe(&head), safe(&tail));
    let number = place.line.to_string();
    let room = room.saturating_sub(number.len() + 7).max(LEAST);
    let cut = skipped > 0 || width(&head) + width(&tail) > room;
    // Two thirds of the room are for what stands before the place.
    if cut && width(&head) > room * 2 / 3 {
        while width(&head) > room * 2 / 3 - 1 {
            head.remove(0);
        }
        head.insert(0, '…');
    }
    let caret = width(&head);
    let shown = clip(&format!("{head}{tail}"), room);
    let gutter = " ".repeat(number.len());
    Some([
        format!("    {number} | {}", shown.trim_end()),
        format!("    {gutter} | {}^", " ".repeat(caret.min(room))),
    ])
}

/// The line of that number, counted from one, as the YAML parser counts them: a carriage return
/// ends one, too.
fn line_at(text: &str, number: u64) -> Option<&str> {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    for _ in 1..number {
        let end = rest.find(['\n', '\r'])?;
        let width = if rest[end..].starts_with("\r\n") {
            2
        } else {
            1
        };
        rest = &rest[end + width..];
    }
    (number > 0).then(|| rest.split(['\n', '\r']).next().unwrap_or(rest))
}

fn safe(text: &str) -> String {
    one_line(&text.replace('\t', TAB))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str, (line, column): (u64, u64), room: usize) -> String {
        let lines = excerpt(text, SourcePlace { line, column }, room);
        lines.map(|lines| lines.join("\n")).unwrap_or_default()
    }

    #[test]
    fn the_caret_stands_below_the_place() {
        let long = format!("{}here{}", "a ".repeat(60), " b".repeat(60));
        for (text, place, room, wanted) in [
            ("a: 1\nb: x\n", (2, 4), 80, "    2 | b: x\n      |    ^"),
            ("a: 1\r\nb: x\r\n", (2, 4), 80, "    2 | b: x\n      |    ^"),
            ("a\rb\rc", (3, 1), 80, "    3 | c\n      | ^"),
            ("\u{feff}a: 1\n", (1, 1), 80, "    1 | a: 1\n      | ^"),
            ("\tb: x\n", (1, 2), 80, "    1 |     b: x\n      |     ^"),
            ("名前: x\n", (1, 5), 80, "    1 | 名前: x\n      |       ^"),
            (
                "e\u{301}: x\n",
                (1, 5),
                80,
                "    1 | e\u{301}: x\n      |    ^",
            ),
            (
                "\"\u{1b}[2J\u{202e}\": x\n",
                (1, 8),
                80,
                "    1 | \"\\e[2J\\u{202e}\": x\n      |                ^",
            ),
            // The place is behind the end of its line.
            ("a: [\n", (1, 5), 80, "    1 | a: [\n      |     ^"),
            ("a\n", (3, 1), 80, ""),
            ("a\n", (0, 0), 80, ""),
            (
                &long,
                (1, 121),
                48,
                "    1 | … a a a a a a a a a a a a here b b b b…\n      |                           ^",
            ),
        ] {
            assert_eq!(at(text, place, room), wanted, "{text:?}");
        }
    }

    #[test]
    fn a_line_of_a_million_letters_is_looked_at_around_the_place() {
        let text = format!("a: {}\u{1b}{}", "x".repeat(1 << 19), "y".repeat(1 << 19));
        let shown = at(&text, (1, (1 << 19) + 4), 60);
        assert!(shown.len() < 200, "{shown}");
        assert!(!shown.contains('\u{1b}'));
    }

    proptest! {
        #[test]
        fn nothing_of_a_file_drives_the_terminal_or_leaves_its_room(
            text in "[a-c名\t\r\n\u{1b}\u{202e}\u{301} ]{0,80}",
            line in 0_u64..6,
            column in 0_u64..90,
            room in 0_usize..90,
        ) {
            if let Some(lines) = excerpt(&text, SourcePlace { line, column }, room) {
                for shown in lines {
                    let drives = |c: char| c.is_control() || c == '\u{202e}';
                    prop_assert!(!shown.chars().any(drives));
                    prop_assert!(width(&shown) <= room.max(LEAST + 8) + 1);
                }
            }
        }
    }
}
