//! Instances in the dashboard.

use serde_json::json;

use super::{Host, id, printing};
use crate::dashboard::support::{ALL, Browser};
use crate::support::process::wait_until;
use crate::support::rpc::Rpc;

#[test]
fn an_instance_is_seen_followed_and_destroyed_in_the_dashboard() {
    let listen = json!([{ "address": "127.0.0.1:0", "plaintext": true }]);
    let host: Host = Host::start(&json!({}), &json!({ "dashboard": true, "listen": listen }));
    let secret = host.cli().add("alpha");
    let mut request = printing("DATABASE_URL", &secret);
    request["args"] = json!(["sh", "-c", "echo '<script>alert(1)</script>'; exec sleep 1000"]);
    let instance = id(&host.run(&request));
    wait_until("it has printed", || !host.logs(&instance).is_empty());
    let made = Rpc::new(&host.daemon.socket()).make_token("person", &ALL).expect("a token");
    let mut browser = Browser::new(host.daemon.addresses()[0]);
    assert_eq!(browser.sign_in(made["bearerToken"].as_str().expect("a token")).status, 303);
    let list = browser.get("/ui/instances").ok().body;
    assert!(list.contains(&instance) && list.contains("RUNNING"), "{list}");
    let path = format!("/ui/instances/{instance}");
    let page = browser.get(&path).ok().body;
    assert!(page.contains("&#60;script&#62;alert(1)&#60;/script&#62;\n") && !page.contains("<script>alert"), "{page}");
    assert!(page.contains(&secret) && page.contains(&format!("data-follow=\"{path}/logs\"")), "{page}");
    let mut tail = browser.open(&format!("{path}/logs"));
    let line = tail.line_with("web | ");
    assert!(line.ends_with("Z <script>alert(1)</script>"), "{line}");
    assert!(tail.head.contains("text/plain") && tail.head.contains("nosniff"), "{}", tail.head);
    // The secret is held by the container that really runs.
    let used = browser.get("/ui/use").ok().body;
    assert!(used.contains(&secret) && !used.contains("not seen to run"), "{used}");
    let hesitant = browser.act(&format!("{path}/destroy"), &[]);
    assert!(hesitant.status == 400 && hesitant.body.contains("tick the box"), "{}", hesitant.body);
    let mut reader = Browser::new(host.daemon.addresses()[0]);
    let few = ["compute/instance:*:list,describe"];
    let made = Rpc::new(&host.daemon.socket()).make_token("reader", &few).expect("a token");
    assert_eq!(reader.sign_in(made["bearerToken"].as_str().expect("a token")).status, 303);
    assert!(!reader.get(&path).ok().body.contains("/destroy"));
    assert_eq!(reader.act(&format!("{path}/destroy"), &[("sure", "yes")]).status, 404);
    assert_eq!(browser.act(&format!("{path}/destroy"), &[("sure", "yes")]).header("location"), path);
    assert_eq!(host.containers(), [""; 0]);
    let page = browser.get(&path).ok().body;
    assert!(page.contains("DESTROYED") && !page.contains("/destroy\""), "{page}");
}
