#!/usr/bin/env python3
"""Tries three bad days with real programs and real files, and reports each step with the time that it took.

restore   the store is cut to half its size under work that was done: the newest backup is put in place, and the queue goes on.
failover  the machine is gone: a second clone and a copy of the store take the queue over, and its work is pushed.
rollback  a newer `ai` has migrated the store and worked on: the backup from before is put in place, by the older program where
          `--older PROGRAM` names one.

Standard library only. Everything happens in a temporary directory, with a home of its own and without a network.
"""

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ARCHIVE = os.path.join(HERE, "..", "data", "archive")
CONFIG = "version: 1\nruns: {grace: 1s, sandbox: none}\nchecks: {unit: {run: sh check.sh}}\n"
AGENT = 'cat >/dev/null\nmkdir -p work\necho done > "work/$AI_TASK.txt"\n'


class Broken(Exception):
    """A step that did not come to what it should."""


class Machine:
    """A home, and a clone in it."""

    def __init__(self, ai, base, name):
        self.ai_path, self.home = ai, os.path.join(base, name)
        self.repo = os.path.join(self.home, "repo")
        os.mkdir(self.home)
        self.env = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
        self.env.update(HOME=self.home, AI_ACTOR="human:drill", GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null")
        for who in ("AUTHOR", "COMMITTER"):
            self.env.update({f"GIT_{who}_NAME": "drill", f"GIT_{who}_EMAIL": "drill@example.com"})

    def run(self, *argv, code=0, cwd=None, program=None):
        began = time.monotonic()
        argv = [program or self.ai_path, *argv] if argv[0] != "git" else list(argv)
        done = subprocess.run(argv, cwd=cwd or self.repo, env=self.env, capture_output=True, text=True, check=False)
        shown = " ".join(["ai", *argv[1:]] if argv[0] != "git" else argv).replace(self.home, "HOME")
        print(f"  {(time.monotonic() - began) * 1000:6.0f} ms  {shown[:100]}", flush=True)
        if done.returncode != code:
            raise Broken(f"{shown} ended with {done.returncode}, not {code}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def states(self, **more):
        return {task["title"]: task["status"] for task in map(json.loads, self.run("task", "list", "--json", **more).splitlines())}

    def store(self, name="ai.db"):
        return os.path.join(self.repo, ".git", "ai", name)

    def begin(self, remote=None):
        """A repository with an agent that works, trusted and committed."""
        os.mkdir(self.repo)
        self.run("git", "init", "-q", "-b", "main")
        for name, text in (("check.sh", "test -d work\n"), ("agent.sh", AGENT)):
            self.write(name, text)
        self.run("git", "add", "-A")
        self.run("git", "commit", "-q", "-m", "first")
        self.run("init", "--yes")
        self.write(".ai/config.yaml", CONFIG)
        self.run("agent", "register", "worker", "--connector", "command", "--", "/bin/sh", "./agent.sh")
        self.run("git", "add", "-A")
        self.run("git", "commit", "-q", "-m", "set up")
        if remote:
            self.run("git", "init", "-q", "--bare", "-b", "main", remote)
            self.run("git", "remote", "add", "origin", remote)
            self.run("git", "push", "-q", "origin", "main")
        self.run("trust")

    def write(self, name, text):
        with open(os.path.join(self.repo, name), "w", encoding="utf-8") as out:
            out.write(text)

    def work(self, title):
        task = self.run("task", "create", title).split()[-1]
        self.run("run", task)
        self.run("accept", task)


def expect(found, wanted, what):
    if found != wanted:
        raise Broken(f"{what}: {found}, not {wanted}")
    print(f"           {what}: as it was", flush=True)


def restore(args, base):
    machine = Machine(args.ai, base, "one")
    machine.begin()
    machine.work("before")
    machine.run("task", "create", "waits")
    machine.run("backup")
    size = os.path.getsize(machine.store())
    for name in ("ai.db-wal", "ai.db-shm"):
        if os.path.exists(machine.store(name)):
            os.remove(machine.store(name))
    with open(machine.store(), "r+b") as store:
        store.truncate(size // 2)
    machine.run("status", code=9)
    machine.run("restore", "--dry-run")
    machine.run("restore")
    expect(machine.states(), {"before": "done", "waits": "queued"}, "tasks")
    machine.run("log", "verify")
    machine.run("run", "--all")
    expect(machine.states(), {"before": "done", "waits": "review"}, "the queue, worked on")


def failover(args, base):
    remote = os.path.join(base, "remote.git")
    first = Machine(args.ai, base, "first")
    first.begin(remote)
    first.work("before")
    first.run("task", "create", "waits")
    first.run("git", "push", "-q", "origin", "main")
    copy = os.path.join(base, "copy.db")
    first.run("backup", "--to", copy)
    shutil.rmtree(first.home)
    second = Machine(args.ai, base, "second")
    second.run("git", "clone", "-q", remote, second.repo, cwd=base)
    second.run("init", "--yes")
    second.run("restore", copy)
    second.run("trust")
    expect(second.states(), {"before": "done", "waits": "queued"}, "tasks")
    second.run("log", "verify")
    second.run("recover")
    second.run("run", "--all")
    waits = json.loads(second.run("task", "list", "--json", "--status", "review").splitlines()[0])["id"]
    second.run("accept", waits)
    second.run("git", "push", "-q", "origin", "main")
    landed = second.run("git", "--git-dir", remote, "ls-tree", "--name-only", "main", "work/").split()
    expect(len(landed), 2, "what both machines have landed is in the remote")


def rollback(args, base):
    for version in sorted(name for name in os.listdir(ARCHIVE) if os.path.exists(os.path.join(ARCHIVE, name, "ai.db"))):
        machine = Machine(args.ai, base, f"format-{version}")
        print(f"  a store of format {version}")
        machine.begin()
        for name in os.listdir(os.path.dirname(machine.store())):
            if name.startswith("ai.db-"):
                os.remove(machine.store(name))
        shutil.copy(os.path.join(ARCHIVE, version, "ai.db"), machine.store())
        high_water = os.path.join(machine.repo, ".git", "ai-high-water")
        if os.path.exists(high_water):
            os.remove(high_water)
        before, format_before = machine.states(), user_version(machine.store())
        machine.run("init", "--yes")
        expect(machine.states(), before, "tasks, migrated")
        machine.run("task", "create", "made by the newer one")
        backups = [os.path.join(path, name) for path, _, names in os.walk(os.path.dirname(machine.store())) for name in names if name.endswith(".db") and name != "ai.db"]
        older = [path for path in backups if user_version(path) == format_before]
        if format_before == user_version(machine.store()):
            print("           the format is today's: nothing to go back from")
            continue
        if not older:
            raise Broken(f"no backup of format {format_before} among {backups}")
        # As the runbook has it: the older program is put in place first, and restores. Without one, this program does, and migrates again.
        program = os.path.abspath(args.older) if args.older else None
        machine.run("restore", older[0], program=program)
        if args.older:
            expect(user_version(machine.store()), format_before, "the format")
        expect(machine.states(program=program), before, "tasks, gone back")
        kept = [path for path, _, names in os.walk(os.path.join(machine.repo, ".git")) for name in names if holds(os.path.join(path, name), "made by the newer one")]
        if not kept:
            raise Broken("the store that was left is not kept")
        print("           what the newer one had made is kept aside")


def user_version(path):
    """Both numbers of the format, as the store itself has them."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as store:
        return store.execute("PRAGMA user_version").fetchone()[0]


def holds(path, title):
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as store:
            return bool(store.execute("SELECT 1 FROM event WHERE instr(body, ?)", (title,)).fetchone())
    except sqlite3.Error:
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ai", default="target/debug/ai")
    parser.add_argument("--older", help="an older ai, to be asked in the third drill")
    parser.add_argument("--only", choices=["restore", "failover", "rollback"])
    args = parser.parse_args()
    args.ai = os.path.abspath(args.ai)
    failed = []
    for drill in (restore, failover, rollback):
        if args.only and drill.__name__ != args.only:
            continue
        print(f"{drill.__name__}", flush=True)
        base, began = tempfile.mkdtemp(prefix="drill-"), time.monotonic()
        try:
            drill(args, base)
            print(f"  passed in {time.monotonic() - began:.1f} s", flush=True)
        except Broken as broken:
            failed.append(drill.__name__)
            print(f"  FAILED: {broken}", flush=True)
        finally:
            shutil.rmtree(base, ignore_errors=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
