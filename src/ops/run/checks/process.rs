//! Starts commands in the place of checks, in its sandbox and with its environment: the setup, the
//! checks themselves, and the questions that have to be asked before them.

use std::ffi::OsString;
use std::time::Duration;

use crate::domain::resources::ResourceAmounts;
use crate::ops::error::OpError;
use crate::ops::run::checks::environment::CheckEnvironment;
use crate::ops::run::checks::place::CheckPlace;
use crate::ops::run::sandbox::builder::{Occupant, SandboxBuilder};
use crate::ops::run::sandbox::command::{CommandOutput, ConfinedCommand, ConfinedEnd};
use crate::ops::run::sandbox::holding::hold;
use crate::ops::run::sandbox::layer;
use crate::ops::world::World;
use crate::process::supervise::{CancelToken, ChildCommand, CommandLimits, QuietObserver};

/// Starts the commands of checks at one place.
pub(crate) struct CheckProcess<'a> {
    /// The machine and the project.
    pub(crate) world: &'a World,
    /// The place.
    pub(crate) place: &'a CheckPlace,
    /// The mark of their processes, so that none of them outlives a crash.
    pub(crate) label: &'a str,
    /// Ends them.
    pub(crate) cancel: &'a CancelToken,
}

impl CheckProcess<'_> {
    /// Starts a command and waits for its end. It writes in the place and nowhere else.
    pub(crate) fn run(
        &self,
        variables: &CheckEnvironment,
        argv: Vec<OsString>,
        (limit, needs): (Duration, &ResourceAmounts),
        output: CommandOutput,
    ) -> Result<ConfinedEnd, OpError> {
        let (world, place) = (self.world, self.place);
        let layer = layer::layer(world, None)?;
        let occupant = Occupant::Check(&variables.shown);
        let network = place.network.clone();
        let mut sandbox = SandboxBuilder::new(world, occupant, layer, network, &place.tmp)?;
        sandbox.programs(&argv, &variables.variables);
        variables.hidden.iter().for_each(|path| sandbox.hide(path));
        sandbox.write(&place.root);
        sandbox.write(&place.git_dir);
        let command = ConfinedCommand {
            command: ChildCommand::new(argv, place.root.clone()),
            env: variables.variables.clone(),
            label: self.label.to_owned(),
            watched: None,
            cgroup: hold(&format!("{}-check", self.label), needs).cgroup,
            limits: CommandLimits {
                total: Some(limit),
                silence: None,
                grace: world.config.runs.grace,
                output_cap: u64::from(world.config.runs.output_mb) << 20,
            },
            output,
        };
        command.run(world, sandbox, &mut QuietObserver, self.cancel)
    }
}
