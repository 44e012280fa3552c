//! Resources of the machine that agents and checks declare: cores, memory, and room on the disk.
//!
//! Amounts are whole numbers inside, so that sums are exact. What declares nothing counts as nothing. Absent on
//! purpose: what the machine has, which is read elsewhere, and any measuring of what is really used.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::text;

/// The most cores that are believed.
const MOST_CORES: u32 = 100_000;
/// The largest size that is believed: a pebibyte.
const MOST_BYTES: u64 = 1 << 50;
/// Units of sizes, the largest first.
const UNITS: [(&str, u64); 4] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
];

/// An amount with at most two digits behind the point, such as `2` or `0.5`: cores, load, or a share of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hundredths(pub u32);

impl Hundredths {
    /// So many hundredths; more than fit are as many as fit.
    pub fn of(hundredths: u64) -> Hundredths {
        Hundredths(u32::try_from(hundredths).unwrap_or(u32::MAX))
    }
}

impl fmt::Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        match rest {
            0 => write!(f, "{whole}"),
            tenths if tenths % 10 == 0 => write!(f, "{whole}.{}", tenths / 10),
            _ => write!(f, "{whole}.{rest:02}"),
        }
    }
}

impl FromStr for Hundredths {
    type Err = String;

    fn from_str(text: &str) -> Result<Hundredths, String> {
        let bad = || {
            let shown = text::one_line(text);
            format!(
                "`{shown}` is no plain decimal number with at most two digits behind the point, such as 2 or 0.5"
            )
        };
        let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || is_padded(whole) || !is_number(rest) || rest.len() > 2 {
            return Err(bad());
        }
        let whole = whole.parse::<u32>().ok().filter(|n| *n <= MOST_CORES);
        let scale = if rest.len() == 1 { 10 } else { 1 };
        let rest = rest.parse::<u32>().ok();
        let all = whole
            .zip(rest)
            .map(|(whole, rest)| whole * 100 + rest * scale);
        all.map(Hundredths).ok_or_else(bad)
    }
}

/// True for digits with a zero in front, which some take for octal.
fn is_padded(digits: &str) -> bool {
    digits.len() > 1 && digits.starts_with('0')
}

impl Serialize for Hundredths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(100) {
            serializer.serialize_u32(self.0 / 100)
        } else {
            serializer.serialize_f64(f64::from(self.0) / 100.0)
        }
    }
}

impl<'de> Deserialize<'de> for Hundredths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hundredths, D::Error> {
        let text = match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Number(number) => number.to_string(),
            serde_json::Value::String(text) => text,
            _ => {
                return Err(serde::de::Error::custom(
                    "a number is wanted, such as 2 or 0.5",
                ));
            }
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Hundredths {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Hundredths".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "number",
            "minimum": 0,
            "description": "A number with at most two digits behind the point, such as 2 or 0.5"
        })
    }
}

/// A size in bytes; in files and as JSON a text with its unit, such as `4GiB`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let even = UNITS.iter().find(|(_, unit)| self.0.is_multiple_of(*unit));
        match even.filter(|_| self.0 > 0) {
            Some((word, unit)) => write!(f, "{}{word}", self.0 / unit),
            None => write!(f, "{}KiB", self.0 >> 10),
        }
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<ByteSize, String> {
        let shown = text::one_line(text);
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        if unit.trim().is_empty() && digits > 0 {
            return Err(format!(
                "`{shown}` has no unit; write KiB, MiB, GiB or TiB, such as 4GiB"
            ));
        }
        let bad = || {
            format!(
                "`{shown}` is no size; write a whole number with KiB, MiB, GiB or TiB, such as 4GiB"
            )
        };
        let (_, unit) = UNITS
            .iter()
            .find(|(word, _)| *word == unit.trim())
            .ok_or_else(bad)?;
        if is_padded(number) {
            return Err(bad());
        }
        let number = number.parse::<u64>().map_err(|_| bad())?;
        let bytes = number.checked_mul(*unit).filter(|n| *n <= MOST_BYTES);
        bytes
            .map(ByteSize)
            .ok_or_else(|| format!("`{shown}` is more than 1024TiB"))
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ByteSize, D::Error> {
        let text = match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Number(number) => number.to_string(),
            serde_json::Value::String(text) => text,
            _ => return Err(serde::de::Error::custom("a size is wanted, such as 4GiB")),
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for ByteSize {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]+ *(KiB|MiB|GiB|TiB)$",
            "description": "A size with its unit, such as 4GiB"
        })
    }
}

/// A resource of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    /// Cores, in hundredths.
    Cpu,
    /// Memory, in bytes.
    Memory,
    /// Room on the disk of the worktrees, in bytes.
    Scratch,
}

impl ResourceKind {
    /// All of them.
    pub const ALL: [ResourceKind; 3] = [
        ResourceKind::Cpu,
        ResourceKind::Memory,
        ResourceKind::Scratch,
    ];

    /// The word in files.
    pub fn as_str(self) -> &'static str {
        match self {
            ResourceKind::Cpu => "cpu",
            ResourceKind::Memory => "memory",
            ResourceKind::Scratch => "scratch",
        }
    }

    /// An amount of it in words, such as `4 GiB of memory`.
    pub fn in_words(self, amount: u64) -> String {
        match self {
            ResourceKind::Cpu => match Hundredths::of(amount) {
                Hundredths(100) => "1 core".to_owned(),
                cores => format!("{cores} cores"),
            },
            ResourceKind::Memory => format!("{} of memory", in_words(amount)),
            ResourceKind::Scratch => format!("{} of scratch", in_words(amount)),
        }
    }
}

/// A size for people: exact where it is even, else rounded.
pub fn in_words(bytes: u64) -> String {
    let even = UNITS
        .iter()
        .find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit));
    match even.filter(|(word, _)| *word != "KiB") {
        Some((word, unit)) => format!("{} {word}", bytes / unit),
        None => text::size(bytes),
    }
}

/// Resources that an agent or a check declares, or all that runs may have together.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct ResourceAmounts {
    /// Cores, such as 2 or 0.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Hundredths>,
    /// Memory, such as 4GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<ByteSize>,
    /// Free room on the disk of the worktrees, such as 10GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scratch: Option<ByteSize>,
}

impl ResourceAmounts {
    /// True where nothing is declared.
    pub fn is_nothing(&self) -> bool {
        *self == ResourceAmounts::default()
    }

    /// The amount of one kind, in its unit.
    pub fn of(&self, kind: ResourceKind) -> Option<u64> {
        match kind {
            ResourceKind::Cpu => self.cpu.map(|cores| u64::from(cores.0)),
            ResourceKind::Memory => self.memory.map(|size| size.0),
            ResourceKind::Scratch => self.scratch.map(|size| size.0),
        }
    }

    /// The larger amount of each kind: what is enough for both, one after the other.
    pub fn enough_for(self, other: ResourceAmounts) -> ResourceAmounts {
        ResourceAmounts {
            cpu: self.cpu.max(other.cpu),
            memory: self.memory.max(other.memory),
            scratch: self.scratch.max(other.scratch),
        }
    }

    /// The sum of each kind: what both take at the same time.
    pub fn and(self, other: ResourceAmounts) -> ResourceAmounts {
        let sum = |kind: ResourceKind| match (self.of(kind), other.of(kind)) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
        };
        ResourceAmounts {
            cpu: sum(ResourceKind::Cpu).map(Hundredths::of),
            memory: sum(ResourceKind::Memory).map(ByteSize),
            scratch: sum(ResourceKind::Scratch).map(ByteSize),
        }
    }

    /// The first kind of which nothing is asked by asking for it: an amount of zero.
    pub fn first_zero(&self) -> Option<ResourceKind> {
        ResourceKind::ALL
            .into_iter()
            .find(|kind| self.of(*kind) == Some(0))
    }

    /// In words, such as `2 cores, 4 GiB of memory`; empty where nothing is declared.
    pub fn in_words(&self) -> String {
        let each = ResourceKind::ALL.into_iter();
        let each = each.filter_map(|kind| Some(kind.in_words(self.of(kind)?)));
        each.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_shown_as_they_were_written() {
        for (text, hundredths) in [("2", 200), ("0.5", 50), ("1.25", 125), ("0.05", 5)] {
            let read: Hundredths = text.parse().unwrap();
            assert_eq!((read.0, read.to_string()), (hundredths, text.to_owned()));
            let json = serde_json::to_string(&read).unwrap();
            assert_eq!(
                serde_json::from_str::<Hundredths>(&json).unwrap(),
                read,
                "{json}"
            );
        }
        for (text, bytes) in [("4GiB", 4 << 30), ("512MiB", 512 << 20), ("1TiB", 1 << 40)] {
            let read: ByteSize = text.parse().unwrap();
            assert_eq!((read.0, read.to_string()), (bytes, text.to_owned()));
            let json = serde_json::to_string(&read).unwrap();
            assert_eq!(
                serde_json::from_str::<ByteSize>(&json).unwrap(),
                read,
                "{json}"
            );
        }
        assert_eq!("4 GiB".parse::<ByteSize>(), Ok(ByteSize(4 << 30)));
    }

    #[test]
    fn what_is_no_amount_is_refused_with_the_form_that_is_wanted() {
        for bad in [
            "",
            "-1",
            "1.234",
            "1.",
            ".5",
            "1e3",
            "2 ",
            "010",
            "00.5",
            "0x10",
            "+2",
            "100001",
            "99999999999",
        ] {
            let told = bad.parse::<Hundredths>().unwrap_err();
            assert!(told.ends_with("such as 2 or 0.5"), "{bad}: {told}");
        }
        for (bad, why) in [
            (
                "4",
                "`4` has no unit; write KiB, MiB, GiB or TiB, such as 4GiB",
            ),
            (
                "4GB",
                "`4GB` is no size; write a whole number with KiB, MiB, GiB or TiB, such as 4GiB",
            ),
            (
                "1.5GiB",
                "`1.5GiB` is no size; write a whole number with KiB, MiB, GiB or TiB, such as 4GiB",
            ),
            (
                "010GiB",
                "`010GiB` is no size; write a whole number with KiB, MiB, GiB or TiB, such as 4GiB",
            ),
            ("9999999TiB", "`9999999TiB` is more than 1024TiB"),
        ] {
            assert_eq!(bad.parse::<ByteSize>().unwrap_err(), why);
        }
        assert!(serde_json::from_str::<ResourceAmounts>(r#"{"gpu":1}"#).is_err());
    }

    #[test]
    fn one_after_the_other_needs_the_larger_and_at_once_the_sum() {
        let amounts = |text: &str| serde_json::from_str::<ResourceAmounts>(text).unwrap();
        let agent = amounts(r#"{"cpu": 1.5, "memory": "2GiB"}"#);
        let check = amounts(r#"{"cpu": 2, "scratch": "1GiB"}"#);
        let (either, both) = (agent.enough_for(check), agent.and(check));
        assert_eq!(
            either.in_words(),
            "2 cores, 2 GiB of memory, 1 GiB of scratch"
        );
        assert_eq!(
            both.in_words(),
            "3.5 cores, 2 GiB of memory, 1 GiB of scratch"
        );
        assert_eq!(
            ResourceAmounts::default()
                .and(ResourceAmounts::default())
                .in_words(),
            ""
        );
        assert_eq!(
            amounts(r#"{"memory": "0MiB"}"#).first_zero(),
            Some(ResourceKind::Memory)
        );
    }
}
