//! A connector whose command line comes from its manifest.

use std::sync::{Arc, OnceLock};

use crate::connector::acp::{Acp, AcpSession};
use crate::connector::api::{Connector, StreamParser};
use crate::connector::claude::{CLAUDE, Claude, QWEN};
use crate::connector::cline::Cline;
use crate::connector::codex::Codex;
use crate::connector::copilot::Copilot;
use crate::connector::dialogue::Dialogue;
use crate::connector::error::ConnectorError;
use crate::connector::gemini::Gemini;
use crate::connector::launch::{
    LaunchPlan, LaunchRequest, SessionChoice, check_words, chosen_model, expand_all, own_home, plan,
};
use crate::connector::manifest::{Manifest, OutputFormat, PromptMode};
use crate::connector::opencode::Opencode;
use crate::connector::pi::Pi;
use crate::connector::signs::FailureSigns;
use crate::connector::stream::{Dialect, JsonParser};
use crate::connector::text::TextParser;
use crate::process::child_command::StdinSource;

/// Drives the CLI that its manifest describes.
pub(super) struct ManifestConnector {
    manifest: Manifest,
    /// Compiled for the one connector of a run, of all that are known.
    signs: OnceLock<Arc<FailureSigns>>,
}

impl ManifestConnector {
    /// From a manifest with `argv`.
    pub(super) fn new(manifest: Manifest) -> Self {
        Self {
            manifest,
            signs: OnceLock::new(),
        }
    }

    fn session_args(&self, session: SessionChoice<'_>) -> Result<&[String], ConnectorError> {
        match session {
            SessionChoice::New => Ok(&[]),
            SessionChoice::Named(_) => Ok(&self.manifest.session_args),
            SessionChoice::Resume(_) if self.manifest.resume_args.is_empty() => {
                Err(ConnectorError::NoResume {
                    connector: self.manifest.name.to_string(),
                })
            }
            SessionChoice::Resume(_) => Ok(&self.manifest.resume_args),
        }
    }
}

impl Connector for ManifestConnector {
    fn describe(&self) -> &Manifest {
        &self.manifest
    }

    fn command(&self, request: &LaunchRequest<'_>) -> Result<LaunchPlan, ConnectorError> {
        check_words(request)?;
        let mut argv = expand_all(&self.manifest.argv, request)?;
        if let (Some(first), Some(program)) = (argv.first_mut(), request.program) {
            *first = program.as_os_str().to_owned();
        }
        if let (Some(_), Some(home)) = (own_home(&self.manifest, request)?, &self.manifest.home) {
            argv.extend(expand_all(&home.args, request)?);
        }
        if chosen_model(request).is_some() {
            argv.extend(expand_all(&self.manifest.model_args, request)?);
        }
        argv.extend(expand_all(&request.agent.argv, request)?);
        // At the end: one CLI resumes by a subcommand, which takes no other flags.
        argv.extend(expand_all(self.session_args(request.session)?, request)?);
        let stdin = match self.manifest.prompt {
            PromptMode::Stdin if self.manifest.converses() => {
                StdinSource::Talk(request.pipe.to_owned())
            }
            PromptMode::Stdin => StdinSource::File(request.prompt_file.to_owned()),
            PromptMode::Arg | PromptMode::File => StdinSource::Null,
        };
        plan(&self.manifest, request, argv, stdin)
    }

    fn parser(&self) -> Box<dyn StreamParser> {
        parser_for(
            self.manifest.output,
            self.signs
                .get_or_init(|| Arc::new(FailureSigns::new(&self.manifest))),
        )
    }

    fn dialogue(&self, request: &LaunchRequest<'_>) -> Option<Box<dyn Dialogue>> {
        // A model that the command line has named need not be chosen again.
        let model = chosen_model(request).filter(|_| self.manifest.model_args.is_empty());
        self.manifest
            .converses()
            .then(|| Box::new(AcpSession::new(request.worktree, request.prompt, model)) as _)
    }
}

/// The parser for an [output format](OutputFormat).
pub(super) fn parser_for(output: OutputFormat, signs: &Arc<FailureSigns>) -> Box<dyn StreamParser> {
    match output {
        OutputFormat::ClaudeStreamJson => json(Claude::new(CLAUDE), signs),
        OutputFormat::QwenStreamJson => json(Claude::new(QWEN), signs),
        OutputFormat::CodexJson => json(Codex::default(), signs),
        OutputFormat::GeminiStreamJson => json(Gemini::default(), signs),
        OutputFormat::OpencodeJson => json(Opencode::default(), signs),
        OutputFormat::CopilotJson => json(Copilot::default(), signs),
        OutputFormat::ClineJson => json(Cline::default(), signs),
        OutputFormat::PiJson => json(Pi::default(), signs),
        OutputFormat::Acp => json(Acp::default(), signs),
        OutputFormat::Text => Box::new(TextParser::new(signs.clone())),
    }
}

fn json(dialect: impl Dialect + 'static, signs: &Arc<FailureSigns>) -> Box<dyn StreamParser> {
    Box::new(JsonParser::new(dialect, signs.clone()))
}
