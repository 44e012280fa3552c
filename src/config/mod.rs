//! stub
use std::collections::BTreeMap;
use std::time::Duration;
#[derive(Default)]
pub struct Config { pub modules: BTreeMap<String, Vec<String>>, pub checks: BTreeMap<String, ()>, pub defaults: Defaults, pub locks: Locks }
pub struct Defaults { pub ttl: Duration, pub max_attempts: u32, pub max_lapses: u32 }
#[derive(Default)]
pub struct Locks { pub shared: Vec<String> }
impl Default for Defaults { fn default() -> Self { Defaults { ttl: Duration::from_secs(1800), max_attempts: 3, max_lapses: 3 } } }
