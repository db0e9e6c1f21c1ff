//! A client of somebody else's making: Debian's Python gRPC, with code generated from our `.proto` files.

use std::path::Path;
use std::process::Command;

use crate::support::process;
use crate::support::wire::Served;

/// Debian's own, for which Debian packages gRPC.
const PYTHON: &str = "/usr/bin/python3";
const PROTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/wire/foreign.py");

#[test]
fn python_grpc_uses_the_whole_vault_service() {
    assert!(Path::new(PYTHON).is_file(), "{PYTHON} is missing: `apt install python3`, or `make deps`");
    let served = Served::start();
    let mut python = Command::new(PYTHON);
    python.args(["-B", SCRIPT, PROTO]).arg(served.folder()).arg(served.daemon.socket());
    let ran = process::run(python.env_clear(), b"").ok();
    assert_eq!(ran.out(), "CreateObject UpdateObject DescribeObject ListObjects DeleteObject\n");
}
