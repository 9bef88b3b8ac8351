# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Provokes one error, and holds everything that the client got against everything that it should get."""

from dataclasses import dataclass

from lab.client import ANSWERED, Reaction, UdpFlow, tcp
from lab.network import DMZ_MTU
from lab.traffic import Capture, bad_checksums


@dataclass(frozen=True)
class Kind:
    """A kind of error: what a socket says to it, type and code in IPv4 and in IPv6."""
    answer: str
    v4: tuple
    v6: tuple
    mtu: int = None

    def type_and_code(self, family):
        return self.v4 if family.version == 4 else self.v6


REFUSED = Kind("refused", (3, 3), (1, 4))
EXPIRED = Kind("host unreachable", (11, 0), (3, 0))
TOO_BIG = Kind("too big", (3, 4), (2, 0), DMZ_MTU)
NO_ROUTE = Kind("net unreachable", (3, 0), (1, 0))
NOBODY_THERE = Kind("host unreachable", (3, 1), (1, 3))


class Stage:
    """The lab from one point of view: one IP version, and hosts with or without NAT. With it, the
    kernel makes the error public by itself: it then comes from the host that it is about."""

    def __init__(self, network, daemon, family, via):
        self.network, self.client, self.daemon = network, network.client, daemon
        self.family = family
        self.open, self.inside, self.rejected, self.absent = (
            getattr(family, via + role) for role in ("", "_inside", "_rejected", "_absent"))
        self.outcome = {"plain": "outer", "nat": "nobody"}[via]

    def source(self, address):
        return self.family.public if self.outcome == "outer" else address

    def established(self, address):
        """A flow that has been answered: its conntrack entry is confirmed."""
        flow = UdpFlow(self.client, address)
        assert flow.send() == ANSWERED
        return flow

    def expect_one(self, kind, address, action):
        """Asserts that action(), by which the client sends to address, provokes exactly one error, and a right one;
        returns it."""
        error, _ = expect_one(self.network, self.daemon, self.family, kind, action, self.source(address), self.outcome)
        return error


def expect_one(network, daemon, family, kind, action, source=None, outcome="both"):
    """Asserts that action() makes the client see one error of this kind, from source (the firewall's public address
    if none is named), that the daemon counts it by its outcome, and that all about it is right. Returns it, and
    what the daemon has counted."""
    account, source = daemon.account(), source or family.public
    with Capture(network.client, "eth0") as capture:
        assert action() == Reaction(kind.answer, source, *kind.type_and_code(family), kind.mtu)
        counted = account.expect(**{outcome: 1})
        error, = capture.errors()
        assert_right(error, kind, family, source, capture.sent)
    return error, counted


def expect_tcp_refused(network, daemon, family, address):
    """Asserts that TCP to an address whose errors quote a private one is refused at once, and all about the errors, one
    for each attempt: the kernel may send a SYN again before it looks at the answer."""
    account = daemon.account()
    with Capture(network.client, "eth0") as capture:
        assert tcp(network.client, address, timeout=5) == Reaction("refused")
        errors = capture.errors(1)
        account.expect(both=len(errors))
    assert {e.source for e in errors} == {family.public}
    assert all(any(e.quotes(packet) for packet in capture.sent) for e in errors)
    assert bad_checksums([e.packet for e in errors]) == []


def expect_ping_refused(network, daemon, family, address):
    """Asserts that ping knows the error about such an address as the answer to its request, by the identifier that the
    quote has; and all about the error."""
    account = daemon.account()
    with Capture(network.client, "eth0") as capture:
        said = network.client.run("ping", "-n", "-c1", "-W2", address, check=False).stdout
        account.expect(both=1)
        error, = capture.errors()
    assert f"From {family.public} icmp_seq=1" in said
    assert_right(error, REFUSED, family, family.public, capture.sent)


def assert_right(error, kind, family, source, sent):
    """All that can be said of an error on the wire, without asking the one who made it."""
    assert (error.type, error.code) == kind.type_and_code(family)
    assert error.source == source
    assert not error.dont_fragment, "the kernel's own errors may be fragmented"
    assert any(error.quotes(packet) for packet in sent), "the inner packet is not what was sent"
    assert bad_checksums([error.packet]) == []
