//! `ampoule.v1.DevboxService`.

use ampoule_proto::messages::ampoule::v1::{
    CreateDevboxRequest, DescribeDevboxRequest, Devbox as WireDevbox, ExpireDevboxRequest, ListDevboxesRequest,
    ListDevboxesResponse, Repository as WireRepository, StartDevboxRequest, StopDevboxRequest,
};
use ampoule_proto::services::ampoule_v1::DevboxService;
use buffa::MessageField;
use buffa_types::google::protobuf::Empty;
use connectrpc::{ConnectError, RequestContext, Response, ServiceRequest, ServiceResult};

use super::compute::status;
use super::convert::{field, timestamp};
use super::{error::connect_error, principal};
use crate::domain::Instance;
use crate::domain::devbox::{self, DevboxName, DevboxSpec, Repository};
use crate::instances::Instances;
use crate::vault::Error;

pub(super) struct DevboxApi {
    instances: Instances,
}

impl DevboxApi {
    pub(super) fn new(instances: Instances) -> Self {
        Self { instances }
    }
}

impl DevboxService for DevboxApi {
    async fn create_devbox(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, CreateDevboxRequest>,
    ) -> ServiceResult<WireDevbox> {
        let principal = principal(&context)?;
        let spec = spec(request.to_owned_message())?;
        answer(self.instances.create_devbox(&principal, spec).await)
    }

    async fn list_devboxes(
        &self,
        context: RequestContext,
        _: ServiceRequest<'_, ListDevboxesRequest>,
    ) -> ServiceResult<ListDevboxesResponse> {
        let principal = principal(&context)?;
        let listed = self.instances.list_devboxes(&principal).await.map_err(|error| connect_error(&error))?;
        Response::ok(ListDevboxesResponse { devboxes: listed.iter().filter_map(devbox).collect() })
    }

    async fn describe_devbox(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, DescribeDevboxRequest>,
    ) -> ServiceResult<WireDevbox> {
        let principal = principal(&context)?;
        let name: DevboxName = field("name", request.name)?;
        answer(self.instances.describe_devbox(&principal, &name).await)
    }

    async fn stop_devbox(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, StopDevboxRequest>,
    ) -> ServiceResult<WireDevbox> {
        let principal = principal(&context)?;
        let name: DevboxName = field("name", request.name)?;
        answer(self.instances.stop_devbox(&principal, &name).await)
    }

    async fn start_devbox(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, StartDevboxRequest>,
    ) -> ServiceResult<WireDevbox> {
        let principal = principal(&context)?;
        let name: DevboxName = field("name", request.name)?;
        answer(self.instances.start_devbox(&principal, &name).await)
    }

    async fn expire_devbox(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, ExpireDevboxRequest>,
    ) -> ServiceResult<Empty> {
        let principal = principal(&context)?;
        let name: DevboxName = field("name", request.name)?;
        self.instances.expire_devbox(&principal, &name).await.map_err(|error| connect_error(&error))?;
        Response::ok(Empty::default())
    }
}

/// A specification, checked whole: by the same rules, and in the same words, as a file that is read by the command line.
fn spec(request: CreateDevboxRequest) -> Result<DevboxSpec, ConnectError> {
    let spec = request.spec.into_option().unwrap_or_default();
    let json = serde_json::to_value(&spec).map_err(|error| ConnectError::internal(error.to_string()))?;
    devbox::read_wire(&json).map_err(|mistakes| ConnectError::invalid_argument(mistakes.to_string()))
}

fn answer(result: Result<Instance, Error>) -> ServiceResult<WireDevbox> {
    let instance = result.map_err(|error| connect_error(&error))?;
    Response::ok(devbox(&instance).ok_or_else(|| ConnectError::internal("it is no devbox"))?)
}

fn devbox(instance: &Instance) -> Option<WireDevbox> {
    let devbox = instance.devbox.as_ref()?;
    let number = |number: Option<u32>| number.and_then(|number| i32::try_from(number).ok()).unwrap_or_default();
    Some(WireDevbox {
        name: devbox.name.to_string(),
        instance_id: instance.id.to_string(),
        status: status(instance.status).into(),
        reason: instance.reason.clone(),
        image: devbox.image.to_string(),
        size: devbox.size.to_string(),
        virtual_cpu: number(instance.cpus),
        memory_megabytes: number(instance.memory),
        repository: devbox.repository.as_ref().map(repository).into(),
        ephemeral: devbox.ephemeral,
        directory: devbox.directory(),
        created_at: MessageField::some(timestamp(instance.created_at)),
        creator_id: instance.creator.to_string(),
        notes: devbox.note_on_size(instance.cpus, instance.memory).into_iter().collect(),
    })
}

fn repository(repository: &Repository) -> WireRepository {
    WireRepository {
        url: repository.url.to_string(),
        r#ref: repository.reference.as_ref().map(ToString::to_string).unwrap_or_default(),
        credentials: repository.credentials.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}
