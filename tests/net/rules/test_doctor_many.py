# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""icmpnatctl doctor looks at every map, however many there are, and says of how many it cannot.

   client -> 64.0.0.n -> stateless NAT -> 10.64.0.2n, 200 of them; one of them ill, one dropped, all dropped
"""

import pytest

from lab.daemon import MAPS, configuration
from lab.network import V4
from many import hosts

PAIRS = [(str(private), str(public)) for private, public in hosts(400) if private.version == 4]
ILL_PRIVATE, ILL = PAIRS[150]
LAST = PAIRS[-1][1]


def translation(pairs):
    elements = ", ".join(f"{public} : {private}" for private, public in pairs)
    return ("table ip many { map m { type ipv4_addr : ipv4_addr; elements = { " + elements + " }; }; "
            "chain in { type filter hook prerouting priority raw; "
            "ip daddr set ip daddr map @m notrack; }; }")


@pytest.fixture(scope="module")
def crowded(patient):
    """The firewall with all these maps, which a rule translates by, and leads inside."""
    patient.host.run(f"ip route add 10.64.0.0/10 via {V4.dmz}")
    patient.reconfigure(configuration(MAPS + PAIRS, control=patient.daemon.socket))
    patient.host.nft(translation(PAIRS))
    yield patient
    patient.host.run("nft delete table ip many; ip route del 10.64.0.0/10")
    patient.reconfigure(configuration(control=patient.daemon.socket))


def test_all_are_well(crowded):
    assert crowded.complaints() == []


def test_one_is_ill(crowded):
    """Its host is another one than the map says."""
    with crowded.has_table("ip other", "table ip other { chain in { type filter hook prerouting priority raw - 1; "
                           f"ip daddr {ILL} notrack ip daddr set 10.64.9.9; }}; }}"):
        found, = crowded.expect("stateless", f"to {ILL}: ", "quotes a packet to")
        assert "10.64.9.9" in found["sentence"]


def test_one_is_not_seen(crowded):
    """What a rule drops before it is translated provokes nothing: worth knowing, not ill."""
    with crowded.has_table("ip other", "table ip other { chain in { type filter hook prerouting priority raw - 1; "
                           f"ip daddr {ILL} drop; }}; }}"):
        found, = [f for f in crowded.complaints() if f["check"] == "stateless"]
    assert found["state"] == "note", found
    assert f"for 1 of 202 public sides of maps ({ILL} is the first) provokes an error" in found["sentence"], found


def test_none_is_seen(crowded):
    """Of this nothing is said to be well, as of a new flow about which nothing is provoked."""
    with crowded.has_table("ip other", "table ip other { chain in { type filter hook prerouting priority raw - 1; "
                           "iifname eth0 udp dport 33434 drop; }; }"):
        found = {(f["check"], f["state"]) for f in crowded.complaints() if "IPv4" in f["sentence"]}
    assert found == {("stateless", "unknown"), ("new-flow", "unknown")}


def test_one_is_led_inside_no_more(crowded):
    """The others are, by the rule alone: no route of this host leads there."""
    crowded.host.run(f"nft delete element ip many m {{ {LAST} }}")
    try:
        found = crowded.expect("addresses", f"{LAST} is not routed here", "eth0")
        assert len(found) == 1
    finally:
        crowded.host.run(f"nft add element ip many m {{ {LAST} : {PAIRS[-1][0]} }}")


def test_many_are_led_outside(crowded):
    """Some are named, the others counted."""
    crowded.host.run("nft flush map ip many m")
    found = crowded.expect("addresses")
    crowded.host.nft("delete table ip many\n" + translation(PAIRS))
    assert [" is not routed here" in f["sentence"] for f in found] == [True] * 5 + [False]
    assert found[-1]["sentence"] == f"the same holds for 195 more, the last of them {LAST}"
