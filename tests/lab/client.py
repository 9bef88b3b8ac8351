# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""What a client on the internet does and sees: real sockets and real programs."""

import errno
import os
import re
import select
import socket
import struct
import time
from dataclasses import dataclass

ECHO_PORT = 7       # answers at the open hosts, for TCP and UDP
NAT_PORT = 8007     # of the DNATed host, for UDP: the same service
IP_RECVERR, IPV6_RECVERR = 11, 25
TCP_SYN_SENT = 2
ANSWERS = {
    errno.ECONNREFUSED: "refused", errno.EHOSTUNREACH: "host unreachable",
    errno.ENETUNREACH: "net unreachable", errno.EMSGSIZE: "too big",
    errno.EACCES: "prohibited", errno.EPROTO: "protocol error",
}


@dataclass(frozen=True)
class Reaction:
    """What a socket said: the answer, and from an error queue who complained of what."""
    answer: str
    offender: str = None
    type: int = None
    code: int = None
    mtu: int = None


TIMED_OUT, ANSWERED = Reaction("timed out"), Reaction("answered")


class UdpFlow:
    """A connected UDP socket of the client: one flow, one source port."""

    def __init__(self, host, address, port=ECHO_PORT, source_port=0):
        self.v6 = ":" in address
        with host.here():
            self.socket = socket.socket(socket.AF_INET6 if self.v6 else socket.AF_INET, socket.SOCK_DGRAM)
        if self.v6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        else:
            self.socket.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        self.socket.bind(("", source_port))
        self.socket.connect((address, port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def hops(self, hops):
        option = (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS) if self.v6 else (
            socket.IPPROTO_IP, socket.IP_TTL)
        self.socket.setsockopt(*option, hops)

    def hear_no_errors(self):
        """From now on, only of those that end a connection."""
        option = (socket.IPPROTO_IPV6, IPV6_RECVERR) if self.v6 else (socket.IPPROTO_IP, IP_RECVERR)
        self.socket.setsockopt(*option, 0)

    def send(self, size=100, timeout=2.0):
        """Sends one datagram and returns the reaction to it. DF is set, as by default."""
        # An error is queued before it is set on the socket: reading the queue may come in between.
        self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self.socket.send(b"x" * size)
        return self.reaction(timeout)

    def reaction(self, timeout=2.0):
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        if not poll.poll(timeout * 1000):
            return TIMED_OUT
        try:
            _, control, _, _ = self.socket.recvmsg(2048, 512, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)
        except BlockingIOError:
            self.socket.recv(2048)
            return ANSWERED
        return _extended_error(control[0][2])


def _extended_error(data):
    number, _, kind, code, _, info, _, family = struct.unpack_from("=IBBBBIIH", data)
    first, length = (20, 4) if family == socket.AF_INET else (24, 16)
    offender = socket.inet_ntop(family, data[first:first + length]) if family else None
    return Reaction(ANSWERS[number], offender, kind, code, info or None)


class TcpFlow:
    """A TCP socket of the client. Errors are shown at once, not after retries."""

    def __init__(self, host, address, port=ECHO_PORT, timeout=2.0):
        self.address, v6 = (address, port), ":" in address
        with host.here():
            self.socket = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        # closing ends it at once: nothing is sent again later
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def connect(self):
        return self._try(self._connect)

    def _connect(self):
        """An ICMPv4 error about a SYN is queued (and wakes who polls) before it is set on the socket, since Linux
        5.8: in between, Python's connect() finds no error there, and takes the socket for connected."""
        deadline = time.monotonic() + self.socket.gettimeout()
        self.socket.connect(self.address)
        connecting = True
        while connecting:
            # The state first: what ends an attempt is set before the state that it leads to.
            connecting = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_SYN_SENT
            if error := self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(error, os.strerror(error))
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(0.001 * connecting)

    def upload(self, size):
        """Sends size bytes, and waits until the other side says that it has them all."""
        def exchange():
            self.socket.sendall(b"u" * size)
            self.socket.shutdown(socket.SHUT_WR)
            assert int(self.socket.recv(32)) == size
        return self._try(exchange)

    @staticmethod
    def _try(action):
        try:
            action()
            return ANSWERED
        except TimeoutError:
            return TIMED_OUT
        except OSError as e:
            return Reaction(ANSWERS[e.errno])


def udp(host, address, size=100, timeout=2.0, hops=None):
    """Sends one datagram in a flow of its own."""
    with UdpFlow(host, address) as flow:
        if hops:
            flow.hops(hops)
        return flow.send(size, timeout)


def answering(network, family):
    """A flow that the dmz host has opened, and the firewall has SNATed: the client answers in it."""
    flow = UdpFlow(network.client, family.public2, port=40007, source_port=40008)
    with network.dmz.here():
        opener = socket.socket(socket.AF_INET6 if flow.v6 else socket.AF_INET, socket.SOCK_DGRAM)
    with opener:
        opener.bind((family.dmz, 40007))
        opener.sendto(b"hello", (family.client, 40008))
    assert flow.reaction() == ANSWERED
    return flow


def flood(host, address, datagrams):
    """Sends datagrams in one flow; an unconnected socket hears of no error."""
    with host.here():
        flow = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    with flow:
        for data in datagrams:
            flow.sendto(data, (address, ECHO_PORT))


def tcp(host, address, timeout=2.0):
    """Connects."""
    with TcpFlow(host, address, timeout=timeout) as flow:
        return flow.connect()


def upload(host, address, size=200_000, timeout=5.0):
    with TcpFlow(host, address, timeout=timeout) as flow:
        reaction = flow.connect()
        return reaction if reaction != ANSWERED else flow.upload(size)


def traceroute(host, address, hops=3, *options):
    """The addresses that traceroute shows, a "*" for each hop that did not answer."""
    out = host.run("traceroute", "-n", "-q1", "-w1", f"-m{hops}", *options, address).stdout
    return [line.split()[1] for line in out.splitlines()[1:]]


def learnt_mtu(host, address):
    """The path MTU that the kernel has learnt, or None."""
    found = re.search(r"\bmtu (\d+)", host.run("ip", "route", "get", address).stdout)
    return int(found[1]) if found else None


def ping(host, address, timeout=2):
    """True if an echo came back: also, a packet has been all the way and back."""
    return host.run("ping", "-n", "-c1", f"-W{timeout}", address, check=False).returncode == 0


def wait_until(true, what, timeout=60.0, pause=0.005):
    """Waits for a condition, and says what it was if it does not come. The timeout ends a test that has failed; a
    slow machine does not reach it."""
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline, f"waited {timeout} s for {what}"
        time.sleep(pause)


def quickest(attempt, enough, most=3):
    """Returns the seconds that an attempt says it has taken: of the first one that took less than enough, else the
    least of most attempts. A machine that was held up for a moment is not taken for a slow program."""
    least = attempt()
    for _ in range(most - 1):
        if least >= enough:
            least = min(least, attempt())
    return least
