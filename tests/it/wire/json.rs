//! Proto3 JSON as other people's clients write and read it.

use serde_json::{Value, json};

use crate::support::search::Needle;
use crate::support::wire::messages::revealable;
use crate::support::wire::{Answer, Client, Protocol, Served, post, refused};

const VAULT: &str = "/namespace.cloud.vault.v1beta.VaultService";

/// A daemon, and JSON on its wire.
struct Json {
    served: Served,
    client: Client,
}

impl Json {
    fn start() -> Self {
        let served = Served::start();
        let client = served.client(Protocol::ConnectJson);
        Self { served, client }
    }

    #[track_caller]
    fn call(&self, method: &str, request: &Value) -> Value {
        let path = if method.starts_with('/') { method.to_owned() } else { format!("{VAULT}/{method}") };
        let answer = self.client.send(&path, request.to_string().as_bytes()).expect("an answer");
        serde_json::from_slice(&answer).expect("JSON")
    }

    fn post(&self, method: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        post(&self.served.daemon.socket(), false, &format!("{VAULT}/{method}"), headers, body.to_vec())
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn names_go_out_in_camel_case_and_empty_fields_not_at_all() {
    let json = Json::start();
    let made = json.call("CreateObject", &json!({"value": "alpha", "labels": [{"name": "a", "value": "b"}]}));
    assert_eq!(keys(&made), ["objectId", "version", "createdAt", "labels"]);
    let id = &made["objectId"];
    assert_eq!(json.call("DescribeObject", &json!({"objectId": id})), json!({"metadata": made}));
    assert_eq!(json.call("ListObjects", &json!({})), json!({"objects": [made]}));
    assert_eq!(json.call("DeleteObject", &json!({"objectId": id})), json!({}));
    assert_eq!(json.call("ListObjects", &json!({})), json!({}));
    let deleted = json.call("DescribeObject", &json!({"objectId": id}));
    assert_eq!(keys(&deleted["metadata"]), ["objectId", "version", "createdAt", "deletedAt", "labels"]);
}

#[test]
fn names_come_in_either_case() {
    let json = Json::start();
    let id = &json.call("CreateObject", &json!({"value": "alpha", "revealable": true}))["objectId"];
    let camel = json!({"objectId": id, "newValue": "beta", "ifVersionMatches": "1"});
    assert_eq!(json.call("UpdateObject", &camel)["version"], "2");
    let snake = json!({"object_id": id, "new_value": "gamma", "if_version_matches": "2"});
    assert_eq!(json.call("UpdateObject", &snake)["version"], "3");
    assert_eq!(json.call("DescribeObject", &json!({"object_id": id}))["value"], "gamma");
    for filter in ["labelFilter", "label_filter"] {
        assert_eq!(json.call("ListObjects", &json!({filter: [{"op": "EXIST", "name": "a"}]})), json!({}));
    }
    let refused = json!({"object_id": id, "if_version_matches": "2"}).to_string();
    let refused = json.client.send(&format!("{VAULT}/DeleteObject"), refused.as_bytes());
    assert_eq!(refused.expect_err("another version").code, "failed_precondition");
}

#[test]
fn times_are_rfc_3339_in_utc() {
    let json = Json::start();
    let before = jiff::Timestamp::now();
    let made = json.call("CreateObject", &json!({"value": "alpha"}));
    let text = made["createdAt"].as_str().expect("a string");
    let at: jiff::Timestamp = text.parse().expect("RFC 3339");
    assert!(text.ends_with('Z'), "{text}");
    // The store counts in whole microseconds.
    assert!(before.as_microsecond() <= at.as_microsecond() && at <= jiff::Timestamp::now(), "{text}");
}

#[test]
fn long_integers_are_strings_and_taken_either_way() {
    let json = Json::start();
    for _ in 0..3 {
        json.client.add("alpha");
    }
    for first in [json!("1"), json!(1)] {
        let page = json.call("/ampoule.v1.AuditService/ListEntries", &json!({"firstIndex": first, "max_entries": 1}));
        assert_eq!((&page["entries"][0]["index"], &page["nextIndex"]), (&json!("1"), &json!("2")));
    }
}

#[test]
fn enums_are_taken_by_name_and_by_number() {
    let json = Json::start();
    let made = json.call("CreateObject", &json!({"value": "alpha", "labels": [{"name": "a", "value": "b"}]}));
    for op in [json!("EQUAL"), json!(1)] {
        let filter = json!({"labelFilter": [{"name": "a", "value": "b", "op": op}]});
        assert_eq!(json.call("ListObjects", &filter)["objects"], json!([made]));
    }
}

#[test]
fn unknown_fields_and_nulls_are_ignored() {
    let json = Json::start();
    let request = json!({
        "value": "alpha", "revealable": null, "labels": null, "description": null,
        "addedLater": {"deep": [1, {"er": null}]}, "": true,
    });
    let made = json.call("CreateObject", &request);
    assert_eq!(keys(&made), ["objectId", "version", "createdAt"]);
    let described = json.call("DescribeObject", &json!({"objectId": made["objectId"], "fields": ["value"]}));
    assert_eq!(described, json!({"metadata": made}));
}

#[test]
fn errors_have_a_status_a_code_and_a_message() {
    let json = Json::start();
    let id = json.client.add("alpha");
    let other_version = json!({"objectId": id, "ifVersionMatches": "2"}).to_string();
    for (method, body, status, code) in [
        ("CreateObject", "{}", 400, "invalid_argument"),
        ("DescribeObject", r#"{"objectId": "sec_abcdefghijklmnopqrst"}"#, 404, "not_found"),
        ("DeleteObject", &*other_version, 400, "failed_precondition"),
        ("NoSuchMethod", "{}", 404, "unimplemented"),
    ] {
        let answer = json.post(method, &[("content-type", "application/json")], body.as_bytes());
        let error: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!((answer.status, answer.header("content-type")), (status, "application/json"), "{method}");
        assert_eq!((keys(&error), &error["code"]), (vec!["code", "message"], &json!(code)), "{method}");
    }
}

#[test]
fn what_is_not_json_is_not_taken_for_it() {
    let json = Json::start();
    for media in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        // What a page in a browser can send without asking first.
        let answer = json.post("CreateObject", &[("content-type", media)], br#"{"value": "alpha"}"#);
        assert_eq!(answer.status, 415, "{media}");
    }
    let answer =
        json.post("CreateObject", &[("content-type", "application/json; charset=utf-8")], br#"{"value": "a"}"#);
    assert_eq!(answer.status, 200);
    assert_eq!(json.client.list(vec![]).expect("listed").len(), 1);
}

/// A value that was put where it doesn't belong comes back in no message: the caller's logs would keep it.
#[test]
fn a_misplaced_value_is_not_quoted() {
    let json = Json::start();
    let needle = Needle::random();
    let value = needle.value();
    for (method, body) in [
        ("CreateObject", json!({"revealable": value})),
        ("CreateObject", json!({"value": "a", "labels": value})),
        ("CreateObject", json!({"value": "a", "labels": [value]})),
        ("CreateObject", json!({"value": "a", "labels": [{"name": value, "value": "a"}]})),
        ("CreateObject", json!({"value": {value: value}})),
        ("UpdateObject", json!({"objectId": value, "newValue": value})),
        ("UpdateObject", json!({"objectId": "sec_a", "newValue": value, "ifVersionMatches": value})),
        ("ListObjects", json!({"labelFilter": [{"name": "a", "op": value}]})),
    ] {
        let failure = json.client.send(&format!("{VAULT}/{method}"), body.to_string().as_bytes()).expect_err("refused");
        assert_eq!(failure.code, "invalid_argument", "{method}");
        assert!(!needle.is_in(failure.message.as_bytes()), "{}", failure.message);
        let begins = &value[..20];
        assert!(!failure.message.contains(begins), "{}", failure.message);
    }
    let broken = json.client.send(&format!("{VAULT}/CreateObject"), format!("{{\"value\": \"{value}").as_bytes());
    refused("half of a request", broken, "invalid_argument", &["line 1 column"]);
    let number = json.client.send(&format!("{VAULT}/CreateObject"), br#"{"value": 86753090}"#).expect_err("refused");
    assert!(number.message.contains("expected a string") && !number.message.contains("8675309"), "{}", number.message);
    assert!(!json.served.daemon.log_text().contains(value));
}

#[test]
fn every_character_survives() {
    let json = Json::start();
    let value: String = (1..=0x2fff).chain(0x1_f500..0x1_f600).filter_map(char::from_u32).collect();
    let made = json.client.create(&revealable(&value)).expect("created");
    assert_eq!(json.call("DescribeObject", &json!({"objectId": made.object_id}))["value"], value);
}
