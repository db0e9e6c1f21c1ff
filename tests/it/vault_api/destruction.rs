//! What is destroyed is gone: from the API, and from the disk.

use std::fs;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use memchr::memmem;
use nix::sys::signal::Signal;
use rusqlite::{Connection, OpenFlags};

use super::{start, values};
use crate::support::daemon::Daemon;
use crate::support::process::{Job, wait_until};
use crate::support::rig::temporary_folder;
use crate::support::wire::messages::reference;
use crate::support::wire::{Client, Protocol, Served, refused};

/// The wrapped keys and ciphertexts of a secret's versions, as they lie in the database.
fn sealed(served: &Served, id: &str) -> Vec<Vec<u8>> {
    let connection =
        Connection::open_with_flags(served.database(), OpenFlags::SQLITE_OPEN_READ_ONLY).expect("database");
    let rows = "SELECT wrapped_dek, ciphertext FROM versions WHERE object_id = ?1 ORDER BY version";
    let mut rows = connection.prepare(rows).expect("versions");
    let pair = |row: &rusqlite::Row<'_>| Ok([row.get::<_, Option<Vec<u8>>>(0)?, row.get(1)?]);
    let rows = rows.query_map([id], pair).expect("versions");
    rows.flat_map(|row| row.expect("a version")).flatten().collect()
}

/// How many of these are somewhere in the files.
fn remaining(served: &Served, sealed: &[Vec<u8>]) -> usize {
    let at_rest = served.at_rest();
    // A sealed value begins with what all have in common, and a long one lies in pieces: its last bytes are its own.
    sealed.iter().filter(|bytes| memmem::find(&at_rest, &bytes[bytes.len() - 24..]).is_some()).count()
}

/// Waits until the daemon has had the time to clear its write-ahead log.
fn wait_idle(served: &Served) {
    wait_until("the write-ahead log is empty", || fs::metadata(served.log()).is_ok_and(|meta| meta.len() == 0));
}

/// A value of this length that nothing else has.
fn value(length: usize, n: usize) -> String {
    format!("{n:06}{}", "x".repeat(length))
}

#[test]
fn an_old_version_is_kept_ten_versions_long() {
    let (_served, client) = start();
    let id = client.add("1");
    (2..=12).for_each(|n: u32| drop(client.update(&id, &n.to_string(), "").expect("updated")));
    let kept: Vec<String> = (3..=12).map(|n| format!("{id}@{n}")).collect();
    let kept: Vec<&str> = kept.iter().map(String::as_str).collect();
    assert_eq!(values(&client, &kept), (3..=12).map(|n| n.to_string()).collect::<Vec<_>>());
    for version in ["1", "2"] {
        let resolved = client.resolve(vec![reference("A", &format!("{id}@{version}"))]);
        let named = ["A: ", &id, &format!("version {version}"), "destroyed", "newer"];
        refused(version, resolved, "failed_precondition", &named);
    }
    let absent = client.resolve(vec![reference("A", &format!("{id}@13"))]);
    refused("not yet", absent, "not_found", &["A: ", "no version 13", "newest is 12"]);
}

#[test]
fn how_many_are_kept_is_a_setting() {
    let folder = temporary_folder();
    let daemon = Daemon::stopped(folder.path());
    let mut command = daemon.command();
    let _job = Job::start(command.args(["--versions-kept", "2"]), b"", std::process::Command::spawn);
    wait_until("the socket is there", || std::os::unix::net::UnixStream::connect(daemon.socket()).is_ok());
    let client = Client::new(&daemon.socket(), Protocol::ConnectProto);
    let id = client.add("1");
    client.update(&id, "2", "").expect("updated");
    assert_eq!(values(&client, &[&format!("{id}@1"), &format!("{id}@2")]), ["1", "2"]);
    client.update(&id, "3", "").expect("updated");
    assert_eq!(values(&client, &[&format!("{id}@2"), &format!("{id}@3")]), ["2", "3"]);
    let expired = client.resolve(vec![reference("A", &format!("{id}@1"))]);
    refused("the first", expired, "failed_precondition", &["version 1", "destroyed"]);
}

#[test]
fn nothing_of_a_deleted_secret_stays_on_the_disk() {
    let (served, client) = start();
    let (id, other) = (client.add(&value(10, 0)), client.add(&value(10, 1)));
    client.update(&id, &value(20_000, 2), "").expect("updated");
    let (doomed, kept) = (sealed(&served, &id), sealed(&served, &other));
    assert_eq!((doomed.len(), remaining(&served, &doomed)), (4, 4));
    client.delete(&id, "").expect("deleted");
    wait_idle(&served);
    assert_eq!((remaining(&served, &doomed), remaining(&served, &kept)), (0, 2));
    assert!(sealed(&served, &id).is_empty());
}

#[test]
fn nothing_of_an_expired_version_stays_on_the_disk() {
    let (served, client) = start();
    let id = client.add(&value(10, 0));
    (1..10).for_each(|n| drop(client.update(&id, &value(n * 700, n), "").expect("updated")));
    let all = sealed(&served, &id);
    assert_eq!((all.len(), remaining(&served, &all)), (20, 20));
    (10..13).for_each(|n| drop(client.update(&id, &value(10, n), "").expect("updated")));
    wait_idle(&served);
    assert_eq!((remaining(&served, &all[..6]), remaining(&served, &all[6..])), (0, 14));
}

/// The database moves rows between pages as others shrink and grow; no copy may stay behind in a page that it has left.
#[test]
fn nothing_of_many_secrets_stays_behind_when_rows_move() {
    let (served, client) = start();
    let lengths = [5, 40, 300, 1_100, 2_600, 9_000];
    let mut ids: Vec<String> = (0..240).map(|n| client.add(&value(lengths[n % 6], n))).collect();
    for (n, id) in ids.iter().enumerate().filter(|(n, _)| n % 3 == 0) {
        client.update(id, &value(lengths[(n / 3) % 6], 1_000 + n), "").expect("updated");
    }
    let all: Vec<Vec<u8>> = ids.iter().flat_map(|id| sealed(&served, id)).collect();
    assert_eq!((all.len(), remaining(&served, &all)), (640, 640));
    // Neighbours go at different times: every other one, then the rest from both ends.
    let rest = ids.split_off(120);
    for id in ids.iter().step_by(2).chain(rest.iter().rev()).chain(ids.iter().skip(1).step_by(2)) {
        client.delete(id, "").expect("deleted");
    }
    wait_idle(&served);
    assert_eq!(remaining(&served, &all), 0);
}

/// The promise holds even if the daemon is killed before it came to clear its log.
#[test]
fn a_killed_daemon_clears_its_log_when_it_is_back() {
    let (mut served, client) = start();
    for n in 0.. {
        assert!(n < 100, "the log was always cleared before the daemon could be killed");
        let id = client.add(&value(500, n));
        let doomed = sealed(&served, &id);
        client.delete(&id, "").expect("deleted");
        served.daemon.signal(Signal::SIGSTOP);
        if remaining(&served, &doomed) == 0 {
            served.daemon.signal(Signal::SIGCONT);
            continue;
        }
        served.daemon.kill();
        served.daemon.launch();
        served.daemon.wait_ready();
        wait_idle(&served);
        assert_eq!(remaining(&served, &doomed), 0);
        return;
    }
}

/// Who calls too often for a pause, but not often enough to make the log begin anew, must not keep what was destroyed.
#[test]
fn nothing_of_a_deleted_secret_stays_on_the_disk_of_a_busy_daemon() {
    let (served, client) = start();
    let id = client.add(&value(10, 0));
    let doomed = sealed(&served, &id);
    let (busy, socket) = (AtomicBool::new(true), served.daemon.socket());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let client = Client::new(&socket, Protocol::ConnectProto);
            while busy.load(Ordering::Relaxed) {
                // It is refused, which is recorded.
                let _ = client.resolve(vec![reference("A", &id)]);
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        client.delete(&id, "").expect("deleted");
        let gone = std::panic::catch_unwind(AssertUnwindSafe(|| {
            wait_until("what was destroyed is gone", || remaining(&served, &doomed) == 0);
            // Truncated, and not overwritten from its beginning after a thousand pages.
            let length = fs::metadata(served.log()).expect("the write-ahead log").len();
            assert!(length < 500 * 4096, "{length} bytes");
        }));
        busy.store(false, Ordering::Relaxed);
        gone.expect("gone while somebody called");
    });
}
