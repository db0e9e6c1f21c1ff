//! Which containers hold which secrets.

use std::collections::BTreeMap;

use askama::Template;

use super::super::Desk;
use super::super::answer::{Answer, page};
use super::super::chart::{self, Thread};
use super::super::error::Fault;
use super::super::frame::Frame;
use super::super::text::short;
use super::secret::{Holder, id};
use super::secrets::first_line;
use crate::vault::{Usage, UsageFilter};

#[derive(Template)]
#[template(path = "usage.html")]
struct Use {
    frame: Frame,
    stale_only: bool,
    /// The secret that it is about; empty for all.
    object: String,
    rows: Vec<Row>,
    restart: Vec<String>,
    /// How many more are to be restarted.
    unnamed: usize,
    picture: String,
    left_out: usize,
    is_first: bool,
    next: Option<usize>,
}

struct Row {
    id: String,
    description: String,
    holder: Holder,
}

/// The most rows of a page.
const ROWS: usize = 100;

/// The most containers that are named above them.
const NAMED: usize = 50;

pub(in crate::dashboard) async fn show(desk: &Desk<'_>) -> Result<Answer, Fault> {
    let query = desk.visit.query();
    let (stale_only, object) = (query.get("show") == "stale", query.get("object"));
    let from: usize = query.get("from").parse().unwrap_or(0);
    let of = if object.is_empty() { None } else { Some(id(object)?) };
    let filter = UsageFilter { stale: stale_only, object: of, ..UsageFilter::default() };
    let mut found = desk.vault().usage(&desk.principal, filter).await?;
    found.sort_by_cached_key(|usage| (usage.version == usage.current && !usage.deleted, usage.object.clone()));
    // Some have ended since the page before.
    let from = if from < found.len() { from } else { 0 };
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
    let end = from.saturating_add(ROWS);
    page(&Use {
        frame: desk.frame("Use", "Use"),
        stale_only,
        object: object.to_owned(),
        rows: found.iter().skip(from).take(ROWS).map(row).collect(),
        unnamed: restart.len().saturating_sub(NAMED),
        restart: restart.into_values().take(NAMED).collect(),
        picture,
        left_out,
        is_first: from == 0,
        next: (end < found.len()).then_some(end),
    })
}

fn row(usage: &Usage) -> Row {
    let description = first_line(usage.description.as_str());
    Row { id: usage.object.to_string(), description, holder: Holder::from(usage) }
}
