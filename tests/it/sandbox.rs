//! What agents and checks can reach from within the sandbox, by every layer that works on this
//! machine.

use serde_json::Value;

use crate::snapshot;
use crate::support::runs::{CONFIG, GOOD, PATIENCE, open_gate};
use crate::support::scene::{Agent, Scene};
use crate::support::{Outcome, Sandbox, mask_also, poll, run, text_once};

/// The layers to try; says which are left out, so that nobody takes silence for a test. The doctor
/// tries a sandbox as a run does, and takes a tenth of the time.
pub(crate) fn layers() -> Vec<&'static str> {
    let found = text_once("layers", || {
        let scene = Sandbox::project();
        let told = LAYERS.map(|layer| format!("{layer} {}\n", told_of(&scene, layer)));
        told.concat()
    });
    let told = found.lines().filter_map(|line| line.split_once(' '));
    let (work, skipped): (Vec<_>, Vec<_>) = told.partition(|(_, finding)| {
        let finding: Value = serde_json::from_str(finding).unwrap();
        finding["level"] == "ok"
    });
    for (layer, finding) in skipped {
        eprintln!("skipped {layer}: {finding}");
    }
    LAYERS
        .into_iter()
        .filter(|layer| work.iter().any(|(name, _)| name == layer))
        .collect()
}

const LAYERS: [&str; 2] = ["bubblewrap", "landlock"];

/// What the doctor says of the sandbox with this layer, in one line.
fn told_of(scene: &Sandbox, layer: &str) -> Value {
    let findings = within(scene, layer, &["doctor", "--json"]).json_lines();
    let mut sandbox = findings
        .into_iter()
        .filter(|found| found["check"] == "sandbox");
    sandbox.next().expect("a finding about the sandbox")
}

/// The same, and no sandbox at all.
pub(crate) fn modes() -> Vec<&'static str> {
    layers().into_iter().chain(["none"]).collect()
}

fn within(scene: &Sandbox, layer: &str, args: &[&str]) -> Outcome {
    run(scene.ai_command(args).env("AI_SANDBOX", layer))
}

/// Runs a task in the sandbox; the script has said what it found in `out.txt` of its tree.
fn tried(scene: &Sandbox, layer: &str) -> (String, String) {
    let id = scene.task("Try it", &[]);
    let outcome = within(scene, layer, &["run", &id, "--json"]);
    assert_eq!(outcome.code, Some(0), "{layer}: {outcome}");
    scene.is_at_rest(&id);
    let out = scene.file_at(&format!("ai/{id}/1"), "out.txt");
    (id, out)
}

/// Tries each command; `out.txt` names those that succeeded.
fn tries(commands: &[&str]) -> String {
    let each: Vec<String> = commands
        .iter()
        .map(|c| {
            format!(
                "( {c} ) >/dev/null 2>&1 && echo '{}' >> out.txt",
                c.replace('\'', "")
            )
        })
        .collect();
    format!(
        "cat >/dev/null; echo work > work.txt; echo begun > out.txt\n{}\ntrue",
        each.join("\n")
    )
}

#[test]
fn an_agent_cannot_write_outside_of_its_worktree() {
    for layer in layers() {
        let scene = Sandbox::with_script("true");
        std::fs::write(scene.base().join("home/precious"), "mine").unwrap();
        let theirs = scene
            .base()
            .join("home/.cache/ai/other-0123456789/worktrees/w9");
        std::fs::create_dir_all(&theirs).unwrap();
        std::fs::write(theirs.join("theirs.txt"), "theirs").unwrap();
        scene.set_script(
            "fake",
            &tries(&[
                "echo x > \"$BASE/repo/README.md\"",
                "echo x > \"$BASE/repo/new.txt\"",
                "echo x >> \"$BASE/repo/.git/config\"",
                "git config core.fsmonitor evil",
                "echo x > \"$BASE/repo/.git/hooks/pre-commit\"",
                "echo x > \"$BASE/repo/.git/refs/heads/main\"",
                "rm \"$BASE/repo/.git/ai/ai.db\"",
                "echo x > \"$BASE/repo/.ai/policy.yaml\"",
                "cat \"$BASE/home/.cache/ai/other-0123456789/worktrees/w9/theirs.txt\"",
                "echo x > \"$BASE/home/.cache/ai/other-0123456789/worktrees/w9/theirs.txt\"",
                "cat \"$BASE/home/precious\"",
                "ln -s \"$BASE/repo/README.md\" l && echo x > l",
                "echo x > .git",
            ])
            .replace(
                "\ntrue",
                "\n(echo x > \"$BASE/beside\"; echo x > \"$BASE/home/stray\") 2>/dev/null; true",
            ),
        );
        let before = scene.read(".git/config");
        let (_, out) = tried(&scene, layer);
        // Landlock cannot take a part out of a directory that can be written; what stands in `.git`
        // is looked at by nobody.
        let expected = if layer == "landlock" {
            "begun\necho x > .git"
        } else {
            "begun"
        };
        assert_eq!(out.trim_end(), expected, "{layer}");
        assert_eq!(scene.read(".git/config"), before);
        assert_eq!(
            std::fs::read_to_string(scene.base().join("home/precious")).unwrap(),
            "mine"
        );
        assert!(
            !scene.base().join("home/stray").exists() && !scene.base().join("beside").exists(),
            "{layer}"
        );
    }
}

#[test]
fn an_agent_commits_in_its_sandbox_and_reaches_no_object_of_others() {
    for layer in layers().into_iter().filter(|layer| *layer == "bubblewrap") {
        let scene = Sandbox::with_script("true");
        scene.git(&["gc", "-q"]);
        scene.set_script(
            "fake",
            "cat >/dev/null; export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
            echo one > work.txt && git add work.txt && git commit -qm one && echo two > two.txt && git add two.txt && git commit -qm two \
                && git log --oneline > out.txt
            # Not every reader of objects looks for a relative alternate beside the file.
            (cd / && test -d \"$(tail -n 1 \"$BASE\"/repo/.git/objects/info/alternates)/info\") && echo absolute >> out.txt
            tr '\\0' '\\n' </proc/$$/environ | grep -qx \"PWD=$(pwd -P)\" && echo place >> out.txt
            rm -rf \"$BASE\"/repo/.git/objects/real/pack/* 2>/dev/null; rm -rf \"$BASE\"/repo/.git/objects/pack/* 2>/dev/null
            git branch other 2>/dev/null && echo branch >> out.txt; git tag t 2>/dev/null && echo tag >> out.txt; true",
        );
        let (id, out) = tried(&scene, layer);
        assert_eq!(out.lines().count(), 6, "{out}");
        assert!(
            out.ends_with("absolute\nplace") || out.ends_with("absolute\nplace\n"),
            "{out}"
        );
        let log = scene.git(&["log", "--format=%s", &format!("ai/{id}/1")]);
        assert_eq!(
            log.lines().collect::<Vec<_>>(),
            ["Try it", "two", "one", "configure", "first"]
        );
        let report: Value =
            serde_json::from_str(&scene.run_file(&format!("{id}.1"), "run.json")).unwrap();
        assert_eq!(
            (&report["own_commits"], &report["sandbox"]),
            (&2.into(), &"bubblewrap".into())
        );
        scene.git(&["fsck", "--full", "--strict"]);
        scene.ai_ok(&["accept", &id]);
        assert_eq!(scene.read("two.txt"), "two\n");
    }
}

/// Reads what an agent could act with in another's name: each line names what was found.
const PRY: &str = r#"cat >/dev/null; echo work > work.txt; : > out.txt
    for f in "$BASE/repo/.git/ai/ai.db" "$BASE/repo/.git/ai-lease/tokens" \
        "$BASE"/repo/.git/worktrees/theirs/ai-lease/tokens "$BASE/theirs/a.txt"; do
        cat "$f" >/dev/null 2>&1 && echo "${f#"$BASE"/}" >> out.txt
    done
    cat "$BASE/repo/.ai/config.yaml" >/dev/null && echo settings >> out.txt"#;

#[test]
fn the_store_tokens_and_worktrees_of_others_are_out_of_an_agents_sight() {
    for layer in layers() {
        let scene = Sandbox::with_script("true");
        scene.git(&["worktree", "add", "-q", "../theirs"]);
        scene.write("../theirs/a.txt", "theirs");
        for tokens in [
            ".git/ai-lease/tokens",
            ".git/worktrees/theirs/ai-lease/tokens",
        ] {
            scene.write(tokens, "t-1.1.secret\n");
        }
        scene.set_script("fake", PRY);
        let (_, out) = tried(&scene, layer);
        if hides_the_store(&scene, layer) {
            snapshot!(out, @"settings");
        } else {
            snapshot!(out, @"
            repo/.git/ai/ai.db
            repo/.git/ai-lease/tokens
            repo/.git/worktrees/theirs/ai-lease/tokens
            settings
            ");
        }
    }
}

/// Whether the store has to be out of an agent's sight: Landlock hides it by a namespace, which not
/// everybody may make, and which is tried here without `ai`. The doctor has to know it, too.
fn hides_the_store(scene: &Sandbox, layer: &str) -> bool {
    if layer != "landlock" {
        return true;
    }
    let user = if rustix::process::geteuid().is_root() {
        "--kill-child"
    } else {
        "--map-root-user"
    };
    let words = [
        "--fork", "--pid", "--mount", user, "mount", "-t", "tmpfs", "x", "/mnt",
    ];
    let mut trial = std::process::Command::new("unshare");
    let made = trial
        .args(words)
        .output()
        .is_ok_and(|out| out.status.success());
    let told = told_of(scene, layer)["text"].to_string();
    let warns = told
        .split("; ")
        .any(|part| part.starts_with("an agent can read the store"));
    assert_eq!(made, !warns, "{told}");
    made
}

/// A sandbox takes names away; what is open needs none.
#[test]
fn what_is_open_where_a_run_is_started_is_not_open_for_its_agent() {
    for layer in modes() {
        let scene = Sandbox::with_agent(
            CONFIG,
            "cat >/dev/null; echo work > work.txt; echo begun > out.txt; for fd in 8 9; do if [ -e /proc/self/fd/$fd ]; then echo $fd >> out.txt; fi; done",
        );
        let id = scene.task("Try it", &[]);
        let ai = scene.ai_command(&["run", &id, "--json"]);
        let mut shell = std::process::Command::new("sh");
        shell
            .args(["-c", "exec \"$0\" \"$@\" 8<.git 9<.git/ai/ai.db"])
            .arg(ai.get_program())
            .args(ai.get_args())
            .current_dir(scene.root())
            .env_clear()
            .envs(
                ai.get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .env("AI_SANDBOX", layer);
        let outcome = run(&mut shell);
        assert_eq!(outcome.code, Some(0), "{layer}: {outcome}");
        assert_eq!(
            scene.file_at(&format!("ai/{id}/1"), "out.txt"),
            "begun",
            "{layer}"
        );
    }
}

/// What is claimed, and where, after the sandbox was made.
#[test]
fn tokens_that_come_while_an_agent_works_are_out_of_its_sight_too() {
    for layer in layers() {
        let scene = Sandbox::with_script("true");
        if !hides_the_store(&scene, layer) {
            eprintln!("skipped {layer}: it cannot hide the store here");
            continue;
        }
        let others = [scene.task("Here", &[]), scene.task("Elsewhere", &[])];
        let id = scene.task("Try it", &[]);
        let late = PRY.replace(
            "cat >/dev/null;",
            "cat >/dev/null; mkfifo gate; read x < gate; rm gate;",
        );
        scene.set_script("fake", &late);
        let running = scene.start_with(&["run", &id], &[("AI_SANDBOX", layer)]);
        let gate = || scene.slot("w1/gate");
        poll::until("the agent waits", PATIENCE, || gate().exists());
        scene.git(&["worktree", "add", "-q", "../theirs"]);
        let theirs = scene.base().join("theirs");
        for (dir, id) in [scene.root(), theirs].iter().zip(&others) {
            let claimed = scene.ai_in(dir, &["task", "claim", id]);
            assert_eq!(claimed.code, Some(0), "{claimed}");
        }
        for file in [
            ".git/ai-lease/tokens",
            ".git/worktrees/theirs/ai-lease/tokens",
        ] {
            assert!(scene.root().join(file).is_file(), "{file}");
        }
        open_gate(&gate());
        running.wait();
        let out = scene.file_at(&format!("ai/{id}/1"), "out.txt");
        snapshot!(out, @"settings");
    }
}

#[test]
fn within_a_run_a_store_out_of_sight_is_not_told_as_a_lost_one() {
    let scene = Sandbox::repository();
    let mut command = scene.ai_command(&["task", "list"]);
    snapshot!(run(command.env("AI_RUN", "t-1.1")), @"
    exit: 9
    ----- stdout -----
    ----- stderr -----
    error: inside of a run the task store is out of sight
      next: your prompt has the task; what another holds is told when the run has ended
    ");
}

#[test]
fn an_agent_that_forges_its_private_store_gains_nothing() {
    for layer in layers().into_iter().filter(|layer| *layer == "bubblewrap") {
        let scene = Sandbox::with_script("true");
        scene.set_script(
            "fake",
            "cat >/dev/null; echo work > work.txt; echo ok > out.txt
            rm -rf \"$BASE/repo/.git/objects/info\"; ln -s /etc \"$BASE/repo/.git/objects/info\"
            for f in \"$BASE\"/repo/.git/refs/heads/ai/$AI_TASK/*; do echo 1111111111111111111111111111111111111111 > $f; done",
        );
        let (id, out) = tried(&scene, layer);
        assert_eq!(out.trim_end(), "ok");
        let report: Value =
            serde_json::from_str(&scene.run_file(&format!("{id}.1"), "run.json")).unwrap();
        let said = mask_also(
            &report["warnings"][0],
            &[(r"fatal: [^\x22]*", "fatal: [GIT]")],
        );
        snapshot!(said, @r#""the agent's own commits were not taken over, its files are: `git pack-objects --revs --stdout --quiet` failed (exit 128): fatal: [GIT]""#);
        scene.git(&["fsck", "--full", "--strict"]);
    }
}

#[test]
fn the_mode_stands_in_the_evidence_and_is_never_silent() {
    for layer in modes() {
        let scene = Sandbox::with_script(GOOD);
        let id = scene.task("One", &[]);
        let outcome = within(&scene, layer, &["run", &id]);
        let named = [(layer, "[LAYER]")];
        snapshot!(mask_also(outcome, &named), @"
        exit: 0
        ----- stdout -----
        [RUN]  ready_for_review  review
          checks passed on this tree and the policy allows it; it may be accepted
        ----- stderr -----
        run [RUN]: fake on branch ai/[TASK]/1, for main
        sandbox of [RUN]: [LAYER], network on
        check unit: test -f work.txt
        check unit: passed
        look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
        ");
        for file in ["run.json", "statement.json"] {
            let text = scene.run_file(&format!("{id}.1"), file);
            let value: Value = serde_json::from_str(&text).unwrap();
            let said = value.get("predicate").unwrap_or(&value)["sandbox"].clone();
            assert_eq!(
                said["mode"].as_str().or(said.as_str()),
                Some(layer),
                "{text}"
            );
        }
        let review = scene.ai(&["review", &id, "--no-diff"]);
        snapshot!(mask_also(review, &named), @"
        exit: 0
        ----- stdout -----
        [TASK]  review  One
          run        [RUN] by fake on branch ai/[TASK]/1
          accepted   it goes into main
          verdict    ready_for_review
          because    finished, checks passed, policy allow, current
                     checks passed on this tree and the policy allows it; it may be accepted
          sandbox    [LAYER], network on
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
fn what_is_said_at_the_terminal_outranks_the_configuration_and_an_agent_only_tightens() {
    let scene = Sandbox::with_agent(
        &CONFIG.replace("grace: 1s", "grace: 1s, sandbox: none"),
        GOOD,
    );
    let mode = |args: &[&str]| {
        let id = scene.task("One", &[]);
        let outcome = run(scene
            .ai_command(&[&["run", &id][..], args].concat())
            .env_remove("AI_SANDBOX"));
        assert_eq!(outcome.code, Some(0), "{outcome}");
        outcome
            .stderr
            .lines()
            .find_map(|l| l.strip_prefix(&format!("sandbox of {id}.1: ")))
            .unwrap()
            .to_owned()
    };
    assert_eq!(mode(&[]), "none, network on");
    let agent = scene.read(".ai/agents/fake.yaml");
    scene.write(
        ".ai/agents/fake.yaml",
        agent + "sandbox: auto\nnetwork: off\n",
    );
    scene.ai_ok(&["trust"]);
    if layers().is_empty() {
        return;
    }
    assert!(
        mode(&[]).ends_with("network off"),
        "the agent's file demands a sandbox"
    );
    assert_eq!(mode(&["--no-sandbox"]), "none, network on");
}

#[test]
fn without_any_sandbox_nothing_runs_unless_somebody_says_so() {
    let scene = Sandbox::with_agent(CONFIG, GOOD);
    let id = scene.task("One", &[]);
    let outcome = run(scene
        .ai_command(&["run", &id])
        .env("AI_SANDBOX", "bubblewrap")
        .env("PATH", no_bwrap(&scene)));
    snapshot!(outcome, @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: there is no sandbox: bubblewrap (`bwrap`) is not installed
      next: install bubblewrap; or, if you accept that agents and checks may do whatever you may: `ai run --no-sandbox`, AI_SANDBOX=none, or `runs: {sandbox: none}` in .ai/config.yaml
    ");
    assert_eq!(scene.status(&id), "queued", "nothing was claimed");
}

/// A `PATH` with what a run needs and without `bwrap`.
fn no_bwrap(scene: &Sandbox) -> std::path::PathBuf {
    let dir = scene.base().join("bin");
    std::fs::create_dir(&dir).unwrap();
    for name in ["git", "sh", "cat", "test"] {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|dir| dir.join(name))
            .find(|p| p.exists());
        std::os::unix::fs::symlink(found.unwrap(), dir.join(name)).unwrap();
    }
    dir
}

#[test]
fn the_network_goes_by_configuration_and_by_policy() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connect =
        format!("python3 -c \"import socket; socket.create_connection(('127.0.0.1', {port}), 5)\"");
    let deny = "version: 1\ndefault: allow\nrules:\n  - {id: no-net, on: [run.network], effect: deny, reason: closed}\n";
    for layer in layers() {
        let check = format!(
            "version: 1\nchecks:\n  net: {{run: \"! {}\"}}\n",
            connect.replace('"', "\\\"")
        );
        for (config, policy, reached) in [
            ("on", None, true),
            ("off", None, false),
            ("on", Some(deny), false),
        ] {
            let checks = if reached {
                "version: 1\nchecks: {unit: {run: test -f work.txt}}\n"
            } else {
                &check
            };
            let scene = Sandbox::with_agent(
                &format!("{checks}runs: {{network: {config}}}\n"),
                &tries(&[&connect]),
            );
            if let Some(policy) = policy {
                scene.write(".ai/policy.yaml", policy);
                scene.commit("policy");
            }
            let (id, out) = tried(&scene, layer);
            assert_eq!(out.lines().count() == 2, reached, "{layer} {config}: {out}");
            let decided = scene.rows(&format!("SELECT data FROM decision WHERE task = '{id}'"));
            assert_eq!(
                decided.iter().any(|d| d["action"] == "run.network"),
                policy.is_some(),
                "{decided:?}"
            );
        }
    }
}

#[test]
fn checks_write_in_their_place_alone_and_git_works_there() {
    for layer in layers() {
        let checks = "version: 1
checks:
  tidy: 'git status --porcelain && echo built > built && echo t > \"$TMPDIR/t\"'
  fence: 'cd \"$HOME/..\"; ! cat home/precious 2>/dev/null && ! cat repo/README.md 2>/dev/null && ! cat repo/.git/config 2>/dev/null; r=$?; (echo x > repo/README.md; echo x >> repo/.git/config) 2>/dev/null; exit $r'
";
        let scene = Sandbox::with_agent(checks, "cat >/dev/null; echo ok > out.txt");
        std::fs::write(scene.base().join("home/precious"), "mine").unwrap();
        let config = scene.read(".git/config");
        let (id, _) = tried(&scene, layer);
        assert_eq!(scene.status(&id), "review", "{layer}");
        assert_eq!(
            (scene.read("README.md"), scene.read(".git/config")),
            ("A project.\n".into(), config),
            "{layer}"
        );
        let accepted = within(&scene, layer, &["accept", &id]);
        assert_eq!(accepted.code, Some(0), "{layer}: {accepted}");
    }
}

#[test]
fn a_daemon_of_an_agent_ends_with_its_sandbox_and_with_a_killed_supervisor() {
    for layer in layers() {
        let scene = Sandbox::with_script(
            "cat >/dev/null; (setsid sh -c 'trap \"\" TERM HUP; sleep 600 & sleep 600' &); echo work > work.txt; echo ok > out.txt",
        );
        tried(&scene, layer);
        scene.set_script(
            "fake",
            "cat >/dev/null; (setsid sh -c 'trap \"\" TERM; sleep 600' &); echo up > up.txt; sleep 600",
        );
        let id = scene.task("Two", &[]);
        let file = std::fs::File::create(scene.base().join("log")).unwrap();
        let mut child = scene
            .ai_command(&["run", &id])
            .env("AI_SANDBOX", layer)
            .stderr(file)
            .spawn()
            .unwrap();
        crate::support::poll::until("the agent works", crate::support::runs::PATIENCE, || {
            scene.slot("w1/up.txt").exists()
        });
        child.kill().unwrap();
        child.wait().unwrap();
        crate::support::poll::until("nothing is left", crate::support::runs::PATIENCE, || {
            crate::support::runs::processes_of(&id).is_empty()
        });
    }
}

#[test]
fn the_setup_command_is_fenced_in_and_its_evidence_says_so() {
    let setup = "echo ok > .prepared; for f in \\\"$HOME/../repo/README.md\\\" \\\"$HOME/../repo/.git/config\\\" \\\"$HOME/../repo/.ai/policy.yaml\\\" \\\"$HOME/x\\\" .git; \
                 do (echo evil >> $f) 2>/dev/null && echo $f >> .prepared; done; true";
    let config = format!(
        "version: 1\nruns: {{grace: 1s, setup: \"{setup}\"}}\nchecks: {{unit: {{run: test -f work.txt}}}}\n"
    );
    for layer in layers() {
        let scene = Sandbox::with_agent(
            &config,
            "cat >/dev/null; cp .prepared out.txt; echo work > work.txt",
        );
        let before = scene.read(".git/config");
        let (id, out) = tried(&scene, layer);
        // Landlock cannot keep the file `.git` of a worktree from being written, which nothing
        // believes; nor does it hide a home.
        assert_eq!(
            out.lines()
                .filter(|line| *line != ".git" && !line.ends_with("/x"))
                .collect::<Vec<_>>(),
            ["ok"],
            "{layer}"
        );
        assert_eq!(
            (scene.read(".git/config"), scene.read("README.md")),
            (before, "A project.\n".into()),
            "{layer}"
        );
        assert!(!scene.base().join("home/x").exists(), "{layer}");
        let all = scene.rows("SELECT data FROM evidence");
        let piece = all
            .iter()
            .find(|piece| piece["kind"] == "setup" && piece["task"] == id.as_str())
            .unwrap();
        assert_eq!(piece["summary"]["sandbox"]["mode"], layer, "{piece}");
    }
}

#[test]
fn the_setup_command_has_a_network_where_the_policy_leaves_it_one() {
    let config = "version: 1\nruns: {grace: 1s, setup: 'wc -l < /proc/net/route > .net'}\nchecks: {unit: {run: test -f work.txt}}\n";
    let scene = Sandbox::with_agent(
        config,
        "cat >/dev/null; cp .net out.txt; echo work > work.txt",
    );
    if !layers().contains(&"bubblewrap") {
        return;
    }
    scene.write(
        ".ai/policy.yaml",
        "version: 1\ndefault: allow\nrules:\n  - {id: none, on: [run.network], effect: deny, reason: offline}\n",
    );
    scene.ai_ok(&["trust"]);
    scene.commit("policy");
    let (_, out) = tried(&scene, "bubblewrap");
    assert_eq!(out.trim(), "1", "only the heading: there is no route");
    let all = scene.rows("SELECT data FROM evidence");
    let piece = all.iter().find(|piece| piece["kind"] == "setup").unwrap();
    assert_eq!(piece["summary"]["sandbox"]["network"], "off", "{piece}");
}

#[test]
fn the_directory_of_sessions_is_made_where_the_cli_was_never_used() {
    for layer in layers() {
        let script = "cat >/dev/null; echo s >> \"$HOME/.parrot/session\"; echo no > \"$HOME/.budgie\"; echo work > work.txt";
        let bird = Agent::of_a_cli("bird", "text", script).manifest("login: [.parrot/, .budgie]\n");
        let scene = Scene::new().agent(bird).build();
        let id = scene.task("Try it", &[]);
        let outcome = within(&scene, layer, &["run", &id, "--agent", "bird"]);
        assert_eq!(outcome.code, Some(0), "{layer}: {outcome}");
        let home = scene.base().join("home");
        assert_eq!(
            std::fs::read_to_string(home.join(".parrot/session")).unwrap(),
            "s\n",
            "{layer}"
        );
        assert!(!home.join(".budgie").exists(), "{layer}");
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            std::fs::metadata(home.join(".parrot"))
                .unwrap()
                .permissions()
                .mode()
                & 0o777,
            0o700
        );
    }
}

#[test]
fn root_reaches_nothing_of_the_machine_from_inside() {
    for layer in layers() {
        let scene = Sandbox::with_script("true");
        // Opened and not written: what can be opened so could be written.
        scene.set_script(
            "fake",
            &tries(&[
                ": >> /proc/sys/kernel/core_pattern",
                ": >> /proc/sys/vm/swappiness",
                "grep CapEff /proc/self/status | cut -f2 | grep -q [1-9a-f]",
                ": < /dev/kmsg",
                "ls /dev/loop0 /dev/vda /dev/sda | grep -q dev && head -c 1 /dev/loop0",
            ]),
        );
        let (_, out) = tried(&scene, layer);
        assert_eq!(out.trim_end(), "begun", "{layer}");
    }
}

#[test]
fn settings_of_the_worktree_that_are_not_there_cannot_be_planted() {
    for layer in layers().into_iter().filter(|layer| *layer == "bubblewrap") {
        let scene = Sandbox::with_script("true");
        scene.git(&["config", "extensions.worktreeConfig", "true"]);
        scene.set_script(
            "fake",
            &tries(&["git config --worktree core.fsmonitor evil"]),
        );
        let (_, out) = tried(&scene, layer);
        assert_eq!(out.trim_end(), "begun", "{layer}");
        scene.git(&["-C", scene.slot("w1").to_str().unwrap(), "status"]);
    }
}

#[test]
fn settings_that_an_agent_makes_for_its_program_are_taken_away() {
    for layer in layers() {
        let script = "cat >/dev/null; cd \"$HOME/.parrot\"; echo evil > hooks.json; echo evil > old.json; echo evil > plugins/p; echo s > session; cd - && echo work > work.txt";
        let login = "login: [.parrot/, '.parrot/plugins/:ro', '.parrot/hooks.json:ro', \
                     '.parrot/old.json:ro', '.parrot/never.json:ro']\n";
        let bird = Agent::of_a_cli("bird", "text", script).manifest(login);
        let scene = Scene::new().agent(bird).build();
        let home = scene.base().join("home/.parrot");
        std::fs::create_dir(&home).unwrap();
        std::fs::write(home.join("old.json"), "mine").unwrap();
        let id = scene.task("Try it", &[]);
        let outcome = within(&scene, layer, &["run", &id, "--agent", "bird"]);
        assert_eq!(outcome.code, Some(0), "{layer}: {outcome}");
        let mut names: Vec<_> = std::fs::read_dir(&home)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                format!("hooks.json.from-{id}.1"),
                "old.json".into(),
                "plugins".into(),
                "session".into()
            ],
            "{layer}"
        );
        let review = scene.ai_ok(&["review", &id, "--no-diff"]).stdout;
        let warning = review
            .lines()
            .find(|line| line.trim_start().starts_with("warning"));
        snapshot!(warning.unwrap_or(&review), @"  warning    [PATH]/home/.parrot/hooks.json was made, which the agent's program may only read; it is now [PATH]/home/.parrot/hooks.json.from-[RUN]");
        // Landlock cannot take a part out of a directory that can be written.
        if layer == "bubblewrap" {
            assert_eq!(
                std::fs::read_to_string(home.join("old.json")).unwrap(),
                "mine"
            );
            assert!(!home.join("plugins/p").exists());
        }
    }
}
