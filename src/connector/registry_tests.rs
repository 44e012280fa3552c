use super::*;
use crate::connector::api::ConnectorError;
use crate::connector::launch::{LaunchPlan, LaunchRequest, Session, StdinSource};
use crate::connector::manifest::OutputFormat;
use crate::domain::agent::{Agent, Name};

fn agent(connector: &str, argv: &[&str]) -> Agent {
    let mut agent = Agent::new(Name::new("a").unwrap(), Name::new(connector).unwrap());
    agent.argv = argv.iter().map(|arg| (*arg).to_owned()).collect();
    agent.env_pass = vec!["EXTRA_KEY".into(), "HOME".into()];
    agent
}

fn request<'a>(agent: &'a Agent, prompt: &'a str, session: Session<'a>) -> LaunchRequest<'a> {
    LaunchRequest {
        agent,
        model: None,
        prompt,
        prompt_file: Path::new("/run/prompt.md"),
        worktree: Path::new("/tree"),
        run_dir: Path::new("/run"),
        session,
    }
}

fn launch(name: &str, request: &LaunchRequest<'_>) -> Result<LaunchPlan, ConnectorError> {
    Registry::shipped().get(name).unwrap().command(request)
}

fn words(plan: &LaunchPlan) -> String {
    plan.argv.iter().map(|arg| arg.to_str().unwrap()).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_shipped_manifest_is_valid() {
    let registry = Registry::shipped();
    assert_eq!(registry.broken(), []);
    let names: Vec<_> = registry.all().map(|c| c.describe().name.to_string()).collect();
    assert_eq!(names, SHIPPED.map(|(name, _)| name));
    assert_eq!(registry.get("claude").unwrap().describe().name.as_str(), "claude-code");
    assert!(registry.get("nope").is_none());
}

#[test]
fn claude_gets_its_prompt_on_stdin_and_no_telemetry() {
    let mut claude = agent("claude-code", &["--max-turns", "40"]);
    claude.model = Some("opus".into());
    let plan = launch("claude", &request(&claude, "-rf {model}", Session::New)).unwrap();
    let expected =
        "claude -p --output-format stream-json --verbose --permission-mode acceptEdits --model opus --max-turns 40";
    assert_eq!(words(&plan), expected);
    assert_eq!(plan.stdin, StdinSource::File("/run/prompt.md".into()));
    assert_eq!(plan.cwd, Path::new("/tree"));
    assert_eq!(plan.output, OutputFormat::ClaudeStreamJson);
    assert_eq!(plan.env_set, [("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC".to_owned(), "1".to_owned())]);
    assert!(["PATH", "ANTHROPIC_API_KEY", "EXTRA_KEY"].iter().all(|name| plan.env_pass.contains(&(*name).to_owned())));
    assert_eq!(plan.env_pass.iter().filter(|name| *name == "HOME").count(), 1);
    assert!(!plan.env_pass.iter().any(|name| name.starts_with("AI_") || name.starts_with("GIT_")));
}

#[test]
fn claude_sessions_are_named_and_resumed() {
    let claude = agent("claude-code", &[]);
    let line = |session| words(&launch("claude-code", &request(&claude, "p", session)).unwrap());
    assert!(line(Session::Named("u-u")).ends_with("--session-id u-u"));
    assert!(line(Session::Resume("u-u")).ends_with("--resume u-u"));
    let flag = launch("claude-code", &request(&claude, "p", Session::Resume("--dangerously-skip-permissions")));
    assert!(matches!(flag, Err(ConnectorError::NotAWord { what: "session id", .. })));
}

#[test]
fn a_command_runs_as_the_agent_wrote_it() {
    let own = agent("command", &["./go.sh", "--file={prompt_file}", "{worktree}", "{run_dir}", "{other} {a,b}"]);
    let plan = launch("command", &request(&own, "p", Session::New)).unwrap();
    assert_eq!(words(&plan), "./go.sh --file=/run/prompt.md /tree /run {other} {a,b}");
    assert_eq!(plan.stdin, StdinSource::File("/run/prompt.md".into()));
    let named = launch("command", &request(&own, "p", Session::Named("s"))).unwrap();
    assert_eq!(words(&named), words(&plan));
}

#[test]
fn what_cannot_be_started_is_said_before_it_is_tried() {
    let none = agent("command", &[]);
    assert!(matches!(launch("command", &request(&none, "p", Session::New)), Err(ConnectorError::NoCommand { .. })));
    let echo = agent("command", &["echo", "{prompt}"]);
    let most = "x".repeat((128 << 10) - 1);
    assert!(launch("command", &request(&echo, &most, Session::New)).is_ok());
    let long = format!("{most}x");
    let error = launch("command", &request(&echo, &long, Session::New)).unwrap_err();
    assert!(matches!(error, ConnectorError::ArgumentTooLong { bytes: 131_072, .. }), "{error}");
    assert_eq!(launch("command", &request(&echo, "\0", Session::New)), Err(ConnectorError::NulByte { index: 1 }));
    let model = agent("command", &["x", "-m", "{model}"]);
    let error = launch("command", &request(&model, "p", Session::New)).unwrap_err().to_string();
    assert_eq!(error, "argument `{model}` needs {model}, and this run has none");
}

#[test]
fn project_manifests_add_but_never_replace() {
    let dir = tempfile::tempdir().unwrap();
    let text = "version: 1\nname: NAME\ntitle: T\nargv: [mine, '{prompt}']\nprompt: arg\noutput: text\n";
    std::fs::write(dir.path().join("a.yaml"), text.replace("NAME", "claude")).unwrap();
    std::fs::write(dir.path().join("b.yaml"), "version: 1\n").unwrap();
    std::fs::write(dir.path().join("c.yaml"), text.replace("NAME", "mine")).unwrap();
    let mut registry = Registry::shipped();
    registry.add_dir(dir.path()).unwrap();
    let broken: Vec<_> = registry.broken().iter().map(ToString::to_string).collect();
    assert_eq!(broken.len(), 2);
    assert!(broken[0].contains("a.yaml: name: `claude` is taken"), "{broken:?}");
    assert!(broken[1].contains("b.yaml: missing field"), "{broken:?}");
    let own = agent("mine", &[]);
    let mine = registry.get("mine").unwrap();
    let plan = mine.command(&request(&own, "do {model}", Session::New)).unwrap();
    assert_eq!((words(&plan).as_str(), &plan.stdin), ("mine do {model}", &StdinSource::Null));
    let resume = mine.command(&request(&own, "p", Session::Resume("s")));
    assert_eq!(resume, Err(ConnectorError::NoResume { connector: "mine".into() }));
}
