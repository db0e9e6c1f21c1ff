//! The history altered, together with everything in the database that tells of it but the vault's keys.

use rusqlite::Connection;
use serde_json::json;

use super::{Scene, is_refused, tampered, update};
use crate::support::log::{check, unlocked};
use crate::support::process;
use crate::support::rpc::Rpc;

/// What hides the last entry about VICTIM from whoever asks the database what was done last to it.
const HIDE: &str = "UPDATE last_changes SET ended = 0, (idx, version) =
    (SELECT idx, version FROM audit WHERE object_id = VICTIM AND mutation IS NOT NULL ORDER BY idx LIMIT 1)
    WHERE subject = VICTIM;
    UPDATE audit SET mutation = NULL WHERE object_id = VICTIM AND mutation IN ('update', 'delete');";

/// Nothing of an old value, of a deleted secret or of a revoked token comes back: the entries themselves decide.
#[test]
fn what_was_done_cannot_be_hidden() {
    let mut scene = Scene::new();
    let mut rpc = scene.rpc();
    let mut new = |value: &str| rpc.create(&json!({ "value": value }));
    let [rotated, deleted, other] = ["rotated", "deleted", "other"].map(&mut new);
    let made = rpc.make_token("revoked", &["vault/object:*:list"]).expect("a token");
    let (token, bearer) = (made["token"]["tokenId"].as_str().expect("an id"), made["bearerToken"].as_str());
    let bearer = bearer.expect("a token");
    let stolen = scene.stolen();
    let mut rpc = scene.rpc();
    update(&mut rpc, &rotated, "the newer value").expect("updated");
    rpc.vault("DeleteObject", &json!({ "object_id": deleted })).expect("deleted");
    rpc.tokens("RevokeRevokableToken", &json!({ "token_id": token })).expect("revoked");
    drop(scene.stopped());
    let database = scene.daemon.state().join("vault.db");
    let hidden = [&rotated, &deleted, token].map(|victim| HIDE.replace("VICTIM", &format!("'{victim}'"))).concat();
    unlocked(&database)
        .execute_batch(&format!(
            "ATTACH '{stolen}' AS stolen; {hidden}
            DELETE FROM objects; INSERT INTO objects SELECT * FROM stolen.objects;
            DELETE FROM versions; INSERT INTO versions SELECT * FROM stolen.versions;
            DELETE FROM tokens; INSERT INTO tokens SELECT * FROM stolen.tokens;"
        ))
        .expect("edited");
    let verified = check(&database).expect_err("not whole").to_string();
    assert!(verified.contains("says something else than the entry"), "{verified}");
    scene.daemon.launch();
    scene.daemon.wait_ready();
    assert!(scene.daemon.log_text().contains("told from the log again"), "{}", scene.daemon.log_text());
    let mut rpc = scene.rpc();
    for (what, id, value) in [("rotated", &rotated, "rotated"), ("deleted", &deleted, "deleted")] {
        is_refused(what, rpc.resolve(id), id, value);
        is_refused(what, rpc.describe(id), id, value);
        assert_eq!(tampered(&mut rpc, id).len(), 2, "{what}");
    }
    assert_eq!(rpc.resolve(&other).as_deref(), Ok("other"));
    let shown = Rpc::with_token(&scene.daemon.socket(), bearer).vault("ListObjects", &json!({}));
    assert_eq!(shown.expect_err("revoked").code, "unauthenticated");
    // What they say is durable again: the next start has nothing to tell.
    drop(scene.stopped());
    let before = scene.daemon.log_text().matches("told from the log again").count();
    scene.daemon.launch();
    scene.daemon.wait_ready();
    assert_eq!(scene.daemon.log_text().matches("told from the log again").count(), before);
}

/// The rows alone, and the log left as it is: `audit verify` knows without a key.
#[test]
fn rows_that_disagree_with_the_log_are_found_by_verify() {
    for (edit, told) in [
        ("UPDATE objects SET current = 1 WHERE object_id = VICTIM", "another version is current"),
        ("UPDATE objects SET deleted_at = 1 WHERE object_id = VICTIM", "it is marked deleted"),
        ("UPDATE objects SET deleted_at = NULL WHERE object_id = GONE", "it was deleted"),
        ("DELETE FROM objects WHERE object_id = VICTIM", "it has versions, but no row"),
        (
            "DELETE FROM versions WHERE object_id = VICTIM; DELETE FROM objects WHERE object_id = VICTIM",
            "its row is missing",
        ),
        ("DELETE FROM versions WHERE object_id = VICTIM AND version = 1", "a version is missing"),
        ("UPDATE versions SET wrapped_dek = NULL, ciphertext = NULL WHERE object_id = VICTIM", "its value is missing"),
        ("UPDATE versions SET wrapped_dek = x'00', ciphertext = x'00' WHERE object_id = GONE", "and has a value"),
        ("UPDATE objects SET object_id = 'sec_b' WHERE object_id = VICTIM", "the log knows of none"),
        ("UPDATE tokens SET revoked_at = 1, revoked_by = 'user:0'", "it is marked revoked"),
        ("DELETE FROM tokens", "its row is missing"),
        ("UPDATE last_changes SET idx = idx - 1 WHERE subject = VICTIM", "is another entry"),
        ("DELETE FROM last_changes WHERE subject = VICTIM", "is another entry"),
    ] {
        let mut scene = Scene::new();
        let mut rpc = scene.rpc();
        let [victim, gone] = [(); 2].map(|()| rpc.create(&json!({ "value": "a value" })));
        update(&mut rpc, &victim, "the newer value").expect("updated");
        rpc.vault("DeleteObject", &json!({ "object_id": gone })).expect("deleted");
        rpc.make_token("a token", &["vault/object:*:list"]).expect("a token");
        let edit = edit.replace("VICTIM", &format!("'{victim}'")).replace("GONE", &format!("'{gone}'"));
        let database = scene.stopped();
        check(&scene.daemon.state().join("vault.db")).expect("whole");
        database.execute_batch(&edit).expect("edited");
        let found = check(&scene.daemon.state().join("vault.db")).expect_err(&edit).to_string();
        assert!(found.contains(told), "{edit}: {found}");
    }
}

/// What is done to the log, and what the start says of it. Each leaves a checkpoint that is genuine, or none.
const REWRITES: [(&str, &str); 12] = [
    ("DELETE FROM checkpoints", "no checkpoint"),
    ("DELETE FROM audit_keys", "the key that signs checkpoints of the audit log is missing"),
    ("DELETE FROM audit_keys; DELETE FROM checkpoints", "the key that signs checkpoints of the audit log is missing"),
    ("DELETE FROM log_state", "is missing"),
    ("UPDATE log_state SET tag = zeroblob(32)", "are not those that the vault's keys vouch for"),
    ("UPDATE log_state SET size = size - 1", "but not for entry"),
    (
        "UPDATE audit SET entry = CAST(replace(entry, '\"uid\":0', '\"uid\":1') AS BLOB)
        WHERE idx = (SELECT max(idx) FROM audit); DELETE FROM checkpoints WHERE size > FIRST",
        "are not those that the vault's keys vouch for",
    ),
    (
        "DELETE FROM audit WHERE idx = (SELECT max(idx) FROM audit); DELETE FROM checkpoints WHERE size > FIRST",
        "entries, but there are",
    ),
    ("INSERT INTO audit SELECT max(idx) + 1, at, object_id, version, mutation, entry FROM audit", "but not for entry"),
    // Not even as one that a daemon without the key would have written.
    (
        "INSERT INTO audit SELECT idx + 1, at, NULL, NULL, NULL, CAST(replace(entry, '\"action\":\"',
        '\"action\":\"vault.key.unseal\",\"was\":\"') AS BLOB) FROM audit ORDER BY idx DESC LIMIT 1",
        "but not for entry",
    ),
    // An older vault has nothing yet that vouches for its log, or no checkpoints even.
    (
        "DROP TABLE instances; DROP TABLE injections; DROP TABLE log_state; DROP TABLE last_changes; MUTATIONS; PRAGMA user_version = 3; DELETE FROM checkpoints WHERE size > FIRST",
        "is missing",
    ),
    (
        "DROP TABLE instances; DROP TABLE injections; DROP TABLE log_state; DROP TABLE last_changes; DROP TABLE tokens; DROP TABLE audit_keys;
        DROP TABLE checkpoints; DROP TABLE tree_nodes; MUTATIONS; PRAGMA user_version = 1",
        "the key that signs checkpoints of the audit log is missing",
    ),
];

const MUTATIONS: &str = "CREATE INDEX audit_mutation ON audit (object_id, idx) WHERE mutation IS NOT NULL;
    DROP INDEX objects_by_description; DROP INDEX objects_by_version";

/// Whoever has not the root key can't write another log: neither its end, nor all of it.
#[test]
fn no_other_log_is_continued() {
    for (edit, told) in REWRITES {
        let mut scene = Scene::new();
        scene.rpc().create(&json!({ "value": "alpha" }));
        scene.rpc().create(&json!({ "value": "beta" }));
        let first = "(SELECT min(size) FROM checkpoints)";
        let edit = edit.replace("FIRST", first).replace("MUTATIONS", MUTATIONS);
        drop(scene.stopped());
        unlocked(&scene.daemon.state().join("vault.db")).execute_batch(&edit).expect(&edit);
        if told == "no checkpoint" {
            // This one can be told without a key.
            let found = check(&scene.daemon.state().join("vault.db")).expect_err(told).to_string();
            assert!(found.contains(told), "{found}");
        }
        let ran = process::run(&mut scene.daemon.command(), b"");
        assert!(ran.code() == 1 && ran.err().contains(told), "{edit}: {}", ran.err());
        assert!(ran.err().contains("backup"), "{edit}: {}", ran.err());
    }
}

/// A daemon that has not the right key can't vouch for the entry that says so.
#[test]
fn an_unseal_that_failed_stays_in_a_log_that_is_continued() {
    let mut scene = Scene::new();
    let id = scene.rpc().create(&json!({ "value": "alpha" }));
    drop(scene.stopped());
    let (keyfile, away) = (scene.daemon.state().join("root.key"), scene.daemon.state().join("away"));
    std::fs::rename(&keyfile, &away).expect("renamed");
    for _ in 0..3 {
        assert_eq!(process::run(&mut scene.daemon.command(), b"").code(), 1);
    }
    std::fs::rename(&away, &keyfile).expect("renamed");
    for _ in 0..2 {
        scene.daemon.launch();
        scene.daemon.wait_ready();
        assert_eq!(scene.rpc().resolve(&id).as_deref(), Ok("alpha"));
        drop(scene.stopped());
    }
}

impl Scene {
    /// A copy of the database as it is now, beside the daemon.
    fn stolen(&self) -> String {
        let copy = self.folder.path().join("stolen.db").display().to_string();
        let database = Connection::open(self.daemon.state().join("vault.db")).expect("database");
        database.execute_batch(&format!("VACUUM INTO '{copy}'")).expect("copied");
        copy
    }
}
