# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""An error that is copied passes the output chains as itself and as its copy: a limit there takes it for two. The doctor
says so. Zones that are set there do no harm.

   kernel -- error --> output: limit, zone --> postrouting -- copy --> output: limit, zone --> queue --> icmpnatd
"""

import json

from lab.client import udp
from lab.daemon import configuration
from lab.network import FAMILIES, V4
from patient import examination

TABLE = "table inet site {{ chain out {{ type filter hook output priority {priority}; {rules} }}; }}"
LIMIT = "icmp type destination-unreachable limit rate over 1000/second drop;"
TWO = "icmp type destination-unreachable limit rate over 1/hour burst 2 packets drop;"


def site(patient, rules, priority="filter"):
    return patient.has_table("inet site", TABLE.format(priority=priority, rules=rules))


def test_limit(network, patient):
    with site(patient, LIMIT):
        finding, = patient.complaints()
        assert (finding["check"], finding["state"]) == ("limits", "note")
        assert "a limit in the chain inet site out counts each error twice that is copied" in finding["sentence"]
        assert "limit rate over 1000/second" in patient.host.run(finding["mend"]).stdout
    with site(patient, TWO):
        network.forget()
        assert [udp(network.client, V4.stateless).answer for _ in range(2)] == ["refused", "timed out"]
    with site(patient, TWO.replace("burst 2", "burst 4")):
        assert [udp(network.client, V4.stateless).answer for _ in range(2)] == ["refused", "refused"]


def test_odd_name(patient):
    """What a shell would take for more than a name is quoted, even where nft itself cannot read it."""
    chain = {"family": "inet", "table": "a;b", "name": "out", "type": "filter", "hook": "output", "prio": 0}
    rule = {"family": "inet", "table": "a;b", "chain": "out", "expr": [
        {"match": {"op": "==", "left": {"payload": {"protocol": "icmp", "field": "type"}}, "right": "time-exceeded"}},
        {"limit": {"rate": 1000, "per": "second", "inv": True}}, {"drop": None}]}
    table = {"table": {"family": "inet", "name": "a;b"}}
    nft = "nft", "-j", "-f", "-"
    added = [{"add": one} for one in (table, {"chain": chain}, {"rule": rule})]
    patient.host.run(*nft, input=json.dumps({"nftables": added}))
    try:
        found = examination(patient.daemon.ctl("doctor", "--json", check=False))
        finding, = [f for f in found if f["check"] == "limits" and f["state"] != "ok"]
        assert finding["mend"].startswith("nft list chain inet 'a;b' out #"), finding
    finally:
        patient.host.run(*nft, input=json.dumps({"nftables": [{"delete": table}]}))


def test_limit_of_iptables(patient):
    patient.host.run("iptables -A OUTPUT -p icmp -m limit --limit 1000/s -j ACCEPT")
    try:
        finding, = patient.complaints()
        assert (finding["check"], finding["state"]) == ("limits", "note")
        assert "--limit 1000/sec" in patient.host.run(finding["mend"]).stdout
    finally:
        patient.host.run("iptables -F OUTPUT")


def test_limit_without_copies(patient):
    """What the kernel changes in place passes once. So does what belongs to flows, of which copies are none."""
    with site(patient, LIMIT):
        patient.reconfigure(configuration([(f.firewall, f.public) for f in FAMILIES], kernel="auto",
                                          control=patient.daemon.socket))
        try:
            assert "limits" not in {f["check"] for f in patient.complaints()}
        finally:
            patient.reconfigure(configuration(control=patient.daemon.socket))
    with site(patient, "ct state untracked meta l4proto { icmp, ipv6-icmp } accept; ct state related " + LIMIT):
        assert patient.complaints() == []


def test_zones(network, patient):
    """A zone set in output has the copy tracked, which changes nothing."""
    network.forget()
    with site(patient, "ct zone set 5;", "raw"):
        for family in FAMILIES:
            for address in family.plain_rejected, family.stateless:
                assert udp(network.client, address).offender == family.public
        assert patient.complaints() == []
