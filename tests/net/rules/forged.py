# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""ICMP errors about nothing that was ever sent, from outside: "packets are too big", to shrink those of a host."""

from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6

from lab.client import wait_until
from lab.traffic import Capture, send_frames

FIREWALL_MAC, DMZ_MAC = "02:00:00:00:00:04", "02:00:00:00:00:06"


def _too_big(family, host):
    """About what a host would have sent to the client."""
    if family.version == 4:
        quote = IP(src=host, dst=family.client) / UDP(sport=4007, dport=4008)
        return bytes(IP(src=family.client, dst=host) / ICMP(type=3, code=4, nexthopmtu=600) / quote)
    quote = IPv6(src=host, dst=family.client) / UDP(sport=4007, dport=4008)
    return bytes(IPv6(src=family.client, dst=host) / ICMPv6PacketTooBig(mtu=1280) / quote)


def _last_hop(family):
    """Of which the firewall says that it came too far."""
    header = IP(src=family.client, dst=family.plain, ttl=1) if family.version == 4 else IPv6(
        src=family.client, dst=family.plain, hlim=1)
    return bytes(header / UDP(sport=4009, dport=4010))


def _errors(network, family, host, capture, border):
    """The errors of the client that a capture sees when one to a host comes in from outside. The firewall knows its
    neighbour: else it might ask for it first, and answer what came next before."""
    network.firewall.run(f"ip neigh replace {family.dmz} lladdr {DMZ_MAC} dev eth1 nud reachable")
    send_frames(network.router, "fwl", FIREWALL_MAC, [_too_big(family, host), _last_hop(family)])
    wait_until(lambda: any(e.source == family.public for e in border.errors()), "the answer to what came next")
    return [error for error in capture.errors() if error.source == family.client]


def reach_inside(network, family):
    """Tells whether one to an open host reaches it."""
    with Capture(network.dmz, "eth0") as dmz, Capture(network.router, "fwl") as border:
        return bool(_errors(network, family, family.plain, dmz, border))


def come_back(network, family):
    """Tells whether one to the client, which the firewall has no reason to forward, comes back."""
    with Capture(network.router, "fwl") as border:
        return bool(_errors(network, family, family.client, border, border))
