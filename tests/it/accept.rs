//! Accepting work: what lands, where, on which proof, and what is refused.

use crate::support::runs::{CONFIG, GOOD, wait_for};
use crate::support::{Outcome, Sandbox};

/// A task in review.
fn reviewed(config: &str, script: &str) -> (Sandbox, String) {
    let sandbox = Sandbox::with_agent(config, script);
    let id = sandbox.task("One", &[]);
    let outcome = sandbox.run(&id);
    assert_eq!(sandbox.status(&id), "review", "{outcome}");
    (sandbox, id)
}

#[track_caller]
fn refused(sandbox: &Sandbox, id: &str, code: i32) -> Outcome {
    let before = sandbox.git(&["rev-parse", "main"]);
    let outcome = sandbox.ai(&["accept", id]);
    assert_eq!(outcome.code, Some(code), "{outcome}");
    assert_eq!(
        sandbox.git(&["rev-parse", "main"]),
        before,
        "the target moved"
    );
    assert_eq!(sandbox.status(id), "review");
    outcome
}

#[test]
fn an_unmoved_target_goes_forward_to_the_judged_commit() {
    let (sandbox, id) = reviewed(CONFIG, GOOD);
    let judged = sandbox.git(&["rev-parse", &format!("ai/{id}/1")]);
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(sandbox.git(&["rev-parse", "main"]), judged);
    assert_eq!(sandbox.read("work.txt"), "work\n");
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "");
    let task = sandbox.show(&id);
    assert_eq!(
        (&task["status"], &task["proof"]["commit"]),
        (&"done".into(), &judged.into())
    );
    sandbox.is_at_rest(&id);
}

#[test]
fn a_moved_target_is_merged_and_the_merged_tree_is_checked() {
    // The check passes only on a tree with both changes, or with the work alone.
    let config = "version: 1\nchecks: {unit: {run: 'ls > \"$HOME/seen\"; test -f work.txt'}}\n";
    let (sandbox, id) = reviewed(config, GOOD);
    sandbox.write("other.txt", "x");
    sandbox.commit("meanwhile");
    sandbox.ai_ok(&["accept", &id]);
    let seen = std::fs::read_to_string(sandbox.base().join("home/seen")).unwrap();
    assert!(
        seen.contains("other.txt") && seen.contains("work.txt"),
        "{seen}"
    );
    assert_eq!(
        sandbox.git(&["rev-list", "--merges", "--count", "main"]),
        "1"
    );
    let message = sandbox.git(&["log", "-1", "--format=%B", "main"]);
    assert!(
        message.starts_with(&format!("Merge {id}: One\n\nAI-Task: {id}")),
        "{message}"
    );
}

#[test]
fn a_merged_tree_that_fails_its_checks_does_not_land() {
    let config = "version: 1\nchecks: {unit: {run: 'test ! -f other.txt'}}\n";
    let (sandbox, id) = reviewed(config, GOOD);
    sandbox.write("other.txt", "x");
    sandbox.commit("meanwhile");
    let outcome = refused(&sandbox, &id, 6);
    assert!(outcome.stderr.contains("failed"), "{outcome}");
}

#[test]
fn a_review_shows_what_lines_alone_do_not() {
    let script = "cat >/dev/null; : > empty.txt; ln -s /etc/passwd link; chmod +x README.md; echo work > work.txt";
    let (sandbox, id) = reviewed(CONFIG, script);
    let review = sandbox.ai_ok(&["review", &id]).stdout;
    for told in [
        "diff --git a/README.md b/README.md\nold mode 100644\nnew mode 100755\n",
        "diff --git a/empty.txt b/empty.txt\nnew file mode 100644\n",
        "diff --git a/link b/link\nnew file mode 120000\n--- /dev/null\n+++ b/link\n",
    ] {
        assert!(review.contains(told), "{told:?}: {review}");
    }
}

#[test]
fn a_conflict_is_named_with_the_way_on() {
    let (sandbox, id) = reviewed(
        CONFIG,
        "cat >/dev/null; echo mine > README.md; echo work > work.txt",
    );
    sandbox.write("README.md", "theirs\n");
    sandbox.commit("meanwhile");
    let outcome = refused(&sandbox, &id, 4);
    let next = format!("next: `ai reject {id} --note TEXT`");
    assert!(
        outcome.stderr.contains("README.md") && outcome.stderr.contains(&next),
        "{outcome}"
    );
    sandbox.ai_ok(&["reject", &id, "--note", "do it on the new base"]);
    assert_eq!(sandbox.run(&id).code, Some(0));
    sandbox.ai_ok(&["accept", &id]);
    let prompt = sandbox.run_file(&format!("{id}.2"), "prompt.md");
    assert!(prompt.contains("do it on the new base"), "{prompt}");
}

#[test]
fn changes_of_a_person_in_the_way_are_not_overwritten() {
    let (sandbox, id) = reviewed(
        CONFIG,
        "cat >/dev/null; echo work > work.txt; echo agent > README.md",
    );
    sandbox.write("README.md", "by hand\n");
    refused(&sandbox, &id, 4);
    assert_eq!(sandbox.read("README.md"), "by hand\n");
    sandbox.git(&["checkout", "-q", "README.md"]);
    sandbox.write("work.txt", "untracked, by hand\n");
    refused(&sandbox, &id, 4);
    assert_eq!(sandbox.read("work.txt"), "untracked, by hand\n");
    std::fs::remove_file(sandbox.root().join("work.txt")).unwrap();
    sandbox.write("elsewhere.txt", "not in the way\n");
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(
        (sandbox.read("README.md"), sandbox.read("elsewhere.txt")),
        ("agent\n".into(), "not in the way\n".into())
    );
}

#[test]
fn a_branch_that_moved_after_it_was_judged_proves_nothing() {
    let (sandbox, id) = reviewed(CONFIG, GOOD);
    let branch = format!("refs/heads/ai/{id}/1");
    let more = sandbox.git(&[
        "commit-tree",
        "-p",
        &branch,
        "-m",
        "more",
        &format!("{branch}^{{tree}}"),
    ]);
    sandbox.git(&["update-ref", &branch, &more]);
    let outcome = refused(&sandbox, &id, 6);
    assert!(outcome.stderr.contains("moved"), "{outcome}");
}

#[test]
fn evidence_that_was_touched_proves_nothing() {
    for (name, state) in [
        ("diff.patch", "diff diff (changed)"),
        ("stdout.log", "log stdout (missing)"),
    ] {
        let (sandbox, id) = reviewed(CONFIG, GOOD);
        let file = sandbox.root().join(format!(".git/ai/runs/{id}.1/{name}"));
        match name {
            "diff.patch" => std::fs::write(&file, "nothing to see here").unwrap(),
            _ => std::fs::remove_file(&file).unwrap(),
        }
        let outcome = refused(&sandbox, &id, 6);
        assert!(
            outcome.stderr.contains(state) && outcome.stderr.contains("ai evidence verify"),
            "{outcome}"
        );
        let taken = sandbox.ai_ok(&["accept", &id, "--override", "seen elsewhere"]);
        assert!(
            taken.stderr.contains("warning:") && taken.stderr.contains(state),
            "{taken}"
        );
    }
}

#[test]
fn unverified_work_needs_a_recorded_override() {
    let (sandbox, id) = reviewed("version: 1\n", GOOD);
    refused(&sandbox, &id, 6);
    assert_eq!(
        sandbox.ai(&["accept", &id, "--override", " "]).code,
        Some(2)
    );
    let outcome = sandbox.ai_ok(&["accept", &id, "--override", "it is only text"]);
    assert!(outcome.stdout.contains("done (overridden)"), "{outcome}");
    let task = sandbox.show(&id);
    assert_eq!(task["proof"]["reason"], "it is only text", "{task}");
    assert!(
        sandbox
            .ai_ok(&["task", "show", &id])
            .stdout
            .contains("done (overridden)")
    );
    sandbox.ai_ok(&["log", "verify"]);
}

#[test]
fn a_target_that_is_not_checked_out_moves_without_touching_the_checkout() {
    let (sandbox, id) = reviewed(CONFIG, GOOD);
    sandbox.git(&["checkout", "-q", "-b", "elsewhere"]);
    sandbox.write("open.txt", "in progress");
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(sandbox.file_at("main", "work.txt"), "work");
    assert!(!sandbox.root().join("work.txt").exists());
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "?? open.txt");
}

#[test]
fn a_target_in_a_linked_worktree_brings_its_files_along() {
    let (sandbox, id) = reviewed(CONFIG, GOOD);
    sandbox.git(&["checkout", "-q", "-b", "elsewhere"]);
    let dir = sandbox.base().join("linked");
    sandbox.git(&["worktree", "add", "-q", dir.to_str().unwrap(), "main"]);
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(
        std::fs::read_to_string(dir.join("work.txt")).unwrap(),
        "work\n"
    );
    assert_eq!(sandbox.git_in(&dir, &["status", "--porcelain"]), "");
}

#[test]
fn the_branch_mode_leaves_the_target_to_a_pull_request() {
    let (sandbox, id) = reviewed(&format!("{CONFIG}accept: {{mode: branch}}\n"), GOOD);
    let before = sandbox.git(&["rev-parse", "main"]);
    let outcome = sandbox.ai_ok(&["accept", &id]);
    assert!(
        outcome.stdout.contains("stays on its own branch"),
        "{outcome}"
    );
    assert_eq!(sandbox.git(&["rev-parse", "main"]), before);
    assert_eq!(sandbox.status(&id), "done");
}

#[test]
fn ff_only_refuses_a_merge() {
    let (sandbox, id) = reviewed(&format!("{CONFIG}accept: {{mode: ff-only}}\n"), GOOD);
    sandbox.write("other.txt", "x");
    sandbox.commit("meanwhile");
    let outcome = refused(&sandbox, &id, 4);
    assert!(outcome.stderr.contains("moved on"), "{outcome}");
    sandbox.git(&["reset", "-q", "--hard", "HEAD~1"]);
    sandbox.ai_ok(&["accept", &id]);
}

#[test]
fn another_target_can_be_configured() {
    let sandbox = Sandbox::with_agent(&format!("{CONFIG}accept: {{target: next}}\n"), GOOD);
    sandbox.git(&["branch", "next"]);
    let id = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&id).code, Some(0));
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(sandbox.file_at("next", "work.txt"), "work");
    assert_eq!(
        sandbox
            .try_git(&sandbox.root(), &["show", "main:work.txt"])
            .code,
        Some(128)
    );
}

#[test]
fn work_that_a_person_merged_by_hand_is_done() {
    let (sandbox, id) = reviewed(CONFIG, GOOD);
    sandbox.git(&[
        "merge",
        "-q",
        "--no-ff",
        "-m",
        "by hand",
        &format!("ai/{id}/1"),
    ]);
    let head = sandbox.git(&["rev-parse", "main"]);
    let outcome = sandbox.ai_ok(&["accept", &id]);
    assert!(outcome.stdout.contains("is in main"), "{outcome}");
    assert_eq!(sandbox.git(&["rev-parse", "main"]), head);
    assert_eq!(sandbox.status(&id), "done");
}

#[test]
fn a_detached_head_needs_a_target() {
    let sandbox = Sandbox::with_script(GOOD);
    sandbox.git(&["checkout", "-q", "--detach"]);
    let id = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&id).code, Some(0));
    let outcome = refused(&sandbox, &id, 3);
    assert!(outcome.stderr.contains("accept.target"), "{outcome}");
    sandbox.configure(&format!("{CONFIG}accept: {{target: main}}\n"));
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(sandbox.file_at("main", "work.txt"), "work");
}

#[test]
fn the_first_commit_of_a_repository_can_be_an_agents() {
    let sandbox = Sandbox::empty();
    sandbox.git(&["init", "-q", "-b", "main"]);
    sandbox.ai_ok(&["init", "--yes"]);
    sandbox.add_agent("fake", GOOD);
    sandbox.write(".ai/config.yaml", CONFIG);
    sandbox.ai_ok(&["trust"]);
    let id = sandbox.task("One", &[]);
    let outcome = sandbox.run(&id);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(
        sandbox.git(&["ls-tree", "-r", "--name-only", "main"]),
        "work.txt"
    );
    assert_eq!(sandbox.git(&["rev-list", "--count", "main"]), "1");
    assert_eq!(sandbox.read("work.txt"), "work\n");
    sandbox.is_at_rest(&id);
    let next = sandbox.task("Two", &[]);
    sandbox.set_script("fake", "cat > /dev/null; echo more > more.txt");
    let outcome = sandbox.run(&next);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    sandbox.ai_ok(&["accept", &next]);
    assert_eq!(sandbox.read("more.txt"), "more\n");
}

#[test]
fn a_bare_repository_with_linked_worktrees_works() {
    let sandbox = Sandbox::repository();
    let (bare, tree) = (sandbox.base().join("bare.git"), sandbox.base().join("tree"));
    sandbox.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    sandbox.git_in(
        &bare,
        &["worktree", "add", "-q", tree.to_str().unwrap(), "main"],
    );
    let ai = |args: &[&str]| sandbox.ai_in(&tree, args);
    let ok = |args: &[&str]| {
        let outcome = ai(args);
        assert_eq!(outcome.code, Some(0), "{args:?}\n{outcome}");
        outcome
    };
    ok(&["init", "--yes"]);
    sandbox.set_script("fake", &format!("{GOOD}; ai_in_the_worktree=1"));
    let script = sandbox.base().join("fake.sh");
    ok(&[
        "agent",
        "register",
        "fake",
        "--connector",
        "command",
        "--",
        "/bin/sh",
        script.to_str().unwrap(),
    ]);
    std::fs::write(tree.join(".ai/config.yaml"), CONFIG).unwrap();
    ok(&["trust"]);
    sandbox.git_in(&tree, &["add", "-A"]);
    sandbox.git_in(&tree, &["commit", "-q", "-m", "set up"]);
    let id = ok(&["task", "create", "One", "--json"]).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    ok(&["run", &id]);
    ok(&["accept", &id]);
    assert_eq!(
        std::fs::read_to_string(tree.join("work.txt")).unwrap(),
        "work\n"
    );
    assert_eq!(sandbox.git_in(&bare, &["show", "main:work.txt"]), "work");
    assert_eq!(sandbox.git_in(&tree, &["status", "--porcelain"]), "");
}

#[test]
fn of_several_accepts_at_once_one_lands() {
    let (sandbox, id) = reviewed(CONFIG, GOOD);
    sandbox.write("other.txt", "x");
    sandbox.commit("meanwhile");
    let commands: Vec<_> = (0..3)
        .map(|n| sandbox.start(&["accept", &id, "--as", &format!("p{n}")]))
        .collect();
    let codes: Vec<_> = commands.into_iter().map(|command| command.wait()).collect();
    // One that comes late may find the work landed, and complete what the first had begun.
    let fine = |code: Option<i32>| matches!(code, Some(0 | 4));
    assert!(codes.iter().all(|outcome| fine(outcome.code)), "{codes:?}");
    assert!(
        codes.iter().any(|outcome| outcome.code == Some(0)),
        "{codes:?}"
    );
    assert_eq!(
        sandbox.git(&["rev-list", "--merges", "--count", "main"]),
        "1"
    );
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "");
    let done = sandbox.rows("SELECT body FROM event WHERE kind = 'task.done'");
    assert_eq!(done.len(), 1, "{done:?}");
    assert_eq!(
        sandbox.show(&id)["proof"]["commit"],
        sandbox.git(&["rev-parse", "main"])
    );
    sandbox.is_at_rest(&id);
}

#[test]
fn a_cleaned_checkout_costs_nothing() {
    let (sandbox, id) = reviewed(CONFIG, GOOD);
    std::fs::remove_dir_all(sandbox.places()).unwrap();
    std::fs::remove_file(sandbox.root().join(".ai/state")).unwrap();
    sandbox.write("other.txt", "x");
    sandbox.commit("meanwhile");
    sandbox.ai_ok(&["accept", &id]);
    let next = sandbox.task("Two", &[]);
    sandbox.set_script("fake", "cat > /dev/null; echo more > more.txt");
    let outcome = sandbox.run(&next);
    assert_eq!(outcome.code, Some(0), "{outcome}");
}

#[test]
fn only_a_review_can_be_accepted() {
    let sandbox = Sandbox::with_script(GOOD);
    let id = sandbox.task("One", &[]);
    for verb in [
        &["accept", id.as_str()][..],
        &["reject", &id, "--note", "x"],
    ] {
        let outcome = sandbox.ai(verb);
        assert_eq!(outcome.code, Some(4), "{outcome}");
    }
    assert_eq!(sandbox.ai(&["accept", "t-nosuch"]).code, Some(3));
}

#[test]
fn a_large_change_needs_one_yes_and_not_two() {
    let sandbox = Sandbox::with_script("cat >/dev/null; seq 1 50 > work.txt");
    sandbox.write(
        ".ai/policy.yaml",
        "version: 1\ndefault: allow\nlimits: {max_diff_lines: 10}\n",
    );
    sandbox.commit("policy");
    let id = sandbox.task("One", &[]);
    let outcome = sandbox.run(&id);
    assert_eq!(outcome.code, Some(8), "{outcome}");
    let decision = sandbox
        .rows("SELECT data FROM decision WHERE data LIKE '%run.finish%'")
        .pop()
        .unwrap();
    sandbox.ai_ok(&["policy", "approve", decision["id"].as_str().unwrap()]);
    sandbox.ai_ok(&["accept", &id]);
}

#[test]
fn ctrl_c_while_the_checks_run_leaves_everything_as_it_was() {
    let slow = "if test -f late.txt; then touch checking; sleep 600; fi; test -f work.txt";
    let config = format!("version: 1\nruns: {{grace: 1s}}\nchecks: {{unit: {{run: '{slow}'}}}}\n");
    let (sandbox, id) = reviewed(&config, GOOD);
    sandbox.write("late.txt", "x");
    let tip = sandbox.commit("late");
    let command = sandbox.start(&["accept", &id]);
    wait_for(&sandbox.check_place("accept").join("checking"));
    command.signal("INT");
    let outcome = command.wait();
    assert_eq!(outcome.code, Some(130), "{outcome}");
    assert_eq!(
        (sandbox.status(&id), sandbox.git(&["rev-parse", "main"])),
        ("review".to_owned(), tip)
    );
    sandbox.is_at_rest(&id);
}
