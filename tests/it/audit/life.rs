//! The log through a daemon's life: first start, stop, upgrade, and a start that must be refused.

use std::fs;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::{fill, stop, written};
use crate::support::daemon::Daemon;
use crate::support::log::{check, unlocked};
use crate::support::process;
use crate::support::rig::temporary_folder;

fn actions(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["action"].as_str().expect("action")).collect()
}

#[test]
fn keys_starts_stops_and_failed_unseals_are_entries() {
    let folder = temporary_folder();
    let mut daemon = Daemon::start(folder.path());
    stop(&mut daemon);
    let keyfile = daemon.state().join("root.key");
    let right = fs::read(&keyfile).expect("a keyfile");
    let wrong = String::from_utf8(right.clone()).expect("text").chars().rev().collect::<String>();
    fs::rename(&keyfile, daemon.state().join("right.key")).expect("renamed");
    fs::write(&keyfile, wrong).expect("written");
    assert_eq!(process::run(&mut daemon.command(), b"").code(), 1);
    fs::rename(daemon.state().join("right.key"), &keyfile).expect("renamed");
    daemon.launch();
    daemon.wait_ready();
    let entries = daemon.cli().audit();
    let made = "vault.key.create";
    let expected = [made, made, made, "daemon.start", "daemon.stop", "vault.key.unseal", "daemon.start"];
    assert_eq!(actions(&entries), expected);
    assert!(entries.iter().all(|entry| entry["actor"] == json!({ "type": "daemon" })));
    assert_eq!(entries[5]["attributes"]["outcome"], "failed");
    let key = daemon.cli().run(&["audit", "key"], b"").ok().out();
    assert_eq!(entries[2]["target"], json!({ "type": "vault/key", "id": key.trim() }));
}

#[test]
fn a_stop_is_covered_by_a_checkpoint() {
    let folder = temporary_folder();
    let mut daemon = Daemon::start(folder.path());
    fill(&daemon, 20);
    stop(&mut daemon);
    let whole = check(&daemon.state().join("vault.db")).expect("whole");
    assert_eq!(whole.signed, whole.entries);
}

#[test]
fn a_log_whose_end_was_cut_off_is_not_continued() {
    let folder = temporary_folder();
    let mut daemon = Daemon::start(folder.path());
    fill(&daemon, 300);
    let key = daemon.cli().run(&["audit", "key"], b"").ok().out();
    stop(&mut daemon);
    let database = daemon.state().join("vault.db");
    let note: String = Connection::open(&database)
        .and_then(|db| db.query_row("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1", [], |row| row.get(0)))
        .expect("a checkpoint");
    unlocked(&database).execute_batch("DELETE FROM audit WHERE idx >= 290").expect("cut");
    let started = process::run(&mut daemon.command(), b"");
    let error = started.err();
    assert!(started.code() == 1 && error.contains("vouch for") && error.contains("audit verify"), "{error}");
    // Its checkpoints go too, and what was done last, and the row of the secret that was deleted there. The vault's keys
    // still tell; without them only a checkpoint does that was kept elsewhere.
    let agree = "DELETE FROM checkpoints WHERE size > 290; UPDATE log_state SET size = 290;
        DELETE FROM tokens; CREATE TEMP TABLE last AS SELECT object_id, max(idx) AS idx, version FROM audit
        WHERE mutation IS NOT NULL GROUP BY object_id;
        DELETE FROM last_changes; INSERT INTO last_changes SELECT object_id, idx, version, 0 FROM last;
        UPDATE objects SET deleted_at = NULL, current = (SELECT version FROM last WHERE last.object_id = objects.object_id);
        DELETE FROM versions WHERE version > (SELECT current FROM objects WHERE objects.object_id = versions.object_id);
        UPDATE versions SET wrapped_dek = x'00', ciphertext = x'00' WHERE wrapped_dek IS NULL";
    unlocked(&database).execute_batch(agree).expect("cut");
    let started = process::run(&mut daemon.command(), b"");
    assert!(started.code() == 1 && started.err().contains("vouch for"), "{}", started.err());
    let database = database.to_str().expect("UTF-8");
    let note = written(&folder.path().join("note"), &note);
    let verify = |args: &[&str]| {
        let args = [&["audit", "verify", "--database", database], args].concat();
        daemon.cli().run(&args, b"")
    };
    let alone = verify(&[]).ok().out();
    assert!(alone.contains("290 entries"), "{alone}");
    let told = verify(&["--checkpoint", &note, "--key", key.trim()]);
    assert!(told.code() == 1 && told.err().contains("entry 290 is wrong"), "{told:?}");
}

#[test]
fn a_log_that_is_not_what_was_signed_is_not_continued() {
    let folder = temporary_folder();
    let mut daemon = Daemon::start(folder.path());
    fill(&daemon, 300);
    stop(&mut daemon);
    let database = daemon.state().join("vault.db");
    let intact = fs::read(&database).expect("the database");
    for (edit, told) in [
        ("UPDATE audit SET entry = CAST(replace(entry, 'req_', 'qer_') AS BLOB) WHERE idx = 290", "are not those"),
        ("UPDATE tree_nodes SET hash = zeroblob(32)", "are not those"),
        ("DELETE FROM tree_nodes", "missing"),
        ("UPDATE checkpoints SET note = lower(note)", "not genuine"),
    ] {
        fs::write(&database, &intact).expect("restored");
        unlocked(&database).execute_batch(edit).expect(edit);
        let started = process::run(&mut daemon.command(), b"");
        assert!(started.code() == 1 && started.err().contains(told), "{edit}: {}", started.err());
    }
}

#[test]
fn verify_works_beside_the_daemon() {
    let folder = temporary_folder();
    let daemon = Daemon::start(folder.path());
    fill(&daemon, 50);
    let mut command = daemon.cli().command(&["audit", "verify"]);
    let ran = process::run(
        command.env("AMPOULE_STATE_DIR", daemon.state()).env("AMPOULE_CONFIG", folder.path().join("ampoule.yaml")),
        b"",
    );
    assert!(ran.ok().out().starts_with("The log is whole: "));
    let missing = daemon.cli().run(&["audit", "verify", "--database", "/nonexistent/vault.db"], b"");
    assert!(missing.code() == 1 && missing.err().contains("/nonexistent/vault.db"), "{missing:?}");
}
