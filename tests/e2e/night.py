#!/usr/bin/env python3
"""One night: fourteen tasks are left to `ai daemon`, much goes wrong, and in the morning each has landed or says truly why not.

Two real CLIs work on the fake model, beside a scripted agent. While they do, everything is stopped for a while, as by a lid that is closed;
the daemon is killed; one account runs out of quota, one task out of its budget, one waits for a person's yes, two break the project only
together, and one never gets right. `make night` says what happened, and ends with 1 if anything is not as expected.

Linux, no network but loopback. Processes are found by the scene's directory in their environment; only those are ever signalled.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

import clis
import scene as scenes
import terminal
from run import PLACE, ROOT, Model

TASK_TOKENS = 9000
# What the model says that an answer has used.
ANSWER_TOKENS = 1050
CONFIG = """version: 1
checks:
  unit: {run: sh check.sh}
defaults: {run_ttl: 15s, heartbeat: 5s}
runs: {grace: 3s, sandbox: %s}
scheduler: {retry: {default: {strategy: fixed, pause: 2s}}}
daemon: {parallel: 4, land: true}
budgets: {task: {tokens: %d}}
notices: {sinks: {log: {type: file}}}
"""
RULE = """
  - id: careful-work
    on: [run.start]
    labels: [careful]
    effect: require_approval
    reason: somebody looks before it begins
"""
CHECK = """if grep -rqs BAD work; then echo 'BAD is in there'; exit 1; fi
if grep -qs sharp pair-a.txt && grep -qs sharp pair-b.txt; then echo 'two that are sharp'; exit 1; fi
"""
# It goes by the titles. Two kinds wait for the night's word, so that something can happen while they are at work.
AGENT = r"""
title=$(sed -n 's/^# *//p' "$1" | head -n 1)
gate() { while [ ! -e "$GATES/$1" ]; do sleep 0.1; done; }
mkdir -p work notes
case $title in
    *"the pair"*)
        name=pair-$(expr "$title" : '.* \([ab]\) ').txt
        if grep -q 'does not land' "$1"; then echo flat > "$name"; else gate pair; echo sharp > "$name"; fi ;;
    *"first notes"*) gate notes; echo first >> notes/log.txt ;;
    *"more notes"*) echo more >> notes/log.txt ;;
    *"never"*) echo BAD > work/never.txt ;;
    *"letter"*) echo 'hello from another hand' > letter.txt ;;
    *"carefully"*) echo careful > work/careful.txt ;;
    *) echo "nothing is known of $title" >&2; exit 9 ;;
esac
"""
TRIES = "\n".join(f"TRY run echo step {number}" for number in range(20))
# What does not land, with its state and words of `ai why`.
PARKED = {
    "spender": ("queued", ["budget task.tokens is used up", "ai budget"]),
    "never": ("blocked", ["{never}.1 and {never}.2 failed in the same way", "BAD is in there", "ai task unhold {never}"]),
    "after": ("blocked", ["waits for {never}", "was parked", "failed in the same way"]),
}
HELLO = "hello from the plan\n"
# What the target branch has of what lands.
FILES = {
    "careful": ("work/careful.txt", "careful"), "pair-a": ("pair-a.txt", ""), "pair-b": ("pair-b.txt", ""),
    "greet": ("greet.txt", HELLO), "motto": ("motto.txt", HELLO), "farewell": ("farewell.txt", HELLO), "poem": ("poem.txt", HELLO),
    "notes": ("notes/log.txt", "first"), "more": ("notes/log.txt", "first\nmore\n"),
    "letter": ("letter.txt", "hello from another hand"), "patience": ("patience.txt", HELLO),
}


class Night(scenes.Scene):
    def __init__(self, args, model):
        self.args, self.model, self.faults, self.tasks = args, model, [], {}
        claude, codex = (next(cli for cli in clis.CLIS if cli.name == name) for name in ("claude", "codex"))
        self.real = {"claude": claude, "codex": codex}
        both = clis.Cli(
            "night", "", "",
            env=lambda url, home: {name: word for key, cli in self.real.items() for name, word in cli.env(f"{url}/{key}", home).items()},
            files=lambda url, home: {name: text for key, cli in self.real.items() for name, text in cli.files(f"{url}/{key}", home).items()},
        )
        bins = [str(clis.bin_dir(cli, args.clis)) for cli in self.real.values()]
        path = ":".join([*bins, clis.search_path(bins[0])])
        super().__init__(str(args.ai), args.place / "night", both, path, f"http://{model.address}:{model.port}/night", args.sandbox)
        # A sandbox shows what belongs to the repository, wherever it lies.
        self.gates = self.repo / ".git/gates"
        self.gates.mkdir()
        self.env |= {"GATES": str(self.gates), "AI_ACTOR": "human:night"}
        self.began = time.monotonic()

    # --- words --------------------------------------------------------------------------------------------------------

    def say(self, text):
        print(f"{time.monotonic() - self.began:6.1f} s  {text}", flush=True)

    def expect(self, is_so, text):
        if not is_so:
            self.faults.append(text)
            self.say(f"NOT AS EXPECTED: {text}")

    def lines(self, *args):
        return [json.loads(line) for line in self.ai(*args, "--json").splitlines()]

    def status(self):
        done = self.command([self.ai_program, "daemon", "status", "--json"])
        return json.loads(done.stdout)

    def at_work(self):
        return {run["task"]: run["run"] for run in self.status()["running"]}

    def states(self):
        return {task["id"]: task for task in self.lines("task", "list")}

    def done(self):
        states = self.states()
        return {name for name, task in self.tasks.items() if states[task]["status"] == "done"}

    def why(self, name):
        """What `ai why` says of a task, as one line."""
        return " | ".join(self.ai("why", self.tasks[name]).split("\n"))

    def waits(self, name):
        """What `ai daemon status` says that a task waits for."""
        told = self.status()
        waiting = [f"{one['gate']}: {one['why']}" for one in told["waiting"] if one["task"] == self.tasks[name]]
        left_out = [one["message"] for one in told["landing"]["left_out"] if one["task"] == self.tasks[name]]
        return "; ".join(waiting + left_out)

    def wait(self, what, is_so, seconds=240):
        until = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > until:
                raise scenes.Failed(f"not within {seconds} s: {what}")
            time.sleep(0.3)
        self.say(what)

    # --- the evening --------------------------------------------------------------------------------------------------

    def prepare(self):
        for name, text in (("check.sh", CHECK), ("agent.sh", AGENT)):
            (self.repo / name).write_text(text)
        self.ai("init", "--yes")
        (self.repo / ".ai/config.yaml").write_text(CONFIG % (self.args.sandbox or "auto", TASK_TOKENS))
        policy = self.repo / ".ai/policy.yaml"
        policy.write_text(policy.read_text().replace("\nrules:\n", f"\nrules:{RULE}", 1))
        for name, cli in self.real.items():
            words = ["agent", "register", name, "--connector", cli.connector, "--capability", "prose"]
            words += ["--model", cli.model] if cli.model else []
            words += [word for variable in cli.env_names for word in ("--env", variable)]
            self.ai(*words, *(["--fallback", "scripted"] if name == "claude" else []), *(["--", *cli.argv] if cli.argv else []))
        self.ai("agent", "register", "scripted", "--connector", "command", "--parallel", "4", "--env", "GATES", "--", "/bin/sh", str(self.repo / "agent.sh"), "{prompt_file}")
        self.ai("policy", "validate")
        self.ai("trust")
        self.git("add", "-A")
        self.git("commit", "-qm", "set up")
        self.set_up = self.git("rev-parse", "main").strip()

    def task(self, name, title, *words, body=None):
        dashed = ["--body", body] if body else []
        self.tasks[name] = json.loads(self.ai("task", "create", title, *dashed, *words, "--json"))["id"]
        return self.tasks[name]

    def fourteen(self):
        def write(file):
            return f"Please write the file {file} with one line in it."

        self.task("careful", "Change it carefully", "--agent", "scripted", "--label", "careful", "-p", "0")
        self.task("pair-a", "Half a of the pair", "--agent", "scripted", "--path", "pair-a.txt", "-p", "0")
        self.task("pair-b", "Half b of the pair", "--agent", "scripted", "--path", "pair-b.txt", "-p", "0")
        greet = self.task("greet", "Write a greeting", "--agent", "claude", "--path", "greet.txt", "-p", "0", body=write("greet.txt"))
        motto = self.task("motto", "Write a motto", "--agent", "codex", "--path", "motto.txt", "-p", "0", body=write("motto.txt"))
        self.task("notes", "Take the first notes", "--agent", "scripted", "--path", "notes/**", "-p", "1")
        self.task("more", "Take more notes", "--agent", "scripted", "--path", "notes/log.txt", "-p", "1")
        self.task("spender", "Try twenty things", "--agent", "claude", "--label", "needs:prose", "-p", "1", body=TRIES)
        self.task("farewell", "Write a farewell", "--agent", "claude", "--path", "farewell.txt", "--dep", greet, "-p", "1", body=write("farewell.txt"))
        self.task("poem", "Write a poem", "--agent", "codex", "--path", "poem.txt", "--dep", motto, "-p", "1", body=write("poem.txt"))
        self.task("letter", "Write a letter", "--agent", "claude", "--path", "letter.txt", "--dep", self.tasks["farewell"], body=write("letter.txt"))
        self.task("patience", "Be patient", "--agent", "claude", "--label", "needs:prose", "--path", "patience.txt", "--dep", self.tasks["farewell"], body=write("patience.txt"))
        never = self.task("never", "What never gets right", "--agent", "scripted", "--path", "work/never.txt")
        self.task("after", "What comes after it", "--agent", "scripted", "--dep", never)

    # --- what goes wrong ----------------------------------------------------------------------------------------------

    def everything(self):
        """Process ids of all that lives in the scene, and of the model."""
        mark = str(self.base).encode()
        return [int(line.split()[0]) for line in scenes.processes_with([mark])] + [self.model.child.pid]

    def lid(self, seconds):
        """All is stopped, also what is begun meanwhile, and woken again."""
        stopped = set()
        while new := set(self.everything()) - stopped:
            for pid in new:
                send(pid, signal.SIGSTOP)
            stopped |= new
            time.sleep(0.05)
        self.say(f"the lid is closed: {len(stopped)} processes are stopped for {seconds} s")
        time.sleep(seconds)
        for pid in stopped:
            send(pid, signal.SIGCONT)
        self.say("the lid is open")

    def through_the_lid(self):
        """A lease that has lapsed meanwhile ends the run, and the task begins again: all four come to work or to an end."""
        four = {name: self.tasks[name] for name in ("pair-a", "pair-b", "greet", "motto")}
        self.wait("two real CLIs and both halves of the pair are at work", lambda: set(four.values()) <= set(self.at_work()) and all(map(self.model.requests, self.real)))
        before = self.at_work()
        self.lid(self.args.lid)
        halves = {four["pair-a"], four["pair-b"]}
        self.wait("both halves of the pair are at work after it", lambda: halves <= set(self.at_work()) and self.is_steady(halves))
        now = self.at_work()
        for name, task in four.items():
            ends = self.ends(before[task])
            self.expect(now.get(task) == before[task] or ends, f"{name}: nobody knows what became of the run {before[task]}, which was at work as the lid was closed")
            counted = [end["then"] for end in ends if end["end"]["lifecycle"] == "lost" and end["then"].get("attempt") != "lapse"]
            self.expect(not counted, f"{name}: an attempt is counted that the lid has ended: {counted}")
        (self.gates / "pair").touch()

    def is_steady(self, tasks, seconds=6):
        """Whether the same runs are at work on them for some time: longer than a run that has lost its lease needs to end."""
        first = self.at_work()
        time.sleep(seconds)
        return all(self.at_work().get(task) == first.get(task) for task in tasks)

    def events(self, kind):
        return [line["event"] for line in self.lines("log") if line["event"]["kind"] == kind]

    def ends(self, run):
        return [event for event in self.events("run.ended") if event["run"] == run]

    def killed(self):
        """The daemon, while two runs are at work; it finds them again."""
        notes, spender = self.tasks["notes"], self.tasks["spender"]
        self.wait("the first notes are being taken, and tokens are spent", lambda: {notes, spender} <= set(self.at_work()))
        self.expect("meets `notes/**`" in self.why("more"), f"more: does not wait for the paths of the first notes: {self.why('more')}")
        self.board((80, 24), "at work")
        before, pid = self.at_work(), self.status()["pid"]
        os.kill(pid, signal.SIGKILL)
        self.wait("the daemon is killed", lambda: self.status()["state"] == "stopped", 20)
        self.expect(self.at_work().get(notes) == before[notes], "notes: the run does not outlive the daemon")
        self.ai("daemon", "start")
        self.expect(self.status()["pid"] not in (None, pid), "no other daemon is at work")
        self.expect(self.at_work().get(notes) == before[notes], "notes: the new daemon does not know the run")
        (self.gates / "notes").touch()
        self.wait("the notes are taken", lambda: "notes" in self.done())
        self.expect(len([run for run in self.events("run.started") if run["run"]["task"] == notes]) == 1, "notes: a second run was begun")

    def done_again(self):
        """Work for the paths of work that had not landed yet may meet it there: nobody but a person sends it back."""
        self.wait("more notes were taken", lambda: "more" in self.done() or "conflict" in self.waits("more"))
        if "more" not in self.done():
            self.say(f"more waits for a person: {self.waits('more')}")
            self.ai("reject", self.tasks["more"], "--note", "take them again, behind the first ones")
            self.wait("more notes have landed behind the first ones", lambda: "more" in self.done())

    def approved(self):
        """Others have landed while one waits for its yes, which was asked for once."""
        careful = self.tasks["careful"]
        self.wait("five tasks have landed", lambda: len(self.done()) >= 5)
        asked = self.lines("approvals")
        self.expect([one["decision"]["resource"]["task"] for one in asked] == [careful], f"careful: not one question waits, but {asked}")
        self.expect("yes" in self.why("careful"), f"careful: does not say that it waits for a yes: {self.why('careful')}")
        self.expect("careful" not in self.done() and careful not in self.at_work(), "careful: was begun without a yes")
        self.ai("approve", careful, "--as", "reader")
        self.wait("what needs a yes has it, and has landed", lambda: "careful" in self.done())

    def out_of_quota(self):
        """One of its tasks goes to the hand that stands in, the other one insists on it and waits."""
        self.wait("one account is out of quota", lambda: self.refused("letter") or self.refused("patience"))
        self.wait("one of its tasks waits for it", lambda: "quota" in self.waits("patience"), 60)
        self.expect("out of quota" in self.why("patience"), f"patience: `ai why` does not name the quota: {self.why('patience')}")
        told = self.ai("daemon", "status")
        self.expect("quota" in told, f"`ai daemon status` says nothing of the quota: {told}")
        self.wait("the other one has landed by another hand", lambda: "letter" in self.done())
        self.expect(self.git("show", "main:letter.txt") == "hello from another hand\n", "letter: is not from the hand that stands in")
        self.wait("the patient one has landed once there was quota again", lambda: "patience" in self.done())

    def refused(self, name):
        return [event for event in self.events("run.ended") if event["run"].startswith(self.tasks[name]) and event["end"]["lifecycle"] == "quota"]

    def board(self, size, word):
        """What `ai watch` shows on a terminal of that size; it leaves as it is told to."""
        lines, code = terminal.screen([self.ai_program, "watch"], self.repo, self.env, size, 3, "q")
        self.expect(code == 0 and word in "\n".join(lines), f"`ai watch` ended with {code} and showed {lines}")
        print("\n".join(f"    {line}".rstrip() for line in lines))

    def tell(self):
        """What somebody sees who looks."""
        for name, task in self.tasks.items():
            print(f"{name:9} {task}  {self.command([self.ai_program, 'why', task]).stdout.strip()}")

    def whole(self):
        self.prepare()
        self.fourteen()
        self.ai("daemon", "start")
        self.say("fourteen tasks are left to the daemon")
        self.through_the_lid()
        self.killed()
        self.done_again()
        self.approved()
        self.out_of_quota()
        self.morning()
        self.asked_once()

    def morning(self):
        self.wait("nothing is at work, and nothing waits for its time", lambda: not self.at_work() and len(self.done()) == len(self.tasks) - len(PARKED))
        self.ai("daemon", "stop")
        self.digest()
        for name, task in self.tasks.items():
            if name in PARKED:
                self.stays(name, *PARKED[name])
            else:
                self.landed(name, task)
        self.budget_held()
        self.main_is_sound()
        self.nothing_is_left()

    def stays(self, name, status, words):
        state, why = self.states()[self.tasks[name]], self.why(name)
        self.expect(state["status"] == status, f"{name}: is {state['status']}, not {status}")
        self.expect(all(word.format(**self.tasks) in why for word in words), f"{name}: does not tell why, which is {words}: {why}")
        self.expect(not self.git("log", "--format=%h", f"--grep={self.tasks[name]}", "main"), f"{name}: is on the target branch")

    def landed(self, name, task):
        """It is done by a proof, in the target branch, by whoever should have done it."""
        done = self.command([self.ai_program, "evidence", "verify", task])
        self.expect(done.returncode == 0, f"{name}: the evidence does not hold: {done.stdout}{done.stderr}")
        self.expect("the checks passed on tree" in self.why(name), f"{name}: is not done by a proof: {self.why(name)}")
        file, text = FILES[name]
        found = self.command(["git", "show", f"main:{file}"]).stdout
        self.expect(text in found, f"{name}: {file} on the target branch says {found!r}")

    def budget_held(self):
        """The run was ended at its budget: an answer or two beyond, since use is told every two seconds, and long before it had tried all."""
        runs = [event for event in self.events("run.started") if event["run"]["task"] == self.tasks["spender"]]
        used = [event["used"]["tokens"] for event in self.events("run.used") if event["run"].startswith(self.tasks["spender"])]
        self.expect(len(runs) == 1, f"spender: {len(runs)} runs were begun on a budget that the first has used up")
        self.expect(used and TASK_TOKENS <= max(used) <= TASK_TOKENS + 3 * ANSWER_TOKENS, f"spender: has used {used} of {TASK_TOKENS} tokens")

    def main_is_sound(self):
        """The check passes on every commit that the target branch ever was at, and all of it is recorded."""
        sound = ["sh", "-c", "rm -rf ../commit && mkdir ../commit && git archive \"$1\" | tar -x -C ../commit && cd ../commit && sh check.sh", "sh"]
        for commit in self.git("rev-list", "--first-parent", f"{self.set_up}..main").split():
            done = self.command([*sound, commit])
            self.expect(done.returncode == 0, f"the target branch was broken at {commit}: {done.stdout}")
        sent_back = [event for event in self.events("task.rejected") if "does not land" in event["note"]["text"]]
        halves = {self.tasks["pair-a"], self.tasks["pair-b"]}
        self.expect(len(sent_back) == 1 and sent_back[0]["task"] in halves, f"not one half of the pair was sent back, but {sent_back}")
        self.git("fsck", "--full", "--strict")
        self.ai("log", "verify")

    def nothing_is_left(self):
        until = time.monotonic() + 10
        mark = str(self.base).encode()
        while (left := list(scenes.processes_with([mark]))) and time.monotonic() < until:
            time.sleep(0.2)
        self.expect(not left, f"processes are left: {left}")
        # Those of `ai` itself stay; whether somebody holds one is for the kernel to say.
        locks = [str(path) for path in (self.repo / ".git").rglob("*.lock") if ".git/ai/" not in str(path)]
        self.expect(not locks, f"lock files of Git are left: {locks}")
        held = {line.split()[5].split(":")[-1] for line in Path("/proc/locks").read_text().splitlines()}
        of_ai = [str(path) for path in self.base.rglob("*") if path.is_file() and str(path.lstat().st_ino) in held]
        self.expect(not of_ai, f"somebody holds a lock on {of_ai}")
        self.expect(not self.lines("lock", "list"), "paths are locked")

    def digest(self):
        """It names all of them; also where the screen is narrow."""
        told, told_json = self.ai("digest"), json.loads(self.ai("digest", "--json"))
        named = {entry.get("task") or entry.get("id") for part in ("tasks", "needs_you", "next") for entry in told_json[part]}
        missing = [name for name, task in self.tasks.items() if task not in told or task not in named]
        self.expect(not missing, f"the digest does not name {missing}")
        print(told)
        self.board((60, 20), "for you")

    def asked_once(self):
        """One question was put to people, and told of once; the run that the yes lets through bears the same one."""
        asked = {event["record"]["subject_digest"] for event in self.events("policy.decided") if event["record"]["effect"] == "require_approval"}
        self.expect(len(asked) == 1 and not self.lines("approvals"), f"a yes was asked for {len(asked)} times")
        notices = [json.loads(line) for line in (self.repo / ".git/ai/notices/notices.jsonl").read_text().splitlines()]
        told = [notice for notice in notices if "wants your yes" in notice["title"]]
        self.expect([notice["task"] for notice in told] == [self.tasks["careful"]], f"a notice of one question was sent {len(told)} times: {told}")


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ai", default=ROOT / "target/debug/ai", type=Path, help="the program under test")
    parser.add_argument("--clis", default=PLACE / "cli", type=Path, help="where the real CLIs are installed, or will be")
    parser.add_argument("--place", default=PLACE / "work", type=Path, help="where the scene is set up")
    parser.add_argument("--sandbox", help="a word for AI_SANDBOX; without it `ai` takes the best that works here")
    parser.add_argument("--lid", type=int, default=20, help="seconds for which everything is stopped")
    args = parser.parse_args()
    args.ai, args.clis, args.place = args.ai.resolve(), args.clis.resolve(), args.place.resolve()
    args.place.mkdir(parents=True, exist_ok=True)
    try:
        for cli in (cli for cli in clis.CLIS if cli.name in ("claude", "codex")):
            clis.install(cli, args.clis)
    except clis.NotInstalled as reason:
        print(f"night: {cli.name} could not be installed: {reason}")
        return 1
    model = Model(args.place / "night-requests.jsonl", program=Path(__file__).with_name("night_model.py"))
    night = Night(args, model)
    try:
        night.whole()
    except Exception as error:  # What stands there by then is told, and nothing is left at work.
        known = isinstance(error, (scenes.Failed, subprocess.TimeoutExpired))
        night.faults.append(str(error) if known else traceback.format_exc(limit=-3))
        night.say(f"BROKEN OFF: {error}")
        night.tell()
    finally:
        night.command([night.ai_program, "daemon", "stop", "--now"])
        model.stop()
    for fault in night.faults:
        print(f"FAULT {fault}")
    return 1 if night.faults else 0


if __name__ == "__main__":
    sys.exit(main())
