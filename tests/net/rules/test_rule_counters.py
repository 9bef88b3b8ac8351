# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""What the capture rules did stands beside what the daemon did, and the accounts begin at what the rules saw: a copy
that vanishes before the queue is found, and what the kernel could not emit is told.

   client ==> datagrams ==> firewall:  nobody, the kernel  \\
                                       copy ==> queue ==> icmpnatd  ==> client
                                        |
                                        a drop in a raw output chain: one that vanishes
"""

import contextlib
import json
import re
import socket

import pytest

from lab.client import TIMED_OUT, udp, wait_until
from lab.daemon import Daemon, Rules, kernel_has_nft_queue, paused
from lab.flood import Flood
from lab.network import FAMILIES, V4
from lab.process import guard_of

VANISHES = """
table ip vanish {
    chain output {
        type filter hook output priority raw;
        oifname "eth0" icmp type destination-unreachable ct state untracked drop
    }
}
"""
FLOOD = 30000
BURST = 1000  # errors at once: several times what a processor's ICMP socket takes
ALL_IS_WELL = "every packet is accounted for"


def amounts(said):
    return {what: int(n) for what, n in re.findall(r"^ *(.*\S) +(\d+)$", said, re.M)}


def direct_kind(host):
    return "direct" if kernel_has_nft_queue(host) else "iptables-direct"


@contextlib.contextmanager
def daemon_with(network, kind=None, **options):
    daemon = Daemon(network, **options)
    daemon.rules = Rules(network.firewall, daemon.path, kind=kind)
    with daemon:
        yield daemon


def test_the_kernel_s_part_is_the_same_outcome(network):
    """In all outputs, both families in one number, and the daemon's part beside it."""
    with Daemon(network, kernel="auto") as daemon:
        for family in FAMILIES:
            assert udp(network.client, family.plain_rejected).offender == family.public
            assert udp(network.client, family.stateless).offender == family.public
        stats = daemon.stats()
        assert (stats["rules", "outer"], stats["rules", "copied"], stats["outcome", "both"]) == (2, 2, 2)
        assert stats["outcome", "outer"] == stats["rules", "leaked-outer"] == 0
        shown = json.loads(daemon.ctl("stats", "--json").stdout)["counters"]
        assert {"group": "rules", "name": "outer", "fate": "rewritten", "value": 2, "interfaces": {"eth0": 2}} in shown
        metrics = daemon.ctl("stats", "--prometheus").stdout
        assert 'icmpnatd_rules_total{name="outer",fate="rewritten",interface="eth0"} 2\n' in metrics
        assert "\nicmpnatd_host_icmp_out_errors_total " in metrics
        *_, kernel, us = daemon.ctl("stats").stdout.splitlines()
        assert kernel.startswith("total by the kernel: 2 errors: 0 passed, 2 rewritten, 0 leaked")
        assert us.startswith("total by the daemon: 2 packets: 2 rewritten, 0 passed, ")
        said = amounts(daemon.ctl("stats", "--check").stdout)
        assert [said[what] for what in ("seen by the capture rules", "changed by the kernel: the outer source",
                                        "copied, to be read", "handed over by the capture rules")] == [4, 2, 2, 2]


def test_they_count_on_after_a_reload(network):
    with Daemon(network, kernel="auto") as daemon:
        for _ in range(2):
            assert udp(network.client, V4.plain_rejected).offender == V4.public
            daemon.ctl("reload")
        assert daemon.stats()["rules", "outer"] == 2


@pytest.mark.parametrize("kind", [None, "iptables"], ids=["nft", "iptables"])
def test_a_copy_that_vanishes_is_found(network, kind):
    with daemon_with(network, kind) as daemon:
        assert udp(network.client, V4.plain_rejected).offender == V4.public
        network.firewall.nft(VANISHES)
        try:
            assert [udp(network.client, V4.plain_rejected) for _ in range(2)] == [TIMED_OUT] * 2
        finally:
            network.firewall.nft("delete table ip vanish")
        done = daemon.ctl("stats", "--check", check=False)
        assert done.returncode == 1
        wrong, = [line for line in done.stdout.splitlines() if line.startswith("WRONG: ")]
        assert wrong.startswith("WRONG: 2 copies of errors vanished before the queue: look for a drop in a raw or mangle")
        assert amounts(done.stdout)["vanished before the queue"] == 2
        daemon.rules.unload()  # with what they counted
        daemon.rules.load()


@pytest.mark.parametrize("kind", [None, "iptables"], ids=["nft", "iptables"])
def test_no_copy_vanishes_when_the_rules_are_loaded_again(network, kind):
    with daemon_with(network, kind) as daemon, Flood(network, rate=500) as flood:
        for _ in range(3):
            before = flood.sent
            daemon.rules.load()
            wait_until(lambda: flood.sent > before + 100, "more datagrams")
            said = daemon.ctl("stats", "--check").stdout
            assert "WRONG" not in said and said.endswith(ALL_IS_WELL + "\n")


def test_no_copy_vanishes_when_the_daemon_is_younger_than_the_rules(network):
    """Also where nft copies and iptables queues, whose own counters begin anew with every load."""
    with Daemon(network) as daemon:
        assert udp(network.client, V4.plain_rejected).offender == V4.public
        daemon.rules.load()
        daemon.stop()
        daemon.start()
        said = daemon.ctl("stats", "--check").stdout
        assert "WRONG" not in said and said.endswith(ALL_IS_WELL + "\n")


def send(network, count):
    """Sends datagrams to the host with stateless NAT as fast as possible: about 80,000 a second."""
    with network.client.here(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp_socket:
        for n in range(count):
            udp_socket.sendto(b"x" * 20, (V4.stateless, 2000 + n))


def burst(network, daemon):
    """Many errors at once, while nobody takes them from the queue."""
    with paused(daemon.process.pid, guard_of(daemon.process)):
        send(network, BURST)


def out_errors(daemon):
    return daemon.stats()["host", "icmp-out-errors"]


def settle(daemon):
    """Waits until nothing is queued any more, and returns what stats --check says."""
    wait_until(lambda: daemon.stats()["kernel", "waiting"] == 0, "an empty queue")
    return amounts(daemon.ctl("stats", "--check").stdout)


def test_copies_do_not_fill_the_icmp_socket(network):
    with Daemon(network, kernel="auto") as daemon:
        before = out_errors(daemon)
        burst(network, daemon)
        said = settle(daemon)
        assert out_errors(daemon) == before
        assert daemon.stats()["rules", "copied"] == BURST
        assert said["copied, to be read"] == said["handed over by the capture rules"] == said["received"] == BURST
        assert said["vanished before the queue"] == 0


def test_errors_that_wait_as_they_are_fill_it_and_that_is_told(network):
    """The kernel drops what finds its ICMP socket full, before any rule sees it."""
    with daemon_with(network, direct_kind(network.firewall)) as daemon:
        before = out_errors(daemon)
        burst(network, daemon)
        said = settle(daemon)
        never = out_errors(daemon) - before
        assert never > 0
        assert said["handed over by the capture rules"] == said["received"] == BURST - never
        assert said["ICMP that the kernel could not send (OutErrors)"] == before + never


def test_a_flood_of_copies_loses_none(network):
    """The queue has room for all of them, however fast they come and slow the daemon is."""
    with Daemon(network, kernel="auto", queue="length = 32768;") as daemon:
        before = out_errors(daemon)
        send(network, FLOOD)
        said = settle(daemon)
        assert out_errors(daemon) == before
        assert said["copied, to be read"] == said["handed over by the capture rules"] == said["received"] == FLOOD
        assert said["vanished before the queue"] == 0
