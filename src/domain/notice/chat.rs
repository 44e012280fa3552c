//! The body of a webhook, in the shape that its receiver wants. A task's title is not ours, so in a chat nothing of it
//! calls anybody, formats anything or leads anywhere.

use core::net::IpAddr;
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::json;

use crate::domain::notice::{Notice, NoticeType, clipped};

/// Most letters that Discord takes.
const DISCORD: usize = 2_000;
/// Most letters of a block that Slack takes.
const SLACK: usize = 3_000;
/// Keeps a chat from seeing a mention or an address, and cannot be seen itself.
const APART: char = '\u{200b}';

/// The shape of the body that a webhook is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChatShape {
    /// The notice as it is.
    Json,
    /// As Slack's incoming webhooks want it, and those who follow it.
    Slack,
    /// As Discord's webhooks want it.
    Discord,
    /// As an ntfy server wants it at its root: the last part of the address is the topic.
    Ntfy,
}

impl ChatShape {
    /// Every shape with its word.
    pub const WORDS: [(&'static str, ChatShape); 4] = [
        ("json", ChatShape::Json),
        ("slack", ChatShape::Slack),
        ("discord", ChatShape::Discord),
        ("ntfy", ChatShape::Ntfy),
    ];

    /// The address and the body of a notice for the receiver at `url`.
    pub fn request(self, url: &str, notice: &Notice) -> (String, String) {
        let body = match self {
            ChatShape::Json => return (url.to_owned(), notice.to_json()),
            ChatShape::Slack => slack(notice),
            ChatShape::Discord => discord(notice),
            ChatShape::Ntfy => {
                let (root, topic) = topic(url);
                return (root, ntfy(notice, &topic).to_string());
            }
        };
        (url.to_owned(), body.to_string())
    }
}

fn slack(notice: &Notice) -> serde_json::Value {
    let fallback = apart(&format!("{}: {}", notice.repository, notice.title));
    let fallback = fallback
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let section = |text: String| {
        let text = clipped(&text, SLACK);
        json!({"type": "section", "text": {"type": "plain_text", "text": text, "emoji": false}})
    };
    json!({
        "text": fallback,
        "blocks": [section(apart(&words(notice)))],
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

fn discord(notice: &Notice) -> serde_json::Value {
    let escape = |text: &str| {
        let mut out = String::with_capacity(text.len());
        for c in apart(text).chars() {
            if c.is_ascii_punctuation() && !matches!(c, '.' | ',' | '\'' | '"' | '/' | '%') {
                out.push('\\');
            }
            out.push(c);
        }
        out
    };
    // Cut before it is escaped, so that no sign loses its backslash.
    let mut most = DISCORD;
    let mut content = escape(&words(notice));
    while content.chars().count() > DISCORD {
        most -= 100;
        content = escape(&clipped(&words(notice), most));
    }
    // No mention counts, and no address is shown as a card.
    json!({"content": content, "allowed_mentions": {"parse": []}, "flags": 4})
}

fn ntfy(notice: &Notice, topic: &str) -> serde_json::Value {
    let priority = match notice.kind {
        NoticeType::Failed | NoticeType::DaemonTrouble => 4,
        NoticeType::Done | NoticeType::Digest => 2,
        NoticeType::NeedsApproval
        | NoticeType::Blocked
        | NoticeType::Parked
        | NoticeType::BudgetNear
        | NoticeType::QuotaPause => 3,
    };
    let mut message = notice.text.clone();
    let _infallible = write!(message, "\nnext: {}", notice.next);
    json!({
        "topic": topic,
        "title": format!("{}: {}", notice.repository, notice.title),
        "message": message.trim_start(),
        "priority": priority,
        "tags": [notice.kind.as_str()],
        "markdown": false,
    })
}

/// The notice as a chat shows it.
fn words(notice: &Notice) -> String {
    let text = if notice.text.is_empty() {
        String::new()
    } else {
        format!("{}\n", notice.text)
    };
    format!(
        "[{}] {}: {}\n{text}next: {}",
        notice.kind.as_str(),
        notice.repository,
        notice.title,
        notice.next
    )
}

/// The same text without mentions and addresses that a chat would act on.
fn apart(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        out.push(c);
        // `@here`, `<!channel>`, `<@U1>`, `#channel`, and what a link begins with.
        if matches!(c, '@' | '#' | '<' | '!') {
            out.push(APART);
        }
    }
    out.replace("://", ":\u{200b}//")
}

/// The root of an ntfy server and the topic, of the address of a topic.
fn topic(url: &str) -> (String, String) {
    let trimmed = url.trim_end_matches('/');
    match trimmed.rsplit_once('/') {
        Some((root, topic)) if !root.ends_with('/') => (format!("{root}/"), topic.to_owned()),
        _ => (url.to_owned(), String::new()),
    }
}

/// Refuses what is no address of a webhook; the error says what is wrong, as one sentence without the address, which
/// may be a secret. Without encryption only this machine is reached.
pub fn check_webhook_url(url: &str, shape: ChatShape) -> Result<(), &'static str> {
    if url.len() > 2_048 || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("the address is longer than 2048 bytes, or has blanks in it");
    }
    let (is_plain, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (false, rest),
        (None, Some(rest)) => (true, rest),
        (None, None) => return Err("the address has to begin with https://"),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(
            "the address has a name or a password in it; a receiver is known by its path, and by the signature",
        );
    }
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    if host.is_empty() {
        return Err("the address names no host");
    }
    if is_plain && !is_this_machine(host) {
        return Err("http:// is for this machine alone (localhost, 127.0.0.1); write https://");
    }
    if shape == ChatShape::Ntfy && topic(url).1.is_empty() {
        return Err("the address of an ntfy topic ends in the name of the topic");
    }
    Ok(())
}

/// True for the names and addresses of this machine alone.
fn is_this_machine(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
#[path = "chat_tables.rs"]
mod tests;
