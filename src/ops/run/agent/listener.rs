//! Listening to an agent at work: its stream becomes events, its use is held against the budgets,
//! and its questions get their answers.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use regex::Regex;

use crate::base::fs;
use crate::base::text::one_line;
use crate::connector::api::StreamParser;
use crate::connector::dialogue::{AfterTurn, AskedCall, Dialogue, ToolGate, ToolRuling};
use crate::domain::agent_event::{AgentEvent, Denial};
use crate::domain::budget::{self, BudgetLevel, RunUsage};
use crate::domain::stall::StallState;
use crate::ops::error::OpError;
use crate::ops::run::agent::launch::AgentLaunch;
use crate::ops::run::agent::tools;
use crate::ops::run::agent::usage::{AgentStage, Ledger};
use crate::ops::world::{Glimpse, World};
use crate::process::supervise::{
    AfterReply, CancelToken, CommandHeard, CommandObserver, CommandReply, OutputLine, OutputStream,
    StopReason,
};

/// Ends the agent when it has used what was left of a budget when it started. What others use
/// meanwhile is seen with the heartbeat.
pub(crate) struct Meter {
    pub(crate) levels: Vec<BudgetLevel>,
    /// Use of its session before this run.
    pub(crate) before: RunUsage,
    pub(crate) cancel: CancelToken,
    pub(crate) ledger: Arc<Ledger>,
}

impl Meter {
    fn read(&mut self, events: &[AgentEvent]) {
        let usage = events.iter().rev().find_map(|event| match event {
            AgentEvent::Usage(usage) => Some(RunUsage::from(usage).since(self.before)),
            _ => None,
        });
        let Some(used) = usage else { return };
        // A CLI that reports its end with its usage has nothing left to stop.
        let has_ended = events
            .iter()
            .any(|event| matches!(event, AgentEvent::Result { .. }));
        self.ledger.set_stage(if has_ended {
            AgentStage::Idle
        } else {
            AgentStage::AtWork
        });
        if let Some(level) = budget::reached(&self.levels, &used).filter(|_| !has_ended) {
            self.ledger.reach(level.name());
            self.cancel.cancel(StopReason::Limit(format!(
                "budget {} is used up: {level}",
                level.name()
            )));
        }
        self.ledger.report(used);
    }

    /// True where it has used what was left of a budget.
    fn is_used_up(&self) -> bool {
        let used = self.ledger.used();
        used.is_some_and(|used| budget::reached(&self.levels, &used).is_some())
    }
}

/// The one whom the agent has to do with, for as long as there is a budget: without one it is given nothing more.
struct BudgetedGate<'a> {
    gate: &'a mut dyn ToolGate,
    meter: &'a Meter,
}

impl ToolGate for BudgetedGate<'_> {
    fn may(&mut self, call: &AskedCall) -> ToolRuling {
        self.gate.may(call)
    }

    fn next_prompt(&mut self) -> Option<String> {
        if self.meter.is_used_up() {
            return None;
        }
        self.gate.next_prompt()
    }

    fn prompt_is_taken(&mut self) {
        self.gate.prompt_is_taken();
    }
}

/// The most lines about settings that are kept, and the most letters of one.
const MOST_UNHEEDED: usize = 4;
const MOST_SHOWN: usize = 300;

/// Parses the stream as it comes, writes the normalized events, and answers where there is a
/// conversation.
pub(crate) struct Listener<'a> {
    pub(crate) parser: RefCell<Box<dyn StreamParser>>,
    pub(crate) events: fs::Appender,
    pub(crate) meter: Meter,
    /// The conversation, where the CLI is talked to.
    pub(crate) dialogue: Option<Box<dyn Dialogue>>,
    pub(crate) gate: &'a mut dyn ToolGate,
    pub(crate) world: &'a World,
    pub(crate) run: String,
    pub(crate) at_work: bool,
    /// The agent was told that the provider wants fewer requests.
    pub(crate) limited: bool,
    /// The reason why events are missing in their file.
    pub(crate) lost: Option<String>,
    pub(crate) tools: BTreeSet<String>,
    /// The patterns of lines by which the CLI tells that it has not taken its settings.
    pub(crate) settings: Vec<Regex>,
    /// Such lines, each once.
    pub(crate) unheeded: BTreeSet<String>,
}

impl<'a> Listener<'a> {
    pub(crate) fn new(
        launch: &AgentLaunch<'_>,
        (dialogue, gate): (Option<Box<dyn Dialogue>>, &'a mut dyn ToolGate),
        meter: Meter,
        world: &'a World,
    ) -> Result<Listener<'a>, OpError> {
        let events = fs::Appender::create(&launch.files.events())?;
        Ok(Listener {
            parser: RefCell::new(launch.crew.connector.parser()),
            events,
            meter,
            dialogue,
            gate,
            world,
            run: launch.label.to_owned(),
            at_work: false,
            limited: false,
            lost: None,
            tools: BTreeSet::new(),
            settings: launch
                .crew
                .connector
                .describe()
                .patterns
                .of_unheeded_settings(),
            unheeded: BTreeSet::new(),
        })
    }

    fn write(&mut self, event: &AgentEvent) {
        if let AgentEvent::ToolCall { name, .. } = event
            && self.dialogue.is_none()
            && self.tools.len() < tools::MOST
        {
            self.tools.insert(name.clone());
        }
        if let Ok(mut line) = serde_json::to_vec(event) {
            line.push(b'\n');
            // A full disk must not stop the agent; the raw log stands beside this file.
            if let Err(error) = self.events.write_all(&line) {
                self.lost.get_or_insert_with(|| error.to_string());
            }
        }
    }

    /// Tells a person at once what may hold the run up for long.
    fn tell(&mut self, event: &AgentEvent) {
        let AgentEvent::Retry {
            attempt,
            status,
            delay_ms,
        } = event
        else {
            self.limited &= !event.is_of_the_model();
            return;
        };
        if *status == Some(429) && !self.limited {
            self.limited = true;
            let wait =
                delay_ms.map_or_else(String::new, |ms| format!(" in {} s", ms.div_ceil(1000)));
            self.world.say(&format!(
                "run {}: rate limit at the provider; the agent tries again (try {attempt}){wait}",
                self.run
            ));
        }
    }

    /// Shows what the agent does to whoever watches, without secrets.
    fn show(&self, event: &AgentEvent) {
        if self.world.watcher.is_none() {
            return;
        }
        let said = match event {
            AgentEvent::Message { text } | AgentEvent::Thinking { text } => {
                let mut lines = text.lines().rev().map(str::trim);
                lines.find(|line| !line.is_empty()).map(str::to_owned)
            }
            AgentEvent::ToolCall { name, .. } => Some(format!("uses {name}")),
            AgentEvent::FileChange { path, .. } => Some(format!("changes {path}")),
            _ => None,
        };
        if let Some(said) = said {
            let clean = self.world.redactor().redact_text(&said);
            self.world.glimpse(Glimpse::Said(&clean));
        }
    }

    /// Remembers a line that tells of settings that were not taken.
    fn look_at_settings(&mut self, line: &[u8]) {
        if self.settings.is_empty() || self.unheeded.len() >= MOST_UNHEEDED {
            return;
        }
        let text = String::from_utf8_lossy(line);
        if self.settings.iter().any(|pattern| pattern.is_match(&text)) {
            let clean = self.world.redactor().redact_text(text.trim());
            let short: String = one_line(&clean).chars().take(MOST_SHOWN).collect();
            self.unheeded.insert(short);
        }
    }

    /// Records a denial. What the conversation has heard is not redacted, and so are its words for
    /// what it denied.
    fn deny(&mut self, denial: Denial) {
        let clean = |text: String| self.world.redactor().redact_text(&text);
        let denial = Denial {
            tool: clean(denial.tool),
            reason: clean(denial.reason),
        };
        let event = self.parser.get_mut().denied(denial);
        self.write(&event);
    }
}

impl CommandObserver for Listener<'_> {
    fn line(&mut self, stream: OutputStream, line: OutputLine<'_>) {
        match stream {
            OutputStream::Stdout => {
                let events = self.parser.get_mut().line(line.bytes);
                for event in &events {
                    if event.is_of_the_model() && !std::mem::replace(&mut self.at_work, true) {
                        self.gate.prompt_is_taken();
                    }
                    self.tell(event);
                    self.show(event);
                    self.write(event);
                }
                self.meter.read(&events);
            }
            OutputStream::Stderr => {
                self.look_at_settings(line.bytes);
                self.parser.get_mut().error_line(line.bytes);
            }
        }
    }

    fn standing(&mut self, standing: &StallState) {
        let (ended, signs) = match standing {
            StallState::Fine => {
                return self.world.say(&format!("run {}: it works again", self.run));
            }
            StallState::Suspect(signs) => (false, signs.clone()),
            StallState::Stalled(signs) => (true, signs.clone()),
        };
        let word = if ended {
            "has stalled and is ended"
        } else {
            "may have stalled"
        };
        self.world.say(&format!(
            "run {}: the agent {word}: {}",
            self.run,
            signs.join(", ")
        ));
        self.write(&AgentEvent::Stall { ended, signs });
    }

    fn talk(&mut self, heard: CommandHeard<'_>) -> CommandReply {
        let Some(dialogue) = &mut self.dialogue else {
            return CommandReply::default();
        };
        let turn = match heard {
            CommandHeard::Start => dialogue.open(),
            CommandHeard::Line(line) => {
                let mut gate = BudgetedGate {
                    gate: &mut *self.gate,
                    meter: &self.meter,
                };
                dialogue.hear(line.bytes, &mut gate)
            }
            CommandHeard::Stopping => dialogue.stop(),
        };
        turn.denials
            .into_iter()
            .for_each(|denial| self.deny(denial));
        let after = match turn.then {
            AfterTurn::Listen => AfterReply::Listen,
            AfterTurn::Anew => {
                self.parser.get_mut().prompted_again();
                self.meter.ledger.set_stage(AgentStage::AtWork);
                AfterReply::Listen
            }
            AfterTurn::Close => AfterReply::Close,
        };
        CommandReply {
            lines: turn.lines,
            after,
        }
    }
}
