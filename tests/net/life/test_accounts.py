# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""icmpnatctl stats --check claims no more than the counters show: where the rules are older than the daemon, or
younger, it vouches only for what entered the queue.

   client ==> datagrams ==> firewall: rules' counters ==> queue ==> icmpnatd, started again
"""

import re

import pytest

from lab.client import udp
from lab.daemon import Daemon
from lab.network import V4

PASSED = "passed by, or handed over before the daemon counted"


@pytest.fixture
def daemon(network):
    with Daemon(network) as daemon:
        yield daemon


def refusals(network, count):
    return {udp(network.client, V4.plain_rejected).offender for _ in range(count)}


def check(daemon):
    """The amounts, by what is said of them, and the last line."""
    *lines, last = daemon.ctl("stats", "--check").stdout.splitlines()
    pairs = [re.fullmatch(r" *(.*\S) +(\d+)", line).groups() for line in lines]
    return {what: int(amount) for what, amount in pairs}, last


def test_rules_and_daemon_of_the_same_age(network, daemon):
    assert refusals(network, 5) == {V4.public}
    amounts, last = check(daemon)
    assert [amounts[text] for text in ("handed over by the capture rules", PASSED, "received")] == [5, 0, 5]
    assert last == "every packet is accounted for"


def test_rules_that_are_older_than_the_daemon(network, daemon):
    """What another daemon has translated did not pass."""
    refusals(network, 5)
    daemon.stop()
    daemon.start()
    assert refusals(network, 3) == {V4.public}
    amounts, last = check(daemon)
    assert [amounts[text] for text in ("handed over by the capture rules", PASSED, "received")] == [8, 5, 3]
    assert last == "of what entered the queue, every packet is accounted for"


def test_rules_that_are_younger_than_the_daemon(network, daemon):
    refusals(network, 5)
    daemon.rules.unload()
    daemon.rules.load()
    refusals(network, 3)
    output = daemon.ctl("stats", "--check").stdout.splitlines()
    assert output[0] == "the capture rules were loaded after the daemon had begun to count"
    assert output[-1] == "of what entered the queue, every packet is accounted for"
