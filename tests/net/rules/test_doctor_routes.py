# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""icmpnatctl doctor reads the host's addresses and routes as the kernel does, whatever they are written with.

   192.168.42.1, fd42::1 and fd42::2  eth0 --- the border router, as a gateway, by an address of the other family, as an
                                                object of its own, or as one of two
"""

import pytest

from lab.client import udp
from lab.daemon import MAPS, configuration
from lab.network import FAMILIES, V4, V6
from scenes import preferring

DEFAULT = "ip route replace default via 192.168.42.254; ip -6 route replace default via fd42::fe"


def test_newest_address(patient, undo):
    """Of two addresses of IPv6, the kernel prefers that which came last; without a map for it, errors leave private."""
    patient.host.run("ip address add fd42::2/64 dev eth0 nodad")
    undo("ip address del fd42::2/64 dev eth0")
    assert " src fd42::2 " in patient.host.run("ip -6 route get 2620:fe::9").stdout
    found = [f for f in patient.complaints() if f["state"] == "problem"]
    assert "new-flow" in {f["check"] for f in found}, found
    assert all("from fd42::2, which no map covers" in f["sentence"] for f in found), found
    undo_maps = configuration(control=patient.daemon.socket)
    patient.reconfigure(configuration(MAPS + [("fd42::2", V6.public)], control=patient.daemon.socket))
    try:
        assert patient.complaints() == []
    finally:
        patient.reconfigure(undo_maps)


@pytest.mark.parametrize("source, family", [("192.0.0.8", V4), ("198.18.0.8", V4), ("240.127.1.1", V4), ("2001:2::8", V6)])
def test_address_that_is_not_globally_reachable(network, patient, source, family):
    """It is private, though no RFC 1918 says so: errors from there need a map."""
    with preferring(network, source, family):
        found = patient.complaints()
        assert "new-flow" in {f["check"] for f in found}, found
        assert all(f["state"] == "problem" and f"from {source}, which no map covers" in f["sentence"] for f in found), found
        patient.reconfigure(configuration([*MAPS, (source, family.public)], control=patient.daemon.socket))
        try:
            assert patient.complaints() == []
        finally:
            patient.reconfigure(configuration(control=patient.daemon.socket))


@pytest.mark.parametrize("source, family", [("192.0.0.9", V4), ("198.20.0.8", V4), ("223.255.255.8", V4), ("2001:1::1", V6)])
def test_address_beside_those(network, patient, source, family):
    """Outside routers let errors from there pass."""
    with preferring(network, source, family):
        assert patient.complaints() == []


def test_routes_do_it(network, patient, undo):
    """What the doctor says in the place of icmpnatd, does without it."""
    undo(DEFAULT)
    patient.reconfigure(configuration([(f.firewall, f.public) for f in FAMILIES], control=patient.daemon.socket))
    try:
        finding, = patient.complaints()
        assert (finding["check"], finding["state"]) == ("need", "note")
        patient.daemon.rules.unload()
        assert [udp(network.client, f.plain_rejected).answer for f in FAMILIES] == ["timed out", "timed out"]
        patient.host.run(finding["mend"])
        assert [udp(network.client, f.plain_rejected).answer for f in FAMILIES] == ["refused", "refused"]
    finally:
        patient.reconfigure(configuration(control=patient.daemon.socket))


def test_public_prefix_not_routed_here(patient, undo):
    """What comes for its hosts would go back to where it came from."""
    maps = MAPS + [("192.168.77.0/24", "198.51.100.0/24")]
    undo("ip route flush 198.51.100.0/24")
    patient.reconfigure(configuration(maps, control=patient.daemon.socket))
    try:
        found = [f for f in patient.complaints() if f["check"] == "addresses"]
        assert [f["mend"].partition(" # ")[0] for f in found] == ["ip route add unreachable 198.51.100.0/24"]
        patient.mend(found)
    finally:
        patient.reconfigure(configuration(control=patient.daemon.socket))


@pytest.fixture(scope="module")
def iptables(patient):
    """Rules of iptables, whose copies need a route of their own."""
    with patient.has_rules("iptables"):
        yield


def test_route_of_a_table(patient, undo, iptables):
    """The dmz as a second uplink, with a table for packets from its addresses."""
    undo("ip route flush table 77; ip rule del oif eth1; ip rule del lookup 77")
    patient.host.run("ip route add default via 192.168.1.10 dev eth1 table 77; ip rule add from 192.168.1.1 lookup 77")
    maps = MAPS + [(V4.firewall_dmz, V4.public)]
    patient.reconfigure(configuration(maps, control=patient.daemon.socket, outside='"eth0", "eth1"'))
    try:
        found = [f for f in patient.complaints() if "eth1, IPv4" in f["sentence"] and f["state"] == "problem"]
        assert [f["mend"].partition(" # ")[0] for f in found] == ["ip rule add oif eth1 lookup 77"], found
        patient.follow(found[0])
        assert not any("eth1, IPv4" in f["sentence"] and "TEE needs a router" in f["sentence"] for f in patient.complaints())
    finally:
        patient.reconfigure(configuration(control=patient.daemon.socket))


@pytest.mark.parametrize("route", [
    "ip -4 route replace default via inet6 fd42::fe dev eth0",
    "ip nexthop add id 4 via 192.168.42.254 dev eth0; ip route replace default nhid 4;"
    "ip nexthop add id 6 via fd42::fe dev eth0; ip -6 route del default; ip -6 route add default nhid 6",
    "ip route replace default nexthop via 192.168.42.254 dev eth0 nexthop via 192.168.42.253 dev eth0;"
    "ip -6 route replace default nexthop via fd42::fe dev eth0 nexthop via fd42::fd dev eth0",
], ids=["other family", "object", "several"])
def test_gateways(patient, undo, iptables, route):
    undo("ip nexthop flush 2>/dev/null; " + DEFAULT)
    undo("ip route del default; ip -6 route del default")
    patient.host.run(route)
    assert patient.complaints() == []


def test_route_for_a_source(patient, undo, iptables):
    """As OpenWrt makes it: for packets from a prefix. It is not found by the interface alone."""
    undo("ip -6 route flush default; " + DEFAULT)
    patient.host.run("ip -6 route del default; ip -6 route add default from 2001:db8:1::/64 via fd42::fe dev eth0;"
                     "ip -6 route add default from fd42::/64 via fd42::fe dev eth0")
    patient.daemon.rules.load()
    found = patient.expect("new-flow", "eth0, IPv6", "TEE needs a router for its copy")
    assert found[0]["mend"].partition(" # ")[0] == "ip -6 route add default via fd42::fe dev eth0 metric 2000"
    patient.host.run(found[0]["mend"])
    patient.mend(patient.expect("rules", "not those"))  # of iptables, which were for the routes as they were
