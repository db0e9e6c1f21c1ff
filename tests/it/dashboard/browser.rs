//! A person with Debian's Chromium.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::foreign::Foreign;
use crate::support::process;
use crate::support::rpc::Rpc;

use super::support::{ALL, network};

/// With this variable the browser takes its pictures anew.
const PICTURES: &str = "AMPOULE_SCREENSHOTS";

#[allow(clippy::disallowed_methods, reason = "whether pictures are wanted only its caller can say")]
fn pictures_are_wanted() -> bool {
    std::env::var_os(PICTURES).is_some()
}

/// What the shim would tell of a container's first process.
fn this_process() -> Value {
    let stat = fs::read_to_string("/proc/self/stat").expect("stat");
    let behind_name = stat.rsplit_once(')').expect("a name").1;
    let started: u64 = behind_name.split_whitespace().nth(19).and_then(|ticks| ticks.parse().ok()).expect("ticks");
    let namespace = fs::metadata("/proc/self/ns/pid").expect("a namespace").ino();
    json!({ "pid": std::process::id(), "started": started.to_string(), "namespace": namespace.to_string() })
}

#[test]
fn every_page_works_for_a_person() {
    let network = network();
    let mut rpc = Rpc::new(&network.daemon.socket());
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
    for (number, (name, engine, held)) in
        [("web-1", "podman", &ids[..2]), ("web-2", "podman", &ids[..2]), ("shop", "docker", &ids[1..3])]
            .iter()
            .enumerate()
    {
        let references: Vec<Value> = held
            .iter()
            .zip(["DATABASE_URL", "API_KEY"])
            .map(|(id, name)| json!({ "name": name, "object_id": id }))
            .collect();
        let id = format!("{number}c0ffee{}", "4".repeat(57));
        let container =
            json!({ "id": id, "name": name, "engine": engine, "image": "docker.io/library/web:2", "pid": 1 });
        let request = json!({ "container": container, "references": references });
        let made = rpc.call("ampoule.v1.InjectionService/Resolve", &request).expect("resolved");
        let report = json!({ "injection_id": made["injectionId"], "fate": "FATE_CREATED", "init": this_process() });
        rpc.call("ampoule.v1.InjectionService/Report", &report).expect("reported");
    }
    network.daemon.cli().set(&ids[0], "postgres again");
    Rpc::with_token(&network.daemon.socket(), &network.token("backup", &["vault/object:label:env=prod:list"]))
        .call("namespace.cloud.vault.v1beta.VaultService/CreateObject", &json!({ "value": "x" }))
        .expect_err("it may not");
    let foreign = Foreign::prepare(&network.path(""));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/screenshots");
    let told = json!({
        "url": format!("http://{}", network.http),
        "token": network.token("person", &ALL),
        "secret": ids[0],
        "screenshots": pictures_are_wanted().then_some(folder),
    });
    let mut node = foreign.node("dashboard.mjs");
    // Where a browser keeps its profile.
    node.env("HOME", network.path("")).env("TMPDIR", network.path(""));
    let ran = process::run(&mut node, told.to_string().as_bytes()).ok();
    let seen: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    assert_eq!(seen["error"], Value::Null, "{seen:#}");
    for trouble in ["console", "elsewhere", "axe", "answers"] {
        assert_eq!(seen[trouble], json!([]), "{trouble}: {seen:#}");
    }
    assert_eq!(seen["done"], true);
    for value in ["correct-horse", "postgres again"] {
        assert!(!network.daemon.log_text().contains(value));
    }
}
