//! The order to land.

use crate::domain::actor::{Actor, ActorKind};
use crate::domain::landing::PartnerSearch;
use crate::domain::lease::ShownToken;
use crate::ops::accept::AcceptOrder;
use crate::ops::error::{Kept as _, OpError};
use crate::ops::world::World;

/// Most works that are combined, where nobody says otherwise: one culprit among so many is found by
/// eight check runs.
pub const USUAL_BATCH: usize = 20;

/// The way of asking: a no of the policy is recorded, with what it asks people for, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asking {
    /// Recorded.
    OnRecord,
    /// Nobody is asked: whoever lands only does what is let through, or only looks.
    Silently,
}

/// The hand by which work lands.
#[derive(Clone, Copy)]
pub enum LandingBy<'a> {
    /// Somebody's who has given the command: what the policy wants a yes for is asked for.
    Command,
    /// The daemon's own: only what the policy lets through, for it and for this person who has started it, without asking
    /// anybody.
    Daemon(&'a Actor),
}

/// Has the daemon act in a world instead of the person who has started it, whom it returns.
pub fn act_as_daemon(world: &mut World) -> Result<Actor, OpError> {
    let name = world.actor.name.as_str();
    let daemon =
        Actor::new(ActorKind::Daemon, name).kept("the name of whoever started the daemon")?;
    Ok(std::mem::replace(&mut world.actor, daemon))
}

/// The order to land work.
pub struct LandOrder<'a> {
    /// The tasks, as typed; all that wait for a review where none is named.
    pub tasks: &'a [String],
    /// Most works that are combined.
    pub batch: usize,
    /// How long the partner of a culprit is looked for.
    pub partner: PartnerSearch,
    /// The tokens at hand.
    pub kept: &'a [ShownToken],
    /// The hand by which it lands.
    pub by: LandingBy<'a>,
}

impl LandOrder<'_> {
    /// The way in which a landing by this hand asks.
    pub(super) fn asking(&self) -> Asking {
        match self.by {
            LandingBy::Command => Asking::OnRecord,
            LandingBy::Daemon(_) => Asking::Silently,
        }
    }

    /// The order for each single work.
    pub(super) fn accept(&self) -> AcceptOrder<'_> {
        AcceptOrder {
            typed: "",
            overridden: None,
            message: None,
            kept: self.kept,
        }
    }
}
