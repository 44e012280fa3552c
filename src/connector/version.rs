//! Versions of CLIs: dotted numbers, compared number by number. What follows the numbers
//! (`-beta.1`) does not count.

use serde::{Deserialize, Serialize};

/// The versions of a CLI for which a manifest is meant. A CLI outside of them is still started: the
/// range is a warning, not a gate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VersionRange {
    /// The first that is known to work; absent where that is not known.
    pub from: Option<String>,
    /// The first that is expected not to work; absent where no end is in sight.
    pub below: Option<String>,
}

impl VersionRange {
    /// Tells why `version` is none of these; `None` where it is one of them, or names no number.
    pub fn misses(&self, version: &str) -> Option<String> {
        let found = numbers(version)?;
        let bound = |text: &Option<String>| {
            text.as_deref()
                .and_then(|text| Some((text.to_owned(), numbers(text)?)))
        };
        match (bound(&self.from), bound(&self.below)) {
            (Some((text, from)), _) if found < from => {
                Some(format!("older than {text}, the first known to work"))
            }
            (_, Some((text, below))) if found >= below => {
                Some(format!("{text} or newer, which nobody has tried"))
            }
            _ => None,
        }
    }

    /// Finds a fault in the range itself.
    pub(super) fn check(&self) -> Result<(), String> {
        for (field, text) in [("from", &self.from), ("below", &self.below)] {
            if text.as_deref().is_some_and(|text| numbers(text).is_none()) {
                return Err(format!("{field}: must be a version such as 1.2.3"));
            }
        }
        let (from, below) = (
            self.from.as_deref().and_then(numbers),
            self.below.as_deref().and_then(numbers),
        );
        match from.zip(below) {
            Some((from, below)) if from >= below => {
                Err("from: must be lower than `below`".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// The numbers of a version, without zeros at its end, so that 1.2 and 1.2.0 are the same.
fn numbers(text: &str) -> Option<Vec<u64>> {
    let text = text.trim().trim_start_matches('v');
    let plain = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .map_or(text, |end| &text[..end]);
    let mut all: Vec<u64> = plain
        .trim_end_matches('.')
        .split('.')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    while all.len() > 1 && all.last() == Some(&0) {
        all.pop();
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(from: &str, below: &str) -> VersionRange {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        VersionRange {
            from: some(from),
            below: some(below),
        }
    }

    #[test]
    fn a_range_is_compared_by_numbers() {
        let versions = range("1.9", "2");
        for good in [
            "1.9",
            "1.9.0",
            "1.10.0",
            "1.99.99-beta.1",
            "v1.9.3",
            "nightly",
        ] {
            assert_eq!(versions.misses(good), None, "{good}");
        }
        assert_eq!(
            versions.misses("1.8.12").unwrap(),
            "older than 1.9, the first known to work"
        );
        assert_eq!(
            versions.misses("2.0.0").unwrap(),
            "2 or newer, which nobody has tried"
        );
        assert_eq!(range("", "").misses("0.0.1"), None);
    }

    #[test]
    fn a_range_that_nothing_is_in_is_refused() {
        assert!(range("1.2", "1.10").check().is_ok() && range("", "").check().is_ok());
        assert!(
            range("1.2.0", "1.2")
                .check()
                .unwrap_err()
                .starts_with("from:")
        );
        assert!(range("", "soon").check().unwrap_err().starts_with("below:"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(version in "\\PC{0,12}", from in "[0-9.]{0,8}") {
            range(&from, "").misses(&version);
        }
    }
}
