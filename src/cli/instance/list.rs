//! `ampoule instance list`.

use ampoule_proto::messages::namespace::cloud::compute::v1beta::{ListInstancesRequest, ListInstancesResponse};
use ampoule_proto::messages::namespace::stdlib::LabelFilterEntry;
use ampoule_proto::messages::namespace::stdlib::label_filter_entry::LabelFilterOp;

use super::super::client::{Client, method};
use super::super::output::{Format, OutputFlag, print_json, print_table, time};
use super::super::{CliError, Context};
use super::Described;
use crate::domain::Label;

/// List instances, newest first
#[derive(clap::Args)]
pub(in crate::cli) struct List {
    /// Those too that have ended
    #[arg(long)]
    all: bool,
    /// Only those with this label; may be repeated
    #[arg(long = "label", value_name = "NAME=VALUE")]
    labels: Vec<Label>,
    #[command(flatten)]
    output: OutputFlag,
}

impl List {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let instances = list(&context.client()?, self.all, &self.labels)?;
        if self.output.output == Format::Json {
            return print_json(&instances);
        }
        let row = |instance: &Described| {
            let (id, purpose) = (instance.instance_id.clone(), instance.documented_purpose.clone());
            [id, instance.status.to_owned(), time(instance.created_at), time(instance.deadline), purpose]
        };
        let rows: Vec<_> = instances.iter().map(row).collect();
        print_table(context, ["INSTANCE ID", "STATUS", "CREATED", "DEADLINE", "PURPOSE"], &rows)
    }
}

/// Every page.
pub(in crate::cli) fn list(client: &Client, all: bool, labels: &[Label]) -> Result<Vec<Described>, CliError> {
    let (mut instances, mut pagination_cursor) = (Vec::new(), Vec::new());
    let entry = |label: &Label| LabelFilterEntry {
        name: label.name().to_owned(),
        value: label.value().to_owned(),
        op: LabelFilterOp::EQUAL.into(),
    };
    loop {
        let request = ListInstancesRequest {
            pagination_cursor,
            include_complete_runs: all,
            label_filter: labels.iter().map(entry).collect(),
            ..ListInstancesRequest::default()
        };
        let page: ListInstancesResponse = client.call(method::LIST_INSTANCES, &request)?;
        instances.extend(page.instances.into_iter().map(|metadata| Described::new(metadata, Vec::new())));
        pagination_cursor = page.pagination_cursor;
        if pagination_cursor.is_empty() {
            return Ok(instances);
        }
    }
}
