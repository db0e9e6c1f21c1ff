//! `ampoule runtime …`: registers the shim in the settings of container engines; one file for each command and engine.

mod containerd;
mod docker;
mod fault;
mod file;
mod install;
mod json;
mod links;
mod podman;
mod status;
mod target;
mod toml;
mod uninstall;

use std::path::PathBuf;

use clap::Subcommand;
use similar::TextDiff;

use super::output::visible;
use super::{CliError, Context};
use file::SettingsFile;
use links::Links;
use target::Target;

pub(in crate::cli) use links::own_folder;
pub(in crate::cli) use status::{Registration, survey};
pub(in crate::cli) use target::Engine;

/// Register the shim as a runtime of podman, Docker or containerd
#[derive(Subcommand)]
pub(super) enum Runtime {
    Install(install::Install),
    Uninstall(uninstall::Uninstall),
    Status(status::Status),
}

impl Runtime {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::Install(install) => install.run(context),
            Self::Uninstall(uninstall) => uninstall.run(context),
            Self::Status(status) => status.run(context),
        }
    }
}

/// The engine whose settings are changed.
#[derive(clap::Args)]
struct TargetFlags {
    /// The engine
    #[arg(long, value_name = "ENGINE")]
    engine: Engine,
    /// Your own settings of the engine, not the machine's
    #[arg(long)]
    rootless: bool,
    /// The engine's settings, if they are in no usual place
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// Print what would be changed, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl TargetFlags {
    fn target(self, context: &Context) -> Result<Target, CliError> {
        Target::new(context, self.engine, self.rootless, self.file)
    }
}

/// A runtime as an engine's settings have it.
#[derive(Debug, PartialEq, Eq)]
struct Registered {
    name: String,
    path: PathBuf,
}

/// What changes in a file, as a unified diff without the lines around: they are somebody else's, and may hold a password.
fn difference(file: &SettingsFile, before: Option<&str>, after: Option<&str>) -> String {
    let name = |text: Option<&str>| text.map_or("/dev/null".to_owned(), |_| file.path().display().to_string());
    let difference = TextDiff::from_lines(before.unwrap_or_default(), after.unwrap_or_default());
    let text = difference.unified_diff().context_radius(0).header(&name(before), &name(after)).to_string();
    // A terminal gets no more of it than tabs.
    text.lines().map(|line| line.split('\t').map(visible).collect::<Vec<_>>().join("\t") + "\n").collect()
}

fn names(registered: &[Registered]) -> String {
    registered.iter().map(|runtime| runtime.name.as_str()).collect::<Vec<_>>().join(", ")
}
