//! The API in each protocol that it speaks: one suite, four clients.

mod foreign;
mod json;

use ampoule_proto::messages::namespace::stdlib::label_filter_entry::LabelFilterOp;

use crate::support::streaming;
use crate::support::wire::messages::{condition, ids, label, labelled, reference, revealable, secret};
use crate::support::wire::{Client, Protocol, Served, methods, on_every_protocol, refused};

/// Well-formed, and names nothing.
const UNKNOWN: &str = "sec_abcdefghijklmnopqrst";

fn a_secret_is_made_and_described(_: &Served, client: &Client) {
    let made = client.create(&labelled("alpha", &["env=prod", "team=a"])).expect("created");
    assert!(made.object_id.starts_with("sec_"), "{}", made.object_id);
    assert_eq!((made.version.as_str(), made.description.as_str()), ("1", "made by a test"));
    assert_eq!(made.labels, [label("env", "prod"), label("team", "a")]);
    assert!(made.created_at.seconds > 0 && made.deleted_at.is_unset());
    let described = client.describe(&made.object_id).expect("described");
    assert_eq!(*described.metadata, made);
    assert!(described.value.is_empty() && described.previous.is_empty());
}

fn a_value_leaves_only_if_it_is_revealable(_: &Served, client: &Client) {
    let text = "pä\"ss\\wörd\n🔑";
    let open = client.create(&revealable(text)).expect("created").object_id;
    assert_eq!(&*client.describe(&open).expect("described").value, text);
    let closed = client.add(text);
    assert_eq!(&*client.describe(&closed).expect("described").value, "");
}

fn an_update_makes_a_version(_: &Served, client: &Client) {
    let made = client.create(&revealable("alpha")).expect("created");
    let id = made.object_id.as_str();
    let second = client.update(id, "beta", "").expect("updated");
    assert_eq!((second.object_id.as_str(), second.version.as_str()), (id, "2"));
    let third = client.update(id, "gamma", "2").expect("updated");
    assert_eq!(third.version, "3");
    refused("an old version", client.update(id, "delta", "2"), "failed_precondition", &[id, "at version 3, not 2"]);
    let described = client.describe(id).expect("described");
    assert_eq!((&*described.value, &*described.metadata), ("gamma", &third));
    assert_eq!(described.previous, [second, made]);
}

fn a_list_is_filtered(_: &Served, client: &Client) {
    let web = client.create(&labelled("alpha", &["env=prod", "app=web"])).expect("created").object_id;
    let job = client.create(&labelled("beta", &["env=prod"])).expect("created").object_id;
    let bare = client.add("gamma");
    let list = |filter| client.list(filter).expect("listed");
    assert_eq!(ids(&list(vec![])), [&web, &job, &bare]);
    assert_eq!(ids(&list(vec![condition(LabelFilterOp::EQUAL, "env", "prod")])), [&web, &job]);
    assert_eq!(ids(&list(vec![condition(LabelFilterOp::NOT_EQUAL, "app", "web")])), [&job, &bare]);
    assert_eq!(ids(&list(vec![condition(LabelFilterOp::EXIST, "app", "")])), [&web]);
}

fn a_deleted_secret_is_described_and_no_more(_: &Served, client: &Client) {
    let id = &client.create(&revealable("alpha")).expect("created").object_id;
    client.delete(id, "1").expect("deleted");
    let described = client.describe(id).expect("described");
    assert!(described.metadata.deleted_at.is_set() && described.value.is_empty());
    assert!(client.list(vec![]).expect("listed").is_empty());
    for version in ["", "1"] {
        refused("update", client.update(id, "beta", version), "failed_precondition", &[id, "deleted"]);
        refused("delete", client.delete(id, version), "failed_precondition", &[id, "deleted"]);
    }
    let reference = reference("A", id);
    refused("resolve", client.resolve(vec![reference]), "failed_precondition", &["A", id, "deleted"]);
}

fn a_container_gets_what_it_asked_for_in_order(_: &Served, client: &Client) {
    let (one, two) = (client.add("alpha"), client.add("beta"));
    client.update(&one, "alpha 2", "").expect("updated");
    let references = vec![reference("B", &two), reference("A", &one), reference("OLD", &format!("{one}@1"))];
    let resolved = client.resolve(references).expect("resolved");
    let seen: Vec<_> = resolved.iter().map(|r| (&*r.name, &*r.object_id, &*r.version, &*r.value)).collect();
    assert_eq!(seen, [("B", &*two, "1", "beta"), ("A", &one, "2", "alpha 2"), ("OLD", &one, "1", "alpha")]);
}

fn a_container_gets_all_or_nothing(_: &Served, client: &Client) {
    let id = &client.add("alpha");
    let with = |reference| client.resolve(vec![self::reference("GOOD", id), reference]);
    refused("unknown", with(reference("BAD", UNKNOWN)), "not_found", &["BAD", UNKNOWN]);
    refused("no such version", with(reference("BAD", &format!("{id}@2"))), "not_found", &["BAD", id, "version 2"]);
    refused("malformed", with(reference("BAD", "web")), "invalid_argument", &["references[1].object_id", "sec_"]);
    let version = with(reference("BAD", &format!("{id}@one")));
    refused("malformed version", version, "invalid_argument", &["references[1].version", "decimal"]);
    refused("a name twice", with(reference("GOOD", id)), "invalid_argument", &["GOOD", "twice"]);
    refused("no name", with(reference("", id)), "invalid_argument", &["references[1].name"]);
    refused("nothing", client.resolve(vec![]), "invalid_argument", &["references", "empty"]);
    let many = (0..1025).map(|n| reference(&format!("N{n}"), id)).collect();
    refused("too much", client.resolve(many), "invalid_argument", &["1025", "1024"]);
}

fn what_cannot_be_stored_is_refused(_: &Served, client: &Client) {
    refused("no value", client.create(&secret("")), "invalid_argument", &["value", "empty"]);
    refused("a label", client.create(&labelled("alpha", &["Env=prod"])), "invalid_argument", &["Env", "label"]);
    let id = &client.add("alpha");
    refused("no value", client.update(id, "", ""), "invalid_argument", &["value", "empty"]);
    refused("no id", client.update("", "beta", ""), "invalid_argument", &["object_id", "sec_"]);
    refused("unknown", client.update(UNKNOWN, "beta", ""), "not_found", &[UNKNOWN]);
    let version = client.update(id, "beta", "01");
    refused("malformed version", version, "invalid_argument", &["if_version_matches", "decimal"]);
}

fn what_is_not_there_cannot_be_described_or_deleted(_: &Served, client: &Client) {
    refused("no id", client.describe("tok_abc"), "invalid_argument", &["object_id", "sec_"]);
    refused("unknown", client.describe(UNKNOWN), "not_found", &[UNKNOWN]);
    refused("no id", client.delete("tok_abc", ""), "invalid_argument", &["object_id", "sec_"]);
    refused("unknown", client.delete(UNKNOWN, ""), "not_found", &[UNKNOWN]);
    let id = &client.add("alpha");
    refused("malformed", client.delete(id, "x"), "invalid_argument", &["if_version_matches", "decimal"]);
    refused("another version", client.delete(id, "7"), "failed_precondition", &[id, "at version 1, not 7"]);
    let filter = vec![condition(LabelFilterOp::EXIST, "a", ""), condition(LabelFilterOp::UNKNOWN, "a", "")];
    refused("no comparison", client.list(filter), "invalid_argument", &["label_filter[1].op", "EQUAL"]);
}

/// The longest value, of characters that JSON makes longest, and one byte more than a request can have.
fn long_requests_are_taken_and_longer_ones_refused(_: &Served, client: &Client) {
    let value = "\u{1}".repeat(64 * 1024);
    let id = client.create(&revealable(&value)).expect("created").object_id;
    assert!(*client.describe(&id).expect("described").value == *value);
    let long = client.create(&secret(&"x".repeat(1 << 20)));
    refused("1 MiB and some", long, "resource_exhausted", &["1048576"]);
}

fn what_cannot_be_read_is_refused_by_every_method(_: &Served, client: &Client) {
    for method in methods() {
        // A method that streams is none for Connect's single requests.
        let is_there = client.is_streaming() || !streaming::is_stream(&method);
        let code = if is_there { "invalid_argument" } else { "unimplemented" };
        refused(&method, client.send(&method, b"\xff"), code, &[]);
    }
}

fn a_method_that_is_not_there(_: &Served, client: &Client) {
    // The last one is there only in a daemon that is built with the feature `reflection`.
    for path in [
        "/namespace.cloud.vault.v1beta.VaultService/NoSuchMethod",
        "/no.such.Service/Method",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ] {
        refused(path, client.send(path, b""), "unimplemented", &[path.trim_start_matches('/')]);
    }
}

on_every_protocol!(
    a_secret_is_made_and_described,
    a_value_leaves_only_if_it_is_revealable,
    an_update_makes_a_version,
    a_list_is_filtered,
    a_deleted_secret_is_described_and_no_more,
    a_container_gets_what_it_asked_for_in_order,
    a_container_gets_all_or_nothing,
    what_cannot_be_stored_is_refused,
    what_is_not_there_cannot_be_described_or_deleted,
    long_requests_are_taken_and_longer_ones_refused,
    what_cannot_be_read_is_refused_by_every_method,
    a_method_that_is_not_there,
);

#[test]
fn every_protocol_sees_what_another_stored() {
    let served = Served::start();
    let all = [Protocol::ConnectJson, Protocol::ConnectProto, Protocol::Grpc, Protocol::GrpcWeb];
    let made = all.map(|protocol| served.client(protocol).create(&revealable(&format!("{protocol:?}"))));
    for protocol in all {
        let client = served.client(protocol);
        for (writer, made) in all.iter().zip(&made) {
            let made = made.as_ref().expect("created");
            let described = client.describe(&made.object_id).expect("described");
            assert_eq!((&*described.value, &*described.metadata), (&*format!("{writer:?}"), made));
        }
    }
}
