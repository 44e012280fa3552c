//! What a person sees of the registry: `ai agent register|show|list|detect` and the table of `ai
//! run --all`, whole.

use crate::snapshot;
use crate::support::runs::{CONFIG, GOOD};
use crate::support::scene::{Agent, Scene};
use crate::support::{self, Sandbox};

/// No line of data or talk may end in a blank.
#[track_caller]
fn trimmed(outcome: &support::Outcome) -> &support::Outcome {
    for line in outcome.stdout.lines().chain(outcome.stderr.lines()) {
        assert_eq!(line.trim_end(), line, "{outcome}");
    }
    outcome
}

#[test]
fn an_agent_is_shown_with_all_that_it_has() {
    let scene = Sandbox::project();
    let plain = scene.ai_ok(&[
        "agent",
        "register",
        "plain",
        "--connector",
        "command",
        "--",
        "sh",
        "-c",
        "cat; echo it's",
        "{prompt_file}",
    ]);
    snapshot!(trimmed(&plain), @"
    exit: 0
    ----- stdout -----
    plain  command  -
    ----- stderr -----
    ");
    let args = [
        "--model",
        "m-1",
        "--label",
        "fast",
        "--capability",
        "rust",
        "--fallback",
        "plain,other",
        "--env",
        "MY_FLAG",
    ];
    scene.ai_ok(
        &[
            &["agent", "register", "claude", "--connector", "claude-code"],
            &args[..],
        ]
        .concat(),
    );
    scene.write(
        ".ai/config.yaml",
        "version: 1\nrouter: {fallback: {claude: [third]}}\n",
    );
    // No CLI of the machine may be found.
    let shown = support::run(
        scene
            .ai_command(&["agent", "show", "claude"])
            .env("PATH", "/nowhere"),
    );
    snapshot!(trimmed(&shown));
    snapshot!(trimmed(&scene.ai(&["agent", "show", "plain"])));
    let json = scene.ai_json(&["agent", "show", "plain"]);
    assert_eq!(
        json["command"],
        serde_json::json!(["sh", "-c", "cat; echo it's", "{prompt_file}"])
    );
    crate::schemas::fits(&scene, "agent-line", &json);
}

#[test]
fn replacing_keeps_what_was_not_named_and_shows_the_difference() {
    let scene = Sandbox::project();
    let register = ["agent", "register", "one", "--connector", "command"];
    let more = [
        "--label",
        "fast",
        "--env",
        "KEY_A",
        "--fallback",
        "two",
        "--minutes",
        "7",
        "--",
        "sh",
        "x.sh",
    ];
    scene.ai_ok(&[&register[..], &more].concat());
    snapshot!(scene.ai(&[&register[..], &["--label", "slow"]].concat()), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: an agent named `one` is registered already
      next: `ai agent show one`, or give --replace
    ");
    let path = ".ai/agents/one.yaml";
    scene.write(
        path,
        format!("{}credentials: [ours]\nsandbox: auto\n", scene.read(path)),
    );
    scene.ai_ok(&["trust"]);
    let changed = scene.ai(&[
        "agent",
        "register",
        "one",
        "--replace",
        "--label",
        "slow",
        "--fallback",
        "",
        "--parallel",
        "2",
    ]);
    snapshot!(trimmed(&changed));
    let agent = scene.ai_json(&["agent", "show", "one"]);
    assert_eq!(
        (
            &agent["credentials"][0],
            &agent["sandbox"],
            &agent["limits"]["minutes"]
        ),
        (&"ours".into(), &"auto".into(), &7.into())
    );
    assert_eq!(agent["env_pass"][0], "KEY_A");
    assert_eq!(
        scene.ai(&["trust", "--show"]).code,
        Some(0),
        "the user's own change"
    );
    let other = scene.ai_json(&[
        "agent",
        "register",
        "one",
        "--connector",
        "codex",
        "--replace",
    ]);
    assert_eq!(
        (&other["argv"], &other["labels"][0]),
        (&serde_json::Value::Null, &"slow".into()),
        "{other}"
    );
    snapshot!(scene.ai(&["agent", "register", "nobody", "--replace"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: no agent named `nobody` is there to be changed
      next: give --connector to register it
    ");
}

#[test]
fn columns_stand_straight_with_any_name() {
    let scene = Sandbox::project();
    let names = ["a", "quite-a-long-name-for-an-agent"];
    for (name, label) in names.iter().zip(["速い,fast", "é"]) {
        scene.set_script(name, GOOD);
        let path = scene.base().join(format!("{name}.sh"));
        let script = ["--", "/bin/sh", path.to_str().unwrap()];
        scene.ai_ok(
            &[
                &[
                    "agent",
                    "register",
                    name,
                    "--connector",
                    "command",
                    "--label",
                    label,
                ],
                &script[..],
            ]
            .concat(),
        );
    }
    scene.configure(CONFIG);
    snapshot!(trimmed(&scene.ai(&["agent", "list"])));
    scene.task("日本語の題", &["--agent", names[0], "--priority", "0"]);
    scene.task("Plain", &["--agent", names[1]]);
    let mut all = scene.ai(&["run", "--all"]);
    all.stderr.clear();
    snapshot!(trimmed(&all));
    snapshot!(trimmed(&scene.ai(&["agent", "list"])));
    trimmed(&scene.ai(&["agent", "stats"]));
}

#[test]
fn what_a_command_wrote_is_trusted_and_what_somebody_else_wrote_is_not() {
    let scene = Sandbox::project();
    scene.add_agent("mine", GOOD);
    assert_eq!(scene.ai(&["trust", "--show"]).code, Some(0));
    // An edit by hand waits for trust, and the next command does not wave it through.
    scene.write(
        ".ai/config.yaml",
        "version: 1\nchecks: {unit: {run: 'true'}}\n",
    );
    scene.write(
        ".ai/agents/theirs.yaml",
        "name: theirs\nconnector: command\nargv: [sh, -c, evil]\n",
    );
    scene.add_agent("also", GOOD);
    scene.ai_ok(&["agent", "label", "theirs", "fast"]);
    let waiting: Vec<String> = scene
        .ai(&["trust", "--show", "--json"])
        .json_lines()
        .iter()
        .map(|c| c["path"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(waiting, ["agents/theirs.yaml", "config.yaml"]);
    let detected = support::run(
        scene
            .ai_command(&["agent", "detect"])
            .env("PATH", "/nowhere"),
    );
    // No connector waits for trust.
    snapshot!(detected, @"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    no AI CLI that a connector knows is on PATH; `ai agent register` takes any other command
    ");
    // Within a run, an agent changes no agent without a person's yes, and `ai` trusts nothing.
    let inside = support::run(
        scene
            .ai_command(&["agent", "label", "mine", "fast"])
            .env("AI_RUN", "t-00000000.1"),
    );
    assert_eq!(inside.code, Some(8), "{inside}");
    assert_eq!(
        scene.ai(&["trust", "--show", "--json"]).json_lines().len(),
        2
    );
}

/// Shows the settings in its home, keeps its login there, and makes a file of its own.
const AT_HOME: &str = r#"cat > /dev/null
cp "$FAKE_HOME/.fake/settings.json" settings.txt
echo renewed >> "$FAKE_HOME/.fake/login"
echo new > "$FAKE_HOME/.fake/new"
"#;

#[test]
fn a_cli_whose_settings_stand_in_its_home_alone_finds_ours_beneath_the_users() {
    let fake = || {
        let settings = "home: {env: FAKE_HOME, settings: {.fake/settings.json: '{\"telemetry\": true, \"update\": false}'}}\n";
        Agent::of_a_cli("fake", "text", AT_HOME).manifest(settings)
    };
    for mode in crate::sandbox::modes() {
        let login = "login: [.fake/, '.fake/settings.json:ro']\n";
        let sandbox = Scene::new()
            .check("true")
            .agent(fake().manifest(login))
            .build();
        let home = sandbox.base().join("home/.fake");
        let run = || {
            let id = sandbox.task("One", &[]);
            let mut command = sandbox.ai_command(&["run", &id]);
            let outcome = support::run(command.env("AI_SANDBOX", mode));
            assert_eq!(outcome.code, Some(0), "{mode}: {outcome}");
            let text = sandbox.file_at(&format!("ai/{id}/1"), "settings.txt");
            (outcome.stderr, serde_json::from_str(&text).ok())
        };
        let both =
            |telemetry, update| Some(serde_json::json!({"telemetry": telemetry, "update": update}));
        assert_eq!(run().1, both(true, false), "{mode}: no home yet");
        assert!(
            !home.exists(),
            "{mode}: something was made in the user's home"
        );
        std::fs::create_dir(&home).unwrap();
        let own = "{\"telemetry\": false} // mine\n";
        std::fs::write(home.join("settings.json"), own).unwrap();
        std::fs::write(home.join("login"), "in\n").unwrap();
        assert_eq!(run().1, both(false, false), "{mode}");
        let read = |name: &str| std::fs::read_to_string(home.join(name)).unwrap();
        assert_eq!(
            (read("settings.json").as_str(), read("login").as_str()),
            (own, "in\nrenewed\n"),
            "{mode}"
        );
        assert_eq!(
            std::fs::read_dir(&home).unwrap().count(),
            2,
            "{mode}: {home:?}"
        );
        std::fs::write(home.join("settings.json"), "{broken").unwrap();
        let (said, settings) = run();
        assert_eq!(settings, None::<serde_json::Value>, "{mode}: as it is");
        let warned = said.lines().filter(|line| line.starts_with("warning: "));
        assert_eq!(warned.count(), 1, "{mode}: {said}");
    }
}

/// A CLI of gemini's vocabulary that leaves its settings alone.
const UNHEEDING: &str = r#"cat > /dev/null
echo "Security Warning: Skipping system defaults file '/files/gemini.json': File '/files' is not owned by root (uid 0)." >&2
echo x > work.txt
echo '{"type":"init","session_id":"s","model":"m"}'
echo '{"type":"message","role":"assistant","content":"done"}'
echo '{"type":"result","status":"success","stats":{}}'
"#;

#[test]
fn a_cli_that_does_not_take_its_settings_is_told_in_the_review() {
    let fake = Agent::of_a_cli("fake", "gemini-stream-json", UNHEEDING)
        .manifest("patterns: {unheeded: ['\\bSkipping system (settings|defaults) file\\b']}\n");
    let sandbox = Scene::new().agent(fake).build();
    let id = sandbox.task("One", &[]);
    let outcome = sandbox.ai(&["run", &id, "--json"]);
    let report = outcome.json();
    snapshot!(report["warnings"][0].as_str().unwrap(), @"its program did not take the settings that `ai` gave it, and may send telemetry: Security Warning: Skipping system defaults file '/files/gemini.json': File '/files' is not owned by root (uid 0).");
    assert_eq!(outcome.code, Some(0), "{outcome}");
}
