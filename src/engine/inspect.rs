//! What `inspect` says of a container, in the words that podman and docker share.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{INSTANCE_LABEL, NAME_LABEL};

/// A container as the engine has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub id: String,
    /// The instance that it belongs to.
    pub instance: String,
    /// What it is called within the instance.
    pub name: String,
    /// What it is doing.
    pub condition: Condition,
    /// Its published ports: in the container, and on the host.
    pub ports: Vec<(u16, String, u16)>,
}

/// What a container is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It was made and not started.
    Created,
    /// It runs.
    Running,
    /// It has ended, with this code.
    Exited(i32),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    state: State,
    config: Config,
    #[serde(default)]
    network_settings: Option<Network>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    status: String,
    #[serde(default)]
    exit_code: i32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Network {
    #[serde(default)]
    ports: Option<BTreeMap<String, Option<Vec<Binding>>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Binding {
    #[serde(default)]
    host_ip: String,
    #[serde(default)]
    host_port: String,
}

/// The containers that carry our labels.
pub(super) fn parse(json: &[u8]) -> Result<Vec<Found>, serde_json::Error> {
    if json.iter().all(u8::is_ascii_whitespace) {
        return Ok(Vec::new());
    }
    let inspected: Vec<Inspected> = serde_json::from_slice(json)?;
    Ok(inspected.into_iter().filter_map(found).collect())
}

fn found(inspected: Inspected) -> Option<Found> {
    let mut labels = inspected.config.labels.unwrap_or_default();
    let ports = inspected.network_settings.and_then(|network| network.ports).unwrap_or_default();
    Some(Found {
        id: inspected.id,
        instance: labels.remove(INSTANCE_LABEL)?,
        name: labels.remove(NAME_LABEL)?,
        condition: match inspected.state.status.as_str() {
            "created" | "configured" | "initialized" => Condition::Created,
            "running" | "paused" | "restarting" | "stopping" => Condition::Running,
            _ => Condition::Exited(inspected.state.exit_code),
        },
        ports: ports.iter().filter_map(|(port, bindings)| published(port, bindings.as_deref()?)).collect(),
    })
}

fn published(port: &str, bindings: &[Binding]) -> Option<(u16, String, u16)> {
    let container = port.split('/').next()?.parse().ok()?;
    let binding = bindings.first()?;
    let address = if binding.host_ip.is_empty() { "127.0.0.1" } else { &binding.host_ip };
    Some((container, address.to_owned(), binding.host_port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_engines_say() {
        let podman = br#"[{"Id":"a1","State":{"Status":"running","ExitCode":0},"Config":{"Labels":
            {"dev.ampoule.instance":"inst_a","dev.ampoule.container":"web"}},"NetworkSettings":{"Ports":
            {"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"40000"}],"81/tcp":null}}},
            {"Id":"b2","State":{"Status":"exited","ExitCode":3},"Config":{"Labels":null}}]"#;
        let found = parse(podman).expect("parses");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].condition, found[0].name.as_str()), (Condition::Running, "web"));
        assert_eq!(found[0].ports, [(80, "127.0.0.1".to_owned(), 40000)]);
        assert_eq!(parse(b"\n").expect("parses"), []);
    }
}
