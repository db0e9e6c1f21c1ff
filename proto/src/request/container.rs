//! The JSON of `EnvironmentVariable` and `ContainerRequest` (package `namespace.cloud.compute.v1beta`, proto3 JSON).

use super::json::Node;
use super::{Asked, Fault, RequestError, Source, source_of_value};
use crate::id::EnvName;

/// The fields of `ContainerRequest`, as the wire names them.
pub const CONTAINER_FIELDS: [&str; 13] = [
    "name",
    "image_ref",
    "args",
    "environment",
    "docker_sock_path",
    "nsc_state_path",
    "export_ports",
    "network",
    "experimental",
    "privileged",
    "volumes",
    "workload_type",
    "env_vars",
];

/// A whole `ContainerRequest`, of which `environment` and `env_vars` apply.
pub(super) fn request(asked: &mut Asked, node: &Node<'_>) -> Result<(), RequestError> {
    let mut environment = None;
    let mut env_vars = None;
    for (key, value) in node.members()? {
        match snake_case(&key).as_str() {
            "environment" => once(&mut environment, value)?,
            "env_vars" => once(&mut env_vars, value)?,
            // The others don't concern the environment.
            field if CONTAINER_FIELDS.contains(&field) => {}
            _ => return Err(Fault::UnknownKey.at(value.path())),
        }
    }
    environment.map_or(Ok(()), |node| map(asked, &node))?;
    env_vars.map_or(Ok(()), |node| variables(asked, &node))
}

/// A list of `EnvironmentVariable`.
pub(super) fn variables(asked: &mut Asked, node: &Node<'_>) -> Result<(), RequestError> {
    if node.is_null() {
        return Ok(());
    }
    node.list()?.iter().try_for_each(|element| variable(asked, element))
}

fn variable(asked: &mut Asked, node: &Node<'_>) -> Result<(), RequestError> {
    let (mut name, mut value, mut secret) = (None, None, None);
    for (key, field) in node.members()? {
        match snake_case(&key).as_str() {
            "name" => once(&mut name, field)?,
            "value" => once(&mut value, field)?,
            "from_secret_id" => once(&mut secret, field)?,
            _ => return Err(Fault::UnknownKey.at(field.path())),
        }
    }
    let name = name_of(name.as_ref(), node)?;
    let source = source_of(value.as_ref(), secret.as_ref())?;
    asked.add(node.path().to_owned(), name.into(), source)
}

fn name_of(field: Option<&Node<'_>>, variable: &Node<'_>) -> Result<EnvName, RequestError> {
    match field.filter(|field| !field.is_null()) {
        Some(field) => field.string()?.parse().map_err(|fault| Fault::Name(fault).at(field.path())),
        None => "".parse().map_err(|fault| Fault::Name(fault).at(format!("{}.name", variable.path()))),
    }
}

/// `from_secret_id` overrides `value`; an empty one is an absent one, as everywhere in proto3.
fn source_of(value: Option<&Node<'_>>, secret: Option<&Node<'_>>) -> Result<Source, RequestError> {
    let value = value.map_or_else(|| Ok(Source::Literal(String::new())), literal)?;
    let Some(secret) = secret.filter(|field| !field.is_null()) else { return Ok(value) };
    let id = secret.string()?;
    if id.is_empty() {
        return Ok(value);
    }
    id.parse().map(Source::Secret).map_err(|fault| Fault::Reference(fault).at(secret.path()))
}

fn map(asked: &mut Asked, node: &Node<'_>) -> Result<(), RequestError> {
    if node.is_null() {
        return Ok(());
    }
    node.members()?.into_iter().try_for_each(|(key, value)| {
        let name: EnvName = key.parse().map_err(|fault| Fault::Name(fault).at(value.path()))?;
        let source = literal(&value)?;
        asked.add(value.path().to_owned(), name.into(), source)
    })
}

fn literal(field: &Node<'_>) -> Result<Source, RequestError> {
    if field.is_null() {
        return Ok(Source::Literal(String::new()));
    }
    source_of_value(&field.string()?).map_err(|fault| fault.at(field.path()))
}

/// Fills a field's place; both spellings of one field are one key.
fn once<'a>(place: &mut Option<Node<'a>>, field: Node<'a>) -> Result<(), RequestError> {
    if place.is_some() {
        return Err(Fault::RepeatedKey.at(field.path()));
    }
    *place = Some(field);
    Ok(())
}

/// The proto name of a field in either of proto3 JSON's spellings; a mix of both stays unknown.
fn snake_case(key: &str) -> String {
    if key.contains('_') {
        return key.to_owned();
    }
    let spell = |c: char| if c.is_ascii_uppercase() { format!("_{}", c.to_ascii_lowercase()) } else { c.to_string() };
    key.chars().map(spell).collect()
}
