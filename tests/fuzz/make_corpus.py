#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Writes the seeds of the fuzz targets into corpus/TARGET/, one file each, always the same bytes.

Each target says in its head how it reads them. What fuzzing has found is kept beside them: finding-*.
The samples of etc/ are seeds of fuzz_config as well (see run); they are not copied.
"""
import pathlib
import socket
import struct

from scapy.all import (
    GRE, ICMP, IP, IPv6, SCTP, TCP, UDP, ICMPv6DestUnreach, ICMPv6EchoRequest, ICMPv6PacketTooBig,
    ICMPv6ParamProblem, ICMPv6TimeExceeded, IPOption, IPOption_LSRR, IPOption_NOP, IPOption_RR, IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, IPv6ExtHdrSegmentRouting, Raw)

CORPUS = pathlib.Path(__file__).parent / "corpus"


def write(target, name, data):
    directory = CORPUS / target
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_bytes(data)


# --- translate: choice, repairs, [12 bytes of changes], packet

MAPS, ODD_MAPS, NO_MAPS, NOT_OUTSIDE = range(4)
PASS, STRIP_PRIVATE, STRIP, TRANSLATE = range(4)
AUTO, ALWAYS, NEVER = range(3)
NO_FLOW, BEFORE_NAT, AFTER_NAT, OTHERS = range(4)
ALL_REPAIRS, KEEP_NAMES = 15, 16
DNAT = bytes([0, 0, 10, 77, 0, 0, 0, 0, 0, 9, 0, 0])  # another destination, another port
SNAT = bytes([10, 77, 0, 0, 0xDD, 0, 3, 9, 0, 0, 0, 0])

CLIENT, SERVER, FIREWALL = "203.0.113.10", "192.168.1.20", "192.168.42.1"
CLIENT6, SERVER6, FIREWALL6 = "2001:db8:c::10", "fd00:1::20", "fd42::1"


def translate(name, packet, maps=MAPS, extensions=PASS, lookup=AUTO, flow=NO_FLOW, changes=DNAT, repairs=0):
    choice = maps | extensions << 2 | lookup << 4 | flow << 6
    write("translate", name, bytes([choice, repairs]) + (changes if flow else b"") + bytes(packet))


def quote4(transport, size=None, **ip):
    packet = bytes(IP(src=CLIENT, dst=SERVER, ttl=61, **ip) / transport)
    return Raw(packet[:size])


def quote6(transport, size=None, destination=SERVER6):
    return Raw(bytes(IPv6(src=CLIENT6, dst=destination, hlim=61) / transport)[:size])


def error4(inner, source=FIREWALL, destination=CLIENT, **icmp):
    icmp = {"type": 3, "code": 3, **icmp}
    return IP(src=source, dst=destination, flags="DF", tos=0xC0) / ICMP(**icmp) / inner


def error6(inner, message=None, source=FIREWALL6, destination=CLIENT6):
    return IPv6(src=source, dst=destination) / (message or ICMPv6DestUnreach(code=4)) / inner


def transports(v6):
    ports = {"sport": 40000, "dport": 53}
    dccp = struct.pack("!HHBBHII", 40000, 53, 4, 0, 0x1234, 0, 0)
    yield "tcp", TCP(**ports, flags="S"), {}
    yield "udp", UDP(**ports) / Raw(b"payload"), {}
    yield "udp-without-sum", UDP(**ports, chksum=0) / Raw(b"payload"), {}
    yield "sctp", SCTP(**ports) / Raw(bytes(12)), {"proto": 132}
    yield "udplite", Raw(struct.pack("!HHHH", 40000, 53, 8, 0x1234) + b"payload"), {"proto": 136}
    yield "dccp", Raw(dccp), {"proto": 33}
    yield "gre", GRE() / Raw(b"payload"), {"proto": 47}
    yield "esp", Raw(bytes(range(24))), {"proto": 50}
    if v6:
        yield "echo", ICMPv6EchoRequest(id=77), {}
    else:
        yield "echo", ICMP(id=77, seq=1), {}
        yield "timestamp", ICMP(type=13, id=77, ts_ori=1, ts_rx=2, ts_tx=3), {}


def translate_protocols():
    for name, transport, ip in transports(False):
        translate(f"v4-{name}", error4(quote4(transport, **ip)))
    for name, transport, ip in transports(True):
        header = IPv6(src=CLIENT6, dst=SERVER6, hlim=61, **({"nh": ip["proto"]} if ip else {}))
        translate(f"v6-{name}", error6(Raw(bytes(header / transport))))
    for name, host in (("48", "fd00:2::20"), ("64", "fd00:3::20"), ("64-ones", "fd00:3::ffff:ffff:0:1"),
                       ("no-word", "fd00:3::ffff:ffff:ffff:ffff")):
        translate(f"v6-npt-{name}", error6(quote6(UDP() / Raw(b"payload"), destination=host), source=host))


def translate_quotes():
    tcp = TCP(sport=40000, dport=80, flags="S")
    udp = UDP(sport=40000, dport=53) / Raw(b"payload")
    translate("v4-quote-of-8-bytes", error4(quote4(tcp, 28)))
    translate("v4-quote-of-header-only", error4(quote4(tcp, 20)))
    translate("v4-odd-quote", error4(quote4(tcp, 37)))
    translate("v4-first-fragment", error4(quote4(udp, flags="MF")))
    translate("v4-later-fragment", error4(quote4(udp, frag=5)))
    translate("v4-source-route", error4(quote4(tcp, options=[IPOption_LSRR(routers=["192.0.2.1", "192.0.2.2"])])))
    recorded = [IPOption_NOP(), IPOption_RR(pointer=12, routers=[FIREWALL, "192.0.2.1", "0.0.0.0"])]
    translate("v4-record-route", error4(quote4(tcp, options=recorded)))
    translate("v4-record-route-odd", error4(quote4(udp, options=recorded[1:])))
    translate("v4-timestamp-option", error4(quote4(udp, options=[
        IPOption(copy_flag=0, optclass=2, option=4, length=20, value=b"\x0d\x01" + bytes([192, 168, 42, 1]) + bytes(12))])))
    for name, carried in ("ip-in-ip", IP(src=SERVER, dst=CLIENT) / udp), ("ip-in-gre", GRE() / IP(src=SERVER, dst=CLIENT) / udp):
        translate(f"v4-{name}", error4(quote4(carried)))
        translate(f"v6-{name}", error6(quote6(carried)))
    translate("v4-gre-key", error4(quote4(GRE(key_present=1, seqnum_present=1) / IPv6(src=SERVER6, dst=CLIENT6) / udp)))
    outer = error4(quote4(udp))
    outer.options = recorded
    translate("v4-outer-record-route", outer)
    translate("v4-outer-record-route-of-a-broken-quote", IP(bytes(outer)[:-20]), repairs=ALL_REPAIRS)
    translate("v4-too-big", error4(quote4(tcp), code=4, nexthopmtu=1400))
    translate("v4-time-exceeded", error4(quote4(udp), type=11, code=0))
    translate("v4-parameter-problem", error4(quote4(udp), type=12, code=0, ptr=20))
    translate("v6-too-big", error6(quote6(tcp), ICMPv6PacketTooBig(mtu=1280)))
    translate("v6-time-exceeded", error6(quote6(udp), ICMPv6TimeExceeded()))
    translate("v6-parameter-problem", error6(quote6(udp), ICMPv6ParamProblem(ptr=6)))
    translate("v6-fragment", error6(quote6(IPv6ExtHdrFragment(m=1, id=7) / udp)))
    translate("v6-routing", error6(quote6(IPv6ExtHdrRouting(addresses=["2001:db8::9"]) / udp)))
    for kind in 0, 2, 3:
        translate(f"v6-routing-{kind}", error6(quote6(IPv6ExtHdrRouting(type=kind, addresses=[SERVER6], segleft=1) / udp)))
    translate("v6-segments", error6(quote6(IPv6ExtHdrSegmentRouting(
        addresses=[SERVER6, FIREWALL6], segleft=1, lastentry=1) / udp)))
    translate("v6-chain", error6(quote6(IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / udp)))
    translate("v6-outer-hop-by-hop", IPv6(src=FIREWALL6, dst=CLIENT6) / IPv6ExtHdrHopByHop() /
              ICMPv6DestUnreach(code=4) / quote6(udp))


def translate_refused():
    udp = quote4(UDP(sport=40000, dport=53))
    translate("not-an-error", IP(src=FIREWALL, dst=CLIENT) / ICMP())
    translate("not-icmp", IP(src=FIREWALL, dst=CLIENT) / UDP())
    translate("outer-fragment", IP(src=FIREWALL, dst=CLIENT, flags="MF") / ICMP(type=3) / udp)
    translate("about-an-error", error4(quote4(ICMP(type=11) / udp)))
    translate("to-a-private-peer", error4(udp, destination="192.168.42.254"))
    translate("inner-version", error4(quote6(UDP())))
    translate("wrong-sums", error4(udp, chksum=0x1234))
    translate("wrong-sums-repaired", error4(udp, chksum=0x1234), repairs=ALL_REPAIRS)
    translate("cut-short", bytes(error4(udp))[:30], repairs=ALL_REPAIRS)
    translate("empty", b"")
    translate("not-outside", error4(udp), maps=NOT_OUTSIDE)
    translate("leaked", error4(udp), maps=NO_MAPS)
    translate("zeros-for-a-packet", b"\x45" + bytes(60), maps=ODD_MAPS, repairs=ALL_REPAIRS)


def translate_flows():
    for name, transport, _ in list(transports(False))[:4] + [("echo", ICMP(id=77), {})]:
        translate(f"flow-v4-{name}-dnat", error4(quote4(transport)), flow=BEFORE_NAT, lookup=ALWAYS)
        translate(f"flow-v4-{name}-snat", error4(quote4(transport)), flow=AFTER_NAT, changes=SNAT)
    translate("flow-v6-udp", error6(quote6(UDP(sport=1, dport=2))), flow=AFTER_NAT, changes=SNAT)
    zeros = ICMP(type=0, id=0x0303) / Raw(bytes(16))
    translate("finding-all-zero-echo-reply", error4(quote4(zeros)), flow=AFTER_NAT, lookup=ALWAYS,
              changes=bytes([0, 0, 0, 1, 0, 0, 3, 3, 0, 0, 0, 0]))
    translate("flow-of-others", error4(quote4(UDP(sport=1, dport=2))), flow=OTHERS)


def extension(*objects, checksum=True):
    """An RFC 4884 structure of objects (class, c-type, payload)."""
    body = b"".join(struct.pack("!HBB", 4 + len(p), c, t) + p for c, t, p in objects)
    total = b"\x20\0\0\0" + body
    words = sum(struct.unpack(f"!{len(total) // 2}H", total))
    while words > 0xFFFF:
        words = (words & 0xFFFF) + (words >> 16)
    return struct.pack("!BBH", 0x20, 0, ~words & 0xFFFF if checksum else 0) + body


MPLS = (1, 1, b"\x00\x01\x01\xff")
PRIVATE_INTERFACE = (2, 0x0C, b"\0\0\0\x07" + b"\0\1\0\0" + socket.inet_aton("192.168.1.1"))
PUBLIC_INTERFACE = (2, 0x04, b"\0\1\0\0" + socket.inet_aton("192.0.2.1"))
NAMED_INTERFACE = (2, 0x02, b"\x08eth0\0\0\0")
WHOLE_INTERFACE = (2, 0x4F, b"\0\0\0\x07" + b"\0\1\0\0" + socket.inet_aton("192.168.42.1") + b"\x08eth0\0\0\0" + b"\0\0\5\xdc")
NODE = (5, 0x04, b"\0\2\0\0" + socket.inet_pton(socket.AF_INET6, "fd00::7"))


def translate_extensions():
    padded = bytes(quote4(UDP(sport=40000, dport=53) / Raw(bytes(60)))).ljust(128, b"\0")
    cases = {
        "mpls": extension(MPLS),
        "private": extension(PRIVATE_INTERFACE),
        "mixed": extension(MPLS, PRIVATE_INTERFACE, PUBLIC_INTERFACE, NAMED_INTERFACE, NODE),
        "whole": extension(WHOLE_INTERFACE),
        "without-sum": extension(NODE, MPLS, checksum=False),
        "unsound": b"\x20\0\0\0\0\x03\2\x04",
    }
    for name, structure in cases.items():
        packet = error4(Raw(padded + structure), type=11, code=0, length=32)
        for policy, text in ((STRIP_PRIVATE, "strip-private"), (STRIP, "strip"), (TRANSLATE, "translate")):
            translate(f"extension-{name}-{text}", packet, extensions=policy)
        translate(f"extension-{name}-addresses", packet, extensions=TRANSLATE, repairs=KEEP_NAMES)
    translate("extension-old-style", error4(Raw(padded + cases["mixed"]), type=11, code=0), extensions=STRIP_PRIVATE)
    translate("extension-beyond-the-end", error4(Raw(padded), length=200))
    long_one = bytes(IP(src=CLIENT, dst=SERVER, len=1400) / UDP(sport=40000, dport=53, len=1380))
    translate("extension-beyond-a-short-quote", error4(Raw(long_one[:26]), length=200), flow=AFTER_NAT, lookup=ALWAYS)
    translate("quote-ends-amid-the-ports", error4(Raw(long_one[:22])), flow=AFTER_NAT, lookup=ALWAYS)
    translate("quote-ends-amid-the-id", error4(quote4(ICMP(id=77), 25)), flow=AFTER_NAT, lookup=ALWAYS)
    padded6 = bytes(quote6(UDP(sport=40000, dport=53) / Raw(bytes(60)))).ljust(128, b"\0")
    message = ICMPv6TimeExceeded(length=16)
    translate("extension-v6", error6(Raw(padded6 + cases["mixed"]), message), extensions=STRIP_PRIVATE)
    translate("extension-v6-translate", error6(Raw(padded6 + extension(WHOLE_INTERFACE, NODE)), message), extensions=TRANSLATE)


# --- queue and flow: netlink, played by kernel.c

RAW, PACKET, ANSWER, END = range(4)
SET_LENGTH, SET_SEQUENCE, WITH_ENTRY = 4, 8, 16
EAGAIN, EINTR, ENOBUFS = range(3)
ACKNOWLEDGED = bytes([ANSWER | SET_SEQUENCE, 0])


def raw(message, how=SET_LENGTH):
    return struct.pack("!BH", RAW | how, len(message)) + message


def packet(data, interface=3, how=0):
    return struct.pack("!BHB", PACKET | how, len(data), interface) + data


def answer(error, how=0):
    return bytes([ANSWER | how, error])


def end(choice=EAGAIN):
    return bytes([END, choice])


def attribute(kind, payload):
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def nest(kind, *attributes):
    return attribute(kind | 0x8000, b"".join(attributes))


def message(kind, payload, length=None, sequence=0):
    return struct.pack("=IHHII", 16 + len(payload) if length is None else length, kind, 0, sequence, 0) + payload


def queue_message(*attributes, kind=0x0300):
    return message(kind, b"\0\0\0\7" + b"".join(attributes))


def queue(name, *records, options=0, choices=b"\0\0\0", failures=0, opened=True):
    script = (ACKNOWLEDGED + end() if opened else b"") + b"".join(records) + end()
    write("queue", name, bytes([options]) + choices + bytes([failures]) + script)


def queues():
    data, other = b"E" + bytes(range(60)), bytes(reversed(range(90)))
    three = packet(data) + packet(other, how=WITH_ENTRY) + packet(b"", interface=0)
    header = attribute(1, struct.pack("!IHB", 9, 0x0800, 3))  # of 7 bytes, as the kernel has it
    queue("accepted", three)
    queue("dropped", three, choices=b"\x55\x55\x55")
    queue("rewritten", three, choices=b"\xaa\xaa\xaa")
    queue("shortened", three, choices=b"\xff\xff\xff")
    queue("mixed-verdicts", three * 30, choices=b"\x1b\x2d\xe4")
    queue("batches", three, end(), three, end(EINTR), packet(other), choices=b"\x1b\x2d\xe4")
    queue("largest-packets", packet(bytes(2048)) * 3, choices=b"\xaa\xaa\xaa")
    queue("not-opened", answer(1, SET_SEQUENCE), opened=False)
    queue("not-acknowledged", end(ENOBUFS), opened=False)
    queue("attaches-flows", ACKNOWLEDGED + end() + three, options=2)
    queue("attaches-no-flows", answer(95, SET_SEQUENCE) + end() + three, options=2)
    queue("packets-before-opened", packet(data) + packet(other) + ACKNOWLEDGED + end() + three, opened=False)
    queue("packets-after-opened", ACKNOWLEDGED + packet(data) + packet(other) + end() + ACKNOWLEDGED + end() + three,
          options=2, opened=False)
    queue("packets-around-the-answers", packet(data) + ACKNOWLEDGED + packet(other) + end() + packet(data[9:]) +
          ACKNOWLEDGED + packet(other[9:]) + end() + three, options=2, opened=False, choices=b"\xaa\xaa\xaa")
    queue("refused-verdicts", three, end(), answer(2) + answer(1) + answer(12) + answer(105) + answer(22) + answer(0))
    queue("sends-fail", three, end(), three, choices=b"\xaa\x00\xaa", failures=0x14)
    queue("receive-fails", three, end(ENOBUFS), three)
    queue("raw-packet", raw(queue_message(header, attribute(10, data))))
    queue("raw-all-attributes", raw(queue_message(
        header, *(attribute(kind, bytes(8)) for kind in range(2, 10)), attribute(10, data),
        nest(11, attribute(1, b"")), *(attribute(kind, bytes(4)) for kind in range(12, 21)))))
    queue("raw-cut-payload", raw(queue_message(header, attribute(10, data), attribute(13, struct.pack("!I", 9999)))))
    queue("raw-longer-than-asked-for", raw(queue_message(header, attribute(10, bytes(3000)))), choices=b"\xaa\xaa\xaa")
    queue("raw-without-header", raw(queue_message(attribute(10, data))))
    queue("raw-short-header", raw(queue_message(attribute(1, b"\0\0"), attribute(10, data))))
    queue("raw-other-type", raw(queue_message(header, kind=0x0100)))
    queue("raw-short-answer", raw(message(2, b"\0\0\0\0")))
    queue("raw-answer-without-error", raw(message(2, b"")))
    queue("raw-too-long", raw(message(0x0300, bytes(8), length=4000), how=0))
    queue("raw-too-short", raw(b"\x10\0\0\0\0\3", how=0))
    queue("raw-empty", raw(b"", how=0))
    queue("finding-packets-lost-while-opening", packet(data) + packet(other) + end(ENOBUFS) + three, options=2)
    queue("finding-length-2g", raw(message(2, b"", length=0xFFFF0000), how=0))


ICMP_NUMBER, TCP_NUMBER, UDP_NUMBER, ICMPV6_NUMBER = 1, 6, 17, 58


def ports(source, destination):
    return attribute(2, struct.pack("!H", source)) + attribute(3, struct.pack("!H", destination))


def identifier(kind, number, first):
    """CTA_PROTO_ICMP_ID, _TYPE, _CODE; those of ICMPv6 are three further on."""
    return attribute(first, struct.pack("!H", number)) + attribute(first + 1, bytes([kind])) + attribute(first + 2, b"\0")


def tuple_of(direction, source, destination, protocol, transport):
    family, first = (socket.AF_INET6, 3) if ":" in source else (socket.AF_INET, 1)
    addresses = (attribute(first + i, socket.inet_pton(family, a)) for i, a in enumerate((source, destination)))
    return nest(direction, nest(1, *addresses), nest(2, attribute(1, bytes([protocol])), transport))


def entry(protocol=UDP_NUMBER, sent=None, answered=None, v6=False):
    client, public, private = (CLIENT6, "2001:db8:1::20", SERVER6) if v6 else (CLIENT, "1.2.3.20", SERVER)
    sent, answered = sent or ports(40000, 53), answered or ports(5353, 40000)
    return (tuple_of(1, client, public, protocol, sent) + tuple_of(2, private, client, protocol, answered),
            attribute(3, struct.pack("!I", 0x18E)), attribute(7, struct.pack("!I", 30)))


def attached(name, data):
    write("flow", "attached-" + name, b"\0" + data)


def asked(name, *records, v6=False, protocol=UDP_NUMBER, failures=0, questions=1):
    question = bytes([protocol]) + socket.inet_aton(CLIENT) + socket.inet_aton(SERVER) + struct.pack("!HH", 40000, 53)
    write("flow", name, bytes([1 | v6 << 1 | questions - 1 << 2]) + question + bytes([failures]) + b"".join(records) + end())


def reply(*attributes, how=SET_LENGTH | SET_SEQUENCE, kind=0x0100):
    return raw(message(kind, b"\2\0\0\0" + b"".join(attributes)), how)


def flows():
    echo = entry(ICMP_NUMBER, identifier(8, 77, 4), identifier(0, 99, 4))
    echo6 = entry(ICMPV6_NUMBER, identifier(128, 77, 7), identifier(129, 99, 7), v6=True)
    for name, parts in {"udp": entry(), "tcp": entry(TCP_NUMBER), "echo": echo, "echo-v6": echo6,
                        "udp-v6": entry(v6=True), "gre": entry(47)}.items():
        attached(name, b"".join(parts))
        asked("found-" + name, reply(*parts), v6=name.endswith("v6"))
    whole = b"".join(entry())
    attached("empty", b"")
    attached("cut-short", whole[:50])
    attached("one-direction", entry()[0][:52])
    attached("short-address", nest(1, nest(1, attribute(1, b"\1\2"), attribute(2, b"\1\2\3\4"))))
    attached("short-address-v6", b"".join(entry(v6=True)).replace(
        attribute(3, socket.inet_pton(socket.AF_INET6, CLIENT6)), attribute(3, bytes(4)) + attribute(9, bytes(8))))
    attached("both-families", nest(1, nest(1, *(attribute(i, bytes(4 if i < 3 else 16)) for i in range(1, 5)))) + whole)
    attached("wide-port", whole.replace(attribute(2, b"\x9c\x40"), attribute(2, b"\0\0\x9c\x40")))
    asked("found-at-the-second-question", answer(2, SET_SEQUENCE), reply(*entry()))
    asked("not-found", answer(2, SET_SEQUENCE), answer(2, SET_SEQUENCE))
    asked("not-permitted", answer(1, SET_SEQUENCE))
    asked("no-buffer", end(ENOBUFS))
    asked("send-fails", reply(*entry()), failures=1)
    asked("answers-of-an-earlier-question", answer(2), reply(*entry(), how=SET_LENGTH), reply(*entry()))
    asked("late-answer", end(), end(EINTR), end(), reply(*entry()))
    asked("late-not-found", end(), answer(2, SET_SEQUENCE), end(), reply(*entry()))
    asked("silent", end(), end(), questions=64)
    found, unknown, first = reply(*entry()), answer(2, SET_SEQUENCE), SET_SEQUENCE | 3 << 5
    asked("batch", reply(*entry(), how=SET_LENGTH | first), reply(*entry(), how=SET_LENGTH | SET_SEQUENCE | 2 << 5),
          answer(2, SET_SEQUENCE | 1 << 5), unknown, answer(2, SET_SEQUENCE | 1 << 5), found, questions=4)
    asked("batch-out-of-order", found, end(), answer(2, first), answer(2, SET_SEQUENCE | 1 << 5), end(ENOBUFS),
          reply(*entry(), how=SET_LENGTH | SET_SEQUENCE | 2 << 5), end(), found, questions=4)
    asked("batch-answered-twice", answer(1, SET_SEQUENCE), found, answer(2, SET_SEQUENCE), questions=2)
    asked("batch-of-64", *[answer(2, SET_SEQUENCE | k << 5) for k in range(8)], questions=64)
    asked("question-about-echo", reply(*echo), protocol=ICMP_NUMBER)
    asked("question-about-echo-v6", reply(*echo6), protocol=ICMPV6_NUMBER, v6=True)
    asked("answer-without-tuples", reply(attribute(3, bytes(4))))
    asked("answer-without-family", raw(message(0x0100, b""), SET_LENGTH | SET_SEQUENCE))
    asked("short-error", raw(message(2, b"\0\0"), SET_LENGTH | SET_SEQUENCE))
    asked("attribute-too-long", reply(struct.pack("=HH", 4000, 1)))
    asked("finding-acknowledgement", answer(0, SET_SEQUENCE))
    longer = b"\2\0\0\0" + b"".join(entry()[:1])
    asked("finding-length-2g", raw(message(0x0100, longer[:-12], length=0x80000010), SET_SEQUENCE))


# --- control: operations; client: choices and answers

CONNECT, SEND, REQUEST, READ, CLOSE, SHUT, TIME, CHANGE = range(8)
REQUESTS = ("status", "stats", "explain", "maps", "help", "reload")


def operation(kind, which=0, *operands):
    return bytes([kind | which << 3, *operands])


def connect(which=0):
    return operation(CONNECT, 0, which)


def send(which, text):
    return operation(SEND, which, len(text)) + text


def change(which, text):
    return operation(CHANGE, which, len(text)) + text


def control(name, *operations, privileged=True, many_maps=False):
    write("control", name, bytes([privileged | many_maps << 1]) + b"".join(operations))


def controls():
    small = b'outside = ["eth0"]; queue = { workers = 2; };'
    for i, request in enumerate(REQUESTS):
        control(request, connect(), operation(REQUEST, 0, i), operation(READ, 0, 255) * 4)
    control("many-maps", connect(), operation(REQUEST, 0, 3), operation(READ, 0, 255) * 4, many_maps=True)
    control("reload-not-permitted", connect(), operation(REQUEST, 0, 5), operation(READ, 0, 255), privileged=False)
    control("reload-other", change(0, small), connect(), operation(REQUEST, 0, 5), connect(1), operation(REQUEST, 1, 3))
    control("reload-bad", change(0, b"outside = ["), connect(), operation(REQUEST, 0, 5))
    control("reload-amid-maps", connect(), operation(REQUEST, 0, 3), change(0, small), connect(1),
            operation(REQUEST, 1, 5), operation(READ, 0, 255) * 3, many_maps=True)
    control("byte-by-byte", connect(), *(send(0, bytes([c])) for c in b"status\n"))
    control("carriage-return", connect(), send(0, b"help\r\n"))
    control("two-requests", connect(), send(0, b"status\nstats\n"))
    control("nul-in-request", connect(), send(0, b"status\0x\n"))
    control("controls-in-request", connect(), send(0, b"\x1b[31m\"\t\xff\n"))
    control("empty-request", connect(), send(0, b"\n"))
    control("longest-request", connect(), send(0, b"x" * 127 + b"\n"))
    control("too-long-request", connect(), send(0, b"x" * 128), send(0, b"status\n"))
    control("much-too-long-request", connect(), send(0, b"y" * 255))
    control("never-reads", connect(), operation(REQUEST, 0, 3), operation(TIME, 3), operation(TIME, 3), many_maps=True)
    control("never-asks", connect(), operation(TIME, 3), operation(TIME, 3), connect(1), operation(REQUEST, 1, 4))
    control("slow-reader", connect(), operation(REQUEST, 0, 3), *(operation(READ, 0, 1) + operation(TIME, 4),) * 6,
            many_maps=True)
    control("goes-at-once", connect(), operation(REQUEST, 0, 1), operation(CLOSE))
    control("goes-before-asking", connect(), send(0, b"sta"), operation(CLOSE))
    control("shuts-writing", connect(), operation(REQUEST, 0, 2), operation(SHUT, 0, 1), operation(READ, 0, 255))
    control("shuts-reading", connect(), operation(SHUT, 0, 0), operation(REQUEST, 0, 2))
    control("crowd", *(connect(i) for i in range(39)), operation(REQUEST, 20, 4), operation(READ, 20, 255))
    control("many-at-once", *(connect(i) + operation(REQUEST, i, i) for i in range(20)))
    control("no-counters", change(1, b""), connect(), operation(REQUEST, 0, 1), operation(READ, 0, 255))
    control("odd-counters", change(1, b"0 1 2 3\n99999999999 -1 x\n    0 1 2 3 4 5 6 99999999999\n"), connect(),
            operation(REQUEST, 0, 1))


STATUS, STATS, MAPS_COMMAND, RELOAD = range(4)
TEXT, JSON, PROMETHEUS = range(3)


def client(name, command, *answers, output=TEXT, pieces=0, flags=0):
    choice = command | output << 2 | flags << 4
    write("client", name, bytes([choice, pieces]) + b"\0".join(answers))


def clients():
    status = (b"version\t0.1.0\npid\t12\nuptime\t3661\nstarted\t1700000000\nfile\t/etc/x\nloaded\t1700000001\nmaps\t2\n"
              b"lookup\tauto\nattached-flows\tyes\nworkers\t1\nqueues\t0\noutside\teth0\tup\noutside\teth1\tmissing\nok\n")
    explain = (b"queue\treceived\tpackets that came\nrules\touter\tby the kernel\trewritten\noutcome\touter\tmade public\trewritten\n"
               b"outcome\tleaked-inner\tquotes a private address\tleaked\nkernel\twaiting\tnow in the queue\nok\n")
    stats = (b"queue\treceived\t0\t10\nqueue\treceived\t1\t3\noutcome\touter\t0\t13\noutcome\tleaked-inner\t0\t0\n"
             b"kernel\twaiting\t0\t1\nkernel\tid-sequence\t0\t4294967295\n"
             b"rules\touter\teth0\t12\nrules\touter\t\xff\"\\\x1b\t1\nhost\ticmp-out-errors\t-\t3\nok\n")
    maps = (b"10.0.0.0/8\t192.0.2.1\touter\t*\t0\t/etc/x:3\n"
            b"fd00::/64\t2001:db8::/64\tboth\teth0\t18446744073709551615\t/etc/x:4\nok\n")
    odd = b"\xff\x1b[1m\t\"\\\x7f\xc2\x85\t\xe2\x82\t\xed\xa0\x80\nok\n"
    for output, text in ((TEXT, "text"), (JSON, "json")):
        client(f"status-{text}", STATUS, status, output=output)
        client(f"maps-{text}", MAPS_COMMAND, maps, output=output)
        client(f"status-{text}-in-pieces", STATUS, status, output=output, pieces=7)
        client(f"outside-first-{text}", STATUS, b"outside\ta\tb\nversion\tx\noutside\tc\nok\n", output=output)
        client(f"nothing-{text}", STATUS, b"ok\n", output=output)
    for output, text in ((TEXT, "text"), (JSON, "json"), (PROMETHEUS, "prometheus")):
        client(f"stats-{text}", STATS, explain, stats, output=output, flags=3)
        client(f"odd-bytes-{text}", STATS, odd, stats, output=output, flags=2)
    client("quotes-json", STATUS, b'ver"sion\t\\\nfile\t"/etc"\nok\n', output=JSON)
    client("stats-short", STATS, explain, stats)
    client("reload", RELOAD, b"ok\n")
    client("reload-refused", RELOAD, b"/etc/x:1: \x1b[31mred\nerror\tnot reloaded\n")
    client("error", STATUS, b"error\tunknown request\n")
    client("cut-short", STATUS, b"version\t0.1\npid")
    client("no-answer", STATUS, b"")
    client("one-field", STATUS, b"version\nok\n")
    client("same-instance-twice", STATS, explain, b"queue\treceived\t0\t1\nqueue\treceived\t0\t1\nok\n")
    client("number-too-large", STATS, explain, b"queue\treceived\t0\t18446744073709551616\nok\n")
    client("counters-too-many", STATS, b"".join(b"g\tn%d\ts\n" % i for i in range(260)) + b"ok\n")
    client("names-too-long", STATS, b"g" * 30 + b"\tn\ts\nok\n")


# --- config: texts; %%file begins the next file, 101, 102, 103

CONFIGS = {
    "finding-no-maps": 'outside = [ "eth0" ];\n',
    "everything": 'outside = [ "eth0", "wan.100" ];\nmaps = (\n'
                  '  { private = "192.168.42.1"; public = "1.2.3.1"; outside = "eth0"; part = "outer"; },\n'
                  '  { private = "10.0.0.0/8"; public = "192.0.2.1"; part = "outer"; },\n'
                  '  { private = "fd00:1::/64"; public = "2001:db8:1::/64"; part = "inner"; }\n);\n'
                  'queue = { number = 5; workers = 4; length = 100; overload = "drop"; malformed = "drop"; };\n'
                  'lookup = "always"; extensions = "strip-private";\n'
                  'control = { socket = "/run/x"; group = ""; };\n',
    "nested-prefixes": 'outside = [ "a", "b" ];\nmaps = ( { private = "10.0.0.0/8"; public = "20.0.0.0/8"; },\n'
                       '{ private = "10.1.0.0/16"; public = "21.1.0.0/16"; outside = "a"; },\n'
                       '{ private = "10.1.1.0/24"; public = "22.1.1.0/24"; },\n'
                       '{ private = "10.1.1.1"; public = "23.1.1.1"; outside = "b"; part = "outer"; } );\n',
    "hop-names": 'outside = [ "a", "b" ];\n'
                 'hop_names = ( { address = "1.2.3.1"; }, { address = "2001:db8::1"; outside = "b"; errors = "all"; } );\n'
                 'errors = "all";\n'
                 'maps = ( { private = "10.0.0.0/8"; public = "1.2.3.0/28"; } );\n',
    "whole-families": 'outside = [ "a" ];\nmaps = ( { private = "0.0.0.0/0"; public = "1.1.1.1"; part = "outer"; },\n'
                      '{ private = "::/0"; public = "2001:db8::1"; part = "outer"; } );\n',
    "chain": 'outside = [ "a" ];\nmaps = ( { private = "10.0.0.1"; public = "1.1.1.1"; },\n'
             '{ private = "1.1.1.0/24"; public = "2.2.2.0/24"; } );\n',
    "clash": 'outside = [ "a" ];\nmaps = ( { private = "10.0.0.1"; public = "1.1.1.1"; },\n'
             '{ private = "10.0.0.1"; public = "1.1.1.2"; } );\n',
    "bad-addresses": 'outside = [ "a" ];\nmaps = ( { private = "10.0.0.256"; public = "1.1.1.1/33"; },\n'
                     '{ private = "10.0.0.1/24"; public = "::1"; }, { private = ""; public = "fe80::1"; } );\n',
    "bad-values": 'outside = [ "a", "a", "name-much-too-long" ];\nqueue = { number = 70000; workers = 65; length = 0;\n'
                  'overload = "maybe"; };\nlookup = 3; control = { socket = "relative"; group = true; };\n',
    "unknown-names": 'outsid = [ "a" ];\nqueue = { nummer = 1; };\nzzz = ( { } );\n',
    "wrong-types": 'outside = "a";\nmaps = [ "x" ];\nqueue = 5;\ncontrol = ( );\n',
    "numbers": "queue = { number = 4294967296; workers = 0xffffffff; length = 010; x = 1.5; y = -1; z = 10.0.0.1; };\n",
    "strings": 'outside = [ "a" "b", "c\\"d\\\\e", "\\x41", "no end\n ];\n',
    "brackets": "maps = ( { ( [ } ) ]\n",
    "deep": "maps = " + "(" * 20 + ")" * 20 + ";\n",
    "comments": '# one\n// two\n/* three\n */ outside /**/ = [ "a" ]; /* no end\n',
    "trailing-comma": 'outside = [ "a", ];\n',
    "empty": "",
    "no-newline": 'outside = [ "eth0" ]',
    "carriage-returns": 'outside = [ "eth0" ];\r\nmaps = ( );\r\n',
    "include": 'outside = [ "eth0" ];\nmaps = (\n@include "101"\n);\n%%file\n'
               '{ private = "10.0.0.1"; public = "1.1.1.1"; },\n@include "102"\n%%file\n'
               '{ private = "10.0.0.2"; public = "1.1.1.2"; }\n',
    "include-itself": '@include "101"\n%%file\n@include "102"\n%%file\n@include "100"\n',
    "include-missing": 'outside = [ "eth0" ];\n@include "missing"\n',
    "include-in-a-bracket": 'maps = (\n@include "101"\n);\n%%file\n)\n',
    "include-malformed": '@include 101\n@import "101"\n@include ""\n@include "a\\"b"\n',
    "table": 'outside = [ "eth0", "wan.100" ];\nmaps_file = "101";\n'
             'maps = ( { private = "10.0.0.9"; public = "1.1.1.9"; } );\n%%file\n'
             '# a table\n10.0.0.1 1.1.1.1\n10.1.0.0/16\t1.1.1.2 part outer outside eth0 # comment\r\n\n'
             'fd00:1::/64  2001:db8:1::/64  part inner',
    "npt": 'outside = [ "a" ];\nmaps_file = "101";\nmaps = ( { private = "fd00:1::/48"; public = "2001:db8:1::/48"; '
           'npt = true; },\n{ private = "fd00:2::/64"; public = "2001:db8:2::/64"; npt = false; } );\n%%file\n'
           'fd00:3::/64 2001:db8:3::/64 npt part outer outside a\nfd00:3::1 2001:db8:4::1 part outer\n',
    "npt-bad": 'outside = [ "a" ];\nmaps_file = "101";\nmaps = ( { private = "fd00:1::/65"; public = "2001:db8:1::/65"; '
               'npt = true; } );\n%%file\n10.0.0.1 1.1.1.1 npt\nfd00:3::/64 2001:db8:3::/64 npt npt\n',
    "table-bad": 'outside = [ "a" ];\nmaps_file = "101";\n%%file\n10.0.0.1\n10.0.0.1 host\n10.0.0.2 1.1.1.1 part\n'
                 '10.0.0.3 1.1.1.1 part inner part outer\n10.0.0.4 1.1.1.1 outside b\n10.0.0.5 1.1.1.1 x y z\n'
                 + "x" * 300 + "\n10.0.0.6\0 1.1.1.1\n10.0.0.7 1.1.1.1 # " + "x" * 300 + "\n",
    "table-clash": 'outside = [ "a" ];\nmaps = ( { private = "10.0.0.1"; public = "1.1.1.1"; } );\n@include "102"\n'
                   '%%file\n10.0.0.1 1.1.1.2\n1.1.1.0/24 2.2.2.0/24\n%%file\nmaps_file = "101";\n',
    "table-itself": 'maps_file = "100";\n',
    "table-missing": 'outside = [ "a" ];\nmaps_file = "missing";\n',
    "include-twice": 'outside = [ "eth0" ];\n@include "101" @include "101"\n%%file\n# nothing\n',
}


def configs():
    for name, text in CONFIGS.items():
        write("config", name, text.encode())
    write("config", "nul", b'outside = [ "eth0" ];\n\0maps = ( );\n')
    write("config", "high-bytes", b'outside = [ "\xff\xc3\xa9" ]; \x80\n')
    many = "".join('{ private = "10.0.%d.%d"; public = "1.0.%d.%d"; },\n' % (i // 9, i, i // 9, i) for i in range(60))
    last = '{ private = "10.9.9.9"; public = "1.9.9.9"; }'
    write("config", "many-maps", f'outside = [ "a" ];\nmaps = (\n{many}{last} );\n'.encode())


# --- frame: link, bytes that are missing, bytes to remove, frame

ETHERNET, NULL, PPP, RAW_IP, PPP_SERIAL, PPP_ETHER, LOOP, SLL, IPV4, IPV6, NFLOG, SLL2 = range(12)
MACS = bytes([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2])


def frame(name, link, header, packet, trailer=b"", missing=0, removed=9):
    write("frame", name, bytes([link, missing, removed]) + header + bytes(packet) + trailer)


def nflog_attribute(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def frames():
    four, six = bytes(error4(quote4(UDP() / (b"x" * 30)))), bytes(error6(quote6(UDP() / (b"x" * 30))))
    session = bytes([0x11, 0, 0, 1]) + struct.pack("!HH", len(four) + 2, 0x21)
    frame("ethernet", ETHERNET, MACS + b"\x08\0", four, bytes(9))
    frame("ethernet-v6", ETHERNET, MACS + b"\x86\xdd", six)
    frame("vlans", ETHERNET, MACS + b"\x88\xa8\0\1\x91\0\0\2\x81\0\0\3\x86\xdd", six)
    frame("pppoe", ETHERNET, MACS + b"\x81\0\0\1\x88\x64" + session, four, bytes(9))
    frame("ppp-ether", PPP_ETHER, session, four)
    frame("ppp", PPP, b"\xff\3\0\x57", six)
    frame("ppp-short", PPP, b"\x21", four)
    frame("cisco", PPP_SERIAL, b"\x0f\0\x08\0", four)
    frame("null", NULL, b"\2\0\0\0", four)
    frame("loop", LOOP, b"\0\0\0\x18", six)
    frame("cooked", SLL, bytes(14) + b"\x08\0", four)
    frame("cooked-2", SLL2, b"\x86\xdd" + bytes(18), six)
    frame("raw", RAW_IP, b"", four)
    frame("ipv4", IPV4, b"", four[:60], missing=20)
    frame("ipv6", IPV6, b"", six[:90], missing=20)
    frame("nflog", NFLOG, b"\2\0\0\5", nflog_attribute(10, b"prefix\0") + nflog_attribute(9, four),
          nflog_attribute(2, b"mark"))
    frame("nflog-last", NFLOG, b"\2\0\0\5", nflog_attribute(9, four + b"xx"), removed=2)
    frame("nflog-cut", NFLOG, b"\2\0\0\5", nflog_attribute(9, four[:50]))
    frame("igmp", ETHERNET, MACS + b"\x08\0", bytes(IP(proto=2) / b"igmp").ljust(46, b"\0"))


for part in (frames, translate_protocols, translate_quotes, translate_refused, translate_flows, translate_extensions,
             queues, flows, controls, clients, configs):
    part()
