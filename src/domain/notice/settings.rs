//! Settings of notices: the sinks by name, who is told of what, and when nobody is to be disturbed.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::base::duration;
use crate::domain::notice::{ChatShape, NoticeType};
use crate::domain::schedule::{MaintenanceWindow, MinuteOfDay, UtcOffset};
use crate::domain::time::WallMs;

/// Whom to tell of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeSettings {
    /// Places that are told, by the names that the rules use.
    pub sinks: BTreeMap<String, NoticeSink>,
    /// The sinks of each type; `any` stands for the types that are not named. Without rules, every sink is told of everything.
    pub rules: BTreeMap<&'static str, Vec<String>>,
    /// Times in which nobody is told, but of what is urgent.
    pub quiet_hours: Option<QuietHours>,
    /// Time for which the same thing is not told again; default 10 minutes.
    #[serde(serialize_with = "duration::as_text")]
    pub deduplicate: Duration,
    /// True where what came up in quiet hours is told in one notice at their end; default yes.
    pub digest: bool,
}

impl Default for NoticeSettings {
    fn default() -> Self {
        NoticeSettings {
            sinks: BTreeMap::new(),
            rules: BTreeMap::new(),
            quiet_hours: None,
            deduplicate: Duration::from_secs(600),
            digest: true,
        }
    }
}

impl NoticeSettings {
    /// The word that stands for every type in the rules.
    pub const ANY: &'static str = "any";

    /// The sinks that are told of a type.
    pub fn sinks_of(&self, kind: NoticeType) -> Vec<&str> {
        if self.rules.is_empty() {
            return self.sinks.keys().map(String::as_str).collect();
        }
        let named = self.rules.get(kind.as_str());
        let named = named.or_else(|| self.rules.get(Self::ANY));
        let all = named.into_iter().flatten().map(String::as_str);
        let mut told: Vec<&str> = all.filter(|name| self.sinks.contains_key(*name)).collect();
        told.sort_unstable();
        told.dedup();
        told
    }

    /// True where anybody is told of anything.
    pub fn tell_anybody(&self) -> bool {
        !self.sinks.is_empty()
    }
}

/// A place that is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum NoticeSink {
    /// Standard error of the command in which it came up.
    Console,
    /// The desktop of whoever is logged in.
    Desktop,
    /// A host.
    Webhook(WebhookSink),
    /// A program.
    Command(CommandSink),
    /// A file of JSON lines.
    File(FileSink),
}

impl NoticeSink {
    /// The word for it in the configuration.
    pub fn kind(&self) -> &'static str {
        match self {
            NoticeSink::Console => "console",
            NoticeSink::Desktop => "desktop",
            NoticeSink::Webhook(_) => "webhook",
            NoticeSink::Command(_) => "command",
            NoticeSink::File(_) => "file",
        }
    }

    /// True for one that starts a program, talks to a host or writes where the file says: only a person's trust
    /// brings it to life.
    pub fn needs_trust(&self) -> bool {
        match self {
            NoticeSink::Console | NoticeSink::Desktop => false,
            NoticeSink::Webhook(_) | NoticeSink::Command(_) => true,
            NoticeSink::File(file) => file.path.is_some(),
        }
    }
}

/// The address of a host, or where it stands: the address of a chat's webhook is a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UrlAt {
    /// The address itself.
    Url(String),
    /// The variable that holds it.
    UrlEnv(String),
    /// The file that holds it, outside of the repository.
    UrlFile(String),
}

/// The place of the secret by which requests are signed, never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretAt {
    /// The variable that holds it.
    SecretEnv(String),
    /// The file that holds it, outside of the repository.
    SecretFile(String),
}

/// A host that is sent a POST.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WebhookSink {
    /// The address.
    #[serde(flatten)]
    pub url: UrlAt,
    /// The shape of the body; default `json`.
    pub shape: ChatShape,
    /// The secret by which requests are signed; not signed without one.
    #[serde(flatten)]
    pub secret: Option<SecretAt>,
    /// Longest time to a connection; default 5 seconds.
    #[serde(serialize_with = "duration::as_text")]
    pub connect_timeout: Duration,
    /// Longest time of one request; default 10 seconds.
    #[serde(serialize_with = "duration::as_text")]
    pub timeout: Duration,
    /// Tries where a failure may pass by itself; default 4.
    pub tries: u32,
}

/// The pause before try number `at`, counted from 0, in milliseconds: doubled with each one, up to eight seconds, and by
/// `random` of a thousand between a half of it and the whole, so that many do not come back together.
pub fn pause_before_try_ms(at: u32, random: u64) -> u64 {
    let whole = (500_u64 << at.saturating_sub(1).min(8)).min(8_000);
    whole / 2 + whole * random.min(1_000) / 2_000
}

/// A program that is told on its standard input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommandSink {
    /// Program and arguments; no shell.
    pub run: Vec<String>,
    /// Longest time it may take, with everything that it has started; default 10 seconds.
    #[serde(serialize_with = "duration::as_text")]
    pub timeout: Duration,
}

/// A file that grows by a line a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileSink {
    /// An absolute path, or one that begins with `~/`; default `notices.jsonl` beside the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Size from which a new one is begun, in KiB; the one before is kept as `.1`. Default 1024.
    pub max_kb: u32,
}

/// The name of a time zone, as it was checked when the configuration was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZoneName(pub String);

impl fmt::Display for TimeZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for TimeZoneName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Times of the day in which nobody is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuietHours {
    /// The time of the day at which they begin.
    pub from: MinuteOfDay,
    /// The time at which they end, on the next day where that is not after the begin.
    pub to: MinuteOfDay,
    /// The place whose clock says so: a name such as `Europe/Berlin`, or a distance such as `+02:00`; default UTC.
    pub time_zone: TimeZoneName,
    /// Types that are told all the same; default `daemon-trouble` alone.
    pub urgent: Vec<NoticeType>,
}

impl QuietHours {
    /// The end of the quiet hours in which `now_ms` lies; `offset` is the place's distance from UTC at that time.
    pub fn end_of(&self, now_ms: WallMs, offset: UtcOffset) -> Option<WallMs> {
        let window = MaintenanceWindow {
            days: Vec::new(),
            from: self.from,
            to: self.to,
            utc_offset: offset,
        };
        window.end_of(now_ms)
    }
}
