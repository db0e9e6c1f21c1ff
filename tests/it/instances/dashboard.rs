//! Instances in the dashboard.

use serde_json::json;

use super::{Host, IMAGE, id, printing};
use crate::dashboard::support::{ALL, Browser};
use crate::support::process::wait_until;
use crate::support::rpc::Rpc;

#[test]
fn instances_and_devboxes_are_seen_followed_and_ended_in_the_dashboard() {
    let listen = json!([{ "address": "127.0.0.1:0", "plaintext": true }]);
    let devbox = json!({ "devbox": { "default_image": IMAGE } });
    let host: Host = Host::start(&devbox, &json!({ "dashboard": true, "listen": listen }));
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
    // What an open page asks leaves no entry, unless it is refused.
    let described = |outcome: &str| {
        let entries = host.cli().entries("compute.instance.describe");
        entries.iter().filter(|entry| entry["attributes"]["outcome"] == outcome).count()
    };
    let before = described("ok");
    assert_eq!(reader.get(&format!("{path}/state?was=RUNNING")).status, 204);
    let changed = reader.get(&format!("{path}/state?was=CREATING")).ok();
    assert_eq!((changed.header("hx-redirect"), described("ok")), (path.as_str(), before));
    let made = Rpc::new(&host.daemon.socket()).make_token("lister", &["compute/instance:*:list"]).expect("a token");
    let mut narrow = Browser::new(host.daemon.addresses()[0]);
    assert_eq!(narrow.sign_in(made["bearerToken"].as_str().expect("a token")).status, 303);
    assert_eq!((narrow.get(&format!("{path}/state?was=RUNNING")).status, described("denied")), (404, 1));
    // A devbox that is stopped: only who may be given its secrets is offered a start.
    // It is made of what the secret's page has to paste.
    let page = browser.get(&format!("/ui/secrets/{secret}")).ok().body;
    let pasted = page.split("<summary>devbox.yaml</summary>").nth(1).expect("a snippet");
    let pasted = pasted.split("tabindex=\"0\">").nth(1).and_then(|text| text.split('<').next()).expect("a text");
    let pasted = pasted.replace("IMAGE", IMAGE);
    host.cli().run(&["devbox", "create", "--from", "-"], pasted.as_bytes()).ok();
    let path_of_box = "/ui/devboxes/box";
    assert_eq!(browser.act(&format!("{path_of_box}/stop"), &[]).header("location"), path_of_box);
    let again = browser.act(&format!("{path_of_box}/stop"), &[]);
    assert_eq!((again.status, again.header("location")), (303, path_of_box), "what is stopped is stopped");
    let buttons =
        |page: &str| ["stop", "start", "expire"].map(|verb| page.contains(&format!("{path_of_box}/{verb}\"")));
    assert_eq!(buttons(&browser.get(path_of_box).ok().body), [false, true, true]);
    assert_eq!(buttons(&reader.get(path_of_box).ok().body), [false; 3]);
    let made = Rpc::new(&host.daemon.socket()).make_token("keeper", &["compute/instance:*:*"]).expect("a token");
    let mut keeper = Browser::new(host.daemon.addresses()[0]);
    assert_eq!(keeper.sign_in(made["bearerToken"].as_str().expect("a token")).status, 303);
    let page = keeper.get(path_of_box).ok().body;
    assert!(
        buttons(&page) == [false, false, true] && page.contains("secrets that you may not have injected"),
        "{page}"
    );
    let refused = keeper.act(&format!("{path_of_box}/start"), &[]);
    assert!(refused.status == 409 && refused.body.contains("env MY_SECRET: there is no secret"), "{}", refused.body);
    assert_eq!(browser.act(&format!("{path_of_box}/start"), &[]).status, 303);
    let hesitant = browser.act(&format!("{path_of_box}/expire"), &[("confirm", "bo")]);
    assert!(hesitant.status == 400 && hesitant.body.contains("type the devbox&#39;s name"), "{}", hesitant.body);
    let expired = browser.act(&format!("{path_of_box}/expire"), &[("confirm", "box")]);
    assert_eq!(expired.header("location"), "/ui/devboxes?done=expired");
    assert!(browser.get("/ui/devboxes").ok().body.contains("No devbox"));
    assert_eq!(browser.act(&format!("{path}/destroy"), &[("sure", "yes")]).header("location"), path);
    assert_eq!(host.containers(), [""; 0]);
    let page = browser.get(&path).ok().body;
    assert!(page.contains("DESTROYED") && !page.contains("/destroy\""), "{page}");
}
