//! Messages, made short.

use ampoule_proto::messages::ampoule::v1::{ContainerDescriptor, SecretReference};
use ampoule_proto::messages::namespace::cloud::vault::v1beta::{CreateObjectRequest, VaultObjectMetadata};
use ampoule_proto::messages::namespace::stdlib::label_filter_entry::LabelFilterOp;
use ampoule_proto::messages::namespace::stdlib::{Label, LabelFilterEntry};

/// A value that nobody may read back.
pub(crate) fn secret(value: &str) -> CreateObjectRequest {
    CreateObjectRequest { description: "made by a test".to_owned(), value: value.into(), ..Default::default() }
}

pub(crate) fn revealable(value: &str) -> CreateObjectRequest {
    CreateObjectRequest { revealable: true, ..secret(value) }
}

/// A secret with labels, each written `name=value`.
pub(crate) fn labelled(value: &str, labels: &[&str]) -> CreateObjectRequest {
    let labels = labels.iter().map(|text| text.split_once('=').expect("name=value"));
    CreateObjectRequest { labels: labels.map(|(name, value)| label(name, value)).collect(), ..secret(value) }
}

pub(crate) fn label(name: &str, value: &str) -> Label {
    Label { name: name.to_owned(), value: value.to_owned() }
}

pub(crate) fn condition(op: LabelFilterOp, name: &str, value: &str) -> LabelFilterEntry {
    LabelFilterEntry { op: op.into(), name: name.to_owned(), value: value.to_owned() }
}

/// The current version, or with `id@version` that one.
pub(crate) fn reference(name: &str, id: &str) -> SecretReference {
    let (id, version) = id.split_once('@').unwrap_or((id, ""));
    SecretReference {
        name: name.to_owned(),
        object_id: id.to_owned(),
        version: version.to_owned(),
        ..Default::default()
    }
}

pub(crate) fn container() -> ContainerDescriptor {
    let (id, bundle, pid) = ("web".to_owned(), "/run/bundles/web".to_owned(), 7);
    ContainerDescriptor { id, bundle, pid, ..Default::default() }
}

/// The names of some objects' ids, in their order.
pub(crate) fn ids(objects: &[VaultObjectMetadata]) -> Vec<&str> {
    objects.iter().map(|object| object.object_id.as_str()).collect()
}
