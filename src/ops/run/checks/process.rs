//! Starts commands in the place of checks, in its sandbox and with its environment: the setup, the
//! checks themselves, and the questions that have to be asked before them.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use crate::base::fs;
use crate::config::CommandLine;
use crate::ops::refusal::OpError;
use crate::ops::run::checks::environment::CheckEnvironment;
use crate::ops::run::checks::place::CheckPlace;
use crate::ops::run::sandbox::builder::{self, Ground, Inmate};
use crate::ops::world::World;
use crate::process::supervise::{
    CancelToken, CommandLimits, CommandOutcome, OutputTo, QuietObserver, SpawnSpec, StdinSource,
    SuperviseError, supervise,
};

/// What checks are started with.
pub(crate) struct CheckProcess<'a> {
    /// The machine and the project.
    pub(crate) world: &'a World,
    /// Where they run.
    pub(crate) place: &'a CheckPlace,
    /// Marks their processes, so that none of them outlives a crash.
    pub(crate) label: &'a str,
    /// Ends them.
    pub(crate) cancel: &'a CancelToken,
}

/// Where the output goes.
pub(crate) enum Output<'a> {
    /// Into two files.
    Files(&'a Path, &'a Path),
    /// Standard output is returned, standard error is dropped.
    Returned,
}

impl CheckProcess<'_> {
    /// Starts a command and waits for its end. It writes in the place and nowhere else.
    pub(crate) fn run(
        &self,
        variables: &CheckEnvironment,
        argv: Vec<OsString>,
        limit: Duration,
        output: &Output<'_>,
    ) -> Result<CommandOutcome, OpError> {
        let (world, place) = (self.world, self.place);
        let layer = builder::layer(world, None)?;
        let inmate = Inmate::Check(&variables.shown);
        let mut ground = Ground::new(world, inmate, layer, place.network, &place.tmp)?;
        ground.programs(&argv, &variables.variables);
        variables.hidden.iter().for_each(|path| ground.hide(path));
        ground.write(&place.root);
        ground.write(&place.git_dir);
        let mut env = variables.variables.clone();
        for (name, value) in ground.variables() {
            env.retain(|(known, _)| *known != name);
            env.push((name, value));
        }
        let to = |file: Option<&Path>| {
            file.map_or(OutputTo::Memory, |file| OutputTo::File(file.to_owned()))
        };
        let (stdout, stderr) = match output {
            Output::Files(stdout, stderr) => (Some(*stdout), Some(*stderr)),
            Output::Returned => (None, None),
        };
        let spec = SpawnSpec {
            argv,
            cwd: place.root.clone(),
            env,
            stdin: StdinSource::Null,
            run_id: Some(self.label.to_owned()),
            files: None,
            cgroup: None,
            sandbox: ground.fence(),
            limits: CommandLimits {
                total: Some(limit),
                silence: None,
                grace: world.config.runs.grace,
                output_cap: u64::from(world.config.runs.output_mb) << 20,
            },
            stdout: to(stdout),
            stderr: to(stderr),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(SuperviseError::Runtime)?;
        let outcome = runtime.block_on(supervise(
            &spec,
            world.redactor(),
            &mut QuietObserver,
            self.cancel,
        ));
        ground.clear()?;
        Ok(outcome?)
    }
}

/// A command line as the words of a program.
pub(crate) fn words(command: &CommandLine) -> Vec<OsString> {
    match command {
        CommandLine::Shell(line) => ["/bin/sh", "-c", line].map(OsString::from).to_vec(),
        CommandLine::Argv(argv) => argv.iter().map(OsString::from).collect(),
    }
}

/// Puts standard error behind standard output, as one log.
pub(crate) fn join(log: &Path, errors: &Path, cap: u64) -> Result<(), OpError> {
    let stderr = fs::read_capped(errors, cap)?;
    fs::append(log, &stderr)?;
    Ok(fs::remove_file(errors)?)
}
