//! Signed notes (C2SP `signed-note`): a text and Ed25519 signatures under it, which other log tools read too.

use std::fmt;
use std::io;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::domain::KeyBytes;

/// The number of Ed25519 among the signature types of notes.
const ED25519: u8 = 1;
const SIGNATURE_LINE: &str = "\u{2014} ";

/// Signs notes. No `Debug`: it holds the private key, which is wiped when dropped.
pub struct NoteSigner {
    verifier: NoteVerifier,
    seed: KeyBytes,
}

impl NoteSigner {
    /// The signer of this name, from the seed of its key (RFC 8032, section 5.1.5).
    pub fn new(name: String, seed: &[u8; 32]) -> Self {
        let verifier = NoteVerifier { name, key: SigningKey::from_bytes(seed).verifying_key() };
        let mut kept = KeyBytes::zero();
        kept.expose_mut().copy_from_slice(seed);
        Self { verifier, seed: kept }
    }

    /// Keeps the key out of swap and dumps from now on. One that can't be stays usable.
    pub fn lock(&mut self) -> io::Result<()> {
        self.seed.lock()
    }

    /// What its notes are checked with.
    pub fn verifier(&self) -> NoteVerifier {
        self.verifier.clone()
    }

    /// The note of a text, which ends in a newline.
    pub fn sign(&self, text: &str) -> String {
        let id = self.verifier.key_id();
        // Made anew each time: what lies somewhere for longer is the seed alone.
        let signature = SigningKey::from_bytes(self.seed.expose()).sign(text.as_bytes()).to_bytes();
        let signature = STANDARD.encode([id.as_slice(), &signature].concat());
        format!("{text}\n{SIGNATURE_LINE}{} {signature}\n", self.verifier.name)
    }
}

/// Checks notes: a name and a public key. Written as C2SP writes it: name, key id and key, joined by `+`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteVerifier {
    name: String,
    key: VerifyingKey,
}

impl NoteVerifier {
    /// The verifier of this name with this public key.
    pub fn new(name: String, public: &[u8; 32]) -> Result<Self, InvalidNote> {
        let key = VerifyingKey::from_bytes(public).map_err(|_| InvalidNote::Key)?;
        Ok(Self { name, key })
    }

    /// Whose notes it checks.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public key.
    pub fn public(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The text of a note that this key signed; signatures of others beside it don't matter.
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, InvalidNote> {
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(InvalidNote::Form)?;
        let text = note.get(..=text.len()).ok_or(InvalidNote::Form)?;
        if !signatures.ends_with('\n') {
            return Err(InvalidNote::Form);
        }
        let mut ours = None;
        for line in signatures.lines() {
            let (name, signature) =
                line.strip_prefix(SIGNATURE_LINE).and_then(|line| line.split_once(' ')).ok_or(InvalidNote::Form)?;
            let signature = STANDARD.decode(signature).map_err(|_| InvalidNote::Form)?;
            let (id, signature) = signature.split_first_chunk::<4>().ok_or(InvalidNote::Form)?;
            if name == self.name && *id == self.key_id() {
                ours = ours.or(Some(signature.to_vec()));
            }
        }
        let ours = ours.ok_or_else(|| InvalidNote::Unsigned { name: self.name.clone() })?;
        let signature = Signature::from_slice(&ours).map_err(|_| InvalidNote::Form)?;
        self.key.verify_strict(text.as_bytes(), &signature).map_err(|_| InvalidNote::Signature)?;
        Ok(text)
    }

    fn key_id(&self) -> [u8; 4] {
        let hash = Sha256::new().chain_update(&self.name).chain_update([b'\n', ED25519]).chain_update(self.public());
        let [a, b, c, d, ..] = <[u8; 32]>::from(hash.finalize());
        [a, b, c, d]
    }
}

impl fmt::Display for NoteVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([&[ED25519], self.public().as_slice()].concat());
        write!(f, "{}+{:08x}+{key}", self.name, u32::from_be_bytes(self.key_id()))
    }
}

impl FromStr for NoteVerifier {
    type Err = InvalidNote;

    fn from_str(text: &str) -> Result<Self, InvalidNote> {
        // The key is base64, which has a `+` of its own.
        let mut parts = text.trim_end().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(InvalidNote::Key);
        };
        let key = STANDARD.decode(key).map_err(|_| InvalidNote::Key)?;
        let public = key.strip_prefix(&[ED25519]).and_then(|key| key.try_into().ok()).ok_or(InvalidNote::Key)?;
        let verifier = Self::new(name.to_owned(), public)?;
        let same = u32::from_str_radix(id, 16) == Ok(u32::from_be_bytes(verifier.key_id()));
        if same && !name.is_empty() { Ok(verifier) } else { Err(InvalidNote::Key) }
    }
}

/// Why a note or a key is not what it says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNote {
    /// It is no note.
    #[error("not a signed note: expected a text, an empty line and signature lines")]
    Form,
    /// It is no verifier key.
    #[error("not a verifier key: expected NAME+ID+KEY, as `ampoule audit key` prints it")]
    Key,
    /// This key did not sign it.
    #[error("the note has no signature by the key of {name}")]
    Unsigned {
        /// Whose signature is missing.
        name: String,
    },
    /// The signature is not one of this text.
    #[error("the note's signature does not belong to its text")]
    Signature,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification, made by its reference implementation.
    const EXAMPLE_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const EXAMPLE_TEXT: &str =
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    const EXAMPLE_SIGNATURE: &str = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn the_example_of_the_specification_opens() {
        let verifier: NoteVerifier = EXAMPLE_KEY.parse().expect("a key");
        assert_eq!(verifier.to_string(), EXAMPLE_KEY);
        assert_eq!(verifier.open(&format!("{EXAMPLE_TEXT}\n{EXAMPLE_SIGNATURE}")), Ok(EXAMPLE_TEXT));
    }

    #[test]
    fn a_note_opens_with_its_key_alone_and_unchanged() {
        let signer = NoteSigner::new("ampoule/a".to_owned(), &[7; 32]);
        let (verifier, note) = (signer.verifier(), signer.sign("one\n\ntwo\n"));
        assert_eq!(verifier.open(&note), Ok("one\n\ntwo\n"));
        assert_eq!(verifier.to_string().parse(), Ok(verifier.clone()));
        let other = NoteSigner::new("ampoule/a".to_owned(), &[8; 32]);
        assert!(matches!(other.verifier().open(&note), Err(InvalidNote::Unsigned { .. })));
        assert_eq!(verifier.open(&note.replace("two", "six")), Err(InvalidNote::Signature));
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            let opened = String::from_utf8(bytes).is_ok_and(|note| verifier.open(&note).is_ok());
            assert!(!opened, "opens with a change at {at}");
        }
    }

    #[test]
    fn a_signature_of_somebody_else_beside_it_does_not_matter() {
        let (ours, theirs) = (NoteSigner::new("a".to_owned(), &[1; 32]), NoteSigner::new("b".to_owned(), &[2; 32]));
        let line = theirs.sign("x\n").lines().last().expect("a line").to_owned();
        assert_eq!(ours.verifier().open(&format!("{}{line}\n", ours.sign("x\n"))), Ok("x\n"));
    }
}
