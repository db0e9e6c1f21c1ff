//! `ampoule usage`.

use ampoule_proto::messages::ampoule::v1::{ContainerState, ListUsageRequest, ListUsageResponse, Usage as WireUsage};
use serde::Serialize;

use super::client::method;
use super::output::{Format, OutputFlag, print_json, print_table, time, timestamp};
use super::{CliError, Context};
use crate::domain::{ObjectId, Timestamp};

/// List the running containers that hold secrets
///
/// A container keeps the version that it was started with: to give it the current one, restart it.
#[derive(clap::Args)]
pub(super) struct Usage {
    /// Only this secret, sec_…
    #[arg(long = "object_id", alias = "object-id", value_name = "ID")]
    object_id: Option<ObjectId>,
    /// Only versions that are no longer current, and secrets that are deleted
    #[arg(long)]
    stale: bool,
    /// Only the container of this name, or whose id begins so
    #[arg(long, value_name = "ID")]
    container: Option<String>,
    #[command(flatten)]
    output: OutputFlag,
}

/// A container that holds a version of a secret, under the names of the proto fields.
#[derive(Serialize)]
struct Held {
    container_id: String,
    container_name: String,
    engine: String,
    image: String,
    host: String,
    object_id: String,
    version: String,
    current_version: String,
    deleted: bool,
    names: Vec<String>,
    since: Option<Timestamp>,
    state: &'static str,
}

impl Usage {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let request = ListUsageRequest {
            object_id: self.object_id.map(|id| id.to_string()).unwrap_or_default(),
            stale: self.stale,
            container: self.container.unwrap_or_default(),
        };
        let found: ListUsageResponse = context.client()?.call(method::LIST_USAGE, &request)?;
        let found: Vec<Held> = found.usage.into_iter().map(Held::from).collect();
        if self.output.output == Format::Json {
            return print_json(&found);
        }
        let rows: Vec<_> = found.iter().map(Held::row).collect();
        let headings =
            ["CONTAINER", "NAME", "ENGINE", "IMAGE", "STATE", "OBJECT ID", "VERSION", "CURRENT", "VARIABLES", "SINCE"];
        print_table(context, headings, &rows)
    }
}

impl Held {
    fn row(&self) -> [String; 10] {
        let current = if self.deleted { "deleted".to_owned() } else { self.current_version.clone() };
        [
            // As engines show it.
            if self.container_id.len() == 64 {
                self.container_id.chars().take(12).collect()
            } else {
                self.container_id.clone()
            },
            self.container_name.clone(),
            self.engine.clone(),
            self.image.clone(),
            self.state.to_owned(),
            self.object_id.clone(),
            self.version.clone(),
            current,
            self.names.join(","),
            time(self.since),
        ]
    }
}

impl From<WireUsage> for Held {
    fn from(wire: WireUsage) -> Self {
        let runs = wire.state.as_known() == Some(ContainerState::CONTAINER_STATE_RUNNING);
        Self {
            state: if runs { "running" } else { "unknown" },
            container_id: wire.container_id,
            container_name: wire.container_name,
            engine: wire.engine,
            image: wire.image,
            host: wire.host,
            object_id: wire.object_id,
            version: wire.version,
            current_version: wire.current_version,
            deleted: wire.deleted,
            names: wire.names,
            since: wire.since.into_option().and_then(|at| timestamp(&at)),
        }
    }
}
