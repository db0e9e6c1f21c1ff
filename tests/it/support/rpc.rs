//! A client of the daemon: Connect's JSON over HTTP/1.1 on the unix socket, one connection, one call at a time.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::streaming;

const TOKENS: &str = "namespace.cloud.iam.v1beta.TokenService";
const VAULT: &str = "namespace.cloud.vault.v1beta.VaultService";
/// Far more than any call needs; only a hang reaches it.
const HANG: Duration = Duration::from_mins(1);

/// A connection.
pub(crate) struct Rpc {
    stream: BufReader<UnixStream>,
    /// The value of the `Authorization` header, if there is one.
    authorization: Option<String>,
}

/// What the daemon answered in place of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RpcError {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl Rpc {
    pub(crate) fn new(socket: &Path) -> Self {
        Self::connect(socket).unwrap_or_else(|error| panic!("{}: {error}", socket.display()))
    }

    fn connect(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(HANG))?;
        Ok(Self { stream: BufReader::new(stream), authorization: None })
    }

    /// One that shows a token.
    pub(crate) fn with_token(socket: &Path, token: &str) -> Self {
        Self { authorization: Some(format!("Bearer {token}")), ..Self::new(socket) }
    }

    /// Calls `package.Service/Method`; a daemon that goes away in the middle of it fails the test.
    #[track_caller]
    pub(crate) fn call(&mut self, method: &str, request: &Value) -> Result<Value, RpcError> {
        self.try_call(method, request).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// The same for a test that kills the daemon: the outer error says that no answer came.
    pub(crate) fn try_call(&mut self, method: &str, request: &Value) -> io::Result<Result<Value, RpcError>> {
        let (media, body) = streaming::body(method, request);
        let authorization = self.authorization.as_ref().map(|text| format!("Authorization: {text}\r\n"));
        let head = format!(
            "POST /{method} HTTP/1.1\r\nHost: ampoule\r\nContent-Type: {media}\r\nContent-Length: {}\r\n{}\r\n",
            body.len(),
            authorization.unwrap_or_default()
        );
        self.stream.get_mut().write_all([head.as_bytes(), &body].concat().as_slice())?;
        let (status, answer) = self.answer()?;
        let answer = streaming::answer(method, &answer)?;
        if status == 200 && answer["code"].is_null() {
            return Ok(Ok(answer));
        }
        let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
        Ok(Err(RpcError { code: text("code"), message: text("message") }))
    }

    fn answer(&mut self) -> io::Result<(u16, Vec<u8>)> {
        let status = self.line()?.split(' ').nth(1).and_then(|code| code.parse().ok());
        let mut headers = Vec::new();
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            headers.push(line);
        }
        let header = |name: &str| headers.iter().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let body = match (header("content-length:"), header("transfer-encoding:")) {
            (Some(length), None) => self.exactly(length.parse().map_err(io::Error::other)?),
            (None, Some("chunked")) => self.chunks(),
            framing => Err(io::Error::other(format!("an answer framed by {framing:?}"))),
        };
        Ok((status.ok_or_else(|| io::Error::other("no status"))?, body?))
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let length = usize::from_str_radix(&self.line()?, 16).map_err(io::Error::other)?;
            body.extend(self.exactly(length)?);
            self.line()?;
            if length == 0 {
                return Ok(body);
            }
        }
    }

    fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        line.strip_suffix("\r\n").map(str::to_owned).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// The calls that the tests make.
impl Rpc {
    /// Calls a method of `VaultService`.
    #[track_caller]
    pub(crate) fn vault(&mut self, method: &str, request: &Value) -> Result<Value, RpcError> {
        self.call(&format!("{VAULT}/{method}"), request)
    }

    /// The same for a test that kills the daemon.
    pub(crate) fn try_vault(&mut self, method: &str, request: &Value) -> io::Result<Result<Value, RpcError>> {
        self.try_call(&format!("{VAULT}/{method}"), request)
    }

    /// Makes a token of this name with these grants, `type:id:actions` each; what the daemon answered.
    #[track_caller]
    pub(crate) fn make_token(&mut self, name: &str, grants: &[&str]) -> Result<Value, RpcError> {
        self.tokens("CreateRevokableToken", &json!({ "name": name, "access": { "grants": permissions(grants) } }))
    }

    /// Calls a method of `TokenService`.
    #[track_caller]
    pub(crate) fn tokens(&mut self, method: &str, request: &Value) -> Result<Value, RpcError> {
        self.call(&format!("{TOKENS}/{method}"), request)
    }

    /// Stores a new secret; its id.
    #[track_caller]
    pub(crate) fn create(&mut self, request: &Value) -> String {
        let made = self.vault("CreateObject", request).expect("created");
        made["objectId"].as_str().expect("objectId").to_owned()
    }

    #[track_caller]
    pub(crate) fn describe(&mut self, id: &str) -> Result<Value, RpcError> {
        self.vault("DescribeObject", &json!({ "object_id": id }))
    }

    /// The value of one secret, as a container gets it.
    #[track_caller]
    pub(crate) fn resolve(&mut self, id: &str) -> Result<String, RpcError> {
        self.resolve_all(&[(id, "")]).map(|mut values| values.remove(0))
    }

    /// The values of these secrets and versions, all or none; an empty version is the current one.
    #[track_caller]
    pub(crate) fn resolve_all(&mut self, wanted: &[(&str, &str)]) -> Result<Vec<String>, RpcError> {
        let references: Vec<Value> = wanted
            .iter()
            .enumerate()
            .map(|(place, (id, version))| json!({ "name": format!("V{place}"), "object_id": id, "version": version }))
            .collect();
        let request = json!({ "container": { "id": "a-test" }, "references": references });
        let answer = self.call("ampoule.v1.InjectionService/Resolve", &request)?;
        let secrets = answer["secrets"].as_array().expect("secrets");
        assert_eq!(secrets.len(), wanted.len());
        Ok(secrets.iter().map(|secret| secret["value"].as_str().expect("value").to_owned()).collect())
    }

    /// The audit log from an index on, only about one secret if named; and the index to go on at.
    #[track_caller]
    pub(crate) fn audit(&mut self, first: u64, id: &str) -> (Vec<Value>, u64) {
        let (mut entries, mut next) = (Vec::new(), first);
        loop {
            let request = json!({ "first_index": next.to_string(), "object_id": id });
            let page = self.call("ampoule.v1.AuditService/ListEntries", &request).expect("entries");
            let found = page["entries"].as_array().map_or(&[][..], Vec::as_slice);
            let parse = |item: &Value| serde_json::from_str(item["entry"].as_str().expect("entry")).expect("JSON");
            entries.extend(found.iter().map(parse).collect::<Vec<Value>>());
            next = page["nextIndex"].as_str().map_or(next, |index| index.parse().expect("an index"));
            if found.len() < 1000 {
                return (entries, next);
            }
        }
    }
}

/// Grants as the wire has them.
pub(crate) fn permissions(grants: &[&str]) -> Vec<Value> {
    let permission = |grant: &&str| {
        let (kind, rest) = grant.split_once(':').expect("a type");
        let (id, verbs) = rest.rsplit_once(':').expect("actions");
        json!({ "resource_type": kind, "resource_id": id, "actions": verbs.split(',').collect::<Vec<_>>() })
    };
    grants.iter().map(permission).collect()
}
