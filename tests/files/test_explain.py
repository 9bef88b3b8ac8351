# SPDX-License-Identifier: GPL-2.0-or-later
"""icmpnatd --explain says of each ICMP error in a capture what would become of it. Needs the
daemon's path in ICMPNATD."""

import os
import subprocess

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6
from scapy.layers.l2 import ARP, CookedLinux, Dot1Q, Ether
from scapy.utils import wrpcap, wrpcapng

DAEMON = os.environ.get("ICMPNATD", "")
pytestmark = pytest.mark.skipif(
    not DAEMON or "without libpcap" in subprocess.run(
        [DAEMON, "-c", "etc/icmpnatd.conf", "--explain", "/dev/null"], capture_output=True, text=True).stderr,
    reason="ICMPNATD does not name a daemon that is built with libpcap")
CONFIG = """outside = [ "eth0", "eth1" ];
maps = ( { private = "192.168.42.1"; public = "1.2.3.1"; },
         { private = "192.168.42.1"; public = "5.6.7.1"; outside = "eth1"; },
         { private = "192.168.1.0/24"; public = "1.2.3.0/24"; } );
"""
TO_CLIENT = IP(src="192.168.42.1", dst="203.0.113.10") / ICMP(type=3, code=3)
TO_PEER = IP(src="192.168.42.1", dst="192.168.42.254") / ICMP(type=11)
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
        TO_CLIENT / QUOTE, Dot1Q(vlan=3) / TO_PEER / QUOTE, no_map, damaged(TO_CLIENT / QUOTE), ARP(), IP() / ICMP())])
    assert explain(path) == [
        "#1 192.168.42.1 > 203.0.113.10, destination-unreachable, code 3, about 203.0.113.10 > 192.168.1.20, protocol 17",
        "    both (rewritten): the outer source and the inner packet were made public",
        "    outer source 192.168.42.1 becomes 1.2.3.1 by the map at f:2",
        "    inner destination 192.168.1.20 becomes 1.2.3.20 by the map at f:4",
        "    the daemon would ask conntrack for its flow; none is known here",
        "#2 192.168.42.1 > 192.168.42.254, time-exceeded, code 0, about 203.0.113.10 > 192.168.1.20, protocol 17",
        "    private-peer (passed): goes to a private neighbour, who must see the private addresses",
        "#3 fd42::1 > 2001:db8:c::10, destination-unreachable-v6, code 0, "
        "about 2001:db8:c::10 > 2001:db8:1::20, protocol 17",
        "    leaked-outer (leaked): leaves with a private source: no map covers it",
        "#4 58 bytes",
        "    icmp-checksum (malformed): the ICMP checksum is wrong",
        "6 packets, 4 ICMP errors"]


def test_the_interface_chooses_the_maps(explain, tmp_path):
    path = str(tmp_path / "c")
    wrpcapng(path, [Ether(dst="02:00:00:00:00:01") / TO_CLIENT / QUOTE])
    assert explain(path, "-i", "eth1")[2] == "    outer source 192.168.42.1 becomes 5.6.7.1 by the map at f:3"
    assert explain(path, "-i", "eth2", status=1) == ['icmpnatd: f: there is no "eth2" in outside']


@pytest.mark.parametrize("wrap", [lambda p: p, lambda p: CookedLinux(proto=0x0800) / p], ids=["raw", "any"])
def test_other_links(explain, tmp_path, wrap):
    path = str(tmp_path / "c")
    wrpcap(path, [wrap(TO_CLIENT / QUOTE)])
    assert explain(path)[1].startswith("    both (rewritten)")


def test_a_packet_captured_in_part_is_said_to_be(explain, tmp_path):
    path = str(tmp_path / "c")
    whole = Ether(dst="02:00:00:00:00:01") / TO_CLIENT / QUOTE
    cut = Ether(bytes(whole)[:60])
    cut.wirelen = len(whole)
    wrpcap(path, [cut])
    assert explain(path)[0] == "#1 was captured in part: nothing can be said of it"


@pytest.mark.parametrize("name, text", [("nowhere", "No such file"), ("f", "unknown file format")])
def test_what_is_no_capture_is_refused(explain, tmp_path, name, text):
    line, = explain(str(tmp_path / name), status=1)
    assert line.startswith("icmpnatd: ") and text in line
