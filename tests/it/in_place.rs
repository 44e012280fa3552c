//! `isolation: none`: an agent in the checkout itself. What is the person's is there before and
//! after, whatever happens in between.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::snapshot;
use crate::support::runs::{GOOD, open_gate, wait_for};
use crate::support::scene::{Agent, Scene, refused};
use crate::support::{Outcome, Sandbox, Transcript, run, tree};

/// A setup is for fresh worktrees and for places of checks, whose `.git` is a file.
const CONFIG: &str = "version: 1
checks:
  unit: {run: test -f work.txt}
runs: {grace: 1s, setup: 'test ! -d .git || exit 9'}
";
/// Does what agents do: changes, makes, removes, renames, ignored files, a commit of its own.
const BUSY: &str = "cat >/dev/null
echo asked >> \"$BASE/asked\"
echo work > work.txt; git add work.txt; git -c user.name=A -c user.email=a@b commit -qm own
echo changed > README.md; rm gone.txt; mkdir -p deep/er; mv moved.txt deep/er/; echo new > new.txt; git add new.txt
echo mine > build/agent.o; chmod +x script.sh; ln -s README.md link
echo done";

/// An agent that works in the checkout.
fn in_place(name: &str, script: &str) -> Agent {
    Agent::new(name, script).file("isolation: none\n")
}

/// A project whose agent works in the checkout. `build/` and `.env` are ignored, and the person's.
fn checkout(script: &str) -> Sandbox {
    let mut scene = Scene::new()
        .config(CONFIG)
        .file(".gitignore", "build/\n.env\n*.log\n")
        .agent(in_place("fake", script));
    for name in ["gone.txt", "moved.txt", "script.sh"] {
        scene = scene.file(name, format!("{name}\n"));
    }
    let sandbox = scene.build();
    sandbox.write(".env", "SECRET=person");
    sandbox.write("build/person.o", "built");
    sandbox
}

/// Everything that is the person's, a line each: files with their content, what Git says of them,
/// where HEAD and `main` stand.
fn state(sandbox: &Sandbox) -> BTreeSet<String> {
    let root = sandbox.root();
    let left_out = [".git", ".ai/state", "build/agent.o"].map(|name| root.join(name));
    let files = tree(&root, |path| {
        !left_out.iter().any(|out| path.starts_with(out))
    });
    let mut all: BTreeSet<String> = files
        .into_iter()
        .map(|(path, what)| format!("{} {what:?}", path.display()))
        .collect();
    let git = |args: &[&str]| {
        sandbox
            .git(args)
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    all.extend(git(&["ls-files", "-s"]));
    all.extend(git(&[
        "status",
        "--porcelain=v2",
        "--branch",
        "--untracked-files=all",
    ]));
    all.extend(git(&["rev-parse", "main", "HEAD"]));
    all
}

#[track_caller]
fn is_as(sandbox: &Sandbox, before: &BTreeSet<String>, case: &str) {
    let now = state(sandbox);
    let gone: Vec<_> = before.difference(&now).collect();
    let new: Vec<_> = now.difference(before).collect();
    assert!(
        gone.is_empty() && new.is_empty(),
        "{case}\ngone: {gone:#?}\nnew: {new:#?}"
    );
}

/// The run's branch holds the work and nothing else.
fn check_work(sandbox: &Sandbox, id: &str, case: &str) {
    let run = sandbox.last_run(id);
    let branch = run["branch"].as_str().unwrap();
    let changed = sandbox.git(&["diff", "--no-renames", "--name-status", "main", branch]);
    let expected = "M\tREADME.md\nA\tdeep/er/moved.txt\nD\tgone.txt\nA\tlink\nD\tmoved.txt\nA\tnew.txt\nM\tscript.sh\nA\twork.txt";
    assert_eq!(changed, expected, "{case}");
    assert_eq!(
        sandbox.git(&["log", "-1", "--format=%s", &format!("{branch}^")]),
        "own",
        "{case}"
    );
    assert_eq!(
        sandbox.git(&["rev-parse", branch]),
        run["commit"].as_str().unwrap(),
        "{case}"
    );
}

#[test]
fn what_the_person_leaves_out_later_is_left_out() {
    let sandbox = checkout(GOOD);
    assert_eq!(sandbox.run(&sandbox.task("One", &[])).code, Some(0));
    sandbox.write(".git/info/exclude", "notes\n");
    sandbox.write("notes", "the person's");
    let outcome = sandbox.run(&sandbox.task("Two", &[]));
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(sandbox.read("notes"), "the person's");
}

#[test]
fn the_work_ends_on_its_branch_and_the_checkout_is_as_before() {
    let sandbox = checkout(BUSY);
    let before = state(&sandbox);
    let id = sandbox.task("One", &[]);
    let outcome = sandbox.run(&id);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    is_as(&sandbox, &before, "");
    check_work(&sandbox, &id, "plain");
    assert_eq!(
        sandbox.read("build/agent.o"),
        "mine\n",
        "what is ignored stays"
    );
    let record: Value =
        serde_json::from_str(&sandbox.run_file(&format!("{id}.1"), "run.json")).unwrap();
    assert_eq!(record["isolation"], "none");
    let statement: Value =
        serde_json::from_str(&sandbox.run_file(&format!("{id}.1"), "statement.json")).unwrap();
    assert_eq!(statement["predicate"]["isolation"], "none");
    snapshot!(sandbox.ai(&["review", &id, "--no-diff"]), @"
    exit: 0
    ----- stdout -----
    [TASK]  review  One
      run        [RUN] by fake on branch ai/[TASK]/1
      accepted   it goes into main
      verdict    ready_for_review
      because    finished, checks passed, policy allow, current
                 checks passed on this tree and the policy allows it; it may be accepted
      isolation  none: it worked in the checkout itself
      sandbox    none, network on
      check      unit passed  (runs/[RUN]/checks/unit.log, sha256 [SHORT])
      decision   [DECISION] task.claim allow: no rule of the policy matches; its default says so
      decision   [DECISION] run.start allow: no rule of the policy matches; its default says so
      decision   [DECISION] run.finish allow: no rule of the policy matches; its default says so
      tree       [HASH]
    ----- stderr -----
    ");
    assert!(!sandbox.slot("w1").exists());
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(
        (sandbox.read("work.txt"), sandbox.read("README.md")),
        ("work\n".into(), "changed\n".into())
    );
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "");
    sandbox.is_at_rest(&id);
}

#[test]
fn a_dirty_checkout_is_refused_before_anything_is_claimed() {
    let sandbox = checkout(BUSY);
    let id = sandbox.task("One", &[]);
    let mut told = Transcript::default();
    let mut refuses = |case: &str| {
        let watched = || (state(&sandbox), sandbox.status(&id));
        let outcome = refused(&sandbox, &["run", &id], watched);
        told.add(&format!("ai run {id}  # {case}"), &outcome);
        assert!(!sandbox.base().join("asked").exists(), "{case}: {outcome}");
    };
    sandbox.write("README.md", "the person's");
    refuses("changed");
    sandbox.git(&["checkout", "-q", "README.md"]);
    sandbox.write("notes", "untracked");
    refuses("untracked");
    std::fs::remove_file(sandbox.root().join("notes")).unwrap();
    sandbox.write("README.md", "staged");
    sandbox.git(&["add", "README.md"]);
    sandbox.write("README.md", "A project.\n");
    refuses("staged, although the file itself is as it was");
    sandbox.git(&["reset", "-q"]);
    let merge = sandbox.root().join(".git/MERGE_HEAD");
    std::fs::write(&merge, sandbox.git(&["rev-parse", "HEAD"])).unwrap();
    refuses("in a merge");
    std::fs::remove_file(merge).unwrap();
    snapshot!(told, @"
    $ ai run [TASK]  # changed
    ! error: the agent works in the checkout itself (isolation: none), and README.md is not committed
    !   next: commit it or put it aside (`git stash -u`)
    [4]
    $ ai run [TASK]  # untracked
    ! error: the agent works in the checkout itself (isolation: none), and notes is not committed
    !   next: commit it or put it aside (`git stash -u`)
    [4]
    $ ai run [TASK]  # staged, although the file itself is as it was
    ! error: the agent works in the checkout itself (isolation: none), and something is staged there
    !   next: commit it or put it aside (`git stash -u`)
    [4]
    $ ai run [TASK]  # in a merge
    ! error: the agent works in the checkout itself (isolation: none), and there a merge is going on
    !   next: commit it or put it aside (`git stash -u`)
    [4]
    ");
    assert_eq!(sandbox.status(&id), "queued");
    assert_eq!(sandbox.run(&id).code, Some(0));
}

#[test]
fn one_checkout_holds_one_run() {
    let sandbox = checkout(
        "cat >/dev/null; echo half > half.txt; echo x > \"$BASE/at\"; read x < \"$BASE/gate\"; echo work > work.txt",
    );
    let second = "cat >/dev/null; echo other > work.txt";
    sandbox.add(in_place("second", second));
    sandbox.add_agent("third", GOOD);
    sandbox.configure(CONFIG);
    let [one, two, three] = ["One", "Two", "Three"].map(|title| sandbox.task(title, &[]));
    let gate = sandbox.pipe("gate");
    let first = sandbox.start(&["run", &one, "--agent", "fake"]);
    wait_for(&sandbox.base().join("at"));
    let second = sandbox.ai(&["run", &two, "--agent", "second"]);
    snapshot!(second, @"
    exit: 75
    ----- stdout -----
    ----- stderr -----
    error: run [RUN] works in the checkout itself (isolation: none), which holds one at a time
      next: wait; `ai task cancel [TASK]` stops it
    ");
    // Worktrees are not concerned; they start where the person stands.
    let third = sandbox.ai(&["run", &three, "--agent", "third"]);
    assert_eq!(third.code, Some(0), "{third}");
    assert_eq!(sandbox.last_run(&three)["target"], "refs/heads/main");
    let accept = sandbox.ai(&["accept", &three]);
    snapshot!(accept, @"
    exit: 75
    ----- stdout -----
    ----- stderr -----
    error: run [RUN] works in the checkout itself (isolation: none)
      next: wait until it has ended; `ai recover` ends one that was cut off
    ");
    open_gate(&gate);
    assert_eq!(first.wait().code, Some(0));
    sandbox.ai_ok(&["accept", &three]);
    assert_eq!(
        sandbox.ai(&["run", &two, "--agent", "second"]).code,
        Some(0)
    );
}

const STEPS: [&str; 14] = [
    "claimed",
    "worktree",
    "prompt",
    "checkout-saved",
    "checkout-entered",
    "agent",
    "snapshot",
    "checkout-files",
    "checkout-index",
    "checkout-back",
    "sealed",
    "checks",
    "evidence",
    "judged",
];

fn crash(sandbox: &Sandbox, id: &str, step: &str, how: &str) -> Outcome {
    let outcome = run(sandbox
        .ai_command(&["run", id])
        .env("AI_TEST_FAILPOINT", format!("{step}:{how}")));
    assert_eq!(
        outcome.code,
        if how == "kill" { None } else { Some(1) },
        "{step}:{how}\n{outcome}"
    );
    outcome
}

fn crash_at(step: &str, how: &str) {
    let case = format!("{step}:{how}");
    let sandbox = checkout(BUSY);
    let before = state(&sandbox);
    let id = sandbox.task("One", &[]);
    crash(&sandbox, &id, step, how);
    sandbox.ai_ok(&["recover"]);
    is_as(&sandbox, &before, &case);
    assert!(
        !sandbox
            .root()
            .join(".git/ai/slots/checkout/journal.json")
            .exists(),
        "{case}"
    );
    let again = sandbox.run(&id);
    assert_eq!(
        again.code,
        Some(if step == "judged" { 4 } else { 0 }),
        "{case}\n{again}"
    );
    is_as(&sandbox, &before, &case);
    check_work(&sandbox, &id, &case);
    let asked = std::fs::read_to_string(sandbox.base().join("asked"))
        .unwrap()
        .lines()
        .count();
    let twice = matches!(
        step,
        "agent" | "snapshot" | "checkout-files" | "checkout-index" | "checkout-back"
    );
    assert_eq!(asked, if twice { 2 } else { 1 }, "{case}");
    // What the lost run had done stands somewhere.
    if matches!(step, "agent" | "snapshot") {
        let saved = sandbox.refs("refs/ai/rescue/");
        assert_eq!(
            sandbox.file_at(&saved[0], "new.txt"),
            "new",
            "{case}: {saved:?}"
        );
    } else if twice {
        assert_eq!(
            sandbox.file_at(&format!("ai/{id}/1"), "new.txt"),
            "new",
            "{case}"
        );
    }
    sandbox.is_at_rest(&id);
}

#[test]
fn a_run_in_the_checkout_that_was_killed_is_given_back() {
    STEPS.iter().for_each(|step| crash_at(step, "kill"));
}

#[test]
fn a_run_in_the_checkout_that_failed_is_given_back() {
    STEPS.iter().for_each(|step| crash_at(step, "error"));
}

#[test]
fn what_was_ignored_is_neither_taken_nor_lost() {
    let sandbox =
        checkout("cat >/dev/null; rm .gitignore; echo work > work.txt; echo x > trace.log");
    let id = sandbox.task("One", &[]);
    let before = state(&sandbox);
    let outcome = sandbox.run(&id);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let names = sandbox.git(&["diff", "--name-only", "main", &format!("ai/{id}/1")]);
    assert_eq!(
        names, ".gitignore\ntrace.log\nwork.txt",
        "the person's secrets are in it"
    );
    is_as(&sandbox, &before, "");
    // Hidden by a rule of the agent's own, it comes to light when the rule is gone.
    sandbox.set_script(
        "fake",
        "cat >/dev/null; echo 'hidden' >> .gitignore; echo x > hidden; echo work > work.txt",
    );
    let id = sandbox.task("Two", &[]);
    assert_eq!(sandbox.run(&id).code, Some(0));
    is_as(&sandbox, &before, "");
    let saved = sandbox.refs("refs/ai/rescue/");
    assert_eq!(sandbox.file_at(&saved[0], "hidden"), "x", "{saved:?}");
}

/// The paths that the work of a task changes.
fn changed(sandbox: &Sandbox, id: &str) -> String {
    sandbox.git(&[
        "diff",
        "--no-renames",
        "--name-status",
        "main",
        &format!("ai/{id}/1"),
    ])
}

#[test]
fn what_the_agent_tracks_below_an_ignored_directory_is_its_work() {
    let sandbox = checkout(
        "cat >/dev/null; echo work > work.txt; echo mine > build/agent.o; git add -f build/agent.o
git -c user.name=A -c user.email=a@b commit -qm own; echo x > build/other.o; git add -f build/person.o",
    );
    let before = state(&sandbox);
    let id = sandbox.task("One", &[]);
    let outcome = sandbox.run(&id);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(
        changed(&sandbox, &id),
        "A\tbuild/agent.o\nA\tbuild/person.o\nA\twork.txt"
    );
    std::fs::remove_file(sandbox.root().join("build/other.o")).unwrap();
    is_as(&sandbox, &before, "what was ignored stays");
    assert_eq!(sandbox.refs("refs/ai/rescue/"), [""; 0]);
    // The files that are to be tracked stand there, and are the person's to move.
    assert_eq!(sandbox.ai(&["accept", &id]).code, Some(4));
    for file in ["agent.o", "person.o"] {
        std::fs::remove_file(sandbox.root().join("build").join(file)).unwrap();
    }
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "");
    assert_eq!(sandbox.read("build/agent.o"), "mine\n");
    assert_eq!(sandbox.read("build/person.o"), "built");
}

#[test]
fn what_the_agent_tracks_of_what_is_ignored_is_saved_by_a_recovery() {
    let sandbox = checkout("cat >/dev/null; echo mine > build/agent.o; git add -f build/agent.o");
    let before = state(&sandbox);
    let id = sandbox.task("One", &[]);
    crash(&sandbox, &id, "agent", "kill");
    sandbox.ai_ok(&["recover"]);
    is_as(&sandbox, &before, "");
    let saved = sandbox.refs("refs/ai/rescue/");
    assert_eq!(sandbox.file_at(&saved[0], "build/agent.o"), "mine");
}

#[test]
fn what_comes_in_the_place_of_an_ignored_directory_is_work() {
    for (what, put) in [
        ("file", "echo x > build"),
        ("link", "ln -s README.md build"),
    ] {
        let sandbox = checkout(&format!(
            "cat >/dev/null; echo work > work.txt; rm -r build; {put}"
        ));
        let id = sandbox.task("One", &[]);
        let outcome = sandbox.run(&id);
        assert_eq!(outcome.code, Some(0), "{what}: {outcome}");
        assert_eq!(changed(&sandbox, &id), "A\tbuild\nA\twork.txt", "{what}");
        assert_eq!(sandbox.git(&["status", "--porcelain"]), "", "{what}");
    }
}

#[test]
fn what_comes_beside_ignored_files_is_work() {
    let sandbox = checkout(
        "cat >/dev/null; echo work > work.txt; echo x > notes/work; mkdir notes/deep/er; echo x > notes/deep/er/work",
    );
    sandbox.write("notes/person.log", "mine");
    sandbox.write("notes/deep/person.log", "mine");
    let before = state(&sandbox);
    let id = sandbox.task("One", &[]);
    let outcome = sandbox.run(&id);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(
        changed(&sandbox, &id),
        "A\tnotes/deep/er/work\nA\tnotes/work\nA\twork.txt"
    );
    is_as(&sandbox, &before, "");
}

#[test]
fn a_repository_that_the_agent_makes_is_moved_out_of_the_way() {
    let sandbox =
        checkout("cat >/dev/null; echo work > work.txt; git init -q inner; echo x > inner/file");
    let id = sandbox.task("One", &[]);
    let before = state(&sandbox);
    let outcome = sandbox.run(&id);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    is_as(&sandbox, &before, "");
    let kept = std::fs::read_dir(sandbox.root().join(".git/ai/kept"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    assert_eq!(
        std::fs::read_to_string(kept.join("inner/file")).unwrap(),
        "x\n"
    );
}

#[test]
fn a_checkout_that_somebody_has_taken_back_is_left_alone() {
    let sandbox = checkout("cat >/dev/null; echo work > work.txt; echo new > new.txt");
    let id = sandbox.task("One", &[]);
    crash(&sandbox, &id, "agent", "kill");
    sandbox.git(&["switch", "-q", "-c", "mine"]);
    sandbox.write("new.txt", "by the person now");
    snapshot!(sandbox.ai(&["recover"]), @"
    exit: 0
    ----- stdout -----
    [RUN]  recovered: cut off at step agent: its supervisor died; its work stands on refs/ai/rescue/[TASK]/1
    ----- stderr -----
    the checkout was switched to another branch after run [RUN] was cut off; it stays as it is, what stands there is saved on refs/ai/rescue/[TASK]/1
    recovered run [RUN]: cut off at step agent: its supervisor died; its work stands on refs/ai/rescue/[TASK]/1
    ");
    assert_eq!(
        (
            sandbox.read("new.txt").as_str(),
            sandbox.git(&["branch", "--show-current"]).as_str()
        ),
        ("by the person now", "mine")
    );
    assert_eq!(
        sandbox.file_at(&sandbox.refs("refs/ai/rescue/")[0], "work.txt"),
        "work"
    );
}

#[test]
fn a_detached_head_is_put_back() {
    let sandbox = checkout(BUSY);
    sandbox.git(&["switch", "-q", "--detach"]);
    let before = state(&sandbox);
    let id = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&id).code, Some(0));
    is_as(&sandbox, &before, "");
    check_work(&sandbox, &id, "detached");
}

#[test]
fn settings_that_were_changed_meanwhile_are_told() {
    let sandbox = checkout(
        "cat >/dev/null; echo work > work.txt; git config core.fsmonitor evil; git branch -f other",
    );
    let id = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&id).code, Some(0));
    snapshot!(sandbox.ai(&["review", &id, "--no-diff"]), @"
    exit: 0
    ----- stdout -----
    [TASK]  review  One
      run        [RUN] by fake on branch ai/[TASK]/1
      accepted   it goes into main
      verdict    ready_for_review
      because    finished, checks passed, policy allow, current
                 checks passed on this tree and the policy allows it; it may be accepted
      isolation  none: it worked in the checkout itself
      sandbox    none, network on
      warning    the repository's own settings or hooks changed during the run, by which your next git command may run a program: .git/config
      warning    refs/heads/other was made during the run, at [SHORT]
      check      unit passed  (runs/[RUN]/checks/unit.log, sha256 [SHORT])
      decision   [DECISION] task.claim allow: no rule of the policy matches; its default says so
      decision   [DECISION] run.start allow: no rule of the policy matches; its default says so
      decision   [DECISION] run.finish allow: no rule of the policy matches; its default says so
      tree       [HASH]
    ----- stderr -----
    ");
}

#[test]
fn references_that_the_agent_moves_are_put_back() {
    let commit = "git -c user.name=A -c user.email=a@b";
    for (what, script) in [
        (
            "a commit on the person's branch",
            format!(
                "git checkout -q main; echo work > work.txt; git add -A; {commit} commit -qm own"
            ),
        ),
        (
            "a branch that is moved",
            "echo work > work.txt; git branch -f main main~1".to_owned(),
        ),
        (
            "a stash",
            format!("echo work > work.txt; {commit} stash -q -u; echo work > work.txt"),
        ),
        (
            "a stash that is dropped",
            "echo work > work.txt; git stash drop -q".to_owned(),
        ),
    ] {
        let sandbox = checkout(&format!("cat >/dev/null; {script}"));
        sandbox.write("README.md", "put aside");
        sandbox.git(&["stash", "-q"]);
        let stashes = sandbox.git(&["stash", "list"]);
        let before = state(&sandbox);
        let id = sandbox.task("One", &[]);
        let outcome = sandbox.run(&id);
        assert_eq!(outcome.code, Some(5), "{what}: {outcome}");
        is_as(&sandbox, &before, what);
        assert_eq!(sandbox.git(&["stash", "list"]), stashes, "{what}");
        assert_eq!(changed(&sandbox, &id), "A\twork.txt", "{what}");
    }
}

#[test]
fn a_connector_and_the_project_can_say_so_too() {
    let sandbox = Scene::new()
        .agent(Agent::of_a_cli("cli", "text", GOOD).manifest("isolation: none\n"))
        .build();
    let id = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&id).code, Some(0));
    assert_eq!(sandbox.last_run(&id)["worktree"], "checkout");

    let sandbox = Sandbox::with_script(GOOD);
    sandbox.configure(
        "version: 1\nchecks: {unit: {run: test -f work.txt}}\nruns: {grace: 1s, isolation: none}\n",
    );
    let id = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&id).code, Some(0));
    assert_eq!(sandbox.last_run(&id)["worktree"], "checkout");
    // Trusted once, it stays so whatever else is changed.
    sandbox.write(
        ".ai/config.yaml",
        "version: 1\nruns: {isolation: none, grace: 2s}\nchecks: {unit: {run: test -f work.txt}}\n",
    );
    sandbox.commit("other grace");
    let next = sandbox.task("Two", &[]);
    assert_eq!(
        sandbox.run(&next).code,
        Some(0),
        "nothing that counts has changed"
    );
}

#[test]
fn in_a_sandbox_git_and_the_settings_are_out_of_reach() {
    let sandbox = checkout(
        "cat >/dev/null; echo work > work.txt; echo x > .ai/x; echo x > \"$BASE/beside\"; for f in .git/config .git/HEAD .git/hooks/pre-commit .ai/policy.yaml; \
         do (echo evil >> $f) 2>/dev/null && echo $f >> out.txt; done; true",
    );
    for layer in crate::sandbox::layers() {
        let before = state(&sandbox);
        let id = sandbox.task("One", &[]);
        let outcome = run(sandbox.ai_command(&["run", &id]).env("AI_SANDBOX", layer));
        is_as(&sandbox, &before, layer);
        if layer == "landlock" {
            snapshot!(outcome, @"
            exit: 3
            ----- stdout -----
            ----- stderr -----
            run [RUN]: fake on branch ai/[TASK]/1, for main
            run [RUN]: could not be seen through
            error: Landlock cannot keep an agent out of the .git of the checkout in which it works (isolation: none)
              next: install bubblewrap, or accept it with `ai run --no-sandbox`
            ");
            continue;
        }
        assert_eq!(outcome.code, Some(0), "{outcome}");
        assert_eq!(
            sandbox.git(&["diff", "--name-only", "main", &format!("ai/{id}/1")]),
            "work.txt"
        );
        let stray = [sandbox.base().join("beside"), sandbox.root().join(".ai/x")];
        assert!(stray.iter().all(|path| !path.exists()), "{stray:?}");
    }
}
