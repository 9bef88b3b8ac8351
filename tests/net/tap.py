# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""What the kernel knows and does, read from its own interfaces: errors as they were emitted (nfnetlink_log,
before any NAT) and as they left (packet sockets), and the tuples of connection tracking (ctnetlink).

   error emitted -> OUTPUT: log = U -> kernel's NAT of OUTPUT, POSTROUTING -> wire = K
"""

import ipaddress
import select
import socket
import struct
import time
from dataclasses import dataclass, replace

from lab.traffic import Capture, Error

GROUP = 77  # of nfnetlink_log; the rule that logs to it is the test's
NETLINK_NETFILTER, CTNETLINK, ULOG = 12, 1, 4
REQUEST, ACK, DUMP = 1, 4, 0x300
ERROR, DONE = 2, 3


def attribute(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def attributes(data):
    """{type: payload} of a message or of a nest."""
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        found[kind & 0x3fff] = data[4:length]
        data = data[length + 3 & ~3:]
    return found


class Netlink:
    """One nfnetlink socket of a host."""

    def __init__(self, host):
        with host.here():
            self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self.socket.bind((0, 0))

    def close(self):
        self.socket.close()

    def send(self, subsystem, message, flags, resource=0, family=0, data=b""):
        body = struct.pack("!BBH", family, 0, resource) + data
        self.socket.send(struct.pack("=IHHII", 16 + len(body), subsystem << 8 | message, flags, 1, 0) + body)

    def messages(self):
        """The messages of one datagram, as (type, attributes)."""
        data = self.socket.recv(1 << 18)
        while data:
            length, kind = struct.unpack_from("=IH", data)
            if kind == ERROR:
                number, = struct.unpack_from("=i", data, 16)
                if number:
                    raise OSError(-number, "netlink")
            yield kind, data[20:length]
            data = data[length + 3 & ~3:]

    def request(self, *arguments, **options):
        self.send(*arguments, **options)
        list(self.messages())


@dataclass(frozen=True)
class Tuple:
    """Of connection tracking. The ports of an ICMP query are both its identifier."""
    protocol: int
    source: str
    destination: str
    sport: int = 0
    dport: int = 0
    type: int = 0
    code: int = 0

    def inverse(self):
        kind = {1: {8: 0, 0: 8}, 58: {128: 129, 129: 128}}.get(self.protocol, {}).get(self.type, self.type)
        return replace(self, source=self.destination, destination=self.source,
                       sport=self.dport, dport=self.sport, type=kind)


class Conntrack(Netlink):
    """The flows of a host, as pairs of an original and a reply tuple."""

    def flush(self):
        for family in socket.AF_INET, socket.AF_INET6:
            self.request(CTNETLINK, 2, REQUEST | ACK, family=family)

    def flows(self):
        self.send(CTNETLINK, 1, REQUEST | DUMP)
        while True:
            for kind, data in self.messages():
                if kind == DONE:
                    return
                entry = attributes(data)
                yield _tuple(entry[1]), _tuple(entry[2])

    def find(self, original):
        """The flow that a packet with this tuple has opened, or None."""
        return next((flow for flow in list(self.flows()) if flow[0] == original), None)


def _tuple(nest):
    parts = attributes(nest)
    ip, l4 = attributes(parts[1]), attributes(parts[2])
    source, destination = [str(ipaddress.ip_address(ip.get(v4) or ip[v6])) for v4, v6 in ((1, 3), (2, 4))]
    protocol = l4[1][0]
    if protocol in (1, 58):
        number, kind, code = (4, 5, 6) if protocol == 1 else (7, 8, 9)
        ident, = struct.unpack("!H", l4[number])
        return Tuple(protocol, source, destination, ident, ident, l4[kind][0], l4[code][0])
    ports = [struct.unpack("!H", l4[n])[0] if n in l4 else 0 for n in (2, 3)]
    return Tuple(protocol, source, destination, *ports)


class Tap:
    """Sees each error of a host twice: as it was emitted, and as it leaves by one of the interfaces."""

    def __init__(self, host, interfaces):
        self._log = Netlink(host)
        bind = attribute(1, b"\1")
        whole = attribute(2, struct.pack("!IBB", 0xffff, 2, 0)) + attribute(5, struct.pack("!I", 1))
        for config in bind, whole:  # every packet is sent at once
            self._log.request(ULOG, 1, REQUEST | ACK, resource=GROUP, data=config)
        self._captures = [Capture(host, name) for name in interfaces]

    def close(self):
        self._log.close()
        for capture in self._captures:
            capture.close()

    def emitted(self):
        """What has been logged since the last call."""
        packets = []
        while select.select([self._log.socket], [], [], 0)[0]:
            packets += [attributes(data)[9] for _, data in self._log.messages()]
        return packets

    def left(self):
        """The errors that have left since the last call."""
        errors = []
        for capture in self._captures:
            capture.read()
            errors += [packet for packet in capture.sent if Error.parse(packet)]
            capture.sent.clear()
            capture.received.clear()
        return errors

    def provoke(self, action, what="", timeout=3.0):
        """The one error that an action provokes: (as emitted, as it left)."""
        self.emitted(), self.left()
        action()
        emitted, left, deadline = [], [], time.monotonic() + timeout
        while not (emitted and left) and time.monotonic() < deadline:
            emitted, left = emitted + self.emitted(), left + self.left()
            time.sleep(0.0005)
        assert (len(emitted), len(left)) == (1, 1), f"{what}: {len(emitted)} errors emitted, {len(left)} left"
        return emitted[0], left[0]
