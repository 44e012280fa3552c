//! Changes beyond the paths that a task names: a warning, unless the policy says more.

use crate::snapshot;
use crate::support::Sandbox;
use crate::support::runs::CONFIG;
use crate::support::scene::{Agent, Scene};

/// Stays within `src/` but for one file.
const STRAYS: &str =
    "cat >/dev/null; mkdir -p src; echo work > src/a; echo x > work.txt; echo y >> notes.md";
const DENIES: &str = "version: 1\ndefault: allow\noutside_paths: deny\n";

fn scene(policy: &str) -> Sandbox {
    Scene::new()
        .more("locks: {shared: [notes.md]}\n")
        .policy(policy)
        .agent(Agent::new("fake", STRAYS))
        .build()
}

#[test]
fn it_is_a_warning_where_nothing_is_said_at_the_end_of_the_run_and_at_accept() {
    let sandbox = scene("version: 1\ndefault: allow\n");
    let id = sandbox.task("One", &["--path", "src/"]);
    snapshot!(sandbox.run(&id), @"
    exit: 0
    ----- stdout -----
    [RUN]  ready_for_review  review
      checks passed on this tree and the policy allows it; it may be accepted
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    warning: outside the task's paths: work.txt
    look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
    ");
    snapshot!(sandbox.ai(&["accept", &id]), @"
    exit: 0
    ----- stdout -----
    [TASK]  done: [SHORT] is in main
    ----- stderr -----
    warning: the change goes beyond the task's own paths: work.txt; name them in the task where they belong to it (rule `built-in.outside-paths`)
    ");
    let asked =
        sandbox.rows("SELECT data FROM decision WHERE data LIKE '%\"run.finish\"%' ORDER BY rowid");
    let told: Vec<String> = asked
        .iter()
        .map(|one| format!("{} {} by {}", one["effect"], one["rule"], one["actor"]))
        .collect();
    snapshot!(told.join("\n"), @r#"
    "warn" "built-in.outside-paths" by "agent:fake#[SESSION]"
    "warn" "built-in.outside-paths" by "agent:fake"
    "#);
}

#[test]
fn a_policy_that_denies_it_denies_the_run_and_the_accept() {
    let sandbox = scene(DENIES);
    let id = sandbox.task("One", &["--path", "src/"]);
    snapshot!(sandbox.run(&id), @"
    exit: 5
    ----- stdout -----
    [RUN]  denied  queued
      the policy forbids a change that it makes: the change goes beyond the task's own paths: work.txt; name them in the task where they belong to it
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    warning: outside the task's paths: work.txt
    ");
    let told = sandbox.rows("SELECT data FROM decision WHERE data LIKE '%\"run.finish\"%'");
    let decision = told[0]["id"].as_str().unwrap();
    snapshot!(sandbox.ai(&["policy", "explain", decision]), @"
    exit: 0
    ----- stdout -----
    [DECISION]  deny  run.finish by agent:fake#[SESSION]
      when     [TIME]
      task     [TASK]
      run      [RUN]
      paths    notes.md, src/a, work.txt
      won      built-in.outside-paths (project): the change goes beyond the task's own paths: work.txt; name them in the task where they belong to it
      matched  built-in.outside-paths (project) deny: the change goes beyond the task's own paths: work.txt; name them in the task where they belong to it
      matched  default (project) allow: no rule of the policy matches; its default says so
      policy   [HASH]
    ----- stderr -----
    ");
    // A task that names no paths has nothing outside of them.
    let free = sandbox.task("Free", &[]);
    assert_eq!(sandbox.run(&free).code, Some(0));
    sandbox.ai_ok(&["accept", &free]);
}

#[test]
fn the_policy_of_the_accept_counts_at_the_accept_and_so_do_the_paths_of_the_task() {
    let sandbox = scene("version: 1\ndefault: allow\noutside_paths: allow\n");
    let id = sandbox.task("One", &["--path", "src/"]);
    let run = sandbox.run(&id);
    assert_eq!(run.code, Some(0), "{run}");
    let tip = sandbox.git(&["rev-parse", "main"]);
    sandbox.write(".ai/policy.yaml", DENIES);
    snapshot!(sandbox.ai(&["accept", &id]), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: policy denies run.finish: the change goes beyond the task's own paths: work.txt; name them in the task where they belong to it (rule `built-in.outside-paths`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
    assert_eq!(
        (sandbox.status(&id), sandbox.git(&["rev-parse", "main"])),
        ("review".to_owned(), tip)
    );
    sandbox.write(
        ".ai/policy.yaml",
        DENIES.replace("deny", "require_approval"),
    );
    assert_eq!(sandbox.ai(&["accept", &id]).code, Some(8));
    sandbox.write(".ai/policy.yaml", DENIES);
    sandbox.ai_ok(&["task", "edit", &id, "--path", "src/", "--path", "work.txt"]);
    sandbox.ai_ok(&["accept", &id]);
}

#[test]
fn a_link_into_the_repository_is_the_directory_that_it_leads_to() {
    let sandbox = scene(DENIES);
    sandbox.write("src/old", "x");
    std::os::unix::fs::symlink("src", sandbox.root().join("alias")).unwrap();
    sandbox.commit("a link");
    sandbox.set_script(
        "fake",
        "cat >/dev/null; echo a > src/a; rm alias; echo x > work.txt",
    );
    let id = sandbox.task("One", &["--path", "alias/", "--shared", "work.txt"]);
    let run = sandbox.run(&id);
    assert_eq!(run.code, Some(0), "{run}");
}

#[test]
fn a_person_who_ends_a_task_is_asked_the_same() {
    let sandbox = Sandbox::project();
    sandbox.configure(CONFIG);
    let id = sandbox.task("One", &["--path", "src/"]);
    sandbox.ai_ok(&["task", "claim", &id]);
    sandbox.write("work.txt", "x");
    sandbox.write(".ai/policy.yaml", DENIES);
    let done = sandbox.ai(&["task", "done", &id]);
    assert_eq!(
        (done.code, sandbox.status(&id)),
        (Some(5), "claimed".to_owned()),
        "{done}"
    );
    sandbox.write(".ai/policy.yaml", "version: 1\ndefault: allow\n");
    snapshot!(sandbox.ai(&["task", "done", &id]), @"
    exit: 0
    ----- stdout -----
    [TASK]  done
    ----- stderr -----
    check unit: test -f work.txt
    check unit: passed
    warning: the change goes beyond the task's own paths: .ai/policy.yaml, work.txt; name them in the task where they belong to it (rule `built-in.outside-paths`)
    ");
}
