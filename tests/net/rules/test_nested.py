# SPDX-License-Identifier: GPL-2.0-or-later
"""Errors are made public on an outside interface that is a tunnel, a VLAN or a bridge, too, and by a firewall that
lives in namespaces within namespaces.

   client ----- border ==(tunnel, VLAN, bridge)== eth0 firewall ----- dmz
"""

import contextlib
import os

import pytest

import nested
from lab.client import udp
from lab.daemon import MAPS, Daemon
from lab.network import FAMILIES, Network
from expected import EXPIRED, REFUSED, TOO_BIG, expect_one

FIREWALL_HOP = 2
SIZE = 1300  # fits through every tunnel, and not into the dmz


@pytest.fixture(scope="module")
def lab(possible):
    with contextlib.closing(Network()) as network:
        yield network


@pytest.fixture(scope="module", params=nested.KINDS)
def network(request, lab):
    with contextlib.ExitStack() as stack:
        try:
            if request.param == nested.NAMESPACE:
                stack.enter_context(nested.inner_firewall(lab))
            else:
                nested.make_link(lab, request.param)
        except nested.Unavailable as reason:
            pytest.skip(str(reason))
        yield lab


@pytest.fixture(scope="module")
def daemon(network):
    """With a map for the inside, too: where a bridge hands IPv6 to netfilter (br_netfilter), an error about a
    packet whose destination was changed comes from there."""
    with Daemon(network, MAPS + [(f.firewall_dmz, f.public) for f in FAMILIES]) as daemon:
        yield daemon


@pytest.fixture
def via():
    """How the firewall handles the destination: what the kernel's NAT does is the same on any link."""
    return "plain"


def test_new_flow(stage):
    stage.expect_one(REFUSED, stage.rejected, lambda: udp(stage.client, stage.rejected))
    stage.expect_one(EXPIRED, stage.open, lambda: udp(stage.client, stage.open, hops=FIREWALL_HOP))


def test_established_flow(stage):
    with stage.established(stage.open) as flow:
        stage.expect_one(TOO_BIG, stage.open, lambda: flow.send(SIZE))


def test_stateless(network, daemon, family):
    network.forget()
    expect_one(network, daemon, family, REFUSED, lambda: udp(network.client, family.stateless))


def test_no_power_outside(network, daemon):
    """In the inner namespace, and only there, the daemon that has shown all this is root of nothing else."""
    own = os.readlink(f"/proc/{daemon.process.pid}/ns/user") == os.readlink("/proc/self/ns/user")
    assert own != isinstance(network.firewall, nested.InnerHost)
