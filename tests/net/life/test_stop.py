# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Starting and stopping under load loses nothing: what the queue holds gets its verdict, what comes
after passes by, and no packet is given the bytes of another one.

   client ==> 4000 datagrams a second ==> firewall, each answered by one error ==> client
                                          icmpnatd is started and stopped meanwhile
"""

import contextlib
import statistics
import subprocess
import time

import pytest

from lab.client import ping, wait_until
from lab.daemon import Daemon
from lab.flood import Flood, assert_each_once
from lab.network import V4
from lab.process import status
from lab.traffic import Capture

ROUNDS = 6


@pytest.fixture
def rules(network):
    """The capture rules, without a daemon of the module's own."""
    daemon = Daemon(network)
    daemon.rules.load()
    yield daemon
    daemon.rules.unload()


@contextlib.contextmanager
def delayed_sends(process):
    """What the main thread sends to the kernel takes 0.3 s; the workers go on."""
    delay = ["-e", "trace=sendto", "-e", "inject=sendto:delay_enter=300000"]
    strace = subprocess.Popen(["strace", "-qq", "-o", "/dev/null", *delay, "-p", str(process.pid)])
    try:
        wait_until(lambda: status(process.pid, "TracerPid"), "strace to attach")
        yield
    finally:
        strace.terminate()
        strace.wait()


def lose_nothing(network, rules, rounds, disturbed):
    """Every datagram is seen once in an error on the link to the border, from either source; a stop takes less
    than two seconds."""
    stops = []
    with Capture(network.router, "fwl", buffer=256 << 20) as border:
        with Flood(network) as flood:
            for _ in range(rounds):
                rules.start()
                time.sleep(0.2)
                with disturbed(rules.process):
                    began = time.monotonic()
                    rules.stop()
                stops.append(time.monotonic() - began)
        assert ping(network.client, V4.public)
        assert_each_once(border, flood)
    assert statistics.median(stops) < 2


def test_no_error_is_lost_or_doubled(network, rules):
    lose_nothing(network, rules, ROUNDS, contextlib.nullcontext)


def test_nothing_is_lost_if_retiring_takes_long(network, rules, monkeypatch):
    """Packets go on coming until the kernel knows that no more are wanted."""
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0")  # LeakSanitizer ends a process that is traced
    lose_nothing(network, rules, 3, delayed_sends)
