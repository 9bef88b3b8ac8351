# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Never worse than without icmpnatd: where an error that needs nothing came to its client without it, it comes with
it, and where one left the firewall, one leaves. What firewalls have in their rules and routes that a copy of an error
would not survive.

   client ----- border ===== firewall ----- dmz
                             default routes by source; limits, zones and queues in output
"""

import contextlib
import fcntl
import os
import struct

import pytest
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6

from lab.client import ANSWERED, UdpFlow, ping, tcp, udp, upload, wait_until
from lab.daemon import MAPS, Daemon, configuration, kernel_has_nft_queue
from lab.network import V4, V6
from lab.traffic import Capture, Error, addresses
from inspector import inspected

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454ca, 0x0001, 0x1000  # linux/if_tun.h
PREFIXES = "2001:db8:1::/64", "fd42::/64", "fd00:1::/64"
V4_MAPS = [(private, public) for private, public in MAPS if ":" not in private]


@pytest.fixture(autouse=True)
def forgetful(network):
    """The client knows no path and the firewall no flow when a test begins."""
    network.forget()


@contextlib.contextmanager
def defaults_by_source(network):
    """The firewall has IPv6 default routes for certain sources only, as OpenWrt makes them."""
    way = f"via {V6.router_inner} dev eth0"
    network.firewall.run("ip -6 route del default")
    for prefix in PREFIXES:
        network.firewall.run(f"ip -6 route add default from {prefix} {way}")
    try:
        yield
    finally:
        for prefix in PREFIXES:
            network.firewall.run(f"ip -6 route del default from {prefix} {way}")
        network.firewall.run(f"ip -6 route add default via {V6.router_inner}")


@contextlib.contextmanager
def numbered_publicly(network):
    """IPv6 errors of the firewall come from a public address on the link to the border, as with most providers."""
    network.firewall.add_address("2001:db8:1::3/128", "eth0")
    try:
        yield
    finally:
        network.firewall.run("ip -6 addr del 2001:db8:1::3/128 dev eth0")


def without_and_with(network, observe, maps=MAPS):
    """What observe() returns without icmpnatd, and with it."""
    without = observe()
    network.forget()
    with Daemon(network, maps, kernel="auto"):
        return without, observe()


def test_default_route_for_a_source(network):
    """With maps for IPv4 alone, IPv6 is not touched: clients are refused, uploads complete."""
    def observe():
        return ([udp(network.client, address).answer for address in (V6.plain_rejected, V6.nat_rejected)],
                [upload(network.client, address) for address in (V6.plain, V6.nat)])
    with numbered_publicly(network), defaults_by_source(network):
        without, having = without_and_with(network, observe, V4_MAPS)
    assert having == without == (["refused"] * 2, [ANSWERED] * 2)


def test_no_rules_for_a_family_without_maps(network):
    with Daemon(network, V4_MAPS, kernel="auto"):
        assert "chain" in network.firewall.run("nft list table ip icmpnatd").stdout
        assert "chain" not in network.firewall.run("nft list table ip6 icmpnatd").stdout
        assert "ICMPNATD" not in network.firewall.run("ip6tables-save", check=False).stdout


@pytest.mark.parametrize("private", [False, True], ids=["from-public", "from-private"])
def test_default_route_for_a_source_with_maps(network, private):
    """Errors about plain, translated and statelessly translated hosts arrive, from an address that changes or not."""
    link = contextlib.nullcontext() if private else numbered_publicly(network)
    with link, defaults_by_source(network), Daemon(network, kernel="auto"):
        for address in V6.plain_rejected, V6.nat_rejected, V6.stateless:
            assert udp(network.client, address).answer == "refused", address
        assert upload(network.client, V6.plain) == upload(network.client, V6.nat) == ANSWERED


@contextlib.contextmanager
def tunnel(host):
    """A link without neighbours, by which the default route for one source leads: what is written comes in by it."""
    with host.here():
        end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", b"wan0", IFF_TUN | IFF_NO_PI))
    host.run("ip link set wan0 up; ip -6 addr add fd77::1/128 dev wan0; ip -6 route del default; "
             "ip -6 route add default from fd77::/64 dev wan0; ip -6 route add default from 2001:db8:1::/64 dev wan0")
    try:
        yield end
    finally:
        os.close(end)
        host.run(f"ip -6 route add default via {V6.router_inner}")


def read(end):
    """The next packet that has left by a tunnel; nothing if there is none."""
    with contextlib.suppress(BlockingIOError):
        return os.read(end, 2048)
    return b""


def errors(packets):
    return [error for error in map(Error.parse, filter(None, packets)) if error]


def test_default_route_for_a_source_by_a_tunnel(network):
    """A copy has no router to go to, and its source does not count when it is made."""
    maps = [("fd77::1", V6.public), (V6.stateless_inside, V6.stateless)]
    with tunnel(network.firewall) as end, Daemon(network, maps, kernel="auto") as daemon:
        daemon.write(configuration(maps, control=daemon.socket, outside='"wan0"', kernel="auto"))
        daemon.rules.load()
        daemon.ctl("reload")
        account, packets = daemon.account(), []
        os.write(end, bytes(IPv6(src=V6.client, dst=V6.stateless) / UDP(sport=40000, dport=7)))
        wait_until(lambda: packets.append(read(end)) or errors(packets), "the error")
        account.expect(both=1)
    error, = errors(packets)
    assert (error.source, addresses(error.inner)[1]) == (V6.public, V6.stateless)


LIMIT = """
table inet limiter
delete table inet limiter
table inet limiter {
    chain output {
        type filter hook output priority filter;
        icmp type destination-unreachable limit rate over 10/day burst 10 packets drop
        icmpv6 type destination-unreachable limit rate over 10/day burst 10 packets drop
    }
}
"""


@pytest.mark.parametrize("role", ["plain_rejected", "nat_rejected"])
def test_limit_in_output(network, family, role):
    """A limit of the firewall's counts each error once: 10 of 20 leave."""
    def observe():
        network.firewall.nft(LIMIT)
        with Capture(network.router, "fwl") as border:
            for _ in range(20):
                udp(network.client, getattr(family, role), timeout=0)
            assert ping(network.client, family.public)
            return len(border.errors())
    try:
        assert without_and_with(network, observe) == (10, 10)
    finally:
        network.firewall.nft("delete table inet limiter")


ROUTER = """
table {ip} router {{
    chain stateless {{
        type filter hook prerouting priority mangle;
        {ip} daddr {stateless} {ip} daddr set {stateless_inside}
    }}
    chain forwarded {{
        type filter hook forward priority filter;
        {ip} daddr {{ {plain_rejected}, {stateless_inside} }} reject
        {ip} daddr {client} udp dport 7 reject
    }}
}}
"""


@pytest.fixture
def router(network):
    """The firewall is a router without connection tracking, which rejects some: from the dmz, all to the client."""
    with network.without_rules():
        for ip, family in ("ip", V4), ("ip6", V6):
            network.firewall.nft(ROUTER.format(ip=ip, **vars(family)))
        yield network


def tracked(network):
    return int(network.firewall.run("cat /proc/sys/net/netfilter/nf_conntrack_count").stdout)


@pytest.mark.parametrize("table", ["raw", "filter"])
def test_another_queue(router, family, table):
    """Errors about new flows pass another program's queue, before ours or behind it, to the outside and to the inside.
    With connection tracking, which nobody has asked for, they would not."""
    def observe():
        with Capture(router.router, "fwl") as border:
            udp(router.client, family.plain_rejected, timeout=0)
            inside = udp(router.dmz, family.client)
            return len(border.errors(1)), inside.answer
    with inspected(router.firewall, ("filter", "FORWARD"), (table, "OUTPUT")):
        without, having = without_and_with(router, observe)
    assert having == without == (1, "refused")


@pytest.mark.parametrize("chain", ["FORWARD", "OUTPUT"])
def test_beside_another_queue(router, family, chain):
    """Errors are made public, also those that have passed it: it gives them back without their socket (where the
    firewall is not in the initial namespace, as here)."""
    with inspected(router.firewall, ("filter", chain)), Daemon(router, kernel="auto"):
        for address in family.plain_rejected, family.stateless:
            assert udp(router.client, address).answer == "refused"


def test_nothing_is_tracked(router, family):
    """A router that tracked nothing has no entry for what passes, and none for the errors."""
    with Daemon(router, kernel="auto"):
        for address in family.plain_rejected, family.stateless:
            assert udp(router.client, address).answer == tcp(router.client, address).answer == "refused"
        assert upload(router.client, family.plain) == udp(router.client, family.plain) == ANSWERED
        assert tracked(router) == 0


ZONES = """
table inet zones {
    chain prerouting {
        type filter hook prerouting priority raw + 1;
        ct state != untracked ct zone set 1
    }
    chain output {
        type filter hook output priority raw;
        ct zone set 1
    }
}
"""


@pytest.fixture
def zones(network):
    network.firewall.nft(ZONES)
    yield
    network.firewall.nft("delete table inet zones")


@pytest.mark.parametrize("role", ["plain", "stateless"])
def test_zones(network, family, zones, role):
    """Errors about new and established flows are made public."""
    inside = getattr(family, role + "_inside")
    opened = network.accepting(inside) if role == "stateless" else contextlib.nullcontext()
    with Daemon(network, kernel="auto"), opened, UdpFlow(network.client, getattr(family, role)) as flow:
        assert flow.send() == ANSWERED
        with network.rejecting(inside):
            established, new = flow.send(), udp(network.client, getattr(family, role))
    assert [(r.answer, r.offender) for r in (established, new)] == [("refused", family.public)] * 2


def test_a_mirror_on_the_outside_link(network, family):
    """Another program copies all ICMP that leaves to a sensor there: what it copies is not taken for a copy of the rules,
    or it would be queued and copied without end."""
    if not kernel_has_nft_queue(network.firewall):
        pytest.skip("this kernel's nft has no queue, and iptables cannot tell those copies apart")
    iptables, protocol = ("iptables", "icmp") if family.version == 4 else ("ip6tables", "ipv6-icmp")
    mirror = f"{iptables} -w -t mangle -{{}} POSTROUTING -o eth0 -p {protocol} -j TEE --gateway {family.router_inner}"
    network.firewall.run(mirror.format("A"))
    try:
        with Daemon(network, kernel="auto") as daemon:
            account, before = daemon.account(), daemon.rules.counted()
            assert udp(network.client, family.stateless).answer == "refused"
            account.expect(both=1)
            counted = daemon.rules.counted() - before
            assert (counted["copied"], counted["queued"]) == (1, 1)
    finally:
        network.firewall.run(mirror.format("D"))
