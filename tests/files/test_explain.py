# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""icmpnatd --explain says of each ICMP error in a capture what would become of it. Needs the
daemon's path in ICMPNATD."""

import os
import pathlib
import struct
import subprocess

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, CookedLinux, Dot1Q, Ether
from scapy.layers.ppp import PPP, PPPoE
from scapy.utils import wrpcap, wrpcapng

DAEMON = os.environ.get("ICMPNATD", "")
pytestmark = pytest.mark.skipif(
    not DAEMON or "without libpcap" in subprocess.run(
        [DAEMON, "-c", "etc/examples/ipv6.conf", "--explain", "/dev/null"], capture_output=True, text=True).stderr,
    reason="ICMPNATD does not name a daemon that is built with libpcap")
CONFIG = """outside = [ "eth0", "eth1" ];
maps = ( { private = "192.168.42.1"; public = "1.2.3.1"; },
         { private = "192.168.42.1"; public = "5.6.7.1"; outside = "eth1"; },
         { private = "192.168.1.0/24"; public = "1.2.3.0/24"; } );
"""
TO_CLIENT = IP(src="192.168.42.1", dst="203.0.113.10") / ICMP(type=3, code=3)
TO_PEER = IP(src="192.168.42.1", dst="192.168.42.254") / ICMP(type=11)
PEERS = IP(src="192.168.42.254", dst="192.168.42.1") / UDP(sport=1, dport=2)
QUOTE = IP(src="203.0.113.10", dst="192.168.1.20") / UDP(sport=1, dport=2) / b"xx"


@pytest.fixture
def explain(tmp_path):
    config = tmp_path / "f"
    config.write_text(CONFIG)

    def run(path, *options, status=0):
        done = subprocess.run([DAEMON, "-c", config, "--explain", path, *options], capture_output=True, text=True)
        assert done.returncode == status, done
        return (done.stdout or done.stderr).replace(str(tmp_path) + "/", "").splitlines()
    return run


def damaged(packet):
    octets = bytearray(bytes(packet))
    octets[30] ^= 1
    return IP(bytes(octets))


def test_every_error_has_its_explanation(explain, tmp_path):
    no_map = IPv6(src="fd42::1", dst="2001:db8:c::10") / ICMPv6DestUnreach() / IPv6(
        src="2001:db8:c::10", dst="2001:db8:1::20") / UDP()
    path = str(tmp_path / "c")
    wrpcap(path, [Ether(dst="02:00:00:00:00:01") / p for p in (
        TO_CLIENT / QUOTE, Dot1Q(vlan=3) / TO_PEER / PEERS, no_map, damaged(TO_CLIENT / QUOTE), ARP(), IP() / ICMP())])
    assert explain(path) == [
        "#1 192.168.42.1 > 203.0.113.10, destination-unreachable, code 3, about 203.0.113.10 > 192.168.1.20, protocol 17",
        "    both (rewritten): the outer header and the inner packet were made public",
        "    outer source 192.168.42.1 becomes 1.2.3.1 by the map at f:2",
        "    inner destination 192.168.1.20 becomes 1.2.3.20 by the map at f:4",
        "    the daemon would ask conntrack for its flow; none is known here",
        "#2 192.168.42.1 > 192.168.42.254, time-exceeded, code 0, about 192.168.42.254 > 192.168.42.1, protocol 17",
        "    private-peer (passed): goes to a private neighbour that knows the destination by its private address, or "
        "to any (private_peers)",
        "    the daemon would ask conntrack for its flow; none is known here",
        "#3 fd42::1 > 2001:db8:c::10, destination-unreachable-v6, code 0, "
        "about 2001:db8:c::10 > 2001:db8:1::20, protocol 17",
        "    leaked-outer (leaked): has a private source, or a private address in an outer option: no map covers it",
        "#4 58 bytes",
        "    icmp-checksum (malformed): the ICMP checksum is wrong",
        "6 packets, 4 ICMP errors"]


def test_the_interface_chooses_the_maps(explain, tmp_path):
    path = str(tmp_path / "c")
    wrpcapng(path, [Ether(dst="02:00:00:00:00:01") / TO_CLIENT / QUOTE])
    assert explain(path, "-i", "eth1")[2] == "    outer source 192.168.42.1 becomes 5.6.7.1 by the map at f:3"
    assert explain(path, "-i", "eth2", status=1) == ['icmpnatd: f: there is no "eth2" in outside: choose another --interface']


def test_what_is_no_error_is_not_counted(explain, tmp_path):
    """Not even in a frame that its link has padded, or that is not right."""
    path = str(tmp_path / "c")
    padded = [bytes(Ether(dst="02:00:00:00:00:01") / p).ljust(60, b"\0") for p in (
        IP(proto=2) / b"\x16\0\x09\x04\xe0\0\0\x05", IP(proto=88) / b"eigrp", IP(proto=89) / b"ospf", IP() / ICMP(),
        IP(proto=2, chksum=1) / b"igmp", IP() / ICMP(type=5) / QUOTE, IPv6() / ICMPv6EchoRequest(), ARP())]
    wrpcap(path, padded, linktype=1)
    assert explain(path) == ["8 packets, 0 ICMP errors"]


def test_padding_is_not_the_packets(explain, tmp_path):
    path = str(tmp_path / "c")
    short = IP(src="192.168.42.1", dst="203.0.113.10") / ICMP(type=3, code=3) / IP(
        src="203.0.113.10", dst="198.51.100.7", proto=255, len=20)
    wrpcap(path, [bytes(Ether(dst="02:00:00:00:00:01") / p).ljust(size, b"\xa5")
                  for p, size in ((short, 64), (TO_CLIENT / QUOTE, 100))], linktype=1)
    assert [line for line in explain(path) if "(" in line] == [
        "    outer (rewritten): the outer header was made public; no other address needed changing",
        "    both (rewritten): the outer header and the inner packet were made public"]


def nflog(packet):
    payload = struct.pack("=HH", 4 + len(packet), 9) + packet
    return b"\x02\0\0\x05" + struct.pack("=HH", 6, 10) + b"p\0\0\0" + payload + bytes(-len(payload) % 4)


def is4(packet):
    return packet[0] >> 4 == 4


def ether(packet):
    return 0x0800 if is4(packet) else 0x86dd


def ppp(packet):
    return PPP(proto=0x21 if is4(packet) else 0x57) / packet


ETHERNET = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01")
# How a link carries a packet, and its number in a file.
LINKS = {
    "ethernet": (1, lambda p: Ether(bytes(ETHERNET)[:12] + struct.pack("!H", ether(p)) + p)),
    "vlan": (1, lambda p: ETHERNET / Dot1Q(vlan=3, type=ether(p)) / p),
    "pppoe": (1, lambda p: ETHERNET / PPPoE(sessionid=1) / ppp(p)),
    "ppp": (9, ppp),
    "ppp-serial": (50, lambda p: b"\xff\x03" + bytes(ppp(p))),
    "ppp-ether": (51, lambda p: PPPoE(sessionid=1) / ppp(p)),
    "null": (0, lambda p: struct.pack("=I", 2 if is4(p) else 28) + p),
    "loop": (108, lambda p: struct.pack("!I", 2 if is4(p) else 24) + p),
    "raw": (101, lambda p: p),
    "ipv4": (228, lambda p: p),
    "ipv6": (229, lambda p: p),
    "any": (113, lambda p: CookedLinux(proto=ether(p)) / p),
    "any2": (276, lambda p: struct.pack("!HHIHBB8s", ether(p), 0, 2, 1, 4, 6, b"\2\0\0\0\0\1") + p),
    "nflog": (239, nflog),
}


def write_frame(path, frame, number):
    """A capture of one frame; not by scapy, which since 2.6 takes the number 0 for none."""
    head = struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, number)
    pathlib.Path(path).write_bytes(head + struct.pack("=IIII", 0, 0, len(frame), len(frame)) + frame)


@pytest.mark.parametrize("link", LINKS)
def test_links(explain, tmp_path, link):
    path, (number, wrap) = str(tmp_path / "c"), LINKS[link]
    write_frame(path, bytes(wrap(bytes(TO_CLIENT / QUOTE))), number)
    assert explain(path)[1].startswith("    both (rewritten)")
    assert explain(path)[-1] == "1 packets, 1 ICMP errors"


def test_other_links_are_refused(explain, tmp_path):
    path = str(tmp_path / "c")
    for number, name in ((105, "IEEE802_11"), (5000, "5000")):
        wrpcap(path, [b"xx"], linktype=number)
        line, = explain(path, status=1)
        assert line.startswith(f"icmpnatd: c: link type {name} is not read, only Ethernet, PPP,")


def test_a_short_capture_is_said_to_be(explain, tmp_path):
    """Of an error; of what is none, and where only padding is missing, it does not matter."""
    path = str(tmp_path / "c")
    whole, ping = (Ether(dst="02:00:00:00:00:01") / p for p in (TO_CLIENT / QUOTE, IP() / ICMP() / bytes(99)))
    cut = [(whole, 60, 0), (ping, 60, 0), (whole, len(whole), 9)]
    packets = []
    for packet, size, padding in cut:
        packets.append(Ether(bytes(packet)[:size]))
        packets[-1].wirelen = len(packet) + padding
    wrpcap(path, packets)
    lines = explain(path)
    assert lines[0] == "#1 was captured short: nothing can be said of it"
    assert lines[1].startswith("#3 192.168.42.1 > ")
    assert lines[-1] == "3 packets, 1 ICMP errors, captured short: 1"


def test_what_is_too_large_for_the_queue_passes(explain, tmp_path):
    path = str(tmp_path / "c")
    wrpcap(path, [Ether(dst="02:00:00:00:00:01") / TO_CLIENT / QUOTE / bytes(2000)])
    assert explain(path)[1].startswith("    oversize (passed)")


@pytest.mark.parametrize("name, text", [("nowhere", "No such file"), ("f", "unknown file format")])
def test_what_is_no_capture_is_refused(explain, tmp_path, name, text):
    line, = explain(str(tmp_path / name), status=1)
    assert line.startswith("icmpnatd: ") and text in line
