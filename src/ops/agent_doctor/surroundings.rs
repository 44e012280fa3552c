//! What stands around a run of an agent: the sandbox that it would get, and the trust of this
//! machine's user.

use crate::base::text::one_line;
use crate::connector::manifest::{CliConfinement, Manifest};
use crate::domain::agent::Agent;
use crate::domain::egress::NetworkSetting;
use crate::domain::sandbox::SandboxWish;
use crate::ops::doctor::Finding;
use crate::ops::run::sandbox::layer;
use crate::ops::trust::Change;
use crate::ops::world::World;

/// The sandbox that would be used. Tries what works here where no run has yet, and keeps nothing of
/// that.
pub(super) fn sandbox(world: &World, agent: &Agent, manifest: &Manifest) -> Finding {
    let wish = world
        .sandbox
        .unwrap_or_else(|| world.config.runs.sandbox.tightened(agent.sandbox));
    if wish == SandboxWish::None {
        return Finding::warn("sandbox", "none, as you asked: it may do whatever you may")
            .next("take AI_SANDBOX=none, or `sandbox: none` in .ai/config.yaml, away");
    }
    let own = agent.network.as_ref().map(NetworkSetting::word);
    let network = world.config.runs.network.word();
    let network = network.and(own.unwrap_or_default());
    let probe = layer::look(&world.state(), &world.env);
    let missing = |why: String| {
        Finding::bad("sandbox", why)
            .next("install bubblewrap; or, if it may do whatever you may, AI_SANDBOX=none")
    };
    match probe.layer(wish) {
        Err(why) => missing(format!("there is none, so it is not started: {why}")),
        Ok(layer) if !probe.can_hold_to(&layer, network) => {
            missing(layer::cannot_see_to(network).to_owned())
        }
        Ok(layer) => {
            let crowded = !probe.nests(layer.mode());
            let own = match manifest.confinement {
                CliConfinement::Sandbox if crowded => {
                    "; its own finds no room inside and is turned off"
                }
                CliConfinement::Sandbox => "; its own works inside",
                CliConfinement::None | CliConfinement::Paths => "",
            };
            Finding::ok(
                "sandbox",
                format!(
                    "{}, network {}{own}",
                    layer.mode().as_str(),
                    network.as_str()
                ),
            )
        }
    }
}

/// Words of a command line by which a CLI asks nobody any more. Claude Code refuses them to root, but in a sandbox.
const ASKS_NOBODY: [&str; 2] = ["--dangerously-skip-permissions", "bypassPermissions"];

/// A start that the program will refuse, since it would do as root whatever it likes outside of a sandbox.
pub(super) fn as_root(world: &World, agent: &Agent, manifest: &Manifest) -> Option<Finding> {
    let wish = world
        .sandbox
        .unwrap_or_else(|| world.config.runs.sandbox.tightened(agent.sandbox));
    if wish != SandboxWish::None || !rustix::process::geteuid().is_root() {
        return None;
    }
    let word = agent
        .argv
        .iter()
        .find(|word| ASKS_NOBODY.contains(&word.as_str()))?;
    // The variable by which it is told of a sandbox: where a person hands it on, it is their word.
    let variable = manifest.in_sandbox.env_set.keys().next()?;
    let handed = manifest
        .env_pass
        .iter()
        .chain(&agent.env_pass)
        .chain(&world.config.runs.env_pass)
        .any(|name| name == variable);
    if handed
        && world
            .env
            .iter()
            .any(|(name, value)| name == variable.as_str() && !value.is_empty())
    {
        return None;
    }
    let text = format!(
        "its program refuses `{}` to root outside of a sandbox, so it ends at once",
        one_line(word)
    );
    Some(Finding::bad("root", text).next(format!(
        "work as an ordinary user, or let it have its sandbox (no `sandbox: none`); in a container that is thrown away, set {variable}=1 and hand it on: `ai agent register {} --replace --env {variable}`",
        agent.name
    )))
}

/// Reports which files of the repository still need `ai trust` before they may run.
pub(super) fn trust(untrusted: &[Change]) -> Finding {
    let Some(first) = untrusted.first() else {
        return Finding::ok("trust", "nothing waits for your trust");
    };
    let more = if untrusted.len() > 1 {
        format!(" and {} more", untrusted.len() - 1)
    } else {
        String::new()
    };
    let text = format!(
        ".ai/{} was {}{more}, so nothing is started here yet",
        one_line(&first.path),
        first.how
    );
    Finding::bad("trust", text).next("ai trust --show")
}
