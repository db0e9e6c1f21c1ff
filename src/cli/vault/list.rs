//! `ampoule vault list`.

use ampoule_proto::messages::namespace::cloud::vault::v1beta::{ListObjectsRequest, ListObjectsResponse};
use ampoule_proto::messages::namespace::stdlib::LabelFilterEntry;
use ampoule_proto::messages::namespace::stdlib::label_filter_entry::LabelFilterOp;
use buffa::EnumValue;

use super::super::client::method;
use super::super::output::{Format, Metadata, OutputFlag, print_json, print_table, time};
use super::super::{CliError, Context};
use crate::domain::Label;

/// List the secrets
#[derive(clap::Args)]
pub(in crate::cli) struct List {
    /// Only secrets with this label; may be repeated, and all must hold
    #[arg(long = "label", value_name = "NAME=VALUE", value_delimiter = ',')]
    labels: Vec<Label>,
    #[command(flatten)]
    output: OutputFlag,
}

impl List {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let entry = |label: &Label| LabelFilterEntry {
            name: label.name().to_owned(),
            value: label.value().to_owned(),
            op: EnumValue::from(LabelFilterOp::EQUAL),
        };
        let label_filter = self.labels.iter().map(entry).collect();
        let request = ListObjectsRequest { label_filter };
        let found: ListObjectsResponse = context.client()?.call(method::LIST, &request)?;
        let found: Vec<Metadata> = found.objects.into_iter().map(Metadata::from).collect();
        if self.output.output == Format::Json {
            return print_json(&found);
        }
        let row = |object: &Metadata| {
            [object.object_id.clone(), object.version.clone(), object.description.clone(), time(object.created_at)]
        };
        let rows: Vec<_> = found.iter().map(row).collect();
        print_table(context, ["OBJECT ID", "VERSION", "DESCRIPTION", "CREATED"], &rows)
    }
}
