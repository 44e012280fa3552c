//! The rules about locks that hold for whoever acts.
//!
//! Invariant: an agent that may write in the checkout may write its configuration, and locks do not vanish by
//! that: for agents, the configuration at HEAD counts as well, and of both the stricter word. A file is shared
//! where both say so, names are compared by whichever takes more of them for the same, a module is what HEAD
//! calls so, and a task asks for every capability that either asks for. A change has to be committed, which is
//! asked about (as of the policy, ADR 0070). A checkout whose HEAD has no configuration has nothing to be held
//! against.

use std::borrow::Cow;
use std::path::Path;

use crate::config::{self, Config, LockCase, Trees};
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::repo_path::RepoPath;
use crate::git::discover::RepoLocation;
use crate::git::{Git, Head, Repo};
use crate::ops::cx::Rules;
use crate::ops::error::OpError;

/// The rules for this actor in the checkout at `root`, whose configuration is `config`.
pub fn of(
    actor: &Actor,
    config: &Config,
    (place, root): (&RepoLocation, &Path),
) -> Result<Rules, OpError> {
    let config = match actor.kind {
        ActorKind::Agent => agreed(config, committed(place)?),
        ActorKind::Human | ActorKind::Daemon | ActorKind::Hook => Cow::Borrowed(config),
    };
    Ok(Rules::of(&config, place)?.with_agents_of(root))
}

/// The configuration at HEAD of the main checkout; nothing where there is none. One that cannot be read lets
/// nothing be shared.
fn committed(place: &RepoLocation) -> Result<Option<Config>, OpError> {
    let repo = Repo::open(place, Git::system()?)?;
    let head = repo.head_of(&place.common_dir)?;
    let Some(head) = Head::commit(&head) else {
        return Ok(None);
    };
    let bytes = repo.read_blob(head, &RepoPath::new(config::FILE))?;
    Ok(bytes.map(|bytes| config::read(&bytes, &Trees::of_user()).unwrap_or_default()))
}

fn agreed(config: &Config, committed: Option<Config>) -> Cow<'_, Config> {
    let Some(committed) = committed else {
        return Cow::Borrowed(config);
    };
    let mut config = config.clone();
    let is_agreed = |pattern: &String| committed.locks.shared.contains(pattern);
    config.locks.shared.retain(is_agreed);
    config.locks.case = stricter(config.locks.case, committed.locks.case);
    config.modules.extend(committed.modules);
    for (task, wanted) in committed.router.capabilities {
        let here = config.router.capabilities.entry(task).or_default();
        for one in wanted {
            if !here.contains(&one) {
                here.push(one);
            }
        }
    }
    Cow::Owned(config)
}

/// The comparison by which more names are the same: a file system folds case, or does not.
fn stricter(one: LockCase, other: LockCase) -> LockCase {
    match (one, other) {
        (LockCase::Folding, _) | (_, LockCase::Folding) => LockCase::Folding,
        (LockCase::Auto, _) | (_, LockCase::Auto) => LockCase::Auto,
        (LockCase::Sensitive, LockCase::Sensitive) => LockCase::Sensitive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(shared: &[&str], case: LockCase) -> Config {
        let mut config = Config::default();
        config.locks.shared = shared.iter().map(|one| (*one).to_owned()).collect();
        config.locks.case = case;
        config
    }

    #[test]
    fn only_what_both_share_is_shared_and_the_stricter_comparison_counts() {
        let (auto, exact, folding) = (LockCase::Auto, LockCase::Sensitive, LockCase::Folding);
        let table = [
            (with(&["**"], auto), None, with(&["**"], auto)),
            (with(&["**"], auto), Some(with(&[], auto)), with(&[], auto)),
            (
                with(&["a", "b"], exact),
                Some(with(&["b", "c"], auto)),
                with(&["b"], auto),
            ),
            (with(&[], auto), Some(with(&["a"], exact)), with(&[], auto)),
            (
                with(&[], exact),
                Some(with(&[], folding)),
                with(&[], folding),
            ),
            (
                with(&[], folding),
                Some(with(&[], exact)),
                with(&[], folding),
            ),
        ];
        for (here, committed, expected) in table {
            assert_eq!(agreed(&here, committed).locks, expected.locks);
        }
    }

    #[test]
    fn modules_are_those_of_head_and_either_may_ask_for_a_capability() {
        let named = |all: &[(&str, &[&str])]| {
            let all = all.iter().map(|(name, of)| {
                let of = of.iter().map(|one| (*one).to_owned());
                ((*name).to_owned(), of.collect::<Vec<_>>())
            });
            all.collect::<std::collections::BTreeMap<_, _>>()
        };
        let mut here = Config::default();
        here.modules = named(&[("auth", &["nothing/"]), ("new", &["new/"])]);
        here.router.capabilities = named(&[("bug", &["rust"]), ("new", &["web"])]);
        let mut head = Config::default();
        head.modules = named(&[("auth", &["src/auth/"]), ("old", &["old/"])]);
        head.router.capabilities = named(&[("bug", &["rust", "sql"]), ("old", &["perl"])]);
        let both = agreed(&here, Some(head));
        let modules: &[(&str, &[&str])] = &[
            ("auth", &["src/auth/"]),
            ("new", &["new/"]),
            ("old", &["old/"]),
        ];
        assert_eq!(both.modules, named(modules));
        let asked: &[(&str, &[&str])] = &[
            ("bug", &["rust", "sql"]),
            ("new", &["web"]),
            ("old", &["perl"]),
        ];
        assert_eq!(both.router.capabilities, named(asked));
    }
}
