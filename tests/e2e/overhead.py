#!/usr/bin/env python3
"""What `ai run` costs over the bare CLI: wall time, and memory of `ai` itself, also while 50 MB of output go through it.

Bare runs and runs by `ai` take turns, so that a busy machine is unkind to both. Compare within one output only.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import clis
import run as driver
import scene as scenes

BARE = ["claude", "-p", "--output-format", "stream-json", "--verbose", "--permission-mode", "acceptEdits", "--model", "claude-fake"]


def bare(scene):
    """Seconds of the CLI alone, with the same task in a clone of the repository."""
    tree = scene.base / "bare"
    scene.command(["git", "clone", "-q", str(scene.repo), str(tree)])
    env = {**scene.env, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
    started = time.monotonic()
    subprocess.run(BARE, cwd=tree, env=env, input="Please write the file hello.txt with one line in it.", text=True, capture_output=True, timeout=120, check=True)
    return time.monotonic() - started


def supervised(scene):
    """Seconds of `ai run`, seconds of the agent's step in it, and the most memory that `ai` had, in MiB."""
    task = scene.set_up()
    code, report, seconds, peak, err = scene.run(task)
    if code != 0:
        raise scenes.Failed(f"exit {code}: {err[-500:]}")
    return seconds, driver.agent_seconds(report), peak


def median(values, unit):
    return f"{statistics.median(values):8.3f} {unit} (from {min(values):.3f} to {max(values):.3f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ai", default=driver.ROOT / "target/release/ai", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    by_name = {cli.name: cli for cli in clis.CLIS}
    (driver.PLACE / "cli").mkdir(parents=True, exist_ok=True)
    model = driver.Model(driver.PLACE / "requests.jsonl")

    def scene(name, plan):
        cli = by_name[name]
        path = clis.search_path(clis.install(cli, driver.PLACE / "cli"))
        return scenes.Scene(str(options.ai.resolve()), driver.PLACE / "work/overhead", cli, path, model.url(plan, "overhead"))

    try:
        rounds = []
        for _ in range(options.rounds):
            one = scene("claude", "ok")
            rounds.append((bare(one), *supervised(one)))
        # codex waits until all that it has written is read; most others do not.
        flood = supervised(scene("codex", "flood"))
    finally:
        model.stop()
    bare_s, all_s, agent_s, peak = zip(*rounds)
    print(f"bare CLI                 {median(bare_s, 's')}")
    print(f"ai run                   {median(all_s, 's')}")
    print(f"ai run - its agent step  {median([a - b for a, b in zip(all_s, agent_s)], 's')}")
    print(f"agent step - bare CLI    {median([a - b for a, b in zip(agent_s, bare_s)], 's')}")
    print(f"peak memory of ai        {median(peak, 'MiB')}")
    print(f"the same at 50 MB        {flood[2]:8.3f} MiB, {flood[0]:.3f} s")


if __name__ == "__main__":
    sys.exit(main())
