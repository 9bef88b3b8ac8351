# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""What is on the wire: raw frames, as the kernel's packet sockets show them, and what
an independent decoder thinks of their checksums. Shares no code with the daemon."""

import functools
import ipaddress
import os
import select
import socket
import struct
import subprocess
import time
from dataclasses import dataclass

ETHERNET = 14
ERROR_TYPES = {4: (3, 11, 12), 6: (1, 2, 3, 4)}
ICMP_PROTOCOL = {4: 1, 6: 58}
TSHARK_SUMS = ("ip", "icmp", "icmpv6", "udp", "tcp")
SO_RCVBUFFORCE = 33
# From Linux 7.2 on no rule of nft clears the bit that dup sets: don't fragment.
COPIES_MAY_BE_FRAGMENTED = [int(number) for number in os.uname().release.split(".")[:2]] < [7, 2]


def header_length(packet):
    """Of the IP header; of IPv6 without extension headers, which the lab does not use."""
    return (packet[0] & 15) * 4 if packet[0] >> 4 == 4 else 40


def addresses(packet):
    a, b, c = (12, 16, 20) if packet[0] >> 4 == 4 else (8, 24, 40)
    return str(ipaddress.ip_address(packet[a:b])), str(ipaddress.ip_address(packet[b:c]))


def without_hops(packet):
    """A packet, or the start of one, without what every router on its way changes."""
    if packet[0] >> 4 == 4:
        return packet[:8] + packet[9:10] + packet[12:]
    return packet[:7] + packet[8:]


@dataclass(frozen=True)
class Error:
    """An ICMP error: packet is all of it, without the link's header."""
    packet: bytes

    @classmethod
    def parse(cls, packet):
        """The error in a packet, or None if it is something else."""
        if packet[0] >> 4 not in ERROR_TYPES or len(packet) < header_length(packet) + 8:
            return None
        version = packet[0] >> 4
        protocol = packet[9] if version == 4 else packet[6]
        if protocol != ICMP_PROTOCOL[version]:
            return None
        error = cls(packet)
        return error if error.type in ERROR_TYPES[version] else None

    @property
    def _icmp(self):
        return self.packet[header_length(self.packet):]

    @property
    def source(self):
        return addresses(self.packet)[0]

    @property
    def dont_fragment(self):
        return self.packet[0] >> 4 == 4 and bool(self.packet[6] & 0x40)

    @property
    def type(self):
        return self._icmp[0]

    @property
    def code(self):
        return self._icmp[1]

    @property
    def mtu(self):
        return struct.unpack("!I", self._icmp[4:8])[0]

    @property
    def inner(self):
        return self._icmp[8:]

    @property
    def cut_short(self):
        """True if the inner packet is not quoted whole."""
        inner = self.inner
        length, = struct.unpack("!H", inner[2:4] if inner[0] >> 4 == 4 else inner[4:6])
        return len(inner) < length + (0 if inner[0] >> 4 == 4 else 40)

    def quotes(self, packet):
        """True if the inner packet is the start of this one, as it was sent."""
        quoted = without_hops(self.inner)
        return without_hops(packet)[:len(quoted)] == quoted

    def without_copy_marks(self):
        """All bytes but those in which a copy may differ: IP id and DF, and the sum over them."""
        if self.packet[0] >> 4 == 6:
            return self.packet
        flags = bytes([self.packet[6] & 0xbf])
        return self.packet[:4] + b"--" + flags + self.packet[7:10] + b"--" + self.packet[12:]


class Capture:
    """Listens on an interface from the moment it is made until it is closed."""

    def __init__(self, host, interface, buffer=8 << 20):
        with host.here():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, buffer)
        except PermissionError:  # a user's sandbox
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._socket.bind((interface, 3))
        self.sent, self.received, self._errors = [], [], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._socket.close()

    def read(self, timeout=0.0):
        """Takes what has arrived; waits for the first of it at most timeout seconds."""
        while select.select([self._socket], [], [], timeout)[0]:
            frame, (_, _, kind, _, _) = self._socket.recvfrom(65536)
            if frame[12:14] in (b"\x08\x00", b"\x86\xdd"):
                self._take(frame[ETHERNET:], kind == socket.PACKET_OUTGOING)
            timeout = 0

    def _take(self, packet, outgoing):
        if outgoing:
            self.sent.append(packet)
            return
        self.received.append(packet)
        error = Error.parse(packet)
        if error:
            self._errors.append(error)

    def errors(self, count=0, timeout=60.0):
        """The ICMP errors received so far, after waiting for count of them."""
        deadline = time.monotonic() + timeout
        while True:
            self.read()
            left = deadline - time.monotonic()
            if len(self._errors) >= count or left <= 0:
                return list(self._errors)
            self.read(left)


class _Decoder:
    """A tshark that decodes packet by packet for as long as this program runs: to start takes it longer
    than to read thousands."""

    def __init__(self):
        options = [o for p in ("ip", "udp", "tcp") for o in ("-o", p + ".check_checksum:TRUE")]
        fields = [o for p in TSHARK_SUMS for o in ("-e", p + ".checksum.status")]
        self._process = subprocess.Popen(["tshark", "-n", "-l", "-r", "-", *options, "-T", "fields", *fields],
                                         bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._process.stdin.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))

    def statuses(self, packet, timeout=60):
        self._process.stdin.write(struct.pack("=IIII", 0, 0, len(packet), len(packet)) + packet)
        assert select.select([self._process.stdout], [], [], timeout)[0], f"tshark said nothing in {timeout} s"
        line = self._process.stdout.readline().decode()
        assert line.endswith("\n"), "tshark ended"
        return line[:-1]


_decoder = functools.cache(_Decoder)


def bad_checksums(packets):
    """What tshark says of these packets: a line for each that has a wrong checksum, in
    the outer header, in ICMP, or in the quoted packet."""
    complaints = [_complaint(packet, _decoder().statuses(packet)) for packet in packets]
    return [f"packet {i}: {text}" for i, text in enumerate(complaints) if text]


def _complaint(packet, line):
    """A status is 0 bad, 1 good, 2 unverified, 3 not present."""
    status = dict(zip(TSHARK_SUMS, line.split("\t")))
    bad = [name for name, values in status.items() if "0" in values.split(",")]
    if "tcp" in bad and Error(packet).cut_short:  # tshark sums up what is not there
        bad.remove("tcp")
    if not (status["icmp"] or status["icmpv6"]).startswith("1"):
        bad.append(f"icmp not verified: {status}")
    return " ".join(bad)


def send_frames(host, interface, mac, frames):
    """Sends IP packets as they are, from an interface to a neighbour's hardware address."""
    with host.here(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
        link.bind((interface, 0))
        own = link.getsockname()[4]
        for packet in frames:
            kind = b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
            link.send(bytes.fromhex(mac.replace(":", "")) + own + kind + packet)
