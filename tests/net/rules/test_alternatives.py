# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The one-line alternative that the README names does what it says of it, and no more.

   client ----- border ===== firewall -x- dmz      no icmpnatd, no capture rules
"""

import pathlib
import re

import pytest

from lab.client import Reaction, TIMED_OUT, udp
from lab.network import V4
from lab.traffic import Capture, addresses

README = (pathlib.Path(__file__).parents[3] / "README.md").read_text()


def command(start):
    """A command that stands in the README, whole."""
    found = re.search(rf"`({start}[^`]*)`", README)
    assert found, f"the README has no {start}"
    return found[1]


def expect_public_source(network):
    assert udp(network.client, V4.plain_rejected) == Reaction("refused", V4.public, 3, 3, None)


def expect_private_quote(network):
    """Behind stateless NAT the error arrives, but quotes an address that no socket knows."""
    with Capture(network.client, "eth0") as capture:
        assert udp(network.client, V4.stateless, timeout=0.3) == TIMED_OUT
        error, = capture.errors(1)
    assert (error.source, addresses(error.inner)[1]) == (V4.public, V4.stateless_inside)


@pytest.fixture
def bare(network):
    network.forget()
    assert udp(network.client, V4.plain_rejected, timeout=0.3) == TIMED_OUT
    return network


def test_a_preferred_source(bare):
    host = bare.firewall
    host.run(command("ip route replace default"))
    try:
        expect_public_source(bare)
        expect_private_quote(bare)
    finally:
        host.run(f"ip route replace default via {V4.router_inner}")
