//! Entrances for the fuzzers in `fuzz/`: what reads files that others wrote, with what must hold of any
//! input at all.
//!
//! Only the feature `fuzz` builds it, and the tests, which go through a small part of what a fuzzer tries.
//! Deliberately absent: files and stores.

use crate::domain::action::Action;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::decision::{Effect, Resource};
use crate::domain::facts::Facts;
use crate::domain::repo_path::RepoPath;
use crate::policy::asked::Request;
use crate::policy::engine;
use crate::policy::load::FILE;
use crate::policy::model::PolicyState;
use crate::policy::show::show;

/// Reads bytes as a policy file and asks it about everything. One that cannot be read denies each edit.
pub fn policy(bytes: &[u8]) {
    let state = PolicyState::from_bytes(Some(bytes), FILE);
    let is_bad = !state.bad_files().is_empty();
    for action in Action::ALL {
        let effect = ask(&state, *action);
        assert_eq!(effect, ask(&state, *action), "two answers to one question");
        assert!(!is_bad || *action != Action::Edit || effect == Some(Effect::Deny));
    }
    show(&state, None);
}

/// Reads a text as the condition of a rule that denies and of one that allows, and asks both.
pub fn condition(text: &str) {
    // JSON is YAML, and its quoted texts can hold anything.
    let Ok(when) = serde_json::to_string(text) else {
        return;
    };
    let rules = ["deny", "allow"].map(|effect| {
        format!("  - {{id: {effect}, on: ['*'], effect: {effect}, reason: r, when: {when}}}\n")
    });
    policy(format!("version: 1\ndefault: warn\nrules:\n{}", rules.concat()).as_bytes());
}

fn ask(state: &PolicyState, action: Action) -> Option<Effect> {
    let actor = Actor::new(ActorKind::Agent, "fuzz").ok()?;
    let path = |path: &str| RepoPath::new(path);
    let resource = Resource {
        task: Some("t-1".to_owned()),
        paths: vec![path("src/a.rs"), path(".ai/policy.yaml"), path("a b/ü")],
        patterns: vec!["src/**".to_owned(), "[".to_owned()],
        branch: Some("refs/heads/main".to_owned()),
        ..Resource::default()
    };
    let facts = Facts {
        diff_lines: Some(7),
        command: Some("make test".to_owned()),
        outside_paths: Some(vec![path("x")]),
        ..Facts::default()
    };
    let request = Request {
        action,
        actor: &actor,
        resource: &resource,
        facts: &facts,
    };
    Some(engine::decide(state, &request).effect)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::packs::PACKS;

    /// Every pack that ships, cut off and spoilt at some places, the same ones each time.
    #[test]
    fn spoilt_packs_are_a_policy_or_a_list_of_problems() {
        const SPOILS: [&[u8]; 8] = [b"", b"\0", b"\xff", b"]", b"\t", b": &a *a", b"\n- ", b"'"];
        for (n, pack) in PACKS.iter().enumerate() {
            let bytes = pack.text.as_bytes();
            policy(bytes);
            for (i, spoil) in SPOILS.iter().enumerate() {
                let at = bytes.len() * (i + 1) / (SPOILS.len() + 1) + n;
                let (before, after) = bytes.split_at(at.min(bytes.len()));
                policy(before);
                policy(&[before, spoil, after].concat());
            }
        }
    }

    #[test]
    fn any_text_is_a_condition_or_none() {
        for text in [
            "",
            "true",
            "branch == 'refs/heads/main'",
            "change.files.exists(f, f.path == 'a')",
            "change.lines > 1 && !(change.lines < 3)",
            "[1, 2].all(x, [3, 4].all(y, x < y))",
            "((((((((((",
            "a.b.c.d.e",
            "'\u{0}' + \"\u{202e}\"",
            "1 / 0 == 1",
            "9223372036854775807 + 1 > 0",
            "size('ü') == 1",
            "'a'.matches('(a*)*b')",
            "true ? true : ",
        ] {
            condition(text);
            condition(&text.repeat(40));
        }
    }
}
