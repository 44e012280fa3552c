//! `ai init`: what it writes, what it leaves, what it trusts, and where it does not go.

use crate::snapshot;
use crate::support::runs::{GOOD, PATIENCE, wait_for};
use crate::support::{Sandbox, mask_also};

#[test]
fn a_fresh_repository_is_set_up_and_a_second_time_changes_nothing() {
    let scene = Sandbox::repository();
    snapshot!(scene.ai(&["init"]), @"
    exit: 0
    ----- stdout -----
    wrote .ai/.gitignore
    wrote .ai/config.yaml
    wrote .ai/policy.yaml
    made the task store
    worktrees and checks will lie in [PATH]/home/.cache/ai/repo-[PLACES] (AI_CACHE_DIR moves it)
    ----- stderr -----
    warning: no check was found, and without one nothing can be proven: name one below `checks:` in .ai/config.yaml, then `ai trust` and `ai check`
    hint: commit .ai/; `ai agent detect --write` registers the AI CLIs that are here, `ai task create TITLE` writes a task down
    ");
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
    snapshot!(scene.ai(&["init", "--policy", "nonsense"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value 'nonsense' for '--policy <PACK>' [possible values: default, strict, solo, open-source, regulated, hardened-os-agent]
      next: `ai init --help` says what can be typed
    ");
    assert!(!scene.root().join(".ai").exists());
    scene.ai_ok(&["init", "--policy", "solo"]);
    assert_eq!(
        scene.read(".ai/policy.yaml"),
        include_str!("../../policies/solo.yaml")
    );
    scene.ai_ok(&["policy", "validate"]);
}

/// A Makefile whose test passes only where the tree holds `work.txt`.
const MAKEFILE: &str = "test:\n\ttest -f work.txt\n\t@echo fine\n";

/// The lines of the configuration between the comment on `required` and the defaults.
fn checks_of(scene: &Sandbox) -> String {
    let text = scene.read(".ai/config.yaml");
    let (_, rest) = text.split_once("makes a check advisory.\n").unwrap();
    rest.split_once("\n\n# What tasks").unwrap().0.to_owned()
}

#[test]
fn without_a_yes_checks_are_proposed_and_nothing_runs() {
    let scene = Sandbox::repository();
    scene.write("Makefile", "test:\n\ttouch ran\n");
    scene.commit("a makefile");
    snapshot!(scene.ai(&["init"]), @"
    exit: 0
    ----- stdout -----
    wrote .ai/.gitignore
    wrote .ai/config.yaml
    wrote .ai/policy.yaml
    made the task store
    worktrees and checks will lie in [PATH]/home/.cache/ai/repo-[PLACES] (AI_CACHE_DIR moves it)
    found checks:
      make-test  make test
    ----- stderr -----
    they stand in .ai/config.yaml as comments: `ai init --yes` runs them and takes in what passes
    hint: commit .ai/; `ai agent detect --write` registers the AI CLIs that are here, `ai task create TITLE` writes a task down
    ");
    snapshot!(checks_of(&scene), @"
    checks: {}
    # Found Makefile; not tried yet, and so not in force.
    #  make-test:
    #    run: make test
    #    timeout: 10m
    #    parser: auto
    ");
    assert!(!scene.root().join("ran").exists() && !scene.check_place("done").exists());
    // The yes can come later, as long as nobody has changed the file.
    snapshot!(scene.ai(&["init", "--yes"]), @"
    exit: 0
    ----- stdout -----
    the task store stands
    worktrees and checks will lie in [PATH]/home/.cache/ai/repo-[PLACES] (AI_CACHE_DIR moves it)
    found checks:
      make-test  make test
    took in make-test: `make test` passes on commit [SHORT]
    ----- stderr -----
    check make-test: make test
    check make-test: passed
    ");
    snapshot!(checks_of(&scene), @"
    checks:
      # Found Makefile; it passed on commit [SHORT].
      make-test:
        run: make test
        timeout: 10m
        parser: auto
    ");
    assert_eq!(scene.ai(&["trust", "--show"]).code, Some(0));
    let told = scene.ai_json(&["init", "--yes"]);
    assert_eq!(
        (&told["commit"], &told["checks"]),
        (&serde_json::Value::Null, &serde_json::json!([]))
    );
}

#[test]
fn what_a_person_has_written_is_not_replaced() {
    let scene = Sandbox::repository();
    scene.write("Makefile", "test:\n\ttrue\n");
    scene.commit("a makefile");
    scene.ai_ok(&["init"]);
    let mine = scene.read(".ai/config.yaml") + "# mine\n";
    scene.write(".ai/config.yaml", &mine);
    snapshot!(scene.ai(&["init", "--yes"]), @"
    exit: 0
    ----- stdout -----
    the task store stands
    worktrees and checks will lie in [PATH]/home/.cache/ai/repo-[PLACES] (AI_CACHE_DIR moves it)
    ----- stderr -----
    ");
    assert_eq!(scene.read(".ai/config.yaml"), mine);
}

#[test]
fn a_yes_runs_what_is_found_and_what_fails_is_left_out_with_the_reason() {
    let scene = Sandbox::repository();
    scene.write("Makefile", MAKEFILE);
    scene.write(
        "package.json",
        r#"{"scripts": {"test": "echo three failed >&2; exit 3"}}"#,
    );
    scene.write(
        "CMakeLists.txt",
        "enable_testing()\nmessage(FATAL_ERROR \"no compiler for this\")\n",
    );
    scene.commit("found");
    // It is there, but in no commit: a run would not start from it.
    scene.write("work.txt", "");
    let filters = [(r"(?s)  failed \(exit code 1\): [^\n]*", "  failed [CMAKE]")];
    snapshot!(mask_also(scene.ai(&["init", "--yes"]), &filters), @"
    exit: 0
    ----- stdout -----
    wrote .ai/.gitignore
    wrote .ai/config.yaml
    wrote .ai/policy.yaml
    made the task store
    worktrees and checks will lie in [PATH]/home/.cache/ai/repo-[PLACES] (AI_CACHE_DIR moves it)
    found checks:
      npm-test   npm test
      ctest      cmake -S . -B build && cmake --build build && ctest --test-dir build --output-on-failure --no-tests=error
      make-test  make test
    left out npm-test: `npm test`
      failed (exit code 3): three failed
      log: [PATH]/repo/.git/ai/check/tried-0/npm-test.log
    left out ctest: `cmake -S . -B build && cmake --build build && ctest --test-dir build --output-on-failure --no-tests=error`
      failed [CMAKE]
      log: [PATH]/repo/.git/ai/check/tried-1/ctest.log
    left out make-test: `make test`
      failed (exit code 2): make: *** [Makefile:2: test] Error 1
      log: [PATH]/repo/.git/ai/check/tried-2/make-test.log
    ----- stderr -----
    check npm-test: npm test
    check npm-test: failed (exit code 3)
    check ctest: cmake -S . -B build && cmake --build build && ctest --test-dir build --output-on-failure --no-tests=error
    check ctest: failed (exit code 1)
    check make-test: make test
    check make-test: failed (exit code 2)
    warning: no check passes on this commit, and without one nothing can be proven: mend one in .ai/config.yaml, then `ai trust` and `ai check --base`
    hint: commit .ai/; `ai agent detect --write` registers the AI CLIs that are here, `ai task create TITLE` writes a task down
    ");
    snapshot!(checks_of(&scene), @"
    checks: {}
    # Found package.json; left out, since it did not pass on commit [SHORT].
    #  npm-test:
    #    run: npm test
    #    timeout: 10m
    #    parser: auto
    # Found CMakeLists.txt; left out, since it did not pass on commit [SHORT].
    #  ctest:
    #    run: cmake -S . -B build && cmake --build build && ctest --test-dir build --output-on-failure --no-tests=error
    #    timeout: 10m
    #    parser: auto
    # Found Makefile; left out, since it did not pass on commit [SHORT].
    #  make-test:
    #    run: make test
    #    timeout: 10m
    #    parser: auto
    ");
    scene.commit("work");
    // Where the commit has it, another try takes it in.
    scene.ai_ok(&["init", "--yes"]);
    snapshot!(checks_of(&scene), @"
    checks:
      # Found Makefile; it passed on commit [SHORT].
      make-test:
        run: make test
        timeout: 10m
        parser: auto
    # Found package.json; left out, since it did not pass on commit [SHORT].
    #  npm-test:
    #    run: npm test
    #    timeout: 10m
    #    parser: auto
    # Found CMakeLists.txt; left out, since it did not pass on commit [SHORT].
    #  ctest:
    #    run: cmake -S . -B build && cmake --build build && ctest --test-dir build --output-on-failure --no-tests=error
    #    timeout: 10m
    #    parser: auto
    ");
}

#[test]
fn without_a_commit_nothing_can_be_tried() {
    let scene = Sandbox::empty();
    scene.git(&["init", "-q", "-b", "main"]);
    scene.write("Makefile", MAKEFILE);
    snapshot!(scene.ai(&["init", "--yes"]), @"
    exit: 0
    ----- stdout -----
    wrote .ai/.gitignore
    wrote .ai/config.yaml
    wrote .ai/policy.yaml
    made the task store
    worktrees and checks will lie in [PATH]/home/.cache/ai/repo-[PLACES] (AI_CACHE_DIR moves it)
    found checks:
      make-test  make test
    ----- stderr -----
    warning: the checks could not be tried, since there is no commit yet; commit something, then `ai init --yes`
    hint: commit .ai/; `ai agent detect --write` registers the AI CLIs that are here, `ai task create TITLE` writes a task down
    ");
    snapshot!(checks_of(&scene), @"
    checks: {}
    # Found Makefile; not tried yet, and so not in force.
    #  make-test:
    #    run: make test
    #    timeout: 10m
    #    parser: auto
    ");
}

#[test]
fn the_yes_of_an_agent_runs_nothing() {
    let scene = Sandbox::repository();
    scene.write("Makefile", "test:\n\ttouch ran\n");
    scene.commit("a makefile");
    snapshot!(scene.ai(&["init", "--yes", "--as", "agent:codex"]), @"
    exit: 0
    ----- stdout -----
    wrote .ai/.gitignore
    wrote .ai/config.yaml
    wrote .ai/policy.yaml
    made the task store
    worktrees and checks will lie in [PATH]/home/.cache/ai/repo-[PLACES] (AI_CACHE_DIR moves it)
    found checks:
      make-test  make test
    ----- stderr -----
    they stand in .ai/config.yaml as comments: `ai init --yes` runs them and takes in what passes
    hint: commit .ai/; `ai agent detect --write` registers the AI CLIs that are here, `ai task create TITLE` writes a task down
    ");
    assert!(!scene.check_place("done").exists());
}

#[test]
fn a_try_that_is_interrupted_or_killed_leaves_the_proposal() {
    let scene = Sandbox::repository();
    let sign = scene.base().join("works");
    let makefile = format!("test:\n\ttouch {}; sleep 1000\n", sign.display());
    scene.write("Makefile", makefile);
    scene.commit("a makefile");
    for (signal, code) in [("INT", Some(130)), ("KILL", None)] {
        let _ = std::fs::remove_file(&sign);
        let command = scene.start(&["init", "--yes"]);
        wait_for(&sign);
        command.signal(signal);
        assert_eq!(command.wait().code, code);
        snapshot!(checks_of(&scene), @"
        checks: {}
        # Found Makefile; not tried yet, and so not in force.
        #  make-test:
        #    run: make test
        #    timeout: 10m
        #    parser: auto
        ");
    }
    scene.write("Makefile", "test:\n\ttrue\n");
    scene.commit("quick");
    scene.ai_ok(&["init", "--yes"]);
    snapshot!(checks_of(&scene), @"
    checks:
      # Found Makefile; it passed on commit [SHORT].
      make-test:
        run: make test
        timeout: 10m
        parser: auto
    ");
    scene.ai_ok(&["check"]);
}

#[test]
fn an_environment_of_python_is_found_and_used_without_being_active() {
    let scene = Sandbox::repository();
    scene.write(".gitignore", ".venv/\n__pycache__/\n");
    scene.write(
        "pyproject.toml",
        "[project]\nname = 'calc'\nversion = '1'\n",
    );
    scene.write(
        "tests/test_calc.py",
        "from calc import add\nassert add(1, 2) == 3\n",
    );
    scene.write("calc.py", "def add(a, b):\n    return a + b\n");
    let made = scene
        .command("python3")
        .args(["-m", "venv", "--without-pip", ".venv"])
        .status();
    assert!(made.unwrap().success());
    // A pytest that only this environment has.
    let lib = std::fs::read_dir(scene.root().join(".venv/lib"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let package = lib.path().join("site-packages/pytest");
    std::fs::create_dir(&package).unwrap();
    let main = "import runpy\nrunpy.run_path('tests/test_calc.py')\nprint('==== 1 passed in 0.01s ====')\n";
    std::fs::write(package.join("__main__.py"), main).unwrap();
    scene.commit("calc");
    snapshot!(scene.ai(&["init", "--yes"]), @"
    exit: 0
    ----- stdout -----
    wrote .ai/.gitignore
    wrote .ai/config.yaml
    wrote .ai/policy.yaml
    made the task store
    worktrees and checks will lie in [PATH]/home/.cache/ai/repo-[PLACES] (AI_CACHE_DIR moves it)
    found checks:
      pytest  .venv/bin/python -m pytest
      pytest  python3 -m pytest
    took in pytest: `.venv/bin/python -m pytest` passes on commit [SHORT]
    ----- stderr -----
    check pytest: .venv/bin/python -m pytest
    check pytest: passed (1 passed, 0 failed)
    hint: commit .ai/; `ai agent detect --write` registers the AI CLIs that are here, `ai task create TITLE` writes a task down
    ");
    snapshot!(checks_of(&scene), @"
    checks:
      # Found .venv/pyvenv.cfg; it passed on commit [SHORT].
      pytest:
        run: .venv/bin/python -m pytest
        timeout: 10m
        parser: pytest
    ");
    // What is judged is the tree, not the checkout that the environment lies in.
    scene.write("calc.py", "def add(a, b):\n    return a - b\n");
    assert_eq!(scene.ai(&["check"]).code, Some(6));
    assert_eq!(scene.ai(&["check", "--base"]).code, Some(0));
}

#[test]
fn detected_checks_are_trusted_where_init_wrote_them() {
    let scene = Sandbox::repository();
    scene.write("Makefile", "test:\n\ttrue\n");
    scene.commit("a makefile");
    scene.ai_ok(&["init", "--yes"]);
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
        text.replace("run: make test", "run: make evil"),
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
                    "make-test",
             -      "make test"
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
    snapshot!(scene.ai(&["init"]), @"
    exit: 0
    ----- stdout -----
    wrote .ai/.gitignore
    wrote .ai/config.yaml
    wrote .ai/policy.yaml
    made the task store
    worktrees and checks will lie in [PATH]/home/.cache/ai/repo-[PLACES] (AI_CACHE_DIR moves it)
    found checks:
      cargo-test  cargo test
    ----- stderr -----
    warning: this repository brings .ai/agents/evil.yaml, which would run code; nothing of it runs before `ai trust`
    they stand in .ai/config.yaml as comments: `ai init --yes` runs them and takes in what passes
    hint: commit .ai/; `ai agent detect --write` registers the AI CLIs that are here, `ai task create TITLE` writes a task down
    ");
    // An agent does not say that it may be trusted.
    snapshot!(scene.ai(&["trust", "--as", "agent:evil"]), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: policy denies trust: trust, approvals and overrides are a human's word (rule `built-in.humans-trust`, decision [DECISION])
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
    scene.write(
        ".ai/config.yaml",
        "version: 1\nchecks: {unit: {run: make evil}}\n",
    );
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
    snapshot!(scene.ai(&["init"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [PATH]/repo/.ai is in the way: it should be a directory of its own
      next: move it away, then the same command again
    ");
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
      next: move it away, then the same command again
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
