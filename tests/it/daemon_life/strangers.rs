//! Other users on the daemon's socket.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::Home;
use crate::support::process::{self, Ran};
use crate::support::programs;
use crate::support::rpc::{Rpc, permissions};
use crate::support::streaming;
use crate::support::wire::messages::revealable;
use crate::support::wire::{Failure, methods};

/// Neither root nor the daemon's user.
const STRANGER: u32 = 12345;
const UNKNOWN: &str = "sec_abcdefghijklmnopqrst";
const INSTANCE: &str = "inst-0000000000";
const UNKNOWN_TOKEN: &str = "tok_abcdefghijklmnopqrst";

/// Calls as this user and its group.
fn curl(uid: u32, socket: &Path, method: &str, request: &Value) -> Ran {
    let mut command = Command::new(programs::system("setpriv", "util-linux"));
    command.arg(format!("--reuid={uid}")).arg(format!("--regid={uid}")).arg("--clear-groups").arg("--");
    command.arg(programs::system("curl", "curl")).args(["--silent", "--show-error", "--data-binary", "@-"]);
    let (media, body) = streaming::body(method, request);
    command.arg("--header").arg(format!("content-type: {media}")).arg("--unix-socket").arg(socket);
    command.arg(format!("http://localhost{method}")).env_clear();
    process::run(&mut command, &body)
}

pub(super) fn call(uid: u32, socket: &Path, method: &str, request: &Value) -> Result<Value, Failure> {
    let answer = streaming::answer(method, &curl(uid, socket, method, request).ok().stdout).expect("JSON");
    let text = |field: &str| answer[field].as_str().map(str::to_owned);
    match text("code") {
        Some(code) => Err(Failure { code, message: text("message").unwrap_or_default() }),
        None => Ok(answer),
    }
}

/// What an administrator might do in the belief that the socket's mode doesn't matter.
fn open_to_all(home: &Home) {
    fs::set_permissions(home.folder(), Permissions::from_mode(0o711)).expect("mode");
    fs::set_permissions(home.socket(), Permissions::from_mode(0o666)).expect("mode");
}

/// A request that its method would grant to root, about this secret or token if it is about one; and what the log calls it.
fn request(method: &str, id: &str) -> (Value, &'static str) {
    match method.rsplit('/').next().expect("a name") {
        "CreateObject" => (json!({"value": "beta"}), "vault.object.create"),
        "UpdateObject" => (json!({"objectId": id, "newValue": "beta"}), "vault.object.update"),
        "DescribeObject" => (json!({"objectId": id}), "vault.object.describe"),
        "DeleteObject" => (json!({"objectId": id}), "vault.object.delete"),
        "ListObjects" => (json!({}), "vault.object.list"),
        "Resolve" => (json!({"references": [{"name": "A", "objectId": id}]}), "vault.object.inject"),
        "Report" => (json!({"injectionId": "req_0123456789abcdef", "fate": "FATE_DELETED"}), "vault.object.inject"),
        "ListUsage" => (json!({}), "vault.object.describe"),
        "CreateLink" => (json!({}), "iam.token.authenticate"),
        "CreateRevokableToken" => {
            let grants = permissions(&["vault/object:*:list"]);
            (json!({"name": "another", "access": {"grants": grants}}), "iam.token.create")
        }
        "RevokeRevokableToken" => (json!({"tokenId": id}), "iam.token.revoke"),
        "BatchRevokeRevokableToken" => (json!({"createdByActorId": "user:0"}), "iam.token.revoke"),
        "ListRevokableTokens" => (json!({}), "iam.token.list"),
        "ListEntries" | "GetCheckpoint" => (json!({}), "audit.log.list"),
        // Both can be proved: the log of a vault that was just made has its keys and the start in it.
        "GetInclusionProof" => (json!({"index": "0"}), "audit.log.list"),
        "GetConsistencyProof" => (json!({"oldSize": "1"}), "audit.log.list"),
        "CreateInstance" => (json!({"containers": [{"imageRef": "busybox"}]}), "compute.instance.create"),
        "StartContainers" => {
            let containers = json!([{"name": "a", "imageRef": "busybox"}]);
            (json!({"instanceId": INSTANCE, "containers": containers}), "compute.instance.create")
        }
        "ExtendInstance" => (json!({"instanceId": INSTANCE, "extendBy": "60s"}), "compute.instance.update"),
        "RunCommand" | "RunCommandSync" => {
            (json!({"instanceId": INSTANCE, "command": {"command": ["true"]}}), "compute.instance.exec")
        }
        "Attach" => {
            let start = json!({"instanceId": INSTANCE, "command": {"command": ["true"]}});
            (json!({ "start": start }), "compute.instance.exec")
        }
        "Upload" | "Download" => (json!({"start": {"instanceId": INSTANCE, "path": "/a"}}), "compute.instance.exec"),
        "DestroyInstance" => (json!({"instanceId": INSTANCE}), "compute.instance.destroy"),
        "WaitInstance" | "WaitInstanceSync" | "DescribeInstance" | "StreamInstanceLogs" | "FetchInstanceLogs" => {
            (json!({"instanceId": INSTANCE}), "compute.instance.describe")
        }
        "CreateDevbox" => (json!({"spec": {"name": "box"}}), "compute.instance.create"),
        "DescribeDevbox" => (json!({"name": "box"}), "compute.instance.describe"),
        "StopDevbox" | "StartDevbox" => (json!({"name": "box"}), "compute.instance.update"),
        "ExpireDevbox" => (json!({"name": "box"}), "compute.instance.destroy"),
        "ListInstances" | "ListDevboxes" => (json!({}), "compute.instance.list"),
        other => panic!("what may a stranger not do with {other}? This test must know."),
    }
}

/// Calls as a stranger; what it was told, and the one entry that was added.
fn refused(home: &Home, method: &str, id: &str) -> (Failure, Value) {
    let before = home.client().audit().len();
    let (about, action) = request(method, id);
    let failure = call(STRANGER, &home.socket(), method, &about).expect_err(method);
    let mut added = home.client().audit().split_off(before);
    assert_eq!(added.len(), 1, "{method}: {added:?}");
    let entry = added.remove(0);
    assert_eq!((&entry["action"], &entry["attributes"]["outcome"]), (&action.into(), &"denied".into()), "{method}");
    assert_eq!((&entry["actor"]["uid"], &entry["actor"]["gid"]), (&STRANGER.into(), &STRANGER.into()), "{method}");
    (failure, entry)
}

#[test]
fn every_method_refuses_a_stranger_and_records_it() {
    let home = Home::new();
    let daemon = home.start();
    let client = home.client();
    let id = client.create(&revealable("alpha")).expect("created").object_id;
    let made = Rpc::new(&home.socket()).make_token("there", &["vault/object:*:list"]).expect("a token");
    let token = made["token"]["tokenId"].as_str().expect("an id").to_owned();
    open_to_all(&home);
    for method in methods() {
        let about_token = method.ends_with("/RevokeRevokableToken");
        let (there, nowhere) = if about_token { (&token, UNKNOWN_TOKEN) } else { (&id, UNKNOWN) };
        let (failure, entry) = refused(&home, &method, there);
        if request(&method, there).0.to_string().contains(there) {
            assert_eq!(entry["target"]["id"], *there, "{method}");
            let (unknown, _) = refused(&home, &method, nowhere);
            let message = failure.message.replace(there, nowhere);
            assert_eq!(unknown, Failure { code: "not_found".to_owned(), message }, "{method}");
        } else if request(&method, there).0.to_string().contains(INSTANCE) {
            let message = format!("instance {INSTANCE} is not known, or not to you");
            assert_eq!(failure, Failure { code: "not_found".to_owned(), message }, "{method}");
            assert_eq!(entry["target"]["id"], INSTANCE, "{method}");
        } else if request(&method, there).0 == json!({"name": "box"}) {
            let message = "devbox box is not known, or not to you: see `ampoule devbox list`".to_owned();
            assert_eq!(failure, Failure { code: "not_found".to_owned(), message }, "{method}");
        } else {
            assert_eq!(failure.code, "permission_denied", "{method}");
            let (kind, verb) = entry["action"].as_str().and_then(|action| action.rsplit_once('.')).expect("an action");
            let needed = format!("a grant of {verb} on {}", kind.replace('.', "/"));
            let acts = failure.message.contains("12345") && failure.message.contains(&needed);
            assert!(acts, "{method}: {}", failure.message);
        }
    }
    assert_eq!(&*client.describe(&id).expect("described").value, "alpha");
    assert_eq!(client.list(vec![]).expect("listed").len(), 1);
    let left = Rpc::new(&home.socket()).tokens("ListRevokableTokens", &json!({})).expect("listed");
    assert_eq!(left["tokens"], json!([made["token"]]));
    daemon.stop();
}

/// A deleted secret and a version that isn't there are something to know, too.
#[test]
fn a_stranger_learns_nothing_about_a_secret() {
    let home = Home::new();
    let daemon = home.start();
    let client = home.client();
    let (living, deleted) = (client.add("alpha"), client.add("beta"));
    client.delete(&deleted, "").expect("deleted");
    open_to_all(&home);
    for method in ["DescribeObject", "UpdateObject", "DeleteObject"] {
        let path = format!("/namespace.cloud.vault.v1beta.VaultService/{method}");
        let told = [UNKNOWN, &living, &deleted].map(|id| {
            let about = json!({"objectId": id, "newValue": "x", "ifVersionMatches": "7"});
            let failure = call(STRANGER, &home.socket(), &path, &about).expect_err(method);
            (failure.code, failure.message.replace(id, "ID"))
        });
        assert!(told[0] == told[1] && told[0] == told[2], "{told:?}");
    }
    let told = [UNKNOWN, &living, &deleted].map(|id| {
        let about = json!({"references": [{"name": "A", "objectId": id, "version": "7"}]});
        let failure = call(STRANGER, &home.socket(), "/ampoule.v1.InjectionService/Resolve", &about);
        let failure = failure.expect_err("a stranger");
        (failure.code, failure.message.replace(id, "ID"))
    });
    assert!(told[0] == told[1] && told[0] == told[2], "{told:?}");
    daemon.stop();
}

#[test]
fn a_stranger_does_not_even_reach_the_socket() {
    let home = Home::new();
    let daemon = home.start();
    fs::set_permissions(home.folder(), Permissions::from_mode(0o711)).expect("mode");
    let before = home.client().audit();
    let ran = curl(STRANGER, &home.socket(), "/ampoule.v1.AuditService/ListEntries", &json!({}));
    // curl(1): failed to connect to host.
    assert_eq!(ran.code(), 7, "{}{}", ran.out(), ran.err());
    assert_eq!(home.client().audit(), before);
    daemon.stop();
}
