//! Making a fresh worktree usable: files that Git does not carry (`.worktreeinclude`), build
//! caches, ports, then the project's setup command, whose log is evidence of its own. A setup that
//! fails is the machine's fault, never the attempt's.

use crate::base::text::counted;
use crate::domain::agent::Agent;
use crate::domain::process_end::ProcessEnd;
use crate::ops::run::model::RunCx;
use crate::ops::run::sandbox::command::{CommandOutput, ConfinedCommand, words};
use crate::ops::run::sandbox::layer;
use crate::ops::run::sandbox::network::NetworkLeave;
use crate::store::Store;
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::fs;
use crate::base::seed::{CopyMethod, SeedReport, may_be_made, seed};
use crate::base::text::path_bytes;
use crate::config::CacheMode;
use crate::domain::evidence::EvidenceKind;
use crate::git::worktree::{Slot, WorktreePool};
use crate::ops::cx::commit;
use crate::ops::error::OpError;
use crate::ops::lease;
use crate::ops::refusal::Refusal;
use crate::ops::run::agent::ports;
use crate::ops::run::checks::environment::{Installed, checkouts, relocated};
use crate::ops::run::checks::runner::SETUP_LIMIT;
use crate::ops::run::sandbox::builder::{Occupant, SandboxBuilder};
use crate::ops::run::step::evidence::{Filed, file_evidence};
use crate::process::environment::{EnvVariable, child_environment};
use crate::process::supervise::{ChildCommand, CommandLimits, QuietObserver};

/// The list of ignored files that worktrees need, in `.gitignore` syntax.
const INCLUDE: &str = ".worktreeinclude";
/// Most of its standard error that is kept.
const LOG_CAP: u64 = 64 << 20;

/// Copies what `.worktreeinclude` names and the caches, chooses the ports, and runs the setup
/// command.
pub(crate) fn provision(
    live: &RunCx<'_>,
    agent: &Agent,
    store: &mut dyn Store,
    slot: &Slot,
) -> Result<(), OpError> {
    include(live, &slot.path)?;
    seed_caches(live, &slot.path)?;
    // Chosen even where there is no setup: the agent gets the same.
    ports::of_run(&live.world.config, &live.files, &slot.name)?;
    let Some(command) = &live.world.config.runs.setup else {
        return Ok(());
    };
    let argv = words(command);
    let sandbox = sandbox(live, agent, slot, &argv)?;
    setup(live, store, slot, argv, sandbox)
}

/// Brings the caches of the main checkout into the worktree, where it has none of its own yet. One
/// that Git does not ignore would become part of the work.
fn seed_caches(live: &RunCx<'_>, worktree: &Path) -> Result<(), OpError> {
    let (root, runs) = (&live.world.root, &live.world.config.runs);
    let how = match runs.cache_mode {
        CacheMode::Cow => CopyMethod::Cow,
        CacheMode::Hardlink => CopyMethod::Hardlink,
        CacheMode::Copy => CopyMethod::Copy,
    };
    for cache in &runs.caches {
        if !root.join(cache).is_dir() || live.world.location.main_root.is_none() {
            continue;
        }
        let ignored = live
            .repo
            .git()
            .command(["check-ignore", "--quiet", "--"])
            .arg(cache)
            .dir(root);
        let ignored = ignored.env("GIT_LITERAL_PATHSPECS", "0");
        if ignored.run_any()?.code != 0 {
            live.world.say(&format!(
                "warning: cache {cache} is not ignored by Git, so the worktree starts without it"
            ));
            continue;
        }
        let draft = WorktreePool::draft(worktree);
        if let Some(seeded) = seed(root, worktree, Path::new(cache), how, &draft)? {
            let SeedReport {
                files,
                shared,
                skipped,
            } = seeded;
            live.world.say(&format!(
                "cache {cache}: {}, {shared} of them shared, {skipped} left out",
                counted(files, "file")
            ));
        }
    }
    Ok(())
}

/// Copies ignored files of the main checkout that the list names. The list is the main checkout's
/// own, never the agent's. What Git does not ignore would become part of the work, and what is no
/// file cannot be brought; both are left out with a word.
fn include(live: &RunCx<'_>, worktree: &Path) -> Result<(), OpError> {
    let root = &live.world.root;
    if !root.join(INCLUDE).is_file() || live.world.location.main_root.is_none() {
        return Ok(());
    }
    let listed = live
        .repo
        .git()
        .command(["ls-files", "-z", "--others", "--ignored"])
        .arg(format!("--exclude-from={INCLUDE}"));
    let named = listed.dir(root).run()?.stdout;
    let asked = live
        .repo
        .git()
        .command(["check-ignore", "-z", "--stdin"])
        .input(named.clone())
        .dir(root);
    let answer = asked.env("GIT_LITERAL_PATHSPECS", "0").run_any()?;
    // 1 says that none is ignored.
    if answer.code > 1 {
        return Err(answer.failure().into());
    }
    let ignored: HashSet<&[u8]> = names(&answer.stdout).collect();
    for name in names(&named) {
        let path = Path::new(OsStr::from_bytes(name));
        if path.starts_with(".ai") {
            continue;
        }
        let left_out = if ignored.contains(name) {
            bring(root, worktree, path)?
        } else {
            Some("Git does not ignore it, so it would become part of the work")
        };
        if let Some(why) = left_out {
            let shown = path_bytes(name);
            live.world.say(&format!(
                "warning: {INCLUDE} names {shown}, which is left out: {why}"
            ));
        }
    }
    Ok(())
}

fn names(listed: &[u8]) -> impl Iterator<Item = &[u8]> {
    listed
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
}

/// Copies one file, unless there is one. Returns why it could not be.
fn bring(root: &Path, worktree: &Path, path: &Path) -> Result<Option<&'static str>, OpError> {
    // A link may lead to a file; one that leads nowhere, or to a directory, is none.
    if !root.join(path).is_file() {
        return Ok(Some("it is no file"));
    }
    let above = path.parent().unwrap_or(Path::new(""));
    if !may_be_made(worktree, above) {
        return Ok(Some(
            "a directory above it is something else in the worktree",
        ));
    }
    match fs::copy_if_absent(&root.join(path), &worktree.join(path)) {
        Ok(()) => Ok(None),
        Err(error) if error.is_not_found() => Ok(Some("it is gone")),
        Err(error) => Err(error.into()),
    }
}

fn setup(
    live: &RunCx<'_>,
    store: &mut dyn Store,
    slot: &Slot,
    argv: Vec<OsString>,
    sandbox: SandboxBuilder,
) -> Result<(), OpError> {
    let used = sandbox.used();
    live.world
        .say(&format!("setup of the worktree (sandbox: {used})"));
    let log = live.files.setup_log();
    let command = ConfinedCommand {
        command: ChildCommand::new(argv, slot.path.clone()),
        env: setup_environment(live, slot)?,
        label: live.started.run.id.to_string(),
        watched: None,
        cgroup: None,
        limits: CommandLimits {
            total: Some(SETUP_LIMIT),
            silence: None,
            grace: live.world.config.runs.grace,
            output_cap: 16 << 20,
        },
        output: CommandOutput::Files(log.clone()),
    };
    let ended = command.run(live.world, sandbox, &mut QuietObserver, &live.cancel)?;
    log.join(LOG_CAP)?;
    let end = &ended.process;
    file(
        live,
        store,
        &log.log,
        serde_json::json!({ "end": end, "duration_ms": ended.duration_ms(), "sandbox": used }),
    )?;
    if *end == (ProcessEnd::Exited { code: 0 }) {
        return Ok(());
    }
    let text = format!(
        "the setup command (`runs.setup`) failed: {}; its output is in {}",
        end.failure(),
        log.log.display()
    );
    Err(Refusal::Environment(text).into())
}

/// The environment of the setup: what leads into the main checkout leads into the worktree.
fn setup_environment(live: &RunCx<'_>, slot: &Slot) -> Result<Vec<EnvVariable>, OpError> {
    let (world, runs) = (live.world, &live.world.config.runs);
    // As checks have it: by this, tools know that there is nobody to ask.
    let unattended = vec![("CI".into(), "true".into())];
    let inherited = child_environment(&world.env, &runs.env_pass, &[]);
    let (moved, _) = relocated(
        &inherited,
        &checkouts(world)?,
        &slot.path,
        Installed::LeftAlone,
    );
    let ports = ports::of_run(&world.config, &live.files, &slot.name)?;
    let set = [unattended, moved, ports::variables(&ports)].concat();
    Ok(child_environment(&world.env, &runs.env_pass, &set))
}

/// A setup may write in its worktree and in the caches of build tools, as the agent may. Its words
/// are the project's; what it starts came with the dependencies, or from the network where the
/// policy leaves it one.
fn sandbox(
    live: &RunCx<'_>,
    agent: &Agent,
    slot: &Slot,
    argv: &[OsString],
) -> Result<SandboxBuilder, OpError> {
    let layer = layer::layer(live.world, agent.sandbox)?;
    let network = NetworkLeave::under_policy(live)?;
    let mut sandbox = SandboxBuilder::new(
        live.world,
        Occupant::Agent,
        layer,
        network,
        &live.files.tmp(),
    )?;
    sandbox.programs(argv, &live.world.env);
    sandbox.worktree(&slot.path, &slot.admin, None)?;
    Ok(sandbox)
}

/// However it ended, its log is evidence.
fn file(
    live: &RunCx<'_>,
    store: &mut dyn Store,
    log: &Path,
    summary: serde_json::Value,
) -> Result<(), OpError> {
    let run = &live.started.run;
    let filed = Filed {
        task: &run.task,
        run: Some(&run.id),
        tree: None,
    };
    let piece = file_evidence(
        live.world,
        &filed,
        EvidenceKind::Setup,
        "setup",
        log,
        summary,
    )?;
    let cx = live.cx()?;
    commit(store, &cx, |tx, cx| {
        lease::fenced(tx, cx, &live.started.token, "setup")?;
        cx.record_evidence(tx, std::slice::from_ref(&piece))
    })
}
