# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A service manager keeps the queues while the daemon is started again: errors wait, or pass, and
none is lost. The service manager is a stand-in that speaks its protocol (sd_pid_notify_with_fds(3),
sd_listen_fds(3)).

   client ==> datagrams ==> firewall ===== errors =====> client
                            icmpnatd: SIGUSR1, SIGKILL, SIGTERM, and started again
"""

import contextlib
import os
import signal
import socket
import time

import pytest

from lab.client import ping, udp, wait_until
from lab.daemon import NO_OWN_RULES, kernel_lets_hold_rules, own_tables, pause, paused, waiting
from lab.flood import Flood, assert_each_once
from lab.manager import Manager
from lab.network import V4
from lab.process import guard_of, is_gone
from lab.traffic import Capture

WORKERS = 24    # more than there is room for messages (net.unix.max_dgram_qlen)


@pytest.fixture
def daemon(network):
    manager = Manager(network)
    with manager:
        yield manager
    kept = set(manager.store) if manager.hear_all() is None else None
    manager.close()
    assert kept == set()  # a stop leaves nothing behind


def owner(daemon):
    """The port of the socket that has the queue."""
    lines = daemon.host.run("cat /proc/net/netfilter/nfnetlink_queue").stdout.splitlines()
    return lines[0].split()[1] if lines else None


def queues(daemon):
    """The numbers of those that are bound."""
    return {line.split()[0] for line in daemon.host.run("cat /proc/net/netfilter/nfnetlink_queue").stdout.splitlines()}


def test_a_restart_keeps_the_packets(network, daemon):
    account, before = daemon.account(), owner(daemon)
    with Capture(network.router, "fwl", buffer=256 << 20) as border:
        with Flood(network, 1000) as flood:
            for _ in range(5):
                daemon.park()
                assert set(daemon.store) == {"queue-0", "state"}
                time.sleep(0.1)
                daemon.start()
                daemon.hear_all()
                assert set(daemon.store) == {"queue-0"}
        assert_each_once(border, flood)
        assert {error.source for error in border.errors(flood.sent)} == {V4.public}
    assert owner(daemon) == before
    account.expect(outer=flood.sent)


def test_a_crash_keeps_the_queue(network, daemon):
    before = owner(daemon)
    with Capture(network.router, "fwl", buffer=256 << 20) as border:
        with Flood(network, 1000) as flood:
            for _ in range(3):
                time.sleep(0.1)
                guard = guard_of(daemon.process)
                daemon.kill()
                wait_until(lambda: is_gone(guard), "the guard to end")
                daemon.hear_all()
                assert owner(daemon) == before
                daemon.start()
        assert_each_once(border, flood)
    assert owner(daemon) == before
    for _ in range(2):  # behind them, all is answered that the dead daemon had left in the socket
        assert udp(network.client, V4.plain_rejected).offender == V4.public
    account = daemon.account()
    assert udp(network.client, V4.plain_rejected).offender == V4.public
    account.expect(outer=1)


def test_a_plain_restart_beside_it(network, daemon):
    """SIGTERM: nothing is lost, but errors leave as the kernel made them until the next start."""
    with Capture(network.router, "fwl", buffer=256 << 20) as border:
        with Flood(network, 1000) as flood:
            for _ in range(5):
                daemon.stop()
                daemon.hear_all()
                assert daemon.store == {} and owner(daemon) is None
                time.sleep(0.1)
                daemon.start()
        assert_each_once(border, flood)
        untranslated = sum(error.source == V4.firewall for error in border.errors(flood.sent))
    print(f"{untranslated} of {flood.sent} errors left untranslated in 5 restarts")
    assert untranslated > 0


def test_what_is_not_wanted_is_given_back(network, daemon):
    """Another number of workers: the queue that nobody serves is closed, here and in the store."""
    daemon.park()
    daemon.queue = "workers = 2;"
    daemon.configure([(V4.firewall, V4.public)])
    daemon.start()
    daemon.hear_all()
    assert set(daemon.store) == {"queue-0", "queue-1"}
    daemon.park()
    daemon.queue = ""
    daemon.configure([(V4.firewall, V4.public)])
    daemon.start()
    daemon.hear_all()
    assert set(daemon.store) == {"queue-0"}
    assert queues(daemon) == {"0"}
    assert ping(network.client, V4.public)
    assert udp(network.client, V4.plain_rejected).offender == V4.public


def test_another_queue(network, daemon):
    """What is parked in the old one, and what the rules still hand to it, leaves as the kernel made it."""
    with Capture(network.router, "fwl", buffer=256 << 20) as border:
        with Flood(network, 1000) as flood:
            time.sleep(0.2)
            daemon.park()
            time.sleep(0.1)
            daemon.queue = "number = 5;"
            daemon.configure([(V4.firewall, V4.public)])
            daemon.start()
            daemon.hear_all()
            time.sleep(0.2)
        assert_each_once(border, flood)
    assert set(daemon.store) == {"queue-5"} and queues(daemon) == {"5"}
    daemon.rules.unload()
    daemon.rules.load()
    account = daemon.account()
    assert udp(network.client, V4.plain_rejected).offender == V4.public
    account.expect(outer=1)
    assert daemon.stats()["queue", "missed"] == 0


def test_rules_that_become_external(network):
    """Those that the daemon held go with it: they would keep others from being loaded."""
    if not kernel_lets_hold_rules(network.firewall):
        pytest.skip(NO_OWN_RULES)
    with contextlib.closing(Manager(network)) as manager, Capture(network.router, "fwl", buffer=256 << 20) as border:
        with open(manager.path) as file:
            external = file.read()
        manager.write(external.replace('rules = "external"', 'rules = "own"'))
        manager.start()
        with Flood(network, 1000) as flood:
            wait_until(lambda: flood.sent > 200, "the flood")
            assert own_tables(network.firewall)
            manager.write(external)
            manager.park()
            assert manager.store == {} and own_tables(network.firewall) == []
            manager.rules.load()
            manager.start()
        assert_each_once(border, flood)
        assert udp(network.client, V4.plain_rejected).offender == V4.public
        manager.stop()
        manager.rules.unload()


def test_a_start_that_fails(network, daemon):
    """A file that is in order, for a host that is not."""
    with open(daemon.path) as file:
        good = file.read()
    daemon.write(good.replace('group = ""', 'group = "no-such-group"'))
    with Capture(network.router, "fwl", buffer=256 << 20) as border:
        with Flood(network, 1000) as flood:
            time.sleep(0.2)
            daemon.park()
            time.sleep(0.1)
            with pytest.raises(AssertionError, match="there is no group"):
                daemon.start()
            daemon.hear_all()
            time.sleep(0.2)
        assert_each_once(border, flood)
    assert daemon.store == {} and queues(daemon) == set()
    daemon.write(good)
    daemon.start()
    assert udp(network.client, V4.plain_rejected).offender == V4.public


def test_a_longer_queue_gets_a_larger_buffer(network, daemon):
    """Else a hang would not be seen: what finds no room in the socket looks as if it had been served."""
    daemon.queue = "length = 256;"
    daemon.configure([(V4.firewall, V4.public)])
    daemon.stop()
    daemon.start()
    daemon.hear_all()
    daemon.park()
    daemon.queue = ""
    daemon.configure([(V4.firewall, V4.public)])
    daemon.start()
    with Flood(network) as flood:
        with paused(daemon.process.pid):
            wait_until(lambda: flood.sent > 1200, "the flood")
            wait_until(lambda: waiting(daemon.host) == 0, "the guard")
    wait_until(lambda: udp(network.client, V4.plain_rejected, timeout=0.2).offender == V4.public, "translation")
    assert daemon.stats()["queue", "missed"] == 0


def test_nobody_plants_a_guard(network, daemon):
    """A process of the service may store what it wants: what the daemon trusts does not come from there."""
    daemon.park()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    daemon.store["guard"] = os.dup(theirs.fileno())
    daemon.start()
    daemon.hear_all()
    assert guard_of(daemon.process)
    assert set(daemon.store) == {"queue-0"}
    ours.close()
    theirs.close()


def test_a_queue_of_another_network_namespace(network, daemon):
    daemon.park()
    daemon.host = network.router
    daemon.start()
    daemon.hear_all()
    assert queues(daemon) == {"0"}
    daemon.stop()
    daemon.host = network.firewall
    assert queues(daemon) == set()
    daemon.start()


def test_what_a_dead_daemon_had_in_its_hands(network, daemon, monkeypatch):
    """Daemon and guard are killed after packets were received, before their verdicts: the next one lets
    these go when the first packet comes."""
    pause(daemon.process.pid)
    with Capture(network.router, "fwl") as border:
        for _ in range(5):
            udp(network.client, V4.plain_rejected, timeout=0)
        wait_until(lambda: waiting(daemon.host) == 5, "the queue")
        os.kill(guard_of(daemon.process), signal.SIGKILL)
        daemon.kill()
        taken = socket.socket(fileno=os.dup(daemon.store["queue-0"]))
        for _ in range(3):
            taken.recv(65536)
        taken.close()
        daemon.start()
        wait_until(lambda: waiting(daemon.host) == 0, "the queue")
        assert len(border.errors(5)) == 5


class Busy(Manager):
    """A manager that reads nothing at first, when there are more messages than find room."""

    def __init__(self, network, seconds):
        self.seconds = seconds
        super().__init__(network, queue=f"workers = {WORKERS};")

    def launch(self):
        super().launch()
        time.sleep(self.seconds)


def test_a_busy_manager_gets_every_descriptor(network):
    with contextlib.closing(Busy(network, 2)) as manager, manager:
        manager.hear_all()
        assert set(manager.store) == {f"queue-{n}" for n in range(WORKERS)}
        assert "service manager" not in manager.log()


def test_what_a_deaf_manager_does_not_take_is_said(network):
    """Nobody waits for it more than once; the daemon serves, and says what a restart will lack."""
    with contextlib.closing(Busy(network, 0)) as manager:
        manager.rules.load()
        manager.launch()
        wait_until(lambda: "started on queue" in manager.log(), "icmpnatd to start without it")
        said = [line for line in manager.log().splitlines() if "service manager" in line]
        assert udp(network.client, V4.plain_rejected).offender == V4.public
        manager.hear_all()
        lost = [f"queue-{n}" for n in range(WORKERS) if f"queue-{n}" not in manager.store]
        assert lost and said == [
            f"icmpnatd: warning: the service manager did not take {name} (it does not read): a restart loses "
            "what it holds; look at FileDescriptorStoreMax of the unit" for name in lost]
        manager.stop()
        manager.rules.unload()
