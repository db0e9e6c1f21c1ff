//! The token that containers find in the folder of `nsc_state_path`.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Host, IMAGE, Json, id};
use crate::canary::places;
use crate::support::engine::{Engine, Podman};
use crate::support::process::{Ran, wait_until};
use crate::support::rig::temporary_folder;
use crate::support::rpc::Rpc;
use crate::support::search::Needle;

/// On a tmpfs in the realm, as a machine's own is.
const FOLDER: &str = "/run/ampoule-tokens";

/// Somebody who calls with a token.
struct Caller<'a> {
    host: &'a Host<Podman>,
    folder: TempDir,
}

impl<'a> Caller<'a> {
    fn new(host: &'a Host<Podman>, bearer: &str) -> Self {
        let folder = temporary_folder();
        fs::write(folder.path().join("token"), json!({ "bearer_token": bearer }).to_string()).expect("written");
        Self { host, folder }
    }

    fn call(&self, args: &[&str], input: &Value) -> Ran {
        let file = self.folder.path().join("token").display().to_string();
        self.host.cli().run(&[&["--token_file", &file], args].concat(), input.to_string().as_bytes())
    }

    #[track_caller]
    fn is_nobody(&self) {
        let ran = self.call(&["instance", "list"], &Value::Null);
        assert!(ran.code() == 1 && ran.err().contains("bearer token"), "{} {}", ran.out(), ran.err());
    }
}

fn make_token(host: &Host<Podman>, grants: &[&str]) -> String {
    let grants = grants.iter().flat_map(|grant| ["--grant", grant]);
    let args: Vec<_> = ["token", "create", "--name", "maker", "-o", "json"].into_iter().chain(grants).collect();
    host.cli().run(&args, b"").json()["bearer_token"].as_str().expect("a token").to_owned()
}

fn bearer(file: &str) -> String {
    let file: Value = serde_json::from_str(file).expect("a token file");
    file["bearer_token"].as_str().expect("a token").to_owned()
}

/// A container of a user that is not root and that calls the daemon, by the host's network.
fn request(secret: &str) -> Value {
    json!({"containers": [{
        "name": "web",
        "image_ref": "localhost/of-a-user",
        "args": ["sleep", "1000"],
        "network": "HOST",
        "nsc_state_path": "/var/run/nsc",
        "env_vars": [{"name": "A", "from_secret_id": secret}],
    }]})
}

#[test]
fn a_container_finds_a_token_that_is_its_instances_alone_and_ends_with_it() {
    let listen = json!({"listen": [{"address": "127.0.0.1:0", "plaintext": true}]});
    let mut host: Host<Podman> = Host::start(&json!({"state_folder": FOLDER, "allow_privileged": true}), &listen);
    host.engine.call(&["create", "--name", "base", IMAGE, "true"]).ok();
    host.engine.call(&["commit", "--change", "USER 1000", "base", "localhost/of-a-user"]).ok();
    host.engine.call(&["rm", "base"]).ok();
    let secret = host.cli().add("alpha");
    let inject = format!("vault/object:{secret}:inject");
    let maker = make_token(&host, &["compute/instance:*:create,describe,exec,destroy", &inject]);
    let made = Caller::new(&host, &maker)
        .call(&["instance", "create", "--request", "-", "--wait", "-o", "json"], &request(&secret));
    let made = made.json();
    let (instance, container) = (id(&made), made["containers"][0]["id"].as_str().expect("an id").to_owned());
    let other = id(&host.run(&json!({"name": "other", "image_ref": IMAGE, "args": ["sleep", "1000"]})));
    let inside = |host: &Host<Podman>, command: &str| {
        host.cli().run(&["instance", "exec", &instance, "--", "sh", "-c", command], b"").ok().out()
    };

    // In the container, for its user: not to be written, and of use.
    assert_eq!(inside(&host, "id -u; echo $NSC_TOKEN_FILE"), "1000\n/var/run/nsc/token.json\n");
    let token = bearer(&inside(&host, "cat $NSC_TOKEN_FILE"));
    assert_eq!(inside(&host, "echo x 2>/dev/null >/var/run/nsc/token.json || echo refused"), "refused\n");
    let [address] = host.daemon.addresses()[..] else { panic!("one address") };
    let call = format!(
        "wget -qO- --header 'Content-Type: application/json' --post-data '{{\"instanceId\": \"{instance}\"}}' --header \
         \"Authorization: Bearer $(cut -d'\"' -f4 $NSC_TOKEN_FILE)\" \
         http://{address}/namespace.cloud.compute.v1beta.ComputeService/DescribeInstance"
    );
    let answer: Value = serde_json::from_str(&inside(&host, &call)).expect("JSON");
    assert_eq!(answer["metadata"]["instanceId"], json!(instance));

    // It is in memory alone.
    let needle = Needle::new(token.clone());
    let found = places(&needle, &host.engine, &container);
    let is_the_file = |path: &std::path::PathBuf| path.to_string_lossy().contains(FOLDER);
    assert!(found.len() == 1 && found.iter().all(is_the_file), "{found:?}");

    // What its maker may do to the instance, and nothing else.
    let holder = Caller::new(&host, &token);
    holder.call(&["instance", "describe", &instance], &Value::Null).ok();
    assert_eq!(holder.call(&["instance", "exec", &instance, "--", "id", "-u"], &Value::Null).ok().out(), "1000\n");
    let b = format!("B={secret}");
    for refused in [
        &["instance", "extend", &instance, "--by", "1h"][..],
        &["instance", "exec", &instance, "--secret", &b, "--", "true"],
        &["instance", "describe", &other],
        &["instance", "destroy", &other],
        &["instance", "exec", &other, "--", "true"],
        &["instance", "create", "--request", "-"],
        &["vault", "list"],
        &["vault", "describe", "--object_id", &secret],
        &["token", "list"],
        &["audit", "list"],
    ] {
        let ran = holder.call(refused, &request(&secret));
        assert_eq!(ran.code(), 1, "{refused:?}: {}", ran.out());
    }
    let mut rpc = Rpc::with_token(&host.daemon.socket(), &token);
    let more = rpc.make_token("more", &[&format!("compute/instance:{instance}:describe")]);
    assert_eq!(more.expect_err("no token of a token").code, "permission_denied");
    drop(holder);

    // Whatever happens to the daemon meanwhile.
    host.daemon.kill();
    host.launch();
    assert_eq!(bearer(&inside(&host, "cat $NSC_TOKEN_FILE")), token);
    let holder = Caller::new(&host, &token);
    holder.call(&["instance", "describe", &instance], &Value::Null).ok();
    host.destroy(&instance);
    holder.is_nobody();
    let found = places(&needle, &host.engine, &other);
    assert!(found.is_empty(), "{found:?}");
    drop(holder);

    // One that the daemon was killed over, and one that fails.
    let killed = id(&host.create(&request(&secret), &["--wait"]).json());
    let args = ["instance", "exec", &killed, "--", "cat", "/var/run/nsc/token.json"];
    let token = bearer(&host.cli().run(&args, b"").ok().out());
    let mut failing = request(&secret);
    failing["containers"][0]["args"] = json!(["sh", "-c", "cat $NSC_TOKEN_FILE; exit 1"]);
    failing["containers"][0]["workload_type"] = json!("SERVICE");
    let failing = id(&host.create(&failing, &[]).json());
    host.wait_for_status(&failing, "ERROR");
    Caller::new(&host, &bearer(&host.logs(&failing))).is_nobody();
    host.daemon.kill();
    host.engine.call(&["rm", "--force", "--time", "0", &format!("{killed}-web")]).ok();
    host.launch();
    host.wait_for_status(&killed, "ERROR");
    Caller::new(&host, &token).is_nobody();
    let left = host.engine.site().realm.outside(FOLDER);
    let vault = fs::read_dir(left).expect("a folder").flatten().next().expect("the vault's").path();
    wait_until("no file is left", || fs::read_dir(&vault).expect("a folder").next().is_none());
}

#[test]
fn a_token_is_not_made_where_it_would_lie_on_a_disk_or_could_do_nothing() {
    let host = Host::new();
    let request = json!({"name": "web", "image_ref": IMAGE, "args": ["true"], "nsc_state_path": "/var/run/nsc"});
    let refused = host.create(&request, &[]);
    assert!(refused.code() == 1 && refused.err().contains("instances.state_folder"), "{}", refused.err());
    let host: Host = Host::with_settings(&json!({"state_folder": FOLDER}));
    let maker = make_token(&host, &["compute/instance:*:create"]);
    let refused = Caller::new(&host, &maker).call(&["instance", "create", "--request", "-"], &request);
    assert!(refused.code() == 1 && refused.err().contains("you may do nothing with the instance"), "{}", refused.err());
    assert_eq!(host.containers(), [""; 0]);
}
