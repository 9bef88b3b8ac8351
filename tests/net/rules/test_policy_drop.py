# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A firewall that accepts only established, related and new in OUTPUT drops the copies, which are
untracked, unless it accepts them as the printed rules advise.

   REJECT -> OUTPUT: related, accepted -> POSTROUTING: copy -> OUTPUT: untracked, dropped | accepted
"""

import pytest

from lab.client import TIMED_OUT, ping, udp
from lab.daemon import program
from lab.network import V4

FILTER = """
table inet strict {{
    chain output {{
        type filter hook output priority filter; policy drop;
        ct state established,related,new accept
        icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
        {advice}
        icmp type {{ destination-unreachable, time-exceeded, parameter-problem }} counter
        icmpv6 type {{ destination-unreachable, packet-too-big, time-exceeded, parameter-problem }} counter
    }}
}}
"""


@pytest.fixture
def strict(network, family):
    network.forget()
    yield lambda advice: network.firewall.nft(FILTER.format(advice=advice))
    network.firewall.nft("delete table inet strict")


def advice(network, daemon):
    """The rules that --print-rules advises in its comments."""
    printed = network.firewall.run(program("icmpnatd"), "--config", daemon.path, "--print-rules").stdout
    lines = [line.lstrip("#\t") for line in printed.splitlines() if line.startswith("#\toifname")]
    assert len(lines) == 2
    return "\n".join(lines)


def test_lost_without(network, daemon, family, strict):
    strict("")
    account = daemon.account()
    assert udp(network.client, family.plain_rejected, timeout=0.2) == TIMED_OUT
    assert ping(network.client, family.public)
    account.expect(outer=1)  # seen by the daemon in mangle, before the filter drops it
    assert network.firewall.nft_counter("inet", "strict", "output") == ([1, 0] if family is V4 else [0, 1])


def test_works_with(network, daemon, family, strict):
    strict(advice(network, daemon))
    account = daemon.account()
    assert udp(network.client, family.plain_rejected).answer == "refused"
    account.expect(outer=1)
    assert network.firewall.nft_counter("inet", "strict", "output") == [0, 0]


def test_works_with_stateless_nat(network, daemon, family, strict):
    """An error about stateless NAT is INVALID: such a site has to accept that, with or without icmpnatd."""
    strict(advice(network, daemon))
    assert udp(network.client, family.stateless).answer == "refused"
