# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""50,000 malformed and truncated errors: the daemon lives, counts each of them once, changes none
whose ICMP checksum was wrong, and makes no right checksum wrong.

   firewall: raw socket -> copy -> queue -> daemon ===(listening here)=== border

ICMPNATD_SEED=N repeats a run; the seed is printed."""

import contextlib
import os
import random
import socket
import struct

import pytest

from lab.client import udp, wait_until
from lab.daemon import Daemon
from lab.network import V4, V6
from lab.traffic import Capture
from malformed import Generator, identity, put_sum, sums

ALL = 'lookup = "always"; extensions = "pass";'  # all errors are queued, and none gets shorter
COUNT, BATCH = 50_000, 100  # a batch fits into the smallest receive buffer
MALFORMED = {"truncated", "outer-header", "outer-checksum", "icmp-checksum", "quote-length",
             "inner-version", "inner-header", "inner-checksum"}


@pytest.fixture
def seed():
    seed = int(os.environ.get("ICMPNATD_SEED", random.randrange(1 << 32)))
    print(f"ICMPNATD_SEED={seed}")
    return seed


class Injector:
    """Sends packets from the firewall, as they are, and listens for them at the border."""

    def __init__(self, network):
        with network.firewall.here():
            self._sockets = {version: socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
                             for version, family in ((4, socket.AF_INET), (6, socket.AF_INET6))}
        self._clients = {4: V4.client, 6: V6.client}
        self.capture = Capture(network.router, "fwl")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for closing in self.capture, *self._sockets.values():
            closing.close()

    def send(self, packets):
        for packet in packets:
            version = packet[0] >> 4
            with contextlib.suppress(PermissionError):  # of what was copied and dropped, a sender is told
                self._sockets[version].sendto(packet, (self._clients[version], 0))

    def seen(self, count):
        return {identity(error.packet): error.packet for error in self.capture.errors(count)}


def test_all_pass_unharmed(network, seed):
    packets = Generator(seed).packets(COUNT)
    network.forget()
    with Daemon(network, more=ALL) as daemon, Injector(network) as injector:
        account = daemon.account()
        for first in range(0, COUNT, BATCH):
            injector.send(packets[first:first + BATCH])
            assert len(injector.capture.errors(first + BATCH)) == first + BATCH
        counted, seen = account.counted(), injector.seen(COUNT)
        print(counted)
        assert counted["queue", "received"] == COUNT
        account.balance(counted)
        assert len(seen) == COUNT
        for packet in packets:
            assert_unharmed(packet, seen[identity(packet)])
        assert udp(network.client, V4.plain_rejected).answer == "refused"


def as_emitted(packet):
    """The kernel writes the length of what it emits, also of a copy, and has never set DF in an error."""
    if packet[0] >> 4 == 6:
        return packet[:4] + struct.pack("!H", len(packet) - 40) + packet[6:]
    if not packet[6] & 0x40:
        return packet
    header = bytearray(packet[:4 * (packet[0] & 15)])
    header[6] &= 0xbf
    put_sum(header, 10)
    return bytes(header) + packet[len(header):]


def assert_unharmed(before, after):
    right_before, right_after = sums(before), sums(after)
    harmed = [name for name, right in right_before.items() if right and not right_after.get(name)]
    assert not harmed, f"{harmed}: {before.hex()} -> {after.hex()}"
    assert len(after) == len(before)
    if not right_before["icmp"]:
        assert after == as_emitted(before), f"touched: {before.hex()} -> {after.hex()}"


def test_dropped_if_so_configured(network, seed):
    """malformed = "drop": what is malformed does not leave, everything else does."""
    packets = Generator(seed).packets(5 * BATCH)
    network.forget()
    with Daemon(network, queue='malformed = "drop";', more=ALL) as daemon, Injector(network) as injector:
        account = daemon.account()
        for first in range(0, len(packets), BATCH):
            injector.send(packets[first:first + BATCH])
            wait_until(lambda: account.counted()["queue", "received"] == first + BATCH, "the daemon")
        assert udp(network.client, V4.plain_rejected).answer == "refused"
        assert udp(network.client, V6.plain_rejected).answer == "refused"
        counted = account.counted()
        malformed = sum(n for (group, name), n in counted.items() if group == "outcome" and name in MALFORMED)
        assert counted["verdict", "dropped"] == malformed > 0
        account.balance(counted)
        assert counted["queue", "received"] == len(packets) + 2
        assert len(injector.capture.errors()) == len(packets) - malformed + 2
