//! Expansion of `@name` into the patterns that the configuration lists for that module.

use std::collections::BTreeMap;

use crate::domain::path_pattern::error::{PatternError, PatternFault};
use crate::domain::path_pattern::fold::CaseMode;
use crate::domain::path_pattern::normalise::module_name;
use crate::domain::path_pattern::pattern::PathPattern;

/// The patterns that `source` stands for: those of module `name` for `@name`, else the one pattern
/// it is.
///
/// `@scope/dir` is a path, since it has a slash. Modules do not name modules.
pub fn expand(
    source: &str,
    modules: &BTreeMap<String, Vec<String>>,
    mode: CaseMode,
) -> Result<Vec<PathPattern>, PatternError> {
    let Some(name) = module_name(source) else {
        return Ok(vec![PathPattern::parse(source, mode)?]);
    };
    let refuse = |fault| PatternError::new(source, fault);
    let listed = modules.get(name).ok_or_else(|| {
        refuse(PatternFault::UnknownModule {
            known: names(modules),
        })
    })?;
    if listed.is_empty() {
        return Err(refuse(PatternFault::EmptyModule));
    }
    let parsed = listed
        .iter()
        .map(|pattern| PathPattern::parse(pattern, mode));
    parsed.collect::<Result<_, _>>().map_err(|inner| {
        refuse(PatternFault::InModule {
            inner: Box::new(inner),
        })
    })
}

fn names(modules: &BTreeMap<String, Vec<String>>) -> String {
    if modules.is_empty() {
        return "none".to_owned();
    }
    modules
        .keys()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modules() -> BTreeMap<String, Vec<String>> {
        let list = |patterns: &[&str]| patterns.iter().map(|&p| p.to_owned()).collect();
        BTreeMap::from([
            ("auth".to_owned(), list(&["src/auth", "tests/auth_*.rs"])),
            ("bad".to_owned(), list(&["src", "../x"])),
            ("empty".to_owned(), vec![]),
            ("nested".to_owned(), list(&["@auth"])),
        ])
    }

    #[test]
    fn a_module_becomes_its_patterns() {
        let expand = |source| expand(source, &modules(), CaseMode::Sensitive);
        let shown = |source| {
            expand(source)
                .unwrap()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(shown("@auth"), ["src/auth", "tests/auth_*.rs"]);
        assert_eq!(shown("src/*.rs"), ["src/*.rs"]);
        assert_eq!(shown("@types/node"), ["@types/node"]);
    }

    #[test]
    fn a_module_that_cannot_be_expanded_says_why() {
        let message = |source| {
            expand(source, &modules(), CaseMode::Sensitive)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            message("@atuh"),
            "path pattern `@atuh` names an unknown module; known: auth, bad, empty, nested"
        );
        assert_eq!(
            message("@empty"),
            "path pattern `@empty` names a module that lists no patterns"
        );
        assert_eq!(
            message("@bad"),
            "path pattern `@bad` lists a bad pattern: path pattern `../x` contains `..`"
        );
        assert!(
            message("@nested").ends_with("`@auth` names a module where only paths are accepted")
        );
        let unknown = expand("@x", &BTreeMap::new(), CaseMode::Sensitive).unwrap_err();
        assert!(unknown.to_string().ends_with("known: none") && unknown.hint().is_some());
    }
}
