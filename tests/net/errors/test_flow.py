# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""An error that is copied before the kernel's own NAT (as with iptables' TEE in mangle) quotes the packet as the
firewall had translated it. The daemon asks conntrack for the flow, and restores the packet as it was sent: addresses
and ports, in both directions.

   client ----- border ===== firewall ----- dmz
   to 1.2.3.6:8007           DNAT -> 192.168.1.6:7
   to 1.2.3.2:40007          SNAT <- 192.168.1.10:40007
"""

import re

import pytest

from lab.client import ANSWERED, NAT_PORT, UdpFlow, answering, udp, upload
from lab.daemon import early_daemon
from lab.network import DMZ_MTU
from lab.traffic import Capture, bad_checksums
from expected import EXPIRED, TOO_BIG, assert_right, expect_one


@pytest.fixture(scope="module")
def daemon(network):
    with early_daemon(network) as daemon:
        yield daemon


@pytest.fixture
def expect_restored(network, daemon, family):
    """One error about a flow that conntrack knows, provoked and held against what was sent."""
    def expect(kind, action):
        _, counted = expect_one(network, daemon, family, kind, action)
        assert counted["flow", "found"] == 1
    network.forget()
    return expect


def test_address(expect_restored, network, family):
    with UdpFlow(network.client, family.nat) as flow:
        assert flow.send() == ANSWERED
        expect_restored(TOO_BIG, lambda: flow.send(1400))


def test_address_and_port(expect_restored, network, family):
    with UdpFlow(network.client, family.nat, NAT_PORT) as flow:
        assert flow.send() == ANSWERED
        flow.hops(2)
        expect_restored(EXPIRED, lambda: flow.send(32))


def test_reply_direction(expect_restored, network, family):
    with answering(network, family) as flow:
        expect_restored(TOO_BIG, lambda: flow.send(1400))


def test_tcp(network, daemon, family):
    network.forget()
    account = daemon.account()
    with Capture(network.client, "eth0") as capture:
        assert upload(network.client, family.nat) == ANSWERED
        errors = capture.errors(1)
    account.expect(both=len(errors))
    assert all(any(e.quotes(packet) for packet in capture.sent) for e in errors)
    assert bad_checksums([e.packet for e in errors]) == []


def test_echo(network, daemon, family):
    """ping finds its own identifier in the quoted echo request."""
    def echo(*options):
        return network.client.run("ping", "-n", "-c1", "-W2", "-e77", *options, family.nat, check=False).stdout
    network.forget()
    assert "1 received" in echo()
    account = daemon.account()
    with Capture(network.client, "eth0") as capture:
        said = echo("-Mdo", "-s1400")
        account.expect(both=1)
        error, = capture.errors()
    assert re.search(rf"From {family.public} icmp_seq=1 .*mtu ?= ?{DMZ_MTU}", said), said
    assert_right(error, TOO_BIG, family, family.public, capture.sent)


def test_unknown_flow_is_said_to_leak(network, daemon, family):
    """The first packet of a flow: its entry is in no table yet, and no map covers the host."""
    network.forget()
    account = daemon.account()
    udp(network.client, family.nat_rejected, timeout=0)
    assert account.expect(leaked_inner=1)["flow", "not-found"] == 1
