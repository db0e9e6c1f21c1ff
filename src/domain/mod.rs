//! Secrets, their versions, who asks for them, and what is asked to be started: plain types without input or output.

mod actor;
mod caller;
mod concern;
mod container;
pub mod devbox;
mod filter;
mod injection;
pub mod instance;
mod instance_record;
mod key_bytes;
mod keys;
mod object;
mod rate;
pub mod submitted;
mod token_name;
mod vault_id;

pub use actor::{ActorId, InvalidActorId};
pub use ampoule_proto::id::{EnvName, InvalidId, InvalidLabel, InvalidVersion, Label, ObjectId, Version};
pub use ampoule_proto::request::{FilePath, Reference, Source};
pub use ampoule_proto::secret::SecretBytes;
pub use caller::{Caller, Identity, InvalidRequestId, InvalidTokenId, Origin, Peer, RequestId, TokenId};
pub use concern::Concern;
pub use container::{Container, InvalidContainer};
pub use filter::{LabelCondition, LabelFilter};
pub use injection::{Held, Injection, Process};
pub use instance_record::{Exported, Instance, InstanceId, InvalidInstanceId, Member, Status};
pub use jiff::Timestamp;
pub use key_bytes::KeyBytes;
pub use keys::{KekId, KekState, RootWrap, SealedValue, WrappedAuditKey, WrappedKek};
pub use object::{Description, InvalidObject, Labels, Object, SecretValue, VersionInfo};
pub use rate::Rates;
pub use token_name::{InvalidTokenName, TokenName};
pub use vault_id::VaultId;
