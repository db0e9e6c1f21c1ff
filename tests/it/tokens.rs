//! Tokens: what they can do, when they end, and where they are never seen.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::daemon::Daemon;
use crate::support::process::wait_until;
use crate::support::rig::temporary_folder;
use crate::support::rpc::{Rpc, RpcError, permissions};
use crate::support::search::Needle;

struct Stage {
    daemon: Daemon,
    root: Rpc,
    folder: TempDir,
}

impl Stage {
    fn new() -> Self {
        let folder = temporary_folder();
        let daemon = Daemon::start(folder.path());
        let root = Rpc::new(&daemon.socket());
        Self { daemon, root, folder }
    }

    fn make(&mut self, name: &str, grants: &[&str]) -> Made {
        Made::from(&self.root.make_token(name, grants).expect("a token"))
    }

    fn holder(&self, made: &Made) -> Rpc {
        Rpc::with_token(&self.daemon.socket(), &made.bearer)
    }

    fn revoke(&mut self, made: &Made) {
        self.root.tokens("RevokeRevokableToken", &json!({ "token_id": made.id })).expect("revoked");
    }
}

struct Made {
    bearer: String,
    id: String,
}

impl From<&Value> for Made {
    fn from(answer: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        Self { bearer: text(&answer["bearerToken"]), id: text(&answer["token"]["tokenId"]) }
    }
}

fn list(rpc: &mut Rpc) -> Result<Value, RpcError> {
    rpc.vault("ListObjects", &json!({}))
}

fn names(answer: &Value) -> Vec<&str> {
    let tokens = answer["tokens"].as_array().map_or(&[][..], Vec::as_slice);
    tokens.iter().map(|token| token["name"].as_str().expect("a name")).collect()
}

#[test]
fn a_token_is_shown_once_and_lives_thirty_days() {
    let mut stage = Stage::new();
    let request = json!({
        "name": "ci", "description": "the builds", "access": { "grants": permissions(&["vault/object:*:list"]) }
    });
    let answer = stage.root.tokens("CreateRevokableToken", &request).expect("a token");
    let made = Made::from(&answer);
    // 256 bits in base64.
    assert!(made.bearer.starts_with("amp_") && made.bearer.len() == 4 + 43, "{} bytes", made.bearer.len());
    let token = &answer["token"];
    let time = |key: &str| token[key].as_str().expect("a time").parse::<Timestamp>().expect("a time");
    assert_eq!(time("expiresAt").duration_since(time("createdAt")).as_hours(), 30 * 24);
    assert_eq!((&token["creatorActorId"], &token["description"]), (&json!("user:0"), &json!("the builds")));
    let tenant = stage.root.audit(0, "").0[0]["tenant_id"].clone();
    assert_eq!(token["tenantId"], tenant);
    let listed = stage.root.tokens("ListRevokableTokens", &json!({})).expect("listed");
    assert_eq!(listed["tokens"], json!([token]), "the list says the same and no more");
}

#[test]
fn what_no_token_can_be_is_refused() {
    let mut stage = Stage::new();
    let grants = permissions(&["vault/object:*:list"]);
    let in_days = |days: i64| (Timestamp::now() + jiff::SignedDuration::from_hours(24 * days)).to_string();
    let good = json!({ "name": "good", "access": { "grants": grants }, "expires_at": in_days(89) });
    let with = |key: &str, value: Value| {
        let mut request = good.clone();
        request[key] = value;
        request
    };
    let policy = json!([{ "policy_type": "rego", "value": "allow" }]);
    for (request, named) in [
        (with("name", "".into()), "name"),
        (with("name", "a\nb".into()), "name"),
        (with("access", json!({})), "access.grants"),
        (with("access", Value::Null), "access.grants"),
        (with("access", json!({ "grants": permissions(&["vault/object:*:list", "vault/thing:*:list"]) })), "grants[1]"),
        (with("policies", policy), "policies"),
        (with("expires_at", in_days(-1).into()), "expires_at"),
        (with("expires_at", in_days(91).into()), "expires_at"),
    ] {
        let error = stage.root.tokens("CreateRevokableToken", &request).expect_err("refused");
        assert_eq!(error.code, "invalid_argument", "{error}");
        assert!(error.message.contains(named), "{error}");
    }
    stage.root.tokens("CreateRevokableToken", &good).expect("a token");
}

#[test]
fn a_name_is_free_again_when_its_token_has_ended() {
    let mut stage = Stage::new();
    let first = stage.make("ci", &["vault/object:*:list"]);
    let taken = stage.root.make_token("ci", &["vault/object:*:list"]).expect_err("taken");
    assert_eq!(taken.code, "already_exists", "{taken}");
    stage.revoke(&first);
    let second = stage.make("ci", &["vault/object:*:list"]);
    list(&mut stage.holder(&second)).expect("lists");
    list(&mut stage.holder(&first)).expect_err("revoked");
}

#[test]
fn nobody_makes_a_token_that_exceeds_its_maker() {
    let mut stage = Stage::new();
    let made = stage.make("maker", &["iam/token:*:create", "vault/object:label:env=prod:describe,inject"]);
    let mut maker = stage.holder(&made);
    for grant in [
        "vault/object:*:inject",
        "vault/object:label:env=dev:inject",
        "vault/object:label:env=prod:inject,reveal",
        "vault/object:sec_a:describe",
        "iam/token:*:*",
        "audit/log:*:list",
    ] {
        let error = maker.make_token(grant, &["vault/object:label:env=prod:inject", grant]).expect_err(grant);
        assert_eq!(error.code, "permission_denied", "{grant}: {error}");
    }
    let narrow = maker.make_token("narrow", &["vault/object:label:env=prod:inject"]).expect("a token");
    assert_eq!(narrow["token"]["creatorActorId"], made.id);
    let forever = json!({
        "name": "long", "access": { "grants": permissions(&["vault/object:label:env=prod:inject"]) },
        "expires_at": (Timestamp::now() + jiff::SignedDuration::from_hours(31 * 24)).to_string(),
    });
    let error = maker.tokens("CreateRevokableToken", &forever).expect_err("outlives");
    assert_eq!(error.code, "permission_denied", "{error}");
    let powerless = stage.make("powerless", &["vault/object:*:*"]);
    let error = stage.holder(&powerless).make_token("x", &["vault/object:*:list"]).expect_err("may not");
    assert_eq!(error.code, "permission_denied", "{error}");
}

#[test]
fn a_token_ends_with_the_one_that_made_it() {
    let mut stage = Stage::new();
    let grants = ["iam/token:*:create", "vault/object:*:list"];
    let parent = stage.make("parent", &grants);
    let child = Made::from(&stage.holder(&parent).make_token("child", &grants).expect("a token"));
    let grandchild = Made::from(&stage.holder(&child).make_token("grandchild", &grants).expect("a token"));
    let other = stage.make("other", &grants);
    stage.revoke(&parent);
    for ended in [&parent, &child, &grandchild] {
        assert_eq!(list(&mut stage.holder(ended)).expect_err("ended").code, "unauthenticated");
    }
    list(&mut stage.holder(&other)).expect("lists");
    let listed = stage.root.tokens("ListRevokableTokens", &json!({ "include_revoked": true })).expect("listed");
    assert_eq!(names(&listed), ["parent", "child", "grandchild", "other"]);
    assert_eq!(listed["tokens"][2]["revokedByActorId"], "user:0");
    let logged = stage.root.audit(0, "").0;
    let revoked: Vec<&Value> = logged.iter().filter(|entry| entry["action"] == "iam.token.revoke").collect();
    assert_eq!(revoked.len(), 3, "an entry for each: {revoked:?}");
}

#[test]
fn tokens_are_ended_in_batches() {
    let mut stage = Stage::new();
    let maker = stage.make("maker", &["iam/token:*:*", "vault/object:*:list"]);
    let mut holder = stage.holder(&maker);
    let made: Vec<String> = (0..3)
        .map(|number| {
            Made::from(&holder.make_token(&format!("{number}"), &["vault/object:*:list"]).expect("a token")).id
        })
        .collect();
    let batch = |rpc: &mut Rpc, request: Value| {
        rpc.tokens("BatchRevokeRevokableToken", &request).map(|answer| answer["revokedTokenIds"].clone())
    };
    let error = batch(&mut stage.root, json!({})).expect_err("says nothing");
    assert_eq!(error.code, "invalid_argument", "{error}");
    let long_ago = json!({ "created_by_actor_id": maker.id, "before": "2020-01-01T00:00:00Z" });
    assert_eq!(batch(&mut stage.root, long_ago).expect("done"), Value::Null);
    let only_one = stage.make("ends one", &[&format!("iam/token:{}:revoke", made[1])]);
    let ended = batch(&mut stage.holder(&only_one), json!({ "created_by_actor_id": maker.id })).expect("done");
    assert_eq!(ended, json!([made[1]]));
    let ended = batch(&mut stage.root, json!({ "created_by_actor_id": maker.id })).expect("done");
    assert_eq!(ended, json!([made[0], made[2]]));
    let in_a_day = (Timestamp::now() + jiff::SignedDuration::from_hours(24)).to_string();
    let ended = batch(&mut stage.root, json!({ "before": in_a_day })).expect("done");
    assert_eq!(ended, json!([maker.id, only_one.id]));
    let database = stage.daemon.state().join("vault.db");
    let checked = ["audit", "verify", "--database", database.to_str().expect("UTF-8")];
    stage.daemon.cli().run(&checked, b"").ok();
}

#[test]
fn lists_come_in_pages_and_show_what_may_be_listed() {
    let mut stage = Stage::new();
    let made: Vec<Made> = (0..7).map(|number| stage.make(&number.to_string(), &["vault/object:*:list"])).collect();
    stage.revoke(&made[3]);
    let mut pages = |extra: Value| {
        let (mut found, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let mut request = json!({ "max_entries": "2", "pagination_cursor": cursor });
            request.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
            let page = stage.root.tokens("ListRevokableTokens", &request).expect("listed");
            assert!(names(&page).len() <= 2);
            found.push(names(&page).join(" "));
            cursor = page["paginationCursor"].clone();
            if cursor.is_null() {
                return found;
            }
        }
    };
    assert_eq!(pages(json!({})), ["0 1", "2 4", "5 6"]);
    assert_eq!(pages(json!({ "include_revoked": true })), ["0 1", "2 3", "4 5", "6"]);
    let reader = stage.make("reads one", &[&format!("iam/token:{}:list", made[1].id)]);
    let listed = stage.holder(&reader).tokens("ListRevokableTokens", &json!({})).expect("listed");
    assert_eq!(names(&listed), ["1"]);
    for request in [json!({ "max_entries": "-1" }), json!({ "pagination_cursor": "AAAA" })] {
        let error = stage.root.tokens("ListRevokableTokens", &request).expect_err("refused");
        assert_eq!(error.code, "invalid_argument", "{error}");
    }
}

/// Many clients call without pause; none that begins after the revocation was answered gets through.
#[test]
fn revocation_counts_at_once() {
    let mut stage = Stage::new();
    let made = stage.make("busy", &["vault/object:*:list"]);
    let (revoked, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let socket = stage.daemon.socket();
    thread::scope(|scope| {
        let call = || {
            let mut rpc = Rpc::with_token(&socket, &made.bearer);
            loop {
                let after = revoked.load(Ordering::SeqCst);
                match list(&mut rpc) {
                    Ok(_) => assert!(!after, "a revoked token was accepted"),
                    Err(error) => {
                        assert_eq!(error.code, "unauthenticated", "{error}");
                        return;
                    }
                }
                answered.fetch_add(1, Ordering::SeqCst);
            }
        };
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(call)).collect();
        wait_until("the clients are busy", || answered.load(Ordering::SeqCst) > 500);
        stage.root.tokens("RevokeRevokableToken", &json!({ "token_id": made.id })).expect("revoked");
        revoked.store(true, Ordering::SeqCst);
        for thread in threads {
            thread.join().expect("client");
        }
    });
}

/// Outside, every token that doesn't count is the same; the log knows them apart.
#[test]
fn expired_revoked_and_unknown_read_the_same() {
    let mut stage = Stage::new();
    let grants = permissions(&["vault/object:*:list"]);
    let soon = (Timestamp::now() + Duration::from_secs(1)).to_string();
    let request = json!({ "name": "short", "access": { "grants": grants }, "expires_at": soon });
    let expired = Made::from(&stage.root.tokens("CreateRevokableToken", &request).expect("a token"));
    wait_until("the token expires", || list(&mut stage.holder(&expired)).is_err());
    let revoked = stage.make("revoked", &["vault/object:*:list"]);
    stage.revoke(&revoked);
    let unknown = Made { bearer: format!("{}x", expired.bearer), id: String::new() };
    let shown: Vec<RpcError> =
        [&expired, &revoked, &unknown].iter().map(|made| list(&mut stage.holder(made)).expect_err("refused")).collect();
    assert!(shown.iter().all(|error| *error == shown[0] && error.code == "unauthenticated"), "{shown:?}");
    let logged = stage.root.audit(0, "").0;
    let told = logged[logged.len() - 3..].iter().map(|entry| {
        assert_eq!(
            (&entry["action"], &entry["actor"]["type"]),
            (&json!("iam.token.authenticate"), &json!("anonymous"))
        );
        (entry["attributes"]["outcome"].clone(), entry["target"]["id"].clone())
    });
    let expected = [("expired", json!(expired.id)), ("revoked", json!(revoked.id)), ("unknown", Value::Null)];
    assert_eq!(told.collect::<Vec<_>>(), expected.map(|(outcome, id)| (json!(outcome), id)));
}

/// The row alone is not believed: it must be as it was made, and agree with the log.
#[test]
fn no_right_comes_from_editing_the_database() {
    let mut stage = Stage::new();
    let weak = ["vault/object:sec_a:describe"];
    let [revoked, stronger, longer, replaced] =
        ["revoked", "stronger", "longer", "replaced"].map(|name| stage.make(name, &weak));
    stage.revoke(&revoked);
    stage.daemon.kill();
    let database = Connection::open(stage.daemon.state().join("vault.db")).expect("opens");
    let change = |set: &str, made: &Made| {
        let changed = database.execute(&format!("UPDATE tokens SET {set} WHERE token_id = ?1"), [&made.id]);
        assert_eq!(changed.expect("changed"), 1);
    };
    change("revoked_at = NULL, revoked_by = NULL", &revoked);
    change(r#"permissions = '[{"resource_type":"vault/object","resource_id":"*","actions":["list"]}]'"#, &stronger);
    change("expires_at = expires_at + 1000000", &longer);
    change("hash = x'ea14ebac255135d67f76b58df7ba9613608fc6fe3c0dc7a801fb780520959fb5'", &replaced);
    drop(database);
    stage.daemon.launch();
    stage.daemon.wait_ready();
    // The SHA-256 of this is what the last row was given.
    let chosen = Made { bearer: "amp_chosen".to_owned(), id: replaced.id };
    for made in [&revoked, &stronger, &longer, &chosen] {
        assert_eq!(list(&mut stage.holder(made)).expect_err("refused").code, "unauthenticated");
        let logged = Rpc::new(&stage.daemon.socket()).audit(0, "").0;
        let entry = logged.last().expect("an entry");
        assert_eq!((&entry["attributes"]["outcome"], &entry["target"]["id"]), (&json!("tampered"), &json!(made.id)));
    }
}

#[test]
fn a_token_is_kept_nowhere() {
    let mut stage = Stage::new();
    let made = stage.make("kept nowhere", &["vault/object:*:list"]);
    let needle = Needle::new(made.bearer.clone());
    let mut holder = stage.holder(&made);
    list(&mut holder).expect("lists");
    let mut errors = vec![holder.describe("sec_abc").expect_err("refused").message];
    stage.revoke(&made);
    errors.push(list(&mut holder).expect_err("revoked").message);
    let stranger = Needle::random();
    let invalid = Made { bearer: stranger.value().to_owned(), id: String::new() };
    errors.push(list(&mut stage.holder(&invalid)).expect_err("unknown").message);
    let logged = serde_json::to_string(&stage.root.audit(0, "").0).expect("JSON");
    for needle in [&needle, &stranger] {
        let found = needle.search(stage.folder.path());
        assert!(found.is_empty(), "{found:?}");
        assert!(!needle.is_in(logged.as_bytes()) && !errors.iter().any(|error| needle.is_in(error.as_bytes())));
    }
}
