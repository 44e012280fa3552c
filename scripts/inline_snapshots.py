#!/usr/bin/env python3
"""Writes recorded outcomes into the tests that compare them in place.

A test with an inline snapshot (`snapshot!(outcome, @"...")`) cannot rewrite its own source while it
runs; with `AI_GENERATE=1` it leaves the new text in a file `.NAME.rs.pending-snap` beside it. This
script takes those texts over, removes the files, and names each place. `make gen` calls it.

A place that was met several times with different texts (a loop) is left alone and named.
"""

import json
import pathlib
import re
import sys

LITERAL = re.compile(r'@(r(#*)".*?"\2|"(?:[^"\\]|\\.)*")', re.S)


def literal(text, indent):
    """The text as a Rust literal behind `@`, its lines indented as the call is."""
    text = text.rstrip("\n").lstrip("\n")
    hashes = ""
    while f'"{hashes}' in text and ('"' in text):
        hashes += "#"
    raw = "r" if hashes or "\\" in text else ""
    if "\n" not in text:
        return f'{raw}{hashes}"{text}"{hashes}'
    lines = [f"{indent}{line}" if line else "" for line in text.split("\n")]
    body = "\n".join(lines)
    return f'{raw}{hashes}"\n{body}\n{indent}"{hashes}'


def recorded(pending):
    """The new text of each line of a source, where all records of the line agree."""
    found, torn = {}, set()
    for line in pending.read_text().splitlines():
        record = json.loads(line)
        new = record.get("new")
        if new is None:
            continue
        at, text = record["line"], new["snapshot"]
        if isinstance(text, dict):
            text = text["contents"]
        if found.setdefault(at, text) != text:
            torn.add(at)
    return found, torn


def take(pending):
    source = pending.with_name(pending.name.removeprefix(".").removesuffix(".pending-snap"))
    text = source.read_text()
    found, torn = recorded(pending)
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    taken = 0
    for at in sorted(found, reverse=True):
        place = f"{source}:{at}"
        if at in torn:
            print(f"{place}: not the same each time")
            continue
        begin = starts[at - 1]
        indent = re.match(r"[ \t]*", text[begin:]).group()
        match = LITERAL.search(text, begin)
        if match is None:
            print(f"{place}: no literal behind @")
            continue
        new = literal(found[at], indent)
        text = text[: match.start(1)] + new + text[match.end(1):]
        taken += 1
    source.write_text(text)
    pending.unlink()
    print(f"{source}: {taken} rewritten")


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    for pending in sorted((root / "tests").rglob(".*.pending-snap")):
        take(pending)


if __name__ == "__main__":
    sys.exit(main())
