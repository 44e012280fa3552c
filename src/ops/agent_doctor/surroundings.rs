//! What stands around a run of an agent: the sandbox that it would get, and the trust of this
//! machine's user.

use crate::base::text::one_line;
use crate::connector::manifest::{CliConfinement, Manifest};
use crate::domain::agent::Agent;
use crate::domain::egress::NetworkSetting;
use crate::domain::sandbox::SandboxWish;
use crate::ops::doctor::Finding;
use crate::ops::run::agent::as_root;
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

/// A start that the program will refuse to root.
pub(super) fn as_root(world: &World, agent: &Agent, manifest: &Manifest) -> Option<Finding> {
    let refusal = as_root::foreseen(world, agent, manifest)?;
    Some(Finding::bad("root", refusal.why).next(refusal.next))
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
