# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A flood of numbered datagrams, each of which provokes one error, and what must come back of it: each number once."""

import socket
import threading
import time
from collections import Counter

from .network import V4

RATE = 4000  # datagrams a second


class Flood(threading.Thread):
    """A context in which numbered datagrams are sent to the rejected host, or another one; counts them."""

    def __init__(self, network, rate=RATE, address=V4.plain_rejected):
        super().__init__()
        self.network, self.rate, self.sent, self.running, self.address = network, rate, 0, True, address

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.running = False
        self.join()

    def run(self):
        with self.network.client.here(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            began = time.monotonic()
            while self.running:
                udp.sendto(self.sent.to_bytes(4, "big") * 5, (self.address, 2000 + self.sent % 50000))
                self.sent += 1
                time.sleep(max(0, began + self.sent / self.rate - time.monotonic()))


def assert_each_once(border, flood):
    """Waits until a capture has an error about each datagram of the flood, and asserts that there is one about each."""
    quoted = [bytes(error.inner)[28:32] for error in border.errors(flood.sent)]
    counts = Counter(int.from_bytes(number, "big") for number in quoted if number != b"xxxx")  # of udp()
    assert {n: counts[n] for n in range(flood.sent) if counts[n] != 1} == {}
    assert len(counts) == flood.sent
