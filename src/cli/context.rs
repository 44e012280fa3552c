//! The surroundings of a command: the terminal, and the workspace that every front end has.

use std::io::Write;

use crate::app::doors::Doors;
use crate::app::error::AppError;
use crate::app::workspace::Workspace;
use crate::base::yaml::YamlProblems;
use crate::base::{env, text};
use crate::cli::live::LiveLine;
use crate::cli::look;
use crate::cli::progress::ProgressHand;
use crate::cli::ui::{Talk, Ui};
use crate::config::Trees;
use crate::domain::ids::TaskId;
use crate::ops::cx::Cx;
use crate::ops::project;
use crate::ops::world::World;
use crate::policy::{UNREADABLE_RULE, agent_of};
use crate::store::{Access, Store};

/// The exit code of a command, or the error that ended it.
pub(super) type Outcome = Result<u8, AppError>;

/// The surroundings of a command.
pub(super) struct Context {
    pub(super) ui: Ui,
    pub(super) workspace: Workspace,
    talk: Talk,
    pub(super) doors: Doors,
    /// Builds the tree of all commands, for what describes it.
    pub(super) tree: fn() -> clap::Command,
    /// The part of what comes up meanwhile of which this command tells its console.
    pub(super) news_of: NewsOf,
    /// The newest record of the log when the store was first opened to write.
    since: Option<u64>,
}

/// The part of what came up while a command was at work that is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NewsOf {
    /// All of it: the command is short.
    All,
    /// News about this task.
    Task(TaskId),
    /// Nothing: it has others do the work, who tell.
    Nothing,
}

impl Context {
    pub(super) fn new(
        ui: Ui,
        talk: Talk,
        workspace: Workspace,
        doors: Doors,
        tree: fn() -> clap::Command,
    ) -> Context {
        Context {
            ui,
            workspace,
            talk,
            doors,
            tree,
            news_of: NewsOf::All,
            since: None,
        }
    }

    /// True unless the user asked for silence.
    pub(super) fn is_talkative(&self) -> bool {
        self.talk == Talk::Normal
    }

    /// Opens the store. It is never closed: taking everything apart costs a twentieth of a short
    /// command, and the kernel gives back files and locks of a process that ends, as it does after
    /// a crash.
    pub(super) fn store(&mut self, access: Access) -> Result<&'static mut dyn Store, AppError> {
        let mut store = self.workspace.open_store(access)?;
        if access == Access::Write && self.since.is_none() && self.tells_somebody() {
            // Where it cannot be read, the command itself says so.
            self.since = store.read(|tx| tx.last_event()).ok();
        }
        if store.is_stale() {
            self.ui
                .warn("the disk is read-only; the newest changes may be missing");
        }
        Ok(Box::leak(store))
    }

    /// True where notices of what comes up are wanted. Within a run, its supervisor tells.
    fn tells_somebody(&self) -> bool {
        let config = self.workspace.config();
        config.is_ok_and(|config| config.notices.tell_anybody()) && env::text(env::AI_RUN).is_none()
    }

    /// The record of the log behind which something may have come up; nothing where nobody wants to know.
    pub(super) fn news_since(&self) -> Option<u64> {
        self.since
    }

    /// The surroundings of the one operation of a short command, which are not taken apart either.
    pub(super) fn cx(&self) -> Result<&'static Cx, AppError> {
        Ok(Box::leak(Box::new(self.workspace.cx()?)))
    }

    /// The world around a run, which tells its progress on stderr.
    pub(super) fn world(&self) -> Result<World, AppError> {
        let (talkative, line) = (self.is_talkative(), self.ui.progress());
        let mut world = self.workspace.world(Box::new(move |text| {
            if talkative {
                let _still = line.as_ref().map(ProgressHand::hold_back);
                // Nobody is left to tell when stderr is closed.
                let _ = writeln!(std::io::stderr(), "{}", text::multi_line(text));
            }
        }))?;
        world.hatch = Some(self.doors.hatch);
        Ok(world)
    }

    /// The same, with a line that shows the run at work where a person looks at a terminal.
    pub(super) fn watched_world(&self) -> Result<(World, Option<LiveLine>), AppError> {
        let width = look::width_of_talk().filter(|_| self.is_talkative() && !self.ui.json());
        let Some(width) = width else {
            return Ok((self.world()?, None));
        };
        let line = LiveLine::start(width);
        let (said, shown) = (line.handle(), line.handle());
        let mut world = self.workspace.world(Box::new(move |text| said.say(text)))?;
        world.hatch = Some(self.doors.hatch);
        world.watcher = Some(Box::new(move |glimpse| shown.show(glimpse)));
        Ok((world, Some(line)))
    }

    /// Shows the error that ended the command, with the lines of the file that is to blame.
    pub(super) fn tell_of_error(&mut self, error: &AppError) {
        let policy = self.policy_to_blame(error);
        let problems = policy.as_ref().or_else(|| error.file_problems());
        self.ui.error_of_file(error, problems);
    }

    /// The problems of the policy, where it denied since it cannot be read. Records have them as one
    /// line, so they are read again; a file that has changed since is not the one that denied.
    fn policy_to_blame(&self, error: &AppError) -> Option<YamlProblems> {
        let record = error
            .denied()
            .filter(|record| record.rule == UNREADABLE_RULE)?;
        let state = project::policy(self.workspace.root().ok()?, &Trees::none());
        let is_same = state.digest(agent_of(&record.actor)) == record.policy_digest;
        let bad = state.bad_files().into_iter();
        let bad = bad.chain(state.bad_files_beneath());
        let mut same = bad.filter(|file| is_same && record.reason.contains(&file.summary()));
        same.next().cloned()
    }

    /// Says which secrets were not stored, if any.
    pub(super) fn tell_scrubbed(&mut self) {
        let kinds = self.workspace.scrubbed();
        if !kinds.is_empty() {
            self.ui.warn(&format!(
                "a secret was typed ({}) and was not stored; its place says [REDACTED:…]\nhint: give it to the agents that need it by \
                 `.ai/credentials.yaml`, and change it if others may have seen it",
                kinds.join(", ")
            ));
        }
    }
}
