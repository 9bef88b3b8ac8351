# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""While the daemon hangs, and after it has died, errors leave as the kernel made them, each of them once.

   client ==> datagrams ==> firewall, each answered by one error ==> client
                            icmpnatd: SIGSTOP ... SIGCONT, SIGKILL, SIGSEGV
                            its guard: lets go what is parked, and what comes
"""

import contextlib
import os
import signal
import subprocess
import time

import pytest

from lab.client import ANSWERED, ping, quickest, udp, wait_until
from lab.daemon import Daemon, pause, paused, program, replace, waiting
from lab.flood import Flood, assert_each_once
from lab.network import V4
from lab.process import guard_of, is_gone
from lab.traffic import Capture

HANG = 10  # seconds


@pytest.fixture
def daemon(network):
    with Daemon(network) as daemon:
        yield daemon
        if daemon.process:
            os.kill(daemon.process.pid, signal.SIGCONT)


def park(network, process):
    """Stops a daemon, and lets an error wait for it."""
    pause(process.pid)
    udp(network.client, V4.plain_rejected, timeout=0)
    wait_until(lambda: waiting(network.firewall) == 1, "the error in the queue")


def is_translated(network):
    return udp(network.client, V4.plain_rejected, timeout=0.2).answer == "refused"


def test_a_hang_is_no_outage(network, daemon):
    """Under load: traffic goes on, the firewall answers, and from the third second on so do its errors."""
    with Capture(network.router, "fwl", buffer=256 << 20) as border:
        with Flood(network) as flood:
            time.sleep(0.5)
            pause(daemon.process.pid)
            began = time.monotonic()
            while time.monotonic() < began + HANG:
                assert ping(network.client, V4.public)
                assert udp(network.client, V4.plain) == ANSWERED
                time.sleep(0.2)
            errors = len(border.errors())
            assert errors > 0.9 * flood.sent
            os.kill(daemon.process.pid, signal.SIGCONT)
            wait_until(lambda: is_translated(network), "translation")
        assert_each_once(border, flood)
    assert "packets waited" in daemon.log() and "served again" in daemon.log()


def seconds_of_hang(network, daemon, stop, recovers):
    """Stops the daemon with errors in its queue, and returns the seconds until what is to recover has done so. The
    daemon goes on then."""
    stop()
    began = time.monotonic()
    recovers()
    taken = time.monotonic() - began
    os.kill(daemon.process.pid, signal.SIGCONT)
    wait_until(lambda: is_translated(network), "translation")
    return taken


def test_the_firewall_answers_again_when_its_own_errors_are_parked(network, daemon):
    """Errors about packets without a flow are queued themselves. Some 159 of them fill the socket by
    which the kernel sends all ICMP: until they are let go, the firewall answers no ping."""
    def fill():
        pause(daemon.process.pid)
        for _ in range(300):
            udp(network.client, V4.stateless, timeout=0)

    def answers():
        wait_until(lambda: ping(network.client, V4.public, timeout=0.2), "an answer")
        wait_until(lambda: waiting(network.firewall) == 0, "the guard")
    assert quickest(lambda: seconds_of_hang(network, daemon, fill, answers), 3) < 3


def test_errors_leave_within_three_seconds(network, daemon):
    """One that is parked alone, when nothing else comes."""
    def attempt():
        with Capture(network.router, "fwl") as border:
            def leaves():
                assert {error.source for error in border.errors(1)} == {V4.firewall}
            return seconds_of_hang(network, daemon, lambda: park(network, daemon.process), leaves)
    assert quickest(attempt, 3) < 3


def test_an_idle_daemon_does_not_hang(network, daemon):
    time.sleep(3)
    assert udp(network.client, V4.plain_rejected).answer == "refused"
    assert "packets waited" not in daemon.log()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
def test_a_crash_loses_nothing(network, daemon, how):
    def attempt():
        guard = guard_of(daemon.process)
        with Capture(network.router, "fwl", buffer=256 << 20) as border:
            with Flood(network) as flood:
                wait_until(lambda: border.errors(), "the first errors")
                pause(daemon.process.pid)
                wait_until(lambda: waiting(network.firewall) > 0, "packets to be parked")
                os.kill(daemon.process.pid, how)
                os.kill(daemon.process.pid, signal.SIGCONT)
                daemon.process.wait()
                daemon.process, began = None, time.monotonic()
                wait_until(lambda: is_gone(guard), "the guard to end")
                taken = time.monotonic() - began
                os.truncate(daemon.log_path, 0)  # a sanitizer's report of the crash
                time.sleep(0.5)
            assert_each_once(border, flood)
            assert {error.source for error in border.errors(flood.sent)} == {V4.public, V4.firewall}
        daemon.start()
        assert udp(network.client, V4.plain_rejected).answer == "refused"
        return taken
    assert quickest(attempt, 1) < 1


def test_the_guard_ends_with_the_daemon(network, daemon):
    guard = guard_of(daemon.process)
    daemon.stop()
    assert is_gone(guard)


def test_a_daemon_without_its_guard_says_so(network, daemon):
    os.kill(guard_of(daemon.process), signal.SIGKILL)
    wait_until(lambda: "the guard has ended" in daemon.log(), "the line in the log")
    assert udp(network.client, V4.plain_rejected).answer == "refused"


def is_tried():
    return subprocess.run(["pgrep", "-fx", "sleep 60"], capture_output=True).returncode == 0


@contextlib.contextmanager
def trial_that_hangs(program, daemon):
    """An upgrade whose program does not end when it is tried."""
    good = program.read_bytes()
    replace(program, b"#!/bin/sh\nexec sleep 60\n")
    daemon.process.send_signal(signal.SIGUSR2)
    wait_until(is_tried, "the trial")
    yield
    replace(program, good)


def test_a_hang_while_a_program_is_tried(network, own_program, daemon):
    """The guard looks on during the trial, and the daemon hears afterwards what it said meanwhile."""
    with trial_that_hangs(own_program, daemon):
        park(network, daemon.process)
        wait_until(lambda: waiting(network.firewall) == 0, "the guard")
        os.kill(daemon.process.pid, signal.SIGCONT)
        wait_until(lambda: "there was no upgrade" in daemon.log(), "the end of the trial")
    wait_until(lambda: "served again" in daemon.log(), "the daemon")
    assert udp(network.client, V4.plain_rejected).offender == V4.public


def test_a_crash_while_a_program_is_tried(network, own_program, daemon):
    guard = guard_of(daemon.process)
    with trial_that_hangs(own_program, daemon), Capture(network.router, "fwl") as border:
        park(network, daemon.process)
        daemon.kill()
        wait_until(lambda: is_gone(guard), "the guard to end")
        assert len(border.errors(1)) == 1
    assert not is_tried()


def test_an_answer_that_comes_too_late(network, daemon):
    """The guard is held up for longer than the daemon waits for a trial; it is not gone."""
    guard = guard_of(daemon.process)
    with paused(guard):
        daemon.process.send_signal(signal.SIGUSR2)
        wait_until(lambda: "there was no upgrade" in daemon.log(), "the daemon")
    time.sleep(1)
    assert not is_gone(guard) and "has ended" not in daemon.log()
    assert udp(network.client, V4.plain_rejected).offender == V4.public
    daemon.ctl("upgrade")
    assert udp(network.client, V4.plain_rejected).offender == V4.public


def test_a_guard_that_ends_before_it_has_spoken(network, daemon):
    """It has let packets pass: the daemon takes them again all the same."""
    guard = guard_of(daemon.process)
    park(network, daemon.process)
    wait_until(lambda: waiting(network.firewall) == 0, "the guard")
    os.kill(guard, signal.SIGKILL)
    os.kill(daemon.process.pid, signal.SIGCONT)
    wait_until(lambda: "the guard has ended" in daemon.log(), "the daemon")
    wait_until(lambda: is_translated(network), "translation")


def test_errors_leave_although_nobody_reads_the_log(network, daemon):
    daemon.stop()
    reader, writer = os.pipe()
    process = network.firewall.start([program("icmpnatd"), "--config", daemon.path], stderr=writer)
    wait_until(lambda: is_translated(network), "translation")
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x")
    os.set_blocking(writer, True)
    guard = guard_of(process)
    with Capture(network.router, "fwl") as border:
        park(network, process)
        process.kill()
        process.wait()
        assert len(border.errors(1)) == 1
    os.close(reader)
    os.close(writer)
    wait_until(lambda: is_gone(guard), "the guard to end")
    daemon.start()
