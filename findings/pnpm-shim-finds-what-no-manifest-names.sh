#!/bin/sh
# What: tests that a package's own manifest cannot satisfy pass, if the test runner is started by pnpm: the shims in `node_modules/.bin` set
# NODE_PATH to pnpm's store of all transitive dependencies, so the code under test finds packages that nobody declared.
# Expected: pnpm's layout is strict; a dependency that was removed from package.json is not found by the tests, as by `node FILE`.
# Seen with: pnpm 10.34.9, tape 5.9.0, Node.js 20, Linux x86_64. Output seen: `node 1`, `shim 0`.
# Means for proof: "the dependency was dropped, and the tests still pass" is no fault of the place in which they run. A check that
# loads the package by plain `node` tells.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm install --silent --no-audit --no-fund --prefix "$work/tools" pnpm@10.34.9
pnpm="$work/tools/node_modules/.bin/pnpm"
mkdir "$work/project"
cd "$work/project"
cat >package.json <<'JSON'
{"name": "calc", "version": "1.0.0", "private": true, "devDependencies": {"tape": "5.9.0"}}
JSON
# A dependency of tape's, which calc does not name.
cat >calc.js <<'JS'
require('minimist');
JS
"$pnpm" install --silent --store-dir "$work/store"
code() { # WORD COMMAND…: the exit code of a command
    word=$1
    shift
    code=0
    "$@" >/dev/null 2>&1 || code=$?
    echo "$word $code"
}
{
    code node node calc.js
    code shim "$pnpm" exec tape calc.js
} | tee "$work/seen"
printf 'node 1\nshim 0\n' | cmp -s - "$work/seen" || { echo "this has changed" >&2; exit 1; }
"$pnpm" --version
