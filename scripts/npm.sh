#!/bin/sh
# Unpacks what tests/clients/package-lock.json names into target/tools/node_modules, for tests of the API with clients in
# JavaScript. In place of npm, which Debian makes of hundreds of packages. Quick when everything is there.
set -eu
cd "$(dirname "$0")/.."

lock=tests/clients/package-lock.json
tools=${CARGO_TARGET_DIR:-target}/tools
done=$tools/node_modules/.lock

if cmp --silent "$lock" "$done"; then
    exit 0
fi
mkdir -p "$tools"
work=$(mktemp -d "$tools/npm.XXXXXX")
trap 'rm -rf "$work"' EXIT

# A line for each package: its folder, its address, its SHA-512 in base64. Another kind of hash, or a package that would
# run a script to install itself, is not what this was written for.
node --input-type=commonjs --eval '
    const { packages } = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"));
    for (const [folder, { resolved, integrity, hasInstallScript }] of Object.entries(packages)) {
        if (folder === "") continue;
        if (!/^node_modules\/[^\s]+$/.test(folder) || folder.includes("..")) throw new Error(`a folder: ${folder}`);
        if (!/^https:\/\/[^\s]+$/.test(resolved)) throw new Error(`${folder}: no address`);
        if (!/^sha512-[^\s]+$/.test(integrity)) throw new Error(`${folder}: no SHA-512`);
        if (hasInstallScript) throw new Error(`${folder} has an install script`);
        console.log(folder, resolved, integrity.slice("sha512-".length));
    }
' "$lock" >"$work/packages"

while read -r folder address hash; do
    echo "installing: ${folder#node_modules/} into $tools"
    curl --silent --show-error --fail --location --proto '=https' --retry 3 --output "$work/package.tgz" "$address"
    found=$(openssl dgst -sha512 -binary "$work/package.tgz" | base64 --wrap=0)
    [ "$found" = "$hash" ] || { echo "error: $address is not what $lock says it is" >&2; exit 1; }
    mkdir -p "$work/$folder"
    tar --extract --gzip --no-same-owner --file "$work/package.tgz" --strip-components 1 --directory "$work/$folder"
done <"$work/packages"

cp "$lock" "$work/node_modules/.lock"
rm -rf "$tools/node_modules"
mv "$work/node_modules" "$tools/node_modules"
