//! The server: what the SDK asks, and a thread for each call, since an operation waits for a disk or
//! for checks while the client may ask on.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;

use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ErrorData, Implementation,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig,
};
use rmcp::service::{QuitReason, RequestContext, RoleServer, ServiceExt as _};

use crate::app::doors::McpOrder;
use crate::app::error::AppError;
use crate::domain::error_class::ErrorClass;
use crate::mcp::session::Session;
use crate::mcp::tools::{Surroundings, ToolCall, offered};
use crate::mcp::{answer, outside, within};

/// What a client may show its model beside the tools.
const OUTSIDE: &str = "Coordinates agents on this Git repository. Claim a task before you edit, keep its lease alive by heartbeat, \
     ask check_path before you edit other paths, and submit when the work is done.";
const WITHIN: &str = "You work on one task of a run. show tells it, check_path whether others hold a path; leave word by checkpoint.";

/// Serves until the client hangs up.
pub fn serve(order: McpOrder) -> Result<(), AppError> {
    let failed = |error: io::Error| AppError::of(ErrorClass::Failed, error);
    let session = Arc::new(Session::new(order)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    // The command line has locked its standard output, and goes on to own it.
    let output = io::stdout().as_fd().try_clone_to_owned().map_err(failed)?;
    runtime.block_on(async {
        let output = tokio::fs::File::from_std(File::from(output));
        let both = (tokio::io::stdin(), output);
        let running = Server { session }.serve(both).await.map_err(|error| {
            AppError::usage(format!("no client has begun to speak: {error}")).hint(
                "name `ai mcp --as agent:NAME` as a server in the settings of the agent's CLI",
            )
        })?;
        match running.waiting().await {
            Ok(QuitReason::Closed | QuitReason::Cancelled) => Ok(()),
            Ok(_) => Err(AppError::new(ErrorClass::Failed, "the server ended early")),
            Err(error) => Err(AppError::of(ErrorClass::Failed, error)),
        }
    })
}

struct Server {
    session: Arc<Session>,
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
