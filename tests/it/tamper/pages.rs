//! Damage of the database file itself.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::Scene;
use crate::support::rpc::{Rpc, RpcError};

const PAGE: usize = 4096;

/// What is done to the file, given from some page to its end.
type Damage = fn(&mut [u8]);

/// What a failing disk does to a page.
const DAMAGES: [(&str, Damage); 6] = [
    ("garbage in its head", |page| garble(&mut page[..16])),
    ("garbage in its middle", |page| garble(&mut page[1500..2600])),
    ("garbage in its tail", |page| garble(&mut page[4000..PAGE])),
    ("garbage", |page| garble(&mut page[..PAGE])),
    ("zeros", |page| page[..PAGE].fill(0)),
    // A write that went astray.
    ("the content of the next one", |page| {
        if page.len() > PAGE {
            page.copy_within(PAGE..2 * PAGE, 0);
        }
    }),
];

/// What became of the damaged databases.
#[derive(Debug, Default)]
struct Seen {
    not_started: usize,
    refused: usize,
    unharmed: usize,
}

/// Whatever page is damaged: the daemon says so and ends, or refuses what it can't read. It never dies of it, never
/// says that a secret isn't there, and never gives out anything but the value.
#[test]
fn a_damaged_page_is_reported() {
    let mut scene = Scene::new();
    let secrets = fill(&mut scene.rpc());
    let database = scene.closed();
    let pristine = fs::read(&database).expect("database");
    assert_eq!(pristine.len() % PAGE, 0);
    let mut seen = Seen::default();
    for page in 0..pristine.len() / PAGE {
        for (what, damage) in DAMAGES {
            let mut damaged = pristine.clone();
            damage(&mut damaged[page * PAGE..]);
            replace(&database, &damaged);
            seen.meet(&mut scene, &secrets, &format!("page {page}: {what}"));
        }
    }
    replace(&database, &pristine[..pristine.len() / 2]);
    seen.meet(&mut scene, &secrets, "half of it");
    replace(&database, &vec![b'x'; pristine.len()]);
    seen.meet(&mut scene, &secrets, "something else");
    assert!(seen.not_started > 0 && seen.refused > 0 && seen.unharmed > 0, "the damage is badly chosen: {seen:?}");
}

impl Seen {
    fn meet(&mut self, scene: &mut Scene, secrets: &[(String, String)], what: &str) {
        fs::remove_file(scene.daemon.log()).expect("log");
        scene.daemon.launch();
        if let Some(status) = scene.daemon.wait_ready_or_ended() {
            let log = scene.daemon.log_text();
            assert!(status.code() == Some(1) && is_explained(&log), "{what}: {status}, {log}");
            self.not_started += 1;
        } else {
            self.resolve_each(&mut scene.rpc(), secrets, what);
            assert!(scene.daemon.wait_ready_or_ended().is_none(), "{what}: {}", scene.daemon.log_text());
        }
        let log = scene.daemon.log_text();
        assert!(!log.contains("panicked"), "{what}: {log}");
        scene.daemon.kill();
    }

    fn resolve_each(&mut self, rpc: &mut Rpc, secrets: &[(String, String)], what: &str) {
        for (id, value) in secrets {
            match rpc.resolve(id) {
                Ok(found) => {
                    assert!(found == *value, "{what}: {id} is garbled");
                    self.unharmed += 1;
                }
                Err(error) => {
                    assert!(names_the_damage(&error, id), "{what}: {error}");
                    self.refused += 1;
                }
            }
        }
    }
}

/// The database, or a key in it, and what to do.
fn is_explained(log: &str) -> bool {
    let remedies = [
        "estore it from a backup",
        "estore the database from a backup",
        "Give the key that the vault was made with",
        "restore a backup, and keep the damaged file",
    ];
    remedies.iter().any(|remedy| log.contains(remedy))
}

fn names_the_damage(error: &RpcError, id: &str) -> bool {
    let named = error.message.contains(id) || error.message.contains("vault.db");
    error.code == "data_loss" && named && error.message.contains("backup")
}

/// Secrets of one page and of several, with some history; each id with its value.
fn fill(rpc: &mut Rpc) -> Vec<(String, String)> {
    let secret = |number: usize| {
        let length = if number.is_multiple_of(8) { 10_000 } else { 30 };
        let id =
            rpc.create(&json!({ "value": "the first", "labels": [{ "name": "number", "value": number.to_string() }] }));
        let value = format!("{number}/{}", "x".repeat(length));
        super::update(rpc, &id, &value).expect("updated");
        (id, value)
    };
    (0..24).map(secret).collect()
}

fn garble(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("randomness");
}

fn replace(database: &Path, content: &[u8]) {
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", database.display()));
    }
    fs::write(database, content).expect("database");
}

impl Scene {
    /// The database as one file, closed.
    fn closed(&mut self) -> PathBuf {
        let database = self.stopped();
        database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("checkpoint");
        self.daemon.state().join("vault.db")
    }
}
