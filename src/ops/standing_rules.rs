//! The rules about locks that hold for whoever acts.
//!
//! Invariant: an agent that may write in the checkout may write its configuration, and locks do not vanish by
//! that: for agents, a file is shared only where the configuration at HEAD says so as well, and names are
//! compared as that says. A change of either has to be committed, which is asked about (as of the policy,
//! ADR 0070). A checkout whose HEAD has no configuration has nothing to be held against.

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
    let lets_more = !config.locks.shared.is_empty() || config.locks.case == LockCase::Sensitive;
    let config = if actor.kind == ActorKind::Agent && lets_more {
        agreed(config, committed(place)?)
    } else {
        Cow::Borrowed(config)
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
    Ok(bytes.map(|bytes| config::read(&bytes, &Trees::none()).unwrap_or_default()))
}

fn agreed(config: &Config, committed: Option<Config>) -> Cow<'_, Config> {
    let Some(committed) = committed else {
        return Cow::Borrowed(config);
    };
    let mut config = config.clone();
    let is_agreed = |pattern: &String| committed.locks.shared.contains(pattern);
    config.locks.shared.retain(is_agreed);
    config.locks.case = committed.locks.case;
    Cow::Owned(config)
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
    fn only_what_both_share_is_shared_and_the_committed_comparison_counts() {
        let (auto, exact) = (LockCase::Auto, LockCase::Sensitive);
        let table = [
            (with(&["**"], auto), None, with(&["**"], auto)),
            (with(&["**"], auto), Some(with(&[], auto)), with(&[], auto)),
            (
                with(&["a", "b"], exact),
                Some(with(&["b", "c"], auto)),
                with(&["b"], auto),
            ),
            (with(&[], auto), Some(with(&["a"], exact)), with(&[], exact)),
        ];
        for (here, committed, expected) in table {
            assert_eq!(agreed(&here, committed).locks, expected.locks);
        }
    }
}
