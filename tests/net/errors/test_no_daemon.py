# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""With the capture rules loaded and no daemon behind them, everything that leaves the firewall is
what would have left it without icmpnatd: every byte but the IP id and the sum over it; and from Linux 7.2 on, which
lets no rule of nft write it, the bit "don't fragment" of a copy.

   client ----- border ==(listening here)== firewall ----- dmz
"""

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6

from lab.client import udp
from lab.daemon import Daemon
from lab.network import FAMILIES, ROUTER_MAC, V4
from lab.traffic import COPIES_MAY_BE_FRAGMENTED, Capture, send_frames


def stimuli(family):
    """One packet for every class of error, the same bytes whenever it is built."""
    def ip(destination, hops=64):
        if family.version == 4:
            return IP(src=family.client, dst=destination, ttl=hops, id=4242, flags="DF")
        return IPv6(src=family.client, dst=destination, hlim=hops)
    udp, syn, data = UDP(sport=40000, dport=7), TCP(sport=40001, dport=7, seq=1), b"x" * 100
    echo = ICMP(id=7) if family.version == 4 else ICMPv6EchoRequest(id=7)
    for host in family.plain, family.nat:
        yield ip(host, hops=2) / udp / data
        yield ip(host) / udp / (b"x" * 1400)
    for host in family.plain_rejected, family.nat_rejected, family.stateless, family.seed_rejected:
        yield ip(host) / udp / data
        yield ip(host) / syn
        yield ip(host) / echo / data
    for host in family.no_route, family.plain_absent, family.nat_absent:
        yield ip(host) / udp / data


FRAMES = [bytes(packet) for family in FAMILIES for packet in stimuli(family)]


def provoke(network):
    """What leaves the firewall in answer to all stimuli, in an order of its own."""
    network.forget()
    network.firewall.run("ip -4 neigh flush dev eth1; ip -6 neigh flush dev eth1")
    with Capture(network.router, "fwl") as capture:
        send_frames(network.client, "eth0", ROUTER_MAC, FRAMES)
        errors = capture.errors(len(FRAMES))
    assert len(errors) == len(FRAMES)
    if COPIES_MAY_BE_FRAGMENTED:
        assert not any(error.dont_fragment for error in errors)
    return sorted(errors, key=lambda error: error.without_copy_marks())


def same_bytes(errors):
    return [error.without_copy_marks() for error in errors]


@pytest.fixture(scope="module")
def without(network):
    """What leaves a firewall on which icmpnatd was never installed."""
    return provoke(network)


def test_never_started(network, without):
    rules = Daemon(network).rules
    rules.load()
    try:
        assert same_bytes(provoke(network)) == same_bytes(without)
    finally:
        rules.unload()


@pytest.mark.parametrize("end", [Daemon.stop, Daemon.kill], ids=["stopped", "killed"])
def test_ended(network, without, end):
    with Daemon(network) as daemon:
        assert udp(network.client, V4.plain_rejected).answer == "refused"
        end(daemon)
        assert same_bytes(provoke(network)) == same_bytes(without)


def test_rules_unloaded(network, without):
    with Daemon(network):
        pass
    assert "ICMPNATD" not in network.firewall.run("iptables-save; ip6tables-save").stdout
    assert "icmpnatd" not in network.firewall.run("nft list ruleset").stdout
    assert same_bytes(provoke(network)) == same_bytes(without)


def test_running_leaves_alone_what_was_right(network, without):
    """The kernel itself made errors about DNATed hosts public: they look as they did."""
    addresses = {a for f in FAMILIES for a in (f.nat, f.nat_rejected, f.nat_absent)}

    def about_nat(errors):
        return same_bytes(e for e in errors if e.source in addresses)
    assert len(about_nat(without)) == 12
    with Daemon(network):
        assert about_nat(provoke(network)) == about_nat(without)
