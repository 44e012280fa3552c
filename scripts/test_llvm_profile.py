#!/usr/bin/env python3
"""Tests of `llvm_profile.py`: a small program, of which it is known which lines run. `make coverage` runs them first."""

import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

import llvm_profile

# A line ends in `+` where it must be covered, in `-` where it must not. What ends in neither is the compiler's choice, follows a call
# that does not return, which no counter sees, or runs after what the test waits for.
PROGRAM = """\
use std::os::unix::process::CommandExt;
fn of_any<T: Copy>(value: T, more: bool) -> Vec<T> { // +
    if more { // +
        return vec![value; 2]; // -
    }
    let unused = || { // +
        vec![value] // -
    };
    let made = (0..1) // +
        .map(|_| value) // +
        .collect(); // +
    let _ = unused; // +
    made // +
}
fn never() { // -
    println!(); // -
}
fn becomes() -> u32 { // +
    let code = of_any(3_u8, false).len(); // +
    let error = std::process::Command::new("/bin/true").exec(); // +
    panic!("{error} {code}"); // +
}
fn waits() -> u32 { // +
    println!("waiting"); // +
    loop {
        std::thread::park();
    }
}
fn main() { // +
    let code = match std::env::args().count() { // +
        1 => becomes(), // +
        2 => waits(), // +
        _ => {
            never(); // -
            7 // -
        }
    };
    std::process::exit(code.try_into().unwrap_or(1));
}
"""


class Lines(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = pathlib.Path(place.name).resolve()
        source, self.program = self.place / "sample.rs", self.place / "sample"
        source.write_text(PROGRAM)
        flags = ["-C", "instrument-coverage", "-C", "llvm-args=-runtime-counter-relocation", "--edition", "2024"]
        subprocess.run([os.environ.get("RUSTC", "rustc"), *flags, source, "-o", self.program], check=True, cwd=self.place)
        self.environment = {**os.environ, "LLVM_PROFILE_FILE": f"{self.place}/%c%2m.profraw"}

    def lines(self):
        """The covered and the uncovered lines."""
        found = llvm_profile.lines([self.program], self.place.glob("*.profraw"))
        (lines,) = [lines for file, lines in found.items() if file.endswith("sample.rs")]
        return {line for line, is_covered in lines.items() if is_covered}, {line for line, is_covered in lines.items() if not is_covered}

    def test_a_process_that_becomes_another_and_one_that_is_killed_are_counted(self):
        subprocess.run([self.program], env=self.environment, check=True)
        with subprocess.Popen([self.program, "wait"], env=self.environment, stdout=subprocess.PIPE) as waiting:
            self.assertEqual(waiting.stdout.readline(), b"waiting\n")
            waiting.send_signal(signal.SIGKILL)
        marked = {mark: {number for number, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith(f"// {mark}")} for mark in "+-"}
        covered, uncovered = self.lines()
        is_marked = marked["+"] | marked["-"]
        self.assertEqual((covered & is_marked, uncovered & is_marked), (marked["+"], marked["-"]))

    def test_without_a_profile_nothing_is_covered(self):
        covered, uncovered = self.lines()
        self.assertEqual(covered, set())
        self.assertGreater(len(uncovered), 20)

    def test_what_is_no_profile_is_refused(self):
        (self.place / "other.profraw").write_bytes(b"\x81rforpl\xff" + bytes([99]) + bytes(200))
        with self.assertRaisesRegex(llvm_profile.Unreadable, "of version 99"):
            self.lines()
        with self.assertRaisesRegex(llvm_profile.Unreadable, "without `-C instrument-coverage`"):
            list(llvm_profile.functions("/bin/true"))


if __name__ == "__main__":
    unittest.main()
