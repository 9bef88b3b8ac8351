# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A reload swaps the maps under traffic: every error has the old public address or the new one,
none is lost, and after the answer "ok" all have the new one. A bad file changes nothing.

   client ~~~~~ border ===== firewall       private 192.168.42.1 -> public 1.2.3.1 <-> 1.2.3.2
"""

import contextlib
import signal
import threading

import pytest

from lab.client import udp, wait_until
from lab.daemon import MAPS
from lab.network import V4


def maps_with(public):
    return [(V4.firewall, public), *MAPS[1:]]


@pytest.fixture
def reloaded(daemon):
    yield daemon
    daemon.configure(MAPS)
    daemon.ctl("reload")


@contextlib.contextmanager
def traffic(network, reactions):
    """Provokes one error after the other, and collects what the client sees."""
    stop = threading.Event()

    def loop():
        while not stop.is_set():
            reactions.append(udp(network.client, V4.plain_rejected))
    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def by_ctl(daemon, public):
    assert daemon.ctl("reload").returncode == 0


def by_signal(daemon, public):
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: public in (row[1] for row in daemon.request("maps")[0]), "the new maps")


@pytest.mark.parametrize("reload", [by_ctl, by_signal])
def test_under_traffic(network, reloaded, reload):
    daemon, reactions = reloaded, []
    account, publics = daemon.account(), [V4.public2, V4.public] * 10
    with traffic(network, reactions):
        for public in publics:
            daemon.configure(maps_with(public))
            reload(daemon, public)
            before = len(reactions)
            assert udp(network.client, V4.plain_rejected).offender == public
            wait_until(lambda: len(reactions) > before, "traffic")
    account.expect(outer=len(reactions) + len(publics))
    assert {r.answer for r in reactions} == {"refused"}
    assert {r.offender for r in reactions} == {V4.public, V4.public2}


@pytest.mark.parametrize("text", ["outside = [", 'outside = [ "eth0" ]; mops = ( );', ""],
                         ids=["syntax", "unknown", "empty"])
def test_bad_file(network, reloaded, text):
    daemon = reloaded
    daemon.write(text)
    failed = daemon.ctl("reload", check=False)
    assert failed.returncode != 0
    assert daemon.path + ":" in failed.stdout + failed.stderr
    assert udp(network.client, V4.plain_rejected).offender == V4.public


def test_bad_file_by_signal(network, reloaded):
    daemon = reloaded
    daemon.write("outside = [")
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "was not reloaded" in daemon.log(), "the log to say so")
    assert udp(network.client, V4.plain_rejected).offender == V4.public
