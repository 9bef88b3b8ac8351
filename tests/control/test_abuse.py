# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A client that sends garbage, nothing, too much or too slowly, or a socket that is not as it should be, keeps the
daemon neither from its queue nor from its other clients, and leaves it no open descriptor.
"""
import fcntl
import random
import resource
import signal
import socket
import struct
import termios
import time

import pytest

from conftest import CLIENTS, GROUP, IDLE, NOBODY, acting_as, needs_users, probe, read_all, unharmed
from lab.client import quickest, wait_until
from lab.daemon import paused


@pytest.fixture
def watched(daemon):
    with unharmed(daemon):
        yield daemon


def test_probe_depends_on_the_daemon(daemon):
    """What the other tests rely on: without a daemon the error is lost in the queue."""
    assert probe()
    daemon.stop()
    assert not probe()


# --- garbage


def test_random_bytes(watched):
    generator = random.Random(5508)
    for _ in range(300):
        garbage = generator.randbytes(generator.choice([1, 10, 127, 128, 129, 1000]))
        answer = watched.raw(garbage + b"\n")
        assert answer.startswith(b'error\t') and answer.count(b"\n") == 1 and answer.endswith(b"\n")
        assert all(byte in b"\t\n" or 32 <= byte < 127 for byte in answer)


def test_random_bytes_while_nobody_waits(watched):
    generator = random.Random(1812)
    for _ in range(300):
        s = watched.connect()
        s.send(generator.randbytes(generator.randrange(1, 300)))
        s.close()


@pytest.mark.parametrize("length", [126, 127, 128, 129, 1 << 20])
def test_long_line(watched, length):
    for end in b"\n", b"":
        if not end and length < 128:
            continue
        answer = watched.raw(b"x" * length + end)
        assert answer.startswith(b"error\t") and answer.endswith(b"\n") and answer.count(b"\n") == 1


def test_longest_request_is_read_whole(watched):
    assert b"x" * 127 in watched.raw(b"x" * 127 + b"\n")


def test_nul_bytes(watched):
    for request in b"status\0\n", b"\0" * 127 + b"\n", b"\0\n":
        answer = watched.raw(request)
        assert b"\0" not in answer
        assert answer.split(b"\n")[-2].split(b"\t")[0] in (b"ok", b"error")


def test_nothing(watched):
    for _ in range(200):
        watched.connect().close()


def test_descriptor_in_the_message(watched):
    """Descriptors that a client passes along do not stay with the daemon."""
    for _ in range(20):
        with watched.connect() as s, open("/dev/null", "rb") as null:
            socket.send_fds(s, [b"help\n"], [null.fileno()])
            assert read_all(s).endswith(b"ok\n")


def test_urgent_data_is_no_surprise(watched):
    with watched.connect() as s:
        s.sendall(b"hel")
        try:
            s.send(b"p", socket.MSG_OOB)
        except OSError:
            s.sendall(b"p")
        s.sendall(b"\n")
        read_all(s)


# --- slow ones


def test_byte_by_byte(watched):
    with watched.connect() as s:
        for byte in b"status\n":
            s.send(bytes([byte]))
            time.sleep(0.02)
        assert read_all(s).endswith(b"\nok\n")


def test_read_byte_by_byte(watched):
    with watched.connect() as s:
        s.sendall(b"status\n")
        answer = b""
        while byte := s.recv(1):
            answer += byte
    assert answer.endswith(b"\nok\n")


def test_half_closed_after_the_request(watched):
    """As socat and nc do it: they have nothing more to say and want the answer."""
    for request in "stats", "maps":
        with watched.connect() as s:
            s.sendall(request.encode() + b"\n")
            s.shutdown(socket.SHUT_WR)
            assert read_all(s).endswith(b"\nok\n")


def seconds_until_cut_off(daemon, request=b"", shutdown=None):
    """Sends the request, half closes the connection if that is wanted, and waits until the daemon closes it without a
    word."""
    with daemon.connect() as s:
        before = time.monotonic()
        s.sendall(request)
        if shutdown is not None:
            s.shutdown(shutdown)
        assert read_all(s) == b""
        return time.monotonic() - before


def test_half_closed_before_the_request_is_whole(watched):
    for request in b"", b"status":
        assert quickest(lambda: seconds_until_cut_off(watched, request, socket.SHUT_WR), 1) < 1


def test_idle_client_is_cut_off(watched):
    assert IDLE - 1 <= quickest(lambda: seconds_until_cut_off(watched), IDLE + 2) <= IDLE + 2


def test_idle_clients_cost_no_time(watched):
    for _ in range(CLIENTS - 1):
        watched.connect()
    before = watched.processor_seconds()
    time.sleep(2)
    assert watched.processor_seconds() - before < 0.2


def test_forty_idle_clients(watched):
    def attempt():
        idle = [watched.connect() for _ in range(40)]
        for _ in range(20):
            assert watched.is_well()
        before = time.monotonic()
        for s in idle:
            assert read_all(s) == b""
        return time.monotonic() - before
    assert quickest(attempt, IDLE + 2) < IDLE + 2


def unread(s):
    """The bytes that the other side has not taken yet."""
    return struct.unpack("i", fcntl.ioctl(s, termios.TIOCOUTQ, bytes(4)))[0]


def test_who_speaks_is_not_cut_off_for_a_newcomer(watched):
    """However short ago the others were heard for the last time."""
    before = watched.descriptors()
    crowd = [watched.connect() for _ in range(CLIENTS)]
    wait_until(lambda: watched.descriptors() == before + CLIENTS, "all to be accepted")
    crowd[0].sendall(b"hel")
    wait_until(lambda: not unread(crowd[0]), "the daemon to hear one")
    assert watched.is_well()
    crowd[0].sendall(b"p\n")
    assert read_all(crowd[0]).endswith(b"ok\n")


@needs_users
def test_the_group_does_not_cut_off_root(stopped):
    stopped.configure(group=GROUP.name)
    with unharmed(stopped.start()):
        ours = stopped.connect()
        ours.sendall(b"hel")
        with acting_as(NOBODY, GROUP.gid):
            crowd = [stopped.connect() for _ in range(3 * CLIENTS)]
        assert stopped.is_well()
        ours.sendall(b"p\n")
        assert read_all(ours).endswith(b"ok\n")
        for s in crowd:
            s.close()


@needs_users
def test_root_alone_leaves_no_room_for_the_group(stopped):
    stopped.configure(group=GROUP.name)
    with unharmed(stopped.start()):
        ours = [stopped.connect() for _ in range(CLIENTS)]
        with acting_as(NOBODY, GROUP.gid):
            assert stopped.refuse("help") == ([], "too many clients; ask again")
        for s in ours:
            s.sendall(b"help\n")
            assert read_all(s).endswith(b"ok\n")


def test_two_hundred_clients_that_drip(watched):
    """Each moves a byte now and then, to be no idle one; there are more than places."""
    for _ in range(3):
        dripping = [watched.connect() for _ in range(100)]
        for s in dripping:
            try:
                s.send(b"s")
            except (BrokenPipeError, ConnectionResetError):
                pass
        assert watched.is_well()
        for s in dripping:
            s.close()


# --- resources


def test_no_descriptors_left(stopped):
    """More clients than descriptors: the daemon neither ends nor spins, and recovers."""
    stopped.start()
    limit = CLIENTS + 6
    assert stopped.descriptors() + CLIENTS > limit
    resource.prlimit(stopped.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    crowd = [stopped.connect() for _ in range(CLIENTS)]
    before = stopped.processor_seconds()
    time.sleep(2)
    assert stopped.processor_seconds() - before < 0.3
    assert probe()
    for s in crowd:
        s.close()
    wait_until(lambda: stopped.raw(b"help\n").endswith(b"ok\n"), "room for a client")
    assert stopped.is_well()


def test_reload_storm(daemon):
    """Reloads one after the other while the queue is busy: no packet is lost."""
    for _ in range(100):
        daemon.ask("reload")
        assert probe()


# --- the socket's file


def test_socket_is_gone_after_a_stop(daemon):
    assert daemon.stop() == 0
    assert not daemon.socket.exists()


def test_stop_with_clients(stopped):
    def attempt():
        stopped.start()
        clients = [stopped.connect() for _ in range(5)]
        clients[0].sendall(b"stat")
        before = time.monotonic()
        assert stopped.stop() == 0
        taken = time.monotonic() - before
        assert all(read_all(s) == b"" for s in clients)
        return taken
    assert quickest(attempt, 2) < 2


def test_restart_after_a_kill(daemon):
    daemon.stop(signal.SIGKILL)
    assert daemon.socket.is_socket()
    daemon.start()
    assert daemon.is_well()


def test_second_daemon_is_refused(daemon):
    text = daemon.fail()
    assert text.count("\n") == 1 and str(daemon.socket) in text
    assert daemon.socket.is_socket()
    assert daemon.is_well()


def fill_backlog(path):
    """Connects until nobody more can."""
    crowd = []
    for _ in range(1000):
        s = socket.socket(socket.AF_UNIX)
        s.setblocking(False)
        crowd.append(s)
        try:
            s.connect(path)
        except BlockingIOError:
            return crowd
    raise AssertionError("the backlog has no end")


def test_second_daemon_is_refused_while_the_first_is_busy(daemon):
    """A full backlog is no reason to take the socket for a dead one."""
    with paused(daemon.process.pid):
        crowd = fill_backlog(str(daemon.socket))
        text = daemon.fail()
    for s in crowd:
        s.close()
    assert text.count("\n") == 1 and str(daemon.socket) in text
    assert daemon.socket.is_socket()
    wait_until(lambda: daemon.raw(b"help\n").endswith(b"ok\n"), "room for a client")
    assert daemon.is_well()


def test_file_that_is_no_socket_is_left_alone(stopped):
    stopped.socket.write_text("precious")
    text = stopped.fail()
    assert text.count("\n") == 1 and str(stopped.socket) in text
    assert stopped.socket.read_text() == "precious"


def test_symlink_to_something_else(stopped):
    target = stopped.directory / "precious"
    target.write_text("precious")
    stopped.socket.symlink_to(target)
    text = stopped.fail()
    assert text.count("\n") == 1
    assert target.read_text() == "precious"
    assert stopped.socket.is_symlink()


def test_directory_that_is_not_there(stopped):
    stopped.socket = stopped.directory / "absent" / "control"
    stopped.configure()
    text = stopped.fail()
    assert text.count("\n") == 1 and str(stopped.socket) in text


def test_socket_that_somebody_removed(daemon):
    """The daemon goes on, and a stop does not trip over it."""
    daemon.socket.unlink()
    assert probe()
    assert daemon.stop() == 0


def test_failed_start_leaves_no_socket(daemon):
    """Another daemon on the same queue but another socket gives up and cleans up."""
    first, daemon.socket = daemon.socket, daemon.directory / "second"
    daemon.configure()
    text = daemon.fail()
    assert text.count("\n") == 1 and "queue 0" in text
    assert not daemon.socket.exists()
    daemon.socket = first
    assert daemon.is_well()


def test_peer_that_resets(watched):
    """SO_LINGER means nothing to such a socket, but closing with unread data is a reset."""
    for _ in range(100):
        s = watched.connect()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.sendall(b"stats\n")
        time.sleep(0.001)
        s.close()
