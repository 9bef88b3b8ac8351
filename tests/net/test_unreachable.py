# SPDX-License-Identifier: GPL-2.0-or-later
"""A client whose packet has nowhere to go learns so: no route, or nobody answers on the link.

   client ----- border ===== firewall ----- dmz
                                |   \\__ ?  asks for a neighbour that is not there
                              no route
"""

import contextlib

import pytest

from lab.client import udp
from stage import NO_ROUTE, NOBODY_THERE


@contextlib.contextmanager
def routed(stage, route):
    """The open host is reached by another route for a while."""
    host, before = stage.network.firewall, f"{stage.inside} via {stage.family.dmz}"
    host.run(f"ip route del {before}; ip route add {route}")
    try:
        yield
    finally:
        host.run(f"ip route del {route}; ip route add {before}")


@pytest.fixture
def plain(stage, via):
    if via == "nat":
        pytest.skip("routes to NATed hosts are those of the link")
    return stage


def test_no_route_new_flow(plain):
    address = plain.family.no_route
    plain.expect_one(NO_ROUTE, address, lambda: udp(plain.client, address))


def test_no_route_established_flow(plain):
    kind = "throw" if plain.family.version == 4 else "unreachable"
    with plain.established(plain.open) as flow, routed(plain, f"{kind} {plain.inside}"):
        plain.expect_one(NO_ROUTE, plain.open, flow.send)


def test_nobody_there_new_flow(stage):
    stage.expect_one(NOBODY_THERE, stage.absent, lambda: udp(stage.client, stage.absent))


def test_nobody_there_established_flow(plain):
    nobody = "192.168.1.99" if plain.family.version == 4 else "fd00:1::99"
    with plain.established(plain.open) as flow, routed(plain, f"{plain.inside} via {nobody}"):
        plain.expect_one(NOBODY_THERE, plain.open, flow.send)
