//! Signatures, which `ai` never makes: signing would start a program of the user's that may ask for a
//! passphrase, in a process that nobody may be watching. What is left out of the user's settings is
//! told.

use crate::git::Repo;
use crate::ops::world::World;

/// Says that a commit is not signed, where the user's Git would have signed it.
pub(super) fn say(world: &World, repo: &Repo, commit: &str) {
    if repo.wants_signatures().is_ok_and(|wanted| wanted) {
        let short = &commit[..commit.len().min(12)];
        world.say(&format!(
            "warning: {short} is not signed, although commit.gpgSign is set: `ai` signs nothing"
        ));
    }
}
