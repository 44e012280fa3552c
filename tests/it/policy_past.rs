//! Decisions of the past, as whoever changes a policy looks at them.

use serde_json::{Value, json};

use crate::policy_layers::blocks_of;
use crate::schemas::checked;
use crate::snapshot;
use crate::support::Sandbox;

const OLD: &str = "version: 1\ndefault: allow\nrules:\n  - {id: hot, on: task.create, labels: hot, effect: warn, reason: it is hot}\n";
const NEW: &str = "version: 1\ndefault: allow\nrules:\n  - {id: plans-need-a-human, on: task.create, types: plan, effect: require_approval, \
                   reason: a plan is looked at first}\n  - {id: low, on: task.create, when: task.priority > 2, effect: deny, reason: not now}\n";

/// A project in which tasks were created: a plan, a hot one, one of low priority by an agent, and one whose
/// record does not hold all that was asked.
fn past() -> Sandbox {
    let sandbox = Sandbox::project();
    sandbox.write(".ai/policy.yaml", OLD);
    sandbox.task("A plan", &["--type", "plan"]);
    sandbox.task("A hot one", &["--label", "hot"]);
    sandbox.task("Later", &["--priority", "4", "--as", "agent:zed"]);
    sandbox.task(
        "With a secret",
        &["--label", "ghp_0123456789abcdefghijklmnopqrstuvwxyzAB"],
    );
    sandbox.write("drafts/policy.yaml", NEW);
    sandbox
}

#[test]
fn the_past_is_judged_by_another_policy_and_what_cannot_be_is_told() {
    let sandbox = past();
    snapshot!(sandbox.ai(&["policy", "replay", "--policy", "drafts/policy.yaml"]));
    let told = sandbox.ai_json(&[
        "policy",
        "replay",
        "--policy",
        "drafts/policy.yaml",
        "--since",
        "7d",
    ]);
    let changed: Vec<Value> = told["changed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            json!([
                one["decision"]["effect"],
                one["effect"],
                one["rule"],
                one["decision"]["actor"]
            ])
        })
        .collect();
    assert_eq!(
        json!(changed),
        json!([
            [
                "allow",
                "require_approval",
                "plans-need-a-human",
                "human:tester"
            ],
            ["warn", "allow", "default", "human:tester"],
            ["allow", "deny", "low", "agent:zed"],
        ])
    );
    assert_eq!(told["not_replayable"], json!({ "incomplete": 1 }));
    // By the policy that decided, nothing would change.
    let same = sandbox.ai_json(&["policy", "replay", "--policy", ".ai/policy.yaml"]);
    assert_eq!((&same["changed"], &same["same"]), (&json!([]), &json!(3)));
    sandbox.write("drafts/bad.yaml", "version: 1\ndefault: alow\n");
    snapshot!(sandbox.ai(&["policy", "replay", "--policy", "drafts/bad.yaml"]));
    snapshot!(sandbox.ai(&["policy", "replay", "--policy", "drafts/none.yaml"]));
    snapshot!(sandbox.ai(&[
        "policy",
        "replay",
        "--policy",
        ".ai/policy.yaml",
        "--since",
        "soon"
    ]));
}

#[test]
fn the_log_is_narrowed_by_each_word_and_by_all_of_them() {
    let sandbox = past();
    let count = |args: &[&str]| {
        sandbox
            .ai_json_lines(&[&["policy", "log"], args].concat())
            .len()
    };
    for (args, wanted) in [
        (&["--actor", "agent:zed"][..], 1),
        (&["--actor", "zed"], 1),
        (&["--actor", "human:zed"], 0),
        (&["--rule", "hot"], 1),
        (&["--rule", "default"], 3),
        (&["--effect", "warn"], 1),
        (&["--effect", "deny"], 0),
        (&["--action", "task.create"], 4),
        (&["--action", "push"], 0),
        (&["--since", "1d"], 4),
        (&["--actor", "zed", "--rule", "hot"], 0),
        (&["--rule", "default", "-n", "2"], 2),
    ] {
        assert_eq!(count(args), wanted, "{args:?}");
    }
    snapshot!(sandbox.ai(&["policy", "log", "--effect", "denied"]));
}

#[test]
fn a_name_that_no_rule_has_is_told() {
    let sandbox = past();
    let hints = ["nosuch", "hto", "built-in.locked-paths"].map(|rule| {
        let told = sandbox.ai(&["policy", "log", "--rule", rule]);
        assert_eq!((told.code, told.stdout.as_str()), (Some(0), ""), "{told}");
        told.stderr
    });
    snapshot!(hints.concat(), @"
    hint: no rule is called `nosuch`; `ai policy show` lists those of the policy
    hint: no rule is called `hto`; did you mean `hot`?
    ");
}

#[test]
fn every_rule_of_now_is_told_with_how_it_stands_to_a_decision() {
    let sandbox = past();
    let hot = sandbox.ai_json_lines(&["policy", "log", "--rule", "hot"]);
    let id = hot[0]["id"].as_str().unwrap();
    snapshot!(sandbox.ai(&["policy", "explain", id, "--rules"]));
    sandbox.write(".ai/policy.yaml", NEW);
    snapshot!(sandbox.ai(&["policy", "explain", id, "--rules"]));
    let told = sandbox.ai_json(&["policy", "explain", id, "--rules"]);
    assert_eq!(
        (&told["same_policy"], &told["effect"], &told["rule"]),
        (&json!(false), &json!("allow"), &json!("default"))
    );
    // What is printed without it is the record itself.
    assert_eq!(sandbox.ai_json(&["policy", "explain", id]), hot[0]);
    assert_eq!(
        blocks_of("docs/policy-tools.md", "Judge the past by another policy").len(),
        1
    );
}

/// What an export holds is what the store has; of names of people, paths and texts it has none where that is asked for.
#[test]
fn an_export_for_auditors_is_whole_and_masks_what_it_is_told_to() {
    let sandbox = past();
    sandbox.ai_ok(&[
        "policy",
        "override",
        "add",
        "hot",
        "--for",
        "2h",
        "--path",
        "docs/secret-plan.md",
        "--reason",
        "the release of nobody",
    ]);
    let lines = |args: &[&str]| sandbox.ai_json_lines(&[&["policy", "export"], args].concat());
    let plain = lines(&[]);
    let of = |line: &Value| line["line"].as_str().unwrap().to_owned();
    let kinds: Vec<String> = plain
        .iter()
        .map(|line| match line["event"]["kind"].as_str() {
            Some(kind) => kind.to_owned(),
            None => of(line),
        })
        .collect();
    snapshot!(kinds.join("\n"));
    let decisions = sandbox.ai_json_lines(&["policy", "log"]).len();
    let end = plain.last().unwrap();
    assert_eq!(
        (&end["decisions"], &end["overrides"]),
        (&json!(decisions), &json!(1))
    );
    let (header, policy) = (&plain[0], &plain[1]["policy"]);
    assert_eq!(
        (&header["masked"], header["from_ms"].is_null()),
        (&Value::Null, true)
    );
    assert_eq!(
        policy["rules"].as_array().unwrap().last().unwrap()["file"],
        ".ai/policy.yaml"
    );
    let schema = sandbox.ai_json(&["schema", "policy-export"]);
    let masked = lines(&["--masked"]);
    for line in plain.iter().chain(&masked) {
        assert_eq!(checked(&schema, line, "line"), Ok(()));
    }
    // Nothing that somebody wrote or is called is left, and what policy names is.
    let text: String = masked.iter().map(|line| format!("{line}\n")).collect();
    let in_it = |word: &&str| text.matches(word).count() > 0;
    // An id has no `o` and no `l`, so that none has one of these words in it by chance.
    let names = ["nobody", "human:tester", "secret-plan", "docs", "it is hot"];
    let left: Vec<&str> = names.into_iter().filter(in_it).collect();
    assert_eq!(left, [""; 0], "{text}");
    let kept = ["task.create", "\"hot\"", "agent:zed"];
    assert_eq!(kept.into_iter().filter(in_it).count(), kept.len(), "{text}");
    // Two exports agree but for the time at which they were made, and the key is in neither.
    let again = lines(&["--masked"]);
    assert_eq!(again[1..], masked[1..]);
    let key = sandbox.read(".git/ai/mask-key");
    assert_eq!((text.matches(&key).count(), key.len()), (0, 64));
    // A file is made whole or not at all, and never in the place of another one.
    let to_file = sandbox.ai(&[
        "policy",
        "export",
        "--since",
        "1h",
        "--masked",
        "../audit.jsonl",
    ]);
    snapshot!(to_file);
    let file = sandbox.read("../audit.jsonl");
    let last: Value = serde_json::from_str(file.lines().last().unwrap()).unwrap();
    assert_eq!(
        (of(&last), &last["decisions"]),
        ("end".to_owned(), &json!(decisions))
    );
    assert_eq!(
        sandbox.ai(&["policy", "export", "../audit.jsonl"]).code,
        Some(4)
    );
    assert_eq!(lines(&["--since", "0s"]).len(), 3);
}
