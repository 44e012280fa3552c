//! The hatch of a run: a socket by which its agent, for whom the store is out of sight, asks the
//! supervisor about its own task. It is a front end, so what opens one is handed in with the
//! [`World`](crate::ops::world::World); a run knows only what it has to give it.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use crate::config::Config;
use crate::domain::ids::TaskId;
use crate::domain::lease::Token;
use crate::domain::time::Now;
use crate::ops::agent_imports::ImportPlace;
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::store::StorePlace;

/// Everything by which a hatch answers.
pub struct HatchOrder {
    /// The place of the socket.
    pub socket: PathBuf,
    /// The word by which the run's own agent is known; another run of the same user can reach the
    /// socket, too, where the sandbox does not hide it.
    pub key: String,
    /// Where the store is kept: the hatch has connections of its own.
    pub store: StorePlace,
    /// The surroundings of its operations, in the name of the run's session and under the policy of
    /// its base; the time is read anew for each.
    pub cx: Cx,
    /// Reads both clocks.
    pub clock: fn() -> Now,
    /// The run's task.
    pub task: TaskId,
    /// The run's lease, which the agent never sees.
    pub token: Token,
    /// Counts how often the hook of the agent's CLI has asked.
    pub asked: Arc<AtomicU32>,
    /// The tree from which the run started, in which imports of instructions are looked up.
    pub imports: Option<ImportPlace>,
    /// The worktree of the run, links resolved.
    pub worktree: PathBuf,
    /// The project's configuration.
    pub config: Config,
    /// The checkout whose agents can be written to.
    pub root: PathBuf,
}

/// Opens a hatch. It answers until the value that is returned is dropped, which removes the socket.
pub type HatchMaker = fn(HatchOrder) -> Result<Box<dyn Any>, OpError>;
