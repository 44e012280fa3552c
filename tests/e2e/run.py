#!/usr/bin/env python3
"""Drives real CLIs through `ai run` against the fake model: `make e2e`.

For each CLI: installed below target/e2e, one run to an accepted change, each way in which a model service can fail, and a run whose
`ai` is killed in the middle of the agent's work and which the next run goes on with. What came of each stands in the printed table and
in target/e2e/results.json. Ends with 1 if anything is not as expected.
"""

import argparse
import json
import signal
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import clis
import expect
import scene as scenes

ROOT = Path(__file__).resolve().parent.parent.parent
PLACE = ROOT / "target/e2e"
# The plan of the model where it is not called like that of the scene.
OWN_HOME, RESUME, RESUME_OWN_HOME, RESUME_STOPPED = "own-home", "resume", "resume-own-home", "resume-stopped"
# How `ai` is interrupted: without a chance to say anything to anybody, or as by a person.
RESUMED = {RESUME: signal.SIGKILL, RESUME_OWN_HOME: signal.SIGKILL, RESUME_STOPPED: signal.SIGINT}
MODEL_PLAN = {OWN_HOME: "ok", **dict.fromkeys(RESUMED, "interrupted")}
IN_OWN_HOME = (OWN_HOME, RESUME_OWN_HOME)
PLANS = ["ok", OWN_HOME, "401", "429", "429-after", "late-429", "late-500", "late-malformed", "late-empty", "late-hang", "flood", RESUME, RESUME_OWN_HOME, RESUME_STOPPED]


class Model:
    """The fake model as a process; it ends when its standard input does."""

    def __init__(self, log, address="127.0.0.1", program=ROOT / "tests/fakes/model_server.py"):
        self.address = address
        self.child = subprocess.Popen([sys.executable, str(program), "--log", str(log), "--address", address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port, self.log, self.began = int(self.child.stdout.readline()), log, time.time()

    def requests(self, case):
        """What this server was asked in one scene."""
        every = map(json.loads, self.log.read_text().splitlines()) if self.log.exists() else []
        return [one for one in every if one["at"] >= self.began and one["path"].split("/")[2:3] == [case]]

    def url(self, plan, case):
        return f"http://{self.address}:{self.port}/{plan}/{case}"

    def stop(self):
        self.child.stdin.close()
        try:
            self.child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.child.kill()


def jobs_of(there, plans):
    """Every CLI with every plan, plan by plan. One that edits by text has said everything with its first answer, and has no later one."""
    both = ((cli, plan if cli.calls_tools else plan.removeprefix("late-")) for plan in plans for cli in there)
    return list({(cli.name, plan): (cli, plan) for cli, plan in both if plan not in IN_OWN_HOME or cli.own_home_argv}.values())


def one(ai, model, sandbox, cli, plan):
    result = scenes.Result(cli.name, plan)
    try:
        bins = clis.bin_dir(cli, PLACE / "cli")
        result.version = clis.version(cli, bins)
        case = f"{cli.name}-{plan}"
        url = model.url(MODEL_PLAN.get(plan, plan), case)
        scene = scenes.Scene(str(ai), PLACE / "work" / case, cli, clis.search_path(bins), url, sandbox)
        play(scene, plan, result, lambda: model.requests(case))
    except (scenes.Failed, subprocess.TimeoutExpired) as error:
        result.faults.append(str(error))
    except Exception:  # A broken scene must not hide the others.
        result.faults.append(traceback.format_exc(limit=-3))
    print(line(result), flush=True)
    return result


def play(scene, plan, result, requests):
    task = scene.set_up(expect.limits(scene.cli, plan), own_home=plan in IN_OWN_HOME)
    if plan in RESUMED:
        scene.interrupt(task, lambda: any(one.get("behaviour") == "hang" for one in requests()), RESUMED[plan])
        left = scene.left_over(task)
        if left:
            result.faults.append(f"processes left by the interrupted run: {left}")
    result.exit, report, result.seconds, result.peak_mib, err = scene.run(task)
    if "verdict" not in report:
        raise scenes.Failed(f"no report: {err[-1000:]}")
    result.lifecycle, result.outcome = report["verdict"]["lifecycle"], report["outcome"]
    result.summary = report.get("summary") or ""
    record = run_record(report)
    result.agent_seconds, result.sandbox = agent_seconds(report), record["sandbox"]
    result.events, usage = scenes.events_of(report)
    if plan in RESUMED:
        result.events.update(scenes.events_of({"dir": Path(report["dir"]).with_name(f"{task}.1")})[0] | result.events)
    left = scene.left_over(task)
    if left:
        result.faults.append(f"processes left: {left}")
    scene.ai("log", "verify")
    expect.check(scene, task, plan, result, report, usage)
    if plan in RESUMED:
        expect.went_on(scene, task, result, record, err, requests())


def agent_seconds(report):
    """How long the agent's own step took."""
    return run_record(report)["process"]["duration_ms"] / 1000


def run_record(report):
    """What `ai` has written down about the run."""
    return json.loads((Path(report["dir"]) / "run.json").read_text())


def line(result):
    verdict = "FAULT" if result.faults else "ok"
    text = (
        f"{verdict:5} {result.cli:9} {result.version:9} {result.plan:14} exit {result.exit!s:4} {result.lifecycle:11} {result.outcome:22}"
        f" {result.seconds:6.1f} s (agent {result.agent_seconds:.1f}) {result.peak_mib:5.1f} MiB  {result.sandbox}  {result.session} {result.summary[:90]}"
    )
    return "\n      ! ".join([text, *result.faults])


def installed(wanted):
    for cli in wanted:
        try:
            clis.install(cli, PLACE / "cli")
            yield cli
        except clis.NotInstalled as reason:
            print(f"skipped: {cli.name} could not be installed: {reason}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ai", default=ROOT / "target/debug/ai", type=Path, help="the program under test")
    parser.add_argument("--cli", action="append", help="only these CLIs")
    parser.add_argument("--plan", action="append", help="only these plans")
    parser.add_argument("--sandbox", help="a word for AI_SANDBOX; without it `ai` takes the best that works here")
    parser.add_argument("--jobs", type=int, default=2, help="scenes at the same time")
    parser.add_argument("--most-mib", type=float, help="the most memory that `ai` may have had in any of them; for release builds")
    parser.add_argument("--skip-without-index", action="store_true", help="no failure where packages cannot be had")
    options = parser.parse_args()
    wanted = [cli for cli in clis.CLIS if not options.cli or cli.name in options.cli]
    missing = [cli for cli in wanted if not clis.is_installed(cli, PLACE / "cli")]
    silent = clis.index_answers(missing) if options.skip_without_index else None
    if silent:
        print(f"e2e: skipped, since no package can be had: {silent}")
        return 0
    there = list(installed(wanted))
    if not there or (len(there) < len(wanted) and not options.skip_without_index):
        print("e2e: not every CLI could be installed; see above")
        return 0 if options.skip_without_index else 1
    (PLACE / "work").mkdir(parents=True, exist_ok=True)
    model = Model(PLACE / "requests.jsonl")
    try:
        with ThreadPoolExecutor(options.jobs) as pool:
            jobs = jobs_of(there, options.plan or PLANS)
            results = list(pool.map(lambda job: one(options.ai.resolve(), model, options.sandbox, *job), jobs))
    finally:
        model.stop()
    (PLACE / "results.json").write_text(json.dumps([vars(r) for r in results], indent=1))
    for one_of_them in (r for r in results if options.most_mib and r.peak_mib > options.most_mib):
        one_of_them.faults.append(f"{one_of_them.peak_mib:.1f} MiB are more than {options.most_mib:g}")
        print(line(one_of_them))
    bad = sum(bool(r.faults) for r in results)
    print(f"e2e: {len(results)} scenes, {bad} not as expected")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
