# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""An error tells by which interface the packet came (RFC 5837), and the client sees its public address there, and
neither index nor name. The kernel emits such errors from Linux 6.19 on; elsewhere a program of the firewall does.

   client: traceroute -e ----- border ===== firewall: "eth0, index 2, 192.168.42.1, MTU 1500"
                               hop 1         hop 2
"""

import contextlib
import json
import os
import re
import socket
import struct
import subprocess
import threading
from collections import Counter
from pathlib import Path

import pytest

from flows import with_objects
from lab.client import udp
from lab.daemon import Daemon, program
from lab.network import V4, V6
from lab.traffic import Capture, bad_checksums, header_length
from expected import EXPIRED

SYSCTLS = "net.ipv4.icmp_errors_extension_mask", "net.ipv6.icmp.errors_extension_mask"
LAST_HOP = "table {ip} lab {{ chain last_hop {{ type filter hook prerouting priority raw; iifname eth0 {hops} 1 drop; }}; }}"
FIELDS = "index", "ipv4", "ipv6", "name", "mtu"
NAME, MTU = "eth0", 1500


class Emitter:
    """Takes from the firewall the packets that would expire there, and answers each by an error with an extension."""

    def __init__(self, network, address=None, has_public_source=False):
        self.firewall, self._address, self._ends = network.firewall, address, threading.Event()
        self._has_public_source = has_public_source
        with self.firewall.here():
            self._raw = {v: socket.socket(f, socket.SOCK_RAW, socket.IPPROTO_RAW)
                         for v, f in ((4, socket.AF_INET), (6, socket.AF_INET6))}
        self._capture = Capture(self.firewall, "eth0")
        self._thread = threading.Thread(target=self._answer)

    def __enter__(self):
        for ip, hops in ("ip", "ip ttl"), ("ip6", "ip6 hoplimit"):
            self.firewall.nft(LAST_HOP.format(ip=ip, hops=hops))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join()
        for one in self._capture, *self._raw.values():
            one.close()
        for ip in "ip", "ip6":
            self.firewall.run(f"nft delete chain {ip} lab last_hop")

    def _answer(self):
        taken = 0
        while not self._ends.is_set():
            self._capture.read(0.05)
            for packet in self._capture.received[taken:]:
                taken += 1
                if packet[8 if packet[0] >> 4 == 4 else 7] == 1 and packet[9 if packet[0] >> 4 == 4 else 6] == 17:
                    self._emit(packet)

    def _emit(self, packet):
        family = V4 if packet[0] >> 4 == 4 else V6
        source = family.public if self._has_public_source else family.firewall
        error = expired(family, source, packet, self._address or family.firewall)
        with contextlib.suppress(PermissionError):  # a copy leaves in its place
            self._raw[family.version].sendto(error, (family.client, 0))


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def interface(address):
    """All that can be told of one: index, address, name and MTU."""
    parts = struct.pack("!IHH", 2, 2 if ":" in address else 1, 0) + packed(address) + b"\x08eth0\0\0\0" + struct.pack("!I", MTU)
    return 2, 0x0f, parts


def expired(family, source, packet, address):
    """What the kernel would say, with the interface's address in its extension."""
    source, client = packed(source), packed(family.client)
    if family is V4:
        head = struct.pack("!BBHHHBBH", 0x45, 0xc0, 0, 0x4242, 0, 64, socket.IPPROTO_ICMP, 0)
    else:
        head = struct.pack("!IHBB", 6 << 28, 0, socket.IPPROTO_ICMPV6, 64)
    kind, code = EXPIRED.type_and_code(family)
    return with_objects(head + source + client + struct.pack("!BBHI", kind, code, 0, 0) + packet, len(packet),
                        interface(address))


@contextlib.contextmanager
def kernel_emits(network):
    missing = [n for n in SYSCTLS if network.firewall.run("sysctl", "-n", n, check=False).returncode]
    if missing:
        pytest.skip(f"Linux {os.uname().release} emits no extensions: it has no {' and no '.join(missing)}")
    network.firewall.sysctl(dict.fromkeys(SYSCTLS, 1))
    try:
        yield
    finally:
        network.firewall.sysctl(dict.fromkeys(SYSCTLS, 0))


@pytest.fixture(params=["kernel", "program"])
def extended(request, network):
    """The firewall's errors have an extension."""
    network.forget()
    with (kernel_emits if request.param == "kernel" else Emitter)(network):
        yield


def told(error):
    """What an independent decoder finds in the extension of an error: {part: text}; None: there is no extension, or
    no sound one."""
    fields = [o for f in FIELDS for o in ("-e", "icmp.int_info." + f)]
    capture = struct.pack("=IHHiIIIIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101, 0, 0, len(error), len(error)) + error
    out = subprocess.run(["tshark", "-n", "-r", "-", "-T", "fields", "-e", "icmp.ext.checksum.status", *fields],
                         input=capture, stdout=subprocess.PIPE, check=True).stdout.decode().rstrip("\n")
    status, *parts = out.split("\t")
    return {f: text for f, text in zip(FIELDS, parts) if text} if status == "1" else None


def traceroute_tells(network, destination):
    """What traceroute shows of the firewall: (address, its extension)."""
    out = network.client.run("traceroute", "-n", "-q1", "-w2", "-e", "-f2", "-m2", destination).stdout
    _, hop, *more = out.splitlines()[-1].split()
    return hop, next((word.strip("<>") for word in more if word.startswith("<")), None)


def shown(family, address):
    """How traceroute shows an object with an address and an MTU: by words, "class/c-type:words", until 2.1.3."""
    data = struct.pack("!HH", 1 if family is V4 else 2, 0) + packed(address) + struct.pack("!I", MTU)
    return ["2/5:" + ",".join(data[i:i + 4].hex() for i in range(0, len(data), 4)), f"INC:{address},mtu={MTU}"]


def expired_hop(network, family, daemon, outcome, destination=None):
    """The one error that a traceroute of the firewall has provoked, and what the traceroute showed."""
    account = daemon.account()
    with Capture(network.client, "eth0") as capture:
        hop, extension = traceroute_tells(network, destination or family.plain)
        assert hop == (destination or family.public)
        account.expect(**{outcome: 1})
        error, = capture.errors()
    assert bad_checksums([error.packet]) == []
    assert error.type == EXPIRED.type_and_code(family)[0]
    return error.packet, extension


@pytest.mark.parametrize("kernel", ["auto", "never"])
def test_traceroute_shows_the_public_address_and_no_name(network, family, extended, kernel):
    with Daemon(network, kernel=kernel) as daemon:
        error, extension = expired_hop(network, family, daemon, "outer")
        assert daemon.rules.counted() == Counter(copied=1, queued=1)
    assert told(error) == {f"ipv{family.version}": family.public, "mtu": str(MTU)}
    assert extension in shown(family, family.public)


@pytest.mark.parametrize("policy, outcome, expected", [
    ("translate-addresses", "outer", ("public", NAME)),
    ("pass", "leaked_extension", ("firewall", NAME)),
    ("strip-private", "outer", None),
    ("strip", "outer", None)])
def test_other_policies(network, family, extended, policy, outcome, expected):
    with Daemon(network, more=f'extensions = "{policy}";\n') as daemon:
        error, extension = expired_hop(network, family, daemon, outcome)
    if expected is None:
        assert told(error) is extension is None
    else:
        parts = told(error)
        assert int(parts.pop("index")) > 0
        assert parts == {f"ipv{family.version}": getattr(family, expected[0]), "name": expected[1], "mtu": str(MTU)}


def test_the_doctor_says_what_lets_it_leak(network, family):
    """What it tells to write keeps the next one from that."""
    network.forget()
    with Emitter(network), Daemon(network, more='extensions = "pass";\n') as daemon:
        expired_hop(network, family, daemon, "leaked_extension")
        findings = json.loads(daemon.ctl("doctor", "--json", check=False).stdout)
        finding, = [f for f in findings if "errors left with a private address in their extension" in f["sentence"]]
        file, setting, command = re.fullmatch(r'editor (\S+) # (extensions = ".+"); then (.+)', finding["mend"]).groups()
        path = Path(file)
        path.write_text(path.read_text().replace('extensions = "pass"', setting))
        daemon.host.run(f"PATH={os.path.dirname(program('icmpnatctl'))}:$PATH\n{command}")
        network.forget()
        error, _ = expired_hop(network, family, daemon, "outer")
    assert told(error) == {f"ipv{family.version}": family.public, "mtu": str(MTU)}


@pytest.mark.parametrize("address", ["10.9.9.9", "fd99::9"])
def test_no_map_knows_the_address(network, family, address):
    """Its object goes, of whatever family it is, and with the last object all that followed the quote."""
    network.forget()
    with Emitter(network, address), Daemon(network) as daemon:
        error, extension = expired_hop(network, family, daemon, "outer")
    assert told(error) is extension is None
    assert len(error) == header_length(error) + 8 + 60 + (20 if family is V6 else 0)


@pytest.mark.parametrize("other", [V4, V6], ids=["IPv4", "IPv6"])
def test_the_maps_of_both_families_hold(network, family, other):
    network.forget()
    with Emitter(network, other.firewall), Daemon(network) as daemon:
        error, extension = expired_hop(network, family, daemon, "outer")
    assert told(error) == {f"ipv{other.version}": other.public, "mtu": str(MTU)}


def test_nothing_else_must_become_public(network, family):
    """Without its extension, the rules would leave the error alone."""
    network.forget()
    with Emitter(network, has_public_source=True), Daemon(network, kernel="auto") as daemon:
        error, extension = expired_hop(network, family, daemon, "stripped")
        assert daemon.rules.counted() == Counter(copied=1, queued=1)
    assert extension in shown(family, family.public)


def test_the_kernel_translates_the_flow(network, family):
    """And gives the error the address of its target; the extension is left to the daemon."""
    network.forget()
    with kernel_emits(network), Daemon(network, kernel="auto") as daemon:
        _, extension = expired_hop(network, family, daemon, "stripped", family.nat)
    assert extension in shown(family, family.public)


def test_quote_and_extension_become_public(network, family):
    """Behind stateless NAT; only the kernel's own errors quote what was sent there."""
    network.forget()
    with kernel_emits(network), Daemon(network, kernel="auto") as daemon:
        account = daemon.account()
        with Capture(network.client, "eth0") as capture:
            assert udp(network.client, family.stateless, size=32).answer == "refused"
            account.expect(both=1)
            error, = capture.errors()
    assert told(error.packet) == {f"ipv{family.version}": family.public, "mtu": str(MTU)}
    assert bad_checksums([error.packet]) == []
