//! A thousand changes of a database, each of which must be noticed: by `audit verify`, and without any code of ours.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ampoule::audit::{Frontier, Hash, NoteVerifier, inclusion};
use ampoule::domain::VaultId;
use ampoule::store::Store;
use ampoule::store::sqlite::{Expected, Sqlite, verify};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{Connection, params};
use serde_json::json;

use super::{fill, stop, written};
use crate::support::daemon::Daemon;
use crate::support::log::{Verifier, unlocked};
use crate::support::process;
use crate::support::random::random_below;
use crate::support::rig::temporary_folder;

const EDITS: u32 = 1000;
/// Of so many edits one is shown to the command line too, not only to what is behind it.
const BY_COMMAND: u32 = 50;
const ENTRIES: u64 = 520;

#[test]
fn a_thousand_edits_are_noticed() {
    let folder = temporary_folder();
    let original = Original::make(folder.path());
    let mut python = Verifier::start();
    let copy = original.copy();
    assert!(original.verified(&copy).is_ok() && original.python_accepts(&copy, &mut python, None));
    assert!((0..8).all(|place| original.proof_accepted(&copy, &mut python, place * 70)));
    let mut done = BTreeMap::new();
    for number in 0..EDITS {
        let copy = original.copy();
        let edit = Edit::random();
        edit.make(&copy, original.entries);
        let error = original.verified(&copy).expect_err(&format!("{edit:?} was not noticed"));
        assert!(edit.is_only_in_columns() || !original.python_believes(&copy, &mut python, &edit), "{edit:?}");
        if number % BY_COMMAND == 0 {
            original.command_fails(&copy, &error);
        }
        *done.entry(edit.name()).or_insert(0) += 1;
    }
    assert_eq!(done.len(), Edit::KINDS as usize, "{done:?}");
}

/// One change.
#[derive(Debug)]
enum Edit {
    Changed { index: u32, tree_too: bool },
    Column { index: u32, column: &'static str },
    Removed { index: u32, closed_up: bool },
    Reordered { index: u32, other: u32 },
    Inserted { index: u32, tree_too: bool },
    TailCut { from: u32, checkpoints_too: bool },
    Node { index: u32, gone: bool },
    Checkpoint { forged: bool },
}

impl Edit {
    const KINDS: u32 = 8;

    fn random() -> Self {
        let coin = || random_below(2) == 0;
        let index = random_below(u32::try_from(ENTRIES).expect("small"));
        match random_below(Self::KINDS) {
            0 => Self::Changed { index, tree_too: coin() },
            1 => Self::Column { index, column: ["at", "object_id", "version", "mutation"][random_below(4) as usize] },
            2 => Self::Removed { index, closed_up: coin() },
            3 => Self::Reordered { index, other: (index + 1 + random_below(500)) % 519 },
            4 => Self::Inserted { index, tree_too: coin() },
            5 => Self::TailCut { from: index, checkpoints_too: coin() },
            6 => Self::Node { index: random_below(2), gone: coin() },
            _ => Self::Checkpoint { forged: coin() },
        }
    }

    fn name(&self) -> String {
        format!("{self:?}").split(' ').next().expect("a name").to_owned()
    }

    /// An export has only the entries, not what repeats parts of them.
    fn is_only_in_columns(&self) -> bool {
        matches!(self, Self::Column { .. })
    }

    fn make(&self, database: &Path, entries: u64) {
        let mut db = unlocked(database);
        let tx = db.transaction().expect("a transaction");
        self.edit(&Editor(&tx), entries);
        tx.commit().expect("edited");
    }

    fn edit(&self, db: &Editor<'_>, entries: u64) {
        match *self {
            Self::Changed { index, tree_too } => {
                db.run("UPDATE audit SET entry = ?2 WHERE idx = ?1", params![index, db.altered(index)]);
                db.rebuild_if(tree_too);
            }
            Self::Column { index, column } => db.run(column_edit(column), params![index]),
            Self::Removed { index, closed_up } => {
                db.run("DELETE FROM audit WHERE idx = ?1", params![index]);
                if closed_up {
                    let later = u64::from(index) + 1..entries;
                    later.for_each(|later| db.run("UPDATE audit SET idx = idx - 1 WHERE idx = ?1", params![later]));
                    db.rebuild_if(true);
                }
            }
            Self::Reordered { index, other } => {
                db.run("UPDATE audit SET idx = -1 WHERE idx = ?1", params![index]);
                db.run("UPDATE audit SET idx = ?1 WHERE idx = ?2", params![index, other]);
                db.run("UPDATE audit SET idx = ?1 WHERE idx = -1", params![other]);
            }
            Self::Inserted { index, tree_too } => {
                let later = (u64::from(index)..entries).rev();
                later.for_each(|later| db.run("UPDATE audit SET idx = idx + 1 WHERE idx = ?1", params![later]));
                db.run(COPY_OF_THE_NEXT, params![index]);
                db.rebuild_if(tree_too);
            }
            Self::TailCut { from, checkpoints_too } => {
                db.run("DELETE FROM audit WHERE idx >= ?1", params![from]);
                db.rebuild_if(true);
                if checkpoints_too {
                    db.run("DELETE FROM checkpoints WHERE size > ?1", params![from]);
                }
            }
            Self::Node { index, gone: true } => db.run("DELETE FROM tree_nodes WHERE idx = ?1", params![index]),
            Self::Node { index, .. } => {
                db.run("UPDATE tree_nodes SET hash = ?2 WHERE idx = ?1", params![index, any_hash().as_bytes()]);
            }
            Self::Checkpoint { forged } => db.replace_checkpoint(forged),
        }
    }
}

const COPY_OF_THE_NEXT: &str = "INSERT INTO audit (idx, at, object_id, version, mutation, entry) \
     SELECT ?1, at, object_id, version, mutation, entry FROM audit WHERE idx = ?1 + 1";

fn column_edit(column: &str) -> &'static str {
    match column {
        "at" => "UPDATE audit SET at = at + 1 WHERE idx = ?1",
        "object_id" => "UPDATE audit SET object_id = iif(object_id IS NULL, 'sec_a', NULL) WHERE idx = ?1",
        "version" => "UPDATE audit SET version = coalesce(version, 0) + 1 WHERE idx = ?1",
        _ => "UPDATE audit SET mutation = iif(mutation IS 'delete', NULL, 'delete') WHERE idx = ?1",
    }
}

fn any_hash() -> Hash {
    Hash::of_leaf(&random_below(u32::MAX).to_le_bytes())
}

/// Whoever edits the database.
struct Editor<'a>(&'a Connection);

impl Editor<'_> {
    fn run(&self, sql: &str, values: &[&dyn rusqlite::ToSql]) {
        let changed = self.0.execute(sql, values).unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert!(changed > 0, "changes nothing: {sql}");
    }

    /// The entry with one character changed, so that it is still one.
    fn altered(&self, index: u32) -> Vec<u8> {
        let read = self.0.query_row("SELECT entry FROM audit WHERE idx = ?1", [index], |row| row.get(0));
        let mut entry: Vec<u8> = read.expect("an entry");
        let digits = memchr::memmem::find(&entry, b"req_").expect("a request id") + 4;
        let place = digits + random_below(16) as usize;
        entry[place] = if entry[place] == b'0' { b'1' } else { b'0' };
        entry
    }

    /// Makes the tree anew, as whoever knows the format would.
    fn rebuild_if(&self, wanted: bool) {
        if !wanted {
            return;
        }
        self.0.execute("DELETE FROM tree_nodes", []).expect("deleted");
        let entries: Vec<Vec<u8>> = self
            .0
            .prepare("SELECT entry FROM audit ORDER BY idx")
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
            .expect("entries");
        let mut tree = Frontier::default();
        for entry in entries {
            tree.push(Hash::of_leaf(&entry), |place, hash| {
                let values = params![place.level, place.index, hash.as_bytes()];
                self.run("INSERT INTO tree_nodes VALUES (?1, ?2, ?3)", values);
            });
        }
    }

    /// Puts another note in the place of the newest: one with another root, or a genuine earlier one.
    fn replace_checkpoint(&self, forged: bool) {
        let put = if forged {
            let note = newest_note(self.0);
            let root = note.lines().nth(2).expect("a root");
            note.replace(root, &any_hash().to_string())
        } else {
            let oldest = "SELECT note FROM checkpoints ORDER BY size LIMIT 1";
            self.0.query_row(oldest, [], |row| row.get(0)).expect("a checkpoint")
        };
        self.run("UPDATE checkpoints SET note = ?1 WHERE size = (SELECT max(size) FROM checkpoints)", params![put]);
    }
}

fn newest_note(db: &Connection) -> String {
    let newest = "SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1";
    db.query_row(newest, [], |row| row.get(0)).expect("a checkpoint")
}

/// A database, and what was kept elsewhere of it.
struct Original {
    folder: PathBuf,
    database: PathBuf,
    key: NoteVerifier,
    note: String,
    note_path: String,
    entries: u64,
    daemon: Daemon,
}

impl Original {
    fn make(folder: &Path) -> Self {
        let mut daemon = Daemon::start(folder);
        let key = daemon.cli().run(&["audit", "key"], b"").ok().out();
        fill(&daemon, ENTRIES);
        stop(&mut daemon);
        let database = daemon.state().join("vault.db");
        let entries = verify(&database, &Expected::default()).expect("whole").entries;
        let note = newest_note(&Connection::open(&database).expect("the database"));
        let note_path = written(&folder.join("note"), &note);
        Self {
            folder: folder.to_owned(),
            database,
            key: key.trim().parse().expect("a key"),
            note,
            note_path,
            entries,
            daemon,
        }
    }

    fn copy(&self) -> PathBuf {
        let copy = self.folder.join("copy.db");
        for leftover in ["copy.db-wal", "copy.db-shm"] {
            let _ = fs::remove_file(self.folder.join(leftover));
        }
        fs::copy(&self.database, &copy).expect("copied");
        copy
    }

    fn verified(&self, copy: &Path) -> Result<(), String> {
        let expected = Expected { key: Some(&self.key), checkpoint: Some(&self.note) };
        verify(copy, &expected).map(drop).map_err(|error| error.to_string())
    }

    fn command_fails(&self, copy: &Path, error: &str) {
        let (copy, key) = (copy.to_str().expect("UTF-8"), self.key.to_string());
        let args = ["audit", "verify", "--database", copy, "--checkpoint", &self.note_path, "--key", &key];
        let ran = process::run(&mut self.daemon.cli().command(&args), b"");
        assert_eq!((ran.code(), ran.err().trim_end()), (1, format!("error: {error}").as_str()));
    }

    /// Whether all that the edited database offers passes: its entries, its checkpoint, its proofs.
    fn python_believes(&self, copy: &Path, python: &mut Verifier, edit: &Edit) -> bool {
        match edit {
            // A node is shown by the proof of an entry below its sibling.
            Edit::Node { index, .. } => self.proof_accepted(copy, python, u64::from(1 - index) * 256 + 7),
            Edit::Checkpoint { .. } => {
                let note = newest_note(&Connection::open(copy).expect("the copy"));
                // An earlier one in its place is genuine, and speaks for fewer entries than it is stored for.
                let shown = written(&self.folder.join("shown"), &note);
                self.python_accepts(copy, python, Some(&shown)) && note == self.note
            }
            _ => self.python_accepts(copy, python, None),
        }
    }

    fn python_accepts(&self, copy: &Path, python: &mut Verifier, note: Option<&str>) -> bool {
        let lines: Vec<String> = Connection::open(copy)
            .and_then(|db| {
                let mut statement = db.prepare("SELECT idx, CAST(entry AS TEXT) FROM audit ORDER BY idx")?;
                let line = |row: &rusqlite::Row<'_>| {
                    Ok(json!({ "index": row.get::<_, i64>(0)?, "entry": row.get::<_, String>(1)? }).to_string())
                };
                statement.query_map([], line)?.collect()
            })
            .expect("entries");
        let export = written(&self.folder.join("export"), &lines.join("\n"));
        let note = note.unwrap_or(&self.note_path);
        python.accepts(&["log", &export, "--checkpoint", note, "--key", &self.key.to_string()])
    }

    /// A proof from the tree of this database. A tree that can't be loaded proves nothing.
    fn proof_accepted(&self, copy: &Path, python: &mut Verifier, index: u64) -> bool {
        let Ok(sqlite) = Sqlite::open(copy, VaultId::from_bytes([0; 16])) else { return false };
        let size = self.entries;
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let store = Store::new(sqlite);
        let read = store.read(move |tx| Ok((tx.entries(index, 1, None)?, inclusion(tx, index, size)?)));
        let Ok((entries, path)) = runtime.block_on(read) else { return false };
        let proof = json!({
            "index": index,
            "entry": String::from_utf8(entries[0].entry.clone()).expect("UTF-8"),
            "hashes": path.iter().map(|hash| STANDARD.encode(hash.as_bytes())).collect::<Vec<_>>(),
            "checkpoint": self.note,
        });
        let proof = written(&self.folder.join("proof"), &proof.to_string());
        python.accepts(&["proof", &proof, "--key", &self.key.to_string()])
    }
}
