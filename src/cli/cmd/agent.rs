//! `ai agent register|list|show|label|remove|detect|doctor`, and their short forms `ai register`,
//! `ai list`, `ai label`.

use clap::{Args, Subcommand};

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::env;
use crate::base::text::{flowing, one_line, shell_words};
use crate::cli::answer::AgentLine;
use crate::cli::cmd::agent_stats::{self, Fares};
use crate::cli::cmd::{agent_detect, agent_doctor};
use crate::cli::context::{Context, Outcome};
use crate::config::{Config, Trees};
use crate::connector::api::Connector;
use crate::connector::manifest::Manifest;
use crate::domain::agent::{Agent, Home, Name};
use crate::domain::agent_change::AgentChange;
use crate::domain::mode::AgentMode;
use crate::git::diff::{file_diff, unified};
use crate::ops::agents::{self, Taken};
use crate::ops::cx::commit;
use crate::ops::needs_you::{self, Need};
use crate::ops::{check, project, prove, route};
use crate::policy::{self, Shown, ShownBounds};
use crate::store::Access;

/// Register, list and change agents
#[derive(Subcommand)]
pub(in crate::cli) enum AgentCommand {
    /// Register an agent: a connector with its model, labels and limits
    Register(RegisterArgs),
    /// List the agents: what they are, what they are at work on, how they fare
    List(AgentListArgs),
    /// Show how often agents succeed, how long they take and what they cost, by type of task
    Stats(agent_stats::StatsArgs),
    /// Show one agent
    Show(AgentNameArgs),
    /// Add or remove labels of an agent
    Label(LabelArgs),
    /// Remove an agent; its runs and evidence stay
    Remove(AgentNameArgs),
    /// Find the AI CLIs that are installed, by asking each for its version
    Detect(agent_detect::DetectArgs),
    /// Look whether each agent could do a run: program, version, login, sandbox, trust, limits,
    /// fallback
    Doctor(agent_doctor::AgentDoctorArgs),
}

#[derive(Args)]
pub(in crate::cli) struct RegisterArgs {
    /// Name of the agent
    name: String,
    /// How to drive it: `command` for any program, `claude-code`, `codex` and others, or one of
    /// `.ai/connectors/`
    #[arg(long, short, value_name = "C", required_unless_present = "replace")]
    connector: Option<String>,
    /// Model, in the connector's own words
    #[arg(long, short, value_name = "M")]
    model: Option<String>,
    /// A label for filters and routing; repeat or separate by commas
    #[arg(long, short, value_name = "L", value_delimiter = ',')]
    label: Option<Vec<String>>,
    /// What it is able to do, such as rust or review
    #[arg(long, value_name = "WORD", value_delimiter = ',')]
    capability: Option<Vec<String>>,
    /// A variable of your environment that it gets, besides the usual ones and those that its
    /// connector names
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    env: Option<Vec<String>>,
    /// Where the CLI keeps login, sessions and settings: with the user, or in a directory of each
    /// run, without a login
    #[arg(long, value_name = "WHERE", value_parser = home)]
    home: Option<Home>,
    /// The upper bound on all that it may do: `normal`, `safe` (files are changed, and nothing else),
    /// or `analysis_only` (nothing is changed)
    #[arg(long, value_name = "MODE")]
    mode: Option<AgentMode>,
    /// The only tools that it may call, by globs over the names that its CLI gives them
    #[arg(long, value_name = "TOOL", value_delimiter = ',')]
    allow_tool: Option<Vec<String>>,
    /// Tools that it may not call
    #[arg(long, value_name = "TOOL", value_delimiter = ',')]
    deny_tool: Option<Vec<String>>,
    /// Longest run in minutes
    #[arg(long, value_name = "N")]
    minutes: Option<u32>,
    /// Runs at the same time
    #[arg(long, value_name = "N")]
    parallel: Option<u32>,
    /// Who takes over where it is out of quota or not logged in, in order; nobody else does
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    fallback: Option<Vec<String>>,
    /// Longest time without output in minutes
    #[arg(long, value_name = "N")]
    silence_minutes: Option<u32>,
    /// Change an agent of the same name: what is not named stays, and an empty text (`--fallback
    /// ""`) takes a list away
    #[arg(long)]
    replace: bool,
    /// The command line: `{prompt_file}` becomes the file with the prompt, which also comes on
    /// standard input
    #[arg(last = true, value_name = "ARGV")]
    argv: Vec<String>,
}

#[derive(Args)]
pub(in crate::cli) struct AgentListArgs {
    /// Only agents with this label
    #[arg(long, short, value_name = "L")]
    label: Option<String>,
}

#[derive(Args)]
pub(in crate::cli) struct AgentNameArgs {
    /// Name of the agent
    name: String,
}

#[derive(Args)]
pub(in crate::cli) struct LabelArgs {
    /// Name of the agent
    name: String,
    /// Labels to add; `-word` after `--` removes it
    #[arg(value_name = "LABEL")]
    labels: Vec<String>,
    /// Labels to remove
    #[arg(long, value_name = "LABEL", value_delimiter = ',')]
    remove: Vec<String>,
}

fn home(word: &str) -> Result<Home, String> {
    match word {
        "user" => Ok(Home::User),
        "run" => Ok(Home::Run),
        _ => Err("give `user` or `run`".to_owned()),
    }
}

pub(super) fn run(command: AgentCommand, context: &mut Context) -> Outcome {
    match command {
        AgentCommand::Register(args) => register(args, context),
        AgentCommand::List(args) => list(&args, context),
        AgentCommand::Stats(args) => agent_stats::run(&args, context),
        AgentCommand::Show(args) => show(&args, context),
        AgentCommand::Label(args) => label(&args, context),
        AgentCommand::Remove(args) => remove(&args, context),
        AgentCommand::Detect(args) => agent_detect::run(&args, context),
        AgentCommand::Doctor(args) => agent_doctor::run(&args, context),
    }
}

pub(super) fn register(args: RegisterArgs, context: &mut Context) -> Outcome {
    let root = context.workspace.root()?.to_owned();
    let common_dir = context.workspace.place()?.common_dir.clone();
    let taken = if args.replace {
        Taken::Change
    } else {
        Taken::Refuse
    };
    let (name, change) = change(args);
    may_change(&name, context)?;
    let done = agents::register((&root, &common_dir), &name, change, taken)?;
    match &done.before {
        Some(before) if *before == done.after => context.ui.say("nothing has changed"),
        Some(before) => {
            let diff = file_diff(Some(before.as_bytes()), Some(done.after.as_bytes()));
            let name = format!(".ai/agents/{}.yaml", done.agent.name);
            context.ui.say(unified(&name, &diff).trim_end());
        }
        None => {}
    }
    print(&done.agent, context);
    Ok(exit::OK)
}

/// Asks the policy, and tells what it warns of.
pub(super) fn may_change(name: &str, context: &mut Context) -> Result<(), AppError> {
    let cx = context.workspace.cx()?;
    let store = context.store(Access::Write)?;
    let warnings = commit(store, &cx, |tx, cx| agents::may_change(tx, cx, name))?;
    for warning in warnings {
        context.ui.warn(&warning);
    }
    Ok(())
}

/// The name and the change that the arguments describe.
fn change(args: RegisterArgs) -> (String, AgentChange) {
    let change = AgentChange {
        connector: args.connector,
        model: args.model,
        argv: args.argv,
        labels: args.label,
        capabilities: args.capability,
        env_pass: args.env,
        home: args.home,
        mode: args.mode,
        allow_tools: args.allow_tool,
        deny_tools: args.deny_tool,
        fallback: args.fallback,
        parallel: args.parallel,
        minutes: args.minutes,
        silence_minutes: args.silence_minutes,
    };
    (args.name, change)
}

pub(super) fn list(args: &AgentListArgs, context: &mut Context) -> Outcome {
    let files = agents::list(context.workspace.root()?)?;
    for broken in &files.broken {
        let told = format!("{broken}; correct it, then `ai agent list` again");
        context.ui.warn(&told);
    }
    let wanted = |agent: &&Agent| {
        args.label
            .as_ref()
            .is_none_or(|label| agent.labels.contains(label))
    };
    let fares = Fares::read(&files.agents, context)?;
    let state = project::policy(context.workspace.root()?, &Trees::none());
    let mode_of = |agent: &Agent| policy::show(&state, Some(agent.name.as_str())).mode;
    let found: Vec<&Agent> = files.agents.iter().filter(wanted).collect();
    if found.is_empty() {
        context.ui.say(agent_stats::none_listed(&files));
    }
    if context.ui.json() {
        let lines: Vec<AgentLine<'_>> = found
            .iter()
            .map(|agent| AgentLine {
                agent,
                status: fares.status(agent),
                cannot_start: fares.cannot_start(agent),
                mode_in_force: mode_of(agent),
                command: None,
            })
            .collect();
        context.ui.objects(&lines);
        return Ok(exit::OK);
    }
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|agent| {
            let bound = mode_of(agent).filter(|mode| *mode != AgentMode::Normal);
            let status = match bound {
                Some(mode) => format!("{mode}; {}", fares.text(agent)),
                None => fares.text(agent),
            };
            [cells(agent), vec![status]].concat()
        })
        .collect();
    context
        .ui
        .table(&["AGENT", "CONNECTOR", "MODEL", "LABELS", "STATUS"], &rows);
    if !found.is_empty() {
        tell_what_is_missing(context);
    }
    Ok(exit::OK)
}

/// Warns of what keeps every agent from work, or its work from being proven.
fn tell_what_is_missing(context: &mut Context) {
    if context
        .workspace
        .config()
        .is_ok_and(|config| config.checks.is_empty())
    {
        context
            .ui
            .warn(&format!("{}; {}", check::NONE, prove::ADD_ONE));
    }
    let place = context.workspace.place().cloned();
    let trust = match (place, context.workspace.root()) {
        (Ok(place), Ok(root)) => needs_you::trust(root, &place.common_dir).ok().flatten(),
        _ => None,
    };
    if let Some(Need { what, next, .. }) = trust {
        context.ui.warn(&format!(
            "{what}, and nothing of it runs here before; `{next}`"
        ));
    }
}

fn show(args: &AgentNameArgs, context: &mut Context) -> Outcome {
    let root = context.workspace.root()?.to_owned();
    let agent = agents::load(&root, &args.name)?;
    let fares = Fares::read(std::slice::from_ref(&agent), context)?;
    let state = project::policy(&root, &Trees::none());
    let bounds = policy::show(&state, Some(agent.name.as_str()));
    let connectors = agents::connectors(&root)?;
    let connector = connectors.get(agent.connector.as_str());
    let command =
        connector.and_then(|connector| agents::command_line(connector, &agent, &env::all()).ok());
    let command: Option<Vec<String>> = command.map(|argv| {
        argv.iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect()
    });
    if context.ui.json() {
        context.ui.object(&AgentLine {
            agent: &agent,
            status: fares.status(&agent),
            cannot_start: fares.cannot_start(&agent),
            mode_in_force: bounds.mode,
            command: command.as_deref(),
        });
        return Ok(exit::OK);
    }
    let manifest = connector.map(Connector::describe);
    let facts = facts(
        &agent,
        manifest,
        command.as_deref(),
        context.workspace.config().ok(),
        &bounds,
    );
    context.ui.line(agent.name.as_str());
    let rows: Vec<Vec<String>> = facts
        .into_iter()
        .chain([("status", fares.text(&agent))])
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| vec![name.to_owned(), flowing(&text)])
        .collect();
    context.ui.table_below(&rows);
    Ok(exit::OK)
}

/// Everything that an agent's file and its connector say, with what follows from them.
fn facts(
    agent: &Agent,
    manifest: Option<&Manifest>,
    command: Option<&[String]>,
    config: Option<&Config>,
    bounds: &Shown,
) -> Vec<(&'static str, String)> {
    let list = |names: &[Name]| {
        names
            .iter()
            .map(Name::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let set = |words: &std::collections::BTreeSet<String>| {
        words.iter().cloned().collect::<Vec<_>>().join(", ")
    };
    let fallback = match config {
        Some(config) => route::fallbacks(&config.router.fallback, agent).join(", then "),
        None => list(&agent.fallback),
    };
    let of_connector = manifest
        .map(|manifest| manifest.env_pass.join(", "))
        .unwrap_or_default();
    let variables = [of_connector, agent.env_pass.join(", ")];
    let none = |text: String| {
        if text.is_empty() {
            "none".to_owned()
        } else {
            text
        }
    };
    let limits = agent.limits;
    let numbers = format!(
        "{} min, {} min silent, {} at once, {} attempts, {} MiB output",
        limits.minutes, limits.silence_minutes, limits.parallel, limits.attempts, limits.output_mb
    );
    let ceilings = [
        limits.tokens.map(|n| format!("{n} tokens")),
        limits.money.map(|n| n.to_string()),
    ];
    vec![
        (
            "connector",
            manifest.map_or_else(
                || format!("{} (not known)", agent.connector),
                |_| agent.connector.to_string(),
            ),
        ),
        (
            "model",
            agent
                .model
                .clone()
                .unwrap_or_else(|| "as its CLI chooses".to_owned()),
        ),
        (
            "command",
            command.map_or_else(|| "none; see `ai agent doctor`".to_owned(), shell_words),
        ),
        ("labels", set(&agent.labels)),
        ("capabilities", set(&agent.capabilities)),
        ("resources", agent.resources.in_words()),
        ("fallback", none(fallback)),
        (
            "variables",
            none(
                variables
                    .into_iter()
                    .filter(|text| !text.is_empty())
                    .collect::<Vec<_>>()
                    .join(", "),
            ),
        ),
        ("credentials", list(&agent.credentials)),
        (
            "home",
            agent
                .home
                .map_or_else(String::new, |home| home.as_str().to_owned()),
        ),
        (
            "sandbox",
            agent
                .sandbox
                .map_or_else(String::new, |demand| demand.as_str().to_owned()),
        ),
        (
            "network",
            agent
                .network
                .as_ref()
                .map_or_else(String::new, ToString::to_string),
        ),
        (
            "mode",
            bounds
                .mode
                .map_or_else(String::new, |mode| mode.to_string()),
        ),
        ("tools", tools_in_words(&bounds.bounds)),
        (
            "limits",
            ceilings
                .into_iter()
                .flatten()
                .fold(numbers, |text, more| format!("{text}, {more}")),
        ),
    ]
}

/// The lists of tools that bind an agent.
fn tools_in_words(bounds: &[ShownBounds]) -> String {
    let only = bounds.iter().filter_map(|one| one.allow.as_ref());
    let only = only.map(|tools| format!("only {}", tools.join(" ")));
    let never = bounds.iter().filter(|one| !one.deny.is_empty());
    let never = never.map(|one| format!("never {}", one.deny.join(" ")));
    only.chain(never).collect::<Vec<_>>().join("; ")
}

pub(super) fn label(args: &LabelArgs, context: &mut Context) -> Outcome {
    let root = context.workspace.root()?.to_owned();
    let mut agent = agents::load(&root, &args.name)?;
    may_change(&args.name, context)?;
    agent.relabel(&args.labels, &args.remove);
    agents::save(
        &root,
        &context.workspace.place()?.common_dir.clone(),
        &agent,
    )?;
    print(&agent, context);
    Ok(exit::OK)
}

fn remove(args: &AgentNameArgs, context: &mut Context) -> Outcome {
    let root = context.workspace.root()?.to_owned();
    may_change(&args.name, context)?;
    agents::remove(
        &root,
        &context.workspace.place()?.common_dir.clone(),
        &args.name,
    )?;
    context.ui.say(&format!("removed agent {}", args.name));
    Ok(exit::OK)
}

fn print(agent: &Agent, context: &mut Context) {
    if context.ui.json() {
        context.ui.object(agent);
        return;
    }
    context
        .ui
        .table(&["AGENT", "CONNECTOR", "MODEL", "LABELS"], &[cells(agent)]);
}

/// Name, connector, model and labels.
fn cells(agent: &Agent) -> Vec<String> {
    let labels: Vec<&str> = agent.labels.iter().map(String::as_str).collect();
    let model = agent.model.as_deref().unwrap_or("-");
    vec![
        agent.name.to_string(),
        agent.connector.to_string(),
        one_line(model),
        one_line(&labels.join(",")),
    ]
}
