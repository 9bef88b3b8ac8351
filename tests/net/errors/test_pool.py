# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A map to a pool, whose public side is the longer prefix, keeps the last bits of the source, by the kernel and by the
daemon; the packet that is quoted stays.

   client ----- border ===== firewall       192.168.0.0/16 -> 1.2.3.0/30
                                            192.168.42.1   -> 1.2.3.1
"""

import pytest

from lab.client import udp
from lab.daemon import Daemon
from expected import REFUSED, expect_one

POOLS = [("192.168.0.0/16", "1.2.3.0/30"), ("fd00::/8", "2001:db8:1::/126")]


@pytest.mark.parametrize("kernel, outcome", [("auto", "nobody"), ("never", "outer")])
def test_last_bits_stay(network, family, kernel, outcome):
    with Daemon(network, POOLS, kernel=kernel) as daemon:
        expect_one(network, daemon, family, REFUSED, lambda: udp(network.client, family.plain_rejected),
                   outcome=outcome)
        assert daemon.rules.counted()["outer"] == (kernel == "auto")


def test_quoted_address_stays(network, family):
    """A pool cannot be undone, so that the packet behind stateless NAT is quoted as it is."""
    with Daemon(network, POOLS) as daemon:
        account = daemon.account()
        udp(network.client, family.stateless, timeout=0)
        account.expect(leaked_inner=1)
