"""A program on a terminal of its own, and what stands on its screen.

Understood is what a full-screen program writes that is drawn cell by cell: moves of the cursor, and text. Colours are left out.
"""

import fcntl
import os
import pty
import re
import select
import struct
import termios
import time
import unicodedata

PART = re.compile(r"\x1b\[(?P<args>[0-9;?]*)(?P<word>[A-Za-z])|\x1b[()][A-Z0-9]|\x1b[=>78c]|(?P<text>[^\x1b]+)|\x1b")


def screen(argv, cwd, env, size, seconds, keys):
    """The lines of the screen after some time, and the exit code once these keys were typed."""
    columns, rows = size
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.execve(argv[0], argv, {**env, "TERM": "xterm"})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    written = read(terminal, seconds)
    os.write(terminal, keys.encode())
    read(terminal, seconds)
    os.close(terminal)
    return lines_of(written.decode(errors="replace"), columns, rows), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def read(terminal, seconds):
    """What is written in that time, or until nobody is there any more."""
    written, until = b"", time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            try:
                written += os.read(terminal, 1 << 16)
            except OSError:
                return written
    return written


def lines_of(written, columns, rows):
    cells = [[" "] * columns for _ in range(rows)]
    row = column = 0
    for part in PART.finditer(written):
        words = [int(word) if word.isdigit() else 0 for word in (part["args"] or "").split(";")]
        if part["word"] == "H":
            row, column = max(words[0], 1) - 1, max(words[1] if len(words) > 1 else 1, 1) - 1
        elif part["word"] == "J" and words[0] >= 2:
            cells = [[" "] * columns for _ in range(rows)]
        elif part["word"] in ("A", "B", "C", "D"):
            by = max(words[0], 1) * (-1 if part["word"] in "AD" else 1)
            row, column = (row + by, column) if part["word"] in "AB" else (row, column + by)
        for letter in part["text"] or "":
            if letter == "\r":
                column = 0
            elif letter == "\n":
                row += 1
            elif row < rows and column < columns and letter >= " ":
                cells[row][column] = letter
                column += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
    return ["".join(line).rstrip() for line in cells]
