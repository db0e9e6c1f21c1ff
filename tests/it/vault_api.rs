//! What the vault promises to those who call it: ids, versions, filters, deletion.

mod destruction;
mod limits;
mod record;

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use ampoule_proto::messages::namespace::cloud::vault::v1beta::CreateObjectRequest;
use ampoule_proto::messages::namespace::stdlib::label_filter_entry::LabelFilterOp::{EQUAL, EXIST, NOT_EQUAL};

use crate::support::wire::messages::{condition, ids, label, labelled, reference, revealable, secret};
use crate::support::wire::{Client, Protocol, Served, refused};

fn start() -> (Served, Client) {
    let served = Served::start();
    let client = served.client(Protocol::ConnectProto);
    (served, client)
}

/// The values that a container would get.
fn values(client: &Client, references: &[&str]) -> Vec<String> {
    let references = references.iter().enumerate().map(|(n, id)| reference(&format!("N{n}"), id)).collect();
    client.resolve(references).expect("resolved").iter().map(|resolved| resolved.value.to_string()).collect()
}

#[test]
fn ids_sort_by_age_and_are_random() {
    let (_served, client) = start();
    let mut made: Vec<String> = Vec::new();
    for _ in 0..50 {
        made.push(client.add("alpha"));
        // The time in an id counts milliseconds.
        thread::sleep(Duration::from_millis(2));
    }
    assert!(made.is_sorted(), "{made:?}");
    let random: HashSet<&str> = made.iter().map(|id| &id["sec_".len() + 9..]).collect();
    assert_eq!(random.len(), 50, "an id's random part came twice");
    for id in &made {
        let tail = id.strip_prefix("sec_").expect("sec_");
        assert!(tail.len() == 25 && tail.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'v')), "{id}");
    }
    // Five bits each: with 800 characters all 32 come up.
    let characters: HashSet<char> = random.iter().flat_map(|random| random.chars()).collect();
    assert_eq!(characters.len(), 32);
}

#[test]
fn versions_count_from_1_without_gaps() {
    let (_served, client) = start();
    let made = client.create(&secret("alpha")).expect("created");
    let id = made.object_id.as_str();
    assert_eq!(made.version, "1");
    for version in 2..=11 {
        refused("an empty value", client.update(id, "", ""), "invalid_argument", &[]);
        refused("another version", client.update(id, "beta", "77"), "failed_precondition", &[]);
        assert_eq!(client.update(id, "beta", "").expect("updated").version, version.to_string());
    }
}

#[test]
fn one_of_many_conditional_updates_wins() {
    let (served, client) = start();
    let id = client.add("alpha");
    let won = std::thread::scope(|scope| {
        let update = |name: &'static str| {
            let client = served.client(Protocol::ConnectProto);
            let id = &id;
            scope.spawn(move || client.update(id, name, "1").map(|_| name))
        };
        let all = ["a", "b", "c", "d", "e", "f", "g", "h"].map(update);
        all.map(|thread| thread.join().expect("thread"))
    });
    let winners: Vec<&str> = won.iter().filter_map(|result| result.as_ref().ok().copied()).collect();
    assert_eq!(winners.len(), 1, "{won:?}");
    assert!(won.iter().filter_map(|result| result.as_ref().err()).all(|error| error.code == "failed_precondition"));
    assert_eq!(values(&client, &[&id]), winners);
}

#[test]
fn a_description_names_ten_earlier_versions() {
    let (_served, client) = start();
    let mut all = vec![client.create(&CreateObjectRequest { revealable: true, ..labelled("1", &["a=b"]) })];
    let id = all[0].as_ref().expect("created").object_id.clone();
    all.extend((2..=13).map(|n: u32| client.update(&id, &n.to_string(), "")));
    let all: Vec<_> = all.into_iter().map(|made| made.expect("made")).collect();
    let described = client.describe(&id).expect("described");
    assert_eq!((&*described.value, &*described.metadata), ("13", &all[12]));
    let newest_first: Vec<_> = all[2..12].iter().rev().cloned().collect();
    assert_eq!(described.previous, newest_first);
    for pair in all.windows(2) {
        let at = |n: usize| (pair[n].created_at.seconds, pair[n].created_at.nanos);
        assert!(at(0) <= at(1) && pair[1].labels == [label("a", "b")]);
    }
}

#[test]
fn an_update_keeps_what_is_permanent() {
    let (_served, client) = start();
    let made = client.create(&labelled("alpha", &["a=b"])).expect("created");
    let updated = client.update(&made.object_id, "beta", "").expect("updated");
    assert_eq!((&updated.labels, &updated.description), (&made.labels, &made.description));
    // Neither did it become revealable.
    assert_eq!(&*client.describe(&made.object_id).expect("described").value, "");
}

#[test]
fn every_condition_of_a_list_must_hold() {
    let (_served, client) = start();
    let sets: [&[&str]; 4] = [&["env=prod", "app=web"], &["env=prod", "app=job"], &["env=dev", "app=web"], &[]];
    let made = sets.map(|labels| client.create(&labelled("alpha", labels)).expect("created").object_id);
    let prod = || condition(EQUAL, "env", "prod");
    for (filter, expected) in [
        (vec![], &[0, 1, 2, 3][..]),
        (vec![prod()], &[0, 1]),
        (vec![prod(), condition(EQUAL, "app", "web")], &[0]),
        (vec![prod(), condition(EQUAL, "env", "dev")], &[]),
        (vec![condition(NOT_EQUAL, "env", "prod")], &[2, 3]),
        (vec![condition(NOT_EQUAL, "env", "prod"), condition(EXIST, "env", "")], &[2]),
        (vec![condition(EXIST, "app", "ignored")], &[0, 1, 2]),
        (vec![condition(NOT_EQUAL, "absent", "")], &[0, 1, 2, 3]),
        (vec![condition(EQUAL, "absent", "")], &[]),
        (vec![condition(EQUAL, "env", "PROD")], &[]),
        (vec![condition(EQUAL, "env", "pro")], &[]),
    ] {
        let listed = client.list(filter.clone()).expect("listed");
        let expected: Vec<&str> = expected.iter().map(|&n: &usize| made[n].as_str()).collect();
        assert_eq!(ids(&listed), expected, "{filter:?}");
    }
    client.delete(&made[0], "").expect("deleted");
    client.update(&made[1], "beta", "").expect("updated");
    let listed = client.list(vec![prod()]).expect("listed");
    assert_eq!((ids(&listed), &*listed[0].version), (vec![&*made[1]], "2"));
}

#[test]
fn what_is_deleted_stays_deleted() {
    let (mut served, client) = start();
    let id = client.create(&revealable("alpha")).expect("created").object_id;
    client.update(&id, "beta", "").expect("updated");
    refused("the first version", client.delete(&id, "1"), "failed_precondition", &["at version 2, not 1"]);
    client.delete(&id, "2").expect("deleted");
    served.daemon.kill();
    served.daemon.launch();
    served.daemon.wait_ready();
    let described = client.describe(&id).expect("described");
    let metadata = &described.metadata;
    assert_eq!((&*metadata.version, &*described.value, described.previous.len()), ("2", "", 1));
    let at = |time: &buffa_types::google::protobuf::Timestamp| (time.seconds, time.nanos);
    assert!(at(&metadata.deleted_at) >= at(&metadata.created_at));
    refused("update", client.update(&id, "gamma", ""), "failed_precondition", &[&id, "deleted at"]);
    refused("delete", client.delete(&id, ""), "failed_precondition", &[&id, "deleted at"]);
    for pinned in [id.clone(), format!("{id}@1"), format!("{id}@2"), format!("{id}@3")] {
        let resolved = client.resolve(vec![reference("A", &pinned)]);
        refused(&pinned, resolved, "failed_precondition", &["A: ", &id, "deleted at"]);
    }
    assert!(client.list(vec![]).expect("listed").is_empty());
}
