//! The network that a command is left: by the project, its agent's file and the policy together; and
//! the proxy for one that may reach listed hosts.

use std::sync::{Arc, Mutex};

use crate::base::fs;
use crate::domain::egress::{HostRules, HostSeen, NetworkSetting};
use crate::domain::sandbox::Network;
use crate::ops::error::{Doing as _, OpError};
use crate::ops::hosts::{HostBook, HostJudge, SharedJudge};
use crate::ops::refusal::Refusal;
use crate::ops::run::model::RunCx;
use crate::ops::run::sandbox::builder::SandboxBuilder;
use crate::ops::run::sandbox::layer;
use crate::ops::world::World;
use crate::process::egress::{EgressOrder, EgressProxy};
use crate::process::sandbox::SandboxLayer;

/// Hosts of one command that are named in a line.
const SHOWN: usize = 10;

/// The network of a command.
#[derive(Debug, Clone)]
pub struct NetworkLeave {
    /// The kind of access.
    pub(crate) word: Network,
    /// The lists, each of which has to name a host.
    pub(crate) lists: Vec<HostRules>,
    /// Asked about each host after the lists; nobody outside of a run.
    pub(crate) judge: Option<SharedJudge>,
}

impl From<Network> for NetworkLeave {
    fn from(word: Network) -> NetworkLeave {
        NetworkLeave {
            word,
            lists: Vec::new(),
            judge: None,
        }
    }
}

impl NetworkLeave {
    /// The network that the policy leaves a run, with who is asked about its hosts.
    pub(crate) fn of_run(live: &RunCx<'_>, word: Network) -> Result<NetworkLeave, OpError> {
        let judge = match live.hosts.get() {
            Some(judge) => Arc::clone(judge),
            None => {
                let made = Arc::new(HostJudge {
                    cx: live.cx()?,
                    clock: live.world.clock,
                    store: live.world.store_place(),
                    task: live.started.task.clone(),
                    book: Mutex::new(HostBook::default()),
                });
                Arc::clone(live.hosts.get_or_init(|| made))
            }
        };
        Ok(NetworkLeave {
            judge: Some(judge),
            ..NetworkLeave::from(word)
        })
    }

    /// The same under the policy's answer to whether there is a network at all.
    pub(crate) fn under_policy(live: &RunCx<'_>) -> Result<NetworkLeave, OpError> {
        let by_settings = live.world.config.runs.network.word();
        let store = live.world.store_place();
        let rule = layer::network_rule(&live.cx()?, &store, &live.started.task, by_settings);
        NetworkLeave::of_run(live, layer::network_under(rule.as_ref()))
    }

    /// The stricter of this and a setting.
    pub(crate) fn and(mut self, setting: &NetworkSetting) -> NetworkLeave {
        self.word = self.word.and(setting.word());
        self.lists.extend(setting.rules().cloned());
        self
    }
}

/// The network that a layer leaves of it; refuses where it cannot see to that. Without a sandbox there is
/// the user's own.
pub(super) fn leave_within(
    world: &World,
    layer: &SandboxLayer,
    leave: NetworkLeave,
) -> Result<NetworkLeave, OpError> {
    if !layer.mode().confines() {
        return Ok(NetworkLeave::from(Network::On));
    }
    let leave = leave.and(&world.config.runs.network);
    if layer::can_see_to(world, layer, leave.word) {
        return Ok(leave);
    }
    Err(Refusal::Missing {
        why: layer::cannot_see_to(leave.word).to_owned(),
        hint: "install bubblewrap, or allow the network".into(),
    }
    .into())
}

/// Opens the proxy of a command that may reach listed hosts; nothing for any other.
pub(super) fn open_proxy(sandbox: &SandboxBuilder) -> Result<Option<EgressProxy>, OpError> {
    let Some(socket) = &sandbox.policy.egress else {
        return Ok(None);
    };
    socket.parent().map_or(Ok(()), fs::create_private_dir)?;
    let judge = sandbox.leave.judge.clone();
    let order = EgressOrder {
        socket: socket.clone(),
        lists: sandbox.leave.lists.clone(),
        ask: Arc::new(move |to, listed| match &judge {
            Some(judge) => judge.answer(to, listed),
            None => listed,
        }),
    };
    let opened = EgressProxy::open(order).doing("open the proxy for the listed hosts")?;
    Ok(Some(opened))
}

/// Ends it, and returns what was asked for, once the answers are recorded.
pub(super) fn close_proxy(
    sandbox: &SandboxBuilder,
    proxy: Option<EgressProxy>,
) -> Result<Vec<HostSeen>, OpError> {
    let seen = proxy.map_or_else(Vec::new, EgressProxy::close);
    let judge = sandbox.leave.judge.as_ref();
    judge.map_or(Ok(()), |judge| judge.settle())?;
    Ok(seen)
}

/// The hosts of a command in one line, those that were not reached first; nothing where none was asked
/// for.
pub(crate) fn hosts_in_words(seen: &[HostSeen]) -> Option<String> {
    let mut all: Vec<&HostSeen> = seen.iter().collect();
    all.sort_by_key(|host| host.refused == 0);
    let mut words: Vec<String> = all.iter().take(SHOWN).map(|host| in_words(host)).collect();
    if seen.len() > SHOWN {
        words.push(format!("and {} more", seen.len() - SHOWN));
    }
    (!words.is_empty()).then(|| words.join(", "))
}

fn in_words(host: &HostSeen) -> String {
    match (host.answered, host.refused) {
        (answered, 0) => format!("{} ({answered})", host.host),
        (0, refused) => format!("{} (refused {refused})", host.host),
        (answered, refused) => format!("{} ({answered}, refused {refused})", host.host),
    }
}

/// What a reviewer is told of hosts that were not reached.
pub(crate) fn refused_hosts(seen: &[HostSeen]) -> Vec<String> {
    let refused: Vec<&HostSeen> = seen.iter().filter(|host| host.refused > 0).collect();
    let mut told: Vec<String> = refused
        .iter()
        .take(SHOWN)
        .map(|host| {
            let why = host.why.as_deref().unwrap_or_default();
            format!("it did not reach {}: {why}", host.host)
        })
        .collect();
    if refused.len() > SHOWN {
        told.push(format!("nor {} more hosts", refused.len() - SHOWN));
    }
    told
}
