# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Builds ICMP errors and the packets that they quote, each from its addresses, as its sender would have.

Knows nothing of the translator: sums are scapy's and cover whole packets, which are quoted afterwards.
"""
import functools
import socket
import struct

from scapy.layers.inet import TCP, UDP
from scapy.layers.sctp import SCTP, SCTPChunkData
from scapy.utils import checksum

IPIP, TCP_, UDP_, DCCP_, IPV6_, GRE, ESP, AH, ICMP_, ICMPV6_ = 4, 6, 17, 33, 41, 47, 50, 51, 1, 58
SCTP_, UDPLITE_, UNKNOWN = 132, 136, 253
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION, MOBILITY, HIP, SHIM6 = 0, 43, 44, 60, 135, 139, 140
TEXT = bytes(range(0x41, 0x41 + 26))


def address(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def put16(data, offset, value):
    return data[:offset] + struct.pack("!H", value) + data[offset + 2:]


def summed(data, offset, covered=None, pseudo=b""):
    """data with the Internet checksum of its first covered bytes (None: of all) at an offset."""
    data = put16(data, offset, 0)
    return put16(data, offset, checksum(pseudo + data[:covered]))


def never_zero(datagram):
    """A computed 0 is sent as 0xffff (RFC 768; RFC 3828, 3.1)."""
    return datagram if datagram[6:8] != b"\0\0" else put16(datagram, 6, 0xffff)


def pseudo_header(source, destination, protocol, length):
    """RFC 793, 3.1 and RFC 8200, 8.1."""
    pair = address(source) + address(destination)
    return pair + struct.pack("!BBH" if len(pair) == 8 else "!IHxB", *(
        (0, protocol, length) if len(pair) == 8 else (length, 0, protocol)))


# Transport layers: each makes a function of the packet's two addresses, so that it can be sent again
# with other ones. .protocol is its number.

def transport(protocol):
    def decorate(make):
        @functools.wraps(make)
        def with_arguments(*arguments, **keywords):
            def build(source, destination):
                return make(source, destination, *arguments, **keywords)
            build.protocol = protocol
            return build
        return with_arguments
    return decorate


@transport(TCP_)
def tcp(source, destination, sport=40000, dport=443, data=TEXT):
    segment = bytes(TCP(sport=sport, dport=dport, seq=0x01020304, flags="S", chksum=0)) + data
    return summed(segment, 16, None, pseudo_header(source, destination, TCP_, len(segment)))


@transport(UDP_)
def udp(source, destination, sport=40000, dport=53, data=TEXT, has_sum=True):
    datagram = bytes(UDP(sport=sport, dport=dport, len=8 + len(data), chksum=0)) + data
    if not has_sum:
        return datagram
    return never_zero(summed(datagram, 6, None, pseudo_header(source, destination, UDP_, len(datagram))))


@transport(UDPLITE_)
def udplite(source, destination, sport=40000, dport=53, data=TEXT, coverage=0):
    """RFC 3828: the length in the pseudo-header is the packet's, whatever is covered."""
    datagram = struct.pack("!4H", sport, dport, coverage, 0) + data
    return never_zero(summed(datagram, 6, coverage or None,
                             pseudo_header(source, destination, UDPLITE_, len(datagram))))


@transport(DCCP_)
def dccp(source, destination, sport=40000, dport=5004, data=TEXT):
    """A request (type 0) with a long sequence number (RFC 4340, 5.1); all is covered."""
    packet = struct.pack("!HHBBHBxHIi", sport, dport, 5, 0, 0, 1, 0, 0x01020304, 42) + data
    return summed(packet, 6, None, pseudo_header(source, destination, DCCP_, len(packet)))


@transport(SCTP_)
def sctp(source, destination, sport=40000, dport=36412, data=TEXT):
    return bytes(SCTP(sport=sport, dport=dport, tag=0x1a2b3c4d) / SCTPChunkData(data=data + bytes(-len(data) % 4)))


@transport(ICMP_)
def icmp(source, destination, kind=8, identifier=0x1234, data=TEXT):
    return summed(struct.pack("!BBHHH", kind, 0, 0, identifier, 7) + data, 2)


@transport(ICMPV6_)
def icmpv6(source, destination, kind=128, identifier=0x1234, data=TEXT):
    message = struct.pack("!BBHHH", kind, 0, 0, identifier, 7) + data
    return summed(message, 2, None, pseudo_header(source, destination, ICMPV6_, len(message)))


def opaque(protocol, data):
    """A transport that has no sum over addresses and nothing that NAT knows."""
    def build(source, destination):
        return data
    build.protocol = protocol
    return build


gre = opaque(GRE, struct.pack("!HH", 0, 0x0800) + TEXT)
esp = opaque(ESP, struct.pack("!II", 0xdeadbeef, 1) + TEXT)
ah = opaque(AH, struct.pack("!BBxxII12s", UDP_, 4, 0xdeadbeef, 1, bytes(range(12))) + TEXT)
unknown = opaque(UNKNOWN, TEXT)


# IP layers

def ipv4(source, destination, body, options=b"", fragment=0, final=None, protocol=None):
    """A packet; final is where a source route will bring it, which its transport sum covers."""
    payload = body(source, final or destination)
    header = struct.pack("!BBHHHBBH", 0x40 | (20 + len(options)) // 4, 0, 20 + len(options) + len(payload), 0x1234,
                         fragment, 61, body.protocol if protocol is None else protocol, 0)
    return summed(header + address(source) + address(destination) + options, 10) + payload


def ipv6(source, destination, body, chain=(), final=None):
    """A packet; chain is a list of (protocol, header whose first byte is to be filled in)."""
    payload, following = body(source, final or destination), body.protocol
    for protocol, header in reversed(chain):
        payload, following = bytes([following]) + header[1:] + payload, protocol
    return struct.pack("!IHBB", 6 << 28, len(payload), following, 61) + address(source) + address(destination) + payload


def padded_options(units=1):
    """An options header (RFC 8200, 4.2) of so many 8 bytes, with PadN."""
    length = 8 * units
    return bytes([0, units - 1, 1, length - 4]) + bytes(length - 4)


def routing(kind, left, *hops):
    """A routing header (RFC 8200, 4.4): of type 4 (RFC 8754), or one that has no last entry, as 0 (RFC 2460) and 2
    (RFC 6275)."""
    fixed = struct.pack("!I", 0) if kind != 4 else struct.pack("!BBH", len(hops) - 1, 0, 0)
    return bytes([0, 2 * len(hops), kind, left]) + fixed + b"".join(map(address, hops))


def fragment_header(offset, more):
    return struct.pack("!BBHI", 0, 0, offset << 3 | more, 0x01020304)


# ICMP errors

def error4(source, destination, quote, kind=3, code=3, rest=0, df=False, options=b""):
    """RFC 792. rest: the second word of the message. The firewall's own header: TOS 0xc0, TTL 64."""
    message = summed(struct.pack("!BBHI", kind, code, 0, rest) + quote, 2)
    header = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0xc0, 20 + len(options) + len(message), 0xbeef,
                         0x4000 if df else 0, 64, ICMP_, 0)
    return summed(header + address(source) + address(destination) + options, 10) + message


def error6(source, destination, quote, kind=1, code=4, rest=0):
    """RFC 4443."""
    message = struct.pack("!BBHI", kind, code, 0, rest) + quote
    message = summed(message, 2, None, pseudo_header(source, destination, ICMPV6_, len(message)))
    return struct.pack("!IHBB", 6 << 28, len(message), ICMPV6_, 64) + address(source) + address(destination) + message


# RFC 4884

def padded(quote, length=128, unit=4):
    """The quote as it stands before an extension: at least length bytes, whole words."""
    quote = quote + bytes(max(0, length - len(quote)))
    return quote + bytes(-len(quote) % unit)


def extension(*objects, sum_of=None, version=2):
    """The structure of RFC 4884, 7; sum_of overrides its checksum (0: none, so that a computed 0 is 0xffff)."""
    data = struct.pack("!BxH", version << 4, 0) + b"".join(objects)
    if sum_of is not None:
        return put16(data, 2, sum_of)
    data = summed(data, 2)
    return data if data[2:4] != b"\0\0" else put16(data, 2, 0xffff)


def ext_object(number, kind, payload):
    return struct.pack("!HBB", 4 + len(payload), number, kind) + payload


def mpls(label=16000, ttl=1):
    """RFC 4950."""
    return ext_object(1, 1, struct.pack("!I", label << 12 | 1 << 8 | ttl))


def interface(index=None, ip=None, name=None, mtu=None, number=2, role=0):
    """Interface information (RFC 5837, 4.1), or with number=5 node identification, which has the same parts."""
    kind, payload = role << 6, b""
    if index is not None:
        kind, payload = kind | 8, payload + struct.pack("!I", index)
    if ip is not None:
        kind, payload = kind | 4, payload + struct.pack("!HH", 2 if ":" in ip else 1, 0) + address(ip)
    if name is not None:
        text = bytes([1 + len(name) + -(1 + len(name)) % 4]) + name.encode()
        kind, payload = kind | 2, payload + text + bytes(-len(text) % 4)
    if mtu is not None:
        kind, payload = kind | 1, payload + struct.pack("!I", mtu)
    return ext_object(number, kind, payload)
