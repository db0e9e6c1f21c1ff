//! `namespace.cloud.vault.v1beta.VaultService`.

use ampoule_proto::messages::namespace::cloud::vault::v1beta::{
    CreateObjectRequest, DeleteObjectRequest, DescribeObjectRequest, DescribeObjectResponse, ListObjectsRequest,
    ListObjectsResponse, UpdateObjectRequest, VaultObjectMetadata,
};
use ampoule_proto::services::vault_v1beta::VaultService;
use buffa::MessageField;
use buffa_types::google::protobuf::Empty;
use connectrpc::{RequestContext, Response, ServiceRequest, ServiceResult};

use super::convert::{field, filter, invalid, labels, metadata, optional_version, secret_text, value};
use super::{error::connect_error, principal};
use crate::authz::Principal;
use crate::domain::{Description, Object, Version};
use crate::vault::{Disclosure, NewObject, StillHeld, Vault};

/// A request header that asks `DescribeObject` for metadata only: the value is then not opened at all.
const METADATA_ONLY: &str = "ampoule-metadata-only";

/// A header of `UpdateObject`'s and `DeleteObject`'s answers, if containers hold other versions: how many, and which.
const STILL_HELD: &str = "ampoule-still-held";

pub(super) struct VaultApi {
    vault: Vault,
}

impl VaultApi {
    pub(super) fn new(vault: Vault) -> Self {
        Self { vault }
    }
}

impl VaultService for VaultApi {
    async fn create_object(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, CreateObjectRequest>,
    ) -> ServiceResult<VaultObjectMetadata> {
        let principal = principal(&context)?;
        let request = request.to_owned_message();
        let new = NewObject {
            description: Description::new(request.description).map_err(invalid)?,
            value: value(request.value)?,
            revealable: request.revealable,
            labels: labels(&request.labels)?,
        };
        let object = self.vault.create(&principal, new).await.map_err(|error| connect_error(&error))?;
        Response::ok(metadata(&object, object.current))
    }

    async fn update_object(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, UpdateObjectRequest>,
    ) -> ServiceResult<VaultObjectMetadata> {
        let principal = principal(&context)?;
        let request = request.to_owned_message();
        let id = field("object_id", &request.object_id)?;
        let expected = optional_version("if_version_matches", &request.if_version_matches)?;
        let value = value(request.new_value)?;
        let object = self.vault.update(&principal, id, value, expected).await.map_err(|error| connect_error(&error))?;
        let response = Response::new(metadata(&object, object.current));
        Ok(self.tell_who_holds(response, &principal, &object, Some(object.current.version)).await)
    }

    async fn describe_object(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, DescribeObjectRequest>,
    ) -> ServiceResult<DescribeObjectResponse> {
        let principal = principal(&context)?;
        let id = field("object_id", request.object_id)?;
        let disclosure = match context.header(METADATA_ONLY) {
            Some(_) => Disclosure::MetadataOnly,
            None => Disclosure::ValueIfRevealable,
        };
        let found = self.vault.describe(&principal, id, disclosure).await.map_err(|error| connect_error(&error))?;
        Response::ok(DescribeObjectResponse {
            metadata: MessageField::some(metadata(&found.object, found.object.current)),
            value: found.value.as_ref().map(secret_text).transpose()?.unwrap_or_default(),
            previous: found.previous.iter().map(|version| metadata(&found.object, *version)).collect(),
        })
    }

    async fn list_objects(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, ListObjectsRequest>,
    ) -> ServiceResult<ListObjectsResponse> {
        let principal = principal(&context)?;
        let filter = filter(request.to_owned_message().label_filter)?;
        let objects = self.vault.list(&principal, filter).await.map_err(|error| connect_error(&error))?;
        let objects = objects.iter().map(|object| metadata(object, object.current)).collect();
        Response::ok(ListObjectsResponse { objects })
    }

    async fn delete_object(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, DeleteObjectRequest>,
    ) -> ServiceResult<Empty> {
        let principal = principal(&context)?;
        let id = field("object_id", request.object_id)?;
        let expected = optional_version("if_version_matches", request.if_version_matches)?;
        let object = self.vault.delete(&principal, id, expected).await.map_err(|error| connect_error(&error))?;
        Ok(self.tell_who_holds(Response::new(Empty::default()), &principal, &object, None).await)
    }
}

impl VaultApi {
    /// The answer to a change, with what containers hold other than what counts now. The change is made: that this can't be
    /// told is no failure.
    async fn tell_who_holds<T>(
        &self,
        response: Response<T>,
        principal: &Principal,
        object: &Object,
        counts: Option<Version>,
    ) -> Response<T> {
        match self.vault.still_held(principal, object, counts).await {
            Ok(Some(held)) => response.with_header(STILL_HELD, still_held(&held)),
            Ok(None) => response,
            Err(error) => {
                tracing::warn!(error = error.to_string(), "the inventory of containers can't be read");
                response
            }
        }
    }
}

/// Such as `2; versions=1,3`.
fn still_held(held: &StillHeld) -> String {
    let versions: Vec<String> = held.versions.iter().map(ToString::to_string).collect();
    format!("{}; versions={}", held.containers, versions.join(","))
}
