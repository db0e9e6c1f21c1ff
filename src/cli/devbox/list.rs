//! `ampoule devbox list`.

use ampoule_proto::messages::ampoule::v1::{ListDevboxesRequest, ListDevboxesResponse};

use super::super::client::method;
use super::super::output::{Format, OutputFlag, print_json, print_table, time};
use super::super::{CliError, Context};
use super::Described;

/// List devboxes, oldest first
#[derive(clap::Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    output: OutputFlag,
}

impl List {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let listed: ListDevboxesResponse =
            context.client()?.call(method::LIST_DEVBOXES, &ListDevboxesRequest::default())?;
        let devboxes: Vec<Described> = listed.devboxes.into_iter().map(Described::from).collect();
        if self.output.output == Format::Json {
            return print_json(&devboxes);
        }
        let row = |devbox: &Described| {
            let (name, status) = (devbox.name.clone(), devbox.status.to_owned());
            [name, status, devbox.size.clone(), devbox.image.clone(), time(devbox.created_at)]
        };
        let rows: Vec<_> = devboxes.iter().map(row).collect();
        print_table(context, ["NAME", "STATUS", "SIZE", "IMAGE", "CREATED"], &rows)
    }
}
