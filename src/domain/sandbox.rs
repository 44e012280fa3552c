//! What a run may reach: which layer of the operating system keeps it in, and whether it has the
//! network.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a run works.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// In a linked worktree of its own.
    #[default]
    Worktree,
    /// In the main checkout itself, one run at a time.
    None,
}

/// The layer that is wished for.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Wish {
    /// The strongest that works on this machine; where none does, nothing runs.
    #[default]
    Auto,
    /// Namespaces by `bwrap`.
    Bubblewrap,
    /// Landlock rules of the kernel.
    Landlock,
    /// None: agents and checks may do whatever the user may.
    None,
}

/// The layer that an agent's file demands; it can only make the project's wish stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Demand {
    /// Some sandbox.
    Auto,
    /// Namespaces by `bwrap`.
    Bubblewrap,
}

/// The layer that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Namespaces by `bwrap`.
    Bubblewrap,
    /// Landlock rules of the kernel.
    Landlock,
    /// The Seatbelt of macOS.
    Seatbelt,
    /// None.
    None,
}

/// Whether there is a network.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// As for the user.
    #[default]
    On,
    /// None, not even the loopback of the machine.
    Off,
}

/// What stood around an agent, for the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Used {
    /// The layer.
    pub mode: Mode,
    /// The network.
    pub network: Network,
}

impl Wish {
    /// The stricter of the project's wish and an agent's demand.
    pub fn tightened(self, demand: Option<Demand>) -> Wish {
        match (self, demand) {
            (wish, None) => wish,
            (_, Some(Demand::Bubblewrap)) => Wish::Bubblewrap,
            (Wish::None, Some(Demand::Auto)) => Wish::Auto,
            (wish, Some(Demand::Auto)) => wish,
        }
    }
}

impl FromStr for Wish {
    type Err = String;

    fn from_str(text: &str) -> Result<Wish, String> {
        match text {
            "auto" => Ok(Wish::Auto),
            "bubblewrap" | "bwrap" => Ok(Wish::Bubblewrap),
            "landlock" => Ok(Wish::Landlock),
            "none" => Ok(Wish::None),
            other => Err(format!(
                "`{}` is no sandbox: auto, bubblewrap, landlock or none",
                other.escape_debug()
            )),
        }
    }
}

impl Mode {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Bubblewrap => "bubblewrap",
            Mode::Landlock => "landlock",
            Mode::Seatbelt => "seatbelt",
            Mode::None => "none",
        }
    }
}

impl Network {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Network::On => "on",
            Network::Off => "off",
        }
    }

    /// On only where both say so.
    pub fn and(self, other: Network) -> Network {
        if self == Network::On {
            other
        } else {
            Network::Off
        }
    }
}

impl Used {
    /// No sandbox at all.
    pub const NONE: Used = Used {
        mode: Mode::None,
        network: Network::On,
    };
}

impl Default for Used {
    fn default() -> Used {
        Used::NONE
    }
}

impl fmt::Display for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, network {}",
            self.mode.as_str(),
            self.network.as_str()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_can_only_tighten() {
        for wish in [Wish::Auto, Wish::Bubblewrap, Wish::Landlock, Wish::None] {
            assert_eq!(wish.tightened(None), wish);
            assert_eq!(wish.tightened(Some(Demand::Bubblewrap)), Wish::Bubblewrap);
            assert_ne!(wish.tightened(Some(Demand::Auto)), Wish::None);
        }
        assert_eq!(Network::On.and(Network::Off), Network::Off);
        assert_eq!(Network::Off.and(Network::On), Network::Off);
        assert_eq!(Network::On.and(Network::On), Network::On);
    }

    #[test]
    fn wishes_are_read_from_words() {
        assert_eq!("bwrap".parse(), Ok(Wish::Bubblewrap));
        assert_eq!("none".parse(), Ok(Wish::None));
        assert!(
            "off"
                .parse::<Wish>()
                .unwrap_err()
                .contains("`off` is no sandbox")
        );
    }
}
