//! Text that is safe to show: task titles, paths and agent output may carry escape sequences and bidi overrides.

/// Shows `text` with every control, bidi and zero-width character escaped, so that it cannot drive a terminal or reorder a line.
pub fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push_safe(&mut out, c);
    }
    out
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

/// A path given as bytes, shown as text: valid UTF-8 stays, other bytes become `\xNN`, control characters are escaped.
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

fn push_safe(out: &mut String, c: char) {
    let hidden = matches!(c,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    match c {
        '\n' => out.push_str("\\n"),
        '\t' => out.push_str("\\t"),
        '\r' => out.push_str("\\r"),
        '\u{1b}' => out.push_str("\\e"),
        c if c.is_control() || hidden => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
        c => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_do_not_reach_the_terminal() {
        assert_eq!(one_line("a\u{1b}[2Jb\u{202e}c\r"), "a\\e[2Jb\\u{202e}c\\r");
        assert_eq!(multi_line("a\nb\u{7}"), "a\nb\\u{7}");
        assert_eq!(path_bytes(b"a\xff/b\n"), "a\\xff/b\\n");
    }
}
