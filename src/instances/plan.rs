//! From a request to what is kept of it, and to what the engine is asked for.

use ampoule_proto::request::{SCHEME, Source};

use super::Host;
use super::state::TOKEN_FILE;
use crate::authz::Principal;
use crate::domain::instance::{
    ContainerSpec, InstanceRequest, MachineArch, Network, Protocol, Variable, VolumeSpec, Workload,
};
use crate::domain::submitted::Mistakes;
use crate::domain::{ActorId, Exported, Instance, InstanceId, Member, Status, Timestamp};
use crate::engine::{Mount, NewContainer, Port};
use crate::seal::KeyError;
use crate::vault::{Error, Named};

/// By it clients find a token file that is not where they look first.
const TOKEN_VARIABLE: &str = "NSC_TOKEN_FILE";

/// What only the host can say of a request: all of it at once.
pub(super) fn check(request: &InstanceRequest, host: &Host, now: Timestamp) -> Result<(), Error> {
    let mut faults = Vec::new();
    if request.deadline.is_some_and(|deadline| deadline <= now) {
        faults.push(("deadline".to_owned(), "it has passed already: leave it out, or name a later one".to_owned()));
    }
    if let Ok(arch) = std::env::consts::ARCH.parse::<MachineArch>()
        && let Err(mistakes) = request.check_host(arch)
    {
        faults.extend(mistakes.iter().map(|mistake| (mistake.path().to_owned(), mistake.reason().to_owned())));
    }
    if let Some(cpus) = request.shape.virtual_cpu.filter(|cpus| *cpus > host.cpus) {
        let most = host.cpus;
        faults.push(("shape.virtual_cpu".to_owned(), format!("{cpus} are more than this host's {most}")));
    }
    faults.extend(faults_of(&request.containers, host));
    refuse(faults)
}

/// The same of containers alone.
pub(super) fn check_containers(specs: &[ContainerSpec], host: &Host) -> Result<(), Error> {
    refuse(faults_of(specs, host))
}

fn refuse(faults: Vec<(String, String)>) -> Result<(), Error> {
    Mistakes::of(faults).map_or(Ok(()), |mistakes| Err(Error::Invalid(mistakes.to_string())))
}

fn faults_of(specs: &[ContainerSpec], host: &Host) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    for (place, spec) in specs.iter().enumerate() {
        let container = container(InstanceId::PREFIX, &request_of_none(), spec);
        let mut found = host.limits.faults(&container);
        if let (Some(_), Err(reason)) = (&spec.nsc_state_path, &host.state) {
            found.retain(|(path, _)| path != "nsc_state_path");
            let remedy = "name a folder on one by `instances.state_folder` in the settings";
            let reason = format!("{reason}, and a token may not be on a disk: {remedy}");
            found.push(("nsc_state_path".to_owned(), reason));
        }
        faults.extend(found.into_iter().map(|(path, reason)| (format!("containers[{place}].{path}"), reason)));
    }
    faults
}

fn request_of_none() -> InstanceRequest {
    InstanceRequest {
        shape: crate::domain::instance::Shape::default(),
        purpose: String::new(),
        labels: crate::domain::Labels::default(),
        deadline: None,
        containers: Vec::new(),
        volumes: Vec::new(),
    }
}

/// A new instance.
pub(super) fn instance(request: &InstanceRequest, principal: &Principal) -> Result<Instance, Error> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|error| KeyError::NoRandomness { reason: error.to_string() })?;
    let now = Timestamp::now();
    Ok(Instance {
        id: InstanceId::new(u64::try_from(now.as_millisecond()).unwrap_or_default(), random),
        created_at: now,
        destroyed_at: None,
        deadline: request.deadline,
        purpose: request.purpose.clone(),
        creator: ActorId::of(&principal.caller().identity),
        labels: request.labels.clone(),
        cpus: request.shape.virtual_cpu,
        memory: request.shape.memory_megabytes,
        status: Status::Pending,
        reason: String::new(),
        token: None,
        devbox: None,
        members: request.containers.iter().map(member).collect(),
    })
}

pub(super) fn member(spec: &ContainerSpec) -> Member {
    Member {
        name: spec.name.to_string(),
        id: None,
        is_service: spec.workload == Workload::Service,
        references: named(&spec.env).into_iter().map(|named| named.reference).collect(),
        ports: spec
            .export_ports
            .iter()
            .map(|port| Exported {
                is_http: port.protocol == Protocol::Http,
                container: port.container_port,
                host: None,
            })
            .collect(),
    }
}

/// The secrets that a container names.
pub(super) fn named(env: &[Variable]) -> Vec<Named> {
    let named = env.iter().filter_map(|variable| match &variable.source {
        Source::Secret(reference) => Some(Named {
            place: variable.place.clone(),
            variable: variable.name.as_str().to_owned(),
            reference: reference.clone(),
        }),
        Source::Literal(_) => None,
    });
    named.collect()
}

/// Names, and values or references as an environment spells them.
pub(super) fn environment(env: &[Variable]) -> Vec<(String, String)> {
    let value = |source: &Source| match source {
        Source::Literal(text) => text.clone(),
        Source::Secret(reference) => format!("{SCHEME}{reference}"),
    };
    env.iter().map(|variable| (variable.name.as_str().to_owned(), value(&variable.source))).collect()
}

/// What the engine is asked for.
pub(super) fn container(instance: &str, request: &InstanceRequest, spec: &ContainerSpec) -> NewContainer {
    let volumes = request.volumes.iter().chain(&spec.volumes).map(volume);
    let folders = spec.host_mounts.iter().map(|mount| Mount::Host {
        source: mount.host.to_string(),
        target: mount.container.to_string(),
        readonly: mount.readonly,
    });
    let mut env = environment(&spec.env);
    if let Some(state) = &spec.nsc_state_path
        && !env.iter().any(|(name, _)| name == TOKEN_VARIABLE)
    {
        env.push((TOKEN_VARIABLE.to_owned(), format!("{}/{TOKEN_FILE}", state.to_string().trim_end_matches('/'))));
    }
    NewContainer {
        instance: instance.to_owned(),
        name: spec.name.to_string(),
        image: spec.image.to_string(),
        args: spec.args.clone(),
        entrypoint: None,
        env,
        ports: spec.export_ports.iter().map(|port| Port { container: port.container_port }).collect(),
        host_network: spec.network == Network::Host,
        privileged: spec.privileged,
        cap_add: spec.cap_add.iter().map(ToString::to_string).collect(),
        cap_drop: spec.cap_drop.iter().map(ToString::to_string).collect(),
        devices: spec.devices.iter().map(ToString::to_string).collect(),
        mounts: volumes.chain(folders).collect(),
        state: spec.nsc_state_path.as_ref().map(ToString::to_string),
        engine_socket: spec.docker_sock_path.as_ref().map(ToString::to_string),
        cpus: request.shape.virtual_cpu,
        memory: request.shape.memory_megabytes,
        cwd: String::new(),
    }
}

fn volume(spec: &VolumeSpec) -> Mount {
    Mount::Volume { name: volume_name(&spec.tag.to_string()), target: spec.mount_point.to_string() }
}

/// What the engine calls the volume of a tag.
pub fn volume_name(tag: &str) -> String {
    format!("ampoule-{tag}")
}
