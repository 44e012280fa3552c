#!/usr/bin/env python3
"""Works a queue for minutes or days while everything that can be killed is killed, and says whether all of it ended right.

One repository, one daemon that works and lands, and tasks of every kind: some succeed, some at the second attempt, some never,
some hang, some fork, some wait for a person, some for others. Meanwhile the daemon, the supervisors of runs, agents and their
children are killed or stopped, the wall clock jumps, the disk fills up, and the store is put back to a backup. At the end nothing
attacks any more, the queue is worked to its end, and the script counts.

All of it happens in a container of its own, of process ids and mounts, so that what is left over can be counted exactly and the
disk that fills up is a small one. Standard library only; Linux with user namespaces only. The same seed makes the same attacks in
the same order; how they meet the work is up to the machine.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

APART = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
DISK_MB = 1500
# One that hangs is ended by the limit of a run, which is counted in minutes.
CONFIG = """version: 1
runs: {grace: 2s, minutes: 1, disk_floor_mb: 64, sandbox: SANDBOX}
defaults: {max_attempts: 3, max_lapses: 1000}
daemon: {parallel: 4, land: true, stop_within: 5s}
scheduler: {retry: {default: {strategy: fixed, pause: 1s}}}
checks:
  unit: {run: sh check.sh}
"""
POLICY_RULE = """
  - id: guarded-needs-a-person
    on: [run.finish]
    actors: ["agent:*"]
    paths: [guarded/]
    effect: require_approval
    reason: somebody looks at these
"""
CHECK = "! grep -rqs BAD work guarded\n"
# The prompt names the kind in its title. What a run does depends on its own number alone.
AGENT = r"""
kind=$(grep -o 'soak-[a-z]*' "$1" | head -n 1)
number=${AI_RUN##*.}
mkdir -p work guarded
case $kind in
    soak-good) echo good > "work/$AI_TASK.txt" ;;
    soak-shared) echo "$AI_TASK" >> work/shared.txt ;;
    soak-later) if [ "$number" = 1 ]; then echo BAD > "work/$AI_TASK.txt"; else echo good > "work/$AI_TASK.txt"; fi ;;
    soak-never) echo "BAD" > "work/$AI_TASK.txt" ;;
    soak-slow) for i in 1 2 3 4 5 6 7 8; do echo "step $i"; sleep 0.5; done; echo slow > "work/$AI_TASK.txt" ;;
    soak-forks)
        for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            setsid sh -c 'trap "" TERM HUP; sleep 300 & sleep 300' </dev/null >/dev/null 2>&1 &
        done
        echo forks > "work/$AI_TASK.txt" ;;
    soak-hang) trap "" TERM; echo hang > "work/$AI_TASK.txt"; while :; do sleep 1; done ;;
    soak-loud) i=0; while [ $i -lt 20000 ]; do echo "line $i of much that nobody will read"; i=$((i + 1)); done; echo loud > "work/$AI_TASK.txt" ;;
    soak-guarded) echo guarded > "guarded/$AI_TASK.txt" ;;
    *) echo "no kind in $1" >&2; exit 9 ;;
esac
"""
# How often each kind is made, and how it has to end.
KINDS = {
    "good": (6, "done"), "shared": (3, "done"), "later": (3, "done"), "never": (2, "failed"), "slow": (3, "done"),
    "forks": (2, "done"), "hang": (1, "failed"), "loud": (1, "done"), "guarded": (2, "done"),
}
ENDED = {"done", "failed", "cancelled"}
# The store may be full, busy or just being put back: the same is tried again.
PASSING = {1, 3, 6, 8, 9, 75}


def processes():
    """What runs in this container: process id, program, words of its command line, state."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as line, open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as stat:
                words = line.read().decode(errors="replace").split("\0")
                state = stat.read().rsplit(") ", 1)[1].split()[0]
            program = os.readlink(f"/proc/{name}/exe")
        except OSError:
            continue
        yield int(name), program, words, state


class Soak:
    def __init__(self, args, base):
        self.args, self.base = args, base
        self.ai_path = os.path.join(base, "bin", "ai")
        self.repo, self.home = os.path.join(base, "repo"), os.path.join(base, "home")
        self.disk = os.path.join(base, "disk")
        self.random = random.Random(args.seed)
        self.tasks, self.again, self.attacks, self.sizes, self.faults = {}, 0, {}, [], []
        self.offset = 0
        for path in (os.path.join(base, "bin"), self.home, self.disk):
            os.mkdir(path)
        shutil.copy(args.ai, self.ai_path)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", self.disk], check=True)
        self.repo = os.path.join(self.disk, "repo")
        os.mkdir(self.repo)
        self.env = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
        self.env.update(HOME=self.home, AI_ACTOR="human:soak", GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null")
        for who in ("AUTHOR", "COMMITTER"):
            self.env.update({f"GIT_{who}_NAME": "soak", f"GIT_{who}_EMAIL": "soak@example.com"})
        self.set_up()

    # --- commands -----------------------------------------------------------------------------------------------------

    def run(self, argv, **more):
        env = dict(self.env, AI_TEST_WALL_OFFSET_MS=str(self.offset))
        return subprocess.run(argv, cwd=self.repo, env=env, capture_output=True, text=True, check=False, timeout=120, **more)

    def must(self, argv, **more):
        done = self.run(argv, **more)
        if done.returncode != 0:
            sys.exit(f"{argv} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def ai(self, *args, **more):
        """A command that may be refused for a while; its output, or none where it was refused to the end."""
        until = time.monotonic() + 60
        while True:
            done = self.run([self.ai_path, *args], **more)
            if done.returncode == 0:
                return done.stdout
            if "panicked" in done.stderr or done.returncode not in PASSING:
                self.fault(f"ai {' '.join(args)} ended with {done.returncode}: {done.stderr.strip()[-400:]}")
                return None
            if time.monotonic() > until:
                self.fault(f"ai {' '.join(args)} is refused for a minute: {done.stderr.strip()[-400:]}")
                return None
            time.sleep(0.3)

    def fault(self, text):
        print(f"FAULT {text}", flush=True)
        self.faults.append(text)

    def set_up(self):
        self.must(["git", "init", "-q", "-b", "main"])
        for name, text in (("check.sh", CHECK), ("agent.sh", AGENT)):
            with open(os.path.join(self.repo, name), "w", encoding="utf-8") as out:
                out.write(text)
        self.must(["git", "add", "-A"])
        self.must(["git", "commit", "-q", "-m", "first"])
        self.must([self.ai_path, "init", "--yes"])
        with open(os.path.join(self.repo, ".ai/config.yaml"), "w", encoding="utf-8") as out:
            out.write(CONFIG.replace("SANDBOX", self.args.sandbox))
        path = os.path.join(self.repo, ".ai/policy.yaml")
        with open(path, encoding="utf-8") as policy:
            text = policy.read()
        with open(path, "w", encoding="utf-8") as out:
            out.write(text.replace("\nrules:\n", "\nrules:\n" + POLICY_RULE.lstrip("\n"), 1))
        self.must([self.ai_path, "agent", "register", "worker", "--connector", "command", "--", "/bin/sh", os.path.join(self.repo, "agent.sh"), "{prompt_file}"])
        self.must([self.ai_path, "policy", "validate"])
        self.must([self.ai_path, "trust"])
        self.must(["git", "add", "-A"])
        self.must(["git", "commit", "-q", "-m", "set up"])

    # --- work ---------------------------------------------------------------------------------------------------------

    def create(self, kind):
        number = len(self.tasks) + self.again
        words = ["task", "create", f"soak-{kind} number {number}"]
        if kind == "shared":
            words += ["--path", "work/shared.txt"]
        done = [task for task, (_, of) in self.tasks.items() if of == "good"]
        if kind == "good" and done and self.random.random() < 0.3:
            words += ["--dep", self.random.choice(done)]
        told = self.ai(*words)
        if told:
            self.tasks[told.split()[-1]] = (time.monotonic(), kind)

    def states(self):
        told = self.ai("task", "list", "--json")
        return {task["id"]: task for task in map(json.loads, told.splitlines())} if told else None

    def say_yes(self):
        told = self.ai("approvals", "--json")
        for line in (told or "").splitlines():
            asked = json.loads(line)
            # Somebody else's yes, or an end, may have come first.
            self.run([self.ai_path, "approve", asked["decision"]["id"], "--as", "reader"])

    # --- attacks ------------------------------------------------------------------------------------------------------

    def victims(self, part):
        """Process ids of one part of the machinery, told by their command lines."""
        for pid, program, words, state in processes():
            line = " ".join(words)
            is_ai = program == self.ai_path
            is_daemon = is_ai and words[1:3] == ["daemon", "run"]
            if state == "Z" or pid == os.getpid():
                continue
            if part == "daemon" and is_daemon:
                yield pid
            elif part == "machinery" and is_ai and not is_daemon:
                yield pid
            elif part == "agent" and ("agent.sh" in line or words[0] in ("sleep", "bwrap")):
                yield pid

    def signal(self, pids, number):
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def kill_daemon(self):
        self.signal(self.victims("daemon"), signal.SIGKILL)

    def kill_one(self, part):
        pids = list(self.victims(part))
        if pids:
            self.signal([self.random.choice(pids)], signal.SIGKILL)

    def close_the_lid(self):
        pids = [*self.victims("daemon"), *self.victims("machinery"), *self.victims("agent")]
        self.signal(pids, signal.SIGSTOP)
        time.sleep(self.random.uniform(1, 4))
        self.signal(pids, signal.SIGCONT)

    def jump(self):
        """Whatever is started from now on reads another wall clock."""
        self.offset = self.random.choice([-1, 1]) * self.random.randrange(1, 48 * 3600 * 1000)
        self.kill_daemon()

    def fill_disk(self):
        filler = os.path.join(self.disk, "filler")
        try:
            with open(filler, "wb") as out:
                while True:
                    out.write(b"\0" * (1 << 20))
        except OSError:
            pass
        time.sleep(self.random.uniform(1, 3))
        os.remove(filler)

    def put_back(self):
        """What was created since the backup is gone with it, and is told apart from what was lost."""
        path = os.path.join(self.base, f"backup-{self.again}-{len(self.tasks)}.db")
        if not self.ai("backup", "--to", path):
            return
        for _ in range(2):
            self.create("good")
        if self.ai("restore", path) is None:
            return
        there = self.states()
        if there is None:
            return
        for task in [task for task in self.tasks if task not in there]:
            del self.tasks[task]
            self.again += 1
        os.remove(path)

    def attack(self):
        kinds = {
            "daemon killed": (3, self.kill_daemon),
            "supervisor or keeper killed": (3, lambda: self.kill_one("machinery")),
            "agent or child killed": (3, lambda: self.kill_one("agent")),
            "all stopped, and woken": (2, self.close_the_lid),
            "clock jumped": (1, self.jump),
            "disk full": (1, self.fill_disk),
            "store put back": (1, self.put_back),
        }
        if self.args.without:
            kinds = {name: kind for name, kind in kinds.items() if name not in self.args.without}
        name = self.random.choices(list(kinds), [weight for weight, _ in kinds.values()])[0]
        print(f"{self.clock()}  {name}", flush=True)
        kinds[name][1]()
        self.attacks[name] = self.attacks.get(name, 0) + 1

    def clock(self):
        return f"{time.monotonic() - self.began:6.0f} s"

    def keep_working(self):
        """A daemon is there, as one that a service manager starts again."""
        if not any(True for _ in self.victims("daemon")):
            self.run([self.ai_path, "daemon", "start", "--quiet"])

    def measure(self):
        for pid in self.victims("daemon"):
            try:
                with open(f"/proc/{pid}/status", encoding="utf-8") as status:
                    size = next((int(line.split()[1]) for line in status if line.startswith("RssAnon")), None)
            except OSError:
                continue
            if size is not None:
                self.sizes.append((time.monotonic() - self.began, pid, size))

    # --- the whole ----------------------------------------------------------------------------------------------------

    def whole(self):
        self.began = time.monotonic()
        until = self.began + self.args.minutes * 60
        # Three attempts of one that hangs take three minutes.
        kinds = {kind: weight for kind, (weight, _) in KINDS.items() if kind != "hang" or self.args.minutes >= 10}
        attack_at = self.began + 5
        while time.monotonic() < until:
            there = self.states() or {}
            waiting = sum(task["status"] not in ENDED for task in there.values())
            if waiting < self.args.queue:
                for _ in range(self.args.queue - waiting):
                    self.create(self.random.choices(list(kinds), list(kinds.values()))[0])
            self.keep_working()
            self.say_yes()
            self.measure()
            if time.monotonic() > attack_at:
                self.attack()
                attack_at = time.monotonic() + self.random.uniform(0.5, 2) * self.args.every
            time.sleep(0.5)
        print(f"{self.clock()}  nothing attacks any more", flush=True)
        self.settle()
        self.judge()

    def settle(self):
        patience = time.monotonic() + 600 + 30 * self.args.queue
        while time.monotonic() < patience:
            self.keep_working()
            self.say_yes()
            self.measure()
            there = self.states() or {}
            if there and all(there.get(task, {}).get("status") in ENDED for task in self.tasks):
                break
            if there:
                self.help_out(there)
            time.sleep(1)
        self.run([self.ai_path, "daemon", "stop"])
        time.sleep(2)

    def help_out(self, there):
        """What a person does: work that met a change of somebody else's is done again, since a clock that has jumped ends the wait
        of tasks for the same paths; and a rest that a clock gone back has made long is cut short, as `ai why` says."""
        told = self.run([self.ai_path, "daemon", "status"]).stdout.splitlines()
        for task, found in there.items():
            if found["status"] == "review" and any(task in line and "conflict" in line for line in told):
                self.run([self.ai_path, "reject", task, "--note", "the target has moved: do it again"])
            if found["status"] == "queued" and any(task in line and re.search(r"rests for \d+h", line) for line in told):
                self.run([self.ai_path, "task", "edit", task, "--not-before", "now"])

    def judge(self):
        there = self.states() or {}
        counts = {}
        for task, (_, kind) in self.tasks.items():
            status = there.get(task, {}).get("status", "lost")
            wanted = KINDS[kind][1]
            counts[(kind, status)] = counts.get((kind, status), 0) + 1
            if status != wanted:
                why = self.run([self.ai_path, "why", task]).stdout.strip().replace("\n", " | ")
                self.fault(f"{task} ({kind}) is {status}, not {wanted}: {why[:300]}")
            where = {"guarded": f"guarded/{task}.txt", "shared": "work/shared.txt"}.get(kind, f"work/{task}.txt")
            landed = self.run(["git", "show", f"main:{where}"])
            is_there = landed.returncode == 0 and (kind != "shared" or task in landed.stdout)
            if is_there != (status == "done"):
                self.fault(f"{task} ({kind}) is {status}, and its work is {'there' if is_there else 'not there'}")
        left = [f"{pid} {' '.join(words)[:100]}" for pid, _, words, state in processes() if state != "Z" and pid not in (1, os.getpid())]
        for line in left:
            self.fault(f"a process is left over: {line}")
        for argv in (["git", "fsck", "--full", "--strict"], [self.ai_path, "log", "verify"]):
            done = self.run(argv)
            if done.returncode != 0:
                self.fault(f"{' '.join(argv[-2:])} ended with {done.returncode}: {(done.stdout + done.stderr).strip()[-400:]}")
        for task, (_, kind) in self.tasks.items():
            if there.get(task, {}).get("status") == "done":
                done = self.run([self.ai_path, "evidence", "verify", task])
                if done.returncode != 0:
                    self.fault(f"evidence verify {task} ({kind}) ended with {done.returncode}: {(done.stdout + done.stderr).strip()[-300:]}")
        events = len((self.ai("log", "--json") or "").splitlines())
        size = sum(os.path.getsize(os.path.join(self.repo, ".git/ai", name)) for name in os.listdir(os.path.join(self.repo, ".git/ai")) if name.startswith("ai.db"))
        self.report(counts, events, size)

    def report(self, counts, events, size):
        print(f"\nseed {self.args.seed}, {self.args.minutes:g} min under attack, {time.monotonic() - self.began:.0f} s in all, sandbox {self.args.sandbox}")
        print(f"{len(self.tasks)} tasks, {self.again} gone with a store that was put back")
        for (kind, status), count in sorted(counts.items()):
            print(f"  {kind:8} {status:9} {count}")
        for name, count in sorted(self.attacks.items()):
            print(f"  {count:4} x {name}")
        per_event = size / max(events, 1)
        print(f"{events} events, store of {size / 2**20:.1f} MB, {per_event:.0f} bytes an event (limit 2048)")
        if per_event > 2048:
            self.fault(f"the store has {per_event:.0f} bytes an event")
        by_daemon = {}
        for at, pid, kb in self.sizes:
            by_daemon.setdefault(pid, []).append(kb)
        lives = [sizes for sizes in by_daemon.values() if len(sizes) >= 8]
        if lives:
            longest = max(lives, key=len)
            quarter = len(longest) // 4
            first, last = sorted(longest[quarter:2 * quarter])[quarter // 2], sorted(longest[-quarter:])[quarter // 2]
            print(f"memory of its own of the daemon that lived longest: {first} KB in its second quarter, {last} KB in its last, at most {max(longest)} KB")
            if last > 1.5 * first + 4096:
                self.fault(f"the daemon grew from {first} to {last} KB")
        print("all ended right" if not self.faults else f"{len(self.faults)} faults")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ai", default="target/debug/ai", help="the program; clocks jump only with one that was built for tests")
    parser.add_argument("--minutes", type=float, default=3, help="time under attack (72 h are 4320)")
    parser.add_argument("--queue", type=int, default=10, help="tasks that are kept waiting or at work")
    parser.add_argument("--every", type=float, default=4, help="seconds between attacks, on average a quarter more")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--sandbox", default="auto", help="as runs.sandbox")
    parser.add_argument("--without", action="append", help="an attack, by its name, that is left out")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.ai = os.path.abspath(args.ai)
    if args.inside:
        soak = Soak(args, args.inside)
        soak.whole()
        sys.exit(1 if soak.faults else 0)
    if args.seed is None:
        args.seed = random.SystemRandom().randrange(1 << 32)
        sys.argv += ["--seed", str(args.seed)]
    if subprocess.run([*APART, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False).returncode != 0:
        sys.exit("no container of process ids and mounts can be made here (unshare); nothing was tried")
    base = tempfile.mkdtemp(prefix="soak-")
    try:
        # The shell is the first process of the container, and reaps what is orphaned.
        line = '"$@" & wait $!'
        code = subprocess.run([*APART, "sh", "-c", line, "sh", sys.executable, *sys.argv, "--ai", args.ai, "--inside", base], check=False).returncode
    finally:
        shutil.rmtree(base, ignore_errors=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
