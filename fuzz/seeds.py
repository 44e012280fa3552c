#!/usr/bin/env python3
"""Writes what a fuzzer begins with: seeds.py TARGET FOLDER.

`policy` gets the packs that ship and the policies of docs/policy.md, `condition` the conditions in both.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def policies() -> list[str]:
    packs = [pack.read_text() for pack in sorted((ROOT / "policies").glob("*.yaml"))]
    page = (ROOT / "docs/policy.md").read_text()
    return packs + re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)


def conditions() -> list[str]:
    found = [when for text in policies() for when in re.findall(r"when: *(.+)", text)]
    return [when.strip().strip("'\"") for when in found]


def main() -> None:
    target, folder = sys.argv[1], Path(sys.argv[2])
    seeds = {"policy": policies, "condition": conditions}[target]()
    assert seeds, f"no seeds for {target}"
    for number, seed in enumerate(seeds):
        (folder / f"seed-{number:02}").write_text(seed)


main()
