# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Behind NPTv6 (RFC 6296), as Linux does it, errors quote what the client sent; and of any address the daemon says what
the kernel makes of it, in both directions.

   client ----- border ===== firewall -------------------- dmz
   to 2001:db8:2:cf47::20    DNPT, SNPT                    fd00:2::20
                             2001:db8:2::/48 = fd00:2::/48
"""

import ipaddress
import os
import random
import re
import subprocess
import time

import pytest
from scapy.layers.inet import UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6
from scapy.utils import wrpcap

from lab.client import learnt_mtu, ping, traceroute, udp, wait_until
from lab.daemon import Daemon, configuration, program
from lab.network import DMZ_MTU, ROUTER_MAC, V6
from lab.traffic import Capture, addresses, send_frames
from expected import EXPIRED, REFUSED, TOO_BIG, expect_one, expect_tcp_refused
from scenes import kernel_npt, preferring

INSIDE, OUTSIDE = "fd00:2::/48", "2001:db8:2::/48"
OTHER = "fd00:3::/48", "2001:db8:3::/48"
HOST, HOST_OUTSIDE = "fd00:2::20", "2001:db8:2:cf47::20"
FIREWALL_MAC = "02:00:00:00:00:05"  # of eth1
LENGTHS = 40, 48, 49, 56, 60, 64
ADDRESSES = 100  # of each length


@pytest.fixture(scope="module")
def npt(network):
    network.dmz.add_address(f"{HOST}/128", "lo")
    with kernel_npt(network, INSIDE, OUTSIDE):
        yield


@pytest.fixture(scope="module", params=["never", "auto"])
def daemon(network, npt, request):
    maps = [(INSIDE, OUTSIDE, "npt = true;"), (*OTHER, "npt = true;"), (V6.firewall, V6.public)]
    with Daemon(network, maps, kernel=request.param) as daemon:
        yield daemon


@pytest.fixture
def rejected(network):
    network.forget()
    with network.rejecting(HOST):
        yield


def test_host_answers(network, npt):
    """Else the rest would prove nothing."""
    assert ping(network.client, HOST_OUTSIDE)


def test_rejected(network, daemon, rejected):
    expect_one(network, daemon, V6, REFUSED, lambda: udp(network.client, HOST_OUTSIDE))


def test_rejected_tcp(network, daemon, rejected):
    expect_tcp_refused(network, daemon, V6, HOST_OUTSIDE)


def test_expired(network, daemon):
    expect_one(network, daemon, V6, EXPIRED, lambda: udp(network.client, HOST_OUTSIDE, hops=2))
    assert traceroute(network.client, HOST_OUTSIDE) == [V6.router, V6.public, HOST_OUTSIDE]


def test_too_big(network, daemon):
    network.forget()
    expect_one(network, daemon, V6, TOO_BIG, lambda: udp(network.client, HOST_OUTSIDE, 1400))
    assert learnt_mtu(network.client, HOST_OUTSIDE) == DMZ_MTU


def error_about(network, packet):
    with Capture(network.client, "eth0") as capture:
        send_frames(network.client, "eth0", ROUTER_MAC, [packet])
        error, = capture.errors(1)
    return error


def test_same_bytes_as_the_kernel_makes(network, daemon):
    """SNPT translates source and quote of an error that it is asked about; where it is not, the daemon does."""
    packet = bytes(IPv6(src=V6.client, dst="2001:db8:3:cf47::20", hlim=9) / UDP(sport=5, dport=7) / b"hello")
    errors = []
    for leaving, outcome in ("fd00:3::/48", "nobody"), ("fd00:3:0:1::/64", "both"):
        with kernel_npt(network, *OTHER, leaving), network.rejecting("fd00:3::20"), \
                preferring(network, "fd00:3:0:9::1", V6):
            account = daemon.account()
            errors.append(error_about(network, packet))
            account.expect(**{outcome: 1})
    by_kernel, by_daemon = errors
    assert by_kernel.source == "2001:db8:3:cf50::1"
    assert by_kernel.quotes(packet)
    assert by_daemon.packet == by_kernel.packet


def random_address(choose, prefix):
    """Now and then with words of all ones, also all of them."""
    words = [choose.choice((0xffff, choose.getrandbits(16))) for _ in range(8)]
    if choose.randrange(8) == 0:
        words[4:] = [0xffff] * 4
    host = sum(word << 16 * at for at, word in enumerate(reversed(words)))
    return str(ipaddress.ip_address(int(prefix.network_address) | host & int(prefix.hostmask)))


def said_by_core(directory, maps, inside):
    """{address: what the core makes of it}, those that it leaves alone left out."""
    config, capture = directory / "config", directory / "capture"
    config.write_text(configuration([*maps, (V6.firewall, V6.public)], control="/run/none"))
    wrpcap(str(capture), [IPv6(src=V6.firewall, dst=V6.client) / ICMPv6DestUnreach() / IPv6(src=address, dst=V6.client)
                          / UDP(sport=1, dport=2) for address in inside])
    done = subprocess.run([program("icmpnatd"), "-c", config, "--explain", capture], capture_output=True, text=True)
    if "without libpcap" in done.stderr:
        pytest.skip("icmpnatd was built without libpcap")
    assert done.returncode == 0, done.stderr
    said = dict(re.findall(r"inner source (\S+) becomes (\S+) by", done.stdout))
    assert len(said) == len(inside), done.stdout
    return {before: after for before, after in said.items() if before != after}


def passed(network, host, mac, at, packets, expected):
    """Sends packets, and returns those that arrive at another host, by their payload."""
    with Capture(at, "eth0") as capture:
        send_frames(host, "eth0", mac, packets)
        wait_until(lambda: capture.read() or len(payloads(capture)) >= expected, f"{expected} packets")
        assert ping(network.client, V6.plain)  # one too many would have arrived
        capture.read()
        return payloads(capture)


def payloads(capture):
    """{payload: (source, destination)}"""
    return {packet[48:]: addresses(packet) for packet in capture.received if packet[48:52] == b"npt-"}


def numbered(pairs):
    return [bytes(IPv6(src=a, dst=b) / UDP(sport=5, dport=7) / f"npt-{i}".encode()) for i, (a, b) in enumerate(pairs)]


@pytest.mark.parametrize("length", LENGTHS)
def test_random_addresses(network, tmp_path, length):
    """What the kernel sends out from an address is what the core says; what is sent there comes back to it. What has
    no public address does not leave."""
    seed = int(os.environ.get("SEED", time.time_ns() & 0xffffffff))
    print(f"seed {seed} (SEED chooses another)")
    choose = random.Random(seed)
    inside, outside = (ipaddress.ip_network((first | choose.getrandbits(length - 16) << 128 - length, length))
                       for first in (0xfd01 << 112, 0x2a0e << 112))
    private = list(dict.fromkeys(random_address(choose, inside) for _ in range(ADDRESSES)))
    core = said_by_core(tmp_path, [(inside, outside, "npt = true;")], private)
    assert ping(network.client, V6.plain)  # neighbours know each other
    with kernel_npt(network, str(inside), str(outside)):
        out = passed(network, network.dmz, FIREWALL_MAC, network.client,
                     numbered((a, V6.client) for a in private), len(core))
        back = passed(network, network.client, ROUTER_MAC, network.dmz,
                      numbered((V6.client, a) for a in core.values()), len(core))
    by_kernel = {private[int(payload[4:])]: source for payload, (source, _) in out.items()}
    assert by_kernel == core
    assert length <= 48 or len(core) < len(private)
    for number, (address, public) in enumerate(core.items()):
        if length > 48 or ipaddress.ip_address(address).packed[6:8] != b"\xff\xff":
            assert back[b"npt-%d" % number] == (V6.client, address), public
