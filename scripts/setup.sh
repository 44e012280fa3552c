#!/bin/sh
# Installs the system packages that building and testing need, and only those that are missing. Rust itself is never
# installed from here: which toolchain a machine has is its owner's choice. What is no system package, scripts/tools.sh installs.
set -eu

packages=
need() { # COMMAND PACKAGES: wants COMMAND, which Debian keeps in PACKAGES
    command -v "$1" >/dev/null 2>&1 || packages="$packages $2"
}

need cc "gcc libc6-dev"
need git git
need make make
need ssh-keygen openssh-client
# Projects of other languages, which the tests build and check.
need python3 python3
python3 -c 'import ensurepip' >/dev/null 2>&1 || packages="$packages python3-venv"
need node nodejs
need npm npm
need go golang-go
need cmake cmake
[ "$(uname -s)" != Linux ] || need bwrap bubblewrap

if [ -n "$packages" ]; then
    if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        echo "setup: installing$packages" >&2
        export DEBIAN_FRONTEND=noninteractive
        # The word list is split on purpose: one word, one package.
        # shellcheck disable=SC2086
        apt-get install -y --no-install-recommends $packages ||
            { apt-get update && apt-get install -y --no-install-recommends $packages; }
    else
        echo "setup: missing packages; as root run: apt-get install$packages" >&2
        exit 1
    fi
fi

if ! command -v cargo >/dev/null 2>&1; then
    echo "setup: no cargo on PATH; install Rust 1.89 or newer with rustup or your distribution, then run this again" >&2
    exit 1
fi
cargo fmt --version >/dev/null 2>&1 || echo "setup: rustfmt is missing; make fmt needs it" >&2
cargo clippy --version >/dev/null 2>&1 || echo "setup: clippy is missing; make lint needs it" >&2
cargo nextest --version >/dev/null 2>&1 || echo "setup: cargo-nextest is not installed; make test uses cargo test" >&2
echo "setup: ready" >&2
