//! The daemon of this host: its socket, its health and its root key.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ampoule_proto::messages::grpc::health::v1::health_check_response::ServingStatus;
use ampoule_proto::messages::grpc::health::v1::{HealthCheckRequest, HealthCheckResponse};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

use super::super::client::{Client, method};
use super::{Check, CliError, Context};
use crate::config::{Flags, Settings, client_socket};
use crate::daemon::concerns;

/// How long an answer may take that needs one read of the disk.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn check(context: &Context) -> Vec<Check> {
    let socket = match client_socket(&context.environment, &context.flags) {
        Ok(socket) => socket,
        Err(error) => return vec![Check::error("daemon", &CliError::Config(error))],
    };
    let health = health(&socket);
    let is_well = health.remedy.is_empty();
    let mut checks = vec![health];
    if is_well {
        checks.extend(program(&socket));
    }
    checks.extend(concerns::of_socket(&socket, context.environment.uid()).map(|look| Check::look("socket", look)));
    checks.push(root_key(context, is_well));
    checks
}

fn health(socket: &Path) -> Check {
    const NAME: &str = "daemon";
    let place = socket.display();
    let answer = Client::call_within(socket, PATIENCE, method::CHECK_HEALTH, &HealthCheckRequest::default());
    match answer.map(|answer| answer.map(|answer: HealthCheckResponse| answer.status == ServingStatus::SERVING)) {
        Ok(Some(true)) => Check::ok(NAME, format!("answers at {place}, and can record accesses")),
        Ok(Some(false)) => {
            let message = format!("the daemon at {place} can't write its audit log, and so gives no values");
            Check::fail(NAME, message, "See its log, and whether its disk is full or read-only.")
        }
        Ok(None) => Check::fail(NAME, format!("the daemon at {place} does not answer"), "See its log; restart it."),
        Err(error) => Check::error(NAME, &error),
    }
}

/// Whether the daemon's program is still there, if this user may see that.
fn program(socket: &Path) -> Option<Check> {
    let peer = getsockopt(&UnixStream::connect(socket).ok()?, PeerCredentials).ok()?;
    let program = PathBuf::from(format!("/proc/{}/exe", peer.pid()));
    concerns::of_program(&program).map(|look| Check::look("daemon program", look))
}

/// A daemon that serves has opened its vault. Where the key is, its settings say as far as they are known here.
fn root_key(context: &Context, is_open: bool) -> Check {
    const NAME: &str = "root key";
    let flags = Flags { client: context.flags.clone(), ..Flags::default() };
    let settings = match Settings::load(&context.environment, &flags) {
        Ok(settings) => settings,
        Err(_) if is_open => return Check::ok(NAME, "the vault is open".to_owned()),
        Err(error) => return Check::error(NAME, &CliError::Config(error)),
    };
    let open = if is_open { "the vault is open; " } else { "" };
    let Some(path) = concerns::keyfile(&settings) else {
        return Check::ok(NAME, format!("{open}a passphrase"));
    };
    match concerns::of_keyfile(&path) {
        Some(look) => Check::look(NAME, look.map(|place| format!("{open}{place}"))),
        None if is_open => Check::ok(NAME, "the vault is open; its key is not to be seen from here".to_owned()),
        None => {
            let remedy = "The first start makes one; if there is a vault already, restore it from its copy.";
            Check::warn(NAME, format!("{} is not to be seen", path.display()), remedy)
        }
    }
}
