//! The connector `command`: any program that takes a prompt and changes files. The agent brings the
//! whole command line.
//!
//! The prompt stands on standard input and in `{prompt_file}`; `{prompt}` puts it into an argument.
//! Exit code 75 means "try later".

use std::sync::{Arc, OnceLock};

use crate::connector::api::{Connector, StreamParser};
use crate::connector::by_manifest::parser_for;
use crate::connector::error::ConnectorError;
use crate::connector::launch::{LaunchPlan, LaunchRequest, check_words, expand_all, plan};
use crate::connector::manifest::Manifest;
use crate::connector::signs::FailureSigns;
use crate::process::child_command::StdinSource;

/// Runs the agent's own command line.
pub(super) struct CommandConnector {
    manifest: Manifest,
    signs: OnceLock<Arc<FailureSigns>>,
}

impl CommandConnector {
    /// From a manifest without `argv`.
    pub(super) fn new(manifest: Manifest) -> Self {
        Self {
            manifest,
            signs: OnceLock::new(),
        }
    }
}

impl Connector for CommandConnector {
    fn describe(&self) -> &Manifest {
        &self.manifest
    }

    fn command(&self, request: &LaunchRequest<'_>) -> Result<LaunchPlan, ConnectorError> {
        check_words(request)?;
        if request.agent.argv.is_empty() {
            return Err(ConnectorError::NoCommand {
                agent: request.agent.name.to_string(),
            });
        }
        let argv = expand_all(&request.agent.argv, request)?;
        let prompt = StdinSource::File(request.prompt_file.to_owned());
        plan(&self.manifest, request, argv, prompt)
    }

    fn parser(&self) -> Box<dyn StreamParser> {
        parser_for(
            self.manifest.output,
            self.signs
                .get_or_init(|| Arc::new(FailureSigns::new(&self.manifest))),
        )
    }
}
