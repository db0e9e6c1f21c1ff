//! The envelope as a thief of the database would meet it.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::root::{self, Keyfile, Passphrase};
use super::{KeyError, KeyRing, OpenError, SealContext};
use crate::audit::{Actor, Attributes, Entry, Outcome, Subject};
use crate::authz::Action;
use crate::domain::{
    Caller, Identity, KekId, KekState, Label, Labels, ObjectId, RequestId, RootWrap, SealedValue, SecretBytes,
    Timestamp, VaultId, Version, VersionInfo, WrappedKek,
};
use crate::store::sqlite::Sqlite;
use crate::store::{Recorded, Store};

/// A vault's keys and one sealed value, in hexadecimal, as `fixtures/sealed/v1/` keeps them.
#[derive(Serialize, Deserialize)]
struct Vector {
    vault_id: String,
    provider: String,
    /// The keyfile's text, or the passphrase.
    provider_secret: String,
    root_parameters: String,
    root_wrapped: String,
    kek_id: String,
    kek_wrapped: String,
    object_id: String,
    version: u64,
    created_at: Timestamp,
    revealable: bool,
    labels: Vec<(String, String)>,
    wrapped_dek: String,
    ciphertext: String,
    value: String,
}

struct Opened {
    ring: KeyRing,
    vault: VaultId,
    object: ObjectId,
    version: VersionInfo,
    revealable: bool,
    labels: Labels,
    sealed: SealedValue,
    value: String,
}

impl Opened {
    fn context(&self) -> SealContext<'_> {
        SealContext {
            vault: self.vault,
            object: &self.object,
            version: self.version,
            revealable: self.revealable,
            labels: &self.labels,
        }
    }
}

#[test]
fn values_sealed_by_version_1_still_open() {
    for name in ["keyfile.json", "passphrase.json"] {
        let opened = vector(name);
        let recorded = recorded(&opened.object, opened.version.version);
        let value = opened.ring.open(&opened.context(), &opened.sealed, &recorded).expect("it opens");
        assert_eq!(value.expose(), opened.value.as_bytes(), "{name}");
    }
}

#[test]
fn no_bit_of_a_sealed_value_can_change() {
    let opened = vector("keyfile.json");
    let recorded = recorded(&opened.object, opened.version.version);
    let (dek, ciphertext) = (opened.sealed.wrapped_dek.len(), opened.sealed.ciphertext.len());
    for place in 0..(dek + ciphertext) * 8 {
        let mut altered = opened.sealed.clone();
        let part = if place / 8 < dek { &mut altered.wrapped_dek } else { &mut altered.ciphertext };
        let byte = if place / 8 < dek { place / 8 } else { place / 8 - dek };
        part[byte] ^= 1 << (place % 8);
        assert!(opened.ring.open(&opened.context(), &altered, &recorded).is_err(), "bit {place}");
    }
}

#[test]
fn a_truncated_value_does_not_open() {
    let opened = vector("keyfile.json");
    let recorded = recorded(&opened.object, opened.version.version);
    for length in 0..opened.sealed.wrapped_dek.len() {
        let mut cut = opened.sealed.clone();
        cut.wrapped_dek.truncate(length);
        assert!(opened.ring.open(&opened.context(), &cut, &recorded).is_err(), "data key of {length} bytes");
    }
    for length in 0..opened.sealed.ciphertext.len() {
        let mut cut = opened.sealed.clone();
        cut.ciphertext.truncate(length);
        assert!(opened.ring.open(&opened.context(), &cut, &recorded).is_err(), "value of {length} bytes");
    }
}

#[test]
fn a_value_opens_only_where_it_was_sealed() {
    let opened = vector("keyfile.json");
    let here = opened.context();
    let other_object: ObjectId = "sec_other".parse().expect("an id");
    let later = VersionInfo { version: here.version.version.next(), ..here.version };
    let at_another_time = VersionInfo { created_at: Timestamp::UNIX_EPOCH, ..here.version };
    let no_labels = Labels::default();
    let places = [
        ("vault", SealContext { vault: VaultId::from_bytes([9; 16]), ..here }),
        ("object", SealContext { object: &other_object, ..here }),
        ("version", SealContext { version: later, ..here }),
        ("time", SealContext { version: at_another_time, ..here }),
        ("revealable", SealContext { revealable: !here.revealable, ..here }),
        ("labels", SealContext { labels: &no_labels, ..here }),
    ];
    for (what, there) in places {
        let recorded = recorded(there.object, there.version.version);
        let result = opened.ring.open(&there, &opened.sealed, &recorded);
        assert_eq!(result.err(), Some(OpenError::Altered), "{what}");
        assert_eq!(opened.ring.verify(&there, &opened.sealed), Err(OpenError::Altered), "{what}");
    }
    assert_eq!(opened.ring.verify(&here, &opened.sealed), Ok(()));
}

#[test]
fn a_value_that_the_log_does_not_account_for_stays_sealed() {
    let opened = vector("keyfile.json");
    let of_another_version = recorded(&opened.object, opened.version.version.next());
    let result = opened.ring.open(&opened.context(), &opened.sealed, &of_another_version);
    assert_eq!(result.err(), Some(OpenError::NotRecorded));
}

#[test]
fn a_key_encryption_key_cannot_stand_for_another() {
    let vault = VaultId::from_bytes([3; 16]);
    let (root, _) = root::make(&passphrase("one"), vault).expect("a root key");
    let (mut one, other) = (root.make_kek().expect("a key"), root.make_kek().expect("a key"));
    one.wrapped = other.wrapped;
    assert!(matches!(root.unwrap_ring(&[one]), Err(KeyError::AlteredKek { .. })));
}

#[test]
fn the_wrong_passphrase_is_named_as_the_cause() {
    let vault = VaultId::from_bytes([3; 16]);
    let (_, wrap) = root::make(&passphrase("right"), vault).expect("a root key");
    let error = root::unwrap(&passphrase("mistyped-hunter2"), vault, &[wrap]).err().expect("refused").to_string();
    assert!(error.contains("the passphrase does not open this vault"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[allow(clippy::disallowed_methods, reason = "whoever runs the test says whether a missing vector is made")]
fn vector(name: &str) -> Opened {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sealed/v1").join(name);
    if std::env::var_os("AMPOULE_REGENERATE").is_some() && !path.exists() {
        fs::write(&path, serde_json::to_string_pretty(&make(name)).expect("JSON")).expect("written");
    }
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    open(&serde_json::from_str(&text).expect("a vector"))
}

fn open(vector: &Vector) -> Opened {
    let vault = vector.vault_id.parse().expect("a vault id");
    let wrap = RootWrap {
        provider: vector.provider.clone(),
        parameters: vector.root_parameters.clone(),
        wrapped: bytes(&vector.root_wrapped),
    };
    let root = match vector.provider.as_str() {
        "keyfile" => root::unwrap(&keyfile(&vector.provider_secret), vault, &[wrap]),
        _ => root::unwrap(&passphrase(&vector.provider_secret), vault, &[wrap]),
    };
    let id = KekId::from_bytes(bytes(&vector.kek_id).try_into().expect("16 bytes"));
    let kek = WrappedKek { id, state: KekState::Active, wrapped: bytes(&vector.kek_wrapped) };
    let labels = vector.labels.iter().map(|(name, value)| Label::new(name, value).expect("a label")).collect();
    let version = Version::new(vector.version).expect("a version");
    Opened {
        ring: root.expect("the root key").unwrap_ring(&[kek]).expect("the ring"),
        vault,
        object: vector.object_id.parse().expect("an id"),
        version: VersionInfo { version, created_at: vector.created_at },
        revealable: vector.revealable,
        labels: Labels::new(labels).expect("labels"),
        sealed: SealedValue { wrapped_dek: bytes(&vector.wrapped_dek), ciphertext: bytes(&vector.ciphertext) },
        value: vector.value.clone(),
    }
}

fn make(name: &str) -> Vector {
    let vault = VaultId::from_bytes(*b"ampoule-vectors1");
    let (provider, provider_secret) = if name == "keyfile.json" {
        ("keyfile", "ampoule-keyfile-v1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")
    } else {
        ("passphrase", "correct horse battery staple")
    };
    let (root, wrap) = match provider {
        "keyfile" => root::make(&keyfile(provider_secret), vault),
        _ => root::make(&passphrase(provider_secret), vault),
    }
    .expect("a root key");
    let kek = root.make_kek().expect("a key");
    let labels = Labels::new(vec![Label::new("env", "prod").expect("a label")]).expect("labels");
    let object: ObjectId = "sec_abcdefghij234567abcd".parse().expect("an id");
    let created_at: Timestamp = "2026-01-02T03:04:05.000006Z".parse().expect("a time");
    let version = VersionInfo { version: Version::new(3).expect("a version"), created_at };
    let value = "p\u{e4}ss\n\"word\" of version 1";
    let context = SealContext { vault, object: &object, version, revealable: true, labels: &labels };
    let ring = root.unwrap_ring(std::slice::from_ref(&kek)).expect("the ring");
    let sealed = ring.seal(&context, &SecretBytes::from(value.to_owned())).expect("sealed");
    Vector {
        vault_id: vault.to_string(),
        provider: provider.to_owned(),
        provider_secret: provider_secret.to_owned(),
        root_parameters: wrap.parameters,
        root_wrapped: hex(&wrap.wrapped),
        kek_id: hex(kek.id.as_bytes()),
        kek_wrapped: hex(&kek.wrapped),
        object_id: object.to_string(),
        version: 3,
        created_at,
        revealable: true,
        labels: vec![("env".to_owned(), "prod".to_owned())],
        wrapped_dek: hex(&sealed.wrapped_dek),
        ciphertext: hex(&sealed.ciphertext),
        value: value.to_owned(),
    }
}

/// A proof as only a real store makes it.
fn recorded(object: &ObjectId, version: Version) -> Recorded {
    let folder = tempfile::tempdir().expect("a folder");
    let path: PathBuf = folder.path().join("vault.db");
    let store = Store::new(Sqlite::open(&path, VaultId::from_bytes([1; 16])).expect("a store"));
    let entry = Entry {
        action: Action::Inject.into(),
        actor: Actor(Caller { identity: Identity::Daemon, request: RequestId::new(0) }),
        subject: Some(Subject::Object { id: object.clone(), version: Some(version) }),
        outcome: Outcome::Ok,
        attributes: Attributes::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(store.write(move |tx| tx.append(&entry))).expect("recorded").1
}

fn keyfile(text: &str) -> Keyfile {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("root.key");
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).expect("mode");
    Keyfile::read(&path).expect("a keyfile")
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(Zeroizing::new(text.as_bytes().to_vec())).expect("a passphrase")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hexadecimal")).collect()
}
