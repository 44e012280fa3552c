//! What a run may reach: which layer of the operating system keeps it in, and whether it has the
//! network.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The place in which a run works.
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
#[schemars(rename = "Wish")]
pub enum SandboxWish {
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

impl Demand {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Demand::Auto => "auto",
            Demand::Bubblewrap => "bubblewrap",
        }
    }
}

/// The layer that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Mode")]
pub enum SandboxMode {
    /// Namespaces by `bwrap`.
    Bubblewrap,
    /// Landlock rules of the kernel.
    Landlock,
    /// The Seatbelt of macOS.
    Seatbelt,
    /// None.
    None,
}

/// Access to the network.
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
    /// A list of hosts, through the proxy of `ai`.
    Listed,
}

/// The sandbox that stood around an agent, for the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "Used")]
pub struct SandboxUsed {
    /// The layer.
    pub mode: SandboxMode,
    /// The network.
    pub network: Network,
}

impl SandboxWish {
    /// The stricter of the project's wish and an agent's demand.
    pub fn tightened(self, demand: Option<Demand>) -> SandboxWish {
        match (self, demand) {
            (wish, None) => wish,
            (_, Some(Demand::Bubblewrap)) => SandboxWish::Bubblewrap,
            (SandboxWish::None, Some(Demand::Auto)) => SandboxWish::Auto,
            (wish, Some(Demand::Auto)) => wish,
        }
    }
}

impl FromStr for SandboxWish {
    type Err = String;

    fn from_str(text: &str) -> Result<SandboxWish, String> {
        match text {
            "auto" => Ok(SandboxWish::Auto),
            "bubblewrap" | "bwrap" => Ok(SandboxWish::Bubblewrap),
            "landlock" => Ok(SandboxWish::Landlock),
            "none" => Ok(SandboxWish::None),
            other => Err(format!(
                "`{}` is no sandbox: auto, bubblewrap, landlock or none",
                other.escape_debug()
            )),
        }
    }
}

impl SandboxMode {
    /// True where it keeps a child from anything.
    pub fn confines(self) -> bool {
        match self {
            SandboxMode::Bubblewrap | SandboxMode::Landlock | SandboxMode::Seatbelt => true,
            SandboxMode::None => false,
        }
    }

    /// True where a child has a `/tmp` of its own.
    pub fn has_private_tmp(self) -> bool {
        self == SandboxMode::Bubblewrap
    }

    /// True where a list of hosts can be held: nothing else of the network is there.
    pub fn holds_to_hosts(self) -> bool {
        self == SandboxMode::Bubblewrap
    }

    /// True where it can show a child something else in the place of a path.
    pub fn can_stand_in(self) -> bool {
        self == SandboxMode::Bubblewrap
    }

    /// True where a part of a directory can be hidden while the rest of it stays as it is. Of a
    /// directory with a hidden part, Landlock lets a child list nothing.
    pub fn hides_parts(self) -> bool {
        self == SandboxMode::Bubblewrap
    }

    /// True where a part of a directory that may be written can be kept from being written.
    pub fn protects_parts(self) -> bool {
        match self {
            // Without a sandbox nothing is protected, and nothing is promised either.
            SandboxMode::Bubblewrap | SandboxMode::Seatbelt | SandboxMode::None => true,
            SandboxMode::Landlock => false,
        }
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            SandboxMode::Bubblewrap => "bubblewrap",
            SandboxMode::Landlock => "landlock",
            SandboxMode::Seatbelt => "seatbelt",
            SandboxMode::None => "none",
        }
    }
}

impl Network {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Network::On => "on",
            Network::Off => "off",
            Network::Listed => "listed",
        }
    }

    /// On only where both say so, and off where one does.
    pub fn and(self, other: Network) -> Network {
        match (self, other) {
            (Network::Off, _) | (_, Network::Off) => Network::Off,
            (Network::Listed, _) | (_, Network::Listed) => Network::Listed,
            (Network::On, Network::On) => Network::On,
        }
    }
}

impl SandboxUsed {
    /// No sandbox at all.
    pub const NONE: SandboxUsed = SandboxUsed {
        mode: SandboxMode::None,
        network: Network::On,
    };
}

impl Default for SandboxUsed {
    fn default() -> SandboxUsed {
        SandboxUsed::NONE
    }
}

impl fmt::Display for SandboxUsed {
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
        for wish in [
            SandboxWish::Auto,
            SandboxWish::Bubblewrap,
            SandboxWish::Landlock,
            SandboxWish::None,
        ] {
            assert_eq!(wish.tightened(None), wish);
            assert_eq!(
                wish.tightened(Some(Demand::Bubblewrap)),
                SandboxWish::Bubblewrap
            );
            assert_ne!(wish.tightened(Some(Demand::Auto)), SandboxWish::None);
        }
        assert_eq!(Network::On.and(Network::Off), Network::Off);
        assert_eq!(Network::Off.and(Network::On), Network::Off);
        assert_eq!(Network::On.and(Network::On), Network::On);
        assert_eq!(Network::Listed.and(Network::On), Network::Listed);
        assert_eq!(Network::On.and(Network::Listed), Network::Listed);
        assert_eq!(Network::Listed.and(Network::Off), Network::Off);
        assert_eq!(Network::Off.and(Network::Listed), Network::Off);
    }

    #[test]
    fn wishes_are_read_from_words() {
        assert_eq!("bwrap".parse(), Ok(SandboxWish::Bubblewrap));
        assert_eq!("none".parse(), Ok(SandboxWish::None));
        assert!(
            "off"
                .parse::<SandboxWish>()
                .unwrap_err()
                .contains("`off` is no sandbox")
        );
    }
}

#[cfg(test)]
#[path = "sandbox_tables.rs"]
mod tables;
