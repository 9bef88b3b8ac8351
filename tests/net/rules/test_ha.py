# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""After a failover, the second firewall's icmpnatd translates errors about connections that were
made through the first one; and the first one's does so again when it is back.

   client ----- border ===== fw1 or fw2 ----- dmz       one gateway, two kernels, two daemons
          1500         1500              1280
"""

import contextlib
import socket
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from ha import PATIENCE, Pair, missing
from lab.client import ANSWERED, Reaction, TcpFlow, UdpFlow, learnt_mtu, wait_until
from lab.network import DMZ_MTU, FAMILIES, Family
from lab.traffic import Capture, bad_checksums
from expected import REFUSED, TOO_BIG

EXPECTED = {  # kind of flow: what a packet of this size provokes, from where; what icmpnatd does
    "nat": (1400, TOO_BIG, "nat", "nobody"),
    "snat": (1400, TOO_BIG, "public2", "nobody"),
    "plain": (1400, TOO_BIG, "public", "nobody"),
    "stateless": (1400, TOO_BIG, "public", "both"),
    "plain_rejected": (100, REFUSED, "public", "nobody"),
    "lost": (100, REFUSED, "public2", "nobody"),
}


@pytest.fixture(scope="module")
def pair(possible):
    if missing():
        pytest.skip("not installed: " + ", ".join(missing()))
    with contextlib.ExitStack() as stack:
        pair = Pair()
        stack.callback(pair.close)
        for firewall in pair.firewalls:
            stack.enter_context(firewall.daemon)
        yield pair


@pytest.fixture
def network(pair):
    """The pair with fw1 the gateway, no flows, and nobody who copies them."""
    pair.wait_for_gateway(pair.fw1)
    for firewall in pair.firewalls:
        firewall.host.run("conntrack -F")
    return pair


@pytest.fixture
def synced(network):
    for firewall in network.firewalls:
        firewall.start_conntrackd()
    yield
    for firewall in network.firewalls:
        firewall.stop_conntrackd()


@contextlib.contextmanager
def stopped(network):
    """keepalived ends, and says so."""
    network.fw1.stop_keepalived()
    try:
        yield
    finally:
        network.fw1.start_keepalived()


@contextlib.contextmanager
def cut_off(network):
    """The link to the border router is gone."""
    network.router.run("ip link set fw1 down")
    try:
        yield
    finally:
        network.router.run("ip link set fw1 up")


@contextlib.contextmanager
def rebooted(network):
    """It comes back and knows nothing. It gets the flows from fw2 before it is the gateway."""
    if Path("/proc/self/setgroups").read_text() == "deny\n":
        pytest.skip("keepalived runs no script in a user's sandbox")
    network.fw1.stop_keepalived()
    network.fw1.stop_conntrackd()
    network.fw1.host.run("conntrack -F")
    network.fw1.daemon.stop()
    network.fw1.daemon.start()
    network.fw1.start_conntrackd()
    try:
        yield
    finally:
        network.fw1.start_keepalived()


@dataclass
class Flow:
    kind: str
    family: Family
    client: UdpFlow

    def expected(self):
        _, error, source, _ = EXPECTED[self.kind]
        return Reaction(
            error.answer, getattr(self.family, source), *error.type_and_code(self.family), error.mtu)

    def provoke(self):
        # the kernel may have set the last error once more after it was read from the queue
        self.client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        assert self.client.send(EXPECTED[self.kind][0]) == self.expected(), self


def from_inside(network, family):
    """A flow that the dmz host has opened, and the firewall has SNATed."""
    flow = UdpFlow(network.client, family.public2)
    with network.dmz.here():
        opener = socket.socket(flow.socket.family, socket.SOCK_DGRAM)
    with opener:
        opener.bind((family.dmz, 0))
        flow.socket.connect((family.public2, opener.getsockname()[1]))
        opener.sendto(b"hello", flow.socket.getsockname()[:2])
    assert flow.reaction() == ANSWERED
    return flow


@pytest.fixture
def opened(network):
    """Opens a flow of each kind in each family, answered if it can be."""
    with contextlib.ExitStack() as stack:
        def opened(*kinds):
            flows = []
            for f in FAMILIES:
                for kind in kinds:
                    flow = (from_inside(network, f) if kind == "snat"
                            else UdpFlow(network.client, getattr(f, kind)))
                    flows.append(Flow(kind, f, stack.enter_context(flow)))
                    assert kind in ("snat", "plain_rejected") or flow.send() == ANSWERED
            return flows
        yield opened


def wait_until_copied(network, flows):
    """Both firewalls have the same entries, translation included."""
    wait_until(lambda: None not in network.fw1.known(flows) == network.fw2.known(flows),
               "both to know " + str([flow.socket for flow in flows]), PATIENCE, 0.05)


def provoke(network, firewall, flows):
    """Every flow's error comes from this firewall, which alone has had anything to do."""
    other, = set(network.firewalls) - {firewall}
    network.client.run("ip -4 route flush cache; ip -6 route flush cache")
    account, idle = firewall.daemon.account(), other.daemon.account()
    with Capture(network.client, "eth0") as capture:
        for flow in flows:
            flow.provoke()
        account.expect(**Counter(EXPECTED[flow.kind][-1] for flow in flows))
        errors = capture.errors()
    assert [(e.source, e.type, e.code) for e in errors] == [
        (r.offender, r.type, r.code) for r in map(Flow.expected, flows)]
    assert all(any(error.quotes(packet) for packet in capture.sent) for error in errors)
    assert bad_checksums([error.packet for error in errors]) == []
    assert idle.counted() == {}


@pytest.mark.parametrize("away", [cut_off, rebooted])
def test_there_and_back(network, synced, opened, away):
    tracked, stateless = opened("nat", "snat", "plain"), opened("stateless")
    wait_until_copied(network, [flow.client for flow in tracked])
    with away(network):
        network.wait_for_gateway(network.fw2)
        provoke(network, network.fw2, tracked + stateless + opened("plain_rejected"))
        late = opened("nat")
        wait_until_copied(network, [flow.client for flow in tracked + late])
    network.wait_for_gateway(network.fw1)
    provoke(network, network.fw1, tracked + stateless + opened("plain_rejected"))
    provoke(network, network.fw1, late)
    for firewall in network.firewalls:
        assert not any(firewall.known([flow.client for flow in stateless]))


def upload(network, connections):
    """An upload in connections made before: fw2 says that packets are too big, and they complete."""
    network.client.run("ip -4 route flush cache; ip -6 route flush cache")
    account, idle = network.fw2.daemon.account(), network.fw1.daemon.account()
    with Capture(network.client, "eth0") as capture:
        assert [connection.upload(200_000) for connection in connections] == [ANSWERED, ANSWERED]
        errors = capture.errors(2)
    account.expect(nobody=len(errors))
    assert {(e.source, e.mtu) for e in errors} == {(f.nat, DMZ_MTU) for f in FAMILIES}
    assert all(any(e.quotes(packet) for packet in capture.sent) for e in errors)
    assert [learnt_mtu(network.client, f.nat) for f in FAMILIES] == [DMZ_MTU, DMZ_MTU]
    assert idle.counted() == {}


@pytest.fixture
def connected(network):
    """A TCP connection in each family, to a host with NAT."""
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(TcpFlow(network.client, f.nat, timeout=PATIENCE)) for f in FAMILIES]
        assert [connection.connect() for connection in connections] == [ANSWERED, ANSWERED]
        yield connections


def test_upload(network, synced, connected):
    wait_until_copied(network, connected)
    with stopped(network):
        network.wait_for_gateway(network.fw2)
        upload(network, connected)


def test_without_conntrackd(network, opened, connected):
    """What fw2's rules say again is translated as before, also in the middle of a connection. A flow
    that was opened from inside is lost, and not for icmpnatd: fw2 thinks that it is its own."""
    flows = opened("nat", "snat", "plain", "stateless")
    with stopped(network):
        network.wait_for_gateway(network.fw2)
        assert not any(network.fw2.known(connected + [flow.client for flow in flows]))
        for flow in flows:
            flow.kind = flow.kind.replace("snat", "lost")
        provoke(network, network.fw2, flows)
        upload(network, connected)
