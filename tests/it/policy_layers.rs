//! Policies of several files and layers, as whoever writes them sees them: what is in force and why,
//! what is wrong and where, and which files a run is judged by.

use crate::snapshot;
use crate::support::{Sandbox, markdown, mask_also, run};

const PUSHES: &str = "version: 1\ndefault: allow\nrules:\n  - id: pushes-need-a-human\n    on: [push]\n    actors: ['agent:*']\n    effect: require_approval\n    reason: a person looks at it first\n    overridable: true\n";

/// The blocks of the page about policies, below one heading.
fn blocks_below(heading: &str) -> Vec<markdown::Block> {
    blocks_of("docs/policy.md", heading)
}

/// The blocks of a page, below one heading.
pub fn blocks_of(page: &str, heading: &str) -> Vec<markdown::Block> {
    let page = markdown::page(page);
    let below = page.split(&format!("\n## {heading}\n")).nth(1).unwrap();
    markdown::blocks(below.split("\n## ").next().unwrap())
}

/// Runs the steps of a block, and holds what they print against it.
pub fn replay(sandbox: &Sandbox, block: &markdown::Block) {
    for step in block.steps() {
        let words: Vec<&str> = step.command.split(' ').skip(1).collect();
        let outcome = sandbox.ai(&words);
        let printed = format!("{}{}", outcome.stdout, outcome.stderr);
        let mut wanted = step.expected.clone();
        let mut lines: Vec<&str> = printed.lines().collect();
        if wanted.first().is_some_and(|line| line == "...") {
            wanted.remove(0);
            lines.drain(..lines.len().saturating_sub(wanted.len()));
        }
        assert_eq!(lines, wanted, "{}", step.command);
    }
}

#[test]
fn the_page_about_several_files_shows_what_is_printed() {
    let sandbox = Sandbox::project();
    let blocks = blocks_below("Policies of several files");
    sandbox.write(".ai/policy.yaml", &blocks[0].text);
    replay(&sandbox, &blocks[1]);
    sandbox.write(".ai/policies/own.yaml", "version: 1\nextends: solo\n");
    sandbox.ai_ok(&["policy", "validate"]);
    sandbox.ai_ok(&["policy", "validate", ".ai/policies/own.yaml"]);
    sandbox.ai_ok(&["task", "create", "One"]);
}

#[test]
fn the_page_about_layers_shows_what_is_printed() {
    let sandbox = Sandbox::project();
    let blocks = blocks_below("Layers");
    sandbox.write(".ai/policy.yaml", PUSHES);
    sandbox.write(".ai/agents/releaser/policy.yaml", &blocks[0].text);
    replay(&sandbox, &blocks[1]);
    sandbox.ai_ok(&["policy", "validate", ".ai/agents/releaser/policy.yaml"]);
}

#[test]
fn every_file_that_is_wrong_is_shown_with_its_lines() {
    let sandbox = Sandbox::project();
    sandbox.write(
        ".ai/policy.yaml",
        "version: 1\ndefault: allow\nextends: [defalt, ./policies/a.yaml]\n",
    );
    sandbox.write(
        ".ai/agents/bot/policy.yaml",
        "version: 1\ndefault: perhaps\n",
    );
    snapshot!(sandbox.ai(&["policy", "validate"]));
    sandbox.write(
        ".ai/policy.yaml",
        "version: 1\ndefault: allow\nextends: ./policies/a.yaml\n",
    );
    sandbox.write(
        ".ai/policies/a.yaml",
        "version: 1\nrules:\n  - id: \"\\e[31mx\"\n    on: edit\n    effect: denied\n",
    );
    snapshot!(sandbox.ai(&["policy", "validate"]));
    snapshot!(sandbox.ai(&["policy", "validate", "--json"]));
    snapshot!(sandbox.ai(&["task", "create", "One"]));
    snapshot!(sandbox.ai(&["policy", "show"]));
}

/// The user's layer binds in every repository, and the record says whose rule it was.
#[test]
fn the_layer_of_the_user_binds() {
    let sandbox = Sandbox::project();
    let home = sandbox.base().join("home/.config/ai/policy.yaml");
    sandbox.write(
        home,
        "version: 1\nrules:\n  - {id: mine, on: [task.create], effect: deny, reason: not on this machine, locked: true}\n",
    );
    snapshot!(sandbox.ai(&["task", "create", "One"]));
    let records = sandbox.ai_json_lines(&["policy", "log"]);
    let last = records.last().unwrap();
    assert_eq!(
        (&last["layer"], &last["rule"]),
        (&"global".into(), &"mine".into())
    );
}

/// A run is judged by the files of the commit that it started from: neither the checkout's own packs
/// nor the agent's layer there can loosen it.
#[test]
fn a_run_is_judged_by_the_files_of_its_base() {
    let sandbox = Sandbox::with_a_found_check("default", "mkdir -p docs; echo x >docs/a");
    sandbox.write(
        ".ai/policy.yaml",
        "version: 1\ndefault: allow\nextends: ./policies/own.yaml\n",
    );
    let rule = |effect: &str| {
        format!(
            "version: 1\nrules:\n  - {{id: docs, on: [run.finish], paths: docs/, effect: {effect}, reason: these are ours}}\n"
        )
    };
    sandbox.write(".ai/policies/own.yaml", rule("warn"));
    sandbox.write(".ai/agents/bot/policy.yaml", rule("deny"));
    sandbox.ai_ok(&["trust"]);
    sandbox.commit("policy of several files");
    sandbox.write(".ai/policies/own.yaml", rule("allow"));
    std::fs::remove_file(sandbox.root().join(".ai/agents/bot/policy.yaml")).unwrap();
    sandbox.ai_ok(&["trust"]);
    let task = sandbox.task("One", &[]);
    snapshot!(sandbox.ai(&["run", &task]));
    let records = sandbox.ai_json_lines(&["policy", "log", &task]);
    let denied = records
        .iter()
        .find(|record| record["effect"] == "deny")
        .unwrap();
    assert_eq!(denied["layer"], "agent");
    let matched = denied["matched"].as_array().unwrap();
    let answers: Vec<(&str, &str)> = matched
        .iter()
        .map(|one| {
            (
                one["layer"].as_str().unwrap(),
                one["effect"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(answers, [("project", "warn"), ("agent", "deny")]);
}

/// What an agent's change below `.ai/` meets, wherever a file of the policy lies.
#[test]
fn an_agent_writes_no_policy() {
    let sandbox = Sandbox::with_a_found_check(
        "default",
        "mkdir -p .ai/policies .ai/agents/bot; echo x >.ai/policies/own.yaml; echo x >.ai/agents/bot/policy.yaml",
    );
    let task = sandbox.task("One", &[]);
    let outcome = sandbox.ai(&["run", &task, "--json"]);
    assert_eq!(outcome.code, Some(8), "{outcome}");
    let records = sandbox.ai_json_lines(&["policy", "log", &task]);
    let asked = records
        .iter()
        .find(|record| record["effect"] == "require_approval")
        .unwrap();
    assert_eq!(asked["rule"], "built-in.protect-ai");
    assert_eq!(
        asked["resource"]["paths"],
        serde_json::json!([".ai/agents/bot/policy.yaml", ".ai/policies/own.yaml"])
    );
}

/// An agent in the checkout that ends its work is not judged by a policy that it has just written: there a
/// built-in rule is replaced only once a commit says so.
#[test]
fn an_edited_policy_replaces_no_built_in_rule() {
    let sandbox = Sandbox::project();
    sandbox.configure("version: 1\nchecks:\n  unit: {run: test -d .ai}\n");
    let id = sandbox.task("One", &[]);
    sandbox.ai_ok(&["task", "claim", &id, "--as", "agent:bot"]);
    let own = "version: 1\ndefault: allow\nrules:\n  - {id: built-in.protect-ai, on: [push], effect: allow}\n";
    let done = ["task", "done", &id, "--as", "agent:bot"];
    sandbox.write(".ai/policy.yaml", own);
    sandbox.ai_ok(&["trust"]);
    snapshot!(sandbox.ai(&done));
    sandbox.git(&["add", ".ai"]);
    assert_eq!(sandbox.ai(&done).code, Some(8));
    sandbox.commit("the project says it otherwise");
    sandbox.write(".ai/notes.md", "x");
    sandbox.ai_ok(&done);
}

/// A file of the policy that cannot be looked at, or to which a link leads that leads nowhere, denies
/// like one that cannot be read.
#[test]
fn a_layer_that_cannot_be_looked_at_is_not_taken_for_none() {
    let sandbox = Sandbox::project();
    let config = sandbox.base().join("home/.config");
    let agents = sandbox.root().join(".ai/agents");
    std::fs::remove_file(sandbox.root().join(".ai/policy.yaml")).unwrap();
    for dir in [&agents, &config.join("ai")] {
        std::fs::create_dir_all(dir).unwrap();
    }
    let create = |who: &str| sandbox.ai(&["task", "create", "One", "--as", who]).code;
    let denied = Some(5);
    for (link, to, of_agent, of_person) in [
        (config.join("ai/policy.yaml"), "gone", denied, denied),
        (
            sandbox.root().join(".ai/policy.yaml"),
            "gone",
            denied,
            denied,
        ),
        (agents.join("bot"), "gone", denied, Some(0)),
        (agents.join("bot"), "bot", denied, Some(0)),
    ] {
        std::os::unix::fs::symlink(to, &link).unwrap();
        let codes = (create("agent:bot"), create("ann"));
        assert_eq!(codes, (of_agent, of_person), "{}", link.display());
        std::fs::remove_file(&link).unwrap();
        assert_eq!(create("agent:bot"), Some(0), "{}", link.display());
    }
    std::fs::remove_dir(&agents).unwrap();
    std::os::unix::fs::symlink("gone", &agents).unwrap();
    assert_eq!(create("ann"), denied);
    std::fs::remove_file(&agents).unwrap();
}

/// A rule that nobody may do what `task create` does.
const NO_TASKS: &str = "version: 1\ndefault: allow\nrules:\n  - id: no-tasks\n    on: [task.create]\n    effect: deny\n    reason: frozen\n";

/// Promise 9 for policies: what was in force a moment ago does not go without a word.
#[test]
fn a_policy_does_not_vanish_with_its_file() {
    let sandbox = Sandbox::project();
    sandbox.write(".ai/policy.yaml", NO_TASKS);
    let with = sandbox.commit("a policy");
    let denied = |sandbox: &Sandbox| sandbox.ai(&["task", "create", "One"]).code == Some(5);
    assert!(denied(&sandbox));
    let file = sandbox.root().join(".ai/policy.yaml");
    std::fs::remove_file(&file).unwrap();
    assert!(denied(&sandbox), "moved away");
    snapshot!(sandbox.ai(&["policy", "show"]), @"
    exit: 0
    ----- stdout -----
    policy loaded ([SHORT]), default allow, outside_paths warn
      require_approval built-in.humans-override work without a passing verdict is done only by a human's word (built-in)
                       on task.override; by agent:* daemon:* hook:*
      deny             built-in.humans-trust    trust, approvals and overrides are a human's word (built-in)
                       on trust approval.grant policy.override; by agent:* daemon:* hook:*
      require_approval built-in.protect-ai      policy, configuration, connectors, hooks, skills and workflows decide what agents may do; a human says yes to their changes (built-in)
                       on edit tool.call commit push run.finish task.accept agent.register; paths .ai; by agent:*
      deny             no-tasks                 frozen (project)
                       on task.create
    ----- stderr -----
    warning: .ai/policy.yaml is not in this checkout; that of commit [SHORT] is in force
    ");
    let findings = sandbox.ai(&["doctor", "--json"]).json_lines();
    let said = findings
        .iter()
        .find(|one| one["check"] == "policy")
        .unwrap();
    assert_eq!(said["level"], "warn", "{said}");
    sandbox.git(&["checkout", "-q", "-f", "--orphan", "other"]);
    sandbox.git(&["rm", "-q", "-r", "--cached", "."]);
    std::fs::remove_dir_all(sandbox.root().join(".ai")).unwrap();
    assert!(denied(&sandbox), "a branch without a commit");
    sandbox.write("a", "a");
    sandbox.commit("nothing else");
    assert!(denied(&sandbox), "another line of commits");
    sandbox.git(&["checkout", "-q", "-f", "main"]);
    sandbox.git(&["commit", "-q", "--amend", "-m", "written anew"]);
    sandbox.git(&["rm", "-q", ".ai/policy.yaml"]);
    assert!(denied(&sandbox), "to be removed by the next commit");
    sandbox.commit("no policy any more");
    assert!(!denied(&sandbox), "a commit took it away");
    sandbox.git(&["checkout", "-q", "-f", "-b", "trial", &with]);
    assert!(denied(&sandbox), "another branch has one");
    sandbox.git(&["checkout", "-q", "-f", "main"]);
    sandbox.git(&["branch", "-q", "-D", "trial"]);
    assert!(
        !denied(&sandbox),
        "what was tried and given up binds nobody"
    );
}

/// To look into a commit takes a third of the system calls of a short command, so what one has not is kept.
#[test]
fn a_commit_is_looked_at_once_for_a_policy_that_it_does_not_have() {
    let sandbox = Sandbox::project();
    sandbox.write(".ai/policy.yaml", NO_TASKS);
    let ask = || assert_eq!(sandbox.ai(&["task", "create", "One"]).code, Some(5));
    let [mark, note] = ["policy-branch", "policy-uncommitted"]
        .map(|name| sandbox.root().join(".git/ai").join(name));
    let said = |file: &std::path::Path| std::fs::read_to_string(file).unwrap();
    ask();
    let head = sandbox.git(&["rev-parse", "HEAD"]);
    assert!(said(&note).ends_with(&format!(" {}\n", head.trim())));
    assert!(!mark.exists());
    let with = sandbox.commit("a policy");
    ask();
    assert!(mark.exists(), "a commit has it now");
    let digest = said(&mark).split(' ').next().unwrap().to_owned();
    std::fs::remove_file(&mark).unwrap();
    // Nobody looks again at what was seen of this commit and this policy.
    std::fs::write(&note, format!("{digest} {with}\n")).unwrap();
    ask();
    assert!(!mark.exists(), "as it was seen");
    sandbox.write("a", "a");
    sandbox.commit("another commit");
    ask();
    assert!(mark.exists(), "another commit is looked at");
}

/// A clone has the policy before it has a store.
#[test]
fn a_clone_of_a_project_with_a_policy_is_set_up_as_any_other() {
    let sandbox = Sandbox::project();
    sandbox.commit("with a policy");
    let clone = sandbox.base().join("clone");
    sandbox.git(&["clone", "-q", ".", clone.to_str().unwrap()]);
    let early = sandbox.ai_in(&clone, &["task", "create", "Too early"]);
    assert_eq!(early.code, Some(9), "{early}");
    let set_up = sandbox.ai_in(&clone, &["init", "--yes"]);
    assert_eq!(set_up.code, Some(0), "{set_up}");
}

/// Agents are held to the policy at HEAD; where that cannot be used, nobody finds the line in the checkout, which may
/// be mended already.
#[test]
fn a_policy_at_head_that_cannot_be_used_is_told_with_its_commit() {
    let sandbox = Sandbox::project();
    sandbox.write(".ai/policy.yaml", "version: 1\ndefault: alow\n");
    sandbox.commit("a slip");
    sandbox.write(".ai/policy.yaml", "version: 1\ndefault: allow\n");
    let create = |who: &str| sandbox.ai(&["task", "create", "One", "--as", who]);
    let masked = |text: String| mask_also(text, &[(r"\([0-9a-f]{7}\)", "([SHORT])")]);
    snapshot!(masked(create("agent:bot").to_string()));
    assert_eq!(create("ann").code, Some(0));
    snapshot!(masked(sandbox.ai(&["policy", "validate"]).to_string()));
    let told = run(&mut sandbox.ai_command(&["policy", "validate", "--json"])).json();
    let other = &told["others"][0];
    assert_eq!(
        (&told["ok"], &told["problems"], &other["file"]),
        (
            &false.into(),
            &serde_json::json!([]),
            &".ai/policy.yaml".into()
        )
    );
    let doctor = sandbox.ai(&["doctor"]).stdout;
    let of_policy = doctor.lines().find(|line| line.starts_with("bad"));
    snapshot!(masked(of_policy.unwrap_or_default().to_owned()));
    // Without a file in the checkout the one at HEAD counts for everybody.
    std::fs::remove_file(sandbox.root().join(".ai/policy.yaml")).unwrap();
    snapshot!(masked(create("ann").to_string()));
    sandbox.write(".ai/policy.yaml", "version: 1\ndefault: allow\n");
    sandbox.commit("mended");
    assert_eq!(create("agent:bot").code, Some(0));
    sandbox.ai_ok(&["policy", "validate"]);
}

/// Git writes other ends of lines into a checkout than into a commit where it is told to. The policy is the same one.
#[test]
fn ends_of_lines_make_no_other_policy() {
    let sandbox = Sandbox::project();
    let replacing = "version: 1\ndefault: allow\nrules:\n  - {id: built-in.protect-ai, on: [push], effect: allow}\n";
    sandbox.write(".gitattributes", "*.yaml text eol=crlf\n");
    sandbox.write(".ai/policy.yaml", replacing.replace('\n', "\r\n"));
    sandbox.commit("the project says it otherwise");
    assert_eq!(
        sandbox.git(&["show", "HEAD:.ai/policy.yaml"]).trim_end(),
        replacing.trim_end()
    );
    assert_eq!(sandbox.ai_ok(&["policy", "show"]).stderr, "");
    let mine = sandbox.ai_json(&["policy", "show"]);
    let ids = |shown: &serde_json::Value| -> Vec<String> {
        let rules = shown["rules"].as_array().unwrap().iter();
        rules
            .map(|rule| format!("{} {}", rule["layer"], rule["id"]))
            .collect()
    };
    let kept = "\"built-in\" \"built-in.protect-ai\"".to_owned();
    let of_kept = ids(&mine).into_iter().filter(|id| *id == kept);
    assert_eq!(of_kept.count(), 0, "{mine}");
    // What is in it counts all the same.
    sandbox.write(".ai/policy.yaml", NO_TASKS.replace('\n', "\r\n"));
    assert_eq!(sandbox.ai(&["task", "create", "One"]).code, Some(5));
}

/// Whoever stands in a linked worktree works on the policy there, before it counts.
#[test]
fn the_files_of_the_worktree_around_are_looked_at() {
    let sandbox = Sandbox::project();
    sandbox.write(".ai/policy.yaml", "version: 1\ndefault: allow\n");
    sandbox.commit("policy");
    let other = sandbox.worktree("other");
    let policy = other.join(".ai/policy.yaml");
    std::fs::write(&policy, "version: 1\ndefault: alow\n").unwrap();
    let codes = |args: &[&str]| (sandbox.ai_in(&other, args).code, sandbox.ai(args).code);
    assert_eq!(codes(&["policy", "validate"]), (Some(1), Some(0)));
    assert_eq!(codes(&["policy", "test"]), (Some(2), Some(0)));
    std::fs::write(
        &policy,
        "version: 1\nextends: ./policies/own.yaml\ndefault: deny\n",
    )
    .unwrap();
    std::fs::create_dir_all(other.join(".ai/policies")).unwrap();
    std::fs::write(other.join(".ai/policies/own.yaml"), "version: 1\n").unwrap();
    let tests = "version: 1\ntests:\n  - {name: closed, ask: {action: push, actor: 'human:ann'}, expect: deny}\n";
    std::fs::write(other.join(".ai/policy.test.yaml"), tests).unwrap();
    assert_eq!(codes(&["policy", "test"]), (Some(0), Some(0)));
    assert_eq!(
        codes(&["policy", "validate", ".ai/policy.yaml"]),
        (Some(0), Some(0))
    );
}

/// The user's layer is read by the supervisor of a run. That its agent looks elsewhere for it drops nothing.
#[test]
fn an_agent_of_a_run_does_not_drop_the_layer_of_the_user() {
    let sandbox = Sandbox::with_agent("version: 1\nchecks: {unit: {run: test -d ci}}\n", "true");
    let payload = r#"{"tool_name":"Write","tool_input":{"file_path":"ci/a"}}"#;
    sandbox.set_script(
        "fake",
        &format!(
            "cat >/dev/null; export XDG_CONFIG_HOME=\"$PWD/none\" HOME=\"$PWD/none\"; mkdir ci
             echo '{payload}' | '{}' hook pre-tool --cli claude; echo $? > \"$BASE/code\"
             echo x > ci/a; git add -A; git -c user.name=x -c user.email=x@example.com commit -qm x",
            sandbox.ai_in_sight().display()
        ),
    );
    let layer = "version: 1\nrules:\n  - {id: no-ci, on: [run.finish, edit], paths: ci/, effect: deny, reason: not on this machine}\n";
    sandbox.write(sandbox.base().join("home/.config/ai/policy.yaml"), layer);
    let id = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&id).code, Some(5));
    let records = sandbox.ai_json_lines(&["policy", "log", &id, "--rule", "no-ci"]);
    let told: Vec<_> = records
        .iter()
        .map(|one| (&one["layer"], &one["effect"]))
        .collect();
    let denied = (&"global".into(), &"deny".into());
    assert_eq!(told, [denied, denied]);
    assert_eq!(sandbox.read("../code"), "2\n");
}
