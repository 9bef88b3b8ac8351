# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""An address that is not globally reachable is private, whatever it is for: an error from there is counted as leaked
without a map, and made public with one.

   client ----- border ===== firewall: its errors come from 192.0.0.8 (RFC 7600), 198.18.0.8, 240.127.1.1; 2001:2::8, 5f00::8
"""

import pytest

from lab.client import udp
from lab.daemon import MAPS, Daemon
from lab.network import V4, V6
from scenes import preferring

SOURCES = [("192.0.0.8", V4), ("198.18.0.8", V4), ("240.127.1.1", V4), ("2001:2::8", V6), ("5f00::8", V6)]


@pytest.mark.parametrize("source, family", SOURCES)
@pytest.mark.parametrize("kernel", ["auto", "never"])
def test_without_a_map_it_is_leaked(network, source, family, kernel):
    with preferring(network, source, family), Daemon(network, kernel=kernel) as daemon:
        before = daemon.rules.counted()
        udp(network.client, family.plain_rejected)
        counted = daemon.rules.counted() - before
        assert counted == {"leaked-outer": 1}


@pytest.mark.parametrize("source, family", SOURCES)
@pytest.mark.parametrize("kernel", ["auto", "never"])
def test_with_a_map_it_becomes_public(network, source, family, kernel):
    with preferring(network, source, family):
        with Daemon(network, maps=[*MAPS, (source, family.public)], kernel=kernel):
            assert udp(network.client, family.plain_rejected).offender == family.public
