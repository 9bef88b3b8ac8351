# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A message of more than 2048 bytes, which no kernel emits as an ICMP error, has the outcome "oversize"
and leaves as it is. It is the only outcome that no golden packet can have: the core never sees one.

   firewall: raw socket -> copy -> queue -> daemon ===(listening here)=== border
"""

import contextlib
import socket

from lab.daemon import Daemon
from lab.network import V4
from lab.traffic import Capture
from malformed import put_sum

QUOTED_HEADER = bytes.fromhex("45000054 12340000 3d110000 cb00710a c0a80114 9c400035 00400000")


def message(size):
    """Port unreachable about a packet that nobody sent."""
    data = bytearray(bytes([3, 3, 0, 0, 0, 0, 0, 0]) + QUOTED_HEADER)
    data += bytes(size - len(data))
    put_sum(data, 2)
    return bytes(data)


def test_oversize_leaves_as_it_is(network):
    sent = message(3000)
    with network.firewall.here():
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    with Daemon(network, more='lookup = "always";') as daemon, raw, Capture(network.router, "fwl") as capture:
        account = daemon.account()
        with contextlib.suppress(PermissionError):  # the error was dropped for its copy
            raw.sendto(sent, (V4.client, 0))
        account.expect(oversize=1)
        first = capture.errors(1)[0].packet
    assert first[20:] == sent[:len(first) - 20]
    assert first[12:16] == socket.inet_aton(V4.firewall)
