# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The tables that the daemon holds make of an error that quotes a mapped address what the core would, to the byte:
random errors under random maps, as in test_same_as_core.py. No daemon runs, so that what they leave to it leaves as it
is."""

import contextlib
import random
from collections import Counter

import pytest

from held import Held
from random_maps import OrdinaryMaps, RandomMaps
from same import ERRORS, Firewall, Wire, assert_least, count, run, seed

KINDS = "tcp", "udp", "esp", "ah", "sctp", "icmp", "icmp6"  # of what is quoted
SPECIAL = "sum-zero-before", "sum-zero-after", "icmp-zero", "header-zero"


class Holder(Firewall):
    """The firewall with the tables of one configuration after the other."""

    def __init__(self, network):
        super().__init__(network)
        self._held = Held(self.host, self.path)

    def configure(self, maps):
        maps.rules = "own"
        self.write(maps)
        self._held.load()

    def close(self):
        self._held.close()


@pytest.fixture(scope="module")
def firewall(network):
    with contextlib.closing(Holder(network)) as firewall:
        yield firewall


@pytest.fixture
def wire(network):
    with contextlib.closing(Wire(network)) as wire:
        yield wire


def assert_often(occurred, done):
    """The kernel had to change each kind of quote, with and without the source."""
    least = {("quoted", kind): done // 4000 for kind in KINDS}
    least.update({("quoted", special): done // 20000 for special in SPECIAL})
    least.update({(kind, version): done // 300 for kind in ("both", "inner") for version in (4, 6)})
    assert_least(occurred, least)


def quoted(occurred):
    """How often the kernel had to change what is quoted, by what that is."""
    return Counter({("quoted", why): n for (kind, why), n in pairs(occurred) if kind in ("both", "inner", "leaked-outer")})


def pairs(occurred):
    return ((key, n) for key, n in occurred.items() if isinstance(key, tuple))


def test_random_errors_under_random_maps(firewall, wire):
    chosen, done, occurred = seed(), 0, Counter()
    choose = random.Random(chosen)
    while done < count(60000):
        kind = RandomMaps if done // ERRORS % 4 == 3 else OrdinaryMaps
        maps, context = kind(choose, done // ERRORS), f"SEED={chosen}, errors from {done}"
        cases, by = run(firewall, wire, maps, choose.getrandbits(63) | 1, context)
        done += len(cases)
        occurred += by
    occurred += quoted(occurred)
    print(f"{done} errors: " + ", ".join(f"{key} {n}" for key, n in occurred.items() if isinstance(key, str)))
    if done >= 50000:
        assert_often(occurred, done)
