//! The specification of a Devbox, read whole.

use serde_json::Value;

use super::{DevboxImage, DevboxName, DevboxSpec, GitRef, Naming, Repository, RepositoryUrl, Size};
use crate::domain::instance::{MOST_BYTES, environment};
use crate::domain::submitted::{Cursor, Fields, Form, Mistakes, Node, Reading, Spelling, Strangers, Warning};

pub(in crate::domain) const SPEC: Form = Form {
    fields: &["name", "name_prefix", "image", "size", "repository", "env", "ephemeral"],
    refused: &[("environment", ENV), ("env_vars", ENV), ("secrets", ENV)],
    strangers: Strangers::Refused,
};

const ENV: &str = "the variables of a devbox are env, a list of name and value or from_secret_id: put them there";

pub(in crate::domain) const REPOSITORY: Form =
    Form { fields: &["url", "ref", "credentials"], refused: &[], strangers: Strangers::Refused };

/// The longest prefix of a name, in bytes: the rest is for the random end.
const LONGEST_PREFIX: usize = 50;

/// Reads a specification that was YAML, JSON or TOML.
pub fn read(node: &Node) -> Result<(DevboxSpec, Vec<Warning>), Mistakes> {
    spelt(node, Spelling::Snake)
}

/// Reads a `DevboxSpec` (package `ampoule.v1`) in proto3 JSON: the same by the same rules.
pub fn read_wire(value: &Value) -> Result<DevboxSpec, Mistakes> {
    spelt(&Node::from(value), Spelling::Message).map(|(spec, _)| spec)
}

fn spelt(node: &Node, spelling: Spelling) -> Result<(DevboxSpec, Vec<Warning>), Mistakes> {
    if let Some(mistakes) = Mistakes::of_length(node, MOST_BYTES) {
        return Err(mistakes);
    }
    let reading = Reading::new(spelling);
    let read = spec(&Cursor::root(node, &reading));
    reading.done(read)
}

fn spec(cursor: &Cursor<'_>) -> Option<DevboxSpec> {
    let fields = cursor.fields(&SPEC)?;
    let name = naming(&fields);
    let image = fields.get("image").map_or(Some(DevboxImage::Default), Cursor::parse);
    let size = fields.get("size").map_or(Some(Size::default()), Cursor::parse);
    let repository = fields.get("repository").map(repository);
    let env = environment::variables(None, fields.get("env"));
    let ephemeral = fields.flag("ephemeral");
    // What is there and can't be read is a mistake, and none the less read as absent.
    Some(DevboxSpec { name: name?, image: image?, size: size?, repository: repository.flatten(), env, ephemeral })
}

fn naming(fields: &Fields<'_>) -> Option<Naming> {
    match (fields.get("name"), fields.get("name_prefix")) {
        (Some(name), None) => name.parse().map(Naming::Name),
        (None, Some(prefix)) => self::prefix(prefix).map(Naming::Prefix),
        (Some(_), Some(prefix)) => {
            prefix.mistaken_key("name is given too: keep one of them");
            None
        }
        (None, None) => {
            fields
                .object
                .lacks("name", "a devbox needs a name, or a name_prefix to which a random end is added: add one");
            None
        }
    }
}

/// A dash at its end is the one that is added.
fn prefix(cursor: &Cursor<'_>) -> Option<DevboxName> {
    let text = cursor.text()?;
    let prefix = text.strip_suffix('-').unwrap_or(text);
    if prefix.len() > LONGEST_PREFIX {
        let bytes = prefix.len();
        cursor.mistake(format_args!("the prefix has {bytes} bytes: at most {LONGEST_PREFIX} are allowed"));
        return None;
    }
    prefix.parse().map_err(|fault| cursor.mistake(fault)).ok()
}

/// A url, or an object with a url.
fn repository(cursor: &Cursor<'_>) -> Option<Repository> {
    if cursor.is_text() {
        return Some(Repository { url: cursor.parse::<RepositoryUrl>()?, reference: None, credentials: None });
    }
    let fields = cursor.fields(&REPOSITORY)?;
    let url = fields.need("url", "a repository needs a url: add it").and_then(Cursor::parse::<RepositoryUrl>);
    let reference = fields.get("ref").and_then(Cursor::parse::<GitRef>);
    let credentials = fields.get("credentials").and_then(environment::reference);
    let url = url?;
    if let Some(cursor) = fields.get("credentials")
        && url.as_str().starts_with("http://")
    {
        cursor.mistake("they would be sent in the clear: write the url with https:// or ssh://");
        return None;
    }
    Some(Repository { url, reference, credentials })
}
