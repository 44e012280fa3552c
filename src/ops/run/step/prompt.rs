//! The prompt: the task, what it may touch, how it will be judged, and what earlier attempts left.

use std::path::Path;

use crate::base::fs;
use crate::connector::guides::ProjectGuides;
use crate::connector::launch::{SessionChoice, prompt_room};
use crate::domain::message::{self, Message};
use crate::domain::path_lock::LockMode;
use crate::domain::run::Resumed;
use crate::domain::task::Task;
use crate::git::worktree::Slot;
use crate::ops::error::OpError;
use crate::ops::run::agent::launch::AssignedAgent;
use crate::ops::run::agent::mail::RunMail;
use crate::ops::run::checks::runner::CheckPlan;
use crate::ops::run::model::RunCx;
use crate::store::Store;

/// The parts of the prompt besides the task.
pub struct Around<'a> {
    /// Commands of the checks, by name.
    pub checks: &'a [(String, String)],
    /// Files of the project that agents should read.
    pub pointers: &'a [String],
    /// The part of an interrupted attempt that the agent finds.
    pub found: Found,
    /// The messages that wait for the agent or for whoever works on the task.
    pub messages: &'a [Message],
}

/// The part of an interrupted attempt that an agent finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing: it starts from the base.
    Nothing,
    /// The files, without the session in which they were written.
    Work,
    /// The agent's own session, and the files of it.
    OwnSession,
}

/// The guides that exist in a worktree: files with instructions, then directories of skills.
fn pointers(guides: &ProjectGuides, worktree: &Path) -> Vec<String> {
    let files = guides.files.iter();
    let mut found: Vec<String> = files
        .filter(|name| worktree.join(name).is_file())
        .cloned()
        .collect();
    for dir in &guides.skill_dirs {
        if worktree.join(dir).is_dir() {
            found.push(format!("{dir}/ (skills: each directory has a SKILL.md)"));
        }
    }
    found
}

/// Writes the prompt of a run into its directory, without secrets, with the messages for which there is room in it. These are taken for the run.
pub(crate) fn write(
    live: &RunCx<'_>,
    slot: &Slot,
    session: SessionChoice<'_>,
    crew: &AssignedAgent<'_>,
    store: &mut dyn Store,
) -> Result<RunMail, OpError> {
    let plans = CheckPlan::of(&live.started.task, &live.world.config)?;
    let checks: Vec<(String, String)> = plans
        .iter()
        .map(|plan| (plan.spec.name.to_string(), plan.command_text()))
        .collect();
    let found = match (&live.started.run.resumed, session) {
        (Some(_), SessionChoice::Resume(_)) => Found::OwnSession,
        (Some(Resumed { work: Some(_), .. }), _) => Found::Work,
        _ => Found::Nothing,
    };
    let pointers = pointers(&crew.guides, &slot.path);
    let text = |messages: &[Message]| {
        let around = Around {
            checks: &checks,
            pointers: &pointers,
            found,
            messages,
        };
        let text = assemble(&live.started.task, &around);
        live.world.redactor().redact_text(&text)
    };
    // What an argument cannot hold would end every run before it begins, so that nothing would ever be read.
    let templates = [&crew.agent.argv[..], &crew.connector.describe().argv[..]];
    let room = prompt_room(&templates).saturating_sub(text(&[]).len());
    let mail = RunMail::for_prompt(live, store, room)?;
    fs::write_private(&live.files.prompt(), text(mail.last()).as_bytes())?;
    Ok(mail)
}

/// The whole prompt.
pub fn assemble(task: &Task, around: &Around<'_>) -> String {
    let mut out = format!("# {}\n", task.title.trim());
    if !task.body.trim().is_empty() {
        out.push_str(&format!("\n{}\n", task.body.trim()));
    }
    section(&mut out, "Where you are", found(around.found));
    section(&mut out, "What you may change", &paths(task));
    section(&mut out, "How the result is judged", &judged(around.checks));
    section(&mut out, "Earlier attempts", &earlier(task));
    section(&mut out, "Messages", &message::as_prompt(around.messages));
    let pointers: Vec<String> = around
        .pointers
        .iter()
        .map(|name| format!("- {name}"))
        .collect();
    section(&mut out, "Read first", &pointers.join("\n"));
    out.push_str(
        "\n## Rules\n\nWork only below the current directory. Your changes are recorded when you end; you need not commit. \
         Nobody can answer questions: where something is unclear, choose the most careful reading and say so at the end.\n",
    );
    out
}

fn section(out: &mut String, title: &str, text: &str) {
    if !text.is_empty() {
        out.push_str(&format!("\n## {title}\n\n{text}\n"));
    }
}

fn found(found: Found) -> &'static str {
    match found {
        Found::Nothing => "",
        Found::Work => {
            "An earlier attempt was interrupted. What it had changed stands in the current directory; look at it, and go on from there."
        }
        Found::OwnSession => {
            "You were interrupted in the middle of this task. Your files are as you left them; go on where you were. The task is \
             given again in full, with what has been noted since."
        }
    }
}

fn paths(task: &Task) -> String {
    let of = |mode: LockMode| {
        let all = task.paths.iter().filter(|p| p.mode == mode);
        all.map(|p| format!("- `{}`", p.pattern))
            .collect::<Vec<_>>()
    };
    let (own, shared) = (of(LockMode::Exclusive), of(LockMode::Shared));
    let mut parts = Vec::new();
    if !own.is_empty() {
        parts.push(format!(
            "These paths are yours alone while you work:\n\n{}",
            own.join("\n")
        ));
    }
    if !shared.is_empty() {
        parts.push(format!(
            "Others may work on these at the same time, so change them with care:\n\n{}",
            shared.join("\n")
        ));
    }
    parts.join("\n\n")
}

fn judged(checks: &[(String, String)]) -> String {
    if checks.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = checks
        .iter()
        .map(|(name, command)| format!("- {name}: `{command}`"))
        .collect();
    format!(
        "These run on your result, in a fresh checkout of it, after you have ended:\n\n{}",
        lines.join("\n")
    )
}

fn earlier(task: &Task) -> String {
    let mut parts: Vec<String> = task
        .notes
        .iter()
        .map(|note| format!("- {}: {}", note.by, note.text.trim()))
        .collect();
    if let Some(step) = &task.next_step {
        parts.push(format!(
            "- The last holder left this next step: {}",
            step.trim()
        ));
    }
    parts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::registry::ConnectorRegistry;
    use crate::store::testing::task;

    #[test]
    fn the_prompt_names_what_the_project_keeps_for_agents_and_is_there() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["CLAUDE.md", "CONTRIBUTING.md", "QWEN.md", "NOTES.md"] {
            std::fs::write(dir.path().join(name), "x").unwrap();
        }
        for skills in [".agents/skills", ".claude/skills"] {
            std::fs::create_dir_all(dir.path().join(skills)).unwrap();
        }
        let known = ConnectorRegistry::shipped();
        let codex = ProjectGuides::of(&known, known.get("codex").unwrap().describe());
        let around = Around {
            checks: &[],
            pointers: &pointers(&codex, dir.path()),
            found: Found::Nothing,
            messages: &[],
        };
        let text = assemble(&task("a"), &around);
        let (_, read_first) = text.split_once("## Read first\n\n").unwrap();
        let (read_first, _) = read_first.split_once("\n\n").unwrap();
        assert_eq!(
            read_first,
            "- CLAUDE.md\n- CONTRIBUTING.md\n- QWEN.md\n- .claude/skills/ (skills: each directory has a SKILL.md)"
        );
    }
}
