use super::*;
use crate::base::rules::rules;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::decision::Resource;
use crate::domain::facts::Facts;
use crate::policy::engine::decide;
use crate::policy::gather::validate;
use crate::policy::model::PolicyState;

fn policy(lines: &str) -> PolicyState {
    let text = format!("version: 1\ndefault: allow\noutside_paths: allow\n{lines}");
    PolicyState::from_bytes(Some(text.as_bytes()), "policy.yaml")
}

fn problems(lines: &str) -> Vec<String> {
    let text = format!("version: 1\ndefault: allow\n{lines}");
    let problems = validate(text.as_bytes(), "policy.yaml").into_iter();
    let problems = problems.flat_map(|problems| problems.list);
    problems.map(|problem| problem.to_string()).collect()
}

fn finding(guard: Guard, path: &str, line: u64) -> GuardFinding {
    GuardFinding {
        guard,
        path: path.into(),
        line: Some(line),
        what: "x".into(),
        bytes: None,
    }
}

/// A change of these paths, in which this was found.
fn facts(findings: &[GuardFinding]) -> Facts {
    Facts {
        diff_files: Some(3),
        diff_lines: Some(30),
        findings: Some(findings.to_vec()),
        ..Facts::default()
    }
}

/// The effect and the reason of the answer to the work of a run.
fn said(lines: &str, paths: &[&str], facts: &Facts) -> String {
    said_of(Action::RunFinish, lines, paths, facts)
}

fn said_of(action: Action, lines: &str, paths: &[&str], facts: &Facts) -> String {
    let resource = Resource {
        paths: paths.iter().copied().map(Into::into).collect(),
        ..Resource::default()
    };
    let request = Request {
        action,
        actor: &Actor::new(ActorKind::Agent, "codex").unwrap(),
        resource: &resource,
        facts,
    };
    let decision = decide(&policy(lines), &request);
    let observed = decision.observed.iter();
    let observed: String = observed
        .map(|one| format!("; would {} {}", one.effect, one.rule))
        .collect();
    match decision.effect {
        Effect::Allow => format!("allow{observed}"),
        effect => format!("{effect} {}: {}{observed}", decision.rule, decision.reason),
    }
}

fn weak() -> Facts {
    facts(&[finding(Guard::TestsWeakened, "tests/a.py", 7)])
}

rules! {
    without_a_guard_nothing_is_said: said("", &["a"], &weak()) => "allow";
    a_word_is_an_effect: said("guards: {tests_weakened: warn}\n", &["a"], &weak())
        => "warn built-in.tests-weakened: tests are weakened: tests/a.py:7 (x)";
    so_is_a_field: said("guards: {tests_weakened: {effect: deny}}\n", &["a"], &weak())
        => "deny built-in.tests-weakened: tests are weakened: tests/a.py:7 (x)";
    what_is_not_found_is_not_said: said("guards: {tests_weakened: deny}\n", &["a"], &facts(&[])) => "allow";
    another_guard_says_nothing: said("guards: {secrets: deny}\n", &["a"], &weak()) => "allow";
    it_may_only_observe: said("guards: {tests_weakened: observe}\n", &["a"], &weak()) => "allow; would deny built-in.tests-weakened";
    what_it_would_say: said("guards: {tests_weakened: {effect: observe, would: warn}}\n", &["a"], &weak()) => "allow; would warn built-in.tests-weakened";
    an_exception: said("guards: {tests_weakened: {effect: deny, except: [tests/]}}\n", &["a"], &weak()) => "allow";
    another_exception: said("guards: {tests_weakened: {effect: warn, except: [src/]}}\n", &["a"], &weak())
        => "warn built-in.tests-weakened: tests are weakened: tests/a.py:7 (x)";
    only_these_paths: said("guards: {tests_weakened: {effect: deny, paths: [src/]}}\n", &["a"], &weak()) => "allow";
    what_stands_for_more_is_never_an_exception: said("guards: {secrets: {effect: warn, except: ['**']}}\n", &["a"], &facts(&[GuardFinding { path: "".into(), ..finding(Guard::Secrets, "", 1) }]))
        => "warn built-in.secrets: the change adds what looks like a secret: x";
    what_was_not_looked_at_denies: said("guards: {secrets: deny}\n", &["a"], &Facts::default())
        => "deny built-in.secrets: whether the change adds what looks like a secret could not be told";
    and_is_worth_no_warning: said("guards: {secrets: warn}\n", &["a"], &Facts::default()) => "allow";
    a_commit_is_asked: said_of(Action::Commit, "guards: {secrets: warn}\n", &["a"], &facts(&[finding(Guard::Secrets, "a", 1)]))
        => "warn built-in.secrets: the change adds what looks like a secret: a:1 (x)";
    an_accept_has_asked_about_the_work: said_of(Action::TaskAccept, "guards: {tests_weakened: deny}\n", &["a"], &weak()) => "allow";

    beyond_the_allowed: said("guards: {allowed_paths: {effect: deny, paths: [src/, docs/]}}\n", &["src/a", "ci/b"], &facts(&[]))
        => "deny built-in.allowed-paths: the change goes beyond the allowed paths: ci/b";
    within_the_allowed: said("guards: {allowed_paths: {effect: deny, paths: [src/]}}\n", &["src/a"], &facts(&[])) => "allow";
    sensitive_by_itself: said("guards: {sensitive_paths: warn}\n", &["src/a", "deploy/Dockerfile", ".env.local"], &facts(&[]))
        => "warn built-in.sensitive-paths: the change touches sensitive paths: deploy/Dockerfile, .env.local";
    sensitive_as_named: said("guards: {sensitive_paths: {effect: deny, paths: [core/], except: [core/docs/]}}\n", &["core/a", "core/docs/b", "Dockerfile"], &facts(&[]))
        => "deny built-in.sensitive-paths: the change touches sensitive paths: core/a";
    a_large_change: said("guards: {change_radius: {effect: require_approval, files: 2, lines: 30}}\n", &["a"], &facts(&[]))
        => "require_approval built-in.change-radius: the change is large: 3 files of 2 at most";
    a_commit_is_no_whole_work: said_of(Action::Commit, "guards: {change_radius: {effect: deny, files: 2}}\n", &["a"], &facts(&[])) => "allow";
    a_small_change: said("guards: {change_radius: {effect: deny, files: 3}}\n", &["a"], &facts(&[])) => "allow";
    a_change_that_was_not_measured: said("guards: {change_radius: {effect: deny, lines: 3}}\n", &["a"], &Facts::default())
        => "deny built-in.change-radius: the change is large: lines that were not measured";
    a_file_that_is_large_enough: said("guards: {large_files: {effect: deny, bytes: 204800}}\n", &["a"], &facts(&[GuardFinding { line: None, bytes: Some(300_000), ..finding(Guard::LargeFiles, "a", 1) }]))
        => "deny built-in.large-files: the change adds large files: a (x)";
    one_that_is_not: said("guards: {large_files: deny}\n", &["a"], &facts(&[GuardFinding { bytes: Some(300_000), ..finding(Guard::LargeFiles, "a", 1) }])) => "allow";
    the_first_are_named: said("guards: {tests_weakened: warn}\n", &["a"], &facts(&[1, 2, 3, 4, 5, 6, 7].map(|line| finding(Guard::TestsWeakened, "a", line))))
        => "warn built-in.tests-weakened: tests are weakened: a:1 (x), a:2 (x), a:3 (x), a:4 (x), a:5 (x) and 2 more";
    a_condition_has_the_fact: said("rules: [{id: t, on: [run.finish], when: change.tests_weakened && !change.secrets_added, effect: deny, reason: no}]\n", &["a"], &weak())
        => "deny t: no";
    a_condition_on_what_was_not_looked_at_denies: said("rules: [{id: t, on: [run.finish], when: change.tests_weakened, effect: warn, reason: no}]\n", &["a"], &Facts::default())
        => "deny t: the condition of the rule has no value, so it denies: `change.tests_weakened` is not known here; ask `has(change.tests_weakened)` first";

    an_unknown_guard: problems("guards: {test_weakened: deny}\n")
        => ["line 3, column 10: `guards` has no field `test_weakened`"];
    an_unknown_word: problems("guards: {secrets: allow}\n") => ["line 3, column 19: `secrets` cannot be `allow`"];
    an_unknown_option: problems("guards: {secrets: {effect: deny, lines: 3}}\n").len() => 1;
    a_mapping_needs_an_effect: problems("guards: {secrets: {except: [a]}}\n") => ["line 3, column 19: a guard needs `effect`"];
    paths_that_are_allowed_have_to_be_named: problems("guards: {allowed_paths: deny}\n") => ["line 3, column 25: `allowed_paths` needs `paths`"];
    a_radius_needs_a_number: problems("guards: {change_radius: {effect: deny}}\n") => ["line 3, column 25: `change_radius` needs `files` or `lines`"];
    a_pattern_that_cannot_be_read: problems("guards: {secrets: {effect: deny, except: ['/a']}}\n").len() => 1;
    an_empty_list: problems("guards: {secrets: {effect: deny, except: []}}\n").len() => 1;
    what_it_would_be_of_one_that_is: problems("guards: {secrets: {effect: deny, would: warn}}\n").len() => 1;
    an_id_of_a_guard_is_no_rule: problems("rules: [{id: built-in.secrets, on: [run.finish], effect: allow}]\n").len() => 1;
}

#[test]
fn one_more_setting_only_tightens() {
    let files = "extends: [default]\nguards: {secrets: warn}\n";
    let strict = "guards: {secrets: deny}\n";
    let found = facts(&[finding(Guard::Secrets, "a", 1)]);
    assert!(said(files, &["a"], &found).starts_with("warn"));
    assert!(said(strict, &["a"], &found).starts_with("deny"));
}

#[test]
fn only_what_asks_for_content_has_it_looked_at() {
    for (lines, looks) in [
        ("", &[][..]),
        (
            "guards: {allowed_paths: {effect: deny, paths: [a]}, sensitive_paths: warn, commit_message: {effect: warn, body: required}}\n",
            &[],
        ),
        (
            "guards: {secrets: observe, large_files: warn}\n",
            &[Guard::Secrets, Guard::LargeFiles],
        ),
        (
            "rules: [{id: t, on: [commit], when: change.secrets_added, effect: deny, reason: no}]\n",
            &[Guard::Secrets],
        ),
        (
            "rules: [{id: t, on: [commit], when: change.lines > 3, effect: deny, reason: no}]\n",
            &[],
        ),
    ] {
        assert_eq!(
            policy(lines).looked_for(),
            looks.iter().copied().collect(),
            "{lines}"
        );
    }
}

#[test]
fn only_what_asks_for_messages_has_them_looked_at() {
    for (lines, looks) in [
        ("", false),
        (
            "rules: [{id: t, on: [\"*\"], effect: deny, reason: no}]\n",
            false,
        ),
        (
            "rules: [{id: t, on: [commit], effect: deny, reason: no}]\n",
            false,
        ),
        (
            "rules: [{id: t, on: [commit.message], effect: deny, reason: no}]\n",
            true,
        ),
        (
            "rules: [{id: t, on: [\"commit.*\"], effect: deny, reason: no}]\n",
            true,
        ),
        (
            "rules: [{id: t, on: [run.finish], when: size(change.subjects) > 3, effect: deny, reason: no}]\n",
            true,
        ),
        (
            "guards: {commit_message: {effect: observe, body: required}}\n",
            true,
        ),
    ] {
        assert_eq!(policy(lines).looks_at_messages(), looks, "{lines}");
    }
}

/// Facts of commits with these messages.
fn messages(texts: &[&str]) -> Facts {
    Facts {
        messages: Some(texts.iter().map(|text| (*text).to_owned()).collect()),
        ..facts(&[])
    }
}

fn of_message(options: &str, text: &str) -> String {
    let lines = format!("guards: {{commit_message: {{effect: deny, {options}}}}}\n");
    let said = said_of(Action::CommitMessage, &lines, &[], &messages(&[text]));
    let start = "deny built-in.commit-message: a commit has another message than is asked for: ";
    said.strip_prefix(start).map(str::to_owned).unwrap_or(said)
}

rules! {
    a_short_subject: of_message("subject_length: 5", "éééé5\n\nwhy") => "allow";
    a_long_subject: of_message("subject_length: 5", "123456") => "`123456`: its subject has 6 letters of 5 at most";
    a_subject_with_a_scope: of_message("subject: '^[a-z]+: [a-z]'", "git: mend it") => "allow";
    one_without: of_message("subject: '^[a-z]+: [a-z]'", "Mend it") => "`Mend it`: its subject is not as `^[a-z]+: [a-z]`";
    a_body: of_message("body: required", "a\n\nwhy") => "allow";
    trailers_are_no_body: of_message("body: required", "a\n\nRefs: 1") => "`a`: it has no body";
    a_body_that_may_be_absent: of_message("body: optional, subject_length: 9", "a") => "allow";
    a_trailer: of_message("trailers: Signed-off-by", "a\n\nsigned-off-by: A <a@example.com>") => "allow";
    trailers_that_are_missing: of_message("trailers: [Signed-off-by, Refs, Seen-by]", "a\n\nRefs: 1") => "`a`: it lacks 2 trailers: `Signed-off-by`, `Seen-by`";
    all_that_is_wrong: of_message("body: required, subject_length: 1", "") => "``: it has no body";
    of_many_the_bad_ones: said("guards: {commit_message: {effect: warn, subject_length: 2}}\n", &["a"], &messages(&["ab", "abc", "abcd"]))
        => "warn built-in.commit-message: a commit has another message than is asked for: `abc`: its subject has 3 letters of 2 at most, `abcd`: its subject has 4 letters of 2 at most";
    a_commit_is_asked_about_before_it_has_one: said_of(Action::Commit, "guards: {commit_message: {effect: deny, body: required}}\n", &["a"], &facts(&[])) => "allow";
    a_message_that_is_not_told_denies: said_of(Action::CommitMessage, "guards: {commit_message: {effect: deny, body: required}}\n", &[], &Facts::default())
        => "deny built-in.commit-message: whether a commit has another message than is asked for could not be told";
    other_guards_are_not_about_it: said_of(Action::CommitMessage, "guards: {secrets: deny, sensitive_paths: deny}\n", &[".env"], &Facts::default()) => "allow";
    a_default_says_nothing_of_it: {
        let state = PolicyState::from_bytes(Some(b"version: 1\ndefault: deny\n"), "policy.yaml");
        let (resource, facts) = (Resource::default(), messages(&["a"]));
        let actor = Actor::new(ActorKind::Agent, "codex").unwrap();
        let request = Request { action: Action::CommitMessage, actor: &actor, resource: &resource, facts: &facts };
        decide(&state, &request).effect
    } => Effect::Allow;
    a_rule_does: said_of(Action::CommitMessage, "rules: [{id: t, on: [commit.message], when: 'change.messages.exists(m, m.contains(\"wip\")) || !change.subjects.all(s, s.matches(\"^[a-z]+: \"))', effect: deny, reason: no}]\n", &[], &messages(&["wip\n\nmore"])) => "deny t: no";
    and_lets_others_through: said_of(Action::CommitMessage, "rules: [{id: t, on: [commit.message], when: '!change.subjects.all(s, s.matches(\"^[a-z]+: [a-z ]+$\"))', effect: deny, reason: no}]\n", &[], &messages(&["a: b\n\nC"])) => "allow";
    of_several_each_is_held_by_itself: said_of(Action::CommitMessage, "rules: [{id: t, on: [commit.message], when: 'change.subjects.all(s, s.startsWith(\"fixup!\"))', effect: deny, reason: no}]\n", &[], &messages(&["a: b", "fixup! a: b", "c: d"])) => "deny t: no";
    a_guard_names_all_in_one_reason: said_of(Action::CommitMessage, "guards: {commit_message: {effect: deny, body: required}}\n", &[], &messages(&["a", "b\n\nwhy", "c", "d", "e", "f", "g"]))
        => "deny built-in.commit-message: a commit has another message than is asked for: `a`: it has no body, `c`: it has no body, `d`: it has no body, `e`: it has no body, `f`: it has no body and 1 more";
    a_shape_has_to_ask_something: problems("guards: {commit_message: deny}\n")
        => ["line 3, column 26: `commit_message` needs `subject_length`, `subject`, `body: required` or `trailers`"];
    no_message_can_have_such_a_trailer: problems("guards: {commit_message: {effect: deny, trailers: [Refs, 'Signed off', 'Seen-by:']}}\n") => [
        "line 3, column 58: `Signed off` is no key of a trailer: these are letters, digits and `-`, without the colon",
        "line 3, column 72: `Seen-by:` is no key of a trailer: these are letters, digits and `-`, without the colon",
    ];
    a_pattern_is_read_with_the_file: problems("guards: {commit_message: {effect: deny, subject: '('}}\n")
        => ["line 3, column 50: `subject` is no regular expression: error: unclosed group"];
}
