//! What the benchmarks share: a real daemon, a real peer, and percentiles.
#![allow(dead_code, reason = "each benchmark uses its part")]

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The value that so many percent are below, of a sorted list.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

/// The resident set of a process in KiB, as `/proc` tells it.
pub(crate) fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// The daemon, on a temporary directory.
pub(crate) struct Daemon {
    child: Child,
    folder: TempDir,
    /// Its socket.
    pub(crate) socket: PathBuf,
    /// From its start to its first answer.
    pub(crate) start: Duration,
}

impl Daemon {
    /// Starts the release build beside this benchmark. A first start, which makes keys and database, comes before.
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        Self::launch(&folder).1.stop();
        let (start, child) = Self::launch(&folder);
        let socket = folder.path().join("ampoule.sock");
        Self { child: child.release(), folder, socket, start }
    }

    fn launch(folder: &TempDir) -> (Duration, Guard) {
        let socket = folder.path().join("ampoule.sock");
        let started = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_ampoule"))
            .arg("serve")
            .env("AMPOULE_STATE_DIR", folder.path().join("state"))
            .env("AMPOULE_SOCKET", &socket)
            .env("AMPOULE_LOG_LEVEL", "error")
            .spawn()
            .expect("the daemon starts");
        let child = Guard(Some(child));
        while UnixStream::connect(&socket).is_err() {
            assert!(started.elapsed() < Duration::from_secs(10), "the daemon does not answer");
            thread::sleep(Duration::from_micros(200));
        }
        (started.elapsed(), child)
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stores a secret; its id.
    pub(crate) fn add_secret(&self, value: &str) -> String {
        let body = serde_json::json!({ "value": value }).to_string();
        let mut stream = UnixStream::connect(&self.socket).expect("the daemon listens");
        let head = "POST /namespace.cloud.vault.v1beta.VaultService/CreateObject HTTP/1.1\r\nhost: localhost\r\n\
                    content-type: application/json\r\nconnection: close\r\ncontent-length: ";
        write!(stream, "{head}{}\r\n\r\n{body}", body.len()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let json = answer.find('{').zip(answer.rfind('}')).map(|(first, last)| &answer[first..=last]);
        let made: serde_json::Value = serde_json::from_str(json.expect("a body")).expect("JSON");
        made["objectId"].as_str().expect("an id").to_owned()
    }

    /// The folder that everything of this daemon is in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

struct Guard(Option<Child>);

impl Guard {
    fn stop(mut self) {
        if let Some(child) = &mut self.0 {
            stop(child);
        }
    }

    fn release(mut self) -> Child {
        self.0.take().expect("held")
    }
}

fn stop(child: &mut Child) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
    let _ = child.wait();
}

/// PostgreSQL from Debian, on a temporary directory, as the user postgres.
pub(crate) struct Postgres {
    folder: TempDir,
    bin: PathBuf,
    server: Child,
}

impl Postgres {
    /// Starts a server with its default, durable settings.
    pub(crate) fn start() -> Self {
        let bin = newest_postgres();
        let folder = TempDir::new().expect("a folder");
        let status = Command::new("chown").arg("postgres").arg(folder.path()).status().expect("chown");
        assert!(status.success(), "chown postgres");
        let data = folder.path().join("data");
        let mut initdb = as_postgres(&bin.join("initdb"));
        initdb.args(["--no-instructions", "-A", "trust", "-D"]).arg(&data).stdout(Stdio::null());
        assert!(initdb.status().expect("initdb").success(), "initdb");
        let server = as_postgres(&bin.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses=", "-c", "max_connections=64", "-k"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("postgres starts");
        let postgres = Self { folder, bin, server };
        postgres.prepare();
        postgres
    }

    fn prepare(&self) {
        let schema = "CREATE TABLE secret (id text PRIMARY KEY, value bytea NOT NULL);
            CREATE TABLE audit (idx bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), entry text NOT NULL);
            INSERT INTO secret VALUES ('sec_a', 'a value of some thirty bytes...');
            CREATE FUNCTION audited_read(text, text) RETURNS bytea LANGUAGE sql AS
            'INSERT INTO audit (entry) VALUES ($2); SELECT value FROM secret WHERE id = $1';";
        for _ in 0..200 {
            let done =
                self.client("psql").args(["-q", "-v", "ON_ERROR_STOP=1", "-c", schema]).stderr(Stdio::null()).status();
            if done.expect("psql").success() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("postgres does not answer");
    }

    /// Audited reads a second by so many clients over its unix socket.
    pub(crate) fn audited_reads_per_second(&self, clients: usize) -> f64 {
        let script = self.folder.path().join("read.sql");
        let entry = "x".repeat(400);
        fs::write(&script, format!("SELECT audited_read('sec_a', '{entry}');\n")).expect("written");
        let output = self
            .client("pgbench")
            .args(["-n", "-M", "prepared", "-T", "5", "-j", "2", "-c", &clients.to_string(), "-f"])
            .arg(&script)
            .output()
            .expect("pgbench");
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find_map(|line| line.strip_prefix("tps = ")).expect("pgbench says tps");
        line.split(' ').next().expect("a number").parse().expect("a number")
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.env("PGHOST", self.folder.path()).env("PGUSER", "postgres").env("PGDATABASE", "postgres");
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.server.id()).expect("a pid"));
        // SIGINT is PostgreSQL's fast shutdown.
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT);
        let _ = self.server.wait();
    }
}

fn as_postgres(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command
}

fn newest_postgres() -> PathBuf {
    let found = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = found.map(|entry| entry.path().join("bin")).filter(|bin| bin.join("initdb").exists()).max();
    newest.expect("PostgreSQL is missing: apt-get install postgresql")
}
