//! Package `namespace.cloud.compute.v1beta`: instances, commands in them, and what they print.

mod commands;
mod convert;
mod logs;

use std::time::Duration;

use ampoule_proto::messages::namespace::cloud::compute::v1beta::{
    CreateInstanceRequest, DescribeInstanceRequest, DescribeInstanceResponse, DestroyInstanceRequest,
    ExtendInstanceRequest, ExtendInstanceResponse, ListInstancesRequest, ListInstancesResponse, StartContainersRequest,
    StartContainersResponse, WaitInstanceRequest, WaitInstanceResponse,
};
use ampoule_proto::services::compute_v1beta::ComputeService;
use buffa::MessageField;
use buffa_types::google::protobuf::Empty;
use connectrpc::{ConnectError, ErrorCode, RequestContext, Response, ServiceRequest, ServiceResult, ServiceStream};
use jiff::SignedDuration;

use super::convert::{field, filter, optional, time, timestamp};
use super::stopping::Stopping;
use super::{error::connect_error, principal};
use crate::domain::{Instance, InstanceId, Status, Timestamp};
use crate::instances::Instances;
use crate::vault::{Error, InstanceQuery};
use convert::{container, described, metadata};

pub(super) use commands::{CommandApi, command};
pub(super) use convert::status;
pub(super) use logs::LogApi;

/// How often a stream says that it is still there: a connection without a byte is given up.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(15);

pub(super) struct ComputeApi {
    instances: Instances,
    stopping: Stopping,
}

impl ComputeApi {
    pub(super) fn new(instances: Instances, stopping: Stopping) -> Self {
        Self { instances, stopping }
    }
}

impl ComputeService for ComputeApi {
    async fn create_instance(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, CreateInstanceRequest>,
    ) -> ServiceResult<DescribeInstanceResponse> {
        let principal = principal(&context)?;
        let request = convert::instance_request(&request.to_owned_message())?;
        let instance = self.instances.create(&principal, request).await.map_err(|error| connect_error(&error))?;
        Response::ok(described(&instance))
    }

    async fn wait_instance(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, WaitInstanceRequest>,
    ) -> ServiceResult<ServiceStream<WaitInstanceResponse>> {
        let principal = principal(&context)?;
        let wanted = Wanted::of(&request.to_owned_message())?;
        let first = self.instances.describe(&principal, &wanted.id).await.map_err(|error| connect_error(&error))?;
        wanted.check_container(&first)?;
        let (sender, receiver) = tokio::sync::mpsc::channel(4);
        let instances = self.instances.clone();
        tokio::spawn(async move {
            let told = tell_until_settled(&instances, &wanted, first, &sender).await;
            if let Err(error) = told {
                let _ = sender.send(Err(error)).await;
            }
        });
        Response::ok(self.stopping.stream(receiver, Duration::ZERO, self.instances.until_ended(&principal)))
    }

    async fn wait_instance_sync(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, WaitInstanceRequest>,
    ) -> ServiceResult<WaitInstanceResponse> {
        let principal = principal(&context)?;
        let wanted = Wanted::of(&request.to_owned_message())?;
        let mut changes = self.instances.changes();
        let mut instance =
            self.instances.describe(&principal, &wanted.id).await.map_err(|error| connect_error(&error))?;
        wanted.check_container(&instance)?;
        while !wanted.is_settled(&instance)? {
            tokio::select! {
                _ = changes.changed() => {}
                error = self.stopping.since(Duration::ZERO) => return Err(error),
            }
            instance = self.instances.look(&wanted.id).await.map_err(|error| connect_error(&error))?;
        }
        Response::ok(wanted.answer(&instance, None))
    }

    async fn extend_instance(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, ExtendInstanceRequest>,
    ) -> ServiceResult<ExtendInstanceResponse> {
        let principal = principal(&context)?;
        let request = request.to_owned_message();
        let id: InstanceId = field("instance_id", &request.instance_id)?;
        let wanted = new_deadline(&request)?;
        let deadline = self.instances.extend(&principal, &id, wanted).await.map_err(|error| connect_error(&error))?;
        Response::ok(ExtendInstanceResponse { new_deadline: MessageField::some(timestamp(deadline)) })
    }

    async fn start_containers(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, StartContainersRequest>,
    ) -> ServiceResult<StartContainersResponse> {
        let principal = principal(&context)?;
        let request = request.to_owned_message();
        let id: InstanceId = field("instance_id", &request.instance_id)?;
        let specs = convert::containers(&request.containers)?;
        let added = self.instances.add(&principal, &id, specs).await.map_err(|error| connect_error(&error))?;
        Response::ok(StartContainersResponse { containers: added.iter().map(container).collect() })
    }

    async fn describe_instance(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, DescribeInstanceRequest>,
    ) -> ServiceResult<DescribeInstanceResponse> {
        let principal = principal(&context)?;
        let id: InstanceId = field("instance_id", request.instance_id)?;
        let instance = self.instances.describe(&principal, &id).await.map_err(|error| connect_error(&error))?;
        Response::ok(described(&instance))
    }

    async fn destroy_instance(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, DestroyInstanceRequest>,
    ) -> ServiceResult<Empty> {
        let principal = principal(&context)?;
        let id: InstanceId = field("instance_id", request.instance_id)?;
        let reason = request.reason.to_owned();
        if reason.len() > 1024 || reason.contains(char::is_control) {
            return Err(ConnectError::invalid_argument(
                "reason: expected at most 1024 bytes without control characters",
            ));
        }
        self.instances.destroy(&principal, &id, reason).await.map_err(|error| connect_error(&error))?;
        Response::ok(Empty::default())
    }

    async fn list_instances(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, ListInstancesRequest>,
    ) -> ServiceResult<ListInstancesResponse> {
        let principal = principal(&context)?;
        let request = request.to_owned_message();
        let cursor = std::str::from_utf8(&request.pagination_cursor);
        let cursor = cursor.map_err(|_| ConnectError::invalid_argument("pagination_cursor is not one of ours"))?;
        let most = usize::try_from(request.max_entries);
        let most = most.map_err(|_| ConnectError::invalid_argument("max_entries is negative"))?;
        let since = request.not_older_than.as_option().map(|wire| time("not_older_than", wire)).transpose()?;
        let query = InstanceQuery {
            filter: filter(request.label_filter)?,
            ended_too: request.include_complete_runs,
            since,
            before: optional("pagination_cursor", cursor)?,
            most,
        };
        let page = self.instances.list(&principal, query);
        let page = page.await.map_err(|error| connect_error(&error))?;
        Response::ok(ListInstancesResponse {
            instances: page.instances.iter().map(metadata).collect(),
            pagination_cursor: page.next.map(|id| id.as_str().as_bytes().to_vec()).unwrap_or_default(),
        })
    }
}

/// What somebody waits for.
struct Wanted {
    id: InstanceId,
    destroyed_ok: bool,
    container: String,
}

impl Wanted {
    fn of(request: &WaitInstanceRequest) -> Result<Self, ConnectError> {
        Ok(Self {
            id: field("instance_id", &request.instance_id)?,
            destroyed_ok: request.destroyed_ok,
            container: request.container_id.clone(),
        })
    }

    fn check_container(&self, instance: &Instance) -> Result<(), ConnectError> {
        let is_it = |member: &crate::domain::Member| {
            member.name == self.container || member.id.as_deref() == Some(self.container.as_str())
        };
        if self.container.is_empty() || instance.members.iter().any(is_it) {
            return Ok(());
        }
        Err(ConnectError::not_found(format!("container_id: instance {} has no such container", self.id)))
    }

    /// Whether there is nothing to wait for any more; an error if it never comes.
    fn is_settled(&self, instance: &Instance) -> Result<bool, ConnectError> {
        let failed = |message: String| Err(ConnectError::new(ErrorCode::FailedPrecondition, message));
        match instance.status {
            Status::Running | Status::Suspended => Ok(true),
            Status::Destroyed if self.destroyed_ok => Ok(true),
            Status::Error => failed(format!("instance {} failed: {}", self.id, instance.reason)),
            Status::Destroyed | Status::Destroying if !self.destroyed_ok => {
                failed(format!("instance {} has ended: {}", self.id, instance.reason))
            }
            _ => Ok(false),
        }
    }

    /// An image that is being fetched says more than a status.
    fn answer(&self, instance: &Instance, progress: Option<String>) -> WaitInstanceResponse {
        let status = if self.container.is_empty() { "" } else { instance.status.as_str() };
        let container_status = progress.unwrap_or_else(|| status.to_owned());
        WaitInstanceResponse { metadata: MessageField::some(metadata(instance)), container_status }
    }
}

pub(super) type Sender<T> = tokio::sync::mpsc::Sender<Result<T, ConnectError>>;

async fn tell_until_settled(
    instances: &Instances,
    wanted: &Wanted,
    first: Instance,
    to: &Sender<WaitInstanceResponse>,
) -> Result<(), ConnectError> {
    let mut changes = instances.changes();
    let mut instance = first;
    let mut told = None;
    loop {
        let now = (instance.status, instances.progress(&wanted.id));
        if told.as_ref() != Some(&now) {
            let answer = wanted.answer(&instance, now.1.clone());
            told = Some(now);
            if to.send(Ok(answer)).await.is_err() {
                return Ok(());
            }
        }
        if wanted.is_settled(&instance)? {
            return Ok(());
        }
        tokio::select! {
            _ = changes.changed() => {}
            () = tokio::time::sleep(HEARTBEAT) => told = None,
            () = to.closed() => return Ok(()),
        }
        instance = instances.look(&wanted.id).await.map_err(|error| connect_error(&error))?;
    }
}

/// What a request makes of now and the present deadline.
fn new_deadline(
    request: &ExtendInstanceRequest,
) -> Result<impl FnOnce(Timestamp, Option<Timestamp>) -> Result<Timestamp, Error> + use<>, ConnectError> {
    let span = |name: &str, wire: &buffa_types::google::protobuf::Duration| {
        let span = SignedDuration::new(wire.seconds, wire.nanos);
        if span.is_positive() {
            Ok(span)
        } else {
            Err(ConnectError::invalid_argument(format!("{name} is not positive")))
        }
    };
    let by = request.extend_by.as_option().map(|wire| span("extend_by", wire)).transpose()?;
    let minimum = request.ensure_minimum.as_option().map(|wire| span("ensure_minimum", wire)).transpose()?;
    let until = request.new_deadline.as_option().map(|wire| time("new_deadline", wire)).transpose()?;
    if [by.is_some(), minimum.is_some(), until.is_some()].into_iter().filter(|given| *given).count() != 1 {
        return Err(ConnectError::invalid_argument("give one of extend_by, ensure_minimum and new_deadline"));
    }
    let beyond = || Error::Invalid("the new deadline is beyond what time can be told".to_owned());
    Ok(move |now: Timestamp, present: Option<Timestamp>| {
        if let Some(by) = by {
            return present.unwrap_or(now).checked_add(by).map_err(|_| beyond());
        }
        if let Some(minimum) = minimum {
            let least = now.checked_add(minimum).map_err(|_| beyond())?;
            return Ok(present.map_or(least, |present| present.max(least)));
        }
        until.ok_or_else(beyond)
    })
}
