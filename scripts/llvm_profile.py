"""Reads what `-C instrument-coverage` leaves: the map of regions in a program, and the counts of its runs.

The tools of LLVM that read both must have the version of the compiler, and a toolchain often comes without them. The two
formats are documented ("LLVM Code Coverage Mapping Format", `InstrProfData.inc`) and small, so this file reads
them itself, in the versions it knows, and says so where it meets another one.

A line is covered when a region that begins in it, or the innermost one that it continues, was entered by any run of any
copy of its function. Deliberately absent: branches, conditions, and profiles of other machines (a word is 64 bits, the
lowest byte first).
"""

import hashlib
import mmap
import struct
import zlib

RAW_VERSION = 10
"""Of raw profiles; the compiler's flags stand in the upper byte."""
MAP_VERSIONS = (5, 6)
"""Of the map of regions, as it is stored: one less than people count."""
RECORD = struct.Struct("<QQqqQQI3H2xI")
"""One function in a raw profile: name, hash, place of its counters, …, how many there are."""
CODE, GAP, SKIPPED = "code", "gap", "skipped"


class Unreadable(Exception):
    """A file is not what this reader knows."""


class Reader:
    """Numbers of variable length, one after the other."""

    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def number(self):
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def bytes(self, size):
        self.at += size
        return self.data[self.at - size : self.at]


def counts(path):
    """The counters of every function of a raw profile, by name and hash of the function."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:8] != b"\x81rforpl\xff":
        raise Unreadable(f"{path}: no raw profile of this machine")
    head = struct.unpack_from("<16Q", data)
    if head[1] & 0xFFFFFF != RAW_VERSION:
        raise Unreadable(f"{path}: a raw profile of version {head[1] & 0xFFFFFF}; known is {RAW_VERSION}")
    binary_ids, functions, before, counters, delta = head[2], head[3], head[4], head[5], head[10]
    start = 128 + binary_ids
    first = start + functions * RECORD.size + before
    values = struct.unpack_from(f"<{counters}Q", data, first)
    # The place of a counter is relative to the function's own record.
    delta -= (delta >> 63) << 64
    found = {}
    for index in range(functions):
        name, kind, place, *_, size, _, _, _, _ = RECORD.unpack_from(data, start + index * RECORD.size)
        at = (place - delta + index * RECORD.size) // 8
        found[name, kind] = values[at : at + size]
    return found


def sections(data):
    """Where each section of a program stands, by name."""
    if data[:5] != b"\x7fELF\x02":
        raise Unreadable("no program of this machine")
    (table,) = struct.unpack_from("<Q", data, 40)
    size, number, names = struct.unpack_from("<3H", data, 58)
    headers = [struct.unpack_from("<IIQQQQ", data, table + index * size) for index in range(number)]
    text = headers[names][4]
    found = {}
    for name, _, _, _, offset, length in headers:
        end = data.find(b"\0", text + name)
        found[data[text + name : end].decode()] = data[offset : offset + length]
    return found


def file_lists(section):
    """The lists of files that functions refer to, by the hash of the list."""
    lists, at = {}, 0
    while at + 16 <= len(section):
        _, size, _, version = struct.unpack_from("<4I", section, at)
        if version not in MAP_VERSIONS:
            raise Unreadable(f"a map of regions of version {version}; known are {MAP_VERSIONS}")
        blob = section[at + 16 : at + 16 + size]
        at = (at + 16 + size + 7) & ~7
        reader = Reader(blob)
        number, plain, packed = reader.number(), reader.number(), reader.number()
        text = zlib.decompress(reader.bytes(packed)) if packed else reader.bytes(plain)
        reader = Reader(text)
        names = [reader.bytes(reader.number()).decode() for _ in range(number)]
        # The first is the directory of the compiler; a name that is absolute stays.
        names = [names[0]] + [name if name.startswith("/") else f"{names[0]}/{name}" for name in names[1:]]
        lists[int.from_bytes(hashlib.md5(blob).digest()[:8], "little")] = names
    return lists


def functions(path):
    """Every function in the map of a program: its name, its hash, and its regions (file, kind, first line and column, last
    line and column, expression)."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found = sections(data)
    if "__llvm_covfun" not in found:
        raise Unreadable(f"{path}: compiled without `-C instrument-coverage`")
    lists, section, at = file_lists(found["__llvm_covmap"]), found["__llvm_covfun"], 0
    while at + 28 <= len(section):
        name, size, kind, files = struct.unpack_from("<QIQQ", section, at)
        yield name, kind, *regions(Reader(section, at + 28), lists[files])
        at = (at + 28 + size + 7) & ~7


def regions(reader, names):
    """The regions of one function, and the expressions their counts are made of."""
    files = [names[reader.number()] for _ in range(reader.number())]
    expressions = [(reader.number(), reader.number()) for _ in range(reader.number())]
    found = []
    for file in files:
        line = 0
        for _ in range(reader.number()):
            counter, kind = reader.number(), CODE
            if counter & 3 == 0:
                if counter & 4:
                    raise Unreadable("regions of a macro of C")
                kind = {0: CODE, 2: SKIPPED}.get(counter >> 3, "branch")
                if kind == "branch":
                    reader.number(), reader.number()
                counter = 0
            line += reader.number()
            column, lines, end = reader.number(), reader.number(), reader.number()
            if end & (1 << 31):
                end, kind = end & ~(1 << 31), GAP
            if kind == CODE:
                found.append((file, line, column, line + lines, end, counter))
    return found, expressions


def value(counter, counters, expressions):
    """How often a region was entered."""
    kind, index = counter & 3, counter >> 2
    if kind == 0:
        return 0
    if kind == 1:
        return counters[index] if index < len(counters) else 0
    left, right = (value(side, counters, expressions) for side in expressions[index])
    return left - right if kind == 2 else left + right


def lines(programs, profiles):
    """Whether each line was covered, by file and number, in any of these programs."""
    entered = {}
    for profile in profiles:
        for key, counters in counts(profile).items():
            before = entered.get(key)
            same = before is not None and len(before) == len(counters)
            entered[key] = [a + b for a, b in zip(before, counters)] if same else list(counters)
    covered = {}
    for program in programs:
        for name, kind, found, expressions in functions(program):
            counters = entered.get((name, kind), ())
            by_file = {}
            for file, *region, counter in found:
                is_entered = value(counter, counters, expressions) > 0
                by_file.setdefault(file, []).append((*region, is_entered))
            for file, of_file in by_file.items():
                mark(covered.setdefault(file, {}), of_file)
    return covered


def mark(covered, found):
    """Marks the lines of one function."""
    for first, _, last, _, is_entered in found:
        covered[first] = covered.get(first, False) or is_entered
        for line in range(first + 1, last + 1):
            covered.setdefault(line, False)
    for line in {line for first, _, last, _, _ in found for line in range(first + 1, last + 1)}:
        # What the line continues: of the regions around its beginning the one that began last.
        around = [region for region in found if region[0] < line <= region[2]]
        innermost = max(around, key=lambda region: (region[0], region[1]))
        covered[line] = covered[line] or innermost[4]
