//! A trial of an agent: one harmless prompt through its own connector, sandbox and supervision, in
//! a small repository that is made for it and removed after it. No task, no lease, no record:
//! nothing of the user's tree is seen, and nothing of the trial stays.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::text::one_line;
use crate::base::{fs, id};
use crate::connector::api::Connector;
use crate::connector::dialogue::{AskedCall, ToolGate, ToolRuling};
use crate::connector::guides::ProjectGuides;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::aftermath::TreeChange;
use crate::domain::agent::{Agent, Name};
use crate::domain::agent_event::{FailureClass, StreamOutcome};
use crate::domain::budget::RunUsage;
use crate::domain::budget::{BudgetLevel, BudgetScope, Unit};
use crate::domain::sandbox::{Isolation, Network};
use crate::domain::verdict::Lifecycle;
use crate::git::worktree::Slot;
use crate::ops::doctor::Finding;
use crate::ops::error::{Bug as _, NO_ACTOR, OpError};
use crate::ops::refusal::{Refusal, seconds};
use crate::ops::run::agent::launch::{AgentLaunch, AgentPlace, AssignedAgent, launch};
use crate::ops::run::choose;
use crate::ops::run::files::RunDir;
use crate::ops::run::model::AgentEnd;
use crate::ops::signals::Signals;
use crate::ops::world::World;
use crate::ops::{agents, trust};
use crate::policy;
use crate::process::supervise::{CancelToken, StopReason};

/// What is asked of the agent.
pub const PROMPT: &str = "This is a test of your set-up. Answer with the one word: ready. Use no tools, and change no file.\n";
/// Longest trial, in milliseconds.
pub const LIMIT_MS: u64 = 120_000;
/// A trial that was cut off is cleared away by the next one after this time, in milliseconds.
const STALE_MS: i64 = 3_600_000;
/// Of a longer standard error, nothing is quoted.
const LOG_CAP: u64 = 1 << 20;
/// Words of an agent that are shown.
const SHOWN: usize = 300;

/// How a trial ended.
pub struct Tried {
    /// What is said of it.
    pub finding: Finding,
    /// The class: `answered`, or how it failed.
    pub class: &'static str,
}

/// Tries an agent. What the repository brings must be trusted, as for a run.
pub fn trial(world: &World, name: &str) -> Result<Tried, OpError> {
    trust::require(&world.root, &world.location.common_dir, "this trial")?;
    let agent = agents::load(&world.root, name)?;
    let connectors = agents::connectors(&world.root)?;
    let connector = choose::connector_of(&connectors, &agent)?;
    let trials = world.state().join("trials");
    clear_stale(world, &trials);
    let place = Place::make(&trials)?;
    let cancel = CancelToken::new();
    let _signals = Signals::listen(cancel.clone())?;
    let end = place.run(world, &agent, connector, &cancel);
    let complaint = place.complaint();
    place.clear()?;
    // Another trial may be at work beside it.
    let _kept = fs::remove_empty_dir(&trials);
    match cancel.reason() {
        Some(StopReason::Interrupted | StopReason::Shutdown) => {
            Err(Refusal::Interrupted(format!("the trial of {name} was stopped")).into())
        }
        _ => Ok(told(&agent, &end?, &complaint)),
    }
}

/// A repository with one file, and a directory for the files of the trial.
struct Place {
    dir: PathBuf,
}

impl Place {
    fn make(trials: &Path) -> Result<Place, OpError> {
        let place = Place {
            dir: trials.join(id::random_text(8)),
        };
        for dir in ["run", "tree/.git/objects", "tree/.git/refs/heads"] {
            fs::create_private_dir(&place.dir.join(dir))?;
        }
        let files: [(&str, &str); 3] = [
            ("tree/.git/HEAD", "ref: refs/heads/main\n"),
            (
                "tree/.git/config",
                "[core]\n\trepositoryformatversion = 0\n\tbare = false\n",
            ),
            (
                "tree/README.md",
                "A repository for a trial. Nothing here is kept.\n",
            ),
        ];
        files.iter().try_for_each(|(path, text)| {
            fs::write_private(&place.dir.join(path), text.as_bytes())
        })?;
        fs::write_private(&place.files().prompt(), PROMPT.as_bytes())?;
        Ok(place)
    }

    fn run(
        &self,
        world: &World,
        agent: &Agent,
        connector: &dyn Connector,
        cancel: &CancelToken,
    ) -> Result<AgentEnd, OpError> {
        let tree = self.dir.join("tree");
        let slot = Slot {
            name: "trial".to_owned(),
            admin: tree.join(".git"),
            path: tree,
        };
        let label = self.label();
        let actor = Actor::new(ActorKind::Agent, agent.name.as_str()).bug(NO_ACTOR)?;
        let order = AgentLaunch {
            crew: &AssignedAgent {
                agent,
                connector,
                // Its repository is made for the trial, and has none.
                guides: ProjectGuides::default(),
                ledger: Arc::default(),
            },
            label: &format!("{label}.0"),
            place: AgentPlace {
                ref_trace: None,
                slot: &slot,
                own: None,
                isolation: Isolation::Worktree,
            },
            network: Network::On.into(),
            files: &self.files(),
            home: &self.dir.join("run/home"),
            task: &label,
            actor: &actor,
            socket: None,
            limits: &policy::PolicyLimits::default(),
            budget: &[BudgetLevel {
                scope: BudgetScope::Run,
                unit: Unit::Minutes,
                limit: LIMIT_MS,
                spent: 0,
            }],
            resumed: None,
        };
        launch(world, &order, &mut Nothing, cancel)
    }

    /// The mark by which the supervisor finds what it started.
    fn label(&self) -> String {
        let name = self.dir.file_name().unwrap_or_default().to_string_lossy();
        format!("trial-{name}")
    }

    fn files(&self) -> RunDir {
        RunDir::at(self.dir.join("run"))
    }

    /// The last line of its standard error.
    fn complaint(&self) -> String {
        let text = fs::read_text(&self.files().stderr(), LOG_CAP).unwrap_or_default();
        text.lines()
            .rev()
            .find(|line| !line.trim().is_empty())
            .unwrap_or_default()
            .to_owned()
    }

    fn clear(&self) -> Result<(), OpError> {
        fs::remove_dir_all(&self.dir).map_err(OpError::from)
    }
}

/// Trials that were cut off leave their directory.
fn clear_stale(world: &World, trials: &Path) {
    let now = (world.clock)().wall_ms;
    let stale = |path: &PathBuf| fs::modified_ms(path).is_some_and(|at| now - at > STALE_MS);
    for path in fs::list_dir(trials)
        .unwrap_or_default()
        .iter()
        .filter(|path| stale(path))
    {
        if let Err(error) = fs::remove_dir_all(path) {
            world.say(&format!("warning: {error}"));
        }
    }
}

/// Lets an agent that asks do nothing at all.
struct Nothing;

impl ToolGate for Nothing {
    fn may(&mut self, _call: &AskedCall) -> ToolRuling {
        ToolRuling::Deny("a trial needs no tools".to_owned())
    }
}

fn told(agent: &Agent, end: &AgentEnd, complaint: &str) -> Tried {
    let class = class(end);
    let took = seconds(i64::try_from(end.process.duration_ms).unwrap_or(i64::MAX));
    let tokens = end
        .stream
        .result
        .usage
        .as_ref()
        .map(RunUsage::from)
        .map(|used| used.tokens);
    let used = tokens
        .filter(|n| *n > 0)
        .map_or(String::new(), |n| format!(", {n} tokens"));
    let words = words(end, complaint);
    let said = if words.is_empty() {
        String::new()
    } else {
        format!(": {words}")
    };
    let text = format!("{} after {took}{used}{said}", class.replace('_', " "));
    let show: &Name = &agent.name;
    let finding = match class {
        "answered" => Finding::ok("trial", text),
        "quota" | "provider" => Finding::warn("trial", text).next("wait, and try again"),
        "auth" => Finding::bad("trial", text)
            .next("log in with its own program, or give it a key (.ai/credentials.yaml)"),
        "refused" => Finding::warn("trial", text).next(format!("ai agent show {show}")),
        _ => Finding::bad("trial", text).next(format!(
            "ai agent show {show}; start that command line by hand"
        )),
    };
    Tried { finding, class }
}

fn class(end: &AgentEnd) -> &'static str {
    match end.attempt().lifecycle(TreeChange::Nothing) {
        Lifecycle::Quota => "quota",
        Lifecycle::Auth => "auth",
        Lifecycle::Provider => "provider",
        Lifecycle::NotStarted => "not_started",
        Lifecycle::TimedOut => "timed_out",
        Lifecycle::Killed | Lifecycle::Lost | Lifecycle::Parked => "killed",
        Lifecycle::Failed => "failed",
        Lifecycle::Finished | Lifecycle::NoChanges => match end.stream.result.outcome {
            StreamOutcome::Refused { .. } => "refused",
            _ => "answered",
        },
    }
}

/// What it said, or why it failed.
fn words(end: &AgentEnd, complaint: &str) -> String {
    let why = match (end.process.end.trouble(), &end.stream.result.outcome) {
        (Some(trouble), _) => trouble,
        (None, StreamOutcome::Auth { message }) => message.clone(),
        (
            None,
            StreamOutcome::Failed {
                class: FailureClass::Exit,
                message,
            },
        ) if !complaint.is_empty() => {
            format!("{message}: {complaint}")
        }
        (None, StreamOutcome::Failed { message, .. }) => message.clone(),
        (None, StreamOutcome::Completed) => {
            end.stream.result.final_text.clone().unwrap_or_default()
        }
        (None, _) => complaint.to_owned(),
    };
    one_line(&why.trim().chars().take(SHOWN).collect::<String>())
}
