//! `ai task create`
//!
//! Standard output has the id and nothing else wherever no person reads it, so that
//! `id=$(ai task create "…")` is right without a flag; a person sees state and title, too. What warns
//! goes to standard error.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::app::error::AppError;
use crate::app::exit;
use crate::app::workspace::now;
use crate::base::fs::Spool;
use crate::base::text::{counted, one_line};
use crate::cli::cmd::backup;
use crate::cli::cmd::task::{entry_file, source};
use crate::cli::context::{Context, Outcome};
use crate::domain::task::Task;
use crate::ops::admission;
use crate::ops::agents;
use crate::ops::create::{self, NewTask};
use crate::ops::cx::commit;
use crate::ops::entries::NewTasks;
use crate::ops::error::Bug;
use crate::ops::places::Places;
use crate::store::Access;

#[derive(Args)]
pub(in crate::cli) struct CreateArgs {
    /// One line that says what is to be done; without it, your editor opens
    #[arg(conflicts_with = "from")]
    title: Option<String>,
    /// The prompt; `-` reads it from standard input
    #[arg(long, value_name = "TEXT|-", allow_hyphen_values = true)]
    body: Option<String>,
    /// Write title and body in your editor
    #[arg(long, short, conflicts_with_all = ["body", "from"])]
    edit: bool,
    /// Create every task of a YAML, JSON or JSON Lines file, or none; `-` reads JSON Lines from
    /// standard input
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Kind of work, such as feature or bug
    #[arg(long = "type", value_name = "T")]
    kind: Option<String>,
    /// 0 is most urgent, 4 least
    #[arg(long, short, value_name = "0..4", value_parser = source::priority)]
    priority: Option<u8>,
    /// Free words for filters; repeat or separate by commas
    #[arg(long, short, value_name = "L", value_delimiter = ',')]
    label: Vec<String>,
    /// A glob that a claim locks exclusively; repeat for more
    #[arg(long, value_name = "GLOB")]
    path: Vec<String>,
    /// A glob that a claim locks shared; repeat for more
    #[arg(long, value_name = "GLOB")]
    shared: Vec<String>,
    /// A task that must be done first; repeat for more
    #[arg(long, value_name = "ID")]
    dep: Vec<String>,
    /// A check that must pass, by its name in the configuration; repeat for more
    #[arg(long, value_name = "NAME")]
    check: Vec<String>,
    /// The task that this one is a part of
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    /// The agent that should run it
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Not before this time (2026-12-24T18:00Z) or this long from now (2h)
    #[arg(long, value_name = "WHEN")]
    not_before: Option<String>,
    /// Attempts before the task fails
    #[arg(long, value_name = "N")]
    max_attempts: Option<u32>,
    /// Create it on hold, for this reason
    #[arg(long, value_name = "REASON", allow_hyphen_values = true)]
    hold: Option<String>,
}

pub(super) fn run(args: CreateArgs, context: &mut Context) -> Outcome {
    match &args.from {
        Some(file) => from_file(&file.clone(), context),
        None => one(args, context),
    }
}

fn one(args: CreateArgs, context: &mut Context) -> Outcome {
    let new = entry(args, context)?;
    let mut named = NamedThings::default();
    named.note(&new);
    named.warn_unknown(context)?;
    let cx = context.cx()?;
    let store = context.store(Access::Write)?;
    let task = commit(store, cx, |tx, cx| create::create(tx, cx, &new))?;
    let mut large = LargeTasks::default();
    large.note(&task);
    large.warn(context)?;
    if context.ui.json() {
        context.ui.object(&task);
    } else if !context.ui.is_terminal() {
        context.ui.line(task.id.as_str());
    } else {
        let title = one_line(&task.title);
        let line = format!("{}  {}  {title}", task.id, task.status_text());
        context.ui.line(&line);
    }
    Ok(exit::OK)
}

/// Creates the tasks of a file. Neither they nor what is shown of them is held in memory: there may
/// be very many.
fn from_file(file: &Path, context: &mut Context) -> Outcome {
    let (mut tasks, mut named) = (NewTasks::default(), NamedThings::default());
    if file != Path::new("-") || !std::io::stdin().is_terminal() {
        context.ui.show_progress("creating tasks");
    }
    entry_file::read(&context.workspace.start_dir()?, file, &mut |new| {
        named.note(&new);
        Ok(tasks.add(&new)?)
    })?;
    named.warn_unknown(context)?;
    let cx = context.workspace.cx()?;
    let json = context.ui.json();
    let (mut shown, mut count) = (Spool::default(), 0_usize);
    let mut large = LargeTasks::default();
    let store = context.store(Access::Write)?;
    commit(store, &cx, |tx, cx| {
        tasks.create(tx, cx, &mut |task| {
            count += 1;
            large.note(task);
            if json {
                let line = serde_json::to_string(task).bug("a task cannot be shown as JSON")?;
                Ok(shown.write_line(&line)?)
            } else {
                Ok(shown.write_line(task.id.as_str())?)
            }
        })
    })?;
    large.warn(context)?;
    let mut is_read = true;
    shown.read_lines::<AppError>(&mut |line| {
        is_read = context.ui.line(line);
        Ok(is_read)
    })?;
    if is_read {
        context
            .ui
            .say(&format!("created {}", counted(count, "task")));
    }
    backup::roll_if_due(context);
    Ok(exit::OK)
}

fn entry(args: CreateArgs, context: &mut Context) -> Result<NewTask, AppError> {
    // Without a title the editor opens, where somebody is there to type.
    let edit =
        args.edit || (args.title.is_none() && args.body.is_none() && context.ui.is_interactive());
    if args.title.is_none() && !edit {
        let hint = "`ai task create TITLE`, or `ai task create --edit` to write it in your editor";
        return Err(AppError::usage("a task needs a title").hint(hint));
    }
    let (title, body) = if edit {
        source::from_editor(args.title.as_deref().unwrap_or_default())?
    } else {
        (
            args.title.unwrap_or_default(),
            args.body.map_or(Ok(String::new()), source::body)?,
        )
    };
    let not_before_ms = args
        .not_before
        .as_deref()
        .map(|when| source::when(when, now().wall_ms));
    Ok(NewTask {
        key: None,
        title,
        body,
        kind: args.kind,
        priority: args.priority,
        labels: args.label,
        paths: args.path,
        shared: args.shared,
        deps: args.dep,
        checks: args.check,
        parent: args.parent,
        agent: args.agent,
        not_before_ms: not_before_ms.transpose()?,
        max_attempts: args.max_attempts,
        hold: args.hold,
        recurring: None,
    })
}

/// The checks and agents that new tasks name.
#[derive(Default)]
struct NamedThings {
    checks: BTreeSet<String>,
    agents: BTreeSet<String>,
}

/// New tasks by all that says how much of the machine they ask for: the first of those that are alike, and their number.
#[derive(Default)]
struct LargeTasks(BTreeMap<TaskAlike, (Task, usize)>);

/// Agent, checks, type and labels.
type TaskAlike = (Option<String>, Vec<String>, String, BTreeSet<String>);

impl LargeTasks {
    fn note(&mut self, task: &Task) {
        let alike = (
            task.agent.clone(),
            task.checks.clone(),
            task.kind.clone(),
            task.labels.clone(),
        );
        self.0.entry(alike).or_insert_with(|| (task.clone(), 0)).1 += 1;
    }

    /// What asks for more than the machine has for all runs can never start here: better said now, too. Another machine
    /// may have more, so that the task is made all the same.
    fn warn(&self, context: &mut Context) -> Result<(), AppError> {
        let root = context.workspace.root()?.to_owned();
        let pool = Places::of(&context.workspace.place()?.common_dir, &root).pool();
        let agents = agents::list(&root)?.agents;
        let config = context.workspace.config()?.clone();
        for (task, alike) in self.0.values() {
            let warning = admission::warning_of((task, *alike), (&config, &agents), &pool);
            if let Some(warning) = warning {
                context.ui.warn(&warning);
            }
        }
        Ok(())
    }
}

impl NamedThings {
    fn note(&mut self, new: &NewTask) {
        let named = [
            (&mut self.checks, new.checks.as_slice()),
            (&mut self.agents, new.agent.as_slice()),
        ];
        for (known, names) in named {
            for name in names {
                if !known.contains(name) {
                    known.insert(name.clone());
                }
            }
        }
    }

    /// A check that nobody has configured can never pass: better said now than at night. Nor can an
    /// agent that is not there run anything.
    fn warn_unknown(mut self, context: &mut Context) -> Result<(), AppError> {
        if !self.checks.is_empty() {
            let config = context.workspace.config()?;
            self.checks.retain(|name| config.check(name).is_none());
        }
        for name in self.checks {
            let shown = one_line(&name);
            context.ui.warn(&format!(
                "no check is named `{shown}` yet; add it under `checks:` in .ai/config.yaml"
            ));
        }
        if !self.agents.is_empty() {
            let agents = agents::list(context.workspace.root()?)?.agents;
            let is_there = |name: &str| agents.iter().any(|agent| agent.name.as_str() == name);
            self.agents.retain(|name| !is_there(name));
        }
        for name in self.agents {
            let shown = one_line(&name);
            context.ui.warn(&format!(
                "no agent is named `{shown}` yet; `ai agent list` shows those that there are"
            ));
        }
        Ok(())
    }
}
