#!/usr/bin/env python3
"""Tests of the benchmark driver: a fake `ai` stands in, so that each way a cell can end is seen to end that way.

Standard library only; wants the floor programs built (`make bench-check` builds them).
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
FLOOR = os.path.join(HERE, "..", "target", "floor", "release")

# Counts claims in a directory of the repository; `mkdir` is the atomic step that gives each claim its own number.
FAKE = r"""#!/bin/sh
case "$1 $2" in
"--version "*) echo "ai 0" ;;
"init --yes") mkdir .claims ;;
"task create") [ "$3" = --from ] || echo '{"id":"t-1","status":"queued"}' ;;
"task claim") n=0; until mkdir ".claims/$n" 2>/dev/null; do n=$((n+1)); done
    CLAIM ;;
"task show"|"task ready"|"task list"|"status "*|"lock acquire"|"agent register"|"trust "*) echo '{}' ;;
"why "*) echo "no such command" >&2; exit 2 ;;
"run "*) echo work > "made-$$" ;;
*) echo "unexpected: $*" >&2; exit 2 ;;
esac
"""
UNIQUE = """echo "{\\"task\\":{\\"id\\":\\"t-$n\\"}}" """
TWICE = """echo "{\\"task\\":{\\"id\\":\\"t-same\\"}}" """


class Driver(unittest.TestCase):
    def bench(self, script, *flags):
        with tempfile.TemporaryDirectory() as scratch:
            ai = os.path.join(scratch, "ai")
            with open(ai, "w", encoding="utf-8") as file:
                file.write(script)
            os.chmod(ai, 0o755)
            argv = [sys.executable, os.path.join(HERE, "run.py"), "--ai", ai, "--floor", FLOOR, "--quick", "--sizes",
                    "50", "--samples", "3", "--dir", scratch, "--out", os.path.join(scratch, "out"), *flags]
            done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
            with open(os.path.join(scratch, "out", "result.json"), encoding="utf-8") as file:
                result = json.load(file)
            left = [name for name in os.listdir(scratch) if name.startswith("stores-")]
        self.assertEqual(left, [], "the throw-away stores were not removed")
        return done, result

    def test_every_cell_is_measured_or_skipped_with_a_reason(self):
        done, result = self.bench(FAKE.replace("CLAIM", UNIQUE))
        self.assertEqual(done.returncode, 0, done.stderr)
        measured = {row["cell"]: row for row in result["rows"]}
        for cell in ["ai --version", "bulk create @50", "show @50", "status @50", "ready @50", "list @50", "create @50",
                     "claim @50", "8 parallel claimers", "32 parallel claimers",
                     "claim with 2000 locks held (floor: none held)",
                     "ai run, 1,000 files (floor: git checkout, agent, commit)"]:
            self.assertIn(cell, measured)
            self.assertGreater(measured[cell]["ratio"], 0)
        skipped = {skip["cell"]: skip["why"] for skip in result["skipped"]}
        self.assertIn("exit 2: no such command", skipped["why @50"])
        self.assertIn("why @50", done.stdout)
        self.assertEqual(result["wrong"], [])

    def test_a_durable_write_of_the_floor_is_seen_by_strace(self):
        _, result = self.bench(FAKE.replace("CLAIM", UNIQUE), "--only", "fsyncs")
        rows = {row["cell"]: row for row in result["rows"]}
        if not rows:
            self.assertIn("strace", result["skipped"][0]["why"])
            return
        self.assertGreaterEqual(rows["fsyncs of one create"]["floor"], 1)
        self.assertEqual(rows["fsyncs of one create"]["ai"], 0, "the fake flushes nothing")

    def test_a_task_handed_out_twice_fails_the_run(self):
        done, result = self.bench(FAKE.replace("CLAIM", TWICE), "--only", "contention")
        self.assertEqual(done.returncode, 1)
        self.assertIn("handed out twice", result["wrong"][0])
        self.assertIn("Wrong results", done.stdout)

    def test_a_binary_that_knows_nothing_skips_everything(self):
        done, result = self.bench("#!/bin/sh\necho 'not yet' >&2\nexit 1\n")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(result["rows"], [])
        self.assertTrue(all("not yet" in skip["why"] for skip in result["skipped"]), result["skipped"])
        self.assertEqual(len(result["skipped"]), 7)

    def test_only_chooses_groups(self):
        _, result = self.bench(FAKE.replace("CLAIM", UNIQUE), "--only", "^version$")
        self.assertEqual([row["cell"] for row in result["rows"]], ["ai --version"])


if __name__ == "__main__":
    unittest.main()
