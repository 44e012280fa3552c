//! The text of a pattern, cleaned or refused, before its syntax is read.

use crate::domain::path_pattern::error::PatternFault;
use crate::domain::path_pattern::fold::nfc;

/// Longest accepted pattern, in bytes.
const LONGEST: usize = 4096;

/// A cleaned pattern: composed, relative, without empty and `.` components, without a slash at its
/// end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CleanPattern {
    /// The pattern.
    pub(super) text: String,
    /// Set where a slash stood at its end.
    pub(super) ending: PatternEnding,
}

/// Depth that the end of the source asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PatternEnding {
    /// A slash: everything beneath is meant too.
    Slash,
    /// None.
    Plain,
}

/// Cleans `source`, or says why no pattern may look like that.
pub(super) fn clean(source: &str) -> Result<CleanPattern, PatternFault> {
    check_text(source)?;
    check_start(source)?;
    let text = nfc(source);
    let names: Vec<&str> = text
        .split('/')
        .filter(|name| !matches!(*name, "" | "."))
        .collect();
    check_parents(&text)?;
    if names.is_empty() {
        return Ok(CleanPattern {
            text: "**".to_owned(),
            ending: PatternEnding::Plain,
        });
    }
    let ending = if text.ends_with('/') || text.ends_with("/.") {
        PatternEnding::Slash
    } else {
        PatternEnding::Plain
    };
    let text = names.join("/");
    // What was hidden behind a `./` or before a slash counts too, so that a cleaned pattern can be
    // read again.
    check_text(&text)?;
    check_start(&text)?;
    Ok(CleanPattern { text, ending })
}

/// Cleans the name of one path, in which no character is syntax.
pub(super) fn clean_path(path: &str) -> Result<String, PatternFault> {
    check_size(path)?;
    if path.starts_with('/') {
        return Err(PatternFault::Absolute);
    }
    let text = nfc(path);
    let names: Vec<&str> = text
        .split('/')
        .filter(|name| !matches!(*name, "" | "."))
        .collect();
    if names.contains(&"..") {
        return Err(PatternFault::Parent);
    }
    if names.is_empty() {
        Err(if path.is_empty() {
            PatternFault::Empty
        } else {
            PatternFault::Whole
        })
    } else {
        Ok(names.join("/"))
    }
}

/// The name in `@name`, unless it is a path such as `@scope/package`.
pub(super) fn module_name(source: &str) -> Option<&str> {
    source.strip_prefix('@').filter(|name| !name.contains('/'))
}

fn check_text(source: &str) -> Result<(), PatternFault> {
    if source.trim().is_empty() {
        return Err(PatternFault::Empty);
    }
    check_size(source)?;
    if source.contains('\\') {
        return Err(PatternFault::Backslash);
    }
    if source.trim() != source {
        return Err(PatternFault::OuterSpace);
    }
    Ok(())
}

fn check_size(source: &str) -> Result<(), PatternFault> {
    if source.len() > LONGEST {
        return Err(PatternFault::TooLong {
            bytes: source.len(),
            limit: LONGEST,
        });
    }
    if source.contains('\0') {
        Err(PatternFault::Nul)
    } else {
        Ok(())
    }
}

fn check_start(source: &str) -> Result<(), PatternFault> {
    match source.as_bytes() {
        [b'/', ..] => Err(PatternFault::Absolute),
        [drive, b':', b'/', ..] if drive.is_ascii_alphabetic() => Err(PatternFault::Absolute),
        [b'~', ..] => Err(PatternFault::Home),
        [b'!', ..] => Err(PatternFault::Negated),
        _ if module_name(source).is_some() => Err(PatternFault::ModuleNotExpanded),
        _ => Ok(()),
    }
}

/// A `..` can hide in an alternative, where the pieces between braces and commas count as names
/// too.
fn check_parents(text: &str) -> Result<(), PatternFault> {
    let braces = text.contains('{');
    let ends_name = |c: char| c == '/' || (braces && matches!(c, '{' | '}' | ','));
    if text.split(ends_name).any(|name| name == "..") {
        return Err(PatternFault::Parent);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_spellings_are_made_one() {
        for (source, text, ending) in [
            ("src", "src", PatternEnding::Plain),
            ("./src/./a//b", "src/a/b", PatternEnding::Plain),
            ("src//", "src", PatternEnding::Slash),
            ("src/.", "src", PatternEnding::Slash),
            (".", "**", PatternEnding::Plain),
            ("./", "**", PatternEnding::Plain),
            ("cafe\u{301}", "caf\u{e9}", PatternEnding::Plain),
            ("@scope/pkg", "@scope/pkg", PatternEnding::Plain),
            ("a~ b.rs", "a~ b.rs", PatternEnding::Plain),
            ("a,..", "a,..", PatternEnding::Plain),
        ] {
            assert_eq!(
                clean(source),
                Ok(CleanPattern {
                    text: text.to_owned(),
                    ending
                }),
                "{source:?}"
            );
        }
    }

    #[test]
    fn dangerous_spellings_are_refused_by_name() {
        use PatternFault as F;
        for (source, fault) in [
            ("", F::Empty),
            ("  ", F::Empty),
            ("../a", F::Parent),
            ("a/..", F::Parent),
            ("a/{..,b}/c", F::Parent),
            ("{../x,y}", F::Parent),
            ("/etc", F::Absolute),
            ("/", F::Absolute),
            ("C:/x", F::Absolute),
            ("~", F::Home),
            ("~/x", F::Home),
            ("~root/x", F::Home),
            ("a\\b", F::Backslash),
            ("a ", F::OuterSpace),
            (" a", F::OuterSpace),
            ("a\n", F::OuterSpace),
            ("!a", F::Negated),
            ("a\0", F::Nul),
            ("@auth", F::ModuleNotExpanded),
            ("./@auth", F::ModuleNotExpanded),
            ("././~x", F::Home),
            ("a /", F::OuterSpace),
        ] {
            assert_eq!(clean(source), Err(fault), "{source:?}");
        }
        assert_eq!(
            clean(&"a".repeat(4097)),
            Err(F::TooLong {
                bytes: 4097,
                limit: 4096
            })
        );
        assert!(clean(&"a".repeat(4096)).is_ok());
    }
}
