//! The registry of agents: files below `.ai/agents/`, one an agent.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::connector::agent_file::{self, AgentFileError, AgentFiles};
use crate::connector::api::Connector;
use crate::connector::launch::{LaunchRequest, SessionChoice};
use crate::connector::registry::ConnectorRegistry;
use crate::domain::action::Action;
use crate::domain::agent::{Agent, Name};
use crate::domain::agent_change::AgentChange;
use crate::domain::repo_path::RepoPath;
use crate::ops::ask::{self, Question};
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::refusal::{Refusal, Thing};
use crate::ops::{detect, trust};
use crate::store::{StoreError, Tx};

/// The agents' directory of the checkout at `root`.
pub fn dir(root: &Path) -> PathBuf {
    root.join(".ai/agents")
}

/// Every connector: those that come with `ai`, and the project's own.
pub fn connectors(root: &Path) -> Result<ConnectorRegistry, OpError> {
    let mut registry = ConnectorRegistry::shipped();
    registry
        .add_dir(&root.join(".ai/connectors"))
        .map_err(StoreError::from)?;
    Ok(registry)
}

/// All agents, with the files that cannot be used.
pub fn list(root: &Path) -> Result<AgentFiles, OpError> {
    Ok(agent_file::load_all(&dir(root)).map_err(StoreError::from)?)
}

/// One agent.
pub fn load(root: &Path, name: &str) -> Result<Agent, OpError> {
    agent_file::load(&dir(root), &agent_name(name)?).map_err(refusal)
}

/// The text of an agent's file as it stands; nothing where there is none.
pub fn file_text(root: &Path, name: &Name) -> Result<Option<String>, OpError> {
    let path = agent_file::path_of(&dir(root), name);
    Ok(fs::read_text_if_there(&path, agent_file::MAX_FILE).map_err(StoreError::from)?)
}

/// The command line that a run of an agent would start, with the placeholders that only a run can
/// fill left in it.
pub fn command_line(
    connector: &dyn Connector,
    agent: &Agent,
    env: &[(OsString, OsString)],
) -> Result<Vec<OsString>, OpError> {
    let program = detect::native_program(connector.describe(), env);
    let request = LaunchRequest {
        agent,
        model: None,
        prompt: "{prompt}",
        prompt_file: Path::new("{prompt_file}"),
        pipe: Path::new("{pipe}"),
        worktree: Path::new("{worktree}"),
        run_dir: Path::new("{run_dir}"),
        files_dir: Path::new("{run_dir}/files"),
        home_dir: Path::new("{home}"),
        session: SessionChoice::Named("{session}"),
        program: program.as_deref(),
    };
    Ok(connector.command(&request)?.command.argv)
}

/// Asks whether the agent of this name may be registered, changed or removed, and records the answer.
pub fn may_change(tx: &mut dyn Tx, cx: &Cx, name: &str) -> Result<Vec<String>, OpError> {
    let mut question = Question::about(Action::AgentRegister);
    let file = format!(".ai/agents/{}.yaml", agent_name(name)?);
    question.resource.paths = vec![RepoPath::from(file.as_str())];
    ask::or_refuse(tx, cx, question)
}

/// Writes an agent. Trust that stood before stands afterwards: its user has just typed the change.
pub fn save(root: &Path, common_dir: &Path, agent: &Agent) -> Result<PathBuf, OpError> {
    let known = connectors(root)?;
    if known.get(agent.connector.as_str()).is_none() {
        let names: Vec<&str> = known
            .all()
            .map(|connector| connector.describe().name.as_str())
            .collect();
        let hint = format!(
            "take one of {}, or put a manifest of your own into .ai/connectors/",
            names.join(", ")
        );
        return Err(Refusal::Missing {
            why: format!("there is no connector `{}`", agent.connector),
            hint,
        }
        .into());
    }
    trust::keeping(root, common_dir, || {
        agent_file::save(&dir(root), agent).map_err(refusal)
    })
}

/// Whether a name that is taken may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The name is refused, unless nothing would change.
    Refuse,
    /// The agent of that name is changed.
    Change,
}

/// An agent that was registered or changed.
#[derive(Debug)]
pub struct Registered {
    /// As it is now.
    pub agent: Agent,
    /// The text of its file before; absent where there was none.
    pub before: Option<String>,
    /// The text of its file now.
    pub after: String,
}

/// Registers an agent, or changes the one of that name.
pub fn register(
    (root, common_dir): (&Path, &Path),
    name: &str,
    change: AgentChange,
    taken: Taken,
) -> Result<Registered, OpError> {
    let old = load(root, name).ok();
    let base = old.clone().filter(|_| taken == Taken::Change);
    let agent = change
        .apply(agent_name(name)?, base)
        .map_err(Refusal::AgentChange)?;
    if taken == Taken::Refuse && old.is_some_and(|old| old != agent) {
        return Err(Refusal::MergeConflict {
            why: format!("an agent named `{}` is registered already", agent.name),
            hint: format!("`ai agent show {}`, or give --replace", agent.name),
        }
        .into());
    }
    require_command(root, &agent)?;
    let before = file_text(root, &agent.name)?;
    save(root, common_dir, &agent)?;
    let after = file_text(root, &agent.name)?.unwrap_or_default();
    Ok(Registered {
        agent,
        before,
        after,
    })
}

/// A connector that stands for any program needs to be told which.
fn require_command(root: &Path, agent: &Agent) -> Result<(), OpError> {
    let connectors = connectors(root)?;
    let is_bare = connectors
        .get(agent.connector.as_str())
        .is_some_and(|known| known.describe().argv.is_empty() && agent.argv.is_empty());
    if !is_bare {
        return Ok(());
    }
    Err(Refusal::Unclear {
        why: format!(
            "the connector `{}` starts whatever program it is told, and none is named",
            agent.connector
        ),
        hint: format!(
            "`ai agent register {} --connector {} -- PROGRAM ARGUMENT…`",
            agent.name, agent.connector
        ),
    }
    .into())
}

/// Removes an agent. Its runs and their evidence stay.
pub fn remove(root: &Path, common_dir: &Path, name: &str) -> Result<(), OpError> {
    let name = agent_name(name)?;
    trust::keeping(root, common_dir, || {
        agent_file::remove(&dir(root), &name).map_err(refusal)
    })
}

/// A name as agents may bear it.
pub fn agent_name(text: &str) -> Result<Name, OpError> {
    Ok(Name::new(text)?)
}

fn refusal(error: AgentFileError) -> OpError {
    match error {
        AgentFileError::NotFound { name } => Refusal::NotFound {
            what: Thing::Agent,
            id: name.to_string(),
        }
        .into(),
        other => Refusal::AgentFile(other).into(),
    }
}
