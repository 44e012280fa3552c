//! Checks of single texts of a configuration; each error says what is wrong, as one sentence.

use crate::base::suggest;

/// Refuses a name that is none of the declared checks.
pub(super) fn known_check(name: &str, known: &[&str]) -> Result<(), String> {
    if known.contains(&name) {
        return Ok(());
    }
    Err(match suggest::nearest(name, known.iter().copied()) {
        Some(near) => format!("`{name}` is none of the checks; did you mean `{near}`?"),
        None => format!("`{name}` is none of the checks; declare it under `checks`"),
    })
}

/// Refuses what is no regular expression, or a large one.
pub(super) fn check_regex(text: &str) -> Result<(), String> {
    let built = regex::RegexBuilder::new(text).size_limit(1 << 20).build();
    built.map(drop).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
        _ => format!("`{text}` is no regular expression"),
    })
}

/// Refuses a report outside of the repository: it is read from the tree that was checked, so it lies inside of it.
pub(super) fn check_report(path: &str) -> Result<(), String> {
    let outside = path.starts_with(['/', '~']) || path.split('/').any(|name| name == "..");
    if outside {
        Err(format!(
            "the report `{path}` must lie inside the repository"
        ))
    } else {
        Ok(())
    }
}

/// Refuses what no branch name can be; git itself judges the rest.
pub(super) fn check_branch(name: &str) -> Result<(), String> {
    let odd = |c: char| {
        c.is_whitespace() || c.is_control() || matches!(c, '~' | '^' | ':' | '?' | '*' | '[' | '\\')
    };
    let bad = name.starts_with(['-', '/'])
        || name.ends_with(['/', '.'])
        || name.contains("..")
        || name.contains("@{");
    if bad || name.contains(odd) {
        Err(format!("`{name}` is no branch name"))
    } else {
        Ok(())
    }
}

/// Refuses a relative place of the machine, which would mean another one for everybody.
pub(super) fn check_place(path: &str) -> Result<(), String> {
    let rest = path.strip_prefix('~').unwrap_or(path);
    let plain = rest.starts_with('/') && rest != "/" && !rest.split('/').any(|part| part == "..");
    if plain {
        Ok(())
    } else {
        Err(format!(
            "`{path}` must begin with `/` or `~/`, and hold no `..`"
        ))
    }
}

/// Refuses what is no directory of the checkout.
pub(super) fn check_cache(path: &str) -> Result<(), String> {
    let is_odd = |name: &str| matches!(name, "" | "." | ".." | ".git" | ".ai");
    if path.trim_end_matches('/').split('/').any(is_odd) || path.starts_with('~') {
        return Err(format!(
            "`{path}` is no directory below the root of the checkout, written like `target` or `web/node_modules`"
        ));
    }
    Ok(())
}

/// Refuses what is no name of a variable.
pub(super) fn check_variable(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(());
    }
    Err(format!("`{name}` is no name of an environment variable"))
}

/// True where a name can be that of a file.
pub(super) fn is_plain_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=64).contains(&name.len()) && name.chars().all(plain) && !name.starts_with(['.', '-'])
}
