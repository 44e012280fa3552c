#!/usr/bin/env python3
"""Measures which lines of `src` the tests execute: unit tests, the tests of `tests/it`, and every `ai` that those start.

Instruments this package and nothing it depends on, runs the tests, and writes `docs/coverage.md`, with every file and its
uncovered lines in `target/coverage/`. Fails if a module is below the floor; whether tests pass is for `make test` to say.

The place for profiles is linked into the programs: tests empty the environment, and so does `ai` for its agents. A count
goes straight into the file, so a process that is killed or becomes another program is counted, too; one that cannot open
the file, since it begins inside a sandbox, is not.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import llvm_profile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = (ROOT / os.environ.get("CARGO_TARGET_DIR", "target")).resolve()
HOME = TARGET / "coverage"
PAGE = ROOT / "docs/coverage.md"
FLOOR = 85
FEATURES = ["--locked", "--features", "test-fakes"]
# Tests of the tree itself execute none of it.
TESTS = ["--lib", "--test", "it"]

# Written as the program goes (`%c`), eight files a program (`%m`), which seldom wait for each other. In a group of its own name, as the compiler puts its
# own default there: the linker takes the first.
PLACE = """\
	.hidden	__llvm_profile_filename
	.type	__llvm_profile_filename,@object
	.section	.rodata.__llvm_profile_filename,"aG",@progbits,__llvm_profile_filename,comdat
	.globl	__llvm_profile_filename
__llvm_profile_filename:
	.asciz	"{raw}/%c%8m.profraw"
	.size	__llvm_profile_filename, .-__llvm_profile_filename
	.section	".note.GNU-stack","",@progbits
"""
LINKER = """\
#!/bin/sh
exec {cc} {place} "$@"
"""
# No shell: it would lose the variables with a hyphen in which Cargo names programs.
COMPILER = """\
#!/usr/bin/env python3
import os, sys
rustc, *line = sys.argv[1:]
if not any(word.startswith("build_script_") for word in line):
    line += ["-C", "instrument-coverage", "-C", "llvm-args=-runtime-counter-relocation", "-C", "linker={linker}"]
os.execvp(rustc, [rustc, *line])
"""


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--report", action="store_true", help="from the last run's profiles; compiles and runs nothing")
    words.add_argument("--filter", metavar="EXPRESSION", help="only these tests of nextest; changes no page and has no floor")
    asked = words.parse_args()
    programs_file = HOME / "programs.json"
    is_green = True
    if not asked.report:
        environment = prepare()
        programs_file.write_text(json.dumps(build(environment)))
        is_green = test(environment, asked.filter)
    profiles = sorted((HOME / "raw").glob("*.profraw"))
    if not profiles or not programs_file.is_file():
        sys.exit("coverage: there are no profiles; run `make coverage` without --report")
    files = of_sources(llvm_profile.lines(json.loads(programs_file.read_text()), profiles))
    modules = by_module(files)
    write_details(files)
    print(table(modules), end="")
    if asked.filter:
        return
    PAGE.write_text(page(modules))
    low = [name for name, (covered, lines) in modules.items() if covered * 100 < lines * FLOOR]
    if low:
        print(f"coverage: below {FLOOR} %: {', '.join(low)}; {HOME}/uncovered.txt has the lines", file=sys.stderr)
    if not is_green:
        print("coverage: tests have failed (one that looks at its environment does so here), so the numbers may be too low", file=sys.stderr)
    sys.exit(1 if low else 0)


def prepare():
    """The environment in which Cargo instruments this package."""
    raw = HOME / "raw"
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir(parents=True)
    cc = os.environ.get("CC", "cc")
    if not shutil.which(cc):
        sys.exit("coverage: there is no C compiler; run `make setup`")
    source, place = HOME / "place.s", HOME / "place.o"
    source.write_text(PLACE.format(raw=raw))
    subprocess.run([cc, "-c", source, "-o", place], check=True)
    # The compiler tells by the name which kind of linker it is.
    linker, compiler = HOME / "cc", HOME / "rustc"
    for script, text in [(linker, LINKER.format(cc=shutil.which(cc), place=place)), (compiler, COMPILER.format(linker=linker))]:
        script.write_text(text)
        script.chmod(0o755)
    return {**os.environ, "RUSTC_WORKSPACE_WRAPPER": str(compiler), "CARGO_INCREMENTAL": "0"}


def build(environment):
    """Compiles the tests, and returns the programs that were made."""
    line = ["cargo", "test", *FEATURES, *TESTS, "--no-run", "--message-format=json-render-diagnostics"]
    made = subprocess.run(line, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    if made.returncode != 0:
        sys.exit("coverage: the tests do not compile; where it is `profiler_builtins` that is missing, take a toolchain of rustup")
    messages = [json.loads(line) for line in made.stdout.splitlines()]
    return sorted({message["executable"] for message in messages if message.get("executable")})


def test(environment, expression):
    """Runs the tests; whether all of them passed."""
    has_nextest = subprocess.run(["cargo", "nextest", "--version"], capture_output=True).returncode == 0
    if expression and not has_nextest:
        sys.exit("coverage: --filter wants cargo-nextest")
    if has_nextest:
        line = ["cargo", "nextest", "run", *FEATURES, *TESTS, "--no-fail-fast", "--no-tests=pass", "--ignore-default-filter"]
        line += ["-E", expression] if expression else []
    else:
        line = ["cargo", "test", *FEATURES, *TESTS, "--no-fail-fast"]
    return subprocess.run(line, cwd=ROOT, env=environment).returncode == 0


def of_sources(covered):
    """The lines of `src` that are no tests, by file below `src`."""
    tests = test_files()
    found = {}
    for name, lines in covered.items():
        path = pathlib.Path(os.path.normpath(name))
        if not path.is_relative_to(ROOT / "src") or not path.is_file() or is_below(path, tests):
            continue
        text = path.read_text().splitlines()
        of_tests = test_lines(text)
        kept = {line: is_covered for line, is_covered in lines.items() if line <= len(text) and line not in of_tests}
        if kept:
            found[path.relative_to(ROOT / "src")] = kept
    return found


TEST_MODULE = re.compile(r'#\[cfg\(test\)\]\n(?:\s*#\[path = "(?P<path>[^"]+)"\]\n)?\s*(?:pub(?:\(\w+\))? )?mod (?P<name>\w+);')


def test_files():
    """Files and directories of modules that only tests have."""
    found = set()
    for source in (ROOT / "src").rglob("*.rs"):
        home = source.parent if source.stem in ("mod", "lib", "main") else source.with_suffix("")
        for module in TEST_MODULE.finditer(source.read_text()):
            if module["path"]:
                found.add((source.parent / module["path"]).resolve())
            else:
                found |= {home / f"{module['name']}.rs", home / module["name"]}
    return found


def is_below(path, places):
    return any(place in places for place in (path, *path.parents))


def test_lines(text):
    """The lines of items that only tests have; the code is formatted, so an item ends at its own depth."""
    found, line = set(), 0
    while line < len(text):
        if text[line].strip() == "#[cfg(test)]":
            depth = len(text[line]) - len(text[line].lstrip())
            end = line + 1
            while end < len(text) - 1 and not is_end(text[end], depth):
                end += 1
            found |= set(range(line + 1, end + 2))
            line = end
        line += 1
    return found


def is_end(line, depth):
    """Whether an item at this depth ends in the line."""
    is_at_depth = line[:depth].isspace() or depth == 0
    code = line[depth:]
    return is_at_depth and not code.startswith((" ", "#")) and code.rstrip().endswith(("}", ";", ","))


def by_module(files):
    """Covered lines and all lines of each directory, by name."""
    found = collections.defaultdict(lambda: (0, 0))
    for path, lines in files.items():
        name = "(root)" if path.parent == pathlib.Path(".") else path.parent.as_posix()
        covered, all_lines = found[name]
        found[name] = covered + sum(lines.values()), all_lines + len(lines)
    return dict(sorted(found.items()))


def write_details(files):
    """Every file, and the lines in it that nothing executes."""
    shares, gaps = [], []
    for path, lines in sorted(files.items()):
        covered = sum(lines.values())
        shares.append((covered / len(lines), f"{covered * 100 / len(lines):5.1f} %  {covered:5} of {len(lines):5}  {path}\n"))
        missed = runs(line for line, is_covered in sorted(lines.items()) if not is_covered)
        gaps += [f"src/{path}:{first}-{last}\n" for first, last in missed]
    (HOME / "files.txt").write_text("".join(line for _, line in sorted(shares)))
    (HOME / "uncovered.txt").write_text("".join(gaps))


def runs(lines):
    """Lines that follow each other, as first and last."""
    found = []
    for line in lines:
        if found and found[-1][1] == line - 1:
            found[-1][1] = line
        else:
            found.append([line, line])
    return found


def table(modules):
    """The modules in Markdown."""
    covered, lines = (sum(numbers) for numbers in zip(*modules.values()))
    rows = [(f"`{name}`", *numbers) for name, numbers in modules.items()] + [("**all**", covered, lines)]
    text = "| module of `src` | lines | covered |\n| --- | ---: | ---: |\n"
    return text + "".join(f"| {name} | {lines} | {covered * 100 // lines} % |\n" for name, covered, lines in rows)


def page(modules):
    """The page, whole."""
    return f"""# Coverage of lines by tests

Generated by `make coverage`, which fails where a module is below {FLOOR} %. A module is a directory of `src` with the files
in it, without those of its subdirectories; tests are not counted as code. Counted is what unit tests and the tests of
`tests/it` execute, in every `ai` that they start too. What only a process reaches that begins inside a sandbox looks
uncovered.

{table(modules)}"""


if __name__ == "__main__":
    main()
