//! What ARCHITECTURE.md says of the source, as far as it can be read from the source.

mod code;
mod map;
mod paths;
mod rules;

use std::fs;
use std::path::Path;

use code::Source;

/// Where the programs' own code is. Generated code is nobody's to tidy.
const CODE: [&str; 3] = ["src", "shim/src", "proto/src"];
const GENERATED: &str = "proto/src/gen/";

/// Where other code is, which has to be short and safe only.
const OTHER: [&str; 5] = ["tests", "shim/tests", "proto/tests", "benches", "fuzz/fuzz_targets"];

#[test]
fn the_source_keeps_to_the_architecture() {
    let faults: Vec<String> = files(&CODE).iter().flat_map(|path| rules::broken_by(&source(path))).collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_file_is_short_and_safe() {
    let files = files(&OTHER);
    let faults: Vec<String> = files.iter().flat_map(|path| rules::broken_anywhere_by(&source(path))).collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_map_shows_what_is_there() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let faults = map::faults(&text, &files(&["src", "shim/src"]), |path| root().join(path).exists());
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// A rule that nothing can break shows nothing.
#[test]
fn every_rule_can_be_broken() {
    for (path, text, expected) in BAD {
        let faults = rules::broken_by(&Source::new(path, text));
        assert_eq!(faults.len(), 1, "{path}: {text}: {faults:?}");
        assert!(faults[0].starts_with(&format!("{path}:1: ")) && faults[0].contains(expected), "{text}: {faults:?}");
    }
    let long = Source::new("src/vault/a.rs", "\n".repeat(401));
    assert!(rules::broken_by(&long)[0].contains("401 lines"));
}

const BAD: [(&str, &str, &str); 34] = [
    ("src/domain/a.rs", "use crate::vault::Vault;", "crate::vault::Vault"),
    ("src/domain/a/b.rs", "use super::super::super::seal::Key;", "crate::seal::Key"),
    ("src/domain/mod.rs", "fn f() { super::store::f() }", "crate::store::f"),
    ("src/audit/a.rs", "use {std::fmt, crate::{domain::{Caller, self}, store::{self as s}}};", "crate::store"),
    ("src/seal/a.rs", "use crate::store::{Recorded, Store};", "crate::store::Store"),
    ("src/store/a.rs", "use crate::vault::*;", "crate::vault::*"),
    ("src/api/a.rs", "use crate::seal::KeyRing;", "crate::seal::KeyRing"),
    ("src/api/a.rs", "use crate::store::{AuditRow, Store};", "crate::store::Store"),
    ("src/cli/a.rs", "use crate::vault::Vault;", "crate::vault::Vault"),
    ("src/config/a.rs", "use crate::authz::{Permission, Policy};", "crate::authz::Policy"),
    ("src/bin/a.rs", "fn main() { ampoule::vault::f() }", "crate::vault::f"),
    ("src/novelty/a.rs", "use crate::domain::Caller;", "`novelty` is in no list"),
    ("src/vault/a.rs", "use rusqlite::Connection;", "SQL"),
    ("src/vault/a.rs", "const A: &str = \"SELECT 1\";", "SQL"),
    ("src/api/a.rs", "const A: &str = r#\"\\u{20}\"#; const B: &str = r\"  PRAGMA user_version\";", "SQL"),
    ("src/vault/a.sql", "SELECT 1", "SQL"),
    ("src/domain/a.rs", "use std::os::unix::net::UnixStream;", "a socket"),
    ("src/domain/a.rs", "use std::net; use std::fmt;", "a socket"),
    ("src/authz/a.rs", "async fn f() {}", "the async runtime"),
    ("src/audit/a.rs", "use tokio::sync::Mutex;", "the async runtime"),
    ("src/seal/a.rs", "fn f() -> hyper::Request<()> {}", "the wire"),
    ("src/vault/a.rs", "use ampoule_proto::{id::Label, messages::ampoule::v1::AuditEntry};", "a generated message"),
    ("src/config/a.rs", "use buffa::Message;", "a generated message"),
    ("src/cli/a.rs", "fn f() { std::env::var(\"A\"); }", "the environment"),
    ("src/daemon/a.rs", "use std::env::{args_os, var_os as v};", "the environment"),
    ("shim/src/args.rs", "fn f() { env::temp_dir() }", "the environment"),
    ("proto/src/id.rs", "use std::env::*;", "the environment"),
    ("src/cli/a.rs", "struct A { #[arg(long, env = \"A\")] a: u8 }", "the environment"),
    ("src/store/a.rs", "fn f<'a>(c: char) { let _ = ('\"', '\\'', \"//\"); unsafe { g() } }", "unsafe code"),
    ("shim/src/main.rs", "unsafe fn f() {}", "unsafe code"),
    ("shim/src/deliver.rs", "#![allow(unsafe_code)]", "unsafe code"),
    ("src/vault/a.rs", "#[cfg(test)] mod tests { fn f() { unsafe {} } }", "unsafe code"),
    ("src/vault/a.rs", "#[cfg(test)] mod tests { \"{\" } use crate::api::Server;", "crate::api::Server"),
    ("src/vault/a.rs", "#[cfg(test)] mod tests; use crate::api::Server;", "crate::api::Server"),
];

#[test]
fn what_only_looks_like_a_breach_is_none() {
    for (path, text) in GOOD {
        let faults = rules::broken_by(&Source::new(path, text));
        assert!(faults.is_empty(), "{path}: {text}: {faults:?}");
    }
}

const GOOD: [(&str, &str); 15] = [
    (
        "src/domain/a.rs",
        "// use crate::vault::Vault;\n/* unsafe /* SELECT */ unsafe */ const A: &str = \"crate::vault\";",
    ),
    (
        "src/domain/a/b.rs",
        "use super::super::c::D; use super::E; use self::f::G; use crate::domain::H; use std::net::SocketAddr;",
    ),
    ("src/domain/a.rs", "#[cfg(test)]\nmod tests { use tokio::sync::Mutex; fn f() { crate::store::f(\"SELECT 1\") } }"),
    ("src/seal/tests.rs", "use crate::store::Store; use tokio::runtime::Runtime;"),
    ("src/seal/a.rs", "use crate::store::Recorded;"),
    ("src/store/sqlite/a.rs", "use rusqlite::params; const A: &str = \"SELECT 1\"; async fn f() {}"),
    ("src/store/sqlite/1.sql", "CREATE TABLE a (b);"),
    ("src/api/a.rs", "use ampoule_proto::messages::ampoule::v1::AuditEntry; use crate::store::{AuditRow, StoreError};"),
    ("src/cli/a.rs", "fn f() { g(\"Selects what to DELETE\", env!(\"CARGO_PKG_NAME\"), std::env::args_os()) }"),
    ("src/config/a.rs", "fn f() { std::env::vars_os(); } #[arg(env)]"),
    ("src/vault/a.rs", "fn f() { let environment = super::environment(); environment.var(\"A\") }"),
    ("shim/src/config.rs", "use std::env; fn f() { env::var_os(\"A\"); }"),
    ("shim/src/deliver/sys.rs", "#![allow(unsafe_code)] fn f() { unsafe { g() } }"),
    ("shim/src/main.rs", "#![allow(unsafe_code)]\n#[unsafe(no_mangle)]\nextern \"C\" fn main() {}"),
    ("proto/src/wire.rs", "use buffa::Message; use crate::messages::ampoule::v1::AuditEntry;"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn source(path: &str) -> Source {
    Source::new(path, fs::read_to_string(root().join(path)).expect("UTF-8"))
}

/// Every file below these folders, by its path from the root.
fn files(folders: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders: Vec<_> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(root()).expect("below the root").to_str().expect("UTF-8").to_owned());
            }
        }
    }
    found.retain(|path| !path.starts_with(GENERATED));
    found.sort();
    found
}
