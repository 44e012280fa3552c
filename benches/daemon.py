#!/usr/bin/env python3
"""Measures a daemon: what it costs while it has nothing to do, how soon an agent starts after its task was created, how many tasks it
works in a second, and what a run costs besides its agent and its check.

Idle: a store with many tasks that wait for a person, one daemon, and for a minute the processor time, the voluntary context
switches of all its threads (each of them is a wake-up), and the memory that is resident. Start: tasks one after another without
worktrees and without a sandbox, from before `ai task create` to the first word of the agent, by the clock of the wall. On the same run, where it is
installed, task-spooler (`tsp`) with a command that leaves the same mark. Queue: tasks that do nothing, two at once, each in a worktree and with
everything that `ai` records, from the start of the daemon to its end; beside it pueue and task-spooler, where they are installed, with `true`. Own: runs in a
worktree of 1,000 files, with the sandbox that the machine has and one check, without what agent and check say that they took themselves.
Standard library only; Linux only.
"""

import argparse
import glob
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

CONFIG = "version: 1\nruns: {{grace: 1s, {runs}}}\ndefaults: {{max_attempts: 1}}\nchecks: {{unit: {{run: '{check}'}}}}\n"
# The mark is made whole under another name, so that nobody reads half of it.
MARK = 'date +%s%N > "$1.new" && mv "$1.new" "$1"\n'
AGENT = 'sh "{mark}" "{marks}/$AI_TASK"\ncat >/dev/null\n'
# An agent that reads its prompt and ends.
IDLE = "cat >/dev/null\n"
# Says when it began and when it ended.
TIMED = "date +%s%N; cat >/dev/null; echo work > work.txt; date +%s%N\n"
TIMED_CHECK = "date +%s%N; test -f work.txt && date +%s%N"
TICKS = os.sysconf("SC_CLK_TCK")


class Scene:
    """A repository with one agent, and a home of its own."""

    def __init__(self, ai, base, runs="isolation: none, sandbox: none", check="true", agent=AGENT, files=0):
        self.program, self.base = os.path.abspath(ai), base
        self.root, self.home, self.marks = (os.path.join(base, name) for name in ("repo", "home", "marks"))
        for path in (self.root, self.home, self.marks):
            os.mkdir(path)
        self.env = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.env.update(HOME=self.home, XDG_CONFIG_HOME=os.path.join(self.home, ".config"), AI_ACTOR="human:bench")
        self.env.update({f"GIT_{who}_{what}": text for who in ("AUTHOR", "COMMITTER") for what, text in (("NAME", "bench"), ("EMAIL", "bench@example.com"))})
        self.run(["git", "init", "-q", "-b", "main"])
        for number in range(files):
            path = os.path.join(self.root, f"d{number // 50}", f"f{number}")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            self.write(path, f"{number}\n")
        self.run(["git", "add", "-A"])
        self.run(["git", "commit", "-q", "--allow-empty", "-m", "first"])
        self.ai("init", "--yes")
        self.write(os.path.join(self.root, ".ai/config.yaml"), CONFIG.format(runs=runs, check=check))
        self.mark = self.write(os.path.join(base, "mark.sh"), MARK)
        script = self.write(os.path.join(base, "agent.sh"), agent.format(mark=self.mark, marks=self.marks))
        self.ai("agent", "register", "marker", "--connector", "command", "--", "/bin/sh", script, "{prompt_file}")
        self.ai("trust")
        self.run(["git", "add", "-A"])
        self.run(["git", "commit", "-q", "-m", "set up"])

    @staticmethod
    def write(path, text):
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def run(self, argv, fine=(0,), **more):
        done = subprocess.run(argv, cwd=self.root, env=self.env, capture_output=True, text=True, check=False, **more)
        if done.returncode not in fine:
            sys.exit(f"{argv} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def ai(self, *args, **more):
        return self.run([self.program, *args], **more)

    def marked(self, name, patience=60):
        """The time that stands in a mark, once it is there."""
        path, until = os.path.join(self.marks, name), time.monotonic() + patience
        while not os.path.exists(path):
            if time.monotonic() > until:
                sys.exit(f"no agent has left {name} in {patience} s")
            time.sleep(0.001)
        with open(path, encoding="utf-8") as mark:
            return int(mark.read())

    def daemon(self):
        return json.loads(self.ai("daemon", "start", "--json"))["pid"]

    def rests(self, patience=60):
        """Waits until the daemon itself says that nothing is at work."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            told = json.loads(self.ai("daemon", "status", "--json"))
            if not told["running"] and told["live"] and not told["live"]["runs"]:
                return
            time.sleep(0.02)
        sys.exit(f"the daemon does not come to rest in {patience} s")

    def fill(self, tasks, **more):
        """Tasks by one import."""
        lines = [json.dumps({"title": f"task {number}", **more}) for number in range(tasks)]
        self.ai("task", "create", "--from", "-", "--quiet", input="\n".join(lines) + "\n")


def counters(pid):
    """Processor seconds, voluntary context switches of all threads, and resident bytes: all, and those that are no part of a file."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rsplit(") ", 1)[1].split()
    switches = 0
    for path in glob.glob(f"/proc/{pid}/task/*/status"):
        with open(path, encoding="utf-8") as status:
            switches += sum(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt_switches"))
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        sizes = {line.split()[0]: int(line.split()[1]) * 1024 for line in status if line.startswith(("VmRSS", "RssAnon"))}
    return (int(fields[11]) + int(fields[12])) / TICKS, switches, (sizes["VmRSS:"], sizes["RssAnon:"])


def idle(scene, args):
    scene.fill(args.tasks, hold="not yet")
    pid = scene.daemon()
    time.sleep(args.settle)
    began, (cpu, switches, _) = time.monotonic(), counters(pid)
    time.sleep(args.seconds)
    took, (cpu_after, switches_after, (resident, own)) = time.monotonic() - began, counters(pid)
    scene.ai("daemon", "stop", "--now", "--quiet")
    used, woken = cpu_after - cpu, (switches_after - switches) / took
    print(f"idle with {args.tasks} tasks, {took:.0f} s: {used * 1000:.0f} ms of a processor ({used / took:.2%} of a core, counted in steps of {1000 / TICKS:.0f} ms), "
          f"{woken:.2f} wake-ups a second (target 1), {resident / 2**20:.1f} MB resident (target 15), of which {own / 2**20:.1f} are no part of a file")


def percentile(times, part):
    return sorted(times)[min(len(times) - 1, int(len(times) * part))]


def told(name, times):
    print(f"{name}: p50 {statistics.median(times):.1f} ms, p95 {percentile(times, 0.95):.1f} ms, {len(times)} starts")


def starts(scene, args):
    scene.daemon()
    times, floor, peer = [], [], []
    spooler = shutil.which("tsp")
    for number in range(args.starts):
        began = time.time_ns()
        task = json.loads(scene.ai("task", "create", f"start {number}", "--json"))
        name = task.get("id") or task["task"]["id"]
        times.append((scene.marked(name) - began) / 1e6)
        # The next one begins on a daemon that waits.
        scene.rests()
        for contender, argv in ((floor, ["sh"]), (peer, [spooler, "-n", "sh"] if spooler else None)):
            if argv:
                mark = f"{number}-{len(argv)}"
                began = time.time_ns()
                scene.run([*argv, scene.mark, os.path.join(scene.marks, mark)])
                contender.append((scene.marked(mark) - began) / 1e6)
    scene.ai("daemon", "stop", "--now", "--quiet")
    told("created to the first word of the agent (target 15, 40)", times)
    told("the same script started by hand, recorded nowhere", floor)
    print(f"ratio: {statistics.median(times) / statistics.median(floor):.1f}")
    if peer:
        told("task-spooler, which keeps no record", peer)
        print(f"ratio: {statistics.median(times) / statistics.median(peer):.1f}")


def rate(name, count, took):
    print(f"{name}: {count / took:.1f} tasks a second ({count} in {took:.1f} s)")
    return count / took


def queue(scene, args):
    # The first runs make what later ones find.
    scene.fill(4)
    work = ["daemon", "run", "--until-empty", "--parallel", "2", "--quiet"]
    # Nothing was changed, so none of them can be accepted.
    scene.ai(*work, fine=(0, 1, 6))
    scene.fill(args.queue)
    began = time.monotonic()
    scene.ai(*work, fine=(0, 1, 6))
    took = time.monotonic() - began
    left = [line for line in scene.ai("task", "list", "--json").splitlines() if json.loads(line)["status"] == "queued"]
    if left:
        sys.exit(f"{len(left)} tasks are still queued")
    own = rate("tasks that do nothing, two at once, in worktrees (target 100)", args.queue, took)
    for name, measure in (("pueue", pueue), ("tsp", spooler)):
        if shutil.which(name):
            print(f"ratio: {own / rate(name, args.queue, measure(scene, args.queue)):.2f}")
        else:
            print(f"{name}: not installed")


def pueue(scene, count):
    env = dict(scene.env, XDG_DATA_HOME=os.path.join(scene.home, "data"), XDG_RUNTIME_DIR=scene.home)
    server = subprocess.Popen(["pueued"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = lambda *args: subprocess.run(["pueue", *args], env=env, capture_output=True, check=False).returncode
    try:
        until = time.monotonic() + 20
        while client("status") != 0:
            if time.monotonic() > until:
                sys.exit("pueued does not answer")
            time.sleep(0.05)
        client("parallel", "2")
        began = time.monotonic()
        for _ in range(count):
            client("add", "--", "true")
        client("wait")
        return time.monotonic() - began
    finally:
        server.terminate()
        server.wait()


def spooler(scene, count):
    env = dict(scene.env, TS_SOCKET=os.path.join(scene.home, "tsp"))
    client = lambda *args: subprocess.run(["tsp", *args], env=env, capture_output=True, check=False)
    client("-S", "2")
    began = time.monotonic()
    for _ in range(count):
        client("-n", "true")
    client("-w")
    took = time.monotonic() - began
    client("-K")
    return took


def between(path):
    """The milliseconds between the first and the last time that stand in a log."""
    with open(path, encoding="utf-8") as log:
        times = [int(line) for line in log.read().split()]
    return (times[-1] - times[0]) / 1e6


def own(scene, args):
    times, wall = [], []
    for number in range(args.runs + 3):
        task = json.loads(scene.ai("task", "create", f"own {number}", "--json"))
        name = task.get("id") or task["task"]["id"]
        began = time.monotonic()
        scene.ai("run", name, "--quiet")
        took = (time.monotonic() - began) * 1000
        files = os.path.join(scene.root, ".git/ai/runs", f"{name}.1")
        wall.append(took)
        times.append(took - between(os.path.join(files, "stdout.log")) - between(os.path.join(files, "checks/unit.log")))
    # The first ones make the worktree and learn what the machine can do.
    times, wall = times[3:], wall[3:]
    mode = json.loads(scene.ai("task", "list", "--json").splitlines()[0]).get("status")
    print(f"a run in a worktree of {args.files} files, one check: own time p50 {statistics.median(times):.1f} ms (target 60), p95 {percentile(times, 0.95):.1f} ms; "
          f"in all {statistics.median(wall):.1f} ms, {len(times)} runs, each ended in {mode}")


# What is measured, and the scene that it needs.
MEASURES = {
    "idle": (idle, {}),
    "starts": (starts, {}),
    "queue": (queue, {"runs": "sandbox: none", "agent": IDLE}),
    "own": (own, {"runs": "sandbox: auto", "agent": TIMED, "check": TIMED_CHECK}),
}


def main(argv=None):
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--ai", default="target/release/ai", help="the program")
    words.add_argument("--tasks", type=int, default=10_000, help="tasks in the store of the idle daemon (10000)")
    words.add_argument("--seconds", type=float, default=60.0, help="how long it is watched (60)")
    words.add_argument("--settle", type=float, default=5.0, help="how long it has to come to rest before (5)")
    words.add_argument("--starts", type=int, default=40, help="tasks that are started (40)")
    words.add_argument("--queue", type=int, default=500, help="tasks that do nothing (500)")
    words.add_argument("--runs", type=int, default=20, help="runs whose own time is measured (20)")
    words.add_argument("--files", type=int, default=1_000, help="files of their repository (1000)")
    words.add_argument("--only", choices=sorted(MEASURES), action="append", help="this alone; may be given more than once")
    args = words.parse_args(argv)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name, (measure, needs) in MEASURES.items():
        if args.only and name not in args.only:
            continue
        files = {"files": args.files} if name == "own" else {}
        with tempfile.TemporaryDirectory(prefix="ai-daemon-") as base:
            measure(Scene(args.ai, base, **needs, **files), args)


if __name__ == "__main__":
    main()
