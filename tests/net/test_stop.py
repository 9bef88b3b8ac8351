# SPDX-License-Identifier: GPL-2.0-or-later
"""Starting and stopping under load loses nothing: what the queue holds gets its verdict, what comes
after passes by, and no packet is given the bytes of another one.

   client ==> 4000 datagrams a second ==> firewall, each answered by one error ==> client
                                          icmpnatd is started and stopped meanwhile
"""

import contextlib
import socket
import subprocess
import threading
import time

import pytest

from lab.client import ping, wait_until
from lab.daemon import Daemon
from lab.network import V4
from lab.traffic import Capture

ROUNDS = 6
RATE = 4000


class Flood(threading.Thread):
    """A context in which numbered datagrams are sent to the rejected host; counts them."""

    def __init__(self, network, rate=RATE):
        super().__init__()
        self.network, self.rate, self.sent, self.running = network, rate, 0, True

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
                udp.sendto(self.sent.to_bytes(4, "big") * 5, (V4.plain_rejected, 2000 + self.sent % 50000))
                self.sent += 1
                time.sleep(max(0, began + self.sent / self.rate - time.monotonic()))


@pytest.fixture
def rules(network):
    """The capture rules, without a daemon of the module's own."""
    daemon = Daemon(network)
    daemon.rules.load()
    yield daemon
    daemon.rules.unload()


@contextlib.contextmanager
def delayed_sends(process):
    """What the main thread sends to the kernel takes 0.3 s; the workers go on."""
    delay = ["-e", "trace=sendto", "-e", "inject=sendto:delay_enter=300000"]
    strace = subprocess.Popen(["strace", "-qq", "-o", "/dev/null", *delay, "-p", str(process.pid)])

    def is_attached():
        with open(f"/proc/{process.pid}/status") as status:
            return "TracerPid:\t0\n" not in status.read()
    try:
        wait_until(is_attached, "strace to attach")
        yield
    finally:
        strace.terminate()
        strace.wait()


def lose_nothing(network, rules, rounds, disturbed):
    """Every datagram is seen once in an error on the link to the border, from either source."""
    with Capture(network.router, "fwl", buffer=256 << 20) as border:
        with Flood(network) as flood:
            for _ in range(rounds):
                rules.start()
                time.sleep(0.2)
                with disturbed(rules.process):
                    began = time.monotonic()
                    rules.stop()
                assert time.monotonic() - began < 2
        assert ping(network.client, V4.public)
        wait_until(lambda: len(border.errors(flood.sent)) >= flood.sent, "all errors")
        quoted = sorted(bytes(error.inner)[28:32] for error in border.errors(flood.sent))
    assert quoted == [n.to_bytes(4, "big") for n in range(flood.sent)]


def test_no_error_is_lost_or_doubled(network, rules):
    lose_nothing(network, rules, ROUNDS, contextlib.nullcontext)


def test_nothing_is_lost_if_retiring_takes_long(network, rules, monkeypatch):
    """Packets go on coming until the kernel knows that no more are wanted."""
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0")  # LeakSanitizer ends a process that is traced
    lose_nothing(network, rules, 1, delayed_sends)
