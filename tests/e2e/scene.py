"""One scene: a repository, a real CLI, a plan of the fake model, a run, and a look at all that it left.

Everything is below one directory, with a home of its own. Processes are found by the run's mark and by the scene's directory in their
environment; the only one that is ever ended here is the `ai` that the scene itself started.
"""

import json
import os
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

RUN_S = 420
# Until a CLI has made its first edit.
INTERRUPT_S = 120
# What a CLI looks for besides its model meets a closed door.
CLOSED_DOOR = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1,localhost"}
FILE, TEXT = "hello.txt", "hello from the plan\n"
CONFIG = """version: 1
checks:
  present: {run: grep -q hello hello.txt}
runs: {minutes: %d, silence_minutes: %d, grace: 3s}
"""


class Failed(Exception):
    """Something is not as it must be; the text says what."""


@dataclass
class Result:
    """What came of one scene."""

    cli: str
    plan: str
    version: str = "?"
    exit: int = None
    lifecycle: str = "-"
    outcome: str = "-"
    seconds: float = 0
    agent_seconds: float = 0
    peak_mib: float = 0
    sandbox: str = "?"
    events: dict = field(default_factory=dict)
    summary: str = ""
    # Whose session the run went on with: its own, or a new one; nothing where no run was interrupted.
    session: str = ""
    # Tokens of an interrupted run and the one after it: as `ai` has counted them, and as the model has answered.
    tokens: list = field(default_factory=list)
    faults: list = field(default_factory=list)


class Scene:
    """A fresh repository with one agent."""

    def __init__(self, ai, base, cli, path, url, sandbox=None):
        self.ai_program, self.cli, self.base, self.url, self.sandbox = ai, cli, Path(base), url, sandbox
        shutil.rmtree(self.base, ignore_errors=True)
        self.home, self.repo = self.base / "home", self.base / "repo"
        self.home.mkdir(parents=True)
        self.repo.mkdir()
        self.env = {
            "PATH": path, "HOME": str(self.home), "LANG": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1",
            **({"AI_SANDBOX": sandbox} if sandbox else {}), **(CLOSED_DOOR if cli.heeds_no_proxy else {}), **cli.env(url, self.home),
        }
        for name, text in cli.files(url, self.home).items():
            (self.home / name).parent.mkdir(parents=True, exist_ok=True)
            (self.home / name).write_text(text)
        (self.home / ".gitconfig").write_text("[user]\nname = e2e\nemail = e2e@example.com\n[init]\ndefaultBranch = main\n")
        self.git("init", "-q")
        (self.repo / "README.md").write_text("A small project.\n")
        self.git("add", ".")
        self.git("commit", "-qm", "start")

    def command(self, argv, timeout=60):
        done = subprocess.run(argv, cwd=self.repo, env=self.env, capture_output=True, text=True, errors="replace", timeout=timeout, stdin=subprocess.DEVNULL)
        return done

    def git(self, *args):
        done = self.command(["git", *args])
        if done.returncode != 0:
            raise Failed(f"git {' '.join(args)}: {done.stderr.strip()}")
        return done.stdout

    def ai(self, *args):
        done = self.command([self.ai_program, *args])
        if done.returncode != 0:
            raise Failed(f"ai {' '.join(args)}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def set_up(self, minutes=(5, 4), own_home=False):
        """As a user would: init, detect, register, trust, a task. Minutes are those of the whole run and of silence. Returns the task's id."""
        self.ai("init", "--yes")
        (self.repo / ".ai/config.yaml").write_text(CONFIG % minutes)
        found = [json.loads(line) for line in self.ai("agent", "detect", "--write", "--json").splitlines()]
        if self.cli.detected and self.cli.connector not in [one["connector"] for one in found]:
            raise Failed(f"ai agent detect found {[one['connector'] for one in found]}")
        register = ["agent", "register", "real", "--connector", self.cli.connector]
        register += ["--model", self.cli.model] if self.cli.model else []
        register += [word for name in self.cli.env_names for word in ("--env", name)]
        argv = self.cli.argv
        if own_home:
            register, argv = [*register, "--home", "run"], self.cli.own_home_argv(self.url)
        self.ai(*register, *(["--", *argv] if argv else []))
        self.ai("trust")
        self.git("add", "-A")
        self.git("commit", "-qm", "set up")
        return self.create("Write a greeting", FILE)

    def create(self, title, name):
        body = f"Please write the file {name} with one line in it."
        return json.loads(self.ai("task", "create", title, "--body", body, "--path", name, "--check", "present", "--json"))["id"]

    def start(self, task, agent="real"):
        argv = [self.ai_program, "run", task, "--agent", agent, "--json"]
        return subprocess.Popen(argv, cwd=self.repo, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")

    def interrupt(self, task, is_at_work, by):
        """`ai run` until the agent is in the middle of its work; then `ai` gets a signal."""
        child = self.start(task)
        deadline = time.monotonic() + INTERRUPT_S
        while not is_at_work() and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        in_time = is_at_work() and child.poll() is None
        child.send_signal(by)
        _, err = child.communicate(timeout=60)
        if not in_time:
            raise Failed(f"the agent never came to the middle of its work: {err[-500:]}")

    def run(self, task, agent="real"):
        """`ai run` to its end: exit code, report, seconds, and the most memory that `ai` itself had."""
        started = time.monotonic()
        child = self.start(task, agent)
        peak, over = [0], threading.Event()
        watcher = threading.Thread(target=watch, args=(child.pid, peak, over))
        watcher.start()
        try:
            out, err = child.communicate(timeout=RUN_S)
        except subprocess.TimeoutExpired:
            child.kill()
            out, err = child.communicate()
            raise Failed(f"`ai run` did not end within {RUN_S} s: {err[-500:]}") from None
        finally:
            over.set()
            watcher.join()
        report = json.loads(out) if out.strip() else {}
        return child.returncode, report, time.monotonic() - started, peak[0] / 1024, err

    def left_over(self, task):
        """Processes of the run, or that live in the scene's home."""
        marks = [f"AI_RUN={task}.".encode(), f"HOME={self.home}".encode(), str(self.home / ".cache/ai").encode()]
        deadline = time.monotonic() + 5
        while True:
            found = list(processes_with(marks))
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    def holds_work(self, task):
        """Whether the file that the agent wrote stands on a branch or a rescue of the task."""
        refs = self.git("for-each-ref", "--format=%(refname)", f"refs/heads/ai/{task}", f"refs/ai/rescue/{task}").split()
        return any(self.command(["git", "show", f"{ref}:{FILE}"]).stdout == TEXT for ref in refs)


def watch(pid, peak, over):
    """Keeps the high-water mark of a process as long as it lives."""
    while not over.wait(0.02):
        try:
            with open(f"/proc/{pid}/status", encoding="utf-8") as status:
                marks = [line.split()[1] for line in status if line.startswith("VmHWM:")]
        except OSError:
            return
        peak[0] = max([peak[0], *map(int, marks)])


def processes_with(marks):
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            environ = Path("/proc", entry, "environ").read_bytes()
            words = Path("/proc", entry, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if any(mark in environ for mark in marks):
            yield f"{entry} {words[:120]}"


def events_of(report):
    """The normalized events of a run, counted by type, and the usage where there is one."""
    counts, usage = {}, None
    with open(Path(report["dir"]) / "events.jsonl", encoding="utf-8") as file:
        for line in file:
            event = json.loads(line)
            counts[event["type"]] = counts.get(event["type"], 0) + 1
            usage = event if event["type"] == "usage" else usage
    return counts, usage
