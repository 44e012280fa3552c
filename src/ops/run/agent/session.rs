//! Going on with the session of an agent's CLI that was interrupted: by a limit, a refused quota, a
//! person, or the death of `ai`.
//!
//! A session belongs to its CLI, to the directory that it worked in, and to what stood there. So a
//! resumed run works in the same slot, on the same base, finds the files of the interrupted one
//! there, and gets its home back where it had one of its own. Whatever of that is missing makes a
//! fresh session; so does a CLI that does not know the session any more, once and visibly.

use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::connector::launch::SessionChoice;
use crate::connector::manifest::Manifest;
use crate::domain::agent::{Agent, Home};
use crate::domain::agent_event::{AgentEvent, FailureClass, StreamOutcome};
use crate::domain::budget::RunUsage;
use crate::domain::ids::RunId;
use crate::domain::process_end::ProcessEnd;
use crate::domain::run::{Resumed, Run};
use crate::domain::task::TaskState;
use crate::git::Repo;
use crate::ops::error::OpError;
use crate::ops::run::files::{EventKind, RunDir};
use crate::ops::run::model::AgentEnd;
use crate::ops::world::World;
use crate::store::Store;

/// Below the state directory: homes of runs that are at work, each under the name of its slot. A
/// run that goes on works in the same slot and so finds its home at the same place: a CLI may have
/// written down where its files are, as codex does.
const AT_WORK: &str = "homes";
/// Below the state directory: homes of interrupted runs, each under the name of its run.
const HOMES: &str = "sessions";
/// The session of `last` with what is needed to go on with it; nothing where any of that is
/// missing.
pub(crate) fn session_of(
    world: &World,
    repo: &Repo,
    manifest: &Manifest,
    agent: &Agent,
    last: &Run,
) -> Option<Resumed> {
    if manifest.resume_args.is_empty() {
        return None;
    }
    let end = last.end.as_ref()?;
    let session = end
        .session
        .clone()
        .or_else(|| told_session(&RunDir::of(world, &last.id)))
        .filter(|id| is_word(id))?;
    if has_own_home(manifest, agent) && kept_home(world, &last.id).is_none() {
        return None;
    }
    let before = match &last.resumed {
        Some(earlier) if end.resume_refused.is_none() => earlier.used,
        _ => RunUsage::default(),
    };
    let used = before.plus(
        manifest
            .metering
            .cumulative_on_resume
            .of(end.usage.or(last.used).unwrap_or_default()),
    );
    Some(Resumed {
        run: last.id.clone(),
        session,
        work: work_of(repo, last),
        used,
    })
}

/// The session that the launch of a run asks for.
pub(crate) fn session(run: &Run) -> SessionChoice<'_> {
    run.resumed.as_ref().map_or(SessionChoice::New, |resumed| {
        SessionChoice::Resume(&resumed.session)
    })
}

/// Returns the home of the run that works in a slot, where it has one of its own.
pub(crate) fn home_place(world: &World, slot: &str) -> PathBuf {
    world.state().join(AT_WORK).join(slot)
}

/// Returns the home of an interrupted run.
pub(crate) fn kept_home(world: &World, run: &RunId) -> Option<PathBuf> {
    Some(world.state().join(HOMES).join(run.as_str())).filter(|dir| dir.is_dir())
}

/// Puts the home of an interrupted run away until somebody goes on with its session.
pub(crate) fn keep_home(world: &World, run: &str, home: &Path) -> Result<(), OpError> {
    let dir = world.state().join(HOMES);
    fs::create_private_dir(&dir)?;
    let kept = dir.join(run);
    fs::remove_stubborn(&kept)?;
    fs::relocate(home, &kept, None).map_err(OpError::from)
}

/// Takes the home of a run whose supervisor was killed out of the way of the next one in its slot.
pub(crate) fn rescue_home(world: &World, run: &Run) -> Result<(), OpError> {
    let home = home_place(world, &run.worktree);
    if home.is_dir() {
        keep_home(world, run.id.as_str(), &home)
    } else {
        Ok(())
    }
}

/// Removes the homes of sessions that nobody can go on with: what a CLI keeps in its home is not
/// redacted.
pub(crate) fn sweep(world: &World, store: &mut dyn Store) -> Result<(), OpError> {
    let dir = world.state().join(HOMES);
    for home in fs::list_dir(&dir).unwrap_or_default() {
        let Some(run) = home
            .file_name()
            .map(|name| RunId(name.to_string_lossy().into_owned()))
        else {
            continue;
        };
        let task = store.read(|tx| tx.task(&run.task()))?;
        let waits = task.is_some_and(|task| {
            let open = matches!(
                task.state,
                TaskState::Queued | TaskState::Blocked { .. } | TaskState::Running { .. }
            );
            // A run that was granted later has made a start of its own, or has taken it with it.
            open && task.epoch <= run.epoch() + 1
        });
        if !waits {
            fs::remove_stubborn(&home)?;
        }
    }
    Ok(())
}

/// True where the agent did not get to its end and might go on where it was.
pub(crate) fn was_interrupted(end: &AgentEnd) -> bool {
    let by_us = end.process.stopped.is_some();
    let killed = matches!(
        end.process.end,
        ProcessEnd::TimedOut { .. }
            | ProcessEnd::Silent { .. }
            | ProcessEnd::Signaled { .. }
            | ProcessEnd::OutOfMemory
            | ProcessEnd::OverMemory { .. }
    );
    let refused = matches!(
        end.stream.result.outcome,
        StreamOutcome::Quota { .. }
            | StreamOutcome::Auth { .. }
            | StreamOutcome::Failed {
                class: FailureClass::Provider,
                ..
            }
    );
    by_us || killed || refused
}

/// Tells why a CLI did not go on with the session that it was given: it ended by itself, badly,
/// before its model had done anything.
pub(crate) fn refusal(end: &AgentEnd) -> Option<String> {
    let by_itself = matches!(end.process.end, ProcessEnd::Exited { .. });
    if end.stream.at_work || !by_itself || was_interrupted(end) {
        return None;
    }
    match &end.stream.result.outcome {
        StreamOutcome::Completed | StreamOutcome::Refused { .. } => None,
        StreamOutcome::Failed { message, .. } if !message.trim().is_empty() => {
            Some(message.trim().to_owned())
        }
        _ => Some("it ended without a word of its model".to_owned()),
    }
}

fn has_own_home(manifest: &Manifest, agent: &Agent) -> bool {
    manifest
        .home
        .as_ref()
        .is_some_and(|switch| agent.home.unwrap_or(switch.default) == Home::Run)
}

/// The commit with what the run had done: its snapshot, what was rescued of it, or its branch.
fn work_of(repo: &Repo, last: &Run) -> Option<String> {
    let found = |name: String| {
        repo.find_ref(&name)
            .ok()
            .flatten()
            .map(|oid| oid.to_string())
    };
    let work = last
        .commit
        .clone()
        .or_else(|| found(last.id.rescue_ref()))
        .or_else(|| found(format!("refs/heads/{}", last.branch)))?;
    (last.base.as_deref() != Some(work.as_str())).then_some(work)
}

/// The session that a stream has told of. Its supervisor may have been killed before it could
/// record it.
fn told_session(files: &RunDir) -> Option<String> {
    let started = files.events_of(EventKind::SessionStarted);
    started.map_while(Result::ok).find_map(|event| match event {
        AgentEvent::SessionStarted { session_id, .. } => session_id,
        _ => None,
    })
}

/// The use that a stream has told of last. Its supervisor records it from time to time only, and
/// may have been killed in between.
pub(crate) fn told_use(files: &RunDir) -> Option<RunUsage> {
    let told = files.events_of(EventKind::Usage).map_while(Result::ok);
    told.filter_map(|event| match event {
        AgentEvent::Usage(usage) => Some(RunUsage::from(&usage)),
        _ => None,
    })
    .last()
}

/// A name that no CLI can take for a flag; it comes from an agent's own output.
fn is_word(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 200
        && !id.starts_with('-')
        && id.chars().all(|c| c.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::agent_event::Usage;

    #[test]
    fn the_session_is_found_in_a_stream_that_was_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let files = RunDir::at(dir.path().to_owned());
        assert_eq!(told_session(&files), None);
        let lines = "{\"type\":\"retry\",\"attempt\":1,\"status\":500,\"delay_ms\":null}\nnot json\n\
                     {\"type\":\"session_started\",\"session_id\":\"s-1\",\"model\":null,\"version\":null}\n{\"type\":\"mess";
        std::fs::write(files.events(), lines).unwrap();
        assert_eq!(told_session(&files).as_deref(), Some("s-1"));
    }

    #[test]
    fn the_last_use_of_a_stream_counts_that_was_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let files = RunDir::at(dir.path().to_owned());
        assert_eq!(told_use(&files), None);
        let event = |input_tokens| {
            AgentEvent::Usage(Usage {
                input_tokens,
                output_tokens: 5,
                ..Usage::default()
            })
        };
        let line = |tokens| serde_json::to_string(&event(tokens)).unwrap();
        let text = format!(
            "{}\n{{\"type\":\"message\",\"text\":\"x\"}}\n{}\n{}",
            line(10),
            line(20),
            &line(30)[..30]
        );
        std::fs::write(files.events(), text).unwrap();
        assert_eq!(
            told_use(&files),
            Some(RunUsage {
                tokens: 25,
                cost: None,
                at_least: false
            })
        );
    }

    #[test]
    fn no_session_can_be_taken_for_a_flag() {
        assert!(is_word("0199-aa_b") && is_word("ses_e065"));
        for bad in ["", "-c", "a b", "a\nb", "ü"] {
            assert!(!is_word(bad), "{bad:?}");
        }
    }
}
