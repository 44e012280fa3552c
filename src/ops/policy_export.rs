//! Everything about the policy for somebody who audits it, a line at a time: what the file holds, the policy in force
//! with its origins, each decision, answer, override and bypass in the order of the log, and a line that says
//! how many they were.
//!
//! Read from the log and never kept, so that it takes the same memory for ten records as for a million. The last line
//! stands there only where everything was written: a file without it was cut off. Secrets were taken out when the
//! records were written, and are looked for again with what is known today.
//!
//! Deliberately absent: older policies. Records name theirs by its digest, and Git has the files.

use serde::Serialize;
use serde_json::Value;

use crate::domain::time::WallMs;
use crate::ops::masked::MaskKey;
use crate::ops::scrub::Scrub;
use crate::policy::Shown;
use crate::store::{EventFilter, Flow, StoreError, StoredEvent, Tx};

/// The name of this format in its first line.
pub const FORMAT: &str = "ai-policy-export";
/// The version of the format.
pub const VERSION: u32 = 1;
/// How long records are kept, and where that is set.
const KEPT: &str = "as long as the store is: no setting takes a record away, and no command does";

/// A line of an export.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum AuditLine {
    /// The first line.
    Header(AuditHeader),
    /// A policy in force.
    Policy {
        /// The agent that it is in force for, by name; absent for everybody else.
        #[serde(skip_serializing_if = "Option::is_none")]
        agent: Option<String>,
        /// The policy with its origins, as `ai policy show --json` has it.
        policy: Value,
    },
    /// A record of the log.
    Record {
        /// The position in the log.
        seq: u64,
        /// Time in milliseconds since 1970.
        at_ms: WallMs,
        /// The actor that wrote it.
        actor: Value,
        /// The hash in the chain of the log; absent where names are masked, of which it is a digest.
        #[serde(skip_serializing_if = "Option::is_none")]
        hash: Option<String>,
        /// The record, as `ai log --json` has it.
        event: Value,
    },
    /// The last line.
    End(AuditCounts),
}

/// What an export holds.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct AuditHeader {
    /// `ai-policy-export`.
    pub format: String,
    /// The version of the format.
    pub version: u32,
    /// Id of the store.
    pub store: String,
    /// The beginning of the range in milliseconds since 1970; absent where it is that of the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_ms: Option<WallMs>,
    /// The end of the range: the time of the export.
    pub to_ms: WallMs,
    /// The name of the key of its pseudonyms; absent where names stand in it. Exports with the same one agree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub masked: Option<String>,
    /// How long records are kept, and where that is set.
    pub kept: String,
}

/// The numbers of what an export held.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct AuditCounts {
    /// Decisions.
    pub decisions: u64,
    /// Answers of people to decisions.
    pub answers: u64,
    /// Overrides that were given or taken away.
    pub overrides: u64,
    /// Bypasses that were found.
    pub bypasses: u64,
    /// Time of the first record; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_ms: Option<WallMs>,
    /// Time of the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_ms: Option<WallMs>,
}

/// What is to be exported.
pub struct ExportOrder<'a> {
    /// The time from which on; from the beginning where absent.
    pub since_ms: Option<WallMs>,
    /// The time of the export.
    pub now_ms: WallMs,
    /// The key of pseudonyms, where names are to be masked.
    pub key: Option<&'a MaskKey>,
    /// Takes secrets out.
    pub scrub: &'a Scrub,
    /// The policies in force: for everybody, and for each agent that has its own.
    pub policies: Vec<(Option<String>, Shown)>,
}

/// Receives a line, and says whether more are wanted.
pub type EachLine<'a> = dyn FnMut(AuditLine) -> Result<Flow, StoreError> + 'a;

/// Gives the export a line at a time; returns its numbers, also where `each` ended it early.
pub fn export(
    tx: &mut dyn Tx,
    order: &ExportOrder<'_>,
    each: &mut EachLine<'_>,
) -> Result<AuditCounts, StoreError> {
    let header = AuditHeader {
        format: FORMAT.to_owned(),
        version: VERSION,
        store: tx.meta("store")?.unwrap_or_default(),
        from_ms: order.since_ms,
        to_ms: order.now_ms,
        masked: order.key.map(MaskKey::name),
        kept: KEPT.to_owned(),
    };
    let mut counts = AuditCounts::default();
    let mut flow = each(AuditLine::Header(header))?;
    for (agent, shown) in &order.policies {
        if flow == Flow::Stop {
            return Ok(counts);
        }
        let policy = order.clean(json(shown, "the policy")?);
        let agent = agent.clone();
        flow = each(AuditLine::Policy { agent, policy })?;
    }
    if flow == Flow::More {
        tx.events(&EventFilter::default(), &mut |event| {
            if order.is_wanted(&event) && counts.take(&event) {
                flow = each(order.record(event)?)?;
            }
            Ok(flow)
        })?;
    }
    if flow == Flow::More {
        each(AuditLine::End(counts.clone()))?;
    }
    Ok(counts)
}

impl ExportOrder<'_> {
    fn is_wanted(&self, event: &StoredEvent) -> bool {
        self.since_ms.is_none_or(|since| event.at_ms >= since)
    }

    fn record(&self, event: StoredEvent) -> Result<AuditLine, StoreError> {
        let parsed = |what: &str, text: &str| {
            serde_json::from_str::<Value>(text).map_err(|source| StoreError::Row {
                row: format!("{what} of event {}", event.seq),
                source: source.into(),
            })
        };
        let actor = serde_json::json!({ "actor": parsed("the actor", &event.actor)? });
        let mut actor = self.clean(actor);
        Ok(AuditLine::Record {
            seq: event.seq,
            at_ms: event.at_ms,
            actor: actor["actor"].take(),
            hash: self.key.is_none().then(|| event.hash.clone()),
            event: self.clean(parsed("the text", &event.body)?),
        })
    }

    /// The value without secrets, and without names where these are to be masked.
    fn clean(&self, mut value: Value) -> Value {
        match self.key {
            // A secret in a text that is masked is masked.
            Some(key) => key.mask(&mut value),
            None => self.scrub_value(&mut value),
        }
        value
    }

    fn scrub_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                self.scrub.text(text);
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.scrub_value(item)),
            Value::Object(fields) => fields.values_mut().for_each(|item| self.scrub_value(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

impl AuditCounts {
    /// Counts a record about the policy; false for any other.
    fn take(&mut self, event: &StoredEvent) -> bool {
        let count = match event.kind.as_str() {
            "policy.decided" => &mut self.decisions,
            "policy.approved" | "policy.answered" => &mut self.answers,
            "policy.overridden" => &mut self.overrides,
            "bypass.found" => &mut self.bypasses,
            _ => return false,
        };
        *count += 1;
        self.first_ms.get_or_insert(event.at_ms);
        self.last_ms = Some(event.at_ms);
        true
    }
}

fn json(shown: &Shown, what: &str) -> Result<Value, StoreError> {
    serde_json::to_value(shown).map_err(|source| StoreError::Row {
        row: what.to_owned(),
        source: source.into(),
    })
}
