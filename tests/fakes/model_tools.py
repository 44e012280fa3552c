"""Which tool of a request writes a file, and how it wants to be called.

CLIs name the same thing differently and change their names, so the tool is looked up by a list of names and its arguments are filled
by the schema that the request brings.
"""

import json
import re
from dataclasses import dataclass, field

CONTENT = "hello from the plan\n"
# In the order of preference: a tool that makes a file, then a patch, then a shell.
WRITERS = ["Write", "write", "write_file", "create", "write_to_file", "create_file", "editor"]
PATCHERS = ["apply_patch"]
SHELLS = ["exec_command", "shell", "shell_command", "local_shell", "bash", "Bash", "run_shell_command", "run_commands", "execute_command"]


@dataclass
class Tool:
    """A tool as the request offers it."""

    name: str
    schema: dict = field(default_factory=dict)
    freeform: bool = False


@dataclass
class Call:
    """A call of the model: arguments, or for a freeform tool its text."""

    name: str
    arguments: dict
    text: str = None


TASK = r"[Pp]lease write the file ([A-Za-z0-9._-]*[A-Za-z0-9])"
# What `ai` says in the prompt of an attempt that is not the first.
ATTEMPTS = ("You were interrupted in the middle of this task", "An earlier attempt was interrupted", "## Earlier attempts")


def times_asked(ask):
    """How many prompts with the task the request holds: more than one where a session went on."""
    return len(re.findall(TASK, ask.text))


def tells_of_attempts(ask):
    """Whether the prompt is that of a later attempt."""
    return any(words in ask.text for words in ATTEMPTS)


def wanted_file(ask):
    """The file that the prompt asks for, in the worktree where the request names one."""
    name = re.search(TASK, ask.text)
    name = name.group(1) if name else "hello.txt"
    tree = re.search(r"(/[^\s\"'\\<>:`]*/worktrees/w[0-9]+)\b", ask.text) or re.search(r"Work below (/[^\s\"'\\<>:`]*)", ask.text)
    return name, f"{tree.group(1)}/{name}" if tree else name


def write_call(ask):
    """The call that writes the file by the best tool on offer; None where there is no tool that could."""
    return call_for(ask, *wanted_file(ask), ((WRITERS, by_writer), (PATCHERS, by_patch), (SHELLS, by_shell)))


def call_for(ask, name, path, ways):
    offered = {tool.name: tool for tool in ask.tools}
    for names, make in ways:
        for word in names:
            if word in offered:
                return make(offered[word], name, path)
    return None


# A line of a prompt of the plan `tries`: a file to write, a command to run, or a tool of a server to call with
# arguments, of which HANDLE is that of the lease that an answer has told.
TRY = r"TRY (write|run|tool) ([^\n\"]+?)\\*(?:\n|\"|$)"


def try_call(ask):
    """The next call that the prompt lists; None after the last one, and where no tool on offer could make it."""
    lines = list(dict.fromkeys(re.findall(TRY, ask.text)))
    if ask.answered >= len(lines):
        return None
    kind, words = lines[ask.answered]
    if kind == "write":
        tree = re.search(r"(/[^\s\"'\\<>:`]*/worktrees/w[0-9]+)\b", ask.text)
        return call_for(ask, words, f"{tree.group(1)}/{words}" if tree else words, ((WRITERS, by_writer), (PATCHERS, by_patch), (SHELLS, by_shell)))
    if kind == "run":
        return call_for(ask, words, words, ((SHELLS, by_command),))
    name, _, arguments = words.partition(" ")
    handles = re.findall(r"\bt-[a-z0-9]+\.\d+\.[a-z0-9]+", ask.text)
    arguments = arguments.replace("HANDLE", handles[-1] if handles else "none")
    served = [tool for tool in ask.tools if tool.name == name or re.search(rf"ai[_.-]+{re.escape(name)}$", tool.name)]
    return Call(served[0].name, json.loads(arguments.replace("'", '"') or "{}")) if served else None


def by_writer(tool, name, path):
    return Call(tool.name, fill(tool.schema, path=path, text=CONTENT))


def by_patch(tool, name, path):
    patch = f"*** Begin Patch\n*** Add File: {name}\n+{CONTENT.rstrip()}\n*** End Patch\n"
    if tool.freeform:
        return Call(tool.name, {}, patch)
    return Call(tool.name, fill(tool.schema, path=path, text=patch))


def by_shell(tool, name, path):
    return by_command(tool, f"mkdir -p $(dirname {name}) && printf '%s\\n' '{CONTENT.rstrip()}' > {name}", path)


def by_command(tool, command, _path):
    properties = tool.schema.get("properties", {})
    for key in ("cmd", "command", "commands"):
        if key in properties:
            listed = properties[key].get("type") == "array"
            value = (["bash", "-lc", command] if key == "command" else [command]) if listed else command
            return Call(tool.name, {**fill(tool.schema), key: value})
    return Call(tool.name, {"command": command})


PATHS = ("file_path", "filePath", "path", "absolute_path", "filename")
TEXTS = ("content", "file_text", "contents", "input", "patch", "patchText", "new_text")


def fill(schema, path="x", text="x"):
    """Arguments by name, and something harmless for whatever else the schema requires."""
    properties = schema.get("properties") or {"path": {}, "content": {}}
    filled = {key: path for key in PATHS if key in properties} | {key: text for key in TEXTS if key in properties}
    for key in schema.get("required", []):
        if key not in filled:
            filled[key] = something(properties.get(key, {}))
    return filled


def something(schema):
    if schema.get("enum"):
        return schema["enum"][0]
    kind = str(schema.get("type", "string")).lower()
    return {"boolean": False, "integer": 1, "number": 1, "array": [], "object": {}}.get(kind, "write a file")


def edits_by_text(ask):
    """Whether the CLI wants changes as blocks in the answer."""
    return not ask.tools and "SEARCH/REPLACE" in ask.text


def answer_without_tools(ask):
    """For CLIs that edit by text, a block in their language; for side questions, such as one for a title, a few words."""
    name, _ = wanted_file(ask)
    if edits_by_text(ask):
        return f"{name}\n```\n<<<<<<< SEARCH\n=======\n{CONTENT}>>>>>>> REPLACE\n```\n"
    return "Write a file"


def text_of(value):
    """Everything that a request says, as one text."""
    return json.dumps(value, ensure_ascii=False).replace("\\n", "\n")
