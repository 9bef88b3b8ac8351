#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A replacement for icmpnatd in Python, to be measured: a netlink loop that gives each IPv4 packet another outer
source, by itself or with scapy; or an error that quotes a UDP datagram another destination in there, too.
Usage: contender.py plain|scapy|quotes=ADDRESS QUEUE LENGTH PUBLIC"""

import socket
import struct
import sys

NETLINK_NETFILTER, SOL_NETLINK, NETLINK_NO_ENOBUFS, SO_RCVBUFFORCE = 12, 270, 5, 33
QUEUE, PACKET, VERDICT, CONFIG = 3 << 8, 0, 1, 2  # NFNL_SUBSYS_QUEUE and NFQNL_MSG_*
PACKET_HDR, VERDICT_HDR, PAYLOAD = 1, 2, 10       # NFQA_*
REQUEST, ACCEPT = 1, 1


def attribute(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def message(kind, queue, attributes):
    return struct.pack("=IHHIIBBH", 20 + len(attributes), QUEUE | kind, REQUEST, 0, 0,
                       0, 0, socket.htons(queue)) + attributes


def open_queue(queue, length):
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    netlink.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, length * 2304)
    netlink.setsockopt(SOL_NETLINK, NETLINK_NO_ENOBUFS, 1)
    bind = attribute(1, struct.pack("!BBH", 1, 0, 0))        # NFQA_CFG_CMD
    copy = attribute(2, struct.pack("!IB", 2048, 2))         # NFQA_CFG_PARAMS
    most = attribute(3, struct.pack("!I", length))           # NFQA_CFG_QUEUE_MAXLEN
    netlink.send(message(CONFIG, queue, bind + copy + most))
    return netlink


def attributes(data):
    """The attributes of a packet's message, by type."""
    found, at = {}, 20
    while at < len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        found[kind] = data[at + 4:at + length]
        at += length + 3 & ~3
    return found


def folded(total):
    total = (total & 0xffff) + (total >> 16)
    return (total & 0xffff) + (total >> 16)


def words(data):
    return sum(struct.unpack(f"!{len(data) // 2}H", data))


def plain(public):
    source = socket.inet_aton(public)

    def rewrite(packet):
        size = (packet[0] & 15) * 4
        header = bytearray(packet[:size])
        header[10:12] = b"\0\0"
        header[12:16] = source
        struct.pack_into("!H", header, 10, ~folded(words(header)) & 0xffff)
        return header + packet[size:]
    return rewrite


def quotes(public, host):
    """The quoted header has no options, and its datagram a sum. What changes there cancels out in the sum of ICMP, but for
    one of the two sums, as in RFC 1624, equation 3."""
    outer, destination = plain(public), socket.inet_aton(host)

    def rewrite(packet):
        error = outer(packet)
        change = words(b"\xff\xff\xff\xff") - words(error[44:48]) + words(destination)
        error[44:48] = destination
        for at in 38, 54, 22:  # of the quoted header, of UDP, of ICMP
            delta = 0x1fffe - change % 0xffff if at == 22 else change
            before = struct.unpack_from("!H", error, at)[0]
            struct.pack_into("!H", error, at, ~folded((~before & 0xffff) + delta) & 0xffff)
        return error
    return rewrite


def scapy(public):
    from scapy.layers.inet import IP

    def rewrite(packet):
        error = IP(packet)
        error.src = public
        del error.chksum
        return bytes(error)
    return rewrite


def main(kind, queue, length, public):
    kind, _, host = kind.partition("=")
    rewrite = {"plain": plain, "scapy": scapy, "quotes": quotes}[kind](*filter(None, (public, host)))
    queue = int(queue)
    netlink = open_queue(queue, int(length))
    while True:
        data = netlink.recv(65536)
        if struct.unpack_from("=H", data, 4)[0] != QUEUE | PACKET:
            continue
        found = attributes(data)
        verdict = attribute(VERDICT_HDR, struct.pack("!I", ACCEPT) + found[PACKET_HDR][:4])
        netlink.send(message(VERDICT, queue, verdict + attribute(PAYLOAD, rewrite(found[PAYLOAD]))))


main(*sys.argv[1:])
