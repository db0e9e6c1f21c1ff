//! `namespace.cloud.compute.v1beta.CommandService`.

use ampoule_proto::messages::namespace::cloud::compute::v1beta::run_command_response::{ExitStatus, Stream};
use ampoule_proto::messages::namespace::cloud::compute::v1beta::{
    Command, RunCommandRequest, RunCommandResponse, RunCommandSyncResponse,
};
use ampoule_proto::services::compute_v1beta::CommandService;
use buffa::MessageField;
use connectrpc::{ConnectError, RequestContext, Response, ServiceRequest, ServiceResult, ServiceStream};

use super::super::convert::field;
use super::super::stopping::{PATIENCE, Stopping, counts_no_more};
use super::super::{error::connect_error, principal};
use super::{HEARTBEAT, Sender};
use crate::authz::Principal;
use crate::domain::InstanceId;
use crate::domain::instance::{self, CommandSpec};
use crate::engine::{Frame, Session};
use crate::instances::{Exec, Instances};

/// The most that a command may print if all of it is to be in one answer.
const MOST_BYTES: usize = 16 << 20;

pub(in crate::api) struct CommandApi {
    instances: Instances,
    stopping: Stopping,
}

impl CommandApi {
    pub(in crate::api) fn new(instances: Instances, stopping: Stopping) -> Self {
        Self { instances, stopping }
    }

    async fn start(&self, principal: &Principal, request: RunCommandRequest) -> Result<Session, ConnectError> {
        let id: InstanceId = field("instance_id", &request.instance_id)?;
        let exec = exec(request)?;
        self.instances.exec(principal, &id, exec).await.map_err(|error| connect_error(&error))
    }
}

impl CommandService for CommandApi {
    async fn run_command(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, RunCommandRequest>,
    ) -> ServiceResult<ServiceStream<RunCommandResponse>> {
        let principal = principal(&context)?;
        let session = self.start(&principal, request.to_owned_message()).await?;
        let (sender, receiver) = tokio::sync::mpsc::channel(16);
        tokio::spawn(tell(session, sender));
        Response::ok(self.stopping.stream(receiver, PATIENCE, self.instances.until_ended(&principal)))
    }

    async fn run_command_sync(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, RunCommandRequest>,
    ) -> ServiceResult<RunCommandSyncResponse> {
        let principal = principal(&context)?;
        let mut session = self.start(&principal, request.to_owned_message()).await?;
        let mut answer = RunCommandSyncResponse::default();
        let mut stopped = std::pin::pin!(self.stopping.since(PATIENCE));
        let mut ended = std::pin::pin!(self.instances.until_ended(&principal));
        loop {
            let frame = tokio::select! {
                frame = session.next() => frame,
                error = &mut stopped => return Err(error),
                () = &mut ended => return Err(counts_no_more()),
            };
            match frame.map_err(|error| ConnectError::unavailable(error.to_string()))? {
                Frame::Stdout(data) => answer.stdout.extend(data),
                Frame::Stderr(data) => answer.stderr.extend(data),
                Frame::Exit(code) => {
                    answer.exit_code = code;
                    return Response::ok(answer);
                }
                Frame::Stdin(_) | Frame::Resize(_) | Frame::Refused(_) => {}
            }
            if answer.stdout.len() + answer.stderr.len() > MOST_BYTES {
                return Err(ConnectError::resource_exhausted(
                    "the command prints more than 16 MiB: call RunCommand, which streams it",
                ));
            }
        }
    }
}

async fn tell(mut session: Session, to: Sender<RunCommandResponse>) {
    loop {
        let frame = tokio::select! {
            frame = session.next() => frame,
            () = tokio::time::sleep(HEARTBEAT) => Ok(Frame::Stdin(Vec::new())),
            // Whoever asked is gone: so is the command, when the session is dropped.
            () = to.closed() => return,
        };
        let (message, is_end) = match frame {
            Ok(Frame::Stdout(data)) => (Ok(printed(Stream::STDOUT, data)), false),
            Ok(Frame::Stderr(data)) => (Ok(printed(Stream::STDERR, data)), false),
            Ok(Frame::Exit(exit_code)) => {
                let exit_status = MessageField::some(ExitStatus { exit_code });
                (Ok(RunCommandResponse { exit_status, ..RunCommandResponse::default() }), true)
            }
            Ok(Frame::Stdin(_) | Frame::Resize(_) | Frame::Refused(_)) => (Ok(RunCommandResponse::default()), false),
            Err(error) => (Err(ConnectError::unavailable(error.to_string())), true),
        };
        if to.send(message).await.is_err() || is_end {
            return;
        }
    }
}

fn printed(stream: Stream, data: Vec<u8>) -> RunCommandResponse {
    RunCommandResponse { stream: stream.into(), data, ..RunCommandResponse::default() }
}

/// A command, checked whole.
pub(in crate::api) fn command(command: &Command) -> Result<CommandSpec, ConnectError> {
    let json = serde_json::to_value(command).map_err(|error| ConnectError::internal(error.to_string()))?;
    let (command, _) =
        instance::read_command(&json).map_err(|mistakes| ConnectError::invalid_argument(mistakes.to_string()))?;
    Ok(command)
}

fn exec(request: RunCommandRequest) -> Result<Exec, ConnectError> {
    let command = command(&request.command.into_option().unwrap_or_default())?;
    Ok(Exec {
        container: request.target_container_name,
        command: command.words,
        env: command.env,
        cwd: command.directory.unwrap_or_default(),
        stdin: false,
        terminal: None,
        detach: false,
    })
}
