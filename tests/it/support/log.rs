//! The audit log of a database file, and the verifier that shares no code with the product.

use std::io::{BufRead, BufReader, Write};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use ampoule::store::sqlite::{Expected, Verified, VerifyError, verify};
use rusqlite::Connection;

use super::programs;

/// A folder of the repository.
fn contrib() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib")
}

/// The verifier in Python, called as a user calls it.
pub(crate) fn verifier(args: &[&str]) -> Command {
    let mut command = Command::new(programs::system("python3", "python3"));
    command.arg("-B").arg(contrib().join("verify_audit.py")).args(args);
    command
}

/// The same, kept running for many calls.
pub(crate) struct Verifier {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

const LOOP: &str = "import sys
sys.path.insert(0, sys.argv[1])
import verify_audit
out, sys.stdout, sys.stderr = sys.stdout, open('/dev/null', 'w'), open('/dev/null', 'w')
for line in sys.stdin:
    print(verify_audit.main(line.rstrip('\\n').split('\\t')), file=out, flush=True)";

impl Verifier {
    pub(crate) fn start() -> Self {
        let mut command = Command::new(programs::system("python3", "python3"));
        command.args(["-B", "-c", LOOP]).arg(contrib()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python3");
        let (stdin, stdout) = (child.stdin.take(), BufReader::new(child.stdout.take().expect("piped")));
        Self { child, stdin, stdout }
    }

    /// Whether it finds that all is well.
    pub(crate) fn accepts(&mut self, args: &[&str]) -> bool {
        let stdin = self.stdin.as_mut().expect("running");
        writeln!(stdin, "{}", args.join("\t")).and_then(|()| stdin.flush()).expect("python3");
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("python3");
        match line.trim_end() {
            "0" => true,
            "1" => false,
            other => panic!("the verifier failed: {other:?}"),
        }
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

/// Checks the log of a database file by itself alone.
pub(crate) fn check(database: &Path) -> Result<Verified, VerifyError> {
    verify(database, &Expected::default())
}

/// A database whose triggers are away until this is dropped.
pub(crate) struct Unlocked {
    connection: Connection,
    triggers: Vec<String>,
}

/// Opens a database to do what its triggers refuse.
pub(crate) fn unlocked(database: &Path) -> Unlocked {
    let connection = Connection::open(database).expect("the database");
    let triggers: Vec<(String, String)> = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        .and_then(|mut statement| statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
        .expect("triggers");
    connection.pragma_update(None, "foreign_keys", false).expect("pragma");
    for (name, _) in &triggers {
        connection.execute_batch(&format!("DROP TRIGGER {name}")).expect("dropped");
    }
    connection.pragma_update(None, "synchronous", "OFF").expect("quick");
    Unlocked { connection, triggers: triggers.into_iter().map(|(_, sql)| sql).collect() }
}

impl Deref for Unlocked {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Unlocked {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

/// Nobody is to see that they were away, unless their table is gone.
impl Drop for Unlocked {
    fn drop(&mut self) {
        for sql in &self.triggers {
            match self.connection.execute_batch(sql) {
                Err(error) if !error.to_string().contains("no such table") && !std::thread::panicking() => {
                    panic!("{sql}: {error}")
                }
                _ => {}
            }
        }
    }
}
