//! The way in: opens the outputs, starts the keeper, and hands over to the watch.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use crate::base::env::AI_RUN;
use crate::process::capture::OutputCapture;
use crate::process::child_command::StdinSource;
use crate::process::egress::INSIDE;
use crate::process::guard::{Keeper, KeeperConfinement, KeeperLaunch, KeeperPair};
use crate::process::redact::Redactor;
use crate::process::sandbox::{LandlockPolicy, SandboxLayer, SandboxPolicy};
use crate::process::supervise::CancelToken;
use crate::process::supervise::ending::{OutputCaptures, RawOutcome, StartMoment, outcome};
use crate::process::supervise::outcome::{
    CommandEnd, CommandOutcome, SpawnFailure, SpawnFailureKind,
};
use crate::process::supervise::spec::{CommandObserver, OutputTo, SpawnSpec};
use crate::process::supervise::stdin_pipe::StdinPipe;
use crate::process::supervise::watch::CommandWatch;

/// A command that could not be supervised at all. A command that cannot be started is no such
/// error, but [`CommandEnd::SpawnFailed`].
#[derive(Debug, thiserror::Error)]
pub enum SuperviseError {
    /// An output file cannot be made.
    #[error("cannot create the log {}: {source}", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The asynchronous runtime cannot be set up.
    #[error("cannot set up the supervision of a command: {0}")]
    Runtime(#[source] io::Error),
}

/// Runs `spec` to its end, whatever that is, and leaves no process of it behind. Output is
/// redacted, then handed to `observer` line by line and written. If the returned future is dropped,
/// the keeper ends the command by itself.
///
/// # Errors
/// Where an output file cannot be made; nothing has been started then.
pub async fn supervise(
    spec: &SpawnSpec,
    redactor: &Redactor,
    observer: &mut dyn CommandObserver,
    cancel: &CancelToken,
) -> Result<CommandOutcome, SuperviseError> {
    let captures = OutputCaptures {
        stdout: capture(&spec.stdout, spec, redactor)?,
        stderr: capture(&spec.stderr, spec, redactor)?,
    };
    let started = StartMoment::now();
    // The pipe stands before the keeper opens it.
    let begun = launch(spec).and_then(|order| {
        let voice = voice(spec)?;
        Ok((
            voice,
            Keeper::start(
                &order,
                &environment(spec),
                spec.sandbox.as_ref(),
                spec.cgroup.as_ref(),
                cancel.fence(),
            )?,
        ))
    });
    let mut outcome = match begun {
        Ok((voice, keeper)) => {
            CommandWatch::new(spec, captures, keeper, voice, started)
                .see_out(observer, cancel)
                .await
        }
        Err(error) => {
            let failure =
                SpawnFailure::new(SpawnFailureKind::of(&error), &spec.command.argv, &error);
            outcome(
                started,
                captures,
                RawOutcome::of(CommandEnd::SpawnFailed(failure)),
            )
        }
    };
    // An argument may be a secret.
    if let CommandEnd::SpawnFailed(failure) = &mut outcome.end {
        failure.command = redactor.redact_text(&failure.command);
        failure.message = redactor.redact_text(&failure.message);
    }
    Ok(outcome)
}

fn capture(
    to: &OutputTo,
    spec: &SpawnSpec,
    redactor: &Redactor,
) -> Result<OutputCapture, SuperviseError> {
    OutputCapture::create(to, spec.limits.output_cap, redactor).map_err(|source| {
        let path = match to {
            OutputTo::File(path) => path.clone(),
            OutputTo::Memory => PathBuf::new(),
        };
        SuperviseError::Log { path, source }
    })
}

/// The order for the keeper; paths are made absolute, since the keeper lives in another directory.
fn launch(spec: &SpawnSpec) -> io::Result<KeeperLaunch> {
    Ok(KeeperLaunch {
        grace: spec.limits.grace,
        command: spec.command.absolute()?,
        confine: KeeperConfinement {
            pair: pair(spec),
            ..spec.sandbox.as_ref().map(confine).unwrap_or_default()
        },
    })
}

/// The pipe through which the command is talked to, where it is.
fn voice(spec: &SpawnSpec) -> io::Result<Option<StdinPipe>> {
    match &spec.command.stdin {
        StdinSource::Talk(path) => StdinPipe::make(path).map(Some),
        StdinSource::Null | StdinSource::File(_) => Ok(None),
    }
}

/// The keepers of a command of a run. A sandbox with a pid namespace needs no second one.
fn pair(spec: &SpawnSpec) -> Option<KeeperPair> {
    spec.run_id.as_ref()?;
    match spec.sandbox.as_ref().map(|policy| &policy.layer) {
        None | Some(SandboxLayer::None) => Some(KeeperPair::WithOwnRights),
        Some(SandboxLayer::Landlock) => Some(KeeperPair::InUserNamespace),
        Some(SandboxLayer::Bubblewrap(_) | SandboxLayer::Seatbelt) => None,
    }
}

/// The part of a [sandbox policy](SandboxPolicy) that the keeper itself carries out.
fn confine(policy: &SandboxPolicy) -> KeeperConfinement {
    let landlock = match policy.layer {
        SandboxLayer::Landlock => Some(LandlockPolicy::of(policy)),
        SandboxLayer::Bubblewrap(_) | SandboxLayer::Seatbelt | SandboxLayer::None => None,
    };
    KeeperConfinement {
        landlock,
        limits: Some(policy.limits),
        egress: policy.egress.as_ref().map(|_| INSIDE.to_owned()),
        ..KeeperConfinement::default()
    }
}

/// The child's environment with the mark of its run, by which it is found after a crash of
/// everything else.
fn environment(spec: &SpawnSpec) -> Vec<(OsString, OsString)> {
    let mut env = spec.env.clone();
    env.retain(|(name, _)| name != AI_RUN);
    env.extend(spec.run_id.iter().map(|run| (AI_RUN.into(), run.into())));
    env
}
