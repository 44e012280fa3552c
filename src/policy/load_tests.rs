//! Tests of reading policy files: good ones, and every kind of bad one.

use super::*;
use crate::policy::gather::validate;

fn problems(text: &str) -> Vec<String> {
    let shown = |p: &YamlProblem| {
        let hint = p
            .hint
            .as_ref()
            .map(|h| format!("; {h}"))
            .unwrap_or_default();
        format!("{}:{}: {}{hint}", p.place.line, p.place.column, p.message)
    };
    let found = validate(text.as_bytes(), FILE).map(|problems| problems.list);
    found.iter().flatten().map(shown).collect()
}

fn in_rule(lines: &str) -> Vec<String> {
    problems(&format!(
        "version: 1\ndefault: allow\nrules:\n  - id: r\n    effect: allow\n{lines}"
    ))
}

#[test]
fn a_full_rule_is_read() {
    let text = "\
version: 1
default: deny
rules:
  - id: a
    on: [task.*, edit]
    paths: [src/, '*.md']
    actors: ['agent:*']
    labels: [risky]
    types: bug
    effect: require_approval
    reason: look first
    examples:
      match: [src/a, {action: edit, label: risky, type: bug}]
      no_match: [docs/a, {action: push}, {actor: 'human:x'}]
limits: {max_attempts: 3}
";
    for text in [
        text.to_owned(),
        format!("\u{feff}{}", text.replace('\n', "\r\n")),
    ] {
        let policy = PolicyPart::from_bytes(text.as_bytes(), FILE).unwrap();
        assert_eq!(
            (policy.default, policy.limits.max_attempts),
            (Some(Effect::Deny), Some(3))
        );
        let rule = &policy.rules[0];
        assert_eq!(
            rule.on.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["task.*", "edit"]
        );
        assert_eq!(
            (rule.effect, rule.reason.as_str(), rule.place.line),
            (Effect::RequireApproval, "look first", 4)
        );
        assert_eq!(policy.digest, hash::sha256_hex(text.as_bytes()));
    }
}

#[test]
fn rules_about_tools_are_checked() {
    assert_eq!(
        in_rule(
            "    on: [tool.call]\n    kinds: [execute, fetch]\n    tools: ['rm *']\n    examples:\n      match: [{kind: fetch}, {tool: rm x}]\n      no_match: [{kind: read}, {tool: ls}]\n"
        ),
        [""; 0]
    );
    let bad = in_rule("    on: [tool.call]\n    kinds: [exekute]\n");
    assert!(
        bad[0].contains("`exekute` is no kind of tool; did you mean `execute`?"),
        "{bad:?}"
    );
    let idle = in_rule("    on: [run.finish]\n    kinds: [execute]\n");
    assert!(
        idle[0].contains("the rule would match nothing")
            && idle[0].contains("write `on: [tool.call, edit]`"),
        "{idle:?}"
    );
    let example =
        in_rule("    on: ['*']\n    kinds: [execute]\n    examples: {match: [{kind: read}]}\n");
    assert!(
        example[0].contains("does not match the rule `r`"),
        "{example:?}"
    );
    assert!(in_rule("    on: [tool.call]\n    kinds: []\n")[0].contains("empty list"));
}

#[test]
fn all_problems_are_reported_at_once_with_their_places() {
    let text = "\
version: 2
default: allow
rules:
  - id: A b
    on: [task.clam]
    effect: forbid
    reason: x
  - id: two
    on: edit
    path: src
    effect: allow
    when: task.risk > 2
limits: {max_atempts: 3}
extends: strickt
";
    assert_eq!(
        problems(text),
        [
            "1:10: version 2 needs a newer version of ai",
            "4:9: the rule id `A b` must be 1 to 64 of lower-case letters, digits, `-`, `_` and `.`",
            "5:10: `task.clam` is no action; did you mean `task.claim`?",
            "6:13: `effect` cannot be `forbid`; known are allow, warn, require_approval, deny, observe",
            "10:5: a rule has no field `path`; did you mean `paths`?",
            "12:11: `when`, character 1: `task` has no field `risk`; known are id, type, labels, priority, attempts",
            "13:10: `limits` has no field `max_atempts`; did you mean `max_attempts`?",
            "14:10: there is no pack `strickt`; did you mean `strict`?",
        ]
    );
}

#[test]
fn what_is_missing_is_named() {
    assert_eq!(
        problems("default: allow\n"),
        ["1:1: the policy needs `version`"]
    );
    assert_eq!(
        problems("version: 1\n"),
        [
            "1:1: the policy needs `default`, which answers where no rule matches; write `default: allow` or `default: deny`"
        ]
    );
    assert_eq!(
        problems("- version: 1\n"),
        ["1:1: the policy must be a mapping, not a list"]
    );
    let rule = problems("version: 1\ndefault: allow\nrules: [{effect: deny}]\n");
    assert_eq!(
        rule,
        [
            "3:9: a rule needs `id`",
            "3:9: a rule needs `on`",
            "3:9: a rule needs `reason`, unless it allows; whoever meets the rule reads it",
        ]
    );
}

#[test]
fn duplicates_are_errors_with_a_line() {
    let keys = problems("version: 1\ndefault: allow\ndefault: deny\n");
    assert!(
        keys.len() == 1 && keys[0].starts_with("3:1: ") && keys[0].contains("duplicate"),
        "{keys:?}"
    );
    let ids = problems(
        "version: 1\ndefault: allow\nrules:\n  - {id: a, on: edit, effect: allow}\n  - {id: a, on: push, effect: allow}\n",
    );
    assert_eq!(ids, ["5:5: the rule id `a` is already taken at line 4"]);
}

#[test]
fn lists_and_globs_are_checked_one_by_one() {
    assert_eq!(
        in_rule("    on: edit\n    paths: [a, '../b', /c, '[d']\n"),
        [
            "7:16: the path pattern `../b` has an empty name, `.` or `..` in it",
            "7:24: the path pattern `/c` is absolute; patterns are relative to the repository root",
            "7:28: the path pattern `[d` has a `[` without its `]`",
        ]
    );
    assert_eq!(
        in_rule("    on: []\n"),
        ["6:9: `on` is an empty list, so the rule would match nothing"]
    );
    assert_eq!(in_rule("    on: [edit, ~]\n"), ["6:16: `on` is empty"]);
    assert_eq!(
        in_rule("    on: {edit: 1}\n"),
        ["6:9: `on` must be text, not a mapping"]
    );
}

#[test]
fn an_example_that_does_not_behave_is_a_problem() {
    let text = "    on: edit\n    paths: src/\n    examples:\n      match: [docs/a]\n      no_match: [src/b, {path: src/c, action: edit}]\n";
    assert_eq!(
        in_rule(text),
        [
            "9:15: the example `docs/a` does not match the rule `r`; correct the rule, or the example",
            "10:18: the example `src/b` matches the rule `r`; correct the rule, or the example",
            "10:25: the example `edit src/c` matches the rule `r`; correct the rule, or the example",
        ]
    );
    assert_eq!(
        in_rule("    on: edit\n    examples: {match: [{acton: edit}, {}, nothing]}\n"),
        [
            "7:25: an example has no field `acton`; did you mean `action`?",
            "7:39: the example states nothing",
            "7:43: `nothing` is no action",
        ]
    );
}

#[test]
fn ids_of_ai_are_kept_for_ai() {
    let rule = |id: &str| {
        problems(&format!(
            "version: 1\ndefault: allow\nrules: [{{id: {id}, on: edit, effect: allow}}]\n"
        ))
    };
    for id in [
        "default",
        "limit.max_attempts",
        "policy.unreadable",
        "built-in.humans-trust",
        "built-in.new",
    ] {
        assert!(rule(id)[0].contains("belongs to ai"), "{id}");
    }
    assert!(rule("built-in.protect-ai").is_empty());
}

#[test]
fn files_that_are_no_policy_have_named_problems() {
    let many = format!("version: 1\ndefault: allow\n{}", "x".repeat(1 << 20));
    for (bytes, wanted) in [
        (&b""[..], "is empty"),
        (b"\n\n", "is empty"),
        (b"# nothing yet\n", "is empty"),
        (b"version: 1\0", "NUL"),
        (b"\xff\xfev\0e\0", "UTF-16"),
        (b"version: \xff\n", "UTF-8"),
        (b"version: 1\n---\nversion: 1\n", "document"),
        (b"<<: {version: 1}\n", "merge"),
        (b"version: !!str 1\n\tdefault: allow", "YAML"),
        (many.as_bytes(), "larger than"),
    ] {
        let found = validate(bytes, FILE).expect("a problem").list;
        assert!(
            found.len() == 1 && found[0].message.contains(wanted),
            "{wanted}: {found:?}"
        );
    }
}

#[test]
fn numbers_and_words_of_other_yaml_dialects_are_refused() {
    for text in [
        "version: 01\ndefault: allow\n",
        "version: 1.0\ndefault: allow\n",
        "version: \"1\"\ndefault: allow\n",
        "version: 1\ndefault: yes\n",
        "version: 1\ndefault: Allow\n",
        "version: 1\ndefault: allow\nlimits: {max_attempts: 0}\n",
        "version: 1\ndefault: allow\nlimits: {max_attempts: -1}\n",
        "version: 1\ndefault: allow\nlimits: {max_attempts: 4294967296}\n",
        "version: 1\ndefault: allow\nlimits: {max_attempts: 0x10}\n",
    ] {
        assert_eq!(problems(text).len(), 1, "{text}");
    }
}

#[test]
fn a_message_cannot_drive_a_terminal() {
    let found = problems("version: 1\ndefault: allow\n\"\\e[2Jx\": 1\n");
    assert!(
        found[0].contains("\\e[2Jx") && !found[0].contains('\u{1b}'),
        "{found:?}"
    );
}
