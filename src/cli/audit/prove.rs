//! `ampoule audit prove`.

use ampoule_proto::messages::ampoule::v1::{GetInclusionProofRequest, GetInclusionProofResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::super::client::method;
use super::super::output::print_json;
use super::{CliError, Context};

/// Prove that an entry is in the log: print it, the proof and the signed checkpoint
///
/// contrib/verify_audit.py checks the proof with the public key alone.
#[derive(clap::Args)]
pub(in crate::cli) struct Prove {
    /// The entry's index
    #[arg(value_name = "INDEX")]
    index: u64,
}

/// A proof that can be checked elsewhere.
#[derive(Serialize)]
struct Proof {
    index: u64,
    /// The canonical bytes, which are hashed: a text, not an object.
    entry: String,
    hashes: Vec<String>,
    checkpoint: String,
    verifier_key: String,
}

impl Prove {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let request = GetInclusionProofRequest { index: self.index };
        let proof: GetInclusionProofResponse = context.client()?.call(method::GET_INCLUSION_PROOF, &request)?;
        let entry = proof.entry.into_option().ok_or(CliError::Answer { what: "entry" })?;
        print_json(&Proof {
            index: entry.index,
            entry: entry.entry,
            hashes: proof.hashes.iter().map(|hash| STANDARD.encode(hash)).collect(),
            checkpoint: proof.checkpoint,
            verifier_key: proof.verifier_key,
        })
    }
}
