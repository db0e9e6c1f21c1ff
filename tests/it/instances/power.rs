//! What an instance can't be made to give away, and what it can't do to the host.

use serde_json::{Value, json};

use super::{Host, IMAGE, Json, id, printing};
use crate::support::process::Ran;

/// A token with these grants, in a file.
pub(super) fn token(host: &Host, grants: &[&str]) -> String {
    let folder = crate::support::engine::Engine::site(&host.engine).folder();
    let tokens = std::fs::read_dir(folder).expect("a folder").count();
    let path = folder.join(format!("token{tokens}.json")).display().to_string();
    let name = format!("caller {tokens}");
    let mut args = vec!["token", "create", "--name", &name, "--token_file", &path];
    args.extend(grants.iter().flat_map(|grant| ["--grant", grant]));
    host.cli().run(&args, b"").ok();
    path
}

fn create_as(host: &Host, token: &str, request: &Value) -> Ran {
    let args = ["--token_file", token, "instance", "create", "--request", "-", "--wait", "-o", "json"];
    host.cli().run(&args, request.to_string().as_bytes())
}

#[test]
fn who_may_not_inject_a_secret_gets_it_by_no_field() {
    let host = Host::new();
    let (own, other) = (host.cli().add("alpha"), host.cli().add("beta"));
    let reference = format!("ampoule://{other}");
    let own_grant = format!("vault/object:{own}:inject");
    let token = token(&host, &["compute/instance:*:create,describe,exec,list,destroy", &own_grant]);
    let with = |field: &str, value: Value| {
        let mut request = json!({"name": "web", "image_ref": IMAGE, "args": ["sleep", "1000"]});
        request[field] = value;
        request
    };
    for request in [
        printing("A", &other),
        with("environment", json!({"A": reference})),
        with("env_vars", json!([{"name": "A", "value": reference}])),
        with("env_vars", json!([{"name": "B", "from_secret_id": own}, {"name": "A", "from_secret_id": other}])),
    ] {
        let ran = create_as(&host, &token, &request);
        assert!(ran.code() == 1 && ran.err().contains(&other), "{request}: {}", ran.err());
    }
    assert_eq!(host.containers(), [""; 0], "nothing was made");
    // An image may bring the reference along.
    let built = host.engine.call(&["create", "--name", "base", "--env", &format!("STOLEN={reference}"), IMAGE, "true"]);
    built.ok();
    host.engine.call(&["commit", "base", "localhost/thief"]).ok();
    host.engine.call(&["rm", "base"]).ok();
    let thief =
        json!({"name": "web", "image_ref": "localhost/thief", "args": ["sh", "-c", "echo $STOLEN; sleep 1000"]});
    let ran = create_as(&host, &token, &thief);
    assert_eq!(ran.code(), 1, "{}", ran.out());
    assert!(!ran.err().contains("beta"), "{}", ran.err());
    // What the same image asks for is given to whoever may inject it, once the request says so.
    let mut honest = thief.clone();
    honest["env_vars"] = json!([{"name": "STOLEN", "from_secret_id": own}]);
    let instance = id(&create_as(&host, &token, &honest).json());
    let exec = |more: &[&str]| {
        let args = [&["--token_file", &token, "instance", "exec", &instance], more].concat();
        host.cli().run(&args, b"")
    };
    assert_eq!(exec(&["--", "sh", "-c", "echo $STOLEN"]).ok().out(), "alpha\n");
    let stealing = exec(&["--secret", &format!("X={other}"), "--", "sh", "-c", "echo $X"]);
    assert!(stealing.code() == 1 && !stealing.out().contains("beta"), "{} {}", stealing.out(), stealing.err());
    let denied: Vec<_> =
        host.cli().audit().into_iter().filter(|entry| entry["attributes"]["outcome"] == "denied").collect();
    assert!(denied.len() >= 5, "{denied:?}");
}

#[test]
fn what_has_power_over_the_host_is_for_the_settings_to_allow() {
    let host = Host::new();
    let with = |field: &str, value: Value| {
        let mut request = json!({"name": "web", "image_ref": IMAGE, "args": ["sleep", "1000"]});
        request[field] = value;
        request
    };
    for (named, request) in [
        ("privileged", with("privileged", json!(true))),
        ("cap_add", with("experimental", json!({"cap_add": ["SYS_ADMIN"]}))),
        ("HOST", with("network", json!("HOST"))),
        ("/dev/kvm", with("experimental", json!({"devices": ["/dev/kvm"]}))),
        ("/etc", with("experimental", json!({"host_mount": [{"host_path": "/etc", "container_path": "/host"}]}))),
        ("docker_sock_path", with("docker_sock_path", json!("/run/docker.sock"))),
    ] {
        let ran = host.create(&request, &[]);
        assert_eq!(ran.code(), 1, "{named}");
        assert!(ran.err().contains(named) && ran.err().contains("instances."), "{named}: {}", ran.err());
    }
    // All of it is told at once, each with its place.
    let mut all = with("experimental", json!({"cap_add": ["SYS_ADMIN"], "devices": ["/dev/kvm"]}));
    all["privileged"] = json!(true);
    let told = host.create(&all, &[]).err();
    for path in ["privileged", "experimental.cap_add", "experimental.devices[0]"] {
        assert!(told.contains(&format!("containers[0].{path}: ")), "{told}");
    }
    assert_eq!(host.containers(), [""; 0]);
}
