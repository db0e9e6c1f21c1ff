//! Whoever calls: a user of the host, or the holder of a token.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::process;
use super::programs;
use super::rpc::{Rpc, RpcError};
use super::streaming;

/// A caller on the daemon's socket.
pub(crate) enum Caller {
    /// A process of this user and its group.
    User { uid: u32, socket: PathBuf },
    /// A process of root's that shows a token.
    Token(Rpc),
}

impl Caller {
    pub(crate) fn user(uid: u32, socket: &Path) -> Self {
        Self::User { uid, socket: socket.to_owned() }
    }

    pub(crate) fn token(token: &str, socket: &Path) -> Self {
        Self::Token(Rpc::with_token(socket, token))
    }

    /// Calls `package.Service/Method`.
    #[track_caller]
    pub(crate) fn call(&mut self, method: &str, request: &Value) -> Result<Value, RpcError> {
        match self {
            Self::User { uid, socket } => curl(*uid, socket, method, request),
            Self::Token(rpc) => rpc.call(method, request),
        }
    }
}

#[track_caller]
fn curl(uid: u32, socket: &Path, method: &str, request: &Value) -> Result<Value, RpcError> {
    let mut command = Command::new(programs::system("setpriv", "util-linux"));
    command.arg(format!("--reuid={uid}")).arg(format!("--regid={uid}")).arg("--clear-groups").arg("--");
    command.arg(programs::system("curl", "curl")).args(["--silent", "--show-error", "--data-binary", "@-"]);
    let (media, body) = streaming::body(method, request);
    command.arg("--header").arg(format!("content-type: {media}")).arg("--unix-socket").arg(socket);
    command.arg(format!("http://localhost/{method}")).env_clear();
    let answer = streaming::answer(method, &process::run(&mut command, &body).ok().stdout).expect("JSON");
    let text = |field: &str| answer[field].as_str().map(str::to_owned);
    match text("code") {
        Some(code) => Err(RpcError { code, message: text("message").unwrap_or_default() }),
        None => Ok(answer),
    }
}
