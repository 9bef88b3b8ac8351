# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""While clients read an answer of 100,000 lines slowly, in part, or never, the daemon serves its queue and its other
clients.
"""
import random
import time

import pytest

from conftest import CLIENTS, IDLE, make_daemon, many, probe, read_all, unharmed
from lab.client import quickest
from lab.process import resident


@pytest.fixture(scope="module")
def daemon_of_many():
    with make_daemon() as daemon:
        daemon.configure(maps=many(100000))
        yield daemon.start()


@pytest.fixture
def large(daemon_of_many):
    with unharmed(daemon_of_many) as daemon:
        yield daemon


def test_maps_of_a_hundred_thousand(large):
    rows = large.ask("maps")
    assert [row[:2] for row in rows] == [list(pair) for pair in many(100000)]
    assert [row[-1] for row in rows] == [f"{large.directory}/maps:{line}" for line in range(1, 100001)]


def test_clients_that_never_read(large):
    memory, seconds = resident(large.process), large.processor_seconds()
    deaf = [large.connect() for _ in range(CLIENTS - 1)]
    for s in deaf:
        s.sendall(b"maps\n")
    for _ in range(20):
        assert large.is_well()
        time.sleep(0.1)
    assert large.processor_seconds() - seconds < 1
    assert resident(large.process) - memory < 20000
    time.sleep(IDLE)
    for s in deaf:
        assert not read_all(s).endswith(b"ok\n")


def test_client_that_reads_slowly_gets_all(large):
    with large.connect() as s:
        s.sendall(b"maps\n")
        received, pauses = 0, 0
        while piece := s.recv(1 << 20):
            received += piece.count(b"\n")
            if pauses < 8:
                pauses += 1
                time.sleep(1)
                assert large.is_well()
        assert received == 100001 and piece == b""


def test_clients_that_leave_in_the_middle(large):
    for _ in range(200):
        s = large.connect()
        s.sendall(b"maps\n")
        s.recv(100)
        s.close()


def test_many_readers_at_once(large):
    """A long answer to one does not keep the others or the queue waiting."""
    readers = [large.connect() for _ in range(8)]
    for s in readers:
        s.sendall(b"maps\n")
    lines = dict.fromkeys(readers, 0)
    last = dict.fromkeys(readers, b"")
    while readers:
        for s in list(readers):
            piece = s.recv(1 << 16)
            lines[s] += piece.count(b"\n")
            last[s] = piece or last[s]
            if not piece:
                readers.remove(s)
        if random.random() < 0.02:
            assert large.is_well()
    assert set(lines.values()) == {100001}
    assert all(piece.endswith(b"ok\n") for piece in last.values())


def test_reload_keeps_the_queue_served(large):
    """A reload takes its time; the packets have another thread."""
    def slowest_probe():
        with large.connect(60) as s:
            s.sendall(b"reload\n")
            s.setblocking(False)
            slowest, answer = 0, b""
            while not answer.endswith(b"ok\n"):
                before = time.monotonic()
                assert probe()
                slowest = max(slowest, time.monotonic() - before)
                try:
                    answer += s.recv(1 << 20)
                except BlockingIOError:
                    time.sleep(0.05)
        return slowest
    assert quickest(slowest_probe, 1) < 1
