//! Keys, and the envelope that a value lies in at rest.
//!
//! `root provider → root key → key-encryption keys → one data key per version → value`, AES-256-GCM (NIST SP 800-38D)
//! at each step with random 96-bit nonces. A value is opened only with the proof that its audit entry is durable.

mod aead;
mod audit_key;
mod context;
mod envelope;
mod error;
mod key;
mod log_seal;
mod ring;
pub mod root;
#[cfg(test)]
mod tests;
mod voucher;

pub use context::SealContext;
pub use error::{KeyError, OpenError};
pub use key::Key;
pub use log_seal::{LogSeal, LogTag, Sum};
pub use ring::{KeyRing, RootKey};
pub use voucher::Voucher;
