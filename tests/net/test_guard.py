# SPDX-License-Identifier: GPL-2.0-or-later
"""A daemon that hangs or dies is no outage: errors leave as the kernel made them, each of them once.

   client ==> datagrams ==> firewall, each answered by one error ==> client
                            icmpnatd: SIGSTOP ... SIGCONT, SIGKILL, SIGSEGV
                            its guard: lets go what is parked, and what comes
"""

import os
import signal
import subprocess
import time
from collections import Counter

import pytest

from lab.client import ANSWERED, ping, udp, wait_until
from lab.daemon import Daemon
from lab.network import V4
from lab.traffic import Capture
from test_stop import Flood

HANG = 10  # seconds


def guard_of(process):
    pid, = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True).stdout.split()
    return int(pid)


def is_gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return ") Z " in stat.read()
    except FileNotFoundError:
        return True


def assert_each_once(border, flood):
    quoted = [bytes(error.inner)[28:32] for error in border.errors(flood.sent, timeout=5)]
    counts = Counter(int.from_bytes(number, "big") for number in quoted if number != b"xxxx")  # of udp()
    assert {n: counts[n] for n in range(flood.sent) if counts[n] != 1} == {}
    assert len(counts) == flood.sent


@pytest.fixture
def daemon(network):
    with Daemon(network) as daemon:
        yield daemon
        if daemon.process:
            os.kill(daemon.process.pid, signal.SIGCONT)


def waiting(network):
    return int(network.firewall.run("cat /proc/net/netfilter/nfnetlink_queue").stdout.split()[2])


def is_translated(network):
    return udp(network.client, V4.plain_rejected, timeout=0.2).answer == "refused"


def test_a_hang_is_no_outage(network, daemon):
    """Under load: traffic goes on, the firewall answers, and from the third second on so do its errors."""
    with Capture(network.router, "fwl", buffer=256 << 20) as border:
        with Flood(network) as flood:
            time.sleep(0.5)
            os.kill(daemon.process.pid, signal.SIGSTOP)
            began = time.monotonic()
            while time.monotonic() < began + HANG:
                assert ping(network.client, V4.public)
                assert udp(network.client, V4.plain) == ANSWERED
                time.sleep(0.2)
            errors = len(border.errors())
            assert errors > 0.9 * flood.sent
            os.kill(daemon.process.pid, signal.SIGCONT)
            wait_until(lambda: is_translated(network), "translation", 2)
        assert_each_once(border, flood)
    assert "packets waited" in daemon.log() and "translated again" in daemon.log()


def test_the_firewall_answers_again_when_its_own_errors_are_parked(network, daemon):
    """Errors about packets without a flow are queued themselves. Some 159 of them fill the socket by
    which the kernel sends all ICMP: until they are let go, the firewall answers no ping."""
    os.kill(daemon.process.pid, signal.SIGSTOP)
    for _ in range(300):
        udp(network.client, V4.stateless, timeout=0)
    wait_until(lambda: ping(network.client, V4.public, timeout=0.2), "an answer", 3)
    wait_until(lambda: waiting(network) == 0, "the guard", 3)
    os.kill(daemon.process.pid, signal.SIGCONT)
    wait_until(lambda: is_translated(network), "translation", 2)


def test_errors_leave_within_three_seconds(network, daemon):
    """One that is parked alone, when nothing else comes."""
    os.kill(daemon.process.pid, signal.SIGSTOP)
    with Capture(network.router, "fwl") as border:
        udp(network.client, V4.plain_rejected, timeout=0)
        wait_until(lambda: border.errors(1), "the error", 3)
        assert {error.source for error in border.errors(1)} == {V4.firewall}
    os.kill(daemon.process.pid, signal.SIGCONT)
    wait_until(lambda: is_translated(network), "translation", 2)


def test_an_idle_daemon_does_not_hang(network, daemon):
    time.sleep(3)
    assert udp(network.client, V4.plain_rejected).answer == "refused"
    assert "packets waited" not in daemon.log()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
def test_a_crash_loses_nothing(network, daemon, how):
    guard = guard_of(daemon.process)
    with Capture(network.router, "fwl", buffer=256 << 20) as border:
        with Flood(network) as flood:
            time.sleep(0.5)
            os.kill(daemon.process.pid, signal.SIGSTOP)  # so that packets are parked for sure
            time.sleep(0.1)
            os.kill(daemon.process.pid, how)
            os.kill(daemon.process.pid, signal.SIGCONT)
            daemon.process.wait()
            daemon.process = None
            os.truncate(daemon.log_path, 0)  # a sanitizer's report of the crash
            wait_until(lambda: is_gone(guard), "the guard to end", 1)
            time.sleep(0.5)
        assert_each_once(border, flood)
        assert {error.source for error in border.errors(flood.sent)} == {V4.public, V4.firewall}
    daemon.start()
    assert udp(network.client, V4.plain_rejected).answer == "refused"


def test_the_guard_ends_with_the_daemon(network, daemon):
    guard = guard_of(daemon.process)
    daemon.stop()
    assert is_gone(guard)


def test_a_daemon_without_its_guard_says_so(network, daemon):
    os.kill(guard_of(daemon.process), signal.SIGKILL)
    wait_until(lambda: "the guard has ended" in daemon.log(), "the line in the log")
    assert udp(network.client, V4.plain_rejected).answer == "refused"
