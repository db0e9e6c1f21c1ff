//! Who still holds what was changed: a note on standard error.

use std::io::{self, Write};

use http::HeaderMap;

/// A header of the daemon's answer: how many containers hold what counts no more, and which versions that is.
const STILL_HELD: &str = "ampoule-still-held";

/// Says which containers still hold the secret, if the answer tells of any, and what is to be done with them.
pub(super) fn note(headers: &HeaderMap, object_id: &str, remedy: &str) {
    if let Some(note) = headers.get(STILL_HELD).and_then(|held| text(held.to_str().ok()?, object_id, remedy)) {
        // What it tells is known again by the command that it names.
        let _ = writeln!(io::stderr(), "note: {note}");
    }
}

/// The note, out of a header such as `2; versions=1,3`.
fn text(header: &str, object_id: &str, remedy: &str) -> Option<String> {
    let (count, versions) = header.split_once("; versions=")?;
    let (count, versions): (u64, Vec<&str>) = (count.parse().ok()?, versions.split(',').collect());
    let (containers, hold, them) =
        if count == 1 { ("container", "holds", "it") } else { ("containers", "hold", "them") };
    let noun = if versions.len() == 1 { "version" } else { "versions" };
    let versions = versions.join(", ");
    Some(format!(
        "{count} {containers} still {hold} {noun} {versions}: see `ampoule usage --object_id {object_id} --stale`, and {remedy} {them}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do() {
        assert_eq!(
            text("2; versions=1", "sec_a", "restart").as_deref(),
            Some("2 containers still hold version 1: see `ampoule usage --object_id sec_a --stale`, and restart them")
        );
        assert_eq!(
            text("1; versions=1,3", "sec_a", "stop").as_deref(),
            Some("1 container still holds versions 1, 3: see `ampoule usage --object_id sec_a --stale`, and stop it")
        );
        assert_eq!(text("many", "sec_a", "stop"), None);
    }
}
