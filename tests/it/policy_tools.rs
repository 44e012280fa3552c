//! The tools around a policy, as whoever writes one uses them.

use serde_json::json;

use crate::policy_layers::{blocks_of, replay};
use crate::schemas::checked;
use crate::snapshot;
use crate::support::{Sandbox, markdown};

const PAGE: &str = "docs/policy-tools.md";

#[test]
fn the_page_about_tests_shows_what_is_printed() {
    let sandbox = Sandbox::repository();
    sandbox.ai_ok(&["init", "--yes", "--policy", "default"]);
    let blocks = blocks_of(PAGE, "Test a policy");
    sandbox.write(".ai/policy.test.yaml", &blocks[0].text);
    replay(&sandbox, &blocks[1]);
}

const RULES: &str = "version: 1\ndefault: allow\nextends: ./policies/own.yaml\n";
const PACK: &str = "version: 1\nrules:\n  - {id: keys, on: edit, paths: secrets/, effect: deny, reason: '<keys> & \"more\"', \
                    examples: {match: [secrets/a], no_match: [src/a]}}\n";

fn tested(tests: &str) -> Sandbox {
    let sandbox = Sandbox::project();
    sandbox.write(".ai/policy.yaml", RULES);
    sandbox.write(".ai/policies/own.yaml", PACK);
    if !tests.is_empty() {
        sandbox.write(".ai/policy.test.yaml", tests);
    }
    sandbox
}

const TESTS: &str = "version: 1\ntests:\n  - {name: an agent, ask: {action: edit, actor: 'agent:z', paths: secrets/a}, expect: deny, rule: keys}\n  \
                     - {name: a person, ask: {action: edit, actor: 'human:ann', paths: secrets/a}, expect: allow}\n";

#[test]
fn a_report_for_ci_has_each_example_and_each_test() {
    let sandbox = tested(TESTS);
    snapshot!(sandbox.ai(&["policy", "test", "--format", "junit"]));
    snapshot!(sandbox.ai(&["policy", "test", "--json"]));
    snapshot!(sandbox.ai(&["policy", "test", "--json", "--format", "junit"]));
}

#[test]
fn examples_alone_are_tried_where_there_is_no_file_of_tests() {
    let sandbox = tested("");
    snapshot!(sandbox.ai(&["policy", "test"]));
    snapshot!(sandbox.ai(&["policy", "test", "tests.yaml"]));
    // Those of a pack that an agent's layer extends count, and once.
    sandbox.write(
        ".ai/agents/zed/policy.yaml",
        "version: 1\nextends: ./policies/own.yaml\n",
    );
    snapshot!(sandbox.ai(&["policy", "test"]));
    // The user's own layer is another one on the next machine.
    let home = sandbox.base().join("home/.config/ai/policy.yaml");
    std::fs::create_dir_all(home.parent().unwrap()).unwrap();
    std::fs::write(
        &home,
        "version: 1\nrules: [{id: no, on: '*', effect: deny, reason: mine}]\n",
    )
    .unwrap();
    sandbox.write(
        ".ai/policy.test.yaml",
        TESTS.replace("expect: allow", "expect: deny"),
    );
    let one = &sandbox.ai_json(&["policy", "test"])["tests"][1];
    assert_eq!(one["rule"], json!("keys"));
}

#[test]
fn files_that_cannot_be_used_are_shown_with_their_places() {
    let sandbox = tested(&TESTS.replace("expect: allow", "expects: alow"));
    sandbox.write(
        ".ai/policies/own.yaml",
        PACK.replace("no_match: [src/a]", "no_match: [secrets/b]"),
    );
    snapshot!(sandbox.ai(&["policy", "test"]));
    let junit = sandbox.ai(&["policy", "test", "--format", "junit"]);
    assert_eq!(junit.code, Some(2));
}

/// A repository with the pack `default` at the tag `v1`, and two commits behind it on `topic`: a person's, and
/// one of an agent that touches CI and brings a key.
fn topic() -> Sandbox {
    let sandbox = Sandbox::repository();
    let pack = markdown::project().join("policies/default.yaml");
    sandbox.write(".ai/policy.yaml", std::fs::read_to_string(pack).unwrap());
    sandbox.commit("rules");
    sandbox.git(&["tag", "v1"]);
    sandbox.git(&["checkout", "-q", "-b", "topic"]);
    sandbox.write("notes.md", "notes\n");
    sandbox.git(&["add", "."]);
    sandbox.git(&[
        "commit",
        "-q",
        "-m",
        "notes",
        "--author",
        "Ann <Ann@example.com>",
    ]);
    // It loosens the policy, which does not count.
    sandbox.write(".ai/policy.yaml", "version: 1\ndefault: allow\n");
    sandbox.write(".github/workflows/ci.yml", "on: push\n");
    sandbox.write(".env", "KEY=1\n");
    sandbox.git(&["add", "-f", "."]);
    sandbox.git(&["commit", "-q", "-m", "a server\n\nAI-Agent: codex"]);
    sandbox
}

/// The outcome with names of commits replaced by their places in the history.
fn shown(sandbox: &Sandbox, outcome: &impl std::fmt::Display) -> String {
    let mut text = outcome.to_string();
    for (name, rev) in [("[C1]", "v1"), ("[C2]", "topic~"), ("[C3]", "topic")] {
        let long = sandbox.git(&["rev-parse", rev]);
        let short = long[..7].to_owned();
        text = text.replace(&long, name);
        // A short name may be longer than seven letters.
        while let Some(at) = text.find(&short) {
            let rest = text[at..].bytes().take_while(u8::is_ascii_hexdigit).count();
            text.replace_range(at..at + rest, name);
        }
    }
    text
}

#[test]
fn the_commits_of_a_range_are_judged_by_the_policy_at_its_beginning() {
    let sandbox = topic();
    let check = |more: &[&str]| {
        let args = [&["policy", "check", "--range", "v1..topic"], more].concat();
        sandbox.ai(&args)
    };
    snapshot!(shown(&sandbox, &check(&[])));
    snapshot!(shown(
        &sandbox,
        &check(&["--json", "--branch", "refs/heads/main"])
    ));
    snapshot!(shown(&sandbox, &check(&["--format", "junit"])));
    snapshot!(shown(&sandbox, &check(&["--as", "human:ann@example.com"])));
    // No store, no checkout: a bare clone elsewhere says the same.
    let bare = sandbox.base().join("bare.git");
    sandbox.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    let there = sandbox.ai_in(&bare, &["policy", "check", "--range", "v1..topic"]);
    assert_eq!(there.to_string(), check(&[]).to_string());
    assert!(!bare.join("ai").exists());
    let person = sandbox.ai(&["policy", "check", "--range", "v1..topic~"]);
    snapshot!(shown(&sandbox, &person));
}

#[test]
fn an_agent_of_the_range_has_its_layer_of_the_base_and_a_merge_is_judged_by_its_own() {
    let sandbox = topic();
    sandbox.git(&["checkout", "-q", "-b", "other", "v1"]);
    let layer =
        "version: 1\nrules: [{id: no, on: commit, paths: lib/, effect: deny, reason: not there}]\n";
    sandbox.write(".ai/agents/codex/policy.yaml", layer);
    sandbox.commit("a layer");
    sandbox.write("lib/a", "1\n");
    sandbox.git(&["add", "."]);
    sandbox.git(&["commit", "-q", "-m", "work\n\nAI-Agent: codex"]);
    sandbox.git(&["merge", "-q", "-m", "both", "topic~"]);
    let checked = sandbox.ai(&["policy", "check", "--json", "--range", "other~2..other"]);
    let answer: serde_json::Value = serde_json::from_str(&checked.stdout).unwrap();
    let told = answer["questions"].as_array().unwrap().iter().map(|one| {
        json!([
            one["subject"],
            one["actor"],
            one["effect"],
            one["rule"],
            one["paths"]
        ])
    });
    let told: Vec<_> = told.collect();
    assert_eq!(
        json!(told),
        json!([
            ["notes", "human:ann@example.com", "allow", "default", 1],
            ["work", "agent:codex", "deny", "no", 1],
            ["both", "human:tester@example.com", "allow", "default", 0],
        ])
    );
}

#[test]
fn a_range_that_cannot_be_judged_is_no_range_without_commits() {
    let sandbox = topic();
    let check = |range: &str| sandbox.ai(&["policy", "check", "--range", range]);
    snapshot!(shown(&sandbox, &check("topic..topic")));
    let zeros = format!("{}..topic", "0".repeat(40));
    for range in [
        "topic",
        "v1...topic",
        "..topic",
        "none..topic",
        "v1..-x",
        &zeros,
    ] {
        snapshot!(check(range));
    }
    let url = format!("file://{}", sandbox.root().display());
    for depth in ["1", "2"] {
        let name = format!("shallow-{depth}");
        let clone = ["clone", "-q", "--depth", depth, "-b", "topic", &url];
        let to = sandbox.base().join(&name);
        sandbox.git(&[&clone[..], &[to.to_str().unwrap()]].concat());
        snapshot!(sandbox.ai_in(&to, &["policy", "check", "--range", "v1..topic"]));
        let all = "4b825dc642cb6eb9a060e54bf8d69288fbee4904..topic";
        snapshot!(sandbox.ai_in(&to, &["policy", "check", "--range", all]));
        sandbox.try_git(
            &to,
            &[
                "fetch",
                "-q",
                "--depth",
                "1",
                "origin",
                "refs/tags/v1:refs/tags/v1",
            ],
        );
        snapshot!(shown(
            &sandbox,
            &sandbox.ai_in(&to, &["policy", "check", "--range", "v1..topic"])
        ));
    }
}

#[test]
fn a_policy_of_the_base_that_cannot_be_read_denies() {
    let sandbox = Sandbox::repository();
    sandbox.write(".ai/policy.yaml", "version: 1\ndefault: alow\n");
    sandbox.commit("broken");
    sandbox.write("a", "1\n");
    sandbox.commit("work");
    let outcome = sandbox.ai(&["policy", "check", "--range", "main~..main"]);
    assert_eq!(outcome.code, Some(5), "{outcome}");
    // Where there is none, the built-in rules alone answer, and that is said.
    let outcome = sandbox.ai(&[
        "policy",
        "check",
        "--range",
        "main~2..main",
        "--as",
        "agent:z",
    ]);
    assert_eq!(outcome.code, Some(8), "{outcome}");
    assert!(
        outcome
            .stderr
            .starts_with(&sandbox.git(&["rev-parse", "main~2"])[..7])
    );
}

/// The parts of the published schema of SARIF 2.1.0 that a report of this kind has to keep to.
#[test]
fn a_report_for_code_hosts_keeps_to_sarif() {
    let sandbox = topic();
    let outcome = sandbox.ai(&[
        "policy",
        "check",
        "--range",
        "v1..topic",
        "--format",
        "sarif",
    ]);
    assert_eq!(outcome.code, Some(5));
    let log: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    let schema = markdown::project().join("tests/data/sarif-2.1.0-required.json");
    let schema = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    assert_eq!(checked(&schema, &log, "sarif"), Ok(()));
    snapshot!(shown(
        &sandbox,
        &serde_json::to_string_pretty(&log).unwrap()
    ));
    // The checker finds what is missing.
    let mut bad = log.clone();
    bad["runs"][0]["results"][0]
        .as_object_mut()
        .unwrap()
        .remove("message");
    assert!(checked(&schema, &bad, "sarif").is_err());
}

/// The job of a template, run as a runner would: the very command, with the variables that the host sets.
#[test]
fn the_templates_of_ci_run_what_they_say() {
    let sandbox = topic();
    let (base, head) = (
        sandbox.git(&["rev-parse", "v1"]),
        sandbox.git(&["rev-parse", "topic"]),
    );
    let read = |name: &str| {
        let path = markdown::project().join("templates/ci").join(name);
        let text = std::fs::read_to_string(path).unwrap();
        serde_yaml::from_str::<serde_json::Value>(&text).unwrap()
    };
    let run = |script: &str, vars: &[(&str, &str)], report: &str| {
        let mut command = sandbox.command("sh");
        command
            .args(["-e", "-c", script])
            .envs(vars.iter().copied());
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_ai"))
            .parent()
            .unwrap();
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", program.display()));
        let outcome = command.current_dir(sandbox.root()).output().unwrap();
        assert_eq!(outcome.status.code(), Some(5), "{outcome:?}");
        sandbox.read(report)
    };
    let github = read("github.yml");
    let steps = github["jobs"]["policy"]["steps"].as_array().unwrap();
    assert_eq!(steps[0]["with"]["fetch-depth"], 0);
    let step = steps.iter().find(|step| step["run"].is_string()).unwrap();
    assert_eq!(
        step["env"]["BASE"],
        "${{ github.event.pull_request.base.sha }}"
    );
    let report = run(
        step["run"].as_str().unwrap(),
        &[("BASE", &base), ("HEAD", &head)],
        "policy.sarif",
    );
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["version"], "2.1.0");
    let gitlab = read("gitlab.yml");
    let vars = [
        ("CI_MERGE_REQUEST_DIFF_BASE_SHA", base.as_str()),
        ("CI_COMMIT_SHA", &head),
    ];
    let report = run(
        gitlab["policy"]["script"][0].as_str().unwrap(),
        &vars,
        "policy.xml",
    );
    assert_eq!(report.matches("<failure").count(), 1);
    assert_eq!(gitlab["policy"]["variables"]["GIT_DEPTH"], "0");
}

#[test]
fn the_page_about_rules_that_meet_shows_what_is_printed() {
    let sandbox = Sandbox::project();
    let blocks = blocks_of(PAGE, "Rules that meet");
    sandbox.write(".ai/policy.yaml", &blocks[0].text);
    let outcome = sandbox.ai_ok(&["policy", "conflicts"]);
    let step = &blocks[1].steps()[0];
    let told: Vec<&str> = outcome.stdout.lines().collect();
    let (last, wanted) = step.expected.split_last().unwrap();
    assert_eq!(last, "...");
    assert_eq!(&told[..wanted.len()], wanted);
    for line in sandbox.ai_json_lines(&["policy", "conflicts"]) {
        let schema = sandbox.ai_json(&["schema", "policy-conflict"]);
        assert_eq!(checked(&schema, &line, "conflict"), Ok(()));
    }
    sandbox.write(".ai/policy.yaml", "version: 1\ndefault: alow\n");
    assert_eq!(sandbox.ai(&["policy", "conflicts"]).code, Some(5));
}

#[test]
fn what_became_of_a_path_is_known_of_each_commit() {
    let sandbox = Sandbox::repository();
    let rule = "{id: gone, on: commit, when: 'change.files.exists(f, f.status == \"deleted\")', effect: deny, reason: it stays}";
    let policy = format!("version: 1\ndefault: allow\nrules:\n  - {rule}\n");
    sandbox.write(".ai/policy.yaml", policy);
    sandbox.commit("rules");
    sandbox.write("b", "1\n");
    sandbox.commit("adds");
    std::fs::remove_file(sandbox.root().join("README.md")).unwrap();
    sandbox.commit("removes");
    let outcome = sandbox.ai(&["policy", "check", "--json", "--range", "main~2..main"]);
    let answer: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    let told = answer["questions"].as_array().unwrap().iter();
    let told: Vec<_> = told
        .map(|one| json!([one["subject"], one["effect"], one["rule"]]))
        .collect();
    assert_eq!(
        json!(told),
        json!([["adds", "allow", "default"], ["removes", "deny", "gone"]])
    );
}
