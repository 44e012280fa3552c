//! A start that a CLI refuses to root: the one place of its words, for the doctor before a run and for the end of one.
//!
//! Invariant: a run is told so only where the refusal was to be foreseen and the program itself names root.

use crate::base::text::one_line;
use crate::connector::manifest::Manifest;
use crate::domain::agent::Agent;
use crate::domain::sandbox::SandboxWish;
use crate::ops::world::World;

/// Words of a command line by which a CLI asks nobody any more. Claude Code refuses them to root, but in a sandbox.
const ASKS_NOBODY: [&str; 2] = ["--dangerously-skip-permissions", "bypassPermissions"];

/// A start that the program will refuse, since it would do as root whatever it likes outside of a sandbox.
pub(crate) struct RootRefusal {
    /// The refusal in words.
    pub(crate) why: String,
    /// The next step.
    pub(crate) next: String,
}

/// Foresees the refusal of an agent's program on this machine.
pub(crate) fn foreseen(world: &World, agent: &Agent, manifest: &Manifest) -> Option<RootRefusal> {
    let wish = world
        .sandbox
        .unwrap_or_else(|| world.config.runs.sandbox.tightened(agent.sandbox));
    if wish != SandboxWish::None || !rustix::process::geteuid().is_root() {
        return None;
    }
    let word = agent.argv.iter().find(|word| asks_nobody(word))?;
    // The variable by which it is told of a sandbox: where a person hands it on, it is their word.
    let variable = manifest.in_sandbox.env_set.keys().next()?;
    let handed = manifest
        .env_pass
        .iter()
        .chain(&agent.env_pass)
        .chain(&world.config.runs.env_pass)
        .any(|name| name == variable);
    let is_set = world
        .env
        .iter()
        .any(|(name, value)| name == variable.as_str() && !value.is_empty());
    if handed && is_set {
        return None;
    }
    Some(RootRefusal {
        why: format!(
            "its program refuses `{}` to root outside of a sandbox, so it ends at once",
            one_line(word)
        ),
        next: format!(
            "work as an ordinary user, or let it have its sandbox (no `sandbox: none`); in a container that is thrown away, set {variable}=1 and hand it on: `ai agent register {} --replace --env {variable}`",
            agent.name
        ),
    })
}

/// True for such a word, and for one that gives it as the value of an option.
fn asks_nobody(word: &str) -> bool {
    let value = word.rsplit('=').next().unwrap_or(word);
    ASKS_NOBODY.contains(&value)
}

/// The reason why a program did not start that has said this before its end.
pub(crate) fn told(
    world: &World,
    (agent, manifest): (&Agent, &Manifest),
    said: &str,
) -> Option<String> {
    let names_root = said.to_ascii_lowercase().contains("root");
    let refusal = foreseen(world, agent, manifest).filter(|_| names_root)?;
    Some(format!("{}: {}", refusal.why, refusal.next))
}
