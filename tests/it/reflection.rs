//! A client without `.proto` files learns them from the daemon, if that was built with the feature `reflection`.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::daemon::Daemon;
use crate::support::process;
use crate::support::programs;
use crate::support::rig::temporary_folder;
use crate::support::rpc::Rpc;
use crate::support::wire::methods;

/// Debian's own, for which Debian packages gRPC.
const PYTHON: &str = "/usr/bin/python3";
const PROTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/reflection/client.py");

#[test]
fn a_client_learns_every_method_and_calls_one() {
    let folder = temporary_folder();
    let daemon = Daemon::start_program(programs::ampoule_with_reflection(), folder.path());
    let id = Rpc::new(&daemon.socket()).create(&json!({ "value": "x" }));
    assert!(Path::new(PYTHON).is_file(), "{PYTHON} is missing: `apt install python3`, or `make deps`");
    let mut python = Command::new(PYTHON);
    python.args(["-B", SCRIPT, PROTO]).arg(folder.path()).arg(daemon.socket()).args([&id]).args(methods());
    assert_eq!(process::run(python.env_clear(), b"").ok().out(), "all told\n");
}
