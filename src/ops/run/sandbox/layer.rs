//! The choice of the sandbox: which layer works here, which one is wanted, and whether the policy
//! leaves it a network.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::domain::action::Action;
use crate::domain::decision::{DecisionRecord, Effect};
use crate::domain::sandbox::{Demand, Network, SandboxUsed, SandboxWish};
use crate::domain::task::Task;
use crate::ops::ask::{self, Question};
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::world::World;
use crate::policy::DEFAULT_RULE;
use crate::process::sandbox::{SandboxLayer, SandboxProbe, known, probe};
use crate::store::StorePlace;

/// The file below the state directory in which the result of the probe is kept.
const CACHE: &str = "sandbox.json";
/// Probes what works on this machine, once; the result is kept for later commands.
pub fn probed(world: &World) -> &SandboxProbe {
    world.probed.get_or_init(|| {
        let (cache, path) = (world.state().join(CACHE), program_path(&world.env));
        known(&cache, &path).unwrap_or_else(|| {
            let found = probe(&path);
            let text = serde_json::to_string(&found).unwrap_or_default();
            // The next command tries again.
            let _kept = fs::write_private(&cache, text.as_bytes());
            found
        })
    })
}

/// Returns the kept result of the probe, or probes without keeping it: for looks that write nothing.
pub fn look(state: &Path, env: &[(OsString, OsString)]) -> SandboxProbe {
    let path = program_path(env);
    known(&state.join(CACHE), &path).unwrap_or_else(|| probe(&path))
}

/// Chooses the layer for this project, or for an agent that demands one; refuses where there is none
/// and nobody has said that none is wanted.
pub fn layer(world: &World, demand: Option<Demand>) -> Result<SandboxLayer, OpError> {
    // What was said at the terminal is the user's own last word.
    let wish = world
        .sandbox
        .unwrap_or_else(|| world.config.runs.sandbox.tightened(demand));
    if wish == SandboxWish::None {
        return Ok(SandboxLayer::None);
    }
    Ok(probed(world).layer(wish)?)
}

/// True where the sandbox of an agent keeps it from moving references: its commits go elsewhere.
pub fn keeps_references(world: &World, demand: Option<Demand>) -> bool {
    layer(world, demand).is_ok_and(|layer| layer.mode().can_stand_in())
}

/// The decision of the policy on the network that there would be by the settings, where a rule speaks of it.
pub fn network_rule(
    cx: &Cx,
    store: &StorePlace,
    task: &Task,
    by_settings: Network,
) -> Option<DecisionRecord> {
    let mut question = Question::on_task(Action::RunNetwork, task);
    question.resource.patterns.clear();
    question.facts.network = Some(by_settings);
    let record = ask::answer_outside(store, cx, &question);
    (record.rule != DEFAULT_RULE).then_some(record)
}

/// The network under that answer.
pub fn network_under(rule: Option<&DecisionRecord>) -> Network {
    match rule.map(|record| record.effect) {
        None | Some(Effect::Allow | Effect::Warn) => Network::On,
        // Nobody is there to be asked.
        Some(Effect::RequireApproval | Effect::Deny) => Network::Off,
    }
}

/// Tells whether an agent's program cannot make a sandbox of its own inside of this one.
pub fn leaves_no_room(world: &World, used: SandboxUsed) -> bool {
    used.mode.confines() && !probed(world).nests(used.mode)
}

/// Tells whether the layer can see to the network.
pub(crate) fn can_see_to(world: &World, layer: &SandboxLayer, network: Network) -> bool {
    network == Network::On || !layer.mode().confines() || probed(world).can_hold_to(layer, network)
}

/// The reason why a layer cannot.
pub(crate) fn cannot_see_to(network: Network) -> &'static str {
    match network {
        Network::Listed => {
            "only bubblewrap can hold a run to a list of hosts (`network: {allow: [...]}`)"
        }
        Network::On | Network::Off => "the Landlock of this kernel cannot take the network away",
    }
}

/// The value of a variable that is set and not empty.
pub(crate) fn variable(env: &[(OsString, OsString)], name: &str) -> Option<OsString> {
    env.iter()
        .find(|(key, value)| key == name && !value.is_empty())
        .map(|(_, value)| value.clone())
}

/// The absolute directories of `PATH`.
pub(crate) fn program_path(env: &[(OsString, OsString)]) -> Vec<PathBuf> {
    let path = variable(env, "PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter(|dir| dir.is_absolute())
        .collect()
}
