//! Instances on the wire.

use ampoule_proto::messages::namespace::cloud::compute::v1beta::allocated_container::ExportedContainerPort;
use ampoule_proto::messages::namespace::cloud::compute::v1beta::container_port::Proto;
use ampoule_proto::messages::namespace::cloud::compute::v1beta::instance_metadata::Status as WireStatus;
use ampoule_proto::messages::namespace::cloud::compute::v1beta::{
    AllocatedContainer, ContainerRequest, CreateInstanceRequest, DescribeInstanceResponse, InstanceMetadata,
    InstanceShape, StartContainersRequest,
};
use buffa::MessageField;
use connectrpc::ConnectError;

use super::super::convert::{timestamp, wire_label};
use crate::domain::instance::{self, ContainerSpec, InstanceRequest};
use crate::domain::{Exported, Instance, Member, Status};

/// A request, checked whole: by the same rules, and in the same words, as a file that is read by the command line.
pub(super) fn instance_request(wire: &CreateInstanceRequest) -> Result<InstanceRequest, ConnectError> {
    let json = serde_json::to_value(wire).map_err(|error| ConnectError::internal(error.to_string()))?;
    match instance::read_message(&json) {
        Ok((request, _)) => Ok(request),
        Err(mistakes) => Err(ConnectError::invalid_argument(mistakes.to_string())),
    }
}

/// The containers of a request that has nothing else.
pub(super) fn containers(wire: &[ContainerRequest]) -> Result<Vec<ContainerSpec>, ConnectError> {
    let request = StartContainersRequest { containers: wire.to_vec(), ..StartContainersRequest::default() };
    let json = serde_json::to_value(&request).map_err(|error| ConnectError::internal(error.to_string()))?;
    match instance::read_containers(&json) {
        Ok((containers, _)) => Ok(containers),
        Err(mistakes) => Err(ConnectError::invalid_argument(mistakes.to_string())),
    }
}

pub(super) fn described(instance: &Instance) -> DescribeInstanceResponse {
    DescribeInstanceResponse {
        instance_url: String::new(),
        metadata: MessageField::some(metadata(instance)),
        containers: instance.members.iter().map(container).collect(),
        status_reason: instance.reason.clone(),
    }
}

pub(super) fn metadata(instance: &Instance) -> InstanceMetadata {
    let number = |number: Option<u32>| number.and_then(|number| i32::try_from(number).ok()).unwrap_or_default();
    InstanceMetadata {
        instance_id: instance.id.to_string(),
        created_at: MessageField::some(timestamp(instance.created_at)),
        destroyed_at: instance.destroyed_at.map(timestamp).into(),
        deadline: instance.deadline.map(timestamp).into(),
        documented_purpose: instance.purpose.clone(),
        shape: MessageField::some(InstanceShape {
            virtual_cpu: number(instance.cpus),
            memory_megabytes: number(instance.memory),
            ..InstanceShape::default()
        }),
        status: status(instance.status).into(),
        labels: instance.labels.iter().map(wire_label).collect(),
        creator_id: instance.creator.to_string(),
    }
}

pub(in crate::api) fn status(status: Status) -> WireStatus {
    match status {
        Status::Pending => WireStatus::PENDING,
        // Clients know no other word for what is on its way again.
        Status::Creating | Status::Resuming => WireStatus::CREATING,
        Status::Running => WireStatus::RUNNING,
        Status::Destroying => WireStatus::DESTROYING,
        Status::Destroyed => WireStatus::DESTROYED,
        Status::Suspending => WireStatus::SUSPENDING,
        Status::Suspended => WireStatus::SUSPENDED,
        Status::Error => WireStatus::ERROR,
    }
}

pub(super) fn container(member: &Member) -> AllocatedContainer {
    AllocatedContainer {
        id: member.id.clone().unwrap_or_default(),
        name: member.name.clone(),
        exported_port: member.ports.iter().map(port).collect(),
    }
}

fn port(port: &Exported) -> ExportedContainerPort {
    let (address, number) = port.host.clone().unwrap_or_default();
    ExportedContainerPort {
        proto: if port.is_http { Proto::HTTP } else { Proto::TCP }.into(),
        container_port: port.container.into(),
        exported_port: number.into(),
        endpoint: if number == 0 { String::new() } else { format!("{address}:{number}") },
    }
}
