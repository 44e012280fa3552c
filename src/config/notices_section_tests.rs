//! Table tests of the section `notices`.

use std::time::Duration;

use crate::config::load::parse;
use crate::config::model::Config;
use crate::domain::notice::{
    ChatShape, CommandSink, FileSink, NoticeSink, NoticeType, SecretAt, UrlAt, WebhookSink,
};

fn read(text: &str) -> Config {
    parse(format!("version: 1\n{text}").as_bytes(), "f").unwrap()
}

#[test]
fn every_setting_is_read() {
    let config = read(
        "notices:
  sinks:
    here: {type: console}
    desk: {type: desktop}
    bell: {type: command, run: [ring, '--once'], timeout: 3s}
    log: {type: file, path: ~/notices.jsonl, max_kb: 64}
    beside: {type: file}
    team: {type: webhook, url_env: TEAM_URL, shape: slack}
    ci: {type: webhook, url: 'https://example.com/x', secret_file: ~/secret, connect_timeout: 1s, timeout: 2s, tries: 2}
  rules: {failed: [desk, bell], any: [log]}
  quiet_hours: {from: '22:00', to: '07:30', time_zone: '+02:00', urgent: [failed, daemon-trouble]}
  deduplicate: 1h
  digest: false
",
    );
    let read = &config.notices;
    let bell = CommandSink {
        run: vec!["ring".into(), "--once".into()],
        timeout: Duration::from_secs(3),
    };
    assert_eq!(read.sinks["bell"], NoticeSink::Command(bell));
    let log = FileSink {
        path: Some("~/notices.jsonl".into()),
        max_kb: 64,
    };
    assert_eq!(read.sinks["log"], NoticeSink::File(log));
    let ci = WebhookSink {
        url: UrlAt::Url("https://example.com/x".into()),
        shape: ChatShape::Json,
        secret: Some(SecretAt::SecretFile("~/secret".into())),
        connect_timeout: Duration::from_secs(1),
        timeout: Duration::from_secs(2),
        tries: 2,
    };
    assert_eq!(read.sinks["ci"], NoticeSink::Webhook(ci));
    let shown = serde_json::to_string(&read.sinks["team"]).unwrap();
    assert_eq!(
        shown,
        r#"{"type":"webhook","url_env":"TEAM_URL","shape":"slack","connect_timeout":"5s","timeout":"10s","tries":4}"#
    );
    assert_eq!(read.sinks.len(), 7);
    assert_eq!(read.sinks_of(NoticeType::Failed), ["bell", "desk"]);
    assert_eq!(read.sinks_of(NoticeType::Done), ["log"]);
    let quiet = read.quiet_hours.as_ref().unwrap();
    let told = format!("{} {} {}", quiet.from, quiet.to, quiet.time_zone);
    assert_eq!(told, "22:00 07:30 +02:00");
    assert_eq!(
        quiet.urgent,
        [NoticeType::Failed, NoticeType::DaemonTrouble]
    );
    assert_eq!(read.deduplicate, Duration::from_secs(3600));
    assert!(!read.digest);
}

#[test]
fn what_starts_a_program_or_writes_a_file_asks_for_trust_and_nothing_else_does() {
    for (sink, asks) in [
        ("{type: console}", false),
        ("{type: desktop}", false),
        ("{type: file}", false),
        ("{type: file, path: ~/x.jsonl}", true),
        ("{type: command, run: [x]}", true),
        ("{type: webhook, url_env: X}", true),
    ] {
        let config = read(&format!("notices: {{sinks: {{a: {sink}}}}}\n"));
        assert_eq!(config.code().is_some(), asks, "{sink}");
    }
    let quiet = read("notices: {sinks: {a: {type: command, run: [x]}}}\n").code_digest();
    let other = read("notices: {sinks: {a: {type: command, run: [y]}}}\n").code_digest();
    assert_ne!(quiet, other, "another program asks again");
    let rules = read("notices: {sinks: {a: {type: command, run: [x]}}, rules: {done: [a]}}\n");
    assert_eq!(quiet, rules.code_digest(), "a rule runs nothing new");
}

#[test]
fn the_switch_of_before_is_a_sink() {
    assert_eq!(
        read("notify: {desktop: true}\n").notices.sinks["desktop"],
        NoticeSink::Desktop
    );
    assert!(!read("notify: {desktop: false}\n").notices.tell_anybody());
}

#[test]
fn what_makes_no_sense_is_named_with_its_line() {
    for (text, why) in [
        ("sinks: {a: {type: pigeon}}", "cannot be `pigeon`"),
        ("sinks: {a: {run: [x]}}", "a sink needs `type`"),
        ("sinks: {a: {type: webhook}}", "needs one of `url`"),
        (
            "sinks: {a: {type: webhook, url_env: X, url_file: ~/x}}",
            "needs one of `url`",
        ),
        (
            "sinks: {a: {type: webhook, url: 'http://example.com/'}}",
            "this machine alone",
        ),
        (
            "sinks: {a: {type: webhook, url_env: X, secret: y}}",
            "no field `secret`",
        ),
        (
            "sinks: {a: {type: webhook, url_env: X, secret_env: Y, secret_file: ~/y}}",
            "one secret",
        ),
        (
            "sinks: {a: {type: webhook, url_env: X, tries: 9}}",
            "at most 8",
        ),
        ("sinks: {a: {type: webhook, url_file: x}}", "`x`"),
        ("sinks: {a: {type: command}}", "a sink needs `run`"),
        ("sinks: {a: {type: command, run: []}}", "`run` is a list of"),
        (
            "sinks: {a: {type: command, run: [x], timeout: 2m}}",
            "at most 60 seconds",
        ),
        ("sinks: {a: {type: desktop, run: [x]}}", "no field `run`"),
        ("sinks: {a: {type: file, path: x.jsonl}}", "x.jsonl"),
        (
            "sinks: {a: {type: file, max_kb: 1}}",
            "whole number of at least 4",
        ),
        ("rules: {done: [a]}", "`a` is none of the sinks"),
        ("rules: {doen: []}", "no notices of type `doen`"),
        ("quiet_hours: {from: '22:00'}", "needs `to`"),
        (
            "quiet_hours: {from: '25:00', to: '07:00'}",
            "no time of the day",
        ),
        (
            "quiet_hours: {from: '22:00', to: '07:00', time_zone: Mars/Olympus}",
            "knows no time zone",
        ),
        (
            "quiet_hours: {from: '22:00', to: '07:00', urgent: [all]}",
            "a type cannot be `all`",
        ),
        ("deduplicate: 10", "has no unit"),
        ("webhook: x", "no field `webhook`"),
    ] {
        let text = format!("version: 1\nnotices:\n  {text}\n");
        let told = parse(text.as_bytes(), "f").unwrap_err().to_string();
        assert!(
            told.contains(why) && told.contains("f:3:"),
            "{text}: {told}"
        );
    }
}
