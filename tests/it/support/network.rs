//! A daemon that listens on the network, with an authority of its own.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::daemon::Daemon;
use super::process::{self, Ran};
use super::programs;
use super::rig::temporary_folder;
use super::rpc::Rpc;

pub(crate) const LIST: &str = "/namespace.cloud.vault.v1beta.VaultService/ListObjects";

/// The daemon, by HTTPS and by HTTP.
pub(crate) struct Network {
    pub(crate) daemon: Daemon,
    pub(crate) https: SocketAddr,
    pub(crate) http: SocketAddr,
    folder: TempDir,
}

impl Network {
    /// Starts one with these further settings.
    pub(crate) fn start(settings: &str) -> Self {
        Self::certified(&["localhost", "127.0.0.1"], "", settings)
    }

    /// One that is certified for these names, with further settings of its HTTPS listener.
    pub(crate) fn certified(names: &[&str], listener: &str, settings: &str) -> Self {
        let folder = temporary_folder();
        let listen = format!("[{{address: 127.0.0.1:0{listener}}}, {{address: 127.0.0.1:0, plaintext: true}}]");
        let config = format!("listen: {listen}\n{settings}\n");
        fs::write(folder.path().join("ampoule.yaml"), config).expect("ampoule.yaml");
        let mut daemon = Daemon::stopped(folder.path());
        make_certificate(&daemon, names, &[]).ok();
        daemon.launch();
        daemon.wait_ready();
        let addresses = daemon.addresses();
        let &[https, http] = addresses.as_slice() else { panic!("listens on {addresses:?}") };
        Self { daemon, https, http, folder }
    }

    /// A new certificate by the same authority.
    pub(crate) fn renew(&self, names: &[&str]) -> Ran {
        make_certificate(&self.daemon, names, &["--renew"])
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What clients check the daemon's certificate by.
    pub(crate) fn authority(&self) -> PathBuf {
        self.daemon.state().join("tls/ca.crt")
    }

    /// A new token.
    pub(crate) fn token(&self, name: &str, grants: &[&str]) -> String {
        let made = Rpc::new(&self.daemon.socket()).make_token(name, grants).expect("a token");
        made["bearerToken"].as_str().expect("a token").to_owned()
    }

    /// Gets a page, or posts what stands after `--data`, as this host.
    pub(crate) fn curl(&self, host: &str, path: &str, args: &[&str]) -> Ran {
        let port = self.https.port();
        let mut command = Command::new(programs::system("curl", "curl"));
        command.args(["--silent", "--show-error", "--max-time", "60", "--cacert"]).arg(self.authority());
        command.args(["--resolve", &format!("{host}:{port}:127.0.0.1")]).args(args);
        process::run(command.arg(format!("https://{host}:{port}{path}")).env_clear(), b"")
    }

    /// Lists the secrets; the answer's status and what it says.
    pub(crate) fn list(&self, token: Option<&str>) -> (u16, Value) {
        let header = token.map_or_else(|| "X-None: x".to_owned(), |token| format!("Authorization: Bearer {token}"));
        let args = ["--header", &header, "--json", "{}", "--write-out", "\n%{http_code}"];
        let out = self.curl("localhost", LIST, &args).ok().out();
        let (body, status) = out.rsplit_once('\n').expect("a status");
        (status.parse().expect("a number"), serde_json::from_str(body).unwrap_or_else(|_| json!(body)))
    }

    /// The most memory that the daemon has had, in KiB.
    pub(crate) fn most_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.daemon.pid())).expect("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

/// A connection on which nothing has been sent.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).expect("connected")
}

/// A certificate for these names, by an authority of the daemon's own.
pub(crate) fn make_certificate(daemon: &Daemon, names: &[&str], args: &[&str]) -> Ran {
    let mut command = Command::new(programs::ampoule());
    command.args(["tls", "init"]).args(args).args(names.iter().flat_map(|name| ["--name", name]));
    process::run(command.env_clear().env("AMPOULE_STATE_DIR", daemon.state()), b"")
}
