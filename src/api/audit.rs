//! `ampoule.v1.AuditService`.

use ampoule_proto::messages::ampoule::v1::{AuditEntry, ListEntriesRequest, ListEntriesResponse};
use ampoule_proto::services::ampoule_v1::AuditService;
use connectrpc::{ConnectError, RequestContext, Response, ServiceRequest, ServiceResult};

use super::convert::field;
use super::{error::connect_error, principal};
use crate::store::AuditRow;
use crate::vault::Vault;

pub(super) struct AuditApi {
    vault: Vault,
}

impl AuditApi {
    pub(super) fn new(vault: Vault) -> Self {
        Self { vault }
    }
}

impl AuditService for AuditApi {
    async fn list_entries(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, ListEntriesRequest>,
    ) -> ServiceResult<ListEntriesResponse> {
        let principal = principal(&context)?;
        let object = match request.object_id {
            "" => None,
            id => Some(field("object_id", id)?),
        };
        let page = self.vault.log(&principal, request.first_index, request.max_entries, object).await;
        let page = page.map_err(|error| connect_error(&error))?;
        let entries = page.entries.into_iter().map(entry).collect::<Result<_, _>>()?;
        Response::ok(ListEntriesResponse { entries, next_index: page.next })
    }
}

fn entry(row: AuditRow) -> Result<AuditEntry, ConnectError> {
    let index = row.index;
    let text = String::from_utf8(row.entry);
    let entry = text.map_err(|_| ConnectError::data_loss(format!("audit entry {index} is not UTF-8")))?;
    Ok(AuditEntry { index, entry })
}
