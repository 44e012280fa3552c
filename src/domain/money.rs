//! Money: whole millionths of a US dollar, so that sums are exact and amounts compare.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An amount of money in millionths of a US dollar; as JSON and YAML a number of dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(pub u64);

/// The most that is believed: a billion dollars.
const MOST: f64 = 1e9;

impl Usd {
    /// From dollars; nothing where the number is negative, not a number or beyond belief.
    pub fn from_dollars(dollars: f64) -> Option<Usd> {
        let whole = (dollars * 1e6).round();
        // The range was checked, so the conversion is exact enough: fractions below a millionth are
        // rounded.
        (0.0..=MOST).contains(&dollars).then_some(Usd(whole as u64))
    }

    /// In dollars.
    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "${}.{:02}",
            self.0 / 1_000_000,
            self.0 % 1_000_000 / 10_000
        )
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.dollars())
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Usd, D::Error> {
        let dollars = f64::deserialize(deserializer)?;
        Usd::from_dollars(dollars).ok_or_else(|| {
            serde::de::Error::custom(format!("{dollars} is no amount of US dollars"))
        })
    }
}

impl schemars::JsonSchema for Usd {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Usd".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "number", "minimum": 0, "description": "US dollars" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_come_back_as_they_went() {
        for (dollars, text) in [
            (0.0, "$0.00"),
            (2.5, "$2.50"),
            (0.019_999, "$0.01"),
            (1234.0, "$1234.00"),
        ] {
            let usd = Usd::from_dollars(dollars).unwrap();
            assert_eq!(usd.to_string(), text);
            let json = serde_json::to_string(&usd).unwrap();
            assert_eq!(serde_json::from_str::<Usd>(&json).unwrap(), usd);
        }
        for bad in [-0.01, f64::NAN, f64::INFINITY, 1e10] {
            assert_eq!(Usd::from_dollars(bad), None, "{bad}");
        }
        assert!(serde_json::from_str::<Usd>("-1").is_err());
    }
}
