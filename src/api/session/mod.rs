//! Package `ampoule.v1`: two-way work with containers.

mod attach;
mod copy;

use std::time::Duration;

use ampoule_proto::messages::ampoule::v1::{
    AttachRequest, AttachResponse, DownloadRequest, DownloadResponse, UploadRequest, UploadResponse,
};
use ampoule_proto::services::ampoule_v1::SessionService;
use connectrpc::{ConnectError, InboundStream, RequestContext, Response, ServiceResult, ServiceStream};
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::principal;
use super::stopping::{PATIENCE, Stopping};
use crate::engine::EngineError;
use crate::instances::Instances;

/// What the paths of all its methods begin with.
pub(super) const PREFIX: &str = "/ampoule.v1.SessionService/";
/// The longest request.
pub(super) const MOST_BYTES: usize = 256 << 10;

/// How long a caller may say nothing before it is taken to be gone.
const SILENCE: Duration = Duration::from_secs(90);

pub(super) struct SessionApi {
    instances: Instances,
    stopping: Stopping,
}

impl SessionApi {
    pub(super) fn new(instances: Instances, stopping: Stopping) -> Self {
        Self { instances, stopping }
    }
}

impl SessionService for SessionApi {
    async fn attach(
        &self,
        context: RequestContext,
        requests: InboundStream<AttachRequest>,
    ) -> ServiceResult<ServiceStream<AttachResponse>> {
        let principal = principal(&context)?;
        let mut requests = requests.map(|request| request.map(|request| request.to_owned_message())).boxed();
        let first = first(&mut requests).await?;
        let attached = attach::start(&self.instances, &principal, first).await?;
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(attached.run(requests, sender));
        Response::ok(self.stopping.stream(receiver, Duration::ZERO, self.instances.until_ended(&principal)))
    }

    async fn upload(
        &self,
        context: RequestContext,
        requests: InboundStream<UploadRequest>,
    ) -> ServiceResult<ServiceStream<UploadResponse>> {
        let principal = principal(&context)?;
        let mut requests = requests.map(|request| request.map(|request| request.to_owned_message())).boxed();
        let first = first(&mut requests).await?;
        let upload = copy::start_upload(&self.instances, &principal, first).await?;
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(copy::take(upload, requests, sender));
        Response::ok(self.stopping.stream(receiver, PATIENCE, self.instances.until_ended(&principal)))
    }

    async fn download(
        &self,
        context: RequestContext,
        requests: InboundStream<DownloadRequest>,
    ) -> ServiceResult<ServiceStream<DownloadResponse>> {
        let principal = principal(&context)?;
        let mut requests = requests.map(|request| request.map(|request| request.to_owned_message())).boxed();
        let first = first(&mut requests).await?;
        let download = copy::start_download(&self.instances, &principal, first).await?;
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(copy::give(download, requests, sender));
        Response::ok(self.stopping.stream(receiver, PATIENCE, self.instances.until_ended(&principal)))
    }
}

/// The first request; the library bounds how long it may take.
async fn first<M>(requests: &mut ServiceStream<M>) -> Result<M, ConnectError> {
    let none = || ConnectError::invalid_argument("there is no request: the first says what is wanted");
    requests.next().await.ok_or_else(none)?
}

/// The next request of a caller that is still there; nothing if that was the last.
async fn next<M>(requests: &mut ServiceStream<M>) -> Result<Option<M>, ConnectError> {
    match timeout(SILENCE, requests.next()).await {
        Ok(request) => request.transpose(),
        Err(_) => {
            Err(ConnectError::deadline_exceeded("nothing came for 90 seconds: say now and then that you are there"))
        }
    }
}

fn lost(error: &EngineError) -> ConnectError {
    ConnectError::unavailable(error.to_string())
}
