# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""hop_names: in errors about connections that the kernel's NAT translates, the firewall is called by an address of its
own (RFC 5508, REQ-5c), not by that of the target, which the kernel puts there. So traceroute shows the target once.

   client ----- border ===== firewall ----- dmz
                             1.2.3.1        1.2.3.6, by DNAT
"""

import contextlib
import socket

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6TimeExceeded, IPv6

from lab.client import ANSWERED, ECHO_PORT, UdpFlow, answering, traceroute, udp
from lab.daemon import MAPS, Daemon, Rules, kernel_has_nft_queue
from lab.network import FAMILIES
from lab.traffic import Capture, bad_checksums
from expected import EXPIRED, REFUSED, TOO_BIG, expect_one
from hops import INSIDE, POOLS, hops_behind

FIREWALL_HOP = 2


@contextlib.contextmanager
def daemon_with(network, errors=None, maps=MAPS, kernel="auto", more="", kind=None):
    which = f' errors = "{errors}";' if errors else ""
    names = ", ".join(f'{{ address = "{family.public}"; outside = "eth0";{which} }}' for family in FAMILIES)
    daemon = Daemon(network, maps, kernel=kernel, more=f"hop_names = ( {names} );\n{more}")
    daemon.rules = Rules(network.firewall, daemon.path, kind=kind)
    with daemon:
        network.forget()
        yield daemon


def counted(daemon):
    return {name: n for name, n in daemon.rules.counted().items() if n}


def expect(network, daemon, family, kind, action, source):
    """One error of this kind, from source, which the daemon does not see."""
    return expect_one(network, daemon, family, kind, action, source, "nobody")[0]


@pytest.mark.parametrize("kernel", ["auto", "never"])
@pytest.mark.parametrize("maps", [MAPS, []], ids=["maps", "no maps"])
def test_traceroute(network, family, kernel, maps):
    """The kernel does it in any case, and needs neither maps nor a daemon."""
    with daemon_with(network, maps=maps, kernel=kernel) as daemon:
        account = daemon.account()
        assert traceroute(network.client, family.nat, 4) == [family.router, family.public, family.nat]
        account.expect()
        assert counted(daemon) == {"named": 1}
        assert "named this host: hop_names" in daemon.ctl("stats", "--check").stdout


def test_rules_without_copies(network, family):
    """They leave the errors of a new flow alone, but for this; of a flow that is known, the daemon has read them."""
    if not kernel_has_nft_queue(network.firewall):
        pytest.skip("this kernel's nft has no queue")
    with daemon_with(network, kind="direct") as daemon, UdpFlow(network.client, family.nat) as flow:
        assert traceroute(network.client, family.nat, 4) == [family.router, family.public, family.nat]
        assert flow.send() == ANSWERED
        flow.hops(FIREWALL_HOP)
        expect_one(network, daemon, family, EXPIRED, flow.send, family.public, "both")
        assert counted(daemon) == {"named": 2, "queued": 1}


def test_established_flow(network, family):
    with daemon_with(network) as daemon, UdpFlow(network.client, family.nat) as flow:
        assert flow.send() == ANSWERED
        flow.hops(FIREWALL_HOP)
        expect(network, daemon, family, EXPIRED, flow.send, family.public)
        assert counted(daemon) == {"named": 1}


def test_connection_from_inside(network, family):
    """The dmz host has opened it: the client knows it by the address of SNAT."""
    with daemon_with(network) as daemon, answering(network, family) as flow:
        flow.hops(FIREWALL_HOP)
        expect(network, daemon, family, EXPIRED, flow.send, family.public)
        assert counted(daemon) == {"named": 1}


@pytest.mark.parametrize("errors, name", [(None, "nat"), ("time-exceeded", "nat"), ("all", "public")])
@pytest.mark.parametrize("maps", [MAPS, []], ids=["maps", "no maps"])
def test_other_errors(network, family, errors, name, maps):
    """They come from the target, who cannot be reached, unless all errors are to come from the firewall."""
    with daemon_with(network, errors, maps) as daemon:
        source = family.public if name == "public" else family.nat_rejected
        expect(network, daemon, family, REFUSED, lambda: udp(network.client, family.nat_rejected), source)
        source = family.public if name == "public" else family.nat
        with UdpFlow(network.client, family.nat) as flow:
            assert flow.send() == ANSWERED
            expect(network, daemon, family, TOO_BIG, lambda: flow.send(1400), source)
        if maps or errors == "all":
            assert counted(daemon) == {"named" if name == "public" else "untouched": 2}
        else:
            assert counted(daemon) == {}


def test_connections_without_nat(network, family):
    with daemon_with(network, "all") as daemon:
        expect(network, daemon, family, REFUSED, lambda: udp(network.client, family.plain_rejected), family.public)
        assert counted(daemon) == {"outer": 1}


@pytest.mark.parametrize("maps", [MAPS, []], ids=["maps", "no maps"])
def test_private_neighbour(network, family, maps):
    """What it called the target says by which name it knows the firewall. Where there are maps, its own address in the
    quote has the error read, too."""
    with daemon_with(network, "all", maps) as daemon, private_dnat(network, family):
        assert udp(network.router, family.nat, hops=1).offender == family.public
        assert udp(network.router, family.seed_rejected, hops=1).offender == family.seed_rejected
        assert counted(daemon) == {**({"copied": 1, "queued": 1} if maps else {"named": 1}), "private-peer": 1}


@contextlib.contextmanager
def private_dnat(network, family):
    """A private address leads to the target, too."""
    ip = "ip" if family.version == 4 else "ip6"
    network.firewall.nft(f"""table {ip} private {{
        chain to_dmz {{
            type nat hook prerouting priority dstnat;
            {ip} daddr {family.seed_rejected} dnat to {family.nat_inside}
        }}
    }}""")
    try:
        yield
    finally:
        network.firewall.run(f"nft delete table {ip} private")


def test_error_that_must_be_read(network, family):
    """It has its name before it is copied."""
    with daemon_with(network, more='lookup = "always";\n') as daemon:
        account = daemon.account()
        assert traceroute(network.client, family.nat, 4) == [family.router, family.public, family.nat]
        account.expect(already_right=1)
        assert counted(daemon) == {"copied": 1, "queued": 1}


def test_while_there_are_policies(network, family):
    """An IPsec policy has been asked about the kernel's choice, not about another source: that stays."""
    policy = "src 192.0.2.7 dst 198.51.100.7 dir out"
    if network.firewall.run(f"ip xfrm policy add {policy} tmpl proto esp mode tunnel", check=False).returncode:
        pytest.skip("this kernel has no IPsec")
    try:
        with daemon_with(network, "all") as daemon:
            assert traceroute(network.client, family.nat, 4) == [family.router, family.nat, family.nat]
            assert counted(daemon)["untouched"] == 1
    finally:
        network.firewall.run(f"ip xfrm policy delete {policy}")


def test_forwarded_errors(network, family):
    """Those of others stay as the kernel's NAT made them: they are not from this host."""
    with hops_behind(network), daemon_with(network, "all", MAPS + POOLS, more='errors = "all";\n') as daemon:
        nat = INSIDE[family].nat
        assert traceroute(network.client, nat, 6) == [family.router, family.public, *[nat] * 4]
        assert counted(daemon) == {"named": 1, "untouched": 4}


@pytest.mark.parametrize("maps", [MAPS, []], ids=["maps", "no maps"])
def test_audit(network, family, maps):
    """Nothing changes on the wire, and the counter says what would."""
    with daemon_with(network, maps=maps, more='mode = "audit";\n') as daemon:
        assert traceroute(network.client, family.nat, 4) == [family.router, family.nat, family.nat]
        assert counted(daemon) == {"named": 1}


def test_sum_that_becomes_zero(network, family):
    """Is 0 (RFC 1624), not 0xffff as nft leaves it."""
    with daemon_with(network), UdpFlow(network.client, family.nat) as flow, Capture(network.router, "fwl") as capture:
        assert flow.send() == ANSWERED
        emit(network, made_zero(family, flow.socket.getsockname()[1]))
        error, = capture.errors(1)
        at = 10 if family.version == 4 else 42
        assert (error.source, error.packet[at:at + 2]) == (family.public, b"\0\0")
        assert bad_checksums([error.packet]) == []


def made_zero(family, port):
    """A time exceeded about a flow, with a number that makes zero of the sum that covers its source."""
    def error(source, destination, number):
        if family.version == 4:
            return bytes(IP(src=source, dst=family.client, id=number, ttl=64) / ICMP(type=11) / IP(
                src=family.client, dst=destination) / UDP(sport=port, dport=ECHO_PORT))
        return bytes(IPv6(src=source, dst=family.client) / ICMPv6TimeExceeded(unused=number) / IPv6(
            src=family.client, dst=destination) / UDP(sport=port, dport=ECHO_PORT))
    left, at = error(family.public, family.nat, 0), 10 if family.version == 4 else 42
    return error(family.firewall, family.nat_inside, int.from_bytes(left[at:at + 2], "big"))


def emit(network, packet):
    version = packet[0] >> 4
    with network.firewall.here(), socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6,
                                                socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(packet, (FAMILIES[version == 6].client, 0))
