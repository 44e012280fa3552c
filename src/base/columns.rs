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
    if width(text) <= room {
        return format!("{head}{text}{tail}");
    }
    let mut left = room - 1;
    let kept = text.chars().take_while(|c| {
        let fits = cells(*c) <= left;
        left -= cells(*c).min(left);
        fits
    });
    format!("{head}{}…{tail}", kept.collect::<String>())
}

/// Rows as lines with two blanks between columns. The last column of a row is as long as it is, and
/// no line ends with a blank. Columns without any text are left out.
pub fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest: Vec<usize> = (0..columns)
        .map(|at| {
            rows.iter()
                .filter_map(|row| row.get(at))
                .map(|cell| width(cell))
                .max()
                .unwrap_or(0)
        })
        .collect();
    rows.iter().map(|row| line(row, &widest)).collect()
}

fn line(row: &[String], widest: &[usize]) -> String {
    let mut text = String::new();
    for (cell, wide) in row.iter().zip(widest).filter(|(_, wide)| **wide > 0) {
        text.push_str(cell);
        text.push_str(&" ".repeat(wide - width(cell) + 2));
    }
    text.truncate(text.trim_end_matches(' ').len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter()
            .map(|row| row.iter().map(|cell| (*cell).to_owned()).collect())
            .collect()
    }

    #[test]
    fn columns_stand_below_each_other_in_any_script() {
        let lines = table(&rows(&[
            &["a", "", "one", ""],
            &["日本語", "", "two", "x"],
            &["e\u{301}te", "", "three"],
        ]));
        assert_eq!(
            lines,
            ["a       one", "日本語  two    x", "e\u{301}te     three"]
        );
        assert_eq!(table(&[]), [""; 0]);
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
        fn every_column_begins_at_one_place(cells in proptest::collection::vec("[a日é\u{301}🦀]{0,6}", 1..8)) {
            let rows: Vec<Vec<String>> = cells.iter().map(|cell| vec![cell.clone(), "|".to_owned()]).collect();
            let at: Vec<usize> = table(&rows).iter().map(|line| width(line.split_once('|').unwrap().0)).collect();
            prop_assert!(at.windows(2).all(|pair| pair[0] == pair[1]), "{:?}", at);
        }
    }
}
