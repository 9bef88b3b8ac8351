# SPDX-License-Identifier: GPL-2.0-or-later
"""ICMP errors about nothing that was ever sent, from outside: "packets are too big", to shrink those of a host."""

from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6

from lab.client import TIMED_OUT, udp
from lab.traffic import Capture, send_frames

FIREWALL_MAC = "02:00:00:00:00:04"


def _too_big(family, host):
    """About what a host would have sent to the client."""
    if family.version == 4:
        quote = IP(src=host, dst=family.client) / UDP(sport=4007, dport=4008)
        return bytes(IP(src=family.client, dst=host) / ICMP(type=3, code=4, nexthopmtu=600) / quote)
    quote = IPv6(src=host, dst=family.client) / UDP(sport=4007, dport=4008)
    return bytes(IPv6(src=family.client, dst=host) / ICMPv6PacketTooBig(mtu=1280) / quote)


def reach_inside(network, family):
    """Tells whether one to an open host reaches it."""
    with Capture(network.dmz, "eth0") as dmz:
        send_frames(network.router, "fwl", FIREWALL_MAC, [_too_big(family, family.plain)])
        assert udp(network.client, family.plain, hops=2) != TIMED_OUT  # it has been seen by now
        return bool(dmz.errors())


def come_back(network, family):
    """Tells whether one to the client, which the firewall has no reason to forward, comes back."""
    with Capture(network.router, "fwl") as border:
        send_frames(network.router, "fwl", FIREWALL_MAC, [_too_big(family, family.client)])
        assert udp(network.client, family.plain, hops=2) != TIMED_OUT
        return any(error.source == family.client for error in border.errors())
