# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Packets of any protocol, and the order in which connection tracking wants to see them. Raw
ones: kernels without sockets for a protocol still translate it."""

import struct

from malformed import ICMP, ICMPV6, SCTP, TCP, UDP, UDPLITE, packed, pseudo_header, put_sum

DCCP, GRE, ESP, AH, IPIP, OTHER = 33, 47, 50, 51, 4, 253
NAMES = {"tcp": TCP, "udp": UDP, "udp_without_sum": UDP, "udplite": UDPLITE, "sctp": SCTP, "dccp": DCCP,
         "echo": ICMP, "gre": GRE, "esp": ESP, "ah": AH, "ipip": IPIP, "other": OTHER}
WITH_PORTS = (TCP, UDP, UDPLITE, SCTP, DCCP)
TAG = 0x1c9d2e4f  # every SCTP verification tag
SYN, SYN_ACK, DATA = "syn", "syn-ack", "data"
# who sends what before a flow is established: "o" the one who opens it, "r" the other
OPENING = {TCP: (("o", SYN), ("r", SYN_ACK), ("o", DATA)),
           SCTP: (("o", "init"), ("r", "init-ack"), ("o", "cookie-echo"), ("r", "cookie-ack")),
           DCCP: (("o", "request"), ("r", "response"), ("o", DATA), ("r", DATA))}
SCTP_CHUNK = {DATA: 0, "init": 1, "init-ack": 2, "cookie-echo": 10, "cookie-ack": 11}
DCCP_TYPE = {DATA: (3, 6), "request": (0, 5), "response": (1, 7)}  # and the words of its header


def opening(protocol):
    return OPENING.get(protocol, (("o", DATA), ("r", DATA)))


def crc32c(data):
    """Bit by bit (RFC 9260, appendix A), as it stands on the wire."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return struct.pack("<I", crc ^ 0xffffffff)


def _payload(size):
    return bytes(i * 7 + 3 & 0xff for i in range(size))


def _tcp(t, step, size):
    flags = {SYN: 0x02, SYN_ACK: 0x12, DATA: 0x18}[step]
    head = struct.pack("!HHIIBBHHH", t.sport, t.dport, 1000, 2000, 0x50, flags, 65535, 0, 0)
    return head + _payload(size)


def _udp(t, step, size):
    return struct.pack("!HHHH", t.sport, t.dport, 8 + size, 0) + _payload(size)


def _sctp(t, step, size):
    size += -size % 4
    if step in ("init", "init-ack"):  # tag, window, streams, first number; then one unknown parameter
        body = struct.pack("!IIHHIHH", TAG, 65536, 1, 1, 1, 0x8123, 4 + size) + _payload(size)
    else:
        body = struct.pack("!IHHI", 1, 1, 1, 0) + _payload(size)
    chunk = struct.pack("!BBH", SCTP_CHUNK[step], 3, 4 + len(body)) + body
    return struct.pack("!HHII", t.sport, t.dport, 0 if step == "init" else TAG, 0) + chunk


def _dccp(t, step, size):
    """Has ports also where connection tracking knows of none."""
    kind, words = DCCP_TYPE[step]
    head = struct.pack("!HHBBHBBHI", t.sport or 4000, t.dport or 5000, words, 0, 0, kind << 1 | 1, 0, 1, 7)
    return head + bytes(4 * words - len(head)) + _payload(size)


def _echo(t, step, size):
    return struct.pack("!BBHHH", t.type, t.code, 0, t.sport, 1) + _payload(size)


def _opaque(t, step, size):
    """What NAT does not look into. The first word is sound for GRE: version 0, no key. All of it sums up
    to zero: the kernel rejects nothing else in a protocol that it does not know (nf_reject_verify_csum)."""
    data = bytearray(struct.pack("!HHII", 0, 0x0800, 1, 2) + _payload(size))
    put_sum(data, 10)
    return bytes(data)


MAKERS = {TCP: _tcp, UDP: _udp, UDPLITE: _udp, SCTP: _sctp, DCCP: _dccp, ICMP: _echo, ICMPV6: _echo}
SUMS = {TCP: 16, UDP: 6, UDPLITE: 6, DCCP: 6, ICMP: 2, ICMPV6: 2}


def _sum(packet, offset, protocol, without_sum):
    """The transport data of a packet, with its checksum."""
    data = bytearray(packet[offset:])
    if protocol == SCTP:
        data[8:12] = crc32c(data)
    elif protocol in SUMS and not without_sum:
        pseudo = b"" if protocol == ICMP else pseudo_header(packet, len(data), protocol)
        put_sum(data, SUMS[protocol], pseudo)
        if protocol == UDP and data[6:8] == b"\0\0":
            data[6:8] = b"\xff\xff"
    return bytes(data)


def build(name, t, step=DATA, size=24, hops=64, dscp=0, options=b"", last=b""):
    """A packet with the tuple t. options are those of IPv4, or the extension header of IPv6 that its
    first byte names; last are the last bytes of its payload."""
    transport = MAKERS.get(t.protocol, _opaque)(t, step, size)
    transport = transport[:len(transport) - len(last)] + last
    if ":" in t.source:
        extension = bytes([t.protocol]) + options[1:]
        extension = extension if options else b""
        head = struct.pack("!IHBB", 6 << 28 | dscp << 22 | 0x12345, len(extension + transport),
                           options[0] if options else t.protocol, hops)
        head += packed(t.source) + packed(t.destination)
    else:
        extension = b""
        head = bytearray(struct.pack(
            "!BBHHHBBH", 0x45 + len(options) // 4, dscp << 2, 20 + len(options) + len(transport), 0x4a4b,
            0x4000, hops, t.protocol, 0) + packed(t.source) + packed(t.destination) + options)
        put_sum(head, 10)
    packet = bytes(head) + transport
    return bytes(head) + extension + _sum(packet, len(head), t.protocol, name.endswith("without_sum"))


def cut(error, size):
    """An error that quotes only so many bytes of what this one does, with its sums right."""
    begin = (error[0] & 15) * 4 if error[0] >> 4 == 4 else 40
    return _finish(error[:begin], error[begin:begin + 8 + size])


def with_extension(error, size):
    """The same, padded to 128 bytes, and an RFC 4884 extension with one MPLS object behind it."""
    return with_objects(error, size, (1, 1, struct.pack("!I", 0x00064140)))


def with_objects(error, size, *objects):
    """The same with an extension of objects: (class, c-type, payload)."""
    begin = (error[0] & 15) * 4 if error[0] >> 4 == 4 else 40
    icmp = bytearray(error[begin:begin + 8 + min(size, 128)] + bytes(max(0, 128 - size)))
    field, unit = (5, 4) if error[0] >> 4 == 4 else (4, 8)
    icmp[field] = 128 // unit
    extension = bytearray(struct.pack("!BBH", 0x20, 0, 0))
    for kind, parts, payload in objects:
        extension += struct.pack("!HBB", 4 + len(payload), kind, parts) + payload
    put_sum(extension, 2)
    return _finish(error[:begin], bytes(icmp + extension))


def sum_to_zero(packet, offset):
    """The last two bytes for which the sum at this offset of a UDP packet would come out as zero."""
    sums = struct.unpack("!H", packet[offset:offset + 2])[0] + struct.unpack("!H", packet[-2:])[0]
    return struct.pack("!H", (sums & 0xffff) + (sums >> 16))


def _finish(head, icmp):
    head, icmp = bytearray(head), bytearray(icmp)
    if head[0] >> 4 == 4:
        head[2:4] = struct.pack("!H", len(head) + len(icmp))
        put_sum(head, 10)
        put_sum(icmp, 2)
    else:
        head[4:6] = struct.pack("!H", len(icmp))
        put_sum(icmp, 2, pseudo_header(bytes(head), len(icmp), ICMPV6))
    return bytes(head + icmp)
