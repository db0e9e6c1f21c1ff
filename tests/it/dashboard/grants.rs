//! Whoever may do little sees no more, and gets no more.

use super::support::{ALL, Browser, network};

#[test]
fn who_may_only_list_sees_no_button_and_is_refused() {
    let network = network();
    let mut owner = Browser::signed_in(&network, "owner", &ALL);
    let id = owner.create(&[("value", "x"), ("revealable", "yes"), ("labels", "env=prod")]);
    let other = owner.create(&[("value", "x"), ("labels", "env=dev")]);
    let mut reader = Browser::signed_in(&network, "reader", &["vault/object:label:env=prod:list,describe"]);
    let list = reader.get("/ui/secrets").ok().body;
    assert!(list.contains(&id) && !list.contains(&other), "{list}");
    let page = reader.get(&format!("/ui/secrets/{id}")).ok().body;
    for button in [
        "/ui/secrets/new",
        "/set\"",
        "/reveal\"",
        "/delete\"",
        "/ui/tokens",
        "/ui/audit",
        "/ui/instances",
        "/ui/devboxes",
    ] {
        assert!(!list.contains(button) && !page.contains(button), "{button}: {page}");
        assert!(owner.get(&format!("/ui/secrets/{id}")).ok().body.contains(button) || button == "/ui/secrets/new");
    }
    for path in ["/ui/secrets/new", "/ui/tokens/new"] {
        assert_eq!(reader.get(path).status, 404, "{path}");
    }
    for path in ["/ui/audit", "/ui/audit/0", "/ui/audit/export", "/ui/tokens", "/ui/instances", "/ui/devboxes"] {
        assert_eq!(reader.get(path).status, 403, "{path}");
    }
    // Nor by asking for it directly: each time with an entry.
    let denied = |action: &str| {
        let entries = network.daemon.cli().entries(action);
        entries.iter().filter(|entry| entry["attributes"]["outcome"] == "denied").count()
    };
    let confirm = [("confirm", id.as_str()), ("expected", "1")];
    let set = [("value", "y"), ("expected", "1")];
    let grants = [("name", "more"), ("days", "1"), ("vault-object-0", "reveal")];
    for (path, fields, action, status) in [
        ("/ui/secrets/new".to_owned(), &[("value", "y")][..], "vault.object.create", 403),
        (format!("/ui/secrets/{id}/set"), &set, "vault.object.update", 404),
        (format!("/ui/secrets/{id}/delete"), &confirm, "vault.object.delete", 404),
        ("/ui/tokens/new".to_owned(), &grants, "iam.token.create", 403),
        ("/ui/tokens/tok_abcdefghijklmnopqrst/revoke".to_owned(), &[], "iam.token.revoke", 404),
        ("/ui/audit/verify".to_owned(), &[], "audit.log.list", 403),
        ("/ui/instances/inst-0000000000/destroy".to_owned(), &[("sure", "yes")], "compute.instance.destroy", 404),
        ("/ui/devboxes/box/stop".to_owned(), &[], "compute.instance.update", 404),
        ("/ui/devboxes/box/start".to_owned(), &[], "compute.instance.update", 404),
        ("/ui/devboxes/box/expire".to_owned(), &[("confirm", "box")], "compute.instance.destroy", 404),
    ] {
        let before = denied(action);
        assert_eq!(reader.act(&path, fields).status, status, "{path}");
        assert_eq!(denied(action), before + 1, "{path}");
    }
    // Without the right to it a value is not there, as for who does not ask for it.
    let page = reader.act(&format!("/ui/secrets/{id}/reveal"), &[]).ok().body;
    assert!(!page.contains("secret-value"), "{page}");
    assert!(network.daemon.cli().entries("vault.object.reveal").is_empty());
    // What may not be known of reads like what is not there.
    let [unknown, forbidden] = ["sec_abcdefghijklmnopqrst", &other].map(|id| {
        let answer = reader.get(&format!("/ui/secrets/{id}"));
        (answer.status, answer.body.replace(id, "ID"))
    });
    assert_eq!(unknown, forbidden);
}
