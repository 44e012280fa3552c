//! Writes outside of the worktree where no sandbox prevents them: seen, and judged by the agent's
//! own words.

use std::collections::BTreeSet;

use crate::snapshot;
use crate::support::scene::{Agent, Scene};
use crate::support::{Sandbox, mask_also};

/// A project with an agent that tells of its file changes as codex does.
fn teller(script: &str) -> Sandbox {
    let teller = Agent::of_a_cli("teller", "codex-json", script);
    Scene::new().agent(teller).build()
}

/// A stream in which the agent says that it changed `path`.
fn tells(path: &str) -> String {
    format!(
        "cat >/dev/null; echo work > work.txt
echo '{{\"type\":\"thread.started\",\"thread_id\":\"t\"}}'
echo '{{\"type\":\"item.completed\",\"item\":{{\"id\":\"i\",\"type\":\"file_change\",\"changes\":[{{\"path\":\"'\"{path}\"'\",\"kind\":\"update\"}}],\"status\":\"completed\"}}}}'
echo '{{\"type\":\"turn.completed\",\"usage\":{{\"input_tokens\":1,\"cached_input_tokens\":0,\"output_tokens\":1}}}}'"
    )
}

#[test]
fn what_an_agent_says_it_changed_in_the_main_checkout_is_denied() {
    for path in ["$BASE/repo/README.md", "../../../../../../repo/README.md"] {
        let scene = teller(&format!(
            "echo evil > \"$BASE/repo/README.md\"; {}",
            tells(path)
        ));
        let id = scene.task("One", &[]);
        let report = scene.ai(&["run", &id, "--json"]);
        assert_eq!(report.code, Some(5), "{path}: {report}");
        let report = report.json();
        assert_eq!(report["verdict"]["policy"], "deny", "{report}");
        snapshot!(report["summary"].as_str().unwrap(), @"the policy forbids a change that it makes: the agent changed README.md outside of its worktree");
        snapshot!(scene.ai(&["review", &id, "--no-diff"]), @"
        exit: 0
        ----- stdout -----
        [TASK]  queued  One
          run        [RUN] by teller on branch ai/[TASK]/1
          accepted   it goes into main
          verdict    denied
          because    finished, checks passed, policy deny, current
                     the policy forbids a change that it makes: the agent changed README.md outside of its worktree
          sandbox    none, network on
          warning    files of the main checkout changed during the run: README.md
          warning    by its own words the agent changed outside of its worktree: README.md
          check      unit passed  (runs/[RUN]/checks/unit.log, sha256 [SHORT])
          decision   [DECISION] task.claim allow: no rule of the policy matches; its default says so
          decision   [DECISION] run.start allow: no rule of the policy matches; its default says so
          decision   [DECISION] run.finish allow: no rule of the policy matches; its default says so
          tree       [HASH]
        ----- stderr -----
        ");
    }
}

#[test]
fn a_change_that_nobody_claims_is_a_warning_with_its_path() {
    let scene = teller(&format!(
        "echo by hand > \"$BASE/repo/README.md\"; {}",
        tells("work.txt")
    ));
    let id = scene.task("One", &[]);
    let report = scene.ai_json(&["run", &id]);
    assert_eq!(report["outcome"], "ready_for_review", "{report}");
    snapshot!(scene.ai(&["review", &id, "--no-diff"]), @"
    exit: 0
    ----- stdout -----
    [TASK]  review  One
      run        [RUN] by teller on branch ai/[TASK]/1
      accepted   it goes into main
      verdict    ready_for_review
      because    finished, checks passed, policy allow, current
                 checks passed on this tree and the policy allows it; it may be accepted
      sandbox    none, network on
      warning    files of the main checkout changed during the run: README.md
      check      unit passed  (runs/[RUN]/checks/unit.log, sha256 [SHORT])
      decision   [DECISION] task.claim allow: no rule of the policy matches; its default says so
      decision   [DECISION] run.start allow: no rule of the policy matches; its default says so
      decision   [DECISION] run.finish allow: no rule of the policy matches; its default says so
      tree       [HASH]
    ----- stderr -----
    ");
}

#[test]
fn a_claim_about_a_file_that_did_not_change_is_no_trespass() {
    let scene = teller(&tells("$BASE/repo/README.md"));
    let id = scene.task("One", &[]);
    let report = scene.ai_json(&["run", &id]);
    assert_eq!(report["outcome"], "ready_for_review", "{report}");
}

#[test]
fn writing_into_an_idle_worktree_is_seen() {
    let scene = teller("cat >/dev/null; echo work > work.txt");
    // Two slots: the second is made by hand as a run would, by running two tasks side by side.
    let gate = scene.pipe("gate");
    scene.set_script(
        "teller",
        &format!(
            "{}; echo up > \"$BASE/up\"; read x < \"$BASE/gate\"",
            tells("work.txt")
        ),
    );
    let one = scene.task("One", &[]);
    let first = scene.start(&["run", &one]);
    crate::support::runs::wait_for(&scene.base().join("up"));
    scene.add_agent("other", "cat >/dev/null; echo work > work.txt");
    let two = scene.task("Two", &[]);
    scene.ai_ok(&["trust"]);
    scene.ai_ok(&["run", &two, "--agent", "other"]);
    crate::support::runs::open_gate(&gate);
    assert_eq!(first.wait().code, Some(0));
    scene.set_script(
        "teller",
        &format!("echo evil > ../w2/work.txt; {}", tells("work.txt")),
    );
    let three = scene.task("Three", &[]);
    scene.ai_ok(&["run", &three, "--agent", "teller"]);
    snapshot!(scene.ai(&["review", &three, "--no-diff"]), @"
    exit: 0
    ----- stdout -----
    [TASK]  review  Three
      run        [RUN] by teller on branch ai/[TASK]/1
      accepted   it goes into main
      verdict    ready_for_review
      because    finished, checks passed, policy allow, current
                 checks passed on this tree and the policy allows it; it may be accepted
      sandbox    none, network on
      warning    files of the idle worktree w2 changed during the run: work.txt
      check      unit passed  (runs/[RUN]/checks/unit.log, sha256 [SHORT])
      decision   [DECISION] task.claim allow: no rule of the policy matches; its default says so
      decision   [DECISION] run.start allow: no rule of the policy matches; its default says so
      decision   [DECISION] run.finish allow: no rule of the policy matches; its default says so
      tree       [HASH]
    ----- stderr -----
    ");
}

#[test]
fn what_an_agent_plants_in_the_home_is_seen() {
    let scene = teller(&format!(
        "echo evil >> \"$BASE/home/.bashrc\"; {}",
        tells("work.txt")
    ));
    let id = scene.task("One", &[]);
    let report = scene.ai_json(&["run", &id]);
    assert_eq!(report["outcome"], "ready_for_review", "{report}");
    snapshot!(scene.ai(&["review", &id, "--no-diff"]), @"
    exit: 0
    ----- stdout -----
    [TASK]  review  One
      run        [RUN] by teller on branch ai/[TASK]/1
      accepted   it goes into main
      verdict    ready_for_review
      because    finished, checks passed, policy allow, current
                 checks passed on this tree and the policy allows it; it may be accepted
      sandbox    none, network on
      warning    files of your home changed during the run, by which programs are started or somebody is let in: [PATH]/home/.bashrc
      check      unit passed  (runs/[RUN]/checks/unit.log, sha256 [SHORT])
      decision   [DECISION] task.claim allow: no rule of the policy matches; its default says so
      decision   [DECISION] run.start allow: no rule of the policy matches; its default says so
      decision   [DECISION] run.finish allow: no rule of the policy matches; its default says so
      tree       [HASH]
    ----- stderr -----
    ");
}

#[test]
fn what_an_agent_says_it_changed_in_the_home_is_denied() {
    let scene = teller(&format!(
        "echo evil >> \"$BASE/home/.bashrc\"; {}",
        tells("$BASE/home/.bashrc")
    ));
    let id = scene.task("One", &[]);
    snapshot!(scene.ai(&["run", &id]), @"
    exit: 5
    ----- stdout -----
    [RUN]  denied  queued
      the policy forbids a change that it makes: the agent changed [PATH]/home/.bashrc outside of its worktree
    ----- stderr -----
    run [RUN]: teller on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    warning: files of your home changed during the run, by which programs are started or somebody is let in: [PATH]/home/.bashrc
    warning: by its own words the agent changed outside of its worktree: [PATH]/home/.bashrc
    ");
}

#[test]
fn an_agent_that_takes_its_worktree_away_hides_nothing() {
    let scene = teller(&format!(
        "{}; echo evil > \"$BASE/repo/README.md\"; mv \"$PWD\" \"$BASE/away\"",
        tells("work.txt")
    ));
    let id = scene.task("One", &[]);
    snapshot!(scene.run(&id), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    run [RUN]: teller on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    warning: files of the main checkout changed during the run: README.md
    run [RUN]: could not be seen through
    error: cannot look at the worktree [PATH]/home/.cache/ai/repo-[PLACES]/worktrees/w1: it is gone
      next: mend it, then do it again; `ai doctor` looks at everything that `ai` stands on
    ");
    assert!(
        scene.base().join("away/work.txt").exists(),
        "its work stands where it was brought"
    );
    scene.is_at_rest(&id);
    scene.set_script("teller", &tells("work.txt"));
    scene.ai_ok(&["run", &id]);
}

/// What a run leaves of the references beside its own, and how it ended, in words.
fn after_a_run(scene: &Sandbox, id: &str) -> String {
    let run = scene.ai(&["run", id, "--json"]);
    let report = run.json();
    let refs = scene.git(&[
        "for-each-ref",
        "--format=%(refname) %(subject)",
        "refs/heads/main",
        "refs/tags",
        "refs/stash",
        "refs/replace",
        "refs/ai/rescue",
        "refs/heads/other",
        "refs/heads/mine",
    ]);
    let warnings: Vec<&str> = report["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|text| text.as_str())
        .collect();
    let stashes = scene.git(&["stash", "list"]);
    let status = scene.git(&["status", "--porcelain"]);
    let text = format!(
        "exit {:?}: {}\n{}\n{refs}\n{stashes}{status}",
        run.code,
        report["summary"].as_str().unwrap(),
        warnings.join("\n")
    );
    // A stash names the commit that it was made on.
    mask_also(text, &[(r"\b[0-9a-f]{7} mine", "[SHORT] mine")])
}

#[test]
fn references_that_an_agent_moves_are_put_back_and_the_run_is_denied() {
    let who = "export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b";
    let work =
        format!("cat >/dev/null; {who}; echo work > work.txt; git add -A; git commit -qm work");
    let stash = format!(
        "cat >/dev/null; {who}; echo a > README.md; git stash -q; echo b > README.md; git stash -q; echo work > work.txt"
    );
    for (name, script) in [
        (
            "main",
            format!("{work}; git update-ref refs/heads/main HEAD"),
        ),
        (
            "back",
            "cat >/dev/null; echo work > work.txt; git update-ref refs/heads/main main~1"
                .to_owned(),
        ),
        (
            "unrelated",
            format!(
                "{work}; git update-ref refs/heads/main $(git commit-tree -m lost HEAD^{{tree}})"
            ),
        ),
        ("tag", format!("{work}; git tag new; git tag -f old")),
        (
            "deleted",
            format!("{work}; git branch -qD other; git tag -d old"),
        ),
        ("stash", stash),
        ("replaced", format!("{work}; git replace HEAD main")),
        (
            "followed",
            format!("{work}; cd \"$BASE/repo\"; echo evil > README.md; git commit -qam evil"),
        ),
        (
            "followed-back",
            format!("{work}; cd \"$BASE/repo\"; git reset -q --hard HEAD~1"),
        ),
        (
            "said-to-be-accepted",
            format!("{work}; git update-ref -m 'ai: accept' refs/heads/main HEAD"),
        ),
        (
            "rescue",
            format!("{work}; git update-ref -d refs/ai/rescue/t-other/1"),
        ),
        (
            "stash-of-the-checkout",
            format!("{work}; cd \"$BASE/repo\"; echo dirty > README.md; git stash -q"),
        ),
        ("stash-dropped", format!("{work}; git stash drop -q")),
        (
            "stash-popped",
            format!("{work}; git stash pop -q stash@{{1}}"),
        ),
        ("stash-cleared", format!("{work}; git stash clear")),
    ] {
        let scene = Sandbox::with_script(&script);
        scene.git(&["tag", "old"]);
        scene.git(&["branch", "other"]);
        if name == "rescue" {
            scene.git(&["update-ref", "refs/ai/rescue/t-other/1", "HEAD"]);
        }
        scene.write("mine.txt", "mine");
        scene.commit("mine");
        if name.starts_with("stash") {
            for text in ["by hand", "by hand, too"] {
                scene.write("README.md", text);
                scene.git(&["stash", "push", "-q", "-m", text]);
            }
        }
        let stashes = || {
            BTreeSet::from_iter(
                scene
                    .git(&["stash", "list", "--format=%H %gs"])
                    .lines()
                    .map(str::to_owned),
            )
        };
        let stashed = stashes();
        let before = scene.git(&["rev-parse", "main", "old", "other"]);
        let id = scene.task("One", &[]);
        snapshot!(name, after_a_run(&scene, &id));
        assert_eq!(
            scene.git(&["rev-parse", "main", "old", "other"]),
            before,
            "{name}"
        );
        assert_eq!(stashes(), stashed, "{name}");
    }
}

#[test]
fn a_reference_goes_back_to_where_somebody_else_has_left_it() {
    let script = "cat >/dev/null; echo work > work.txt; git add -A; git -c user.name=a -c user.email=a@b commit -qm own
git branch -f other HEAD; echo up > \"$BASE/up\"; read x < \"$BASE/gate\"; git update-ref refs/heads/main HEAD";
    let scene = Sandbox::with_script(script);
    scene.git(&["branch", "other"]);
    let gate = scene.pipe("gate");
    let id = scene.task("One", &[]);
    let run = scene.start(&["run", &id, "--json"]);
    crate::support::runs::wait_for(&scene.base().join("up"));
    scene.write("README.md", "by hand");
    let by_hand = scene.commit("by hand");
    scene.git(&["branch", "-qf", "other", "main"]);
    crate::support::runs::open_gate(&gate);
    let outcome = run.wait();
    assert_eq!(outcome.code, Some(5), "{outcome}");
    for name in ["main", "other"] {
        assert_eq!(
            scene.git(&["rev-parse", name]),
            by_hand,
            "{name}: {outcome}"
        );
    }
    assert_eq!(scene.git(&["status", "--porcelain"]), "");
    assert_eq!(scene.read("README.md"), "by hand");
}

#[test]
fn what_a_person_had_not_committed_stays_where_an_agent_commits_it() {
    let scene = Sandbox::with_script(
        "cat >/dev/null; echo work > work.txt; cd \"$BASE/repo\"; git -c user.name=a -c user.email=a@b commit -qam evil",
    );
    scene.write("README.md", "not yet");
    let main = scene.git(&["rev-parse", "main"]);
    let id = scene.task("One", &[]);
    let outcome = scene.run(&id);
    assert_eq!(outcome.code, Some(5), "{outcome}");
    assert_eq!(scene.git(&["rev-parse", "main"]), main);
    assert_eq!(scene.read("README.md"), "not yet");
}

#[test]
fn references_that_others_move_meanwhile_stay_where_they_are() {
    let up = "cat >/dev/null; echo work > work.txt; git -c user.name=a -c user.email=a@b commit -qm own --allow-empty; git switch -qc mine; echo up > \"$BASE/up\"; read x < \"$BASE/gate\"";
    let scene = Sandbox::with_script(up);
    let gate = scene.pipe("gate");
    let id = scene.task("One", &[]);
    let run = scene.start(&["run", &id, "--json"]);
    crate::support::runs::wait_for(&scene.base().join("up"));
    scene.write("README.md", "by hand");
    scene.commit("by hand");
    scene.write("README.md", "more");
    scene.git(&["stash", "-q"]);
    scene.git(&["tag", "v1"]);
    scene.git(&["branch", "other"]);
    let refs = || scene.git(&["rev-parse", "main", "v1", "other", "stash", "mine"]);
    let before = refs();
    crate::support::runs::open_gate(&gate);
    let outcome = run.wait();
    assert_eq!((outcome.code, refs()), (Some(0), before), "{outcome}");
}

#[test]
fn a_push_past_its_hook_is_found_by_what_git_notes_of_the_other_repository() {
    let push = |to: &str| {
        format!(
            "cat >/dev/null; echo work > work.txt; git add work.txt; git -c user.name=A -c user.email=a@example.com commit -qm own; git push -q --no-verify {to} HEAD:refs/heads/new"
        )
    };
    let scene = Scene::new()
        .agent(Agent::new("fake", &push("origin")))
        .build();
    scene.git(&["init", "-q", "--bare", "-b", "main", "../other.git"]);
    let other = scene.base().join("other.git");
    scene.git(&["remote", "add", "origin", other.to_str().unwrap()]);
    scene.git(&["push", "-q", "origin", "main"]);
    let id = scene.task("One", &[]);
    snapshot!(scene.run(&id), @"
    exit: 0
    ----- stdout -----
    [RUN]  ready_for_review  review
      checks passed on this tree and the policy allows it; it may be accepted
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    warning: work of the run was pushed past the hook, which lets none from within a run: refs/remotes/origin/new is [SHORT] now
    look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
    ");
    let found = scene.rows("SELECT body FROM event WHERE kind = 'bypass.found'");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["bypass"]["target"], "refs/remotes/origin/new");
    // A push to an address leaves no trace here, and neither does what was there before.
    scene.set_script(
        "fake",
        &push(other.to_str().unwrap()).replace("heads/new", "heads/newer"),
    );
    scene.ai_ok(&["trust"]);
    let id = scene.task("Two", &[]);
    assert_eq!(scene.run(&id).code, Some(0));
    let found = scene.rows("SELECT body FROM event WHERE kind = 'bypass.found'");
    assert_eq!(found.len(), 1, "{found:?}");
}
