//! The hosts that a run may reach: the list of the project or of an agent, and which addresses a name
//! may stand for.
//!
//! Pure: names are compared as text, and nobody is asked what they stand for. A name never opens a
//! private address, whatever it resolves to; only a listed address does, or `localhost` by its name.
//! Deliberately absent: paths and methods, since nothing of TLS is opened.

use core::net::IpAddr;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::base::text::one_line;
use crate::domain::public_address::{is_public, is_within};
use crate::domain::sandbox::Network;

/// Longest name of a host.
const NAME_CAP: usize = 253;
/// Longest part of such a name.
const LABEL_CAP: usize = 63;
/// Most entries of one list.
const LIST_CAP: usize = 1_000;

/// The place of the lists.
const HINT: &str =
    "a person can change `network` below `runs` in .ai/config.yaml, or in the agent's file";

/// A host by its name or its address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A name in lower case without a dot at its end.
    Name(String),
    /// An address; one of IPv4 in the clothes of IPv6 is one of IPv4.
    Address(IpAddr),
}

/// A host and a port that somebody wants to reach.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPort {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

/// A text that names no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no host: {why}", one_line(.text))]
pub struct BadHost {
    text: String,
    why: &'static str,
}

/// The hosts of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum HostMatch {
    Any,
    Name(String),
    Below(String),
    Net { base: IpAddr, bits: u8 },
}

/// An entry of a list: `example.com`, `*.example.com`, `10.0.0.0/8`, `[::1]`, or `*`, each with a port
/// behind it if need be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPattern {
    hosts: HostMatch,
    port: Option<u16>,
}

/// A list of hosts. What both name is denied, and what neither names is not reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HostRules {
    /// Hosts that may be reached; none where it is empty.
    #[schemars(with = "Vec<String>")]
    pub allow: Vec<HostPattern>,
    /// Hosts that may not, though `allow` names them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub deny: Vec<HostPattern>,
}

/// The network as configuration and agent files name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum NetworkSetting {
    /// `on` or `off`.
    Word(NetworkWord),
    /// A list of hosts.
    Listed(HostRules),
}

/// The words of a [`NetworkSetting`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NetworkWord {
    /// As for the user.
    On,
    /// None, not even the loopback of the machine.
    Off,
}

/// How often a run asked for a host, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSeen {
    /// The host and its port.
    pub host: String,
    /// Connections that were made.
    pub answered: u32,
    /// Connections that were refused or failed.
    pub refused: u32,
    /// The reason of the last one that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The answer of lists about a host or an address: the reason where it is refused.
pub type HostAnswer = Result<(), String>;

impl Host {
    /// Reads a name or an address, without brackets. What a resolver would take for an address and is
    /// not written as one, such as `127.1` or `0x7f000001`, is no host.
    pub fn parse(text: &str) -> Result<Host, BadHost> {
        let bad = |why| BadHost {
            text: text.to_owned(),
            why,
        };
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Host::Address(address.to_canonical()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.is_empty() || name.len() > NAME_CAP {
            return Err(bad("a name has 1 to 253 characters"));
        }
        let is_label = |label: &str| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            !label.is_empty() && label.len() <= LABEL_CAP && label.bytes().all(plain)
        };
        if !name.split('.').all(is_label) {
            return Err(bad("its parts are letters, digits, `-` and `_`"));
        }
        let last = name.rsplit('.').next().unwrap_or(name);
        let is_number = last.bytes().all(|b| b.is_ascii_digit())
            || last
                .get(..2)
                .is_some_and(|two| two.eq_ignore_ascii_case("0x"));
        if is_number {
            return Err(bad(
                "it would be read as an address and is not written as one",
            ));
        }
        Ok(Host::Name(name.to_ascii_lowercase()))
    }
}

impl HostPort {
    /// Reads `host:port`, an address of IPv6 in brackets. `port` counts where the text names none.
    pub fn parse(text: &str, port: Option<u16>) -> Result<HostPort, BadHost> {
        let bad = |why| BadHost {
            text: text.to_owned(),
            why,
        };
        let (host, named) =
            split_port(text).ok_or_else(|| bad("its brackets or its port are wrong"))?;
        if host.starts_with('[') != host.contains(':') {
            return Err(bad(
                "an address of IPv6 stands in brackets, and nothing else does",
            ));
        }
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let host = Host::parse(bare)?;
        let port = named.or(port).ok_or_else(|| bad("it needs a port"))?;
        Ok(HostPort { host, port })
    }
}

/// The host, brackets included, and the port behind it. A port is 1 to 65535 in decimal digits.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let end = if text.starts_with('[') {
        text.find(']')? + 1
    } else {
        text.find(':').unwrap_or(text.len())
    };
    let (host, rest) = text.split_at_checked(end)?;
    if rest.is_empty() {
        return Some((host, None));
    }
    let digits = rest.strip_prefix(':')?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    let port = digits.parse().ok().filter(|port| *port != 0 && plain)?;
    Some((host, Some(port)))
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Name(name) => write!(f, "{name}:{}", self.port),
            Host::Address(IpAddr::V4(address)) => write!(f, "{address}:{}", self.port),
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
        }
    }
}

impl FromStr for HostPattern {
    type Err = BadHost;

    fn from_str(text: &str) -> Result<HostPattern, BadHost> {
        let bad = |why| BadHost {
            text: text.to_owned(),
            why,
        };
        if text.contains("://") {
            return Err(bad("an entry is a host, not an address of the web"));
        }
        // An address of IPv6 without brackets has no port.
        if text.matches(':').count() > 1 && !text.starts_with('[') {
            return net(text)
                .map(|hosts| HostPattern { hosts, port: None })
                .ok_or_else(|| bad("it is no address"));
        }
        let (host, port) =
            split_port(text).ok_or_else(|| bad("its brackets or its port are wrong"))?;
        let bare = host.trim_matches(['[', ']']);
        if let Some(hosts) = net(bare) {
            return Ok(HostPattern { hosts, port });
        }
        if host.starts_with('[') || host.contains('/') {
            return Err(bad("it is no address"));
        }
        let hosts = match host.strip_prefix("*.") {
            _ if host == "*" => HostMatch::Any,
            Some(parent) => HostMatch::Below(plain_name(text, parent)?),
            None => HostMatch::Name(plain_name(text, host)?),
        };
        Ok(HostPattern { hosts, port })
    }
}

fn plain_name(text: &str, name: &str) -> Result<String, BadHost> {
    match Host::parse(name) {
        Ok(Host::Name(name)) => Ok(name),
        Ok(Host::Address(_)) => Err(BadHost {
            text: text.to_owned(),
            why: "nothing stands below an address",
        }),
        Err(BadHost { why, .. }) => Err(BadHost {
            text: text.to_owned(),
            why,
        }),
    }
}

/// Reads an address, or `address/bits`.
fn net(text: &str) -> Option<HostMatch> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let written: IpAddr = address.parse().ok()?;
    let base = written.to_canonical();
    let most = if base.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        None => most,
        // `::ffff:10.0.0.0/104` counts the bits of another length.
        Some(_) if written != base => return None,
        Some(bits) if !bits.is_empty() && bits.bytes().all(|b| b.is_ascii_digit()) => {
            bits.parse().ok().filter(|bits| *bits <= most)?
        }
        Some(_) => return None,
    };
    Some(HostMatch::Net { base, bits })
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hosts {
            HostMatch::Any => f.write_str("*")?,
            HostMatch::Name(name) => f.write_str(name)?,
            HostMatch::Below(parent) => write!(f, "*.{parent}")?,
            HostMatch::Net { base, bits } => {
                let whole = *bits == if base.is_ipv4() { 32 } else { 128 };
                let mask = if whole {
                    String::new()
                } else {
                    format!("/{bits}")
                };
                match base {
                    IpAddr::V4(base) => write!(f, "{base}{mask}")?,
                    IpAddr::V6(base) => write!(f, "[{base}{mask}]")?,
                }
            }
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl Serialize for HostPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HostPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<HostPattern, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl HostPattern {
    fn matches(&self, destination: &HostPort) -> bool {
        if self.port.is_some_and(|port| port != destination.port) {
            return false;
        }
        match (&self.hosts, &destination.host) {
            (HostMatch::Any, _) => true,
            (HostMatch::Name(own), Host::Name(name)) => own == name,
            (HostMatch::Below(parent), Host::Name(name)) => {
                let before = name.strip_suffix(parent.as_str());
                before.is_some_and(|before| before.len() > 1 && before.ends_with('.'))
            }
            (HostMatch::Net { base, bits }, Host::Address(address)) => {
                is_within(*address, *base, *bits)
            }
            (HostMatch::Name(_) | HostMatch::Below(_), Host::Address(_))
            | (HostMatch::Net { .. }, Host::Name(_)) => false,
        }
    }

    /// True where it names this address as one.
    fn names(&self, address: &HostPort) -> bool {
        matches!(self.hosts, HostMatch::Net { .. }) && self.matches(address)
    }

    /// True where it is `localhost` itself.
    fn is_localhost(&self) -> bool {
        self.hosts == HostMatch::Name("localhost".to_owned())
    }
}

impl HostRules {
    /// Refuses a list that nobody could have meant.
    pub fn check(&self) -> Result<(), String> {
        if self.allow.len() + self.deny.len() > LIST_CAP {
            return Err(format!("at most {LIST_CAP} hosts can be listed"));
        }
        Ok(())
    }

    /// The answer about a host by its name or its literal address.
    pub fn judge(&self, destination: &HostPort) -> HostAnswer {
        if let Some(entry) = self.deny.iter().find(|entry| entry.matches(destination)) {
            return Err(format!("`{entry}` is denied by the list of hosts; {HINT}"));
        }
        if self.allow.iter().any(|entry| entry.matches(destination)) {
            return Ok(());
        }
        Err(format!("it is not in the list of hosts; {HINT}"))
    }

    /// The answer about an address for which that host stands. Only a listed address, or `localhost`
    /// by its name, opens one that is not public.
    pub fn judge_address(&self, destination: &HostPort, address: IpAddr) -> HostAnswer {
        let address = address.to_canonical();
        let literal = HostPort {
            host: Host::Address(address),
            port: destination.port,
        };
        if let Some(entry) = self.deny.iter().find(|entry| entry.names(&literal)) {
            return Err(format!(
                "it stands for {address}, and `{entry}` is denied by the list of hosts; {HINT}"
            ));
        }
        let by_name = |entry: &HostPattern| {
            address.is_loopback() && entry.is_localhost() && entry.matches(destination)
        };
        let is_named = |entry: &HostPattern| entry.names(&literal) || by_name(entry);
        if is_public(address) || self.allow.iter().any(is_named) {
            return Ok(());
        }
        Err(format!(
            "it stands for {address}, which is not public, and the list of hosts does not name that address; {HINT}"
        ))
    }
}

impl Default for NetworkSetting {
    fn default() -> NetworkSetting {
        NetworkSetting::Word(NetworkWord::On)
    }
}

impl NetworkSetting {
    /// The kind of access.
    pub fn word(&self) -> Network {
        match self {
            NetworkSetting::Word(NetworkWord::On) => Network::On,
            NetworkSetting::Word(NetworkWord::Off) => Network::Off,
            NetworkSetting::Listed(_) => Network::Listed,
        }
    }

    /// The list of hosts, where there is one.
    pub fn rules(&self) -> Option<&HostRules> {
        match self {
            NetworkSetting::Word(_) => None,
            NetworkSetting::Listed(rules) => Some(rules),
        }
    }

    /// Reads one of its words.
    pub fn of_word(text: &str) -> Option<NetworkSetting> {
        match text {
            "on" => Some(NetworkSetting::Word(NetworkWord::On)),
            "off" => Some(NetworkSetting::Word(NetworkWord::Off)),
            _ => None,
        }
    }
}

impl fmt::Display for NetworkSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(rules) = self.rules() else {
            return f.write_str(self.word().as_str());
        };
        let listed = |list: &[HostPattern]| {
            let all: Vec<String> = list.iter().map(ToString::to_string).collect();
            all.join(", ")
        };
        let allowed = listed(&rules.allow);
        f.write_str(if allowed.is_empty() {
            "no host"
        } else {
            &allowed
        })?;
        if rules.deny.is_empty() {
            return Ok(());
        }
        write!(f, "; never {}", listed(&rules.deny))
    }
}

impl<'de> Deserialize<'de> for NetworkSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<NetworkSetting, D::Error> {
        deserializer.deserialize_any(SettingVisitor)
    }
}

/// Reads a word or a list, and says of anything else what it has to be.
struct SettingVisitor;

impl<'de> de::Visitor<'de> for SettingVisitor {
    type Value = NetworkSetting;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`on`, `off`, or lists of hosts below `allow` and `deny`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<NetworkSetting, E> {
        NetworkSetting::of_word(text)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<NetworkSetting, A::Error> {
        let rules = HostRules::deserialize(de::value::MapAccessDeserializer::new(map))?;
        rules.check().map_err(de::Error::custom)?;
        Ok(NetworkSetting::Listed(rules))
    }
}

#[cfg(test)]
#[path = "egress_tables.rs"]
mod tables;
