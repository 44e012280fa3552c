//! The policy's answer to an agent that asks before it calls a tool. Each answer leaves a decision
//! record.
//!
//! Nobody is there to be asked further: what needs an approval that was not given ends the run, and
//! the task waits for that approval. Every path outside of the run's worktree is denied, whatever
//! the policy says. What has come for the agent meanwhile is handed on from here, too.

use std::path::PathBuf;

use crate::connector::dialogue::{AskedCall, ToolGate, ToolRuling};
use crate::domain::action::Action;
use crate::domain::aftermath::Parked;
use crate::domain::decision::{DecisionRecord, Effect};
use crate::domain::event::Event;
use crate::domain::message::as_prompt;
use crate::domain::repo_path::RepoPath;
use crate::domain::tool_kind::ToolKind;
use crate::ops::agent_imports::ImportPlace;
use crate::ops::ask::{self, Question};
use crate::ops::cx::commit;
use crate::ops::error::OpError;
use crate::ops::lease;
use crate::ops::overridden;
use crate::ops::patterns;
use crate::ops::run::agent::mail::RunMail;
use crate::ops::run::model::RunCx;
use crate::ops::scrub::redact_record;
use crate::ops::whereabouts::{SessionPlace, Whereabouts};
use crate::policy::DEFAULT_RULE;
use crate::store::Store;

/// The rule that stands in the record of a denied path outside of the worktree.
const OUTSIDE: &str = "built-in.inside-worktree";

/// Asks the policy of one run.
pub(crate) struct PolicyGate<'a, 'l> {
    /// The run.
    pub(crate) live: &'a RunCx<'l>,
    /// The store in which the answers are recorded.
    pub(crate) store: &'a mut dyn Store,
    /// The worktree, links resolved.
    pub(crate) worktree: PathBuf,
    /// The question that only a person can answer, once there was one.
    pub(crate) parked: Option<Parked>,
    /// The messages of the run.
    pub(crate) mail: RunMail,
}

impl ToolGate for PolicyGate<'_, '_> {
    fn may(&mut self, call: &AskedCall) -> ToolRuling {
        match self.rule(call) {
            Ok(ruling) => ruling,
            Err(error) => ToolRuling::Deny(format!("it could not be decided: {error}")),
        }
    }

    fn next_prompt(&mut self) -> Option<String> {
        if self.parked.is_some() {
            return None;
        }
        let text = as_prompt(self.mail.at_turn(self.live, self.store));
        (!text.is_empty()).then(|| self.live.world.redactor().redact_text(&text))
    }

    fn prompt_is_taken(&mut self) {
        self.mail.taken(self.live, self.store);
    }
}

impl PolicyGate<'_, '_> {
    fn rule(&mut self, call: &AskedCall) -> Result<ToolRuling, OpError> {
        let cx = self.live.cx()?;
        let place = SessionPlace::of_tree(self.worktree.clone());
        let inside = |path: &String| match place.find(path) {
            Whereabouts::Inside(below) => Some(below),
            _ => None,
        };
        let inside: Vec<Option<Vec<u8>>> = call.paths.iter().map(inside).collect();
        let mut question = self.question(call, &inside);
        if question.action == Action::Edit {
            let own = &self.live.started.task.paths;
            let paths = question.resource.paths.iter().map(RepoPath::as_bytes);
            let all = || Some(question.resource.paths.clone());
            question.facts.outside_paths = patterns::outside(&cx.rules, own, paths).or_else(all);
            let base = self.live.started.run.base.as_deref();
            if let Some(place) = ImportPlace::of_base(self.live.repo, base) {
                let paths = &question.resource.paths;
                question.facts.imported_paths = place.among(cx.policy.state(), paths)?;
            }
        }
        let mut record = ask::answer(&cx, &question);
        if let Some(outside) = inside
            .iter()
            .zip(&call.paths)
            .find_map(|(found, path)| found.is_none().then_some(path))
        {
            record.effect = Effect::Deny;
            record.rule = OUTSIDE.to_owned();
            record.reason = format!(
                "`{}` is not in the worktree of the run",
                outside.escape_debug()
            );
        }
        if let Some(ruling) = self.unless_allowed(record)? {
            return Ok(ruling);
        }
        // A command is a tool call first. As a command it is asked about where a rule speaks of commands: the
        // default has answered already.
        if call.kind == ToolKind::Execute {
            let mut question = self.question(call, &inside);
            question.action = Action::CommandExec;
            let record = ask::answer(&cx, &question);
            if record.rule != DEFAULT_RULE
                && let Some(ruling) = self.unless_allowed(record)?
            {
                return Ok(ruling);
            }
        }
        Ok(ToolRuling::Allow)
    }

    /// Keeps an answer, and makes a ruling of one that does not let the call through.
    fn unless_allowed(&mut self, record: DecisionRecord) -> Result<Option<ToolRuling>, OpError> {
        let kept = self.keep(record)?;
        if kept.allowed {
            return Ok(None);
        }
        let reason = kept.record.reason.clone();
        if kept.record.effect != Effect::RequireApproval {
            return Ok(Some(ToolRuling::Deny(reason)));
        }
        self.parked = Some(Parked::on(&kept.record));
        Ok(Some(ToolRuling::Park(reason)))
    }

    fn question(&self, call: &AskedCall, inside: &[Option<Vec<u8>>]) -> Question {
        // An edit that names no file can be judged only as a tool.
        let is_edit = call.kind.changes_files() && !call.paths.is_empty();
        let action = if is_edit {
            Action::Edit
        } else {
            Action::ToolCall
        };
        let mut question = Question::on_task(action, &self.live.started.task);
        let resource = &mut question.resource;
        resource.run = Some(self.live.started.run.id.to_string());
        resource.patterns.clear();
        resource.tool = Some(call.title.clone()).filter(|title| !title.is_empty());
        resource.kind = Some(call.kind);
        resource.input = call.digest.clone();
        question.facts.command = call.command.clone();
        let resource = &mut question.resource;
        // The worktree itself is no file in it.
        let files = inside.iter().flatten().filter(|path| !path.is_empty());
        resource.paths = files.map(|path| RepoPath::new(path.clone())).collect();
        question
    }

    /// Records the answer, and says whether it lets the call through.
    fn keep(&mut self, mut record: DecisionRecord) -> Result<Kept, OpError> {
        let live = self.live;
        commit(self.store, &live.cx()?, |tx, cx| {
            lease::fenced(tx, cx, &live.started.token, "tool call")?;
            overridden::apply(tx, cx, &mut record)?;
            let allowed =
                record.effect.lets_through() || ask::approved(tx, cx.now.wall_ms, &record)?;
            redact_record(&mut record, live.world.redactor());
            cx.record(
                tx,
                &Event::Decided {
                    record: Box::new(record.clone()),
                },
            )?;
            Ok(Kept { allowed, record })
        })
    }
}

/// An answer as it is kept.
struct Kept {
    allowed: bool,
    record: DecisionRecord,
}
