//! The free texts of events: what a person or an agent wrote in its own words, and only that. Ids,
//! digests, patterns, names of branches and of agents are not free: to change one would break what
//! hangs on it.
//!
//! Every new event must say here which free texts it has; the match is without a wildcard so that
//! none can be forgotten.

use crate::domain::bypass::Bypass;
use crate::domain::decision::DecisionRecord;
use crate::domain::event::{Event, FollowUp, TaskEdit};
use crate::domain::friction::FrictionWord;
use crate::domain::policy_override::OverrideWord;
use crate::domain::recurring::RecurringWord;
use crate::domain::repo_path::RepoPath;
use crate::domain::run::Accepting;
use crate::domain::task::{Hold, Proof, Task, TaskState};

/// A visitor that looks at each text, and may change it.
type Visit<'a> = &'a mut dyn FnMut(&mut String);

impl Event {
    /// Shows `visit` each free text of the event.
    pub fn visit_texts(&mut self, visit: Visit<'_>) {
        match self {
            Event::TaskImported { task, .. } | Event::TaskCreated { task, .. } => {
                task.visit_texts(visit)
            }
            Event::TaskEdited { edit, .. } => in_edit(edit, visit),
            Event::TaskHeld { hold, .. } => visit(&mut hold.reason),
            Event::TaskCancelled { reason, .. } | Event::TaskFailed { reason, .. } => visit(reason),
            Event::TaskNoted { note, .. }
            | Event::TaskReopened { note, .. }
            | Event::TaskRejected { note, .. } => visit(&mut note.text),
            Event::TaskUndone { undone, note, .. } => {
                visit(&mut note.text);
                in_landing(undone, visit);
            }
            Event::LeaseReleased { next_step, .. } => next_step.iter_mut().for_each(visit),
            Event::LeaseLapsed { park, .. } => in_hold(park.as_mut(), visit),
            Event::Checkpoint { next_step, .. } => visit(next_step),
            Event::StaleRefused { tried, why, .. } => {
                visit(tried);
                visit(why);
            }
            Event::RunEnded { end, then, .. } => {
                visit(&mut end.summary);
                end.resume_refused
                    .iter_mut()
                    .chain(&mut end.stall)
                    .for_each(&mut *visit);
                in_after(then, visit);
            }
            Event::AcceptStarted {
                accepting: landing, ..
            }
            | Event::UndoStarted {
                undoing: landing, ..
            } => in_landing(landing, visit),
            Event::TaskDone { proof, .. } => in_proof(proof, visit),
            Event::Approved { word, .. } => visit(&mut word.reason),
            Event::Answered { answer, .. } => visit(&mut answer.word.reason),
            Event::BypassFound { bypass } => match bypass {
                Bypass::Skipped { reason, .. } => visit(reason),
                Bypass::Unasked { target, .. } => visit(target),
            },
            Event::PolicyOverridden { said } => {
                if let OverrideWord::Given { granted } = &mut **said {
                    visit(&mut granted.reason);
                    granted.paths.iter_mut().for_each(visit);
                }
            }
            Event::FrictionTold { said } => match &mut **said {
                FrictionWord::Met { friction } => visit(&mut friction.text),
                FrictionWord::Dropped { reason, .. } => visit(reason),
                FrictionWord::MendedBy { .. } => {}
            },
            Event::RecurringTold { said } => {
                if let RecurringWord::Refused { why, .. } = &mut **said {
                    visit(why);
                }
            }
            Event::MessageSent { message } => visit(&mut message.text),
            Event::Decided { record } => {
                visit(&mut record.reason);
                record.resource.labels.iter_mut().for_each(&mut *visit);
                in_decision(record, visit);
                let answers = record.answers.iter_mut().map(|answer| &mut answer.word);
                answers
                    .chain(record.overridden.iter_mut())
                    .for_each(|word| visit(&mut word.reason));
            }
            Event::StoreCreated { .. }
            | Event::StoreRestored { .. }
            | Event::QueueFull { .. }
            | Event::CheckFlaky { .. }
            | Event::OutputPruned { .. }
            | Event::DepAdded { .. }
            | Event::DepRemoved { .. }
            | Event::TaskUnheld { .. }
            | Event::TaskRetried { .. }
            | Event::LeaseGranted { .. }
            | Event::RunStarted { .. }
            | Event::RunStep { .. }
            | Event::RunUsed { .. }
            | Event::EvidenceRecorded { .. }
            | Event::MessageGiven { .. }
            | Event::MessageSeen { .. } => {}
        }
    }
}

impl Task {
    /// Shows `visit` each free text of the task.
    pub fn visit_texts(&mut self, visit: Visit<'_>) {
        visit(&mut self.title);
        visit(&mut self.body);
        visit(&mut self.kind);
        self.next_step.iter_mut().for_each(&mut *visit);
        self.notes.iter_mut().for_each(|note| visit(&mut note.text));
        in_hold(self.hold.as_mut(), visit);
        let labels = std::mem::take(&mut self.labels);
        self.labels = labels
            .into_iter()
            .map(|label| visited(label, visit))
            .collect();
        match &mut self.state {
            TaskState::Done { proof, .. } => in_proof(proof, visit),
            TaskState::Failed {
                failed_because: why,
            }
            | TaskState::Cancelled {
                cancelled_because: why,
            } => visit(why),
            TaskState::Queued
            | TaskState::Claimed
            | TaskState::Running { .. }
            | TaskState::Blocked { .. }
            | TaskState::Review { .. } => {}
        }
    }
}

impl DecisionRecord {
    /// Shows `text` and `path` what says what was asked about, all of which an agent can choose:
    /// names of files and branches, tools, commands, messages.
    pub fn visit_asked(&mut self, text: Visit<'_>, path: &mut dyn FnMut(&mut RepoPath)) {
        for rule in self.matched.iter_mut().chain(&mut self.observed) {
            text(&mut rule.reason);
            rule.path.iter_mut().for_each(&mut *text);
        }
        let resource = &mut self.resource;
        let names = resource.tool.iter_mut().chain(&mut resource.branch);
        names.for_each(&mut *text);
        resource.paths.iter_mut().for_each(&mut *path);
        let Some(facts) = &mut self.facts else {
            return;
        };
        let messages = facts.messages.iter_mut().flatten();
        let said = facts.command.iter_mut().chain(&mut facts.note);
        let words = said.chain(messages);
        words.for_each(&mut *text);
        let outside = facts.outside_paths.iter_mut().flatten();
        outside.for_each(&mut *path);
        for finding in facts.findings.iter_mut().flatten() {
            text(&mut finding.what);
            path(&mut finding.path);
        }
        for place in &mut facts.credential_places {
            place.file.iter_mut().for_each(&mut *path);
        }
        for moved in &mut facts.moves {
            path(&mut moved.from);
            path(&mut moved.to);
        }
    }
}

/// The texts of a decision that name what was asked. A name that is no text is shown elsewhere.
fn in_decision(record: &mut DecisionRecord, visit: Visit<'_>) {
    let visit = std::cell::RefCell::new(visit);
    let mut text = |text: &mut String| (visit.borrow_mut())(text);
    let mut path = |path: &mut RepoPath| {
        if let Ok(mut text) = String::from_utf8(path.as_bytes().to_vec()) {
            (visit.borrow_mut())(&mut text);
            *path = RepoPath::new(text);
        }
    };
    record.visit_asked(&mut text, &mut path);
}

fn in_landing(landing: &mut Accepting, visit: Visit<'_>) {
    let word = landing.overridden.iter_mut();
    word.for_each(|word| visit(&mut word.reason));
}

fn visited(mut text: String, visit: Visit<'_>) -> String {
    visit(&mut text);
    text
}

fn in_edit(edit: &mut TaskEdit, visit: Visit<'_>) {
    let texts = [&mut edit.title, &mut edit.body, &mut edit.kind];
    texts
        .into_iter()
        .flatten()
        .chain(&mut edit.add_labels)
        .for_each(visit);
}

fn in_hold(hold: Option<&mut Hold>, visit: Visit<'_>) {
    if let Some(hold) = hold {
        visit(&mut hold.reason);
    }
}

fn in_proof(proof: &mut Proof, visit: Visit<'_>) {
    if let Proof::Overridden { reason, .. } = proof {
        visit(reason);
    }
}

fn in_after(after: &mut FollowUp, visit: Visit<'_>) {
    match after {
        FollowUp::Requeue { note, .. } => note.iter_mut().for_each(|note| visit(&mut note.text)),
        FollowUp::Hold { hold, .. } => visit(&mut hold.reason),
        FollowUp::Fail { reason } => visit(reason),
        FollowUp::Review { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// Every text of these events that holds a space is somebody's words.
    fn events() -> Vec<Value> {
        let by = "human:ann";
        let note = json!({"at_ms": 1, "by": by, "text": "a b"});
        let hold = json!({"kind": "hold", "reason": "a b", "since_ms": 1});
        let task = json!({
            "id": "t-1", "status": "done", "proof": {"kind": "overridden", "reason": "a b", "by": by}, "done_ms": 1,
            "title": "a b", "body": "a b", "type": "a b", "priority": 2, "labels": ["a b", "c d"], "hold": hold,
            "next_step": "a b", "notes": [note], "created_by": by, "created_ms": 1, "updated_ms": 1, "uid": "u",
        });
        let mut failed = task.clone();
        failed.as_object_mut().unwrap().remove("proof");
        failed["status"] = json!("failed");
        failed["failed_because"] = json!("a b");
        let end = json!({
            "at_ms": 1, "lifecycle": "finished", "verification": "passed", "policy": "allow", "freshness": "current",
            "outcome": "ready_for_review", "summary": "a b", "resume_refused": "a b", "stall": ["a b"],
        });
        let ended =
            |then: Value| json!({"kind": "run.ended", "run": "t-1.1", "end": end, "then": then});
        vec![
            json!({"kind": "task.created", "task": task}),
            json!({"kind": "task.imported", "task": failed, "from": "s"}),
            json!({"kind": "task.edited", "task": "t-1", "edit": {"title": "a b", "body": "a b", "type": "a b", "add_labels": ["a b"]}}),
            json!({"kind": "task.held", "task": "t-1", "hold": hold}),
            json!({"kind": "task.cancelled", "task": "t-1", "reason": "a b"}),
            json!({"kind": "task.reopened", "task": "t-1", "note": note}),
            json!({"kind": "task.rejected", "task": "t-1", "note": note}),
            json!({"kind": "task.noted", "task": "t-1", "note": note}),
            json!({"kind": "task.failed", "task": "t-1", "reason": "a b"}),
            json!({"kind": "task.done", "task": "t-1", "proof": {"kind": "overridden", "reason": "a b", "by": by}}),
            json!({"kind": "lease.released", "subject": "t-1", "epoch": 1, "next_step": "a b"}),
            json!({"kind": "lease.lapsed", "subject": "t-1", "epoch": 1, "park": hold}),
            json!({"kind": "lease.checkpoint", "task": "t-1", "epoch": 1, "next_step": "a b"}),
            json!({"kind": "lease.refused", "subject": "t-1", "epoch": 1, "tried": "a b", "why": "a b"}),
            json!({"kind": "policy.approved", "decision": "d-1", "word": {"by": by, "reason": "a b", "at_ms": 1}}),
            json!({"kind": "accept.started", "run": "t-1.1", "accepting": {
                "target": "t", "commit": "c", "tree": "t", "overridden": {"by": by, "reason": "a b", "at_ms": 1},
            }}),
            json!({"kind": "undo.started", "run": "t-1.1", "undoing": {
                "target": "t", "commit": "c", "tree": "t", "overridden": {"by": by, "reason": "a b", "at_ms": 1},
            }}),
            json!({"kind": "task.undone", "task": "t-1", "run": "t-1.1", "note": note, "undone": {
                "target": "t", "commit": "c", "tree": "t", "overridden": {"by": by, "reason": "a b", "at_ms": 1},
            }}),
            json!({"kind": "bypass.found", "bypass": {"way": "skipped", "hook": "h", "by": "ann", "reason": "a b"}}),
            json!({"kind": "bypass.found", "bypass": {"way": "unasked", "hook": "h", "target": "a b", "commits": [], "count": 1}}),
            decided(),
            ended(json!({"to": "review"})),
            ended(json!({"to": "fail", "reason": "a b"})),
            ended(json!({"to": "hold", "hold": hold, "attempt": "counts"})),
            ended(json!({"to": "requeue", "attempt": "counts", "note": note})),
        ]
    }

    /// A decision in which everything that an agent can choose is a text.
    fn decided() -> Value {
        let rule = json!({"layer": "project", "rule": "r", "effect": "deny", "reason": "a b", "path": "a b"});
        let word = json!({"by": "human:ann", "reason": "a b", "at_ms": 1});
        json!({"kind": "policy.decided", "record": {
            "id": "d-1", "at_ms": 1, "actor": "agent:x", "action": "commit", "effect": "deny", "reason": "a b",
            "policy_digest": "0", "facts_digest": "0", "subject_digest": "0", "path_count": 1, "layer": "project", "rule": "r",
            "matched": [rule], "observed": [rule],
            "override": word,
            "resource": {"labels": ["a b"], "paths": ["a b"], "tool": "a b", "branch": "a b"},
            "facts": {
                "command": "a b", "note": "a b", "messages": ["a b", "c d"], "outside_paths": ["a b"],
                "moves": [{"from": "a b", "to": "c d"}],
                "findings": [{"guard": "secrets", "path": "a b", "what": "a b"}],
            },
        }})
    }

    fn spaces(value: &Value) -> usize {
        value.to_string().matches("a b").count() + value.to_string().matches("c d").count()
    }

    #[test]
    fn every_free_text_is_shown() {
        for json in events() {
            let mut event: Event =
                serde_json::from_value(json.clone()).unwrap_or_else(|e| panic!("{e}: {json}"));
            assert!(
                spaces(&serde_json::to_value(&event).unwrap()) == spaces(&json),
                "a text was not read: {json}"
            );
            event.visit_texts(&mut |text| *text = text.replace(' ', ""));
            let left = serde_json::to_value(&event).unwrap();
            assert_eq!(spaces(&left), 0, "{left}");
        }
    }
}
