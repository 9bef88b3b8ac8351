# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A client whose packet has nowhere to go learns so: no route, or nobody answers on the link.

   client ----- border ===== firewall ----- dmz
                                |   \\__ ?  asks for a neighbour that is not there
                              no route
"""

import contextlib

import pytest

from lab.client import udp
from expected import NO_ROUTE, NOBODY_THERE


@contextlib.contextmanager
def routed(stage, route):
    """The open host is reached by another route for a while."""
    host, before = stage.network.firewall, f"{stage.inside} via {stage.family.dmz}"
    host.run(f"ip route del {before}; ip route add {route}")
    try:
        yield
    finally:
        host.run(f"ip route del {route}; ip route add {before}")


plain_only = pytest.mark.parametrize("via", ["plain"])


@plain_only
def test_no_route_new_flow(stage):
    address = stage.family.no_route
    stage.expect_one(NO_ROUTE, address, lambda: udp(stage.client, address))


@plain_only
def test_no_route_established_flow(stage):
    kind = "throw" if stage.family.version == 4 else "unreachable"
    with stage.established(stage.open) as flow, routed(stage, f"{kind} {stage.inside}"):
        stage.expect_one(NO_ROUTE, stage.open, flow.send)


def test_nobody_there_new_flow(stage):
    stage.expect_one(NOBODY_THERE, stage.absent, lambda: udp(stage.client, stage.absent))


@plain_only
def test_nobody_there_established_flow(stage):
    nobody = "192.168.1.99" if stage.family.version == 4 else "fd00:1::99"
    with stage.established(stage.open) as flow, routed(stage, f"{stage.inside} via {nobody}"):
        stage.expect_one(NOBODY_THERE, stage.open, flow.send)
