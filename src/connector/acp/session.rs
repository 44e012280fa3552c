//! The conversation: a state and a line give what is said next.

use std::path::Path;

use serde_json::{Value, json};

use crate::connector::acp::call::AcpCalls;
use crate::connector::acp::protocol::{
    INITIALIZE, NEW_SESSION, PROMPT, SET_MODEL, VERSION, answered,
};
use crate::connector::clip;
use crate::connector::dialogue::{AfterTurn, Dialogue, DialogueTurn, ToolGate, ToolRuling};
use crate::connector::json::{field, list, text_at};
use crate::connector::stream::MAX_LINE;
use crate::domain::agent_event::Denial;

/// Requests for leave that one session may make; each of them leaves a record.
const MAX_ASKED: u32 = 2000;
/// The error of JSON-RPC for a method that is not there.
const NO_METHOD: i64 = -32601;

/// The progress of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AcpState {
    Greeting,
    Opening,
    Choosing,
    Working,
    Over,
}

/// One session with one prompt.
pub(in crate::connector) struct AcpSession {
    state: AcpState,
    cwd: String,
    prompt: String,
    model: Option<String>,
    id: Value,
    calls: AcpCalls,
    asked: u32,
    /// Id of the last request `session/prompt`.
    prompted: u64,
    /// The agent has not shown yet that it works with the last prompt, which is not the first.
    is_untaken: bool,
}

impl AcpSession {
    /// A session in `cwd` that gives `prompt`. `model` is chosen within the session; `None` leaves
    /// the agent's own.
    pub(in crate::connector) fn new(cwd: &Path, prompt: &str, model: Option<&str>) -> Self {
        Self {
            state: AcpState::Greeting,
            // JSON has no other paths than those in Unicode; the agent refuses a directory that
            // does not exist.
            cwd: cwd.to_string_lossy().into_owned(),
            prompt: prompt.to_owned(),
            model: model.map(str::to_owned),
            id: Value::Null,
            calls: AcpCalls::default(),
            asked: 0,
            prompted: PROMPT,
            is_untaken: false,
        }
    }

    /// An answer to one of our requests.
    fn go_on(&mut self, id: u64, message: &Value, gate: &mut dyn ToolGate) -> DialogueTurn {
        let awaited = match self.state {
            AcpState::Greeting => INITIALIZE,
            AcpState::Opening => NEW_SESSION,
            AcpState::Choosing => SET_MODEL,
            AcpState::Working => self.prompted,
            AcpState::Over => return DialogueTurn::default(),
        };
        if id != awaited {
            return DialogueTurn::default();
        }
        let result = field(message, "result");
        match self.state {
            _ if message.get("error").is_some() => self.close(),
            AcpState::Greeting
                if result.get("protocolVersion").and_then(Value::as_u64) == Some(VERSION) =>
            {
                self.state = AcpState::Opening;
                request(
                    NEW_SESSION,
                    "session/new",
                    &json!({"cwd": self.cwd, "mcpServers": []}),
                )
            }
            AcpState::Opening if result.get("sessionId").is_some_and(Value::is_string) => {
                self.id = field(result, "sessionId").clone();
                self.choose_model(result)
            }
            AcpState::Choosing => self.give_prompt(),
            AcpState::Working if text_at(result, "stopReason") == Some("end_turn") => {
                self.taken(gate);
                self.end_or_go_on(gate)
            }
            _ => self.close(),
        }
    }

    /// Chooses the model, where the agent has an option for it.
    fn choose_model(&mut self, opened: &Value) -> DialogueTurn {
        let option = list(opened.get("configOptions"))
            .iter()
            .find(|option| text_at(option, "category") == Some("model"));
        let (Some(option), Some(model)) = (option, &self.model) else {
            return self.give_prompt();
        };
        self.state = AcpState::Choosing;
        let params = json!({"sessionId": self.id, "configId": field(option, "id"), "value": model});
        request(SET_MODEL, "session/set_config_option", &params)
    }

    fn give_prompt(&mut self) -> DialogueTurn {
        self.state = AcpState::Working;
        let prompt = json!([{"type": "text", "text": std::mem::take(&mut self.prompt)}]);
        request(
            self.prompted,
            "session/prompt",
            &json!({"sessionId": self.id, "prompt": prompt}),
        )
    }

    /// Gives what has come for the agent meanwhile; without any, everything is said.
    fn end_or_go_on(&mut self, gate: &mut dyn ToolGate) -> DialogueTurn {
        let Some(prompt) = gate.next_prompt() else {
            return self.close();
        };
        self.prompted = self.prompted.saturating_add(1);
        self.is_untaken = true;
        self.prompt = prompt;
        DialogueTurn {
            then: AfterTurn::Anew,
            ..self.give_prompt()
        }
    }

    /// The agent answers to the last prompt, and so has it.
    fn taken(&mut self, gate: &mut dyn ToolGate) {
        if std::mem::take(&mut self.is_untaken) {
            gate.prompt_is_taken();
        }
    }

    fn close(&mut self) -> DialogueTurn {
        self.state = AcpState::Over;
        DialogueTurn {
            then: AfterTurn::Close,
            ..DialogueTurn::default()
        }
    }

    /// A request or notification of the agent.
    fn serve(&mut self, method: &str, message: &Value, gate: &mut dyn ToolGate) -> DialogueTurn {
        let params = field(message, "params");
        let id = message.get("id").filter(|id| !id.is_null());
        if is_of_a_turn(method, params) {
            self.taken(gate);
        }
        match (method, id) {
            ("session/update", None) => {
                let update = field(params, "update");
                if text_at(update, "sessionUpdate")
                    .is_some_and(|word| word.starts_with("tool_call"))
                {
                    self.calls.learn(update);
                }
                DialogueTurn::default()
            }
            ("session/request_permission", Some(id)) => self.permit(id, params, gate),
            (_, Some(id)) => {
                let error = json!({"code": NO_METHOD, "message": "this client has no such method"});
                say(&json!({"jsonrpc": "2.0", "id": id, "error": error}))
            }
            (_, None) => DialogueTurn::default(),
        }
    }

    fn permit(&mut self, id: &Value, params: &Value, gate: &mut dyn ToolGate) -> DialogueTurn {
        let (_, call) = self.calls.learn(field(params, "toolCall"));
        let asked = call.asked();
        self.asked = self.asked.saturating_add(1);
        let ruling = match (self.state, self.asked) {
            (AcpState::Working, 0..=MAX_ASKED) => gate.may(&asked),
            (AcpState::Working, _) => {
                ToolRuling::Deny(format!("it has asked more than {MAX_ASKED} times"))
            }
            _ => ToolRuling::Deny("no prompt is being worked on".to_owned()),
        };
        let tool = || format!("{}: {}", asked.kind.word(), clip::text(&asked.title, 200));
        // Leave for good would not be asked for again: it is never given.
        let (kinds, denials): (&[&str], Vec<Denial>) = match ruling {
            ToolRuling::Allow => (&["allow_once"], Vec::new()),
            ToolRuling::Deny(reason) => (
                &["reject_once", "reject_always"],
                vec![Denial {
                    tool: tool(),
                    reason,
                }],
            ),
            ToolRuling::Park(reason) => {
                return self.park(
                    id,
                    Denial {
                        tool: tool(),
                        reason,
                    },
                );
            }
        };
        let outcome = match option(params, kinds) {
            Some(option) => json!({"outcome": "selected", "optionId": option}),
            None => json!({"outcome": "cancelled"}),
        };
        DialogueTurn {
            denials,
            ..say(&json!({"jsonrpc": "2.0", "id": id, "result": {"outcome": outcome}}))
        }
    }

    /// Ends the prompt: whoever has to say yes is not there. A question that is open is answered as
    /// the protocol wants it then.
    fn park(&mut self, id: &Value, denial: Denial) -> DialogueTurn {
        let answer = say(
            &json!({"jsonrpc": "2.0", "id": id, "result": {"outcome": {"outcome": "cancelled"}}}),
        );
        let lines = [answer.lines, self.stop().lines].concat();
        DialogueTurn {
            lines,
            then: AfterTurn::Close,
            denials: vec![denial],
        }
    }
}

impl Dialogue for AcpSession {
    fn open(&mut self) -> DialogueTurn {
        let files = json!({"readTextFile": false, "writeTextFile": false});
        let capabilities = json!({"fs": files, "terminal": false});
        let info = json!({"name": "ai", "version": env!("CARGO_PKG_VERSION")});
        let params = json!({"protocolVersion": VERSION, "clientCapabilities": capabilities, "clientInfo": info});
        request(INITIALIZE, "initialize", &params)
    }

    fn hear(&mut self, line: &[u8], gate: &mut dyn ToolGate) -> DialogueTurn {
        if line.len() > MAX_LINE {
            return DialogueTurn::default();
        }
        let Ok(message) = serde_json::from_slice::<Value>(line) else {
            return DialogueTurn::default();
        };
        match (text_at(&message, "method"), answered(&message)) {
            (Some(method), _) => self.serve(method, &message, gate),
            (None, Some(id)) => self.go_on(id, &message, gate),
            (None, None) => DialogueTurn::default(),
        }
    }

    fn stop(&mut self) -> DialogueTurn {
        let was = std::mem::replace(&mut self.state, AcpState::Over);
        match was {
            AcpState::Working => {
                let cancel = json!({"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": self.id}});
                say(&cancel)
            }
            _ => DialogueTurn::default(),
        }
    }
}

/// True for a message by which an agent shows that its model works.
fn is_of_a_turn(method: &str, params: &Value) -> bool {
    let update = || text_at(field(params, "update"), "sessionUpdate").unwrap_or_default();
    match method {
        "session/request_permission" => true,
        "session/update" => {
            let update = update();
            ["agent_", "tool_call", "plan"]
                .iter()
                .any(|start| update.starts_with(start))
        }
        _ => false,
    }
}

/// The first option of one of these kinds, the kinds in their order.
fn option<'v>(params: &'v Value, kinds: &[&str]) -> Option<&'v Value> {
    let options = list(params.get("options"));
    let of = |kind: &&str| {
        options
            .iter()
            .find(|option| text_at(option, "kind") == Some(*kind))
    };
    kinds.iter().find_map(of)?.get("optionId")
}

fn request(id: u64, method: &str, params: &Value) -> DialogueTurn {
    say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
}

fn say(message: &Value) -> DialogueTurn {
    DialogueTurn {
        lines: vec![message.to_string().into_bytes()],
        ..DialogueTurn::default()
    }
}
