//! `ampoule vault set`.

use std::io::{self, Write};

use ampoule_proto::call::Answer;
use ampoule_proto::messages::namespace::cloud::vault::v1beta::{UpdateObjectRequest, VaultObjectMetadata};

use super::super::client::method;
use super::super::input::ValueSource;
use super::super::output::{OutputFlag, print_metadata};
use super::super::{CliError, Context};
use super::{Precondition, Target};

/// A header of the daemon's answer: how many containers hold another version, and which ones.
const STILL_HELD: &str = "ampoule-still-held";

/// Store a new version of a secret
///
/// Containers that are created from now on get it; running ones keep what they have, and are counted on standard error.
#[derive(clap::Args)]
pub(in crate::cli) struct Set {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    precondition: Precondition,
    #[command(flatten)]
    value: ValueSource,
    #[command(flatten)]
    output: OutputFlag,
}

impl Set {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let client = context.client()?;
        let request = UpdateObjectRequest {
            object_id: self.target.object_id.to_string(),
            new_value: self.value.read(&client)?,
            if_version_matches: self.precondition.wire(),
        };
        let Answer { message: made, headers } = client.call_with_answer(method::UPDATE, &request)?;
        let made: VaultObjectMetadata = made;
        if let Some(note) = headers.get(STILL_HELD).and_then(|held| note(held.to_str().ok()?, &made.object_id)) {
            // What it tells is known again by the command that it names.
            let _ = writeln!(io::stderr(), "note: {note}");
        }
        let done = format!("Version {} of secret {} is stored", made.version, made.object_id);
        print_metadata(&made.into(), self.output.output).map_err(|error| error.after(done))
    }
}

/// What to restart, out of a header such as `2; versions=1,3`.
fn note(header: &str, object_id: &str) -> Option<String> {
    let (count, versions) = header.split_once("; versions=")?;
    let (count, versions): (u64, Vec<&str>) = (count.parse().ok()?, versions.split(',').collect());
    let (containers, hold, them) =
        if count == 1 { ("container", "holds", "it") } else { ("containers", "hold", "them") };
    let noun = if versions.len() == 1 { "version" } else { "versions" };
    let versions = versions.join(", ");
    Some(format!(
        "{count} {containers} still {hold} {noun} {versions}: see `ampoule usage --object_id {object_id} --stale`, and restart {them}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_restart() {
        assert_eq!(
            note("2; versions=1", "sec_a").as_deref(),
            Some("2 containers still hold version 1: see `ampoule usage --object_id sec_a --stale`, and restart them")
        );
        assert_eq!(
            note("1; versions=1,3", "sec_a").as_deref(),
            Some(
                "1 container still holds versions 1, 3: see `ampoule usage --object_id sec_a --stale`, and restart it"
            )
        );
        assert_eq!(note("many", "sec_a"), None);
    }
}
