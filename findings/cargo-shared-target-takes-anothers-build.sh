#!/bin/sh
# What: with one target directory for two checkouts of a workspace (CARGO_TARGET_DIR, or `build.target-dir` in the user's own settings), `cargo test`
# in the one runs what was built in the other, where that was built after the files here were written. Its fingerprint holds the path of a
# member below its workspace, not where the workspace lies, and compares times.
# Expected: tests run on the sources of the directory in which they are started.
# Seen with: cargo 1.95.0, Linux x86_64. Output seen: `alone failed`, `after the other passed`.
# Means for proof: a broken tree passes once somebody has built a good one elsewhere. A directory of its own for each tree helps.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo --version
for tree in broken good; do
    mkdir -p "$work/$tree/calc/src"
    printf '[workspace]\nmembers = ["calc"]\nresolver = "2"\n' >"$work/$tree/Cargo.toml"
    printf '[package]\nname = "calc"\nversion = "0.1.0"\nedition = "2021"\n' >"$work/$tree/calc/Cargo.toml"
done
code() { printf 'pub fn add(a: i32, b: i32) -> i32 {\n    a %s b\n}\n#[test]\nfn adds() {\n    assert_eq!(add(2, 3), 5);\n}\n' "$1"; }
code - >"$work/broken/calc/src/lib.rs"
code + >"$work/good/calc/src/lib.rs"
export CARGO_TARGET_DIR="$work/target"
tested() { # WORDS: what the tests of the broken tree come to
    if (cd "$work/broken" && cargo test --quiet --offline --lib >/dev/null 2>&1); then echo "$1 passed"; else echo "$1 failed"; fi
}
{
    tested alone
    (cd "$work/good" && touch calc/src/lib.rs && cargo test --quiet --offline --lib >/dev/null 2>&1)
    tested "after the other"
} | tee "$work/seen"
printf 'alone failed\nafter the other passed\n' | cmp -s - "$work/seen" || { echo "this has changed" >&2; exit 1; }
