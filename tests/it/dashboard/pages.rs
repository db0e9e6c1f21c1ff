//! What people do on the pages.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::support::rpc::Rpc;

use super::support::{ALL, Browser, network};

#[test]
fn two_people_change_a_secret_at_once_and_neither_loses_anything() {
    let network = network();
    let [mut one, mut two] = ["one", "two"].map(|name| Browser::signed_in(&network, name, &ALL));
    let id = one.create(&[("value", "first")]);
    let set = format!("/ui/secrets/{id}/set");
    let [seen, also_seen] = [&mut one, &mut two].map(|browser| browser.get(&set).ok().field("expected"));
    assert_eq!((seen.as_str(), also_seen.as_str()), ("1", "1"));
    let stored = one.act(&set, &[("value", "of one"), ("expected", &seen)]);
    assert_eq!(stored.header("location"), format!("/ui/secrets/{id}?done=set"));
    let conflict = two.act(&set, &[("value", "of two"), ("expected", &also_seen)]);
    assert_eq!(conflict.status, 409);
    assert!(conflict.body.contains("Somebody was quicker") && conflict.body.contains("6 bytes"), "{}", conflict.body);
    assert!(conflict.body.contains("<span class=\"mono\">tok_"), "who it was: {}", conflict.body);
    assert!(!conflict.body.contains("of two") && !conflict.body.contains("of one"), "{}", conflict.body);
    let mut rpc = Rpc::new(&network.daemon.socket());
    assert_eq!(rpc.resolve(&id).expect("resolved"), "of one", "nothing was overwritten");
    let (kept, expected) = (conflict.field("kept"), conflict.field("expected"));
    assert_eq!(expected, "2");
    // It is given back to its own session alone.
    assert_eq!(one.act(&set, &[("kept", &kept), ("expected", "2")]).status, 400);
    assert_eq!(two.act(&set, &[("kept", &kept), ("expected", &expected)]).status, 303);
    assert_eq!(rpc.resolve(&id).expect("resolved"), "of two");
}

#[test]
fn a_secret_is_deleted_only_by_its_name() {
    let network = network();
    let mut browser = Browser::signed_in(&network, "person", &ALL);
    let id = browser.create(&[("value", "x"), ("description", "the web's")]);
    let container = json!({ "id": "c1", "name": "web", "pid": 1 });
    let request = json!({ "container": container, "references": [{ "name": "A", "object_id": id }] });
    Rpc::new(&network.daemon.socket()).call("ampoule.v1.InjectionService/Resolve", &request).expect("resolved");
    let page = browser.get(&format!("/ui/secrets/{id}/delete")).ok().body;
    assert!(page.contains("1 running container holds it") && page.contains("web"), "{page}");
    for confirm in ["", "yes", &id[..10]] {
        let answer = browser.act(&format!("/ui/secrets/{id}/delete"), &[("confirm", confirm), ("expected", "1")]);
        assert!(answer.status == 400 && answer.body.contains("type the secret&#39;s whole id"), "{}", answer.body);
    }
    let answer = browser.act(&format!("/ui/secrets/{id}/delete"), &[("confirm", &id), ("expected", "1")]);
    assert_eq!(answer.header("location"), format!("/ui/secrets/{id}?done=deleted"));
    let page = browser.get(&format!("/ui/secrets/{id}")).ok().body;
    assert!(page.contains("<strong>Deleted</strong>") && !page.contains("/set\""), "{page}");
    assert!(!browser.get("/ui/secrets").ok().body.contains(&id));
    // The container still holds it: that is stale.
    let page = browser.get("/ui/use?show=stale").ok().body;
    assert!(page.contains("To be restarted") && page.contains("<svg") && page.contains("class=\"old\""), "{page}");
}

#[test]
fn the_list_is_searched_filtered_sorted_and_paged() {
    let network = network();
    let mut rpc = Rpc::new(&network.daemon.socket());
    let ids: Vec<String> = (0..120)
        .map(|number| {
            let label = json!({ "name": "shard", "value": (number % 2).to_string() });
            rpc.create(&json!({ "value": "x", "description": format!("Number {number:03}"), "labels": [label] }))
        })
        .collect();
    let mut browser = Browser::signed_in(&network, "person", &ALL);
    let walk = |browser: &mut Browser, path: &str| {
        let (mut path, mut seen) = (path.to_owned(), Vec::new());
        loop {
            let body = browser.get(&path).ok().body;
            let rows = body.split("href=\"/ui/secrets/sec_").skip(1);
            seen.extend(rows.map(|row| format!("sec_{}", row.split('"').next().expect("an id"))));
            assert!(body.len() < 150 << 10, "{} bytes", body.len());
            let Some((before, _)) = body.split_once("\">Next page") else { return seen };
            path = before.rsplit("href=\"").next().expect("an address").replace("&#38;", "&");
        }
    };
    let mut newest_first = ids.clone();
    newest_first.reverse();
    assert_eq!(walk(&mut browser, "/ui/secrets"), newest_first);
    assert_eq!(walk(&mut browser, "/ui/secrets?sort=oldest"), ids);
    let odd: Vec<String> = ids.iter().skip(1).step_by(2).cloned().collect();
    assert_eq!(walk(&mut browser, "/ui/secrets?label=shard%3D1&sort=oldest"), odd);
    assert_eq!(walk(&mut browser, "/ui/secrets?q=number+07&sort=oldest"), ids[70..80]);
    assert_eq!(walk(&mut browser, &format!("/ui/secrets?q={}", ids[5])), ids[5..6]);
    assert!(browser.get("/ui/secrets?q=nothing").ok().body.contains("Nothing found here"));
    // In other orders none is missing and none is twice.
    let mut by_id = ids.clone();
    by_id.sort();
    assert_eq!(walk(&mut browser, "/ui/secrets?sort=id"), by_id);
    let bare = rpc.create(&json!({ "value": "x" }));
    let low = rpc.create(&json!({ "value": "x", "description": "number 000 and a half" }));
    let mut described = ids.clone();
    described.insert(1, low.clone());
    described.push(bare.clone());
    assert_eq!(walk(&mut browser, "/ui/secrets?sort=description"), described, "whatever the case; the others last");
    let front = |front: &[&String]| -> Vec<String> {
        let rest = [&low, &bare].into_iter().chain(&newest_first).filter(|id| !front.contains(id));
        front.iter().copied().chain(rest).cloned().collect()
    };
    for id in [&ids[9], &ids[9], &ids[70]] {
        network.daemon.cli().set(id, "y");
    }
    assert_eq!(walk(&mut browser, "/ui/secrets?sort=version"), front(&[&ids[9], &ids[70]]));
    for (container, held) in [("a", vec![&ids[3]]), ("b", vec![&ids[4]]), ("c", vec![&ids[3]])] {
        let references: Vec<_> = held.iter().map(|id| json!({ "name": "A", "object_id": id })).collect();
        let request = json!({ "container": { "id": container, "pid": 1 }, "references": references });
        rpc.call("ampoule.v1.InjectionService/Resolve", &request).expect("resolved");
    }
    for order in ["held", "accessed"] {
        assert_eq!(walk(&mut browser, &format!("/ui/secrets?sort={order}")), front(&[&ids[3], &ids[4]]), "{order}");
    }
    let fifty: Vec<&String> = ids[20..80].iter().collect();
    for id in &fifty {
        rpc.resolve(id).expect("resolved");
    }
    let order: Vec<&String> = fifty.into_iter().rev().chain([&ids[3], &ids[4]]).collect();
    assert_eq!(walk(&mut browser, "/ui/secrets?sort=accessed"), front(&order), "over pages");
    assert_eq!(walk(&mut browser, "/ui/secrets?sort=held").len(), 122);
}

#[test]
fn a_token_is_made_shown_once_and_revoked() {
    let network = network();
    let mut browser = Browser::signed_in(&network, "person", &ALL);
    let fields = [
        ("name", "ci"),
        ("days", "7"),
        ("vault-object-0", "inject"),
        ("vault-object-0", "describe"),
        ("vault-object-0-which", "label:env=prod"),
    ];
    let none = browser.act("/ui/tokens/new", &fields[..2]);
    assert!(none.status == 400 && none.body.contains("no grant is chosen") && none.body.contains("value=\"ci\""));
    let made = browser.act("/ui/tokens/new", &fields).ok().body;
    let token = made.split_once("id=\"token\">").expect("a token").1.split('<').next().expect("an end").to_owned();
    assert!(token.starts_with("amp_") && made.contains("vault/object:label:env=prod:inject,describe"), "{made}");
    let again = browser.act("/ui/tokens/new", &fields);
    assert!(again.status == 409 && again.body.contains("checked"), "what was chosen is kept: {}", again.body);
    let list = browser.get("/ui/tokens").ok().body;
    assert!(list.contains("<strong>ci</strong>") && !list.contains(&token), "{list}");
    let row = list.split("<tr>").find(|row| row.contains("<strong>ci</strong>")).expect("its row");
    let revoke = row.split("href=\"").nth(1).expect("a link").split('"').next().expect("an end").to_owned();
    let mut its_holder = Browser::new(network.http);
    assert_eq!(its_holder.sign_in(&token).status, 303);
    browser.get(&revoke).ok();
    assert_eq!(browser.act(&revoke, &[]).header("location"), "/ui/tokens?done=revoked");
    assert_eq!(its_holder.get("/ui/").status, 303, "its session ends with it");
    assert!(browser.get("/ui/tokens?show=all").ok().body.contains("revoked"));
}

#[test]
fn the_log_is_filtered_proved_checked_and_exported() {
    let network = network();
    let mut browser = Browser::signed_in(&network, "person", &ALL);
    let id = browser.create(&[("value", "x")]);
    browser.create(&[("value", "y")]);
    Browser::signed_in(&network, "few", &["vault/object:*:list"]).act("/ui/secrets/new", &[("value", "z")]);
    let body = browser.get("/ui/audit").ok().body;
    assert!(body.contains("hx-trigger=\"every 5s\"") && body.contains("vault.object.create"), "{body}");
    let about = browser.get(&format!("/ui/audit?object={id}&action=vault.object.create")).ok().body;
    assert_eq!(about.matches("aria-label=\"Entry ").count(), 1, "{about}");
    let denied = browser.get("/ui/audit?outcome=denied").ok().body;
    assert_eq!(denied.matches("aria-label=\"Entry ").count(), 1, "{denied}");
    assert!(browser.get("/ui/audit?since=2001-01-01T00:00&until=2002-01-01T00:00").ok().body.contains("No entry"));
    assert!(browser.get("/ui/audit?since=soon").ok().body.contains("not a time"));
    let entry =
        about.split_once("aria-label=\"Entry ").expect("an entry").1.split('"').next().expect("an end").to_owned();
    let page = browser.get(&format!("/ui/audit/{entry}")).ok().body;
    assert!(page.contains("attributes.outcome") && page.contains("ampoule/tenant_"), "{page}");
    assert_eq!(browser.get("/ui/audit/999999").status, 400);
    assert_eq!(browser.act("/ui/audit/verify", &[]).header("location"), "/ui/audit?done=verified");
    let checked = browser.get("/ui/audit?done=verified").ok().body;
    assert!(checked.contains("was computed anew") && checked.contains("The signed checkpoint holds"), "{checked}");
    // What the daemon sees around it is on the overview, for who may read the log.
    fs::set_permissions(network.daemon.state().join("root.key"), Permissions::from_mode(0o444)).expect("a mode");
    let overview = browser.get("/ui/").ok().body;
    assert!(overview.contains("<strong>root key:</strong> others may read /") && overview.contains("chmod 0400"));
    let few = Browser::signed_in(&network, "fewer", &["vault/object:*:list"]).get("/ui/").ok().body;
    assert!(!few.contains("root.key"), "{few}");
    let export = browser.get(&format!("/ui/audit/export?object={id}")).ok();
    assert!(export.header("content-disposition").contains("audit.jsonl"));
    let lines: Vec<&str> = export.body.lines().filter(|line| line.starts_with('{')).collect();
    assert!(!lines.is_empty() && lines.iter().all(|line| line.contains(&id)), "{}", export.body);
    let parsed: serde_json::Value = serde_json::from_str(lines[0]).expect("JSON");
    assert_eq!((parsed["index"].to_string(), &parsed["entry"]["action"]), (entry, &"vault.object.create".into()));
}
