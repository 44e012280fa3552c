use cel::parser::PrattParser;
use cel::{Context, Value};
use proptest::prelude::*;
use serde::Serialize;

use super::*;
use crate::domain::action::Action;
use crate::domain::actor::Actor;
use crate::domain::decision::{Effect, Resource};
use crate::domain::facts::Facts;
use crate::domain::repo_path::RepoPath;
use crate::domain::tool_kind::ToolKind;
use crate::policy::engine::decide;
use crate::policy::gather::{proven, validate};
use crate::policy::load::FILE;
use crate::policy::model::PolicyState;

/// A question with its owner.
struct Asked {
    action: Action,
    actor: Actor,
    resource: Resource,
    facts: Facts,
}

impl Asked {
    fn request(&self) -> Request<'_> {
        Request {
            action: self.action,
            actor: &self.actor,
            resource: &self.resource,
            facts: &self.facts,
        }
    }
}

/// The end of a run that has changed four files.
fn finish() -> Asked {
    let paths = ["src/main.rs", "docs/a.md", "Cargo.lock", "tests/old.rs"];
    Asked {
        action: Action::RunFinish,
        actor: "agent:codex".parse().unwrap(),
        resource: Resource {
            task: Some("t-1".into()),
            task_type: Some("bug".into()),
            labels: vec!["urgent".into(), "ui".into()],
            run: Some("t-1.1".into()),
            paths: paths.map(RepoPath::from).to_vec(),
            ..Resource::default()
        },
        facts: Facts {
            task_priority: Some(1),
            attempts_used: Some(0),
            diff_lines: Some(120),
            diff_files: Some(4),
            change_kinds: Some("MAMD".into()),
            ..Facts::default()
        },
    }
}

/// A tool call of a person, about no task.
fn call() -> Asked {
    Asked {
        action: Action::ToolCall,
        actor: "human:ann".parse().unwrap(),
        resource: Resource {
            tool: Some("curl é".into()),
            kind: Some(ToolKind::Execute),
            ..Resource::default()
        },
        facts: Facts::default(),
    }
}

/// `true`, `false`, or why there is no value.
fn value(text: &str, asked: &Asked) -> String {
    let condition = Condition::read(text).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
    match condition.holds(&asked.request(), &StepBudget::default()) {
        Ok(value) => value.to_string(),
        Err(failure) => failure.to_string(),
    }
}

#[test]
fn expressions_have_these_values() {
    let unknown = |fact: &str| format!("`{fact}` is not known here; ask `has({fact})` first");
    for (text, of_finish, of_call) in [
        ("true", "true".to_owned(), "true".to_owned()),
        ("action == 'run.finish'", "true".into(), "false".into()),
        (
            "actor.kind == \"agent\" && actor.name == 'codex'",
            "true".into(),
            "false".into(),
        ),
        (
            "actor.kind in ['human', 'hook']",
            "false".into(),
            "true".into(),
        ),
        ("has(actor.login) || true", "true".into(), "true".into()),
        ("task.type == 'bug'", "true".into(), unknown("task.type")),
        (
            "has(task.type) && task.type == 'bug'",
            "true".into(),
            "false".into(),
        ),
        (
            "!has(task.type) || task.priority < 2",
            "true".into(),
            "true".into(),
        ),
        (
            "task.priority + 1 == 2 && -task.priority == -1",
            "true".into(),
            unknown("task.priority"),
        ),
        // A failure counts unless the other side decides, on whichever side it stands.
        ("task.type == 'x' || true", "true".into(), "true".into()),
        ("true || task.type == 'x'", "true".into(), "true".into()),
        ("task.type == 'x' && false", "false".into(), "false".into()),
        (
            "task.type == 'bug' && true",
            "true".into(),
            unknown("task.type"),
        ),
        (
            "'urgent' in task.labels",
            "true".into(),
            unknown("task.labels"),
        ),
        (
            "task.labels.exists(l, l.startsWith('u'))",
            "true".into(),
            unknown("task.labels"),
        ),
        (
            "task.labels.all(l, size(l) < 3)",
            "false".into(),
            unknown("task.labels"),
        ),
        (
            "task.labels.exists_one(l, l.contains('i'))",
            "true".into(),
            unknown("task.labels"),
        ),
        (
            "size(change.paths.filter(p, p.endsWith('.rs'))) == 2",
            "true".into(),
            unknown("change.paths"),
        ),
        (
            "change.paths.all(p, glob('src/', p) || glob('**/*.md', p))",
            "false".into(),
            unknown("change.paths"),
        ),
        (
            "change.paths.exists(p, glob('src/', p))",
            "true".into(),
            unknown("change.paths"),
        ),
        (
            "change.files.exists(f, f.status == 'deleted' && f.path.matches('^tests/'))",
            "true".into(),
            unknown("change.files"),
        ),
        (
            "change.files[1].status == 'added' && change.files[1].path == 'docs/a.md'",
            "true".into(),
            unknown("change.files"),
        ),
        ("has(change.files[0].path)", "true".into(), "true".into()),
        (
            "change.paths[4] == 'x'",
            "a list has no such item".into(),
            unknown("change.paths"),
        ),
        (
            "change.paths[-1] == 'x'",
            "a list has no such item".into(),
            unknown("change.paths"),
        ),
        (
            "change.lines > 100 && change.file_count <= 4",
            "true".into(),
            unknown("change.lines"),
        ),
        (
            "change.lines / task.attempts > 1",
            "a number is divided by zero".into(),
            unknown("change.lines"),
        ),
        (
            "change.lines % 7 == 1",
            "true".into(),
            unknown("change.lines"),
        ),
        (
            "change.lines * 9223372036854775807 > 0",
            "a number grows too large".into(),
            unknown("change.lines"),
        ),
        (
            "9223372036854775807 + 1 > 0 || true",
            "true".into(),
            "true".into(),
        ),
        ("-9223372036854775808 < 0", "true".into(), "true".into()),
        (
            "(task.priority > 3 ? 'bug' : 'chore') == task.type",
            "false".into(),
            unknown("task.priority"),
        ),
        (
            "change.paths.exists(p, task.labels.exists(l, p.contains(l)))",
            "false".into(),
            unknown("change.paths"),
        ),
        (
            "tool.kind == 'execute' && tool.name.startsWith('curl')",
            unknown("tool.kind"),
            "true".into(),
        ),
        ("tool.name.size() == 6", unknown("tool.name"), "true".into()),
        (
            "tool.name.matches('[é]$')",
            unknown("tool.name"),
            "true".into(),
        ),
        (
            "'b' > 'a' && \"a\" != r'b' && 'é' > 'z'",
            "true".into(),
            "true".into(),
        ),
        (
            "globs.exists(g, g == 'src/**')",
            "`globs` is not known here".into(),
            "`globs` is not known here".into(),
        ),
        (
            "change.lines > 1 // the rest is a remark",
            "true".into(),
            unknown("change.lines"),
        ),
    ] {
        assert_eq!(
            value(text, &finish()),
            of_finish,
            "{text}, at the end of a run"
        );
        assert_eq!(value(text, &call()), of_call, "{text}, of a tool");
    }
}

#[test]
fn a_text_that_cannot_be_typed_is_refused_at_its_place() {
    for (text, at, message, hint) in [
        (
            "tsk.type == 'x'",
            "tsk",
            "there is no fact `tsk`",
            "did you mean `task`?",
        ),
        (
            "task.prio > 1",
            "task.prio",
            "`task` has no field `prio`",
            "known are id, type, labels, priority, attempts",
        ),
        (
            "task.priorty > 1",
            "task.priorty",
            "`task` has no field `priorty`",
            "did you mean `priority`?",
        ),
        (
            "true && task",
            "task",
            "`task` is no value by itself",
            "name one of its fields: id, type, labels, priority, attempts",
        ),
        (
            "task.priority == '1'",
            "task.priority == '1'",
            "a number is not compared with a text so",
            "",
        ),
        (
            "actor.kind == 'agnet'",
            "'agnet'",
            "it is never `agnet`",
            "did you mean `agent`?",
        ),
        (
            "actor.kind in ['agent', 'bot']",
            "'bot'",
            "it is never `bot`",
            "known are human, agent, daemon, hook",
        ),
        (
            "action == 'task.clam'",
            "'task.clam'",
            "it is never `task.clam`",
            "did you mean `task.claim`?",
        ),
        (
            "change.files.exists(f, f.status == 'add')",
            "'add'",
            "it is never `add`",
            "known are added, modified, deleted, retyped",
        ),
        (
            "change.files.exists(f, f.pth == 'x')",
            "f.pth",
            "a changed file has no field `pth`",
            "did you mean `path`?",
        ),
        (
            "task.priority",
            "task.priority",
            "a condition is true or false, and this is a number",
            "",
        ),
        (
            "task.priority && true",
            "task.priority",
            "a bool is wanted here, and this is a number",
            "",
        ),
        (
            "size(task.priority) > 1",
            "task.priority",
            "a number has no size",
            "",
        ),
        (
            "task.type.startWith('a')",
            "task.type.startWith('a'",
            "there is no function `startWith`",
            "did you mean `startsWith`?",
        ),
        (
            "task.type.startsWith('a', 'b')",
            "task.type.startsWith('a', 'b'",
            "`startsWith` is not called so",
            "write `a.startsWith(b)`",
        ),
        (
            "glob(change.paths[0], 'x')",
            "change.paths[0",
            "the pattern of `glob` is written out as a text",
            "",
        ),
        (
            "glob('/abs', actor.name)",
            "'/abs'",
            "the path pattern `/abs` is absolute; patterns are relative to the repository root",
            "",
        ),
        (
            "actor.name.matches('(')",
            "'('",
            "the pattern of `matches` cannot be used: unclosed group",
            "",
        ),
        (
            "actor.name.matches('(a{1000}){1000}')",
            "'(a{1000}){1000}'",
            "the pattern of `matches` grows too large",
            "",
        ),
        (
            "change.paths.map(p, p)",
            "map",
            "lists are not mapped in conditions",
            "known are `all`, `exists`, `exists_one` and `filter`",
        ),
        (
            "task.priority in [1, 'a']",
            "'a'",
            "the items of a list are of one type, and this is a text among numbers",
            "",
        ),
        (
            "task.priority in []",
            "task.priority in []",
            "an empty list holds nothing to compare with",
            "",
        ),
        (
            "task.priority in ['a']",
            "task.priority",
            "a number is never in a list of texts",
            "",
        ),
        (
            "task.priority > 1.5",
            "1.5",
            "facts have whole numbers only; write it without `u`, `.` or `e`",
            "",
        ),
        (
            "actor.login == null",
            "null",
            "no fact is null; ask with `has(…)` whether one is known",
            "",
        ),
        (
            "{'a': 1} == {}",
            "{",
            "maps and messages are not used in conditions",
            "",
        ),
        ("actor.name == ", "", "the condition ends too early", ""),
        (
            "actor.name = 'x'",
            "=",
            "`=` sets something in other languages; write `==`",
            "",
        ),
        ("actor.name == 'x", "'x", "unterminated string literal", ""),
        ("é == 1", "é", "unexpected character", ""),
        ("true && ((false)", "", "the condition ends too early", ""),
        (
            "task.labels == task.labels",
            "task.labels == task.labels",
            "a list of texts is not compared with a list of texts so",
            "",
        ),
        (
            "change.paths.exists(a, change.paths.exists(b, change.paths.exists(c, a == c)))",
            "change.paths.exists(c, a == c",
            "looks at each item of a list stand at most 2 deep",
            "",
        ),
    ] {
        let fault = Condition::read(text).expect_err(text);
        let found = (
            &text[fault.at.clone()],
            fault.message.as_str(),
            fault.hint.as_deref().unwrap_or(""),
        );
        assert_eq!(found, (at, message, hint), "{text}");
    }
}

#[test]
fn what_would_nest_or_grow_without_end_is_refused() {
    let nested =
        |open: &str, close: &str, n: usize| format!("{}true{}", open.repeat(n), close.repeat(n));
    for (text, message) in [
        (
            nested("(true && (", "))", 300),
            "the condition has more than 1000 words and signs",
        ),
        (
            nested("!(", ")", 30),
            "the condition is nested deeper than 24",
        ),
        (
            nested("[", "][0]", 90),
            "the condition is nested deeper than 24",
        ),
        (
            format!("{} > 1", vec!["1"; 120].join(" + ")),
            "the condition has too many operators in a row; use `in` with a list, or several rules",
        ),
        (
            format!("'{}' == 'x'", "y".repeat(5000)),
            "the condition is longer than 4096 bytes",
        ),
    ] {
        assert_eq!(
            Condition::read(&text).expect_err("refused").message,
            message
        );
    }
    // Many of the same nest no deeper, and signs in front of a value are counted off.
    for text in [
        vec!["true"; 400].join(" && "),
        format!("{}true", "!".repeat(600)),
        nested("(", ")", 400),
    ] {
        assert_eq!(value(&text, &finish()), "true");
    }
}

#[test]
fn bounds_hold_and_are_never_absorbed() {
    let mut asked = finish();
    let many = |n: usize| {
        (0..n)
            .map(|i| RepoPath::from(format!("d{i}/f").as_str()))
            .collect()
    };
    asked.resource.paths = many(10_000);
    asked.facts.change_kinds = None;
    assert_eq!(value("change.paths.exists(p, p == 'x')", &asked), "false");
    assert_eq!(
        value("change.paths.all(p, glob('**/f', p))", &asked),
        "true"
    );
    let squared = "change.paths.exists(p, change.paths.exists(q, p == 'x' && q == 'x'))";
    assert_eq!(value(squared, &asked), "it takes too many steps");
    assert_eq!(
        value(&format!("{squared} || true"), &asked),
        "it takes too many steps"
    );
    asked.resource.paths = many(10_001);
    assert_eq!(
        value("change.paths.exists(p, true) || true", &asked),
        "a list has more than 10000 items"
    );

    // All conditions of one question together are bounded, too.
    let budget = StepBudget::default();
    asked.resource.paths = many(10_000);
    let condition = Condition::read(squared).unwrap();
    let mut rounds = 0;
    while !budget.is_used_up() {
        assert!(condition.holds(&asked.request(), &budget).is_err());
        rounds += 1;
    }
    assert_eq!(rounds, 20);
    assert_eq!(
        Condition::read("true")
            .unwrap()
            .holds(&asked.request(), &budget),
        Err(ConditionFailure::Steps)
    );
}

#[test]
fn a_path_in_no_encoding_is_matched_as_rules_match_it() {
    let mut asked = finish();
    asked.resource.paths = vec![RepoPath::new(b"src/\xff.rs".to_vec())];
    for (text, expected) in [
        ("change.paths[0].startsWith('src/')", "true"),
        ("change.paths[0].contains('.rs')", "true"),
        ("glob('src/', change.paths[0])", "true"),
        ("change.paths[0] == 'src/.rs'", "false"),
        ("change.paths[0].matches('rs$')", "true"),
    ] {
        assert_eq!(value(text, &asked), expected, "{text}");
    }
}

fn policy(default: &str, rules: &[String]) -> String {
    let rules: String = rules
        .iter()
        .map(|rule| format!("\n  - {{{rule}}}"))
        .collect();
    let rules = if rules.is_empty() { "[]" } else { &rules };
    format!("version: 1\ndefault: {default}\nrules: {rules}\n")
}

fn rule(id: &str, effect: &str, when: &str) -> String {
    format!("id: {id}, on: ['*'], effect: {effect}, reason: r, when: '{when}'")
}

fn effect(text: &str, asked: &Asked) -> Effect {
    let state = PolicyState::from_bytes(Some(text.as_bytes()), FILE);
    assert!(matches!(state, PolicyState::Loaded(_)), "{state:?}");
    decide(&state, &asked.request()).effect
}

#[test]
fn a_rule_matches_where_its_condition_is_true() {
    for (default, of_rule, when, expected) in [
        ("allow", "deny", "change.lines > 100", Effect::Deny),
        ("allow", "deny", "change.lines > 200", Effect::Allow),
        ("deny", "allow", "change.lines > 100", Effect::Allow),
        // A condition that is false answers for nothing: the default stands.
        ("deny", "allow", "change.lines > 200", Effect::Deny),
        ("deny", "warn", "change.lines > 200", Effect::Deny),
        // One without a value denies, whatever its rule would say.
        ("allow", "allow", "change.lines / 0 > 1", Effect::Deny),
        ("allow", "warn", "tool.name.size() > 1", Effect::Deny),
    ] {
        let text = policy(default, &[rule("r", of_rule, when)]);
        assert_eq!(
            effect(&text, &finish()),
            expected,
            "{default} {of_rule} {when}"
        );
    }
    // What only observes decides nothing, and answers for nothing, whatever its condition does.
    for when in ["true", "change.lines / 0 > 1", "change.lines > 200"] {
        for (default, expected) in [("allow", Effect::Allow), ("deny", Effect::Deny)] {
            let text = policy(default, &[rule("r", "observe", when)]);
            assert_eq!(effect(&text, &finish()), expected, "{default} {when}");
        }
    }
    // What the rule is not about is not asked.
    let elsewhere =
        "id: r, on: [task.create], effect: deny, reason: r, when: change.lines / 0 > 1".to_owned();
    let other_paths =
        "id: s, on: ['*'], paths: [nowhere/], effect: deny, reason: r, when: 1 / 0 > 1".to_owned();
    assert_eq!(
        effect(&policy("allow", &[elsewhere, other_paths]), &finish()),
        Effect::Allow
    );
}

#[test]
fn a_file_says_where_its_conditions_are_at_fault() {
    let text = "version: 1\ndefault: allow\nrules:\n  - id: a\n    on: [edit]\n    effect: allow\n    \
                when: has(task.typ)\n  - id: b\n    on: [edit]\n    effect: allow\n    when: 'task.id == 7'\n  \
                - id: c\n    on: [edit]\n    effect: allow\n    when: |\n      true &&\n      nothing\n";
    let problems: Vec<String> = validate(text.as_bytes(), FILE)
        .map_or_else(Vec::new, |found| found.list)
        .iter()
        .map(|problem| {
            format!(
                "{}:{} {}",
                problem.place.line, problem.place.column, problem.message
            )
        })
        .collect();
    assert_eq!(
        problems,
        [
            "7:11 `when`, character 1: `task` has no field `typ`",
            "11:12 `when`, character 1: a text is not compared with a number so",
            "17:7 `when`, line 2, character 1: there is no fact `nothing`",
        ]
    );
}

#[test]
fn a_file_that_was_proven_before_answers_as_a_new_one_and_fails_where_it_is_none() {
    let text = policy("deny", &[rule("r", "allow", "change.lines > 100")]);
    assert_eq!(
        decide(&proven(&text), &finish().request()).effect,
        Effect::Allow
    );
    let bad = policy("allow", &[rule("r", "allow", "nothing > 100")]);
    let decision = decide(&proven(&bad), &finish().request());
    assert_eq!(
        (decision.effect, decision.reason.as_str()),
        (
            Effect::Deny,
            "the condition of the rule has no value, so it denies: it cannot be read"
        )
    );
}

proptest! {
    #[test]
    fn a_condition_without_a_value_never_loosens(
        default in prop::sample::select(vec!["allow", "warn", "require_approval", "deny"]),
        effects in prop::collection::vec((prop::sample::select(vec!["allow", "warn", "require_approval", "deny"]),
            prop::sample::select(vec!["true", "change.lines > 100", "change.lines > 200", "1 / 0 == 1"])), 0..4),
        broken in prop::sample::select(vec!["allow", "warn", "require_approval", "deny"]),
        observed in prop::sample::select(vec!["true", "change.lines > 200", "1 / 0 == 1"]),
    ) {
        let mut rules: Vec<String> = effects.iter().enumerate()
            .map(|(n, (effect, when))| rule(&format!("r{n}"), effect, when)).collect();
        let without = effect(&policy(default, &rules), &finish());
        rules.push(rule("broken", broken, "task.attempts / 0 > 1"));
        let with = effect(&policy(default, &rules), &finish());
        rules.pop();
        rules.push(rule("observer", &format!("observe, would: {broken}"), observed));
        prop_assert_eq!(effect(&policy(default, &rules), &finish()), without);
        prop_assert!(with >= without);
        prop_assert_eq!(with, Effect::Deny);
    }

    #[test]
    fn no_text_is_too_much(words in prop::collection::vec(prop::sample::select(vec![
        "(", ")", "[", "]", "{", "}", ".", ",", "?", ":", "!", "-", "+", "*", "/", "%", "&&", "||", "==", "<=", "in",
        "true", "null", "1", "0x1f", "1u", "2.5e3", "'a'", "\"\\u00e9\"", "'''", "r'\\'", "b'x'", "'\\", "`a`", "é", "\u{0}", "//", "\n",
        "task", ".priority", "change.paths", ".exists(", ".all(p,", "has(", "size(", "glob('**',", ".matches('", "p", "@x", "if",
    ]), 0..60), blanks in any::<bool>()) {
        let text = words.join(if blanks { " " } else { "" });
        if let Ok(condition) = Condition::read(&text) {
            let _answer = condition.holds(&finish().request(), &StepBudget::default());
        }
    }

    #[test]
    fn what_is_evaluated_here_is_cel(text in boolean(3)) {
        let asked = finish();
        let ours = match Condition::read(&text) {
            Ok(condition) => condition.holds(&asked.request(), &StepBudget::default()),
            Err(fault) => {
                prop_assert_eq!(&fault.message, "looks at each item of a list stand at most 2 deep", "{}", text);
                return Ok(());
            }
        };
        let tree = PrattParser::new().parse(&text).unwrap();
        let theirs = Value::resolve(&tree, &context());
        match (&ours, &theirs) {
            (Ok(ours), Ok(Value::Bool(theirs))) => prop_assert_eq!(ours, theirs, "{}", text),
            (Err(_), Err(_)) => {}
            _ => prop_assert!(false, "{}: {:?}, and by CEL's own {:?}", text, ours, theirs),
        }
    }
}

/// The facts of [`finish`] for the interpreter of the `cel` crate.
fn context() -> Context<'static, 'static> {
    #[derive(Serialize)]
    struct Person {
        kind: &'static str,
        name: &'static str,
    }
    #[derive(Serialize)]
    struct Work {
        id: &'static str,
        labels: [&'static str; 2],
        priority: i64,
        attempts: i64,
    }
    #[derive(Serialize)]
    struct Changed {
        paths: [&'static str; 4],
        lines: i64,
    }
    #[derive(Serialize)]
    struct Nothing {}
    let mut context = Context::default();
    let work = Work {
        id: "t-1",
        labels: ["urgent", "ui"],
        priority: 1,
        attempts: 0,
    };
    let change = Changed {
        paths: ["src/main.rs", "docs/a.md", "Cargo.lock", "tests/old.rs"],
        lines: 120,
    };
    context.add_variable("action", "run.finish").unwrap();
    context
        .add_variable(
            "actor",
            Person {
                kind: "agent",
                name: "codex",
            },
        )
        .unwrap();
    context.add_variable("task", work).unwrap();
    context.add_variable("change", change).unwrap();
    context.add_variable("tool", Nothing {}).unwrap();
    context
}

/// Expressions that are true or false, of known and unknown facts.
fn boolean(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        Just("true".to_owned()),
        Just("false".to_owned()),
        Just("has(task.priority)".to_owned()),
        Just("has(tool.name)".to_owned()),
        Just("!has(actor.login)".to_owned()),
        (
            number(1),
            prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]),
            number(1)
        )
            .prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        (
            text(),
            prop::sample::select(vec!["==", "!=", "<", ">="]),
            text()
        )
            .prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        (text(), list()).prop_map(|(a, b)| format!("{a} in {b}")),
        (
            text(),
            prop::sample::select(vec!["startsWith", "endsWith", "contains"]),
            text()
        )
            .prop_map(|(a, f, b)| format!("{a}.{f}({b})")),
    ];
    leaf.prop_recursive(depth, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("(({a}) ? ({b}) : ({c}))")),
            (
                list(),
                prop::sample::select(vec!["all", "exists", "exists_one"]),
                text(),
                inner.clone()
            )
                .prop_map(|(l, each, t, a)| format!("{l}.{each}(i, i == {t} || ({a}))")),
            (list(), text(), number(1))
                .prop_map(|(l, t, n)| format!("size({l}.filter(i, i > {t})) == {n}")),
        ]
    })
    .boxed()
}

fn number(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        (-3i64..130).prop_map(|n| format!("({n})")),
        Just("9223372036854775807".to_owned()),
        Just("task.priority".to_owned()),
        Just("task.attempts".to_owned()),
        Just("change.lines".to_owned()),
        list().prop_map(|l| format!("size({l})")),
        text().prop_map(|t| format!("size({t})")),
    ];
    leaf.prop_recursive(depth, 4, 2, |inner| {
        (
            inner.clone(),
            prop::sample::select(vec!["+", "-", "*", "/", "%"]),
            inner,
        )
            .prop_map(|(a, op, b)| format!("({a} {op} {b})"))
    })
    .boxed()
}

fn text() -> BoxedStrategy<String> {
    prop::sample::select(vec![
        "'ui'",
        "'src/main.rs'",
        "'é'",
        "''",
        "actor.name",
        "task.id",
        "tool.name",
        "change.paths[1]",
        "task.labels[7]",
    ])
    .prop_map(str::to_owned)
    .boxed()
}

fn list() -> BoxedStrategy<String> {
    prop::sample::select(vec![
        "task.labels",
        "change.paths",
        "['ui', 'urgent', 'é']",
        "[task.id, tool.name]",
    ])
    .prop_map(str::to_owned)
    .boxed()
}

/// A bound in release builds; in others only that it answers.
#[test]
fn a_thousand_conditions_are_asked_in_half_a_millisecond() {
    let rules: Vec<String> = (0..1000)
        .map(|n| {
            let when = format!(
                "actor.kind == \"agent\" && change.lines > {} && change.paths.exists(p, p.startsWith(\"docs/\")) && \"ui{n}\" in task.labels",
                n % 100
            );
            rule(&format!("r{n}"), "deny", &when)
        })
        .collect();
    let text = policy("allow", &rules);
    let state = PolicyState::from_bytes(Some(text.as_bytes()), FILE);
    let asked = finish();
    let mut times: Vec<std::time::Duration> = (0..201)
        .map(|_| {
            let start = std::time::Instant::now();
            assert_eq!(decide(&state, &asked.request()).effect, Effect::Allow);
            start.elapsed()
        })
        .collect();
    times.sort();
    let median = times[times.len() / 2];
    println!("one decision over 1,000 conditions: {median:?}");
    if !cfg!(debug_assertions) {
        assert!(median < std::time::Duration::from_micros(500), "{median:?}");
    }
}
