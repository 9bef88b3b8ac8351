# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""With kernel = "auto" the kernel also translates what an error quotes, by rules that the daemon holds: real clients
know it as the answer to what they sent, and no packet is queued. Here a program of the tests holds them, for nft of
this kernel may not be able to queue.

   client ----- border ===== firewall ------------ dmz
   to 1.2.3.20               notrack,              192.168.1.20
                             1.2.3.20 -> 192.168.1.20, REJECT
"""

import contextlib

import pytest

from lab.client import UdpFlow, traceroute, udp
from lab.daemon import MAPS, configuration
from expected import EXPIRED, REFUSED, TOO_BIG, expect_one, expect_ping_refused, expect_tcp_refused
from held import Held

PREFIXES = [("192.168.1.0/24", "1.2.3.0/24"), ("fd00:1::/64", "2001:db8:1::/64"), *MAPS[:2]]


@contextlib.contextmanager
def held(network, tmp_path, maps=MAPS):
    path = tmp_path / "icmpnatd.conf"
    path.write_text(configuration(maps, "", str(tmp_path / "control"), "own", kernel="auto"))
    with contextlib.closing(Held(network.firewall, str(path))) as tables:
        tables.load()
        yield tables


@pytest.fixture(scope="module", params=["hosts", "prefixes"])
def kernel(request, network, tmp_path_factory):
    with held(network, tmp_path_factory.mktemp("held"), {"hosts": MAPS, "prefixes": PREFIXES}[request.param]) as tables:
        yield tables


@pytest.fixture
def translated(network, kernel, family):
    """One error about the stateless host, provoked and held against what was sent."""
    network.forget()

    def expect(kind, action):
        error, _ = expect_one(network, kernel, family, kind, action)
        return error
    return expect


def test_rejected(translated, network, family):
    translated(REFUSED, lambda: udp(network.client, family.stateless))


def test_each_packet_of_a_flow_alike(translated, network, family):
    with UdpFlow(network.client, family.stateless) as flow:
        for _ in range(3):
            translated(REFUSED, flow.send)


@pytest.mark.parametrize("size", [0, 1, 31, 32])
def test_whole_quote_is_what_was_sent(translated, network, family, size):
    error = translated(REFUSED, lambda: udp(network.client, family.stateless, size=size))
    assert not error.cut_short


def test_expired(translated, network, family):
    translated(EXPIRED, lambda: udp(network.client, family.stateless, hops=2))


def test_too_big(translated, network, family):
    translated(TOO_BIG, lambda: udp(network.client, family.stateless, 1400))


def test_tcp(network, kernel, family):
    network.forget()
    expect_tcp_refused(network, kernel, family, family.stateless)


def test_ping(network, kernel, family):
    network.forget()
    expect_ping_refused(network, kernel, family, family.stateless)


def test_traceroute(network, kernel, family):
    network.forget()
    assert traceroute(network.client, family.stateless, 2) == [family.router, family.public]


def test_what_needs_nothing_is_counted_as_before(network, kernel, family):
    network.forget()
    expect_one(network, kernel, family, REFUSED, lambda: udp(network.client, family.plain_rejected), outcome="outer")
