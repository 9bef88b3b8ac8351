# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon shows the kernel's counters of its own queue, even where other programs have bound hundreds of queues."""
import contextlib
import socket
import struct

import pytest

from conftest import KERNEL_COUNTERS, counters

NETLINK_NETFILTER = 12
QUEUE_CONFIG, REQUEST_ACK = 3 << 8 | 2, 1 | 4
BIND = 1
OURS, THEIRS = 15, range(1000, 1200)  # the kernel lists them by number modulo 16, the oldest last


@contextlib.contextmanager
def bound(numbers):
    """Queues that another program has bound."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as s:
        s.bind((0, 0))
        for number in numbers:
            command = struct.pack("=BBH", 0, 0, socket.htons(number)) + struct.pack("=HHBBH", 8, 1, BIND, 0, 0)
            s.send(struct.pack("=IHHII", 16 + len(command), QUEUE_CONFIG, REQUEST_ACK, 1, 0) + command)
            assert struct.unpack_from("=i", s.recv(4096), 16)[0] == 0
        yield


@pytest.mark.skipif(not KERNEL_COUNTERS, reason="their file is for the host's root only")
def test_among_many_queues(stopped):
    stopped.configure(more=f"queue = {{ number = {OURS}; }};")
    stopped.start()
    alone = counters(stopped)
    assert ("kernel", "id-sequence", str(OURS)) in alone
    with bound(THEIRS):
        with open("/proc/net/netfilter/nfnetlink_queue", "rb", buffering=0) as file:
            assert not [line for line in file.read(1 << 16).split(b"\n") if line.split()[:1] == [b"%d" % OURS]]
        assert counters(stopped) == alone
