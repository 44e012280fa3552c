use super::*;
use crate::connector::error::ConnectorError;
use crate::connector::launch::{LaunchPlan, LaunchRequest, SessionChoice};
use crate::connector::manifest::OutputFormat;
use crate::domain::action::Action;
use crate::domain::agent::{Agent, Name};
use crate::domain::agent_event::AgentEvent;
use crate::domain::decision::{Effect, Resource};
use crate::domain::facts::Facts;
use crate::domain::path_pattern::CaseMode;
use crate::domain::repo_path::RepoPath;
use crate::policy::{PACKS, PolicyState, Request, decide};
use crate::process::child_command::StdinSource;

/// The manifests that come with `ai`, in the order in which they are listed.
const NAMES: [&str; 17] = [
    "command",
    "claude-code",
    "codex",
    "gemini",
    "qwen",
    "opencode",
    "copilot",
    "cline",
    "pi",
    "gemini-acp",
    "qwen-acp",
    "opencode-acp",
    "copilot-acp",
    "aider",
    "openclaw",
    "nanobot",
    "agent-zero",
];

/// The text of a shipped manifest.
fn text(name: &str) -> String {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/connectors");
    std::fs::read_to_string(format!("{dir}/{name}.yaml")).unwrap()
}

/// What is built in is what stands in the files, rewritten by `make gen`.
#[test]
fn what_is_shipped_is_generated_from_the_manifests() {
    let read = |name: &str| Manifest::parse(name, &text(name)).unwrap();
    let all: Vec<Manifest> = NAMES.into_iter().map(read).collect();
    if std::env::var_os("AI_GENERATE").is_some() {
        let lines: Vec<String> = all
            .iter()
            .map(|manifest| serde_json::to_string(manifest).unwrap())
            .collect();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/connectors.json");
        std::fs::write(path, format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
        return;
    }
    let built_in: Vec<Manifest> = serde_json::from_str(SHIPPED).unwrap();
    assert_eq!(built_in, all);
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/connectors");
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), NAMES.len());
}

fn agent(connector: &str, argv: &[&str]) -> Agent {
    let mut agent = Agent::new(Name::new("a").unwrap(), Name::new(connector).unwrap());
    agent.argv = argv.iter().map(|arg| (*arg).to_owned()).collect();
    agent.env_pass = vec!["EXTRA_KEY".into(), "HOME".into()];
    agent
}

fn request<'a>(agent: &'a Agent, prompt: &'a str, session: SessionChoice<'a>) -> LaunchRequest<'a> {
    LaunchRequest {
        agent,
        model: None,
        prompt,
        prompt_file: Path::new("/run/prompt.md"),
        pipe: Path::new("/run/pipe"),
        worktree: Path::new("/tree"),
        run_dir: Path::new("/run"),
        files_dir: Path::new("/run/files"),
        home_dir: Path::new("/run/home"),
        session,
        program: None,
    }
}

fn launch(name: &str, request: &LaunchRequest<'_>) -> Result<LaunchPlan, ConnectorError> {
    ConnectorRegistry::shipped()
        .get(name)
        .unwrap()
        .command(request)
}

/// The prompt of [`request`] as standard input.
fn prompt() -> StdinSource {
    StdinSource::File("/run/prompt.md".into())
}

fn words(plan: &LaunchPlan) -> String {
    plan.command
        .argv
        .iter()
        .map(|arg| arg.to_str().unwrap())
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn every_shipped_manifest_is_valid() {
    let registry = ConnectorRegistry::shipped();
    assert_eq!(registry.broken(), []);
    let names: Vec<_> = registry
        .all()
        .map(|c| c.describe().name.to_string())
        .collect();
    assert_eq!(names, NAMES);
    assert_eq!(
        registry.get("claude").unwrap().describe().name.as_str(),
        "claude-code"
    );
    assert!(registry.get("nope").is_none());
    // The registry takes them unchecked: this is where they are checked.
    for (name, text) in NAMES.map(|name| (name, text(name))) {
        Manifest::parse(name, &text).unwrap();
    }
}

#[test]
fn claude_gets_its_prompt_on_stdin_and_no_telemetry() {
    let mut claude = agent("claude-code", &["--max-turns", "40"]);
    claude.model = Some("opus".into());
    let plan = launch(
        "claude",
        &request(&claude, "-rf {model}", SessionChoice::New),
    )
    .unwrap();
    let expected = "claude -p --output-format stream-json --verbose --permission-mode acceptEdits --model opus --max-turns 40";
    assert_eq!(words(&plan), expected);
    assert_eq!(plan.command.stdin, prompt());
    assert_eq!(plan.command.cwd, Path::new("/tree"));
    assert_eq!(plan.output, OutputFormat::ClaudeStreamJson);
    assert_eq!(
        plan.env_set,
        [(
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC".to_owned(),
            "1".into()
        )]
    );
    assert!(
        ["PATH", "ANTHROPIC_API_KEY", "EXTRA_KEY"]
            .iter()
            .all(|name| plan.env_pass.contains(&(*name).to_owned()))
    );
    assert_eq!(
        plan.env_pass.iter().filter(|name| *name == "HOME").count(),
        1
    );
    assert!(
        !plan
            .env_pass
            .iter()
            .any(|name| name.starts_with("AI_") || name.starts_with("GIT_"))
    );
}

#[test]
fn claude_sessions_are_resumed() {
    let claude = agent("claude-code", &[]);
    let line = |session| words(&launch("claude-code", &request(&claude, "p", session)).unwrap());
    assert!(line(SessionChoice::Resume("u-u")).ends_with("--resume u-u"));
    let flag = launch(
        "claude-code",
        &request(
            &claude,
            "p",
            SessionChoice::Resume("--dangerously-skip-permissions"),
        ),
    );
    assert!(matches!(
        flag,
        Err(ConnectorError::NotAWord {
            what: "session id",
            ..
        })
    ));
}

#[test]
fn a_session_gets_its_name_where_the_cli_tells_it_too_late() {
    let line = |name: &str| {
        words(
            &launch(
                name,
                &request(&agent(name, &["--own"]), "p", SessionChoice::Named("u-u")),
            )
            .unwrap(),
        )
    };
    assert!(
        line("copilot").ends_with("--own --session-id=u-u"),
        "{}",
        line("copilot")
    );
    assert!(
        line("claude-code").ends_with("--own"),
        "its own choice is heard in time"
    );
    let copilot = ConnectorRegistry::shipped();
    let mut parser = copilot.get("copilot").unwrap().parser();
    parser.named("u-u");
    let events = parser.line(br#"{"type":"session.tools_updated","data":{"model":"m"}}"#);
    assert!(
        matches!(&events[..], [AgentEvent::SessionStarted { session_id: Some(id), .. }] if id == "u-u"),
        "{events:?}"
    );
}

#[test]
fn a_command_runs_as_the_agent_wrote_it() {
    let own = agent(
        "command",
        &[
            "./go.sh",
            "--file={prompt_file}",
            "{worktree}",
            "{run_dir}",
            "{other} {a,b}",
        ],
    );
    let plan = launch("command", &request(&own, "p", SessionChoice::New)).unwrap();
    assert_eq!(
        words(&plan),
        "./go.sh --file=/run/prompt.md /tree /run {other} {a,b}"
    );
    assert_eq!(plan.command.stdin, prompt());
}

#[test]
fn what_cannot_be_started_is_said_before_it_is_tried() {
    let none = agent("command", &[]);
    assert!(matches!(
        launch("command", &request(&none, "p", SessionChoice::New)),
        Err(ConnectorError::NoCommand { .. })
    ));
    let echo = agent("command", &["echo", "{prompt}"]);
    let most = "x".repeat((128 << 10) - 1);
    assert!(launch("command", &request(&echo, &most, SessionChoice::New)).is_ok());
    let long = format!("{most}x");
    let error = launch("command", &request(&echo, &long, SessionChoice::New)).unwrap_err();
    assert!(
        matches!(
            error,
            ConnectorError::ArgumentTooLong { bytes: 131_072, .. }
        ),
        "{error}"
    );
    assert_eq!(
        launch("command", &request(&echo, "\0", SessionChoice::New)),
        Err(ConnectorError::NulByte { index: 1 })
    );
    let model = agent("command", &["x", "-m", "{model}"]);
    let error = launch("command", &request(&model, "p", SessionChoice::New))
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "argument `{model}` needs {model}, and this run has none"
    );
}

#[test]
fn project_manifests_add_but_never_replace() {
    let dir = tempfile::tempdir().unwrap();
    let text =
        "version: 1\nname: NAME\ntitle: T\nargv: [mine, '{prompt}']\nprompt: arg\noutput: text\n";
    std::fs::write(dir.path().join("a.yaml"), text.replace("NAME", "claude")).unwrap();
    std::fs::write(dir.path().join("b.yaml"), "version: 1\n").unwrap();
    std::fs::write(dir.path().join("c.yaml"), text.replace("NAME", "mine")).unwrap();
    let mut registry = ConnectorRegistry::shipped();
    registry.add_dir(dir.path()).unwrap();
    let broken: Vec<_> = registry.broken().iter().map(ToString::to_string).collect();
    assert_eq!(broken.len(), 2);
    assert!(
        broken[0].contains("a.yaml: name: `claude` is taken"),
        "{broken:?}"
    );
    assert!(broken[1].contains("b.yaml: missing field"), "{broken:?}");
    let own = agent("mine", &[]);
    let mine = registry.get("mine").unwrap();
    let plan = mine
        .command(&request(&own, "do {model}", SessionChoice::New))
        .unwrap();
    assert_eq!(
        (words(&plan).as_str(), &plan.command.stdin),
        ("mine do {model}", &StdinSource::Null)
    );
    let resume = mine.command(&request(&own, "p", SessionChoice::Resume("s")));
    assert_eq!(
        resume,
        Err(ConnectorError::NoResume {
            connector: "mine".into()
        })
    );
}

/// The whole command line of each CLI, so that a changed flag is seen.
#[test]
fn every_cli_is_started_headless_with_its_prompt_and_fence() {
    let line = |name: &str| {
        let mut one = agent(name, &["--own"]);
        one.model = Some("m".into());
        let plan = launch(name, &request(&one, "p", SessionChoice::Resume("s"))).unwrap();
        format!(
            "{}{}",
            words(&plan),
            if plan.command.stdin == StdinSource::Null {
                " <none"
            } else {
                " <prompt"
            }
        )
    };
    let codex = "codex exec --json --sandbox workspace-write -c analytics.enabled=false -c check_for_update_on_startup=false \
                 -c features.plugins=false -c features.apps=false -m m --own resume s - <prompt";
    assert_eq!(line("codex"), codex);
    for (name, expected) in [
        (
            "gemini",
            "gemini -o stream-json --skip-trust --approval-mode yolo -m m --own --resume s <prompt",
        ),
        (
            "qwen",
            "qwen -o stream-json --approval-mode yolo -m m --own --resume s <prompt",
        ),
        (
            "opencode",
            "opencode run --format json -m m --own --session s <prompt",
        ),
        (
            "copilot",
            "copilot --output-format json --allow-all-tools --no-auto-update --no-color --model m --own --resume=s <prompt",
        ),
        (
            "pi",
            "pi --mode json -p --model m --own --session s <prompt",
        ),
    ] {
        assert_eq!(line(name), expected);
    }
    let mut cline = agent("cline", &["--own"]);
    cline.model = Some("m".into());
    let plan = launch("cline", &request(&cline, "p", SessionChoice::New)).unwrap();
    assert_eq!(
        (words(&plan).as_str(), &plan.command.stdin),
        ("cline --json p -m m --own", &StdinSource::Null)
    );
    let resumed = launch("cline", &request(&cline, "p", SessionChoice::Resume("s")));
    assert_eq!(
        resumed,
        Err(ConnectorError::NoResume {
            connector: "cline".into()
        })
    );
    let one = agent("aider", &["src/a.rs"]);
    let plan = launch("aider", &request(&one, "p", SessionChoice::New)).unwrap();
    assert!(
        words(&plan).ends_with("--map-tokens 0 --message-file /run/prompt.md src/a.rs"),
        "{}",
        words(&plan)
    );
    assert_eq!(plan.command.stdin, StdinSource::Null);
}

#[test]
fn settings_for_which_there_is_only_a_home_are_given_in_one() {
    use crate::connector::launch::HomeOrigin;
    use crate::domain::agent::Home;
    for name in ["gemini", "gemini-acp"] {
        let mut gemini = agent(name, &[]);
        for (home, origin) in [
            (None, HomeOrigin::User),
            (Some(Home::User), HomeOrigin::User),
            (Some(Home::Run), HomeOrigin::Empty),
        ] {
            gemini.home = home;
            let plan = launch(name, &request(&gemini, "p", SessionChoice::New)).unwrap();
            assert_eq!(plan.home_origin, origin, "{name} {home:?}");
            let place = plan.home.unwrap();
            assert!(
                plan.env_set
                    .contains(&("GEMINI_CLI_HOME".to_owned(), place.into())),
                "{name} {home:?}"
            );
            assert_eq!(plan.files, []);
        }
        let known = ConnectorRegistry::shipped();
        let manifest = known.get(name).unwrap().describe();
        let settings = &manifest.home.as_ref().unwrap().settings[".gemini/settings.json"];
        let settings: serde_json::Value = serde_json::from_str(settings).unwrap();
        assert_eq!(settings["privacy"]["usageStatisticsEnabled"], false);
    }
}

#[test]
fn an_agent_chooses_a_home_of_its_own_for_each_run() {
    use crate::domain::agent::Home;
    let with = |connector: &str, home| {
        let mut one = agent(connector, &[]);
        one.home = home;
        launch(connector, &request(&one, "p", SessionChoice::New))
    };
    let own = with("codex", Some(Home::Run)).unwrap();
    assert_eq!(own.home.as_deref(), Some(Path::new("/run/home")));
    assert!(
        own.env_set
            .contains(&("CODEX_HOME".to_owned(), "/run/home".into()))
    );
    for home in [None, Some(Home::User)] {
        let users = with("codex", home).unwrap();
        assert_eq!(
            (users.home, users.env_set),
            (None, vec![]),
            "the login stays where it is"
        );
    }
    assert!(words(&with("cline", Some(Home::Run)).unwrap()).ends_with("--data-dir /run/home"));
    assert_eq!(words(&with("cline", None).unwrap()), "cline --json p");
    assert_eq!(
        with("opencode", Some(Home::Run)),
        Err(ConnectorError::NoHome {
            connector: "opencode".into()
        })
    );
}

#[test]
fn the_program_that_detection_found_is_started() {
    let codex = agent("codex", &[]);
    let mut request = request(&codex, "p", SessionChoice::New);
    request.program = Some(Path::new("/opt/codex"));
    assert!(words(&launch("codex", &request).unwrap()).starts_with("/opt/codex exec --json"));
}

#[test]
fn what_nobody_has_tried_says_so() {
    let registry = ConnectorRegistry::shipped();
    let untried = registry
        .all()
        .map(|c| c.describe())
        .filter(|m| m.tested_with.is_none() && m.name.as_str() != "command");
    assert_eq!(
        untried.map(|m| m.name.to_string()).collect::<Vec<_>>(),
        ["openclaw", "nanobot", "agent-zero"]
    );
}

#[test]
fn a_cli_gets_the_same_whichever_way_it_is_talked_to() {
    let registry = ConnectorRegistry::shipped();
    for name in ["gemini", "qwen", "opencode", "copilot"] {
        let plain = registry.get(name).unwrap().describe();
        let asking = registry.get(&format!("{name}-acp")).unwrap().describe();
        assert_eq!(
            (&asking.login, &asking.files, &asking.home),
            (&plain.login, &plain.files, &plain.home),
            "{name}"
        );
        // What it asks about is not the user's to change.
        let passed = plain
            .env_pass
            .iter()
            .filter(|name| *name != "OPENCODE_PERMISSION");
        assert_eq!(
            asking.env_pass.iter().collect::<Vec<_>>(),
            passed.collect::<Vec<_>>(),
            "{name}"
        );
        assert!(
            plain
                .env_set
                .iter()
                .all(|(key, value)| asking.env_set.get(key) == Some(value)),
            "{name}"
        );
        assert_eq!(
            (&asking.detect, &asking.context_files),
            (&None, &plain.context_files),
            "{name}"
        );
    }
}

#[test]
fn a_conversation_is_held_only_over_standard_input() {
    let manifest = |more: &str| {
        let text = format!("version: 1\nname: t\ntitle: T\noutput: acp\n{more}");
        Manifest::parse("t.yaml", &text)
            .map(drop)
            .map_err(|e| e.to_string())
    };
    assert_eq!(manifest("argv: [t]\nprompt: stdin"), Ok(()));
    assert_eq!(
        manifest("prompt: stdin"),
        Err("connector t.yaml: output: `acp` needs argv".to_owned())
    );
    let twice = "connector t.yaml: prompt: `acp` gives it within the conversation; use `stdin`";
    assert_eq!(
        manifest("argv: [t, '{prompt}']\nprompt: arg"),
        Err(twice.to_owned())
    );
}

#[test]
fn only_who_speaks_the_protocol_is_talked_to() {
    let pipe = StdinSource::Talk("/run/pipe".into());
    let registry = ConnectorRegistry::shipped();
    for connector in registry.all() {
        let one = agent(connector.describe().name.as_str(), &["x"]);
        let asked = request(&one, "p", SessionChoice::New);
        let talks = connector.describe().output == OutputFormat::Acp;
        assert_eq!(
            connector.dialogue(&asked).is_some(),
            talks,
            "{}",
            one.connector
        );
        assert_eq!(
            connector.command(&asked).unwrap().command.stdin == pipe,
            talks,
            "{}",
            one.connector
        );
    }
}

/// What each CLI of a manifest reads in a project: its instructions, its skills, and whatever stands
/// in a directory of the name that its settings have in a home.
fn own_files(manifest: &Manifest) -> Vec<String> {
    let dirs = manifest.login.iter().filter_map(|path| {
        let name = path.split([':', '/']).next()?;
        let for_all = [".config", ".local", ".cache"].contains(&name);
        (!for_all && name.starts_with('.')).then(|| {
            if name.ends_with("yml") {
                name.to_owned()
            } else {
                format!("{name}/settings.json")
            }
        })
    });
    let skills = manifest
        .skill_dirs
        .iter()
        .map(|dir| format!("{dir}/any/SKILL.md"));
    manifest
        .context_files
        .iter()
        .cloned()
        .chain(skills)
        .chain(dirs)
        .filter(|path| !path.starts_with(".aider/") && !path.starts_with(".claude.json"))
        .collect()
}

#[test]
fn every_pack_wants_a_person_for_what_agents_run_at_their_next_start() {
    let registry = ConnectorRegistry::shipped();
    let mut paths: Vec<String> = registry
        .all()
        .flat_map(|connector| own_files(connector.describe()))
        .collect();
    // What no manifest names: no CLI that is driven reads it first, or only in a project.
    paths.extend(
        [
            ".mcp.json",
            ".vscode/mcp.json",
            ".claude/settings.local.json",
            ".claude/hooks/a.sh",
            ".claude/agents/a.md",
            ".claude/commands/a.md",
            ".github/hooks/a.json",
            ".github/instructions/a.instructions.md",
            ".cursor/rules/a.mdc",
            ".cursorrules",
            ".windsurfrules",
            ".clinerules",
            ".clinerules/a.md",
            "opencode.json",
            "opencode.jsonc",
        ]
        .map(str::to_owned),
    );
    let nested: Vec<String> = paths.iter().map(|path| format!("a/b/{path}")).collect();
    let mut wrong = Vec::new();
    for pack in PACKS {
        let state = PolicyState::from_bytes(Some(pack.text.as_bytes()), "policy.yaml");
        for path in paths.iter().chain(&nested) {
            for action in [Action::Edit, Action::RunFinish, Action::Commit] {
                let effect = of_an_agent(&state, action, path, CaseMode::Sensitive);
                if effect != Effect::RequireApproval {
                    wrong.push((pack.name, path.clone(), action, effect));
                }
            }
        }
        // Where names that differ in case only are one file, so is this one.
        let other = ".Claude/Settings.json";
        assert_eq!(
            of_an_agent(&state, Action::RunFinish, other, CaseMode::Folding),
            Effect::RequireApproval,
            "{}",
            pack.name
        );
    }
    assert_eq!(wrong, []);
}

/// What a policy says to an agent's change of one path.
fn of_an_agent(state: &PolicyState, action: Action, path: &str, path_case: CaseMode) -> Effect {
    let resource = Resource {
        paths: vec![RepoPath::from(path)],
        ..Resource::default()
    };
    let facts = Facts {
        path_case,
        diff_lines: Some(1),
        diff_files: Some(1),
        outside_paths: Some(Vec::new()),
        findings: Some(Vec::new()),
        ..Facts::default()
    };
    let request = Request {
        action,
        actor: &"agent:codex".parse().unwrap(),
        resource: &resource,
        facts: &facts,
    };
    decide(state, &request).effect
}
