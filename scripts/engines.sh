#!/bin/sh
# Says on which engines the tests were seen to pass, as the table in README.md, and whether that is what is there.
#
#     scripts/engines.sh              prints the table of the last `make test`; fails if README.md claims more
#     scripts/engines.sh --update     writes it into README.md
#
# It counts what the injection suite (tests/it/injection.rs) did. The rows are what the suite's modules are called.
set -eu
cd "$(dirname "$0")/.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
seen=$target/engines

# Each generation's programs, as they call themselves. crun in Debian 13 wants its own name without a path.
# shellcheck disable=SC2016
versions="PATH=\$PATH:$target/tools/bin"'
for program in runc crun podman dockerd containerd buildah youki; do
    line=$($program --version 2>/dev/null | head -n 1) || line=
    echo "$program $(echo "$line" | grep -Eo "[0-9]+\.[0-9]+(\.[0-9]+)?" | head -n 1)"
done'

# What is not run where, and why: `reason DEBIAN ENGINE WORDS`.
reasons=''

table() {
    {
        echo "$reasons"
        sh -c "$versions" | sed 's/^/version 12 /'
        scripts/debian13.sh sh -c "$versions" | sed 's/^/version 13 /'
        sed 's/^/test 12 /' "$seen/debian12.log"
        sed 's/^/test 13 /' "$seen/debian13.log"
    } | awk '
        $1 == "version" { version[$2, $3] = $4 }
        $1 == "reason" { reason[$3, $2] = substr($0, index($0, $4)); engines[$3] = 1 }
        # `restart` has its own cases for each podman.
        $1 == "test" && $4 ~ /^injection::[a-z0-9_]+::/ && $4 !~ /^injection::restart::/ {
            split($4, part, "::")
            engine = part[2]
            all[engine, $2]++
            if ($3 == "ok") passed[engine, $2]++
            engines[engine] = 1
        }
        function cell(engine, debian,    programs, count, text, i) {
            if (!all[engine, debian]) return reason[engine, debian] ? reason[engine, debian] : "not run"
            count = split(name(engine), programs, " [+] ")
            for (i = 1; i <= count; i++) {
                sub(" rootless", "", programs[i])
                if (programs[i] == "docker") programs[i] = "dockerd"
                text = text (text ? ", " : "") programs[i] " " version[debian, programs[i]]
            }
            return text ": " passed[engine, debian] + 0 " of " all[engine, debian]
        }
        # The programs that a module is about.
        function name(engine) {
            if (engine == "podman_rootless") return "podman rootless + crun"
            if (engine ~ /^(docker|containerd|buildah)$/) return engine " + runc"
            gsub("_", " + ", engine)
            return engine
        }
        END {
            print "| engine | Debian 12 | Debian 13 |"
            print "|---|---|---|"
            rows = "runc crun podman_runc podman_crun podman_rootless docker containerd buildah youki"
            count = split(rows, order, " ")
            for (i = 1; i <= count; i++) {
                engine = order[i]
                if (!(engine in engines)) continue
                delete engines[engine]
                print "| " name(engine) " | " cell(engine, 12) " | " cell(engine, 13) " |"
            }
            for (engine in engines) { print "no row for " engine | "cat >&2"; exit 1 }
        }'
}

made=$(table)
printf '%s\n' "$made"
if [ "${1:-}" = --update ]; then
    printf '%s\n' "$made" >"$seen/table"
    sed -i -e "/^<!-- engines -->/,/^<!-- \/engines -->/{//!d}" -e "/^<!-- engines -->/r $seen/table" README.md
    exit 0
fi
# Versions may be newer than those that were written down; what passes may not be less.
results() { sed -n 's/[0-9][0-9.]*[0-9]\(:\|,\)/\1/g; /^| /p'; }
kept=$(sed -n '/^<!-- engines -->/,/^<!-- \/engines -->/p' README.md | results)
if [ "$kept" != "$(printf '%s\n' "$made" | results)" ]; then
    echo "error: README.md says otherwise: look why, then run scripts/engines.sh --update" >&2
    exit 1
fi
