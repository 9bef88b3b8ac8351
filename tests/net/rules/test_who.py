# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Who makes an error right: nobody, where the kernel's own NAT has done it; the kernel, by the rules; or the daemon.
Only what must be read is copied and queued.

   client ----- border ===== firewall ----- dmz
                             plain, stateless NAT, the kernel's NAT
"""

import contextlib

import pytest

from lab.client import ANSWERED, TIMED_OUT, Reaction, UdpFlow
from lab.daemon import MAPS, Daemon
from lab.network import FAMILIES
from lab.traffic import Capture
from expected import EXPIRED, NO_ROUTE, NOBODY_THERE, REFUSED, TOO_BIG, assert_right
from scenes import SCENES

NOBODY, KERNEL, DAEMON = "nobody", "kernel", "daemon"
VIAS = "plain", "stateless", "nat"

TABLE = {  # the hosts are behind:      no NAT  stateless NAT  the kernel's NAT
    ("rejected", "new"):               (KERNEL,    DAEMON,       NOBODY),
    ("rejected", "established"):       (KERNEL,    DAEMON,       NOBODY),
    ("expired", "new"):                (KERNEL,    DAEMON,       NOBODY),
    ("expired", "established"):        (KERNEL,    DAEMON,       NOBODY),
    ("too big", "new"):                (KERNEL,    DAEMON,       NOBODY),
    ("too big", "established"):        (KERNEL,    DAEMON,       NOBODY),
    ("no route", "new"):               (KERNEL,    DAEMON,       NOBODY),
    ("no route", "established"):       (KERNEL,    DAEMON,       NOBODY),
    ("nobody there", "new"):           (KERNEL,    DAEMON,       NOBODY),
    ("nobody there", "established"):   (KERNEL,    DAEMON,       NOBODY),
}
KINDS = {"rejected": REFUSED, "expired": EXPIRED, "too big": TOO_BIG, "no route": NO_ROUTE,
         "nobody there": NOBODY_THERE}
COUNTED = {  # by the rules, and the daemon's outcomes
    NOBODY: ({"untouched": 1}, {}),
    KERNEL: ({"outer": 1}, {}),
    DAEMON: ({"copied": 1, "queued": 1}, {"both": 1}),
}
FIREWALL_HOP, LARGE = 2, 1400


@pytest.fixture(scope="module")
def daemon(network):
    with Daemon(network, kernel="auto") as daemon:
        yield daemon


@contextlib.contextmanager
def routed(network, family, inside, route):
    """The host is reached by another route for a while."""
    ip = f"ip -{family.version} route"
    before = network.firewall.run(f"{ip} show exact {inside}").stdout.strip()
    network.firewall.run(f"{ip} replace {route}")
    try:
        yield
    finally:
        network.firewall.run(f"{ip} replace {before}" if before else f"{ip} del {route}")


def trouble(network, family, inside, what):
    """What comes between the client and the host."""
    if what == "rejected":
        return network.rejecting(inside)
    if what == "no route":
        return routed(network, family, inside, f"{'throw' if family.version == 4 else 'unreachable'} {inside}")
    if what == "nobody there":
        nobody = "192.168.1.99" if family.version == 4 else "fd00:1::99"
        return routed(network, family, inside, f"{inside} via {nobody}")
    return contextlib.nullcontext()


@contextlib.contextmanager
def scene(network, family, via, what, when):
    """Gives what provokes an error: it returns what the client's socket said."""
    inside = getattr(family, via + "_inside")
    opened = network.accepting(inside) if via == "stateless" else contextlib.nullcontext()
    with opened, UdpFlow(network.client, getattr(family, via)) as flow:
        if when == "established":
            assert flow.send() == ANSWERED
        if what == "expired":
            flow.hops(FIREWALL_HOP)
        with trouble(network, family, inside, what):
            yield lambda timeout: told(flow, LARGE if what == "too big" else 100, timeout,
                                        attempts=10 if what == "no route" else 1)


def told(flow, size, timeout, attempts):
    """What the socket said. The kernel tells each peer but once a second that there is no route to an IPv4 address,
    when it has told it five times (ip_error()): then it takes more than one attempt."""
    reactions = (flow.send(size, timeout) for _ in range(attempts))
    return next((reaction for reaction in reactions if reaction != TIMED_OUT), TIMED_OUT)


@pytest.mark.parametrize("via", VIAS)
@pytest.mark.parametrize("what,when", TABLE)
def test_cell(network, daemon, family, what, when, via):
    who, kind = TABLE[what, when][VIAS.index(via)], KINDS[what]
    source = family.nat if via == "nat" else family.public
    rules, outcomes = COUNTED[who]
    network.forget()
    with scene(network, family, via, what, when) as provoke, Capture(network.client, "eth0") as capture:
        account, before = daemon.account(), daemon.rules.counted()
        assert provoke(1) == Reaction(kind.answer, source, *kind.type_and_code(family), kind.mtu)
        account.expect(**outcomes)
        assert daemon.rules.counted() - before == rules
        error, = capture.errors()
    assert_right(error, kind, family, source, capture.sent)


def all_scenes(network, family):
    """Every cell, and every class of errors that the rules treat differently, as (is about a host behind stateless
    NAT, context that gives what provokes the error)."""
    for what, when in TABLE:
        for via in VIAS:
            yield via == "stateless", scene(network, family, via, what, when)
    for name, other in SCENES.items():
        yield name.startswith("stateless"), other.prepare(network, family, getattr(family, other.role))


@contextlib.contextmanager
def mapped(daemon, maps):
    """The daemon and its rules have other maps for a while."""
    daemon.configure(maps)
    daemon.rules.load()
    daemon.ctl("reload")
    try:
        yield
    finally:
        daemon.configure(MAPS)
        daemon.rules.load()
        daemon.ctl("reload")


@pytest.mark.parametrize("nat", [False, True], ids=["without-stateless-NAT", "with-stateless-NAT"])
def test_only_stateless_nat_is_copied(network, daemon, family, nat):
    """Maps as in the README: the firewall's own addresses, and perhaps hosts behind stateless NAT."""
    maps = [(private, public) for private, public in MAPS if nat or public in {f.public for f in FAMILIES}]
    with mapped(daemon, maps), Capture(network.router, "fwl") as border:
        account, before, copied, provoked = daemon.account(), daemon.rules.counted(), 0, 0
        for stateless, prepared in all_scenes(network, family):
            if stateless and not nat:
                continue
            network.forget()
            with prepared as provoke:
                provoke(1)
                copied, provoked = copied + stateless, provoked + 1
                assert len(border.errors(provoked)) == provoked
        account.expect(both=copied)
        counted = daemon.rules.counted() - before
        assert (counted["copied"], counted["queued"]) == (copied, copied)
