//! The list of secrets.

use askama::Template;

use super::super::Desk;
use super::super::answer::{Answer, page};
use super::super::error::Fault;
use super::super::frame::Frame;
use super::super::text::{self, When, encoded};
use crate::authz::{Action, Resource};
use crate::domain::{Label, LabelCondition, LabelFilter, Labels};
use crate::vault::{Listed, Order, Place, Search};

const ROWS: usize = 50;

#[derive(Template)]
#[template(path = "secrets.html")]
struct Secrets {
    frame: Frame,
    text: String,
    orders: Vec<Choice>,
    columns: Vec<Column>,
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

/// An order that can be chosen.
struct Choice {
    key: &'static str,
    label: &'static str,
    chosen: bool,
}

/// A column, and the list in its order.
struct Column {
    label: &'static str,
    class: &'static str,
    href: Option<String>,
    /// As `aria-sort` has it; empty if the list is in another order.
    sorted: &'static str,
}

/// The orders: as they are in an address, as they are called, and which way they go.
const ORDERS: [(Order, &str, &str, &str); 7] = [
    (Order::Newest, "", "Newest first", "descending"),
    (Order::Oldest, "oldest", "Oldest first", "ascending"),
    (Order::Id, "id", "By id", "ascending"),
    (Order::Description, "description", "By description", "ascending"),
    (Order::Version, "version", "Most versions first", "descending"),
    (Order::Held, "held", "Held by most first", "descending"),
    (Order::Accessed, "accessed", "Last access first", "descending"),
];

/// What is looked for.
struct Query {
    text: String,
    labels: Vec<Label>,
    order: Order,
}

impl Query {
    fn href(&self, labels: &[Label], place: Option<Place>) -> String {
        self.href_in(self.order, labels, place)
    }

    fn href_in(&self, order: Order, labels: &[Label], place: Option<Place>) -> String {
        let labels: Vec<String> = labels.iter().map(text::label).collect();
        let place = place.map(|place| place.to_string());
        let mut pairs: Vec<(&str, &str)> = labels.iter().map(|label| ("label", label.as_str())).collect();
        if !self.text.is_empty() {
            pairs.push(("q", &self.text));
        }
        let key = ORDERS.iter().find(|(one, ..)| *one == order).map(|(_, key, ..)| *key).unwrap_or_default();
        if !key.is_empty() {
            pairs.push(("sort", key));
        }
        pairs.extend(place.as_ref().map(|place| ("from", place.as_str())));
        if pairs.is_empty() { "/ui/secrets".to_owned() } else { format!("/ui/secrets?{}", encoded(&pairs)) }
    }

    /// The columns. When the current version was stored is not the age of the secret, by which one can sort.
    fn columns(&self) -> Vec<Column> {
        let columns = [
            ("Secret", "", Some(Order::Id)),
            ("Description", "", Some(Order::Description)),
            ("Labels", "", None),
            ("Version", "number", Some(Order::Version)),
            ("Stored", "", None),
            ("Held by", "", Some(Order::Held)),
            ("Last access", "", Some(Order::Accessed)),
        ];
        let column = |(label, class, order): (_, _, Option<Order>)| Column {
            label,
            class,
            href: order.map(|order| self.href_in(order, &self.labels, None)),
            sorted: order.filter(|order| *order == self.order).map(direction).unwrap_or_default(),
        };
        columns.map(column).into()
    }
}

fn direction(order: Order) -> &'static str {
    ORDERS.iter().find(|(one, ..)| *one == order).map(|(.., way)| *way).unwrap_or_default()
}

pub(in crate::dashboard) async fn list(desk: &Desk<'_>) -> Result<Answer, Fault> {
    let fields = desk.visit.query();
    let mut labels: Vec<Label> = fields.all("label").filter_map(|text| text.parse().ok()).collect();
    labels.truncate(Labels::MOST);
    let query = Query {
        text: fields.get("q").trim().chars().take(200).collect(),
        labels,
        order: ORDERS
            .iter()
            .find(|(_, key, ..)| *key == fields.get("sort"))
            .map(|(order, ..)| *order)
            .unwrap_or_default(),
    };
    let place: Option<Place> = fields.get("from").parse().ok();
    let conditions = query
        .labels
        .iter()
        .map(|label| LabelCondition::Equal { name: label.name().to_owned(), value: label.value().to_owned() });
    let labels = LabelFilter::new(conditions.collect());
    let search = Search { labels, text: query.text.clone(), order: query.order };
    let found = desk.vault().search(&desk.principal, search, place, ROWS).await?;
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
        orders: ORDERS.map(|(order, key, label, _)| Choice { key, label, chosen: order == query.order }).into(),
        columns: query.columns(),
        text: query.text,
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
