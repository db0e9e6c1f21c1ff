#!/bin/sh
# Runs every test and, for ten seconds each, every fuzz target. Nothing is skipped: what is missing fails.
set -eu
cd "$(dirname "$0")/.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")

# A shim with places to kill it at, and a daemon that tells its API. Naming a test, any test, makes cargo choose the
# dependencies' features as it does for all of them, so that nothing but our own programs is compiled twice.
cargo build --locked --workspace --bins --test generated --features ampoule-shim/phases,ampoule/reflection
install -D -m 0755 "$target/debug/ampoule-shim" "$target/phases/ampoule-shim"
install -m 0755 "$target/debug/ampoule" "$target/phases/ampoule"
export AMPOULE_TEST_SHIM_PHASES="$target/phases/ampoule-shim" AMPOULE_TEST_REFLECTION="$target/phases/ampoule"

cargo test --locked --workspace --doc
scripts/fuzz.sh 10
cargo test --locked --workspace --no-fail-fast --lib --bins --test generated --test shim

# What starts containers runs a second time, on the engines of Debian 13.
mkdir -p "$target/engines"
failed=""
cargo test --locked --workspace --test it -- --logfile "$target/engines/debian12.log" || failed="here"
host=$(rustc --version --verbose | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')
engines="injection:: refusal:: canary:: hook:: transparency:: race:: daemon_away:: bad_bundle:: crash_phases:: runtime_install:: exec:: files:: rootless::"
# shellcheck disable=SC2086
env "CARGO_TARGET_${host}_RUNNER=scripts/debian13.sh" cargo test --locked --workspace --test it -- \
    --logfile "$target/engines/debian13.log" $engines || failed="$failed on Debian 13"
if [ -n "$failed" ]; then
    echo "error: tests failed: $failed" >&2
    exit 1
fi
scripts/engines.sh
