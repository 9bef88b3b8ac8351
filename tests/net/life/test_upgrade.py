# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""One icmpnatd takes over from another: errors wait meanwhile, and each is translated once.

   client ==> datagrams ==> firewall ===== errors =====> client
                            icmpnatctl upgrade, SIGUSR2; a program or a file that is no good
"""

import contextlib
import os
import signal
import time

import pytest

from lab.client import ping, udp, wait_until
from lab.daemon import MAPS, Daemon, replace
from lab.flood import Flood, assert_each_once
from lab.network import V4
from lab.process import descriptors, guard_of, is_gone
from lab.traffic import Capture

UPGRADES = int(os.environ.get("UPGRADES", 20))
RATE = 1000


@pytest.fixture
def daemon(network, own_program):
    good = own_program.read_bytes()
    with Daemon(network) as daemon:
        yield daemon
        replace(own_program, good)


def status(daemon):
    return {line[0]: line[1] for line in daemon.request("status")[0]}


def upgrades(daemon):
    """None if the answer was cut off: the program that had accepted the question was no longer there."""
    with contextlib.suppress(ConnectionError, IndexError):
        return int(status(daemon)["upgrades"])


def by_command(daemon):
    daemon.ctl("upgrade")


def by_signal(daemon):
    before = upgrades(daemon)
    daemon.process.send_signal(signal.SIGUSR2)
    wait_until(lambda: upgrades(daemon) == before + 1, "the upgrade")


@pytest.mark.parametrize("upgrade", [by_command, by_signal])
def test_nothing_is_lost(network, daemon, upgrade):
    account = daemon.account()
    guard, before = guard_of(daemon.process), descriptors(daemon.process)
    with Capture(network.router, "fwl", buffer=256 << 20) as border:
        with Flood(network, RATE) as flood:
            for _ in range(UPGRADES):
                upgrade(daemon)
        assert_each_once(border, flood)
        assert {error.source for error in border.errors(flood.sent)} == {V4.public}, daemon.log()
    account.expect(outer=flood.sent)
    assert status(daemon)["upgrades"] == str(UPGRADES)
    assert status(daemon)["pid"] == str(daemon.process.pid)
    assert (guard_of(daemon.process), descriptors(daemon.process)) == (guard, before)


def replaced_by(content):
    return lambda path: replace(path, content)


def removed(path):
    os.unlink(path)


def cut_off(path):
    replace(path, path.read_bytes()[:20000])


@pytest.mark.parametrize("spoil", [removed, cut_off, replaced_by(b"no program"), replaced_by(b"#!/bin/false\n"),
                                   replaced_by(b"#!/bin/sh\nexec sleep 60\n")],
                         ids=["removed", "cut off", "garbage", "fails", "hangs"])
def test_a_program_that_is_no_good(network, daemon, own_program, spoil):
    spoil(own_program)
    done = daemon.ctl("upgrade", check=False)
    assert done.returncode == 1
    assert f"{own_program} --check failed" in done.stderr and "the old program goes on" in done.stderr
    assert udp(network.client, V4.plain_rejected).answer == "refused"
    assert status(daemon)["upgrades"] == "0"


def test_a_file_that_is_no_good(network, daemon):
    daemon.write("outside = 5;")
    done = daemon.ctl("upgrade", check=False)
    assert done.returncode == 1 and f"{daemon.path}:1: " in done.stderr
    daemon.process.send_signal(signal.SIGUSR2)
    wait_until(lambda: "there was no upgrade" in daemon.log(), "the line in the log")
    assert udp(network.client, V4.plain_rejected).answer == "refused"
    error = last_error(daemon)
    assert error[2].startswith("there was no upgrade")
    daemon.configure(MAPS)
    daemon.ctl("upgrade")
    assert last_error(daemon) == error  # which the next program remembers


def last_error(daemon):
    line, = [line for line in daemon.request("status")[0] if line[0] == "last-error"]
    return line


def test_a_new_file_comes_into_force(network, daemon):
    daemon.configure([(V4.firewall, V4.public2)])
    daemon.ctl("upgrade")
    assert udp(network.client, V4.plain_rejected, timeout=20).offender == V4.public2


def test_one_that_was_upgraded_is_guarded(network, daemon):
    guard = guard_of(daemon.process)
    daemon.ctl("upgrade")
    with Capture(network.router, "fwl", buffer=256 << 20) as border:
        with Flood(network) as flood:
            time.sleep(0.3)
            daemon.kill()
            wait_until(lambda: is_gone(guard), "the guard to end")
        assert_each_once(border, flood)
    assert ping(network.client, V4.public)
    daemon.start()


def test_a_failed_exec_changes_nothing(network, daemon, own_program):
    """Good when tried, gone when needed."""
    script = f"#!/bin/sh\nexec rm {own_program}\n"
    replace(own_program, script.encode())
    done = daemon.ctl("upgrade", check=False)
    assert done.returncode == 1 and "still the old program: icmpnatctl status tells the last error" in done.stderr
    assert udp(network.client, V4.plain_rejected).answer == "refused"
    wait_until(lambda: "the old one goes on" in daemon.log(), "the line in the log")
    assert "the old one goes on" in " ".join(daemon.ctl("status").stdout.split())


def first(command, program):
    """From now on the program does something before it starts, but not when it is tried: no more than the
    filter of system calls permits."""
    real = program.with_name("real")
    program.rename(real)
    replace(program, f'#!/bin/sh\ncase $* in --check*) ;; *) {command} ;; esac\nexec {real} "$@"\n'.encode())


def test_a_program_that_takes_its_time(network, daemon, own_program):
    """The guard knows that packets are going to wait: for three seconds, after which it would take a daemon for
    hung; it would let them go after 4.8."""
    first("read now _ </proc/uptime; end=$((${now%.*}${now#*.} + 300)); "
          "while [ ${now%.*}${now#*.} -lt $end ]; do read now _ </proc/uptime; done", own_program)
    with Capture(network.router, "fwl", buffer=256 << 20) as border:
        with Flood(network, RATE) as flood:
            daemon.ctl("upgrade")
            wait_until(lambda: upgrades(daemon) == 1, "the upgrade")
        assert_each_once(border, flood)
        assert {error.source for error in border.errors(flood.sent)} == {V4.public}, daemon.log()
    assert "packets waited" not in daemon.log()


@pytest.mark.parametrize("limit", [6, 7])
def test_a_start_that_fails_after_a_good_trial(network, daemon, own_program, limit):
    """For want of descriptors: what was parked leaves as the kernel made it."""
    first(f"ulimit -n {limit}", own_program)
    with Capture(network.router, "fwl", buffer=256 << 20) as border:
        with Flood(network) as flood:
            time.sleep(0.3)
            daemon.process.send_signal(signal.SIGUSR2)
            assert daemon.process.wait(60) == 1, daemon.log()
            daemon.process = None
            time.sleep(0.2)
        assert_each_once(border, flood)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_that_comes_during_an_upgrade(daemon, ending):
    for delay in 0, 0.005, 0.02:
        daemon.process.send_signal(signal.SIGUSR2)
        time.sleep(delay)
        daemon.process.send_signal(ending)
        assert daemon.process.wait(60) == 0
        daemon.start()
