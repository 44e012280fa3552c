#!/usr/bin/env python3
"""The server that `ai mcp install` names to a real CLI: the CLI lists it, and its settings are afterwards what they were, byte for byte.

The CLI is asked by its own words, without a model. Each is tried with the settings of the project and with those of the user.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import clis
import scene as scenes
from run import PLACE, ROOT

# How each lists its servers, and what stands in the line of one that it knows.
LISTED = {
    "claude": (["claude", "mcp", "list"], "mcp --as agent:claude"),
    "codex": (["codex", "mcp", "list"], "mcp --as agent:codex"),
    "gemini": (["gemini", "mcp", "list"], "mcp --as agent:gemini"),
    "qwen": (["qwen", "mcp", "list"], "mcp --as agent:qwen"),
    "opencode": (["opencode", "mcp", "list"], "mcp --as agent:opencode"),
    "copilot": (["copilot", "mcp", "get", "ai"], "mcp --as agent:copilot"),
}
# Settings that stand there before, in the words of a person.
BEFORE = {
    "claude": {False: (".mcp.json", '{"mcpServers":{ },\r\n"x":1}'), True: None},
    "codex": {False: (".codex/config.toml", "# mine\r\nmodel_verbosity = 'low'"), True: None},
    "gemini": {False: (".gemini/settings.json", '{\n  // mine\n  "general": {"vimMode": false}}'), True: None},
    "qwen": {False: (".qwen/settings.json", '{\n    // mine\n    "$version": 4}'), True: None},
    "opencode": {False: ("opencode.json", '{ "autoupdate" : false }\n\n'), True: None},
    "copilot": {False: (".github/mcp.json", ""), True: None},
}
LIMIT_S = 300


def trust(scene, name):
    """The folder is one that the person trusts; nobody can be asked here. Returns variables that say the same."""
    if name == "codex":
        file = scene.home / ".codex/config.toml"
        file.write_text(f'{file.read_text()}\n[projects."{scene.repo}"]\ntrust_level = "trusted"\n')
    if name == "copilot":
        file = scene.home / ".copilot/config.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({"trusted_folders": [str(scene.repo)]}))
    return {"GEMINI_CLI_TRUST_WORKSPACE": "true", "GEMINI_CLI_NO_RELAUNCH": "true"} if name == "gemini" else {}


def listed(scene, name, env):
    argv, line = LISTED[name]
    done = subprocess.run(argv, cwd=scene.repo, env=scene.env | env, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=LIMIT_S)
    said = done.stdout + done.stderr
    return line in said, said


def one(ai, cli, user):
    faults, name = [], cli.name
    case = f"{name}-server{'-user' if user else ''}"
    scene = scenes.Scene(str(ai), PLACE / "work" / case, cli, clis.search_path(clis.bin_dir(cli, PLACE / "cli")), "http://127.0.0.1:9")
    env, theirs = trust(scene, name), BEFORE[name][user]
    if theirs:
        path = scene.repo / theirs[0]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(theirs[1].encode())
    scene.ai("init", "--yes")
    where = ["--user"] if user else []
    # What a CLI writes of its own accord at its first start is no trace of `ai`.
    if listed(scene, name, env)[0]:
        faults.append("it lists a server before there is one")
    file = Path(json.loads(scene.ai("mcp", "install", name, *where, "--dry-run", "--json"))["file"])
    before = file.read_bytes() if file.exists() else None
    scene.ai("mcp", "install", name, *where)
    written = file.read_bytes()
    known, said = listed(scene, name, env)
    if not known:
        faults.append(f"it does not list the server: {said[-600:]}")
    status = [json.loads(line) for line in scene.command([scene.ai_program, "mcp", "status", "--json"]).stdout.splitlines()]
    states = [entry["state"] for entry in status if (entry["cli"], entry["user"]) == (name, user)]
    if states != ["installed"]:
        faults.append(f"`ai mcp status` tells {states}")
    saved = file.read_bytes() != written
    scene.ai("mcp", "uninstall", name, *where)
    after = file.read_bytes() if file.exists() else None
    # One that has saved its settings since has written them in its own look, and keeps what it has added.
    if after != before and not (saved and b"agent:" not in (after or b"")):
        faults.append(f"{file} is not what it was: {before} {after}")
    if listed(scene, name, env)[0]:
        faults.append("it lists the server still")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ai", default=ROOT / "target/debug/ai", type=Path, help="the program under test")
    parser.add_argument("--cli", action="append", help="only these CLIs")
    options = parser.parse_args()
    wanted = [cli for cli in clis.CLIS if cli.name in LISTED and (not options.cli or cli.name in options.cli)]
    (PLACE / "work").mkdir(parents=True, exist_ok=True)
    bad = 0
    for cli in wanted:
        bins = clis.install(cli, PLACE / "cli")
        for user in (False, True):
            faults = one(options.ai.resolve(), cli, user)
            bad += bool(faults)
            told = "\n      ! ".join([f"{'FAULT' if faults else 'ok':5} {cli.name:9} {clis.version(cli, bins):9} {'user' if user else 'project'}", *faults])
            print(told, flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
