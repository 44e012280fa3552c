//! A person's word that a daemon is to start nothing, which outlives the daemon.

use serde::{Deserialize, Serialize};

use crate::domain::time::WallMs;

/// The word that is in force until somebody takes it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "StandingOrder")]
pub struct StandingOrder {
    /// The kind.
    pub kind: OrderKind,
    /// The reason, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The actor that gave it.
    pub by: String,
    /// The time of it.
    pub at_ms: WallMs,
}

/// Kinds of standing orders. Both start nothing and end nothing; the words tell people what is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderKind {
    /// A rest, after which the work goes on.
    Pause,
    /// The end of the work: what is begun is finished.
    Drain,
}

/// The state of a repository's daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DaemonState {
    /// Working the queue.
    Running,
    /// Paused by a standing order.
    Paused,
    /// Draining by a standing order.
    Draining,
    /// Not there.
    Stopped,
}

/// Presence of a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DaemonPresence {
    /// One works the repository.
    There,
    /// None does.
    Gone,
}

impl DaemonState {
    /// Finds the state by the presence of a daemon and the order that stands.
    pub fn of(presence: DaemonPresence, order: Option<OrderKind>) -> DaemonState {
        match (presence, order) {
            (DaemonPresence::Gone, _) => DaemonState::Stopped,
            (DaemonPresence::There, None) => DaemonState::Running,
            (DaemonPresence::There, Some(OrderKind::Pause)) => DaemonState::Paused,
            (DaemonPresence::There, Some(OrderKind::Drain)) => DaemonState::Draining,
        }
    }

    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            DaemonState::Running => "running",
            DaemonState::Paused => "paused",
            DaemonState::Draining => "draining",
            DaemonState::Stopped => "stopped",
        }
    }
}

/// What keeps a daemon from starting any task at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartBar {
    /// A stable word.
    pub word: &'static str,
    /// The sentence.
    pub why: String,
}

impl StartBar {
    /// Finds it by the order that stands, by what is in a daemon's way, and by whether there is one: what a person can
    /// take back first.
    pub fn of(
        presence: DaemonPresence,
        order: Option<&StandingOrder>,
        trouble: Option<&str>,
    ) -> Option<StartBar> {
        let bar = |word, why| Some(StartBar { word, why });
        match (order, trouble, presence) {
            (Some(order), _, _) => bar(order.kind.as_str(), order.in_words()),
            (None, Some(trouble), _) => bar("trouble", trouble.to_owned()),
            (None, None, DaemonPresence::Gone) => bar(
                "stopped",
                "nothing else holds it, but no daemon is at work".to_owned(),
            ),
            (None, None, DaemonPresence::There) => None,
        }
    }
}

impl OrderKind {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            OrderKind::Pause => "paused",
            OrderKind::Drain => "draining",
        }
    }
}

impl StandingOrder {
    /// The order in a sentence.
    pub fn in_words(&self) -> String {
        let what = self.kind.as_str();
        let why = self.reason.as_ref().map(|why| format!(": {why}"));
        format!(
            "the daemon is {what} by {}{}",
            self.by,
            why.unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_follows_from_presence_and_order() {
        use DaemonPresence::{Gone, There};
        for (presence, order, state) in [
            (Gone, None, "stopped"),
            (Gone, Some(OrderKind::Pause), "stopped"),
            (There, None, "running"),
            (There, Some(OrderKind::Pause), "paused"),
            (There, Some(OrderKind::Drain), "draining"),
        ] {
            assert_eq!(DaemonState::of(presence, order).as_str(), state);
        }
    }

    #[test]
    fn what_bars_every_start_is_what_a_person_can_take_back_first() {
        use DaemonPresence::{Gone, There};
        let order = StandingOrder {
            kind: OrderKind::Drain,
            reason: None,
            by: "human:ann".into(),
            at_ms: 0,
        };
        for (presence, order, trouble, word) in [
            (There, Some(&order), Some("no trust"), Some("draining")),
            (Gone, Some(&order), None, Some("draining")),
            (There, None, Some("no trust"), Some("trouble")),
            (Gone, None, Some("no trust"), Some("trouble")),
            (Gone, None, None, Some("stopped")),
            (There, None, None, None),
        ] {
            let bar = StartBar::of(presence, order, trouble);
            assert_eq!(bar.map(|bar| bar.word), word);
        }
    }

    #[test]
    fn an_order_is_told_with_who_and_why() {
        let order = |reason: Option<&str>| StandingOrder {
            kind: OrderKind::Drain,
            reason: reason.map(str::to_owned),
            by: "human:ann".into(),
            at_ms: 0,
        };
        assert_eq!(
            order(Some("a new disk")).in_words(),
            "the daemon is draining by human:ann: a new disk"
        );
        assert_eq!(
            order(None).in_words(),
            "the daemon is draining by human:ann"
        );
    }
}
