# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Counts the errors that arrive at the border router: the kernel does, so that none is missed, however fast they
come."""

import contextlib

from lab.network import V4

TABLE = f"""
table ip arrived {{
    chain errors {{
        type filter hook prerouting priority raw;
        iifname "fwl" icmp type destination-unreachable ip saddr {V4.public} counter
        iifname "fwl" icmp type destination-unreachable ip saddr {V4.firewall} counter
    }}
}}
"""


@contextlib.contextmanager
def counting(network):
    network.router.nft(TABLE)
    yield
    network.router.run("nft delete table ip arrived")


class Arrived:
    """The errors that come to the border, from now on."""

    def __init__(self, network):
        self._network, self._before = network, (0, 0)
        self._before = self.counts()

    def counts(self):
        """(translated, as the kernel made them)"""
        now = self._network.router.nft_counter("ip", "arrived", "errors")
        return tuple(a - b for a, b in zip(now, self._before))

    def total(self):
        return sum(self.counts())
