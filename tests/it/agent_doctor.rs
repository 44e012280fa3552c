//! `ai agent doctor`: what is found of agents without starting them, and what a trial shows.

use std::path::Path;

use serde_json::Value;

use crate::snapshot;
use crate::support::runs::{CONFIG, GOOD, with_mark};
use crate::support::scene::Scene;
use crate::support::{Outcome, Sandbox, mask_also, run};

const MANIFEST: &str = "version: 1
name: parrot
title: Parrot
tested_with: '1.2.0'
detect:
  command: parrot
  version_args: [--version]
  version_regex: '(\\d+\\.\\d+\\.\\d+)'
  versions: {from: '1.2', below: '2'}
argv: [parrot, --json]
prompt: stdin
env_pass: [PARROT_API_KEY]
login: [.parrot]
output: codex-json
";

/// A project with the connector of a made-up CLI; its program answers with `version`.
fn parrot(version: &str) -> Sandbox {
    let scene = Sandbox::project();
    let says = format!("echo asked >>\"$BASE/asked\"; echo parrot {version}");
    scene.program("bin/parrot", &says);
    scene.write(".ai/connectors/parrot.yaml", MANIFEST);
    scene
}

#[test]
fn every_agent_is_looked_at_and_every_trouble_names_a_command() {
    let scene = parrot("1.4.0");
    scene.ai_ok(&["trust"]);
    scene.ai_ok(&[
        "agent",
        "register",
        "bird",
        "--connector",
        "parrot",
        "--model",
        "m-1",
        "--fallback",
        "gone",
    ]);
    scene.ai_ok(&[
        "agent",
        "register",
        "typo",
        "--connector",
        "command",
        "--",
        "no-such-program",
        "{prompt_file}",
    ]);
    scene.write(
        ".ai/agents/bad.yaml",
        "name: bad\nconnector: command\nmodle: x\n",
    );
    scene.configure(&format!("{CONFIG}budgets: {{agent: {{attempts: 1}}}}\n"));
    std::fs::create_dir(scene.base().join("home/.parrot")).unwrap();
    snapshot!(scene.ai_with_bin(&["agent", "doctor"]));
    let lines = scene.ai_with_bin(&["agent", "doctor", "bird", "--json"]);
    assert_eq!(lines.code, Some(0), "a warning is nothing broken: {lines}");
    assert!(
        lines
            .json_lines()
            .iter()
            .all(|line| line["agent"] == "bird" && line["level"] != "bad"),
        "{lines}"
    );
    for line in scene
        .ai_with_bin(&["agent", "doctor", "--json"])
        .json_lines()
    {
        assert_eq!(line["level"] == "ok", line["next"].is_null(), "{line}");
    }
    snapshot!(scene.ai_with_bin(&["agent", "doctor", "nobody"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: there is no agent `nobody`
      next: `ai agent list` shows the agents
    ");
}

#[test]
fn a_version_out_of_range_is_told_and_nothing_untrusted_is_asked_for_it() {
    let scene = parrot("2.0.1");
    scene.ai_ok(&["trust"]);
    scene.ai_ok(&["agent", "register", "bird", "--connector", "parrot"]);
    let version = |lines: &Outcome| {
        lines
            .json_lines()
            .into_iter()
            .find(|line| line["check"] == "version")
    };
    let found = scene.ai_with_bin(&["agent", "doctor", "--json"]);
    assert_eq!(
        version(&found).unwrap()["text"],
        "2.0.1 is 2 or newer, which nobody has tried"
    );
    assert_eq!(
        scene.ai_with_bin(&["agent", "detect", "--json"]).json()["problem"],
        "version 2.0.1 is 2 or newer, which nobody has tried"
    );
    std::fs::remove_file(scene.base().join("asked")).unwrap();
    scene.write(
        ".ai/connectors/parrot.yaml",
        format!("{MANIFEST}# changed\n"),
    );
    let found = scene.ai_with_bin(&["agent", "doctor", "--json"]);
    assert_eq!((found.code, version(&found)), (Some(1), None), "{found}");
    assert!(
        !scene.base().join("asked").exists(),
        "an untrusted connector had its program started"
    );
    snapshot!(scene.ai_with_bin(&["agent", "doctor", "--try", "--yes"]), @"
    exit: 1
    ----- stdout -----
    ok    bird  file      connector parrot, the CLI's own model
    ok    bird  program   [PATH]/bin/parrot
    warn  bird  login     none was found in your home, and none of PARROT_API_KEY is set
                next      log in with `parrot`, set PARROT_API_KEY, or name a credential (.ai/credentials.yaml)
    ok    bird  home      yours, and it can be written
    warn  bird  sandbox   none, as you asked: it may do whatever you may
                next      take AI_SANDBOX=none, or `sandbox: none` in .ai/config.yaml, away
    bad   bird  trust     .ai/connectors/parrot.yaml was changed, so nothing is started here yet
                next      ai trust --show
    ok    bird  limits    at work on 0 of 1 run; 60 min a run, 10 min silent, 3 attempts at a task
    ok    bird  runs      no run has ended yet
    ok    bird  fallback  none: where its quota or login ends, its tasks wait
    ----- stderr -----
    bird is not tried: something of it is broken
    ");
    assert!(!scene.base().join("asked").exists());
}

#[test]
fn a_trial_shows_how_each_agent_ends_and_leaves_nothing() {
    let scene = Sandbox::project();
    let agents = [
        (
            "good",
            "cat >heard.md; echo more >README.md; pwd >\"$BASE/where\"; echo ready",
            "answered",
        ),
        ("later", "cat >/dev/null; exit 75", "quota"),
        (
            "locked",
            "cat >/dev/null; echo 'error: invalid api key' >&2; exit 1",
            "auth",
        ),
        (
            "sick",
            "cat >/dev/null; echo 'no such model' >&2; exit 3",
            "failed",
        ),
        ("slain", "cat >/dev/null; kill -9 $$", "killed"),
    ];
    for (name, script, _) in agents {
        scene.add_agent(name, script);
    }
    scene.configure(CONFIG);
    let before = (
        scene.ai_ok(&["log", "--json"]).stdout,
        scene.git(&["status", "--porcelain"]),
        scene.git(&["for-each-ref"]),
    );
    // Nobody is there to say yes.
    snapshot!(scene.ai(&["agent", "doctor", "good", "--try"]), @"
    exit: 8
    ----- stdout -----
    ok    good  file      connector command, the CLI's own model
    ok    good  program   /bin/sh
    ok    good  login     its connector names none
    ok    good  home      its connector keeps nothing in yours
    warn  good  sandbox   none, as you asked: it may do whatever you may
                next      take AI_SANDBOX=none, or `sandbox: none` in .ai/config.yaml, away
    ok    good  trust     nothing waits for your trust
    ok    good  limits    at work on 0 of 1 run; 60 min a run, 10 min silent, 3 attempts at a task
    ok    good  runs      no run has ended yet
    ok    good  fallback  none: where its quota or login ends, its tasks wait
    ----- stderr -----
    error: a trial talks to the providers and costs a few tokens, and nobody is here to say yes
      next: ai agent doctor --try --yes
    ");
    assert!(!scene.base().join("where").exists());
    let outcome = scene.ai(&["agent", "doctor", "--try", "--yes", "--json"]);
    snapshot!(mask_also(&outcome, &[(r"after \d+s", "after [N]s")]));
    let lines: Vec<Value> = outcome
        .json_lines()
        .into_iter()
        .filter(|line| line["check"] == "trial")
        .collect();
    let found: Vec<(&str, &str)> = lines
        .iter()
        .map(|line| {
            (
                line["agent"].as_str().unwrap(),
                line["class"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(found, agents.map(|(name, _, class)| (name, class)));
    let worked_in = std::fs::read_to_string(scene.base().join("where")).unwrap();
    let trials = scene.root().join(".git/ai/trials");
    let worked_in = Path::new(worked_in.trim());
    assert!(worked_in.starts_with(&trials), "{worked_in:?}");
    assert!(!worked_in.exists());
    assert!(!scene.root().join(".git/ai/trials").exists());
    let after = (
        scene.ai_ok(&["log", "--json"]).stdout,
        scene.git(&["status", "--porcelain"]),
        scene.git(&["for-each-ref"]),
    );
    assert_eq!(before, after);
    let home = format!("HOME={}", scene.base().join("home").display());
    assert_eq!(with_mark(home.as_bytes()), [""; 0], "processes are left");
    assert_eq!(
        scene
            .ai(&["agent", "doctor", "good", "--try", "--yes"])
            .code,
        Some(0)
    );
}

/// What is said of one thing about the agents, a line a finding: `agent level: text -> next`.
fn said(outcome: &Outcome, checks: &[&str]) -> String {
    let findings = outcome.json_lines();
    let of_them = findings
        .iter()
        .filter(|finding| checks.iter().any(|check| finding["check"] == *check));
    let word = |value: &Value| value.as_str().unwrap_or("nothing").to_owned();
    let line = |finding: &Value| {
        let [agent, level, text, next] =
            ["agent", "level", "text", "next"].map(|key| word(&finding[key]));
        format!("{agent} {level}: {text} -> {next}\n")
    };
    of_them.map(line).collect()
}

#[test]
fn a_login_is_looked_for_where_the_agent_would_find_one() {
    let scene = parrot("1.4.0");
    scene.ai_ok(&["trust"]);
    scene.ai_ok(&["agent", "register", "bird", "--connector", "parrot"]);
    let found = |key: &str| {
        let mut doctor = scene.ai_command(&["agent", "doctor", "--json"]);
        said(&run(doctor.env("PARROT_API_KEY", key)), &["login"])
    };
    let without = found("");
    let by_key = found("k");
    std::fs::create_dir(scene.base().join("home/.parrot")).unwrap();
    let in_home = found("");
    snapshot!(without + &by_key + &in_home, @r"
    bird warn: none was found in your home, and none of PARROT_API_KEY is set -> log in with `parrot`, set PARROT_API_KEY, or name a credential (.ai/credentials.yaml)
    bird ok: PARROT_API_KEY is set -> nothing
    bird ok: [PATH]/home/.parrot is there; only its provider can say whether it holds -> nothing
    ");
}

#[test]
fn a_credential_is_looked_at_once_it_is_trusted() {
    let scene = parrot("1.4.0");
    scene.ai_ok(&["agent", "register", "bird", "--connector", "parrot"]);
    let agent = scene.read(".ai/agents/bird.yaml");
    scene.write(
        ".ai/agents/bird.yaml",
        format!("{agent}credentials: [work]\n"),
    );
    scene.write(
        ".ai/credentials.yaml",
        "version: 1\ncredentials:\n  work: {provider: anthropic, env: WORK_KEY_OF_MINE}\n",
    );
    let found = |key: &str| {
        let mut doctor = scene.ai_command(&["agent", "doctor", "--json"]);
        said(&run(doctor.env("WORK_KEY_OF_MINE", key)), &["login"])
    };
    let untrusted = found("k3y-of-mine");
    scene.ai_ok(&["trust"]);
    snapshot!(untrusted + &found("") + &found("k3y") + &found("k3y-of-mine"), @r"
    bird warn: its credentials are not looked at before you trust them -> ai trust --show
    bird bad: credential `work`: the variable WORK_KEY_OF_MINE is not set -> mend it, then do it again; `ai doctor` looks at everything that `ai` stands on
    bird bad: credential `work`: it is shorter than 6 bytes and could not be kept out of the logs -> mend it, then do it again; `ai doctor` looks at everything that `ai` stands on
    bird ok: credential work can be read -> nothing
    ");
}

#[test]
fn what_earlier_runs_came_to_is_told_with_the_pause_that_it_brought() {
    let scene = Sandbox::project();
    for (name, script) in [
        ("good", GOOD),
        ("later", "cat >/dev/null; exit 75"),
        (
            "locked",
            "cat >/dev/null; echo 'error: invalid api key' >&2; exit 1",
        ),
        ("sick", "cat >/dev/null; exit 3"),
    ] {
        scene.add_agent(name, script);
    }
    scene.configure(CONFIG);
    for name in ["good", "later", "locked", "sick", "sick"] {
        let id = scene.task("One", &[]);
        scene.ai(&["run", &id, "--agent", name]);
    }
    let found = scene.ai(&["agent", "doctor", "--json"]);
    let found = said(&found, &["pause", "runs"]);
    let left = regex::Regex::new(r"asked again in [^;]+;").unwrap();
    snapshot!(left.replace(&found, "asked again in [LEFT];"), @r"
    good ok: the last, [RUN], ended ready for review -> nothing
    later warn: its provider wants to be asked again in [LEFT]; nothing is given to it until then -> wait, or `ai agent register later --connector command --replace --fallback NAME`
    later ok: the last, [RUN], ended retry uncounted -> nothing
    locked bad: its login was refused in run [RUN]; it is left alone for another [LEFT] -> log in with its own program, then `ai run TASK --agent locked`
    locked ok: the last, [RUN], ended environment -> nothing
    sick warn: 2 failed in a row, [RUN] the last of them -> ai review [TASK]
    ");
}

#[test]
fn the_sandbox_that_an_agent_would_get_is_told() {
    let scene = parrot("1.4.0");
    scene.ai_ok(&["trust"]);
    scene.ai_ok(&["agent", "register", "bird", "--connector", "parrot"]);
    let found = |wish: &str| {
        let mut doctor = scene.ai_command(&["agent", "doctor", "--json"]);
        said(&run(doctor.env("AI_SANDBOX", wish)), &["sandbox"])
    };
    for layer in crate::sandbox::layers() {
        assert_eq!(
            found(layer),
            format!("bird ok: {layer}, network on -> nothing\n")
        );
    }
    snapshot!(found("none"), @"bird warn: none, as you asked: it may do whatever you may -> take AI_SANDBOX=none, or `sandbox: none` in .ai/config.yaml, away");
}

#[test]
fn fallbacks_that_take_nothing_over_are_named() {
    let scene = Sandbox::project();
    scene.add_agent("one", "true");
    scene.add_agent("two", "true");
    scene.configure("version: 1\nrouter: {fallback: {one: [two]}}\n");
    let found = || {
        said(
            &scene.ai(&["agent", "doctor", "--json"]),
            &["file", "fallback"],
        )
    };
    let usable = found();
    let two = scene.read(".ai/agents/two.yaml");
    let disabled = two.replace("enabled: true", "enabled: false");
    scene.write(".ai/agents/two.yaml", disabled);
    snapshot!(usable + &found(), @r"
    one ok: connector command, the CLI's own model -> nothing
    one ok: two -> nothing
    two ok: connector command, the CLI's own model -> nothing
    two ok: none: where its quota or login ends, its tasks wait -> nothing
    one ok: connector command, the CLI's own model -> nothing
    one warn: names `two`, which is disabled -> ai agent list
    two warn: disabled, so it is never chosen -> set `enabled: true` in .ai/agents/two.yaml, then `ai trust`
    two ok: none: where its quota or login ends, its tasks wait -> nothing
    ");
}

/// A project with three CLIs that lie where a sandbox shows nothing: behind a wrapper that names the
/// home, in a tree of packages, and behind an interpreter of its own.
fn out_of_sight() -> Sandbox {
    let scene = Sandbox::project();
    let base = scene.base();
    let program = |path: &str, first: &str, script: &str| {
        let path = base.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!{first}\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
    };
    let works = ". \"$(dirname \"$(readlink -f \"$0\")\")/lib/version\"; test \"$1\" != --version || { echo $V; exit; }\n\
                 cat >/dev/null; echo work > work.txt; echo done";
    let home = base.join("home").display().to_string();
    program(
        "bin/wrapped",
        "/bin/sh",
        &format!("exec {home}/opt/tool/real \"$@\""),
    );
    program("home/opt/tool/real", "/bin/sh", works);
    program("home/opt/tool/lib/version", "", "V=1.2.0");
    program("home/far/lib/node_modules/packaged/cli", "/bin/sh", works);
    program(
        "home/far/lib/node_modules/packaged/lib/version",
        "",
        "V=1.2.0",
    );
    let cli = "../home/far/lib/node_modules/packaged/cli";
    std::os::unix::fs::symlink(cli, base.join("bin/packaged")).unwrap();
    let interpreter = format!("{home}/venvs/a/bin/interpreter");
    program(
        "bin/interpreted",
        &interpreter,
        "test \"$1\" != --version || { echo 1.2.0; exit; }\ncat >/dev/null; echo work > work.txt",
    );
    program(
        "home/venvs/a/bin/interpreter",
        "/bin/sh",
        ". \"$(dirname \"$0\")/../lib\"\nexec /bin/sh \"$@\"",
    );
    program("home/venvs/a/lib", "", "");
    for name in ["wrapped", "packaged", "interpreted"] {
        let manifest = MANIFEST
            .replace("parrot", name)
            .replace("login: [.parrot]\n", "")
            .replace("codex-json", "text")
            .replace(", --json]", "]");
        scene.write(format!(".ai/connectors/{name}.yaml"), manifest);
    }
    scene.configure(CONFIG);
    for name in ["wrapped", "packaged", "interpreted"] {
        scene.ai_ok(&["agent", "register", name, "--connector", name]);
    }
    scene.configure(CONFIG);
    scene
}

/// Claude Code as it meets root outside of a sandbox, in its own words.
const REFUSES_ROOT: &str = "test \"$1\" != --version || { echo '2.1.329 (Claude Code)'; exit; }
cat >/dev/null
test -n \"$IS_SANDBOX\" || { echo '--dangerously-skip-permissions cannot be used with root/sudo privileges for security reasons' >&2; exit 1; }
echo work > work.txt
echo '{\"type\":\"system\",\"subtype\":\"init\",\"session_id\":\"s-1\",\"model\":\"m\"}'
echo '{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"done\",\"permission_denials\":[]}'";

#[test]
fn root_is_told_what_claude_code_refuses_to_it_outside_of_a_sandbox() {
    let scene = Scene::new().build();
    scene.program("bin/claude", REFUSES_ROOT);
    let argv = ["--", "--dangerously-skip-permissions"];
    let register = [
        "agent",
        "register",
        "claude-code",
        "--connector",
        "claude-code",
    ];
    scene.ai_ok(&[&register[..], &argv].concat());
    let told = |sandbox: &str, handed: &str| {
        let mut command = scene.ai_command(&["agent", "doctor", "--json"]);
        let outcome = run(command.env("AI_SANDBOX", sandbox).env("IS_SANDBOX", handed));
        said(&outcome, &["root"])
    };
    let is_root = rustix::process::geteuid().is_root();
    let refused = told("none", "");
    if !is_root {
        assert_eq!(refused, "");
        return;
    }
    snapshot!(refused, @"claude-code bad: its program refuses `--dangerously-skip-permissions` to root outside of a sandbox, so it ends at once -> work as an ordinary user, or let it have its sandbox (no `sandbox: none`); in a container that is thrown away, set IS_SANDBOX=1 and hand it on: `ai agent register claude-code --replace --env IS_SANDBOX`");
    // A variable that is not handed on is none.
    assert_eq!(told("none", "1"), refused);
    // A run says the same sentence.
    scene.configure(CONFIG);
    let id = scene.task("One", &[]);
    let path = format!("{}:/usr/bin:/bin", scene.base().join("bin").display());
    let within = |args: &[&str]| {
        let mut command = scene.ai_command(args);
        let command = command.env("AI_SANDBOX", "none").env("IS_SANDBOX", "1");
        run(command.env("PATH", &path))
    };
    snapshot!(within(&["run", &id]), @"
    exit: 1
    ----- stdout -----
    [RUN]  environment  blocked
      the machine or an account is not in order; nothing is held against the work: its program refuses `--dangerously-skip-permissions` to root outside of a sandbox, so it ends at once: work as an ordinary user, or let it have its sandbox (no `sandbox: none`); in a container that is thrown away, set IS_SANDBOX=1 and hand it on: `ai agent register claude-code --replace --env IS_SANDBOX`
    ----- stderr -----
    run [RUN]: claude-code on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    ");
    assert_eq!(scene.show(&id).get("attempts"), None);
    scene.ai_ok(&[
        "agent",
        "register",
        "claude-code",
        "--replace",
        "--env",
        "IS_SANDBOX",
    ]);
    assert_eq!(told("none", "1"), "");
    assert_eq!(told("auto", ""), "");
    scene.configure(CONFIG);
    scene.ai_ok(&["task", "unhold", &id]);
    let ended = within(&["run", &id]);
    assert_eq!(ended.code, Some(0), "{ended}");
}

#[test]
fn a_program_that_its_sandbox_hides_is_told_by_the_doctor_and_by_the_run() {
    for layer in crate::sandbox::layers() {
        let scene = out_of_sight();
        let path = format!("{}:/usr/bin:/bin", scene.base().join("bin").display());
        let within = |args: &[&str]| {
            let mut command = scene.ai_command(args);
            run(command.env("AI_SANDBOX", layer).env("PATH", &path))
        };
        let doctor = || {
            let told = said(
                &within(&["agent", "doctor", "--json"]),
                &["start", "version"],
            );
            // What is not there for one layer, another forbids.
            told.replace("126", "127")
                .replace("Permission denied", "not found")
        };
        snapshot!(doctor(), @"
        interpreted ok: 1.2.0; the connector was tried with 1.2.0 -> nothing
        interpreted ok: its program starts in that sandbox -> nothing
        packaged ok: 1.2.0; the connector was tried with 1.2.0 -> nothing
        packaged ok: its program starts in that sandbox -> nothing
        wrapped ok: 1.2.0; the connector was tried with 1.2.0 -> nothing
        wrapped bad: its program does not start in that sandbox: exit code 127: [PATH]/bin/wrapped: 2: exec: [PATH]/home/opt/tool/real: not found -> add ~/opt/tool to `allow_read` below `runs:` in .ai/config.yaml, then `ai trust`
        ");
        let id = scene.task("One", &[]);
        let told = within(&["run", &id, "--agent", "wrapped"]);
        snapshot!(told.stdout, @"
        [RUN]  environment  blocked
          the machine or an account is not in order; nothing is held against the work: its program did not start, since its sandbox hides ~/opt/tool from it: add ~/opt/tool to `allow_read` below `runs:` in .ai/config.yaml, then `ai trust`; `ai agent doctor` shows whether that is enough
        ");
        assert_eq!(
            scene.show(&id).get("attempts"),
            None,
            "{layer}: it cost an attempt"
        );
        for agent in ["packaged", "interpreted"] {
            let id = scene.task("Two", &[]);
            let told = within(&["run", &id, "--agent", agent]);
            assert_eq!(told.code, Some(0), "{layer}: {told}");
        }
        let allowed = CONFIG.replace("grace: 1s", "grace: 1s, allow_read: [~/opt/tool]");
        scene.configure(&allowed);
        assert!(doctor().ends_with("wrapped ok: its program starts in that sandbox -> nothing\n"));
        scene.ai_ok(&["task", "unhold", &id]);
        let told = within(&["run", &id, "--agent", "wrapped"]);
        assert_eq!(told.code, Some(0), "{layer}: {told}");
    }
}

#[test]
fn a_version_is_asked_for_once() {
    let scene = parrot("1.4.0");
    scene.ai_ok(&["trust"]);
    scene.ai_ok(&["agent", "register", "bird", "--connector", "parrot"]);
    let asked = || {
        std::fs::read_to_string(scene.base().join("asked"))
            .unwrap()
            .lines()
            .count()
    };
    for args in [
        &["agent", "detect"][..],
        &["agent", "doctor"],
        &["agent", "detect"],
    ] {
        scene.ai_with_bin(args);
        assert_eq!(asked(), 1, "{args:?}");
    }
    // Another program of the same name.
    scene.program(
        "bin/parrot",
        "echo asked >>\"$BASE/asked\"; echo parrot 1.5.0",
    );
    let version = scene.ai_with_bin(&["agent", "detect", "--json"]).json()["version"].clone();
    assert_eq!((version, asked()), ("1.5.0".into(), 2));
}
