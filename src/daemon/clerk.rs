//! Answers the requests at the socket of a daemon: from what the daemon has last said of itself, so that one that is
//! busy or stands still is told of and not waited for, and else by the operation of the command of the same name.

use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde_json::Value;

use crate::app::daemon_orders;
use crate::app::daemon_words::{
    DaemonAsk, DaemonGreeting, DaemonHello, DaemonOutcome, DaemonReply, DaemonRequest, DaemonSight,
    DaemonWord, PROTOCOL, REQUEST_CAP,
};
use crate::app::error::AppError;
use crate::app::in_run::RefusalTold;
use crate::app::workspace::Workspace;
use crate::base::text::one_line;
use crate::base::version;
use crate::daemon::wake::Wake;
use crate::domain::daemon::{OrderKind, RunsAtStop};
use crate::process::identity::is_within_a_run;
use crate::store;

/// What a daemon has last said of itself, for whoever answers for it.
pub(super) type SharedSight = Arc<Mutex<DaemonSight>>;

/// The word of a caller to the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallerWord {
    /// Look now.
    Look,
    /// End.
    Stop(RunsAtStop),
}

/// The one who answers for a daemon.
pub(super) struct DaemonClerk {
    sight: SharedSight,
    directory: Option<PathBuf>,
    named: Option<String>,
    news: Sender<Wake>,
}

/// The part of a request that every version has.
#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct AnyProtocol {
    protocol: Value,
}

impl DaemonClerk {
    /// Answers from `sight`, acts in `directory` under the name that was given, and passes words on to `news`.
    pub(super) fn new(
        sight: SharedSight,
        (directory, named): (Option<PathBuf>, Option<String>),
        news: Sender<Wake>,
    ) -> DaemonClerk {
        DaemonClerk {
            sight,
            directory,
            named,
            news,
        }
    }

    /// The first line of a conversation.
    pub(super) fn greeting(&self) -> Vec<u8> {
        line(&DaemonGreeting::Hello(DaemonHello {
            protocol: PROTOCOL,
            ai: version::own(),
            store_format: store::newest_format(),
            pid: std::process::id(),
        }))
    }

    /// The only line for a caller whom nobody has time for.
    pub(super) fn too_many(&self) -> Vec<u8> {
        let message = "the daemon hears as many callers as it can; come again";
        line(&DaemonGreeting::Error(refusal("try_later", message)))
    }

    /// The last line for a caller who says too much.
    pub(super) fn too_long(&self) -> Vec<u8> {
        let message = format!("a request has at most {} KiB", REQUEST_CAP >> 10);
        reply(DaemonOutcome::Error(refusal("too_long", &message)))
    }

    /// The reply to a request of a process, and the word that the daemon is given after it.
    pub(super) fn reply(
        &self,
        request: &[u8],
        caller: Option<i32>,
    ) -> (Vec<u8>, Option<CallerWord>) {
        let answered = read(request).and_then(|request| self.answer(request.ask, caller));
        match answered {
            Ok((word, passed_on)) => (reply(DaemonOutcome::Answer(word)), passed_on),
            Err(refused) => (reply(DaemonOutcome::Error(refused)), None),
        }
    }

    /// Gives the daemon a word.
    pub(super) fn pass_on(&self, word: Option<CallerWord>) {
        if let Some(word) = word {
            // Nobody listens any more where the daemon has ended.
            drop(self.news.send(Wake::Asked(word)));
        }
    }

    fn answer(
        &self,
        ask: DaemonAsk,
        caller: Option<i32>,
    ) -> Result<(DaemonWord, Option<CallerWord>), RefusalTold> {
        if caller.is_some_and(is_within_a_run) {
            let message =
                "only a person may ask the daemon: within a run its agent asks about its own task";
            return Err(refusal("denied", message));
        }
        let workspace = || Workspace::new(self.directory.clone(), self.named.clone());
        let told = |error: AppError| RefusalTold::from(&error);
        let ordered = |kind, reason: Option<&str>| {
            let order = daemon_orders::hold_back(&workspace(), (kind, reason)).map_err(told)?;
            Ok((DaemonWord::Order(Some(order)), Some(CallerWord::Look)))
        };
        match ask {
            DaemonAsk::Status => {
                let sight = self.sight.lock().unwrap_or_else(PoisonError::into_inner);
                Ok((DaemonWord::Status(Box::new(sight.clone())), None))
            }
            DaemonAsk::Wake => Ok((DaemonWord::Heard, Some(CallerWord::Look))),
            DaemonAsk::Pause { reason } => ordered(OrderKind::Pause, reason.as_deref()),
            DaemonAsk::Drain { reason } => ordered(OrderKind::Drain, Some(&reason)),
            DaemonAsk::Resume => {
                daemon_orders::let_go_on(&workspace()).map_err(told)?;
                Ok((DaemonWord::Order(None), Some(CallerWord::Look)))
            }
            DaemonAsk::Stop { runs } => Ok((DaemonWord::Heard, Some(CallerWord::Stop(runs)))),
        }
    }
}

/// Reads a request. Its version is looked at before its words, which another version may not have.
fn read(line: &[u8]) -> Result<DaemonRequest, RefusalTold> {
    let AnyProtocol { protocol } = serde_json::from_slice(line).map_err(|why| {
        let why = one_line(&why.to_string());
        let message = format!("a request is one line of JSON with `protocol` and `ask`: {why}");
        refusal("unreadable", &message)
    })?;
    if protocol != PROTOCOL {
        let asked = one_line(&protocol.to_string());
        let asked: String = asked.chars().take(40).collect();
        let message = format!("this daemon speaks version {PROTOCOL} of the protocol, not {asked}");
        let refused = refusal("unknown_protocol", &message);
        return Err(RefusalTold {
            next: Some("`ai daemon restart` begins the daemon of the `ai` that says so".to_owned()),
            ..refused
        });
    }
    serde_json::from_slice(line).map_err(|why| {
        let why = one_line(&why.to_string());
        refusal(
            "unknown_request",
            &format!("this request is not known: {why}"),
        )
    })
}

fn refusal(kind: &str, message: &str) -> RefusalTold {
    RefusalTold {
        kind: kind.to_owned(),
        message: message.to_owned(),
        next: None,
    }
}

fn reply(outcome: DaemonOutcome) -> Vec<u8> {
    line(&DaemonReply {
        protocol: PROTOCOL,
        outcome,
    })
}

fn line<T: serde::Serialize>(value: &T) -> Vec<u8> {
    // What is made of plain values can always be written; an empty line ends the conversation.
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
#[path = "clerk_tests.rs"]
mod tests;
