//! `ampoule instance copy`.

use super::super::session::{ContainerFiles, Copying, download, upload};
use super::super::{CliError, Context};

/// Copy files into a container of an instance, or out of it
///
/// Into a folder that is there, or else under the name that is given. PATH/. is what is in a folder, and - is a tar archive on
/// standard input or output.
#[derive(clap::Args)]
pub(in crate::cli) struct Copy {
    /// A path here, or INSTANCE:PATH, or INSTANCE/CONTAINER:PATH
    #[arg(value_name = "SOURCE", allow_hyphen_values = true)]
    source: String,
    /// The other of the two
    #[arg(value_name = "DESTINATION", allow_hyphen_values = true)]
    destination: String,
}

impl Copy {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let client = context.client()?;
        match Copying::of(&self.source, &self.destination)? {
            Copying::In { local, place, path } => upload(&client, local, &files(place, path)),
            Copying::Out { place, path, local } => download(&client, &files(place, path), local),
        }
    }
}

fn files(place: &str, path: &str) -> ContainerFiles {
    let (instance, container) = place.split_once('/').unwrap_or((place, ""));
    ContainerFiles { instance: instance.to_owned(), container: container.to_owned(), path: path.to_owned() }
}
