//! The daemon of this host: its socket, its health and its root key.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use ampoule_proto::messages::grpc::health::v1::health_check_response::ServingStatus;
use ampoule_proto::messages::grpc::health::v1::{HealthCheckRequest, HealthCheckResponse};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

use super::super::client::{Client, method};
use super::{Check, CliError, Context};
use crate::config::{Flags, RootKeySettings, Settings, client_socket};

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
    checks.extend(access(context, &socket));
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
    const NAME: &str = "daemon program";
    let peer = getsockopt(&UnixStream::connect(socket).ok()?, PeerCredentials).ok()?;
    let program = fs::read_link(format!("/proc/{}/exe", peer.pid())).ok()?.display().to_string();
    if !program.contains("/ampoule") {
        // By systemd's socket it is systemd that listens.
        return None;
    }
    if program.ends_with(" (deleted)") {
        let message = "the daemon runs a program that was replaced since".to_owned();
        return Some(Check::warn(NAME, message, "Restart it: `systemctl restart ampoule`."));
    }
    Some(Check::ok(NAME, program))
}

/// Who may connect, and who could put another socket in its place.
fn access(context: &Context, socket: &Path) -> Option<Check> {
    const NAME: &str = "socket";
    let meta = fs::symlink_metadata(socket).ok()?;
    let (place, mode, owner) = (socket.display(), meta.mode() & 0o7777, meta.uid());
    if !meta.file_type().is_socket() {
        return Some(Check::fail(NAME, format!("{place} is no socket"), "Remove it, and start the daemon again."));
    }
    let folder = socket.parent()?;
    let above = fs::metadata(folder).ok()?;
    // Where the sticky bit is set, nobody replaces what is another's.
    if above.mode() & 0o022 != 0 && above.mode() & 0o1000 == 0 {
        let message = format!("others may write in {}, and put a socket in this one's place", folder.display());
        return Some(Check::fail(NAME, message, &format!("`chmod go-w {}`.", folder.display())));
    }
    let message = format!("{place}, mode {mode:04o}, user {owner}, group {}", meta.gid());
    if mode & 0o006 != 0 {
        let message = format!("{message}: every user may connect");
        let remedy = format!("`chmod o= {place}`, or SocketMode= in ampoule.socket.");
        return Some(Check::warn(NAME, message, &remedy));
    }
    if owner != 0 && owner != context.environment.uid() {
        let message = format!("{message}: it is neither root's nor yours");
        return Some(Check::warn(NAME, message, "See that this is the daemon's user."));
    }
    Some(Check::ok(NAME, message))
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
    let RootKeySettings::Keyfile { path } = settings.root_key else {
        return Check::ok(NAME, format!("{open}a passphrase"));
    };
    let path = path.unwrap_or_else(|| settings.state_dir.join("root.key"));
    let place = path.display();
    match fs::metadata(&path) {
        Ok(meta) if meta.mode() & 0o077 != 0 => {
            Check::fail(NAME, format!("others may read {place}"), &format!("`chmod 0400 {place}`."))
        }
        Ok(_) => Check::ok(NAME, format!("{open}{place}, of which there should be a copy elsewhere")),
        Err(_) if is_open => Check::ok(NAME, "the vault is open; its key is not to be seen from here".to_owned()),
        Err(_) => {
            let remedy = "The first start makes one; if there is a vault already, restore it from its copy.";
            Check::warn(NAME, format!("{place} is not to be seen"), remedy)
        }
    }
}
