# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A map from prefix to prefix restores every host behind stateless NAT; the map of the longest prefix that covers an
address is the one that is used.

   client ----- border ===== firewall       192.168.1.0/24 -> 1.2.3.0/24
                                            192.168.42.1   -> 1.2.3.1
"""

import pytest

from lab.client import udp
from lab.daemon import Daemon
from lab.network import V4, V6
from expected import REFUSED, expect_one


@pytest.fixture(scope="module")
def daemon(network):
    maps = [("192.168.1.0/24", "1.2.3.0/24"), ("fd00:1::/64", "2001:db8:1::/64"),
            ("192.168.0.0/16", V4.public2), ("fd00::/8", V6.public2),
            (V4.firewall, V4.public), (V6.firewall, V6.public)]
    with Daemon(network, maps) as daemon:
        yield daemon


def test_stateless_host(network, daemon, family):
    expect_one(network, daemon, family, REFUSED, lambda: udp(network.client, family.stateless))


def test_hits(network, daemon, family):
    """Both maps that were used say so, the shorter one was not used."""
    def hits():
        return {row[0]: int(row[4]) for row in daemon.request("maps")[0]}
    before = hits()
    udp(network.client, family.stateless)
    used = {private for private, n in hits().items() if n != before[private]}
    assert used == ({"192.168.1.0/24", V4.firewall} if family is V4 else {"fd00:1::/64", V6.firewall})
