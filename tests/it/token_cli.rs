//! Tokens on the command line: made, kept, used and ended.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::daemon::Daemon;
use crate::support::process::{self, Ran};
use crate::support::rig::temporary_folder;

const LISTS: &str = "vault/object:label:env=a:b:list,describe";

fn parsed(ran: Ran) -> Value {
    serde_json::from_slice(&ran.ok().stdout).expect("JSON")
}

#[test]
fn from_making_one_to_its_end() {
    let folder = temporary_folder();
    let daemon = Daemon::start(folder.path());
    let cli = daemon.cli();
    let create = ["token", "create", "--name", "ci", "-d", "the builds", "--expires-in", "12h", "--grant", LISTS];
    let shown = cli.run(&create, b"").ok();
    let line =
        |name: &str| shown.out().lines().find_map(|line| line.strip_prefix(name).map(|rest| rest.trim().to_owned()));
    let (id, token) = (line("Token ID:").expect("an id"), line("Token:").expect("a token"));
    let listed = parsed(cli.run(&["token", "list", "-o", "json"], b""));
    assert_eq!((&listed[0]["token_id"], &listed[0]["name"]), (&json!(id), &json!("ci")));
    assert!(!listed.to_string().contains(&token));

    // The file that a login writes is read only if a flag names it.
    let file = folder.path().join("ns/token.json");
    let path = file.to_str().expect("UTF-8");
    cli.run(&["login", "--token_file", path], format!("{token}\n").as_bytes()).ok();
    assert_eq!(fs::read_to_string(&file).expect("a file"), json!({ "bearer_token": token }).to_string());
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    let add = |extra: &[&str]| cli.run(&[&["vault", "add", "--from_file", "-"], extra].concat(), b"x");
    add(&["--label", "env=a:b"]).ok();
    add(&[]).ok();
    let refused = add(&["--token_file", path]);
    assert!(refused.code() == 1 && refused.err().contains("permission_denied"), "{}", refused.err());
    let count = |ran: Ran| parsed(ran).as_array().expect("a list").len();
    assert_eq!(count(cli.run(&["vault", "list", "-o", "json", "--token-file", path], b"")), 1);
    assert_eq!(count(cli.run(&["vault", "list", "-o", "json"], b"")), 2);

    cli.run(&["token", "revoke", "--token-id", &id], b"").ok();
    let refused = cli.run(&["vault", "list", "--token_file", path], b"");
    assert!(refused.err().contains("unauthenticated") && !refused.err().contains(&token), "{}", refused.err());
    assert_eq!(parsed(cli.run(&["token", "list", "-o", "json"], b"")), json!([]));
    let ended = parsed(cli.run(&["token", "list", "--all", "-o", "json"], b""));
    assert_eq!(ended[0]["revoked_by_actor_id"], "user:0");
}

#[test]
fn a_token_that_is_written_is_not_shown() {
    let folder = temporary_folder();
    let daemon = Daemon::start(folder.path());
    let (cli, file) = (daemon.cli(), folder.path().join("token.json"));
    let path = file.to_str().expect("UTF-8");
    let create = ["token", "create", "--name", "ci", "--grant", LISTS, "--token_file", path];
    let shown = cli.run(&create, b"").ok();
    let written: Value = serde_json::from_slice(&fs::read(&file).expect("a file")).expect("JSON");
    let token = written["bearer_token"].as_str().expect("a token");
    assert!(token.starts_with("amp_") && !shown.out().contains(token) && !shown.err().contains(token));
    cli.run(&["vault", "list", "--token_file", path], b"").ok();
    let second = ["token", "create", "--name", "second", "--grant", LISTS, "--token_file", path];
    let refused = cli.run(&second, b"");
    assert!(refused.code() == 1 && refused.err().contains("is there already"), "{}", refused.err());
    assert_eq!(fs::read(&file).expect("a file"), written.to_string().into_bytes(), "what was there is there");
    // Where the file can't be written there is no token either.
    let nowhere = ["token", "create", "--name", "lost", "--grant", LISTS, "--token_file", "/proc/nowhere/token.json"];
    assert_eq!(cli.run(&nowhere, b"").code(), 1);
    assert_eq!(parsed(cli.run(&["token", "list", "-o", "json"], b"")).as_array().map(Vec::len), Some(1));
}

#[test]
fn what_makes_no_sense_is_refused_with_a_remedy() {
    let folder = temporary_folder();
    let daemon = Daemon::start(folder.path());
    let cli = daemon.cli();
    for (args, code, named) in [
        (&["token", "create", "--name", "x"][..], 2, "--grant"),
        (&["token", "create", "--name", "x", "--grant", "vault/object"], 2, "TYPE:ID:ACTIONS"),
        (&["token", "create", "--name", "x", "--grant", "vault/thing:*:list"], 1, "access.grants[0]"),
        (&["token", "create", "--name", "x", "--grant", LISTS, "--expires-in", "91d"], 1, "90 days"),
        (&["token", "create", "--name", "x", "--grant", LISTS, "--expires-in", "soon"], 2, "30d"),
        (&["token", "revoke", "--token_id", "sec_a"], 2, "token id"),
        (&["token", "revoke", "--token_id", "tok_a"], 1, "no token tok_a"),
        (&["vault", "list", "--endpoint", "http://vault"], 2, "https://HOST"),
        (&["serve", "--endpoint", "https://vault"], 2, "about this host"),
        (&["vault", "list", "--token_file", "/dev/null"], 1, "/dev/null is not a token file"),
    ] {
        let refused = cli.run(args, b"");
        assert_eq!(refused.code(), code, "{args:?}: {}", refused.err());
        assert!(refused.err().contains(named), "{args:?}: {}", refused.err());
    }
    let mut elsewhere = cli.command(&["vault", "list"]);
    elsewhere.env_remove("AMPOULE_SOCKET").env("NSC_ENDPOINT", "https://127.0.0.1:9");
    let refused = process::run(&mut elsewhere, b"");
    assert!(refused.code() == 1 && refused.err().contains("ampoule login"), "{}", refused.err());
    let refused = cli.run(&["login", "--token_file", &format!("{}/t", folder.path().display())], b"two words");
    assert!(refused.code() == 1 && refused.err().contains("not a token"), "{}", refused.err());
    assert!(!folder.path().join("t").exists());
}
