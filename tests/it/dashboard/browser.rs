//! A person with Debian's Chromium.

use std::path::Path;

use serde_json::{Value, json};

use crate::instances::host::{Host, id};
use crate::support::engine::{Engine, IMAGE};
use crate::support::foreign::Foreign;
use crate::support::process;
use crate::support::rpc::Rpc;

use super::support::ALL;

/// With this variable the browser takes its pictures anew.
const PICTURES: &str = "AMPOULE_SCREENSHOTS";

#[allow(clippy::disallowed_methods, reason = "whether pictures are wanted only its caller can say")]
fn pictures_are_wanted() -> bool {
    std::env::var_os(PICTURES).is_some()
}

/// A container that goes on printing, with these secrets.
fn printing(name: &str, secrets: &[&String]) -> Value {
    let env: Vec<Value> = secrets
        .iter()
        .zip(["DATABASE_URL", "API_KEY"])
        .map(|(secret, name)| json!({ "name": name, "from_secret_id": secret }))
        .collect();
    let program = "trap exit TERM; n=0; while :; do n=$((n + 1)); echo \"request $n was answered\"; sleep 1; done";
    json!({ "name": name, "image_ref": IMAGE, "args": ["sh", "-c", program], "env_vars": env })
}

fn instance(purpose: &str, containers: &[Value]) -> Value {
    let labels = json!([{ "name": "env", "value": "prod" }]);
    json!({ "documented_purpose": purpose, "labels": labels, "containers": containers })
}

/// With real containers, which podman has made.
#[test]
fn every_page_works_for_a_person() {
    let listen = json!([{ "address": "127.0.0.1:0", "plaintext": true }]);
    let instances = json!({ "devbox": { "default_image": IMAGE }, "state_folder": "/run/ampoule-instances" });
    let host: Host = Host::start(&instances, &json!({ "dashboard": true, "listen": listen }));
    let socket = host.daemon.socket();
    let mut rpc = Rpc::new(&socket);
    let secrets = [
        (
            "The web's database",
            "postgres",
            json!([{ "name": "env", "value": "prod" }, { "name": "team", "value": "web" }]),
        ),
        ("Key of the payment provider", "sk_live", json!([{ "name": "env", "value": "prod" }])),
        (
            "Deploy key of the shop",
            "ssh",
            json!([{ "name": "env", "value": "dev" }, { "name": "team", "value": "shop" }]),
        ),
        ("SMTP password", "smtp", json!([])),
    ];
    let ids = secrets.map(|(description, value, labels)| {
        rpc.create(
            &json!({ "value": value, "description": description, "labels": labels, "revealable": value == "ssh" }),
        )
    });
    let shop = [printing("web-1", &[&ids[0], &ids[1]]), printing("web-2", &[&ids[0], &ids[1]])];
    let [shop, scripted, plain] = [
        instance("The web shop", &shop),
        instance("A nightly job", &[printing("job", &[&ids[1]])]),
        instance("A job by hand", &[printing("job", &[&ids[1]])]),
    ]
    .map(|request| id(&host.run(&request)));
    for name in ["api", "with-scripts", "without-scripts"] {
        let secret = format!("GITHUB_TOKEN={}", ids[2]);
        host.cli().run(&["devbox", "create", "--name", name, "--size", "S", "--secret", &secret], b"").ok();
    }
    host.cli().set(&ids[0], "postgres again");
    let mut token = |name: &str, grants: &[&str]| {
        let made = rpc.make_token(name, grants).expect("a token");
        made["bearerToken"].as_str().expect("a token").to_owned()
    };
    Rpc::with_token(&socket, &token("backup", &["vault/object:label:env=prod:list"]))
        .call("namespace.cloud.vault.v1beta.VaultService/CreateObject", &json!({ "value": "x" }))
        .expect_err("it may not");
    let below = host.engine.site().folder();
    let foreign = Foreign::prepare(below);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/screenshots");
    let link = host.cli().run(&["dashboard", "open"], b"").ok().out();
    let told = json!({
        "url": format!("http://{}", host.daemon.addresses()[0]),
        "token": token("person", &ALL),
        "link": link.trim(),
        "secret": ids[0],
        "revealable": ids[2],
        "instances": { "stays": shop, "scripted": scripted, "plain": plain },
        "screenshots": pictures_are_wanted().then_some(folder),
    });
    let mut node = foreign.node("dashboard.mjs");
    // Where a browser keeps its profile.
    node.env("HOME", below).env("TMPDIR", below);
    let ran = process::run(&mut node, told.to_string().as_bytes()).ok();
    let seen: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    assert_eq!(seen["error"], Value::Null, "{seen:#}");
    for trouble in ["console", "elsewhere", "axe", "answers"] {
        assert_eq!(seen[trouble], json!([]), "{trouble}: {seen:#}");
    }
    assert_eq!(seen["done"], true);
    let left = host.containers();
    assert_eq!(left.len(), 3, "those that were destroyed are gone: {left:?}");
    for value in ["correct-horse", "postgres again"] {
        assert!(!host.daemon.log_text().contains(value));
    }
}
