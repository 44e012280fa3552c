//! Tables of what chats are sent.

use serde_json::{Value, json};

use super::*;
use crate::domain::ids::TaskId;

fn notice(title: &str, text: &str) -> Notice {
    Notice {
        version: 1,
        id: "n-1-failed".into(),
        kind: NoticeType::Failed,
        time: "1970-01-01T00:00:00Z".into(),
        repository: "repo".into(),
        task: Some(TaskId("t-1".into())),
        run: None,
        title: title.into(),
        text: text.into(),
        next: "ai why t-1".into(),
    }
}

fn body(shape: ChatShape, notice: &Notice) -> (String, Value) {
    let (url, body) = shape.request("https://example.com/hooks/topic", notice);
    (url, serde_json::from_str(&body).unwrap())
}

#[test]
fn each_shape_has_the_fields_that_its_receiver_wants() {
    let plain = notice("t-1 has failed", "3 attempts");
    let (url, slack) = body(ChatShape::Slack, &plain);
    assert_eq!(url, "https://example.com/hooks/topic");
    let text = "[failed] repo: t-1 has failed\n3 attempts\nnext: ai why t-1";
    assert_eq!(
        slack,
        json!({
            "text": "repo: t-1 has failed",
            "blocks": [{"type": "section", "text": {"type": "plain_text", "text": text, "emoji": false}}],
            "unfurl_links": false,
            "unfurl_media": false,
        })
    );
    let (_, discord) = body(ChatShape::Discord, &plain);
    assert_eq!(
        discord,
        json!({
            "content": "\\[failed\\] repo\\: t\\-1 has failed\n3 attempts\nnext\\: ai why t\\-1",
            "allowed_mentions": {"parse": []},
            "flags": 4,
        })
    );
    let (url, ntfy) = body(ChatShape::Ntfy, &plain);
    assert_eq!(url, "https://example.com/hooks/");
    assert_eq!(
        ntfy,
        json!({
            "topic": "topic", "title": "repo: t-1 has failed", "message": "3 attempts\nnext: ai why t-1",
            "priority": 4, "tags": ["failed"], "markdown": false,
        })
    );
    let (url, whole) = body(ChatShape::Json, &plain);
    assert_eq!(
        (url.as_str(), whole["id"].as_str()),
        ("https://example.com/hooks/topic", Some("n-1-failed"))
    );
}

#[test]
fn a_title_calls_nobody_and_leads_nowhere() {
    let hostile = "@here @everyone <!channel> <@U1> <https://example.com|x> [x](https://example.com) **b** `c`";
    let loud = notice(hostile, hostile);
    for shape in [ChatShape::Slack, ChatShape::Discord] {
        let (_, sent) = body(shape, &loud);
        let sent = sent.to_string();
        for word in ["@here", "@everyone", "<!channel", "<@U1", "://example"] {
            assert!(!sent.contains(word), "{shape:?} sends {word}: {sent}");
        }
    }
    let (_, discord) = body(ChatShape::Discord, &loud);
    let content = discord["content"].as_str().unwrap();
    let bare = |sign: char| {
        let mut before = ' ';
        content.chars().any(|c| {
            let is_bare = c == sign && before != '\\';
            before = c;
            is_bare
        })
    };
    for sign in ['*', '`', '[', ']', '(', '<', '_', '|'] {
        assert!(!bare(sign), "{sign} in {content}");
    }
}

#[test]
fn what_is_too_long_is_cut_whole() {
    let long = notice(&"*".repeat(200), &"_@".repeat(1_000));
    let (_, discord) = body(ChatShape::Discord, &long);
    let content = discord["content"].as_str().unwrap();
    assert!(content.chars().count() <= DISCORD && content.ends_with('…'));
    let (_, slack) = body(ChatShape::Slack, &long);
    let text = slack["blocks"][0]["text"]["text"].as_str().unwrap();
    assert!(text.chars().count() <= SLACK);
}

#[test]
fn an_address_is_encrypted_or_of_this_machine() {
    let ok = "";
    for (url, shape, expected) in [
        ("https://example.com/x", ChatShape::Json, ok),
        ("http://localhost:8080/x", ChatShape::Json, ok),
        ("http://127.0.0.1:1", ChatShape::Slack, ok),
        ("http://[::1]:8080/x", ChatShape::Json, ok),
        ("https://example.com/topic", ChatShape::Ntfy, ok),
        (
            "http://example.com/x",
            ChatShape::Json,
            "this machine alone",
        ),
        (
            "http://localhost.example.com/x",
            ChatShape::Json,
            "this machine alone",
        ),
        (
            "http://127.0.0.1.example.com/",
            ChatShape::Json,
            "this machine alone",
        ),
        (
            "http://localhost:1@example.com/",
            ChatShape::Json,
            "a password",
        ),
        (
            "https://ann:secret@example.com/",
            ChatShape::Json,
            "a password",
        ),
        ("ftp://example.com/", ChatShape::Json, "begin with https"),
        ("example.com", ChatShape::Json, "begin with https"),
        ("https:///x", ChatShape::Json, "names no host"),
        ("https://example.com/a b", ChatShape::Json, "has blanks"),
        ("https://example.com/\n", ChatShape::Json, "has blanks"),
        (
            "https://example.com",
            ChatShape::Ntfy,
            "the name of the topic",
        ),
        (
            "https://example.com/",
            ChatShape::Ntfy,
            "the name of the topic",
        ),
    ] {
        let told = check_webhook_url(url, shape).err().unwrap_or_default();
        assert!(
            told.contains(expected) && told.is_empty() == expected.is_empty(),
            "{url}: {told}"
        );
    }
}
