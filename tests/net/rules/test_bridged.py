# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""What a bridge of the firewall forwards is not the firewall's, although br_netfilter shows it to the chain postrouting
without an interface by which it came: errors of a guest on the bridge pass as they are.

   guest ----- (br0 of the host) ===== wire
"""

import contextlib
import socket

import pytest
from scapy.all import ICMP, IP, UDP, Ether, ICMPv6DestUnreach, IPv6, raw

from lab.client import wait_until
from lab.daemon import Rules, configuration
from lab.network import SYSCTLS, Host
from lab.traffic import Capture

PEER, INSIDE = {4: "203.0.113.7", 6: "2001:db8:c::7"}, {4: "192.168.1.7", 6: "fd00:1::7"}
PRIVATE, PUBLIC = {4: "192.168.42.9", 6: "fd42::9"}, {4: "198.51.100.9", 6: "2001:db8:1::9"}
LINKS = """
link add eth0 netns guest type veth peer name guest netns bridging
link add eth0 netns wire type veth peer name wire netns bridging
link add br0 netns bridging type bridge
"""
COMMANDS = {"guest": "link set eth0 up", "wire": "link set eth0 up",
            "bridging": "link set guest master br0 up\nlink set wire master br0 up\nlink set br0 up\n"
                        "addr add 192.168.42.1/24 dev br0\naddr add fd42::1/64 dev br0"}


@pytest.fixture
def hosts(possible):
    with contextlib.ExitStack() as stack:
        hosts = [Host(name) for name in COMMANDS]
        for host in hosts:
            stack.callback(Host.run, hosts[0], "ip", "netns", "del", host.name)
            host.sysctl(SYSCTLS)
        hosts[2].run("ip", "-batch", "-", input=LINKS)  # Linux 6.1 wants no eth0 where it is told to make one
        for host in hosts:
            host.run("ip", "-batch", "-", input=COMMANDS[host.name] + "\n")
        if hosts[2].run("sysctl -q net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1",
                        check=False).returncode != 0:
            pytest.skip("this kernel's bridges know nothing of netfilter")
        wait_until(lambda: hosts[2].run("bridge link").stdout.count("state forwarding") == 2, "the bridge to forward")
        yield hosts


def error(version, source, destination):
    """An error about a packet to destination."""
    if version == 4:
        return IP(src=source, dst=PEER[4]) / ICMP(type=3, code=3) / IP(src=PEER[4], dst=destination) / UDP()
    return IPv6(src=source, dst=PEER[6]) / ICMPv6DestUnreach(code=4) / IPv6(src=PEER[6], dst=destination) / UDP()


@pytest.mark.parametrize("version", [4, 6])
def test_errors_of_a_guest(hosts, tmp_path, version):
    guest, wire, bridging = hosts
    path = tmp_path / "icmpnatd.conf"
    path.write_text(configuration(list(zip(PRIVATE.values(), PUBLIC.values())), control=tmp_path / "control",
                                  outside='"br0"', kernel="auto"))
    rules = Rules(bridging, str(path))
    rules.load()
    errors = [error(version, source, destination) for source, destination in (
        (PUBLIC[version], PUBLIC[version]), (PRIVATE[version], PUBLIC[version]), (PUBLIC[version], INSIDE[version]))]
    with Capture(wire, "eth0") as capture:
        with guest.here():
            link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            link.bind(("eth0", 0))
        for packet in errors:
            link.send(raw(Ether(src="02:00:00:00:00:77", dst="02:00:00:00:00:88") / packet))
        link.close()
        arrived = capture.errors(len(errors), timeout=5)
    assert [e.packet for e in arrived] == [raw(packet) for packet in errors]
    assert not +rules.counted()
