//! What a secret can be made of, and what is refused.

use ampoule_proto::messages::namespace::cloud::vault::v1beta::CreateObjectRequest;

use serde_json::{Value, json};

use super::{start, values};
use crate::support::rpc::{Rpc, RpcError};
use crate::support::wire::messages::{label, labelled, secret};
use crate::support::wire::refused;

#[test]
fn values_have_1_byte_to_64_kib() {
    let (_served, client) = start();
    let longest = "ä".repeat(32 * 1024);
    for value in ["x", " ", "\n", "ä\"'$`\\\r\n\t\u{7f}", &longest] {
        let id = client.add(value);
        assert!(values(&client, &[&id]) == [value], "{} bytes", value.len());
        client.update(&id, value, "").expect("updated");
        assert!(values(&client, &[&id]) == [value], "{} bytes", value.len());
    }
}

#[test]
fn other_values_are_refused_and_change_nothing() {
    let (_served, client) = start();
    let id = client.add("alpha");
    let before = client.list(vec![]).expect("listed");
    let longer = "ä".repeat(32 * 1024) + "x";
    for (value, named) in
        [("", &["empty", "1 byte"][..]), (&longer, &["65537", "65536"]), ("a\0b", &["NUL", "base64"]), ("\0", &["NUL"])]
    {
        refused(named[0], client.create(&secret(value)), "invalid_argument", named);
        refused(named[0], client.update(&id, value, ""), "invalid_argument", named);
    }
    // Fields 2 of CreateObjectRequest and UpdateObjectRequest, which no typed client can fill with this.
    let (create, update) = (b"\x12\x02\xff\xfe".to_vec(), [b"\x0a\x1d", id.as_bytes(), b"\x12\x02\xff\xfe"].concat());
    for (method, body) in [("CreateObject", create), ("UpdateObject", update)] {
        let path = format!("/namespace.cloud.vault.v1beta.VaultService/{method}");
        refused(method, client.send(&path, &body), "invalid_argument", &["UTF-8"]);
    }
    assert_eq!(client.list(vec![]).expect("listed"), before);
    assert_eq!(values(&client, &[&id]), ["alpha"]);
}

#[test]
fn descriptions_have_at_most_4_kib() {
    let (_served, client) = start();
    let described = |description: &str| {
        client.create(&CreateObjectRequest { description: description.to_owned(), ..secret("alpha") })
    };
    for text in ["", "line\nline", &"ä".repeat(2048)] {
        let made = described(text).expect("created");
        assert!(
            made.description == text && client.describe(&made.object_id).expect("described").metadata == made.into()
        );
    }
    refused("too long", described(&("ä".repeat(2048) + "x")), "invalid_argument", &["description", "4097", "4096"]);
    refused("NUL", described("a\0b"), "invalid_argument", &["description", "NUL"]);
    assert_eq!(client.list(vec![]).expect("listed").len(), 3);
}

#[test]
fn labels_follow_their_rules() {
    let (_served, client) = start();
    let (name, value) = ("a".repeat(63), "ä".repeat(127) + "x");
    let good = [label("a", ""), label("a.b-c.1", "any thing=\n"), label(&name, &value)];
    let made = client.create(&CreateObjectRequest { labels: good.to_vec(), ..secret("alpha") }).expect("created");
    assert_eq!(made.labels, good);
    let (name, value) = ("a".repeat(64), value + "x");
    for bad in ["", "A", "aB", "1a", "-a", ".a", "a-", "a.", "a_b", "ä", "a b", "a\0", &name] {
        let request = CreateObjectRequest { labels: vec![label(bad, "x")], ..secret("alpha") };
        refused(&format!("{bad:?}"), client.create(&request), "invalid_argument", &["label name", "beginning with"]);
    }
    for bad in [value.as_str(), "a\0b"] {
        let request = CreateObjectRequest { labels: vec![label("a", bad)], ..secret("alpha") };
        refused("a long value", client.create(&request), "invalid_argument", &["label \"a\"", "255"]);
    }
    let labels = |count| (0..count).map(|n| label(&format!("l{n}"), "x")).collect();
    client.create(&CreateObjectRequest { labels: labels(64), ..secret("alpha") }).expect("created");
    let request = CreateObjectRequest { labels: labels(65), ..secret("alpha") };
    refused("too many", client.create(&request), "invalid_argument", &["65 labels", "64"]);
    refused("twice", client.create(&labelled("alpha", &["a=1", "a=2"])), "invalid_argument", &["\"a\"", "twice"]);
    assert_eq!(client.list(vec![]).expect("listed").len(), 2);
}

/// The log keeps it for ever.
#[test]
fn what_is_said_of_a_container_is_short() {
    let (served, client) = start();
    let id = client.add("alpha");
    let mut rpc = Rpc::new(&served.daemon.socket());
    let mut resolve = |container: &Value| {
        let references = json!([{ "name": "A", "object_id": id }]);
        let request = json!({ "container": container, "references": references });
        rpc.call("ampoule.v1.InjectionService/Resolve", &request)
    };
    for (field, most) in [("id", 512), ("bundle", 4096), ("engine", 512), ("image", 512), ("runtime", 512)] {
        resolve(&json!({ field: "x".repeat(most) })).expect(field);
        let before = client.audit().len();
        let longer = resolve(&json!({ field: "x".repeat(most + 1) })).expect_err(field);
        let parts = [format!("container.{field}"), (most + 1).to_string(), most.to_string()];
        let tells = |error: &RpcError| parts.iter().all(|part| error.message.contains(part));
        assert!(longer.code == "invalid_argument" && tells(&longer), "{longer}");
        for control in ["\u{1}", "a\nb", "\u{9b}"] {
            let refused = resolve(&json!({ field: control })).expect_err(field);
            let told = format!("container.{field} has a control character");
            assert!(refused.code == "invalid_argument" && refused.message.contains(&told), "{refused}");
        }
        assert_eq!(client.audit().len(), before, "{field}");
    }
}
