//! Making a fresh worktree usable: files that Git does not carry (`.worktreeinclude`), then the project's setup command.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use crate::base::fs;
use crate::config::CommandLine;
use crate::git::worktree::Slot;
use crate::ops::refusal::{OpError, Refusal};
use crate::ops::run::checks::runtime;
use crate::ops::run::drive::Live;
use crate::ops::run::world::environment;
use crate::process::environment::child_environment;
use crate::process::supervise::{End, Limits, OutputTo, Quiet, SpawnSpec, StdinSource, supervise};

/// The list of ignored files that worktrees need, in `.gitignore` syntax.
const INCLUDE: &str = ".worktreeinclude";
/// Longest setup.
const SETUP_LIMIT: Duration = Duration::from_secs(1800);

/// Copies what `.worktreeinclude` names and runs the setup command.
pub(super) fn provision(live: &Live<'_>, slot: &Slot) -> Result<(), OpError> {
    include(live, &slot.path)?;
    match &live.world.config.runs.setup {
        Some(command) => setup(live, slot, command),
        None => Ok(()),
    }
}

/// Copies ignored files of the main checkout that the list names. The list is the main checkout's own, never the agent's.
fn include(live: &Live<'_>, worktree: &Path) -> Result<(), OpError> {
    let root = &live.world.root;
    if !root.join(INCLUDE).is_file() || live.world.location.main_root.is_none() {
        return Ok(());
    }
    let listed =
        live.repo.git().command(["ls-files", "-z", "--others", "--ignored"]).arg(format!("--exclude-from={INCLUDE}"));
    let found = listed.dir(root).run().map_err(environment)?;
    for name in found.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        use std::os::unix::ffi::OsStrExt;
        let name = Path::new(std::ffi::OsStr::from_bytes(name));
        if name.starts_with(".ai") {
            continue;
        }
        fs::copy_if_absent(&root.join(name), &worktree.join(name)).map_err(environment)?;
    }
    Ok(())
}

fn setup(live: &Live<'_>, slot: &Slot, command: &CommandLine) -> Result<(), OpError> {
    let argv: Vec<OsString> = match command {
        CommandLine::Shell(line) => ["/bin/sh", "-c", line].map(OsString::from).to_vec(),
        CommandLine::Argv(argv) => argv.iter().map(OsString::from).collect(),
    };
    live.world.say("setup of the worktree");
    let log = live.dir.join("setup.log");
    let runs = &live.world.config.runs;
    let spec = SpawnSpec {
        argv,
        cwd: slot.path.clone(),
        env: child_environment(&live.world.env, &runs.env_pass, &[]),
        stdin: StdinSource::Null,
        run_id: Some(live.started.run.id.to_string()),
        fence: None,
        limits: Limits { total: Some(SETUP_LIMIT), silence: None, grace: runs.grace, output_cap: 16 << 20 },
        stdout: OutputTo::File(log.clone()),
        stderr: OutputTo::File(live.dir.join("setup.stderr")),
    };
    let done =
        runtime()?.block_on(supervise(&spec, &live.world.redactor, &mut Quiet, &live.cancel)).map_err(environment)?;
    match done.end {
        End::Exited(0) => Ok(()),
        end => Err(Refusal::Environment(format!(
            "the setup command ended with {end:?}; its output is in {}",
            log.display()
        ))
        .into()),
    }
}
