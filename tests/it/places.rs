//! Where worktrees and checks lie: outside of every checkout. A check sees the judged tree and no
//! other, and nothing of an earlier one.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::sandbox::{layers, modes};
use crate::snapshot;
use crate::support::runs::{GOOD, PATIENCE, wait_for};
use crate::support::scene::{Agent, Scene};
use crate::support::{Outcome, Sandbox, poll, run};

/// A project with one check, whose agent does nothing but write `work.txt`.
fn checked_by(check: &str) -> Sandbox {
    let fake = Agent::new("fake", GOOD);
    Scene::new().check(check).agent(fake).build()
}

fn run_in(scene: &Sandbox, mode: &str, id: &str) -> Outcome {
    run(scene.ai_command(&["run", id]).env("AI_SANDBOX", mode))
}

/// How the checks of the last run ended together.
fn verification(scene: &Sandbox, id: &str) -> String {
    scene.last_run(id)["end"]["verification"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The reason for which the check of the last run is broken.
fn broken(scene: &Sandbox, id: &str) -> String {
    let checks: Value = serde_json::from_str(
        &scene.run_file(scene.last_run(id)["id"].as_str().unwrap(), "checks.json"),
    )
    .unwrap();
    assert_eq!(verification(scene, id), "check_broken", "{checks}");
    checks[0]["status"]["broken"]["why"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn nothing_of_the_project_stands_above_an_agent_or_a_check() {
    let look = "d=$PWD; while test \"$d\" != /; do d=$(dirname \"$d\"); ls -A \"$d\"; done";
    let check = format!("! ({look}) | grep -x -e AGENTS.md -e marker.txt -e node_modules");
    let scene = checked_by(&check);
    scene.write(
        "AGENTS.md",
        "Above the worktree, an agent would read this of the main checkout.\n",
    );
    scene.write("marker.txt", "x");
    scene.write(".gitignore", "node_modules\n");
    scene.write("node_modules/dep/index.js", "");
    scene.commit("marks");
    scene.set_script(
        "fake",
        &format!(
            "cat >/dev/null; echo work > work.txt; ({look}) > \"$BASE/above\"; pwd > \"$BASE/pwd\""
        ),
    );
    let id = scene.task("One", &[]);
    let outcome = scene.run(&id);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let above = std::fs::read_to_string(scene.base().join("above")).unwrap();
    assert!(
        above
            .lines()
            .all(|name| !["AGENTS.md", "marker.txt", "node_modules"].contains(&name)),
        "{above}"
    );
    let pwd = PathBuf::from(
        std::fs::read_to_string(scene.base().join("pwd"))
            .unwrap()
            .trim_end(),
    );
    assert!(
        !pwd.starts_with(scene.root()) && pwd.starts_with(scene.base().join("home/.cache/ai")),
        "{pwd:?}"
    );
}

#[test]
fn every_checkout_is_out_of_reach_of_a_check_but_its_history_is_not() {
    for layer in layers() {
        let scene = Sandbox::project();
        let other = scene.worktree("linked");
        let seen = [
            "repo/README.md",
            "repo/.git/config",
            "repo/.git/HEAD",
            "repo/.ai/policy.yaml",
            "linked/README.md",
            "repo/.git/ai/ai.db",
        ];
        let all: Vec<String> = seen
            .iter()
            .map(|path| format!("cat \"$HOME/../{path}\""))
            .collect();
        let check = format!(
            "{{ {} ; }} 2>/dev/null | wc -c > seen; test \"$(cat seen)\" = 0 && git log --oneline && git describe --tags && \
             ! ls \"$PWD/../../../worktrees\" 2>/dev/null | grep w1",
            all.join("; ")
        );
        scene.add_agent("fake", GOOD);
        scene.write("look.sh", check);
        scene.configure("version: 1\nruns: {grace: 1s}\nchecks: {unit: {run: sh look.sh}}\n");
        scene.git(&["tag", "-a", "v1", "-m", "v1"]);
        assert!(
            seen.iter().all(|path| scene.base().join(path).exists()),
            "{seen:?}"
        );
        let id = scene.task("One", &[]);
        let outcome = run_in(&scene, layer, &id);
        assert_eq!(outcome.code, Some(0), "{layer}: {outcome}");
        assert!(other.join("README.md").exists());
        // Without a sandbox it would have seen them, on the base as well.
        let open = scene.task("Two", &[]);
        assert_eq!(run_in(&scene, "none", &open).code, Some(1), "{layer}");
    }
}

#[test]
fn a_variable_that_leads_into_a_checkout_breaks_the_check() {
    for mode in modes() {
        let scene = Sandbox::with_agent(
            "version: 1\nruns: {grace: 1s, env_pass: [SOURCES]}\nchecks: {unit: {run: test -f work.txt}}\n",
            GOOD,
        );
        let id = scene.task("One", &[]);
        let sources = format!("/usr/lib:{}/src", scene.root().display());
        run(scene
            .ai_command(&["run", &id])
            .env("AI_SANDBOX", mode)
            .env("SOURCES", sources));
        snapshot!(broken(&scene, &id), @"the variable SOURCES points into the main checkout [PATH]/repo, so the check would judge that and not the work; unset it, or take it out of `runs.env_pass`");
        // The name of a neighbour begins in the same way.
        let other = scene.task("Two", &[]);
        let neighbour = format!("{}-2/src", scene.root().display());
        let outcome = run(scene
            .ai_command(&["run", &other])
            .env("AI_SANDBOX", mode)
            .env("SOURCES", neighbour));
        assert_eq!(outcome.code, Some(0), "{mode}: {outcome}");
    }
}

#[test]
fn a_command_that_names_a_checkout_is_broken() {
    for mode in modes() {
        let scene = checked_by("true");
        let check = format!("sh {}/tools/check.sh", scene.root().display());
        scene.write("tools/check.sh", "true\n");
        scene.configure(&format!(
            "version: 1\nruns: {{grace: 1s}}\nchecks: {{unit: {{run: '{check}'}}}}\n"
        ));
        let id = scene.task("One", &[]);
        run_in(&scene, mode, &id);
        snapshot!(broken(&scene, &id), @"the command of the check points into the main checkout [PATH]/repo, so it would judge that and not the work; name the path relative to the root of the repository");
    }
}

#[test]
fn a_way_into_a_checkout_is_found_however_it_is_written() {
    for mode in modes() {
        let scene = checked_by("true");
        std::os::unix::fs::symlink(scene.root(), scene.base().join("home/link")).unwrap();
        std::fs::create_dir(scene.base().join("home/bin")).unwrap();
        scene.write("tools/tool", "#!/bin/sh\n");
        assert_eq!(
            run(scene.command("chmod").args(["+x", "tools/tool"])).code,
            Some(0)
        );
        std::os::unix::fs::symlink(
            scene.root().join("tools/tool"),
            scene.base().join("home/bin/tool"),
        )
        .unwrap();
        let path = format!(
            "{}:{}",
            scene.base().join("home/bin").display(),
            std::env::var("PATH").unwrap()
        );
        let mut told = String::new();
        for check in [
            "cd ~/link && sh tools/tool",
            "sh $HOME/../repo/tools/tool",
            "tool",
            "true; tool --version",
        ] {
            scene.configure(&format!(
                "version: 1\nruns: {{grace: 1s}}\nchecks: {{unit: {{run: '{check}'}}}}\n"
            ));
            let id = scene.task("One", &[]);
            run(scene
                .ai_command(&["run", &id])
                .env("AI_SANDBOX", mode)
                .env("PATH", &path));
            told.push_str(&format!("{check}\n    {}\n", broken(&scene, &id)));
        }
        snapshot!(told, @"
        cd ~/link && sh tools/tool
            the command of the check points into the main checkout [PATH]/repo, so it would judge that and not the work; name the path relative to the root of the repository
        sh $HOME/../repo/tools/tool
            the command of the check points into the main checkout [PATH]/repo, so it would judge that and not the work; name the path relative to the root of the repository
        tool
            the command of the check points into the main checkout [PATH]/repo, so it would judge that and not the work; name the path relative to the root of the repository
        true; tool --version
            the command of the check points into the main checkout [PATH]/repo, so it would judge that and not the work; name the path relative to the root of the repository
        ");
    }
}

#[test]
fn a_link_of_the_tree_into_a_checkout_passes_nothing() {
    for mode in modes() {
        let scene = checked_by("grep -q good src/a.txt");
        scene.write("src/a.txt", "good\n");
        scene.commit("source");
        scene.set_script(
            "fake",
            "cat >/dev/null; rm -r src; ln -s \"$BASE/repo/src\" src",
        );
        let id = scene.task("One", &[]);
        let outcome = run_in(&scene, mode, &id);
        let expected = if mode == "none" {
            "check_broken"
        } else {
            "failed"
        };
        assert_eq!(verification(&scene, &id), expected, "{mode}: {outcome}");
    }
}

#[test]
fn a_package_that_was_linked_into_a_checkout_breaks_the_check() {
    for mode in modes() {
        for place in [
            "node_modules/jsp",
            "node_modules/@team/jsp",
            ".node_modules/jsp",
        ] {
            let scene = checked_by("true");
            scene.write("package.json", "{\"name\": \"jsp\"}\n");
            scene.commit("package");
            let link = scene.base().join("home").join(place);
            std::fs::create_dir_all(link.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(scene.root(), &link).unwrap();
            let id = scene.task("One", &[]);
            run_in(&scene, mode, &id);
            let told = broken(&scene, &id).replace(place, "PLACE");
            snapshot!(told, @"the installed package `jsp` ([PATH]/home/PLACE) points into the main checkout [PATH]/repo, so the check would judge that and not the work; install it in the place of checks instead, by `runs: {setup: …}`");
        }
    }
}

#[test]
fn a_setting_of_the_tree_that_names_a_checkout_passes_nothing() {
    let table = [
        ("go.mod", "module x\nreplace y => ROOT/lib\n"),
        (
            "rs/Cargo.toml",
            "[dependencies]\ny = { path = \"ROOT/y\" }\n",
        ),
        ("Makefile", "test:\n\tcc -IROOT/include t.c\n"),
        (".cargo/config.toml", "paths = [\"ROOT/y\"]\n"),
    ];
    let mut told = String::new();
    for (file, text) in table {
        let scene = checked_by("true");
        scene.write(
            file,
            text.replace("ROOT", &scene.root().display().to_string()),
        );
        scene.commit("settings");
        let id = scene.task("One", &[]);
        run_in(&scene, "none", &id);
        told.push_str(&format!("{}\n", broken(&scene, &id)));
    }
    snapshot!(told, @"
    go.mod points into the main checkout [PATH]/repo, so the check would judge that and not the work; take it out of that file
    rs/Cargo.toml points into the main checkout [PATH]/repo, so the check would judge that and not the work; take it out of that file
    Makefile points into the main checkout [PATH]/repo, so the check would judge that and not the work; take it out of that file
    .cargo/config.toml points into the main checkout [PATH]/repo, so the check would judge that and not the work; take it out of that file
    ");
}

#[test]
fn a_directory_that_a_check_has_moved_is_whole_for_the_next() {
    for mode in modes() {
        let scene = checked_by("sh run.sh");
        scene.write(
            "run.sh",
            "for f in tests/*.sh; do sh \"$f\" || exit 1; done\n",
        );
        scene.write("tests/a.sh", "exit 0\n");
        scene.write("tests/b.sh", "grep -q good code\n");
        scene.write("code", "good\n");
        scene.commit("tests");
        let moving = "cat >/dev/null; echo 'mv tests t2; ln -s t2 tests' > tests/a.sh";
        scene.set_script("fake", moving);
        run_in(&scene, mode, &scene.task("One", &[]));
        scene.set_script("fake", "cat >/dev/null; echo broken > code");
        let id = scene.task("Two", &[]);
        let outcome = run_in(&scene, mode, &id);
        assert_eq!(verification(&scene, &id), "failed", "{mode}: {outcome}");
    }
}

#[test]
fn what_is_allowed_inside_of_a_checkout_is_not_for_checks() {
    for layer in layers() {
        let scene = checked_by("true");
        scene.write("data/a.txt", "theirs\n");
        scene.write("look.sh", "! cat \"$HOME/../repo/data/a.txt\"\n");
        let allowed = scene.root().join("data");
        scene.configure(&format!(
            "version: 1\nruns: {{grace: 1s, allow_read: ['{}']}}\nchecks: {{unit: {{run: sh look.sh}}}}\n",
            allowed.display()
        ));
        let id = scene.task("One", &[]);
        let outcome = run_in(&scene, layer, &id);
        assert_eq!(outcome.code, Some(0), "{layer}: {outcome}");
        // Without a sandbox it would have read it, on the base commit, too.
        let open = scene.task("Two", &[]);
        assert_eq!(run_in(&scene, "none", &open).code, Some(1), "{layer}");
    }
}

#[test]
fn programs_of_a_checkout_mean_those_of_the_judged_tree() {
    for mode in modes() {
        let scene = checked_by("tool");
        scene.write("bin/tool", "#!/bin/sh\nexit 0\n");
        run(scene.command("chmod").args(["+x", "bin/tool"]));
        scene.commit("tool");
        scene.set_script(
            "fake",
            "cat >/dev/null; echo work > work.txt; printf '#!/bin/sh\\nexit 3\\n' > bin/tool",
        );
        let id = scene.task("One", &[]);
        let path = format!(
            "{}/bin:{}",
            scene.root().display(),
            std::env::var("PATH").unwrap()
        );
        let outcome = run(scene
            .ai_command(&["run", &id])
            .env("AI_SANDBOX", mode)
            .env("PATH", &path));
        assert_eq!(
            (outcome.code, verification(&scene, &id).as_str()),
            (Some(6), "failed"),
            "{mode}: {outcome}"
        );
    }
}

#[test]
fn what_an_earlier_tree_left_is_gone_but_for_what_is_to_stay() {
    let scene = Sandbox::with_agent(
        "version: 1\nruns: {grace: 1s, check_keep: [kept/, 'sp ace/[x]']}\nchecks: {unit: {run: sh check.sh}}\n",
        GOOD,
    );
    scene.write(".gitignore", "*.o\nkept\nsp ace\nnested\nlocked\n");
    let check = "test ! -e stale.o && test ! -e nested && test ! -e locked && test ! -e plain || exit 1
test ! -e first || { test -e kept/one && test -e 'sp ace/[x]/two'; } || exit 2
touch stale.o plain; mkdir -p kept 'sp ace/[x]' locked/deep; touch kept/one 'sp ace/[x]/two' locked/deep/file
git init -q nested && touch nested/file; chmod 500 locked/deep locked\n";
    scene.write("check.sh", check);
    scene.commit("check");
    for round in ["one", "two", "three"] {
        scene.set_script(
            "fake",
            &format!("cat >/dev/null; echo {round} > work.txt; test {round} = one || touch first"),
        );
        let id = scene.task(round, &[]);
        let outcome = scene.run(&id);
        assert_eq!(outcome.code, Some(0), "{round}: {outcome}");
    }
}

#[test]
fn a_setup_prepares_the_place_of_checks_as_it_does_the_worktree() {
    for mode in modes() {
        let scene = Sandbox::with_agent(
            "version: 1\nruns: {grace: 1s, setup: 'sh prepare.sh'}\nchecks: {unit: {run: test -f prepared}}\n",
            GOOD,
        );
        scene.write(".gitignore", "prepared\n");
        scene.write("prepare.sh", "echo ready > prepared\n");
        scene.commit("setup");
        let id = scene.task("One", &[]);
        let outcome = run_in(&scene, mode, &id);
        assert_eq!(outcome.code, Some(0), "{mode}: {outcome}");
        // The setup of the judged tree counts, and where it fails no check can tell anything.
        scene.set_script(
            "fake",
            "cat >/dev/null; echo work > work.txt; echo 'echo no such package >&2; exit 7' > prepare.sh",
        );
        let other = scene.task("Two", &[]);
        let outcome = run_in(&scene, mode, &other);
        snapshot!(broken(&scene, &other), @"the setup command (`runs.setup`) failed in the place of checks: exit code 7, its last line: no such package; log: [PATH]/repo/.git/ai/runs/[RUN]/checks/setup.log");
        assert_eq!(
            scene.show(&other)["status"],
            "review",
            "it waits for a person: {outcome}"
        );
        let accepted = scene.ai(&["accept", &other]);
        assert_ne!(accepted.code, Some(0), "{accepted}");
    }
}

/// Moves the worktree of a run to where older versions had it.
fn move_to_the_old_place(scene: &Sandbox) -> PathBuf {
    let old = scene.root().join(".ai/worktrees/w1");
    std::fs::create_dir_all(old.parent().unwrap()).unwrap();
    scene.git(&[
        "worktree",
        "move",
        "-f",
        "-f",
        scene.slot("w1").to_str().unwrap(),
        old.to_str().unwrap(),
    ]);
    std::fs::create_dir(scene.root().join(".ai/worktrees/.check-w1")).unwrap();
    old
}

#[test]
fn worktrees_of_an_older_version_are_seen_and_given_up_without_loss() {
    let scene = Sandbox::with_script(GOOD);
    let one = scene.task("One", &[]);
    assert_eq!(scene.run(&one).code, Some(0));
    let old = move_to_the_old_place(&scene);
    std::fs::write(old.join("late.txt"), "by hand").unwrap();
    let listed = scene.ai_json_lines(&["worktree", "list"]);
    assert_eq!(
        (listed.len(), listed[0]["path"].as_str()),
        (1, old.to_str()),
        "{listed:?}"
    );
    assert_eq!(
        scene.ai_ok(&["worktree", "open", &one]).stdout.trim_end(),
        old.to_str().unwrap()
    );
    let two = scene.task("Two", &[]);
    snapshot!(scene.run(&two), @"
    exit: 0
    ----- stdout -----
    [RUN]  ready_for_review  review
      checks passed on this tree and the policy allows it; it may be accepted
    ----- stderr -----
    saved 1 changed file of [PATH]/repo/.ai/worktrees/w1 on refs/ai/rescue/[TASK]/1
    worktree [PATH]/repo/.ai/worktrees/w1 was given up; new ones are made in [PATH]/home/.cache/ai/repo-[PLACES]/worktrees
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
    ");
    assert!(!scene.root().join(".ai/worktrees").exists());
    let saved = scene.refs("refs/ai/rescue/");
    assert_eq!(scene.file_at(&saved[0], "late.txt"), "by hand");
    assert!(scene.slot("w1/work.txt").exists());
}

#[test]
fn a_run_that_an_older_version_lost_is_recovered_from_its_old_place() {
    let scene =
        Sandbox::with_script("cat >/dev/null; echo half > half.txt; touch \"$BASE/up\"; sleep 600");
    let id = scene.task("One", &[]);
    let command = scene.start(&["run", &id]);
    wait_for(&scene.base().join("up"));
    command.signal("KILL");
    command.wait();
    poll::until("the agent is gone", PATIENCE, || {
        crate::support::runs::processes_of(&id).is_empty()
    });
    move_to_the_old_place(&scene);
    scene.ai_ok(&["recover"]);
    assert_eq!(
        scene.file_at(&format!("refs/ai/rescue/{id}/1"), "half.txt"),
        "half"
    );
}

#[test]
fn a_copy_of_a_repository_leaves_the_worktrees_of_the_original_alone() {
    let scene = Sandbox::with_script(GOOD);
    let one = scene.task("One", &[]);
    assert_eq!(scene.run(&one).code, Some(0));
    std::fs::write(scene.slot("w1/late.txt"), "by hand").unwrap();
    let (slot, copy) = (scene.slot("w1"), scene.base().join("copy"));
    assert!(run(scene.command("cp").args(["-a", "."]).arg(&copy)).code == Some(0));
    assert_eq!(scene.ai_in(&copy, &["trust"]).code, Some(0));
    // The task of the original is in review here as well.
    snapshot!(scene.ai_in(&copy, &["run", "--next"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: no task is ready to be claimed
      next: `ai task list --status blocked` and `ai why TASK` say what the others wait for
    ");
    let made = scene
        .ai_in(&copy, &["task", "create", "Two", "--json"])
        .json();
    let two = made["id"].as_str().unwrap();
    let outcome = scene.ai_in(&copy, &["run", two]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(
        scene
            .ai_in(&copy, &["uninstall", "--yes", "--discard"])
            .code,
        Some(0)
    );
    assert_eq!(
        std::fs::read_to_string(slot.join("late.txt")).unwrap(),
        "by hand"
    );
}

#[test]
fn a_moved_cache_directory_takes_the_work_along() {
    let scene = Sandbox::with_script(GOOD);
    let one = scene.task("One", &[]);
    assert_eq!(scene.run(&one).code, Some(0));
    let before = scene.slot("w1");
    std::fs::write(before.join("late.txt"), "by hand").unwrap();
    let moved = scene.base().join("elsewhere");
    let two = scene.task("Two", &[]);
    let outcome = run(scene.ai_command(&["run", &two]).env("AI_CACHE_DIR", &moved));
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(
        !before.exists() && !scene.base().join("home/.cache/ai").exists(),
        "{outcome}"
    );
    let saved = scene.refs("refs/ai/rescue/");
    assert_eq!(scene.file_at(&saved[0], "late.txt"), "by hand");
    let place = std::fs::read_dir(&moved)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    assert!(
        place.join("worktrees/w1/work.txt").exists()
            && place.join("checks/w1/tree/work.txt").exists()
    );
    let gone = run(scene
        .ai_command(&["uninstall", "--yes", "--discard"])
        .env("AI_CACHE_DIR", &moved));
    assert_eq!(gone.code, Some(0), "{gone}");
    assert!(!moved.exists(), "nothing of ours is left there");
}

#[test]
fn a_directory_that_the_user_named_is_hidden_only_where_it_is_ours() {
    for layer in layers() {
        let scene = Sandbox::with_script("cat >/dev/null; echo work > work.txt");
        let disk = scene.base().join("home/go/disk");
        let theirs = disk.join("other-0123456789/worktrees/w1");
        std::fs::create_dir_all(&theirs).unwrap();
        std::fs::write(theirs.join("theirs.txt"), "theirs").unwrap();
        std::fs::write(disk.join("other-0123456789/owner"), "/none/.git\n/none\n").unwrap();
        std::fs::write(disk.join("tool.txt"), "a tool of the user's").unwrap();
        scene.write(
            "look.sh",
            "cat \"$HOME/go/disk/tool.txt\" && ! cat \"$HOME/go/disk/other-0123456789/worktrees/w1/theirs.txt\"\n",
        );
        scene.configure("version: 1\nruns: {grace: 1s}\nchecks: {unit: {run: sh look.sh}}\n");
        let id = scene.task("One", &[]);
        let outcome = run(scene
            .ai_command(&["run", &id])
            .env("AI_SANDBOX", layer)
            .env("AI_CACHE_DIR", &disk));
        assert_eq!(outcome.code, Some(0), "{layer}: {outcome}");
    }
}

/// What `ai doctor` says of the places, with the lines that belong to it.
fn places_in(doctor: &Outcome) -> String {
    let begin = |line: &&str| !line.contains("  places ");
    let mut lines = doctor.stdout.lines().skip_while(begin);
    let first = lines.next().unwrap_or_else(|| panic!("{doctor}"));
    let more = lines.take_while(|line| line.starts_with(' '));
    std::iter::once(first)
        .chain(more)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_place_inside_of_a_checkout_and_none_at_all_are_refused_before_anything_is_claimed() {
    let scene = Sandbox::with_script(GOOD);
    let id = scene.task("One", &[]);
    let inside = scene.root().join(".cache");
    snapshot!(run(scene.ai_command(&["run", &id]).env("AI_CACHE_DIR", &inside)), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: [PATH]/repo/.cache/repo-[SHORT] lies in the checkout [PATH]/repo: checks that run there would find its files instead of those they are to judge
      next: set AI_CACHE_DIR to an absolute directory outside of every checkout
    ");
    assert!(!inside.exists());
    let mut homeless = scene.ai_command(&["run", &id]);
    homeless
        .env_remove("HOME")
        .env("XDG_CACHE_HOME", "relative");
    snapshot!(run(&mut homeless), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: there is no directory for worktrees and checks outside of the checkout: HOME and XDG_CACHE_HOME are not set
      next: set AI_CACHE_DIR to an absolute directory outside of every checkout
    ");
    assert_eq!(scene.status(&id), "queued");
    snapshot!(run(scene.ai_command(&["init"]).env("AI_CACHE_DIR", &inside)), @"
    exit: 0
    ----- stdout -----
    the task store stands
    worktrees and checks will lie in [PATH]/repo/.cache/repo-[SHORT] (AI_CACHE_DIR moves it)
    ----- stderr -----
    warning: [PATH]/repo/.cache/repo-[SHORT] lies in the checkout [PATH]/repo: checks that run there would find its files instead of those they are to judge
    ");
    let doctor = run(scene.ai_command(&["doctor"]).env("AI_CACHE_DIR", &inside));
    snapshot!(places_in(&doctor), @"
    bad   places     [PATH]/repo/.cache/repo-[SHORT] lies in the checkout [PATH]/repo: checks that run there would find its files instead of those they are to judge
          next       set AI_CACHE_DIR to an absolute directory outside of every checkout
    ");
}

#[test]
fn a_look_makes_no_place() {
    let scene = Sandbox::with_script(GOOD);
    for look in [
        &["status"][..],
        &["task", "list"],
        &["worktree", "list"],
        &["doctor"],
    ] {
        scene.ai(look);
    }
    assert!(!Path::new(&scene.base().join("home/.cache")).exists());
}

#[test]
fn doctor_names_what_tools_would_find_above_the_places() {
    let scene = Sandbox::project();
    std::fs::write(scene.base().join("home/package.json"), "{}").unwrap();
    snapshot!(places_in(&scene.ai(&["doctor"])), @"
    warn  places     [PATH]/home/package.json stands above the worktrees and checks in [PATH]/home/.cache/ai/repo-[PLACES]: without a sandbox, tools may find it there
          next       move it away, or set AI_CACHE_DIR to a directory of which this is not true
    ");
}
