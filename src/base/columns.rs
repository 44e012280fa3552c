//! Columns for terminals: as wide as their widest cell, counted in the cells of a terminal and not
//! in bytes or characters.

/// Ranges of characters that take two cells: East Asian wide and full-width letters, and pictures.
const WIDE: [(u32, u32); 19] = [
    (0x1100, 0x115f),
    (0x231a, 0x231b),
    (0x23e9, 0x23ec),
    (0x2614, 0x2615),
    (0x26a1, 0x26a1),
    (0x2705, 0x2705),
    (0x274c, 0x274c),
    (0x2e80, 0x303e),
    (0x3041, 0xa4cf),
    (0xa960, 0xa97f),
    (0xac00, 0xd7a3),
    (0xf900, 0xfaff),
    (0xfe30, 0xfe6f),
    (0xff00, 0xff60),
    (0xffe0, 0xffe6),
    (0x1f300, 0x1f64f),
    (0x1f680, 0x1f6ff),
    (0x1f900, 0x1faff),
    (0x20000, 0x3fffd),
];
/// Ranges of characters that take none: they go onto the one before.
const NARROW: [(u32, u32); 5] = [
    (0x300, 0x36f),
    (0x1ab0, 0x1aff),
    (0x1dc0, 0x1dff),
    (0x20d0, 0x20ff),
    (0xfe00, 0xfe0f),
];

/// Cells of a terminal that `text` takes, which has no control characters.
pub fn width(text: &str) -> usize {
    text.chars().map(cells).sum()
}

fn cells(c: char) -> usize {
    let within = |ranges: &[(u32, u32)]| {
        ranges
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&u32::from(c)))
    };
    match c {
        ' '..='~' => 1,
        _ if within(&NARROW) => 0,
        _ if within(&WIDE) => 2,
        _ => 1,
    }
}

/// A line of a head, a text and a tail, of at most so many cells: the text gives way, down to a few
/// letters. Without a limit nothing does.
pub fn fitted(head: &str, text: &str, tail: &str, most: Option<usize>) -> String {
    const LEAST: usize = 12;
    let room = most.map_or(usize::MAX, |most| {
        most.saturating_sub(width(head) + width(tail)).max(LEAST)
    });
    format!("{head}{}{tail}", clip(text, room))
}

/// The text as far as it fits into so many cells; what is cut ends in an ellipsis.
pub fn clip(text: &str, cells_left: usize) -> String {
    if width(text) <= cells_left {
        return text.to_owned();
    }
    let mut left = cells_left.saturating_sub(1);
    let mut cut = String::new();
    for c in text.chars() {
        let Some(rest) = left.checked_sub(cells(c)) else {
            break;
        };
        left = rest;
        cut.push(c);
    }
    cut.truncate(cut.trim_end().len());
    if cells_left > 0 {
        cut.push('…');
    }
    cut
}

/// A text in rows of so many cells, broken at blanks where there are any.
pub fn folded(text: &str, cells: usize) -> Vec<String> {
    let cells = cells.max(4);
    let mut rows = Vec::new();
    let (mut row, mut used) = (String::new(), 0);
    for word in text.split_inclusive(' ') {
        if used + width(word.trim_end()) > cells && !row.trim().is_empty() {
            rows.push(std::mem::take(&mut row));
            used = 0;
        }
        for c in word.chars() {
            let mut one = [0; 4];
            let takes = width(c.encode_utf8(&mut one));
            if used + takes > cells {
                if c == ' ' {
                    continue;
                }
                rows.push(std::mem::take(&mut row));
                used = 0;
            }
            row.push(c);
            used += takes;
        }
    }
    rows.push(row);
    for row in &mut rows {
        row.truncate(row.trim_end().len());
    }
    rows
}

/// Widths of the columns by their widest cells.
pub fn widest(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let of = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| width(cell)).max().unwrap_or(0)
    };
    (0..columns).map(of).collect()
}

/// The least width to which a column is shrunk.
const LEAST: usize = 8;

/// Takes width from the widest columns until all of them fit into `limit` with two blanks between;
/// the first one, by which a row is known, stays. Less than that is left to whoever shows the line.
pub fn shrink(widest: &mut [usize], limit: usize) {
    let shown = |widest: &[usize]| widest.iter().filter(|wide| **wide > 0).count();
    let needed =
        |widest: &[usize]| widest.iter().sum::<usize>() + 2 * shown(widest).saturating_sub(1);
    while needed(widest) > limit {
        let rest = widest.iter_mut().skip(1).filter(|wide| **wide > LEAST);
        let Some(most) = rest.max() else {
            return;
        };
        *most -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_cut_by_the_cells_that_it_takes() {
        for (text, cells, cut) in [
            ("abcdef", 6, "abcdef"),
            ("abcdef", 5, "abcd…"),
            ("abc def", 5, "abc…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
            ("abc", 1, "…"),
            ("abc", 0, ""),
            ("", 0, ""),
        ] {
            assert_eq!(clip(text, cells), cut, "{text} {cells}");
        }
    }

    #[test]
    fn the_widest_columns_give_way_and_the_first_stays() {
        for (before, limit, after) in [
            ([20, 10, 0, 30], 70, [20, 10, 0, 30]),
            ([20, 10, 0, 30], 50, [20, 10, 0, 16]),
            ([20, 10, 0, 30], 44, [20, 10, 0, 10]),
            ([20, 10, 0, 30], 10, [20, 8, 0, 8]),
        ] {
            let mut widest = before;
            shrink(&mut widest, limit);
            assert_eq!(widest, after, "{limit}");
        }
    }

    #[test]
    fn a_text_gives_way_to_what_stands_around_it() {
        for (text, most, line) in [
            (
                "a long title of a task",
                None,
                "id  a long title of a task  [x]",
            ),
            (
                "a long title of a task",
                Some(31),
                "id  a long title of a task  [x]",
            ),
            (
                "a long title of a task",
                Some(30),
                "id  a long title of a ta…  [x]",
            ),
            ("日本語日本語日本語", Some(24), "id  日本語日本語日…  [x]"),
            ("日本語日本語日本語", Some(23), "id  日本語日本語…  [x]"),
            ("a long title of a task", Some(3), "id  a long titl…  [x]"),
        ] {
            assert_eq!(fitted("id  ", text, "  [x]", most), line);
        }
    }

    proptest! {
        #[test]
        fn what_is_cut_fits(text in "[a日é\u{301}🦀 ]{0,12}", cells in 0usize..10) {
            prop_assert!(width(&clip(&text, cells)) <= cells);
        }
    }

    #[test]
    fn texts_are_broken_at_blanks_else_where_they_must() {
        for (text, cells, rows) in [
            ("", 8, &[""][..]),
            ("one two three", 8, &["one two", "three"]),
            ("abcdefghij", 4, &["abcd", "efgh", "ij"]),
            ("a abcdefghij", 4, &["a", "abcd", "efgh", "ij"]),
            ("日本語日本語", 5, &["日本", "語日", "本語"]),
            ("  in", 8, &["  in"]),
            ("abcd efgh", 4, &["abcd", "efgh"]),
        ] {
            assert_eq!(folded(text, cells), rows, "{text} {cells}");
        }
    }

    proptest! {
        #[test]
        fn rows_fit_and_lose_nothing(text in "[a日 é\u{301}]{0,40}", cells in 4_usize..12) {
            let rows = folded(&text, cells);
            for row in &rows {
                prop_assert!(width(row) <= cells, "{row:?}");
            }
            let letters = |text: &str| text.replace(' ', "");
            prop_assert_eq!(letters(&rows.concat()), letters(&text));
        }
    }
}
