//! `ampoule run-request`.

mod podman;
mod request;
mod rootfs;

use std::fs;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use clap::error::ErrorKind;

use super::{CliError, Context, usage};
use request::ContainerRequest;

/// Start the container of a ContainerRequest, with the secrets that it asks for
///
/// The request is JSON: name, image_ref, args, environment and env_vars. It travels as an annotation, and the runtime
/// shim puts the values in: neither this command nor the engine ever holds one. The exit code is the container's.
/// With podman it is the shim's settings that say which daemon is asked, not --socket.
#[derive(clap::Args)]
pub(super) struct RunRequest {
    /// The request, or - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A root file system to run in, in place of an image
    #[arg(long, value_name = "DIR")]
    rootfs: Option<PathBuf>,
    /// What starts the container [default: podman, or runc with --rootfs]
    #[arg(long, value_name = "ENGINE")]
    engine: Option<Engine>,
    /// An argument for the engine, before its command; may be repeated
    #[arg(long = "engine-arg", value_name = "ARG", allow_hyphen_values = true)]
    engine_args: Vec<String>,
    /// Have podman remove the container when it ends
    #[arg(long)]
    rm: bool,
}

/// What starts the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// podman, with an image
    Podman,
    /// runc, with a root file system
    Runc,
    /// crun, with a root file system
    Crun,
}

impl RunRequest {
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        match (self.engine, &self.rootfs) {
            (Some(Engine::Podman), Some(_)) => conflict("podman runs images: leave --rootfs out, or name runc or crun"),
            (Some(Engine::Runc | Engine::Crun), None) => {
                conflict("runc and crun need a root file system: give --rootfs")
            }
            _ => {}
        }
        let request = ContainerRequest::read(&self.file)?;
        let shim = find_shim(context)?;
        match &self.rootfs {
            None => podman::run(context, &request, &shim, &self.engine_args, self.rm),
            Some(rootfs) => {
                let runtime = if self.engine == Some(Engine::Crun) { "crun" } else { "runc" };
                rootfs::run(
                    context,
                    &request,
                    &rootfs::Target { shim, runtime, rootfs, engine_args: &self.engine_args },
                )
            }
        }
    }
}

fn conflict(message: &str) -> ! {
    usage(ErrorKind::ArgumentConflict, message)
}

/// The shim: beside this program, or where programs are.
fn find_shim(context: &Context) -> Result<PathBuf, CliError> {
    let own = fs::canonicalize("/proc/self/exe").ok().and_then(|exe| exe.parent().map(ToOwned::to_owned));
    let mut candidates =
        own.into_iter().chain(context.environment.program_dirs()).map(|folder| folder.join("ampoule-shim"));
    candidates.find(|path| path.is_file()).ok_or_else(|| CliError::Program {
        reason: "ampoule-shim is neither beside ampoule nor in PATH, and without it no secret reaches a container"
            .to_owned(),
        remedy: "Install it with `make install`.".to_owned(),
    })
}

/// Whether a person is there, so that the container gets a terminal of its own.
fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// A program of the machine.
fn find_program(context: &Context, name: &str) -> Result<PathBuf, CliError> {
    let mut candidates = context.environment.program_dirs().into_iter().map(|folder| folder.join(name));
    candidates.find(|path| path.is_file()).ok_or_else(|| CliError::Program {
        reason: format!("{name} is not installed"),
        remedy: format!("Install it: on Debian, `apt install {name}`."),
    })
}
