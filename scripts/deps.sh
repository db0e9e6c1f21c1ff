#!/bin/sh
# Installs what the tests need beyond Rust. Quick when everything is there.
#
#     scripts/deps.sh [bench]     with `bench`, also what the benchmarks compare with
set -eu
cd "$(dirname "$0")/.."

tools=${CARGO_TARGET_DIR:-target}/tools
cargo_deny=0.20.2
youki=0.7.0

# SQLite is C and libFuzzer C++.
packages="g++"
# The scripts' lint.
packages="$packages shellcheck"
# The engines and runtimes that containers are started with, and what is in these containers.
packages="$packages runc crun podman conmon uidmap docker.io containerd buildah busybox-static"
# What writes a container to a disk; here it must not.
packages="$packages criu"
# The networks of containers whose ports are reached.
packages="$packages containernetworking-plugins iptables iproute2"
# The same engines of another generation are in Debian 13.
packages="$packages debootstrap"
# What tests watch, isolate and imitate processes with.
packages="$packages strace util-linux coreutils tar perl-base curl openssl tmux"
# Clients of the API that share no code with it.
packages="$packages python3-grpcio python3-grpc-tools python3-pkg-resources nodejs"
# A browser, for the dashboard.
packages="$packages chromium"
# It checks the units. Nothing of it is started.
packages="$packages systemd"
if [ "${1:-}" = bench ]; then
    packages="$packages postgresql"
fi

is_installed() {
    [ "$(dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

command -v dpkg-query >/dev/null || { echo "error: this is not Debian: install by hand: $packages" >&2; exit 1; }
missing=
for package in $packages; do
    is_installed "$package" || missing="$missing $package"
done
if [ -n "$missing" ]; then
    [ "$(id -u)" -eq 0 ] || { echo "error: not root: run \`sudo apt-get install$missing\`" >&2; exit 1; }
    echo "installing:$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update --quiet=2
    # shellcheck disable=SC2086 # a list of words
    apt-get install --quiet=2 --yes --no-install-recommends $missing </dev/null
fi

# Unoptimized: a minute less to compile, a second more to run.
tool() {
    name=$1 version=$2
    shift 2
    if PATH="$PATH:$tools/bin" command -v "$name" >/dev/null; then return; fi
    echo "installing: $name $version into $tools"
    cargo install --quiet --locked --debug --root "$tools" --target-dir "$tools/build" "$name" --version "$version" "$@"
    rm -r "$tools/build"
}
# That is fetched and unpacked, where the tools are compiled. Whatever fails, it is not left behind half made.
scripts/debian13.sh &
debian=$!
trap wait EXIT
tool cargo-deny "$cargo_deny"
# A runtime that is no package of Debian's. Without its default features it needs no systemd and no libseccomp.
tool youki "$youki" --no-default-features --features v1,v2
scripts/npm.sh
wait "$debian"
echo "everything that is needed is installed"
