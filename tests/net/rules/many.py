# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Many maps, and two floods that must come through while somebody changes rules: about a host without NAT, which is
the kernel's part, and about one with stateless NAT, whose errors the daemon must read."""

import contextlib
import ipaddress
from collections import Counter

from lab.client import wait_until
from lab.daemon import MAPS, configuration
from lab.flood import Flood
from lab.network import V4
from lab.traffic import addresses

RATE = 1000  # of each flood
INSIDE = {V4.plain_rejected: V4.plain_rejected, V4.stateless: V4.stateless_inside}


def hosts(count):
    """Every other address, so that no two maps are one range; half of them IPv6."""
    for i in range(count // 2):
        yield ipaddress.ip_address("10.64.0.0") + 2 * i, ipaddress.ip_address("64.0.0.0") + i
        yield ipaddress.ip_address("fd64::") + 2 * i, ipaddress.ip_address("2a00:64::") + i


def many_to_one(count):
    for i in range(count // 2):
        yield f"{ipaddress.ip_address('10.64.0.0') + 512 * i}/24", ipaddress.ip_address("64.0.0.0") + i
        yield f"{ipaddress.ip_address('fd64::') + (i << 65)}/64", ipaddress.ip_address("2a00:64::") + i


def configure(daemon, pairs, public=V4.public, rules="external", outside='"eth0"'):
    """Gives a daemon these maps beside those of the lab, and the firewall this public address."""
    with open(daemon.directory + "/maps", "w") as table:
        table.writelines(f"{private} {public}\n" for private, public in pairs)
    maps = [(V4.firewall, public), *MAPS[1:]]
    daemon.write(configuration(maps, daemon.queue, daemon.socket, rules, outside, "auto", 'maps_file = "maps";\n'))


class Flooded:
    """A context of both floods; what of them has arrived at the border can be asked as long as that is captured."""

    def __init__(self, network, border):
        self._border = border
        self.plain, self.stateless = self.floods = [Flood(network, RATE, address) for address in INSIDE]

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            for flood in self.floods:
                stack.enter_context(flood)
            wait_until(lambda: min(flood.sent for flood in self.floods) > 100, "the floods")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def sent(self):
        return sum(flood.sent for flood in self.floods)

    def arrived(self, lost=lambda: 0):
        """Waits for all errors but those that are known to be lost; returns how many of each flood are lost."""
        with contextlib.suppress(AssertionError):
            wait_until(lambda: len(self._border.errors()) + lost() >= self.sent(), "the rest of the errors")
        missing, known = [self._missing(flood) for flood in self.floods], lost()
        assert sum(missing) == known, f"of {self.sent()} errors {missing} are missing, of which {known} are known"
        return missing

    def _errors(self, flood):
        return [error for error in self._border.errors()
                if addresses(error.inner)[1] in (flood.address, INSIDE[flood.address])]

    def _missing(self, flood):
        counts = Counter(int.from_bytes(error.inner[28:32], "big") for error in self._errors(flood))
        assert not counts or max(counts.values()) == 1, "an error has left twice"
        return flood.sent - len(counts)

    def seen(self, flood):
        """Outer sources and inner destinations of a flood's errors."""
        return {(error.source, addresses(error.inner)[1]) for error in self._errors(flood)}
