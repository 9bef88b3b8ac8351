# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A client's packet in a packet, and its routing header: what the error quotes of the tunnel is what the client sent,
for the kernel's stateless NAT does not look into it; if there is a private address in it, the error counts as leaked.

   client ----- border ===== firewall ------------ dmz
   IP in IP, GRE             1.2.3.20 -> 192.168.1.20, TTL exceeded
"""

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrSegmentRouting
from scapy.layers.l2 import GRE

from lab.daemon import Daemon
from lab.network import FAMILIES, ROUTER_MAC
from lab.traffic import Capture, bad_checksums, send_frames

PRIVATE, PUBLIC = {4: "10.9.8.7", 6: "fd09::7"}, {4: "198.51.100.7", 6: "2001:db8:f::7"}
INSIDE = {4: IP, 6: IPv6}
TUNNELS = {"ip-in-ip": lambda inside: inside, "gre": lambda inside: GRE() / inside}


@pytest.fixture(scope="module", params=["auto", "never"])
def daemon(network, request):
    with Daemon(network, kernel=request.param) as daemon:
        yield daemon


def expired(network, daemon, packet):
    """The one error about a packet that the client sends, and the outcomes that were counted."""
    network.forget()
    account = daemon.account()
    with Capture(network.client, "eth0") as capture:
        send_frames(network.client, "eth0", ROUTER_MAC, [packet])
        error, = capture.errors(1)
        counted = account.counted()
    account.balance(counted)
    return error, {name for group, name in counted if group == "outcome"}


def around(family, role, packet):
    """A packet of the client's that ends at the firewall, with another one in it."""
    make = IP(ttl=2) if family.version == 4 else IPv6(hlim=2)
    make.src, make.dst = family.client, getattr(family, role)
    return bytes(make / packet)


@pytest.mark.parametrize("family", FAMILIES, ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("inner", [4, 6])
@pytest.mark.parametrize("tunnel", TUNNELS)
@pytest.mark.parametrize("role, right", [("plain", "outer"), ("stateless", "both")])
@pytest.mark.parametrize("is_private", [False, True])
def test_what_is_in_a_tunnel_stays(network, daemon, family, inner, tunnel, role, right, is_private):
    ends = {"src": PUBLIC[inner], "dst": (PRIVATE if is_private else PUBLIC)[inner]}
    sent = around(family, role, TUNNELS[tunnel](INSIDE[inner](**ends) / UDP(sport=40000, dport=53) / b"inside"))
    error, outcomes = expired(network, daemon, sent)
    assert error.source == family.public
    assert error.quotes(sent) and bad_checksums([error.packet]) == []
    assert outcomes == {"leaked-inner" if is_private else right}


@pytest.mark.parametrize("role", ["stateless_inside", "stateless", "seed_rejected"])
def test_segments(network, daemon, role):
    """They are known as hosts are: by the maps for the inner packet, if one knows them."""
    family = FAMILIES[1]
    known = family.stateless if role == "stateless_inside" else getattr(family, role)
    sent, wanted = (around(family, "plain", IPv6ExtHdrSegmentRouting(addresses=[last, family.plain], segleft=1, lastentry=1)
                           / UDP(sport=40000, dport=53) / b"x") for last in (getattr(family, role), known))
    error, outcomes = expired(network, daemon, with_sum_for(sent, getattr(family, role)))
    assert error.quotes(with_sum_for(wanted, known))
    assert outcomes == {"leaked-inner" if role == "seed_rejected" else "both" if role == "stateless_inside" else "outer"}


def with_sum_for(packet, final):
    """The same with a sum of UDP for where it goes in the end (RFC 8200, 8.1)."""
    at = packet.index(b"\x9c\x40\x00\x35")
    whole = IPv6(src=IPv6(packet).src, dst=final) / UDP(packet[at:])
    del whole[UDP].chksum
    return packet[:at] + bytes(whole)[40:]
