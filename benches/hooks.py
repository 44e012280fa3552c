#!/usr/bin/env python3
"""Measures what hooks add to `git commit`: that of `ai`, a one-line shell script, and hook managers.

    python3 benches/hooks.py --ai target/release/ai [--prek PATH] [--lefthook PATH] [--pre-commit PATH]

Each contender has a repository of its own, all alike, and commits in turn: a round is one commit of
each, in an order that changes. What is printed is the median of what a commit takes, and what the hook
adds to that of the repository without one in the same round. The managers run one command that does
nothing and is given the staged names, which is the least that they are used for; so does the script.
A manager whose program is not named is left out.
"""

import argparse
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

# Files in the repository, and files that a commit changes.
ROWS = [(1_000, 1), (1_000, 100), (20_000, 1), (20_000, 100), (20_000, 5_000)]

PRE_COMMIT = """repos:
  - repo: local
    hooks:
      - {id: noop, name: noop, entry: "true", language: system}
"""
LEFTHOOK = "pre-commit:\n  commands:\n    noop:\n      run: \"true {staged_files}\"\n"


def environment(home):
    env = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    env.update(HOME=str(home), GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null", LEFTHOOK_QUIET="1")
    for role in ("AUTHOR", "COMMITTER"):
        env[f"GIT_{role}_NAME"] = "Bench"
        env[f"GIT_{role}_EMAIL"] = "bench@example.com"
    return env


class Repository:
    def __init__(self, base, name, files):
        self.root = base / name
        self.files = files
        self.env = environment(base)
        self.changed = 0

    def run(self, *argv):
        done = subprocess.run(argv, cwd=self.root, env=self.env, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{self.root.name}: {' '.join(map(str, argv))}\n{done.stdout}{done.stderr}")

    def path(self, number):
        return self.root / f"d{number % 40}" / f"e{number // 40 % 20}" / f"f{number}.txt"

    def fill(self):
        self.root.mkdir()
        self.run("git", "init", "-q", "-b", "main")
        for number in range(self.files):
            path = self.path(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"file {number}\n")
        self.run("git", "config", "gc.auto", "0")
        self.run("git", "config", "maintenance.auto", "false")
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", "files")
        self.run("git", "repack", "-adq")

    def commit(self, staged):
        """Milliseconds that one commit of so many files takes."""
        self.changed += 1
        names = []
        step = max(1, self.files // staged)
        for number in range(0, step * staged, step):
            path = self.path(number)
            path.write_text(f"file {number}, change {self.changed}\n")
            names.append(str(path.relative_to(self.root)))
        listed = "\n".join(names) + "\n"
        add = ["git", "add", "--pathspec-from-file=-"]
        subprocess.run(add, cwd=self.root, env=self.env, input=listed, text=True, check=True)
        begun = time.perf_counter()
        self.run("git", "commit", "-qm", "change")
        return (time.perf_counter() - begun) * 1000


def contenders(options):
    """Name, and what sets the hook up in a repository."""

    def script(repository):
        hook = repository.root / ".git/hooks/pre-commit"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\nexec git diff --cached --name-only -z >/dev/null\n")
        hook.chmod(0o755)

    def ai(repository):
        repository.run(options.ai, "init", "--yes")
        repository.run(options.ai, "hooks", "install")

    def configured(program, file, text):
        def set_up(repository):
            (repository.root / file).write_text(text)
            repository.run("git", "add", file)
            repository.run("git", "commit", "-qm", "hooks")
            repository.run(program, "install")

        return set_up

    found = {"none": lambda repository: None, "script": script, "ai": ai}
    for name, program, file, text in (
        ("prek", options.prek, ".pre-commit-config.yaml", PRE_COMMIT),
        ("lefthook", options.lefthook, "lefthook.yml", LEFTHOOK),
        ("pre-commit", options.pre_commit, ".pre-commit-config.yaml", PRE_COMMIT),
    ):
        if program:
            found[name] = configured(str(pathlib.Path(program).resolve()), file, text)
    return found


def measure(files, staged, options):
    setups = contenders(options)
    times = {name: [] for name in setups}
    with tempfile.TemporaryDirectory(dir=options.dir) as base:
        base = pathlib.Path(base)
        first = Repository(base, "none", files)
        first.fill()
        repositories = {"none": first}
        for name in setups:
            if name != "none":
                shutil.copytree(first.root, base / name, symlinks=True)
                repositories[name] = Repository(base, name, files)
                repositories[name].run("git", "update-index", "-q", "--refresh")
        for name, set_up in setups.items():
            set_up(repositories[name])
        for turn in range(options.rounds + 1):
            order = list(setups)
            random.Random(turn).shuffle(order)
            for name in order:
                took = repositories[name].commit(staged)
                # The first is for what is made once.
                if turn > 0:
                    times[name].append(took)
    bare = times["none"]
    cells = [f"{statistics.median(bare):.1f}"]
    for name in list(setups)[1:]:
        added = [one - other for one, other in zip(times[name], bare)]
        cells.append(f"{statistics.median(added):+.1f}")
    return cells, list(setups)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ai", required=True)
    for name in ("--prek", "--lefthook", "--pre-commit"):
        parser.add_argument(name)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--rows", type=int, nargs="*", help="which rows, from 0")
    parser.add_argument("--dir", help="where the repositories are made")
    options = parser.parse_args()
    options.ai = str(pathlib.Path(options.ai).resolve())
    rows = [ROWS[at] for at in options.rows] if options.rows else ROWS
    head = None
    for files, staged in rows:
        cells, names = measure(files, staged, options)
        if head is None:
            head = ["files : staged", *names]
            print("| " + " | ".join(head) + " |\n|---|" + "---:|" * len(names))
        print("| " + " | ".join([f"{files} : {staged}", *cells]) + " |", flush=True)
    print(f"milliseconds, medians of {options.rounds}; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
