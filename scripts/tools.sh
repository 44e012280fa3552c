#!/bin/sh
# Installs into target/tools what the tests of ecosystems need and no distribution has: uv from PyPI, pnpm from npm, in the pinned
# versions. Nothing of the system changes. What is there already is kept; a second call does nothing.
set -eu

UV=0.13.9
# Its major version runs on Node.js 18, which Debian 12 has, and newer.
PNPM=10.34.9

cd "$(dirname "$0")/.."
mkdir -p "${CARGO_TARGET_DIR:-target}/tools"
tools=$(cd "${CARGO_TARGET_DIR:-target}/tools" && pwd -P)

# A target directory that was moved or copied has links and scripts that lead elsewhere.
wanted="uv $UV, pnpm $PNPM, in $tools"
is_there() {
    [ "$(cat "$tools/installed" 2>/dev/null)" = "$wanted" ] || return 1
    for program in bin/uv bin/pnpm python/bin/python; do [ -x "$tools/$program" ] || return 1; done
}
if is_there; then exit 0; fi
for program in python3 node npm; do
    command -v "$program" >/dev/null 2>&1 || { echo "tools: $program is missing; make setup installs it" >&2; exit 1; }
done

echo "tools: installing uv $UV and pnpm $PNPM into $tools" >&2
rm -rf "$tools"
mkdir -p "$tools/bin"
python3 -m venv "$tools/python"
"$tools/python/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$UV"
npm install --prefix "$tools/node" --no-audit --no-fund --no-package-lock --loglevel=error "pnpm@$PNPM" >&2
ln -s ../python/bin/uv "$tools/bin/uv"
ln -s ../node/node_modules/.bin/pnpm "$tools/bin/pnpm"
# Said by the programs themselves, so that one that does not start here is found here and not in a test.
"$tools/bin/uv" --version >&2
echo "pnpm $("$tools/bin/pnpm" --version)" >&2
echo "$wanted" >"$tools/installed"
