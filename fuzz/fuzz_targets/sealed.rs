//! Any bytes in the place of a sealed value or a wrapped key: only the ones that were sealed there open.
#![no_main]

use std::sync::LazyLock;

use ampoule::audit::{Actor, Attributes, Entry, Outcome, Subject};
use ampoule::authz::Action;
use ampoule::domain::{
    Caller, Identity, Labels, ObjectId, RequestId, SealedValue, SecretBytes, Timestamp, VaultId, Version, VersionInfo,
    WrappedKek,
};
use ampoule::seal::{Key, KeyRing, RootKey, SealContext};
use ampoule::store::sqlite::Sqlite;
use ampoule::store::{Recorded, Store};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

/// What a thief of the database does to it.
#[derive(Arbitrary, Debug)]
enum Damage {
    Replaced { wrapped_dek: Vec<u8>, ciphertext: Vec<u8> },
    Flipped { flips: Vec<(u16, u8)>, length: Option<u16> },
    Kek { flips: Vec<(u16, u8)>, length: Option<u16> },
}

struct Vault {
    root: RootKey,
    kek: WrappedKek,
    ring: KeyRing,
    object: ObjectId,
    sealed: SealedValue,
    recorded: Recorded,
}

static VAULT: LazyLock<Vault> = LazyLock::new(Vault::new);

fuzz_target!(|damage: Damage| {
    let vault = &*VAULT;
    let mut sealed = vault.sealed.clone();
    match damage {
        Damage::Replaced { wrapped_dek, ciphertext } => sealed = SealedValue { wrapped_dek, ciphertext },
        Damage::Flipped { flips, length } => {
            let dek = sealed.wrapped_dek.len();
            let mut bytes = [sealed.wrapped_dek, sealed.ciphertext].concat();
            alter(&mut bytes, &flips, length);
            let ciphertext = bytes.split_off(dek.min(bytes.len()));
            sealed = SealedValue { wrapped_dek: bytes, ciphertext };
        }
        Damage::Kek { flips, length } => {
            let mut kek = vault.kek.clone();
            alter(&mut kek.wrapped, &flips, length);
            assert_eq!(vault.root.unwrap_ring(&[kek.clone()]).is_ok(), kek.wrapped == vault.kek.wrapped);
        }
    }
    let is_whole = sealed.wrapped_dek == vault.sealed.wrapped_dek && sealed.ciphertext == vault.sealed.ciphertext;
    let labels = Labels::default();
    assert_eq!(vault.ring.open(&context(&vault.object, &labels), &sealed, &vault.recorded).is_ok(), is_whole);
});

fn alter(bytes: &mut Vec<u8>, flips: &[(u16, u8)], length: Option<u16>) {
    if let Some(length) = length {
        bytes.resize(usize::from(length) % (bytes.len() + 16), 0);
    }
    for (at, mask) in flips {
        let at = usize::from(*at) % bytes.len().max(1);
        bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= mask);
    }
}

fn context<'a>(object: &'a ObjectId, labels: &'a Labels) -> SealContext<'a> {
    let version = VersionInfo { version: Version::FIRST, created_at: Timestamp::UNIX_EPOCH };
    SealContext { vault: VaultId::from_bytes([1; 16]), object, version, revealable: false, labels }
}

impl Vault {
    fn new() -> Self {
        let object = ObjectId::new(2, [2; 16]);
        let labels = Labels::default();
        let root = RootKey::new(Key::from_slice(&[3; Key::LEN]).expect("a key"), VaultId::from_bytes([1; 16]));
        let kek = root.make_kek().expect("a key");
        let ring = root.unwrap_ring(&[kek.clone()]).expect("a ring");
        let value = SecretBytes::from("hunter2".to_owned());
        let sealed = ring.seal(&context(&object, &labels), &value).expect("sealed");
        let recorded = recorded(object.clone());
        Self { root, kek, ring, object, sealed, recorded }
    }
}

/// A proof as only a real store makes it.
fn recorded(object: ObjectId) -> Recorded {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Sqlite::open(&folder.path().join("vault.db"), VaultId::from_bytes([1; 16])).expect("a database");
    let entry = Entry {
        action: Action::Inject.into(),
        actor: Actor(Caller { identity: Identity::Daemon, request: RequestId::new(0) }),
        subject: Some(Subject::Object { id: object, version: Some(Version::FIRST) }),
        outcome: Outcome::Ok,
        attributes: Attributes::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(Store::new(database).write(move |tx| tx.append(&entry))).expect("recorded").1
}
