//! Files of tests: what they may say, what is wrong with them, and what their questions are to a policy.

use super::*;
use crate::policy::load::FILE;
use proptest::prelude::*;

const POLICY: &str = "version: 1
default: allow
rules:
  - {id: keys, on: [edit, commit], paths: [secrets/], effect: deny, reason: keys are not for agents}
  - {id: large, on: [run.finish], when: change.lines > 400, effect: require_approval, reason: large}
  - {id: removed, on: [commit], when: 'change.files.exists(f, f.status == \"deleted\")', effect: warn, reason: gone}
  - {id: urgent, on: [run.start], when: task.priority == 0 && \"hot\" in task.labels, effect: warn, reason: hot}
limits: {parallel_runs: 2}
";

/// The answers to the tests of a file: effect, rule, and whether it is the expected one.
fn answers(tests: &str) -> Vec<(Effect, String, bool)> {
    let state = PolicyState::from_bytes(Some(POLICY.as_bytes()), FILE);
    let tests = tests_of(tests.as_bytes(), TEST_FILE).unwrap();
    let answer = |test: &PolicyTest| {
        let decision = test.decide(&state);
        let holds = test.expects(&decision);
        (decision.effect, decision.rule, holds)
    };
    tests.iter().map(answer).collect()
}

#[test]
fn a_test_asks_what_it_states_and_compares_effect_and_rule() {
    let found = answers(
        "version: 1
tests:
  - {name: a, ask: {action: edit, actor: agent:zed, paths: secrets/key}, expect: deny, rule: keys}
  - {name: b, ask: {action: edit, actor: agent:zed, paths: Secrets/key}, expect: deny}
  - {name: c, ask: {action: edit, actor: agent:zed, paths: Secrets/key, case: folding}, expect: deny}
  - {name: d, ask: {action: edit, actor: agent:zed, globs: 'sec*/**'}, expect: deny, rule: other}
  - {name: e, ask: {action: run.finish, actor: agent:zed, paths: [a, b], lines: 401}, expect: require_approval}
  # What is not stated is not known, and a condition about it denies.
  - {name: f, ask: {action: run.finish, actor: agent:zed, paths: [a, b]}, expect: deny, rule: large}
  - {name: g, ask: {action: commit, actor: human:ann, deleted: a, added: [b, c]}, expect: warn, rule: removed}
  - {name: h, ask: {action: commit, actor: human:ann, modified: a, outside_paths: a}, expect: warn, rule: built-in.outside-paths}
  - {name: i, ask: {action: commit, actor: human:ann, modified: a, credentials: work}, expect: require_approval}
  - {name: j, ask: {action: run.start, actor: agent:zed, runs_alive: 2, task: {priority: 0, labels: hot}}, expect: deny, rule: limit.parallel_runs}
  - {name: k, ask: {action: run.start, actor: agent:zed, runs_alive: 0, task: {priority: 0, labels: hot}}, expect: warn, rule: urgent}
",
    );
    use Effect::{Allow, Deny, RequireApproval, Warn};
    let wanted = [
        (Deny, "keys", true),
        (Allow, "default", false),
        (Deny, "keys", true),
        (Deny, "keys", false),
        (RequireApproval, "large", true),
        (Deny, "large", true),
        (Warn, "removed", true),
        (Warn, "built-in.outside-paths", true),
        (RequireApproval, "built-in.credential-in-change", true),
        (Deny, "limit.parallel_runs", true),
        (Warn, "urgent", true),
    ];
    let wanted: Vec<_> = wanted
        .iter()
        .map(|(e, r, h)| (*e, (*r).to_owned(), *h))
        .collect();
    assert_eq!(found, wanted);
}

/// Every problem of a file, with its place.
fn problems(file: &str) -> Vec<String> {
    let problems = tests_of(file.as_bytes(), TEST_FILE).unwrap_err();
    problems.to_string().lines().map(str::to_owned).collect()
}

#[test]
fn what_is_wrong_is_told_with_its_place_all_of_it_at_once() {
    let head = "version: 1\ntests:\n";
    for (file, wanted) in [
        ("tests: []\n".to_owned(), "version"),
        ("version: 2\ntests: []\n".to_owned(), "version 2"),
        ("version: 1\n".to_owned(), "`tests`"),
        (format!("{head}  - {{name: a, expect: deny}}\n"), "`ask`"),
        (
            format!("{head}  - {{name: a, ask: {{action: edit, actor: agent:z}}, expect: deyn}}\n"),
            "did you mean `deny`",
        ),
        (
            format!("{head}  - {{name: a, ask: {{action: edti, actor: agent:z}}, expect: deny}}\n"),
            "did you mean `edit`",
        ),
        (
            format!("{head}  - {{name: a, ask: {{action: edit, actor: zed}}, expect: deny}}\n"),
            "does not say who acts",
        ),
        (
            format!(
                "{head}  - {{name: a, ask: {{action: edit, actor: agent:z, pahts: a}}, expect: deny}}\n"
            ),
            "did you mean `paths`",
        ),
        (
            format!(
                "{head}  - {{name: a, ask: {{action: edit, actor: agent:z, paths: a, added: b}}, expect: deny}}\n"
            ),
            "`added` stands beside `paths`",
        ),
        (
            format!(
                "{head}  - {{name: a, ask: {{action: edit, actor: agent:z, task: {{priority: 5}}}}, expect: deny}}\n"
            ),
            "from 0 to 4",
        ),
        (
            format!(
                "{head}  - &t {{name: a, ask: {{action: edit, actor: agent:z}}, expect: deny}}\n  - *t\n"
            ),
            "already taken at line 3",
        ),
    ] {
        let found = problems(&file);
        assert_eq!(found.len(), 1, "{file}: {found:?}");
        let told = tests_of(file.as_bytes(), TEST_FILE)
            .unwrap_err()
            .shown(80)
            .join("\n");
        assert!(told.contains(wanted), "{file}: {told}");
        assert!(found[0].starts_with(TEST_FILE), "{found:?}");
    }
    let two = format!("{head}  - {{name: a, ask: 1, expect: 1}}\n");
    assert_eq!(problems(&two).len(), 2);
}

proptest! {
    /// A file of tests comes with a repository: nothing in it may end the program.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = tests_of(&bytes, TEST_FILE);
        let mut file = b"version: 1\ntests:\n  - {name: a, ask: {".to_vec();
        file.extend(&bytes);
        let _ = tests_of(&file, TEST_FILE);
    }
}
