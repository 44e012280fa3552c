#!/bin/sh
# What: `uv sync --no-editable` installs a wheel that it built from an earlier state of a local project, although the project's sources
# have changed since and its virtual environment was removed. The cache is outside of the project; it is keyed by the path and by
# the times of pyproject.toml, setup.py and setup.cfg alone (setting `tool.uv.cache-keys` changes that).
# Expected: what is installed from a directory is what stands in it, as with `pip install .`.
# Seen with: uv 0.13.9, CPython 3.11, Linux x86_64. Output seen: `first 1`, `changed 1`, `touched 2`.
# Means for proof: tests in a fresh environment can run against sources of another commit. Giving the manifest a new time helps.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/tools"
"$work/tools/bin/pip" install -q --disable-pip-version-check uv==0.13.9
uv="$work/tools/bin/uv"
export UV_CACHE_DIR="$work/cache" UV_PYTHON_DOWNLOADS=never
mkdir -p "$work/project/src/calc"
cd "$work/project"
cat >pyproject.toml <<'TOML'
[project]
name = "calc"
version = "0.1"
requires-python = ">=3.8"
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
TOML
cat >backend.py <<'PYTHON'
import os, zipfile


def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "calc-0.1-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        wheel.write("src/calc/__init__.py", "calc/__init__.py")
        wheel.writestr("calc-0.1.dist-info/METADATA", "Metadata-Version: 2.1\nName: calc\nVersion: 0.1\n")
        tags = "Wheel-Version: 1.0\nGenerator: backend\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr("calc-0.1.dist-info/WHEEL", tags)
        wheel.writestr("calc-0.1.dist-info/RECORD", "")
    return name
PYTHON
installed() { # WORD: what a fresh environment has
    rm -rf .venv
    "$uv" sync -q --offline --no-editable
    echo "$1 $(.venv/bin/python -c 'import calc; print(calc.VALUE)')"
}
{
    echo 'VALUE = 1' >src/calc/__init__.py
    installed first
    echo 'VALUE = 2' >src/calc/__init__.py
    installed changed
    touch pyproject.toml
    installed touched
} | tee "$work/seen"
printf 'first 1\nchanged 1\ntouched 2\n' | cmp -s - "$work/seen" || { echo "this has changed" >&2; exit 1; }
"$uv" --version
