//! Many instances at once.

use std::thread;

use serde_json::json;

use super::{Host, Json, id, printing};

const MANY: usize = 50;

#[test]
fn fifty_at_once_all_run_and_all_end() {
    let host = Host::new();
    let secret = host.cli().add("alpha");
    let mut request = json!({"containers": [printing("A", &secret)], "labels": [{"name": "crowd", "value": "yes"}]});
    request["containers"][0]["args"] = json!(["sh", "-c", "trap exit TERM; while :; do sleep 1; done"]);
    let each = |work: &(dyn Fn(usize) -> String + Sync)| -> Vec<String> {
        thread::scope(|scope| {
            let threads: Vec<_> = (0..MANY).map(|place| scope.spawn(move || work(place))).collect();
            threads.into_iter().map(|thread| thread.join().expect("it works")).collect()
        })
    };
    let ids = each(&|_| id(&host.run(&request)));
    let listed = host.cli().run(&["instance", "list", "-o", "json"], b"").json();
    let listed = listed.as_array().expect("a list");
    assert_eq!(listed.len(), MANY);
    assert!(listed.iter().all(|instance| instance["status"] == "RUNNING"), "{listed:?}");
    assert_eq!(host.containers().len(), MANY);
    for one in [&ids[0], &ids[MANY - 1]] {
        assert_eq!(host.cli().run(&["instance", "exec", one, "--", "sh", "-c", "echo $A"], b"").ok().out(), "alpha\n");
    }
    each(&|place| {
        host.destroy(&ids[place]);
        String::new()
    });
    assert_eq!(host.containers(), [""; 0]);
    assert_eq!(host.cli().run(&["instance", "list", "-o", "json"], b"").json(), json!([]));
}
