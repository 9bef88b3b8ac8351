# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Only errors of the firewall itself that leave towards public addresses are touched.

   client ----- border ===== firewall ----- dmz
                  |  <---- a  |   b ---->    |      a, b: stay private
          <-------------------|----------- c |      c: is the dmz host's own
"""

from lab.client import Reaction, UdpFlow, flood, ping, udp
from lab.traffic import Capture
from expected import EXPIRED, REFUSED

CLOSED_PORT = 9


def refused_by(host, address, family, offender):
    with UdpFlow(host, address, CLOSED_PORT) as flow:
        assert flow.send() == Reaction(REFUSED.answer, offender, *REFUSED.type_and_code(family))


def test_private_neighbour(network, daemon, family):
    """The router sent its packet to the firewall's private address, and must see that. Its map is about what is quoted,
    too, so that the daemon has to read it."""
    account = daemon.account()
    refused_by(network.router, family.firewall, family, family.firewall)
    account.expect(private_peer=1)


def test_inside_host(network, daemon, family):
    account = daemon.account()
    refused_by(network.dmz, family.firewall_dmz, family, family.firewall_dmz)
    assert udp(network.dmz, family.client, hops=1) == Reaction(
        EXPIRED.answer, family.firewall_dmz, *EXPIRED.type_and_code(family))
    account.expect()


def test_forwarded_error(network, daemon, family):
    account = daemon.account()
    refused_by(network.client, family.plain, family, family.plain)
    account.expect()


def test_service_of_the_firewall_itself(network, daemon, family):
    """A closed port of a public address of the firewall: the error is right as it is."""
    account = daemon.account()
    refused_by(network.client, family.public, family, family.public)
    account.expect(nobody=1)


def test_ping_goes_on(network, daemon, family):
    """Echo is no error: it never waits for the daemon, not behind many errors either. (Behind so many
    that the socket by which the kernel sends all ICMP is full, it would: see life/test_guard.py.)"""
    account, count = daemon.account(), 500
    with Capture(network.client, "eth0") as capture:
        for sent in range(100, count + 1, 100):
            flood(network.client, family.stateless, [b"x"] * 100)
            assert ping(network.client, family.public)
            assert len(capture.errors(sent)) == sent
    assert ping(network.client, family.plain)
    assert ping(network.router, family.firewall)
    account.expect(both=count)
