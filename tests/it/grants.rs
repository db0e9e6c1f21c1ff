//! Who may do what: every action by every kind of caller, and what they see who may not.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::caller::Caller;
use crate::support::daemon::Daemon;
use crate::support::process::wait_until;
use crate::support::rig::temporary_folder;
use crate::support::rpc::{Rpc, RpcError, permissions};

/// The user that the daemon runs as, one without a grant, and one whom the settings name.
const OWNER: u32 = 61001;
const OTHER: u32 = 61002;
const GRANTED: u32 = 61003;
const UNKNOWN: &str = "sec_abcdefghijklmnopqrst";

/// What each caller may do: `+` done, `-` refused, `v` done without the value, `!` not even known who calls.
///
/// `prod` and `dev` are the labels of the secret that it is done to; `one id` is a grant on the one with `prod`.
const TABLE: &str = "
                 root  owner  other  granted  all  list  inject  id  label  expired  revoked
    create prod   +      +      -       -      +    -      -     -     +       !        !
    create dev    +      +      -       -      +    -      -     -     -       !        !
    update prod   +      +      -       -      +    -      -     +     +       !        !
    update dev    +      +      -       -      +    -      -     -     -       !        !
    describe prod +      +      -       v      +    -      -     +     +       !        !
    describe dev  +      +      -       -      +    -      -     -     -       !        !
    list any      +      +      -       +      +    +      -     +     +       !        !
    inject prod   +      +      -       +      +    -      +     +     +       !        !
    inject dev    +      +      -       -      +    -      +     -     -       !        !
    audit any     +      +      -       -      +    -      -     -     -       !        !
    issue any     +      +      -       -      +    -      -     -     -       !        !
    tokens any    +      +      -       -      +    -      -     -     -       !        !
    revoke any    +      +      -       -      +    -      -     -     -       !        !
    delete prod   +      +      -       -      +    -      -     +     +       !        !
    delete dev    +      +      -       -      +    -      -     -     -       !        !
";

/// A daemon with two secrets and somebody of each kind.
struct Stage {
    daemon: Daemon,
    root: Rpc,
    prod: String,
    dev: String,
    _folder: TempDir,
}

impl Stage {
    fn new() -> Self {
        let folder = temporary_folder();
        let grants = format!(
            "grants:\n- users: [{GRANTED}]\n  permissions:\n  \
             - {{resource_type: vault/object, resource_id: 'label:env=prod', actions: [list, describe, inject]}}\n"
        );
        fs::write(folder.path().join("ampoule.yaml"), grants).expect("settings");
        let daemon = Daemon::start_as(OWNER, folder.path());
        let mut root = Rpc::new(&daemon.socket());
        let (prod, dev) = (root.create(&secret("prod")), root.create(&secret("dev")));
        Self { daemon, root, prod, dev, _folder: folder }
    }

    fn of_env(&self, env: &str) -> &str {
        if env == "prod" { &self.prod } else { &self.dev }
    }

    fn caller(&mut self, kind: &str) -> Caller {
        let (socket, id) = (self.daemon.socket(), self.prod.clone());
        let one_id = format!("vault/object:{id}:*");
        let grants: &[&str] = match kind {
            "root" => return Caller::user(0, &socket),
            "owner" => return Caller::user(OWNER, &socket),
            "other" => return Caller::user(OTHER, &socket),
            "granted" => return Caller::user(GRANTED, &socket),
            "all" | "expired" | "revoked" => &["vault/object:*:*", "audit/log:*:*", "iam/token:*:*"],
            "list" => &["vault/object:*:list"],
            "inject" => &["vault/object:*:inject"],
            "id" => &[&one_id],
            "label" => &["vault/object:label:env=prod:*"],
            kind => panic!("nobody is {kind}"),
        };
        let (token, token_id) = self.token(kind, grants);
        let mut caller = Caller::token(&token, &socket);
        match kind {
            "revoked" => {
                self.root.tokens("RevokeRevokableToken", &json!({ "token_id": token_id })).expect("revoked");
            }
            "expired" => wait_until("the token expires", || caller.call(&method("list"), &json!({})).is_err()),
            _ => {}
        }
        caller
    }

    fn token(&mut self, kind: &str, grants: &[&str]) -> (String, String) {
        let mut request = json!({ "name": unique(kind), "access": { "grants": permissions(grants) } });
        if kind == "expired" {
            let soon = jiff::Timestamp::now() + Duration::from_secs(2);
            request["expires_at"] = soon.to_string().into();
        }
        let made = self.root.tokens("CreateRevokableToken", &request).expect("a token");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        (text(&made["bearerToken"]), text(&made["token"]["tokenId"]))
    }

    /// What a caller does, and on what.
    fn attempt(&mut self, kind: &str, caller: &mut Caller, action: &str, env: &str) -> Result<Value, RpcError> {
        // What this is done to must be there afterwards for the others; a grant by id is on the one secret.
        let target = match action {
            "delete" if kind != "id" || env == "dev" => self.root.create(&secret(env)),
            "revoke" => {
                self.root.make_token(&unique("victim"), &["vault/object:*:list"]).expect("a token")["token"]["tokenId"]
                    .as_str()
                    .expect("an id")
                    .to_owned()
            }
            _ => self.of_env(env).to_owned(),
        };
        caller.call(&method(action), &request(action, env, &target))
    }
}

fn secret(env: &str) -> Value {
    json!({ "value": format!("of {env}"), "revealable": true, "labels": [{ "name": "env", "value": env }] })
}

fn unique(name: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{name} {}", COUNT.fetch_add(1, Ordering::Relaxed))
}

fn method(action: &str) -> String {
    let (service, method) = match action {
        "create" => ("namespace.cloud.vault.v1beta.VaultService", "CreateObject"),
        "update" => ("namespace.cloud.vault.v1beta.VaultService", "UpdateObject"),
        "describe" => ("namespace.cloud.vault.v1beta.VaultService", "DescribeObject"),
        "list" => ("namespace.cloud.vault.v1beta.VaultService", "ListObjects"),
        "delete" => ("namespace.cloud.vault.v1beta.VaultService", "DeleteObject"),
        "inject" => ("ampoule.v1.InjectionService", "Resolve"),
        "audit" => ("ampoule.v1.AuditService", "ListEntries"),
        "issue" => ("namespace.cloud.iam.v1beta.TokenService", "CreateRevokableToken"),
        "tokens" => ("namespace.cloud.iam.v1beta.TokenService", "ListRevokableTokens"),
        "revoke" => ("namespace.cloud.iam.v1beta.TokenService", "RevokeRevokableToken"),
        action => panic!("nothing is called {action}"),
    };
    format!("{service}/{method}")
}

fn request(action: &str, env: &str, target: &str) -> Value {
    match action {
        "create" => secret(env),
        "update" => json!({ "object_id": target, "new_value": "another" }),
        "describe" | "delete" => json!({ "object_id": target }),
        "inject" => json!({ "container": { "id": "c" }, "references": [{ "name": "A", "object_id": target }] }),
        "issue" => {
            let grants = permissions(&["vault/object:*:list"]);
            json!({ "name": unique("issued"), "access": { "grants": grants } })
        }
        "revoke" => json!({ "token_id": target }),
        _ => json!({}),
    }
}

/// The sign of the table for what happened.
fn sign(action: &str, result: &Result<Value, RpcError>) -> &'static str {
    match result {
        Ok(answer) if action == "describe" && answer["value"].as_str().is_none() => "v",
        Ok(_) => "+",
        Err(error) if error.code == "unauthenticated" => "!",
        // What concerns one thing reads as if there were none.
        Err(error) if ["update", "describe", "delete", "inject", "revoke"].contains(&action) => {
            assert_eq!(error.code, "not_found", "{action}: {error}");
            "-"
        }
        Err(error) => {
            assert_eq!(error.code, "permission_denied", "{action}: {error}");
            "-"
        }
    }
}

/// What the log calls it.
fn logged_as(action: &str, sign: &str) -> &'static str {
    match (action, sign) {
        (_, "!") => "iam.token.authenticate",
        ("create", _) => "vault.object.create",
        ("update", _) => "vault.object.update",
        ("describe", "+") => "vault.object.reveal",
        ("describe", _) => "vault.object.describe",
        ("list", _) => "vault.object.list",
        ("delete", _) => "vault.object.delete",
        ("inject", _) => "vault.object.inject",
        ("audit", _) => "audit.log.list",
        ("issue", _) => "iam.token.create",
        ("tokens", _) => "iam.token.list",
        _ => "iam.token.revoke",
    }
}

#[test]
fn every_action_by_every_caller() {
    let mut stage = Stage::new();
    let mut lines = TABLE.trim().lines();
    let kinds: Vec<&str> = lines.next().expect("a heading").split_whitespace().collect();
    let mut callers: Vec<Caller> = kinds.iter().map(|kind| stage.caller(kind)).collect();
    let mut log_read = 0;
    let mut wrong = String::new();
    for line in lines {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let (action, env, signs) = (cells[0], cells[1], &cells[2..]);
        assert_eq!(signs.len(), kinds.len(), "{line}");
        for ((kind, caller), expected) in kinds.iter().zip(&mut callers).zip(signs) {
            let result = stage.attempt(kind, caller, action, env);
            let found = sign(action, &result);
            if found != *expected {
                writeln!(wrong, "{kind} {action} {env}: {found} for {expected}: {result:?}").expect("a text");
            }
            let (entries, next) = stage.root.audit(log_read, "");
            log_read = next;
            let traced = entries.iter().any(|entry| traces(entry, kind, action, found));
            // Reading the log leaves no entry, or reading it to its end would never end.
            let leaves_none = action == "audit" && found == "+";
            if !traced && !leaves_none {
                writeln!(wrong, "{kind} {action} {env}: no entry among {entries:?}").expect("a text");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn traces(entry: &Value, kind: &str, action: &str, sign: &str) -> bool {
    let outcome = match sign {
        "!" => kind,
        "-" => "denied",
        _ => "ok",
    };
    let actor = match kind {
        "root" | "owner" | "other" | "granted" => "user",
        "expired" | "revoked" => "anonymous",
        _ => "token",
    };
    entry["action"] == logged_as(action, sign)
        && entry["attributes"]["outcome"] == outcome
        && entry["actor"]["type"] == actor
}

#[test]
fn lists_show_what_may_be_described() {
    let mut stage = Stage::new();
    let (prod, dev) = (stage.prod.clone(), stage.dev.clone());
    for (kind, expected) in [
        ("root", vec![&prod, &dev]),
        ("granted", vec![&prod]),
        ("all", vec![&prod, &dev]),
        ("list", vec![]),
        ("id", vec![&prod]),
        ("label", vec![&prod]),
    ] {
        let answer = stage.caller(kind).call(&method("list"), &json!({})).expect("listed");
        let listed = answer["objects"].as_array().cloned().unwrap_or_default();
        let ids: Vec<&str> = listed.iter().map(|object| object["objectId"].as_str().expect("an id")).collect();
        assert_eq!(ids, expected, "{kind}");
    }
}

#[test]
fn a_secret_that_is_not_revealable_is_revealed_to_nobody() {
    let mut stage = Stage::new();
    let sealed = stage.root.create(&json!({ "value": "x", "labels": [{ "name": "env", "value": "prod" }] }));
    for kind in ["root", "owner", "all", "label"] {
        let mut caller = stage.caller(kind);
        let found = caller.call(&method("describe"), &json!({ "object_id": sealed })).expect("described");
        assert_eq!(found["value"].as_str(), None, "{kind}");
        caller.call(&method("inject"), &request("inject", "prod", &sealed)).expect("injected");
    }
}

/// Whoever may not use a secret can't tell it from one that isn't there, and hears what those hear who may use every one
/// that is. How long it takes is printed, not judged.
#[test]
fn forbidden_reads_as_unknown() {
    let mut stage = Stage::new();
    let dev = stage.dev.clone();
    let mut all = stage.caller("all");
    for kind in ["other", "list", "id", "label"] {
        let mut caller = stage.caller(kind);
        for action in ["update", "describe", "delete", "inject"] {
            let (forbidden, unknown) = (refusal(&mut caller, action, &dev), refusal(&mut caller, action, UNKNOWN));
            let nowhere = refusal(&mut all, action, UNKNOWN);
            assert_eq!(forbidden.message.replace(&dev, UNKNOWN), unknown.message, "{kind} {action}");
            assert_eq!((&forbidden.code, &unknown), (&unknown.code, &nowhere), "{kind} {action}");
        }
    }
    report_times(&mut stage.caller("label"), &dev);
}

#[test]
fn a_forbidden_token_reads_as_unknown() {
    let mut stage = Stage::new();
    let (_, there) = stage.token("is there", &["vault/object:*:list"]);
    let (token, _) = stage.token("revokes another", &["iam/token:tok_a:revoke"]);
    let mut caller = Caller::token(&token, &stage.daemon.socket());
    let (forbidden, unknown) = (refusal(&mut caller, "revoke", &there), refusal(&mut caller, "revoke", "tok_b"));
    let nowhere = refusal(&mut stage.caller("all"), "revoke", "tok_b");
    assert_eq!(forbidden.message.replace(&there, "tok_b"), unknown.message);
    assert_eq!((&forbidden.code, &unknown), (&unknown.code, &nowhere));
}

#[track_caller]
fn refusal(caller: &mut Caller, action: &str, target: &str) -> RpcError {
    caller.call(&method(action), &request(action, "dev", target)).expect_err("refused")
}

fn report_times(caller: &mut Caller, forbidden: &str) {
    let mut times = [forbidden, UNKNOWN].map(|id| (id, Vec::new()));
    for _ in 0..200 {
        for (id, times) in &mut times {
            let started = Instant::now();
            caller.call(&method("describe"), &json!({ "object_id": id })).expect_err("refused");
            times.push(started.elapsed());
        }
    }
    for (name, (_, mut times)) in ["forbidden", "unknown"].into_iter().zip(times) {
        times.sort();
        let of = |percent: usize| times[times.len() * percent / 100];
        writeln!(io::stderr(), "{name}: 10 % {:?}, 50 % {:?}, 90 % {:?}", of(10), of(50), of(90)).expect("stderr");
    }
}
