//! Placeholders in templates of command lines: words in braces.

/// The names that may stand in braces in a template.
pub(super) const PLACEHOLDERS: [&str; 7] = [
    "prompt",
    "prompt_file",
    "model",
    "worktree",
    "run_dir",
    "files_dir",
    "session",
];

/// The placeholders in `template`, known or not: words of lower-case letters and `_` in braces.
pub(super) fn placeholders(template: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some((_, word, after)) = next_placeholder(rest) {
        found.push(word);
        rest = after;
    }
    found
}

/// Splits at the first `{word}`: what stands before, the word, what stands after.
pub(super) fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(open) = text[from..].find('{').map(|at| at + from) {
        let inner = &text[open + 1..];
        let len = inner
            .bytes()
            .take_while(|b| b.is_ascii_lowercase() || *b == b'_')
            .count();
        if len > 0 && inner[len..].starts_with('}') {
            return Some((&text[..open], &inner[..len], &inner[len + 1..]));
        }
        from = open + 1;
    }
    None
}

/// The text with values in the place of the words in braces that have one. Values are never looked at again.
pub fn filled(template: &str, values: &[(&str, &str)]) -> String {
    let (mut out, mut rest) = (String::new(), template);
    while let Some((before, word, after)) = next_placeholder(rest) {
        out.push_str(before);
        match values.iter().find(|(name, _)| *name == word) {
            Some((_, value)) => out.push_str(value),
            None => out.push_str(&format!("{{{word}}}")),
        }
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_in_braces_are_placeholders() {
        assert_eq!(
            placeholders("a{prompt}b{nope}{}{ x}{A}{{model}}"),
            ["prompt", "nope", "model"]
        );
        assert_eq!(placeholders("${HOME} {a,b} {"), [""; 0]);
    }

    #[test]
    fn each_word_is_filled_once() {
        let values = [("a", "{b}"), ("b", "x")];
        assert_eq!(filled("{a}{b}{c}{ {\"d\"}", &values), "{b}x{c}{ {\"d\"}");
    }
}
