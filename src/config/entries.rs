//! A configuration value by value, for showing it.

use crate::config::model::Config;
use crate::config::origin::ValueOrigin;
use serde::Serialize;
use serde_json::Value;

/// One value of the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Entry")]
pub struct ConfigEntry {
    /// The dotted key.
    pub key: String,
    /// The value in force.
    pub value: Value,
    /// The place from which it comes.
    pub origin: ValueOrigin,
}

/// All values with their origins: one entry a field of each section, one a module, one a check.
pub fn entries(config: &Config) -> Vec<ConfigEntry> {
    let mut out = Vec::new();
    let mut push = |key: String, value: Value| {
        let origin = config.origin(&key);
        out.push(ConfigEntry { key, value, origin });
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
