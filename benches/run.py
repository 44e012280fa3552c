#!/usr/bin/env python3
"""Measures whole processes of `ai` against the floor programs, side by side, and prints ratios.

Every cell runs its two commands in turn (A B A B ...) after a warm-up, so that both see the same machine, and compares
medians. A cell that cannot run (a command that does not exist yet, a failure, no time left) is skipped and named;
nothing is guessed. Correctness is looked at on the way: a task handed out twice under contention fails the run.

Standard library only. Writes a Markdown table to stdout and to OUT/table.md, and everything measured to OUT/result.json.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

CROWDS = (8, 32)


def installed(program, directory):
    """A copy of a program, written in one piece as an installer or a first reading after a boot leaves it in memory.

    A linker writes its output in small pieces, which the kernel then maps one by one: a start takes up to half as long again.
    """
    os.makedirs(directory, exist_ok=True)
    copy = os.path.join(directory, os.path.basename(program))
    with open(program, "rb") as source, open(copy, "wb") as target:
        target.write(source.read())
    shutil.copymode(program, copy)
    return copy


class Skip(Exception):
    """A cell that cannot be measured, and why."""


class Bench:
    """The programs, the bounds, the results, and a directory that is thrown away."""

    def __init__(self, args, scratch):
        self.ai = installed(os.path.abspath(args.ai), scratch)
        self.floor_dir = os.path.join(scratch, "floor")
        for name in sorted(os.listdir(args.floor)):
            path = os.path.join(os.path.abspath(args.floor), name)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                installed(path, self.floor_dir)
        self.only = re.compile(args.only) if args.only else None
        self.samples = args.samples or (9 if args.quick else 41)
        self.seconds = args.cell_seconds or (3.0 if args.quick else 20.0)
        self.sizes = args.sizes or ([100, 10_000] if args.quick else [100, 10_000, 100_000])
        self.quick = args.quick
        self.scratch = scratch
        self.rows = []
        self.skipped = []
        self.wrong = []
        home = os.path.join(scratch, "home")
        os.makedirs(home)
        # Nothing of the person who measures may show: no configuration, no agent names, no colours.
        self.env = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": home,
            "XDG_CONFIG_HOME": os.path.join(home, ".config"),
            "LC_ALL": "C",
            "NO_COLOR": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_SYSTEM": "/dev/null",
            "GIT_AUTHOR_NAME": "bench",
            "GIT_AUTHOR_EMAIL": "bench@example.com",
            "GIT_COMMITTER_NAME": "bench",
            "GIT_COMMITTER_EMAIL": "bench@example.com",
        }

    def floor(self, name, *args):
        return [os.path.join(self.floor_dir, name), *map(str, args)]

    # Running -----------------------------------------------------------------------------------------------------

    def run(self, argv, cwd, timeout=120.0, stdin=None):
        """Runs a command to its end and returns its stdout; a failure or a time-out skips the cell."""
        try:
            # A session of its own, so that a command that hangs is ended together with what it started.
            child = subprocess.Popen(argv, cwd=cwd, env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, start_new_session=True)
        except OSError as e:
            raise Skip(f"{show(argv)}: {e.strerror}") from e
        try:
            out, err = child.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired as e:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            raise Skip(f"{show(argv)}: no end within {timeout:.0f} s") from e
        if child.returncode != 0:
            lines = (err or out).decode(errors="replace").strip().splitlines()
            raise Skip(f"{show(argv)}: exit {child.returncode}: {lines[-1][:120] if lines else 'silent'}")
        return out

    def sample(self, argv):
        """Wall milliseconds of one process in the current directory; its output goes nowhere."""
        devnull = os.open(os.devnull, os.O_RDWR)
        actions = [(os.POSIX_SPAWN_DUP2, devnull, fd) for fd in (0, 1, 2)]
        try:
            begin = time.perf_counter_ns()
            pid = os.posix_spawn(argv[0], argv, self.env, file_actions=actions, setpgroup=0)
            status = wait(pid, argv)
            end = time.perf_counter_ns()
        finally:
            os.close(devnull)
        code = os.waitstatus_to_exitcode(status)
        if code != 0:
            raise Skip(f"{show(argv)}: exit {code} while measured")
        return (end - begin) / 1e6

    # Cells -------------------------------------------------------------------------------------------------------

    def cell(self, name, ai, floor, cwd, floor_cwd=None, samples=None):
        """Measures `ai` against `floor`; each is a function from the sample's number to an argv."""
        try:
            # The first run of each may fail loudly, with its words; the measured ones are silent.
            self.run(ai(-1), cwd, timeout=max(60.0, self.seconds))
            self.run(floor(-1), floor_cwd or cwd, timeout=60.0)
            a, b = self.interleave(ai, floor, cwd, floor_cwd or cwd, samples or self.samples)
            self.record(name, a, b)
        except Skip as e:
            self.skip(name, e)

    def interleave(self, ai, floor, cwd, floor_cwd, samples):
        a, b = [], []
        warm_up = max(1, samples // 8)
        deadline = time.monotonic() + self.seconds
        for i in range(warm_up + samples):
            if i >= warm_up + 3 and time.monotonic() > deadline:
                break
            os.chdir(cwd)
            left = self.sample(ai(i))
            os.chdir(floor_cwd)
            right = self.sample(floor(i))
            if i >= warm_up:
                a.append(left)
                b.append(right)
        return a, b

    def record(self, name, a, b, unit="ms", better="less"):
        left, right = statistics.median(a), statistics.median(b)
        row = {"cell": name, "unit": unit, "ai": left, "floor": right, "ratio": left / right if right else None,
               "ai_p95": percentile(a, 95), "floor_p95": percentile(b, 95), "samples": len(a), "better": better,
               "ai_all": a, "floor_all": b}
        self.rows.append(row)
        ratio = f"{row['ratio']:.2f}" if row["ratio"] is not None else "-"
        say(f"  {name}: {number(left)} against {number(right)} {unit}, ratio {ratio} ({len(a)} samples)")

    def skip(self, name, why):
        self.skipped.append({"cell": name, "why": str(why)})
        say(f"  {name}: skipped: {why}")

    def group(self, name, measure, *args):
        """Runs a group of cells; what breaks its set-up skips the group."""
        if self.only and not self.only.search(name):
            return
        say(name)
        try:
            measure(self, *args)
        except Skip as e:
            self.skip(name, e)
        finally:
            os.chdir(self.scratch)

    # Stores ------------------------------------------------------------------------------------------------------

    def repository(self, name, files=1):
        """A fresh repository with `files` committed files and an initialised store."""
        path = os.path.join(self.scratch, name)
        os.makedirs(path)
        for n in range(files):
            where = os.path.join(path, f"src/d{n % 50:02}")
            os.makedirs(where, exist_ok=True)
            with open(os.path.join(where, f"f{n}.txt"), "w", encoding="utf-8") as out:
                out.write(f"file {n}\n" * 20)
        self.run(["git", "init", "-q", "-b", "main", "."], path)
        self.run(["git", "add", "-A"], path)
        self.run(["git", "commit", "-q", "-m", "files"], path)
        self.run([self.ai, "init", "--yes"], path)
        return path

    def fill(self, path, count, with_paths=False):
        """Creates `count` tasks from a file and returns the seconds it took."""
        source = os.path.join(self.scratch, f"{os.path.basename(path)}.jsonl")
        with open(source, "w", encoding="utf-8") as out:
            for n in range(count):
                task = {"title": f"task number {n}", "body": f"What to do in task {n}.", "priority": n % 5}
                if with_paths:
                    task["paths"] = [f"work/t{n}/**"]
                out.write(json.dumps(task) + "\n")
        begin = time.perf_counter()
        self.run([self.ai, "task", "create", "--from", source], path, timeout=600.0)
        return time.perf_counter() - begin

    def floor_store(self, path, rows):
        db = os.path.join(path, "floor.db")
        begin = time.perf_counter()
        self.run(self.floor("floor-write", db, max(1, rows)), path)
        return db, time.perf_counter() - begin

    def one_id(self, path):
        out = self.run([self.ai, "task", "create", "the task that is shown", "--json"], path)
        return task_id(out)


def wait(pid, argv, seconds=60):
    """Waits for a child; one that does not end in time is killed with its group."""

    def too_late(_signal, _frame):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return os.waitpid(pid, 0)[1]
    except TimeoutError:
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise Skip(f"{show(argv)}: no end within {seconds} s while measured") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# What is measured ----------------------------------------------------------------------------------------------------


def version(b):
    b.cell("ai --version", lambda _: [b.ai, "--version"], lambda _: b.floor("floor-noop"), b.scratch)


def by_size(b, size):
    """The single calls on a store of `size` tasks."""
    path = b.repository(f"size{size}")
    seconds = b.fill(path, size)
    db, floor_seconds = b.floor_store(path, size)
    b.record(f"bulk create @{size}", [seconds * 1e3], [floor_seconds * 1e3])
    shown = b.one_id(path)
    write = lambda _: b.floor("floor-write", db)
    row = lambda _: b.floor("floor-read", db)
    rows = lambda _: b.floor("floor-read", db, "all")
    b.cell(f"show @{size}", lambda _: [b.ai, "task", "show", shown, "--json"], row, path)
    b.cell(f"why @{size}", lambda _: [b.ai, "why", shown], row, path)
    b.cell(f"status @{size}", lambda _: [b.ai, "status"], row, path)
    b.cell(f"ready @{size}", lambda _: [b.ai, "task", "ready", "--json"], row, path)
    b.cell(f"ready --all @{size}", lambda _: [b.ai, "task", "ready", "--all", "--json"], rows, path)
    b.cell(f"list @{size}", lambda _: [b.ai, "task", "list", "--json"], rows, path)
    b.cell(f"create @{size}", lambda i: [b.ai, "task", "create", f"one more {i}", "--json"], write, path)
    b.cell(f"claim @{size}", lambda i: claim(b, f"bench{i + 1}"), write, path)


def claim(b, name):
    return [b.ai, "task", "claim", "--next", "--as", name, "--json"]


def contention(b, crowd):
    """Loops of claims at once against as many loops of floor writes; then: was any task handed out twice?"""
    name = f"{crowd} parallel claimers"
    each, rounds = (80 // crowd, 3) if b.quick else (320 // crowd, 5)
    path = b.repository(f"contention{crowd}")
    b.fill(path, crowd * each * (rounds + 1) + 50)
    db, _ = b.floor_store(path, 1)
    a, f, claimed = [], [], []
    for turn in range(rounds + 1):
        agents = [claim(b, f"p{agent}") for agent in range(crowd)]
        rate, outs = parallel(b, path, agents, each)
        claimed += [task_id(line) for out in outs for line in json_values(out)]
        floor_rate, _ = parallel(b, path, [b.floor("floor-write", db)] * crowd, each)
        if turn > 0:
            a.append(rate)
            f.append(floor_rate)
    twice = len(claimed) - len(set(claimed))
    if twice or len(claimed) != crowd * each * (rounds + 1):
        b.wrong.append(f"{name}: {len(claimed)} claims, {twice} of them handed out twice")
    b.record(name, a, f, unit="per s", better="more")


def parallel(b, path, commands, each):
    """Runs every command in its own loop, all at once; returns calls per second and what each loop printed."""
    loops, outs = [], []
    begin = time.perf_counter()
    for n, argv in enumerate(commands):
        out = os.path.join(path, f".out{n}")
        outs.append(out)
        body = f"i=0; while [ $i -lt {each} ]; do {shlex.join(argv)} >>{shlex.quote(out)} || exit 1; i=$((i+1)); done"
        loops.append(subprocess.Popen(["sh", "-c", f": >{shlex.quote(out)}; {body}"], cwd=path, env=b.env,
                                      stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True))
    failed = None
    for loop in loops:
        try:
            _, err = loop.communicate(timeout=120)
            if loop.returncode != 0:
                failed = err.decode(errors="replace").strip().splitlines()[-1:] or ["silent"]
        except subprocess.TimeoutExpired:
            os.killpg(loop.pid, signal.SIGKILL)
            loop.communicate()
            failed = ["no end within 120 s"]
    seconds = time.perf_counter() - begin
    if failed:
        raise Skip(f"{show(commands[0])} in {len(commands)} loops: {failed[0][:120]}")
    return len(commands) * each / seconds, [read(out) for out in outs]


def held_locks(b):
    """One claim in a store where 10,000 path locks are held, against the same claim where none is."""
    locks, chunk = (2_000 if b.quick else 10_000), 200
    tasks = 4 * b.samples + 50
    stores = []
    for name in ("locked", "unlocked"):
        path = b.repository(name)
        b.fill(path, tasks, with_paths=True)
        stores.append(path)
    for start in range(0, locks, chunk):
        globs = [f"held/m{n}/**" for n in range(start, start + chunk)]
        b.run([b.ai, "lock", "acquire", *globs, "--as", f"holder{start}", "--ttl", "2h"], stores[0])
    name = f"claim with {locks} locks held (floor: none held)"
    b.cell(name, lambda i: claim(b, f"l{i + 1}"), lambda i: claim(b, f"l{i + 1}"), stores[0], floor_cwd=stores[1])


def flushes(b):
    """fsync and fdatasync calls of one durable write."""
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    path = b.repository("flushes")
    b.fill(path, 100)
    db, _ = b.floor_store(path, 100)
    shown = b.one_id(path)
    floor = count_flushes(b, path, b.floor("floor-write", db))
    for name, argv in [("create", [b.ai, "task", "create", "traced", "--json"]), ("claim", claim(b, "traced")),
                       ("show", [b.ai, "task", "show", shown, "--json"])]:
        try:
            b.run(argv, path)
            against = floor if name != "show" else count_flushes(b, path, b.floor("floor-read", db))
            b.record(f"fsyncs of one {name}", [count_flushes(b, path, argv)], [against], unit="calls")
        except Skip as e:
            b.skip(f"fsyncs of one {name}", e)


def count_flushes(b, path, argv):
    report = os.path.join(b.scratch, "strace.out")
    b.run(["strace", "-f", "-c", "-e", "trace=fsync,fdatasync", "-o", report, *argv], path)
    calls = 0
    for line in read(report).splitlines():
        fields = line.split()
        if fields and fields[-1] in ("fsync", "fdatasync"):
            calls += int(fields[3])
    return calls


AGENT = "cat >/dev/null; echo work > \"src/made-by-$$.txt\""


def runs(b):
    """`ai run` with an agent that writes one file, against the bare git steps of the same in a pooled worktree."""
    path = b.repository("runs", files=1_000)
    samples = min(b.samples, 5 if b.quick else 15)
    b.run([b.ai, "agent", "register", "bench", "--connector", "command", "--", "sh", "-c", AGENT], path)
    try:
        b.run([b.ai, "trust", "--yes"], path)
    except Skip as e:
        say(f"  (ai trust: {e})")
    ids = [task_id(b.run([b.ai, "task", "create", f"run {n}", "--json"], path)) for n in range(samples * 2 + 4)]
    tree = os.path.join(b.scratch, "pooled")
    b.run(["git", "worktree", "add", "-q", "--detach", tree], path)
    script = f"git checkout -q -B bench main && echo prompt | ({AGENT}) && git add -A && git commit -q -m work"
    b.cell("ai run, 1,000 files (floor: git checkout, agent, commit)",
           lambda i: [b.ai, "run", ids[i + 1], "--agent", "bench"],
           lambda _: ["/bin/sh", "-c", script], path, floor_cwd=tree, samples=samples)


def measure(b):
    b.group("version", version)
    for size in b.sizes:
        b.group(f"store@{size}", by_size, size)
    for crowd in CROWDS:
        b.group(f"contention@{crowd}", contention, crowd)
    b.group("locks", held_locks)
    b.group("fsyncs", flushes)
    b.group("run", runs)


# Reading and printing ------------------------------------------------------------------------------------------------


def json_values(text):
    """The JSON values of a stream, whether one a line or spread over lines."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as e:
            raise Skip(f"no JSON on stdout: {text[at:at + 60]!r}") from e
        yield value


def task_id(out):
    """The id in a task object, or in an object that holds one under `task`."""
    value = out
    if isinstance(out, bytes):
        value = next(json_values(out.decode(errors="replace")), None)
    if isinstance(value, dict):
        task = value.get("task", value)
        if isinstance(task, dict) and "id" in task:
            return str(task["id"])
    raise Skip(f"no task id in {str(value)[:80]!r}")


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


def number(value):
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"


def show(argv):
    """A command as it would be typed, without the directory of its program and cut to a readable length."""
    line = shlex.join([os.path.basename(argv[0]), *argv[1:]])
    return line if len(line) <= 80 else line[:77] + "..."


def say(line):
    print(line, file=sys.stderr, flush=True)


def table(b):
    lines = ["| cell | ai | floor | unit | ratio | p95 ai | p95 floor | samples |",
             "|---|---:|---:|---|---:|---:|---:|---:|"]
    for r in b.rows:
        ratio = f"**{r['ratio']:.2f}**" if r["ratio"] is not None else "-"
        lines.append(f"| {r['cell']} | {number(r['ai'])} | {number(r['floor'])} | {r['unit']} | {ratio} "
                     f"| {number(r['ai_p95'])} | {number(r['floor_p95'])} | {r['samples']} |")
    if b.skipped:
        lines += ["", "Skipped:", ""]
        lines += [f"- {s['cell']}: {s['why']}" for s in b.skipped]
    if b.wrong:
        lines += ["", "**Wrong results:**", ""]
        lines += [f"- {w}" for w in b.wrong]
    return "\n".join(lines) + "\n"


def machine():
    cpu = re.search(r"^model name\s*:\s*(.*)$", read("/proc/cpuinfo"), re.M) if os.path.exists("/proc/cpuinfo") else None
    return {"cores": os.cpu_count(), "cpu": cpu.group(1) if cpu else "unknown", "system": " ".join(os.uname()[0::2][:2]),
            "load": list(os.getloadavg())}


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ai", required=True, help="the binary to measure")
    parser.add_argument("--floor", required=True, help="the directory of floor-noop, floor-read and floor-write")
    parser.add_argument("--quick", action="store_true", help="fewer samples, smaller stores: a first look in a minute")
    parser.add_argument("--sizes", type=lambda s: [int(n) for n in s.split(",")], help="store sizes, as 100,10000")
    parser.add_argument("--samples", type=int, help="measured pairs for each cell")
    parser.add_argument("--cell-seconds", type=float, help="stop a cell after this many seconds")
    parser.add_argument("--only", help="a regular expression over version, store@N, contention@N, locks, fsyncs, run")
    parser.add_argument("--dir", help="where to make the throw-away stores (the disk decides much of the result)")
    parser.add_argument("--out", default="target/bench", help="where result.json and table.md go")
    return parser.parse_args(argv)


def main(argv=None):
    args = arguments(argv)
    out = os.path.abspath(args.out)
    os.makedirs(out, exist_ok=True)
    # Beside the results by default, since a temporary directory may live in memory, where a flush costs nothing.
    scratch = tempfile.mkdtemp(prefix="stores-", dir=args.dir or out)
    b = Bench(args, scratch)
    before = os.getcwd()
    try:
        measure(b)
    finally:
        os.chdir(before)
        shutil.rmtree(scratch, ignore_errors=True)
    result = {"machine": machine(), "rows": b.rows, "skipped": b.skipped, "wrong": b.wrong}
    with open(os.path.join(out, "result.json"), "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
    text = table(b)
    with open(os.path.join(out, "table.md"), "w", encoding="utf-8") as file:
        file.write(text)
    print(text, end="")
    return 1 if b.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
