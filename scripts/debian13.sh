#!/bin/sh
# Runs a command among the engines of Debian 13, which are another generation than Debian 12's.
#
#     scripts/debian13.sh                 makes the system in target/tools/debian13; quick when it is there
#     scripts/debian13.sh COMMAND [ARGUMENT...]
#
# The command sees that system in mount namespaces of its own, with this repository and the build at their places, and
# memory on /run and /tmp. cargo takes this script as a runner of tests.
set -eu

repository=$(realpath "$(dirname "$0")/..")
target=$(realpath -m "${CARGO_TARGET_DIR:-$repository/target}")
root=$target/tools/debian13

packages=podman,crun,runc,conmon,netavark,docker.io,docker-cli,containerd,buildah,uidmap,criu,busybox-static
packages=$packages,strace,util-linux,tar,perl-base,curl,openssl,gcc,libc6-dev,procps,iproute2

if [ "$(cat "$root.packages" 2>/dev/null || true)" != "$packages" ]; then
    echo "installing: Debian 13 into $root"
    rm -rf "$root" "$root.new"
    mkdir -p "$target/tools"
    debootstrap --variant=minbase --include="$packages" trixie "$root.new" >"$root.log" 2>&1 ||
        { tail -n 5 "$root.log" >&2; echo "error: debootstrap failed: see $root.log" >&2; exit 1; }
    rm -f "$root".new/var/cache/apt/archives/*.deb
    mv "$root.new" "$root"
    printf %s "$packages" >"$root.packages"
fi
if [ $# -eq 0 ]; then
    exit 0
fi

# shellcheck disable=SC2016
exec unshare --mount --propagation private sh -c '
    set -eu
    root=$1 repository=$2 target=$3 folder=$4
    shift 4
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount -t sysfs sysfs "$root/sys"
    mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs -o mode=755 tmpfs "$root/run"
    mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
    for place in "$repository" "$target"; do
        mkdir -p "$root$place"
        mount --rbind "$place" "$root$place"
    done
    mkdir -p "$root/mnt"
    # Not chroot: user namespaces need a root of their own.
    cd "$root"
    pivot_root . mnt
    umount --lazy mnt
    cd "$folder"
    exec env PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
' sh "$root" "$repository" "$target" "$PWD" "$@"
