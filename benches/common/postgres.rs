//! PostgreSQL, for comparison: the least that could be called the same work.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::support::programs;

/// An entry of the log is inserted and a value returned, durable before the answer.
const SCHEMA: &str = "CREATE TABLE secret (id text PRIMARY KEY, value bytea NOT NULL);
    CREATE TABLE audit (idx bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), entry text NOT NULL);
    INSERT INTO secret VALUES ('sec_a', 'a value of some thirty bytes...');
    CREATE FUNCTION audited_read(text, text) RETURNS bytea LANGUAGE sql AS
    'INSERT INTO audit (entry) VALUES ($2); SELECT value FROM secret WHERE id = $1';";

/// A server on a temporary directory, as the user postgres, with the settings that it comes with.
pub(crate) struct Postgres {
    folder: TempDir,
    bin: PathBuf,
    server: Child,
}

impl Postgres {
    /// Starts it and makes the tables.
    pub(crate) fn start() -> Self {
        let bin = newest_version();
        let folder = TempDir::new().expect("a folder");
        let chown = Command::new("chown").arg("postgres").arg(folder.path()).status().expect("chown");
        assert!(chown.success(), "chown postgres");
        let data = folder.path().join("data");
        let mut initdb = as_postgres(&bin.join("initdb"));
        initdb.args(["--no-instructions", "-A", "trust", "-D"]).arg(&data).stdout(Stdio::null());
        assert!(initdb.status().expect("initdb").success(), "initdb");
        let mut server = as_postgres(&bin.join("postgres"));
        server.arg("-D").arg(&data).args(["-c", "listen_addresses=", "-k"]).arg(folder.path());
        let server = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("postgres");
        let postgres = Self { folder, bin, server };
        postgres.make_tables();
        postgres
    }

    /// Audited reads a second by so many clients over its unix socket.
    pub(crate) fn audited_reads_per_second(&self, clients: usize, time: Duration) -> f64 {
        let script = self.folder.path().join("read.sql");
        // As long as the daemon's entries are.
        let entry = "x".repeat(400);
        fs::write(&script, format!("SELECT audited_read('sec_a', '{entry}');\n")).expect("written");
        let mut pgbench = self.client("pgbench");
        pgbench.args(["-n", "-M", "prepared", "-T", &time.as_secs().to_string()]);
        pgbench.args(["-j", &clients.min(2).to_string(), "-c", &clients.to_string(), "-f"]).arg(&script);
        let output = pgbench.output().expect("pgbench");
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find_map(|line| line.strip_prefix("tps = "));
        let rate = line.and_then(|line| line.split(' ').next()?.parse().ok());
        rate.unwrap_or_else(|| panic!("pgbench: {text}{}", String::from_utf8_lossy(&output.stderr)))
    }

    fn make_tables(&self) {
        for _ in 0..200 {
            let mut psql = self.client("psql");
            psql.args(["-q", "-v", "ON_ERROR_STOP=1", "-c", SCHEMA]).stderr(Stdio::null());
            if psql.status().expect("psql").success() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("postgres does not answer");
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.env("PGHOST", self.folder.path()).env("PGUSER", "postgres").env("PGDATABASE", "postgres");
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT is its fast shutdown.
        let _ = kill(Pid::from_raw(self.server.id().cast_signed()), Signal::SIGINT);
        let _ = self.server.wait();
    }
}

/// It refuses to run as root.
fn as_postgres(program: &Path) -> Command {
    let mut command = Command::new(programs::system("setpriv", "util-linux"));
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command
}

/// Debian keeps every version in a directory of its own; elsewhere the programs are where all are.
fn newest_version() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let number = |name: &str| name.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>();
    let newest = versions.filter_map(|entry| Some((number(entry.file_name().to_str()?)?, entry.path()))).max();
    let bin = newest.map_or_else(|| PathBuf::from("/usr/bin"), |(_, path)| path.join("bin"));
    assert!(bin.join("initdb").exists(), "PostgreSQL is missing: `apt install postgresql`");
    bin
}
