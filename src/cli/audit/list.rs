//! `ampoule audit list`.

use std::thread;
use std::time::Duration;

use ampoule_proto::messages::ampoule::v1::{AuditEntry, ListEntriesRequest};
use buffa_types::google::protobuf::Timestamp as WireTimestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::super::output::{Format, OutputFlag, print, print_json, print_table};
use super::{CliError, Context, Pages};
use crate::audit::{ActorFilter, InvalidActor};
use crate::domain::{ObjectId, Timestamp};

/// How often a log that is followed is asked for more.
const POLL: Duration = Duration::from_millis(500);
const HEADINGS: [&str; 7] = ["INDEX", "AT", "ACTOR", "ACTION", "TARGET", "OUTCOME", "DETAIL"];

/// List the entries of the audit log, oldest first
#[derive(clap::Args)]
pub(in crate::cli) struct List {
    /// Only entries about this secret
    #[arg(long = "object_id", alias = "object-id", value_name = "ID")]
    object_id: Option<ObjectId>,
    /// Only what this one did: a user id, a token id, or user, token, anonymous or daemon
    #[arg(long, value_name = "WHO", value_parser = actor)]
    actor: Option<String>,
    /// Only this action, such as vault.object.inject
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only what concerns the container of this id
    #[arg(long, value_name = "ID")]
    container: Option<String>,
    /// Only entries of this time or later (RFC 3339)
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Only entries before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// Go on with what is added, until interrupted; with -o json one entry a line
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    output: OutputFlag,
}

/// An entry and its place in the log. What `-o json` prints, one for each.
#[derive(Serialize)]
struct Item {
    index: u64,
    entry: Box<RawValue>,
}

/// Checks what the daemon would refuse.
fn actor(text: &str) -> Result<String, InvalidActor> {
    text.parse::<ActorFilter>().map(|_| text.to_owned())
}

impl List {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let client = context.client()?;
        let mut pages = Pages { client: &client, request: self.request() };
        if self.follow {
            return self.follow(&mut pages);
        }
        let mut items = Vec::new();
        while let Some(entries) = pages.next()? {
            for entry in entries {
                items.push(Item::of(entry)?);
            }
        }
        if self.output.output == Format::Json {
            return print_json(&items);
        }
        print_table(context, HEADINGS, &items.iter().map(row).collect::<Vec<_>>())
    }

    fn request(&self) -> ListEntriesRequest {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        ListEntriesRequest {
            first_index: 0,
            max_entries: 0,
            object_id: self.object_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            actor: text(&self.actor),
            action: text(&self.action),
            container: text(&self.container),
            since: self.since.map(wire_time).into(),
            until: self.until.map(wire_time).into(),
        }
    }

    fn follow(&self, pages: &mut Pages<'_>) -> Result<(), CliError> {
        let json = self.output.output == Format::Json;
        if !json {
            print(&(HEADINGS.join("\t") + "\n"))?;
        }
        loop {
            while let Some(entries) = pages.next()? {
                for entry in entries {
                    let item = Item::of(entry)?;
                    let line = if json { line(&item)? } else { row(&item).join("\t") };
                    print(&(line + "\n"))?;
                }
            }
            thread::sleep(POLL);
        }
    }
}

impl Item {
    fn of(entry: AuditEntry) -> Result<Self, CliError> {
        let text = RawValue::from_string(entry.entry).map_err(|_| CliError::Answer { what: "entry in JSON" })?;
        Ok(Self { index: entry.index, entry: text })
    }
}

fn line(item: &Item) -> Result<String, CliError> {
    serde_json::to_string(item).map_err(|error| CliError::Output(error.into()))
}

fn wire_time(at: Timestamp) -> WireTimestamp {
    let (seconds, nanos) = (at.as_second(), at.subsec_nanosecond());
    // jiff counts fractions before 1970 downwards, protobuf always upwards.
    let (seconds, nanos) = if nanos < 0 { (seconds - 1, nanos + 1_000_000_000) } else { (seconds, nanos) };
    WireTimestamp { seconds, nanos, ..WireTimestamp::default() }
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
    let who = ["/actor/id", "/actor/uid", "/actor/address"].map(text).into_iter().find(|text| !text.is_empty());
    let actor = format!("{} {}", text("/actor/type"), who.unwrap_or_default()).trim_end().to_owned();
    let details =
        ["variable", "file", "container_id", "engine", "count"].map(|key| (key, text(&format!("/attributes/{key}"))));
    let details = details.iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| format!("{key}={value}"));
    let detail = details.collect::<Vec<_>>().join(" ");
    let seconds = text("/at").split('.').next().unwrap_or_default().trim_end_matches('Z').to_owned() + "Z";
    [item.index.to_string(), seconds, actor, text("/action"), target, text("/attributes/outcome"), detail]
}
