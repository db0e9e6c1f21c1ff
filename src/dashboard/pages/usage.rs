//! Which containers hold which secrets.

use std::collections::BTreeMap;

use askama::Template;

use super::super::Desk;
use super::super::answer::{Answer, page};
use super::super::chart::{self, Thread};
use super::super::error::Fault;
use super::super::frame::Frame;
use super::super::text::short;
use super::secret::Holder;
use super::secrets::first_line;
use crate::vault::{Usage, UsageFilter};

#[derive(Template)]
#[template(path = "usage.html")]
struct Use {
    frame: Frame,
    stale_only: bool,
    rows: Vec<Row>,
    restart: Vec<String>,
    picture: String,
    left_out: usize,
    more: usize,
}

struct Row {
    id: String,
    description: String,
    holder: Holder,
}

/// The most rows of a page.
const ROWS: usize = 500;

pub(in crate::dashboard) async fn show(desk: &Desk<'_>) -> Result<Answer, Fault> {
    let stale_only = desk.visit.query().get("show") == "stale";
    let filter = UsageFilter { stale: stale_only, ..UsageFilter::default() };
    let mut found = desk.vault().usage(&desk.principal, filter).await?;
    found.sort_by_key(|usage| (usage.version == usage.current && !usage.deleted, usage.object.clone()));
    let mut restart: BTreeMap<String, String> = BTreeMap::new();
    for usage in found.iter().filter(|usage| usage.deleted || usage.version != usage.current) {
        let id = short(&usage.container.id);
        let name = if usage.container.name.is_empty() { id.clone() } else { usage.container.name.clone() };
        restart.insert(id, name);
    }
    let threads: Vec<Thread> = found
        .iter()
        .map(|usage| {
            let is_stale = usage.deleted || usage.version != usage.current;
            Thread {
                from: usage.object.to_string(),
                called: first_line(usage.description.as_str()),
                to: short(&usage.container.id),
                to_called: usage.container.name.clone(),
                is_stale,
                label: format!("version {}", usage.version),
            }
        })
        .collect();
    let (picture, left_out) = chart::threads(&threads);
    let more = found.len().saturating_sub(ROWS);
    page(&Use {
        frame: desk.frame("Use", "Use"),
        stale_only,
        rows: found.iter().take(ROWS).map(row).collect(),
        restart: restart.into_values().collect(),
        picture,
        left_out,
        more,
    })
}

fn row(usage: &Usage) -> Row {
    let description = first_line(usage.description.as_str());
    Row { id: usage.object.to_string(), description, holder: Holder::from(usage) }
}
