//! A client of somebody else's making on the socket: Debian's Python gRPC, with code generated from our `.proto` files.

use std::path::Path;

use crate::support::foreign::Foreign;
use crate::support::process;
use crate::support::wire::Served;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/wire/foreign.py");

#[test]
fn python_grpc_uses_the_whole_vault_service() {
    let served = Served::start();
    let foreign = Foreign::prepare(served.folder());
    let mut python = foreign.python(Path::new(SCRIPT));
    let ran = process::run(python.arg(served.daemon.socket()), b"").ok();
    assert_eq!(ran.out(), "CreateObject UpdateObject DescribeObject ListObjects DeleteObject\n");
}
