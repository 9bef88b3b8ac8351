# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Never worse than without icmpnatd, where the way of an error is more than a route: IPsec policies, by which all
between the client and public addresses is to be encrypted, and a VRF on the firewall.

   client ----- border ===== firewall ----- dmz
      \\....... ESP ........../             eth0 and eth1 in vrf0
"""

import re

import pytest

from lab.client import ANSWERED, ping, udp, upload
from lab.daemon import MAPS, Daemon, configuration
from lab.network import FAMILIES, V4, V6, Network
from lab.traffic import Capture, Error

ESP = 50
PUBLIC = {V4: "1.2.3.0/24", V6: "2001:db8:1::/64"}
KEYS = f"enc 'cbc(aes)' 0x{'11' * 16} auth 'hmac(sha256)' 0x{'22' * 32}"
VRF = """
link add vrf0 type vrf table 10
link set vrf0 up
link set eth0 master vrf0
link set eth1 master vrf0
"""


@pytest.fixture
def network(possible):
    """Of each test, for it changes the ways."""
    network = Network()
    yield network
    network.close()


def tunnel(family):
    """The ip xfrm commands of both ends of a tunnel between the public addresses of firewall and client. What it
    brings to the host behind stateless NAT has another destination when the firewall looks at its policies."""
    def one_way(source, destination, spi, sources, destinations):
        ends = f"src {source} dst {destination} proto esp"
        policies = [(sources, destinations, direction) for direction in ("out", "in", "fwd")]
        if source == family.client:
            policies.append((sources, family.stateless_inside, "fwd"))
        return [f"state add {ends} spi {spi} mode tunnel {KEYS}"] + [
            f"policy add src {a} dst {b} dir {direction} tmpl {ends} mode tunnel" for a, b, direction in policies]
    there = one_way(family.client, family.public, 256, family.client, PUBLIC[family])
    back = one_way(family.public, family.client, 257, PUBLIC[family], family.client)
    inwards, outwards = re.compile("dir (in|fwd)"), re.compile("dir out")
    return ([command for command in there if not outwards.search(command)] +
            [command for command in back if not inwards.search(command)],
            [command for command in there if not inwards.search(command)] +
            [command for command in back if not outwards.search(command)])


@pytest.fixture
def policies(network, family):
    for host, commands in zip((network.firewall, network.client), tunnel(family)):
        for command in commands:
            done = host.run("ip xfrm " + command, check=False)
            if "type not found" in done.stderr:
                pytest.skip("this kernel has no ESP")
            assert done.returncode == 0, command + ": " + done.stderr


def is_esp(packet):
    return packet[9 if packet[0] >> 4 == 4 else 6] == ESP


def refused(network, family, address):
    """What the client is told, the errors that leave in the clear, and whether anything left encrypted."""
    with Capture(network.router, "fwl") as border:
        told = udp(network.client, address)
        assert ping(network.client, family.public)
        border.read()
    return told.answer, sum(bool(Error.parse(packet)) for packet in border.received), any(map(is_esp, border.received))


ENCRYPTED = "refused", 0, True


def test_policies_and_translated_host(network, family, policies):
    """The error needs nothing, and leaves encrypted."""
    assert refused(network, family, family.nat_rejected) == ENCRYPTED
    with Daemon(network, kernel="auto"):
        assert refused(network, family, family.nat_rejected) == ENCRYPTED


@pytest.mark.parametrize("role", ["stateless", "plain_rejected"])
def test_policies_and_changed_source(network, family, policies, role):
    """What the daemon has changed is routed again, and asked for policies. What the kernel changes in place is not, so
    where there are policies it changes nothing."""
    with Daemon(network, kernel="auto"):
        assert refused(network, family, getattr(family, role)) == ENCRYPTED


def test_policy_for_the_private_source(network, family):
    """An error that a policy wants as the kernel has made it is left alone."""
    ends = f"src {family.public} dst {family.client} proto esp"
    selector = f"src {family.firewall} dst {family.client}"
    for host, direction in (network.firewall, "out"), (network.client, "in"):
        for command in (f"state add {ends} spi 258 mode tunnel {KEYS}",
                        f"policy add {selector} dir {direction} tmpl {ends} mode tunnel"):
            done = host.run("ip xfrm " + command, check=False)
            if "type not found" in done.stderr:
                pytest.skip("this kernel has no ESP")
            assert done.returncode == 0, command + ": " + done.stderr
    assert refused(network, family, family.plain_rejected) == ENCRYPTED
    with Daemon(network, kernel="auto"):
        assert refused(network, family, family.plain_rejected) == ENCRYPTED


def move_into_vrf(network):
    """The links of the firewall and its routes."""
    addresses = {V4: ["192.168.42.1/24 dev eth0", "192.168.1.1/24 dev eth1"],
                 V6: ["fd42::1/64 dev eth0", "fd00:1::1/64 dev eth1"]}
    firewall = network.firewall
    routes = {f: [line for line in firewall.run(f"ip -{f.version} route show").stdout.splitlines()
                  if " via " in line] for f in FAMILIES}
    done = firewall.run("ip", "-batch", "-", input=VRF, check=False)
    if "Unknown device type" in done.stderr:
        pytest.skip("this kernel has no VRF")
    assert done.returncode == 0, done.stderr
    for family in FAMILIES:
        for address in addresses[family]:  # those of IPv6 go when a link moves
            firewall.run(f"ip addr replace {address}")
        for route in routes[family]:
            firewall.run(f"ip -{family.version} route replace {route} table 10")


def observe(network):
    """What clients see of new flows to plain and to translated hosts, and of uploads."""
    network.forget()
    return [(udp(network.client, getattr(family, via + "_rejected")).answer,
             upload(network.client, getattr(family, via), timeout=2)) for family in FAMILIES for via in ("plain", "nat")]


@pytest.mark.parametrize("outside", ["vrf0", "eth0"])
def test_vrf(network, outside):
    """Outside is the VRF: there all errors become public. With the port for it, all is as without icmpnatd."""
    move_into_vrf(network)
    without, daemon = observe(network), Daemon(network)
    daemon.write(configuration(MAPS, control=daemon.socket, outside=f'"{outside}"', kernel="auto"))
    with daemon:
        having = observe(network)
        if outside == "vrf0":
            assert [udp(network.client, family.stateless).answer for family in FAMILIES] == ["refused"] * 2
    assert without[1::2] == [("refused", ANSWERED)] * 2
    assert having == ([("refused", ANSWERED)] * 4 if outside == "vrf0" else without)
