# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""What icmpnatctl doctor cannot mend by a command, it shows by one: run as it stands, it shows what the sentence is
about, and once that is away there is nothing to complain of.

   ill host -> doctor -> its command, word for word -> the rule, the map; without it -> doctor: all is well
"""

import contextlib

import pytest

from lab.daemon import MAPS, configuration
from lab.network import V4
from patient import confined


@contextlib.contextmanager
def ill(patient, command, back):
    patient.host.run(command)
    try:
        yield
    finally:
        patient.host.run(back)
    assert patient.complaints() == []


def assert_shown(patient, found, sentence, line):
    """They are all about one thing, and each command shows it."""
    assert found
    for finding in found:
        assert sentence in finding["sentence"], found
        assert line in patient.run(finding["mend"]).stdout, finding


@pytest.mark.parametrize("ip, what", [("ip", "ipproto icmp"), ("ip -6", "ipproto ipv6-icmp")], ids=["IPv4", "IPv6"])
def test_rule_that_leads_elsewhere(patient, ip, what):
    """By an interface that is not outside, where no map would be asked for."""
    rule = f"{what} lookup 77"
    with ill(patient, f"{ip} route add default dev eth1 table 77; {ip} rule add {rule}",
             f"{ip} rule del {rule}; {ip} route flush table 77"):
        found = patient.complaints()
        assert [(f["check"], f["state"]) for f in found] == [("new-flow", "note"), ("established-flow", "note")], found
        assert_shown(patient, found, " flow leaves by eth1", rule)


@pytest.mark.parametrize("ip, public", [("ip", "1.2.3.1"), ("ip -6", "2001:db8:1::1")], ids=["IPv4", "IPv6"])
def test_rule_that_leads_to_a_blackhole(patient, ip, public):
    rule = f"from {public} blackhole"
    with ill(patient, f"{ip} rule add {rule}", f"{ip} rule del {rule}"):
        assert_shown(patient, patient.complaints(), "is lost after the queue, and no chain of nft says so", rule)


def test_rule_before_ours(patient):
    """Where ours are in the same chain."""
    rule = "OUTPUT -p icmp -j ACCEPT"
    with patient.has_rules("iptables"), ill(patient, f"iptables -t mangle -I {rule}", f"iptables -t mangle -D {rule}"):
        assert_shown(patient, patient.complaints(), "it does not come to the capture rules", "-A " + rule)


def test_map_that_the_rules_do_not_know(patient):
    """They translate two addresses to the same host, of which the errors quote the other one."""
    private = V4.stateless_inside
    patient.reconfigure(configuration([*MAPS, ("192.168.1.21", "1.2.3.21")], control=patient.daemon.socket))
    try:
        with patient.has_table("ip other", f"table ip other {{ chain in {{ type filter hook prerouting priority mangle - 1;"
                               f" ip daddr 1.2.3.21 ip daddr set {private}; }}; }}"):
            found = patient.expect("stateless", f"quotes a packet to {V4.stateless}", "the client sent one to 1.2.3.21")
            assert_shown(patient, found, "quotes", V4.stateless)
        assert [f for f in patient.complaints() if f["state"] == "problem"] == []
    finally:
        patient.reconfigure(configuration(control=patient.daemon.socket))


@pytest.mark.parametrize("load, back, line", [
    ("nft 'table ip led { chain in { type nat hook prerouting priority dstnat; ip daddr 1.2.9.9 dnat to 192.168.1.10; }; }'",
     "nft delete table ip led", "ip daddr 1.2.9.9 dnat to 192.168.1.10"),
    ("iptables-legacy -t nat -A PREROUTING -d 1.2.9.9/32 -j DNAT --to-destination 192.168.1.10",
     "iptables-legacy -t nat -F PREROUTING", "-A PREROUTING -d 1.2.9.9/32 -j DNAT --to-destination 192.168.1.10"),
], ids=["nft", "legacy"])
def test_what_leads_inside(patient, load, back, line):
    """Where there can be no twin, which would tell."""
    patient.reconfigure(configuration([*MAPS, ("192.168.1.10", "1.2.9.9")], control=patient.daemon.socket))
    try:
        with ill(patient, load, back):
            found = [f for f in confined(patient, ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"])
                     if f["check"] == "addresses"]
            assert_shown(patient, found, "whether rules lead it inside before was not looked at", line)
            patient.reconfigure(configuration(control=patient.daemon.socket))
    finally:
        patient.reconfigure(configuration(control=patient.daemon.socket))
