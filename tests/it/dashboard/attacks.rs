//! Attacks, as raw requests. Each fails if its defence is taken away.

use serde_json::json;

use crate::support::rpc::Rpc;

use super::support::{ALL, Browser, network};

#[test]
fn a_form_of_another_site_does_nothing() {
    let network = network();
    let mut browser = Browser::signed_in(&network, "person", &ALL);
    let csrf = browser.get("/ui/secrets/new").ok().field("csrf");
    let fields = [("value", "x"), ("csrf", csrf.as_str())];
    let ours = browser.origin();
    let port = network.http.port();
    let others = [
        vec![("Origin", "https://evil.example".to_owned())],
        vec![("Origin", format!("http://127.0.0.2:{port}"))],
        vec![("Origin", "null".to_owned())],
        // The same host, but another listener: it is another origin.
        vec![("Origin", format!("https://127.0.0.1:{port}"))],
        vec![("Origin", format!("{ours}.evil.example"))],
        vec![("Origin", ours.clone()), ("Sec-Fetch-Site", "cross-site".to_owned())],
        vec![("Origin", ours.clone()), ("Sec-Fetch-Site", "same-site".to_owned())],
        vec![("Sec-Fetch-Site", "none".to_owned())],
        vec![],
    ];
    for headers in &others {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let answer = browser.post_with("/ui/secrets/new", &fields, &headers);
        assert_eq!(answer.status, 403, "{headers:?}");
        assert!(answer.body.contains("Nothing was done"), "{}", answer.body);
        assert_eq!(browser.post_with("/ui/sign-in", &[("token", "x")], &headers).status, 403, "{headers:?}");
    }
    // From our own origin, but without this session's token.
    let stranger = Browser::signed_in(&network, "stranger", &ALL).get("/ui/session").ok().field("csrf");
    for csrf in ["", "x", &stranger] {
        assert_eq!(browser.post("/ui/secrets/new", &[("value", "x"), ("csrf", csrf)]).status, 403, "{csrf}");
    }
    assert_eq!(network.daemon.cli().list(), json!([]), "nothing was stored");
    assert_eq!(browser.post("/ui/secrets/new", &fields).status, 303);
    // Nothing is done by a GET.
    let id = browser.create(&[("value", "y"), ("revealable", "yes")]);
    assert_eq!(browser.get(&format!("/ui/secrets/{id}/reveal?csrf={csrf}")).status, 405);
    browser.get(&format!("/ui/secrets/{id}/delete?confirm={id}&csrf={csrf}")).ok();
    browser.get(&format!("/ui/secrets/{id}")).ok();
}

/// Whoever has put a cookie into a browser before its user signs in has nothing by it.
#[test]
fn a_session_that_was_there_before_is_not_taken_over() {
    let network = network();
    let token = network.token("person", &ALL);
    let mut attacker = Browser::signed_in(&network, "attacker", &["vault/object:*:list"]);
    let planted = attacker.cookies["ampoule"].clone();
    let mut victim = Browser::new(network.http);
    for value in [planted.clone(), "a-name-that-the-attacker-made-up".to_owned()] {
        victim.cookies = [("ampoule".to_owned(), value.clone())].into();
        assert_eq!(victim.sign_in(&token).status, 303);
        assert_ne!(victim.cookies["ampoule"], value, "a new name");
        attacker.cookies = [("ampoule".to_owned(), value)].into();
        assert_eq!(attacker.get("/ui/").status, 303, "the old name is nobody's");
    }
    // One cookie beside another: which of them is ours can't be told, so neither counts.
    let header = format!("ampoule={}; ampoule={planted}", victim.cookies["ampoule"]);
    let mut both = Browser::new(network.http);
    assert_eq!(both.send("GET", "/ui/", &[("Cookie", &header)], "").status, 303);
}

#[test]
fn every_answer_forbids_what_pages_do_not_need() {
    let network = network();
    let mut browser = Browser::signed_in(&network, "person", &ALL);
    let id = browser.create(&[("value", "x")]);
    let mut stranger = Browser::new(network.http);
    let mut answers = vec![stranger.get("/ui/sign-in"), stranger.get("/ui/"), stranger.get("/ui/../etc/passwd")];
    for path in
        ["", "secrets", "secrets/new", "use", "audit", "audit/0", "tokens", "tokens/new", "instances", "session"]
    {
        answers.push(browser.get(&format!("/ui/{path}")).ok());
    }
    answers.push(browser.get(&format!("/ui/secrets/{id}")).ok());
    answers.push(browser.get("/ui/nothing"));
    answers.push(browser.post("/ui/secrets/new", &[]));
    for answer in &answers {
        let policy = answer.header("content-security-policy");
        for part in [
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; ",
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{}", answer.head);
        }
        for (name, text) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.headers(name), [text], "{}", answer.head);
        }
        for inline in ["<style", " style=", "javascript:", " onclick=", " onload=", "<script>", "hx-on"] {
            assert!(!answer.body.contains(inline), "{inline}: {}", answer.body);
        }
        for elsewhere in ["src=\"http", "href=\"http", "src=\"//", "url(http"] {
            assert!(!answer.body.contains(elsewhere), "{elsewhere}: {}", answer.body);
        }
    }
}

#[test]
fn what_others_have_written_is_shown_as_it_is() {
    const EVIL: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}";
    let network = network();
    let mut browser = Browser::signed_in(&network, "person", &ALL);
    let id = browser.create(&[("value", "x"), ("description", EVIL), ("labels", "note=<script>alert(3)</script>")]);
    let mut rpc = Rpc::new(&network.daemon.socket());
    let container = json!({ "id": EVIL, "name": EVIL, "engine": EVIL, "image": EVIL, "bundle": "/b", "pid": 1 });
    let request = json!({ "container": container, "references": [{ "name": "A", "object_id": id }] });
    rpc.call("ampoule.v1.InjectionService/Resolve", &request).expect("resolved");
    rpc.make_token(EVIL, &["vault/object:*:list"]).expect("a token");
    let entries = network.daemon.cli().audit().len();
    let mut pages = vec![
        "/ui/".to_owned(),
        "/ui/secrets".to_owned(),
        format!("/ui/secrets/{id}"),
        "/ui/use".to_owned(),
        "/ui/tokens".to_owned(),
    ];
    pages.extend(["/ui/audit".to_owned(), format!("/ui/secrets/{id}/set"), format!("/ui/secrets/{id}/delete")]);
    pages.extend((0..entries).map(|index| format!("/ui/audit/{index}")));
    let query = form_urlencoded::byte_serialize(EVIL.as_bytes()).collect::<String>();
    pages.extend(["q", "label", "sort", "from"].map(|name| format!("/ui/secrets?{name}={query}")));
    let names = ["object", "actor", "action", "outcome", "container", "since", "until", "before"];
    pages.extend(names.map(|name| format!("/ui/audit?{name}={query}")));
    let mut seen = 0;
    for page in &pages {
        let body = browser.get(page).ok().body;
        assert!(
            !body.contains("<script>alert") && !body.contains("<img src=x") && !body.contains("49}"),
            "{page}: {body}"
        );
        seen += body.matches("&#60;script").count();
    }
    assert!(seen > 10, "it is on them, as text");
    // What could not be stored comes back in the form.
    let again = browser.act("/ui/secrets/new", &[("value", "x"), ("description", EVIL), ("labels", EVIL)]);
    assert_eq!(again.status, 400);
    assert!(!again.body.contains("<script>alert") && again.body.contains("&#60;script"), "{}", again.body);
}

#[test]
fn a_value_is_in_no_page_but_the_one_that_was_asked_for() {
    const VALUE: &str = "correct-horse-battery-staple";
    let network = network();
    let mut browser = Browser::signed_in(&network, "person", &ALL);
    let [shown, hidden] = ["yes", "no"].map(|yes| browser.create(&[("value", VALUE), ("revealable", yes)]));
    // It is kept for the next attempt, but not in the page.
    let refused = browser.act("/ui/secrets/new", &[("value", VALUE), ("labels", "no label")]);
    assert_eq!(refused.status, 400);
    assert!(!refused.body.contains(VALUE) && refused.body.contains("28 bytes"), "{}", refused.body);
    let pages = ["/ui/", "/ui/secrets", "/ui/use", "/ui/audit", "/ui/audit/export", "/ui/tokens", "/ui/instances"];
    let of_secrets = [&shown, &hidden]
        .into_iter()
        .flat_map(|id| ["", "/set", "/delete"].map(|page| format!("/ui/secrets/{id}{page}")));
    for page in pages.into_iter().map(str::to_owned).chain(of_secrets) {
        let answer = browser.get(&page).ok();
        assert!(!answer.body.contains(VALUE) && !answer.head.contains(VALUE), "{page}");
    }
    let answer = browser.act(&format!("/ui/secrets/{shown}/reveal"), &[]).ok();
    assert!(answer.body.contains(VALUE), "{}", answer.body);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("refresh"), format!("30; url=/ui/secrets/{shown}"), "it hides itself");
    let revealed = network.daemon.cli().entries("vault.object.reveal");
    assert_eq!((revealed.len(), revealed[0]["target"]["id"].as_str()), (1, Some(&*shown)));
    let answer = browser.act(&format!("/ui/secrets/{hidden}/reveal"), &[]).ok();
    assert!(!answer.body.contains(VALUE), "{}", answer.body);
    assert_eq!(network.daemon.cli().entries("vault.object.reveal").len(), 1);
    assert!(!network.daemon.log_text().contains(VALUE));
}

#[test]
fn no_address_leads_away() {
    let network = network();
    let token = network.token("person", &ALL);
    for next in
        ["//evil.example", "https://evil.example/ui/", "/\\evil.example", "/ui/..//evil", "/ui/\r\nSet-Cookie: a=b"]
    {
        let mut browser = Browser::new(network.http);
        let answer = browser.post("/ui/sign-in", &[("token", &token), ("next", next)]);
        assert_eq!((answer.status, answer.header("location")), (303, "/ui/"), "{next}");
        assert_eq!(answer.headers("set-cookie").len(), 1);
    }
    let mut browser = Browser::new(network.http);
    for path in ["//evil.example/ui/", "/ui//evil.example"] {
        let place = browser.get(path).header("location").to_owned();
        assert!(place.is_empty() || place.starts_with("/ui/"), "{path}: {place}");
    }
}

#[test]
fn no_name_of_a_file_leads_out() {
    let network = network();
    let mut browser = Browser::new(network.http);
    let page = browser.get("/ui/sign-in").ok().body;
    let folder = page.split_once("href=\"/ui/assets/").expect("assets").1.split('/').next().expect("a hash").to_owned();
    for (name, media) in [("style.css", "text/css"), ("htmx.js", "text/javascript"), ("icon.svg", "image/svg+xml")] {
        let asset = browser.get(&format!("/ui/assets/{folder}/{name}")).ok();
        assert!(asset.header("content-type").starts_with(media) && asset.header("cache-control").contains("immutable"));
    }
    for path in [
        "../../../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/etc/passwd",
        "",
        "style.css%00",
        "./style.css",
    ] {
        let answer = browser.get(&format!("/ui/assets/{folder}/{path}"));
        assert!([303, 404].contains(&answer.status) && !answer.body.contains("root:"), "{path}: {}", answer.status);
    }
    assert_eq!(browser.get("/ui/assets/0000000000000000/style.css").status, 404);
}

#[test]
fn guessing_tokens_is_slow_and_recorded() {
    let network = network();
    let mut browser = Browser::new(network.http);
    let tries: Vec<u16> = (0..40).map(|number| browser.sign_in(&format!("amp_{number}")).status).collect();
    let [looked_at, refused] = [401, 429].map(|status| tries.iter().filter(|seen| **seen == status).count());
    assert!(looked_at >= 10 && refused > 0 && looked_at + refused == 40, "{tries:?}");
    assert_eq!(network.daemon.cli().entries("iam.token.authenticate").len(), looked_at);
    // Nobody is kept out by it who has a token, or a link of the host.
    let token = network.token("person", &ALL);
    let out = network.daemon.cli().run(&["dashboard", "open"], b"").ok().out();
    let code = out.lines().next().and_then(|link| link.rsplit('=').next()).expect("a code").to_owned();
    while browser.sign_in("amp_x").status != 429 {}
    assert_eq!(browser.sign_in(&token).status, 303);
    while browser.sign_in("amp_x").status != 429 {}
    assert_eq!(browser.post("/ui/link", &[("code", &code)]).status, 303);
    while browser.post("/ui/link", &[("code", "x")]).status != 429 {}
}
