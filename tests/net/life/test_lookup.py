# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The daemon asks conntrack about all errors of a batch at once, and a conntrack that does not answer delays no error
by more than the deadline. A filter on the daemon's socket drops the answers.

   client ===== firewall: icmpnatd ----> conntrack
                                   <-X--
"""

import contextlib
import ctypes
import os
import socket
import struct
import time

import pytest

from lab.client import ANSWERED, NAT_PORT, UdpFlow, flood, udp, wait_until
from lab.daemon import early_daemon, paused
from lab.traffic import SO_RCVBUFFORCE

BATCH = 64        # QUEUE_BATCH
MOST = 2 * BATCH  # errors at once that are queued without a clone: the kernel's own socket pays for them
DEADLINE = 0.020  # FLOW_DEADLINE
NETLINK_NETFILTER, SO_PROTOCOL, SO_ATTACH_FILTER, SO_DETACH_FILTER = 12, 38, 26, 27
PIDFD_GETFD = 438
_libc = ctypes.CDLL(None, use_errno=True)


@pytest.fixture(scope="module")
def daemon(network):
    with early_daemon(network) as daemon:
        yield daemon


def borrowed_sockets(pid):
    """Duplicates of a process' netlink sockets to netfilter."""
    pidfd = os.pidfd_open(pid)
    for number in os.listdir(f"/proc/{pid}/fd"):
        if os.readlink(f"/proc/{pid}/fd/{number}").startswith("socket:"):
            fd = _libc.syscall(PIDFD_GETFD, pidfd, int(number), 0)
            assert fd >= 0, os.strerror(ctypes.get_errno())
            borrowed = socket.socket(fileno=fd)
            if (borrowed.family, borrowed.getsockopt(socket.SOL_SOCKET, SO_PROTOCOL)) == (
                    socket.AF_NETLINK, NETLINK_NETFILTER):
                yield borrowed
            else:
                borrowed.close()
    os.close(pidfd)


@contextlib.contextmanager
def asking_sockets(daemon):
    """Those that are no queue's."""
    queues = daemon.host.run("cat", "/proc/net/netfilter/nfnetlink_queue").stdout.split("\n")
    ports = {int(line.split()[1]) for line in queues if line}
    with contextlib.ExitStack() as stack:
        borrowed = [stack.enter_context(one) for one in borrowed_sockets(daemon.process.pid)]
        yield [one for one in borrowed if one.getsockname()[0] not in ports]


@contextlib.contextmanager
def silent_conntrack(daemon):
    """Nothing is heard on the daemon's sockets but what comes from its queues."""
    drop_all = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0))
    program = struct.pack("@HP", 1, ctypes.addressof(drop_all))
    with asking_sockets(daemon) as sockets:
        for one in sockets:
            one.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
        yield
        for one in sockets:
            one.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)


@contextlib.contextmanager
def little_room(daemon):
    """For a few answers only."""
    with asking_sockets(daemon) as sockets:
        sizes = [one.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) for one in sockets]
        for one in sockets:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        yield
        for one, size in zip(sockets, sizes):
            one.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, size // 2)


@pytest.fixture
def expire(network, family):
    """Makes so many datagrams of one established flow with NAT expire at the firewall."""
    network.forget()
    with UdpFlow(network.client, family.nat, NAT_PORT) as flow:
        assert flow.send() == ANSWERED
        flow.hops(2)
        flow.hear_no_errors()

        def expire(count):
            for _ in range(count):
                flow.socket.send(b"x" * 32)
        yield expire


def seconds_until_answered(account, count):
    """Until so many questions were answered, or were not in time."""
    def answered():
        counted = account.counted()
        return counted["flow", "found"] + counted["flow", "failed"]
    start = time.monotonic()
    wait_until(lambda: answered() == count, f"{count} answers", pause=0.001)
    return time.monotonic() - start


def test_a_batch_of_found_flows(daemon, expire):
    """Every answer has room in the socket, although all come before the first one is read."""
    account = daemon.account()
    with paused(daemon.process.pid):
        expire(3 * BATCH)
    assert account.expect(both=3 * BATCH)["flow", "found"] == 3 * BATCH


def test_a_batch_of_unknown_flows(network, daemon, family):
    account = daemon.account()
    with paused(daemon.process.pid):
        flood(network.client, family.stateless, [b"x"] * MOST)
    assert account.expect(both=MOST)["flow", "not-found"] == MOST


def test_silence_delays_an_error_by_the_deadline(network, daemon, family):
    """The client is refused all the same, by the maps; and as fast as ever when conntrack speaks again."""
    def refusal():
        start = time.monotonic()
        assert udp(network.client, family.stateless).answer == "refused"
        return time.monotonic() - start
    before, account = min(refusal() for _ in range(10)), daemon.account()
    with silent_conntrack(daemon):
        silent = min(refusal() for _ in range(10))
        assert account.expect(both=10)["flow", "failed"] == 10
    assert "conntrack did not answer (Connection timed out)" in daemon.log()
    account = daemon.account()
    after = min(refusal() for _ in range(10))
    assert account.expect(both=10)["flow", "not-found"] == 10
    quick = max(before, after)
    assert quick + DEADLINE / 2 < silent < quick + DEADLINE * 2


def test_silence_delays_a_batch_once(network, daemon, family):
    """The questions of a batch wait together, not one after the other."""
    account = daemon.account()
    with silent_conntrack(daemon):
        with paused(daemon.process.pid):
            flood(network.client, family.stateless, [b"x"] * MOST)
        taken = seconds_until_answered(account, MOST)
        assert account.expect(both=MOST)["flow", "failed"] == MOST
    assert DEADLINE <= taken < BATCH * DEADLINE


def test_what_has_no_room_is_not_waited_for(daemon, expire):
    """The kernel says that answers are lost; those that are not, are read; and the next ones are complete.
    What is lost takes no longer than what is not, so much less than the deadline more."""
    def seconds(is_right):
        account = daemon.account()
        with paused(daemon.process.pid):
            expire(BATCH)
        taken = seconds_until_answered(account, BATCH)
        assert is_right(account.counted()["flow", "found"])
        return taken
    complete = min(seconds(lambda found: found == BATCH) for _ in range(5))
    with little_room(daemon):
        lossy = min(seconds(lambda found: 0 < found < BATCH) for _ in range(5))
    assert lossy < complete + DEADLINE / 2
    account = daemon.account()
    expire(1)
    assert account.expect(both=1)["flow", "found"] == 1
