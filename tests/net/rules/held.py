# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The tables that the daemon would hold, held by a program of the tests, which queues nothing."""

import subprocess
from collections import Counter

from lab.client import wait_until
from lab.daemon import Rules
from beside import helper


class Held:
    """The tables for one configuration file after the other, in the firewall."""

    def __init__(self, host, path):
        self.host, self.path, self._process, self.rules = host, path, None, Rules(host, path)

    def load(self):
        self.close()
        self._process = self.host.start([helper("rules/hold_inner"), self.path], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._process.stdout.readline() == "ready\n", self._process.stderr.read()

    def close(self):
        if self._process:
            self._process.communicate()
            self._process = None

    def account(self):
        return KernelAccount(self.rules)


class KernelAccount:
    """What the rules count from the moment this is made: in place of a daemon's account, where the kernel does all."""

    def __init__(self, rules):
        self._rules, self._before = rules, rules.counted()

    def counted(self):
        return self._rules.counted() - self._before

    def expect(self, **outcomes):
        """Waits for so many errors, and asserts that they had these outcomes, and were neither copied nor queued."""
        expected = Counter({name.replace("_", "-"): n for name, n in outcomes.items()})
        wait_until(lambda: sum(self.counted().values()) >= sum(expected.values()), f"{expected}, there is {self.counted()}")
        assert self.counted() == expected
        return self.counted()
