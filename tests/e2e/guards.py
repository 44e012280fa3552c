#!/usr/bin/env python3
"""The hook that `ai guard install` gives to a real CLI: a file that somebody has locked is not written, one that is free is, and the CLI's
settings are afterwards what they were, byte for byte.

The CLI is started as a person would without `ai run`, with the file-writing plan of the fake model. Each is tried with the settings of
the project and with those of the user.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import clis
import scene as scenes
from run import PLACE, ROOT, Model

# How each is started; the prompt goes to standard input.
ARGV = {
    "claude": ["claude", "-p", "--output-format", "stream-json", "--verbose", "--permission-mode", "acceptEdits", "--model", "claude-fake"],
    # A person says once that the hook is to be trusted; here nobody can.
    "codex": ["codex", "exec", "--json", "--sandbox", "danger-full-access", "--dangerously-bypass-hook-trust"],
    "gemini": ["gemini", "-o", "stream-json", "--skip-trust", "--approval-mode", "yolo", "-m", "gemini-2.5-pro"],
    "qwen": ["qwen", "--auth-type", "openai", "-o", "stream-json", "--approval-mode", "yolo", "-m", "fake"],
    "opencode": ["opencode", "run", "--format", "json", "-m", "fake/fake"],
    "copilot": ["copilot-linux-x64", "--output-format", "json", "--allow-all-tools", "--no-auto-update", "--no-color"],
}
# Settings that stand there before, in the words of a person: comments where the CLI takes them, and an odd look.
BEFORE = {
    "claude": '{"permissions":{"allow":[]},\r\n\t"env": {} }',
    # Without the number of its format it writes the file anew.
    "qwen": '{\n    // mine\n    "$version": 4, "privacy": {"usageStatisticsEnabled": false}\n}',
}
LIMIT_S = 120


def settings(scene):
    """Every file of settings below the home and the checkout, with its bytes."""
    found = {}
    for top in (scene.home, scene.repo):
        for path in top.rglob("*"):
            inner = path.relative_to(top)
            parts = inner.parts
            is_settings = parts[0] in (".claude", ".codex", ".gemini", ".qwen", ".opencode", ".copilot", ".config", ".github")
            if is_settings and path.is_file() and path.name in ("settings.json", "settings.local.json", "hooks.json", "ai-guard.js", "ai-guard.json"):
                found[str(path)] = path.read_bytes()
    return found


def start(scene, name, prompt=None, more=()):
    prompt = prompt or f"Please write the file {scenes.FILE} with one line in it. Work below {scene.repo}"
    # The folder is one that the person trusts; nobody can be asked here.
    trust = {"GEMINI_CLI_NO_RELAUNCH": "true", "GEMINI_CLI_TRUST_WORKSPACE": "true"} if name == "gemini" else {}
    env, argv = scene.env | trust, [*ARGV[name], *more, *(["--trust"] if name == "codex" else [])]
    done = subprocess.run(argv, cwd=scene.repo, env=env, input=prompt, capture_output=True, text=True, errors="replace", timeout=LIMIT_S)
    return done.stdout + done.stderr


def one(ai, model, cli, user):
    faults, case = [], f"{cli.name}-guard{'-user' if user else ''}"
    scene = scenes.Scene(str(ai), PLACE / "work" / case, cli, clis.search_path(clis.bin_dir(cli, PLACE / "cli")), model.url("ok", case))
    scene.env["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1"
    base = scene.home if user else scene.repo
    if BEFORE.get(cli.name):
        name = "settings.local.json" if cli.name == "claude" and not user else "settings.json"
        path = base / f".{cli.name}" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(BEFORE[cli.name].encode())
    if cli.name == "copilot":
        trusted = scene.home / ".copilot/config.json"
        trusted.parent.mkdir(exist_ok=True)
        trusted.write_text(json.dumps({"trusted_folders": [str(scene.repo)]}))
    scene.ai("init", "--yes")
    scene.git("add", "-A")
    scene.git("commit", "-qm", "set up")
    lock = json.loads(scene.ai("lock", "acquire", scenes.FILE, "--as", "agent:ben", "--json"))
    before, where = settings(scene), ["--user"] if user else []
    scene.ai("guard", "install", cli.name, *where)
    if settings(scene) == before:
        faults.append("nothing was installed")
    said = start(scene, cli.name)
    if (scene.repo / scenes.FILE).exists():
        faults.append(f"the locked file was written: {said[-600:]}")
    # Copilot tells its model that a hook said no, and not why.
    if cli.name != "copilot" and "locked exclusively by agent:ben" not in said + (PLACE / "requests.jsonl").read_text():
        faults.append(f"nobody was told why: {said[-600:]}")
    refused = scene.ai("policy", "log", "--json")
    if f"agent:{cli.name}" not in refused:
        faults.append("the refusal left no record")
    scene.ai("lock", "release", lock["lock"]["id"], "--as", "agent:ben")
    said = start(scene, cli.name)
    if not (scene.repo / scenes.FILE).exists():
        faults.append(f"the free file was not written: {said[-600:]}")
    scene.ai("guard", "uninstall", cli.name, *where)
    after = settings(scene)
    changed = {path for path in before | after if before.get(path) != after.get(path)}
    # What a CLI has written of its own accord is no trace of `ai`.
    traces = [path for path in changed if b"pre-tool" in after.get(path, b"") or path in before]
    faults += [f"{path} is not what it was" for path in traces]
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ai", default=ROOT / "target/debug/ai", type=Path, help="the program under test")
    parser.add_argument("--cli", action="append", help="only these CLIs")
    options = parser.parse_args()
    wanted = [cli for cli in clis.CLIS if cli.name in ARGV and (not options.cli or cli.name in options.cli)]
    (PLACE / "work").mkdir(parents=True, exist_ok=True)
    model, bad = Model(PLACE / "requests.jsonl"), 0
    try:
        for cli in wanted:
            bins = clis.install(cli, PLACE / "cli")
            for user in (False, True):
                faults = one(options.ai.resolve(), model, cli, user)
                bad += bool(faults)
                told = "\n      ! ".join([f"{'FAULT' if faults else 'ok':5} {cli.name:9} {clis.version(cli, bins):9} {'user' if user else 'project'}", *faults])
                print(told, flush=True)
    finally:
        model.stop()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
