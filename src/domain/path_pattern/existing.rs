//! The spelling of a pattern that names paths which are there: that of a router's `app/[slug]`, or of `!b/x`, means
//! those, and nothing that a glob of the same letters would.
//!
//! Pure: whoever asks says what is there. Name by name, as far as it is: of what comes after, the syntax counts. A name
//! with `*` or `?` stays a glob, which covers the path of its own letters as well. Nothing here is refused; a text that
//! no pattern can say is left for the parser.

use std::fmt::Write as _;

/// Characters that no pattern needs to spell in another way.
const SYNTAX: [char; 4] = ['[', '{', '}', '\\'];
/// Characters that are syntax at the beginning alone.
const AT_START: [char; 3] = ['!', '~', '@'];
/// Everything beneath, and the path itself: what a pattern without syntax covers.
const WITH_ALL_BENEATH: &str = "{,/**}";

/// The pattern that means the paths which `exists` says are there, where that is another one than `source`.
pub fn as_existing(source: &str, exists: &dyn Fn(&str) -> bool) -> Option<String> {
    let is_plain =
        !source.contains(SYNTAX) && !source.starts_with(AT_START) && source.trim() == source;
    if is_plain || source.starts_with('/') || source.contains('\0') {
        return None;
    }
    let (mut path, mut spelled, mut rest) = (String::new(), Vec::new(), source.split('/'));
    for name in rest.by_ref() {
        if matches!(name, "" | ".") {
            continue;
        }
        let longer = if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}/{name}")
        };
        if name == ".." || name.contains(['*', '?']) || !exists(&longer) {
            spelled.push(name.to_owned());
            break;
        }
        let is_first = spelled.is_empty();
        spelled.push(escaped(name, is_first));
        path = longer;
    }
    spelled.extend(rest.map(str::to_owned));
    let text = spelled.join("/");
    let is_changed = text
        .split('/')
        .ne(source.split('/').filter(|name| !matches!(*name, "" | ".")));
    if !is_changed || path.is_empty() {
        return None;
    }
    // The spelling is a glob, which covers no more than it says.
    let ends_open = source.contains(['*', '?']) || text.ends_with('/');
    let beneath = if ends_open { "" } else { WITH_ALL_BENEATH };
    Some(format!("{text}{beneath}"))
}

/// A name as a pattern that matches it, and no other but for a backslash.
fn escaped(name: &str, is_first: bool) -> String {
    let (mut out, last) = (String::new(), name.chars().count().saturating_sub(1));
    for (at, c) in name.chars().enumerate() {
        let is_outer_space = c.is_whitespace() && (at == 0 && is_first || at == last);
        let _ = match c {
            '[' | '{' | '}' => write!(out, "[{c}]"),
            // No pattern has one.
            '\\' => write!(out, "?"),
            // In brackets it would turn them round.
            '!' if at == 0 && is_first => write!(out, "{{!,!}}"),
            '~' | '@' if at == 0 && is_first => write!(out, "[{c}]"),
            _ if is_outer_space => write!(out, "[{c}]"),
            _ => write!(out, "{c}"),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::path_pattern::{CaseMode, PathPattern, overlap};

    const THERE: [&str; 16] = [
        "app",
        "app/[slug]",
        "app/[lang]",
        "app/[lang]/a.tsx",
        "app/[...all]",
        "!b",
        "!b/x",
        "![id]",
        "~home",
        "@scope",
        "[!a]",
        "[^a]",
        "{a,b}",
        " c",
        "d\\e",
        "{{name}}",
    ];

    fn spelled(source: &str) -> Option<String> {
        as_existing(source, &|path| THERE.contains(&path))
    }

    #[test]
    fn what_is_there_is_spelled_so_that_it_is_meant() {
        for (source, expected) in [
            ("app", None),
            ("app/", None),
            ("app/*.tsx", None),
            ("app/[slug]", Some("app/[[]slug]{,/**}")),
            ("./app//[slug]", Some("app/[[]slug]{,/**}")),
            ("app/[slug]/", Some("app/[[]slug]{,/**}")),
            ("app/[slug]/new.tsx", Some("app/[[]slug]/new.tsx{,/**}")),
            ("app/[slug]/*.tsx", Some("app/[[]slug]/*.tsx")),
            ("app/[slug]/[x]", Some("app/[[]slug]/[x]{,/**}")),
            ("app/[other]", None),
            ("other/[slug]", None),
            ("**/[slug]", None),
            ("!b", Some("{!,!}b{,/**}")),
            ("!b/x", Some("{!,!}b/x{,/**}")),
            ("![id]", Some("{!,!}[[]id]{,/**}")),
            ("!c", None),
            ("~home", Some("[~]home{,/**}")),
            ("@scope", Some("[@]scope{,/**}")),
            ("[!a]", Some("[[]!a]{,/**}")),
            ("[^a]", Some("[[]^a]{,/**}")),
            ("{a,b}", Some("[{]a,b[}]{,/**}")),
            (" c", Some("[ ]c{,/**}")),
            ("d\\e", Some("d?e{,/**}")),
            ("app/../[slug]", None),
            ("/app/[slug]", None),
        ] {
            assert_eq!(spelled(source).as_deref(), expected, "{source:?}");
        }
    }

    #[test]
    fn the_spelling_covers_the_path_and_all_beneath_and_no_other() {
        for mode in [CaseMode::Sensitive, CaseMode::Folding] {
            for path in THERE {
                let written = spelled(path).unwrap_or_else(|| path.to_owned());
                let pattern = PathPattern::parse(&written, mode).unwrap();
                for there in THERE {
                    let is_beneath = there == path || there.starts_with(&format!("{path}/"));
                    assert_eq!(
                        pattern.is_match(there.as_bytes()),
                        is_beneath,
                        "{written}: {there}"
                    );
                }
                assert!(
                    pattern.is_match(format!("{path}/new/file").as_bytes()),
                    "{written}"
                );
                // A spelling is what it is, however often it is asked about.
                assert_eq!(spelled(&written), None, "{written}");
            }
        }
    }

    #[test]
    fn two_directories_that_are_there_do_not_meet() {
        let pattern = |source: &str| {
            let text = spelled(source).unwrap();
            PathPattern::parse(&text, CaseMode::Sensitive).unwrap()
        };
        let meet = |a: &str, b: &str| overlap(&pattern(a), &pattern(b)).is_some();
        assert!(!meet("app/[slug]", "app/[lang]"));
        assert!(!meet("app/[slug]/page.tsx", "app/[lang]/page.tsx"));
        assert!(meet("app/[slug]", "app/[slug]/page.tsx"));
        assert!(meet("app/[slug]/*.tsx", "app/[slug]/page.tsx"));
    }
}
