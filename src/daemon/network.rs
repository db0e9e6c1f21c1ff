//! Listeners on the network.

use std::net::TcpListener;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{Backlog, listen as listen_again};

use super::Error;
use crate::api::{NetworkListener, Tls};
use crate::config::ListenSettings;

/// Reads the certificate and binds: before anything is made that a mistake here would leave behind.
pub(super) fn listen(settings: &ListenSettings) -> Result<NetworkListener, Error> {
    let failed = |source| Error::Listen { address: settings.address, source };
    let tls = settings.tls.as_ref().map(Tls::load).transpose()?;
    let listener = TcpListener::bind(settings.address).map_err(failed)?;
    // The library's own backlog is short: who comes in a crowd would wait a second for the next attempt.
    listen_again(&listener, Backlog::MAXCONN).map_err(|errno| failed(errno.into()))?;
    listener.set_nonblocking(true).map_err(failed)?;
    // Port 0 is one that the system chooses.
    let address = listener.local_addr().map_err(failed)?;
    tracing::info!(%address, tls = tls.is_some(), "listening");
    Ok(NetworkListener::new(listener, tls))
}

/// Takes as many descriptors as the system lets this process have: each connection is one, and the usual soft limit is
/// below the usual number of connections. Whoever has it lower on purpose has lowered the hard limit.
pub(super) fn raise_descriptor_limit() -> Result<(), Error> {
    let failed = |errno: Errno| Error::Harden { what: "as many open files as allowed", reason: errno.to_string() };
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(failed)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(failed)
}
