//! The loops that accept connections: on the unix socket, and on the network.

use std::sync::Arc;
use std::time::Duration;
use std::{io, net};

use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::authenticate::{Connected, Doorkeeper};
use super::body::Bodies;
use super::connection::{Accepted, Door, pause_after};
use super::crowd::Crowd;
use super::dashboard::DashboardApi;
use super::gate::Gate;
use super::metrics::Metrics;
use super::pages::Pages;
use super::prompt::Prompt;
use super::requests::Requests;
use super::stopping::Stop;
use super::tls::Tls;
use crate::authz::{Policy, Rights};
use crate::config::Limits;
use crate::dashboard::{Concerns, Dashboard, Pulse};
use crate::domain::{Origin, Peer};
use crate::instances::Instances;
use crate::vault::Vault;

/// How long requests under way may take to finish when the daemon stops.
const DRAIN: Duration = Duration::from_secs(10);

/// What is served, to whom and where.
pub struct Server {
    /// The vault behind the services.
    pub vault: Vault,
    /// The instances behind them.
    pub instances: Instances,
    /// What the processes of this host may do.
    pub policy: Policy,
    /// How much of everything.
    pub limits: Limits,
    /// The unix socket.
    pub socket: UnixListener,
    /// The network.
    pub network: Vec<NetworkListener>,
    /// What the dashboard tells of the daemon's surroundings, if it is served there.
    pub dashboard: Option<Concerns>,
}

/// A listener on the network.
pub struct NetworkListener {
    listener: net::TcpListener,
    tls: Option<Arc<Tls>>,
}

impl NetworkListener {
    /// A listener, which must not block, with TLS, or without where nobody else can listen in.
    pub fn new(listener: net::TcpListener, tls: Option<Tls>) -> Self {
        Self { listener, tls: tls.map(Arc::new) }
    }

    /// Where a browser on this host finds it.
    fn url(&self) -> Option<String> {
        let address = self.listener.local_addr().ok()?;
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let host = if address.ip().is_unspecified() { "localhost".to_owned() } else { host(address) };
        Some(format!("{scheme}://{host}:{}", address.port()))
    }
}

fn host(address: net::SocketAddr) -> String {
    if address.is_ipv6() { format!("[{}]", address.ip()) } else { address.ip().to_string() }
}

/// Serves until `stop` is ready, then lets the requests under way finish.
pub async fn serve(server: Server, stop: impl Future<Output = ()>) -> io::Result<()> {
    let Server { vault, instances, policy, limits, socket, network, dashboard } = server;
    let pulse = Arc::new(Pulse::default());
    let metrics = Arc::new(Metrics::new(Arc::clone(&pulse)));
    let dashboard =
        dashboard.map(|concerns| Arc::new(Dashboard::new(vault.clone(), instances.clone(), pulse, concerns)));
    let urls = network.iter().filter_map(NetworkListener::url).collect();
    let links = DashboardApi::new(vault.clone(), dashboard.clone(), urls);
    let gate = Gate::new(&limits, Arc::clone(&metrics));
    let (stopped, stopping) = Stop::new();
    let door = Arc::new(Door {
        services: super::services(&vault, &instances, links, &stopping, &limits).with_interceptor(gate.clone()),
        sessions: super::sessions(&instances, &stopping, &limits).with_interceptor(gate),
        doorkeeper: Doorkeeper::new(vault.clone()),
        bodies: Bodies::new(&limits),
        pages: Pages::new(vault, metrics),
        dashboard,
        requests: Requests::new(),
        limits,
    });
    let connections = Arc::new(GracefulShutdown::new());
    let mut loops = JoinSet::new();
    loops.spawn(accept_local(Arc::clone(&door), Arc::clone(&connections), socket, policy));
    for NetworkListener { listener, tls } in network {
        let listener = TcpListener::from_std(listener)?;
        loops.spawn(accept_remote(Arc::clone(&door), Arc::clone(&connections), listener, tls));
    }
    stop.await;
    loops.shutdown().await;
    stopped.begin();
    drop(door);
    let Some(connections) = Arc::into_inner(connections) else { return Ok(()) };
    if tokio::time::timeout(DRAIN, connections.shutdown()).await.is_err() {
        tracing::warn!("requests were still under way at the end");
    }
    Ok(())
}

/// Places for connections, and among these for newcomers: fewer, so that these go before anybody has to wait.
fn room(limits: &Limits) -> (Arc<Semaphore>, Crowd) {
    (Arc::new(Semaphore::new(limits.connections)), Crowd::new(limits.connections.div_ceil(2)))
}

async fn accept_local(door: Arc<Door>, connections: Arc<GracefulShutdown>, listener: UnixListener, policy: Policy) {
    // Room of its own: whatever comes from the network, containers of this host get their values.
    let (places, crowd) = room(&door.limits);
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = listener.accept().await.and_then(|(stream, _)| Ok((stream.peer_cred()?, stream)));
        match accepted {
            Ok((peer, stream)) => {
                let peer = Peer { uid: peer.uid(), gid: peer.gid(), pid: peer.pid() };
                let connected = Connected { from: Origin::Peer(peer), rights: policy.rights_of(peer), secure: true };
                let accepted = Accepted { stream, connected, places: (place, crowd.enter()) };
                door.take(accepted, None, connections.watcher());
            }
            Err(error) => pause_after(&error).await,
        }
    }
}

async fn accept_remote(
    door: Arc<Door>,
    connections: Arc<GracefulShutdown>,
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
) {
    let (places, crowd) = room(&door.limits);
    let nothing = Arc::new(Rights::Permitted(Vec::new()));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, address)) => {
                // Answers are small and whole: waiting for more to send would only delay them.
                let _ = stream.set_nodelay(true);
                let connected =
                    Connected { from: Origin::Address(address), rights: Arc::clone(&nothing), secure: tls.is_some() };
                let accepted = Accepted { stream: Prompt::new(stream), connected, places: (place, crowd.enter()) };
                door.take(accepted, tls.clone(), connections.watcher());
            }
            Err(error) => pause_after(&error).await,
        }
    }
}
