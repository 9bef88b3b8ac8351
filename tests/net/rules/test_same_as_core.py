# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The rules give an error the same source as the core would: random errors under random maps leave the firewall with
the core's bytes where the kernel must do its part, and as they were emitted where nothing is to be done or the daemon
must read them. No daemon runs, so that what the rules leave to it leaves as it is.

   random_errors ----> firewall's raw socket, or the dmz host ----> rules ----> border (listening here)
         |  SEED repeats a run, PACKETS says how many errors                        |
         +------- the core's bytes, and what the rules must do ---------> the same ---- nft's counters: the same
"""

import contextlib
import random
from collections import Counter

import pytest

from random_maps import INTERFACES, RandomMaps
from same import BATCH, BY_KERNEL, ERRORS, NOT_SEEN, Firewall, ForwardingWire, Wire, assert_least, count, is_forwarded, once, run, seed

HOP_NAMES = 'hop_names = ( { address = "64.1.2.3"; }, { address = "2a00::1"; errors = "all"; } );\n'
READ = ("always", "extension", "long", "inner-mapped", "inner-private", "v4-mapped", "options", "outer-options", "protocol", "headers", "error",
        "never", "npt")
SPECIAL = "zero-before", "zero-after", "broken"


@pytest.fixture(scope="module")
def firewall(network):
    return Firewall(network)


@pytest.fixture
def wire(network):
    with contextlib.closing(Wire(network)) as wire:
        yield wire


@pytest.fixture
def forwarding_wire(network):
    with contextlib.closing(ForwardingWire(network)) as wire:
        yield wire


def assert_often(occurred, done):
    """Each kind has occurred, in both families, and by each reason; those of the kernel's part at least so often."""
    least = {(kind, version): done // 100 for kind in BY_KERNEL if kind not in ("may", "peer") for version in (4, 6)}
    least.update({("read", version): done // 10 for version in (4, 6)})
    least.update({("read", why): done // 500 for why in READ})
    least.update({(kind, special): done // 1000 for kind in ("outer", "already-right") for special in SPECIAL})
    least["outer", "npt-alone"] = done // 50000
    least.update({("may", by): done // 2000 for by in ("outer", "copied")})
    least.update({("peer", version): done // 500 for version in (4, 6)})
    least.update({kind: done // 100 for kind in NOT_SEEN})
    assert_least(occurred, least)


def test_random_errors_under_random_maps(firewall, wire):
    chosen, done, occurred = seed(), 0, Counter()
    choose = random.Random(chosen)
    while done < count():
        maps, context = RandomMaps(choose, done // ERRORS), f"SEED={chosen}, errors from {done}"
        cases, by = run(firewall, wire, maps, choose.getrandbits(63) | 1, context)
        done += len(cases)
        occurred += by
    print(f"{done} errors: " + ", ".join(f"{key} {n}" for key, n in occurred.items() if isinstance(key, str)))
    if done >= 20000:
        assert_often(occurred, done)


def test_random_errors_that_are_forwarded(firewall, forwarding_wire):
    chosen, occurred = seed(), Counter()
    choose = random.Random(chosen)
    for number in range(count() // 3 // ERRORS):
        maps, context = RandomMaps(choose, number), f"SEED={chosen}, forwarded errors of configuration {number}"
        maps.errors = "all"
        if "eth1" not in maps.outside:  # by which they come
            _, by = run(firewall, forwarding_wire, maps, choose.getrandbits(63) | 1, context, is_forwarded)
            occurred += by
    print(", ".join(f"{key} {n}" for key, n in occurred.items() if isinstance(key, str)))


@pytest.mark.parametrize("errors, way, chosen_ones", [("local", "wire", bool), ("all", "forwarding_wire", is_forwarded)],
                         ids=["emitted", "forwarded"])
def test_random_errors_in_audit(firewall, request, errors, way, chosen_ones):
    """They leave as they came, and each counter is what it is when live."""
    wire, chosen = request.getfixturevalue(way), seed()
    choose = random.Random(chosen)
    for number in range(count() // 6 // ERRORS):
        maps, context = RandomMaps(choose, number), f"SEED={chosen}, audit of configuration {number}"
        of_errors, before, maps.errors = choose.getrandbits(63) | 1, firewall.rules.counted(), errors
        if errors == "all" and "eth1" in maps.outside:  # by which they come
            continue
        cases, _ = run(firewall, wire, maps, of_errors, context, chosen_ones)
        live, maps.mode = firewall.rules.counted() - before, "audit"
        firewall.configure(maps)
        before = firewall.rules.counted()
        for first in range(0, len(cases), BATCH):
            batch = cases[first:first + BATCH]
            assert once(wire.through(batch), context) == {case.number: case.emitted for case in batch}, context
        assert firewall.rules.counted() - before == live, context
        firewall.rules.unload()


def test_rules_that_were_loaded_from_their_own_listing(firewall, wire):
    """They do the same, with maps of every kind, masks of IPv6, sets of raw fields, and names with - . _ and @."""
    chosen = seed()
    choose, names = random.Random(chosen), set()
    for number in range(12):
        maps = RandomMaps(choose, number)
        maps.hop_names = {3: HOP_NAMES, 7: HOP_NAMES}.get(number, "")  # of no connection here
        names.update(maps.outside)
        run(firewall, wire, maps, choose.getrandbits(63) | 1, f"SEED={chosen}, listing of configuration {number}")
    assert names == {"eth0", *INTERFACES}
