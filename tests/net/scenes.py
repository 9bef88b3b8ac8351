# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""How to provoke errors of the classes that the rules treat differently, in the lab."""

import contextlib
from dataclasses import dataclass

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6

from lab.client import ANSWERED, UdpFlow, udp
from lab.network import ROUTER_MAC, V6
from lab.traffic import send_frames
from expected import EXPIRED, REFUSED, Kind

CLOSED_PORT = 9


@contextlib.contextmanager
def preferring(network, source, family):
    """The firewall has, and prefers, this source for what it sends outside."""
    route = f"ip -{family.version} route change default via {family.router_inner} dev eth0"
    network.firewall.add_address(source, "lo")
    network.firewall.run(f"{route} src {source}")
    try:
        yield
    finally:
        network.firewall.run(f"{route}; ip addr del {source} dev lo")


@contextlib.contextmanager
def kernel_npt(network, inside, outside, leaving=None):
    """The firewall translates by NPTv6, and routes the inside to the dmz; of what leaves, only what comes from leaving,
    if that is said."""
    host, table = network.firewall, "npt-" + inside.split(":")[1]
    prefixes = "--src-pfx {} --dst-pfx {}"
    rules = (f"PREROUTING -i eth0 -d {outside} -j DNPT {prefixes.format(outside, inside)}",
             f"POSTROUTING -o eth0 -s {leaving or inside} -j SNPT {prefixes.format(inside, outside)}")
    with contextlib.ExitStack() as stack:
        for rule in rules:
            done = host.run(f"ip6tables -w -t mangle -A {rule}", check=False)
            if done.returncode:
                pytest.skip(f"this kernel has no NPTv6: {done.stderr.strip()}")
            stack.callback(host.run, f"ip6tables -w -t mangle -D {rule}")
        for where, route in ((host, f"{inside} via {V6.dmz} dev eth1"),
                             (network.router, f"{outside} via {V6.firewall}")):
            where.run(f"ip -6 route add {route}")
            stack.callback(where.run, f"ip -6 route del {route}")
        host.nft(f"table ip6 {table} {{ chain untracked {{ type filter hook prerouting priority raw;"
                 f" ip6 daddr {outside} notrack; ip6 saddr {inside} notrack; }}; }}")
        stack.callback(host.run, f"nft delete table ip6 {table}")
        yield


@dataclass(frozen=True)
class Scene:
    """How to provoke an error: prepare(network, family, address) is a context that gives an action,
    which takes a time to wait and returns what the client's socket said (None if it has no socket)."""
    prepare: object
    kind: Kind
    role: str    # of the address that the client sends to
    source: str  # of the address that the client should see


@contextlib.contextmanager
def new(network, family, address):
    yield lambda timeout: udp(network.client, address, timeout=timeout)


@contextlib.contextmanager
def established(network, family, address):
    """The firewall's conntrack entry is confirmed, where there is one."""
    with UdpFlow(network.client, address) as flow:
        assert flow.send() == ANSWERED
        flow.hops(2)
        yield lambda timeout: flow.send(timeout=timeout)


@contextlib.contextmanager
def accepted(network, family, address):
    """An established flow of the stateless host, which the lab rejects otherwise."""
    with network.accepting(family.stateless_inside), established(network, family, address) as action:
        yield action


@contextlib.contextmanager
def invalid(network, family, address):
    """A TCP segment with flags that contradict each other: conntrack calls it INVALID."""
    ip = IP(src=family.client, dst=address) if family.version == 4 else IPv6(src=family.client, dst=address)
    segment = bytes(ip / TCP(sport=40000, dport=7, flags="SF"))
    yield lambda timeout: send_frames(network.client, "eth0", ROUTER_MAC, [segment])


@contextlib.contextmanager
def closed_port(network, family, address):
    with UdpFlow(network.client, address, CLOSED_PORT) as flow:
        yield lambda timeout: flow.send(timeout=timeout)


SCENES = {
    "plain-new": Scene(new, REFUSED, "plain_rejected", "public"),
    "plain-established": Scene(established, EXPIRED, "plain", "public"),
    "nat-new": Scene(new, REFUSED, "nat_rejected", "nat_rejected"),
    "nat-established": Scene(established, EXPIRED, "nat", "nat"),
    "stateless-new": Scene(new, REFUSED, "stateless", "public"),
    "stateless-established": Scene(accepted, EXPIRED, "stateless", "public"),
    "invalid": Scene(invalid, REFUSED, "plain_rejected", "public"),
    "public": Scene(closed_port, REFUSED, "public", "public"),
    "forwarded": Scene(closed_port, REFUSED, "plain", "plain"),
}
