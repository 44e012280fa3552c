#!/usr/bin/env python3
"""Ten projects of other people, from `ai init` to judged work: `make projects`.

Each is fetched at a fixed version (PyPI, npm, crates.io, Debian's sources; from whatever mirrors pip, npm, cargo and apt are set up
for) and put under Git. Then everything happens as its owner would do it: prepared by hand until its tests pass by hand, `ai init --yes`,
`ai trust`, and three runs of a scripted agent:

- `good`: a harmless change, must be ready for review without an edit of any configuration;
- `broken`: the first line of a source that does not parse, must not pass;
- `dropped`: something that the project depends on is gone from the tree, must not pass.

The table says for each what `ai init` took in, and what the three runs came to. Ends with 1 if a tree that is broken passes, or if more
than one project is not green at its first run.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PLACE = ROOT / "target/projects"
LIMIT_S = 1200
GOOD, PASSED = "review", ("review", "done")


class Failed(Exception):
    """A step that must succeed did not; the text says which."""


@dataclass
class Project:
    """One project: where it is from, what its owner does before `ai` comes, and how its tree is broken."""

    name: str
    kind: str
    # Shell: makes the tree in the empty directory of the repository; `$DL` keeps downloads.
    fetch: str
    # Shell: what the owner does by hand; nothing of it is committed but what Git does not ignore.
    prepare: str
    # Shell: the tests as the owner runs them.
    by_hand: str
    # Shell: an agent's work that breaks a source.
    broken: str
    # Shell: an agent's work that takes away what the project depends on.
    dropped: str
    ignored: list = field(default_factory=list)


def pypi(package, version):
    return (
        f'[ -f "$DL/{package}-{version}.done" ] || {{ pip download -q --no-deps --no-binary :all: -d "$DL/{package}-{version}" {package}=={version}; '
        f'touch "$DL/{package}-{version}.done"; }}; tar -xzf "$DL/{package}-{version}"/*.tar.gz --strip-components=1; rm -rf *.egg-info src/*.egg-info'
    )


def npm(package, version, into="."):
    return (
        f'[ -f "$DL/{package}-{version}.tgz" ] || npm pack --silent --pack-destination "$DL" {package}@{version} >"$DL/out"; '
        f'mkdir -p {into}; tar -xzf "$DL/{package}-{version}.tgz" -C {into} --strip-components=1'
    )


def crate(package, version):
    """A crate as cargo unpacks it when another one wants it."""
    return (
        f'mkdir -p "$DL/want-{package}/src"; touch "$DL/want-{package}/src/lib.rs"; printf \'[package]\\nname = "want"\\nversion = "0.1.0"\\nedition = "2021"\\n'
        f'[workspace]\\n[dependencies]\\n{package} = "={version}"\\n\' >"$DL/want-{package}/Cargo.toml"; (cd "$DL/want-{package}" && CARGO_HOME="$DL/cargo" cargo fetch -q); '
        f'cp -R "$DL"/cargo/registry/src/*/{package}-{version}/. .; rm -f .cargo-ok .cargo_vcs_info.json Cargo.toml.orig'
    )


def debian(package, version):
    """The upstream part of a source package, by an apt with lists of its own; the mirror is the one that the machine uses."""
    return (
        'A="$DL/apt"; if [ ! -d "$A" ]; then mkdir -p "$A/lists/partial" "$A/cache/archives/partial"; '
        'grep -hoE "^URIs: [^ ]+|^deb [^[][^ ]+" /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | sed -n "1s/^[^ ]* //p" >"$A/mirror"; '
        'printf "deb-src %s bookworm main\\n" "$(cat "$A/mirror")" >"$A/s.list"; fi; '
        'O="-o Dir::Etc::sourcelist=$A/s.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=$A/lists -o Dir::Cache=$A/cache -o APT::Sandbox::User=root"; '
        '[ -f "$A/updated" ] || { apt-get $O update -qq && touch "$A/updated"; }; '
        f'[ -n "$(ls "$DL"/{package}_{version}*.orig.tar.* 2>/dev/null)" ] || (cd "$DL" && apt-get $O source --download-only -qq {package}); '
        f'tar -xf "$DL"/{package}_{version}.orig.tar.* --strip-components=1'
    )


VENV = "python3 -m venv .venv && .venv/bin/pip install -q --disable-pip-version-check"
PNPM = "9.15.9"
WORKSPACE = """cat >package.json <<'X'
{"name": "two-queues", "private": true, "scripts": {"test": "pnpm -r test"}}
X
printf 'packages:\\n  - packages/*\\n' >pnpm-workspace.yaml
"""

PROJECTS = [
    Project(
        "pluggy", "Python, src layout, editable venv", pypi("pluggy", "1.6.0"),
        # Its version comes from the tag.
        f"git tag 1.6.0 && {VENV} -e . pytest", ".venv/bin/python -m pytest -q",
        "sed -i '1i def broken(:' src/pluggy/_manager.py", "git rm -rq src/pluggy/_callers.py", [".venv/"],
    ),
    Project(
        "more-itertools", "Python, flat layout, venv", pypi("more_itertools", "10.8.0"),
        f"{VENV} pytest", ".venv/bin/python -m pytest -q tests",
        "sed -i '1i def broken(:' more_itertools/recipes.py", "git rm -rq more_itertools/recipes.py", [".venv/"],
    ),
    Project(
        "iniconfig", "Python, uv", pypi("iniconfig", "2.3.0"),
        "uv add -q --dev pytest && uv sync -q", "uv run --locked python -m pytest -q",
        "sed -i '1i def broken(:' src/iniconfig/__init__.py", "uv remove -q --dev pytest pytest-xdist", [".venv/"],
    ),
    Project(
        "fastq", "Node, npm", npm("fastq", "1.20.1"),
        "npm install --silent --no-audit --no-fund", "npm run --silent unit",
        "sed -i '1i function (' queue.js", "npm uninstall --silent --no-audit --no-fund reusify", ["node_modules/"],
    ),
    Project(
        "two-queues", "Node, pnpm workspace",
        "\n".join([npm("reusify", "1.1.0", "packages/reusify"), npm("fastq", "1.20.1", "packages/fastq"), WORKSPACE]),
        "pnpm install --silent", "pnpm -r test",
        "sed -i '1i function (' packages/fastq/queue.js", "pnpm --filter fastq remove tape", ["node_modules/"],
    ),
    Project(
        "semver", "Rust", crate("semver", "1.0.26"), "cargo generate-lockfile", "cargo test -q",
        "sed -i '1i fn broken( {' src/parse.rs", "git rm -q src/parse.rs", ["target/"],
    ),
    Project(
        "indexmap", "Rust, with dependencies", crate("indexmap", "2.11.0"), "cargo generate-lockfile", "cargo test -q",
        "sed -i '1i fn broken( {' src/set.rs", "sed -i '/^.dependencies.hashbrown/,/^$/d' Cargo.toml", ["target/"],
    ),
    Project(
        "uuid", "Go", debian("golang-github-google-uuid", "1.3.0"), "true", "go test ./...",
        "sed -i '1i func broken( {' hash.go", "git rm -q hash.go",
    ),
    Project(
        "http-parser", "C, make", debian("http-parser", "2.9.4"), "true", "make -s test",
        "sed -i '1i int broken( {' http_parser.c", "git rm -q http_parser.h", ["*.o", "*.a", "test_g", "test_fast", "url_parser"],
    ),
    Project(
        "cjson", "C, CMake", debian("cjson", "1.7.15"), "cmake -S . -B build >/dev/null && cmake --build build >/dev/null",
        "ctest --test-dir build", "sed -i '1i int broken( {' cJSON.c", "git rm -rq tests/unity", ["build/"],
    ),
]


class Scene:
    """A project in a repository, with an owner's home."""

    def __init__(self, project, ai, place):
        self.project, self.ai_program = project, ai
        self.base = place / project.name
        shutil.rmtree(self.base, ignore_errors=True)
        self.repo, self.home, self.log = self.base / "repo", self.base / "home", self.base / "log"
        self.repo.mkdir(parents=True)
        self.home.mkdir()
        (place / "downloads").mkdir(exist_ok=True)
        (self.home / ".gitconfig").write_text("[user]\nname = owner\nemail = owner@example.com\n[init]\ndefaultBranch = main\n")
        path = os.pathsep.join([str(place / "tools/bin"), str(place / "tools/node_modules/.bin"), os.environ["PATH"]])
        # pip, npm, cargo and rustup are set up for the user who calls; only what is asked about belongs to the scene.
        self.env = {**os.environ, "PATH": path, "DL": str(place / "downloads"), "GIT_CONFIG_GLOBAL": str(self.home / ".gitconfig")}
        # Trust and remembered probes are the scene's own.
        self.env |= {"XDG_CONFIG_HOME": str(self.home / ".config"), "XDG_CACHE_HOME": str(self.home / ".cache")}

    def run(self, argv):
        with open(self.log, "a", encoding="utf-8") as log:
            log.write(f"$ {argv}\n")
        done = subprocess.run(argv, cwd=self.repo, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=LIMIT_S, shell=isinstance(argv, str))
        with open(self.log, "a", encoding="utf-8") as log:
            log.write(f"{done.stdout}{done.stderr}(exit {done.returncode})\n")
        return done

    def must(self, what, argv):
        done = self.run(argv)
        if done.returncode:
            raise Failed(f"{what}: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")
        return done

    def ai(self, *args):
        return self.run([str(self.ai_program), *args])

    def ai_must(self, *args):
        return self.must(" ".join(args[:2]), [str(self.ai_program), *args])

    def comes_to(self, name, work):
        """The state of a task after one run of an agent that does `work`."""
        script = self.base / "agent.sh"
        script.write_text(f"set -e\n{work}\n")
        made = json.loads(self.ai_must("--json", "task", "create", name, "--agent", "scripted").stdout)
        self.ai("run", made["id"])
        task = json.loads(self.ai_must("--json", "task", "show", made["id"]).stdout)
        self.ai("why", made["id"])
        self.ai("task", "cancel", made["id"], "--reason", "looked at")
        return task["status"]


def setup_of(project, scene):
    scene.must("fetch", f"set -e\n{project.fetch}")
    (scene.repo / ".gitignore").open("a", encoding="utf-8").write("".join(f"{line}\n" for line in project.ignored))
    scene.must("git init", "git init -q && git add -A && git commit -qm upstream")
    scene.must("prepare", f"set -e\n{project.prepare}")
    scene.must("commit", "git add -A && { git diff --cached --quiet || git commit -qm prepared; }")
    scene.must("by hand", project.by_hand)


def tried(project, ai, place):
    """One line of the table: what was taken in, and the outcome of each of the three runs."""
    scene = Scene(project, ai, place)
    row = {"project": project.name, "kind": project.kind, "checks": [], "good": "-", "broken": "-", "dropped": "-", "fault": ""}
    try:
        setup_of(project, scene)
        scene.ai_must("init", "--yes")
        scene.ai_must("trust")
        scene.must("commit", "git add -A && git commit -qm 'Set up ai'")
        row["checks"] = taken_in(scene)
        script = scene.base / "agent.sh"
        scene.ai_must("agent", "register", "scripted", "--connector", "command", "--", "/bin/sh", str(script), "{prompt_file}")
        for name, work in (("good", "echo >>NOTES-of-the-agent.md"), ("broken", project.broken), ("dropped", project.dropped)):
            row[name] = scene.comes_to(name, work)
        # Without a check nothing was proven, whatever waits for a person.
        row["good"] = row["good"] if row["checks"] else "no check"
    except (Failed, subprocess.TimeoutExpired, KeyError, json.JSONDecodeError) as why:
        row["fault"] = f"{type(why).__name__}: {why}"
    return row


def taken_in(scene):
    lines = (scene.repo / ".ai/config.yaml").read_text().splitlines()
    return [line.strip().removeprefix("run: ") for line in lines if line.startswith("    run: ")]


def tools(place):
    """pnpm and uv, at fixed versions, below the place."""
    if not (place / "tools/node_modules/.bin/pnpm").exists():
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(place / "tools"), f"pnpm@{PNPM}"], check=True)
    if not (place / "tools/bin/uv").exists():
        subprocess.run([sys.executable, "-m", "venv", str(place / "tools")], check=True)
        subprocess.run([str(place / "tools/bin/pip"), "install", "-q", "--disable-pip-version-check", "uv==0.9.11"], check=True)


def main():
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--ai", type=Path, default=ROOT / "target/debug/ai")
    asked.add_argument("--place", type=Path, default=PLACE)
    asked.add_argument("--only", action="append", help="the name of a project; may be repeated")
    args = asked.parse_args()
    args.place.mkdir(parents=True, exist_ok=True)
    tools(args.place)
    rows = []
    for project in PROJECTS:
        if args.only and project.name not in args.only:
            continue
        row = tried(project, args.ai.resolve(), args.place.resolve())
        rows.append(row)
        print(f"{row['project']:15} {row['kind']:34} good: {row['good']:17} broken: {row['broken']:10} dropped: {row['dropped']:10} {row['checks']} {row['fault']}", flush=True)
    (args.place / "results.json").write_text(json.dumps(rows, indent=1))
    passed = [row["project"] for row in rows if {row["broken"], row["dropped"]} & set(PASSED)]
    not_green = [row["project"] for row in rows if row["good"] != GOOD]
    print(f"green at the first run: {len(rows) - len(not_green)} of {len(rows)}; broken trees that passed: {passed or 'none'}")
    sys.exit(1 if passed or len(not_green) > 1 else 0)


if __name__ == "__main__":
    main()
