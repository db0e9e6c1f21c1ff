//! Wire messages and domain types, each made into the other by hand.

use std::fmt::Display;
use std::str::FromStr;

use ampoule_proto::messages::namespace::cloud::vault::v1beta::VaultObjectMetadata;
use ampoule_proto::messages::namespace::stdlib::label_filter_entry::LabelFilterOp;
use ampoule_proto::messages::namespace::stdlib::{Label as WireLabel, LabelFilterEntry};
use ampoule_proto::wire::SecretText;
use buffa::MessageField;
use buffa_types::google::protobuf::Timestamp as WireTimestamp;
use connectrpc::ConnectError;

use crate::domain::{
    Label, LabelCondition, LabelFilter, Labels, Object, SecretBytes, SecretValue, Timestamp, Version, VersionInfo,
};

/// Parses a field, naming it where it is wrong.
pub(super) fn field<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, ConnectError> {
    text.parse().map_err(|error| ConnectError::invalid_argument(format!("{name}: {error}")))
}

/// Parses a field that may be left out.
pub(super) fn optional<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<Option<T>, ConnectError> {
    if text.is_empty() { Ok(None) } else { field(name, text).map(Some) }
}

/// A version that may be left out.
pub(super) fn optional_version(name: &str, text: &str) -> Result<Option<Version>, ConnectError> {
    optional(name, text)
}

/// A time.
pub(super) fn time(name: &str, wire: &WireTimestamp) -> Result<Timestamp, ConnectError> {
    Timestamp::new(wire.seconds, wire.nanos).map_err(|error| ConnectError::invalid_argument(format!("{name}: {error}")))
}

/// A value as the vault accepts it.
pub(super) fn value(text: SecretText) -> Result<SecretValue, ConnectError> {
    SecretValue::new(text.into_secret()).map_err(invalid)
}

/// A value on its way out.
pub(super) fn secret_text(value: &SecretBytes) -> Result<SecretText, ConnectError> {
    let text = std::str::from_utf8(value.expose());
    text.map(SecretText::from).map_err(|_| ConnectError::data_loss("a stored value is not UTF-8"))
}

/// Labels as the vault accepts them.
pub(super) fn labels(wire: &[WireLabel]) -> Result<Labels, ConnectError> {
    let labels: Result<Vec<Label>, _> = wire.iter().map(|label| Label::new(&label.name, &label.value)).collect();
    Labels::new(labels.map_err(invalid)?).map_err(invalid)
}

/// A filter, every entry of which must hold.
pub(super) fn filter(wire: Vec<LabelFilterEntry>) -> Result<LabelFilter, ConnectError> {
    let condition = |(place, entry): (usize, LabelFilterEntry)| {
        let LabelFilterEntry { name, value, op, .. } = entry;
        match op.as_known() {
            Some(LabelFilterOp::EQUAL) => Ok(LabelCondition::Equal { name, value }),
            Some(LabelFilterOp::NOT_EQUAL) => Ok(LabelCondition::NotEqual { name, value }),
            Some(LabelFilterOp::EXIST) => Ok(LabelCondition::Exist { name }),
            Some(LabelFilterOp::UNKNOWN) | None => Err(ConnectError::invalid_argument(format!(
                "label_filter[{place}].op is not known: use EQUAL, NOT_EQUAL or EXIST"
            ))),
        }
    };
    wire.into_iter().enumerate().map(condition).collect::<Result<_, _>>().map(LabelFilter::new)
}

/// The metadata of one version.
pub(super) fn metadata(object: &Object, version: VersionInfo) -> VaultObjectMetadata {
    VaultObjectMetadata {
        object_id: object.id.to_string(),
        description: object.description.as_str().to_owned(),
        version: version.version.to_string(),
        created_at: MessageField::some(timestamp(version.created_at)),
        deleted_at: object.deleted_at.map(timestamp).into(),
        labels: object.labels.iter().map(wire_label).collect(),
    }
}

pub(super) fn invalid(error: impl Display) -> ConnectError {
    ConnectError::invalid_argument(error.to_string())
}

pub(super) fn wire_label(label: &Label) -> WireLabel {
    WireLabel { name: label.name().to_owned(), value: label.value().to_owned() }
}

pub(super) fn timestamp(at: Timestamp) -> WireTimestamp {
    let nanos = at.as_nanosecond();
    WireTimestamp {
        // An instant of jiff is within the years that 64 bits of seconds hold.
        seconds: i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or(i64::MAX),
        nanos: i32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or(0),
        ..WireTimestamp::default()
    }
}
