//! Genuine rows in the wrong place, at the wrong time or with something about them changed.

use serde_json::json;

use super::{Scene, is_refused, tampered, update};
use crate::support::rpc::Rpc;

/// What is done to the rows of VICTIM: a secret at version 2. OTHER is one like it, `stolen` the database as it was
/// when both were at version 1.
const EDITS: [(&str, &str); 20] = [
    (
        "another secret's value",
        "UPDATE versions SET (wrapped_dek, ciphertext) = (SELECT wrapped_dek, ciphertext
        FROM versions WHERE object_id = OTHER AND version = 2) WHERE object_id = VICTIM AND version = 2",
    ),
    (
        "another secret's key",
        "UPDATE versions SET wrapped_dek = (SELECT wrapped_dek FROM versions
        WHERE object_id = OTHER AND version = 2) WHERE object_id = VICTIM AND version = 2",
    ),
    (
        "another secret's ciphertext",
        "UPDATE versions SET ciphertext = (SELECT ciphertext FROM versions
        WHERE object_id = OTHER AND version = 2) WHERE object_id = VICTIM AND version = 2",
    ),
    (
        "another secret's rows",
        "DELETE FROM versions WHERE object_id = VICTIM;
        INSERT INTO versions SELECT NULL, VICTIM, version, created_at, wrapped_dek, ciphertext
        FROM versions WHERE object_id = OTHER",
    ),
    (
        "the old value in the new version",
        "UPDATE versions SET (wrapped_dek, ciphertext) =
        (SELECT wrapped_dek, ciphertext FROM stolen.versions WHERE object_id = VICTIM)
        WHERE object_id = VICTIM AND version = 2",
    ),
    (
        "the old rows",
        "DELETE FROM versions WHERE object_id = VICTIM; DELETE FROM objects WHERE object_id = VICTIM;
        INSERT INTO objects SELECT * FROM stolen.objects WHERE object_id = VICTIM;
        INSERT INTO versions SELECT NULL, object_id, version, created_at, wrapped_dek, ciphertext
        FROM stolen.versions WHERE object_id = VICTIM",
    ),
    ("the old version made current", "UPDATE objects SET current = 1 WHERE object_id = VICTIM"),
    (
        "a version that nobody stored",
        "UPDATE versions SET version = 3 WHERE object_id = VICTIM AND version = 2;
        UPDATE objects SET current = 3 WHERE object_id = VICTIM",
    ),
    ("the version removed", "DELETE FROM versions WHERE object_id = VICTIM AND version = 2"),
    ("the value removed", "UPDATE versions SET wrapped_dek = NULL, ciphertext = NULL WHERE object_id = VICTIM"),
    ("the secret removed", "DELETE FROM objects WHERE object_id = VICTIM"),
    (
        "the secret renamed",
        "UPDATE objects SET object_id = 'sec_renamed' WHERE object_id = VICTIM;
        UPDATE versions SET object_id = 'sec_renamed' WHERE object_id = VICTIM",
    ),
    ("marked deleted", "UPDATE objects SET deleted_at = 1 WHERE object_id = VICTIM"),
    ("made revealable", "UPDATE objects SET revealable = 1 WHERE object_id = VICTIM"),
    ("a label changed", "UPDATE objects SET labels = replace(labels, 'prod', 'test') WHERE object_id = VICTIM"),
    (
        "a label added",
        "UPDATE objects SET labels = replace(labels, ']]', '],[\"team\",\"a\"]]') WHERE object_id = VICTIM",
    ),
    ("the labels removed", "UPDATE objects SET labels = '[]' WHERE object_id = VICTIM"),
    ("the labels garbled", "UPDATE objects SET labels = '?' WHERE object_id = VICTIM"),
    ("the time changed", "UPDATE versions SET created_at = created_at + 1 WHERE object_id = VICTIM"),
    ("the time garbled", "UPDATE versions SET created_at = 9223372036854775807 WHERE object_id = VICTIM"),
];

/// What is done to bring back VICTIM: a secret that was deleted after the database was stolen.
const REVIVALS: [(&str, &str); 2] = [
    ("the mark removed", "UPDATE objects SET deleted_at = NULL WHERE object_id = VICTIM"),
    (
        "the rows put back",
        "DELETE FROM versions WHERE object_id = VICTIM; DELETE FROM objects WHERE object_id = VICTIM;
        INSERT INTO objects SELECT * FROM stolen.objects WHERE object_id = VICTIM;
        INSERT INTO versions SELECT * FROM stolen.versions WHERE object_id = VICTIM",
    ),
];

/// Whatever was done to its rows, the secret is refused by name, the log says so, and the others are as they were.
#[test]
fn an_edited_row_is_refused() {
    let mut scene = Scene::new();
    let mut rpc = scene.rpc();
    let pairs: Vec<[String; 2]> = EDITS.iter().map(|_| [(); 2].map(|()| new(&mut rpc))).collect();
    let mut rpc = scene.steal();
    for id in pairs.as_flattened() {
        update(&mut rpc, id, &newer(id)).expect("updated");
    }
    let edits = EDITS.iter().zip(&pairs).map(|((_, sql), [victim, other])| bound(sql, victim, other));
    let mut rpc = scene.edit_rows(&edits.collect::<String>());
    for ((what, _), [victim, other]) in EDITS.iter().zip(&pairs) {
        is_refused_everywhere(&mut rpc, what, victim);
        assert_eq!(rpc.resolve(other), Ok(newer(other)), "{what}");
        assert!(tampered(&mut rpc, other).is_empty(), "{what}");
    }
}

#[test]
fn two_swapped_values_are_both_refused() {
    let mut scene = Scene::new();
    let mut rpc = scene.rpc();
    let ids = [(); 3].map(|()| new(&mut rpc));
    let swap = "CREATE TEMP TABLE swap AS SELECT * FROM versions WHERE object_id IN (VICTIM, OTHER);
        UPDATE versions SET (wrapped_dek, ciphertext) =
        (SELECT wrapped_dek, ciphertext FROM swap WHERE swap.object_id <> versions.object_id)
        WHERE object_id IN (VICTIM, OTHER)";
    let mut rpc = scene.edit(|database| database.execute_batch(&bound(swap, &ids[0], &ids[1])).expect("edited"));
    is_refused_everywhere(&mut rpc, "swapped", &ids[0]);
    is_refused_everywhere(&mut rpc, "swapped", &ids[1]);
    assert_eq!(rpc.resolve(&ids[2]).as_deref(), Ok(FIRST));
}

#[test]
fn a_deleted_secret_stays_deleted() {
    let mut scene = Scene::new();
    let mut rpc = scene.rpc();
    let (victims, other) = (REVIVALS.map(|_| new(&mut rpc)), new(&mut rpc));
    let mut rpc = scene.steal();
    for id in &victims {
        rpc.vault("DeleteObject", &json!({ "object_id": id })).expect("deleted");
    }
    let edits = REVIVALS.iter().zip(&victims).map(|((_, sql), victim)| bound(sql, victim, &other));
    let mut rpc = scene.edit_rows(&edits.collect::<String>());
    for ((what, _), victim) in REVIVALS.iter().zip(&victims) {
        is_refused_everywhere(&mut rpc, what, victim);
    }
    assert_eq!(rpc.resolve(&other).as_deref(), Ok(FIRST));
}

/// One that may leave through the API can't pass for one that may not, nor for one that the log doesn't know.
#[test]
fn an_edited_revealable_secret_is_refused() {
    let mut scene = Scene::new();
    let mut rpc = scene.rpc();
    let [hidden, renamed] = [(); 2].map(|()| rpc.create(&json!({ "value": FIRST, "revealable": true })));
    let mut rpc = scene.edit_rows(&format!(
        "UPDATE objects SET revealable = 0 WHERE object_id = '{hidden}';
        UPDATE objects SET object_id = 'sec_another' WHERE object_id = '{renamed}';
        UPDATE versions SET object_id = 'sec_another' WHERE object_id = '{renamed}'"
    ));
    is_refused_everywhere(&mut rpc, "made unrevealable", &hidden);
    is_refused_everywhere(&mut rpc, "renamed", &renamed);
    is_refused_everywhere(&mut rpc, "unknown to the log", "sec_another");
}

/// A list can't leave out what it can't read: it says which secret that is. The others can still be used.
#[test]
fn a_garbled_row_is_named_by_a_list() {
    let mut scene = Scene::new();
    let mut rpc = scene.rpc();
    let [victim, other] = [(); 2].map(|()| new(&mut rpc));
    let mut rpc = scene.edit_rows(&format!("UPDATE objects SET labels = '?' WHERE object_id = '{victim}'"));
    is_refused("list", rpc.vault("ListObjects", &json!({})), &victim, FIRST);
    assert_eq!(tampered(&mut rpc, &victim), ["vault.object.list"]);
    assert_eq!(rpc.resolve(&other).as_deref(), Ok(FIRST));
}

const FIRST: &str = "the first value";

fn new(rpc: &mut Rpc) -> String {
    rpc.create(&json!({ "value": FIRST, "labels": [{ "name": "env", "value": "prod" }] }))
}

fn newer(id: &str) -> String {
    format!("the second value of {id}")
}

fn bound(sql: &str, victim: &str, other: &str) -> String {
    sql.replace("VICTIM", &format!("'{victim}'")).replace("OTHER", &format!("'{other}'")) + ";\n"
}

/// No value comes out, and no new version goes in: it would be sealed for the row as it is now.
#[track_caller]
fn is_refused_everywhere(rpc: &mut Rpc, what: &str, id: &str) {
    is_refused(what, rpc.resolve(id), id, FIRST);
    is_refused(what, rpc.describe(id), id, FIRST);
    is_refused(what, update(rpc, id, "the next value"), id, FIRST);
    let actions = ["vault.object.inject", "vault.object.describe", "vault.object.update"];
    assert_eq!(tampered(rpc, id), actions, "{what}");
}

impl Scene {
    /// Keeps a copy of the database as it is now.
    fn steal(&mut self) -> Rpc {
        let copy = self.folder.path().join("stolen.db");
        self.edit(|database| database.execute_batch(&format!("VACUUM INTO '{}'", copy.display())).expect("copied"))
    }

    /// Edits the database with the stolen copy at hand, if there is one.
    fn edit_rows(&mut self, sql: &str) -> Rpc {
        let copy = self.folder.path().join("stolen.db");
        self.edit(|database| {
            let attach = format!("ATTACH '{}' AS stolen", copy.display());
            database.execute_batch(&format!("{attach}; BEGIN; {sql}; COMMIT")).expect("edited");
        })
    }
}
