# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The probes of icmpnatctl doctor meet what an error meets on this host, and nothing else.

   outside:  clients, one after the other -> public sides of maps, hosts behind, this host
   twin:     its rules, what holds its queues, its routes with several next hops, its sensors
"""

import contextlib

import pytest

from lab.daemon import MAPS, configuration
from lab.network import FAMILIES, V4, V6
from inspector import holding, inspected

# As OpenWrt's fw4 says of a zone with masquerading.
ZONE = """
table inet zones {
    chain output {
        type filter hook output priority filter; policy accept;
        ct state vmap { established : accept, related : accept }
        oifname "eth0" jump output_wan
    }
    chain output_wan { jump accept_to_wan; }
    chain accept_to_wan {
        meta nfproto ipv4 oifname "eth0" ct state invalid counter drop comment "!fw4: Prevent NAT leakage"
        oifname "eth0" counter accept
    }
}
"""


def test_stateless_nat_is_tried(patient):
    """Packets to the public sides of both maps are: one is this host's own address."""
    findings = patient.examine()
    assert {f["state"] for f in findings} == {"ok"}, findings
    assert [f["sentence"] for f in findings if f["check"] == "stateless"] == [
        f"eth0, IPv{f.version}: to {f.stateless}: an error about a stateless flow is queued, and leaves by eth0"
        f" from {f.public}" for f in FAMILIES]


def test_invalid_is_dropped(patient, undo):
    """As fw4 does by default on the interfaces that it masquerades. Errors about new flows are related to one."""
    patient.host.nft(ZONE)
    undo("nft delete table inet zones")
    found = patient.expect("stateless", "inet zones accept_to_wan", f"to {V4.stateless}", "a rule")
    assert len(found) == 1
    patient.mend(found)


def test_ports_and_prefixes_are_seen_in_the_quote(patient, undo):
    """A map leaves ports as they are, and the host's part of an address unless it is NPTv6's."""
    maps = MAPS + [("fd00:9::/64", "2001:db8:9::/64")]
    patient.host.nft(f"table inet other {{ chain in {{ type filter hook prerouting priority mangle - 1;"
                     f" ip daddr {V4.stateless} udp dport 33434 udp dport set 8080;"
                     f" ip6 daddr 2001:db8:9::/64 ip6 daddr set fd00:9::99; }}; }}")
    undo("nft delete table inet other")
    patient.host.run(f"ip -6 route add fd00:9::/64 via {V6.dmz}")
    undo("ip -6 route del fd00:9::/64")
    patient.reconfigure(configuration(maps, control=patient.daemon.socket))
    try:
        ports, prefix = patient.expect("stateless", "quotes a packet to")
        assert f"{V4.stateless} port 8080; the client sent one to {V4.stateless} port 33434" in ports["sentence"]
        assert "to 2001:db8:9::99 port 33434; the client sent one to 2001:db8:9::14 port" in prefix["sentence"]
        assert "npt = true" in prefix["mend"]
        assert "udp dport set 8080" in patient.host.run(ports["mend"]).stdout
    finally:
        patient.reconfigure(configuration(control=patient.daemon.socket))


def test_no_stateless_nat(patient, undo):
    """Maps hold for the inner part by default, whether or not there is such NAT. That there is none is seen where
    nothing answers, too."""
    patient.reconfigure(configuration([(f.firewall, f.public) for f in FAMILIES], control=patient.daemon.socket))
    patient.host.nft("table inet mute { chain in { type filter hook input priority filter;"
                     f" ip6 daddr {V6.public} udp dport 33434 drop; }}; }}")
    undo("nft delete table inet mute")
    try:
        said = [f for f in patient.examine() if f["check"] == "stateless"]
        assert [f["state"] for f in said] == ["ok", "ok"]
        assert all("no rule translates" in f["sentence"] for f in said), said
    finally:
        patient.reconfigure(configuration(control=patient.daemon.socket))


def test_no_router(patient):
    """A host that forwards nothing answers for its own ports. Behind it no map can be looked at, nor need be."""
    forwarding = dict.fromkeys(("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"), 0)
    patient.host.sysctl(forwarding)
    try:
        found = patient.complaints()
        assert {(f["check"], f["state"]) for f in found} <= {("stateless", "note")}, found
    finally:
        patient.host.sysctl(dict.fromkeys(forwarding, 1))


def test_mirror(patient, undo):
    """The copy for a sensor is not the error."""
    for family, sensor in zip(FAMILIES, ("ip", "ip6")):
        patient.host.nft(f"table {sensor} mirror {{ chain out {{ type filter hook postrouting priority srcnat + 20;"
                         f" oifname eth0 dup to {family.dmz} device eth1; }}; }}")
        undo(f"nft delete table {sensor} mirror")
    assert patient.complaints() == []


def test_translated_before_it_is_routed(patient, undo):
    """Addresses that no route of this host leads inside, but a rule. On a link somebody must answer for them first."""
    patient.host.nft("table ip other { chain in { type nat hook prerouting priority dstnat; "
                     f"ip daddr {{ 1.2.9.0/24, 1.2.7.9 }} dnat to {V4.dmz}; }}; }}")
    undo("nft delete table ip other")
    patient.host.run("ip address add 1.2.7.1/24 dev eth0")
    undo("ip address del 1.2.7.1/24 dev eth0")
    maps = MAPS + [("10.9.0.0/24", "1.2.9.0/24"), ("10.8.0.0/24", "1.2.8.0/24"), ("10.7.0.9", "1.2.7.9"),
                   ("10.6.0.0/25", "1.2.7.128/25")]
    patient.reconfigure(configuration(maps, control=patient.daemon.socket))
    try:
        found = [f for f in patient.complaints() if f["check"] == "addresses"]
        half, = [f for f in found if "1.2.7.128/25 is on the link" in f["sentence"]]
        assert half["mend"] == ""  # a route to nowhere would cut off the routers on that link
        link, gateway = [f for f in found if f is not half]
        assert "1.2.7.9 is on the link of eth0" in link["sentence"] and link["state"] == "note"
        assert "1.2.8.0/24 is not routed here" in gateway["sentence"]
        undo("ip address del 1.2.7.9 dev lo; ip route del unreachable 1.2.8.0/24")
        for finding in link, gateway:
            patient.follow(finding)
        assert [f for f in patient.complaints() if f["check"] == "addresses"] == [half]
    finally:
        patient.reconfigure(configuration(control=patient.daemon.socket))


@contextlib.contextmanager
def two_uplinks(patient, undo, maps):
    """The dmz as a second uplink, over which flows are spread."""
    for ip, family in (("ip", V4), ("ip -6", V6)):
        patient.host.run(f"{ip} route replace default nexthop via {family.router_inner} dev eth0 "
                         f"nexthop via {family.dmz} dev eth1")
        undo(f"{ip} route replace default via {family.router_inner}")
        for public in family.public, family.public2:
            undo(f"for i in 1 2; do {ip} rule del from {public}; done; true")
        undo(f"for i in 2 3 4; do {ip} route flush table 1000$i; done; true")
    maps = maps + [(f.stateless_inside, f.stateless) for f in FAMILIES]
    patient.reconfigure(configuration(maps, control=patient.daemon.socket, outside='"eth0", "eth1"'))
    try:
        yield
    finally:
        patient.reconfigure(configuration(control=patient.daemon.socket))


def test_each_next_hop(patient, undo):
    """The kernel chooses the next hop again when the source was changed: by one provider some clients' errors leave from
    the other's address. What a provider's table is told to be, the host has already."""
    theirs = "192.0.2.0/24 dev eth1 scope link "
    patient.host.run(f"ip route add {theirs} table 10002")
    maps = [(private, public, f'outside = "{interface}"; part = "outer";') for f in FAMILIES
            for interface, public in (("eth0", f.public), ("eth1", f.public2))
            for private in (f.firewall, f.firewall_dmz)]
    with two_uplinks(patient, undo, maps):
        found = patient.expect("new-flow", "multipath routing sends")
        assert len(found) == 2 * len(FAMILIES)
        patient.mend(found)
        assert patient.host.run("ip route show table 10002").stdout.strip() == theirs.strip()


def test_one_address_for_all_next_hops(patient, undo):
    """It may leave by any of them."""
    maps = [(private, f.public) for f in FAMILIES for private in (f.firewall, f.firewall_dmz)]
    with two_uplinks(patient, undo, maps):
        findings = patient.examine()
        assert {f["state"] for f in findings} == {"ok"}, findings
        assert len([f for f in findings if f["check"] == "established-flow"]) == 2 * len(FAMILIES)  # each way


@pytest.mark.parametrize("kind", ["", "-legacy"])
def test_another_program_holds_a_queue(patient, kind):
    """The kernel loses errors about new flows on their way to it, whoever else they are for. In IPv4 the rules leave
    these out, and all is well."""
    leave_out = "-w -{} OUTPUT -p icmp -m conntrack --ctstate RELATED -j ACCEPT"
    patient.host.run(f"iptables{kind} {leave_out.format('I')}")
    try:
        with inspected(patient.host, ("filter", "OUTPUT"), kind=kind):
            found, = patient.expect("new-flow", "eth0, IPv6: ", "lost before it is queued", "queue 5 is held (python3, ")
            assert "-A OUTPUT -j NFQUEUE --queue-num 5" in patient.host.run(found["mend"]).stdout
    finally:
        patient.host.run(f"iptables{kind} {leave_out.format('D')}")


def test_another_program_gets_what_comes_in(patient):
    """It gives back what provokes the errors; nobody else does in the twin."""
    with inspected(patient.host, ("mangle", "PREROUTING"), ("filter", "FORWARD")):
        assert patient.complaints() == []


def test_queue_of_another_program(patient):
    """It is bound, but by whom? Such a program gets the queue while icmpnatd is not running."""
    patient.daemon.stop()
    try:
        with holding(patient.host, 0):
            other, = [f for f in patient.complaints() if f["check"] == "queue"]
            assert "queue 0 is held by another program (python3, process " in other["sentence"]
            assert other["state"] == "problem"
    finally:
        patient.daemon.start()
