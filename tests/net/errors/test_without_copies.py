# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A plain NFQUEUE rule in OUTPUT loses every error about a new flow, which is why errors are copied before they are
queued (not on Linux 5.10, where copies cost time alone). The rule counts the error; neither the daemon nor the client
ever sees it, and none of the queue's own counters moves. Do not simplify the capture rules to what these tests load.

   firewall:  REJECT etc. -> OUTPUT: count, queue -> daemon -> client
                             1                      0         0        new flow
                             1                      1         1        established flow
"""

import os

import pytest

from lab.client import ANSWERED, TIMED_OUT, UdpFlow, answering, ping, udp
from lab.daemon import Daemon, kernel_has_nft_queue
from lab.traffic import Capture, bad_checksums

LOSES_NONE = os.uname().release.startswith("5.10.")
TYPES = {"ip": "icmp type { destination-unreachable, time-exceeded, parameter-problem }",
         "ip6": "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }"}
NUMBERS = {"ip": (3, 11, 12), "ip6": (1, 2, 3, 4)}
TABLE = """
table {ip} naive {{
    chain output {{
        type filter hook output priority mangle - 1;
        oifname "eth0" {types} counter {queue}
    }}
}}
"""


class NaiveRules:
    """What every example of NFQUEUE does. Where nft cannot queue, it counts and iptables queues."""

    def __init__(self, host):
        self._host, self._nft_queues = host, kernel_has_nft_queue(host)

    def load(self):
        queue = "queue flags bypass to 0" if self._nft_queues else ""
        for ip, types in TYPES.items():
            self._host.nft(TABLE.format(ip=ip, types=types, queue=queue))
        if not self._nft_queues:
            self._iptables("-A")

    def unload(self):
        for ip in TYPES:
            self._host.nft(f"delete table {ip} naive")
        if not self._nft_queues:
            self._iptables("-D")

    def _iptables(self, action):
        for ip, types in NUMBERS.items():
            command, name = ("iptables", "icmp") if ip == "ip" else ("ip6tables", "icmpv6")
            for number in types:
                self._host.run(f"{command} -w -t mangle {action} OUTPUT -o eth0 -p {name} "
                               f"--{name}-type {number} -j NFQUEUE --queue-num 0 --queue-bypass")

    def queued(self):
        return None

    def count(self):
        """The packets that have come to the queue's rule."""
        return sum(self._host.nft_counter(ip, "naive", "output")[0] for ip in TYPES)


@pytest.fixture(scope="module")
def daemon(network):
    with Daemon(network, rules=NaiveRules(network.firewall)) as daemon:
        yield daemon


def lost(network, daemon, family, action):
    """The error of an action is counted by the rule, and by nobody else."""
    if LOSES_NONE:
        pytest.skip("Linux 5.10 loses no error")
    account, before = daemon.account(), daemon.rules.count()
    with Capture(network.client, "eth0") as capture:
        assert action(0.2) == TIMED_OUT
        assert ping(network.client, family.public)
        assert daemon.rules.count() == before + 1
        assert capture.errors() == []
    assert account.counted() == {}


def arrives(network, daemon, answer, action):
    account, before = daemon.account(), daemon.rules.count()
    with Capture(network.client, "eth0") as capture:
        assert action(2).answer == answer
        error, = capture.errors(1)
        assert any(error.quotes(packet) for packet in capture.sent)
    assert bad_checksums([error.packet]) == []
    assert daemon.rules.count() == before + 1
    assert account.counted()["queue", "received"] == 1


@pytest.mark.parametrize("role, how", [("_rejected", {}), ("", {"hops": 2}), ("", {"size": 1400})],
                         ids=["reject", "expired", "too_big"])
def test_new_flow_is_lost(network, daemon, family, via, role, how):
    network.forget()
    address = getattr(family, via + role)
    lost(network, daemon, family, lambda timeout: udp(network.client, address, timeout=timeout, **how))


def test_no_route_is_lost(network, daemon, family):
    network.forget()
    lost(network, daemon, family, lambda timeout: udp(network.client, family.no_route, timeout=timeout))


def test_nobody_there_arrives(network, daemon, family, via):
    """The packet had already passed all hooks when the firewall asked for the neighbour."""
    network.forget()
    address = getattr(family, via + "_absent")
    arrives(network, daemon, "host unreachable",
            lambda timeout: udp(network.client, address, timeout=timeout))


def test_untracked_arrives(network, daemon, family):
    network.forget()
    arrives(network, daemon, "refused",
            lambda timeout: udp(network.client, family.stateless, timeout=timeout))


@pytest.mark.parametrize("answer, size, hops", [
    ("refused", 100, 64), ("host unreachable", 100, 2), ("too big", 1400, 64)],
    ids=["reject", "expired", "too_big"])
def test_established_flow_arrives(network, daemon, family, via, answer, size, hops):
    """With NAT the daemon sees the error before the kernel has translated it: it asks for the flow."""
    network.forget()
    with UdpFlow(network.client, getattr(family, via)) as flow:
        assert flow.send() == ANSWERED
        flow.hops(hops)

        def provoke(timeout):
            if answer != "refused":
                return flow.send(size, timeout)
            with network.rejecting(getattr(family, via + "_inside")):
                return flow.send(size, timeout)
        arrives(network, daemon, answer, provoke)


def test_answer_in_a_flow_from_inside_arrives(network, daemon, family):
    """SNAT, reply direction: what the daemon must show is the address before translation."""
    network.forget()
    with answering(network, family) as flow:
        arrives(network, daemon, "too big", lambda timeout: flow.send(1400, timeout))
