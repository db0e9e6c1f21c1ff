#!/bin/sh
# Builds the programs as they are installed: target/release/ampoule and a static target/release/ampoule-shim.
set -eu
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
shim=$target/release/ampoule-shim
host=$(rustc --version --verbose | sed -n 's/^host: //p')
musl=${host%-gnu}-musl

cargo build --locked --release --package ampoule

# The shim starts with every container, so it has nothing to load: with musl, or with the static glibc.
has_musl() {
    rustup target list --installed 2>/dev/null | grep -qx "$musl"
}
if has_musl || rustup target add "$musl" 2>/dev/null; then
    triple=$musl
else
    echo "$musl is not to be had: the shim is linked with the static glibc"
    triple=$host
    export RUSTFLAGS="-C target-feature=+crt-static"
fi
cargo build --locked --profile shim --package ampoule-shim --target "$triple"
install -m 0755 "$target/$triple/shim/ampoule-shim" "$shim"

# A program that needs a loader names it in its header.
if readelf --program-headers "$shim" | grep -q INTERP; then
    echo "error: $shim is not static" >&2
    exit 1
fi
