//! What `ai` leaves out of the user's settings where it makes a commit, and says so: signatures, since signing would
//! start a program that may ask for a passphrase, in a process that nobody may be watching; and hooks, which are
//! programs that a repository may have brought.

use crate::git::Repo;
use crate::ops::hooks;
use crate::ops::world::World;

/// Says that a commit is not signed, where the user's Git would have signed it, and that hooks of the user were passed
/// over, where Git would have started them.
pub(super) fn say(world: &World, repo: &Repo, commit: &str) {
    let short = &commit[..commit.len().min(12)];
    if repo.wants_signatures().is_ok_and(|wanted| wanted) {
        world.say(&format!(
            "warning: {short} is not signed, although commit.gpgSign is set: `ai` signs nothing"
        ));
    }
    let hooks = hooks::of_others_at_commits(repo);
    if !hooks.is_empty() {
        world.say(&format!(
            "warning: {short} has passed none of your hooks ({}): `ai` starts no hook; what they look for can be a check in .ai/config.yaml",
            hooks.join(", ")
        ));
    }
}
