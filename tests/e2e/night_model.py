#!/usr/bin/env python3
"""The fake model of one night: it is slow, and one account runs out of quota for a while.

Where a prompt lists what is to be tried, that is done, call by call; else the file is written that it asks for. The first prompt of
the account `claude` for the file of `QUOTA_FILES` closes that account for `QUOTA_S`, in which it refuses everything and says until when,
as the service does whose words these are.
"""

import re
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fakes"))

import model_server  # noqa: E402
import model_tools  # noqa: E402

ACCOUNT, QUOTA_FILES, QUOTA_S = "claude", ("letter.txt", "patience.txt"), 40
# Before each answer: as long as a CLI is at work, something can happen to it.
PAUSE_S = 2
# The first answer waits until both have asked, so that both are at work at the same time.
ACCOUNTS, TOGETHER_S = {"claude", "codex"}, 60


class Together:
    """Who has asked so far."""

    lock, asked, all = threading.Lock(), set(), threading.Event()

    @classmethod
    def wait(cls, account):
        with cls.lock:
            cls.asked.add(account)
            if ACCOUNTS <= cls.asked:
                cls.all.set()
        cls.all.wait(TOGETHER_S)


class Quota:
    """The hour at which the account is open again; None as long as nobody has used it up."""

    lock, opens = threading.Lock(), None

    @classmethod
    def is_out(cls, account, wanted):
        if account != ACCOUNT:
            return False
        with cls.lock:
            if cls.opens is None and wanted in QUOTA_FILES:
                cls.opens = int(time.time()) + QUOTA_S
            return cls.opens is not None and time.time() < cls.opens


class OfTheNight:
    """What is done with one account's requests."""

    def __init__(self, account):
        self.account = account

    def behaviour(self, ask):
        if Quota.is_out(self.account, model_tools.wanted_file(ask)[0]):
            return "429"
        Together.wait(self.account)
        time.sleep(PAUSE_S)
        return "tries" if re.search(model_tools.TRY, ask.text) else "ok"


class Handler(model_server.Handler):
    """The address is /night/ACCOUNT/…"""

    def address(self):
        parts = self.path.split("/", 3)
        if len(parts) < 4 or parts[1] != "night":
            raise ValueError(f"{self.path}: the address is /night/ACCOUNT/…")
        return OfTheNight(parts[2]), "/" + parts[3]

    def quota_words(self):
        return f"usage limit reached|{Quota.opens}"


if __name__ == "__main__":
    model_server.main(Handler)
