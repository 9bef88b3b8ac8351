# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Ten thousand maps are loaded into the kernel in one transaction, for a price that grows as they do, and exchanged
under load without a gap.

   client ~~~~ 2 x 1000 datagrams a second ~~~~> firewall ===== errors =====> border: each once
"""

import resource

import pytest

from lab.client import udp
from lab.daemon import Daemon
from lab.network import FAMILIES, V4
from lab.traffic import Capture
from many import Flooded, configure, hosts, many_to_one

MANY = 10000
PUBLICS = V4.public, V4.public2


def processor_time():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture
def daemon(network):
    """It is not started yet."""
    daemon = Daemon(network, kernel="auto")
    yield daemon
    if daemon.process:
        daemon.stop()
    daemon.rules.unload()


def load(daemon):
    """Loads the rules; skips the test where the kernel takes no transaction of that size."""
    try:
        daemon.rules.load()
    except RuntimeError as error:
        if "Message too long" in str(error):
            pytest.skip("in a user namespace the kernel takes no transaction of that size")
        raise


def price(daemon, pairs, rounds=3):
    """The least processor time that loading so many maps takes, one set in place of the other."""
    configure(daemon, pairs)
    used = []
    for _ in range(rounds):
        before = processor_time()
        load(daemon)
        used.append(processor_time() - before)
    return min(used)


@pytest.mark.parametrize("kind", [hosts, many_to_one])
def test_ten_times_as_many_cost_no_more_than_ten_times_as_much(daemon, kind):
    """With all that comes by and by (memory, caches) twenty times; what grows with the square would take a hundred."""
    few, many = price(daemon, list(kind(MANY // 10))), price(daemon, list(kind(MANY)))
    print(f"{MANY // 10} maps: {few:.3f} s, {MANY}: {many:.3f} s")
    assert many < 20 * few


@pytest.mark.parametrize("kind", [hosts, many_to_one])
def test_the_kernel_knows_them(network, daemon, kind):
    """The firewall's own maps are among them; no daemon runs."""
    configure(daemon, list(kind(MANY)))
    load(daemon)
    before = daemon.rules.counted()
    for family in FAMILIES:
        assert udp(network.client, family.plain_rejected).offender == family.public
    assert (daemon.rules.counted() - before)["outer"] == 2


def test_loaded_again_under_load(network, daemon):
    """Each error leaves once, with one of the two public sources; an error that is read, too."""
    pairs = list(hosts(MANY))
    configure(daemon, pairs)
    load(daemon)
    daemon.start()
    with Capture(network.router, "fwl", buffer=256 << 20) as border:
        with Flooded(network, border) as both:
            for public in [V4.public2, V4.public] * 3:
                configure(daemon, pairs, public)
                daemon.rules.load()
                daemon.ctl("reload")
        assert both.arrived() == [0, 0]
        assert both.seen(both.plain) == {(public, V4.plain_rejected) for public in PUBLICS}
        assert both.seen(both.stateless) == {(public, V4.stateless) for public in PUBLICS}
