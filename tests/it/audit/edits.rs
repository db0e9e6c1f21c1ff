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
        let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
            let changed = tx.execute(sql, values).unwrap_or_else(|error| panic!("{self:?}: {sql}: {error}"));
            assert!(changed > 0, "{self:?} changes nothing");
        };
        match self {
            Self::Changed { index, tree_too } => {
                run("UPDATE audit SET entry = ?2 WHERE idx = ?1", params![index, altered(&tx, *index)]);
                if *tree_too {
                    rebuild(&tx);
                }
            }
            Self::Column { index, column: "version" } => {
                run("UPDATE audit SET version = coalesce(version, 0) + 1 WHERE idx = ?1", params![index]);
            }
            Self::Column { index, column: "mutation" } => {
                run(
                    "UPDATE audit SET mutation = iif(mutation IS 'delete', NULL, 'delete') WHERE idx = ?1",
                    params![index],
                );
            }
            Self::Column { index, column: "object_id" } => {
                run(
                    "UPDATE audit SET object_id = iif(object_id IS NULL, 'sec_a', NULL) WHERE idx = ?1",
                    params![index],
                );
            }
            Self::Column { index, .. } => run("UPDATE audit SET at = at + 1 WHERE idx = ?1", params![index]),
            Self::Removed { index, closed_up } => {
                run("DELETE FROM audit WHERE idx = ?1", params![index]);
                if *closed_up {
                    for later in u64::from(*index) + 1..entries {
                        run("UPDATE audit SET idx = idx - 1 WHERE idx = ?1", params![later]);
                    }
                    rebuild(&tx);
                }
            }
            Self::Reordered { index, other } => {
                run("UPDATE audit SET idx = -1 WHERE idx = ?1", params![index]);
                run("UPDATE audit SET idx = ?1 WHERE idx = ?2", params![index, other]);
                run("UPDATE audit SET idx = ?1 WHERE idx = -1", params![other]);
            }
            Self::Inserted { index, tree_too } => {
                for later in (u64::from(*index)..entries).rev() {
                    run("UPDATE audit SET idx = idx + 1 WHERE idx = ?1", params![later]);
                }
                let copy = "INSERT INTO audit (idx, at, object_id, version, mutation, entry) \
                            SELECT ?1, at, object_id, version, mutation, entry FROM audit WHERE idx = ?1 + 1";
                run(copy, params![index]);
                if *tree_too {
                    rebuild(&tx);
                }
            }
            Self::TailCut { from, checkpoints_too } => {
                run("DELETE FROM audit WHERE idx >= ?1", params![from]);
                rebuild(&tx);
                if *checkpoints_too {
                    run("DELETE FROM checkpoints WHERE size > ?1", params![from]);
                }
            }
            Self::Node { index, gone: true } => run("DELETE FROM tree_nodes WHERE idx = ?1", params![index]),
            Self::Node { index, .. } => run(
                "UPDATE tree_nodes SET hash = ?2 WHERE idx = ?1",
                params![index, Hash::of_leaf(&random_below(u32::MAX).to_le_bytes()).as_bytes()],
            ),
            Self::Checkpoint { forged } => {
                let note: String = tx
                    .query_row("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1", [], |row| row.get(0))
                    .expect("a checkpoint");
                let root = note.lines().nth(2).expect("a root");
                let forgery = note.replace(root, &Hash::of_leaf(&random_below(u32::MAX).to_le_bytes()).to_string());
                let earlier: String = tx
                    .query_row("SELECT note FROM checkpoints ORDER BY size LIMIT 1", [], |row| row.get(0))
                    .expect("a checkpoint");
                let put = if *forged { forgery } else { earlier };
                run("UPDATE checkpoints SET note = ?1 WHERE size = (SELECT max(size) FROM checkpoints)", params![put]);
            }
        }
        tx.commit().expect("edited");
    }
}

/// The entry with one character changed, so that it is still one.
fn altered(db: &Connection, index: u32) -> Vec<u8> {
    let read = db.query_row("SELECT entry FROM audit WHERE idx = ?1", [index], |row| row.get(0));
    let mut entry: Vec<u8> = read.expect("an entry");
    let text = String::from_utf8(entry.clone()).expect("UTF-8");
    let places: Vec<usize> = text.match_indices("req_").map(|(at, _)| at + 4).collect();
    let place = places[0] + random_below(16) as usize;
    entry[place] = if entry[place] == b'0' { b'1' } else { b'0' };
    entry
}

/// Makes the tree anew, as whoever knows the format would.
fn rebuild(db: &Connection) {
    db.execute("DELETE FROM tree_nodes", []).expect("deleted");
    let entries: Vec<Vec<u8>> = db
        .prepare("SELECT entry FROM audit ORDER BY idx")
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .expect("entries");
    let mut tree = Frontier::default();
    for entry in entries {
        tree.push(Hash::of_leaf(&entry), |place, hash| {
            let values = params![place.level, place.index, hash.as_bytes()];
            db.execute("INSERT INTO tree_nodes VALUES (?1, ?2, ?3)", values).expect("inserted");
        });
    }
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
        let note: String = Connection::open(&database)
            .and_then(|db| {
                db.query_row("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1", [], |row| row.get(0))
            })
            .expect("a checkpoint");
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
                let note: String = Connection::open(copy)
                    .and_then(|db| {
                        db.query_row("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1", [], |row| row.get(0))
                    })
                    .expect("a checkpoint");
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
