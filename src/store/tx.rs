//! What a job can do inside its transaction.

use super::StoreError;
use crate::audit::{Entry, Frontier, Nodes};
use crate::authz::{Grant, Revocation, Token, TokenHash};
use crate::domain::devbox::DevboxName;
use crate::domain::{
    ActorId, Container, Injection, Instance, InstanceId, Object, ObjectId, Process, RequestId, RootWrap, SealedValue,
    Timestamp, TokenId, TokenName, VaultId, Version, VersionInfo, WrappedAuditKey, WrappedKek,
};
use crate::seal::Voucher;

/// Reading, on one consistent snapshot.
pub trait ReadTx: Nodes<Error = StoreError> {
    /// Which vault this is.
    fn vault_id(&self) -> VaultId;

    /// A secret, deleted or not.
    fn object(&mut self, id: &ObjectId) -> Result<Option<Object>, StoreError>;

    /// Every secret that is not deleted, oldest first.
    fn objects(&mut self) -> Result<Vec<Object>, StoreError>;

    /// Secrets that are not deleted, each with its place, in this order: those behind the one of a place, or from the first on;
    /// so many at most, and fewer only if there are no more.
    fn some_objects(
        &mut self,
        order: ObjectOrder,
        behind: Option<u64>,
        most: u32,
    ) -> Result<Vec<(u64, Object)>, StoreError>;

    /// The newest versions before this one, newest first.
    fn versions_before(&mut self, id: &ObjectId, before: Version, most: u32) -> Result<Vec<VersionInfo>, StoreError>;

    /// One version with its value at rest.
    fn version(&mut self, id: &ObjectId, version: Version) -> Result<Option<StoredVersion>, StoreError>;

    /// The last entry of the log that changed this secret.
    fn last_mutation(&mut self, id: &ObjectId) -> Result<Option<Mutation>, StoreError>;

    /// Entries of the log from an index on, only about one secret if named.
    fn entries(&mut self, first: u64, most: u32, object: Option<&ObjectId>) -> Result<Vec<AuditRow>, StoreError>;

    /// Entries of the log before an index, newest first, only about one secret if named.
    fn entries_before(
        &mut self,
        before: u64,
        most: u32,
        object: Option<&ObjectId>,
    ) -> Result<Vec<AuditRow>, StoreError>;

    /// The index of the first entry of this time or later; the number of entries if there is none.
    fn first_entry_since(&mut self, at: Timestamp) -> Result<u64, StoreError>;

    /// The number of entries.
    fn log_size(&mut self) -> Result<u64, StoreError>;

    /// The newest checkpoint of the log, as a signed note.
    fn last_checkpoint(&mut self) -> Result<Option<String>, StoreError>;

    /// The checkpoints of these sizes, both included, as signed notes; so many at most, the smallest first.
    fn checkpoints(&mut self, first: u64, last: u64, most: u32) -> Result<Vec<(u64, String)>, StoreError>;

    /// The size that the newest checkpoint is of.
    fn last_checkpoint_size(&mut self) -> Result<Option<u64>, StoreError>;

    /// The key that signs checkpoints.
    fn audit_key(&mut self) -> Result<Option<WrappedAuditKey>, StoreError>;

    /// A token, whether it counts or not.
    fn token(&mut self, id: &TokenId) -> Result<Option<Token>, StoreError>;

    /// The token of this hash, whether it counts or not, with what vouches for its row.
    fn token_of(&mut self, hash: &TokenHash) -> Result<Option<(Token, Voucher)>, StoreError>;

    /// Tokens after a place, oldest first, each with its own place.
    fn tokens_after(&mut self, place: u64, most: u32) -> Result<Vec<(u64, Token)>, StoreError>;

    /// Every token that has or had this name.
    fn tokens_named(&mut self, name: &TokenName) -> Result<Vec<Token>, StoreError>;

    /// Every token that this one made, oldest first.
    fn tokens_made_by(&mut self, creator: &ActorId) -> Result<Vec<Token>, StoreError>;

    /// What the log says was done last to a token; nothing if it knows none of that id.
    fn last_token_mutation(&mut self, id: &TokenId) -> Result<Option<TokenMutation>, StoreError>;

    /// An instance, whether it has ended or not.
    fn instance(&mut self, id: &InstanceId) -> Result<Option<Instance>, StoreError>;

    /// The devbox of this name that has not ended.
    fn devbox(&mut self, name: &DevboxName) -> Result<Option<Instance>, StoreError>;

    /// Every devbox that has not ended, oldest first.
    fn devboxes(&mut self) -> Result<Vec<Instance>, StoreError>;

    /// Instances, newest first: those before an id, so many at most, and those that have ended only if asked for.
    fn instances(
        &mut self,
        before: Option<&InstanceId>,
        most: u32,
        ended_too: bool,
    ) -> Result<Vec<Instance>, StoreError>;

    /// The inventory of what containers have: so many entries at most, those after this one in an order that is theirs alone.
    fn injections_after(&mut self, last: Option<RequestId>, most: u32) -> Result<Vec<Injection>, StoreError>;

    /// One entry of the inventory.
    fn injection(&mut self, id: RequestId) -> Result<Option<Injection>, StoreError>;

    /// The wraps of the root key.
    fn root_wraps(&mut self) -> Result<Vec<RootWrap>, StoreError>;

    /// The key-encryption keys.
    fn keks(&mut self) -> Result<Vec<WrappedKek>, StoreError>;
}

/// Reading and writing. What changes a secret or a token wants the grant for it.
pub trait WriteTx: ReadTx {
    /// The time of this transaction; never before that of an earlier one.
    fn now(&self) -> Timestamp;

    /// Changes something that means nothing, to see that writing works.
    fn probe(&mut self) -> Result<(), StoreError>;

    /// Appends to the log.
    fn append(&mut self, entry: &Entry) -> Result<(), StoreError>;

    /// The tree over the log, with the entries that this transaction has appended.
    fn log_tree(&self) -> &Frontier;

    /// Keeps a checkpoint, a signed note, of the log at this size; never at an earlier one than the last.
    fn insert_checkpoint(&mut self, size: u64, note: &str) -> Result<(), StoreError>;

    /// Stores a new secret with its first version.
    fn insert_object(&mut self, grant: &Grant, object: &Object, sealed: &SealedValue) -> Result<(), StoreError>;

    /// Stores a new version and makes it the current one.
    fn insert_version(
        &mut self,
        grant: &Grant,
        id: &ObjectId,
        info: VersionInfo,
        sealed: &SealedValue,
    ) -> Result<(), StoreError>;

    /// Destroys the values of the versions before this one; their metadata stays.
    fn destroy_versions_before(&mut self, grant: &Grant, id: &ObjectId, first_kept: Version) -> Result<(), StoreError>;

    /// Marks a secret deleted and destroys the values of all its versions, up to the current one.
    fn delete_object(&mut self, grant: &Grant, id: &ObjectId, current: Version) -> Result<(), StoreError>;

    /// Stores a new token.
    fn insert_token(
        &mut self,
        grant: &Grant,
        token: &Token,
        hash: &TokenHash,
        voucher: &Voucher,
    ) -> Result<(), StoreError>;

    /// Marks a token revoked.
    fn revoke_token(&mut self, grant: &Grant, id: &TokenId, revocation: &Revocation) -> Result<(), StoreError>;

    /// Stores an instance, in the place of what was stored of it before.
    fn put_instance(&mut self, instance: &Instance) -> Result<(), StoreError>;

    /// Adds to the inventory what the last `entries` entries of the log tell, in a run of the machine (its `boot_id`).
    fn insert_injection(
        &mut self,
        id: RequestId,
        entries: usize,
        container: &Container,
        boot: &str,
    ) -> Result<(), StoreError>;

    /// Notes the first process of an injection's container.
    fn confirm_injection(&mut self, id: RequestId, init: Process) -> Result<(), StoreError>;

    /// Removes from the inventory what is there.
    fn remove_injection(&mut self, id: RequestId) -> Result<(), StoreError>;

    /// Adds a wrap of the root key.
    fn insert_root_wrap(&mut self, wrap: &RootWrap) -> Result<(), StoreError>;

    /// Adds the key that signs checkpoints.
    fn insert_audit_key(&mut self, key: &WrappedAuditKey) -> Result<(), StoreError>;

    /// Adds a key-encryption key.
    fn insert_kek(&mut self, kek: &WrappedKek) -> Result<(), StoreError>;

    /// Puts another wrap in the place of a key-encryption key's own.
    fn rewrap_kek(&mut self, kek: &WrappedKek) -> Result<(), StoreError>;
}

/// An order of secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectOrder {
    /// As they were made.
    Oldest,
    /// The other way round.
    Newest,
    /// By their ids.
    Id,
    /// By their descriptions, whatever the case; those without one last.
    Description,
    /// By their current versions, the highest first.
    Version,
}

/// A version as it lies in the store.
pub struct StoredVersion {
    /// Its number and time.
    pub info: VersionInfo,
    /// The value at rest, unless it has been destroyed.
    pub sealed: Option<SealedValue>,
}

/// What the log says was done last to a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mutation {
    /// The version that was current afterwards.
    pub version: Version,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// What the log says was done last to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenMutation {
    /// It was made.
    Made,
    /// It was revoked.
    Revoked,
}

/// An entry and its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Its place, from 0.
    pub index: u64,
    /// Its canonical bytes.
    pub entry: Vec<u8>,
}
