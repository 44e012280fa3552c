//! Which agents cannot be started on this machine. A project's agents are shared by everybody who
//! clones it, the programs and keys behind them are not: one that is missing here must not take the
//! tasks that another one could do.
//!
//! Looks for files and variables, and starts nothing. What only a run can tell is left to it: a
//! program relative to its worktree, a credential in a file (which nobody reads before `ai trust`),
//! a login.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::Path;

use crate::config::credentials::{Credential, Source};
use crate::connector::manifest::Manifest;
use crate::connector::registry::ConnectorRegistry;
use crate::domain::agent::{Agent, Name};
use crate::ops::{credentials, detect};

/// Finds the reasons why agents cannot be started here, by their names. Agents of which nothing is
/// missing are not in it.
pub fn unready(
    root: &Path,
    env: &[(OsString, OsString)],
    connectors: &ConnectorRegistry,
    agents: &[Agent],
) -> BTreeMap<String, String> {
    let mut look = ProgramLookup {
        env,
        programs: HashMap::new(),
        credentials: None,
        root,
    };
    let enabled = agents.iter().filter(|agent| agent.enabled);
    enabled
        .filter_map(|agent| {
            let why = match connectors.get(agent.connector.as_str()) {
                Some(connector) => look.missing(agent, connector.describe())?,
                None => no_connector(agent),
            };
            Some((agent.name.to_string(), why))
        })
        .collect()
}

/// The reason of an agent whose connector is not there.
pub(in crate::ops) fn no_connector(agent: &Agent) -> String {
    format!("there is no connector `{}`", agent.connector)
}

struct ProgramLookup<'a> {
    root: &'a Path,
    env: &'a [(OsString, OsString)],
    /// Presence of each program, by its name: many agents share few programs.
    programs: HashMap<String, bool>,
    credentials: Option<Vec<Credential>>,
}

impl ProgramLookup<'_> {
    fn missing(&mut self, agent: &Agent, manifest: &Manifest) -> Option<String> {
        let own = if manifest.argv.is_empty() {
            &agent.argv
        } else {
            &manifest.argv
        };
        if let Some(word) = own.first().filter(|word| !self.is_there(word, manifest)) {
            return Some(format!("its program `{word}` is not on this machine"));
        }
        let ids: Vec<&str> = agent
            .credentials
            .iter()
            .chain(&manifest.credentials)
            .map(Name::as_str)
            .collect();
        ids.into_iter().find_map(|id| self.no_credential(id))
    }

    fn is_there(&mut self, word: &str, manifest: &Manifest) -> bool {
        let env = self.env;
        let look = || match word {
            _ if word.contains('{') => true,
            _ if word.starts_with('/') => detect::is_program(Path::new(word)),
            _ if word.contains('/') => true,
            _ if manifest.detect.is_some() && !manifest.argv.is_empty() => {
                detect::program(manifest, env).is_some()
            }
            _ => detect::on_path(word, env).is_some(),
        };
        *self.programs.entry(word.to_owned()).or_insert_with(look)
    }

    fn no_credential(&mut self, id: &str) -> Option<String> {
        let (root, env) = (self.root, self.env);
        // A file that cannot be read is told of by whatever starts a run.
        let all = self
            .credentials
            .get_or_insert_with(|| credentials::load(root).unwrap_or_default());
        let credential = all.iter().find(|credential| credential.id == id)?;
        match credential.source {
            Source::Env(_) => credentials::secret(credential, env)
                .err()
                .map(|error| error.to_string()),
            Source::File { .. } => None,
        }
    }
}
