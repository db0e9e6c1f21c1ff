//! `ampoule audit …`.

use ampoule_proto::messages::ampoule::v1::{ListEntriesRequest, ListEntriesResponse};
use clap::Subcommand;
use serde::Serialize;
use serde_json::value::RawValue;

use super::client::{Client, method};
use super::output::{Format, OutputFlag, print_json, print_table};
use super::{CliError, Context};
use crate::domain::ObjectId;

#[derive(Subcommand)]
pub(super) enum Audit {
    /// List the entries of the audit log, oldest first
    List(List),
}

impl Audit {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::List(list) => list.run(context),
        }
    }
}

/// List the entries of the audit log, oldest first
#[derive(clap::Args)]
pub(super) struct List {
    /// Only entries about this secret
    #[arg(long = "object_id", alias = "object-id", value_name = "ID")]
    object_id: Option<ObjectId>,
    #[command(flatten)]
    output: OutputFlag,
}

/// An entry and its place in the log. What `-o json` prints, one for each.
#[derive(Serialize)]
struct Item {
    index: u64,
    entry: Box<RawValue>,
}

impl List {
    fn run(self, context: &Context) -> Result<(), CliError> {
        let items = all(&context.client()?, self.object_id.as_ref())?;
        if self.output.output == Format::Json {
            return print_json(&items);
        }
        let rows: Vec<_> = items.iter().map(row).collect();
        print_table(context, ["INDEX", "AT", "ACTOR", "ACTION", "TARGET", "OUTCOME", "DETAIL"], &rows)
    }
}

/// Every entry there is now.
fn all(client: &Client, object: Option<&ObjectId>) -> Result<Vec<Item>, CliError> {
    let mut items = Vec::new();
    let mut first_index = 0;
    loop {
        let object_id = object.map(ToString::to_string).unwrap_or_default();
        let request = ListEntriesRequest { first_index, max_entries: 0, object_id };
        let page: ListEntriesResponse = client.call(method::LIST_ENTRIES, &request)?;
        if page.entries.is_empty() {
            return Ok(items);
        }
        for entry in page.entries {
            let text = RawValue::from_string(entry.entry).map_err(|_| CliError::Answer { what: "entry in JSON" })?;
            items.push(Item { index: entry.index, entry: text });
        }
        first_index = page.next_index;
    }
}

fn row(item: &Item) -> [String; 7] {
    let entry: serde_json::Value = serde_json::from_str(item.entry.get()).unwrap_or_default();
    let text = |path: &str| match entry.pointer(path) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let target = match text("/target/version").as_str() {
        "" => text("/target/id"),
        version => format!("{}@{version}", text("/target/id")),
    };
    let actor = format!("{} {}", text("/actor/type"), text("/actor/uid"));
    let details = ["variable", "container_id", "engine", "count"].map(|key| (key, text(&format!("/attributes/{key}"))));
    let details = details.iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| format!("{key}={value}"));
    let detail = details.collect::<Vec<_>>().join(" ");
    let seconds = text("/at").split('.').next().unwrap_or_default().trim_end_matches('Z').to_owned() + "Z";
    [item.index.to_string(), seconds, actor, text("/action"), target, text("/attributes/outcome"), detail]
}
