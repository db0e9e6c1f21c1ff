//! `ampoule instance …`: one file for each.

mod copy;
mod create;
mod describe;
mod destroy;
mod exec;
mod extend;
mod list;
mod logs;
mod wait;

use std::process::ExitCode;

use ampoule_proto::messages::namespace::cloud::compute::v1beta::instance_metadata::Status;
use ampoule_proto::messages::namespace::cloud::compute::v1beta::{
    AllocatedContainer, DescribeInstanceResponse, InstanceMetadata, InstanceShape,
};
use clap::Subcommand;
use serde::Serialize;

use super::output::{paragraph, time, timestamp, visible};
use super::{CliError, Context};
use crate::domain::Timestamp;

pub(super) use create::submit;
pub(super) use exec::{run, secret};
pub(super) use logs::logs;
pub(super) use wait::until_running;

/// Start containers on the daemon's host, watch them and end them
#[derive(Subcommand)]
pub(super) enum Instance {
    Create(create::Create),
    List(list::List),
    Describe(describe::Describe),
    Wait(wait::Wait),
    Logs(logs::Logs),
    Exec(exec::Exec),
    Copy(copy::Copy),
    Extend(extend::Extend),
    Destroy(destroy::Destroy),
}

impl Instance {
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let done = match self {
            Self::Exec(exec) => return exec.run(context),
            Self::Copy(copy) => copy.run(context),
            Self::Create(create) => create.run(context),
            Self::List(list) => list.run(context),
            Self::Describe(describe) => describe.run(context),
            Self::Wait(wait) => wait.run(context),
            Self::Logs(logs) => logs.run(context),
            Self::Extend(extend) => extend.run(context),
            Self::Destroy(destroy) => destroy.run(context),
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}

/// An instance, under the names of the proto fields.
#[derive(Serialize)]
pub(super) struct Described {
    instance_id: String,
    status: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    status_reason: String,
    documented_purpose: String,
    created_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destroyed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<Shape>,
    labels: Vec<Label>,
    creator_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    containers: Vec<Container>,
}

#[derive(Serialize)]
struct Label {
    name: String,
    value: String,
}

/// What it may use of the host, where that was said.
#[derive(Serialize)]
struct Shape {
    #[serde(skip_serializing_if = "Option::is_none")]
    virtual_cpu: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_megabytes: Option<i32>,
}

#[derive(Serialize)]
struct Container {
    id: String,
    name: String,
    exported_port: Vec<Port>,
}

#[derive(Serialize)]
#[allow(clippy::struct_field_names, reason = "they are those of the wire")]
struct Port {
    container_port: i32,
    exported_port: i32,
    endpoint: String,
}

impl Described {
    fn new(metadata: InstanceMetadata, containers: Vec<AllocatedContainer>) -> Self {
        let label =
            |label: ampoule_proto::messages::namespace::stdlib::Label| Label { name: label.name, value: label.value };
        Self {
            instance_id: metadata.instance_id,
            status: status(metadata.status.as_known()),
            status_reason: String::new(),
            documented_purpose: metadata.documented_purpose,
            created_at: metadata.created_at.into_option().and_then(|at| timestamp(&at)),
            deadline: metadata.deadline.into_option().and_then(|at| timestamp(&at)),
            destroyed_at: metadata.destroyed_at.into_option().and_then(|at| timestamp(&at)),
            shape: metadata.shape.into_option().and_then(|wire| Shape::new(&wire)),
            labels: metadata.labels.into_iter().map(label).collect(),
            creator_id: metadata.creator_id,
            containers: containers.into_iter().map(container).collect(),
        }
    }

    /// Field by field.
    pub(super) fn text(&self) -> String {
        let labels: Vec<String> = self.labels.iter().map(|label| format!("{}={}", label.name, label.value)).collect();
        let mut lines = vec![("Instance ID:", self.instance_id.clone()), ("Status:", self.status.to_owned())];
        lines.extend(paragraph("Reason:", &self.status_reason));
        lines.extend([
            ("Purpose:", self.documented_purpose.clone()),
            ("Created At:", time(self.created_at)),
            ("Deadline:", time(self.deadline)),
        ]);
        if self.destroyed_at.is_some() {
            lines.push(("Ended At:", time(self.destroyed_at)));
        }
        if let Some(shape) = &self.shape {
            lines.push(("Shape:", shape.text()));
        }
        lines.push(("Labels:", labels.join(",")));
        for container in &self.containers {
            let ports = container.exported_port.iter().map(|port| match port.endpoint.as_str() {
                "" if self.status == "RUNNING" => format!(" {} (not published)", port.container_port),
                "" => format!(" {}", port.container_port),
                endpoint => format!(" {} at {endpoint}", port.container_port),
            });
            let short: String = container.id.chars().take(12).collect();
            lines.push(("Container:", format!("{} {short}{}", container.name, ports.collect::<String>())));
        }
        lines.iter().map(|(name, value)| format!("{name:<13}{}", visible(value)).trim_end().to_owned() + "\n").collect()
    }
}

impl Shape {
    fn new(wire: &InstanceShape) -> Option<Self> {
        let said = |number: i32| Some(number).filter(|number| *number != 0);
        let (virtual_cpu, memory_megabytes) = (said(wire.virtual_cpu), said(wire.memory_megabytes));
        (virtual_cpu.is_some() || memory_megabytes.is_some()).then_some(Self { virtual_cpu, memory_megabytes })
    }

    fn text(&self) -> String {
        let cpus = self.virtual_cpu.map(|cpus| format!("{cpus} CPUs"));
        let memory = self.memory_megabytes.map(|memory| format!("{memory} MB"));
        cpus.into_iter().chain(memory).collect::<Vec<_>>().join(", ")
    }
}

impl TryFrom<DescribeInstanceResponse> for Described {
    type Error = CliError;

    fn try_from(wire: DescribeInstanceResponse) -> Result<Self, CliError> {
        let metadata = wire.metadata.into_option().ok_or(CliError::Answer { what: "metadata" })?;
        Ok(Self { status_reason: wire.status_reason, ..Self::new(metadata, wire.containers) })
    }
}

fn container(wire: AllocatedContainer) -> Container {
    let ports = wire.exported_port.into_iter().map(|port| Port {
        container_port: port.container_port,
        exported_port: port.exported_port,
        endpoint: port.endpoint,
    });
    Container { id: wire.id, name: wire.name, exported_port: ports.collect() }
}

pub(super) fn status(status: Option<Status>) -> &'static str {
    match status {
        Some(Status::PENDING) => "PENDING",
        Some(Status::CREATING) => "CREATING",
        Some(Status::RUNNING) => "RUNNING",
        Some(Status::DESTROYED) => "DESTROYED",
        Some(Status::DESTROYING) => "DESTROYING",
        Some(Status::SUSPENDING) => "SUSPENDING",
        Some(Status::SUSPENDED) => "SUSPENDED",
        Some(Status::ERROR) => "ERROR",
        Some(Status::STATUS_UNKNOWN) | None => "UNKNOWN",
    }
}
