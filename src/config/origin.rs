//! The places from which the values of a configuration come.

use crate::base::yaml::SourcePlace;
use serde::Serialize;
use std::collections::BTreeMap;

/// Places by dotted key, such as `defaults.ttl`.
pub(super) type Origins = BTreeMap<String, SourcePlace>;

/// The place from which a value comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Origin")]
pub enum ValueOrigin {
    /// Nobody said anything.
    Default,
    /// The value stands in the file.
    File(SourcePlace),
}
