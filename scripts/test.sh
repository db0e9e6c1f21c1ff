#!/bin/sh
# Runs every test and, for ten seconds each, every fuzz target. Nothing is skipped: what is missing fails.
set -eu
cd "$(dirname "$0")/.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")

# A shim with places to kill it at. Built as the tests are, so that nothing but the shim is compiled twice.
cargo build --locked --workspace --tests --features ampoule-shim/phases
install -D -m 0755 "$target/debug/ampoule-shim" "$target/phases/ampoule-shim"
export AMPOULE_TEST_SHIM_PHASES="$target/phases/ampoule-shim"

cargo test --locked --workspace --doc
scripts/fuzz.sh 10
cargo test --locked --workspace --no-fail-fast --lib --bins --tests
