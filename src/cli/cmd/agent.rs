//! `ai agent register|list|show|label|remove|detect|doctor`, and their short forms `ai register`, `ai list`, `ai label`.

use clap::{Args, Subcommand};

use crate::base::text::one_line;
use crate::cli::answer::AgentLine;
use crate::cli::cmd::agent_stats::{self, Fares};
use crate::cli::cmd::{Outcome, agent_detect, agent_doctor};
use crate::cli::context::Context;
use crate::cli::exit;
use crate::domain::agent::{Agent, Home};
use crate::ops::agents;

/// Register, list and change agents
#[derive(Subcommand)]
pub(in crate::cli) enum AgentCommand {
    /// Register an agent: a connector with its model, labels and limits
    Register(RegisterArgs),
    /// List the agents: what they are, what they are at work on, how they fare
    List(ListArgs),
    /// Show how often agents succeed, how long they take and what they cost, by type of task
    Stats(agent_stats::StatsArgs),
    /// Show one agent
    Show(ShowArgs),
    /// Add or remove labels of an agent
    Label(LabelArgs),
    /// Remove an agent; its runs and evidence stay
    Remove(ShowArgs),
    /// Find the AI CLIs that are installed, by asking each for its version
    Detect(agent_detect::DetectArgs),
    /// Look whether each agent could do a run: program, version, login, sandbox, trust, limits, fallback
    Doctor(agent_doctor::DoctorArgs),
}

#[derive(Args)]
pub(in crate::cli) struct RegisterArgs {
    /// Name of the agent
    name: String,
    /// How to drive it: `command` for any program, `claude-code`, `codex` and others, or one of `.ai/connectors/`
    #[arg(long, short, value_name = "C")]
    connector: String,
    /// Model, in the connector's own words
    #[arg(long, short, value_name = "M")]
    model: Option<String>,
    /// A label for filters and routing; repeat or separate by commas
    #[arg(long, short, value_name = "L", value_delimiter = ',')]
    label: Vec<String>,
    /// What it is able to do, such as rust or review
    #[arg(long, value_name = "WORD", value_delimiter = ',')]
    capability: Vec<String>,
    /// A variable of your environment that it gets, besides the usual ones and those that its connector names
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    env: Vec<String>,
    /// Where the CLI keeps login, sessions and settings: with the user, or in a directory of each run, without a login
    #[arg(long, value_name = "WHERE", value_parser = home)]
    home: Option<Home>,
    /// Longest run in minutes
    #[arg(long, value_name = "N")]
    minutes: Option<u32>,
    /// Runs at the same time
    #[arg(long, value_name = "N")]
    parallel: Option<u32>,
    /// Who takes over where it is out of quota or not logged in, in order; nobody else does
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    fallback: Vec<String>,
    /// Longest time without output in minutes
    #[arg(long, value_name = "N")]
    silence_minutes: Option<u32>,
    /// Replace an agent of the same name
    #[arg(long)]
    replace: bool,
    /// The command line: `{prompt_file}` becomes the file with the prompt, which also comes on standard input
    #[arg(last = true, value_name = "ARGV")]
    argv: Vec<String>,
}

#[derive(Args)]
pub(in crate::cli) struct ListArgs {
    /// Only agents with this label
    #[arg(long, short, value_name = "L")]
    label: Option<String>,
}

#[derive(Args)]
pub(in crate::cli) struct ShowArgs {
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
    let mut agent = Agent::new(agents::agent_name(&args.name)?, agents::agent_name(&args.connector)?);
    agent.model = args.model;
    agent.argv = args.argv;
    agent.labels = args.label.into_iter().collect();
    agent.capabilities = args.capability.into_iter().collect();
    agent.env_pass = args.env;
    agent.home = args.home;
    agent.fallback = args.fallback.iter().map(|name| agents::agent_name(name)).collect::<Result<_, _>>()?;
    agent.limits.parallel = args.parallel.unwrap_or(agent.limits.parallel);
    agent.limits.minutes = args.minutes.unwrap_or(agent.limits.minutes);
    agent.limits.silence_minutes = args.silence_minutes.unwrap_or(agent.limits.silence_minutes);
    let root = context.root()?.to_owned();
    if !args.replace && agents::load(&root, &args.name).is_ok_and(|old| old != agent) {
        let message = format!("an agent named `{}` is registered already", args.name);
        return Err(crate::cli::error::CliError::new(exit::CONFLICT, message)
            .hint(format!("`ai agent show {0}`, or give --replace", args.name)));
    }
    agents::save(&root, &context.place()?.common_dir.clone(), &agent)?;
    print(&agent, context);
    Ok(exit::OK)
}

pub(super) fn list(args: &ListArgs, context: &mut Context) -> Outcome {
    let files = agents::list(context.root()?)?;
    for broken in &files.broken {
        context.ui.warn(&broken.to_string());
    }
    let wanted = |agent: &&Agent| args.label.as_ref().is_none_or(|label| agent.labels.contains(label));
    let fares = Fares::read(context)?;
    for agent in files.agents.iter().filter(wanted) {
        print_faring(agent, &fares, context);
    }
    Ok(exit::OK)
}

fn show(args: &ShowArgs, context: &mut Context) -> Outcome {
    let agent = agents::load(context.root()?, &args.name)?;
    let fares = Fares::read(context)?;
    print_faring(&agent, &fares, context);
    if !context.ui.json() {
        let limits = agent.limits;
        context.ui.line(&format!("  command  {}", one_line(&agent.argv.join(" "))));
        context.ui.line(&format!(
            "  limits   {} min, {} min silent, {} at once, {} attempts, {} MiB output",
            limits.minutes, limits.silence_minutes, limits.parallel, limits.attempts, limits.output_mb
        ));
    }
    Ok(exit::OK)
}

pub(super) fn label(args: &LabelArgs, context: &mut Context) -> Outcome {
    let root = context.root()?.to_owned();
    let mut agent = agents::load(&root, &args.name)?;
    for label in &args.labels {
        match label.strip_prefix('-') {
            Some(gone) => agent.labels.remove(gone),
            None => agent.labels.insert(label.clone()),
        };
    }
    for label in &args.remove {
        agent.labels.remove(label);
    }
    agents::save(&root, &context.place()?.common_dir.clone(), &agent)?;
    print(&agent, context);
    Ok(exit::OK)
}

fn remove(args: &ShowArgs, context: &mut Context) -> Outcome {
    let root = context.root()?.to_owned();
    agents::remove(&root, &context.place()?.common_dir.clone(), &args.name)?;
    context.ui.say(&format!("removed agent {}", args.name));
    Ok(exit::OK)
}

fn print_faring(agent: &Agent, fares: &Fares, context: &mut Context) {
    if context.ui.json() {
        context.ui.object(&AgentLine { agent, status: fares.status(agent) });
        return;
    }
    context.ui.line(&format!("{}{}", line(agent), fares.text(agent)));
}

fn print(agent: &Agent, context: &mut Context) {
    if context.ui.json() {
        context.ui.object(agent);
        return;
    }
    context.ui.line(&line(agent));
}

fn line(agent: &Agent) -> String {
    let labels: Vec<&str> = agent.labels.iter().map(String::as_str).collect();
    let model = agent.model.as_deref().unwrap_or("-");
    let off = if agent.enabled { "" } else { "  (disabled)" };
    format!("{:<16} {:<12} {:<16} {}{off}", agent.name, agent.connector, one_line(model), labels.join(","))
}
