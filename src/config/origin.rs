//! Where each value of the configuration comes from.

use super::model::Config;
use crate::base::yaml::SourcePlace;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Places by dotted key, such as `defaults.ttl`.
pub(super) type Origins = BTreeMap<String, SourcePlace>;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// It stands in the file.
    File(SourcePlace),
}

/// One value of the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Entry {
    /// The dotted key.
    pub key: String,
    /// The value in force.
    pub value: Value,
    /// Where it comes from.
    pub origin: Origin,
}

impl Config {
    /// Where the value under a dotted key such as `defaults.ttl`, `checks.test` or `modules.auth`
    /// comes from.
    pub fn origin(&self, key: &str) -> Origin {
        self.origins
            .get(key)
            .map_or(Origin::Default, |place| Origin::File(*place))
    }
}

/// All values with their origins: one entry a field of each section, one a module, one a check.
pub fn entries(config: &Config) -> Vec<Entry> {
    let mut out = Vec::new();
    let mut push = |key: String, value: Value| {
        let origin = config.origin(&key);
        out.push(Entry { key, value, origin });
    };
    // A configuration always serialises to an object; anything else would simply show nothing.
    let Ok(Value::Object(sections)) = serde_json::to_value(config) else {
        return Vec::new();
    };
    for (section, value) in sections {
        match value {
            Value::Object(fields) => fields
                .into_iter()
                .for_each(|(key, v)| push(format!("{section}.{key}"), v)),
            Value::Array(items) if section == "checks" => {
                let named = items.into_iter().zip(&config.checks);
                named.for_each(|(value, check)| push(format!("checks.{}", check.name), value));
            }
            other => push(section, other),
        }
    }
    out
}
