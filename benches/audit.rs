//! How long it takes to check a log of a million entries, and to start on one.

#![allow(clippy::print_stdout, reason = "what a benchmark finds, it prints")]
#![allow(clippy::cast_precision_loss, reason = "its numbers are far below the 52 bits that a float keeps")]

use std::path::Path;
use std::time::Instant;

use ampoule::audit::{Actor, Attributes, Checkpoint, Entry, NoteSigner, Outcome, Subject, origin};
use ampoule::authz::Action;
use ampoule::domain::{Caller, Container, Identity, Peer, RequestId, VaultId, Version, WrappedAuditKey};
use ampoule::store::Store;
use ampoule::store::sqlite::{Expected, Sqlite, verify};
use tempfile::TempDir;

const ENTRIES: u64 = 1_000_000;
const BATCH: u64 = 10_000;

fn main() {
    let folder = TempDir::new().expect("a folder");
    let database = folder.path().join("vault.db");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let started = Instant::now();
    runtime.block_on(fill(&database));
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "append {ENTRIES} entries, {BATCH} a commit: {seconds:.1} s, {:.1} us each",
        seconds * 1e6 / ENTRIES as f64
    );
    let started = Instant::now();
    drop(Sqlite::open(&database, VaultId::from_bytes([1; 16])).expect("opens"));
    println!("open the database and load the tree: {:.2} ms", started.elapsed().as_secs_f64() * 1e3);
    let started = Instant::now();
    let whole = verify(&database, &Expected::default()).expect("whole");
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "audit verify of {} entries: {seconds:.2} s, {:.1} us each",
        whole.entries,
        seconds * 1e6 / ENTRIES as f64
    );
}

async fn fill(database: &Path) {
    let store = Store::new(Sqlite::open(database, VaultId::from_bytes([1; 16])).expect("opens"));
    let signer = NoteSigner::new(origin(store.vault_id()), &[1; 32]);
    let key = WrappedAuditKey { public: *signer.verifier().public(), wrapped: Vec::new() };
    store.write(move |tx| tx.insert_audit_key(&key)).await.expect("written");
    for _ in 0..ENTRIES / BATCH {
        let append = |tx: &mut dyn ampoule::store::WriteTx| (0..BATCH).try_for_each(|n| tx.append(&entry(n)));
        store.write(append).await.expect("written");
    }
    let sign = move |tx: &mut dyn ampoule::store::WriteTx| {
        let (size, root) = (tx.log_tree().size(), tx.log_tree().root());
        tx.insert_checkpoint(size, &Checkpoint { origin: origin(tx.vault_id()), size, root }.sign(&signer))
    };
    store.write(sign).await.expect("written");
}

/// An injection by podman, of usual length.
fn entry(number: u64) -> Entry {
    let identity = Identity::Peer(Peer { uid: 0, gid: 0, pid: Some(4242) });
    let container = Container {
        id: "2f4a1c9be3d0".repeat(5),
        bundle: "/var/lib/containers/storage/overlay-containers/2f4a/userdata".to_owned(),
        engine: "podman".to_owned(),
        pid: 4242,
        ..Container::default()
    };
    Entry {
        action: Action::Inject.into(),
        actor: Actor(Caller { identity, request: RequestId::new(number) }),
        subject: Some(Subject::Object { id: "sec_abc".parse().expect("an id"), version: Version::new(1) }),
        outcome: Outcome::Ok,
        attributes: Attributes {
            variable: Some("DATABASE_URL".to_owned()),
            container: Some(container),
            ..Attributes::default()
        },
    }
}
