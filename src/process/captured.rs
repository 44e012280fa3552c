//! Small tools: run one, wait for it, have its output in memory. The same supervision as for
//! agents.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::process::child_command::StdinSource;
use crate::process::redact::Redactor;
use crate::process::sandbox::SandboxPolicy;
use crate::process::supervise::{
    CancelToken, ChildCommand, CommandLimits, CommandOutcome, OutputTo, QuietObserver, SpawnSpec,
    SuperviseError, supervise,
};

/// Time that a small tool may take to end when it is told to.
const GRACE: Duration = Duration::from_secs(2);

/// The mark of what is started in a sandbox and for no run.
const TRIAL: &str = "trial";

/// A tool to run.
#[derive(Debug, Clone)]
pub struct CapturedTool {
    /// Program and arguments.
    pub argv: Vec<OsString>,
    /// Working directory.
    pub cwd: PathBuf,
    /// The whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// Bytes kept of each output.
    pub cap: u64,
    /// Longest run.
    pub timeout: Duration,
    /// The file that is its standard input; `None` for an empty one.
    pub input: Option<PathBuf>,
    /// A sandbox, with the keepers that a command of a run has; `None` for neither.
    pub within: Option<SandboxPolicy>,
}

impl CapturedTool {
    /// A tool with 1 MiB of output and 20 s of time.
    pub fn new(argv: impl IntoIterator<Item = impl Into<OsString>>, cwd: &Path) -> Self {
        let argv = argv.into_iter().map(Into::into).collect();
        Self {
            argv,
            cwd: cwd.to_owned(),
            env: Vec::new(),
            cap: 1 << 20,
            timeout: Duration::from_secs(20),
            input: None,
            within: None,
        }
    }
}

/// Runs `tool` to its end; its output is in `CommandOutcome::stdout.memory`
/// and `stderr.memory`. Well-known shapes of secrets are redacted. May be called inside and outside
/// of an asynchronous runtime; it blocks either way.
///
/// # Errors
/// Where the machinery cannot be set up. A tool that cannot be started is no error but
/// [`super::supervise::CommandEnd::SpawnFailed`].
pub fn run_captured(tool: &CapturedTool) -> Result<CommandOutcome, SuperviseError> {
    let mut command = ChildCommand::new(tool.argv.clone(), tool.cwd.clone());
    if let Some(input) = &tool.input {
        command.stdin = StdinSource::File(input.clone());
    }
    let spec = SpawnSpec {
        command,
        env: tool.env.clone(),
        run_id: tool.within.as_ref().map(|_| TRIAL.to_owned()),
        files: None,
        cgroup: None,
        sandbox: tool.within.clone(),
        limits: CommandLimits {
            total: Some(tool.timeout),
            silence: None,
            grace: GRACE,
            output_cap: tool.cap,
        },
        stdout: OutputTo::Memory,
        stderr: OutputTo::Memory,
    };
    // A thread of its own, since a runtime cannot be driven from within another.
    std::thread::scope(|scope| scope.spawn(|| drive(&spec)).join()).unwrap_or_else(|_| {
        Err(SuperviseError::Runtime(std::io::Error::other(
            "the supervising thread failed",
        )))
    })
}

fn drive(spec: &SpawnSpec) -> Result<CommandOutcome, SuperviseError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(SuperviseError::Runtime)?;
    runtime.block_on(supervise(
        spec,
        &Redactor::new(&[]),
        &mut QuietObserver,
        &CancelToken::new(),
    ))
}
