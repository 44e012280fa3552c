//! Text that is safe to show: task titles, paths and agent output may carry escape sequences and
//! bidi overrides.

use std::borrow::Cow;

/// Shows `text` with every control, bidi and zero-width character escaped, so that it cannot drive
/// a terminal or reorder a line.
pub fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push_safe(&mut out, c);
    }
    out
}

/// A text in UTF-8, as it is meant: one in UTF-16 has a mark at its beginning that says so, or a zero beside almost every
/// character. Any other is as it is.
pub fn meant(bytes: &[u8]) -> Cow<'_, [u8]> {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ if is_text_in(bytes, u16::from_le_bytes) => u16::from_le_bytes,
        _ if is_text_in(bytes, u16::from_be_bytes) => u16::from_be_bytes,
        _ => return Cow::Borrowed(bytes),
    };
    let mark = matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
    let units = bytes[usize::from(mark) * 2..].chunks_exact(2);
    let units = units.map(|pair| unit([pair[0], pair[1]]));
    let text: String = char::decode_utf16(units)
        .map(|one| one.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    Cow::Owned(text.into_bytes())
}

/// True where most units are ASCII: other bytes look so in neither order.
fn is_text_in(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> bool {
    let units = bytes.chunks_exact(2);
    let all = units.len();
    let plain = units.map(|pair| unit([pair[0], pair[1]]));
    let plain = plain.filter(|unit| matches!(unit, 9 | 10 | 13 | 32..=126));
    all > 0 && plain.count() * 4 >= all * 3
}

/// Like [`one_line`], but newlines and tabs stay.
pub fn multi_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            _ => push_safe(&mut out, c),
        }
    }
    out
}

/// Several lines as one that can be read: what stands between them becomes a blank, and everything
/// else is as in [`one_line`].
pub fn flowing(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<String> = lines
        .map(|line| one_line(&line.replace('\t', " ")))
        .collect();
    lines.join(" ")
}

/// A path given as bytes, shown as text: valid UTF-8 stays, other bytes become `\xNN`, control
/// characters are escaped.
pub fn path_bytes(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        out.push_str(&one_line(chunk.valid()));
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// Things in a row, with commas between them.
pub fn listed<T: std::fmt::Display>(things: impl IntoIterator<Item = T>) -> String {
    let things: Vec<String> = things.into_iter().map(|one| one.to_string()).collect();
    things.join(", ")
}

/// A number with its noun, which is given in the singular: `1 file`, `2 files`, `3 branches`, `0
/// policies`.
pub fn counted<N: std::fmt::Display + PartialEq + From<u8>>(n: N, one: &str) -> String {
    if n == N::from(1) {
        format!("{n} {one}")
    } else {
        format!("{n} {}", plural(one))
    }
}

/// A size in bytes as people read it: KiB, MiB, GiB.
pub fn size(bytes: u64) -> String {
    match bytes >> 10 {
        kib @ 0..=1023 => format!("{kib} KiB"),
        kib if kib < 1 << 20 => format!("{} MiB", kib >> 10),
        kib => format!("{:.1} GiB", kib as f64 / f64::from(1 << 20)),
    }
}

fn plural(one: &str) -> String {
    let consonant_y = one
        .strip_suffix('y')
        .filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u']));
    match consonant_y {
        Some(stem) => format!("{stem}ies"),
        None if ["s", "x", "ch", "sh"].iter().any(|end| one.ends_with(end)) => format!("{one}es"),
        None => format!("{one}s"),
    }
}

fn push_safe(out: &mut String, c: char) {
    let hidden = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        // The last variation selector is the one that makes pictures of letters.
        | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}');
    match c {
        '\n' => out.push_str("\\n"),
        '\t' => out.push_str("\\t"),
        '\r' => out.push_str("\\r"),
        '\u{1b}' => out.push_str("\\e"),
        c if c.is_control() || hidden => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
        c => out.push(c),
    }
}

/// A command line that can be read, and pasted into a shell.
pub fn shell_words<S: AsRef<str>>(argv: impl IntoIterator<Item = S>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+{}".contains(c);
    let word = |word: S| {
        let word = word.as_ref();
        if !word.is_empty() && word.chars().all(plain) {
            word.to_owned()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    argv.into_iter().map(word).collect::<Vec<_>>().join(" ")
}

/// The normal form of the name of a distribution of Python, by which two spellings are compared: lower case, one hyphen for each run of separators.
pub fn distribution_name(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    lower
        .split(['-', '_', '.'])
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_utf_16_is_meant_with_and_without_a_mark() {
        let le: Vec<u8> = "k\u{e4}y=1"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let be: Vec<u8> = "k\u{e4}y=1"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        let marked = [&[0xff, 0xfe], le.as_slice()].concat();
        for text in [le, be, marked] {
            assert_eq!(&*meant(&text), "k\u{e4}y=1".as_bytes());
        }
        for text in [&b"key=1"[..], b"", b"a", &[0; 8], &[0, 1, 2, 0, 3, 0]] {
            assert_eq!(&*meant(text), text);
        }
    }

    #[test]
    fn lines_flow_into_one() {
        let text = "  a\r\n\n\tb\tc \n\u{1b}[2Jd\n";
        assert_eq!(flowing(text), "a b c \\e[2Jd");
        assert_eq!(flowing("\n \n"), "");
    }

    #[test]
    fn one_is_not_many() {
        let all = [
            counted(1_usize, "task"),
            counted(0_u64, "task"),
            counted(2_u32, "changed file"),
        ];
        assert_eq!(all, ["1 task", "0 tasks", "2 changed files"]);
        let irregular = ["branch", "policy", "day", "process"].map(|one| counted(2_u8, one));
        assert_eq!(
            irregular,
            ["2 branches", "2 policies", "2 days", "2 processes"]
        );
    }

    #[test]
    fn escapes_do_not_reach_the_terminal() {
        assert_eq!(one_line("a\u{1b}[2Jb\u{202e}c\r"), "a\\e[2Jb\\u{202e}c\\r");
        for hidden in [
            '\u{ad}',
            '\u{61c}',
            '\u{2028}',
            '\u{3164}',
            '\u{fe00}',
            '\u{e0041}',
            '\u{e0100}',
        ] {
            let shown = format!("\\u{{{:x}}}", u32::from(hidden));
            assert_eq!(one_line(&format!("a{hidden}b")), format!("a{shown}b"));
        }
        assert_eq!(one_line("\u{26a0}\u{fe0f}"), "\u{26a0}\u{fe0f}");
        assert_eq!(multi_line("a\nb\u{7}"), "a\nb\\u{7}");
        assert_eq!(path_bytes(b"a\xff/b\n"), "a\\xff/b\\n");
    }
}
