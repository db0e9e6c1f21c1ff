//! One entry of the log, and the proof that it is there.

use askama::Template;

use super::super::Desk;
use super::super::answer::{Answer, page};
use super::super::error::Fault;
use super::super::frame::Frame;
use super::audit::Row;

#[derive(Template)]
#[template(path = "audit_entry.html")]
struct Entry {
    frame: Frame,
    row: Row,
    facts: Vec<(String, String)>,
    bytes: String,
    hashes: Vec<String>,
    checkpoint: String,
    key: String,
}

pub(in crate::dashboard) async fn show(desk: &Desk<'_>, index: &str) -> Result<Answer, Fault> {
    let index: u64 = index.parse().map_err(|_| Fault::NotFound)?;
    // The proof is checked before it is given out: what is shown is covered by the checkpoint.
    let proven = desk.vault().prove_inclusion(&desk.principal, index).await?;
    let bytes = String::from_utf8_lossy(&proven.row.entry).into_owned();
    page(&Entry {
        frame: desk.frame(&format!("Entry {index}"), "Audit"),
        row: Row::new(&proven.row),
        facts: facts(&bytes),
        bytes,
        hashes: proven.path.iter().map(ToString::to_string).collect(),
        checkpoint: proven.checkpoint,
        key: desk.vault().verifier().to_string(),
    })
}

/// What an entry says, part by part.
fn facts(entry: &str) -> Vec<(String, String)> {
    let Ok(serde_json::Value::Object(map)) = serde_json::from_str(entry) else { return Vec::new() };
    let mut facts = Vec::new();
    for (name, part) in &map {
        match part {
            serde_json::Value::Object(inner) => {
                facts.extend(inner.iter().map(|(inner, part)| (format!("{name}.{inner}"), plain(part))));
            }
            part => facts.push((name.clone(), plain(part))),
        }
    }
    facts
}

fn plain(part: &serde_json::Value) -> String {
    part.as_str().map_or_else(|| part.to_string(), str::to_owned)
}
