//! `ai task list`, `ready` and `next`: a row at a time, so that a hundred thousand tasks need no
//! memory.

use std::collections::HashMap;

use clap::{Args, ValueEnum};

use crate::app::error::AppError;
use crate::app::exit;
use crate::app::workspace::now;
use crate::base::columns;
use crate::base::text::one_line;
use crate::cli::answer::TaskLease;
use crate::cli::context::{Context, Outcome};
use crate::cli::look::{Cell, Listing};
use crate::domain::lease::{Lease, LeaseLiveness};
use crate::domain::task::{Task, TaskState};
use crate::domain::time::Now;
use crate::ops::fitness::AgentRoster;
use crate::ops::ready::ReadyAsked;
use crate::ops::refusal::seconds;
use crate::ops::{claim, cx};
use crate::store::{Access, Flow, TaskFilter, TaskLine, TaskSort, Tx, id_of};

#[derive(Args)]
pub(in crate::cli) struct TaskListArgs {
    /// Only tasks in this state; repeat or separate by commas
    #[arg(long, short, value_name = "STATE", value_delimiter = ',', value_parser = TaskState::NAMES)]
    status: Vec<String>,
    /// Only tasks with this label; repeat for tasks that have all of them
    #[arg(long, short, value_name = "L")]
    label: Vec<String>,
    /// Only this kind of work; repeat for any of several
    #[arg(long = "type", value_name = "T")]
    kind: Vec<String>,
    /// Only tasks meant for this agent
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Only parts of this task
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    /// Only tasks whose title or body contains this
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    text: Option<String>,
    /// Order of the list
    #[arg(long, value_enum, default_value_t = Sort::Created)]
    sort: Sort,
    /// At most so many
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<u64>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Sort {
    /// Oldest first
    Created,
    /// Newest first
    Newest,
    /// Most urgent first
    Priority,
    /// Last changed first
    Updated,
}

#[derive(Args)]
pub(in crate::cli) struct ReadyArgs {
    /// At most so many
    #[arg(long, short = 'n', value_name = "N", default_value_t = FIRST_READY, conflicts_with = "all")]
    limit: u64,
    /// All of them
    #[arg(long)]
    all: bool,
}

/// Number of ready tasks that are shown unless more are asked for: who looks wants to know what comes
/// next, not all that there is.
const FIRST_READY: u64 = 20;

#[derive(Args)]
pub(in crate::cli) struct NextArgs {}

pub(super) fn run(args: TaskListArgs, context: &mut Context) -> Outcome {
    let mut filter = TaskFilter {
        statuses: args.status,
        labels: args.label,
        kinds: args.kind,
        agent: args.agent,
        parent: None,
        text: args.text,
        ready_at: None,
        sort: match args.sort {
            Sort::Created => TaskSort::Created,
            Sort::Newest => TaskSort::Newest,
            Sort::Priority => TaskSort::Priority,
            Sort::Updated => TaskSort::Updated,
        },
        limit: args.limit,
    };
    let mut seen = false;
    let mut listing = Listing::new(&COLUMNS);
    let now = now();
    let store = context.store(Access::Read)?;
    store.read(|tx| -> Result<(), AppError> {
        filter.parent = args
            .parent
            .map(|typed| cx::resolve(tx, &typed))
            .transpose()?
            .map(|id| id.0);
        let held = Held::read(tx, &filter, now)?;
        if context.ui.json() {
            tx.list_json(&filter, &mut |lines| {
                seen = true;
                Ok(show_json(lines, &held, context))
            })?;
            return Ok(());
        }
        tx.list(&filter, &mut |line| {
            seen = true;
            Ok(show_line(&line, (&held, &mut listing), context))
        })?;
        Ok(())
    })?;
    if !seen {
        context
            .ui
            .say("no task to show; `ai status` counts all that there are, `ai task create TITLE` writes one down");
    }
    Ok(exit::OK)
}

/// The leases behind the tasks of a list, read at once: few tasks are held, and whoever lists a
/// hundred thousand must not ask for each.
struct Held {
    leases: HashMap<String, Lease>,
    now: Now,
}

impl Held {
    fn read(tx: &mut dyn Tx, filter: &TaskFilter, now: Now) -> Result<Held, AppError> {
        let held = |status: &String| TaskState::LEASED_NAMES.contains(&status.as_str());
        let wanted = filter.statuses.is_empty() || filter.statuses.iter().any(held);
        let all = if wanted { tx.leases()? } else { Vec::new() };
        let leases = all
            .into_iter()
            .map(|lease| (lease.subject.0.clone(), lease))
            .collect();
        Ok(Held { leases, now })
    }

    fn nobody(now: Now) -> Held {
        Held {
            leases: HashMap::new(),
            now,
        }
    }

    /// The holder of a task and how long, as it stands at the end of its line.
    fn text(&self, line: &TaskLine<'_>) -> String {
        self.leases.get(line.id).map_or(String::new(), |lease| {
            let left = match lease.liveness(&self.now) {
                LeaseLiveness::Live(ms) => format!("{} left", seconds(ms)),
                LeaseLiveness::Lapsed => "lapsed".to_owned(),
                LeaseLiveness::Unknown => "held under another clock".to_owned(),
            };
            format!("  [{}, {left}]", lease.holder)
        })
    }

    /// The task object with its lease as its last field. The object is what stands in the store, so
    /// that a long list is not taken apart and put together again.
    fn json(&self, json: &str) -> Option<String> {
        let lease = TaskLease::of(self.leases.get(id_of(json)?)?, &self.now);
        let lease = serde_json::to_string(&lease).ok()?;
        Some(format!("{},\"lease\":{lease}}}", json.strip_suffix('}')?))
    }
}

/// Shows tasks as they are stored, each with its lease; where nobody holds any, as they come.
fn show_json(lines: &str, held: &Held, context: &mut Context) -> Flow {
    if held.leases.is_empty() {
        return go_on(context.ui.line(lines));
    }
    let mut tasks = lines.split('\n');
    go_on(tasks.all(|json| match held.json(json) {
        Some(with_lease) => context.ui.line(&with_lease),
        None => context.ui.line(json),
    }))
}

/// The columns of tasks.
const COLUMNS: [(&str, usize); 4] = [("TASK", 10), ("STATE", 7), ("P", 2), ("TITLE", 0)];
/// The least that stands before a title.
const BEFORE_TITLE: usize = 25;

fn row(id: &str, status: &str, priority: u8, title: String) -> [Cell; 4] {
    let priority = format!("P{priority}");
    [
        id.into(),
        Cell::state(status),
        priority.into(),
        title.into(),
    ]
}

fn show_line(
    line: &TaskLine<'_>,
    (held, listing): (&Held, &mut Listing),
    context: &mut Context,
) -> Flow {
    let status = if line.json.contains("\"kind\":\"overridden\"") && line.status == "done" {
        "done (overridden)"
    } else {
        line.status
    };
    // The title gives way to who holds the task.
    let room = context.ui.columns();
    let room = room.map(|columns| columns.saturating_sub(BEFORE_TITLE));
    let title = columns::fitted("", &one_line(line.title), &held.text(line), room);
    let cells = row(line.id, status, line.priority, title);
    go_on(context.ui.row(listing, &cells))
}

/// Goes on as long as somebody reads.
fn go_on(is_read: bool) -> Flow {
    if is_read { Flow::More } else { Flow::Stop }
}

fn show_task(task: &Task, context: &mut Context) -> bool {
    if context.ui.json() {
        context.ui.object(task)
    } else {
        let title = one_line(&task.title);
        let cells = row(task.id.as_str(), task.status_text(), task.priority, title);
        context.ui.row(&mut Listing::new(&COLUMNS), &cells)
    }
}

pub(super) fn ready(args: &ReadyArgs, context: &mut Context) -> Outcome {
    let wanted = if args.all { None } else { Some(args.limit) };
    let cx = context.workspace.cx_for_reading()?;
    let roster = AgentRoster::read(&cx)?;
    let asked = ReadyAsked {
        cx: &cx,
        roster: &roster,
        wanted,
        now_ms: now().wall_ms,
    };
    let store = context.store(Access::Read)?;
    let nobody = Held::nobody(now());
    let mut listing = Listing::new(&COLUMNS);
    let is_json = context.ui.json();
    let count = store.read(|tx| {
        if is_json {
            asked.each_json(tx, &mut |lines| Ok(show_json(lines, &nobody, context)))
        } else {
            asked.each(tx, &mut |line| {
                Ok(show_line(&line, (&nobody, &mut listing), context))
            })
        }
    })?;
    let is_cut_off = count.is_cut_off(wanted);
    if count.passed_over > 0 && !is_cut_off {
        context.ui.say(&format!(
            "{} for others than {}; `ai route explain TASK` says who can have one",
            counted_ready(count.passed_over),
            cx.actor.label()
        ));
    } else if count.seen == 0 {
        context
            .ui
            .say("no task is ready; `ai status` shows what there is, `ai why TASK` what holds one");
    }
    if is_cut_off {
        context
            .ui
            .say("more are ready; `ai task ready --all` shows all of them");
    }
    Ok(exit::OK)
}

fn counted_ready(n: u64) -> String {
    match n {
        1 => "1 ready task is".to_owned(),
        n => format!("{n} ready tasks are"),
    }
}

pub(super) fn next(_args: &NextArgs, context: &mut Context) -> Outcome {
    let cx = context.workspace.cx_for_reading()?;
    let store = context.store(Access::Read)?;
    let task = store.read(|tx| claim::next(tx, &cx))?;
    show_task(&task, context);
    Ok(exit::OK)
}
