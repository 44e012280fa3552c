use super::*;
use crate::domain::action::Action;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::decision::{DecisionRecord, Effect, Judgement, Resource};
use crate::domain::event::Event;
use crate::domain::facts::{CredentialPlace, Facts};
use crate::ops::policy_export::{self, ExportOrder};
use crate::ops::testing::World;
use crate::policy::{self, PolicyState, Request};
use crate::store::Flow;
use proptest::prelude::*;
use serde_json::json;

fn masked(mut value: Value) -> Value {
    MaskKey::new(b"a key").mask(&mut value);
    value
}

#[test]
fn names_of_policy_stay_and_others_are_masked() {
    for (field, text, stays) in [
        ("action", "task.claim", true),
        ("rule", "ci-needs-a-human", true),
        ("actor", "agent:codex#s-1", true),
        ("actor", "human:*", true),
        ("actor", "human:ann@example.com", false),
        ("login", "ann", false),
        ("by", "human:ann", false),
        ("actors", "ann*", false),
        ("file", ".ai/policy.yaml", true),
        ("file", "/home/user/.config/ai/policy.yaml", false),
        ("path", "src", false),
        ("reason", "ok", false),
        // Of a problem of a file.
        ("message", "effect", false),
        ("hint", "deny", false),
        ("labels", "hot", false),
        ("outside_paths", "warn", true),
        // A letter for each path, of none and of many.
        ("change_kinds", "", true),
        ("change_kinds", &"AMD".repeat(30), true),
        ("change_kinds", "ann", false),
        ("subject_digest", "ab12", false),
        // What does not look like a name is none, wherever it stands.
        ("rule", "ann@example.com", false),
        ("task", "a b", false),
        // A field that nobody has thought of.
        ("new_field", "x", false),
    ] {
        let got = masked(json!({ field: text }));
        assert_eq!(got[field] == text, stays, "{field} {text}: {got}");
    }
    let paths = masked(json!({"outside_paths": ["warn"], "paths": ["warn"]}));
    assert_ne!(paths["outside_paths"][0], "warn");
    assert_eq!(paths["outside_paths"][0], paths["paths"][0]);
    let moved =
        masked(json!({"moves": [{"from": "a", "to": "b"}], "path": ["a", "b"], "from": "a"}));
    assert_eq!(moved["moves"][0]["from"], moved["path"][0]);
    assert_eq!(moved["moves"][0]["to"], moved["path"][1]);
    assert_ne!(moved["from"], moved["path"][0]);
    assert_eq!(
        masked(json!({"n": 3, "is": true})),
        json!({"n": 3, "is": true})
    );
}

#[test]
fn one_name_has_one_pseudonym_under_one_key_and_no_other_name_has_it() {
    let by = |key: &[u8], text: &str| {
        let mut value = json!({ "path": text });
        MaskKey::new(key).mask(&mut value);
        value["path"].as_str().unwrap().to_owned()
    };
    assert_eq!(by(b"k", "src/a"), by(b"k", "src/a"));
    assert_ne!(by(b"k", "src/a"), by(b"k", "src/b"));
    assert_ne!(by(b"k", "src/a"), by(b"l", "src/a"));
    // The digest alone, which anybody could make, is no pseudonym.
    let plain = hash::sha256_hex(b"path\0src/a");
    assert_ne!(by(b"k", "src/a"), format!("path-{}", &plain[..LETTERS]));
}

/// A record of everything that a question can hold, each text of which bears the mark.
fn record(mark: &str) -> DecisionRecord {
    let text = |n: usize| format!("{mark}{n}");
    let resource = Resource {
        task: Some("t-7k3f".into()),
        task_type: Some(text(1)),
        labels: vec![text(2)],
        run: Some("t-7k3f.1".into()),
        paths: vec![text(3).as_str().into()],
        patterns: vec![text(4)],
        tool: Some(text(5)),
        kind: None,
        input: Some(text(6)),
        branch: Some(text(7)),
        host: Some(text(8)),
        port: Some(443),
        secret: Some(text(9)),
        worker: Some("codex".into()),
        judgement: Some(Judgement::Accepted),
        recipient: Some(format!("human:{}", text(10))),
    };
    let facts = Facts {
        command: Some(text(11)),
        outside_paths: Some(vec![text(12).as_str().into()]),
        credentials_added: [text(13)].into(),
        credential_places: vec![CredentialPlace {
            name: text(13),
            file: Some(text(18).as_str().into()),
            commit: Some(text(19)),
        }],
        ..Facts::default()
    };
    let mut actor = Actor::new(ActorKind::Human, text(14)).unwrap();
    actor.login = Some(Actor::new(ActorKind::Human, text(15)).unwrap().name);
    let rule = format!(
        "version: 1\ndefault: allow\nrules:\n  - {{id: r, on: ['*'], when: 'actor.name != \"{}\"', effect: deny, reason: '{}'}}\n",
        text(16),
        text(17)
    );
    let state = PolicyState::from_bytes(Some(rule.as_bytes()), "policy.yaml");
    let request = Request {
        action: Action::Push,
        actor: &actor,
        resource: &resource,
        facts: &facts,
    };
    let decision = policy::decide(&state, &request);
    assert_eq!(decision.effect, Effect::Deny);
    decision.record("d-1".into(), 1, Action::Push, &actor, &resource)
}

proptest! {
    /// Whatever people, agents and files are called, none of it is in what is exported.
    #[test]
    fn no_text_of_a_record_is_left(mark in "[a-z]{8}") {
        let record = record(&mark);
        let event = serde_json::to_value(Event::Decided { record: Box::new(record) }).unwrap();
        prop_assert!(event.to_string().contains(&mark));
        let left = masked(event).to_string();
        prop_assert!(!left.contains(&mark), "{}", left);
    }
}

/// Every event about the policy that there is, and the policy itself, pass through it.
#[test]
fn an_export_of_a_store_is_whole_and_bears_no_name() {
    let mut world = World::new();
    let mark = "zebrafish";
    world
        .run(|tx, cx| {
            let record = Box::new(record(mark));
            cx.record(tx, &Event::Decided { record })
        })
        .unwrap();
    let (key, scrub) = (MaskKey::new(b"a key"), world.cx.scrub.clone());
    let order = ExportOrder {
        since_ms: None,
        now_ms: 5,
        key: Some(&key),
        scrub: &scrub,
        policies: Vec::new(),
    };
    let mut lines = Vec::new();
    let counts = world.read(|tx| {
        let counts = policy_export::export(tx, &order, &mut |line| {
            lines.push(serde_json::to_string(&line).unwrap());
            Ok(Flow::More)
        })?;
        Ok(counts)
    });
    assert_eq!((counts.decisions, counts.answers), (1, 0));
    assert_eq!(counts.first_ms, counts.last_ms);
    assert_eq!(lines.len(), 3, "{lines:#?}");
    let all = lines.concat();
    assert!(!all.contains(mark), "{all}");
}

/// Whoever wants no more lines is given none, and nothing is read for them: an export holds no more than a line.
#[test]
fn an_export_is_read_as_far_as_somebody_reads_it() {
    let mut world = World::new();
    for n in 0..5 {
        let mut record = Box::new(record("x"));
        record.id = format!("d-{n}");
        world
            .run(|tx, cx| cx.record(tx, &Event::Decided { record }))
            .unwrap();
    }
    let scrub = world.cx.scrub.clone();
    let order = ExportOrder {
        since_ms: None,
        now_ms: 5,
        key: None,
        scrub: &scrub,
        policies: Vec::new(),
    };
    let mut lines = 0;
    let counts = world.read(|tx| {
        Ok(policy_export::export(tx, &order, &mut |_| {
            lines += 1;
            Ok(if lines < 3 { Flow::More } else { Flow::Stop })
        })?)
    });
    assert_eq!((lines, counts.decisions), (3, 2));
}
