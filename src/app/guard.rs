//! The ruling on a tool call about which a CLI asks by its own hook: by the supervisor within a run, by
//! the store elsewhere.
//!
//! Invariant: a call that may change something is refused where nobody can say whether it may be made.
//! One that only looks is let through then, and so is everything where there is no project of `ai`.

use std::path::Path;
use std::time::Duration;

use crate::app::error::AppError;
use crate::app::in_run::{self, AgentAnswer, AgentAsk};
use crate::app::token;
use crate::app::workspace::Workspace;
use crate::base::fs::is_missing;
use crate::base::{clock, env};
use crate::connector::announced::{BadPayload, HookCli, announced};
use crate::connector::dialogue::AskedCall;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::error_class::ErrorClass;
use crate::git::discover::{DiscoverError, discover};
use crate::ops::agent_imports::ImportPlace;
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::guard::{self, GuardAsked, GuardRefusal, RefusalRecord};
use crate::ops::whereabouts::SessionPlace;
use crate::store::{Access, waiting_at_most};

/// So often the supervisor is asked again that has no time for one more caller, and so long between.
const MOST_TRIES: u32 = 100;
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// The time for which a model waits for a store in which others write.
const PATIENCE: Duration = Duration::from_secs(2);

/// The way on within a run.
const ANOTHER_WAY: &str = "do it another way, or leave it and say so; `ai task checkpoint` leaves word for whoever goes on";

/// The ruling on a tool call.
#[derive(Debug)]
pub enum HookRuling {
    /// Nothing stands against it.
    Pass,
    /// It only looks, and could not be judged.
    Unjudged(AppError),
    /// It is refused.
    Refuse(AppError),
}

/// Rules on the call that a CLI announces. Within a run, `run` is the socket of its supervisor.
pub fn rule(
    workspace: &Workspace,
    run: Option<&Path>,
    (cli, payload): (HookCli, &[u8]),
) -> HookRuling {
    let call = env::current_dir()
        .map_err(|source| OpError::System {
            doing: "find the current directory",
            source,
        })
        .map_err(AppError::from)
        .and_then(|here| announced(cli, payload, &here).map_err(unreadable));
    let call = match call {
        Ok(call) => call,
        Err(error) => return HookRuling::Refuse(error),
    };
    let only_looks = call.kind.only_looks();
    let ruled = match run {
        Some(socket) => within(socket, &call),
        None => outside(workspace, cli, &call),
    };
    match ruled {
        Ok(()) => HookRuling::Pass,
        Err(error) if only_looks && !is_an_answer(&error) => HookRuling::Unjudged(error),
        Err(error) => HookRuling::Refuse(error),
    }
}

fn unreadable(why: BadPayload) -> AppError {
    AppError::of(ErrorClass::Usage, why).hint(
        "the call was not made, since nobody can say what it would do; a CLI of another version may speak otherwise",
    )
}

/// True where policy or a lock says no, and not the lack of an answer.
fn is_an_answer(error: &AppError) -> bool {
    matches!(
        error.class,
        ErrorClass::Denied | ErrorClass::ApprovalNeeded | ErrorClass::Conflict
    )
}

fn within(socket: &Path, call: &AskedCall) -> Result<(), AppError> {
    let mut tries = 0;
    loop {
        let ask = AgentAsk::PreTool { call: call.clone() };
        match in_run::ask(socket, ask) {
            Ok(AgentAnswer::MayCall) => return Ok(()),
            Ok(_) => return Err(in_run::other_answer()),
            // A CLI asks about many calls at once, of which the supervisor hears a few.
            Err(error) if error.class == ErrorClass::TryLater && tries < MOST_TRIES => {
                tries += 1;
                clock::pause(BETWEEN_TRIES);
            }
            // What a person would look at is out of the agent's sight.
            Err(error) if error.class == ErrorClass::Denied => return Err(error.hint(ANOTHER_WAY)),
            Err(error) => return Err(error),
        }
    }
}

fn outside(workspace: &Workspace, cli: HookCli, call: &AskedCall) -> Result<(), AppError> {
    if is_a_project(workspace)? {
        return in_project(workspace, cli, call);
    }
    // A CLI that was started above several projects is asked about by the files that it names.
    let mut asked = Vec::new();
    for path in &call.paths {
        let there = Path::new(path).ancestors().skip(1).find(|dir| dir.is_dir());
        let there = there.map(Path::to_owned);
        let project = Workspace::new(there, workspace.named().map(str::to_owned));
        if is_a_project(&project)? && !asked.contains(&project.root()?.to_owned()) {
            in_project(&project, cli, call)?;
            asked.push(project.root()?.to_owned());
        }
    }
    Ok(())
}

fn in_project(workspace: &Workspace, cli: HookCli, call: &AskedCall) -> Result<(), AppError> {
    let location = workspace.place()?;
    let Some(top) = &location.top else {
        return Ok(());
    };
    // Links are followed by the system, and a tree that cannot be found holds nothing.
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let place = SessionPlace {
        tree: real(top),
        main: location.main_root.as_deref().map(real),
        git_dir: Some(real(&location.common_dir)),
    };
    let holder = workspace.actor()?;
    let agent = match holder.kind {
        // A model acts, whoever started it.
        ActorKind::Human => Actor::new(ActorKind::Agent, cli.as_str())
            .map_err(|e| AppError::usage(e.to_string()))?,
        _ => holder.clone(),
    };
    let cx = Cx {
        actor: agent,
        ..workspace.cx()?
    };
    let kept = token::of_session(workspace, &holder)?;
    let imports = ImportPlace::new(location, "HEAD");
    let asked = GuardAsked {
        call,
        place: &place,
        holder: &holder,
        kept: &kept,
        run: None,
        imports: Some(&imports),
    };
    let mut store = waiting_at_most(PATIENCE, || workspace.open_store(Access::Write))?;
    guard::judge(&mut *store, &cx, asked, RefusalRecord::Kept).map_err(told)
}

/// The refusal in words.
pub fn told(refusal: GuardRefusal) -> AppError {
    let mut error = AppError::from(*refusal.why);
    if let Some(why) = refusal.unrecorded {
        error.message = format!("{}; not recorded, since {why}", error.message);
    }
    error
}

/// True where `ai` has been set up. A hook that a user has for all projects is called in others, too.
fn is_a_project(workspace: &Workspace) -> Result<bool, AppError> {
    match discover(&workspace.start_dir()?) {
        Err(DiscoverError::NotARepository(_)) => return Ok(false),
        Err(error) => return Err(error.into()),
        Ok(_) => {}
    }
    let is_there = |path: &Path| !is_missing(path);
    Ok(is_there(&workspace.state_dir()?) || is_there(&workspace.root()?.join(".ai")))
}
