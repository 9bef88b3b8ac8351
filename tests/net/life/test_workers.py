# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Two workers share the work, one queue each: nothing is lost and the order within a flow stays.

   firewall:  CPU 0 -> queue 0 -> worker 0 \\
              CPU 1 -> queue 1 -> worker 1 -> client
"""

import contextlib
import os

import pytest

from lab.client import flood
from lab.daemon import Daemon
from lab.traffic import Capture

COUNT = 200


@pytest.fixture(scope="module")
def daemon(network):
    with Daemon(network, queue="workers = 2;") as daemon:
        yield daemon


@contextlib.contextmanager
def on_cpu(number):
    """veth hands a packet on where it was sent: the firewall answers on the sender's CPU."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {number})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def received(daemon):
    data, _ = daemon.request("stats")
    return {worker: int(value) for group, name, worker, value in data
            if (group, name) == ("queue", "received")}


def provoke(network, family):
    """COUNT numbered datagrams in one flow; returns the numbers that the errors quote."""
    with Capture(network.client, "eth0") as capture:
        flood(network.client, family.plain_rejected, [b"%04d" % i for i in range(COUNT)])
        errors = capture.errors(COUNT)
    assert {e.source for e in errors} == {family.public}
    return [int(e.inner[-4:]) for e in errors]


def test_two_workers(network, daemon, family):
    account = daemon.account()
    for cpu in sorted(os.sched_getaffinity(0))[:2]:
        with on_cpu(cpu):
            assert provoke(network, family) == list(range(COUNT))
    account.expect(outer=2 * COUNT)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU only")
def test_each_has_its_share(network, daemon, family):
    before = received(daemon)
    for cpu in sorted(os.sched_getaffinity(0))[:2]:
        with on_cpu(cpu):
            provoke(network, family)
    after = received(daemon)
    assert sorted(after) == ["0", "1"]
    assert all(after[worker] > before[worker] for worker in after)
