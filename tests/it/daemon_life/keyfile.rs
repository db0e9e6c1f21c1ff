//! The keyfile: made once, and nothing without it.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::types::Value;
use serde_json::json;

use super::Home;
use crate::support::process;
use crate::support::wire::messages::revealable;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("metadata").permissions().mode() & 0o7777
}

/// The tables of a database, each with its rows.
type Tables = BTreeMap<String, Vec<Vec<Value>>>;

/// The state directory; of the database not its bytes but its rows, since the log may grow.
fn state(home: &Home) -> (BTreeMap<PathBuf, (u32, Vec<u8>)>, Tables) {
    let mut files = snapshot(home);
    let database = home.paths.state().join("vault.db");
    files.get_mut(&database).expect("vault.db").1.clear();
    (files, tables(&Connection::open(database).expect("database")))
}

fn tables(database: &Connection) -> Tables {
    let mut names = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").expect("tables");
    let names: Vec<String> = names.query_map([], |row| row.get(0)).and_then(Iterator::collect).expect("tables");
    let rows = |name: &String| {
        let mut statement = database.prepare(&format!("SELECT * FROM {name} ORDER BY 1, 2")).expect("rows");
        let width = statement.column_count();
        let rows = statement.query_map([], |row| (0..width).map(|column| row.get(column)).collect());
        rows.and_then(Iterator::collect).expect("rows")
    };
    names.iter().map(|name| (name.clone(), rows(name))).collect()
}

/// The entries that were added to the log; nothing else may have changed.
#[track_caller]
fn added_entries(what: &str, before: &Tables, mut after: Tables) -> Vec<serde_json::Value> {
    let log = after.get_mut("audit").expect("audit");
    let added = log.split_off(before["audit"].len());
    assert!(after == *before, "{what}: the database has changed");
    let entry = |row: Vec<Value>| match row.last() {
        Some(Value::Blob(entry)) => serde_json::from_slice(entry).expect("JSON"),
        other => panic!("{what}: no entry: {other:?}"),
    };
    added.into_iter().map(entry).collect()
}

/// Every file of the state directory, with its mode.
fn snapshot(home: &Home) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let paths = fs::read_dir(home.paths.state()).expect("state").flatten().map(|entry| entry.path());
    let content = |path: &PathBuf| if path.is_file() { fs::read(path).expect("file") } else { Vec::new() };
    paths.map(|path| (path.clone(), (mode(&path), content(&path)))).collect()
}

#[test]
fn the_first_start_makes_one_and_says_so() {
    let home = Home::new();
    let keyfile = home.paths.state().join("root.key");
    let daemon = home.start();
    let text = fs::read_to_string(&keyfile).expect("keyfile");
    let key = text.strip_prefix("ampoule-keyfile-v1:").expect("its format");
    let id = home.client().create(&revealable("alpha")).expect("created").object_id;
    assert_eq!((mode(&keyfile), key.trim_end().len()), (0o400, 44));
    let said = daemon.stop().err();
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("root.key")).collect();
    assert_eq!(lines.len(), 1, "{said}");
    assert!(lines[0].contains(keyfile.to_str().expect("UTF-8")) && lines[0].contains("copy"), "{said}");
    assert!(!said.contains(key.trim_end()), "the key is in the log");

    let daemon = home.start();
    assert_eq!(&*home.client().describe(&id).expect("described").value, "alpha");
    let said = daemon.stop().err();
    assert!(!said.contains("root.key"), "{said}");
    assert_eq!(fs::read_to_string(&keyfile).expect("keyfile"), text);
}

#[test]
fn keys_differ() {
    let [one, two] = [Home::new(), Home::new()].map(|home| {
        home.start().stop();
        fs::read(home.paths.state().join("root.key")).expect("keyfile")
    });
    assert_ne!(one, two);
}

/// A daemon that can't have its key says why, records it and changes nothing else; with the right keyfile back, it
/// opens.
#[track_caller]
fn refuses(what: &str, spoil: impl FnOnce(&Path), named: &[&str]) {
    let home = Home::new();
    let keyfile = home.paths.state().join("root.key");
    let daemon = home.start();
    let id = home.client().create(&revealable("alpha")).expect("created").object_id;
    daemon.stop();
    let right = fs::read(&keyfile).expect("keyfile");
    spoil(&keyfile);
    let (files, before) = state(&home);
    let ran = process::run(&mut home.command(), b"");
    assert_eq!((ran.code(), ran.out()), (1, String::new()), "{what}: {}", ran.err());
    for part in [&[keyfile.to_str().expect("UTF-8")], named].concat() {
        assert!(ran.err().contains(part), "{what}: \"{part}\" is not in: {}", ran.err());
    }
    assert!(!ran.err().contains("panicked"), "{what}: {}", ran.err());
    let (files_after, after) = state(&home);
    assert!(files_after == files, "{what}: the state has changed");
    let added = added_entries(what, &before, after);
    let [entry] = added.as_slice() else { panic!("{what}: {added:?}") };
    let said = [&entry["action"], &entry["actor"], &entry["attributes"]["outcome"]];
    assert_eq!(said, [&json!("vault.key.unseal"), &json!({"type": "daemon"}), &json!("failed")], "{what}");
    assert!(!home.socket().exists(), "{what}: there is a socket");

    let _ = fs::remove_file(&keyfile).or_else(|_| fs::remove_dir(&keyfile));
    fs::write(&keyfile, right).and_then(|()| fs::set_permissions(&keyfile, Permissions::from_mode(0o400))).expect(what);
    let daemon = home.start();
    assert_eq!(&*home.client().describe(&id).expect("described").value, "alpha", "{what}");
    daemon.stop();
}

#[test]
fn a_missing_one_is_not_made_anew() {
    let remove = |keyfile: &Path| fs::remove_file(keyfile).expect("keyfile");
    refuses("missing", remove, &["Restore it from its backup"]);
}

#[test]
fn a_damaged_one_is_told_from_a_wrong_one() {
    let text = "ampoule-keyfile-v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    for (what, content, named) in [
        ("empty", "", "0 bytes"),
        ("half", &text[..40], "truncated"),
        ("one byte short", &text[..text.len() - 2], "truncated"),
        ("something else", "-----BEGIN PRIVATE KEY-----\n", "ampoule-keyfile-v1:"),
        ("zeros", &"\0".repeat(64), "ampoule-keyfile-v1:"),
    ] {
        let write = |keyfile: &Path| fs::write(keyfile, content).expect("keyfile");
        refuses(what, write, &[named, "Restore it from its backup"]);
    }
    let wrong = |keyfile: &Path| fs::write(keyfile, text).expect("keyfile");
    refuses(
        "another key",
        wrong,
        &["does not open this vault", "tenant_", "Give the key that the vault was made with"],
    );
}

#[test]
fn one_that_others_can_read_is_not_used() {
    for bad in [0o644, 0o440, 0o404, 0o420, 0o401] {
        let spoil = |keyfile: &Path| fs::set_permissions(keyfile, Permissions::from_mode(bad)).expect("mode");
        refuses("mode", spoil, &[&format!("mode {bad:04o}"), "Make it a regular file with mode 0400"]);
    }
    let spoil = |keyfile: &Path| chown(keyfile, Some(12345), None).expect("owner");
    refuses("owner", spoil, &["owner 12345", "owned by the daemon's user or root"]);
}

#[test]
fn something_that_is_no_file_is_not_used() {
    let spoil = |keyfile: &Path| {
        fs::remove_file(keyfile).and_then(|()| fs::create_dir(keyfile)).expect("folder");
        fs::set_permissions(keyfile, Permissions::from_mode(0o700)).expect("mode");
    };
    refuses("a folder", spoil, &["Make it a regular file"]);
    let spoil = |keyfile: &Path| {
        fs::remove_file(keyfile).expect("keyfile");
        nix::unistd::mkfifo(keyfile, nix::sys::stat::Mode::S_IRUSR).expect("pipe");
    };
    refuses("a pipe that nobody writes to", spoil, &["Make it a regular file"]);
}

#[test]
fn a_passphrase_that_others_can_read_is_none() {
    let home = Home::new();
    let file = home.folder().join("passphrase");
    fs::write(&file, "correct horse battery staple\n").expect("written");
    let command = || {
        let mut command = home.command();
        command.arg("--passphrase-file").arg(&file);
        command
    };
    let refused = |named: &[&str]| {
        let ran = process::run(&mut command(), b"");
        let error = ran.err();
        assert!(ran.code() == 1 && error.contains("passphrase can't be used"), "{error}");
        assert!(named.iter().all(|part| error.contains(part)) && !error.contains("correct"), "{error}");
    };
    for mode in [0o644, 0o604, 0o620] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).expect("mode");
        refused(&[&format!("mode {mode:04o}"), "0400"]);
    }
    fs::set_permissions(&file, Permissions::from_mode(0o400)).expect("mode");
    chown(&file, Some(12345), None).expect("owner");
    refused(&["owner 12345"]);
    chown(&file, Some(0), None).expect("owner");
    fs::write(&file, "x".repeat(5000)).expect("written");
    refused(&["longer than 4096"]);
    fs::write(&file, "correct horse battery staple\n").expect("written");
    home.start_by(&mut command());
}
