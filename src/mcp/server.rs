//! The server: what the SDK asks, and a thread for each call, since an operation waits for a disk or
//! for checks while the client may ask on.
//!
//! A signal that asks for the end is heard here from the start, since an operation that listens for a while
//! leaves none of them with its old meaning: what runs is answered, and the server ends.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::pin::pin;
use std::sync::Arc;

use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ErrorData, Implementation,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig,
};
use rmcp::service::{QuitReason, RequestContext, RoleServer, ServiceExt as _};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::app::doors::McpOrder;
use crate::app::error::AppError;
use crate::domain::error_class::ErrorClass;
use crate::mcp::session::Session;
use crate::mcp::tools::{Surroundings, ToolCall, offered};
use crate::mcp::{answer, outside, within};
use crate::ops::signals::Hearer;

/// What a client may show its model beside the tools.
const OUTSIDE: &str = "Coordinates agents on this Git repository. Claim a task before you edit, keep its lease alive by heartbeat, \
     ask check_path before you edit other paths, and submit when the work is done.";
const WITHIN: &str = "You work on one task of a run. show tells it, check_path whether others hold a path; leave word by checkpoint and note, read inbox, and say by submit that you have finished: the checks run when you end.";

/// Serves until the client hangs up, or a signal asks for the end.
pub fn serve(order: McpOrder) -> Result<(), AppError> {
    let session = Arc::new(Session::new(order)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    // The command line has locked its standard output, and goes on to own it.
    let output = io::stdout().as_fd().try_clone_to_owned().map_err(failed)?;
    let ended = runtime.block_on(converse(session, File::from(output)));
    if matches!(ended, Ok(ServerEnd::Told)) {
        // A thread still waits for the client's next word, and would be waited for.
        runtime.shutdown_background();
    }
    ended.map(drop)
}

fn failed(error: io::Error) -> AppError {
    AppError::of(ErrorClass::Failed, error)
}

/// The reason for which a server ends in good order.
enum ServerEnd {
    /// The client has hung up.
    HungUp,
    /// A signal has told it to.
    Told,
}

async fn converse(session: Arc<Session>, output: File) -> Result<ServerEnd, AppError> {
    let mut signals = EndSignals::listen().map_err(failed)?;
    let (calls, mut running_calls) = watch::channel(0);
    let both = (tokio::io::stdin(), tokio::fs::File::from_std(output));
    let begun = tokio::select! {
        begun = Server { session, calls }.serve(both) => begun,
        () = signals.heard() => return Ok(ServerEnd::Told),
    };
    let running = begun.map_err(|error| {
        AppError::usage(format!("no client has begun to speak: {error}"))
            .hint("name `ai mcp --as agent:NAME` as a server in the settings of the agent's CLI")
    })?;
    let stop = running.cancellation_token();
    let mut end = pin!(running.waiting());
    let ended = tokio::select! {
        ended = &mut end => ended,
        () = signals.heard() => {
            tokio::select! {
                _ = running_calls.wait_for(|running| *running == 0) => {}
                // Who asks twice wants no answer.
                () = signals.heard() => return Ok(ServerEnd::Told),
            }
            // Answers on their way are still written.
            stop.cancel();
            return match end.await {
                Ok(_) => Ok(ServerEnd::Told),
                Err(error) => Err(AppError::of(ErrorClass::Failed, error)),
            };
        }
    };
    match ended {
        Ok(QuitReason::Closed | QuitReason::Cancelled) => Ok(ServerEnd::HungUp),
        Ok(_) => Err(AppError::new(ErrorClass::Failed, "the server ended early")),
        Err(error) => Err(AppError::of(ErrorClass::Failed, error)),
    }
}

/// The signals that ask for the end.
struct EndSignals {
    _hearer: Hearer,
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl EndSignals {
    fn listen() -> io::Result<EndSignals> {
        Ok(EndSignals {
            _hearer: Hearer::begin(),
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    async fn heard(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

struct Server {
    session: Arc<Session>,
    /// The calls that run at this moment.
    calls: watch::Sender<usize>,
}

/// A call that runs, until it is dropped.
struct RunningCall<'a>(&'a watch::Sender<usize>);

impl<'a> RunningCall<'a> {
    fn begin(calls: &'a watch::Sender<usize>) -> RunningCall<'a> {
        calls.send_modify(|running| *running += 1);
        RunningCall(calls)
    }
}

impl Drop for RunningCall<'_> {
    fn drop(&mut self) {
        self.0
            .send_modify(|running| *running = running.saturating_sub(1));
    }
}

impl Server {
    fn surroundings(&self) -> Surroundings {
        match self.session.order().run {
            Some(_) => Surroundings::WithinRun,
            None => Surroundings::Outside,
        }
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        let instructions = match self.surroundings() {
            Surroundings::Outside => OUTSIDE,
            Surroundings::WithinRun => WITHIN,
        };
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("ai", env!("CARGO_PKG_VERSION")))
            .with_instructions(instructions)
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(offered(
            self.surroundings(),
        )))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let _running = RunningCall::begin(&self.calls);
        let session = Arc::clone(&self.session);
        let client = context.client_info();
        let called = tokio::task::spawn_blocking(move || call(&session, client.as_ref(), request));
        let result = called
            .await
            .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        Ok(CallToolResponse::from(result))
    }
}

fn call(
    session: &Session,
    client: Option<&Implementation>,
    request: CallToolRequestParams,
) -> CallToolResult {
    let call = ToolCall::read(&request.name, request.arguments.unwrap_or_default());
    if let Some(socket) = &session.order().run {
        return answer::result(call.and_then(|call| within::answer(socket, call)), &[]);
    }
    let workspace = match session.workspace(client) {
        Ok(workspace) => workspace,
        Err(error) => return answer::result(Err(error), &[]),
    };
    let told = call.and_then(|call| outside::answer(&workspace, call));
    answer::result(told, &workspace.scrubbed())
}
