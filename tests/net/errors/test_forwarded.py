# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""With errors = "all", routers behind the firewall that are numbered privately have public names in traceroute, too
(RFC 6791), by a pool that tells them apart; what goes inside, and what nobody asked for, stays.

   client ----- border ===== firewall ----- h1 ----- h2 ----- h3 ----- target     drawn in hops.py
"""

import contextlib
import re

import pytest
from scapy.layers.inet import ICMP, IP, UDP, fragment
from scapy.layers.inet6 import ICMPv6ParamProblem, ICMPv6TimeExceeded, IPv6, IPv6ExtHdrFragment, fragment6

from lab.client import UdpFlow, traceroute, udp, wait_until
from lab.daemon import MAPS, Daemon, configuration, program
from lab.network import V4, V6
from lab.traffic import Capture, addresses, send_frames, without_hops
from expected import EXPIRED, REFUSED, expect_one
from hops import FIREWALL_MAC, INSIDE, POOLS, hops_behind

FAR = 6  # the target, as hops go
CLOSED_PORT = 9
TARGET_MAPS = [(INSIDE[f].target, INSIDE[f].stateless) for f in (V4, V6)]


@pytest.fixture(scope="module")
def hops(network):
    with hops_behind(network) as hops:
        yield hops


@contextlib.contextmanager
def daemon_for(network, errors="all", kernel="auto", maps=TARGET_MAPS):
    with Daemon(network, MAPS + POOLS + maps, kernel=kernel, more=f'errors = "{errors}";\n') as daemon:
        network.forget()
        yield daemon


def names(family):
    """Of all that is on the way to the target, but the target."""
    return [family.router, family.public, *INSIDE[family].public]


@pytest.mark.parametrize("kernel", ["auto", "never"])
def test_traceroute(network, hops, family, kernel):
    """In place by the kernel; or by the daemon, of a copy of each."""
    with daemon_for(network, kernel=kernel) as daemon:
        account = daemon.account()
        target = INSIDE[family].open
        assert traceroute(network.client, target, FAR) == [*names(family), target]
        counted = daemon.rules.counted()
        if kernel == "auto":
            account.expect()
            assert (counted["outer"], counted["untouched"], counted["copied"]) == (4, 1, 0)
        else:
            account.expect(outer=4)
            assert (counted["untouched"], counted["copied"], counted["queued"]) == (1, 4, 4)


@pytest.mark.parametrize("kernel", ["auto", "never"])
def test_what_they_quote(network, hops, family, kernel):
    """Behind stateless NAT they quote what they saw, and the target's own errors do, whose source is public already."""
    inside = INSIDE[family]
    with daemon_for(network, kernel=kernel) as daemon:
        for hop, name in enumerate(inside.public, 3):
            expect_one(network, daemon, family, EXPIRED, lambda: udp(network.client, inside.stateless, hops=hop), name)
        expect_one(network, daemon, family, REFUSED, lambda: refused(network.client, inside.stateless),
                   inside.stateless, "inner")
        account = daemon.account()
        assert traceroute(network.client, inside.stateless, FAR) == [*names(family), inside.stateless]
        account.expect(both=4, inner=1)


def refused(host, address):
    with UdpFlow(host, address, CLOSED_PORT) as flow:
        return flow.send()


def test_connection_that_the_kernel_translates(network, hops, family):
    """What the kernel's NAT has made of their errors needs nothing."""
    nat = INSIDE[family].nat
    with daemon_for(network) as daemon:
        account = daemon.account()
        assert traceroute(network.client, nat, FAR) == [family.router, *[nat] * 5]
        account.expect()
        counted = daemon.rules.counted()
        assert (counted["untouched"], counted["outer"], counted["copied"]) == (5, 0, 0)


@pytest.mark.parametrize("errors", ["", 'errors = "local";\n'])
def test_local_errors_alone(network, hops, family, errors):
    with Daemon(network, MAPS + POOLS, kernel="auto", more=errors) as daemon, Capture(network.router, "fwl") as capture:
        network.forget()
        account, target = daemon.account(), INSIDE[family].open
        assert traceroute(network.client, target, FAR) == [family.router, family.public, "*", "*", "*", target]
        account.expect()
        assert sorted(error.source for error in capture.errors(5)) == sorted(
            [family.public, *INSIDE[family].routers, target])
        assert +daemon.rules.counted() == {"outer": 1}


@pytest.mark.parametrize("kernel", ["auto", "never"])
def test_audit(network, hops, family, kernel):
    """All leave as they came, and are counted as what they would have become."""
    more = 'errors = "all";\nmode = "audit";\n'
    with Daemon(network, MAPS + POOLS, kernel=kernel, more=more) as daemon, Capture(network.router, "fwl") as capture:
        network.forget()
        account, target = daemon.account(), INSIDE[family].open
        assert traceroute(network.client, target, FAR) == [family.router, *"****", target]
        account.expect(outer=4 if kernel == "never" else 0)
        assert sorted(error.source for error in capture.errors(5)) == sorted(
            [family.firewall, *INSIDE[family].routers, target])
        counted = daemon.rules.counted()
        assert (counted["outer"], counted["copied"]) == ((4, 0) if kernel == "auto" else (0, 4))


@pytest.mark.parametrize("kernel", ["auto", "never"])
def test_way_by_mark(network, hops, family, kernel):
    """The copy has the mark of the error, so that it goes where that would have gone, once its source has changed."""
    inside = INSIDE[family]
    with daemon_for(network, kernel=kernel) as daemon, only_marks_lead_outside(network.firewall, family):
        account = daemon.account()
        with UdpFlow(network.client, inside.stateless) as flow:
            flow.hops(4)
            assert flow.send().offender == inside.public[1]
        wait_until(lambda: account.counted()["outcome", "both"] == 1, "the daemon")


@contextlib.contextmanager
def only_marks_lead_outside(firewall, family):
    """There is a default route for what has come from inside alone."""
    ip, table = ("ip -4", "ip") if family is V4 else ("ip -6", "ip6")
    firewall.nft(f"""table {table} marks {{
        chain from_inside {{
            type filter hook prerouting priority mangle;
            iifname "below" meta mark set 7
        }}
    }}""")
    firewall.run(f"{ip} route del default; {ip} route add unreachable default; "
                 f"{ip} route add default via {family.router_inner} table 107; {ip} rule add fwmark 7 lookup 107")
    try:
        yield
    finally:
        firewall.run(f"{ip} rule del fwmark 7; {ip} route flush table 107; {ip} route del unreachable default; "
                     f"{ip} route add default via {family.router_inner}; nft delete table {table} marks")


def test_what_goes_inside(network, hops, family):
    """The border router's private address, and the firewall's own, are what an inside host is to see."""
    inside = INSIDE[family]
    ends = [inside.address(i) for i in (13, 9, 5, 1)]
    with daemon_for(network) as daemon:
        assert traceroute(hops.target, family.client, 6, "-s", inside.open) == [
            *ends, family.router_inner, family.client]
        assert not +daemon.rules.counted()


def test_what_comes_from_outside(network, hops, family):
    """Errors that come in by one outside interface and leave by another are of nobody behind the firewall."""
    target = INSIDE[family].open
    with Daemon(network) as daemon:
        daemon.write(configuration(MAPS + POOLS, control=daemon.socket, outside='"eth0", "below"', kernel="auto",
                                   more='errors = "all";\n'))
        daemon.ctl("reload")
        daemon.rules.load()
        network.forget()
        assert traceroute(network.client, target, FAR) == [family.router, family.public, "*", "*", "*", target]
        assert +daemon.rules.counted() == {"outer": 1}


def test_fragment(network, hops, family):
    """Its other fragments have the private source, too: together they are one error, although none for outside."""
    inside = INSIDE[family]
    error = fragments(family, inside.routers[0])
    with network.without_rules(), daemon_for(network) as daemon, Capture(network.router, "fwl") as capture:
        send_frames(hops.routers[0], "above", FIREWALL_MAC, error)
        wait_until(lambda: capture.read() or len(capture.received) >= len(error), "all fragments")
        assert {addresses(packet)[0] for packet in capture.received} == {inside.routers[0]}
        assert not +daemon.rules.counted()


def fragments(family, source):
    """A time exceeded that is longer than one packet."""
    payload = bytes(1600)
    if family is V4:
        whole = IP(src=source, dst=family.client, id=7) / ICMP(type=11) / IP(
            src=family.client, dst=family.plain) / UDP() / payload
        return [bytes(one) for one in fragment(whole, 800)]
    whole = IPv6(src=source, dst=family.client) / IPv6ExtHdrFragment(id=7) / ICMPv6TimeExceeded() / IPv6(
        src=family.client, dst=family.plain) / UDP() / payload
    return [bytes(one) for one in fragment6(whole, 800)]


@pytest.mark.parametrize("mode", ["live", "audit"])
@pytest.mark.parametrize("kernel", ["auto", "never"])
def test_bit_that_marks_copies(network, hops, family, kernel, mode):
    """Whoever sets it, in a pointer beyond all headers, gets his error through as it is, and it is counted."""
    error = parameter_problem(family, INSIDE[family])
    with Daemon(network, MAPS + POOLS + TARGET_MAPS, kernel=kernel,
                more=f'errors = "all";\nmode = "{mode}";\n') as daemon, Capture(network.router, "fwl") as capture:
        network.forget()
        send_frames(hops.routers[0], "above", FIREWALL_MAC, [error])
        received, = capture.errors(1)
        assert without_hops(received.packet) == without_hops(error)
        assert +daemon.rules.counted() == {"unread": 1}
        assert re.search("left unread: .* 1\n", daemon.ctl("stats", "--check").stdout)


def parameter_problem(family, inside):
    """About a packet to the target behind stateless NAT."""
    if family is V4:
        return bytes(IP(src=inside.routers[0], dst=family.client) / ICMP(type=12, ptr=0x80) / IP(
            src=family.client, dst=inside.target) / UDP())
    return bytes(IPv6(src=inside.routers[0], dst=family.client) / ICMPv6ParamProblem(ptr=0x800000) / IPv6(
        src=family.client, dst=inside.target) / UDP())


@pytest.mark.parametrize("kind", ["nft", "mixed", "direct", "iptables", "iptables-direct"])
def test_rules_that_do_not_see_them_say_so(network, kind):
    with Daemon(network, more='errors = "all";\nhop_names = ( { address = "1.2.3.1"; } );\n') as daemon:
        printed = network.firewall.run(program("icmpnatd"), "--config", daemon.path, "--print-rules=" + kind).stdout
        assert ("goto forwarded.eth0" in printed) == (not kind.startswith("iptables"))
        assert ("saddr set 1.2.3.1" in printed) == (not kind.startswith("iptables"))
        assert ('# errors = "all" is in vain' in printed) == kind.startswith("iptables")
        assert ("# hop_names is in vain" in printed) == kind.startswith("iptables")
