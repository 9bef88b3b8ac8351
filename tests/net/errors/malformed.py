# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Damaged ICMP errors from a seed, and an opinion on the checksums of whatever comes back.
Every packet can be recognised afterwards: by its IP id, or its flow label."""

import ipaddress
import random
import struct

from lab.network import V4, V6

ICMP, TCP, UDP, SCTP, ICMPV6, UDPLITE = 1, 6, 17, 132, 58, 136
TRANSPORTS = (ICMP, TCP, UDP, SCTP, ICMPV6, UDPLITE, 47, 50)
TRANSPORT_SUM = {TCP: 16, UDP: 6}
TYPES = {4: (3, 11, 12), 6: (1, 2, 3, 4)}


def ones_sum(data):
    """The Internet checksum of data: 0 if one in it is right."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def put_sum(data, offset, pseudo=b""):
    """Makes the checksum at an offset right."""
    data[offset:offset + 2] = b"\0\0"
    data[offset:offset + 2] = struct.pack("!H", ones_sum(pseudo + bytes(data)))


def pseudo_header(packet, length, protocol):
    if packet[0] >> 4 == 4:
        return packet[12:20] + struct.pack("!HH", protocol, length)
    return packet[8:40] + struct.pack("!II", length, protocol)


def identity(packet):
    """(version, number) of a generated packet."""
    if packet[0] >> 4 == 4:
        return 4, struct.unpack("!H", packet[4:6])[0]
    return 6, struct.unpack("!I", packet[:4])[0] & 0xfffff


def sums(packet):
    """Which checksums of an error are right: {"ip", "icmp", "inner ip", "inner transport"}, each
    only where it exists and everything that it covers is there."""
    version, size = packet[0] >> 4, outer_header_length(packet)
    icmp = packet[size:]
    if version == 4:
        right = {"ip": ones_sum(packet[:size]) == 0, "icmp": ones_sum(icmp) == 0}
    else:
        right = {"icmp": ones_sum(pseudo_header(packet, len(icmp), ICMPV6) + icmp) == 0}
    inner = icmp[8:8 + quote_length(version, icmp)]
    if version == 4 and len(inner) >= 20 and inner[0] >> 4 == 4 and 20 <= (inner[0] & 15) * 4 <= len(inner):
        right["inner ip"] = ones_sum(inner[:(inner[0] & 15) * 4]) == 0
    transport = whole_transport(inner)
    if transport and inner[0] >> 4 == version:
        right["inner transport"] = ones_sum(transport) == 0
    return right


def outer_header_length(packet):
    if packet[0] >> 4 == 4:
        return (packet[0] & 15) * 4
    return 40 + (8 if packet[6] == 60 else 0)


def quote_length(version, icmp):
    """Where RFC 4884 says that the quoted packet ends, else all that there is."""
    words, size = (icmp[5], 4) if version == 4 else (icmp[4] if icmp[0] in (1, 3) else 0, 8)
    return words * size or len(icmp)


def whole_transport(inner):
    """Pseudo-header and data of a quoted TCP or UDP packet, if nothing of it is missing."""
    if len(inner) >= 20 and inner[0] >> 4 == 4:
        size, protocol = (inner[0] & 15) * 4, inner[9]
        length = struct.unpack("!H", inner[2:4])[0] - size
        fragment = struct.unpack("!H", inner[6:8])[0] & 0x3fff
    elif len(inner) >= 40 and inner[0] >> 4 == 6:
        size, protocol, fragment = 40, inner[6], 0
        length = struct.unpack("!H", inner[4:6])[0]
    else:
        return None
    data = inner[size:]
    if protocol not in TRANSPORT_SUM or fragment or size < 20 or length != len(data) or length < 20:
        return None
    if inner[0] >> 4 == 4 and has_route_left(inner[20:size]):
        return None
    if protocol == UDP and data[6:8] == b"\0\0":
        return None
    return pseudo_header(inner, length, protocol) + data


def has_route_left(options):
    """Whether a source route (RFC 791: 131 loose, 137 strict) will replace the destination: the
    transport's sum is about the last address of the route then, not about that of the header."""
    while len(options) >= 3 and options[0] != 0:
        if options[0] == 1:
            options = options[1:]
            continue
        if options[0] in (131, 137):
            return options[2] <= options[1]
        if options[1] < 2:
            break
        options = options[options[1]:]
    return False


class Generator:
    def __init__(self, seed):
        self._random = random.Random(seed)
        self._bytes = self._random.randbytes

    def packets(self, count):
        """Half of them IPv4, half IPv6; count is at most 2 * 65535."""
        return [self._packet(version, number) for number in range(1, count // 2 + 1) for version in (4, 6)]

    def _chance(self, one_in):
        return self._random.randrange(one_in) == 0

    def _packet(self, version, number):
        """One error; four in five have a right ICMP checksum, so that what is behind it is reached."""
        inner = self._inner(version if not self._chance(20) else 10 - version)
        icmp = bytearray(struct.pack("!BBHI", self._random.choice(TYPES[version]),
                                     self._random.randrange(16), 0, 0) + inner)
        self._damage_icmp(icmp)
        if version == 4:
            return self._outer4(icmp, number)
        return self._outer6(icmp, number)

    def _inner(self, version):
        address = self._address4 if version == 4 else self._address6
        payload, protocol = bytearray(self._bytes(self._random.choice((0, 4, 8, 20, 28, 100, 600)))), \
            self._random.choice(TRANSPORTS)
        source, destination = address(), address()
        if version == 4:
            options = self._bytes(4 * self._random.randrange(11)) if self._chance(4) else b""
            head = bytearray(struct.pack(
                "!BBHHHBBH4s4s", 0x45 + len(options) // 4, 0, 20 + len(options) + len(payload), 1,
                0x4000 if not self._chance(10) else self._random.randrange(65536), 9, protocol, 0,
                source, destination) + options)
            put_sum(head, 10)
        else:
            head = bytearray(struct.pack("!IHBB16s16s", 6 << 28, len(payload), protocol, 9,
                                         source, destination))
        offset = TRANSPORT_SUM.get(protocol)
        if offset and len(payload) > offset + 1 and not self._chance(5):
            put_sum(payload, offset, pseudo_header(bytes(head), len(payload), protocol))
        if version == 6 and self._chance(4):
            head, payload = self._with_extensions(head, payload)
        return self._cut(head + payload)

    def _with_extensions(self, head, payload):
        """Extension headers, whole and not so whole, before the transport."""
        kind = self._random.choice((0, 43, 44, 51, 60))
        extension = bytearray(self._bytes(8 * self._random.randint(1, 3)))
        extension[0], head[6] = head[6], kind
        extension[1] = self._random.choice((len(extension) // 8 - 1, self._random.randrange(256)))
        return head, extension + payload

    def _cut(self, packet):
        return packet[:self._random.randrange(len(packet) + 1)] if self._chance(3) else packet

    def _damage_icmp(self, icmp):
        """Random bytes where lengths, MTU and pointer stand, and anywhere behind them."""
        if self._chance(4):
            icmp[4 + self._random.randrange(4)] = self._random.randrange(256)
        if self._chance(4) and len(icmp) > 8:
            for _ in range(self._random.randint(1, 8)):
                icmp[self._random.randrange(8, min(len(icmp), 80))] = self._random.randrange(256)
        if self._chance(10):
            icmp += self._bytes(self._random.randrange(200))

    def _outer4(self, icmp, number):
        icmp[4] &= 0x3f  # as in all that the kernel emits: what has no room for the rules' marks is not copied
        if not self._chance(5):
            put_sum(icmp, 2)
        else:
            icmp[2:4] = self._bytes(2)
        options = bytes(4 * self._random.randrange(11)) if self._chance(8) else b""
        head = bytearray(struct.pack(
            "!BBHHHBBH4s4s", 0x45 + len(options) // 4, 0xc0, 20 + len(options) + len(icmp), number,
            0x4000 if self._chance(2) else 0, 64, ICMP, 0, self._source(V4), packed(V4.client)) + options)
        put_sum(head, 10)  # the kernel would do so anyway
        return bytes(head + icmp)

    def _outer6(self, icmp, number):
        icmp[5] = 0  # likewise
        head = bytearray(struct.pack("!IHBB16s16s", 6 << 28 | number, len(icmp), ICMPV6, 64,
                                     self._source(V6), packed(V6.client)))
        if not self._chance(5):
            put_sum(icmp, 2, pseudo_header(bytes(head), len(icmp), ICMPV6))
        else:
            icmp[2:4] = self._bytes(2)
        if self._chance(20):
            head[4:6] = self._bytes(2)  # a wrong payload length
        return bytes(head + icmp)

    def _source(self, family):
        return packed(self._random.choice((family.firewall, family.firewall_dmz, family.public)))

    def _address4(self):
        return packed(self._random.choice((V4.stateless_inside, V4.client, V4.firewall, V4.dmz))) \
            if not self._chance(4) else self._bytes(4)

    def _address6(self):
        return packed(self._random.choice((V6.stateless_inside, V6.client, V6.firewall, V6.dmz))) \
            if not self._chance(4) else self._bytes(16)


def packed(address):
    return ipaddress.ip_address(address).packed
