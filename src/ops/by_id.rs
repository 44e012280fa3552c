//! Things that are named by an id or the beginning of one, as people type it.
//!
//! Deliberately absent: tasks, among which the store looks by itself (`cx::resolve`).

use crate::base::text;
use crate::ops::error::OpError;
use crate::ops::refusal::{Refusal, Thing};

/// So many of those that a beginning fits are named.
const NAMED: usize = 6;

/// The one of `all` whose id begins as typed. The mark of the ids, such as `l-`, may be left out.
pub(super) fn one_of<T>(
    (what, mark, typed): (Thing, &str, &str),
    all: Vec<T>,
    id: impl Fn(&T) -> &str,
) -> Result<T, OpError> {
    let text = typed.trim();
    let prefix = match text.strip_prefix(mark) {
        Some(_) => text.to_owned(),
        None => format!("{mark}{text}"),
    };
    let mut found = all;
    // An empty variable in a script names nothing, not even where there is only one.
    found.retain(|one| prefix != mark && id(one).starts_with(&prefix));
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Refusal::NotFound {
            what,
            id: text::one_line(typed),
        }
        .into()),
        _ => Err(Refusal::Ambiguous {
            prefix: typed.to_owned(),
            candidates: found
                .iter()
                .take(NAMED)
                .map(|one| id(one).to_owned())
                .collect(),
        }
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_by_its_beginning_and_an_empty_one_is_nothing() {
        let table = [
            ("o-4k2m", Ok("o-4k2m")),
            ("4k2", Ok("o-4k2m")),
            (" o-4k2 ", Ok("o-4k2m")),
            ("o-4", Err("`o-4` could be o-4k2m, o-4zzz")),
            ("5", Err("there is no override `5`")),
            ("", Err("there is no override ``")),
            ("o-", Err("there is no override `o-`")),
        ];
        for (typed, expected) in table {
            let all = vec!["o-4k2m", "o-4zzz"];
            let found = one_of((Thing::Override, "o-", typed), all, |id| id);
            let found = found.map_err(|error| error.to_string());
            assert_eq!(found, expected.map_err(str::to_owned), "{typed}");
        }
        let one = one_of((Thing::Override, "o-", ""), vec!["o-4k2m"], |id| id);
        assert!(one.is_err());
    }
}
