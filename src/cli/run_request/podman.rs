//! A container of an image, by podman.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use ampoule_proto::request::CONTAINER_REQUEST;

use super::super::{CliError, Context};
use super::request::ContainerRequest;

/// Becomes podman; returns only if that fails.
pub(super) fn run(
    context: &Context,
    request: &ContainerRequest,
    shim: &Path,
    engine_args: &[String],
    remove: bool,
) -> Result<ExitCode, CliError> {
    let image = request.image_ref.as_deref();
    let image =
        image.ok_or_else(|| request.lacks("image_ref: name an image, or give a root file system by --rootfs"))?;
    let program = super::find_program(context, "podman")?;
    let podman = Podman { program: &program, engine_args };
    let mut command = podman.command();
    if !podman.default_runtime_is_the_shim()? {
        command.arg("--runtime").arg(shim);
    }
    command.args(["run", "--interactive"]);
    if super::has_terminal() {
        command.arg("--tty");
    }
    if remove {
        command.arg("--rm");
    }
    command.args(request.name.iter().map(|name| format!("--name={name}")));
    command.arg("--annotation").arg(annotation(request, podman.reads_annotations_as_csv()?)?);
    command.arg("--").arg(image).args(&request.args);
    Err(podman.failed(&command.exec().to_string()))
}

/// The whole request, for the shim.
fn annotation(request: &ContainerRequest, csv: bool) -> Result<String, CliError> {
    // The kernel takes no argument of more than 32 pages, its NUL included (execve(2)).
    const MOST: usize = 128 * 1024 - 1;
    let annotation = format!("{CONTAINER_REQUEST}={}", request.json);
    let annotation = if csv { csv_field(&annotation) } else { annotation };
    if annotation.len() > MOST {
        return Err(request.lacks("longer than the 128 KiB that podman can be given in one argument"));
    }
    Ok(annotation)
}

struct Podman<'a> {
    program: &'a Path,
    engine_args: &'a [String],
}

impl Podman<'_> {
    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command.args(self.engine_args);
        command
    }

    /// A container that another runtime starts would not get its secrets, so it matters which one is the default.
    fn default_runtime_is_the_shim(&self) -> Result<bool, CliError> {
        let path = self.output(&["info", "--format", "{{.Host.OCIRuntime.Path}}"])?;
        let program = fs::canonicalize(path.trim()).unwrap_or_default();
        Ok(program.file_name() == Some(OsStr::new("ampoule-shim")))
    }

    /// podman 4 reads `--annotation` as a line of comma-separated values, podman 5 as it stands.
    fn reads_annotations_as_csv(&self) -> Result<bool, CliError> {
        let help = self.output(&["run", "--help"])?;
        Ok(help.lines().any(|line| line.trim().starts_with("--annotation strings")))
    }

    fn output(&self, args: &[&str]) -> Result<String, CliError> {
        let output = self.command().args(args).output().map_err(|error| self.failed(&error.to_string()))?;
        if !output.status.success() {
            return Err(self.failed(String::from_utf8_lossy(&output.stderr).trim()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn failed(&self, why: &str) -> CliError {
        CliError::Program {
            reason: format!("{} failed: {why}", self.program.display()),
            remedy: "See that `podman info` works.".to_owned(),
        }
    }
}

/// One field of RFC 4180.
fn csv_field(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
