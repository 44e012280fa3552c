"""The real CLIs: where they come from, and how each is told to talk to the fake model and to nobody else.

A CLI gets its settings through the environment or through files in a home of its own; nothing of the user's is read. Packages come
from whatever index `npm` and `pip` are set up for: none is named here.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Callable, Optional

INSTALL_S = 600
# Opens nothing. Unlike any other word of a run, so that its redaction shows.
KEY = "key-for-the-fake-model"


@dataclass
class Cli:
    """One CLI."""

    name: str
    connector: str
    package: str
    model: Optional[str] = None
    # Arguments that the agent adds to those of the connector.
    argv: list = field(default_factory=list)
    # Variables, from the address of the plan and the home.
    env: Callable = lambda url, home: {}
    # Files in the home, likewise.
    files: Callable = lambda url, home: {}
    # Names of variables that the connector does not hand on by itself.
    env_names: list = field(default_factory=list)
    # Whether it calls tools; one that edits by text has no second request to misbehave in.
    calls_tools: bool = True
    reports_usage: bool = True
    python: bool = False
    # Whether it leaves loopback alone when a proxy is set; one that does not gets none.
    heeds_no_proxy: bool = True
    # Where it is installed, when it is not in a place of its own.
    place: Optional[str] = None
    # Whether `ai agent detect` tells of it.
    detected: bool = True
    # Arguments with which it works in an empty home of its own; None where its settings need files there.
    own_home_argv: Optional[Callable] = None


def openai(url, _home):
    return {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{url}/v1"}


def codex_config(url, _home):
    return {
        ".codex/config.toml": f"""model = "gpt-5.5"
model_provider = "fake"
[model_providers.fake]
name = "fake"
base_url = "{url}/v1"
env_key = "OPENAI_API_KEY"
wire_api = "responses"
request_max_retries = 1
stream_max_retries = 1
"""
    }


def codex_argv(url):
    provider = {"name": "fake", "base_url": f"{url}/v1", "env_key": "OPENAI_API_KEY", "wire_api": "responses"}
    settings = {"model": "gpt-5.5", "model_provider": "fake", **{f"model_providers.fake.{key}": word for key, word in provider.items()}}
    return [word for key, value in settings.items() for word in ("-c", f'{key}="{value}"')]


def opencode_env(url, _home):
    options = {"baseURL": f"{url}/v1", "apiKey": KEY}
    provider = {"npm": "@ai-sdk/openai-compatible", "options": options, "models": {"fake": {}}}
    config = {"provider": {"fake": provider}, "model": "fake/fake", "small_model": "fake/fake", "autoupdate": False}
    return {"OPENCODE_CONFIG_CONTENT": json.dumps(config)}


def copilot_env(url, _home):
    return {
        "COPILOT_PROVIDER_BASE_URL": f"{url}/v1",
        "COPILOT_PROVIDER_API_KEY": KEY,
        "COPILOT_PROVIDER_TYPE": "openai",
        "COPILOT_PROVIDER_WIRE_API": "completions",
        "COPILOT_MODEL": "fake",
        "COPILOT_OFFLINE": "true",
    }


def pi_models(url, _home):
    provider = {"baseUrl": f"{url}/v1", "api": "openai-completions", "apiKey": KEY, "models": [{"id": "fake"}]}
    return {".pi/agent/models.json": json.dumps({"providers": {"fake": provider}})}


def cline_providers(url, _home):
    settings = {"provider": "openai-compatible", "apiKey": KEY, "model": "fake", "baseUrl": f"{url}/v1"}
    provider = {"settings": settings, "updatedAt": "2026-01-01T00:00:00.000Z", "tokenSource": "manual"}
    known = {"version": 1, "lastUsedProvider": "openai-compatible", "modes": {}, "providers": {"openai-compatible": provider}}
    return {".cline/data/settings/providers.json": json.dumps(known)}


# With its own ten attempts it would ask for four minutes.
GEMINI_SETTINGS = json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}}, "general": {"maxAttempts": 3}})

def asking(cli):
    """The same CLI, asking for leave over the Agent Client Protocol, where it tells what was used as well."""
    name = f"{cli.name}-acp"
    return replace(cli, name=name, connector=name, place=cli.name, detected=False, own_home_argv=None, reports_usage=True)


CLIS = [
    Cli(
        "pi", "pi", "@mariozechner/pi-coding-agent",
        model="fake", argv=["--provider", "fake"], files=pi_models,
    ),
    Cli(
        "claude", "claude-code", "@anthropic-ai/claude-code",
        model="claude-fake",
        env=lambda url, _: {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": KEY, "CLAUDE_CODE_MAX_RETRIES": "2"},
        env_names=["CLAUDE_CODE_MAX_RETRIES"], own_home_argv=lambda url: [],
    ),
    Cli(
        "codex", "codex", "@openai/codex",
        env=lambda url, home: {"OPENAI_API_KEY": KEY, "CODEX_HOME": f"{home}/.codex"}, files=codex_config,
        own_home_argv=codex_argv,
    ),
    Cli(
        "gemini", "gemini", "@google/gemini-cli",
        model="gemini-2.5-pro",
        env=lambda url, _: {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": url},
        files=lambda url, _: {".gemini/settings.json": GEMINI_SETTINGS},
    ),
    Cli("qwen", "qwen", "@qwen-code/qwen-code", model="fake", argv=["--auth-type", "openai"], env=openai, heeds_no_proxy=False),
    Cli("opencode", "opencode", "opencode-ai", model="fake/fake", env=opencode_env),
    Cli("copilot", "copilot", "@github/copilot", env=copilot_env, reports_usage=False, own_home_argv=lambda url: []),
    Cli("cline", "cline", "cline", model="fake", files=cline_providers),
    Cli(
        "aider", "aider", "aider-chat",
        model="openai/fake", argv=["--edit-format", "diff"],
        env=lambda url, _: {"OPENAI_API_KEY": KEY, "OPENAI_API_BASE": f"{url}/v1"},
        calls_tools=False, reports_usage=False, python=True,
    ),
]
CLIS += [asking(cli) for cli in CLIS if cli.name in ("gemini", "qwen", "opencode", "copilot")]


class NotInstalled(Exception):
    """The package did not come; the text says why."""


def bin_dir(cli, place):
    """Where the CLI's commands are, below the directory of all installed ones."""
    return place / (cli.place or cli.name) / ("venv/bin" if cli.python else "node_modules/.bin")


def is_installed(cli, place):
    """Whether an earlier installation came to its end."""
    return (place / (cli.place or cli.name) / ".installed").exists()


def install(cli, place):
    """Installs the CLI unless it is there."""
    home = place / (cli.place or cli.name)
    if is_installed(cli, place):
        return bin_dir(cli, place)
    home.mkdir(parents=True, exist_ok=True)
    if cli.python:
        command([sys.executable, "-m", "venv", str(home / "venv")])
        command([str(home / "venv/bin/pip"), "install", "--quiet", cli.package])
    else:
        command(["npm", "install", "--prefix", str(home), "--no-audit", "--no-fund", "--loglevel=error", cli.package])
    (home / ".installed").touch()
    return bin_dir(cli, place)


def command(argv):
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=INSTALL_S, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(str(error)) from error
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        raise NotInstalled("; ".join(said[:3]) or f"{argv[0]} ended with {done.returncode}")


def index_answers(missing):
    """Why what is missing cannot be installed by npm; None where it can."""
    for cli in missing:
        if not cli.python:
            try:
                command(["npm", "view", cli.package, "version", "--fetch-retries=0", "--fetch-timeout=10000"])
            except NotInstalled as reason:
                return str(reason)
    return None


def version(cli, bins):
    """What was installed, by the package's own metadata."""
    if cli.python:
        found = sorted(Path(bins).parent.glob(f"lib/*/site-packages/{cli.package.replace('-', '_')}-*.dist-info"))
        return found[0].name.split("-")[1].removesuffix(".dist") if found else "?"
    with open(Path(bins).parent / cli.package / "package.json", encoding="utf-8") as file:
        return json.load(file)["version"]


def search_path(bins):
    """A `PATH` with one CLI and what it stands on, and no other agent."""
    node = subprocess.run(["sh", "-c", "command -v node"], capture_output=True, text=True).stdout.strip()
    dirs = [str(bins), os.path.dirname(node) if node else "", "/usr/local/bin", "/usr/bin", "/bin"]
    return ":".join(dict.fromkeys(d for d in dirs if d))
