//! Every method of every service is refused to whom it must be, and leaves its trace.
//!
//! A method that is added to a `.proto` file without a line in the table fails the first test.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::support::caller::Caller;
use crate::support::daemon::Daemon;
use crate::support::rig::temporary_folder;
use crate::support::rpc::{Rpc, permissions};
use crate::support::wire::methods;

const OWNER: u32 = 61001;
const STRANGER: u32 = 61002;

/// One that is not there; `instances` has those that are.
const INSTANCE: &str = "inst-0000000000";

/// What a method is called, what the log calls it, and what a stranger hears.
const METHODS: [(&str, &str, &str); 38] = [
    ("namespace.cloud.compute.v1beta.ComputeService/CreateInstance", "compute.instance.create", "permission_denied"),
    ("namespace.cloud.compute.v1beta.ComputeService/WaitInstance", "compute.instance.describe", "not_found"),
    ("namespace.cloud.compute.v1beta.ComputeService/WaitInstanceSync", "compute.instance.describe", "not_found"),
    ("namespace.cloud.compute.v1beta.ComputeService/ExtendInstance", "compute.instance.update", "not_found"),
    ("namespace.cloud.compute.v1beta.ComputeService/StartContainers", "compute.instance.create", "not_found"),
    ("namespace.cloud.compute.v1beta.ComputeService/DescribeInstance", "compute.instance.describe", "not_found"),
    ("namespace.cloud.compute.v1beta.ComputeService/DestroyInstance", "compute.instance.destroy", "not_found"),
    ("namespace.cloud.compute.v1beta.ComputeService/ListInstances", "compute.instance.list", "permission_denied"),
    ("namespace.cloud.compute.v1beta.CommandService/RunCommand", "compute.instance.exec", "not_found"),
    ("namespace.cloud.compute.v1beta.CommandService/RunCommandSync", "compute.instance.exec", "not_found"),
    (
        "namespace.cloud.compute.v1beta.ObservabilityService/StreamInstanceLogs",
        "compute.instance.describe",
        "not_found",
    ),
    ("namespace.cloud.compute.v1beta.ObservabilityService/FetchInstanceLogs", "compute.instance.describe", "not_found"),
    ("ampoule.v1.SessionService/Attach", "compute.instance.exec", "not_found"),
    ("ampoule.v1.SessionService/Upload", "compute.instance.exec", "not_found"),
    ("ampoule.v1.SessionService/Download", "compute.instance.exec", "not_found"),
    ("namespace.cloud.vault.v1beta.VaultService/CreateObject", "vault.object.create", "permission_denied"),
    ("namespace.cloud.vault.v1beta.VaultService/UpdateObject", "vault.object.update", "not_found"),
    ("namespace.cloud.vault.v1beta.VaultService/DescribeObject", "vault.object.describe", "not_found"),
    ("namespace.cloud.vault.v1beta.VaultService/ListObjects", "vault.object.list", "permission_denied"),
    ("namespace.cloud.vault.v1beta.VaultService/DeleteObject", "vault.object.delete", "not_found"),
    ("namespace.cloud.iam.v1beta.TokenService/CreateRevokableToken", "iam.token.create", "permission_denied"),
    ("namespace.cloud.iam.v1beta.TokenService/RevokeRevokableToken", "iam.token.revoke", "not_found"),
    ("namespace.cloud.iam.v1beta.TokenService/ListRevokableTokens", "iam.token.list", "permission_denied"),
    ("namespace.cloud.iam.v1beta.TokenService/BatchRevokeRevokableToken", "iam.token.revoke", "permission_denied"),
    ("ampoule.v1.InjectionService/Resolve", "vault.object.inject", "not_found"),
    ("ampoule.v1.InjectionService/Report", "vault.object.inject", "permission_denied"),
    ("ampoule.v1.UsageService/ListUsage", "vault.object.describe", "permission_denied"),
    ("ampoule.v1.DevboxService/CreateDevbox", "compute.instance.create", "permission_denied"),
    ("ampoule.v1.DevboxService/ListDevboxes", "compute.instance.list", "permission_denied"),
    ("ampoule.v1.DevboxService/DescribeDevbox", "compute.instance.describe", "not_found"),
    ("ampoule.v1.DevboxService/StopDevbox", "compute.instance.update", "not_found"),
    ("ampoule.v1.DevboxService/StartDevbox", "compute.instance.update", "not_found"),
    ("ampoule.v1.DevboxService/ExpireDevbox", "compute.instance.destroy", "not_found"),
    ("ampoule.v1.DashboardService/CreateLink", "iam.token.authenticate", "permission_denied"),
    ("ampoule.v1.AuditService/ListEntries", "audit.log.list", "permission_denied"),
    ("ampoule.v1.AuditService/GetCheckpoint", "audit.log.list", "permission_denied"),
    ("ampoule.v1.AuditService/GetInclusionProof", "audit.log.list", "permission_denied"),
    ("ampoule.v1.AuditService/GetConsistencyProof", "audit.log.list", "permission_denied"),
];

/// A request that root would be granted, about this secret, token or injection if it is about one.
fn request(method: &str, secret: &str, token: &str, injection: &str) -> Value {
    match method.rsplit_once('/').expect("a method").1 {
        "CreateObject" => json!({ "value": "x" }),
        "UpdateObject" => json!({ "object_id": secret, "new_value": "y" }),
        "DescribeObject" | "DeleteObject" => json!({ "object_id": secret }),
        "CreateRevokableToken" => {
            json!({ "name": "another", "access": { "grants": permissions(&["vault/object:*:list"]) } })
        }
        "RevokeRevokableToken" => json!({ "token_id": token }),
        "BatchRevokeRevokableToken" => json!({ "created_by_actor_id": "user:1" }),
        "Resolve" => json!({ "container": { "id": "c" }, "references": [{ "name": "A", "object_id": secret }] }),
        "Report" => json!({ "injection_id": injection, "fate": "FATE_FAILED" }),
        "ListUsage" => json!({ "stale": true }),
        "CreateInstance" => json!({ "containers": [{ "image_ref": "busybox" }] }),
        "StartContainers" => {
            json!({ "instance_id": INSTANCE, "containers": [{ "name": "a", "image_ref": "busybox" }] })
        }
        "ExtendInstance" => json!({ "instance_id": INSTANCE, "extend_by": "60s" }),
        "RunCommand" | "RunCommandSync" => json!({ "instance_id": INSTANCE, "command": { "command": ["true"] } }),
        "Attach" => json!({ "start": { "instance_id": INSTANCE, "command": { "command": ["true"] } } }),
        "Upload" | "Download" => json!({ "start": { "instance_id": INSTANCE, "path": "/a" } }),
        "WaitInstance" | "WaitInstanceSync" | "DescribeInstance" | "DestroyInstance" | "StreamInstanceLogs"
        | "FetchInstanceLogs" => json!({ "instance_id": INSTANCE }),
        "CreateDevbox" => json!({ "spec": { "name": "box" } }),
        "DescribeDevbox" | "StopDevbox" | "StartDevbox" | "ExpireDevbox" => json!({ "name": "box" }),
        "CreateLink"
        | "ListDevboxes"
        | "ListInstances"
        | "ListObjects"
        | "ListRevokableTokens"
        | "ListEntries"
        | "GetCheckpoint" => {
            json!({})
        }
        // Both can be proved: the log of a vault that was just made has its keys and the start in it.
        "GetInclusionProof" => json!({ "index": "0" }),
        "GetConsistencyProof" => json!({ "old_size": "1" }),
        method => panic!("{method} has no request here"),
    }
}

#[test]
fn no_method_is_left_out() {
    let written: BTreeSet<String> = methods().iter().map(|path| path.trim_start_matches('/').to_owned()).collect();
    let listed: BTreeSet<String> = METHODS.iter().map(|(method, ..)| (*method).to_owned()).collect();
    assert_eq!(written, listed, "the left ones are in the .proto files, the right ones in the table");
}

#[test]
fn every_method_is_refused_and_recorded() {
    let folder = temporary_folder();
    let settings = "{dashboard: true, listen: [{address: 127.0.0.1:0, plaintext: true}]}\n";
    fs::write(folder.path().join("ampoule.yaml"), settings).expect("ampoule.yaml");
    let daemon = Daemon::start_as(OWNER, folder.path());
    let mut root = Rpc::new(&daemon.socket());
    let mut stranger = Caller::user(STRANGER, &daemon.socket());
    let mut nobody = Caller::token("amp_no_token_at_all", &daemon.socket());
    for (method, action, code) in METHODS {
        let secret = root.create(&json!({ "value": "x" }));
        let made = root.make_token(method, &["vault/object:*:list"]).expect("a token");
        let injected = json!({ "container": { "id": "c" }, "references": [{ "name": "A", "object_id": secret }] });
        let injected = root.call("ampoule.v1.InjectionService/Resolve", &injected).expect("injected");
        let text = |value: &Value| value.as_str().expect("an id").to_owned();
        let request = request(method, &secret, &text(&made["token"]["tokenId"]), &text(&injected["injectionId"]));
        let last = |what: &str, action: &str, outcome: &str| {
            let entries = Rpc::new(&daemon.socket()).audit(0, "").0;
            let entry = entries.last().expect("an entry").clone();
            assert_eq!(entry["action"], action, "{what} {method}");
            assert_eq!(entry["attributes"]["outcome"], outcome, "{what} {method}");
            entry
        };
        assert_eq!(stranger.call(method, &request).expect_err(method).code, code, "{method}");
        let denied = last("a stranger's", action, "denied");
        assert_eq!(denied["actor"]["uid"], STRANGER, "{method}");
        assert_eq!(nobody.call(method, &request).expect_err(method).code, "unauthenticated", "{method}");
        last("nobody's", "iam.token.authenticate", "unknown");
        // There is no engine here, and no instance.
        let outcome_of_instances = if method.contains("/Create") { "failed" } else { "unknown" };
        let is_about_instance = action.starts_with("compute.") && !method.contains("/List");
        if is_about_instance {
            root.call(method, &request).expect_err(method);
            last("root's", action, outcome_of_instances);
            continue;
        }
        root.call(method, &request).expect(method);
        // Reading the log is the one thing that it does not hold: whoever reads to its end would never get there.
        if action != "audit.log.list" {
            // What is told of is another thing than to ask for it.
            let report = method.ends_with("/Report");
            let (action, outcome) = if report { ("vault.object.injected", "failed") } else { (action, "ok") };
            let done = last("root's", action, outcome);
            assert_eq!(done["actor"]["uid"], 0, "{method}");
        }
    }
}
