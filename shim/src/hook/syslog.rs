//! A line for the system's log (RFC 3164, as `syslog(3)` sends it).

use std::os::unix::net::UnixDatagram;
use std::process;

/// Where the log is listened for: `/dev/log`, and what that leads to where systemd runs.
const SOCKETS: [&str; 2] = ["/dev/log", "/run/systemd/journal/dev-log"];
/// Facility `auth`, severity `err` (RFC 5424, section 6.2.1).
const PRIORITY: u8 = 4 * 8 + 3;

/// Sends a message without waiting; where nobody listens it is lost.
pub(super) fn send(message: &str) {
    let Ok(socket) = UnixDatagram::unbound() else { return };
    let _ = socket.set_nonblocking(true);
    let line = format!("<{PRIORITY}>{}[{}]: {message}", super::NAME, process::id());
    let _ = SOCKETS.iter().find(|path| socket.send_to(line.as_bytes(), path).is_ok());
}
