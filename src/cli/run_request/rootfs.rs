//! A container of a root file system, by a runtime itself.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ampoule_proto::request::CONTAINER_REQUEST;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use oci_spec::runtime::{ProcessBuilder, RootBuilder, Spec};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use super::super::{CliError, Context, volatile};
use super::request::ContainerRequest;
use crate::config::client_socket;

/// What runs where.
pub(super) struct Target<'a> {
    pub(super) shim: PathBuf,
    /// The runtime's name.
    pub(super) runtime: &'static str,
    pub(super) rootfs: &'a Path,
    /// Arguments for the runtime, before its command.
    pub(super) engine_args: &'a [String],
}

/// Runs the container to its end.
pub(super) fn run(context: &Context, request: &ContainerRequest, target: &Target<'_>) -> Result<ExitCode, CliError> {
    if request.args.is_empty() {
        return Err(request.lacks("args: a root file system has no command of its own: give one"));
    }
    let runtime = super::find_program(context, target.runtime)?;
    let rootfs = fs::canonicalize(target.rootfs);
    let rootfs = rootfs.map_err(|error| CliError::Read { path: target.rootfs.to_owned(), error })?;
    let folder = volatile::folder(context);
    let failed = |error| CliError::Write { path: folder.clone(), error };
    let bundle = tempfile::Builder::new().prefix("ampoule-run.").tempdir_in(&folder).map_err(failed)?;
    fs::write(bundle.path().join("config.json"), config(request, &rootfs)?).map_err(failed)?;

    let mut command = Command::new(&target.shim);
    // The shim knows by its name which runtime to become.
    command.arg0(format!("ampoule-{}", target.runtime));
    if !context.environment.names_shim_config() {
        let settings = bundle.path().join("shim.yaml");
        let socket = client_socket(&context.environment, &context.flags)?;
        let text = serde_json::json!({ "runtime": runtime, "socket": socket }).to_string();
        fs::write(&settings, text).map_err(failed)?;
        command.env("AMPOULE_SHIM_CONFIG", settings);
    }
    command.args(target.engine_args).arg("run").arg("--bundle").arg(bundle.path());
    command.arg(request.name.clone().unwrap_or_else(|| format!("ampoule-{}", std::process::id())));
    // The bundle goes when this returns.
    wait(command)
}

/// The runtime-spec configuration that `runc spec` would give, for this request.
fn config(request: &ContainerRequest, rootfs: &Path) -> Result<String, CliError> {
    let built = || {
        let mut spec = Spec::default();
        let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        let env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"];
        let mut process = ProcessBuilder::default()
            .args(request.args.clone())
            .env(env.map(str::to_owned))
            .cwd("/")
            .no_new_privileges(true)
            .terminal(terminal)
            .build()?;
        process.set_rlimits(None);
        spec.set_process(Some(process));
        spec.set_root(Some(RootBuilder::default().path(rootfs).readonly(false).build()?));
        spec.set_hostname(request.name.clone());
        spec.set_annotations(Some([(CONTAINER_REQUEST.to_owned(), request.json.clone())].into()));
        serde_json::to_string(&spec).map_err(oci_spec::OciSpecError::from)
    };
    built().map_err(|error| request.lacks(&format!("no OCI configuration can be made of it: {error}")))
}

/// Waits for the end, and hands on the signals that mean to end it.
fn wait(mut command: Command) -> Result<ExitCode, CliError> {
    let failed = |error| CliError::System { what: "the shim can't be started", error };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        let mut term = signal(SignalKind::terminate()).map_err(failed)?;
        let mut int = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut child = command.spawn().map_err(failed)?;
        loop {
            tokio::select! {
                status = child.wait() => return Ok(exit_code(status.map_err(failed)?)),
                _ = term.recv() => hand_on(&child, Signal::SIGTERM),
                _ = int.recv() => hand_on(&child, Signal::SIGINT),
            }
        }
    })
}

fn hand_on(child: &Child, signal: Signal) {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        // It may have ended meanwhile.
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// As a shell tells it: 128 and the signal's number for a process that a signal ended.
fn exit_code(status: std::process::ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
