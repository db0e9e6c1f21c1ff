#!/bin/sh
# The main job in one minute: a secret is stored, a container asks for it, and only the container has it.
#
#     tests/demo.sh [FOLDER WITH THE PROGRAMS]
#
# Everything is made in a temporary folder and removed at the end. Needs root, podman, runc and busybox-static.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
programs=$(CDPATH='' cd -- "${1:-$here/target/release}" && pwd)
folder=$(mktemp -d /tmp/ampoule-demo.XXXXXX)
daemon=

clean_up() {
    code=$?
    podman rm --force --all --time 0 >/dev/null 2>&1 || true
    podman system reset --force >/dev/null 2>&1 || true
    if [ -n "$daemon" ]; then
        kill "$daemon" 2>/dev/null && wait "$daemon" 2>/dev/null || true
    fi
    [ "$code" -eq 0 ] || cat "$folder/daemon.log" >&2 || true
    rm -rf "$folder"
}

heading() {
    printf '\n== %s\n' "$*"
}

need() {
    command -v "$1" >/dev/null || { echo "error: $1 is missing: run \`make deps\` or \`apt install $2\`" >&2; exit 1; }
}

need podman podman
need runc runc
need busybox busybox-static
[ "$(id -u)" -eq 0 ] || { echo "error: the demo starts containers: run it as root" >&2; exit 1; }

# podman with storage and settings of its own: nothing of this machine's is touched.
export CONTAINERS_CONF="$folder/containers.conf" CONTAINERS_STORAGE_CONF="$folder/storage.conf"
export AMPOULE_STATE_DIR="$folder/state" AMPOULE_SOCKET="$folder/ampoule.sock" AMPOULE_CONFIG="$folder/ampoule.yaml"
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

ln -s "$programs/ampoule-shim" "$folder/ampoule-runc"
cat >"$folder/shim.yaml" <<END
runtime: $(command -v runc)
socket: $AMPOULE_SOCKET
END
# This container prints its secret, and podman would keep what it prints in a log: so there is none.
cat >"$folder/containers.conf" <<END
[containers]
log_driver = "none"
default_ulimits = ["nofile=20000:20000", "nproc=1024:1024"]
netns = "host"
[network]
network_config_dir = "$folder/networks"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "$folder/tmp"
runtime = "ampoule-runc"
runtime_supports_json = ["ampoule-runc"]
conmon_env_vars = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "AMPOULE_SHIM_CONFIG=$folder/shim.yaml"]
[engine.runtimes]
ampoule-runc = ["$folder/ampoule-runc"]
END
cat >"$folder/storage.conf" <<END
[storage]
driver = "overlay"
graphroot = "$folder/storage"
runroot = "$folder/run"
END
echo '{}' >"$AMPOULE_CONFIG"

heading "A daemon: ampoule serve"
"$programs/ampoule" serve >"$folder/daemon.log" 2>&1 &
daemon=$!
for _ in $(seq 100); do
    [ -S "$AMPOULE_SOCKET" ] && break
    sleep 0.1
done
cat "$folder/daemon.log"

heading "An image: busybox"
mkdir -p "$folder/rootfs/bin"
cp "$(command -v busybox)" "$folder/rootfs/bin/busybox"
ln -s busybox "$folder/rootfs/bin/sh"
tar -C "$folder/rootfs" -cf "$folder/image.tar" .
podman import --quiet "$folder/image.tar" localhost/ampoule-demo:latest

heading "A secret: ampoule vault add"
value="postgres://web:$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')@db/web"
echo "the value: $value"
printf '%s' "$value" | "$programs/ampoule" vault add --description "the web's database" --from_file - -o json \
    | tee "$folder/secret.json"
secret=$(sed -n 's/.*"object_id": *"\([^"]*\)".*/\1/p' "$folder/secret.json")

heading "A request for it: fixtures/requests/web.json, with the secret's id"
sed "s/sec_00000000000000000000/$secret/" "$here/fixtures/requests/web.json" | tee "$folder/web.json"

heading "The container's own output: ampoule run-request"
"$programs/ampoule" run-request "$folder/web.json" | tee "$folder/output"
grep -qF "DATABASE_URL=$value" "$folder/output"

heading "What podman inspect knows of it"
podman inspect web >"$folder/inspect.json"
grep -F '"ampoule.dev/container-request"' "$folder/inspect.json"
if grep -qrF -- "$value" "$folder/inspect.json" "$folder/storage" "$folder/run" "$folder/tmp" "$folder/state"; then
    echo "error: the value is on disk" >&2
    exit 1
fi
echo "(the value is neither in there nor anywhere in podman's storage)"

heading "What the log says: ampoule audit list"
"$programs/ampoule" audit list
