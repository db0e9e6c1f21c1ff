//! A container of a root file system, by a runtime itself.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus};

use ampoule_proto::request::CONTAINER_REQUEST;
use nix::libc;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SignalFd, siginfo};
use nix::unistd::Pid;
use oci_spec::runtime::{ProcessBuilder, RootBuilder, Spec};

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
    // What a request holds as it stands is not for everybody either.
    let private = fs::Permissions::from_mode(0o700);
    let bundle = tempfile::Builder::new().prefix("ampoule-run.").permissions(private).tempdir_in(&folder);
    let bundle = bundle.map_err(failed)?;
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
        let env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"];
        let mut process = ProcessBuilder::default()
            .args(request.args.clone())
            .env(env.map(str::to_owned))
            .cwd("/")
            .no_new_privileges(true)
            .terminal(super::has_terminal())
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

/// The signals that mean to end a container.
const ENDING: [Signal; 4] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT];

/// Waits for the end, and hands on the signals that mean to bring it about.
fn wait(mut command: Command) -> Result<ExitCode, CliError> {
    let failed = |error| CliError::System { what: "the shim can't be started", error };
    let signals: SigSet = ENDING.into_iter().chain([Signal::SIGCHLD]).collect();
    // For this process alone: a child begins with no signal blocked.
    signals.thread_block().map_err(|errno| failed(errno.into()))?;
    let source = SignalFd::new(&signals).map_err(|errno| failed(errno.into()))?;
    let mut child = command.spawn().map_err(failed)?;
    loop {
        let signal = source.read_signal().map_err(|errno| failed(errno.into()))?;
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Ok(exit_code(status));
        }
        if let Some(signal) = signal {
            hand_on(&child, &signal);
        }
    }
}

fn hand_on(child: &Child, signal: &siginfo) {
    if let (Some(signal), Ok(pid)) = (to_hand_on(signal.ssi_signo, signal.ssi_code), i32::try_from(child.id())) {
        // It is not reaped yet, so this is no other process.
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// What is typed at the terminal reaches the child by itself, and twice might mean something else.
fn to_hand_on(number: u32, code: i32) -> Option<Signal> {
    let signal = Signal::try_from(i32::try_from(number).ok()?).ok()?;
    (ENDING.contains(&signal) && code != libc::SI_KERNEL).then_some(signal)
}

/// As a shell tells it: 128 and the signal's number for a process that a signal ended.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_of_other_processes_are_handed_on() {
        let number = |signal: Signal| u32::try_from(signal as i32).expect("a number");
        for signal in ENDING {
            assert_eq!(to_hand_on(number(signal), libc::SI_USER), Some(signal));
            assert_eq!(to_hand_on(number(signal), libc::SI_QUEUE), Some(signal));
            assert_eq!(to_hand_on(number(signal), libc::SI_KERNEL), None, "{signal} was typed");
        }
        assert_eq!(to_hand_on(number(Signal::SIGCHLD), libc::SI_USER), None);
    }
}
