//! One `ContainerRequest`.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use super::environment::{LONGEST, variables};
use super::forms;
use super::mounts::{MountPoints, host_mounts, volumes_at};
use crate::domain::instance::{
    Capability, ContainerName, ContainerPath, ContainerSpec, ImageRef, Network, PortSpec, Protocol, VolumeSpec,
    Workload,
};
use crate::domain::submitted::{Cursor, Fields};

/// What a container is called if it is alone and nothing is said.
const ALONE: &str = "main";

/// Reads one of them; `shared` is what is mounted in every one.
pub(super) fn read(cursor: &Cursor<'_>, shared: &[(String, VolumeSpec)], alone: bool) -> Option<ContainerSpec> {
    let fields = cursor.fields(&forms::CONTAINER)?;
    let name = name(&fields, alone);
    let image = fields.need("image_ref", "a container needs an image: add it, such as docker.io/library/nginx:1.27");
    let image = image.and_then(Cursor::parse::<ImageRef>);
    let args = fields.list("args").iter().filter_map(argument).collect();
    let env = variables(fields.get("environment"), fields.get("env_vars"));
    let networks =
        [("NETWORK_UNKNOWN", 0, Network::Bridge), ("BRIDGE", 1, Network::Bridge), ("HOST", 2, Network::Host)];
    let network = fields.get("network").and_then(|field| field.choice(&networks)).unwrap_or_default();
    let export_ports = ports(&fields, network);
    let workloads =
        [("WORKLOAD_TYPE_UNKNOWN", 0, Workload::Job), ("JOB", 1, Workload::Job), ("SERVICE", 2, Workload::Service)];
    let workload = fields.get("workload_type").and_then(|field| field.choice(&workloads)).unwrap_or_default();
    let mut points = MountPoints::of(shared);
    let mut path = |name| {
        let field = fields.given(name)?;
        let path = field.parse::<ContainerPath>()?;
        points.take(&path, field);
        Some(path)
    };
    let docker_sock_path = path("docker_sock_path");
    let nsc_state_path = path("nsc_state_path");
    let experimental = fields.get("experimental").and_then(|field| field.fields(&forms::EXPERIMENTAL));
    let experimental = experimental.as_ref();
    let host_mounts = experimental.map(|fields| host_mounts(fields, &mut points)).unwrap_or_default();
    let volumes = volumes_at(&fields, &mut points);
    let privileged = fields.flag("privileged");
    let devices = experimental.map(|fields| parsed(fields, "devices")).unwrap_or_default();
    let (cap_add, cap_drop) = experimental.map(capabilities).unwrap_or_default();
    Some(ContainerSpec {
        name: name?,
        image: image?,
        args,
        env,
        docker_sock_path,
        nsc_state_path,
        export_ports,
        network,
        privileged,
        host_mounts,
        cap_add,
        cap_drop,
        devices,
        volumes: volumes.into_iter().map(|(_, volume)| volume).collect(),
        workload,
    })
}

fn name(fields: &Fields<'_>, alone: bool) -> Option<ContainerName> {
    if alone && fields.given("name").is_none() && fields.get("name").is_none_or(Cursor::is_text) {
        return ALONE.parse().ok();
    }
    fields.need("name", "a container needs a name of its own beside others: add it")?.parse()
}

/// A word of a command.
pub(super) fn argument(cursor: &Cursor<'_>) -> Option<String> {
    let text = cursor.text()?;
    if text.contains('\0') {
        cursor.mistake("the argument has a NUL, which no command can be given: remove it");
        return None;
    }
    if text.len() > LONGEST {
        let bytes = text.len();
        cursor.mistake(format_args!("the argument has {bytes} bytes: Linux takes at most {LONGEST}; put it in a file"));
        return None;
    }
    Some(text.to_owned())
}

fn ports(fields: &Fields<'_>, network: Network) -> Vec<PortSpec> {
    let mut first = HashMap::<u16, String>::new();
    let protocols = [("PROTO_UNKNOWN", 0, Protocol::Tcp), ("HTTP", 1, Protocol::Http), ("TCP", 2, Protocol::Tcp)];
    let mut port = |cursor: &Cursor<'_>| {
        let fields = cursor.fields(&forms::PORT)?;
        let protocol = fields.get("proto").and_then(|field| field.choice(&protocols)).unwrap_or_default();
        let name = fields.get("name").and_then(port_name).unwrap_or_default();
        let field = fields.need("container_port", "a port needs its number in the container: add it")?;
        let container_port = u16::try_from(field.integer(&(1..=65_535))?).ok()?;
        if let Some(first) = first.get(&container_port) {
            field.mistake(format_args!("{first} exports this port too: keep one"));
            return None;
        }
        first.insert(container_port, cursor.path().to_owned());
        Some(PortSpec { protocol, container_port, name })
    };
    let ports: Vec<_> = fields.list("export_ports").iter().filter_map(&mut port).collect();
    if let Some(list) = fields.given("export_ports").filter(|_| network == Network::Host) {
        list.mistake("a container in the host's network has its ports there already: remove it, or use BRIDGE");
    }
    ports
}

fn port_name(cursor: &Cursor<'_>) -> Option<String> {
    let text = cursor.text()?;
    if text.len() > 63 || text.contains(char::is_control) {
        cursor.mistake("expected at most 63 bytes without control characters");
        return None;
    }
    Some(text.to_owned())
}

/// The elements of a list of texts, each as its type reads it.
fn parsed<T: FromStr<Err: Display>>(fields: &Fields<'_>, name: &str) -> Vec<T> {
    fields.list(name).iter().filter_map(Cursor::parse).collect()
}

/// Those to add and those to drop; none is named twice.
fn capabilities(fields: &Fields<'_>) -> (Vec<Capability>, Vec<Capability>) {
    let mut first = HashMap::<Capability, String>::new();
    let mut read = |name| {
        let once = |cursor: &Cursor<'_>| {
            let capability = cursor.parse_name::<Capability>(Capability::names)?;
            if let Some(first) = first.get(&capability) {
                cursor.mistake(format_args!("{capability} is named before, at {first}: keep one"));
                return None;
            }
            first.insert(capability, cursor.path().to_owned());
            Some(capability)
        };
        fields.list(name).iter().filter_map(once).collect()
    };
    let add = read("cap_add");
    (add, read("cap_drop"))
}
