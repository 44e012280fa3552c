#!/usr/bin/env python3
"""A terminal for a test: `terminal.py COLUMNS PROGRAM ARGUMENT...`

The program has a terminal of that width as its standard input, output and error. Everything that it
writes there goes to standard output at once, as a person would get it; the exit code is its own.
"""

import fcntl
import os
import pty
import struct
import sys
import termios

columns, argv = int(sys.argv[1]), sys.argv[2:]
pid, screen = pty.fork()
if pid == 0:
    # Before the program starts, so that it finds the width at its first look.
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    os.execvp(argv[0], argv)
while True:
    try:
        data = os.read(screen, 65536)
    except OSError:
        # The last of those who had the terminal open has let go of it.
        break
    if not data:
        break
    os.write(1, data)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
