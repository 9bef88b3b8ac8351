# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A neighbour with a private address sees the addresses that it sent to: public ones, if it knows us by these, as a
carrier's customer does who is numbered from 100.64.0.0/10 and reaches public servers without NAT, or a host of the DMZ
that reaches another one by its public name; else the private ones.

   client ------- border router ======= firewall ------- dmz
   100.64.0.10, fd64::10                                  (hairpin: from here to here)
"""

import pytest

from expected import EXPIRED, REFUSED
from lab.client import Reaction, udp
from lab.daemon import MAPS, Daemon, configuration
from lab.network import V4, V6
from peers import a_customer
from test_scope import refused_by

INSIDE = [(family.firewall_dmz, family.public2) for family in (V4, V6)]


@pytest.fixture
def customer(network, family):
    with a_customer(network, family):
        yield


@pytest.fixture(params=["auto", "never"])
def daemon(network, request):
    with Daemon(network, kernel=request.param) as daemon:
        yield daemon


def reaction(kind, family, offender):
    return Reaction(kind.answer, offender, *kind.type_and_code(family))


def test_a_customer_reaches_a_server_without_nat(network, customer, daemon, family):
    account = daemon.account()
    assert udp(network.client, family.plain_rejected) == reaction(REFUSED, family, family.public)
    assert udp(network.client, family.plain, hops=2) == reaction(EXPIRED, family, family.public)
    account.expect(outer=2)


def test_a_customer_reaches_a_server_behind_stateless_nat(network, customer, daemon, family):
    account = daemon.account()
    assert udp(network.client, family.stateless) == reaction(REFUSED, family, family.public)
    account.expect(both=1)


def test_a_customer_reaches_a_server_behind_the_kernels_nat(network, customer, daemon, family):
    account = daemon.account()
    assert udp(network.client, family.nat_rejected) == reaction(REFUSED, family, family.nat_rejected)
    account.expect(already_right=1)


def test_who_uses_private_names_sees_them(network, daemon, family):
    account, before = daemon.account(), daemon.rules.counted()
    refused_by(network.router, family.seed_rejected, family, family.firewall)
    account.expect(nobody=1)
    assert daemon.rules.counted() - before == {"private-peer": 1}


@pytest.mark.parametrize("kernel", ["auto", "never"])
def test_all_private_neighbours_are_left_alone_if_a_site_wants_it(network, family, kernel):
    """Although the destination has a map, which cannot say by which of its names it is known."""
    with Daemon(network, kernel=kernel, more='private_peers = "leave";\n') as daemon:
        account, before = daemon.account(), daemon.rules.counted()
        refused_by(network.router, family.stateless_inside, family, family.firewall)
        refused_by(network.router, family.plain_rejected, family, family.firewall)
        account.expect(nobody=2)
        assert daemon.rules.counted() - before == {"private-peer": 2}


@pytest.mark.parametrize("kernel", ["auto", "never"])
def test_hairpin(network, family, kernel):
    """The inside interface is outside, too, for hosts that know each other by public names."""
    daemon = Daemon(network)
    daemon.write(configuration([*MAPS, *INSIDE], control=daemon.socket, kernel=kernel, outside='"eth0", "eth1"'))
    with daemon:
        account = daemon.account()
        assert udp(network.dmz, family.stateless) == reaction(REFUSED, family, family.public2)
        account.expect(both=1)
