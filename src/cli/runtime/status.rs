//! `ampoule runtime status`.

use std::path::PathBuf;

use clap::ValueEnum;
use nix::unistd::{AccessFlags, access};
use serde::Serialize;

use super::super::output::{Format, OutputFlag, print_json, print_table};
use super::file::SettingsFile;
use super::{CliError, Context, Engine, Target};

/// Show which runtimes of ours the engines know
#[derive(clap::Args)]
pub(in crate::cli) struct Status {
    /// One engine alone
    #[arg(long, value_name = "ENGINE")]
    engine: Option<Engine>,
    /// Your own settings of the engines, not the machine's
    #[arg(long)]
    rootless: bool,
    /// The engine's settings, if they are in no usual place
    #[arg(long, value_name = "PATH", requires = "engine")]
    file: Option<PathBuf>,
    #[command(flatten)]
    output: OutputFlag,
}

/// What an engine knows of us.
#[derive(Serialize)]
pub(in crate::cli) struct Registration {
    pub(in crate::cli) engine: &'static str,
    pub(in crate::cli) file: PathBuf,
    pub(in crate::cli) runtimes: Vec<Runtime>,
}

/// A runtime in an engine's settings.
#[derive(Serialize)]
pub(in crate::cli) struct Runtime {
    pub(in crate::cli) name: String,
    pub(in crate::cli) path: PathBuf,
    /// Whether there is a program at this path.
    pub(in crate::cli) found: bool,
}

impl Status {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let engines = self.engine.map_or(Engine::value_variants().to_vec(), |engine| vec![engine]);
        let found = engines.iter().map(|engine| survey(context, *engine, self.rootless, self.file.clone()));
        let found: Vec<Registration> = found.collect::<Result<_, _>>()?;
        if self.output.output == Format::Json {
            return print_json(&found);
        }
        let rows: Vec<[String; 5]> = found.iter().flat_map(rows).collect();
        print_table(context, ["ENGINE", "RUNTIME", "PROGRAM", "STATE", "FILE"], &rows)
    }
}

/// What an engine's settings, the machine's or this user's, say of us.
pub(in crate::cli) fn survey(
    context: &Context,
    engine: Engine,
    rootless: bool,
    file: Option<PathBuf>,
) -> Result<Registration, CliError> {
    let target = Target::new(context, engine, rootless, file)?;
    let file = SettingsFile::at(&target.path)?;
    let text = file.read()?.unwrap_or_default();
    let registered = target.registered(&text).map_err(|fault| file.at_fault(&fault))?;
    let runtimes = registered.into_iter().map(|runtime| Runtime {
        found: runtime.path.is_file() && access(&runtime.path, AccessFlags::X_OK).is_ok(),
        name: runtime.name,
        path: runtime.path,
    });
    Ok(Registration { engine: engine.name(), file: file.path().to_owned(), runtimes: runtimes.collect() })
}

fn rows(found: &Registration) -> Vec<[String; 5]> {
    let file = found.file.display().to_string();
    let row = |name: &str, path: String, state: &str| {
        [found.engine.to_owned(), name.to_owned(), path, state.to_owned(), file.clone()]
    };
    if found.runtimes.is_empty() {
        return vec![row("-", "-".to_owned(), "not registered")];
    }
    let state = |found: bool| if found { "registered" } else { "program missing" };
    let runtimes = found.runtimes.iter();
    runtimes.map(|runtime| row(&runtime.name, runtime.path.display().to_string(), state(runtime.found))).collect()
}
