"""What must come of each plan."""

import json
from pathlib import Path

from scene import FILE, TEXT

QUOTA, AUTH, PROVIDER, FAILED, TIMED_OUT, FINISHED = "quota", "auth", "provider", "failed", "timed_out", "finished"
# Which ends are right, by plan.
RIGHT = {
    "ok": {FINISHED},
    "own-home": {FINISHED},
    "resume": {FINISHED},
    "resume-own-home": {FINISHED},
    "resume-stopped": {FINISHED},
    "401": {AUTH},
    "429": {QUOTA},
    "429-after": {QUOTA},
    "500": {FAILED},
    "malformed": {FAILED},
    "empty": {FAILED},
    "hang": {TIMED_OUT},
    # Most CLIs exit before all that they have written is through the pipe, and so lose their own last event.
    "flood": {FINISHED, FAILED},
}
# Before anything was written, a service that is down is no failure. Not every CLI tells a broken answer from one.
BEFORE_WORK = {"500": {PROVIDER}, "malformed": {PROVIDER, FAILED}, "empty": {PROVIDER, FAILED}}
# It asks again without end when its service answers with nothing.
ENDLESS = {("opencode", "empty"), ("opencode-acp", "empty")}
# It lays out the whole answer for a terminal before it prints a word of it, which takes it longer than a run may be silent.
SLOW = {("aider", "flood"): {FINISHED, TIMED_OUT}}
# What the model says that an answer has used.
TOKENS = 1050
GOOD = ("ok", "own-home", "resume", "resume-own-home", "resume-stopped")
# They know no session, or cannot be told to go on with one: what was interrupted begins afresh.
FRESH = ("aider", "cline", "gemini-acp", "qwen-acp", "opencode-acp", "copilot-acp")
NO_SANDBOX = "none"
EXIT = {FINISHED: 0, QUOTA: 75, AUTH: 1, PROVIDER: 75, FAILED: 1, TIMED_OUT: 1}


def limits(cli, plan):
    """Minutes of a run, and of its silence: none longer than the plan needs."""
    kind = plan.removeprefix("late-")
    if (cli.name, kind) in ENDLESS or kind == "hang":
        return 2 if kind == "hang" else 1, 1
    if (cli.name, kind) in SLOW:
        return 3, 1
    # A CLI that asks a broken service again and again is silent for minutes before it gives up.
    return 5, 4


def check(scene, task, plan, result, report, usage):
    """Adds to `result.faults` whatever is not as it must be."""
    late, kind = plan.startswith("late-"), plan.removeprefix("late-")
    fault = result.faults.append
    right = {TIMED_OUT} if (scene.cli.name, kind) in ENDLESS else SLOW.get((scene.cli.name, kind), RIGHT[kind])
    if not late and (scene.cli.name, kind) not in ENDLESS:
        right = BEFORE_WORK.get(kind, right)
    if result.lifecycle not in right:
        fault(f"lifecycle {result.lifecycle}, expected {' or '.join(sorted(right))}")
    elif result.exit != EXIT[result.lifecycle]:
        fault(f"exit {result.exit}, expected {EXIT[result.lifecycle]}")
    wrote = late or kind in GOOD or (kind == "flood" and (scene.cli.calls_tools or result.lifecycle == FINISHED))
    if wrote and not scene.holds_work(task):
        fault("the file that the agent wrote is on no branch and no rescue")
    if scene.command(["git", "show", f"main:{FILE}"]).returncode == 0:
        fault("the change is on main before anybody accepted it")
    if (scene.repo / FILE).exists():
        fault("the agent wrote into the main checkout")
    if (result.sandbox == NO_SANDBOX) != (scene.sandbox == NO_SANDBOX):
        fault(f"sandbox {result.sandbox}")
    state = json.loads(scene.ai("task", "show", task, "--json"))
    if result.lifecycle == QUOTA and (state["status"] != "queued" or not state.get("not_before_ms") or state.get("attempts")):
        fault(f"after a quota the task must wait without a counted attempt: {state['status']}, attempts {state.get('attempts')}")
    if (Path(report["dir"]) / "home").exists():
        fault("the run's own home was not removed")
    taken = [str(path) for path in scene.home.rglob(f"*.from-{task}.*")]
    if taken:
        fault(f"the CLI makes settings that its connector lets it only read: {taken}")
    unheeded = [warning for warning in report.get("warnings", []) if "did not take the settings" in warning]
    if unheeded:
        fault(f"telemetry and updates may be on: {unheeded}")
    if kind in GOOD:
        accepted(scene, task, result, report, usage)


def accepted(scene, task, result, report, usage):
    """The good run: events, evidence, and the change on main."""
    fault = result.faults.append
    events = result.events
    wanted = ["message"] + (["tool_call", "file_change"] if scene.cli.calls_tools else []) + (["usage"] if scene.cli.reports_usage else [])
    missing = [kind for kind in wanted if kind not in events]
    if missing:
        fault(f"no {', '.join(missing)} among the events {events}")
    if usage and not (usage["input_tokens"] and usage["output_tokens"]):
        fault(f"usage without tokens: {usage}")
    scene.ai("evidence", "verify", report["run"]["id"] if isinstance(report["run"], dict) else report["run"])
    scene.ai("accept", task)
    if scene.git("show", f"main:{FILE}") != TEXT:
        fault("the accepted change is not on main")


def went_on(scene, task, result, record, err, requests):
    """The run after an interrupted one: the CLI's own session, by what `ai` says and by what the model was asked."""
    fault = result.faults.append
    resumed, refused = record.get("resumed"), record.get("resume_refused")
    # Questions for a title and the like offer no tool that writes.
    asked = [one for one in requests if one.get("again") and (one["tools"] or not scene.cli.calls_tools)]
    result.session = "resumed" if resumed and not refused else "fresh"
    if not asked:
        return fault("the model was asked nothing in the second run")
    first = asked[0]
    known = first["answered"] and first["tasks"] > 1
    if scene.cli.name in FRESH:
        if resumed or known:
            fault(f"a fresh session was expected: {resumed}, {first}")
        return None
    if refused or not resumed or resumed["run"] != f"{task}.1":
        fault(f"not resumed: {resumed}, {refused}: {err[-500:]}")
    elif f"goes on with session {resumed['session']} of run {task}.1" not in err:
        fault("`ai run` does not say that it goes on with a session")
    if not known:
        fault(f"the model has not seen the first half again: {first}")
    if any(one["behaviour"] != "ok" for one in asked):
        fault(f"the second run hung: {asked}")
    if scene.cli.reports_usage:
        # One answer may be missing: what a killed CLI had not told yet, or one to a question on the side, such as for a title.
        answers = sum(one["behaviour"] == "ok" for one in requests)
        told = sum(json.loads(line)["tokens"] for line in scene.ai("agent", "stats", "--json").splitlines())
        result.tokens = [told, answers * TOKENS]
        if not (answers - 1) * TOKENS <= told <= answers * TOKENS:
            fault(f"{told} tokens are counted for {answers} answers of {TOKENS}")
    return None
