#!/bin/sh
# What is found without running anything.
set -eu
cd "$(dirname "$0")/.."

PATH="$PATH:${CARGO_TARGET_DIR:-target}/tools/bin"
command -v cargo-deny >/dev/null || { echo "error: cargo-deny is missing: run \`make deps\`" >&2; exit 1; }

shellcheck --severity warning .ci/run scripts/*.sh tests/*.sh
cargo fmt --all --check
cargo fmt --manifest-path fuzz/Cargo.toml --check
# The fuzz crate has a lock of its own, which has to follow this one's.
cargo metadata --locked --format-version 1 --manifest-path fuzz/Cargo.toml >/dev/null || {
    echo "error: run \`cargo update --workspace --manifest-path fuzz/Cargo.toml\`" >&2
    exit 1
}
cargo clippy --locked --workspace --all-targets --all-features -- --deny warnings
# The shim is released as a static program, with a libc of its own where rustup has that.
musl=$(rustc --version --verbose | sed -n 's/^host: \(.*\)-gnu$/\1-musl/p')
if rustup target list --installed 2>/dev/null | grep -qx "$musl"; then
    cargo check --locked --package ampoule-shim --target "$musl"
fi
# The documentation is read in the source, where a link to a private item leads somewhere too.
RUSTDOCFLAGS="--deny warnings --allow rustdoc::private-intra-doc-links" \
    cargo doc --locked --workspace --all-features --no-deps --document-private-items
# An exception that is needed no longer is an error too.
cargo deny --locked check --deny unmatched-skip bans licenses sources
