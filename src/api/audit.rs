//! `ampoule.v1.AuditService`.

use ampoule_proto::messages::ampoule::v1::{
    AuditEntry, GetCheckpointRequest, GetCheckpointResponse, GetConsistencyProofRequest, GetConsistencyProofResponse,
    GetInclusionProofRequest, GetInclusionProofResponse, ListEntriesRequest, ListEntriesResponse,
};
use ampoule_proto::services::ampoule_v1::AuditService;
use buffa::MessageField;
use connectrpc::{ConnectError, RequestContext, Response, ServiceRequest, ServiceResult};

use super::convert::{optional, time};
use super::{error::connect_error, principal};
use crate::audit::{EntryFilter, Hash};
use crate::store::AuditRow;
use crate::vault::Vault;

pub(super) struct AuditApi {
    vault: Vault,
}

impl AuditApi {
    pub(super) fn new(vault: Vault) -> Self {
        Self { vault }
    }

    fn verifier_key(&self) -> String {
        self.vault.verifier().to_string()
    }
}

impl AuditService for AuditApi {
    async fn list_entries(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, ListEntriesRequest>,
    ) -> ServiceResult<ListEntriesResponse> {
        let principal = principal(&context)?;
        let request = request.to_owned_message();
        let (first, most) = (request.first_index, request.max_entries);
        let page = self.vault.log(&principal, first, most, filter(request)?).await;
        let page = page.map_err(|error| connect_error(&error))?;
        let entries = page.entries.into_iter().map(entry).collect::<Result<_, _>>()?;
        Response::ok(ListEntriesResponse { entries, next_index: page.next })
    }

    async fn get_checkpoint(
        &self,
        context: RequestContext,
        _: ServiceRequest<'_, GetCheckpointRequest>,
    ) -> ServiceResult<GetCheckpointResponse> {
        let found = self.vault.last_checkpoint(&principal(&context)?).await.map_err(|error| connect_error(&error))?;
        Response::ok(GetCheckpointResponse { checkpoint: found.unwrap_or_default(), verifier_key: self.verifier_key() })
    }

    async fn get_inclusion_proof(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, GetInclusionProofRequest>,
    ) -> ServiceResult<GetInclusionProofResponse> {
        let principal = principal(&context)?;
        let proof = self.vault.prove_inclusion(&principal, request.index).await;
        let proof = proof.map_err(|error| connect_error(&error))?;
        Response::ok(GetInclusionProofResponse {
            entry: MessageField::some(entry(proof.row)?),
            hashes: hashes(&proof.path),
            checkpoint: proof.checkpoint,
            verifier_key: self.verifier_key(),
        })
    }

    async fn get_consistency_proof(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, GetConsistencyProofRequest>,
    ) -> ServiceResult<GetConsistencyProofResponse> {
        let principal = principal(&context)?;
        let proof = self.vault.prove_consistency(&principal, request.old_size).await;
        let proof = proof.map_err(|error| connect_error(&error))?;
        Response::ok(GetConsistencyProofResponse {
            hashes: hashes(&proof.path),
            checkpoint: proof.checkpoint,
            verifier_key: self.verifier_key(),
        })
    }
}

fn filter(wire: ListEntriesRequest) -> Result<EntryFilter, ConnectError> {
    let text = |text: String| Some(text).filter(|text| !text.is_empty());
    Ok(EntryFilter {
        object: optional("object_id", &wire.object_id)?,
        actor: optional("actor", &wire.actor)?,
        action: text(wire.action),
        container: text(wire.container),
        outcome: None,
        since: wire.since.into_option().map(|at| time("since", &at)).transpose()?,
        until: wire.until.into_option().map(|at| time("until", &at)).transpose()?,
    })
}

fn entry(row: AuditRow) -> Result<AuditEntry, ConnectError> {
    let index = row.index;
    let text = String::from_utf8(row.entry);
    let entry = text.map_err(|_| ConnectError::data_loss(format!("audit entry {index} is not UTF-8")))?;
    Ok(AuditEntry { index, entry })
}

fn hashes(path: &[Hash]) -> Vec<Vec<u8>> {
    path.iter().map(|hash| hash.as_bytes().to_vec()).collect()
}
