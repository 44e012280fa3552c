//! `ai init`: what it writes, what it leaves, what it trusts, and where it does not go.

use crate::snapshot;
use crate::support::Sandbox;
use crate::support::runs::{GOOD, PATIENCE};

#[test]
fn a_fresh_repository_is_set_up_and_a_second_time_changes_nothing() {
    let scene = Sandbox::repository();
    snapshot!(scene.ai(&["init"]), @r#"
    exit: 0
    ----- stdout -----
    wrote .ai/.gitignore
    wrote .ai/config.yaml
    wrote .ai/policy.yaml
    made the task store
    worktrees and checks will lie in [PATH]/home/.cache/ai/repo-[PLACES] (AI_CACHE_DIR moves it)
    ----- stderr -----
    hint: commit .ai/; `ai agent detect --write` registers the AI CLIs that are here, `ai task create TITLE` writes a task down
    "#);
    assert_eq!(
        std::fs::read_link(scene.root().join(".ai/state"))
            .unwrap()
            .to_str(),
        Some("../.git/ai")
    );
    snapshot!(scene.read(".ai/config.yaml"));
    assert_eq!(
        scene.git(&["status", "--porcelain", "-uall"]),
        "?? .ai/.gitignore\n?? .ai/config.yaml\n?? .ai/policy.yaml"
    );
    let before = scene.read(".ai/policy.yaml");
    snapshot!(scene.ai(&["init", "--yes", "--policy", "strict"]), @r#"
    exit: 0
    ----- stdout -----
    the task store stands
    worktrees and checks will lie in [PATH]/home/.cache/ai/repo-[PLACES] (AI_CACHE_DIR moves it)
    ----- stderr -----
    warning: .ai/policy.yaml stands already and was left; the pack `strict` was not written
    "#);
    assert_eq!(scene.read(".ai/policy.yaml"), before);
    scene.ai_ok(&["policy", "validate"]);
}

#[test]
fn a_named_policy_is_written_and_an_unknown_one_is_refused_with_the_list() {
    let scene = Sandbox::repository();
    snapshot!(scene.ai(&["init", "--policy", "nonsense"]), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value 'nonsense' for '--policy <PACK>'
      [possible values: default, strict, solo]

    For more information, try '--help'.
    "#);
    assert!(!scene.root().join(".ai").exists());
    scene.ai_ok(&["init", "--policy", "solo"]);
    assert_eq!(
        scene.read(".ai/policy.yaml"),
        include_str!("../../policies/solo.yaml")
    );
    scene.ai_ok(&["policy", "validate"]);
}

#[test]
fn detected_checks_are_trusted_where_init_wrote_them() {
    let scene = Sandbox::repository();
    scene.write("Cargo.toml", "");
    scene.ai_ok(&["init"]);
    snapshot!(scene.ai(&["config", "show"]));
    assert_eq!(scene.ai(&["trust", "--show"]).code, Some(0));
    let text = scene.read(".ai/config.yaml");
    scene.write(".ai/config.yaml", text.replace("ttl: 30m", "ttl: 5m"));
    assert_eq!(
        scene.ai(&["trust", "--show"]).code,
        Some(0),
        "a lease length runs nothing"
    );
    scene.write(
        ".ai/config.yaml",
        text.replace("run: cargo test", "run: make evil"),
    );
    snapshot!(scene.ai(&["trust", "--show"]), @r#"
    exit: 8
    ----- stdout -----
    changed  .ai/config.yaml
             --- a/.ai/config.yaml
             +++ b/.ai/config.yaml
             @@ -2,7 +2,7 @@
                "checks": [
                  [
                    "cargo-test",
             -      "cargo test"
             +      "make evil"
                  ]
                ],
                "setup": null,
    ----- stderr -----
    hint: read what is new where it stands; `ai trust` lets all of it run code on this machine
    "#);
}

#[test]
fn what_the_repository_brings_is_not_trusted() {
    let scene = Sandbox::repository();
    scene.write(
        ".ai/agents/evil.yaml",
        "version: 1\nname: evil\nconnector: command\nargv: [sh, -c, 'touch pwned']\n",
    );
    scene.write("Cargo.toml", "");
    snapshot!(scene.ai(&["init"]), @r#"
    exit: 0
    ----- stdout -----
    wrote .ai/.gitignore
    wrote .ai/config.yaml
    wrote .ai/policy.yaml
    made the task store
    worktrees and checks will lie in [PATH]/home/.cache/ai/repo-[PLACES] (AI_CACHE_DIR moves it)
    ----- stderr -----
    warning: this repository brings .ai/agents/evil.yaml, which would run code; nothing of it runs before `ai trust`
    hint: commit .ai/; `ai agent detect --write` registers the AI CLIs that are here, `ai task create TITLE` writes a task down
    "#);
    // An agent does not say that it may be trusted.
    snapshot!(scene.ai(&["trust", "--as", "agent:evil"]), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: policy denies trust: trust and approvals are a human's word (rule `built-in.humans-trust`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
    snapshot!(scene.ai(&["trust", "--show"]), @"
    exit: 8
    ----- stdout -----
    added    .ai/agents/evil.yaml
    ----- stderr -----
    hint: read what is new where it stands; `ai trust` lets all of it run code on this machine
    ");
}

#[test]
fn an_agent_does_not_trust() {
    let scene = Sandbox::repository();
    scene.write("Cargo.toml", "");
    scene.ai_ok(&["init", "--as", "agent:codex"]);
    snapshot!(scene.ai(&["trust", "--show"]), @"
    exit: 8
    ----- stdout -----
    added    .ai/config.yaml
    ----- stderr -----
    hint: read what is new where it stands; `ai trust` lets all of it run code on this machine
    ");
}

#[test]
fn nothing_is_written_to_the_users_directory_where_nothing_could_run() {
    let scene = Sandbox::project();
    assert!(!scene.base().join("home/.config").exists());
}

#[test]
fn a_linked_worktree_sets_up_the_main_checkout() {
    let scene = Sandbox::repository();
    let other = scene.worktree("other");
    let outcome = scene.ai_in(&other, &["init"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(scene.root().join(".ai/policy.yaml").is_file() && !other.join(".ai").exists());
    scene.task("from the main checkout", &[]);
    assert_eq!(
        scene
            .ai_in(&other, &["task", "list", "--json"])
            .json_lines()
            .len(),
        1
    );
}

#[test]
fn unborn_and_detached_heads_are_fine() {
    let scene = Sandbox::empty();
    scene.git(&["init", "-q", "-b", "main"]);
    scene.ai_ok(&["init"]);
    let scene = Sandbox::repository();
    scene.git(&["checkout", "-q", "--detach"]);
    scene.ai_ok(&["init"]);
}

#[test]
fn a_bare_repository_gets_the_store_alone() {
    let scene = Sandbox::empty();
    scene.git(&["init", "-q", "--bare"]);
    snapshot!(scene.ai(&["init"]), @r#"
    exit: 0
    ----- stdout -----
    made the task store
    ----- stderr -----
    a bare repository has no checkout for .ai/: policy and configuration come from its worktrees
    "#);
    assert!(scene.root().join("ai/ai.db").is_file() && !scene.root().join(".ai").exists());
    scene.task("in a bare repository", &[]);
}

#[test]
fn outside_a_repository_nothing_is_made() {
    let scene = Sandbox::empty();
    snapshot!(scene.ai(&["init"]), @r#"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: [PATH]/repo is not inside a Git repository
      next: git init, or change into a repository
    "#);
    assert_eq!(std::fs::read_dir(scene.root()).unwrap().count(), 0);
}

#[test]
fn a_planted_directory_does_not_lead_out_of_the_repository() {
    let scene = Sandbox::repository();
    let outside = scene.base().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, scene.root().join(".ai")).unwrap();
    snapshot!(scene.ai(&["init"]), @r#"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [PATH]/repo/.ai is in the way: it should be a directory of its own
    "#);
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn something_else_in_the_place_of_the_link_stays() {
    let scene = Sandbox::repository();
    scene.write(".ai/state/mine", "precious");
    snapshot!(scene.ai(&["init"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [PATH]/repo/.ai/state is in the way: it should be a link to [PATH]/repo/.git/ai
    ");
    assert_eq!(scene.read(".ai/state/mine"), "precious");
}

#[test]
fn a_link_is_never_trusted_whatever_it_shows_today() {
    let sandbox = Sandbox::with_script(GOOD);
    let agent = sandbox.root().join(".ai/agents/fake.yaml");
    std::fs::rename(&agent, sandbox.root().join("payload.yaml")).unwrap();
    std::os::unix::fs::symlink("../../payload.yaml", &agent).unwrap();
    snapshot!(sandbox.ai(&["trust"]), @"
    exit: 4
    ----- stdout -----
    changed  .ai/agents/fake.yaml
    ----- stderr -----
    error: .ai/agents/fake.yaml is no regular file, and what it shows could change unseen, so it cannot be trusted
      next: put a copy of the file in its place
    ");
    let id = sandbox.task("One", &[]);
    snapshot!(sandbox.run(&id), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    error: this run (.ai/agents/fake.yaml was changed) would run code that came with this repository, and this machine has not been told to trust it
      next: look at it with `ai trust --show`, then say `ai trust`
    ");
    // An older version has trusted what was not to be.
    let record = std::fs::read_dir(sandbox.base().join("home/.config/ai/trust"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut trusted: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    trusted["files"]["agents/fake.yaml"] = "not a regular file".into();
    std::fs::write(&record, trusted.to_string()).unwrap();
    snapshot!(sandbox.run(&id), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    error: this run (.ai/agents/fake.yaml was changed) would run code that came with this repository, and this machine has not been told to trust it
      next: look at it with `ai trust --show`, then say `ai trust`
    ");
}

#[test]
fn a_pipe_in_the_place_of_a_file_keeps_nobody_waiting() {
    for place in [".ai/agents/pipe.yaml", ".ai/config.yaml"] {
        let sandbox = Sandbox::with_script(GOOD);
        let path = sandbox.root().join(place);
        let _ = std::fs::remove_file(&path);
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        for args in [
            &["trust"][..],
            &["run", "--next"],
            &["agent", "list"],
            &["doctor"],
            &["status"],
        ] {
            let mut command = sandbox.start(args);
            crate::support::poll::until(&format!("{args:?} with {place} ends"), PATIENCE, || {
                command.is_over()
            });
        }
    }
}

#[test]
fn a_run_says_no_word_of_a_person() {
    let sandbox = Sandbox::with_script(&format!(
        "cat >/dev/null; AI={}; cd \"$BASE/repo\"; echo '# more' >> .ai/agents/fake.yaml
        $AI trust; echo \"trust $?\"; env -u AI_ACTOR $AI trust; echo \"unnamed $?\"; $AI --as human:tester trust; echo \"named $?\"
        git checkout -q .ai/agents/fake.yaml",
        env!("CARGO_BIN_EXE_ai")
    ));
    let id = sandbox.task("One", &[]);
    sandbox.run(&id);
    let said = sandbox.run_file(&format!("{id}.1"), "stdout.log");
    let codes: Vec<&str> = said
        .lines()
        .filter(|line| line.split(' ').count() == 2)
        .collect();
    assert_eq!(codes, ["trust 5", "unnamed 5", "named 5"], "{said}");
}
