//! Signing in and out.

use crate::support::network::Network;
use crate::support::process;
use crate::support::rpc::Rpc;

use super::support::{ALL, Browser, network};

#[test]
fn a_token_signs_in_until_it_is_revoked() {
    let network = network();
    let mut browser = Browser::new(network.http);
    let asked = browser.get("/ui/audit?outcome=ok");
    assert_eq!((asked.status, asked.header("location")), (303, "/ui/sign-in?next=%2Fui%2Faudit%3Foutcome%3Dok"));
    let page = browser.get("/ui/sign-in?next=%2Fui%2Faudit%3Foutcome%3Dok").ok();
    assert_eq!(page.field("next"), "/ui/audit?outcome=ok");
    assert!(page.body.contains("<label for=\"token\">"), "{}", page.body);
    let refused = browser.sign_in("amp_wrong");
    assert_eq!((refused.status, refused.headers("set-cookie").len()), (401, 0));
    assert!(refused.body.contains("That is no token that counts") && !refused.body.contains("amp_wrong"));
    let token = network.token("person", &ALL);
    let entered = browser.post("/ui/sign-in", &[("token", &token), ("next", "/ui/audit?outcome=ok")]);
    assert_eq!((entered.status, entered.header("location")), (303, "/ui/audit?outcome=ok"));
    let cookie = entered.header("set-cookie");
    assert!(cookie.starts_with("ampoule=") && cookie.ends_with("; Path=/ui; HttpOnly; SameSite=Strict"), "{cookie}");
    assert!(!cookie.contains(&token));
    let overview = browser.get("/ui/").ok();
    assert!(overview.body.contains("<h1>Overview</h1>") && overview.body.contains("tok_"), "{}", overview.body);
    let entries = network.daemon.cli().entries("iam.token.authenticate");
    let outcomes: Vec<_> = entries.iter().map(|entry| entry["attributes"]["outcome"].as_str().expect("text")).collect();
    assert_eq!(outcomes, ["unknown", "ok"], "both attempts are in the log");
    assert_eq!(entries[1]["actor"]["type"], "token");
    // Another one sees the end of it at once.
    let id = entries[1]["actor"]["id"].as_str().expect("an id");
    network.daemon.cli().run(&["token", "revoke", "--token_id", id], b"").ok();
    assert_eq!(browser.get("/ui/").header("location"), "/ui/sign-in");
    assert_eq!(browser.get("/ui/secrets").status, 303);
}

#[test]
fn one_signs_out_here_or_everywhere() {
    let network = network();
    let token = network.token("person", &ALL);
    let mut browsers = [0, 1, 2].map(|_| Browser::new(network.http));
    for browser in &mut browsers {
        assert_eq!(browser.sign_in(&token).status, 303);
    }
    let [one, two, three] = &mut browsers;
    let kept = one.cookies.clone();
    assert_eq!(one.act("/ui/sign-out", &[]).header("location"), "/ui/sign-in");
    assert!(one.cookies.is_empty());
    // Whoever has copied the cookie has nothing any more.
    one.cookies = kept;
    assert_eq!(one.get("/ui/").status, 303);
    assert!(two.get("/ui/session").ok().body.contains("You have 2 sessions"));
    assert_eq!(two.act("/ui/sign-out-everywhere", &[]).status, 303);
    assert_eq!(three.get("/ui/").status, 303);
}

#[test]
fn a_link_of_the_host_signs_its_user_in_once() {
    let network = network();
    let out = network.daemon.cli().run(&["dashboard", "open"], b"").ok().out();
    let links: Vec<&str> = out.lines().collect();
    assert_eq!(links.len(), 2, "{out}");
    let path = links[1].strip_prefix(&format!("http://{}", network.http)).expect("where it listens");
    assert!(links[0].starts_with("https://127.0.0.1:") && path.starts_with("/ui/link?code="), "{out}");
    let code = path.rsplit('=').next().expect("a code");
    let mut browser = Browser::new(network.http);
    // Looking at it is not yet using it: programs that look ahead must not use it up.
    for _ in 0..2 {
        assert!(browser.get(path).ok().body.contains("Sign in as <span class=\"mono\">user:0</span>?"));
    }
    assert_eq!(browser.post("/ui/link", &[("code", code)]).header("location"), "/ui/");
    assert!(browser.get("/ui/session").ok().body.contains("Everything: you are root"));
    let id = browser.create(&[("value", "x")]);
    let mut other = Browser::new(network.http);
    assert!(other.get(path).ok().body.contains("This link no longer counts"));
    let again = other.post("/ui/link", &[("code", code)]);
    assert_eq!((again.status, again.headers("set-cookie").len()), (401, 0));
    let made = network.daemon.cli().entries("vault.object.create");
    assert_eq!((&made[0]["actor"]["uid"], made[0]["target"]["id"].as_str()), (&0.into(), Some(&*id)));
    let attempts = network.daemon.cli().entries("iam.token.authenticate");
    let outcomes: Vec<_> =
        attempts.iter().map(|entry| entry["attributes"]["outcome"].as_str().expect("text")).collect();
    assert_eq!(outcomes, ["ok", "ok", "unknown"], "made, used, tried again");
    // It is for users of the host.
    let token = network.token("person", &ALL);
    let refused = Rpc::with_token(&network.daemon.socket(), &token)
        .call("ampoule.v1.DashboardService/CreateLink", &serde_json::json!({}))
        .expect_err("a token");
    assert_eq!(refused.code, "invalid_argument");
}

/// Where others could listen in the browser sends the cookie over TLS alone.
#[test]
fn over_tls_the_cookie_is_the_hosts_alone() {
    let network = network();
    let token = network.token("person", &ALL);
    let origin = format!("Origin: https://localhost:{}", network.https.port());
    let data = format!("token={token}");
    let args = ["--include", "--header", &origin, "--data", &data];
    let answer = network.curl("localhost", "/ui/sign-in", &args).ok().out();
    let out = answer.to_ascii_lowercase();
    let cookie = out.lines().find(|line| line.starts_with("set-cookie:")).expect("a cookie");
    assert!(
        cookie.contains("__host-ampoule=") && cookie.ends_with("; path=/; secure; httponly; samesite=strict"),
        "{cookie}"
    );
    assert!(!cookie.contains("domain"), "{cookie}");
    // What is in one listener's cookie is no session of the other.
    let value =
        answer.split_once("__Host-ampoule=").expect("a cookie").1.split(';').next().expect("a value").to_owned();
    let mut browser = Browser::new(network.http);
    for name in ["ampoule", "__Host-ampoule"] {
        browser.cookies = [(name.to_owned(), value.clone())].into();
        assert_eq!(browser.get("/ui/").status, 303, "{name}");
    }
}

#[test]
fn there_is_none_unless_the_settings_say_so() {
    let network = Network::start("");
    for path in ["/", "/ui/", "/ui/sign-in"] {
        assert_ne!(Browser::new(network.http).get(path).status / 100, 3, "{path}");
        assert!(!Browser::new(network.http).get(path).body.contains("<html"), "{path}");
    }
    let out = process::run(&mut network.daemon.cli().command(&["dashboard", "open"]), b"");
    assert!(out.err().contains("dashboard: true"), "{}", out.err());
}
