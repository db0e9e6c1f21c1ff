//! Calls, typed and raw.

use std::path::{Path, PathBuf};

use ampoule_proto::messages::ampoule::v1::{
    ListEntriesRequest, ListEntriesResponse, ResolveRequest, ResolveResponse, ResolvedSecret, SecretReference,
};
use ampoule_proto::messages::namespace::cloud::vault::v1beta::{
    CreateObjectRequest, DeleteObjectRequest, DescribeObjectRequest, DescribeObjectResponse, ListObjectsRequest,
    ListObjectsResponse, UpdateObjectRequest, VaultObjectMetadata,
};
use ampoule_proto::messages::namespace::stdlib::LabelFilterEntry;
use buffa::{Message, MessageField};
use buffa_types::google::protobuf::Empty;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::http::{Answer, post};
use super::{grpc, messages};

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    ConnectJson,
    ConnectProto,
    Grpc,
    GrpcWeb,
}

/// An error of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// A client of one socket.
pub(crate) struct Client {
    socket: PathBuf,
    protocol: Protocol,
}

const VAULT: &str = "/namespace.cloud.vault.v1beta.VaultService";

impl Client {
    pub(crate) fn new(socket: &Path, protocol: Protocol) -> Self {
        Self { socket: socket.to_owned(), protocol }
    }

    pub(crate) fn create(&self, request: &CreateObjectRequest) -> Result<VaultObjectMetadata, Failure> {
        self.call(&format!("{VAULT}/CreateObject"), request)
    }

    /// Stores a value that isn't revealable; the new secret's id.
    #[track_caller]
    pub(crate) fn add(&self, value: &str) -> String {
        self.create(&messages::secret(value)).expect("created").object_id
    }

    pub(crate) fn update(&self, id: &str, value: &str, expected: &str) -> Result<VaultObjectMetadata, Failure> {
        let (object_id, if_version_matches) = (id.to_owned(), expected.to_owned());
        let request = UpdateObjectRequest { object_id, new_value: value.into(), if_version_matches };
        self.call(&format!("{VAULT}/UpdateObject"), &request)
    }

    pub(crate) fn describe(&self, id: &str) -> Result<DescribeObjectResponse, Failure> {
        let request = DescribeObjectRequest { object_id: id.to_owned() };
        self.call(&format!("{VAULT}/DescribeObject"), &request)
    }

    pub(crate) fn list(&self, label_filter: Vec<LabelFilterEntry>) -> Result<Vec<VaultObjectMetadata>, Failure> {
        let request = ListObjectsRequest { label_filter };
        let listed: ListObjectsResponse = self.call(&format!("{VAULT}/ListObjects"), &request)?;
        Ok(listed.objects)
    }

    pub(crate) fn delete(&self, id: &str, expected: &str) -> Result<(), Failure> {
        let (object_id, if_version_matches) = (id.to_owned(), expected.to_owned());
        let request = DeleteObjectRequest { object_id, if_version_matches };
        self.call(&format!("{VAULT}/DeleteObject"), &request).map(|Empty { .. }| ())
    }

    /// What the shim asks for the container `web`.
    pub(crate) fn resolve(&self, references: Vec<SecretReference>) -> Result<Vec<ResolvedSecret>, Failure> {
        let container = MessageField::some(messages::container());
        let request = ResolveRequest { container, references, ..ResolveRequest::default() };
        let resolved: ResolveResponse = self.call("/ampoule.v1.InjectionService/Resolve", &request)?;
        Ok(resolved.secrets)
    }

    /// The audit log, oldest entry first.
    #[track_caller]
    pub(crate) fn audit(&self) -> Vec<Value> {
        let mut entries = Vec::new();
        loop {
            let first_index = entries.len().try_into().expect("a number");
            let request = ListEntriesRequest { first_index, ..Default::default() };
            let page = self.call("/ampoule.v1.AuditService/ListEntries", &request);
            let page: ListEntriesResponse = page.expect("the log");
            if page.entries.is_empty() {
                return entries;
            }
            entries.extend(page.entries.iter().map(|row| serde_json::from_str::<Value>(&row.entry).expect("JSON")));
        }
    }

    /// Whether every request is sent as one of a stream.
    pub(crate) fn is_streaming(&self) -> bool {
        matches!(self.protocol, Protocol::Grpc | Protocol::GrpcWeb)
    }

    /// Sends bytes as they are; the bytes of the answer.
    pub(crate) fn send(&self, path: &str, body: &[u8]) -> Result<Vec<u8>, Failure> {
        let (http2, media, body) = match self.protocol {
            Protocol::ConnectJson => (false, "application/json", body.to_vec()),
            Protocol::ConnectProto => (false, "application/proto", body.to_vec()),
            Protocol::Grpc => (true, "application/grpc", grpc::frame(body)),
            Protocol::GrpcWeb => (false, "application/grpc-web+proto", grpc::frame(body)),
        };
        let headers = match self.protocol {
            Protocol::Grpc => ("te", "trailers"),
            Protocol::GrpcWeb => ("x-grpc-web", "1"),
            Protocol::ConnectJson | Protocol::ConnectProto => ("connect-protocol-version", "1"),
        };
        let answer = post(&self.socket, http2, path, &[("content-type", media), headers], body);
        match self.protocol {
            Protocol::Grpc | Protocol::GrpcWeb => grpc::message(&answer),
            Protocol::ConnectJson | Protocol::ConnectProto => unary(&answer, media),
        }
    }

    fn call<Q, A>(&self, path: &str, request: &Q) -> Result<A, Failure>
    where
        Q: Message + Serialize,
        A: Message + DeserializeOwned,
    {
        if self.protocol == Protocol::ConnectJson {
            let answer = self.send(path, &serde_json::to_vec(request).expect("JSON"))?;
            return Ok(serde_json::from_slice(&answer).expect("JSON of the message"));
        }
        let answer = self.send(path, &request.encode_to_vec())?;
        Ok(A::decode_from_slice(&answer).expect("the message"))
    }
}

/// A Connect error is JSON, whatever the request was.
fn unary(answer: &Answer, media: &str) -> Result<Vec<u8>, Failure> {
    if answer.status == 200 {
        assert_eq!(answer.header("content-type"), media);
        return Ok(answer.body.to_vec());
    }
    assert_eq!(answer.header("content-type"), "application/json", "status {}", answer.status);
    let error: Value = serde_json::from_slice(&answer.body).expect("a Connect error");
    let text = |field: &str| error[field].as_str().unwrap_or_default().to_owned();
    Err(Failure { code: text("code"), message: text("message") })
}

/// Fails unless it was refused with this code and a message that names all of this.
#[track_caller]
pub(crate) fn refused<T>(what: &str, result: Result<T, Failure>, code: &str, named: &[&str]) {
    let failure = result.err().unwrap_or_else(|| panic!("{what}: it was done"));
    assert_eq!(failure.code, code, "{what}: {}", failure.message);
    for part in named {
        assert!(failure.message.contains(part), "{what}: \"{part}\" is not in: {}", failure.message);
    }
}
