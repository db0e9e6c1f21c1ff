//! The list of secrets.

use askama::Template;

use super::super::Desk;
use super::super::answer::{Answer, page};
use super::super::error::Fault;
use super::super::frame::Frame;
use super::super::text::{self, When, encoded};
use crate::authz::{Action, Resource};
use crate::domain::{Label, LabelCondition, LabelFilter, Labels};
use crate::store::ObjectsFrom;
use crate::vault::{Listed, Search};

const ROWS: usize = 50;

#[derive(Template)]
#[template(path = "secrets.html")]
struct Secrets {
    frame: Frame,
    text: String,
    oldest_first: bool,
    chips: Vec<Chip>,
    rows: Vec<Row>,
    /// Whether nothing was looked for, so that there is nothing.
    plain: bool,
    is_first: bool,
    first: String,
    next: Option<String>,
    may_create: bool,
}

/// A label, and the list with it, or without it if it is chosen already.
pub(super) struct Chip {
    pub(super) text: String,
    pub(super) href: String,
}

struct Row {
    id: String,
    description: String,
    labels: Vec<Chip>,
    version: String,
    age: When,
    revealable: bool,
    current: usize,
    stale: usize,
    last_access: Option<When>,
}

/// What is looked for.
struct Query {
    text: String,
    labels: Vec<Label>,
    oldest_first: bool,
}

impl Query {
    fn href(&self, labels: &[Label], place: Option<u64>) -> String {
        let labels: Vec<String> = labels.iter().map(text::label).collect();
        let place = place.map(|place| place.to_string());
        let mut pairs: Vec<(&str, &str)> = labels.iter().map(|label| ("label", label.as_str())).collect();
        if !self.text.is_empty() {
            pairs.push(("q", &self.text));
        }
        if self.oldest_first {
            pairs.push(("sort", "oldest"));
        }
        pairs.extend(place.as_ref().map(|place| ("from", place.as_str())));
        if pairs.is_empty() { "/ui/secrets".to_owned() } else { format!("/ui/secrets?{}", encoded(&pairs)) }
    }
}

pub(in crate::dashboard) async fn list(desk: &Desk<'_>) -> Result<Answer, Fault> {
    let fields = desk.visit.query();
    let mut labels: Vec<Label> = fields.all("label").filter_map(|text| text.parse().ok()).collect();
    labels.truncate(Labels::MOST);
    let query = Query {
        text: fields.get("q").trim().chars().take(200).collect(),
        labels,
        oldest_first: fields.get("sort") == "oldest",
    };
    let place = fields.get("from").parse().ok();
    let from = match (query.oldest_first, place) {
        (true, place) => ObjectsFrom::After(place.unwrap_or(0)),
        (false, place) => ObjectsFrom::Before(place.unwrap_or(u64::MAX)),
    };
    let conditions = query
        .labels
        .iter()
        .map(|label| LabelCondition::Equal { name: label.name().to_owned(), value: label.value().to_owned() });
    let search = Search { labels: LabelFilter::new(conditions.collect()), text: query.text.clone() };
    let found = desk.vault().search(&desk.principal, search, from, ROWS).await?;
    let without = |chosen: &Label| -> Vec<Label> { query.labels.iter().filter(|l| *l != chosen).cloned().collect() };
    let chips =
        query.labels.iter().map(|label| Chip { text: text::label(label), href: query.href(&without(label), None) });
    page(&Secrets {
        frame: desk.frame("Secrets", "Secrets"),
        chips: chips.collect(),
        rows: found.objects.iter().map(|listed| row(listed, &query)).collect(),
        plain: query.text.is_empty() && query.labels.is_empty() && place.is_none(),
        is_first: place.is_none(),
        first: query.href(&query.labels, None),
        next: found.next.map(|place| query.href(&query.labels, Some(place))),
        may_create: desk.may(Action::Create, Resource::Some),
        text: query.text,
        oldest_first: query.oldest_first,
    })
}

fn row(listed: &Listed, query: &Query) -> Row {
    let object = &listed.object;
    let with = |label: &Label| {
        let mut labels = query.labels.clone();
        labels.retain(|chosen| chosen.name() != label.name());
        labels.push(label.clone());
        Chip { text: text::label(label), href: query.href(&labels, None) }
    };
    Row {
        id: object.id.to_string(),
        description: first_line(object.description.as_str()),
        labels: object.labels.iter().map(with).collect(),
        version: object.current.version.to_string(),
        age: When::new(object.current.created_at),
        revealable: object.revealable,
        current: listed.current,
        stale: listed.stale,
        last_access: listed.last_access.map(When::new),
    }
}

/// So much of a text as a row has room for.
pub(super) fn first_line(text: &str) -> String {
    const MOST: usize = 120;
    let line = text.lines().next().unwrap_or_default();
    let cut: String = line.chars().take(MOST).collect();
    if cut.len() < text.trim_end().len() { format!("{cut}…") } else { cut }
}
