# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Each error leaves by the uplink that its flow came in by, with that uplink's public source, under
each recipe of the manual for policy routing.

              rt1 ===== eth0
   client ---              firewall ----- dmz
              rt2 ===== eth1
"""

import contextlib
from dataclasses import dataclass, field

import pytest

import uplinks
from lab.client import ANSWERED, TIMED_OUT, Reaction, UdpFlow, tcp, udp
from lab.daemon import Daemon
from lab.traffic import Capture
from expected import EXPIRED, REFUSED, TOO_BIG
from uplinks import FAMILIES, UPLINKS

FIREWALL_HOP = 2
PLACES = {
    "-4": dict(router1="192.168.42.254", link1="192.168.42.1", public1="1.2.3.0/24",
               router2="192.168.43.254", link2="192.168.43.1", public2="5.6.7.0/24"),
    "-6": dict(router1="fd42::fe", link1="fd42::1", public1="2001:db8:1::/64",
               router2="fd43::fe", link2="fd43::1", public2="2001:db8:2::/64")}

# What each recipe needs, as the manual has it; and what some can do without.
TABLES = """
route add default via {router1} table 101
route add default via {router2} table 102
rule add pref 100 lookup main suppress_prefixlength 0
"""
PUBLIC = """
rule add pref 300 from {public1} lookup 101
rule add pref 300 from {public2} lookup 102
"""
LINKS = """
rule add pref 300 from {link1} lookup 101
rule add pref 300 from {link2} lookup 102
"""
MARKS = """
rule add pref 300 fwmark 1 lookup 101
rule add pref 300 fwmark 2 lookup 102
"""


@dataclass(frozen=True)
class Recipe:
    rules: str
    sysctls: tuple = ()
    nft: str = "table inet uplinks\n"
    stateless: bool = True      # serves errors about untracked packets, too


RECIPES = {
    "address": Recipe(PUBLIC + LINKS, ("net.ipv4.icmp_errors_use_inbound_ifaddr",)),
    "reflected-mark": Recipe(MARKS, ("net.ipv4.fwmark_reflect", "net.ipv6.fwmark_reflect"), """
        table inet uplinks {
            chain packets {
                type filter hook prerouting priority mangle;
                iifname "eth0" meta mark set 1
                iifname "eth1" meta mark set 2
            }
        }"""),
    "connection-mark": Recipe(MARKS, nft="""
        table inet uplinks {
            chain packets {
                type filter hook prerouting priority mangle;
                iifname "eth0" ct state new ct mark set 1
                iifname "eth1" ct state new ct mark set 2
                iifname "eth2" meta mark set ct mark
            }
            chain errors {
                type route hook output priority mangle;
                ct state related meta mark set ct mark
            }
        }""", stateless=False),
}


def change(network, verb, text):
    for option, places in PLACES.items():
        commands = text.format(**places).replace(" add ", f" {verb} ")
        network.firewall.run("ip", option, "-batch", "-", input=commands)


@contextlib.contextmanager
def changed(network, text, verb, opposite):
    change(network, verb, text)
    try:
        yield
    finally:
        change(network, opposite, text)


def added(network, text):
    return changed(network, text, "add", "del")


def removed(network, text):
    return changed(network, text, "del", "add")


@pytest.fixture(scope="module")
def network(possible):
    network = uplinks.Network()
    yield network
    network.close()


@pytest.fixture(scope="module", params=["auto", "never"])
def daemon(network, request):
    """icmpnatd with the example for two uplinks, and its capture rules; the kernel does its part, or nothing."""
    daemon = Daemon(network, kernel=request.param)
    uplinks.configure(daemon)
    with daemon:
        yield daemon


@pytest.fixture(scope="module", params=RECIPES)
def recipe(network, request):
    """One of the recipes, in force."""
    recipe = RECIPES[request.param]
    with added(network, TABLES + recipe.rules):
        network.firewall.sysctl(dict.fromkeys(recipe.sysctls, 1))
        network.firewall.nft(recipe.nft)
        yield recipe
        network.firewall.nft("delete table inet uplinks")
        network.firewall.sysctl(dict.fromkeys(recipe.sysctls, 0))


@pytest.fixture(params=FAMILIES, ids=["IPv4", "IPv6"])
def family(request):
    return request.param


@pytest.fixture(params=[0, 1], ids=["eth0", "eth1"])
def uplink(request, family):
    return UPLINKS[family][request.param]


@pytest.fixture
def way(network, daemon, recipe, family, uplink):
    network.enter_by(family, uplink)
    return Way(network, daemon, family, uplink)


@dataclass
class Way:
    """What the client sends takes one uplink."""
    network: uplinks.Network
    daemon: Daemon
    family: uplinks.Family
    uplink: uplinks.Uplink
    captures: list = field(default_factory=list)

    @property
    def outer(self):
        """The daemon's outcome of an error of which the source alone must change."""
        return "outer" if self.daemon.kernel == "never" else "nobody"

    def errors(self):
        """On each uplink, as its router gets them."""
        return [capture.errors() for capture in self.captures]

    @contextlib.contextmanager
    def watched(self):
        with contextlib.ExitStack() as stack:
            self.captures = [stack.enter_context(Capture(r, "fwl")) for r in self.network.routers]
            yield self.captures[self.uplink.number - 1]

    def expect_one(self, kind, action, outcome=None, source=None):
        """action() provokes exactly one error, which is right and takes the way back that its flow came."""
        source = source or self.uplink.public
        account = self.daemon.account()
        with self.watched() as capture:
            assert action() == Reaction(kind.answer, source, *kind.type_and_code(self.family), kind.mtu)
            account.expect(**{outcome or self.outer: 1})
            elsewhere = self.errors().pop(2 - self.uplink.number)
            error, = capture.errors()
        assert elsewhere == []
        assert error.source == source
        assert any(error.quotes(packet) for packet in capture.sent)

    def expect_refused_connection(self):
        """While TCP waits it may try again: one error for each attempt."""
        account = self.daemon.account()
        with self.watched() as capture:
            assert tcp(self.network.client, self.family.rejected) == Reaction("refused")
            account.expect(**{self.outer: len(capture.errors(1))})
            assert self.errors().pop(2 - self.uplink.number) == []
            assert {error.source for error in capture.errors()} == {self.uplink.public}

    @contextlib.contextmanager
    def established(self, address):
        with UdpFlow(self.network.client, address) as flow:
            assert flow.send() == ANSWERED
            yield flow


def test_new_flow(way):
    way.expect_one(REFUSED, lambda: udp(way.network.client, way.family.rejected))
    way.expect_one(EXPIRED, lambda: udp(way.network.client, way.family.open, hops=FIREWALL_HOP))
    way.expect_refused_connection()


def test_established_flow(way):
    with way.established(way.family.open) as flow:
        way.expect_one(TOO_BIG, lambda: flow.send(1300))
        flow.hops(FIREWALL_HOP)
        way.expect_one(EXPIRED, flow.send)


def test_flow_with_nat(way):
    """The kernel's own NAT has made the error public; all that is left is the way."""
    way.expect_one(REFUSED, lambda: udp(way.network.client, way.uplink.nat_rejected),
                   "nobody", way.uplink.nat_rejected)
    with way.established(way.uplink.nat) as flow:
        flow.hops(FIREWALL_HOP)
        way.expect_one(EXPIRED, flow.send, "nobody", way.uplink.nat)


def test_stateless(way, recipe):
    """Where the recipe serves it. A mark of the connection does not: there is no connection, and the first
    uplink, the default, gets all such errors with its own source."""
    if recipe.stateless or way.uplink.number == 1:
        return way.expect_one(REFUSED, lambda: udp(way.network.client, way.family.stateless), "both")
    first = UPLINKS[way.family][0]
    with way.watched():
        assert udp(way.network.client, way.family.stateless).offender == first.public
        (error,), nothing = way.errors()
    assert (error.source, nothing) == (first.public, [])


@pytest.mark.parametrize("recipe", ["address"], indirect=True)
@pytest.mark.parametrize("uplink", [1], ids=["eth1"], indirect=True)
def test_source_without_rule(way):
    """The kernel routes a copy again when its source was changed in OUTPUT: without a rule for the new
    source, it takes the default. What the kernel changes in place stays on its way."""
    with removed(way.network, PUBLIC), way.watched():
        assert udp(way.network.client, way.family.rejected).offender == way.uplink.public
        by_first, by_second = way.errors()
        assert (len(by_first), len(by_second)) == ((1, 0) if way.daemon.kernel == "never" else (0, 1))
        assert udp(way.network.client, way.family.stateless).offender == way.uplink.public
        assert len(way.errors()[0]) == len(by_first) + 1
