//! Hooks of Git that ask `ai`: what they refuse before a commit is made, and what they let through.

use std::path::Path;

use crate::snapshot;
use crate::support::scene::{Agent, Scene};
use crate::support::{Outcome, Sandbox, mask, run};

/// A project whose hook asks `ai`, with two committed files.
fn hooked() -> Sandbox {
    let sandbox = Sandbox::project();
    sandbox.write("free.txt", "free\n");
    sandbox.write("held.txt", "one\n");
    sandbox.commit("files");
    sandbox.ai_ok(&["hooks", "install"]);
    sandbox
}

/// The same, with `held.txt` locked by somebody else.
fn held() -> Sandbox {
    let sandbox = hooked();
    sandbox.ai_ok(&["lock", "acquire", "held.txt", "--as", "agent:ben"]);
    sandbox
}

/// Runs `git`, and says whether HEAD of the repository has moved.
fn moves(sandbox: &Sandbox, args: &[&str]) -> bool {
    let head = || {
        sandbox
            .try_git(&sandbox.root(), &["rev-parse", "HEAD"])
            .stdout
    };
    let before = head();
    let outcome = sandbox.try_git(&sandbox.root(), args);
    let moved = head() != before;
    assert_eq!(outcome.code == Some(0), moved, "git {args:?}\n{outcome}");
    moved
}

/// The records of answers to an action: effect, rule and reason of each.
fn answers(sandbox: &Sandbox, action: &str) -> Vec<String> {
    let all = sandbox.ai_json_lines(&["policy", "log"]);
    let of = all.iter().filter(|one| one["action"] == action);
    of.map(|one| {
        let text = |key: &str| one[key].as_str().unwrap().to_owned();
        format!("{} {}", text("effect"), text("rule"))
    })
    .collect()
}

#[test]
fn a_commit_into_a_locked_path_is_refused_and_names_the_holder() {
    let sandbox = held();
    sandbox.write("held.txt", "two\n");
    sandbox.write("free.txt", "two\n");
    let refused = sandbox.try_git(&sandbox.root(), &["commit", "-q", "-a", "-m", "both"]);
    snapshot!(refused, @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: the commit changes held.txt, locked exclusively by agent:ben ([LOCK], `held.txt`) for another [LEFT]
      next: wait, or ask agent:ben to give it back (`ai lock release [LOCK]`); then `git commit`
    ");
    assert_eq!(answers(&sandbox, "commit"), ["deny built-in.locked-paths"]);
    // Nothing was staged, stashed or written.
    assert_eq!(
        sandbox.git(&["status", "--porcelain"]),
        " M free.txt\n M held.txt"
    );
    assert_eq!(sandbox.git(&["stash", "list"]), "");
}

#[test]
fn each_way_to_commit_is_judged_by_what_it_commits() {
    let both = |sandbox: &Sandbox| {
        sandbox.write("held.txt", "two\n");
        sandbox.write("free.txt", "two\n");
    };
    type Prepare<'a> = &'a dyn Fn(&Sandbox);
    let git = |sandbox: &Sandbox, args: &[&str]| drop(sandbox.git(args));
    let table: [(&str, Prepare<'_>, &[&str], bool); 14] = [
        ("all", &both, &["commit", "-qam", "x"], false),
        (
            "the free path",
            &both,
            &["commit", "-qm", "x", "free.txt"],
            true,
        ),
        (
            "the locked path",
            &both,
            &["commit", "-qm", "x", "held.txt"],
            false,
        ),
        (
            "only what is staged counts",
            &|sandbox| {
                both(sandbox);
                git(sandbox, &["add", "free.txt"]);
            },
            &["commit", "-qm", "x"],
            true,
        ),
        (
            "staged, and taken back in the tree",
            &|sandbox| {
                sandbox.write("held.txt", "two\n");
                git(sandbox, &["add", "held.txt"]);
                sandbox.write("held.txt", "one\n");
            },
            &["commit", "-qm", "x"],
            false,
        ),
        (
            "amended by the locked path",
            &|sandbox| {
                both(sandbox);
                git(sandbox, &["add", "held.txt"]);
            },
            &["commit", "-q", "--amend", "--no-edit"],
            false,
        ),
        (
            "amended in its words",
            &|_| {},
            &["commit", "-q", "--amend", "-m", "x"],
            true,
        ),
        (
            "empty",
            &|_| {},
            &["commit", "-q", "--allow-empty", "-m", "x"],
            true,
        ),
        (
            "deleted",
            &|sandbox| git(sandbox, &["rm", "-q", "held.txt"]),
            &["commit", "-qm", "x"],
            false,
        ),
        (
            "renamed away",
            &|sandbox| git(sandbox, &["mv", "held.txt", "new.txt"]),
            &["commit", "-qm", "x"],
            false,
        ),
        (
            "renamed onto",
            &|sandbox| git(sandbox, &["mv", "-f", "free.txt", "held.txt"]),
            &["commit", "-qm", "x"],
            false,
        ),
        (
            "a new mode",
            &|sandbox| git(sandbox, &["update-index", "--chmod=+x", "held.txt"]),
            &["commit", "-qm", "x"],
            false,
        ),
        (
            "an index whose trees are not known",
            &|sandbox| {
                both(sandbox);
                git(sandbox, &["add", "free.txt"]);
                git(sandbox, &["add", "-N", "held.txt"]);
                sandbox.write("later.txt", "x");
                git(sandbox, &["add", "-N", "later.txt"]);
            },
            &["commit", "-qm", "x"],
            true,
        ),
        (
            "a merge that brings it",
            &|sandbox| {
                git(sandbox, &["checkout", "-q", "-b", "side"]);
                sandbox.write("held.txt", "two\n");
                git(sandbox, &["commit", "-q", "--no-verify", "-am", "side"]);
                git(sandbox, &["checkout", "-q", "main"]);
            },
            &["merge", "-q", "--no-ff", "--no-edit", "side"],
            false,
        ),
    ];
    for (name, prepare, args, moved) in table {
        let sandbox = held();
        prepare(&sandbox);
        assert_eq!(moves(&sandbox, args), moved, "{name}");
        assert_eq!(answers(&sandbox, "commit").len(), 1, "{name}");
    }
}

#[test]
fn only_an_exclusive_lock_of_somebody_else_stands_against_a_commit() {
    let table: [(&[&str], bool); 5] = [
        (&["held.txt", "--as", "ben"], false),
        (&["*.txt", "--as", "ben"], false),
        (&["held.txt", "--as", "ben", "--shared"], true),
        (&["held.txt"], true),
        (&["free.txt", "--as", "ben"], true),
    ];
    for (args, moved) in table {
        let sandbox = hooked();
        sandbox.ai_ok(&[&["lock", "acquire"][..], args].concat());
        sandbox.write("held.txt", "two\n");
        assert_eq!(moves(&sandbox, &["commit", "-qam", "x"]), moved, "{args:?}");
    }
}

#[test]
fn commits_from_elsewhere_are_judged_as_those_from_within() {
    let sandbox = held();
    let linked = sandbox.worktree("linked");
    let (root, home) = (sandbox.root(), sandbox.base().join("home"));
    let in_linked = |text: &str| std::fs::write(linked.join("held.txt"), text).unwrap();
    in_linked("two\n");
    sandbox.write("held.txt", "two\n");
    let at = |dir: &Path| dir.to_str().unwrap().to_owned();
    let (git_dir, tree) = (at(&root.join(".git")), at(&root));
    let table: [(&Path, &[&str]); 4] = [
        (&linked, &["commit", "-qam", "x"]),
        (&home, &["-C", &at(&linked), "commit", "-qam", "x"]),
        (&home, &["-C", &tree, "commit", "-qam", "x"]),
        (
            &home,
            &[
                "--git-dir",
                &git_dir,
                "--work-tree",
                &tree,
                "commit",
                "-qam",
                "x",
            ],
        ),
    ];
    for (dir, args) in table {
        let outcome = sandbox.try_git(dir, args);
        assert_eq!(outcome.code, Some(1), "git {args:?}\n{outcome}");
    }
    assert_eq!(
        answers(&sandbox, "commit"),
        ["deny built-in.locked-paths"; 4]
    );
}

#[test]
fn the_first_commit_of_all_is_judged() {
    let sandbox = hooked();
    sandbox.ai_ok(&["lock", "acquire", "new/", "--as", "ben"]);
    sandbox.git(&["checkout", "-q", "--orphan", "fresh"]);
    sandbox.git(&["rm", "-rqf", "."]);
    sandbox.write("new/file", "x");
    sandbox.git(&["add", "new"]);
    assert!(!moves(&sandbox, &["commit", "-qm", "x"]));
    sandbox.git(&["rm", "-rqf", "new"]);
    sandbox.write("other", "x");
    sandbox.git(&["add", "other"]);
    assert!(moves(&sandbox, &["commit", "-qm", "x"]));
}

/// A project with a policy about commits.
fn with_policy(rules: &str) -> Sandbox {
    let sandbox = hooked();
    sandbox.write(
        ".ai/policy.yaml",
        format!("version: 1\ndefault: allow\nrules:\n{rules}"),
    );
    sandbox
}

fn commit(sandbox: &Sandbox, path: &str, more: &[&str]) -> Outcome {
    sandbox.write(path, "changed\n");
    sandbox.git(&["add", path]);
    let mut command = sandbox.command("git");
    for pair in more {
        let (name, value) = pair.split_once('=').unwrap();
        command.env(name, value);
    }
    run(command.args(["commit", "-qm", "x"]))
}

#[test]
fn policy_is_asked_about_each_commit_and_its_answer_is_kept() {
    let sandbox = with_policy(
        "  - {id: no-ci, on: [commit], actors: [\"agent:*\"], paths: [ci/], effect: deny, reason: it runs with secrets}\n  \
         - {id: mind, on: [commit], paths: [docs/], effect: warn, reason: others read it}\n",
    );
    snapshot!(commit(&sandbox, "ci/a.yml", &["AI_ACTOR=agent:codex"]), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: policy denies commit: it runs with secrets (ci/a.yml) (rule `no-ci`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
    sandbox.git(&["rm", "-q", "--cached", "ci/a.yml"]);
    snapshot!(commit(&sandbox, "docs/a.md", &[]), @"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    warning: others read it (docs/a.md) (rule `mind`)
    ");
    assert_eq!(answers(&sandbox, "commit"), ["deny no-ci", "warn mind"]);
}

#[test]
fn a_yes_is_for_this_content_and_no_other() {
    let sandbox = with_policy(
        "  - {id: ask, on: [commit], paths: [deploy/], effect: require_approval, reason: it goes to production}\n",
    );
    let refused = commit(&sandbox, "deploy/a", &[]);
    snapshot!(refused, @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: policy wants a person's yes for commit: it goes to production (deploy/a) (rule `ask`, decision [DECISION])
      next: a person says yes with `ai approve [DECISION]`
    ");
    let waiting = sandbox.ai_json_lines(&["approvals"]);
    let id = waiting[0]["decision"]["id"].as_str().unwrap().to_owned();
    sandbox.ai_ok(&["approve", &id, "--reason", "seen", "--as", "ann"]);
    sandbox.write("deploy/a", "something else\n");
    sandbox.git(&["add", "deploy/a"]);
    assert!(!moves(&sandbox, &["commit", "-qm", "x"]));
    assert_eq!(commit(&sandbox, "deploy/a", &[]).code, Some(0));
}

#[test]
fn in_the_worktree_of_a_task_its_paths_are_the_bounds() {
    let sandbox = with_policy("  - {id: x, on: [trust], effect: allow}\n");
    sandbox.write(
        ".ai/policy.yaml",
        "version: 1\ndefault: allow\noutside_paths: deny\n",
    );
    let id = sandbox.task("One", &["--path", "src/"]);
    let linked = sandbox.worktree("linked");
    let claimed = sandbox.ai_in(&linked, &["task", "claim", &id]);
    assert_eq!(claimed.code, Some(0), "{claimed}");
    let put = |path: &str, text: &str| {
        std::fs::create_dir_all(linked.join("src")).unwrap();
        std::fs::write(linked.join(path), text).unwrap();
        sandbox.git_in(&linked, &["add", path]);
    };
    put("src/a", "x");
    put("free.txt", "two\n");
    snapshot!(sandbox.try_git(&linked, &["commit", "-qm", "x"]), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: policy denies commit: the change goes beyond the task's own paths: free.txt; name them in the task where they belong to it (rule `built-in.outside-paths`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
    // A commit that has the same change already is none that is merged because a variable says so.
    let tree = sandbox.git_in(&linked, &["write-tree"]);
    let alike = sandbox.git_in(&linked, &["commit-tree", &tree, "-p", "HEAD", "-m", "x"]);
    let mut forged = sandbox.command("git");
    forged
        .current_dir(&linked)
        .env(format!("GITHEAD_{alike}"), "side");
    let outcome = run(forged.args(["commit", "-qm", "x"]));
    assert_eq!(outcome.code, Some(1), "{outcome}");
    sandbox.git_in(&linked, &["reset", "-q", "free.txt"]);
    sandbox.git_in(&linked, &["checkout", "-q", "free.txt"]);
    sandbox.git_in(&linked, &["commit", "-qm", "x"]);
    // What others have done meanwhile may come in.
    sandbox.write("other.txt", "x");
    sandbox.commit("on main");
    sandbox.git_in(&linked, &["merge", "-q", "--no-edit", "main"]);
    sandbox.git(&["rev-parse", "--verify", "-q", "linked:other.txt"]);
}

#[test]
fn the_name_of_a_branch_opens_no_locks_of_a_task() {
    let sandbox = hooked();
    let id = sandbox.task("One", &["--path", "src/"]);
    let linked = sandbox.worktree("linked");
    let claimed = sandbox.ai_in(&linked, &["task", "claim", &id, "--as", "agent:ben"]);
    assert_eq!(claimed.code, Some(0), "{claimed}");
    sandbox.git(&["checkout", "-q", "-b", &format!("ai/{id}/1")]);
    snapshot!(commit(&sandbox, "src/a", &[]), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: the commit changes src/a, locked exclusively by agent:ben ([TASK], `src`) for another [LEFT]
      next: `ai why [TASK]` shows the work that holds it; when that has ended, `git commit`
    ");
}

#[test]
fn that_a_run_is_named_lets_nothing_pass_outside_of_its_worktree() {
    let sandbox = held();
    let named = "AI_RUN=t-1.1";
    for more in [&[named][..], &[named, "AI_HOOKS_SKIP=why"]] {
        let refused = commit(&sandbox, "held.txt", more);
        assert_eq!(refused.code, Some(1), "{more:?}\n{refused}");
    }
    assert_eq!(
        answers(&sandbox, "commit"),
        ["deny built-in.locked-paths"; 2]
    );
}

/// A run keeps its last landing alone; those that were taken back before are in the history all the same.
#[test]
fn what_was_landed_taken_back_and_landed_again_passed_no_hook_by() {
    let agent = Agent::new("fake", "cat >/dev/null; echo work > work.txt");
    let sandbox = Scene::new().check("true").agent(agent).build();
    let other = sandbox.base().join("other.git");
    sandbox.git(&["init", "-q", "--bare", other.to_str().unwrap()]);
    sandbox.git(&["remote", "add", "origin", other.to_str().unwrap()]);
    sandbox.ai_ok(&["hooks", "install"]);
    let id = sandbox.reviewed("One");
    sandbox.ai_ok(&["accept", &id, "-m", "another message"]);
    sandbox.ai_ok(&["undo", &id]);
    sandbox.ai_ok(&["accept", &id]);
    let push = sandbox.try_git(&sandbox.root(), &["push", "-q", "origin", "main"]);
    assert_eq!(
        push.to_string(),
        "exit: 0\n----- stdout -----\n----- stderr -----\n"
    );
}

#[test]
fn a_run_pushes_nothing_and_commits_into_what_is_locked_until_its_end() {
    let sandbox = Sandbox::with_script(
        "cat >/dev/null; echo one > work.txt; git add work.txt
        git -c user.name=A -c user.email=a@b commit -qm mine || echo refused >> work.txt
        git push -q origin HEAD:refs/heads/x 2> \"$BASE/said\"
        AI_HOOKS_SKIP=why git push -q origin HEAD:refs/heads/x 2>> \"$BASE/said\"",
    );
    let other = sandbox.base().join("other.git");
    sandbox.git(&["init", "-q", "--bare", other.to_str().unwrap()]);
    sandbox.git(&["remote", "add", "origin", other.to_str().unwrap()]);
    sandbox.ai_ok(&["hooks", "install"]);
    sandbox.ai_ok(&["lock", "acquire", "work.txt", "--as", "agent:ben"]);
    let id = sandbox.task("One", &[]);
    let outcome = sandbox.run(&id);
    let made = sandbox.git(&["log", "--format=%s", &format!("ai/{id}/1")]);
    assert!(made.lines().any(|subject| subject == "mine"), "{outcome}");
    assert_eq!(answers(&sandbox, "commit"), [""; 0]);
    let said = std::fs::read_to_string(sandbox.base().join("said")).unwrap();
    snapshot!(mask(&said), @"
    error: nothing is pushed from within a run: its work reaches a branch by `ai accept`
      next: leave the work in the worktree, or commit it there; it is judged when the run ends
    error: failed to push some refs to '[PATH]/other.git'
    error: nothing is pushed from within a run: its work reaches a branch by `ai accept`
      next: leave the work in the worktree, or commit it there; it is judged when the run ends
    error: failed to push some refs to '[PATH]/other.git'
    ");
    assert_eq!(sandbox.try_git(&other, &["for-each-ref"]).stdout, "");
}

#[test]
fn an_agent_that_can_commit_does_so_past_the_hooks_of_the_checkout() {
    let commit = "git -c user.name=A -c user.email=a@b commit -qm";
    let script = format!(
        "cat >/dev/null; for n in 1 2; do echo $n > work.txt; git add work.txt
        {commit} \"mine $n\" || echo refused > refused.txt; done"
    );
    let sandbox = Sandbox::with_script(&script);
    // Where people have it, which a sandbox hides.
    let ai = sandbox.base().join("home/bin/ai");
    std::fs::create_dir_all(ai.parent().unwrap()).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_ai"), &ai).unwrap();
    let install = ["hooks", "install", "--reference-transaction"];
    let installed = run(sandbox.command(&ai).args(install));
    assert_eq!(installed.code, Some(0), "{installed}");
    // Under Landlock no agent can commit: nothing stands in for the objects of the repository there.
    let modes = crate::sandbox::modes();
    for layer in modes.into_iter().filter(|layer| *layer != "landlock") {
        let id = sandbox.task(layer, &[]);
        let mut command = sandbox.command(&ai);
        let outcome = run(command.args(["run", &id]).env("AI_SANDBOX", layer));
        let range = format!("main..ai/{id}/1");
        let made = sandbox.git(&["log", "--format=%s", "--name-only", &range]);
        assert_eq!(
            made.lines()
                .filter(|line| !line.is_empty())
                .collect::<Vec<_>>(),
            ["mine 2", "work.txt", "mine 1", "work.txt"],
            "{layer}: {outcome}"
        );
    }
}

#[test]
fn the_work_of_a_run_that_policy_has_denied_is_asked_about_when_it_is_pushed() {
    let sandbox =
        Sandbox::with_script("cat >/dev/null; mkdir ci; echo x > ci/a; echo x > work.txt");
    sandbox.write(
        ".ai/policy.yaml",
        "version: 1\ndefault: allow\nrules:\n  \
         - {id: no-ci, on: [run.finish, commit], paths: [ci/], effect: deny, reason: it runs with secrets}\n",
    );
    sandbox.commit("a rule");
    let other = sandbox.base().join("other.git");
    sandbox.git(&["init", "-q", "--bare", other.to_str().unwrap()]);
    sandbox.git(&["remote", "add", "origin", other.to_str().unwrap()]);
    sandbox.git(&["push", "-q", "origin", "main"]);
    sandbox.ai_ok(&["hooks", "install"]);
    let id = sandbox.task("One", &[]);
    let outcome = sandbox.run(&id);
    assert_eq!(outcome.code, Some(5), "{outcome}");
    let pushed = format!("ai/{id}/1:refs/heads/side");
    for _ in 0..2 {
        let outcome = sandbox.try_git(&sandbox.root(), &["push", "-q", "origin", &pushed]);
        assert_eq!(outcome.code, Some(1), "{outcome}");
    }
    assert_eq!(answers(&sandbox, "commit"), ["deny no-ci"; 2]);
    assert_eq!(bypasses(&sandbox), 1);
}

/// The same project with another repository to push to, which has its first commits.
fn pushing() -> Sandbox {
    let sandbox = hooked();
    let other = sandbox.base().join("other.git");
    sandbox.git(&["init", "-q", "--bare", other.to_str().unwrap()]);
    sandbox.git(&["remote", "add", "origin", other.to_str().unwrap()]);
    let first = sandbox.try_git(&sandbox.root(), &["push", "-q", "origin", "main"]);
    assert_eq!((first.code, first.stderr.as_str()), (Some(0), ""));
    sandbox
}

fn push(sandbox: &Sandbox) -> Outcome {
    sandbox.try_git(&sandbox.root(), &["push", "-q", "origin", "main"])
}

/// What passed by, as the log tells it.
fn bypasses(sandbox: &Sandbox) -> usize {
    let all = sandbox.ai_json_lines(&["log"]);
    all.iter()
        .filter(|one| one["event"]["kind"] == "bypass.found")
        .count()
}

#[test]
fn commits_that_no_hook_was_asked_about_are_found_when_they_are_pushed() {
    type Make<'a> = &'a dyn Fn(&Sandbox);
    let git = |sandbox: &Sandbox, args: &[&str]| sandbox.git(args);
    let write = |sandbox: &Sandbox, path: &str| {
        sandbox.write(path, format!("{path}\n"));
        git(sandbox, &["add", path]);
    };
    let commit = |sandbox: &Sandbox, more: &[&str]| {
        git(sandbox, &[&["commit", "-q", "-m", "x"][..], more].concat());
    };
    let table: [(&str, Make<'_>, usize); 13] = [
        (
            "by the hook",
            &|s| {
                write(s, "a");
                commit(s, &[]);
            },
            0,
        ),
        (
            "amended",
            &|s| {
                write(s, "a");
                commit(s, &[]);
                write(s, "b");
                commit(s, &["--amend"]);
            },
            0,
        ),
        (
            "amended twice, in its words",
            &|s| {
                write(s, "a");
                commit(s, &[]);
                commit(s, &["--amend", "-m", "y"]);
                commit(s, &["--amend", "-m", "z"]);
            },
            0,
        ),
        (
            "--no-verify",
            &|s| {
                write(s, "a");
                commit(s, &["--no-verify"]);
            },
            1,
        ),
        (
            "--no-verify, then by the hook",
            &|s| {
                write(s, "a");
                commit(s, &["--no-verify"]);
                write(s, "b");
                commit(s, &[]);
            },
            1,
        ),
        (
            "--no-verify, amended by the hook",
            &|s| {
                write(s, "a");
                commit(s, &["--no-verify"]);
                commit(s, &["--amend", "-m", "y"]);
            },
            1,
        ),
        (
            "the hooks elsewhere",
            &|s| {
                write(s, "a");
                git(
                    s,
                    &["-c", "core.hooksPath=/dev/null", "commit", "-q", "-m", "x"],
                );
            },
            1,
        ),
        (
            "plumbing",
            &|s| {
                write(s, "a");
                let tree = git(s, &["write-tree"]);
                let made = git(s, &["commit-tree", &tree, "-p", "HEAD", "-m", "x"]);
                git(s, &["update-ref", "refs/heads/main", &made]);
            },
            1,
        ),
        (
            "a cherry-pick",
            &|s| {
                git(s, &["checkout", "-q", "-b", "side"]);
                write(s, "a");
                commit(s, &[]);
                git(s, &["checkout", "-q", "main"]);
                write(s, "b");
                commit(s, &[]);
                git(s, &["cherry-pick", "side"]);
            },
            1,
        ),
        (
            "a rebase",
            &|s| {
                git(s, &["checkout", "-q", "-b", "side"]);
                write(s, "a");
                commit(s, &[]);
                git(s, &["checkout", "-q", "main"]);
                write(s, "b");
                commit(s, &[]);
                git(s, &["rebase", "-q", "main", "side"]);
                git(s, &["checkout", "-q", "main"]);
                git(s, &["merge", "-q", "--ff-only", "side"]);
            },
            1,
        ),
        (
            "a merge",
            &|s| {
                git(s, &["checkout", "-q", "-b", "side"]);
                write(s, "a");
                commit(s, &[]);
                git(s, &["checkout", "-q", "main"]);
                write(s, "b");
                commit(s, &[]);
                git(s, &["merge", "-q", "--no-edit", "side"]);
            },
            0,
        ),
        (
            "from a linked worktree",
            &|s| {
                let linked = s.worktree("linked");
                std::fs::write(linked.join("a"), "x").unwrap();
                s.git_in(&linked, &["add", "a"]);
                s.git_in(&linked, &["commit", "-q", "-m", "x"]);
                git(s, &["merge", "-q", "--ff-only", "linked"]);
            },
            0,
        ),
        (
            "a stash",
            &|s| {
                write(s, "a");
                git(s, &["stash", "-q"]);
                git(s, &["stash", "pop", "-q"]);
                commit(s, &[]);
            },
            0,
        ),
    ];
    for (name, make, found) in table {
        let sandbox = pushing();
        make(&sandbox);
        let outcome = push(&sandbox);
        assert_eq!(outcome.code, Some(0), "{name}\n{outcome}");
        assert_eq!(bypasses(&sandbox), found, "{name}");
        // Once is enough.
        sandbox.write("later", "x");
        sandbox.git(&["add", "later"]);
        sandbox.git(&["commit", "-q", "-m", "later"]);
        push(&sandbox);
        assert_eq!(bypasses(&sandbox), found, "{name}, again");
    }
}

#[test]
fn a_bypass_is_told_at_the_push_in_the_log_and_in_the_status() {
    let sandbox = pushing();
    sandbox.write("a", "x");
    sandbox.git(&["add", "a"]);
    sandbox.git(&["commit", "-q", "--no-verify", "-m", "x"]);
    snapshot!(push(&sandbox), @"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    warning: 1 commit on the way to refs/heads/main passed no hook: [SHORT]; that is recorded
    ");
    let id = sandbox.git(&["rev-parse", "HEAD"]);
    let told = |mut outcome: Outcome| {
        outcome.stdout = outcome.stdout.replace(&id[..10], "[COMMIT]");
        outcome
    };
    snapshot!(told(sandbox.ai(&["status"])), @"
    exit: 0
    ----- stdout -----
    no tasks yet
    needs you:
      hooks  1 commit on the way to refs/heads/main passed no hook: [COMMIT]  ai hooks status --seen
    ----- stderr -----
    ");
    snapshot!(sandbox.ai(&["hooks", "status", "--seen", "--as", "agent:codex"]), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: only a person may change the hooks of Git
      next: ask a person to give this command
    ");
    sandbox.ai_ok(&["hooks", "status", "--seen"]);
    snapshot!(sandbox.ai(&["status"]), @"
    exit: 0
    ----- stdout -----
    no tasks yet
    ----- stderr -----
    ");
    assert_eq!(bypasses(&sandbox), 1);
}

#[test]
fn a_hook_that_was_told_to_let_something_pass_is_seen_at_the_next_look() {
    let sandbox = held();
    assert_eq!(
        commit(&sandbox, "held.txt", &["AI_HOOKS_SKIP=the store is gone"]).code,
        Some(0)
    );
    snapshot!(sandbox.ai(&["status"]), @"
    exit: 0
    ----- stdout -----
    no tasks yet
      [LOCK]  agent:ben  [N]m left  path lock [LOCK]
    needs you:
      hooks  tester had the hook pre-commit let something pass: the store is gone  ai hooks status --seen
    ----- stderr -----
    ");
    assert_eq!(bypasses(&sandbox), 0);
    sandbox.task("Any write", &[]);
    assert_eq!(bypasses(&sandbox), 1);
    snapshot!(sandbox.ai(&["status"]), @"
    exit: 0
    ----- stdout -----
    1 queued
      [LOCK]  agent:ben  [N]m left  path lock [LOCK]
    needs you:
      hooks  tester had the hook pre-commit let something pass: the store is gone  ai hooks status --seen
    ----- stderr -----
    ");
    assert!(!sandbox.root().join(".git/ai/skipped").exists());
}

/// What another repository has was changed long ago: whoever holds it now is not in the way of a push to
/// one more. Policy sees it all the same.
#[test]
fn a_first_push_elsewhere_is_not_held_against_locks_of_today() {
    let sandbox = pushing();
    commit(&sandbox, "src/a", &[]);
    assert_eq!(push(&sandbox).code, Some(0));
    sandbox.ai_ok(&["lock", "acquire", "src/", "--as", "agent:ben"]);
    let second = sandbox.base().join("second.git");
    sandbox.git(&["init", "-q", "--bare", second.to_str().unwrap()]);
    let to_second = ["push", "-q", second.to_str().unwrap(), "main"];
    let outcome = sandbox.try_git(&sandbox.root(), &to_second);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let records = sandbox.ai_json_lines(&["log"]);
    let asked = records.iter().rev().find_map(|one| {
        let record = &one["event"]["record"];
        (record["action"] == "push").then(|| record["resource"]["paths"].to_string())
    });
    let paths = asked.unwrap();
    assert!(paths.split('"').any(|path| path == "src/a"), "{paths}");
}

/// A note is a commit that no hook is asked about, and nobody passed one by.
#[test]
fn notes_are_no_bypass() {
    let sandbox = pushing();
    sandbox.git(&["notes", "add", "-m", "seen", "HEAD"]);
    let notes = ["push", "-q", "origin", "refs/notes/commits"];
    assert_eq!(sandbox.try_git(&sandbox.root(), &notes).code, Some(0));
    assert_eq!(bypasses(&sandbox), 0);
    sandbox.write("a", "x");
    sandbox.git(&["add", "a"]);
    sandbox.git(&["commit", "-q", "--no-verify", "-m", "x"]);
    sandbox.git(&["push", "-q", "origin", "HEAD:refs/notes/other"]);
    assert_eq!(bypasses(&sandbox), 1, "by the name of notes");
}

#[test]
fn a_push_is_asked_about_every_commit_that_it_brings() {
    let sandbox = pushing();
    sandbox.ai_ok(&["lock", "acquire", "held.txt", "--as", "agent:ben"]);
    // A change and its reverse: the tips are alike.
    let before = sandbox.read("held.txt");
    for text in ["two\n", &before] {
        sandbox.write("held.txt", text);
        sandbox.git(&["commit", "-qam", "x", "--no-verify"]);
    }
    snapshot!(push(&sandbox), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    warning: 2 commits on the way to refs/heads/main passed no hook: [SHORT], [SHORT]; that is recorded
    error: the push changes held.txt, locked exclusively by agent:ben ([LOCK], `held.txt`) for another [LEFT]
      next: wait, or ask agent:ben to give it back (`ai lock release [LOCK]`); then `git push`
    error: failed to push some refs to '[PATH]/other.git'
    ");
    let tip = sandbox.try_git(&sandbox.base().join("other.git"), &["rev-parse", "main"]);
    assert_eq!(tip.stdout.trim(), sandbox.git(&["rev-parse", "main~2"]));
    assert_eq!(answers(&sandbox, "commit"), ["deny built-in.locked-paths"]);
    assert_eq!(bypasses(&sandbox), 1);
}

#[test]
fn policy_is_asked_about_a_push_and_about_what_passed_by() {
    let sandbox = pushing();
    sandbox.write(
        ".ai/policy.yaml",
        "version: 1\ndefault: allow\nrules:\n  \
         - {id: no-push, on: [push], actors: [\"agent:*\"], effect: deny, reason: work lands by accept}\n  \
         - {id: no-ci, on: [commit], paths: [ci/], effect: deny, reason: it runs with secrets}\n",
    );
    sandbox.commit("rules");
    let as_agent = |args: &[&str]| {
        run(sandbox
            .command("git")
            .env("AI_ACTOR", "agent:codex")
            .args(args))
    };
    sandbox.write("a", "x");
    sandbox.git(&["add", "a"]);
    sandbox.git(&["commit", "-qm", "x"]);
    snapshot!(as_agent(&["push", "-q", "origin", "main"]), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: policy denies push: work lands by accept (rule `no-push`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    error: failed to push some refs to '[PATH]/other.git'
    ");
    snapshot!(as_agent(&["push", "-q", "origin", ":main"]), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: policy denies push: work lands by accept (rule `no-push`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    error: failed to push some refs to '[PATH]/other.git'
    ");
    sandbox.write("ci/a", "x");
    sandbox.git(&["add", "ci"]);
    sandbox.git(&["commit", "-qm", "x", "--no-verify"]);
    // A no holds for each push, and what is known already is told once more and recorded no more.
    for _ in 0..2 {
        snapshot!(push(&sandbox), @"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        warning: 1 commit on the way to refs/heads/main passed no hook: [SHORT]; that is recorded
        error: policy denies commit: it runs with secrets (ci/a) (rule `no-ci`, decision [DECISION])
          next: `ai policy explain [DECISION]` shows the rules that matched
        error: failed to push some refs to '[PATH]/other.git'
        ");
    }
    assert_eq!(bypasses(&sandbox), 1);
    assert_eq!(
        answers(&sandbox, "push"),
        ["allow default", "deny no-push", "deny no-push"]
    );
}

#[test]
fn a_yes_to_a_push_is_for_one_other_repository() {
    let sandbox = pushing();
    let third = sandbox.base().join("third.git");
    sandbox.git(&["init", "-q", "--bare", third.to_str().unwrap()]);
    sandbox.git(&["remote", "add", "third", third.to_str().unwrap()]);
    sandbox.write(
        ".ai/policy.yaml",
        "version: 1\ndefault: allow\nrules:\n  \
         - {id: ask, on: [push], effect: require_approval, reason: it leaves the house}\n",
    );
    assert_eq!(commit(&sandbox, "a", &[]).code, Some(0));
    assert_eq!(push(&sandbox).code, Some(1));
    let waiting = sandbox.ai_json_lines(&["approvals"]);
    let id = waiting[0]["decision"]["id"].as_str().unwrap().to_owned();
    sandbox.ai_ok(&["approve", &id, "--reason", "seen", "--as", "ann"]);
    let elsewhere = sandbox.try_git(&sandbox.root(), &["push", "-q", "third", "main"]);
    assert_eq!(elsewhere.code, Some(1), "{elsewhere}");
    let outcome = push(&sandbox);
    assert_eq!(outcome.code, Some(0), "{outcome}");
}

#[test]
fn references_are_guarded_past_no_verify_where_that_was_asked_for() {
    let sandbox = held();
    sandbox.ai_ok(&["hooks", "install", "--reference-transaction"]);
    let change = |path: &str| {
        sandbox.write(path, "changed\n");
        sandbox.git(&["add", path]);
    };
    change("free.txt");
    sandbox.git(&["commit", "-q", "--no-verify", "-m", "free"]);
    change("held.txt");
    let tree = sandbox.git(&["write-tree"]);
    let made = sandbox.git(&["commit-tree", &tree, "-p", "HEAD", "-m", "x"]);
    let table: [&[&str]; 5] = [
        &["commit", "-q", "--no-verify", "-m", "x"],
        &["update-ref", "refs/heads/main", &made],
        &["reset", "-q", "--soft", &made],
        &["merge", "-q", "--ff-only", &made],
        &["fetch", "-q", ".", &format!("{made}:refs/heads/other")],
    ];
    sandbox.git(&["branch", "other"]);
    let update = ["update-ref", "refs/heads/main", &made];
    snapshot!(sandbox.try_git(&sandbox.root(), &update), @"
    exit: 128
    ----- stdout -----
    ----- stderr -----
    error: moving refs/heads/main changes held.txt, locked exclusively by agent:ben ([LOCK], `held.txt`) for another [LEFT]
      next: wait, or ask agent:ben to give it back (`ai lock release [LOCK]`); then the same command again
    fatal: ref updates aborted by hook
    ");
    for args in table {
        assert_ne!(
            sandbox.try_git(&sandbox.root(), args).code,
            Some(0),
            "git {args:?}"
        );
        assert_eq!(
            sandbox
                .git(&["rev-parse", "main", "other"])
                .lines()
                .filter(|id| *id == made)
                .count(),
            0
        );
    }
    sandbox.git(&["reset", "-q", "--hard"]);
    // What packs references shows their deletion.
    sandbox.git(&["pack-refs", "--all"]);
    sandbox.git(&["gc", "-q"]);
    sandbox.git(&["branch", "new", &made]);
    sandbox.git(&["branch", "-q", "-D", "new"]);
    sandbox.git(&["tag", "here"]);
}

#[test]
fn a_branch_is_protected_by_a_rule_about_the_push() {
    let sandbox = pushing();
    sandbox.write(
        ".ai/policy.yaml",
        "version: 1\ndefault: allow\nrules:\n  \
         - {id: main, on: [push], when: 'branch == \"refs/heads/main\"', effect: deny, reason: it is released from}\n  \
         - {id: new, on: [commit], when: 'change.files.exists(f, f.status == \"added\")', effect: warn, reason: a new file}\n",
    );
    let outcome = commit(&sandbox, "new.txt", &[]);
    snapshot!(outcome, @"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    warning: a new file (rule `new`)
    ");
    snapshot!(push(&sandbox), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: policy denies push: it is released from (rule `main`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    error: failed to push some refs to '[PATH]/other.git'
    ");
    let side = ["push", "-q", "origin", "main:refs/heads/side"];
    assert_eq!(sandbox.try_git(&sandbox.root(), &side).code, Some(0));
}

#[test]
fn runs_and_accepts_go_on_where_hooks_are_installed_and_pass_none_by() {
    let sandbox = Sandbox::with_script(
        "cat >/dev/null; echo one > work.txt; git add work.txt; git -c user.name=A -c user.email=a@b commit -qm mine; echo two >> work.txt",
    );
    let other = sandbox.base().join("other.git");
    sandbox.git(&["init", "-q", "--bare", other.to_str().unwrap()]);
    sandbox.git(&["remote", "add", "origin", other.to_str().unwrap()]);
    sandbox.git(&["push", "-q", "origin", "main"]);
    sandbox.ai_ok(&["hooks", "install", "--reference-transaction"]);
    let id = sandbox.reviewed("One");
    // The agent's own commit is there.
    let subjects = sandbox.git(&["log", "--format=%s", &format!("ai/{id}/1")]);
    assert_eq!(
        subjects
            .lines()
            .filter(|subject| *subject == "mine")
            .count(),
        1
    );
    assert_eq!(answers(&sandbox, "commit"), [""; 0]);
    sandbox.ai_ok(&["accept", &id]);
    let outcome = push(&sandbox);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(bypasses(&sandbox), 0);
}

/// A note would make a directory that looks like that of a store which is gone.
#[test]
fn skipping_where_there_is_no_store_leaves_nothing_behind() {
    let sandbox = Sandbox::repository();
    let mut command = sandbox.ai_command(&["hooks", "run", "pre-commit"]);
    snapshot!(run(command.env("AI_HOOKS_SKIP", "why")), @r"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    warning: this could not be recorded: there is no store here; `ai init` makes one
    ");
    assert!(!sandbox.root().join(".git/ai").exists());
    let mut blank = sandbox.ai_command(&["hooks", "run", "pre-commit"]);
    assert_ne!(run(blank.env("AI_HOOKS_SKIP", "  ")).code, Some(0));
}
