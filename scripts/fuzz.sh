#!/bin/sh
# Fuzzes targets with libFuzzer, for so many seconds each. Finds go to fuzz/artifacts/, and fail.
#
#     scripts/fuzz.sh SECONDS [TARGET...]
#
# This is what `cargo fuzz run --sanitizer none` does, but on the stable compiler: no memory is to be watched where
# no code is unsafe.
set -eu
cd "$(dirname "$0")/.."

seconds=$1
shift
names=${*:-$(basename --suffix .rs --multiple fuzz/fuzz_targets/*.rs)}

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")/fuzz
host=$(rustc --version --verbose | sed -n 's/^host: //p')

# Counters for libFuzzer: of the edges that were taken, and of how far a comparison was from being equal.
RUSTFLAGS="--cfg fuzzing -C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=4"
RUSTFLAGS="$RUSTFLAGS -C llvm-args=-sanitizer-coverage-inline-8bit-counters"
RUSTFLAGS="$RUSTFLAGS -C llvm-args=-sanitizer-coverage-pc-table"
RUSTFLAGS="$RUSTFLAGS -C llvm-args=-sanitizer-coverage-trace-compares"
export RUSTFLAGS
# With a target named, build scripts and macros go without the counters, which they can't be linked with.
cargo build --locked --manifest-path fuzz/Cargo.toml --release --target "$host" --target-dir "$target"

fuzz() {
    mkdir -p "fuzz/corpus/$1" "fuzz/artifacts/$1" "fixtures/fuzz/$1"
    log=fuzz/artifacts/$1/log
    if "$target/$host/release/$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
        -artifact_prefix="fuzz/artifacts/$1/" "fuzz/corpus/$1" "fixtures/fuzz/$1" >"$log" 2>&1; then
        echo "fuzz $1: $(sed -n 's/^Done //p' "$log"), $(grep -o 'cov: [0-9]*' "$log" | tail -n 1)"
    else
        tail -n 40 "$log" >&2
        echo "error: fuzz target $1 failed: what it was given is in fuzz/artifacts/$1/" >&2
        return 1
    fi
}

await() {
    for pid in $running; do wait "$pid" || failed=yes; done
    running=
}

# As many at a time as there are cores: each uses one.
running='' failed=''
for name in $names; do
    fuzz "$name" &
    running="$running $!"
    [ "$(echo "$running" | wc -w)" -lt "$(nproc)" ] || await
done
await
[ -z "$failed" ]
