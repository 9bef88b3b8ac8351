# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""icmpnatctl doctor and the rule sets that firewall tools load: with the tool's own settings there is nothing to
complain of, and where a setting makes the tool drop errors, doctor says what to write into the tool's files, which
lasts when the tool loads its rules again.

   tool's files --load--> rules --copy--> doctor's twin
        ^                                      |
        +------- what mends, by hand ----------+
"""

import pytest

import forged
from lab.client import TIMED_OUT, udp
from lab.network import FAMILIES, V4
from site_tools import BesideUfw, Debian, Docker, Firewalld, Fw4, Fw4Reject, Shorewall, Ufw

TOOLS = Debian, Docker, Firewalld, Fw4, Fw4Reject, Shorewall, Ufw, BesideUfw


@pytest.fixture(params=TOOLS, ids=[tool.__name__ for tool in TOOLS])
def site(patient, tmp_path, request):
    site = request.param(patient.host, tmp_path)
    yield site
    site.unload()


def hears(network, site, family, patience):
    """What the client hears of a packet that may make no hop beyond the firewall, within so many seconds."""
    address = family.stateless if site.check == "stateless" else family.plain
    return udp(network.client, address, hops=2, timeout=patience)


def test_site(network, patient, site):
    site.load()
    assert patient.complaints() == []
    was_open = forged.reach_inside(network, V4)
    site.ill = True
    site.load()
    families = [f for f in FAMILIES if f.version in site.ill_in]
    assert all(hears(network, site, family, 0.2) == TIMED_OUT for family in families)
    found = patient.expect(site.check, "drops an error about a ")
    assert len(found) == len(families)
    for finding in found:
        site.run(finding["mend"])
    assert set(site.called) <= set(site.calls())
    if site.called:
        site.load()
    assert patient.complaints() == []
    assert [hears(network, site, family, 5).offender for family in families] == [family.public for family in families]
    assert forged.reach_inside(network, V4) == was_open
