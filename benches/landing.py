#!/usr/bin/env python3
"""Measures one landing: many reviewed tasks of which two break only together, by a check of some seconds.

Counts the logs that the checks have left, and compares that with what `ai land` says. Fails where the branch does not end
as it should, or where more checks ran than are promised. Standard library only.
"""

import argparse
import glob
import json
import math
import os
import subprocess
import sys
import tempfile
import time

CHECK = """sleep {seconds}
if test -f w05.txt && test -f w16.txt; then echo 'they do not get on'; exit 1; fi
"""
AGENT = """cat >/dev/null
name=$(sed -n 's/.*write \\(w[0-9]*\\.txt\\).*/\\1/p' "$1" | head -n 1)
echo work > "$name"
"""
CONFIG = "version: 1\nruns: {grace: 1s}\nchecks: {unit: {run: sh check.sh}}\n"


def bound(works):
    """The most check runs with one culprit or one pair (ADR 0080)."""
    halvings = math.ceil(math.log2(works))
    return halvings + (3 if works <= 0.75 * 2**halvings else 4)


class Scene:
    """A repository with reviewed tasks, and a home of its own."""

    def __init__(self, ai, base, seconds):
        self.ai_program, self.root = os.path.abspath(ai), os.path.join(base, "repo")
        self.home = os.path.join(base, "home")
        for path in (self.root, self.home):
            os.mkdir(path)
        self.env = dict(os.environ, HOME=self.home, XDG_CONFIG_HOME=os.path.join(self.home, ".config"), AI_ACTOR="human:bench")
        self.env.update({f"GIT_{who}_{what}": text for who in ("AUTHOR", "COMMITTER") for what, text in (("NAME", "bench"), ("EMAIL", "bench@example.com"))})
        self.run(["git", "init", "-q", "-b", "main"])
        self.write("check.sh", CHECK.format(seconds=seconds))
        self.run(["git", "add", "-A"])
        self.run(["git", "commit", "-q", "-m", "first"])
        self.ai("init", "--yes")
        self.write(".ai/config.yaml", CONFIG)
        script = os.path.join(base, "agent.sh")
        with open(script, "w", encoding="utf-8") as out:
            out.write(AGENT)
        self.ai("agent", "register", "writer", "--connector", "command", "--", "/bin/sh", script, "{prompt_file}")
        self.ai("trust")
        self.run(["git", "add", "-A"])
        self.run(["git", "commit", "-q", "-m", "set up"])

    def write(self, path, text):
        with open(os.path.join(self.root, path), "w", encoding="utf-8") as out:
            out.write(text)

    def run(self, argv, wanted=(0,)):
        done = subprocess.run(argv, cwd=self.root, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode not in wanted:
            sys.exit(f"{argv} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def ai(self, *args, wanted=(0,)):
        return self.run([self.ai_program, *args], wanted)

    def checks_ran(self):
        """The number of logs that checks of landings have left."""
        found = glob.glob(os.path.join(self.root, ".git/ai/landings/*/*/unit.log"))
        return len(found)


def main(argv=None):
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--ai", default="target/release/ai", help="the program")
    words.add_argument("--tasks", type=int, default=20, help="reviewed tasks, at least 16 (20)")
    words.add_argument("--seconds", type=float, default=2.0, help="how long the check takes (2)")
    args = words.parse_args(argv)
    if args.tasks < 16:
        words.error("two of the tasks, the fifth and the sixteenth, break together")
    with tempfile.TemporaryDirectory(prefix="ai-landing-") as base:
        scene = Scene(args.ai, base, args.seconds)
        for number in range(1, args.tasks + 1):
            scene.ai("task", "create", f"write w{number:02}.txt")
        scene.ai("run", "--all", "--parallel", "4", "--quiet")
        began = time.monotonic()
        told = json.loads(scene.ai("land", "--all", "--json", wanted=(6,)))
        took = time.monotonic() - began
        ran, most = scene.checks_ran(), bound(args.tasks)
        landed, back = len(told["landed"]), len(told["sent_back"])
        print(f"{args.tasks} tasks, two of which break together, check of {args.seconds:g} s: {landed} landed, {back} sent back")
        print(f"check runs: {ran} of at most {most}; {took:.1f} s, of which {took - ran * args.seconds:.1f} s are not the check's")
        if (landed, back, told["check_runs"]) != (args.tasks - 1, 1, ran) or ran > most:
            sys.exit(f"that is not what was promised: {told}")


if __name__ == "__main__":
    main()
